/* Binary floats as decimal text. The C library rounds correctly, but writes and reads the decimal point of
 * the locale: so digits are taken from it and given to it without one. */
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "arrow/value_text.h"

static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/* ---- half precision ---- */

float lam_half_to_float(uint16_t half) {
  int exponent = (half >> 10) & 31, mantissa = half & 0x3ff;
  float value = exponent == 31 ? (mantissa ? NAN : INFINITY)
                : exponent     ? ldexpf((float)(mantissa | 0x400), exponent - 25)
                               : ldexpf((float)mantissa, -24);
  return half & 0x8000 ? -value : value;
}

uint16_t lam_half_of_double(double value) {
  int sign = signbit(value) ? 0x8000 : 0;
  double a = fabs(value);
  if (isnan(value)) return (uint16_t)(sign | 0x7e00);
  if (a >= 65520) return (uint16_t)(sign | 0x7c00);
  if (a == 0) return (uint16_t)sign;
  int exponent = 0;
  frexp(a, &exponent);
  if (exponent < -13) exponent = -13; /* subnormal: the unit in the last place stays 2^-24 */
  double scaled = ldexp(a, 11 - exponent);
  int64_t units = (int64_t)scaled;
  double rest = scaled - (double)units;
  units += rest > 0.5 || (rest == 0.5 && (units & 1));
  /* A carry out of the mantissa runs into the exponent, as it should. */
  return (uint16_t)(sign | (units + ((int64_t)(exponent + 13) << 10)));
}

/* ---- writing ---- */

size_t lam_uint_format(uint64_t value, char *out) {
  static const char pairs[] =
      "00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445464748495051525354"
      "555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899";
  char text[20], *p = text + sizeof text;
  while (value >= 100) {
    p -= 2;
    memcpy(p, pairs + 2 * (value % 100), 2);
    value /= 100;
  }
  if (value >= 10) {
    p -= 2;
    memcpy(p, pairs + 2 * value, 2);
  } else {
    *--p = (char)('0' + value);
  }
  size_t size = (size_t)(text + sizeof text - p);
  memcpy(out, p, size);
  return size;
}

size_t lam_int_format(int64_t value, char *out) {
  if (value >= 0) return lam_uint_format((uint64_t)value, out);
  *out = '-';
  return 1 + lam_uint_format(0 - (uint64_t)value, out + 1);
}

/* Lays out `count` significant digits, the first of which counts 10^exponent. */
static size_t lay_out(bool negative, const char *digits, int count, int exponent, char *out) {
  char *p = out;
  while (count > 1 && digits[count - 1] == '0') count--;
  if (negative) *p++ = '-';
  if (exponent < -5 || exponent >= 16) {
    *p++ = digits[0];
    if (count > 1) *p++ = '.';
    for (int i = 1; i < count; i++) *p++ = digits[i];
    *p++ = 'e';
    *p++ = exponent < 0 ? '-' : '+';
    int size = exponent < 0 ? -exponent : exponent;
    if (size < 10) *p++ = '0';
    return (size_t)(p - out) + lam_uint_format((uint64_t)size, p);
  }
  if (exponent < 0) {
    *p++ = '0', *p++ = '.';
    for (int i = -1; i > exponent; i--) *p++ = '0';
    for (int i = 0; i < count; i++) *p++ = digits[i];
    return (size_t)(p - out);
  }
  for (int i = 0; i <= exponent; i++) *p++ = i < count ? digits[i] : '0';
  *p++ = '.';
  if (count <= exponent + 1) *p++ = '0';
  for (int i = exponent + 1; i < count; i++) *p++ = digits[i];
  return (size_t)(p - out);
}

static size_t special(double value, char *out) {
  const char *text = isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
  size_t size = 0;
  for (; text[size]; size++) out[size] = text[size];
  return size;
}

