#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "meta_support.h"

#include <brotli/encode.h>
#include <libdeflate.h>
#include <lz4.h>
#include <lz4frame.h>

#include "parquet/codec.h"

static const enum lam_codec written[] = {LAM_UNCOMPRESSED, LAM_SNAPPY, LAM_GZIP, LAM_BROTLI, LAM_ZSTD, LAM_LZ4_RAW};
enum { WRITTEN = sizeof written / sizeof written[0] };

static void fill(struct fixture *fixture, uint8_t *bytes, size_t size) {
  for (size_t i = 0; i < size; i++) bytes[i] = (uint8_t)(next_random(fixture) % (i % 1000 < 500 ? 3 : 256));
}

/* Decompresses into memory of exactly `size` bytes. */
static enum lam_status decompress(struct lam_codec_state *state, enum lam_codec codec, struct lam_bytes from,
                                  const uint8_t *expected, size_t size, struct lam_error *error) {
  uint8_t *to = malloc(size ? size : 1);
  enum lam_status status = lam_decompress(state, codec, from, to, size, error);
  if (status == LAM_OK && expected) assert_memory_equal(to, expected, size);
  free(to);
  return status;
}

static void round_trips(void **unused) {
  (void)unused;
  static const size_t sizes[] = {1, 2, 100, 65536, 300000};
  static uint8_t bytes[300000];
  struct fixture fixture;
  struct lam_codec_state state;
  struct lam_buf buf;
  fixture_begin(&fixture);
  lam_codec_init(&state, fixture.mem);
  lam_buf_init(&buf, fixture.mem);
  for (size_t c = 0; c < WRITTEN; c++)
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
      fill(&fixture, bytes, sizes[s]);
      buf.size = 0;
      OK(lam_buf_append(&buf, "kept", 4, &error));
      OK(lam_compress(&state, written[c], 0, lam_bytes_of(bytes, sizes[s]), &buf, &error));
      assert_memory_equal(buf.data, "kept", 4);
      struct lam_bytes from = lam_bytes_of(buf.data + 4, buf.size - 4);
      OK(decompress(&state, written[c], from, bytes, sizes[s], &error));
      struct lam_error error = LAM_ERROR_INIT; /* one byte more or fewer than there are */
      assert_int_equal(decompress(&state, written[c], from, NULL, sizes[s] + 1, &error), LAM_CORRUPT);
      assert_int_equal(decompress(&state, written[c], from, NULL, sizes[s] - 1, &error), LAM_CORRUPT);
      from.size--;
      assert_int_equal(decompress(&state, written[c], from, NULL, sizes[s], &error), LAM_CORRUPT);
    }
  assert_true(state.charged > 0);
  lam_codec_release(&state);
  lam_buf_release(&buf);
  fixture_end(&fixture);
}

static void levels(void **unused) {
  (void)unused;
  static uint8_t bytes[100000];
  static const struct {
    enum lam_codec codec;
    int level;
  } cases[] = {{LAM_ZSTD, 3},  {LAM_ZSTD, 9}, {LAM_GZIP, 1},  {LAM_GZIP, 9},
               {LAM_GZIP, 12}, {LAM_GZIP, 1}, {LAM_BROTLI, 9}};
  struct fixture fixture;
  struct lam_codec_state state;
  struct lam_buf buf;
  fixture_begin(&fixture);
  fill(&fixture, bytes, sizeof bytes);
  lam_codec_init(&state, fixture.mem);
  lam_buf_init(&buf, fixture.mem);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    buf.size = 0;
    OK(lam_compress(&state, cases[i].codec, cases[i].level, lam_bytes_of(bytes, sizeof bytes), &buf, &error));
    OK(decompress(&state, cases[i].codec, lam_bytes_of(buf.data, buf.size), bytes, sizeof bytes, &error));
  }
  FAILS(lam_compress(&state, LAM_GZIP, 13, lam_bytes_of("a", 1), &buf, &error), LAM_INVALID, "no level 13");
  FAILS(lam_compress(&state, LAM_LZO, 0, lam_bytes_of("a", 1), &buf, &error), LAM_UNSUPPORTED, "LZO");
  FAILS(lam_compress(&state, LAM_LZ4, 0, lam_bytes_of("a", 1), &buf, &error), LAM_UNSUPPORTED, "LZ4");
  lam_codec_release(&state);
  lam_buf_release(&buf);
  fixture_end(&fixture);
}

