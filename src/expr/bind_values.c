/* Types of arithmetic, CAST, CASE and functions. */
#include "arrow/cast.h"
#include "arrow/value_text.h"
#include "expr/bind.h"

enum { MOST_DIGITS = 76, DIGITS_128 = 38 };

static struct lam_type decimal_type(int32_t precision, int32_t scale) {
  struct lam_type type = lam_type_simple(precision > DIGITS_128 ? LAM_TYPE_DECIMAL256 : LAM_TYPE_DECIMAL128);
  type.precision = precision;
  type.scale = scale;
  return type;
}

/* The decimal that holds every value of a number type. */
static struct lam_type as_decimal(const struct lam_type *type) {
  static const int32_t digits[] = {
      [LAM_TYPE_INT8] = 3,  [LAM_TYPE_INT16] = 5,  [LAM_TYPE_INT32] = 10,  [LAM_TYPE_INT64] = 19,
      [LAM_TYPE_UINT8] = 3, [LAM_TYPE_UINT16] = 5, [LAM_TYPE_UINT32] = 10, [LAM_TYPE_UINT64] = 20};
  return lam_type_is_decimal(type->id) ? *type : decimal_type(digits[type->id], 0);
}

static int32_t larger(int32_t a, int32_t b) {
  return a > b ? a : b;
}
static int32_t smaller(int32_t a, int32_t b) {
  return a < b ? a : b;
}

/* ---- CAST ---- */

static bool may_cast(const struct lam_type *from, const struct lam_type *to) {
  enum lam_family a = lam_family_of(from->id), b = lam_family_of(to->id);
  if (a == LAM_FAMILY_NONE || b == LAM_FAMILY_NONE) return false;
  if (to->id == LAM_TYPE_STRING_VIEW || to->id == LAM_TYPE_BINARY_VIEW) return false;
  if (a == b || lam_type_is_text(from->id) || lam_type_is_text(to->id)) return true;
  return (a == LAM_FAMILY_BOOL && b == LAM_FAMILY_NUMBER) || (a == LAM_FAMILY_NUMBER && b == LAM_FAMILY_BOOL);
}

enum lam_status lam_bind_cast(struct lam_binder *binder, size_t position, const struct lam_expr *value,
                              const struct lam_type *to, const struct lam_expr **out, struct lam_error *error) {
  *out = value;
  if (lam_type_equal(&value->type, to)) return LAM_OK;
  if (lam_expr_is_null(value) || value->type.id == LAM_TYPE_NULL)
    return lam_bind_null(binder, to, position, out, error);
  if (!may_cast(&value->type, to)) {
    char text[192], name[96];
    return lam_fail(error, LAM_INVALID, "%s cannot be cast to %s (position %zu)",
                    lam_expr_describe(binder, value, text, sizeof text), lam_type_name(to, name, sizeof name),
                    position + 1);
  }
  return lam_bind_node(binder, LAM_EXPR_CAST, 0, position, to, &value, 1, out, error);
}

/* ---- arithmetic ---- */

static enum lam_status need(struct lam_binder *binder, const struct lam_expr *value, bool good, const char *what,
                            size_t position, struct lam_error *error) {
  char text[192];
  if (good || value->type.id == LAM_TYPE_NULL) return LAM_OK;
  return lam_fail(error, LAM_INVALID, "%s at position %zu, found %s", what, position + 1,
                  lam_expr_describe(binder, value, text, sizeof text));
}

static bool is_number(const struct lam_expr *expr) {
  return lam_family_of(expr->type.id) == LAM_FAMILY_NUMBER;
}

/* int64 where both are at most that, uint64 where both are unsigned; false where neither holds both. A literal that is
 * not negative is of either. */
static bool integer_result(const struct lam_expr *a, const struct lam_expr *b, struct lam_type *out) {
  const struct lam_expr *both[2] = {a, b};
  bool all_unsigned = true, all_signed = true, any_unsigned = false;
  for (int i = 0; i < 2; i++) {
    enum lam_type_id id = both[i]->type.id;
    bool small = both[i]->kind == LAM_EXPR_LITERAL && id == LAM_TYPE_INT64 && both[i]->literal.value.i >= 0;
    all_unsigned = all_unsigned && (lam_type_is_unsigned(id) || small);
    any_unsigned = any_unsigned || id == LAM_TYPE_UINT64;
    all_signed = all_signed && id != LAM_TYPE_UINT64;
  }
  *out = lam_type_simple(all_signed ? LAM_TYPE_INT64 : LAM_TYPE_UINT64);
  return all_signed || (all_unsigned && any_unsigned);
}

