#include "parquet/page_index.h"

#include <dirent.h>

#include "arrow_support.h"
#include "file_support.h"

#include "parquet/thrift.h"

#define KNOWN LAM_SOURCE_DIR "/../shared/parquet-testing/data"

/* In memory of its own, so that the sanitizer sees what is read behind it. */
static struct lam_bytes exact_copy(const void *data, size_t size) {
  uint8_t *copy = malloc(size ? size : 1);
  assert_non_null(copy);
  lam_copy(copy, data, size);
  return (struct lam_bytes){copy, size};
}

static struct lam_bytes bytes_in(const struct lam_buf *buf) {
  return lam_bytes_of(buf->data, buf->size);
}

/* ---- the thrift forms ---- */

static void test_offset_index_round_trip(void **state) {
  (void)state;
  struct lam_page_location pages[] = {{4, 100, 0}, {104, 50, 20}, {UINT64_C(5000000000), INT32_MAX, INT64_C(1) << 40}};
  int64_t sizes[] = {1, 0, INT64_C(1) << 33};
  struct lam_offset_index index = {3, pages, sizes}, got;
  struct lam_buf buf = {.mem = mem};
  struct lam_arena arena = {.mem = mem};
  OK(lam_offset_index_write(&index, &buf, &error));
  OK(lam_offset_index_parse(bytes_in(&buf), &arena, &got, &error));
  assert_int_equal(got.count, 3);
  for (int i = 0; i < 3; i++) {
    assert_int_equal(got.pages[i].offset, pages[i].offset);
    assert_int_equal(got.pages[i].size, pages[i].size);
    assert_int_equal(got.pages[i].first_row, pages[i].first_row);
    assert_int_equal(got.unencoded_bytes[i], sizes[i]);
  }
  assert_int_equal(lam_page_end_row(&got, 0, INT64_C(1) << 41), 20);
  assert_int_equal(lam_page_end_row(&got, 2, INT64_C(1) << 41), INT64_C(1) << 41);
  for (size_t size = 0; size < buf.size; size++) { /* cut short anywhere, in memory of its own */
    struct lam_bytes part = exact_copy(buf.data, size);
    FAILS(lam_offset_index_parse(part, &arena, &got, &error), LAM_CORRUPT, "offset index");
    free((void *)part.data);
  }
  index = (struct lam_offset_index){0, NULL, NULL};
  buf.size = 0;
  OK(lam_offset_index_write(&index, &buf, &error));
  OK(lam_offset_index_parse(bytes_in(&buf), &arena, &got, &error));
  assert_int_equal(got.count, 0);
  assert_null(got.unencoded_bytes);
  lam_arena_release(&arena);
  lam_buf_release(&buf);
}

static void test_offset_index_refused(void **state) {
  (void)state;
  const struct {
    struct lam_page_location pages[2];
    const char *text;
  } cases[] = {
      {{{4, 100, 1}, {104, 5, 2}}, "begins at row 1, not 0"},
      {{{4, 100, 0}, {103, 5, 2}}, "begins at offset 103, before the end of the last at 104"},
      {{{4, 100, 0}, {104, 5, 0}}, "begins at row 0, the last at row 0"},
      {{{4, 0, 0}, {104, 5, 1}}, "a page of 0 bytes at offset 4"},
  };
  struct lam_buf buf = {.mem = mem};
  struct lam_arena arena = {.mem = mem};
  struct lam_offset_index got;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct lam_offset_index index = {2, (struct lam_page_location *)cases[i].pages, NULL};
    buf.size = 0;
    OK(lam_offset_index_write(&index, &buf, &error));
    FAILS(lam_offset_index_parse(bytes_in(&buf), &arena, &got, &error), LAM_CORRUPT, cases[i].text);
  }
  /* A count of 2^31 - 1 pages in a few bytes. */
  const uint8_t many[] = {0x19, 0xfc, 0xff, 0xff, 0xff, 0xff, 0x07, 0x00};
  FAILS(lam_offset_index_parse(lam_bytes_of(many, sizeof many), &arena, &got, &error), LAM_CORRUPT, "ends too early");
  const uint8_t lacks[] = {0x19, 0x1c, 0x16, 0x08, 0x15, 0x08, 0, 0, 0}; /* no first row */
  FAILS(lam_offset_index_parse(lam_bytes_of(lacks, sizeof lacks), &arena, &got, &error), LAM_CORRUPT, "lacks a field");
  FAILS(lam_offset_index_parse(lam_bytes_of("", 1), &arena, &got, &error), LAM_CORRUPT, "no list of pages");
  /* Empty lists as a bare zero byte; an unknown field 9 of a struct. */
  const uint8_t bare[] = {0x19, 0x00, 0x19, 0x00, 0x7c, 0x16, 0x02, 0x00, 0x00};
  OK(lam_offset_index_parse(lam_bytes_of(bare, sizeof bare), &arena, &got, &error));
  assert_int_equal(got.count, 0);
  lam_arena_release(&arena);
  lam_buf_release(&buf);
}

