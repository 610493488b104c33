#include <assert.h>

#include "base/kernel.h"
#include "parquet/encoding.h"

enum { VARINT64_BYTES = 10 };

static enum lam_status read_varint(const struct lam_bytes *bytes, size_t *position, uint64_t *out,
                                   struct lam_error *error) {
  size_t start = *position;
  uint64_t value = *out = 0;
  for (int i = 0; i < VARINT64_BYTES; i++) {
    LAM_CHECK(*position < bytes->size, error, "the delta-encoded values end at byte %zu of them, within a header",
              *position);
    uint8_t byte = bytes->data[(*position)++];
    LAM_CHECK(i < VARINT64_BYTES - 1 || byte <= 1, error,
              "the number at byte %zu of the delta-encoded values does not fit in 64 bits", start);
    value |= (uint64_t)(byte & 0x7f) << (7 * i);
    if (byte < 0x80) break;
  }
  *out = value;
  return LAM_OK;
}

static uint64_t unzigzag(uint64_t value) {
  return value >> 1 ^ (0 - (value & 1));
}

enum lam_status lam_delta_begin(struct lam_delta *delta, struct lam_bytes bytes, int value_bits,
                                struct lam_error *error) {
  *delta = (struct lam_delta){.bytes = bytes, .value_bits = value_bits};
  if (bytes.size == 0) return LAM_OK; /* some writers give no header where there are no values */
  uint64_t first;
  LAM_TRY(read_varint(&bytes, &delta->position, &delta->block_size, error));
  LAM_TRY(read_varint(&bytes, &delta->position, &delta->miniblocks, error));
  LAM_TRY(read_varint(&bytes, &delta->position, &delta->total, error));
  LAM_TRY(read_varint(&bytes, &delta->position, &first, error));
  LAM_CHECK(delta->block_size > 0 && delta->block_size % 128 == 0 && delta->block_size <= UINT32_MAX, error,
            "delta-encoded values in blocks of %llu; expected a multiple of 128 below 2^32",
            (unsigned long long)delta->block_size);
  LAM_CHECK(delta->miniblocks > 0 && delta->block_size % delta->miniblocks == 0 &&
                delta->block_size / delta->miniblocks % 32 == 0,
            error,
            "delta-encoded values in blocks of %llu with %llu miniblocks; expected miniblocks of a multiple of 32",
            (unsigned long long)delta->block_size, (unsigned long long)delta->miniblocks);
  delta->per_miniblock = delta->block_size / delta->miniblocks;
  delta->left = delta->total;
  delta->last = unzigzag(first);
  delta->miniblock = delta->miniblocks; /* none left of a block that was not there */
  return LAM_OK;
}

/* Goes to the next miniblock, over the header of a block where one is due. The widths of miniblocks that no value
 * needs may be anything. */
static enum lam_status next_miniblock(struct lam_delta *delta, struct lam_error *error) {
  if (++delta->miniblock >= delta->miniblocks) {
    uint64_t min_delta;
    LAM_TRY(read_varint(&delta->bytes, &delta->position, &min_delta, error));
    delta->min_delta = unzigzag(min_delta);
    LAM_CHECK(delta->miniblocks <= delta->bytes.size - delta->position, error,
              "the delta-encoded values end at byte %zu of them; expected the widths of %llu miniblocks at byte %zu",
              delta->bytes.size, (unsigned long long)delta->miniblocks, delta->position);
    delta->widths = delta->bytes.data + delta->position;
    delta->position += (size_t)delta->miniblocks;
    delta->miniblock = 0;
  }
  unsigned width = delta->widths[delta->miniblock];
  /* Of 32-bit values too: DuckDB computes their deltas in 64 bits, which take 33. */
  LAM_CHECK(width <= 64, error,
            "a miniblock of delta-encoded values at byte %zu of them has %u bits a value; expected at most 64",
            delta->position, width);
  delta->miniblock_left = lam_min_u64(delta->per_miniblock, delta->left);
  /* Some writers leave out the padding of the last miniblock: only the values' own bits must be there. */
  size_t rest = delta->bytes.size - delta->position;
  LAM_CHECK((delta->miniblock_left * width + 7) / 8 <= rest, error,
            "the delta-encoded values end at byte %zu of them; expected %llu values of %u bits at byte %zu",
            delta->bytes.size, (unsigned long long)delta->miniblock_left, width, delta->position);
  delta->bit = (uint64_t)delta->position * 8;
  delta->position += (size_t)lam_min_u64(delta->per_miniblock / 8 * width, rest);
  return LAM_OK;
}

