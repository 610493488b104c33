/* Batches in slices, logic, CASE, and predicates that are evaluated once for each dictionary entry. */
#include "expr/eval.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include "arrow/value_text.h"
#include "base/kernel.h"

enum lam_class lam_class_of(enum lam_type_id id) {
  if (lam_type_is_unsigned(id)) return LAM_CLASS_U64;
  if (lam_type_is_float(id)) return LAM_CLASS_F64;
  if (lam_type_is_decimal(id)) return LAM_CLASS_DECIMAL;
  return lam_family_of(id) == LAM_FAMILY_BYTES ? LAM_CLASS_BYTES : LAM_CLASS_I64;
}

enum lam_status lam_row_fail(const struct lam_slice *slice, int64_t row, struct lam_error *error, const char *format,
                             ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  row += slice->first;
  if (!slice->names) return lam_fail(error, LAM_INVALID, "row %lld of a batch: %s", (long long)row, text);
  row = slice->names->first + (slice->names->rows ? slice->names->rows[row] : row);
  return lam_fail(error, LAM_INVALID, "%s, row %lld: %s", slice->names->of, (long long)row, text);
}

/* ---- scratch ---- */

enum lam_status lam_scratch(struct lam_evaluator *evaluator, size_t size, void **out, struct lam_error *error) {
  struct lam_scratch *scratch = &evaluator->scratch;
  enum { FIRST = 1 << 16 };
  size = lam_round_up(size ? size : 1, 64);
  *out = NULL;
  while (true) {
    int i = scratch->block;
    if (!scratch->blocks[i].data) {
      size_t room = i ? scratch->blocks[i - 1].size * 2 : FIRST;
      void *memory;
      if (room < size) room = size;
      LAM_TRY(lam_alloc(evaluator->mem, room, &memory, error));
      scratch->blocks[i].data = memory;
      scratch->blocks[i].size = room;
    }
    if (scratch->blocks[i].size - scratch->used >= size) break;
    if (i + 1 == LAM_SCRATCH_BLOCKS)
      return lam_fail(error, LAM_LIMIT, "evaluating an expression takes too much memory");
    scratch->block++;
    scratch->used = 0;
  }
  *out = scratch->blocks[scratch->block].data + scratch->used;
  scratch->used += size;
  assert(*out);
  return LAM_OK;
}

static struct lam_scratch_mark scratch_mark(const struct lam_evaluator *evaluator) {
  return (struct lam_scratch_mark){evaluator->scratch.block, evaluator->scratch.used};
}
static void scratch_return(struct lam_evaluator *evaluator, struct lam_scratch_mark mark) {
  evaluator->scratch.block = mark.block;
  evaluator->scratch.used = mark.used;
}

enum lam_status lam_scratch_bits(struct lam_evaluator *evaluator, const struct lam_slice *slice, bool set,
                                 uint64_t **out, struct lam_error *error) {
  void *memory;
  LAM_TRY(lam_scratch(evaluator, (size_t)slice->words * 8, &memory, error));
  *out = memory;
  memset(memory, set ? 0xff : 0, (size_t)slice->words * 8);
  if (set && slice->rows % 64) (*out)[slice->words - 1] = ((uint64_t)1 << slice->rows % 64) - 1;
  return LAM_OK;
}

enum lam_status lam_both_valid(struct lam_evaluator *evaluator, const struct lam_slice *slice, const uint64_t *a,
                               const uint64_t *b, const uint64_t **out, struct lam_error *error) {
  uint64_t *bits;
  *out = a ? a : b;
  if (!a || !b) return LAM_OK;
  LAM_TRY(lam_scratch_bits(evaluator, slice, false, &bits, error));
  for (int32_t i = 0; i < slice->words; i++) bits[i] = a[i] & b[i];
  *out = bits;
  return LAM_OK;
}

static bool any_bit(const uint64_t *bits, int32_t words) {
  uint64_t all = 0;
  for (int32_t i = 0; i < words; i++) all |= bits[i];
  return all != 0;
}

