/* Commits on a real file system: conflicts, several writers, backups, what stays and what goes, and death at a sample
 * of moments. The exhaustive tests are in tests/crash/crash_commit.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "fault_store.h"
#include "table/journal.h"
#include "table_support.h"

static struct lam_context *context;
static struct lam_mem *mem;
static char *root;
static struct lam_store *all; /* a temporary directory with the table "t" */
static struct lam_directory *table;
static int64_t clock_seconds;
static int64_t test_now(void) {
  return clock_seconds;
}

static const char *path_of(const char *name) {
  static char path[4][600];
  static int next;
  char *out = path[next++ % 4];
  snprintf(out, sizeof path[0], "%s/%s", root, name);
  return out;
}

/* An operation under way. */
struct operation {
  struct lam_stage stage;
  struct lam_snapshot snapshot;
  struct lam_change change;
  struct lam_commit_result result;
};
static void begin(struct operation *operation, struct lam_directory *directory) {
  OK(lam_stage_begin(directory, &operation->stage, &error));
  OK(lam_snapshot_open(directory, NULL, &operation->snapshot, &error));
  lam_change_init(&operation->change, mem);
  operation->change.known = &operation->snapshot;
}
static void end(struct operation *operation) {
  lam_stage_end(&operation->stage, &operation->result);
  lam_change_release(&operation->change);
  lam_snapshot_release(&operation->snapshot);
}
static void removes(struct operation *operation, const char *key) {
  assert_non_null(file_of(&operation->snapshot, key));
  OK(lam_change_remove(&operation->change, file_of(&operation->snapshot, key), &error));
}
static void adds(struct operation *operation, const char *key, const char *text) {
  char *staged, *none;
  OK(lam_stage_file(&operation->stage, "", &operation->change.arena, &staged, &none, &error));
  assert_null(strstr(staged, ".parquet"));
  put_object(operation->stage.directory->meta, staged, text);
  OK(lam_change_add(&operation->change, staged, key, &error));
}
static enum lam_status commit(struct operation *operation, const struct lam_commit_options *options,
                              struct lam_error *error) {
  return lam_commit(&operation->stage, &operation->change, options, &operation->result, error);
}

static void test_one(void **state) {
  (void)state;
  struct operation one;
  assert_int_equal(chmod(path_of("t/a=1/f1.parquet"), 0640), 0);
  assert_int_equal(chmod(path_of("t/a=1"), 0750), 0);
  put_file(all, "t/a=1/notes.txt", "notes");
  begin(&one, table);
  removes(&one, "a=1/f1.parquet");
  removes(&one, "a=1/f2.parquet");
  adds(&one, "a=1/n.parquet", "AB");
  adds(&one, "a=9/n.parquet", "Z");
  OK(commit(&one, NULL, &error));
  assert_int_equal(one.result.sequence, 1);
  assert_int_equal(one.result.directories_exchanged, 1);
  assert_int_equal(one.result.directories_new, 1);
  end(&one);
  want_tree(table->data, mem, "a=1/f3.parquet=C;a=1/n.parquet=AB;a=2/f1.parquet=D;a=2/f2.parquet=E;a=9/n.parquet=Z;");
  assert_true(there(all, "t/a=1/notes.txt"));
  assert_int_equal(info_of(all, "t/a=1/n.parquet").mode, 0640);
  assert_int_equal(info_of(all, "t/a=1").mode, 0750);
  assert_int_equal(info_of(all, "t/a=1/f3.parquet").links, 1);
  assert_false(there(all, "t.lamella/journal"));
  struct lam_arena arena;
  struct lam_entries entries;
  lam_arena_init(&arena, mem);
  OK(lam_list(table->meta, "stage", &arena, &entries, &error));
  assert_int_equal(entries.count, 0);
  lam_arena_release(&arena);
}