static void test_column_index_round_trip(void **state) {
  (void)state;
  bool null_pages[] = {false, true, false};
  struct lam_bytes min[] = {lam_bytes_of_string("a"), lam_bytes_of("", 0), lam_bytes_of_string("c")};
  struct lam_bytes max[] = {lam_bytes_of_string("bb"), lam_bytes_of("", 0), lam_bytes_of_string("cc")};
  int64_t nulls[] = {0, 7, 3}, nans[] = {1, 2, 0};
  const uint8_t levels[] = {0x36, 2, 4, 6}; /* a list of three numbers */
  struct lam_column_index index = {.count = 3,
                                   .null_pages = null_pages,
                                   .min = min,
                                   .max = max,
                                   .boundary_order = LAM_BOUNDARY_ASCENDING,
                                   .null_counts = nulls,
                                   .nan_counts = nans,
                                   .definition_levels = lam_bytes_of(levels, sizeof levels)};
  struct lam_column_index got;
  struct lam_buf buf = {.mem = mem};
  struct lam_arena arena = {.mem = mem};
  OK(lam_column_index_write(&index, &buf, &error));
  OK(lam_column_index_parse(bytes_in(&buf), &arena, &got, &error));
  assert_int_equal(got.count, 3);
  assert_int_equal(got.boundary_order, LAM_BOUNDARY_ASCENDING);
  for (int i = 0; i < 3; i++) {
    assert_int_equal(got.null_pages[i], null_pages[i]);
    assert_true(lam_bytes_equal(got.min[i], min[i]) && lam_bytes_equal(got.max[i], max[i]));
    assert_int_equal(got.null_counts[i], nulls[i]);
    assert_int_equal(got.nan_counts[i], nans[i]);
  }
  assert_true(lam_bytes_equal(got.definition_levels, index.definition_levels));
  assert_int_equal(got.repetition_levels.size, 0);
  for (size_t size = 0; size < buf.size; size++) {
    struct lam_bytes part = exact_copy(buf.data, size);
    FAILS(lam_column_index_parse(part, &arena, &got, &error), LAM_CORRUPT, "column index");
    free((void *)part.data);
  }
  index.null_counts = index.nan_counts = NULL;
  index.boundary_order = 17;
  buf.size = 0;
  OK(lam_column_index_write(&index, &buf, &error));
  OK(lam_column_index_parse(bytes_in(&buf), &arena, &got, &error));
  assert_null(got.null_counts);
  assert_null(got.nan_counts);
  assert_int_equal(got.boundary_order, LAM_BOUNDARY_UNORDERED);
  lam_arena_release(&arena);
  lam_buf_release(&buf);
}

