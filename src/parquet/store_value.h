/* Arrow values to the physical values of Parquet: the inverse of convert.c. */
#ifndef LAM_PARQUET_STORE_VALUE_H
#define LAM_PARQUET_STORE_VALUE_H

#include "arrow/type.h"
#include "parquet/format.h"

enum lam_store_rule {
  LAM_STORE_SAME,  /* the bits as they are */
  LAM_STORE_BITS,  /* booleans; a byte each in pages under way */
  LAM_STORE_BYTES, /* BYTE_ARRAY */
  LAM_STORE_NULL,  /* a column of nothing but nulls */
  LAM_STORE_INT8,  /* widened to INT32 … */
  LAM_STORE_INT16,
  LAM_STORE_UINT8,
  LAM_STORE_UINT16,
  LAM_STORE_UINT32_WIDE,   /* … to INT64 */
  LAM_STORE_SCALE32,       /* seconds to milliseconds */
  LAM_STORE_SCALE64,       /* the same of INT64 */
  LAM_STORE_DAYS,          /* milliseconds to days */
  LAM_STORE_DECIMAL_INT32, /* little-endian decimals to integers … */
  LAM_STORE_DECIMAL_INT64,
  LAM_STORE_DECIMAL_FIXED, /* … and to big-endian bytes */
};

struct lam_storing {
  enum lam_store_rule rule;
  size_t from_width, to_width; /* bytes of a value; 0 where it has no fixed number of them */
};

/* How a column of Arrow type `type` becomes the leaf that lam_schema_to_parquet made of it. LAM_UNSUPPORTED where there
 * is no way. */
enum lam_status lam_storing_of(const struct lam_type *type, const struct lam_schema_node *leaf, struct lam_storing *out,
                               struct lam_error *error);
/* Converts `count` values; not for BITS, BYTES and NULL. LAM_INVALID names a value that does not fit. */
enum lam_status lam_store_values(const struct lam_storing *storing, const uint8_t *from, size_t count, uint8_t *to,
                                 struct lam_error *error);

#endif
