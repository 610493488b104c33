/* Plans: what they say of known tables. test_plan_random.c holds them against brute force. */
#include "place_support.h"

#include "table/table.h"

/* ---- a plan as text ---- */

/* "a.parquet kept: 0 skipped statistics; 1 whole statistics [0,100); " and so on. */
static bool describe(void *user, const struct lam_plan_file *file) {
  static const char *const verdicts[] = {"skipped", "kept", "whole"};
  char *text = user;
  put_text(text, "%s %s %s: ", lam_key_name(file->path), verdicts[file->verdict], lam_plan_rule_name(file->rule));
  for (uint32_t i = 0; file->row_groups && i < file->row_group_count; i++) {
    const struct lam_plan_row_group *group = &file->row_groups[i];
    put_text(text, "%d %s %s", group->index, verdicts[group->verdict], lam_plan_rule_name(group->rule));
    for (size_t k = 0; k < group->kept_count; k++)
      put_text(text, " [%d,%d)", (int)group->kept[k].first, (int)group->kept[k].end);
    put_text(text, "; ");
  }
  return true;
}

static void test_verdicts(void **state) {
  (void)state;
  static const struct {
    const char *where, *expected;
  } cases[] = {
      {NULL, "a.parquet whole : 0 whole  [0,100); 1 whole  [0,100); b.parquet whole : 0 whole  [0,100); "},
      {"g = 2", "a.parquet skipped partition_value: b.parquet whole : 0 whole statistics [0,100); "},
      {"id >= 100",
       "a.parquet whole : 0 skipped statistics; 1 whole statistics [0,100); b.parquet whole : 0 whole "
       "statistics [0,100); "},
      {"id BETWEEN 25 AND 109",
       "a.parquet kept : 0 kept page_index [20,100); 1 whole page_index [0,10); b.parquet skipped : 0 skipped "
       "statistics; "},
      {"id IN (5, 95, 150) AND g = 1",
       "a.parquet kept : 0 kept page_index [0,10) [90,100); 1 kept page_index "
       "[50,60); b.parquet skipped partition_value: "},
      {"text = 'r2x'",
       "a.parquet kept : 0 kept page_index [0,10); 1 skipped statistics; b.parquet skipped : 0 skipped "
       "statistics; "},
      {"text = 'r1x' AND id > 15",
       "a.parquet skipped : 0 skipped page_index; 1 skipped statistics; b.parquet skipped : 0 "
       "skipped statistics; "},
      {"FALSE", "a.parquet skipped partition_value: b.parquet skipped partition_value: "},
      {"text IS NULL", "a.parquet kept : 0 kept  [0,100); 1 kept  [0,100); b.parquet kept : 0 kept  [0,100); "},
  };
  struct place p;
  struct lam_table *table;
  begin(&p);
  put_groups(&p, "g=1/a.parquet", 0, 200);
  put_groups(&p, "g=2/b.parquet", 200, 100);
  OK(lam_table_open_in(mem, p.path, NULL, &table, &error));
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct lam_plan_options options = LAM_PLAN_OPTIONS_INIT;
    char text[TEXT] = "";
    options.where = cases[i].where;
    OK(lam_plan(table, &options, describe, text, NULL, &error));
    assert_string_equal(text, cases[i].expected);
  }
  lam_table_close(table);
  end(&p);
}

/* A column of few values, one of which is not there. */
static void test_filters(void **state) {
  (void)state;
  for (int bloom = 0; bloom < 2; bloom++) {
    static const int64_t ids[] = {1, 3, 1, 3};
    struct place p;
    struct lam_table *table;
    struct ArrowSchema schema;
    struct ArrowArray batch;
    struct lam_plan_options options = LAM_PLAN_OPTIONS_INIT;
    struct lam_write_options write = LAM_WRITE_OPTIONS_INIT;
    struct lam_column_options column = {.name = "text", .bloom = bloom ? LAM_BLOOM_ALWAYS : LAM_BLOOM_DEFAULT};
    char text[TEXT] = "";
    begin(&p);
    write.columns = &column;
    write.column_count = 1;
    rows_schema(&schema);
    rows_batch(&schema, ids, 4, &batch);
    put_batch(p.store, "a.parquet", &schema, &batch, &write);
    OK(lam_table_open_in(mem, p.path, NULL, &table, &error));
    options.where = "text = 'r2'";
    OK(lam_plan(table, &options, describe, text, NULL, &error));
    assert_string_equal(
        text, bloom ? "a.parquet skipped : 0 skipped bloom_filter; " : "a.parquet skipped : 0 skipped dictionary; ");
    options.where = "text IN ('r1', 'r3')"; /* which bounds do not prove */
    *text = 0;
    OK(lam_plan(table, &options, describe, text, NULL, &error));
    assert_string_equal(text, "a.parquet whole : 0 whole dictionary [0,4); ");
    lam_table_close(table);
    lam_array_release(&batch);
    lam_schema_release(&schema);
    end(&p);
  }
}

