#include "iceberg/transform.h"

#include "arrow/value_text.h"

/* ---- hashes ---- */

static uint32_t rotate(uint32_t value, int bits) {
  return value << bits | value >> (32 - bits);
}
static uint32_t mix_block(uint32_t block) {
  return rotate(block * 0xcc9e2d51u, 15) * 0x1b873593u;
}

uint32_t lam_murmur3(const void *data, size_t size) {
  const uint8_t *at = data;
  uint32_t hash = 0, tail = 0;
  size_t left = size;
  for (; left >= 4; left -= 4, at += 4) hash = rotate(hash ^ mix_block(lam_load32(at)), 13) * 5 + 0xe6546b64u;
  for (size_t i = left; i-- > 0;) tail = tail << 8 | at[i];
  if (left) hash ^= mix_block(tail);
  hash ^= (uint32_t)size;
  hash = (hash ^ hash >> 16) * 0x85ebca6bu;
  hash = (hash ^ hash >> 13) * 0xc2b2ae35u;
  return hash ^ hash >> 16;
}

static uint32_t hash_long(int64_t value) {
  uint8_t bytes[8];
  lam_store64(bytes, (uint64_t)value);
  return lam_murmur3(bytes, sizeof bytes);
}

/* The fewest bytes that hold the number, two's complement, big-endian. */
static uint32_t hash_decimal(const uint8_t *from, size_t width) {
  uint8_t bytes[32] = {0};
  for (size_t i = 0; i < width; i++) bytes[i] = from[width - 1 - i];
  size_t skip = 0;
  uint8_t sign = bytes[0] & 0x80 ? 0xff : 0;
  while (skip + 1 < width && bytes[skip] == sign && (bytes[skip + 1] & 0x80) == (sign & 0x80)) skip++;
  return lam_murmur3(bytes + skip, width - skip);
}

static int64_t floor_divide(int64_t value, int64_t by) {
  return value / by - (value % by < 0);
}

/* ---- integers ---- */

static int64_t integer_at(const struct lam_view *view, int64_t row) {
  int64_t i = view->offset + row;
  switch (view->type.id) {
    case LAM_TYPE_INT8: return ((const int8_t *)view->data)[i];
    case LAM_TYPE_INT16: return ((const int16_t *)view->data)[i];
    case LAM_TYPE_UINT8: return ((const uint8_t *)view->data)[i];
    case LAM_TYPE_UINT16: return ((const uint16_t *)view->data)[i];
    case LAM_TYPE_UINT32: return ((const uint32_t *)view->data)[i];
    case LAM_TYPE_INT32:
    case LAM_TYPE_DATE32:
    case LAM_TYPE_TIME32: return ((const int32_t *)view->data)[i];
    default: return ((const int64_t *)view->data)[i];
  }
}

static bool is_integer(enum lam_type_id id) {
  return id >= LAM_TYPE_INT8 && id <= LAM_TYPE_UINT32 && id != LAM_TYPE_UINT64;
}

/* A time or timestamp in microseconds, a date in days. LAM_INVALID where that is beyond 64 bits. */
static enum lam_status iceberg_number(const struct lam_view *view, int64_t row, int64_t *out, struct lam_error *error) {
  static const int64_t factors[] = {[LAM_UNIT_SECOND] = 1000000, [LAM_UNIT_MILLI] = 1000, [LAM_UNIT_MICRO] = 1};
  int64_t value = integer_at(view, row);
  enum lam_type_id id = view->type.id;
  *out = value;
  if (id == LAM_TYPE_DATE64) *out = floor_divide(value, 86400000);
  if (id != LAM_TYPE_TIMESTAMP && id != LAM_TYPE_TIME32 && id != LAM_TYPE_TIME64) return LAM_OK;
  if (view->type.unit == LAM_UNIT_NANO)
    *out = floor_divide(value, 1000);
  else if (__builtin_mul_overflow(value, factors[view->type.unit], out))
    return lam_fail(error, LAM_INVALID, "row %lld: a time too far away to be counted in microseconds", (long long)row);
  return LAM_OK;
}

static enum lam_status bucket_of(const struct lam_view *view, int64_t row, int32_t buckets, int32_t *out,
                                 struct lam_error *error) {
  uint32_t hash;
  int64_t number;
  size_t width = (size_t)lam_type_bits(&view->type) / 8;
  if (lam_type_is_binary(view->type.id) || view->type.id == LAM_TYPE_FIXED_BINARY) {
    struct lam_bytes bytes = lam_view_bytes(view, row);
    hash = lam_murmur3(bytes.data, bytes.size);
  } else if (view->type.id == LAM_TYPE_DECIMAL128 || view->type.id == LAM_TYPE_DECIMAL256) {
    hash = hash_decimal((const uint8_t *)view->data + (size_t)(view->offset + row) * width, width);
  } else {
    LAM_TRY(iceberg_number(view, row, &number, error));
    hash = hash_long(number);
  }
  *out = (int32_t)((hash & INT32_MAX) % (uint32_t)buckets);
  return LAM_OK;
}

