#include "parquet/codec.h"

#include <brotli/decode.h>
#include <brotli/encode.h>
#include <libdeflate.h>
#include <stdlib.h>
#include <strings.h>
#include <zstd.h>

#include "parquet/lz4.h"
#include "parquet/snappy.h"

/* libdeflate cannot say what its states take. Measured with version 1.14, rounded up. */
enum {
  GZIP_IN_BYTES = 16 << 10,
  GZIP_OUT_BYTES = 768 << 10,      /* levels to 9 */
  GZIP_OUT_BYTES_HIGH = 9280 << 10 /* levels 10 to 12 */
};

static enum lam_status charge(struct lam_codec_state *state, size_t bytes, struct lam_error *error) {
  LAM_TRY(lam_mem_charge(state->mem, bytes, error));
  state->charged += bytes;
  return LAM_OK;
}

static void discharge(struct lam_codec_state *state, size_t bytes) {
  lam_mem_discharge(state->mem, bytes);
  state->charged -= bytes;
}

static size_t gzip_out_bytes(int level) {
  return level > 9 ? GZIP_OUT_BYTES_HIGH : GZIP_OUT_BYTES;
}

void lam_codec_release(struct lam_codec_state *state) {
  ZSTD_freeDCtx(state->zstd_in);
  ZSTD_freeCCtx(state->zstd_out);
  if (state->gzip_in) libdeflate_free_decompressor(state->gzip_in);
  if (state->gzip_out) libdeflate_free_compressor(state->gzip_out);
  if (state->charged) lam_mem_discharge(state->mem, state->charged);
  lam_codec_init(state, state->mem);
}

static enum lam_status no_memory(struct lam_error *error, enum lam_codec codec) {
  return lam_fail(error, LAM_NO_MEMORY, "there is no memory for the state of the codec %s", lam_codec_name(codec));
}

/* Every failure to decompress: `why` says how the codec sees it. */
static enum lam_status corrupt(struct lam_error *error, enum lam_codec codec, struct lam_bytes from, size_t size,
                               const char *why) {
  return lam_fail(error, LAM_CORRUPT, "%zu bytes of %s data do not decompress to %zu bytes: %s", from.size,
                  lam_codec_name(codec), size, why);
}

/* ---- zstd ---- */

static enum lam_status zstd_decompress(struct lam_codec_state *state, struct lam_bytes from, uint8_t *to, size_t size,
                                       struct lam_error *error) {
  if (!state->zstd_in) {
    state->zstd_in = ZSTD_createDCtx();
    if (!state->zstd_in) return no_memory(error, LAM_ZSTD);
    LAM_TRY(charge(state, ZSTD_sizeof_DCtx(state->zstd_in), error));
  }
  size_t got = ZSTD_decompressDCtx(state->zstd_in, to, size, from.data, from.size);
  if (ZSTD_isError(got)) return corrupt(error, LAM_ZSTD, from, size, ZSTD_getErrorName(got));
  return got == size ? LAM_OK : corrupt(error, LAM_ZSTD, from, size, "they give fewer");
}

static size_t zstd_compress_ours(ZSTD_CCtx *state, int level, uint8_t *to, size_t room, struct lam_bytes from) {
  static const struct {
    ZSTD_cParameter parameter;
    int wide, longer; /* 0: zstd's default */
  } ours[] = {{ZSTD_c_compressionLevel, 2, 2},
              {ZSTD_c_strategy, ZSTD_fast, ZSTD_fast},
              {ZSTD_c_windowLog, 20, 20}, /* a page */
              {ZSTD_c_hashLog, 17, 15},
              {ZSTD_c_minMatch, 6, 6},
              {ZSTD_c_targetLength, 0, 3}, /* looks at each fourth byte or so, and leaves literals as they are */
              {ZSTD_c_enableLongDistanceMatching, 0, 1},
              {ZSTD_c_ldmBucketSizeLog, 0, 1}};
  for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) /* all are within bounds */
    ZSTD_CCtx_setParameter(state, ours[i].parameter, level == LAM_ZSTD_WIDE ? ours[i].wide : ours[i].longer);
  return ZSTD_compress2(state, to, room, from.data, from.size);
}

