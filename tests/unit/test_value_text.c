#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka's header needs those above. */
#include <cmocka.h>
#include <locale.h>
#include <math.h>

#include "arrow/calendar.h"
#include "arrow/value_text.h"

static struct lam_error error = LAM_ERROR_INIT;

static uint64_t next_random(uint64_t *state) { /* splitmix64 */
  uint64_t z = *state += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

static uint64_t seed_of_test(void) {
  const char *given = getenv("LAM_SEED");
  uint64_t seed = given ? strtoull(given, NULL, 0) : 20261121;
  print_message("LAM_SEED=%llu\n", (unsigned long long)seed);
  return seed;
}

static struct lam_type type_of(const char *name) {
  struct lam_type type;
  assert_int_equal(lam_type_parse_name(name, &type, &error), LAM_OK);
  return type;
}

/* The text that a value reads back to, or the message. */
static const char *again(const char *type_name, const char *text) {
  static char out[LAM_VALUE_TEXT_ROOM + 1];
  struct lam_type type = type_of(type_name);
  uint64_t value[4] = {0};
  const char *wrong = lam_value_scan(&type, lam_bytes_of_string(text), value);
  if (wrong) return wrong;
  out[lam_value_format(&type, value, out)] = 0;
  return out;
}

static const struct {
  const char *type, *text, *again; /* NULL: the same */
} cases[] = {
    {"bool", "true", NULL},
    {"bool", "FALSE", "false"},
    {"bool", "1", "true"},
    {"bool", "yes", "it is not true or false"},
    {"int8", "-128", NULL},
    {"int8", "128", "it is out of range"},
    {"int8", "-129", "it is out of range"},
    {"uint8", "255", NULL},
    {"uint8", "256", "it is out of range"},
    {"uint8", "-1", "it is out of range"},
    {"uint8", "-0", "0"},
    {"int16", "+7", "7"},
    {"int32", "2147483648", "it is out of range"},
    {"int64", "-9223372036854775808", NULL},
    {"int64", "9223372036854775807", NULL},
    {"int64", "9223372036854775808", "it is out of range"},
    {"int64", "000000000000000000000000000000012", "12"},
    {"int64", "1 ", "it is not a whole number"},
    {"int64", "-", "it is not a whole number"},
    {"int64", "", "it is empty"},
    {"uint64", "18446744073709551615", NULL},
    {"uint64", "18446744073709551616", "it is out of range"},
    {"uint64", "99999999999999999999999", "it is out of range"},
    {"double", "1", "1.0"},
    {"double", "0.1", NULL},
    {"double", "-0", "-0.0"},
    {"double", ".5", "0.5"},
    {"double", "5.", "5.0"},
    {"double", "1e16", "1e+16"},
    {"double", "123456789012345680", "1.2345678901234568e+17"},
    {"double", "0.00001", NULL},
    {"double", "0.000001", "1e-06"},
    {"double", "1.7976931348623157e+308", NULL},
    {"double", "1e309", "it is out of range"},
    {"double", "1e-400", "0.0"},
    {"double", "2.2250738585072014e-308", NULL},
    {"double", "9007199254740993", "9007199254740992.0"},
    {"double", "NaN", "nan"},
    {"double", "-Infinity", "-inf"},
    {"double", "inf", NULL},
    {"double", "1e", "it is not a number"},
    {"double", ".", "it is not a number"},
    {"double", "1,5", "it is not a number"},
    {"double", "0x10", "it is not a number"},
    {"float", "0.1", NULL},
    {"float", "16777217", "16777216.0"},
    {"float", "1e39", "it is out of range"},
    {"float", "3.4028235e+38", NULL},
    {"float16", "0.1", NULL},
    {"float16", "65504", "65500.0"},
    {"float16", "65520", "it is out of range"},
    {"decimal(5,2)", "123.45", NULL},
    {"decimal(5,2)", "-0.05", NULL},
    {"decimal(5,2)", "1", "1.00"},
    {"decimal(5,2)", "1.2300", "1.23"},
    {"decimal(5,2)", "1.5e1", "15.00"},
    {"decimal(5,2)", "1500e-1", "150.00"},
    {"decimal(5,2)", "1000", "it is out of range"},
    {"decimal(5,2)", "1.234", "it has more decimals than the type"},
    {"decimal(5,2)", "0e99999999", "0.00"},
    {"decimal(5,2)", "1e99999999", "it is out of range"},
    {"decimal(5,2)", "abc", "it is not a decimal number"},
    {"decimal(5,-2)", "123400", NULL},
    {"decimal(5,-2)", "0", NULL},
    {"decimal(5,-2)", "12", "it has more decimals than the type"},
    {"decimal(2,5)", "0.00012", NULL},
    {"decimal(38,0)", "-99999999999999999999999999999999999999", NULL},
    {"decimal(38,38)", "0.00000000000000000000000000000000000001", NULL},
    {"decimal(76,0)", "9999999999999999999999999999999999999999999999999999999999999999999999999999", NULL},
    {"decimal(76,38)", "-10000000000000000000.00000000000000000000000000000000000010", NULL},
    {"date", "1970-01-01", NULL},
    {"date", "2000-02-29", NULL},
    {"date", "1900-02-29", "there is no such day"},
    {"date", "0000-03-01", NULL},
    {"date", "-0044-03-15", NULL},
    {"date", "5881580-07-11", NULL},
    {"date", "5881580-07-12", "it is out of range"},
    {"date", "2001-1-1", "it is not of the form YYYY-MM-DD"},
    {"date", "2001-13-01", "there is no such day"},
    {"date", "2001-01-01 ", "there is more behind its date"},
    {"date64", "1969-12-31", NULL},
    {"time32[s]", "23:59:59", NULL},
    {"time32[s]", "23:59:59.5", "it has more digits of a second than the type"},
    {"time32[ms]", "01:02", "01:02:00"},
    {"time64[us]", "00:00:00.000001", NULL},
    {"time64[ns]", "12:34:56.5", "12:34:56.500000000"},
    {"time64[us]", "24:00:00", "there is no such time of day"},
    {"timestamp[us]", "2001-01-01 00:01:00", NULL},
    {"timestamp[us]", "2001-01-01T00:01:00.25", "2001-01-01 00:01:00.250000"},
    {"timestamp[ms]", "1969-12-31 23:59:59.999", NULL},
    {"timestamp[us]", "2001-01-01", "2001-01-01 00:00:00"},
    {"timestamp[s]", "292277026596-12-04 15:30:07", NULL},
    {"timestamp[s]", "292277026596-12-04 15:30:08", "it is out of range"},
    {"timestamp[s]", "999999999999-12-04 15:30:08", "it is out of range"},
    {"timestamp[ns]", "1677-09-21 00:12:43.145224192", NULL},
    {"timestamp[ns]", "1677-09-21 00:12:43.145224191", "it is out of range"},
    {"timestamp[ns]", "2262-04-11 23:47:16.854775807", NULL},
    {"timestamp[ns]", "2262-04-11 23:47:16.854775808", "it is out of range"},
    {"timestamp[us]", "2001-01-01 00:00:00Z", "it has a time zone and the type has none"},
    {"timestamp[us, UTC]", "2001-01-01 00:00:00Z", NULL},
    {"timestamp[us, UTC]", "2001-01-01 00:00:00", "2001-01-01 00:00:00Z"},
    {"timestamp[us, UTC]", "2001-01-01 00:00:00+01:30", "2000-12-31 22:30:00Z"},
    {"timestamp[us, UTC]", "2001-01-01 00:00:00-0130", "2001-01-01 01:30:00Z"},
    {"timestamp[us, UTC]", "2001-01-01 00:00:00 UTC", "2001-01-01 00:00:00Z"},
    {"timestamp[us, UTC]", "2001-01-01 00:00:00+1", "its time zone is not of the form Z or +HH:MM"},
    {"duration[ms]", "PT1.5S", "PT1.500S"},
    {"duration[us]", "-5", "PT-0.000005S"},
    {"duration[ns]", "PT-9223372036.854775808S", NULL},
    {"duration[ns]", "PT9223372036.854775808S", "it is out of range"},
};

static void test_cases(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const char *expected = cases[i].again ? cases[i].again : cases[i].text;
    const char *found = again(cases[i].type, cases[i].text);
    if (strcmp(expected, found)) print_error("%s \"%s\":\n", cases[i].type, cases[i].text);
    assert_string_equal(found, expected);
  }
}