/* Up to `count` values that are ready: sets the number of them, and for those of a miniblock `width`; for the
 * first value of the stream `width` is -1. */
static enum lam_status ready(struct lam_delta *delta, size_t count, size_t *given, int *width,
                             struct lam_error *error) {
  LAM_CHECK(delta->left, error, "the %llu delta-encoded values were all read; expected %zu more",
            (unsigned long long)delta->total, count);
  if (!delta->first_given) {
    delta->first_given = true;
    delta->left--;
    *given = 1;
    *width = -1;
    return LAM_OK;
  }
  if (!delta->miniblock_left) LAM_TRY(next_miniblock(delta, error));
  *given = (size_t)lam_min_u64(count, delta->miniblock_left);
  *width = delta->widths[delta->miniblock];
  return LAM_OK;
}

static void take(struct lam_delta *delta, size_t count, int width) {
  delta->miniblock_left -= count;
  delta->left -= count;
  delta->bit += count * (unsigned)width;
}

/* Four values at a time as a vector, in gcc's and clang's own notation: of 32 bits in one register everywhere, of 64 in
 * two where there is no AVX2. */
typedef uint32_t vector32 __attribute__((vector_size(16)));
typedef uint64_t vector64 __attribute__((vector_size(32)));

/* Turns unpacked deltas into values, and returns the last. The sum within a vector takes two steps, so that from vector
 * to vector only one addition waits for the one before. */
#define PREFIX_SUM(bits)                                                                                  \
  LAM_KERNEL static uint##bits##_t sum##bits(uint##bits##_t *values, size_t count, uint##bits##_t last,   \
                                             uint##bits##_t min_delta) {                                  \
    const vector##bits zero = {0}, steps = {min_delta, 2 * min_delta, 3 * min_delta, 4 * min_delta};      \
    vector##bits before = {last, last, last, last};                                                       \
    size_t i = 0;                                                                                         \
    for (; i + 4 <= count; i += 4) {                                                                      \
      vector##bits v;                                                                                     \
      memcpy(&v, values + i, sizeof v);                                                                   \
      v += __builtin_shufflevector(zero, v, 0, 4, 5, 6);                                                  \
      v += __builtin_shufflevector(zero, v, 0, 1, 4, 5);                                                  \
      v += steps;                                                                                         \
      vector##bits out = v + before;                                                                      \
      before += __builtin_shufflevector(v, v, 3, 3, 3, 3);                                                \
      memcpy(values + i, &out, sizeof out);                                                               \
    }                                                                                                     \
    last = before[0];                                                                                     \
    for (; i < count; i++) values[i] = last += values[i] + min_delta;                                     \
    return last;                                                                                          \
  }                                                                                                       \
  /* Width 0: all deltas are the same. */                                                                 \
  LAM_KERNEL static uint##bits##_t steps##bits(uint##bits##_t *values, size_t count, uint##bits##_t last, \
                                               uint##bits##_t min_delta) {                                \
    for (size_t i = 0; i < count; i++) values[i] = last + (uint##bits##_t)(i + 1) * min_delta;            \
    return values[count - 1];                                                                             \
  }
PREFIX_SUM(32)
PREFIX_SUM(64)

