/* Partitions at a glance: rows, bytes, dead bytes, and bounds of columns, by the pack; of files that it does not know
 * so well by their statistics, from sidecars or footers. */
#include <stdlib.h>

#include "base/context.h"
#include "base/options.h"
#include "base/threads.h"
#include "expr/facts.h"
#include "parquet/append.h"
#include "sidecar/pack.h"
#include "table/known.h"
#include "table/sidecars.h"
#include "table/where.h"

enum {
  FILES_AT_ONCE = 256,
  SMALL_SIZE = 96000000, /* three quarters of compact's target size */
};

/* The values of a column in the files of a partition: where each file's begin, and where they end. */
struct edge {
  struct lam_scalar at;
  bool is_end;
};
struct edges {
  struct edge *items; /* twice as many as the partition has files */
  size_t count;
  bool unknown; /* a file has values and no bounds of them */
};

struct survey {
  struct lam_table *table;
  struct lam_arena arena;
  struct lam_partitions_options options;
  const char *sort_key;            /* where no columns were asked for */
  const struct lam_expr **columns; /* bound to the table's schema */
  lam_partition_fn each;
  void *user;
  struct lam_partitions_result result;
  struct lam_known *known;
  size_t first; /* of the files under way */
  struct surveyed {
    bool done;
    struct lam_arena arena; /* of `summaries` */
    struct lam_facts_sum *summaries;
    int64_t dead;
  } * surveyed;
  /* Of the partition under way. */
  struct lam_arena partition_arena;
  struct lam_partition_info info;
  struct lam_facts_sum *summaries;
  struct edges *edges;
};

/* ---- bounds ---- */

/* A copy whose bytes live as long as the arena. */
static enum lam_status keep_scalar(struct lam_arena *arena, const struct lam_scalar *from, struct lam_scalar *out,
                                   struct lam_error *error) {
  char *bytes;
  *out = *from;
  if (!from->bytes.size) return LAM_OK;
  LAM_TRY(lam_arena_string(arena, from->bytes, &bytes, error));
  out->bytes.data = (const uint8_t *)bytes;
  return LAM_OK;
}

static enum lam_status survey_column(struct survey *survey, struct surveyed *out, const struct lam_file *file,
                                     const struct lam_filter *filter, int32_t index, struct lam_error *error) {
  struct lam_prune *prune;
  const struct lam_expr *column = survey->columns[index];
  LAM_TRY(lam_prune_open(file, column, filter->schema, filter->sources, filter->constants, survey->table->mem, &prune,
                         error));
  enum lam_status status = LAM_OK;
  for (int32_t group = 0; status == LAM_OK && group < lam_file_row_groups(file); group++) {
    struct lam_facts_column facts;
    int64_t rows = lam_file_row_group_rows(file, group);
    if (rows == 0) continue;
    status = lam_prune_facts(prune, group, column, &facts, error);
    if (status != LAM_OK) break;
    status = lam_facts_add(&out->summaries[index], &facts, rows, &out->arena, error);
  }
  lam_prune_close(prune);
  return status;
}

/* ---- files ---- */

static enum lam_status survey_open(struct survey *survey, struct surveyed *out, const struct lam_data_file *data,
                                   const struct lam_file *file, struct lam_error *error) {
  struct lam_table *table = survey->table;
  struct lam_file_columns columns;
  struct lam_filter filter;
  LAM_TRY(lam_file_dead_bytes(file, table->mem, &out->dead, error));
  if (survey->options.column_count == 0) return LAM_OK;
  LAM_TRY(lam_file_columns_of(file, &out->arena, &columns, error));
  enum lam_status status = lam_where_of_file(table, NULL, &columns, &table->snapshot.partitions[data->partition].values,
                                             &out->arena, &filter, error);
  for (int32_t i = 0; status == LAM_OK && i < survey->options.column_count; i++)
    status = survey_column(survey, out, file, &filter, i, error);
  lam_schema_release(&columns.schema);
  return status;
}

