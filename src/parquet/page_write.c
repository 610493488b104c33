#include <assert.h>

#include "base/checksum.h"
#include "parquet/chunk_write.h"
#include "parquet/encoding.h"

enum {
  POOLED_BYTES = 1 << 20, /* and some pages: what an idle page keeps of its memory */
};

/* ---- levels ---- */

/* Levels below have their length in front in V1. */
static void set_length(const struct lam_chunk_writer *chunk, struct lam_buf *out, size_t start) {
  if (!chunk->options.v2) lam_store32(out->data + start, (uint32_t)(out->size - start - 4));
}

/* The page is one of lam_chunk_append_nulls: all its levels are 0, and there is none of them in memory. */
static bool only_nulls(const struct lam_chunk_writer *chunk) {
  return chunk->page_values == 0 && chunk->levels.size == 0;
}

static enum lam_status append_validity(const struct lam_chunk_writer *chunk, struct lam_buf *out,
                                       struct lam_error *error) {
  size_t start = out->size;
  const uint8_t *bits = chunk->page_has_nulls ? chunk->levels.data : NULL;
  LAM_TRY(lam_buf_append(out, "\0\0\0", chunk->options.v2 ? 0 : 4, error));
  if (only_nulls(chunk))
    LAM_TRY(lam_rle_write_run(0, chunk->page_rows, 1, out, error));
  else
    LAM_TRY(lam_rle_write_validity(bits, 0, chunk->page_rows, out, error));
  set_length(chunk, out, start);
  return LAM_OK;
}

/* Nothing where the greatest level is 0. */
static enum lam_status append_wide(const struct lam_chunk_writer *chunk, const struct lam_buf *levels, int16_t greatest,
                                   struct lam_buf *scratch, struct lam_buf *out, struct lam_error *error) {
  size_t start = out->size;
  int width = lam_bit_width((uint64_t)greatest);
  if (greatest == 0) return LAM_OK;
  LAM_TRY(lam_buf_append(out, "\0\0\0", chunk->options.v2 ? 0 : 4, error));
  if (only_nulls(chunk)) {
    LAM_TRY(lam_rle_write_run(0, chunk->page_rows, width, out, error));
  } else {
    LAM_TRY(lam_buf_reset(scratch, levels->size * sizeof(uint32_t), error));
    uint32_t *wide = (uint32_t *)(void *)scratch->data;
    for (size_t i = 0; i < levels->size; i++) wide[i] = levels->data[i];
    LAM_TRY(lam_rle_write(wide, levels->size, width, out, error));
  }
  set_length(chunk, out, start);
  return LAM_OK;
}

/* The levels of the page; *repetition is the size of the first of them. */
static enum lam_status append_levels(const struct lam_chunk_writer *chunk, struct lam_workspace *workspace,
                                     struct lam_buf *out, size_t *repetition, struct lam_error *error) {
  size_t start = out->size;
  const struct lam_schema_node *leaf = chunk->leaf;
  *repetition = 0;
  if (!chunk->nested) return leaf->max_definition ? append_validity(chunk, out, error) : LAM_OK;
  LAM_TRY(append_wide(chunk, &chunk->repetition, leaf->max_repetition, &workspace->levels, out, error));
  *repetition = out->size - start;
  return append_wide(chunk, &chunk->levels, leaf->max_definition, &workspace->levels, out, error);
}

/* ---- values ---- */

static const uint8_t *page_data(const struct lam_chunk_writer *chunk) {
  return chunk->data.size ? chunk->data.data + chunk->data_room : NULL;
}

/* A byte each to a bit each. */
static enum lam_status append_bits(const uint8_t *from, size_t count, struct lam_buf *out, struct lam_error *error) {
  size_t bytes = (count + 7) / 8;
  LAM_TRY(lam_buf_room(out, bytes, error));
  uint8_t *to = out->data + out->size;
  for (size_t i = 0; i < count / 8; i++) /* gathers the low bits of 8 bytes in the top byte of the product */
    to[i] = (uint8_t)(lam_load64(from + 8 * i) * UINT64_C(0x0102040810204080) >> 56);
  if (count % 8) to[count / 8] = 0;
  for (size_t i = count / 8 * 8; i < count; i++) to[i / 8] |= (uint8_t)(from[i] << (i % 8));
  out->size += bytes;
  return LAM_OK;
}

