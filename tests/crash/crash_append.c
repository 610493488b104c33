/* Files that are appended to in place, stopped at every operation of the stores, with a power cut, with a recovery that
 * is stopped in turn, with readers at any moment, pinned and fresh, and with other programs that write. */
#include "ops_crash.h"

#include "parquet/append.h"
#include "table/sidecars.h"

/* A file with a row group for each three ids. */
static void put_groups(struct lam_store *data, const char *key, const int64_t *ids, int64_t count) {
  struct ArrowSchema schema;
  struct ArrowArray batch;
  struct lam_write_options options = LAM_WRITE_OPTIONS_INIT;
  options.row_group_rows = 3;
  rows_schema(&schema);
  rows_batch(&schema, ids, count, &batch);
  put_batch(data, key, &schema, &batch, &options);
  lam_array_release(&batch);
  lam_schema_release(&schema);
}

static void set_up(struct lam_store *data) {
  put_groups(data, "p=1/f.parquet", (int64_t[]){1, 2, 3, 4, 5, 6, 7, 8, 9}, 9);
  put_object(data, "p=1/.f.parquet.crc", "sum");
  put_rows(data, "p=2/f1.parquet", 11, 2);
  put_rows(data, "p=2/f2.parquet", 13, 2);
  put_groups(data, "p=2/g.parquet", (int64_t[]){15, 16, 17, 18, 19, 20}, 6);
}
static const char before[] = "p=1:1,2,3,4,5,6,7,8,9,;p=2:11,12,13,14,15,16,17,18,19,20,;";

/* The files have sidecars. */
static void prepare(struct crash_world *w) {
  struct lam_directory *directory = open_world(w->data, w->meta);
  struct lam_snapshot snapshot;
  OK(lam_store_make_directories(w->meta, LAM_SIDECARS_KEY, &error));
  OK(lam_snapshot_open(directory, NULL, &snapshot, &error));
  for (size_t i = 0; i < snapshot.file_count; i++) { /* by being opened */
    struct lam_file *file;
    OK(lam_snapshot_file(directory, &snapshot, &snapshot.files[i], NULL, mem, &file, &error));
    lam_file_close(file);
  }
  lam_snapshot_release(&snapshot);
  lam_directory_close(directory);
  assert_true(there(w->meta, "pm/p=1/f.parquet._pm"));
  OK(w->meta->ops->sync_all(w->meta, &error));
}

/* ---- changes ---- */

struct work {
  struct lam_directory *directory;
  struct lam_snapshot snapshot;
  struct lam_stage stage;
  struct lam_change change;
};

static enum lam_status write_ids(struct lam_writer *writer, const struct ArrowSchema *schema, const int64_t *ids,
                                 int64_t count, struct lam_error *error) {
  struct ArrowArray batch;
  rows_batch(schema, ids, count, &batch);
  enum lam_status status = lam_writer_write(writer, &batch, error);
  lam_array_release(&batch);
  return status == LAM_OK ? lam_writer_end_row_group(writer, error) : status;
}

/* Stages bytes that put the ids in the place of row group `group`; behind the last one they are new. */
static enum lam_status stage_tail(struct work *work, const char *key, int32_t group, const int64_t *ids, int64_t count,
                                  struct lam_error *error) {
  const struct lam_data_file *data = file_of(&work->snapshot, key);
  struct lam_write_options options = LAM_WRITE_OPTIONS_INIT;
  struct lam_file *file;
  struct lam_writer *writer;
  struct ArrowSchema schema;
  char *staged, *unused;
  options.no_sync = true;
  LAM_TRY(lam_stage_file(&work->stage, "p=1", &work->change.arena, &staged, &unused, error));
  LAM_TRY(lam_snapshot_file(work->directory, &work->snapshot, data, NULL, mem, &file, error));
  rows_schema(&schema);
  enum lam_status status =
      lam_writer_append_in(work->directory->meta, staged, file, &schema, &options, mem, &writer, error);
  if (status == LAM_OK) {
    int32_t groups = lam_file_row_groups(file);
    for (int32_t i = 0; i <= groups && status == LAM_OK; i++) {
      if (i == group) status = write_ids(writer, &schema, ids, count, error);
      if (i != group && i < groups && status == LAM_OK) status = lam_writer_copy_row_group(writer, file, i, error);
    }
    if (status == LAM_OK) status = lam_writer_finish(writer, NULL, error);
    lam_writer_close(writer);
  }
  lam_schema_release(&schema);
  lam_file_close(file);
  return status == LAM_OK ? lam_change_tail(&work->change, staged, NULL, 0, data, error) : status;
}

