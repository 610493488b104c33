#include "arrow/filter.h"

#include <assert.h>

#include "arrow/cast.h"
#include "arrow/take.h"
#include "base/kernel.h"

/* ---- bitmaps to indices ---- */

/* Writes up to 7 indices behind the last one. */
LAM_KERNEL static size_t bits_to_indices(const uint8_t *bits, int64_t rows, int32_t *out) {
  int32_t *to = out;
  for (int64_t base = 0; base < rows; base += 64) {
    uint64_t word = 0;
    memcpy(&word, bits + base / 8, rows - base >= 64 ? 8 : (size_t)(rows - base + 7) / 8);
    if (rows - base < 64) word &= ((uint64_t)1 << (rows - base)) - 1;
    int32_t *end = to + __builtin_popcountll(word);
    while (word) {
      for (int i = 0; i < 4; i++) { /* four at a time, whether there are so many or not: a branch costs more */
        to[i] = (int32_t)base + (word ? __builtin_ctzll(word) : 0);
        word &= word - 1;
      }
      to += 4;
    }
    to = end;
  }
  return (size_t)(to - out);
}

/* The first set bit; there is one. */
static int64_t first_bit(const uint8_t *bits) {
  int64_t byte = 0;
  while (bits[byte] == 0) byte++;
  return byte * 8 + __builtin_ctz(bits[byte]);
}

enum lam_status lam_selection_of_bits(const uint8_t *bits, int64_t rows, int64_t count, struct lam_buf *buffer,
                                      struct lam_selection *out, struct lam_error *error) {
  *out = (struct lam_selection){.rows = rows, .count = count};
  if (count == 0 || count == rows) return LAM_OK;
  if (rows > INT32_MAX)
    return lam_fail(error, LAM_LIMIT, "a batch of %lld rows to choose from; expected at most 2^31 - 1",
                    (long long)rows);
  out->first = first_bit(bits);
  if (out->first + count <= rows && lam_bits_count(bits, out->first, count) == count) return LAM_OK;
  LAM_TRY(lam_buf_reset(buffer, ((size_t)count + 8) * sizeof(int32_t), error));
  int32_t *indices = (int32_t *)(void *)buffer->data;
  size_t found = bits_to_indices(bits, rows, indices);
  assert(found == (size_t)count);
  (void)found;
  out->indices = indices;
  return LAM_OK;
}

/* ---- copying ---- */

#define COPY_CHOSEN(name, type)                                                                   \
  LAM_KERNEL static void name(const type *from, const int32_t *indices, size_t count, type *to) { \
    for (size_t i = 0; i < count; i++) to[i] = from[indices[i]];                                  \
  }
COPY_CHOSEN(copy8, uint8_t)
COPY_CHOSEN(copy16, uint16_t)
COPY_CHOSEN(copy32, uint32_t)
COPY_CHOSEN(copy64, uint64_t)

static void copy_wide(const uint8_t *from, size_t width, const int32_t *indices, size_t count, uint8_t *to) {
  if (width == 16)
    for (size_t i = 0; i < count; i++) memcpy(to + i * 16, from + (size_t)indices[i] * 16, 16);
  else
    for (size_t i = 0; i < count; i++) memcpy(to + i * width, from + (size_t)indices[i] * width, width);
}

/* The last byte's bits behind the last row are 0. */
LAM_KERNEL static void copy_bits(const uint8_t *from, int64_t offset, const int32_t *indices, size_t count,
                                 uint8_t *to) {
  for (; count > 0; to++) {
    size_t n = count < 8 ? count : 8;
    unsigned byte = 0;
    for (size_t i = 0; i < n; i++) {
      int64_t at = offset + indices[i];
      byte |= ((unsigned)from[at >> 3] >> (at & 7) & 1u) << i;
    }
    *to = (uint8_t)byte;
    indices += n;
    count -= n;
  }
}

enum { SHORT = 16 }; /* bytes copied without asking for the length, where both sides have them */

