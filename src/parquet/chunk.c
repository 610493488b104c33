#include "parquet/nested.h"

#include <assert.h>
#include <inttypes.h>

#include "base/context.h"

void lam_chunk_init(struct lam_chunk *chunk, struct lam_mem *mem) {
  *chunk = (struct lam_chunk){.mem = mem};
  lam_page_stream_init(&chunk->stream, mem);
  struct lam_buf *const buffers[] = {&chunk->page_buffer, &chunk->staging,      &chunk->scratch,
                                     &chunk->lengths,     &chunk->level_values, &chunk->carry};
  for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++) lam_buf_init(buffers[i], mem);
  lam_buf_init(&chunk->held.items, mem);
}

static void release_values(struct lam_values *values) {
  lam_shared_release(values->offsets);
  lam_shared_release(values->data);
  *values = (struct lam_values){0};
}

void lam_chunk_release(struct lam_chunk *chunk) {
  lam_nested_release(chunk);
  lam_views_release(chunk);
  lam_ahead_release(chunk->ahead);
  lam_page_stream_release(&chunk->stream);
  lam_buf_release(&chunk->page_buffer);
  lam_buf_release(&chunk->staging);
  lam_buf_release(&chunk->scratch);
  lam_buf_release(&chunk->lengths);
  lam_buf_release(&chunk->level_values);
  lam_buf_release(&chunk->carry);
  if (chunk->strings_begun) lam_strings_release(&chunk->strings);
  release_values(&chunk->dictionary);
  release_values(&chunk->run.values);
  lam_shared_release(chunk->run.validity);
  lam_shared_release(chunk->run.indices);
  *chunk = (struct lam_chunk){0};
}

enum lam_status lam_chunk_begin(struct lam_chunk *chunk, const struct lam_chunk_source *source, bool as_dictionary,
                                struct lam_error *error) {
  const struct lam_leaf *leaf = source->leaf;
  chunk->source = *source;
  if (leaf->legacy_delta_bytes) chunk->source.pages = NULL; /* its pages depend on those before */
  if (lam_type_is_binary(leaf->type.id))
    chunk->class = source->views && !source->column && !as_dictionary ? LAM_VALUES_VIEWS : LAM_VALUES_BINARY;
  else
    chunk->class = leaf->type.id == LAM_TYPE_BOOL ? LAM_VALUES_BITS : LAM_VALUES_FIXED;
  chunk->width = chunk->class == LAM_VALUES_FIXED ? (size_t)lam_type_bits(&leaf->type) / 8 : 0;
  if (chunk->class == LAM_VALUES_VIEWS) chunk->width = LAM_VIEW_BYTES;
  chunk->held.page = false;
  chunk->as_dictionary = as_dictionary && chunk->class != LAM_VALUES_BITS;
  chunk->rows_left = source->values;
  chunk->page_left = 0;
  chunk->skip = 0;
  chunk->next_page = 0;
  chunk->carry_left = 0;
  chunk->has_dictionary = false;
  chunk->dictionary_at = 0;
  chunk->dictionary.count = 0;
  chunk->run.rows = 0;
  lam_page_stream_begin(&chunk->stream, &source->bytes, source->offset, source->size, source->slack, source->window,
                        source->checksums);
  assert(source->column || leaf->max_repetition == 0);
  LAM_TRY(lam_ahead_begin(chunk, error));
  return source->column ? lam_nested_begin(chunk, source->column, source->column_leaf, error) : LAM_OK;
}

int64_t lam_chunk_position(const struct lam_chunk *chunk) {
  if (chunk->nested) return chunk->nested->row + chunk->nested->skip;
  return chunk->source.values - chunk->rows_left + chunk->skip;
}

/* ---- pages ---- */

