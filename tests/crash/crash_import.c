/* Import into a table that has rows, stopped as crash_compact.c stops a compaction. The source lies in a directory of
 * its own and is only read. */
#include "ops_crash.h"

static char *source_dir;
static char source[600];

static void set_up_table(struct lam_store *data) {
  static const struct {
    const char *key;
    int64_t value, first;
  } files[] = {{"value=0.25/f1.parquet", 1, 1}, {"value=0.5/f1.parquet", 2, 2}};
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) put_rows(data, files[i].key, files[i].first, 1);
}
/* Rows 1 to 3: one for each present partition and one for a new one. */
static void make_source(void) {
  struct lam_store *store;
  source_dir = new_temporary();
  OK(lam_store_local(context, source_dir, &store, &error));
  put_rows(store, "s.parquet", 1, 3);
  lam_store_close(store);
  snprintf(source, sizeof source, "%s/s.parquet", source_dir);
}

static enum lam_status run_import(struct lam_directory *directory, uint64_t *sequence, struct lam_error *error) {
  const char *const sources[] = {source}, *const by[] = {"value"};
  struct lam_import_options options = LAM_IMPORT_OPTIONS_INIT;
  struct lam_import_result result = {.struct_size = sizeof result};
  options.partition_by = by;
  options.partition_by_count = 1;
  enum lam_status status = lam_import_directory(directory, sources, 1, &options, &result, error);
  *sequence = result.sequence;
  return status;
}
static const struct crash_scenario import = {
    .name = "import",
    .set_up = set_up_table,
    .run = run_import,
    .before = "value=0.25:1,;value=0.5:2,;",
    .after = "value=0.25:1,1,;value=0.5:2,2,;value=0.75:3,;",
};

static void test_errors(void **state) {
  (void)state;
  crash_errors(&import);
}
static void test_full_disk(void **state) {
  (void)state;
  crash_full_disk(&import);
}
static void test_power_cut(void **state) {
  (void)state;
  crash_power_cut(&import);
}
static void test_recovery_stopped(void **state) {
  (void)state;
  crash_recovery(&import);
}

static int set_up(void **state) {
  int failed = open_context(state);
  if (!failed) make_source();
  return failed;
}
static int tear_down(void **state) {
  remove_temporary(context, source_dir);
  return close_context(state);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_errors, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_full_disk, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_power_cut, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_recovery_stopped, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
