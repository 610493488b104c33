/* Patterns of LIKE: a table, random ones against a matcher that tries everything, and ones made to be slow. */
#include "arrow_support.h"

#include "expr/eval.h"

static bool matches(const char *pattern, const char *escape, struct lam_bytes text) {
  struct lam_arena arena;
  struct lam_pattern *compiled;
  lam_arena_init(&arena, mem);
  OK(lam_pattern_create(&arena, lam_bytes_of_string(pattern), lam_bytes_of_string(escape), &compiled, &error));
  bool found = lam_pattern_matches(compiled, text);
  lam_arena_release(&arena);
  return found;
}

static const struct {
  const char *pattern, *escape, *text;
  bool matches;
} cases[] = {
    {"", "", "", true},
    {"", "", "a", false},
    {"%", "", "", true},
    {"%%", "", "abc", true},
    {"_", "", "", false},
    {"_", "", "\xc3\xa9", true},
    {"__", "", "\xc3\xa9", false},
    {"a%", "", "abc", true},
    {"a%", "", "ba", false},
    {"%c", "", "abc", true},
    {"%c", "", "abcd", false},
    {"a%a", "", "a", false},
    {"a%a", "", "aa", true},
    {"%ab%", "", "aab", true},
    {"%a_c%", "", "xabaacx", true},
    {"a_c", "",
     "a\xc3\xa9"
     "c",
     true},
    {"%_", "", "\xc3\xa9", true},
    {"%__", "", "\xc3\xa9", false},
    {"a!%", "!", "a%", true},
    {"a!%", "!", "ab", false},
    {"!_%", "!", "_x", true},
    {"!!%", "!", "!x", true},
    {"\xc3\xa9%x", "\xc3\xa9", "%x", true},
    {"_", "", "\xff", true}, /* no UTF-8: bytes */
    {"%_", "", "a\xa9", true},
    {"A%", "", "abc", false},
};

static void test_cases(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    bool found = matches(cases[i].pattern, cases[i].escape, lam_bytes_of_string(cases[i].text));
    if (found != cases[i].matches) print_error("'%s' LIKE '%s'\n", cases[i].text, cases[i].pattern);
    assert_int_equal(found, cases[i].matches);
  }
}

static bool naive(const char *pattern, const char *text) {
  if (!*pattern) return !*text;
  if (*pattern == '%')
    return naive(pattern + 1, text) || (*text && naive(pattern, text + lam_utf8_length(lam_bytes_of_string(text))));
  if (!*text) return false;
  if (*pattern == '_') return naive(pattern + 1, text + lam_utf8_length(lam_bytes_of_string(text)));
  return *pattern == *text && naive(pattern + 1, text + 1);
}

static void random_string(uint64_t *random, const char *const *parts, size_t count, char *out) {
  *out = 0;
  for (uint64_t n = next_random(random) % 8; n > 0; n--) strcat(out, parts[next_random(random) % count]);
}

static void test_random(void **state) {
  (void)state;
  uint64_t random = seed_of_test();
  static const char *const parts[] = {"a", "b", "\xc3\xa9", "ab", "%", "_"};
  for (int i = 0; i < 30000; i++) {
    char pattern[32], text[32];
    random_string(&random, parts, 6, pattern);
    random_string(&random, parts, 4, text);
    bool found = matches(pattern, "", lam_bytes_of_string(text));
    if (found != naive(pattern, text)) print_error("'%s' LIKE '%s'\n", text, pattern);
    assert_int_equal(found, naive(pattern, text));
  }
}

/* A matcher that tries every place for every part would not come back. */
static void test_slow(void **state) {
  (void)state;
  enum { SIZE = 100000 };
  char *text = malloc(SIZE), pattern[256] = "";
  memset(text, 'a', SIZE);
  for (int i = 0; i < 40; i++) strcat(pattern, "%a_a");
  strcat(pattern, "%b");
  assert_false(matches(pattern, "", lam_bytes_of(text, SIZE)));
  free(text);
}

int main(void) {
  const struct CMUnitTest tests[] = {MEM_TEST(test_cases), MEM_TEST(test_random), MEM_TEST(test_slow)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
