#include "parquet/writer.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/context.h"
#include "base/threads.h"
#include "base/uuid.h"
#include "parquet/writer_state.h"

enum {
  DEFAULT_ROW_GROUP_ROWS = 1 << 20,
  DEFAULT_ROW_GROUP_BYTES = 128 << 20,
  SMALLEST_ROW_GROUP = 1 << 20, /* bytes; whatever the budget */
  SMALL_WRITE = 64 << 10,       /* pieces below this are gathered … */
  GATHERED = 256 << 10,         /* … up to this */
  SLICE_BYTES = 4 << 20,        /* of a batch that the columns take at once: what they write stays in the cache */
  FIRST_PACK_BYTES = 64 << 10,
  SERIAL_BYTES = 128 << 10, /* batches below this are not worth waking other threads */
  PUBLIC_MINIMUM = 1 << 20, /* what lam_writer_open asks of the budget */
};

/* ---- bytes to the store ---- */

static enum lam_status flush(struct lam_writer *writer, struct lam_error *error) {
  if (writer->small.size == 0) return LAM_OK;
  LAM_TRY(writer->store->ops->write(writer->output, writer->small.data, writer->small.size, error));
  writer->small.size = 0;
  return LAM_OK;
}

enum lam_status lam_writer_put(struct lam_writer *writer, const void *data, size_t size, struct lam_error *error) {
  if (writer->small.size + size > GATHERED) LAM_TRY(flush(writer, error));
  writer->position += size;
  if (size < SMALL_WRITE) return lam_buf_append(&writer->small, data, size, error);
  LAM_TRY(flush(writer, error));
  return writer->store->ops->write(writer->output, data, size, error);
}

const char *lam_writer_name(const struct lam_writer *writer) {
  return writer->final_key ? writer->final_key : writer->key;
}

enum lam_status lam_writer_check(const struct lam_writer *writer, struct lam_error *error) {
  if (writer->failed)
    return lam_fail(error, LAM_INVALID, "writing \"%s\": the writer has failed before, and can only be closed",
                    lam_writer_name(writer));
  if (writer->finished)
    return lam_fail(error, LAM_INVALID, "writing \"%s\": the file is finished", lam_writer_name(writer));
  return LAM_OK;
}

/* Remembers that the writer is of no more use. */
static enum lam_status keep_failure(struct lam_writer *writer, enum lam_status status) {
  if (status != LAM_OK) writer->failed = true;
  return status;
}

enum lam_status lam_writer_keep(struct lam_writer *writer, struct lam_bytes bytes, struct lam_bytes *out,
                                struct lam_error *error) {
  *out = bytes;
  if (!bytes.data) return LAM_OK;
  uint8_t *copy;
  LAM_TRY(lam_arena_alloc(&writer->arena, bytes.size + 1, (void **)&copy, error));
  lam_copy(copy, bytes.data, bytes.size);
  out->data = copy;
  return LAM_OK;
}

/* ---- workspaces: one for each thread that is at work ---- */

static enum lam_status take_workspace(struct lam_writer *writer, struct lam_workspace **out, struct lam_error *error) {
  pthread_mutex_lock(&writer->lock);
  *out = writer->idle;
  if (*out) writer->idle = (*out)->next;
  pthread_mutex_unlock(&writer->lock);
  if (*out) return LAM_OK;
  LAM_TRY(lam_alloc(writer->mem, sizeof **out, (void **)out, error));
  lam_workspace_init(*out, writer->mem);
  return LAM_OK;
}

static void return_workspace(struct lam_writer *writer, struct lam_workspace *workspace) {
  pthread_mutex_lock(&writer->lock);
  workspace->next = writer->idle;
  writer->idle = workspace;
  pthread_mutex_unlock(&writer->lock);
}

static void release_workspaces(struct lam_writer *writer) {
  while (writer->idle) {
    struct lam_workspace *workspace = writer->idle;
    writer->idle = workspace->next;
    lam_workspace_release(workspace);
    lam_free(writer->mem, workspace, sizeof *workspace);
  }
}

/* ---- chunks to the file ---- */

static enum lam_status put_segments(struct lam_writer *writer, struct lam_chunk_writer *chunk,
                                    struct lam_error *error) {
  struct lam_buf *segments = (struct lam_buf *)(void *)chunk->segments.data;
  for (size_t i = 0; i < chunk->segments_used; i++) {
    LAM_TRY(lam_writer_put(writer, segments[i].data, segments[i].size, error));
    segments[i].size = 0;
  }
  chunk->segments_used = 0;
  return LAM_OK;
}

/* The first chunk of a row group stands where the file ends now, so that its pages need not wait. The thread that is
 * here is the only one that writes meanwhile. */