static enum lam_status stage_new(struct work *work, const char *key, int64_t id, struct lam_error *error) {
  struct lam_write_options options = LAM_WRITE_OPTIONS_INIT;
  struct lam_writer *writer;
  struct ArrowSchema schema;
  char *staged, *unused;
  options.no_sync = true;
  LAM_TRY(lam_stage_file(&work->stage, "p=1", &work->change.arena, &staged, &unused, error));
  rows_schema(&schema);
  enum lam_status status = lam_writer_open_in(work->directory->meta, staged, &schema, &options, mem, &writer, error);
  if (status == LAM_OK) {
    status = write_ids(writer, &schema, &id, 1, error);
    if (status == LAM_OK) status = lam_writer_finish(writer, NULL, error);
    lam_writer_close(writer);
  }
  lam_schema_release(&schema);
  return status == LAM_OK ? lam_change_add(&work->change, staged, key, error) : status;
}

static struct lam_store *backup; /* NULL: none */

/* Runs the work between the beginning of a stage and its commit. */
static enum lam_status run_work(struct lam_directory *directory,
                                enum lam_status (*plan)(struct work *work, struct lam_error *error), uint64_t *sequence,
                                struct lam_error *error) {
  struct work work = {.directory = directory};
  struct lam_commit_result result = {.sequence = 0};
  const struct lam_commit_options options = {.backup = backup};
  LAM_TRY(lam_stage_begin(directory, &work.stage, error));
  lam_change_init(&work.change, mem);
  enum lam_status status = lam_snapshot_open(directory, NULL, &work.snapshot, error);
  if (status == LAM_OK) {
    status = plan(&work, error);
    if (status == LAM_OK) status = lam_commit(&work.stage, &work.change, &options, &result, error);
    lam_snapshot_release(&work.snapshot);
  }
  *sequence = result.sequence;
  lam_change_release(&work.change);
  lam_stage_end(&work.stage, &result);
  return status;
}

static enum lam_status plan_append(struct work *work, struct lam_error *error) {
  return stage_tail(work, "p=1/f.parquet", 1, (int64_t[]){104, 106}, 2, error);
}
static enum lam_status run_append(struct lam_directory *directory, uint64_t *sequence, struct lam_error *error) {
  return run_work(directory, plan_append, sequence, error);
}

/* Two appends, files that go and one that comes: p=2 is exchanged. */
static enum lam_status plan_mixed(struct work *work, struct lam_error *error) {
  LAM_TRY(stage_tail(work, "p=1/f.parquet", 1, (int64_t[]){104, 106}, 2, error));
  LAM_TRY(stage_tail(work, "p=2/g.parquet", 2, (int64_t[]){21}, 1, error));
  LAM_TRY(lam_change_remove(&work->change, file_of(&work->snapshot, "p=2/f1.parquet"), error));
  LAM_TRY(lam_change_remove(&work->change, file_of(&work->snapshot, "p=2/f2.parquet"), error));
  return stage_new(work, "p=2/n.parquet", 22, error);
}
static enum lam_status run_mixed(struct lam_directory *directory, uint64_t *sequence, struct lam_error *error) {
  return run_work(directory, plan_mixed, sequence, error);
}

static const struct crash_scenario append = {
    .name = "append",
    .set_up = set_up,
    .run = run_append,
    .before = before,
    .after = "p=1:1,2,3,104,106,7,8,9,;p=2:11,12,13,14,15,16,17,18,19,20,;",
    .in_place = true,
};
static const struct crash_scenario mixed = {
    .name = "append and replace",
    .set_up = set_up,
    .prepare = prepare,
    .run = run_mixed,
    .before = before,
    .after = "p=1:1,2,3,104,106,7,8,9,;p=2:15,16,17,18,19,20,21,22,;",
    .in_place = true,
};

/* ---- the tests ---- */

