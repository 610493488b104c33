#include "parquet/statistics.h"

#include <assert.h>
#include <math.h>

#include "base/kernel.h"
#include "parquet/schema.h"

static enum lam_compare compare_of_fixed(const struct lam_schema_node *leaf) {
  enum lam_logical_kind kind = lam_logical_of(leaf).kind;
  if (kind == LAM_LOGICAL_DECIMAL) return LAM_COMPARE_DECIMAL;
  if (kind == LAM_LOGICAL_FLOAT16) return LAM_COMPARE_FLOAT16;
  return leaf->type_length <= LAM_FIXED_BOUND_BYTES ? LAM_COMPARE_BYTES : LAM_COMPARE_NONE;
}

enum lam_compare lam_compare_of(const struct lam_schema_node *leaf) {
  enum lam_order order = lam_order_of(leaf);
  bool is_unsigned = order == LAM_ORDERED_UNSIGNED;
  if (order == LAM_ORDERED_NOT) return LAM_COMPARE_NONE;
  switch ((enum lam_physical)leaf->physical) {
    case LAM_BOOLEAN: return LAM_COMPARE_BOOL;
    case LAM_INT32: return is_unsigned ? LAM_COMPARE_UINT32 : LAM_COMPARE_INT32;
    case LAM_INT64: return is_unsigned ? LAM_COMPARE_UINT64 : LAM_COMPARE_INT64;
    case LAM_FLOAT: return LAM_COMPARE_FLOAT;
    case LAM_DOUBLE: return LAM_COMPARE_DOUBLE;
    /* A decimal of varying length would need sign extension to compare; we write none. */
    case LAM_BYTE_ARRAY: return is_unsigned ? LAM_COMPARE_BYTES : LAM_COMPARE_NONE;
    case LAM_FIXED_LEN_BYTE_ARRAY: return compare_of_fixed(leaf);
    case LAM_INT96: break;
  }
  return LAM_COMPARE_NONE;
}

static bool is_text(const struct lam_schema_node *leaf) {
  switch (lam_logical_of(leaf).kind) {
    case LAM_LOGICAL_STRING:
    case LAM_LOGICAL_ENUM:
    case LAM_LOGICAL_JSON: return true;
    default: return false;
  }
}

void lam_bounds_init(struct lam_bounds *bounds, struct lam_mem *mem, const struct lam_schema_node *leaf) {
  *bounds = (struct lam_bounds){.compare = lam_compare_of(leaf),
                                .text = is_text(leaf),
                                .width = lam_physical_width(leaf->physical, leaf->type_length)};
  bounds->keep = bounds->width ? (size_t)bounds->width : LAM_BOUND_BYTES + 1;
  lam_buf_init(&bounds->min_bytes, mem);
  lam_buf_init(&bounds->max_bytes, mem);
}

void lam_bounds_release(struct lam_bounds *bounds) {
  lam_buf_release(&bounds->min_bytes);
  lam_buf_release(&bounds->max_bytes);
}

void lam_bounds_clear(struct lam_bounds *bounds) {
  bounds->any = false;
  bounds->min_bytes.size = bounds->max_bytes.size = 0;
}

/* ---- numbers ---- */

/* The reduction is over locals of the value's own type, without branches, so that it vectorises. */
#define ADD_NUMBERS(name, type, member)                                              \
  static void name(struct lam_bounds *bounds, const uint8_t *values, size_t count) { \
    type first;                                                                      \
    memcpy(&first, values, sizeof first);                                            \
    type min = bounds->any ? (type)bounds->min.member : first;                       \
    type max = bounds->any ? (type)bounds->max.member : first;                       \
    for (size_t i = 0; i < count; i++) {                                             \
      type value;                                                                    \
      memcpy(&value, values + i * sizeof value, sizeof value);                       \
      min = value < min ? value : min;                                               \
      max = value > max ? value : max;                                               \
    }                                                                                \
    bounds->min.member = min;                                                        \
    bounds->max.member = max;                                                        \
    bounds->any = true;                                                              \
  }
