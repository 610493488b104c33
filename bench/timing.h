/* What the programs that time us share. */
#ifndef LAM_BENCH_TIMING_H
#define LAM_BENCH_TIMING_H

#include <time.h>

#include "lamella/parquet.h"

static inline double now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* A lam_batch_fn that adds up the rows, an int64_t. */
static inline enum lam_status count_rows(void *user, int32_t row_group, int64_t first_row,
                                         const struct ArrowSchema *schema, const struct ArrowArray *batch,
                                         struct lam_error *error) {
  (void)row_group, (void)first_row, (void)schema, (void)error;
  __atomic_fetch_add((int64_t *)user, batch->length, __ATOMIC_RELAXED);
  return LAM_OK;
}

#endif
