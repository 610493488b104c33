/* Rows of a row group as ranges, and their places in a batch. */
#include <assert.h>

#include "parquet/filter_state.h"

void lam_rows_advance(struct lam_rows *rows, int64_t taken) {
  while (taken > 0) {
    int64_t some = lam_min_i64(taken, rows->at->end - rows->at->first);
    rows->at->first += some;
    taken -= some;
    if (rows->at->first == rows->at->end) rows->at++, rows->count--;
  }
}

enum lam_status lam_rows_first(const struct lam_rows *from, int64_t rows, struct lam_ranges *out,
                               struct lam_error *error) {
  for (size_t i = 0; rows > 0; i++) {
    assert(i < from->count);
    int64_t some = lam_min_i64(rows, from->at[i].end - from->at[i].first);
    LAM_TRY(lam_ranges_add(out, from->at[i].first, from->at[i].first + some, error));
    rows -= some;
  }
  return LAM_OK;
}

/* One run of places: at most as many ranges as `from` has. */
static enum lam_status choose_run(const struct lam_rows *from, int64_t first, int64_t count, struct lam_ranges *out,
                                  struct lam_error *error) {
  for (size_t i = 0; i < from->count && count > 0; i++) {
    int64_t rows = from->at[i].end - from->at[i].first, some = lam_min_i64(count, rows - first);
    if (some > 0) {
      int64_t begin = from->at[i].first + first;
      LAM_TRY(lam_ranges_add(out, begin, begin + some, error));
      count -= some;
    }
    first = lam_max_i64(0, first - rows);
  }
  return LAM_OK;
}

enum lam_status lam_rows_choose(const struct lam_rows *from, const struct lam_selection *selection,
                                struct lam_ranges *out, struct lam_error *error) {
  lam_ranges_clear(out);
  if (!selection->indices) return choose_run(from, selection->first, selection->count, out, error);
  /* Room for a range for each, so that none is added by a call. */
  LAM_TRY(lam_buf_reset(&out->items, (size_t)selection->count * sizeof(struct lam_range), error));
  struct lam_range *to = (struct lam_range *)(void *)out->items.data;
  size_t made = 0, r = 0;
  int64_t before = 0; /* places of the ranges before r */
  for (int64_t i = 0; i < selection->count; i++) {
    int64_t place = selection->indices[i];
    while (place - before >= from->at[r].end - from->at[r].first) {
      before += from->at[r].end - from->at[r].first;
      r++;
    }
    int64_t row = from->at[r].first + (place - before);
    if (made > 0 && to[made - 1].end == row)
      to[made - 1].end++;
    else
      to[made++] = (struct lam_range){row, row + 1};
  }
  out->items.size = made * sizeof *to;
  return LAM_OK;
}

enum lam_status lam_rows_within(const struct lam_rows *all, int64_t rows, const struct lam_rows *chosen,
                                struct lam_buf *buffer, struct lam_selection *out, struct lam_error *error) {
  *out = (struct lam_selection){.rows = rows};
  LAM_TRY(lam_buf_reset(buffer, (size_t)rows * sizeof(int32_t) + 1, error));
  int32_t *to = (int32_t *)(void *)buffer->data;
  int64_t before = 0, count = 0;
  size_t c = 0;
  for (size_t i = 0; before < rows && c < chosen->count; i++) {
    assert(i < all->count);
    int64_t first = all->at[i].first, end = lam_min_i64(all->at[i].end, first + rows - before);
    while (c < chosen->count && chosen->at[c].first < end) {
      int64_t stop = lam_min_i64(chosen->at[c].end, end);
      for (int64_t row = lam_max_i64(chosen->at[c].first, first); row < stop; row++)
        to[count++] = (int32_t)(before + row - first);
      if (chosen->at[c].end > end) break;
      c++;
    }
    before += end - first;
  }
  out->count = count;
  out->first = count ? to[0] : 0;
  if (count > 0 && to[count - 1] - to[0] != count - 1) out->indices = to;
  return LAM_OK;
}
