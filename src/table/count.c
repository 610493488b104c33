/* Counting the rows that match: from metadata where it proves them, else by reading the condition's columns. */
#include <stdatomic.h>

#include "base/context.h"
#include "base/options.h"
#include "base/threads.h"
#include "table/where.h"

struct count {
  struct lam_table *table;
  struct lam_arena arena;
  const struct lam_expr *condition;
  uint8_t *outcomes; /* lam_where_files */
  _Atomic uint64_t rows, rows_read, files_opened, row_groups_read;
};

static void add(_Atomic uint64_t *to, uint64_t value) {
  atomic_fetch_add_explicit(to, value, memory_order_relaxed);
}

/* ---- one file ---- */

struct count_file {
  struct count *count;
  struct lam_arena arena;
  struct lam_file *file;
  struct lam_file_columns columns;
  struct lam_prune *prune;
};

static enum lam_status count_batch(void *user, int32_t row_group, int64_t first_row, const struct ArrowSchema *schema,
                                   const struct ArrowArray *batch, struct lam_error *error) {
  struct count *count = user;
  (void)row_group, (void)first_row, (void)schema;
  add(&count->rows, (uint64_t)batch->length);
  return lam_check_cancel(count->table->context, error);
}

/* Row groups that statistics leave open. A scan of no columns gives the number of rows. */
static enum lam_status count_rows(struct count *count, struct lam_file *file, const struct lam_filter *filter,
                                  const int32_t *groups, int32_t group_count, struct lam_error *error) {
  struct lam_read_options options = LAM_READ_OPTIONS_INIT;
  struct lam_filter_counts counts = {0};
  options.columns = &(int32_t){0};
  options.row_groups = groups;
  options.row_group_count = group_count;
  LAM_TRY(lam_filter_scan(file, &options, filter, count_batch, count, &counts, error));
  uint64_t read = counts.groups - counts.groups_skipped - counts.groups_whole;
  add(&count->row_groups_read, read);
  add(&count->rows_read, counts.rows_evaluated);
  add(&count->files_opened, read > 0);
  return LAM_OK;
}

static enum lam_status count_groups(struct count_file *file, const struct lam_filter *filter, struct lam_error *error) {
  struct count *count = file->count;
  int32_t groups = lam_file_row_groups(file->file), open_count = 0, *open;
  uint64_t decided = 0;
  LAM_TRY(lam_arena_array(&file->arena, (size_t)groups, sizeof *open, (void **)&open, error));
  for (int32_t group = 0; group < groups; group++) {
    uint64_t rows = (uint64_t)lam_file_row_group_rows(file->file, group);
    unsigned outcomes;
    LAM_TRY(lam_prune_statistics(file->prune, group, &outcomes, error));
    bool proved = outcomes == LAM_MAY_BE_TRUE;
    if (outcomes & LAM_MAY_BE_TRUE && !proved) {
      open[open_count++] = group;
      continue;
    }
    if (proved) add(&count->rows, rows);
    decided += rows;
  }
  lam_progress_add(count->table->context, decided, 0);
  if (open_count == 0) return LAM_OK;
  LAM_TRY(count_rows(count, file->file, filter, open, open_count, error));
  lam_progress_add(count->table->context, (uint64_t)lam_file_rows(file->file) - decided, 0);
  return LAM_OK;
}

static enum lam_status count_within(struct count_file *file, const struct lam_data_file *data,
                                    const struct lam_partition *partition, struct lam_error *error) {
  struct lam_table *table = file->count->table;
  struct lam_filter filter;
  LAM_TRY(lam_snapshot_file(table->directory, &table->snapshot, data, &table->file_options, table->mem, &file->file,
                            error));
  LAM_TRY(lam_file_columns_of(file->file, &file->arena, &file->columns, error));
  LAM_TRY(lam_where_of_file(table, file->count->condition, &file->columns, partition, &file->arena, &filter, error));
  LAM_TRY(lam_prune_open(file->file, filter.condition, filter.schema, filter.sources, filter.constants, table->mem,
                         &file->prune, error));
  return count_groups(file, &filter, error);
}

static enum lam_status count_file(void *user, size_t index, struct lam_error *error) {
  struct count *count = user;
  struct lam_table *table = count->table;
  const struct lam_data_file *data = &table->snapshot.files[index];
  const struct lam_partition *partition = &table->snapshot.partitions[data->partition].values;
  struct count_file file = {.count = count};
  unsigned outcomes = count->outcomes[index] & LAM_OUTCOMES;
  LAM_TRY(lam_check_cancel(table->context, error));
  if (!(outcomes & LAM_MAY_BE_TRUE)) return LAM_OK;
  if (outcomes == LAM_MAY_BE_TRUE) {
    add(&count->rows, table->files[index].rows);
    return LAM_OK;
  }
  lam_arena_init(&file.arena, table->mem);
  enum lam_status status = count_within(&file, data, partition, error);
  lam_prune_close(file.prune);
  lam_schema_release(&file.columns.schema);
  lam_file_close(file.file);
  lam_arena_release(&file.arena);
  return status;
}

/* ---- the table ---- */

static enum lam_status count_where(struct count *count, const char *where, struct lam_error *error) {
  struct lam_table *table = count->table;
  LAM_TRY(lam_where_bind(table, where, &count->arena, &count->condition, error));
  LAM_TRY(lam_where_files(table, count->condition, &count->arena, &count->outcomes, error));
  lam_progress_begin(table->context, "count", table->rows, 0);
  enum lam_status status =
      lam_pool_run(lam_context_pool(table->context), table->snapshot.file_count, 0, count_file, count, error);
  lam_progress_end(table->context);
  return status;
}

enum lam_status lam_table_count(struct lam_table *table, const char *where, struct lam_count_result *result,
                                struct lam_error *error) {
  struct lam_count_result out = LAM_COUNT_RESULT_INIT;
  struct count count = {.table = table};
  out.files = table->snapshot.file_count;
  out.row_groups = table->row_groups;
  out.rows = table->rows;
  if (where) {
    lam_arena_init(&count.arena, table->mem);
    enum lam_status status = count_where(&count, where, error);
    lam_arena_release(&count.arena);
    if (status != LAM_OK) return status;
    out.rows = count.rows;
    out.files_opened = count.files_opened;
    out.row_groups_read = count.row_groups_read;
    out.rows_read = count.rows_read;
  }
  lam_result_write(&out, sizeof out, result);
  return LAM_OK;
}
