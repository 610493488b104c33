#include "page_support.h"

#include <stdio.h>

static const struct lam_leaf int_leaf = {
    .physical = LAM_INT32, .width = 4, .max_definition = 1, .type = {.id = LAM_TYPE_INT32, .timezone = ""}};
static const struct lam_leaf string_leaf = {
    .physical = LAM_BYTE_ARRAY, .max_definition = 1, .type = {.id = LAM_TYPE_STRING, .timezone = ""}};

enum { ROWS = 5000 };

static uint32_t next_random(uint32_t *state) {
  *state = *state * 1664525u + 1013904223u;
  return *state >> 8;
}

/* Row i is null where i % 3 is 1, else i; pages of 1 to 700 rows. */
static void put_ints(struct lam_buf *chunk, uint32_t seed) {
  for (size_t row = 0; row < ROWS;) {
    uint32_t levels[700];
    int32_t values[700];
    size_t count = 1 + next_random(&seed) % 700, valid = 0;
    if (count > ROWS - row) count = ROWS - row;
    for (size_t i = 0; i < count; i++)
      if ((levels[i] = (row + i) % 3 != 1)) values[valid++] = (int32_t)(row + i);
    put_data_page(chunk, LAM_PLAIN, levels, count, lam_bytes_of(values, valid * 4));
    row += count;
  }
}

static void check_ints(const struct lam_run *run, int64_t first) {
  int64_t nulls = 0;
  for (int64_t i = 0; i < run->rows; i++) {
    bool null = (first + i) % 3 == 1;
    nulls += null;
    assert_int_equal(lam_bit_get(run->validity->data, i), !null);
    assert_int_equal(((int32_t *)(void *)run->values.data->data)[i], null ? 0 : first + i);
  }
  assert_int_equal(run->nulls, nulls);
}

static void runs_need_not_match_pages(void **state) {
  (void)state;
  struct page_fixture f;
  page_fixture_begin(&f, 64 << 20);
  for (uint32_t seed = 1; seed < 20; seed++) {
    struct lam_buf bytes = {.mem = f.mem};
    struct lam_chunk chunk;
    uint32_t random = seed;
    put_ints(&bytes, seed);
    lam_chunk_init(&chunk, f.mem);
    struct lam_chunk_source source = source_of(&bytes, &int_leaf, ROWS);
    assert_int_equal(lam_chunk_begin(&chunk, &source, false, NULL), LAM_OK);
    for (int64_t row = 0; row < ROWS; row += chunk.run.rows) {
      int64_t rows = 1 + next_random(&random) % 900;
      assert_int_equal(lam_chunk_read(&chunk, &f.codec, rows, INT32_MAX, NULL), LAM_OK);
      assert_int_equal(chunk.run.rows, rows < ROWS - row ? rows : ROWS - row);
      check_ints(&chunk.run, row);
    }
    lam_chunk_release(&chunk);
    lam_buf_release(&bytes);
  }
  page_fixture_end(&f);
}

/* Of row i: empty ones in front of long ones. */
static int32_t length_of(int64_t i) {
  return i % 50 < 4 ? 0 : (int32_t)(50 - i % 50) * 4;
}

/* Row i is null where i % 4 is 2, else so many letters. */
static void put_strings(struct lam_buf *chunk, enum lam_encoding encoding, size_t rows) {
  uint32_t levels[1000];
  int32_t offsets[1001] = {0};
  uint8_t data[200000];
  size_t valid = 0;
  for (size_t i = 0; i < rows; i++) {
    int32_t length = length_of((int64_t)i);
    levels[i] = i % 4 != 2;
    if (!levels[i]) continue;
    memset(data + offsets[valid], (int)('a' + i % 26), (size_t)length);
    offsets[valid + 1] = offsets[valid] + length;
    valid++;
  }
  struct lam_buf values = {.mem = chunk->mem};
  assert_int_equal(lam_strings_write(encoding, data, offsets, valid, &values, NULL), LAM_OK);
  put_data_page(chunk, encoding, levels, rows, lam_bytes_of(values.data, values.size));
  lam_buf_release(&values);
}

