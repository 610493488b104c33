/* Dictionaries: their page, indices as they are, and values gathered by them. */
#include <assert.h>
#include <inttypes.h>

#include "parquet/chunk.h"

enum {
  STEP = 1024, /* indices at once: 4 KiB of the L1 cache */
  SHORT = 16,  /* bytes of a value that are copied without asking for its length */
};
_Static_assert(SHORT <= (int)LAM_VALUES_SLACK, "short copies read and write that far behind a value");

static size_t longest_value(const struct lam_values *values) {
  const int32_t *offsets = (const int32_t *)(const void *)values->offsets->data;
  int32_t longest = 0;
  for (int64_t i = 0; i < values->count; i++) {
    int32_t length = offsets[i + 1] - offsets[i];
    longest = length > longest ? length : longest;
  }
  return (size_t)longest;
}

static void swap_values(struct lam_chunk *chunk) {
  struct lam_values other = chunk->run.values;
  chunk->run.values = chunk->dictionary;
  chunk->dictionary = other;
}

/* A dictionary page is a page of PLAIN values, read as one into run.values. */
static enum lam_status read_values(struct lam_chunk *chunk, struct lam_bytes bytes, size_t count,
                                   struct lam_error *error) {
  size_t got = 0;
  size_t least = chunk->source.leaf->physical == LAM_BYTE_ARRAY ? 4 : (size_t)chunk->source.leaf->width;
  LAM_CHECK(least == 0 || count <= bytes.size / least, error, "a dictionary of %zu values in %zu bytes", count,
            bytes.size);
  LAM_CHECK(count <= INT32_MAX, error, "a dictionary of %zu values", count);
  LAM_TRY(lam_begin_values(chunk, count, error));
  LAM_TRY(lam_begin_page_values(chunk, LAM_PLAIN, bytes, count, error));
  if (count > 0) LAM_TRY(lam_read_dense(chunk, 0, count, INT32_MAX, &got, error));
  if (got < count) return lam_fail(error, LAM_UNSUPPORTED, "a dictionary of more than 2^31 - 1 bytes");
  chunk->run.values.count = (int64_t)count;
  return LAM_OK;
}

static enum lam_status read_dictionary(struct lam_chunk *chunk, const struct lam_page *page, struct lam_bytes payload,
                                       struct lam_codec_state *codec, struct lam_error *error) {
  enum lam_encoding encoding = page->header.encoding;
  struct lam_page_parts parts;
  LAM_CHECK(!chunk->has_dictionary, error, "a second dictionary; a column has one at most");
  LAM_CHECK(encoding == LAM_PLAIN || encoding == LAM_PLAIN_DICTIONARY, error, "a dictionary of encoding %s",
            lam_encoding_name(encoding));
  LAM_CHECK(chunk->class != LAM_VALUES_BITS, error, "a dictionary of booleans");
  LAM_CHECK(page->header.values >= 0, error, "a dictionary of %" PRId32 " values", page->header.values);
  if (chunk->class == LAM_VALUES_VIEWS)
    LAM_TRY(lam_views_split(chunk, page, payload, codec, &parts, error));
  else
    LAM_TRY(lam_page_split(page, payload, chunk->source.codec, codec, 0, 0, &chunk->staging, &parts, error));
  swap_values(chunk);
  enum lam_status status = read_values(chunk, parts.values, (size_t)page->header.values, error);
  swap_values(chunk);
  if (status != LAM_OK) return lam_fail_in(error, status, "dictionary");
  chunk->has_dictionary = true;
  chunk->longest = chunk->class == LAM_VALUES_BINARY ? longest_value(&chunk->dictionary) : chunk->width;
  return LAM_OK;
}

enum lam_status lam_read_dictionary_page(struct lam_chunk *chunk, const struct lam_page *page, struct lam_bytes payload,
                                         struct lam_codec_state *codec, struct lam_error *error) {
  LAM_CHECK(chunk->rows_left == chunk->source.values && chunk->run.rows == 0, error,
            "a dictionary behind data pages; it comes before them");
  return read_dictionary(chunk, page, payload, codec, error);
}

enum lam_status lam_read_passed_dictionary(struct lam_chunk *chunk, struct lam_codec_state *codec,
                                           struct lam_error *error) {
  struct lam_page_stream stream; /* the chunk's own stands before the page that wants it */
  struct lam_page page;
  struct lam_bytes payload;
  bool more;
  size_t size = (size_t)(chunk->source.pages[0].offset - chunk->dictionary_at), data_size = chunk->data_size;
  lam_page_stream_init(&stream, chunk->mem);
  lam_page_stream_begin(&stream, &chunk->source.bytes, chunk->dictionary_at, size, 0, size, chunk->source.checksums);
  enum lam_status status = lam_page_stream_next(&stream, &page, &payload, &more, error);
  if (status == LAM_OK && more && page.header.kind == LAM_DICTIONARY_PAGE) {
    page.header.compressed |= chunk->source.leaf->v2_always_compressed;
    status = read_dictionary(chunk, &page, payload, codec, error);
  }
  status = lam_fail_in(error, status, "page at byte %" PRIu64, chunk->dictionary_at);
  lam_page_stream_release(&stream);
  chunk->dictionary_at = 0;
  chunk->data_size = data_size; /* of the run under way */
  return status;
}

