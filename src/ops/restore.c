#include "ops/restore.h"

#include "base/context.h"
#include "base/options.h"
#include "table/backup.h"
#include "table/prepare.h"
#include "table/table.h"

enum { RESTORE_MEMORY = 8 << 20 };

struct restore {
  struct lam_context *context;
  struct lam_mem *mem;
  struct lam_store *backup;
  const char *folder; /* in it */
  const struct lam_journal *manifest;
  struct lam_directory *directory;
  const struct lam_change_options *options;

  /* Of this attempt. */
  struct lam_stage *stage; /* NULL: a dry run */
  struct lam_snapshot snapshot;
  struct lam_change change;
  bool *taken;          /* of the snapshot's files: they go */
  bool summaries;       /* return, too: nothing else was committed since */
  const char **missing; /* directories that return, and those above them, from the leaves up */
  size_t missing_count, missing_room;
  struct lam_edit_result *result;
};

/* ---- what the operation added ---- */

static const struct lam_data_file *find_file(const struct lam_snapshot *snapshot, const char *directory,
                                             const char *name) {
  for (size_t low = 0, high = snapshot->partition_count; low < high;) {
    size_t middle = low + (high - low) / 2;
    const struct lam_directory_partition *partition = &snapshot->partitions[middle];
    int order = strcmp(partition->directory, directory);
    if (order == 0) {
      for (size_t i = 0; i < partition->file_count; i++) {
        const struct lam_data_file *file = &snapshot->files[partition->first_file + i];
        if (strcmp(lam_key_name(file->key), name) == 0) return file;
      }
      return NULL;
    }
    if (order < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return NULL;
}

/* In a copy of the table, and where a later operation was undone from a copy, files have other inodes. */
static bool is_same(struct lam_identity a, struct lam_identity b) {
  return a.size == b.size && a.mtime_ns == b.mtime_ns;
}

static enum lam_status take_away(struct restore *restore, const struct lam_journal_directory *directory,
                                 const struct lam_journal_file *planned, struct lam_error *error) {
  const struct lam_data_file *file = find_file(&restore->snapshot, directory->key, planned->name);
  if (!file || !is_same(file->identity, planned->identity))
    return lam_fail(error, LAM_CONFLICT,
                    "%s/%s%s%s, which the operation had added, has been %s since%s; nothing was changed",
                    restore->directory->data->root, directory->key, *directory->key ? "/" : "", planned->name,
                    file ? "changed" : "removed", file ? "" : " (perhaps by restoring this backup before)");
  struct lam_file *opened;
  LAM_TRY(lam_snapshot_file(restore->directory, &restore->snapshot, file, NULL, restore->mem, &opened, error));
  restore->result->rows_deleted += (uint64_t)lam_file_rows(opened);
  lam_file_close(opened);
  restore->taken[file - restore->snapshot.files] = true;
  restore->result->files_removed++;
  return lam_change_remove(&restore->change, file, error);
}

/* ---- what it removed ---- */

static enum lam_status count_returned(struct restore *restore, const char *key, const struct lam_journal_file *file,
                                      struct lam_error *error) {
  restore->result->bytes_read += file->identity.size;
  restore->result->bytes_written += file->identity.size;
  lam_progress_add(restore->context, 0, file->identity.size);
  if (!lam_is_data_name(file->name)) return LAM_OK;
  struct lam_file *opened;
  LAM_TRY(lam_file_open_in(restore->backup, key, NULL, restore->mem, &opened, error));
  restore->result->rows_inserted += (uint64_t)lam_file_rows(opened);
  lam_file_close(opened);
  restore->result->files_read++;
  restore->result->files_added++;
  return LAM_OK;
}

/* A summary that was right then is right again only where nothing else has changed; and what another program has
 * written meanwhile is the better one, and goes because of the restore. */
static enum lam_status is_left_out(struct restore *restore, const char *key, const char *name, bool *out,
                                   struct lam_error *error) {
  *out = false;
  if (!lam_is_summary_name(name)) return LAM_OK;
  *out = !restore->summaries;
  if (*out) return LAM_OK;
  LAM_TRY(lam_store_exists(restore->directory->data, key, out, error));
  if (!*out) restore->change.after = restore->manifest->sequence;
  return LAM_OK;
}

static enum lam_status put_back(struct restore *restore, const struct lam_journal_directory *directory,
                                const struct lam_journal_file *file, struct lam_error *error) {
  struct lam_arena *arena = &restore->change.arena;
  char *key, *kept, *staged, *none;
  bool left_out;
  LAM_TRY(lam_key_join(arena, directory->key, file->name, "", &key, error));
  LAM_TRY(lam_key_join(arena, restore->folder, key, "", &kept, error));
  LAM_TRY(is_left_out(restore, key, file->name, &left_out, error));
  if (left_out) return LAM_OK;
  struct lam_store *meta = restore->stage ? restore->directory->meta : NULL;
  staged = key;
  if (meta) {
    LAM_TRY(lam_stage_renew(restore->stage, error));
    LAM_TRY(lam_stage_file(restore->stage, "", arena, &staged, &none, error));
  }
  enum lam_status status = lam_backup_fetch(restore->backup, kept, file, restore->mem, meta, staged, error);
  if (status == LAM_NOT_FOUND)
    return lam_fail(error, LAM_CORRUPT, "the backup is not whole: '%s/%s' is missing", restore->backup->root, kept);
  LAM_TRY(status);
  LAM_TRY(count_returned(restore, kept, file, error));
  return lam_change_return(&restore->change, staged, key, error);
}

/* Of the directories that the restore will make. */
static enum lam_status note_missing(struct restore *restore, const char *directory, struct lam_error *error) {
  struct lam_arena *arena = &restore->change.arena;
  char *key;
  LAM_TRY(lam_arena_string(arena, lam_bytes_of_string(directory), &key, error));
  while (*key) {
    bool there;
    LAM_TRY(lam_store_exists(restore->directory->data, key, &there, error));
    if (there) return LAM_OK;
    void *items = restore->missing;
    LAM_TRY(lam_vector_grow(arena, &items, restore->missing_count, &restore->missing_room, sizeof *restore->missing,
                            error));
    restore->missing = items;
    restore->missing[restore->missing_count++] = key;
    LAM_TRY(lam_key_directory(arena, key, &key, error));
  }
  return LAM_OK;
}

static enum lam_status plan_directory(struct restore *restore, const struct lam_journal_directory *directory,
                                      struct lam_error *error) {
  uint64_t before = restore->result->files_added + restore->result->files_removed;
  size_t returned = restore->change.add_count;
  for (size_t i = 0; i < directory->file_count; i++) {
    const struct lam_journal_file *file = &directory->files[i];
    if (file->action == LAM_JOURNAL_ADD) LAM_TRY(take_away(restore, directory, file, error));
    if (file->action == LAM_JOURNAL_REMOVE) LAM_TRY(put_back(restore, directory, file, error));
  }
  if (restore->change.add_count > returned) LAM_TRY(note_missing(restore, directory->key, error));
  restore->result->partitions_affected += restore->result->files_added + restore->result->files_removed > before;
  return LAM_OK;
}

/* ---- partition columns ---- */

/* Whether a file stays that is partitioned by the columns of `returned`; *other is one that stays and is not. */
static bool find_staying(const struct restore *restore, const struct lam_partition *returned,
                         const struct lam_data_file **other) {
  const struct lam_snapshot *snapshot = &restore->snapshot;
  *other = NULL;
  for (size_t i = 0; i < snapshot->file_count; i++) {
    if (restore->taken[i]) continue;
    if (lam_partition_same_columns(&snapshot->partitions[snapshot->files[i].partition].values, returned)) return true;
    *other = &snapshot->files[i];
  }
  return false;
}

static bool returns_rows(const struct lam_journal_directory *directory) {
  for (size_t i = 0; i < directory->file_count; i++)
    if (directory->files[i].action == LAM_JOURNAL_REMOVE && lam_is_data_name(directory->files[i].name)) return true;
  return false;
}

/* Where the operation had partitioned the table anew, files that came since lie in its directories, and would among
 * those that return. A table that had several partitionings before has them again. */
static enum lam_status check_columns(struct restore *restore, struct lam_error *error) {
  struct lam_change *change = &restore->change;
  const struct lam_data_file *other = NULL;
  bool returns = false;
  for (size_t i = 0; i < restore->manifest->directory_count; i++) {
    const struct lam_journal_directory *directory = &restore->manifest->directories[i];
    struct lam_partition returned;
    if (!returns_rows(directory)) continue;
    returns = true;
    LAM_TRY(lam_partition_parse(&change->arena, directory->key, &returned, error));
    if (find_staying(restore, &returned, &other)) return LAM_OK;
  }
  if (!returns) return LAM_OK;
  if (other)
    return lam_fail(error, LAM_CONFLICT,
                    "the table was partitioned by other columns before the operation, and %s/%s, which came since, is "
                    "partitioned as the table is now; nothing was changed",
                    restore->directory->data->root, other->key);
  change->known = &restore->snapshot; /* nor may any come until the commit */
  return lam_change_scope(change, "", error);
}

/* ---- the whole ---- */

/* The mode, owner and extended attributes of directories that came back. They hold the right files already, so what
 * cannot be had is not worth a failure. */
static void return_attributes(struct restore *restore) {
  struct lam_store *from = restore->backup, *to = restore->directory->data;
  for (size_t i = 0; i < restore->missing_count; i++) {
    const char *key = restore->missing[i];
    struct lam_error error = LAM_ERROR_INIT;
    char *kept;
    enum lam_status status = lam_key_join(&restore->change.arena, restore->folder, key, "", &kept, &error);
    if (status == LAM_OK) status = from->ops->copy_attributes(from, kept, to, key, &error);
    if (status != LAM_OK)
      lam_log(restore->context, LAM_LOG_WARN, "the attributes of a directory did not come back: %s", error.message);
  }
}

static enum lam_status plan_and_commit(struct restore *restore, struct lam_commit_result *committed,
                                       struct lam_error *error) {
  void *memory;
  LAM_TRY(lam_arena_array(&restore->change.arena, restore->snapshot.file_count, sizeof(bool), &memory, error));
  restore->taken = memory;
  restore->result->files_scanned = restore->snapshot.file_count;
  restore->result->partitions_scanned = restore->snapshot.partition_count;
  for (size_t i = 0; i < restore->manifest->directory_count; i++)
    LAM_TRY(plan_directory(restore, &restore->manifest->directories[i], error));
  LAM_TRY(check_columns(restore, error));
  if (!restore->stage) return lam_commit_check(restore->directory, &restore->change, error);
  struct lam_commit_options options = {
      .no_wait = restore->options->no_wait,
      .no_sync = restore->options->no_sync,
      .grace_seconds = restore->options->grace_seconds,
  };
  LAM_TRY(lam_commit(restore->stage, &restore->change, &options, committed, error));
  restore->result->sequence = committed->sequence;
  return_attributes(restore);
  return LAM_OK;
}

static enum lam_status attempt(struct restore *restore, bool with_summaries, struct lam_error *error) {
  struct lam_commit_result committed = {.sequence = 0};
  struct lam_stage stage = {.directory = NULL};
  *restore->result = (struct lam_edit_result)LAM_EDIT_RESULT_INIT;
  restore->missing = NULL;
  restore->missing_count = restore->missing_room = 0;
  restore->stage = NULL;
  lam_change_init(&restore->change, restore->mem);
  LAM_TRY(lam_snapshot_open(restore->directory, NULL, &restore->snapshot, error));
  restore->summaries = with_summaries && restore->snapshot.sequence == restore->manifest->sequence;
  enum lam_status status = LAM_OK;
  if (!restore->options->dry_run) {
    status = lam_stage_begin(restore->directory, &stage, error);
    restore->stage = &stage;
  }
  if (status == LAM_OK) status = plan_and_commit(restore, &committed, error);
  lam_stage_end(&stage, &committed);
  restore->stage = NULL;
  lam_snapshot_release(&restore->snapshot);
  return status;
}

static uint64_t bytes_kept(const struct lam_journal *manifest) {
  uint64_t bytes = 0;
  for (size_t i = 0; i < manifest->directory_count; i++) {
    const struct lam_journal_directory *directory = &manifest->directories[i];
    for (size_t j = 0; j < directory->file_count; j++) {
      if (directory->files[j].action == LAM_JOURNAL_REMOVE) bytes += directory->files[j].identity.size;
    }
  }
  return bytes;
}

static enum lam_status restore_within(struct restore *restore, struct lam_error *error) {
  bool recovered;
  if (restore->options->dry_run) {
    LAM_TRY(lam_directory_check(restore->directory, error));
  } else {
    LAM_TRY(lam_directory_prepare(restore->directory, error));
    LAM_TRY(lam_directory_recover(restore->directory, restore->options->grace_seconds, restore->options->no_wait,
                                  &recovered, error));
  }
  lam_progress_begin(restore->context, "restore", 0, bytes_kept(restore->manifest));
  enum lam_status status = attempt(restore, true, error);
  bool summaries = restore->change.after != 0;
  lam_change_release(&restore->change);
  if (status == LAM_CONFLICT && summaries) { /* perhaps only because of them */
    status = attempt(restore, false, error);
    lam_change_release(&restore->change);
  }
  lam_progress_end(restore->context);
  return status;
}

enum lam_status lam_restore_directory(struct lam_directory *directory, struct lam_store *backup, const char *folder,
                                      const struct lam_journal *manifest, const struct lam_change_options *options,
                                      struct lam_edit_result *result, struct lam_error *error) {
  struct restore restore = {
      .context = directory->context,
      .mem = directory->mem,
      .backup = backup,
      .folder = folder,
      .manifest = manifest,
      .directory = directory,
      .options = options,
      .result = result,
  };
  return restore_within(&restore, error);
}

/* ---- by path ---- */

static enum lam_status restore_from(struct lam_store *backup, struct lam_mem *mem, const char *table,
                                    const struct lam_change_options *options, struct lam_edit_result *result,
                                    struct lam_error *error) {
  struct lam_journal manifest;
  struct lam_directory *directory = NULL;
  LAM_TRY(lam_backup_read(backup, "", mem, &manifest, error));
  const char *meta_dir = table || options->meta_dir ? options->meta_dir : manifest.state;
  enum lam_status status =
      lam_directory_open(backup->context, table ? table : manifest.table, meta_dir, false, mem, &directory, error);
  if (status == LAM_OK) status = lam_restore_directory(directory, backup, "", &manifest, options, result, error);
  lam_directory_close(directory);
  lam_journal_release(&manifest);
  return status;
}

enum lam_status lam_restore(struct lam_context *context, const char *path, const char *table,
                            const struct lam_change_options *given, struct lam_edit_result *result,
                            struct lam_error *error) {
  struct lam_change_options options = LAM_CHANGE_OPTIONS_INIT;
  struct lam_edit_result counts = LAM_EDIT_RESULT_INIT;
  struct lam_store *backup = NULL;
  struct lam_mem *mem;
  LAM_TRY(lam_options_read(given, "LAM_CHANGE_OPTIONS_INIT", &options, sizeof options, error));
  LAM_TRY(lam_mem_open(context, RESTORE_MEMORY, &mem, error));
  enum lam_status status = lam_store_local(context, path, &backup, error);
  if (status == LAM_OK)
    status = lam_fail_in(error, restore_from(backup, mem, table, &options, &counts, error),
                         "while the backup '%s' was restored", path);
  lam_store_close(backup);
  lam_mem_close(mem);
  lam_result_write(&counts, sizeof counts, result);
  return status;
}
