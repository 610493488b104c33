#include "base/checksum.h"

#include <errno.h>
#include <libdeflate.h>
#include <stdio.h>
#include <sys/random.h>
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

enum lam_status lam_uuid(char out[37], struct lam_error *error) {
  uint8_t b[16];
  if (getrandom(b, sizeof b, 0) != (ssize_t)sizeof b)
    return lam_fail_errno(error, errno, "reading random numbers for a file name");
  b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
  b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
  snprintf(out, 37, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1], b[2], b[3],
           b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
  return LAM_OK;
}
