/* Functions, but coalesce. */
#include <math.h>

#include "arrow/calendar.h"
#include "arrow/value_text.h"
#include "expr/eval.h"

/* One call for the rows of a slice. */
struct call {
  struct lam_evaluator *evaluator;
  const struct lam_slice *slice;
  const struct lam_expr *expr;
  enum lam_function function;
  const struct lam_type *type; /* of the first argument that is a value */
  struct lam_values arguments[3];
  enum lam_trunc unit;
  int64_t digits; /* of round */
  void *out;
};

static const char *const out_of_range = "is out of range";

static enum lam_status refuse(const struct call *call, int64_t row, struct lam_error *error) {
  return lam_row_fail(call->slice, row, error, "the result of %s %s", lam_functions[call->function].name, out_of_range);
}

/* ---- numbers ---- */

static int32_t scale_of(const struct lam_type *type) {
  return lam_type_is_decimal(type->id) ? type->scale : 0;
}

static double round_double(const struct call *call, double value) {
  switch (call->function) {
    case LAM_ABS: return fabs(value);
    case LAM_FLOOR: return floor(value);
    case LAM_CEIL: return ceil(value);
    default: break;
  }
  double power = pow(10, (double)(call->digits < 0 ? -call->digits : call->digits));
  double scaled = call->digits < 0 ? value / power : value * power;
  if (!isfinite(scaled)) return value; /* it has no digits there, or is not a number */
  return call->digits < 0 ? round(scaled) * power : round(scaled) / power;
}

/* Rounds a number of scale `from` to `digits`, held at scale `to`. */
static bool round_exact(const struct call *call, struct lam_int256 *value, int32_t from, int32_t to) {
  static const enum lam_rounding roundings[] = {
      [LAM_ROUND] = LAM_HALF_AWAY, [LAM_FLOOR] = LAM_TOWARDS_FLOOR, [LAM_CEIL] = LAM_TOWARDS_CEIL};
  int32_t digits = (int32_t)call->digits;
  if (call->function == LAM_ABS) {
    if (lam_int256_negative(value)) *value = lam_int256_negate(value);
    return true;
  }
  if (digits > from) digits = from;
  return !lam_int256_rescale(value, from, digits, roundings[call->function], value) &&
         !lam_int256_rescale(value, digits, to, LAM_HALF_AWAY, value);
}

static bool number_row(const struct call *call, int64_t row) {
  const struct lam_values *values = &call->arguments[0];
  int64_t i = lam_place(values, row);
  const struct lam_type *type = &call->expr->type;
  struct lam_int256 value;
  if (values->class == LAM_CLASS_F64) {
    double result = round_double(call, values->at.d[i]);
    ((double *)call->out)[row] = result;
    return true;
  }
  if (values->class == LAM_CLASS_DECIMAL)
    value = values->at.w[i];
  else
    value = values->class == LAM_CLASS_U64 ? lam_int256_of_unsigned(values->at.u[i]) : lam_int256_of(values->at.i[i]);
  if (!round_exact(call, &value, scale_of(call->type), scale_of(type))) return false;
  if (values->class == LAM_CLASS_DECIMAL) {
    ((struct lam_int256 *)call->out)[row] = value;
    return lam_int256_has_digits(&value, type->precision);
  }
  struct lam_int256 least = lam_int256_of(values->class == LAM_CLASS_U64 ? 0 : INT64_MIN);
  struct lam_int256 most =
      values->class == LAM_CLASS_U64 ? lam_int256_of_unsigned(UINT64_MAX) : lam_int256_of(INT64_MAX);
  ((uint64_t *)call->out)[row] = value.limbs[0];
  return lam_int256_compare(&value, &least) >= 0 && lam_int256_compare(&value, &most) <= 0;
}

/* ---- texts ---- */

/* ASCII letters only: others have lengths and rules of their own. */
static enum lam_status change_case(const struct call *call, int64_t row, struct lam_bytes *out,
                                   struct lam_error *error) {
  struct lam_bytes text = call->arguments[0].at.b[lam_place(&call->arguments[0], row)];
  char first = call->function == LAM_LOWER ? 'A' : 'a';
  void *memory;
  LAM_TRY(lam_scratch(call->evaluator, text.size, &memory, error));
  uint8_t *to = memory;
  for (size_t i = 0; i < text.size; i++)
    to[i] = text.data[i] >= first && text.data[i] < first + 26 ? text.data[i] ^ 0x20 : text.data[i];
  *out = lam_bytes_of(to, text.size);
  return LAM_OK;
}

