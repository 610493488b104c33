/* Comparisons: kernels for columns with literals in the column's own type and for two columns of one class; one row at
 * a time where the types differ. Only =, < and <= have kernels: the others are what these are not. */
#include <math.h>

#include "arrow/calendar.h"
#include "base/kernel.h"
#include "expr/eval.h"

enum lam_status lam_truth_of_hits(struct lam_evaluator *evaluator, const struct lam_slice *slice, uint64_t *hits,
                                  const uint64_t *valid, struct lam_truth *out, struct lam_error *error) {
  uint64_t *no;
  LAM_TRY(lam_scratch_bits(evaluator, slice, false, &no, error));
  for (int32_t i = 0; i < slice->words; i++) {
    uint64_t mask = valid ? valid[i] : ~(uint64_t)0;
    no[i] = mask & ~hits[i];
    hits[i] &= mask;
  }
  *out = (struct lam_truth){hits, no};
  return LAM_OK;
}

/* ---- kernels ---- */

typedef void literal_kernel(const void *data, const void *literal, int32_t rows, uint64_t *out);
typedef void column_kernel(const void *a, const void *b, int32_t rows, uint64_t *out);

/* `test` of x and y for each row. */
#define KERNEL_LOOP(type, right, test)           \
  for (; rows > 0; rows -= 64, p += 64, out++) { \
    uint8_t bytes[64];                           \
    if (rows >= 64) {                            \
      for (int i = 0; i < 64; i++) {             \
        type x = p[i], y = right;                \
        bytes[i] = test;                         \
      }                                          \
    } else {                                     \
      memset(bytes, 0, sizeof bytes);            \
      for (int i = 0; i < rows; i++) {           \
        type x = p[i], y = right;                \
        bytes[i] = test;                         \
      }                                          \
    }                                            \
    *out = lam_word_of_bytes(bytes);             \
  }
#define LITERAL_KERNEL(name, type, test)                                                            \
  LAM_KERNEL static void name(const void *data, const void *literal, int32_t rows, uint64_t *out) { \
    const type *p = data;                                                                           \
    type value;                                                                                     \
    memcpy(&value, literal, sizeof value);                                                          \
    KERNEL_LOOP(type, value, test)                                                                  \
  }
