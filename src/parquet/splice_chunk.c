#include "parquet/splice_chunk.h"

#include <inttypes.h>

#include "parquet/page.h"

enum { HEADER_BYTES = 128 /* of a page's header, to begin with */ };

static const struct lam_chunk_meta *chunk_meta(const struct lam_splice_chunk *splice) {
  return &lam_file_meta(splice->from)->row_groups[splice->row_group].chunks[splice->leaf];
}

/* ---- what fits ---- */

bool lam_splice_fits(const struct lam_splice_chunk *splice) {
  const struct lam_chunk_meta *meta = chunk_meta(splice);
  const struct lam_chunk_writer *chunk = splice->to;
  const uint32_t dictionary = 1u << LAM_PLAIN_DICTIONARY | 1u << LAM_RLE_DICTIONARY;
  uint32_t known = dictionary | 1u << LAM_PLAIN | 1u << LAM_RLE | 1u << LAM_BIT_PACKED | 1u << (int)chunk->plain;
  if (chunk->nested || !meta->has_metadata || meta->encrypted || meta->elsewhere) return false;
  if (meta->codec != (int8_t)chunk->options.codec || (meta->encodings & ~known)) return false;
  /* Both names of dictionary-coded pages in one chunk would be told as one. */
  if ((meta->encodings & dictionary) == dictionary && !chunk->options.v2 && meta->encoding_stats_known) return false;
  if (splice->offsets.count <= 0) return false;
  bool nulls_known = splice->columns.count >= 0 && splice->columns.null_counts;
  return chunk->leaf->max_definition == 0 || nulls_known;
}

/* ---- the beginning ---- */

/* Makes the values of the dictionary's page those of the chunk's dictionary. */
static enum lam_status adopt_values(struct lam_chunk_writer *chunk, const struct lam_page *page,
                                    struct lam_bytes payload, struct lam_workspace *workspace, bool *fits,
                                    struct lam_error *error) {
  struct lam_page_parts parts;
  if (page->header.kind != LAM_DICTIONARY_PAGE || page->header.values < 0) return LAM_OK;
  LAM_TRY(
      lam_page_split(page, payload, chunk->options.codec, &workspace->codec, 0, 0, &workspace->page, &parts, error));
  chunk->dictionary.limit = lam_max_u64(chunk->dictionary.limit, 2 * parts.values.size);
  return lam_dictionary_adopt(&chunk->dictionary, parts.values, (uint32_t)page->header.values, fits, error);
}

/* `as_is`: no value will be put into it, and its page is copied. Else that is found at the end. */
static enum lam_status read_dictionary(struct lam_splice_chunk *splice, struct lam_workspace *workspace, bool as_is,
                                       bool *fits, struct lam_error *error) {
  struct lam_chunk_writer *chunk = splice->to;
  const struct lam_byte_source source = lam_file_source(splice->from);
  struct lam_page_stream stream;
  struct lam_page page;
  struct lam_bytes payload;
  uint64_t offset, size;
  bool more;
  LAM_TRY(lam_chunk_range(splice->from, splice->row_group, splice->leaf, &offset, &size, error));
  if (offset >= splice->offsets.pages[0].offset) return LAM_OK; /* it has none */
  lam_page_stream_init(&stream, chunk->mem);
  size_t window = (size_t)(splice->offsets.pages[0].offset - offset);
  lam_page_stream_begin(&stream, &source, offset, window, 0, as_is ? HEADER_BYTES : window,
                        lam_file_checksums(splice->from));
  enum lam_status status = as_is ? lam_page_stream_header(&stream, &page, &more, error)
                                 : lam_page_stream_next(&stream, &page, &payload, &more, error);
  if (status == LAM_OK && more) {
    bool whole =
        page.header.kind == LAM_DICTIONARY_PAGE && page.header_size + (uint64_t)page.header.compressed_size == window;
    if (!as_is) status = adopt_values(chunk, &page, payload, workspace, fits, error);
    if (as_is) *fits = whole;
    if (whole)
      chunk->spliced.dictionary = (struct lam_copied_dictionary){page.header, offset, window, chunk->dictionary.count};
    if (whole && as_is) status = lam_chunk_copy_dictionary(chunk, error);
  }
  lam_page_stream_release(&stream);
  return status;
}

