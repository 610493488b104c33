#include "base/error.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void names_each_status(void **state) {
  (void)state;
  static const struct {
    enum lam_status status;
    const char *name;
  } cases[] = {
      {LAM_OK, "ok"},
      {LAM_INVALID, "invalid"},
      {LAM_IO, "io"},
      {LAM_CORRUPT, "corrupt"},
      {LAM_UNSUPPORTED, "unsupported"},
      {LAM_LIMIT, "limit"},
      {LAM_NO_MEMORY, "no memory"},
      {LAM_NOT_FOUND, "not found"},
      {LAM_EXISTS, "exists"},
      {LAM_CONFLICT, "conflict"},
      {LAM_CANCELLED, "cancelled"},
      {(enum lam_status)99, "unknown"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    assert_string_equal(lam_status_name(cases[i].status), cases[i].name);
}

static void fills_the_error(void **state) {
  (void)state;
  struct lam_error error = LAM_ERROR_INIT;
  assert_int_equal(lam_fail(&error, LAM_CORRUPT, "page at offset %d", 42), LAM_CORRUPT);
  assert_int_equal(error.status, LAM_CORRUPT);
  assert_string_equal(error.message, "page at offset 42");
}

static void takes_no_error(void **state) {
  (void)state;
  assert_int_equal(lam_fail(NULL, LAM_IO, "lost"), LAM_IO);
  assert_int_equal(lam_fail_errno(NULL, ENOENT, "lost"), LAM_NOT_FOUND);
  assert_int_equal(lam_fail_in(NULL, LAM_LIMIT, "lost"), LAM_LIMIT);
  lam_error_copy(NULL, NULL);
}

static void translates_errno(void **state) {
  (void)state;
  static const struct {
    int code;
    enum lam_status status;
    const char *message;
  } cases[] = {
      {ENOENT, LAM_NOT_FOUND, "opening a.parquet: No such file or directory"},
      {EEXIST, LAM_EXISTS, "opening a.parquet: File exists"},
      {ENOMEM, LAM_NO_MEMORY, "opening a.parquet: Cannot allocate memory"},
      {ENOSPC, LAM_IO, "opening a.parquet: No space left on device"},
      {12345, LAM_IO, "opening a.parquet: Unknown error 12345"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct lam_error error = LAM_ERROR_INIT;
    assert_int_equal(lam_fail_errno(&error, cases[i].code, "opening %s", "a.parquet"), cases[i].status);
    assert_int_equal(error.status, cases[i].status);
    assert_string_equal(error.message, cases[i].message);
  }
}

static void puts_the_place_in_front(void **state) {
  (void)state;
  struct lam_error error = LAM_ERROR_INIT;
  lam_fail(&error, LAM_CORRUPT, "bad bit width 65");
  assert_int_equal(lam_fail_in(&error, error.status, "column '%s'", "b"), LAM_CORRUPT);
  assert_int_equal(lam_fail_in(&error, error.status, "a.parquet"), LAM_CORRUPT);
  assert_string_equal(error.message, "a.parquet: column 'b': bad bit width 65");
  assert_int_equal(lam_fail_in(&error, LAM_OK, "not used"), LAM_OK);
  assert_string_equal(error.message, "a.parquet: column 'b': bad bit width 65");
}

/* A caller built against a version whose struct was shorter: nothing is written behind its end. */
static void keeps_to_an_older_struct(void **state) {
  (void)state;
  struct lam_error error = LAM_ERROR_INIT;
  memset(error.message, '#', sizeof error.message);
  error.struct_size = offsetof(struct lam_error, message) + 8;
  lam_fail(&error, LAM_IO, "0123456789");
  assert_string_equal(error.message, "0123456");
  assert_int_equal(error.message[8], '#');
  lam_fail_in(&error, LAM_IO, "ab");
  assert_string_equal(error.message, "ab: 012");
  lam_fail_errno(&error, ENOENT, "x");
  assert_string_equal(error.message, "x: No s");
  assert_int_equal(error.message[8], '#');

  error.struct_size = offsetof(struct lam_error, message);
  error.message[0] = '!';
  assert_int_equal(lam_fail(&error, LAM_LIMIT, "text"), LAM_LIMIT);
  lam_fail_in(&error, LAM_LIMIT, "text");
  lam_fail_errno(&error, EIO, "text");
  assert_int_equal(error.message[0], '!');
}

static void cuts_between_characters(void **state) {
  (void)state;
  /* One room for seven bytes, texts whose seventh byte is at every place of a character. */
  static const struct {
    const char *text, *cut;
  } cases[] = {
      {"abcdefghi", "abcdefg"}, {"abcdefé", "abcdef"}, {"abcdeéxx", "abcdeé"}, {"abcde€", "abcde"},
      {"abcdef€", "abcdef"},    {"abcd€xx", "abcd€"},  {"abcdef😀", "abcdef"},  {"abcde😀", "abcde"},
      {"abcd😀", "abcd"},        {"abc😀x", "abc😀"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct lam_error error = LAM_ERROR_INIT;
    error.struct_size = offsetof(struct lam_error, message) + 8;
    lam_fail(&error, LAM_IO, "%s", cases[i].text);
    assert_string_equal(error.message, cases[i].cut);
  }
}

static void is_one_line_for_a_terminal(void **state) {
  (void)state;
  struct lam_error error = LAM_ERROR_INIT;
  lam_fail(&error, LAM_CORRUPT, "it begins with '%s'", "\x1b[2J\n\x7fé");
  lam_fail_in(&error, LAM_CORRUPT, "a\tb");
  assert_string_equal(error.message, "a.b: it begins with '.[2J..é'");
}

static void copies(void **state) {
  (void)state;
  struct lam_error from = LAM_ERROR_INIT, to = LAM_ERROR_INIT;
  lam_fail(&from, LAM_EXISTS, "there already");
  lam_error_copy(&to, &from);
  assert_int_equal(to.status, LAM_EXISTS);
  assert_string_equal(to.message, "there already");
  to.struct_size = offsetof(struct lam_error, message) + 6;
  lam_error_copy(&to, &from);
  assert_string_equal(to.message, "there");
  lam_error_copy(&from, &from);
  assert_string_equal(from.message, "there already");
}

static enum lam_status check(int value, struct lam_error *error) {
  LAM_CHECK(value < 3, error, "value %d", value);
  return LAM_OK;
}
static enum lam_status try(int value, struct lam_error *error) {
  LAM_TRY(check(value, error));
  return LAM_OK;
}

static void macros_return(void **state) {
  (void)state;
  struct lam_error error = LAM_ERROR_INIT;
  assert_int_equal(try(2, &error), LAM_OK);
  assert_int_equal(try(3, &error), LAM_CORRUPT);
  assert_string_equal(error.message, "value 3");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(names_each_status),       cmocka_unit_test(fills_the_error),
      cmocka_unit_test(takes_no_error),          cmocka_unit_test(translates_errno),
      cmocka_unit_test(puts_the_place_in_front), cmocka_unit_test(keeps_to_an_older_struct),
      cmocka_unit_test(cuts_between_characters), cmocka_unit_test(copies),
      cmocka_unit_test(macros_return),           cmocka_unit_test(is_one_line_for_a_terminal),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
