#include <math.h>

#include "arrow_support.h"
#include "expr/scalar.h"

static struct lam_scalar scalar_of(const char *type_name, const char *text) {
  struct lam_scalar out = {.type = type_of(type_name)};
  uint8_t value[32] = {0};
  if (lam_type_is_binary(out.type.id) || out.type.id == LAM_TYPE_FIXED_BINARY) {
    out.bytes = lam_bytes_of_string(text);
    return out;
  }
  OK(lam_value_parse(&out.type, lam_bytes_of_string(text), value, &error));
  lam_scalar_load(&out.type, value, &out);
  return out;
}

static int compare(const char *type_name, const char *a, const char *b) {
  struct lam_scalar x = scalar_of(type_name, a), y = scalar_of(type_name, b);
  assert_int_equal(lam_scalar_compare(&y, &x), -lam_scalar_compare(&x, &y));
  return lam_scalar_compare(&x, &y);
}

static void test_order(void **state) {
  (void)state;
  assert_int_equal(compare("int8", "-1", "1"), -1);
  assert_int_equal(compare("uint64", "18446744073709551615", "1"), 1);
  assert_int_equal(compare("bool", "false", "true"), -1);
  assert_int_equal(compare("double", "nan", "nan"), 0);
  assert_int_equal(compare("double", "nan", "inf"), 1);
  assert_int_equal(compare("double", "-0.0", "0.0"), 0);
  assert_int_equal(compare("float16", "-inf", "-65504"), -1);
  assert_int_equal(compare("decimal(5,2)", "-1.00", "-1.01"), 1);
  assert_int_equal(compare("decimal(76,0)", "-1", "1"), -1);
  assert_int_equal(compare("decimal(76,0)", "100000000000000000000000000000000000000000", "99999999999999999999"), 1);
  assert_int_equal(compare("timestamp[ns]", "2025-01-01 00:00:00", "2025-01-01 00:00:00.000000001"), -1);
  assert_int_equal(compare("string", "a", "ab"), -1);
  assert_int_equal(compare("string", "", ""), 0);
  assert_int_equal(compare("binary", "\x7f", "\x80"), -1);
  struct lam_scalar negative_nan = {.type = type_of("double"), .value.d = -(double)NAN};
  struct lam_scalar infinite = {.type = type_of("double"), .value.d = (double)INFINITY};
  assert_int_equal(lam_scalar_compare(&negative_nan, &infinite), 1);
}

