#include "page_support.h"

enum { PAGES = 20 };

/* Page i has i * 37 bytes of the value i. */
static void put_pages(struct lam_buf *chunk) {
  uint8_t payload[PAGES * 37];
  for (int i = 0; i < PAGES; i++) {
    memset(payload, i, (size_t)i * 37);
    struct lam_page_header header = {.kind = LAM_DATA_PAGE, .values = i, .encoding = LAM_PLAIN};
    put_page(chunk, header, lam_bytes_of(payload, (size_t)i * 37));
  }
}

static void check_pages(struct page_fixture *f, const struct lam_byte_source *source, uint64_t size, size_t window) {
  struct lam_page_stream stream;
  lam_page_stream_init(&stream, f->mem);
  lam_page_stream_begin(&stream, source, 0, size, 0, window, true);
  for (int i = 0;; i++) {
    struct lam_page page;
    struct lam_bytes payload;
    bool more;
    assert_int_equal(lam_page_stream_next(&stream, &page, &payload, &more, NULL), LAM_OK);
    assert_int_equal(more, i < PAGES);
    if (!more) break;
    assert_int_equal(page.header.values, i);
    assert_int_equal(payload.size, i * 37);
    for (size_t k = 0; k < payload.size; k++) assert_int_equal(payload.data[k], i);
  }
  /* The window grew for the largest page, not for the chunk. */
  assert_true(stream.window.capacity < window + 2 * PAGES * 37);
  lam_page_stream_release(&stream);
}

static void windows_of_any_size_give_the_same_pages(void **state) {
  (void)state;
  struct page_fixture f;
  page_fixture_begin(&f, 64 << 20);
  struct lam_buf bytes = {.mem = f.mem};
  put_pages(&bytes);
  for (size_t window = 1; window < 3000; window = window * 2 + 3) {
    struct lam_byte_source source = {.read = read_from_buf, .user = &bytes};
    check_pages(&f, &source, bytes.size, window);
  }
  struct lam_byte_source resident = {.resident = lam_bytes_of(bytes.data, bytes.size)};
  check_pages(&f, &resident, bytes.size, 1);
  lam_buf_release(&bytes);
  page_fixture_end(&f);
}

/* Payloads that are kept stay as they are while the stream goes on, whichever way they were. */
static void kept_payloads_stay(void **state) {
  (void)state;
  struct page_fixture f;
  page_fixture_begin(&f, 64 << 20);
  struct lam_buf bytes = {.mem = f.mem};
  put_pages(&bytes);
  for (size_t window = 1; window < 3000; window = window * 2 + 3) {
    struct lam_byte_source source = {.read = read_from_buf, .user = &bytes};
    if (window > 2000) source.resident = lam_bytes_of(bytes.data, bytes.size);
    struct lam_buf keep[PAGES];
    struct lam_bytes payloads[PAGES];
    struct lam_page_stream stream;
    struct lam_page page;
    bool more;
    lam_page_stream_init(&stream, f.mem);
    lam_page_stream_begin(&stream, &source, 0, bytes.size, 0, window, true);
    for (int i = 0; i < PAGES; i++) {
      lam_buf_init(&keep[i], f.mem);
      assert_int_equal(lam_page_stream_header(&stream, &page, &more, NULL), LAM_OK);
      assert_int_equal(lam_page_stream_keep(&stream, &page, &keep[i], &payloads[i], NULL), LAM_OK);
      assert_int_equal(stream.next, page.offset + page.header_size + (size_t)i * 37);
    }
    for (int i = 0; i < PAGES; i++) {
      assert_int_equal(payloads[i].size, i * 37);
      for (size_t k = 0; k < payloads[i].size; k++) assert_int_equal(payloads[i].data[k], i);
      lam_buf_release(&keep[i]);
    }
    lam_page_stream_release(&stream);
  }
  lam_buf_release(&bytes);
  page_fixture_end(&f);
}

static enum lam_status read_all(struct page_fixture *f, const struct lam_buf *bytes, uint64_t size, uint64_t slack,
                                struct lam_error *error) {
  struct lam_page_stream stream;
  struct lam_byte_source source = {.read = read_from_buf, .user = bytes};
  lam_page_stream_init(&stream, f->mem);
  lam_page_stream_begin(&stream, &source, 0, size, slack, 100, true);
  enum lam_status status = LAM_OK;
  for (bool more = true; more && status == LAM_OK;) {
    struct lam_page page;
    struct lam_bytes payload;
    status = lam_page_stream_next(&stream, &page, &payload, &more, error);
  }
  lam_page_stream_release(&stream);
  return status;
}

