/* The rows that match, row groups in parallel. */
#include <pthread.h>

#include "base/context.h"
#include "base/options.h"
#include "base/threads.h"
#include "parquet/filter_state.h"

#define READER_BYTES ((uint64_t)4 << 20) /* of a column in a reader, about: window, page, run */

struct scan {
  struct lam_file *file;
  struct lam_read_options options;
  const struct lam_filter *filter;
  bool one_thread;
  struct lam_mem *mem;
  lam_batch_fn each;
  lam_rows_fn each_rows; /* the other is NULL */
  void *user;
  struct ArrowSchema schema;
  pthread_mutex_t lock; /* of the idle readers and the counts */
  struct lam_filter_reader **idle;
  size_t idle_count;
  struct lam_filter_counts counts;
};

static enum lam_status open_reader(struct scan *scan, int32_t row_group, struct lam_filter_reader **out,
                                   struct lam_error *error) {
  struct lam_read_options options = scan->options;
  options.row_groups = &row_group;
  options.row_group_count = 1;
  return lam_filter_reader_open(scan->file, &options, scan->filter, scan->one_thread, scan->mem, out, error);
}

static enum lam_status take_reader(struct scan *scan, int32_t row_group, struct lam_filter_reader **out,
                                   struct lam_error *error) {
  *out = NULL;
  pthread_mutex_lock(&scan->lock);
  if (scan->idle_count) *out = scan->idle[--scan->idle_count];
  pthread_mutex_unlock(&scan->lock);
  if (!*out) return open_reader(scan, row_group, out, error);
  lam_filter_reader_select(*out, row_group);
  return LAM_OK;
}

static void close_reader(struct scan *scan, struct lam_filter_reader *reader) {
  const struct lam_filter_counts *counts = lam_filter_reader_counts(reader);
  scan->counts.groups += counts->groups;
  scan->counts.groups_skipped += counts->groups_skipped;
  scan->counts.groups_whole += counts->groups_whole;
  scan->counts.rows_evaluated += counts->rows_evaluated;
  scan->counts.rows_selected += counts->rows_selected;
  scan->counts.bytes += counts->bytes;
  lam_filter_reader_close(reader);
}

static enum lam_status scan_batches(struct scan *scan, struct lam_filter_reader *reader, int32_t row_group,
                                    struct lam_error *error) {
  for (;;) {
    struct ArrowArray batch;
    LAM_TRY(lam_filter_reader_next(reader, &batch, error));
    if (!batch.release) return LAM_OK;
    enum lam_status status =
        scan->each(scan->user, row_group, lam_filter_reader_row(reader), &scan->schema, &batch, error);
    lam_array_release(&batch);
    if (status != LAM_OK) return status;
  }
}

static enum lam_status scan_rows(struct scan *scan, struct lam_filter_reader *reader, int32_t row_group,
                                 struct lam_error *error) {
  struct lam_ranges rows;
  lam_ranges_init(&rows, scan->mem);
  enum lam_status status;
  while ((status = lam_filter_reader_rows(reader, &rows, error)) == LAM_OK && lam_ranges_count(&rows)) {
    status = scan->each_rows(scan->user, row_group, &rows, error);
    if (status != LAM_OK) break;
  }
  lam_ranges_release(&rows);
  return status;
}

static enum lam_status scan_group(void *user, size_t index, struct lam_error *error) {
  struct scan *scan = user;
  int32_t row_group = scan->options.row_groups ? scan->options.row_groups[index] : (int32_t)index;
  struct lam_filter_reader *reader;
  LAM_TRY(take_reader(scan, row_group, &reader, error));
  enum lam_status status =
      scan->each ? scan_batches(scan, reader, row_group, error) : scan_rows(scan, reader, row_group, error);
  pthread_mutex_lock(&scan->lock);
  if (status == LAM_OK)
    scan->idle[scan->idle_count++] = reader;
  else
    close_reader(scan, reader);
  pthread_mutex_unlock(&scan->lock);
  return status;
}

static enum lam_status run_scan(struct scan *scan, struct lam_error *error) {
  struct lam_pool *pool = lam_context_pool(lam_mem_context(scan->mem));
  size_t groups = (size_t)(scan->options.row_groups ? scan->options.row_group_count : lam_file_row_groups(scan->file));
  uint32_t threads = lam_pool_threads(pool);
  uint64_t columns = (uint64_t)lam_max_i64(scan->schema.n_children, 1) + 1;
  uint64_t width = lam_max_u64(1, lam_min_u64(threads, lam_mem_available(scan->mem) / (columns * READER_BYTES)));
  scan->one_thread = groups >= threads && width == threads;
  void *memory;
  LAM_TRY(lam_alloc(scan->mem, threads * sizeof(struct lam_filter_reader *), &memory, error));
  scan->idle = memory;
  enum lam_status status = lam_pool_run(pool, groups, (uint32_t)width, scan_group, scan, error);
  while (scan->idle_count) close_reader(scan, scan->idle[--scan->idle_count]);
  lam_free(scan->mem, memory, threads * sizeof(struct lam_filter_reader *));
  return status;
}

/* Opened for no row group, a reader checks the options and knows the schema. */
static enum lam_status scan_schema(struct scan *scan, struct lam_error *error) {
  struct lam_filter_reader *reader;
  struct lam_read_options options = scan->options;
  options.row_groups = &(int32_t){0};
  options.row_group_count = 0;
  LAM_TRY(lam_filter_reader_open(scan->file, &options, scan->filter, true, scan->mem, &reader, error));
  enum lam_status status = lam_filter_reader_schema(reader, &scan->schema, error);
  lam_filter_reader_close(reader);
  return status;
}

static enum lam_status scan_file(struct scan *scan, const struct lam_read_options *options,
                                 struct lam_filter_counts *counts, struct lam_error *error) {
  scan->options = (struct lam_read_options)LAM_READ_OPTIONS_INIT;
  LAM_TRY(lam_options_read(options, "LAM_READ_OPTIONS_INIT", &scan->options, sizeof scan->options, error));
  if (scan->each_rows) {
    static const int32_t none[1];
    scan->options.columns = none;
    scan->options.column_count = 0;
  }
  LAM_TRY(lam_mem_open(lam_mem_context(lam_file_mem(scan->file)), 0, &scan->mem, error));
  pthread_mutex_init(&scan->lock, NULL);
  enum lam_status status = scan_schema(scan, error);
  if (status == LAM_OK) {
    status = run_scan(scan, error);
    lam_schema_release(&scan->schema);
  }
  pthread_mutex_destroy(&scan->lock);
  lam_mem_close(scan->mem);
  if (counts) *counts = scan->counts;
  return status;
}

enum lam_status lam_filter_scan(struct lam_file *file, const struct lam_read_options *options,
                                const struct lam_filter *filter, lam_batch_fn each, void *user,
                                struct lam_filter_counts *counts, struct lam_error *error) {
  struct scan scan = {.file = file, .filter = filter, .each = each, .user = user};
  return scan_file(&scan, options, counts, error);
}

enum lam_status lam_filter_scan_rows(struct lam_file *file, const struct lam_read_options *options,
                                     const struct lam_filter *filter, lam_rows_fn each, void *user,
                                     struct lam_filter_counts *counts, struct lam_error *error) {
  struct scan scan = {.file = file, .filter = filter, .each_rows = each, .user = user};
  return scan_file(&scan, options, counts, error);
}
