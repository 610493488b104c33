#include "page_support.h"

static struct lam_leaf leaf_of(enum lam_conversion conversion, enum lam_physical physical, int32_t width,
                               enum lam_type_id type) {
  return (struct lam_leaf){.conversion = conversion,
                           .physical = physical,
                           .width = width,
                           .type = {.id = type, .timezone = "", .precision = 10, .unit = LAM_UNIT_NANO}};
}

static void integers_narrow_and_widen(void **state) {
  (void)state;
  static const int32_t from[] = {-128, 127, -1, 5};
  static const int8_t bytes[] = {-128, 127, -1, 5};
  static const int16_t shorts[] = {-128, 127, -1, 5};
  int64_t to[16];
  struct lam_leaf leaf = leaf_of(LAM_NARROW, LAM_INT32, 4, LAM_TYPE_INT8);
  assert_int_equal(lam_convert_fixed(&leaf, (const uint8_t *)from, 4, (uint8_t *)to, NULL), LAM_OK);
  assert_memory_equal(to, bytes, 4);
  leaf.type.id = LAM_TYPE_UINT16;
  assert_int_equal(lam_convert_fixed(&leaf, (const uint8_t *)from, 4, (uint8_t *)to, NULL), LAM_OK);
  assert_memory_equal(to, shorts, 8);
  leaf = leaf_of(LAM_INT_TO_DECIMAL, LAM_INT32, 4, LAM_TYPE_DECIMAL256);
  assert_int_equal(lam_convert_fixed(&leaf, (const uint8_t *)from, 4, (uint8_t *)to, NULL), LAM_OK);
  for (int i = 0; i < 4; i++) {
    assert_int_equal(to[4 * i], from[i]);
    for (int k = 1; k < 4; k++) assert_int_equal(to[4 * i + k], from[i] < 0 ? -1 : 0);
  }
}

/* Every size against a loop over bits: value is the low bits of a counter, negated half of the time. */
static void decimals_of_every_size(void **state) {
  (void)state;
  for (size_t width = 16; width <= 32; width += 16)
    for (size_t size = 1; size <= 40; size++) {
      uint8_t from[40 * 3], to[32 * 3];
      size_t used = size < width ? size : width;
      struct lam_leaf leaf = leaf_of(LAM_BYTES_TO_DECIMAL, LAM_FIXED_LEN_BYTE_ARRAY, (int32_t)size,
                                     width == 16 ? LAM_TYPE_DECIMAL128 : LAM_TYPE_DECIMAL256);
      for (size_t v = 0; v < 3; v++)
        for (size_t i = 0; i < size; i++) {
          uint8_t sign = v == 1 ? 0xff : 0;
          from[v * size + size - 1 - i] = i + 1 < used ? (uint8_t)(i * 7 + v * 50 + 1) : sign;
        }
      assert_int_equal(lam_convert_fixed(&leaf, from, 3, to, NULL), LAM_OK);
      for (size_t v = 0; v < 3; v++)
        for (size_t i = 0; i < width; i++)
          assert_int_equal(to[v * width + i], i < size ? from[v * size + size - 1 - i] : v == 1 ? 0xff : 0);
    }
}

static void decimals_that_do_not_fit(void **state) {
  (void)state;
  uint8_t from[17] = {0, 0x80}, to[16];
  int32_t offsets[] = {0, 17};
  struct lam_error error = LAM_ERROR_INIT;
  struct lam_leaf leaf = leaf_of(LAM_BYTES_TO_DECIMAL, LAM_BYTE_ARRAY, 0, LAM_TYPE_DECIMAL128);
  assert_int_equal(lam_convert_bytes(&leaf, from, offsets, 1, to, &error), LAM_CORRUPT);
  assert_non_null(strstr(error.message, "value 0 is a decimal of 17 bytes"));
  from[0] = 0xff;
  assert_int_equal(lam_convert_bytes(&leaf, from, offsets, 1, to, NULL), LAM_OK);
  offsets[1] = 0; /* no bytes are 0 */
  assert_int_equal(lam_convert_bytes(&leaf, from, offsets, 1, to, NULL), LAM_OK);
  for (int i = 0; i < 16; i++) assert_int_equal(to[i], 0);
}

static void int96_is_a_julian_day_and_nanoseconds(void **state) {
  (void)state;
  static const struct {
    int64_t nanoseconds;
    int32_t day;
    int64_t ns, us;
    bool fits;
  } cases[] = {
      {0, 2440588, 0, 0, true},
      {1500, 2440588, 1500, 1, true},
      {86399999999000, 2440587, -1000, -1, true},
      {0, 2440588 + 106751, 9223286400000000000, 9223286400000000, true},
      {0, 2440588 + 106752, 0, 9223372800000000, false},
      {0, 5373484, 0, 253402214400000000, false},
      /* The ends of 64 bits of nanoseconds, in days that are not wholly within. */
      {85636854775807, 2440588 + 106751, INT64_MAX, 9223372036854775, true},
      {85636854775808, 2440588 + 106751, 0, 9223372036854775, false},
      {763145224192, 2440588 - 106752, INT64_MIN, -9223372036854776, true},
      {763145224191, 2440588 - 106752, 0, -9223372036854776, false},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    uint8_t from[12];
    int64_t to;
    struct lam_error error = LAM_ERROR_INIT;
    lam_store64(from, (uint64_t)cases[i].nanoseconds);
    lam_store32(from + 8, (uint32_t)cases[i].day);
    struct lam_leaf leaf = leaf_of(LAM_INT96_TO_TIMESTAMP, LAM_INT96, 12, LAM_TYPE_TIMESTAMP);
    assert_int_equal(lam_convert_fixed(&leaf, from, 1, (uint8_t *)&to, &error), cases[i].fits ? LAM_OK : LAM_CORRUPT);
    if (cases[i].fits) assert_true(to == cases[i].ns);
    leaf.type.unit = LAM_UNIT_MICRO;
    assert_int_equal(lam_convert_fixed(&leaf, from, 1, (uint8_t *)&to, NULL), LAM_OK);
    assert_true(to == cases[i].us);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(integers_narrow_and_widen),
      cmocka_unit_test(decimals_of_every_size),
      cmocka_unit_test(decimals_that_do_not_fit),
      cmocka_unit_test(int96_is_a_julian_day_and_nanoseconds),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
