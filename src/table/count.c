/* Counting the rows that match: from metadata where it proves them, else by reading the condition's columns. */
#include <stdatomic.h>

#include "base/context.h"
#include "base/options.h"
#include "base/threads.h"
#include "parquet/prune.h"
#include "parquet/reader.h"
#include "table/path_value.h"
#include "table/table.h"

enum { JOBS = 64 }; /* row groups whose ranges are held at once */

struct count {
  struct lam_table *table;
  struct lam_arena arena;
  struct ArrowSchema schema; /* of the columns that the condition names */
  int64_t *columns;          /* the table's, for each of them */
  const struct lam_expr *condition;
  _Atomic uint64_t rows, rows_read, files_opened, row_groups, row_groups_read;
};

/* A file under way: its columns brought to count->schema. */
struct count_file {
  struct count *count;
  const struct lam_partition *partition;
  struct lam_arena arena;
  struct lam_file *file;
  struct lam_file_columns columns;
  struct lam_merge_source *sources;
  int32_t *tops;                 /* the file's column for each of the schema's, or -1 */
  int32_t *wanted, wanted_count; /* those that are read */
  struct lam_scalar *values;     /* of the path */
  const struct lam_scalar **values_at;
  bool plain; /* some column is cast: dictionaries are not passed through */
  struct lam_prune *prune;
  struct count_job {
    int32_t group;
    struct lam_ranges rows;
  } jobs[JOBS];
  size_t job_count;
};

static void add(_Atomic uint64_t *to, uint64_t value) {
  atomic_fetch_add_explicit(to, value, memory_order_relaxed);
}

/* ---- the condition ---- */

struct marks {
  bool *used;
};

static void mark(void *user, const struct lam_expr *column) {
  ((struct marks *)user)->used[column->path[0]] = true;
}

/* Bound to the whole schema, to know which columns it names, then to these alone. */
static enum lam_status bind(struct count *count, const char *where, struct lam_error *error) {
  const struct ArrowSchema *all = &count->table->merge.schema;
  const struct lam_expr *parsed, *bound;
  struct marks marks;
  int64_t used = 0;
  LAM_TRY(lam_expr_parse(where, &count->arena, &parsed, error));
  LAM_TRY(lam_expr_bind_condition(parsed, all, &count->arena, &bound, error));
  LAM_TRY(lam_arena_array(&count->arena, (size_t)all->n_children, sizeof(bool), (void **)&marks.used, error));
  LAM_TRY(
      lam_arena_array(&count->arena, (size_t)all->n_children, sizeof *count->columns, (void **)&count->columns, error));
  lam_expr_columns(bound, mark, &marks);
  for (int64_t c = 0; c < all->n_children; c++)
    if (marks.used[c]) count->columns[used++] = c;
  LAM_TRY(lam_schema_init_struct("", used, &count->schema, error));
  for (int64_t c = 0; c < used; c++)
    LAM_TRY(lam_schema_copy(all->children[count->columns[c]], count->schema.children[c], error));
  return lam_expr_bind_condition(parsed, &count->schema, &count->arena, &count->condition, error);
}

/* ---- partitions ---- */

struct path_facts {
  const struct count *count;
  const struct lam_partition *partition;
};

/* Columns that no file has are what the path says; the others are not known yet. */
static enum lam_status path_column(const void *user, const struct lam_expr *node, struct lam_facts_column *out,
                                   struct lam_error *error) {
  const struct path_facts *facts = user;
  int32_t c = node->path[0];
  *out = (struct lam_facts_column){.nulls = -1, .may_be_nan = true};
  if (facts->count->columns[c] < facts->count->table->data_columns) return LAM_OK;
  LAM_TRY(lam_path_value(facts->partition, facts->count->schema.children[c], &out->min, error));
  out->nulls = out->min.is_null ? 1 : 0;
  out->has_min = out->has_max = !out->min.is_null;
  out->max = out->min;
  out->may_be_nan = false;
  return LAM_OK;
}

static enum lam_status may_match(const struct count *count, const struct lam_partition *partition, bool *may,
                                 struct lam_error *error) {
  struct path_facts user = {count, partition};
  struct lam_facts facts = {.user = &user, .rows = 1, .column = path_column};
  unsigned outcomes;
  LAM_TRY(lam_expr_decide(count->condition, &facts, &outcomes, error));
  *may = outcomes & LAM_MAY_BE_TRUE;
  return LAM_OK;
}

/* ---- one file ---- */

