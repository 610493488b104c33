/* The values of blocks of rows into the page under way: into the dictionary while there is one, else as they are. */
#include <inttypes.h>

#include "parquet/chunk_write.h"

/* Room behind what the page has, the levels' room in front being there. */
static enum lam_status data_room(struct lam_chunk_writer *chunk, size_t more, struct lam_error *error) {
  if (chunk->data.size == 0) {
    LAM_TRY(lam_buf_room(&chunk->data, chunk->data_room + more, error));
    chunk->data.size = chunk->data_room;
  }
  return lam_buf_room(&chunk->data, more, error);
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
  if (chunk->index.nans_on) chunk->page_nans += (int64_t)lam_count_nans(chunk->index.compare, values, count);
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
    lam_store32(chunk->ends.data + chunk->ends.size, (uint32_t)((size_t)(to - chunk->data.data) - chunk->data_room));
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
  LAM_TRY(lam_buf_reset(&workspace->gathered, LAM_BLOCK_ROWS, error));
  for (size_t i = 0; i < block->values; i++)
    workspace->gathered.data[i] = lam_bit_get(bits, first + (int64_t)source_row(block, i));
  return put_fixed(chunk, workspace, workspace->gathered.data, block->values, error);
}

static enum lam_status append_strings(struct lam_chunk_writer *chunk, struct lam_workspace *workspace,
                                      const struct lam_block *block, struct lam_error *error) {
  struct lam_bytes values[LAM_BLOCK_ROWS];
  for (size_t i = 0; i < block->values; i++)
    values[i] = lam_view_bytes(block->view, block->row + (int64_t)source_row(block, i));
  return put_bytes(chunk, workspace, values, block->values, error);
}

/* ---- blocks of dictionary-encoded arrays ---- */

void lam_source_forget(struct lam_source_dictionary *source) {
  for (int i = 0; i < 3; i++) {
    lam_shared_release(source->held[i]);
    source->held[i] = NULL;
  }
  source->known = false;
}

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

/* Whether the source's entries are the first of the chunk's dictionary: those of a file that is spliced are. */
static bool begins_dictionary(const struct lam_chunk_writer *chunk) {
  const struct lam_source_dictionary *source = &chunk->source;
  const struct lam_dictionary *dictionary = &chunk->dictionary;
  int64_t count = source->view.length;
  if (!chunk->spliced.on || count == 0 || count > dictionary->count || source->view.null_count != 0) return false;
  if (chunk->storing.rule != LAM_STORE_BYTES)
    return memcmp(source->values.data, dictionary->values.data, source->values.size) == 0;
  for (int64_t i = 0; i < count; i++) {
    struct lam_bytes plain = lam_dictionary_plain(dictionary, (uint32_t)i);
    if (!lam_bytes_equal(lam_view_bytes(&source->view, i), lam_bytes_of(plain.data + 4, plain.size - 4))) return false;
  }
  return true;
}

enum lam_status lam_chunk_take_dictionary(struct lam_chunk_writer *chunk, struct lam_workspace *workspace,
                                          const struct lam_view *view, struct lam_error *error) {
  struct lam_source_dictionary *source = &chunk->source;
  bool same = same_dictionary(source, view->dictionary_array);
  LAM_TRY(lam_view_dictionary(view, &source->view, error));
  if (same) return LAM_OK;
  lam_source_forget(source);
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
  if (begins_dictionary(chunk))
    for (size_t i = 0; i < count; i++) lam_store32(source->remap.data + 4 * i, (uint32_t)i);
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

size_t lam_chunk_plain_bytes(const struct lam_chunk_writer *chunk, const struct lam_block *block) {
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
    size_t bytes = wanted ? lam_chunk_plain_bytes(chunk, block) : 0;
    chunk->page_plain_bytes += bytes;
    LAM_TRY(remap_indices(chunk, workspace, block, error));
    if (chunk->dictionary_on && chunk->index.sizes_on) chunk->page_unencoded += (int64_t)(bytes - 4 * block->values);
    return LAM_OK;
  }
  if (chunk->storing.rule == LAM_STORE_BYTES) {
    struct lam_bytes values[LAM_BLOCK_ROWS];
    for (size_t i = 0; i < block->values; i++) values[i] = lam_view_bytes(&chunk->source.view, block->indices[i]);
    return put_bytes(chunk, workspace, values, block->values, error);
  }
  size_t width = chunk->storing.to_width;
  LAM_TRY(lam_buf_reset(&workspace->gathered, block->values * width + 1, error));
  gather(chunk->source.values.data, width, block->indices, block->values, workspace->gathered.data);
  return put_fixed(chunk, workspace, workspace->gathered.data, block->values, error);
}

/* ---- any block ---- */

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
