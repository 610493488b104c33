/* Columns of a batch as values: found through structs, widened to their class, gathered from dictionaries. */
#include "arrow/value_text.h"
#include "base/kernel.h"
#include "expr/eval.h"

/* ---- columns ---- */

/* The rows of `array` begin at `offset` of its buffers. */
struct place {
  const struct ArrowSchema *schema;
  const struct ArrowArray *array;
  int64_t offset;
};

/* Clears the rows where a struct around the column is NULL. */
static enum lam_status merge_validity(struct lam_evaluator *evaluator, struct lam_column *column, int64_t rows,
                                      const uint8_t *bits, int64_t offset, struct lam_error *error) {
  size_t size = (size_t)(rows + 7) / 8 + 8;
  void *memory;
  if (!column->validity) {
    column->validity = bits;
    column->validity_offset = offset;
    return LAM_OK;
  }
  if (column->merged_room < 2 * size) {
    lam_free(evaluator->mem, column->merged, column->merged_room);
    column->merged = NULL;
    column->merged_room = 0;
    LAM_TRY(lam_alloc(evaluator->mem, 2 * size, &memory, error));
    column->merged = memory;
    column->merged_room = 2 * size;
  }
  uint8_t *other = column->merged + size;
  if (column->validity != column->merged)
    lam_bits_copy(column->merged, 0, column->validity, column->validity_offset, rows);
  lam_bits_copy(other, 0, bits, offset, rows);
  for (size_t i = 0; i < size - 8; i++) column->merged[i] &= other[i];
  column->validity = column->merged;
  column->validity_offset = 0;
  return LAM_OK;
}

static enum lam_status enter(struct lam_evaluator *evaluator, struct lam_column *column, struct place *place,
                             int32_t child, struct lam_error *error) {
  const struct ArrowArray *array = place->array;
  int64_t rows = evaluator->batch->length;
  if (!array->release || child >= array->n_children || child >= place->schema->n_children)
    return lam_fail(error, LAM_INVALID, "a batch has no column %d, which its schema has", child);
  if (array->null_count != 0 && array->n_buffers > 0 && array->buffers[0])
    LAM_TRY(merge_validity(evaluator, column, rows, array->buffers[0], place->offset, error));
  place->schema = place->schema->children[child];
  place->array = array->children[child];
  place->offset += place->array->offset;
  if (place->array->length < place->offset - place->array->offset + rows)
    return lam_fail(error, LAM_INVALID, "the column \"%s\" of a batch has %lld rows, fewer than the batch",
                    place->schema->name ? place->schema->name : "", (long long)place->array->length);
  return LAM_OK;
}

/* The reader gives out dictionaries where the schema has the values' type; their indices are int32. */
static enum lam_status open_view(struct lam_column *column, const struct place *place, struct lam_error *error) {
  struct ArrowSchema encoded = *place->schema;
  column->is_dictionary = place->array->dictionary != NULL;
  if (column->is_dictionary && !place->schema->dictionary) {
    encoded.format = "i";
    encoded.n_children = 0;
    encoded.dictionary = (struct ArrowSchema *)(uintptr_t)place->schema;
  }
  LAM_TRY(lam_view_init(&encoded, place->array, &column->view, error));
  column->view.schema = place->schema;
  column->view.offset = place->offset;
  if (!column->is_dictionary) return LAM_OK;
  LAM_TRY(lam_view_init(encoded.dictionary, place->array->dictionary, &column->dictionary, error));
  if (!column->dictionary.dictionary_array) return LAM_OK;
  return lam_fail(error, LAM_UNSUPPORTED, "the dictionary of column \"%s\" is dictionary-encoded",
                  place->schema->name ? place->schema->name : "");
}

enum lam_status lam_column_open(struct lam_evaluator *evaluator, struct lam_column *column, struct lam_error *error) {
  if (column->ready) return LAM_OK;
  struct place place = {evaluator->schema, evaluator->batch, evaluator->batch->offset};
  column->validity = NULL;
  for (int32_t level = 0; level < column->expr->depth; level++)
    LAM_TRY(enter(evaluator, column, &place, column->expr->path[level], error));
  LAM_TRY(open_view(column, &place, error));
  const struct lam_type *type = column->is_dictionary ? &column->dictionary.type : &column->view.type;
  if (!lam_type_equal(type, &column->expr->type)) {
    char found[96], bound[96];
    return lam_fail(error, LAM_INVALID, "the column \"%s\" of a batch is of type %s; the expression was bound to %s",
                    place.schema->name ? place.schema->name : "", lam_type_name(type, found, sizeof found),
                    lam_type_name(&column->expr->type, bound, sizeof bound));
  }
  if (column->view.validity && column->view.type.id != LAM_TYPE_NULL)
    LAM_TRY(merge_validity(evaluator, column, evaluator->batch->length, column->view.validity, place.offset, error));
  column->ready = true;
  return LAM_OK;
}

