/* Integers of 256 bits, two's complement, as decimals are held. */
#ifndef LAM_EXPR_INT256_H
#define LAM_EXPR_INT256_H

#include "base/bytes.h"

__extension__ typedef unsigned __int128 lam_u128;
__extension__ typedef __int128 lam_i128;

struct lam_int256 {
  uint64_t limbs[4]; /* lowest first */
};

static inline struct lam_int256 lam_int256_of(int64_t value) {
  uint64_t sign = value < 0 ? UINT64_MAX : 0;
  return (struct lam_int256){{(uint64_t)value, sign, sign, sign}};
}
static inline struct lam_int256 lam_int256_of_unsigned(uint64_t value) {
  return (struct lam_int256){{value, 0, 0, 0}};
}
static inline bool lam_int256_negative(const struct lam_int256 *a) {
  return a->limbs[3] >> 63;
}
static inline bool lam_int256_is_zero(const struct lam_int256 *a) {
  return (a->limbs[0] | a->limbs[1] | a->limbs[2] | a->limbs[3]) == 0;
}
static inline int lam_int256_compare(const struct lam_int256 *a, const struct lam_int256 *b) {
  uint64_t flip = (uint64_t)1 << 63; /* of the sign */
  for (int i = 3; i >= 0; i--, flip = 0) {
    uint64_t x = a->limbs[i] ^ flip, y = b->limbs[i] ^ flip;
    if (x != y) return x < y ? -1 : 1;
  }
  return 0;
}
/* These are true where the result does not fit. */
bool lam_int256_add(const struct lam_int256 *a, const struct lam_int256 *b, struct lam_int256 *out);
bool lam_int256_subtract(const struct lam_int256 *a, const struct lam_int256 *b, struct lam_int256 *out);
bool lam_int256_multiply(const struct lam_int256 *a, const struct lam_int256 *b, struct lam_int256 *out);
/* Towards zero; the rest has the sign of `a`. `b` is not 0. */
void lam_int256_divide(const struct lam_int256 *a, const struct lam_int256 *b, struct lam_int256 *quotient,
                       struct lam_int256 *rest);
struct lam_int256 lam_int256_negate(const struct lam_int256 *a);
/* 10^exponent, 0 to 76. */
const struct lam_int256 *lam_int256_power(int exponent);
/* Whether |a| < 10^digits. */
bool lam_int256_has_digits(const struct lam_int256 *a, int digits);

/* What is lost when a number of one scale is brought to a lower one. */
enum lam_rounding { LAM_HALF_AWAY, LAM_TOWARDS_FLOOR, LAM_TOWARDS_CEIL };
/* a * 10^(to - from); true where it does not fit. */
bool lam_int256_rescale(const struct lam_int256 *a, int from, int to, enum lam_rounding rounding,
                        struct lam_int256 *out);
/* Of a * 10^-scale_a and b * 10^-scale_b. */
int lam_int256_compare_scaled(const struct lam_int256 *a, int scale_a, const struct lam_int256 *b, int scale_b);

#endif
