/* Arrays of other engines in the forms that ours takes. */
#include <inttypes.h>

#include "arrow/array.h"
#include "base/error.h"

/* Values of a column, of which string and binary views have no struct lam_view. */
struct values {
  struct lam_view view;   /* of views only what all arrays have */
  const uint8_t *views;   /* 16 bytes each */
  const void **buffers;   /* that they point into */
  const int64_t *lengths; /* of these */
  int64_t buffer_count;
};

static bool is_views(enum lam_type_id id) {
  return id == LAM_TYPE_STRING_VIEW || id == LAM_TYPE_BINARY_VIEW;
}

static const char *name_of(const struct ArrowSchema *schema) {
  return schema->name ? schema->name : "";
}

static enum lam_status values_init(const struct ArrowSchema *schema, const struct ArrowArray *array, struct values *out,
                                   struct lam_error *error) {
  struct lam_type type;
  memset(out, 0, sizeof *out);
  LAM_TRY(lam_type_parse(schema, &type, error));
  if (!is_views(type.id)) return lam_view_init(schema, array, &out->view, error);
  if (!array->release || array->length < 0 || array->offset < 0 || array->n_buffers < 3 ||
      (array->length > 0 && !array->buffers[1]) || (array->n_buffers > 3 && !array->buffers[array->n_buffers - 1]))
    return lam_fail(error, LAM_INVALID, "the array \"%s\" of views lacks buffers", name_of(schema));
  out->view = (struct lam_view){.type = type,
                                .length = array->length,
                                .offset = array->offset,
                                .null_count = array->null_count,
                                .validity = array->null_count ? array->buffers[0] : NULL,
                                .array = array,
                                .schema = schema};
  out->views = array->buffers[1];
  out->buffers = array->buffers + 2;
  out->buffer_count = array->n_buffers - 3;
  out->lengths = array->buffers[array->n_buffers - 1];
  return LAM_OK;
}

/* A view is int32 length, then up to 12 bytes; or 4 bytes of prefix, int32 buffer, int32 offset. */
static enum lam_status values_bytes(const struct values *values, int64_t row, struct lam_bytes *out,
                                    struct lam_error *error) {
  enum { INLINE = 12 };
  if (!values->views) {
    *out = lam_view_bytes(&values->view, row);
    return LAM_OK;
  }
  const uint8_t *p = values->views + (values->view.offset + row) * 16;
  int32_t length = (int32_t)lam_load32(p);
  *out = lam_bytes_of(p + 4, length > 0 ? (size_t)length : 0);
  if (length >= 0 && length <= INLINE) return LAM_OK;
  int32_t buffer = (int32_t)lam_load32(p + 8), offset = (int32_t)lam_load32(p + 12);
  if (length < 0 || buffer < 0 || buffer >= values->buffer_count || offset < 0 ||
      (int64_t)offset + length > values->lengths[buffer])
    return lam_fail(error, LAM_INVALID, "row %" PRId64 " of the array \"%s\" points outside its buffers", row,
                    name_of(values->view.schema));
  out->data = (const uint8_t *)values->buffers[buffer] + offset;
  return LAM_OK;
}

/* The column: rows that are values themselves, or indices into them. */
struct column {
  bool indexed;
  struct lam_view indices;
  struct values values;
};

/* The place of a row's value, or -1 where it is null. */
static enum lam_status place_of(const struct column *column, int64_t row, int64_t *out, struct lam_error *error) {
  int64_t place = row;
  *out = -1;
  if (column->indexed) {
    if (!lam_view_valid(&column->indices, row)) return LAM_OK;
    place = lam_view_index(&column->indices, row);
    if (place < 0 || place >= column->values.view.length)
      return lam_fail(error, LAM_INVALID,
                      "row %" PRId64 " of the array \"%s\" has index %" PRId64 " into a dictionary of %" PRId64, row,
                      name_of(column->indices.schema), place, column->values.view.length);
  }
  if (lam_view_valid(&column->values.view, place)) *out = place;
  return LAM_OK;
}

static enum lam_status column_init(const struct ArrowSchema *schema, const struct ArrowArray *array, struct column *out,
                                   struct lam_error *error) {
  memset(out, 0, sizeof *out);
  out->indexed = schema->dictionary != NULL;
  if (!out->indexed) return values_init(schema, array, &out->values, error);
  LAM_TRY(lam_view_init(schema, array, &out->indices, error));
  enum lam_type_id id = out->indices.type.id;
  if (id < LAM_TYPE_INT8 || id > LAM_TYPE_UINT64)
    return lam_fail(error, LAM_INVALID, "the indices of the dictionary column \"%s\" are not integers",
                    name_of(schema));
  LAM_TRY(values_init(schema->dictionary, array->dictionary, &out->values, error));
  if (schema->dictionary->dictionary || lam_type_is_nested(out->values.view.type.id))
    return lam_fail(error, LAM_UNSUPPORTED, "the dictionary of column \"%s\" holds nested values", name_of(schema));
  return LAM_OK;
}

