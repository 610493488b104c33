/* Sums of facts: what is known of a column in two lots of rows, from what is known in each. */
#include "arrow_support.h"

#include "expr/facts.h"

static struct lam_scalar number(int64_t value) {
  return (struct lam_scalar){.type = type_of("int64"), .value.i = value};
}
static struct lam_facts_column between(int64_t min, int64_t max, bool exact, int64_t nulls) {
  return (struct lam_facts_column){.nulls = nulls,
                                   .has_min = true,
                                   .has_max = true,
                                   .min = number(min),
                                   .max = number(max),
                                   .min_exact = exact,
                                   .max_exact = exact};
}

struct lot {
  struct lam_facts_column facts;
  int64_t rows;
};

static struct lam_facts_column sum_of(const struct lot *lots, int count, struct lam_arena *arena) {
  struct lam_facts_sum sum = {0};
  for (int i = 0; i < count; i++) OK(lam_facts_add(&sum, &lots[i].facts, lots[i].rows, arena, &error));
  return lam_facts_of_sum(&sum);
}

static void want(struct lam_facts_column found, struct lam_facts_column wanted) {
  assert_int_equal(found.nulls, wanted.nulls);
  assert_int_equal(found.has_min, wanted.has_min);
  assert_int_equal(found.has_max, wanted.has_max);
  assert_int_equal(found.may_be_nan, wanted.may_be_nan);
  assert_int_equal(found.only_nan, wanted.only_nan);
  if (wanted.has_min) assert_int_equal(found.min.value.i, wanted.min.value.i);
  if (wanted.has_max) assert_int_equal(found.max.value.i, wanted.max.value.i);
  if (wanted.has_min) assert_int_equal(found.min_exact, wanted.min_exact);
  if (wanted.has_max) assert_int_equal(found.max_exact, wanted.max_exact);
}

static void test_sums(void **state) {
  (void)state;
  const struct lam_facts_column nothing = {.nulls = -1}, all_null = {.nulls = 4}, no_rows = {.nulls = 0};
  const struct lam_facts_column only_nan = {.nulls = 1, .may_be_nan = true, .only_nan = true};
  struct lam_facts_column only_max = between(0, 9, true, 0), mixed = between(1, 8, true, 1),
                          nan = between(1, 2, true, 0), nan_beside = between(1, 2, true, 2);
  only_max.has_min = false;
  nan.may_be_nan = nan_beside.may_be_nan = true;
  mixed.max_exact = false;
  const struct {
    struct lot lots[3];
    int count;
    struct lam_facts_column wanted;
  } cases[] = {
      {.count = 0, .wanted = no_rows},
      {{{all_null, 4}}, 1, all_null},
      {{{between(3, 5, true, 1), 9}}, 1, between(3, 5, true, 1)},
      {{{between(3, 5, true, 1), 9}, {between(-2, 4, true, 2), 9}}, 2, between(-2, 5, true, 3)},
      /* A bound of one is a value where it is the outermost and exact there. */
      {{{between(3, 8, true, 1), 9}, {between(1, 8, false, 0), 9}, {between(1, 4, true, 0), 9}},
       3,
       between(1, 8, true, 1)},
      {{{between(3, 5, true, 1), 9}, {between(1, 8, false, 0), 9}, {between(1, 4, true, 0), 9}}, 3, mixed},
      /* Rows that are all NULL say nothing of the bounds, wherever they come. */
      {{{all_null, 4}, {between(3, 5, true, 0), 9}, {all_null, 4}}, 3, between(3, 5, true, 8)},
      /* What is not known of some is not known of all, though others come behind. */
      {{{nothing, 4}, {between(3, 5, true, 0), 9}}, 2, nothing},
      {{{between(3, 5, true, 0), 9}, {nothing, 4}, {between(3, 5, true, 0), 9}}, 3, nothing},
      {{{between(3, 5, true, 0), 9}, {only_max, 9}}, 2, {.has_max = true, .max = number(9), .max_exact = true}},
      {{{nan, 2}, {between(1, 2, true, 0), 9}}, 2, nan},
      {{{only_nan, 3}, {between(1, 2, true, 0), 9}, {only_nan, 3}}, 3, nan_beside},
      {{{only_nan, 3}, {all_null, 4}, {only_nan, 3}}, 3, {.nulls = 6, .may_be_nan = true, .only_nan = true}},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct lam_arena arena;
    lam_arena_init(&arena, mem);
    want(sum_of(cases[i].lots, cases[i].count, &arena), cases[i].wanted);
    lam_arena_release(&arena);
  }
}

/* Bytes are copied: those added may go. */
static void test_bytes(void **state) {
  (void)state;
  struct lam_arena arena;
  struct lam_facts_sum sum = {0};
  char text[] = "m";
  lam_arena_init(&arena, mem);
  for (int i = 0; i < 3; i++) {
    *text = "mbz"[i];
    struct lam_scalar value = {.type = type_of("string"), .bytes = lam_bytes_of_string(text)};
    struct lam_facts_column facts = {.has_min = true, .has_max = true, .min = value, .max = value};
    OK(lam_facts_add(&sum, &facts, 1, &arena, &error));
  }
  *text = 'x';
  struct lam_facts_column found = lam_facts_of_sum(&sum);
  assert_true(lam_bytes_equal(found.min.bytes, lam_bytes_of_string("b")));
  assert_true(lam_bytes_equal(found.max.bytes, lam_bytes_of_string("z")));
  lam_arena_release(&arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {MEM_TEST(test_sums), MEM_TEST(test_bytes)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
