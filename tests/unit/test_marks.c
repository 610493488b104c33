/* Marks of rows, against an array of booleans. */
#include "change_support.h"

#include "ops/rewrite.h"

enum { ROWS = 53, GROUP = 20 };

static struct lam_file *open_file(struct world *w) {
  struct lam_file *file;
  put_groups(w->data, "a.parquet", 1, ROWS, GROUP);
  OK(lam_file_open_in(w->data, "a.parquet", NULL, mem, &file, &error));
  return file;
}

static void want_marks(const struct lam_marks *marks, const bool *expected) {
  int64_t all = 0, row = 0;
  for (int32_t g = 0; g < marks->group_count; g++) {
    const struct lam_marks_group *group = &marks->groups[g];
    int64_t marked = 0;
    for (int64_t i = 0; i < group->rows; i++) {
      assert_int_equal(lam_marks_has(marks, g, i), expected[row + i]);
      marked += expected[row + i];
    }
    assert_int_equal(group->marked, marked);
    assert_int_equal(group->bits != NULL, marked > 0 && marked < group->rows);
    for (int64_t first = 0; first < group->rows; first += 3) { /* any part of them as bits */
      uint8_t bits[8];
      int64_t count = lam_min_i64(13, group->rows - first);
      lam_marks_bits(marks, g, first, count, bits);
      for (int64_t i = 0; i < (count + 7) / 8 * 8; i++)
        assert_int_equal(lam_bit_get(bits, i), i < count && expected[row + first + i]);
    }
    row += group->rows;
    all += marked;
  }
  assert_int_equal(marks->marked, all);
  assert_int_equal(marks->rows, row);
}

static void test_marks(void **state) {
  (void)state;
  struct world w;
  struct lam_marks marks;
  bool expected[ROWS] = {false};
  begin_world_in_memory(&w);
  struct lam_file *file = open_file(&w);
  OK(lam_marks_init(&marks, file, mem, &error));
  assert_int_equal(marks.group_count, 3);
  want_marks(&marks, expected);
  OK(lam_marks_row(&marks, 1, 7, &error));
  assert_int_equal(lam_marks_row(&marks, 1, 7, NULL), LAM_EXISTS);
  expected[GROUP + 7] = true;
  want_marks(&marks, expected);
  OK(lam_marks_all(&marks, 2, &error));
  OK(lam_marks_all(&marks, 2, &error));
  assert_int_equal(lam_marks_row(&marks, 2, 0, NULL), LAM_EXISTS);
  for (int i = 2 * GROUP; i < ROWS; i++) expected[i] = true;
  want_marks(&marks, expected);
  for (int i = 0; i < GROUP; i++) { /* one by one, until all are */
    OK(lam_marks_row(&marks, 0, i, &error));
    expected[i] = true;
    want_marks(&marks, expected);
  }
  lam_marks_release(&marks);
  lam_file_close(file);
  end_world_in_memory(&w);
}

static void test_random_ranges(void **state) {
  (void)state;
  uint64_t seed = seed_of_test();
  struct world w;
  begin_world_in_memory(&w);
  struct lam_file *file = open_file(&w);
  for (int round = 0; round < 200; round++) {
    struct lam_marks marks;
    bool expected[ROWS] = {false};
    OK(lam_marks_init(&marks, file, mem, &error));
    for (int step = 0; step < 8; step++) {
      int32_t g = (int32_t)(next_random(&seed) % 3);
      int64_t rows = marks.groups[g].rows, first = (int64_t)(next_random(&seed) % (uint64_t)rows);
      int64_t end = first + (int64_t)(next_random(&seed) % (uint64_t)(rows - first + 1));
      OK(lam_marks_range(&marks, g, first, end, &error));
      for (int64_t i = first; i < end; i++) expected[g * GROUP + i] = true;
      want_marks(&marks, expected);
    }
    lam_marks_release(&marks);
  }
  lam_file_close(file);
  end_world_in_memory(&w);
}

int main(void) {
  const struct CMUnitTest tests[] = {OPS_TEST(test_marks), OPS_TEST(test_random_ranges)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