/* The type that a + b has in SQL's rules for exact numbers; digits before the point give way where 76 do not suffice,
 * and evaluation fails where they would be needed. */
static bool decimal_result(enum lam_arithmetic operation, struct lam_type a, struct lam_type b, struct lam_type *out) {
  int32_t scale = larger(a.scale, b.scale), whole = larger(a.precision - a.scale, b.precision - b.scale);
  int32_t precision = whole + scale + (operation == LAM_MODULO ? 0 : 1);
  if (operation == LAM_MULTIPLY) {
    scale = a.scale + b.scale;
    precision = a.precision + b.precision;
  }
  *out = decimal_type(smaller(larger(precision, 1), MOST_DIGITS), scale);
  return scale <= MOST_DIGITS && scale >= -MOST_DIGITS;
}

enum lam_status lam_bind_arithmetic(struct lam_binder *binder, enum lam_arithmetic operation, size_t position,
                                    const struct lam_expr *a, const struct lam_expr *b, const struct lam_expr **out,
                                    struct lam_error *error) {
  const struct lam_expr *arguments[2] = {a, b};
  struct lam_type type = lam_type_simple(LAM_TYPE_FLOAT64);
  for (int i = 0; i < 2; i++)
    LAM_TRY(need(binder, arguments[i], is_number(arguments[i]), "arithmetic needs numbers", position, error));
  if (a->type.id == LAM_TYPE_NULL || b->type.id == LAM_TYPE_NULL)
    return lam_bind_null(binder, &type, position, out, error);
  bool floats = operation == LAM_DIVIDE || lam_type_is_float(a->type.id) || lam_type_is_float(b->type.id);
  bool integers = lam_type_is_integer(a->type.id) && lam_type_is_integer(b->type.id);
  if (!floats && !(integers && integer_result(a, b, &type)) &&
      !decimal_result(operation, as_decimal(&a->type), as_decimal(&b->type), &type))
    return lam_fail(error, LAM_INVALID, "the result at position %zu would have more than %d digits behind its point",
                    position + 1, MOST_DIGITS);
  return lam_bind_node(binder, LAM_EXPR_ARITHMETIC, (int)operation, position, &type, arguments, 2, out, error);
}

enum lam_status lam_bind_negate(struct lam_binder *binder, size_t position, const struct lam_expr *value,
                                const struct lam_expr **out, struct lam_error *error) {
  LAM_TRY(need(binder, value, is_number(value), "- needs a number", position, error));
  *out = value;
  if (value->type.id == LAM_TYPE_NULL) return LAM_OK;
  struct lam_type type = value->type;
  if (type.id == LAM_TYPE_UINT64) type = as_decimal(&type);
  if (lam_type_is_integer(type.id)) type = lam_type_simple(LAM_TYPE_INT64);
  return lam_bind_node(binder, LAM_EXPR_NEGATE, 0, position, &type, &value, 1, out, error);
}

/* ---- one type for several ---- */

/* The type that holds the values of both; false where there is none. */
static bool common_type(const struct lam_type *a, const struct lam_type *b, struct lam_type *out) {
  enum lam_family family = lam_family_of(a->id);
  if (lam_type_widen(a, b, out)) return true;
  if (family != lam_family_of(b->id)) return false;
  switch (family) {
    case LAM_FAMILY_NUMBER:
      *out = lam_type_simple(LAM_TYPE_FLOAT64);
      if (lam_type_is_float(a->id) || lam_type_is_float(b->id)) return true;
      struct lam_type x = as_decimal(a), y = as_decimal(b);
      int32_t scale = larger(x.scale, y.scale), whole = larger(x.precision - x.scale, y.precision - y.scale);
      *out = decimal_type(smaller(larger(whole + scale, 1), MOST_DIGITS), scale);
      return true;
    case LAM_FAMILY_INSTANT: {
      bool day_a = a->id != LAM_TYPE_TIMESTAMP, day_b = b->id != LAM_TYPE_TIMESTAMP;
      *out = day_a && !day_b ? *b : *a;
      if (day_a && day_b) *out = lam_type_simple(LAM_TYPE_DATE64);
      if (!day_a && !day_b && b->unit > a->unit) out->unit = b->unit;
      if (!day_a && !day_b) out->timezone = "UTC";
      return true;
    }
    case LAM_FAMILY_BYTES: {
      bool large = a->id == LAM_TYPE_LARGE_STRING || a->id == LAM_TYPE_LARGE_BINARY || b->id == LAM_TYPE_LARGE_STRING ||
                   b->id == LAM_TYPE_LARGE_BINARY;
      bool text = lam_type_is_text(a->id) && lam_type_is_text(b->id);
      *out = lam_type_simple(text    ? large ? LAM_TYPE_LARGE_STRING : LAM_TYPE_STRING
                             : large ? LAM_TYPE_LARGE_BINARY
                                     : LAM_TYPE_BINARY);
      return true;
    }
    case LAM_FAMILY_DURATION: *out = a->unit > b->unit ? *a : *b; return true;
    default: return false;
  }
}

