#include <inttypes.h>

#include "arrow/calendar.h"
#include "arrow/value_text.h"
#include "base/error.h"

static const int64_t per_second[] = {1, 1000, 1000000, 1000000000};
static const int unit_digits[] = {0, 3, 6, 9};
static const char *const out_of_range = "it is out of range";

/* A text that is being read. */
struct text {
  const uint8_t *p, *end;
};

static bool is_digit(uint8_t c) {
  return c >= '0' && c <= '9';
}
static bool at_end(const struct text *t) {
  return t->p == t->end;
}
static bool take(struct text *t, char c) {
  if (at_end(t) || *t->p != (uint8_t)c) return false;
  t->p++;
  return true;
}
static bool take_word(struct text *t, const char *word) {
  size_t n = strlen(word);
  if ((size_t)(t->end - t->p) < n) return false;
  for (size_t i = 0; i < n; i++) {
    if ((t->p[i] | 32) != (uint8_t)word[i]) return false;
  }
  t->p += n;
  return true;
}
static bool is_word(struct lam_bytes text, const char *word) {
  struct text t = {text.data, text.data + text.size};
  return text.size == strlen(word) && take_word(&t, word);
}

/* ---- integers ---- */

/* Digits up to the end. */
static const char *scan_magnitude(struct text *t, uint64_t *out) {
  uint64_t value = 0;
  bool too_large = false;
  if (at_end(t)) return "it is not a whole number";
  if (t->end - t->p <= 19) { /* cannot pass 2^64 */
    for (; t->p < t->end; t->p++) {
      unsigned digit = (unsigned)*t->p - '0';
      if (digit > 9) return "it is not a whole number";
      value = value * 10 + digit;
    }
    *out = value;
    return NULL;
  }
  for (; t->p < t->end; t->p++) {
    if (!is_digit(*t->p)) return "it is not a whole number";
    too_large |= __builtin_mul_overflow(value, (uint64_t)10, &value);
    too_large |= __builtin_add_overflow(value, (uint64_t)(*t->p - '0'), &value);
  }
  *out = value;
  return too_large ? out_of_range : NULL;
}

static const char *scan_integer(struct lam_bytes text, int bits, bool is_signed, void *out) {
  struct text t = {text.data, text.data + text.size};
  bool negative = take(&t, '-');
  if (!negative) take(&t, '+');
  uint64_t magnitude;
  const char *wrong = scan_magnitude(&t, &magnitude);
  if (wrong) return wrong;
  uint64_t most = is_signed ? ((uint64_t)1 << (bits - 1)) - !negative : UINT64_MAX >> (64 - bits);
  if (!is_signed && negative) most = 0;
  if (magnitude > most) return out_of_range;
  uint64_t value = negative ? 0 - magnitude : magnitude;
  switch (bits) {
    case 8: *(uint8_t *)out = (uint8_t)value; break;
    case 16: lam_store16(out, (uint16_t)value); break;
    case 32: lam_store32(out, (uint32_t)value); break;
    default: lam_store64(out, value); break;
  }
  return NULL;
}

/* ---- decimals ---- */

static const char *const not_a_decimal = "it is not a decimal number";

/* limbs * 10 + digit; the caller bounds the digits, so that 256 bits suffice (10^76 < 2^255). */
static void push_digit(uint64_t limbs[4], unsigned digit) {
  __extension__ typedef unsigned __int128 u128;
  u128 carry = digit;
  for (int i = 0; i < 4; i++) {
    carry += (u128)limbs[i] * 10;
    limbs[i] = (uint64_t)carry;
    carry >>= 64;
  }
}

/* A decimal number's digits before and after the point, and its exponent. */
struct decimal {
  bool negative;
  const uint8_t *whole, *fraction;
  int64_t whole_size, fraction_size, exponent;
};

