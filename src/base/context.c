#include "base/context.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/threads.h"

enum { SMALLEST_DEFAULT_LIMIT = 256 << 20 };
#define PROGRESS_INTERVAL_NS 100000000

struct lam_context {
  struct lam_context_options options;
  struct lam_pool *pool;
  char *spill_dir;
  _Atomic bool cancelled;

  /* The budget. A cancel must be async-signal-safe, so it cannot signal the condition: waiters look
   * at the flag every 50 ms instead. */
  pthread_mutex_t budget_lock;
  pthread_cond_t budget_freed;
  uint64_t limit, reserved, peak;

  pthread_mutex_t callback_lock; /* log and progress: one call at a time */
  const char *operation;
  _Atomic uint64_t rows_done, bytes_done;
  uint64_t rows_total, bytes_total;
  _Atomic int64_t progress_due; /* CLOCK_MONOTONIC, ns */
};

struct lam_mem {
  struct lam_context *context;
  _Atomic uint32_t references; /* the opener and the shared buffers */
  _Atomic bool closed;
  uint64_t minimum;
  _Atomic uint64_t used;
  _Atomic uint64_t granted; /* changed under the budget's lock */
};

/* Grants move in steps, so that small allocations do not take the budget's lock. */
enum { GRANT_STEP = 256 << 10 };

static void *default_alloc(void *user, size_t size) {
  (void)user;
  void *memory = NULL;
  return posix_memalign(&memory, 64, size) == 0 ? memory : NULL;
}

static void default_free(void *user, void *memory, size_t size) {
  (void)user, (void)size;
  free(memory);
}

static uint64_t default_limit(void) {
  return lam_max_u64(lam_memory_of_process() / 4, SMALLEST_DEFAULT_LIMIT);
}

static const char *default_spill_dir(void) {
  const char *dir = getenv("TMPDIR");
  return dir && *dir ? dir : "/var/tmp";
}

enum lam_status lam_context_create(const struct lam_context_options *given, struct lam_context **out,
                                   struct lam_error *error) {
  struct lam_context_options options = LAM_CONTEXT_OPTIONS_INIT;
  *out = NULL;
  if (given) {
    if (given->struct_size < sizeof options.struct_size || given->struct_size > 4096)
      return lam_fail(error, LAM_INVALID, "context options of %u bytes; fill them with LAM_CONTEXT_OPTIONS_INIT",
                      given->struct_size);
    memcpy(&options, given, given->struct_size < sizeof options ? given->struct_size : sizeof options);
  }
  if (!options.alloc != !options.free)
    return lam_fail(error, LAM_INVALID, "context options have only one of alloc and free; give both or none");
  if (!options.alloc) options.alloc = default_alloc, options.free = default_free;
  if (options.threads == 0) options.threads = lam_processors();
  if (options.memory_limit == 0) options.memory_limit = default_limit();

  struct lam_context *context = calloc(1, sizeof *context);
  if (!context) return lam_fail(error, LAM_NO_MEMORY, "no memory for a context");
  context->options = options;
  context->limit = options.memory_limit;
  context->spill_dir = strdup(options.spill_dir ? options.spill_dir : default_spill_dir());
  pthread_mutex_init(&context->budget_lock, NULL);
  pthread_mutex_init(&context->callback_lock, NULL);
  pthread_condattr_t attributes;
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_cond_init(&context->budget_freed, &attributes);
  pthread_condattr_destroy(&attributes);
  enum lam_status status = context->spill_dir ? lam_pool_create(options.threads, &context->pool, error)
                                              : lam_fail(error, LAM_NO_MEMORY, "no memory for a context");
  if (status != LAM_OK) {
    lam_context_free(context);
    return status;
  }
  *out = context;
  return LAM_OK;
}