static enum lam_status new_truth(struct lam_evaluator *evaluator, const struct lam_slice *slice, struct lam_truth *out,
                                 struct lam_error *error) {
  LAM_TRY(lam_scratch_bits(evaluator, slice, false, &out->yes, error));
  return lam_scratch_bits(evaluator, slice, false, &out->no, error);
}

/* ---- logic ---- */

/* An OR is the NOT of the AND of NOTs: yes and no change places. */
static enum lam_status eval_logic(struct lam_evaluator *evaluator, struct lam_node *node, const struct lam_slice *slice,
                                  const uint64_t *active, struct lam_truth *out, struct lam_error *error) {
  bool is_or = node->expr->kind == LAM_EXPR_OR;
  uint64_t *yes, *no, *left;
  LAM_TRY(lam_scratch_bits(evaluator, slice, true, &yes, error));
  LAM_TRY(lam_scratch_bits(evaluator, slice, false, &no, error));
  LAM_TRY(lam_scratch_bits(evaluator, slice, false, &left, error));
  memcpy(left, active, (size_t)slice->words * 8);
  for (int32_t i = 0; i < node->expr->count; i++) {
    struct lam_truth truth;
    LAM_TRY(lam_eval_truth(evaluator, &node->arguments[i], slice, left, &truth, error));
    const uint64_t *y = is_or ? truth.no : truth.yes, *n = is_or ? truth.yes : truth.no;
    for (int32_t w = 0; w < slice->words; w++) {
      /* What is decided stays so, whatever the argument says of rows that it was not asked for. */
      no[w] |= n[w] & left[w];
      yes[w] &= y[w] & ~no[w];
      left[w] &= ~no[w];
    }
    if (!any_bit(left, slice->words)) break;
  }
  *out = is_or ? (struct lam_truth){no, yes} : (struct lam_truth){yes, no};
  return LAM_OK;
}

static enum lam_status eval_is_null(struct lam_evaluator *evaluator, struct lam_node *node,
                                    const struct lam_slice *slice, const uint64_t *active, struct lam_truth *out,
                                    struct lam_error *error) {
  struct lam_node *argument = &node->arguments[0];
  const uint64_t *valid = NULL;
  LAM_TRY(new_truth(evaluator, slice, out, error));
  if (argument->expr->kind == LAM_EXPR_COLUMN) {
    LAM_TRY(lam_column_open(evaluator, &evaluator->columns[argument->column], error));
    LAM_TRY(lam_load_valid(evaluator, &evaluator->columns[argument->column], slice, &valid, error));
  } else if (argument->expr->type.id == LAM_TYPE_BOOL) {
    struct lam_truth truth;
    LAM_TRY(lam_eval_truth(evaluator, argument, slice, active, &truth, error));
    for (int32_t i = 0; i < slice->words; i++) truth.yes[i] |= truth.no[i];
    valid = truth.yes;
  } else {
    struct lam_values values;
    LAM_TRY(lam_eval_values(evaluator, argument, slice, active, &values, error));
    valid = values.valid;
  }
  for (int32_t i = 0; i < slice->words; i++) {
    out->no[i] = valid ? valid[i] : ~(uint64_t)0;
    out->yes[i] = ~out->no[i];
  }
  return LAM_OK;
}

/* A value of type bool as a condition. */
static enum lam_status truth_of_values(struct lam_evaluator *evaluator, struct lam_node *node,
                                       const struct lam_slice *slice, const uint64_t *active, struct lam_truth *out,
                                       struct lam_error *error) {
  struct lam_values values;
  uint64_t *hits;
  LAM_TRY(lam_eval_values(evaluator, node, slice, active, &values, error));
  LAM_TRY(lam_scratch_bits(evaluator, slice, false, &hits, error));
  for (int32_t i = 0; i < slice->rows; i++)
    hits[i >> 6] |= (uint64_t)(values.at.i[lam_place(&values, i)] != 0) << (i & 63);
  return lam_truth_of_hits(evaluator, slice, hits, values.valid, out, error);
}