static enum lam_status begin_levels(struct lam_chunk *chunk, const struct lam_page *page, struct lam_bytes definition,
                                    struct lam_error *error) {
  int max = chunk->source.leaf->max_definition;
  if (max == 0) return LAM_OK;
  int width = lam_bit_width((uint64_t)max);
  size_t values = (size_t)page->header.values;
  chunk->levels_unpacked = page->header.kind == LAM_DATA_PAGE && page->header.definition_encoding == LAM_BIT_PACKED;
  if (!chunk->levels_unpacked) return lam_rle_begin(&chunk->levels, definition, width, error);
  chunk->level_position = 0;
  LAM_TRY(lam_buf_reset(&chunk->level_values, values * sizeof(uint32_t), error));
  return lam_bitpacked_levels_read(definition, width, (uint32_t *)(void *)chunk->level_values.data, values, error);
}

static enum lam_status wrong_encoding(const struct lam_chunk *chunk, enum lam_encoding encoding,
                                      struct lam_error *error) {
  return lam_fail(error, encoding <= LAM_ALP ? LAM_CORRUPT : LAM_UNSUPPORTED, "%s values of encoding %s cannot be read",
                  lam_physical_name(chunk->source.leaf->physical), lam_encoding_name(encoding));
}

static enum lam_status begin_indices(struct lam_page_values *page, struct lam_error *error) {
  page->encoding = LAM_RLE_DICTIONARY;
  if (page->bytes.size == 0) return LAM_OK; /* a page of nulls */
  int width = page->bytes.data[0];
  return lam_rle_begin(&page->rle, lam_bytes_of(page->bytes.data + 1, page->bytes.size - 1), width, error);
}

static enum lam_status begin_boolean_runs(struct lam_page_values *page, struct lam_error *error) {
  struct lam_bytes bytes = page->bytes;
  if (bytes.size == 0) return LAM_OK;
  LAM_CHECK(bytes.size >= 4, error, "run-length encoded booleans in %zu bytes; expected a length of 4 bytes first",
            bytes.size);
  size_t size = lam_load32(bytes.data);
  LAM_CHECK(size <= bytes.size - 4, error, "run-length encoded booleans of %zu bytes; %zu are left", size,
            bytes.size - 4);
  return lam_rle_begin(&page->rle, lam_bytes_of(bytes.data + 4, size), 1, error);
}

static enum lam_status begin_new_strings(struct lam_chunk *chunk, uint64_t values, struct lam_error *error) {
  struct lam_page_values *page = &chunk->page;
  if (page->encoding != LAM_PLAIN) {
    /* The page's values count its nulls too; how many have bytes is what the stream says. */
    struct lam_delta lengths;
    LAM_TRY(lam_delta_begin(&lengths, page->bytes, 32, error));
    LAM_CHECK(lengths.total <= values, error, "%llu delta-encoded strings in a page of %llu values",
              (unsigned long long)lengths.total, (unsigned long long)values);
    values = lengths.total;
  }
  return lam_strings_begin(&chunk->strings, chunk->mem, page->encoding, page->bytes, values, error);
}

static enum lam_status begin_strings(struct lam_chunk *chunk, uint64_t values, struct lam_error *error) {
  struct lam_buf last;
  lam_buf_init(&last, chunk->mem);
  if (chunk->page.bytes.size == 0) return LAM_OK; /* a page of nulls */
  if (chunk->strings_begun) {
    /* PARQUET-246: the first value may share bytes with the last one of the page before. */
    bool goes_on = chunk->source.leaf->legacy_delta_bytes && chunk->page.encoding == LAM_DELTA_BYTE_ARRAY &&
                   chunk->rows_left < chunk->source.values;
    if (goes_on) {
      last = chunk->strings.last;
      lam_buf_init(&chunk->strings.last, chunk->mem);
    }
    lam_strings_release(&chunk->strings);
  }
  chunk->strings_begun = true;
  enum lam_status status = begin_new_strings(chunk, values, error);
  chunk->strings.last = last;
  return status;
}