void lam_context_free(struct lam_context *context) {
  if (!context) return;
  lam_pool_free(context->pool);
  pthread_cond_destroy(&context->budget_freed);
  pthread_mutex_destroy(&context->callback_lock);
  pthread_mutex_destroy(&context->budget_lock);
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

void lam_context_memory(struct lam_context *context, struct lam_memory_use *out) {
  pthread_mutex_lock(&context->budget_lock);
  out->limit = context->limit;
  out->used = context->reserved;
  out->peak = context->peak;
  pthread_mutex_unlock(&context->budget_lock);
}

enum lam_status lam_check_cancel(struct lam_context *context, struct lam_error *error) {
  if (__builtin_expect(!atomic_load_explicit(&context->cancelled, memory_order_relaxed), 1)) return LAM_OK;
  return lam_fail(error, LAM_CANCELLED, "cancelled");
}

/* ---- log and progress ---- */

void lam_log(struct lam_context *context, enum lam_log_level level, const char *format, ...) {
  if (!context->options.log || level > context->options.log_level) return;
  char line[1024];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  pthread_mutex_lock(&context->callback_lock);
  context->options.log(context->options.log_user, level, line);
  pthread_mutex_unlock(&context->callback_lock);
}

static int64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

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
  bool go_on = context->options.progress(context->options.progress_user, &progress);
  pthread_mutex_unlock(&context->callback_lock);
  if (!go_on) lam_context_cancel(context);
}

void lam_progress_begin(struct lam_context *context, const char *operation, uint64_t rows, uint64_t bytes) {
  if (!context->options.progress) return;
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
  if (!context->options.progress) return;
  atomic_fetch_add(&context->rows_done, rows);
  atomic_fetch_add(&context->bytes_done, bytes);
  int64_t now = now_ns(), due = atomic_load(&context->progress_due);
  if (now < due || !atomic_compare_exchange_strong(&context->progress_due, &due, now + PROGRESS_INTERVAL_NS)) return;
  call_progress(context);
}

void lam_progress_end(struct lam_context *context) {
  if (context->options.progress) call_progress(context);
}

/* ---- the budget ---- */

/* Under the lock: takes `bytes` of the budget if they are there. */
static bool take(struct lam_context *context, uint64_t bytes) {
  if (bytes > context->limit - context->reserved) return false;
  context->reserved += bytes;
  if (context->reserved > context->peak) context->peak = context->reserved;
  return true;
}

static void give_back(struct lam_context *context, uint64_t bytes) {
  context->reserved -= bytes;
  pthread_cond_broadcast(&context->budget_freed);
}

/* Waits until somebody gives memory back, or for 50 ms. */
static void wait_for_memory(struct lam_context *context) {
  struct timespec until;
  clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_nsec += 50000000;
  if (until.tv_nsec >= 1000000000) until.tv_nsec -= 1000000000, until.tv_sec++;
  pthread_cond_timedwait(&context->budget_freed, &context->budget_lock, &until);
}

enum lam_status lam_mem_open(struct lam_context *context, uint64_t minimum, struct lam_mem **out,
                             struct lam_error *error) {
  *out = NULL;
  if (minimum > context->limit)
    return lam_fail(error, LAM_LIMIT, "the operation needs at least %llu bytes; the memory limit is %llu bytes",
                    (unsigned long long)minimum, (unsigned long long)context->limit);
  struct lam_mem *mem = calloc(1, sizeof *mem);
  if (!mem) return lam_fail(error, LAM_NO_MEMORY, "no memory for an account of the budget");
  enum lam_status status = LAM_OK;
  pthread_mutex_lock(&context->budget_lock);
  while (!take(context, minimum)) {
    status = lam_check_cancel(context, error);
    if (status != LAM_OK) break;
    wait_for_memory(context);
  }
  pthread_mutex_unlock(&context->budget_lock);
  if (status != LAM_OK) {
    free(mem);
    return status;
  }
  mem->context = context;
  mem->minimum = minimum;
  atomic_store(&mem->granted, minimum);
  atomic_store(&mem->references, 1);
  *out = mem;
  return LAM_OK;
}

/* Returns what is granted beyond what is used, keeping the minimum while the account is open and a
 * step of slack above it, so that a loop of alloc and free does not lock every time. */
