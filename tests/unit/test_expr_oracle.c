/* Random conditions on random batches against an oracle that evaluates the parsed tree, before binding, one row at a
 * time: numbers are exact multiples of 1/10000, so that no rewriting of comparisons can hide. Batches have offsets,
 * dictionaries, structs with NULLs, and more rows than a slice. */
#include <math.h>

#include "arrow_support.h"

#include "expr_support.h"

__extension__ typedef __int128 i128;

/* ---- values of the oracle ---- */

enum kind { NOTHING, NUMBER, TEXT, BOOLEAN, INSTANT };
struct value {
  enum kind kind;
  int infinite; /* of numbers: -1, 0, 1, and 2 for NaN */
  i128 exact;   /* numbers in 1/10000, instants in nanoseconds, booleans */
  struct lam_bytes text;
};
enum { SCALE = 4, ONE = 10000 };

static struct value number_of_double(double d) {
  if (isnan(d)) return (struct value){.kind = NUMBER, .infinite = 2};
  if (isinf(d)) return (struct value){.kind = NUMBER, .infinite = d < 0 ? -1 : 1};
  return (struct value){.kind = NUMBER, .exact = (i128)(d * ONE)};
}

static i128 decimal_value(const struct lam_scalar *scalar) {
  i128 value;
  memcpy(&value, scalar->value.decimal, sizeof value);
  for (int i = scalar->type.scale; i < SCALE; i++) value *= 10;
  return value;
}

static struct value value_of(const struct lam_scalar *scalar) {
  static const int64_t units[] = {1000000000, 1000000, 1000, 1};
  int64_t i = scalar->value.i;
  if (scalar->is_null) return (struct value){.kind = NOTHING};
  switch (scalar->type.id) {
    case LAM_TYPE_BOOL: return (struct value){.kind = BOOLEAN, .exact = i};
    case LAM_TYPE_FLOAT32:
    case LAM_TYPE_FLOAT64: return number_of_double(scalar->value.d);
    case LAM_TYPE_DECIMAL128:
    case LAM_TYPE_DECIMAL256: return (struct value){.kind = NUMBER, .exact = decimal_value(scalar)};
    case LAM_TYPE_UINT8:
    case LAM_TYPE_UINT64: return (struct value){.kind = NUMBER, .exact = (i128)scalar->value.u * ONE};
    case LAM_TYPE_STRING: return (struct value){.kind = TEXT, .text = scalar->bytes};
    case LAM_TYPE_DATE32: return (struct value){.kind = INSTANT, .exact = (i128)i * 86400 * 1000000000};
    case LAM_TYPE_TIMESTAMP: return (struct value){.kind = INSTANT, .exact = (i128)i * units[scalar->type.unit]};
    default: return (struct value){.kind = NUMBER, .exact = (i128)i * ONE};
  }
}

static int order_of(const struct value *a, const struct value *b) {
  if (a->kind == TEXT) {
    size_t size = a->text.size < b->text.size ? a->text.size : b->text.size;
    int order = size ? memcmp(a->text.data, b->text.data, size) : 0;
    return order ? order : (a->text.size > b->text.size) - (a->text.size < b->text.size);
  }
  if (a->infinite != b->infinite) return a->infinite < b->infinite ? -1 : 1;
  if (a->infinite) return 0;
  return (a->exact > b->exact) - (a->exact < b->exact);
}

static struct value truth(bool yes) {
  return (struct value){.kind = BOOLEAN, .exact = yes};
}

static struct lam_bytes rest_of(struct lam_bytes text, size_t n) {
  return (struct lam_bytes){text.data + n, text.size - n};
}
static bool like(struct lam_bytes pattern, struct lam_bytes text) {
  if (pattern.size == 0) return text.size == 0;
  if (*pattern.data == '%')
    return like(rest_of(pattern, 1), text) || (text.size && like(pattern, rest_of(text, lam_utf8_length(text))));
  if (text.size == 0) return false;
  if (*pattern.data == '_') return like(rest_of(pattern, 1), rest_of(text, lam_utf8_length(text)));
  return *pattern.data == *text.data && like(rest_of(pattern, 1), rest_of(text, 1));
}

