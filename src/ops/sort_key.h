/* Keys of rows as bytes that memcmp orders as the rows order.
 *
 * A key is the concatenation of its columns' codes: a byte for NULL or not, then the value, big-endian with
 * the sign flipped; strings with 0x00 escaped as 0x00 0xFF and ended by 0x00 0x00. A descending column has
 * the bits of its value inverted. No code is a prefix of another, so that codes can follow each other.
 * -0.0 equals 0.0, and NaN is above every number. */
#ifndef LAM_OPS_SORT_KEY_H
#define LAM_OPS_SORT_KEY_H

#include "arrow/array.h"
#include "lamella/parquet.h"

struct lam_key_column {
  int32_t column;
  bool descending, nulls_first;
};

/* Finds the keys' columns in a struct schema; LAM_NOT_FOUND names the missing one, LAM_UNSUPPORTED a type that has
 * no order. */
enum lam_status lam_key_columns(const struct ArrowSchema *schema, const struct lam_sort_key *keys, int32_t count,
                                struct lam_key_column *out, struct lam_error *error);

/* Appends the keys of all rows of a batch to `bytes`; offsets[i] gets where that of row i begins, and
 * offsets[length] the end. Plain columns only. */
enum lam_status lam_keys_encode(const struct ArrowSchema *schema, const struct ArrowArray *batch,
                                const struct lam_key_column *keys, int32_t count, struct lam_buf *bytes,
                                uint64_t *offsets, struct lam_error *error);

/* The first 8 bytes of a key, big-endian, zeros behind a shorter one: orders as the keys where it differs. */
static inline uint64_t lam_key_prefix(const uint8_t *key, size_t size) {
  uint64_t prefix = 0;
  memcpy(&prefix, key, size < 8 ? size : 8);
  return __builtin_bswap64(prefix);
}
/* memcmp of two keys. */
static inline int lam_key_compare(struct lam_bytes a, struct lam_bytes b) {
  int order = memcmp(a.data, b.data, a.size < b.size ? a.size : b.size);
  return order ? order : (a.size > b.size) - (a.size < b.size);
}

#endif
