#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "encoding_support.h"

static struct fixture fixture;

enum { MOST = 700 };

static void levels_become_bits(void **state) {
  (void)state;
  for (int round = 0; round < 500; round++) {
    size_t count = random_below(&fixture, MOST), offset = random_below(&fixture, 20);
    uint32_t levels[MOST], max = 1 + (uint32_t)random_below(&fixture, 3);
    uint8_t *bits = malloc(MOST / 8 + 8);
    int64_t expected = 0;
    memset(bits, round % 2 ? 0xff : 0, MOST / 8 + 8);
    for (size_t i = 0; i < count; i++) expected += (levels[i] = (uint32_t)random_below(&fixture, max + 1)) == max;
    uint32_t *exact = (uint32_t *)(void *)exact_copy(levels, count * 4).data;
    assert_int_equal(lam_levels_to_validity(exact, count, max, bits, (int64_t)offset), expected);
    for (size_t i = 0; i < count; i++) assert_int_equal(lam_bit_get(bits, (int64_t)(offset + i)), levels[i] == max);
    for (size_t i = 0; i < offset; i++) assert_int_equal(lam_bit_get(bits, (int64_t)i), round % 2);
    for (size_t i = offset + count; i < MOST + 60; i++) assert_int_equal(lam_bit_get(bits, (int64_t)i), round % 2);
    free(exact);
    free(bits);
  }
}

static void check_spread(size_t width, size_t count, size_t offset, unsigned density) {
  size_t room = (offset + count + 7) / 8, valid = 0;
  uint8_t *bits = calloc(1, room + 1), *values = malloc(count * width + 1), *expected = calloc(count + 1, width);
  for (size_t i = 0; i < count;) { /* in stretches, so that whole words are set and clear */
    size_t run = random_below(&fixture, 4) ? 1 : 1 + random_below(&fixture, 150);
    bool value = random_below(&fixture, 100) < density;
    for (; run && i < count; run--, i++)
      if (value) lam_bit_set(bits, (int64_t)(offset + i));
  }
  memset(values, 0xee, count * width);
  for (size_t i = 0; i < count; i++) {
    if (!lam_bit_get(bits, (int64_t)(offset + i))) continue;
    for (size_t k = 0; k < width; k++) expected[i * width + k] = (uint8_t)next_random(&fixture);
    memcpy(values + valid++ * width, expected + i * width, width);
  }
  uint8_t *exact = (uint8_t *)exact_copy(values, count * width).data;
  uint8_t *exact_bits = (uint8_t *)exact_copy(bits, room).data;
  lam_spread(exact, width, exact_bits, (int64_t)offset, count, valid);
  if (count) assert_memory_equal(exact, expected, count * width);
  free(exact);
  free(exact_bits);
  free(bits);
  free(values);
  free(expected);
}

static void values_move_to_their_places(void **state) {
  (void)state;
  static const size_t widths[] = {1, 2, 3, 4, 5, 8, 12, 16, 21, 32};
  static const unsigned densities[] = {0, 1, 50, 95, 100};
  for (size_t w = 0; w < sizeof widths / sizeof *widths; w++)
    for (size_t d = 0; d < sizeof densities / sizeof *densities; d++)
      for (int round = 0; round < 30; round++)
        check_spread(widths[w], random_below(&fixture, round < 10 ? 70 : MOST), random_below(&fixture, 20),
                     densities[d]);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(levels_become_bits),
      cmocka_unit_test(values_move_to_their_places),
  };
  fixture_begin(&fixture);
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  fixture_end(&fixture);
  return failed;
}
