/* Arrow values to physical ones: a table of types, values and what they become; and what does not fit. */
#include "arrow_support.h"

#include "parquet/store_value.h"

enum { FLBA = LAM_FIXED_LEN_BYTE_ARRAY };

static struct lam_storing storing_of(const char *name, int physical, int length) {
  struct lam_type type = type_of(name);
  struct lam_schema_node leaf = {.physical = (int8_t)physical, .type_length = length};
  struct lam_storing out;
  OK(lam_storing_of(&type, &leaf, &out, &error));
  return out;
}

static void test_values(void **state) {
  (void)state;
  static const struct {
    const char *type;
    int physical, length;
    int64_t value; /* its low bytes, and its sign above them */
    size_t size;   /* of what it becomes */
    const char *stored;
  } cases[] = {
      {"int8", LAM_INT32, 0, -2, 4, "\xfe\xff\xff\xff"},
      {"int16", LAM_INT32, 0, -300, 4, "\xd4\xfe\xff\xff"},
      {"uint8", LAM_INT32, 0, 254, 4, "\xfe\0\0\0"},
      {"uint16", LAM_INT32, 0, 65535, 4, "\xff\xff\0\0"},
      {"uint32", LAM_INT32, 0, 0xffffffff, 4, "\xff\xff\xff\xff"},
      {"uint32", LAM_INT64, 0, 0xffffffff, 8, "\xff\xff\xff\xff\0\0\0\0"},
      {"bigint", LAM_INT64, 0, -1, 8, "\xff\xff\xff\xff\xff\xff\xff\xff"},
      {"time32[s]", LAM_INT32, 0, 3, 4, "\xb8\x0b\0\0"},
      {"timestamp[s]", LAM_INT64, 0, -1, 8, "\x18\xfc\xff\xff\xff\xff\xff\xff"},
      {"decimal(9,2)", LAM_INT32, 0, -7, 4, "\xf9\xff\xff\xff"},
      {"decimal(18,2)", LAM_INT64, 0, -7, 8, "\xf9\xff\xff\xff\xff\xff\xff\xff"},
      {"decimal(20,2)", FLBA, 9, -7, 9, "\xff\xff\xff\xff\xff\xff\xff\xff\xf9"},
      {"decimal(38,2)", FLBA, 17, -7, 17, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xf9"},
      {"decimal(5,2)", FLBA, 3, 0x010203, 3, "\1\2\3"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct lam_storing storing = storing_of(cases[i].type, cases[i].physical, cases[i].length);
    uint8_t from[64], to[64];
    memset(from, cases[i].value < 0 ? 0xff : 0, sizeof from);
    memcpy(from, &cases[i].value, storing.from_width < 8 ? storing.from_width : 8);
    memcpy(from + storing.from_width, from, storing.from_width); /* a second one */
    OK(lam_store_values(&storing, from, 2, to, &error));
    assert_int_equal(storing.to_width, cases[i].size);
    if (memcmp(to, cases[i].stored, cases[i].size) != 0) fail_msg("case %zu, %s", i, cases[i].type);
    assert_memory_equal(to + cases[i].size, to, cases[i].size);
  }
}

static void test_days(void **state) {
  (void)state;
  static const struct {
    int64_t milliseconds;
    int32_t day;
  } cases[] = {{0, 0}, {86399999, 0}, {86400000, 1}, {-1, -1}, {-86400000, -1}, {-86400001, -2}};
  struct lam_type type = {.id = LAM_TYPE_DATE64, .timezone = ""};
  struct lam_schema_node leaf = {.physical = LAM_INT32};
  struct lam_storing storing;
  int32_t day;
  OK(lam_storing_of(&type, &leaf, &storing, &error));
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    OK(lam_store_values(&storing, (const uint8_t *)&cases[i].milliseconds, 1, (uint8_t *)&day, &error));
    assert_int_equal(day, cases[i].day);
  }
  int64_t far = INT64_MAX;
  FAILS(lam_store_values(&storing, (const uint8_t *)&far, 1, (uint8_t *)&day, &error), LAM_INVALID, "no date");
}

static void test_refusals(void **state) {
  (void)state;
  static const struct {
    const char *type;
    int physical, length;
    uint8_t value[16];
    const char *message;
  } wide[] = {
      {"time32[s]", LAM_INT32, 0, {0xff, 0xff, 0xff, 0x7f}, "2147483647 seconds do not fit 32 bits"},
      {"timestamp[s]", LAM_INT64, 0, {0, 0, 0, 0, 0, 0, 0, 0x80}, "-9223372036854775808 seconds do not fit 64 bits"},
      {"decimal(9,2)", LAM_INT32, 0, {0, 0, 0, 0x80}, "more digits"},
      {"decimal(20,2)", FLBA, 9, {[9] = 1}, "in 9 bytes"},
  };
  for (size_t i = 0; i < sizeof wide / sizeof wide[0]; i++) {
    struct lam_storing storing = storing_of(wide[i].type, wide[i].physical, wide[i].length);
    uint8_t to[16];
    FAILS(lam_store_values(&storing, wide[i].value, 1, to, &error), LAM_INVALID, wide[i].message);
  }
  static const struct {
    const char *type;
    int physical, length;
  } unfit[] = {{"int8", LAM_INT64, 0},         {"boolean", LAM_INT32, 0}, {"varchar", LAM_INT32, 0},
               {"bigint", LAM_INT32, 0},       {"double", LAM_INT96, 0},  {"bigint", LAM_BYTE_ARRAY, 0},
               {"decimal(9,2)", LAM_INT96, 0}, {"decimal(9,2)", FLBA, 0}, {"uint32", LAM_DOUBLE, 0}};
  for (size_t i = 0; i < sizeof unfit / sizeof unfit[0]; i++) {
    struct lam_type type = type_of(unfit[i].type);
    struct lam_schema_node leaf = {.physical = (int8_t)unfit[i].physical, .type_length = unfit[i].length};
    struct lam_storing storing;
    FAILS(lam_storing_of(&type, &leaf, &storing, &error), LAM_UNSUPPORTED, "cannot be written as");
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {MEM_TEST(test_values), MEM_TEST(test_days), MEM_TEST(test_refusals)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
