/* Estimates: partitions from the values of the partition columns alone, the rest from a sample of the work, which is
 * done as the operation does it but for the writing. */
#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "base/context.h"
#include "base/options.h"
#include "lamella/change.h"
#include "ops/compact_task.h"
#include "ops/derive.h"
#include "ops/discard_store.h"
#include "ops/group_rows.h"
#include "ops/repartition.h"
#include "ops/task.h"
#include "parquet/codec.h"
#include "table/table.h"

enum {
  SAMPLE_ROWS = 1 << 20,
  SAMPLE_BYTES = 128 << 20,
  MOST_COLUMNS = 4096, /* that expressions of a partitioning use */
};
/* Of a sample for all: chosen, no bound. On 14 tables of 3 million rows, a third of them the sample, 12 estimates were
 * 10 % below to 15 % above what a repartition wrote; one was 37 % above (random texts in 16 buckets, 33 % stated), and
 * one 78 % below, whose first half is constant: see drift_of. */
static const double SAMPLING_ERROR = 0.15;

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* ---- repartition ---- */

struct estimate {
  struct lam_mem *mem;
  const struct lam_repartition_options *options;
  struct lam_arena arena;
  struct lam_table *table;
  struct lam_partition_spec spec;
  struct lam_estimate_result result;
  struct lam_buf group_rows; /* uint64_t of each partition */
};

/* The columns that partitions come from. */
struct needed {
  struct lam_arena *arena;
  const char **names;
  int32_t count;
  enum lam_status status;
};
static void need_column(void *user, const struct lam_expr *column) {
  struct needed *needed = user;
  for (int32_t i = 0; i < needed->count; i++)
    if (lam_bytes_equal(lam_bytes_of_string(needed->names[i]), column->names[0])) return;
  char *name;
  if (needed->count == MOST_COLUMNS || needed->status != LAM_OK) return;
  needed->status = lam_arena_string(needed->arena, column->names[0], &name, NULL);
  if (needed->status == LAM_OK) needed->names[needed->count++] = name;
}

/* What `--set` makes may use any column; else only those of the partitioning are read. */
static enum lam_status needed_columns(struct estimate *e, struct lam_scan_options *scan, struct lam_error *error) {
  void *memory;
  if (e->options->set) return LAM_OK;
  struct needed needed = {.arena = &e->arena};
  LAM_TRY(lam_arena_array(&e->arena, MOST_COLUMNS, sizeof *needed.names, &memory, error));
  needed.names = memory;
  for (int32_t i = 0; i < e->spec.count; i++) lam_expr_columns(e->spec.fields[i].expr, need_column, &needed);
  if (needed.status != LAM_OK) return lam_fail(error, needed.status, "the columns of the partitioning do not fit");
  const struct ArrowSchema *schema = &e->table->merge.schema;
  if (needed.count == 0 && schema->n_children) needed.names[needed.count++] = schema->children[0]->name;
  scan->columns = needed.names;
  scan->column_count = needed.count;
  return LAM_OK;
}

typedef enum lam_status (*take_fn)(void *user, struct ArrowArray *batch, struct lam_error *error);

/* Gives the derived batches of a scan to `take`, which takes them over. */
static enum lam_status each_batch(struct estimate *e, struct lam_scan *scan, struct lam_derive *derive, take_fn take,
                                  void *user, struct lam_error *error) {
  for (;;) {
    struct ArrowArray batch, whole;
    LAM_TRY(lam_check_cancel(e->table->context, error));
    LAM_TRY(lam_scan_next(scan, &batch, error));
    if (!batch.release) return LAM_OK;
    LAM_TRY(lam_derive_batch(derive, &batch, &whole, error));
    LAM_TRY(take(user, &whole, error));
  }
}