/* Which encodings a physical type can have. */
enum lam_status lam_begin_page_values(struct lam_chunk *chunk, enum lam_encoding encoding, struct lam_bytes bytes,
                                      uint64_t values, struct lam_error *error) {
  struct lam_page_values *page = &chunk->page;
  enum lam_physical physical = chunk->source.leaf->physical;
  bool integer = physical == LAM_INT32 || physical == LAM_INT64, binary = physical == LAM_BYTE_ARRAY;
  *page = (struct lam_page_values){.encoding = encoding, .bytes = bytes};
  switch (encoding) {
    case LAM_PLAIN: return binary ? begin_strings(chunk, values, error) : LAM_OK;
    case LAM_PLAIN_DICTIONARY:
    case LAM_RLE_DICTIONARY:
      if (physical != LAM_BOOLEAN) return begin_indices(page, error);
      break;
    case LAM_RLE:
      if (physical == LAM_BOOLEAN) return begin_boolean_runs(page, error);
      break;
    case LAM_DELTA_BINARY_PACKED:
      if (integer && bytes.size == 0) return LAM_OK;
      if (integer) return lam_delta_begin(&page->delta, bytes, physical == LAM_INT32 ? 32 : 64, error);
      break;
    case LAM_DELTA_LENGTH_BYTE_ARRAY:
      if (binary) return begin_strings(chunk, values, error);
      break;
    case LAM_DELTA_BYTE_ARRAY:
      if (binary || physical == LAM_FIXED_LEN_BYTE_ARRAY) return begin_strings(chunk, values, error);
      break;
    case LAM_BYTE_STREAM_SPLIT:
      if (!binary && physical != LAM_BOOLEAN && physical != LAM_INT96) return LAM_OK;
      break;
    case LAM_ALP:
      if (physical == LAM_FLOAT || physical == LAM_DOUBLE)
        return lam_alp_begin(&page->alp, bytes, physical == LAM_FLOAT ? 4 : 8, error);
      break;
    default: break;
  }
  return wrong_encoding(chunk, encoding, error);
}

static bool is_data_page(const struct lam_page *page) {
  return page->header.kind == LAM_DATA_PAGE || page->header.kind == LAM_DATA_PAGE_V2;
}

/* Checks a data page's header against what is known of the chunk before it is used. */
static enum lam_status check_data_page(struct lam_chunk *chunk, const struct lam_page *page, struct lam_error *error) {
  const struct lam_chunk_source *source = &chunk->source;
  const struct lam_page_header *header = &page->header;
  LAM_CHECK(header->values >= 0 && header->values <= chunk->rows_left, error,
            "%" PRId32 " values, where the column has %" PRId64 " left", header->values, chunk->rows_left);
  if (!source->pages || chunk->nested || header->values == 0) return LAM_OK; /* of nested leaves they are no rows */
  int32_t at = chunk->next_page++;
  int64_t end = at + 1 < source->page_count ? source->pages[at + 1].first_row : source->values;
  LAM_CHECK(at < source->page_count && source->pages[at].offset == page->offset &&
                source->pages[at].first_row == source->values - chunk->rows_left &&
                end - source->pages[at].first_row == header->values,
            error, "%" PRId32 " values from row %" PRId64 " on, which contradicts the offset index", header->values,
            source->values - chunk->rows_left);
  return LAM_OK;
}

static enum lam_status split_page(struct lam_chunk *chunk, const struct lam_page *page, struct lam_bytes payload,
                                  struct lam_codec_state *codec, struct lam_page_parts *out, struct lam_error *error) {
  const struct lam_leaf *leaf = chunk->source.leaf;
  if (chunk->class == LAM_VALUES_VIEWS) return lam_views_split(chunk, page, payload, codec, out, error);
  return lam_page_split(page, payload, chunk->source.codec, codec, leaf->max_repetition, leaf->max_definition,
                        &chunk->page_buffer, out, error);
}

