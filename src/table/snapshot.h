/* Inside snapshots: the listing of a table, and the journal laid over it. */
#ifndef LAM_TABLE_SNAPSHOT_H
#define LAM_TABLE_SNAPSHOT_H

#include "table/journal.h"
#include "table/listing.h"

/* A data file found; sorted by directory, then name. */
struct lam_found {
  const char *directory, *name;
  struct lam_identity identity;
  const char *staged; /* see lam_data_file */
  bool through_link;
  bool gone;
};
struct lam_found_list {
  struct lam_arena *arena;
  struct lam_found *items;
  size_t count, room;
};
enum lam_status lam_found_add(struct lam_found_list *list, struct lam_found found, struct lam_error *error);
void lam_found_sort(struct lam_found_list *list);

/* overlay.c: makes the list what it will be once the journal is applied, from any point of its having been applied. The
 * list is sorted before and after. `filter` may be NULL. */
enum lam_status lam_overlay(struct lam_store *data, struct lam_store *meta, const struct lam_journal *journal,
                            const struct lam_partition_filter *filter, struct lam_found_list *list,
                            struct lam_error *error);

#endif