struct grouping {
  struct estimate *estimate;
  struct lam_grouper *grouper; /* NULL: no partitions */
  struct lam_buf numbers;
};
static enum lam_status count_groups(struct grouping *g, const struct ArrowArray *batch, struct lam_error *error) {
  const uint32_t *fresh;
  uint32_t first, fresh_count;
  struct lam_buf *rows = &g->estimate->group_rows;
  LAM_TRY(lam_buf_reset(&g->numbers, (size_t)batch->length * sizeof(uint32_t), error));
  uint32_t *numbers = (uint32_t *)(void *)g->numbers.data;
  if (batch->length == 0) return LAM_OK;
  LAM_TRY(lam_grouper_add(g->grouper, batch, numbers, &first, &fresh, &fresh_count, error));
  LAM_TRY(lam_buf_room(rows, fresh_count * sizeof(uint64_t), error));
  if (fresh_count) memset(rows->data + rows->size, 0, fresh_count * sizeof(uint64_t));
  rows->size += fresh_count * sizeof(uint64_t);
  for (int64_t i = 0; i < batch->length; i++) ((uint64_t *)(void *)rows->data)[numbers[i]]++;
  return LAM_OK;
}
static enum lam_status take_group(void *user, struct ArrowArray *batch, struct lam_error *error) {
  struct grouping *g = user;
  g->estimate->result.rows += (uint64_t)batch->length;
  enum lam_status status = g->grouper ? count_groups(g, batch, error) : LAM_OK;
  lam_array_release(batch);
  return status;
}

static enum lam_status group_with(struct estimate *e, struct lam_scan *scan, struct lam_derive *derive,
                                  struct lam_error *error) {
  const struct ArrowSchema *schema = lam_derive_schema(derive);
  struct grouping grouping = {.estimate = e};
  int32_t columns[64]; /* the most that a spec has */
  for (int32_t i = 0; i < e->spec.count; i++) columns[i] = (int32_t)lam_schema_find(schema, e->spec.names[i]);
  lam_buf_init(&grouping.numbers, e->mem);
  enum lam_status status = LAM_OK;
  if (e->spec.count) status = lam_grouper_open(e->mem, schema, columns, e->spec.count, &grouping.grouper, error);
  if (status == LAM_OK) status = each_batch(e, scan, derive, take_group, &grouping, error);
  lam_grouper_close(grouping.grouper);
  lam_buf_release(&grouping.numbers);
  return status;
}

struct sample {
  struct lam_partition_writer *writer;
  uint64_t rows;
};
static enum lam_status take_sample(void *user, struct ArrowArray *batch, struct lam_error *error) {
  struct sample *sample = user;
  sample->rows += (uint64_t)batch->length;
  return lam_partition_writer_write(sample->writer, batch, error);
}

/* Encodes the rows of the scan, partitioned or not. */
static enum lam_status encode(struct estimate *e, struct lam_scan *scan, struct lam_derive *derive, bool partitioned,
                              struct lam_store *discard, struct lam_partition_writer_counts *counts,
                              struct lam_error *error) {
  struct lam_partition_writer_options to;
  struct sample sample = {.rows = 0};
  struct lam_change change;
  LAM_TRY(lam_repartition_writing(e->options, e->table, &e->spec, lam_derive_schema(derive), &e->arena, &to, error));
  to.store = discard;
  if (!partitioned) to.partition_count = 0;
  LAM_TRY(lam_partition_writer_open(e->mem, &to, &sample.writer, error));
  lam_change_init(&change, e->mem);
  enum lam_status status = each_batch(e, scan, derive, take_sample, &sample, error);
  if (status == LAM_OK) status = lam_partition_writer_finish(sample.writer, true, &change, counts, error);
  lam_change_release(&change);
  lam_partition_writer_close(sample.writer);
  return status;
}

typedef enum lam_status (*pass_fn)(struct estimate *e, struct lam_scan *scan, struct lam_derive *derive, void *user,
                                   struct lam_error *error);