static enum lam_status values_of_truth(struct lam_evaluator *evaluator, struct lam_node *node,
                                       const struct lam_slice *slice, const uint64_t *active, struct lam_values *out,
                                       struct lam_error *error) {
  struct lam_truth truth;
  void *memory;
  LAM_TRY(lam_eval_truth(evaluator, node, slice, active, &truth, error));
  LAM_TRY(lam_scratch(evaluator, (size_t)slice->rows * 8, &memory, error));
  int64_t *values = memory;
  assert(values);
  for (int32_t i = 0; i < slice->rows; i++) values[i] = lam_word_bit(truth.yes, i);
  for (int32_t i = 0; i < slice->words; i++) truth.no[i] |= truth.yes[i];
  *out = (struct lam_values){.class = LAM_CLASS_I64, .valid = truth.no, .at.i = values};
  return LAM_OK;
}

/* ---- dictionaries ---- */

/* The node's outcomes for a slice of entries, or for NULL, into its table. */
static enum lam_status outcomes_of_slice(struct lam_evaluator *evaluator, struct lam_node *node,
                                         const struct lam_slice *slice, struct lam_error *error) {
  struct lam_scratch_mark mark = scratch_mark(evaluator);
  struct lam_truth truth;
  uint64_t *active;
  LAM_TRY(lam_scratch_bits(evaluator, slice, true, &active, error));
  LAM_TRY(lam_eval_truth(evaluator, node, slice, active, &truth, error));
  for (int32_t i = 0; i < slice->rows; i++)
    node->outcomes[slice->first + i] = (uint8_t)(lam_word_bit(truth.yes, i) | lam_word_bit(truth.no, i) << 1);
  scratch_return(evaluator, mark);
  return LAM_OK;
}

static enum lam_status make_outcomes(struct lam_evaluator *evaluator, struct lam_node *node, int64_t entries,
                                     struct lam_error *error) {
  size_t room = (size_t)entries + 1;
  void *memory;
  if (room > node->outcomes_room) {
    lam_free(evaluator->mem, node->outcomes, node->outcomes_room);
    node->outcomes = NULL;
    node->outcomes_room = 0;
    LAM_TRY(lam_alloc(evaluator->mem, room, &memory, error));
    node->outcomes = memory;
    node->outcomes_room = room;
  }
  for (int64_t first = 0; first < entries; first += LAM_SLICE) {
    int32_t rows = (int32_t)lam_min_i64(LAM_SLICE, entries - first);
    struct lam_slice slice = {LAM_OF_DICTIONARY, first, rows, (rows + 63) / 64, NULL};
    LAM_TRY(outcomes_of_slice(evaluator, node, &slice, error));
  }
  struct lam_slice null = {LAM_OF_NULL, entries, 1, 1, NULL};
  LAM_TRY(outcomes_of_slice(evaluator, node, &null, error));
  node->has_outcomes = true;
  return LAM_OK;
}

/* What stands between two rows keeps the compiler from gathering instructions, which cost more; see parquet/gather.c.
 */
static inline void gather_bytes(const uint8_t *outcomes, const int32_t *indices, uint32_t entries, int32_t count,
                                uint8_t *to) {
  for (int32_t i = 0; i < count; i++) {
    uint32_t index = (uint32_t)indices[i];
    to[i] = outcomes[index < entries ? index : entries];
    __asm__ volatile("");
  }
}

LAM_KERNEL static void split_outcomes(const uint8_t *found, uint64_t *yes, uint64_t *no) {
  uint8_t y[64], n[64];
  for (int i = 0; i < 64; i++) {
    y[i] = found[i] & 1;
    n[i] = found[i] >> 1;
  }
  *yes = lam_word_of_bytes(y);
  *no = lam_word_of_bytes(n);
}

static void gather_outcomes(const uint8_t *outcomes, const int32_t *indices, uint32_t entries, int32_t rows,
                            uint64_t *yes, uint64_t *no) {
  uint8_t found[64] = {0};
  for (; rows >= 64; rows -= 64, indices += 64) {
    gather_bytes(outcomes, indices, entries, 64, found);
    split_outcomes(found, yes++, no++);
  }
  if (rows == 0) return;
  memset(found, 0, sizeof found);
  gather_bytes(outcomes, indices, entries, rows, found);
  split_outcomes(found, yes, no);
}

