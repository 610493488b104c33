#include <assert.h>

#include "base/kernel.h"
#include "parquet/encoding.h"

enum { VARINT32_BYTES = 5 };

enum lam_status lam_rle_begin(struct lam_rle *rle, struct lam_bytes bytes, int width, struct lam_error *error) {
  *rle = (struct lam_rle){.bytes = bytes, .width = width};
  LAM_CHECK(width >= 0 && width <= 32, error, "values packed in %d bits; expected 0 to 32", width);
  /* Values of no bits are all 0. Writers differ in whether they give runs for them at all, so none are read. */
  if (width == 0) rle->run_left = UINT64_MAX;
  return LAM_OK;
}

static enum lam_status read_header(struct lam_rle *rle, uint32_t *header, struct lam_error *error) {
  size_t start = rle->position;
  uint64_t value = 0;
  if (start < rle->bytes.size && rle->bytes.data[start] < 0x80) { /* short runs, where there are many */
    *header = rle->bytes.data[rle->position++];
    return LAM_OK;
  }
  for (int i = 0; i < VARINT32_BYTES; i++) {
    LAM_CHECK(rle->position < rle->bytes.size, error,
              "the run-length encoded values end at byte %zu of them, before "
              "all values were read",
              rle->position);
    uint8_t byte = rle->bytes.data[rle->position++];
    value |= (uint64_t)(byte & 0x7f) << (7 * i);
    if (byte < 0x80) {
      LAM_CHECK(value <= UINT32_MAX, error,
                "the run header at byte %zu of the run-length encoded values "
                "is above 2^32",
                start);
      *header = (uint32_t)value;
      return LAM_OK;
    }
  }
  return lam_fail(error, LAM_CORRUPT,
                  "the run header at byte %zu of the run-length encoded values "
                  "has more than %d bytes",
                  start, VARINT32_BYTES);
}

/* Reads headers until there is a run with values in it; the end of the bytes is an error. */
static inline enum lam_status next_run(struct lam_rle *rle, struct lam_error *error) {
  while (rle->run_left == 0 && rle->packed_left == 0) {
    uint32_t header = 0;
    LAM_TRY(read_header(rle, &header, error));
    size_t rest = rle->bytes.size - rle->position;
    if (header & 1) {
      uint64_t groups = header >> 1, bytes = groups * (unsigned)rle->width;
      uint64_t values = groups * 8;
      if (bytes > rest) { /* Some writers leave out the padding of the last group. */
        bytes = rest;
        values = (uint64_t)rest * 8 / (unsigned)rle->width;
      }
      rle->packed_left = values;
      rle->packed_bit = (uint64_t)rle->position * 8;
      rle->position += (size_t)bytes;
    } else {
      size_t bytes = (size_t)(rle->width + 7) / 8;
      LAM_CHECK(bytes <= rest, error,
                "the repeated value at byte %zu of the run-length encoded "
                "values is cut short: %zu of %zu bytes",
                rle->position, rest, bytes);
      uint8_t padded[4] = {0};
      memcpy(padded, rle->bytes.data + rle->position, bytes);
      rle->run_value = lam_load32(padded);
      LAM_CHECK(rle->width == 32 || rle->run_value >> rle->width == 0, error,
                "the repeated value %u at byte %zu of the run-length encoded "
                "values does not fit in %d bits",
                rle->run_value, rle->position, rle->width);
      rle->run_left = header >> 1;
      rle->position += bytes;
    }
  }
  return LAM_OK;
}

static void take_packed(struct lam_rle *rle, uint64_t count) {
  rle->packed_left -= count;
  rle->packed_bit += count * (unsigned)rle->width;
}

enum lam_status lam_rle_run(struct lam_rle *rle, size_t max, uint32_t *scratch, size_t *count, uint32_t *value,
                            const uint32_t **packed, struct lam_error *error) {
  *count = 0;
  *packed = NULL;
  if (!max) return LAM_OK;
  LAM_TRY(next_run(rle, error));
  if (rle->run_left) {
    *count = (size_t)lam_min_u64(rle->run_left, max);
    *value = rle->run_value;
    rle->run_left -= *count;
    return LAM_OK;
  }
  *count = (size_t)lam_min_u64(rle->packed_left, max);
  lam_unpack32(rle->bytes.data, rle->bytes.size, rle->packed_bit, rle->width, scratch, *count);
  *packed = scratch;
  take_packed(rle, *count);
  return LAM_OK;
}

