#include <math.h>

#include "condition_support.h"

/* ---- against brute force ---- */

enum { ROWS = 48, CASES = 6000 };

/* What is known of some rows of a batch, perhaps less than could be. */
struct known {
  const struct ArrowSchema *schema;
  const struct ArrowArray *batch;
  int64_t first, end;
  struct lam_facts_column columns[MOST_COLUMNS];
  bool probes;
  int probed;
};

static bool is_nan(const struct lam_scalar *scalar) {
  return lam_type_is_float(scalar->type.id) && isnan(scalar->value.d);
}

static struct lam_scalar value_at(const struct known *known, int32_t column, int64_t row) {
  struct lam_view view;
  struct lam_scalar out;
  OK(lam_view_init(known->schema->children[column], known->batch->children[column], &view, &error));
  OK(lam_scalar_of_view(&view, row, &out, &error));
  return out;
}

/* Bounds that hold although they are not values. */
static void loosen(uint64_t *seed, struct lam_facts_column *column, const struct pool *pool, struct lam_arena *arena) {
  struct lam_type type = type_of(pool->type), text = type_of("string");
  if (below(seed, 8) == 0) column->has_min = false;
  if (below(seed, 8) == 0) column->has_max = false;
  if (below(seed, 4) == 0) column->nulls = -1;
  if (below(seed, 4) == 0) column->may_be_nan = lam_type_is_float(type.id);
  if (below(seed, 4) == 0) column->only_nan = false;
  if (below(seed, 3)) return;
  column->min_exact = column->max_exact = false;
  if (lam_type_is_binary(type.id)) {
    if (column->has_min) column->min.bytes.size /= 2;
    return;
  }
  for (int i = 0; i < 2; i++) {
    struct lam_scalar written = {.type = text, .bytes = lam_bytes_of_string(any_value(seed, pool))}, value;
    bool exact;
    int direction;
    if (type.id == LAM_TYPE_FIXED_BINARY) return;
    OK(lam_scalar_cast(&written, &type, arena, &value, &exact, &direction, &error));
    if (is_nan(&value)) continue;
    if (column->has_min && lam_scalar_compare(&value, &column->min) < 0) column->min = value;
    if (column->has_max && lam_scalar_compare(&value, &column->max) > 0) column->max = value;
  }
}

static void know(uint64_t *seed, struct known *known, const struct columns *columns, struct lam_arena *arena) {
  for (int32_t c = 0; c < columns->count; c++) {
    struct lam_facts_column *column = &known->columns[c];
    *column = (struct lam_facts_column){.min_exact = true, .max_exact = true};
    for (int64_t row = known->first; row < known->end; row++) {
      struct lam_scalar value = value_at(known, c, row);
      if (value.is_null)
        column->nulls++;
      else if (is_nan(&value))
        column->may_be_nan = true;
      else {
        if (!column->has_min || lam_scalar_compare(&value, &column->min) < 0) column->min = value;
        if (!column->has_max || lam_scalar_compare(&value, &column->max) > 0) column->max = value;
        column->has_min = column->has_max = true;
      }
    }
    column->only_nan = column->may_be_nan && !column->has_min;
    if (below(seed, 2)) loosen(seed, column, columns->pools[c], arena);
  }
  known->probes = below(seed, 2);
}

static enum lam_status tell(const void *user, const struct lam_expr *node, struct lam_facts_column *out,
                            struct lam_error *unused) {
  const struct known *known = user;
  (void)unused;
  assert_int_equal(node->depth, 1);
  *out = known->columns[node->path[0]];
  return LAM_OK;
}

static enum lam_status probe(const void *user, const struct lam_expr *node, const struct lam_scalar *value, bool *may,
                             struct lam_error *unused) {
  struct known *known = (struct known *)(uintptr_t)user;
  (void)unused;
  *may = false;
  known->probed++;
  assert_false(value->is_null);
  assert_true(lam_type_equal(&value->type, &node->type));
  for (int64_t row = known->first; row < known->end && !*may; row++) {
    struct lam_scalar other = value_at(known, node->path[0], row);
    *may = !other.is_null && lam_scalar_compare(&other, value) == 0;
  }
  return LAM_OK;
}

