#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>
#include <time.h>

#include "base/budget.h"
#include "base/context.h"

enum {
  ALIGNMENT = 64,
  /* Grants move in steps, so that small allocations do not take the budget's lock. */
  GRANT_STEP = 256 << 10,
  /* A cancel must be async-signal-safe, so it cannot signal the condition: waiters look at the flag. */
  LOOK_FOR_CANCEL_NS = 50000000,
};

/* What is granted is either used or spare. Spare bytes are spent and returned without the lock; the
 * grant changes only under it, and no byte of the grant that somebody may be spending is given back,
 * because whoever takes spare bytes away does it by the same atomic step. */
struct lam_mem {
  struct lam_context *context;
  struct lam_budget *budget;
  uint64_t minimum;
  _Atomic uint32_t references; /* the opener and the shared buffers */
  _Atomic bool closed;
  _Atomic uint64_t granted; /* written under the budget's lock */
  _Atomic uint64_t spare;
};

/* ---- the budget ---- */

void lam_budget_init(struct lam_budget *budget, uint64_t limit) {
  *budget = (struct lam_budget){.limit = limit};
  pthread_mutex_init(&budget->lock, NULL);
  pthread_condattr_t attributes;
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_cond_init(&budget->freed, &attributes);
  pthread_condattr_destroy(&attributes);
}

void lam_budget_destroy(struct lam_budget *budget) {
  pthread_cond_destroy(&budget->freed);
  pthread_mutex_destroy(&budget->lock);
}

/* Under the lock: takes `bytes` of the budget if they are there. */
static bool take(struct lam_budget *budget, uint64_t bytes) {
  if (bytes > budget->limit - budget->reserved) return false;
  budget->reserved += bytes;
  budget->peak = lam_max_u64(budget->peak, budget->reserved);
  return true;
}

static void give_back(struct lam_budget *budget, uint64_t bytes) {
  budget->reserved -= bytes;
  pthread_cond_broadcast(&budget->freed);
}

static void wait_for_memory(struct lam_budget *budget) {
  struct timespec until;
  clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_nsec += LOOK_FOR_CANCEL_NS;
  if (until.tv_nsec >= 1000000000) until.tv_nsec -= 1000000000, until.tv_sec++;
  pthread_cond_timedwait(&budget->freed, &budget->lock, &until);
}

/* ---- accounts ---- */

static enum lam_status admit(struct lam_context *context, uint64_t minimum, struct lam_error *error) {
  struct lam_budget *budget = lam_context_budget(context);
  if (minimum > budget->limit)
    return lam_fail(error, LAM_LIMIT, "the operation needs at least %llu bytes; the memory limit is %llu bytes",
                    (unsigned long long)minimum, (unsigned long long)budget->limit);
  enum lam_status status = LAM_OK;
  pthread_mutex_lock(&budget->lock);
  while (!take(budget, minimum)) {
    status = lam_check_cancel(context, error);
    if (status != LAM_OK) break;
    wait_for_memory(budget);
  }
  pthread_mutex_unlock(&budget->lock);
  return status;
}

enum lam_status lam_mem_open(struct lam_context *context, uint64_t minimum, struct lam_mem **out,
                             struct lam_error *error) {
  *out = NULL;
  struct lam_mem *mem = calloc(1, sizeof *mem);
  if (!mem) return lam_fail(error, LAM_NO_MEMORY, "no memory for an account of the budget");
  enum lam_status status = admit(context, minimum, error);
  if (status != LAM_OK) {
    free(mem);
    return status;
  }
  mem->context = context;
  mem->budget = lam_context_budget(context);
  mem->minimum = minimum;
  atomic_init(&mem->granted, minimum);
  atomic_init(&mem->spare, minimum);
  atomic_init(&mem->references, 1);
  *out = mem;
  return LAM_OK;
}

/* Spends spare bytes, all or nothing. */
static bool spend(struct lam_mem *mem, uint64_t size) {
  uint64_t spare = atomic_load_explicit(&mem->spare, memory_order_relaxed);
  while (spare >= size) {
    if (atomic_compare_exchange_weak(&mem->spare, &spare, spare - size)) return true;
  }
  return false;
}

