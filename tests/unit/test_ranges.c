#include "arrow_support.h"
#include "base/ranges.h"

static void expect_ranges(const struct lam_ranges *ranges, const int64_t *pairs, size_t count) {
  assert_int_equal(lam_ranges_count(ranges), count);
  for (size_t i = 0; i < count; i++) {
    assert_int_equal(lam_ranges_at(ranges, i)->first, pairs[2 * i]);
    assert_int_equal(lam_ranges_at(ranges, i)->end, pairs[2 * i + 1]);
  }
}
#define EXPECT(ranges, ...)                                                  \
  do {                                                                       \
    const int64_t expected[] = {__VA_ARGS__};                                \
    expect_ranges(ranges, expected, sizeof expected / sizeof *expected / 2); \
  } while (0)

static void test_add_joins_what_touches(void **state) {
  (void)state;
  struct lam_ranges ranges;
  lam_ranges_init(&ranges, mem);
  assert_int_equal(lam_ranges_total(&ranges), 0);
  OK(lam_ranges_add(&ranges, 5, 5, &error)); /* empty: nothing */
  assert_int_equal(lam_ranges_count(&ranges), 0);
  OK(lam_ranges_add(&ranges, 0, 10, &error));
  OK(lam_ranges_add(&ranges, 10, 20, &error));
  OK(lam_ranges_add(&ranges, 12, 15, &error)); /* within */
  OK(lam_ranges_add(&ranges, 18, 25, &error));
  OK(lam_ranges_add(&ranges, 26, 30, &error));
  EXPECT(&ranges, 0, 25, 26, 30);
  assert_int_equal(lam_ranges_total(&ranges), 29);
  lam_ranges_release(&ranges);
}

static void test_add_near_keeps_within_a_size(void **state) {
  (void)state;
  struct lam_ranges ranges;
  lam_ranges_init(&ranges, mem);
  OK(lam_ranges_add_near(&ranges, 0, 10, 5, 40, &error));
  OK(lam_ranges_add_near(&ranges, 15, 20, 5, 40, &error));
  OK(lam_ranges_add_near(&ranges, 26, 30, 5, 40, &error)); /* too far */
  OK(lam_ranges_add_near(&ranges, 32, 70, 5, 40, &error)); /* too long */
  OK(lam_ranges_add_near(&ranges, 70, 90, 5, 40, &error)); /* touches, so that the two cannot stay two */
  OK(lam_ranges_add_near(&ranges, INT64_MAX - 1, INT64_MAX, INT64_MAX, INT64_MAX, &error));
  EXPECT(&ranges, 0, 20, 26, 30, 32, INT64_MAX);
  lam_ranges_clear(&ranges);
  OK(lam_ranges_add_near(&ranges, INT64_MIN, INT64_MIN + 1, 5, INT64_MAX, &error));
  OK(lam_ranges_add_near(&ranges, INT64_MAX - 1, INT64_MAX, 5, INT64_MAX, &error));
  assert_int_equal(lam_ranges_count(&ranges), 2);
  lam_ranges_release(&ranges);
}

enum { BITS = 300 };

static void random_bits(uint64_t *seed, uint8_t *bits) {
  memset(bits, 0, BITS / 8 + 1);
  bool value = next_random(seed) & 1;
  for (int at = 0; at < BITS; value = !value) {
    int run = 1 + (int)(next_random(seed) % (next_random(seed) % 4 ? 5 : 150));
    for (; run > 0 && at < BITS; run--, at++)
      if (value) lam_bit_set(bits, at);
  }
}

static void expect_bits(const struct lam_ranges *ranges, const uint8_t *bits, int64_t count, int64_t base) {
  int64_t at = 0, previous = -2;
  for (size_t i = 0; i < lam_ranges_count(ranges); i++) {
    const struct lam_range *range = lam_ranges_at(ranges, i);
    assert_true(range->first < range->end && range->first > previous);
    previous = range->end;
    for (; at < range->first - base; at++) assert_false(lam_bit_get(bits, at));
    for (; at < range->end - base; at++) assert_true(lam_bit_get(bits, at));
  }
  for (; at < count; at++) assert_false(lam_bit_get(bits, at));
  assert_int_equal(lam_ranges_total(ranges), lam_bits_count(bits, 0, count));
}

