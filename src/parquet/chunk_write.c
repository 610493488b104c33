#include "parquet/chunk_write.h"

#include <assert.h>
#include <inttypes.h>

enum {
  INDEX_PAGE_VALUES = 1 << 18, /* of a page of dictionary indices, 1 MiB of them */
  PAGE_ROWS = 1 << 24,         /* where nulls take no room at all */
};

/* ---- what a column is ---- */

bool lam_chunk_encoding_fits(enum lam_write_encoding encoding, enum lam_physical physical) {
  bool binary = physical == LAM_BYTE_ARRAY, fixed = physical == LAM_FIXED_LEN_BYTE_ARRAY;
  bool integer = physical == LAM_INT32 || physical == LAM_INT64;
  switch (encoding) {
    case LAM_ENCODE_DEFAULT:
    case LAM_ENCODE_PLAIN: return true;
    case LAM_ENCODE_DICTIONARY: return physical != LAM_BOOLEAN;
    case LAM_ENCODE_DELTA: return integer || binary;
    case LAM_ENCODE_DELTA_BYTES: return binary || fixed;
    case LAM_ENCODE_SPLIT: return integer || fixed || physical == LAM_FLOAT || physical == LAM_DOUBLE;
    case LAM_ENCODE_RLE: return physical == LAM_BOOLEAN;
  }
  return false;
}

static enum lam_encoding plain_encoding(enum lam_write_encoding encoding, enum lam_physical physical) {
  switch (encoding) {
    case LAM_ENCODE_DELTA: return physical == LAM_BYTE_ARRAY ? LAM_DELTA_LENGTH_BYTE_ARRAY : LAM_DELTA_BINARY_PACKED;
    case LAM_ENCODE_DELTA_BYTES: return LAM_DELTA_BYTE_ARRAY;
    case LAM_ENCODE_SPLIT: return LAM_BYTE_STREAM_SPLIT;
    case LAM_ENCODE_RLE: return LAM_RLE;
    default: return LAM_PLAIN;
  }
}

static bool wants_dictionary(const struct lam_chunk_writer *chunk) {
  if (chunk->storing.rule == LAM_STORE_BITS || chunk->storing.rule == LAM_STORE_NULL) return false;
  if (chunk->options.dictionary_bytes == 0) return false;
  return chunk->options.encoding == LAM_ENCODE_DEFAULT || chunk->options.encoding == LAM_ENCODE_DICTIONARY;
}

static void reset_buffers(struct lam_chunk_writer *chunk, bool release) {
  struct lam_buf *bufs[] = {
      &chunk->segments, &chunk->dictionary_page, &chunk->repetition,   &chunk->levels,        &chunk->data,
      &chunk->ends,     &chunk->indices,         &chunk->source.remap, &chunk->source.values, &chunk->runs};
  for (size_t i = 0; i < sizeof bufs / sizeof *bufs; i++) {
    if (release)
      lam_buf_release(bufs[i]);
    else
      lam_buf_init(bufs[i], chunk->mem);
  }
}

enum lam_status lam_chunk_writer_init(struct lam_chunk_writer *chunk, struct lam_page_pool *pool,
                                      const struct lam_type *type, const struct lam_schema_node *leaf,
                                      const struct lam_chunk_options *options, struct lam_error *error) {
  struct lam_mem *mem = pool->mem;
  memset(chunk, 0, sizeof *chunk);
  chunk->mem = mem;
  chunk->pool = pool;
  chunk->leaf = leaf;
  chunk->nested = leaf->parent > 0;
  chunk->data_room = LAM_LEVELS_ROOM;
  chunk->options = *options;
  chunk->plain = plain_encoding(options->encoding, (enum lam_physical)leaf->physical);
  reset_buffers(chunk, false);
  lam_bounds_init(&chunk->bounds, mem, leaf);
  lam_bounds_init(&chunk->page_bounds, mem, leaf);
  lam_index_init(&chunk->index, mem);
  lam_bloom_builder_init(&chunk->bloom, mem, leaf, options->bloom, options->false_positives, options->row_group_rows);
  chunk->bloom.reserve = options->reserve;
  lam_dictionary_init(&chunk->dictionary, mem, 0, options->dictionary_bytes);
  chunk->dictionary.reserve = options->reserve;
  LAM_TRY(lam_storing_of(type, leaf, &chunk->storing, error));
  chunk->dictionary.width = chunk->storing.to_width;
  assert(lam_chunk_encoding_fits(options->encoding, (enum lam_physical)leaf->physical));
  lam_chunk_clear(chunk, true);
  return LAM_OK;
}