enum lam_status lam_rle_read(struct lam_rle *rle, uint32_t *to, size_t count, struct lam_error *error) {
  assert(to || count == 0);
  while (count) {
    size_t given;
    uint32_t value = 0;
    const uint32_t *packed;
    LAM_TRY(lam_rle_run(rle, count, to, &given, &value, &packed, error));
    if (!packed)
      for (size_t i = 0; i < given; i++) to[i] = value;
    to += given;
    count -= given;
  }
  return LAM_OK;
}

/* Values of 1 to 8 bits from any bit on: eight of them are in a word, as many bytes as a value has bits. */
LAM_KERNEL static void unpack_bytes(const uint8_t *from, size_t size, uint64_t bit, unsigned width, uint8_t *to,
                                    size_t count) {
  const uint64_t mask = ((uint64_t)1 << width) - 1;
  for (; count >= 8; count -= 8, to += 8, bit += 8 * width) {
    size_t at = (size_t)(bit >> 3);
    unsigned shift = (unsigned)(bit & 7);
    if (size - at < 9) break;
    uint64_t word = lam_load64(from + at) >> shift;
    if (shift) word |= (uint64_t)from[at + 8] << (64 - shift);
    for (unsigned i = 0; i < 8; i++) to[i] = (uint8_t)(word >> (i * width) & mask);
  }
  for (; count; count--, bit += width) {
    size_t at = (size_t)(bit >> 3);
    unsigned two = from[at] | (at + 1 < size ? (unsigned)from[at + 1] << 8 : 0);
    *to++ = (uint8_t)(two >> (bit & 7) & mask);
  }
}

enum lam_status lam_rle_read_bytes(struct lam_rle *rle, uint8_t *to, size_t count, struct lam_error *error) {
  assert(rle->width <= 8);
  for (size_t given; count; count -= given, to += given) {
    LAM_TRY(next_run(rle, error));
    given = (size_t)lam_min_u64(rle->run_left ? rle->run_left : rle->packed_left, count);
    if (rle->run_left) {
      memset(to, (int)rle->run_value, given);
      rle->run_left -= given;
    } else {
      unpack_bytes(rle->bytes.data, rle->bytes.size, rle->packed_bit, (unsigned)rle->width, to, given);
      take_packed(rle, given);
    }
  }
  return LAM_OK;
}

enum lam_status lam_rle_skip(struct lam_rle *rle, size_t count, struct lam_error *error) {
  while (count) {
    LAM_TRY(next_run(rle, error));
    size_t given = (size_t)lam_min_u64(rle->run_left ? rle->run_left : rle->packed_left, count);
    if (rle->run_left)
      rle->run_left -= given;
    else
      take_packed(rle, given);
    count -= given;
  }
  return LAM_OK;
}

static size_t count_packed(const struct lam_rle *rle, size_t count, uint32_t value) {
  enum { STEP = 256 };
  uint32_t values[STEP];
  size_t equal = 0;
  if (rle->width == 1) {
    size_t set = (size_t)lam_bits_count(rle->bytes.data, (int64_t)rle->packed_bit, (int64_t)count);
    return value == 1 ? set : value == 0 ? count - set : 0;
  }
  for (size_t done = 0, n; done < count; done += n) {
    n = count - done < STEP ? count - done : STEP;
    lam_unpack32(rle->bytes.data, rle->bytes.size, rle->packed_bit + done * (unsigned)rle->width, rle->width, values,
                 n);
    for (size_t i = 0; i < n; i++) equal += values[i] == value;
  }
  return equal;
}

enum lam_status lam_rle_skip_counting(struct lam_rle *rle, size_t count, uint32_t value, size_t *equal,
                                      struct lam_error *error) {
  *equal = 0;
  while (count) {
    LAM_TRY(next_run(rle, error));
    size_t given = (size_t)lam_min_u64(rle->run_left ? rle->run_left : rle->packed_left, count);
    if (rle->run_left) {
      *equal += rle->run_value == value ? given : 0;
      rle->run_left -= given;
    } else {
      *equal += count_packed(rle, given, value);
      take_packed(rle, given);
    }
    count -= given;
  }
  return LAM_OK;
}

enum lam_status lam_rle_repeats(struct lam_rle *rle, size_t count, uint32_t value, bool *out, struct lam_error *error) {
  LAM_TRY(next_run(rle, error));
  *out = rle->run_left >= count && rle->run_value == value;
  return LAM_OK;
}

