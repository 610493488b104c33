#include "base/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* A small generator (splitmix64), so that a run can be repeated from its seed. */
static uint64_t next_random(uint64_t *seed) {
  uint64_t z = *seed += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

static void fill_random(uint8_t *bytes, size_t size, uint64_t *seed) {
  for (size_t i = 0; i < size; i++) bytes[i] = (uint8_t)next_random(seed);
}

/* The bytes that hold bits [0, end), from the heap, so that the sanitizer sees a read or write past them. */
static uint8_t *bitmap(int64_t end, uint64_t *seed) {
  size_t size = (size_t)(end + 7) / 8;
  uint8_t *bits = malloc(size ? size : 1);
  assert_non_null(bits);
  fill_random(bits, size, seed);
  return bits;
}

static void check_copy(int64_t to_offset, int64_t from_offset, int64_t count, uint64_t *seed) {
  uint8_t *from = bitmap(from_offset + count, seed), *to = bitmap(to_offset + count, seed);
  size_t to_size = (size_t)(to_offset + count + 7) / 8;
  uint8_t *expected = malloc(to_size ? to_size : 1);
  assert_non_null(expected);
  memcpy(expected, to, to_size);
  for (int64_t i = 0; i < count; i++) {
    if (lam_bit_get(from, from_offset + i))
      lam_bit_set(expected, to_offset + i);
    else
      lam_bit_clear(expected, to_offset + i);
  }
  lam_bits_copy(to, to_offset, from, from_offset, count);
  assert_memory_equal(to, expected, to_size);
  free(from), free(to), free(expected);
}

static void copies_bits_at_every_offset(void **state) {
  (void)state;
  uint64_t seed = 20261121;
  print_message("seed %llu\n", (unsigned long long)seed);
  static const int64_t counts[] = {0, 1, 2, 5, 7, 8, 9, 15, 16, 17, 31, 63, 64, 65, 127, 128, 200};
  for (int64_t to = 0; to < 17; to++)
    for (int64_t from = 0; from < 17; from++)
      for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) check_copy(to, from, counts[i], &seed);
}

static void counts_and_fills_bits(void **state) {
  (void)state;
  uint64_t seed = 7;
  for (int64_t offset = 0; offset < 17; offset++) {
    for (int64_t count = 0; count < 150; count++) {
      uint8_t *bits = bitmap(offset + count, &seed);
      int64_t expected = 0;
      for (int64_t i = 0; i < count; i++) expected += lam_bit_get(bits, offset + i);
      assert_int_equal(lam_bits_count(bits, offset, count), expected);
      int64_t before = 0, kept = 0;
      for (int64_t i = 0; i < offset; i++) before += lam_bit_get(bits, i) << i;
      bool value = count % 2;
      lam_bits_fill(bits, offset, count, value);
      assert_int_equal(lam_bits_count(bits, offset, count), value ? count : 0);
      for (int64_t i = 0; i < offset; i++) kept += lam_bit_get(bits, i) << i;
      assert_int_equal(kept, before);
      free(bits);
    }
  }
  uint8_t after[3] = {0, 0, 0};
  lam_bits_fill(after, 3, 10, true); /* the bits behind the range stay */
  assert_int_equal(after[0], 0xf8);
  assert_int_equal(after[1], 0x1f);
  assert_int_equal(after[2], 0);
}

static void parses_sizes(void **state) {
  (void)state;
  static const struct {
    const char *text;
    uint64_t bytes;
  } cases[] = {
      {"0", 0},
      {"4096", 4096},
      {"1b", 1},
      {"64kB", 64000},
      {"64KB", 64000},
      {"128MB", 128000000},
      {"128 MB", 128000000},
      {"128M", 128000000},
      {"1GiB", 1073741824},
      {"1gib", 1073741824},
      {"1.5GiB", 1610612736},
      {".5MiB", 524288},
      {"1.15MB", 1150000},
      {"0.7GB", 700000000},
      {"1.TB", 1000000000000},
      {"2TiB", 2199023255552},
      {"0.1234567899999MB", 123456},
      {"9223372036854775807", INT64_MAX},
      {"9007199254740993", 9007199254740993},
      {"8388607TiB", 8388607ull << 40},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    uint64_t bytes = 1;
    assert_int_equal(lam_parse_size(cases[i].text, &bytes, NULL), LAM_OK);
    if (bytes != cases[i].bytes) fail_msg("%s is %llu", cases[i].text, (unsigned long long)bytes);
  }
}