static enum lam_status put_outgoing(struct lam_writer *writer, struct lam_error *error) {
  uint64_t before = writer->position;
  if (writer->outgoing.count == 0) return LAM_OK;
  LAM_TRY(put_segments(writer, &writer->chunks[0], error));
  for (struct lam_out_page *page; (page = lam_page_list_pop(&writer->outgoing));) {
    enum lam_status status =
        lam_writer_put(writer, page->bytes.data + page->start, page->bytes.size - page->start, error);
    lam_page_pool_put(&writer->pool, page);
    LAM_TRY(status);
  }
  writer->streamed += writer->position - before;
  return LAM_OK;
}

/* ---- rounds: rows are encoded while pages of the round before are packed, and those before them written ---- */

struct round {
  struct lam_writer *writer;
  size_t columns;      /* that take rows; none of them where a row group ends */
  int64_t from, count; /* rows of the batch */
};

static struct lam_out_page **packing(const struct lam_writer *writer) {
  return (struct lam_out_page **)(void *)writer->packing.data;
}

static enum lam_status append_column(const struct round *round, size_t index, struct lam_workspace *workspace,
                                     struct lam_error *error) {
  struct lam_writer *writer = round->writer;
  struct lam_chunk_writer *chunk = &writer->chunks[index];
  const struct lam_view *view = &writer->views[index];
  const struct lam_shred_path *path = &writer->columns[index].shred;
  if (path->depth > 0) return lam_chunk_append_nested(chunk, workspace, path, view, round->from, round->count, error);
  return lam_chunk_append(chunk, workspace, view, round->from, round->count, error);
}

/* The columns come first, since each of them is one task; then the writing, and a task for each page. */
static enum lam_status run_task(void *user, size_t index, struct lam_error *error) {
  const struct round *round = user;
  struct lam_writer *writer = round->writer;
  if (index == round->columns) return put_outgoing(writer, error);
  struct lam_workspace *workspace;
  LAM_TRY(take_workspace(writer, &workspace, error));
  size_t column = index;
  enum lam_status status;
  if (index < round->columns) {
    status = append_column(round, index, workspace, error);
  } else {
    struct lam_out_page *page = packing(writer)[index - round->columns - 1];
    column = (size_t)(page->chunk - writer->chunks);
    status = lam_page_pack(page, workspace, error);
  }
  return_workspace(writer, workspace);
  return lam_fail_in(error, status, "column \"%s\"", writer->columns[column].name);
}

static enum lam_status run_round(struct round *round, bool serial, struct lam_error *error) {
  struct lam_writer *writer = round->writer;
  size_t pages = writer->packing.size / sizeof(struct lam_out_page *);
  struct lam_pool *pool = lam_context_pool(lam_mem_context(writer->mem));
  LAM_TRY(lam_pool_run(pool, round->columns + 1 + pages, serial ? 1 : 0, run_task, round, error));
  writer->packing.size = 0;
  for (int32_t i = 0; i < writer->column_count; i++) LAM_TRY(lam_chunk_collect(&writer->chunks[i], error));
  return LAM_OK;
}

/* What is encoded by now is packed in the next round. */
static enum lam_status begin_packing(struct lam_writer *writer, struct lam_error *error) {
  for (int32_t i = 0; i < writer->column_count; i++) {
    struct lam_chunk_writer *chunk = &writer->chunks[i];
    for (struct lam_out_page *page = chunk->encoded.first; page; page = page->next)
      LAM_TRY(lam_buf_append(&writer->packing, &page, sizeof page, error));
    lam_page_list_move(&chunk->encoded, &chunk->packing);
  }
  return LAM_OK;
}

static enum lam_status pack_pages(struct lam_writer *writer, bool serial, struct lam_error *error) {
  struct round round = {.writer = writer};
  LAM_TRY(begin_packing(writer, error));
  return run_round(&round, serial, error);
}

static uint64_t encoded_bytes(const struct lam_writer *writer) {
  uint64_t total = 0;
  for (int32_t i = 0; i < writer->column_count; i++) total += writer->chunks[i].encoded.bytes;
  return total;
}

/* ---- opening ---- */

static void nothing_to_release(struct ArrowSchema *schema) {
  (void)schema;
}

/* path_in_schema of a top-level column: a list of one string, in the compact protocol. */
static enum lam_status make_path(struct lam_writer *writer, struct lam_bytes name, struct lam_bytes *out,
                                 struct lam_error *error) {
  uint8_t *bytes;
  LAM_TRY(lam_arena_alloc(&writer->arena, name.size + 11, (void **)&bytes, error));
  size_t size = 0, left = name.size;
  bytes[size++] = 1 << 4 | 8; /* one element, binary */
  for (; left >= 0x80; left >>= 7) bytes[size++] = (uint8_t)(left | 0x80);
  bytes[size++] = (uint8_t)left;
  lam_copy(bytes + size, name.data, name.size);
  *out = lam_bytes_of(bytes, size + name.size);
  return LAM_OK;
}