/* The text of the result, and where it lies: below, at or above the value. */
static const struct {
  const char *from, *text, *to, *expected;
  int direction;
} casts[] = {
    {"int8", "-5", "int64", "-5", 0},
    {"int64", "300", "int8", "127", -1},
    {"int64", "-300", "int8", "-128", 1},
    {"int32", "-1", "uint16", "0", 1},
    {"int64", "-1", "uint64", "0", 1},
    {"uint64", "18446744073709551615", "int64", "9223372036854775807", -1},
    {"uint64", "18446744073709551615", "double", "1.8446744073709552e+19", 1},
    {"int64", "9223372036854775807", "double", "9.223372036854775807e18", 1},
    {"int64", "9007199254740993", "double", "9007199254740992", -1},
    {"int64", "-9223372036854775808", "double", "-9223372036854775808", 0},
    {"int64", "-9223372036854775808", "decimal(19,0)", "-9223372036854775808", 0},
    {"int64", "-9223372036854775808", "decimal(19,1)", "-999999999999999999.9", 1},
    {"int32", "7", "decimal(5,2)", "7.00", 0},
    {"int32", "1000", "decimal(5,2)", "999.99", -1},
    {"int32", "1999", "decimal(2,-2)", "1900", -1},
    {"int32", "-1999", "decimal(2,-2)", "-1900", 1},
    {"decimal(5,2)", "7.00", "int32", "7", 0},
    {"decimal(5,2)", "7.01", "int32", "7", -1},
    {"decimal(5,2)", "-7.01", "int32", "-7", 1},
    {"decimal(5,2)", "-7.01", "uint8", "0", 1},
    {"decimal(5,2)", "7.01", "decimal(4,1)", "7.0", -1},
    {"decimal(76,0)", "1", "decimal(76,76)",
     "0.9999999999999999999999999999999999999999999999999999999999999999999999999999", -1},
    {"decimal(5,2)", "0.10", "double", "0.1", 1},
    {"decimal(5,2)", "0.30", "double", "0.3", -1},
    {"decimal(5,2)", "0.25", "float16", "0.25", 0},
    {"decimal(76,76)", "0.0000000000000000000000000000000000000000000000000000000000000000000000000001", "float", "0",
     -1},
    {"decimal(76,76)", "-0.0000000000000000000000000000000000000000000000000000000000000000000000000001", "float", "-0",
     1},
    {"double", "0.1", "decimal(5,2)", "0.10", -1},
    {"double", "0.3", "decimal(5,2)", "0.29", -1},
    {"double", "0.5", "decimal(5,2)", "0.50", 0},
    {"double", "-0.0", "decimal(5,2)", "0.00", 0},
    {"double", "1e300", "decimal(76,-76)",
     "99999999999999999999999999999999999999999999999999999999999999999999999999990000000000000000000000000000000000000"
     "000"
     "000000000000000000000000000000000000",
     -1},
    {"double", "nan", "int32", "2147483647", -1},
    {"double", "inf", "uint64", "18446744073709551615", -1},
    {"double", "-inf", "int64", "-9223372036854775808", 1},
    {"double", "9223372036854775808", "int64", "9223372036854775807", -1},
    {"double", "-9223372036854775808", "int64", "-9223372036854775808", 0},
    {"double", "2.5", "int8", "2", -1},
    {"double", "-2.5", "int8", "-2", 1},
    {"double", "1e-300", "int8", "0", -1},
    {"double", "5e-324", "decimal(76,76)",
     "0.0000000000000000000000000000000000000000000000000000000000000000000000000000", -1},
    {"double", "0.1", "float", "0.1", 1},
    {"double", "1e300", "float", "inf", 1},
    {"double", "nan", "float", "nan", 0},
    {"double", "-0.0", "float16", "-0.0", 0},
    {"double", "70000", "float16", "inf", 1},
    {"float16", "0.1", "double", "0.0999755859375", 0},
    {"bool", "true", "int8", "1", 0},
    {"int8", "5", "bool", "true", -1},
    {"date", "2025-11-26", "timestamp[us]", "2025-11-26 00:00:00", 0},
    {"date", "5000000-01-01", "timestamp[us]", "294247-01-10 04:00:54.775807", -1},
    {"date", "1969-12-31", "date64", "1969-12-31", 0},
    {"timestamp[us]", "1969-12-31 23:59:59.5", "date", "1969-12-31", -1},
    {"timestamp[us]", "1969-12-31 00:00:00", "date", "1969-12-31", 0},
    {"timestamp[us]", "1969-12-31 23:59:59.999999", "timestamp[s]", "1969-12-31 23:59:59", -1},
    {"timestamp[s]", "2025-01-01 00:00:00", "timestamp[ns]", "2025-01-01 00:00:00", 0},
    {"timestamp[s]", "3000-01-01 00:00:00", "timestamp[ns]", "2262-04-11 23:47:16.854775807", -1},
    {"timestamp[s]", "1500-01-01 00:00:00", "timestamp[ns]", "1677-09-21 00:12:43.145224192", 1},
    {"timestamp[us]", "2025-01-01 00:00:00", "timestamp[us, UTC]", "2025-01-01 00:00:00Z", 0},
    {"time32[s]", "01:02:03", "time64[ns]", "01:02:03", 0},
    {"time64[us]", "01:02:03.5", "time32[s]", "01:02:03", -1},
    {"duration[s]", "PT1S", "duration[ms]", "PT1S", 0},
    {"string", "17", "int32", "17", 0},
    {"string", "2025-11-26", "date", "2025-11-26", 0},
};

static void expect_scalar(const struct lam_scalar *found, const char *type_name, const char *text, const char *what) {
  struct lam_scalar expected = scalar_of(type_name, text);
  assert_false(found->is_null);
  assert_true(lam_type_equal(&found->type, &expected.type));
  if (lam_scalar_compare(found, &expected) != 0) {
    struct lam_buf buf = {.mem = mem};
    OK(lam_scalar_print(found, &buf, &error));
    fail_msg("%s to %s: found %.*s, not %s", what, type_name, (int)buf.size, (const char *)buf.data, text);
  }
}