/* A filter holds what it held; one is not begun for the new values alone. */
static enum lam_status read_bloom(struct lam_splice_chunk *splice, struct lam_error *error) {
  struct lam_bloom_builder *bloom = &splice->to->bloom;
  struct lam_arena arena;
  struct lam_bytes bits;
  lam_arena_init(&arena, splice->to->mem);
  enum lam_status status = lam_bloom_read(splice->from, splice->row_group, splice->leaf, &arena, &bits, error);
  if (status == LAM_OK && bits.size) {
    status = lam_buf_reset(&bloom->bits, bits.size, error);
    if (status == LAM_OK) {
      lam_copy(bloom->bits.data, bits.data, bits.size);
      bloom->bits.size = bits.size;
    }
  }
  bloom->on = status == LAM_OK && bits.size > 0;
  if (!bloom->on) bloom->when = LAM_BLOOM_NEVER;
  lam_arena_release(&arena);
  return status;
}

enum lam_status lam_splice_begin(struct lam_splice_chunk *splice, struct lam_workspace *workspace, bool *fits,
                                 struct lam_error *error) {
  struct lam_chunk_writer *chunk = splice->to;
  const struct lam_chunk_meta *meta = chunk_meta(splice);
  bool only_dictionary = meta->encoding_stats_known && meta->all_pages_dictionary;
  chunk->spliced = (struct lam_spliced){.on = true,
                                        .from = splice->from,
                                        .old_names = meta->encodings & 1u << LAM_PLAIN_DICTIONARY,
                                        .when = chunk->bloom.when,
                                        .dictionary_limit = chunk->dictionary.limit,
                                        .encodings = meta->encodings};
  chunk->next_guess = UINT64_MAX;
  /* Where the dictionary was given up, new values are not put into it. */
  LAM_TRY(read_dictionary(splice, workspace, !only_dictionary, fits, error));
  LAM_TRY(read_bloom(splice, error));
  if (chunk->dictionary.count == 0 || !only_dictionary) chunk->dictionary_on = false;
  if (splice->columns.count < 0) chunk->index.bounds_on = false;
  if (!splice->offsets.unencoded_bytes) chunk->index.sizes_on = false;
  if (!splice->columns.nan_counts && splice->statistics.nan_count != 0) chunk->index.nans_on = false;
  return LAM_OK;
}

/* ---- pages ---- */

/* A NaN bounds nothing: values that it stands for would be left out. */
static bool is_bound(const struct lam_bounds *bounds, struct lam_bytes bound) {
  return bound.data && (bounds->width == 0 || bound.size == (size_t)bounds->width) &&
         !lam_bound_is_nan(bounds->compare, bound);
}

static enum lam_status add_bound(struct lam_chunk_writer *chunk, struct lam_bytes bound, struct lam_error *error) {
  struct lam_bounds *bounds = &chunk->bounds;
  if (!chunk->options.statistics || bounds->compare == LAM_COMPARE_NONE) return LAM_OK;
  if (is_bound(bounds, bound))
    return bounds->width ? lam_bounds_add(bounds, bound.data, 1, error)
                         : lam_bounds_add_bytes(bounds, &bound, 1, error);
  chunk->index.bounds_on = false;
  return LAM_OK;
}

static enum lam_status describe_page(struct lam_splice_chunk *splice, struct lam_error *error) {
  struct lam_chunk_writer *chunk = splice->to;
  int32_t p = splice->page;
  int64_t rows = lam_splice_page_end(splice) - splice->offsets.pages[p].first_row;
  const bool known = splice->columns.count >= 0;
  struct lam_bytes min = {NULL, 0}, max = {NULL, 0};
  struct lam_index_entry entry = {.rows = rows};
  if (known) entry.null_page = splice->columns.null_pages[p];
  if (chunk->leaf->max_definition) entry.nulls = splice->columns.null_counts[p];
  if (splice->columns.nan_counts) entry.nans = splice->columns.nan_counts[p];
  if (splice->offsets.unencoded_bytes) entry.unencoded = splice->offsets.unencoded_bytes[p];
  if (known && !entry.null_page) {
    min = splice->columns.min[p], max = splice->columns.max[p];
    LAM_TRY(add_bound(chunk, min, error));
    LAM_TRY(add_bound(chunk, max, error));
  }
  lam_index_add_copied(&chunk->index, &entry, min, max);
  chunk->rows += rows;
  chunk->nulls += entry.nulls;
  return LAM_OK;
}

