#include "expr/tree.h"

#include <assert.h>

#include "arrow/value_text.h"

const struct lam_function_info lam_functions[] = {
    [LAM_COALESCE] = {"coalesce", 1, -1}, [LAM_ABS] = {"abs", 1, 1},       [LAM_ROUND] = {"round", 1, 2},
    [LAM_FLOOR] = {"floor", 1, 1},        [LAM_CEIL] = {"ceil", 1, 1},     [LAM_LOWER] = {"lower", 1, 1},
    [LAM_UPPER] = {"upper", 1, 1},        [LAM_LENGTH] = {"length", 1, 1}, [LAM_SUBSTR] = {"substr", 2, 3},
    [LAM_YEAR] = {"year", 1, 1},          [LAM_MONTH] = {"month", 1, 1},   [LAM_DAY] = {"day", 1, 1},
    [LAM_HOUR] = {"hour", 1, 1},          [LAM_MINUTE] = {"minute", 1, 1}, [LAM_DATE_TRUNC] = {"date_trunc", 2, 2},
};

/* ---- nodes ---- */

enum lam_status lam_expr_new(struct lam_arena *arena, enum lam_expr_kind kind, int operation, size_t position,
                             int32_t count, struct lam_expr **out, struct lam_error *error) {
  void *memory;
  *out = NULL;
  LAM_TRY(lam_arena_array(arena, 1, sizeof **out, &memory, error));
  struct lam_expr *expr = memory;
  *expr = (struct lam_expr){.kind = kind, .operation = operation, .position = position, .count = count};
  expr->type = expr->literal.type = lam_type_simple(LAM_TYPE_NULL);
  if (count) {
    LAM_TRY(lam_arena_array(arena, (size_t)count, sizeof *expr->arguments, &memory, error));
    expr->arguments = memory;
  }
  *out = expr;
  return LAM_OK;
}

enum lam_status lam_expr_literal(struct lam_arena *arena, const struct lam_scalar *value, size_t position,
                                 const struct lam_expr **out, struct lam_error *error) {
  struct lam_expr *expr;
  *out = NULL;
  LAM_TRY(lam_expr_new(arena, LAM_EXPR_LITERAL, 0, position, 0, &expr, error));
  expr->literal = *value;
  expr->type = value->type;
  *out = expr;
  return LAM_OK;
}

enum lam_status lam_expr_of_one(struct lam_arena *arena, enum lam_expr_kind kind, int operation, size_t position,
                                const struct lam_expr *argument, const struct lam_expr **out, struct lam_error *error) {
  struct lam_expr *expr;
  *out = NULL;
  LAM_TRY(lam_expr_new(arena, kind, operation, position, 1, &expr, error));
  expr->arguments[0] = argument;
  *out = expr;
  return LAM_OK;
}

enum lam_status lam_expr_of_two(struct lam_arena *arena, enum lam_expr_kind kind, int operation, size_t position,
                                const struct lam_expr *a, const struct lam_expr *b, const struct lam_expr **out,
                                struct lam_error *error) {
  struct lam_expr *expr;
  *out = NULL;
  LAM_TRY(lam_expr_new(arena, kind, operation, position, 2, &expr, error));
  expr->arguments[0] = a;
  expr->arguments[1] = b;
  *out = expr;
  return LAM_OK;
}

enum lam_status lam_expr_of_many(struct lam_arena *arena, enum lam_expr_kind kind, size_t position,
                                 const struct lam_expr *const *arguments, int32_t count, const struct lam_expr **out,
                                 struct lam_error *error) {
  struct lam_expr *expr;
  int64_t total = 0;
  *out = NULL;
  for (int32_t i = 0; i < count; i++) total += arguments[i]->kind == kind ? arguments[i]->count : 1;
  if (total > INT32_MAX) return lam_fail(error, LAM_INVALID, "an expression has too many parts");
  LAM_TRY(lam_expr_new(arena, kind, 0, position, (int32_t)total, &expr, error));
  assert(expr->arguments); /* of nothing there is no AND */
  expr->type = lam_type_simple(LAM_TYPE_BOOL);
  int32_t n = 0;
  for (int32_t i = 0; i < count; i++) {
    if (arguments[i]->kind != kind) expr->arguments[n++] = arguments[i];
    for (int32_t k = 0; arguments[i]->kind == kind && k < arguments[i]->count; k++)
      expr->arguments[n++] = arguments[i]->arguments[k];
  }
  *out = expr;
  return LAM_OK;
}

/* ---- literals ---- */

/* Digits before and after the point, without the zeros at the front. */
static void measure(struct lam_bytes digits, int32_t *precision, int32_t *scale) {
  bool fraction = false, leading = true;
  *precision = *scale = 0;
  for (size_t i = 0; i < digits.size; i++) {
    if (digits.data[i] == '.') {
      fraction = true;
      continue;
    }
    *scale += fraction;
    if (digits.data[i] != '0') leading = false;
    if (!leading) ++*precision;
  }
  if (*precision < *scale) *precision = *scale;
  if (*precision == 0) *precision = 1;
}

