/* Numbering rows by the values of some columns: rows with equal values get one number, numbers are given in the order
 * in which the values come first.
 *
 * NULL equals NULL, -0.0 equals 0.0, and NaN equals NaN. */
#ifndef LAM_OPS_GROUP_ROWS_H
#define LAM_OPS_GROUP_ROWS_H

#include "arrow/array.h"

struct lam_grouper;

/* `columns` are children of `schema`, flat and plain, at least one; LAM_UNSUPPORTED names one that is not. The schema
 * outlives the grouper. */
enum lam_status lam_grouper_open(struct lam_mem *mem, const struct ArrowSchema *schema, const int32_t *columns,
                                 int32_t column_count, struct lam_grouper **out, struct lam_error *error);
/* NULL is allowed. */
void lam_grouper_close(struct lam_grouper *grouper);

/* Numbers the rows of a batch: groups[i] is that of row i. Numbers not given before begin at *first_new; row
 * (*fresh)[n] is the first of number *first_new + n. `fresh` is the grouper's until the next call. */
enum lam_status lam_grouper_add(struct lam_grouper *grouper, const struct ArrowArray *batch, uint32_t *groups,
                                uint32_t *first_new, const uint32_t **fresh, uint32_t *fresh_count,
                                struct lam_error *error);

#endif