/* The offsets of the rows chosen, and then their bytes, behind which there is room for SHORT more. */
#define BINARY(bits)                                                                                                  \
  static int64_t sum_lengths##bits(const int##bits##_t *ends, const struct lam_selection *selection,                  \
                                   int##bits##_t *to) {                                                               \
    int64_t at = 0;                                                                                                   \
    for (int64_t i = 0; i < selection->count; i++) {                                                                  \
      int64_t row = selection->indices[i];                                                                            \
      to[i] = (int##bits##_t)at;                                                                                      \
      at += ends[row + 1] - ends[row];                                                                                \
    }                                                                                                                 \
    to[selection->count] = (int##bits##_t)at;                                                                         \
    return at;                                                                                                        \
  }                                                                                                                   \
  static void copy_binary##bits(const uint8_t *from, int64_t end, const int##bits##_t *ends,                          \
                                const struct lam_selection *selection, const int##bits##_t *offsets, uint8_t *data) { \
    for (int64_t i = 0; i < selection->count; i++) {                                                                  \
      int64_t begin = ends[selection->indices[i]], size = offsets[i + 1] - offsets[i];                                \
      if (size <= SHORT && begin + SHORT <= end)                                                                      \
        memcpy(data + offsets[i], from + begin, SHORT);                                                               \
      else                                                                                                            \
        lam_copy(data + offsets[i], from + begin, (size_t)size);                                                      \
    }                                                                                                                 \
  }
BINARY(32)
BINARY(64)

static enum lam_status filter_binary(struct lam_mem *mem, const struct lam_view *view,
                                     const struct lam_selection *selection, struct lam_shared **to,
                                     struct lam_error *error) {
  const int32_t *ends32 = view->offsets32 ? view->offsets32 + view->offset : NULL;
  const int64_t *ends64 = view->offsets64 ? view->offsets64 + view->offset : NULL;
  assert(ends32 || ends64);
  LAM_TRY(lam_shared_renew(mem, &to[1], ((size_t)selection->count + 1) * (ends32 ? 4 : 8), 0, error));
  void *offsets = to[1]->data;
  int64_t total = ends32 ? sum_lengths32(ends32, selection, offsets) : sum_lengths64(ends64, selection, offsets);
  if (ends32 && total > INT32_MAX)
    return lam_fail(error, LAM_LIMIT, "%lld bytes of chosen strings in one batch; expected at most 2^31 - 1",
                    (long long)total);
  LAM_TRY(lam_shared_renew(mem, &to[2], (size_t)total + SHORT, 0, error));
  if (ends32)
    copy_binary32(view->data, ends32[view->length], ends32, selection, offsets, to[2]->data);
  else
    copy_binary64(view->data, ends64[view->length], ends64, selection, offsets, to[2]->data);
  return LAM_OK;
}

static enum lam_status filter_fixed(struct lam_mem *mem, const struct lam_view *view,
                                    const struct lam_selection *selection, struct lam_shared **to,
                                    struct lam_error *error) {
  size_t bits = (size_t)lam_type_bits(&view->type), count = (size_t)selection->count, width = bits / 8;
  const uint8_t *from = (const uint8_t *)view->data + (size_t)view->offset * width;
  LAM_TRY(lam_shared_renew(mem, &to[1], bits == 1 ? (count + 7) / 8 : count * width + 1, 0, error));
  uint8_t *data = to[1]->data;
  switch (bits) {
    case 1: copy_bits(view->data, view->offset, selection->indices, count, data); break;
    case 8: copy8(from, selection->indices, count, data); break;
    case 16: copy16((const void *)from, selection->indices, count, (void *)data); break;
    case 32: copy32((const void *)from, selection->indices, count, (void *)data); break;
    case 64: copy64((const void *)from, selection->indices, count, (void *)data); break;
    default: copy_wide(from, width, selection->indices, count, data); break;
  }
  return LAM_OK;
}

/* ---- columns ---- */

static enum lam_status filter_flat(struct lam_mem *mem, const struct lam_view *view, struct ArrowArray *array,
                                   const struct lam_selection *selection, struct lam_shared **to,
                                   struct ArrowArray *out, struct lam_error *error) {
  int64_t count = selection->count, nulls = 0;
  if (view->type.id == LAM_TYPE_NULL) return lam_array_init(count, count, 0, NULL, NULL, out, error);
  if (view->validity && lam_view_null_count(view) > 0) {
    LAM_TRY(lam_shared_renew(mem, &to[0], (size_t)(count + 7) / 8, 0, error));
    copy_bits(view->validity, view->offset, selection->indices, (size_t)count, to[0]->data);
    nulls = count - lam_bits_count(to[0]->data, 0, count);
  }
  bool binary = !array->dictionary && lam_type_is_binary(view->type.id);
  LAM_TRY(binary ? filter_binary(mem, view, selection, to, error) : filter_fixed(mem, view, selection, to, error));
  struct lam_shared *const buffers[] = {nulls ? to[0] : NULL, to[1], to[2]};
  return lam_array_init(count, nulls, binary ? 3 : 2, buffers, array->dictionary, out, error);
}

