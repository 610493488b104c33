/* Planning: what a scan would read, decided as the filtered reader decides it, without reading a data page. */
#include "base/context.h"
#include "base/options.h"
#include "base/threads.h"
#include "parquet/pull.h"
#include "table/columns.h"
#include "table/where.h"

enum { FILES_AT_ONCE = 256 };

struct plan {
  struct lam_table *table;
  struct lam_arena arena;
  struct lam_plan_options options;
  const struct lam_expr *condition; /* NULL: all rows */
  uint8_t *outcomes;                /* of each file, with a condition: lam_where_files */
  struct ArrowSchema schema;        /* the columns asked for */
  bool partial;
  lam_plan_fn each;
  void *user;
  struct lam_plan_result result;
  struct lam_buf path; /* of a file that is skipped */
  size_t first;        /* of the files under way */
  struct planned {
    size_t index;           /* in the snapshot */
    struct lam_arena arena; /* of `file` */
    struct lam_plan_file file;
    struct lam_prune_counts counts;
  } * planned;
};

/* One file while it is planned. */
struct file_plan {
  struct plan *plan;
  struct planned *out;
  struct lam_arena arena; /* of the row group under way */
  struct lam_file *file;
  const struct lam_file_meta *meta;
  struct lam_file_columns columns;
  struct lam_prune *prune;            /* NULL: no condition */
  bool *chosen, *named;               /* leaves of the columns asked for; those and the condition's */
  struct lam_leaf *leaves;            /* of the file, those that are named */
  bool cut_dictionaries;              /* by a writer that left the header of a dictionary page out of a chunk's size */
  struct lam_plan_row_group *current; /* the row group under way */
  struct lam_ranges rows;             /* of it, that may match */
  struct lam_pull pull;
};

/* ---- columns ---- */

struct naming {
  struct file_plan *plan;
  const int32_t *sources;
};

/* The filtered reader reads whole columns for a condition, though it names one member. */
static void name_column(void *user, const struct lam_expr *column) {
  const struct naming *naming = user;
  const struct lam_file_meta *meta = naming->plan->meta;
  int32_t top = naming->sources[column->path[0]];
  if (top < 0) return;
  const struct lam_schema_node *node = &meta->nodes[lam_top_node(meta, top)];
  memset(naming->plan->named + node->leaf, true, (size_t)node->leaves);
}

/* parquet-mr before 1.2.9, see lam_page_stream_begin. */
static bool cuts_dictionaries(const struct lam_file_meta *meta) {
  struct lam_created_by by = lam_created_by_parse(meta->created_by);
  if (!lam_bytes_equal(by.application, lam_bytes_of_string("parquet-mr"))) return false;
  return by.major < 1 || (by.major == 1 && (by.minor < 2 || (by.minor == 2 && by.patch < 9)));
}

static enum lam_status find_leaves(struct file_plan *p, const struct lam_filter *filter, struct lam_error *error) {
  const struct plan *plan = p->plan;
  struct lam_arena *arena = &p->out->arena;
  size_t count = (size_t)p->meta->leaf_count;
  struct lam_merge_source *sources;
  LAM_TRY(lam_arena_array(arena, (size_t)plan->schema.n_children, sizeof *sources, (void **)&sources, error));
  LAM_TRY(lam_arena_array(arena, count, sizeof *p->chosen, (void **)&p->chosen, error));
  LAM_TRY(lam_arena_array(arena, count, sizeof *p->named, (void **)&p->named, error));
  LAM_TRY(lam_arena_array(arena, count, sizeof *p->leaves, (void **)&p->leaves, error));
  lam_columns_map(plan->table, &plan->schema, &p->columns, sources);
  lam_columns_leaves(p->meta, &plan->schema, &p->columns, sources, plan->partial, p->chosen);
  lam_copy(p->named, p->chosen, count * sizeof *p->named);
  if (filter->condition) lam_expr_columns(filter->condition, name_column, &(struct naming){p, filter->sources});
  for (size_t i = 0; i < count; i++)
    if (p->named[i]) LAM_TRY(lam_leaf_of_node(p->meta, p->meta->leaves[i], &p->leaves[i], error));
  p->cut_dictionaries = cuts_dictionaries(p->meta);
  return LAM_OK;
}

