#include "parquet/store_value.h"

#include <inttypes.h>

#define MILLISECONDS_OF_A_DAY INT64_C(86400000)

static enum lam_store_rule decimal_rule(enum lam_physical physical) {
  if (physical == LAM_INT32) return LAM_STORE_DECIMAL_INT32;
  return physical == LAM_INT64 ? LAM_STORE_DECIMAL_INT64 : LAM_STORE_DECIMAL_FIXED;
}

static enum lam_store_rule rule_of(const struct lam_type *type, enum lam_physical physical) {
  bool seconds = type->unit == LAM_UNIT_SECOND;
  switch (type->id) {
    case LAM_TYPE_NULL: return LAM_STORE_NULL;
    case LAM_TYPE_BOOL: return LAM_STORE_BITS;
    case LAM_TYPE_INT8: return LAM_STORE_INT8;
    case LAM_TYPE_INT16: return LAM_STORE_INT16;
    case LAM_TYPE_UINT8: return LAM_STORE_UINT8;
    case LAM_TYPE_UINT16: return LAM_STORE_UINT16;
    case LAM_TYPE_UINT32: return physical == LAM_INT64 ? LAM_STORE_UINT32_WIDE : LAM_STORE_SAME;
    case LAM_TYPE_DECIMAL128:
    case LAM_TYPE_DECIMAL256: return decimal_rule(physical);
    case LAM_TYPE_DATE64: return physical == LAM_INT32 ? LAM_STORE_DAYS : LAM_STORE_SAME;
    case LAM_TYPE_TIME32: return seconds ? LAM_STORE_SCALE32 : LAM_STORE_SAME;
    case LAM_TYPE_TIMESTAMP: return seconds ? LAM_STORE_SCALE64 : LAM_STORE_SAME;
    case LAM_TYPE_STRING:
    case LAM_TYPE_LARGE_STRING:
    case LAM_TYPE_BINARY:
    case LAM_TYPE_LARGE_BINARY:
    case LAM_TYPE_STRING_VIEW:
    case LAM_TYPE_BINARY_VIEW: return LAM_STORE_BYTES;
    default: return LAM_STORE_SAME;
  }
}

/* What the rule makes must be what the leaf has. */
static bool fits(const struct lam_storing *storing, const struct lam_schema_node *leaf) {
  enum lam_physical physical = (enum lam_physical)leaf->physical;
  switch (storing->rule) {
    case LAM_STORE_NULL: return physical != LAM_INT96;
    case LAM_STORE_BITS: return physical == LAM_BOOLEAN;
    case LAM_STORE_BYTES: return physical == LAM_BYTE_ARRAY;
    case LAM_STORE_SAME: return storing->from_width > 0 && storing->from_width == storing->to_width;
    case LAM_STORE_INT8:
    case LAM_STORE_INT16:
    case LAM_STORE_UINT8:
    case LAM_STORE_UINT16:
    case LAM_STORE_SCALE32:
    case LAM_STORE_DAYS:
    case LAM_STORE_DECIMAL_INT32: return physical == LAM_INT32;
    case LAM_STORE_UINT32_WIDE:
    case LAM_STORE_SCALE64:
    case LAM_STORE_DECIMAL_INT64: return physical == LAM_INT64;
    case LAM_STORE_DECIMAL_FIXED: return physical == LAM_FIXED_LEN_BYTE_ARRAY && leaf->type_length > 0;
  }
  return false;
}

enum lam_status lam_storing_of(const struct lam_type *type, const struct lam_schema_node *leaf, struct lam_storing *out,
                               struct lam_error *error) {
  char name[96];
  *out = (struct lam_storing){.rule = rule_of(type, (enum lam_physical)leaf->physical),
                              .from_width = (size_t)lam_type_bits(type) / 8,
                              .to_width = (size_t)lam_physical_width(leaf->physical, leaf->type_length)};
  if (!lam_type_is_nested(type->id) && fits(out, leaf)) return LAM_OK;
  return lam_fail(error, LAM_UNSUPPORTED, "values of type %s cannot be written as %s of %zu bytes",
                  lam_type_name(type, name, sizeof name), lam_physical_name((enum lam_physical)leaf->physical),
                  out->to_width);
}

/* ---- numbers ---- */

#define WIDEN(name, from_type, to_type)                              \
  static void name(const uint8_t *from, size_t count, uint8_t *to) { \
    for (size_t i = 0; i < count; i++) {                             \
      from_type narrow;                                              \
      memcpy(&narrow, from + i * sizeof narrow, sizeof narrow);      \
      to_type wide = (to_type)narrow;                                \
      memcpy(to + i * sizeof wide, &wide, sizeof wide);              \
    }                                                                \
  }
