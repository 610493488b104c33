/* Page indexes of files that the writer makes: every page's bounds, nulls, rows and sizes against its values. */
#include "arrow_support.h"
#include "lamella/parquet.h"
#include "parquet/page_index.h"
#include "parquet/size_statistics.h"
#include "parquet/statistics.h"
#include "parquet/writer.h"

enum { ROWS = 1000, PAGE = 100 };

/* ---- one column, written as texts and read back with its indexes ---- */

struct written {
  struct lam_store *store;
  struct lam_file *file;
  struct lam_arena arena;
  struct lam_offset_index offsets;
  struct lam_column_index columns;
};

static void write_texts(const char *type, const char *const *texts, int count, const struct lam_column_options *column,
                        const struct lam_write_options *more, struct written *out) {
  struct lam_write_options options = *more;
  struct ArrowSchema schema;
  struct ArrowArray batch;
  struct lam_writer *writer;
  *out = (struct written){.arena = {.mem = mem}};
  options.columns = column;
  options.column_count = 1;
  OK(lam_store_memory(context, &out->store, &error));
  OK(lam_schema_init_struct("", 1, &schema, &error));
  OK(lam_array_init_struct(count, 1, &batch, &error));
  make_column(type, "v", texts, count, schema.children[0], batch.children[0]);
  OK(lam_writer_open_in(out->store, "f", &schema, &options, mem, &writer, &error));
  OK(lam_writer_write(writer, &batch, &error));
  OK(lam_writer_finish(writer, NULL, &error));
  lam_writer_close(writer);
  lam_array_release(&batch);
  lam_schema_release(&schema);
  OK(lam_file_open_in(out->store, "f", NULL, mem, &out->file, &error));
  OK(lam_offset_index_read(out->file, 0, 0, &out->arena, &out->offsets, &error));
  OK(lam_column_index_read(out->file, 0, 0, &out->arena, &out->columns, &error));
}

static void close_written(struct written *written) {
  lam_file_close(written->file);
  lam_arena_release(&written->arena);
  lam_store_close(written->store);
}

static void expect_bound(struct written *written, struct lam_bytes bound, const char *expected) {
  struct lam_buf text = {.mem = mem};
  bool literal;
  OK(lam_bound_text(lam_file_meta(written->file), 0, bound, &text, &literal, &error));
  expect_text(&text, expected);
  lam_buf_release(&text);
}

struct expected_page {
  const char *min, *max; /* NULL: a page of nulls */
  int64_t nulls;
};

static void expect_pages(struct written *written, const struct expected_page *pages, int count, int order) {
  const struct lam_column_index *columns = &written->columns;
  assert_int_equal(written->offsets.count, count);
  assert_int_equal(columns->count, count);
  assert_int_equal(columns->boundary_order, order);
  for (int i = 0; i < count; i++) {
    assert_int_equal(columns->null_pages[i], !pages[i].min);
    assert_int_equal(columns->null_counts[i], pages[i].nulls);
    if (pages[i].min) {
      expect_bound(written, columns->min[i], pages[i].min);
      expect_bound(written, columns->max[i], pages[i].max);
    } else {
      assert_int_equal(columns->min[i].size + columns->max[i].size, 0);
    }
  }
}

static void test_known_pages(void **state) {
  (void)state;
  const char *const ints[] = {"3", "1", "2", "\1", "\1", "\1", "5", "\1", "4", "9"};
  const struct expected_page expected[] = {{"1", "3", 0}, {NULL, NULL, 3}, {"4", "5", 1}, {"9", "9", 0}};
  const int encodings[] = {LAM_ENCODE_DEFAULT, LAM_ENCODE_PLAIN, LAM_ENCODE_DELTA, LAM_ENCODE_DICTIONARY};
  struct lam_write_options options = LAM_WRITE_OPTIONS_INIT;
  options.page_rows = 3;
  for (int v2 = 0; v2 < 2; v2++) {
    options.data_page_v2 = v2;
    for (size_t i = 0; i < sizeof encodings / sizeof *encodings; i++) {
      struct lam_column_options column = {.codec = LAM_WRITE_SNAPPY, .encoding = encodings[i]};
      struct written written;
      write_texts("integer", ints, 10, &column, &options, &written);
      expect_pages(&written, expected, 4, LAM_BOUNDARY_ASCENDING);
      for (int k = 0; k < 4; k++) assert_int_equal(written.offsets.pages[k].first_row, 3 * k);
      assert_null(written.offsets.unencoded_bytes);
      close_written(&written);
    }
  }
}