static void test_casts(void **state) {
  (void)state;
  struct lam_arena arena;
  lam_arena_init(&arena, mem);
  for (size_t i = 0; i < sizeof casts / sizeof *casts; i++) {
    struct lam_scalar from = scalar_of(casts[i].from, casts[i].text), out;
    struct lam_type to = type_of(casts[i].to);
    bool exact;
    int direction;
    OK(lam_scalar_cast(&from, &to, &arena, &out, &exact, &direction, &error));
    expect_scalar(&out, casts[i].to, casts[i].expected, casts[i].text);
    if (direction != casts[i].direction) print_error("%s to %s\n", casts[i].text, casts[i].to);
    assert_int_equal(direction, casts[i].direction);
    assert_int_equal(exact, casts[i].direction == 0);
  }
  lam_arena_release(&arena);
}

static void test_casts_of_bytes_and_nulls(void **state) {
  (void)state;
  struct lam_arena arena;
  lam_arena_init(&arena, mem);
  struct lam_scalar out, from = scalar_of("string", "abc");
  struct lam_type fixed2 = type_of("fixed_size_binary[2]"), fixed4 = type_of("fixed_size_binary[4]");
  struct lam_type int8 = type_of("int8"), date = type_of("date"), text = type_of("large_string");
  bool exact;
  int direction;
  OK(lam_scalar_cast(&from, &fixed2, &arena, &out, &exact, &direction, &error));
  assert_int_equal(direction, -1);
  assert_true(lam_bytes_equal(out.bytes, lam_bytes_of("ab", 2)));
  OK(lam_scalar_cast(&from, &fixed4, &arena, &out, &exact, &direction, &error));
  assert_int_equal(direction, 1);
  assert_true(lam_bytes_equal(out.bytes, lam_bytes_of("abc\0", 4)));
  OK(lam_scalar_cast(&from, &text, &arena, &out, &exact, &direction, &error));
  assert_true(exact && lam_bytes_equal(out.bytes, from.bytes));
  FAILS(lam_scalar_cast(&from, &int8, &arena, &out, &exact, &direction, &error), LAM_INVALID, "\"abc\"");
  from = scalar_of("int32", "-12");
  OK(lam_scalar_cast(&from, &text, &arena, &out, &exact, &direction, &error));
  assert_true(exact && lam_bytes_equal(out.bytes, lam_bytes_of_string("-12")));
  FAILS(lam_scalar_cast(&from, &date, &arena, &out, &exact, &direction, &error), LAM_INVALID,
        "a value of type int32 cannot be cast to date");
  from.is_null = true;
  OK(lam_scalar_cast(&from, &date, &arena, &out, &exact, &direction, &error));
  assert_true(out.is_null && exact && out.type.id == LAM_TYPE_DATE32);
  lam_arena_release(&arena);
}

static struct lam_scalar random_number(uint64_t *seed, const char *type_name) {
  struct lam_scalar out = {.type = type_of(type_name)};
  uint8_t bytes[32];
  uint64_t number = next_random(seed) >> (next_random(seed) % 64);
  if (next_random(seed) & 1) number = 0 - number;
  if (lam_type_is_float(out.type.id)) {
    double value = (double)(int64_t)number / (double)(1 + next_random(seed) % 1000);
    out.value.d = out.type.id == LAM_TYPE_FLOAT32 ? (double)(float)value : value;
    return out;
  }
  for (int i = 0; i < 32; i += 8) lam_store64(bytes + i, i ? (uint64_t)((int64_t)number >> 63) : number);
  lam_scalar_load(&out.type, bytes, &out);
  return out;
}

/* Casts keep the order, and the nearest values lie on the side that they say: seen from a decimal that holds both. */
static void test_casts_keep_order(void **state) {
  (void)state;
  static const char *const names[] = {"int8",          "int32",          "int64",          "uint8",   "uint64",
                                      "decimal(38,0)", "decimal(60,20)", "decimal(76,10)", "float",   "double",
                                      "uint16",        "decimal(38,5)",  "decimal(38,-3)", "float16", "bool"};
  enum { NAMES = sizeof names / sizeof *names };
  uint64_t seed = seed_of_test();
  struct lam_type judge = type_of("decimal(76,25)");
  for (int round = 0; round < 20000; round++) {
    const char *name = names[next_random(&seed) % (NAMES - 2)];
    struct lam_type to = type_of(names[next_random(&seed) % NAMES]);
    struct lam_scalar value[2], out[2], seen[2];
    bool exact[2], fits;
    int direction[2], ignored;
    for (int i = 0; i < 2; i++) {
      value[i] = random_number(&seed, name);
      OK(lam_scalar_cast(&value[i], &to, NULL, &out[i], &exact[i], &direction[i], &error));
      OK(lam_scalar_cast(&value[i], &judge, NULL, &seen[0], &fits, &ignored, &error));
      if (!fits) continue;
      OK(lam_scalar_cast(&out[i], &judge, NULL, &seen[1], &fits, &ignored, &error));
      if (fits) assert_int_equal(lam_scalar_compare(&seen[1], &seen[0]), direction[i]);
    }
    int before = lam_scalar_compare(&value[0], &value[1]), after = lam_scalar_compare(&out[0], &out[1]);
    assert_true(before == 0 ? after == 0 : after == before || after == 0);
    if (exact[0] && exact[1]) assert_int_equal(after, before);
  }
}

