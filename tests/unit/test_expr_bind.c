/* Binding: what conditions become, the types of values, and messages. Bound trees are printed. */
#include "arrow_support.h"

#include "expr_support.h"

static const struct {
  const char *name, *type;
} columns[] = {{"i8", "int8"},
               {"i", "int32"},
               {"l", "int64"},
               {"u", "uint32"},
               {"ul", "uint64"},
               {"f", "float"},
               {"d", "double"},
               {"e", "decimal(5,2)"},
               {"w", "decimal(60,4)"},
               {"s", "string"},
               {"ls", "large_string"},
               {"z", "binary"},
               {"uuid", "fixed_size_binary[2]"},
               {"b", "bool"},
               {"day", "date"},
               {"sec", "timestamp[s]"},
               {"ts", "timestamp[us]"},
               {"utc", "timestamp[us, UTC]"},
               {"t", "time[ms]"},
               {"Price", "int32"}};
enum { COLUMNS = sizeof columns / sizeof *columns };

/* The columns, a struct st of x and "y z", and a list. */
static void make_schema(struct ArrowSchema *schema) {
  struct lam_type int32 = type_of("int32"), list = {.id = LAM_TYPE_LIST, .timezone = ""};
  OK(lam_schema_init_struct("", COLUMNS + 2, schema, &error));
  for (int i = 0; i < COLUMNS; i++) {
    struct lam_type type = type_of(columns[i].type);
    OK(lam_schema_init(&type, columns[i].name, true, schema->children[i], &error));
  }
  OK(lam_schema_init_struct("st", 2, schema->children[COLUMNS], &error));
  OK(lam_schema_init(&int32, "x", true, schema->children[COLUMNS]->children[0], &error));
  OK(lam_schema_init(&int32, "y z", true, schema->children[COLUMNS]->children[1], &error));
  OK(lam_schema_init(&list, "list", true, schema->children[COLUMNS + 1], &error));
}

