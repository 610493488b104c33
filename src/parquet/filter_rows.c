/* Rows of a row group as ranges, and their places in a batch. */
#include <assert.h>

#include "base/kernel.h"
#include "parquet/filter_state.h"

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

enum lam_status lam_rows_singly(const struct lam_rows *from, const struct lam_selection *selection,
                                struct lam_buf *buffer, struct lam_chosen_rows *out, bool *fits,
                                struct lam_error *error) {
  size_t count = (size_t)selection->count, r = 0;
  int64_t base = from->at[0].first, before = 0; /* places of the ranges before r */
  *fits = from->at[from->count - 1].end - base <= INT32_MAX;
  *out = (struct lam_chosen_rows){.base = base, .places = selection->indices, .count = count};
  if (!*fits || from->count == 1) return LAM_OK;
  LAM_TRY(lam_buf_reset(buffer, count * sizeof(int32_t), error));
  int32_t *to = (int32_t *)(void *)buffer->data;
  for (size_t i = 0; i < count; i++) {
    int64_t place = selection->indices[i];
    for (; place - before >= from->at[r].end - from->at[r].first; r++) before += from->at[r].end - from->at[r].first;
    to[i] = (int32_t)(from->at[r].first - base + (place - before));
  }
  out->places = to;
  return LAM_OK;
}

int64_t lam_rows_at(const struct lam_rows *rows, int64_t place) {
  size_t i = 0;
  for (; place >= rows->at[i].end - rows->at[i].first; i++) place -= rows->at[i].end - rows->at[i].first;
  return rows->at[i].first + place;
}

/* ---- selections ---- */

/* Pairs of neighbours that are not one after the other. */
LAM_KERNEL static size_t count_gaps(const int32_t *indices, size_t count) {
  size_t gaps = 0;
  for (size_t i = 1; i < count; i++) gaps += indices[i] != indices[i - 1] + 1;
  return gaps;
}

int64_t lam_selection_runs(const struct lam_selection *selection) {
  if (selection->count == 0) return 0;
  return selection->indices ? 1 + (int64_t)count_gaps(selection->indices, (size_t)selection->count) : 1;
}

LAM_KERNEL static void copy_places(const int32_t *indices, const int32_t *places, size_t count, int32_t *to) {
  for (size_t i = 0; i < count; i++) to[i] = places[indices[i]];
}

LAM_KERNEL static void move_places(const int32_t *places, int32_t by, size_t count, int32_t *to) {
  for (size_t i = 0; i < count; i++) to[i] = places[i] + by;
}

enum lam_status lam_selection_compose(const struct lam_selection *first, const struct lam_selection *then,
                                      struct lam_buf *buffer, struct lam_selection *out, struct lam_error *error) {
  size_t count = (size_t)then->count;
  struct lam_selection composed = {.rows = first->rows, .count = then->count};
  assert(then->rows == first->count);
  if (!first->indices && !then->indices) {
    composed.first = first->first + then->first;
  } else {
    LAM_TRY(lam_buf_reset(buffer, count * sizeof(int32_t) + 1, error));
    int32_t *to = (int32_t *)(void *)buffer->data;
    if (!first->indices)
      move_places(then->indices, (int32_t)first->first, count, to);
    else if (!then->indices)
      memcpy(to, first->indices + then->first, count * sizeof *to);
    else
      copy_places(then->indices, first->indices, count, to);
    composed.indices = to;
  }
  *out = composed;
  return LAM_OK;
}

enum lam_status lam_selection_part(const struct lam_selection *selection, int64_t given, int64_t place, int64_t rows,
                                   struct lam_buf *buffer, struct lam_selection *out, struct lam_error *error) {
  *out = (struct lam_selection){.rows = rows};
  if (!selection->indices) {
    int64_t first = selection->first + given, end = lam_min_i64(selection->first + selection->count, place + rows);
    out->first = first - place;
    out->count = lam_max_i64(0, end - first);
    return LAM_OK;
  }
  const int32_t *from = selection->indices + given;
  int64_t low = 0, high = selection->count - given; /* those before low lie within, those from high on behind */
  while (low < high) {
    int64_t middle = low + (high - low) / 2;
    if (from[middle] < place + rows)
      low = middle + 1;
    else
      high = middle;
  }
  out->count = low;
  if (low == 0) return LAM_OK;
  if (place == 0) {
    out->indices = from;
    return LAM_OK;
  }
  LAM_TRY(lam_buf_reset(buffer, (size_t)low * sizeof(int32_t), error));
  move_places(from, (int32_t)-place, (size_t)low, (int32_t *)(void *)buffer->data);
  out->indices = (const int32_t *)(const void *)buffer->data;
  return LAM_OK;
}