/* ---- the oracle ---- */

struct table {
  struct ArrowSchema schema;
  struct ArrowArray batch;
  struct lam_scalar *cells; /* by column and row */
  int64_t rows;
};
enum { I8, I32, I64, U8, U64, F32, F64, DEC, WIDE, S, DS, DN, B, DAY, SEC, MICRO, IN_X, IN_S, COLUMNS };
static const char *const names[] = {"i8", "i32", "i64", "u8", "u64", "f32", "f64", "dec",  "wide",
                                    "s",  "ds",  "dn",  "b",  "day", "sec", "us",  "st.x", "st.s"};
static const char *const types[] = {
    "int8",          "int32",  "int64",  "uint8", "uint64", "float", "double",       "decimal(9,2)",
    "decimal(40,4)", "string", "string", "int32", "bool",   "date",  "timestamp[s]", "timestamp[us, UTC]",
    "int32",         "string"};

static struct value evaluate(const struct table *table, const struct lam_expr *expr, int64_t row);

static struct value cell(const struct table *table, const struct lam_expr *expr, int64_t row) {
  char name[16] = "";
  for (int32_t i = 0; i < expr->depth; i++)
    sprintf(name + strlen(name), "%s%.*s", i ? "." : "", (int)expr->names[i].size, (const char *)expr->names[i].data);
  int column = 0;
  while (strcmp(names[column], name) != 0) column++;
  return value_of(&table->cells[column * table->rows + row]);
}

static struct value compare(int comparison, struct value a, struct value b) {
  if (a.kind == NOTHING || b.kind == NOTHING) return (struct value){.kind = NOTHING};
  assert_int_equal(a.kind, b.kind);
  int order = order_of(&a, &b);
  switch (comparison) {
    case LAM_EQ: return truth(order == 0);
    case LAM_NE: return truth(order != 0);
    case LAM_LT: return truth(order < 0);
    case LAM_LE: return truth(order <= 0);
    case LAM_GT: return truth(order > 0);
    default: return truth(order >= 0);
  }
}

static struct value arithmetic(int operation, struct value a, struct value b) {
  if (a.kind == NOTHING || b.kind == NOTHING) return (struct value){.kind = NOTHING};
  struct value out = {.kind = NUMBER};
  out.exact = operation == LAM_ADD        ? a.exact + b.exact
              : operation == LAM_SUBTRACT ? a.exact - b.exact
                                          : a.exact * b.exact / ONE;
  return out;
}

static struct value logic(const struct table *table, const struct lam_expr *expr, int64_t row) {
  bool is_and = expr->kind == LAM_EXPR_AND, null = false;
  for (int32_t i = 0; i < expr->count; i++) {
    struct value value = evaluate(table, expr->arguments[i], row);
    if (value.kind == NOTHING)
      null = true;
    else if ((value.exact != 0) != is_and)
      return truth(!is_and);
  }
  return null ? (struct value){.kind = NOTHING} : truth(is_and);
}

static struct value in(const struct table *table, const struct lam_expr *expr, int64_t row) {
  struct value value = evaluate(table, expr->arguments[0], row), found = truth(false);
  for (int32_t i = 1; i < expr->count; i++) {
    struct value equal = compare(LAM_EQ, value, evaluate(table, expr->arguments[i], row));
    if (equal.kind != NOTHING && equal.exact) return equal;
    if (equal.kind == NOTHING) found = equal;
  }
  return found;
}