/* What the state grew to during a call is charged after it. */
static enum lam_status zstd_compress(struct lam_codec_state *state, int level, struct lam_bytes from,
                                     struct lam_buf *out, struct lam_error *error) {
  if (!state->zstd_out) {
    state->zstd_out = ZSTD_createCCtx();
    if (!state->zstd_out) return no_memory(error, LAM_ZSTD);
    LAM_TRY(charge(state, ZSTD_sizeof_CCtx(state->zstd_out), error));
  }
  size_t before = ZSTD_sizeof_CCtx(state->zstd_out), bound = ZSTD_compressBound(from.size);
  LAM_TRY(lam_buf_room(out, bound, error));
  uint8_t *to = out->data + out->size;
  size_t got = level < 0 ? zstd_compress_ours(state->zstd_out, level, to, bound, from)
                         : ZSTD_compressCCtx(state->zstd_out, to, bound, from.data, from.size, level);
  size_t after = ZSTD_sizeof_CCtx(state->zstd_out);
  if (after > before) LAM_TRY(charge(state, after - before, error));
  if (after < before) discharge(state, before - after);
  if (ZSTD_isError(got)) return lam_fail(error, LAM_NO_MEMORY, "ZSTD cannot compress: %s", ZSTD_getErrorName(got));
  out->size += got;
  return LAM_OK;
}

/* ---- gzip ---- */

static bool is_zlib(struct lam_bytes from) {
  return from.size >= 2 && (from.data[0] & 15) == 8 && (from.data[0] << 8 | from.data[1]) % 31 == 0;
}

/* Members may be concatenated (parquet-mr writes such pages), and some writers took zlib's form. */
static enum lam_status gzip_decompress(struct lam_codec_state *state, struct lam_bytes from, uint8_t *to, size_t size,
                                       struct lam_error *error) {
  if (!state->gzip_in) {
    LAM_TRY(charge(state, GZIP_IN_BYTES, error));
    state->gzip_in = libdeflate_alloc_decompressor();
    if (!state->gzip_in) return no_memory(error, LAM_GZIP);
  }
  size_t in = 0, out = 0;
  bool zlib = is_zlib(from);
  do {
    size_t in_used = 0, out_used = 0;
    enum libdeflate_result result = zlib ? libdeflate_zlib_decompress_ex(state->gzip_in, from.data + in, from.size - in,
                                                                         to + out, size - out, &in_used, &out_used)
                                         : libdeflate_gzip_decompress_ex(state->gzip_in, from.data + in, from.size - in,
                                                                         to + out, size - out, &in_used, &out_used);
    if (result == LIBDEFLATE_INSUFFICIENT_SPACE) return corrupt(error, LAM_GZIP, from, size, "they give more");
    if (result != LIBDEFLATE_SUCCESS) return corrupt(error, LAM_GZIP, from, size, "they are damaged");
    in += in_used;
    out += out_used;
  } while (in < from.size);
  return out == size ? LAM_OK : corrupt(error, LAM_GZIP, from, size, "they give fewer");
}

static enum lam_status gzip_compress(struct lam_codec_state *state, int level, struct lam_bytes from,
                                     struct lam_buf *out, struct lam_error *error) {
  if (state->gzip_out && state->gzip_out_level != level) {
    libdeflate_free_compressor(state->gzip_out);
    state->gzip_out = NULL;
    discharge(state, gzip_out_bytes(state->gzip_out_level));
  }
  if (!state->gzip_out) {
    LAM_TRY(charge(state, gzip_out_bytes(level), error));
    state->gzip_out_level = level;
    state->gzip_out = libdeflate_alloc_compressor(level);
    if (!state->gzip_out) {
      discharge(state, gzip_out_bytes(level));
      return no_memory(error, LAM_GZIP);
    }
  }
  size_t bound = libdeflate_gzip_compress_bound(state->gzip_out, from.size);
  LAM_TRY(lam_buf_room(out, bound, error));
  out->size += libdeflate_gzip_compress(state->gzip_out, from.data, from.size, out->data + out->size, bound);
  return LAM_OK;
}

/* ---- brotli ---- */

/* The decoder takes an allocator, so that its memory is the account's own. */
enum { BROTLI_HEAD = 64 }; /* holds the size; keeps the alignment */

static void *brotli_alloc(void *mem, size_t size) {
  void *memory;
  if (size > SIZE_MAX - BROTLI_HEAD || lam_alloc(mem, size + BROTLI_HEAD, &memory, NULL) != LAM_OK) return NULL;
  lam_store64(memory, size + BROTLI_HEAD);
  return (uint8_t *)memory + BROTLI_HEAD;
}

static void brotli_free(void *mem, void *memory) {
  if (!memory) return;
  uint8_t *head = (uint8_t *)memory - BROTLI_HEAD;
  lam_free(mem, head, (size_t)lam_load64(head));
}

