#include "arrow/take.h"

#include <assert.h>

#include "arrow/cast.h"

/* The views of one column over all sources. */
struct column {
  const struct lam_view *views;
  uint32_t source_count;
  const struct lam_row *rows;
  int64_t count;
};

/* How many rows from `i` on lie behind one another in one source: sorted data and few changes have long runs, which are
 * copied at once. */
static int64_t run_at(const struct column *column, int64_t i) {
  const struct lam_row *rows = column->rows;
  int64_t end = i + 1;
  while (end < column->count && rows[end].source == rows[i].source && rows[end].row == rows[end - 1].row + 1) end++;
  return end - i;
}

static enum lam_status take_validity(struct lam_mem *mem, const struct column *column, struct lam_shared **out,
                                     int64_t *null_count, struct lam_error *error) {
  *out = NULL;
  *null_count = 0;
  bool nullable = false;
  for (uint32_t s = 0; s < column->source_count && !nullable; s++) nullable = column->views[s].validity != NULL;
  if (!nullable) return LAM_OK;
  size_t size = (size_t)(column->count + 7) / 8;
  LAM_TRY(lam_shared_create(mem, size, out, error));
  memset((*out)->data, 0, size);
  for (int64_t i = 0, run; i < column->count; i += run) {
    const struct lam_view *view = &column->views[column->rows[i].source];
    run = run_at(column, i);
    if (view->validity)
      lam_bits_copy((*out)->data, i, view->validity, view->offset + column->rows[i].row, run);
    else
      lam_bits_fill((*out)->data, i, run, view->type.id != LAM_TYPE_NULL);
  }
  int64_t valid = lam_bits_count((*out)->data, 0, column->count);
  *null_count = column->count - valid;
  return LAM_OK;
}

