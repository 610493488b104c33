#include "arrow/cast.h"

#include "arrow/value_text.h"

static bool is_integer(enum lam_type_id id) {
  return id >= LAM_TYPE_INT8 && id <= LAM_TYPE_UINT64;
}
static bool is_unsigned(enum lam_type_id id) {
  return id >= LAM_TYPE_UINT8 && id <= LAM_TYPE_UINT64;
}
static bool is_float(enum lam_type_id id) {
  return id >= LAM_TYPE_FLOAT16 && id <= LAM_TYPE_FLOAT64;
}
static bool is_decimal(enum lam_type_id id) {
  return id == LAM_TYPE_DECIMAL128 || id == LAM_TYPE_DECIMAL256;
}
static bool is_time(enum lam_type_id id) {
  return id == LAM_TYPE_TIME32 || id == LAM_TYPE_TIME64;
}

static bool widen_integers(const struct lam_type *a, const struct lam_type *b, struct lam_type *out) {
  int bits_a = lam_type_bits(a), bits_b = lam_type_bits(b);
  if (is_unsigned(a->id) == is_unsigned(b->id)) {
    *out = bits_a >= bits_b ? *a : *b;
    return true;
  }
  const struct lam_type *s = is_unsigned(a->id) ? b : a;
  int bits_u = is_unsigned(a->id) ? bits_a : bits_b;
  *out = *s;
  if (lam_type_bits(s) > bits_u) return true;
  if (bits_u == 64) return false;
  out->id = bits_u == 8 ? LAM_TYPE_INT16 : bits_u == 16 ? LAM_TYPE_INT32 : LAM_TYPE_INT64;
  return true;
}

/* Every float16 and float32, and every integer of 32 bits, is a float64. */
static bool widen_to_float(const struct lam_type *a, const struct lam_type *b, struct lam_type *out) {
  if (is_float(a->id) && is_float(b->id)) {
    *out = a->id > b->id ? *a : *b;
    return true;
  }
  const struct lam_type *integer = is_integer(a->id) ? a : b;
  *out = (struct lam_type){.id = LAM_TYPE_FLOAT64, .timezone = ""};
  return lam_type_bits(integer) <= 32;
}

static bool widen_decimals(const struct lam_type *a, const struct lam_type *b, struct lam_type *out) {
  if (a->scale != b->scale) return false;
  *out = a->id > b->id ? *a : *b;
  out->precision = a->precision > b->precision ? a->precision : b->precision;
  return true;
}

static bool widen_units(const struct lam_type *a, const struct lam_type *b, struct lam_type *out) {
  if (strcmp(a->timezone, b->timezone) != 0) return false;
  *out = a->unit >= b->unit ? *a : *b;
  return true;
}

bool lam_type_widen(const struct lam_type *a, const struct lam_type *b, struct lam_type *out) {
  *out = *a;
  if (lam_type_equal(a, b)) return true;
  if (b->id == LAM_TYPE_NULL) return true;
  if (a->id == LAM_TYPE_NULL) {
    *out = *b;
    return true;
  }
  if (is_integer(a->id) && is_integer(b->id)) return widen_integers(a, b, out);
  if ((is_integer(a->id) || is_float(a->id)) && (is_integer(b->id) || is_float(b->id)))
    return widen_to_float(a, b, out);
  if (is_decimal(a->id) && is_decimal(b->id)) return widen_decimals(a, b, out);
  if (is_time(a->id) && is_time(b->id)) return widen_units(a, b, out);
  if (a->id == LAM_TYPE_TIMESTAMP && b->id == LAM_TYPE_TIMESTAMP) return widen_units(a, b, out);
  return false;
}

/* ---- casting ---- */

static int64_t load_integer(const struct lam_view *view, int64_t row) {
  int64_t i = view->offset + row;
  switch (view->type.id) {
    case LAM_TYPE_INT8: return ((const int8_t *)view->data)[i];
    case LAM_TYPE_INT16: return ((const int16_t *)view->data)[i];
    case LAM_TYPE_INT32:
    case LAM_TYPE_TIME32: return ((const int32_t *)view->data)[i];
    case LAM_TYPE_UINT8: return ((const uint8_t *)view->data)[i];
    case LAM_TYPE_UINT16: return ((const uint16_t *)view->data)[i];
    case LAM_TYPE_UINT32: return ((const uint32_t *)view->data)[i];
    default: return ((const int64_t *)view->data)[i]; /* uint64 only widens to itself */
  }
}

