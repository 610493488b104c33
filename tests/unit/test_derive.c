/* Columns that are set and derived, on batches of JSON lines. */
#include "json_support.h"
#include "ops/derive.h"

static enum lam_status open_derive(const struct ArrowSchema *schema, const char *set, const char *by,
                                   struct lam_arena *arena, struct lam_partition_spec *spec, struct lam_derive **out,
                                   struct lam_error *error) {
  LAM_TRY(lam_partition_spec_parse(by, arena, spec, error));
  return lam_derive_open(mem, schema, set, spec, out, error);
}

/* A batch of lines, and what derives from it. */
struct made {
  struct ArrowSchema schema;
  struct ArrowArray batch;
  struct lam_arena arena;
  struct lam_partition_spec spec;
  struct lam_derive *derive;
};
static void make(struct made *m, const char *lines, const char *set, const char *by) {
  lam_arena_init(&m->arena, mem);
  batch_of_json(lines, &m->schema, &m->batch);
  OK(open_derive(&m->schema, set, by, &m->arena, &m->spec, &m->derive, &error));
}
static void drop(struct made *m) {
  lam_array_release(&m->batch);
  lam_derive_close(m->derive);
  lam_schema_release(&m->schema);
  lam_arena_release(&m->arena);
}

static void derives(const char *lines, const char *set, const char *by, const char *wanted) {
  struct made m;
  struct ArrowArray out;
  make(&m, lines, set, by);
  OK(lam_derive_batch(m.derive, &m.batch, &out, &error));
  char *text = json_of_batch(lam_derive_schema(m.derive), &out);
  assert_string_equal(text, wanted);
  free(text);
  lam_array_release(&out);
  drop(&m);
}

#define ROWS "{\"a\":1,\"b\":10,\"s\":\"xyz\"}\n{\"a\":2,\"b\":null,\"s\":null}\n"

static void test_values(void **state) {
  (void)state;
  static const struct {
    const char *lines, *set, *by, *wanted;
  } cases[] = {
      {ROWS, NULL, "", ROWS},
      {ROWS, NULL, "a", ROWS}, /* a column that is there is not added */
      {ROWS, "a = b, b = a", "",
       "{\"a\":10,\"b\":1,\"s\":\"xyz\"}\n{\"a\":null,\"b\":2,\"s\":null}\n"}, /* the old row */
      {ROWS, "c = a + b", "",
       "{\"a\":1,\"b\":10,\"s\":\"xyz\",\"c\":11}\n{\"a\":2,\"b\":null,\"s\":null,\"c\":null}\n"},
      {ROWS, "b = 1.6", "", "{\"a\":1,\"b\":2,\"s\":\"xyz\"}\n{\"a\":2,\"b\":2,\"s\":null}\n"}, /* its type stays */
      {ROWS, "a = 7", "t = a + 1, truncate(2, s)", /* derived from what was set */
       "{\"a\":7,\"b\":10,\"s\":\"xyz\",\"t\":8,\"s_trunc\":\"xy\"}\n"
       "{\"a\":7,\"b\":null,\"s\":null,\"t\":8,\"s_trunc\":null}\n"},
      {"{\"a\":34}\n", NULL, "bucket(16, a)", "{\"a\":34,\"a_bucket\":3}\n"}, /* Iceberg's vector */
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    derives(cases[i].lines, cases[i].set, cases[i].by, cases[i].wanted);
}

static void test_empty_batch(void **state) {
  (void)state;
  struct made m;
  struct ArrowArray out;
  make(&m, ROWS, "c = a", "d = c + 1");
  for (int c = 0; c < 3; c++) m.batch.children[c]->length = m.batch.children[c]->null_count = 0;
  m.batch.length = 0;
  OK(lam_derive_batch(m.derive, &m.batch, &out, &error));
  assert_int_equal(out.length, 0);
  assert_int_equal(out.n_children, 5);
  assert_int_equal(out.children[4]->length, 0);
  lam_array_release(&out);
  drop(&m);
}

static void test_refused(void **state) {
  (void)state;
  static const struct {
    const char *set, *by;
    enum lam_status status;
    const char *message;
  } cases[] = {
      {"a = 1, a = 2", "", LAM_INVALID, "\"a\" is set twice"},
      {"c = 1, c = 2", "", LAM_INVALID, "\"c\" is set twice"},
      {"c = NULL", "", LAM_INVALID, "the type of the new column \"c\" is not known"},
      {"c = nothing", "", LAM_NOT_FOUND, "setting the column \"c\""},
      {"c = d, d = a", "", LAM_NOT_FOUND, "no column \"d\""}, /* of the row as it came */
      {NULL, "b = a + 1", LAM_INVALID, "there is a column \"b\" already"},
      {NULL, "x", LAM_NOT_FOUND, "no column \"x\" to partition by"},
      {NULL, "t = nothing + 1", LAM_NOT_FOUND, "deriving the column \"t\""},
      {"t = 1", "t = a + 1", LAM_INVALID, "there is a column \"t\" already"},
  };
  struct ArrowSchema schema;
  struct ArrowArray batch;
  batch_of_json(ROWS, &schema, &batch);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct lam_partition_spec spec;
    struct lam_derive *derive = NULL;
    struct lam_arena arena;
    lam_arena_init(&arena, mem);
    FAILS(open_derive(&schema, cases[i].set, cases[i].by, &arena, &spec, &derive, &error), cases[i].status,
          cases[i].message);
    assert_null(derive);
    lam_arena_release(&arena);
  }
  lam_array_release(&batch);
  lam_schema_release(&schema);
}

/* A value that cannot be computed: the batch is gone all the same. */
static void test_failing_batch(void **state) {
  (void)state;
  struct made m;
  struct ArrowArray out;
  make(&m, ROWS, "c = a * 9223372036854775807", "");
  FAILS(lam_derive_batch(m.derive, &m.batch, &out, &error), LAM_INVALID, "9223372036854775807");
  assert_null(m.batch.release);
  assert_null(out.release);
  drop(&m);
}

int main(void) {
  const struct CMUnitTest tests[] = {MEM_TEST(test_values), MEM_TEST(test_empty_batch), MEM_TEST(test_refused),
                                     MEM_TEST(test_failing_batch)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
