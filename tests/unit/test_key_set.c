/* The set of an upsert's keys: it never says no to a row that has one, and says no where bounds exclude all of them. */
#include "ops_support.h"

#include "expr/tree.h"
#include "ops/key_hash.h"
#include "ops/key_set.h"

static const int32_t key_columns[] = {0, 1};

static void set_schema(struct ArrowSchema *out) {
  OK(lam_schema_init_struct("", 2, out, &error));
  set_column(out, 0, "a", LAM_TYPE_INT64);
  set_column(out, 1, "b", LAM_TYPE_STRING);
}
/* Keys (ids[i], "r<ids[i] % 10>"); a NULL text where the id is a multiple of 5. */
static void set_batch(const int64_t *ids, int64_t count, struct ArrowArray *out) {
  struct ArrowSchema schema;
  struct ArrowArray rows;
  int64_t *texts = malloc((size_t)count * sizeof *texts);
  for (int64_t i = 0; i < count; i++) texts[i] = ids[i] % 5 ? ids[i] % 10 : 0;
  rows_schema(&schema);
  rows_batch(&schema, ids, count, &rows);
  OK(lam_array_init_struct(count, 2, out, &error));
  *out->children[0] = *rows.children[0];
  rows.children[0]->release = NULL;
  lam_array_release(&rows);
  rows_batch(&schema, texts, count, &rows);
  *out->children[1] = *rows.children[1];
  rows.children[1]->release = NULL;
  lam_array_release(&rows);
  lam_schema_release(&schema);
  free(texts);
}

static struct lam_scalar number(int64_t value) {
  return (struct lam_scalar){.type = lam_type_simple(LAM_TYPE_INT64), .value.i = value};
}
static struct lam_scalar text(const char *value) {
  return (struct lam_scalar){.type = lam_type_simple(LAM_TYPE_STRING), .bytes = lam_bytes_of_string(value)};
}

static const struct lam_expr *column_node(struct lam_arena *arena, const char *name, const struct ArrowSchema *schema) {
  const struct lam_expr *parsed, *bound;
  OK(lam_expr_parse(name, arena, &parsed, &error));
  OK(lam_expr_bind(parsed, schema, arena, &bound, &error));
  return bound;
}

/* What the set says of rows with a in [low, high] and b in [first, last] (NULL: not known). */
static enum lam_key_verdict ask(const struct lam_key_set *set, int64_t low, int64_t high, const char *first,
                                const char *last, int32_t *values) {
  struct lam_facts_column facts[2] = {
      {.nulls = -1, .has_min = true, .has_max = true, .min = number(low), .max = number(high)},
      {.nulls = -1, .has_min = first, .has_max = last}};
  if (first) facts[1].min = text(first);
  if (last) facts[1].max = text(last);
  struct ArrowSchema schema;
  struct lam_arena arena;
  enum lam_key_verdict verdict;
  const struct lam_expr *condition;
  set_schema(&schema);
  lam_arena_init(&arena, mem);
  const struct lam_expr *const columns[] = {column_node(&arena, "a", &schema), column_node(&arena, "b", &schema)};
  OK(lam_key_set_ask(set, facts, columns, &arena, &verdict, &condition, &error));
  assert_int_equal(condition != NULL, verdict == LAM_KEYS_SOME);
  if (condition) {
    assert_int_equal(condition->kind, LAM_EXPR_AND);
    assert_int_equal(condition->arguments[0]->kind, LAM_EXPR_IN);
    *values = condition->arguments[0]->count - 1;
  }
  lam_arena_release(&arena);
  lam_schema_release(&schema);
  return verdict;
}

static struct lam_key_set *set_of(const struct ArrowSchema *schema, const int64_t *ids, int64_t count, uint64_t room) {
  struct lam_key_set *set;
  OK(lam_key_set_open(mem, schema, key_columns, 2, room, &set, &error));
  for (int64_t i = 0; i < count; i += 1000) {
    struct ArrowArray batch;
    set_batch(ids + i, lam_min_i64(1000, count - i), &batch);
    OK(lam_key_set_add(set, &batch, &error));
    lam_array_release(&batch);
  }
  OK(lam_key_set_finish(set, &error));
  return set;
}