/* `scaled` / 10^decimals. */
static size_t lay_out_scaled(bool negative, uint64_t scaled, int decimals, char *out) {
  char digits[20];
  int count = (int)lam_uint_format(scaled, digits);
  return lay_out(negative, digits, count, scaled ? count - 1 - decimals : 0, out);
}

/* Takes apart the "d<point>ddde±dd" of printf, whatever the point is in this locale. */
static size_t lay_out_printed(const char *text, char *out) {
  char digits[32];
  int count = 0;
  bool negative = *text == '-';
  for (; *text && *text != 'e'; text++) {
    if (*text >= '0' && *text <= '9' && count < (int)sizeof digits) digits[count++] = *text;
  }
  assert(count > 0);
  return lay_out(negative, digits, count, *text ? atoi(text + 1) : 0, out);
}

size_t lam_double_format(double value, char *out) {
  if (!isfinite(value)) return special(value, out);
  double a = fabs(value);
  bool negative = signbit(value);
  /* Most numbers in tables are few decimal digits over a power of ten: a quotient of two integers that
   * doubles hold exactly is rounded as the text would be. */
  for (int k = 0; a < 1e15 && k <= 20; k++) {
    double scaled = a * powers[k];
    if (scaled >= 1e15) break;
    uint64_t whole = (uint64_t)(scaled + 0.5);
    if ((double)whole / powers[k] == a) return lay_out_scaled(negative, whole, k, out);
  }
  char text[48];
  for (int precision = 15; precision <= 17; precision++) {
    snprintf(text, sizeof text, "%.*e", precision - 1, value);
    if (precision == 17 || strtod(text, NULL) == value) break;
  }
  return lay_out_printed(text, out);
}

size_t lam_float_format(float value, char *out) {
  if (!isfinite(value)) return special((double)value, out);
  float a = fabsf(value);
  bool negative = signbit(value);
  for (int k = 0; a < 1e7f && k <= 10; k++) {
    double scaled = (double)a * powers[k];
    if (scaled >= 1e7) break;
    uint64_t whole = (uint64_t)(scaled + 0.5);
    if ((float)whole / (float)powers[k] == a) return lay_out_scaled(negative, whole, k, out);
  }
  char text[48];
  for (int precision = 6; precision <= 9; precision++) {
    snprintf(text, sizeof text, "%.*e", precision - 1, (double)value);
    if (precision == 9 || strtof(text, NULL) == value) break;
  }
  return lay_out_printed(text, out);
}

/* ---- reading ---- */

/* Digits behind the 768th only decide on which side of a tie between two doubles a number lies. */
enum { MOST_DIGITS = 800, MOST_EXPONENT = 99999 };

struct number {
  bool negative;
  uint64_t mantissa; /* of the first 19 digits */
  int digit_count;   /* significant ones; all of them are in `digits`, MOST_DIGITS aside */
  int64_t exponent;  /* of the last digit */
  char digits[MOST_DIGITS + 16];
};

static const char *const not_a_number = "it is not a number";

static void add_digit(struct number *n, uint8_t c) {
  if (n->digit_count == 0 && c == '0') return;
  if (n->digit_count < 19) n->mantissa = n->mantissa * 10 + (uint64_t)(c - '0');
  if (n->digit_count < MOST_DIGITS) {
    n->digits[n->digit_count++] = (char)c;
    return;
  }
  n->exponent++;
  if (c != '0') n->digits[MOST_DIGITS - 1] = n->digits[MOST_DIGITS - 1] == '0' ? '1' : n->digits[MOST_DIGITS - 1];
}

static bool is_digit(uint8_t c) {
  return c >= '0' && c <= '9';
}

static bool same_word(const uint8_t *p, const uint8_t *end, const char *word) {
  for (; p < end && *word; p++, word++) {
    if ((*p | 32) != *word) return false;
  }
  return p == end && !*word;
}