/* By the pack, where it has all that is asked. */
static enum lam_status survey_packed(struct survey *survey, size_t index, struct surveyed *out,
                                     struct lam_error *error) {
  const struct lam_table *table = survey->table;
  const struct lam_snapshot *snapshot = &table->snapshot;
  const struct lam_data_file *data = &snapshot->files[index];
  const struct lam_directory_partition *partition = &snapshot->partitions[data->partition];
  if (index == survey->first || index == partition->first_file)
    LAM_TRY(lam_known_partition(survey->known, partition, error));
  LAM_TRY(lam_known_file(survey->known, index, &out->done, error));
  if (!out->done) return LAM_OK;
  out->dead = snapshot->pack->files[data->packed - 1].dead;
  for (int32_t i = 0; out->done && i < survey->options.column_count; i++) {
    struct lam_facts_column facts;
    int64_t rows = (int64_t)table->files[index].rows;
    out->done = lam_known_facts(survey->known, (size_t)i, &facts);
    if (out->done && rows) LAM_TRY(lam_facts_add(&out->summaries[i], &facts, rows, &out->arena, error));
  }
  if (out->done)
    lam_progress_add(table->context, table->files[index].rows, 0);
  else
    memset(out->summaries, 0, (size_t)survey->options.column_count * sizeof *out->summaries);
  return LAM_OK;
}

static enum lam_status survey_file(void *user, size_t index, struct lam_error *error) {
  struct survey *survey = user;
  struct lam_table *table = survey->table;
  struct surveyed *out = &survey->surveyed[index];
  const struct lam_data_file *data = &table->snapshot.files[survey->first + index];
  struct lam_file *file;
  if (out->done) return LAM_OK;
  LAM_TRY(lam_check_cancel(table->context, error));
  LAM_TRY(lam_snapshot_file_unopened(table->directory, &table->snapshot, data, &table->file_options, table->mem, &file,
                                     error));
  enum lam_status status = survey_open(survey, out, data, file, error);
  lam_progress_add(table->context, (uint64_t)lam_file_rows(file), 0);
  lam_file_close(file);
  return status;
}

/* ---- overlap of files ---- */

static enum lam_status add_edges(struct survey *survey, struct edges *edges, const struct lam_facts_sum *file,
                                 struct lam_error *error) {
  struct edge *to = edges->items + edges->count;
  if (!file->any) return LAM_OK;
  edges->unknown |= file->unknown_min || file->unknown_max;
  if (edges->unknown) return LAM_OK;
  edges->count += 2;
  to[1].is_end = true;
  LAM_TRY(keep_scalar(&survey->partition_arena, &file->min, &to[0].at, error));
  return keep_scalar(&survey->partition_arena, &file->max, &to[1].at, error);
}

/* A range that begins where another ends shares that value with it. */
static int by_value(const void *a, const void *b) {
  const struct edge *x = a, *y = b;
  int order = lam_scalar_compare(&x->at, &y->at);
  return order ? order : x->is_end - y->is_end;
}

static int64_t overlap_of(struct edges *edges) {
  int64_t open = 0, most = 0;
  if (edges->unknown) return -1;
  if (edges->count) qsort(edges->items, edges->count, sizeof *edges->items, by_value);
  for (size_t i = 0; i < edges->count; i++) {
    open += edges->items[i].is_end ? -1 : 1;
    most = lam_max_i64(most, open);
  }
  return most;
}

/* ---- partitions ---- */

