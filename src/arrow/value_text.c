#include "arrow/value_text.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "arrow/calendar.h"
#include "base/error.h"

static const int64_t per_second[] = {1, 1000, 1000000, 1000000000};
static const int unit_digits[] = {0, 3, 6, 9};

/* ---- dates and times ---- */

/* `value` in `digits` digits at least, with leading zeros. */
static char *put_padded(char *p, uint64_t value, int digits) {
  char text[20];
  int count = (int)lam_uint_format(value, text);
  for (int i = count; i < digits; i++) *p++ = '0';
  memcpy(p, text, (size_t)count);
  return p + count;
}

static char *put_two(char *p, int64_t value) {
  *p++ = (char)('0' + value / 10);
  *p++ = (char)('0' + value % 10);
  return p;
}

static char *put_date(char *p, int64_t days) {
  struct lam_civil civil = lam_civil_of_days(days);
  if (civil.year < 0) *p++ = '-';
  p = put_padded(p, (uint64_t)(civil.year < 0 ? -civil.year : civil.year), 4);
  *p++ = '-';
  p = put_two(p, civil.month);
  *p++ = '-';
  return put_two(p, civil.day);
}

/* A fraction of a second is written in all digits of its unit, or not at all. */
static char *put_fraction(char *p, int64_t fraction, enum lam_arrow_unit unit) {
  if (fraction == 0) return p;
  *p++ = '.';
  return put_padded(p, (uint64_t)fraction, unit_digits[unit]);
}

static char *put_time(char *p, int64_t value, enum lam_arrow_unit unit) {
  if (value < 0) *p++ = '-'; /* not a time of day; shown all the same */
  uint64_t a = value < 0 ? 0 - (uint64_t)value : (uint64_t)value, second = (uint64_t)per_second[unit];
  uint64_t seconds = a / second;
  p = put_padded(p, seconds / 3600, 2);
  *p++ = ':';
  p = put_two(p, (int64_t)(seconds / 60 % 60));
  *p++ = ':';
  p = put_two(p, (int64_t)(seconds % 60));
  return put_fraction(p, (int64_t)(a % second), unit);
}

static char *put_timestamp(char *p, int64_t value, enum lam_arrow_unit unit, const char *timezone) {
  int64_t seconds = lam_floor_div(value, per_second[unit]), fraction = lam_floor_mod(value, per_second[unit]);
  p = put_date(p, lam_floor_div(seconds, LAM_SECONDS_OF_DAY));
  *p++ = ' ';
  p = put_time(p, lam_floor_mod(seconds, LAM_SECONDS_OF_DAY), LAM_UNIT_SECOND);
  p = put_fraction(p, fraction, unit);
  if (*timezone) *p++ = 'Z';
  return p;
}

/* Seconds as ISO 8601 has them: "PT1.5S". */
static char *put_duration(char *p, int64_t value, enum lam_arrow_unit unit) {
  uint64_t a = value < 0 ? 0 - (uint64_t)value : (uint64_t)value, second = (uint64_t)per_second[unit];
  *p++ = 'P', *p++ = 'T';
  if (value < 0) *p++ = '-';
  p += lam_uint_format(a / second, p);
  p = put_fraction(p, (int64_t)(a % second), unit);
  *p++ = 'S';
  return p;
}

static size_t put_interval(char *out, int32_t months, int32_t days, int64_t value, enum lam_arrow_unit unit) {
  char *p = out + snprintf(out, 32, "P%dM%dD", months, days);
  char time[40];
  size_t size = (size_t)(put_duration(time, value, unit) - time) - 1; /* its P */
  memcpy(p, time + 1, size);
  return (size_t)(p - out) + size;
}

/* ---- decimals ---- */

__extension__ typedef unsigned __int128 u128;

