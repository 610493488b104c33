/* Arrays of the Arrow C data interface: views for reading them, and making them from shared buffers. */
#ifndef LAM_ARROW_ARRAY_H
#define LAM_ARROW_ARRAY_H

#include "arrow/type.h"
#include "base/memory.h"
#include "base/ranges.h"

/* Typed pointers into one array. Row i of the view is at index offset + i of the buffers. A view is
 * borrowed: it is good as long as its array is. */
struct lam_view {
  struct lam_type type; /* of the values; for a dictionary, of the indices */
  int64_t length, offset;
  int64_t null_count;                        /* -1 unknown */
  const uint8_t *validity;                   /* bitmap, or NULL: all valid (of type null: none) */
  const void *data;                          /* fixed-width values, or the bytes of strings */
  const int32_t *offsets32;                  /* string, binary, list, map */
  const int64_t *offsets64;                  /* large_* */
  const struct ArrowArray *dictionary_array; /* NULL unless dictionary-encoded */
  const struct ArrowSchema *dictionary_schema;
  const struct ArrowArray *array;
  const struct ArrowSchema *schema;
};

/* Checks that the array has the buffers and children that its schema asks for (contents are trusted:
 * the C interface carries no sizes). string_view and binary_view are LAM_UNSUPPORTED here; see
 * lam_array_plain. */
enum lam_status lam_view_init(const struct ArrowSchema *schema, const struct ArrowArray *array, struct lam_view *out,
                              struct lam_error *error);
/* The view of the dictionary's values. */
enum lam_status lam_view_dictionary(const struct lam_view *view, struct lam_view *out, struct lam_error *error);

static inline bool lam_view_valid(const struct lam_view *view, int64_t row) {
  return view->validity ? lam_bit_get(view->validity, view->offset + row) : view->type.id != LAM_TYPE_NULL;
}
/* The bytes of a string, binary or fixed-size binary row; not for dictionaries. */
static inline struct lam_bytes lam_view_bytes(const struct lam_view *view, int64_t row) {
  int64_t i = view->offset + row;
  const uint8_t *data = (const uint8_t *)view->data;
  if (view->offsets32)
    return (struct lam_bytes){data + view->offsets32[i], (size_t)(view->offsets32[i + 1] - view->offsets32[i])};
  if (view->offsets64)
    return (struct lam_bytes){data + view->offsets64[i], (size_t)(view->offsets64[i + 1] - view->offsets64[i])};
  return (struct lam_bytes){data + i * view->type.byte_width, (size_t)view->type.byte_width};
}
/* The entries of the child that list or map `row` has, without the child's own offset. */
static inline struct lam_range lam_view_entries(const struct lam_view *view, int64_t row) {
  int64_t i = view->offset + row;
  if (view->offsets32) return (struct lam_range){view->offsets32[i], view->offsets32[i + 1]};
  if (view->offsets64) return (struct lam_range){view->offsets64[i], view->offsets64[i + 1]};
  return (struct lam_range){i * view->type.byte_width, (i + 1) * view->type.byte_width};
}
/* Index into the dictionary of a row of any integer index type. */
int64_t lam_view_index(const struct lam_view *view, int64_t row);
/* Nulls among all rows, counted where the array does not say. */
int64_t lam_view_null_count(const struct lam_view *view);

/* Makes an array of up to three shared buffers, each retained (NULL is allowed: no buffer). The
 * released array releases them. `dictionary` is moved in where not NULL. */
enum lam_status lam_array_init(int64_t length, int64_t null_count, int buffer_count, struct lam_shared *const *buffers,
                               struct ArrowArray *dictionary, struct ArrowArray *out, struct lam_error *error);
/* Makes an array of values of `width` bytes without NULLs, which the caller fills in. */
enum lam_status lam_array_init_fixed(struct lam_mem *mem, size_t width, int64_t rows, void **values,
                                     struct ArrowArray *out, struct lam_error *error);
/* A buffer that string and binary views point into, of which `size` bytes are meant. */
struct lam_view_buffer {
  struct lam_shared *shared;
  size_t size;
};
/* The same of views (16 bytes each) into `count` such buffers, each retained. */
enum lam_status lam_array_init_views(int64_t length, int64_t null_count, struct lam_shared *validity,
                                     struct lam_shared *views, const struct lam_view_buffer *buffers, size_t count,
                                     struct ArrowArray *out, struct lam_error *error);
/* Buffer `index` of an array that lam_array_init made, still the maker's and the array's (retain it to keep it); NULL
 * of any other array. While it is held its bytes do not change, which a pointer alone does not promise. */
struct lam_shared *lam_array_shared(const struct ArrowArray *array, int index);
/* The same with `count` children, each released (empty) until the caller moves one in. */
enum lam_status lam_array_init_nested(int64_t length, int64_t null_count, int buffer_count,
                                      struct lam_shared *const *buffers, int64_t count, struct ArrowArray *out,
                                      struct lam_error *error);
/* A struct array without NULLs of `count` children, each released (empty) until the caller moves one in. */
enum lam_status lam_array_init_struct(int64_t length, int64_t count, struct ArrowArray *out, struct lam_error *error);

static inline void lam_array_release(struct ArrowArray *array) {
  if (array->release) array->release(array);
}
static inline void lam_schema_release(struct ArrowSchema *schema) {
  if (schema->release) schema->release(schema);
}
/* The first child that is called so, of those that have a name; -1: none is. */
int64_t lam_schema_find(const struct ArrowSchema *schema, const char *name);

/* An array as the engine takes them: views become strings, dictionaries of any index type become their
 * values, run-end-encoded is refused. `array` is left alone where it is plain already: *out is then
 * released and *changed false. */
enum lam_status lam_array_plain(struct lam_mem *mem, const struct ArrowSchema *schema, const struct ArrowArray *array,
                                struct ArrowSchema *out_schema, struct ArrowArray *out, bool *changed,
                                struct lam_error *error);

/* A builder of one flat column, for CSV and JSON readers and for tests. Its buffers become the array's
 * without a copy, and are reused once that array has been released. */
struct lam_builder_buffer {
  struct lam_shared *shared; /* what `data` is in, or what was given out and may come back */
  uint8_t *data;
  size_t size, capacity;
};
struct lam_builder {
  struct lam_type type;
  struct lam_mem *mem;
  int64_t length, null_count;
  struct lam_builder_buffer validity, offsets, data; /* validity is empty until the first null */
  size_t width;                                      /* bytes of a fixed-width value */
  bool large;                                        /* 64-bit offsets */
};
enum lam_status lam_builder_init(struct lam_builder *builder, struct lam_mem *mem, const struct lam_type *type,
                                 struct lam_error *error);
void lam_builder_release(struct lam_builder *builder);
enum lam_status lam_builder_null(struct lam_builder *builder, struct lam_error *error);
enum lam_status lam_builder_bool(struct lam_builder *builder, bool value, struct lam_error *error);
/* `value` has the type's width; not for booleans, strings and binaries. */
enum lam_status lam_builder_fixed(struct lam_builder *builder, const void *value, struct lam_error *error);
/* LAM_LIMIT where 32-bit offsets would pass 2^31 - 1 bytes. */
enum lam_status lam_builder_bytes(struct lam_builder *builder, struct lam_bytes value, struct lam_error *error);
/* Moves what was built into an array and leaves an empty builder. */
enum lam_status lam_builder_finish(struct lam_builder *builder, struct ArrowArray *out, struct lam_error *error);

#endif
