/* Chunks whose pages are decompressed ahead are those of the read without: values, errors, and what is left undone. */
#include <inttypes.h>

#include "page_support.h"

enum { ROWS = 100000, AHEAD = 4 };

static uint32_t seed_state = 20261121;
static uint32_t pick(uint32_t below) {
  seed_state = seed_state * 1664525u + 1013904223u;
  return (uint32_t)((uint64_t)(seed_state >> 8) * below >> 24);
}

static void begin(struct page_fixture *f, uint64_t memory_limit, uint32_t threads) {
  struct lam_context_options options = LAM_CONTEXT_OPTIONS_INIT;
  options.threads = threads;
  options.memory_limit = memory_limit;
  assert_int_equal(lam_context_create(&options, &f->context, NULL), LAM_OK);
  assert_int_equal(lam_mem_open(f->context, 0, &f->mem, NULL), LAM_OK);
  lam_codec_init(&f->codec, f->mem);
}

/* ---- chunks: row r has the value 3 r, or none where r % 5 is 3 ---- */

struct made {
  struct lam_buf bytes;
  struct lam_leaf leaf;
  struct lam_page_location pages[64];
  int32_t page_count;
  enum lam_codec codec;
};

static bool is_null(const struct made *made, int64_t row) {
  return made->leaf.max_definition && row % 5 == 3;
}

static void put_rows(struct page_fixture *f, struct made *made, int64_t first, size_t count, bool v2) {
  static uint32_t levels[ROWS];
  static int64_t values[ROWS];
  struct lam_buf plain = {.mem = f->mem}, packed = {.mem = f->mem};
  size_t valid = 0;
  uint32_t size = 0;
  for (size_t i = 0; i < count; i++) {
    levels[i] = !is_null(made, first + (int64_t)i);
    if (levels[i]) values[valid++] = 3 * (first + (int64_t)i);
  }
  if (made->leaf.max_definition) {
    if (!v2) assert_int_equal(lam_buf_append(&plain, &size, 4, NULL), LAM_OK);
    assert_int_equal(lam_rle_write(levels, count, 1, &plain, NULL), LAM_OK);
    if (!v2) lam_store32(plain.data, (uint32_t)plain.size - 4);
  }
  size_t keep = v2 ? plain.size : 0;
  assert_int_equal(lam_buf_append(&plain, values, valid * sizeof *values, NULL), LAM_OK);
  bool compressed = !v2 || pick(4) > 0;
  if (keep) assert_int_equal(lam_buf_append(&packed, plain.data, keep, NULL), LAM_OK);
  assert_int_equal(lam_compress(&f->codec, compressed ? made->codec : LAM_UNCOMPRESSED, 0,
                                lam_bytes_of(plain.data + keep, plain.size - keep), &packed, NULL),
                   LAM_OK);
  struct lam_page_header header = {.kind = v2 ? LAM_DATA_PAGE_V2 : LAM_DATA_PAGE,
                                   .values = (int32_t)count,
                                   .rows = (int32_t)count,
                                   .encoding = LAM_PLAIN,
                                   .definition_encoding = LAM_RLE,
                                   .repetition_encoding = LAM_RLE,
                                   .definition_size = (int32_t)keep,
                                   .uncompressed_size = (int32_t)plain.size,
                                   .compressed_size = (int32_t)packed.size,
                                   .compressed = compressed,
                                   .has_crc = true,
                                   .crc = lam_crc32(0, packed.data, packed.size),
                                   .statistics = {.null_count = -1, .distinct_count = -1, .nan_count = -1}};
  struct lam_page_location *page = &made->pages[made->page_count++];
  *page = (struct lam_page_location){.offset = made->bytes.size, .first_row = first};
  assert_int_equal(lam_page_header_write(&header, &made->bytes, NULL), LAM_OK);
  assert_int_equal(lam_buf_append(&made->bytes, packed.data, packed.size, NULL), LAM_OK);
  page->size = (uint32_t)(made->bytes.size - page->offset);
  lam_buf_release(&plain);
  lam_buf_release(&packed);
}