static enum lam_status parse_decimal(struct lam_bytes digits, struct lam_scalar *out, struct lam_error *error) {
  struct lam_type type = lam_type_simple(LAM_TYPE_DECIMAL128);
  enum { MOST = 76 };
  char quoted[72];
  if (digits.size > INT32_MAX / 2) return lam_fail(error, LAM_INVALID, "a number of %zu digits", digits.size);
  measure(digits, &type.precision, &type.scale);
  if (type.precision > MOST)
    return lam_fail(error, LAM_INVALID, "the number %s has %d digits; decimals have %d at most",
                    lam_text_quote(digits, quoted, sizeof quoted), type.precision, MOST);
  if (type.precision > 38) type.id = LAM_TYPE_DECIMAL256;
  *out = (struct lam_scalar){.type = type};
  LAM_TRY(lam_value_parse(&type, digits, out->value.decimal, error));
  if (type.id == LAM_TYPE_DECIMAL128) memset(out->value.decimal + 16, out->value.decimal[15] & 0x80 ? 0xff : 0, 16);
  return LAM_OK;
}

static bool has_any(struct lam_bytes text, const char *characters) {
  for (size_t i = 0; i < text.size; i++) {
    if (text.data[i] && strchr(characters, text.data[i])) return true;
  }
  return false;
}

enum lam_status lam_number_parse(struct lam_bytes digits, struct lam_scalar *out, struct lam_error *error) {
  struct lam_type i64 = lam_type_simple(LAM_TYPE_INT64), u64 = lam_type_simple(LAM_TYPE_UINT64);
  *out = (struct lam_scalar){.type = i64};
  if (has_any(digits, "eEnN")) { /* an exponent; nan, inf */
    out->type = lam_type_simple(LAM_TYPE_FLOAT64);
    return lam_value_parse(&out->type, digits, &out->value.d, error);
  }
  if (has_any(digits, ".")) {
    bool negative = digits.size && *digits.data == '-';
    struct lam_bytes rest = {digits.data + negative, digits.size - negative};
    LAM_TRY(parse_decimal(rest, out, error));
    struct lam_scalar positive = *out;
    return negative ? lam_number_negate(&positive, out, error) : LAM_OK;
  }
  if (!lam_value_scan(&i64, digits, &out->value.i)) return LAM_OK;
  out->type = u64;
  if (!lam_value_scan(&u64, digits, &out->value.u)) return LAM_OK;
  bool negative = digits.size && *digits.data == '-';
  struct lam_bytes rest = {digits.data + negative, digits.size - negative};
  LAM_TRY(parse_decimal(rest, out, error));
  struct lam_scalar positive = *out;
  return negative ? lam_number_negate(&positive, out, error) : LAM_OK;
}

static bool has_zone(struct lam_bytes text) {
  for (size_t i = 10; i < text.size; i++) { /* behind the date */
    uint8_t c = text.data[i] | 32;
    if (c == 'z' || c == 'u' || text.data[i] == '+' || text.data[i] == '-') return true;
  }
  return false;
}

enum lam_status lam_timestamp_parse(struct lam_bytes text, struct lam_scalar *out, struct lam_error *error) {
  struct lam_type type = {.id = LAM_TYPE_TIMESTAMP, .unit = LAM_UNIT_MICRO, .timezone = has_zone(text) ? "UTC" : ""};
  *out = (struct lam_scalar){.type = type};
  if (!lam_value_scan(&type, text, &out->value.i)) return LAM_OK;
  out->type.unit = LAM_UNIT_NANO;
  if (!lam_value_scan(&out->type, text, &out->value.i)) return LAM_OK;
  out->type = type;
  return lam_value_parse(&type, text, &out->value.i, error);
}

static void negate_decimal(uint8_t *value) {
  unsigned carry = 1;
  for (int i = 0; i < 32; i++) {
    carry += (uint8_t)~value[i];
    value[i] = (uint8_t)carry;
    carry >>= 8;
  }
}

enum lam_status lam_number_negate(const struct lam_scalar *value, struct lam_scalar *out, struct lam_error *error) {
  static const char *const least = "9223372036854775808";
  *out = *value;
  if (value->is_null) return LAM_OK;
  switch (value->type.id) {
    case LAM_TYPE_FLOAT64: out->value.d = -value->value.d; return LAM_OK;
    case LAM_TYPE_DECIMAL128:
    case LAM_TYPE_DECIMAL256: negate_decimal(out->value.decimal); return LAM_OK;
    case LAM_TYPE_INT64:
      if (!__builtin_sub_overflow(0, value->value.i, &out->value.i)) return LAM_OK;
      out->type = lam_type_simple(LAM_TYPE_UINT64);
      return lam_value_parse(&out->type, lam_bytes_of_string(least), &out->value.u, error);
    default: break;
  }
  if (value->value.u <= (uint64_t)INT64_MAX + 1) {
    out->type = lam_type_simple(LAM_TYPE_INT64);
    out->value.i = (int64_t)(0 - value->value.u);
    return LAM_OK;
  }
  char digits[24];
  size_t size = lam_uint_format(value->value.u, digits);
  LAM_TRY(parse_decimal(lam_bytes_of(digits, size), out, error));
  negate_decimal(out->value.decimal);
  return LAM_OK;
}
