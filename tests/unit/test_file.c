#include "file_support.h"

static void small_and_large_files_open(void **state) {
  (void)state;
  struct page_fixture f;
  struct lam_store *store;
  page_fixture_begin(&f, 64 << 20);
  assert_int_equal(lam_store_memory(f.context, &store, NULL), LAM_OK);
  for (size_t padding = 0; padding <= 100000; padding += 100000) {
    struct lam_file *file;
    struct ArrowSchema schema;
    put_file(store, f.mem, padding ? "large" : "small", 2, padding);
    assert_int_equal(lam_file_open_in(store, padding ? "large" : "small", NULL, f.mem, &file, NULL), LAM_OK);
    assert_int_equal(lam_file_rows(file), 2 * FILE_ROWS);
    assert_int_equal(lam_file_row_groups(file), 2);
    assert_int_equal(lam_file_row_group_rows(file, 1), FILE_ROWS);
    assert_int_equal(lam_file_row_group_rows(file, 2), 0);
    assert_int_equal(lam_file_columns(file), 2);
    assert_int_equal(lam_file_schema(file, &schema, NULL), LAM_OK);
    assert_string_equal(schema.children[0]->format, "i");
    assert_string_equal(schema.children[1]->format, "u");
    assert_int_equal(lam_schema_field_id(schema.children[0]), 7);
    assert_true(lam_bytes_equal(lam_schema_metadata(&schema, "k"), lam_bytes_of_string("v")));
    lam_schema_release(&schema);
    char head[4];
    assert_int_equal(lam_file_read(file, 0, head, 4, NULL), LAM_OK);
    assert_memory_equal(head, "PAR1", 4);
    assert_int_equal(lam_file_read(file, lam_file_size(file) - 3, head, 4, NULL), LAM_CORRUPT);
    lam_file_close(file);
  }
  lam_store_close(store);
  page_fixture_end(&f);
}

static void what_is_not_parquet_is_refused(void **state) {
  (void)state;
  static const struct {
    const char *bytes;
    size_t size;
    enum lam_status status;
    const char *text;
  } cases[] = {
      {"", 0, LAM_CORRUPT, "too few"},
      {"PAR1PAR1", 8, LAM_CORRUPT, "too few"},
      {"PAR1\0\0\0\0PARX", 12, LAM_CORRUPT, "expected PAR1"},
      {"PAR1\0\0\0\0PARE", 12, LAM_UNSUPPORTED, "encrypted"},
      {"PAR1\1\0\0\0PAR1", 12, LAM_CORRUPT, "has room for 0"},
      {"PAR1\0\0\0\0PAR1", 12, LAM_CORRUPT, ""},
      {"PAR1\377\377\377\377PAR1", 12, LAM_CORRUPT, "a length of 4294967295"},
  };
  struct page_fixture f;
  struct lam_store *store;
  page_fixture_begin(&f, 64 << 20);
  assert_int_equal(lam_store_memory(f.context, &store, NULL), LAM_OK);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct lam_error error = LAM_ERROR_INIT;
    struct lam_file *file;
    char key[8];
    snprintf(key, sizeof key, "f%zu", i);
    put_object(store, key, lam_bytes_of(cases[i].bytes, cases[i].size));
    assert_int_equal(lam_file_open_in(store, key, NULL, f.mem, &file, &error), cases[i].status);
    assert_null(file);
    assert_non_null(strstr(error.message, cases[i].text));
    assert_non_null(strstr(error.message, key));
  }
  lam_store_close(store);
  page_fixture_end(&f);
}

/* A file that has grown is read as it was. */
static void an_explicit_size_is_the_files_end(void **state) {
  (void)state;
  struct page_fixture f;
  struct lam_store *store;
  struct lam_file *file;
  struct lam_buf bytes;
  page_fixture_begin(&f, 64 << 20);
  lam_buf_init(&bytes, f.mem);
  assert_int_equal(lam_store_memory(f.context, &store, NULL), LAM_OK);
  put_file(store, f.mem, "a", 1, 0);
  assert_int_equal(lam_store_get(store, "a", 1 << 20, &bytes, NULL), LAM_OK);
  struct lam_file_options options = LAM_FILE_OPTIONS_INIT;
  options.size = bytes.size;
  assert_int_equal(lam_buf_append(&bytes, "and more", 8, NULL), LAM_OK);
  put_object(store, "b", lam_bytes_of(bytes.data, bytes.size));
  assert_int_equal(lam_file_open_in(store, "b", NULL, f.mem, &file, NULL), LAM_CORRUPT);
  assert_int_equal(lam_file_open_in(store, "b", &options, f.mem, &file, NULL), LAM_OK);
  assert_int_equal(lam_file_size(file), options.size);
  lam_file_close(file);
  options.size = bytes.size + 1;
  assert_int_equal(lam_file_open_in(store, "b", &options, f.mem, &file, NULL), LAM_INVALID);
  lam_buf_release(&bytes);
  lam_store_close(store);
  page_fixture_end(&f);
}

static enum lam_status count_page(void *user, const struct lam_page *page, struct lam_error *error) {
  (void)error;
  *(int *)user += page->header.values;
  return LAM_OK;
}

static void chunks_are_walked(void **state) {
  (void)state;
  struct page_fixture f;
  struct lam_store *store;
  struct lam_file *file;
  int values = 0;
  page_fixture_begin(&f, 64 << 20);
  assert_int_equal(lam_store_memory(f.context, &store, NULL), LAM_OK);
  put_file(store, f.mem, "a", 2, 0);
  assert_int_equal(lam_file_open_in(store, "a", NULL, f.mem, &file, NULL), LAM_OK);
  assert_int_equal(lam_chunk_walk(file, 1, 1, true, f.mem, count_page, &values, NULL), LAM_OK);
  assert_int_equal(values, FILE_ROWS);
  lam_file_close(file);
  lam_store_close(store);
  page_fixture_end(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(small_and_large_files_open),
      cmocka_unit_test(what_is_not_parquet_is_refused),
      cmocka_unit_test(an_explicit_size_is_the_files_end),
      cmocka_unit_test(chunks_are_walked),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
