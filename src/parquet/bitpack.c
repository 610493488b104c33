#include <assert.h>

#include "base/kernel.h"
#include "parquet/encoding.h"

/* Both directions work on blocks of 32 values, which take exactly 4 * width bytes: no load or store leaves them.
 * The width is a constant in each case of a switch, so that every shift and mask is one too. */
enum { BLOCK = 32 };
#define ALWAYS_INLINE inline __attribute__((always_inline))

/* Unrolled where it is to be fast; what a sanitizer adds to every load would take a minute and a gigabyte to compile.
 */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define UNROLL_BLOCK
#elif defined(__clang__)
#define UNROLL_BLOCK _Pragma("clang loop unroll(full)")
#else
#define UNROLL_BLOCK _Pragma("GCC unroll 32")
#endif
/* The formatter goes to and fro between two forms of these. */
/* clang-format off */
#define WIDTHS_TO_32(M) \
  M(1) M(2) M(3) M(4) M(5) M(6) M(7) M(8) \
  M(9) M(10) M(11) M(12) M(13) M(14) M(15) M(16) \
  M(17) M(18) M(19) M(20) M(21) M(22) M(23) M(24) \
  M(25) M(26) M(27) M(28) M(29) M(30) M(31) M(32)
#define WIDTHS_33_TO_64(M) \
  M(33) M(34) M(35) M(36) M(37) M(38) M(39) M(40) \
  M(41) M(42) M(43) M(44) M(45) M(46) M(47) M(48) \
  M(49) M(50) M(51) M(52) M(53) M(54) M(55) M(56) \
  M(57) M(58) M(59) M(60) M(61) M(62) M(63) M(64)
/* clang-format on */

static ALWAYS_INLINE uint64_t mask_of(int width) {
  return width == 64 ? UINT64_MAX : ((uint64_t)1 << width) - 1;
}

/* Value i of a block at `p`. */
static ALWAYS_INLINE uint64_t block_value(const uint8_t *p, int width, int i) {
  int word = i * width / 32, shift = i * width % 32;
  p += 4 * word;
  uint64_t value;
  if (shift + width <= 32)
    value = lam_load32(p) >> shift;
  else if (shift + width <= 64)
    value = lam_load64(p) >> shift;
  else
    value = lam_load64(p) >> shift | (uint64_t)lam_load32(p + 8) << (64 - shift);
  return value & mask_of(width);
}

#define UNPACK(type)                                                        \
  for (; blocks; blocks--, p += 4 * width, to += BLOCK) {                   \
    UNROLL_BLOCK                                                            \
    for (int i = 0; i < BLOCK; i++) to[i] = (type)block_value(p, width, i); \
  }
static ALWAYS_INLINE void unpack32_width(const uint8_t *p, int width, uint32_t *to, size_t blocks) {
  UNPACK(uint32_t)
}
static ALWAYS_INLINE void unpack64_width(const uint8_t *p, int width, uint64_t *to, size_t blocks){UNPACK(uint64_t)}
#define CASE(width) \
  case width: unpack32_width(p, width, to, blocks); break;
LAM_KERNEL static void unpack32_blocks(const uint8_t *p, int width, uint32_t *to, size_t blocks) {
  switch (width) { WIDTHS_TO_32(CASE) }
}
#undef CASE
#define CASE(width) \
  case width: unpack64_width(p, width, to, blocks); break;
LAM_KERNEL static void unpack64_blocks(const uint8_t *p, int width, uint64_t *to, size_t blocks) {
  switch (width) { WIDTHS_TO_32(CASE) WIDTHS_33_TO_64(CASE) }
}
#undef CASE

/* One value at any bit, for heads that are not at a byte. Bytes beyond `size` are not needed and not read. */
static uint64_t one_value(const uint8_t *from, size_t size, uint64_t bit, int width) {
  size_t first = (size_t)(bit >> 3), bytes = (size_t)((bit + (unsigned)width + 7) >> 3) - first;
  assert(first + bytes <= size);
  (void)size;
  int shift = (int)(bit & 7);
  uint8_t padded[16] = {0};
  memcpy(padded, from + first, bytes); /* at most 9 */
  uint64_t value = lam_load64(padded) >> shift;
  if (shift) value |= (uint64_t)padded[8] << (64 - shift);
  return value & mask_of(width);
}

/* The last `count` < BLOCK values from a byte's start, as a padded block. */
static const uint8_t *padded_block(const uint8_t *p, const uint8_t *end, int width, size_t count, uint8_t *room) {
  size_t block = 4 * (size_t)width, needed = (count * (size_t)width + 7) / 8;
  if ((size_t)(end - p) >= block) return p;
  memcpy(room, p, needed);
  memset(room + needed, 0, block - needed);
  return room;
}

