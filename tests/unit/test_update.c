/* Updates on stores in memory: what is counted, copied, moved, refused. Values are tested against other engines in
 * tests/integration/test_edit.py. */
#include "change_support.h"

static enum lam_status try_update(struct world *w, const char *set, const char *where,
                                  const struct lam_change_options *change, struct lam_edit_result *result,
                                  struct lam_error *error) {
  struct lam_update_options options = LAM_UPDATE_OPTIONS_INIT;
  if (change) options.change = *change;
  options.set = set;
  options.where = where;
  *result = (struct lam_edit_result)LAM_EDIT_RESULT_INIT;
  return lam_update_directory(w->directory, &options, result, error);
}
/* With a dry run before, and without row groups put together from chunks where `verify`. */
static struct lam_edit_result update(struct world *w, const char *set, const char *where, bool verify) {
  struct lam_change_options change = LAM_CHANGE_OPTIONS_INIT;
  struct lam_edit_result dry, run;
  change.verify_full = verify;
  change.dry_run = true;
  OK(try_update(w, set, where, &change, &dry, &error));
  WANT(dry, sequence, 0);
  change.dry_run = false;
  OK(try_update(w, set, where, &change, &run, &error));
  want_same_counts(&dry, &run);
  return run;
}
static void fails(struct world *w, const char *set, const char *where, enum lam_status wanted, const char *message) {
  struct lam_error why = LAM_ERROR_INIT;
  struct lam_edit_result result;
  enum lam_status status = try_update(w, set, where, NULL, &result, &why);
  if (status != wanted) print_error("%s: %s\n", set, why.message);
  assert_int_equal(status, wanted);
  if (!strstr(why.message, message)) print_error("%s\n", why.message);
  assert_non_null(strstr(why.message, message));
}

static void test_counts(void **state) {
  (void)state;
  for (int verify = 0; verify < 2; verify++) {
    struct world w;
    begin_world_in_memory(&w);
    put_groups(w.data, "p=1/a.parquet", 1, 12, 4);
    put_rows(w.data, "p=2/a.parquet", 21, 3);
    struct lam_edit_result r = update(&w, "value = id / 4.0, id = id", "id in (6, 7)", verify);
    want_world(&w, "p=1:1,2,3,4,5,6,7,8,9,10,11,12,;p=2:21,22,23,;");
    want_groups(&w, "p=1", "4,4,4,");
    WANT(r, rows_matched, 2);
    WANT(r, rows_updated, 2);
    WANT(r, rows_unchanged, 13);
    WANT(r, files_read, 1);
    WANT(r, files_rewritten, 1);
    WANT(r, files_added, 0);
    WANT(r, row_groups_copied, 2);
    WANT(r, row_groups_encoded, 1);
    WANT(r, partitions_affected, 1);
    WANT(r, sequence, 1);
    r = update(&w, "id = id", "id > 99", verify);
    WANT(r, sequence, 0);
    end_world_in_memory(&w);
  }
}

/* All right-hand sides see the old row: lesson 3. */
static void test_old_row(void **state) {
  (void)state;
  struct world w;
  begin_world_in_memory(&w);
  put_rows(w.data, "a.parquet", 1, 8);
  update(&w, "id = CAST(value * 4 AS int64) + 0, value = id / 4.0", "id > 3", false);
  want_world(&w, ":1,2,3,4,5,6,7,8,;");
  end_world_in_memory(&w);
}

static int64_t columns_of(struct world *w, size_t file) {
  struct lam_snapshot snapshot;
  struct lam_file *opened;
  OK(lam_snapshot_open(w->directory, NULL, &snapshot, &error));
  OK(lam_snapshot_file(w->directory, &snapshot, &snapshot.files[file], NULL, mem, &opened, &error));
  int64_t columns = lam_file_columns(opened);
  lam_file_close(opened);
  lam_snapshot_release(&snapshot);
  return columns;
}