static void test_rows_of_arrays(void **state) {
  (void)state;
  static const char *const cases[][3] = {
      {"int8", "-7", "-7"},
      {"uint16", "65535", "65535"},
      {"bool", "true", "TRUE"},
      {"float16", "0.5", "0.5e0"},
      {"float", "0.1", "0.1e0"},
      {"double", "nan", "CAST('nan' AS double)"},
      {"decimal(10,2)", "-12.30", "-12.30"},
      {"decimal(50,1)", "-12.3", "-12.3"},
      {"decimal(5,0)", "7", "7."},
      {"date", "2025-11-26", "DATE '2025-11-26'"},
      {"timestamp[us]", "2025-11-26 01:02:03.5", "TIMESTAMP '2025-11-26 01:02:03.500000'"},
      {"time64[us]", "01:02:03", "CAST('01:02:03' AS time64[us])"},
      {"string", "it's", "'it''s'"},
      {"binary", "6869", "X'6869'"},
      {"fixed_size_binary[2]", "6869", "X'6869'"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct ArrowSchema schema;
    struct ArrowArray array;
    struct lam_view view;
    struct lam_scalar scalar;
    struct lam_buf buf = {.mem = mem};
    make_column(cases[i][0], "c", (const char *const[]){"\1", cases[i][1]}, 2, &schema, &array);
    OK(lam_view_init(&schema, &array, &view, &error));
    OK(lam_scalar_of_view(&view, 0, &scalar, &error));
    assert_true(scalar.is_null);
    OK(lam_scalar_print(&scalar, &buf, &error));
    expect_text(&buf, "NULL");
    buf.size = 0;
    OK(lam_scalar_of_view(&view, 1, &scalar, &error));
    OK(lam_scalar_print(&scalar, &buf, &error));
    expect_text(&buf, cases[i][2]);
    lam_buf_release(&buf);
    lam_array_release(&array);
    lam_schema_release(&schema);
  }
}

static void test_rows_of_dictionaries(void **state) {
  (void)state;
  struct ArrowSchema values, schema;
  struct ArrowArray dictionary, indices;
  struct ArrowSchema plain;
  struct lam_view view;
  struct lam_scalar scalar;
  make_column("string", "c", (const char *const[]){"a", "b"}, 2, &values, &dictionary);
  make_column("int32", "c", (const char *const[]){"1", "\1", "9"}, 3, &plain, &indices);
  OK(lam_schema_as_dictionary(&values, &schema, &error));
  indices.dictionary = &dictionary;
  OK(lam_view_init(&schema, &indices, &view, &error));
  OK(lam_scalar_of_view(&view, 0, &scalar, &error));
  assert_true(!scalar.is_null && lam_bytes_equal(scalar.bytes, lam_bytes_of_string("b")));
  OK(lam_scalar_of_view(&view, 1, &scalar, &error));
  assert_true(scalar.is_null && scalar.type.id == LAM_TYPE_STRING);
  FAILS(lam_scalar_of_view(&view, 2, &scalar, &error), LAM_INVALID, "row 2 has index 9 into a dictionary of 2");
  indices.dictionary = NULL;
  lam_array_release(&indices);
  lam_array_release(&dictionary);
  lam_schema_release(&schema);
  lam_schema_release(&plain);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      MEM_TEST(test_order),
      MEM_TEST(test_casts),
      MEM_TEST(test_casts_of_bytes_and_nulls),
      MEM_TEST(test_casts_keep_order),
      MEM_TEST(test_rows_of_arrays),
      MEM_TEST(test_rows_of_dictionaries),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