/* Pages of 80 to 160 KB, and at times one that is not worth a thread. */
static void make(struct page_fixture *f, struct made *made, enum lam_codec codec, bool nullable, bool v2) {
  *made = (struct made){.bytes = {.mem = f->mem}, .codec = codec};
  made->leaf = (struct lam_leaf){
      .physical = LAM_INT64, .width = 8, .type = {.id = LAM_TYPE_INT64, .timezone = ""}, .max_definition = nullable};
  for (int64_t row = 0, count; row < ROWS; row += count) {
    count = lam_min_i64(ROWS - row, pick(6) ? 14000 + pick(6000) : 1 + pick(900));
    put_rows(f, made, row, (size_t)count, v2);
  }
}

static struct lam_chunk_source ahead_source(const struct made *made, uint32_t ahead, size_t window) {
  struct lam_chunk_source source = source_of(&made->bytes, &made->leaf, ROWS);
  source.codec = made->codec;
  source.window = window;
  source.ahead = ahead;
  return source;
}

static void check_run(const struct made *made, const struct lam_chunk *chunk, int64_t first) {
  const int64_t *values = (const int64_t *)(const void *)chunk->run.values.data->data;
  for (int64_t i = 0; i < chunk->run.rows; i++) {
    bool null = is_null(made, first + i);
    if (made->leaf.max_definition && lam_bit_get(chunk->run.validity->data, i) == null)
      fail_msg("%d", (int)(first + i));
    if (!null && values[i] != 3 * (first + i)) fail_msg("%d", (int)(first + i));
  }
}

/* Reads in runs of any size, passing over rows at times; `until` may be before the end. */
static enum lam_status read_some(struct page_fixture *f, const struct made *made, struct lam_chunk *chunk,
                                 int64_t until, bool skips, struct lam_error *error) {
  for (int64_t row; (row = lam_chunk_position(chunk)) < until;) {
    if (skips && pick(8) == 0) {
      LAM_TRY(lam_chunk_skip(chunk, lam_min_i64(pick(pick(2) ? 300 : 60000), until - row - 1), error));
      continue;
    }
    LAM_TRY(lam_chunk_read(chunk, &f->codec, lam_min_i64(until - row, 1 + pick(30000)), INT32_MAX, error));
    check_run(made, chunk, row);
  }
  return LAM_OK;
}

static void chunks_come_as_they_are(void **state) {
  (void)state;
  static const enum lam_codec codecs[] = {LAM_SNAPPY, LAM_ZSTD, LAM_GZIP, LAM_UNCOMPRESSED};
  static const size_t windows[] = {64, 1 << 20};
  for (uint32_t i = 0; i < 96; i++) {
    struct page_fixture f;
    struct made made;
    struct lam_chunk chunk;
    begin(&f, 256 << 20, 1 + i % 3);
    make(&f, &made, codecs[i % 4], i / 4 % 2, i / 8 % 2);
    struct lam_chunk_source source = ahead_source(&made, i % 5 ? AHEAD : 2, windows[i / 16 % 2]);
    if (i / 32 == 1)
      source.bytes = (struct lam_byte_source){.resident = lam_bytes_of(made.bytes.data, made.bytes.size)};
    if (i / 32 == 2) source.pages = made.pages, source.page_count = made.page_count;
    lam_chunk_init(&chunk, f.mem);
    for (int round = 0; round < 3; round++) { /* the first of them is broken off */
      assert_int_equal(lam_chunk_begin(&chunk, &source, false, NULL), LAM_OK);
      struct lam_error error = LAM_ERROR_INIT;
      if (read_some(&f, &made, &chunk, round ? ROWS : ROWS / 3, round == 2, &error) != LAM_OK)
        fail_msg("%" PRIu32 ": %s", i, error.message);
    }
    source.ahead = 0;
    assert_int_equal(lam_chunk_begin(&chunk, &source, false, NULL), LAM_OK);
    assert_null(chunk.ahead);
    lam_chunk_release(&chunk);
    lam_buf_release(&made.bytes);
    page_fixture_end(&f);
  }
}

