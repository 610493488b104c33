/* CAST: checked. Numbers are rounded half away from zero where the type has fewer digits, timestamps to the unit
 * before; what does not fit fails. */
#include <math.h>

#include "arrow/calendar.h"
#include "arrow/value_text.h"
#include "expr/eval.h"

struct cast {
  struct lam_evaluator *evaluator;
  const struct lam_slice *slice;
  const struct lam_type *from, *to;
  struct lam_values values;
  enum lam_class class; /* of the result */
  void *out;
};

/* The value of a row as a scalar of its type. */
static struct lam_scalar scalar_at(const struct cast *cast, int64_t row) {
  int64_t i = lam_place(&cast->values, row);
  struct lam_scalar scalar = {.type = *cast->from};
  switch (cast->values.class) {
    case LAM_CLASS_BYTES: scalar.bytes = cast->values.at.b[i]; break;
    case LAM_CLASS_DECIMAL: memcpy(scalar.value.decimal, &cast->values.at.w[i], 32); break;
    default: scalar.value.i = cast->values.at.i[i]; break; /* the bits */
  }
  return scalar;
}

static void put_scalar(const struct cast *cast, int64_t row, const struct lam_scalar *scalar) {
  if (cast->class == LAM_CLASS_BYTES)
    ((struct lam_bytes *)cast->out)[row] = scalar->bytes;
  else if (cast->class == LAM_CLASS_DECIMAL)
    memcpy((struct lam_int256 *)cast->out + row, scalar->value.decimal, sizeof(struct lam_int256));
  else
    ((int64_t *)cast->out)[row] = scalar->value.i;
}

static enum lam_status refuse(const struct cast *cast, int64_t row, const char *why, struct lam_error *error) {
  struct lam_scalar scalar = scalar_at(cast, row);
  struct lam_buf buf;
  char name[96], quoted[100];
  lam_buf_init(&buf, cast->evaluator->mem);
  if (lam_scalar_print(&scalar, &buf, NULL) != LAM_OK) buf.size = 0;
  lam_text_quote(lam_bytes_of(buf.data, buf.size), quoted, sizeof quoted);
  lam_buf_release(&buf);
  return lam_row_fail(cast->slice, row, error, "the value %s cannot be cast to %s: %s", quoted,
                      lam_type_name(cast->to, name, sizeof name), why);
}

static const char *const out_of_range = "it is out of range";

/* ---- numbers ---- */

static int32_t scale_of(const struct lam_type *type) {
  return lam_type_is_decimal(type->id) ? type->scale : 0;
}

/* The number with one digit more than the result has, so that it can be rounded; false where it has too many. */
static bool wide_of_double(double value, const struct lam_type *to, struct lam_int256 *out, int32_t *scale) {
  struct lam_type type = {.id = LAM_TYPE_DECIMAL256, .precision = 76, .scale = scale_of(to) + 1, .timezone = ""};
  struct lam_scalar from = {.type = lam_type_simple(LAM_TYPE_FLOAT64), .value.d = value}, decimal;
  bool exact;
  int direction;
  if (!isfinite(value)) return false;
  if (type.scale > 76) type.scale = 76;
  if (lam_scalar_cast(&from, &type, NULL, &decimal, &exact, &direction, NULL) != LAM_OK) return false;
  memcpy(out, decimal.value.decimal, sizeof *out);
  *scale = type.scale;
  return lam_int256_has_digits(out, 75); /* else it may be the end of the range */
}

/* Puts an integer of 256 bits where it fits. */
static bool put_exact(const struct cast *cast, int64_t row, const struct lam_int256 *value) {
  int bits = lam_type_bits(cast->to);
  if (cast->class == LAM_CLASS_DECIMAL) {
    ((struct lam_int256 *)cast->out)[row] = *value;
    return lam_int256_has_digits(value, cast->to->precision);
  }
  bool is_unsigned = cast->class == LAM_CLASS_U64;
  struct lam_int256 least = lam_int256_of(is_unsigned ? 0 : bits == 64 ? INT64_MIN : -((int64_t)1 << (bits - 1)));
  struct lam_int256 most = is_unsigned ? lam_int256_of_unsigned(UINT64_MAX >> (64 - bits))
                                       : lam_int256_of(bits == 64 ? INT64_MAX : ((int64_t)1 << (bits - 1)) - 1);
  ((uint64_t *)cast->out)[row] = value->limbs[0];
  return lam_int256_compare(value, &least) >= 0 && lam_int256_compare(value, &most) <= 0;
}

