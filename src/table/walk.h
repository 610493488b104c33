/* Listing a table: its directories, their data files, and what else a snapshot must know of them. */
#ifndef LAM_TABLE_WALK_H
#define LAM_TABLE_WALK_H

#include "sidecar/pack.h"
#include "table/snapshot.h"

enum { LAM_WALK_VALUES_SHOWN = 5 }; /* values of a column that a message names */

struct lam_walk_pending {
  const char *key;
  uint32_t depth;
  uint32_t packed; /* of the pack, or PACK_NONE */
  bool through_link;
};

/* A directory that was walked through. */
struct lam_walked {
  const char *key;
  uint32_t packed; /* of the pack, or PACK_NONE */
  bool trusted;    /* … and its files are those of the pack: it was not listed */
  bool through_link, has_links;
  size_t first, count;         /* else: its data files among those found, sorted by name */
  uint64_t others;             /* files passed over because of their names */
  struct lam_object_info info; /* before it was listed; with `record`, or where the pack has it */
};

/* One walk over the table. The first five are given. */
struct lam_walk {
  struct lam_directory *directory;
  const struct lam_partition_filter *filter; /* NULL: none */
  struct lam_arena *arena;                   /* of all that is found */
  const struct lam_pack *pack;               /* directories that it may be trusted with are not listed; NULL: none */
  bool record;                               /* look at every directory, for a pack */
  struct lam_found_list found;
  struct lam_walked *walked;
  size_t walked_count, walked_room;
  uint32_t *first_child, *next_sibling; /* of the pack's directories */
  struct lam_walk_pending *pending;     /* a stack */
  size_t pending_count, pending_room;
  struct lam_partition_value *seen; /* values in directory names, those that were ruled out too; with a filter */
  size_t seen_count, seen_room;
  bool matched; /* the filter has matched some directory */
  uint64_t other_files;
  const char *foreign; /* a mark of another format, or NULL */
};
/* `walked` is sorted by key then; `found` is not. */
enum lam_status lam_walk_all(struct lam_walk *walk, struct lam_error *error);

/* snapshot.c: as lam_snapshot_open, of the whole table, with its directories, which are in `arena`. LAM_CONFLICT while
 * a commit is being applied. */
enum lam_status lam_snapshot_record(struct lam_directory *directory, struct lam_arena *arena, struct lam_snapshot *out,
                                    struct lam_walked **walked, size_t *count, struct lam_error *error);

#endif