/* Takes what the spare bytes lack for `size` from the budget, and a step more where it has that. */
static bool grow(struct lam_mem *mem, uint64_t size) {
  struct lam_budget *budget = mem->budget;
  pthread_mutex_lock(&budget->lock);
  /* Everything spare is claimed first, so that what is lacking is known and stays so. */
  uint64_t claimed = atomic_exchange(&mem->spare, 0), lacking = claimed < size ? size - claimed : 0;
  uint64_t taken = 0;
  if (lacking > 0 && take(budget, lacking + GRANT_STEP))
    taken = lacking + GRANT_STEP;
  else if (lacking > 0 && take(budget, lacking))
    taken = lacking;
  bool ok = taken >= lacking;
  atomic_fetch_add(&mem->granted, taken);
  atomic_fetch_add(&mem->spare, claimed + taken - (ok ? size : 0));
  pthread_mutex_unlock(&budget->lock);
  return ok;
}

/* Gives spare bytes back, but for the minimum while the account is open and a step of slack, so that a
 * loop of alloc and free does not lock every time. */
static void shrink(struct lam_mem *mem) {
  struct lam_budget *budget = mem->budget;
  pthread_mutex_lock(&budget->lock);
  uint64_t spare = atomic_load(&mem->spare), keep;
  do {
    uint64_t granted = atomic_load(&mem->granted), used = granted - spare;
    keep = atomic_load(&mem->closed) ? 0 : lam_max_u64(GRANT_STEP, mem->minimum > used ? mem->minimum - used : 0);
  } while (spare > keep && !atomic_compare_exchange_weak(&mem->spare, &spare, keep));
  if (spare > keep) {
    atomic_fetch_sub(&mem->granted, spare - keep);
    give_back(budget, spare - keep);
  }
  pthread_mutex_unlock(&budget->lock);
}

static void release(struct lam_mem *mem) {
  if (atomic_fetch_sub(&mem->references, 1) != 1) return;
  shrink(mem);
  assert(atomic_load(&mem->granted) == 0 && "memory of a closed account was not freed");
  free(mem);
}

void lam_mem_close(struct lam_mem *mem) {
  if (!mem) return;
  atomic_store(&mem->closed, true);
  shrink(mem);
  release(mem);
}

struct lam_context *lam_mem_context(const struct lam_mem *mem) {
  return mem->context;
}

uint64_t lam_mem_used(const struct lam_mem *mem) {
  pthread_mutex_lock(&mem->budget->lock);
  uint64_t used = atomic_load(&mem->granted) - atomic_load(&mem->spare);
  pthread_mutex_unlock(&mem->budget->lock);
  return used;
}

uint64_t lam_mem_available(const struct lam_mem *mem) {
  pthread_mutex_lock(&mem->budget->lock);
  uint64_t available = mem->budget->limit - mem->budget->reserved + atomic_load(&mem->spare);
  pthread_mutex_unlock(&mem->budget->lock);
  return available;
}

enum lam_status lam_mem_charge(struct lam_mem *mem, size_t size, struct lam_error *error) {
  if (spend(mem, size)) return LAM_OK;
  struct lam_budget *budget = mem->budget;
  if (size <= budget->limit && grow(mem, size)) return LAM_OK;
  pthread_mutex_lock(&budget->lock);
  uint64_t reserved = budget->reserved;
  pthread_mutex_unlock(&budget->lock);
  return lam_fail(error, LAM_LIMIT,
                  "%zu bytes more do not fit the memory limit of %llu bytes, of which %llu are in use; raise "
                  "--memory-limit",
                  size, (unsigned long long)budget->limit, (unsigned long long)reserved);
}

void lam_mem_discharge(struct lam_mem *mem, size_t size) {
  uint64_t spare = atomic_fetch_add(&mem->spare, size) + size;
  uint64_t granted = atomic_load_explicit(&mem->granted, memory_order_relaxed);
  bool much = spare > 4 * GRANT_STEP && granted > mem->minimum + 4 * GRANT_STEP;
  if (much || atomic_load_explicit(&mem->closed, memory_order_relaxed)) shrink(mem);
}