static void strings_end_a_run_at_its_bytes(void **state) {
  (void)state;
  static const enum lam_encoding encodings[] = {LAM_PLAIN, LAM_DELTA_LENGTH_BYTE_ARRAY, LAM_DELTA_BYTE_ARRAY};
  static const size_t limits[] = {1, 30, 100, 1000, 1 << 20};
  struct page_fixture f;
  page_fixture_begin(&f, 64 << 20);
  for (size_t e = 0; e < 3; e++)
    for (size_t l = 0; l < 5; l++) {
      struct lam_buf bytes = {.mem = f.mem};
      struct lam_chunk chunk;
      put_strings(&bytes, encodings[e], 1000);
      lam_chunk_init(&chunk, f.mem);
      struct lam_chunk_source source = source_of(&bytes, &string_leaf, 1000);
      assert_int_equal(lam_chunk_begin(&chunk, &source, false, NULL), LAM_OK);
      for (int64_t row = 0; row < 1000; row += chunk.run.rows) {
        assert_int_equal(lam_chunk_read(&chunk, &f.codec, 400, limits[l], NULL), LAM_OK);
        const int32_t *offsets = (const int32_t *)(void *)chunk.run.values.offsets->data;
        int filled = 0;
        assert_true(chunk.run.rows > 0);
        for (int64_t i = 0; i < chunk.run.rows; i++) {
          bool null = (row + i) % 4 == 2;
          int32_t length = offsets[i + 1] - offsets[i];
          assert_int_equal(lam_bit_get(chunk.run.validity->data, i), !null);
          assert_int_equal(length, null ? 0 : length_of(row + i));
          for (int32_t k = 0; k < length; k++)
            assert_int_equal(chunk.run.values.data->data[offsets[i] + k], 'a' + (row + i) % 26);
          filled += length > 0;
        }
        assert_true((size_t)offsets[chunk.run.rows] <= limits[l] || filled == 1);
      }
      lam_chunk_release(&chunk);
      lam_buf_release(&bytes);
    }
  page_fixture_end(&f);
}

/* A dictionary page, two pages of indices and one that fell back. */
static void put_mixed(struct lam_buf *chunk) {
  static const int32_t dictionary[] = {100, 200, 300}, plain[] = {7, 8};
  static const uint32_t first[] = {0, 2}, second[] = {1}, levels[] = {1, 0, 1};
  put_dictionary(chunk, 3, lam_bytes_of(dictionary, sizeof dictionary));
  put_index_page(chunk, levels, 3, first, 2);
  put_index_page(chunk, levels, 1, second, 1);
  put_data_page(chunk, LAM_PLAIN, levels, 3, lam_bytes_of(plain, sizeof plain));
}

static void dictionary_runs_end_where_pages_fall_back(void **state) {
  (void)state;
  struct page_fixture f;
  page_fixture_begin(&f, 64 << 20);
  struct lam_buf bytes = {.mem = f.mem};
  struct lam_chunk chunk;
  put_mixed(&bytes);
  lam_chunk_init(&chunk, f.mem);
  struct lam_chunk_source source = source_of(&bytes, &int_leaf, 7);
  assert_int_equal(lam_chunk_begin(&chunk, &source, true, NULL), LAM_OK);
  assert_int_equal(lam_chunk_read(&chunk, &f.codec, 100, INT32_MAX, NULL), LAM_OK);
  const int32_t *indices = (const int32_t *)(void *)chunk.run.indices->data;
  assert_true(chunk.run.dictionary);
  assert_int_equal(chunk.run.rows, 4);
  assert_int_equal(chunk.run.nulls, 1);
  assert_int_equal(chunk.dictionary.count, 3);
  assert_int_equal(((int32_t *)(void *)chunk.dictionary.data->data)[indices[2]], 300);
  assert_int_equal(((int32_t *)(void *)chunk.dictionary.data->data)[indices[3]], 200);
  assert_int_equal(lam_chunk_read(&chunk, &f.codec, 100, INT32_MAX, NULL), LAM_OK);
  indices = (const int32_t *)(void *)chunk.run.indices->data;
  assert_true(chunk.run.identity);
  assert_int_equal(chunk.run.rows, 3);
  assert_int_equal(chunk.run.values.count, 2);
  assert_int_equal(((int32_t *)(void *)chunk.run.values.data->data)[indices[2]], 8);

  assert_int_equal(lam_chunk_begin(&chunk, &source, false, NULL), LAM_OK);
  assert_int_equal(lam_chunk_read(&chunk, &f.codec, 100, INT32_MAX, NULL), LAM_OK);
  static const int32_t all[] = {100, 0, 300, 200, 7, 0, 8};
  assert_int_equal(chunk.run.rows, 7);
  assert_memory_equal(chunk.run.values.data->data, all, sizeof all);
  lam_chunk_release(&chunk);
  lam_buf_release(&bytes);
  page_fixture_end(&f);
}