static void explain(const struct text *text, const struct known *known, unsigned decided, unsigned found) {
  struct lam_buf buf = {.mem = mem};
  for (int64_t c = 0; c < known->schema->n_children; c++) {
    const struct lam_facts_column *column = &known->columns[c];
    buf.size = 0;
    for (int64_t row = known->first; row < known->end; row++) {
      struct lam_scalar value = value_at(known, (int32_t)c, row);
      OK(lam_scalar_print(&value, &buf, &error));
      OK(lam_buf_append(&buf, " ", 1, &error));
    }
    print_error("c%d: nulls %d, min %d, max %d, nan %d: %.*s\n", (int)c, (int)column->nulls, column->has_min,
                column->has_max, column->may_be_nan, (int)buf.size, (const char *)buf.data);
  }
  lam_buf_release(&buf);
  fail_msg("%s: decided %u, found %u", text->data, decided, found);
}

static void test_against_brute_force(void **state) {
  (void)state;
  uint64_t seed = seed_of_test();
  int decided = 0, excluded = 0, proved = 0, probed = 0;
  for (int round = 0; decided < CASES; round++) {
    struct columns columns;
    struct ArrowSchema schema;
    struct ArrowArray batch;
    struct lam_arena arena;
    lam_arena_init(&arena, mem);
    random_columns(&seed, &columns);
    columns_schema(&columns, &schema);
    random_batch(&seed, &columns, ROWS, &batch);
    for (int i = 0; i < 20; i++) {
      struct known known = {.schema = &schema, .batch = &batch, .first = below(&seed, ROWS)};
      const struct lam_expr *condition;
      struct text text;
      uint8_t outcomes[ROWS] = {0};
      unsigned found = 0, out;
      known.end = known.first + below(&seed, (int)(ROWS - known.first) + 1);
      if (!random_condition(&seed, &columns, &schema, &arena, &text, &condition) ||
          !outcomes_of_rows(condition, &schema, &batch, outcomes))
        continue;
      know(&seed, &known, &columns, &arena);
      struct lam_facts facts = {
          .user = &known, .rows = known.end - known.first, .column = tell, .probe = known.probes ? probe : NULL};
      OK(lam_expr_decide(condition, &facts, &out, &error));
      for (int64_t row = known.first; row < known.end; row++) found |= outcomes[row];
      if (found & ~out) explain(&text, &known, out, found);
      if (known.end == known.first) assert_int_equal(out, 0);
      decided++;
      excluded += out && !(out & LAM_MAY_BE_TRUE);
      proved += out == LAM_MAY_BE_TRUE;
      probed += known.probed;
    }
    lam_array_release(&batch);
    lam_schema_release(&schema);
    lam_arena_release(&arena);
  }
  print_message("%d conditions: %d cannot be true, %d must be, %d probes\n", decided, excluded, proved, probed);
  assert_true(excluded > decided / 8 && proved > decided / 40 && probed > decided / 40);
}

/* ---- what must be seen ---- */

/* Facts of one column, named as the test says. */
struct one {
  struct lam_facts_column column;
};

static enum lam_status tell_one(const void *user, const struct lam_expr *node, struct lam_facts_column *out,
                                struct lam_error *unused) {
  (void)node;
  (void)unused;
  *out = ((const struct one *)user)->column;
  return LAM_OK;
}

