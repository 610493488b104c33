/* LZ4 in the dialects that Parquet files have it in. */
#ifndef LAM_PARQUET_LZ4_H
#define LAM_PARQUET_LZ4_H

#include "base/memory.h"

/* Codec LZ4: Hadoop's blocks, the frame format, or one raw block; whichever gives exactly `size` bytes. */
enum lam_status lam_lz4_decompress(struct lam_mem *mem, struct lam_bytes from, uint8_t *to, size_t size,
                                   struct lam_error *error);
/* Codec LZ4_RAW: one raw block. */
enum lam_status lam_lz4_raw_decompress(struct lam_bytes from, uint8_t *to, size_t size, struct lam_error *error);
enum lam_status lam_lz4_raw_compress(struct lam_bytes from, struct lam_buf *out, struct lam_error *error);

#endif