/* What a consumer still holds is not written over. */
static void held_buffers_are_left_alone(void **state) {
  (void)state;
  struct page_fixture f;
  page_fixture_begin(&f, 64 << 20);
  struct lam_buf bytes = {.mem = f.mem};
  struct lam_chunk chunk;
  put_ints(&bytes, 3);
  lam_chunk_init(&chunk, f.mem);
  struct lam_chunk_source source = source_of(&bytes, &int_leaf, ROWS);
  assert_int_equal(lam_chunk_begin(&chunk, &source, false, NULL), LAM_OK);
  assert_int_equal(lam_chunk_read(&chunk, &f.codec, 10, INT32_MAX, NULL), LAM_OK);
  struct lam_shared *held = lam_shared_retain(chunk.run.values.data);
  assert_int_equal(lam_chunk_read(&chunk, &f.codec, 10, INT32_MAX, NULL), LAM_OK);
  assert_ptr_not_equal(held, chunk.run.values.data);
  assert_int_equal(((int32_t *)(void *)held->data)[9], 9);
  lam_shared_release(held);
  held = chunk.run.values.data;
  assert_int_equal(lam_chunk_read(&chunk, &f.codec, 10, INT32_MAX, NULL), LAM_OK);
  assert_ptr_equal(held, chunk.run.values.data);
  lam_chunk_release(&chunk);
  lam_buf_release(&bytes);
  page_fixture_end(&f);
}

static void fails(struct page_fixture *f, const struct lam_buf *bytes, int64_t rows, const char *text) {
  struct lam_error error = LAM_ERROR_INIT;
  struct lam_chunk chunk;
  struct lam_chunk_source source = source_of(bytes, &int_leaf, rows);
  lam_chunk_init(&chunk, f->mem);
  assert_int_equal(lam_chunk_begin(&chunk, &source, false, NULL), LAM_OK);
  assert_int_equal(lam_chunk_read(&chunk, &f->codec, 100, INT32_MAX, &error), LAM_CORRUPT);
  if (!strstr(error.message, text)) print_error("%s\n", error.message);
  assert_non_null(strstr(error.message, text));
  lam_chunk_release(&chunk);
}

