/* Merging the schemas of files that make one table, and bringing each file's batches to the result.
 *
 * Columns meet by field id where both have one, else by name. Types widen where no value is lost
 * (arrow/cast.h); a column that a file lacks is NULL there; the order is that of first appearance. */
#ifndef LAM_TABLE_MERGE_H
#define LAM_TABLE_MERGE_H

#include "arrow/array.h"

struct lam_merge {
  struct lam_mem *mem;
  struct lam_arena arena;
  struct ArrowSchema schema; /* what has been merged so far; released before the first file */
  const char **first_file;   /* of each column: who brought it or widened it last, for messages */
  int64_t capacity;
};

void lam_merge_init(struct lam_merge *merge, struct lam_mem *mem);
void lam_merge_release(struct lam_merge *merge);
/* Merges one file's schema in. LAM_INVALID names both files, the column and both types. */
enum lam_status lam_merge_add(struct lam_merge *merge, const struct ArrowSchema *schema, const char *file,
                              struct lam_error *error);

/* Where column `c` of the merged schema comes from in one file. */
struct lam_merge_source {
  int32_t column; /* of the file; -1: the file lacks it */
  bool cast;      /* its type is narrower than the merged one */
};
/* Fills `sources` (one per merged column) for a file whose schema has been added. */
void lam_merge_map(const struct ArrowSchema *merged, const struct ArrowSchema *file, struct lam_merge_source *sources);
/* True where the file's batches are already as the merged schema has them: same columns, order, types, nullability. */
bool lam_merge_same(const struct ArrowSchema *merged, const struct ArrowSchema *file);

/* Makes a batch of the merged schema from a batch that holds the file's columns `sources` ask for, in
 * merged order (missing ones left out). The batch is consumed: its children are moved or released. */
enum lam_status lam_merge_batch(struct lam_mem *mem, const struct ArrowSchema *merged, const struct ArrowSchema *file,
                                const struct lam_merge_source *sources, struct ArrowArray *batch,
                                struct ArrowArray *out, struct lam_error *error);
/* The same of the merged columns c for which wanted[c]: the others are not in `batch`, and stay released in `out`. */
enum lam_status lam_merge_columns(struct lam_mem *mem, const struct ArrowSchema *merged, const struct ArrowSchema *file,
                                  const struct lam_merge_source *sources, const bool *wanted, struct ArrowArray *batch,
                                  struct ArrowArray *out, struct lam_error *error);

/* ---- merge_nested.c ---- */

/* Widens `present`, a field of the merged schema, so that it holds the values of `other` too. False where nothing
 * does: *place and *with are the fields within them (or they themselves) that do not go together. */
enum lam_status lam_merge_field(struct ArrowSchema *present, const struct ArrowSchema *other, bool *merged,
                                const struct ArrowSchema **place, const struct ArrowSchema **with,
                                struct lam_error *error);
/* Whether arrays of the one are arrays of the other as they are. */
bool lam_merge_same_shape(const struct ArrowSchema *a, const struct ArrowSchema *b);
/* Brings an array of the field `from`, which is consumed, to the merged field `to`. */
enum lam_status lam_merge_array(struct lam_mem *mem, const struct ArrowSchema *to, const struct ArrowSchema *from,
                                struct ArrowArray *array, struct ArrowArray *out, struct lam_error *error);
/* The child of `schema` that `column`, one of `columns`' children, meets; -1: none. `hint` is where it probably is. */
int64_t lam_merge_partner(const struct ArrowSchema *schema, const struct ArrowSchema *column, int64_t hint,
                          const struct ArrowSchema *columns);

#endif