static const struct {
  const char *text, *bound;
} conditions[] = {
    /* literals take the column's type, or the comparison changes */
    {"i < 2.5", "i <= 2"},
    {"i <= 2.5", "i <= 2"},
    {"i > 2.5", "i > 2"},
    {"i >= 2.5", "i > 2"},
    {"i < -2.5", "i < -2"},
    {"i >= -2.5", "i >= -2"},
    {"i = 2.5", "NULL AND i IS NULL"},
    {"i <> 2.5", "NULL OR NOT (i IS NULL)"},
    {"i8 = 300", "NULL AND i8 IS NULL"},
    {"i8 < 300", "i8 <= 127"},
    {"i8 > -300", "i8 >= -128"},
    {"2.0 >= i", "i <= 2"},
    {"l = 9223372036854775808", "NULL AND l IS NULL"},
    {"ul = -1", "NULL AND ul IS NULL"},
    {"e = 1.5", "e = 1.50"},
    {"e < 1.505", "e <= 1.50"},
    {"d = 1", "d = 1.0e0"},
    {"f = 0.1", "f = 0.1e0"},
    {"f < 16777217", "f <= 16777216.0e0"},
    {"day < TIMESTAMP '2025-11-26 12:00:00'", "day <= DATE '2025-11-26'"},
    {"day = '2025-11-26'", "day = DATE '2025-11-26'"},
    {"sec >= '2025-11-26 00:00:00.5'", "sec > TIMESTAMP '2025-11-26 00:00:00'"},
    {"utc = '2025-11-26T01:00:00+01:00'", "utc = TIMESTAMP '2025-11-26 00:00:00Z'"},
    {"i = '7'", "i = 7"},
    {"'7' = i", "i = 7"},
    {"i = NULL", "NULL"},
    {"s = 'a'", "s = 'a'"},
    {"z = 'a'", "z = X'61'"},
    {"uuid = '0a0b'", "uuid = X'0a0b'"},
    {"t < '12:00'", "t < CAST('12:00:00' AS time32[ms])"},
    {"i = l", "CAST(i AS int64) = l"},
    {"i < d", "CAST(i AS double) < d"},
    {"l < d", "l < d"},
    {"ul = l", "ul = l"},
    {"day < ts", "day < ts"},
    {"NOT i < 5", "i >= 5"},
    {"NOT i8 = 300", "NOT (NULL AND i8 IS NULL)"},
    {"NOT NOT b", "b"},
    {"b = TRUE", "b = TRUE"},
    /* IN */
    {"i IN (3, 1, 2, 1, 2.5, '3')", "i IN (1, 2, 3)"},
    {"i IN (5)", "i = 5"},
    {"i IN (5, 5.0)", "i = 5"},
    {"i IN (1.5)", "NULL AND i IS NULL"},
    {"i NOT IN (1, NULL, 0)", "NOT (i IN (0, 1, NULL))"},
    {"i IN (NULL)", "NULL"},
    {"i IN (l, 5)", "i = 5 OR CAST(i AS int64) = l"},
    {"3 IN (1, 2, 3)", "TRUE"},
    {"d IN (0, -0.0)", "d = 0.0e0"},
    {"s IN ('b', 'a')", "s IN ('a', 'b')"},
    /* LIKE */
    {"s LIKE 'abc'", "s = 'abc'"},
    {"s LIKE 'a!%b' ESCAPE '!'", "s = 'a%b'"},
    {"s LIKE 'a%'", "s LIKE 'a%'"},
    {"s LIKE 'a!%%' ESCAPE '!'", "s LIKE 'a!%%' ESCAPE '!'"},
    {"'abc' LIKE 'a%'", "TRUE"},
    /* constants */
    {"1 = 1", "TRUE"},
    {"1 < 1.5 AND i = 1", "i = 1"},
    {"1 > 1.5 AND i = 1", "FALSE"},
    {"1 > 1.5 OR i = 1", "i = 1"},
    {"TRUE OR i = 1", "TRUE"},
    {"NULL AND i = 1 AND NULL", "NULL AND i = 1"},
    {"i = 1 + 2 * 3", "i = 7"},
    {"i = -(-(3))", "i = 3"},
    {"day = CAST('2025-11-26' AS date)", "day = DATE '2025-11-26'"},
    {"year('2025-11-26') = 2025", "TRUE"},
    {"i = 1 % 0", "CAST(i AS int64) = 1 % 0"},
    {"CASE WHEN FALSE THEN b WHEN TRUE THEN b ELSE NOT b END", "b"},
    {"CASE WHEN 1 = 2 THEN 1 END = i", "NULL"},
    {"coalesce(NULL, b, TRUE, b)", "coalesce(b, TRUE)"},
    {"coalesce(i, 1.5) > 1", "coalesce(CAST(i AS decimal(11,1)), 1.5) > 1.0"},
    {"coalesce(day, '2025-01-01') > '2025-01-02'", "coalesce(day, DATE '2025-01-01') > DATE '2025-01-02'"},
    {"i IS NULL", "i IS NULL"},
    {"list IS NOT NULL", "NOT (list IS NULL)"},
    {"st IS NULL", "st IS NULL"},
    {"st.x = st.\"y z\"", "st.x = st.\"y z\""},
    {"(1 = 1) IS NULL", "FALSE"},
    /* cheap ones first */
    {"s LIKE '%a%' AND i + 1 > 2 AND i = 1 AND s = 'a'", "i = 1 AND s = 'a' AND s LIKE '%a%' AND i + 1 > 2"},
};

