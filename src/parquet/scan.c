/* Readers as Arrow streams, and the parallel scan of a file's row groups. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "arrow/array.h"
#include "base/context.h"
#include "base/options.h"
#include "base/threads.h"
#include "parquet/reader.h"

/* ---- streams ---- */

struct stream {
  struct lam_reader *reader;
  struct lam_error error;
};

static int errno_of(enum lam_status status) {
  switch (status) {
    case LAM_OK: return 0;
    case LAM_NO_MEMORY:
    case LAM_LIMIT: return ENOMEM;
    case LAM_UNSUPPORTED: return ENOSYS;
    case LAM_CANCELLED: return ECANCELED;
    case LAM_INVALID:
    case LAM_CORRUPT: return EINVAL;
    default: return EIO;
  }
}

static int stream_schema(struct ArrowArrayStream *stream, struct ArrowSchema *out) {
  struct stream *state = stream->private_data;
  return errno_of(lam_reader_schema(state->reader, out, &state->error));
}

static int stream_next(struct ArrowArrayStream *stream, struct ArrowArray *out) {
  struct stream *state = stream->private_data;
  return errno_of(lam_reader_next(state->reader, out, &state->error));
}

static const char *stream_error(struct ArrowArrayStream *stream) {
  struct stream *state = stream->private_data;
  return state->error.message[0] ? state->error.message : NULL;
}

static void stream_release(struct ArrowArrayStream *stream) {
  struct stream *state = stream->private_data;
  lam_reader_close(state->reader);
  free(state);
  stream->release = NULL;
}

enum lam_status lam_reader_stream(struct lam_reader *reader, struct ArrowArrayStream *out, struct lam_error *error) {
  struct stream *state = malloc(sizeof *state);
  out->release = NULL;
  if (!state) return lam_fail(error, LAM_NO_MEMORY, "no memory for a stream");
  *state = (struct stream){reader, LAM_ERROR_INIT};
  *out = (struct ArrowArrayStream){stream_schema, stream_next, stream_error, stream_release, state};
  return LAM_OK;
}

/* ---- scans ---- */

#define READER_BYTES ((uint64_t)4 << 20) /* of a column in a reader, about: window, page, run */

struct scan {
  struct lam_file *file;
  struct lam_read_options options;
  struct lam_reader_mode mode;
  struct lam_mem *mem;
  lam_batch_fn each;
  void *user;
  struct ArrowSchema schema;
  pthread_mutex_t lock; /* of the idle readers */
  struct lam_reader **idle;
  size_t idle_count;
};

static enum lam_status take_reader(struct scan *scan, int32_t row_group, struct lam_reader **out,
                                   struct lam_error *error) {
  *out = NULL;
  pthread_mutex_lock(&scan->lock);
  if (scan->idle_count) *out = scan->idle[--scan->idle_count];
  pthread_mutex_unlock(&scan->lock);
  if (*out) {
    lam_reader_select(*out, row_group);
    return LAM_OK;
  }
  struct lam_read_options options = scan->options;
  options.row_groups = &row_group;
  options.row_group_count = 1;
  return lam_reader_open_as(scan->file, &options, &scan->mode, scan->mem, out, error);
}

static void give_reader(struct scan *scan, struct lam_reader *reader) {
  pthread_mutex_lock(&scan->lock);
  scan->idle[scan->idle_count++] = reader;
  pthread_mutex_unlock(&scan->lock);
}

static enum lam_status scan_group(void *user, size_t index, struct lam_error *error) {
  struct scan *scan = user;
  int32_t row_group = scan->options.row_groups ? scan->options.row_groups[index] : (int32_t)index;
  struct lam_reader *reader;
  LAM_TRY(take_reader(scan, row_group, &reader, error));
  enum lam_status status = LAM_OK;
  for (int64_t first = 0; status == LAM_OK;) {
    struct ArrowArray batch;
    status = lam_reader_next(reader, &batch, error);
    if (status != LAM_OK || !batch.release) break;
    status = scan->each(scan->user, row_group, first, &scan->schema, &batch, error);
    first += batch.length;
    lam_array_release(&batch);
  }
  if (status == LAM_OK)
    give_reader(scan, reader);
  else
    lam_reader_close(reader);
  return status;
}

static enum lam_status scan_schema(struct scan *scan, struct lam_error *error) {
  struct lam_reader *reader; /* opened for no row group: it checks the options, and knows the schema */
  struct lam_read_options options = scan->options;
  options.row_groups = (const int32_t[]){0};
  options.row_group_count = 0;
  LAM_TRY(lam_reader_open_as(scan->file, &options, &scan->mode, scan->mem, &reader, error));
  enum lam_status status = lam_reader_schema(reader, &scan->schema, error);
  lam_reader_close(reader);
  return status;
}

/* As many readers as threads and memory allow; with fewer row groups than threads their columns run in parallel. */
static enum lam_status run_scan(struct scan *scan, struct lam_error *error) {
  struct lam_pool *pool = lam_context_pool(lam_mem_context(scan->mem));
  size_t groups = (size_t)(scan->options.row_groups ? scan->options.row_group_count : lam_file_row_groups(scan->file));
  uint32_t threads = lam_pool_threads(pool);
  uint64_t columns = (uint64_t)lam_max_i64(scan->schema.n_children, 1);
  uint64_t width = lam_max_u64(1, lam_min_u64(threads, lam_mem_available(scan->mem) / (columns * READER_BYTES)));
  scan->mode.one_thread = groups >= threads && width == threads;
  scan->mode.ahead = true;
  void *memory;
  LAM_TRY(lam_alloc(scan->mem, threads * sizeof *scan->idle, &memory, error));
  scan->idle = memory;
  enum lam_status status = lam_pool_run(pool, groups, (uint32_t)width, scan_group, scan, error);
  while (scan->idle_count) lam_reader_close(scan->idle[--scan->idle_count]);
  lam_free(scan->mem, memory, threads * sizeof *scan->idle);
  return status;
}

enum lam_status lam_file_scan(struct lam_file *file, const struct lam_read_options *options, lam_batch_fn each,
                              void *user, struct lam_error *error) {
  struct scan scan = {.file = file, .options = LAM_READ_OPTIONS_INIT, .each = each, .user = user};
  LAM_TRY(lam_options_read(options, "LAM_READ_OPTIONS_INIT", &scan.options, sizeof scan.options, error));
  if (scan.options.row_groups && scan.options.row_group_count < 0)
    return lam_fail(error, LAM_INVALID, "%d row groups are asked for", (int)scan.options.row_group_count);
  LAM_TRY(lam_mem_open(lam_mem_context(lam_file_mem(file)), 0, &scan.mem, error));
  pthread_mutex_init(&scan.lock, NULL);
  enum lam_status status = scan_schema(&scan, error);
  if (status == LAM_OK) {
    status = run_scan(&scan, error);
    lam_schema_release(&scan.schema);
  }
  pthread_mutex_destroy(&scan.lock);
  lam_mem_close(scan.mem);
  return status;
}