/* Divides a number of `count` 64-bit limbs, lowest first, by 10^19 in place and returns the rest. */
static uint64_t divide_limbs(uint64_t *limbs, int count) {
  const uint64_t divisor = 10000000000000000000u;
  uint64_t rest = 0;
  for (int i = count - 1; i >= 0; i--) {
    u128 part = ((u128)rest << 64) | limbs[i];
    limbs[i] = (uint64_t)(part / divisor);
    rest = (uint64_t)(part % divisor);
  }
  return rest;
}

static bool is_zero(const uint64_t *limbs, int count) {
  uint64_t all = 0;
  for (int i = 0; i < count; i++) all |= limbs[i];
  return all == 0;
}

/* The digits of the magnitude, right-aligned in `digits` of 80; at least one. */
static int magnitude_digits(uint64_t *limbs, int count, char *digits) {
  char *end = digits + 80, *p = end;
  do {
    uint64_t part = divide_limbs(limbs, count);
    bool last = is_zero(limbs, count);
    for (int i = 0; i < 19 && (part || !last || i == 0); i++, part /= 10) *--p = (char)('0' + part % 10);
    if (last) break;
  } while (true);
  return (int)(end - p);
}

static size_t put_decimal(const struct lam_type *type, const void *value, char *out) {
  int count = type->id == LAM_TYPE_DECIMAL256 ? 4 : 2;
  uint64_t limbs[4];
  memcpy(limbs, value, (size_t)count * 8);
  bool negative = limbs[count - 1] >> 63;
  uint64_t carry = 1;
  for (int i = 0; negative && i < count; i++) {
    limbs[i] = ~limbs[i] + carry;
    carry = carry && limbs[i] == 0;
  }
  char buffer[80];
  int size = magnitude_digits(limbs, count, buffer);
  const char *digits = buffer + 80 - size;
  char *p = out;
  if (negative) *p++ = '-';
  int whole = size - type->scale;
  if (whole <= 0) *p++ = '0';
  for (int i = 0; i < whole; i++) *p++ = i < size ? digits[i] : '0';
  if (size == 1 && *digits == '0' && type->scale < 0) p = out + 1; /* zero has no trailing zeros */
  if (type->scale > 0) *p++ = '.';
  for (int i = whole; i < 0; i++) *p++ = '0';
  for (int i = whole > 0 ? whole : 0; i < size; i++) *p++ = digits[i];
  return (size_t)(p - out);
}

/* ---- all fixed-width types ---- */

static int64_t load_signed(const void *value, int bits) {
  switch (bits) {
    case 8: return *(const int8_t *)value;
    case 16: return (int16_t)lam_load16(value);
    case 32: return (int32_t)lam_load32(value);
    default: return (int64_t)lam_load64(value);
  }
}

static uint64_t load_unsigned(const void *value, int bits) {
  switch (bits) {
    case 8: return *(const uint8_t *)value;
    case 16: return lam_load16(value);
    case 32: return lam_load32(value);
    default: return lam_load64(value);
  }
}

static size_t put_half(uint16_t half, char *out) {
  float value = lam_half_to_float(half);
  char text[32];
  for (int precision = 1; precision < 5; precision++) {
    snprintf(text, sizeof text, "%.*e", precision - 1, (double)value);
    double back = strtod(text, NULL);
    if (lam_half_of_double(back) == half) return lam_double_format(back, out);
  }
  return lam_float_format(value, out);
}

static size_t put_date64(int64_t value, char *out) {
  const int64_t day = LAM_SECONDS_OF_DAY * 1000;
  if (value % day) return (size_t)(put_timestamp(out, value, LAM_UNIT_MILLI, "") - out);
  return (size_t)(put_date(out, value / day) - out);
}