static enum lam_status map_columns(struct count_file *file, struct lam_error *error) {
  const struct ArrowSchema *schema = &file->count->schema, *all = &file->count->table->merge.schema;
  size_t columns = (size_t)schema->n_children;
  struct lam_arena *arena = &file->arena;
  struct lam_merge_source *sources;
  LAM_TRY(lam_file_columns_of(file->file, arena, &file->columns, error));
  LAM_TRY(lam_arena_array(arena, columns, sizeof *file->sources, (void **)&file->sources, error));
  LAM_TRY(lam_arena_array(arena, columns, sizeof *file->tops, (void **)&file->tops, error));
  LAM_TRY(lam_arena_array(arena, columns, sizeof *file->wanted, (void **)&file->wanted, error));
  LAM_TRY(lam_arena_array(arena, columns, sizeof *file->values, (void **)&file->values, error));
  LAM_TRY(lam_arena_array(arena, columns, sizeof *file->values_at, (void **)&file->values_at, error));
  LAM_TRY(lam_arena_array(arena, (size_t)all->n_children, sizeof *sources, (void **)&sources, error));
  if (lam_merge_same(all, &file->columns.schema)) /* one file may have two columns of one name */
    for (int64_t c = 0; c < all->n_children; c++) sources[c].column = (int32_t)c;
  else
    lam_merge_map(all, &file->columns.schema, sources);
  for (size_t c = 0; c < columns; c++) {
    file->sources[c] = sources[file->count->columns[c]];
    int32_t at = file->sources[c].column;
    file->tops[c] = at >= 0 ? file->columns.columns[at] : -1;
    file->plain |= file->sources[c].cast;
    if (at >= 0) {
      file->wanted[file->wanted_count++] = file->tops[c];
      continue;
    }
    LAM_TRY(lam_path_value(file->partition, schema->children[c], &file->values[c], error));
    if (!file->values[c].is_null) file->values_at[c] = &file->values[c];
  }
  return LAM_OK;
}

/* A batch of the file as one of count->schema. */
static enum lam_status make_batch(const struct count_file *file, struct ArrowArray *batch, struct ArrowArray *out,
                                  struct lam_error *error) {
  const struct count *count = file->count;
  struct lam_mem *mem = count->table->mem;
  LAM_TRY(lam_merge_batch(mem, &count->schema, &file->columns.schema, file->sources, batch, out, error));
  for (int64_t c = 0; c < count->schema.n_children; c++) {
    if (!file->values_at[c]) continue;
    struct ArrowArray values;
    enum lam_status status = lam_path_array(mem, file->values_at[c], out->length, &values, error);
    if (status != LAM_OK) {
      lam_array_release(out);
      return status;
    }
    lam_array_release(out->children[c]);
    *out->children[c] = values;
  }
  return LAM_OK;
}

static enum lam_status count_batch(struct lam_evaluator *evaluator, const struct ArrowArray *batch,
                                   struct lam_buf *selection, uint64_t *rows, struct lam_error *error) {
  int64_t selected;
  LAM_TRY(lam_buf_reset(selection, (size_t)(batch->length + 7) / 8, error));
  LAM_TRY(lam_evaluate_condition(evaluator, batch, selection->data, &selected, error));
  *rows += (uint64_t)selected;
  return LAM_OK;
}

static enum lam_status count_batches(const struct count_file *file, struct lam_reader *reader,
                                     struct lam_evaluator *evaluator, uint64_t *rows, struct lam_error *error) {
  struct lam_mem *mem = file->count->table->mem;
  struct lam_buf selection;
  enum lam_status status = LAM_OK;
  lam_buf_init(&selection, mem);
  while (status == LAM_OK) {
    struct ArrowArray batch, merged;
    status = lam_reader_next(reader, &batch, error);
    if (status != LAM_OK || !batch.release) break;
    status = make_batch(file, &batch, &merged, error);
    if (status != LAM_OK) break;
    status = count_batch(evaluator, &merged, &selection, rows, error);
    lam_progress_add(file->count->table->context, (uint64_t)merged.length, 0);
    lam_array_release(&merged);
  }
  lam_buf_release(&selection);
  return status;
}

/* Reads one row group. */
static enum lam_status run_job(void *user, size_t index, struct lam_error *error) {
  struct count_file *file = user;
  struct count *count = file->count;
  const struct count_job *job = &file->jobs[index];
  struct lam_read_options options = LAM_READ_OPTIONS_INIT;
  struct lam_reader *reader;
  struct lam_evaluator *evaluator = NULL;
  uint64_t rows = 0;
  options.columns = file->wanted;
  options.column_count = file->wanted_count;
  options.row_groups = &job->group;
  options.row_group_count = 1;
  options.dictionaries = !file->plain;
  LAM_TRY(lam_check_cancel(count->table->context, error));
  LAM_TRY(lam_reader_open_as(file->file, &options, &(struct lam_reader_mode){.one_thread = true}, count->table->mem,
                             &reader, error));
  enum lam_status status = lam_evaluator_open(count->table->mem, count->condition, &count->schema, &evaluator, error);
  if (status == LAM_OK) status = count_batches(file, reader, evaluator, &rows, error);
  lam_evaluator_close(evaluator);
  lam_reader_close(reader);
  add(&count->rows, rows);
  add(&count->rows_read, (uint64_t)lam_ranges_total(&job->rows));
  return status;
}

