/* Iceberg's partition transforms, bit for bit (https://iceberg.apache.org/spec/#partition-transforms and its appendix
 * B). NULL gives NULL. Types of Arrow that Iceberg lacks are taken as the one of Iceberg's that has all their values:
 * integers as long, times and timestamps in microseconds. */
#ifndef LAM_ICEBERG_TRANSFORM_H
#define LAM_ICEBERG_TRANSFORM_H

#include "arrow/array.h"

/* Murmur3, 32 bits, x86, seed 0. */
uint32_t lam_murmur3(const void *data, size_t size);

enum lam_transform { LAM_TRANSFORM_BUCKET, LAM_TRANSFORM_TRUNCATE };

/* Whether a column of that type can be transformed, and the type that comes out: int32 of buckets, its own of
 * truncation. LAM_UNSUPPORTED names the type. */
enum lam_status lam_transform_type(enum lam_transform transform, const struct lam_type *type, struct lam_type *out,
                                   struct lam_error *error);
/* `parameter` is the number of buckets or the width, at least 1. Flat and plain arrays. LAM_INVALID where a truncated
 * number would leave its type. */
enum lam_status lam_transform_array(struct lam_mem *mem, enum lam_transform transform, int32_t parameter,
                                    const struct ArrowSchema *schema, const struct ArrowArray *array,
                                    struct ArrowArray *out, struct lam_error *error);

#endif