/* Lesson 4: in every file, whatever partitions were asked for. */
static void test_new_column(void **state) {
  (void)state;
  for (int verify = 0; verify < 2; verify++) {
    struct world w;
    struct lam_change_options change = LAM_CHANGE_OPTIONS_INIT;
    struct lam_edit_result r;
    begin_world_in_memory(&w);
    put_groups(w.data, "p=1/a.parquet", 1, 5, 2);
    put_groups(w.data, "p=2/a.parquet", 11, 4, 2);
    put_rows(w.data, "p=2/b.parquet", 21, 0);
    change.partitions = (const char *const[]){"p=1"};
    change.partition_count = 1;
    change.verify_full = verify;
    OK(try_update(&w, "twice = id * 2", "id >= 4", &change, &r, &error));
    WANT(r, rows_updated, 2);
    WANT(r, rows_unchanged, 3);
    WANT(r, files_scanned, 1);
    WANT(r, partitions_scanned, 1);
    WANT(r, partitions_affected, 1);
    WANT(r, files_rewritten, 3);
    WANT(r, row_groups_encoded, 2);
    WANT(r, row_groups_copied, 3);
    for (size_t i = 0; i < 3; i++) assert_int_equal(columns_of(&w, i), 4);
    want_world(&w, "p=1:1+,2+,3+,4+,5+,;p=2:11+,12+,13+,14+,;");
    want_groups(&w, "p=1", "2,2,1,");
    r = delete_rows(&w, "twice is null", false);
    WANT(r, rows_deleted, 7);
    r = delete_rows(&w, "twice = 2 * id", false);
    WANT(r, rows_deleted, 2);
    end_world_in_memory(&w);
  }
}

/* Lesson 5, of a column that only the path has. */
static void test_moves(void **state) {
  (void)state;
  struct world w;
  begin_world_in_memory(&w);
  put_groups(w.data, "p=1/a.parquet", 1, 6, 2);
  put_rows(w.data, "p=2/a.parquet", 11, 2);
  struct lam_edit_result r = update(&w, "p = 3", "id in (2, 11)", false);
  want_world(&w, "p=1:1,3,4,5,6,;p=2:12,;p=3:2,11,;");
  WANT(r, rows_updated, 2);
  WANT(r, files_rewritten, 2);
  WANT(r, files_added, 1);
  WANT(r, partitions_affected, 3);
  r = update(&w, "p = CASE WHEN id = 12 THEN 1 ELSE p END", "id between 12 and 99 or id = 1", false);
  want_world(&w, "p=1:1,3,4,5,6,12,;p=3:2,11,;");
  WANT(r, rows_updated, 2);
  WANT(r, files_removed, 1);
  WANT(r, partitions_affected, 2);
  assert_int_equal(columns_of(&w, 0), 3);
  /* A new column, which stands before those of the path: found by a crash. */
  r = update(&w, "p = 9, fresh = id", "id = 3", false);
  want_world(&w, "p=1:1+,4+,5+,6+,12+,;p=3:2+,11+,;p=9:3+,;");
  WANT(r, rows_updated, 1);
  WANT(r, files_added, 1);
  WANT(r, partitions_affected, 2);
  end_world_in_memory(&w);
}

static void test_refused(void **state) {
  (void)state;
  struct world w;
  begin_world_in_memory(&w);
  put_groups(w.data, "p=1/a.parquet", 1, 9, 4);
  fails(&w, "id = NULL", "id = 7", LAM_INVALID, "row group 1, row 2: the column \"id\" is NOT NULL");
  fails(&w, "value = (id - 6) * 9223372036854775807", "id > 5", LAM_INVALID, "row group 1, row 3");
  fails(&w, "id = 1, id = 2", "true", LAM_INVALID, "set twice");
  fails(&w, "fresh = NULL", "true", LAM_INVALID, "CAST(NULL AS");
  fails(&w, "id = 'x'", "true", LAM_INVALID, "\"id\"");
  fails(&w, "value = nothing", "true", LAM_NOT_FOUND, "nothing");
  fails(&w, "id 3", "true", LAM_INVALID, "what is set");
  fails(&w, NULL, "true", LAM_INVALID, "sets nothing");
  want_world(&w, "p=1:1,2,3,4,5,6,7,8,9,;");
  /* Only rows that match are looked at. */
  struct lam_edit_result r =
      update(&w, "value = CASE WHEN (id - 8) * 9223372036854775807 < 0 THEN 0.0 ELSE id / 4.0 END", "id > 7", false);
  WANT(r, rows_updated, 2);
  want_world(&w, "p=1:1,2,3,4,5,6,7,8,9,;");
  end_world_in_memory(&w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      OPS_TEST(test_counts), OPS_TEST(test_old_row), OPS_TEST(test_new_column),
      OPS_TEST(test_moves),  OPS_TEST(test_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