static enum lam_status begin_partition(struct survey *survey, const struct lam_directory_partition *partition,
                                       struct lam_error *error) {
  struct lam_arena *arena = &survey->partition_arena;
  const struct lam_partition *path = &partition->values;
  const char **names, **values;
  lam_arena_release(arena);
  LAM_TRY(lam_arena_array(arena, path->count, sizeof *names, (void **)&names, error));
  LAM_TRY(lam_arena_array(arena, path->count, sizeof *values, (void **)&values, error));
  LAM_TRY(lam_arena_array(arena, (size_t)survey->options.column_count, sizeof *survey->summaries,
                          (void **)&survey->summaries, error));
  LAM_TRY(lam_arena_array(arena, (size_t)survey->options.column_count, sizeof *survey->edges, (void **)&survey->edges,
                          error));
  for (int32_t i = 0; i < survey->options.column_count; i++)
    LAM_TRY(lam_arena_array(arena, 2 * partition->file_count, sizeof *survey->edges->items,
                            (void **)&survey->edges[i].items, error));
  for (size_t i = 0; i < path->count; i++) {
    names[i] = path->values[i].column;
    values[i] = path->values[i].value;
  }
  survey->info = (struct lam_partition_info){.struct_size = sizeof survey->info,
                                             .directory = partition->directory,
                                             .names = names,
                                             .values = values,
                                             .value_count = path->count,
                                             .column_count = survey->options.column_count};
  return LAM_OK;
}

static enum lam_status add_file(struct survey *survey, size_t index, const struct surveyed *file,
                                struct lam_error *error) {
  const struct lam_table *table = survey->table;
  uint64_t bytes = table->snapshot.files[index].identity.size;
  int64_t rows = (int64_t)table->files[index].rows;
  struct lam_partition_info *info = &survey->info;
  info->files++;
  info->small_files += bytes < survey->options.small_size;
  info->row_groups += table->files[index].row_groups;
  info->rows += table->files[index].rows;
  info->bytes += bytes;
  info->dead_bytes = info->dead_bytes < 0 || file->dead < 0 ? -1 : info->dead_bytes + file->dead;
  for (int32_t i = 0; i < info->column_count; i++) {
    const struct lam_facts_column facts = lam_facts_of_sum(&file->summaries[i]);
    if (rows) LAM_TRY(lam_facts_add(&survey->summaries[i], &facts, rows, &survey->partition_arena, error));
    LAM_TRY(add_edges(survey, &survey->edges[i], &file->summaries[i], error));
  }
  return LAM_OK;
}

static enum lam_status bound_text(struct lam_arena *arena, const struct lam_scalar *bound, const char **out,
                                  size_t *size, bool *is_literal, struct lam_error *error) {
  struct lam_buf text;
  struct lam_scalar value = *bound;
  char *copy;
  if (lam_type_is_float(value.type.id) && value.value.d == 0) value.value.d = 0; /* writers say -0.0 for either zero */
  lam_buf_init(&text, arena->mem);
  enum lam_status status = lam_scalar_text(&value, &text, is_literal, error);
  if (status == LAM_OK) status = lam_arena_string(arena, lam_bytes_of(text.data, text.size), &copy, error);
  if (status == LAM_OK) *out = copy;
  *size = text.size;
  lam_buf_release(&text);
  return status;
}

static enum lam_status describe_columns(struct survey *survey, struct lam_error *error) {
  struct lam_arena *arena = &survey->partition_arena;
  struct lam_partition_column *columns;
  LAM_TRY(lam_arena_array(arena, (size_t)survey->info.column_count, sizeof *columns, (void **)&columns, error));
  survey->info.columns = columns;
  for (int32_t i = 0; i < survey->info.column_count; i++) {
    const struct lam_facts_sum *from = &survey->summaries[i];
    struct lam_partition_column *to = &columns[i];
    bool literals[2] = {true, true};
    *to = (struct lam_partition_column){
        .name = survey->options.columns[i], .may_be_nan = from->may_be_nan, .nulls = from->nulls};
    to->overlap = overlap_of(&survey->edges[i]);
    if (from->any && !from->unknown_min) {
      LAM_TRY(bound_text(arena, &from->min, &to->min, &to->min_size, &literals[0], error));
      to->min_exact = from->min_exact;
    }
    if (from->any && !from->unknown_max) {
      LAM_TRY(bound_text(arena, &from->max, &to->max, &to->max_size, &literals[1], error));
      to->max_exact = from->max_exact;
    }
    to->is_literal = literals[0] && literals[1] && (to->min || to->max);
  }
  return LAM_OK;
}