static bool scan_decimal_parts(struct text *t, struct decimal *d) {
  *d = (struct decimal){.negative = take(t, '-')};
  if (!d->negative) take(t, '+');
  d->whole = t->p;
  while (!at_end(t) && is_digit(*t->p)) t->p++;
  d->whole_size = t->p - d->whole;
  d->fraction = t->p;
  if (take(t, '.')) {
    d->fraction = t->p;
    while (!at_end(t) && is_digit(*t->p)) t->p++;
    d->fraction_size = t->p - d->fraction;
  }
  if (d->whole_size + d->fraction_size == 0) return false;
  if (!take_word(t, "e")) return at_end(t);
  bool negative = take(t, '-');
  if (!negative) take(t, '+');
  if (at_end(t)) return false;
  for (; !at_end(t) && is_digit(*t->p); t->p++) {
    if (d->exponent < 100000) d->exponent = d->exponent * 10 + (*t->p - '0');
  }
  if (negative) d->exponent = -d->exponent;
  return at_end(t);
}

static const char *scan_decimal(const struct lam_type *type, struct lam_bytes text, void *out) {
  struct text t = {text.data, text.data + text.size};
  struct decimal d;
  uint64_t limbs[4] = {0};
  if (!scan_decimal_parts(&t, &d)) return not_a_decimal;
  int64_t count = d.whole_size + d.fraction_size, digits = 0;
  /* Digit i counts 10^(power - i); the value is kept in units of 10^-scale. */
  int64_t power = d.whole_size - 1 + d.exponent;
  for (int64_t i = 0; i < count; i++) {
    unsigned digit = (unsigned)((i < d.whole_size ? d.whole[i] : d.fraction[i - d.whole_size]) - '0');
    if (digits == 0 && digit == 0) continue;
    if (power - i < -type->scale) {
      if (digit) return "it has more decimals than the type";
      continue;
    }
    if (++digits > type->precision) return out_of_range;
    push_digit(limbs, digit);
  }
  for (int64_t zeros = power - (count - 1) + type->scale; digits && zeros > 0; zeros--) {
    if (++digits > type->precision) return out_of_range;
    push_digit(limbs, 0);
  }
  uint64_t carry = 1;
  for (int i = 0; d.negative && i < 4; i++) {
    limbs[i] = ~limbs[i] + carry;
    carry = carry && limbs[i] == 0;
  }
  memcpy(out, limbs, (size_t)lam_type_bits(type) / 8);
  return NULL;
}

/* ---- dates and times ---- */

static bool take_two(struct text *t, int *out) {
  if (t->end - t->p < 2 || !is_digit(t->p[0]) || !is_digit(t->p[1])) return false;
  *out = (t->p[0] - '0') * 10 + (t->p[1] - '0');
  t->p += 2;
  return true;
}

/* "2001-02-03", with more digits and a sign for far years. */
static const char *take_date(struct text *t, int64_t *days) {
  static const char *const form = "it is not of the form YYYY-MM-DD";
  bool negative = take(t, '-');
  int64_t year = 0;
  int digits = 0, month = 0, day = 0;
  for (; !at_end(t) && is_digit(*t->p) && digits <= 12; t->p++, digits++) year = year * 10 + (*t->p - '0');
  if (digits < 4 || digits > 12 || !take(t, '-') || !take_two(t, &month) || !take(t, '-') || !take_two(t, &day))
    return form;
  if (negative) year = -year;
  if (month < 1 || month > 12 || day < 1 || day > lam_days_of_month(year, month)) return "there is no such day";
  *days = lam_days_of_civil(year, month, day);
  return NULL;
}

/* Digits behind the point, in units; what the unit cannot hold has to be zero. */
static const char *take_fraction(struct text *t, enum lam_arrow_unit unit, int64_t *out) {
  int digits = 0;
  *out = 0;
  if (!take(t, '.')) return NULL;
  for (; !at_end(t) && is_digit(*t->p); t->p++, digits++) {
    if (digits < unit_digits[unit])
      *out = *out * 10 + (*t->p - '0');
    else if (*t->p != '0')
      return "it has more digits of a second than the type";
  }
  if (digits == 0) return "there are no digits behind its point";
  for (; digits < unit_digits[unit]; digits++) *out *= 10;
  return NULL;
}