static void damage_and_cuts_are_found(void **state) {
  (void)state;
  struct page_fixture f;
  page_fixture_begin(&f, 64 << 20);
  struct lam_buf bytes = {.mem = f.mem};
  struct lam_error error = LAM_ERROR_INIT;
  put_pages(&bytes);
  assert_int_equal(read_all(&f, &bytes, bytes.size - 15, 0, &error), LAM_CORRUPT);
  assert_non_null(strstr(error.message, "do not fit the chunk"));
  assert_int_equal(read_all(&f, &bytes, bytes.size - 15, 15, NULL), LAM_OK); /* PARQUET-816 */
  bytes.data[bytes.size - 1] ^= 1;
  assert_int_equal(read_all(&f, &bytes, bytes.size, 0, &error), LAM_CORRUPT);
  assert_non_null(strstr(error.message, "its checksum is"));
  lam_buf_release(&bytes);
  page_fixture_end(&f);
}

static void a_page_claims_no_more_than_its_codec_can_make(void **state) {
  (void)state;
  static const struct {
    enum lam_codec codec;
    int32_t claimed;
  } cases[] = {{LAM_UNCOMPRESSED, 11}, {LAM_SNAPPY, 1000}, {LAM_LZ4_RAW, 4000}, {LAM_GZIP, 20000}};
  struct page_fixture f;
  page_fixture_begin(&f, 1 << 20);
  for (size_t i = 0; i < 4; i++) {
    uint8_t payload[10] = {0};
    struct lam_buf buffer = {.mem = f.mem};
    struct lam_page_parts parts;
    struct lam_page page = {.header = {.kind = LAM_DATA_PAGE, .uncompressed_size = cases[i].claimed, .values = 1}};
    assert_int_equal(
        lam_page_split(&page, lam_bytes_of(payload, 10), cases[i].codec, &f.codec, 0, 0, &buffer, &parts, NULL),
        LAM_CORRUPT);
    assert_int_equal(buffer.capacity, 0);
    lam_buf_release(&buffer);
  }
  page_fixture_end(&f);
}

static void levels_are_split_from_values(void **state) {
  (void)state;
  static const uint8_t v1[] = {2, 0, 0, 0, 0xaa, 0xbb, 1, 2, 3}, v2[] = {0xcc, 0xaa, 0xbb, 1, 2, 3};
  struct page_fixture f;
  page_fixture_begin(&f, 1 << 20);
  struct lam_buf buffer = {.mem = f.mem};
  struct lam_page_parts parts;
  struct lam_page page = {
      .header = {.kind = LAM_DATA_PAGE, .uncompressed_size = sizeof v1, .values = 3, .definition_encoding = LAM_RLE}};
  struct lam_bytes payload = lam_bytes_of(v1, sizeof v1);
  assert_int_equal(lam_page_split(&page, payload, LAM_UNCOMPRESSED, &f.codec, 0, 1, &buffer, &parts, NULL), LAM_OK);
  assert_int_equal(parts.definition.size, 2);
  assert_int_equal(parts.definition.data[0], 0xaa);
  assert_int_equal(parts.values.size, 3);
  payload.size = 5; /* the levels pass the end */
  page.header.uncompressed_size = 5;
  assert_int_equal(lam_page_split(&page, payload, LAM_UNCOMPRESSED, &f.codec, 0, 1, &buffer, &parts, NULL),
                   LAM_CORRUPT);
  page.header = (struct lam_page_header){.kind = LAM_DATA_PAGE_V2,
                                         .uncompressed_size = sizeof v2,
                                         .values = 3,
                                         .repetition_size = 1,
                                         .definition_size = 2};
  payload = lam_bytes_of(v2, sizeof v2);
  assert_int_equal(lam_page_split(&page, payload, LAM_SNAPPY, &f.codec, 1, 1, &buffer, &parts, NULL), LAM_OK);
  assert_int_equal(parts.repetition.data[0], 0xcc);
  assert_int_equal(parts.definition.data[1], 0xbb);
  assert_int_equal(parts.values.size, 3);
  page.header.definition_size = 6;
  assert_int_equal(lam_page_split(&page, payload, LAM_SNAPPY, &f.codec, 1, 1, &buffer, &parts, NULL), LAM_CORRUPT);
  lam_buf_release(&buffer);
  page_fixture_end(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(windows_of_any_size_give_the_same_pages),
      cmocka_unit_test(kept_payloads_stay),
      cmocka_unit_test(damage_and_cuts_are_found),
      cmocka_unit_test(a_page_claims_no_more_than_its_codec_can_make),
      cmocka_unit_test(levels_are_split_from_values),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
