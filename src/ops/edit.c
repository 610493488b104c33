#include "ops/edit.h"

#include "base/context.h"
#include "base/options.h"
#include "ops/discard_store.h"
#include "ops/task.h"
#include "parquet/codec.h"
#include "table/where.h"

enum { MOST_RETRIES = 3 };

/* ---- for the operations ---- */

void lam_edit_add_counts(struct lam_edit_result *to, const struct lam_edit_result *from) {
  to->rows_matched += from->rows_matched;
  to->rows_deleted += from->rows_deleted;
  to->rows_updated += from->rows_updated;
  to->rows_inserted += from->rows_inserted;
  to->duplicates_removed += from->duplicates_removed;
  to->null_keys += from->null_keys;
  to->source_rows += from->source_rows;
  to->files_read += from->files_read;
  to->files_rewritten += from->files_rewritten;
  to->files_removed += from->files_removed;
  to->files_added += from->files_added;
  to->row_groups_copied += from->row_groups_copied;
  to->row_groups_encoded += from->row_groups_encoded;
  to->bytes_read += from->bytes_read;
  to->bytes_written += from->bytes_written;
  to->partitions_affected += from->partitions_affected;
  to->runs_spilled += from->runs_spilled;
}

static enum lam_status renew(struct lam_edit *edit, struct lam_error *error) {
  return edit->stage ? lam_stage_renew(edit->stage, error) : LAM_OK;
}

enum lam_status lam_edit_take(struct lam_edit *edit, const struct lam_change *from,
                              const struct lam_edit_result *counts, struct lam_error *error) {
  pthread_mutex_lock(&edit->lock);
  enum lam_status status = from ? lam_change_merge(&edit->change, from, error) : LAM_OK;
  if (status == LAM_OK) status = renew(edit, error);
  if (status == LAM_OK) lam_edit_add_counts(&edit->result, counts);
  pthread_mutex_unlock(&edit->lock);
  return status;
}

void lam_edit_affect(struct lam_edit *edit, uint32_t partition) {
  pthread_mutex_lock(&edit->lock);
  edit->affected[partition] = 1;
  pthread_mutex_unlock(&edit->lock);
}

enum lam_status lam_edit_renew(struct lam_edit *edit, struct lam_error *error) {
  LAM_TRY(lam_check_cancel(edit->context, error));
  pthread_mutex_lock(&edit->lock);
  enum lam_status status = renew(edit, error);
  pthread_mutex_unlock(&edit->lock);
  return status;
}

enum lam_status lam_edit_each_file(struct lam_edit *edit, lam_task_fn task, void *user, struct lam_error *error) {
  return lam_pool_run(lam_context_pool(edit->context), edit->table->snapshot.file_count, lam_tasks_width(edit->context),
                      task, user, error);
}

enum lam_status lam_edit_open(struct lam_edit *edit, size_t index, struct lam_file **out, struct lam_error *error) {
  const struct lam_snapshot *snapshot = &edit->table->snapshot;
  return lam_input_open(edit->directory, snapshot, &snapshot->files[index], &edit->table->file_options, edit->mem, out,
                        error);
}

bool lam_edit_in_scope(const struct lam_edit *edit, size_t file) {
  const struct lam_snapshot *snapshot = &edit->table->snapshot;
  return !edit->whole || !edit->filter.count ||
         lam_partition_filter_matches(&edit->filter, &snapshot->partitions[snapshot->files[file].partition].values);
}

static bool ruled_out(const struct lam_directory_partition *partition, const uint8_t *outcomes) {
  bool out = partition->file_count > 0;
  for (size_t i = partition->first_file; out && i < partition->first_file + partition->file_count; i++)
    out = outcomes[i] & LAM_OUTCOMES_BY_PATH && !(outcomes[i] & LAM_MAY_BE_TRUE);
  return out;
}

enum lam_status lam_edit_depend(struct lam_edit *edit, const uint8_t *outcomes, struct lam_error *error) {
  const struct lam_snapshot *snapshot = &edit->table->snapshot;
  LAM_TRY(lam_change_scope(&edit->change, "", error));
  for (size_t p = 0; outcomes && p < snapshot->partition_count; p++)
    if (ruled_out(&snapshot->partitions[p], outcomes))
      LAM_TRY(lam_change_outside(&edit->change, snapshot->partitions[p].directory, error));
  return LAM_OK;
}

/* ---- an attempt ---- */

static void close_table(struct lam_edit *edit) {
  if (!edit->table) return;
  lam_free(edit->mem, edit->affected, edit->table->snapshot.partition_count);
  lam_table_close(edit->table);
  edit->affected = NULL;
  edit->table = NULL;
}

