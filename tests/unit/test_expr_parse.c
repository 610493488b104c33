/* The parser and the printer of expressions: precedence, literals, messages, long texts, and random trees that come
 * back from their text. */
#include "arrow_support.h"

#include "expr_support.h"

/* Texts and how they print: with few brackets, sugar replaced. */
static const struct {
  const char *text, *printed;
} cases[] = {
    {"a = 1", "a = 1"},
    {"a<>1", "a <> 1"},
    {"a != 1", "a <> 1"},
    {"a == 1", "a = 1"},
    {"a<=1 and b>=2", "a <= 1 AND b >= 2"},
    {"a = 1 OR b = 2 AND NOT c = 3", "a = 1 OR b = 2 AND NOT (c = 3)"},
    {"(a = 1 OR b = 2) AND c", "(a = 1 OR b = 2) AND c"},
    {"a AND (b AND c) AND d", "a AND b AND c AND d"},
    {"not not a", "NOT NOT a"},
    {"a + b * c - d / e % f", "a + b * c - d / e % f"},
    {"(a + b) * c", "(a + b) * c"},
    {"a - (b - c)", "a - (b - c)"},
    {"-a * -3", "-a * -3"},
    {"- - a", "--a"},
    {"+a", "a"},
    {"a--5", "a - -5"},
    {"-(a + 1) < 2", "-(a + 1) < 2"},
    {"a BETWEEN 1 AND 2 AND b", "a >= 1 AND a <= 2 AND b"},
    {"a NOT BETWEEN 1 + 1 AND 2", "NOT (a >= 1 + 1 AND a <= 2)"},
    {"a In (1,2,'x')", "a IN (1, 2, 'x')"},
    {"a NOT IN (NULL)", "NOT (a IN (NULL))"},
    {"a LIKE 'x%' ESCAPE '\\'", "a LIKE 'x%' ESCAPE '\\'"},
    {"a not like '_''%'", "NOT (a LIKE '_''%')"},
    {"a is null or b IS NOT NULL", "a IS NULL OR NOT (b IS NULL)"},
    {"(a = 1) IS NULL", "(a = 1) IS NULL"},
    {"(a = 1) = (b = 2)", "(a = 1) = (b = 2)"},
    {"CASE WHEN a THEN 1 WHEN b THEN 2 ELSE 3 END", "CASE WHEN a THEN 1 WHEN b THEN 2 ELSE 3 END"},
    {"CASE a WHEN 1 THEN 'x' END", "CASE WHEN a = 1 THEN 'x' END"},
    {"CASE WHEN a THEN 1 ELSE NULL END", "CASE WHEN a THEN 1 END"},
    {"cast(a AS varchar)", "CAST(a AS string)"},
    {"cast(a + 1 as Decimal( 10,2 ))", "CAST(a + 1 AS decimal(10,2))"},
    {"CAST(a AS timestamp[us, UTC])", "CAST(a AS timestamp[us, UTC])"},
    {"Coalesce(a, b, 0)", "coalesce(a, b, 0)"},
    {"substring(a, 2) = substr(a, 2, 3)", "substr(a, 2) = substr(a, 2, 3)"},
    {"ceiling(a)", "ceil(a)"},
    {"date_trunc('month', ts)", "date_trunc('month', ts)"},
    {"true and FALSE and Null", "TRUE AND FALSE AND NULL"},
    {"DATE '2025-11-26'", "DATE '2025-11-26'"},
    {"date = '2025-11-26'", "date = '2025-11-26'"},
    {"date = date '2025-11-26'", "date = DATE '2025-11-26'"},
    {"timestamp '2025-11-26 10:00:00.5'", "TIMESTAMP '2025-11-26 10:00:00.500000'"},
    {"TIMESTAMP '2025-11-26T10:00:00.123456789+01:00'", "TIMESTAMP '2025-11-26 09:00:00.123456789Z'"},
    {"x'00Ff'", "X'00ff'"},
    {"x = 1", "x = 1"},
    {"\"a b\".\"c\"\"d\".e", "\"a b\".\"c\"\"d\".e"},
    {"\"AND\" = \"plain\"", "\"AND\" = plain"},
    {"caf\xc3\xa9 = 'na\xc3\xafve'", "caf\xc3\xa9 = 'na\xc3\xafve'"},
    {"length = length(length)", "length = length(length)"},
    {"1", "1"},
    {"9223372036854775807", "9223372036854775807"},
    {"9223372036854775808", "9223372036854775808"},
    {"-9223372036854775808", "-9223372036854775808"},
    {"1.50", "1.50"},
    {".5", "0.5"},
    {"-0.05", "-0.05"},
    {"5.", "5."},
    {"100000000000000000000000000000000000000000", "100000000000000000000000000000000000000000."},
    {"1e3", "1000.0e0"},
    {"-1.5E-10", "-1.5e-10"},
    {"  a\n=\t1 ", "a = 1"},
};

