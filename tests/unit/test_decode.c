/* Chunks that the caller describes, by the public function. */
#include "page_support.h"

#include "lamella/parquet.h"

enum { ROWS = 600, PAGE_ROWS = 150, WIDEST = 12 };

/* Row i is NULL where i % 4 is 3 and the column may be. */
static bool is_null(int64_t row, bool nullable) {
  return nullable && row % 4 == 3;
}

/* A value of `width` bytes that tells its row. */
static void value_of(int64_t row, size_t width, uint8_t *to) {
  for (size_t i = 0; i < width; i++) to[i] = (uint8_t)((row >> (8 * (i % 2))) + (int64_t)i);
}

/* PLAIN pages of fixed width; 0: of BYTE_ARRAY, the first row % 12 bytes of such a value; -1: of BOOLEAN, row % 3 == 0.
 */
static void make_chunk(struct lam_buf *chunk, int width, bool nullable) {
  for (int64_t first = 0; first < ROWS; first += PAGE_ROWS) {
    uint32_t levels[PAGE_ROWS];
    struct lam_buf plain = {.mem = chunk->mem};
    size_t valid = 0;
    uint8_t bits[PAGE_ROWS / 8 + 1] = {0}, value[4 + WIDEST];
    for (int64_t row = first; row < first + PAGE_ROWS; row++) {
      levels[row - first] = !is_null(row, nullable);
      if (is_null(row, nullable)) continue;
      size_t size = width ? (size_t)width : (size_t)row % WIDEST;
      if (width < 0) {
        if (row % 3 == 0) bits[valid / 8] |= (uint8_t)(1 << valid % 8);
      } else {
        lam_store32(value, (uint32_t)size);
        value_of(row, size, value + 4);
        size_t head = width ? 0 : 4;
        assert_int_equal(lam_buf_append(&plain, value + 4 - head, head + size, NULL), LAM_OK);
      }
      valid++;
    }
    if (width < 0) assert_int_equal(lam_buf_append(&plain, bits, (valid + 7) / 8, NULL), LAM_OK);
    put_data_page(chunk, LAM_PLAIN, nullable ? levels : NULL, PAGE_ROWS, lam_bytes_of(plain.data, plain.size));
    lam_buf_release(&plain);
  }
}

static void check_row(const struct lam_chunk_buffers *got, int64_t at, int64_t row, int width, bool nullable) {
  uint8_t expected[WIDEST] = {0};
  const uint8_t *values = got->values;
  bool null = is_null(row, nullable);
  if (nullable) assert_int_equal(got->validity[at / 8] >> at % 8 & 1, !null);
  if (width < 0) {
    assert_int_equal(values[at / 8] >> at % 8 & 1, !null && row % 3 == 0);
  } else if (width > 0) {
    if (!null) value_of(row, (size_t)width, expected);
    assert_memory_equal(values + at * width, expected, (size_t)width);
  } else {
    size_t size = null ? 0 : (size_t)row % WIDEST;
    value_of(row, size, expected);
    assert_int_equal(got->offsets[at + 1] - got->offsets[at], size);
    assert_memory_equal(values + got->offsets[at], expected, size);
  }
}

static const struct {
  int32_t physical, type_length;
  int width;
} types[] = {{0, 0, -1}, {1, 0, 4}, {2, 0, 8}, {3, 0, 12}, {4, 0, 4}, {5, 0, 8}, {6, 0, 0}, {7, 5, 5}};
enum { TYPES = sizeof types / sizeof *types };

static void every_type_all_or_chosen_rows(void **state) {
  (void)state;
  static const struct lam_plan_rows some[] = {{0, 3}, {148, 152}, {300, 450}, {599, 600}};
  static const int64_t starts[] = {0, 3, 7, 157, 158};
  struct page_fixture f;
  page_fixture_begin(&f, 64 << 20);
  for (int t = 0; t < TYPES * 2; t++) {
    bool nullable = t % 2;
    int width = types[t / 2].width;
    uint8_t validity[ROWS / 8 + 1], values[ROWS * WIDEST];
    int32_t offsets[ROWS + 1];
    struct lam_error error = LAM_ERROR_INIT;
    struct lam_buf bytes = {.mem = f.mem};
    struct lam_chunk_description chunk = LAM_CHUNK_DESCRIPTION_INIT;
    struct lam_chunk_buffers got = LAM_CHUNK_BUFFERS_INIT;
    make_chunk(&bytes, width, nullable);
    chunk.physical = types[t / 2].physical;
    chunk.type_length = types[t / 2].type_length;
    chunk.max_definition_level = nullable;
    chunk.values = ROWS;
    chunk.offset = (uint64_t)5 << 32;
    chunk.bytes = bytes.data;
    chunk.size = bytes.size;
    got.validity = nullable ? validity : NULL;
    got.validity_size = nullable ? sizeof validity : 0;
    got.values = values;
    got.values_size = sizeof values;
    got.offsets = offsets;
    got.offsets_size = sizeof offsets;
    enum lam_status status = lam_decode_chunk(f.context, &chunk, NULL, 0, &got, &error);
    if (status != LAM_OK) fail_msg("type %d: %s", (int)chunk.physical, error.message);
    assert_int_equal(got.rows, ROWS);
    assert_int_equal(got.nulls, nullable ? ROWS / 4 : 0);
    for (int64_t row = 0; row < ROWS; row++) check_row(&got, row, row, width, nullable);
    /* What is needed fits, a byte less does not. */
    got.values_size = got.values_needed - 1;
    assert_int_equal(lam_decode_chunk(f.context, &chunk, NULL, 0, &got, &error), LAM_LIMIT);
    assert_int_equal(got.values_needed, got.values_size + 1);
    got.values_size++;
    assert_int_equal(lam_decode_chunk(f.context, &chunk, NULL, 0, &got, &error), LAM_OK);
    assert_int_equal(lam_decode_chunk(f.context, &chunk, some, 4, &got, &error), LAM_OK);
    assert_int_equal(got.rows, starts[4]);
    for (int i = 0; i < 4; i++)
      for (int64_t row = some[i].first; row < some[i].end; row++)
        check_row(&got, starts[i] + row - some[i].first, row, width, nullable);
    lam_buf_release(&bytes);
  }
  page_fixture_end(&f);
}

