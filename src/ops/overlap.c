#include "ops/overlap.h"

#include "arrow/take.h"
#include "base/context.h"
#include "base/threads.h"

enum {
  ROOM = 16 << 20, /* bytes that are left for others than the batches */
  BATCHES = 4,     /* what making and using one takes, in batches */
};

struct overlap {
  const struct lam_overlap *steps;
  struct ArrowArray current, next;
};

/* Using comes first: it is what the calling thread does. A worker that has made its batch helps with what the use puts
 * into queues, which the calling thread, waiting for a worker, would not. */
static enum lam_status step(void *user, size_t index, struct lam_error *error) {
  struct overlap *overlap = user;
  const struct lam_overlap *steps = overlap->steps;
  return index == 0 ? steps->use(steps->user, &overlap->current, error)
                    : steps->make(steps->user, &overlap->next, error);
}

enum lam_status lam_overlap_run(struct lam_mem *mem, const struct lam_overlap *steps, struct lam_error *error) {
  struct lam_pool *pool = lam_context_pool(lam_mem_context(mem));
  struct overlap overlap = {.steps = steps};
  LAM_TRY(steps->make(steps->user, &overlap.current, error));
  while (overlap.current.release) {
    bool room = lam_mem_available(mem) >= ROOM + BATCHES * lam_array_memory(&overlap.current);
    overlap.next.release = NULL;
    enum lam_status status = lam_pool_run(pool, 2, room ? 0 : 1, step, &overlap, error);
    if (status != LAM_OK) {
      lam_array_release(&overlap.next);
      return status;
    }
    overlap.current = overlap.next;
  }
  return LAM_OK;
}
