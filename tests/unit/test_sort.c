/* The sorter: in memory, spilled, in several passes; stable; nothing left behind. */
#include "ops_support.h"

#include <dirent.h>
#include <math.h>

#include "ops/sort.h"

static char *spill_dir;

static int open_spilling(void **state) {
  (void)state;
  struct lam_context_options options = LAM_CONTEXT_OPTIONS_INIT;
  spill_dir = new_temporary();
  options.threads = 1;
  options.memory_limit = 64 << 20;
  options.spill_dir = spill_dir;
  OK(lam_context_create(&options, &context, &error));
  OK(lam_mem_open(context, 0, &mem, &error));
  return 0;
}
/* Neither memory nor a file is left. */
static int close_spilling(void **state) {
  DIR *directory = opendir(spill_dir);
  int left = -2; /* . and .. */
  while (readdir(directory)) left++;
  closedir(directory);
  remove_temporary(context, spill_dir);
  if (left) print_error("%d spilled files are left\n", left);
  return close_context(state) || left;
}
#define SPILL_TEST(test) cmocka_unit_test_setup_teardown(test, open_spilling, close_spilling)

/* Rows are (value, id): the key is value = key / 4 of few keys, the id says the order of arrival. */
static void make_batch(const struct ArrowSchema *schema, const int64_t *keys, int64_t first, int64_t count,
                       struct ArrowArray *out) {
  struct lam_builder builders[3];
  begin_columns(schema, builders);
  for (int64_t i = first; i < first + count; i++) {
    double value = (double)keys[i];
    char text[64];
    int size = snprintf(text, sizeof text, "the text of row %lld", (long long)i);
    OK(lam_builder_fixed(&builders[0], &i, &error));
    OK(lam_builder_bytes(&builders[1], lam_bytes_of(text, (size_t)size), &error));
    if (keys[i] < 0)
      OK(lam_builder_null(&builders[2], &error));
    else
      OK(lam_builder_fixed(&builders[2], &value, &error));
  }
  end_columns(builders, count, out);
}

struct row {
  int64_t key, id;
};
static int in_order(const void *a, const void *b) { /* by key, NULL last, then by arrival */
  const struct row *x = a, *y = b;
  int64_t p = x->key < 0 ? INT64_MAX : x->key, q = y->key < 0 ? INT64_MAX : y->key;
  return p != q ? (p > q) - (p < q) : (x->id > y->id) - (x->id < y->id);
}

static int64_t sort_and_check(uint64_t seed, int64_t rows, uint64_t run_bytes, int64_t batch_rows, int64_t max_rows) {
  struct row *expected = malloc((size_t)rows * sizeof *expected + 1);
  int64_t *keys = malloc((size_t)rows * sizeof *keys + 1), found = 0;
  struct ArrowSchema schema;
  struct lam_sorter *sorter;
  static const struct lam_sort_key by = {.column = "value"};
  for (int64_t i = 0; i < rows; i++) {
    keys[i] = (int64_t)(next_random(&seed) % 50) - 2;
    if (keys[i] < 0) keys[i] = -1;
    expected[i] = (struct row){keys[i], i};
  }
  qsort(expected, (size_t)rows, sizeof *expected, in_order);
  rows_schema(&schema);
  OK(lam_sorter_open(mem, &schema, &by, 1, run_bytes, &sorter, &error));
  for (int64_t i = 0; i < rows; i += batch_rows) {
    struct ArrowArray batch;
    make_batch(&schema, keys, i, lam_min_i64(batch_rows, rows - i), &batch);
    OK(lam_sorter_add(sorter, &batch, &error));
  }
  OK(lam_sorter_finish(sorter, &error));
  for (;;) {
    struct ArrowArray batch;
    struct lam_view id, text;
    OK(lam_sorter_next(sorter, max_rows, &batch, &error));
    if (!batch.release) break;
    assert_in_range(batch.length, 1, max_rows);
    OK(lam_view_init(schema.children[0], batch.children[0], &id, &error));
    OK(lam_view_init(schema.children[1], batch.children[1], &text, &error));
    for (int64_t row = 0; row < batch.length; row++) {
      char wanted[64];
      int64_t n = ((const int64_t *)id.data)[id.offset + row];
      assert_int_equal(n, expected[found].id);
      snprintf(wanted, sizeof wanted, "the text of row %lld", (long long)n);
      assert_true(lam_bytes_equal(lam_view_bytes(&text, row), lam_bytes_of_string(wanted)));
      found++;
    }
    lam_array_release(&batch);
  }
  assert_int_equal(found, rows);
  int64_t runs = lam_sorter_runs(sorter);
  lam_sorter_close(sorter);
  lam_schema_release(&schema);
  free(expected);
  free(keys);
  return runs;
}