static void test_conditions(void **state) {
  (void)state;
  struct ArrowSchema schema;
  make_schema(&schema);
  for (size_t i = 0; i < sizeof conditions / sizeof *conditions; i++) {
    struct lam_arena arena;
    struct lam_buf buf;
    const struct lam_expr *parsed, *bound;
    lam_arena_init(&arena, mem);
    lam_buf_init(&buf, mem);
    OK(lam_expr_parse(conditions[i].text, &arena, &parsed, &error));
    enum lam_status status = lam_expr_bind_condition(parsed, &schema, &arena, &bound, &error);
    if (status != LAM_OK) print_error("%s: %s\n", conditions[i].text, error.message);
    assert_int_equal(status, LAM_OK);
    assert_int_equal(bound->type.id, LAM_TYPE_BOOL);
    print_expr(bound, &buf);
    expect_text(&buf, conditions[i].bound);
    lam_buf_release(&buf);
    lam_arena_release(&arena);
  }
  lam_schema_release(&schema);
}

static const struct {
  const char *text, *type;
} types[] = {
    {"i + i8", "int64"},
    {"u + u", "int64"},
    {"ul + u", "uint64"},
    {"ul + 1", "uint64"},
    {"ul + l", "decimal(21,0)"},
    {"i / 2", "double"},
    {"e / 2", "double"},
    {"f + 1", "double"},
    {"e + 1", "decimal(22,2)"},
    {"e * e", "decimal(10,4)"},
    {"e % e", "decimal(5,2)"},
    {"w * w", "decimal256(76,8)"},
    {"-i", "int64"},
    {"-f", "float"},
    {"-ul", "decimal(20,0)"},
    {"abs(i)", "int64"},
    {"round(e)", "decimal(4,0)"},
    {"round(e, 1)", "decimal(5,1)"},
    {"floor(d)", "double"},
    {"length(s)", "int64"},
    {"upper(ls)", "large_string"},
    {"substr(z, 1)", "binary"},
    {"year(day)", "int64"},
    {"date_trunc('month', sec)", "timestamp[s]"},
    {"coalesce(i, l)", "int64"},
    {"coalesce(i, 1)", "int32"},
    {"coalesce(i, e)", "decimal(12,2)"},
    {"coalesce(l, d)", "double"},
    {"coalesce(day, sec)", "timestamp[s]"},
    {"coalesce(sec, utc)", "timestamp[us, UTC]"},
    {"coalesce(s, ls)", "large_string"},
    {"CASE WHEN b THEN NULL ELSE i END", "int32"},
    {"CASE WHEN b THEN i ELSE 2.5 END", "decimal(11,1)"},
    {"CAST(i AS smallint)", "int16"},
    {"i = 1", "bool"},
    {"NULL", "null"},
};

static void test_types(void **state) {
  (void)state;
  struct ArrowSchema schema;
  make_schema(&schema);
  for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
    struct lam_arena arena;
    const struct lam_expr *parsed, *bound;
    char name[96];
    lam_arena_init(&arena, mem);
    OK(lam_expr_parse(types[i].text, &arena, &parsed, &error));
    OK(lam_expr_bind(parsed, &schema, &arena, &bound, &error));
    if (strcmp(lam_type_name(&bound->type, name, sizeof name), types[i].type)) print_error("%s\n", types[i].text);
    assert_string_equal(name, types[i].type);
    lam_arena_release(&arena);
  }
  lam_schema_release(&schema);
}