enum { T = LAM_MAY_BE_TRUE, F = LAM_MAY_BE_FALSE, N = LAM_MAY_BE_NULL };
static const struct {
  const char *type, *min, *max; /* NULL: unknown */
  int nulls;                    /* of 10 rows */
  int nan;                      /* 0: none, 1: perhaps, 2: nothing else but NULL */
  const char *condition;
  unsigned expected;
} cases[] = {
    {"int32", "1", "5", 0, false, "x = 6", F},
    {"int32", "1", "5", 0, false, "x = 5", T | F},
    {"int32", "5", "5", 0, false, "x = 5", T},
    {"int32", "5", "5", 3, false, "x = 5", T | N},
    {"int32", "5", "5", -1, false, "x = 5", T | N},
    {"int32", "1", "5", 0, false, "x > 0", T},
    {"int32", "1", "5", 0, false, "x >= 1 AND x <= 5", T},
    {"int32", "1", "5", 0, false, "x > 5", F},
    {"int32", "1", "5", 0, false, "x <> 7", T},
    {"int32", "1", "5", 0, false, "NOT x < 6", F},
    {"int32", "1", NULL, 0, false, "x = 0", F},
    {"int32", "1", NULL, 0, false, "x < 9", T | F},
    {"int32", NULL, NULL, 10, false, "x = 1", N},
    {"int32", NULL, NULL, 10, false, "x IS NULL", T},
    {"int32", NULL, NULL, 10, false, "x IS NULL OR x > 3", T},
    {"int32", NULL, NULL, 0, false, "x IS NULL", F},
    {"int32", "1", "5", 2, false, "x IN (7, 8)", F | N},
    {"int32", "1", "5", 0, false, "x NOT IN (7, 8)", T},
    {"int32", "1", "5", 0, false, "x IN (7, NULL)", N},
    {"int32", "1", "5", 0, false, "x BETWEEN 6 AND 9", F},
    {"int32", "1", "5", 0, false, "x BETWEEN 0 AND 9", T},
    {"int32", "1", "5", 0, false, "x > 5.5", F},
    {"int32", "1", "5", 0, false, "x < 3000000000", T},
    {"int32", "1", "5", 0, false, "CAST(x AS int64) = 6", F},
    {"int32", "1", "5", 0, false, "CAST(x AS decimal(12,2)) > 5.01", F},
    {"int32", "1", "5", 0, false, "CAST(x AS double) >= 1.0", T},
    {"int32", "1", "5", 0, false, "x + 1 > 100", T | F | N},
    {"int32", "1", "5", 0, false, "x > 5 AND x + 1 > 2", F},
    {"double", "1", "5", 0, false, "x > 5", F},
    {"double", "1", "5", 0, true, "x > 5", T | F},
    {"double", "1", "5", 0, true, "x <= 5", T | F},
    {"double", "1", "5", 0, true, "x > 0", T},
    {"double", "1", "5", 0, true, "x = 6", F},
    {"double", "1", "5", 0, false, "x = CAST('nan' AS double)", F},
    {"double", "1", "5", 0, true, "x = CAST('nan' AS double)", T | F},
    {"double", NULL, NULL, 0, 2, "x > 5", T},
    {"double", NULL, NULL, 0, 2, "x <= 5", F},
    {"double", NULL, NULL, 2, 2, "x > 5", T | N},
    {"double", NULL, NULL, -1, 2, "x < 5", F | N},
    {"double", NULL, NULL, 0, 2, "x = 5", F},
    {"double", NULL, NULL, 0, 2, "x IN (5, 6)", F},
    {"double", NULL, NULL, 0, 2, "x = CAST('nan' AS double)", T},
    {"float", NULL, NULL, 0, 2, "CAST(x AS double) BETWEEN 1 AND 2", F},
    {"float", NULL, NULL, 0, 2, "CAST(x AS int32) = 1", T | F | N},
    {"int32", NULL, NULL, 0, 2, "x = 5", T | F},
    {"double", "-0.0", "-0.0", 0, false, "x = 0", T},
    {"double", "0", "0", 0, false, "x >= CAST('-0.0' AS double)", T},
    {"bool", "true", "true", 0, false, "x", T},
    {"bool", "false", "false", 0, false, "x", F},
    {"bool", "false", "true", 1, false, "NOT x", T | F | N},
    {"bool", "true", "true", 0, false, "x = FALSE", F},
    {"string", "b", "d", 0, false, "x = 'a'", F},
    {"string", "b", "d", 0, false, "x LIKE 'a%'", F},
    {"string", "b", "d", 0, false, "x LIKE 'e%'", F},
    {"string", "b", "d", 0, false, "x LIKE 'c%'", T | F},
    {"string", "abc", "abd", 0, false, "x LIKE 'ab%'", T},
    {"string", "abc", "abd", 0, false, "x LIKE 'ab_'", T | F},
    {"string", "abc", "abd", 0, false, "x NOT LIKE 'ab%'", F},
    {"string", "abc", "abd", 0, false, "x LIKE 'abe'", F},
    {"string", "abc", "abd", 2, false, "x LIKE '%'", T | N},
    {"string", "ab", "b", 0, false, "x LIKE 'abc%'", T | F},
    {"string", "a", "ab", 0, false, "x LIKE 'abc%'", F},
    {"date", "2024-01-01", "2024-12-31", 0, false, "year(x) = 2024", T},
    {"date", "2024-01-01", "2024-12-31", 0, false, "year(x) = 2023", F},
    {"date", "2024-02-01", "2024-02-29", 0, false, "date_trunc('month', x) = DATE '2024-02-01'", T},
    {"date", "2024-02-01", "2024-02-29", 0, false, "date_trunc('month', x) = DATE '2024-03-01'", F},
    {"date", "2024-02-01", "2024-02-29", 0, false, "x >= TIMESTAMP '2024-02-29 00:00:01'", F},
    {"timestamp[us]", "2024-02-01 00:00:00", "2024-02-01 23:00:00", 0, false, "CAST(x AS date) = DATE '2024-02-01'", T},
    {"timestamp[us]", "2024-02-01 00:00:00", "2024-02-01 23:00:00", 0, false, "date_trunc('day', x) > '2024-02-01'", F},
    {"timestamp[ms]", "2024-02-01 01:00:00", "2024-02-01 23:00:00", 0, false, "CAST(x AS date64) = DATE '2024-02-01'",
     T},
    {"timestamp[us]", "2024-02-01 01:00:00", "2024-02-02 23:00:00", 0, false, "CAST(x AS date64) = DATE '2024-02-01'",
     T | F},
    {"timestamp[ns]", "2024-02-01 01:00:00", "2024-02-01 23:00:00", 0, false, "CAST(x AS date64) > DATE '2024-02-01'",
     F},
    {"timestamp[us]", "2024-02-01 00:00:00", "2024-02-01 23:00:00", 0, false, "x < DATE '2024-02-02'", T},
    {"int32", "1", "5", 5, false, "coalesce(x, 3) > 5", F},
    {"int32", "1", "5", 5, false, "coalesce(x, 3) >= 1", T},
    {"int32", "1", "5", 0, false, "CASE WHEN x > 2 THEN 7 ELSE 9 END > 6", T},
    {"int32", "1", "5", 0, false, "(x > 5) = TRUE", F},
    {"int32", "1", "5", 0, false, "(x > 5) IS NULL", F},
    {"int32", "1", "5", 0, false, "TRUE", T},
    {"int32", "1", "5", 0, false, "x > NULL", N},
};