static void test_orders(void **state) {
  (void)state;
  const struct {
    const char *texts[6];
    struct expected_page pages[3];
    int order;
  } cases[] = {
      {{"6", "5", "4", "3", "2", "1"}, {{"5", "6", 0}, {"3", "4", 0}, {"1", "2", 0}}, LAM_BOUNDARY_DESCENDING},
      {{"1", "2", "0", "3", "4", "5"}, {{"1", "2", 0}, {"0", "3", 0}, {"4", "5", 0}}, LAM_BOUNDARY_UNORDERED},
      {{"1", "1", "1", "1", "1", "1"}, {{"1", "1", 0}, {"1", "1", 0}, {"1", "1", 0}}, LAM_BOUNDARY_ASCENDING},
      {{"2", "2", "\1", "\1", "1", "1"}, {{"2", "2", 0}, {NULL, NULL, 2}, {"1", "1", 0}}, LAM_BOUNDARY_DESCENDING},
      {{"-1", "-2", "0", "1", "2", "3"}, {{"-2", "-1", 0}, {"0", "1", 0}, {"2", "3", 0}}, LAM_BOUNDARY_ASCENDING},
  };
  const char *const types[] = {"bigint", "double", "decimal(30,0)", "smallint", "float"};
  struct lam_write_options options = LAM_WRITE_OPTIONS_INIT;
  struct lam_column_options column = {.codec = LAM_WRITE_NONE};
  options.page_rows = 2;
  for (size_t t = 0; t < sizeof types / sizeof *types; t++)
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
      struct written written;
      write_texts(types[t], cases[i].texts, 6, &column, &options, &written);
      assert_int_equal(written.columns.boundary_order, cases[i].order);
      if (t != 1 && t != 4) expect_pages(&written, cases[i].pages, 3, cases[i].order); /* floats: "-0.0" for 0 */
      close_written(&written);
    }
}

static void test_strings(void **state) {
  (void)state;
  char long_text[200], high[200];
  memset(long_text, 'x', 199), long_text[199] = 0;
  memset(high, 'z', 199), high[199] = 0;
  const char *const texts[] = {"b", "ccc", "", "\1", long_text, "a", high, "ü"};
  struct lam_write_options options = LAM_WRITE_OPTIONS_INIT;
  options.page_rows = 2;
  for (int encoding = LAM_ENCODE_DEFAULT; encoding <= LAM_ENCODE_DELTA_BYTES; encoding++) {
    struct lam_column_options column = {.codec = LAM_WRITE_NONE, .encoding = encoding};
    struct written written;
    struct lam_chunk_details details;
    write_texts("varchar", texts, 8, &column, &options, &written);
    const int64_t sizes[] = {4, 0, 200, 201};
    assert_int_equal(written.columns.count, 4);
    for (int i = 0; i < 4; i++) assert_int_equal(written.offsets.unencoded_bytes[i], sizes[i]);
    lam_chunk_details(&lam_file_meta(written.file)->row_groups[0].chunks[0], &details);
    struct lam_size_statistics sizes_of_chunk;
    OK(lam_size_statistics_parse(details.size_statistics, &written.arena, &sizes_of_chunk, &error));
    assert_int_equal(sizes_of_chunk.unencoded_bytes, 405);
    assert_int_equal(sizes_of_chunk.definition.count, 0); /* nulls and values say the same */
    expect_bound(&written, written.columns.min[0], "b");
    expect_bound(&written, written.columns.max[0], "ccc");
    assert_int_equal(written.columns.min[1].size, 0); /* the empty string is a value */
    assert_false(written.columns.null_pages[1]);
    assert_int_equal(written.columns.max[2].size, LAM_BOUND_BYTES); /* cut, and incremented */
    assert_int_equal(written.columns.max[2].data[LAM_BOUND_BYTES - 1], 'y');
    assert_int_equal(written.columns.min[3].size, LAM_BOUND_BYTES);
    assert_int_equal(written.columns.min[3].data[LAM_BOUND_BYTES - 1], 'z');
    assert_memory_equal(written.columns.max[3].data, "\xc3\xbc", 2);
    close_written(&written);
  }
}

/* Dictionary indices take few bytes, nulls next to none: rows end their pages. */
static void test_pages_end_by_rows(void **state) {
  (void)state;
  enum { ROWS = 70000, PAGE_ROWS = 65536 };
  static const char *texts[ROWS];
  static const char *const values[][2] = {{"7", "8"}, {"\1", "\1"}};
  const struct lam_write_options options = LAM_WRITE_OPTIONS_INIT;
  const struct lam_column_options column = {.codec = LAM_WRITE_NONE};
  for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
    struct written written;
    for (int k = 0; k < ROWS; k++) texts[k] = values[i][k % 2];
    write_texts("bigint", texts, ROWS, &column, &options, &written);
    assert_int_equal(written.offsets.count, 2);
    assert_int_equal(written.offsets.pages[1].first_row, PAGE_ROWS);
    close_written(&written);
  }
}

