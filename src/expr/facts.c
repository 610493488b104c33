#include "expr/facts.h"

/* Makes *bound the lesser (sign 1) or the greater (-1) of both. */
static enum lam_status take_bound(struct lam_arena *arena, bool first, int sign, const struct lam_scalar *other,
                                  bool other_exact, struct lam_scalar *bound, bool *exact, struct lam_error *error) {
  int order = first ? -1 : sign * lam_scalar_compare(other, bound);
  char *bytes;
  if (order == 0) *exact |= other_exact;
  if (order >= 0) return LAM_OK;
  *exact = other_exact;
  *bound = *other;
  if (!other->bytes.size) return LAM_OK;
  LAM_TRY(lam_arena_string(arena, other->bytes, &bytes, error));
  bound->bytes.data = (const uint8_t *)bytes;
  return LAM_OK;
}

enum lam_status lam_facts_add(struct lam_facts_sum *sum, const struct lam_facts_column *facts, int64_t rows,
                              struct lam_arena *arena, struct lam_error *error) {
  bool values = facts->nulls != rows, first = !sum->any;
  sum->nulls = sum->nulls < 0 || facts->nulls < 0 ? -1 : sum->nulls + facts->nulls;
  sum->may_be_nan |= (facts->may_be_nan || facts->only_nan) && values;
  if (!values || facts->only_nan) return LAM_OK;
  sum->any = true;
  sum->unknown_min |= !facts->has_min;
  sum->unknown_max |= !facts->has_max;
  if (!sum->unknown_min)
    LAM_TRY(take_bound(arena, first, 1, &facts->min, facts->min_exact, &sum->min, &sum->min_exact, error));
  if (sum->unknown_max) return LAM_OK;
  return take_bound(arena, first, -1, &facts->max, facts->max_exact, &sum->max, &sum->max_exact, error);
}

struct lam_facts_column lam_facts_of_sum(const struct lam_facts_sum *sum) {
  return (struct lam_facts_column){.nulls = sum->nulls,
                                   .has_min = sum->any && !sum->unknown_min,
                                   .has_max = sum->any && !sum->unknown_max,
                                   .min = sum->min,
                                   .max = sum->max,
                                   .min_exact = sum->min_exact,
                                   .max_exact = sum->max_exact,
                                   .may_be_nan = sum->may_be_nan,
                                   .only_nan = sum->may_be_nan && !sum->any};
}