ADD_NUMBERS(add_bool, uint8_t, u)
ADD_NUMBERS(add_int32, int32_t, i)
ADD_NUMBERS(add_uint32, uint32_t, u)
ADD_NUMBERS(add_int64, int64_t, i)
ADD_NUMBERS(add_uint64, uint64_t, u)

/* NaN compares false and so never becomes a bound; the bounds begin as an empty interval. */
#define ADD_FLOATS(name, type)                                                       \
  static void name(struct lam_bounds *bounds, const uint8_t *values, size_t count) { \
    type min = bounds->any ? (type)bounds->min.d : (type)INFINITY;                   \
    type max = bounds->any ? (type)bounds->max.d : -(type)INFINITY;                  \
    for (size_t i = 0; i < count; i++) {                                             \
      type value;                                                                    \
      memcpy(&value, values + i * sizeof value, sizeof value);                       \
      min = value < min ? value : min;                                               \
      max = value > max ? value : max;                                               \
    }                                                                                \
    if (!(min <= max)) return;                                                       \
    bounds->min.d = (double)min;                                                     \
    bounds->max.d = (double)max;                                                     \
    bounds->any = true;                                                              \
  }
ADD_FLOATS(add_float, float)
ADD_FLOATS(add_double, double)

/* A number that sorts as the half-precision value does: its magnitude with its sign. */
static int32_t half_key(uint16_t bits) {
  int32_t magnitude = bits & 0x7fff;
  return bits & 0x8000 ? -magnitude : magnitude;
}

static void add_float16(struct lam_bounds *bounds, const uint8_t *values, size_t count) {
  for (size_t i = 0; i < count; i++) {
    uint16_t bits = lam_load16(values + 2 * i);
    if ((bits & 0x7fff) > 0x7c00) continue; /* NaN */
    int32_t key = half_key(bits);
    if (!bounds->any || key < bounds->min.i) bounds->min.i = key;
    if (!bounds->any || key > bounds->max.i) bounds->max.i = key;
    bounds->any = true;
  }
}

/* ---- NaN ---- */

#define IS_NAN(value) ((value) != (value))
#define HALF_IS_NAN(value) (((value)&0x7fff) > 0x7c00)
/* Sums of the values' own width, of no more than fit it: so they vectorise. */
#define COUNT_NANS(name, name_at, type, sum, is_nan)                                    \
  LAM_KERNEL static sum name(const uint8_t *values, size_t count) {                     \
    sum found = 0;                                                                      \
    for (size_t i = 0; i < count; i++) {                                                \
      type value;                                                                       \
      memcpy(&value, values + i * sizeof value, sizeof value);                          \
      found = (sum)(found + is_nan(value));                                             \
    }                                                                                   \
    return found;                                                                       \
  }                                                                                     \
  static size_t name_at(const uint8_t *values, const uint32_t *indices, size_t count) { \
    size_t found = 0;                                                                   \
    for (size_t i = 0; i < count; i++) {                                                \
      type value;                                                                       \
      memcpy(&value, values + indices[i] * sizeof value, sizeof value);                 \
      found += is_nan(value);                                                           \
    }                                                                                   \
    return found;                                                                       \
  }
COUNT_NANS(nans_float, nans_float_at, float, uint32_t, IS_NAN)
COUNT_NANS(nans_double, nans_double_at, double, uint64_t, IS_NAN)
COUNT_NANS(nans_half, nans_half_at, uint16_t, uint16_t, HALF_IS_NAN)