#define LITERAL_KERNELS(type)                \
  LITERAL_KERNEL(equal_##type, type, x == y) \
  LITERAL_KERNEL(less_##type, type, x < y)   \
  LITERAL_KERNEL(at_most_##type, type, x <= y)
LITERAL_KERNELS(int8_t)
LITERAL_KERNELS(int16_t)
LITERAL_KERNELS(int32_t)
LITERAL_KERNELS(int64_t)
LITERAL_KERNELS(uint8_t)
LITERAL_KERNELS(uint16_t)
LITERAL_KERNELS(uint32_t)
LITERAL_KERNELS(uint64_t)
LITERAL_KERNELS(float)
LITERAL_KERNELS(double)
LITERAL_KERNELS(lam_i128)
/* With NaN, which is above all: y is not looked at. */
LITERAL_KERNEL(is_nan_float, float, (y == y) | (x != x))
LITERAL_KERNEL(is_nan_double, double, (y == y) | (x != x))
LITERAL_KERNEL(no_nan_float, float, (y == y) | (x == x))
LITERAL_KERNEL(no_nan_double, double, (y == y) | (x == x))
LITERAL_KERNEL(always_float, float, (x == x) | (y != y))
LITERAL_KERNEL(always_double, double, (x == x) | (y != y))

#define COLUMN_KERNEL(name, type, test)                                                    \
  LAM_KERNEL static void name(const void *a, const void *b, int32_t rows, uint64_t *out) { \
    const type *p = a, *q = b;                                                             \
    for (; rows > 0; rows -= 64, p += 64, q += 64, out++) {                                \
      uint8_t bytes[64] = {0};                                                             \
      int count = rows < 64 ? rows : 64;                                                   \
      for (int i = 0; i < count; i++) {                                                    \
        type x = p[i], y = q[i];                                                           \
        bytes[i] = test;                                                                   \
      }                                                                                    \
      *out = lam_word_of_bytes(bytes);                                                     \
    }                                                                                      \
  }
COLUMN_KERNEL(columns_equal_i64, int64_t, x == y)
COLUMN_KERNEL(columns_less_i64, int64_t, x < y)
COLUMN_KERNEL(columns_at_most_i64, int64_t, x <= y)
COLUMN_KERNEL(columns_less_u64, uint64_t, x < y)
COLUMN_KERNEL(columns_at_most_u64, uint64_t, x <= y)
COLUMN_KERNEL(columns_equal_f64, double, (x == y) | ((x != x) & (y != y)))
COLUMN_KERNEL(columns_less_f64, double, (x < y) | ((y != y) & (x == x)))
COLUMN_KERNEL(columns_at_most_f64, double, (x <= y) | (y != y))

/* The kernel of a comparison, and whether its result is to be turned around. */
enum kernel_test { EQUAL, LESS, AT_MOST };
struct test {
  enum kernel_test kernel;
  bool negated;
};
static struct test test_of(int comparison) {
  static const struct test tests[] = {
      [LAM_EQ] = {EQUAL, false}, [LAM_NE] = {EQUAL, true},    [LAM_LT] = {LESS, false},
      [LAM_GE] = {LESS, true},   [LAM_LE] = {AT_MOST, false}, [LAM_GT] = {AT_MOST, true}};
  return tests[comparison];
}
static bool passes(int order, enum kernel_test test) {
  return test == EQUAL ? order == 0 : test == LESS ? order < 0 : order <= 0;
}

/* ---- columns and literals ---- */

static literal_kernel *kernel_of(const struct lam_scalar *literal, enum kernel_test test) {
#define KERNELS(type) \
  { equal_##type, less_##type, at_most_##type }
  static literal_kernel *const integers[2][4][3] = {
      {KERNELS(int8_t), KERNELS(int16_t), KERNELS(int32_t), KERNELS(int64_t)},
      {KERNELS(uint8_t), KERNELS(uint16_t), KERNELS(uint32_t), KERNELS(uint64_t)}};
  static literal_kernel *const floats[2][3] = {KERNELS(float), KERNELS(double)};
  static literal_kernel *const decimals[3] = KERNELS(lam_i128);
  static literal_kernel *const nans[2][3] = {{is_nan_float, no_nan_float, always_float},
                                             {is_nan_double, no_nan_double, always_double}};
#undef KERNELS
  const struct lam_type *type = &literal->type;
  bool nan = lam_type_is_float(type->id) && isnan(literal->value.d);
  switch (type->id) {
    case LAM_TYPE_FLOAT32: return nan ? nans[0][test] : floats[0][test];
    case LAM_TYPE_FLOAT64: return nan ? nans[1][test] : floats[1][test];
    case LAM_TYPE_DECIMAL128: return decimals[test];
    case LAM_TYPE_FLOAT16:
    case LAM_TYPE_DECIMAL256:
    case LAM_TYPE_BOOL: return NULL;
    default: break;
  }
  int bits = lam_type_bits(type);
  if (lam_family_of(type->id) == LAM_FAMILY_BYTES) return NULL;
  int width = bits == 8 ? 0 : bits == 16 ? 1 : bits == 32 ? 2 : 3;
  return integers[lam_type_is_unsigned(type->id)][width][test];
}

/* In the column's own type, without a copy; *done is false where there is no kernel for it. */
static enum lam_status compare_native(struct lam_evaluator *evaluator, struct lam_node *node,
                                      const struct lam_slice *slice, enum kernel_test test, uint64_t *hits,
                                      const uint64_t **valid, bool *done, struct lam_error *error) {
  const struct lam_expr *a = node->expr->arguments[0], *b = node->expr->arguments[1];
  *done = false;
  if (a->kind != LAM_EXPR_COLUMN || b->kind != LAM_EXPR_LITERAL || b->literal.is_null) return LAM_OK;
  literal_kernel *kernel = kernel_of(&b->literal, test);
  if (!kernel) return LAM_OK;
  struct lam_column *column = &evaluator->columns[node->arguments[0].column];
  LAM_TRY(lam_column_open(evaluator, column, error));
  const void *data = lam_load_native(column, slice);
  if (!data || !lam_type_equal(&a->type, &b->literal.type)) return LAM_OK;
  float single = (float)b->literal.value.d;
  kernel(data, b->literal.type.id == LAM_TYPE_FLOAT32 ? (const void *)&single : &b->literal.value, slice->rows, hits);
  *done = true;
  return lam_load_valid(evaluator, column, slice, valid, error);
}

/* ---- values of one class ---- */

static bool same_scale(const struct lam_type *a, const struct lam_type *b) {
  enum lam_family family = lam_family_of(a->id);
  if (family == LAM_FAMILY_NUMBER) return !lam_type_is_decimal(a->id) || a->scale == b->scale;
  if (family == LAM_FAMILY_BOOL || family == LAM_FAMILY_BYTES) return true;
  return (a->id == b->id && a->unit == b->unit) || (family == LAM_FAMILY_TIME && a->unit == b->unit);
}

static int compare_bytes(struct lam_bytes a, struct lam_bytes b) {
  size_t size = a.size < b.size ? a.size : b.size;
  int order = size ? memcmp(a.data, b.data, size) : 0;
  return order ? order : (a.size > b.size) - (a.size < b.size);
}

static bool kernel_for_values(const struct lam_slice *slice, const struct lam_values *a, const struct lam_values *b,
                              enum kernel_test test, uint64_t *hits) {
  static column_kernel *const kernels[3][3] = {
      [LAM_CLASS_I64] = {columns_equal_i64, columns_less_i64, columns_at_most_i64},
      [LAM_CLASS_U64] = {columns_equal_i64, columns_less_u64, columns_at_most_u64},
      [LAM_CLASS_F64] = {columns_equal_f64, columns_less_f64, columns_at_most_f64}};
  if (a->class > LAM_CLASS_F64 || a->constant) return false;
  if (!b->constant) {
    kernels[a->class][test](a->at.any, b->at.any, slice->rows, hits);
    return true;
  }
  if (a->class == LAM_CLASS_F64 && isnan(*b->at.d)) return false;
  static literal_kernel *const literals[3][3] = {[LAM_CLASS_I64] = {equal_int64_t, less_int64_t, at_most_int64_t},
                                                 [LAM_CLASS_U64] = {equal_uint64_t, less_uint64_t, at_most_uint64_t},
                                                 [LAM_CLASS_F64] = {equal_double, less_double, at_most_double}};
  literals[a->class][test](a->at.any, b->at.any, slice->rows, hits);
  return true;
}

static void equal_bytes(const struct lam_slice *slice, const uint64_t *active, const struct lam_values *a,
                        const struct lam_values *b, uint64_t *hits) {
  int64_t row;
  LAM_EACH_ROW(slice, active, a->valid, row) {
    struct lam_bytes x = a->at.b[lam_place(a, row)], y = b->at.b[lam_place(b, row)];
    bool equal = x.size == y.size && (x.size == 0 || (x.data[0] == y.data[0] && !memcmp(x.data, y.data, x.size)));
    hits[row >> 6] |= (uint64_t)equal << (row & 63);
  }
}

/* ---- values of two types ---- */

static int compare_doubles(double a, double b) {
  if (isnan(a) || isnan(b)) return (isnan(a) != 0) - (isnan(b) != 0);
  return (a > b) - (a < b);
}

/* An integer of 64 bits, of either sign, with a double, exactly. */
static int compare_integer_double(lam_i128 a, double b) {
  if (a >= -((lam_i128)1 << 53) && a <= (lam_i128)1 << 53) return compare_doubles((double)(int64_t)a, b);
  if (isnan(b) || b >= 0x1p64) return -1;
  if (b < -0x1p63) return 1;
  double whole = floor(b);
  lam_i128 integer = (lam_i128)whole;
  if (a != integer) return a < integer ? -1 : 1;
  return b > whole ? -1 : 0;
}

/* Instants, times of day and durations in the finest unit, as nanoseconds. */
static lam_i128 nanoseconds(const struct lam_type *type, int64_t value) {
  static const int64_t per_unit[] = {1000000000, 1000000, 1000, 1};
  if (type->id == LAM_TYPE_DATE32) return (lam_i128)value * LAM_SECONDS_OF_DAY * 1000000000;
  if (type->id == LAM_TYPE_DATE64) return (lam_i128)value * 1000000;
  return (lam_i128)value * per_unit[type->unit];
}

static lam_i128 integer_at(const struct lam_values *values, int64_t place) {
  return values->class == LAM_CLASS_U64 ? (lam_i128)values->at.u[place] : (lam_i128)values->at.i[place];
}

static struct lam_int256 decimal_at(const struct lam_values *values, int64_t place) {
  if (values->class == LAM_CLASS_DECIMAL) return values->at.w[place];
  return values->class == LAM_CLASS_U64 ? lam_int256_of_unsigned(values->at.u[place])
                                        : lam_int256_of(values->at.i[place]);
}

/* The nearest double. */
static double double_at(const struct lam_values *values, const struct lam_type *type, int64_t place) {
  struct lam_type to = lam_type_simple(LAM_TYPE_FLOAT64);
  struct lam_scalar from = {.type = *type}, out;
  bool exact;
  int direction;
  if (values->class == LAM_CLASS_F64) return values->at.d[place];
  memcpy(from.value.decimal, &values->at.w[place], sizeof from.value.decimal);
  if (lam_scalar_cast(&from, &to, NULL, &out, &exact, &direction, NULL) != LAM_OK) return 0;
  return out.value.d;
}

static int compare_numbers(const struct lam_values *a, const struct lam_type *type_a, int64_t i,
                           const struct lam_values *b, const struct lam_type *type_b, int64_t k) {
  bool float_a = a->class == LAM_CLASS_F64, float_b = b->class == LAM_CLASS_F64;
  bool decimal = a->class == LAM_CLASS_DECIMAL || b->class == LAM_CLASS_DECIMAL;
  if (float_a || float_b) {
    if (decimal || float_a == float_b) return compare_doubles(double_at(a, type_a, i), double_at(b, type_b, k));
    return float_b ? compare_integer_double(integer_at(a, i), b->at.d[k])
                   : -compare_integer_double(integer_at(b, k), a->at.d[i]);
  }
  if (decimal) {
    struct lam_int256 x = decimal_at(a, i), y = decimal_at(b, k);
    return lam_int256_compare_scaled(&x, lam_type_is_decimal(type_a->id) ? type_a->scale : 0, &y,
                                     lam_type_is_decimal(type_b->id) ? type_b->scale : 0);
  }
  lam_i128 x = integer_at(a, i), y = integer_at(b, k);
  return (x > y) - (x < y);
}

static void compare_rows(const struct lam_slice *slice, const uint64_t *active, const struct lam_expr *expr,
                         const struct lam_values *a, const struct lam_values *b, enum kernel_test test,
                         uint64_t *hits) {
  const struct lam_type *type_a = &expr->arguments[0]->type, *type_b = &expr->arguments[1]->type;
  enum lam_family family = lam_family_of(type_a->id);
  int64_t row;
  LAM_EACH_ROW(slice, active, a->valid, row) {
    int64_t i = lam_place(a, row), k = lam_place(b, row);
    int order;
    if (family == LAM_FAMILY_BYTES) {
      order = compare_bytes(a->at.b[i], b->at.b[k]);
    } else if (family == LAM_FAMILY_NUMBER) {
      order = compare_numbers(a, type_a, i, b, type_b, k);
    } else if (same_scale(type_a, type_b)) {
      order = (a->at.i[i] > b->at.i[k]) - (a->at.i[i] < b->at.i[k]);
    } else {
      lam_i128 x = nanoseconds(type_a, a->at.i[i]), y = nanoseconds(type_b, b->at.i[k]);
      order = (x > y) - (x < y);
    }
    hits[row >> 6] |= (uint64_t)passes(order, test) << (row & 63);
  }
}

static enum lam_status compare_values(struct lam_evaluator *evaluator, struct lam_node *node,
                                      const struct lam_slice *slice, const uint64_t *active, enum kernel_test test,
                                      uint64_t *hits, const uint64_t **valid, struct lam_error *error) {
  const struct lam_expr *expr = node->expr;
  const struct lam_type *type_a = &expr->arguments[0]->type, *type_b = &expr->arguments[1]->type;
  struct lam_values a, b;
  LAM_TRY(lam_eval_values(evaluator, &node->arguments[0], slice, active, &a, error));
  LAM_TRY(lam_eval_values(evaluator, &node->arguments[1], slice, active, &b, error));
  LAM_TRY(lam_both_valid(evaluator, slice, a.valid, b.valid, valid, error));
  a.valid = *valid;
  if (a.class == b.class && same_scale(type_a, type_b)) {
    if (kernel_for_values(slice, &a, &b, test, hits)) return LAM_OK;
    if (a.class == LAM_CLASS_BYTES && test == EQUAL) {
      equal_bytes(slice, active, &a, &b, hits);
      return LAM_OK;
    }
  }
  compare_rows(slice, active, expr, &a, &b, test, hits);
  return LAM_OK;
}

enum lam_status lam_eval_compare(struct lam_evaluator *evaluator, struct lam_node *node, const struct lam_slice *slice,
                                 const uint64_t *active, struct lam_truth *out, struct lam_error *error) {
  struct test test = test_of(node->expr->operation);
  const uint64_t *valid = NULL;
  uint64_t *hits;
  bool done;
  LAM_TRY(lam_scratch_bits(evaluator, slice, false, &hits, error));
  LAM_TRY(compare_native(evaluator, node, slice, test.kernel, hits, &valid, &done, error));
  if (!done) LAM_TRY(compare_values(evaluator, node, slice, active, test.kernel, hits, &valid, error));
  LAM_TRY(lam_truth_of_hits(evaluator, slice, hits, valid, out, error));
  if (test.negated) *out = (struct lam_truth){out->no, out->yes};
  return LAM_OK;
}