static enum lam_status open_column(struct lam_writer *writer, int32_t index, const struct lam_chunk_options *options,
                                   struct lam_error *error) {
  struct lam_writer_column *column = &writer->columns[index];
  const struct ArrowSchema *given = column->shred.leaf;
  const struct lam_schema_node *leaf = &writer->meta.nodes[writer->meta.leaves[index]];
  column->plain = given->dictionary ? *given->dictionary : *given;
  column->plain.name = given->name;
  column->plain.release = nothing_to_release;
  column->encoded = *given;
  if (!given->dictionary) column->encoded.format = "i";
  column->encoded.dictionary = &column->plain;
  column->encoded.release = nothing_to_release;
  LAM_TRY(lam_type_parse(&column->plain, &column->type, error));
  column->needs_plain = column->type.id == LAM_TYPE_BOOL;
  if (leaf->parent == 0) LAM_TRY(make_path(writer, leaf->name, &column->path, error));
  return lam_chunk_writer_init(&writer->chunks[index], &writer->pool, &column->type, leaf, options, error);
}

/* The leaves of the columns, in the order of the schema that was made of them. */
static enum lam_status find_leaves(struct lam_writer *writer, struct lam_error *error) {
  struct lam_buf paths;
  lam_buf_init(&paths, writer->mem);
  enum lam_status status = LAM_OK;
  for (int32_t top = 0, leaf = 0; top < writer->schema.n_children && status == LAM_OK; top++) {
    paths.size = 0;
    status = lam_shred_paths(writer->schema.children[top], &writer->arena, &paths, error);
    const struct lam_shred_path *all = (const struct lam_shred_path *)(const void *)paths.data;
    for (size_t i = 0; i < paths.size / sizeof *all && status == LAM_OK; i++, leaf++) {
      writer->columns[leaf].top = top;
      writer->columns[leaf].shred = all[i];
      status = lam_leaf_name(&writer->meta, leaf, &writer->arena, &writer->columns[leaf].name, error);
    }
  }
  lam_buf_release(&paths);
  return status;
}

static enum lam_status open_columns(struct lam_writer *writer, const struct lam_write_options *options,
                                    struct lam_error *error) {
  size_t count = (size_t)writer->meta.leaf_count;
  struct lam_chunk_options *resolved;
  struct lam_arena scratch;
  lam_arena_init(&scratch, writer->mem);
  LAM_TRY(lam_arena_array(&writer->arena, count, sizeof *writer->columns, (void **)&writer->columns, error));
  LAM_TRY(lam_arena_array(&writer->arena, count, sizeof *writer->chunks, (void **)&writer->chunks, error));
  LAM_TRY(lam_arena_array(&writer->arena, count, sizeof *writer->views, (void **)&writer->views, error));
  writer->column_count = (int32_t)count;
  LAM_TRY(find_leaves(writer, error));
  enum lam_status status = lam_arena_array(&scratch, count, sizeof *resolved, (void **)&resolved, error);
  if (status == LAM_OK) status = lam_writer_resolve(options, writer, resolved, error);
  for (int32_t i = 0; i < writer->column_count && status == LAM_OK; i++) {
    status = open_column(writer, i, &resolved[i], error);
    if (status != LAM_OK) lam_fail_in(error, status, "column \"%s\"", writer->columns[i].name);
  }
  lam_arena_release(&scratch);
  if (status == LAM_OK && count > 0) writer->chunks[0].outgoing = &writer->outgoing;
  return status;
}

int32_t lam_writer_find_flat(const struct lam_writer *writer, const char *name) {
  for (int32_t i = 0; i < writer->column_count; i++)
    if (writer->columns[i].shred.depth == 0 && !strcmp(writer->columns[i].name, name)) return i;
  return -1;
}

static enum lam_status keep_sorting(struct lam_writer *writer, const struct lam_write_options *options,
                                    struct lam_error *error) {
  size_t count = (size_t)options->sorting_count;
  LAM_TRY(lam_arena_array(&writer->arena, count, sizeof *writer->sorting, (void **)&writer->sorting, error));
  for (size_t i = 0; i < count; i++) {
    const struct lam_sort_key *key = &options->sorting[i];
    int32_t column = lam_writer_find_flat(writer, key->column);
    if (column < 0)
      return lam_fail(error, LAM_NOT_FOUND, "there is no column \"%s\" to record as sorted by", key->column);
    writer->sorting[i] = (struct lam_sorting_column){column, key->descending, key->nulls_first};
  }
  writer->sorting_count = options->sorting_count;
  return LAM_OK;
}

