/* Building columns of any depth row by row: lists, maps and structs around flat builders. */
#ifndef LAM_ARROW_TREE_BUILDER_H
#define LAM_ARROW_TREE_BUILDER_H

#include "arrow/array.h"

struct lam_tree_builder {
  struct lam_type type;
  struct lam_mem *mem;
  struct lam_builder leaf;    /* flat types: the column */
  struct lam_builder valid;   /* nested types: a boolean for each row */
  struct lam_builder ends;    /* lists and maps: int32, the number of entries up to each row */
  int64_t length, null_count; /* rows so far */
  int64_t child_count;
  struct lam_tree_builder *children; /* of a map: its one struct of keys and values */
};

/* `schema` is a field of any type but large lists, fixed-size lists and views; LAM_UNSUPPORTED names the one that
 * cannot be built. It is not needed any longer afterwards. */
enum lam_status lam_tree_builder_init(struct lam_tree_builder *builder, struct lam_mem *mem,
                                      const struct ArrowSchema *schema, struct lam_error *error);
void lam_tree_builder_release(struct lam_tree_builder *builder);
/* One row that is NULL; a struct's members get one too. */
enum lam_status lam_tree_builder_null(struct lam_tree_builder *builder, struct lam_error *error);
/* Ends a row of a list, map or struct. Rows of lists and maps take the entries that have been added to the child since
 * the last one; each member of a struct has been given a row. Rows of flat builders go into `leaf` directly, followed
 * by this call. LAM_LIMIT where 32-bit offsets do not hold the entries. */
enum lam_status lam_tree_builder_row(struct lam_tree_builder *builder, struct lam_error *error);
/* Moves what was built into an array and leaves an empty builder. */
enum lam_status lam_tree_builder_finish(struct lam_tree_builder *builder, struct ArrowArray *out,
                                        struct lam_error *error);

#endif