/* The rows' indices in 32 bits; those that do not fit become none. */
static enum lam_status indices_of_slice(struct lam_evaluator *evaluator, const struct lam_column *column,
                                        const struct lam_slice *slice, const int32_t **out, struct lam_error *error) {
  void *memory;
  if (column->view.type.id == LAM_TYPE_INT32) {
    *out = (const int32_t *)column->view.data + column->view.offset + slice->first;
    return LAM_OK;
  }
  LAM_TRY(lam_scratch(evaluator, (size_t)slice->rows * 4, &memory, error));
  int32_t *indices = memory;
  for (int32_t i = 0; i < slice->rows; i++) {
    int64_t index = lam_view_index(&column->view, slice->first + i);
    indices[i] = index >= 0 && index <= INT32_MAX ? (int32_t)index : -1;
  }
  *out = indices;
  return LAM_OK;
}

static enum lam_status truth_by_dictionary(struct lam_evaluator *evaluator, struct lam_node *node,
                                           const struct lam_column *column, const struct lam_slice *slice,
                                           struct lam_truth *out, struct lam_error *error) {
  const int32_t *indices;
  const uint64_t *valid;
  int64_t entries = column->dictionary.length;
  if (!node->has_outcomes) LAM_TRY(make_outcomes(evaluator, node, entries, error));
  LAM_TRY(new_truth(evaluator, slice, out, error));
  LAM_TRY(indices_of_slice(evaluator, column, slice, &indices, error));
  gather_outcomes(node->outcomes, indices, (uint32_t)entries, slice->rows, out->yes, out->no);
  LAM_TRY(lam_load_valid(evaluator, column, slice, &valid, error));
  if (!valid) return LAM_OK;
  uint64_t null_yes = node->outcomes[entries] & 1 ? ~(uint64_t)0 : 0;
  uint64_t null_no = node->outcomes[entries] & 2 ? ~(uint64_t)0 : 0;
  for (int32_t i = 0; i < slice->words; i++) {
    out->yes[i] = (out->yes[i] & valid[i]) | (null_yes & ~valid[i]);
    out->no[i] = (out->no[i] & valid[i]) | (null_no & ~valid[i]);
  }
  return LAM_OK;
}

/* The dictionary-encoded column that alone decides the node, whose entries are not many more than the rows; or NULL. */
static enum lam_status dictionary_of(struct lam_evaluator *evaluator, const struct lam_node *node,
                                     const struct lam_slice *slice, const struct lam_column **out,
                                     struct lam_error *error) {
  *out = NULL;
  if (slice->source != LAM_OF_ROWS || node->column < 0 || node->may_fail || node->expr->kind == LAM_EXPR_LITERAL)
    return LAM_OK;
  struct lam_column *column = &evaluator->columns[node->column];
  LAM_TRY(lam_column_open(evaluator, column, error));
  if (column->is_dictionary && column->dictionary.length <= lam_max_i64(evaluator->batch->length, LAM_SLICE) &&
      column->dictionary.length < INT32_MAX)
    *out = column;
  return LAM_OK;
}

/* ---- CASE and coalesce ---- */

static size_t width_of(enum lam_class class) {
  static const size_t widths[] = {[LAM_CLASS_I64] = 8,
                                  [LAM_CLASS_U64] = 8,
                                  [LAM_CLASS_F64] = 8,
                                  [LAM_CLASS_DECIMAL] = sizeof(struct lam_int256),
                                  [LAM_CLASS_BYTES] = sizeof(struct lam_bytes)};
  return widths[class];
}

/* Values that come from several nodes. */
struct blend {
  uint8_t *values;
  uint64_t *valid;
  size_t width;
};

static enum lam_status blend_open(struct lam_evaluator *evaluator, const struct lam_slice *slice, enum lam_class class,
                                  struct blend *blend, struct lam_values *out, struct lam_error *error) {
  void *memory;
  blend->width = width_of(class);
  LAM_TRY(lam_scratch(evaluator, (size_t)slice->rows * blend->width, &memory, error));
  memset(memory, 0, (size_t)slice->rows * blend->width);
  blend->values = memory;
  LAM_TRY(lam_scratch_bits(evaluator, slice, false, &blend->valid, error));
  *out = (struct lam_values){.class = class, .valid = blend->valid, .at.any = memory};
  return LAM_OK;
}

