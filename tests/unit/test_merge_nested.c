#include "table/merge.h"

#include "arrow/take.h"
#include "json_support.h"
#include "ops/content_hash.h"

/* Two files of one column "a", and both as the merged schema has them. */
static const struct {
  const char *first, *second, *merged; /* of the second file's rows, in the merged schema */
} cases[] = {
    {"{\"a\":[1,2]}\n", "{\"a\":[1.5]}\n", NULL}, /* int64 and double have no type that loses no digit */
    {"{\"a\":{\"x\":1}}\n", "{\"a\":{\"y\":\"s\",\"x\":2}}\n{\"a\":null}\n",
     "{\"a\":{\"x\":2,\"y\":\"s\"}}\n{\"a\":null}\n"},
    {"{\"a\":{\"y\":\"s\",\"x\":2}}\n", "{\"a\":{\"x\":1}}\n", "{\"a\":{\"y\":null,\"x\":1}}\n"},
    {"{\"a\":[{\"k\":{\"p\":1}}]}\n", "{\"a\":[{\"k\":{\"q\":[true]}},null]}\n{\"a\":[]}\n",
     "{\"a\":[{\"k\":{\"p\":null,\"q\":[true]}},null]}\n{\"a\":[]}\n"},
    {"{\"a\":[1]}\n", "{\"a\":{\"x\":1}}\n", NULL},
    {"{\"a\":{\"x\":[1]}}\n", "{\"a\":{\"x\":[true]}}\n", NULL},
    {"{\"a\":{\"x\":1}}\n", "{\"b\":[1]}\n", "{\"a\":null,\"b\":[1]}\n"},
};

static void merge_case(const char *first, const char *second, const char *expected) {
  struct ArrowSchema a, b;
  struct ArrowArray left, right, out;
  struct lam_merge merge;
  struct lam_merge_source sources[4];
  batch_of_json(first, &a, &left);
  batch_of_json(second, &b, &right);
  lam_merge_init(&merge, mem);
  OK(lam_merge_add(&merge, &a, "first", &error));
  enum lam_status status = lam_merge_add(&merge, &b, "second", &error);
  assert_int_equal(status, expected ? LAM_OK : LAM_INVALID);
  if (status == LAM_OK) {
    lam_merge_map(&merge.schema, &b, sources);
    OK(lam_merge_batch(mem, &merge.schema, &b, sources, &right, &out, &error));
    char *text = json_of_batch(&merge.schema, &out);
    assert_string_equal(text, expected);
    free(text);
    lam_array_release(&out);
  } else {
    assert_non_null(strstr(error.message, "do not merge"));
    lam_array_release(&right);
  }
  lam_merge_release(&merge);
  lam_array_release(&left);
  lam_schema_release(&a);
  lam_schema_release(&b);
}

static void test_cases(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    merge_case(cases[i].first, cases[i].second, cases[i].merged);
}

static void test_message(void **state) {
  (void)state;
  struct ArrowSchema a, b;
  struct ArrowArray left, right;
  struct lam_merge merge;
  batch_of_json("{\"a\":{\"x\":[1]}}\n", &a, &left);
  batch_of_json("{\"a\":{\"x\":[true]}}\n", &b, &right);
  lam_merge_init(&merge, mem);
  OK(lam_merge_add(&merge, &a, "one.parquet", &error));
  FAILS(lam_merge_add(&merge, &b, "two.parquet", &error), LAM_INVALID,
        "column \"a\" (within it, \"element\") is int64 in one.parquet and bool in two.parquet; these do not merge");
  lam_merge_release(&merge);
  lam_array_release(&left);
  lam_array_release(&right);
  lam_schema_release(&a);
  lam_schema_release(&b);
}

/* ---- the other operations on nested columns ---- */

static const char *const rows[] = {
    "{\"a\":[1,2],\"s\":{\"x\":\"one\",\"l\":[[1.5],null]},\"t\":\"p\"}\n",
    "{\"a\":null,\"s\":null,\"t\":null}\n",
    "{\"a\":[],\"s\":{\"x\":null,\"l\":[]},\"t\":\"q\"}\n",
    "{\"a\":[null,3,4],\"s\":{\"x\":\"two\",\"l\":[[],[2.5,3.5]]},\"t\":\"\"}\n",
};

static void test_take(void **state) {
  (void)state;
  uint64_t random = seed_of_test();
  char text[2048] = "", expected[65536];
  struct ArrowSchema schema;
  struct ArrowArray sources[2], out;
  struct lam_row order[64];
  for (int i = 0; i < 4; i++) strcat(text, rows[i]);
  batch_of_json(text, &schema, &sources[0]);
  struct ArrowSchema same;
  batch_of_json(text, &same, &sources[1]);
  lam_schema_release(&same);
  for (int round = 0; round < 50; round++) {
    int64_t count = (int64_t)(next_random(&random) % 64), taken;
    expected[0] = 0;
    for (int64_t i = 0; i < count; i++) {
      order[i] = (struct lam_row){(uint32_t)(next_random(&random) % 2), (uint32_t)(next_random(&random) % 4)};
      strcat(expected, rows[order[i].row]);
    }
    OK(lam_take(mem, &schema, sources, 2, order, count, UINT64_MAX, &taken, &out, &error));
    assert_int_equal(taken, count);
    char *found = json_of_batch(&schema, &out);
    assert_string_equal(found, expected);
    free(found);
    lam_array_release(&out);
  }
  /* One row is always taken, more only where they fit. */
  for (int i = 0; i < 3; i++) order[i] = (struct lam_row){0, 0};
  int64_t taken;
  OK(lam_take(mem, &schema, sources, 2, order, 3, 1, &taken, &out, &error));
  assert_int_equal(taken, 1);
  lam_array_release(&out);
  lam_array_release(&sources[0]);
  lam_array_release(&sources[1]);
  lam_schema_release(&schema);
}

static uint64_t hash_of(const char *text) {
  struct ArrowSchema schema;
  struct ArrowArray batch;
  struct lam_content_hash hash;
  batch_of_json(text, &schema, &batch);
  OK(lam_content_hash_init(&hash, mem, schema.n_children, &error));
  OK(lam_content_hash_add(&hash, &schema, &batch, &error));
  uint64_t sum = hash.row_sum;
  lam_content_hash_release(&hash);
  lam_array_release(&batch);
  lam_schema_release(&schema);
  return sum;
}

static void test_hash(void **state) {
  (void)state;
  static const char *const different[] = {
      "{\"a\":[[1,2],[3]]}\n", "{\"a\":[[1],[2,3]]}\n",    "{\"a\":[[1,2,3]]}\n",
      "{\"a\":[[2,1],[3]]}\n", "{\"a\":[[1,2],[3],[]]}\n", "{\"a\":[[1,2],[null]]}\n",
  };
  size_t count = sizeof different / sizeof *different;
  for (size_t i = 0; i < count; i++)
    for (size_t j = 0; j < count; j++) assert_int_equal(hash_of(different[i]) == hash_of(different[j]), i == j);
  /* The order of rows does not count. */
  char one[1024], two[1024];
  snprintf(one, sizeof one, "%s%s", rows[0], rows[3]);
  snprintf(two, sizeof two, "%s%s", rows[3], rows[0]);
  assert_true(hash_of(one) == hash_of(two));
}

int main(void) {
  const struct CMUnitTest tests[] = {MEM_TEST(test_cases), MEM_TEST(test_message), MEM_TEST(test_take),
                                     MEM_TEST(test_hash)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
