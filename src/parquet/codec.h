/* Compression of pages. */
#ifndef LAM_PARQUET_CODEC_H
#define LAM_PARQUET_CODEC_H

#include "base/memory.h"
#include "parquet/format.h"

/* The states that codecs keep between pages; one per thread of work. All zero is the empty one. */
struct lam_codec_state {
  struct lam_mem *mem; /* their memory is charged here */
  void *zstd_in, *zstd_out, *gzip_in, *gzip_out;
  int gzip_out_level;
  size_t charged;
};
static inline void lam_codec_init(struct lam_codec_state *state, struct lam_mem *mem) {
  *state = (struct lam_codec_state){.mem = mem};
}
void lam_codec_release(struct lam_codec_state *state);

/* Decompresses exactly `size` bytes into `to`, which may be written up to `size` only. LAM_CORRUPT where the data give
 * more or fewer. LZ4 tries its three dialects (Hadoop's frames, the frame format, the raw block); gzip takes
 * concatenated members and zlib streams. LZO is LAM_UNSUPPORTED. */
enum lam_status lam_decompress(struct lam_codec_state *state, enum lam_codec codec, struct lam_bytes from, uint8_t *to,
                               size_t size, struct lam_error *error);

/* Levels of zstd that are ours alone. */
enum {
  LAM_ZSTD_WIDE = -1, /* between its 2 and 3: one table of where bytes have been, that a page of text does not fill */
  LAM_ZSTD_LONG = -2, /* for passages of 64 bytes and more that return anywhere in the page: these are looked for in a
                         table of their own, and little else is, nor is what is left coded in fewer bits */
};

/* The level of `level` 0 is the default: zstd 1, gzip 6, brotli 4. */
enum lam_status lam_compress(struct lam_codec_state *state, enum lam_codec codec, int level, struct lam_bytes from,
                             struct lam_buf *out /* appended to */, struct lam_error *error);
/* "zstd", "zstd:9", "snappy", "none", …; LAM_INVALID lists them. */
enum lam_status lam_codec_parse(const char *text, enum lam_codec *codec, int *level, struct lam_error *error);

#endif