#define DEFINE_UNPACK(bits)                                                                                            \
  void lam_unpack##bits(const uint8_t *from, size_t size, uint64_t bit, int width, uint##bits##_t *to, size_t count) { \
    assert(width >= 0 && width <= bits);                                                                               \
    if (width == 0) {                                                                                                  \
      if (count) memset(to, 0, count * sizeof *to);                                                                    \
      return;                                                                                                          \
    }                                                                                                                  \
    for (; count && (bit & 7); count--, bit += (unsigned)width)                                                        \
      *to++ = (uint##bits##_t)one_value(from, size, bit, width);                                                       \
    if (!count) return;                                                                                                \
    const uint8_t *p = from + (bit >> 3);                                                                              \
    assert(bit + count * (uint64_t)width <= (uint64_t)size * 8);                                                       \
    size_t blocks = count / BLOCK, rest = count % BLOCK;                                                               \
    unpack##bits##_blocks(p, width, to, blocks);                                                                       \
    if (!rest) return;                                                                                                 \
    uint8_t room[4 * bits];                                                                                            \
    uint##bits##_t values[BLOCK];                                                                                      \
    p = padded_block(p + blocks * 4 * (size_t)width, from + size, width, rest, room);                                  \
    unpack##bits##_blocks(p, width, values, 1);                                                                        \
    memcpy(to + blocks * BLOCK, values, rest * sizeof *to);                                                            \
  }
DEFINE_UNPACK(32)
DEFINE_UNPACK(64)

/* ---- packing ---- */

/* Values go into 64 bits at hand, which are stored when they are full. */
#define PACK                                                       \
  for (; blocks; blocks--, p += 4 * width, from += BLOCK) {        \
    uint64_t word = 0;                                             \
    UNROLL_BLOCK                                                   \
    for (int i = 0; i < BLOCK; i++) {                              \
      int filled = i * width % 64;                                 \
      uint64_t value = from[i];                                    \
      word |= value << filled;                                     \
      if (filled + width < 64) continue;                           \
      lam_store64(p + i * width / 64 * 8, word);                   \
      word = filled + width > 64 ? value >> (64 - filled) : 0;     \
    }                                                              \
    if (width % 2) lam_store32(p + width / 2 * 8, (uint32_t)word); \
  }
static ALWAYS_INLINE void pack32_width(const uint32_t *from, int width, uint8_t *p, size_t blocks) {
  PACK
}
static ALWAYS_INLINE void pack64_width(const uint64_t *from, int width, uint8_t *p, size_t blocks){PACK}
#define CASE(width) \
  case width: pack32_width(from, width, p, blocks); break;
LAM_KERNEL static void pack32_blocks(const uint32_t *from, int width, uint8_t *p, size_t blocks) {
  switch (width) { WIDTHS_TO_32(CASE) }
}
#undef CASE
#define CASE(width) \
  case width: pack64_width(from, width, p, blocks); break;
LAM_KERNEL static void pack64_blocks(const uint64_t *from, int width, uint8_t *p, size_t blocks) {
  switch (width) { WIDTHS_TO_32(CASE) WIDTHS_33_TO_64(CASE) }
}
#undef CASE

/* Room for `count` packed values; a sum that does not fit is an error of size. */
static enum lam_status packed_room(struct lam_buf *to, size_t count, int width, struct lam_error *error) {
  size_t bits;
  if (lam_mul_overflow(count, (size_t)width, &bits) || bits > SIZE_MAX - 7)
    return lam_fail(error, LAM_LIMIT, "%zu values of %d bits are too many to pack", count, width);
  return lam_buf_room(to, (bits + 7) / 8, error);
}

#define DEFINE_PACK(bits)                                                                                 \
  enum lam_status lam_pack##bits(const uint##bits##_t *from, size_t count, int width, struct lam_buf *to, \
                                 struct lam_error *error) {                                               \
    assert(width >= 0 && width <= bits);                                                                  \
    if (!width || !count) return LAM_OK;                                                                  \
    LAM_TRY(packed_room(to, count, width, error));                                                        \
    size_t blocks = count / BLOCK, rest = count % BLOCK;                                                  \
    pack##bits##_blocks(from, width, to->data + to->size, blocks);                                        \
    to->size += blocks * 4 * (size_t)width;                                                               \
    if (rest) {                                                                                           \
      uint##bits##_t values[BLOCK] = {0};                                                                 \
      uint8_t packed[4 * bits];                                                                           \
      memcpy(values, from + blocks * BLOCK, rest * sizeof *values);                                       \
      pack##bits##_blocks(values, width, packed, 1);                                                      \
      size_t bytes = (rest * (size_t)width + 7) / 8;                                                      \
      memcpy(to->data + to->size, packed, bytes);                                                         \
      to->size += bytes;                                                                                  \
    }                                                                                                     \
    return LAM_OK;                                                                                        \
  }
DEFINE_PACK(32)
DEFINE_PACK(64)
