#include "ops_support.h"

#include "ops/change.h"
#include "ops/schema_change.h"
#include "store_support.h"

static struct lam_store *data, *meta;
static struct lam_error error = LAM_ERROR_INIT;

static int open_table(void **state) {
  if (open_context(state)) return 1;
  OK(lam_store_memory(context, &data, &error));
  OK(lam_store_memory_beside(data, &meta, &error));
  put_rows(data, "p=1/f1.parquet", 1, 3);
  put_rows(data, "p=1/f2.parquet", 4, 2);
  put_rows(data, "p=2/f1.parquet", 11, 2);
  return 0;
}
static int close_table(void **state) {
  lam_store_close(data);
  lam_store_close(meta);
  return close_context(state);
}
#define TABLE_TEST(test) cmocka_unit_test_setup_teardown(test, open_table, close_table)

static enum lam_status change(const struct lam_schema_step *steps, int32_t count, struct lam_edit_result *result) {
  struct lam_directory *directory = open_stores(data, meta);
  struct lam_schema_change_options options = LAM_SCHEMA_CHANGE_OPTIONS_INIT;
  options.steps = steps;
  options.step_count = count;
  *result = (struct lam_edit_result)LAM_EDIT_RESULT_INIT;
  enum lam_status status = lam_schema_change_directory(directory, &options, result, &error);
  lam_directory_close(directory);
  return status;
}

/* "name:format?,…" of the table's columns, ? where one may be NULL. */
static void want_columns(const char *expected) {
  struct lam_directory *directory = open_stores(data, meta);
  struct lam_table *table;
  char text[512] = "";
  OK(lam_table_open_directory(directory, NULL, &table, &error));
  for (int64_t c = 0; c < table->merge.schema.n_children; c++) {
    const struct ArrowSchema *column = table->merge.schema.children[c];
    size_t at = strlen(text);
    snprintf(text + at, sizeof text - at, "%s:%s%s,", column->name, column->format,
             column->flags & ARROW_FLAG_NULLABLE ? "?" : "");
  }
  assert_string_equal(text, expected);
  lam_table_close(table);
  lam_directory_close(directory);
}

static void test_steps(void **state) {
  (void)state;
  struct lam_edit_result r;
  const struct lam_schema_step add[] = {{LAM_SCHEMA_ADD, "more", "decimal(10,2)"}};
  OK(change(add, 1, &r));
  assert_int_equal(r.files_rewritten, 3);
  assert_int_equal(r.row_groups_copied, 3);
  assert_int_equal(r.row_groups_encoded, 0);
  assert_int_equal(r.rows_unchanged, 7);
  assert_int_equal(r.partitions_affected, 2);
  assert_int_equal(r.sequence, 1);
  want_columns("id:l,text:u?,value:g?,more:d:10,2?,p:l?,");
  want_rows(data, meta, "p=1:1+,2+,3+,4+,5+,;p=2:11+,12+,;");
  const struct lam_schema_step several[] = {{LAM_SCHEMA_DROP, "more", NULL},
                                            {LAM_SCHEMA_RENAME, "text", "value"},
                                            {LAM_SCHEMA_RENAME, "value", "text"},
                                            {LAM_SCHEMA_NULLABLE, "id", NULL}};
  OK(change(several, 4, &r));
  assert_int_equal(r.row_groups_copied, 0);
  assert_int_equal(r.row_groups_encoded, 3);
  want_columns("id:l?,value:u?,text:g?,p:l?,");
  want_rows(data, meta, "p=1:1,2,3,4,5,;p=2:11,12,;");
  const struct lam_schema_step again[] = {{LAM_SCHEMA_NULLABLE, "id", NULL}};
  OK(change(again, 1, &r));
  assert_int_equal(r.files_rewritten, 0);
  assert_int_equal(r.sequence, 0);
}

