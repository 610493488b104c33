/* Evaluation: a table of expressions on a fixed batch, forms of batches (offsets, dictionaries, structs), errors, and
 * random conditions against an oracle that works on one row at a time. */
#include "arrow_support.h"

#include "expr_support.h"

/* ---- a batch ---- */

static const struct {
  const char *name, *type;
  const char *texts[4]; /* "\1" is NULL */
} columns[] = {
    {"i8", "int8", {"1", "-128", "127", "\1"}},
    {"i16", "int16", {"1", "-300", "300", "\1"}},
    {"i", "int32", {"1", "2", "-3", "\1"}},
    {"l", "int64", {"10", "9223372036854775807", "-9223372036854775808", "\1"}},
    {"u8", "uint8", {"0", "200", "255", "\1"}},
    {"u", "uint32", {"0", "1", "4294967295", "\1"}},
    {"ul", "uint64", {"0", "9223372036854775808", "18446744073709551615", "\1"}},
    {"f", "float", {"0.1", "nan", "-0.0", "\1"}},
    {"h", "float16", {"0.5", "-inf", "nan", "\1"}},
    {"d", "double", {"2.5", "nan", "-2.5", "\1"}},
    {"e", "decimal(5,2)", {"1.50", "-2.55", "999.99", "\1"}},
    {"w", "decimal(50,10)", {"1.5", "-0.0000000001", "1234567890123456789012345678901234567890", "\1"}},
    {"s", "string", {"abc", "", "\xc3\xa9t\xc3\xa9", "\1"}},
    {"z", "binary", {"6162", "ff00", "", "\1"}},
    {"uuid", "fixed_size_binary[2]", {"0001", "ffff", "6162", "\1"}},
    {"b", "bool", {"true", "false", "true", "\1"}},
    {"day", "date", {"2025-11-26", "1969-12-31", "2024-02-29", "\1"}},
    {"ms", "timestamp[ms]", {"2025-11-26 10:20:30.123", "1969-12-31 23:59:59.999", "2024-02-29 00:00:00", "\1"}},
    {"ns", "timestamp[ns, UTC]", {"2025-11-26 10:20:30.123", "1969-12-31 23:59:59.999999999", "2024-02-29", "\1"}},
    {"t", "time[ms]", {"10:20:30", "00:00:00", "23:59:59.999", "\1"}},
};
enum { COLUMNS = sizeof columns / sizeof *columns, ROWS = 4 };

static void make_batch(struct ArrowSchema *schema, struct ArrowArray *batch) {
  OK(lam_schema_init_struct("", COLUMNS, schema, &error));
  OK(lam_array_init_struct(ROWS, COLUMNS, batch, &error));
  for (int i = 0; i < COLUMNS; i++)
    make_column(columns[i].type, columns[i].name, columns[i].texts, ROWS, schema->children[i], batch->children[i]);
}

/* The values of all rows with a space between, "~" for NULL. */
static enum lam_status values_of(const char *text, const struct ArrowSchema *schema, const struct ArrowArray *batch,
                                 struct lam_buf *out) {
  struct lam_arena arena;
  const struct lam_expr *parsed, *bound;
  struct lam_evaluator *evaluator = NULL;
  struct ArrowArray array = {0};
  lam_arena_init(&arena, mem);
  enum lam_status status = lam_expr_parse(text, &arena, &parsed, &error);
  if (status == LAM_OK) status = lam_expr_bind(parsed, schema, &arena, &bound, &error);
  if (status == LAM_OK) status = lam_evaluator_open(mem, bound, schema, &evaluator, &error);
  if (status == LAM_OK) status = lam_evaluate(evaluator, batch, &array, &error);
  lam_evaluator_close(evaluator);
  if (status == LAM_OK) {
    struct ArrowSchema result;
    struct lam_view view;
    OK(lam_schema_init(&bound->type, "", true, &result, &error));
    OK(lam_view_init(&result, &array, &view, &error));
    for (int64_t row = 0; row < batch->length; row++) {
      if (row) add(out, " ");
      if (!lam_view_valid(&view, row)) add(out, "~");
      OK(lam_value_text(&view, row, out, &error));
    }
    lam_schema_release(&result);
    lam_array_release(&array);
  }
  lam_arena_release(&arena);
  return status;
}