static void test_sizes(void **state) {
  uint64_t seed = seed_of_test();
  (void)state;
  static const struct {
    int64_t rows;
    uint64_t run_bytes;
    int64_t batch_rows, max_rows;
    int64_t least_runs, most_runs;
  } cases[] = {
      {0, 1 << 20, 10, 100, 0, 0},     {1, 1 << 20, 10, 100, 0, 0},
      {17, 1 << 20, 3, 1, 0, 0},       {5000, 64 << 20, 700, 1000, 0, 0},
      {5000, 100000, 300, 999, 2, 20}, {20000, 200000, 1000, 65536, 5, 60},
      {3000, 1, 100, 50, 31, 60}, /* every batch a run, merged four at a time in three passes */
      {100, 1, 100, 7, 1, 1},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    int64_t runs = sort_and_check(seed + i, cases[i].rows, cases[i].run_bytes, cases[i].batch_rows, cases[i].max_rows);
    assert_in_range(runs, cases[i].least_runs, cases[i].most_runs);
  }
}

/* What the second test's rows are sorted by: a number of few or of all 64 bits, which keys of 64 bits do not hold
 * beside another column, and a double with NULL (0), NaN (1) and both zeros. */
struct pair {
  int64_t number, id;
  int real; /* 0 NULL, 1 NaN, else (real - 4) / 2 */
};
static double real_of(const struct pair *row) {
  return row->real == 1 ? (double)NAN : row->real == 4 && row->id % 2 ? -0.0 : (row->real - 4) / 2.0;
}
static int rank_of(const struct pair *row) { /* real descending, NULL first, NaN the greatest */
  return row->real == 0 ? -100 : row->real == 1 ? -99 : -row->real;
}
static int pairs_in_order(const void *a, const void *b) {
  const struct pair *x = a, *y = b;
  if (rank_of(x) != rank_of(y)) return rank_of(x) - rank_of(y);
  if (x->number != y->number) return x->number < y->number ? -1 : 1;
  return (x->id > y->id) - (x->id < y->id);
}

static void make_pairs(const struct ArrowSchema *schema, const struct pair *rows, int64_t count,
                       struct ArrowArray *out) {
  struct lam_builder builders[3];
  begin_columns(schema, builders);
  for (int64_t i = 0; i < count; i++) {
    double real = real_of(&rows[i]);
    OK(lam_builder_fixed(&builders[0], &rows[i].number, &error));
    OK(lam_builder_bytes(&builders[1], lam_bytes_of(&rows[i].id, sizeof rows[i].id), &error));
    if (rows[i].real == 0)
      OK(lam_builder_null(&builders[2], &error));
    else
      OK(lam_builder_fixed(&builders[2], &real, &error));
  }
  end_columns(builders, count, out);
}

static void sort_pairs(struct pair *rows, int64_t count, int64_t batch_rows, uint64_t run_bytes) {
  static const struct lam_sort_key keys[] = {{.column = "value", .descending = true, .nulls_first = true},
                                             {.column = "id"}};
  struct ArrowSchema schema;
  struct ArrowArray batch;
  struct lam_sorter *sorter;
  int64_t found = 0;
  rows_schema(&schema);
  OK(lam_sorter_open(mem, &schema, keys, 2, run_bytes, &sorter, &error));
  for (int64_t i = 0; i < count; i += batch_rows) {
    make_pairs(&schema, rows + i, lam_min_i64(batch_rows, count - i), &batch);
    OK(lam_sorter_add(sorter, &batch, &error));
  }
  OK(lam_sorter_finish(sorter, &error));
  qsort(rows, (size_t)count, sizeof *rows, pairs_in_order);
  for (;;) {
    struct lam_view id;
    OK(lam_sorter_next(sorter, 1000, &batch, &error));
    if (!batch.release) break;
    OK(lam_view_init(schema.children[1], batch.children[1], &id, &error));
    for (int64_t row = 0; row < batch.length; row++, found++)
      assert_memory_equal(lam_view_bytes(&id, row).data, &rows[found].id, sizeof rows[found].id);
    lam_array_release(&batch);
  }
  assert_int_equal(found, count);
  lam_sorter_close(sorter);
  lam_schema_release(&schema);
}