/* "01:02[:03[.004]]": seconds of the day and the fraction in units. */
static const char *take_time(struct text *t, enum lam_arrow_unit unit, int64_t *seconds, int64_t *fraction) {
  int hour = 0, minute = 0, second = 0;
  *fraction = 0;
  if (!take_two(t, &hour) || !take(t, ':') || !take_two(t, &minute)) return "its time is not of the form HH:MM:SS";
  if (take(t, ':')) {
    if (!take_two(t, &second)) return "its time is not of the form HH:MM:SS";
    const char *wrong = take_fraction(t, unit, fraction);
    if (wrong) return wrong;
  }
  if (hour > 23 || minute > 59 || second > 59) return "there is no such time of day";
  *seconds = hour * 3600 + minute * 60 + second;
  return NULL;
}

/* "Z", "UTC", "+01", "+01:00", "+0100", behind a space or not; *found tells whether there is one. */
static const char *take_zone(struct text *t, bool *found, int64_t *offset) {
  static const char *const form = "its time zone is not of the form Z or +HH:MM";
  *offset = 0;
  *found = !at_end(t);
  if (!*found) return NULL;
  take(t, ' ');
  if (take_word(t, "z") || take_word(t, "utc")) return at_end(t) ? NULL : form;
  bool negative = take(t, '-');
  int hour = 0, minute = 0;
  if ((!negative && !take(t, '+')) || !take_two(t, &hour)) return form;
  if (!at_end(t)) {
    take(t, ':');
    if (!take_two(t, &minute)) return form;
  }
  if (!at_end(t) || hour > 23 || minute > 59) return form;
  *offset = (hour * 60 + minute) * 60;
  if (negative) *offset = -*offset;
  return NULL;
}

static const char *scan_timestamp(const struct lam_type *type, struct lam_bytes text, int64_t *out) {
  struct text t = {text.data, text.data + text.size};
  int64_t days = 0, seconds = 0, fraction = 0, offset = 0, value;
  bool zone = false;
  const char *wrong = take_date(&t, &days);
  if (wrong) return wrong;
  if (!at_end(&t)) {
    if (!take(&t, ' ') && !take(&t, 'T') && !take(&t, 't')) return "it is not of the form YYYY-MM-DD HH:MM:SS";
    wrong = take_time(&t, type->unit, &seconds, &fraction);
    if (!wrong) wrong = take_zone(&t, &zone, &offset);
    if (wrong) return wrong;
  }
  if (zone && !*type->timezone) return "it has a time zone and the type has none";
  /* Below zero the fraction counts up again: one second more is subtracted first, so that no step
   * passes the range when the sum does not. */
  if (__builtin_mul_overflow(days, (int64_t)LAM_SECONDS_OF_DAY, &days) ||
      __builtin_add_overflow(days, seconds - offset, &seconds))
    return out_of_range;
  if (seconds < 0 && fraction > 0) seconds++, fraction -= per_second[type->unit];
  if (__builtin_mul_overflow(seconds, per_second[type->unit], &value) ||
      __builtin_add_overflow(value, fraction, &value))
    return out_of_range;
  *out = value;
  return NULL;
}

static const char *scan_time(const struct lam_type *type, struct lam_bytes text, void *out) {
  struct text t = {text.data, text.data + text.size};
  int64_t seconds = 0, fraction = 0;
  const char *wrong = take_time(&t, type->unit, &seconds, &fraction);
  if (wrong) return wrong;
  if (!at_end(&t)) return "there is more behind its time";
  int64_t value = seconds * per_second[type->unit] + fraction;
  memcpy(out, &value, type->id == LAM_TYPE_TIME32 ? 4 : 8);
  return NULL;
}

static const char *scan_date32(struct lam_bytes text, void *out) {
  struct text t = {text.data, text.data + text.size};
  int64_t days = 0;
  const char *wrong = take_date(&t, &days);
  if (wrong) return wrong;
  if (!at_end(&t)) return "there is more behind its date";
  if (days < INT32_MIN || days > INT32_MAX) return out_of_range;
  int32_t value = (int32_t)days;
  memcpy(out, &value, 4);
  return NULL;
}