/* *size is 0 where the page ends within its header. */
static enum lam_status read_header(const struct lam_splice_chunk *splice, const struct lam_page_location *place,
                                   struct lam_buf *buffer, struct lam_page_header *out, size_t *size,
                                   struct lam_error *error) {
  *out = (struct lam_page_header){.values = -1};
  *size = 0;
  for (size_t wanted = HEADER_BYTES; *size == 0; wanted *= 8) {
    size_t some = lam_min_u64(wanted, place->size);
    LAM_TRY(lam_buf_reset(buffer, some, error));
    LAM_TRY(lam_file_read(splice->from, place->offset, buffer->data, some, error));
    LAM_TRY(lam_page_header_parse(lam_bytes_of(buffer->data, some), out, size, error));
    if (some == place->size) break;
  }
  return LAM_OK;
}

enum lam_status lam_splice_page(struct lam_splice_chunk *splice, struct lam_workspace *workspace, bool *fits,
                                struct lam_error *error) {
  struct lam_chunk_writer *chunk = splice->to;
  const struct lam_page_location *place = &splice->offsets.pages[splice->page];
  int64_t rows = lam_splice_page_end(splice) - place->first_row;
  struct lam_page_header header;
  size_t header_size;
  LAM_TRY(lam_chunk_end_page(chunk, workspace, error));
  LAM_TRY(read_header(splice, place, &workspace->page, &header, &header_size, error));
  enum lam_page_kind kind = chunk->options.v2 ? LAM_DATA_PAGE_V2 : LAM_DATA_PAGE;
  bool dictionary = header.encoding == LAM_PLAIN_DICTIONARY || header.encoding == LAM_RLE_DICTIONARY;
  *fits = header_size && header.kind == kind && header.compressed_size >= 0 && header.uncompressed_size >= 0 &&
          header_size + (size_t)header.compressed_size == place->size && header.values == rows &&
          (dictionary || header.encoding == chunk->plain);
  if (!*fits) return LAM_OK;
  LAM_TRY(lam_chunk_append_packed(chunk, &header, place->offset, place->size, error));
  ++*(dictionary ? &chunk->dictionary_pages : &chunk->plain_pages);
  return describe_page(splice, error);
}

/* ---- the end ---- */

/* Whether no page that changes may have held the bound. */
static bool is_attained(const struct lam_splice_chunk *splice, struct lam_bytes bound, bool is_min) {
  for (int32_t p = 0; p < splice->offsets.count; p++) {
    if (!splice->touched[p] || splice->columns.null_pages[p]) continue;
    struct lam_bytes page = is_min ? splice->columns.min[p] : splice->columns.max[p];
    int order = lam_compare_bounds(splice->to->bounds.compare, page, bound);
    if (is_min ? order <= 0 : order >= 0) return false;
  }
  return true;
}

enum lam_status lam_splice_finish(struct lam_splice_chunk *splice, struct lam_workspace *workspace,
                                  struct lam_error *error) {
  struct lam_chunk_writer *chunk = splice->to;
  struct lam_spliced *spliced = &chunk->spliced;
  const struct lam_statistics *old = &splice->statistics;
  LAM_TRY(lam_chunk_end_page(chunk, workspace, error));
  if (chunk->dictionary_pages && !lam_chunk_same_dictionary(chunk))
    lam_bloom_put_dictionary(&chunk->bloom, &chunk->dictionary);
  if (!chunk->options.statistics || chunk->bounds.compare == LAM_COMPARE_NONE) return LAM_OK;
  if (chunk->index.bounds_on) {
    spliced->cut = chunk->leaf->physical == LAM_BYTE_ARRAY;
    if (old->min.data && old->min_exact && is_attained(splice, old->min, true)) spliced->min = old->min;
    if (old->max.data && old->max_exact && is_attained(splice, old->max, false)) spliced->max = old->max;
    return LAM_OK;
  }
  spliced->cut = true;
  spliced->unbounded = !is_bound(&chunk->bounds, old->min) || !is_bound(&chunk->bounds, old->max);
  if (spliced->unbounded) return LAM_OK;
  LAM_TRY(add_bound(chunk, old->min, error));
  LAM_TRY(add_bound(chunk, old->max, error));
  return lam_chunk_add_dictionary_bounds(chunk, &chunk->bounds, error);
}
