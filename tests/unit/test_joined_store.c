#include "arrow_support.h"
#include "file_support.h"
#include "ops/joined_store.h"

/* Bytes from before the seam, across it and the spans, and beyond the end. */
static void test_reads(void **state) {
  (void)state;
  struct lam_store *store;
  struct lam_joined_store joined;
  struct lam_file *front;
  struct lam_input *input;
  struct lam_object_info info;
  OK(lam_store_memory(context, &store, &error));
  OK(lam_store_make_directories(store, "", &error));
  put_file(store, mem, "f", 1, 0);
  put_object(store, "part", lam_bytes_of("0123456789", 10));
  OK(lam_file_open_in(store, "f", NULL, mem, &front, &error));
  static const struct lam_span spans[] = {{LAM_SPAN_NEW, 4}, {0, 4}, {LAM_SPAN_NEW, 6}};
  lam_joined_init(&joined, front, store, spans, 3);
  const struct lam_store_ops *ops = joined.base.ops;
  FAILS(ops->open(&joined.base, "none", &input, &info, &error), LAM_NOT_FOUND, "none");
  OK(ops->open(&joined.base, "part", &input, &info, &error));
  uint64_t seam = lam_file_size(front);
  assert_int_equal(info.size, seam + 14);
  static const struct {
    int64_t from; /* the seam is 0 */
    size_t size;
    const char *bytes;
  } cases[] = {{-4, 4, "PAR1"}, {-4, 6, "PAR101"}, {0, 14, "0123PAR1456789"},
               {3, 3, "3PA"},   {6, 4, "R145"},    {11, 3, "789"},
               {-1, 1, "1"},    {0, 0, ""}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char bytes[16];
    OK(ops->read(input, seam + (uint64_t)cases[i].from, bytes, cases[i].size, &error));
    assert_memory_equal(bytes, cases[i].bytes, cases[i].size);
  }
  char bytes[16];
  FAILS(ops->read(input, seam + 12, bytes, 3, &error), LAM_CORRUPT, "ends at byte");
  ops->close_input(input);
  lam_file_close(front);
  lam_store_close(store);
}

int main(void) {
  const struct CMUnitTest tests[] = {MEM_TEST(test_reads)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