/* Takes the rows of `rows`. */
static void blend_rows(struct blend *blend, const struct lam_slice *slice, const struct lam_values *from,
                       const uint64_t *rows) {
  int64_t row;
  const uint8_t *values = from->at.any;
  for (int32_t i = 0; i < slice->words; i++) blend->valid[i] |= rows[i] & (from->valid ? from->valid[i] : ~(uint64_t)0);
  LAM_EACH_ROW(slice, rows, from->valid, row)
  memcpy(blend->values + (size_t)row * blend->width, values + (size_t)lam_place(from, row) * blend->width,
         blend->width);
}

static enum lam_status eval_case(struct lam_evaluator *evaluator, struct lam_node *node, const struct lam_slice *slice,
                                 const uint64_t *active, struct lam_values *out, struct lam_error *error) {
  struct blend blend;
  uint64_t *left, *take;
  int32_t count = node->expr->count;
  LAM_TRY(blend_open(evaluator, slice, lam_class_of(node->expr->type.id), &blend, out, error));
  LAM_TRY(lam_scratch_bits(evaluator, slice, false, &left, error));
  LAM_TRY(lam_scratch_bits(evaluator, slice, false, &take, error));
  memcpy(left, active, (size_t)slice->words * 8);
  for (int32_t i = 0; i < count && any_bit(left, slice->words); i += 2) {
    bool otherwise = i + 1 == count;
    struct lam_truth truth = {NULL, NULL};
    struct lam_values values;
    if (!otherwise) LAM_TRY(lam_eval_truth(evaluator, &node->arguments[i], slice, left, &truth, error));
    for (int32_t w = 0; w < slice->words; w++) take[w] = otherwise ? left[w] : left[w] & truth.yes[w];
    if (!any_bit(take, slice->words)) continue;
    LAM_TRY(lam_eval_values(evaluator, &node->arguments[otherwise ? i : i + 1], slice, take, &values, error));
    blend_rows(&blend, slice, &values, take);
    for (int32_t w = 0; w < slice->words; w++) left[w] &= ~take[w];
  }
  return LAM_OK;
}

static enum lam_status eval_coalesce(struct lam_evaluator *evaluator, struct lam_node *node,
                                     const struct lam_slice *slice, const uint64_t *active, struct lam_values *out,
                                     struct lam_error *error) {
  struct blend blend;
  uint64_t *left;
  LAM_TRY(blend_open(evaluator, slice, lam_class_of(node->expr->type.id), &blend, out, error));
  LAM_TRY(lam_scratch_bits(evaluator, slice, false, &left, error));
  memcpy(left, active, (size_t)slice->words * 8);
  for (int32_t i = 0; i < node->expr->count && any_bit(left, slice->words); i++) {
    struct lam_values values;
    LAM_TRY(lam_eval_values(evaluator, &node->arguments[i], slice, left, &values, error));
    blend_rows(&blend, slice, &values, left);
    for (int32_t w = 0; w < slice->words; w++) left[w] &= ~blend.valid[w];
  }
  return LAM_OK;
}

/* ---- nodes ---- */

/* Conditions have outcomes, not values. */
static bool is_condition(const struct lam_expr *expr) {
  switch (expr->kind) {
    case LAM_EXPR_COMPARE:
    case LAM_EXPR_AND:
    case LAM_EXPR_OR:
    case LAM_EXPR_NOT:
    case LAM_EXPR_IN:
    case LAM_EXPR_LIKE:
    case LAM_EXPR_IS_NULL: return true;
    default: return false;
  }
}

