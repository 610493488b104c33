/* A new table appears by one rename of its directory; where that cannot be, its files come one by one. */
#include "ops_support.h"

#include "table/root.h"

struct place {
  char *path;
  struct lam_store *outer, *data, *meta;
  struct lam_directory *directory;
  struct lam_stage stage;
  struct lam_change change;
};

static void open_place(struct place *p) {
  char path[320];
  snprintf(path, sizeof path, "%s/t", p->path);
  OK(lam_store_local(context, path, &p->data, &error));
  strcat(path, ".lamella");
  OK(lam_store_local(context, path, &p->meta, &error));
  p->directory = open_stores(p->data, p->meta);
}
static void close_place(struct place *p) {
  lam_directory_close(p->directory);
  lam_store_close(p->data);
  lam_store_close(p->meta);
}
/* A change that adds rows 1 and 2, and 3 in another partition. */
static void stage_file(struct place *p, const char *directory, const char *key, int64_t first, int64_t count) {
  char *staged, *unused;
  OK(lam_stage_file(&p->stage, directory, &p->change.arena, &staged, &unused, &error));
  put_rows(p->meta, staged, first, count);
  OK(lam_change_add(&p->change, staged, key, &error));
}
static void begin(struct place *p, bool as_tree) {
  p->path = new_temporary();
  OK(lam_store_local(context, p->path, &p->outer, &error));
  OK(lam_store_make_directories(p->outer, "t", &error));
  OK(lam_store_make_directories(p->outer, "t.lamella", &error));
  open_place(p);
  OK(lam_stage_begin(p->directory, &p->stage, &error));
  p->stage.as_tree = as_tree;
  lam_change_init(&p->change, mem);
  stage_file(p, "p=1", "p=1/a.parquet", 1, 2);
  stage_file(p, "p=2", "p=2/a.parquet", 3, 1);
}
/* The commit, and what the table, opened anew, then holds. */
static enum lam_status commit(struct place *p, struct lam_commit_result *result, struct lam_error *error) {
  const struct lam_commit_options options = {.no_wait = true};
  *result = (struct lam_commit_result){.sequence = 99};
  enum lam_status status = lam_commit_root(&p->stage, &p->change, &options, result, error);
  lam_stage_end(&p->stage, result);
  lam_change_release(&p->change);
  close_place(p);
  open_place(p);
  return status;
}
static void end(struct place *p, const char *expected) {
  char *seen = rows_of_reader(p->directory), *plain = rows_of_plain(p->data);
  assert_string_equal(seen, expected);
  assert_string_equal(plain, expected);
  free(seen);
  free(plain);
  close_place(p);
  lam_store_close(p->outer);
  remove_temporary(context, p->path);
}
static uint64_t inode_of_table(struct place *p) {
  return info_of(p->outer, "t").inode;
}

static void test_appears(void **state) {
  (void)state;
  for (int as_tree = 0; as_tree < 2; as_tree++) {
    struct place p;
    struct lam_commit_result result;
    begin(&p, as_tree);
    uint64_t old = inode_of_table(&p);
    OK(commit(&p, &result, &error));
    assert_true(result.committed && result.applied);
    assert_int_equal(result.sequence, 1);
    assert_true(inode_of_table(&p) != old); /* it was replaced as a whole */
    end(&p, "p=1:1,2,;p=2:3,;");
  }
}

/* Something is in the directory: its files are added beside it, and the directory stays. */
static void test_beside_others(void **state) {
  (void)state;
  struct place p;
  struct lam_commit_result result;
  begin(&p, false);
  put_file(p.data, "notes.txt", "notes");
  uint64_t old = inode_of_table(&p);
  OK(commit(&p, &result, &error));
  assert_int_equal(inode_of_table(&p), old);
  assert_true(there(p.data, "notes.txt"));
  end(&p, "p=1:1,2,;p=2:3,;");
}

static const struct lam_store_ops *true_ops;
static struct lam_store *watched; /* the table's directory */

/* Another program writes once the lock is held. */
static enum lam_status lock_late(struct lam_store *store, const char *key, bool wait, struct lam_lock **out,
                                 struct lam_error *e) {
  LAM_TRY(true_ops->lock(store, key, wait, out, e));
  put_rows(watched, "other.parquet", 7, 1);
  return LAM_OK;
}
static enum lam_status replace_within(struct lam_store *from, const char *from_key, struct lam_store *to,
                                      const char *to_key, struct lam_error *e) {
  if (from == to) return true_ops->replace(from, from_key, to, to_key, e);
  return lam_fail(e, LAM_IO, "no move of %s to %s", from_key, to_key);
}
static void test_failures(void **state) {
  (void)state;
  static const struct {
    enum lam_status expected;
    const char *message, *after;
  } cases[] = {{LAM_CONFLICT, "'other.parquet' was written meanwhile", ":7,;"}, {LAM_IO, "no move of ", ""}};
  for (int i = 0; i < 2; i++) {
    struct place p;
    struct lam_commit_result result;
    begin(&p, true);
    struct lam_store_ops ops = *p.meta->ops;
    true_ops = p.meta->ops;
    watched = p.data;
    if (i == 0) ops.lock = lock_late;
    if (i == 1) ops.replace = replace_within;
    p.meta->ops = &ops;
    FAILS(commit(&p, &result, &error), cases[i].expected, cases[i].message);
    assert_false(result.committed);
    assert_int_equal(result.sequence, 0);
    assert_true(there(p.outer, "t")); /* the empty directory is there again */
    end(&p, cases[i].after);
  }
}

/* A store in memory has no directory to replace. */
static void test_in_memory(void **state) {
  (void)state;
  struct place p = {.path = NULL};
  const struct lam_commit_options options = {.no_wait = true};
  struct lam_commit_result result;
  OK(lam_store_memory(context, &p.data, &error));
  OK(lam_store_memory_beside(p.data, &p.meta, &error));
  p.directory = open_stores(p.data, p.meta);
  OK(lam_stage_begin(p.directory, &p.stage, &error));
  lam_change_init(&p.change, mem);
  stage_file(&p, "", "a.parquet", 1, 2);
  OK(lam_commit_root(&p.stage, &p.change, &options, &result, &error));
  assert_int_equal(result.sequence, 1);
  lam_stage_end(&p.stage, &result);
  lam_change_release(&p.change);
  want_rows(p.data, p.meta, ":1,2,;");
  close_place(&p);
}

int main(void) {
  const struct CMUnitTest tests[] = {OPS_TEST(test_appears), OPS_TEST(test_beside_others), OPS_TEST(test_failures),
                                     OPS_TEST(test_in_memory)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