static void release_segments(struct lam_chunk_writer *chunk, size_t larger_than) {
  struct lam_buf *all = (struct lam_buf *)(void *)chunk->segments.data;
  for (size_t i = 0; i < chunk->segments.size / sizeof *all; i++) {
    if (all[i].capacity > larger_than) lam_buf_release(&all[i]);
    all[i].size = 0;
  }
}

void lam_chunk_clear(struct lam_chunk_writer *chunk, bool keep_memory) {
  if (chunk->spliced.on) {
    chunk->bloom.when = chunk->spliced.when;
    chunk->dictionary.limit = chunk->spliced.dictionary_limit;
    chunk->spliced = (struct lam_spliced){.on = false};
  }
  lam_page_list_move(&chunk->encoded, &chunk->packing);
  for (struct lam_out_page *page; (page = lam_page_list_pop(&chunk->packing));) lam_page_pool_put(chunk->pool, page);
  chunk->runs.size = 0;
  if (keep_memory) {
    release_segments(chunk, (size_t)4 << 20);
    lam_dictionary_clear(&chunk->dictionary);
  } else {
    release_segments(chunk, 0);
    lam_dictionary_release(&chunk->dictionary);
    lam_bloom_builder_release(&chunk->bloom);
    lam_dictionary_init(&chunk->dictionary, chunk->mem, chunk->storing.to_width, chunk->options.dictionary_bytes);
    chunk->dictionary.reserve = chunk->options.reserve;
    reset_buffers(chunk, true);
  }
  chunk->segments_used = 0;
  chunk->dictionary_page.size = 0;
  chunk->dictionary_on = wants_dictionary(chunk);
  chunk->dictionary_values = 0;
  chunk->next_guess = LAM_FIRST_GUESS;
  chunk->dictionary_pages = chunk->plain_pages = 0;
  if (chunk->uncompressed_size) {
    chunk->earlier_uncompressed = (double)chunk->uncompressed_size;
    chunk->earlier_compressed = (double)chunk->compressed_size;
  }
  chunk->rows = chunk->entries = chunk->nulls = chunk->uncompressed_size = chunk->compressed_size = 0;
  lam_bounds_clear(&chunk->bounds);
  lam_bounds_clear(&chunk->page_bounds);
  chunk->page_unencoded = chunk->page_nans = 0;
  lam_index_begin(&chunk->index, chunk->leaf, chunk->options.page_index, chunk->options.statistics);
  lam_bloom_builder_clear(&chunk->bloom);
  lam_source_forget(&chunk->source);
}

void lam_chunk_writer_release(struct lam_chunk_writer *chunk) {
  if (!chunk->mem) return;
  lam_chunk_clear(chunk, false);
  lam_dictionary_release(&chunk->dictionary);
  lam_bounds_release(&chunk->bounds);
  lam_bounds_release(&chunk->page_bounds);
  lam_index_release(&chunk->index);
  lam_bloom_builder_release(&chunk->bloom);
}

void lam_workspace_init(struct lam_workspace *workspace, struct lam_mem *mem) {
  memset(workspace, 0, sizeof *workspace);
  lam_codec_init(&workspace->codec, mem);
  struct lam_buf *bufs[] = {&workspace->gathered, &workspace->converted, &workspace->validity,
                            &workspace->page,     &workspace->header,    &workspace->levels};
  lam_shredded_init(&workspace->shredded, mem);
  for (size_t i = 0; i < sizeof bufs / sizeof *bufs; i++) lam_buf_init(bufs[i], mem);
}

void lam_workspace_release(struct lam_workspace *workspace) {
  lam_codec_release(&workspace->codec);
  lam_buf_release(&workspace->gathered);
  lam_buf_release(&workspace->converted);
  lam_buf_release(&workspace->validity);
  lam_buf_release(&workspace->page);
  lam_buf_release(&workspace->header);
  lam_buf_release(&workspace->levels);
  lam_shredded_release(&workspace->shredded);
}

