#include "base/checksum.h"

#include <libdeflate.h>
#define XXH_STATIC_LINKING_ONLY /* the size of the state */
#include <xxhash.h>

/* ---- CRC-32 ---- */

/* libdeflate 1.14 multiplies 16 bytes at a time, which takes 16 GB/s; four times as many are bound by memory. See
 * Intel's "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ Instruction". */
#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>

enum { FOLDED = 256, LEAST_FOLDED = 4 * FOLDED }; /* bytes */
#define LAM_FOLDING __attribute__((target("avx512f,vpclmulqdq,pclmul,sse4.1")))

/* What a lane of 16 bytes becomes further on: products with x^(bits + 32) and x^(bits - 32) modulo the polynomial, bits
 * reflected. */
struct factors {
  long long low, high;
};
static const struct factors by_2048 = {0x11542778a, 0x1322d1430}, by_512 = {0x154442bd4, 0x1c6e41596},
                            by_384 = {0x03db1ecdc, 0x174359406}, by_256 = {0x0f1da05aa, 0x15a546366},
                            by_128 = {0x1751997d0, 0x0ccaa009e};

LAM_FOLDING static inline __m512i fold(__m512i lanes, __m512i factors, __m512i onto) {
  __m512i low = _mm512_clmulepi64_epi128(lanes, factors, 0x00), high = _mm512_clmulepi64_epi128(lanes, factors, 0x11);
  return _mm512_ternarylogic_epi64(low, high, onto, 0x96); /* xor of the three */
}
LAM_FOLDING static inline __m512i spread(struct factors f) {
  return _mm512_set_epi64(f.high, f.low, f.high, f.low, f.high, f.low, f.high, f.low);
}

/* The 16 bytes whose remainder is that of `size` bytes, a multiple of 256, that follow a sum of `crc`. */
LAM_FOLDING static void fold_all(uint32_t crc, const uint8_t *data, size_t size, uint8_t out[16]) {
  __m512i lanes[4];
  const __m512i far = spread(by_2048), near = spread(by_512);
  for (int i = 0; i < 4; i++) lanes[i] = _mm512_loadu_si512(data + 64 * i);
  lanes[0] = _mm512_xor_si512(lanes[0], _mm512_zextsi128_si512(_mm_cvtsi32_si128((int)~crc)));
  for (size_t at = FOLDED; at < size; at += FOLDED)
    for (int i = 0; i < 4; i++) lanes[i] = fold(lanes[i], far, _mm512_loadu_si512(data + at + 64 * i));
  for (int i = 0; i < 3; i++) lanes[i + 1] = fold(lanes[i], near, lanes[i + 1]);
  /* The last lane stays as it is. */
  const __m512i each =
      _mm512_set_epi64(0, 0, by_128.high, by_128.low, by_256.high, by_256.low, by_384.high, by_384.low);
  __m512i moved = fold(lanes[3], each, _mm512_setzero_si512());
  __m128i sum = _mm512_extracti32x4_epi32(lanes[3], 3);
  sum = _mm_xor_si128(sum, _mm512_extracti32x4_epi32(moved, 0));
  sum = _mm_xor_si128(sum, _mm512_extracti32x4_epi32(moved, 1));
  sum = _mm_xor_si128(sum, _mm512_extracti32x4_epi32(moved, 2));
  _mm_storeu_si128((__m128i *)(void *)out, sum);
}

static uint32_t crc32_of(uint32_t crc, const uint8_t *data, size_t size) {
  uint8_t rest[16];
  size_t folded = size / FOLDED * FOLDED;
  if (size < LEAST_FOLDED || !__builtin_cpu_supports("vpclmulqdq") || !__builtin_cpu_supports("avx512f"))
    return libdeflate_crc32(crc, data, size);
  fold_all(crc, data, folded, rest);
  crc = libdeflate_crc32(UINT32_MAX, rest, sizeof rest); /* a sum of which nothing is left to invert */
  return folded < size ? libdeflate_crc32(crc, data + folded, size - folded) : crc;
}
#else
static uint32_t crc32_of(uint32_t crc, const uint8_t *data, size_t size) {
  return libdeflate_crc32(crc, data, size);
}
#endif

uint32_t lam_crc32(uint32_t crc, const void *data, size_t size) {
  /* libdeflate takes NULL to mean "begin anew", whatever the sum so far. */
  return size ? crc32_of(crc, data, size) : crc;
}

/* ---- hashes ---- */

uint64_t lam_hash64(const void *data, size_t size) {
  return XXH64(data, size, 0);
}

_Static_assert(sizeof(struct lam_hash64_state) == sizeof(XXH64_state_t), "room for the state");

void lam_hash64_begin(struct lam_hash64_state *state) {
  XXH64_reset((XXH64_state_t *)(void *)state, 0);
}

void lam_hash64_add(struct lam_hash64_state *state, const void *data, size_t size) {
  if (size) XXH64_update((XXH64_state_t *)(void *)state, data, size);
}

uint64_t lam_hash64_end(const struct lam_hash64_state *state) {
  return XXH64_digest((const XXH64_state_t *)(const void *)state);
}

uint64_t lam_hash_fast(const void *data, size_t size, uint64_t seed) {
  return XXH3_64bits_withSeed(data, size, seed);
}