/* Deltas of more bits than the values have: the sums wrap, so that the low bits are enough. */
static void unpack_wide32(const uint8_t *from, size_t size, uint64_t bit, int width, uint32_t *to, size_t count) {
  uint64_t wide[64];
  for (size_t n; count; to += n, count -= n, bit += n * (unsigned)width) {
    n = count < 64 ? count : 64;
    lam_unpack64(from, size, bit, width, wide, n);
    for (size_t i = 0; i < n; i++) to[i] = (uint32_t)wide[i];
  }
}

#define unpack_wide64 lam_unpack64 /* 64 bits are the most */
enum { SUM_AT_ONCE = 1024 };       /* deltas, which stay in the L1 cache until they are summed */

/* Whether what was unpacked is to be summed before more is: the next miniblock is of another block, with another least
 * delta, or there is no next one now. */
static bool is_stretch(const struct lam_delta *delta, size_t wanted, size_t unpacked) {
  bool block_ends = !delta->miniblock_left && delta->miniblock + 1 >= delta->miniblocks;
  return block_ends || !wanted || !delta->left || unpacked >= SUM_AT_ONCE;
}

#define READ(bits)                                                                                                     \
  enum lam_status lam_delta_read##bits(struct lam_delta *delta, int##bits##_t *out, size_t count,                      \
                                       struct lam_error *error) {                                                      \
    assert(delta->value_bits <= bits);                                                                                 \
    uint##bits##_t *to = (uint##bits##_t *)out, *begin = to, last = (uint##bits##_t)delta->last;                       \
    bool flat = true; /* all deltas from `begin` on are the least one */                                               \
    while (count) {                                                                                                    \
      size_t given = 0;                                                                                                \
      int width = 0;                                                                                                   \
      LAM_TRY(ready(delta, count, &given, &width, error));                                                             \
      count -= given;                                                                                                  \
      if (width < 0) {                                                                                                 \
        *to++ = last;                                                                                                  \
        begin = to;                                                                                                    \
        continue;                                                                                                      \
      }                                                                                                                \
      if (width) {                                                                                                     \
        if (flat) memset(begin, 0, (size_t)(to - begin) * sizeof *to);                                                 \
        flat = false;                                                                                                  \
        (width > bits ? unpack_wide##bits : lam_unpack##bits)(delta->bytes.data, delta->bytes.size, delta->bit, width, \
                                                              to, given);                                              \
      } else if (!flat) {                                                                                              \
        memset(to, 0, given * sizeof *to);                                                                             \
      }                                                                                                                \
      take(delta, given, width);                                                                                       \
      to += given;                                                                                                     \
      size_t unpacked = (size_t)(to - begin);                                                                          \
      if (!is_stretch(delta, count, unpacked)) continue;                                                               \
      last = (flat ? steps##bits : sum##bits)(begin, unpacked, last, (uint##bits##_t)delta->min_delta);                \
      delta->last = last;                                                                                              \
      begin = to;                                                                                                      \
      flat = true;                                                                                                     \
    }                                                                                                                  \
    return LAM_OK;                                                                                                     \
  }
READ(32)
READ(64)

enum lam_status lam_delta_skip(struct lam_delta *delta, size_t count, struct lam_error *error) {
  int64_t values[256];
  while (count) { /* every delta counts towards the values behind */
    size_t n = count < 256 ? count : 256;
    if (delta->value_bits == 32)
      LAM_TRY(lam_delta_read32(delta, (int32_t *)values, n, error));
    else
      LAM_TRY(lam_delta_read64(delta, values, n, error));
    count -= n;
  }
  return LAM_OK;
}

enum lam_status lam_delta_end(const struct lam_delta *delta, size_t *end, struct lam_error *error) {
  struct lam_delta walk = *delta;
  if (!walk.first_given && walk.left) walk.left--;
  walk.left -= walk.miniblock_left;
  while (walk.left) {
    LAM_TRY(next_miniblock(&walk, error));
    walk.left -= walk.miniblock_left;
  }
  *end = walk.position;
  return LAM_OK;
}

/* ---- writing ---- */

enum { BLOCK_VALUES = 128, MINIBLOCKS = 4, MINIBLOCK_VALUES = BLOCK_VALUES / MINIBLOCKS };
/* A block's header, and all that 64 bits a value take. */
enum { BLOCK_ROOM = VARINT64_BYTES + MINIBLOCKS + BLOCK_VALUES * 8 };

static uint64_t zigzag(int64_t value) {
  return (uint64_t)value << 1 ^ (uint64_t)(value >> 63);
}

/* Into room that is there. */
static void put_varint(struct lam_buf *to, uint64_t value) {
  for (; value >= 0x80; value >>= 7) to->data[to->size++] = (uint8_t)(value | 0x80);
  to->data[to->size++] = (uint8_t)value;
}

static enum lam_status write_start(size_t count, int64_t first, struct lam_buf *to, struct lam_error *error) {
  LAM_TRY(lam_buf_room(to, 4 * VARINT64_BYTES, error));
  put_varint(to, BLOCK_VALUES);
  put_varint(to, MINIBLOCKS);
  put_varint(to, count);
  put_varint(to, zigzag(first));
  return LAM_OK;
}

/* A block of `count` deltas; the arithmetic wraps, the minimum is of signed deltas. */
#define WRITE(bits)                                                                                                 \
  LAM_KERNEL static int##bits##_t deltas##bits(const int##bits##_t *values, size_t count, uint##bits##_t *deltas) { \
    int##bits##_t min = INT##bits##_MAX;                                                                            \
    for (size_t i = 0; i < count; i++) {                                                                            \
      deltas[i] = (uint##bits##_t)values[i] - (uint##bits##_t)values[(ptrdiff_t)i - 1];                             \
      int##bits##_t delta = (int##bits##_t)deltas[i];                                                               \
      min = delta < min ? delta : min;                                                                              \
    }                                                                                                               \
    for (size_t i = 0; i < count; i++) deltas[i] -= (uint##bits##_t)min;                                            \
    return min;                                                                                                     \
  }                                                                                                                 \
  LAM_KERNEL static uint##bits##_t all_bits##bits(const uint##bits##_t *deltas) {                                   \
    uint##bits##_t all = 0;                                                                                         \
    for (size_t i = 0; i < MINIBLOCK_VALUES; i++) all |= deltas[i];                                                 \
    return all;                                                                                                     \
  }                                                                                                                 \
  static enum lam_status write_block##bits(const int##bits##_t *values, size_t count, struct lam_buf *to,           \
                                           struct lam_error *error) {                                               \
    LAM_TRY(lam_buf_room(to, BLOCK_ROOM, error));                                                                   \
    uint##bits##_t deltas[BLOCK_VALUES] = {0};                                                                      \
    put_varint(to, zigzag(deltas##bits(values, count, deltas)));                                                    \
    int widths[MINIBLOCKS];                                                                                         \
    for (size_t m = 0; m < MINIBLOCKS; m++) {                                                                       \
      widths[m] = lam_bit_width(all_bits##bits(deltas + m * MINIBLOCK_VALUES));                                     \
      to->data[to->size++] = (uint8_t)widths[m];                                                                    \
    }                                                                                                               \
    for (size_t m = 0; m < MINIBLOCKS && m * MINIBLOCK_VALUES < count; m++)                                         \
      LAM_TRY(lam_pack##bits(deltas + m * MINIBLOCK_VALUES, MINIBLOCK_VALUES, widths[m], to, error));               \
    return LAM_OK;                                                                                                  \
  }                                                                                                                 \
  enum lam_status lam_delta_write##bits(const int##bits##_t *values, size_t count, struct lam_buf *to,              \
                                        struct lam_error *error) {                                                  \
    LAM_TRY(write_start(count, count ? values[0] : 0, to, error));                                                  \
    for (size_t i = 1; i < count; i += BLOCK_VALUES)                                                                \
      LAM_TRY(write_block##bits(values + i, count - i < BLOCK_VALUES ? count - i : BLOCK_VALUES, to, error));       \
    return LAM_OK;                                                                                                  \
  }
WRITE(32)
WRITE(64)
