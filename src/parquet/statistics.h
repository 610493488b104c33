/* Bounds of a chunk: min and max in the order that the column's type defines, as the writer gathers them. */
#ifndef LAM_PARQUET_STATISTICS_H
#define LAM_PARQUET_STATISTICS_H

#include "base/memory.h"
#include "parquet/format.h"

/* How values of a leaf are compared (ColumnOrder TypeDefinedOrder of parquet.thrift). */
enum lam_compare {
  LAM_COMPARE_NONE, /* no order is defined (INT96, INTERVAL, …): no bounds */
  LAM_COMPARE_BOOL, /* a byte each, 0 or 1 */
  LAM_COMPARE_INT32,
  LAM_COMPARE_UINT32,
  LAM_COMPARE_INT64,
  LAM_COMPARE_UINT64,
  LAM_COMPARE_FLOAT,
  LAM_COMPARE_DOUBLE,
  LAM_COMPARE_FLOAT16,
  LAM_COMPARE_DECIMAL, /* FIXED_LEN_BYTE_ARRAY: two's complement, big-endian */
  LAM_COMPARE_BYTES,   /* unsigned bytewise, a prefix before what it begins */
};
enum lam_compare lam_compare_of(const struct lam_schema_node *leaf);

enum {
  LAM_BOUND_BYTES = 64,         /* longer bounds of BYTE_ARRAY are truncated to this */
  LAM_FIXED_BOUND_BYTES = 4096, /* FIXED_LEN_BYTE_ARRAY: wider values have no bounds; none is truncated */
};

/* All zero but what lam_bounds_init sets is "no values yet". */
struct lam_bounds {
  enum lam_compare compare;
  bool text;   /* UTF-8: truncation keeps whole characters */
  bool any;    /* min and max are set */
  int width;   /* bytes of a value, 0 for BYTE_ARRAY */
  size_t keep; /* bytes of a value that are compared: one more than a bound may have */
  union {
    int64_t i;
    uint64_t u;
    double d;
  } min, max;                          /* of numbers; of bytes: u holds the first 8 bytes, big-endian */
  struct lam_buf min_bytes, max_bytes; /* of bytes: the first `keep` bytes */
};

void lam_bounds_init(struct lam_bounds *bounds, struct lam_mem *mem, const struct lam_schema_node *leaf);
void lam_bounds_release(struct lam_bounds *bounds);
/* Forgets the values, for the next chunk. */
void lam_bounds_clear(struct lam_bounds *bounds);
/* Takes in values in physical form, `width` bytes each (BOOLEAN: 1). */
enum lam_status lam_bounds_add(struct lam_bounds *bounds, const uint8_t *values, size_t count, struct lam_error *error);
/* The same of BYTE_ARRAY. */
enum lam_status lam_bounds_add_bytes(struct lam_bounds *bounds, const struct lam_bytes *values, size_t count,
                                     struct lam_error *error);
/* Takes in what `from` has: of the same column. */
enum lam_status lam_bounds_merge(struct lam_bounds *bounds, const struct lam_bounds *from, struct lam_error *error);
static inline bool lam_compare_is_float(enum lam_compare compare) {
  return compare == LAM_COMPARE_FLOAT || compare == LAM_COMPARE_DOUBLE || compare == LAM_COMPARE_FLOAT16;
}
/* How many values are NaN, of types that have it; of all, or of those that `indices` say. */
size_t lam_count_nans(enum lam_compare compare, const uint8_t *values, size_t count);
size_t lam_count_nans_at(enum lam_compare compare, const uint8_t *values, const uint32_t *indices, size_t count);
bool lam_bound_is_nan(enum lam_compare compare, struct lam_bytes bound);
/* -1, 0, 1 for bounds in PLAIN form of the width of their type; NaN is neither below nor above anything (0), zeros of
 * either sign are equal. Not for LAM_COMPARE_NONE. */
int lam_compare_bounds(enum lam_compare compare, struct lam_bytes a, struct lam_bytes b);
/* Sets min, max and their exact bits in `out`, in `arena`; they stay absent where there is no order or no value
 * (floats: none but NaN). A maximum that is truncated is incremented, and absent where it cannot be. */
enum lam_status lam_bounds_finish(const struct lam_bounds *bounds, struct lam_arena *arena, struct lam_statistics *out,
                                  struct lam_error *error);

/* ---- bound_text.c ---- */

/* Appends a bound of a leaf as a value of its Arrow type; in hexadecimal digits where it has none. *is_literal: the
 * text is a number or a boolean as JSON has them. */
enum lam_status lam_bound_text(const struct lam_file_meta *meta, int32_t leaf, struct lam_bytes bound,
                               struct lam_buf *out, bool *is_literal, struct lam_error *error);

#endif