/* The common type with one more value; a literal that is of the type already, exactly, does not widen it. */
static enum lam_status widen_by(struct lam_binder *binder, const struct lam_expr *value, struct lam_type *type,
                                struct lam_error *error) {
  struct lam_type wide;
  struct lam_scalar scalar;
  bool exact = false;
  int direction;
  if (value->type.id == LAM_TYPE_NULL) return LAM_OK;
  if (value->kind == LAM_EXPR_LITERAL && type->id != LAM_TYPE_NULL &&
      lam_bind_adapt(binder, value, type, &scalar, &exact, &direction, NULL) == LAM_OK && exact)
    return LAM_OK;
  if (common_type(type, &value->type, &wide)) {
    *type = wide;
    return LAM_OK;
  }
  char text[192], name[96];
  return lam_fail(error, LAM_INVALID, "%s at position %zu does not go with type %s of the others",
                  lam_expr_describe(binder, value, text, sizeof text), value->position + 1,
                  lam_type_name(type, name, sizeof name));
}

/* Brings values to one type: those at first, first + step, … and, where `last`, the last one. */
static enum lam_status unify(struct lam_binder *binder, const struct lam_expr **values, int32_t count, int32_t first,
                             int32_t step, bool last, struct lam_type *out, struct lam_error *error) {
  struct lam_type type = lam_type_simple(LAM_TYPE_NULL);
  for (int pass = 0; pass < 3; pass++) { /* what is not a literal, literals, casts */
    for (int32_t i = first; i < count || (last && i - step < count - 1); i += step) {
      int32_t at = i < count ? i : count - 1;
      bool literal = values[at]->kind == LAM_EXPR_LITERAL;
      if (pass < 2 && literal == (pass == 1)) LAM_TRY(widen_by(binder, values[at], &type, error));
      if (pass < 2) continue;
      struct lam_scalar scalar;
      bool exact = false;
      int direction;
      if (literal && type.id != LAM_TYPE_NULL &&
          lam_bind_adapt(binder, values[at], &type, &scalar, &exact, &direction, NULL) == LAM_OK && exact)
        LAM_TRY(lam_expr_literal(binder->arena, &scalar, values[at]->position, &values[at], error));
      else
        LAM_TRY(lam_bind_cast(binder, values[at]->position, values[at], &type, &values[at], error));
    }
  }
  *out = type;
  return LAM_OK;
}

static enum lam_status copy_arguments(struct lam_binder *binder, const struct lam_expr *const *arguments, int32_t count,
                                      const struct lam_expr ***out, struct lam_error *error) {
  void *memory;
  LAM_TRY(lam_arena_array(binder->arena, (size_t)count, sizeof **out, &memory, error));
  *out = memory;
  for (int32_t i = 0; i < count; i++) (*out)[i] = arguments[i];
  return LAM_OK;
}