static bool take_first(void *user, const struct lam_plan_file *file) {
  *(uint64_t *)user += file->rows;
  return false;
}

static void test_totals(void **state) {
  (void)state;
  struct place p;
  struct lam_table *table;
  struct lam_plan_options options = LAM_PLAN_OPTIONS_INIT;
  struct lam_plan_result r = LAM_PLAN_RESULT_INIT, all = LAM_PLAN_RESULT_INIT;
  uint64_t rows = 0;
  begin(&p);
  put_groups(&p, "g=1/a.parquet", 0, 300);
  put_groups(&p, "g=2/b.parquet", 300, 100);
  OK(lam_table_open_in(mem, p.path, NULL, &table, &error));
  OK(lam_plan(table, NULL, NULL, NULL, &all, &error));
  assert_int_equal(all.files, 2);
  assert_int_equal(all.row_groups_whole, 4);
  assert_int_equal(all.rows_whole, 400);
  assert_int_equal(all.bytes, lam_table_bytes(table));
  assert_true(all.bytes_fetched >= all.bytes_wanted && all.bytes_wanted < all.bytes);
  options.where = "id >= 150 AND g = 1";
  options.columns = (const char *const[]){"value"};
  options.column_count = 1;
  OK(lam_plan(table, &options, NULL, NULL, &r, &error));
  assert_int_equal(r.files_skipped, 1);
  assert_int_equal(r.row_groups, 4);
  assert_int_equal(r.row_groups_skipped[LAM_PLAN_BY_PARTITION], 1);
  assert_int_equal(r.row_groups_skipped[LAM_PLAN_BY_STATISTICS], 1);
  assert_int_equal(r.rows, 400);
  assert_int_equal(r.rows_kept, 150);
  assert_int_equal(r.rows_whole, 150);
  assert_int_equal(r.pages, 10);
  assert_int_equal(r.pages_skipped, 5);
  assert_int_equal(r.ranges, 1); /* gaps are small */
  assert_true(r.bytes_wanted < all.bytes_wanted);
  options.gap = -1;
  uint64_t wanted = r.bytes_wanted;
  OK(lam_plan(table, &options, NULL, NULL, &r, &error));
  assert_int_equal(r.bytes_wanted, wanted);
  assert_int_equal(r.bytes_fetched, wanted); /* nothing between */
  assert_true(r.ranges > 1);
  options.range_size = 64;
  OK(lam_plan(table, &options, NULL, NULL, &r, &error));
  assert_int_equal(r.bytes_fetched, wanted);
  assert_true(r.ranges >= wanted / 64);
  OK(lam_plan(table, NULL, take_first, &rows, &r, &error));
  assert_int_equal(rows, 300);
  assert_int_equal(r.files, 1);
  lam_table_close(table);
  end(&p);
}

static void test_columns(void **state) {
  (void)state;
  struct place p;
  struct lam_table *table;
  struct lam_plan_options options = LAM_PLAN_OPTIONS_INIT;
  struct lam_plan_result r = LAM_PLAN_RESULT_INIT;
  begin(&p);
  put_groups(&p, "g=1/a.parquet", 0, 400);
  OK(lam_table_open_in(mem, p.path, NULL, &table, &error));
  /* What only the path has needs no bytes. */
  options.columns = (const char *const[]){"g"};
  options.column_count = 1;
  OK(lam_plan(table, &options, NULL, NULL, &r, &error));
  assert_int_equal(r.bytes_wanted, 0);
  assert_int_equal(r.rows_kept, 400);
  options.where = "nothing = 1";
  FAILS(lam_plan(table, &options, NULL, NULL, &r, &error), LAM_NOT_FOUND, "\"nothing\"");
  options.where = NULL;
  options.columns = (const char *const[]){"nothing"};
  FAILS(lam_plan(table, &options, NULL, NULL, &r, &error), LAM_NOT_FOUND, "\"nothing\"");
  options = (struct lam_plan_options)LAM_PLAN_OPTIONS_INIT;
  options.range_size = -1;
  FAILS(lam_plan(table, &options, NULL, NULL, &r, &error), LAM_INVALID, "expected 0 or more");
  lam_table_close(table);
  end(&p);
}

int main(void) {
  const struct CMUnitTest tests[] = {OPS_TEST(test_verdicts), OPS_TEST(test_filters), OPS_TEST(test_totals),
                                     OPS_TEST(test_columns)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