/* Ranges far apart: nothing behind them is read. */
static void ranges_bound_what_is_read(void **state) {
  (void)state;
  struct page_fixture f;
  struct made made;
  begin(&f, 256 << 20, 2);
  make(&f, &made, LAM_SNAPPY, false, false);
  struct lam_chunk_source source = ahead_source(&made, AHEAD, 64);
  for (int i = 0; i < 20; i++) {
    struct lam_chunk chunk;
    int32_t last = 3 + (int32_t)pick((uint32_t)made.page_count - 5);
    const struct lam_range ranges[] = {{5, 40000}, {made.pages[last].first_row, made.pages[last + 1].first_row - 1}};
    bool apart = ranges[1].first > ranges[0].end;
    lam_chunk_init(&chunk, f.mem);
    assert_int_equal(lam_chunk_begin(&chunk, &source, false, NULL), LAM_OK);
    for (int64_t row = 0; row < ranges[1].end; row = lam_chunk_position(&chunk))
      assert_int_equal(
          lam_chunk_read_ranges(&chunk, &f.codec, apart ? ranges : &ranges[1], apart ? 2 : 1, ROWS, INT32_MAX, NULL),
          LAM_OK);
    assert_int_equal(chunk.stream.next, made.pages[last + 1].offset);
    lam_chunk_release(&chunk);
  }
  lam_buf_release(&made.bytes);
  page_fixture_end(&f);
}

/* Whatever is wrong with a page is said when its rows are due, in the same words. */
static void failures_come_in_their_turn(void **state) {
  (void)state;
  for (uint32_t i = 0; i < 60; i++) {
    struct page_fixture f;
    struct made made;
    struct lam_error errors[2] = {LAM_ERROR_INIT, LAM_ERROR_INIT};
    int64_t rows[2];
    begin(&f, 256 << 20, 2);
    make(&f, &made, i % 2 ? LAM_SNAPPY : LAM_ZSTD, i / 2 % 2, i / 4 % 2);
    const struct lam_page_location *page = &made.pages[pick((uint32_t)made.page_count)];
    for (uint32_t k = 0; k < 3; k++)
      made.bytes.data[page->offset + pick(i % 3 ? page->size : 20)] ^= (uint8_t)(1 + pick(255));
    for (int ahead = 0; ahead < 2; ahead++) {
      struct lam_chunk chunk;
      struct lam_chunk_source source = ahead_source(&made, ahead ? AHEAD : 0, 1 << 20);
      source.checksums = i / 8 % 2;
      lam_chunk_init(&chunk, f.mem);
      enum lam_status status = lam_chunk_begin(&chunk, &source, false, NULL);
      while (status == LAM_OK && lam_chunk_position(&chunk) < ROWS) /* values may be wrong without a checksum */
        status = lam_chunk_read(&chunk, &f.codec, 5000, INT32_MAX, &errors[ahead]);
      if (source.checksums && i % 3) assert_int_equal(status, LAM_CORRUPT);
      rows[ahead] = lam_chunk_position(&chunk);
      lam_chunk_release(&chunk);
    }
    assert_int_equal(rows[0], rows[1]);
    assert_string_equal(errors[0].message, errors[1].message);
    lam_buf_release(&made.bytes);
    page_fixture_end(&f);
  }
}

/* Where memory is short nothing is read ahead, and nothing fails for it. */
static void little_memory_is_left_alone(void **state) {
  (void)state;
  struct page_fixture f, little;
  struct made made;
  begin(&f, 256 << 20, 2);
  make(&f, &made, LAM_ZSTD, true, false);
  begin(&little, 3 << 20, 2);
  struct lam_chunk chunk;
  struct lam_chunk_source source = ahead_source(&made, AHEAD, 1 << 16);
  struct lam_error error = LAM_ERROR_INIT;
  lam_chunk_init(&chunk, little.mem);
  assert_int_equal(lam_chunk_begin(&chunk, &source, false, NULL), LAM_OK);
  uint64_t before = lam_mem_used(little.mem);
  for (int64_t row = 0; row < ROWS; row = lam_chunk_position(&chunk)) {
    if (lam_chunk_read(&chunk, &little.codec, 5000, INT32_MAX, &error) != LAM_OK) fail_msg("%s", error.message);
    check_run(&made, &chunk, row);
    assert_true(lam_mem_used(little.mem) - before < 1 << 20);
  }
  lam_chunk_release(&chunk);
  page_fixture_end(&little);
  lam_buf_release(&made.bytes);
  page_fixture_end(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(chunks_come_as_they_are),
      cmocka_unit_test(ranges_bound_what_is_read),
      cmocka_unit_test(failures_come_in_their_turn),
      cmocka_unit_test(little_memory_is_left_alone),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
