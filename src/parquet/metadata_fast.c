/* Chunks of footers as every writer forms them: canonical field headers, the fields that there are, numbers of at most
 * 56 bits. Anything else, an error too, is left to metadata_chunk.c, which begins the chunk anew, so that nothing here
 * needs a message; what both accept they read alike. Position and end stay in registers, which is most of the speed: a
 * footer of 10,000 columns and 20 row groups has eight million fields. */
#include "parquet/thrift.h"

#define HOT static inline __attribute__((always_inline))

enum { MARGIN = 32 }; /* readable bytes behind `end`: a field's header and number need no check of their own */

struct cursor {
  const uint8_t *at, *end;
};

/* A number of up to 8 bytes, seven bits each, folded in three steps. */
HOT uint64_t take_varint(struct cursor *c) {
  uint64_t bytes = lam_load64(c->at);
  if (__builtin_expect(!(bytes & 0x80), 1)) {
    c->at++;
    return bytes & 0x7f;
  }
  uint64_t last = ~bytes & 0x8080808080808080u;
  if (!last) {
    c->at = c->end + MARGIN; /* the next check gives up */
    return 0;
  }
  c->at += (size_t)(__builtin_ctzll(last) >> 3) + 1;
  bytes &= (last ^ (last - 1)) & 0x7f7f7f7f7f7f7f7fu;
  bytes = (bytes & 0x007f007f007f007fu) | (bytes & 0x7f007f007f007f00u) >> 1;
  bytes = (bytes & 0x00003fff00003fffu) | (bytes & 0x3fff00003fff0000u) >> 2;
  return (bytes & 0x0fffffff) | (bytes & 0x0fffffff00000000u) >> 4;
}

HOT int64_t take_i64(struct cursor *c) {
  return lam_unzigzag(take_varint(c));
}

HOT bool take_i32(struct cursor *c, int32_t *out) {
  int64_t value = take_i64(c);
  *out = (int32_t)value;
  return value == *out;
}

HOT bool take_enum(struct cursor *c, int8_t *out) {
  int64_t value = take_i64(c);
  *out = (int8_t)value;
  return value >= 0 && value < INT8_MAX;
}

HOT bool pass_binary(struct cursor *c) {
  uint64_t size = take_varint(c);
  if (c->at >= c->end || size > (size_t)(c->end - c->at)) return false;
  c->at += size;
  return true;
}

/* The next field: its id and type as id << 4 | type, 0 at the struct's end, -1 to give up. */
HOT int next_field(struct cursor *c, int field) {
  if (__builtin_expect(c->at >= c->end, 0)) return -1;
  int head = *c->at++;
  if (__builtin_expect(!head, 0)) return 0;
  if (__builtin_expect(head < 16, 0)) return -1;
  return (field & ~15) + head;
}
#define FIELD(id, type) ((id) << 4 | LAM_THRIFT_##type)

/* The head of a list of `element`; its count, or -1. */
HOT int list_count(struct cursor *c, int element) {
  if (c->at >= c->end || (*c->at & 15) != element) return -1;
  int count = *c->at++ >> 4;
  if (count < 15) return count;
  uint64_t large = take_varint(c);
  return large <= INT32_MAX ? (int)large : -1;
}

HOT bool pass_integers(struct cursor *c, int element) {
  int count = list_count(c, element);
  if (count < 0) return false;
  for (int i = 0; i < count; i++) {
    take_varint(c);
    if (c->at >= c->end) return false;
  }
  return true;
}

HOT bool pass_path(struct cursor *c) {
  int count = list_count(c, LAM_THRIFT_BINARY);
  if (count < 0) return false;
  for (int i = 0; i < count; i++)
    if (!pass_binary(c)) return false;
  return true;
}

HOT bool take_encodings(struct cursor *c, uint32_t *out) {
  int count = list_count(c, LAM_THRIFT_I32);
  if (count < 0) return false;
  *out = 0;
  for (int i = 0; i < count; i++) {
    int64_t encoding = take_i64(c);
    if (c->at >= c->end) return false;
    if (encoding >= 0 && encoding < 32) *out |= 1u << encoding;
  }
  return true;
}

/* Statistics stay in the footer until they are asked for; here they are only looked through. */
HOT bool pass_statistics(struct cursor *c) {
  for (int field = 0;;) {
    field = next_field(c, field);
    switch (field) {
      case 0: return true;
      case FIELD(1, BINARY):
      case FIELD(2, BINARY):
      case FIELD(5, BINARY):
      case FIELD(6, BINARY):
        if (!pass_binary(c)) return false;
        break;
      case FIELD(3, I64):
      case FIELD(4, I64):
      case FIELD(9, I64): take_varint(c); break;
      case FIELD(7, TRUE):
      case FIELD(7, FALSE):
      case FIELD(8, TRUE):
      case FIELD(8, FALSE): break;
      default: return false;
    }
  }
}

