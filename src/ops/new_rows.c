#include "ops/new_rows.h"

#include "ops/keep.h"
#include "ops/partition_writer.h"

enum {
  ROW_GROUP_BYTES = 128 << 20,
};

struct lam_new_rows {
  struct lam_edit *edit;
  struct lam_arena arena;
  struct lam_partition_writer *writer;
  bool anywhere, scope;
  uint64_t fresh; /* partitions that there were not */
  const struct ArrowSchema *schema;
  struct lam_content_hash given, written; /* with verify_full */
};

static bool has(const char *const *columns, int32_t count, const char *column) {
  for (int32_t i = 0; i < count; i++)
    if (strcmp(columns[i], column) == 0) return true;
  return false;
}

enum lam_status lam_partition_columns(const struct lam_snapshot *snapshot, struct lam_arena *arena, const char ***out,
                                      int32_t *count, struct lam_error *error) {
  size_t most = 0;
  void *memory;
  for (size_t p = 0; p < snapshot->partition_count; p++) most += snapshot->partitions[p].values.count;
  LAM_TRY(lam_arena_array(arena, most, sizeof **out, &memory, error));
  *out = memory;
  *count = 0;
  for (size_t p = 0; p < snapshot->partition_count; p++) {
    const struct lam_partition *values = &snapshot->partitions[p].values;
    for (size_t i = 0; i < values->count; i++)
      if (!has(*out, *count, values->values[i].column)) (*out)[(*count)++] = values->values[i].column;
  }
  return LAM_OK;
}

/* Codecs and bloom filters as the change asks for them, for columns without a file that they come from. */
static enum lam_status default_columns(struct lam_new_rows *rows, const struct lam_new_rows_options *given,
                                       struct lam_write_options *out, struct lam_error *error) {
  struct lam_keep keep = {.arena = &rows->arena, .column_count = 1};
  struct ArrowSchema written = *given->schema;
  void *memory;
  written.n_children = given->written_columns;
  LAM_TRY(lam_arena_array(&rows->arena, 1, sizeof *keep.columns, &memory, error));
  keep.columns = memory;
  *keep.columns = (struct lam_column_options){.codec = LAM_WRITE_DEFAULT};
  LAM_TRY(lam_keep_change(&keep, rows->edit->options, &written, error));
  lam_keep_write(&keep, out);
  return LAM_OK;
}

static enum lam_status open_writer(struct lam_new_rows *rows, const struct lam_new_rows_options *given,
                                   struct lam_error *error) {
  struct lam_edit *edit = rows->edit;
  struct lam_partition_writer_options options = {
      .stage = edit->stage,
      .store = edit->store,
      .schema = given->schema,
      .written_columns = given->written_columns,
      .stem = "part",
      .write = LAM_WRITE_OPTIONS_INIT,
      .target_size = LAM_TARGET_SIZE,
      .run_bytes = given->room,
      .hash = rows->given.mem ? &rows->written : NULL,
  };
  LAM_TRY(lam_partition_columns(&edit->table->snapshot, &rows->arena, (const char ***)(uintptr_t)&options.partition_by,
                                &options.partition_count, error));
  if (given->write)
    options.write = *given->write;
  else
    LAM_TRY(default_columns(rows, given, &options.write, error));
  if (given->room) options.write.row_group_bytes = (int64_t)lam_min_u64(given->room, ROW_GROUP_BYTES);
  options.write.no_sync = true; /* the commit syncs all staged files at once */
  return lam_partition_writer_open(edit->mem, &options, &rows->writer, error);
}

static enum lam_status open_hashes(struct lam_new_rows *rows, int64_t columns, struct lam_error *error) {
  if (!rows->edit->options->verify_full || !rows->edit->stage) return LAM_OK;
  LAM_TRY(lam_content_hash_init(&rows->written, rows->edit->mem, columns, error));
  return lam_content_hash_init(&rows->given, rows->edit->mem, columns, error);
}

enum lam_status lam_new_rows_open(struct lam_edit *edit, const struct lam_new_rows_options *options,
                                  struct lam_new_rows **out, struct lam_error *error) {
  struct lam_new_rows *rows;
  *out = NULL;
  LAM_TRY(lam_alloc_zero(edit->mem, sizeof *rows, (void **)&rows, error));
  rows->edit = edit;
  rows->anywhere = options->anywhere;
  rows->schema = options->schema;
  lam_arena_init(&rows->arena, edit->mem);
  enum lam_status status = open_hashes(rows, options->written_columns, error);
  if (status == LAM_OK) status = open_writer(rows, options, error);
  if (status == LAM_OK)
    *out = rows;
  else
    lam_new_rows_close(rows);
  return status;
}

void lam_new_rows_close(struct lam_new_rows *rows) {
  if (!rows) return;
  lam_partition_writer_close(rows->writer);
  lam_content_hash_release(&rows->given);
  lam_content_hash_release(&rows->written);
  lam_arena_release(&rows->arena);
  lam_free(rows->edit->mem, rows, sizeof *rows);
}

enum lam_status lam_new_rows_write(struct lam_new_rows *rows, struct ArrowArray *batch, struct lam_error *error) {
  enum lam_status status = rows->given.mem ? lam_content_hash_add(&rows->given, rows->schema, batch, error) : LAM_OK;
  if (status == LAM_OK) return lam_partition_writer_write(rows->writer, batch, error);
  lam_array_release(batch);
  return status;
}

static enum lam_status check_filter(struct lam_new_rows *rows, const char *directory, struct lam_error *error) {
  const struct lam_partition_filter *filter = &rows->edit->filter;
  struct lam_partition partition;
  if (rows->anywhere || !filter->count) return LAM_OK;
  LAM_TRY(lam_partition_parse(&rows->arena, directory, &partition, error));
  if (lam_partition_filter_matches(filter, &partition)) return LAM_OK;
  return lam_fail(error, LAM_INVALID, "rows for %s, which is not one of the partitions asked for",
                  directory[0] ? directory : "the table's root");
}

/* The partition of that directory; partition_count where there was none. */
static size_t find_partition(const struct lam_snapshot *snapshot, const char *directory) {
  size_t low = 0, high = snapshot->partition_count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    int order = strcmp(snapshot->partitions[middle].directory, directory);
    if (order == 0) return middle;
    if (order < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return snapshot->partition_count;
}

static enum lam_status count_partition(void *user, const char *directory, struct lam_error *error) {
  struct lam_new_rows *rows = user;
  struct lam_edit *edit = rows->edit;
  LAM_TRY(check_filter(rows, directory, error));
  if (rows->scope) LAM_TRY(lam_change_scope(&edit->change, directory, error));
  size_t p = find_partition(&edit->table->snapshot, directory);
  if (p < edit->table->snapshot.partition_count)
    lam_edit_affect(edit, (uint32_t)p);
  else
    rows->fresh++;
  return LAM_OK;
}

enum lam_status lam_new_rows_finish(struct lam_new_rows *rows, bool scope, struct lam_error *error) {
  struct lam_edit *edit = rows->edit;
  struct lam_partition_writer_counts written = {.rows = 0};
  LAM_TRY(lam_partition_writer_finish(rows->writer, false, &edit->change, &written, error));
  rows->scope = scope;
  LAM_TRY(lam_partition_writer_each(rows->writer, count_partition, rows, error));
  edit->result.files_added += written.files;
  edit->result.bytes_written += written.bytes;
  edit->result.row_groups_encoded += written.row_groups;
  edit->result.runs_spilled += written.runs_spilled;
  edit->result.partitions_affected += rows->fresh;
  return LAM_OK;
}
