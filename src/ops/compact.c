#include "ops/compact.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/context.h"
#include "base/threads.h"
#include "ops/compact_task.h"
#include "ops/discard_store.h"
#include "ops/repartition.h"
#include "ops/task.h"
#include "parquet/append.h"
#include "parquet/codec.h"

struct compact_run {
  struct lam_compaction shared;
  const struct lam_compact_plan *plan;
  struct lam_context *context;
  struct lam_mem *mem;
  pthread_mutex_t lock; /* change, result and stage */
  struct lam_change change;
  struct lam_compact_result *result;
};

static void add_counts(struct lam_compact_result *to, const struct lam_compact_result *from) {
  to->files_after += from->files_after;
  to->bytes_after += from->bytes_after;
  to->files_compacted += from->files_compacted;
  to->files_written += from->files_written;
  to->rows += from->rows;
  to->row_groups_copied += from->row_groups_copied;
  to->row_groups_merged += from->row_groups_merged;
  to->row_groups_written += from->row_groups_written;
  to->bytes_read += from->bytes_read;
  to->bytes_written += from->bytes_written;
  to->runs_spilled += from->runs_spilled;
}

static enum lam_status renew(void *user, struct lam_error *error) {
  struct compact_run *run = user;
  pthread_mutex_lock(&run->lock);
  enum lam_status status = lam_stage_renew(run->shared.stage, error);
  pthread_mutex_unlock(&run->lock);
  return status;
}

static enum lam_status run_task(void *user, size_t index, struct lam_error *error) {
  struct compact_run *run = user;
  struct lam_mem *mem = run->mem;
  struct lam_change change;
  struct lam_compact_result result = {.struct_size = sizeof result};
  lam_change_init(&change, mem);
  enum lam_status status = lam_compact_task_run(&run->shared, &run->plan->tasks[index], mem, &change, &result, error);
  if (status == LAM_OK) {
    pthread_mutex_lock(&run->lock);
    add_counts(run->result, &result);
    status = lam_change_merge(&run->change, &change, error);
    pthread_mutex_unlock(&run->lock);
  }
  lam_change_release(&change);
  return status;
}

/* Partitions that lost files in the change. Tasks of one partition need not be side by side, so each is marked in
 * `seen`. */
static uint64_t partitions_changed(const struct lam_snapshot *snapshot, const struct lam_change *change, bool *seen) {
  uint64_t count = 0;
  for (size_t i = 0; i < change->remove_count; i++) {
    const char *slash = strrchr(change->removes[i].key, '/');
    size_t size = slash ? (size_t)(slash - change->removes[i].key) : 0;
    size_t low = 0, high = snapshot->partition_count;
    while (low < high) { /* partitions are sorted by key */
      size_t middle = (low + high) / 2;
      const char *key = snapshot->partitions[middle].directory;
      int order = strncmp(key, change->removes[i].key, size);
      if (order == 0) order = key[size] ? 1 : 0;
      if (order < 0)
        low = middle + 1;
      else
        high = middle;
    }
    if (low < snapshot->partition_count && !seen[low]) seen[low] = true, count++;
  }
  return count;
}

static enum lam_status commit(struct compact_run *run, const struct lam_change_options *options,
                              struct lam_store *backup, struct lam_commit_result *committed, struct lam_error *error) {
  struct lam_commit_options commit = {
      .no_wait = options->no_wait,
      .no_sync = options->no_sync,
      .grace_seconds = options->grace_seconds,
      .backup = backup,
  };
  enum lam_status status = lam_commit(run->shared.stage, &run->change, &commit, committed, error);
  run->result->sequence = committed->sequence;
  return status;
}

/* Encoded bytes of the row group under way: a quarter of what each of the tasks may hold. */
static int64_t group_bytes(struct lam_context *context, const struct lam_compact_options *options, uint32_t width) {
  return lam_min_i64(options->row_group_bytes, (int64_t)lam_tasks_share(context, width));
}

static enum lam_status run_tasks(struct compact_run *run, const struct lam_compact_options *options,
                                 struct lam_error *error) {
  uint32_t width = lam_tasks_width(run->context);
  if (run->plan->task_count < width) width = run->plan->task_count ? (uint32_t)run->plan->task_count : 1;
  run->shared.row_group_bytes = group_bytes(run->context, options, width);
  run->shared.sort_bytes = lam_tasks_share(run->context, width);
  return lam_pool_run(lam_context_pool(run->context), run->plan->task_count, width, run_task, run, error);
}

