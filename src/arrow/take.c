#include "arrow/take_views.h"

#include <assert.h>

/* How many rows from `i` on lie behind one another in one source: sorted data and few changes have long runs, which are
 * copied at once. */
static int64_t run_at(const struct lam_taking *column, int64_t i) {
  const struct lam_row *rows = column->rows;
  int64_t end = i + 1;
  if (column->scattered) return 1;
  while (end < column->count && rows[end].source == rows[i].source && rows[end].row == rows[end - 1].row + 1) end++;
  return end - i;
}

bool lam_rows_scattered(const struct lam_row *rows, int64_t count) {
  int64_t follow = 0;
  for (int64_t i = 1; i < count; i++)
    follow += rows[i].source == rows[i - 1].source && rows[i].row == rows[i - 1].row + 1;
  return follow < count / 2;
}

static enum lam_status take_validity(struct lam_mem *mem, const struct lam_taking *column, struct lam_shared **out,
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

struct wide {
  uint64_t low, high;
};

/* Values of a width the compiler knows, one by one where rows are scattered: their loads do not wait for one another.
 */
#define TAKE_FIXED(type)                                                          \
  do {                                                                            \
    type *to = (type *)(void *)out->data;                                         \
    for (int64_t i = 0, run; i < column->count; i += run) {                       \
      const struct lam_row row = column->rows[i];                                 \
      const type *from = (const type *)(const void *)bases[row.source] + row.row; \
      run = run_at(column, i);                                                    \
      if (run == 1)                                                               \
        to[i] = *from;                                                            \
      else                                                                        \
        memcpy(to + i, from, (size_t)run * sizeof *from);                         \
    }                                                                             \
  } while (0)

static void take_bits(const struct lam_taking *column, struct lam_shared *out) {
  memset(out->data, 0, (size_t)(column->count + 7) / 8);
  for (int64_t i = 0; i < column->count; i++) {
    const struct lam_view *view = &column->views[column->rows[i].source];
    if (lam_bit_get(view->data, view->offset + column->rows[i].row)) lam_bit_set(out->data, i);
  }
}

static void take_wide(const struct lam_taking *column, size_t width, struct lam_shared *out) {
  for (int64_t i = 0; i < column->count; i++) {
    const struct lam_view *view = &column->views[column->rows[i].source];
    size_t at = (size_t)(view->offset + column->rows[i].row) * width;
    memcpy(out->data + (size_t)i * width, (const uint8_t *)view->data + at, width);
  }
}

/* Where row 0 of each source is. */
static enum lam_status bases_of(struct lam_mem *mem, const struct lam_taking *column, size_t width,
                                const uint8_t ***out, struct lam_error *error) {
  LAM_TRY(lam_alloc(mem, column->source_count * sizeof **out, (void **)out, error));
  for (uint32_t s = 0; s < column->source_count; s++) {
    const struct lam_view *view = &column->views[s];
    (*out)[s] = view->data ? (const uint8_t *)view->data + (size_t)view->offset * width : NULL;
  }
  return LAM_OK;
}

static enum lam_status take_fixed(struct lam_mem *mem, const struct lam_taking *column, int bits,
                                  struct lam_shared **data, struct lam_error *error) {
  size_t size;
  const uint8_t **bases;
  if (lam_mul_overflow((size_t)column->count, (size_t)bits, &size))
    return lam_fail(error, LAM_LIMIT, "a batch of %lld rows", (long long)column->count);
  LAM_TRY(lam_shared_create(mem, size / 8 + 1, data, error));
  LAM_TRY(bases_of(mem, column, (size_t)bits / 8, &bases, error));
  struct lam_shared *out = *data;
  switch (bits) {
    case 1: take_bits(column, out); break;
    case 8: TAKE_FIXED(uint8_t); break;
    case 16: TAKE_FIXED(uint16_t); break;
    case 32: TAKE_FIXED(uint32_t); break;
    case 64: TAKE_FIXED(uint64_t); break;
    case 128: TAKE_FIXED(struct wide); break;
    default: take_wide(column, (size_t)bits / 8, out); break;
  }
  lam_free(mem, bases, column->source_count * sizeof *bases);
  return LAM_OK;
}

/* Offsets of a width that the compiler knows. What the bytes of short values are copied by is wider than they are:
 * that stays within the source's bytes and within the slack behind ours. */
#define TAKE_BINARY(name, type, member)                                                         \
  static uint64_t name##_sizes(const struct lam_taking *column, type *to) {                     \
    uint64_t at = 0;                                                                            \
    for (int64_t i = 0; i < column->count; i++) {                                               \
      const struct lam_view *view = &column->views[column->rows[i].source];                     \
      const type *from = view->member + view->offset + column->rows[i].row;                     \
      to[i] = (type)at;                                                                         \
      at += (uint64_t)from[1] - (uint64_t)from[0];                                              \
    }                                                                                           \
    to[column->count] = (type)at;                                                               \
    return at;                                                                                  \
  }                                                                                             \
  static void name##_bytes(const struct lam_taking *column, const type *offsets, uint8_t *to) { \
    for (int64_t i = 0, run; i < column->count; i += run) {                                     \
      const struct lam_view *view = &column->views[column->rows[i].source];                     \
      const uint8_t *data = (const uint8_t *)view->data;                                        \
      size_t begin = (size_t)view->member[view->offset + column->rows[i].row];                  \
      run = run_at(column, i);                                                                  \
      size_t size = (size_t)(offsets[i + run] - offsets[i]);                                    \
      if (size == 0) continue; /* there may be no bytes at all */                               \
      if (size <= SLACK && begin + SLACK <= (size_t)view->member[view->offset + view->length])  \
        memcpy(to + offsets[i], data + begin, SLACK);                                           \
      else                                                                                      \
        lam_copy(to + offsets[i], data + begin, size);                                          \
    }                                                                                           \
  }

