/* A pull of bytes, not of files: which bytes the rows wanted need, handed over in few reads, and decoded into buffers
 * of the caller's.
 *
 *   lam_pull_want / lam_pull_chunk   collect ranges of bytes, in any order, for as many chunks as wanted
 *   lam_pull_plan                    joins those that lie near each other: what is to be read, one call each
 *   lam_pull_fetch                   reads them from any source; or who embeds us reads them and lam_pull_give hands
 *                                    them over
 *   lam_pull_source                  is then a source for lam_chunk_begin: what was not pulled is read from behind it
 */
#ifndef LAM_PARQUET_PULL_H
#define LAM_PARQUET_PULL_H

#include "parquet/chunk.h"

enum {
  LAM_PULL_GAP = 64 << 10, /* bytes between two ranges that are read along rather than left out by another call */
  LAM_PULL_MOST = 8 << 20, /* bytes of a call */
};

struct lam_pull {
  struct lam_mem *mem;
  struct lam_buf wanted;         /* struct lam_range each, as they were asked for */
  struct lam_ranges calls;       /* ranges of bytes to be read; some end where the next begins */
  struct lam_buf blocks;         /* void * for each call that was made, NULL for others */
  struct lam_byte_source behind; /* for what was not pulled */
};
void lam_pull_init(struct lam_pull *pull, struct lam_mem *mem);
void lam_pull_release(struct lam_pull *pull);
/* Forgets what was wanted and gives the bytes back. */
void lam_pull_clear(struct lam_pull *pull);

enum lam_status lam_pull_want(struct lam_pull *pull, uint64_t offset, uint64_t size, struct lam_error *error);
/* The bytes of a chunk that the rows in `rows` need: the dictionary and their pages where source->pages says where they
 * are, else all of it. *bytes (may be NULL) gets how many they are. */
enum lam_status lam_pull_chunk(struct lam_pull *pull, const struct lam_chunk_source *source,
                               const struct lam_range *rows, size_t count, uint64_t *bytes, struct lam_error *error);
/* Fills pull->calls; calls before it are forgotten. Ranges that would bring a call above `most` go to another one. */
enum lam_status lam_pull_plan(struct lam_pull *pull, int64_t gap, int64_t most, struct lam_error *error);
/* One read of `source` for each call, which is what lies behind the pull from then on. */
enum lam_status lam_pull_fetch(struct lam_pull *pull, const struct lam_byte_source *source, struct lam_error *error);
/* The bytes of call `index`, copied. */
enum lam_status lam_pull_give(struct lam_pull *pull, size_t index, const void *bytes, struct lam_error *error);
/* Good until the pull is cleared or released. Any thread, while nothing is added. */
struct lam_byte_source lam_pull_source(const struct lam_pull *pull);

/* ---- decoding into buffers of the caller's ---- */

/* In the form of Arrow. Sizes are in bytes. */
struct lam_decode_buffers {
  uint8_t *validity; /* bits, 1 where there is a value; NULL where the column cannot be NULL */
  size_t validity_size;
  uint8_t *values; /* of fixed width, or bits of booleans; NULLs are 0. Of binaries their bytes */
  size_t values_size;
  int32_t *offsets; /* rows + 1, of binaries only */
  size_t offsets_size;
  /* What was found. */
  int64_t rows, nulls;
  size_t values_needed; /* bytes of `values` in use, or to be had where it was too small */
};
/* Decodes the rows in `rows` (all where it is NULL) of a flat chunk. LAM_LIMIT where a buffer is too small: the error
 * says which, and out->values_needed how many bytes the values take. */
enum lam_status lam_chunk_decode(const struct lam_chunk_source *source, const struct lam_range *rows, size_t count,
                                 struct lam_mem *mem, struct lam_decode_buffers *out, struct lam_error *error);

#endif
