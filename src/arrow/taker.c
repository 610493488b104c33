#include <assert.h>

#include "arrow/cast.h"
#include "arrow/take_views.h"
#include "base/context.h"
#include "base/threads.h"

enum { PARALLEL_ROWS = 4096 }; /* fewer are taken before another thread would have woken */

struct taker_column {
  struct lam_type type;
  struct lam_view *views;
  bool *measured;   /* of a source: whether `longest` knows it */
  uint64_t longest; /* bytes of a string, of all sources measured */
};

struct lam_taker {
  struct lam_mem *mem;
  const struct ArrowSchema *schema;
  uint32_t source_count;
  struct taker_column *columns;
  size_t *order; /* of the columns, strings first: they take longest */
};

/* Bytes of the strings of rows [first, first + count). */
static uint64_t text_bytes(const struct lam_view *view, int64_t first, int64_t count) {
  int64_t at = view->offset + first;
  assert(view->offsets64 || view->offsets32);
  return (uint64_t)(view->offsets64 ? view->offsets64[at + count] - view->offsets64[at]
                                    : (int64_t)view->offsets32[at + count] - view->offsets32[at]);
}

/* Bytes that rows [first, first + count) of a column take, about. */
static uint64_t rows_bytes(const struct lam_view *view, int64_t first, int64_t count, int depth) {
  uint64_t offset_bytes = view->offsets64 ? 8 : view->offsets32 ? 4 : 0, rows = (uint64_t)count;
  uint64_t bytes = rows * (uint64_t)lam_type_bits(&view->type) / 8 + rows * offset_bytes + rows / 8;
  if (count == 0 || depth > LAM_TYPE_DEEPEST) return bytes;
  if (lam_type_is_binary(view->type.id)) return bytes + text_bytes(view, first, count);
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

/* ---- the taker ---- */

static bool varies(const struct lam_type *type) {
  return lam_type_is_binary(type->id) || lam_type_is_nested(type->id);
}

enum lam_status lam_taker_open(struct lam_mem *mem, const struct ArrowSchema *schema, uint32_t source_count,
                               struct lam_taker **out, struct lam_error *error) {
  void *memory;
  size_t columns = (size_t)schema->n_children, at = 0;
  *out = NULL;
  LAM_TRY(lam_alloc_zero(mem, sizeof **out, &memory, error));
  struct lam_taker *t = memory;
  *t = (struct lam_taker){.mem = mem, .schema = schema, .source_count = source_count};
  enum lam_status status = lam_alloc_zero(mem, columns * sizeof *t->columns, (void **)&t->columns, error);
  if (status == LAM_OK) status = lam_alloc(mem, columns * sizeof *t->order, (void **)&t->order, error);
  for (size_t c = 0; status == LAM_OK && c < columns; c++) {
    struct taker_column *column = &t->columns[c];
    status = lam_type_parse(schema->children[c], &column->type, error);
    if (status == LAM_OK)
      status = lam_alloc_zero(mem, source_count * sizeof *column->views, (void **)&column->views, error);
    if (status == LAM_OK)
      status = lam_alloc_zero(mem, source_count * sizeof *column->measured, (void **)&column->measured, error);
  }
  for (int pass = 0; status == LAM_OK && pass < 2; pass++)
    for (size_t c = 0; c < columns; c++)
      if (varies(&t->columns[c].type) == (pass == 0)) t->order[at++] = c;
  if (status != LAM_OK)
    lam_taker_close(t);
  else
    *out = t;
  return status;
}

void lam_taker_close(struct lam_taker *t) {
  if (!t) return;
  size_t columns = (size_t)t->schema->n_children;
  for (size_t c = 0; t->columns && c < columns; c++) {
    lam_free(t->mem, t->columns[c].views, t->source_count * sizeof *t->columns[c].views);
    lam_free(t->mem, t->columns[c].measured, t->source_count * sizeof *t->columns[c].measured);
  }
  lam_free(t->mem, t->columns, columns * sizeof *t->columns);
  lam_free(t->mem, t->order, columns * sizeof *t->order);
  lam_free(t->mem, t, sizeof *t);
}

enum lam_status lam_taker_set(struct lam_taker *t, uint32_t source, const struct ArrowArray *batch,
                              struct lam_error *error) {
  assert(source < t->source_count);
  for (int64_t c = 0; c < t->schema->n_children; c++) {
    struct lam_view *view = &t->columns[c].views[source];
    *view = (struct lam_view){.length = 0};
    t->columns[c].measured[source] = false;
    if (!batch) continue;
    LAM_TRY(lam_view_init(t->schema->children[c], batch->children[c], view, error));
    if (view->null_count == 0) view->validity = NULL;
  }
  return LAM_OK;
}

/* The longest string of a view. */
static uint64_t longest_of(const struct lam_view *view) {
  uint64_t most = 0;
  for (int64_t i = view->offset; i < view->offset + view->length; i++)
    most = lam_max_u64(most, view->offsets32 ? (uint64_t)((int64_t)view->offsets32[i + 1] - view->offsets32[i])
                                             : (uint64_t)(view->offsets64[i + 1] - view->offsets64[i]));
  return most;
}

/* What a row takes at most, in strings; UINT64_MAX where that is not to be told so easily. */
static uint64_t most_bytes(struct lam_taker *t) {
  uint64_t bytes = 0;
  for (int64_t c = 0; c < t->schema->n_children; c++) {
    struct taker_column *column = &t->columns[c];
    if (lam_type_is_nested(column->type.id)) return UINT64_MAX;
    for (uint32_t s = 0; lam_type_is_binary(column->type.id) && s < t->source_count; s++) {
      if (column->measured[s] || !column->views[s].array) continue;
      column->longest = lam_max_u64(column->longest, longest_of(&column->views[s]));
      column->measured[s] = true;
    }
    bytes += column->longest;
  }
  return bytes;
}

/* What `run` rows of a source take, but for what has a fixed width. */
static uint64_t run_bytes(const struct lam_taker *t, struct lam_row row, int64_t run) {
  uint64_t bytes = 0;
  for (int64_t c = 0; c < t->schema->n_children; c++) {
    const struct lam_view *view = &t->columns[c].views[row.source];
    if (lam_type_is_binary(view->type.id))
      bytes += text_bytes(view, row.row, run);
    else if (lam_type_is_nested(view->type.id))
      bytes += rows_bytes(view, row.row, run, 0);
  }
  return bytes;
}

/* Rows from i on that lie behind one another in their source. */
static int64_t run_at(const struct lam_row *rows, int64_t i, int64_t end) {
  int64_t run = 1;
  while (i + run < end && rows[i + run].source == rows[i].source && rows[i + run].row == rows[i].row + run) run++;
  return run;
}

/* Rows whose values stay within max_bytes, at least one. */
static int64_t fit(struct lam_taker *t, const struct lam_row *rows, int64_t count, uint64_t max_bytes) {
  uint64_t bytes = 0, fixed_bits = 0, longest;
  bool any = false;
  for (int64_t c = 0; c < t->schema->n_children; c++) {
    const struct lam_type *type = &t->columns[c].type;
    any = any || varies(type);
    fixed_bits += varies(type) ? 64 : (uint64_t)lam_type_bits(type); /* at most an offset's bits */
  }
  uint64_t fixed = fixed_bits / 8;
  int64_t most = (int64_t)lam_min_u64((uint64_t)count, lam_max_u64(1, max_bytes / (fixed + 1)));
  if (!any || max_bytes == UINT64_MAX) return most;
  if (count > PARALLEL_ROWS && lam_rows_scattered(rows, most) && (longest = most_bytes(t)) < UINT32_MAX &&
      (fixed + longest) * (uint64_t)most <= max_bytes)
    return most;
  for (int64_t i = 0, run; i < most; i += run) {
    run = run_at(rows, i, most);
    uint64_t more = fixed * (uint64_t)run + run_bytes(t, rows[i], run);
    for (; bytes + more > max_bytes; more = fixed * (uint64_t)run + run_bytes(t, rows[i], run)) {
      if (run == 1) return i ? i : 1;
      run /= 2;
    }
    bytes += more;
  }
  return most;
}

struct take_job {
  const struct lam_taker *taker;
  struct lam_taking rows;
  struct ArrowArray *out;
};

static enum lam_status take_task(void *user, size_t index, struct lam_error *error) {
  const struct take_job *job = user;
  size_t c = job->taker->order[index];
  struct lam_taking taking = job->rows;
  taking.schema = job->taker->schema->children[c];
  taking.type = job->taker->columns[c].type;
  taking.views = job->taker->columns[c].views;
  return lam_take_views(job->taker->mem, &taking, 0, job->out->children[c], error);
}

enum lam_status lam_taker_take(struct lam_taker *t, const struct lam_row *rows, int64_t count, uint64_t max_bytes,
                               int64_t *taken, struct ArrowArray *out, struct lam_error *error) {
  struct lam_pool *pool = lam_context_pool(lam_mem_context(t->mem));
  out->release = NULL;
  *taken = fit(t, rows, count, max_bytes);
  LAM_TRY(lam_array_init_struct(*taken, t->schema->n_children, out, error));
  struct take_job job = {.taker = t, .out = out};
  job.rows = (struct lam_taking){.source_count = t->source_count, .rows = rows, .count = *taken};
  job.rows.scattered = lam_rows_scattered(rows, *taken);
  enum lam_status status =
      lam_pool_run(pool, (size_t)t->schema->n_children, *taken < PARALLEL_ROWS ? 1 : 0, take_task, &job, error);
  if (status != LAM_OK) lam_array_release(out);
  return status;
}

enum lam_status lam_take(struct lam_mem *mem, const struct ArrowSchema *schema, const struct ArrowArray *sources,
                         uint32_t source_count, const struct lam_row *rows, int64_t count, uint64_t max_bytes,
                         int64_t *taken, struct ArrowArray *out, struct lam_error *error) {
  struct lam_taker *taker;
  out->release = NULL;
  LAM_TRY(lam_taker_open(mem, schema, source_count, &taker, error));
  enum lam_status status = LAM_OK;
  for (uint32_t s = 0; status == LAM_OK && s < source_count; s++) status = lam_taker_set(taker, s, &sources[s], error);
  if (status == LAM_OK) status = lam_taker_take(taker, rows, count, max_bytes, taken, out, error);
  lam_taker_close(taker);
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

uint64_t lam_array_rows_bytes(const struct ArrowSchema *schema, const struct ArrowArray *array, int64_t first,
                              int64_t count) {
  uint64_t bytes = 0;
  for (int64_t c = 0; c < schema->n_children; c++) {
    struct lam_view view;
    if (lam_view_init(schema->children[c], array->children[c], &view, NULL) == LAM_OK)
      bytes += rows_bytes(&view, first, count, 0);
  }
  return bytes;
}

uint64_t lam_array_bytes(const struct ArrowSchema *schema, const struct ArrowArray *array) {
  return lam_array_rows_bytes(schema, array, 0, array->length);
}

uint64_t lam_array_memory(const struct ArrowArray *array) {
  uint64_t bytes = 0;
  for (int i = 0; i < (int)array->n_buffers; i++) {
    const struct lam_shared *shared = lam_array_shared(array, i);
    if (shared) bytes += shared->capacity;
  }
  for (int64_t c = 0; c < array->n_children; c++) bytes += lam_array_memory(array->children[c]);
  return bytes;
}