enum lam_status lam_eval_truth(struct lam_evaluator *evaluator, struct lam_node *node, const struct lam_slice *slice,
                               const uint64_t *active, struct lam_truth *out, struct lam_error *error) {
  const struct lam_column *dictionary;
  LAM_TRY(dictionary_of(evaluator, node, slice, &dictionary, error));
  if (dictionary) return truth_by_dictionary(evaluator, node, dictionary, slice, out, error);
  switch (node->expr->kind) {
    case LAM_EXPR_COMPARE: return lam_eval_compare(evaluator, node, slice, active, out, error);
    case LAM_EXPR_AND:
    case LAM_EXPR_OR: return eval_logic(evaluator, node, slice, active, out, error);
    case LAM_EXPR_NOT: {
      struct lam_truth truth;
      LAM_TRY(lam_eval_truth(evaluator, &node->arguments[0], slice, active, &truth, error));
      *out = (struct lam_truth){truth.no, truth.yes};
      return LAM_OK;
    }
    case LAM_EXPR_IN: return lam_eval_in(evaluator, node, slice, active, out, error);
    case LAM_EXPR_LIKE: return lam_eval_like(evaluator, node, slice, active, out, error);
    case LAM_EXPR_IS_NULL: return eval_is_null(evaluator, node, slice, active, out, error);
    default: return truth_of_values(evaluator, node, slice, active, out, error);
  }
}

enum lam_status lam_eval_values(struct lam_evaluator *evaluator, struct lam_node *node, const struct lam_slice *slice,
                                const uint64_t *active, struct lam_values *out, struct lam_error *error) {
  if (is_condition(node->expr)) return values_of_truth(evaluator, node, slice, active, out, error);
  switch (node->expr->kind) {
    case LAM_EXPR_LITERAL: return lam_load_literal(evaluator, &node->expr->literal, slice, out, error);
    case LAM_EXPR_COLUMN:
      LAM_TRY(lam_column_open(evaluator, &evaluator->columns[node->column], error));
      return lam_load(evaluator, &evaluator->columns[node->column], slice, out, error);
    case LAM_EXPR_ARITHMETIC: return lam_eval_arithmetic(evaluator, node, slice, active, out, error);
    case LAM_EXPR_NEGATE: return lam_eval_negate(evaluator, node, slice, active, out, error);
    case LAM_EXPR_CASE: return eval_case(evaluator, node, slice, active, out, error);
    case LAM_EXPR_CAST: return lam_eval_cast(evaluator, node, slice, active, out, error);
    default: break;
  }
  if (node->expr->operation == LAM_COALESCE) return eval_coalesce(evaluator, node, slice, active, out, error);
  return lam_eval_call(evaluator, node, slice, active, out, error);
}

/* ---- opening ---- */

static bool same_path(const struct lam_expr *a, const struct lam_expr *b) {
  return a->depth == b->depth && !memcmp(a->path, b->path, (size_t)a->depth * sizeof *a->path);
}

static int32_t column_of(struct lam_evaluator *evaluator, const struct lam_expr *expr) {
  int32_t i = 0;
  while (i < evaluator->column_count && !same_path(evaluator->columns[i].expr, expr)) i++;
  if (i == evaluator->column_count) evaluator->columns[evaluator->column_count++].expr = expr;
  return i;
}

static bool can_fail(const struct lam_expr *expr) {
  if (expr->kind == LAM_EXPR_ARITHMETIC || expr->kind == LAM_EXPR_NEGATE || expr->kind == LAM_EXPR_CAST) return true;
  return expr->kind == LAM_EXPR_CALL &&
         (expr->operation == LAM_ABS || expr->operation == LAM_ROUND || expr->operation == LAM_FLOOR ||
          expr->operation == LAM_CEIL || expr->operation == LAM_DATE_TRUNC);
}

enum { NO_COLUMN = -1, SEVERAL_COLUMNS = -2 };

static enum lam_status open_node(struct lam_evaluator *evaluator, const struct lam_expr *expr, struct lam_node *node,
                                 struct lam_error *error) {
  void *memory;
  *node = (struct lam_node){.expr = expr, .column = NO_COLUMN, .may_fail = can_fail(expr)};
  if (expr->kind == LAM_EXPR_COLUMN) node->column = column_of(evaluator, expr);
  if (expr->kind == LAM_EXPR_LIKE)
    LAM_TRY(lam_pattern_create(&evaluator->arena, expr->arguments[1]->literal.bytes,
                               expr->count > 2 ? expr->arguments[2]->literal.bytes : (struct lam_bytes){NULL, 0},
                               &node->pattern, error));
  if (expr->kind == LAM_EXPR_IN) LAM_TRY(lam_set_create(evaluator, expr, &node->set, error));
  int32_t count = expr->kind == LAM_EXPR_IN || expr->kind == LAM_EXPR_LIKE ? 1 : expr->count;
  if (count == 0) return LAM_OK;
  LAM_TRY(lam_arena_array(&evaluator->arena, (size_t)count, sizeof *node, &memory, error));
  node->arguments = memory;
  for (int32_t i = 0; i < count; i++) {
    struct lam_node *argument = &node->arguments[i];
    LAM_TRY(open_node(evaluator, expr->arguments[i], argument, error));
    node->may_fail |= argument->may_fail;
    if (argument->column == NO_COLUMN) continue;
    node->column = node->column == NO_COLUMN || node->column == argument->column ? argument->column : SEVERAL_COLUMNS;
  }
  return LAM_OK;
}

