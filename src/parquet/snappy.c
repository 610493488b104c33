#include "parquet/snappy.h"

#include "base/kernel.h"

/* An element begins with a tag. Its two low bits say what it is: a literal, whose bytes follow, or a copy of bytes
 * already written, with an offset of 1, 2 or 4 bytes. */
enum { TAG_LITERAL = 0, TAG_COPY_1 = 1, TAG_COPY_2 = 2, TAG_COPY_4 = 3 };

enum {
  /* The longest copy has 64 bytes, and a literal without extra length bytes has 60. With this much room on both sides
   * an element is moved as 64 bytes, whatever its size. */
  SLACK = 96,
};

struct snappy {
  const uint8_t *begin, *in, *in_end;
  uint8_t *to, *out, *out_end;
};

static enum lam_status corrupt(const struct snappy *s, const uint8_t *at, const char *what, struct lam_error *error) {
  return lam_fail(error, LAM_CORRUPT, "Snappy data: %s at byte %zu of %zu", what, (size_t)(at - s->begin),
                  (size_t)(s->in_end - s->begin));
}

typedef uint8_t half_move __attribute__((vector_size(32), aligned(1)));

/* Moves 64 bytes; all are read before the first is written. */
static inline void move64(uint8_t *to, const uint8_t *from) {
  half_move low = *(const half_move *)(const void *)from, high = *(const half_move *)(const void *)(from + 32);
  *(half_move *)(void *)to = low;
  *(half_move *)(void *)(to + 32) = high;
}

/* The length of what decompression gives: a varint of at most 32 bits. */
static enum lam_status read_length(struct snappy *s, size_t *out, struct lam_error *error) {
  uint64_t value = 0;
  for (int shift = 0; shift < 35 && s->in < s->in_end; shift += 7) {
    uint8_t byte = *s->in++;
    value |= (uint64_t)(byte & 0x7f) << shift;
    if (byte & 0x80) continue;
    *out = (size_t)value;
    return value <= UINT32_MAX ? LAM_OK : corrupt(s, s->begin, "a length of more than 32 bits", error);
  }
  return corrupt(s, s->begin, "a length that does not end", error);
}

/* A copy that overlaps itself repeats the `offset` bytes before it. There is room to overshoot. */
static inline void repeat(uint8_t *out, size_t offset, size_t size) {
  const uint8_t *from = out - offset;
  uint8_t *end = out + size;
  /* Each step doubles the distance, until eight bytes at a time no longer overlap. */
  while (out - from < 8) {
    memcpy(out, from, 8);
    out += out - from;
  }
  for (; out < end; out += 8, from += 8) memcpy(out, from, 8);
}

/* What the tag of an element says of its bytes; size 0 marks what the careful functions must look at: copies with four
 * bytes of offset, which no compressor writes, and literals with bytes of length. */
struct element {
  uint16_t size;
  uint16_t offset; /* the high bits of a copy's offset that are in the tag */
};
#define ELEMENT(tag)                                                     \
  {                                                                      \
    ((tag)&3) == TAG_LITERAL  ? ((tag) >> 2 < 60 ? ((tag) >> 2) + 1 : 0) \
    : ((tag)&3) == TAG_COPY_1 ? (((tag) >> 2) & 7) + 4                   \
    : ((tag)&3) == TAG_COPY_2 ? ((tag) >> 2) + 1                         \
                              : 0,                                       \
        ((tag)&3) == TAG_COPY_1 ? ((tag) >> 5) << 8 : 0                  \
  }
#define ELEMENTS_4(tag) ELEMENT(tag), ELEMENT((tag) + 1), ELEMENT((tag) + 2), ELEMENT((tag) + 3)
#define ELEMENTS_16(tag) ELEMENTS_4(tag), ELEMENTS_4((tag) + 4), ELEMENTS_4((tag) + 8), ELEMENTS_4((tag) + 12)
#define ELEMENTS_64(tag) ELEMENTS_16(tag), ELEMENTS_16((tag) + 16), ELEMENTS_16((tag) + 32), ELEMENTS_16((tag) + 48)
static const struct element elements[256] = {ELEMENTS_64(0), ELEMENTS_64(64), ELEMENTS_64(128), ELEMENTS_64(192)};

/* `a` where the mask is all ones, `b` where it is 0: compilers make branches of `?:`. */
static inline size_t choose(size_t mask, size_t a, size_t b) {
  return b ^ ((a ^ b) & mask);
}

/* Elements while there is slack on both sides, up to one that the careful functions must look at.
 *
 * Literals and copies take one path without a branch between them: which of the two comes is as good as random, and a
 * wrong guess costs more than the move. What is left is the time from one tag to the next, so that the next
 * position is computed from the tag by arithmetic, and before anything else. */