/* Readers at every operation: one pinned to the state of before sees it throughout, a fresh one the old or the new. */
struct watcher {
  struct crash_world *world;
  const struct crash_scenario *scenario;
  struct lam_directory *directory;
  struct lam_snapshot pinned;
  bool seen_new;
};
static char *rows_of_snapshot(struct lam_directory *directory, const struct lam_snapshot *snapshot) {
  struct lam_buf out;
  lam_buf_init(&out, mem);
  for (size_t p = 0; p < snapshot->partition_count; p++) {
    const struct lam_directory_partition *partition = &snapshot->partitions[p];
    append_text(&out, partition->directory);
    append_text(&out, ":");
    for (size_t i = partition->first_file; i < partition->first_file + partition->file_count; i++) {
      struct lam_file *file;
      OK(lam_snapshot_file(directory, snapshot, &snapshot->files[i], NULL, mem, &file, &error));
      append_file(file, &out);
      lam_file_close(file);
    }
    append_text(&out, ";");
  }
  return text_of_buf(&out);
}
static void watch(void *user, const char *what) {
  struct watcher *watcher = user;
  (void)what;
  struct lam_directory *fresh = open_world(watcher->world->data, watcher->world->meta);
  char *pinned = rows_of_snapshot(watcher->directory, &watcher->pinned), *seen = rows_of_reader(fresh);
  assert_string_equal(pinned, watcher->scenario->before);
  bool is_new = strcmp(seen, watcher->scenario->after) == 0;
  if (!is_new) assert_string_equal(seen, watcher->scenario->before);
  assert_true(is_new || !watcher->seen_new);
  watcher->seen_new = is_new;
  free(pinned);
  free(seen);
  lam_directory_close(fresh);
}
/* The sidecar knows both states. */
static void want_sidecar(struct crash_world *w, uint64_t old_size) {
  const uint64_t sizes[] = {old_size, info_of(w->data, "p=1/f.parquet").size};
  assert_true(sizes[1] > sizes[0]);
  for (int i = 0; i < 2; i++) {
    const struct lam_sidecar_open_options options = {.token = sizes[i], .whole = true};
    struct lam_sidecar *sidecar;
    OK(lam_sidecar_open_in(w->meta, "pm/p=1/f.parquet._pm", &options, mem, &sidecar, &error));
    assert_int_equal(sidecar->footer.dead_bytes > 0, i == 1);
    lam_sidecar_close(sidecar);
  }
}
static void watch_all(const struct crash_scenario *scenario) {
  for (int after = 0; after < 2; after++) {
    struct crash_world w;
    uint64_t sequence;
    begin_world(&w, scenario, false);
    struct watcher watcher = {.world = &w, .scenario = scenario, .directory = open_world(w.data, w.meta)};
    OK(lam_snapshot_open(watcher.directory, NULL, &watcher.pinned, &error));
    fault_arm(w.fault, &(struct fault_plan){.at = 1,
                                            .onwards = true,
                                            .reads = true,
                                            .after = after,
                                            .action = FAULT_CALL,
                                            .call = watch,
                                            .user = &watcher});
    OK(run_in_world(&w, scenario, &sequence, &error));
    fault_arm(w.fault, NULL);
    assert_true(watcher.seen_new);
    if (scenario->prepare) want_sidecar(&w, watcher.pinned.files[0].identity.size);
    watch(&watcher, "");
    /* A second append, and a compaction: within the grace period the old state is still to be had. */
    struct lam_directory *directory = open_world(w.data, w.meta);
    OK(run_work(directory, plan_append, &sequence, &error));
    char *pinned = rows_of_snapshot(watcher.directory, &watcher.pinned);
    assert_string_equal(pinned, before);
    free(pinned);
    OK(lam_compact_directory(directory, NULL, NULL, &error));
    pinned = rows_of_snapshot(watcher.directory, &watcher.pinned);
    assert_string_equal(pinned, before);
    free(pinned);
    lam_directory_close(directory);
    lam_snapshot_release(&watcher.pinned);
    lam_directory_close(watcher.directory);
    end_world(&w);
  }
}
static void test_readers(void **state) {
  (void)state;
  watch_all(&append);
  watch_all(&mixed);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      CRASH_TEST(errors, append),   CRASH_TEST(errors, mixed),     CRASH_TEST(full_disk, append),
      CRASH_TEST(full_disk, mixed), CRASH_TEST(power_cut, append), CRASH_TEST(power_cut, mixed),
      CRASH_TEST(recovery, append), CRASH_TEST(recovery, mixed),   OPS_TEST(test_readers),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