enum lam_status lam_bind_case(struct lam_binder *binder, size_t position, const struct lam_expr *const *arguments,
                              int32_t count, const struct lam_expr **out, struct lam_error *error) {
  struct lam_type type;
  const struct lam_expr **list;
  int32_t kept = 0;
  LAM_TRY(copy_arguments(binder, arguments, count, &list, error));
  LAM_TRY(unify(binder, list, count, 1, 2, true, &type, error));
  for (int32_t i = 0; i < count; i += 2) {
    bool constant = i + 1 < count && list[i]->kind == LAM_EXPR_LITERAL;
    bool holds = constant && !list[i]->literal.is_null && list[i]->literal.value.i;
    if (constant && !holds) continue;
    if (holds || i + 1 == count) {
      list[kept++] = list[i + holds];
      break;
    }
    list[kept++] = list[i];
    list[kept++] = list[i + 1];
  }
  *out = list[0];
  if (type.id == LAM_TYPE_NULL) return lam_bind_null(binder, &type, position, out, error);
  return kept == 1 ? LAM_OK : lam_bind_node(binder, LAM_EXPR_CASE, 0, position, &type, list, kept, out, error);
}

/* ---- functions ---- */

/* NULLs at the end or in between do not matter; a literal ends the list. */
static enum lam_status bind_coalesce(struct lam_binder *binder, size_t position,
                                     const struct lam_expr *const *arguments, int32_t count,
                                     const struct lam_expr **out, struct lam_error *error) {
  struct lam_type type;
  const struct lam_expr **list;
  int32_t kept = 0;
  LAM_TRY(copy_arguments(binder, arguments, count, &list, error));
  LAM_TRY(unify(binder, list, count, 0, 1, false, &type, error));
  for (int32_t i = 0; i < count; i++) {
    if (lam_expr_is_null(list[i])) continue;
    list[kept++] = list[i];
    if (list[i]->kind == LAM_EXPR_LITERAL) break;
  }
  if (kept == 0) return lam_bind_null(binder, &type, position, out, error);
  *out = list[0];
  return kept == 1 ? LAM_OK
                   : lam_bind_node(binder, LAM_EXPR_CALL, LAM_COALESCE, position, &type, list, kept, out, error);
}

/* A whole number that a literal holds. */
static bool literal_integer(const struct lam_expr *expr, int64_t least, int64_t most, int64_t *out) {
  if (expr->kind != LAM_EXPR_LITERAL || expr->type.id != LAM_TYPE_INT64 || expr->literal.is_null) return false;
  *out = expr->literal.value.i;
  return *out >= least && *out <= most;
}

/* What abs, round, floor and ceil give. round(x, n) keeps n digits behind the point, which is the type's scale. */
static enum lam_status type_of_rounded(struct lam_binder *binder, enum lam_function function,
                                       const struct lam_expr *const *arguments, int32_t count, size_t position,
                                       struct lam_type *out, struct lam_error *error) {
  const struct lam_type *type = &arguments[0]->type;
  int64_t digits = 0;
  LAM_TRY(need(binder, arguments[0], is_number(arguments[0]), "a number is needed", position, error));
  if (count > 1 && !literal_integer(arguments[1], -MOST_DIGITS, MOST_DIGITS, &digits))
    return lam_fail(error, LAM_INVALID, "the digits of round at position %zu are a whole number from %d to %d",
                    position + 1, -MOST_DIGITS, MOST_DIGITS);
  *out = *type;
  if (function == LAM_ABS && lam_type_is_integer(type->id) && !lam_type_is_unsigned(type->id))
    *out = lam_type_simple(LAM_TYPE_INT64);
  if (function == LAM_ROUND && lam_type_is_integer(type->id))
    *out = lam_type_simple(lam_type_is_unsigned(type->id) ? LAM_TYPE_UINT64 : LAM_TYPE_INT64);
  if (function == LAM_ABS || !lam_type_is_decimal(type->id) || type->scale <= digits) return LAM_OK;
  int32_t scale = larger((int32_t)digits, smaller(type->scale, 0));
  if (digits < 0 && type->scale > 0) scale = 0;
  *out = decimal_type(smaller(larger(type->precision - type->scale, 0) + larger(scale, 0) + 1, MOST_DIGITS), scale);
  return LAM_OK;
}

bool lam_trunc_of_name(struct lam_bytes name, enum lam_trunc *out) {
  static const char *const names[] = {"year", "quarter", "month",  "week",        "day",
                                      "hour", "minute",  "second", "millisecond", "microsecond"};
  for (int i = 0; i <= LAM_TRUNC_MICROSECOND; i++) {
    if (!lam_bytes_equal(name, lam_bytes_of_string(names[i]))) continue;
    *out = (enum lam_trunc)i;
    return true;
  }
  return false;
}

