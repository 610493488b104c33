/* Passing over rows: whole pages by their headers or the offset index, levels and values within a page. */
#include <assert.h>
#include <inttypes.h>

#include "parquet/nested.h"

/* ---- within a page ---- */

/* Levels equal to `max` among the next `count` of a page, each in a word of its own. */
static size_t count_unpacked(struct lam_chunk *chunk, size_t count, uint32_t max) {
  const uint32_t *levels = (const uint32_t *)(const void *)chunk->level_values.data + chunk->level_position;
  size_t valid = 0;
  for (size_t i = 0; i < count; i++) valid += levels[i] == max;
  chunk->level_position += count;
  return valid;
}

enum lam_status lam_skip_levels(struct lam_chunk *chunk, size_t count, int64_t *valid, struct lam_error *error) {
  uint32_t max = (uint32_t)chunk->source.leaf->max_definition;
  size_t equal = 0;
  *valid = (int64_t)count;
  if (max == 0) return LAM_OK;
  *valid = 0;
  if (chunk->carry_left) {
    int64_t carried = lam_min_i64(chunk->carry_left, (int64_t)count);
    *valid = lam_bits_count(chunk->carry.data, chunk->carry_position, carried);
    chunk->carry_position += carried;
    chunk->carry_left -= carried;
    count -= (size_t)carried;
  }
  if (chunk->levels_unpacked)
    equal = count_unpacked(chunk, count, max);
  else
    LAM_TRY(lam_rle_skip_counting(&chunk->levels, count, max, &equal, error));
  *valid += (int64_t)equal;
  return LAM_OK;
}

/* Values that lie at places which follow from their number. */
static enum lam_status skip_places(struct lam_page_values *page, size_t bits, size_t count, struct lam_error *error) {
  size_t whole = bits ? page->bytes.size > SIZE_MAX / 8 ? SIZE_MAX : page->bytes.size * 8 / bits : SIZE_MAX;
  LAM_CHECK(count <= whole - page->position, error, "the page has %zu values of %zu bits; expected %zu more", whole,
            bits, count - (whole - page->position));
  page->position += count;
  return LAM_OK;
}

enum lam_status lam_skip_values(struct lam_chunk *chunk, size_t count, struct lam_error *error) {
  struct lam_page_values *page = &chunk->page;
  if (count == 0) return LAM_OK;
  LAM_CHECK(page->bytes.size > 0, error, "page at byte %" PRIu64 ": no values, where %zu rows have one",
            chunk->page_offset, count);
  switch (page->encoding) {
    case LAM_RLE_DICTIONARY:
    case LAM_RLE: return lam_rle_skip(&page->rle, count, error);
    case LAM_DELTA_BINARY_PACKED: return lam_delta_skip(&page->delta, count, error);
    case LAM_DELTA_LENGTH_BYTE_ARRAY:
    case LAM_DELTA_BYTE_ARRAY: return lam_strings_skip(&chunk->strings, count, error);
    case LAM_ALP: return lam_alp_skip(&page->alp, count, error);
    default: break;
  }
  if (chunk->source.leaf->physical == LAM_BYTE_ARRAY) return lam_strings_skip(&chunk->strings, count, error);
  size_t bits = chunk->class == LAM_VALUES_BITS ? 1 : (size_t)chunk->source.leaf->width * 8;
  return skip_places(page, bits, count, error);
}

enum lam_status lam_skip_rows(struct lam_chunk *chunk, size_t count, struct lam_error *error) {
  int64_t valid;
  assert((int64_t)count <= chunk->page_left);
  chunk->page_left -= (int64_t)count;
  chunk->rows_left -= (int64_t)count;
  if (chunk->page_left == 0 && !chunk->source.leaf->legacy_delta_bytes) { /* what is left of it is never looked at */
    chunk->carry_left = 0;
    return LAM_OK;
  }
  LAM_TRY(lam_skip_levels(chunk, count, &valid, error));
  return lam_skip_values(chunk, (size_t)valid, error);
}

/* ---- pages ---- */