/* Scans the source with `set` and the derived columns. */
static enum lam_status pass(struct estimate *e, const struct lam_scan_options *options, pass_fn run, void *user,
                            struct lam_error *error) {
  struct lam_scan *scan;
  struct lam_derive *derive;
  struct ArrowSchema schema;
  LAM_TRY(lam_scan_open(e->table, options, &scan, error));
  enum lam_status status = lam_scan_schema(scan, &schema, error);
  if (status == LAM_OK) {
    status = lam_derive_open(e->mem, &schema, e->options->set, &e->spec, &derive, error);
    if (status == LAM_OK) {
      status = run(e, scan, derive, user, error);
      lam_derive_close(derive);
    }
    lam_schema_release(&schema);
  }
  lam_scan_close(scan);
  return status;
}

static enum lam_status pass_groups(struct estimate *e, struct lam_scan *scan, struct lam_derive *derive, void *user,
                                   struct lam_error *error) {
  (void)user;
  return group_with(e, scan, derive, error);
}

struct encoding {
  bool partitioned;
  struct lam_store *discard;
  struct lam_partition_writer_counts counts;
};
static enum lam_status pass_sample(struct estimate *e, struct lam_scan *scan, struct lam_derive *derive, void *user,
                                   struct lam_error *error) {
  struct encoding *encoding = user;
  return encode(e, scan, derive, encoding->partitioned, encoding->discard, &encoding->counts, error);
}

/* Bytes that the first `rows` rows take in the source's files, about. */
static double source_bytes_of(const struct estimate *e, uint64_t rows) {
  double bytes = 0;
  for (size_t i = 0; i < e->table->snapshot.file_count && rows; i++) {
    uint64_t in_file = e->table->files[i].rows, taken = lam_min_u64(rows, in_file);
    if (in_file) bytes += (double)e->table->snapshot.files[i].identity.size * (double)taken / (double)in_file;
    rows -= taken;
  }
  return bytes;
}

/* How much larger or smaller a row is on average than those of the sample, as the sizes of the source's files say: by
 * about as much the sample may mislead. 0.5: half as large again, or two thirds. */
static double drift_of(const struct estimate *e, double sampled, uint64_t rows, double all) {
  if (e->options->where || sampled <= 0 || all <= 0 || rows == 0) return 0;
  double ratio = all / (double)e->table->rows / (sampled / (double)rows);
  return fmax(ratio, 1 / ratio) - 1;
}

/* A partition has at least one file. */
static uint64_t files_of(const struct estimate *e, double row_bytes) {
  const struct lam_repartition_options *o = e->options;
  double target = (double)(o->target_size ? o->target_size : LAM_TARGET_SIZE);
  const uint64_t *rows = (const uint64_t *)(const void *)e->group_rows.data;
  size_t count = e->spec.count ? e->group_rows.size / sizeof *rows : 1;
  uint64_t files = 0;
  for (size_t i = 0; i < count; i++) {
    double of_group = e->spec.count ? (double)rows[i] : (double)e->result.rows;
    double by_size = ceil(of_group * row_bytes / target - 0.5);
    double by_rows = o->rows_per_file ? ceil(of_group / (double)o->rows_per_file) : 1;
    files += (uint64_t)fmax(1, fmax(by_size, by_rows));
  }
  return files;
}

/* The bytes of the rows by those of the sample written without partitions. What partitions add is between as much for
 * each file as in the sample (dictionaries, footers) and as much for each row (values that are less alike). */
static void extrapolate(struct estimate *e, const struct lam_partition_writer_counts *whole,
                        const struct lam_partition_writer_counts *parts, double seconds) {
  struct lam_estimate_result *r = &e->result;
  double rows = (double)lam_max_u64(whole->rows, 1), part = (double)r->rows / rows;
  double bytes = (double)whole->bytes * part;
  double sampled = source_bytes_of(e, whole->rows), all = source_bytes_of(e, e->table->rows);
  if (!e->options->where && sampled > 0) bytes = (double)whole->bytes * all / sampled;
  double added = fmax(0, (double)parts->bytes - (double)whole->bytes);
  r->files = files_of(e, bytes / (double)lam_max_u64(r->rows, 1));
  double by_file = added * (double)r->files / (double)lam_max_u64(parts->files, 1), by_row = added * part;
  double total = bytes + (by_file + by_row) / 2;
  r->bytes = (uint64_t)total;
  double unsure = fabs(by_file - by_row) / 2 / (total + 1);
  r->bytes_error = fmin(1, SAMPLING_ERROR + unsure + drift_of(e, sampled, whole->rows, all));
  r->seconds = seconds * part;
}

