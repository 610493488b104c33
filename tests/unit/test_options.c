#include "base/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lamella/lamella.h"

struct options {
  uint32_t struct_size;
  int32_t first, second;
};

static void test_options_of_every_size(void **state) {
  (void)state;
  const struct {
    uint32_t given;
    enum lam_status status;
    int32_t first, second;
  } cases[] = {
      {0, LAM_INVALID, -1, -1}, {3, LAM_INVALID, -1, -1},    {4, LAM_INVALID, -1, -1},
      {8, LAM_OK, 1, -1},       {12, LAM_OK, 1, 2},          {64, LAM_OK, 1, 2},
      {4096, LAM_OK, 1, 2},     {4097, LAM_INVALID, -1, -1}, {0xcdcdcdcd, LAM_INVALID, -1, -1},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct options given = {cases[i].given, 1, 2}, out = {sizeof out, -1, -1};
    struct lam_error error = LAM_ERROR_INIT;
    assert_int_equal(lam_options_read(&given, "LAM_X_INIT", &out, sizeof out, &error), cases[i].status);
    assert_int_equal(out.first, cases[i].first);
    assert_int_equal(out.second, cases[i].second);
    if (cases[i].status != LAM_OK) assert_non_null(strstr(error.message, "fill them with LAM_X_INIT"));
  }
  struct options out = {sizeof out, -1, -1};
  assert_int_equal(lam_options_read(NULL, "LAM_X_INIT", &out, sizeof out, NULL), LAM_OK);
  assert_int_equal(out.first, -1);
}

static void test_results_of_every_size(void **state) {
  (void)state;
  const struct {
    uint32_t room;
    int32_t first, second;
  } cases[] = {{0, -1, -1}, {4, -1, -1}, {8, 1, -1}, {12, 1, 2}, {64, 1, 2}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct options result = {sizeof result, 1, 2}, out = {cases[i].room, -1, -1};
    lam_result_write(&result, sizeof result, &out);
    assert_int_equal(out.struct_size, cases[i].room);
    assert_int_equal(out.first, cases[i].first);
    assert_int_equal(out.second, cases[i].second);
  }
  lam_result_write(&(struct options){sizeof(struct options), 1, 2}, sizeof(struct options), NULL);
}

/* A dry run that was asked for in a struct that nobody filled must not become a run. */
static void test_unfilled_options_are_refused(void **state) {
  (void)state;
  struct lam_context *context;
  struct lam_error error = LAM_ERROR_INIT;
  assert_int_equal(lam_context_create(NULL, &context, &error), LAM_OK);
  struct lam_compact_options compact = {.change.dry_run = true};
  struct lam_import_options import = {.change.dry_run = true};
  struct lam_verify_options verify = {.full = true};
  struct lam_table_options table = {.no_checksums = true};
  struct lam_file_options file = {.no_checksums = true};
  struct lam_table *no_table;
  struct lam_file *no_file;
  const char *source = "/nonexistent/a.parquet";
  assert_int_equal(lam_compact(context, "/nonexistent", &compact, NULL, &error), LAM_INVALID);
  assert_string_equal(error.message, "options of 0 bytes were given; fill them with LAM_COMPACT_OPTIONS_INIT");
  assert_int_equal(lam_import(context, &source, 1, "/nonexistent", &import, NULL, &error), LAM_INVALID);
  assert_int_equal(lam_verify(context, "/nonexistent", &verify, NULL, NULL, NULL, &error), LAM_INVALID);
  assert_int_equal(lam_table_open(context, "/nonexistent", &table, &no_table, &error), LAM_INVALID);
  assert_null(no_table);
  assert_int_equal(lam_file_open(context, source, &file, &no_file, &error), LAM_INVALID);
  assert_null(no_file);
  lam_context_free(context);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_options_of_every_size),
      cmocka_unit_test(test_results_of_every_size),
      cmocka_unit_test(test_unfilled_options_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
