#include "arrow/take.h"

/* The views of one column over all sources. */
struct column {
  const struct lam_view *views;
  const struct lam_row *rows;
  int64_t count;
};

static enum lam_status take_validity(struct lam_mem *mem, const struct column *column, uint32_t source_count,
                                     struct lam_shared **out, int64_t *null_count, struct lam_error *error) {
  *out = NULL;
  *null_count = 0;
  bool nullable = false;
  for (uint32_t s = 0; s < source_count && !nullable; s++) nullable = column->views[s].validity != NULL;
  if (!nullable) return LAM_OK;
  size_t size = (size_t)(column->count + 7) / 8;
  LAM_TRY(lam_shared_create(mem, size, out, error));
  memset((*out)->data, 0, size);
  int64_t valid = 0;
  for (int64_t i = 0; i < column->count; i++) {
    if (!lam_view_valid(&column->views[column->rows[i].source], column->rows[i].row)) continue;
    lam_bit_set((*out)->data, i);
    valid++;
  }
  *null_count = column->count - valid;
  return LAM_OK;
}

#define TAKE_FIXED(type)                                                      \
  do {                                                                        \
    type *to = (type *)(void *)out->data;                                     \
    for (int64_t i = 0; i < column->count; i++) {                             \
      const struct lam_view *view = &column->views[column->rows[i].source];   \
      to[i] = ((const type *)view->data)[view->offset + column->rows[i].row]; \
    }                                                                         \
  } while (0)

static void take_bits(const struct column *column, struct lam_shared *out) {
  memset(out->data, 0, (size_t)(column->count + 7) / 8);
  for (int64_t i = 0; i < column->count; i++) {
    const struct lam_view *view = &column->views[column->rows[i].source];
    if (lam_bit_get(view->data, view->offset + column->rows[i].row)) lam_bit_set(out->data, i);
  }
}

static void take_wide(const struct column *column, size_t width, struct lam_shared *out) {
  for (int64_t i = 0; i < column->count; i++) {
    const struct lam_view *view = &column->views[column->rows[i].source];
    size_t at = (size_t)(view->offset + column->rows[i].row) * width;
    memcpy(out->data + (size_t)i * width, (const uint8_t *)view->data + at, width);
  }
}

static enum lam_status take_fixed(struct lam_mem *mem, const struct column *column, int bits, struct lam_shared **data,
                                  struct lam_error *error) {
  size_t size;
  if (lam_mul_overflow((size_t)column->count, (size_t)bits, &size))
    return lam_fail(error, LAM_LIMIT, "a batch of %lld rows", (long long)column->count);
  LAM_TRY(lam_shared_create(mem, size / 8 + 1, data, error));
  struct lam_shared *out = *data;
  switch (bits) {
    case 1: take_bits(column, out); break;
    case 8: TAKE_FIXED(uint8_t); break;
    case 16: TAKE_FIXED(uint16_t); break;
    case 32: TAKE_FIXED(uint32_t); break;
    case 64: TAKE_FIXED(uint64_t); break;
    default: take_wide(column, (size_t)bits / 8, out); break;
  }
  return LAM_OK;
}

static enum lam_status take_binary(struct lam_mem *mem, const struct column *column, bool large,
                                   struct lam_shared **offsets, struct lam_shared **data, struct lam_error *error) {
  uint64_t total = 0;
  for (int64_t i = 0; i < column->count; i++)
    total += lam_view_bytes(&column->views[column->rows[i].source], column->rows[i].row).size;
  if (!large && total > INT32_MAX)
    return lam_fail(error, LAM_LIMIT, "%llu bytes of strings in one batch; its offsets hold 2^31 - 1",
                    (unsigned long long)total);
  LAM_TRY(lam_shared_create(mem, (size_t)(column->count + 1) * (large ? 8 : 4), offsets, error));
  LAM_TRY(lam_shared_create(mem, total, data, error));
  int32_t *narrow = (int32_t *)(void *)(*offsets)->data;
  int64_t *wide = (int64_t *)(void *)(*offsets)->data;
  size_t at = 0;
  for (int64_t i = 0; i < column->count; i++) {
    if (large)
      wide[i] = (int64_t)at;
    else
      narrow[i] = (int32_t)at;
    struct lam_bytes value = lam_view_bytes(&column->views[column->rows[i].source], column->rows[i].row);
    lam_copy((*data)->data + at, value.data, value.size);
    at += value.size;
  }
  if (large)
    wide[column->count] = (int64_t)at;
  else
    narrow[column->count] = (int32_t)at;
  return LAM_OK;
}