size_t lam_value_format(const struct lam_type *type, const void *value, char *out) {
  int bits = lam_type_bits(type);
  switch (type->id) {
    case LAM_TYPE_BOOL: {
      bool set = *(const uint8_t *)value != 0;
      memcpy(out, set ? "true" : "false", set ? 4 : 5);
      return set ? 4 : 5;
    }
    case LAM_TYPE_INT8:
    case LAM_TYPE_INT16:
    case LAM_TYPE_INT32:
    case LAM_TYPE_INT64: return lam_int_format(load_signed(value, bits), out);
    case LAM_TYPE_UINT8:
    case LAM_TYPE_UINT16:
    case LAM_TYPE_UINT32:
    case LAM_TYPE_UINT64: return lam_uint_format(load_unsigned(value, bits), out);
    case LAM_TYPE_FLOAT16: return put_half(lam_load16(value), out);
    case LAM_TYPE_FLOAT32: {
      float f;
      memcpy(&f, value, 4);
      return lam_float_format(f, out);
    }
    case LAM_TYPE_FLOAT64: {
      double d;
      memcpy(&d, value, 8);
      return lam_double_format(d, out);
    }
    case LAM_TYPE_DECIMAL128:
    case LAM_TYPE_DECIMAL256: return put_decimal(type, value, out);
    case LAM_TYPE_DATE32: return (size_t)(put_date(out, load_signed(value, bits)) - out);
    case LAM_TYPE_DATE64: return put_date64(load_signed(value, bits), out);
    case LAM_TYPE_TIME32:
    case LAM_TYPE_TIME64: return (size_t)(put_time(out, load_signed(value, bits), type->unit) - out);
    case LAM_TYPE_TIMESTAMP:
      return (size_t)(put_timestamp(out, load_signed(value, bits), type->unit, type->timezone) - out);
    case LAM_TYPE_DURATION: return (size_t)(put_duration(out, load_signed(value, bits), type->unit) - out);
    case LAM_TYPE_INTERVAL_MONTHS: return put_interval(out, (int32_t)lam_load32(value), 0, 0, LAM_UNIT_SECOND);
    case LAM_TYPE_INTERVAL_DAY_TIME:
      return put_interval(out, 0, (int32_t)lam_load32(value), (int32_t)lam_load32((const char *)value + 4),
                          LAM_UNIT_MILLI);
    case LAM_TYPE_INTERVAL_MONTH_DAY_NANO:
      return put_interval(out, (int32_t)lam_load32(value), (int32_t)lam_load32((const char *)value + 4),
                          (int64_t)lam_load64((const char *)value + 8), LAM_UNIT_NANO);
    default: assert(false); return 0; /* variable width */
  }
}

/* ---- rows ---- */

enum lam_status lam_hex_append(struct lam_buf *out, struct lam_bytes bytes, struct lam_error *error) {
  if (bytes.size == 0) return LAM_OK; /* `out` may have no memory yet */
  LAM_TRY(lam_buf_room(out, bytes.size * 2, error));
  uint8_t *p = out->data + out->size;
  for (size_t i = 0; i < bytes.size; i++) {
    *p++ = (uint8_t) "0123456789abcdef"[bytes.data[i] >> 4];
    *p++ = (uint8_t) "0123456789abcdef"[bytes.data[i] & 15];
  }
  out->size += bytes.size * 2;
  return LAM_OK;
}

bool lam_is_uuid(const struct ArrowSchema *schema) {
  return lam_bytes_equal(lam_schema_metadata(schema, "ARROW:extension:name"), lam_bytes_of_string("arrow.uuid"));
}

enum lam_status lam_binary_append(struct lam_buf *out, struct lam_bytes bytes, bool uuid, struct lam_error *error) {
  static const uint8_t parts[] = {4, 2, 2, 2, 6};
  if (!uuid || bytes.size != 16) return lam_hex_append(out, bytes, error);
  for (int i = 0; i < 5; i++) {
    if (i) LAM_TRY(lam_buf_append(out, "-", 1, error));
    LAM_TRY(lam_hex_append(out, lam_bytes_of(bytes.data, parts[i]), error));
    bytes.data += parts[i];
  }
  return LAM_OK;
}