static void test_few_keys(void **state) {
  static const int64_t ids[] = {31, 12, 7, 103, 102, 33, 35, 1};
  struct ArrowSchema schema;
  int32_t values = 0;
  (void)state;
  set_schema(&schema);
  struct lam_key_set *set = set_of(&schema, ids, 8, 1 << 20);
  assert_int_equal(lam_key_set_nulls(set), 1); /* 35 */
  assert_int_equal(ask(set, 13, 30, NULL, NULL, &values), LAM_KEYS_NONE);
  assert_int_equal(ask(set, 104, 200, NULL, NULL, &values), LAM_KEYS_NONE);
  assert_int_equal(ask(set, -9, 0, NULL, NULL, &values), LAM_KEYS_NONE);
  assert_int_equal(ask(set, 34, 100, NULL, NULL, &values), LAM_KEYS_NONE); /* 35 has a NULL */
  assert_int_equal(ask(set, 12, 31, NULL, NULL, &values), LAM_KEYS_SOME);
  assert_int_equal(values, 2);
  assert_int_equal(ask(set, 0, 500, NULL, NULL, &values), LAM_KEYS_SOME);
  assert_int_equal(values, 7);
  assert_int_equal(ask(set, 0, 500, "r2", "r2", &values), LAM_KEYS_SOME);
  assert_int_equal(values, 2);
  assert_int_equal(ask(set, 0, 500, "r8", "r9", &values), LAM_KEYS_NONE);
  assert_int_equal(ask(set, 13, 40, "r2", "r2", &values), LAM_KEYS_NONE);
  lam_key_set_close(set);
  set = set_of(&schema, ids, 0, 1 << 20);
  assert_int_equal(ask(set, 0, 500, NULL, NULL, &values), LAM_KEYS_NONE);
  assert_false(lam_key_set_may_have(set, 1));
  lam_key_set_close(set);
  lam_schema_release(&schema);
}

/* Whatever the room: every key is found, others seldom, and bounds still exclude. */
static void test_any_room(void **state) {
  enum { COUNT = 30000 };
  static const uint64_t rooms[] = {4096, 100000, 64 << 20};
  int64_t *ids = malloc(COUNT * sizeof *ids);
  uint64_t hashes[1000];
  uint8_t nulls[1000];
  struct ArrowSchema schema;
  int32_t values;
  (void)state;
  for (int64_t i = 0; i < COUNT; i++) ids[i] = 1000 + (i * 7919 % COUNT) * 2 + 1;
  set_schema(&schema);
  for (size_t r = 0; r < sizeof rooms / sizeof *rooms; r++) {
    struct lam_key_set *set = set_of(&schema, ids, COUNT, rooms[r]);
    int64_t wrong = 0, others = 0;
    for (int64_t first = 0; first < 70000; first += 1000) {
      struct ArrowArray batch;
      int64_t asked[1000];
      for (int64_t i = 0; i < 1000; i++) asked[i] = first + i;
      set_batch(asked, 1000, &batch);
      OK(lam_keys_hash(&schema, &batch, key_columns, 2, hashes, nulls, &error));
      for (int64_t i = 0; i < 1000; i++) {
        bool in = asked[i] > 1000 && asked[i] <= 1000 + 2 * COUNT && asked[i] % 2 && asked[i] % 5;
        assert_int_equal(nulls[i], asked[i] % 5 == 0);
        if (in) assert_true(lam_key_set_may_have(set, hashes[i]));
        if (!in && !nulls[i]) others++, wrong += lam_key_set_may_have(set, hashes[i]);
      }
      lam_array_release(&batch);
    }
    if (rooms[r] > 100000) assert_true(wrong < others / 20);
    assert_int_equal(ask(set, 0, 1000, NULL, NULL, &values), LAM_KEYS_NONE);
    assert_int_equal(ask(set, 70000, 80000, NULL, NULL, &values), LAM_KEYS_NONE);
    assert_int_equal(ask(set, 0, 80000, NULL, NULL, &values), LAM_KEYS_MANY);
    assert_int_equal(ask(set, 2001, 2009, NULL, NULL, &values), rooms[r] > 100000 ? LAM_KEYS_SOME : LAM_KEYS_MANY);
    lam_key_set_close(set);
  }
  lam_schema_release(&schema);
  free(ids);
}

int main(void) {
  const struct CMUnitTest tests[] = {OPS_TEST(test_few_keys), OPS_TEST(test_any_room)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