static enum lam_status need_dictionary(const struct lam_chunk *chunk, struct lam_error *error) {
  LAM_CHECK(chunk->has_dictionary, error,
            "page at byte %" PRIu64 ": indices into a dictionary, but the column has none", chunk->page_offset);
  return LAM_OK;
}

static enum lam_status check_indices(const struct lam_chunk *chunk, const uint32_t *indices, size_t count,
                                     struct lam_error *error) {
  uint32_t size = (uint32_t)chunk->dictionary.count;
  size_t good = lam_indices_check(indices, count, size);
  LAM_CHECK(good == count, error, "page at byte %" PRIu64 ": index %" PRIu32 " into a dictionary of %" PRIu32 " values",
            chunk->page_offset, indices[good], size);
  return LAM_OK;
}

static enum lam_status next_indices(struct lam_chunk *chunk, uint32_t *to, size_t count, struct lam_error *error) {
  LAM_TRY(need_dictionary(chunk, error));
  LAM_TRY(lam_rle_read(&chunk->page.rle, to, count, error));
  return check_indices(chunk, to, count, error);
}

enum lam_status lam_read_indices(struct lam_chunk *chunk, size_t at, size_t count, struct lam_error *error) {
  if (count == 0) return LAM_OK;
  return next_indices(chunk, (uint32_t *)(void *)chunk->run.indices->data + at, count, error);
}

enum lam_status lam_pick_indices(struct lam_chunk *chunk, size_t at, const int32_t *places, int64_t less, size_t count,
                                 struct lam_error *error) {
  uint32_t *to = (uint32_t *)(void *)chunk->run.indices->data + at;
  LAM_TRY(need_dictionary(chunk, error));
  LAM_CHECK(chunk->page.bytes.size > 0, error, "page at byte %" PRIu64 ": no values, where %zu rows have one",
            chunk->page_offset, count);
  LAM_TRY(lam_rle_pick(&chunk->page.rle, places, less, count, to, error));
  return check_indices(chunk, to, count, error);
}

enum lam_status lam_gather_fixed(struct lam_chunk *chunk, size_t at, size_t count, struct lam_error *error) {
  uint32_t indices[STEP];
  uint8_t *to = chunk->run.values.data->data + at * chunk->width;
  LAM_TRY(need_dictionary(chunk, error));
  for (size_t step; count > 0; count -= step, to += step * chunk->width) {
    step = count < STEP ? count : STEP;
    LAM_TRY(lam_rle_read(&chunk->page.rle, indices, step, error));
    LAM_TRY(lam_gather(chunk->dictionary.data->data, (size_t)chunk->dictionary.count, chunk->width, indices, step, to,
                       error));
  }
  return LAM_OK;
}

/* Appends the values of `indices`, for which there is room. */
static void gather_strings(struct lam_chunk *chunk, const uint32_t *indices, size_t count, int32_t *offsets) {
  const int32_t *ends = (const int32_t *)(const void *)chunk->dictionary.offsets->data;
  const uint8_t *from = chunk->dictionary.data->data;
  uint8_t *to = chunk->run.values.data->data;
  size_t size = chunk->data_size;
  for (size_t i = 0; i < count; i++) {
    int32_t begin = ends[indices[i]];
    size_t length = (size_t)(ends[indices[i] + 1] - begin);
    memcpy(to + size, from + begin, SHORT);
    if (length > SHORT) memcpy(to + size + SHORT, from + begin + SHORT, length - SHORT);
    size += length;
    offsets[i + 1] = (int32_t)size;
  }
  chunk->data_size = size;
}

enum lam_status lam_gather_binary(struct lam_chunk *chunk, size_t at, size_t count, size_t max_bytes, size_t *got,
                                  struct lam_error *error) {
  uint32_t indices[STEP];
  int32_t *offsets = (int32_t *)(void *)chunk->run.values.offsets->data + at;
  for (*got = 0; *got < count;) {
    /* So many that they fit whatever they are: an index, once read, cannot be put back. */
    size_t room = max_bytes > chunk->data_size ? max_bytes - chunk->data_size : 0, step = count - *got;
    size_t fitting = chunk->longest ? room / chunk->longest : step;
    if (fitting == 0 && chunk->data_size == 0) fitting = 1;
    if (step > fitting) step = fitting;
    if (step > STEP) step = STEP;
    if (step == 0) break;
    LAM_TRY(next_indices(chunk, indices, step, error));
    LAM_TRY(lam_chunk_data_room(chunk, step * chunk->longest, error));
    gather_strings(chunk, indices, step, offsets + *got);
    *got += step;
  }
  return LAM_OK;
}