static const struct {
  const char *text;
  enum lam_status status;
  const char *message;
} faults[] = {
    {"price = 1", LAM_NOT_FOUND,
     "there is no column \"price\" (position 1); names are case-sensitive: there is \"Price\""},
    {"i = 1 AND nope = 2", LAM_NOT_FOUND, "there is no column \"nope\" (position 11); there are \"i8\", \"i\", \"l\""},
    {"st.nope = 2", LAM_NOT_FOUND, "there is no field \"nope\" (position 1); there are \"x\", \"y z\""},
    {"i.x = 1", LAM_INVALID, "\"i\" (position 1) is of type int32, which has no fields"},
    {"st = 1", LAM_INVALID, "the column st (struct) at position 1 can only be used with IS NULL; its fields"},
    {"list = 1", LAM_INVALID, "the column list (list) at position 1 can only be used with IS NULL"},
    {"i", LAM_INVALID, "a condition is expected at position 1, found i (int32)"},
    {"b AND i + 1", LAM_INVALID, "a condition is expected at position 9, found i + 1 (int64)"},
    {"s = 5", LAM_INVALID, "5 (int64) at position 5 does not go with type string"},
    {"i = 'abc'", LAM_INVALID, "the text at position 5: \"abc\" is not a value of type"},
    {"i = TRUE", LAM_INVALID, "TRUE (bool) at position 5 does not go with type int32"},
    {"i = s", LAM_INVALID, "i (int32) cannot be compared with s (string) (position 3); CAST makes them alike"},
    {"day = 5", LAM_INVALID, "does not go with type date"},
    {"day = '2025-13-01'", LAM_INVALID, "there is no such day"},
    {"i LIKE 'a%'", LAM_INVALID, "LIKE at position 3 needs a text, found i (int32)"},
    {"s LIKE 'a!' ESCAPE '!'", LAM_INVALID, "ends in its ESCAPE character"},
    {"s + 1 = 2", LAM_INVALID, "arithmetic needs numbers at position 3, found s (string)"},
    {"day + 1 = day", LAM_INVALID, "arithmetic needs numbers"},
    {"abs(s) = 1", LAM_INVALID, "a number is needed at position 1, found s (string)"},
    {"round(e, i) = 1", LAM_INVALID, "the digits of round at position 1"},
    {"date_trunc('eon', ts) = ts", LAM_INVALID, "date_trunc at position 1 needs 'year'"},
    {"hour(s) = 1", LAM_INVALID, "a date or timestamp is needed"},
    {"CAST(b AS date) = day", LAM_INVALID, "b (bool) cannot be cast to date (position 1)"},
    {"coalesce(i, s) = 1", LAM_INVALID, "s (string) at position 13 does not go with type int32 of the others"},
    {"CASE WHEN b THEN 1 ELSE 'a' END = 1", LAM_INVALID, "'a' (string) at position 25 does not go with type int64"},
};

static void test_faults(void **state) {
  (void)state;
  struct ArrowSchema schema;
  make_schema(&schema);
  for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
    struct lam_arena arena;
    const struct lam_expr *parsed, *bound;
    lam_arena_init(&arena, mem);
    OK(lam_expr_parse(faults[i].text, &arena, &parsed, &error));
    FAILS(lam_expr_bind_condition(parsed, &schema, &arena, &bound, &error), faults[i].status, faults[i].message);
    assert_null(bound);
    lam_arena_release(&arena);
  }
  lam_schema_release(&schema);
}

static void count(void *user, const struct lam_expr *column) {
  struct lam_buf *buf = user;
  print_expr(column, buf);
  add(buf, column->depth == 2 ? "*" : " ");
}

static void test_columns(void **state) {
  (void)state;
  struct ArrowSchema schema;
  struct lam_arena arena;
  struct lam_buf buf;
  const struct lam_expr *parsed, *bound;
  make_schema(&schema);
  lam_arena_init(&arena, mem);
  lam_buf_init(&buf, mem);
  OK(lam_expr_parse("i = 1 AND (l < d OR st.x IN (1, 2) OR i IS NULL)", &arena, &parsed, &error));
  OK(lam_expr_bind_condition(parsed, &schema, &arena, &bound, &error));
  lam_expr_columns(bound, count, &buf);
  expect_text(&buf, "i l d i st.x*");
  lam_buf_release(&buf);
  lam_arena_release(&arena);
  lam_schema_release(&schema);
}

int main(void) {
  const struct CMUnitTest tests[] = {MEM_TEST(test_conditions), MEM_TEST(test_types), MEM_TEST(test_faults),
                                     MEM_TEST(test_columns)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