static struct value evaluate(const struct table *table, const struct lam_expr *expr, int64_t row) {
  struct value a = {.kind = NOTHING}, b = a;
  bool one = expr->kind == LAM_EXPR_NOT || expr->kind == LAM_EXPR_IS_NULL || expr->kind == LAM_EXPR_LIKE;
  bool two = expr->kind == LAM_EXPR_COMPARE || expr->kind == LAM_EXPR_ARITHMETIC;
  if (one || two) a = evaluate(table, expr->arguments[0], row);
  if (two) b = evaluate(table, expr->arguments[1], row);
  switch (expr->kind) {
    case LAM_EXPR_LITERAL: return value_of(&expr->literal);
    case LAM_EXPR_COLUMN: return cell(table, expr, row);
    case LAM_EXPR_COMPARE: return compare(expr->operation, a, b);
    case LAM_EXPR_AND:
    case LAM_EXPR_OR: return logic(table, expr, row);
    case LAM_EXPR_NOT: return a.kind == NOTHING ? a : truth(!a.exact);
    case LAM_EXPR_IN: return in(table, expr, row);
    case LAM_EXPR_LIKE: return a.kind == NOTHING ? a : truth(like(expr->arguments[1]->literal.bytes, a.text));
    case LAM_EXPR_IS_NULL: return truth(a.kind == NOTHING);
    case LAM_EXPR_ARITHMETIC: return arithmetic(expr->operation, a, b);
    case LAM_EXPR_CASE:
      for (int32_t i = 0; i + 1 < expr->count; i += 2) {
        struct value condition = evaluate(table, expr->arguments[i], row);
        if (condition.kind != NOTHING && condition.exact) return evaluate(table, expr->arguments[i + 1], row);
      }
      return evaluate(table, expr->arguments[expr->count - 1], row);
    default: /* coalesce, abs */
      if (expr->operation == LAM_ABS) {
        a = evaluate(table, expr->arguments[0], row);
        if (a.exact < 0) a.exact = -a.exact;
        return a;
      }
      for (int32_t i = 0; i < expr->count && a.kind == NOTHING; i++) a = evaluate(table, expr->arguments[i], row);
      return a;
  }
}

/* ---- random tables ---- */

static const char *random_cell(uint64_t *random, int column) {
  static char text[64];
  int64_t small = (int64_t)(next_random(random) % 9) - 4;
  static const char *const ends[][4] = {
      [I8] = {"-128", "127", "0", "1"},
      [I32] = {"-2147483648", "2147483647", "300", "-129"},
      [I64] = {"-9223372036854775808", "9223372036854775807", "9007199254740993", "9007199254740992"},
      [U8] = {"255", "128", "200", "0"},
      [U64] = {"18446744073709551615", "9223372036854775808", "9223372036854775807", "0"},
      [F32] = {"nan", "-0.0", "inf", "-inf"},
      [F64] = {"nan", "9007199254740992", "-0.0", "1e15"},
      [DEC] = {"9999999.99", "-9999999.99", "0.01", "-0.01"},
      [WIDE] = {"9999999999999999999999999999.9999", "-0.0001", "300", "2.5"},
  };
  if (column == DN || column == IN_X) column = I32;
  if (column == DS || column == IN_S) column = S;
  if (column <= WIDE && next_random(random) % 3 == 0) return ends[column][next_random(random) % 4];
  if (column == U8 || column == U64) small = llabs(small);
  switch (column) {
    case F32:
    case F64: snprintf(text, sizeof text, "%.3f", (double)small / 8); return text;
    case DEC: snprintf(text, sizeof text, "%.2f", (double)small / 4); return text;
    case WIDE: snprintf(text, sizeof text, "%.4f", (double)small / 16); return text;
    case S: return PICK(random, "", "a", "ab", "abc", "b", "\xc3\xa9", "a\xc3\xa9z", "abab", "caab", "A", "a%b");
    case B: return PICK(random, "true", "false");
    case DAY: return PICK(random, "1970-01-01", "1969-12-31", "2025-11-26", "2025-11-27");
    case SEC: return PICK(random, "1970-01-01 00:00:00", "1969-12-31 23:59:59", "2025-11-26", "2025-11-26 00:00:01");
    case MICRO:
      return PICK(random, "1970-01-01 00:00:00", "1969-12-31 23:59:59.999999", "2025-11-26 00:00:00.5", "2025-11-26");
    default: snprintf(text, sizeof text, "%d", (int)small); return text;
  }
}

