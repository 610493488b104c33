#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "meta_support.h"

#include "parquet/thrift.h"

static struct lam_page_header data_page(void) {
  return (struct lam_page_header){.kind = LAM_DATA_PAGE,
                                  .uncompressed_size = 1000,
                                  .compressed_size = 400,
                                  .has_crc = true,
                                  .crc = 0xdeadbeef,
                                  .values = 120,
                                  .encoding = LAM_RLE_DICTIONARY,
                                  .definition_encoding = LAM_RLE,
                                  .repetition_encoding = LAM_BIT_PACKED,
                                  .compressed = true,
                                  .statistics = lam_statistics_none()};
}

static void check_round_trip(struct fixture *fixture, const struct lam_page_header *header) {
  struct lam_buf buf;
  struct lam_page_header got;
  size_t size;
  lam_buf_init(&buf, fixture->mem);
  OK(lam_page_header_write(header, &buf, &error));
  size_t whole = buf.size;
  OK(lam_buf_append(&buf, "behind", 6, &error)); /* the page */
  OK(lam_page_header_parse(lam_bytes_of(buf.data, buf.size), &got, &size, &error));
  assert_int_equal(size, whole);
  assert_int_equal(got.kind, header->kind);
  assert_int_equal(got.uncompressed_size, header->uncompressed_size);
  assert_int_equal(got.compressed_size, header->compressed_size);
  assert_int_equal(got.has_crc, header->has_crc);
  assert_int_equal(got.crc, header->crc);
  assert_int_equal(got.values, header->values);
  assert_int_equal(got.encoding, header->encoding);
  assert_int_equal(got.nulls, header->nulls);
  assert_int_equal(got.rows, header->rows);
  assert_int_equal(got.definition_size, header->definition_size);
  assert_int_equal(got.repetition_size, header->repetition_size);
  assert_int_equal(got.compressed, header->compressed);
  assert_int_equal(got.sorted, header->sorted);
  assert_true(lam_bytes_equal(got.statistics.min, header->statistics.min));
  assert_int_equal(got.statistics.null_count, header->statistics.null_count);
  for (size_t cut = 0; cut < whole; cut++) { /* told to be incomplete, wherever it is cut */
    uint8_t *copy = malloc(cut ? cut : 1);
    lam_copy(copy, buf.data, cut);
    size = 1;
    OK(lam_page_header_parse(lam_bytes_of(copy, cut), &got, &size, &error));
    assert_int_equal(size, 0);
    free(copy);
  }
  lam_buf_release(&buf);
}

static void round_trips(void **state) {
  (void)state;
  struct fixture fixture;
  fixture_begin(&fixture);
  struct lam_page_header header = data_page();
  check_round_trip(&fixture, &header);
  header.has_crc = false;
  header.crc = 0;
  header.statistics.min = lam_bytes_of_string("a");
  header.statistics.max = lam_bytes_of_string("zz");
  header.statistics.null_count = 3;
  check_round_trip(&fixture, &header);
  header = (struct lam_page_header){.kind = LAM_DICTIONARY_PAGE,
                                    .uncompressed_size = 5,
                                    .compressed_size = 5,
                                    .values = 3,
                                    .encoding = LAM_PLAIN,
                                    .sorted = true,
                                    .compressed = true,
                                    .statistics = lam_statistics_none()};
  check_round_trip(&fixture, &header);
  header = (struct lam_page_header){.kind = LAM_DATA_PAGE_V2,
                                    .uncompressed_size = 500,
                                    .compressed_size = 70,
                                    .values = 10,
                                    .nulls = 4,
                                    .rows = 10,
                                    .encoding = LAM_DELTA_BINARY_PACKED,
                                    .definition_size = 6,
                                    .repetition_size = 0,
                                    .compressed = false,
                                    .statistics = lam_statistics_none()};
  check_round_trip(&fixture, &header);
  header = (struct lam_page_header){
      .kind = LAM_INDEX_PAGE, .compressed_size = 9, .compressed = true, .statistics = lam_statistics_none()};
  check_round_trip(&fixture, &header);
  fixture_end(&fixture);
}