static enum lam_status append_booleans(const struct lam_chunk_writer *chunk, struct lam_buf *out,
                                       struct lam_error *error) {
  size_t start = out->size;
  if (chunk->plain == LAM_PLAIN) return append_bits(page_data(chunk), chunk->page_values, out, error);
  struct lam_buf bits;
  lam_buf_init(&bits, chunk->mem);
  enum lam_status status = append_bits(page_data(chunk), chunk->page_values, &bits, error);
  if (status == LAM_OK) status = lam_buf_append(out, "\0\0\0", 4, error);
  if (status == LAM_OK) status = lam_rle_write_validity(bits.data, 0, chunk->page_values, out, error);
  if (status == LAM_OK) lam_store32(out->data + start, (uint32_t)(out->size - start - 4));
  lam_buf_release(&bits);
  return status;
}

/* Bits of an index. One entry takes a bit too, as parquet-cpp writes it: not every reader takes a width of 0. */
static int index_width(const struct lam_chunk_writer *chunk) {
  return chunk->dictionary.count > 1 ? lam_bit_width(chunk->dictionary.count - 1) : 1;
}

static enum lam_status append_indices(const struct lam_chunk_writer *chunk, struct lam_buf *out,
                                      struct lam_error *error) {
  const uint32_t *indices = (const uint32_t *)(const void *)chunk->indices.data;
  int width = index_width(chunk);
  uint8_t byte = (uint8_t)width;
  LAM_TRY(lam_buf_append(out, &byte, 1, error));
  return lam_rle_write(indices, chunk->page_values, width, out, error);
}

/* DELTA_BYTE_ARRAY takes fixed-width values as strings of equal length. */
static enum lam_status append_fixed_delta(const struct lam_chunk_writer *chunk, struct lam_buf *out,
                                          struct lam_error *error) {
  struct lam_buf offsets;
  lam_buf_init(&offsets, chunk->mem);
  LAM_TRY(lam_buf_reserve(&offsets, (chunk->page_values + 1) * sizeof(int32_t), error));
  for (size_t i = 0; i <= chunk->page_values; i++)
    lam_store32(offsets.data + 4 * i, (uint32_t)(i * chunk->storing.to_width));
  enum lam_status status =
      lam_strings_write(LAM_DELTA_BYTE_ARRAY, page_data(chunk), (const int32_t *)(const void *)offsets.data,
                        chunk->page_values, out, error);
  lam_buf_release(&offsets);
  return status;
}

static enum lam_status append_strings(const struct lam_chunk_writer *chunk, struct lam_buf *out,
                                      struct lam_error *error) {
  static const int32_t none[1] = {0};
  const int32_t *offsets = chunk->page_values ? (const int32_t *)(const void *)chunk->ends.data : none;
  return lam_strings_write(chunk->plain, page_data(chunk), offsets, chunk->page_values, out, error);
}

/* Every encoding but PLAIN of other types than booleans, which is chunk->data as it stands. */
static enum lam_status append_values(const struct lam_chunk_writer *chunk, enum lam_encoding encoding,
                                     struct lam_buf *out, struct lam_error *error) {
  const uint8_t *data = page_data(chunk);
  size_t count = chunk->page_values, width = chunk->storing.to_width;
  if (encoding == LAM_RLE_DICTIONARY) return append_indices(chunk, out, error);
  if (chunk->storing.rule == LAM_STORE_BITS) return append_booleans(chunk, out, error);
  switch (encoding) {
    case LAM_DELTA_BINARY_PACKED:
      return width == 4 ? lam_delta_write32((const int32_t *)(const void *)data, count, out, error)
                        : lam_delta_write64((const int64_t *)(const void *)data, count, out, error);
    case LAM_BYTE_STREAM_SPLIT: return lam_split_write(data, count, width, out, error);
    case LAM_DELTA_BYTE_ARRAY:
      if (width) return append_fixed_delta(chunk, out, error);
      return append_strings(chunk, out, error);
    default: return append_strings(chunk, out, error);
  }
}

static enum lam_status check_page_size(size_t size, struct lam_error *error) {
  if (size <= INT32_MAX) return LAM_OK;
  return lam_fail(error, LAM_UNSUPPORTED, "a page of %zu bytes: one value is longer than the 2^31 - 1 bytes of a page",
                  size);
}

static void swap_bufs(struct lam_buf *a, struct lam_buf *b) {
  struct lam_buf c = *a;
  *a = *b;
  *b = c;
}