static enum lam_status run_and_commit(struct compact_run *run, struct lam_directory *directory,
                                      const struct lam_compact_options *options, struct lam_error *error) {
  if (options->change.dry_run) {
    LAM_TRY(lam_store_discard(run->context, &run->shared.store, error));
    enum lam_status status = run_tasks(run, options, error);
    lam_store_close(run->shared.store);
    return status;
  }
  struct lam_stage stage;
  struct lam_commit_result committed = {.sequence = 0};
  struct lam_store *backup = NULL; /* opened first: a place that is refused is refused before the work */
  if (options->change.backup_dir) LAM_TRY(lam_backup_open(directory, options->change.backup_dir, &backup, error));
  enum lam_status status = lam_stage_begin(directory, &stage, error);
  if (status != LAM_OK) {
    lam_store_close(backup);
    return status;
  }
  run->shared.stage = &stage;
  run->shared.renew = renew;
  run->shared.user = run;
  run->shared.store = directory->meta;
  status = run_tasks(run, options, error);
  if (status == LAM_OK && run->change.remove_count) status = commit(run, &options->change, backup, &committed, error);
  lam_stage_end(&stage, &committed);
  lam_store_close(backup);
  return status;
}

static enum lam_status tell_tasks(const struct lam_directory *directory, const struct lam_snapshot *snapshot,
                                  const struct lam_compact_options *options, const struct lam_compact_plan *plan,
                                  struct lam_error *error) {
  for (size_t i = 0; options->each_task && i < plan->task_count; i++) {
    char *json;
    LAM_TRY(lam_compact_task_json(directory, snapshot, options, &plan->tasks[i], &json, error));
    options->each_task(options->each_task_user, json);
    free(json);
  }
  return LAM_OK;
}

/* Files that appends in place have left with much that is dead are written anew, whatever their size. */
static enum lam_status find_wasteful(struct lam_directory *directory, struct lam_snapshot *snapshot,
                                     struct lam_mem *mem, struct lam_error *error) {
  enum { DEAD_SHARE = 4 }; /* a part of the file */
  for (size_t i = 0; i < snapshot->file_count; i++) {
    struct lam_data_file *data = &snapshot->files[i];
    struct lam_file *file;
    int64_t dead;
    if (!data->appended || data->through_link) continue;
    LAM_TRY(lam_input_open(directory, snapshot, data, NULL, mem, &file, error));
    enum lam_status status = lam_file_dead_bytes(file, mem, &dead, error);
    lam_file_close(file);
    LAM_TRY(status);
    data->wasteful = dead > 0 && (uint64_t)dead > data->identity.size / DEAD_SHARE;
  }
  return LAM_OK;
}

static enum lam_status compact_snapshot(struct lam_directory *directory, const struct lam_snapshot *snapshot,
                                        const struct lam_compact_options *options, struct lam_mem *mem,
                                        struct lam_compact_result *result, struct lam_error *error) {
  struct lam_compact_plan plan;
  struct lam_arena arena;
  struct compact_run run = {
      .shared = {.directory = directory, .snapshot = snapshot, .options = options},
      .plan = &plan,
      .context = directory->context,
      .mem = mem,
      .result = result,
  };
  if (options->change.compression) {
    run.shared.recode = true;
    LAM_TRY(lam_codec_parse(options->change.compression, &run.shared.codec, &run.shared.level, error));
  }
  result->files_before = result->files_after = snapshot->file_count;
  result->bytes_before = result->bytes_after = snapshot->bytes;
  result->partitions_scanned = snapshot->partition_count;
  lam_arena_init(&arena, mem);
  lam_change_init(&run.change, mem);
  pthread_mutex_init(&run.lock, NULL);
  enum lam_status status = lam_compact_plan_make(snapshot, options, &arena, &plan, error);
  if (status == LAM_OK) status = tell_tasks(directory, snapshot, options, &plan, error);
  /* Before the work: what is committed must not fail to be counted. */
  void *seen;
  if (status == LAM_OK) status = lam_arena_array(&arena, snapshot->partition_count, sizeof(bool), &seen, error);
  if (status == LAM_OK && plan.task_count) {
    lam_progress_begin(directory->context, "compact", 0, plan.bytes);
    status = run_and_commit(&run, directory, options, error);
    lam_progress_end(directory->context);
    result->partitions_compacted = partitions_changed(snapshot, &run.change, seen);
  }
  pthread_mutex_destroy(&run.lock);
  lam_change_release(&run.change);
  lam_arena_release(&arena);
  return status;
}

static enum lam_status compact_within(struct lam_directory *directory, const struct lam_compact_options *options,
                                      struct lam_mem *mem, struct lam_compact_result *result, struct lam_error *error) {
  struct lam_partition_filter filter;
  struct lam_snapshot snapshot;
  struct lam_arena arena;
  bool recovered;
  /* Also refuses what is not ours to write, before any work is done. */
  if (options->change.dry_run) {
    LAM_TRY(lam_directory_check(directory, error));
    if (options->change.backup_dir) LAM_TRY(lam_backup_check(directory, options->change.backup_dir, error));
  } else {
    LAM_TRY(lam_directory_prepare(directory, error));
    LAM_TRY(
        lam_directory_recover(directory, options->change.grace_seconds, options->change.no_wait, &recovered, error));
  }
  lam_arena_init(&arena, mem);
  enum lam_status status = lam_partition_filter_parse(&arena, options->change.partitions,
                                                      (size_t)options->change.partition_count, &filter, error);
  if (status == LAM_OK) status = lam_snapshot_open(directory, filter.count ? &filter : NULL, &snapshot, error);
  if (status == LAM_OK) {
    if (snapshot.foreign)
      status = lam_fail(error, LAM_UNSUPPORTED, "%s holds %s: it is another format's table, which is not changed",
                        directory->name, snapshot.foreign);
    else
      status = find_wasteful(directory, &snapshot, mem, error);
    if (status == LAM_OK) status = compact_snapshot(directory, &snapshot, options, mem, result, error);
    lam_snapshot_release(&snapshot);
  }
  lam_arena_release(&arena);
  return status;
}