static enum lam_status open_table(struct lam_edit *edit, bool whole, struct lam_error *error) {
  struct lam_table_options options = LAM_TABLE_OPTIONS_INIT;
  void *memory;
  options.no_checksums = edit->options->no_checksums;
  if (!whole) {
    options.partitions = edit->options->partitions;
    options.partition_count = edit->options->partition_count;
  }
  edit->whole = whole;
  LAM_TRY(lam_table_open_directory(edit->directory, &options, &edit->table, error));
  const struct lam_snapshot *snapshot = &edit->table->snapshot;
  LAM_TRY(lam_alloc_zero(edit->mem, snapshot->partition_count, &memory, error));
  edit->affected = memory;
  if (!snapshot->foreign) return LAM_OK;
  return lam_fail(error, LAM_UNSUPPORTED, "%s holds %s: it is another format's table, which is not changed",
                  edit->directory->name, snapshot->foreign);
}

enum lam_status lam_edit_widen(struct lam_edit *edit, struct lam_error *error) {
  if (edit->whole || !edit->filter.count) return LAM_OK;
  close_table(edit);
  return open_table(edit, true, error);
}

/* What is the same of all operations. The files outside the scope, where widened, do not count. */
static void count_scope(struct lam_edit *edit) {
  const struct lam_snapshot *snapshot = &edit->table->snapshot;
  struct lam_edit_result *r = &edit->result;
  uint64_t rows = 0;
  uint32_t last = UINT32_MAX; /* files of a partition stand side by side */
  for (size_t i = 0; i < snapshot->file_count; i++) {
    if (!lam_edit_in_scope(edit, i)) continue;
    rows += edit->table->files[i].rows;
    r->files_scanned++;
    r->partitions_scanned += snapshot->files[i].partition != last;
    last = snapshot->files[i].partition;
  }
  for (size_t i = 0; i < snapshot->partition_count; i++) r->partitions_affected += edit->affected[i];
  r->rows_unchanged = rows - r->rows_deleted - r->rows_updated - r->duplicates_removed;
}

static bool is_empty(const struct lam_change *change) {
  return change->add_count + change->remove_count + change->tail_count == 0;
}

static enum lam_status commit(struct lam_edit *edit, struct lam_store *backup, struct lam_commit_result *committed,
                              struct lam_error *error) {
  struct lam_commit_options options = {
      .no_wait = edit->options->no_wait,
      .no_sync = edit->options->no_sync,
      .grace_seconds = edit->options->grace_seconds,
      .backup = backup,
  };
  const struct lam_snapshot *snapshot = &edit->table->snapshot;
  const struct lam_change_layout layout = {snapshot->columns, snapshot->column_count, snapshot->sequence};
  if (!edit->change.known) edit->change.known = snapshot;
  if (edit->filter.count && !edit->whole) edit->change.within = &edit->filter;
  edit->change.layout = &layout;
  enum lam_status status = lam_commit(edit->stage, &edit->change, &options, committed, error);
  edit->result.sequence = committed->sequence;
  return status;
}

struct operation {
  lam_edit_fn run;
  void *user;
  struct lam_store *backup;
};

static enum lam_status run_operation(struct lam_edit *edit, const struct operation *operation,
                                     struct lam_error *error) {
  lam_progress_begin(edit->context, edit->name, edit->table->rows, 0);
  enum lam_status status = operation->run(operation->user, edit, error);
  lam_progress_end(edit->context);
  if (status == LAM_OK) count_scope(edit);
  return status;
}

static enum lam_status run_dry(struct lam_edit *edit, const struct operation *operation, struct lam_error *error) {
  LAM_TRY(lam_store_discard(edit->context, &edit->store, error));
  enum lam_status status = run_operation(edit, operation, error);
  lam_store_close(edit->store);
  edit->store = NULL;
  return status;
}

static enum lam_status run_staged(struct lam_edit *edit, const struct operation *operation,
                                  struct lam_commit_result *committed, struct lam_error *error) {
  struct lam_stage stage;
  LAM_TRY(lam_stage_begin(edit->directory, &stage, error));
  edit->stage = &stage;
  edit->store = edit->directory->meta;
  enum lam_status status = run_operation(edit, operation, error);
  if (status == LAM_OK && !is_empty(&edit->change)) status = commit(edit, operation->backup, committed, error);
  lam_stage_end(&stage, committed);
  edit->stage = NULL;
  return status;
}