/* The page before compression: levels and values, together. The page gets the memory that they are in, and gives its
 * own for it. */
static enum lam_status encode_page(struct lam_chunk_writer *chunk, struct lam_workspace *workspace,
                                   enum lam_encoding encoding, struct lam_out_page *out, struct lam_error *error) {
  struct lam_buf *page = &workspace->page;
  size_t repetition_size;
  page->size = 0;
  LAM_TRY(lam_buf_room(page, LAM_HEADER_ROOM, error));
  page->size = LAM_HEADER_ROOM;
  LAM_TRY(append_levels(chunk, workspace, page, &repetition_size, error));
  size_t levels_size = page->size - LAM_HEADER_ROOM;
  LAM_TRY(check_page_size(levels_size, error));
  out->header.repetition_size = (int32_t)repetition_size;
  out->header.definition_size = (int32_t)(levels_size - repetition_size);
  out->start = LAM_HEADER_ROOM;
  if (encoding != LAM_PLAIN || chunk->storing.rule == LAM_STORE_BITS) {
    LAM_TRY(append_values(chunk, encoding, page, error));
  } else if (page->size <= chunk->data_room && chunk->data.size) {
    out->start = chunk->data_room - levels_size;
    lam_copy(chunk->data.data + out->start, page->data + LAM_HEADER_ROOM, levels_size);
    page = &chunk->data;
  } else {
    LAM_TRY(lam_buf_append(page, page_data(chunk), lam_chunk_data_size(chunk), error));
  }
  swap_bufs(page, &out->bytes);
  chunk->data.size = 0;
  chunk->data_room =
      lam_max_u64(LAM_LEVELS_ROOM, LAM_HEADER_ROOM + levels_size + levels_size / 8); /* of the next page */
  return LAM_OK;
}

/* ---- pages and their memory ---- */

static void list_push(struct lam_page_list *list, struct lam_out_page *page) {
  page->next = NULL;
  *(list->last ? &list->last->next : &list->first) = page;
  list->last = page;
  list->count++;
  list->bytes += page->bytes.size - page->start;
}

struct lam_out_page *lam_page_list_pop(struct lam_page_list *list) {
  struct lam_out_page *page = list->first;
  if (!page) return NULL;
  list->first = page->next;
  list->count--;
  list->bytes = list->first ? list->bytes - (page->bytes.size - page->start) : 0;
  if (!list->first) list->last = NULL;
  return page;
}

void lam_page_list_move(struct lam_page_list *from, struct lam_page_list *to) {
  if (!from->first) return;
  *(to->last ? &to->last->next : &to->first) = from->first;
  to->last = from->last;
  to->count += from->count;
  to->bytes += from->bytes;
  *from = (struct lam_page_list){.first = NULL};
}

void lam_page_pool_init(struct lam_page_pool *pool, struct lam_mem *mem) {
  *pool = (struct lam_page_pool){.mem = mem};
  pthread_mutex_init(&pool->lock, NULL);
}

void lam_page_pool_release(struct lam_page_pool *pool) {
  while (pool->idle) {
    struct lam_out_page *page = pool->idle;
    pool->idle = page->next;
    lam_buf_release(&page->bytes);
    lam_free(pool->mem, page, sizeof *page);
  }
}

void lam_page_pool_destroy(struct lam_page_pool *pool) {
  lam_page_pool_release(pool);
  pthread_mutex_destroy(&pool->lock);
}

/* A page that one long value made huge does not keep its memory. */
void lam_page_pool_put(struct lam_page_pool *pool, struct lam_out_page *page) {
  if (page->bytes.capacity > 4 * page->chunk->options.page_bytes + POOLED_BYTES) lam_buf_release(&page->bytes);
  page->bytes.size = page->start = 0;
  pthread_mutex_lock(&pool->lock);
  page->next = pool->idle;
  pool->idle = page;
  pthread_mutex_unlock(&pool->lock);
}

static enum lam_status take_page(const struct lam_chunk_writer *chunk, struct lam_out_page **out,
                                 struct lam_error *error) {
  struct lam_page_pool *pool = chunk->pool;
  pthread_mutex_lock(&pool->lock);
  *out = pool->idle;
  if (*out) pool->idle = (*out)->next;
  pthread_mutex_unlock(&pool->lock);
  if (!*out) {
    LAM_TRY(lam_alloc_zero(pool->mem, sizeof **out, (void **)out, error));
    lam_buf_init(&(*out)->bytes, pool->mem);
  }
  (*out)->chunk = chunk;
  (*out)->packed = false;
  (*out)->level = chunk->options.level;
  (*out)->copied_from = (*out)->copied_size = 0;
  return LAM_OK;
}