static void refuses_what_is_no_size(void **state) {
  (void)state;
  static const char *const cases[] = {
      "",
      ".",
      "MB",
      "-1",
      "+1",
      "1XB",
      "1 M B",
      "1..5MB",
      "1,5MB",
      "0x10",
      "1e9",
      " 1MB",
      "1MB ",
      "nan",
      "inf",
      "8388608TiB",
      "9223372036854775808",
      "99999999999999999999999999999999999999999",
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct lam_error error = LAM_ERROR_INIT;
    uint64_t bytes = 17;
    if (lam_parse_size(cases[i], &bytes, &error) != LAM_INVALID) fail_msg("'%s' is a size", cases[i]);
    assert_int_equal(bytes, 17);
    char expected[128];
    snprintf(expected, sizeof expected, "'%s' is not a size; expected a number with a unit, as 128MB or 1GiB",
             cases[i]);
    assert_string_equal(error.message, expected);
  }
}

static void formats_sizes(void **state) {
  (void)state;
  static const struct {
    uint64_t bytes;
    const char *text;
  } cases[] = {
      {0, "0 B"},
      {999, "999 B"},
      {1000, "1.0 kB"},
      {1049, "1.0 kB"},
      {1050, "1.1 kB"},
      {999949, "999.9 kB"},
      {999950, "1.0 MB"},
      {13500000, "13.5 MB"},
      {1000000000, "1.0 GB"},
      {2500000000000, "2.5 TB"},
      {1000000000000000, "1.0 PB"},
      {UINT64_MAX, "18.4 EB"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char text[32];
    assert_string_equal(lam_format_size(cases[i].bytes, text, sizeof text), cases[i].text);
  }
}

static void small_functions(void **state) {
  (void)state;
  static const struct {
    uint64_t value;
    int width;
  } widths[] = {{0, 0}, {1, 1}, {2, 2}, {3, 2}, {255, 8}, {256, 9}, {UINT64_MAX, 64}};
  for (size_t i = 0; i < sizeof widths / sizeof *widths; i++)
    assert_int_equal(lam_bit_width(widths[i].value), widths[i].width);
  assert_int_equal(lam_round_up(0, 64), 0);
  assert_int_equal(lam_round_up(1, 64), 64);
  assert_int_equal(lam_round_up(64, 64), 64);
  assert_int_equal(lam_round_up(65, 64), 128);
  size_t sum;
  assert_true(lam_add_overflow(SIZE_MAX, 1, &sum));
  assert_false(lam_add_overflow(1, 2, &sum));
  assert_int_equal(sum, 3);
  assert_true(lam_mul_overflow(SIZE_MAX / 2, 3, &sum));
  assert_int_equal(lam_min_u64(1, 2), 1);
  assert_int_equal(lam_max_u64(1, 2), 2);
  assert_int_equal(lam_min_i64(-1, 2), -1);
  assert_int_equal(lam_max_i64(-1, 2), 2);
  uint8_t raw[8] = {0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08}, again[8];
  assert_int_equal(lam_load16(raw), 0x0201);
  assert_int_equal(lam_load32(raw), 0x04030201);
  assert_int_equal(lam_load64(raw), 0x0807060504030201);
  assert_int_equal(lam_load32_be(raw), 0x01020304);
  lam_store16(again, 0x0201), assert_memory_equal(again, raw, 2);
  lam_store32(again, 0x04030201), assert_memory_equal(again, raw, 4);
  lam_store64(again, 0x0807060504030201), assert_memory_equal(again, raw, 8);
  lam_store32_be(again, 0x01020304), assert_memory_equal(again, raw, 4);
  assert_true(lam_bytes_equal(lam_bytes_of_string("ab"), lam_bytes_of("abc", 2)));
  assert_false(lam_bytes_equal(lam_bytes_of_string("ab"), lam_bytes_of_string("ac")));
  assert_false(lam_bytes_equal(lam_bytes_of_string("ab"), lam_bytes_of_string("a")));
  assert_true(lam_bytes_equal(lam_bytes_of(NULL, 0), lam_bytes_of_string("")));
  lam_copy(NULL, NULL, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(copies_bits_at_every_offset),
      cmocka_unit_test(counts_and_fills_bits),
      cmocka_unit_test(parses_sizes),
      cmocka_unit_test(refuses_what_is_no_size),
      cmocka_unit_test(formats_sizes),
      cmocka_unit_test(small_functions),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
