#include "base/context.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/budget.h"
#include "base/options.h"
#include "base/threads.h"

enum { SMALLEST_DEFAULT_LIMIT = 256 << 20, MOST_THREADS = 1024 };
#define PROGRESS_INTERVAL_NS 100000000

struct lam_context {
  struct lam_allocator allocator;
  struct lam_budget budget;
  struct lam_pool *pool;
  char *spill_dir;
  _Atomic bool cancelled;

  lam_log_fn log;
  void *log_user;
  enum lam_log_level log_level;
  lam_progress_fn progress;
  void *progress_user;
  pthread_mutex_t callback_lock; /* log and progress: one call at a time */
  const char *operation;         /* NULL between operations */
  _Atomic uint64_t rows_done, bytes_done;
  uint64_t rows_total, bytes_total;
  _Atomic int64_t progress_due; /* CLOCK_MONOTONIC, ns */
};

static uint64_t default_limit(void) {
  return lam_max_u64(lam_memory_of_process() / 4, SMALLEST_DEFAULT_LIMIT);
}

static const char *default_spill_dir(void) {
  const char *dir = getenv("TMPDIR");
  return dir && *dir ? dir : "/var/tmp";
}

static enum lam_status read_options(const struct lam_context_options *given, struct lam_context_options *out,
                                    struct lam_error *error) {
  *out = (struct lam_context_options)LAM_CONTEXT_OPTIONS_INIT;
  LAM_TRY(lam_options_read(given, "LAM_CONTEXT_OPTIONS_INIT", out, sizeof *out, error));
  if (!out->alloc != !out->free)
    return lam_fail(error, LAM_INVALID, "context options have only one of alloc and free; give both or none");
  if (out->threads > MOST_THREADS)
    return lam_fail(error, LAM_INVALID, "%u threads were asked for; at most %d are possible", out->threads,
                    MOST_THREADS);
  if (out->threads == 0) out->threads = lam_processors();
  if (out->memory_limit == 0) out->memory_limit = default_limit();
  if (!out->spill_dir) out->spill_dir = default_spill_dir();
  return LAM_OK;
}

static void fill(struct lam_context *context, const struct lam_context_options *options) {
  context->allocator = lam_allocator_default();
  if (options->alloc) context->allocator = (struct lam_allocator){options->alloc, options->free, options->alloc_user};
  context->log = options->log;
  context->log_user = options->log_user;
  context->log_level = options->log_level;
  context->progress = options->progress;
  context->progress_user = options->progress_user;
  lam_budget_init(&context->budget, options->memory_limit);
  pthread_mutex_init(&context->callback_lock, NULL);
}

enum lam_status lam_context_create(const struct lam_context_options *given, struct lam_context **out,
                                   struct lam_error *error) {
  *out = NULL;
  struct lam_context_options options;
  LAM_TRY(read_options(given, &options, error));
  struct lam_context *context = calloc(1, sizeof *context);
  if (!context) return lam_fail(error, LAM_NO_MEMORY, "no memory for a context");
  fill(context, &options);
  context->spill_dir = strdup(options.spill_dir);
  enum lam_status status = context->spill_dir ? lam_pool_create(options.threads, &context->pool, error)
                                              : lam_fail(error, LAM_NO_MEMORY, "no memory for a context");
  if (status == LAM_OK)
    *out = context;
  else
    lam_context_free(context);
  return status;
}

void lam_context_free(struct lam_context *context) {
  if (!context) return;
  lam_pool_free(context->pool);
  pthread_mutex_destroy(&context->callback_lock);
  lam_budget_destroy(&context->budget);
  free(context->spill_dir);
  free(context);
}

void lam_context_cancel(struct lam_context *context) {
  atomic_store(&context->cancelled, true);
}
void lam_context_reset(struct lam_context *context) {
  atomic_store(&context->cancelled, false);
}
uint32_t lam_context_threads(const struct lam_context *context) {
  return lam_pool_threads(context->pool);
}
struct lam_pool *lam_context_pool(struct lam_context *context) {
  return context->pool;
}
const char *lam_context_spill_dir(const struct lam_context *context) {
  return context->spill_dir;
}
const char *lam_version(void) {
  return LAM_VERSION;
}

struct lam_budget *lam_context_budget(struct lam_context *context) {
  return &context->budget;
}
const struct lam_allocator *lam_context_allocator(const struct lam_context *context) {
  return &context->allocator;
}

void lam_context_memory(struct lam_context *context, struct lam_memory_use *out) {
  struct lam_budget *budget = &context->budget;
  pthread_mutex_lock(&budget->lock);
  struct lam_memory_use use = {sizeof use, budget->limit, budget->reserved, budget->peak};
  pthread_mutex_unlock(&budget->lock);
  lam_result_write(&use, sizeof use, out);
}

enum lam_status lam_check_cancel(struct lam_context *context, struct lam_error *error) {
  if (__builtin_expect(!atomic_load_explicit(&context->cancelled, memory_order_relaxed), 1)) return LAM_OK;
  return lam_fail(error, LAM_CANCELLED, "cancelled");
}

/* ---- log and progress ---- */

void lam_log(struct lam_context *context, enum lam_log_level level, const char *format, ...) {
  if (!context->log || level > context->log_level) return;
  char line[1024];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  pthread_mutex_lock(&context->callback_lock);
  context->log(context->log_user, level, line);
  pthread_mutex_unlock(&context->callback_lock);
}

static int64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Nothing is told between operations: readers count also where no operation is under way. */
static void call_progress(struct lam_context *context) {
  pthread_mutex_lock(&context->callback_lock);
  struct lam_progress progress = {
      .struct_size = sizeof progress,
      .operation = context->operation,
      .rows_done = atomic_load(&context->rows_done),
      .rows_total = context->rows_total,
      .bytes_done = atomic_load(&context->bytes_done),
      .bytes_total = context->bytes_total,
  };
  bool go_on = !context->operation || context->progress(context->progress_user, &progress);
  pthread_mutex_unlock(&context->callback_lock);
  if (!go_on) lam_context_cancel(context);
}

void lam_progress_begin(struct lam_context *context, const char *operation, uint64_t rows, uint64_t bytes) {
  if (!context->progress) return;
  pthread_mutex_lock(&context->callback_lock);
  context->operation = operation;
  context->rows_total = rows;
  context->bytes_total = bytes;
  atomic_store(&context->rows_done, 0);
  atomic_store(&context->bytes_done, 0);
  atomic_store(&context->progress_due, now_ns() + PROGRESS_INTERVAL_NS);
  pthread_mutex_unlock(&context->callback_lock);
}

void lam_progress_add(struct lam_context *context, uint64_t rows, uint64_t bytes) {
  if (!context->progress) return;
  atomic_fetch_add(&context->rows_done, rows);
  atomic_fetch_add(&context->bytes_done, bytes);
  int64_t now = now_ns(), due = atomic_load(&context->progress_due);
  if (now < due || !atomic_compare_exchange_strong(&context->progress_due, &due, now + PROGRESS_INTERVAL_NS)) return;
  call_progress(context);
}

void lam_progress_end(struct lam_context *context) {
  if (!context->progress) return;
  call_progress(context);
  pthread_mutex_lock(&context->callback_lock);
  context->operation = NULL;
  pthread_mutex_unlock(&context->callback_lock);
}