/* What leaves a chunk without a column index has an offset index still. */
static void test_without_column_index(void **state) {
  (void)state;
  char high[200]; /* in hexadecimal digits */
  memset(high, 'f', 198), high[198] = 0;
  const struct {
    const char *type, *texts[2];
    bool no_statistics, column_index, offset_index;
  } cases[] = {
      {"double", {"NaN", "1"}, false, false, true}, /* a page of NaN only */
      {"double", {"\1", "1"}, false, true, true},      {"double", {"2", "1"}, false, true, true},
      {"varbinary", {"61", high}, false, false, true}, /* no maximum */
      {"integer", {"1", "2"}, true, false, true},
  };
  struct lam_write_options options = LAM_WRITE_OPTIONS_INIT;
  options.page_rows = 1;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    for (int off = 0; off < 2; off++) {
      struct lam_column_options column = {.codec = LAM_WRITE_NONE, .no_statistics = cases[i].no_statistics};
      struct written written;
      options.no_page_index = off;
      write_texts(cases[i].type, cases[i].texts, 2, &column, &options, &written);
      assert_int_equal(written.columns.count, cases[i].column_index && !off ? 2 : -1);
      assert_int_equal(written.offsets.count, cases[i].offset_index && !off ? 2 : -1);
      close_written(&written);
    }
}

/* NaN of pages with a dictionary, without, and of those before it was given up. */
static void test_nan_counts(void **state) {
  (void)state;
  enum { COUNT = 4000 };
  const char *const types[] = {"double", "float", "halffloat", "integer"};
  static const char *texts[COUNT];
  static char numbers[COUNT][16];
  uint64_t random = seed_of_test();
  for (int round = 0; round < 48; round++) {
    const struct lam_column_options column = {.codec = LAM_WRITE_NONE,
                                              .encoding = round / 4 % 3 == 2 ? LAM_ENCODE_SPLIT : LAM_ENCODE_DEFAULT};
    struct lam_write_options options = LAM_WRITE_OPTIONS_INIT;
    struct written written;
    bool is_float = round % 4 < 3;
    int64_t nans = 0, counted = 0;
    options.page_rows = 300;
    options.dictionary_bytes = round / 4 % 3 ? 600 : 0; /* given up after a page or more */
    for (int i = 0; i < COUNT; i++) {
      snprintf(numbers[i], sizeof numbers[i], "%d", (int)(next_random(&random) % (i < COUNT / 2 ? 20 : 2000)));
      uint64_t kind = round < 12 ? 3 : next_random(&random) % 4;
      texts[i] = kind == 0 && is_float ? "NaN" : kind == 1 ? "\1" : numbers[i];
      nans += kind == 0 && is_float;
    }
    write_texts(types[round % 4], texts, COUNT, &column, &options, &written);
    struct lam_statistics statistics = lam_chunk_statistics(&lam_file_meta(written.file)->row_groups[0].chunks[0]);
    assert_int_equal(statistics.nan_count, is_float ? nans : -1);
    assert_int_equal(written.columns.nan_counts != NULL, is_float);
    for (int page = 0; is_float && page < written.columns.count; page++) {
      int64_t first = written.offsets.pages[page].first_row, end = lam_page_end_row(&written.offsets, page, COUNT),
              n = 0;
      for (int64_t i = first; i < end; i++) n += !strcmp(texts[i], "NaN");
      assert_int_equal(written.columns.nan_counts[page], n);
      counted += n;
    }
    if (is_float) assert_int_equal(counted, nans);
    close_written(&written);
  }
}

/* ---- random columns ---- */

/* Reads the column's rows [first, end) and expects them to lie within the page's bounds, tightly for numbers. */
static void check_page(struct written *written, const int64_t *values, const bool *valid, int page) {
  int64_t first = written->offsets.pages[page].first_row, end = lam_page_end_row(&written->offsets, page, ROWS);
  int64_t min = INT64_MAX, max = INT64_MIN, nulls = 0;
  for (int64_t i = first; i < end; i++) {
    nulls += !valid[i];
    if (!valid[i]) continue;
    min = lam_min_i64(min, values[i]);
    max = lam_max_i64(max, values[i]);
  }
  assert_int_equal(written->columns.null_counts[page], nulls);
  assert_int_equal(written->columns.null_pages[page], nulls == end - first);
  if (nulls == end - first) return;
  assert_true((int64_t)lam_load64(written->columns.min[page].data) == min);
  assert_true((int64_t)lam_load64(written->columns.max[page].data) == max);
}

