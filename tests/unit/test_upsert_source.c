/* Rows of an upsert's sources in the table's types, with their ordinals; sources that do not go with the table. */
#include "ops_support.h"

#include "arrow/value_text.h"
#include "ops/upsert_source.h"

enum { MOST = 3 };
static char *folder;
static char paths[MOST][600];
static const char *sources[MOST];

static int set_up(void **state) {
  folder = new_temporary();
  return open_context(state);
}
static int tear_down(void **state) {
  remove_temporary(context, folder);
  return close_context(state);
}
#define SOURCE_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

static int32_t put_sources(const char *const *texts) {
  int32_t count = 0;
  for (; count < MOST && texts[count]; count++) {
    snprintf(paths[count], sizeof paths[count], "%s/%c.csv", folder, 'a' + count);
    FILE *file = fopen(paths[count], "w");
    fputs(texts[count], file);
    fclose(file);
    sources[count] = paths[count];
  }
  return count;
}

/* "1,r1,|": the rows of a batch, their ordinals last; '-' is NULL. */
static void append_rows(const struct ArrowSchema *schema, const struct ArrowArray *batch, struct lam_buf *out) {
  for (int64_t row = 0; row < batch->length; row++) {
    for (int64_t c = 0; c < batch->n_children; c++) {
      struct lam_view view;
      OK(lam_view_init(schema->children[c], batch->children[c], &view, &error));
      if (lam_view_valid(&view, row))
        OK(lam_value_text(&view, row, out, &error));
      else
        append_text(out, "-");
      append_text(out, c + 1 < batch->n_children ? "," : "|");
    }
  }
}
/* Reads all sources into a table of `id int64 NOT NULL, text string, value double`. */
static enum lam_status read_all(const char *const *texts, struct lam_buf *out, struct lam_error *error) {
  struct lam_upsert_options options = LAM_UPSERT_OPTIONS_INIT;
  struct lam_upsert_source source;
  struct ArrowSchema table;
  struct ArrowArray batch = {.length = 1};
  options.sources = sources;
  options.source_count = put_sources(texts);
  rows_schema(&table);
  enum lam_status status = lam_upsert_source_open(mem, &options, &table, &source, error);
  while (status == LAM_OK && batch.length) {
    batch.length = 0;
    status = lam_upsert_source_next(&source, &batch, error);
    if (status != LAM_OK || !batch.release) break;
    append_rows(&source.schema, &batch, out);
    lam_array_release(&batch);
    batch.length = 1;
  }
  lam_upsert_source_close(&source);
  lam_schema_release(&table);
  return status;
}

static void test_cases(void **state) {
  (void)state;
  static const struct {
    const char *texts[MOST];
    enum lam_status expected;
    const char *rows; /* or a part of the message */
  } cases[] = {
      {{"id,text,value\n1,a,0.5\n2,,1\n"}, LAM_OK, "1,a,0.5,0|2,-,1.0,1|"},
      {{"value,id\n3,7\n"}, LAM_OK, "7,3.0,0|"}, /* in the table's order, and only the columns that are there */
      {{"id,text\n1,a\n", "id,text\n", "text,id\nb,2\n"}, LAM_OK, "1,a,0|2,b,1|"},
      {{"id,other\n1,2\n"}, LAM_NOT_FOUND, "a.csv has a column \"other\", which the table does not have"},
      {{"id,text\n1,a\n", "id\n2\n"}, LAM_INVALID, "b.csv does not have the column \"text\" of "},
      {{"id\n1\n", "id,text\n2,b\n"}, LAM_INVALID, "b.csv has a column \"text\", which "},
      {{"id,text\n1,a\n,b\n"}, LAM_INVALID, "a.csv, row 2: NULL in column \"id\", which is NOT NULL"},
      {{"id\n1\n", "id\n2\n1.5\n"}, LAM_INVALID, "b.csv"},
      {{"id\n99999999999999999999\n"}, LAM_INVALID, "99999999999999999999"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct lam_error error = LAM_ERROR_INIT;
    struct lam_buf out;
    lam_buf_init(&out, mem);
    enum lam_status status = read_all(cases[i].texts, &out, &error);
    if (status != cases[i].expected) print_error("case %zu: %s\n", i, error.message);
    assert_int_equal(status, cases[i].expected);
    append_text(&out, "");
    char *rows = text_of_buf(&out);
    if (status == LAM_OK)
      assert_string_equal(rows, cases[i].rows);
    else if (!strstr(error.message, cases[i].rows))
      fail_msg("case %zu: %s", i, error.message);
    free(rows);
  }
}

/* Ordinals count through; what they stand for is said of each source. */
static void test_rows_by_ordinal(void **state) {
  (void)state;
  static const char *const texts[MOST] = {"id\n1\n2\n", "id\n", "id\n3\n"};
  static const struct {
    int64_t ordinal;
    const char *name;
    int row;
  } cases[] = {{0, "a.csv", 1}, {1, "a.csv", 2}, {2, "c.csv", 1}};
  struct lam_upsert_options options = LAM_UPSERT_OPTIONS_INIT;
  struct lam_upsert_source source;
  struct ArrowSchema table;
  options.sources = sources;
  options.source_count = put_sources(texts);
  rows_schema(&table);
  OK(lam_upsert_source_open(mem, &options, &table, &source, &error));
  for (bool more = true; more;) {
    struct ArrowArray batch;
    OK(lam_upsert_source_next(&source, &batch, &error));
    more = batch.release;
    if (more) lam_array_release(&batch);
  }
  assert_int_equal(source.rows, 3);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char place[300], expected[700];
    snprintf(expected, sizeof expected, "%s/%s, row %d", folder, cases[i].name, cases[i].row);
    assert_string_equal(lam_upsert_source_row(&source, cases[i].ordinal, place, sizeof place), expected);
  }
  lam_upsert_source_close(&source);
  lam_schema_release(&table);
}

int main(void) {
  const struct CMUnitTest tests[] = {SOURCE_TEST(test_cases), SOURCE_TEST(test_rows_by_ordinal)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
