/* A restore, stopped as crash_compact.c stops a compaction. The operation that it undoes has merged two files, removed
 * a partition and added another; its backup lies in a store of its own, whose files are linked or copied. */
#include "ops_crash.h"

#include "ops/restore.h"
#include "table/backup.h"

static char folder[320]; /* of the backup */

static void set_up_table(struct lam_store *data) {
  static const struct {
    const char *key;
    int64_t first, count;
  } files[] = {
      {"g=1/f1.parquet", 1, 1}, {"g=1/f2.parquet", 2, 2}, {"g=2/h=1/f1.parquet", 4, 2}, {"g=3/f1.parquet", 6, 1}};
  for (size_t i = 0; i < sizeof files / sizeof *files; i++)
    put_rows(data, files[i].key, files[i].first, files[i].count);
  put_object(data, "_metadata", "summary");
  put_object(data, "g=1/.f1.parquet.crc", "sum");
}

static void stage_rows(struct lam_stage *stage, struct lam_change *change, const char *final, int64_t first,
                       int64_t count) {
  char *staged, *key;
  OK(lam_stage_file(stage, "", &change->arena, &staged, &key, &error));
  put_rows(stage->directory->meta, staged, first, count);
  OK(lam_change_add(change, staged, final, &error));
}

static void change_with_backup(struct crash_world *w) {
  static const char *const removed[] = {"g=1/f1.parquet", "g=1/f2.parquet", "g=2/h=1/f1.parquet"};
  struct lam_directory *directory = open_world(w->data, w->meta);
  struct lam_commit_options options = {.backup = w->backup};
  struct lam_commit_result result;
  struct lam_snapshot snapshot;
  struct lam_change change;
  struct lam_stage stage;
  OK(lam_stage_begin(directory, &stage, &error));
  OK(lam_snapshot_open(directory, NULL, &snapshot, &error));
  lam_change_init(&change, mem);
  for (size_t i = 0; i < 3; i++) OK(lam_change_remove(&change, file_of(&snapshot, removed[i]), &error));
  stage_rows(&stage, &change, "g=1/n.parquet", 2, 2);
  stage_rows(&stage, &change, "g=4/h=2/n.parquet", 8, 1);
  OK(lam_commit(&stage, &change, &options, &result, &error));
  strcpy(folder, result.backup);
  lam_stage_end(&stage, &result);
  lam_change_release(&change);
  lam_snapshot_release(&snapshot);
  lam_directory_close(directory);
}

static enum lam_status run_restore(struct lam_directory *directory, uint64_t *sequence, struct lam_error *error) {
  struct lam_change_options options = LAM_CHANGE_OPTIONS_INIT;
  struct lam_edit_result result = LAM_EDIT_RESULT_INIT;
  struct lam_journal manifest;
  LAM_TRY(lam_backup_read(crash_backup, folder, mem, &manifest, error));
  enum lam_status status = lam_restore_directory(directory, crash_backup, folder, &manifest, &options, &result, error);
  lam_journal_release(&manifest);
  *sequence = result.sequence;
  return status;
}
static const struct crash_scenario restore = {
    .name = "restore",
    .set_up = set_up_table,
    .prepare = change_with_backup,
    .run = run_restore,
    .before = "g=1:2,3,;g=3:6,;g=4/h=2:8,;",
    .after = "g=1:1,2,3,;g=2/h=1:4,5,;g=3:6,;",
};

/* What it leaves is the table as it was: summaries, checksum files and directories too. */
static void test_everything_returns(void **state) {
  (void)state;
  struct crash_world w;
  uint64_t sequence;
  begin_world(&w, &restore, false);
  assert_false(there(w.data, "_metadata") || there(w.data, "g=1/.f1.parquet.crc") || there(w.data, "g=2"));
  OK(run_in_world(&w, &restore, &sequence, &error));
  assert_int_equal(sequence, 2);
  want_bytes(w.data, "_metadata", "summary");
  want_bytes(w.data, "g=1/.f1.parquet.crc", "sum");
  assert_false(there(w.data, "g=4"));
  end_world(&w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      CRASH_TEST(errors, restore),   CRASH_TEST(full_disk, restore),    CRASH_TEST(power_cut, restore),
      CRASH_TEST(recovery, restore), OPS_TEST(test_everything_returns),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