/* ---- rows ---- */

static enum lam_plan_rule rule_of(const struct lam_prune_counts *counts, const struct lam_prune_counts *before) {
  if (counts->groups_by_statistics > before->groups_by_statistics) return LAM_PLAN_BY_STATISTICS;
  if (counts->groups_by_bloom > before->groups_by_bloom) return LAM_PLAN_BY_BLOOM;
  if (counts->groups_by_dictionary > before->groups_by_dictionary) return LAM_PLAN_BY_DICTIONARY;
  return LAM_PLAN_BY_PAGES;
}

static enum lam_status decide_by_pages(struct file_plan *p, int32_t index, struct lam_error *error) {
  struct lam_plan_row_group *group = p->current;
  bool all;
  LAM_TRY(lam_prune_rows(p->prune, index, &p->rows, &all, error));
  uint64_t kept = (uint64_t)lam_ranges_total(&p->rows);
  group->verdict = kept == 0 ? LAM_PLAN_SKIPPED : all ? LAM_PLAN_WHOLE : LAM_PLAN_KEPT;
  group->rule = kept < group->rows || all ? LAM_PLAN_BY_PAGES : LAM_PLAN_BY_NOTHING;
  return LAM_OK;
}

/* As find_candidates of the filtered reader. */
static enum lam_status decide_group(struct file_plan *p, int32_t index, struct lam_error *error) {
  struct lam_plan_row_group *group = p->current;
  unsigned outcomes = LAM_MAY_BE_TRUE, by_statistics = LAM_MAY_BE_TRUE;
  lam_ranges_clear(&p->rows);
  if (p->prune) {
    struct lam_prune_counts before = *lam_prune_counted(p->prune);
    LAM_TRY(lam_prune_statistics(p->prune, index, &by_statistics, error));
    LAM_TRY(lam_prune_group(p->prune, index, &outcomes, error));
    if (!(outcomes & LAM_MAY_BE_TRUE)) {
      group->rule = rule_of(lam_prune_counted(p->prune), &before);
      return LAM_OK;
    }
    if (outcomes != LAM_MAY_BE_TRUE) return decide_by_pages(p, index, error);
    group->rule = by_statistics == LAM_MAY_BE_TRUE ? LAM_PLAN_BY_STATISTICS : LAM_PLAN_BY_DICTIONARY;
  }
  group->verdict = LAM_PLAN_WHOLE;
  return group->rows ? lam_ranges_add(&p->rows, 0, (int64_t)group->rows, error) : LAM_OK;
}

static enum lam_status keep_rows(struct file_plan *p, struct lam_error *error) {
  struct lam_plan_row_group *group = p->current;
  struct lam_plan_rows *kept;
  group->kept_count = lam_ranges_count(&p->rows);
  group->rows_kept = (uint64_t)lam_ranges_total(&p->rows);
  LAM_TRY(lam_arena_array(&p->out->arena, group->kept_count, sizeof *kept, (void **)&kept, error));
  for (size_t i = 0; i < group->kept_count; i++) {
    const struct lam_range *range = lam_ranges_at(&p->rows, i);
    kept[i] = (struct lam_plan_rows){range->first, range->end};
  }
  group->kept = kept;
  return LAM_OK;
}

/* ---- bytes ---- */

