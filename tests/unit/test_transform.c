/* Iceberg's transforms against the test vectors of its specification (appendix B). */
#include "ops_support.h"

#include "iceberg/transform.h"

static void build(enum lam_type_id id, enum lam_arrow_unit unit, const void *value, struct ArrowSchema *schema,
                  struct ArrowArray *array) {
  struct lam_type type = {.id = id, .unit = unit, .timezone = "", .precision = 9, .scale = 2, .byte_width = 16};
  struct lam_builder builder;
  OK(lam_schema_init(&type, "x", true, schema, &error));
  OK(lam_builder_init(&builder, mem, &type, &error));
  if (lam_type_is_binary(id))
    OK(lam_builder_bytes(&builder, *(const struct lam_bytes *)value, &error));
  else
    OK(lam_builder_fixed(&builder, value, &error));
  OK(lam_builder_null(&builder, &error));
  OK(lam_builder_finish(&builder, array, &error));
  lam_builder_release(&builder);
}

static int32_t bucket(enum lam_type_id id, enum lam_arrow_unit unit, const void *value, int32_t buckets) {
  struct ArrowSchema schema;
  struct ArrowArray array, out;
  build(id, unit, value, &schema, &array);
  OK(lam_transform_array(mem, LAM_TRANSFORM_BUCKET, buckets, &schema, &array, &out, &error));
  assert_int_equal(out.length, 2);
  assert_false(lam_bit_get(out.buffers[0], 1));
  int32_t result = ((const int32_t *)out.buffers[1])[0];
  lam_array_release(&out);
  lam_array_release(&array);
  lam_schema_release(&schema);
  return result;
}
/* With 2^31 - 1 buckets nearly the whole hash is seen. */
#define BUCKET(id, unit, value, hash) \
  assert_int_equal(bucket(id, unit, value, INT32_MAX), ((uint32_t)(hash)&INT32_MAX) % INT32_MAX)

static void test_hashes(void **state) {
  (void)state;
  const int32_t i32 = 34, days = 17486;
  const int64_t i64 = 34, micros = 1510871468000000, millis = micros / 1000, nanos = micros * 1000 + 999;
  const int64_t time_us = 81068000000, time_ns = time_us * 1000, before = -1;
  const int32_t time_s = 81068;
  const __int128 decimal = 1420;
  const uint8_t uuid[] = {0xf7, 0x9c, 0x3e, 0x09, 0x67, 0x7c, 0x4b, 0xbd,
                          0xa4, 0x79, 0x3f, 0x34, 0x9c, 0xb7, 0x85, 0xe7};
  const struct lam_bytes text = lam_bytes_of("iceberg", 7), binary = lam_bytes_of("\0\1\2\3", 4);
  BUCKET(LAM_TYPE_INT32, 0, &i32, 2017239379);
  BUCKET(LAM_TYPE_INT64, 0, &i64, 2017239379);
  BUCKET(LAM_TYPE_DECIMAL128, 0, &decimal, -500754589);
  BUCKET(LAM_TYPE_DATE32, 0, &days, -653330422);
  BUCKET(LAM_TYPE_TIME64, LAM_UNIT_MICRO, &time_us, -662762989);
  BUCKET(LAM_TYPE_TIME64, LAM_UNIT_NANO, &time_ns, -662762989);
  BUCKET(LAM_TYPE_TIME32, LAM_UNIT_SECOND, &time_s, -662762989);
  BUCKET(LAM_TYPE_TIMESTAMP, LAM_UNIT_MICRO, &micros, -2047944441);
  BUCKET(LAM_TYPE_TIMESTAMP, LAM_UNIT_MILLI, &millis, -2047944441);
  BUCKET(LAM_TYPE_TIMESTAMP, LAM_UNIT_NANO, &nanos, -2047944441);
  BUCKET(LAM_TYPE_STRING, 0, &text, 1210000089);
  BUCKET(LAM_TYPE_LARGE_BINARY, 0, &binary, -188683207);
  BUCKET(LAM_TYPE_FIXED_BINARY, 0, uuid, 1488055340);
  /* Before 1970 nanoseconds are rounded down. */
  assert_int_equal(bucket(LAM_TYPE_TIMESTAMP, LAM_UNIT_NANO, &before, 1000),
                   bucket(LAM_TYPE_TIMESTAMP, LAM_UNIT_MICRO, &before, 1000));
  assert_int_equal(bucket(LAM_TYPE_INT64, 0, &i64, 100), 79);
}