static inline uint32_t packed_value(const struct lam_rle *rle, uint64_t bit) {
  size_t at = (size_t)(bit >> 3);
  uint32_t value;
  if (rle->bytes.size - at >= 8)
    return (uint32_t)(lam_load64(rle->bytes.data + at) >> (bit & 7) & (((uint64_t)1 << rle->width) - 1));
  lam_unpack32(rle->bytes.data, rle->bytes.size, bit, rle->width, &value, 1);
  return value;
}

/* The packed values at `places` - `less`. Where they are close all are unpacked. */
static void pick_packed(const struct lam_rle *rle, const int32_t *places, int64_t less, size_t count, uint32_t *to) {
  enum { STEP = 256, CLOSE = 8 };
  uint32_t values[STEP * CLOSE];
  unsigned width = (unsigned)rle->width;
  for (size_t n; count > 0; count -= n, places += n, to += n) {
    n = count < STEP ? count : STEP;
    int64_t first = places[0] - less;
    size_t span = (size_t)(places[n - 1] - places[0]) + 1;
    uint64_t bit = rle->packed_bit + (uint64_t)first * width;
    if (span <= n * CLOSE) {
      lam_unpack32(rle->bytes.data, rle->bytes.size, bit, rle->width, values, span);
      for (size_t i = 0; i < n; i++) to[i] = values[places[i] - places[0]];
    } else {
      for (size_t i = 0; i < n; i++) to[i] = packed_value(rle, bit + (uint64_t)(places[i] - places[0]) * width);
    }
  }
}

/* How many of the rising `places` are below `limit`. */
static size_t places_below(const int32_t *places, size_t count, int64_t limit) {
  size_t low = 0;
  while (low < count) {
    size_t middle = low + (count - low) / 2;
    if (places[middle] < limit)
      low = middle + 1;
    else
      count = middle;
  }
  return low;
}

enum lam_status lam_rle_pick(struct lam_rle *rle, const int32_t *places, int64_t less, size_t count, uint32_t *to,
                             struct lam_error *error) {
  while (count > 0) {
    LAM_TRY(next_run(rle, error));
    uint64_t passed = rle->run_left ? rle->run_left : rle->packed_left;
    bool all = (uint64_t)(places[count - 1] - less) < passed;
    size_t n = all ? count : places_below(places, count, less + (int64_t)passed);
    if (all) passed = (uint64_t)(places[count - 1] - less) + 1;
    if (rle->run_left) {
      for (size_t i = 0; i < n; i++) to[i] = rle->run_value;
      rle->run_left -= passed;
    } else {
      pick_packed(rle, places, less, n, to);
      take_packed(rle, passed);
    }
    less += (int64_t)passed;
    places += n;
    to += n;
    count -= n;
  }
  return LAM_OK;
}

/* Bits appended to a bitmap at any position, through a word: runs of levels are
 * short where nulls are many. Nothing behind the last bit is written, and the
 * neighbours in its byte are kept. */
struct bit_sink {
  uint8_t *to;
  uint64_t word;
  int held; /* bits in `word`, below 32 */
};

static inline struct bit_sink sink_begin(uint8_t *bits, int64_t offset) {
  uint8_t *to = bits + (offset >> 3);
  int held = (int)(offset & 7);
  return (struct bit_sink){to, held ? *to & ((1u << held) - 1) : 0, held};
}

/* Up to 32 bits; those above `count` are 0. */
static inline void sink_put(struct bit_sink *sink, uint64_t bits, int count) {
  sink->word |= bits << sink->held;
  sink->held += count;
  if (sink->held < 32) return;
  lam_store32(sink->to, (uint32_t)sink->word);
  sink->to += 4;
  sink->word >>= 32;
  sink->held -= 32;
}

static void sink_end(struct bit_sink *sink) {
  for (; sink->held >= 8; sink->held -= 8, sink->word >>= 8) *sink->to++ = (uint8_t)sink->word;
  if (!sink->held) return;
  unsigned mask = (1u << sink->held) - 1;
  *sink->to = (uint8_t)((*sink->to & ~mask) | (sink->word & mask));
}

static inline uint64_t low_bits(uint64_t word, int count) {
  return word & (((uint64_t)1 << count) - 1);
}

static void put_packed(struct bit_sink *sink, struct lam_bytes from, uint64_t bit, size_t count) {
  while (count) {
    size_t at = (size_t)(bit >> 3), rest = from.size - at;
    int n = count < 32 ? (int)count : 32;
    uint64_t word = 0;
    if (rest >= 8)
      word = lam_load64(from.data + at);
    else
      memcpy(&word, from.data + at, rest);
    sink_put(sink, low_bits(word >> (bit & 7), n), n);
    bit += (unsigned)n;
    count -= (size_t)n;
  }
}

