/* Counting with a condition: the rows, and what had to be read for them. */
#include "place_support.h"

static void want_count(struct lam_table *table, const char *where, uint64_t rows, uint64_t files, uint64_t groups,
                       uint64_t read) {
  struct lam_count_result result = LAM_COUNT_RESULT_INIT;
  OK(lam_table_count(table, where, &result, &error));
  if (result.rows != rows || result.files_opened != files || result.row_groups_read != groups ||
      result.rows_read != read)
    fail_msg("%s: %d rows, read %d rows in %d row groups of %d files", where, (int)result.rows, (int)result.rows_read,
             (int)result.row_groups_read, (int)result.files_opened);
  assert_int_equal(result.files, lam_table_files(table));
  assert_int_equal(result.row_groups, 9);
}

static void test_counts(void **state) {
  (void)state;
  struct place p;
  struct lam_table *table;
  begin(&p);
  put_groups(&p, "g=1/a.parquet", 0, 300);
  put_groups(&p, "g=1/b.parquet", 300, 300);
  put_groups(&p, "g=2/a.parquet", 600, 300);
  OK(lam_table_open_in(mem, p.path, NULL, &table, &error));
  want_count(table, NULL, 900, 0, 0, 0);
  /* From the path, or from statistics of whole row groups. */
  want_count(table, "g = 2", 300, 0, 0, 0);
  want_count(table, "g = 3", 0, 0, 0, 0);
  want_count(table, "id >= 300", 600, 0, 0, 0);
  want_count(table, "id < 300 AND g = 2", 0, 0, 0, 0);
  want_count(table, "value >= 0 AND id IS NOT NULL", 900, 0, 0, 0);
  want_count(table, "TRUE", 900, 0, 0, 0);
  want_count(table, "FALSE OR id < -1", 0, 0, 0, 0);
  /* From page indexes: the boundary lies between pages, or within one. */
  want_count(table, "id < 250", 250, 0, 0, 0);
  want_count(table, "id BETWEEN 310 AND 319", 10, 0, 0, 0);
  want_count(table, "id BETWEEN 311 AND 319", 9, 1, 1, 10);
  want_count(table, "id BETWEEN 255 AND 304", 50, 2, 2, 60);
  want_count(table, "id = 5 OR id = 895", 2, 2, 2, 20);
  /* NULL is no match. */
  want_count(table, "text IS NULL", 180, 3, 9, 900);
  want_count(table, "text = 'r7'", 1, 1, 1, 10);
  want_count(table, "NOT text LIKE 'r%'", 0, 0, 0, 0);
  struct lam_count_result result = LAM_COUNT_RESULT_INIT;
  FAILS(lam_table_count(table, "nothing = 1", &result, &error), LAM_NOT_FOUND, "\"nothing\"");
  FAILS(lam_table_count(table, "id", &result, &error), LAM_INVALID, "condition");
  FAILS(lam_table_count(table, "CAST(text AS int64) = 1", &result, &error), LAM_INVALID, "r1");
  OK(lam_table_count(table, "id = 1", NULL, &error));
  lam_table_close(table);
  end(&p);
}

/* Files that differ in a column's type, or lack it. */
static void test_files_that_differ(void **state) {
  (void)state;
  static const struct {
    const char *key;
    enum lam_type_id id;
    int64_t value;
  } files[] = {{"x=1/a.parquet", LAM_TYPE_INT32, -1},
               {"x=1/b.parquet", LAM_TYPE_INT64, 1ll << 40},
               {"x=2/c.parquet", LAM_TYPE_INT8, 5}};
  struct place p;
  struct lam_table *table;
  begin(&p);
  for (size_t i = 0; i < 3; i++) {
    struct ArrowSchema schema;
    struct ArrowArray batch;
    struct lam_builder builder;
    struct lam_type type = {.id = files[i].id, .timezone = ""};
    OK(lam_schema_init_struct("", 1, &schema, &error));
    OK(lam_schema_init(&type, i < 2 ? "n" : "other", true, schema.children[0], &error));
    OK(lam_builder_init(&builder, mem, &type, &error));
    OK(lam_builder_fixed(&builder, &files[i].value, &error));
    OK(lam_array_init_struct(1, 1, &batch, &error));
    OK(lam_builder_finish(&builder, batch.children[0], &error));
    lam_builder_release(&builder);
    put_batch(p.store, files[i].key, &schema, &batch, NULL);
    lam_array_release(&batch);
    lam_schema_release(&schema);
  }
  static const struct {
    const char *where;
    uint64_t rows;
  } cases[] = {
      {"n < 0", 1},         {"n > 1000000000000", 1},   {"n IS NULL", 1},        {"other = 5", 1},
      {"other IS NULL", 2}, {"n IS NULL AND x = 2", 1}, {"x = 1 AND n <> 5", 2}, {"coalesce(n, other) >= 5", 2},
      {"n % 2 = 0", 1},     {"x + 1 = 3", 1},
  };
  OK(lam_table_open_in(mem, p.path, NULL, &table, &error));
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct lam_count_result result = LAM_COUNT_RESULT_INIT;
    OK(lam_table_count(table, cases[i].where, &result, &error));
    if (result.rows != cases[i].rows) print_error("%s\n", cases[i].where);
    assert_int_equal(result.rows, cases[i].rows);
  }
  lam_table_close(table);
  end(&p);
}

int main(void) {
  const struct CMUnitTest tests[] = {OPS_TEST(test_counts), OPS_TEST(test_files_that_differ)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
