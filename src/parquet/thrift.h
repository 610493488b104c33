/* Thrift's compact protocol: a reader over a slice and a writer into a buffer, as much as Parquet needs.
 *
 * Source: https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md. The reader
 * takes linear time, copies nothing and recurses only to a fixed depth. A struct is read as
 *
 *     struct lam_thrift_field field = {0};
 *     for (;;) {
 *       LAM_TRY(lam_thrift_next(in, &field));
 *       if (!field.type) break;
 *       switch (field.id) { case 1: LAM_TRY(lam_thrift_i32(in, field, &x)); break;
 *                           default: LAM_TRY(lam_thrift_skip(in, field.type)); }
 *     }
 */
#ifndef LAM_PARQUET_THRIFT_H
#define LAM_PARQUET_THRIFT_H

#include "base/memory.h"
#include "parquet/format.h"

enum lam_thrift_type {
  LAM_THRIFT_STOP = 0,
  LAM_THRIFT_TRUE = 1, /* in lists: a boolean */
  LAM_THRIFT_FALSE = 2,
  LAM_THRIFT_BYTE = 3,
  LAM_THRIFT_I16 = 4,
  LAM_THRIFT_I32 = 5,
  LAM_THRIFT_I64 = 6,
  LAM_THRIFT_DOUBLE = 7,
  LAM_THRIFT_BINARY = 8,
  LAM_THRIFT_LIST = 9,
  LAM_THRIFT_SET = 10,
  LAM_THRIFT_MAP = 11,
  LAM_THRIFT_STRUCT = 12,
  LAM_THRIFT_UUID = 13,
};

/* ---- reading ---- */

struct lam_thrift {
  const uint8_t *begin, *at, *end;
  const char *what; /* "footer": what messages call the bytes */
  struct lam_error *error;
  bool ended; /* a failure was that the bytes end too early, so more of them may help */
};
struct lam_thrift_field {
  int16_t id;
  uint8_t type; /* enum lam_thrift_type; 0 at the end of the struct */
};

static inline struct lam_thrift lam_thrift_of(struct lam_bytes bytes, const char *what, struct lam_error *error) {
  const uint8_t *end = bytes.size ? bytes.data + bytes.size : bytes.data; /* no bytes may be at NULL */
  return (struct lam_thrift){bytes.data, bytes.data, end, what, error, false};
}
static inline size_t lam_thrift_offset(const struct lam_thrift *in) {
  return (size_t)(in->at - in->begin);
}
static inline size_t lam_thrift_left(const struct lam_thrift *in) {
  return (size_t)(in->end - in->at);
}

/* LAM_CORRUPT: the bytes end where there must be more. */
enum lam_status lam_thrift_short(struct lam_thrift *in);
/* The same for a string of `size` bytes; above 2^31 - 1 more bytes would not help. */
enum lam_status lam_thrift_oversized(struct lam_thrift *in, uint64_t size);
/* LAM_CORRUPT: the field has another type than `expected` ("an integer"). */
enum lam_status lam_thrift_wrong(struct lam_thrift *in, struct lam_thrift_field field, const char *expected);
enum lam_status lam_thrift_varint_long(struct lam_thrift *in, uint64_t *out);
enum lam_status lam_thrift_next_long(struct lam_thrift *in, struct lam_thrift_field *field);
/* Passes over a value, to a depth of at most 64. */
enum lam_status lam_thrift_skip(struct lam_thrift *in, uint8_t type);
/* The same, and gives its bytes. */
enum lam_status lam_thrift_raw(struct lam_thrift *in, uint8_t type, struct lam_bytes *out);
/* A list field whose elements are of type `element` and take at least `element_bytes` each; *count is then at
 * most what the bytes left can hold. A bare zero byte is an empty list of any type. */
enum lam_status lam_thrift_list(struct lam_thrift *in, struct lam_thrift_field field, enum lam_thrift_type element,
                                size_t element_bytes, uint32_t *count);

static inline enum lam_status lam_thrift_varint(struct lam_thrift *in, uint64_t *out) {
  if (__builtin_expect(in->at < in->end && *in->at < 0x80, 1)) {
    *out = *in->at++;
    return LAM_OK;
  }
  return lam_thrift_varint_long(in, out);
}
static inline int64_t lam_unzigzag(uint64_t value) {
  return (int64_t)((value >> 1) ^ (0 - (value & 1)));
}

/* The next field of a struct. `field` begins as {0}; its type is 0 at the end. */
static inline enum lam_status lam_thrift_next(struct lam_thrift *in, struct lam_thrift_field *field) {
  if (__builtin_expect(in->at < in->end, 1)) {
    uint8_t head = *in->at;
    if (__builtin_expect(head >> 4 || !head, 1)) {
      in->at++;
      field->type = head & 15;
      field->id = (int16_t)(field->id + (head >> 4));
      return LAM_OK;
    }
  }
  return lam_thrift_next_long(in, field);
}