/* Keys that are packed, that are not, and that stop being so after some batches; batches that are put in order as they
 * come and ones too small for it; in memory and in runs. */
static void test_two_keys(void **state) {
  enum { ROWS = 12000 };
  uint64_t random = seed_of_test();
  (void)state;
  struct pair *rows = malloc(ROWS * sizeof *rows);
  static const int64_t wide_from[] = {0, ROWS / 2, ROWS}, batch_rows[] = {100, 3000};
  static const uint64_t run_bytes[] = {1 << 20, 200000, 20000};
  for (int test = 0; test < 18; test++) {
    for (int64_t i = 0; i < ROWS; i++) {
      uint64_t number = next_random(&random);
      rows[i] = (struct pair){i < wide_from[test % 3] ? (int64_t)(number % 20) - 10 : (int64_t)number, i,
                              (int)(next_random(&random) % 12)};
    }
    sort_pairs(rows, ROWS, batch_rows[test / 3 % 2], run_bytes[test / 6]);
  }
  free(rows);
}

/* A limit: the reader stops early, with runs open and rows pending. Or nothing is read at all, or adding ends early. */
static void test_closed_early(void **state) {
  (void)state;
  for (int stage = 0; stage < 4; stage++) {
    struct ArrowSchema schema;
    struct ArrowArray batch;
    struct lam_sorter *sorter;
    int64_t keys[400];
    static const struct lam_sort_key by = {.column = "value"};
    for (int i = 0; i < 400; i++) keys[i] = 400 - i;
    rows_schema(&schema);
    OK(lam_sorter_open(mem, &schema, &by, 1, 1, &sorter, &error));
    for (int64_t i = 0; i < 400 && stage > 0; i += 100) {
      make_batch(&schema, keys, i, 100, &batch);
      OK(lam_sorter_add(sorter, &batch, &error));
    }
    if (stage > 1) OK(lam_sorter_finish(sorter, &error));
    if (stage > 2) {
      OK(lam_sorter_next(sorter, 10, &batch, &error));
      assert_int_equal(batch.length, 10);
      lam_array_release(&batch);
    }
    lam_sorter_close(sorter);
    lam_schema_release(&schema);
  }
}

static void test_cancelled(void **state) {
  (void)state;
  for (int spilled = 0; spilled < 2; spilled++) {
    struct ArrowSchema schema;
    struct ArrowArray batch;
    struct lam_sorter *sorter;
    int64_t keys[100] = {0};
    static const struct lam_sort_key by = {.column = "value"};
    rows_schema(&schema);
    OK(lam_sorter_open(mem, &schema, &by, 1, spilled ? 1 : 1 << 20, &sorter, &error));
    make_batch(&schema, keys, 0, 100, &batch);
    OK(lam_sorter_add(sorter, &batch, &error));
    OK(lam_sorter_finish(sorter, &error));
    lam_context_cancel(context);
    FAILS(lam_sorter_next(sorter, 10, &batch, &error), LAM_CANCELLED, "");
    lam_context_reset(context);
    make_batch(&schema, keys, 0, 1, &batch);
    lam_array_release(&batch);
    lam_sorter_close(sorter);
    lam_schema_release(&schema);
  }
}

static void test_refused(void **state) {
  (void)state;
  struct ArrowSchema schema;
  struct lam_sorter *sorter;
  static const struct lam_sort_key by = {.column = "nothing"};
  rows_schema(&schema);
  FAILS(lam_sorter_open(mem, &schema, &by, 1, 1000, &sorter, &error), LAM_NOT_FOUND, "\"nothing\"");
  assert_null(sorter);
  lam_schema_release(&schema);
}

int main(void) {
  const struct CMUnitTest tests[] = {SPILL_TEST(test_sizes), SPILL_TEST(test_two_keys), SPILL_TEST(test_closed_early),
                                     SPILL_TEST(test_cancelled), SPILL_TEST(test_refused)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
