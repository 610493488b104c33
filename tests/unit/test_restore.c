/* lam_restore by path: counts, the order in which operations are undone, conflicts. Every kind of operation and of
 * damage is undone or found in tests/integration/test_restore.py, every moment of death in tests/crash/crash_restore.c.
 */
#include "place_support.h"

#include "lamella/change.h"
#include "table/journal.h"

static char backups[600], table[600];

static void make(struct place *p) {
  begin(p);
  put_groups(p, "t/g=1/f1.parquet", 0, 150);
  put_groups(p, "t/g=1/f2.parquet", 150, 50);
  put_groups(p, "t/g=2/f1.parquet", 200, 10);
  snprintf(table, sizeof table, "%s/t", p->path);
  snprintf(backups, sizeof backups, "%s/backups", p->path);
}

static struct lam_compact_options with_backup(void) {
  struct lam_compact_options options = LAM_COMPACT_OPTIONS_INIT;
  options.change.backup_dir = backups;
  return options;
}

/* The only folder in the directory of backups. */
static void backup_path(struct place *p, char out[1000]) {
  struct lam_arena arena;
  struct lam_entries entries;
  lam_arena_init(&arena, mem);
  OK(lam_list(p->store, "backups", &arena, &entries, &error));
  assert_int_equal(entries.count, 1);
  snprintf(out, 1000, "%s/%s", backups, entries.items[0].name);
  lam_arena_release(&arena);
}

static void test_restore(void **state) {
  (void)state;
  struct place p;
  char backup[1000];
  make(&p);
  struct lam_compact_options compact = with_backup();
  struct lam_object_info before = info_of(p.store, "t/g=1/f1.parquet");
  OK(lam_compact(context, table, &compact, NULL, &error));
  assert_false(there(p.store, "t/g=1/f1.parquet"));
  backup_path(&p, backup);

  struct lam_change_options options = LAM_CHANGE_OPTIONS_INIT;
  struct lam_edit_result result = LAM_EDIT_RESULT_INIT;
  options.dry_run = true;
  OK(lam_restore(context, backup, NULL, &options, &result, &error));
  assert_int_equal(result.sequence, 0);
  assert_false(there(p.store, "t/g=1/f1.parquet"));
  for (int i = 0; i < 2; i++) {
    assert_int_equal(result.files_added, 2);
    assert_int_equal(result.rows_inserted, 200);
    assert_int_equal(result.files_removed, 1);
    assert_int_equal(result.rows_deleted, 200);
    assert_int_equal(result.partitions_affected, 1);
    if (i == 0) OK(lam_restore(context, backup, NULL, NULL, &result, &error));
  }
  assert_int_equal(result.sequence, 2);
  struct lam_object_info after = info_of(p.store, "t/g=1/f1.parquet");
  assert_int_equal(after.inode, before.inode);
  assert_int_equal(after.mtime_ns, before.mtime_ns);
  FAILS(lam_restore(context, backup, NULL, NULL, &result, &error), LAM_CONFLICT, "by restoring this backup before");
  end(&p);
}

/* A backup that names another place, a place that is none. */
static void test_places(void **state) {
  (void)state;
  struct place p;
  char backup[1000], moved[600];
  make(&p);
  struct lam_compact_options compact = with_backup();
  OK(lam_compact(context, table, &compact, NULL, &error));
  backup_path(&p, backup);
  OK(p.store->ops->rename(p.store, "t", p.store, "moved", &error));
  FAILS(lam_restore(context, backup, NULL, NULL, NULL, &error), LAM_NOT_FOUND, "there is no file or directory");
  snprintf(moved, sizeof moved, "%s/moved", p.path);
  OK(lam_restore(context, backup, moved, NULL, NULL, &error));
  assert_true(there(p.store, "moved/g=1/f2.parquet"));
  FAILS(lam_restore(context, moved, NULL, NULL, NULL, &error), LAM_NOT_FOUND, "is not the folder of a backup");
  FAILS(lam_restore(context, backups, NULL, NULL, NULL, &error), LAM_NOT_FOUND, "there is no 'manifest'");
  end(&p);
}

int main(void) {
  const struct CMUnitTest tests[] = {OPS_TEST(test_restore), OPS_TEST(test_places)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
