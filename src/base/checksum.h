/* Checksums: CRC-32 of Parquet pages and journals, XXH64 and XXH3 for bloom filters and content. */
#ifndef LAM_BASE_CHECKSUM_H
#define LAM_BASE_CHECKSUM_H

#include "base/bytes.h"

/* The zlib polynomial. Continue a sum by giving the last one; begin with 0. */
uint32_t lam_crc32(uint32_t crc, const void *data, size_t size);
/* XXH64 with seed 0, as Parquet's bloom filters have it. */
uint64_t lam_hash64(const void *data, size_t size);
/* The same of bytes that come in pieces. */
struct lam_hash64_state {
  uint64_t room[11]; /* of XXH64_state_t */
};
void lam_hash64_begin(struct lam_hash64_state *state);
void lam_hash64_add(struct lam_hash64_state *state, const void *data, size_t size);
uint64_t lam_hash64_end(const struct lam_hash64_state *state);
/* XXH3, 64 bits: for hash tables and content hashes that never leave the process. */
uint64_t lam_hash_fast(const void *data, size_t size, uint64_t seed);

#endif
