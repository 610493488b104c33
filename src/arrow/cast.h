/* Widening: the type that holds every value of two types, and the cast to it. Used where files of one
 * table differ; a cast that could lose a value does not exist here. */
#ifndef LAM_ARROW_CAST_H
#define LAM_ARROW_CAST_H

#include "arrow/array.h"

/* The narrowest type that holds every value of both; false where there is none. Integers widen to
 * integers of more bits (unsigned ones to signed ones of more bits too), floats and integers of at most
 * 32 bits to float64, decimals of one scale to the larger precision, times and timestamps (of the same zone) to the
 * finer unit, null to anything. */
bool lam_type_widen(const struct lam_type *a, const struct lam_type *b, struct lam_type *out);

/* Casts a plain, flat array to a type that lam_type_widen gave for it; LAM_CONFLICT for any other. LAM_INVALID names
 * the row whose time or timestamp the finer unit cannot hold. */
enum lam_status lam_cast(struct lam_mem *mem, const struct ArrowSchema *schema, const struct ArrowArray *array,
                         const struct lam_type *to, struct ArrowArray *out, struct lam_error *error);

/* An array of `length` NULLs of the schema's type, which may be nested. */
enum lam_status lam_array_nulls(struct lam_mem *mem, const struct ArrowSchema *schema, int64_t length,
                                struct ArrowArray *out, struct lam_error *error);

#endif