int32_t lam_page_of_row(const struct lam_chunk_source *source, int32_t from, int64_t row) {
  int32_t low = from, high = source->page_count; /* low's first row is at most `row`, high's is above it */
  while (high - low > 1) {
    int32_t middle = low + (high - low) / 2;
    if (source->pages[middle].first_row <= row)
      low = middle;
    else
      high = middle;
  }
  return low;
}

/* Where the pages end that lie behind one another from page `page` on and hold rows of `rows`; no further than a window
 * holds, which is what is read at once. */
static uint64_t wanted_until(const struct lam_chunk_source *source, int32_t page, const struct lam_range *rows,
                             size_t count) {
  const struct lam_page_location *pages = source->pages;
  size_t r = 0;
  uint64_t until = pages[page].offset + pages[page].size;
  for (int32_t i = page + 1; i < source->page_count && pages[i].offset - pages[page].offset < source->window; i++) {
    int64_t end = i + 1 < source->page_count ? pages[i + 1].first_row : source->values;
    while (r < count && rows[r].end <= pages[i].first_row) r++;
    if (r == count || rows[r].first >= end) break;
    until = pages[i].offset + pages[i].size;
  }
  return until;
}

enum {
  LARGE_DICTIONARY = 64 << 10, /* bytes: reading it costs more than a look at a page */
  HEADER_BYTES = 512,
};

/* Whether the dictionary is to be read before page `page`, the first that is wanted: some writers begin each chunk with
 * one that they give up soon, and pages behind that do without. */
static enum lam_status wants_dictionary(struct lam_chunk *chunk, int32_t page, bool *out, struct lam_error *error) {
  const struct lam_page_location *pages = chunk->source.pages;
  const uint64_t begin = chunk->stream.next;
  struct lam_page header;
  bool more;
  *out = true;
  if (page == 0 || pages[0].offset - begin < LARGE_DICTIONARY || chunk->class == LAM_VALUES_VIEWS) return LAM_OK;
  lam_page_stream_leap(&chunk->stream, pages[page].offset, pages[page].offset + HEADER_BYTES);
  LAM_TRY(lam_page_stream_header(&chunk->stream, &header, &more, error));
  *out = !more || lam_page_wants_dictionary(&header);
  lam_page_stream_leap(&chunk->stream, begin, pages[0].offset);
  return LAM_OK;
}

enum lam_status lam_leap_to_page(struct lam_chunk *chunk, const struct lam_range *rows, size_t count,
                                 struct lam_error *error) {
  const struct lam_chunk_source *source = &chunk->source;
  int64_t row = source->values - chunk->rows_left;
  if (source->page_count == 0 || chunk->next_page >= source->page_count) return LAM_OK;
  int32_t page = lam_page_of_row(source, chunk->next_page, row + chunk->skip);
  const struct lam_page_location *to = &source->pages[page];
  LAM_CHECK(to->first_row >= row && to->first_row - row <= chunk->skip && to->offset >= source->offset &&
                to->offset < source->offset + source->size,
            error, "the offset index has page %" PRId32 " at byte %" PRIu64 " from row %" PRId64 " on", page,
            to->offset, to->first_row);
  if (chunk->stream.next < source->pages[0].offset) { /* the dictionary comes first */
    bool wanted;
    LAM_TRY(wants_dictionary(chunk, page, &wanted, error));
    chunk->stream.until = source->pages[0].offset;
    if (wanted) return LAM_OK;
    chunk->dictionary_at = chunk->stream.next;
  }
  chunk->skip -= to->first_row - row;
  chunk->rows_left -= to->first_row - row;
  chunk->next_page = page;
  lam_page_stream_leap(&chunk->stream, to->offset, wanted_until(source, page, rows, count));
  return LAM_OK;
}

enum lam_status lam_chunk_skip(struct lam_chunk *chunk, int64_t rows, struct lam_error *error) {
  if (chunk->nested) {
    chunk->nested->skip += rows;
    return LAM_OK;
  }
  assert(rows >= 0 && rows <= chunk->rows_left - chunk->skip);
  if (chunk->page_left > 0) { /* nothing is pending then */
    int64_t within = lam_min_i64(rows, chunk->page_left);
    LAM_TRY(lam_skip_rows(chunk, (size_t)within, error));
    rows -= within;
  }
  chunk->skip += rows;
  return LAM_OK;
}