static enum lam_status want_chunk(struct file_plan *p, int32_t index, int32_t leaf,
                                  const struct lam_offset_index *offsets, struct lam_error *error) {
  const struct lam_row_group_meta *group = &p->meta->row_groups[index];
  const struct lam_chunk_meta *chunk = &group->chunks[leaf];
  struct lam_chunk_source source = {.leaf = &p->leaves[leaf], .rows = group->rows, .values = group->rows};
  uint64_t bytes;
  if (chunk->encrypted || chunk->elsewhere)
    return lam_fail(error, LAM_UNSUPPORTED, "%s: row group %d, leaf %d: its pages are %s", lam_file_name(p->file),
                    index, leaf, chunk->encrypted ? "encrypted" : "in another file");
  LAM_TRY(lam_chunk_range(p->file, index, leaf, &source.offset, &source.size, error));
  if (p->cut_dictionaries && chunk->has_dictionary_offset)
    source.size += lam_chunk_slack(p->file, source.offset + source.size);
  if (offsets && offsets->count > 0 && !source.leaf->legacy_delta_bytes) { /* those are read from the first page on */
    source.pages = offsets->pages;
    source.page_count = offsets->count;
  }
  LAM_TRY(lam_pull_chunk(&p->pull, &source, lam_ranges_at(&p->rows, 0), lam_ranges_count(&p->rows), &bytes, error));
  p->out->file.bytes_wanted += bytes;
  return LAM_OK;
}

/* The bytes that the rows kept need: whole chunks, or where only some rows are kept their pages. */
static enum lam_status want_group(struct file_plan *p, int32_t index, struct lam_error *error) {
  const struct lam_plan_row_group *group = p->current;
  const bool *wanted = group->verdict == LAM_PLAN_WHOLE ? p->chosen : p->named;
  int32_t *leaves, count = 0;
  struct lam_offset_index *offsets = NULL;
  if (group->rows_kept == 0) return LAM_OK;
  LAM_TRY(lam_arena_array(&p->arena, (size_t)p->meta->leaf_count, sizeof *leaves, (void **)&leaves, error));
  for (int32_t i = 0; i < p->meta->leaf_count; i++)
    if (wanted[i]) leaves[count++] = i;
  if (group->rows_kept < group->rows) {
    LAM_TRY(lam_arena_array(&p->arena, (size_t)count, sizeof *offsets, (void **)&offsets, error));
    LAM_TRY(lam_page_indexes_read(p->file, index, leaves, (size_t)count, &p->arena, offsets, NULL, error));
  }
  for (int32_t i = 0; i < count; i++) LAM_TRY(want_chunk(p, index, leaves[i], offsets ? &offsets[i] : NULL, error));
  return LAM_OK;
}

static enum lam_status join_ranges(struct file_plan *p, struct lam_error *error) {
  const struct lam_plan_options *options = &p->plan->options;
  struct lam_plan_file *file = &p->out->file;
  struct lam_plan_range *ranges;
  LAM_TRY(lam_pull_plan(&p->pull, options->gap, options->range_size, error));
  file->range_count = lam_ranges_count(&p->pull.calls);
  LAM_TRY(lam_arena_array(&p->out->arena, file->range_count, sizeof *ranges, (void **)&ranges, error));
  for (size_t i = 0; i < file->range_count; i++) {
    const struct lam_range *call = lam_ranges_at(&p->pull.calls, i);
    ranges[i] = (struct lam_plan_range){(uint64_t)call->first, (uint64_t)(call->end - call->first)};
    file->bytes_fetched += ranges[i].size;
  }
  file->ranges = ranges;
  return LAM_OK;
}

/* ---- files ---- */