enum lam_status lam_value_text(const struct lam_view *view, int64_t row, struct lam_buf *out, struct lam_error *error) {
  if (!lam_view_valid(view, row)) return LAM_OK;
  if (view->dictionary_array) {
    struct lam_view values;
    LAM_TRY(lam_view_dictionary(view, &values, error));
    int64_t index = lam_view_index(view, row);
    if (index < 0 || index >= values.length)
      return lam_fail(error, LAM_INVALID, "row %lld has index %lld into a dictionary of %lld", (long long)row,
                      (long long)index, (long long)values.length);
    return lam_value_text(&values, index, out, error);
  }
  switch (view->type.id) {
    case LAM_TYPE_STRING:
    case LAM_TYPE_LARGE_STRING: {
      struct lam_bytes bytes = lam_view_bytes(view, row);
      return lam_buf_append(out, bytes.data, bytes.size, error);
    }
    case LAM_TYPE_BINARY:
    case LAM_TYPE_LARGE_BINARY:
    case LAM_TYPE_FIXED_BINARY: return lam_hex_append(out, lam_view_bytes(view, row), error);
    default: break;
  }
  if (lam_type_is_nested(view->type.id))
    return lam_fail(error, LAM_UNSUPPORTED, "column \"%s\" is nested; nested values have no plain text",
                    view->schema->name ? view->schema->name : "");
  LAM_TRY(lam_buf_room(out, LAM_VALUE_TEXT_ROOM, error));
  int64_t i = view->offset + row;
  uint8_t bit = view->type.id == LAM_TYPE_BOOL && lam_bit_get(view->data, i);
  const uint8_t *value =
      view->type.id == LAM_TYPE_BOOL ? &bit : (const uint8_t *)view->data + i * (lam_type_bits(&view->type) / 8);
  out->size += lam_value_format(&view->type, value, (char *)out->data + out->size);
  return LAM_OK;
}

/* ---- text ---- */

size_t lam_utf8_length(struct lam_bytes text) {
  const uint8_t *p = text.data;
  if (p[0] < 0x80) return 1;
  /* The first byte decides the length and, with the bounds of the second, excludes overlong forms,
   * surrogates and what is beyond U+10FFFF (Unicode 15, table 3-7). */
  size_t length = p[0] >= 0xc2 && p[0] <= 0xdf   ? 2
                  : p[0] >= 0xe0 && p[0] <= 0xef ? 3
                  : p[0] >= 0xf0 && p[0] <= 0xf4 ? 4
                                                 : 0;
  if (length == 0 || text.size < length) return 0;
  uint8_t low = p[0] == 0xe0 ? 0xa0 : p[0] == 0xf0 ? 0x90 : 0x80;
  uint8_t high = p[0] == 0xed ? 0x9f : p[0] == 0xf4 ? 0x8f : 0xbf;
  if (p[1] < low || p[1] > high) return 0;
  for (size_t i = 2; i < length; i++) {
    if (p[i] < 0x80 || p[i] > 0xbf) return 0;
  }
  return length;
}

bool lam_utf8_valid(struct lam_bytes text) {
  const uint8_t *p = text.data, *end = p + text.size;
  while (p < end) {
    while (end - p >= 8 && !(lam_load64(p) & 0x8080808080808080u)) p += 8;
    if (p == end) break;
    size_t length = lam_utf8_length(lam_bytes_of(p, (size_t)(end - p)));
    if (length == 0) return false;
    p += length;
  }
  return true;
}

const char *lam_text_quote(struct lam_bytes text, char *out, size_t room) {
  static const char cut[] = "…\"";
  size_t most = room - 1 - sizeof cut, n = 0, i = 0;
  out[n++] = '"';
  while (i < text.size) {
    size_t length = lam_utf8_length(lam_bytes_of(text.data + i, text.size - i));
    bool shown = length > 1 || (length == 1 && text.data[i] >= 0x20 && text.data[i] != 0x7f);
    size_t size = shown ? length : 1;
    if (n + size > most) break;
    if (shown)
      memcpy(out + n, text.data + i, size);
    else
      out[n] = '.';
    n += size;
    i += length ? length : 1;
  }
  snprintf(out + n, room - n, "%s", i < text.size ? cut : "\"");
  return out;
}