static void put_repeated(struct bit_sink *sink, uint32_t value, size_t count) {
  uint64_t word = value ? UINT32_MAX : 0;
  for (; count >= 32; count -= 32) sink_put(sink, word, 32);
  sink_put(sink, low_bits(word, (int)count), (int)count);
}

enum lam_status lam_rle_read_validity(struct lam_rle *rle, uint8_t *validity, int64_t offset, size_t count,
                                      int64_t *valid, struct lam_error *error) {
  assert(rle->width == 1);
  *valid = 0;
  if (!count) return LAM_OK;
  struct bit_sink sink = sink_begin(validity, offset);
  for (size_t left = count, given; left; left -= given) {
    LAM_TRY(next_run(rle, error));
    given = (size_t)lam_min_u64(rle->run_left ? rle->run_left : rle->packed_left, left);
    if (rle->run_left) {
      put_repeated(&sink, rle->run_value, given);
      rle->run_left -= given;
    } else {
      put_packed(&sink, rle->bytes, rle->packed_bit, given);
      take_packed(rle, given);
    }
  }
  sink_end(&sink);
  *valid = lam_bits_count(validity, offset, (int64_t)count);
  return LAM_OK;
}

enum lam_status lam_bitpacked_levels_read(struct lam_bytes bytes, int width, uint32_t *to, size_t count,
                                          struct lam_error *error) {
  LAM_CHECK(width >= 0 && width <= 32, error, "levels packed in %d bits; expected 0 to 32", width);
  LAM_CHECK(width == 0 || count <= bytes.size * 8 / (unsigned)width, error,
            "bit-packed levels end at byte %zu; expected %zu levels of %d bits", bytes.size, count, width);
  uint64_t bits = 0; /* the lowest `held` are still to be given, the highest of them first */
  int held = 0;
  const uint8_t *p = bytes.data;
  for (size_t i = 0; i < count; i++) {
    for (; held < width; held += 8) bits = bits << 8 | *p++;
    held -= width;
    to[i] = (uint32_t)(bits >> held & (((uint64_t)1 << width) - 1));
  }
  return LAM_OK;
}

/* ---- writing ---- */

/* Values of a bit-packed run at most: a header of two bytes. The format allows 2^31 - 1, and readers that take one
 * run into a buffer of its own stay small. */
enum { MOST_PACKED = 8191 * 8 };
#define MOST_REPEATED ((size_t)1 << 30) /* the header has to fit in 32 bits, and a count in 31 */

static enum lam_status write_header(uint64_t header, struct lam_buf *to, struct lam_error *error) {
  LAM_TRY(lam_buf_room(to, VARINT32_BYTES, error));
  for (; header >= 0x80; header >>= 7) to->data[to->size++] = (uint8_t)(header | 0x80);
  to->data[to->size++] = (uint8_t)header;
  return LAM_OK;
}

enum lam_status lam_rle_write_run(uint32_t value, size_t count, int width, struct lam_buf *to,
                                  struct lam_error *error) {
  while (count) {
    size_t given = count < MOST_REPEATED ? count : MOST_REPEATED;
    LAM_TRY(write_header((uint64_t)given << 1, to, error));
    LAM_TRY(lam_buf_append(to, &value, (size_t)(width + 7) / 8, error));
    count -= given;
  }
  return LAM_OK;
}

/* All but the last of a stream's runs have whole groups of 8. */
static enum lam_status write_packed(const uint32_t *values, size_t count, int width, struct lam_buf *to,
                                    struct lam_error *error) {
  while (count) {
    size_t given = count < MOST_PACKED ? count : MOST_PACKED, groups = (given + 7) / 8;
    LAM_TRY(write_header((uint64_t)groups << 1 | 1, to, error));
    LAM_TRY(lam_buf_room(to, groups * (size_t)width, error));
    size_t end = to->size + groups * (size_t)width;
    LAM_TRY(lam_pack32(values, given, width, to, error));
    memset(to->data + to->size, 0, end - to->size);
    to->size = end;
    values += given;
    count -= given;
  }
  return LAM_OK;
}

/* The shortest run that is smaller as a repeated run with its header and that of the bit-packed run behind it than
 * packed; at least a group. */
static size_t shortest_repeated(int width) {
  if (!width) return 8;
  size_t bytes = (size_t)(width + 7) / 8 + 2;
  return lam_round_up(bytes * 8 / (unsigned)width + 1, 8);
}