/* ---- the page under way ---- */

static enum lam_status append_levels(struct lam_chunk_writer *chunk, const struct lam_block *block,
                                     struct lam_error *error) {
  size_t before = chunk->page_rows, after = before + block->rows;
  if (block->values == block->rows && !chunk->page_has_nulls) return LAM_OK;
  size_t bytes = (after + 7) / 8, had = chunk->page_has_nulls ? chunk->levels.size : 0;
  LAM_TRY(lam_buf_reserve(&chunk->levels, bytes, error));
  memset(chunk->levels.data + had, 0, bytes - had);
  chunk->levels.size = bytes;
  if (!chunk->page_has_nulls) lam_bits_fill(chunk->levels.data, 0, (int64_t)before, true);
  chunk->page_has_nulls = true;
  if (block->validity)
    lam_bits_copy(chunk->levels.data, (int64_t)before, block->validity, block->validity_offset + block->row,
                  (int64_t)block->rows);
  else
    lam_bits_fill(chunk->levels.data, (int64_t)before, (int64_t)block->rows, true);
  return LAM_OK;
}

/* ---- blocks ---- */

/* Finds the rows of the block that are not null. */
static void select_rows(struct lam_block *block) {
  block->values = block->rows;
  if (!block->validity) return;
  int64_t first = block->validity_offset + block->row;
  block->values = (size_t)lam_bits_count(block->validity, first, (int64_t)block->rows);
  if (block->values == block->rows) return;
  size_t found = 0;
  for (size_t i = 0; i < block->rows; i++) {
    block->selection[found] = (uint32_t)i;
    found += lam_bit_get(block->validity, first + (int64_t)i);
  }
}

static enum lam_status check_required(const struct lam_chunk_writer *chunk, const struct lam_block *block,
                                      struct lam_error *error) {
  if (block->values == block->rows || chunk->leaf->max_definition > 0) return LAM_OK;
  int64_t first = block->validity_offset + block->row;
  size_t row = 0;
  while (lam_bit_get(block->validity, first + (int64_t)row)) row++;
  return lam_fail(error, LAM_INVALID, "row %" PRId64 " of the batch is NULL, and the column may not be",
                  block->row + (int64_t)row);
}

bool lam_chunk_plain_counts(const struct lam_chunk_writer *chunk) {
  return !chunk->dictionary_on || chunk->dictionary_pages == 0;
}

size_t lam_chunk_block_rows(const struct lam_chunk_writer *chunk) {
  enum { BLOCK_BYTES = 256 << 10 };
  size_t width = lam_max_u64(chunk->storing.from_width, chunk->storing.to_width);
  return width > BLOCK_BYTES / LAM_BLOCK_ROWS ? lam_max_u64(BLOCK_BYTES / width, 1) : LAM_BLOCK_ROWS;
}

/* How many more values the page takes; strings are measured in bytes instead. */
size_t lam_chunk_values_left(const struct lam_chunk_writer *chunk) {
  size_t most = INDEX_PAGE_VALUES, width = chunk->storing.to_width;
  if (chunk->storing.rule == LAM_STORE_BITS) {
    most = lam_min_u64(chunk->options.page_bytes * 8, 1 << 20);
  } else if (lam_chunk_plain_counts(chunk) && width) {
    most = lam_max_u64(chunk->options.page_bytes / width, 1);
    if (chunk->dictionary_on) most = lam_min_u64(most, INDEX_PAGE_VALUES);
  } else if (!chunk->dictionary_on) {
    most = PAGE_ROWS;
  }
  return most > chunk->page_values ? most - chunk->page_values : 0;
}

size_t lam_chunk_rows_left(const struct lam_chunk_writer *chunk) {
  size_t most = chunk->options.page_rows ? (size_t)chunk->options.page_rows : PAGE_ROWS;
  return most > chunk->page_rows ? most - chunk->page_rows : 0;
}

