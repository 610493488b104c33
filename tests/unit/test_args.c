/* Options of the command line. */
#include "cli/args.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka needs those above */
#include <cmocka.h>

struct values {
  bool flag;
  const char *text;
  uint64_t size;
  int64_t count, positive;
  struct string_list list, commas;
};

/* Parses words separated by '|', which are copied because lists cut them. */
static enum lam_status parse(struct values *v, struct string_list *words, bool stop, int *used, const char *line,
                             struct lam_error *error) {
  static char storage[65536];
  static char *argv[8192];
  int argc = 0;
  *v = (struct values){.count = -1};
  *words = (struct string_list){.count = 0};
  snprintf(storage, sizeof storage, "%s", line);
  for (char *p = storage; *line && p; argc++) {
    char *bar = strchr(p, '|');
    argv[argc] = p;
    if (bar) *bar++ = 0;
    p = bar;
  }
  const struct option first[] = {
      {"--flag", OPTION_FLAG, &v->flag},    {"--size", OPTION_SIZE, &v->size},
      {"--count", OPTION_COUNT, &v->count}, {"--positive", OPTION_POSITIVE, &v->positive},
      {"--list", OPTION_LIST, &v->list},    {"--commas", OPTION_COMMAS, &v->commas},
      {"-o", OPTION_STRING, &v->text},      {NULL, OPTION_FLAG, NULL},
  };
  const struct option second[] = {{"--text", OPTION_STRING, &v->text}, {NULL, OPTION_FLAG, NULL}};
  return args_parse(argc, argv, first, second, stop, words, used, error);
}

static void test_values(void **state) {
  (void)state;
  struct values v;
  struct string_list words;
  int used;
  assert_int_equal(
      parse(&v, &words, false, &used,
            "a|--flag|--size|2KiB|--count=0|--positive=7|--list|x,y|--list=z|--commas|p,,q|--commas|r|-o|-|b", NULL),
      LAM_OK);
  assert_true(v.flag);
  assert_int_equal(v.size, 2048);
  assert_int_equal(v.count, 0);
  assert_int_equal(v.positive, 7);
  assert_int_equal(v.list.count, 2);
  assert_string_equal(v.list.texts[0], "x,y");
  assert_string_equal(v.list.texts[1], "z");
  assert_int_equal(v.commas.count, 4);
  assert_string_equal(v.commas.texts[0], "p");
  assert_string_equal(v.commas.texts[1], "");
  assert_string_equal(v.commas.texts[2], "q");
  assert_string_equal(v.commas.texts[3], "r");
  assert_string_equal(v.text, "-");
  assert_int_equal(words.count, 2);
  assert_string_equal(words.texts[1], "b");
}

static void test_words(void **state) {
  (void)state;
  struct values v;
  struct string_list words;
  int used;
  assert_int_equal(parse(&v, &words, false, &used, "-|--|--flag|--text", NULL), LAM_OK);
  assert_int_equal(words.count, 3);
  assert_string_equal(words.texts[0], "-");
  assert_string_equal(words.texts[2], "--text");
  assert_false(v.flag);
  assert_int_equal(parse(&v, &words, true, &used, "--text|t|command|--unknown", NULL), LAM_OK);
  assert_int_equal(used, 3);
  assert_string_equal(v.text, "t");
  assert_int_equal(parse(&v, &words, false, &used, "--text=|--text=a=b", NULL), LAM_OK);
  assert_string_equal(v.text, "a=b");
}

static void test_faults(void **state) {
  (void)state;
  static const struct {
    const char *line, *message;
  } faults[] = {
      {"--nope", "there is no option --nope here"},
      {"--nope=1", "there is no option --nope here"},
      {"--fla", "there is no option --fla here"},
      {"-x", "there is no option -x here"},
      {"--flag=1", "--flag takes no value"},
      {"--text", "--text needs a value"},
      {"--count|", "--count '': expected a whole number, at least 0"},
      {"--count|-1", "--count '-1': expected a whole number, at least 0"},
      {"--count| 1", "--count ' 1': expected a whole number, at least 0"},
      {"--count|+1", "--count '+1': expected a whole number, at least 0"},
      {"--count|1x", "--count '1x': expected a whole number, at least 0"},
      {"--count|99999999999999999999", "expected a whole number"},
      {"--positive|0", "--positive '0': expected a whole number, at least 1"},
      {"--size|many", "--size: "},
  };
  for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
    struct values v;
    struct string_list words;
    struct lam_error error = LAM_ERROR_INIT;
    assert_int_equal(parse(&v, &words, false, NULL, faults[i].line, &error), LAM_INVALID);
    if (!strstr(error.message, faults[i].message)) fail_msg("%s: %s", faults[i].line, error.message);
  }
}

static void test_many_words(void **state) {
  (void)state;
  struct string_list list = {.count = 0};
  char texts[5000][16];
  for (int i = 0; i < 5000; i++) {
    snprintf(texts[i], sizeof texts[i], "%d", i);
    assert_int_equal(list_add(&list, texts[i], NULL), LAM_OK);
  }
  assert_int_equal(list.count, 5000);
  for (int i = 0; i < 5000; i++) assert_ptr_equal(list.texts[i], texts[i]);
}

static void test_allocation(void **state) {
  (void)state;
  void *memory;
  struct lam_error error = LAM_ERROR_INIT;
  assert_int_equal(args_alloc(SIZE_MAX, 2, &memory, &error), LAM_NO_MEMORY);
  assert_int_equal(args_alloc(SIZE_MAX, 1, &memory, &error), LAM_NO_MEMORY);
  assert_int_equal(args_alloc(0, 8, &memory, &error), LAM_OK);
}

static void test_sort_keys(void **state) {
  (void)state;
  static const struct {
    const char *text, *column;
    bool descending, nulls_first;
  } cases[] = {
      {"a", "a", false, false},
      {" a", "a", false, false},
      {"a asc", "a", false, false},
      {"a DESC", "a", true, false},
      {"a desc nulls first", "a", true, true},
      {"a nulls first", "a", false, true},
      {"a NULLS LAST", "a", false, false},
      {"two words desc", "two words", true, false},
      {"desc", "desc", false, false},
      {"nodesc", "nodesc", false, false},
  };
  enum { CASES = sizeof cases / sizeof *cases };
  char texts[CASES][32];
  struct string_list list = {.count = 0};
  for (int i = 0; i < CASES; i++) {
    snprintf(texts[i], sizeof texts[i], "%s", cases[i].text);
    assert_int_equal(list_add(&list, texts[i], NULL), LAM_OK);
  }
  const struct lam_sort_key *keys;
  int32_t count;
  assert_int_equal(args_sort_keys(&list, &keys, &count, NULL), LAM_OK);
  assert_int_equal(count, CASES);
  for (int i = 0; i < CASES; i++) {
    assert_string_equal(keys[i].column, cases[i].column);
    assert_int_equal(keys[i].descending, cases[i].descending);
    assert_int_equal(keys[i].nulls_first, cases[i].nulls_first);
  }
  char empty[] = "";
  struct string_list none = {.count = 0};
  assert_int_equal(args_sort_keys(&none, &keys, &count, NULL), LAM_OK);
  assert_null(keys);
  assert_int_equal(list_add(&none, empty, NULL), LAM_OK);
  assert_int_equal(args_sort_keys(&none, &keys, &count, NULL), LAM_INVALID);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_values),     cmocka_unit_test(test_words),      cmocka_unit_test(test_faults),
      cmocka_unit_test(test_many_words), cmocka_unit_test(test_allocation), cmocka_unit_test(test_sort_keys),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
