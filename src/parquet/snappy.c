#include "parquet/snappy.h"

#include "base/kernel.h"

/* An element begins with a tag. Its two low bits say what it is: a literal, whose bytes follow, or a copy of bytes
 * already written, with an offset of 1, 2 or 4 bytes. */
enum { TAG_LITERAL = 0, TAG_COPY_1 = 1, TAG_COPY_2 = 2, TAG_COPY_4 = 3 };

enum {
  /* With this much room on both sides a literal of up to 60 bytes and a copy of up to 64 are moved in parts of 32,
   * whatever their sizes, and the tags behind them are read. */
  SLACK = 160,
  /* Bytes after which it is asked anew what the elements are like, of so many of them. Compressors forget all behind
   * 64 KiB and begin with literals again: that is not where to ask. */
  STRETCH_OUT = 40 << 10,
  FIRST_STRETCH = 4 << 10,
  SAMPLE = 32,
};

struct snappy {
  const uint8_t *begin, *in, *in_end;
  uint8_t *to, *out, *out_end;
  enum { PAIRS, TEXT, EIGHTS } kind; /* as far as the speed goes */
};

static enum lam_status corrupt(const struct snappy *s, const uint8_t *at, const char *what, struct lam_error *error) {
  return lam_fail(error, LAM_CORRUPT, "Snappy data: %s at byte %zu of %zu", what, (size_t)(at - s->begin),
                  (size_t)(s->in_end - s->begin));
}

typedef uint8_t half_move __attribute__((vector_size(32), aligned(1)));