/* The root of a table is not exchanged: a shell may stand in it. */
static void test_root(void **state) {
  (void)state;
  put_file(all, "t/r1.parquet", "R");
  put_file(all, "t/r2.parquet", "S");
  uint64_t inode = info_of(all, "t").inode;
  struct operation one;
  begin(&one, table);
  removes(&one, "r1.parquet");
  removes(&one, "r2.parquet");
  adds(&one, "n.parquet", "RS");
  OK(commit(&one, NULL, &error));
  assert_int_equal(one.result.directories_exchanged, 0);
  assert_int_equal(one.result.files_moved, 3);
  end(&one);
  assert_int_equal(info_of(all, "t").inode, inode);
  assert_true(there(all, "t/n.parquet") && !there(all, "t/r1.parquet"));
}

static void test_conflicts(void **state) {
  (void)state;
  char *old = tree_of(all, mem, true);
  for (int i = 0; i < 6; i++) {
    struct operation one;
    begin(&one, table);
    removes(&one, "a=1/f1.parquet");
    adds(&one, "a=1/n.parquet", "A");
    OK(lam_change_read(&one.change, file_of(&one.snapshot, "a=2/f1.parquet"), &error));
    if (i == 4 || i == 5) OK(lam_change_scope(&one.change, i == 4 ? "" : "a=2", &error));
    static const struct {
      const char *key, *says;
    } cases[] = {{"t/a=1/f1.parquet", "a=1/f1.parquet was changed by another writer"},
                 {"t/a=1/f1.parquet", "a=1/f1.parquet was removed by another writer"},
                 {"t/a=2/f1.parquet", "a=2/f1.parquet was changed"},
                 {"t/a=1/n.parquet", "is there already"},
                 {"t/a=3/x.parquet", "a=3/x.parquet was added"},
                 {"t/a=2/x.parquet", "a=2/x.parquet was added"}};
    char *text = NULL;
    if (i < 3) {
      struct lam_buf bytes;
      lam_buf_init(&bytes, mem);
      OK(lam_store_get(all, cases[i].key, 100, &bytes, &error));
      text = strndup((const char *)bytes.data, bytes.size);
      lam_buf_release(&bytes);
      OK(all->ops->remove(all, cases[i].key, &error));
    }
    if (i != 1) put_file(all, cases[i].key, "X");
    FAILS(commit(&one, NULL, &error), i == 3 ? LAM_EXISTS : LAM_CONFLICT, cases[i].says);
    assert_int_equal(one.result.sequence, 0);
    end(&one);
    if (i != 1) OK(all->ops->remove(all, cases[i].key, &error));
    if (text) put_file(all, cases[i].key, text);
    free(text);
    want_tree(all, mem, old);
  }
  free(old);
}

static void test_scope_unchanged(void **state) {
  (void)state;
  struct operation one;
  begin(&one, table);
  removes(&one, "a=1/f1.parquet");
  OK(lam_change_scope(&one.change, "", &error));
  OK(commit(&one, NULL, &error));
  end(&one);
  assert_false(there(all, "t/a=1/f1.parquet"));
}

static void test_two_writers(void **state) {
  (void)state;
  struct operation one, two, three;
  struct lam_lock *lock;
  begin(&one, table);
  begin(&two, table);
  begin(&three, table);
  removes(&one, "a=1/f1.parquet");
  adds(&one, "a=1/n1.parquet", "A");
  removes(&two, "a=1/f1.parquet");
  adds(&two, "a=1/n2.parquet", "A");
  removes(&three, "a=1/f2.parquet");
  adds(&three, "a=1/n3.parquet", "B");
  struct lam_commit_options no_wait = {.no_wait = true};
  OK(all->ops->lock(all, "t.lamella/lock", false, &lock, &error));
  FAILS(commit(&one, &no_wait, &error), LAM_CONFLICT, "holds it");
  all->ops->unlock(lock);
  OK(commit(&one, &no_wait, &error));
  FAILS(commit(&two, NULL, &error), LAM_CONFLICT, "a=1/f1.parquet was removed");
  OK(commit(&three, NULL, &error)); /* other inputs: no conflict */
  assert_int_equal(three.result.sequence, 2);
  end(&one), end(&two), end(&three);
  want_tree(table->data, mem, "a=1/f3.parquet=C;a=1/n1.parquet=A;a=1/n3.parquet=B;a=2/f1.parquet=D;a=2/f2.parquet=E;");
}