static double load_double(const struct lam_view *view, int64_t row) {
  int64_t i = view->offset + row;
  switch (view->type.id) {
    case LAM_TYPE_FLOAT16: return lam_half_to_float(((const uint16_t *)view->data)[i]);
    case LAM_TYPE_FLOAT32: return ((const float *)view->data)[i];
    case LAM_TYPE_FLOAT64: return ((const double *)view->data)[i];
    default: return (double)load_integer(view, row);
  }
}

static int64_t unit_factor(enum lam_arrow_unit from, enum lam_arrow_unit to) {
  int64_t factor = 1;
  for (unsigned unit = from; unit < (unsigned)to; unit++) factor *= 1000;
  return factor;
}

static enum lam_status does_not_fit(int64_t row, int64_t value, struct lam_error *error) {
  return lam_fail(error, LAM_INVALID,
                  "row %lld of a batch: the value %lld does not fit the finer unit of the merged type", (long long)row,
                  (long long)value);
}

static enum lam_status cast_row(const struct lam_view *view, int64_t row, const struct lam_type *to, int64_t factor,
                                uint8_t *out, struct lam_error *error) {
  switch (to->id) {
    case LAM_TYPE_INT8:
    case LAM_TYPE_UINT8: out[row] = (uint8_t)load_integer(view, row); return LAM_OK;
    case LAM_TYPE_INT16:
    case LAM_TYPE_UINT16: ((int16_t *)(void *)out)[row] = (int16_t)load_integer(view, row); return LAM_OK;
    case LAM_TYPE_INT32:
    case LAM_TYPE_UINT32: ((int32_t *)(void *)out)[row] = (int32_t)load_integer(view, row); return LAM_OK;
    case LAM_TYPE_TIME32: {
      int64_t value = load_integer(view, row);
      if (__builtin_mul_overflow((int32_t)value, (int32_t)factor, &((int32_t *)(void *)out)[row]))
        return does_not_fit(row, value, error);
      return LAM_OK;
    }
    case LAM_TYPE_FLOAT32: ((float *)(void *)out)[row] = (float)load_double(view, row); return LAM_OK;
    case LAM_TYPE_FLOAT64: ((double *)(void *)out)[row] = load_double(view, row); return LAM_OK;
    case LAM_TYPE_DECIMAL256: {
      const uint8_t *from = (const uint8_t *)view->data + 16 * (view->offset + row);
      memset(out + 32 * row, from[15] & 0x80 ? 0xff : 0, 32);
      memcpy(out + 32 * row, from, 16);
      return LAM_OK;
    }
    default: {
      int64_t value = load_integer(view, row);
      if (__builtin_mul_overflow(value, factor, &((int64_t *)(void *)out)[row])) return does_not_fit(row, value, error);
      return LAM_OK;
    }
  }
}

/* An array with other values and the same validity. */
static enum lam_status with_values(struct lam_mem *mem, const struct lam_view *view, struct lam_shared *values,
                                   struct ArrowArray *out, struct lam_error *error) {
  struct lam_shared *validity = NULL;
  if (view->validity) {
    LAM_TRY(lam_shared_create(mem, (size_t)(view->length + 7) / 8, &validity, error));
    memset(validity->data, 0, (size_t)(view->length + 7) / 8);
    lam_bits_copy(validity->data, 0, view->validity, view->offset, view->length);
  }
  struct lam_shared *buffers[2] = {validity, values};
  enum lam_status status = lam_array_init(view->length, view->null_count, 2, buffers, NULL, out, error);
  lam_shared_release(validity);
  return status;
}

static enum lam_status cleared(struct lam_mem *mem, size_t size, struct lam_shared **out, struct lam_error *error) {
  LAM_TRY(lam_shared_create(mem, size, out, error));
  memset((*out)->data, 0, size);
  return LAM_OK;
}

static enum lam_status flat_nulls(struct lam_mem *mem, const struct lam_type *type, int64_t length,
                                  struct ArrowArray *out, struct lam_error *error) {
  struct lam_shared *buffers[3] = {NULL, NULL, NULL};
  bool large = type->id == LAM_TYPE_LARGE_STRING || type->id == LAM_TYPE_LARGE_BINARY;
  int count = type->id == LAM_TYPE_NULL ? 0 : lam_type_is_binary(type->id) ? 3 : 2;
  size_t rows = (size_t)length;
  size_t values = count == 3 ? (rows + 1) * (large ? 8 : 4) : rows * (size_t)lam_type_bits(type) / 8 + 1;
  out->release = NULL;
  enum lam_status status = LAM_OK;
  if (count > 0) status = cleared(mem, (rows + 7) / 8, &buffers[0], error);
  if (count > 0 && status == LAM_OK) status = cleared(mem, values, &buffers[1], error);
  if (status == LAM_OK) status = lam_array_init(length, length, count, buffers, NULL, out, error);
  for (int i = 0; i < 3; i++) lam_shared_release(buffers[i]);
  return status;
}