static void count_column(void *user, const struct lam_expr *column) {
  (void)column;
  ++*(int32_t *)user;
}

enum lam_status lam_evaluator_open(struct lam_mem *mem, const struct lam_expr *expr, const struct ArrowSchema *schema,
                                   struct lam_evaluator **out, struct lam_error *error) {
  void *memory;
  int32_t columns = 0;
  *out = NULL;
  LAM_TRY(lam_alloc_zero(mem, sizeof **out, &memory, error));
  struct lam_evaluator *evaluator = memory;
  evaluator->mem = mem;
  evaluator->schema = schema;
  lam_arena_init(&evaluator->arena, mem);
  lam_expr_columns(expr, count_column, &columns);
  enum lam_status status =
      lam_arena_array(&evaluator->arena, (size_t)columns, sizeof *evaluator->columns, &memory, error);
  evaluator->columns = memory;
  if (status == LAM_OK) status = open_node(evaluator, expr, &evaluator->root, error);
  if (status != LAM_OK) {
    lam_evaluator_close(evaluator);
    return status;
  }
  *out = evaluator;
  return LAM_OK;
}

/* Calls `each` for the node and all below it. */
static void visit(struct lam_evaluator *evaluator, struct lam_node *node,
                  void (*each)(struct lam_evaluator *evaluator, struct lam_node *node)) {
  int32_t count =
      !node->expr || node->expr->kind == LAM_EXPR_IN || node->expr->kind == LAM_EXPR_LIKE ? 1 : node->expr->count;
  each(evaluator, node);
  for (int32_t i = 0; node->arguments && i < count; i++) visit(evaluator, &node->arguments[i], each);
}

static void free_outcomes(struct lam_evaluator *evaluator, struct lam_node *node) {
  lam_free(evaluator->mem, node->outcomes, node->outcomes_room);
  node->outcomes = NULL;
}
static void forget_outcomes(struct lam_evaluator *evaluator, struct lam_node *node) {
  (void)evaluator;
  node->has_outcomes = false;
}

void lam_evaluator_close(struct lam_evaluator *evaluator) {
  if (!evaluator) return;
  struct lam_mem *mem = evaluator->mem;
  visit(evaluator, &evaluator->root, free_outcomes);
  for (int32_t i = 0; i < evaluator->column_count; i++)
    lam_free(mem, evaluator->columns[i].merged, evaluator->columns[i].merged_room);
  for (int i = 0; i < LAM_SCRATCH_BLOCKS; i++)
    lam_free(mem, evaluator->scratch.blocks[i].data, evaluator->scratch.blocks[i].size);
  lam_arena_release(&evaluator->arena);
  lam_free(mem, evaluator, sizeof *evaluator);
}

/* ---- batches ---- */

static void begin_batch(struct lam_evaluator *evaluator, const struct ArrowArray *batch) {
  evaluator->batch = batch;
  for (int32_t i = 0; i < evaluator->column_count; i++) evaluator->columns[i].ready = false;
  visit(evaluator, &evaluator->root, forget_outcomes);
}

static struct lam_slice slice_at(const struct lam_evaluator *evaluator, int64_t first) {
  int32_t rows = (int32_t)lam_min_i64(LAM_SLICE, evaluator->batch->length - first);
  return (struct lam_slice){LAM_OF_ROWS, first, rows, (rows + 63) / 64, evaluator->names};
}

