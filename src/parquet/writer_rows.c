/* The rows of batches into encoded pages, column by column, while pages before them are packed and written. */
#include <assert.h>
#include <inttypes.h>

#include "base/context.h"
#include "base/threads.h"
#include "parquet/writer_state.h"

enum { FIRST_PACK_BYTES = 64 << 10 };

/* ---- workspaces: one for each thread that is at work ---- */

enum lam_status lam_writer_take_workspace(struct lam_writer *writer, struct lam_workspace **out,
                                          struct lam_error *error) {
  pthread_mutex_lock(&writer->lock);
  *out = writer->idle;
  if (*out) writer->idle = (*out)->next;
  pthread_mutex_unlock(&writer->lock);
  if (*out) return LAM_OK;
  LAM_TRY(lam_alloc(writer->mem, sizeof **out, (void **)out, error));
  lam_workspace_init(*out, writer->mem);
  return LAM_OK;
}

void lam_writer_return_workspace(struct lam_writer *writer, struct lam_workspace *workspace) {
  pthread_mutex_lock(&writer->lock);
  workspace->next = writer->idle;
  writer->idle = workspace;
  pthread_mutex_unlock(&writer->lock);
}

void lam_writer_release_workspaces(struct lam_writer *writer) {
  while (writer->idle) {
    struct lam_workspace *workspace = writer->idle;
    writer->idle = workspace->next;
    lam_workspace_release(workspace);
    lam_free(writer->mem, workspace, sizeof *workspace);
  }
}

/* ---- rows into encoded pages, by column ---- */

struct slice {
  struct lam_writer *writer;
  int64_t from, count; /* rows of the batch */
};

static enum lam_status append_rows(const struct slice *slice, size_t index, struct lam_workspace *workspace,
                                   struct lam_error *error) {
  struct lam_writer *writer = slice->writer;
  struct lam_chunk_writer *chunk = &writer->chunks[index];
  const struct lam_view *view = &writer->views[index];
  const struct lam_shred_path *path = &writer->columns[index].shred;
  if (path->depth > 0) return lam_chunk_append_nested(chunk, workspace, path, view, slice->from, slice->count, error);
  return lam_chunk_append(chunk, workspace, view, slice->from, slice->count, error);
}

static enum lam_status append_column(void *user, size_t index, struct lam_error *error) {
  const struct slice *slice = user;
  struct lam_writer *writer = slice->writer;
  struct lam_workspace *workspace;
  if (lam_writer_source(writer, (int32_t)index) != LAM_MIX_WRITTEN) return LAM_OK;
  LAM_TRY(lam_writer_take_workspace(writer, &workspace, error));
  enum lam_status status = append_rows(slice, index, workspace, error);
  lam_writer_return_workspace(writer, workspace);
  return lam_fail_in(error, status, "column \"%s\"", writer->columns[index].name);
}

/* ---- pages are packed beside that, and written once those before them are ---- */

enum lam_status lam_writer_pack_page(void *user, struct lam_queue_item *item, struct lam_error *error) {
  struct lam_writer *writer = user;
  struct lam_out_page *page = (struct lam_out_page *)(void *)item;
  struct lam_workspace *workspace;
  LAM_TRY(lam_writer_take_workspace(writer, &workspace, error));
  enum lam_status status = lam_page_pack(page, workspace, error);
  lam_writer_return_workspace(writer, workspace);
  return lam_fail_in(error, status, "column \"%s\"", writer->columns[page->chunk - writer->chunks].name);
}

static void add_encoded(struct lam_writer *writer) {
  struct lam_queue_item *items = NULL, **last = &items;
  for (int32_t i = 0; i < writer->column_count; i++) {
    for (struct lam_out_page *page = writer->chunks[i].encoded.first; page; page = page->next) {
      page->item.next = NULL;
      *last = &page->item;
      last = &page->item.next;
    }
  }
  lam_queue_add(writer->queue, items);
}

static void move_encoded(struct lam_writer *writer) {
  for (int32_t i = 0; i < writer->column_count; i++)
    lam_page_list_move(&writer->chunks[i].encoded, &writer->chunks[i].packing);
}

static enum lam_status collect(struct lam_writer *writer, struct lam_error *error) {
  for (int32_t i = 0; i < writer->column_count; i++) LAM_TRY(lam_chunk_collect(&writer->chunks[i], error));
  return lam_writer_put_outgoing(writer, error);
}

/* What is encoded by now is packed from now on; what was being packed is collected, so that how far the writer is does
 * not depend on the threads. */
