/* The frame of operations that change rows: conflicts, retries, scope, what is refused before the work. */
#include "change_support.h"

#include "ops/edit.h"
#include "ops/repartition.h"

/* An operation that replaces the first file of its scope by nothing, while others write. */
struct script {
  struct world *world;
  int intrusions; /* attempts during which another writer changes that file */
  int attempts;
  bool widens;
};

static enum lam_status remove_first(void *user, struct lam_edit *edit, struct lam_error *error) {
  struct script *script = user;
  const struct lam_edit_result counts = {.rows_deleted = 1, .files_removed = 1};
  if (script->widens) LAM_TRY(lam_edit_widen(edit, error));
  const struct lam_snapshot *snapshot = &edit->table->snapshot;
  struct lam_change change;
  size_t first = 0;
  while (!lam_edit_in_scope(edit, first)) first++;
  lam_change_init(&change, edit->mem);
  enum lam_status status = lam_change_remove(&change, &snapshot->files[first], error);
  if (status == LAM_OK) status = lam_edit_take(edit, &change, &counts, error);
  lam_change_release(&change);
  lam_edit_affect(edit, snapshot->files[first].partition);
  if (script->attempts++ < script->intrusions)
    put_rows(script->world->data, snapshot->files[first].key, 900 + script->attempts, 2);
  return status;
}

static enum lam_status run(struct script *script, const struct lam_change_options *change,
                           struct lam_edit_result *result, struct lam_error *error) {
  *result = (struct lam_edit_result)LAM_EDIT_RESULT_INIT;
  script->attempts = 0;
  return lam_edit_run(script->world->directory, change, "test", remove_first, script, result, error);
}

static void set_up(struct world *w) {
  begin_world_in_memory(w);
  put_rows(w->data, "p=1/a.parquet", 1, 3);
  put_rows(w->data, "p=1/b.parquet", 4, 2);
  put_rows(w->data, "p=2/a.parquet", 11, 2);
}

static void test_retries(void **state) {
  (void)state;
  struct world w;
  set_up(&w);
  struct script script = {.world = &w, .intrusions = 2};
  struct lam_change_options change = LAM_CHANGE_OPTIONS_INIT;
  struct lam_edit_result r;
  OK(run(&script, &change, &r, &error));
  WANT(r, retries, 2);
  assert_int_equal(script.attempts, 3);
  WANT(r, rows_deleted, 1); /* of the last attempt alone */
  WANT(r, files_removed, 1);
  WANT(r, files_scanned, 3);
  WANT(r, rows_unchanged, 5);
  WANT(r, partitions_scanned, 2);
  WANT(r, partitions_affected, 1);
  WANT(r, sequence, 1);
  want_world(&w, "p=1:4,5,;p=2:11,12,;");
  end_world_in_memory(&w);
}

static void test_conflicts(void **state) {
  (void)state;
  struct world w;
  set_up(&w);
  struct script script = {.world = &w, .intrusions = 99};
  struct lam_change_options change = LAM_CHANGE_OPTIONS_INIT;
  struct lam_edit_result r;
  struct lam_error why = LAM_ERROR_INIT;
  assert_int_equal(run(&script, &change, &r, &why), LAM_CONFLICT);
  assert_int_equal(script.attempts, 4);
  WANT(r, retries, 3);
  WANT(r, sequence, 0);
  change.no_wait = true;
  assert_int_equal(run(&script, &change, &r, &why), LAM_CONFLICT);
  assert_int_equal(script.attempts, 1);
  want_world(&w, "p=1:901,902,4,5,;p=2:11,12,;");
  end_world_in_memory(&w);
}

/* Commits of others to a table whose partition columns are in the data too are no conflict. */
static enum lam_status add_file(void *user, struct lam_edit *edit, struct lam_error *error) {
  struct script *script = user;
  struct lam_repartition_options options = LAM_REPARTITION_OPTIONS_INIT;
  options.by = script->intrusions ? "text" : "id";
  char *staged, *key;
  if (!edit->stage) return LAM_OK;
  LAM_TRY(lam_stage_file(edit->stage, "id=77", &edit->change.arena, &staged, &key, error));
  put_rows(script->world->meta, staged, 77, 1);
  LAM_TRY(lam_change_add(&edit->change, staged, key, error));
  if (script->attempts++ > 0) return LAM_OK;
  return lam_repartition_directory(script->world->directory, script->world->directory, &options, NULL, error);
}
static void test_layout(void **state) {
  (void)state;
  for (int other = 0; other < 2; other++) { /* by the same columns, by others */
    struct world w;
    set_up(&w);
    struct lam_repartition_options by = LAM_REPARTITION_OPTIONS_INIT;
    by.by = "id";
    OK(lam_repartition_directory(w.directory, w.directory, &by, NULL, &error));
    struct script script = {.world = &w, .intrusions = other};
    struct lam_change_options change = LAM_CHANGE_OPTIONS_INIT;
    struct lam_edit_result r = LAM_EDIT_RESULT_INIT;
    OK(lam_edit_run(w.directory, &change, "test", add_file, &script, &r, &error));
    WANT(r, retries, other);
    end_world_in_memory(&w);
  }
}

static void test_scope(void **state) {
  (void)state;
  for (int widens = 0; widens < 2; widens++) {
    struct world w;
    set_up(&w);
    struct script script = {.world = &w, .widens = widens};
    struct lam_change_options change = LAM_CHANGE_OPTIONS_INIT;
    struct lam_edit_result r;
    change.partitions = (const char *const[]){"p=2"};
    change.partition_count = 1;
    change.dry_run = true;
    OK(run(&script, &change, &r, &error));
    WANT(r, sequence, 0);
    want_world(&w, "p=1:1,2,3,4,5,;p=2:11,12,;");
    change.dry_run = false;
    OK(run(&script, &change, &r, &error));
    WANT(r, files_scanned, 1);
    WANT(r, partitions_scanned, 1);
    WANT(r, rows_unchanged, 1);
    want_world(&w, "p=1:1,2,3,4,5,;");
    end_world_in_memory(&w);
  }
}

static void test_refused(void **state) {
  (void)state;
  struct world w;
  set_up(&w);
  struct script script = {.world = &w};
  struct lam_edit_result r;
  struct lam_error why = LAM_ERROR_INIT;
  struct lam_change_options change = LAM_CHANGE_OPTIONS_INIT;
  change.mode = 7;
  assert_int_equal(run(&script, &change, &r, &why), LAM_INVALID);
  change.mode = LAM_MODE_REWRITE;
  change.partitions = (const char *const[]){"q=2"};
  change.partition_count = 1;
  assert_int_equal(run(&script, &change, &r, &why), LAM_NOT_FOUND);
  change.partitions = (const char *const[]){"p"};
  assert_int_equal(run(&script, &change, &r, &why), LAM_INVALID);
  assert_int_equal(script.attempts, 0);
  end_world_in_memory(&w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      OPS_TEST(test_retries), OPS_TEST(test_conflicts), OPS_TEST(test_layout),
      OPS_TEST(test_scope),   OPS_TEST(test_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