WIDEN(widen_int8, int8_t, int32_t)
WIDEN(widen_int16, int16_t, int32_t)
WIDEN(widen_uint8, uint8_t, int32_t)
WIDEN(widen_uint16, uint16_t, int32_t)
WIDEN(widen_uint32, uint32_t, int64_t)

static enum lam_status does_not_fit(int64_t value, const char *what, struct lam_error *error) {
  return lam_fail(error, LAM_INVALID, "%" PRId64 " %s", value, what);
}

static enum lam_status scale32(const uint8_t *from, size_t count, uint8_t *to, struct lam_error *error) {
  for (size_t i = 0; i < count; i++) {
    int32_t value = (int32_t)lam_load32(from + 4 * i), scaled;
    if (__builtin_mul_overflow(value, 1000, &scaled))
      return does_not_fit(value, "seconds do not fit 32 bits as milliseconds", error);
    lam_store32(to + 4 * i, (uint32_t)scaled);
  }
  return LAM_OK;
}

static enum lam_status scale64(const uint8_t *from, size_t count, uint8_t *to, struct lam_error *error) {
  for (size_t i = 0; i < count; i++) {
    int64_t value = (int64_t)lam_load64(from + 8 * i), scaled;
    if (__builtin_mul_overflow(value, INT64_C(1000), &scaled))
      return does_not_fit(value, "seconds do not fit 64 bits as milliseconds", error);
    lam_store64(to + 8 * i, (uint64_t)scaled);
  }
  return LAM_OK;
}

static enum lam_status days(const uint8_t *from, size_t count, uint8_t *to, struct lam_error *error) {
  for (size_t i = 0; i < count; i++) {
    int64_t value = (int64_t)lam_load64(from + 8 * i);
    int64_t day = value / MILLISECONDS_OF_A_DAY - (value % MILLISECONDS_OF_A_DAY < 0);
    if (day != (int32_t)day) return does_not_fit(value, "milliseconds are no date of 32 bits of days", error);
    lam_store32(to + 4 * i, (uint32_t)day);
  }
  return LAM_OK;
}

/* ---- decimals ---- */

/* Whether the two's complement number of `from` bytes is the sign extension of its first `to`. */
static bool decimal_fits(const uint8_t *value, size_t from, size_t to) {
  if (to >= from) return true;
  uint8_t sign = value[to - 1] & 0x80 ? 0xff : 0;
  for (size_t i = to; i < from; i++)
    if (value[i] != sign) return false;
  return true;
}

static enum lam_status decimals(const struct lam_storing *storing, const uint8_t *from, size_t count, uint8_t *to,
                                struct lam_error *error) {
  size_t wide = storing->from_width, width = storing->to_width, both = width < wide ? width : wide;
  bool big_endian = storing->rule == LAM_STORE_DECIMAL_FIXED;
  for (size_t i = 0; i < count; i++, from += wide, to += width) {
    if (!decimal_fits(from, wide, width))
      return lam_fail(error, LAM_INVALID, "a decimal has more digits than its column's precision, in %zu bytes, holds",
                      width);
    if (!big_endian) {
      memcpy(to, from, width);
      continue;
    }
    memset(to, from[wide - 1] & 0x80 ? 0xff : 0, width - both);
    for (size_t b = 0; b < both; b++) to[width - 1 - b] = from[b];
  }
  return LAM_OK;
}

enum lam_status lam_store_values(const struct lam_storing *storing, const uint8_t *from, size_t count, uint8_t *to,
                                 struct lam_error *error) {
  switch (storing->rule) {
    case LAM_STORE_SAME: lam_copy(to, from, count * storing->to_width); break;
    case LAM_STORE_INT8: widen_int8(from, count, to); break;
    case LAM_STORE_INT16: widen_int16(from, count, to); break;
    case LAM_STORE_UINT8: widen_uint8(from, count, to); break;
    case LAM_STORE_UINT16: widen_uint16(from, count, to); break;
    case LAM_STORE_UINT32_WIDE: widen_uint32(from, count, to); break;
    case LAM_STORE_SCALE32: return scale32(from, count, to, error);
    case LAM_STORE_SCALE64: return scale64(from, count, to, error);
    case LAM_STORE_DAYS: return days(from, count, to, error);
    case LAM_STORE_DECIMAL_INT32:
    case LAM_STORE_DECIMAL_INT64:
    case LAM_STORE_DECIMAL_FIXED: return decimals(storing, from, count, to, error);
    case LAM_STORE_BITS:
    case LAM_STORE_BYTES:
    case LAM_STORE_NULL: break;
  }
  return LAM_OK;
}