enum lam_status lam_evaluate_condition(struct lam_evaluator *evaluator, const struct ArrowArray *batch,
                                       uint8_t *selection, int64_t *selected, struct lam_error *error) {
  *selected = 0;
  begin_batch(evaluator, batch);
  for (int64_t first = 0; first < batch->length; first += LAM_SLICE) {
    struct lam_slice slice = slice_at(evaluator, first);
    struct lam_truth truth;
    uint64_t *active;
    scratch_return(evaluator, (struct lam_scratch_mark){0, 0});
    LAM_TRY(lam_scratch_bits(evaluator, &slice, true, &active, error));
    LAM_TRY(lam_eval_truth(evaluator, &evaluator->root, &slice, active, &truth, error));
    for (int32_t i = 0; i < slice.words; i++) truth.yes[i] &= active[i];
    memcpy(selection + first / 8, truth.yes, (size_t)(slice.rows + 7) / 8);
  }
  *selected = batch->length ? lam_bits_count(selection, 0, batch->length) : 0;
  return LAM_OK;
}

/* ---- results ---- */

static enum lam_status put_fixed(struct lam_builder *builder, const struct lam_values *values, int64_t at,
                                 struct lam_error *error) {
  switch (values->class) {
    case LAM_CLASS_F64: {
      float single = (float)values->at.d[at];
      uint16_t half;
      if (builder->type.id == LAM_TYPE_FLOAT64) return lam_builder_fixed(builder, &values->at.d[at], error);
      if (builder->type.id == LAM_TYPE_FLOAT32) return lam_builder_fixed(builder, &single, error);
      half = lam_half_of_double(values->at.d[at]);
      return lam_builder_fixed(builder, &half, error);
    }
    case LAM_CLASS_DECIMAL: return lam_builder_fixed(builder, &values->at.w[at], error);
    case LAM_CLASS_BYTES:
      if (builder->type.id == LAM_TYPE_FIXED_BINARY) return lam_builder_fixed(builder, values->at.b[at].data, error);
      return lam_builder_bytes(builder, values->at.b[at], error);
    default: /* the low bytes come first */
      if (builder->type.id == LAM_TYPE_BOOL) return lam_builder_bool(builder, values->at.i[at] != 0, error);
      return lam_builder_fixed(builder, &values->at.i[at], error);
  }
}

static enum lam_status put_slice(struct lam_builder *builder, const struct lam_slice *slice,
                                 const struct lam_values *values, struct lam_error *error) {
  for (int32_t i = 0; i < slice->rows; i++) {
    if (!lam_values_valid(values, i))
      LAM_TRY(lam_builder_null(builder, error));
    else
      LAM_TRY(put_fixed(builder, values, lam_place(values, i), error));
  }
  return LAM_OK;
}

static enum lam_status evaluate(struct lam_evaluator *evaluator, const struct ArrowArray *batch,
                                struct lam_builder *builder, struct lam_error *error) {
  begin_batch(evaluator, batch);
  for (int64_t first = 0; first < batch->length; first += LAM_SLICE) {
    struct lam_slice slice = slice_at(evaluator, first);
    struct lam_values values;
    uint64_t *active;
    scratch_return(evaluator, (struct lam_scratch_mark){0, 0});
    LAM_TRY(lam_scratch_bits(evaluator, &slice, true, &active, error));
    LAM_TRY(lam_eval_values(evaluator, &evaluator->root, &slice, active, &values, error));
    LAM_TRY(put_slice(builder, &slice, &values, error));
  }
  return LAM_OK;
}

enum lam_status lam_evaluate(struct lam_evaluator *evaluator, const struct ArrowArray *batch, struct ArrowArray *out,
                             struct lam_error *error) {
  struct lam_builder builder;
  out->release = NULL;
  LAM_TRY(lam_builder_init(&builder, evaluator->mem, &evaluator->root.expr->type, error));
  enum lam_status status = evaluate(evaluator, batch, &builder, error);
  if (status == LAM_OK) status = lam_builder_finish(&builder, out, error);
  lam_builder_release(&builder);
  return status;
}

void lam_evaluator_name_rows(struct lam_evaluator *evaluator, const struct lam_row_names *names) {
  evaluator->names = names;
}