/* Lists of different lengths, each in turn; list 0 has two elements. */
static void test_column_index_lengths(void **state) {
  (void)state;
  struct lam_arena arena = {.mem = mem};
  struct lam_column_index got;
  const struct {
    uint8_t bytes[32];
    size_t size;
    const char *text; /* NULL: good */
  } cases[] = {
      {{0x19, 0x22, 1, 2, 0x19, 0x28, 0, 0, 0x19, 0x28, 0, 0, 0x15, 0, 0}, 15, NULL},
      {{0x19, 0x21, 1, 0, 0x19, 0x28, 0, 0, 0x19, 0x28, 0, 0, 0x15, 0, 0}, 15, NULL}, /* other booleans */
      {{0x19, 0x22, 1, 2, 0x19, 0x18, 0, 0x19, 0x28, 0, 0, 0x15, 0, 0}, 14, "minima of 1 pages, but 2 pages"},
      {{0x19, 0x22, 1, 2, 0x19, 0x28, 0, 0, 0x19, 0x38, 0, 0, 0, 0x15, 0, 0}, 16, "maxima of 3 pages, but 2"},
      {{0x19, 0x22, 1, 2, 0x19, 0x28, 0, 0, 0x19, 0x28, 0, 0, 0x15, 0, 0x19, 0x16, 2, 0}, 18, "null counts of 1 pages"},
      {{0x19, 0x22, 1, 2, 0x19, 0x28, 0, 0, 0x19, 0x28, 0, 0, 0x15, 0, 0x19, 0x00, 0}, 17, NULL}, /* bare zero */
      {{0x19, 0x22, 1, 2, 0x19, 0x28, 0, 0, 0x15, 0, 0}, 11, NULL},                               /* set below */
      {{0x19, 0x22, 1, 2, 0x19, 0x28, 0, 0, 0}, 9, "no list of maxima"},
      {{0x19, 0x22, 1, 2, 0x19, 0x28, 0, 0, 0x19, 0x28, 0, 0, 0x15, 0, 0x19, 0x26, 1, 2, 0}, 19, NULL}, /* count -1 */
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const char *text = i == 6 ? "malformed" : cases[i].text; /* field 3 is a number there */
    struct lam_bytes bytes = exact_copy(cases[i].bytes, cases[i].size);
    if (text) {
      FAILS(lam_column_index_parse(bytes, &arena, &got, &error), LAM_CORRUPT, text);
    } else {
      OK(lam_column_index_parse(bytes, &arena, &got, &error));
      assert_int_equal(got.count, i == 8 ? -1 : 2);
      assert_true(got.null_pages[0] && !got.null_pages[1]);
      assert_null(got.null_counts);
    }
    free((void *)bytes.data);
  }
  lam_arena_release(&arena);
}

/* ---- of files ---- */

struct known {
  const char *name;
  int32_t leaf, pages;
  int64_t second_row;
  const char *min, *max; /* of the first page, hexadecimal */
  int32_t order;
};

static void hexadecimal(struct lam_bytes bytes, char *out) {
  for (size_t i = 0; i < bytes.size; i++) sprintf(out + 2 * i, "%02x", bytes.data[i]);
  out[2 * bytes.size] = 0;
}

static void check_known(struct lam_store *store, const struct known *known) {
  struct lam_file *file;
  struct lam_offset_index offsets, both;
  struct lam_column_index columns, columns_too;
  struct lam_arena arena = {.mem = mem};
  char text[200];
  OK(lam_file_open_in(store, known->name, NULL, mem, &file, &error));
  OK(lam_offset_index_read(file, 0, known->leaf, &arena, &offsets, &error));
  OK(lam_column_index_read(file, 0, known->leaf, &arena, &columns, &error));
  OK(lam_page_indexes_read(file, 0, &known->leaf, 1, &arena, &both, &columns_too, &error));
  assert_int_equal(offsets.count, known->pages);
  assert_int_equal(columns.count, known->pages);
  assert_int_equal(both.count, known->pages);
  assert_int_equal(columns_too.count, known->pages);
  if (known->pages > 1) assert_int_equal(offsets.pages[1].first_row, known->second_row);
  hexadecimal(columns.min[0], text);
  assert_string_equal(text, known->min);
  hexadecimal(columns.max[0], text);
  assert_string_equal(text, known->max);
  assert_int_equal(columns.boundary_order, known->order);
  lam_arena_release(&arena);
  lam_file_close(file);
}

static void test_known_files(void **state) {
  (void)state;
  const struct known files[] = {
      {"alltypes_tiny_pages.parquet", 0, 325, 21, "7a000000", "8e000000", LAM_BOUNDARY_UNORDERED},
      {"data_index_bloom_encoding_stats.parquet", 0, 1, 0, "48656c6c6f", "746f646179", LAM_BOUNDARY_ASCENDING},
  };
  struct lam_store *store;
  if (lam_store_local(context, KNOWN, &store, &error) != LAM_OK) skip();
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) check_known(store, &files[i]);
  lam_store_close(store);
}

