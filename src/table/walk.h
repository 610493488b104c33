/* Listing a table: its directories, their data files, and what else a snapshot must know of them. */
#ifndef LAM_TABLE_WALK_H
#define LAM_TABLE_WALK_H

#include "table/snapshot.h"

enum { LAM_WALK_VALUES_SHOWN = 5 }; /* values of a column that a message names */

struct lam_walk_pending {
  const char *key;
  uint32_t depth;
  bool through_link;
};

/* One walk over the table. The first three are given. */
struct lam_walk {
  struct lam_directory *directory;
  const struct lam_partition_filter *filter; /* NULL: none */
  struct lam_arena *arena;                   /* of all that is found */
  struct lam_found_list found;
  struct lam_walk_pending *pending; /* a stack */
  size_t pending_count, pending_room;
  struct lam_partition_value *seen; /* values in directory names, those that were ruled out too */
  size_t seen_count, seen_room;
  bool matched; /* the filter has matched some directory */
  uint64_t other_files;
  const char *foreign; /* a mark of another format, or NULL */
};
enum lam_status lam_walk_all(struct lam_walk *walk, struct lam_error *error);

#endif
