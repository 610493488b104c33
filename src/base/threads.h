/* The thread pool: parallel loops in which the calling thread takes part.
 *
 * Because the caller works too, a loop inside a loop cannot deadlock, and a pool of one thread has no
 * workers at all. */
#ifndef LAM_BASE_THREADS_H
#define LAM_BASE_THREADS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct lam_pool;

enum lam_status lam_pool_create(uint32_t threads, struct lam_pool **out, struct lam_error *error);
void lam_pool_free(struct lam_pool *pool);
uint32_t lam_pool_threads(const struct lam_pool *pool);

typedef enum lam_status (*lam_task_fn)(void *user, size_t index, struct lam_error *error);

/* Calls `task(user, index)` once for each index below `count`, in order of index but at the same
 * time, on at most `width` threads (0: all). The first failure is returned; tasks not yet begun are
 * then skipped. Who waits for the last tasks helps with the loops that those have begun. */
enum lam_status lam_pool_run(struct lam_pool *pool, size_t count, uint32_t width, lam_task_fn task, void *user,
                             struct lam_error *error);

/* Work that goes on beside its owner's: threads of the pool that find no loop to help with take its items, in the order
 * in which they were added. The owner, one thread, takes part while it waits for them. */
struct lam_queue;
struct lam_queue_item { /* in what is to be worked on; nobody else's from lam_queue_add until it was waited for */
  struct lam_queue_item *next;
  uint32_t batch;
  bool done;
};
typedef enum lam_status (*lam_item_fn)(void *user, struct lam_queue_item *item, struct lam_error *error);
enum lam_status lam_queue_open(struct lam_pool *pool, lam_item_fn task, void *user, struct lam_queue **out,
                               struct lam_error *error);
/* Adds a batch of items, linked by `next`. Two batches can be under way: the one before the last has been waited for.
 */
void lam_queue_add(struct lam_queue *queue, struct lam_queue_item *items);
/* Adds one item to the last batch; any number of them can be under way. */
void lam_queue_push(struct lam_queue *queue, struct lam_queue_item *item);
/* Waits for the batches before the last, or for all. The first failure of an item is returned, always from then on;
 * what was not begun is then skipped. */
enum lam_status lam_queue_wait(struct lam_queue *queue, bool all, struct lam_error *error);
/* Waits for one item. Whether an item has failed is the owner's to know. */
void lam_queue_wait_for(struct lam_queue *queue, const struct lam_queue_item *item);
/* Waits for what is under way; the rest is skipped. NULL is allowed. */
void lam_queue_close(struct lam_queue *queue);

/* The processors that this process may use (affinity and cgroup quota), at least 1. */
uint32_t lam_processors(void);
/* The bytes of memory that this process may use: physical memory, its own limit of address space or
 * the cgroup's limit, whichever is least. */
uint64_t lam_memory_of_process(void);
/* The least limit of the cgroups (v1 and v2) that the file `self` names, and of those around them, below the directory
 * `root`; UINT64_MAX: none. The process's own are in /proc/self/cgroup and /sys/fs/cgroup. */
uint64_t lam_memory_of_cgroups(const char *self, const char *root);

#endif