size_t lam_count_nans(enum lam_compare compare, const uint8_t *values, size_t count) {
  enum { AT_ONCE = 32768 };
  size_t found = 0, width = compare == LAM_COMPARE_FLOAT16 ? 2 : compare == LAM_COMPARE_FLOAT ? 4 : 8;
  if (!lam_compare_is_float(compare)) return 0;
  for (size_t some; count > 0; values += some * width, count -= some) {
    some = count < AT_ONCE ? count : AT_ONCE;
    switch (width) {
      case 2: found += nans_half(values, some); break;
      case 4: found += nans_float(values, some); break;
      default: found += nans_double(values, some);
    }
  }
  return found;
}

size_t lam_count_nans_at(enum lam_compare compare, const uint8_t *values, const uint32_t *indices, size_t count) {
  switch (compare) {
    case LAM_COMPARE_FLOAT16: return nans_half_at(values, indices, count);
    case LAM_COMPARE_FLOAT: return nans_float_at(values, indices, count);
    case LAM_COMPARE_DOUBLE: return nans_double_at(values, indices, count);
    default: return 0;
  }
}

/* ---- bytes ---- */

/* The first 8 bytes as a number that sorts as they do, zeros behind the end. */
static uint64_t prefix(const uint8_t *data, size_t size) {
  if (__builtin_expect(size >= 8, 1)) return __builtin_bswap64(lam_load64(data));
  uint64_t value = 0;
  for (size_t i = 0; i < size; i++) value |= (uint64_t)data[i] << (56 - 8 * i);
  return value;
}

static int compare_bytes(struct lam_bytes a, struct lam_bytes b) {
  size_t size = a.size < b.size ? a.size : b.size;
  int order = size ? memcmp(a.data, b.data, size) : 0;
  return order ? order : (a.size > b.size) - (a.size < b.size);
}

static enum lam_status set_bytes(struct lam_buf *buf, struct lam_bytes value, struct lam_error *error) {
  buf->size = 0;
  return lam_buf_append(buf, value.data, value.size, error);
}

static struct lam_bytes buf_bytes(const struct lam_buf *buf) {
  return (struct lam_bytes){buf->data, buf->size};
}

/* `sign` flips the first byte's top bit, which makes big-endian two's complement sort as unsigned. */
static enum lam_status add_one(struct lam_bounds *bounds, struct lam_bytes value, uint64_t sign,
                               struct lam_error *error) {
  uint64_t key = prefix(value.data, value.size) ^ sign;
  /* The key decides almost always; where it does not, the values agree in their signs. */
  if (__builtin_expect(bounds->any && key > bounds->min.u && key < bounds->max.u, 1)) return LAM_OK;
  if (value.size > bounds->keep) value.size = bounds->keep;
  if (!bounds->any || key < bounds->min.u ||
      (key == bounds->min.u && compare_bytes(value, buf_bytes(&bounds->min_bytes)) < 0)) {
    LAM_TRY(set_bytes(&bounds->min_bytes, value, error));
    bounds->min.u = key;
  }
  if (!bounds->any || key > bounds->max.u ||
      (key == bounds->max.u && compare_bytes(value, buf_bytes(&bounds->max_bytes)) > 0)) {
    LAM_TRY(set_bytes(&bounds->max_bytes, value, error));
    bounds->max.u = key;
  }
  bounds->any = true;
  return LAM_OK;
}

enum lam_status lam_bounds_add_bytes(struct lam_bounds *bounds, const struct lam_bytes *values, size_t count,
                                     struct lam_error *error) {
  if (bounds->compare == LAM_COMPARE_NONE) return LAM_OK;
  for (size_t i = 0; i < count; i++) LAM_TRY(add_one(bounds, values[i], 0, error));
  return LAM_OK;
}

static enum lam_status add_fixed(struct lam_bounds *bounds, const uint8_t *values, size_t count, uint64_t sign,
                                 struct lam_error *error) {
  size_t width = (size_t)bounds->width;
  for (size_t i = 0; i < count; i++) LAM_TRY(add_one(bounds, lam_bytes_of(values + i * width, width), sign, error));
  return LAM_OK;
}

