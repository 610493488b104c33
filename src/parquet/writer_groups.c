/* Row groups into the file: chunks, their bloom filters, and page indexes that wait for the end of the file. */
#include <assert.h>

#include "base/context.h"
#include "base/threads.h"
#include "parquet/writer_state.h"

/* ---- chunks to the file ---- */

static enum lam_status put_segments(struct lam_writer *writer, struct lam_chunk_writer *chunk,
                                    struct lam_error *error) {
  struct lam_buf *segments = (struct lam_buf *)(void *)chunk->segments.data;
  const struct lam_copied_run *run = (const struct lam_copied_run *)(const void *)chunk->runs.data;
  size_t runs = chunk->runs.size / sizeof *run;
  uint64_t before = 0;
  for (size_t i = 0; i < chunk->segments_used; i++) {
    size_t done = 0;
    for (; runs && run->before < before + segments[i].size; run++, runs--) {
      size_t some = (size_t)(run->before - before) - done;
      LAM_TRY(lam_writer_put(writer, segments[i].data + done, some, error));
      LAM_TRY(lam_writer_copy(writer, chunk->spliced.from, run->offset, run->size, error));
      done += some;
    }
    LAM_TRY(lam_writer_put(writer, segments[i].data + done, segments[i].size - done, error));
    before += segments[i].size;
    segments[i].size = 0;
  }
  for (; runs; run++, runs--) LAM_TRY(lam_writer_copy(writer, chunk->spliced.from, run->offset, run->size, error));
  chunk->segments_used = chunk->runs.size = 0;
  return LAM_OK;
}

enum lam_status lam_writer_put_outgoing(struct lam_writer *writer, struct lam_error *error) {
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

/* ---- row groups ---- */

typedef enum lam_status (*lam_chunk_fn)(struct lam_chunk_writer *chunk, struct lam_workspace *workspace,
                                        struct lam_error *error);

static enum lam_status with_column(struct lam_writer *writer, size_t index, lam_chunk_fn work,
                                   struct lam_error *error) {
  struct lam_workspace *workspace;
  LAM_TRY(lam_writer_take_workspace(writer, &workspace, error));
  enum lam_status status = work(&writer->chunks[index], workspace, error);
  lam_writer_return_workspace(writer, workspace);
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
    if (lam_writer_source(writer, i) >= 0) {
      LAM_TRY(lam_raw_copy_bloom(writer, writer->mix.from, &chunks[i], error));
      continue;
    }
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
  if (writer->mix.from) LAM_TRY(lam_mix_sorting(writer, &group, error));
  for (int32_t i = 0; i < writer->column_count;) {
    if (lam_writer_source(writer, i) >= 0) {
      LAM_TRY(lam_mix_copy(writer, &i, group.chunks, error));
    } else {
      LAM_TRY(put_chunk(writer, i, &group.chunks[i], error));
      i++;
    }
  }
  for (int32_t i = 0; i < writer->column_count; i++) {
    group.total_byte_size += group.chunks[i].uncompressed_size;
    group.compressed_size += group.chunks[i].compressed_size;
  }
  LAM_TRY(put_blooms(writer, group.chunks, error));
  writer->meta.rows += group.rows;
  return lam_buf_append(&writer->row_groups, &group, sizeof group, error);
}

enum lam_status lam_writer_close_group(struct lam_writer *writer, struct lam_error *error) {
  LAM_TRY(lam_mix_check(writer, error));
  if (writer->pending_rows == 0) {
    writer->mix.from = NULL;
    return LAM_OK;
  }
  struct lam_pool *pool = lam_context_pool(lam_mem_context(writer->mem));
  bool serial = lam_writer_pending_bytes(writer) < LAM_SERIAL_BYTES;
  size_t columns = (size_t)writer->column_count;
  LAM_TRY(lam_pool_run(pool, columns, serial ? 1 : 0, end_column_page, writer, error));
  LAM_TRY(lam_writer_pack(writer, serial, error));
  LAM_TRY(lam_pool_run(pool, columns, serial ? 1 : 0, finish_column, writer, error));
  LAM_TRY(lam_writer_put_outgoing(writer, error));
  LAM_TRY(put_row_group(writer, error));
  bool keep = lam_mem_available(writer->mem) > 2 * writer->low_memory;
  for (int32_t i = 0; i < writer->column_count; i++) lam_chunk_clear(&writer->chunks[i], keep);
  if (!keep) {
    lam_writer_release_workspaces(writer);
    lam_page_pool_release(&writer->pool);
  }
  writer->pending_rows = 0;
  writer->streamed = 0;
  writer->mix.from = NULL;
  return LAM_OK;
}

enum lam_status lam_writer_end_row_group(struct lam_writer *writer, struct lam_error *error) {
  LAM_TRY(lam_writer_check(writer, error));
  return lam_writer_settle(writer, lam_writer_close_group(writer, error), error);
}

uint64_t lam_writer_pending_bytes(const struct lam_writer *writer) {
  uint64_t total = writer->mix.from ? writer->mix.bytes : 0;
  if (writer->pending_rows == 0) return total;
  for (int32_t i = 0; i < writer->column_count; i++) total += lam_chunk_pending(&writer->chunks[i]);
  return total - writer->streamed;
}

/* Column indexes before offset indexes, each in the order of row groups and columns, as other writers have them. */
enum lam_status lam_writer_put_indexes(struct lam_writer *writer, struct lam_error *error) {
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