static bool bound_of(const char *type_name, const char *text, struct lam_scalar *out) {
  struct lam_type type = type_of(type_name);
  uint8_t value[32] = {0};
  if (!text) return false;
  *out = (struct lam_scalar){.type = type, .bytes = lam_bytes_of_string(text)};
  if (lam_type_is_binary(type.id)) return true;
  OK(lam_value_parse(&type, lam_bytes_of_string(text), value, &error));
  lam_scalar_load(&type, value, out);
  return true;
}

static void test_cases(void **state) {
  (void)state;
  int wrong = 0;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct one one = {{.nulls = cases[i].nulls,
                       .may_be_nan = cases[i].nan,
                       .only_nan = cases[i].nan == 2,
                       .min_exact = true,
                       .max_exact = true}};
    struct ArrowSchema schema;
    struct lam_arena arena;
    struct lam_type type = type_of(cases[i].type);
    const struct lam_expr *parsed, *condition;
    unsigned outcomes;
    lam_arena_init(&arena, mem);
    one.column.has_min = bound_of(cases[i].type, cases[i].min, &one.column.min);
    one.column.has_max = bound_of(cases[i].type, cases[i].max, &one.column.max);
    OK(lam_schema_init_struct("", 1, &schema, &error));
    OK(lam_schema_init(&type, "x", true, schema.children[0], &error));
    OK(lam_expr_parse(cases[i].condition, &arena, &parsed, &error));
    OK(lam_expr_bind_condition(parsed, &schema, &arena, &condition, &error));
    struct lam_facts facts = {.user = &one, .rows = 10, .column = tell_one};
    OK(lam_expr_decide(condition, &facts, &outcomes, &error));
    if (outcomes != cases[i].expected)
      print_error("%s: %u, expected %u\n", cases[i].condition, outcomes, cases[i].expected);
    wrong += outcomes != cases[i].expected;
    facts.rows = 0;
    OK(lam_expr_decide(condition, &facts, &outcomes, &error));
    assert_int_equal(outcomes, 0);
    lam_schema_release(&schema);
    lam_arena_release(&arena);
  }
  assert_int_equal(wrong, 0);
}

static void test_and_of_outcomes(void **state) {
  (void)state;
  for (unsigned a = 0; a < 8; a++)
    for (unsigned b = 0; b < 8; b++) {
      unsigned expected = 0;
      for (unsigned x = 1; x < 8; x *= 2)
        for (unsigned y = 1; y < 8; y *= 2)
          if (a & x && b & y) expected |= x == F || y == F ? F : x == N || y == N ? N : T;
      assert_int_equal(lam_outcomes_and(a, b), expected);
    }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      MEM_TEST(test_cases),
      MEM_TEST(test_and_of_outcomes),
      MEM_TEST(test_against_brute_force),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