/* Moves 32 or 64 bytes, whichever `size` needs; all of 32 are read before the first is written. */
static inline void move(uint8_t *to, const uint8_t *from, size_t size) {
  half_move part = *(const half_move *)(const void *)from;
  *(half_move *)(void *)to = part;
  if (__builtin_expect(size <= 32, 1)) return;
  part = *(const half_move *)(const void *)(from + 32);
  *(half_move *)(void *)(to + 32) = part;
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

/* A copy that overlaps itself repeats the `offset` bytes before it. There is room to overshoot. A call, since the loops
 * below need the registers. */
__attribute__((noinline)) static void repeat(uint8_t *out, size_t offset, size_t size) {
  /* A few bytes are repeated in a register, by a factor that has a one wherever they are to stand; as many whole
   * repetitions as eight bytes hold are what a step can go on by. To read what was just written in smaller parts would
   * take longer than all that. */
  static const uint64_t factors[8] = {0,
                                      UINT64_C(0x0101010101010101),
                                      UINT64_C(0x0001000100010001),
                                      UINT64_C(0x0001000001000001),
                                      UINT64_C(0x0000000100000001),
                                      UINT64_C(0x0000010000000001),
                                      UINT64_C(0x0001000000000001),
                                      UINT64_C(0x0100000000000001)};
  static const uint8_t steps[8] = {0, 8, 8, 6, 8, 5, 6, 7};
  const uint8_t *from = out - offset;
  uint8_t *end = out + size;
  if (offset >= 8) {
    for (; out < end; out += 8, from += 8) memcpy(out, from, 8);
    return;
  }
  uint64_t bytes = (lam_load64(from) & ((UINT64_C(1) << (8 * offset)) - 1)) * factors[offset];
  for (size_t step = steps[offset]; out < end; out += step) lam_store64(out, bytes);
}

/* What a tag says. The offset of a copy is completed by the bytes behind its tag. The careful functions must look at
 * copies with four bytes of offset, which no compressor writes, and at literals of more than MOST bytes, whose length
 * is not in the tag: their offset is one that no page has room for. */
enum { MOST = 60 };
struct element {
  uint16_t size;
  uint16_t least; /* offset of a copy that does not overlap itself */
  uint32_t offset;
};
#define SIZE(tag) (((tag)&3) == TAG_COPY_1 ? (((tag) >> 2) & 7) + 4 : ((tag) >> 2) + 1)
#define CAREFUL(tag) (((tag)&3) == TAG_COPY_4 || (((tag)&3) == TAG_LITERAL && SIZE(tag) > MOST))
#define ELEMENT(tag)                                          \
  {                                                           \
    SIZE(tag), ((tag)&3) == TAG_LITERAL ? 0 : SIZE(tag),      \
        CAREFUL(tag)              ? UINT32_MAX                \
        : ((tag)&3) == TAG_COPY_1 ? (uint32_t)(tag) >> 5 << 8 \
                                  : 0                         \
  }
#define ELEMENTS_4(tag) ELEMENT(tag), ELEMENT((tag) + 1), ELEMENT((tag) + 2), ELEMENT((tag) + 3)
#define ELEMENTS_16(tag) ELEMENTS_4(tag), ELEMENTS_4((tag) + 4), ELEMENTS_4((tag) + 8), ELEMENTS_4((tag) + 12)
#define ELEMENTS_64(tag) ELEMENTS_16(tag), ELEMENTS_16((tag) + 16), ELEMENTS_16((tag) + 32), ELEMENTS_16((tag) + 48)
static const struct element elements[256] = {ELEMENTS_64(0), ELEMENTS_64(64), ELEMENTS_64(128), ELEMENTS_64(192)};

/* a, b and c become their others where none of the mask's bits is set in `bits`: compilers make branches of `?:`. */
static inline void choose(size_t bits, size_t mask, size_t *a, size_t other_a, size_t *b, size_t other_b, size_t *c,
                          size_t other_c) {
#if defined(__x86_64__) && defined(__GNUC__)
  __asm__("testb %b4, %b3\n\tcmovzq %5, %0\n\tcmovzq %6, %1\n\tcmovzq %7, %2"
          : "+&r"(*a), "+&r"(*b), "+&r"(*c)
          : "q"(bits), "qi"(mask), "r"(other_a), "r"(other_b), "r"(other_c)
          : "cc");
#else
  size_t keep = 0 - (size_t)((bits & mask) != 0);
  *a = other_a ^ ((*a ^ other_a) & keep);
  *b = other_b ^ ((*b ^ other_b) & keep);
  *c = other_c ^ ((*c ^ other_c) & keep);
#endif
}

/* Elements until the output is at the limit; false: one that the careful functions must look at is next.
 *
 * Each round has one element. Whether it is a literal is as good as random, and a wrong guess costs more than to be
 * ready for both, so that there is no branch. What is left is the time from one tag to the next: both bytes that may be
 * the next tag are read before it is known which one is, since the choice takes less than to wait with the reading. */
LAM_KERNEL static bool decode_elements(struct snappy *s, const uint8_t *limit) {
  const uint8_t *in = s->in + 1, *to = s->to;
  uint8_t *out = s->out;
  bool good = false;
  for (size_t tag = s->in[0]; out < limit;) {
    const struct element *element = &elements[tag];
    size_t kind = tag & 3, rest = tag >> 2, size = element->size;
    size_t offset = element->offset | (lam_load32(in) & ((UINT32_C(1) << 8 * kind) - 1));
    if (__builtin_expect(offset > (size_t)(out - to), 0)) goto careful;
    size_t next = in[kind], behind = (uintptr_t)in + 1 + kind, from = (uintptr_t)out - offset;
    choose(tag, 3, &next, in[1 + rest], &behind, (uintptr_t)in + 2 + rest, &from, (uintptr_t)in);
    if (__builtin_expect(offset < element->least, 0)) {
      if (offset == 0) goto careful;
      repeat(out, offset, size);
    } else {
      move(out, (const uint8_t *)from, size);
    }
    out += size;
    tag = next;
    in = (const uint8_t *)behind;
  }
  good = true;
careful:
  s->in = in - 1;
  s->out = out;
  return good;
}

/* The same, but each round has a copy and the literal before it, which may be missing. */
LAM_KERNEL static bool decode_pairs(struct snappy *s, const uint8_t *limit) {
  const uint8_t *in = s->in, *to = s->to;
  uint8_t *out = s->out;
  bool good = false;
  for (size_t tag = *in, rest = tag >> 2; out < limit;) {
    size_t literal = 0, copy = (uintptr_t)in, word = lam_load32(in);
    choose(tag, 3, &word, lam_load32(in + rest + 2), &copy, (uintptr_t)in + rest + 2, &literal, rest + 1);
    move(out, in + 1, literal);
    const struct element *element = &elements[word & 255];
    uint8_t *at = out + literal;
    size_t kind = word & 3, size = element->size;
    size_t offset = element->offset | (word >> 8 & ((UINT32_C(1) << 8 * kind) - 1));
    if (__builtin_expect(offset > (size_t)(at - to) || literal > MOST, 0)) goto careful;
    if (__builtin_expect(offset < size, 0)) { /* as of a literal, too */
      if (offset == 0) goto careful;
      repeat(at, offset, size);
    } else {
      move(at, at - offset, size);
    }
    size_t step = 2; /* of the copy's element, which has one byte of offset or two */
    tag = word >> 16, rest = word >> 18 & 63;
    choose(word, 1, &tag, word >> 24, &rest, word >> 26, &step, 3);
    in = (const uint8_t *)copy + step;
    out = at + size;
  }
  good = true;
careful:
  s->in = in;
  s->out = out;
  return good;
}

/* Numbers of eight bytes that go on like the one before, as those that rise do: literals of one length, each with a
 * copy of the rest of a number that is whole already. Nothing has to wait for bytes that were written in parts, and
 * where the next pair begins is as good as known. Other pairs are given to decode_pairs, one at a time. */
LAM_KERNEL static bool decode_eights(struct snappy *s, const uint8_t *limit) {
  const uint8_t *in = s->in, *to = s->to;
  uint8_t *out = s->out;
  bool good = true;
  while (good && out < limit) {
    const size_t tag = *in, literal = (tag >> 2) + 1;
    const size_t near = (4 - literal) << 2 | TAG_COPY_1, far = (7 - literal) << 2 | TAG_COPY_2;
    const uint64_t mask = (UINT64_C(1) << (8 * literal & 63)) - 1;
    bool other = (tag & 3) != TAG_LITERAL || literal > 4; /* a copy has four bytes at least */
    while (!other && *in == tag && out < limit) {
      size_t word = lam_load32(in + 1 + literal), offset = word >> 8 & 0xffff, step = literal + 4;
      if ((word & 0x1f) == near) {
        offset = (word >> 5 & 7) << 8 | (word >> 8 & 0xff);
        step = literal + 3;
      } else if ((word & 0xff) != far) {
        offset = 0;
      }
      other = offset < 8 || offset > (size_t)(out - to);
      if (other) break;
      lam_store64(out, (lam_load64(in + 1) & mask) | (lam_load64(out - offset) & ~mask));
      out += 8;
      in += step;
    }
    if (!other) continue;
    s->in = in;
    s->out = out;
    good = decode_pairs(s, out + 1);
    in = s->in;
    out = s->out;
  }
  s->in = in;
  s->out = out;
  return good;
}

/* What the next elements are like: whether copies follow one another rather than literals; or pairs of a literal and a
 * copy that make eight bytes together are those of the pair before, all but a few. */
static void look_ahead(struct snappy *s) {
  const uint8_t *in = s->in;
  size_t literals = 0, alike = 0, seen = 0, literal = 0, pair = 0;
  for (; seen < SAMPLE && s->in_end - in > SLACK; seen++) {
    size_t kind = *in & 3, copied = elements[*in].size, before = literal;
    literal = kind == TAG_LITERAL ? (size_t)(*in >> 2) + 1 : 0;
    literals += literal > 0;
    if (!literal) {
      alike += before + copied == 8 && pair == before * 4 + kind;
      pair = before * 4 + kind;
    }
    in += 1 + (literal ? literal : kind);
  }
  s->kind = alike * 16 > seen * 7 ? EIGHTS : literals * 3 < seen ? TEXT : PAIRS;
}

/* Elements while there is slack on both sides, up to one that the careful functions must look at. Text has copies
 * behind copies mostly, numbers have literals between them. An element takes three bytes at most for each that it
 * gives, so that the loops need to look at their output only. */
static void decode_fast(struct snappy *s) {
  bool good = true;
  while (good) {
    ptrdiff_t in_left = s->in_end - s->in - SLACK, out_left = s->out_end - s->out - SLACK;
    if (in_left <= 0 || out_left <= 0) return;
    ptrdiff_t stretch = s->out - s->to < FIRST_STRETCH ? FIRST_STRETCH : STRETCH_OUT;
    ptrdiff_t most = (ptrdiff_t)lam_min_i64(lam_min_i64(in_left / 3 + 1, out_left), stretch);
    const uint8_t *limit = s->out + most;
    good = s->kind == TEXT     ? decode_elements(s, limit)
           : s->kind == EIGHTS ? decode_eights(s, limit)
                               : decode_pairs(s, limit);
    if (most >= FIRST_STRETCH) look_ahead(s);
  }
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
  struct snappy s = {from.data, from.data, from.data + from.size, to, to, to + size, PAIRS};
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

/* ---- compression ---- */

enum {
  TABLE_BITS = 14, /* 32 KiB */
  MARGIN = 16,     /* no match begins in the last bytes, so that loads may be wide */
  STEP_ONE = 32,   /* steps are counted in 32ths of a byte: they grow while nothing is found */
  STEP_GROWTH = 2,
  STEP_POOR = 4 * STEP_ONE, /* where data hardly shrink */
  STRETCH = 4096,           /* bytes after which that is judged anew */
  STRETCHES_MOST = 16,
};

/* The table has the low 16 bits of the position where bytes of a hash were last seen. A distance below 65,536 is all
 * that a copy can have, and 16 bits are all that it takes to tell it, so the window slides over the whole page. An
 * entry may be older than that, or never set: the bytes it leads to are compared, and are within the page anyway. */
struct packer {
  const uint8_t *begin, *end, *limit;
  const uint8_t *in;   /* where to look next */
  const uint8_t *kept; /* from here to `in` it is literal */
  uint8_t *out;
  size_t distance; /* of the match at `in` */
  uint16_t *table;
  int shift;

  /* Where a stretch shrank by less than an eighth, the next ones are looked through in steps of four bytes: first one
   * of them, and twice as many each time that a stretch of small steps does no better. */
  const uint8_t *stretch_in;
  uint8_t *stretch_out;
  uint32_t first_step, poor_left, poor_next;
};

static inline uint16_t *slot(const struct packer *p, uint64_t bytes) {
  return &p->table[(uint32_t)bytes * UINT32_C(0x9e3779b1) >> p->shift];
}

static inline void judge_stretch(struct packer *p) {
  if (p->in - p->stretch_in < STRETCH) return;
  size_t took = (size_t)(p->in - p->stretch_in), gave = (size_t)(p->out - p->stretch_out);
  if (p->poor_left > 0) {
    p->poor_left--;
  } else if (gave > took / 8 * 7) {
    p->poor_left = p->poor_next;
    if (p->poor_next < STRETCHES_MOST) p->poor_next *= 2;
  } else {
    p->poor_next = 1;
  }
  p->first_step = p->poor_left ? STEP_POOR : STEP_ONE;
  p->stretch_in = p->in;
  p->stretch_out = p->out;
}

/* Moves `in` to the next four bytes that stood before; false: there are none. Two places are looked at together, since
 * what takes time is to wait for the memory of one. */
static inline bool find_match(struct packer *p) {
  const uint8_t *in = p->in;
  for (size_t step = p->first_step;; step += 2 * STEP_GROWTH) {
    size_t ahead = step / STEP_ONE;
    if (p->limit - in <= (ptrdiff_t)ahead) return false;
    size_t position = (size_t)(in - p->begin), next = position + ahead;
    uint64_t bytes = lam_load64(in), next_bytes = lam_load64(in + ahead);
    uint16_t *seen = slot(p, bytes), *next_seen = slot(p, next_bytes);
    size_t distance = (uint16_t)(position - *seen);
    *seen = (uint16_t)position;
    size_t next_distance = (uint16_t)(next - *next_seen);
    bool same = lam_load32(in - distance) == (uint32_t)bytes;
    bool next_same = lam_load32(in + ahead - next_distance) == (uint32_t)next_bytes;
    if (__builtin_expect(same, 0) && distance) {
      p->in = in;
      p->distance = distance;
      return true;
    }
    *next_seen = (uint16_t)next;
    in += ahead;
    if (__builtin_expect(next_same, 0) && next_distance) {
      p->in = in;
      p->distance = next_distance;
      return true;
    }
    in += ahead;
  }
}

static uint8_t *put_long_literal(uint8_t *out, const uint8_t *from, size_t size) {
  uint32_t rest = (uint32_t)(size - 1), bytes = rest < 60 ? 0 : (uint32_t)(lam_bit_width(rest) + 7) / 8;
  *out++ = (uint8_t)((bytes ? 59 + bytes : rest) << 2 | TAG_LITERAL);
  for (uint32_t i = 0; i < bytes; i++) *out++ = (uint8_t)(rest >> (8 * i));
  memcpy(out, from, size);
  return out + size;
}

static inline void put_literal(struct packer *p) {
  size_t size = (size_t)(p->in - p->kept);
  if (size == 0) return;
  if (size > 60 || p->end - p->kept < 64) {
    p->out = put_long_literal(p->out, p->kept, size);
    return;
  }
  *p->out = (uint8_t)((size - 1) << 2 | TAG_LITERAL);
  move(p->out + 1, p->kept, size);
  p->out += size + 1;
}

/* A copy of 4 to 11 bytes takes two bytes where the distance allows it, and that is as good as random. */
static inline uint8_t *put_short_copy(uint8_t *out, size_t distance, size_t size) {
  uint32_t near = distance < 2048;
  uint32_t two = (uint32_t)(TAG_COPY_1 | (size - 4) << 2 | distance >> 8 << 5 | (distance & 255) << 8);
  uint32_t three = (uint32_t)(TAG_COPY_2 | (size - 1) << 2 | distance << 8);
  lam_store32(out, three ^ ((two ^ three) & (0 - near)));
  return out + 3 - near;
}

static inline uint8_t *put_copy(uint8_t *out, size_t distance, size_t size) {
  while (size >= 12) {
    /* What remains of a long one has 4 bytes again. */
    size_t most = size < 68 ? 60 : 64, now = size <= 64 ? size : most;
    lam_store32(out, (uint32_t)(TAG_COPY_2 | (now - 1) << 2 | distance << 8));
    out += 3;
    size -= now;
    if (size == 0) return out;
  }
  return put_short_copy(out, distance, size);
}

/* How far two places agree. The first of them is below the limit, so that the first load needs no check. */
static inline size_t match_size(const uint8_t *at, const uint8_t *before, const uint8_t *end) {
  uint64_t differ = lam_load64(at) ^ lam_load64(before);
  if (differ) return (size_t)__builtin_ctzll(differ) / 8;
  size_t size = 8, most = (size_t)(end - at);
  for (; most - size >= 8; size += 8) {
    differ = lam_load64(at + size) ^ lam_load64(before + size);
    if (differ) return size + (size_t)__builtin_ctzll(differ) / 8;
  }
  while (size < most && at[size] == before[size]) size++;
  return size;
}

/* The match at `in`, with the literal before it. */
static inline void put_match(struct packer *p) {
  put_literal(p);
  const uint8_t *before = p->in - p->distance;
  /* Poor data match in four bytes and no more, almost always. A guess that is right lets the processor go on without
   * waiting for the comparison. */
  if (p->first_step != STEP_ONE && p->in[4] != before[4]) {
    p->out = put_short_copy(p->out, p->distance, 4);
    p->in += 4;
  } else {
    size_t size = match_size(p->in, before, p->end);
    p->out = put_copy(p->out, p->distance, size);
    p->in += size;
  }
  p->kept = p->in;
}

/* Whether a match follows at once. If not, `in` is behind the bytes that were looked at. */
static inline bool next_match(struct packer *p) {
  if (p->first_step != STEP_ONE || p->in >= p->limit) return false;
  size_t position = (size_t)(p->in - p->begin);
  uint64_t bytes = lam_load64(p->in - 1);
  *slot(p, bytes) = (uint16_t)(position - 1);
  bytes >>= 8;
  uint16_t *seen = slot(p, bytes);
  p->distance = (uint16_t)(position - *seen);
  *seen = (uint16_t)position;
  if (lam_load32(p->in - p->distance) == (uint32_t)bytes && p->distance) return true;
  p->in++;
  return false;
}

LAM_KERNEL static uint8_t *pack(struct packer packer) {
  struct packer *p = &packer;
  while (p->in < p->limit) {
    judge_stretch(p);
    if (!find_match(p)) break;
    do put_match(p);
    while (next_match(p));
  }
  return p->kept < p->end ? put_long_literal(p->out, p->kept, (size_t)(p->end - p->kept)) : p->out;
}

size_t lam_snappy_compress(struct lam_bytes from, uint8_t *to) {
  uint16_t table[1 << TABLE_BITS];
  uint8_t *out = to;
  size_t left = from.size;
  for (; left >= 128; left >>= 7) *out++ = (uint8_t)(left | 128);
  *out++ = (uint8_t)left;
  if (from.size <= MARGIN) {
    if (from.size) out = put_long_literal(out, from.data, from.size);
    return (size_t)(out - to);
  }
  int bits = lam_bit_width(from.size);
  if (bits > TABLE_BITS) bits = TABLE_BITS;
  memset(table, 0, sizeof *table << bits);
  const uint8_t *begin = from.data, *end = begin + from.size;
  struct packer packer = {.begin = begin,
                          .end = end,
                          .limit = end - MARGIN,
                          .in = begin + 1,
                          .kept = begin,
                          .out = out,
                          .table = table,
                          .shift = 32 - bits,
                          .stretch_in = begin,
                          .stretch_out = out,
                          .first_step = STEP_ONE,
                          .poor_next = 1};
  return (size_t)(pack(packer) - to);
}
