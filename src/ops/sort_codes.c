#include "ops/sort_codes.h"

#include "parquet/dictionary.h"

enum {
  MOST_CODES = INT16_MAX + 1,
  MOST_BYTES = 4 << 20,        /* of the values of a column */
  DICTIONARY_BYTES = 32 << 10, /* of one in a file, compressed: about as many values have codes */
  ROWS_OF_DICTIONARY_BYTE = 8, /* else it may be another one in each row group */
  STRINGS = 256,               /* that are looked up at once */
};

struct code_column {
  const struct ArrowSchema *field; /* NULL: not coded */
  bool binary, large;              /* large: offsets of 8 bytes */
  struct lam_dictionary values;
  struct lam_buf remap;          /* uint32_t: the codes of a batch's dictionary */
  struct lam_shared *buffers[3]; /* of all values as an array, once they are asked for */
};

struct lam_sort_codes {
  struct lam_mem *mem;
  struct ArrowSchema schema;
  struct code_column *columns;
  int64_t count;
  bool full;
};

bool lam_sort_codes_type(const struct ArrowSchema *field) {
  struct lam_type type;
  if (field->dictionary || lam_type_parse(field, &type, NULL) != LAM_OK) return false;
  if (lam_type_is_nested(type.id)) return false;
  if (lam_type_is_binary(type.id)) return true;
  int bits = lam_type_bits(&type);
  return type.id != LAM_TYPE_FIXED_BINARY && (bits == 32 || bits == 64 || bits == 128);
}

bool lam_sort_codes_chunk(const struct lam_chunk_meta *chunk) {
  if (!chunk->encoding_stats_known || !chunk->all_pages_dictionary || !chunk->has_dictionary_offset) return false;
  int64_t bytes = chunk->data_page_offset - chunk->dictionary_page_offset;
  return bytes > 0 && bytes <= DICTIONARY_BYTES && chunk->values / ROWS_OF_DICTIONARY_BYTE >= bytes;
}

/* ---- opening and closing ---- */

static enum lam_status open_column(struct lam_sort_codes *codes, int64_t c, struct lam_error *error) {
  static const struct lam_type code = {.id = LAM_TYPE_INT16};
  struct code_column *column = &codes->columns[c];
  struct ArrowSchema *own = codes->schema.children[c], coded;
  struct lam_type type;
  LAM_TRY(lam_type_parse(own, &type, error));
  LAM_TRY(lam_schema_init(&code, own->name, own->flags & ARROW_FLAG_NULLABLE, &coded, error));
  lam_schema_release(own);
  *own = coded;
  column->binary = lam_type_is_binary(type.id);
  column->large = type.id == LAM_TYPE_LARGE_STRING || type.id == LAM_TYPE_LARGE_BINARY;
  lam_dictionary_init(&column->values, codes->mem, column->binary ? 0 : (size_t)lam_type_bits(&type) / 8, MOST_BYTES);
  lam_buf_init(&column->remap, codes->mem);
  return LAM_OK;
}

enum lam_status lam_sort_codes_open(struct lam_mem *mem, const struct ArrowSchema *schema, const bool *wanted,
                                    struct lam_sort_codes **out, struct lam_error *error) {
  void *memory;
  *out = NULL;
  LAM_TRY(lam_alloc_zero(mem, sizeof **out, &memory, error));
  struct lam_sort_codes *codes = memory;
  codes->mem = mem;
  enum lam_status status = lam_schema_copy(schema, &codes->schema, error);
  if (status == LAM_OK)
    status = lam_alloc_zero(mem, (size_t)schema->n_children * sizeof *codes->columns, (void **)&codes->columns, error);
  if (status == LAM_OK) codes->count = schema->n_children;
  for (int64_t c = 0; status == LAM_OK && c < codes->count; c++) {
    if (!wanted[c]) continue;
    status = open_column(codes, c, error);
    if (status == LAM_OK) codes->columns[c].field = schema->children[c];
  }
  if (status == LAM_OK)
    *out = codes;
  else
    lam_sort_codes_close(codes);
  return status;
}