/* A column of `rows` behind `skipped` others, which the array's offset leaves out. */
static void random_column(uint64_t *random, struct table *table, int column, int64_t skipped,
                          struct ArrowSchema *schema, struct ArrowArray *array) {
  struct lam_type type = type_of(types[column]);
  struct lam_builder builder;
  struct lam_view view;
  int64_t entries = column == DS || column == DN ? 7 : skipped + table->rows;
  bool nulls = next_random(random) % 4 != 0;
  const char *dot = strchr(names[column], '.');
  OK(lam_schema_init(&type, dot ? dot + 1 : names[column], true, schema, &error));
  OK(lam_builder_init(&builder, mem, &type, &error));
  for (int64_t i = 0; i < entries; i++) {
    if (nulls && next_random(random) % 5 == 0)
      OK(lam_builder_null(&builder, &error));
    else
      OK(lam_value_build(&builder, lam_bytes_of_string(random_cell(random, column)), &error));
  }
  OK(lam_builder_finish(&builder, array, &error));
  lam_builder_release(&builder);
  struct ArrowSchema encoded = *schema, index = {.format = "i", .dictionary = &encoded, .release = schema->release};
  if (column == DS || column == DN) {
    struct ArrowArray *values = malloc(sizeof *values);
    struct lam_type int32 = type_of("int32");
    *values = *array;
    OK(lam_builder_init(&builder, mem, &int32, &error));
    for (int64_t i = 0; i < skipped + table->rows; i++) {
      int32_t at = (int32_t)(next_random(random) % (uint64_t)entries);
      if (nulls && next_random(random) % 5 == 0)
        OK(lam_builder_null(&builder, &error));
      else
        OK(lam_builder_fixed(&builder, &at, &error));
    }
    OK(lam_builder_finish(&builder, array, &error));
    lam_builder_release(&builder);
    array->dictionary = values;
  }
  array->offset = skipped;
  array->length = table->rows;
  if (array->null_count) array->null_count = -1;
  OK(lam_view_init(array->dictionary ? &index : schema, array, &view, &error));
  for (int64_t row = 0; row < table->rows; row++)
    OK(lam_scalar_of_view(&view, row, &table->cells[column * table->rows + row], &error));
}

/* The batch's own offset is 2: its columns have two rows more at their front. */
static void make_table(uint64_t *random, int64_t rows, struct table *table) {
  enum { FRONT = 2 };
  memset(table, 0, sizeof *table);
  table->rows = rows;
  table->cells = calloc((size_t)(COLUMNS * rows), sizeof *table->cells);
  OK(lam_schema_init_struct("", IN_X + 1, &table->schema, &error));
  OK(lam_array_init_struct(rows, IN_X + 1, &table->batch, &error));
  for (int i = 0; i < IN_X; i++)
    random_column(random, table, i, (int64_t)(next_random(random) % 20) + FRONT, table->schema.children[i],
                  table->batch.children[i]);
  struct ArrowSchema *inner = table->schema.children[IN_X];
  struct ArrowArray *array = table->batch.children[IN_X];
  OK(lam_schema_init_struct("st", 2, inner, &error));
  OK(lam_array_init_struct(rows, 2, array, &error));
  for (int i = 0; i < 2; i++)
    random_column(random, table, IN_X + i, (int64_t)(next_random(random) % 20) + FRONT, inner->children[i],
                  array->children[i]);
  /* NULL structs: the fields of their rows are NULL whatever they hold. */
  struct lam_shared *bits = NULL;
  OK(lam_shared_create(mem, (size_t)(rows + FRONT + 8) / 8 + 1, &bits, &error));
  memset(bits->data, 0xff, bits->capacity);
  for (int64_t row = 0; row < rows; row++) {
    if (next_random(random) % 6) continue;
    lam_bit_clear(bits->data, row + FRONT);
    table->cells[IN_X * rows + row].is_null = table->cells[IN_S * rows + row].is_null = true;
  }
  struct ArrowArray holder;
  OK(lam_array_init(rows, -1, 1, &bits, NULL, &holder, &error));
  lam_shared_release(bits);
  holder.children = array->children, holder.n_children = 2;
  array->children = NULL, array->n_children = 0;
  lam_array_release(array);
  *array = holder;
  array->null_count = -1;
  for (int i = 0; i <= IN_X; i++) {
    table->batch.children[i]->offset -= i == IN_X ? 0 : FRONT;
    table->batch.children[i]->length += FRONT;
  }
  for (int i = 0; i < 2; i++) array->children[i]->offset -= FRONT, array->children[i]->length += FRONT;
  table->batch.offset = FRONT;
}

