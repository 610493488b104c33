/* Dedup through the interface in C. */
#include "ops_support.h"

#include "ops/upsert.h"

static struct lam_store *data, *meta;
static struct lam_directory *directory;

static int begin(void **state) {
  static const int64_t one[] = {1, 2, 1, 3}, two[] = {2, 2, 4}, three[] = {3, 1};
  int failed = open_context(state);
  if (failed) return failed;
  OK(lam_store_memory(context, &data, &error));
  OK(lam_store_memory_beside(data, &meta, &error));
  put_ids(data, "p=1/a.parquet", one, 4);
  put_ids(data, "p=2/a.parquet", two, 3);
  put_ids(data, "p=3/a.parquet", three, 2);
  directory = open_stores(data, meta);
  return 0;
}
#define BEFORE "p=1:1,2,1,3,;p=2:2,2,4,;p=3:3,1,;"
static int end(void **state) {
  lam_directory_close(directory);
  lam_store_close(data);
  lam_store_close(meta);
  return close_context(state);
}
#define DEDUP_TEST(test) cmocka_unit_test_setup_teardown(test, begin, end)

static void want_dedup(const char *const *keys, int32_t count, bool last, const char *partition, uint64_t removed,
                       uint64_t files_removed, const char *after) {
  struct lam_dedup_options options = LAM_DEDUP_OPTIONS_INIT;
  struct lam_edit_result dry = LAM_EDIT_RESULT_INIT, done = LAM_EDIT_RESULT_INIT;
  options.keys = keys;
  options.key_count = count;
  options.keep_last = last;
  options.change.partitions = &partition;
  options.change.partition_count = partition ? 1 : 0;
  options.change.dry_run = true;
  OK(lam_dedup_directory(directory, &options, &dry, &error));
  want_rows(data, meta, BEFORE);
  options.change.dry_run = false;
  OK(lam_dedup_directory(directory, &options, &done, &error));
  want_rows(data, meta, after);
  assert_int_equal(done.duplicates_removed, removed);
  assert_int_equal(done.rows_matched, removed);
  assert_int_equal(done.files_removed, files_removed);
  assert_int_equal(done.sequence, removed ? 1 : 0);
  done.sequence = 0;
  assert_memory_equal(&done, &dry, sizeof dry);
}

static const char *const id[] = {"id"}, *const value_and_path[] = {"value", "p"}, *const text[] = {"text", "value"};

static void test_first(void **state) {
  (void)state;
  want_dedup(id, 1, false, NULL, 5, 1, "p=1:1,2,3,;p=2:4,;");
}
static void test_last(void **state) {
  (void)state;
  want_dedup(text, 2, true, NULL, 5, 1, "p=2:2,4,;p=3:3,1,;");
}
static void test_within_partitions(void **state) {
  (void)state;
  want_dedup(value_and_path, 2, false, NULL, 2, 0, "p=1:1,2,3,;p=2:2,4,;p=3:3,1,;");
}
static void test_one_partition(void **state) {
  (void)state;
  want_dedup(id, 1, true, "p=1", 1, 0, "p=1:2,1,3,;p=2:2,2,4,;p=3:3,1,;");
}
static void test_refusals(void **state) {
  struct lam_dedup_options options = LAM_DEDUP_OPTIONS_INIT;
  static const char *const other[] = {"other"};
  (void)state;
  assert_int_equal(lam_dedup_directory(directory, &options, NULL, NULL), LAM_INVALID);
  options.keys = other;
  options.key_count = 1;
  assert_int_equal(lam_dedup_directory(directory, &options, NULL, NULL), LAM_NOT_FOUND);
  want_rows(data, meta, BEFORE);
}

int main(void) {
  const struct CMUnitTest tests[] = {DEDUP_TEST(test_first), DEDUP_TEST(test_last), DEDUP_TEST(test_within_partitions),
                                     DEDUP_TEST(test_one_partition), DEDUP_TEST(test_refusals)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