static void refuses(void **state) {
  (void)state;
  struct fixture fixture;
  struct lam_buf buf;
  struct lam_page_header got, bad[] = {data_page(), data_page(), data_page(), data_page(), data_page()};
  static const char *const messages[] = {"-1 bytes", "400 compressed", "-5 values", "11 nulls", "bytes of levels"};
  size_t size;
  fixture_begin(&fixture);
  lam_buf_init(&buf, fixture.mem);
  bad[0].uncompressed_size = -1;
  bad[1].uncompressed_size = INT32_MIN;
  bad[2].values = -5;
  bad[3].kind = bad[4].kind = LAM_DATA_PAGE_V2;
  bad[3].values = 10;
  bad[3].nulls = 11;
  bad[4].definition_size = INT32_MAX;
  bad[4].repetition_size = INT32_MAX;
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    buf.size = 0;
    OK(lam_page_header_write(&bad[i], &buf, &error));
    FAILS(lam_page_header_parse(lam_bytes_of(buf.data, buf.size), &got, &size, &error), LAM_CORRUPT, messages[i]);
    assert_int_equal(size, 0);
  }
  FAILS(lam_page_header_parse(lam_bytes_of("\x00", 1), &got, &size, &error), LAM_CORRUPT, "lacks the page's type");
  FAILS(lam_page_header_parse(lam_bytes_of("\x15\x00\x15\x02\x15\x02\x00", 7), &got, &size, &error), LAM_CORRUPT,
        "lacks the header of that type");
  FAILS(lam_page_header_parse(lam_bytes_of("\x25\x00\x00", 3), &got, &size, &error), LAM_CORRUPT,
        "does not begin with the page's type");
  FAILS(lam_page_header_parse(lam_bytes_of("\x15\x00\x15\x02\x15\x02\x2c\x15\x02\x00\x00", 11), &got, &size, &error),
        LAM_CORRUPT, "required field 2 is missing");
  lam_buf_release(&buf);
  fixture_end(&fixture);
}

/* Two pages with a field that we do not know in the second, and the second field of the index. */
static void moves_offset_indexes(void **state) {
  (void)state;
  struct fixture fixture;
  struct lam_buf buf, moved;
  fixture_begin(&fixture);
  lam_buf_init(&buf, fixture.mem);
  lam_buf_init(&moved, fixture.mem);
  for (int pass = 0; pass < 2; pass++) {
    struct lam_thrift_out out = lam_thrift_to(pass ? &moved : &buf, NULL);
    int64_t delta = pass ? 5000000000 : 0;
    lam_thrift_put_list(&out, 1, LAM_THRIFT_STRUCT, 2);
    for (int i = 0; i < 2; i++) {
      int16_t outer = lam_thrift_begin(&out, 0);
      lam_thrift_put_i64(&out, 1, 4 + 100 * i + delta);
      lam_thrift_put_i32(&out, 2, 100);
      lam_thrift_put_i64(&out, 3, 10 * i);
      if (i) lam_thrift_put_binary(&out, 9, lam_bytes_of_string("new"));
      lam_thrift_end(&out, outer);
    }
    lam_thrift_put_list(&out, 2, LAM_THRIFT_I64, 2);
    lam_thrift_put_varint(&out, 8);
    lam_thrift_put_varint(&out, 9);
    lam_thrift_end(&out, 0);
    assert_int_equal(out.status, LAM_OK);
  }
  struct lam_buf got;
  lam_buf_init(&got, fixture.mem);
  OK(lam_offset_index_move(lam_bytes_of(buf.data, buf.size), 5000000000, &got, &error));
  assert_int_equal(got.size, moved.size);
  assert_memory_equal(got.data, moved.data, moved.size);
  FAILS(lam_offset_index_move(lam_bytes_of(buf.data, buf.size), -5, &got, &error), LAM_CORRUPT, "after it was moved");
  FAILS(lam_offset_index_move(lam_bytes_of(buf.data, buf.size - 1), 0, &got, &error), LAM_CORRUPT, "ends too early");
  assert_int_equal(got.size, moved.size); /* nothing is left of what failed */
  lam_buf_release(&got);
  lam_buf_release(&buf);
  lam_buf_release(&moved);
  fixture_end(&fixture);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(round_trips), cmocka_unit_test(refuses),
                                     cmocka_unit_test(moves_offset_indexes)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
