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
      CRASH_TEST_WITH(errors, import, set_up, tear_down),
      CRASH_TEST_WITH(full_disk, import, set_up, tear_down),
      CRASH_TEST_WITH(power_cut, import, set_up, tear_down),
      CRASH_TEST_WITH(recovery, import, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