/* Every index of every public file, in one call a row group and one by one: they agree. Returns how many there are. */
static int read_all(struct lam_file *file) {
  const struct lam_file_meta *meta = lam_file_meta(file);
  struct lam_offset_index *offsets, alone;
  struct lam_column_index *columns, column;
  struct lam_arena arena = {.mem = mem};
  int32_t *leaves;
  int found = 0;
  size_t count = (size_t)meta->leaf_count;
  OK(lam_arena_array(&arena, count, sizeof *offsets, (void **)&offsets, &error));
  OK(lam_arena_array(&arena, count, sizeof *columns, (void **)&columns, &error));
  OK(lam_arena_array(&arena, count, sizeof *leaves, (void **)&leaves, &error));
  for (int32_t i = 0; i < meta->leaf_count; i++) leaves[i] = meta->leaf_count - 1 - i;
  for (int32_t g = 0; g < meta->row_group_count; g++) {
    OK(lam_page_indexes_read(file, g, leaves, count, &arena, offsets, columns, &error));
    for (size_t i = 0; i < count; i++) {
      if (lam_offset_index_read(file, g, leaves[i], &arena, &alone, &error) != LAM_OK)
        assert_int_equal(alone.count, -1);
      assert_int_equal(alone.count, offsets[i].count);
      found += alone.count > 0;
      for (int32_t k = 0; k < alone.count; k++)
        assert_memory_equal(&alone.pages[k].offset, &offsets[i].pages[k].offset, sizeof(uint64_t));
      if (columns[i].count < 0) continue;
      OK(lam_column_index_read(file, g, leaves[i], &arena, &column, &error));
      assert_int_equal(column.count, columns[i].count);
      for (int32_t k = 0; k < column.count; k++) assert_true(lam_bytes_equal(column.max[k], columns[i].max[k]));
    }
  }
  lam_arena_release(&arena);
  return found;
}

static void test_all_files(void **state) {
  (void)state;
  struct lam_store *store;
  DIR *directory = opendir(KNOWN);
  int found = 0;
  if (!directory) skip();
  OK(lam_store_local(context, KNOWN, &store, &error));
  for (const struct dirent *entry; (entry = readdir(directory));) {
    struct lam_file *file;
    if (!strstr(entry->d_name, ".parquet")) continue;
    if (lam_file_open_in(store, entry->d_name, NULL, mem, &file, &error) != LAM_OK) continue;
    found += read_all(file);
    lam_file_close(file);
  }
  print_message("%d offset indexes\n", found);
  assert_true(found >= 30);
  closedir(directory);
  lam_store_close(store);
}

/* ---- indexes that disagree with their chunk ---- */

/* A file of one row group of FILE_ROWS rows with these indexes of its first leaf; reads them. */
static void with_indexes(const struct lam_offset_index *offsets, const struct lam_column_index *columns,
                         void (*check)(struct lam_file *file)) {
  struct lam_store *store;
  struct lam_file *file;
  struct lam_buf bytes = {.mem = mem}, index = {.mem = mem};
  OK(lam_store_memory(context, &store, &error));
  put_file(store, mem, "plain", 1, 0);
  OK(lam_file_open_in(store, "plain", NULL, mem, &file, &error));
  OK(lam_offset_index_write(offsets, &index, &error));
  size_t split = index.size;
  OK(lam_column_index_write(columns, &index, &error));
  size_t length = lam_file_size(file), footer;
  OK(lam_buf_room(&bytes, length, &error));
  OK(lam_file_read(file, 0, bytes.data, length, &error));
  footer = length - 8 - lam_load32(bytes.data + length - 8);
  bytes.size = footer;
  OK(lam_buf_append(&bytes, index.data, index.size, &error));
  struct lam_file_meta meta = *lam_file_meta(file);
  struct lam_row_group_meta group = meta.row_groups[0];
  struct lam_chunk_meta chunks[2] = {group.chunks[0], group.chunks[1]};
  struct lam_arena arena = {.mem = mem};
  for (int i = 0; i < 2; i++) OK(lam_chunk_details_own(&chunks[i], &arena, &error));
  chunks[0].offset_index_offset = (int64_t)footer, chunks[0].offset_index_length = (int32_t)split;
  chunks[0].column_index_offset = (int64_t)(footer + split);
  chunks[0].column_index_length = (int32_t)(index.size - split);
  group.chunks = chunks;
  meta.row_groups = &group;
  footer = bytes.size;
  OK(lam_file_meta_write(&meta, &bytes, &error));
  uint8_t end[8] = {0, 0, 0, 0, 'P', 'A', 'R', '1'};
  lam_store32(end, (uint32_t)(bytes.size - footer));
  OK(lam_buf_append(&bytes, end, 8, &error));
  lam_file_close(file);
  put_object(store, "indexed", bytes_in(&bytes));
  OK(lam_file_open_in(store, "indexed", NULL, mem, &file, &error));
  check(file);
  lam_file_close(file);
  lam_arena_release(&arena);
  lam_buf_release(&bytes);
  lam_buf_release(&index);
  lam_store_close(store);
}

