/* Taking rows out of several batches, in any order: what sorting, partitioning and merging end in. */
#ifndef LAM_ARROW_TAKE_H
#define LAM_ARROW_TAKE_H

#include "arrow/array.h"

/* Row `row` of batch `source`. */
struct lam_row {
  uint32_t source, row;
};

/* Makes a struct array of rows[0 .. count) from struct arrays of the plain `schema` (no dictionaries). The bytes
 * of its values stay within `max_bytes`, except that one row is always taken: *taken says how many rows it has. */
enum lam_status lam_take(struct lam_mem *mem, const struct ArrowSchema *schema, const struct ArrowArray *sources,
                         uint32_t source_count, const struct lam_row *rows, int64_t count, uint64_t max_bytes,
                         int64_t *taken, struct ArrowArray *out, struct lam_error *error);

/* The same of one column, arrays of `field`. LAM_LIMIT where the values take more than 2 GiB. */
enum lam_status lam_take_column(struct lam_mem *mem, const struct ArrowSchema *field, struct ArrowArray *const *sources,
                                uint32_t source_count, const struct lam_row *rows, int64_t count,
                                struct ArrowArray *out, struct lam_error *error);

/* Bytes that the values of a struct array take in its buffers, about; for deciding when to spill. */
uint64_t lam_array_bytes(const struct ArrowSchema *schema, const struct ArrowArray *array);

#endif
