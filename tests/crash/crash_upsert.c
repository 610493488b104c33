/* Upsert and dedup, stopped as crash_compact.c stops a compaction. The source of the upsert lies in a directory of its
 * own and is only read. */
#include "change_support.h"
#include "ops_crash.h"

#include "ops/upsert.h"

static char *source_dir;
static char source[600], source_by_id[600];

/* ---- upsert: of the partition's rows one is replaced, others go; a partition is new ---- */

static void set_up_upsert(struct lam_store *data) {
  put_rows(data, "p=1/f1.parquet", 1, 2);
  put_rows(data, "p=2/f1.parquet", 3, 1);
  put_rows(data, "p=3/f1.parquet", 4, 1);
}
static void make_source(void) {
  source_dir = new_temporary();
  snprintf(source, sizeof source, "%s/s.csv", source_dir);
  FILE *file = fopen(source, "w");
  fputs("p,id,text,value\n1,11,r11,2.75\n2,12,r12,3\n4,13,r13,3.25\n", file);
  fclose(file);
  snprintf(source_by_id, sizeof source_by_id, "%s/by_id.csv", source_dir);
  file = fopen(source_by_id, "w");
  fputs("p,id,text,value\n2,2,r2,0.5\n4,13,r13,3.25\n", file);
  fclose(file);
}

static enum lam_status upsert_from(struct lam_directory *directory, const char *from, const char *key,
                                   enum lam_change_mode mode, uint64_t *sequence, struct lam_error *error) {
  const char *const sources[] = {from}, *const keys[] = {key};
  struct lam_upsert_options options = LAM_UPSERT_OPTIONS_INIT;
  struct lam_edit_result result = LAM_EDIT_RESULT_INIT;
  options.sources = sources;
  options.source_count = 1;
  options.keys = keys;
  options.key_count = 1;
  options.change.mode = mode;
  options.change.backup_dir = crash_backup_dir;
  enum lam_status status = lam_upsert_directory(directory, &options, &result, error);
  *sequence = result.sequence;
  return status;
}
static enum lam_status run_upsert(struct lam_directory *directory, uint64_t *sequence, struct lam_error *error) {
  return upsert_from(directory, source, "p", LAM_MODE_REWRITE, sequence, error);
}
static const struct crash_scenario upsert = {
    .name = "upsert",
    .set_up = set_up_upsert,
    .run = run_upsert,
    .before = "p=1:1,2,;p=2:3,;p=3:4,;",
    .after = "p=1:11,;p=2:12,;p=3:4,;p=4:13,;",
    .keeps = true,
};

/* ---- the same by an id, in place: a row moves, another one is new; and what goes is kept ---- */

static void set_up_groups(struct lam_store *data) {
  put_groups(data, "p=1/f1.parquet", 1, 5, 2);
  put_rows(data, "p=2/f1.parquet", 6, 1);
}
static enum lam_status run_in_place(struct lam_directory *directory, uint64_t *sequence, struct lam_error *error) {
  return upsert_from(directory, source_by_id, "id", LAM_MODE_APPEND, sequence, error);
}
static const struct crash_scenario in_place = {
    .name = "upsert in place",
    .set_up = set_up_groups,
    .run = run_in_place,
    .before = "p=1:1,2,3,4,5,;p=2:6,;",
    .after = "p=1:1,3,4,5,;p=2:6,2,;p=4:13,;",
    .by_files = true,
    .in_place = true,
    .keeps = true,
};

/* ---- dedup ---- */

