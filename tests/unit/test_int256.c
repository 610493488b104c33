/* Integers of 256 bits: against __int128 where that holds the values, and laws where it does not. */
#include "arrow_support.h"

#include "expr/int256.h"

static struct lam_int256 of_128(lam_i128 value) {
  uint64_t sign = value < 0 ? UINT64_MAX : 0;
  return (struct lam_int256){{(uint64_t)value, (uint64_t)(value >> 64), sign, sign}};
}
static void expect_128(const struct lam_int256 *found, lam_i128 expected) {
  struct lam_int256 wide = of_128(expected);
  assert_memory_equal(found, &wide, sizeof wide);
}

/* Of any size up to 62 bits, so that products fit. */
static lam_i128 some(uint64_t *random) {
  int64_t value = (int64_t)(next_random(random) >> (2 + next_random(random) % 62));
  return next_random(random) % 2 ? value : -value;
}
static int sign_of(lam_i128 value) {
  return (value > 0) - (value < 0);
}

static void test_small(void **state) {
  (void)state;
  uint64_t random = seed_of_test();
  for (int i = 0; i < 20000; i++) {
    lam_i128 a = some(&random), b = some(&random);
    struct lam_int256 x = of_128(a), y = of_128(b), out, rest;
    assert_false(lam_int256_add(&x, &y, &out));
    expect_128(&out, a + b);
    assert_false(lam_int256_subtract(&x, &y, &out));
    expect_128(&out, a - b);
    assert_false(lam_int256_multiply(&x, &y, &out));
    expect_128(&out, a * b);
    assert_int_equal(lam_int256_compare(&x, &y), sign_of(a - b));
    out = lam_int256_negate(&x);
    expect_128(&out, -a);
    if (b == 0) continue;
    lam_int256_divide(&x, &y, &out, &rest);
    expect_128(&out, a / b);
    expect_128(&rest, a % b);
  }
}

static struct lam_int256 random_wide(uint64_t *random) {
  struct lam_int256 out = {{0}};
  int limbs = 1 + (int)(next_random(random) % 4);
  for (int i = 0; i < limbs; i++) out.limbs[i] = next_random(random);
  out.limbs[3] &= UINT64_MAX >> 4;
  return next_random(random) % 2 ? out : lam_int256_negate(&out);
}

/* quotient * b + rest = a, (a + b) - b = a. */
static void test_wide(void **state) {
  (void)state;
  uint64_t random = seed_of_test();
  for (int i = 0; i < 5000; i++) {
    struct lam_int256 a = random_wide(&random), b = random_wide(&random), q, r, back;
    assert_false(lam_int256_add(&a, &b, &q));
    assert_false(lam_int256_subtract(&q, &b, &back));
    assert_memory_equal(&back, &a, sizeof a);
    if (lam_int256_is_zero(&b)) continue;
    lam_int256_divide(&a, &b, &q, &r);
    assert_false(lam_int256_multiply(&q, &b, &back));
    assert_false(lam_int256_add(&back, &r, &back));
    assert_memory_equal(&back, &a, sizeof a);
    assert_true(lam_int256_is_zero(&r) || lam_int256_negative(&r) == lam_int256_negative(&a));
  }
}

static void test_limits(void **state) {
  (void)state;
  struct lam_int256 most = {{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX >> 1}}, one = lam_int256_of(1), out;
  struct lam_int256 least = lam_int256_negate(&most), two = lam_int256_of(2), power = one, ten = lam_int256_of(10);
  assert_true(lam_int256_add(&most, &one, &out));
  assert_true(lam_int256_subtract(&least, &two, &out));
  assert_true(lam_int256_multiply(&most, &two, &out));
  for (int digits = 0; digits <= 76; digits++) {
    struct lam_int256 below;
    assert_memory_equal(&power, lam_int256_power(digits), sizeof power);
    lam_int256_subtract(&power, &one, &below);
    assert_true(lam_int256_has_digits(&below, digits));
    assert_false(lam_int256_has_digits(&power, digits));
    if (digits < 76) assert_false(lam_int256_multiply(&power, &ten, &power));
  }
}

static void test_rescale(void **state) {
  (void)state;
  static const struct {
    int64_t value;
    int from, to;
    int64_t half, floor, ceil;
  } cases[] = {{15, 1, 0, 2, 1, 2},       {-15, 1, 0, -2, -2, -1}, {14, 1, 0, 1, 1, 2},         {-14, 1, 0, -1, -2, -1},
               {25, 1, 0, 3, 2, 3},       {20, 1, 0, 2, 2, 2},     {2, 0, 3, 2000, 2000, 2000}, {149, 2, 0, 1, 1, 2},
               {150, 2, 0, 2, 1, 2},      {5, 100, 0, 0, 0, 1},    {-5, 100, 0, 0, -1, 0},      {0, 100, 0, 0, 0, 0},
               {1250, 0, -2, 13, 12, 13}, {0, -76, 76, 0, 0, 0}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct lam_int256 value = lam_int256_of(cases[i].value), out;
    assert_false(lam_int256_rescale(&value, cases[i].from, cases[i].to, LAM_HALF_AWAY, &out));
    expect_128(&out, cases[i].half);
    assert_false(lam_int256_rescale(&value, cases[i].from, cases[i].to, LAM_TOWARDS_FLOOR, &out));
    expect_128(&out, cases[i].floor);
    assert_false(lam_int256_rescale(&value, cases[i].from, cases[i].to, LAM_TOWARDS_CEIL, &out));
    expect_128(&out, cases[i].ceil);
  }
  struct lam_int256 one = lam_int256_of(1), out;
  assert_true(lam_int256_rescale(&one, 0, 77, LAM_HALF_AWAY, &out));
  assert_true(lam_int256_rescale(lam_int256_power(40), 0, 40, LAM_HALF_AWAY, &out));
}

static void test_compare_scaled(void **state) {
  (void)state;
  static const struct {
    int64_t a;
    int scale_a;
    int64_t b;
    int scale_b, order;
  } cases[] = {{15, 1, 150, 2, 0},   {15, 1, 151, 2, -1}, {15, 1, 149, 2, 1}, {-15, 1, -151, 2, 1},
               {-15, 1, -150, 2, 0}, {1, 0, 1, 76, 1},    {0, -76, 0, 76, 0}, {1, -76, INT64_MAX, 76, 1},
               {-1, 0, 1, 50, -1},   {0, 0, -1, 100, 1}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct lam_int256 a = lam_int256_of(cases[i].a), b = lam_int256_of(cases[i].b);
    assert_int_equal(lam_int256_compare_scaled(&a, cases[i].scale_a, &b, cases[i].scale_b), cases[i].order);
    assert_int_equal(lam_int256_compare_scaled(&b, cases[i].scale_b, &a, cases[i].scale_a), -cases[i].order);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_small), cmocka_unit_test(test_wide),
                                     cmocka_unit_test(test_limits), cmocka_unit_test(test_rescale),
                                     cmocka_unit_test(test_compare_scaled)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