static void gzip_members_and_zlib(void **unused) {
  (void)unused;
  struct fixture fixture;
  struct lam_codec_state state;
  struct lam_buf buf;
  uint8_t zlib[100];
  fixture_begin(&fixture);
  lam_codec_init(&state, fixture.mem);
  lam_buf_init(&buf, fixture.mem);
  OK(lam_compress(&state, LAM_GZIP, 0, lam_bytes_of("first ", 6), &buf, &error));
  OK(lam_compress(&state, LAM_GZIP, 0, lam_bytes_of("", 0), &buf, &error));
  OK(lam_compress(&state, LAM_GZIP, 0, lam_bytes_of("second", 6), &buf, &error));
  OK(decompress(&state, LAM_GZIP, lam_bytes_of(buf.data, buf.size), (const uint8_t *)"first second", 12, &error));
  FAILS(decompress(&state, LAM_GZIP, lam_bytes_of(buf.data, buf.size), NULL, 11, &error), LAM_CORRUPT, "give more");
  OK(lam_buf_append(&buf, "junk", 4, &error));
  FAILS(decompress(&state, LAM_GZIP, lam_bytes_of(buf.data, buf.size), NULL, 12, &error), LAM_CORRUPT, "damaged");
  struct libdeflate_compressor *compressor = libdeflate_alloc_compressor(6);
  size_t size = libdeflate_zlib_compress(compressor, "zlib", 4, zlib, sizeof zlib);
  libdeflate_free_compressor(compressor);
  OK(decompress(&state, LAM_GZIP, lam_bytes_of(zlib, size), (const uint8_t *)"zlib", 4, &error));
  lam_codec_release(&state);
  lam_buf_release(&buf);
  fixture_end(&fixture);
}

static void lz4_dialects(void **unused) {
  (void)unused;
  static uint8_t bytes[70000], out[80000];
  struct fixture fixture;
  struct lam_codec_state state;
  fixture_begin(&fixture);
  fill(&fixture, bytes, sizeof bytes);
  lam_codec_init(&state, fixture.mem);
  /* Hadoop's: a block of one piece, then a block of two. */
  size_t at = 0, cuts[] = {0, 20000, 50000, 70000};
  for (int piece = 0; piece < 3; piece++) {
    if (piece == 0) lam_store32_be(out + at, 20000), at += 4;
    if (piece == 1) lam_store32_be(out + at, 50000), at += 4;
    size_t size = cuts[piece + 1] - cuts[piece];
    int got = LZ4_compress_default((const char *)bytes + cuts[piece], (char *)out + at + 4, (int)size, 40000);
    lam_store32_be(out + at, (uint32_t)got);
    at += 4 + (size_t)got;
  }
  OK(decompress(&state, LAM_LZ4, lam_bytes_of(out, at), bytes, sizeof bytes, &error));
  FAILS(decompress(&state, LAM_LZ4, lam_bytes_of(out, at - 1), NULL, sizeof bytes, &error), LAM_CORRUPT, "dialects");
  FAILS(decompress(&state, LAM_LZ4, lam_bytes_of(out, at), NULL, sizeof bytes - 1, &error), LAM_CORRUPT, "dialects");
  size_t size = LZ4F_compressFrame(out, sizeof out, bytes, sizeof bytes, NULL);
  assert_false(LZ4F_isError(size));
  OK(decompress(&state, LAM_LZ4, lam_bytes_of(out, size), bytes, sizeof bytes, &error));
  FAILS(decompress(&state, LAM_LZ4, lam_bytes_of(out, size - 9), NULL, sizeof bytes, &error), LAM_CORRUPT, "dialects");
  int raw = LZ4_compress_default((const char *)bytes, (char *)out, sizeof bytes, sizeof out);
  OK(decompress(&state, LAM_LZ4, lam_bytes_of(out, (size_t)raw), bytes, sizeof bytes, &error));
  OK(decompress(&state, LAM_LZ4_RAW, lam_bytes_of(out, (size_t)raw), bytes, sizeof bytes, &error));
  lam_codec_release(&state);
  fixture_end(&fixture);
}