static enum lam_status keep_key_values(struct lam_writer *writer, const struct lam_write_options *options,
                                       struct lam_error *error) {
  size_t count = (size_t)options->key_value_count;
  struct lam_key_value *to;
  LAM_TRY(lam_arena_array(&writer->arena, count, sizeof *to, (void **)&to, error));
  for (size_t i = 0; i < count; i++) {
    const struct lam_write_key_value *from = &options->key_values[i];
    LAM_TRY(lam_writer_keep(writer, lam_bytes_of_string(from->key), &to[i].key, error));
    if (from->value) LAM_TRY(lam_writer_keep(writer, lam_bytes_of_string(from->value), &to[i].value, error));
  }
  writer->meta.key_values = to;
  writer->meta.key_value_count = options->key_value_count;
  return LAM_OK;
}

static void set_sizes(struct lam_writer *writer, const struct lam_write_options *options) {
  uint64_t available = lam_mem_available(writer->mem);
  writer->row_group_rows = options->row_group_rows ? options->row_group_rows : DEFAULT_ROW_GROUP_ROWS;
  writer->row_group_bytes = options->row_group_bytes
                                ? (uint64_t)options->row_group_bytes
                                : lam_max_u64(lam_min_u64(DEFAULT_ROW_GROUP_BYTES, available / 4), SMALLEST_ROW_GROUP);
  writer->slice_bytes = lam_max_u64(lam_min_u64(writer->row_group_bytes / 8, SLICE_BYTES), 64 << 10);
  writer->low_memory = available / 8;
  writer->no_sync = options->no_sync;
}

static enum lam_status begin_file(struct lam_writer *writer, const struct lam_write_options *options,
                                  struct lam_error *error) {
  if (!writer->schema.format || strcmp(writer->schema.format, "+s") != 0)
    return lam_fail(error, LAM_INVALID, "the schema of a file is a struct of its columns, not \"%s\"",
                    writer->schema.format ? writer->schema.format : "");
  set_sizes(writer, options);
  LAM_TRY(lam_schema_to_parquet(&writer->schema, &writer->arena, &writer->meta, error));
  writer->meta.version = options->data_page_v2 ? 2 : 1;
  LAM_TRY(open_columns(writer, options, error));
  LAM_TRY(keep_sorting(writer, options, error));
  LAM_TRY(keep_key_values(writer, options, error));
  writer->meta.created_by = lam_bytes_of_string("lamella version " LAM_VERSION " (build none)");
  LAM_TRY(writer->store->ops->create(writer->store, writer->key, &writer->output, error));
  return lam_writer_put(writer, "PAR1", 4, error);
}

enum lam_status lam_writer_open_in(struct lam_store *store, const char *key, const struct ArrowSchema *schema,
                                   const struct lam_write_options *given, struct lam_mem *mem, struct lam_writer **out,
                                   struct lam_error *error) {
  struct lam_write_options options;
  struct lam_writer *writer;
  *out = NULL;
  LAM_TRY(lam_write_options_read(given, &options, error));
  LAM_TRY(lam_alloc_zero(mem, sizeof *writer, (void **)&writer, error));
  writer->store = store;
  writer->mem = mem;
  pthread_mutex_init(&writer->lock, NULL);
  lam_arena_init(&writer->arena, mem);
  lam_buf_init(&writer->small, mem);
  lam_buf_init(&writer->copy, mem);
  lam_buf_init(&writer->packing, mem);
  lam_page_pool_init(&writer->pool, mem);
  lam_buf_init(&writer->row_groups, mem);
  lam_buf_init(&writer->waiting, mem);
  lam_buf_init(&writer->index_bytes, mem);
  enum lam_status status = lam_arena_string(&writer->arena, lam_bytes_of_string(key), &writer->key, error);
  if (status == LAM_OK) status = lam_schema_copy(schema, &writer->schema, error);
  if (status == LAM_OK) status = begin_file(writer, &options, error);
  if (status != LAM_OK) {
    lam_fail_in(error, status, "writing \"%s\"", key);
    lam_writer_close(writer);
    return status;
  }
  *out = writer;
  return LAM_OK;
}

/* ---- batches ---- */

/* An array that had to be made plain, until the batch is written. */
struct plain_copy {
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
                                   struct plain_copy *copy, struct lam_error *error) {
  struct lam_writer_column *column = &writer->columns[index];
  const struct ArrowArray *array;
  LAM_TRY(find_array(column, batch, &array, error));
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
  const uint8_t *validity = batch->n_buffers > 0 ? batch->buffers[0] : NULL;
  if (validity && batch->null_count != 0 && lam_bits_count(validity, batch->offset, batch->length) != batch->length)
    return lam_fail(error, LAM_INVALID, "the batch has rows that are NULL as a whole; a table has none");
  return LAM_OK;
}