static const struct {
  const char *text, *values;
} cases[] = {
    /* comparisons with literals of other types */
    {"i8 = 300", "false false false ~"},
    {"i8 < 300", "true true true ~"},
    {"i8 <> 300", "true true true ~"},
    {"i8 >= -129", "true true true ~"},
    {"i < 1.5", "true false true ~"},
    {"i <= 1.5", "true false true ~"},
    {"i > -3.5", "true true true ~"},
    {"i = 1.0", "true false false ~"},
    {"1 = i", "true false false ~"},
    {"2 > i", "true false true ~"},
    {"i = '2'", "false true false ~"},
    {"i < '1.5'", "true false true ~"},
    {"i = 1e0", "true false false ~"},
    {"i < CAST('nan' AS double)", "true true true ~"},
    {"l < 9223372036854775808", "true true true ~"},
    {"l = 9223372036854775807", "false true false ~"},
    {"l > 9223372036854775806.5", "false true false ~"},
    {"ul = 18446744073709551615", "false false true ~"},
    {"ul > -1", "true true true ~"},
    {"ul < l", "true false false ~"},
    {"ul > l", "false true true ~"},
    {"u8 = i", "false false false ~"},
    {"f = 0.1", "true false false ~"},
    {"f = 0.1e0", "false false false ~"},
    {"f = 0", "false false true ~"},
    {"f = CAST('nan' AS float)", "false true false ~"},
    {"f > 1e30", "false true false ~"},
    {"f < CAST('nan' AS double)", "true false true ~"},
    {"f <= CAST('nan' AS double)", "true true true ~"},
    {"f <> CAST('nan' AS double)", "true false true ~"},
    {"h < 0", "false true false ~"},
    {"d = d", "true true true ~"},
    {"d < f", "false false true ~"},
    {"d >= 2.5", "true true false ~"},
    {"d > l", "false true true ~"},
    {"l < d", "false true true ~"},
    {"e = 1.5", "true false false ~"},
    {"e < 1.505", "true true false ~"},
    {"e = 1.505", "false false false ~"},
    {"e >= -2.55", "true true true ~"},
    {"e = w", "true false false ~"},
    {"e < d", "true true false ~"},
    {"w > 1e30", "false false true ~"},
    {"w < 0", "false true false ~"},
    {"e > i", "true false true ~"},
    {"s = 'abc'", "true false false ~"},
    {"s < 'b'", "true true false ~"},
    {"s >= ''", "true true true ~"},
    {"z = 'ab'", "true false false ~"},
    {"z > X'ff'", "false true false ~"},
    {"uuid = '6162'", "false false true ~"},
    {"uuid = X'ffff'", "false true false ~"},
    {"b", "true false true ~"},
    {"NOT b", "false true false ~"},
    {"b = TRUE", "true false true ~"},
    {"b < TRUE", "false true false ~"},
    {"day = '2025-11-26'", "true false false ~"},
    {"day = '2025-11-26 00:00:00'", "true false false ~"},
    {"day < '2025-11-26 00:00:01'", "true true true ~"},
    {"day = TIMESTAMP '2025-11-26 12:00:00'", "false false false ~"},
    {"day >= TIMESTAMP '2025-11-25 12:00:00'", "true false false ~"},
    {"ms < DATE '1970-01-01'", "false true false ~"},
    {"ms = '2025-11-26 10:20:30.123'", "true false false ~"},
    {"ms >= '2025-11-26 10:20:30.1225'", "true false false ~"},
    {"ms = '2025-11-26T11:20:30.123+01:00'", "true false false ~"},
    {"ms = ns", "true false true ~"},
    {"ms < ns", "false true false ~"},
    {"ns = ms", "true false true ~"},
    {"day < ns", "true true false ~"},
    {"day <= ms", "true true true ~"},
    {"t > '12:00'", "false false true ~"},
    {"i = NULL", "~ ~ ~ ~"},
    /* logic, IN, LIKE */
    {"i = 1 AND NULL", "~ false false ~"},
    {"i = 1 OR NULL", "true ~ ~ ~"},
    {"i = 1 OR b IS NULL", "true false false true"},
    {"i IN (1, 2.0, 7, '9')", "true true false ~"},
    {"i IN (1, 2.5, NULL)", "true ~ ~ ~"},
    {"i NOT IN (1, NULL)", "false ~ ~ ~"},
    {"i NOT IN (1.5)", "true true true ~"},
    {"i IN (i + 1, 2)", "false true false ~"},
    {"i IN (i8, -3)", "true false true ~"},
    {"2 IN (i, 5)", "false true false ~"},
    {"d IN (2.5, CAST('nan' AS double))", "true true false ~"},
    {"e IN (1.5, 1.505, 999.99)", "true false true ~"},
    {"w IN (1.5, 2)", "true false false ~"},
    {"s IN ('abc', '\xc3\xa9t\xc3\xa9', 'x')", "true false true ~"},
    {"day IN ('2025-11-26', DATE '1969-12-31')", "true true false ~"},
    {"i BETWEEN 1 AND 2", "true true false ~"},
    {"s LIKE 'a%'", "true false false ~"},
    {"s LIKE '%c'", "true false false ~"},
    {"s LIKE '%b%'", "true false false ~"},
    {"s LIKE '_t_'", "false false true ~"},
    {"s LIKE '___'", "true false true ~"},
    {"s LIKE '%'", "true true true ~"},
    {"s LIKE '_%_'", "true false true ~"},
    {"s LIKE 'abc'", "true false false ~"},
    {"s NOT LIKE 'a%'", "false true true ~"},
    {"s LIKE '!%%' ESCAPE '!'", "false false false ~"},
    {"s LIKE 'a!bc' ESCAPE '!'", "true false false ~"},
    {"i IS NULL", "false false false true"},
    {"(i = 1) IS NULL", "false false false true"},
    {"i + 1 IS NOT NULL", "true true true false"},
    /* arithmetic */
    {"i + 1", "2 3 -2 ~"},
    {"i8 + 1000", "1001 872 1127 ~"},
    {"u8 - 201", "-201 -1 54 ~"},
    {"i / 2", "0.5 1.0 -1.5 ~"},
    {"i % 2", "1 0 -1 ~"},
    {"i / 0", "inf inf -inf ~"},
    {"-i", "-1 -2 3 ~"},
    {"-u8", "0 -200 -255 ~"},
    {"-ul", "0 -9223372036854775808 -18446744073709551615 ~"},
    {"ul + i8", "1 9223372036854775680 18446744073709551742 ~"},
    {"e + 1", "2.50 -1.55 1000.99 ~"},
    {"e * e", "2.2500 6.5025 999980.0001 ~"},
    {"e - 0.005", "1.495 -2.555 999.985 ~"},
    {"e % 1", "0.50 -0.55 0.99 ~"},
    {"w * 2", "3.0000000000 -0.0000000002 2469135780246913578024691357802469135780.0000000000 ~"},
    {"d * 2", "5.0 nan -5.0 ~"},
    {"e + d", "4.0 nan 997.49 ~"},
    /* functions */
    {"abs(i)", "1 2 3 ~"},
    {"abs(e)", "1.50 2.55 999.99 ~"},
    {"round(e)", "2 -3 1000 ~"},
    {"round(e, 1)", "1.5 -2.6 1000.0 ~"},
    {"round(e, -1)", "0 0 1000 ~"},
    {"round(i16, -2)", "0 -300 300 ~"},
    {"round(d)", "3.0 nan -3.0 ~"},
    {"floor(e)", "1 -3 999 ~"},
    {"ceil(e)", "2 -2 1000 ~"},
    {"floor(d)", "2.0 nan -3.0 ~"},
    {"floor(i)", "1 2 -3 ~"},
    {"upper(s)", "ABC  \xc3\xa9T\xc3\xa9 ~"},
    {"length(s)", "3 0 3 ~"},
    {"length(z)", "2 2 0 ~"},
    {"substr(s, 2)", "bc  t\xc3\xa9 ~"},
    {"substr(s, 0, 3)", "ab  \xc3\xa9t ~"},
    {"substr(s, -2)", "bc  t\xc3\xa9 ~"},
    {"substr(s, i, 1)", "a  \xc3\xa9 ~"},
    {"year(day)", "2025 1969 2024 ~"},
    {"month(ms)", "11 12 2 ~"},
    {"day(ns)", "26 31 29 ~"},
    {"hour(ns)", "10 23 0 ~"},
    {"minute(t)", "20 0 59 ~"},
    {"date_trunc('month', day)", "2025-11-01 1969-12-01 2024-02-01 ~"},
    {"date_trunc('week', day)", "2025-11-24 1969-12-29 2024-02-26 ~"},
    {"CAST(date_trunc('quarter', ms) AS date)", "2025-10-01 1969-10-01 2024-01-01 ~"},
    {"CAST(date_trunc('hour', ns) AS time)", NULL},
    {"minute(date_trunc('hour', ms))", "0 0 0 ~"},
    {"coalesce(i, 0)", "1 2 -3 0"},
    {"coalesce(i, d)", "1.0 2.0 -3.0 ~"},
    {"coalesce(NULL, s, 'none')", "abc  \xc3\xa9t\xc3\xa9 none"},
    {"coalesce(day, '2000-01-01')", "2025-11-26 1969-12-31 2024-02-29 2000-01-01"},
    {"CASE WHEN i = 1 THEN 'one' WHEN i > 1 THEN 'more' END", "one more ~ ~"},
    {"CASE i WHEN 1 THEN 1.5 ELSE i END", "1.5 2.0 -3.0 ~"},
    {"CASE WHEN i = 1 THEN 1 % 0 ELSE 2 END", NULL},
    {"CASE WHEN i > 100 THEN 1 % 0 ELSE 2 END", "2 2 2 2"},
    {"CASE WHEN i <> 1 THEN 1 % (i - 1) END", "~ 0 1 ~"},
    {"i <> 1 AND 1 % (i - 1) = 1", "false false true ~"},
    {"i = 1 OR 1 % (i - 1) = 1", "true false true ~"},
    {"CASE WHEN b THEN b END", "true ~ true ~"},
    /* casts */
    {"CAST(d AS string)", "2.5 nan -2.5 ~"},
    {"CAST(e AS int)", "2 -3 1000 ~"},
    {"CAST(e AS double)", "1.5 -2.55 999.99 ~"},
    {"CAST(i AS decimal(10,3))", "1.000 2.000 -3.000 ~"},
    {"CAST(e AS decimal(4,1))", NULL},
    {"CAST(e AS decimal(5,1))", "1.5 -2.6 1000.0 ~"},
    {"CAST(i AS bool)", "true true true ~"},
    {"CAST(b AS int)", "1 0 1 ~"},
    {"CAST(ms AS date)", "2025-11-26 1969-12-31 2024-02-29 ~"},
    {"CAST(day AS timestamp[s])", "2025-11-26 00:00:00 1969-12-31 00:00:00 2024-02-29 00:00:00 ~"},
    {"CAST(CAST(day AS string) AS date) = day", "true true true ~"},
    {"CAST(z AS string)", NULL},
    {"CAST(s AS binary)", "616263  c3a974c3a9 ~"},
    {"CAST(f AS double)", "0.10000000149011612 nan -0.0 ~"},
    {"CAST(2.5e0 AS int) + CAST(-2.5 AS int) + i", "1 2 -3 ~"},
};