/* ---- truncation ---- */

static struct lam_bytes truncate_text(struct lam_bytes text, int32_t characters) {
  size_t size = 0;
  for (int32_t i = 0; i < characters && size < text.size; i++) {
    size_t length = lam_utf8_length(lam_bytes_of(text.data + size, text.size - size));
    size += length ? length : 1; /* what is not UTF-8 counts byte by byte */
  }
  return lam_bytes_of(text.data, size);
}

static enum lam_status append_truncated_number(const struct lam_view *view, int64_t row, int32_t width,
                                               struct lam_builder *to, struct lam_error *error) {
  __int128 value, least, rest;
  size_t size = (size_t)lam_type_bits(&view->type) / 8;
  if (view->type.id == LAM_TYPE_DECIMAL128) {
    memcpy(&value, (const uint8_t *)view->data + (size_t)(view->offset + row) * size, sizeof value);
    least = (__int128)((unsigned __int128)1 << 127);
  } else {
    value = integer_at(view, row);
    least = view->type.id >= LAM_TYPE_UINT8 ? 0 : -((__int128)1 << (8 * size - 1));
  }
  rest = (value % width + width) % width;
  if (value < least + rest)
    return lam_fail(error, LAM_INVALID, "row %lld: the number truncated to %d is less than its type holds",
                    (long long)row, width);
  value -= rest;
  return lam_builder_fixed(to, &value, error);
}

static enum lam_status append_truncated(const struct lam_view *view, int64_t row, int32_t width, struct lam_builder *to,
                                        struct lam_error *error) {
  enum lam_type_id id = view->type.id;
  if (!lam_type_is_binary(id)) return append_truncated_number(view, row, width, to, error);
  struct lam_bytes bytes = lam_view_bytes(view, row);
  bool is_text = id == LAM_TYPE_STRING || id == LAM_TYPE_LARGE_STRING;
  if (!is_text && bytes.size > (size_t)width) bytes.size = (size_t)width;
  return lam_builder_bytes(to, is_text ? truncate_text(bytes, width) : bytes, error);
}

/* ---- arrays ---- */

enum lam_status lam_transform_type(enum lam_transform transform, const struct lam_type *type, struct lam_type *out,
                                   struct lam_error *error) {
  enum lam_type_id id = type->id;
  bool both = is_integer(id) || id == LAM_TYPE_DECIMAL128 || lam_type_is_binary(id);
  bool time = (id >= LAM_TYPE_DATE32 && id <= LAM_TYPE_TIMESTAMP) || id == LAM_TYPE_DECIMAL256;
  char name[96];
  *out = transform == LAM_TRANSFORM_BUCKET ? (struct lam_type){.id = LAM_TYPE_INT32, .timezone = ""} : *type;
  if (both || (transform == LAM_TRANSFORM_BUCKET && (time || id == LAM_TYPE_FIXED_BINARY))) return LAM_OK;
  return lam_fail(error, LAM_UNSUPPORTED, "%s of a column of type %s: Iceberg has no such transform",
                  transform == LAM_TRANSFORM_BUCKET ? "bucket" : "truncate", lam_type_name(type, name, sizeof name));
}

static enum lam_status append_row(enum lam_transform transform, int32_t parameter, const struct lam_view *view,
                                  int64_t row, struct lam_builder *to, struct lam_error *error) {
  int32_t bucket;
  if (!lam_view_valid(view, row)) return lam_builder_null(to, error);
  if (transform == LAM_TRANSFORM_TRUNCATE) return append_truncated(view, row, parameter, to, error);
  LAM_TRY(bucket_of(view, row, parameter, &bucket, error));
  return lam_builder_fixed(to, &bucket, error);
}

enum lam_status lam_transform_array(struct lam_mem *mem, enum lam_transform transform, int32_t parameter,
                                    const struct ArrowSchema *schema, const struct ArrowArray *array,
                                    struct ArrowArray *out, struct lam_error *error) {
  struct lam_view view;
  struct lam_type type;
  struct lam_builder builder;
  out->release = NULL;
  LAM_TRY(lam_view_init(schema, array, &view, error));
  LAM_TRY(lam_transform_type(transform, &view.type, &type, error));
  LAM_TRY(lam_builder_init(&builder, mem, &type, error));
  enum lam_status status = LAM_OK;
  for (int64_t row = 0; status == LAM_OK && row < view.length; row++)
    status = append_row(transform, parameter, &view, row, &builder, error);
  if (status == LAM_OK) status = lam_builder_finish(&builder, out, error);
  lam_builder_release(&builder);
  return status;
}