/* Bytes of rows that are strings and to be in a page that is cut by bytes; 0 of others. */
static size_t string_bytes(const struct lam_chunk_writer *chunk, const struct lam_block *block) {
  const struct lam_view *view = block->view;
  if (chunk->storing.rule != LAM_STORE_BYTES || !lam_chunk_plain_counts(chunk)) return 0;
  if (view->dictionary_array) return lam_chunk_plain_bytes(chunk, block);
  int64_t first = view->offset + block->row, end = first + (int64_t)block->rows;
  size_t lengths = chunk->plain == LAM_PLAIN ? 4 * block->rows : 0;
  if (view->offsets64) return lengths + (size_t)(view->offsets64[end] - view->offsets64[first]);
  return lengths + (size_t)(view->offsets32[end] - view->offsets32[first]);
}

static enum lam_status begin_block(struct lam_chunk_writer *chunk, struct lam_block *block, size_t rows,
                                   struct lam_error *error) {
  block->rows = rows;
  select_rows(block);
  LAM_TRY(check_required(chunk, block, error));
  return block->view->dictionary_array ? lam_chunk_read_indices(chunk, block, error) : LAM_OK;
}

/* Chooses the rows that go next, ending the page before them where they do not fit it. */
static enum lam_status choose_block(struct lam_chunk_writer *chunk, struct lam_workspace *workspace,
                                    struct lam_block *block, size_t left, struct lam_error *error) {
  if (chunk->page_rows > 0 && (lam_chunk_rows_left(chunk) == 0 || lam_chunk_values_left(chunk) == 0))
    LAM_TRY(lam_chunk_end_page(chunk, workspace, error));
  size_t rows = lam_chunk_block_rows(chunk);
  rows = lam_min_u64(rows, lam_min_u64(left, lam_min_u64(lam_chunk_rows_left(chunk), lam_chunk_values_left(chunk))));
  LAM_TRY(begin_block(chunk, block, rows, error));
  size_t bytes = string_bytes(chunk, block);
  for (; bytes > chunk->options.page_bytes && block->rows > 1; bytes = string_bytes(chunk, block))
    LAM_TRY(begin_block(chunk, block, block->rows / 2, error));
  size_t used = chunk->dictionary_on ? chunk->page_plain_bytes : lam_chunk_data_size(chunk);
  if (bytes > 0 && chunk->page_rows > 0 && used + bytes > chunk->options.page_bytes)
    LAM_TRY(lam_chunk_end_page(chunk, workspace, error));
  return LAM_OK;
}

/* Rows are null where their index is, or where the entry is that it points to. */
static enum lam_status merge_validity(const struct lam_chunk_writer *chunk, struct lam_workspace *workspace,
                                      const struct lam_view *view, int64_t from, int64_t count, struct lam_block *block,
                                      struct lam_error *error) {
  size_t bytes = (size_t)(count + 7) / 8;
  LAM_TRY(lam_buf_reset(&workspace->validity, bytes, error));
  uint8_t *bits = workspace->validity.data;
  memset(bits, 0, bytes);
  for (int64_t i = 0; i < count; i++) {
    if (!lam_view_valid(view, from + i)) continue;
    int64_t index = lam_view_index(view, from + i);
    if (index < 0 || index >= chunk->source.view.length)
      return lam_fail(error, LAM_INVALID, "index %" PRId64 " of row %" PRId64 " of the batch is beyond its dictionary",
                      index, from + i);
    if (lam_view_valid(&chunk->source.view, index)) lam_bit_set(bits, i);
  }
  block->validity = bits;
  block->validity_offset = -from;
  return LAM_OK;
}

enum lam_status lam_chunk_begin_rows(struct lam_chunk_writer *chunk, struct lam_workspace *workspace,
                                     const struct lam_view *view, int64_t from, int64_t count, struct lam_block *block,
                                     struct lam_error *error) {
  block->view = view;
  block->row = from;
  block->validity = view->null_count == 0 ? NULL : view->validity;
  block->validity_offset = view->offset;
  if (!view->dictionary_array) return LAM_OK;
  LAM_TRY(lam_chunk_take_dictionary(chunk, workspace, view, error));
  if (lam_view_null_count(&chunk->source.view) == 0) return LAM_OK;
  return merge_validity(chunk, workspace, view, from, count, block, error);
}