static void test_against_bitmaps(void **state) {
  (void)state;
  uint64_t seed = seed_of_test();
  struct lam_ranges a, b, both, either;
  lam_ranges_init(&a, mem);
  lam_ranges_init(&b, mem);
  lam_ranges_init(&both, mem);
  lam_ranges_init(&either, mem);
  for (int round = 0; round < 500; round++) {
    uint8_t bits_a[BITS / 8 + 1], bits_b[BITS / 8 + 1], bits_both[BITS / 8 + 1], bits_either[BITS / 8 + 1];
    int64_t count = (int64_t)(next_random(&seed) % (BITS + 1));
    random_bits(&seed, bits_a);
    random_bits(&seed, bits_b);
    lam_ranges_clear(&a);
    lam_ranges_clear(&b);
    OK(lam_ranges_add_bits(&a, bits_a, count, 1000, &error));
    OK(lam_ranges_add_bits(&b, bits_b, count, 1000, &error));
    for (size_t i = 0; i < sizeof bits_a; i++) {
      bits_both[i] = bits_a[i] & bits_b[i];
      bits_either[i] = bits_a[i] | bits_b[i];
    }
    OK(lam_ranges_intersect(&a, &b, &both, &error));
    OK(lam_ranges_unite(&a, &b, &either, &error));
    expect_bits(&a, bits_a, count, 1000);
    expect_bits(&both, bits_both, count, 1000);
    expect_bits(&either, bits_either, count, 1000);
  }
  lam_ranges_release(&a);
  lam_ranges_release(&b);
  lam_ranges_release(&both);
  lam_ranges_release(&either);
}

static void test_bits_of_two_batches_join(void **state) {
  (void)state;
  struct lam_ranges ranges;
  lam_ranges_init(&ranges, mem);
  const uint8_t bits[] = {0xf0, 0xff};
  OK(lam_ranges_add_bits(&ranges, bits, 16, 0, &error));
  OK(lam_ranges_add_bits(&ranges, bits + 1, 3, 16, &error));
  EXPECT(&ranges, 4, 19);
  lam_ranges_release(&ranges);
}

/* Against the definition, number by number. */
static void test_spread(void **state) {
  (void)state;
  static const struct lam_spread spreads[] = {{0, 1, 1}, {0, 3, 10}, {7, 3, 10}, {2, 5, 9}, {90, 10, 400}, {0, 7, 7}};
  static const int64_t bases[] = {0, 1, 9, 10, 95, 401};
  struct lam_ranges ranges;
  lam_ranges_init(&ranges, mem);
  for (size_t s = 0; s < sizeof spreads / sizeof *spreads; s++) {
    const struct lam_spread *spread = &spreads[s];
    for (size_t b = 0; b < sizeof bases / sizeof *bases; b++) {
      int64_t count = 37 * (int64_t)b, wanted = 0;
      lam_ranges_clear(&ranges);
      OK(lam_ranges_add_spread(&ranges, spread, bases[b], count, &error));
      size_t at = 0;
      for (int64_t i = 0; i < count; i++) {
        int64_t place = (bases[b] + i) % spread->period - spread->first;
        bool in = place >= 0 && place < spread->length;
        while (at < lam_ranges_count(&ranges) && lam_ranges_at(&ranges, at)->end <= i) at++;
        assert_int_equal(in, at < lam_ranges_count(&ranges) && lam_ranges_at(&ranges, at)->first <= i);
        wanted += in;
      }
      assert_int_equal(lam_ranges_total(&ranges), wanted);
      assert_int_equal(lam_spread_below(spread, bases[b] + count) - lam_spread_below(spread, bases[b]), wanted);
    }
  }
  lam_ranges_release(&ranges);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      MEM_TEST(test_add_joins_what_touches),
      MEM_TEST(test_add_near_keeps_within_a_size),
      MEM_TEST(test_against_bitmaps),
      MEM_TEST(test_bits_of_two_batches_join),
      MEM_TEST(test_spread),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
