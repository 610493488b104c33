/* Partition names both ways, filters, and types of values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "store_support.h"
#include "table/partition.h"

static struct lam_context *context;
static struct lam_mem *mem;
static struct lam_arena arena;

static void test_names(void **state) {
  (void)state;
  static const struct {
    const char *column, *value, *name;
  } cases[] = {
      {"product_id", "BTC-USD", "product_id=BTC-USD"},
      {"a", "x/y", "a=x%2Fy"},
      {"a", "x=y", "a=x%3Dy"},
      {"a", "100%", "a=100%25"},
      {"a", "", "a="},
      {"a", NULL, "a=__HIVE_DEFAULT_PARTITION__"},
      {"a", "__HIVE_DEFAULT_PARTITION__", "a=%5F_HIVE_DEFAULT_PARTITION__"},
      {"a", "trailing  ", "a=trailing  "},
      {"a", "Zürich", "a=Zürich"},
      {"a", "\"#'*:?\\{[]^\x7f\n\t", "a=%22%23%27%2A%3A%3F%5C%7B%5B%5D%5E%7F%0A%09"},
      {"a", "}<>|~!@$&()+,;", "a=}<>|~!@$&()+,;"},
      {"col umn=", "1", "col umn%3D=1"},
      {"a", "..", "a=.."},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char *name;
    struct lam_partition parsed;
    OK(lam_partition_name(&arena, cases[i].column, cases[i].value, &name, &error));
    assert_string_equal(name, cases[i].name);
    OK(lam_partition_parse(&arena, name, &parsed, &error));
    assert_int_equal(parsed.count, 1);
    assert_string_equal(parsed.values[0].column, cases[i].column);
    if (cases[i].value)
      assert_string_equal(parsed.values[0].value, cases[i].value);
    else
      assert_null(parsed.values[0].value);
  }
  char *name, value[300];
  memset(value, 'v', sizeof value);
  value[253] = 0;
  OK(lam_partition_name(&arena, "c", value, &name, &error));
  assert_int_equal(strlen(name), 255);
  value[253] = 'v', value[254] = 0;
  FAILS(lam_partition_name(&arena, "c", value, &name, &error), LAM_INVALID, "256 bytes");
  FAILS(lam_partition_name(&arena, "", "x", &name, &error), LAM_INVALID, "no name");
}

static void test_parse(void **state) {
  (void)state;
  struct lam_partition p;
  const char *value;
  char *key;
  OK(lam_partition_parse(&arena, "year/a=1/plain/b=%4a%zz%0/=x", &p, &error));
  assert_int_equal(p.count, 2);
  assert_string_equal(p.values[1].value, "J%zz%0");
  assert_true(lam_partition_find(&p, "a", &value));
  assert_string_equal(value, "1");
  assert_false(lam_partition_find(&p, "plain", &value));
  OK(lam_partition_parse(&arena, "a=x%00y", &p, &error));
  assert_string_equal(p.values[0].value, "x%00y");
  OK(lam_partition_parse(&arena, "", &p, &error));
  assert_int_equal(p.count, 0);
  FAILS(lam_partition_parse(&arena, "a=1/b=2/a=3", &p, &error), LAM_CORRUPT, "two values for partition column 'a'");
  OK(lam_partition_parse(&arena, "a=1/b=x%2Fy", &p, &error));
  OK(lam_partition_key(&arena, &p, &key, &error));
  assert_string_equal(key, "a=1/b=x%2Fy");
  assert_true(lam_partition_is_name("a=") && !lam_partition_is_name("=a") && !lam_partition_is_name("a"));
}

static void test_filter(void **state) {
  (void)state;
  static const struct {
    const char *texts[3], *directory;
    bool may, matches;
  } cases[] = {
      {{"a=1"}, "a=1/b=2", true, true},
      {{"b=2"}, "a=1/b=2", true, true}, /* lesson 1: any subset */
      {{"b=2"}, "a=1", true, false},
      {{"b=2"}, "", true, false},
      {{"a=1", "b=3"}, "a=1/b=2", false, false},
      {{"a=1", "a=2"}, "a=2", true, true}, /* alternatives */
      {{"a=1", "a=2"}, "a=3", false, false},
      {{"a=__HIVE_DEFAULT_PARTITION__"}, "a=__HIVE_DEFAULT_PARTITION__", true, true},
      {{"a="}, "a=__HIVE_DEFAULT_PARTITION__", false, false},
      {{"a="}, "a=", true, true},
      {{"a=x/y"}, "a=x%2Fy", true, true},
      {{"a=b=c"}, "a=b%3Dc", true, true},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct lam_partition_filter filter;
    struct lam_partition p;
    size_t count = 0;
    while (count < 3 && cases[i].texts[count]) count++;
    OK(lam_partition_filter_parse(&arena, cases[i].texts, count, &filter, &error));
    OK(lam_partition_parse(&arena, cases[i].directory, &p, &error));
    assert_int_equal(lam_partition_filter_may_match(&filter, &p), cases[i].may);
    assert_int_equal(lam_partition_filter_matches(&filter, &p), cases[i].matches);
  }
  struct lam_partition_filter filter;
  const char *bad[] = {"a"};
  FAILS(lam_partition_filter_parse(&arena, bad, 1, &filter, &error), LAM_INVALID, "expected column=value");
}

static void test_types(void **state) {
  (void)state;
  static const struct {
    const char *text;
    enum lam_partition_type type;
    int64_t number;
  } cases[] = {
      {"0", LAM_PARTITION_INT64, 0},
      {"-17", LAM_PARTITION_INT64, -17},
      {"9223372036854775807", LAM_PARTITION_INT64, INT64_MAX},
      {"-9223372036854775808", LAM_PARTITION_INT64, INT64_MIN},
      {"9223372036854775808", LAM_PARTITION_STRING, 0},
      {"007", LAM_PARTITION_STRING, 0}, /* would not read back as it is written */
      {"-0", LAM_PARTITION_STRING, 0},
      {"+1", LAM_PARTITION_STRING, 0},
      {"", LAM_PARTITION_STRING, 0},
      {"1970-01-01", LAM_PARTITION_DATE, 0},
      {"2025-11-26", LAM_PARTITION_DATE, 20418},
      {"2024-02-29", LAM_PARTITION_DATE, 19782},
      {"1969-12-31", LAM_PARTITION_DATE, -1},
      {"2023-02-29", LAM_PARTITION_STRING, 0},
      {"2025-13-01", LAM_PARTITION_STRING, 0},
      {"2025-1-01", LAM_PARTITION_STRING, 0},
      {"1.5", LAM_PARTITION_STRING, 0},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    assert_int_equal(lam_partition_type_of(cases[i].text), cases[i].type);
    if (cases[i].type != LAM_PARTITION_STRING)
      assert_int_equal(lam_partition_number(cases[i].text, cases[i].type), cases[i].number);
  }
  assert_int_equal(lam_partition_type_join(LAM_PARTITION_INT64, LAM_PARTITION_DATE), LAM_PARTITION_STRING);
  assert_int_equal(lam_partition_type_join(LAM_PARTITION_DATE, LAM_PARTITION_DATE), LAM_PARTITION_DATE);
}

static int set_up(void **state) {
  (void)state;
  context = new_context();
  OK(lam_mem_open(context, 0, &mem, &error));
  lam_arena_init(&arena, mem);
  return 0;
}
static int tear_down(void **state) {
  (void)state;
  lam_arena_release(&arena);
  lam_mem_close(mem);
  lam_context_free(context);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_names), cmocka_unit_test(test_parse),
                                     cmocka_unit_test(test_filter), cmocka_unit_test(test_types)};
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
