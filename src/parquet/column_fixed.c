/* Values of a fixed width: integers, floats, decimals, INT96, FIXED_LEN_BYTE_ARRAY; and booleans. */
#include <inttypes.h>

#include "parquet/chunk.h"

enum { STEP = 4096 }; /* values decoded to scratch memory at once, so that they stay in the cache */

static enum lam_status read_plain(struct lam_page_values *page, size_t width, size_t count, uint8_t *to,
                                  struct lam_error *error) {
  size_t whole = width ? page->bytes.size / width : SIZE_MAX;
  LAM_CHECK(count <= whole - page->position, error, "the page has %zu values of %zu bytes; expected %zu more", whole,
            width, count - (whole - page->position));
  lam_copy(to, page->bytes.data + page->position * width, count * width);
  page->position += count;
  return LAM_OK;
}

static enum lam_status read_split(struct lam_page_values *page, size_t width, size_t count, uint8_t *to,
                                  struct lam_error *error) {
  LAM_CHECK(width > 0 && page->bytes.size % width == 0, error,
            "a byte-stream-split page of %zu bytes; expected a multiple of %zu", page->bytes.size, width);
  size_t whole = page->bytes.size / width;
  LAM_CHECK(count <= whole - page->position, error, "the page has %zu values of %zu bytes; expected %zu more", whole,
            width, count - (whole - page->position));
  lam_split_read(page->bytes.data, whole, width, page->position, count, to);
  page->position += count;
  return LAM_OK;
}

/* DELTA_BYTE_ARRAY of FIXED_LEN_BYTE_ARRAY: all lengths are to be the type's. */
static enum lam_status read_strings(struct lam_chunk *chunk, size_t width, size_t count, uint8_t *to,
                                    struct lam_error *error) {
  LAM_TRY(lam_buf_reset(&chunk->lengths, (STEP + 1) * sizeof(int32_t), error));
  int32_t *offsets = (int32_t *)(void *)chunk->lengths.data;
  while (count > 0) {
    struct lam_buf *bytes = &chunk->scratch;
    size_t got, step = count < STEP ? count : STEP;
    bytes->size = 0;
    LAM_TRY(lam_strings_read(&chunk->strings, step, INT32_MAX, offsets, bytes, &got, error));
    for (size_t i = 0; i < got; i++)
      LAM_CHECK((size_t)(offsets[i + 1] - offsets[i]) == width, error,
                "a value of %" PRId32 " bytes in a column of %zu bytes each", offsets[i + 1] - offsets[i], width);
    lam_copy(to, bytes->data, got * width);
    to += got * width;
    count -= got;
  }
  return LAM_OK;
}

/* BYTE_ARRAY decimals: the bytes of a value are its number. */
static enum lam_status read_decimals(struct lam_chunk *chunk, size_t count, uint8_t *to, struct lam_error *error) {
  LAM_TRY(lam_buf_reset(&chunk->lengths, (STEP + 1) * sizeof(int32_t), error));
  int32_t *offsets = (int32_t *)(void *)chunk->lengths.data;
  while (count > 0) {
    size_t got, step = count < STEP ? count : STEP;
    chunk->scratch.size = 0;
    LAM_TRY(lam_strings_read(&chunk->strings, step, INT32_MAX, offsets, &chunk->scratch, &got, error));
    LAM_TRY(lam_convert_bytes(chunk->source.leaf, chunk->scratch.data, offsets, got, to, error));
    to += got * chunk->width;
    count -= got;
  }
  return LAM_OK;
}

/* `count` physical values as the file has them. */
static enum lam_status read_physical(struct lam_chunk *chunk, size_t count, uint8_t *to, struct lam_error *error) {
  struct lam_page_values *page = &chunk->page;
  size_t width = (size_t)chunk->source.leaf->width;
  switch (page->encoding) {
    case LAM_PLAIN: return read_plain(page, width, count, to, error);
    case LAM_BYTE_STREAM_SPLIT: return read_split(page, width, count, to, error);
    case LAM_DELTA_BINARY_PACKED:
      if (width == 4) return lam_delta_read32(&page->delta, (int32_t *)(void *)to, count, error);
      return lam_delta_read64(&page->delta, (int64_t *)(void *)to, count, error);
    case LAM_ALP: return lam_alp_read(&page->alp, to, count, error);
    default: return read_strings(chunk, width, count, to, error);
  }
}

enum lam_status lam_read_fixed(struct lam_chunk *chunk, size_t at, size_t count, struct lam_error *error) {
  const struct lam_leaf *leaf = chunk->source.leaf;
  uint8_t *to = chunk->run.values.data->data + at * chunk->width;
  if (leaf->physical == LAM_BYTE_ARRAY) return read_decimals(chunk, count, to, error);
  if (leaf->conversion == LAM_AS_IS) return read_physical(chunk, count, to, error);
  size_t width = (size_t)leaf->width;
  /* PLAIN values are converted where they lie. */
  if (chunk->page.encoding == LAM_PLAIN && width > 0) {
    struct lam_page_values *page = &chunk->page;
    size_t whole = page->bytes.size / width;
    LAM_CHECK(count <= whole - page->position, error, "the page has %zu values of %zu bytes; expected %zu more", whole,
              width, count - (whole - page->position));
    const uint8_t *from = page->bytes.data + page->position * width;
    page->position += count;
    return lam_convert_fixed(leaf, from, count, to, error);
  }
  for (size_t step; count > 0; count -= step, to += step * chunk->width) {
    step = count < STEP ? count : STEP;
    LAM_TRY(lam_buf_reset(&chunk->staging, STEP * width, error));
    LAM_TRY(read_physical(chunk, step, chunk->staging.data, error));
    LAM_TRY(lam_convert_fixed(leaf, chunk->staging.data, step, to, error));
  }
  return LAM_OK;
}

enum lam_status lam_read_bits(struct lam_chunk *chunk, uint8_t *bits, int64_t at, size_t count,
                              struct lam_error *error) {
  struct lam_page_values *page = &chunk->page;
  if (page->encoding == LAM_RLE) {
    int64_t set;
    return lam_rle_read_validity(&page->rle, bits, at, count, &set, error);
  }
  size_t whole = page->bytes.size > SIZE_MAX / 8 ? SIZE_MAX : page->bytes.size * 8;
  LAM_CHECK(count <= whole - page->position, error, "the page has %zu bits; expected %zu more", whole,
            count - (whole - page->position));
  lam_bits_copy(bits, at, page->bytes.data, (int64_t)page->position, (int64_t)count);
  page->position += count;
  return LAM_OK;
}
