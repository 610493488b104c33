/* Facts about more and more rows: of row groups to those of a file, of files to those of a partition. */
#ifndef LAM_EXPR_FACTS_H
#define LAM_EXPR_FACTS_H

#include "expr/expr.h"

/* What is known of a column in the rows so far; all zero: there are none. */
struct lam_facts_sum {
  bool any;                      /* a value that is neither NULL nor NaN may be there */
  bool unknown_min, unknown_max; /* of some of those rows */
  struct lam_scalar min, max;    /* where any and not unknown */
  bool min_exact, max_exact, may_be_nan;
  int64_t nulls; /* -1: unknown */
};
/* Adds `rows` more. Bytes that are kept are copied into `arena`. */
enum lam_status lam_facts_add(struct lam_facts_sum *sum, const struct lam_facts_column *facts, int64_t rows,
                              struct lam_arena *arena, struct lam_error *error);
struct lam_facts_column lam_facts_of_sum(const struct lam_facts_sum *sum);

#endif
