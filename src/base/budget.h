/* The two parts of a context that base/memory.c works on: the budget and the allocator. */
#ifndef LAM_BASE_BUDGET_H
#define LAM_BASE_BUDGET_H

#include <pthread.h>

#include "lamella/context.h"

struct lam_budget {
  pthread_mutex_t lock;
  pthread_cond_t freed; /* waits by CLOCK_MONOTONIC */
  uint64_t limit;       /* bytes, all three */
  uint64_t reserved;    /* granted to accounts now; never above the limit */
  uint64_t peak;
};

struct lam_allocator {
  void *(*alloc)(void *user, size_t size);
  void (*free)(void *user, void *memory, size_t size);
  void *user;
};

void lam_budget_init(struct lam_budget *budget, uint64_t limit);
void lam_budget_destroy(struct lam_budget *budget);
/* malloc and free. */
struct lam_allocator lam_allocator_default(void);

struct lam_budget *lam_context_budget(struct lam_context *context);
const struct lam_allocator *lam_context_allocator(const struct lam_context *context);

#endif