static enum lam_status begin_packing(struct lam_writer *writer, struct lam_error *error) {
  add_encoded(writer);
  LAM_TRY(lam_queue_wait(writer->queue, false, error));
  LAM_TRY(collect(writer, error));
  move_encoded(writer);
  return LAM_OK;
}

enum lam_status lam_writer_pack(struct lam_writer *writer, bool serial, struct lam_error *error) {
  if (!serial) add_encoded(writer);
  LAM_TRY(lam_queue_wait(writer->queue, true, error));
  for (int32_t i = 0; serial && i < writer->column_count; i++)
    for (struct lam_out_page *page = writer->chunks[i].encoded.first; page; page = page->next)
      LAM_TRY(lam_writer_pack_page(writer, &page->item, error));
  move_encoded(writer);
  return collect(writer, error);
}

static uint64_t encoded_bytes(const struct lam_writer *writer) {
  uint64_t total = 0;
  for (int32_t i = 0; i < writer->column_count; i++) total += writer->chunks[i].encoded.bytes;
  return total;
}

/* ---- batches ---- */

/* An array that had to be made plain, until the batch is written. */
struct lam_plain_copy {
  struct ArrowSchema schema;
  struct ArrowArray array;
};

static bool is_view_format(const char *format) {
  return format && format[0] == 'v' && (format[1] == 'u' || format[1] == 'z');
}

/* The array of a leaf; the rows above it have been checked to have theirs there. */
static enum lam_status find_array(struct lam_writer_column *column, const struct ArrowArray *batch,
                                  const struct ArrowArray **out, struct lam_error *error) {
  const struct ArrowArray *array = batch->children[column->top];
  if (column->shred.depth > 0) return lam_shred_bind(&column->shred, array, batch->offset, batch->length, out, error);
  if (array->length < batch->length || array->length - batch->length < batch->offset)
    return lam_fail(error, LAM_INVALID, "it has %" PRId64 " rows where the batch has %" PRId64 " from row %" PRId64,
                    array->length, batch->length, batch->offset);
  *out = array;
  return LAM_OK;
}

/* The view of the batch's rows of a leaf. `copy` is what is to be released afterwards. */
static enum lam_status view_column(struct lam_writer *writer, int32_t index, const struct ArrowArray *batch,
                                   struct lam_plain_copy *copy, struct lam_error *error) {
  struct lam_writer_column *column = &writer->columns[index];
  const struct ArrowArray *array = NULL;
  LAM_TRY(find_array(column, batch, &array, error));
  assert(array);
  const struct ArrowSchema *schema = array->dictionary ? &column->encoded : &column->plain;
  if (is_view_format(column->plain.format) || (array->dictionary && column->needs_plain)) {
    bool changed;
    LAM_TRY(lam_array_plain(writer->mem, schema, array, &copy->schema, &copy->array, &changed, error));
    if (changed) schema = &copy->schema, array = &copy->array;
  }
  struct lam_view *view = &writer->views[index];
  LAM_TRY(lam_view_init(schema, array, view, error));
  if (column->shred.depth > 0) return LAM_OK; /* its rows are those that the path leads to */
  if (view->null_count > 0 && (batch->offset > 0 || view->length > batch->length)) view->null_count = -1;
  view->offset += batch->offset;
  view->length = batch->length;
  return LAM_OK;
}

static enum lam_status check_batch(const struct lam_writer *writer, const struct ArrowArray *batch,
                                   struct lam_error *error) {
  if (!batch->release) return lam_fail(error, LAM_INVALID, "the batch has been released");
  if (batch->n_children != writer->schema.n_children || batch->length < 0 || batch->offset < 0)
    return lam_fail(error, LAM_INVALID,
                    "the batch has %" PRId64 " columns and %" PRId64 " rows from %" PRId64 "; the file has %" PRId64
                    " columns",
                    batch->n_children, batch->length, batch->offset, writer->schema.n_children);
  if (writer->mix.from && batch->length > lam_writer_rows_left(writer))
    return lam_fail(error, LAM_INVALID, "%" PRId64 " rows for a row group that waits for %" PRId64, batch->length,
                    lam_writer_rows_left(writer));
  const uint8_t *validity = batch->n_buffers > 0 ? batch->buffers[0] : NULL;
  if (validity && batch->null_count != 0 && lam_bits_count(validity, batch->offset, batch->length) != batch->length)
    return lam_fail(error, LAM_INVALID, "the batch has rows that are NULL as a whole; a table has none");
  return LAM_OK;
}