static enum lam_status sample_rows(struct estimate *e, struct lam_store *discard, struct lam_error *error) {
  struct lam_scan_options options = LAM_SCAN_OPTIONS_INIT;
  struct encoding parts = {.partitioned = true, .discard = discard}, whole = {.discard = discard};
  struct lam_estimate_result *r = &e->result;
  options.where = e->options->where;
  options.limit = SAMPLE_ROWS;
  double begin = now();
  LAM_TRY(pass(e, &options, pass_sample, &parts, error));
  double seconds = now() - begin;
  r->sample_rows = parts.counts.rows;
  if (parts.counts.rows == r->rows) {
    r->files = parts.counts.files;
    r->bytes = parts.counts.bytes;
    r->seconds = seconds;
    return LAM_OK;
  }
  if (e->spec.count) LAM_TRY(pass(e, &options, pass_sample, &whole, error));
  extrapolate(e, e->spec.count ? &whole.counts : &parts.counts, &parts.counts, seconds);
  return LAM_OK;
}

static enum lam_status estimate_table(struct estimate *e, struct lam_error *error) {
  struct lam_scan_options options = LAM_SCAN_OPTIONS_INIT;
  struct lam_store *discard;
  struct lam_estimate_result *r = &e->result;
  if (e->table->snapshot.file_count == 0)
    return lam_fail(error, LAM_NOT_FOUND, "%s has no data files", e->table->directory->name);
  LAM_TRY(lam_partition_spec_parse(e->options->by, &e->arena, &e->spec, error));
  r->partitions_before = e->table->snapshot.partition_count;
  r->files_before = e->table->snapshot.file_count;
  r->bytes_before = e->table->snapshot.bytes;
  options.where = e->options->where;
  LAM_TRY(needed_columns(e, &options, error));
  LAM_TRY(pass(e, &options, pass_groups, NULL, error));
  r->partitions = e->spec.count ? e->group_rows.size / sizeof(uint64_t) : 1;
  LAM_TRY(lam_store_discard(e->table->context, &discard, error));
  enum lam_status status = sample_rows(e, discard, error);
  lam_store_close(discard);
  return status;
}

enum lam_status lam_estimate_repartition(struct lam_context *context, const char *source,
                                         const struct lam_repartition_options *given,
                                         struct lam_estimate_result *result, struct lam_error *error) {
  struct lam_repartition_options options = LAM_REPARTITION_OPTIONS_INIT;
  struct lam_table_options table = LAM_TABLE_OPTIONS_INIT;
  struct estimate e = {.options = &options, .result = LAM_ESTIMATE_RESULT_INIT};
  LAM_TRY(lam_options_read(given, "LAM_REPARTITION_OPTIONS_INIT", &options, sizeof options, error));
  LAM_TRY(lam_mem_open(context, lam_tasks_minimum(context), &e.mem, error));
  lam_arena_init(&e.arena, e.mem);
  lam_buf_init(&e.group_rows, e.mem);
  table.meta_dir = options.change.meta_dir;
  table.partitions = options.change.partitions;
  table.partition_count = options.change.partition_count;
  table.no_checksums = options.change.no_checksums;
  enum lam_status status = lam_table_open_in(e.mem, source, &table, &e.table, error);
  if (status == LAM_OK) {
    status = estimate_table(&e, error);
    lam_table_close(e.table);
  }
  lam_buf_release(&e.group_rows);
  lam_arena_release(&e.arena);
  lam_mem_close(e.mem);
  lam_result_write(&e.result, sizeof e.result, result);
  return status;
}

/* ---- compaction ---- */