/* ---- validity ---- */

enum lam_status lam_load_valid(struct lam_evaluator *evaluator, const struct lam_column *column,
                               const struct lam_slice *slice, const uint64_t **out, struct lam_error *error) {
  const struct lam_view *dictionary = &column->dictionary;
  uint64_t *bits;
  *out = NULL;
  bool none = slice->source == LAM_OF_NULL || column->view.type.id == LAM_TYPE_NULL ||
              (column->is_dictionary && dictionary->type.id == LAM_TYPE_NULL);
  bool entries = column->is_dictionary && dictionary->validity;
  const uint8_t *validity = slice->source == LAM_OF_DICTIONARY ? dictionary->validity : column->validity;
  int64_t offset = slice->source == LAM_OF_DICTIONARY ? dictionary->offset : column->validity_offset;
  if (!none && !validity && !(entries && slice->source == LAM_OF_ROWS)) return LAM_OK;
  LAM_TRY(lam_scratch_bits(evaluator, slice, !none && !validity, &bits, error));
  *out = bits;
  if (none) return LAM_OK;
  if (validity) lam_bits_copy((uint8_t *)bits, 0, validity, offset + slice->first, slice->rows);
  if (!entries || slice->source != LAM_OF_ROWS) return LAM_OK;
  for (int32_t i = 0; i < slice->rows; i++) { /* an index may lead to a NULL */
    int64_t index = lam_view_index(&column->view, slice->first + i);
    bool valid = index >= 0 && index < dictionary->length && lam_view_valid(dictionary, index);
    if (!valid) bits[i >> 6] &= ~((uint64_t)1 << (i & 63));
  }
  return LAM_OK;
}

/* ---- values ---- */

/* Where the rows of a slice are in `view`: one behind the other from `first`, or where `indices` says. */
struct rows {
  const struct lam_view *view;
  int64_t first;
  const int32_t *indices;
  int32_t count;
};

#define WIDEN(name, from, to)                                                              \
  LAM_KERNEL static void name(const void *data, const int32_t *at, int32_t n, void *out) { \
    const from *values = data;                                                             \
    to *results = out;                                                                     \
    if (at)                                                                                \
      for (int32_t i = 0; i < n; i++) results[i] = (to)values[at[i]];                      \
    else                                                                                   \
      for (int32_t i = 0; i < n; i++) results[i] = (to)values[i];                          \
  }
WIDEN(widen_int8, int8_t, int64_t)
WIDEN(widen_int16, int16_t, int64_t)
WIDEN(widen_int32, int32_t, int64_t)
WIDEN(widen_int64, int64_t, int64_t)
WIDEN(widen_uint8, uint8_t, uint64_t)
WIDEN(widen_uint16, uint16_t, uint64_t)
WIDEN(widen_uint32, uint32_t, uint64_t)
WIDEN(widen_float, float, double)

static void widen_half(const void *data, const int32_t *at, int32_t n, void *out) {
  for (int32_t i = 0; i < n; i++)
    ((double *)out)[i] = (double)lam_half_to_float(((const uint16_t *)data)[at ? at[i] : i]);
}

typedef void widen_function(const void *data, const int32_t *at, int32_t n, void *out);
static widen_function *widen_of(const struct lam_type *type) {
  switch (type->id) {
    case LAM_TYPE_FLOAT16: return widen_half;
    case LAM_TYPE_FLOAT32: return widen_float;
    case LAM_TYPE_UINT8: return widen_uint8;
    case LAM_TYPE_UINT16: return widen_uint16;
    case LAM_TYPE_UINT32: return widen_uint32;
    default: break;
  }
  switch (lam_type_bits(type)) {
    case 8: return widen_int8;
    case 16: return widen_int16;
    case 32: return widen_int32;
    default: return widen_int64; /* of doubles and unsigned integers too: the bits */
  }
}

static int64_t place_of(const struct rows *rows, int32_t i) {
  return rows->view->offset + (rows->indices ? rows->indices[i] : rows->first + i);
}

static void load_decimals(const struct rows *rows, struct lam_int256 *out) {
  size_t width = (size_t)lam_type_bits(&rows->view->type) / 8;
  for (int32_t i = 0; i < rows->count; i++) {
    const uint8_t *from = (const uint8_t *)rows->view->data + (size_t)place_of(rows, i) * width;
    memset(&out[i], from[width - 1] & 0x80 ? 0xff : 0, sizeof *out);
    memcpy(&out[i], from, width);
  }
}

static void load_bytes(const struct rows *rows, const uint64_t *valid, struct lam_bytes *out) {
  for (int32_t i = 0; i < rows->count; i++) {
    if (valid && !lam_word_bit(valid, i))
      out[i] = (struct lam_bytes){NULL, 0};
    else
      out[i] = lam_view_bytes(rows->view, place_of(rows, i) - rows->view->offset);
  }
}