static void test_refused(void **state) {
  (void)state;
  struct lam_type type = {.id = LAM_TYPE_FLOAT64, .timezone = ""}, out;
  FAILS(lam_transform_type(LAM_TRANSFORM_BUCKET, &type, &out, &error), LAM_UNSUPPORTED, "double");
  type.id = LAM_TYPE_DATE32;
  FAILS(lam_transform_type(LAM_TRANSFORM_TRUNCATE, &type, &out, &error), LAM_UNSUPPORTED, "date");
  OK(lam_transform_type(LAM_TRANSFORM_BUCKET, &type, &out, &error));
  assert_int_equal(out.id, LAM_TYPE_INT32);
}

static void test_truncate_numbers(void **state) {
  (void)state;
  static const struct {
    int64_t value;
    int32_t width;
    int64_t wanted;
  } cases[] = {{1, 10, 0}, {-1, 10, -10}, {10, 10, 10}, {-10, 10, -10}, {15, 1, 15}, {-7, 4, -8}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct ArrowSchema schema;
    struct ArrowArray array, out;
    build(LAM_TYPE_INT64, 0, &cases[i].value, &schema, &array);
    OK(lam_transform_array(mem, LAM_TRANSFORM_TRUNCATE, cases[i].width, &schema, &array, &out, &error));
    assert_int_equal(((const int64_t *)out.buffers[1])[0], cases[i].wanted);
    lam_array_release(&out);
    lam_array_release(&array);
    lam_schema_release(&schema);
  }
  struct ArrowSchema schema;
  struct ArrowArray array, out;
  const int32_t least = INT32_MIN;
  const __int128 decimal = 1065; /* 10.65 to 10.50: the specification's example */
  build(LAM_TYPE_INT32, 0, &least, &schema, &array);
  FAILS(lam_transform_array(mem, LAM_TRANSFORM_TRUNCATE, 10, &schema, &array, &out, &error), LAM_INVALID, "row 0");
  lam_array_release(&array);
  lam_schema_release(&schema);
  build(LAM_TYPE_DECIMAL128, 0, &decimal, &schema, &array);
  OK(lam_transform_array(mem, LAM_TRANSFORM_TRUNCATE, 50, &schema, &array, &out, &error));
  assert_int_equal(lam_load64(out.buffers[1]), 1050);
  lam_array_release(&out);
  lam_array_release(&array);
  lam_schema_release(&schema);
}

static void test_truncate_texts(void **state) {
  (void)state;
  static const struct {
    enum lam_type_id id;
    const char *text;
    int32_t width;
    size_t wanted; /* bytes */
  } cases[] = {
      {LAM_TYPE_STRING, "iceberg", 3, 3},       {LAM_TYPE_STRING, "ice", 5, 3}, {LAM_TYPE_STRING, "日本語", 2, 6},
      {LAM_TYPE_LARGE_STRING, "aé日𝄞b", 4, 10}, {LAM_TYPE_STRING, "", 1, 0},    {LAM_TYPE_BINARY, "日本語", 2, 2},
      {LAM_TYPE_STRING, "\xff\xfe", 1, 1},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct ArrowSchema schema;
    struct ArrowArray array, out;
    struct lam_view view;
    struct lam_bytes text = lam_bytes_of_string(cases[i].text);
    build(cases[i].id, 0, &text, &schema, &array);
    OK(lam_transform_array(mem, LAM_TRANSFORM_TRUNCATE, cases[i].width, &schema, &array, &out, &error));
    OK(lam_view_init(&schema, &out, &view, &error));
    assert_int_equal(lam_view_bytes(&view, 0).size, cases[i].wanted);
    assert_true(cases[i].wanted == 0 || memcmp(lam_view_bytes(&view, 0).data, cases[i].text, cases[i].wanted) == 0);
    assert_false(lam_view_valid(&view, 1));
    lam_array_release(&out);
    lam_array_release(&array);
    lam_schema_release(&schema);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {OPS_TEST(test_hashes), OPS_TEST(test_refused), OPS_TEST(test_truncate_numbers),
                                     OPS_TEST(test_truncate_texts)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
