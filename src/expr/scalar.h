/* One value of a flat type, or NULL. */
#ifndef LAM_EXPR_SCALAR_H
#define LAM_EXPR_SCALAR_H

#include "arrow/array.h"

struct lam_scalar {
  struct lam_type type;
  bool is_null;
  union {
    int64_t i;           /* bool (0, 1), signed integers, dates, times, timestamps, durations */
    uint64_t u;          /* unsigned integers */
    double d;            /* floats of every width */
    uint8_t decimal[32]; /* decimals of both widths: little-endian two's complement, sign-extended */
  } value;
  struct lam_bytes bytes; /* strings, binaries, fixed-size binaries; borrowed */
};

/* -1, 0, 1 of two values of one type that are not NULL: floats as expr.h says, bytes unsigned, a prefix first. */
int lam_scalar_compare(const struct lam_scalar *a, const struct lam_scalar *b);
/* The value as another type. *exact: it is the same value; where it is not, *out is the nearest below or above it (or
 * the end of the range) if there is an order, as *direction says: -1 *out lies below the value, 1 above, 0 there is
 * none (NULL in *out). LAM_INVALID where no cast exists. Bytes are borrowed or in `arena`. */
enum lam_status lam_scalar_cast(const struct lam_scalar *from, const struct lam_type *to, struct lam_arena *arena,
                                struct lam_scalar *out, bool *exact, int *direction, struct lam_error *error);
/* A value of a fixed-width type as it is in an Arrow buffer, at any alignment; a boolean is one byte. */
void lam_scalar_load(const struct lam_type *type, const void *value, struct lam_scalar *out);
/* Row `row` of a plain or dictionary-encoded view; bytes are borrowed from it. */
enum lam_status lam_scalar_of_view(const struct lam_view *view, int64_t row, struct lam_scalar *out,
                                   struct lam_error *error);
/* Appends it as plain text: as CSV has it, binaries in hexadecimal digits, nothing for NULL. *is_literal: it is a
 * number or a boolean as JSON has them. */
enum lam_status lam_scalar_text(const struct lam_scalar *scalar, struct lam_buf *out, bool *is_literal,
                                struct lam_error *error);
/* Appends it as an expression's literal: 3, 'it''s', DATE '2025-11-26', NULL. */
enum lam_status lam_scalar_print(const struct lam_scalar *scalar, struct lam_buf *out, struct lam_error *error);

#endif