enum lam_status lam_bounds_add(struct lam_bounds *bounds, const uint8_t *values, size_t count,
                               struct lam_error *error) {
  if (count == 0) return LAM_OK;
  switch (bounds->compare) {
    case LAM_COMPARE_NONE: break;
    case LAM_COMPARE_BOOL: add_bool(bounds, values, count); break;
    case LAM_COMPARE_INT32: add_int32(bounds, values, count); break;
    case LAM_COMPARE_UINT32: add_uint32(bounds, values, count); break;
    case LAM_COMPARE_INT64: add_int64(bounds, values, count); break;
    case LAM_COMPARE_UINT64: add_uint64(bounds, values, count); break;
    case LAM_COMPARE_FLOAT: add_float(bounds, values, count); break;
    case LAM_COMPARE_DOUBLE: add_double(bounds, values, count); break;
    case LAM_COMPARE_FLOAT16: add_float16(bounds, values, count); break;
    case LAM_COMPARE_DECIMAL: return add_fixed(bounds, values, count, (uint64_t)1 << 63, error);
    case LAM_COMPARE_BYTES: return add_fixed(bounds, values, count, 0, error);
  }
  return LAM_OK;
}

/* ---- bounds with each other ---- */

enum lam_status lam_bounds_merge(struct lam_bounds *bounds, const struct lam_bounds *from, struct lam_error *error) {
  if (!from->any) return LAM_OK;
  bool first = !bounds->any;
  switch (bounds->compare) {
    case LAM_COMPARE_NONE: return LAM_OK;
    case LAM_COMPARE_DECIMAL:
    case LAM_COMPARE_BYTES: {
      uint64_t sign = bounds->compare == LAM_COMPARE_DECIMAL ? (uint64_t)1 << 63 : 0;
      LAM_TRY(add_one(bounds, buf_bytes(&from->min_bytes), sign, error));
      return add_one(bounds, buf_bytes(&from->max_bytes), sign, error);
    }
    case LAM_COMPARE_FLOAT:
    case LAM_COMPARE_DOUBLE:
      if (first || from->min.d < bounds->min.d) bounds->min.d = from->min.d;
      if (first || from->max.d > bounds->max.d) bounds->max.d = from->max.d;
      break;
    case LAM_COMPARE_BOOL:
    case LAM_COMPARE_UINT32:
    case LAM_COMPARE_UINT64:
      if (first || from->min.u < bounds->min.u) bounds->min.u = from->min.u;
      if (first || from->max.u > bounds->max.u) bounds->max.u = from->max.u;
      break;
    case LAM_COMPARE_INT32:
    case LAM_COMPARE_INT64:
    case LAM_COMPARE_FLOAT16:
      if (first || from->min.i < bounds->min.i) bounds->min.i = from->min.i;
      if (first || from->max.i > bounds->max.i) bounds->max.i = from->max.i;
      break;
  }
  bounds->any = true;
  return LAM_OK;
}

#define COMPARE_AS(type)                              \
  do {                                                \
    type x, y;                                        \
    assert(a.size >= sizeof x && b.size >= sizeof y); \
    memcpy(&x, a.data, sizeof x);                     \
    memcpy(&y, b.data, sizeof y);                     \
    return (x > y) - (x < y);                         \
  } while (0)

/* Two's complement, big-endian: the sign decides, then the bytes. */
static int compare_decimals(struct lam_bytes a, struct lam_bytes b) {
  int negative = (b.size && b.data[0] >> 7) - (a.size && a.data[0] >> 7);
  return negative ? negative : compare_bytes(a, b);
}

static bool half_is_nan(uint16_t bits) {
  return (bits & 0x7fff) > 0x7c00;
}

bool lam_bound_is_nan(enum lam_compare compare, struct lam_bytes bound) {
  float single;
  double number;
  switch (compare) {
    case LAM_COMPARE_FLOAT16: return bound.size >= 2 && half_is_nan(lam_load16(bound.data));
    case LAM_COMPARE_FLOAT:
      if (bound.size < sizeof single) return false;
      memcpy(&single, bound.data, sizeof single);
      return isnan(single);
    case LAM_COMPARE_DOUBLE:
      if (bound.size < sizeof number) return false;
      memcpy(&number, bound.data, sizeof number);
      return isnan(number);
    default: return false;
  }
}

