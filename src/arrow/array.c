#include "arrow/array.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/error.h"

/* ---- views ---- */

/* Buffers and children that a type has. */
struct layout {
  int buffers, children;
};

static struct layout layout_of(enum lam_type_id id) {
  switch (id) {
    case LAM_TYPE_NULL: return (struct layout){0, 0};
    case LAM_TYPE_STRING:
    case LAM_TYPE_LARGE_STRING:
    case LAM_TYPE_BINARY:
    case LAM_TYPE_LARGE_BINARY: return (struct layout){3, 0};
    case LAM_TYPE_LIST:
    case LAM_TYPE_LARGE_LIST:
    case LAM_TYPE_MAP: return (struct layout){2, 1};
    case LAM_TYPE_FIXED_LIST: return (struct layout){1, 1};
    case LAM_TYPE_STRUCT: return (struct layout){1, -1}; /* as many as its schema says */
    default: return (struct layout){2, 0};
  }
}

static const char *name_of(const struct ArrowSchema *schema) {
  return schema->name ? schema->name : "";
}

static enum lam_status check_counts(const struct ArrowSchema *schema, const struct ArrowArray *array,
                                    struct layout layout, struct lam_error *error) {
  int64_t children = layout.children < 0 ? schema->n_children : layout.children;
  if (array->length < 0 || array->offset < 0 || array->length > INT64_MAX - array->offset)
    return lam_fail(error, LAM_INVALID, "the array \"%s\" has a length of %" PRId64 " and an offset of %" PRId64,
                    name_of(schema), array->length, array->offset);
  if (array->n_buffers != layout.buffers)
    return lam_fail(error, LAM_INVALID, "the array \"%s\" of format \"%s\" has %" PRId64 " buffers, not %d",
                    name_of(schema), schema->format, array->n_buffers, layout.buffers);
  if (array->n_children != children || schema->n_children != children)
    return lam_fail(error, LAM_INVALID, "the array \"%s\" of format \"%s\" has %" PRId64 " children, not %" PRId64,
                    name_of(schema), schema->format, array->n_children, children);
  if (!schema->dictionary != !array->dictionary)
    return lam_fail(error, LAM_INVALID, "the array \"%s\" and its schema differ in having a dictionary",
                    name_of(schema));
  return LAM_OK;
}

/* The last offset of the rows, less the first. */
static int64_t byte_span(const struct lam_view *view) {
  int64_t end = view->offset + view->length;
  if (view->offsets32) return (int64_t)view->offsets32[end] - view->offsets32[view->offset];
  return view->offsets64[end] - view->offsets64[view->offset];
}

static enum lam_status missing(const struct lam_view *view, const char *what, struct lam_error *error) {
  return lam_fail(error, LAM_INVALID, "the array \"%s\" of %" PRId64 " rows has no %s buffer", name_of(view->schema),
                  view->length, what);
}

static enum lam_status set_buffers(struct lam_view *view, struct layout layout, struct lam_error *error) {
  const struct ArrowArray *array = view->array;
  enum lam_type_id id = view->type.id;
  bool wide = id == LAM_TYPE_LARGE_STRING || id == LAM_TYPE_LARGE_BINARY || id == LAM_TYPE_LARGE_LIST;
  bool bytes = layout.buffers == 3, offsets = bytes || (layout.buffers == 2 && layout.children == 1);
  if (layout.buffers >= 1 && view->null_count != 0) view->validity = array->buffers[0];
  if (layout.buffers >= 1 && !array->buffers[0]) {
    if (view->null_count > 0 && view->length > 0) return missing(view, "validity", error);
    view->null_count = 0;
  }
  if (layout.buffers < 2) return LAM_OK;
  if (!offsets) {
    view->data = array->buffers[1];
    if (!view->data && view->length > 0 && lam_type_bits(&view->type) > 0) return missing(view, "values", error);
    return LAM_OK;
  }
  if (wide)
    view->offsets64 = array->buffers[1];
  else
    view->offsets32 = array->buffers[1];
  if (bytes) view->data = array->buffers[2];
  if (view->length == 0) return LAM_OK;
  if (!array->buffers[1]) return missing(view, "offsets", error);
  if (bytes && !view->data && byte_span(view) != 0) return missing(view, "values", error);
  static const uint8_t nothing; /* arithmetic on a NULL is undefined, even with 0 */
  if (bytes && !view->data) view->data = &nothing;
  return LAM_OK;
}