/* ---- compression and headers ---- */

/* The first `keep` bytes (levels of V2) stay as they are. */
static enum lam_status compress(const struct lam_out_page *page, struct lam_workspace *workspace,
                                struct lam_bytes plain, size_t keep, struct lam_buf *to, struct lam_error *error) {
  to->size = 0;
  LAM_TRY(lam_buf_room(to, LAM_HEADER_ROOM + keep, error));
  lam_copy(to->data + LAM_HEADER_ROOM, plain.data, keep);
  to->size = LAM_HEADER_ROOM + keep;
  LAM_TRY(lam_compress(&workspace->codec, page->chunk->options.codec, page->level,
                       lam_bytes_of(plain.data + keep, plain.size - keep), to, error));
  return check_page_size(to->size, error);
}

/* Puts the header, with its checksum, in front of the payload. */
static enum lam_status put_header(struct lam_out_page *page, struct lam_workspace *workspace, size_t plain_size,
                                  struct lam_error *error) {
  const uint8_t *payload = page->bytes.data + page->start;
  size_t size = page->bytes.size - page->start;
  struct lam_buf *header = &workspace->header;
  page->header.uncompressed_size = (int32_t)plain_size;
  page->header.compressed_size = (int32_t)size;
  page->header.has_crc = page->chunk->options.checksums;
  if (page->header.has_crc) page->header.crc = lam_crc32(0, payload, size);
  header->size = 0;
  LAM_TRY(lam_page_header_write(&page->header, header, error));
  assert(header->size <= LAM_HEADER_ROOM && page->start >= header->size);
  page->start -= header->size;
  memcpy(page->bytes.data + page->start, header->data, header->size);
  return LAM_OK;
}

enum lam_status lam_page_pack(struct lam_out_page *page, struct lam_workspace *workspace, struct lam_error *error) {
  const struct lam_chunk_options *options = &page->chunk->options;
  bool v2 = page->header.kind == LAM_DATA_PAGE_V2;
  if (page->packed) return LAM_OK;
  struct lam_bytes plain = lam_bytes_of(page->bytes.data + page->start, page->bytes.size - page->start);
  size_t keep = v2 ? (size_t)page->header.repetition_size + (size_t)page->header.definition_size : 0;
  LAM_TRY(check_page_size(plain.size, error));
  page->header.compressed = false;
  if (options->codec != LAM_UNCOMPRESSED && !(v2 && plain.size == keep)) {
    struct lam_out_page *spare;
    LAM_TRY(take_page(page->chunk, &spare, error));
    enum lam_status status = compress(page, workspace, plain, keep, &spare->bytes, error);
    /* Only V2 can say that compression was of no use. */
    if (status == LAM_OK && !(v2 && spare->bytes.size - LAM_HEADER_ROOM >= plain.size)) {
      page->header.compressed = true;
      page->start = LAM_HEADER_ROOM;
      swap_bufs(&page->bytes, &spare->bytes);
    }
    lam_page_pool_put(page->chunk->pool, spare);
    LAM_TRY(status);
  }
  return put_header(page, workspace, plain.size, error);
}

/* ---- packed pages into the chunk ---- */

/* The segment to append `more` bytes to. */
static enum lam_status open_segment(struct lam_chunk_writer *chunk, size_t more, struct lam_buf **out,
                                    struct lam_error *error) {
  struct lam_buf *all = (struct lam_buf *)(void *)chunk->segments.data;
  size_t used = chunk->segments_used, made = chunk->segments.size / sizeof *all, most = chunk->options.segment_bytes;
  if (used > 0 && all[used - 1].size + more <= lam_max_u64(most, all[used - 1].capacity)) {
    *out = &all[used - 1];
    return LAM_OK;
  }
  if (used == made) {
    struct lam_buf fresh;
    lam_buf_init(&fresh, chunk->mem);
    LAM_TRY(lam_buf_append(&chunk->segments, &fresh, sizeof fresh, error));
    all = (struct lam_buf *)(void *)chunk->segments.data;
  }
  /* A segment behind the first one is made whole, so that it does not grow by copying. */
  LAM_TRY(lam_buf_reserve(&all[used], used > 0 && more < most ? most : more, error));
  chunk->segments_used++;
  *out = &all[used];
  return LAM_OK;
}