void lam_sort_codes_close(struct lam_sort_codes *codes) {
  if (!codes) return;
  for (int64_t c = 0; c < codes->count; c++) {
    struct code_column *column = &codes->columns[c];
    if (!column->field) continue;
    lam_dictionary_release(&column->values);
    lam_buf_release(&column->remap);
    for (int i = 0; i < 3; i++) lam_shared_release(column->buffers[i]);
  }
  lam_free(codes->mem, codes->columns, (size_t)codes->count * sizeof *codes->columns);
  lam_schema_release(&codes->schema);
  lam_free(codes->mem, codes, sizeof *codes);
}

const struct ArrowSchema *lam_sort_codes_schema(const struct lam_sort_codes *codes) {
  return &codes->schema;
}

bool lam_sort_codes_has(const struct lam_sort_codes *codes, int64_t column) {
  return codes->columns[column].field != NULL;
}

bool lam_sort_codes_full(const struct lam_sort_codes *codes) {
  return codes->full;
}

/* ---- into codes ---- */

static enum lam_status put_strings(struct code_column *column, const struct lam_view *view, uint32_t *to, size_t *done,
                                   struct lam_error *error) {
  struct lam_bytes values[STRINGS];
  size_t count = (size_t)view->length, some, fit;
  for (*done = 0; *done < count; *done += some) {
    some = lam_min_u64(STRINGS, count - *done);
    for (size_t i = 0; i < some; i++) values[i] = lam_view_bytes(view, (int64_t)(*done + i));
    LAM_TRY(lam_dictionary_put_bytes(&column->values, values, some, to + *done, &fit, error));
    if (fit == some) continue;
    *done += fit;
    break;
  }
  return LAM_OK;
}

/* The codes of the entries of a batch's dictionary. */
static enum lam_status make_remap(struct lam_sort_codes *codes, struct code_column *column,
                                  const struct ArrowArray *entries, struct lam_error *error) {
  struct lam_view view;
  LAM_TRY(lam_view_init(column->field, entries, &view, error));
  size_t count = (size_t)view.length, done = 0, width = column->values.width;
  LAM_TRY(lam_buf_reset(&column->remap, count * sizeof(uint32_t), error));
  uint32_t *to = (uint32_t *)(void *)column->remap.data;
  if (column->binary)
    LAM_TRY(put_strings(column, &view, to, &done, error));
  else if (count)
    LAM_TRY(lam_dictionary_put(&column->values, (const uint8_t *)view.data + (size_t)view.offset * width, count, to,
                               &done, error));
  codes->full = done < count || column->values.count > MOST_CODES;
  return codes->full ? lam_fail(error, LAM_LIMIT, "column \"%s\" has more values than are coded", column->field->name)
                     : LAM_OK;
}

static void map_codes(const struct ArrowArray *from, const uint32_t *remap, int16_t *to) {
  const int32_t *indices = (const int32_t *)from->buffers[1] + from->offset;
  const uint8_t *validity = from->null_count ? from->buffers[0] : NULL;
  for (int64_t i = 0; i < from->length; i++) /* a NULL has any index */
    to[i] = !validity || lam_bit_get(validity, from->offset + i) ? (int16_t)remap[indices[i]] : 0;
}

static enum lam_status put_column(struct lam_sort_codes *codes, struct code_column *column, struct ArrowArray *array,
                                  struct lam_error *error) {
  struct lam_shared *buffers[2] = {NULL, NULL};
  struct ArrowArray coded;
  size_t rows = (size_t)array->length;
  if (!array->dictionary) return lam_fail(error, LAM_INVALID, "column \"%s\" is no dictionary", column->field->name);
  LAM_TRY(make_remap(codes, column, array->dictionary, error));
  LAM_TRY(lam_shared_create(codes->mem, rows * sizeof(int16_t), &buffers[1], error));
  enum lam_status status = LAM_OK;
  if (array->null_count && array->buffers[0])
    status = lam_shared_create(codes->mem, (rows + 7) / 8, &buffers[0], error);
  if (buffers[0]) {
    if (rows) buffers[0]->data[(rows - 1) / 8] = 0;
    lam_bits_copy(buffers[0]->data, 0, array->buffers[0], array->offset, array->length);
  }
  if (status == LAM_OK) {
    if (rows) map_codes(array, (const uint32_t *)(const void *)column->remap.data, (int16_t *)(void *)buffers[1]->data);
    status = lam_array_init(array->length, array->null_count, 2, buffers, NULL, &coded, error);
  }
  for (int i = 0; i < 2; i++) lam_shared_release(buffers[i]);
  if (status != LAM_OK) return status;
  lam_array_release(array);
  *array = coded;
  return LAM_OK;
}