/* Bytes that rows [from, from + count) take as they are in the batch. */
static uint64_t rows_bytes(const struct lam_writer *writer, int64_t from, int64_t count) {
  uint64_t total = 0;
  for (int32_t i = 0; i < writer->column_count; i++)
    if (lam_writer_source(writer, i) == LAM_MIX_WRITTEN)
      total += lam_shred_bytes(&writer->columns[i].shred, &writer->views[i], from, count);
  return total;
}

/* Takes as many rows as fit the row group and the slice. */
static enum lam_status append_slice(struct lam_writer *writer, int64_t from, int64_t left, int64_t *taken,
                                    struct lam_error *error) {
  struct slice slice = {writer, from, lam_min_i64(left, lam_writer_rows_left(writer))};
  uint64_t bytes = rows_bytes(writer, from, slice.count);
  while (bytes > writer->slice_bytes && slice.count > 1) {
    slice.count /= 2;
    bytes = rows_bytes(writer, from, slice.count);
  }
  struct lam_pool *pool = lam_context_pool(lam_mem_context(writer->mem));
  uint32_t width = bytes < LAM_SERIAL_BYTES ? 1 : 0;
  LAM_TRY(lam_pool_run(pool, (size_t)writer->column_count, width, append_column, &slice, error));
  *taken = slice.count;
  writer->pending_rows += slice.count;
  uint64_t encoded = encoded_bytes(writer);
  if (encoded < (writer->packed_any ? writer->pack_bytes : FIRST_PACK_BYTES)) return LAM_OK;
  /* Huge values do not wait for the next ones, nor does anything where memory is short. The first pages are packed at
   * once too, to learn how well: whoever ends a file by its size asks for it. */
  bool at_once = !writer->packed_any || encoded > 2 * writer->slice_bytes ||
                 lam_mem_available(writer->mem) < 2 * writer->low_memory;
  writer->packed_any = true;
  return at_once ? lam_writer_pack(writer, false, error) : begin_packing(writer, error);
}

static bool row_group_is_full(const struct lam_writer *writer) {
  if (writer->mix.from) return false; /* its rows are given */
  return writer->pending_rows >= writer->row_group_rows ||
         writer->streamed + lam_writer_pending_bytes(writer) >= writer->row_group_bytes ||
         lam_mem_available(writer->mem) < writer->low_memory;
}

static enum lam_status write_rows(struct lam_writer *writer, const struct ArrowArray *batch, struct lam_error *error) {
  int64_t taken;
  for (int64_t row = 0; row < batch->length; row += taken) {
    LAM_TRY(lam_check_cancel(lam_mem_context(writer->mem), error));
    LAM_TRY(append_slice(writer, row, batch->length - row, &taken, error));
    if (row_group_is_full(writer)) LAM_TRY(lam_writer_close_group(writer, error));
  }
  return LAM_OK;
}

enum lam_status lam_writer_begin_batch(struct lam_writer *writer, const struct ArrowArray *batch,
                                       struct lam_plain_copy **copies, struct lam_error *error) {
  *copies = NULL;
  LAM_TRY(check_batch(writer, batch, error));
  LAM_TRY(lam_alloc_zero(writer->mem, (size_t)writer->column_count * sizeof **copies, (void **)copies, error));
  enum lam_status status = LAM_OK;
  for (int32_t i = 0; i < writer->column_count && status == LAM_OK; i++) {
    if (lam_writer_source(writer, i) != LAM_MIX_WRITTEN) continue;
    status = view_column(writer, i, batch, &(*copies)[i], error);
    lam_fail_in(error, status, "column \"%s\"", writer->columns[i].name);
  }
  return status;
}

void lam_writer_end_batch(struct lam_writer *writer, struct lam_plain_copy *copies) {
  for (int32_t i = 0; copies && i < writer->column_count; i++) {
    lam_array_release(&copies[i].array);
    lam_schema_release(&copies[i].schema);
  }
  lam_free(writer->mem, copies, (size_t)writer->column_count * sizeof *copies);
}

static enum lam_status write_batch(struct lam_writer *writer, const struct ArrowArray *batch, struct lam_error *error) {
  struct lam_plain_copy *copies;
  enum lam_status status = lam_writer_begin_batch(writer, batch, &copies, error);
  if (status == LAM_OK) status = write_rows(writer, batch, error);
  lam_writer_end_batch(writer, copies);
  return status;
}

enum lam_status lam_writer_write(struct lam_writer *writer, const struct ArrowArray *batch, struct lam_error *error) {
  LAM_TRY(lam_writer_check(writer, error));
  return lam_writer_settle(writer, write_batch(writer, batch, error), error);
}