enum { SLACK = 32 };
TAKE_BINARY(narrow, int32_t, offsets32)
TAKE_BINARY(wide, int64_t, offsets64)

static enum lam_status take_binary(struct lam_mem *mem, const struct lam_taking *column, bool large,
                                   struct lam_shared **offsets, struct lam_shared **data, struct lam_error *error) {
  LAM_TRY(lam_shared_create(mem, (size_t)(column->count + 1) * (large ? 8 : 4), offsets, error));
  void *to = (*offsets)->data;
  assert(to);
  uint64_t total = large ? wide_sizes(column, to) : narrow_sizes(column, to);
  if (!large && total > INT32_MAX)
    return lam_fail(error, LAM_LIMIT, "%llu bytes of strings in one batch; its offsets hold 2^31 - 1",
                    (unsigned long long)total);
  LAM_TRY(lam_shared_create(mem, total + SLACK, data, error));
  if (large)
    wide_bytes(column, to, (*data)->data);
  else
    narrow_bytes(column, to, (*data)->data);
  return LAM_OK;
}

static enum lam_status take_flat(struct lam_mem *mem, const struct lam_taking *column, struct ArrowArray *out,
                                 struct lam_error *error) {
  const struct lam_type *type = &column->type;
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

/* Offsets of the taken lists, and the entries of the child that they have, in order. Lists of a fixed size have their
 * entries where they are NULL, too. */
static enum lam_status take_entries(const struct lam_taking *column, struct lam_shared *offsets,
                                    struct lam_buf *entries, struct lam_error *error) {
  const struct lam_type *type = &column->type;
  int64_t total = 0;
  LAM_TRY(lam_buf_room(entries, sizeof(struct lam_row), error)); /* memory, though all lists be empty */
  for (int64_t i = 0; i < column->count; i++) {
    struct lam_row row = column->rows[i];
    struct lam_range range = lam_view_entries(&column->views[row.source], row.row);
    int64_t most = type->id == LAM_TYPE_LARGE_LIST ? INT64_MAX : INT32_MAX;
    if (range.end > UINT32_MAX || range.end - range.first > most - total)
      return lam_fail(error, LAM_LIMIT, "%lld entries of lists and more in one batch", (long long)total);
    LAM_TRY(lam_buf_room(entries, (size_t)(range.end - range.first) * sizeof(struct lam_row), error));
    assert(entries->data);
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
static enum lam_status take_members(const struct lam_taking *column, struct lam_buf *entries, struct lam_error *error) {
  LAM_TRY(lam_buf_room(entries, (size_t)column->count * sizeof(struct lam_row), error));
  struct lam_row *to = (struct lam_row *)(void *)entries->data;
  assert(to || column->count == 0);
  for (int64_t i = 0; i < column->count; i++) {
    int64_t at = column->views[column->rows[i].source].offset + column->rows[i].row;
    if (at > UINT32_MAX) return lam_fail(error, LAM_LIMIT, "a batch of more than 2^32 rows");
    to[i] = (struct lam_row){column->rows[i].source, (uint32_t)at};
  }
  entries->size = (size_t)column->count * sizeof(struct lam_row);
  return LAM_OK;
}

/* One child of all sources. */
static enum lam_status take_child(struct lam_mem *mem, const struct lam_taking *parent, int64_t child,
                                  const struct lam_taking *entries, int depth, struct ArrowArray *out,
                                  struct lam_error *error) {
  void *memory;
  size_t bytes = parent->source_count * sizeof(struct lam_view);
  struct lam_taking taking = *entries;
  taking.schema = parent->schema->children[child];
  LAM_TRY(lam_type_parse(taking.schema, &taking.type, error));
  LAM_TRY(lam_alloc_zero(mem, bytes, &memory, error));
  struct lam_view *views = memory;
  enum lam_status status = LAM_OK;
  for (uint32_t s = 0; status == LAM_OK && s < parent->source_count; s++) {
    assert(views);
    if (parent->views[s].array)
      status = lam_view_init(taking.schema, parent->views[s].array->children[child], &views[s], error);
  }
  taking.views = views;
  if (status == LAM_OK) status = lam_take_views(mem, &taking, depth, out, error);
  lam_free(mem, memory, bytes);
  return status;
}

static enum lam_status take_children(struct lam_mem *mem, const struct lam_taking *parent,
                                     const struct lam_buf *entries, int depth, struct ArrowArray *out,
                                     struct lam_error *error) {
  struct lam_taking taking = {.source_count = parent->source_count,
                              .rows = (const struct lam_row *)(const void *)entries->data,
                              .count = (int64_t)(entries->size / sizeof(struct lam_row))};
  taking.scattered = lam_rows_scattered(taking.rows, taking.count);
  for (int64_t c = 0; c < parent->schema->n_children; c++)
    LAM_TRY(take_child(mem, parent, c, &taking, depth + 1, out->children[c], error));
  return LAM_OK;
}

static enum lam_status take_nested(struct lam_mem *mem, const struct lam_taking *column, int depth,
                                   struct ArrowArray *out, struct lam_error *error) {
  const struct lam_type *type = &column->type;
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
                                   column->schema->n_children, out, error);
  if (status == LAM_OK) {
    status = take_children(mem, column, &entries, depth, out, error);
    if (status != LAM_OK) lam_array_release(out);
  }
  lam_buf_release(&entries);
  for (int i = 0; i < 2; i++) lam_shared_release(buffers[i]);
  return status;
}

enum lam_status lam_take_views(struct lam_mem *mem, const struct lam_taking *column, int depth, struct ArrowArray *out,
                               struct lam_error *error) {
  if (depth > LAM_TYPE_DEEPEST)
    return lam_fail(error, LAM_UNSUPPORTED, "a column is nested deeper than %d levels", LAM_TYPE_DEEPEST);
  return lam_type_is_nested(column->type.id) ? take_nested(mem, column, depth, out, error)
                                             : take_flat(mem, column, out, error);
}