/* "PT1.5S", or a whole number of units. */
static const char *scan_duration(const struct lam_type *type, struct lam_bytes text, void *out) {
  struct text t = {text.data, text.data + text.size};
  static const char *const form = "it is not of the form PT1.5S";
  if (!take(&t, 'P')) return scan_integer(text, 64, true, out) ? form : NULL;
  if (!take(&t, 'T')) return form;
  bool negative = take(&t, '-');
  struct text digits = {t.p, t.p};
  while (digits.end < t.end && is_digit(*digits.end)) digits.end++;
  uint64_t seconds;
  int64_t fraction, value;
  t.p = digits.end;
  const char *wrong = scan_magnitude(&digits, &seconds);
  if (!wrong) wrong = take_fraction(&t, type->unit, &fraction);
  if (wrong) return wrong;
  if (!take(&t, 'S') || !at_end(&t)) return form;
  if (seconds > INT64_MAX ||
      __builtin_mul_overflow((int64_t)seconds, negative ? -per_second[type->unit] : per_second[type->unit], &value) ||
      __builtin_add_overflow(value, negative ? -fraction : fraction, &value))
    return out_of_range;
  memcpy(out, &value, 8);
  return NULL;
}

/* ---- the rest ---- */

static const char *scan_bool(struct lam_bytes text, void *out) {
  bool yes = is_word(text, "true") || (text.size == 1 && *text.data == '1');
  if (!yes && !is_word(text, "false") && !(text.size == 1 && *text.data == '0')) return "it is not true or false";
  *(uint8_t *)out = yes;
  return NULL;
}