int lam_compare_bounds(enum lam_compare compare, struct lam_bytes a, struct lam_bytes b) {
  switch (compare) {
    case LAM_COMPARE_NONE: break;
    case LAM_COMPARE_BOOL: COMPARE_AS(uint8_t);
    case LAM_COMPARE_INT32: COMPARE_AS(int32_t);
    case LAM_COMPARE_UINT32: COMPARE_AS(uint32_t);
    case LAM_COMPARE_INT64: COMPARE_AS(int64_t);
    case LAM_COMPARE_UINT64: COMPARE_AS(uint64_t);
    case LAM_COMPARE_FLOAT: COMPARE_AS(float);
    case LAM_COMPARE_DOUBLE: COMPARE_AS(double);
    case LAM_COMPARE_FLOAT16: {
      uint16_t x = lam_load16(a.data), y = lam_load16(b.data);
      if (half_is_nan(x) || half_is_nan(y)) return 0;
      return (half_key(x) > half_key(y)) - (half_key(x) < half_key(y));
    }
    case LAM_COMPARE_DECIMAL: return compare_decimals(a, b);
    case LAM_COMPARE_BYTES: return compare_bytes(a, b);
  }
  return 0;
}

/* ---- truncation ---- */

/* The length of the longest prefix of at most LAM_BOUND_BYTES bytes that ends between characters; bytes
 * that are not UTF-8 are cut anywhere. */
static size_t cut(struct lam_bytes value, bool text) {
  size_t end = LAM_BOUND_BYTES;
  if (!text) return end;
  for (int i = 0; i < 4 && end > 0; i++, end--)
    if ((value.data[end] & 0xc0) != 0x80) return end;
  return LAM_BOUND_BYTES;
}

/* Decodes the character of `size` bytes, or returns false: also where fewer bytes hold it, for then the next one would
 * not sort behind it. */
static bool decode_character(const uint8_t *p, size_t size, uint32_t *out) {
  static const uint8_t lead[5] = {0, 0x00, 0xc0, 0xe0, 0xf0}, mask[5] = {0, 0x80, 0xe0, 0xf0, 0xf8};
  static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
  if (size < 1 || size > 4 || (p[0] & mask[size]) != lead[size]) return false;
  uint32_t code = p[0] & (uint8_t)~mask[size];
  for (size_t i = 1; i < size; i++) code = code << 6 | (p[i] & 0x3f);
  *out = code;
  return code >= least[size] && code <= 0x10ffff;
}

static size_t encode_character(uint32_t code, uint8_t *to) {
  if (code < 0x80) return to[0] = (uint8_t)code, 1;
  size_t size = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  static const uint8_t lead[5] = {0, 0, 0xc0, 0xe0, 0xf0};
  for (size_t i = size - 1; i > 0; i--, code >>= 6) to[i] = (uint8_t)(0x80 | (code & 0x3f));
  to[0] = (uint8_t)(lead[size] | code);
  return size;
}

/* The least text above all that begin with `bytes`: the last character that has a next one gets it and
 * what follows goes. Code points sort as their UTF-8. Returns the new size; 0: there is none. The last character
 * may grow by one byte. */
static size_t increment_text(uint8_t *bytes, size_t size) {
  while (size > 0) {
    size_t start = size - 1;
    while (start > 0 && size - start < 4 && (bytes[start] & 0xc0) == 0x80) start--;
    uint32_t code;
    if (!decode_character(bytes + start, size - start, &code)) return SIZE_MAX;
    code = code == 0xd7ff ? 0xe000 : code + 1; /* surrogates are not characters */
    if (code <= 0x10ffff) return start + encode_character(code, bytes + start);
    size = start;
  }
  return 0;
}

