#include "parquet/thrift.h"

#include <inttypes.h>

enum { MAX_DEPTH = 64 };

enum lam_status lam_thrift_short(struct lam_thrift *in) {
  in->ended = true;
  return lam_fail(in->error, LAM_CORRUPT, "the %s ends too early: a value at byte %zu goes beyond its %zu bytes",
                  in->what, lam_thrift_offset(in), (size_t)(in->end - in->begin));
}

enum lam_status lam_thrift_oversized(struct lam_thrift *in, uint64_t size) {
  in->ended = size <= INT32_MAX;
  return lam_fail(in->error, LAM_CORRUPT,
                  "the %s is malformed before byte %zu: a string of %" PRIu64 " bytes goes beyond its %zu bytes",
                  in->what, lam_thrift_offset(in), size, (size_t)(in->end - in->begin));
}

enum lam_status lam_thrift_wrong(struct lam_thrift *in, struct lam_thrift_field field, const char *expected) {
  return lam_fail(in->error, LAM_CORRUPT,
                  "the %s is malformed at byte %zu: field %d should be %s but has the thrift type %d", in->what,
                  lam_thrift_offset(in), field.id, expected, field.type);
}

enum lam_status lam_thrift_range(struct lam_thrift *in, struct lam_thrift_field field, int64_t value) {
  return lam_fail(in->error, LAM_CORRUPT,
                  "the %s is malformed before byte %zu: field %d is %" PRId64 ", which does not fit in 32 bits",
                  in->what, lam_thrift_offset(in), field.id, value);
}

enum lam_status lam_thrift_varint_long(struct lam_thrift *in, uint64_t *out) {
  uint64_t value = 0;
  const uint8_t *at = in->at;
  for (int shift = 0; shift < 64; shift += 7) {
    if (at == in->end) return lam_thrift_short(in);
    uint8_t byte = *at++;
    value |= (uint64_t)(byte & 0x7f) << shift;
    if (byte < 0x80) {
      in->at = at;
      *out = value;
      return LAM_OK;
    }
  }
  return lam_fail(in->error, LAM_CORRUPT, "the %s is malformed at byte %zu: a number has more than 64 bits", in->what,
                  lam_thrift_offset(in));
}

/* A field header that is not one byte: the id follows, not a step from the one before. */
enum lam_status lam_thrift_next_long(struct lam_thrift *in, struct lam_thrift_field *field) {
  if (in->at == in->end) return lam_thrift_short(in);
  field->type = *in->at++ & 15;
  uint64_t id;
  LAM_TRY(lam_thrift_varint(in, &id));
  field->id = (int16_t)lam_unzigzag(id);
  return LAM_OK;
}

/* The head of a list or set. A count that the bytes left cannot hold is refused here, so that whoever
 * allocates by it is safe. */
static enum lam_status list_head(struct lam_thrift *in, size_t element_bytes, uint8_t *type, uint32_t *count) {
  if (in->at == in->end) return lam_thrift_short(in);
  uint8_t head = *in->at++;
  uint64_t size = head >> 4;
  *type = head & 15;
  if (size == 15) LAM_TRY(lam_thrift_varint(in, &size));
  if (size > lam_thrift_left(in) / element_bytes || size > INT32_MAX) return lam_thrift_short(in);
  *count = (uint32_t)size;
  return LAM_OK;
}

enum lam_status lam_thrift_list(struct lam_thrift *in, struct lam_thrift_field field, enum lam_thrift_type element,
                                size_t element_bytes, uint32_t *count) {
  if (field.type != LAM_THRIFT_LIST) return lam_thrift_wrong(in, field, "a list");
  uint8_t type;
  *count = 0;
  LAM_TRY(list_head(in, element_bytes, &type, count));
  bool integers =
      (element == LAM_THRIFT_I32 || element == LAM_THRIFT_I64) && type >= LAM_THRIFT_I16 && type <= LAM_THRIFT_I64;
  bool booleans = element == LAM_THRIFT_TRUE && type == LAM_THRIFT_FALSE; /* writers differ in which stands for both */
  LAM_CHECK(*count == 0 || type == element || integers || booleans, in->error,
            "the %s is malformed at byte %zu: the list of field %d has elements of thrift type %d, not %d", in->what,
            lam_thrift_offset(in), field.id, type, (int)element);
  return LAM_OK;
}

static enum lam_status skip(struct lam_thrift *in, uint8_t type, bool in_list, int depth);

static enum lam_status skip_bytes(struct lam_thrift *in, size_t size) {
  if (size > lam_thrift_left(in)) return lam_thrift_short(in);
  in->at += size;
  return LAM_OK;
}

static enum lam_status skip_struct(struct lam_thrift *in, int depth) {
  struct lam_thrift_field field = {0};
  for (;;) {
    LAM_TRY(lam_thrift_next(in, &field));
    if (!field.type) return LAM_OK;
    LAM_TRY(skip(in, field.type, false, depth));
  }
}

static enum lam_status skip_list(struct lam_thrift *in, int depth) {
  uint8_t type;
  uint32_t count = 0;
  LAM_TRY(list_head(in, 1, &type, &count));
  for (uint32_t i = 0; i < count; i++) LAM_TRY(skip(in, type, true, depth));
  return LAM_OK;
}

static enum lam_status skip_map(struct lam_thrift *in, int depth) {
  uint64_t count = 0;
  LAM_TRY(lam_thrift_varint(in, &count));
  if (count == 0) return LAM_OK;
  if (count > lam_thrift_left(in) / 2) return lam_thrift_short(in);
  uint8_t types = *in->at++;
  for (uint64_t i = 0; i < count; i++) {
    LAM_TRY(skip(in, types >> 4, true, depth));
    LAM_TRY(skip(in, types & 15, true, depth));
  }
  return LAM_OK;
}

