#include "base/checksum.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif
#include <libdeflate.h>
#define XXH_STATIC_LINKING_ONLY /* the size of the state */
#include <xxhash.h>

#if defined(__x86_64__)
/* Four vectors of 64 bytes at a time by carry-less multiplication, as in Gopal and others, "Fast CRC Computation for
 * Generic Polynomials Using PCLMULQDQ", Intel 2009: what is left of them are 64 bytes with the same sum, which
 * libdeflate finishes. On Zen 5 three times as fast as libdeflate 1.14, whose vectors are of 16 bytes. */
enum { WIDE_BYTES = 256 };
#define FOLD(x, by, more)                                                                                       \
  _mm512_ternarylogic_epi64(_mm512_clmulepi64_epi128(x, by, 0x00), _mm512_clmulepi64_epi128(x, by, 0x11), more, \
                            0x96) /* the XOR of three */
__attribute__((target("avx512f,vpclmulqdq"))) static uint32_t crc32_wide(uint32_t crc, const uint8_t *p, size_t size) {
  /* x^(d + 32) and x^(d - 32) modulo the polynomial, bits reversed, for d = 4 * 512 and 512 bits. */
  const __m512i by_4 = _mm512_set_epi64(0x1322d1430, 0x11542778a, 0x1322d1430, 0x11542778a, 0x1322d1430, 0x11542778a,
                                        0x1322d1430, 0x11542778a);
  const __m512i by_1 = _mm512_set_epi64(0x1c6e41596, 0x154442bd4, 0x1c6e41596, 0x154442bd4, 0x1c6e41596, 0x154442bd4,
                                        0x1c6e41596, 0x154442bd4);
  __m512i x[4];
  uint8_t rest[64];
  for (int i = 0; i < 4; i++) x[i] = _mm512_loadu_si512(p + 64 * i);
  x[0] = _mm512_xor_si512(x[0], _mm512_zextsi128_si512(_mm_cvtsi32_si128((int)~crc)));
  for (p += WIDE_BYTES, size -= WIDE_BYTES; size >= WIDE_BYTES; p += WIDE_BYTES, size -= WIDE_BYTES)
    for (int i = 0; i < 4; i++) x[i] = FOLD(x[i], by_4, _mm512_loadu_si512(p + 64 * i));
  for (int i = 1; i < 4; i++) x[i] = FOLD(x[i - 1], by_1, x[i]);
  for (; size >= 64; p += 64, size -= 64) x[3] = FOLD(x[3], by_1, _mm512_loadu_si512(p));
  _mm512_storeu_si512(rest, x[3]);
  crc = libdeflate_crc32(UINT32_MAX, rest, sizeof rest);
  return size ? libdeflate_crc32(crc, p, size) : crc;
}
#endif

uint32_t lam_crc32(uint32_t crc, const void *data, size_t size) {
#if defined(__x86_64__)
  if (size >= WIDE_BYTES && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("vpclmulqdq"))
    return crc32_wide(crc, data, size);
#endif
  /* libdeflate takes NULL to mean "begin anew", whatever the sum so far. */
  return size ? libdeflate_crc32(crc, data, size) : crc;
}

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