static enum lam_status keep_page(struct lam_chunk_writer *chunk, struct lam_out_page *page, struct lam_error *error) {
  struct lam_buf *segment;
  size_t size = page->bytes.size - page->start;
  enum lam_status status = open_segment(chunk, size, &segment, error);
  if (status == LAM_OK) status = lam_buf_append(segment, page->bytes.data + page->start, size, error);
  lam_page_pool_put(chunk->pool, page);
  return status;
}

/* Notes bytes of the file that is spliced from, to stand behind what the segments have so far. */
static enum lam_status keep_run(struct lam_chunk_writer *chunk, uint64_t offset, uint64_t size,
                                struct lam_error *error) {
  const struct lam_buf *segments = (const struct lam_buf *)(const void *)chunk->segments.data;
  struct lam_copied_run run = {0, offset, size}, *last;
  for (size_t i = 0; i < chunk->segments_used; i++) run.before += segments[i].size;
  if (chunk->runs.size) {
    last = (struct lam_copied_run *)(void *)(chunk->runs.data + chunk->runs.size) - 1;
    if (last->before == run.before && last->offset + last->size == offset) {
      last->size += size;
      return LAM_OK;
    }
  }
  return lam_buf_append(&chunk->runs, &run, sizeof run, error);
}

/* Adds a page, header and payload, to the sums of the chunk. */
static void count_page(struct lam_chunk_writer *chunk, const struct lam_page_header *header, size_t size) {
  chunk->compressed_size += (int64_t)size;
  chunk->uncompressed_size += (int64_t)size - header->compressed_size + header->uncompressed_size;
}

enum lam_status lam_chunk_collect(struct lam_chunk_writer *chunk, struct lam_error *error) {
  bool goes = chunk->outgoing && !chunk->dictionary_on && chunk->dictionary_pages == 0 && !chunk->spliced.on;
  struct lam_page_list packed = chunk->packing;
  chunk->packing = (struct lam_page_list){.first = NULL};
  enum lam_status status = LAM_OK;
  for (struct lam_out_page *page; (page = lam_page_list_pop(&packed));) {
    size_t size = page->copied_size ? (size_t)page->copied_size : page->bytes.size - page->start;
    count_page(chunk, &page->header, size);
    lam_index_page_size(&chunk->index, size);
    if (page->copied_size && status == LAM_OK) status = keep_run(chunk, page->copied_from, page->copied_size, error);
    if (goes)
      list_push(chunk->outgoing, page);
    else if (status == LAM_OK && !page->copied_size)
      status = keep_page(chunk, page, error);
    else
      lam_page_pool_put(chunk->pool, page);
  }
  return status;
}

/* ---- pages ---- */

static struct lam_page_header blank_header(enum lam_page_kind kind) {
  struct lam_statistics none = {
      .null_count = -1, .distinct_count = -1, .nan_count = -1, .min_exact = true, .max_exact = true};
  return (struct lam_page_header){
      .kind = kind, .definition_encoding = LAM_RLE, .repetition_encoding = LAM_RLE, .statistics = none};
}

enum lam_encoding lam_chunk_index_encoding(const struct lam_chunk_writer *chunk) {
  bool old_names = chunk->spliced.on ? chunk->spliced.old_names : !chunk->options.v2;
  return old_names ? LAM_PLAIN_DICTIONARY : LAM_RLE_DICTIONARY;
}

static void begin_page(struct lam_chunk_writer *chunk) {
  chunk->page_rows = chunk->page_values = chunk->page_plain_bytes = 0;
  chunk->page_has_nulls = false;
  chunk->levels.size = chunk->repetition.size = chunk->data.size = chunk->ends.size = chunk->indices.size = 0;
}