static void release_nothing(struct ArrowArray *array) {
  (void)array;
}
static void release_no_schema(struct ArrowSchema *schema) {
  (void)schema;
}

/* Nested columns are taken row by row, as the only column of a batch. */
static enum lam_status filter_nested(struct lam_mem *mem, const struct ArrowSchema *schema, struct ArrowArray *array,
                                     const struct lam_selection *selection, struct ArrowArray *out,
                                     struct lam_error *error) {
  struct ArrowSchema column = *schema, *columns = &column;
  struct ArrowSchema batch_schema = {
      .format = "+s", .name = "", .n_children = 1, .children = &columns, .release = release_no_schema};
  const void *no_buffer = NULL;
  struct ArrowArray batch = {.length = array->length,
                             .n_buffers = 1,
                             .buffers = &no_buffer,
                             .n_children = 1,
                             .children = &array,
                             .release = release_nothing};
  struct ArrowArray taken;
  size_t size = (size_t)selection->count * sizeof(struct lam_row);
  void *memory;
  int64_t count;
  LAM_TRY(lam_alloc(mem, size, &memory, error));
  struct lam_row *rows = memory;
  for (int64_t i = 0; i < selection->count; i++) rows[i] = (struct lam_row){0, (uint32_t)selection->indices[i]};
  enum lam_status status =
      lam_take(mem, &batch_schema, &batch, 1, rows, selection->count, UINT64_MAX, &count, &taken, error);
  lam_free(mem, memory, size);
  if (status != LAM_OK) return status;
  assert(count == selection->count);
  *out = *taken.children[0];
  taken.children[0]->release = NULL;
  lam_array_release(&taken);
  return LAM_OK;
}

static void cut(struct ArrowArray *array, int64_t first, int64_t count) {
  if (array->null_count > 0 && count < array->length)
    array->null_count = array->null_count == array->length ? count : -1;
  array->offset += first;
  array->length = count;
}

enum lam_status lam_filter_array(struct lam_mem *mem, const struct ArrowSchema *schema, struct ArrowArray *array,
                                 const struct lam_selection *selection, struct lam_filter_buffers *kept,
                                 struct ArrowArray *out, struct lam_error *error) {
  assert(array->length == selection->rows);
  if (!selection->indices) {
    *out = *array;
    array->release = NULL;
    cut(out, selection->first, selection->count);
    return LAM_OK;
  }
  struct lam_view view;
  struct lam_filter_buffers own = {{NULL}}, *buffers = kept ? kept : &own;
  out->release = NULL;
  enum lam_status status = lam_view_init(schema, array, &view, error);
  if (status == LAM_OK && lam_type_is_nested(view.type.id))
    status = filter_nested(mem, schema, array, selection, out, error);
  else if (status == LAM_OK)
    status = filter_flat(mem, &view, array, selection, buffers->shared, out, error);
  lam_filter_buffers_release(&own);
  lam_array_release(array);
  return status;
}

void lam_filter_buffers_release(struct lam_filter_buffers *buffers) {
  for (int i = 0; i < 3; i++) lam_shared_release(buffers->shared[i]);
  *buffers = (struct lam_filter_buffers){{NULL}};
}

/* ---- sharing, dictionaries ---- */

/* Children and dictionary as they are; those of a struct are cut by its own offset, as Arrow has it. */
static enum lam_status share(const struct ArrowArray *array, struct ArrowArray *out, struct lam_error *error) {
  struct lam_shared *buffers[3] = {NULL};
  struct ArrowArray dictionary = {.release = NULL};
  for (int i = 0; i < array->n_buffers; i++) buffers[i] = lam_array_shared(array, i);
  if (array->dictionary) LAM_TRY(share(array->dictionary, &dictionary, error));
  enum lam_status status;
  if (array->n_children > 0)
    status = lam_array_init_nested(array->length, array->null_count, (int)array->n_buffers, buffers, array->n_children,
                                   out, error);
  else
    status = lam_array_init(array->length, array->null_count, (int)array->n_buffers, buffers,
                            array->dictionary ? &dictionary : NULL, out, error);
  lam_array_release(&dictionary);
  if (status != LAM_OK) return status;
  out->offset = array->offset;
  for (int64_t i = 0; status == LAM_OK && i < array->n_children; i++)
    status = share(array->children[i], out->children[i], error);
  if (status != LAM_OK) lam_array_release(out);
  return status;
}