HOT bool take_encoding_stats(struct cursor *c, struct lam_chunk_meta *out) {
  int64_t dictionary = 0, others = 0;
  int count = list_count(c, LAM_THRIFT_STRUCT);
  if (count < 0) return false;
  for (int i = 0; i < count; i++) {
    int32_t numbers[3];
    for (int field = 0; field < 3; field++)
      if (c->at >= c->end || *c->at++ != FIELD(1, I32) || !take_i32(c, &numbers[field])) return false;
    if (c->at >= c->end || *c->at++ != 0) return false;
    if ((numbers[0] != LAM_DATA_PAGE && numbers[0] != LAM_DATA_PAGE_V2) || numbers[2] <= 0) continue;
    bool indices = numbers[1] == LAM_PLAIN_DICTIONARY || numbers[1] == LAM_RLE_DICTIONARY;
    *(indices ? &dictionary : &others) += numbers[2];
  }
  out->encoding_stats_known = true;
  out->all_pages_dictionary = dictionary > 0 && others == 0;
  return true;
}

HOT bool pass_size_statistics(struct cursor *c) {
  for (int field = 0;;) {
    field = next_field(c, field);
    switch (field) {
      case 0: return true;
      case FIELD(1, I64): take_varint(c); break;
      case FIELD(2, LIST):
      case FIELD(3, LIST):
        if (!pass_integers(c, LAM_THRIFT_I64)) return false;
        break;
      default: return false;
    }
  }
}

HOT bool take_column_meta(struct cursor *c, struct lam_chunk_meta *out) {
  enum { REQUIRED = 1 << 1 | 1 << 4 | 1 << 5 | 1 << 7 | 1 << 9 };
  uint32_t seen = 0;
  for (int field = 0;;) {
    bool good = true;
    field = next_field(c, field);
    switch (field) {
      case 0: out->has_metadata = true; return (seen & REQUIRED) == REQUIRED;
      case FIELD(1, I32): good = take_enum(c, &out->physical); break;
      case FIELD(2, LIST): good = take_encodings(c, &out->encodings); break;
      case FIELD(3, LIST): good = pass_path(c); break;
      case FIELD(4, I32): good = take_enum(c, &out->codec); break;
      case FIELD(5, I64): out->values = take_i64(c); break;
      case FIELD(6, I64): out->uncompressed_size = take_i64(c); break;
      case FIELD(7, I64): out->compressed_size = take_i64(c); break;
      case FIELD(9, I64): out->data_page_offset = take_i64(c); break;
      case FIELD(11, I64):
        out->dictionary_page_offset = take_i64(c);
        out->has_dictionary_offset = true;
        break;
      case FIELD(12, STRUCT): good = pass_statistics(c); break;
      case FIELD(13, LIST): good = take_encoding_stats(c, out); break;
      case FIELD(14, I64): out->bloom_offset = take_i64(c); break;
      case FIELD(15, I32):
        good = take_i32(c, &out->bloom_length);
        out->bloom_length_known = true;
        break;
      case FIELD(16, STRUCT): good = pass_size_statistics(c); break;
      default: return false;
    }
    if (__builtin_expect(!good, 0)) return false;
    seen |= 1u << (field >> 4);
  }
}

const uint8_t *lam_chunk_parse_fast(const uint8_t *at, const uint8_t *end, struct lam_chunk_meta *out) {
  static const struct lam_chunk_meta none = {0}; /* copied: gcc clears as much with a slow string instruction */
  if (end - at < 2 * MARGIN) return NULL;
  struct cursor c = {at, end - MARGIN};
  memcpy(out, &none, sizeof none);
  for (int field = 0;;) {
    bool good = true;
    field = next_field(&c, field);
    switch (field) {
      case 0: out->raw = (struct lam_bytes){at, (size_t)(c.at - at)}; return c.at;
      case FIELD(2, I64): take_varint(&c); break;
      case FIELD(3, STRUCT): good = take_column_meta(&c, out); break;
      case FIELD(4, I64): out->offset_index_offset = take_i64(&c); break;
      case FIELD(5, I32): good = take_i32(&c, &out->offset_index_length); break;
      case FIELD(6, I64): out->column_index_offset = take_i64(&c); break;
      case FIELD(7, I32): good = take_i32(&c, &out->column_index_length); break;
      default: return NULL;
    }
    if (__builtin_expect(!good, 0)) return NULL;
  }
}