static enum lam_status begin_data_page(struct lam_chunk *chunk, const struct lam_page *page,
                                       const struct lam_page_parts *parts, struct lam_error *error) {
  const struct lam_page_header *header = &page->header;
  if (chunk->nested)
    LAM_TRY(lam_nested_begin_page(chunk, page, parts, error));
  else
    LAM_TRY(begin_levels(chunk, page, parts->definition, error));
  LAM_TRY(lam_begin_page_values(chunk, header->encoding, parts->values, (uint64_t)header->values, error));
  chunk->page_left = header->values;
  return LAM_OK;
}

/* Whether none of the page's rows is wanted. */
static bool is_skipped(const struct lam_chunk *chunk, const struct lam_page *page) {
  return is_data_page(page) && page->header.values <= chunk->skip && !chunk->source.leaf->legacy_delta_bytes;
}

/* Begins the page whose header was read, all of it where it is `ready`, or passes it over. */
static enum lam_status begin_page(struct lam_chunk *chunk, struct lam_page *page, const struct lam_ahead_page *ready,
                                  struct lam_codec_state *codec, struct lam_error *error) {
  struct lam_bytes payload;
  struct lam_page_parts parts;
  page->header.compressed |= chunk->source.leaf->v2_always_compressed;
  if (is_data_page(page)) LAM_TRY(check_data_page(chunk, page, error));
  if (is_skipped(chunk, page)) {
    chunk->skip -= page->header.values;
    chunk->rows_left -= page->header.values;
    if (!ready) lam_page_stream_skip(&chunk->stream, page);
    return LAM_OK;
  }
  if (chunk->dictionary_at && lam_page_wants_dictionary(page)) LAM_TRY(lam_read_passed_dictionary(chunk, codec, error));
  if (ready)
    payload = ready->payload;
  else
    LAM_TRY(lam_page_stream_payload(&chunk->stream, page, &payload, error));
  if (page->header.kind == LAM_DICTIONARY_PAGE) return lam_read_dictionary_page(chunk, page, payload, codec, error);
  if (!is_data_page(page) || page->header.values == 0) return LAM_OK;
  if (ready && ready->good)
    parts = ready->parts;
  else
    LAM_TRY(split_page(chunk, page, payload, codec, &parts, error));
  return begin_data_page(chunk, page, &parts, error);
}

/* The next page: one that was read ahead (*ready), or one whose header is read. */
static enum lam_status find_page(struct lam_chunk *chunk, const struct lam_range *rows, size_t count,
                                 struct lam_page *page, const struct lam_ahead_page **ready, struct lam_error *error) {
  bool more;
  int64_t end = count ? rows[count - 1].end : 0;
  *ready = chunk->ahead ? lam_ahead_next(chunk->ahead) : NULL;
  if (!*ready) {
    if (chunk->source.pages && !chunk->nested) LAM_TRY(lam_leap_to_page(chunk, rows, count, error));
    /* Not before the second page: the first may be all that is wanted. */
    if (chunk->ahead && chunk->rows_left < chunk->source.values) {
      lam_ahead_fill(chunk, end);
      *ready = lam_ahead_next(chunk->ahead);
    }
  }
  if (*ready) {
    lam_ahead_fill(chunk, end);
    *page = (*ready)->page;
    return LAM_OK;
  }
  LAM_TRY(lam_page_stream_header(&chunk->stream, page, &more, error));
  LAM_CHECK(more, error, "its pages end at byte %" PRIu64 " with %" PRId64 " of its %" PRId64 " values missing",
            chunk->stream.end, chunk->rows_left, chunk->source.values);
  return LAM_OK;
}