/* A reader of an older snapshot reads on until the grace is over. */
static void test_grace(void **state) {
  (void)state;
  struct lam_snapshot snapshot;
  struct lam_arena arena;
  OK(lam_snapshot_open(table, NULL, &snapshot, &error));
  char *old = snapshot_text(table, &snapshot);
  for (int i = 0; i < 3; i++) {
    struct operation one;
    char key[32];
    begin(&one, table);
    if (i == 0) removes(&one, "a=1/f1.parquet");
    if (i == 1) removes(&one, "a=2/f1.parquet");
    snprintf(key, sizeof key, "a=3/n%d.parquet", i);
    adds(&one, key, "N");
    if (i == 2) clock_seconds += LAM_GRACE_SECONDS + 1;
    OK(commit(&one, NULL, &error));
    end(&one);
    if (i == 2) break;
    char *now = snapshot_text(table, &snapshot);
    assert_string_equal(now, old);
    free(now);
  }
  struct lam_store *store;
  const char *key;
  lam_arena_init(&arena, mem);
  FAILS(lam_snapshot_locate(table, &snapshot, file_of(&snapshot, "a=1/f1.parquet"), &arena, &store, &key, &error),
        LAM_NOT_FOUND, "was replaced or removed since");
  assert_false(there(all, "t.lamella/retired/1") || there(all, "t.lamella/retired/2"));
  lam_arena_release(&arena);
  lam_snapshot_release(&snapshot);
  free(old);
}

/* Names as long as file systems have them leave no room for what is put behind them. */
static void test_long_names(void **state) {
  (void)state;
  static const char *const directories[] = {"", "a=1/"}; /* renamed one by one, and exchanged */
  for (int i = 0; i < 2; i++) {
    char name[256], keys[3][300];
    memset(name, 'n', 255);
    strcpy(name + 247, ".parquet");
    for (int k = 0; k < 3; k++) {
      name[246] = (char)('a' + k); /* the same where they are cut */
      snprintf(keys[k], sizeof keys[k], "%s%s", directories[i], name);
    }
    for (int k = 0; k < 2; k++) put_file(table->data, keys[k], k ? "Y" : "X");
    struct lam_snapshot before;
    struct operation one;
    OK(lam_snapshot_open(table, NULL, &before, &error));
    char *old = snapshot_text(table, &before);
    begin(&one, table);
    removes(&one, keys[0]);
    removes(&one, keys[1]);
    adds(&one, keys[2], "XY");
    OK(commit(&one, NULL, &error));
    assert_true(one.result.applied);
    assert_int_equal(one.result.directories_exchanged, i);
    end(&one);
    assert_true(there(table->data, keys[2]) && !there(table->data, keys[0]) && !there(table->data, keys[1]));
    char *now = snapshot_text(table, &before); /* out of retired/ */
    assert_string_equal(now, old);
    free(now);
    free(old);
    lam_snapshot_release(&before);
  }
}

static void test_backup(void **state) {
  (void)state;
  struct lam_store *backup;
  FAILS(lam_backup_open(table, path_of("t/backup"), &backup, &error), LAM_INVALID, "must lie outside");
  OK(lam_backup_open(table, path_of("backup"), &backup, &error));
  struct lam_commit_options options = {.backup = backup, .grace_seconds = -1};
  char folders[2][320], key[600];
  for (int i = 0; i < 2; i++) {
    struct operation one;
    begin(&one, table);
    removes(&one, "a=1/f1.parquet"); /* the same name twice: lesson 10 */
    adds(&one, "a=1/f1.parquet", i ? "a2" : "a1");
    OK(commit(&one, &options, &error));
    strcpy(folders[i], one.result.backup);
    end(&one);
  }
  assert_string_not_equal(folders[0], folders[1]);
  snprintf(key, sizeof key, "%s/a=1/f1.parquet", folders[0]);
  want_bytes(backup, key, "A");
  snprintf(key, sizeof key, "%s/a=1/f1.parquet", folders[1]);
  want_bytes(backup, key, "a1");
  snprintf(key, sizeof key, "%s/manifest", folders[1]);
  struct lam_buf text;
  struct lam_journal journal;
  lam_buf_init(&text, mem);
  OK(lam_store_get(backup, key, 10000, &text, &error));
  OK(lam_journal_decode(lam_bytes_of(text.data, text.size), mem, &journal, &error));
  assert_int_equal(journal.directories[0].file_count, 4); /* two go and come, two stay */
  lam_journal_release(&journal);
  lam_buf_release(&text);
  assert_false(there(all, "t.lamella/retired/1") || there(all, "t.lamella/retired/2"));
  lam_store_close(backup);
}