#define TAKE_FIXED(type)                                                                \
  do {                                                                                  \
    type *to = (type *)(void *)out->data;                                               \
    for (int64_t i = 0, run; i < column->count; i += run) {                             \
      const struct lam_view *view = &column->views[column->rows[i].source];             \
      const type *from = (const type *)view->data + view->offset + column->rows[i].row; \
      run = run_at(column, i);                                                          \
      if (run == 1)                                                                     \
        to[i] = *from;                                                                  \
      else                                                                              \
        memcpy(to + i, from, (size_t)run * sizeof *from);                               \
    }                                                                                   \
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

/* Where the bytes of row `row` begin, or those of the one before end. */
static int64_t bytes_at(const struct lam_view *view, int64_t row) {
  int64_t i = view->offset + row;
  return view->offsets32 ? view->offsets32[i] : view->offsets64[i];
}

/* The bytes of all values are side by side; the offsets, of one of the two widths, follow them. */
static void take_run(const struct lam_view *view, int64_t row, int64_t run, int64_t at, int32_t *narrow,
                     int64_t *wide) {
  int64_t shift = at - bytes_at(view, row);
  for (int64_t k = 0; k < run; k++) {
    int64_t offset = bytes_at(view, row + k) + shift;
    if (wide) wide[k] = offset;
    if (narrow) narrow[k] = (int32_t)offset;
  }
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
  int64_t *wide = (int64_t *)(void *)(*offsets)->data, at = 0;
  assert(narrow);
  for (int64_t i = 0, run; i < column->count; i += run) {
    const struct lam_view *view = &column->views[column->rows[i].source];
    int64_t row = column->rows[i].row;
    run = run_at(column, i);
    take_run(view, row, run, at, large ? NULL : narrow + i, large ? wide + i : NULL);
    int64_t size = bytes_at(view, row + run) - bytes_at(view, row);
    lam_copy((*data)->data + at, (const uint8_t *)view->data + bytes_at(view, row), (size_t)size);
    at += size;
  }
  if (large)
    wide[column->count] = at;
  else
    narrow[column->count] = (int32_t)at;
  return LAM_OK;
}

static enum lam_status take_flat(struct lam_mem *mem, const struct column *column, struct ArrowArray *out,
                                 struct lam_error *error) {
  const struct lam_type *type = &column->views[0].type;
  struct lam_shared *buffers[3] = {NULL, NULL, NULL};
  int64_t null_count;
  int buffer_count = lam_type_is_binary(type->id) ? 3 : type->id == LAM_TYPE_NULL ? 0 : 2;
  enum lam_status status = take_validity(mem, column, &buffers[0], &null_count, error);
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

/* ---- nested columns ---- */

static enum lam_status take_any(struct lam_mem *mem, const struct ArrowSchema *schema,
                                const struct ArrowArray *const *arrays, uint32_t source_count,
                                const struct lam_row *rows, int64_t count, int depth, struct ArrowArray *out,
                                struct lam_error *error);

/* Offsets of the taken lists, and the entries of the child that they have, in order. Lists of a fixed size have their
 * entries where they are NULL, too. */
static enum lam_status take_entries(const struct column *column, struct lam_shared *offsets, struct lam_buf *entries,
                                    struct lam_error *error) {
  const struct lam_type *type = &column->views[0].type;
  int64_t total = 0;
  LAM_TRY(lam_buf_room(entries, sizeof(struct lam_row), error)); /* memory, though all lists be empty */
  for (int64_t i = 0; i < column->count; i++) {
    struct lam_row row = column->rows[i];
    struct lam_range range = lam_view_entries(&column->views[row.source], row.row);
    int64_t most = type->id == LAM_TYPE_LARGE_LIST ? INT64_MAX : INT32_MAX;
    if (range.end > UINT32_MAX || range.end - range.first > most - total)
      return lam_fail(error, LAM_LIMIT, "%lld entries of lists and more in one batch", (long long)total);
    LAM_TRY(lam_buf_room(entries, (size_t)(range.end - range.first) * sizeof(struct lam_row), error));
    struct lam_row *to = (struct lam_row *)(void *)(entries->data + entries->size);
    for (int64_t at = range.first; at < range.end; at++) *to++ = (struct lam_row){row.source, (uint32_t)at};
    entries->size += (size_t)(range.end - range.first) * sizeof(struct lam_row);
    if (offsets && type->id == LAM_TYPE_LARGE_LIST)
      ((int64_t *)(void *)offsets->data)[i] = total;
    else if (offsets)
      ((int32_t *)(void *)offsets->data)[i] = (int32_t)total;
    total += range.end - range.first;
  }
  if (offsets && type->id == LAM_TYPE_LARGE_LIST)
    ((int64_t *)(void *)offsets->data)[column->count] = total;
  else if (offsets)
    ((int32_t *)(void *)offsets->data)[column->count] = (int32_t)total;
  return LAM_OK;
}

/* The rows of the child of a struct that go with those of the struct. */
static enum lam_status take_members(const struct column *column, struct lam_buf *entries, struct lam_error *error) {
  LAM_TRY(lam_buf_room(entries, (size_t)column->count * sizeof(struct lam_row), error));
  struct lam_row *to = (struct lam_row *)(void *)entries->data;
  for (int64_t i = 0; i < column->count; i++) {
    int64_t at = column->views[column->rows[i].source].offset + column->rows[i].row;
    if (at > UINT32_MAX) return lam_fail(error, LAM_LIMIT, "a batch of more than 2^32 rows");
    to[i] = (struct lam_row){column->rows[i].source, (uint32_t)at};
  }
  entries->size = (size_t)column->count * sizeof(struct lam_row);
  return LAM_OK;
}

static enum lam_status take_children(struct lam_mem *mem, const struct ArrowSchema *schema,
                                     const struct ArrowArray *const *arrays, uint32_t source_count,
                                     const struct lam_buf *entries, int depth, struct ArrowArray *out,
                                     struct lam_error *error) {
  struct lam_buf children;
  lam_buf_init(&children, mem);
  enum lam_status status = lam_buf_room(&children, source_count * sizeof *arrays, error);
  const struct ArrowArray **child = (const struct ArrowArray **)(void *)children.data;
  for (int64_t c = 0; status == LAM_OK && c < schema->n_children; c++) {
    for (uint32_t s = 0; s < source_count; s++) child[s] = arrays[s]->children[c];
    status = take_any(mem, schema->children[c], child, source_count, (const struct lam_row *)(void *)entries->data,
                      (int64_t)(entries->size / sizeof(struct lam_row)), depth + 1, out->children[c], error);
  }
  lam_buf_release(&children);
  return status;
}

static enum lam_status take_nested(struct lam_mem *mem, const struct ArrowSchema *schema,
                                   const struct ArrowArray *const *arrays, const struct column *column, int depth,
                                   struct ArrowArray *out, struct lam_error *error) {
  const struct lam_type *type = &column->views[0].type;
  struct lam_shared *buffers[2] = {NULL, NULL};
  struct lam_buf entries;
  int64_t null_count;
  bool is_struct = type->id == LAM_TYPE_STRUCT, is_fixed = type->id == LAM_TYPE_FIXED_LIST;
  size_t width = type->id == LAM_TYPE_LARGE_LIST ? 8 : 4;
  lam_buf_init(&entries, mem);
  enum lam_status status = take_validity(mem, column, &buffers[0], &null_count, error);
  if (status == LAM_OK && !is_struct && !is_fixed)
    status = lam_shared_create(mem, ((size_t)column->count + 1) * width, &buffers[1], error);
  if (status == LAM_OK)
    status = is_struct ? take_members(column, &entries, error) : take_entries(column, buffers[1], &entries, error);
  if (status == LAM_OK)
    status = lam_array_init_nested(column->count, null_count, is_struct || is_fixed ? 1 : 2, buffers,
                                   schema->n_children, out, error);
  if (status == LAM_OK) {
    status = take_children(mem, schema, arrays, column->source_count, &entries, depth, out, error);
    if (status != LAM_OK) lam_array_release(out);
  }
  lam_buf_release(&entries);
  for (int i = 0; i < 2; i++) lam_shared_release(buffers[i]);
  return status;
}

static enum lam_status take_any(struct lam_mem *mem, const struct ArrowSchema *schema,
                                const struct ArrowArray *const *arrays, uint32_t source_count,
                                const struct lam_row *rows, int64_t count, int depth, struct ArrowArray *out,
                                struct lam_error *error) {
  struct lam_buf memory;
  assert(source_count > 0);
  lam_buf_init(&memory, mem);
  if (depth > LAM_TYPE_DEEPEST)
    return lam_fail(error, LAM_UNSUPPORTED, "a column is nested deeper than %d levels", LAM_TYPE_DEEPEST);
  enum lam_status status = lam_buf_room(&memory, source_count * sizeof(struct lam_view), error);
  struct lam_view *views = (struct lam_view *)(void *)memory.data;
  assert(status != LAM_OK || views);
  for (uint32_t s = 0; status == LAM_OK && s < source_count; s++)
    status = lam_view_init(schema, arrays[s], &views[s], error);
  struct column column = {views, source_count, rows, count};
  if (status == LAM_OK)
    status = lam_type_is_nested(views[0].type.id) ? take_nested(mem, schema, arrays, &column, depth, out, error)
                                                  : take_flat(mem, &column, out, error);
  lam_buf_release(&memory);
  return status;
}

/* ---- batches ---- */

/* Bytes that rows [first, first + count) of a column take, about. */
static uint64_t rows_bytes(const struct lam_view *view, int64_t first, int64_t count, int depth) {
  uint64_t offset_bytes = view->offsets64 ? 8 : view->offsets32 ? 4 : 0, rows = (uint64_t)count;
  uint64_t bytes = rows * (uint64_t)lam_type_bits(&view->type) / 8 + rows * offset_bytes + rows / 8;
  if (count == 0 || depth > LAM_TYPE_DEEPEST) return bytes;
  if (lam_type_is_binary(view->type.id)) {
    int64_t at = view->offset + first;
    assert(view->offsets64 || view->offsets32);
    return bytes + (uint64_t)(view->offsets64 ? view->offsets64[at + count] - view->offsets64[at]
                                              : (int64_t)view->offsets32[at + count] - view->offsets32[at]);
  }
  if (!lam_type_is_nested(view->type.id)) return bytes;
  int64_t child_first = view->offset + first, child_count = count;
  if (view->type.id != LAM_TYPE_STRUCT) {
    child_first = lam_view_entries(view, first).first;
    child_count = lam_view_entries(view, first + count - 1).end - child_first;
  }
  for (int64_t c = 0; c < view->schema->n_children; c++) {
    struct lam_view child;
    if (lam_view_init(view->schema->children[c], view->array->children[c], &child, NULL) == LAM_OK)
      bytes += rows_bytes(&child, child_first, child_count, depth + 1);
  }
  return bytes;
}

/* Rows whose values stay within max_bytes, at least one. */
static int64_t fit(const struct lam_view *views, int64_t columns, uint32_t source_count, const struct lam_row *rows,
                   int64_t count, uint64_t max_bytes) {
  uint64_t bytes = 0, fixed_bits = 0;
  bool any = false;
  for (int64_t c = 0; c < columns; c++) {
    const struct lam_type *type = &views[c * source_count].type;
    bool varies = lam_type_is_binary(type->id) || lam_type_is_nested(type->id);
    any = any || varies;
    fixed_bits += varies ? 64 : (uint64_t)lam_type_bits(type); /* at most an offset's bits */
  }
  int64_t most = (int64_t)lam_min_u64((uint64_t)count, lam_max_u64(1, max_bytes / (fixed_bits / 8 + 1)));
  for (int64_t i = 0; any && i < most; i++) {
    bytes += fixed_bits / 8;
    for (int64_t c = 0; c < columns; c++) {
      const struct lam_view *view = &views[c * source_count + rows[i].source];
      if (lam_type_is_binary(view->type.id))
        bytes += lam_view_bytes(view, rows[i].row).size;
      else if (lam_type_is_nested(view->type.id))
        bytes += rows_bytes(view, rows[i].row, 1, 0);
    }
    if (bytes > max_bytes) return i ? i : 1;
  }
  return most;
}

static enum lam_status take_columns(struct lam_mem *mem, const struct ArrowSchema *schema,
                                    const struct ArrowArray *sources, uint32_t source_count, const struct lam_row *rows,
                                    struct lam_arena *arena, struct ArrowArray *out, struct lam_error *error) {
  void *memory;
  LAM_TRY(lam_arena_array(arena, source_count, sizeof(struct ArrowArray *), &memory, error));
  const struct ArrowArray **arrays = memory;
  for (int64_t c = 0; c < schema->n_children; c++) {
    for (uint32_t s = 0; s < source_count; s++) arrays[s] = sources[s].children[c];
    LAM_TRY(take_any(mem, schema->children[c], arrays, source_count, rows, out->length, 0, out->children[c], error));
  }
  return LAM_OK;
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
  if (status == LAM_OK) status = take_columns(mem, schema, sources, source_count, rows, &arena, out, error);
  if (status != LAM_OK) lam_array_release(out);
  lam_arena_release(&arena);
  return status;
}

enum lam_status lam_take_column(struct lam_mem *mem, const struct ArrowSchema *field, struct ArrowArray *const *sources,
                                uint32_t source_count, const struct lam_row *rows, int64_t count,
                                struct ArrowArray *out, struct lam_error *error) {
  struct ArrowSchema *fields[] = {(struct ArrowSchema *)(uintptr_t)field};
  struct ArrowSchema schema = {.format = "+s", .name = "", .n_children = 1, .children = fields};
  static const void *const no_buffers[] = {NULL};
  struct ArrowArray *around, taken;
  int64_t got;
  if (count == 0) return lam_array_nulls(mem, field, 0, out, error);
  LAM_TRY(lam_alloc_zero(mem, source_count * sizeof *around, (void **)&around, error));
  for (uint32_t i = 0; i < source_count; i++)
    around[i] = (struct ArrowArray){.length = sources[i]->length,
                                    .n_buffers = 1,
                                    .buffers = (const void **)(uintptr_t)no_buffers,
                                    .n_children = 1,
                                    .children = (struct ArrowArray **)(uintptr_t)&sources[i]};
  enum lam_status status = lam_take(mem, &schema, around, source_count, rows, count, INT32_MAX, &got, &taken, error);
  lam_free(mem, around, source_count * sizeof *around);
  if (status != LAM_OK) return status;
  if (got == count) {
    *out = *taken.children[0];
    taken.children[0]->release = NULL;
  } else {
    status = lam_fail(error, LAM_LIMIT, "column \"%s\": values of more than 2 GiB in %lld rows", field->name,
                      (long long)count);
  }
  lam_array_release(&taken);
  return status;
}

uint64_t lam_array_bytes(const struct ArrowSchema *schema, const struct ArrowArray *array) {
  uint64_t bytes = 0;
  for (int64_t c = 0; c < schema->n_children; c++) {
    struct lam_view view;
    if (lam_view_init(schema->children[c], array->children[c], &view, NULL) == LAM_OK)
      bytes += rows_bytes(&view, 0, view.length, 0);
  }
  return bytes;
}