/* Code points; what is no UTF-8 counts as bytes. */
static size_t step(struct lam_bytes text) {
  size_t length = lam_utf8_length(text);
  return length ? length : 1;
}

static int64_t length_of(struct lam_bytes text, bool is_text) {
  int64_t count = 0;
  if (!is_text) return (int64_t)text.size;
  for (; text.size; count++) {
    size_t size = step(text);
    text.data += size;
    text.size -= size;
  }
  return count;
}

/* Characters [first, end) counted from 1, of which there may be fewer: as the standard has it, substr(s, 0, 3) is the
 * first two. From the end where `first` is negative. */
static enum lam_status substr_row(const struct call *call, int64_t row, struct lam_bytes *out,
                                  struct lam_error *error) {
  struct lam_bytes text = call->arguments[0].at.b[lam_place(&call->arguments[0], row)];
  int64_t first = call->arguments[1].at.i[lam_place(&call->arguments[1], row)], end = INT64_MAX;
  bool is_text = lam_type_is_text(call->type->id);
  if (first < 0) {
    int64_t length = length_of(text, is_text);
    first = first < -length ? first + length + 1 : length + first + 1;
  }
  if (call->expr->count > 2) {
    int64_t count = call->arguments[2].at.i[lam_place(&call->arguments[2], row)];
    if (count < 0)
      return lam_row_fail(call->slice, row, error, "substr is asked for %lld characters", (long long)count);
    if (__builtin_add_overflow(first, count, &end)) end = INT64_MAX;
  }
  int64_t at = 1;
  for (; text.size && at < first; at++) {
    size_t size = is_text ? step(text) : 1;
    text.data += size;
    text.size -= size;
  }
  *out = (struct lam_bytes){text.data, 0};
  for (; text.size && at < end; at++) {
    size_t size = is_text ? step(text) : 1;
    out->size += size;
    text.data += size;
    text.size -= size;
  }
  return LAM_OK;
}

static enum lam_status text_row(const struct call *call, int64_t row, struct lam_error *error) {
  struct lam_bytes *out = (struct lam_bytes *)call->out + row;
  if (call->function == LAM_SUBSTR) return substr_row(call, row, out, error);
  if (call->function != LAM_LENGTH) return change_case(call, row, out, error);
  struct lam_bytes text = call->arguments[0].at.b[lam_place(&call->arguments[0], row)];
  ((int64_t *)call->out)[row] = length_of(text, lam_type_is_text(call->type->id));
  return LAM_OK;
}

/* ---- dates and times ---- */

static int64_t units_of_second(const struct lam_type *type) {
  static const int64_t per_second[] = {1, 1000, 1000000, 1000000000};
  return type->id == LAM_TYPE_DATE64 ? 1000 : per_second[type->unit];
}

/* Days since the epoch, and units within the day. */
static int64_t days_of(const struct lam_type *type, int64_t value, int64_t *rest) {
  *rest = 0;
  if (type->id == LAM_TYPE_DATE32) return value;
  int64_t day = units_of_second(type) * LAM_SECONDS_OF_DAY;
  *rest = lam_floor_mod(value, day);
  return lam_floor_div(value, day);
}

static void field_row(const struct call *call, int64_t row) {
  int64_t rest, value = call->arguments[0].at.i[lam_place(&call->arguments[0], row)], *out = (int64_t *)call->out + row;
  int64_t days = days_of(call->type, value, &rest);
  if (call->function == LAM_HOUR || call->function == LAM_MINUTE) {
    int64_t seconds = call->type->id == LAM_TYPE_DATE32 ? 0 : rest / units_of_second(call->type);
    *out = call->function == LAM_HOUR ? seconds / 3600 : seconds / 60 % 60;
    return;
  }
  struct lam_civil civil = lam_civil_of_days(days);
  *out = call->function == LAM_YEAR ? civil.year : call->function == LAM_MONTH ? civil.month : civil.day;
}