static void test_links_refused(void **state) {
  (void)state;
  put_file(all, "elsewhere/x.parquet", "X");
  assert_int_equal(symlink("../elsewhere", path_of("t/a=7")), 0);
  struct operation one;
  begin(&one, table);
  FAILS(lam_change_remove(&one.change, file_of(&one.snapshot, "a=7/x.parquet"), &error), LAM_UNSUPPORTED,
        "symbolic link");
  adds(&one, "a=7/n.parquet", "N");
  FAILS(commit(&one, NULL, &error), LAM_UNSUPPORTED, "symbolic link");
  assert_false(one.result.committed || one.result.in_doubt);
  end(&one);
  assert_false(there(all, "elsewhere/n.parquet"));
}

/* A directory of many tables, given as one: lesson 50. */
static void test_foreign_inside(void **state) {
  (void)state;
  put_file(all, "t/inner/_delta_log/0.json", "{}");
  put_file(all, "t/inner/p=1/x.parquet", "X");
  struct operation one;
  begin(&one, table);
  assert_string_equal(one.snapshot.foreign, "inner/_delta_log");
  removes(&one, "inner/p=1/x.parquet");
  FAILS(commit(&one, NULL, &error), LAM_UNSUPPORTED, "t/inner' is a Delta Lake table");
  end(&one);
  assert_true(there(all, "t/inner/p=1/x.parquet"));
}

static void test_nothing(void **state) {
  (void)state;
  struct operation one;
  begin(&one, table);
  OK(commit(&one, NULL, &error));
  assert_int_equal(one.result.sequence, 0);
  end(&one);
  begin(&one, table);
  removes(&one, "a=1/f1.parquet");
  removes(&one, "a=1/f1.parquet");
  FAILS(commit(&one, NULL, &error), LAM_INVALID, "twice");
  end(&one);
}

/* A damaged journal is not guessed at. A lost staged file stops the recovery before anything is touched. */
static void test_damage(void **state) {
  (void)state;
  bool recovered;
  struct lam_snapshot snapshot;
  put_object(all, "t.lamella/journal", "damaged");
  FAILS(lam_directory_recover(table, 0, true, &recovered, &error), LAM_CORRUPT, "t.lamella/journal' is damaged");
  FAILS(lam_snapshot_open(table, NULL, &snapshot, &error), LAM_CORRUPT, "is damaged");
  OK(all->ops->remove(all, "t.lamella/journal", &error));

  struct lam_object_info live = info_of(all, "t/a=1/f1.parquet");
  struct lam_journal_file files[] = {{LAM_JOURNAL_REMOVE, "f1.parquet", lam_identity_of(&live), 0},
                                     {LAM_JOURNAL_ADD, "n.parquet", {1, 2, 3}, 0}};
  struct lam_journal_directory directory = {LAM_JOURNAL_FILES, "a=1", "stage/x/dirs/0", 1, 2, files, 2};
  struct lam_journal journal = {
      .sequence = 1, .time = 1, .change = "x", .directories = &directory, .directory_count = 1};
  struct lam_buf text;
  lam_buf_init(&text, mem);
  OK(lam_journal_encode(&journal, &text, &error));
  OK(lam_store_put(table->meta, "journal", lam_bytes_of(text.data, text.size), &error));
  lam_buf_release(&text);
  FAILS(lam_directory_recover(table, 0, true, &recovered, &error), LAM_CORRUPT, "which it adds, is gone");
  assert_true(there(all, "t/a=1/f1.parquet"));
}