enum lam_status lam_array_share(const struct ArrowArray *array, int64_t first, int64_t count, struct ArrowArray *out,
                                struct lam_error *error) {
  out->release = NULL;
  LAM_TRY(share(array, out, error));
  cut(out, first, count);
  return LAM_OK;
}

/* Validity of `array` from bit 0 on, NULL where all rows are valid. */
static enum lam_status copy_validity(struct lam_mem *mem, const struct lam_view *view, struct lam_shared **out,
                                     int64_t *nulls, struct lam_error *error) {
  *nulls = lam_view_null_count(view);
  if (*nulls == 0) return LAM_OK;
  LAM_TRY(lam_shared_renew(mem, out, (size_t)(view->length + 7) / 8, 0, error));
  lam_bits_copy((*out)->data, 0, view->validity, view->offset, view->length);
  return LAM_OK;
}

static enum lam_status decode(struct lam_mem *mem, const struct lam_view *indices, const struct lam_view *values,
                              struct lam_shared **to, struct ArrowArray *out, struct lam_error *error) {
  int64_t nulls;
  struct lam_selection selection = {
      .rows = values->length, .count = indices->length, .indices = (const int32_t *)indices->data + indices->offset};
  bool binary = lam_type_is_binary(values->type.id);
  LAM_TRY(copy_validity(mem, indices, &to[0], &nulls, error));
  LAM_TRY(binary ? filter_binary(mem, values, &selection, to, error)
                 : filter_fixed(mem, values, &selection, to, error));
  struct lam_shared *const buffers[] = {nulls ? to[0] : NULL, to[1], to[2]};
  return lam_array_init(indices->length, nulls, binary ? 3 : 2, buffers, NULL, out, error);
}

enum lam_status lam_dictionary_decode(struct lam_mem *mem, const struct ArrowSchema *schema, struct ArrowArray *array,
                                      struct lam_filter_buffers *kept, struct ArrowArray *out,
                                      struct lam_error *error) {
  struct lam_view indices, values;
  struct lam_filter_buffers own = {{NULL}}, *buffers = kept ? kept : &own;
  out->release = NULL;
  enum lam_status status = lam_view_init(schema, array, &indices, error);
  if (status == LAM_OK) status = lam_view_dictionary(&indices, &values, error);
  if (status == LAM_OK && values.length == 0) /* then there are no indices but of NULLs */
    status = lam_array_nulls(mem, schema->dictionary, array->length, out, error);
  else if (status == LAM_OK)
    status = decode(mem, &indices, &values, buffers->shared, out, error);
  lam_filter_buffers_release(&own);
  lam_array_release(array);
  return status;
}

enum lam_status lam_dictionary_of_rows(struct lam_mem *mem, struct ArrowArray *values, struct ArrowArray *out,
                                       struct lam_error *error) {
  struct lam_shared *buffers[2] = {NULL, NULL};
  int64_t rows = values->length, nulls = 0;
  out->release = NULL;
  enum lam_status status = lam_shared_create(mem, (size_t)rows * sizeof(int32_t) + 1, &buffers[1], error);
  if (status == LAM_OK && values->null_count != 0 && values->n_buffers > 0 && values->buffers[0]) {
    status = lam_shared_create(mem, (size_t)(rows + 7) / 8, &buffers[0], error);
    if (status == LAM_OK) {
      lam_bits_copy(buffers[0]->data, 0, values->buffers[0], values->offset, rows);
      nulls = rows - lam_bits_count(buffers[0]->data, 0, rows);
    }
  }
  if (status == LAM_OK) {
    for (int64_t i = 0; i < rows; i++) ((int32_t *)(void *)buffers[1]->data)[i] = (int32_t)i;
    status = lam_array_init(rows, nulls, 2, buffers, values, out, error);
  }
  lam_shared_release(buffers[0]);
  lam_shared_release(buffers[1]);
  lam_array_release(values);
  return status;
}