static enum lam_status run_jobs(struct count_file *file, struct lam_error *error) {
  size_t jobs = file->job_count;
  file->job_count = 0;
  return lam_pool_run(lam_context_pool(file->count->table->context), jobs, 0, run_job, file, error);
}

/* What is known of a row group without reading its rows; the rest becomes a job. */
static enum lam_status look_at_group(struct count_file *file, int32_t group, struct lam_error *error) {
  struct count *count = file->count;
  struct count_job *job = &file->jobs[file->job_count];
  uint64_t rows = (uint64_t)lam_file_row_group_rows(file->file, group);
  unsigned outcomes;
  bool all;
  LAM_TRY(lam_prune_group(file->prune, group, &outcomes, error));
  if (!(outcomes & LAM_MAY_BE_TRUE)) return LAM_OK;
  if (outcomes == LAM_MAY_BE_TRUE) {
    add(&count->rows, rows);
    return LAM_OK;
  }
  LAM_TRY(lam_prune_rows(file->prune, group, &job->rows, &all, error));
  if (all) {
    add(&count->rows, (uint64_t)lam_ranges_total(&job->rows));
    return LAM_OK;
  }
  job->group = group;
  file->job_count++;
  add(&count->row_groups_read, 1);
  return LAM_OK;
}

static enum lam_status count_groups(struct count_file *file, struct lam_error *error) {
  struct count *count = file->count;
  int32_t groups = lam_file_row_groups(file->file);
  bool reads = false;
  add(&count->row_groups, (uint64_t)groups);
  for (int32_t group = 0; group < groups; group++) {
    LAM_TRY(lam_check_cancel(count->table->context, error));
    LAM_TRY(look_at_group(file, group, error));
    if (file->job_count > 0 && !reads) add(&count->files_opened, 1);
    reads |= file->job_count > 0;
    if (file->job_count == JOBS || (group == groups - 1 && file->job_count > 0)) LAM_TRY(run_jobs(file, error));
  }
  return LAM_OK;
}

static enum lam_status count_in(struct count_file *file, const struct lam_data_file *data, struct lam_error *error) {
  struct lam_table *table = file->count->table;
  LAM_TRY(lam_snapshot_file(table->directory, &table->snapshot, data, &table->file_options, table->mem, &file->file,
                            error));
  LAM_TRY(map_columns(file, error));
  LAM_TRY(lam_prune_open(file->file, file->count->condition, &file->count->schema, file->tops, file->values_at,
                         table->mem, &file->prune, error));
  return count_groups(file, error);
}

static enum lam_status count_file(void *user, size_t index, struct lam_error *error) {
  struct count *count = user;
  struct lam_table *table = count->table;
  const struct lam_data_file *data = &table->snapshot.files[index];
  struct count_file *file;
  bool may;
  LAM_TRY(lam_check_cancel(table->context, error));
  LAM_TRY(may_match(count, &table->snapshot.partitions[data->partition].values, &may, error));
  if (!may) return LAM_OK;
  LAM_TRY(lam_alloc_zero(table->mem, sizeof *file, (void **)&file, error));
  file->count = count;
  file->partition = &table->snapshot.partitions[data->partition].values;
  lam_arena_init(&file->arena, table->mem);
  for (size_t i = 0; i < JOBS; i++) lam_ranges_init(&file->jobs[i].rows, table->mem);
  enum lam_status status = count_in(file, data, error);
  for (size_t i = 0; i < JOBS; i++) lam_ranges_release(&file->jobs[i].rows);
  lam_prune_close(file->prune);
  lam_schema_release(&file->columns.schema);
  lam_file_close(file->file);
  lam_arena_release(&file->arena);
  lam_free(table->mem, file, sizeof *file);
  return status;
}

/* ---- the table ---- */

static enum lam_status count_where(struct count *count, const char *where, struct lam_error *error) {
  struct lam_table *table = count->table;
  enum lam_status status = bind(count, where, error);
  if (status != LAM_OK) return lam_fail_in(error, status, "the condition");
  return lam_pool_run(lam_context_pool(table->context), table->snapshot.file_count, 0, count_file, count, error);
}

enum lam_status lam_table_count(struct lam_table *table, const char *where, struct lam_count_result *result,
                                struct lam_error *error) {
  struct lam_count_result out = LAM_COUNT_RESULT_INIT;
  struct count count = {.table = table};
  enum lam_status status = LAM_OK;
  out.files = table->snapshot.file_count;
  out.row_groups = table->row_groups;
  out.rows = table->rows;
  if (where) {
    lam_arena_init(&count.arena, table->mem);
    lam_progress_begin(table->context, "count", table->rows, 0);
    status = count_where(&count, where, error);
    lam_progress_end(table->context);
    lam_schema_release(&count.schema);
    lam_arena_release(&count.arena);
    out.rows = count.rows;
    out.files_opened = count.files_opened;
    out.row_groups_read = count.row_groups_read;
    out.rows_read = count.rows_read;
  }
  if (status == LAM_OK) lam_result_write(&out, sizeof out, result);
  return status;
}