static void test_refusals(void **state) {
  (void)state;
  static const struct {
    struct lam_schema_step steps[2];
    enum lam_status status;
    const char *message;
  } cases[] = {
      {{{0, "id", NULL}}, LAM_INVALID, "the change 0 of a schema is unknown"},
      {{{6, "id", NULL}}, LAM_INVALID, "the change 6 of a schema is unknown"},
      {{{LAM_SCHEMA_ADD, "x", NULL}}, LAM_INVALID, "without the new name or type"},
      {{{LAM_SCHEMA_DROP, NULL, NULL}}, LAM_INVALID, "without the name of a column"},
      {{{LAM_SCHEMA_RENAME, "id", ""}}, LAM_INVALID, "without the new name or type"},
      {{{LAM_SCHEMA_ADD, "x", "nonsense"}}, LAM_INVALID, "column \"x\""},
      {{{LAM_SCHEMA_ADD, "p", "string"}}, LAM_INVALID, "there is a column \"p\" already"},
      {{{LAM_SCHEMA_DROP, "p", NULL}}, LAM_INVALID, "only in the names of directories"},
      {{{LAM_SCHEMA_RENAME, "text", "p"}}, LAM_INVALID, "there is a column \"p\" already"},
      {{{LAM_SCHEMA_RENAME, "text", "id"}}, LAM_INVALID, "there is a column \"id\" already"},
      {{{LAM_SCHEMA_RENAME, "text", "x"}, {LAM_SCHEMA_ADD, "x", "date"}}, LAM_INVALID, "there is a column \"x\""},
      {{{LAM_SCHEMA_DROP, "x", NULL}}, LAM_NOT_FOUND, "has no column \"x\""},
      {{{LAM_SCHEMA_WIDEN, "value", "float"}}, LAM_INVALID, "is double, which cannot be widened to float"},
      {{{LAM_SCHEMA_WIDEN, "id", "decimal(20,2)"}}, LAM_INVALID, "cannot be widened"},
      {{{LAM_SCHEMA_DROP, "text", NULL}, {LAM_SCHEMA_DROP, "text", NULL}}, LAM_INVALID, "is changed twice"},
      {{{LAM_SCHEMA_WIDEN, "id", "bigint"}, {LAM_SCHEMA_DROP, "id", NULL}}, LAM_INVALID, "is changed twice"},
  };
  struct lam_edit_result r;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    error.message[0] = 0;
    enum lam_status status = change(cases[i].steps, cases[i].steps[1].kind ? 2 : 1, &r);
    if (status != cases[i].status || !strstr(error.message, cases[i].message))
      print_error("case %zu: %d %s\n", i, (int)status, error.message);
    assert_int_equal(status, cases[i].status);
    assert_non_null(strstr(error.message, cases[i].message));
    assert_int_equal(r.sequence, 0);
  }
  const struct lam_schema_step all[] = {
      {LAM_SCHEMA_DROP, "id", NULL}, {LAM_SCHEMA_DROP, "text", NULL}, {LAM_SCHEMA_DROP, "value", NULL}};
  assert_int_equal(change(all, 3, &r), LAM_INVALID);
  assert_non_null(strstr(error.message, "no column would be left"));
  assert_int_equal(change(all, 0, &r), LAM_INVALID);
  want_columns("id:l,text:u?,value:g?,p:l?,");
  want_rows(data, meta, "p=1:1,2,3,4,5,;p=2:11,12,;");
}

/* A snapshot taken before has its rows and columns afterwards. */
static void test_old_snapshot(void **state) {
  (void)state;
  struct lam_edit_result r;
  struct lam_snapshot snapshot;
  struct lam_buf seen;
  struct lam_directory *directory = open_stores(data, meta);
  OK(lam_snapshot_open(directory, NULL, &snapshot, &error));
  const struct lam_schema_step steps[] = {{LAM_SCHEMA_ADD, "more", "bigint"}, {LAM_SCHEMA_DROP, "value", NULL}};
  OK(change(steps, 2, &r));
  want_columns("id:l,text:u?,more:l?,p:l?,");
  lam_buf_init(&seen, mem);
  for (size_t i = 0; i < snapshot.file_count; i++) {
    struct lam_file *file;
    OK(lam_snapshot_file(directory, &snapshot, &snapshot.files[i], NULL, mem, &file, &error));
    append_file(file, &seen);
    lam_file_close(file);
  }
  char *text = text_of_buf(&seen);
  assert_string_equal(text, "1,2,3,4,5,11,12,");
  free(text);
  lam_snapshot_release(&snapshot);
  lam_directory_close(directory);
}

int main(void) {
  const struct CMUnitTest tests[] = {TABLE_TEST(test_steps), TABLE_TEST(test_refusals), TABLE_TEST(test_old_snapshot)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
