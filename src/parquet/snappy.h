/* Decompressing Snappy.
 *
 * Source: https://github.com/google/snappy/blob/main/format_description.txt. Compression is libsnappy's. Decompression
 * is ours because the library of Debian 12 (1.1.9) moves each run of bytes by a call of memmove, which made it the
 * whole cost of a scan: `bench/snappy_decode.c` measures both. */
#ifndef LAM_PARQUET_SNAPPY_H
#define LAM_PARQUET_SNAPPY_H

#include "base/bytes.h"

/* Decompresses exactly `size` bytes; LAM_CORRUPT gives the offset of what is wrong. Writes nothing behind `to + size`.
 */
enum lam_status lam_snappy_decompress(struct lam_bytes from, uint8_t *to, size_t size, struct lam_error *error);

#endif