/* Intervals are written only. */
static void test_intervals(void **state) {
  (void)state;
  static const struct {
    const char *format;
    uint32_t value[4];
    const char *text;
  } cases_of_intervals[] = {
      {"tiM", {14}, "P14M0DT0S"},
      {"tiM", {(uint32_t)INT32_MIN}, "P-2147483648M0DT0S"},
      {"tiD", {3, 1500}, "P0M3DT1.500S"},
      {"tiD", {(uint32_t)-3, (uint32_t)-1}, "P0M-3DT-0.001S"},
      {"tin", {1, 2, 3, 0}, "P1M2DT0.000000003S"},
      {"tin",
       {(uint32_t)INT32_MIN, (uint32_t)INT32_MIN, 0, 0x80000000},
       "P-2147483648M-2147483648DT-9223372036.854775808S"},
  };
  for (size_t i = 0; i < sizeof cases_of_intervals / sizeof *cases_of_intervals; i++) {
    struct ArrowSchema schema = {.format = cases_of_intervals[i].format, .name = "i"};
    struct lam_type type;
    char text[LAM_VALUE_TEXT_ROOM + 1] = "";
    assert_int_equal(lam_type_parse(&schema, &type, &error), LAM_OK);
    text[lam_value_format(&type, cases_of_intervals[i].value, text)] = 0;
    assert_string_equal(text, cases_of_intervals[i].text);
  }
}