static const char *expected_text; /* of the failure of the offset index; NULL: the column index's */
static const char *expected_column_text;

static void check_refused(struct lam_file *file) {
  struct lam_arena arena = {.mem = mem};
  struct lam_offset_index offsets[2];
  struct lam_column_index columns[2];
  int32_t leaves[2] = {0, 1};
  if (expected_text)
    FAILS(lam_offset_index_read(file, 0, 0, &arena, offsets, &error), LAM_CORRUPT, expected_text);
  else
    OK(lam_offset_index_read(file, 0, 0, &arena, offsets, &error));
  if (expected_column_text)
    FAILS(lam_column_index_read(file, 0, 0, &arena, columns, &error), LAM_CORRUPT, expected_column_text);
  OK(lam_page_indexes_read(file, 0, leaves, 2, &arena, offsets, columns, &error));
  assert_int_equal(offsets[0].count, expected_text ? -1 : 2);
  assert_int_equal(columns[0].count, -1);
  assert_int_equal(offsets[1].count, -1);
  lam_arena_release(&arena);
}

static void test_disagreeing(void **state) {
  (void)state;
  bool flags[] = {false, false, false};
  struct lam_bytes bound = lam_bytes_of("abcd", 4), bounds[] = {bound, bound, bound};
  int64_t nulls[] = {600, 600, 0};
  struct lam_column_index three = {.count = 3, .null_pages = flags, .min = bounds, .max = bounds};
  struct lam_column_index many = {.count = 2, .null_pages = flags, .min = bounds, .max = bounds, .null_counts = nulls};
  struct lam_page_location outside[] = {{4, 100, 0}, {104, 100000, 500}}, rows[] = {{4, 10, 0}, {14, 10, FILE_ROWS}};
  struct lam_page_location good[] = {{4, 10, 0}, {14, 10, 500}}, before[] = {{3, 10, 0}};
  struct lam_offset_index index = {2, outside, NULL};
  expected_column_text = NULL;
  expected_text = "the chunk is at bytes 4 to";
  with_indexes(&index, &three, check_refused);
  index = (struct lam_offset_index){1, before, NULL};
  with_indexes(&index, &three, check_refused);
  index = (struct lam_offset_index){2, rows, NULL};
  expected_text = "begins at row 1000; the row group has 1000 rows";
  with_indexes(&index, &three, check_refused);
  index = (struct lam_offset_index){0, NULL, NULL};
  expected_text = "has no pages";
  with_indexes(&index, &three, check_refused);
  expected_text = NULL; /* the offset index is good; the column index has another number of pages */
  index = (struct lam_offset_index){2, good, NULL};
  with_indexes(&index, &three, check_refused);
  expected_column_text = "more nulls in its first 2 pages than the chunk has values, 1000";
  with_indexes(&index, &many, check_refused);
}

/* More pages than an i16 can count. */
static void test_many_pages(void **state) {
  (void)state;
  enum { PAGES = 100000 };
  struct lam_arena arena = {.mem = mem};
  struct lam_page_location *pages;
  struct lam_buf buf = {.mem = mem};
  struct lam_offset_index got;
  OK(lam_arena_array(&arena, PAGES, sizeof *pages, (void **)&pages, &error));
  for (int i = 0; i < PAGES; i++) pages[i] = (struct lam_page_location){4 + 10 * (uint64_t)i, 10, 7 * (int64_t)i};
  struct lam_offset_index index = {PAGES, pages, NULL};
  OK(lam_offset_index_write(&index, &buf, &error));
  OK(lam_offset_index_parse(bytes_in(&buf), &arena, &got, &error));
  assert_int_equal(got.count, PAGES);
  assert_int_equal(got.pages[PAGES - 1].first_row, 7 * (PAGES - 1));
  lam_arena_release(&arena);
  lam_buf_release(&buf);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      MEM_TEST(test_offset_index_round_trip),
      MEM_TEST(test_offset_index_refused),
      MEM_TEST(test_column_index_round_trip),
      MEM_TEST(test_column_index_lengths),
      MEM_TEST(test_known_files),
      MEM_TEST(test_all_files),
      MEM_TEST(test_disagreeing),
      MEM_TEST(test_many_pages),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
