#include "expr/int256.h"

#include <assert.h>

bool lam_int256_add(const struct lam_int256 *a, const struct lam_int256 *b, struct lam_int256 *out) {
  bool same_sign = lam_int256_negative(a) == lam_int256_negative(b), negative = lam_int256_negative(a);
  lam_u128 carry = 0;
  for (int i = 0; i < 4; i++) {
    carry += (lam_u128)a->limbs[i] + b->limbs[i];
    out->limbs[i] = (uint64_t)carry;
    carry >>= 64;
  }
  return same_sign && lam_int256_negative(out) != negative;
}

struct lam_int256 lam_int256_negate(const struct lam_int256 *a) {
  struct lam_int256 out;
  lam_u128 carry = 1;
  for (int i = 0; i < 4; i++) {
    carry += (uint64_t)~a->limbs[i];
    out.limbs[i] = (uint64_t)carry;
    carry >>= 64;
  }
  return out;
}

bool lam_int256_subtract(const struct lam_int256 *a, const struct lam_int256 *b, struct lam_int256 *out) {
  bool differ = lam_int256_negative(a) != lam_int256_negative(b), negative = lam_int256_negative(a);
  lam_u128 borrow = 0;
  for (int i = 0; i < 4; i++) {
    lam_u128 part = (lam_u128)a->limbs[i] - b->limbs[i] - borrow;
    out->limbs[i] = (uint64_t)part;
    borrow = part >> 64 ? 1 : 0;
  }
  return differ && lam_int256_negative(out) != negative;
}

static struct lam_int256 magnitude(const struct lam_int256 *a) {
  return lam_int256_negative(a) ? lam_int256_negate(a) : *a;
}

bool lam_int256_multiply(const struct lam_int256 *a, const struct lam_int256 *b, struct lam_int256 *out) {
  bool negative = lam_int256_negative(a) != lam_int256_negative(b);
  struct lam_int256 x = magnitude(a), y = magnitude(b);
  uint64_t product[8] = {0};
  for (int i = 0; i < 4; i++) {
    uint64_t carry = 0;
    for (int k = 0; k < 4 && x.limbs[i]; k++) {
      lam_u128 part = (lam_u128)x.limbs[i] * y.limbs[k] + product[i + k] + carry;
      product[i + k] = (uint64_t)part;
      carry = (uint64_t)(part >> 64);
    }
    product[i + 4] += carry;
  }
  memcpy(out->limbs, product, sizeof out->limbs);
  bool lost = product[4] | product[5] | product[6] | product[7];
  if (lost || lam_int256_negative(out)) return true; /* -2^255 is beyond 76 digits, and none here has more */
  if (negative) *out = lam_int256_negate(out);
  return false;
}

static int limbs_of(const struct lam_int256 *a) {
  int n = 4;
  while (n > 0 && a->limbs[n - 1] == 0) n--;
  return n;
}

static uint64_t divide_by_limb(struct lam_int256 *a, uint64_t divisor) {
  uint64_t rest = 0;
  for (int i = 3; i >= 0; i--) {
    lam_u128 part = (lam_u128)rest << 64 | a->limbs[i];
    a->limbs[i] = (uint64_t)(part / divisor);
    rest = (uint64_t)(part % divisor);
  }
  return rest;
}

/* Bit by bit: rare, since most divisors have one limb. */
static void divide_long(struct lam_int256 *a, const struct lam_int256 *divisor, struct lam_int256 *rest) {
  struct lam_int256 quotient = {{0}};
  *rest = quotient;
  for (int bit = limbs_of(a) * 64 - 1; bit >= 0; bit--) {
    for (int i = 3; i > 0; i--) rest->limbs[i] = rest->limbs[i] << 1 | rest->limbs[i - 1] >> 63;
    rest->limbs[0] = rest->limbs[0] << 1 | (a->limbs[bit / 64] >> (bit % 64) & 1);
    if (lam_int256_compare(rest, divisor) < 0) continue;
    lam_int256_subtract(rest, divisor, rest);
    quotient.limbs[bit / 64] |= (uint64_t)1 << (bit % 64);
  }
  *a = quotient;
}