static enum lam_status write_page(struct lam_chunk_writer *chunk, struct lam_workspace *workspace,
                                  enum lam_encoding encoding, struct lam_error *error) {
  struct lam_out_page *page;
  LAM_TRY(take_page(chunk, &page, error));
  page->header = blank_header(chunk->options.v2 ? LAM_DATA_PAGE_V2 : LAM_DATA_PAGE);
  enum lam_status status = encode_page(chunk, workspace, encoding, page, error);
  if (status != LAM_OK) {
    lam_page_pool_put(chunk->pool, page);
    return status;
  }
  size_t entries = chunk->nested && chunk->levels.size ? chunk->levels.size : chunk->page_rows;
  page->header.values = (int32_t)entries;
  page->header.rows = (int32_t)chunk->page_rows;
  page->header.encoding = encoding == LAM_RLE_DICTIONARY ? lam_chunk_index_encoding(chunk) : encoding;
  page->header.nulls = (int32_t)(entries - chunk->page_values);
  list_push(&chunk->encoded, page);
  return encoding == LAM_RLE_DICTIONARY ? LAM_OK : lam_page_choose_level(chunk, workspace, page, error);
}

/* Whether indices and dictionary so far are less than the values themselves. */
static bool dictionary_pays(const struct lam_chunk_writer *chunk) {
  if (chunk->options.encoding == LAM_ENCODE_DICTIONARY || chunk->spliced.on) return true;
  return chunk->page_values * (size_t)index_width(chunk) / 8 + chunk->dictionary.values.size < chunk->page_plain_bytes;
}

/* The page that was just encoded goes into the chunk's bounds and its page index. */
static enum lam_status index_page(struct lam_chunk_writer *chunk, struct lam_workspace *workspace, bool dictionary,
                                  struct lam_error *error) {
  const struct lam_page_header *header = &chunk->encoded.last->header;
  LAM_TRY(lam_bounds_merge(&chunk->bounds, &chunk->page_bounds, error));
  struct lam_index_entry entry = {.rows = header->rows,
                                  .nulls = header->nulls,
                                  .nans = chunk->page_nans,
                                  .unencoded = chunk->page_unencoded,
                                  .null_page = chunk->page_values == 0};
  if (dictionary) {
    const uint32_t *indices = (const uint32_t *)(const void *)chunk->indices.data;
    entry.nans = lam_index_nans(&chunk->index, &chunk->dictionary, indices, chunk->page_values);
    lam_index_add_indices(&chunk->index, &chunk->dictionary, indices, chunk->page_values, &workspace->page,
                          &chunk->page_bounds);
  }
  if (chunk->nested) {
    bool none = only_nulls(chunk);
    lam_index_add_levels(&chunk->index, none ? NULL : chunk->repetition.data, none ? NULL : chunk->levels.data,
                         (size_t)header->values);
  }
  lam_index_add_page(&chunk->index, &entry, &chunk->page_bounds);
  /* Of a dictionary that copied pages have too, not every value is one of the chunk's. */
  if (dictionary && chunk->spliced.on) LAM_TRY(lam_bounds_merge(&chunk->bounds, &chunk->page_bounds, error));
  lam_bounds_clear(&chunk->page_bounds);
  chunk->page_unencoded = chunk->page_nans = 0;
  return LAM_OK;
}

enum lam_status lam_chunk_end_page(struct lam_chunk_writer *chunk, struct lam_workspace *workspace,
                                   struct lam_error *error) {
  if (chunk->page_rows == 0) return LAM_OK;
  if (chunk->dictionary_on && chunk->page_values > 0 && chunk->dictionary_pages == 0 && !dictionary_pays(chunk))
    LAM_TRY(lam_chunk_drop_dictionary(chunk, workspace, error));
  bool dictionary = chunk->dictionary_on && chunk->page_values > 0;
  LAM_TRY(write_page(chunk, workspace, dictionary ? LAM_RLE_DICTIONARY : chunk->plain, error));
  LAM_TRY(index_page(chunk, workspace, dictionary, error));
  if (dictionary)
    chunk->dictionary_pages++;
  else
    chunk->plain_pages++;
  begin_page(chunk);
  return LAM_OK;
}

enum lam_status lam_chunk_append_packed(struct lam_chunk_writer *chunk, const struct lam_page_header *header,
                                        uint64_t offset, uint64_t size, struct lam_error *error) {
  struct lam_out_page *page;
  LAM_TRY(take_page(chunk, &page, error));
  page->header = *header;
  page->packed = true;
  page->copied_from = offset;
  page->copied_size = size;
  list_push(&chunk->encoded, page);
  return LAM_OK;
}

