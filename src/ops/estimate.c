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
#include "table/scan.h"
#include "table/table.h"

enum {
  SAMPLE_ROWS = 1 << 20,
  PARTS = 16,        /* of the sample, spread evenly over the table */
  MOST_PARTS = 1024, /* where few rows match */
  LOTS = 4,          /* of the parts, that are also encoded each for itself */
  SAMPLE_BYTES = 128 << 20,
  MOST_COLUMNS = 4096, /* that expressions of a partitioning use */
};
static const double STUDENT = 3.18; /* Student's t of 95 % for LOTS - 1 degrees of freedom */
/* What the lots do not tell: on 42 repartitions of tables of 3 million rows at most 6 % beyond what they did. */
static const double LEAST_ERROR = 0.10;
/* Of a compaction's sample of one task: chosen, no bound. */
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

/* Encodes the rows of the scan. */
static enum lam_status encode(struct estimate *e, struct lam_scan *scan, struct lam_derive *derive,
                              struct lam_store *discard, struct lam_partition_writer_counts *counts,
                              struct lam_error *error) {
  struct lam_partition_writer_options to;
  struct sample sample = {.rows = 0};
  struct lam_change change;
  LAM_TRY(lam_repartition_writing(e->options, e->table, &e->spec, lam_derive_schema(derive), &e->arena, &to, error));
  to.store = discard;
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

/* Scans the source, or a sample of it, with `set` and the derived columns. */
static enum lam_status pass(struct estimate *e, const struct lam_scan_options *options, const struct lam_spread *sample,
                            pass_fn run, void *user, struct lam_error *error) {
  struct lam_scan *scan;
  struct lam_derive *derive;
  struct ArrowSchema schema;
  LAM_TRY(lam_scan_open(e->table, options, &scan, error));
  lam_scan_sample(scan, sample);
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
  struct lam_store *discard;
  struct lam_partition_writer_counts counts;
};
static enum lam_status pass_sample(struct estimate *e, struct lam_scan *scan, struct lam_derive *derive, void *user,
                                   struct lam_error *error) {
  struct encoding *encoding = user;
  return encode(e, scan, derive, encoding->discard, &encoding->counts, error);
}

/* ---- the sample ---- */

/* Rows that match lie anywhere, so there are the more parts the fewer match. */
static struct lam_spread spread_of(const struct estimate *e) {
  double all = (double)e->table->rows, matching = (double)lam_max_u64(e->result.rows, 1);
  double parts = fmin(MOST_PARTS, PARTS * all / matching), period = ceil(all / parts);
  double length = fmax(1, period * fmin(1, SAMPLE_ROWS / matching));
  return (struct lam_spread){(int64_t)((period - length) / 2), (int64_t)length, (int64_t)period};
}
/* Of every LOTS parts the one with number `lot`: a smaller sample that is spread over all of the table as well. */
static struct lam_spread lot_of(const struct lam_spread *sample, int lot) {
  return (struct lam_spread){sample->first + lot * sample->period, sample->length, LOTS * sample->period};
}

/* Bytes that rows of a sample take in the source's files, about; all rows without one. */
static double source_bytes_of(const struct estimate *e, const struct lam_spread *sample) {
  double bytes = 0;
  int64_t base = 0;
  for (size_t i = 0; i < e->table->snapshot.file_count; i++) {
    int64_t rows = (int64_t)e->table->files[i].rows, end = base + rows;
    int64_t taken = sample ? lam_spread_below(sample, end) - lam_spread_below(sample, base) : rows;
    if (rows) bytes += (double)e->table->snapshot.files[i].identity.size * (double)taken / (double)rows;
    base = end;
  }
  return bytes;
}

/* How many times what was encoded of a sample the whole is: by the bytes of the source's files, or by rows. */
static double scale_of(const struct estimate *e, const struct lam_spread *sample, uint64_t rows) {
  double sampled = source_bytes_of(e, sample);
  if (e->options->where || sampled <= 0) return (double)e->result.rows / (double)lam_max_u64(rows, 1);
  return source_bytes_of(e, NULL) / sampled;
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

/* What the lots gave: each says by itself what the whole would be. */
struct lots {
  double bytes; /* encoded, of all of them */
  double total, squares;
};
/* By how much the mean of the lots is off, at most but for one time in twenty, as a part of it (Student's t). */
static double spread_error(const struct lots *lots) {
  double mean = lots->total / LOTS, variance = fmax(0, lots->squares - lots->total * mean) / (LOTS - 1);
  return mean > 0 ? STUDENT * sqrt(variance / LOTS) / mean : 1;
}

/* Larger samples take less for each row: values find more of their like in a file, and what each file has besides its
 * rows weighs less. The lots say how much less four times as many rows take, and the whole is taken to go on so. At the
 * most it takes as much for each row as the sample; at the least what was saved was a constant for each file. */
static void extrapolate(struct estimate *e, double scale, const struct lam_partition_writer_counts *sample,
                        const struct lots *lots) {
  struct lam_estimate_result *r = &e->result;
  double bytes = (double)sample->bytes, most = bytes * scale;
  double saved = fmin(fmax(lots->bytes / fmax(bytes, 1), 1), LOTS);
  double constant = bytes * (saved - 1) / (LOTS - 1);
  r->files = files_of(e, most / (double)lam_max_u64(r->rows, 1));
  double files = (double)r->files / (double)lam_max_u64(sample->files, 1);
  double least = fmin(most, (bytes - constant) * scale + constant * files);
  double likely = fmax(least, most / pow(saved, log(fmax(scale, 1)) / log(LOTS)));
  r->bytes = (uint64_t)likely;
  double unsure = fmax(most - likely, likely - least) / fmax(likely, 1);
  r->bytes_error = fmin(1, LEAST_ERROR + spread_error(lots) + unsure);
}

static enum lam_status encode_lots(struct estimate *e, const struct lam_scan_options *options,
                                   const struct lam_spread *sample, struct lam_store *discard, struct lots *lots,
                                   struct lam_error *error) {
  *lots = (struct lots){0};
  for (int i = 0; i < LOTS; i++) {
    const struct lam_spread spread = lot_of(sample, i);
    struct encoding lot = {.discard = discard};
    LAM_TRY(pass(e, options, &spread, pass_sample, &lot, error));
    double whole = (double)lot.counts.bytes * scale_of(e, &spread, lot.counts.rows);
    lots->bytes += (double)lot.counts.bytes;
    lots->total += whole;
    lots->squares += whole * whole;
  }
  return LAM_OK;
}

static enum lam_status sample_rows(struct estimate *e, struct lam_store *discard, struct lam_error *error) {
  struct lam_scan_options options = LAM_SCAN_OPTIONS_INIT;
  struct encoding encoding = {.discard = discard};
  struct lam_estimate_result *r = &e->result;
  const struct lam_spread sample = spread_of(e);
  bool all = r->rows <= SAMPLE_ROWS;
  struct lots lots;
  options.where = e->options->where;
  double begin = now();
  LAM_TRY(pass(e, &options, all ? NULL : &sample, pass_sample, &encoding, error));
  r->seconds = now() - begin;
  r->sample_rows = encoding.counts.rows;
  r->files = encoding.counts.files;
  r->bytes = encoding.counts.bytes;
  if (all) return LAM_OK;
  LAM_TRY(encode_lots(e, &options, &sample, discard, &lots, error));
  r->seconds *= (double)r->rows / (double)lam_max_u64(r->sample_rows, 1);
  extrapolate(e, scale_of(e, &sample, r->sample_rows), &encoding.counts, &lots);
  return LAM_OK;
}

static enum lam_status estimate_table(struct estimate *e, struct lam_error *error) {
  struct lam_scan_options options = LAM_SCAN_OPTIONS_INIT;
  struct lam_store *discard;
  struct lam_estimate_result *r = &e->result;
  if (e->table->snapshot.file_count == 0)
    return lam_fail(error, LAM_NOT_FOUND, "%s has no data files", e->table->directory->name);
  LAM_CHECK(e->table->rows <= INT64_MAX / 2, error, "%s says that it has %llu rows", e->table->directory->name,
            (unsigned long long)e->table->rows);
  LAM_TRY(lam_partition_spec_parse(e->options->by, &e->arena, &e->spec, error));
  r->partitions_before = e->table->snapshot.partition_count;
  r->files_before = e->table->snapshot.file_count;
  r->bytes_before = e->table->snapshot.bytes;
  options.where = e->options->where;
  LAM_TRY(needed_columns(e, &options, error));
  LAM_TRY(pass(e, &options, NULL, pass_groups, NULL, error));
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