void lam_int256_divide(const struct lam_int256 *a, const struct lam_int256 *b, struct lam_int256 *quotient,
                       struct lam_int256 *rest) {
  bool negative_a = lam_int256_negative(a), negative_b = lam_int256_negative(b);
  struct lam_int256 x = magnitude(a), y = magnitude(b);
  assert(!lam_int256_is_zero(b));
  if (limbs_of(&y) == 1)
    *rest = lam_int256_of_unsigned(divide_by_limb(&x, y.limbs[0]));
  else
    divide_long(&x, &y, rest);
  *quotient = negative_a != negative_b ? lam_int256_negate(&x) : x;
  if (negative_a) *rest = lam_int256_negate(rest);
}

#define P(a, b, c, d)          \
  {                            \
    { a##u, b##u, c##u, d##u } \
  }
static const struct lam_int256 powers[77] = {
    P(1, 0, 0, 0),
    P(10, 0, 0, 0),
    P(100, 0, 0, 0),
    P(1000, 0, 0, 0),
    P(10000, 0, 0, 0),
    P(100000, 0, 0, 0),
    P(1000000, 0, 0, 0),
    P(10000000, 0, 0, 0),
    P(100000000, 0, 0, 0),
    P(1000000000, 0, 0, 0),
    P(10000000000, 0, 0, 0),
    P(100000000000, 0, 0, 0),
    P(1000000000000, 0, 0, 0),
    P(10000000000000, 0, 0, 0),
    P(100000000000000, 0, 0, 0),
    P(1000000000000000, 0, 0, 0),
    P(10000000000000000, 0, 0, 0),
    P(100000000000000000, 0, 0, 0),
    P(1000000000000000000, 0, 0, 0),
    P(10000000000000000000, 0, 0, 0),
    P(7766279631452241920, 5, 0, 0),
    P(3875820019684212736, 54, 0, 0),
    P(1864712049423024128, 542, 0, 0),
    P(200376420520689664, 5421, 0, 0),
    P(2003764205206896640, 54210, 0, 0),
    P(1590897978359414784, 542101, 0, 0),
    P(15908979783594147840, 5421010, 0, 0),
    P(11515845246265065472, 54210108, 0, 0),
    P(4477988020393345024, 542101086, 0, 0),
    P(7886392056514347008, 5421010862, 0, 0),
    P(5076944270305263616, 54210108624, 0, 0),
    P(13875954555633532928, 542101086242, 0, 0),
    P(9632337040368467968, 5421010862427, 0, 0),
    P(4089650035136921600, 54210108624275, 0, 0),
    P(4003012203950112768, 542101086242752, 0, 0),
    P(3136633892082024448, 5421010862427522, 0, 0),
    P(12919594847110692864, 54210108624275221, 0, 0),
    P(68739955140067328, 542101086242752217, 0, 0),
    P(687399551400673280, 5421010862427522170, 0, 0),
    P(6873995514006732800, 17316620476856118468, 2, 0),
    P(13399722918938673152, 7145508105175220139, 29, 0),
    P(4870020673419870208, 16114848830623546549, 293, 0),
    P(11806718586779598848, 13574535716559052564, 2938, 0),
    P(7386721425538678784, 6618148649623664334, 29387, 0),
    P(80237960548581376, 10841254275107988496, 293873, 0),
    P(802379605485813760, 16178822382532126880, 2938735, 0),
    P(8023796054858137600, 14214271235644855872, 29387358, 0),
    P(6450984253743169536, 13015503840481697412, 293873587, 0),
    P(9169610316303040512, 1027829888850112811, 2938735877, 0),
    P(17909126868192198656, 10278298888501128114, 29387358770, 0),
    P(13070572018536022016, 10549268516463523069, 293873587705, 0),
    P(1578511669393358848, 13258964796087472617, 2938735877055, 0),
    P(15785116693933588480, 3462439444907864858, 29387358770557, 0),
    P(10277214349659471872, 16177650375369096972, 293873587705571, 0),
    P(10538423128046960640, 14202551164014556797, 2938735877055718, 0),
    P(13150510911921848320, 12898303124178706663, 29387358770557187, 0),
    P(2377900603251621888, 18302566799529756941, 293873587705571876, 0),
    P(5332261958806667264, 17004971331911604867, 2938735877055718769, 0),
    P(16429131440647569408, 4029016655730084128, 10940614696847636083, 1),
    P(16717361816799281152, 3396678409881738056, 17172426599928602752, 15),
    P(1152921504606846976, 15520040025107828953, 5703569335900062977, 159),
    P(11529215046068469760, 7626447661401876602, 1695461137871974930, 1593),
    P(4611686018427387904, 2477500319180559562, 16954611378719749304, 15930),
    P(9223372036854775808, 6328259118096044006, 3525417123811528497, 159309),
    P(0, 7942358959831785217, 16807427164405733357, 1593091),
    P(0, 5636613303479645706, 2053574980671369030, 15930919),
    P(0, 1025900813667802212, 2089005733004138687, 159309191),
    P(0, 10259008136678022120, 2443313256331835254, 1593091911),
    P(0, 10356360998232463120, 5986388489608800929, 15930919111),
    P(0, 11329889613776873120, 4523652674959354447, 159309191113),
    P(0, 2618431695511421504, 8343038602174441244, 1593091911132),
    P(0, 7737572881404663424, 9643409726906205977, 15930919111324),
    P(0, 3588752519208427776, 4200376900514301694, 159309191113245),
    P(0, 17440781118374726144, 5110280857723913709, 1593091911132452),
    P(0, 8387114520361296896, 14209320429820033867, 15930919111324522),
    P(0, 10084168908774762496, 12965995782233477362, 159309191113245227),
    P(0, 8607968719199866880, 532749306367912313, 1593091911132452277),

};
#undef P

const struct lam_int256 *lam_int256_power(int exponent) {
  assert(exponent >= 0 && exponent <= 76);
  return &powers[exponent];
}

bool lam_int256_has_digits(const struct lam_int256 *a, int digits) {
  struct lam_int256 x = magnitude(a);
  return !lam_int256_negative(&x) && lam_int256_compare(&x, lam_int256_power(digits)) < 0;
}

static bool rounds_away(const struct lam_int256 *rest, const struct lam_int256 *power, bool negative,
                        enum lam_rounding rounding) {
  if (lam_int256_is_zero(rest)) return false;
  if (rounding == LAM_TOWARDS_FLOOR) return negative;
  if (rounding == LAM_TOWARDS_CEIL) return !negative;
  struct lam_int256 x = magnitude(rest), other;
  lam_int256_subtract(power, &x, &other);
  return lam_int256_compare(&x, &other) >= 0;
}

bool lam_int256_rescale(const struct lam_int256 *a, int from, int to, enum lam_rounding rounding,
                        struct lam_int256 *out) {
  struct lam_int256 rest, one = lam_int256_of(lam_int256_negative(a) ? -1 : 1), value = *a;
  bool negative = lam_int256_negative(a);
  if (to >= from) {
    *out = value;
    if (to == from || lam_int256_is_zero(&value)) return false;
    return to - from > 76 || lam_int256_multiply(&value, lam_int256_power(to - from), out);
  }
  if (from - to > 76) { /* more than all its digits */
    bool away = !lam_int256_is_zero(&value) && rounding == (negative ? LAM_TOWARDS_FLOOR : LAM_TOWARDS_CEIL);
    *out = away ? one : lam_int256_of(0);
    return false;
  }
  lam_int256_divide(&value, lam_int256_power(from - to), out, &rest);
  if (rounds_away(&rest, lam_int256_power(from - to), negative, rounding)) lam_int256_add(out, &one, out);
  return false;
}

int lam_int256_compare_scaled(const struct lam_int256 *a, int scale_a, const struct lam_int256 *b, int scale_b) {
  if (scale_a == scale_b) return lam_int256_compare(a, b);
  if (scale_a > scale_b) return -lam_int256_compare_scaled(b, scale_b, a, scale_a);
  /* b has more digits: cut them, and look at them only where that makes no difference. */
  struct lam_int256 whole, back;
  lam_int256_rescale(b, scale_b, scale_a, LAM_TOWARDS_FLOOR, &whole);
  int order = lam_int256_compare(a, &whole);
  if (order != 0) return order;
  bool lost = lam_int256_rescale(&whole, scale_a, scale_b, LAM_TOWARDS_FLOOR, &back);
  return lost || lam_int256_compare(&back, b) != 0 ? -1 : 0;
}
