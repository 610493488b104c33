/* + - * / % and the sign. Integers and decimals are exact or fail, floats are IEEE 754's. */
#include <math.h>
#include <stdio.h>

#include "base/kernel.h"
#include "expr/eval.h"

static const char *const names[] = {
    [LAM_ADD] = "+", [LAM_SUBTRACT] = "-", [LAM_MULTIPLY] = "*", [LAM_DIVIDE] = "/", [LAM_MODULO] = "%"};

/* What both sides have, in one class; the result is of the class too. */
struct operands {
  struct lam_values a, b;
  const struct lam_type *type_a, *type_b, *type;
  enum lam_arithmetic operation;
};

static double double_of(const struct lam_values *values, const struct lam_type *type, int64_t row) {
  int64_t i = lam_place(values, row);
  struct lam_scalar from = {.type = *type}, out;
  struct lam_type to = lam_type_simple(LAM_TYPE_FLOAT64);
  bool exact;
  int direction;
  switch (values->class) {
    case LAM_CLASS_F64: return values->at.d[i];
    case LAM_CLASS_I64: return (double)values->at.i[i];
    case LAM_CLASS_U64: return (double)values->at.u[i];
    default: break;
  }
  memcpy(from.value.decimal, &values->at.w[i], sizeof from.value.decimal);
  return lam_scalar_cast(&from, &to, NULL, &out, &exact, &direction, NULL) == LAM_OK ? out.value.d : 0;
}

/* An operand as one double for each row. */
static enum lam_status doubles_of(struct lam_evaluator *evaluator, const struct lam_slice *slice,
                                  const struct lam_values *values, const struct lam_type *type, const double **out,
                                  struct lam_error *error) {
  void *memory;
  if (values->class == LAM_CLASS_F64 && !values->constant) {
    *out = values->at.d;
    return LAM_OK;
  }
  LAM_TRY(lam_scratch(evaluator, (size_t)slice->rows * 8, &memory, error));
  double *to = memory;
  if (values->constant) {
    double value = double_of(values, type, 0);
    for (int32_t i = 0; i < slice->rows; i++) to[i] = value;
  } else {
    for (int32_t i = 0; i < slice->rows; i++) to[i] = double_of(values, type, i);
  }
  *out = to;
  return LAM_OK;
}

LAM_KERNEL static void compute_doubles(enum lam_arithmetic operation, const double *a, const double *b, int32_t rows,
                                       double *out) {
  switch (operation) {
    case LAM_ADD:
      for (int32_t i = 0; i < rows; i++) out[i] = a[i] + b[i];
      break;
    case LAM_SUBTRACT:
      for (int32_t i = 0; i < rows; i++) out[i] = a[i] - b[i];
      break;
    case LAM_MULTIPLY:
      for (int32_t i = 0; i < rows; i++) out[i] = a[i] * b[i];
      break;
    case LAM_DIVIDE:
      for (int32_t i = 0; i < rows; i++) out[i] = a[i] / b[i];
      break;
    case LAM_MODULO:
      for (int32_t i = 0; i < rows; i++) out[i] = fmod(a[i], b[i]);
      break;
  }
}

/* NULL, or what went wrong. */
static const char *const overflow = "is out of range";
static const char *const by_zero = "divides by zero";

static const char *compute_i64(enum lam_arithmetic operation, int64_t a, int64_t b, int64_t *out) {
  switch (operation) {
    case LAM_ADD: return __builtin_add_overflow(a, b, out) ? overflow : NULL;
    case LAM_SUBTRACT: return __builtin_sub_overflow(a, b, out) ? overflow : NULL;
    case LAM_MULTIPLY: return __builtin_mul_overflow(a, b, out) ? overflow : NULL;
    default: break;
  }
  if (b == 0) return by_zero;
  *out = b == -1 ? 0 : a % b;
  return NULL;
}

static const char *compute_u64(enum lam_arithmetic operation, uint64_t a, uint64_t b, uint64_t *out) {
  switch (operation) {
    case LAM_ADD: return __builtin_add_overflow(a, b, out) ? overflow : NULL;
    case LAM_SUBTRACT: return __builtin_sub_overflow(a, b, out) ? overflow : NULL;
    case LAM_MULTIPLY: return __builtin_mul_overflow(a, b, out) ? overflow : NULL;
    default: break;
  }
  if (b == 0) return by_zero;
  *out = a % b;
  return NULL;
}

static const char *compute_decimal(enum lam_arithmetic operation, const struct lam_int256 *a,
                                   const struct lam_int256 *b, const struct lam_type *type, struct lam_int256 *out) {
  struct lam_int256 quotient;
  bool lost = false;
  switch (operation) {
    case LAM_ADD: lost = lam_int256_add(a, b, out); break;
    case LAM_SUBTRACT: lost = lam_int256_subtract(a, b, out); break;
    case LAM_MULTIPLY: lost = lam_int256_multiply(a, b, out); break;
    default:
      if (lam_int256_is_zero(b)) return by_zero;
      lam_int256_divide(a, b, &quotient, out);
      break;
  }
  return lost || !lam_int256_has_digits(out, type->precision) ? overflow : NULL;
}

static int32_t scale_of(const struct lam_type *type) {
  return lam_type_is_decimal(type->id) ? type->scale : 0;
}

static struct lam_int256 decimal_of(const struct lam_values *values, int64_t row) {
  int64_t i = lam_place(values, row);
  if (values->class == LAM_CLASS_DECIMAL) return values->at.w[i];
  return values->class == LAM_CLASS_U64 ? lam_int256_of_unsigned(values->at.u[i]) : lam_int256_of(values->at.i[i]);
}