static enum lam_status skip(struct lam_thrift *in, uint8_t type, bool in_list, int depth) {
  uint64_t ignored;
  struct lam_bytes bytes;
  LAM_CHECK(depth < MAX_DEPTH, in->error, "the %s is malformed at byte %zu: values are nested deeper than %d levels",
            in->what, lam_thrift_offset(in), MAX_DEPTH);
  switch (type) {
    case LAM_THRIFT_TRUE:
    case LAM_THRIFT_FALSE: return in_list ? skip_bytes(in, 1) : LAM_OK; /* in a struct the type is the value */
    case LAM_THRIFT_BYTE: return skip_bytes(in, 1);
    case LAM_THRIFT_I16:
    case LAM_THRIFT_I32:
    case LAM_THRIFT_I64: return lam_thrift_varint(in, &ignored);
    case LAM_THRIFT_DOUBLE: return skip_bytes(in, 8);
    case LAM_THRIFT_UUID: return skip_bytes(in, 16);
    case LAM_THRIFT_BINARY: return lam_thrift_bytes(in, &bytes);
    case LAM_THRIFT_LIST:
    case LAM_THRIFT_SET: return skip_list(in, depth + 1);
    case LAM_THRIFT_MAP: return skip_map(in, depth + 1);
    case LAM_THRIFT_STRUCT: return skip_struct(in, depth + 1);
    default:
      return lam_fail(in->error, LAM_CORRUPT, "the %s is malformed at byte %zu: there is no thrift type %d", in->what,
                      lam_thrift_offset(in), type);
  }
}

enum lam_status lam_thrift_skip(struct lam_thrift *in, uint8_t type) {
  return skip(in, type, false, 0);
}

enum lam_status lam_thrift_raw(struct lam_thrift *in, uint8_t type, struct lam_bytes *out) {
  const uint8_t *from = in->at;
  LAM_TRY(skip(in, type, false, 0));
  *out = (struct lam_bytes){from, (size_t)(in->at - from)};
  return LAM_OK;
}

/* ---- writing ---- */

void lam_thrift_put(struct lam_thrift_out *out, const void *bytes, size_t size) {
  if (out->status == LAM_OK) out->status = lam_buf_append(out->buf, bytes, size, out->error);
}

void lam_thrift_put_varint(struct lam_thrift_out *out, uint64_t value) {
  uint8_t bytes[10];
  size_t size = 0;
  for (; value >= 0x80; value >>= 7) bytes[size++] = (uint8_t)(value | 0x80);
  bytes[size++] = (uint8_t)value;
  lam_thrift_put(out, bytes, size);
}

void lam_thrift_put_field(struct lam_thrift_out *out, int16_t id, enum lam_thrift_type type) {
  int step = id - out->last;
  uint8_t head = (uint8_t)(step > 0 && step < 16 ? step << 4 | (int)type : (int)type);
  lam_thrift_put(out, &head, 1);
  if (step <= 0 || step >= 16) lam_thrift_put_varint(out, lam_zigzag(id));
  out->last = id;
}

void lam_thrift_put_i32(struct lam_thrift_out *out, int16_t id, int32_t value) {
  lam_thrift_put_field(out, id, LAM_THRIFT_I32);
  lam_thrift_put_varint(out, lam_zigzag(value));
}

void lam_thrift_put_i64(struct lam_thrift_out *out, int16_t id, int64_t value) {
  lam_thrift_put_field(out, id, LAM_THRIFT_I64);
  lam_thrift_put_varint(out, lam_zigzag(value));
}

void lam_thrift_put_bool(struct lam_thrift_out *out, int16_t id, bool value) {
  lam_thrift_put_field(out, id, value ? LAM_THRIFT_TRUE : LAM_THRIFT_FALSE);
}

void lam_thrift_put_binary(struct lam_thrift_out *out, int16_t id, struct lam_bytes value) {
  lam_thrift_put_field(out, id, LAM_THRIFT_BINARY);
  lam_thrift_put_varint(out, value.size);
  lam_thrift_put(out, value.data, value.size);
}

void lam_thrift_put_raw(struct lam_thrift_out *out, int16_t id, enum lam_thrift_type type, struct lam_bytes value) {
  lam_thrift_put_field(out, id, type);
  lam_thrift_put(out, value.data, value.size);
}

void lam_thrift_put_list(struct lam_thrift_out *out, int16_t id, enum lam_thrift_type element, uint32_t count) {
  if (id) lam_thrift_put_field(out, id, LAM_THRIFT_LIST);
  uint8_t head = (uint8_t)((count < 15 ? count << 4 : 0xf0u) | element);
  lam_thrift_put(out, &head, 1);
  if (count >= 15) lam_thrift_put_varint(out, count);
}

void lam_thrift_put_counts(struct lam_thrift_out *out, int16_t id, const int64_t *counts, uint32_t count) {
  lam_thrift_put_list(out, id, LAM_THRIFT_I64, count);
  for (uint32_t i = 0; i < count; i++) lam_thrift_put_varint(out, lam_zigzag(counts[i]));
}

int16_t lam_thrift_begin(struct lam_thrift_out *out, int16_t id) {
  if (id) lam_thrift_put_field(out, id, LAM_THRIFT_STRUCT);
  int16_t last = out->last;
  out->last = 0;
  return last;
}

void lam_thrift_end(struct lam_thrift_out *out, int16_t last) {
  lam_thrift_put(out, "", 1);
  out->last = last;
}
