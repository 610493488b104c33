#include "parquet/chunk_write.h"

#include <assert.h>
#include <inttypes.h>

enum {
  BLOCK_ROWS = LAM_BLOCK_ROWS,
  INDEX_PAGE_VALUES = 1 << 18, /* of a page of dictionary indices, 1 MiB of them */
  PAGE_ROWS = 1 << 24,         /* where nulls take no room at all */
  FIRST_GUESS = 1 << 14,       /* values after which the distinct ones are first estimated */
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

enum lam_status lam_chunk_writer_init(struct lam_chunk_writer *chunk, struct lam_page_pool *pool,
                                      const struct lam_type *type, const struct lam_schema_node *leaf,
                                      const struct lam_chunk_options *options, struct lam_error *error) {
  struct lam_mem *mem = pool->mem;
  memset(chunk, 0, sizeof *chunk);
  chunk->mem = mem;
  chunk->pool = pool;
  chunk->leaf = leaf;
  chunk->nested = leaf->parent > 0;
  chunk->options = *options;
  chunk->plain = plain_encoding(options->encoding, (enum lam_physical)leaf->physical);
  struct lam_buf *bufs[] = {
      &chunk->segments, &chunk->dictionary_page, &chunk->repetition,   &chunk->levels,       &chunk->data,
      &chunk->ends,     &chunk->indices,         &chunk->source.remap, &chunk->source.values};
  for (size_t i = 0; i < sizeof bufs / sizeof *bufs; i++) lam_buf_init(bufs[i], mem);
  lam_bounds_init(&chunk->bounds, mem, leaf);
  lam_bounds_init(&chunk->page_bounds, mem, leaf);
  lam_index_init(&chunk->index, mem);
  lam_bloom_builder_init(&chunk->bloom, mem, leaf, options->bloom, options->false_positives, options->row_group_rows);
  lam_dictionary_init(&chunk->dictionary, mem, 0, options->dictionary_bytes);
  LAM_TRY(lam_storing_of(type, leaf, &chunk->storing, error));
  chunk->dictionary.width = chunk->storing.to_width;
  assert(lam_chunk_encoding_fits(options->encoding, (enum lam_physical)leaf->physical));
  lam_chunk_clear(chunk, true);
  return LAM_OK;
}

static void forget_source(struct lam_source_dictionary *source) {
  for (int i = 0; i < 3; i++) {
    lam_shared_release(source->held[i]);
    source->held[i] = NULL;
  }
  source->known = false;
}

static void release_segments(struct lam_chunk_writer *chunk, size_t larger_than) {
  struct lam_buf *all = (struct lam_buf *)(void *)chunk->segments.data;
  for (size_t i = 0; i < chunk->segments.size / sizeof *all; i++) {
    if (all[i].capacity > larger_than) lam_buf_release(&all[i]);
    all[i].size = 0;
  }
}

void lam_chunk_clear(struct lam_chunk_writer *chunk, bool keep_memory) {
  lam_page_list_move(&chunk->encoded, &chunk->packing);
  for (struct lam_out_page *page; (page = lam_page_list_pop(&chunk->packing));) lam_page_pool_put(chunk->pool, page);
  if (keep_memory) {
    release_segments(chunk, (size_t)4 << 20);
    lam_dictionary_clear(&chunk->dictionary);
  } else {
    release_segments(chunk, 0);
    lam_buf_release(&chunk->segments);
    lam_dictionary_release(&chunk->dictionary);
    lam_bloom_builder_release(&chunk->bloom);
    lam_dictionary_init(&chunk->dictionary, chunk->mem, chunk->storing.to_width, chunk->options.dictionary_bytes);
    struct lam_buf *bufs[] = {
        &chunk->dictionary_page, &chunk->repetition,   &chunk->levels,       &chunk->data, &chunk->ends,
        &chunk->indices,         &chunk->source.remap, &chunk->source.values};
    for (size_t i = 0; i < sizeof bufs / sizeof *bufs; i++) lam_buf_release(bufs[i]);
  }
  chunk->segments_used = 0;
  chunk->dictionary_page.size = 0;
  chunk->dictionary_on = wants_dictionary(chunk);
  chunk->dictionary_values = 0;
  chunk->next_guess = FIRST_GUESS;
  chunk->dictionary_pages = chunk->plain_pages = 0;
  if (chunk->uncompressed_size) {
    chunk->earlier_uncompressed = (double)chunk->uncompressed_size;
    chunk->earlier_compressed = (double)chunk->compressed_size;
  }
  chunk->rows = chunk->entries = chunk->nulls = chunk->uncompressed_size = chunk->compressed_size = 0;
  lam_bounds_clear(&chunk->bounds);
  lam_bounds_clear(&chunk->page_bounds);
  chunk->page_unencoded = 0;
  lam_index_begin(&chunk->index, chunk->leaf, chunk->options.page_index, chunk->options.statistics);
  lam_bloom_builder_clear(&chunk->bloom);
  forget_source(&chunk->source);
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

/* Room behind what the page has, the levels' room in front being there. */
static enum lam_status data_room(struct lam_chunk_writer *chunk, size_t more, struct lam_error *error) {
  if (chunk->data.size == 0) {
    LAM_TRY(lam_buf_room(&chunk->data, LAM_LEVELS_ROOM + more, error));
    chunk->data.size = LAM_LEVELS_ROOM;
  }
  return lam_buf_room(&chunk->data, more, error);
}

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
  else if (block->values) /* a block of the null type has neither */
    lam_bits_fill(chunk->levels.data, (int64_t)before, (int64_t)block->rows, true);
  return LAM_OK;
}

/* ---- values into the dictionary or behind the page's values ---- */

/* Whether so many distinct values are to come that the dictionary will not hold them. From n values of which d were
 * distinct, were they drawn from D with equal chances: d / n = (1 - e^-x) / x with x = n / D; for
 * q = 1 - d / n, x is about 2q + 4/3 q^2. */
static bool dictionary_hopeless(struct lam_chunk_writer *chunk) {
  if (chunk->dictionary_values < chunk->next_guess || chunk->options.encoding == LAM_ENCODE_DICTIONARY) return false;
  chunk->next_guess = 2 * chunk->dictionary_values;
  double n = (double)chunk->dictionary_values, d = (double)chunk->dictionary.count, q = 1 - d / n;
  if (chunk->dictionary_pages > 0 || q > 0.3) return false; /* too few new ones to tell */
  double x = 2 * q + 4.0 / 3 * q * q, total = x > 0 ? n / x : n * 1e9;
  if (total > (double)chunk->options.row_group_rows) total = (double)chunk->options.row_group_rows;
  return total * (double)chunk->dictionary.values.size / d > (double)chunk->options.dictionary_bytes;
}

static enum lam_status index_room(struct lam_chunk_writer *chunk, size_t count, uint32_t **out,
                                  struct lam_error *error) {
  size_t used = chunk->page_values * sizeof(uint32_t);
  chunk->indices.size = used;
  LAM_TRY(lam_buf_room(&chunk->indices, count * sizeof(uint32_t), error));
  *out = (uint32_t *)(void *)(chunk->indices.data + used);
  return LAM_OK;
}

/* The block's values are in the dictionary if `done` is `count` and there is hope for it; else it is given up, and the
 * block is to be chosen and appended again. */
static enum lam_status settle(struct lam_chunk_writer *chunk, struct lam_workspace *workspace, size_t done,
                              size_t count, struct lam_error *error) {
  if (done == count) {
    chunk->dictionary_values += count;
    if (!dictionary_hopeless(chunk)) {
      chunk->indices.size += count * sizeof(uint32_t);
      return LAM_OK;
    }
  }
  return lam_chunk_drop_dictionary(chunk, workspace, error);
}

static enum lam_status put_fixed(struct lam_chunk_writer *chunk, struct lam_workspace *workspace, const uint8_t *values,
                                 size_t count, struct lam_error *error) {
  size_t width = chunk->storing.to_width;
  if (chunk->dictionary_on) {
    uint32_t *indices;
    size_t done;
    LAM_TRY(index_room(chunk, count, &indices, error));
    LAM_TRY(lam_dictionary_put(&chunk->dictionary, values, count, indices, &done, error));
    chunk->page_plain_bytes += count * width;
    return settle(chunk, workspace, done, count, error);
  }
  if (chunk->options.statistics) LAM_TRY(lam_bounds_add(&chunk->page_bounds, values, count, error));
  lam_bloom_put(&chunk->bloom, values, width, count);
  LAM_TRY(data_room(chunk, count * width, error));
  lam_copy(chunk->data.data + chunk->data.size, values, count * width);
  chunk->data.size += count * width;
  return LAM_OK;
}

static size_t bytes_of(const struct lam_bytes *values, size_t count) {
  size_t total = 0;
  for (size_t i = 0; i < count; i++) total += values[i].size;
  return total;
}

/* PLAIN: each value behind its length. */
static uint8_t *copy_plain(const struct lam_bytes *values, size_t count, uint8_t *to) {
  for (size_t i = 0; i < count; i++) {
    lam_store32(to, (uint32_t)values[i].size);
    lam_copy(to + 4, values[i].data, values[i].size);
    to += 4 + values[i].size;
  }
  return to;
}

static enum lam_status copy_apart(struct lam_chunk_writer *chunk, const struct lam_bytes *values, size_t count,
                                  uint8_t *to, struct lam_error *error) {
  if (chunk->ends.size == 0) LAM_TRY(lam_buf_append(&chunk->ends, "\0\0\0", 4, error));
  LAM_TRY(lam_buf_room(&chunk->ends, count * 4, error));
  for (size_t i = 0; i < count; i++) {
    lam_copy(to, values[i].data, values[i].size);
    to += values[i].size;
    lam_store32(chunk->ends.data + chunk->ends.size, (uint32_t)(to - chunk->data.data - LAM_LEVELS_ROOM));
    chunk->ends.size += 4;
  }
  return LAM_OK;
}

static enum lam_status put_bytes(struct lam_chunk_writer *chunk, struct lam_workspace *workspace,
                                 const struct lam_bytes *values, size_t count, struct lam_error *error) {
  size_t total = bytes_of(values, count);
  if (chunk->dictionary_on) {
    uint32_t *indices;
    size_t done;
    LAM_TRY(index_room(chunk, count, &indices, error));
    LAM_TRY(lam_dictionary_put_bytes(&chunk->dictionary, values, count, indices, &done, error));
    chunk->page_plain_bytes += total + 4 * count;
    LAM_TRY(settle(chunk, workspace, done, count, error));
    if (chunk->dictionary_on) chunk->page_unencoded += (int64_t)total;
    return LAM_OK;
  }
  if (total > INT32_MAX)
    return lam_fail(error, LAM_UNSUPPORTED, "a value of %zu bytes is longer than a page, 2^31 - 1 bytes", total);
  if (chunk->options.statistics) LAM_TRY(lam_bounds_add_bytes(&chunk->page_bounds, values, count, error));
  chunk->page_unencoded += (int64_t)total;
  lam_bloom_put(&chunk->bloom, values, 0, count);
  bool plain = chunk->plain == LAM_PLAIN;
  size_t more = plain ? total + 4 * count : total;
  LAM_TRY(data_room(chunk, more, error));
  uint8_t *to = chunk->data.data + chunk->data.size;
  if (plain)
    copy_plain(values, count, to);
  else
    LAM_TRY(copy_apart(chunk, values, count, to, error));
  chunk->data.size += more;
  return LAM_OK;
}

enum lam_status lam_chunk_add_dictionary_bounds(struct lam_chunk_writer *chunk, struct lam_bounds *bounds,
                                                struct lam_error *error) {
  const struct lam_dictionary *dictionary = &chunk->dictionary;
  if (!chunk->options.statistics) return LAM_OK;
  if (dictionary->width) return lam_bounds_add(bounds, dictionary->values.data, dictionary->count, error);
  for (uint32_t i = 0; i < dictionary->count; i++) {
    struct lam_bytes value = lam_dictionary_plain(dictionary, i);
    value.data += 4, value.size -= 4;
    LAM_TRY(lam_bounds_add_bytes(bounds, &value, 1, error));
  }
  return LAM_OK;
}

/* ---- blocks of plain arrays ---- */

static size_t source_row(const struct lam_block *block, size_t i) {
  /* NOLINTNEXTLINE(clang-analyzer-core.uninitialized.UndefReturn): `values` of them are set, which it cannot count. */
  return block->values == block->rows ? i : block->selection[i];
}

#define GATHER(name, type)                                                                                         \
  static void name(const uint8_t *from, const uint32_t *rows, size_t count, uint8_t *to) {                         \
    for (size_t i = 0; i < count; i++) memcpy(to + i * sizeof(type), from + rows[i] * sizeof(type), sizeof(type)); \
  }
GATHER(gather1, uint8_t)
GATHER(gather2, uint16_t)
GATHER(gather4, uint32_t)
GATHER(gather8, uint64_t)

static void gather(const uint8_t *from, size_t width, const uint32_t *rows, size_t count, uint8_t *to) {
  switch (width) {
    case 1: gather1(from, rows, count, to); break;
    case 2: gather2(from, rows, count, to); break;
    case 4: gather4(from, rows, count, to); break;
    case 8: gather8(from, rows, count, to); break;
    default:
      for (size_t i = 0; i < count; i++) memcpy(to + i * width, from + rows[i] * width, width);
  }
}

/* The error of a value gets the row of the batch it is near. */
static enum lam_status convert(const struct lam_storing *storing, const uint8_t *from, size_t count, struct lam_buf *to,
                               const uint8_t **out, struct lam_error *error) {
  *out = from;
  if (storing->rule == LAM_STORE_SAME || count == 0) return LAM_OK;
  LAM_TRY(lam_buf_reset(to, count * storing->to_width, error));
  *out = to->data;
  return lam_store_values(storing, from, count, to->data, error);
}

static enum lam_status append_fixed(struct lam_chunk_writer *chunk, struct lam_workspace *workspace,
                                    const struct lam_block *block, struct lam_error *error) {
  size_t width = chunk->storing.from_width;
  const uint8_t *from = (const uint8_t *)block->view->data + (size_t)(block->view->offset + block->row) * width;
  if (block->values < block->rows) {
    LAM_TRY(lam_buf_reset(&workspace->gathered, block->values * width + 1, error));
    gather(from, width, block->selection, block->values, workspace->gathered.data);
    from = workspace->gathered.data;
  }
  LAM_TRY(convert(&chunk->storing, from, block->values, &workspace->converted, &from, error));
  return put_fixed(chunk, workspace, from, block->values, error);
}

static enum lam_status append_booleans(struct lam_chunk_writer *chunk, struct lam_workspace *workspace,
                                       const struct lam_block *block, struct lam_error *error) {
  const uint8_t *bits = block->view->data;
  int64_t first = block->view->offset + block->row;
  LAM_TRY(lam_buf_reset(&workspace->gathered, BLOCK_ROWS, error));
  for (size_t i = 0; i < block->values; i++)
    workspace->gathered.data[i] = lam_bit_get(bits, first + (int64_t)source_row(block, i));
  return put_fixed(chunk, workspace, workspace->gathered.data, block->values, error);
}

static enum lam_status append_strings(struct lam_chunk_writer *chunk, struct lam_workspace *workspace,
                                      const struct lam_block *block, struct lam_error *error) {
  struct lam_bytes values[BLOCK_ROWS];
  for (size_t i = 0; i < block->values; i++)
    values[i] = lam_view_bytes(block->view, block->row + (int64_t)source_row(block, i));
  return put_bytes(chunk, workspace, values, block->values, error);
}

/* ---- blocks of dictionary-encoded arrays ---- */

/* Whether the view's dictionary is the one that `remap` is for. A pointer alone would not tell: its memory may have
 * been given back and used again. Buffers of ours are held, and so stay as they are; others' are taken for new each
 * time. */
static bool same_dictionary(const struct lam_source_dictionary *source, const struct ArrowArray *array) {
  if (!source->known || source->length != array->length || source->offset != array->offset) return false;
  bool any = false;
  for (int i = 0; i < array->n_buffers && i < 3; i++) {
    struct lam_shared *shared = lam_array_shared(array, i);
    if (shared != source->held[i] || (!shared && array->buffers[i])) return false;
    any |= shared != NULL;
  }
  return any;
}

static enum lam_status take_dictionary(struct lam_chunk_writer *chunk, struct lam_workspace *workspace,
                                       const struct lam_view *view, struct lam_error *error) {
  struct lam_source_dictionary *source = &chunk->source;
  bool same = same_dictionary(source, view->dictionary_array);
  LAM_TRY(lam_view_dictionary(view, &source->view, error));
  if (same) return LAM_OK;
  forget_source(source);
  const struct ArrowArray *array = view->dictionary_array;
  size_t count = (size_t)source->view.length;
  LAM_TRY(lam_buf_reset(&source->remap, count * sizeof(uint32_t), error));
  if (count) memset(source->remap.data, 0xff, count * sizeof(uint32_t));
  if (chunk->storing.rule != LAM_STORE_BYTES && count) {
    size_t width = chunk->storing.from_width;
    const uint8_t *from = (const uint8_t *)source->view.data + (size_t)source->view.offset * width, *values;
    LAM_TRY(convert(&chunk->storing, from, count, &workspace->converted, &values, error));
    source->values.size = 0;
    LAM_TRY(lam_buf_append(&source->values, values, count * chunk->storing.to_width, error));
  }
  for (int i = 0; i < array->n_buffers && i < 3; i++) source->held[i] = lam_shared_retain(lam_array_shared(array, i));
  source->length = array->length;
  source->offset = array->offset;
  source->known = true;
  return LAM_OK;
}

#define COPY_INDICES(name, type)                                                                            \
  static void name(const void *from, int64_t first, struct lam_block *block) {                              \
    const type *indices = (const type *)from + first;                                                       \
    for (size_t i = 0; i < block->values; i++) block->indices[i] = (uint32_t)indices[source_row(block, i)]; \
  }
COPY_INDICES(copy_indices8, uint8_t)
COPY_INDICES(copy_indices16, uint16_t)
COPY_INDICES(copy_indices32, uint32_t)
COPY_INDICES(copy_indices64, uint64_t)

enum lam_status lam_chunk_read_indices(const struct lam_chunk_writer *chunk, struct lam_block *block,
                                       struct lam_error *error) {
  const struct lam_view *view = block->view;
  int64_t first = view->offset + block->row;
  switch (lam_type_bits(&view->type)) {
    case 8: copy_indices8(view->data, first, block); break;
    case 16: copy_indices16(view->data, first, block); break;
    case 32: copy_indices32(view->data, first, block); break;
    default: copy_indices64(view->data, first, block); break;
  }
  uint64_t length = (uint64_t)chunk->source.view.length;
  bool good = true;
  for (size_t i = 0; i < block->values; i++) good &= block->indices[i] < length;
  if (good) return LAM_OK;
  return lam_fail(error, LAM_INVALID,
                  "an index of rows %" PRId64 " to %" PRId64 " of the batch is beyond its dictionary of %" PRIu64
                  " values",
                  block->row, block->row + (int64_t)block->rows - 1, length);
}

/* A source entry that is used for the first time in this chunk. *done is false where it does not fit. */
static enum lam_status put_entry(struct lam_chunk_writer *chunk, uint32_t entry, uint32_t *index, bool *done,
                                 struct lam_error *error) {
  size_t count;
  if (chunk->storing.rule == LAM_STORE_BYTES) {
    struct lam_bytes value = lam_view_bytes(&chunk->source.view, entry);
    LAM_TRY(lam_dictionary_put_bytes(&chunk->dictionary, &value, 1, index, &count, error));
  } else {
    const uint8_t *value = chunk->source.values.data + entry * chunk->storing.to_width;
    LAM_TRY(lam_dictionary_put(&chunk->dictionary, value, 1, index, &count, error));
  }
  *done = count == 1;
  if (*done) lam_store32(chunk->source.remap.data + 4 * (size_t)entry, *index);
  return LAM_OK;
}

/* Bytes that PLAIN would take for the block: until the first page has shown that the dictionary pays, and for the sizes
 * in page indexes. */
static size_t plain_bytes(const struct lam_chunk_writer *chunk, const struct lam_block *block) {
  if (chunk->storing.rule != LAM_STORE_BYTES) return block->values * chunk->storing.to_width;
  size_t total = 4 * block->values;
  for (size_t i = 0; i < block->values; i++) total += lam_view_bytes(&chunk->source.view, block->indices[i]).size;
  return total;
}

static enum lam_status remap_indices(struct lam_chunk_writer *chunk, struct lam_workspace *workspace,
                                     const struct lam_block *block, struct lam_error *error) {
  uint32_t *to;
  LAM_TRY(index_room(chunk, block->values, &to, error));
  const uint32_t *remap = (const uint32_t *)(const void *)chunk->source.remap.data;
  size_t i = 0;
  for (bool done = true; i < block->values && done; i++) {
    uint32_t index = remap[block->indices[i]];
    if (__builtin_expect(index == UINT32_MAX, 0)) LAM_TRY(put_entry(chunk, block->indices[i], &index, &done, error));
    if (done) to[i] = index;
    if (!done) break;
  }
  return settle(chunk, workspace, i, block->values, error);
}

static enum lam_status append_encoded(struct lam_chunk_writer *chunk, struct lam_workspace *workspace,
                                      struct lam_block *block, struct lam_error *error) {
  if (chunk->dictionary_on) {
    bool wanted = chunk->dictionary_pages == 0 || chunk->index.sizes_on;
    size_t bytes = wanted ? plain_bytes(chunk, block) : 0;
    chunk->page_plain_bytes += bytes;
    LAM_TRY(remap_indices(chunk, workspace, block, error));
    if (chunk->dictionary_on && chunk->index.sizes_on) chunk->page_unencoded += (int64_t)(bytes - 4 * block->values);
    return LAM_OK;
  }
  if (chunk->storing.rule == LAM_STORE_BYTES) {
    struct lam_bytes values[BLOCK_ROWS];
    for (size_t i = 0; i < block->values; i++) values[i] = lam_view_bytes(&chunk->source.view, block->indices[i]);
    return put_bytes(chunk, workspace, values, block->values, error);
  }
  size_t width = chunk->storing.to_width;
  LAM_TRY(lam_buf_reset(&workspace->gathered, block->values * width + 1, error));
  gather(chunk->source.values.data, width, block->indices, block->values, workspace->gathered.data);
  return put_fixed(chunk, workspace, workspace->gathered.data, block->values, error);
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
  return width > BLOCK_BYTES / BLOCK_ROWS ? lam_max_u64(BLOCK_BYTES / width, 1) : BLOCK_ROWS;
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
  if (view->dictionary_array) return plain_bytes(chunk, block);
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
  size_t used = chunk->dictionary_on ? chunk->page_plain_bytes : chunk->data.size;
  if (bytes > 0 && chunk->page_rows > 0 && used + bytes > chunk->options.page_bytes)
    LAM_TRY(lam_chunk_end_page(chunk, workspace, error));
  return LAM_OK;
}

enum lam_status lam_chunk_append_block(struct lam_chunk_writer *chunk, struct lam_workspace *workspace,
                                       struct lam_block *block, struct lam_error *error) {
  if (block->values == 0) return LAM_OK;
  if (block->view->dictionary_array) return append_encoded(chunk, workspace, block, error);
  switch (chunk->storing.rule) {
    case LAM_STORE_BITS: return append_booleans(chunk, workspace, block, error);
    case LAM_STORE_BYTES: return append_strings(chunk, workspace, block, error);
    default: return append_fixed(chunk, workspace, block, error);
  }
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
  LAM_TRY(take_dictionary(chunk, workspace, view, error));
  if (lam_view_null_count(&chunk->source.view) == 0) return LAM_OK;
  return merge_validity(chunk, workspace, view, from, count, block, error);
}

static enum lam_status append_nulls(struct lam_chunk_writer *chunk, struct lam_workspace *workspace, int64_t count,
                                    struct lam_error *error) {
  struct lam_block block = {.view = NULL};
  for (; count > 0; count -= (int64_t)block.rows) {
    if (lam_chunk_rows_left(chunk) == 0) LAM_TRY(lam_chunk_end_page(chunk, workspace, error));
    block.rows = lam_min_u64((uint64_t)count, lam_chunk_rows_left(chunk));
    LAM_TRY(append_levels(chunk, &block, error));
    chunk->page_rows += block.rows;
    chunk->rows += (int64_t)block.rows;
    chunk->nulls += (int64_t)block.rows;
  }
  return LAM_OK;
}

enum lam_status lam_chunk_append(struct lam_chunk_writer *chunk, struct lam_workspace *workspace,
                                 const struct lam_view *view, int64_t from, int64_t count, struct lam_error *error) {
  if (count == 0) return LAM_OK;
  if (chunk->storing.rule == LAM_STORE_NULL) return append_nulls(chunk, workspace, count, error);
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
  size_t page = chunk->data.size + (chunk->nested ? lam_chunk_levels_bytes(chunk) : chunk->levels.size);
  if (chunk->dictionary_on)
    page += chunk->page_values * (size_t)lam_bit_width(chunk->dictionary.count) / 8 + chunk->dictionary.values.size;
  return (uint64_t)chunk->compressed_size + packed_size(chunk, chunk->encoded.bytes + chunk->packing.bytes + page) +
         lam_bloom_pending(&chunk->bloom, (uint64_t)(chunk->rows - chunk->nulls));
}

/* encoding_stats: a list of PageEncodingStats {1: page_type, 2: encoding, 3: count}, in the compact protocol. */
static enum lam_status make_encoding_stats(const struct lam_chunk_writer *chunk, struct lam_arena *arena,
                                           struct lam_chunk_meta *out, struct lam_error *error) {
  int32_t page = chunk->options.v2 ? LAM_DATA_PAGE_V2 : LAM_DATA_PAGE;
  int32_t index = chunk->options.v2 ? LAM_RLE_DICTIONARY : LAM_PLAIN_DICTIONARY;
  int32_t rows[3][3] = {
      {LAM_DICTIONARY_PAGE, chunk->options.v2 ? LAM_PLAIN : LAM_PLAIN_DICTIONARY, chunk->dictionary_pages > 0},
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
  if (chunk->dictionary_pages > 0) LAM_TRY(lam_chunk_end_dictionary(chunk, workspace, error));
  lam_bloom_finish(&chunk->bloom, chunk->dictionary_pages ? &chunk->dictionary : NULL,
                   (uint64_t)chunk->compressed_size);
  if (chunk->dictionary_pages == 0) return LAM_OK;
  return lam_chunk_add_dictionary_bounds(chunk, &chunk->bounds, error);
}

enum lam_status lam_chunk_describe(const struct lam_chunk_writer *chunk, struct lam_arena *arena,
                                   struct lam_chunk_meta *out, struct lam_error *error) {
  *out = (struct lam_chunk_meta){.physical = chunk->leaf->physical,
                                 .codec = (int8_t)chunk->options.codec,
                                 .has_metadata = true,
                                 .has_dictionary_offset = chunk->dictionary_pages > 0,
                                 .values = chunk->nested ? chunk->entries : chunk->rows,
                                 .uncompressed_size = chunk->uncompressed_size,
                                 .compressed_size = chunk->compressed_size,
                                 .data_page_offset = (int64_t)chunk->dictionary_page.size};
  LAM_TRY(lam_chunk_details_own(out, arena, error));
  if (chunk->leaf->max_definition > 0) out->encodings |= 1u << LAM_RLE;
  LAM_TRY(make_encoding_stats(chunk, arena, out, error));
  out->details->unencoded_bytes = lam_index_unencoded(&chunk->index);
  if (!chunk->options.statistics) return LAM_OK;
  out->details->statistics.null_count = chunk->nulls;
  return lam_bounds_finish(&chunk->bounds, arena, &out->details->statistics, error);
}