LAM_KERNEL static void decode_fast(struct snappy *s) {
  static const uint32_t offset_masks[4] = {0, 0xff, 0xffff, 0};
  const uint8_t *in = s->in, *to = s->to;
  uint8_t *out = s->out;
  if (s->in_end - in <= SLACK || s->out_end - out <= SLACK) return;
  const uint8_t *in_limit = s->in_end - SLACK, *out_limit = s->out_end - SLACK;
  size_t tag = *in;
  while (in < in_limit && out < out_limit) {
    size_t kind = tag & 3, if_literal = (size_t)0 - (kind == TAG_LITERAL);
    const uint8_t *next = in + choose(if_literal, (tag >> 2) + 2, kind + 1);
    size_t next_tag = *next, size = elements[tag].size;
    size_t offset = elements[tag].offset | (lam_load32(in + 1) & offset_masks[kind]);
    const uint8_t *from = (const uint8_t *)choose(if_literal, (uintptr_t)(in + 1), (uintptr_t)out - offset);
    if (__builtin_expect(offset > (size_t)(out - to) || size == 0, 0)) break;
    if (__builtin_expect((offset | if_literal) < size, 0)) { /* overlaps itself; no literal does */
      if (offset == 0) break;
      repeat(out, offset, size);
    } else {
      move64(out, from);
    }
    in = next;
    tag = next_tag;
    out += size;
  }
  s->in = in;
  s->out = out;
}

/* The rest of a literal's length: 60 to 63 stand for one to four bytes that hold it. */
static enum lam_status literal_size(struct snappy *s, const uint8_t *element, size_t *size, struct lam_error *error) {
  size_t bytes = *size - 60;
  uint32_t value = 0;
  if ((size_t)(s->in_end - s->in) < bytes) return corrupt(s, element, "a literal's length is cut off", error);
  for (size_t i = 0; i < bytes; i++) value |= (uint32_t)s->in[i] << (8 * i);
  s->in += bytes;
  *size = (size_t)value + 1;
  return LAM_OK;
}

static enum lam_status decode_literal(struct snappy *s, const uint8_t *element, uint32_t tag, struct lam_error *error) {
  size_t size = (tag >> 2) + 1;
  if (size > 60) LAM_TRY(literal_size(s, element, &size, error));
  if (size > (size_t)(s->in_end - s->in)) return corrupt(s, element, "a literal is cut off", error);
  if (size > (size_t)(s->out_end - s->out)) return corrupt(s, element, "a literal runs past the page's size", error);
  memcpy(s->out, s->in, size);
  s->in += size;
  s->out += size;
  return LAM_OK;
}

static enum lam_status decode_copy(struct snappy *s, const uint8_t *element, uint32_t tag, struct lam_error *error) {
  size_t bytes = (tag & 3) == TAG_COPY_4 ? 4 : tag & 3, offset = 0, size = (tag >> 2) + 1;
  if ((size_t)(s->in_end - s->in) < bytes) return corrupt(s, element, "a copy's offset is cut off", error);
  for (size_t i = 0; i < bytes; i++) offset |= (size_t)s->in[i] << (8 * i);
  s->in += bytes;
  if ((tag & 3) == TAG_COPY_1) {
    size = ((tag >> 2) & 7) + 4;
    offset |= (size_t)(tag >> 5) << 8;
  }
  if (offset == 0 || offset > (size_t)(s->out - s->to))
    return corrupt(s, element, "a copy from before the data", error);
  if (size > (size_t)(s->out_end - s->out)) return corrupt(s, element, "a copy runs past the page's size", error);
  const uint8_t *source = s->out - offset;
  for (size_t i = 0; i < size; i++) s->out[i] = source[i];
  s->out += size;
  return LAM_OK;
}

enum lam_status lam_snappy_decompress(struct lam_bytes from, uint8_t *to, size_t size, struct lam_error *error) {
  static uint8_t nowhere; /* arithmetic on a NULL is undefined, even with 0 */
  if (from.size == 0) return lam_fail(error, LAM_CORRUPT, "Snappy data without a byte");
  if (size == 0) to = &nowhere;
  struct snappy s = {from.data, from.data, from.data + from.size, to, to, to + size};
  size_t length = 0;
  LAM_TRY(read_length(&s, &length, error));
  if (length != size)
    return lam_fail(error, LAM_CORRUPT, "Snappy data give %zu bytes; the page header says %zu", length, size);
  while (s.in < s.in_end) {
    decode_fast(&s);
    const uint8_t *element = s.in++;
    LAM_TRY((*element & 3) == TAG_LITERAL ? decode_literal(&s, element, *element, error)
                                          : decode_copy(&s, element, *element, error));
  }
  if (s.out == s.out_end) return LAM_OK;
  return lam_fail(error, LAM_CORRUPT, "Snappy data end after %zu of %zu bytes", (size_t)(s.out - s.to), size);
}