/* ---- allocation ---- */

static void *default_alloc(void *user, size_t size) {
  (void)user;
  void *memory = NULL;
  return posix_memalign(&memory, ALIGNMENT, size) == 0 ? memory : NULL;
}

static void default_free(void *user, void *memory, size_t size) {
  (void)user, (void)size;
  free(memory);
}

struct lam_allocator lam_allocator_default(void) {
  return (struct lam_allocator){default_alloc, default_free, NULL};
}

enum lam_status lam_alloc(struct lam_mem *mem, size_t size, void **out, struct lam_error *error) {
  *out = NULL;
  if (size == 0) return LAM_OK;
  LAM_TRY(lam_mem_charge(mem, size, error));
  const struct lam_allocator *allocator = lam_context_allocator(mem->context);
  *out = allocator->alloc(allocator->user, size);
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
  const struct lam_allocator *allocator = lam_context_allocator(mem->context);
  allocator->free(allocator->user, memory, size);
  lam_mem_discharge(mem, size);
}

/* ---- buffers ---- */

void lam_buf_release(struct lam_buf *buf) {
  lam_free(buf->mem, buf->data, buf->capacity);
  lam_buf_init(buf, buf->mem);
}

enum lam_status lam_buf_reserve(struct lam_buf *buf, size_t capacity, struct lam_error *error) {
  if (capacity <= buf->capacity) return LAM_OK;
  size_t wanted = capacity, grown = buf->capacity + buf->capacity / 2;
  if (capacity <= SIZE_MAX / 2) wanted = lam_round_up(capacity > grown ? capacity : grown, ALIGNMENT);
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
  if (size == 0) return LAM_OK;
  LAM_TRY(lam_buf_room(buf, size, error));
  memcpy(buf->data + buf->size, data, size);
  buf->size += size;
  return LAM_OK;
}

enum lam_status lam_buf_reset(struct lam_buf *buf, size_t capacity, struct lam_error *error) {
  buf->size = 0;
  if (capacity <= buf->capacity) return LAM_OK;
  lam_buf_release(buf);
  return lam_buf_reserve(buf, capacity, error);
}

/* ---- shared buffers ---- */

/* The struct sits in front of the bytes, in a cache line of its own, so that they stay aligned. */
enum { SHARED_HEAD = ALIGNMENT };
_Static_assert(sizeof(struct lam_shared) <= SHARED_HEAD, "the head of a shared buffer has 64 bytes");

enum lam_status lam_shared_create(struct lam_mem *mem, size_t capacity, struct lam_shared **out,
                                  struct lam_error *error) {
  void *memory;
  *out = NULL;
  if (capacity > SIZE_MAX - SHARED_HEAD)
    return lam_fail(error, LAM_LIMIT, "a shared buffer of %zu bytes was asked for", capacity);
  LAM_TRY(lam_alloc(mem, SHARED_HEAD + capacity, &memory, error));
  struct lam_shared *shared = memory;
  shared->mem = mem;
  shared->capacity = capacity;
  shared->data = (uint8_t *)memory + SHARED_HEAD;
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
  lam_free(mem, shared, SHARED_HEAD + shared->capacity);
  release(mem);
}

enum lam_status lam_shared_renew(struct lam_mem *mem, struct lam_shared **shared, size_t capacity, size_t keep,
                                 struct lam_error *error) {
  struct lam_shared *old = *shared, *fresh;
  assert(keep <= capacity && keep <= (old ? old->capacity : 0));
  bool ours = old && atomic_load_explicit(&old->references, memory_order_acquire) == 1;
  if (ours && old->capacity >= capacity) return LAM_OK;
  /* What is not kept is released first: the two need not fit the budget together. */
  if (keep == 0) {
    *shared = NULL;
    lam_shared_release(old);
    old = NULL;
  }
  if (capacity <= SIZE_MAX / 2) capacity = lam_round_up(capacity, ALIGNMENT);
  LAM_TRY(lam_shared_create(mem, capacity, &fresh, error));
  if (old) memcpy(fresh->data, old->data, keep);
  lam_shared_release(old);
  *shared = fresh;
  return LAM_OK;
}