struct survey {
  struct lam_compaction shared;
  const struct lam_compact_plan *plan;
  struct lam_mem *mem;
  double in, out;     /* bytes of the tasks that were run */
  double least, most; /* of out / in of one of them */
  size_t run;         /* tasks */
  double seconds;
  uint64_t *files_after; /* of each task */
  struct lam_estimate_result *result;
};

static enum lam_status run_task(struct survey *s, size_t index, struct lam_error *error) {
  struct lam_compact_result counts = LAM_COMPACT_RESULT_INIT;
  struct lam_change change;
  double begin = now();
  lam_change_init(&change, s->mem);
  enum lam_status status = lam_compact_task_run(&s->shared, &s->plan->tasks[index], s->mem, &change, &counts, error);
  lam_change_release(&change);
  LAM_TRY(status);
  bool any = counts.files_compacted != 0;
  uint64_t left = s->plan->tasks[index].count - counts.files_compacted;
  s->files_after[index] = left + counts.files_written;
  s->seconds += now() - begin;
  s->result->sample_rows += counts.rows;
  s->run++;
  double ratio = any ? (double)counts.bytes_written / (double)counts.bytes_read : 1;
  s->in += any ? (double)counts.bytes_read : (double)s->plan->tasks[index].bytes;
  s->out += any ? (double)counts.bytes_written : (double)s->plan->tasks[index].bytes;
  s->least = s->run == 1 ? ratio : fmin(s->least, ratio);
  s->most = fmax(s->most, ratio);
  return LAM_OK;
}

/* Every so many tasks, so that about SAMPLE_BYTES are read; the rest by what those gave. */
static enum lam_status sample_tasks(struct survey *s, struct lam_error *error) {
  const struct lam_compact_plan *plan = s->plan;
  size_t step = (size_t)(plan->bytes / SAMPLE_BYTES) + 1;
  for (size_t i = step > 1 ? step / 2 : 0; i < plan->task_count; i += step) LAM_TRY(run_task(s, i, error));
  if (s->run == 0 && plan->task_count) LAM_TRY(run_task(s, plan->task_count - 1, error));
  double ratio = s->in > 0 ? s->out / s->in : 1;
  for (size_t i = 0; i < plan->task_count; i++) {
    const struct lam_compact_task *task = &plan->tasks[i];
    double files = round((double)task->bytes * ratio / (double)s->shared.options->target_size);
    if (!s->files_after[i]) s->files_after[i] = lam_min_u64(task->count, (uint64_t)fmax(1, files));
  }
  struct lam_estimate_result *r = s->result;
  double threads = fmin(lam_tasks_width(s->shared.directory->context), fmax(1, (double)plan->task_count));
  r->bytes = (uint64_t)((double)(r->bytes_before - plan->bytes) + (double)plan->bytes * ratio);
  if (s->run < plan->task_count) {
    double spread = s->run > 1 ? (s->most - s->least) / 2 : 2 * SAMPLING_ERROR;
    r->bytes_error = fmin(1, fmax(SAMPLING_ERROR, spread));
  }
  r->seconds = s->in > 0 ? s->seconds * (double)plan->bytes / s->in / threads : 0;
  return LAM_OK;
}

static int by_files_lost(const void *a, const void *b) {
  const struct lam_estimate_partition *x = a, *y = b;
  uint64_t lost_x = x->files - x->files_after, lost_y = y->files - y->files_after;
  return lost_x == lost_y ? strcmp(x->directory, y->directory) : lost_x < lost_y ? 1 : -1;
}

