#include "base/checksum.h"

#include <libdeflate.h>
#define XXH_STATIC_LINKING_ONLY /* the size of the state */
#include <xxhash.h>

uint32_t lam_crc32(uint32_t crc, const void *data, size_t size) {
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