/* The decimal point of the locale must not matter. */
static void test_locale(void **state) {
  (void)state;
  const char *const names[] = {"de_DE.UTF-8", "de_DE", "fr_FR.UTF-8"};
  bool set = false;
  for (size_t i = 0; i < 3 && !set; i++) set = setlocale(LC_NUMERIC, names[i]) != NULL;
  assert_string_equal(again("double", "1.2345678901234567"), "1.2345678901234567");
  assert_string_equal(again("float", "1.1754944e-38"), "1.1754944e-38");
  assert_string_equal(again("float16", "0.33325"), "0.3333");
  setlocale(LC_NUMERIC, "C");
}

static const char *const fixed_types[] = {
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "float16",
    "float",
    "double",
    "date",
    "timestamp[s]",
    "timestamp[ms]",
    "timestamp[us]",
    "timestamp[ns]",
    "timestamp[us, UTC]",
    "duration[s]",
    "duration[ms]",
    "duration[us]",
    "duration[ns]",
    "decimal(38,10)",
    "decimal(38,0)",
    "decimal(20,20)",
    "decimal(76,30)",
    "time32[s]",
    "time32[ms]",
    "time64[us]",
    "time64[ns]",
};

/* Makes a random value one that the type allows. */
static void restrict_value(const struct lam_type *type, uint64_t *value, uint64_t random) {
  static const int64_t per_second[] = {1, 1000, 1000000, 1000000000};
  if (type->id == LAM_TYPE_TIME32 || type->id == LAM_TYPE_TIME64)
    value[0] %= (uint64_t)(LAM_SECONDS_OF_DAY * per_second[type->unit]);
  bool wide = type->id == LAM_TYPE_DECIMAL256;
  if (type->id != LAM_TYPE_DECIMAL128 && !wide) return;
  /* 10^20 > 2^66, 10^38 > 2^126, 10^76 > 2^252 */
  int bits = type->precision == 20 ? 66 : wide ? 252 : 126, keep = (int)(random % (uint64_t)bits) + 1;
  for (int i = 0; i < 4; i++) {
    int here = keep - 64 * i;
    value[i] = here <= 0 ? 0 : here >= 64 ? value[i] : value[i] & (((uint64_t)1 << here) - 1);
  }
  if (random >> 63) {
    uint64_t carry = 1;
    for (int i = 0; i < 4; i++) {
      value[i] = ~value[i] + carry;
      carry = carry && value[i] == 0;
    }
  }
}