static bool scan_exponent(const uint8_t **p, const uint8_t *end, int64_t *exponent) {
  const uint8_t *q = *p + 1;
  bool negative = q < end && *q == '-';
  int64_t value = 0;
  if (q < end && (*q == '-' || *q == '+')) q++;
  if (q == end || !is_digit(*q)) return false;
  for (; q < end && is_digit(*q); q++) {
    if (value < MOST_EXPONENT) value = value * 10 + (*q - '0');
  }
  *exponent += negative ? -value : value;
  *p = q;
  return true;
}

static const char *scan_number(const uint8_t *p, const uint8_t *end, struct number *n) {
  bool any = false;
  n->mantissa = 0, n->digit_count = 0, n->exponent = 0;
  for (; p < end && is_digit(*p); p++, any = true) add_digit(n, *p);
  if (p < end && *p == '.') {
    for (p++; p < end && is_digit(*p); p++, any = true) {
      add_digit(n, *p);
      n->exponent--;
    }
  }
  if (!any) return not_a_number;
  if (p < end && (*p | 32) == 'e' && !scan_exponent(&p, end, &n->exponent)) return not_a_number;
  return p == end ? NULL : not_a_number;
}

/* The sign, "nan", "inf" and "infinity" (in either case) are done here: true if nothing is left. */
static bool scan_special(const uint8_t **p, const uint8_t *end, bool *negative, double *out) {
  *negative = *p < end && **p == '-';
  if (*p < end && (**p == '-' || **p == '+')) ++*p;
  if (*p == end || is_digit(**p) || **p == '.') return false;
  bool infinite = same_word(*p, end, "inf") || same_word(*p, end, "infinity");
  if (!infinite && !same_word(*p, end, "nan")) return false;
  *out = infinite ? (*negative ? -(double)INFINITY : (double)INFINITY) : (double)NAN;
  return true;
}

/* "<digits>e<exponent>" is read alike in every locale. */
static const char *digits_for_library(struct number *n) {
  snprintf(n->digits + n->digit_count, 16, "e%d",
           (int)(n->exponent > MOST_EXPONENT    ? MOST_EXPONENT
                 : n->exponent < -MOST_EXPONENT ? -MOST_EXPONENT
                                                : n->exponent));
  return n->digits;
}

const char *lam_double_scan(struct lam_bytes text, double *out) {
  struct number n;
  const uint8_t *p = text.data, *end = p + text.size;
  if (text.size == 0) return not_a_number;
  if (scan_special(&p, end, &n.negative, out)) return NULL;
  const char *wrong = scan_number(p, end, &n);
  if (wrong) return wrong;
  double value = 0;
  if (n.digit_count == 0)
    value = 0;
  else if (n.digit_count <= 15 && n.exponent >= -22 && n.exponent <= 22)
    value = n.exponent < 0 ? (double)n.mantissa / powers[-n.exponent] : (double)n.mantissa * powers[n.exponent];
  else
    value = strtod(digits_for_library(&n), NULL);
  if (isinf(value)) return "it is out of range";
  *out = n.negative ? -value : value;
  return NULL;
}

const char *lam_float_scan(struct lam_bytes text, float *out) {
  struct number n;
  double wide;
  const uint8_t *p = text.data, *end = p + text.size;
  if (text.size == 0) return not_a_number;
  if (scan_special(&p, end, &n.negative, &wide)) {
    *out = (float)wide;
    return NULL;
  }
  const char *wrong = scan_number(p, end, &n);
  if (wrong) return wrong;
  float value = 0;
  if (n.digit_count == 0)
    value = 0;
  else if (n.digit_count <= 7 && n.exponent >= -10 && n.exponent <= 10)
    value =
        n.exponent < 0 ? (float)n.mantissa / (float)powers[-n.exponent] : (float)n.mantissa * (float)powers[n.exponent];
  else
    value = strtof(digits_for_library(&n), NULL);
  if (isinf(value)) return "it is out of range";
  *out = n.negative ? -value : value;
  return NULL;
}