static inline enum lam_status lam_thrift_i64(struct lam_thrift *in, struct lam_thrift_field field, int64_t *out) {
  if (__builtin_expect(field.type < LAM_THRIFT_I16 || field.type > LAM_THRIFT_I64, 0))
    return lam_thrift_wrong(in, field, "an integer");
  uint64_t value;
  LAM_TRY(lam_thrift_varint(in, &value));
  *out = lam_unzigzag(value);
  return LAM_OK;
}
enum lam_status lam_thrift_range(struct lam_thrift *in, struct lam_thrift_field field, int64_t value);
static inline enum lam_status lam_thrift_i32(struct lam_thrift *in, struct lam_thrift_field field, int32_t *out) {
  int64_t value = 0;
  LAM_TRY(lam_thrift_i64(in, field, &value));
  if (__builtin_expect(value < INT32_MIN || value > INT32_MAX, 0)) return lam_thrift_range(in, field, value);
  *out = (int32_t)value;
  return LAM_OK;
}
/* An enum kept in 8 bits; numbers outside [0, 127] become 127, which no enum of the format has. */
static inline enum lam_status lam_thrift_enum(struct lam_thrift *in, struct lam_thrift_field field, int8_t *out) {
  int32_t value = 0;
  LAM_TRY(lam_thrift_i32(in, field, &value));
  *out = value < 0 || value > INT8_MAX ? INT8_MAX : (int8_t)value;
  return LAM_OK;
}
static inline enum lam_status lam_thrift_bool(struct lam_thrift *in, struct lam_thrift_field field, bool *out) {
  if (field.type != LAM_THRIFT_TRUE && field.type != LAM_THRIFT_FALSE) return lam_thrift_wrong(in, field, "a boolean");
  *out = field.type == LAM_THRIFT_TRUE;
  return LAM_OK;
}
/* The bytes of a string without its length; data is never NULL. */
static inline enum lam_status lam_thrift_bytes(struct lam_thrift *in, struct lam_bytes *out) {
  uint64_t size = 0;
  LAM_TRY(lam_thrift_varint(in, &size));
  if (__builtin_expect(size > lam_thrift_left(in), 0)) return lam_thrift_oversized(in, size);
  *out = (struct lam_bytes){in->at, (size_t)size};
  in->at += size;
  return LAM_OK;
}
static inline enum lam_status lam_thrift_binary(struct lam_thrift *in, struct lam_thrift_field field,
                                                struct lam_bytes *out) {
  if (__builtin_expect(field.type != LAM_THRIFT_BINARY, 0)) return lam_thrift_wrong(in, field, "a string");
  return lam_thrift_bytes(in, out);
}
static inline enum lam_status lam_thrift_struct(struct lam_thrift *in, struct lam_thrift_field field) {
  return field.type == LAM_THRIFT_STRUCT ? LAM_OK : lam_thrift_wrong(in, field, "a struct");
}

/* Statistics, which footers and page headers have alike (metadata.c). */
enum lam_status lam_statistics_parse(struct lam_thrift *in, struct lam_statistics *out);
/* One ColumnChunk (metadata_chunk.c), with the checks of lam_chunk_check. */
enum lam_status lam_chunk_parse(struct lam_thrift *in, uint64_t file_size, struct lam_chunk_meta *out);
/* The same without the checks, and the details. */
enum lam_status lam_chunk_parse_whole(struct lam_thrift *in, struct lam_chunk_meta *out,
                                      struct lam_chunk_details *details);
/* The same for what is formed as writers form it (metadata_fast.c). Returns where the chunk ends, or NULL: ask
 * lam_chunk_parse_whole. */
const uint8_t *lam_chunk_parse_fast(const uint8_t *at, const uint8_t *end, struct lam_chunk_meta *out);
/* Sizes and offsets against each other and the file's size, unless that is 0. What is only of use where it is right,
 * such as an index, is left out where it is not. */
enum lam_status lam_chunk_check(struct lam_chunk_meta *chunk, uint64_t file_size, struct lam_error *error);
/* LAM_CORRUPT: a required field was not among those seen, both sets of 1 << id; `names` by id. */
enum lam_status lam_thrift_check_seen(struct lam_thrift *in, uint32_t seen, uint32_t required, const char *of,
                                      const char *const *names);
static inline struct lam_statistics lam_statistics_none(void) {
  return (struct lam_statistics){
      .null_count = -1, .distinct_count = -1, .nan_count = -1, .min_exact = true, .max_exact = true};
}

/* ---- writing ---- */

/* The first failure sticks; what follows it does nothing. */
struct lam_thrift_out {
  struct lam_buf *buf;
  struct lam_error *error;
  enum lam_status status;
  int16_t last; /* id of the field before in the struct under way */
};

static inline struct lam_thrift_out lam_thrift_to(struct lam_buf *buf, struct lam_error *error) {
  return (struct lam_thrift_out){buf, error, LAM_OK, 0};
}
void lam_thrift_put(struct lam_thrift_out *out, const void *bytes, size_t size);
void lam_thrift_put_varint(struct lam_thrift_out *out, uint64_t value);
void lam_thrift_put_field(struct lam_thrift_out *out, int16_t id, enum lam_thrift_type type);
void lam_thrift_put_i32(struct lam_thrift_out *out, int16_t id, int32_t value);
void lam_thrift_put_i64(struct lam_thrift_out *out, int16_t id, int64_t value);
void lam_thrift_put_bool(struct lam_thrift_out *out, int16_t id, bool value);
void lam_thrift_put_binary(struct lam_thrift_out *out, int16_t id, struct lam_bytes value);
/* The bytes of a value of `type` as they were read. */
void lam_thrift_put_raw(struct lam_thrift_out *out, int16_t id, enum lam_thrift_type type, struct lam_bytes value);
/* The head of a list, which the elements follow: of field `id`, or alone where `id` is 0. */
void lam_thrift_put_list(struct lam_thrift_out *out, int16_t id, enum lam_thrift_type element, uint32_t count);
/* A list<i64>. */
void lam_thrift_put_counts(struct lam_thrift_out *out, int16_t id, const int64_t *counts, uint32_t count);
/* Begins a struct: of field `id`, or of a list where `id` is 0. Gives what lam_thrift_end takes. */
int16_t lam_thrift_begin(struct lam_thrift_out *out, int16_t id);
void lam_thrift_end(struct lam_thrift_out *out, int16_t last);
static inline uint64_t lam_zigzag(int64_t value) {
  return ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
}
void lam_statistics_write(struct lam_thrift_out *out, int16_t id, const struct lam_statistics *statistics);

#endif