enum lam_status lam_cast(struct lam_mem *mem, const struct ArrowSchema *schema, const struct ArrowArray *array,
                         const struct lam_type *to, struct ArrowArray *out, struct lam_error *error) {
  struct lam_view view;
  out->release = NULL;
  struct lam_type wide;
  LAM_TRY(lam_view_init(schema, array, &view, error));
  /* A file may have been replaced by one of another schema since the schemas were merged. */
  if (!lam_type_widen(&view.type, to, &wide) || !lam_type_equal(&wide, to)) {
    char from_name[96], to_name[96];
    return lam_fail(error, LAM_CONFLICT, "column \"%s\" is %s now; it was merged as %s, which does not hold that",
                    schema->name, lam_type_name(&view.type, from_name, sizeof from_name),
                    lam_type_name(to, to_name, sizeof to_name));
  }
  if (view.type.id == LAM_TYPE_NULL) return flat_nulls(mem, to, view.length, out, error);
  int width = lam_type_bits(to) / 8;
  int64_t factor = is_time(to->id) || to->id == LAM_TYPE_TIMESTAMP ? unit_factor(view.type.unit, to->unit) : 1;
  struct lam_shared *values;
  LAM_TRY(lam_shared_create(mem, (size_t)view.length * (size_t)width, &values, error));
  enum lam_status status = LAM_OK;
  if (view.type.id == to->id && factor == 1) { /* a decimal of more digits: the same bits */
    memcpy(values->data, (const uint8_t *)view.data + view.offset * width, (size_t)view.length * (size_t)width);
  } else {
    memset(values->data, 0, (size_t)view.length * (size_t)width);
    for (int64_t row = 0; status == LAM_OK && row < view.length; row++)
      if (lam_view_valid(&view, row)) status = cast_row(&view, row, to, factor, values->data, error);
  }
  if (status == LAM_OK) status = with_values(mem, &view, values, out, error);
  lam_shared_release(values);
  return status;
}

static enum lam_status nested_nulls(struct lam_mem *mem, const struct ArrowSchema *schema, const struct lam_type *type,
                                    int64_t length, int depth, struct ArrowArray *out, struct lam_error *error);

static enum lam_status nulls(struct lam_mem *mem, const struct ArrowSchema *schema, int64_t length, int depth,
                             struct ArrowArray *out, struct lam_error *error) {
  struct lam_type type;
  out->release = NULL;
  LAM_TRY(lam_type_parse(schema, &type, error));
  if (!lam_type_is_nested(type.id)) return flat_nulls(mem, &type, length, out, error);
  if (depth > LAM_TYPE_DEEPEST)
    return lam_fail(error, LAM_UNSUPPORTED, "a column is nested deeper than %d levels", LAM_TYPE_DEEPEST);
  return nested_nulls(mem, schema, &type, length, depth, out, error);
}

static enum lam_status nested_nulls(struct lam_mem *mem, const struct ArrowSchema *schema, const struct lam_type *type,
                                    int64_t length, int depth, struct ArrowArray *out, struct lam_error *error) {
  struct lam_shared *buffers[2] = {NULL, NULL};
  bool has_offsets = type->id != LAM_TYPE_STRUCT && type->id != LAM_TYPE_FIXED_LIST;
  size_t rows = (size_t)length, width = type->id == LAM_TYPE_LARGE_LIST ? 8 : 4;
  int64_t entries = has_offsets ? 0 : length;
  if (type->id == LAM_TYPE_FIXED_LIST && __builtin_mul_overflow(length, type->byte_width, &entries))
    return lam_fail(error, LAM_LIMIT, "a batch of %lld lists of %d entries", (long long)length, (int)type->byte_width);
  enum lam_status status = cleared(mem, (rows + 7) / 8, &buffers[0], error);
  if (status == LAM_OK && has_offsets) status = cleared(mem, (rows + 1) * width, &buffers[1], error);
  if (status == LAM_OK)
    status = lam_array_init_nested(length, length, has_offsets ? 2 : 1, buffers, schema->n_children, out, error);
  for (int64_t c = 0; status == LAM_OK && c < schema->n_children; c++)
    status = nulls(mem, schema->children[c], entries, depth + 1, out->children[c], error);
  if (status != LAM_OK && out->release) lam_array_release(out);
  for (int i = 0; i < 2; i++) lam_shared_release(buffers[i]);
  return status;
}

enum lam_status lam_array_nulls(struct lam_mem *mem, const struct ArrowSchema *schema, int64_t length,
                                struct ArrowArray *out, struct lam_error *error) {
  return nulls(mem, schema, length, 0, out, error);
}