static size_t run_length(const uint32_t *values, size_t count) {
  size_t n = 1;
  while (n < count && values[n] == values[0]) n++;
  return n;
}

enum lam_status lam_rle_write(const uint32_t *values, size_t count, int width, struct lam_buf *to,
                              struct lam_error *error) {
  assert(width >= 0 && width <= 32);
  size_t shortest = shortest_repeated(width), packed = 0, i = 0; /* [packed, i) waits to be bit-packed */
  while (i < count) {
    size_t left = count - i, n = left < 8 ? left : 8;
    uint32_t first = values[i];
    uint32_t differ = 0;
    for (size_t k = 1; k < n; k++) differ |= values[i + k] ^ first;
    if (differ) {
      i += n;
      continue;
    }
    size_t run = run_length(values + i, left);
    bool alone = packed == i && run == left; /* what a page of one value comes to */
    if (run < shortest && !alone) {
      i += run / 8 ? run / 8 * 8 : n;
      continue;
    }
    LAM_TRY(write_packed(values + packed, i - packed, width, to, error));
    LAM_TRY(lam_rle_write_run(first, run, width, to, error));
    i += run;
    packed = i;
  }
  return write_packed(values + packed, count - packed, width, to, error);
}

/* ---- writing validity as levels of 0 and 1 ---- */

/* Eight bits from any position; the last of them may be missing. */
static uint8_t group_at(const uint8_t *validity, int64_t bit, size_t count) {
  const uint8_t *p = validity + (bit >> 3);
  int shift = (int)(bit & 7);
  unsigned group = (unsigned)p[0] >> shift;
  if (count > (size_t)(8 - shift)) group |= (unsigned)p[1] << (8 - shift);
  return (uint8_t)(count < 8 ? group & ((1u << count) - 1) : group);
}

/* How many of the `count` bits from `bit` on are as the first. */
static size_t same_bits(const uint8_t *validity, int64_t bit, size_t count) {
  bool value = lam_bit_get(validity, bit);
  uint8_t group = value ? 0xff : 0;
  size_t n = 0;
  for (; n < count && ((bit + (int64_t)n) & 7); n++)
    if (lam_bit_get(validity, bit + (int64_t)n) != value) return n;
  const uint8_t *p = validity + ((bit + (int64_t)n) >> 3);
  for (; count - n >= 64 && lam_load64(p) == (value ? UINT64_MAX : 0); n += 64) p += 8;
  for (; count - n >= 8 && *p == group; n += 8) p++;
  while (n < count && lam_bit_get(validity, bit + (int64_t)n) == value) n++;
  return n;
}

static enum lam_status write_packed_bits(const uint8_t *validity, int64_t offset, size_t count, struct lam_buf *to,
                                         struct lam_error *error) {
  while (count) {
    size_t given = count < MOST_PACKED ? count : MOST_PACKED, groups = (given + 7) / 8;
    LAM_TRY(write_header((uint64_t)groups << 1 | 1, to, error));
    LAM_TRY(lam_buf_room(to, groups, error));
    to->data[to->size + groups - 1] = 0;
    lam_bits_copy(to->data + to->size, 0, validity, offset, (int64_t)given);
    to->size += groups;
    offset += (int64_t)given;
    count -= given;
  }
  return LAM_OK;
}

enum lam_status lam_rle_write_validity(const uint8_t *validity, int64_t offset, size_t count, struct lam_buf *to,
                                       struct lam_error *error) {
  if (!validity) return lam_rle_write_run(1, count, 1, to, error);
  size_t shortest = shortest_repeated(1), packed = 0, i = 0;
  while (i < count) {
    size_t left = count - i;
    uint8_t group = group_at(validity, offset + (int64_t)i, left < 8 ? left : 8);
    bool same = group == 0 || group == (left < 8 ? (1u << left) - 1 : 0xff);
    size_t run = same ? same_bits(validity, offset + (int64_t)i, left) : 0;
    if (run < shortest && !(same && packed == i && run == left)) {
      i += run >= 8 ? run / 8 * 8 : left < 8 ? left : 8;
      continue;
    }
    LAM_TRY(write_packed_bits(validity, offset + (int64_t)packed, i - packed, to, error));
    LAM_TRY(lam_rle_write_run(group & 1, run, 1, to, error));
    i += run;
    packed = i;
  }
  return write_packed_bits(validity, offset + (int64_t)packed, count - packed, to, error);
}