enum lam_status lam_sort_codes_put(struct lam_sort_codes *codes, struct ArrowArray *batch, struct lam_error *error) {
  for (int64_t c = 0; c < codes->count; c++)
    if (codes->columns[c].field) LAM_TRY(put_column(codes, &codes->columns[c], batch->children[c], error));
  return LAM_OK;
}

/* ---- and back ---- */

/* Offsets and bytes of strings, which the dictionary has one behind the other, each behind its length. */
static enum lam_status spread_strings(struct lam_sort_codes *codes, struct code_column *column,
                                      struct lam_error *error) {
  const struct lam_dictionary *values = &column->values;
  size_t at = 0;
  LAM_TRY(
      lam_shared_create(codes->mem, ((size_t)values->count + 1) * (column->large ? 8 : 4), &column->buffers[1], error));
  LAM_TRY(lam_shared_create(codes->mem, values->values.size, &column->buffers[2], error));
  uint8_t *offsets = column->buffers[1]->data, *bytes = column->buffers[2]->data;
  for (uint32_t i = 0;; i++) {
    if (column->large)
      lam_store64(offsets + 8 * (size_t)i, at);
    else
      lam_store32(offsets + 4 * (size_t)i, (uint32_t)at);
    if (i == values->count) return LAM_OK;
    struct lam_bytes plain = lam_dictionary_plain(values, i);
    lam_copy(bytes + at, plain.data + 4, plain.size - 4);
    at += plain.size - 4;
  }
}

static enum lam_status make_values(struct lam_sort_codes *codes, struct code_column *column, struct lam_error *error) {
  if (column->buffers[1]) return LAM_OK;
  if (column->binary) return spread_strings(codes, column, error);
  LAM_TRY(lam_shared_create(codes->mem, column->values.values.size, &column->buffers[1], error));
  lam_copy(column->buffers[1]->data, column->values.values.data, column->values.values.size);
  return LAM_OK;
}

static enum lam_status get_column(struct lam_sort_codes *codes, struct code_column *column, struct ArrowArray *array,
                                  struct lam_error *error) {
  struct ArrowArray values, indices;
  LAM_TRY(make_values(codes, column, error));
  struct lam_shared *buffers[2] = {lam_array_shared(array, 0), NULL};
  LAM_TRY(lam_shared_create(codes->mem, (size_t)array->length * sizeof(int32_t), &buffers[1], error));
  const int16_t *from = (const int16_t *)array->buffers[1] + array->offset;
  int32_t *to = (int32_t *)(void *)buffers[1]->data;
  for (int64_t i = 0; i < array->length; i++) to[i] = from[i];
  enum lam_status status =
      lam_array_init(column->values.count, 0, column->binary ? 3 : 2, column->buffers, NULL, &values, error);
  if (status == LAM_OK) {
    status = lam_array_init(array->length, array->null_count, 2, buffers, &values, &indices, error);
    if (status != LAM_OK) lam_array_release(&values);
  }
  lam_shared_release(buffers[1]);
  if (status != LAM_OK) return status;
  lam_array_release(array);
  *array = indices;
  return LAM_OK;
}

enum lam_status lam_sort_codes_get(struct lam_sort_codes *codes, struct ArrowArray *batch, struct lam_error *error) {
  for (int64_t c = 0; c < codes->count; c++)
    if (codes->columns[c].field) LAM_TRY(get_column(codes, &codes->columns[c], batch->children[c], error));
  return LAM_OK;
}
