/* Widening: the table of types, and every cast on values. */
#include "arrow_support.h"

#include "arrow/cast.h"

/* The wider type of each pair, both ways; NULL: there is none. */
static const struct {
  const char *a, *b, *wide;
} pairs[] = {
    {"int8", "int8", "int8"},
    {"int8", "int16", "int16"},
    {"int8", "int64", "int64"},
    {"int32", "int64", "int64"},
    {"uint8", "uint16", "uint16"},
    {"uint32", "uint64", "uint64"},
    {"int8", "uint8", "int16"},
    {"int16", "uint8", "int16"},
    {"int8", "uint16", "int32"},
    {"int32", "uint16", "int32"},
    {"int16", "uint32", "int64"},
    {"int64", "uint32", "int64"},
    {"int8", "uint64", NULL},
    {"int64", "uint64", NULL},
    {"float", "double", "double"},
    {"int8", "float", "double"},
    {"int32", "float", "double"},
    {"uint32", "double", "double"},
    {"int64", "double", NULL},
    {"uint64", "float", NULL},
    {"decimal(10,2)", "decimal(20,2)", "decimal(20,2)"},
    {"decimal(38,2)", "decimal(60,2)", "decimal(60,2)"},
    {"decimal(10,2)", "decimal(10,3)", NULL},
    {"decimal(10,2)", "int32", NULL},
    {"timestamp[ms]", "timestamp[us]", "timestamp[us]"},
    {"timestamp[s]", "timestamp[ns]", "timestamp[ns]"},
    {"timestamp[ms, UTC]", "timestamp[us, UTC]", "timestamp[us, UTC]"},
    {"timestamp[us]", "timestamp[us, UTC]", NULL},
    {"time[ms]", "time[us]", "time[us]"},
    {"time[s]", "time[ms]", "time[ms]"},
    {"date", "timestamp[us]", NULL},
    {"string", "binary", NULL},
    {"string", "int32", NULL},
    {"bool", "int8", NULL},
};

static void expect_wide(const char *a, const char *b, const char *expected) {
  struct lam_type x = type_of(a), y = type_of(b), wide;
  bool is_wide = lam_type_widen(&x, &y, &wide);
  if (is_wide != (expected != NULL)) print_error("%s and %s\n", a, b);
  assert_int_equal(is_wide, expected != NULL);
  if (!expected) return;
  struct lam_type z = type_of(expected);
  char name[96];
  if (!lam_type_equal(&wide, &z)) print_error("%s and %s: %s\n", a, b, lam_type_name(&wide, name, sizeof name));
  assert_true(lam_type_equal(&wide, &z));
}

static void test_pairs(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
    expect_wide(pairs[i].a, pairs[i].b, pairs[i].wide);
    expect_wide(pairs[i].b, pairs[i].a, pairs[i].wide);
  }
  struct lam_type null = {.id = LAM_TYPE_NULL, .timezone = ""}, wide, text = type_of("string");
  assert_true(lam_type_widen(&null, &text, &wide));
  assert_true(lam_type_equal(&wide, &text));
  assert_true(lam_type_widen(&text, &null, &wide));
  assert_true(lam_type_equal(&wide, &text));
  struct lam_type half = {.id = LAM_TYPE_FLOAT16, .timezone = ""}, single = type_of("float");
  assert_true(lam_type_widen(&half, &single, &wide));
  assert_int_equal(wide.id, LAM_TYPE_FLOAT32);
}

static int64_t load(const void *data, size_t width, bool is_unsigned, int64_t i) {
  const uint8_t *at = (const uint8_t *)data + (size_t)i * width;
  uint64_t bits = 0;
  memcpy(&bits, at, width);
  if (is_unsigned || width == 8) return (int64_t)bits;
  unsigned shift = 64 - 8 * (unsigned)width;
  return (int64_t)(bits << shift) >> shift;
}

/* Every integer type into every integer or float type that widening gives: random bits, some NULL, with an offset. */
static void test_integers(void **state) {
  uint64_t random = seed_of_test();
  (void)state;
  static const char *const names[] = {"int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"};
  static const char *const targets[] = {"int8",   "int16",  "int32",  "int64", "uint8",
                                        "uint16", "uint32", "uint64", "double"};
  enum { ROWS = 300, SKIPPED = 3 };
  int casts = 0;
  for (size_t f = 0; f < 8; f++) {
    for (size_t t = 0; t < 9; t++) {
      struct lam_type from = type_of(names[f]), to = type_of(targets[t]), wide;
      if (!lam_type_widen(&from, &to, &wide) || !lam_type_equal(&wide, &to)) continue;
      casts++;
      struct ArrowSchema schema;
      struct ArrowArray array, out;
      struct lam_builder builder;
      OK(lam_schema_init(&from, "c", true, &schema, &error));
      OK(lam_builder_init(&builder, mem, &from, &error));
      for (int i = 0; i < ROWS; i++) {
        uint64_t value = next_random(&random);
        if (i % 9 == 4)
          OK(lam_builder_null(&builder, &error));
        else
          OK(lam_builder_fixed(&builder, &value, &error));
      }
      OK(lam_builder_finish(&builder, &array, &error));
      lam_builder_release(&builder);
      array.offset = SKIPPED;
      array.length -= SKIPPED;
      array.null_count = -1;
      OK(lam_cast(mem, &schema, &array, &to, &out, &error));
      assert_int_equal(out.length, ROWS - SKIPPED);
      struct lam_view in, result;
      struct ArrowSchema out_schema;
      OK(lam_schema_init(&to, "c", true, &out_schema, &error));
      OK(lam_view_init(&schema, &array, &in, &error));
      OK(lam_view_init(&out_schema, &out, &result, &error));
      size_t width = (size_t)lam_type_bits(&from) / 8, to_width = (size_t)lam_type_bits(&to) / 8;
      for (int64_t i = 0; i < out.length; i++) {
        assert_int_equal(lam_view_valid(&in, i), lam_view_valid(&result, i));
        if (!lam_view_valid(&in, i)) continue;
        int64_t value = load(in.data, width, names[f][0] == 'u', in.offset + i);
        if (to.id == LAM_TYPE_FLOAT64)
          assert_true(((const double *)result.data)[i] == (double)value);
        else
          assert_true(load(result.data, to_width, targets[t][0] == 'u', i) == value);
      }
      lam_array_release(&out);
      lam_array_release(&array);
      lam_schema_release(&schema);
      lam_schema_release(&out_schema);
    }
  }
  assert_int_equal(casts, 8 + 6 + 6 + 6 + 6); /* to themselves, wider signed, wider unsigned, u to s, to double */
}