static void test_lease(void **state) {
  (void)state;
  struct operation one;
  bool recovered;
  begin(&one, table);
  adds(&one, "a=1/n.parquet", "N");
  clock_seconds += LAM_LEASE_SECONDS - 10;
  OK(lam_directory_recover(table, 0, true, &recovered, &error));
  OK(lam_stage_renew(&one.stage, &error));
  clock_seconds += LAM_LEASE_SECONDS - 10;
  OK(lam_directory_recover(table, 0, true, &recovered, &error));
  OK(commit(&one, NULL, &error));
  end(&one);
  begin(&one, table);
  clock_seconds += LAM_LEASE_SECONDS + 10;
  OK(lam_directory_recover(table, 0, true, &recovered, &error));
  assert_false(there(table->meta, one.stage.prefix));
  end(&one);
}

/* The process dies at every third operation of a commit on the local store. */
static void test_killed(void **state) {
  (void)state;
  char *old = tree_of(all, mem, true);
  int status = 0;
  for (uint64_t at = 1;; at += 3) {
    if (at > 1) {
      OK(lam_store_remove_tree(all, "t", &error));
      OK(lam_store_remove_tree(all, "t.lamella", &error));
      static const char *const keys[] = {"t/a=1/f1.parquet", "t/a=1/f2.parquet", "t/a=1/f3.parquet", "t/a=2/f1.parquet",
                                         "t/a=2/f2.parquet"};
      OK(all->ops->make_directory(all, "t", &error));
      OK(all->ops->make_directory(all, "t.lamella", &error));
      for (int i = 0; i < 5; i++) put_file(all, keys[i], (const char[]){(char)('A' + i), 0});
    }
    pid_t child = fork();
    if (child == 0) {
      struct fault *fault;
      struct lam_store *data, *meta, *bad_data, *bad_meta;
      struct lam_directory *directory;
      struct operation one;
      OK(lam_store_local(context, path_of("t"), &data, &error));
      OK(lam_store_local(context, path_of("t.lamella"), &meta, &error));
      fault_create(&fault);
      fault_wrap(fault, data, &bad_data);
      fault_wrap(fault, meta, &bad_meta);
      OK(lam_directory_open_stores(context, bad_data, bad_meta, "t", mem, &directory, &error));
      fault_arm(fault, &(struct fault_plan){.at = at, .action = FAULT_EXIT});
      begin(&one, directory);
      removes(&one, "a=1/f1.parquet");
      removes(&one, "a=1/f2.parquet");
      removes(&one, "a=2/f1.parquet");
      removes(&one, "a=2/f2.parquet");
      adds(&one, "a=1/n.parquet", "AB");
      adds(&one, "a=2/n.parquet", "DE");
      _exit(commit(&one, NULL, NULL) == LAM_OK ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 1);
    struct lam_directory *directory;
    bool recovered;
    OK(lam_directory_open(context, path_of("t"), NULL, false, mem, &directory, &error));
    OK(lam_directory_recover(directory, 0, true, &recovered, &error));
    char *tree = tree_of(directory->data, mem, true);
    bool is_new = strcmp(tree, "a=1/f3.parquet=C;a=1/n.parquet=AB;a=2/n.parquet=DE;") == 0;
    if (!is_new)
      assert_string_equal(tree,
                          "a=1/f1.parquet=A;a=1/f2.parquet=B;a=1/f3.parquet=C;a=2/f1.parquet=D;a=2/f2.parquet=E;");
    free(tree);
    lam_directory_close(directory);
    if (WEXITSTATUS(status) == 0) {
      assert_true(is_new && at > 20);
      break;
    }
  }
  free(old);
}

/* ---- between a writer that stopped at the commit point and who finishes its commit ---- */

static enum lam_status no_exchange(struct lam_store *from, const char *from_key, struct lam_store *to,
                                   const char *to_key, struct lam_error *error) {
  (void)from, (void)from_key, (void)to;
  return lam_fail(error, LAM_IO, "no exchange with %s", to_key);
}

/* a=1: f1 and f2 become n, f3 stays; and all of the exchange is still to be done. */
static void stop_before_exchange(void) {
  struct lam_store_ops ops = *table->data->ops;
  const struct lam_store_ops *before = table->data->ops;
  struct operation one;
  ops.exchange = no_exchange;
  begin(&one, table);
  removes(&one, "a=1/f1.parquet");
  removes(&one, "a=1/f2.parquet");
  adds(&one, "a=1/n.parquet", "AB");
  table->data->ops = table->meta->ops = &ops;
  FAILS(commit(&one, NULL, &error), LAM_IO, "no exchange");
  table->data->ops = table->meta->ops = before;
  assert_true(one.result.committed && !one.result.applied);
  end(&one);
}

static void test_removed_meanwhile(void **state) {
  (void)state;
  bool recovered;
  stop_before_exchange();
  OK(table->data->ops->remove(table->data, "a=1/f3.parquet", &error));
  OK(lam_directory_recover(table, 0, true, &recovered, &error));
  assert_true(recovered);
  want_tree(table->data, mem, "a=1/n.parquet=AB;a=2/f1.parquet=D;a=2/f2.parquet=E;");
}

/* The files of the directory that was there do not come back beside those of the one that took its place. */
static void test_replaced_meanwhile(void **state) {
  (void)state;
  bool recovered;
  stop_before_exchange();
  assert_int_equal(rename(path_of("t/a=1"), path_of("old")), 0);
  put_file(all, "t/a=1/other.parquet", "O");
  OK(lam_directory_recover(table, 0, true, &recovered, &error));
  assert_true(recovered);
  want_tree(table->data, mem, "a=1/n.parquet=AB;a=1/other.parquet=O;a=2/f1.parquet=D;a=2/f2.parquet=E;");
}

/* In a copy of table and state every inode is another: nothing is swept that was committed. */
static void test_copied_meanwhile(void **state) {
  (void)state;
  bool recovered;
  char command[2000];
  struct lam_directory *copy;
  stop_before_exchange();
  snprintf(command, sizeof command, "cp -a '%s' '%s' && cp -a '%s' '%s'", path_of("t"), path_of("u"),
           path_of("t.lamella"), path_of("u.lamella"));
  assert_int_equal(system(command), 0);
  OK(lam_directory_open(context, path_of("u"), NULL, false, mem, &copy, &error));
  FAILS(lam_directory_recover(copy, 0, true, &recovered, &error), LAM_CORRUPT, "were copied while it was under way");
  assert_true(there(copy->meta, "journal"));
  lam_directory_close(copy);
}

/* A journal goes only once the head that makes it void is durable. */
static size_t synced;
static enum lam_status counting_sync(struct lam_store *store, const char *key, struct lam_error *error) {
  (void)store, (void)key, (void)error;
  synced++;
  return LAM_OK;
}
static void test_applied_journal(void **state) {
  (void)state;
  struct lam_journal journal = {.sequence = 1, .change = "x"};
  struct lam_head head = {.sequence = 1};
  struct lam_store_ops ops = *table->meta->ops;
  const struct lam_store_ops *before = table->meta->ops;
  struct lam_buf text;
  bool recovered;
  lam_buf_init(&text, mem);
  OK(lam_head_encode(&head, &text, &error));
  OK(lam_store_put(table->meta, LAM_HEAD_KEY, lam_bytes_of(text.data, text.size), &error));
  OK(lam_journal_encode(&journal, &text, &error));
  OK(lam_store_put(table->meta, LAM_JOURNAL_KEY, lam_bytes_of(text.data, text.size), &error));
  lam_buf_release(&text);
  synced = 0;
  ops.sync_directory = counting_sync;
  table->meta->ops = &ops;
  OK(lam_directory_recover(table, 0, true, &recovered, &error));
  table->meta->ops = before;
  assert_int_equal(synced, 1);
  assert_false(there(table->meta, LAM_JOURNAL_KEY));
}

static int set_up(void **state) {
  (void)state;
  static const char *const keys[] = {"t/a=1/f1.parquet", "t/a=1/f2.parquet", "t/a=1/f3.parquet", "t/a=2/f1.parquet",
                                     "t/a=2/f2.parquet"};
  context = new_context();
  OK(lam_mem_open(context, 0, &mem, &error));
  root = new_temporary();
  OK(lam_store_local(context, root, &all, &error));
  for (int i = 0; i < 5; i++) put_file(all, keys[i], (const char[]){(char)('A' + i), 0});
  clock_seconds = (int64_t)time(NULL);
  OK(lam_directory_open(context, path_of("t"), NULL, false, mem, &table, &error));
  table->now = test_now;
  OK(lam_directory_prepare(table, &error));
  return 0;
}
static int tear_down(void **state) {
  (void)state;
  lam_directory_close(table);
  lam_store_close(all);
  remove_temporary(context, root);
  lam_mem_close(mem);
  lam_context_free(context);
  return 0;
}

/* ---- what would fail past the commit point is refused before it ---- */

static const struct lam_store_ops *real_ops;
static const char *odd_key;    /* the directory of which stat says otherwise */
static bool odd_device, asked; /* else it may not be written */
static enum lam_status odd_stat(struct lam_store *store, const char *key, struct lam_object_info *out,
                                struct lam_error *error) {
  LAM_TRY(real_ops->stat(store, key, out, error));
  if (strcmp(key, odd_key) != 0) return LAM_OK;
  asked = true;
  out->device += odd_device;
  out->writable = out->writable && odd_device;
  return LAM_OK;
}

static void test_unrenamable(void **state) {
  (void)state;
  static const struct {
    const char *odd, *add, *expected; /* NULL: done, without an exchange */
    bool device;
  } cases[] = {
      {"a=1", "a=1/n.parquet", "may not be written by this user", false},
      {"a=1", "a=1/n.parquet", "are on different file systems", true},
      {"", "b/c/n.parquet", "may not be written by this user", false},
      {"", "a=1/n.parquet", NULL, false},
  };
  char *before = tree_of(table->data, mem, true);
  struct lam_store_ops ops = *table->data->ops;
  real_ops = table->data->ops;
  ops.stat = odd_stat;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct operation one;
    odd_key = cases[i].odd;
    odd_device = cases[i].device;
    asked = false;
    begin(&one, table);
    removes(&one, "a=1/f1.parquet");
    adds(&one, cases[i].add, "A");
    table->data->ops = table->meta->ops = &ops; /* pairs of stores are of one kind */
    struct lam_error failure = LAM_ERROR_INIT;
    enum lam_status status = commit(&one, NULL, &failure);
    table->data->ops = table->meta->ops = real_ops;
    assert_true(asked);
    assert_int_equal(status == LAM_OK, cases[i].expected == NULL);
    if (cases[i].expected) {
      assert_non_null(strstr(failure.message, cases[i].expected));
      assert_false(one.result.committed);
      assert_false(there(all, "t.lamella/journal"));
      want_tree(table->data, mem, before);
    } else {
      assert_int_equal(one.result.directories_exchanged, 0);
    }
    end(&one);
  }
  free(before);
}

