/* What the statistics of all row groups say of a file. */
#include "ops_support.h"

#include "parquet/prune.h"

static struct lam_store *store;
static int set_up(void **state) {
  if (open_context(state)) return 1;
  OK(lam_store_memory(context, &store, &error));
  return 0;
}
static int tear_down(void **state) {
  lam_store_close(store);
  return close_context(state);
}
#define FILE_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

/* Rows 0 to `count` in row groups of 40. */
static struct lam_file *made_of(int64_t count, bool statistics) {
  struct ArrowSchema schema;
  struct ArrowArray batch;
  struct lam_file *file;
  struct lam_write_options options = LAM_WRITE_OPTIONS_INIT;
  struct lam_column_options column = {.no_statistics = !statistics};
  int64_t ids[100];
  for (int64_t i = 0; i < count; i++) ids[i] = i;
  options.row_group_rows = 40;
  options.columns = &column;
  options.column_count = 1;
  rows_schema(&schema);
  rows_batch(&schema, ids, count, &batch);
  put_batch(store, "a", &schema, &batch, &options);
  lam_array_release(&batch);
  lam_schema_release(&schema);
  OK(lam_file_open_in(store, "a", NULL, mem, &file, &error));
  return file;
}

static void test_facts(void **state) {
  (void)state;
  struct lam_file *file = made_of(100, true);
  struct lam_facts_column facts;
  struct lam_arena arena;
  lam_arena_init(&arena, mem);
  assert_int_equal(lam_file_row_groups(file), 3);
  OK(lam_file_facts(file, 0, &arena, &facts, &error));
  assert_true(facts.has_min && facts.has_max && facts.min_exact && facts.max_exact && !facts.may_be_nan);
  assert_int_equal(facts.min.value.i, 0);
  assert_int_equal(facts.max.value.i, 99);
  assert_int_equal(facts.nulls, 0);
  OK(lam_file_facts(file, 1, &arena, &facts, &error));
  assert_int_equal(facts.nulls, 20);
  assert_true(lam_bytes_equal(facts.min.bytes, lam_bytes_of_string("r1")));
  assert_true(lam_bytes_equal(facts.max.bytes, lam_bytes_of_string("r99")));
  OK(lam_file_facts(file, 2, &arena, &facts, &error));
  assert_true(facts.min.value.d == 0 && facts.max.value.d == 24.75 && !facts.may_be_nan);
  lam_file_close(file); /* what is found is the arena's */
  assert_true(facts.has_max && facts.max.value.d == 24.75);
  lam_arena_release(&arena);
}

/* One row group without them, or no row at all. */
static void test_nothing(void **state) {
  (void)state;
  for (int empty = 0; empty < 2; empty++) {
    struct lam_file *file = made_of(empty ? 0 : 100, empty);
    for (int32_t leaf = 0; leaf < 3; leaf++) {
      struct lam_facts_column facts;
      struct lam_arena arena;
      lam_arena_init(&arena, mem);
      OK(lam_file_facts(file, leaf, &arena, &facts, &error));
      assert_false(facts.has_min || facts.has_max);
      if (empty) assert_int_equal(facts.nulls, 0);
      if (!empty && leaf == 1) assert_int_not_equal(facts.nulls, 0);
      lam_arena_release(&arena);
    }
    lam_file_close(file);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {FILE_TEST(test_facts), FILE_TEST(test_nothing)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