static bool is_nan_of(const struct lam_type *type, const void *value) {
  if (type->id == LAM_TYPE_FLOAT16) return isnan(lam_half_to_float(lam_load16(value)));
  float f;
  double d;
  memcpy(&f, value, 4);
  memcpy(&d, value, 8);
  return type->id == LAM_TYPE_FLOAT32 ? isnan(f) : type->id == LAM_TYPE_FLOAT64 && isnan(d);
}

static void test_random_values_come_back(void **state) {
  (void)state;
  uint64_t seed = seed_of_test();
  for (size_t t = 0; t < sizeof fixed_types / sizeof *fixed_types; t++) {
    struct lam_type type = type_of(fixed_types[t]);
    size_t width = (size_t)lam_type_bits(&type) / 8;
    for (int i = 0; i < 20000; i++) {
      uint64_t value[4], found[4] = {0};
      for (int k = 0; k < 4; k++) value[k] = next_random(&seed);
      value[0] >>= i % 64;
      /* Doubles of few digits as well as random bits. */
      double few = (double)(int64_t)(value[0] >> 20) / 1000;
      if (type.id == LAM_TYPE_FLOAT64 && i % 2) memcpy(value, &few, 8);
      restrict_value(&type, value, next_random(&seed));
      if (is_nan_of(&type, value)) continue;
      char text[LAM_VALUE_TEXT_ROOM];
      size_t size = lam_value_format(&type, value, text);
      assert_in_range(size, 1, LAM_VALUE_TEXT_ROOM);
      assert_int_equal(lam_value_parse(&type, lam_bytes_of(text, size), found, &error), LAM_OK);
      if (memcmp(value, found, width)) print_error("%s: %.*s\n", fixed_types[t], (int)size, text);
      assert_memory_equal(value, found, width);
    }
  }
}

static void test_doubles_as_the_library_reads_them(void **state) {
  (void)state;
  uint64_t seed = seed_of_test();
  for (int i = 0; i < 50000; i++) {
    char text[64];
    uint64_t r = next_random(&seed);
    int size = snprintf(text, sizeof text, "%llu%llue%d", (unsigned long long)(next_random(&seed) >> (r & 63)),
                        (unsigned long long)(next_random(&seed) >> (r >> 8 & 63)), (int)(r >> 16 & 1023) - 560);
    double expected = strtod(text, NULL), found;
    if (isinf(expected)) continue;
    assert_null(lam_double_scan(lam_bytes_of(text, (size_t)size), &found));
    assert_memory_equal(&expected, &found, 8);
    float expected32 = strtof(text, NULL), found32;
    if (isinf(expected32)) continue;
    assert_null(lam_float_scan(lam_bytes_of(text, (size_t)size), &found32));
    assert_memory_equal(&expected32, &found32, 4);
  }
}

/* 1 + 2^-53 is a tie; what comes 900 digits later decides. */
static void test_ties_far_behind(void **state) {
  (void)state;
  char text[1000];
  strcpy(text, "1.00000000000000011102230246251565404236316680908203125");
  double found;
  assert_null(lam_double_scan(lam_bytes_of_string(text), &found));
  assert_true(found == 1.0);
  size_t n = strlen(text);
  memset(text + n, '0', 900);
  text[n + 900] = '1';
  assert_null(lam_double_scan(lam_bytes_of(text, n + 901), &found));
  assert_true(found == nextafter(1.0, 2.0));
}

static void test_every_half(void **state) {
  (void)state;
  for (uint32_t half = 0; half < 0x10000; half++) {
    float value = lam_half_to_float((uint16_t)half);
    if (isnan(value)) continue;
    assert_int_equal(lam_half_of_double((double)value), half);
  }
  assert_int_equal(lam_half_of_double(1.0 + 1.0 / 2048), 0x3c00); /* a tie, to even */
  assert_int_equal(lam_half_of_double(1.0 + 3.0 / 2048), 0x3c02); /* a tie, to even */
  assert_int_equal(lam_half_of_double(ldexp(1, -25)), 0);         /* a tie, to even */
  assert_int_equal(lam_half_of_double(ldexp(1.5, -25)), 1);
}