static void test_values(void **state) {
  (void)state;
  struct ArrowSchema schema;
  struct ArrowArray batch;
  make_batch(&schema, &batch);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct lam_buf buf;
    lam_buf_init(&buf, mem);
    enum lam_status status = values_of(cases[i].text, &schema, &batch, &buf);
    if (!cases[i].values) {
      if (status == LAM_OK) print_error("%s: no error, but %s\n", cases[i].text, text_of(&buf));
      assert_int_equal(status, LAM_INVALID);
    } else {
      if (status != LAM_OK || strcmp(text_of(&buf), cases[i].values))
        print_error("%s: %s\n", cases[i].text, status ? error.message : "");
      assert_int_equal(status, LAM_OK);
      expect_text(&buf, cases[i].values);
    }
    lam_buf_release(&buf);
  }
  lam_array_release(&batch);
  lam_schema_release(&schema);
}

static const struct {
  const char *text, *message;
} faults[] = {
    {"l + 1", "row 1 of a batch: 9223372036854775807 + 1 is out of range"},
    {"-l", "row 2 of a batch: -(-9223372036854775808) is out of range"},
    {"abs(l)", "row 2 of a batch: the result of abs"},
    {"ul * ul", "row 1"},
    {"1 % (i - 1)", "row 0 of a batch: 1 % 0 divides by zero"},
    {"CAST(i16 AS int8)", "row 1 of a batch: the value \"-300\" cannot be cast to int8: it is out of range"},
    {"CAST(d AS int)", "row 1"},
    {"CAST(s AS int)", "row 0 of a batch: the value \"'abc'\" cannot be cast to int32: it is not a whole number"},
    {"CAST(z AS string)", "row 1 of a batch: the value \"X'ff00'\" cannot be cast to string: it is not UTF-8"},
    {"substr(s, 1, i)", "row 2 of a batch: substr is asked for -3 characters"},
    {"w * w * w", "row 2"},
};

static void test_faults(void **state) {
  (void)state;
  struct ArrowSchema schema;
  struct ArrowArray batch;
  make_batch(&schema, &batch);
  for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
    struct lam_buf buf;
    lam_buf_init(&buf, mem);
    FAILS(values_of(faults[i].text, &schema, &batch, &buf), LAM_INVALID, faults[i].message);
    lam_buf_release(&buf);
  }
  lam_array_release(&batch);
  lam_schema_release(&schema);
}

int main(void) {
  const struct CMUnitTest tests[] = {MEM_TEST(test_values), MEM_TEST(test_faults)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
