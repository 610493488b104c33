#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "meta_support.h"

#include "parquet/thrift.h"

static struct lam_thrift of(const void *bytes, size_t size, struct lam_error *error) {
  return lam_thrift_of(lam_bytes_of(bytes, size), "test", error);
}

static void integers(void **state) {
  (void)state;
  static const struct {
    const char *bytes;
    size_t size;
    int64_t value;
  } cases[] = {
      {"\x00", 1, 0},
      {"\x01", 1, -1},
      {"\x02", 1, 1},
      {"\x7f", 1, -64},
      {"\x80\x01", 2, 64},
      {"\xfe\xff\xff\xff\x0f", 5, INT32_MAX},
      {"\xff\xff\xff\xff\x0f", 5, INT32_MIN},
      {"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10, INT64_MAX},
      {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10, INT64_MIN},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct lam_thrift in = of(cases[i].bytes, cases[i].size, NULL);
    int64_t value = 7;
    assert_int_equal(lam_thrift_i64(&in, (struct lam_thrift_field){1, LAM_THRIFT_I64}, &value), LAM_OK);
    assert_true(value == cases[i].value);
    assert_int_equal(lam_thrift_left(&in), 0);
    for (size_t cut = 0; cut < cases[i].size; cut++) {
      in = of(cases[i].bytes, cut, NULL);
      assert_int_equal(lam_thrift_i64(&in, (struct lam_thrift_field){1, LAM_THRIFT_I64}, &value), LAM_CORRUPT);
      assert_true(in.ended);
    }
  }
}

static void refusals(void **state) {
  (void)state;
  struct lam_thrift in;
  uint64_t value;
  int32_t narrow;
  uint32_t count;
  struct lam_bytes bytes;
  struct lam_thrift_field number = {3, LAM_THRIFT_I64}, list = {3, LAM_THRIFT_LIST};
  FAILS((in = of("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 11, &error), lam_thrift_varint(&in, &value)),
        LAM_CORRUPT, "more than 64 bits");
  FAILS((in = of("\x80\x80\x80\x80\x10", 5, &error), lam_thrift_i32(&in, number, &narrow)), LAM_CORRUPT,
        "does not fit in 32 bits");
  FAILS((in = of("\x00", 1, &error), lam_thrift_binary(&in, number, &bytes)), LAM_CORRUPT, "a string");
  FAILS((in = of("\x05"
                 "abc",
                 4, &error),
         lam_thrift_bytes(&in, &bytes)),
        LAM_CORRUPT, "5 bytes");
  assert_true(in.ended);
  FAILS((in = of("\xff\xff\xff\xff\xff\x01"
                 "abc",
                 9, &error),
         lam_thrift_bytes(&in, &bytes)),
        LAM_CORRUPT, "goes beyond");
  assert_false(in.ended); /* more bytes would not help */
  /* A list of more elements than the bytes can hold is refused before anybody allocates for it. */
  FAILS((in = of("\xfc\xff\xff\xff\x7f\x00", 6, &error), lam_thrift_list(&in, list, LAM_THRIFT_STRUCT, 1, &count)),
        LAM_CORRUPT, "ends too early");
  FAILS((in = of("\x3c\x00\x00\x00\x00\x00", 6, &error), lam_thrift_list(&in, list, LAM_THRIFT_STRUCT, 2, &count)),
        LAM_CORRUPT, "ends too early");
  FAILS((in = of("\x18\x00", 2, &error), lam_thrift_list(&in, list, LAM_THRIFT_STRUCT, 1, &count)), LAM_CORRUPT,
        "elements of thrift type 8, not 12");
  in = of("\x00", 1, NULL); /* empty, of no type */
  assert_int_equal(lam_thrift_list(&in, list, LAM_THRIFT_STRUCT, 9, &count), LAM_OK);
  assert_int_equal(count, 0);
}

static void skips_every_type(void **state) {
  (void)state;
  static const struct {
    uint8_t type;
    const char *bytes;
    size_t size;
  } cases[] = {
      {LAM_THRIFT_TRUE, "", 0},
      {LAM_THRIFT_BYTE, "x", 1},
      {LAM_THRIFT_I16, "\x80\x01", 2},
      {LAM_THRIFT_I32, "\x01", 1},
      {LAM_THRIFT_I64, "\x01", 1},
      {LAM_THRIFT_DOUBLE, "12345678", 8},
      {LAM_THRIFT_BINARY,
       "\x03"
       "abc",
       4},
      {LAM_THRIFT_LIST, "\x31\x01\x02\x01", 4}, /* three booleans, a byte each */
      {LAM_THRIFT_SET,
       "\x28\x01"
       "a\x00",
       4},                         /* two strings */
      {LAM_THRIFT_MAP, "\x00", 1}, /* empty: no types */
      {LAM_THRIFT_MAP,
       "\x01\x85\x01"
       "k\x02",
       5},                                                        /* one string to an integer */
      {LAM_THRIFT_STRUCT, "\x11\x15\x02\x05\x80\x01\x02\x00", 8}, /* boolean; integer; long form of id 64 */
      {LAM_THRIFT_UUID, "0123456789abcdef", 16},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct lam_bytes raw;
    struct lam_thrift in = of(cases[i].bytes, cases[i].size, NULL);
    assert_int_equal(lam_thrift_raw(&in, cases[i].type, &raw), LAM_OK);
    assert_int_equal(raw.size, cases[i].size);
    if (!cases[i].size) continue;
    in = of(cases[i].bytes, cases[i].size - 1, NULL);
    assert_int_equal(lam_thrift_skip(&in, cases[i].type), LAM_CORRUPT);
    assert_true(in.ended);
  }
  struct lam_thrift in = of("\x00", 1, NULL);
  assert_int_equal(lam_thrift_skip(&in, 14), LAM_CORRUPT);
  assert_false(in.ended);
}

static void depth_is_bounded(void **state) {
  (void)state;
  uint8_t bytes[1000];
  struct lam_thrift in;
  memset(bytes, 0x19, sizeof bytes); /* a list of one list of one list … */
  FAILS((in = of(bytes, sizeof bytes, &error), lam_thrift_skip(&in, LAM_THRIFT_LIST)), LAM_CORRUPT, "nested deeper");
  memset(bytes, 0x1c, sizeof bytes); /* a struct in a struct … */
  FAILS((in = of(bytes, sizeof bytes, &error), lam_thrift_skip(&in, LAM_THRIFT_STRUCT)), LAM_CORRUPT, "nested deeper");
}

static void writing_reads_back(void **state) {
  (void)state;
  struct fixture fixture;
  struct lam_buf buf;
  fixture_begin(&fixture);
  lam_buf_init(&buf, fixture.mem);
  struct lam_thrift_out out = lam_thrift_to(&buf, NULL);
  lam_thrift_put_i64(&out, 1, INT64_MIN);
  lam_thrift_put_bool(&out, 2, true);
  lam_thrift_put_bool(&out, 40, false);                        /* a step of more than 15: the long form */
  lam_thrift_put_binary(&out, 3, lam_bytes_of_string("back")); /* a step backwards */
  lam_thrift_put_list(&out, 5, LAM_THRIFT_I32, 20);
  for (int i = 0; i < 20; i++) lam_thrift_put_varint(&out, lam_zigzag(i));
  lam_thrift_end(&out, 0);
  assert_int_equal(out.status, LAM_OK);

  struct lam_thrift in = of(buf.data, buf.size, NULL);
  struct lam_thrift_field field = {0};
  int64_t number = 0;
  bool flag = false;
  struct lam_bytes text = {0};
  uint32_t count;
  assert_int_equal(lam_thrift_next(&in, &field), LAM_OK);
  assert_int_equal(lam_thrift_i64(&in, field, &number), LAM_OK);
  assert_true(field.id == 1 && number == INT64_MIN);
  assert_int_equal(lam_thrift_next(&in, &field), LAM_OK);
  assert_int_equal(lam_thrift_bool(&in, field, &flag), LAM_OK);
  assert_true(field.id == 2 && flag);
  assert_int_equal(lam_thrift_next(&in, &field), LAM_OK);
  assert_int_equal(lam_thrift_bool(&in, field, &flag), LAM_OK);
  assert_true(field.id == 40 && !flag);
  assert_int_equal(lam_thrift_next(&in, &field), LAM_OK);
  assert_int_equal(lam_thrift_binary(&in, field, &text), LAM_OK);
  assert_true(field.id == 3 && text_is(text, "back"));
  assert_int_equal(lam_thrift_next(&in, &field), LAM_OK);
  assert_int_equal(lam_thrift_list(&in, field, LAM_THRIFT_I32, 1, &count), LAM_OK);
  assert_true(field.id == 5 && count == 20);
  lam_buf_release(&buf);
  fixture_end(&fixture);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(integers),         cmocka_unit_test(refusals),           cmocka_unit_test(skips_every_type),
      cmocka_unit_test(depth_is_bounded), cmocka_unit_test(writing_reads_back),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
