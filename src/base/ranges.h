/* Ranges of rows or bytes: sorted, disjoint, not adjacent, none empty. */
#ifndef LAM_BASE_RANGES_H
#define LAM_BASE_RANGES_H

#include "base/memory.h"

struct lam_range {
  int64_t first, end; /* end is the first one that is not in it */
};
struct lam_ranges {
  struct lam_buf items; /* struct lam_range each */
};
static inline void lam_ranges_init(struct lam_ranges *ranges, struct lam_mem *mem) {
  lam_buf_init(&ranges->items, mem);
}
static inline void lam_ranges_release(struct lam_ranges *ranges) {
  lam_buf_release(&ranges->items);
}
static inline void lam_ranges_clear(struct lam_ranges *ranges) {
  ranges->items.size = 0;
}
static inline size_t lam_ranges_count(const struct lam_ranges *ranges) {
  return ranges->items.size / sizeof(struct lam_range);
}
static inline const struct lam_range *lam_ranges_at(const struct lam_ranges *ranges, size_t index) {
  return (const struct lam_range *)(const void *)ranges->items.data + index;
}
/* Adds [first, end), whose first is not below the last one's first; it joins that one where they touch or overlap. */
enum lam_status lam_ranges_add(struct lam_ranges *ranges, int64_t first, int64_t end, struct lam_error *error);
/* The same where gaps of up to `gap` between them are joined too, unless the range would be longer than `most`. */
enum lam_status lam_ranges_add_near(struct lam_ranges *ranges, int64_t first, int64_t end, int64_t gap, int64_t most,
                                    struct lam_error *error);
/* `out` is another one than both. */
enum lam_status lam_ranges_intersect(const struct lam_ranges *a, const struct lam_ranges *b, struct lam_ranges *out,
                                     struct lam_error *error);
enum lam_status lam_ranges_unite(const struct lam_ranges *a, const struct lam_ranges *b, struct lam_ranges *out,
                                 struct lam_error *error);
/* Those of `bits` [0, count), counted from `base`, added. */
enum lam_status lam_ranges_add_bits(struct lam_ranges *ranges, const uint8_t *bits, int64_t count, int64_t base,
                                    struct lam_error *error);
/* What all of them hold. */
int64_t lam_ranges_total(const struct lam_ranges *ranges);

/* Numbers spread evenly: of each `period` of them, counted from 0, the `length` from `first` on. Nothing is negative,
 * and first + length <= period. */
struct lam_spread {
  int64_t first, length, period;
};
/* How many of them lie in [0, end). */
int64_t lam_spread_below(const struct lam_spread *spread, int64_t end);
/* Those of [base, base + count), counted from `base`, added. */
enum lam_status lam_ranges_add_spread(struct lam_ranges *ranges, const struct lam_spread *spread, int64_t base,
                                      int64_t count, struct lam_error *error);

/* Rows still to come of a list of ranges, which change as they are taken. */
struct lam_rows {
  struct lam_range *at;
  size_t count;
};
static inline struct lam_rows lam_rows_of(const struct lam_ranges *ranges) {
  return (struct lam_rows){(struct lam_range *)(void *)ranges->items.data, lam_ranges_count(ranges)};
}
/* Takes the first `taken` away. */
void lam_rows_advance(struct lam_rows *rows, int64_t taken);

#endif