static void test_prints(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct lam_arena arena;
    struct lam_buf buf;
    const struct lam_expr *expr, *again;
    lam_arena_init(&arena, mem);
    lam_buf_init(&buf, mem);
    OK(lam_expr_parse(cases[i].text, &arena, &expr, &error));
    print_expr(expr, &buf);
    expect_text(&buf, cases[i].printed);
    OK(lam_expr_parse(text_of(&buf), &arena, &again, &error));
    if (!same_expr(expr, again)) print_error("%s\n", cases[i].text);
    assert_true(same_expr(expr, again));
    lam_buf_release(&buf);
    lam_arena_release(&arena);
  }
}

static const struct {
  const char *text, *message;
} faults[] = {
    {"", "expected a value at position 1, found the end"},
    {"a = 1 AND", "expected a value at position 10, found the end"},
    {"a AND OR b", "expected a value at position 7, found \"OR\""},
    {"a b", "expected an operator, AND, OR or the end at position 3, found \"b\""},
    {"a = b = c", "at position 7, found \"=\""},
    {"(a", "expected \")\" or an operator at position 3"},
    {"a)", "found \")\""},
    {"'abc", "the text that begins at position 1 does not end"},
    {"a = \"b", "the quoted name that begins at position 5 does not end"},
    {"12abc", "a number that does not end as one at position 1"},
    {"1e", "position 1"},
    {"1e+", "position 1"},
    {"a # b", "\"#\" at position 3 is no part of an expression"},
    {"a ; b", "\";\" at position 3"},
    {"a NOT b", "expected IN, BETWEEN or LIKE at position 7"},
    {"a IS 5", "expected NULL or NOT NULL at position 6"},
    {"a IN 5", "expected \"(\" after IN"},
    {"a IN ()", "expected a value at position 7"},
    {"a LIKE b", "expected a pattern in single quotes at position 8"},
    {"a LIKE 'x' ESCAPE 'xy'", "expected one character after ESCAPE at position 19"},
    {"a BETWEEN 1 OR 2", "expected AND and the upper end of BETWEEN at position 13"},
    {"CASE a END", "expected WHEN"},
    {"CASE WHEN a THEN 1", "expected END"},
    {"CAST(a, int)", "expected AS and a type"},
    {"CAST(a AS what)", "the type at position 11: \"what\" is not a type"},
    {"CAST(a AS int", "expected \")\""},
    {"nope(1)", "there is no function \"nope\" (position 1)"},
    {"abs()", "abs at position 1 takes 1 argument, found 0"},
    {"substr(a)", "substr at position 1 takes 2 or one more arguments, found 1"},
    {"DATE '2025-02-30'", "the literal at position 1: \"2025-02-30\" is not a value of type date"},
    {"TIMESTAMP '2025'", "the literal at position 1"},
    {"X'0'", "odd number"},
    {"1e999", "position 1"},
    {"a = '\xff'", "not UTF-8"},
    {"a.", "expected a name at position 3"},
    {"12345678901234567890123456789012345678901234567890123456789012345678901234567", "has 77 digits"},
};

static void test_faults(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
    struct lam_arena arena;
    const struct lam_expr *expr;
    lam_arena_init(&arena, mem);
    FAILS(lam_expr_parse(faults[i].text, &arena, &expr, &error), LAM_INVALID, faults[i].message);
    assert_null(expr);
    lam_arena_release(&arena);
  }
}

/* "<head><part><part>…<tail>" */
static char *repeat(const char *head, const char *part, int count, const char *tail) {
  size_t n = strlen(head), size = strlen(part);
  char *text = malloc(n + size * (size_t)count + strlen(tail) + 1);
  assert_non_null(text);
  lam_copy(text, head, n);
  for (int i = 0; i < count; i++) lam_copy(text + n + size * (size_t)i, part, size);
  strcpy(text + n + size * (size_t)count, tail);
  return text;
}