static void test_random_pages(void **state) {
  (void)state;
  uint64_t random = seed_of_test();
  for (int round = 0; round < 60; round++) {
    static char texts[ROWS][24];
    const char *pointers[ROWS];
    int64_t values[ROWS];
    bool valid[ROWS];
    uint64_t distinct = 1 + next_random(&random) % (round % 3 ? 2000 : 20), nulls = next_random(&random) % 3;
    for (int i = 0; i < ROWS; i++) {
      values[i] = (int64_t)(next_random(&random) % distinct) - 500 + (round % 2 ? i : 0);
      valid[i] = nulls == 0 || next_random(&random) % 4 >= nulls;
      snprintf(texts[i], sizeof texts[i], "%lld", (long long)values[i]);
      pointers[i] = valid[i] ? texts[i] : "\1";
    }
    struct lam_write_options options = LAM_WRITE_OPTIONS_INIT;
    struct lam_column_options column = {.codec = LAM_WRITE_SNAPPY, .encoding = (int)(next_random(&random) % 4)};
    struct written written;
    options.page_rows = 1 + (int64_t)(next_random(&random) % (2 * PAGE));
    options.dictionary_bytes = round % 5 ? 0 : 800; /* given up half way */
    options.data_page_v2 = round % 4 == 0;
    write_texts("bigint", pointers, ROWS, &column, &options, &written);
    assert_int_equal(written.columns.count, written.offsets.count);
    for (int page = 0; page < written.offsets.count; page++) check_page(&written, values, valid, page);
    close_written(&written);
  }
}

/* The index of a file that has more than one row group and column: each where its metadata says; column indexes before
 * offset indexes, before the footer. */
static void test_places(void **state) {
  (void)state;
  struct lam_store *store;
  struct lam_writer *writer;
  struct lam_file *file;
  struct ArrowSchema schema;
  struct ArrowArray batch;
  struct lam_arena arena = {.mem = mem};
  struct lam_offset_index offsets;
  struct lam_write_options options = LAM_WRITE_OPTIONS_INIT;
  const char *const texts[] = {"1", "2", "3", "4", "5"};
  options.row_group_rows = 2;
  OK(lam_store_memory(context, &store, &error));
  OK(lam_schema_init_struct("", 2, &schema, &error));
  OK(lam_array_init_struct(5, 2, &batch, &error));
  make_column("bigint", "a", texts, 5, schema.children[0], batch.children[0]);
  make_column("varchar", "b", texts, 5, schema.children[1], batch.children[1]);
  OK(lam_writer_open_in(store, "f", &schema, &options, mem, &writer, &error));
  OK(lam_writer_write(writer, &batch, &error));
  OK(lam_writer_finish(writer, NULL, &error));
  lam_writer_close(writer);
  OK(lam_file_open_in(store, "f", NULL, mem, &file, &error));
  const struct lam_file_meta *meta = lam_file_meta(file);
  int64_t at = 0;
  for (int kind = 0; kind < 2; kind++)
    for (int g = 0; g < 3; g++)
      for (int i = 0; i < 2; i++) {
        const struct lam_chunk_meta *chunk = &meta->row_groups[g].chunks[i];
        int64_t offset = kind ? chunk->offset_index_offset : chunk->column_index_offset;
        if (at) assert_int_equal(offset, at);
        at = offset + (kind ? chunk->offset_index_length : chunk->column_index_length);
        OK(lam_offset_index_read(file, g, i, &arena, &offsets, &error));
        assert_int_equal(offsets.count, 1);
        assert_int_equal(offsets.pages[0].offset, chunk->data_page_offset);
      }
  uint8_t end[4];
  OK(lam_file_read(file, lam_file_size(file) - 8, end, 4, &error));
  assert_int_equal(at + lam_load32(end) + 8, lam_file_size(file));
  lam_file_close(file);
  lam_arena_release(&arena);
  lam_array_release(&batch);
  lam_schema_release(&schema);
  lam_store_close(store);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      MEM_TEST(test_known_pages),          MEM_TEST(test_orders),       MEM_TEST(test_strings),
      MEM_TEST(test_without_column_index), MEM_TEST(test_random_pages), MEM_TEST(test_places),
      MEM_TEST(test_pages_end_by_rows),    MEM_TEST(test_nan_counts),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