static void free_table(struct table *table) {
  lam_array_release(&table->batch);
  lam_schema_release(&table->schema);
  free(table->cells);
}

/* ---- random conditions ---- */

static void condition(uint64_t *random, int depth, struct lam_buf *out);

/* A number that arithmetic cannot take out of range. */
static void small_number(uint64_t *random, int depth, struct lam_buf *out) {
  if (depth <= 0) {
    add(out, PICK(random, "i8", "u8", "dec", "3", "-2", "0.5", "1.25", "300", "NULL"));
    return;
  }
  fill_form(random, depth, PICK(random, "($ + $)", "($ - $)", "abs($)", "coalesce($, $)"), small_number, out);
}
static void number(uint64_t *random, int depth, struct lam_buf *out) {
  (void)depth;
  if (next_random(random) % 4 == 0) {
    small_number(random, 2, out);
  } else if (next_random(random) % 8 == 0) {
    add(out, "CASE WHEN ");
    condition(random, 1, out);
    add(out, " THEN ");
    small_number(random, 1, out);
    add(out, " ELSE ");
    small_number(random, 1, out);
    add(out, " END");
  } else {
    add(out, PICK(random, "i8", "i32", "i64", "u8", "u64", "f32", "f64", "dec", "wide", "dn", "st.x", "0", "1", "-1",
                  "300", "-129", "2.5", "0.125", "-0.0001", "255", "9223372036854775807", "18446744073709551615",
                  "9007199254740993", "99999999999999999999", "1e3", "-0e0", "2.5e0", "NULL"));
  }
}
static void text_value(uint64_t *random, int depth, struct lam_buf *out) {
  (void)depth;
  add(out, PICK(random, "s", "ds", "st.s", "ds", "'a'", "'ab'", "''", "'\xc3\xa9'", "coalesce(s, ds)"));
}
static void instant(uint64_t *random, int depth, struct lam_buf *out) {
  (void)depth;
  add(out, PICK(random, "day", "sec", "us", "DATE '2025-11-26'", "TIMESTAMP '2025-11-26 00:00:00.5'",
                "TIMESTAMP '1969-12-31 23:59:59.9999999'", "TIMESTAMP '1970-01-01 00:00:00'", "NULL"));
}
static void pattern(uint64_t *random, int depth, struct lam_buf *out) {
  (void)depth;
  add(out, PICK(random, "'%'", "'a%'", "'%b'", "'%ab%'", "'_'", "'a_'", "'%_b%'", "'_%_'", "'a%b%'", "'%a%b'", "'ab'",
                "''", "'%\xc3\xa9%'", "'_\xc3\xa9_'", "'%%a'", "'a%_'", "'%a_'", "'__%b'"));
}
static void comparison(uint64_t *random, int depth, struct lam_buf *out) {
  (void)depth;
  add(out, PICK(random, " = ", " <> ", " < ", " <= ", " > ", " >= "));
}
static void leaf_condition(uint64_t *random, struct lam_buf *out) {
  random_function side = next_random(random) % 2 ? number : next_random(random) % 2 ? text_value : instant;
  switch (next_random(random) % 8) {
    case 0:
      text_value(random, 0, out);
      add(out, PICK(random, " LIKE ", " NOT LIKE "));
      pattern(random, 0, out);
      break;
    case 1:
      side(random, 0, out);
      add(out, PICK(random, " IN (", " NOT IN ("));
      for (int n = (int)(next_random(random) % 5); n >= 0; n--) {
        side(random, 0, out);
        add(out, n ? ", " : ")");
      }
      break;
    case 2:
      side(random, 0, out);
      add(out, PICK(random, " IS NULL", " IS NOT NULL"));
      break;
    case 3: add(out, PICK(random, "b", "b = TRUE", "b IS NULL", "NULL", "b <> (i8 > 0)")); break;
    case 4:
      side(random, 0, out);
      add(out, " BETWEEN ");
      side(random, 0, out);
      add(out, " AND ");
      side(random, 0, out);
      break;
    default:
      side(random, 0, out);
      comparison(random, 0, out);
      side(random, 0, out);
      break;
  }
}
static void condition(uint64_t *random, int depth, struct lam_buf *out) {
  if (depth <= 0 || next_random(random) % 4 == 0) {
    add(out, "(");
    leaf_condition(random, out);
    add(out, ")");
    return;
  }
  fill_form(random, depth,
            PICK(random, "($ AND $)", "($ OR $)", "($ AND $ AND $)", "($ OR $ OR $)", "(NOT $)", "($ IS NULL)",
                 "($ = $)", "CASE WHEN $ THEN $ ELSE $ END", "coalesce($, $)"),
            condition, out);
}