/* Bytes that rows [from, from + count) take as they are in the batch. */
static uint64_t rows_bytes(const struct lam_writer *writer, int64_t from, int64_t count) {
  uint64_t total = 0;
  for (int32_t i = 0; i < writer->column_count; i++)
    total += lam_shred_bytes(&writer->columns[i].shred, &writer->views[i], from, count);
  return total;
}

/* Takes as many rows as fit the row group and the slice. */
static enum lam_status append_slice(struct lam_writer *writer, int64_t from, int64_t left, int64_t *taken,
                                    struct lam_error *error) {
  struct round round = {writer, (size_t)writer->column_count, from,
                        lam_min_i64(left, writer->row_group_rows - writer->pending_rows)};
  uint64_t bytes = rows_bytes(writer, from, round.count);
  while (bytes > writer->slice_bytes && round.count > 1) {
    round.count /= 2;
    bytes = rows_bytes(writer, from, round.count);
  }
  LAM_TRY(run_round(&round, bytes < SERIAL_BYTES && writer->packing.size == 0, error));
  *taken = round.count;
  writer->pending_rows += round.count;
  uint64_t encoded = encoded_bytes(writer);
  if (encoded < (writer->packed_any ? writer->slice_bytes : FIRST_PACK_BYTES)) return LAM_OK;
  /* Huge values do not wait for the next ones. The first pages are packed at once too, to learn how well: whoever ends
   * a file by its size asks for it. */
  bool at_once = !writer->packed_any || encoded > 2 * writer->slice_bytes;
  writer->packed_any = true;
  return at_once ? pack_pages(writer, false, error) : begin_packing(writer, error);
}

static bool row_group_is_full(const struct lam_writer *writer) {
  return writer->pending_rows >= writer->row_group_rows ||
         writer->streamed + lam_writer_pending_bytes(writer) >= writer->row_group_bytes ||
         lam_mem_available(writer->mem) < writer->low_memory;
}

static enum lam_status end_row_group(struct lam_writer *writer, struct lam_error *error);

static enum lam_status write_rows(struct lam_writer *writer, const struct ArrowArray *batch, struct lam_error *error) {
  int64_t taken;
  for (int64_t row = 0; row < batch->length; row += taken) {
    LAM_TRY(lam_check_cancel(lam_mem_context(writer->mem), error));
    LAM_TRY(append_slice(writer, row, batch->length - row, &taken, error));
    if (row_group_is_full(writer)) LAM_TRY(end_row_group(writer, error));
  }
  return LAM_OK;
}

static enum lam_status write_batch(struct lam_writer *writer, const struct ArrowArray *batch, struct lam_error *error) {
  LAM_TRY(check_batch(writer, batch, error));
  struct plain_copy *copies;
  size_t size = (size_t)writer->column_count * sizeof *copies;
  LAM_TRY(lam_alloc_zero(writer->mem, size, (void **)&copies, error));
  enum lam_status status = LAM_OK;
  for (int32_t i = 0; i < writer->column_count && status == LAM_OK; i++) {
    status = view_column(writer, i, batch, &copies[i], error);
    lam_fail_in(error, status, "column \"%s\"", writer->columns[i].name);
  }
  if (status == LAM_OK) status = write_rows(writer, batch, error);
  for (int32_t i = 0; i < writer->column_count; i++) {
    lam_array_release(&copies[i].array);
    lam_schema_release(&copies[i].schema);
  }
  lam_free(writer->mem, copies, size);
  return status;
}

enum lam_status lam_writer_write(struct lam_writer *writer, const struct ArrowArray *batch, struct lam_error *error) {
  LAM_TRY(lam_writer_check(writer, error));
  enum lam_status status = write_batch(writer, batch, error);
  lam_fail_in(error, status, "writing \"%s\"", lam_writer_name(writer));
  return keep_failure(writer, status);
}

/* ---- row groups ---- */

typedef enum lam_status (*lam_chunk_fn)(struct lam_chunk_writer *chunk, struct lam_workspace *workspace,
                                        struct lam_error *error);

static enum lam_status with_column(struct lam_writer *writer, size_t index, lam_chunk_fn work,
                                   struct lam_error *error) {
  struct lam_workspace *workspace;
  LAM_TRY(take_workspace(writer, &workspace, error));
  enum lam_status status = work(&writer->chunks[index], workspace, error);
  return_workspace(writer, workspace);
  return lam_fail_in(error, status, "column \"%s\"", writer->columns[index].name);
}

static enum lam_status end_column_page(void *user, size_t index, struct lam_error *error) {
  return with_column(user, index, lam_chunk_end_page, error);
}

static enum lam_status finish_column(void *user, size_t index, struct lam_error *error) {
  return with_column(user, index, lam_chunk_finish, error);
}