/* *again: nothing was changed, and a new attempt may succeed. */
static enum lam_status attempt(struct lam_edit *edit, const struct operation *operation, bool *again,
                               struct lam_error *error) {
  struct lam_commit_result committed = {.sequence = 0};
  uint64_t retries = edit->result.retries;
  edit->result = (struct lam_edit_result)LAM_EDIT_RESULT_INIT;
  edit->result.retries = retries;
  lam_change_init(&edit->change, edit->mem);
  enum lam_status status = open_table(edit, false, error);
  if (status == LAM_OK)
    status = edit->options->dry_run ? run_dry(edit, operation, error) : run_staged(edit, operation, &committed, error);
  lam_change_release(&edit->change);
  close_table(edit);
  *again = status == LAM_CONFLICT && !committed.committed && !committed.in_doubt;
  return status;
}

/* ---- the operation ---- */

/* What is refused is refused before the work. */
static enum lam_status check_options(const struct lam_change_options *options, struct lam_error *error) {
  enum lam_codec codec;
  int level;
  if (options->mode > LAM_MODE_APPEND)
    return lam_fail(error, LAM_INVALID, "mode %u: expected LAM_MODE_REWRITE or LAM_MODE_APPEND", options->mode);
  return options->compression ? lam_codec_parse(options->compression, &codec, &level, error) : LAM_OK;
}

/* A dry run writes nothing, so that it leaves another writer's commit as it is: readers see it all the same. */
static enum lam_status begin(struct lam_edit *edit, struct lam_error *error) {
  const struct lam_change_options *options = edit->options;
  bool recovered;
  LAM_TRY(check_options(options, error));
  LAM_TRY(lam_directory_check(edit->directory, error));
  if (options->dry_run)
    return options->backup_dir ? lam_backup_check(edit->directory, options->backup_dir, error) : LAM_OK;
  LAM_TRY(lam_directory_prepare(edit->directory, error));
  return lam_directory_recover(edit->directory, options->grace_seconds, options->no_wait, &recovered, error);
}

bool lam_begin_anew(struct lam_context *context, const char *name, const struct lam_change_options *options,
                    uint64_t *retries, const struct lam_error *error) {
  if (options->no_wait || *retries == MOST_RETRIES) return false;
  ++*retries;
  if (error) lam_log(context, LAM_LOG_INFO, "%s is begun anew: %s", name, error->message);
  return true;
}

static enum lam_status run_attempts(struct lam_edit *edit, const struct operation *operation, struct lam_error *error) {
  for (;;) {
    bool again;
    enum lam_status status = attempt(edit, operation, &again, error);
    if (!again || !lam_begin_anew(edit->context, edit->name, edit->options, &edit->result.retries, error))
      return status;
  }
}

enum lam_status lam_edit_run(struct lam_directory *directory, const struct lam_change_options *options,
                             const char *name, lam_edit_fn run, void *user, struct lam_edit_result *result,
                             struct lam_error *error) {
  struct lam_edit edit = {
      .context = directory->context,
      .mem = directory->mem,
      .directory = directory,
      .options = options,
      .name = name,
      .result = LAM_EDIT_RESULT_INIT,
  };
  struct operation operation = {.run = run, .user = user};
  struct lam_arena arena;
  lam_arena_init(&arena, directory->mem);
  pthread_mutex_init(&edit.lock, NULL);
  enum lam_status status =
      lam_partition_filter_parse(&arena, options->partitions, (size_t)options->partition_count, &edit.filter, error);
  if (status == LAM_OK) status = begin(&edit, error);
  if (status == LAM_OK && options->backup_dir && !options->dry_run)
    status = lam_backup_open(directory, options->backup_dir, &operation.backup, error);
  if (status == LAM_OK) status = run_attempts(&edit, &operation, error);
  lam_store_close(operation.backup);
  pthread_mutex_destroy(&edit.lock);
  lam_arena_release(&arena);
  lam_result_write(&edit.result, sizeof edit.result, result);
  return status;
}

enum lam_status lam_edit_run_at(struct lam_context *context, const char *path, const struct lam_change_options *options,
                                const char *name, uint64_t minimum, lam_edit_fn run, void *user,
                                struct lam_edit_result *result, struct lam_error *error) {
  struct lam_directory *directory;
  struct lam_mem *mem;
  LAM_TRY(lam_mem_open(context, minimum ? minimum : lam_tasks_minimum(context), &mem, error));
  enum lam_status status = lam_directory_open(context, path, options->meta_dir, false, mem, &directory, error);
  if (status == LAM_OK) {
    status = lam_edit_run(directory, options, name, run, user, result, error);
    lam_directory_close(directory);
  }
  lam_mem_close(mem);
  return status;
}
