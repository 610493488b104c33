/* The join of an upsert: rows of a source and keys of a table, both sorted by key, merged. */
#ifndef LAM_OPS_KEY_JOIN_H
#define LAM_OPS_KEY_JOIN_H

#include "ops/sort.h"
#include "ops/sort_key.h"

/* The rows of a sorter, one at a time, with their keys. */
struct lam_key_cursor {
  struct lam_mem *mem;
  struct lam_sorter *sorter; /* finished */
  const struct ArrowSchema *schema;
  struct lam_key_column *keys;
  int32_t key_count;
  struct ArrowArray batch; /* released: there is no row any more */
  int64_t row;             /* of the batch */
  struct lam_buf codes, offsets, nulls;
};
/* `key_columns` are columns of `schema`, which is what the sorter's batches have; all outlive the cursor. Stands before
 * the first row. */
enum lam_status lam_key_cursor_init(struct lam_key_cursor *cursor, struct lam_mem *mem, struct lam_sorter *sorter,
                                    const struct ArrowSchema *schema, const int32_t *key_columns, int32_t key_count,
                                    struct lam_error *error);
void lam_key_cursor_release(struct lam_key_cursor *cursor);
enum lam_status lam_key_cursor_next(struct lam_key_cursor *cursor, struct lam_error *error);
static inline bool lam_key_cursor_at_end(const struct lam_key_cursor *cursor) {
  return !cursor->batch.release;
}
struct lam_bytes lam_key_cursor_key(const struct lam_key_cursor *cursor);
/* Whether a column of the key is NULL: such a key equals none. */
static inline bool lam_key_cursor_null(const struct lam_key_cursor *cursor) {
  return cursor->nulls.data[cursor->row];
}

struct lam_key_join {
  /* The row of the source has the key of another one, whose number is `first`. */
  enum lam_status (*repeated)(void *user, const struct lam_key_cursor *source, int64_t first, struct lam_error *error);
  /* It has no row in the table; it has `table`'s row, the first. */
  enum lam_status (*insert)(void *user, const struct lam_key_cursor *source, struct lam_error *error);
  enum lam_status (*match)(void *user, const struct lam_key_cursor *source, const struct lam_key_cursor *table,
                           struct lam_error *error);
  /* A further row of the table with the key of the last match. */
  enum lam_status (*extra)(void *user, const struct lam_key_cursor *table, struct lam_error *error);
  /* The source's batch is about to be released. */
  enum lam_status (*end_batch)(void *user, const struct lam_key_cursor *source, struct lam_error *error);
};
/* Each source row is given to just one of repeated, insert and match. `numbers` is the source's column of int64 numbers
 * of its rows. */
enum lam_status lam_join_keys(struct lam_key_cursor *source, struct lam_key_cursor *table, int64_t numbers,
                              const struct lam_key_join *calls, void *user, struct lam_error *error);

#endif
