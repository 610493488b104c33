/* Repartitioning in place, into a table whose files it replaces, and into a new one, which appears by a rename of its
 * directory, stopped as crash_compact.c stops a compaction. */
#include "ops_crash.h"

#include "ops/repartition.h"

static struct lam_store *source_data, *source_meta;

static void set_up_table(struct lam_store *data) {
  put_rows(data, "part=a/f1.parquet", 1, 2);
  put_rows(data, "part=b/f1.parquet", 3, 1);
}

static enum lam_status repartition(struct lam_directory *source, struct lam_directory *target, uint64_t *sequence,
                                   struct lam_error *error) {
  struct lam_repartition_options options = LAM_REPARTITION_OPTIONS_INIT;
  struct lam_repartition_result result = LAM_REPARTITION_RESULT_INIT;
  options.by = source == target ? "value" : "part";
  options.replace = source != target && !target->parent;
  options.change.backup_dir = target->parent ? NULL : crash_backup_dir;
  enum lam_status status = lam_repartition_directory(source, target, &options, &result, error);
  *sequence = result.sequence;
  return status;
}

static enum lam_status run_in_place(struct lam_directory *directory, uint64_t *sequence, struct lam_error *error) {
  return repartition(directory, directory, sequence, error);
}
static const struct crash_scenario in_place = {
    .name = "repartition in place",
    .set_up = set_up_table,
    .run = run_in_place,
    .before = "part=a:1,2,;part=b:3,;",
    .after = "value=0.25:1+,;value=0.5:2+,;value=0.75:3+,;",
    .keeps = true,
};

static enum lam_status run_replace(struct lam_directory *directory, uint64_t *sequence, struct lam_error *error) {
  struct lam_directory *source = open_stores(source_data, source_meta);
  enum lam_status status = repartition(source, directory, sequence, error);
  lam_directory_close(source);
  return status;
}
static const struct crash_scenario replace = {
    .name = "repartition, replacing",
    .set_up = set_up_table,
    .run = run_replace,
    .before = "part=a:1,2,;part=b:3,;",
    .after = "part=a:7+,;part=c:8+,;",
    .keeps = true,
};

static void set_up_nothing(struct lam_store *data) {
  (void)data;
}
static const struct crash_scenario appears = {
    .name = "repartition, into a new table",
    .set_up = set_up_nothing,
    .run = run_replace,
    .before = "",
    .after = "part=a:7+,;part=c:8+,;",
    .appears = true,
};

/* A file that comes into the table meanwhile is no part of the change, which depends on there being none. */
static void test_arrivals(void **state) {
  (void)state;
  for (uint64_t at = 1;; at += 3) {
    struct crash_world w;
    struct lam_error error = LAM_ERROR_INIT;
    uint64_t sequence;
    begin_world(&w, &in_place, false);
    struct crash_intruder intruder = {w.data, "new.parquet", 9};
    fault_arm(w.fault, &(struct fault_plan){.at = at, .action = FAULT_CALL, .call = intrude, .user = &intruder});
    enum lam_status status = run_in_world(&w, &in_place, &sequence, &error);
    bool fired = fault_fired(w.fault);
    fault_arm(w.fault, NULL);
    if (fired) {
      struct lam_directory *directory = open_world(w.data, w.meta);
      char *seen = rows_of_reader(directory);
      assert_true(strchr(seen, '9') != NULL);
      if (status != LAM_OK) assert_string_equal(seen, ":9,;part=a:1,2,;part=b:3,;");
      free(seen);
      lam_directory_close(directory);
    }
    end_world(&w);
    if (!fired) break;
  }
}

static int set_up(void **state) {
  int failed = open_context(state);
  if (failed) return failed;
  OK(lam_store_memory(context, &source_data, &error));
  OK(lam_store_memory_beside(source_data, &source_meta, &error));
  put_rows(source_data, "part=a/g.parquet", 7, 1);
  put_rows(source_data, "part=c/g.parquet", 8, 1);
  return 0;
}
static int tear_down(void **state) {
  lam_store_close(source_data);
  lam_store_close(source_meta);
  return close_context(state);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      CRASH_TEST_WITH(errors, in_place, set_up, tear_down),
      CRASH_TEST_WITH(errors, appears, set_up, tear_down),
      CRASH_TEST_WITH(full_disk, replace, set_up, tear_down),
      CRASH_TEST_WITH(full_disk, appears, set_up, tear_down),
      CRASH_TEST_WITH(power_cut, in_place, set_up, tear_down),
      CRASH_TEST_WITH(power_cut, replace, set_up, tear_down),
      CRASH_TEST_WITH(power_cut, appears, set_up, tear_down),
      CRASH_TEST_WITH(recovery, in_place, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_arrivals, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