/* Goes on to the next page that has rows of `rows`, or of those to be skipped. */
static enum lam_status next_page(struct lam_chunk *chunk, const struct lam_range *rows, size_t count,
                                 struct lam_codec_state *codec, struct lam_error *error) {
  while (chunk->page_left == 0) {
    struct lam_page page;
    const struct lam_ahead_page *ready;
    LAM_TRY(lam_check_cancel(lam_mem_context(chunk->mem), error));
    LAM_TRY(find_page(chunk, rows, count, &page, &ready, error));
    chunk->page_offset = page.offset;
    enum lam_status status = begin_page(chunk, &page, ready, codec, error);
    if (status != LAM_OK) return lam_fail_in(error, status, "page at byte %" PRIu64, page.offset);
  }
  return LAM_OK;
}

/* Goes on to the next of the rows in `rows`; those before it that are to be skipped are passed over. */
enum lam_status lam_chunk_next_rows(struct lam_chunk *chunk, const struct lam_range *rows, size_t count,
                                    struct lam_codec_state *codec, struct lam_error *error) {
  for (;;) {
    LAM_TRY(next_page(chunk, rows, count, codec, error));
    if (chunk->skip == 0) return LAM_OK;
    int64_t within = lam_min_i64(chunk->skip, chunk->page_left);
    chunk->skip -= within;
    LAM_TRY(lam_skip_rows(chunk, (size_t)within, error));
  }
}

enum lam_status lam_chunk_next_page(struct lam_chunk *chunk, struct lam_codec_state *codec, struct lam_error *error) {
  return next_page(chunk, NULL, 0, codec, error);
}

/* ---- validity ---- */

/* Validity of the next `count` rows of the page, at bit `row` of the run's. */
static enum lam_status read_validity(struct lam_chunk *chunk, int64_t row, size_t count, int64_t *valid,
                                     struct lam_error *error) {
  uint32_t max = (uint32_t)chunk->source.leaf->max_definition;
  *valid = (int64_t)count;
  if (max == 0) return LAM_OK;
  uint8_t *validity = chunk->run.validity->data;
  if (chunk->carry_left) {
    lam_bits_copy(validity, row, chunk->carry.data, chunk->carry_position, (int64_t)count);
    *valid = lam_bits_count(validity, row, (int64_t)count);
    chunk->carry_position += (int64_t)count;
    chunk->carry_left -= (int64_t)count;
    return LAM_OK;
  }
  if (max == 1 && !chunk->levels_unpacked)
    return lam_rle_read_validity(&chunk->levels, validity, row, count, valid, error);
  uint32_t *levels;
  if (chunk->levels_unpacked) {
    levels = (uint32_t *)(void *)chunk->level_values.data + chunk->level_position;
    chunk->level_position += count;
  } else {
    LAM_TRY(lam_buf_reset(&chunk->level_values, count * sizeof *levels, error));
    levels = (uint32_t *)(void *)chunk->level_values.data;
    LAM_TRY(lam_rle_read(&chunk->levels, levels, count, error));
  }
  *valid = lam_levels_to_validity(levels, count, max, validity, row);
  return LAM_OK;
}

/* Of `count` rows whose validity was read, only those before the valid one numbered `got` have had room. The others'
 * validity is kept for the next run; *taken gets the rows that stay. */
static enum lam_status give_back_validity(struct lam_chunk *chunk, int64_t row, size_t count, size_t got, size_t *taken,
                                          struct lam_error *error) {
  *taken = got;
  if (chunk->source.leaf->max_definition == 0) return LAM_OK;
  const uint8_t *validity = chunk->run.validity->data;
  size_t i = 0;
  for (size_t seen = 0; i < count; i++) {
    if (!lam_bit_get(validity, row + (int64_t)i)) continue;
    if (seen++ == got) break;
  }
  *taken = i;
  int64_t left = (int64_t)(count - i);
  if (chunk->carry_left == 0) {
    LAM_TRY(lam_buf_reset(&chunk->carry, (size_t)(left + 7) / 8, error));
    lam_bits_copy(chunk->carry.data, 0, validity, row + (int64_t)i, left);
    chunk->carry_position = 0;
  } else {
    chunk->carry_position -= left; /* they came from there */
  }
  chunk->carry_left += left;
  return LAM_OK;
}