enum lam_status lam_view_init(const struct ArrowSchema *schema, const struct ArrowArray *array, struct lam_view *out,
                              struct lam_error *error) {
  struct lam_view view = {.array = array, .schema = schema};
  memset(out, 0, sizeof *out);
  if (!schema->release || !array->release)
    return lam_fail(error, LAM_INVALID, "the array \"%s\" has been released", name_of(schema));
  LAM_TRY(lam_type_parse(schema, &view.type, error));
  if (view.type.id == LAM_TYPE_STRING_VIEW || view.type.id == LAM_TYPE_BINARY_VIEW)
    return lam_fail(error, LAM_UNSUPPORTED, "the array \"%s\" of string or binary views has to be made plain first",
                    name_of(schema));
  struct layout layout = layout_of(view.type.id);
  LAM_TRY(check_counts(schema, array, layout, error));
  view.length = array->length;
  view.offset = array->offset;
  view.null_count = view.type.id == LAM_TYPE_NULL ? array->length : array->null_count;
  view.dictionary_array = array->dictionary;
  view.dictionary_schema = schema->dictionary;
  LAM_TRY(set_buffers(&view, layout, error));
  *out = view;
  return LAM_OK;
}

enum lam_status lam_view_dictionary(const struct lam_view *view, struct lam_view *out, struct lam_error *error) {
  memset(out, 0, sizeof *out);
  if (!view->dictionary_array)
    return lam_fail(error, LAM_INVALID, "the array \"%s\" has no dictionary", name_of(view->schema));
  return lam_view_init(view->dictionary_schema, view->dictionary_array, out, error);
}

int64_t lam_view_index(const struct lam_view *view, int64_t row) {
  int64_t i = view->offset + row;
  switch (view->type.id) {
    case LAM_TYPE_INT8: return ((const int8_t *)view->data)[i];
    case LAM_TYPE_INT16: return ((const int16_t *)view->data)[i];
    case LAM_TYPE_INT32: return ((const int32_t *)view->data)[i];
    case LAM_TYPE_INT64: return ((const int64_t *)view->data)[i];
    case LAM_TYPE_UINT8: return ((const uint8_t *)view->data)[i];
    case LAM_TYPE_UINT16: return ((const uint16_t *)view->data)[i];
    case LAM_TYPE_UINT32: return ((const uint32_t *)view->data)[i];
    case LAM_TYPE_UINT64: return (int64_t)((const uint64_t *)view->data)[i];
    default: return -1;
  }
}

int64_t lam_view_null_count(const struct lam_view *view) {
  if (view->null_count >= 0) return view->null_count;
  if (!view->validity) return 0;
  return view->length - lam_bits_count(view->validity, view->offset, view->length);
}

/* ---- arrays ---- */

struct owned {
  int64_t count;
  struct lam_shared **shared; /* behind the buffers */
  int64_t *lengths;           /* of the buffers that views point into, which are the last buffer */
  const void *buffers[];
};

/* Children and dictionary are structs of ours, whose contents a consumer may have moved away. */
static void release_array(struct ArrowArray *array) {
  for (int64_t i = 0; array->children && i < array->n_children; i++) {
    if (array->children[i]) lam_array_release(array->children[i]);
    free(array->children[i]);
  }
  free(array->children);
  if (array->dictionary) lam_array_release(array->dictionary);
  free(array->dictionary);
  struct owned *owned = array->private_data;
  for (int64_t i = 0; i < owned->count; i++) lam_shared_release(owned->shared[i]);
  free(owned->lengths);
  free(owned);
  memset(array, 0, sizeof *array);
}

static enum lam_status no_memory(struct ArrowArray *out, struct lam_error *error) {
  if (out->release) lam_array_release(out);
  return lam_fail(error, LAM_NO_MEMORY, "no memory for an array");
}

