#include "parquet/lz4.h"

#include <limits.h>
#include <lz4.h>
#include <lz4frame.h>

/* What LZ4F allocates at most: two blocks of 4 MiB, a window of 64 KiB, its state. */
enum { FRAME_BYTES = (8 << 20) + (256 << 10) };
#define FRAME_MAGIC 0x184D2204u

static bool raw(struct lam_bytes from, uint8_t *to, size_t size) {
  if (from.size > INT_MAX || size > INT_MAX) return false;
  int got = LZ4_decompress_safe((const char *)from.data, (char *)to, (int)from.size, (int)size);
  return got >= 0 && (size_t)got == size;
}

enum lam_status lam_lz4_raw_decompress(struct lam_bytes from, uint8_t *to, size_t size, struct lam_error *error) {
  LAM_CHECK(
      raw(from, to, size), error,
      "%zu bytes of LZ4_RAW data do not decompress to %zu bytes: they are damaged or give another number of bytes",
      from.size, size);
  return LAM_OK;
}

/* Hadoop's BlockCompressorStream: the uncompressed size of a block, then as many pieces as give it, each after its
 * compressed size; sizes are big-endian, 32 bits. Several blocks may follow each other. */
static bool hadoop(struct lam_bytes from, uint8_t *to, size_t size) {
  size_t in = 0, out = 0;
  while (from.size - in >= 4) {
    size_t block = lam_load32_be(from.data + in), end = out + block;
    in += 4;
    if (block > size - out) return false;
    while (out < end) {
      if (from.size - in < 4) return false;
      size_t piece = lam_load32_be(from.data + in);
      in += 4;
      if (piece > from.size - in || piece > INT_MAX || end - out > INT_MAX) return false;
      int got = LZ4_decompress_safe((const char *)from.data + in, (char *)to + out, (int)piece, (int)(end - out));
      if (got <= 0) return false;
      in += piece;
      out += (size_t)got;
    }
  }
  return in == from.size && out == size;
}

static bool frames(struct lam_bytes from, uint8_t *to, size_t size) {
  LZ4F_dctx *context;
  if (LZ4F_isError(LZ4F_createDecompressionContext(&context, LZ4F_VERSION))) return false;
  size_t in = 0, out = 0, hint = 1;
  while (in < from.size) {
    size_t in_size = from.size - in, out_size = size - out;
    hint = LZ4F_decompress(context, to + out, &out_size, from.data + in, &in_size, NULL);
    if (LZ4F_isError(hint) || (in_size == 0 && out_size == 0)) break;
    in += in_size;
    out += out_size;
  }
  LZ4F_freeDecompressionContext(context);
  return hint == 0 && in == from.size && out == size;
}

enum lam_status lam_lz4_decompress(struct lam_mem *mem, struct lam_bytes from, uint8_t *to, size_t size,
                                   struct lam_error *error) {
  if (hadoop(from, to, size)) return LAM_OK;
  if (from.size >= 4 && lam_load32(from.data) == FRAME_MAGIC) {
    LAM_TRY(lam_mem_charge(mem, FRAME_BYTES, error));
    bool read = frames(from, to, size);
    lam_mem_discharge(mem, FRAME_BYTES);
    if (read) return LAM_OK;
  }
  LAM_CHECK(
      raw(from, to, size), error,
      "%zu bytes of LZ4 data do not decompress to %zu bytes in any of the dialects of LZ4 (Hadoop's, frames, raw)",
      from.size, size);
  return LAM_OK;
}

enum lam_status lam_lz4_raw_compress(struct lam_bytes from, struct lam_buf *out, struct lam_error *error) {
  if (from.size > LZ4_MAX_INPUT_SIZE)
    return lam_fail(error, LAM_LIMIT, "LZ4_RAW cannot compress %zu bytes at once", from.size);
  int bound = LZ4_compressBound((int)from.size);
  LAM_TRY(lam_buf_room(out, (size_t)bound, error));
  int got = LZ4_compress_default((const char *)from.data, (char *)out->data + out->size, (int)from.size, bound);
  if (got <= 0) return lam_fail(error, LAM_NO_MEMORY, "LZ4_RAW cannot compress %zu bytes", from.size);
  out->size += (size_t)got;
  return LAM_OK;
}