static bool is_clock(enum lam_function function) {
  return function == LAM_HOUR || function == LAM_MINUTE;
}

static enum lam_status type_of_call(struct lam_binder *binder, enum lam_function function,
                                    const struct lam_expr *const *arguments, int32_t count, size_t position,
                                    struct lam_type *out, struct lam_error *error) {
  const struct lam_expr *value = arguments[function == LAM_DATE_TRUNC];
  enum lam_family family = lam_family_of(value->type.id);
  enum lam_trunc unit;
  *out = value->type;
  switch (function) {
    case LAM_ABS:
    case LAM_ROUND:
    case LAM_FLOOR:
    case LAM_CEIL: return type_of_rounded(binder, function, arguments, count, position, out, error);
    case LAM_LENGTH:
      *out = lam_type_simple(LAM_TYPE_INT64);
      return need(binder, value, lam_type_is_binary(value->type.id), "length needs a text", position, error);
    case LAM_SUBSTR:
      for (int32_t i = 1; i < count; i++)
        LAM_TRY(need(binder, arguments[i], lam_type_is_integer(arguments[i]->type.id), "substr counts in whole numbers",
                     position, error));
      return need(binder, value, lam_type_is_binary(value->type.id), "substr needs a text", position, error);
    case LAM_LOWER:
    case LAM_UPPER: return need(binder, value, lam_type_is_text(value->type.id), "a text is needed", position, error);
    case LAM_DATE_TRUNC:
      if (arguments[0]->kind != LAM_EXPR_LITERAL || !lam_trunc_of_name(arguments[0]->literal.bytes, &unit))
        return lam_fail(error, LAM_INVALID,
                        "date_trunc at position %zu needs 'year', 'quarter', 'month', 'week', 'day', 'hour', 'minute', "
                        "'second', 'millisecond' or 'microsecond'",
                        position + 1);
      return need(binder, value, family == LAM_FAMILY_INSTANT, "a date or timestamp is needed", position, error);
    default:
      *out = lam_type_simple(LAM_TYPE_INT64);
      bool good = family == LAM_FAMILY_INSTANT || (is_clock(function) && family == LAM_FAMILY_TIME);
      return need(binder, value, good, "a date or timestamp is needed", position, error);
  }
}

/* Texts that stand for dates and timestamps: year('2025-11-26'). */
static enum lam_status instant_of_text(struct lam_binder *binder, const struct lam_expr **value,
                                       struct lam_error *error) {
  struct lam_scalar scalar;
  if ((*value)->kind != LAM_EXPR_LITERAL || !lam_type_is_text((*value)->type.id) || (*value)->literal.is_null)
    return LAM_OK;
  enum lam_status status = lam_timestamp_parse((*value)->literal.bytes, &scalar, error);
  if (status != LAM_OK) return lam_fail_in(error, status, "the text at position %zu", (*value)->position + 1);
  return lam_expr_literal(binder->arena, &scalar, (*value)->position, value, error);
}

enum lam_status lam_bind_call(struct lam_binder *binder, enum lam_function function, size_t position,
                              const struct lam_expr *const *arguments, int32_t count, const struct lam_expr **out,
                              struct lam_error *error) {
  struct lam_type type, int64 = lam_type_simple(LAM_TYPE_INT64);
  const struct lam_expr **list;
  if (function == LAM_COALESCE) return bind_coalesce(binder, position, arguments, count, out, error);
  LAM_TRY(copy_arguments(binder, arguments, count, &list, error));
  if (function >= LAM_YEAR) LAM_TRY(instant_of_text(binder, &list[function == LAM_DATE_TRUNC], error));
  LAM_TRY(type_of_call(binder, function, list, count, position, &type, error));
  for (int32_t i = 0; i < count; i++) {
    if (lam_expr_is_null(list[i]) || list[i]->type.id == LAM_TYPE_NULL)
      return lam_bind_null(binder, &type, position, out, error);
  }
  for (int32_t i = 1; function == LAM_SUBSTR && i < count; i++)
    LAM_TRY(lam_bind_cast(binder, list[i]->position, list[i], &int64, &list[i], error));
  return lam_bind_node(binder, LAM_EXPR_CALL, (int)function, position, &type, list, count, out, error);
}
