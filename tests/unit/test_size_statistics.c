/* Size statistics: levels are counted, and their thrift forms are read as they were written; damaged ones are refused.
 */
#include "parquet/size_statistics.h"

#include "arrow_support.h"

static struct lam_bytes buf_bytes(const struct lam_buf *buf) {
  return lam_bytes_of(buf->data, buf->size);
}

static void expect_counts(const struct lam_histogram *got, const int64_t *counts, uint32_t count) {
  assert_int_equal(got->count, count);
  for (uint32_t i = 0; i < count; i++) assert_int_equal(got->counts[i], counts[i]);
}

/* Lengths around those of blocks and vectors, where one level fills them and where all occur. */
static void test_counts(void **state) {
  (void)state;
  const size_t lengths[] = {0, 1, 31, 32, 223, 224, 225, 256, 1000, 5000};
  uint8_t levels[5000];
  for (uint32_t slots = 1; slots < 130; slots += 1 + slots / 8)
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
      for (uint32_t step = 0; step < 3; step++) {
        int64_t expected[130] = {7}, counts[130] = {7};
        for (size_t k = 0; k < lengths[i]; k++) {
          levels[k] = (uint8_t)(k * step % slots);
          expected[levels[k]]++;
        }
        lam_count_levels(levels, lengths[i], counts, slots);
        for (uint32_t k = 0; k < slots; k++) assert_int_equal(counts[k], expected[k]);
      }
}

static void test_round_trip(void **state) {
  (void)state;
  int64_t counts[40];
  for (int i = 0; i < 40; i++) counts[i] = (int64_t)1 << i;
  const struct lam_size_statistics cases[] = {
      {.unencoded_bytes = -1},
      {.unencoded_bytes = 0},
      {.unencoded_bytes = INT64_MAX, .definition = {counts, 3}},
      {.unencoded_bytes = -1, .repetition = {counts, 2}, .definition = {counts + 7, 33}},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct lam_arena arena = {.mem = mem};
    struct lam_buf bytes = {.mem = mem}, list = {.mem = mem};
    struct lam_size_statistics got;
    struct lam_histogram histogram;
    OK(lam_size_statistics_write(&cases[i], &bytes, &error));
    OK(lam_size_statistics_parse(buf_bytes(&bytes), &arena, &got, &error));
    assert_int_equal(got.unencoded_bytes, cases[i].unencoded_bytes);
    expect_counts(&got.repetition, cases[i].repetition.counts, cases[i].repetition.count);
    expect_counts(&got.definition, cases[i].definition.counts, cases[i].definition.count);
    OK(lam_histogram_write(&cases[i].definition, &list, &error));
    OK(lam_histogram_parse(buf_bytes(&list), &arena, &histogram, &error));
    expect_counts(&histogram, cases[i].definition.counts, cases[i].definition.count);
    for (size_t cut = 0; cut < bytes.size; cut++) /* every cut is noticed */
      assert_int_equal(lam_size_statistics_parse(lam_bytes_of(bytes.data, cut), &arena, &got, &error), LAM_CORRUPT);
    lam_buf_release(&bytes);
    lam_buf_release(&list);
    lam_arena_release(&arena);
  }
}

static void test_damaged(void **state) {
  (void)state;
  const struct {
    const char *bytes;
    size_t size;
  } cases[] = {
      {"\x19\x38\x01\x61\x00", 5},                 /* field 1 is a list */
      {"\x29\x38\x01\x61\x01\x62\x01\x63\x00", 9}, /* a histogram of strings */
      {"\x29\xf6\xff\xff\xff\x7f\x00", 7},         /* one of 2^28 levels in a byte */
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct lam_arena arena = {.mem = mem};
    struct lam_size_statistics got;
    struct lam_bytes bytes = lam_bytes_of((const uint8_t *)cases[i].bytes, cases[i].size);
    assert_int_equal(lam_size_statistics_parse(bytes, &arena, &got, &error), LAM_CORRUPT);
    lam_arena_release(&arena);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      MEM_TEST(test_counts),
      MEM_TEST(test_round_trip),
      MEM_TEST(test_damaged),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
