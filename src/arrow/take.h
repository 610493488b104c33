/* Taking rows out of several batches, in any order: what sorting, partitioning and merging end in. */
#ifndef LAM_ARROW_TAKE_H
#define LAM_ARROW_TAKE_H

#include "arrow/array.h"

/* Row `row` of batch `source`. */
struct lam_row {
  uint32_t source, row;
};

/* The sources of many takes, looked at once. */
struct lam_taker;
/* `schema`, a struct of plain columns (no dictionaries), outlives it. Its sources have no batch yet. */
enum lam_status lam_taker_open(struct lam_mem *mem, const struct ArrowSchema *schema, uint32_t source_count,
                               struct lam_taker **out, struct lam_error *error);
void lam_taker_close(struct lam_taker *taker); /* NULL is allowed */
/* Batch `source` is this one from now on; it stays the caller's. NULL: none, and no row of it is taken. */
enum lam_status lam_taker_set(struct lam_taker *taker, uint32_t source, const struct ArrowArray *batch,
                              struct lam_error *error);
/* As lam_take; columns are taken in parallel. */
enum lam_status lam_taker_take(struct lam_taker *taker, const struct lam_row *rows, int64_t count, uint64_t max_bytes,
                               int64_t *taken, struct ArrowArray *out, struct lam_error *error);

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
/* The same of rows [first, first + count). */
uint64_t lam_array_rows_bytes(const struct ArrowSchema *schema, const struct ArrowArray *array, int64_t first,
                              int64_t count);
/* What an array keeps from being given back: a slice all of its buffers. */
uint64_t lam_array_memory(const struct ArrowArray *array);

#endif