enum lam_status lam_compact_directory(struct lam_directory *directory, const struct lam_compact_options *given,
                                      struct lam_compact_result *result, struct lam_error *error) {
  struct lam_compact_options options;
  struct lam_compact_result ignored;
  if (!result) result = &ignored;
  *result = (struct lam_compact_result)LAM_COMPACT_RESULT_INIT;
  LAM_TRY(lam_compact_options_resolve(given, &options, error));
  return compact_within(directory, &options, directory->mem, result, error);
}

/* ---- into another table ---- */

/* The partition columns as `--by` has them, in quotes. */
static enum lam_status partitioning_of(struct lam_directory *directory, struct lam_buf *out, struct lam_error *error) {
  struct lam_snapshot snapshot;
  LAM_TRY(lam_snapshot_open(directory, NULL, &snapshot, error));
  enum lam_status status = LAM_OK;
  for (size_t i = 0; status == LAM_OK && i < snapshot.column_count; i++) {
    status = lam_buf_append(out, i ? ",\"" : "\"", i ? 2 : 1, error);
    for (const char *c = snapshot.columns[i]; status == LAM_OK && *c; c++)
      status = lam_buf_append(out, *c == '"' ? "\"\"" : c, *c == '"' ? 2 : 1, error);
    if (status == LAM_OK) status = lam_buf_append(out, "\"", 1, error);
  }
  if (status == LAM_OK) status = lam_buf_append(out, "", 1, error);
  lam_snapshot_release(&snapshot);
  return status;
}

/* A repartition by the columns that the source is partitioned by. */
static enum lam_status compact_into(struct lam_directory *directory, const struct lam_compact_options *options,
                                    struct lam_compact_result *result, struct lam_error *error) {
  struct lam_repartition_options to = LAM_REPARTITION_OPTIONS_INIT;
  struct lam_repartition_result r = LAM_REPARTITION_RESULT_INIT;
  struct lam_buf by;
  lam_buf_init(&by, directory->mem);
  enum lam_status status = partitioning_of(directory, &by, error);
  if (status == LAM_OK) {
    to.change = options->change;
    to.by = (const char *)by.data;
    to.target_size = options->target_size;
    to.row_group_rows = options->row_group_rows;
    to.row_group_bytes = options->row_group_bytes;
    to.sort_by = options->sort_by;
    to.sort_count = options->sort_count;
    status = lam_repartition_to(directory, options->into, false, &to, &r, error);
  }
  lam_buf_release(&by);
  result->files_before = result->files_compacted = r.files_read;
  result->bytes_before = result->bytes_read = r.bytes_read;
  result->files_after = result->files_written = r.files_written;
  result->bytes_after = result->bytes_written = r.bytes_written;
  result->rows = r.rows_written;
  result->row_groups_merged = r.row_groups_read;
  result->row_groups_written = r.row_groups_written;
  result->partitions_scanned = r.partitions_before;
  result->partitions_compacted = r.partitions_after;
  result->runs_spilled = r.runs_spilled;
  result->sequence = r.sequence;
  return status;
}

enum lam_status lam_compact(struct lam_context *context, const char *path, const struct lam_compact_options *given,
                            struct lam_compact_result *result, struct lam_error *error) {
  struct lam_directory *directory = NULL;
  struct lam_mem *mem;
  struct lam_compact_options options;
  struct lam_compact_result counts = LAM_COMPACT_RESULT_INIT;
  LAM_TRY(lam_compact_options_resolve(given, &options, error));
  if (options.into && (given->min_files || given->max_file_size))
    return lam_fail(error, LAM_INVALID,
                    "all files are compacted into another table: least files and largest sizes mean nothing there");
  LAM_TRY(lam_mem_open(context, lam_tasks_minimum(context), &mem, error));
  const char *meta_dir = options.into ? NULL : options.change.meta_dir; /* of the table that is written */
  enum lam_status status = lam_directory_open(context, path, meta_dir, false, mem, &directory, error);
  if (status == LAM_OK)
    status = options.into ? compact_into(directory, &options, &counts, error)
                          : lam_compact_directory(directory, &options, &counts, error);
  lam_result_write(&counts, sizeof counts, result);
  lam_directory_close(directory);
  lam_mem_close(mem);
  return status;
}