/* The first day of what `days` lies in. */
static int64_t truncate_days(enum lam_trunc unit, int64_t days) {
  if (unit >= LAM_TRUNC_DAY) return days;
  if (unit == LAM_TRUNC_WEEK) return days - lam_floor_mod(days + 3, 7); /* 1970-01-01 was a Thursday */
  struct lam_civil civil = lam_civil_of_days(days);
  int month = unit == LAM_TRUNC_YEAR ? 1 : unit == LAM_TRUNC_QUARTER ? (civil.month - 1) / 3 * 3 + 1 : civil.month;
  return lam_days_of_civil(civil.year, month, 1);
}

static bool truncate_row(const struct call *call, int64_t row) {
  static const int64_t seconds[] = {[LAM_TRUNC_HOUR] = 3600, [LAM_TRUNC_MINUTE] = 60, [LAM_TRUNC_SECOND] = 1};
  int64_t rest, value = call->arguments[1].at.i[lam_place(&call->arguments[1], row)], *out = (int64_t *)call->out + row;
  int64_t days = days_of(call->type, value, &rest), unit = 1;
  bool date = call->type->id == LAM_TYPE_DATE32;
  if (call->unit <= LAM_TRUNC_DAY) {
    int64_t moved = value - (date ? 0 : rest), first = truncate_days(call->unit, days);
    int64_t day = date ? 1 : units_of_second(call->type) * LAM_SECONDS_OF_DAY;
    /* By the distance, since the product may not fit although the result does. */
    bool lost = !date && rest && __builtin_sub_overflow(value, rest, &moved);
    int64_t back;
    if (lost || __builtin_mul_overflow(days - first, day, &back) || __builtin_sub_overflow(moved, back, out))
      return false;
    return !date || *out >= INT32_MIN;
  }
  if (date) {
    *out = value;
    return true;
  }
  int64_t second = units_of_second(call->type);
  if (call->unit <= LAM_TRUNC_SECOND)
    unit = seconds[call->unit] * second;
  else
    unit = second / (call->unit == LAM_TRUNC_MILLISECOND ? 1000 : 1000000);
  if (unit < 1) unit = 1;
  return !__builtin_sub_overflow(value, rest % unit, out);
}

/* ---- calls ---- */

static enum lam_status call_row(const struct call *call, int64_t row, struct lam_error *error) {
  bool good = true;
  switch (call->function) {
    case LAM_ABS:
    case LAM_ROUND:
    case LAM_FLOOR:
    case LAM_CEIL: good = number_row(call, row); break;
    case LAM_LOWER:
    case LAM_UPPER:
    case LAM_LENGTH:
    case LAM_SUBSTR: return text_row(call, row, error);
    case LAM_DATE_TRUNC: good = truncate_row(call, row); break;
    default: field_row(call, row); break;
  }
  return good ? LAM_OK : refuse(call, row, error);
}

enum lam_status lam_eval_call(struct lam_evaluator *evaluator, struct lam_node *node, const struct lam_slice *slice,
                              const uint64_t *active, struct lam_values *out, struct lam_error *error) {
  const struct lam_expr *expr = node->expr;
  struct call call = {
      .evaluator = evaluator, .slice = slice, .expr = expr, .function = (enum lam_function)expr->operation};
  const uint64_t *valid = NULL;
  int64_t row;
  call.type = &expr->arguments[call.function == LAM_DATE_TRUNC]->type;
  if (call.function == LAM_ROUND && expr->count > 1) call.digits = expr->arguments[1]->literal.value.i;
  if (call.function == LAM_DATE_TRUNC) lam_trunc_of_name(expr->arguments[0]->literal.bytes, &call.unit);
  for (int32_t i = 0; i < expr->count; i++) {
    LAM_TRY(lam_eval_values(evaluator, &node->arguments[i], slice, active, &call.arguments[i], error));
    LAM_TRY(lam_both_valid(evaluator, slice, valid, call.arguments[i].valid, &valid, error));
  }
  *out = (struct lam_values){.class = lam_class_of(expr->type.id), .valid = valid};
  size_t width = out->class == LAM_CLASS_DECIMAL ? sizeof(struct lam_int256) : out->class == LAM_CLASS_BYTES ? 16 : 8;
  LAM_TRY(lam_scratch(evaluator, (size_t)slice->rows * width, &call.out, error));
  memset(call.out, 0, (size_t)slice->rows * width);
  out->at.any = call.out;
  LAM_EACH_ROW(slice, active, valid, row) LAM_TRY(call_row(&call, row, error));
  return LAM_OK;
}
