#include "base/ranges.h"

#include <assert.h>

static struct lam_range *last_of(struct lam_ranges *ranges) {
  size_t count = lam_ranges_count(ranges);
  return count ? (struct lam_range *)(void *)ranges->items.data + count - 1 : NULL;
}

enum lam_status lam_ranges_add_near(struct lam_ranges *ranges, int64_t first, int64_t end, int64_t gap, int64_t most,
                                    struct lam_error *error) {
  if (first >= end) return LAM_OK;
  struct lam_range *last = last_of(ranges);
  assert(!last || first >= last->first);
  bool joins = last && first <= last->end;
  /* Unsigned differences of numbers in order do not overflow. */
  if (last && !joins)
    joins = (uint64_t)first - (uint64_t)last->end <= (uint64_t)gap &&
            (uint64_t)end - (uint64_t)last->first <= (uint64_t)most;
  if (joins) {
    last->end = lam_max_i64(last->end, end);
    return LAM_OK;
  }
  struct lam_range range = {first, end};
  return lam_buf_append(&ranges->items, &range, sizeof range, error);
}

enum lam_status lam_ranges_add(struct lam_ranges *ranges, int64_t first, int64_t end, struct lam_error *error) {
  return lam_ranges_add_near(ranges, first, end, 0, 0, error);
}

enum lam_status lam_ranges_intersect(const struct lam_ranges *a, const struct lam_ranges *b, struct lam_ranges *out,
                                     struct lam_error *error) {
  size_t count_a = lam_ranges_count(a), count_b = lam_ranges_count(b);
  assert(out != a && out != b);
  lam_ranges_clear(out);
  for (size_t i = 0, k = 0; i < count_a && k < count_b;) {
    const struct lam_range *x = lam_ranges_at(a, i), *y = lam_ranges_at(b, k);
    LAM_TRY(lam_ranges_add(out, lam_max_i64(x->first, y->first), lam_min_i64(x->end, y->end), error));
    if (x->end < y->end)
      i++;
    else
      k++;
  }
  return LAM_OK;
}

enum lam_status lam_ranges_unite(const struct lam_ranges *a, const struct lam_ranges *b, struct lam_ranges *out,
                                 struct lam_error *error) {
  size_t count_a = lam_ranges_count(a), count_b = lam_ranges_count(b);
  assert(out != a && out != b);
  lam_ranges_clear(out);
  for (size_t i = 0, k = 0; i < count_a || k < count_b;) {
    bool from_a = k == count_b || (i < count_a && lam_ranges_at(a, i)->first < lam_ranges_at(b, k)->first);
    const struct lam_range *next = from_a ? lam_ranges_at(a, i++) : lam_ranges_at(b, k++);
    LAM_TRY(lam_ranges_add(out, next->first, next->end, error));
  }
  return LAM_OK;
}

/* Bits [at, at + 64) of a bitmap of `count`, zeros behind its end; `at` is a multiple of 8. */
static uint64_t load_bits(const uint8_t *bits, int64_t at, int64_t count) {
  if (count - at >= 64) return lam_load64(bits + at / 8);
  uint64_t word = 0;
  lam_copy(&word, bits + at / 8, (size_t)(count - at + 7) / 8);
  return word & (((uint64_t)1 << (count - at)) - 1);
}

enum lam_status lam_ranges_add_bits(struct lam_ranges *ranges, const uint8_t *bits, int64_t count, int64_t base,
                                    struct lam_error *error) {
  for (int64_t at = 0; at < count; at += 64) {
    uint64_t word = load_bits(bits, at, count);
    while (word) {
      int first = __builtin_ctzll(word);
      uint64_t rest = ~(word >> first);
      int end = rest ? first + __builtin_ctzll(rest) : 64;
      LAM_TRY(lam_ranges_add(ranges, base + at + first, base + at + end, error));
      word = end == 64 ? 0 : word >> end << end;
    }
  }
  return LAM_OK;
}

int64_t lam_ranges_total(const struct lam_ranges *ranges) {
  int64_t total = 0;
  for (size_t i = 0, count = lam_ranges_count(ranges); i < count; i++) {
    const struct lam_range *range = lam_ranges_at(ranges, i);
    total += range->end - range->first;
  }
  return total;
}

void lam_rows_advance(struct lam_rows *rows, int64_t taken) {
  while (taken > 0) {
    int64_t some = lam_min_i64(taken, rows->at->end - rows->at->first);
    rows->at->first += some;
    taken -= some;
    if (rows->at->first == rows->at->end) rows->at++, rows->count--;
  }
}

int64_t lam_spread_below(const struct lam_spread *spread, int64_t end) {
  int64_t rest = end % spread->period - spread->first;
  return end / spread->period * spread->length + lam_max_i64(0, lam_min_i64(rest, spread->length));
}

enum lam_status lam_ranges_add_spread(struct lam_ranges *ranges, const struct lam_spread *spread, int64_t base,
                                      int64_t count, struct lam_error *error) {
  int64_t end = base + count;
  for (int64_t at = base - base % spread->period + spread->first; at < end; at += spread->period) {
    int64_t first = lam_max_i64(at, base), last = lam_min_i64(at + spread->length, end);
    if (first < last) LAM_TRY(lam_ranges_add(ranges, first - base, last - base, error));
  }
  return LAM_OK;
}