static void expect_same(const struct table *table, const char *text) {
  struct lam_arena arena;
  const struct lam_expr *parsed, *bound;
  struct lam_evaluator *evaluator;
  uint8_t *selection = malloc((size_t)(table->rows + 7) / 8 + 1);
  int64_t selected, count = 0;
  lam_arena_init(&arena, mem);
  OK(lam_expr_parse(text, &arena, &parsed, &error));
  enum lam_status status = lam_expr_bind_condition(parsed, &table->schema, &arena, &bound, &error);
  if (status != LAM_OK) print_error("%s\n%s\n", text, error.message);
  assert_int_equal(status, LAM_OK);
  OK(lam_evaluator_open(mem, bound, &table->schema, &evaluator, &error));
  for (int repeat = 0; repeat < 2; repeat++) {
    status = lam_evaluate_condition(evaluator, &table->batch, selection, &selected, &error);
    if (status != LAM_OK) print_error("%s\n%s\n", text, error.message);
    assert_int_equal(status, LAM_OK);
  }
  for (int64_t row = 0; row < table->rows; row++) {
    struct value value = evaluate(table, parsed, row);
    bool expected = value.kind != NOTHING && value.exact, found = lam_bit_get(selection, row);
    if (expected != found) {
      struct lam_buf buf;
      lam_buf_init(&buf, mem);
      print_expr(bound, &buf);
      print_error("%s\nbound: %s\nrow %d: %d\n", text, text_of(&buf), (int)row, found);
      lam_buf_release(&buf);
    }
    assert_int_equal(expected, found);
    count += found;
  }
  assert_int_equal(selected, count);
  lam_evaluator_close(evaluator);
  lam_arena_release(&arena);
  free(selection);
}

static void test_random(void **state) {
  (void)state;
  uint64_t random = seed_of_test();
  for (int t = 0; t < 40; t++) {
    struct table table;
    make_table(&random, t % 10 == 9 ? 5000 : (int64_t)(next_random(&random) % 150), &table);
    for (int i = 0; i < (t % 10 == 9 ? 20 : 100); i++) {
      struct lam_buf text;
      lam_buf_init(&text, mem);
      condition(&random, 3, &text);
      expect_same(&table, text_of(&text));
      lam_buf_release(&text);
    }
    free_table(&table);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {MEM_TEST(test_random)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
