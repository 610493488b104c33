/* Snappy.
 *
 * Source: https://github.com/google/snappy/blob/main/format_description.txt. It is ours because the library of Debian
 * 12 (1.1.9) moves each run of bytes by a call of memmove, which made it the whole cost of a scan, and compresses
 * blocks of 64 KiB each for itself, at half the speed where data hardly shrink. */
#ifndef LAM_PARQUET_SNAPPY_H
#define LAM_PARQUET_SNAPPY_H

#include "base/bytes.h"

/* Decompresses exactly `size` bytes; LAM_CORRUPT gives the offset of what is wrong. Writes nothing behind `to + size`.
 */
enum lam_status lam_snappy_decompress(struct lam_bytes from, uint8_t *to, size_t size, struct lam_error *error);

/* What lam_snappy_compress may write, with what it writes past its end. */
static inline size_t lam_snappy_bound(size_t size) {
  return size + size / 32 + 160;
}
/* Compresses at most 2^32 - 1 bytes. Gives the compressed size; `to` has room for lam_snappy_bound(from.size). */
size_t lam_snappy_compress(struct lam_bytes from, uint8_t *to);

#endif