enum lam_status lam_chunk_append_nulls(struct lam_chunk_writer *chunk, struct lam_workspace *workspace, int64_t count,
                                       struct lam_error *error) {
  assert(chunk->page_values == 0 && chunk->levels.size == 0);
  for (int64_t rows; count > 0; count -= rows) {
    if (lam_chunk_rows_left(chunk) == 0) LAM_TRY(lam_chunk_end_page(chunk, workspace, error));
    rows = lam_min_i64(count, (int64_t)lam_chunk_rows_left(chunk));
    chunk->page_rows += (size_t)rows;
    chunk->rows += rows;
    chunk->nulls += rows;
    if (chunk->nested) chunk->entries += rows;
  }
  return LAM_OK;
}

enum lam_status lam_chunk_append(struct lam_chunk_writer *chunk, struct lam_workspace *workspace,
                                 const struct lam_view *view, int64_t from, int64_t count, struct lam_error *error) {
  if (count == 0) return LAM_OK;
  if (chunk->storing.rule == LAM_STORE_NULL) return lam_chunk_append_nulls(chunk, workspace, count, error);
  struct lam_block block;
  LAM_TRY(lam_chunk_begin_rows(chunk, workspace, view, from, count, &block, error));
  while (count > 0) {
    LAM_TRY(choose_block(chunk, workspace, &block, (size_t)count, error));
    bool dictionary = chunk->dictionary_on;
    LAM_TRY(lam_chunk_append_block(chunk, workspace, &block, error));
    if (dictionary && !chunk->dictionary_on) continue; /* the rows go again, to a plain page */
    LAM_TRY(append_levels(chunk, &block, error));
    chunk->page_rows += block.rows;
    chunk->page_values += block.values;
    chunk->rows += (int64_t)block.rows;
    chunk->nulls += (int64_t)(block.rows - block.values);
    block.row += (int64_t)block.rows;
    count -= (int64_t)block.rows;
  }
  return LAM_OK;
}

/* ---- the end ---- */

/* What `bytes` will take once packed: as the pages before them, those of the chunk if it has any. */
static uint64_t packed_size(const struct lam_chunk_writer *chunk, uint64_t bytes) {
  double from = (double)chunk->uncompressed_size, to = (double)chunk->compressed_size;
  if (from == 0) from = chunk->earlier_uncompressed, to = chunk->earlier_compressed;
  return from > 0 ? (uint64_t)((double)bytes * to / from) : bytes;
}

uint64_t lam_chunk_pending(const struct lam_chunk_writer *chunk) {
  size_t page = lam_chunk_data_size(chunk) + (chunk->nested ? lam_chunk_levels_bytes(chunk) : chunk->levels.size);
  if (chunk->dictionary_on)
    page += chunk->page_values * (size_t)lam_bit_width(chunk->dictionary.count) / 8 + chunk->dictionary.values.size;
  return (uint64_t)chunk->compressed_size + packed_size(chunk, chunk->encoded.bytes + chunk->packing.bytes + page) +
         lam_bloom_pending(&chunk->bloom, (uint64_t)(chunk->rows - chunk->nulls));
}

static bool has_dictionary(const struct lam_chunk_writer *chunk) {
  return chunk->dictionary_pages > 0 || chunk->spliced.dictionary_size > 0;
}