/* Moves `valid` offsets (and the end behind them) apart, in place and from the back; a null is empty. */
static void spread_offsets(int32_t *offsets, const uint8_t *validity, int64_t row, size_t count, size_t valid) {
  size_t from = valid;
  for (size_t i = count; i > 0 && from < i; i--) {
    offsets[i] = offsets[from];
    from -= lam_bit_get(validity, row + (int64_t)i - 1);
  }
}

/* ---- runs ---- */

/* Room for `rows` rows. Buffers that a consumer still holds are left to it. */
enum lam_status lam_chunk_begin_run(struct lam_chunk *chunk, size_t rows, struct lam_error *error) {
  struct lam_run *run = &chunk->run;
  run->rows = run->nulls = run->values.count = 0;
  run->dictionary = run->identity = false;
  if (chunk->class == LAM_VALUES_VIEWS) lam_views_begin_run(chunk);
  if (chunk->source.leaf->max_definition > 0)
    LAM_TRY(lam_shared_renew(chunk->mem, &run->validity, (rows + 7) / 8 + 8, 0, error));
  if (chunk->as_dictionary) LAM_TRY(lam_shared_renew(chunk->mem, &run->indices, rows * sizeof(int32_t), 0, error));
  return LAM_OK;
}

/* Room for the values of at most `rows` rows. Not part of begin_run: runs of the chunk's dictionary have none. */
enum lam_status lam_begin_values(struct lam_chunk *chunk, size_t rows, struct lam_error *error) {
  struct lam_values *values = &chunk->run.values;
  chunk->data_size = 0;
  if (chunk->class == LAM_VALUES_BINARY) {
    LAM_TRY(lam_shared_renew(chunk->mem, &values->offsets, (rows + 1) * sizeof(int32_t), 0, error));
    *(int32_t *)(void *)values->offsets->data = 0;
    return lam_shared_renew(chunk->mem, &values->data, LAM_VALUES_SLACK, 0, error);
  }
  size_t bytes = chunk->class == LAM_VALUES_BITS ? (rows + 7) / 8 + 8 : rows * chunk->width;
  return lam_shared_renew(chunk->mem, &values->data, bytes + 1, 0, error);
}

/* `valid` dense values of the page behind the first `at` of the run. */
enum lam_status lam_read_dense(struct lam_chunk *chunk, size_t at, size_t valid, size_t max_bytes, size_t *got,
                               struct lam_error *error) {
  *got = valid;
  bool indices = chunk->page.encoding == LAM_RLE_DICTIONARY;
  if (chunk->class == LAM_VALUES_BITS)
    return lam_read_bits(chunk, chunk->run.values.data->data, (int64_t)at, valid, error);
  if (chunk->class == LAM_VALUES_VIEWS && !indices) return lam_read_views(chunk, at, valid, max_bytes, got, error);
  if (chunk->class == LAM_VALUES_FIXED || chunk->class == LAM_VALUES_VIEWS)
    return indices ? lam_gather_fixed(chunk, at, valid, error) : lam_read_fixed(chunk, at, valid, error);
  return indices ? lam_gather_binary(chunk, at, valid, max_bytes, got, error)
                 : lam_read_binary(chunk, at, valid, max_bytes, got, error);
}

/* Booleans behind nulls: there are no gaps of bytes to move, so each bit is placed. */
static void spread_bits(uint8_t *bits, const uint8_t *validity, int64_t row, size_t count, size_t valid) {
  for (size_t i = count, from = valid; i > 0; i--) {
    int64_t to = row + (int64_t)i - 1;
    bool value = lam_bit_get(validity, to);
    if (value) value = lam_bit_get(bits, row + (int64_t)--from);
    lam_bits_fill(bits, to, 1, value);
  }
}