static void load_fixed(const struct rows *rows, void *out) {
  const struct lam_view *view = rows->view;
  if (view->type.id == LAM_TYPE_BOOL) {
    for (int32_t i = 0; i < rows->count; i++) ((int64_t *)out)[i] = lam_bit_get(view->data, place_of(rows, i));
    return;
  }
  size_t width = (size_t)lam_type_bits(&view->type) / 8;
  const uint8_t *data = (const uint8_t *)view->data + (size_t)(view->offset + rows->first) * width;
  widen_of (&view->type)(data, rows->indices, rows->count, out);
}

/* Indices of the slice's rows, 0 where they are NULL or beyond the dictionary. */
static enum lam_status load_indices(struct lam_evaluator *evaluator, const struct lam_column *column,
                                    const struct lam_slice *slice, const uint64_t *valid, const int32_t **out,
                                    struct lam_error *error) {
  void *memory;
  LAM_TRY(lam_scratch(evaluator, (size_t)slice->rows * 4, &memory, error));
  int32_t *indices = memory;
  for (int32_t i = 0; i < slice->rows; i++) {
    int64_t index = lam_view_index(&column->view, slice->first + i);
    bool good = index >= 0 && index < column->dictionary.length && index <= INT32_MAX;
    indices[i] = good ? (int32_t)index : 0;
    if (!good && (!valid || lam_word_bit(valid, i)))
      return lam_row_fail(slice, i, error, "an index into a dictionary of %lld is %lld",
                          (long long)column->dictionary.length, (long long)index);
  }
  *out = indices;
  return LAM_OK;
}

enum lam_status lam_load(struct lam_evaluator *evaluator, const struct lam_column *column,
                         const struct lam_slice *slice, struct lam_values *out, struct lam_error *error) {
  bool gather = column->is_dictionary && slice->source == LAM_OF_ROWS;
  const struct lam_type *type = &column->expr->type;
  struct rows rows = {column->is_dictionary ? &column->dictionary : &column->view, gather ? 0 : slice->first, NULL,
                      slice->rows};
  void *memory;
  *out = (struct lam_values){.class = lam_class_of(type->id)};
  LAM_TRY(lam_load_valid(evaluator, column, slice, &out->valid, error));
  size_t width = out->class == LAM_CLASS_DECIMAL ? 32 : out->class == LAM_CLASS_BYTES ? 16 : 8;
  bool none = slice->source == LAM_OF_NULL || type->id == LAM_TYPE_NULL || (gather && rows.view->length == 0);
  bool in_place = width == 8 && !gather && !none && lam_type_bits(type) == 64;
  if (in_place) {
    out->at.any = (const uint8_t *)rows.view->data + (size_t)(rows.view->offset + rows.first) * 8;
    return LAM_OK;
  }
  if (gather) LAM_TRY(load_indices(evaluator, column, slice, out->valid, &rows.indices, error));
  LAM_TRY(lam_scratch(evaluator, (size_t)slice->rows * width, &memory, error));
  out->at.any = memory;
  if (none)
    memset(memory, 0, (size_t)slice->rows * width);
  else if (out->class == LAM_CLASS_DECIMAL)
    load_decimals(&rows, memory);
  else if (out->class == LAM_CLASS_BYTES)
    load_bytes(&rows, out->valid, memory);
  else
    load_fixed(&rows, memory);
  return LAM_OK;
}

const void *lam_load_native(const struct lam_column *column, const struct lam_slice *slice) {
  const struct lam_view *view = column->is_dictionary ? &column->dictionary : &column->view;
  int bits = lam_type_bits(&view->type);
  if (slice->source == LAM_OF_NULL || (column->is_dictionary && slice->source == LAM_OF_ROWS)) return NULL;
  if (!view->data || bits < 8 || view->offsets32 || view->offsets64) return NULL;
  return (const uint8_t *)view->data + (view->offset + slice->first) * (bits / 8);
}

enum lam_status lam_load_literal(struct lam_evaluator *evaluator, const struct lam_scalar *literal,
                                 const struct lam_slice *slice, struct lam_values *out, struct lam_error *error) {
  uint64_t *none;
  void *memory;
  *out = (struct lam_values){.class = lam_class_of(literal->type.id), .constant = true};
  LAM_TRY(lam_scratch(evaluator, sizeof(struct lam_int256), &memory, error));
  out->at.any = memory;
  if (out->class == LAM_CLASS_BYTES)
    memcpy(memory, &literal->bytes, sizeof literal->bytes);
  else
    memcpy(memory, &literal->value, sizeof literal->value);
  if (!literal->is_null) return LAM_OK;
  memset(memory, 0, sizeof(struct lam_int256));
  LAM_TRY(lam_scratch_bits(evaluator, slice, false, &none, error));
  out->valid = none;
  return LAM_OK;
}