static size_t increment_bytes(uint8_t *bytes, size_t size) {
  while (size > 0 && bytes[size - 1] == 0xff) size--;
  if (size > 0) bytes[size - 1]++;
  return size;
}

static enum lam_status finish_bytes(const struct lam_bounds *bounds, struct lam_arena *arena,
                                    struct lam_statistics *out, struct lam_error *error) {
  struct lam_bytes min = buf_bytes(&bounds->min_bytes), max = buf_bytes(&bounds->max_bytes);
  bool fixed = bounds->width > 0;
  out->min_exact = fixed || min.size <= LAM_BOUND_BYTES;
  out->max_exact = fixed || max.size <= LAM_BOUND_BYTES;
  if (!out->min_exact) min.size = cut(min, bounds->text);
  uint8_t *memory;
  LAM_TRY(lam_arena_alloc(arena, min.size + max.size + 1, (void **)&memory, error));
  lam_copy(memory, min.data, min.size);
  out->min = lam_bytes_of(memory, min.size);
  memory += min.size;
  lam_copy(memory, max.data, max.size);
  out->max = lam_bytes_of(memory, max.size);
  if (out->max_exact) return LAM_OK;
  size_t size = SIZE_MAX;
  if (bounds->text) size = increment_text(memory, cut(max, true));
  if (size == SIZE_MAX) {
    lam_copy(memory, max.data, max.size);
    size = increment_bytes(memory, LAM_BOUND_BYTES);
  }
  out->max = size ? lam_bytes_of(memory, size) : (struct lam_bytes){NULL, 0};
  out->max_exact = size == 0; /* absent: nothing to say */
  return LAM_OK;
}

/* ---- the end ---- */

/* Zeros are signed in the bounds so that they hold for both: min -0.0, max +0.0 (parquet.thrift). */
static void put_float(uint8_t *to, double value, bool single, bool is_min) {
  if (value == 0) value = is_min ? -0.0 : 0.0;
  float narrow = (float)value;
  if (single)
    memcpy(to, &narrow, sizeof narrow);
  else
    memcpy(to, &value, sizeof value);
}

static void put_half(uint8_t *to, int64_t key, bool is_min) {
  uint16_t bits = key < 0 ? (uint16_t)(0x8000 | -key) : (uint16_t)key;
  if (key == 0) bits = is_min ? 0x8000 : 0;
  lam_store16(to, bits);
}

enum lam_status lam_bounds_finish(const struct lam_bounds *bounds, struct lam_arena *arena, struct lam_statistics *out,
                                  struct lam_error *error) {
  out->min = out->max = (struct lam_bytes){NULL, 0};
  out->min_exact = out->max_exact = true;
  if (!bounds->any) return LAM_OK;
  if (bounds->compare == LAM_COMPARE_BYTES || bounds->compare == LAM_COMPARE_DECIMAL)
    return finish_bytes(bounds, arena, out, error);
  uint8_t *memory;
  LAM_TRY(lam_arena_alloc(arena, 16, (void **)&memory, error));
  size_t width = (size_t)bounds->width;
  uint8_t *to[2] = {memory, memory + 8};
  for (int i = 0; i < 2; i++) {
    bool is_min = i == 0;
    uint64_t bits = is_min ? bounds->min.u : bounds->max.u;
    if (bounds->compare == LAM_COMPARE_FLOAT || bounds->compare == LAM_COMPARE_DOUBLE)
      put_float(to[i], is_min ? bounds->min.d : bounds->max.d, width == 4, is_min);
    else if (bounds->compare == LAM_COMPARE_FLOAT16)
      put_half(to[i], (int64_t)bits, is_min);
    else
      memcpy(to[i], &bits, width);
  }
  out->min = lam_bytes_of(to[0], width);
  out->max = lam_bytes_of(to[1], width);
  return LAM_OK;
}