static void what_is_no_chunk_is_refused(void **state) {
  (void)state;
  static const struct lam_plan_rows backwards[] = {{5, 9}, {8, 10}}, beyond[] = {{599, 601}}, none[] = {{4, 4}};
  struct page_fixture f;
  page_fixture_begin(&f, 64 << 20);
  struct lam_buf bytes = {.mem = f.mem};
  make_chunk(&bytes, 4, false);
  const struct lam_chunk_description good = {
      .struct_size = sizeof good, .physical = 1, .values = ROWS, .bytes = bytes.data, .size = bytes.size};
  const struct {
    struct lam_chunk_description chunk;
    const struct lam_plan_rows *rows;
    size_t count;
    enum lam_status status;
    const char *message;
  } cases[] = {
      {{.struct_size = 0}, NULL, 0, LAM_INVALID, "LAM_CHUNK_DESCRIPTION_INIT"},
      {{.struct_size = sizeof good, .physical = 8}, NULL, 0, LAM_INVALID, "no physical type 8"},
      {{.struct_size = sizeof good, .physical = -1}, NULL, 0, LAM_INVALID, "no physical type -1"},
      {{.struct_size = sizeof good, .physical = 7}, NULL, 0, LAM_INVALID, "have 0 bytes"},
      {{.struct_size = sizeof good, .max_definition_level = 40000}, NULL, 0, LAM_INVALID, "no definition level 40000"},
      {{.struct_size = sizeof good, .values = -1}, NULL, 0, LAM_INVALID, "describe no chunk"},
      {{.struct_size = sizeof good, .codec = 8}, NULL, 0, LAM_INVALID, "codec 8 describe no chunk"},
      {{.struct_size = sizeof good, .offset = UINT64_MAX}, NULL, 0, LAM_INVALID, "describe no chunk"},
      {good, backwards, 2, LAM_INVALID, "rows 8 to 10 are asked for; ranges ascend and lie within 600 rows"},
      {good, beyond, 1, LAM_INVALID, "rows 599 to 601"},
      {good, none, 1, LAM_INVALID, "rows 4 to 4"},
      {{.struct_size = sizeof good, .physical = 1, .values = ROWS + 1, .bytes = bytes.data, .size = bytes.size},
       NULL,
       0,
       LAM_CORRUPT,
       "600"},
      {{.struct_size = sizeof good, .physical = 2, .values = ROWS, .bytes = bytes.data, .size = bytes.size},
       NULL,
       0,
       LAM_CORRUPT,
       "8 bytes"},
      {{.struct_size = sizeof good, .physical = 1, .values = ROWS, .bytes = bytes.data, .size = bytes.size - 1},
       NULL,
       0,
       LAM_CORRUPT,
       ""},
      {{.struct_size = sizeof good, .physical = 1, .values = ROWS}, NULL, 0, LAM_CORRUPT, ""},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    uint8_t values[(ROWS + 1) * 8];
    struct lam_error error = LAM_ERROR_INIT;
    struct lam_chunk_buffers got = {.struct_size = sizeof got, .values = values, .values_size = sizeof values};
    enum lam_status status = lam_decode_chunk(f.context, &cases[i].chunk, cases[i].rows, cases[i].count, &got, &error);
    if (status != cases[i].status || !strstr(error.message, cases[i].message))
      fail_msg("case %zu: status %d, %s", i, (int)status, error.message);
  }
  lam_buf_release(&bytes);
  page_fixture_end(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_type_all_or_chosen_rows),
      cmocka_unit_test(what_is_no_chunk_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
