#include "arrow/type.h"

#include "arrow_support.h"

static const struct {
  const char *format, *name; /* the name reads back to the format, unless it begins with '-' */
} types[] = {
    {"n", "null"},
    {"b", "bool"},
    {"c", "int8"},
    {"S", "uint16"},
    {"l", "int64"},
    {"e", "float16"},
    {"f", "float"},
    {"g", "double"},
    {"d:10,2", "decimal(10,2)"},
    {"d:10,-2", "decimal(10,-2)"},
    {"d:10,2,256", "decimal256(10,2)"},
    {"d:76,2,256", "decimal256(76,2)"},
    {"tdD", "date"},
    {"tdm", "date64"},
    {"tts", "time32[s]"},
    {"ttn", "time64[ns]"},
    {"tsm:", "timestamp[ms]"},
    {"tsu:UTC", "timestamp[us, UTC]"},
    {"tsn:Europe/Berlin", "-timestamp[ns, Europe/Berlin]"},
    {"tDs", "duration[s]"},
    {"u", "string"},
    {"U", "large_string"},
    {"vz", "binary_view"},
    {"w:16", "fixed_size_binary[16]"},
    {"+l", "-list"},
    {"+w:3", "-fixed_size_list[3]"},
    {"+m", "-map"},
    {"tin", "month_day_nano_interval"},
};

static void test_formats_and_names(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
    struct ArrowSchema schema = {.format = types[i].format};
    struct lam_type type, again;
    char format[96], name[96];
    OK(lam_type_parse(&schema, &type, &error));
    OK(lam_type_format(&type, format, sizeof format, &error));
    assert_string_equal(format, types[i].format);
    bool readable = types[i].name[0] != '-';
    assert_string_equal(lam_type_name(&type, name, sizeof name), types[i].name + !readable);
    assert_true(lam_type_equal(&type, &type));
    if (!readable) continue;
    OK(lam_type_parse_name(name, &again, &error));
    assert_true(lam_type_equal(&type, &again));
  }
}

static void test_bad_formats(void **state) {
  (void)state;
  static const struct {
    const char *format;
    enum lam_status status;
  } bad[] = {{"", LAM_INVALID},
             {"x", LAM_INVALID},
             {"d:", LAM_INVALID},
             {"d:39,0", LAM_INVALID},
             {"d:0,0", LAM_INVALID},
             {"d:5", LAM_INVALID},
             {"d:5,2x", LAM_INVALID},
             {"w:", LAM_INVALID},
             {"w:-1", LAM_INVALID},
             {"w:99999999999", LAM_INVALID},
             {"w:268435456", LAM_INVALID},
             {"ii", LAM_INVALID},
             {"d:9,2,64", LAM_UNSUPPORTED},
             {"+r", LAM_UNSUPPORTED},
             {"+us:0,1", LAM_UNSUPPORTED},
             {"+vl", LAM_UNSUPPORTED},
             {"tsx:", LAM_INVALID}};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    struct ArrowSchema schema = {.format = bad[i].format};
    struct lam_type type;
    assert_int_equal(lam_type_parse(&schema, &type, &error), bad[i].status);
  }
  struct ArrowSchema none = {0};
  struct lam_type type;
  assert_int_equal(lam_type_parse(&none, &type, &error), LAM_INVALID);
}

static void test_sql_names(void **state) {
  (void)state;
  static const char *const names[][2] = {
      {"BIGINT", "int64"},
      {" Varchar ", "string"},
      {"varchar(20)", "string"},
      {"timestamp", "timestamp[us]"},
      {"TIMESTAMPTZ", "timestamp[us, UTC]"},
      {"timestamp[ns, tz=UTC]", "timestamp[ns, UTC]"},
      {"numeric(5)", "decimal(5,0)"},
      {"DECIMAL(10, 2)", "decimal(10,2)"},
      {"decimal(40,2)", "decimal256(40,2)"},
      {"double precision", "double"},
      {"real", "float"},
      {"blob", "binary"},
      {"time", "time64[us]"},
  };
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    char name[96];
    struct lam_type type = type_of(names[i][0]);
    assert_string_equal(lam_type_name(&type, name, sizeof name), names[i][1]);
  }
  static const char *const bad[] = {"",
                                    "list",
                                    "intt",
                                    "decimal()",
                                    "decimal(39",
                                    "decimal128(39,0)",
                                    "timestamp[xs]",
                                    "timestamp[us, Mars]",
                                    "time32[us]",
                                    "fixed_size_binary[x]",
                                    "int64[3]"};
  struct lam_type type;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    FAILS(lam_type_parse_name(bad[i], &type, &error), LAM_INVALID, "is not a type");
}

static void test_properties(void **state) {
  (void)state;
  struct lam_type a = type_of("timestamp[us]"), b = type_of("timestamp[us, UTC]"), c = type_of("timestamp[ms]");
  assert_false(lam_type_equal(&a, &b) || lam_type_equal(&a, &c));
  a = type_of("decimal(10,2)"), b = type_of("decimal(10,3)");
  assert_false(lam_type_equal(&a, &b));
  a = type_of("fixed_size_binary[3]");
  assert_int_equal(lam_type_bits(&a), 24);
  a = type_of("bool");
  assert_int_equal(lam_type_bits(&a), 1);
  a = type_of("decimal(50,0)");
  assert_int_equal(lam_type_bits(&a), 256);
  a = type_of("string");
  assert_int_equal(lam_type_bits(&a), 0);
  char zone[200], format[96];
  memset(zone, 'x', 199), zone[199] = 0;
  a = (struct lam_type){.id = LAM_TYPE_TIMESTAMP, .timezone = zone};
  FAILS(lam_type_format(&a, format, sizeof format, &error), LAM_INVALID, "time zone");
  a = (struct lam_type){.id = LAM_TYPE_TIME32, .unit = LAM_UNIT_NANO, .timezone = ""};
  FAILS(lam_type_format(&a, format, sizeof format, &error), LAM_INVALID, "no Arrow format");
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_formats_and_names), cmocka_unit_test(test_bad_formats),
                                     cmocka_unit_test(test_sql_names), cmocka_unit_test(test_properties)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