static void test_calendar(void **state) {
  (void)state;
  int64_t days = lam_days_of_civil(-1, 12, 31);
  for (int64_t year = 0; year < 3000; year++) {
    for (int month = 1; month <= 12; month++) {
      for (int day = 1; day <= lam_days_of_month(year, month); day++) {
        days++;
        assert_int_equal(lam_days_of_civil(year, month, day), days);
        struct lam_civil civil = lam_civil_of_days(days);
        assert_true(civil.year == year && civil.month == month && civil.day == day);
      }
    }
  }
  assert_int_equal(lam_days_of_civil(1970, 1, 1), 0);
}

static void test_utf8(void **state) {
  (void)state;
  static const char *const good[] = {"", "a", "abcdefghi\xc3\xa4", "\xef\xbf\xbf", "\xf4\x8f\xbf\xbf", "\xed\x9f\xbf"};
  static const char *const bad[] = {
      "\x80",    "\xc3", "abcdefgh\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe0\x80\x80", "\xf8\x88\x80\x80\x80",
      "\xe2\x82"};
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) assert_true(lam_utf8_valid(lam_bytes_of_string(good[i])));
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_false(lam_utf8_valid(lam_bytes_of_string(bad[i])));
  char room[16];
  assert_string_equal(lam_text_quote(lam_bytes_of_string("a\nb\xff"), room, sizeof room), "\"a.b.\"");
  assert_string_equal(lam_text_quote(lam_bytes_of_string("abcdefghijklmnopq"), room, sizeof room), "\"abcdefghi…\"");
}

static void test_columns(void **state) {
  (void)state;
  struct lam_context *context;
  struct lam_mem *mem;
  struct lam_builder builder;
  assert_int_equal(lam_context_create(NULL, &context, &error), LAM_OK);
  assert_int_equal(lam_mem_open(context, 0, &mem, &error), LAM_OK);
  static const struct {
    const char *type, *text, *again;
  } columns[] = {{"string", "h\xc3\xa4", "h\xc3\xa4"},
                 {"binary", "00FF", "00ff"},
                 {"bool", "TRUE", "true"},
                 {"fixed_size_binary[2]", "abcd", "abcd"},
                 {"fixed_size_binary[16]", "00112233-4455-6677-8899-aabbccddeeff", "00112233445566778899aabbccddeeff"},
                 {"decimal(10,2)", "1.5", "1.50"}};
  for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
    struct lam_type type = type_of(columns[i].type);
    struct ArrowSchema schema;
    struct ArrowArray array;
    struct lam_view view;
    struct lam_buf text;
    lam_buf_init(&text, mem);
    assert_int_equal(lam_builder_init(&builder, mem, &type, &error), LAM_OK);
    assert_int_equal(lam_builder_null(&builder, &error), LAM_OK);
    assert_int_equal(lam_value_build(&builder, lam_bytes_of_string(columns[i].text), &error), LAM_OK);
    assert_int_equal(lam_builder_finish(&builder, &array, &error), LAM_OK);
    assert_int_equal(lam_schema_init(&type, "c", true, &schema, &error), LAM_OK);
    assert_int_equal(lam_view_init(&schema, &array, &view, &error), LAM_OK);
    assert_int_equal(lam_value_text(&view, 0, &text, &error), LAM_OK);
    assert_int_equal(text.size, 0);
    assert_int_equal(lam_value_text(&view, 1, &text, &error), LAM_OK);
    assert_int_equal(text.size, strlen(columns[i].again));
    assert_memory_equal(text.data, columns[i].again, text.size);
    assert_int_equal(lam_value_build(&builder, lam_bytes_of_string("\xff"), &error), LAM_INVALID);
    assert_non_null(strstr(error.message, " is not a value of type "));
    lam_buf_release(&text);
    lam_array_release(&array);
    lam_schema_release(&schema);
    lam_builder_release(&builder);
  }
  assert_int_equal(lam_mem_used(mem), 0);
  lam_mem_close(mem);
  lam_context_free(context);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_cases),
      cmocka_unit_test(test_intervals),
      cmocka_unit_test(test_locale),
      cmocka_unit_test(test_random_values_come_back),
      cmocka_unit_test(test_doubles_as_the_library_reads_them),
      cmocka_unit_test(test_ties_far_behind),
      cmocka_unit_test(test_every_half),
      cmocka_unit_test(test_calendar),
      cmocka_unit_test(test_utf8),
      cmocka_unit_test(test_columns),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
