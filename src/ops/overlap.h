/* Batches that are made while those before them are used: two steps that go on at the same time, where there is memory
 * for a batch more. */
#ifndef LAM_OPS_OVERLAP_H
#define LAM_OPS_OVERLAP_H

#include "arrow/array.h"

struct lam_overlap {
  /* The next batch; at the end `out->release` is NULL. */
  enum lam_status (*make)(void *user, struct ArrowArray *out, struct lam_error *error);
  /* Takes the batch over, also when it fails. */
  enum lam_status (*use)(void *user, struct ArrowArray *batch, struct lam_error *error);
  void *user;
};

/* Makes and uses all batches, in order; each step is run by one thread at a time. */
enum lam_status lam_overlap_run(struct lam_mem *mem, const struct lam_overlap *steps, struct lam_error *error);

#endif