static bool put_double(const struct cast *cast, int64_t row) {
  int64_t i = lam_place(&cast->values, row);
  struct lam_scalar from = scalar_at(cast, row), to;
  bool exact;
  int direction;
  double *out = (double *)cast->out + row;
  if (cast->values.class == LAM_CLASS_F64 && cast->to->id == LAM_TYPE_FLOAT64) {
    *out = cast->values.at.d[i];
    return true;
  }
  if (lam_scalar_cast(&from, cast->to, NULL, &to, &exact, &direction, NULL) != LAM_OK) return false;
  *out = to.value.d;
  return isfinite(*out) || (cast->values.class == LAM_CLASS_F64 && !isfinite(from.value.d));
}

static bool cast_number(const struct cast *cast, int64_t row) {
  int64_t i = lam_place(&cast->values, row);
  struct lam_int256 value;
  int32_t scale = scale_of(cast->from);
  if (cast->class == LAM_CLASS_F64) return put_double(cast, row);
  switch (cast->values.class) {
    case LAM_CLASS_DECIMAL: value = cast->values.at.w[i]; break;
    case LAM_CLASS_U64: value = lam_int256_of_unsigned(cast->values.at.u[i]); break;
    case LAM_CLASS_I64: value = lam_int256_of(cast->values.at.i[i]); break;
    default:
      if (!wide_of_double(cast->values.at.d[i], cast->to, &value, &scale)) return false;
      break;
  }
  return !lam_int256_rescale(&value, scale, scale_of(cast->to), LAM_HALF_AWAY, &value) && put_exact(cast, row, &value);
}

static enum lam_status cast_to_bool(const struct cast *cast, int64_t row) {
  int64_t i = lam_place(&cast->values, row);
  bool zero = cast->values.class == LAM_CLASS_DECIMAL ? lam_int256_is_zero(&cast->values.at.w[i])
              : cast->values.class == LAM_CLASS_F64   ? cast->values.at.d[i] == 0
                                                      : cast->values.at.i[i] == 0;
  ((int64_t *)cast->out)[row] = !zero;
  return LAM_OK;
}

/* ---- dates and times ---- */

static int64_t units_of_day(const struct lam_type *type) {
  static const int64_t per_second[] = {1, 1000, 1000000, 1000000000};
  if (type->id == LAM_TYPE_DATE32) return 1;
  return LAM_SECONDS_OF_DAY * (type->id == LAM_TYPE_DATE64 ? 1000 : per_second[type->unit]);
}

static bool cast_time(const struct cast *cast, int64_t row) {
  int64_t value = cast->values.at.i[lam_place(&cast->values, row)], *out = (int64_t *)cast->out + row;
  int64_t from = units_of_day(cast->from), to = units_of_day(cast->to);
  if (to >= from) {
    if (__builtin_mul_overflow(value, to / from, out)) return false;
  } else {
    *out = lam_floor_div(value, from / to);
  }
  if (cast->to->id == LAM_TYPE_DATE64) *out -= lam_floor_mod(*out, to); /* whole days */
  bool narrow = cast->to->id == LAM_TYPE_DATE32 || cast->to->id == LAM_TYPE_TIME32;
  return !narrow || (*out >= INT32_MIN && *out <= INT32_MAX);
}

/* ---- texts and bytes ---- */

static enum lam_status cast_bytes(const struct cast *cast, int64_t row, struct lam_error *error) {
  struct lam_bytes bytes = cast->values.at.b[lam_place(&cast->values, row)];
  if (lam_type_is_text(cast->to->id) && !lam_type_is_text(cast->from->id) && !lam_utf8_valid(bytes))
    return refuse(cast, row, "it is not UTF-8", error);
  if (cast->to->id == LAM_TYPE_FIXED_BINARY && bytes.size != (size_t)cast->to->byte_width)
    return refuse(cast, row, "it has another length", error);
  ((struct lam_bytes *)cast->out)[row] = bytes;
  return LAM_OK;
}

static enum lam_status cast_from_text(const struct cast *cast, int64_t row, struct lam_error *error) {
  struct lam_bytes text = cast->values.at.b[lam_place(&cast->values, row)];
  struct lam_scalar scalar = {.type = *cast->to};
  uint8_t value[32] = {0};
  void *memory = value;
  bool bytes = cast->to->id == LAM_TYPE_FIXED_BINARY;
  if (bytes) LAM_TRY(lam_scratch(cast->evaluator, (size_t)cast->to->byte_width, &memory, error));
  const char *wrong = lam_value_scan(cast->to, text, memory);
  if (wrong) return refuse(cast, row, wrong, error);
  if (bytes)
    scalar.bytes = lam_bytes_of(memory, (size_t)cast->to->byte_width);
  else
    lam_scalar_load(cast->to, value, &scalar);
  put_scalar(cast, row, &scalar);
  return LAM_OK;
}