static void shrink_grant(struct lam_mem *mem) {
  struct lam_context *context = mem->context;
  pthread_mutex_lock(&context->budget_lock);
  bool closed = atomic_load(&mem->closed);
  uint64_t used = atomic_load(&mem->used), granted = atomic_load(&mem->granted);
  uint64_t keep = closed ? used : lam_max_u64(used + GRANT_STEP, mem->minimum);
  if (granted > keep) {
    atomic_store(&mem->granted, keep);
    give_back(context, granted - keep);
  }
  pthread_mutex_unlock(&context->budget_lock);
}

static void mem_release(struct lam_mem *mem) {
  if (atomic_fetch_sub(&mem->references, 1) != 1) return;
  shrink_grant(mem);
  free(mem);
}

void lam_mem_close(struct lam_mem *mem) {
  if (!mem) return;
  atomic_store(&mem->closed, true);
  shrink_grant(mem);
  mem_release(mem);
}

struct lam_context *lam_mem_context(const struct lam_mem *mem) {
  return mem->context;
}
uint64_t lam_mem_used(const struct lam_mem *mem) {
  return atomic_load(&mem->used);
}

uint64_t lam_mem_available(const struct lam_mem *mem) {
  struct lam_context *context = mem->context;
  pthread_mutex_lock(&context->budget_lock);
  uint64_t unreserved = context->limit - context->reserved;
  uint64_t granted = atomic_load(&mem->granted), used = atomic_load(&mem->used);
  pthread_mutex_unlock(&context->budget_lock);
  return unreserved + (granted > used ? granted - used : 0);
}

/* The grant is raised to `used`, plus a step where the budget has it. */
static bool grow_grant(struct lam_mem *mem) {
  struct lam_context *context = mem->context;
  pthread_mutex_lock(&context->budget_lock);
  uint64_t used = atomic_load(&mem->used), granted = atomic_load(&mem->granted);
  bool ok = used <= granted;
  if (!ok && take(context, used - granted + GRANT_STEP)) {
    ok = true;
    atomic_store(&mem->granted, used + GRANT_STEP);
  } else if (!ok && take(context, used - granted)) {
    ok = true;
    atomic_store(&mem->granted, used);
  }
  pthread_mutex_unlock(&context->budget_lock);
  return ok;
}

enum lam_status lam_mem_charge(struct lam_mem *mem, size_t size, struct lam_error *error) {
  uint64_t used = atomic_fetch_add(&mem->used, size) + size;
  if (used <= atomic_load(&mem->granted) || grow_grant(mem)) return LAM_OK;
  atomic_fetch_sub(&mem->used, size);
  return lam_fail(error, LAM_LIMIT,
                  "%zu bytes more do not fit the memory limit of %llu bytes, of which %llu are in use; raise "
                  "--memory-limit",
                  size, (unsigned long long)mem->context->limit, (unsigned long long)mem->context->reserved);
}

void lam_mem_discharge(struct lam_mem *mem, size_t size) {
  uint64_t used = atomic_fetch_sub(&mem->used, size) - size;
  uint64_t granted = atomic_load_explicit(&mem->granted, memory_order_relaxed);
  if (granted > mem->minimum + 4 * GRANT_STEP && granted - used > 4 * GRANT_STEP) shrink_grant(mem);
}

enum lam_status lam_alloc(struct lam_mem *mem, size_t size, void **out, struct lam_error *error) {
  *out = NULL;
  if (size == 0) return LAM_OK;
  LAM_TRY(lam_mem_charge(mem, size, error));
  *out = mem->context->options.alloc(mem->context->options.alloc_user, size);
  if (*out) return LAM_OK;
  lam_mem_discharge(mem, size);
  return lam_fail(error, LAM_NO_MEMORY, "the allocator has no %zu bytes", size);
}

enum lam_status lam_alloc_zero(struct lam_mem *mem, size_t size, void **out, struct lam_error *error) {
  LAM_TRY(lam_alloc(mem, size, out, error));
  if (*out) memset(*out, 0, size);
  return LAM_OK;
}

