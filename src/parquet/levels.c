#include <assert.h>

#include "base/kernel.h"
#include "parquet/encoding.h"

/* Eight bytes that are 0 or 1, the first of them to the lowest bit. */
static inline uint8_t bits_of_bytes(const uint8_t *bytes) {
  return (uint8_t)(lam_load64(bytes) * 0x0102040810204080u >> 56);
}

/* `bytes` whole bytes of validity. */
LAM_KERNEL static void compare_levels(const uint32_t *levels, size_t bytes, uint32_t max, uint8_t *validity) {
  for (; bytes >= 8; bytes -= 8, levels += 64, validity += 8) {
    uint8_t equal[64];
    for (int i = 0; i < 64; i++) equal[i] = levels[i] == max;
    for (int i = 0; i < 8; i++) validity[i] = bits_of_bytes(equal + 8 * i);
  }
  for (; bytes; bytes--, levels += 8, validity++) {
    uint8_t equal[8];
    for (int i = 0; i < 8; i++) equal[i] = levels[i] == max;
    *validity = bits_of_bytes(equal);
  }
}

int64_t lam_levels_to_validity(const uint32_t *levels, size_t count, uint32_t max, uint8_t *validity, int64_t offset) {
  if (!count) return 0;
  int64_t begin = offset, end = offset + (int64_t)count;
  for (; offset < end && (offset & 7); offset++) lam_bits_fill(validity, offset, 1, *levels++ == max);
  size_t bytes = (size_t)(end - offset) / 8;
  if (bytes) compare_levels(levels, bytes, max, validity + offset / 8);
  levels += bytes * 8;
  for (offset += (int64_t)bytes * 8; offset < end; offset++) lam_bits_fill(validity, offset, 1, *levels++ == max);
  return lam_bits_count(validity, begin, (int64_t)count);
}

/* ---- values apart ---- */

/* Up to 64 bits of a bitmap from any position, without a read beyond the byte of the last of them. */
static inline uint64_t bitmap_word(const uint8_t *bits, int64_t offset, int count) {
  const uint8_t *p = bits + (offset >> 3);
  int shift = (int)(offset & 7), bytes = (shift + count + 7) / 8;
  uint8_t padded[16] = {0};
  uint64_t word;
  if (bytes >= 8) {
    word = lam_load64(p) >> shift;
    if (bytes > 8) word |= (uint64_t)p[8] << (64 - shift);
  } else {
    memcpy(padded, p, (size_t)bytes);
    word = lam_load64(padded) >> shift;
  }
  return count == 64 ? word : word & (((uint64_t)1 << count) - 1);
}

/* Spreads the values of one word of validity: `count` places from `to`, the values ending before `from`. Without a
 * branch: a place that is null reads the value of the next, which lies no further than the place itself, and masks it.
 */
#define SPREAD_WORD(type)                                                                          \
  static void spread_word_##type(type *values, size_t to, size_t from, uint64_t word, int count) { \
    for (int i = count - 1; i >= 0; i--) {                                                         \
      type bit = (type)(word >> i & 1);                                                            \
      from -= (size_t)bit;                                                                         \
      values[to + (size_t)i] = (type)(values[from] & (type)-bit);                                  \
    }                                                                                              \
  }
SPREAD_WORD(uint8_t)
SPREAD_WORD(uint16_t)
SPREAD_WORD(uint32_t)
SPREAD_WORD(uint64_t)
__extension__ typedef unsigned __int128 uint128_t; /* views, decimals */
SPREAD_WORD(uint128_t)

static void spread_word_any(uint8_t *values, size_t width, size_t to, size_t from, uint64_t word, int count) {
  for (int i = count - 1; i >= 0; i--) {
    uint8_t *place = values + (to + (size_t)i) * width;
    if (word >> i & 1)
      memmove(place, values + --from * width, width);
    else
      memset(place, 0, width);
  }
}

void lam_spread(uint8_t *values, size_t width, const uint8_t *validity, int64_t offset, size_t count, size_t valid) {
  size_t place = count, from = valid; /* what is before both is still to be done */
  while (place > from) {
    int n = place % 64 ? (int)(place % 64) : 64;
    place -= (size_t)n;
    uint64_t word = bitmap_word(validity, offset + (int64_t)place, n);
    size_t set = (size_t)__builtin_popcountll(word);
    assert(set <= from);
    from -= set;
    if (set == (size_t)n)
      memmove(values + place * width, values + from * width, set * width);
    else if (set == 0)
      memset(values + place * width, 0, (size_t)n * width);
    else if (width == 4)
      spread_word_uint32_t((uint32_t *)(void *)values, place, from + set, word, n);
    else if (width == 8)
      spread_word_uint64_t((uint64_t *)(void *)values, place, from + set, word, n);
    else if (width == 16)
      spread_word_uint128_t((uint128_t *)(void *)values, place, from + set, word, n);
    else if (width == 1)
      spread_word_uint8_t(values, place, from + set, word, n);
    else if (width == 2)
      spread_word_uint16_t((uint16_t *)(void *)values, place, from + set, word, n);
    else
      spread_word_any(values, width, place, from + set, word, n);
  }
}