static enum lam_status plan_groups(struct file_plan *p, struct lam_error *error) {
  struct lam_plan_file *file = &p->out->file;
  struct lam_plan_row_group *groups;
  bool whole = true;
  LAM_TRY(lam_arena_array(&p->out->arena, file->row_group_count, sizeof *groups, (void **)&groups, error));
  file->row_groups = groups;
  for (int32_t i = 0; i < (int32_t)file->row_group_count; i++) {
    int64_t rows = p->meta->row_groups[i].rows;
    LAM_CHECK(rows >= 0, error, "%s: row group %d has %lld rows", file->path, i, (long long)rows);
    p->current = &groups[i];
    *p->current = (struct lam_plan_row_group){.index = i, .rows = (uint64_t)rows};
    LAM_TRY(lam_check_cancel(p->plan->table->context, error));
    LAM_TRY(decide_group(p, i, error));
    LAM_TRY(keep_rows(p, error));
    enum lam_status status = want_group(p, i, error);
    lam_arena_release(&p->arena);
    if (status != LAM_OK) return status;
    file->rows_kept += groups[i].rows_kept;
    whole &= groups[i].verdict != LAM_PLAN_KEPT;
    if (groups[i].verdict != LAM_PLAN_SKIPPED) file->verdict = LAM_PLAN_KEPT;
  }
  if (file->verdict == LAM_PLAN_KEPT && whole) file->verdict = LAM_PLAN_WHOLE;
  return join_ranges(p, error);
}

typedef enum lam_status (*open_fn)(struct lam_directory *directory, const struct lam_snapshot *snapshot,
                                   const struct lam_data_file *file, const struct lam_file_options *options,
                                   struct lam_mem *mem, struct lam_file **out, struct lam_error *error);

static enum lam_status plan_within(struct file_plan *p, open_fn open, const struct lam_data_file *data,
                                   struct lam_error *error) {
  struct plan *plan = p->plan;
  struct lam_table *table = plan->table;
  const struct lam_partition *partition = &table->snapshot.partitions[data->partition].values;
  struct lam_filter filter = {.condition = NULL};
  char *path;
  LAM_TRY(open(table->directory, &table->snapshot, data, &table->file_options, table->mem, &p->file, error));
  p->meta = lam_file_meta(p->file);
  LAM_TRY(lam_arena_string(&p->out->arena, lam_bytes_of_string(lam_file_name(p->file)), &path, error));
  p->out->file.path = path;
  p->out->file.rows = (uint64_t)lam_file_rows(p->file);
  p->out->file.row_group_count = (uint32_t)lam_file_row_groups(p->file);
  LAM_TRY(lam_file_columns_of(p->file, &p->out->arena, &p->columns, error));
  if (plan->condition) {
    LAM_TRY(lam_where_of_file(table, plan->condition, &p->columns, partition, &p->out->arena, &filter, error));
    LAM_TRY(lam_prune_open(p->file, filter.condition, filter.schema, filter.sources, filter.constants, table->mem,
                           &p->prune, error));
  }
  LAM_TRY(find_leaves(p, &filter, error));
  LAM_TRY(plan_groups(p, error));
  if (p->prune) p->out->counts = *lam_prune_counted(p->prune);
  return LAM_OK;
}

/* What is known of a file without opening it. */
static struct lam_plan_file describe_file(const struct plan *plan, size_t index) {
  const struct lam_table *table = plan->table;
  const struct lam_table_file *known = &table->files[index];
  return (struct lam_plan_file){.struct_size = sizeof(struct lam_plan_file),
                                .rows = known->rows,
                                .row_group_count = known->row_groups,
                                .bytes = table->snapshot.files[index].identity.size};
}

static enum lam_status plan_by(struct plan *plan, struct planned *out, open_fn open, struct lam_error *error) {
  struct lam_table *table = plan->table;
  const struct lam_data_file *data = &table->snapshot.files[out->index];
  out->file = describe_file(plan, out->index);
  struct file_plan p = {.plan = plan, .out = out};
  lam_arena_init(&p.arena, table->mem);
  lam_ranges_init(&p.rows, table->mem);
  lam_pull_init(&p.pull, table->mem);
  enum lam_status status = plan_within(&p, open, data, error);
  lam_pull_release(&p.pull);
  lam_ranges_release(&p.rows);
  lam_prune_close(p.prune);
  lam_schema_release(&p.columns.schema);
  lam_file_close(p.file);
  lam_arena_release(&p.arena);
  return status;
}