void lam_free(struct lam_mem *mem, void *memory, size_t size) {
  if (!memory) return;
  mem->context->options.free(mem->context->options.alloc_user, memory, size);
  lam_mem_discharge(mem, size);
}

/* ---- buffers ---- */

void lam_buf_release(struct lam_buf *buf) {
  lam_free(buf->mem, buf->data, buf->capacity);
  lam_buf_init(buf, buf->mem);
}

enum lam_status lam_buf_reserve(struct lam_buf *buf, size_t capacity, struct lam_error *error) {
  if (capacity <= buf->capacity) return LAM_OK;
  size_t grown = buf->capacity + buf->capacity / 2;
  size_t wanted = lam_round_up(capacity > grown ? capacity : grown, 64);
  void *memory;
  enum lam_status status = lam_alloc(buf->mem, wanted, &memory, error);
  /* Near the limit the exact size may still fit where half as much again does not. */
  if (status == LAM_LIMIT && wanted > capacity) {
    wanted = capacity;
    status = lam_alloc(buf->mem, wanted, &memory, error);
  }
  if (status != LAM_OK) return status;
  lam_copy(memory, buf->data, buf->size);
  lam_free(buf->mem, buf->data, buf->capacity);
  buf->data = memory;
  buf->capacity = wanted;
  return LAM_OK;
}

enum lam_status lam_buf_append(struct lam_buf *buf, const void *data, size_t size, struct lam_error *error) {
  LAM_TRY(lam_buf_room(buf, size, error));
  lam_copy(buf->data + buf->size, data, size);
  buf->size += size;
  return LAM_OK;
}

enum lam_status lam_buf_reset(struct lam_buf *buf, size_t capacity, struct lam_error *error) {
  buf->size = 0;
  if (capacity <= buf->capacity) return LAM_OK;
  lam_buf_release(buf);
  return lam_buf_reserve(buf, capacity, error);
}

enum lam_status lam_shared_create(struct lam_mem *mem, size_t capacity, struct lam_shared **out,
                                  struct lam_error *error) {
  /* The struct sits in front of the bytes, in a cache line of its own, so that they stay aligned. */
  enum { HEAD = 64 };
  _Static_assert(sizeof(struct lam_shared) <= HEAD, "the head of a shared buffer has 64 bytes");
  void *memory;
  size_t total;
  *out = NULL;
  if (lam_add_overflow(capacity, HEAD, &total)) return lam_fail(error, LAM_LIMIT, "a buffer of %zu bytes", capacity);
  LAM_TRY(lam_alloc(mem, total, &memory, error));
  struct lam_shared *shared = memory;
  shared->mem = mem;
  shared->capacity = capacity;
  shared->data = (uint8_t *)memory + HEAD;
  atomic_init(&shared->references, 1);
  atomic_fetch_add(&mem->references, 1);
  *out = shared;
  return LAM_OK;
}

struct lam_shared *lam_shared_retain(struct lam_shared *shared) {
  if (shared) atomic_fetch_add_explicit(&shared->references, 1, memory_order_relaxed);
  return shared;
}

void lam_shared_release(struct lam_shared *shared) {
  if (!shared || atomic_fetch_sub_explicit(&shared->references, 1, memory_order_acq_rel) != 1) return;
  struct lam_mem *mem = shared->mem;
  lam_free(mem, shared, shared->capacity + 64);
  mem_release(mem);
}

enum lam_status lam_shared_renew(struct lam_mem *mem, struct lam_shared **shared, size_t capacity, size_t keep,
                                 struct lam_error *error) {
  struct lam_shared *old = *shared;
  bool ours = old && atomic_load_explicit(&old->references, memory_order_acquire) == 1;
  if (ours && old->capacity >= capacity) return LAM_OK;
  if (old && keep == 0) {
    lam_shared_release(old);
    old = *shared = NULL;
  }
  struct lam_shared *fresh;
  LAM_TRY(lam_shared_create(mem, lam_round_up(capacity, 64), &fresh, error));
  if (old) lam_copy(fresh->data, old->data, keep);
  lam_shared_release(old);
  *shared = fresh;
  return LAM_OK;
}
