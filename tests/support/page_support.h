/* Chunks made by hand for the tests of reading: pages V1 of nullable or required values, not compressed. */
#ifndef LAM_TESTS_PAGE_SUPPORT_H
#define LAM_TESTS_PAGE_SUPPORT_H

#include <assert.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/checksum.h"
#include "parquet/chunk.h"

struct page_fixture {
  struct lam_context *context;
  struct lam_mem *mem;
  struct lam_codec_state codec;
};

static inline void page_fixture_begin(struct page_fixture *f, uint64_t memory_limit) {
  struct lam_context_options options = LAM_CONTEXT_OPTIONS_INIT;
  options.threads = 1;
  options.memory_limit = memory_limit;
  assert_int_equal(lam_context_create(&options, &f->context, NULL), LAM_OK);
  assert_int_equal(lam_mem_open(f->context, 0, &f->mem, NULL), LAM_OK);
  lam_codec_init(&f->codec, f->mem);
}

static inline void page_fixture_end(struct page_fixture *f) {
  lam_codec_release(&f->codec);
  assert_int_equal(lam_mem_used(f->mem), 0);
  lam_mem_close(f->mem);
  lam_context_free(f->context);
}

/* Appends header and payload; sizes and the checksum are filled in. */
static inline void put_page(struct lam_buf *chunk, struct lam_page_header header, struct lam_bytes payload) {
  header.uncompressed_size = header.compressed_size = (int32_t)payload.size;
  header.has_crc = true;
  header.crc = lam_crc32(0, payload.data, payload.size);
  header.definition_encoding = header.repetition_encoding = LAM_RLE;
  header.compressed = true;
  header.statistics = (struct lam_statistics){.null_count = -1, .distinct_count = -1, .nan_count = -1};
  assert_int_equal(lam_page_header_write(&header, chunk, NULL), LAM_OK);
  assert_int_equal(lam_buf_append(chunk, payload.data, payload.size, NULL), LAM_OK);
}

/* A data page of `count` rows; `levels` of 0 and 1, or NULL for required values. */
static inline void put_data_page(struct lam_buf *chunk, enum lam_encoding encoding, const uint32_t *levels,
                                 size_t count, struct lam_bytes values) {
  struct lam_buf payload = {.mem = chunk->mem};
  if (levels) {
    uint32_t size = 0;
    assert_int_equal(lam_buf_append(&payload, &size, 4, NULL), LAM_OK);
    assert_int_equal(lam_rle_write(levels, count, 1, &payload, NULL), LAM_OK);
    lam_store32(payload.data, (uint32_t)payload.size - 4);
  }
  assert_int_equal(lam_buf_append(&payload, values.data, values.size, NULL), LAM_OK);
  struct lam_page_header header = {.kind = LAM_DATA_PAGE, .values = (int32_t)count, .encoding = encoding};
  put_page(chunk, header, lam_bytes_of(payload.data, payload.size));
  lam_buf_release(&payload);
}

/* Indices of a width of 8 bits. */
static inline void put_index_page(struct lam_buf *chunk, const uint32_t *levels, size_t count, const uint32_t *indices,
                                  size_t valid) {
  struct lam_buf values = {.mem = chunk->mem};
  uint8_t width = 8;
  assert_int_equal(lam_buf_append(&values, &width, 1, NULL), LAM_OK);
  assert_int_equal(lam_rle_write(indices, valid, width, &values, NULL), LAM_OK);
  put_data_page(chunk, LAM_RLE_DICTIONARY, levels, count, lam_bytes_of(values.data, values.size));
  lam_buf_release(&values);
}

static inline void put_dictionary(struct lam_buf *chunk, size_t count, struct lam_bytes values) {
  struct lam_page_header header = {.kind = LAM_DICTIONARY_PAGE, .values = (int32_t)count, .encoding = LAM_PLAIN};
  put_page(chunk, header, values);
}

static inline enum lam_status read_from_buf(const void *user, uint64_t offset, void *to, size_t size,
                                            struct lam_error *error) {
  const struct lam_buf *buf = user;
  (void)error;
  assert_true(offset + size <= buf->size);
  lam_copy(to, buf->data + offset, size);
  return LAM_OK;
}

static inline struct lam_chunk_source source_of(const struct lam_buf *chunk, const struct lam_leaf *leaf,
                                                int64_t values) {
  return (struct lam_chunk_source){.bytes = {.read = read_from_buf, .user = chunk},
                                   .size = chunk->size,
                                   .window = 64,
                                   .leaf = leaf,
                                   .values = values,
                                   .checksums = true};
}

#endif