/* Texts of the narrower type, and of what they become. */
static void expect_cast(const char *from, const char *to, const char *text, const char *expected) {
  struct ArrowSchema schema, out_schema;
  struct ArrowArray array, out;
  const char *const texts[] = {"\1", text};
  struct lam_type type = type_of(to);
  make_column(from, "c", texts, 2, &schema, &array);
  OK(lam_cast(mem, &schema, &array, &type, &out, &error));
  OK(lam_schema_init(&type, "c", true, &out_schema, &error));
  struct lam_view view;
  struct lam_buf buf;
  lam_buf_init(&buf, mem);
  OK(lam_view_init(&out_schema, &out, &view, &error));
  assert_false(lam_view_valid(&view, 0));
  OK(lam_value_text(&view, 1, &buf, &error));
  expect_text(&buf, expected);
  lam_buf_release(&buf);
  lam_array_release(&out);
  lam_array_release(&array);
  lam_schema_release(&schema);
  lam_schema_release(&out_schema);
}

static void test_other_casts(void **state) {
  (void)state;
  expect_cast("float", "double", "-2.25", "-2.25");
  expect_cast("decimal(5,2)", "decimal(10,2)", "-123.45", "-123.45");
  expect_cast("decimal(5,2)", "decimal(60,2)", "-123.45", "-123.45");
  expect_cast("decimal(5,2)", "decimal(60,2)", "123.45", "123.45");
  expect_cast("timestamp[s]", "timestamp[ns]", "1969-12-31 23:59:58", "1969-12-31 23:59:58");
  expect_cast("timestamp[ms]", "timestamp[us]", "2026-11-21 10:20:30.125", "2026-11-21 10:20:30.125000");
  expect_cast("time[s]", "time[ms]", "23:59:59", "23:59:59");
  expect_cast("time[ms]", "time[ns]", "23:59:59.999", "23:59:59.999000000");
}

static void make_number(const char *type_name, int64_t value, struct ArrowSchema *schema, struct ArrowArray *array) {
  struct lam_type type = type_of(type_name);
  struct lam_builder builder;
  OK(lam_schema_init(&type, "when", true, schema, &error));
  OK(lam_builder_init(&builder, mem, &type, &error));
  OK(lam_builder_fixed(&builder, &value, &error));
  OK(lam_builder_finish(&builder, array, &error));
  lam_builder_release(&builder);
}

static void test_refused(void **state) {
  (void)state;
  static const struct {
    const char *from;
    int64_t value;
    const char *to;
    enum lam_status status;
    const char *text;
  } cases[] = {
      {"timestamp[s]", INT64_MAX / 1000, "timestamp[us]", LAM_INVALID, "row 0 of a batch: the value 9223372036854775"},
      {"timestamp[s]", INT64_MIN / 1000, "timestamp[ns]", LAM_INVALID, "row 0"},
      {"time[s]", INT32_MAX, "time[ms]", LAM_INVALID, "the value 2147483647 does not fit"},
      /* A file was replaced since its schema was merged. */
      {"int64", 5, "int32", LAM_CONFLICT, "column \"when\" is int64 now; it was merged as int32"},
      {"int64", 5, "string", LAM_CONFLICT, "merged as string"},
      {"int64", 5, "double", LAM_CONFLICT, "merged as double"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct ArrowSchema schema;
    struct ArrowArray array, out;
    struct lam_type to = type_of(cases[i].to);
    make_number(cases[i].from, cases[i].value, &schema, &array);
    FAILS(lam_cast(mem, &schema, &array, &to, &out, &error), cases[i].status, cases[i].text);
    assert_null(out.release);
    lam_array_release(&array);
    lam_schema_release(&schema);
  }
}

static void test_nulls(void **state) {
  (void)state;
  static const char *const names[] = {"bool", "int32", "double", "decimal(60,2)", "string", "binary", "date"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    for (int64_t rows = 0; rows < 18; rows += 17) {
      struct lam_type type = type_of(names[i]);
      struct ArrowSchema schema;
      struct ArrowArray out;
      struct lam_view view;
      OK(lam_schema_init(&type, "c", true, &schema, &error));
      OK(lam_array_nulls(mem, &schema, rows, &out, &error));
      OK(lam_view_init(&schema, &out, &view, &error));
      assert_int_equal(out.length, rows);
      assert_int_equal(out.null_count, rows);
      assert_int_equal(lam_view_null_count(&view), rows);
      for (int64_t row = 0; row < rows; row++) {
        assert_false(lam_view_valid(&view, row));
        if (lam_type_is_binary(type.id)) assert_int_equal(lam_view_bytes(&view, row).size, 0);
      }
      lam_array_release(&out);
      lam_schema_release(&schema);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {MEM_TEST(test_pairs), MEM_TEST(test_integers), MEM_TEST(test_other_casts),
                                     MEM_TEST(test_refused), MEM_TEST(test_nulls)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