/* encoding_stats: a list of PageEncodingStats {1: page_type, 2: encoding, 3: count}, in the compact protocol. */
static enum lam_status make_encoding_stats(const struct lam_chunk_writer *chunk, struct lam_arena *arena,
                                           struct lam_chunk_meta *out, struct lam_error *error) {
  int32_t page = chunk->options.v2 ? LAM_DATA_PAGE_V2 : LAM_DATA_PAGE;
  int32_t index = (int32_t)lam_chunk_index_encoding(chunk);
  int32_t dictionary = index == LAM_RLE_DICTIONARY ? LAM_PLAIN : LAM_PLAIN_DICTIONARY;
  int32_t rows[3][3] = {{LAM_DICTIONARY_PAGE, dictionary, has_dictionary(chunk)},
                        {page, index, chunk->dictionary_pages},
                        {page, (int32_t)chunk->plain, chunk->plain_pages}};
  uint8_t *bytes;
  LAM_TRY(lam_arena_alloc(arena, 1 + 3 * (3 * 6 + 1), (void **)&bytes, error));
  uint8_t count = 0;
  size_t size = 1;
  for (int i = 0; i < 3; i++) {
    if (rows[i][2] == 0) continue;
    count++;
    out->encodings |= 1u << rows[i][1];
    for (int field = 0; field < 3; field++) {
      bytes[size++] = 0x15; /* the next field, an i32 */
      uint32_t zigzag = (uint32_t)rows[i][field] << 1;
      for (; zigzag >= 0x80; zigzag >>= 7) bytes[size++] = (uint8_t)(zigzag | 0x80);
      bytes[size++] = (uint8_t)zigzag;
    }
    bytes[size++] = 0;
  }
  bytes[0] = (uint8_t)(count << 4 | 12); /* structs */
  out->encoding_stats_known = true;
  out->all_pages_dictionary = chunk->dictionary_pages > 0 && chunk->plain_pages == 0;
  out->details->encoding_stats = lam_bytes_of(bytes, size);
  return LAM_OK;
}

enum lam_status lam_chunk_finish(struct lam_chunk_writer *chunk, struct lam_workspace *workspace,
                                 struct lam_error *error) {
  LAM_TRY(lam_chunk_end_page(chunk, workspace, error));
  lam_page_list_move(&chunk->encoded, &chunk->packing);
  for (struct lam_out_page *page = chunk->packing.first; page; page = page->next)
    LAM_TRY(lam_page_pack(page, workspace, error));
  LAM_TRY(lam_chunk_collect(chunk, error));
  if (chunk->dictionary_pages > 0 && !chunk->spliced.dictionary_size)
    LAM_TRY(lam_chunk_same_dictionary(chunk) ? lam_chunk_copy_dictionary(chunk, error)
                                             : lam_chunk_end_dictionary(chunk, workspace, error));
  lam_bloom_finish(&chunk->bloom, chunk->dictionary_pages ? &chunk->dictionary : NULL,
                   (uint64_t)chunk->compressed_size);
  if (chunk->dictionary_pages == 0 || chunk->spliced.on) return LAM_OK;
  return lam_chunk_add_dictionary_bounds(chunk, &chunk->bounds, error);
}

enum lam_status lam_chunk_describe(const struct lam_chunk_writer *chunk, struct lam_arena *arena,
                                   struct lam_chunk_meta *out, struct lam_error *error) {
  *out = (struct lam_chunk_meta){
      .physical = chunk->leaf->physical,
      .codec = (int8_t)chunk->options.codec,
      .has_metadata = true,
      .has_dictionary_offset = has_dictionary(chunk),
      .values = chunk->nested ? chunk->entries : chunk->rows,
      .uncompressed_size = chunk->uncompressed_size,
      .compressed_size = chunk->compressed_size,
      .data_page_offset = (int64_t)(chunk->dictionary_page.size + chunk->spliced.dictionary_size)};
  LAM_TRY(lam_chunk_details_own(out, arena, error));
  if (chunk->leaf->max_definition > 0) out->encodings |= 1u << LAM_RLE;
  LAM_TRY(make_encoding_stats(chunk, arena, out, error));
  LAM_TRY(lam_index_sizes(&chunk->index, arena, &out->details->size_statistics, error));
  out->encodings |= chunk->spliced.encodings;
  if (!chunk->options.statistics) return LAM_OK;
  struct lam_statistics *statistics = &out->details->statistics;
  statistics->null_count = chunk->nulls;
  if (chunk->index.nans_on) statistics->nan_count = chunk->index.nans;
  if (chunk->spliced.unbounded) return LAM_OK;
  LAM_TRY(lam_bounds_finish(&chunk->bounds, arena, statistics, error));
  const struct lam_spliced *spliced = &chunk->spliced;
  if (!spliced->cut) return LAM_OK;
  statistics->min_exact &= spliced->min.data && lam_bytes_equal(statistics->min, spliced->min);
  statistics->max_exact &= spliced->max.data && lam_bytes_equal(statistics->max, spliced->max);
  return LAM_OK;
}