/* The page index waits for the end of the file. Where the budget has no room for it, the chunk has none. */
static enum lam_status keep_indexes(struct lam_writer *writer, int32_t leaf, uint64_t offset, struct lam_error *error) {
  size_t size[2], start = writer->index_bytes.size, had = writer->waiting.size;
  struct lam_waiting_index index = {.row_group = (int32_t)(writer->row_groups.size / sizeof(struct lam_row_group_meta)),
                                    .leaf = leaf,
                                    .start = start};
  enum lam_status status =
      lam_index_finish(&writer->chunks[leaf].index, offset, &writer->index_bytes, &size[0], &size[1], error);
  for (int i = 0; i < 2 && status == LAM_OK; i++) {
    if (size[i] == 0) continue;
    index.is_offset_index = i == 1;
    index.size = (int32_t)size[i];
    status = lam_buf_append(&writer->waiting, &index, sizeof index, error);
    index.start += size[i];
  }
  if (status == LAM_OK && writer->index_bytes.size - start <= INT32_MAX) return LAM_OK;
  writer->index_bytes.size = start;
  writer->waiting.size = had;
  return status == LAM_LIMIT ? LAM_OK : status;
}

static enum lam_status put_chunk(struct lam_writer *writer, int32_t index, struct lam_chunk_meta *meta,
                                 struct lam_error *error) {
  struct lam_chunk_writer *chunk = &writer->chunks[index];
  int64_t start = (int64_t)(writer->position - (index == 0 ? writer->streamed : 0));
  LAM_TRY(lam_chunk_describe(chunk, &writer->arena, meta, error));
  meta->details->path = writer->columns[index].path;
  meta->data_page_offset += start;
  if (meta->has_dictionary_offset) meta->dictionary_page_offset = start;
  LAM_TRY(lam_writer_put(writer, chunk->dictionary_page.data, chunk->dictionary_page.size, error));
  LAM_TRY(put_segments(writer, chunk, error));
  assert((int64_t)writer->position - start == meta->compressed_size);
  return keep_indexes(writer, index, (uint64_t)meta->data_page_offset, error);
}

/* The bloom filters of a row group stand behind its chunks: a reader gets those of several columns at once, and none
 * has to wait for the end of the file. */
static enum lam_status put_blooms(struct lam_writer *writer, struct lam_chunk_meta *chunks, struct lam_error *error) {
  for (int32_t i = 0; i < writer->column_count; i++) {
    const struct lam_buf *bits = &writer->chunks[i].bloom.bits;
    if (bits->size == 0) continue;
    writer->copy.size = 0;
    LAM_TRY(lam_bloom_write(bits->data, bits->size, &writer->copy, error));
    chunks[i].bloom_offset = (int64_t)writer->position;
    chunks[i].bloom_length = (int32_t)writer->copy.size;
    chunks[i].bloom_length_known = true;
    LAM_TRY(lam_writer_put(writer, writer->copy.data, writer->copy.size, error));
  }
  return LAM_OK;
}

static enum lam_status put_row_group(struct lam_writer *writer, struct lam_error *error) {
  size_t ordinal = writer->row_groups.size / sizeof(struct lam_row_group_meta);
  struct lam_row_group_meta group = {.rows = writer->pending_rows,
                                     .file_offset = (int64_t)(writer->position - writer->streamed),
                                     .sorting = writer->sorting,
                                     .sorting_count = writer->sorting_count,
                                     .ordinal = ordinal <= INT16_MAX ? (int32_t)ordinal : -1};
  LAM_TRY(lam_arena_array(&writer->arena, (size_t)writer->column_count, sizeof *group.chunks, (void **)&group.chunks,
                          error));
  for (int32_t i = 0; i < writer->column_count; i++) {
    LAM_TRY(put_chunk(writer, i, &group.chunks[i], error));
    group.total_byte_size += group.chunks[i].uncompressed_size;
    group.compressed_size += group.chunks[i].compressed_size;
  }
  LAM_TRY(put_blooms(writer, group.chunks, error));
  writer->meta.rows += group.rows;
  return lam_buf_append(&writer->row_groups, &group, sizeof group, error);
}

static enum lam_status end_row_group(struct lam_writer *writer, struct lam_error *error) {
  if (writer->pending_rows == 0) return LAM_OK;
  struct lam_pool *pool = lam_context_pool(lam_mem_context(writer->mem));
  bool serial = lam_writer_pending_bytes(writer) < SERIAL_BYTES;
  size_t columns = (size_t)writer->column_count;
  LAM_TRY(lam_pool_run(pool, columns, serial ? 1 : 0, end_column_page, writer, error));
  LAM_TRY(pack_pages(writer, serial, error));
  LAM_TRY(lam_pool_run(pool, columns, serial ? 1 : 0, finish_column, writer, error));
  LAM_TRY(put_outgoing(writer, error));
  LAM_TRY(put_row_group(writer, error));
  bool keep = lam_mem_available(writer->mem) > 2 * writer->low_memory;
  for (int32_t i = 0; i < writer->column_count; i++) lam_chunk_clear(&writer->chunks[i], keep);
  if (!keep) {
    release_workspaces(writer);
    lam_page_pool_release(&writer->pool);
  }
  writer->pending_rows = 0;
  writer->streamed = 0;
  return LAM_OK;
}