enum lam_status lam_chunk_copy_dictionary(struct lam_chunk_writer *chunk, struct lam_error *error) {
  const struct lam_copied_dictionary *dictionary = &chunk->spliced.dictionary;
  struct lam_copied_run run = {0, dictionary->offset, dictionary->size};
  size_t before = chunk->runs.size;
  LAM_TRY(lam_buf_append(&chunk->runs, &run, sizeof run, error));
  memmove(chunk->runs.data + sizeof run, chunk->runs.data, before);
  memcpy(chunk->runs.data, &run, sizeof run);
  count_page(chunk, &dictionary->header, dictionary->size);
  chunk->spliced.dictionary_size = dictionary->size;
  return LAM_OK;
}

/* The dictionary's page gets a copy of the values, which the chunk's own bounds and later pages need. */
enum lam_status lam_chunk_end_dictionary(struct lam_chunk_writer *chunk, struct lam_workspace *workspace,
                                         struct lam_error *error) {
  struct lam_out_page *page;
  const struct lam_buf *values = &chunk->dictionary.values;
  LAM_TRY(take_page(chunk, &page, error));
  page->header = blank_header(LAM_DICTIONARY_PAGE);
  page->header.values = (int32_t)chunk->dictionary.count;
  page->header.encoding = lam_chunk_index_encoding(chunk) == LAM_RLE_DICTIONARY ? LAM_PLAIN : LAM_PLAIN_DICTIONARY;
  page->start = LAM_HEADER_ROOM;
  enum lam_status status = lam_buf_room(&page->bytes, LAM_HEADER_ROOM + values->size, error);
  if (status == LAM_OK) {
    lam_copy(page->bytes.data + LAM_HEADER_ROOM, values->data, values->size);
    page->bytes.size = LAM_HEADER_ROOM + values->size;
    status = lam_page_pack(page, workspace, error);
  }
  if (status == LAM_OK) {
    count_page(chunk, &page->header, page->bytes.size - page->start);
    chunk->dictionary_page.size = 0;
    status =
        lam_buf_append(&chunk->dictionary_page, page->bytes.data + page->start, page->bytes.size - page->start, error);
  }
  lam_page_pool_put(chunk->pool, page);
  return status;
}

/* ---- giving the dictionary up ---- */

static enum lam_status indices_to_values(struct lam_chunk_writer *chunk, struct lam_error *error) {
  const uint32_t *indices = (const uint32_t *)(const void *)chunk->indices.data;
  size_t total = 0;
  for (size_t i = 0; i < chunk->page_values; i++) total += lam_dictionary_plain(&chunk->dictionary, indices[i]).size;
  chunk->data.size = 0;
  LAM_TRY(lam_buf_room(&chunk->data, chunk->data_room + total, error));
  uint8_t *to = chunk->data.data + chunk->data_room;
  for (size_t i = 0; i < chunk->page_values; i++) {
    struct lam_bytes value = lam_dictionary_plain(&chunk->dictionary, indices[i]);
    memcpy(to, value.data, value.size);
    to += value.size;
  }
  chunk->data.size = chunk->data_room + total;
  if (!chunk->dictionary.width) chunk->page_unencoded = (int64_t)(total - 4 * chunk->page_values);
  return LAM_OK;
}

enum lam_status lam_chunk_drop_dictionary(struct lam_chunk_writer *chunk, struct lam_workspace *workspace,
                                          struct lam_error *error) {
  assert(chunk->dictionary_on);
  lam_bloom_give_up(&chunk->bloom, &chunk->dictionary, chunk->dictionary_values);
  if (chunk->dictionary_pages > 0 || chunk->spliced.on) {
    /* Rows are in one page: what there is of this one goes to the next. */
    if (chunk->row_values > 0) chunk->page_unencoded = chunk->row_unencoded;
    chunk->page_values -= chunk->row_values;
    chunk->row_values = 0;
    LAM_TRY(lam_chunk_end_page(chunk, workspace, error));
    chunk->dictionary_on = false;
    return LAM_OK;
  }
  if (chunk->page_values > 0) {
    LAM_TRY(indices_to_values(chunk, error));
    chunk->page_nans = (int64_t)lam_count_nans(chunk->page_bounds.compare, page_data(chunk), chunk->page_values);
  }
  chunk->indices.size = 0;
  chunk->dictionary_on = false;
  LAM_TRY(lam_chunk_add_dictionary_bounds(chunk, &chunk->page_bounds, error));
  lam_dictionary_clear(&chunk->dictionary);
  return LAM_OK;
}