static enum lam_status brotli_decompress(struct lam_codec_state *state, struct lam_bytes from, uint8_t *to, size_t size,
                                         struct lam_error *error) {
  BrotliDecoderState *decoder = BrotliDecoderCreateInstance(brotli_alloc, brotli_free, state->mem);
  if (!decoder) return no_memory(error, LAM_BROTLI);
  size_t in = from.size, out = size;
  const uint8_t *next = from.data;
  uint8_t *at = to;
  BrotliDecoderResult result = BrotliDecoderDecompressStream(decoder, &in, &next, &out, &at, NULL);
  BrotliDecoderErrorCode code = BrotliDecoderGetErrorCode(decoder);
  BrotliDecoderDestroyInstance(decoder);
  if (result == BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT)
    return corrupt(error, LAM_BROTLI, from, size, "they give more");
  if (result == BROTLI_DECODER_RESULT_NEEDS_MORE_INPUT)
    return corrupt(error, LAM_BROTLI, from, size, "they are cut off");
  if (code <= BROTLI_DECODER_ERROR_ALLOC_CONTEXT_MODES && code >= BROTLI_DECODER_ERROR_ALLOC_BLOCK_TYPE_TREES)
    return no_memory(error, LAM_BROTLI);
  if (result != BROTLI_DECODER_RESULT_SUCCESS)
    return corrupt(error, LAM_BROTLI, from, size, BrotliDecoderErrorString(code));
  if (in) return corrupt(error, LAM_BROTLI, from, size, "other bytes follow their end");
  return out == 0 ? LAM_OK : corrupt(error, LAM_BROTLI, from, size, "they give fewer");
}

/* What an encoder takes at most, with a window that fits its input; measured with version 1.0.9 and rounded up. */
static size_t brotli_out_bytes(int level, size_t size) {
  static const struct {
    size_t fixed, per_byte, most; /* MiB, bytes, MiB */
  } use[] = {{1, 4, 10},  {1, 4, 10},   {1, 4, 10},   {1, 4, 10},   {4, 12, 20}, {4, 12, 20},
             {4, 12, 20}, {10, 12, 20}, {18, 12, 20}, {34, 12, 20}, {6, 40, 64}, {6, 40, 64}};
  size_t fixed = (size_t)lam_min_u64(use[level].fixed << 20, ((uint64_t)1 << 20) + 600 * (uint64_t)size);
  return fixed + (size_t)lam_min_u64(use[level].most << 20, (uint64_t)use[level].per_byte * size);
}

/* The encoder ends the process where its allocator gives nothing, so its memory is malloc's and charged beforehand. */
static enum lam_status brotli_compress(struct lam_codec_state *state, int level, struct lam_bytes from,
                                       struct lam_buf *out, struct lam_error *error) {
  size_t bound = BrotliEncoderMaxCompressedSize(from.size), memory = brotli_out_bytes(level, from.size);
  if (!bound) return lam_fail(error, LAM_LIMIT, "BROTLI cannot compress %zu bytes at once", from.size);
  LAM_TRY(lam_buf_room(out, bound, error));
  LAM_TRY(lam_mem_charge(state->mem, memory, error));
  int window = 16;
  while (window < BROTLI_DEFAULT_WINDOW && ((size_t)1 << window) - 16 < from.size) window++;
  size_t got = bound;
  BROTLI_BOOL done =
      BrotliEncoderCompress(level, window, BROTLI_MODE_GENERIC, from.size, from.data, &got, out->data + out->size);
  lam_mem_discharge(state->mem, memory);
  if (!done) return no_memory(error, LAM_BROTLI);
  out->size += got;
  return LAM_OK;
}

/* ---- snappy ---- */

static enum lam_status do_snappy_compress(struct lam_bytes from, struct lam_buf *out, struct lam_error *error) {
  if (from.size > UINT32_MAX) return lam_fail(error, LAM_LIMIT, "SNAPPY cannot compress %zu bytes at once", from.size);
  LAM_TRY(lam_buf_room(out, lam_snappy_bound(from.size), error));
  out->size += lam_snappy_compress(from, out->data + out->size);
  return LAM_OK;
}

/* ---- all ---- */