static void set_up_dedup(struct lam_store *data) {
  static const int64_t one[] = {1, 2, 1}, two[] = {2, 3}, three[] = {3, 1};
  put_ids(data, "p=1/f1.parquet", one, 3);
  put_ids(data, "p=2/f1.parquet", two, 2);
  put_ids(data, "p=3/f1.parquet", three, 2);
}
static enum lam_status dedup_in_mode(struct lam_directory *directory, uint32_t mode, uint64_t *sequence,
                                     struct lam_error *error) {
  const char *const keys[] = {"id"};
  struct lam_dedup_options options = LAM_DEDUP_OPTIONS_INIT;
  struct lam_edit_result result = LAM_EDIT_RESULT_INIT;
  options.keys = keys;
  options.key_count = 1;
  options.change.mode = mode;
  options.change.backup_dir = crash_backup_dir;
  enum lam_status status = lam_dedup_directory(directory, &options, &result, error);
  *sequence = result.sequence;
  return status;
}
static enum lam_status run_dedup(struct lam_directory *directory, uint64_t *sequence, struct lam_error *error) {
  return dedup_in_mode(directory, LAM_MODE_REWRITE, sequence, error);
}
static enum lam_status run_dedup_in_place(struct lam_directory *directory, uint64_t *sequence,
                                          struct lam_error *error) {
  return dedup_in_mode(directory, LAM_MODE_APPEND, sequence, error);
}
static void set_up_overlap(struct lam_store *data) {
  put_groups(data, "p=1/f1.parquet", 1, 5, 2);
  put_groups(data, "p=2/f1.parquet", 4, 5, 2);
}
static const struct crash_scenario dedup_in_place = {
    .name = "dedup in place",
    .set_up = set_up_overlap,
    .run = run_dedup_in_place,
    .before = "p=1:1,2,3,4,5,;p=2:4,5,6,7,8,;",
    .after = "p=1:1,2,3,4,5,;p=2:6,7,8,;",
    .by_files = true,
    .in_place = true,
    .keeps = true,
};
static const struct crash_scenario dedup = {
    .name = "dedup",
    .set_up = set_up_dedup,
    .run = run_dedup,
    .before = "p=1:1,2,1,;p=2:2,3,;p=3:3,1,;",
    .after = "p=1:1,2,;p=2:3,;",
};

/* Another program writes at every call: a key of the source into its partition, or one elsewhere. The result is that
 * of one order of both, or a conflict. */
static void stop_for(const char *key, int64_t id, const char *first, const char *second) {
  for (uint64_t at = 1;; at++) {
    struct crash_world w;
    uint64_t sequence;
    struct lam_error error = LAM_ERROR_INIT;
    begin_world(&w, &upsert, false);
    struct crash_intruder intruder = {w.data, key, id};
    fault_arm(w.fault, &(struct fault_plan){.at = at, .action = FAULT_CALL, .call = intrude, .user = &intruder});
    enum lam_status status = run_in_world(&w, &upsert, &sequence, &error);
    bool more = fault_count(w.fault) >= at;
    fault_arm(w.fault, NULL);
    if (more) {
      char *seen = rows_of_plain(w.data);
      bool fine = strcmp(seen, first) == 0 || strcmp(seen, second) == 0;
      if (!fine || status != LAM_OK) print_message("at %llu: %s %s\n", (unsigned long long)at, seen, error.message);
      want_ok(status, &error);
      assert_true(fine);
      free(seen);
    }
    end_world(&w);
    if (!more) break;
    assert_true(at < 10000);
  }
}
static void test_other_writers(void **state) {
  (void)state;
  /* Into a partition of the source: its row is replaced with the others, or comes after. */
  stop_for("p=1/g.parquet", 6, "p=1:11,;p=2:12,;p=3:4,;p=4:13,;", "p=1:11,6,;p=2:12,;p=3:4,;p=4:13,;");
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
      CRASH_TEST_WITH(errors, upsert, set_up, tear_down),
      CRASH_TEST_WITH(errors, dedup, set_up, tear_down),
      CRASH_TEST_WITH(full_disk, upsert, set_up, tear_down),
      CRASH_TEST_WITH(full_disk, dedup, set_up, tear_down),
      CRASH_TEST_WITH(power_cut, upsert, set_up, tear_down),
      CRASH_TEST_WITH(power_cut, dedup, set_up, tear_down),
      CRASH_TEST_WITH(errors, in_place, set_up, tear_down),
      CRASH_TEST_WITH(power_cut, in_place, set_up, tear_down),
      CRASH_TEST_WITH(errors, dedup_in_place, set_up, tear_down),
      CRASH_TEST_WITH(power_cut, dedup_in_place, set_up, tear_down),
      CRASH_TEST_WITH(recovery, upsert, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_other_writers, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