/* What the system says of a directory that a user may not write. */
static void test_read_only(void **state) {
  (void)state;
  assert_int_equal(chmod(path_of("t/a=1"), 0555), 0);
  fflush(NULL);
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    struct lam_object_info info;
    if (geteuid() == 0 && (chmod(root, 0755) || seteuid(65534))) _exit(2);
    bool refused = table->data->ops->stat(table->data, "a=1", &info, NULL) == LAM_OK && !info.writable;
    _exit(refused ? 0 : 1);
  }
  int left;
  assert_int_equal(waitpid(child, &left, 0), child);
  assert_int_equal(left, 0);
  assert_true(info_of(all, "t/a=2").writable);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {TEST(test_one),
                                     TEST(test_root),
                                     TEST(test_conflicts),
                                     TEST(test_scope_unchanged),
                                     TEST(test_two_writers),
                                     TEST(test_grace),
                                     TEST(test_long_names),
                                     TEST(test_backup),
                                     TEST(test_links_refused),
                                     TEST(test_nothing),
                                     TEST(test_foreign_inside),
                                     TEST(test_damage),
                                     TEST(test_lease),
                                     TEST(test_killed),
                                     TEST(test_unrenamable),
                                     TEST(test_read_only),
                                     TEST(test_removed_meanwhile),
                                     TEST(test_replaced_meanwhile),
                                     TEST(test_copied_meanwhile),
                                     TEST(test_applied_journal)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