/* A file whose sidecar says it all is not opened. One of which a byte is asked for may be elsewhere by then. */
static enum lam_status plan_file(void *user, size_t index, struct lam_error *error) {
  struct plan *plan = user;
  struct planned *out = &plan->planned[index];
  struct lam_error why = LAM_ERROR_INIT;
  LAM_TRY(lam_check_cancel(plan->table->context, error));
  enum lam_status status = plan_by(plan, out, lam_snapshot_file_unopened, &why);
  if (status == LAM_NOT_FOUND) {
    lam_arena_release(&out->arena);
    out->counts = (struct lam_prune_counts){0};
    status = plan_by(plan, out, lam_snapshot_file, error);
  } else if (status != LAM_OK) {
    lam_error_copy(error, &why);
  }
  lam_progress_add(plan->table->context, out->file.rows, 0);
  return status;
}

/* ---- the table ---- */

static void count_file(struct lam_plan_result *result, const struct lam_plan_file *file) {
  result->files++;
  result->files_skipped += file->verdict == LAM_PLAN_SKIPPED;
  result->row_groups += file->row_group_count;
  result->rows += file->rows;
  result->rows_kept += file->rows_kept;
  result->bytes += file->bytes;
  result->bytes_wanted += file->bytes_wanted;
  result->bytes_fetched += file->bytes_fetched;
  result->ranges += file->range_count;
  if (file->rule != LAM_PLAN_BY_NOTHING) {
    result->row_groups_skipped[file->rule] += file->row_group_count;
    return;
  }
  for (uint32_t i = 0; i < file->row_group_count; i++) {
    const struct lam_plan_row_group *group = &file->row_groups[i];
    if (group->verdict == LAM_PLAN_SKIPPED) result->row_groups_skipped[group->rule]++;
    if (group->verdict != LAM_PLAN_WHOLE) continue;
    result->row_groups_whole++;
    result->rows_whole += group->rows_kept;
  }
}

static bool is_skipped(const struct plan *plan, size_t index) {
  return plan->condition && !(plan->outcomes[index] & LAM_MAY_BE_TRUE);
}

static bool hand_on(struct plan *plan, const struct lam_plan_file *file) {
  count_file(&plan->result, file);
  return !plan->each || plan->each(plan->user, file);
}

/* A file that its path, or the pack, rules out. */
static enum lam_status skip_file(struct plan *plan, size_t index, bool *more, struct lam_error *error) {
  struct lam_plan_file file = describe_file(plan, index);
  file.rule = plan->outcomes[index] & LAM_OUTCOMES_BY_PATH ? LAM_PLAN_BY_PARTITION : LAM_PLAN_BY_STATISTICS;
  if (plan->each) { /* else nobody sees the path */
    const char *root = plan->table->directory->data->root, *key = plan->table->snapshot.files[index].key;
    plan->path.size = 0;
    LAM_TRY(lam_buf_append(&plan->path, root, strlen(root), error));
    LAM_TRY(lam_buf_append(&plan->path, "/", 1, error));
    LAM_TRY(lam_buf_append(&plan->path, key, strlen(key) + 1, error));
    file.path = (const char *)plan->path.data;
  }
  *more = hand_on(plan, &file);
  return LAM_OK;
}

/* The files [plan->first, end), of which `count` are planned, handed on in their order. */
static enum lam_status hand_on_some(struct plan *plan, size_t end, size_t count, bool *more, struct lam_error *error) {
  const struct planned *planned = plan->planned;
  for (size_t i = plan->first; *more && i < end; i++) {
    if (count == 0 || planned->index != i) {
      LAM_TRY(skip_file(plan, i, more, error));
      continue;
    }
    plan->result.pages += planned->counts.pages;
    plan->result.pages_skipped += planned->counts.pages_skipped;
    *more = hand_on(plan, &planned->file);
    planned++;
    count--;
  }
  return LAM_OK;
}