enum lam_status lam_writer_end_row_group(struct lam_writer *writer, struct lam_error *error) {
  LAM_TRY(lam_writer_check(writer, error));
  enum lam_status status = end_row_group(writer, error);
  lam_fail_in(error, status, "writing \"%s\"", lam_writer_name(writer));
  return keep_failure(writer, status);
}

uint64_t lam_writer_bytes(const struct lam_writer *writer) {
  return writer->position;
}
uint64_t lam_writer_pending_bytes(const struct lam_writer *writer) {
  uint64_t total = 0;
  if (writer->pending_rows == 0) return 0;
  for (int32_t i = 0; i < writer->column_count; i++) total += lam_chunk_pending(&writer->chunks[i]);
  return total - writer->streamed;
}
const struct lam_file_meta *lam_writer_meta(const struct lam_writer *writer) {
  return &writer->meta;
}

/* ---- the end ---- */

/* Column indexes before offset indexes, each in the order of row groups and columns, as other writers have them. */
static enum lam_status put_indexes(struct lam_writer *writer, struct lam_error *error) {
  struct lam_row_group_meta *groups = (struct lam_row_group_meta *)(void *)writer->row_groups.data;
  const struct lam_waiting_index *waiting = (const struct lam_waiting_index *)(const void *)writer->waiting.data;
  size_t count = writer->waiting.size / sizeof *waiting;
  for (int offset_indexes = 0; offset_indexes < 2; offset_indexes++) {
    for (size_t i = 0; i < count; i++) {
      if (waiting[i].is_offset_index != offset_indexes) continue;
      struct lam_chunk_meta *chunk = &groups[waiting[i].row_group].chunks[waiting[i].leaf];
      *(offset_indexes ? &chunk->offset_index_offset : &chunk->column_index_offset) = (int64_t)writer->position;
      *(offset_indexes ? &chunk->offset_index_length : &chunk->column_index_length) = waiting[i].size;
      LAM_TRY(lam_writer_put(writer, writer->index_bytes.data + waiting[i].start, (size_t)waiting[i].size, error));
    }
  }
  return LAM_OK;
}

static enum lam_status put_footer(struct lam_writer *writer, struct lam_error *error) {
  writer->meta.row_groups = (struct lam_row_group_meta *)(void *)writer->row_groups.data;
  writer->meta.row_group_count = (int32_t)(writer->row_groups.size / sizeof(struct lam_row_group_meta));
  struct lam_buf footer;
  lam_buf_init(&footer, writer->mem);
  enum lam_status status = lam_file_meta_write(&writer->meta, &footer, error);
  uint8_t tail[8] = {0, 0, 0, 0, 'P', 'A', 'R', '1'};
  if (status == LAM_OK && footer.size > INT32_MAX)
    status = lam_fail(error, LAM_UNSUPPORTED, "a footer of %zu bytes; Parquet allows 2^31 - 1", footer.size);
  lam_store32(tail, (uint32_t)footer.size);
  if (status == LAM_OK) status = lam_writer_put(writer, footer.data, footer.size, error);
  if (status == LAM_OK) status = lam_writer_put(writer, tail, sizeof tail, error);
  lam_buf_release(&footer);
  return status;
}

/* Makes the finished file visible under its final name. */
static enum lam_status publish(struct lam_writer *writer, struct lam_error *error) {
  const struct lam_store_ops *ops = writer->store->ops;
  LAM_TRY(ops->replace(writer->store, writer->key, writer->store, writer->final_key, error));
  writer->finished = true; /* from here on there is no staged object to remove */
  return writer->no_sync ? LAM_OK : ops->sync_directory(writer->store, "", error);
}

static enum lam_status finish(struct lam_writer *writer, struct lam_error *error) {
  const struct lam_store_ops *ops = writer->store->ops;
  LAM_TRY(end_row_group(writer, error));
  LAM_TRY(put_indexes(writer, error));
  LAM_TRY(put_footer(writer, error));
  LAM_TRY(flush(writer, error));
  if (!writer->no_sync) LAM_TRY(ops->sync(writer->output, error));
  struct lam_output *output = writer->output;
  writer->output = NULL;
  LAM_TRY(ops->close_output(output, error));
  if (writer->final_key) return publish(writer, error);
  writer->finished = true;
  return LAM_OK;
}