/* The type of the plain column: strings become large ones where they pass 2^31 - 1 bytes. */
static enum lam_status plain_type(const struct column *column, int64_t rows, struct lam_type *out,
                                  struct lam_error *error) {
  *out = column->values.view.type;
  if (out->id == LAM_TYPE_STRING_VIEW) out->id = LAM_TYPE_STRING;
  if (out->id == LAM_TYPE_BINARY_VIEW) out->id = LAM_TYPE_BINARY;
  if (out->id != LAM_TYPE_STRING && out->id != LAM_TYPE_BINARY) return LAM_OK;
  int64_t total = 0, place;
  struct lam_bytes bytes;
  for (int64_t row = 0; row < rows; row++) {
    LAM_TRY(place_of(column, row, &place, error));
    if (place < 0) continue;
    LAM_TRY(values_bytes(&column->values, place, &bytes, error));
    total += (int64_t)bytes.size;
  }
  if (total > INT32_MAX) out->id = out->id == LAM_TYPE_STRING ? LAM_TYPE_LARGE_STRING : LAM_TYPE_LARGE_BINARY;
  return LAM_OK;
}

static enum lam_status append(const struct column *column, int64_t row, struct lam_builder *builder,
                              struct lam_error *error) {
  const struct lam_view *view = &column->values.view;
  int64_t place;
  LAM_TRY(place_of(column, row, &place, error));
  if (place < 0) return lam_builder_null(builder, error);
  if (builder->type.id == LAM_TYPE_BOOL)
    return lam_builder_bool(builder, lam_bit_get(view->data, view->offset + place), error);
  if (!lam_type_is_binary(builder->type.id))
    return lam_builder_fixed(builder, (const uint8_t *)view->data + (size_t)(view->offset + place) * builder->width,
                             error);
  struct lam_bytes bytes;
  LAM_TRY(values_bytes(&column->values, place, &bytes, error));
  return lam_builder_bytes(builder, bytes, error);
}

static enum lam_status build(struct lam_mem *mem, const struct column *column, const struct lam_type *type,
                             int64_t rows, struct ArrowArray *out, struct lam_error *error) {
  struct lam_builder builder;
  enum lam_status status = lam_builder_init(&builder, mem, type, error);
  for (int64_t row = 0; status == LAM_OK && row < rows; row++) status = append(column, row, &builder, error);
  if (status == LAM_OK) status = lam_builder_finish(&builder, out, error);
  lam_builder_release(&builder);
  return status;
}

/* Nested columns are taken as they are when all that is in them is plain. */
static enum lam_status check_nested(const struct ArrowSchema *schema, const struct ArrowArray *array, int depth,
                                    struct lam_error *error) {
  enum { DEEPEST = 64 };
  struct lam_view view;
  if (depth > DEEPEST)
    return lam_fail(error, LAM_UNSUPPORTED, "column \"%s\" is nested deeper than %d levels", name_of(schema), DEEPEST);
  if (schema->dictionary)
    return lam_fail(error, LAM_UNSUPPORTED, "dictionaries within nested columns are not supported (\"%s\")",
                    name_of(schema));
  LAM_TRY(lam_view_init(schema, array, &view, error));
  for (int64_t i = 0; i < schema->n_children; i++)
    LAM_TRY(check_nested(schema->children[i], array->children[i], depth + 1, error));
  return LAM_OK;
}

enum lam_status lam_array_plain(struct lam_mem *mem, const struct ArrowSchema *schema, const struct ArrowArray *array,
                                struct ArrowSchema *out_schema, struct ArrowArray *out, bool *changed,
                                struct lam_error *error) {
  memset(out_schema, 0, sizeof *out_schema);
  memset(out, 0, sizeof *out);
  *changed = false;
  struct lam_type type;
  struct column column;
  LAM_TRY(lam_type_parse(schema, &type, error));
  if (!schema->dictionary && !is_views(type.id)) return check_nested(schema, array, 0, error);
  LAM_TRY(column_init(schema, array, &column, error));
  LAM_TRY(plain_type(&column, array->length, &type, error));
  LAM_TRY(lam_schema_init(&type, name_of(schema), schema->flags & ARROW_FLAG_NULLABLE, out_schema, error));
  enum lam_status status = lam_schema_copy_metadata(schema, out_schema, error);
  if (status == LAM_OK) status = build(mem, &column, &type, array->length, out, error);
  if (status != LAM_OK)
    lam_schema_release(out_schema);
  else
    *changed = true;
  return status;
}
