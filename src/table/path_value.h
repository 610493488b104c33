/* Values that the path gives a column which a file lacks. */
#ifndef LAM_TABLE_PATH_VALUE_H
#define LAM_TABLE_PATH_VALUE_H

#include "expr/scalar.h"
#include "table/merge.h"
#include "table/partition.h"

/* The value of the partition's column that `column` is called, where it has one that fits the column's type (integers,
 * dates, strings, binaries); NULL where it has none. Bytes are the partition's. */
enum lam_status lam_path_value(const struct lam_partition *partition, const struct ArrowSchema *column,
                               struct lam_scalar *out, struct lam_error *error);
/* The same value in each of `rows` rows; *out is released where it is NULL. */
enum lam_status lam_path_array(struct lam_mem *mem, const struct lam_partition *partition,
                               const struct ArrowSchema *column, int64_t rows, struct ArrowArray *out,
                               struct lam_error *error);
/* Gives each column of a batch that its file lacks (`sources` says which; of those `wanted`, NULL: of all) the value
 * of the path instead of NULLs, where the path has one. The batch is released on error. */
enum lam_status lam_path_fill(struct lam_mem *mem, const struct lam_partition *partition,
                              const struct ArrowSchema *schema, const struct lam_merge_source *sources,
                              const bool *wanted, struct ArrowArray *batch, struct lam_error *error);

#endif