static int hex_digit(uint8_t c) {
  if (is_digit(c)) return c - '0';
  c |= 32;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Pairs of digits; of 16 bytes also with the dashes of a UUID. */
static const char *scan_hex(struct lam_bytes text, size_t width, uint8_t *out) {
  bool uuid = width == 16 && text.size == 36;
  if (!uuid && text.size != 2 * width) return "it has not two hexadecimal digits for each byte of the type";
  const uint8_t *p = text.data;
  for (size_t i = 0; i < width; i++, p += 2) {
    if (uuid && (i == 4 || i == 6 || i == 8 || i == 10) && *p++ != '-') return "it is not a UUID";
    int high = hex_digit(p[0]), low = hex_digit(p[1]);
    if (high < 0 || low < 0) return "it is not in hexadecimal digits";
    out[i] = (uint8_t)(high << 4 | low);
  }
  return NULL;
}

static const char *scan_half(struct lam_bytes text, void *out) {
  double value;
  const char *wrong = lam_double_scan(text, &value);
  if (wrong) return wrong;
  uint16_t half = lam_half_of_double(value);
  if ((half & 0x7fff) == 0x7c00 && value - value == 0) return out_of_range;
  memcpy(out, &half, 2);
  return NULL;
}

static const char *scan_wide(const struct lam_type *type, struct lam_bytes text, void *out) {
  int64_t value = 0;
  const char *wrong = NULL;
  if (type->id == LAM_TYPE_DATE64) {
    struct lam_type milli = {.id = LAM_TYPE_TIMESTAMP, .unit = LAM_UNIT_MILLI, .timezone = ""};
    wrong = scan_timestamp(&milli, text, &value);
  } else {
    wrong = scan_timestamp(type, text, &value);
  }
  if (!wrong) memcpy(out, &value, 8);
  return wrong;
}

static const char *scan_float(const struct lam_type *type, struct lam_bytes text, void *out) {
  float f;
  double d;
  if (type->id == LAM_TYPE_FLOAT16) return scan_half(text, out);
  const char *wrong = type->id == LAM_TYPE_FLOAT32 ? lam_float_scan(text, &f) : lam_double_scan(text, &d);
  if (wrong) return wrong;
  if (type->id == LAM_TYPE_FLOAT32)
    memcpy(out, &f, 4);
  else
    memcpy(out, &d, 8);
  return NULL;
}

const char *lam_value_scan(const struct lam_type *type, struct lam_bytes text, void *out) {
  if (text.size == 0 && !(type->id == LAM_TYPE_FIXED_BINARY && type->byte_width == 0)) return "it is empty";
  switch (type->id) {
    case LAM_TYPE_BOOL: return scan_bool(text, out);
    case LAM_TYPE_INT8: return scan_integer(text, 8, true, out);
    case LAM_TYPE_INT16: return scan_integer(text, 16, true, out);
    case LAM_TYPE_INT32: return scan_integer(text, 32, true, out);
    case LAM_TYPE_INT64: return scan_integer(text, 64, true, out);
    case LAM_TYPE_UINT8: return scan_integer(text, 8, false, out);
    case LAM_TYPE_UINT16: return scan_integer(text, 16, false, out);
    case LAM_TYPE_UINT32: return scan_integer(text, 32, false, out);
    case LAM_TYPE_UINT64: return scan_integer(text, 64, false, out);
    case LAM_TYPE_FLOAT16:
    case LAM_TYPE_FLOAT32:
    case LAM_TYPE_FLOAT64: return scan_float(type, text, out);
    case LAM_TYPE_DECIMAL128:
    case LAM_TYPE_DECIMAL256: return scan_decimal(type, text, out);
    case LAM_TYPE_DATE32: return scan_date32(text, out);
    case LAM_TYPE_TIME32:
    case LAM_TYPE_TIME64: return scan_time(type, text, out);
    case LAM_TYPE_DATE64:
    case LAM_TYPE_TIMESTAMP: return scan_wide(type, text, out);
    case LAM_TYPE_DURATION: return scan_duration(type, text, out);
    case LAM_TYPE_FIXED_BINARY: return scan_hex(text, (size_t)type->byte_width, out);
    default: return "values of this type are not read from text";
  }
}

static enum lam_status fail(const struct lam_type *type, struct lam_bytes text, const char *wrong,
                            struct lam_error *error) {
  char name[96], quoted[72];
  if (!error) return LAM_INVALID;
  return lam_fail(error, LAM_INVALID, "%s is not a value of type %s: %s", lam_text_quote(text, quoted, sizeof quoted),
                  lam_type_name(type, name, sizeof name), wrong);
}

enum lam_status lam_value_parse(const struct lam_type *type, struct lam_bytes text, void *out,
                                struct lam_error *error) {
  const char *wrong = lam_value_scan(type, text, out);
  return wrong ? fail(type, text, wrong, error) : LAM_OK;
}

/* Makes room in the column first and reads the digits into a scratch of the same account. */
static enum lam_status build_hex(struct lam_builder *builder, struct lam_bytes text, struct lam_error *error) {
  struct lam_buf scratch;
  lam_buf_init(&scratch, builder->mem);
  bool fixed = builder->type.id == LAM_TYPE_FIXED_BINARY;
  size_t width = fixed ? (size_t)builder->type.byte_width : text.size / 2;
  if (!fixed && text.size % 2) return fail(&builder->type, text, "it has an odd number of digits", error);
  LAM_TRY(lam_buf_reserve(&scratch, width, error));
  const char *wrong = scan_hex(text, width, scratch.data);
  enum lam_status status = wrong   ? fail(&builder->type, text, wrong, error)
                           : fixed ? lam_builder_fixed(builder, scratch.data, error)
                                   : lam_builder_bytes(builder, lam_bytes_of(scratch.data, width), error);
  lam_buf_release(&scratch);
  return status;
}

enum lam_status lam_value_build(struct lam_builder *builder, struct lam_bytes text, struct lam_error *error) {
  switch (builder->type.id) {
    case LAM_TYPE_STRING:
    case LAM_TYPE_LARGE_STRING:
      if (!lam_utf8_valid(text)) return fail(&builder->type, text, "it is not UTF-8", error);
      return lam_builder_bytes(builder, text, error);
    case LAM_TYPE_BINARY:
    case LAM_TYPE_LARGE_BINARY:
    case LAM_TYPE_FIXED_BINARY: return build_hex(builder, text, error);
    default: break;
  }
  uint64_t value[4];
  const char *wrong = lam_value_scan(&builder->type, text, value);
  if (__builtin_expect(wrong != NULL, 0)) return fail(&builder->type, text, wrong, error);
  if (builder->type.id == LAM_TYPE_BOOL) return lam_builder_bool(builder, *(const uint8_t *)value, error);
  return lam_builder_fixed(builder, value, error);
}
