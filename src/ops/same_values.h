/* Which columns of a file's marked rows get other values than they have: the chunks of the others stay as they are. */
#ifndef LAM_OPS_SAME_VALUES_H
#define LAM_OPS_SAME_VALUES_H

#include "ops/rewrite.h"

/* The new values: one for each marked row, in the order of the file. */
struct lam_new_values {
  const struct ArrowSchema *schema; /* of the rows: a struct */
  const int64_t *value_of;          /* for each of its columns the child of the batches that it gets; -1: none */
  const struct ArrowArray *batches; /* structs */
  size_t batch_count;
};

/* Makes columns[c] false for each column c of which every marked row has the value already that it gets, bit by bit.
 * Columns are read until the first difference, side by side; those that cannot be compared as they are (nested ones,
 * those that the file has in another type or not at all) stay true. At least one stays true. */
enum lam_status lam_same_values(struct lam_edit *edit, struct lam_file *file, const struct lam_marks *marks,
                                const struct lam_new_values *values, bool *columns, struct lam_error *error);

#endif