static void expect_long(const char *head, const char *part, int count, const char *tail, const char *message) {
  struct lam_arena arena;
  const struct lam_expr *expr;
  char *text = repeat(head, part, count, tail);
  lam_arena_init(&arena, mem);
  if (message)
    FAILS(lam_expr_parse(text, &arena, &expr, &error), LAM_INVALID, message);
  else
    OK(lam_expr_parse(text, &arena, &expr, &error));
  lam_arena_release(&arena);
  free(text);
}

static void test_long_texts(void **state) {
  (void)state;
  expect_long("a IN (0", ",1234567", 100000, ")", NULL);
  expect_long("a = 1", " OR a = 1", 100000, "", NULL);
  expect_long("", "(", 150, "a", "expected");
  expect_long("", "(", 100000, "a", "nested deeper than 200 levels");
  expect_long("", "NOT ", 100000, "a", "nested deeper");
  expect_long("", "-", 100000, "a", "nested deeper");
  expect_long("", "CASE ", 100000, "a", "nested deeper");
  expect_long("", "abs(", 100000, "a", "nested deeper");
  expect_long("a", "+a", 100000, "", "nested deeper");
  expect_long("a", ".a", 100000, "", "no more parts of a name");
  expect_long("a", " ", 1 << 20, "", "bytes; 1048576 are allowed");
  /* Each level uses the one below twice. */
  char *text = strdup("a"), *next;
  for (int i = 0; i < 40; i++) {
    next = malloc(strlen(text) + 40);
    sprintf(next, "(%s) BETWEEN TRUE AND FALSE", text);
    free(text);
    text = next;
  }
  struct lam_arena arena;
  const struct lam_expr *expr;
  lam_arena_init(&arena, mem);
  FAILS(lam_expr_parse(text, &arena, &expr, &error), LAM_INVALID, "more than 1048576 parts");
  lam_arena_release(&arena);
  free(text);
}

static void test_assignments(void **state) {
  (void)state;
  struct lam_arena arena;
  struct lam_assignment *list;
  struct lam_buf buf;
  int32_t count;
  lam_arena_init(&arena, mem);
  lam_buf_init(&buf, mem);
  OK(lam_assignments_parse("a = b + 1, \"c d\" = CASE WHEN a = 1 THEN 2 END,e=a=1", &arena, &list, &count, &error));
  assert_int_equal(count, 3);
  static const char *const names[] = {"a", "c d", "e"};
  static const char *const values[] = {"b + 1", "CASE WHEN a = 1 THEN 2 END", "a = 1"};
  for (int i = 0; i < 3; i++) {
    assert_true(lam_bytes_equal(list[i].name, lam_bytes_of_string(names[i])));
    buf.size = 0;
    print_expr(list[i].value, &buf);
    expect_text(&buf, values[i]);
  }
  static const char *const bad[][2] = {{"", "expected a name"},          {"a", "expected \"=\" behind the column"},
                                       {"a = 1,", "expected a name"},    {"a.b = 1", "expected \"=\""},
                                       {"and = 1", "expected a column"}, {"a = 1 b = 2", "expected \",\" or the end"}};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    FAILS(lam_assignments_parse(bad[i][0], &arena, &list, &count, &error), LAM_INVALID, bad[i][1]);
  lam_buf_release(&buf);
  lam_arena_release(&arena);
}

static void test_random(void **state) {
  (void)state;
  uint64_t random = seed_of_test();
  for (int i = 0; i < 3000; i++) {
    struct lam_arena arena;
    struct lam_buf text, printed;
    const struct lam_expr *expr, *again;
    lam_arena_init(&arena, mem);
    lam_buf_init(&text, mem);
    lam_buf_init(&printed, mem);
    random_text(&random, 5, random_any, &text);
    OK(lam_expr_parse(text_of(&text), &arena, &expr, &error));
    print_expr(expr, &printed);
    OK(lam_expr_parse(text_of(&printed), &arena, &again, &error));
    if (!same_expr(expr, again)) print_error("%s\n%s\n", text_of(&text), text_of(&printed));
    assert_true(same_expr(expr, again));
    lam_buf_release(&text);
    lam_buf_release(&printed);
    lam_arena_release(&arena);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {MEM_TEST(test_prints), MEM_TEST(test_faults), MEM_TEST(test_long_texts),
                                     MEM_TEST(test_assignments), MEM_TEST(test_random)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