void lam_spread_run(struct lam_chunk *chunk, size_t row, size_t count, size_t valid) {
  struct lam_run *run = &chunk->run;
  if (valid == count) return;
  const uint8_t *validity = run->validity->data;
  if (chunk->as_dictionary)
    lam_spread(run->indices->data + row * 4, 4, validity, (int64_t)row, count, valid);
  else if (chunk->class == LAM_VALUES_BINARY)
    spread_offsets((int32_t *)(void *)run->values.offsets->data + row, validity, (int64_t)row, count, valid);
  else if (chunk->class == LAM_VALUES_BITS)
    spread_bits(run->values.data->data, validity, (int64_t)row, count, valid);
  else
    lam_spread(run->values.data->data + row * chunk->width, chunk->width, validity, (int64_t)row, count, valid);
}

/* Decodes `count` rows of the page behind the run's; *taken is less where the run has no more room. */
enum lam_status lam_chunk_read_rows(struct lam_chunk *chunk, size_t count, size_t max_bytes, size_t *taken,
                                    struct lam_error *error) {
  struct lam_run *run = &chunk->run;
  size_t row = (size_t)run->rows, got;
  int64_t valid;
  LAM_TRY(read_validity(chunk, run->rows, count, &valid, error));
  LAM_CHECK(valid == 0 || chunk->page.bytes.size > 0, error,
            "page at byte %" PRIu64 ": no values, where %" PRId64 " rows have one", chunk->page_offset, valid);
  got = (size_t)valid;
  if (valid == 0 && !chunk->as_dictionary && chunk->class == LAM_VALUES_BINARY) {
    /* The offset that nulls repeat is there already. */
  } else if (run->dictionary) {
    LAM_TRY(lam_read_indices(chunk, row, (size_t)valid, error));
  } else if (valid > 0) {
    size_t at = chunk->as_dictionary ? (size_t)run->values.count : row;
    LAM_TRY(lam_read_dense(chunk, at, (size_t)valid, max_bytes, &got, error));
  }
  *taken = count;
  if (got < (size_t)valid) LAM_TRY(give_back_validity(chunk, run->rows, count, got, taken, error));
  if (run->identity) {
    int32_t *indices = (int32_t *)(void *)run->indices->data + row;
    for (size_t i = 0; i < got; i++) indices[i] = (int32_t)(run->values.count + (int64_t)i);
  }
  if (got < *taken) lam_spread_run(chunk, row, *taken, got);
  run->values.count += (int64_t)got;
  run->nulls += (int64_t)(*taken - got);
  run->rows += (int64_t)*taken;
  chunk->page_left -= (int64_t)*taken;
  chunk->rows_left -= (int64_t)*taken;
  return LAM_OK;
}

/* Settles the form of the run by its first page; false where the run cannot go on with this page. */
enum lam_status lam_chunk_join_page(struct lam_chunk *chunk, size_t rows, size_t max_bytes, bool *joined,
                                    struct lam_error *error) {
  struct lam_run *run = &chunk->run;
  bool dictionary = chunk->as_dictionary && chunk->page.encoding == LAM_RLE_DICTIONARY;
  *joined = run->rows == 0 || run->dictionary == dictionary;
  if (run->rows == 0) {
    run->dictionary = dictionary;
    run->identity = chunk->as_dictionary && !dictionary;
    if (!dictionary) LAM_TRY(lam_begin_values(chunk, rows, error));
  }
  if (chunk->class == LAM_VALUES_VIEWS) *joined = lam_views_join(chunk, max_bytes);
  return LAM_OK;
}