static void edges(void **unused) {
  (void)unused;
  struct fixture fixture;
  struct lam_codec_state state;
  fixture_begin(&fixture);
  lam_codec_init(&state, fixture.mem);
  for (int codec = 0; codec <= LAM_LZ4_RAW; codec++)
    OK(lam_decompress(&state, (enum lam_codec)codec, (struct lam_bytes){0}, NULL, 0, &error));
  FAILS(decompress(&state, LAM_LZO, lam_bytes_of("abc", 3), NULL, 3, &error), LAM_UNSUPPORTED, "LZO");
  FAILS(decompress(&state, (enum lam_codec)99, lam_bytes_of("abc", 3), NULL, 3, &error), LAM_UNSUPPORTED, "codec 99");
  for (int codec = LAM_SNAPPY; codec <= LAM_LZ4_RAW; codec++) {
    struct lam_error error = LAM_ERROR_INIT;
    if (codec == LAM_LZO) continue;
    assert_int_equal(
        decompress(&state, (enum lam_codec)codec, lam_bytes_of("\xff\xff\xff\xff\xff garbage", 13), NULL, 50, &error),
        LAM_CORRUPT);
    assert_non_null(strcasestr(error.message, lam_codec_name((enum lam_codec)codec)));
  }
  lam_codec_release(&state);
  fixture_end(&fixture);
}

static void names(void **unused) {
  (void)unused;
  static const struct {
    const char *text;
    enum lam_codec codec;
    int level;
  } cases[] = {{"none", LAM_UNCOMPRESSED, 0}, {"UNCOMPRESSED", LAM_UNCOMPRESSED, 0},
               {"zstd", LAM_ZSTD, 0},         {"ZSTD:9", LAM_ZSTD, 9},
               {"gzip:12", LAM_GZIP, 12},     {"lz4", LAM_LZ4_RAW, 0},
               {"lz4_raw", LAM_LZ4_RAW, 0},   {"snappy", LAM_SNAPPY, 0},
               {"brotli:11", LAM_BROTLI, 11}};
  enum lam_codec codec;
  int level;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    OK(lam_codec_parse(cases[i].text, &codec, &level, &error));
    assert_int_equal(codec, cases[i].codec);
    assert_int_equal(level, cases[i].level);
  }
  FAILS(lam_codec_parse("lzo", &codec, &level, &error), LAM_INVALID, "none, snappy, gzip, brotli, zstd and lz4");
  FAILS(lam_codec_parse("zstd:0", &codec, &level, &error), LAM_INVALID, "1 to 22");
  FAILS(lam_codec_parse("zstd:", &codec, &level, &error), LAM_INVALID, "1 to 22");
  FAILS(lam_codec_parse("zstd:1x", &codec, &level, &error), LAM_INVALID, "1 to 22");
  FAILS(lam_codec_parse("snappy:1", &codec, &level, &error), LAM_INVALID, "no levels");
  FAILS(lam_codec_parse("", &codec, &level, &error), LAM_INVALID, "no codec ''");
}

/* What does not fit the budget is refused, and nothing stays charged. */
static void budget(void **unused) {
  (void)unused;
  struct lam_context_options options = LAM_CONTEXT_OPTIONS_INIT;
  struct lam_context *context;
  struct lam_mem *mem;
  struct lam_codec_state state;
  struct lam_buf buf;
  static const uint8_t zeros[300000];
  options.threads = 1;
  options.memory_limit = 1 << 20;
  OK(lam_context_create(&options, &context, &error));
  OK(lam_mem_open(context, 0, &mem, &error));
  lam_codec_init(&state, mem);
  lam_buf_init(&buf, mem);
  FAILS(lam_compress(&state, LAM_GZIP, 12, lam_bytes_of("abc", 3), &buf, &error), LAM_LIMIT, "");
  FAILS(lam_compress(&state, LAM_BROTLI, 11, lam_bytes_of(zeros, sizeof zeros), &buf, &error), LAM_LIMIT, "");
  lam_codec_release(&state);
  lam_buf_release(&buf);
  assert_int_equal(lam_mem_used(mem), 0);
  lam_mem_close(mem);
  lam_context_free(context);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(round_trips),  cmocka_unit_test(levels), cmocka_unit_test(gzip_members_and_zlib),
      cmocka_unit_test(lz4_dialects), cmocka_unit_test(edges),  cmocka_unit_test(names),
      cmocka_unit_test(budget)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
