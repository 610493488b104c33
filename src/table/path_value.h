/* Values that the path gives a column which a file lacks. */
#ifndef LAM_TABLE_PATH_VALUE_H
#define LAM_TABLE_PATH_VALUE_H

#include "expr/scalar.h"
#include "table/partition.h"

/* The value of the partition's column that `column` is called, where it has one that fits the column's type (integers,
 * dates, strings, binaries); NULL where it has none. Bytes are the partition's. */
enum lam_status lam_path_value(const struct lam_partition *partition, const struct ArrowSchema *column,
                               struct lam_scalar *out, struct lam_error *error);
/* The same value in each of `rows` rows; *out is released where it is NULL. */
enum lam_status lam_path_array(struct lam_mem *mem, const struct lam_partition *partition,
                               const struct ArrowSchema *column, int64_t rows, struct ArrowArray *out,
                               struct lam_error *error);

#endif