enum lam_status lam_writer_finish(struct lam_writer *writer, struct lam_write_result *result, struct lam_error *error) {
  LAM_TRY(lam_writer_check(writer, error));
  enum lam_status status = finish(writer, error);
  lam_fail_in(error, status, "writing \"%s\"", lam_writer_name(writer));
  LAM_TRY(keep_failure(writer, status));
  if (!result) return LAM_OK;
  struct lam_write_result all = {.struct_size = result->struct_size,
                                 .rows = writer->meta.rows,
                                 .bytes = (int64_t)writer->position,
                                 .row_groups = writer->meta.row_group_count};
  memcpy(result, &all, lam_min_u64(result->struct_size, sizeof all));
  return LAM_OK;
}

void lam_writer_close(struct lam_writer *writer) {
  if (!writer) return;
  const struct lam_store_ops *ops = writer->store->ops;
  bool staged = writer->output != NULL;
  if (writer->output) (void)ops->close_output(writer->output, NULL);
  if (!writer->finished && (staged || writer->failed)) (void)ops->remove(writer->store, writer->key, NULL);
  for (int32_t i = 0; i < writer->column_count; i++) lam_chunk_writer_release(&writer->chunks[i]);
  for (struct lam_out_page *page; (page = lam_page_list_pop(&writer->outgoing));)
    lam_page_pool_put(&writer->pool, page);
  lam_page_pool_destroy(&writer->pool);
  lam_buf_release(&writer->packing);
  release_workspaces(writer);
  lam_buf_release(&writer->small);
  lam_buf_release(&writer->copy);
  lam_buf_release(&writer->row_groups);
  lam_buf_release(&writer->waiting);
  lam_buf_release(&writer->index_bytes);
  lam_schema_release(&writer->schema);
  lam_arena_release(&writer->arena);
  pthread_mutex_destroy(&writer->lock);
  struct lam_store *store = writer->owns_store_and_mem ? writer->store : NULL;
  struct lam_mem *mem = writer->mem, *own = writer->owns_store_and_mem ? mem : NULL;
  lam_free(mem, writer, sizeof *writer);
  lam_mem_close(own);
  lam_store_close(store);
}

/* ---- local files ---- */

/* Splits "a/b.parquet" into the store's root and the key; `path` is a copy that is cut in two. */
static enum lam_status split_path(char *path, const char **root, const char **name, struct lam_error *error) {
  char *slash = strrchr(path, '/');
  *root = slash == path ? "/" : slash ? path : ".";
  *name = slash ? slash + 1 : path;
  if (**name == 0) return lam_fail(error, LAM_INVALID, "\"%s\" is not the path of a file", path);
  if (slash) *slash = 0;
  return LAM_OK;
}

static enum lam_status open_staged(struct lam_store *store, const char *name, const struct ArrowSchema *schema,
                                   const struct lam_write_options *options, struct lam_mem *mem,
                                   struct lam_writer **out, struct lam_error *error) {
  char uuid[37], *staged = NULL;
  struct lam_arena arena;
  lam_arena_init(&arena, mem);
  enum lam_status status = lam_uuid(uuid, error);
  size_t size = strlen(name) + sizeof ".tmp-" + sizeof uuid;
  if (status == LAM_OK) status = lam_arena_alloc(&arena, size, (void **)&staged, error);
  if (status == LAM_OK) {
    snprintf(staged, size, "%s.tmp-%s", name, uuid);
    status = lam_writer_open_in(store, staged, schema, options, mem, out, error);
  }
  lam_arena_release(&arena);
  if (status == LAM_OK) {
    status = lam_arena_string(&(*out)->arena, lam_bytes_of_string(name), &(*out)->final_key, error);
    if (status != LAM_OK) lam_writer_close(*out);
  }
  if (status != LAM_OK) *out = NULL;
  return status;
}

enum lam_status lam_writer_open(struct lam_context *context, const char *path, const struct ArrowSchema *schema,
                                const struct lam_write_options *options, struct lam_writer **out,
                                struct lam_error *error) {
  struct lam_store *store = NULL;
  struct lam_mem *mem = NULL;
  const char *root, *name;
  *out = NULL;
  char *copy = strdup(path);
  if (!copy) return lam_fail(error, LAM_NO_MEMORY, "no memory for a path");
  enum lam_status status = split_path(copy, &root, &name, error);
  if (status == LAM_OK) status = lam_store_local(context, root, &store, error);
  if (status == LAM_OK) status = lam_mem_open(context, PUBLIC_MINIMUM, &mem, error);
  if (status == LAM_OK) status = open_staged(store, name, schema, options, mem, out, error);
  free(copy);
  if (status == LAM_OK) {
    (*out)->owns_store_and_mem = true;
    return LAM_OK;
  }
  lam_mem_close(mem);
  lam_store_close(store);
  return status;
}