static enum lam_status read_range(struct lam_chunk *chunk, struct lam_codec_state *codec, const struct lam_range *range,
                                  size_t ranges, size_t max_rows, size_t max_bytes, bool *full,
                                  struct lam_error *error) {
  struct lam_run *run = &chunk->run;
  int64_t left = range->end - lam_chunk_position(chunk);
  while (left > 0 && !*full) {
    bool joined;
    size_t taken = 0;
    LAM_TRY(lam_chunk_next_rows(chunk, range, ranges, codec, error));
    LAM_TRY(lam_chunk_join_page(chunk, max_rows, max_bytes, &joined, error));
    if (!joined) {
      *full = true;
      break;
    }
    int64_t count = lam_min_i64(lam_min_i64(left, (int64_t)max_rows - run->rows), chunk->page_left);
    if (chunk->carry_left) count = lam_min_i64(count, chunk->carry_left);
    LAM_TRY(lam_chunk_read_rows(chunk, (size_t)count, max_bytes, &taken, error));
    *full = (int64_t)taken < count || (size_t)run->rows == max_rows;
    left -= (int64_t)taken;
  }
  return LAM_OK;
}

static enum lam_status fill_run(struct lam_chunk *chunk, struct lam_codec_state *codec, const struct lam_range *rows,
                                size_t count, size_t max_rows, size_t max_bytes, struct lam_error *error) {
  bool full = false;
  LAM_TRY(lam_chunk_begin_run(chunk, max_rows, error));
  for (size_t i = 0; i < count && !full; i++) {
    int64_t position = lam_chunk_position(chunk);
    if (rows[i].end <= position) continue;
    if (rows[i].first > position) LAM_TRY(lam_chunk_skip(chunk, rows[i].first - position, error));
    LAM_TRY(read_range(chunk, codec, rows + i, count - i, max_rows, max_bytes, &full, error));
  }
  return LAM_OK;
}

size_t lam_chunk_most_rows(const struct lam_chunk *chunk, size_t max_bytes) {
  size_t width = chunk->class == LAM_VALUES_FIXED && !chunk->as_dictionary ? chunk->width : sizeof(int32_t);
  if (chunk->class == LAM_VALUES_VIEWS) width = LAM_VIEW_BYTES;
  size_t most = width ? max_bytes / width : max_bytes;
  return most ? most : 1;
}

enum lam_status lam_chunk_fail(const struct lam_chunk *chunk, enum lam_status status, struct lam_error *error) {
  if (status == LAM_OK || status == LAM_CANCELLED) return status;
  return lam_fail_in(error, status, "from row %" PRId64 " on", lam_chunk_position(chunk));
}

enum lam_status lam_chunk_read_ranges(struct lam_chunk *chunk, struct lam_codec_state *codec,
                                      const struct lam_range *rows, size_t count, int64_t max_rows, size_t max_bytes,
                                      struct lam_error *error) {
  if (chunk->nested) return lam_nested_read(chunk, codec, rows, count, max_rows, max_bytes, error);
  int64_t first = lam_chunk_position(chunk), left = 0;
  for (size_t i = 0; i < count && left < max_rows; i++)
    left += lam_max_i64(0, rows[i].end - lam_max_i64(rows[i].first, first));
  assert(left > 0 && max_rows > 0 && (count == 0 || rows[count - 1].end <= chunk->source.values));
  size_t most_rows = (size_t)lam_min_i64(max_rows, left);
  if (max_bytes > INT32_MAX) max_bytes = INT32_MAX;
  size_t most = lam_chunk_most_rows(chunk, max_bytes);
  if (most_rows > most) most_rows = most;
  return lam_chunk_fail(chunk, fill_run(chunk, codec, rows, count, most_rows, max_bytes, error), error);
}

enum lam_status lam_chunk_read(struct lam_chunk *chunk, struct lam_codec_state *codec, int64_t max_rows,
                               size_t max_bytes, struct lam_error *error) {
  struct lam_range rest = {lam_chunk_position(chunk), chunk->nested ? chunk->source.rows : chunk->source.values};
  return lam_chunk_read_ranges(chunk, codec, &rest, 1, max_rows, max_bytes, error);
}