static enum lam_status tell_partitions(struct survey *s, struct lam_arena *arena, lam_estimate_fn each, void *user,
                                       struct lam_error *error) {
  const struct lam_snapshot *snapshot = s->shared.snapshot;
  struct lam_estimate_result *r = s->result;
  void *memory;
  LAM_TRY(lam_arena_array(arena, snapshot->partition_count, sizeof(struct lam_estimate_partition), &memory, error));
  struct lam_estimate_partition *partitions = memory;
  for (size_t p = 0; p < snapshot->partition_count; p++)
    partitions[p] = (struct lam_estimate_partition){.struct_size = sizeof *partitions,
                                                    .directory = snapshot->partitions[p].directory};
  r->files = r->files_before;
  for (size_t i = 0; i < s->plan->task_count; i++) {
    const struct lam_compact_task *task = &s->plan->tasks[i];
    struct lam_estimate_partition *to = &partitions[task->partition];
    to->files += task->count;
    to->files_after += s->files_after[i];
    to->bytes += task->bytes;
    r->files_compacted += task->count;
    r->files_written += s->files_after[i];
    r->files -= task->count - s->files_after[i];
  }
  if (snapshot->partition_count) qsort(partitions, snapshot->partition_count, sizeof *partitions, by_files_lost);
  for (size_t p = 0; each && p < snapshot->partition_count && partitions[p].files > partitions[p].files_after; p++)
    if (!each(user, &partitions[p])) return LAM_OK;
  return LAM_OK;
}

static enum lam_status estimate_snapshot(struct lam_table *table, const struct lam_compact_options *options,
                                         lam_estimate_fn each, void *user, struct lam_estimate_result *result,
                                         struct lam_error *error) {
  struct lam_compact_plan plan;
  struct lam_arena arena;
  void *memory;
  const struct lam_snapshot *snapshot = &table->snapshot;
  uint32_t width = lam_tasks_width(table->context);
  struct survey s = {
      .shared = {.directory = table->directory, .snapshot = snapshot, .options = options},
      .plan = &plan,
      .mem = table->mem,
      .result = result,
  };
  s.shared.row_group_bytes = lam_min_i64(options->row_group_bytes, (int64_t)lam_tasks_share(table->context, width));
  s.shared.sort_bytes = lam_tasks_share(table->context, width);
  result->partitions_before = result->partitions = snapshot->partition_count;
  result->files_before = snapshot->file_count;
  result->bytes_before = snapshot->bytes;
  result->rows = table->rows;
  if (options->change.compression) {
    s.shared.recode = true;
    LAM_TRY(lam_codec_parse(options->change.compression, &s.shared.codec, &s.shared.level, error));
  }
  LAM_TRY(lam_store_discard(table->context, &s.shared.store, error));
  lam_arena_init(&arena, table->mem);
  enum lam_status status = lam_compact_plan_make(snapshot, options, &arena, &plan, error);
  if (status == LAM_OK) status = lam_arena_array(&arena, plan.task_count, sizeof *s.files_after, &memory, error);
  if (status == LAM_OK) {
    s.files_after = memory;
    status = sample_tasks(&s, error);
  }
  if (status == LAM_OK) status = tell_partitions(&s, &arena, each, user, error);
  lam_arena_release(&arena);
  lam_store_close(s.shared.store);
  return status;
}

enum lam_status lam_estimate_compact(struct lam_context *context, const char *path,
                                     const struct lam_compact_options *given, lam_estimate_fn each, void *user,
                                     struct lam_estimate_result *result, struct lam_error *error) {
  struct lam_compact_options options;
  struct lam_table_options open = LAM_TABLE_OPTIONS_INIT;
  struct lam_estimate_result counts = LAM_ESTIMATE_RESULT_INIT;
  struct lam_table *table;
  struct lam_mem *mem;
  LAM_TRY(lam_compact_options_resolve(given, &options, error));
  LAM_TRY(lam_mem_open(context, lam_tasks_minimum(context), &mem, error));
  open.meta_dir = options.change.meta_dir;
  open.partitions = options.change.partitions;
  open.partition_count = options.change.partition_count;
  open.no_checksums = options.change.no_checksums;
  enum lam_status status = lam_table_open_in(mem, path, &open, &table, error);
  if (status == LAM_OK) {
    status = estimate_snapshot(table, &options, each, user, &counts, error);
    lam_table_close(table);
  }
  lam_mem_close(mem);
  lam_result_write(&counts, sizeof counts, result);
  return status;
}