static enum lam_status init(int64_t length, int64_t null_count, int64_t buffer_count, struct ArrowArray *out,
                            struct lam_error *error) {
  *out = (struct ArrowArray){.length = length, .null_count = null_count, .n_buffers = buffer_count};
  struct owned *owned = calloc(1, sizeof *owned + 2 * (size_t)buffer_count * sizeof(void *));
  if (!owned) return no_memory(out, error);
  owned->count = buffer_count;
  owned->shared = (struct lam_shared **)(void *)(owned->buffers + buffer_count);
  out->private_data = owned;
  out->buffers = owned->buffers;
  out->release = release_array;
  return LAM_OK;
}

static void set_buffer(struct owned *owned, int64_t index, struct lam_shared *shared) {
  if (!shared) return;
  owned->shared[index] = lam_shared_retain(shared);
  owned->buffers[index] = shared->data;
}

enum lam_status lam_array_init(int64_t length, int64_t null_count, int buffer_count, struct lam_shared *const *buffers,
                               struct ArrowArray *dictionary, struct ArrowArray *out, struct lam_error *error) {
  LAM_TRY(init(length, null_count, buffer_count, out, error));
  if (dictionary) {
    out->dictionary = malloc(sizeof *out->dictionary);
    if (!out->dictionary) return no_memory(out, error);
    *out->dictionary = *dictionary;
    dictionary->release = NULL;
  }
  for (int i = 0; i < buffer_count; i++) set_buffer(out->private_data, i, buffers[i]);
  return LAM_OK;
}

enum lam_status lam_array_init_fixed(struct lam_mem *mem, size_t width, int64_t rows, void **values,
                                     struct ArrowArray *out, struct lam_error *error) {
  struct lam_shared *buffers[2] = {NULL, NULL};
  out->release = NULL;
  LAM_TRY(lam_shared_create(mem, (size_t)rows * width, &buffers[1], error));
  *values = buffers[1]->data;
  enum lam_status status = lam_array_init(rows, 0, 2, buffers, NULL, out, error);
  lam_shared_release(buffers[1]);
  return status;
}

enum lam_status lam_array_init_views(int64_t length, int64_t null_count, struct lam_shared *validity,
                                     struct lam_shared *views, const struct lam_view_buffer *buffers, size_t count,
                                     struct ArrowArray *out, struct lam_error *error) {
  LAM_TRY(init(length, null_count, (int64_t)count + 3, out, error));
  struct owned *owned = out->private_data;
  owned->lengths = calloc(count + 1, sizeof *owned->lengths); /* never NULL, which importers take for damage */
  if (!owned->lengths) return no_memory(out, error);
  set_buffer(owned, 0, validity);
  set_buffer(owned, 1, views);
  for (size_t i = 0; i < count; i++) {
    set_buffer(owned, (int64_t)i + 2, buffers[i].shared);
    owned->lengths[i] = (int64_t)buffers[i].size;
  }
  owned->buffers[count + 2] = owned->lengths;
  return LAM_OK;
}

struct lam_shared *lam_array_shared(const struct ArrowArray *array, int index) {
  const struct owned *owned = array->private_data;
  return array->release == release_array && index < owned->count ? owned->shared[index] : NULL;
}

enum lam_status lam_array_init_nested(int64_t length, int64_t null_count, int buffer_count,
                                      struct lam_shared *const *buffers, int64_t count, struct ArrowArray *out,
                                      struct lam_error *error) {
  LAM_TRY(lam_array_init(length, null_count, buffer_count, buffers, NULL, out, error));
  if (count == 0) return LAM_OK;
  out->children = calloc((size_t)count, sizeof *out->children);
  if (!out->children) return no_memory(out, error);
  out->n_children = count;
  for (int64_t i = 0; i < count; i++) {
    out->children[i] = calloc(1, sizeof **out->children);
    if (!out->children[i]) return no_memory(out, error);
  }
  return LAM_OK;
}

enum lam_status lam_array_init_struct(int64_t length, int64_t count, struct ArrowArray *out, struct lam_error *error) {
  struct lam_shared *const buffers[] = {NULL};
  return lam_array_init_nested(length, 0, 1, buffers, count, out, error);
}