/* Sums need both at the scale of the result; products have it of themselves. */
static const char *decimal_row(const struct operands *operands, int64_t row, struct lam_int256 *out) {
  struct lam_int256 a = decimal_of(&operands->a, row), b = decimal_of(&operands->b, row);
  if (operands->operation != LAM_MULTIPLY) {
    bool lost = lam_int256_rescale(&a, scale_of(operands->type_a), operands->type->scale, LAM_HALF_AWAY, &a) ||
                lam_int256_rescale(&b, scale_of(operands->type_b), operands->type->scale, LAM_HALF_AWAY, &b);
    if (lost) return overflow;
  }
  return compute_decimal(operands->operation, &a, &b, operands->type, out);
}

static const char *compute_row(const struct operands *operands, enum lam_class class, int64_t row, void *out) {
  int64_t i = lam_place(&operands->a, row), k = lam_place(&operands->b, row);
  if (class == LAM_CLASS_I64)
    return compute_i64(operands->operation, operands->a.at.i[i], operands->b.at.i[k], (int64_t *)out + row);
  if (class == LAM_CLASS_U64) /* a literal is held as int64, and not negative */
    return compute_u64(operands->operation, operands->a.at.u[i], operands->b.at.u[k], (uint64_t *)out + row);
  return decimal_row(operands, row, (struct lam_int256 *)out + row);
}

static enum lam_status describe(const struct operands *operands, const struct lam_slice *slice, int64_t row,
                                const char *wrong, struct lam_error *error) {
  const struct lam_values *values[2] = {&operands->a, &operands->b};
  const struct lam_type *types[2] = {operands->type_a, operands->type_b};
  char text[2][40];
  for (int k = 0; k < 2; k++) { /* about as large */
    double value = double_of(values[k], types[k], row);
    int64_t i = lam_place(values[k], row);
    if (values[k]->class == LAM_CLASS_I64)
      snprintf(text[k], sizeof text[k], "%lld", (long long)values[k]->at.i[i]);
    else if (values[k]->class == LAM_CLASS_U64)
      snprintf(text[k], sizeof text[k], "%llu", (unsigned long long)values[k]->at.u[i]);
    else
      snprintf(text[k], sizeof text[k], "%.17g", value);
  }
  return lam_row_fail(slice, row, error, "%s %s %s %s", text[0], names[operands->operation], text[1], wrong);
}

enum lam_status lam_eval_arithmetic(struct lam_evaluator *evaluator, struct lam_node *node,
                                    const struct lam_slice *slice, const uint64_t *active, struct lam_values *out,
                                    struct lam_error *error) {
  const struct lam_expr *expr = node->expr;
  struct operands operands = {.type_a = &expr->arguments[0]->type,
                              .type_b = &expr->arguments[1]->type,
                              .type = &expr->type,
                              .operation = (enum lam_arithmetic)expr->operation};
  enum lam_class class = lam_class_of(expr->type.id);
  void *memory;
  int64_t row;
  LAM_TRY(lam_eval_values(evaluator, &node->arguments[0], slice, active, &operands.a, error));
  LAM_TRY(lam_eval_values(evaluator, &node->arguments[1], slice, active, &operands.b, error));
  *out = (struct lam_values){.class = class};
  LAM_TRY(lam_both_valid(evaluator, slice, operands.a.valid, operands.b.valid, &out->valid, error));
  size_t width = class == LAM_CLASS_DECIMAL ? sizeof(struct lam_int256) : 8;
  LAM_TRY(lam_scratch(evaluator, (size_t)slice->rows * width, &memory, error));
  memset(memory, 0, (size_t)slice->rows * width);
  out->at.any = memory;
  if (class == LAM_CLASS_F64) {
    const double *a, *b;
    LAM_TRY(doubles_of(evaluator, slice, &operands.a, operands.type_a, &a, error));
    LAM_TRY(doubles_of(evaluator, slice, &operands.b, operands.type_b, &b, error));
    compute_doubles(operands.operation, a, b, slice->rows, memory);
    return LAM_OK;
  }
  LAM_EACH_ROW(slice, active, out->valid, row) {
    const char *wrong = compute_row(&operands, class, row, memory);
    if (wrong) return describe(&operands, slice, row, wrong, error);
  }
  return LAM_OK;
}

enum lam_status lam_eval_negate(struct lam_evaluator *evaluator, struct lam_node *node, const struct lam_slice *slice,
                                const uint64_t *active, struct lam_values *out, struct lam_error *error) {
  enum lam_class class = lam_class_of(node->expr->type.id);
  struct lam_values values;
  void *memory;
  int64_t row;
  LAM_TRY(lam_eval_values(evaluator, &node->arguments[0], slice, active, &values, error));
  size_t width = class == LAM_CLASS_DECIMAL ? sizeof(struct lam_int256) : 8;
  LAM_TRY(lam_scratch(evaluator, (size_t)slice->rows * width, &memory, error));
  memset(memory, 0, (size_t)slice->rows * width);
  *out = (struct lam_values){.class = class, .valid = values.valid, .at.any = memory};
  LAM_EACH_ROW(slice, active, values.valid, row) {
    int64_t i = lam_place(&values, row);
    if (class == LAM_CLASS_F64) {
      ((double *)memory)[row] = -values.at.d[i];
    } else if (class == LAM_CLASS_DECIMAL) {
      struct lam_int256 value = decimal_of(&values, row);
      ((struct lam_int256 *)memory)[row] = lam_int256_negate(&value);
    } else if (__builtin_sub_overflow((int64_t)0, values.at.i[i], (int64_t *)memory + row)) {
      return lam_row_fail(slice, row, error, "-(%lld) is out of range", (long long)values.at.i[i]);
    }
  }
  return LAM_OK;
}