static enum lam_status take_column(struct lam_mem *mem, const struct column *column, uint32_t source_count,
                                   struct ArrowArray *out, struct lam_error *error) {
  const struct lam_type *type = &column->views[0].type;
  struct lam_shared *buffers[3] = {NULL, NULL, NULL};
  int64_t null_count;
  int buffer_count = lam_type_is_binary(type->id) ? 3 : type->id == LAM_TYPE_NULL ? 0 : 2;
  enum lam_status status = take_validity(mem, column, source_count, &buffers[0], &null_count, error);
  if (status == LAM_OK && buffer_count == 3) {
    bool large = type->id == LAM_TYPE_LARGE_STRING || type->id == LAM_TYPE_LARGE_BINARY;
    status = take_binary(mem, column, large, &buffers[1], &buffers[2], error);
  } else if (status == LAM_OK && buffer_count == 2) {
    status = take_fixed(mem, column, lam_type_bits(type), &buffers[1], error);
  }
  if (buffer_count == 0) null_count = column->count;
  if (status == LAM_OK) status = lam_array_init(column->count, null_count, buffer_count, buffers, NULL, out, error);
  for (int i = 0; i < 3; i++) lam_shared_release(buffers[i]);
  return status;
}

/* Rows whose values stay within max_bytes, at least one. */
static int64_t fit(const struct lam_view *views, int64_t columns, uint32_t source_count, const struct lam_row *rows,
                   int64_t count, uint64_t max_bytes) {
  uint64_t bytes = 0, fixed_bits = 0;
  bool any = false;
  for (int64_t c = 0; c < columns; c++) {
    const struct lam_type *type = &views[c * source_count].type;
    any = any || lam_type_is_binary(type->id);
    fixed_bits += lam_type_is_binary(type->id) ? 64 : (uint64_t)lam_type_bits(type); /* at most an offset's bits */
  }
  int64_t most = (int64_t)lam_min_u64((uint64_t)count, lam_max_u64(1, max_bytes / (fixed_bits / 8 + 1)));
  for (int64_t i = 0; any && i < most; i++) {
    bytes += fixed_bits / 8;
    for (int64_t c = 0; c < columns; c++) {
      const struct lam_view *view = &views[c * source_count + rows[i].source];
      if (lam_type_is_binary(view->type.id)) bytes += lam_view_bytes(view, rows[i].row).size;
    }
    if (bytes > max_bytes) return i ? i : 1;
  }
  return most;
}

enum lam_status lam_take(struct lam_mem *mem, const struct ArrowSchema *schema, const struct ArrowArray *sources,
                         uint32_t source_count, const struct lam_row *rows, int64_t count, uint64_t max_bytes,
                         int64_t *taken, struct ArrowArray *out, struct lam_error *error) {
  struct lam_arena arena;
  void *memory;
  out->release = NULL;
  lam_arena_init(&arena, mem);
  enum lam_status status =
      lam_arena_array(&arena, (size_t)schema->n_children * source_count, sizeof(struct lam_view), &memory, error);
  struct lam_view *views = memory;
  for (int64_t c = 0; status == LAM_OK && c < schema->n_children; c++) {
    for (uint32_t s = 0; status == LAM_OK && s < source_count; s++)
      status = lam_view_init(schema->children[c], sources[s].children[c], &views[c * source_count + s], error);
  }
  if (status == LAM_OK) {
    *taken = fit(views, schema->n_children, source_count, rows, count, max_bytes);
    status = lam_array_init_struct(*taken, schema->n_children, out, error);
  }
  for (int64_t c = 0; status == LAM_OK && c < schema->n_children; c++) {
    struct column column = {&views[c * source_count], rows, *taken};
    status = take_column(mem, &column, source_count, out->children[c], error);
  }
  if (status != LAM_OK) lam_array_release(out);
  lam_arena_release(&arena);
  return status;
}

uint64_t lam_array_bytes(const struct ArrowSchema *schema, const struct ArrowArray *array) {
  uint64_t bytes = 0;
  for (int64_t c = 0; c < schema->n_children; c++) {
    struct lam_view view;
    if (lam_view_init(schema->children[c], array->children[c], &view, NULL) != LAM_OK) continue;
    bytes += (uint64_t)view.length * (uint64_t)lam_type_bits(&view.type) / 8 + (uint64_t)view.length / 8;
    if (view.offsets32 && view.length)
      bytes += (uint64_t)view.length * 4 +
               (uint64_t)(view.offsets32[view.offset + view.length] - view.offsets32[view.offset]);
    if (view.offsets64 && view.length)
      bytes += (uint64_t)view.length * 8 +
               (uint64_t)(view.offsets64[view.offset + view.length] - view.offsets64[view.offset]);
  }
  return bytes;
}
