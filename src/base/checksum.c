#include "base/checksum.h"

#include <libdeflate.h>
#include <xxhash.h>

uint32_t lam_crc32(uint32_t crc, const void *data, size_t size) {
  /* libdeflate takes NULL to mean "begin anew", whatever the sum so far. */
  return size ? libdeflate_crc32(crc, data, size) : crc;
}

uint64_t lam_hash64(const void *data, size_t size) {
  return XXH64(data, size, 0);
}

uint64_t lam_hash_fast(const void *data, size_t size, uint64_t seed) {
  return XXH3_64bits_withSeed(data, size, seed);
}