static void what_contradicts_itself_is_refused(void **state) {
  (void)state;
  static const uint32_t levels[] = {1, 1, 1}, wild[] = {0, 3};
  static const int32_t values[] = {1, 2, 3};
  struct page_fixture f;
  page_fixture_begin(&f, 64 << 20);
  struct lam_buf bytes = {.mem = f.mem};
  put_mixed(&bytes);
  fails(&f, &bytes, 8, "1 of its 8 values missing");
  fails(&f, &bytes, 6, "3 values, where the column has 2 left");
  bytes.data[bytes.size - 1] ^= 1;
  fails(&f, &bytes, 7, "its checksum is");
  bytes.size = 0;
  put_dictionary(&bytes, 3, lam_bytes_of(values, sizeof values));
  put_index_page(&bytes, levels, 2, wild, 2);
  fails(&f, &bytes, 2, "dictionary index 3");
  bytes.size = 0;
  put_index_page(&bytes, levels, 2, wild, 2);
  fails(&f, &bytes, 2, "but the column has none");
  bytes.size = 0;
  put_data_page(&bytes, LAM_PLAIN, levels, 3, lam_bytes_of(values, 8));
  fails(&f, &bytes, 3, "expected 1 more");
  bytes.size = 0;
  put_data_page(&bytes, LAM_DELTA_LENGTH_BYTE_ARRAY, levels, 3, lam_bytes_of(values, 8));
  fails(&f, &bytes, 3, "INT32 values of encoding");
  bytes.size = 0;
  put_data_page(&bytes, LAM_PLAIN, levels, 3, lam_bytes_of(NULL, 0));
  fails(&f, &bytes, 3, "no values, where 3 rows have one");
  bytes.size = 0;
  put_dictionary(&bytes, 3, lam_bytes_of(values, sizeof values));
  put_dictionary(&bytes, 3, lam_bytes_of(values, sizeof values));
  fails(&f, &bytes, 3, "a second dictionary");
  lam_buf_release(&bytes);
  page_fixture_end(&f);
}

/* parquet-cpp before Arrow 3 said of its V2 pages, which it had compressed, that they were not (ARROW-10353). */
static void v2_pages_of_parquet_cpp(void **state) {
  (void)state;
  struct page_fixture f;
  page_fixture_begin(&f, 64 << 20);
  struct lam_leaf leaf = int_leaf;
  leaf.v2_always_compressed = true;
  int32_t values[1000];
  for (int32_t i = 0; i < 1000; i++) values[i] = i / 100;
  struct lam_buf bytes = {.mem = f.mem}, payload = {.mem = f.mem};
  struct lam_page_header header = {.kind = LAM_DATA_PAGE_V2,
                                   .values = 1000,
                                   .rows = 1000,
                                   .encoding = LAM_PLAIN,
                                   .statistics = {.null_count = -1, .distinct_count = -1, .nan_count = -1}};
  assert_int_equal(lam_rle_write_validity(NULL, 0, 1000, &payload, NULL), LAM_OK);
  header.definition_size = (int32_t)payload.size;
  header.uncompressed_size = header.definition_size + (int32_t)sizeof values;
  struct lam_bytes plain = lam_bytes_of(values, sizeof values);
  assert_int_equal(lam_compress(&f.codec, LAM_SNAPPY, 0, plain, &payload, NULL), LAM_OK);
  assert_true(payload.size < sizeof values / 2);
  header.compressed_size = (int32_t)payload.size;
  assert_int_equal(lam_page_header_write(&header, &bytes, NULL), LAM_OK);
  assert_int_equal(lam_buf_append(&bytes, payload.data, payload.size, NULL), LAM_OK);
  struct lam_chunk_source source = source_of(&bytes, &leaf, 1000);
  source.codec = LAM_SNAPPY;
  struct lam_chunk chunk;
  lam_chunk_init(&chunk, f.mem);
  assert_int_equal(lam_chunk_begin(&chunk, &source, false, NULL), LAM_OK);
  assert_int_equal(lam_chunk_read(&chunk, &f.codec, 1000, INT32_MAX, NULL), LAM_OK);
  assert_int_equal(chunk.run.rows, 1000);
  assert_memory_equal(chunk.run.values.data->data, values, sizeof values);
  leaf.v2_always_compressed = false;
  assert_int_equal(lam_chunk_begin(&chunk, &source, false, NULL), LAM_OK);
  assert_int_equal(lam_chunk_read(&chunk, &f.codec, 1000, INT32_MAX, NULL), LAM_CORRUPT);
  lam_chunk_release(&chunk);
  lam_buf_release(&payload);
  lam_buf_release(&bytes);
  page_fixture_end(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(runs_need_not_match_pages),
      cmocka_unit_test(strings_end_a_run_at_its_bytes),
      cmocka_unit_test(dictionary_runs_end_where_pages_fall_back),
      cmocka_unit_test(v2_pages_of_parquet_cpp),
      cmocka_unit_test(held_buffers_are_left_alone),
      cmocka_unit_test(what_contradicts_itself_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