static enum lam_status end_partition(struct survey *survey, bool *more, struct lam_error *error) {
  struct lam_partitions_result *result = &survey->result;
  const struct lam_partition_info *info = &survey->info;
  LAM_TRY(describe_columns(survey, error));
  result->partitions++;
  result->files += info->files;
  result->small_files += info->small_files;
  result->row_groups += info->row_groups;
  result->rows += info->rows;
  result->bytes += info->bytes;
  result->dead_bytes = result->dead_bytes < 0 || info->dead_bytes < 0 ? -1 : result->dead_bytes + info->dead_bytes;
  *more = !survey->each || survey->each(survey->user, info);
  return LAM_OK;
}

/* File `index` of the snapshot, in order: files of a partition are neighbours. */
static enum lam_status take_file(struct survey *survey, size_t index, const struct surveyed *file, bool *more,
                                 struct lam_error *error) {
  const struct lam_snapshot *snapshot = &survey->table->snapshot;
  const struct lam_directory_partition *partition = &snapshot->partitions[snapshot->files[index].partition];
  if (index == partition->first_file) LAM_TRY(begin_partition(survey, partition, error));
  LAM_TRY(add_file(survey, index, file, error));
  if (index + 1 < partition->first_file + partition->file_count) return LAM_OK;
  return end_partition(survey, more, error);
}

/* ---- the table ---- */

/* A name that a column has, in quotes or not, else a path into one. */
static enum lam_status bind_column(struct survey *survey, const char *name, const struct lam_expr **out,
                                   struct lam_error *error) {
  const struct ArrowSchema *schema = &survey->table->merge.schema;
  const struct lam_expr *parsed;
  struct lam_bytes *names;
  if (lam_schema_find(schema, name) >= 0) {
    struct lam_expr *column;
    LAM_TRY(lam_arena_array(&survey->arena, 1, sizeof *column, (void **)&column, error));
    LAM_TRY(lam_arena_array(&survey->arena, 1, sizeof *names, (void **)&names, error));
    *names = lam_bytes_of_string(name);
    *column = (struct lam_expr){.kind = LAM_EXPR_COLUMN, .depth = 1, .names = names};
    parsed = column;
  } else if (lam_expr_parse(name, &survey->arena, &parsed, NULL) != LAM_OK || parsed->kind != LAM_EXPR_COLUMN) {
    return lam_fail(error, LAM_NOT_FOUND, "%s has no column \"%s\"", survey->table->directory->name, name);
  }
  return lam_expr_bind(parsed, schema, &survey->arena, out, error);
}

/* Files [survey->first, + count) at the same time, then taken in order. */
static enum lam_status survey_some(struct survey *survey, size_t count, bool *more, struct lam_error *error) {
  struct lam_table *table = survey->table;
  memset(survey->surveyed, 0, FILES_AT_ONCE * sizeof *survey->surveyed);
  enum lam_status status = LAM_OK;
  for (size_t i = 0; i < count; i++) lam_arena_init(&survey->surveyed[i].arena, table->mem);
  for (size_t i = 0; status == LAM_OK && i < count; i++) {
    struct surveyed *file = &survey->surveyed[i];
    status = lam_arena_array(&file->arena, (size_t)survey->options.column_count, sizeof *file->summaries,
                             (void **)&file->summaries, error);
    if (status == LAM_OK) status = survey_packed(survey, survey->first + i, file, error);
  }
  if (status == LAM_OK) status = lam_pool_run(lam_context_pool(table->context), count, 0, survey_file, survey, error);
  for (size_t i = 0; i < count; i++) {
    if (status == LAM_OK && *more) status = take_file(survey, survey->first + i, &survey->surveyed[i], more, error);
    lam_arena_release(&survey->surveyed[i].arena);
  }
  return status;
}