enum lam_status lam_decompress(struct lam_codec_state *state, enum lam_codec codec, struct lam_bytes from, uint8_t *to,
                               size_t size, struct lam_error *error) {
  uint8_t nothing[1];
  if (size == 0) {
    if (from.size == 0) return LAM_OK; /* writers do not run the codec on nothing */
    to = nothing;
  }
  switch (codec) {
    case LAM_UNCOMPRESSED:
      LAM_CHECK(from.size == size, error, "an uncompressed page of %zu bytes should have %zu", from.size, size);
      lam_copy(to, from.data, size);
      return LAM_OK;
    case LAM_SNAPPY: return lam_snappy_decompress(from, to, size, error);
    case LAM_GZIP: return gzip_decompress(state, from, to, size, error);
    case LAM_BROTLI: return brotli_decompress(state, from, to, size, error);
    case LAM_LZ4: return lam_lz4_decompress(state->mem, from, to, size, error);
    case LAM_ZSTD: return zstd_decompress(state, from, to, size, error);
    case LAM_LZ4_RAW: return lam_lz4_raw_decompress(from, to, size, error);
    case LAM_LZO: return lam_fail(error, LAM_UNSUPPORTED, "the codec LZO is not supported");
  }
  return lam_fail(error, LAM_UNSUPPORTED, "there is no codec %d", (int)codec);
}

/* NULL marks codecs that we do not write. LZ4 is written in its one well-defined dialect, LZ4_RAW. */
static const struct codec {
  const char *name, *other;
  enum lam_codec codec;
  int max_level; /* 0: it has no levels */
  int default_level;
} codecs[] = {
    {"none", "uncompressed", LAM_UNCOMPRESSED, 0, 0},
    {"snappy", "snappy", LAM_SNAPPY, 0, 0},
    {"gzip", "gzip", LAM_GZIP, 12, 6},
    {"brotli", "brotli", LAM_BROTLI, 11, 4},
    {"zstd", "zstd", LAM_ZSTD, 22, 1},
    {"lz4", "lz4_raw", LAM_LZ4_RAW, 0, 0},
};
enum { CODECS = sizeof codecs / sizeof codecs[0] };

enum lam_status lam_compress(struct lam_codec_state *state, enum lam_codec codec, int level, struct lam_bytes from,
                             struct lam_buf *out, struct lam_error *error) {
  const struct codec *known = NULL;
  for (size_t i = 0; i < CODECS; i++)
    if (codecs[i].codec == codec) known = &codecs[i];
  if (!known) return lam_fail(error, LAM_UNSUPPORTED, "the codec %s is not written", lam_codec_name(codec));
  bool ours = codec == LAM_ZSTD && (level == LAM_ZSTD_WIDE || level == LAM_ZSTD_LONG);
  if (!ours && (level < 0 || level > known->max_level))
    return lam_fail(error, LAM_INVALID, "the codec %s has no level %d", lam_codec_name(codec), level);
  if (level == 0) level = known->default_level;
  switch (codec) {
    case LAM_SNAPPY: return do_snappy_compress(from, out, error);
    case LAM_GZIP: return gzip_compress(state, level, from, out, error);
    case LAM_BROTLI: return brotli_compress(state, level, from, out, error);
    case LAM_ZSTD: return zstd_compress(state, level, from, out, error);
    case LAM_LZ4_RAW: return lam_lz4_raw_compress(from, out, error);
    default: return lam_buf_append(out, from.data, from.size, error);
  }
}

enum lam_status lam_codec_parse(const char *text, enum lam_codec *codec, int *level, struct lam_error *error) {
  const char *colon = strchr(text, ':');
  size_t size = colon ? (size_t)(colon - text) : strlen(text);
  for (size_t i = 0; i < CODECS; i++) {
    const struct codec *c = &codecs[i];
    if (!(strlen(c->name) == size && strncasecmp(text, c->name, size) == 0) &&
        !(strlen(c->other) == size && strncasecmp(text, c->other, size) == 0))
      continue;
    *codec = c->codec;
    *level = 0;
    if (!colon) return LAM_OK;
    char *end;
    long value = strtol(colon + 1, &end, 10);
    if (c->max_level == 0) return lam_fail(error, LAM_INVALID, "the codec '%s' has no levels: '%s'", c->name, text);
    if (end == colon + 1 || *end || value < 1 || value > c->max_level)
      return lam_fail(error, LAM_INVALID, "the levels of the codec '%s' are 1 to %d, not '%s'", c->name, c->max_level,
                      colon + 1);
    *level = (int)value;
    return LAM_OK;
  }
  return lam_fail(error, LAM_INVALID,
                  "there is no codec '%s'; the codecs are none, snappy, gzip, brotli, zstd and lz4, those with levels "
                  "as in zstd:9",
                  text);
}