static enum lam_status cast_to_text(const struct cast *cast, int64_t row, struct lam_error *error) {
  struct lam_scalar scalar = scalar_at(cast, row);
  char text[LAM_VALUE_TEXT_ROOM];
  uint8_t value[32];
  uint16_t half;
  float single;
  void *memory;
  memcpy(value, &scalar.value, sizeof value); /* the low bytes come first */
  if (cast->from->id == LAM_TYPE_FLOAT32) single = (float)scalar.value.d, memcpy(value, &single, sizeof single);
  if (cast->from->id == LAM_TYPE_FLOAT16) half = lam_half_of_double(scalar.value.d), memcpy(value, &half, sizeof half);
  size_t size = lam_value_format(cast->from, value, text);
  LAM_TRY(lam_scratch(cast->evaluator, size, &memory, error));
  memcpy(memory, text, size);
  ((struct lam_bytes *)cast->out)[row] = lam_bytes_of(memory, size);
  return LAM_OK;
}

/* ---- all ---- */

static enum lam_status cast_row(const struct cast *cast, int64_t row, struct lam_error *error) {
  enum lam_family from = lam_family_of(cast->from->id), to = lam_family_of(cast->to->id);
  bool good = true;
  if (from == LAM_FAMILY_BYTES && to == LAM_FAMILY_BYTES) {
    if (!lam_type_is_text(cast->from->id) || cast->to->id != LAM_TYPE_FIXED_BINARY) return cast_bytes(cast, row, error);
    return cast_from_text(cast, row, error);
  }
  if (from == LAM_FAMILY_BYTES) return cast_from_text(cast, row, error);
  if (to == LAM_FAMILY_BYTES) return cast_to_text(cast, row, error);
  if (cast->to->id == LAM_TYPE_BOOL)
    return cast_to_bool(cast, row);
  else if (to == LAM_FAMILY_NUMBER)
    good = cast_number(cast, row);
  else
    good = cast_time(cast, row);
  return good ? LAM_OK : refuse(cast, row, out_of_range, error);
}

/* Widening that changes nothing in how values are held. */
static bool is_same(const struct lam_type *from, const struct lam_type *to) {
  enum lam_class a = lam_class_of(from->id), b = lam_class_of(to->id);
  enum lam_family family = lam_family_of(from->id);
  if (a != b || family != lam_family_of(to->id)) return false;
  switch (family) {
    case LAM_FAMILY_NUMBER:
      if (a == LAM_CLASS_DECIMAL) return from->scale == to->scale && from->precision <= to->precision;
      return lam_type_bits(from) <= lam_type_bits(to);
    case LAM_FAMILY_BOOL: return true;
    case LAM_FAMILY_BYTES:
      return to->id != LAM_TYPE_FIXED_BINARY && (lam_type_is_text(from->id) || !lam_type_is_text(to->id));
    default: return from->id == to->id && from->unit == to->unit;
  }
}

enum lam_status lam_eval_cast(struct lam_evaluator *evaluator, struct lam_node *node, const struct lam_slice *slice,
                              const uint64_t *active, struct lam_values *out, struct lam_error *error) {
  struct cast cast = {evaluator, slice, &node->expr->arguments[0]->type, &node->expr->type,
                      .class = lam_class_of(node->expr->type.id)};
  int64_t row;
  LAM_TRY(lam_eval_values(evaluator, &node->arguments[0], slice, active, &cast.values, error));
  *out = cast.values;
  if (is_same(cast.from, cast.to)) return LAM_OK;
  size_t width = cast.class == LAM_CLASS_DECIMAL ? sizeof(struct lam_int256) : 16;
  LAM_TRY(lam_scratch(evaluator, (size_t)slice->rows * width, &cast.out, error));
  memset(cast.out, 0, (size_t)slice->rows * width);
  *out = (struct lam_values){.class = cast.class, .valid = cast.values.valid, .at.any = cast.out};
  LAM_EACH_ROW(slice, active, cast.values.valid, row) LAM_TRY(cast_row(&cast, row, error));
  return LAM_OK;
}
