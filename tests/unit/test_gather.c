#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "encoding_support.h"

static struct fixture fixture;

static const size_t counts[] = {0, 1, 3, 7, 8, 15, 16, 17, 100, 1023, 1024, 1025, 3000};

static void gathers_every_width(void **state) {
  (void)state;
  static const size_t widths[] = {0, 1, 2, 3, 4, 5, 8, 12, 16, 20, 32};
  for (size_t w = 0; w < sizeof widths / sizeof *widths; w++)
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
      size_t width = widths[w], count = counts[c], size = 1 + random_below(&fixture, 500);
      uint8_t *dictionary = malloc(size * width + 1), *to = malloc(count * width + 1);
      uint32_t *indices = malloc(count * 4 + 4);
      for (size_t i = 0; i < size * width; i++) dictionary[i] = (uint8_t)next_random(&fixture);
      for (size_t i = 0; i < count; i++) indices[i] = (uint32_t)random_below(&fixture, size);
      uint8_t *exact = (uint8_t *)exact_copy(dictionary, size * width).data;
      assert_int_equal(lam_gather(exact, size, width, indices, count, to, NULL), LAM_OK);
      for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < width; k++) assert_int_equal(to[i * width + k], dictionary[indices[i] * width + k]);
      free(exact);
      free(dictionary);
      free(to);
      free(indices);
    }
}

static void an_index_beyond_the_dictionary_is_named(void **state) {
  (void)state;
  static const uint8_t dictionary[12 * 8];
  for (size_t c = 1; c < sizeof counts / sizeof *counts; c++) {
    uint32_t indices[3000] = {0};
    static uint8_t to[3000 * 8];
    size_t bad = random_below(&fixture, counts[c]);
    char expected[100];
    struct lam_error error = LAM_ERROR_INIT;
    indices[bad] = random_below(&fixture, 2) ? 12 : UINT32_MAX;
    assert_int_equal(lam_gather(dictionary, 12, 8, indices, counts[c], to, &error), LAM_CORRUPT);
    snprintf(expected, sizeof expected, "value %zu has the dictionary index %u; the dictionary has 12 values", bad,
             indices[bad]);
    assert_string_equal(error.message, expected);
    assert_int_equal(lam_indices_check(indices, counts[c], 12), bad);
    assert_int_equal(lam_indices_check(indices, bad, 12), bad);
  }
}

static void an_empty_dictionary_has_no_index(void **state) {
  (void)state;
  uint32_t index = 0, value;
  assert_int_equal(lam_gather(NULL, 0, 4, &index, 1, (uint8_t *)&value, NULL), LAM_CORRUPT);
  assert_int_equal(lam_gather(NULL, 0, 4, NULL, 0, NULL, NULL), LAM_OK);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(gathers_every_width),
      cmocka_unit_test(an_index_beyond_the_dictionary_is_named),
      cmocka_unit_test(an_empty_dictionary_has_no_index),
  };
  fixture_begin(&fixture);
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  fixture_end(&fixture);
  return failed;
}