/* From plan->first on, as many as there is room for of those that are not skipped, at the same time. */
static enum lam_status plan_some(struct plan *plan, bool *more, struct lam_error *error) {
  struct lam_table *table = plan->table;
  size_t end = plan->first, count = 0;
  for (; end < table->snapshot.file_count && count < FILES_AT_ONCE; end++) {
    if (is_skipped(plan, end)) continue;
    struct planned *planned = &plan->planned[count++];
    *planned = (struct planned){.index = end};
    lam_arena_init(&planned->arena, table->mem);
  }
  enum lam_status status = lam_pool_run(lam_context_pool(table->context), count, 0, plan_file, plan, error);
  if (status == LAM_OK) status = hand_on_some(plan, end, count, more, error);
  for (size_t i = 0; i < count; i++) lam_arena_release(&plan->planned[i].arena);
  plan->first = end;
  return status;
}

static enum lam_status plan_table(struct plan *plan, struct lam_error *error) {
  struct lam_table *table = plan->table;
  const struct lam_plan_options *options = &plan->options;
  size_t files = table->snapshot.file_count;
  bool more = true;
  LAM_TRY(lam_columns_choose(table, options->columns, options->column_count, &plan->arena, &plan->schema,
                             &plan->partial, error));
  if (options->where) {
    LAM_TRY(lam_where_bind(table, options->where, &plan->arena, &plan->condition, error));
    LAM_TRY(lam_where_files(table, plan->condition, &plan->arena, &plan->outcomes, error));
  }
  LAM_TRY(lam_arena_array(&plan->arena, FILES_AT_ONCE, sizeof *plan->planned, (void **)&plan->planned, error));
  lam_progress_begin(table->context, "plan", table->rows, 0);
  enum lam_status status = LAM_OK;
  while (status == LAM_OK && more && plan->first < files) status = plan_some(plan, &more, error);
  lam_progress_end(table->context);
  return status;
}

static enum lam_status read_options(const struct lam_plan_options *given, struct lam_plan_options *out,
                                    struct lam_error *error) {
  *out = (struct lam_plan_options)LAM_PLAN_OPTIONS_INIT;
  LAM_TRY(lam_options_read(given, "LAM_PLAN_OPTIONS_INIT", out, sizeof *out, error));
  if (out->gap < -1 || out->range_size < 0)
    return lam_fail(error, LAM_INVALID, "gaps of %lld bytes and ranges of %lld; expected 0 or more",
                    (long long)out->gap, (long long)out->range_size);
  out->gap = out->gap == 0 ? LAM_PULL_GAP : lam_max_i64(out->gap, 0);
  if (out->range_size == 0) out->range_size = LAM_PULL_MOST;
  return LAM_OK;
}

enum lam_status lam_plan(struct lam_table *table, const struct lam_plan_options *options, lam_plan_fn each, void *user,
                         struct lam_plan_result *result, struct lam_error *error) {
  struct plan plan = {.table = table, .each = each, .user = user, .result = LAM_PLAN_RESULT_INIT};
  LAM_TRY(read_options(options, &plan.options, error));
  lam_arena_init(&plan.arena, table->mem);
  lam_buf_init(&plan.path, table->mem);
  enum lam_status status = plan_table(&plan, error);
  if (plan.schema.release) lam_schema_release(&plan.schema);
  lam_buf_release(&plan.path);
  lam_arena_release(&plan.arena);
  if (status == LAM_OK) lam_result_write(&plan.result, sizeof plan.result, result);
  return status;
}

const char *lam_plan_rule_name(enum lam_plan_rule rule) {
  static const char *const names[LAM_PLAN_RULES] = {"",           "partition_value", "statistics", "bloom_filter",
                                                    "dictionary", "page_index"};
  return rule < LAM_PLAN_RULES ? names[rule] : "";
}
