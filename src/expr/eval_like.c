/* LIKE on the rows of a slice. '%text%' is looked for in the bytes of all rows at once, since they lie behind one
 * another: where its first and last byte fit, the rest is compared. */
#include "base/kernel.h"
#include "expr/eval.h"

/* Places among `count` from `data` on where the first and last of `size` bytes are as wanted. All the bytes are there.
 */
LAM_KERNEL static void find_candidates(const uint8_t *data, int64_t count, const uint8_t *wanted, size_t size,
                                       uint64_t *out) {
  const uint8_t *end = data + size - 1;
  uint8_t first = wanted[0], last = wanted[size - 1];
  for (; count > 0; count -= 64, data += 64, end += 64, out++) {
    uint8_t bytes[64] = {0};
    if (count >= 64)
      for (int i = 0; i < 64; i++) bytes[i] = (data[i] == first) & (end[i] == last);
    else
      for (int i = 0; i < count; i++) bytes[i] = (data[i] == first) & (end[i] == last);
    *out = lam_word_of_bytes(bytes);
  }
}

/* The view whose rows, from slice->first on, are those of the slice; NULL where they have to be gathered. */
static const struct lam_view *plain_view(const struct lam_column *column, const struct lam_slice *slice) {
  const struct lam_view *view = column->is_dictionary ? &column->dictionary : &column->view;
  if (slice->source == LAM_OF_NULL || (column->is_dictionary && slice->source == LAM_OF_ROWS)) return NULL;
  return view->offsets32 ? view : NULL;
}

static void search(const struct lam_view *view, const struct lam_slice *slice, struct lam_bytes wanted,
                   uint64_t *hits) {
  enum { BLOCK = 4096 };
  uint64_t candidates[BLOCK / 64] = {0};
  const int32_t *offsets = view->offsets32 + view->offset + slice->first;
  const uint8_t *data = view->data;
  int64_t size = (int64_t)wanted.size, last = offsets[slice->rows] - size;
  int32_t row = 0;
  for (int64_t at = offsets[0]; at <= last; at += BLOCK) {
    int64_t count = lam_min_i64(BLOCK, last - at + 1);
    find_candidates(data + at, count, wanted.data, wanted.size, candidates);
    for (int64_t word = 0; word < (count + 63) / 64; word++) {
      for (uint64_t bits = candidates[word]; bits; bits &= bits - 1) {
        int64_t place = at + word * 64 + __builtin_ctzll(bits);
        while (offsets[row + 1] <= place) row++;
        if (place + size <= offsets[row + 1] && !memcmp(data + place, wanted.data, wanted.size))
          hits[row >> 6] |= (uint64_t)1 << (row & 63);
      }
    }
  }
}

/* Searching all rows is worth it where most of them are asked for. */
static bool are_many(const struct lam_slice *slice, const uint64_t *active) {
  int64_t count = 0;
  for (int32_t i = 0; i < slice->words; i++) count += __builtin_popcountll(active[i]);
  return count > slice->rows / 4;
}

enum lam_status lam_eval_like(struct lam_evaluator *evaluator, struct lam_node *node, const struct lam_slice *slice,
                              const uint64_t *active, struct lam_truth *out, struct lam_error *error) {
  struct lam_node *argument = &node->arguments[0];
  struct lam_bytes contained = lam_pattern_contained(node->pattern);
  struct lam_values values;
  uint64_t *hits;
  int64_t row;
  LAM_TRY(lam_scratch_bits(evaluator, slice, false, &hits, error));
  if (argument->expr->kind == LAM_EXPR_COLUMN && contained.size && are_many(slice, active)) {
    struct lam_column *column = &evaluator->columns[argument->column];
    const uint64_t *valid;
    LAM_TRY(lam_column_open(evaluator, column, error));
    const struct lam_view *view = plain_view(column, slice);
    if (view) {
      search(view, slice, contained, hits);
      LAM_TRY(lam_load_valid(evaluator, column, slice, &valid, error));
      return lam_truth_of_hits(evaluator, slice, hits, valid, out, error);
    }
  }
  LAM_TRY(lam_eval_values(evaluator, argument, slice, active, &values, error));
  LAM_EACH_ROW(slice, active, values.valid, row)
  hits[row >> 6] |= (uint64_t)lam_pattern_matches(node->pattern, values.at.b[lam_place(&values, row)]) << (row & 63);
  return lam_truth_of_hits(evaluator, slice, hits, values.valid, out, error);
}