static enum lam_status survey_table(struct survey *survey, struct lam_error *error) {
  struct lam_table *table = survey->table;
  const struct lam_partitions_options *options = &survey->options;
  size_t files = table->snapshot.file_count;
  bool more = true;
  LAM_TRY(lam_arena_array(&survey->arena, FILES_AT_ONCE, sizeof *survey->surveyed, (void **)&survey->surveyed, error));
  LAM_TRY(lam_arena_array(&survey->arena, (size_t)options->column_count, sizeof *survey->columns,
                          (void **)&survey->columns, error));
  for (int32_t i = 0; i < options->column_count; i++)
    LAM_TRY(bind_column(survey, options->columns[i], &survey->columns[i], error));
  LAM_TRY(lam_known_open(table, survey->columns, (size_t)options->column_count, &survey->arena, &survey->known, error));
  lam_progress_begin(table->context, "partitions", table->rows, 0);
  enum lam_status status = LAM_OK;
  for (; status == LAM_OK && more && survey->first < files; survey->first += FILES_AT_ONCE)
    status = survey_some(survey, (size_t)lam_min_u64(FILES_AT_ONCE, files - survey->first), &more, error);
  lam_progress_end(table->context);
  return status;
}

/* The column by which the first file says that its rows are sorted: by its sidecar, else by its footer. */
static enum lam_status find_sort_key(struct survey *survey, const struct lam_data_file *data, char **out,
                                     struct lam_error *error) {
  struct lam_table *table = survey->table;
  struct lam_sidecar *sidecar = lam_sidecar_of_listed(table->directory, data, table->mem);
  struct lam_file *file = NULL;
  struct lam_bytes name;
  enum lam_status status = LAM_UNSUPPORTED;
  if (sidecar) status = lam_sidecar_sorted_by(sidecar, &name, error);
  if (status != LAM_OK) {
    status = lam_snapshot_file_by_footer(table->directory, &table->snapshot, data, &table->file_options, table->mem,
                                         &file, error);
    if (status == LAM_OK) name = lam_sorted_by(lam_file_meta(file));
  }
  if (status == LAM_OK && name.data) status = lam_arena_string(&survey->arena, name, out, error);
  lam_file_close(file);
  lam_sidecar_close(sidecar);
  return status;
}

/* What nobody has asked for is the sort key: its overlap is what sorting is for. Where that cannot be told there is
 * none. */
static void choose_column(struct survey *survey) {
  const struct lam_table *table = survey->table;
  char *key = NULL;
  survey->options.column_count = 0;
  if (!table->snapshot.file_count || find_sort_key(survey, &table->snapshot.files[0], &key, NULL) != LAM_OK) return;
  if (!key || lam_schema_find(&table->merge.schema, key) < 0) return;
  survey->sort_key = key;
  survey->options.columns = &survey->sort_key;
  survey->options.column_count = 1;
}

enum lam_status lam_partitions(struct lam_table *table, const struct lam_partitions_options *options,
                               lam_partition_fn each, void *user, struct lam_partitions_result *result,
                               struct lam_error *error) {
  struct survey survey = {.table = table,
                          .each = each,
                          .user = user,
                          .options = LAM_PARTITIONS_OPTIONS_INIT,
                          .result = LAM_PARTITIONS_RESULT_INIT};
  LAM_TRY(lam_options_read(options, "LAM_PARTITIONS_OPTIONS_INIT", &survey.options, sizeof survey.options, error));
  if (survey.options.small_size == 0) survey.options.small_size = SMALL_SIZE;
  lam_arena_init(&survey.arena, table->mem);
  lam_arena_init(&survey.partition_arena, table->mem);
  if (!survey.options.columns) choose_column(&survey);
  enum lam_status status = survey_table(&survey, error);
  lam_arena_release(&survey.partition_arena);
  lam_arena_release(&survey.arena);
  if (status == LAM_OK) lam_result_write(&survey.result, sizeof survey.result, result);
  return status;
}
