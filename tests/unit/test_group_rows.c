/* Groups of rows: equal values of every type, NULLs, floats that are equal without equal bits, many groups. */
#include <math.h>

#include "ops_support.h"

#include "ops/group_rows.h"

struct rows {
  struct ArrowSchema schema;
  struct ArrowArray batch;
};
static void begin_rows(struct rows *rows, int64_t columns, int64_t length) {
  OK(lam_schema_init_struct("", columns, &rows->schema, &error));
  OK(lam_array_init_struct(length, columns, &rows->batch, &error));
}
static void end_rows(struct rows *rows) {
  lam_array_release(&rows->batch);
  lam_schema_release(&rows->schema);
}
/* Value i is at values + i * width; NULL where nulls[i]. */
static void put_column(struct rows *rows, int64_t c, struct lam_type type, const void *values, size_t width,
                       const char *nulls) {
  struct lam_builder builder;
  type.timezone = "";
  OK(lam_schema_init(&type, "c", true, rows->schema.children[c], &error));
  OK(lam_builder_init(&builder, mem, &type, &error));
  for (int64_t i = 0; i < rows->batch.length; i++) {
    const uint8_t *at = (const uint8_t *)values + (size_t)i * width;
    if (nulls && nulls[i] == 'n')
      OK(lam_builder_null(&builder, &error));
    else if (lam_type_is_binary(type.id))
      OK(lam_builder_bytes(&builder, lam_bytes_of_string(*(const char *const *)(const void *)at), &error));
    else if (type.id == LAM_TYPE_BOOL)
      OK(lam_builder_bool(&builder, *at, &error));
    else
      OK(lam_builder_fixed(&builder, at, &error));
  }
  OK(lam_builder_finish(&builder, rows->batch.children[c], &error));
  lam_builder_release(&builder);
}
/* Numbers the rows, as digits. */
static void want_groups(struct rows *rows, int32_t columns, const char *wanted) {
  static const int32_t all[] = {0, 1, 2};
  struct lam_grouper *grouper;
  uint32_t groups[32], first, count;
  const uint32_t *fresh;
  char text[33] = "";
  OK(lam_grouper_open(mem, &rows->schema, all, columns, &grouper, &error));
  for (int again = 0; again < 2; again++) {
    OK(lam_grouper_add(grouper, &rows->batch, groups, &first, &fresh, &count, &error));
    uint32_t most = 0;
    for (int64_t i = 0; i < rows->batch.length; i++) {
      text[i] = (char)('0' + groups[i]);
      if (groups[i] + 1 > most) most = groups[i] + 1;
    }
    assert_string_equal(text, wanted);
    assert_int_equal(first, again ? most : 0);
    assert_int_equal(count, again ? 0 : most);
    for (uint32_t n = 0; n < count; n++) {
      assert_int_equal(groups[fresh[n]], n);
      for (uint32_t i = 0; i < fresh[n]; i++) assert_int_not_equal(groups[i], n);
    }
  }
  lam_grouper_close(grouper);
}

static void test_types(void **state) {
  (void)state;
  struct rows rows;
  static const int64_t numbers[] = {5, -5, 5, 0, 0, 5};
  static const char *const texts[] = {"b", "", "b", "ab", "a", ""};
  static const uint8_t bools[] = {1, 0, 1, 1, 0, 0};
  static const char wide[6][12] = {"aaaaaaaaaaa1", "aaaaaaaaaaa2", "aaaaaaaaaaa1", "b", "aaaaaaaaaaa2", "b"};
  static const __int128 decimals[] = {1, (__int128)1 << 100, 1, -1, ((__int128)1 << 100) + 1, -1};
  begin_rows(&rows, 1, 6);
  put_column(&rows, 0, (struct lam_type){.id = LAM_TYPE_INT64}, numbers, 8, "vvvnvv");
  want_groups(&rows, 1, "010230");
  end_rows(&rows);
  begin_rows(&rows, 1, 6);
  put_column(&rows, 0, (struct lam_type){.id = LAM_TYPE_STRING}, texts, sizeof *texts, "vvvvvn");
  want_groups(&rows, 1, "010234");
  end_rows(&rows);
  begin_rows(&rows, 1, 6);
  put_column(&rows, 0, (struct lam_type){.id = LAM_TYPE_BOOL}, bools, 1, NULL);
  want_groups(&rows, 1, "010011");
  end_rows(&rows);
  begin_rows(&rows, 1, 6);
  put_column(&rows, 0, (struct lam_type){.id = LAM_TYPE_FIXED_BINARY, .byte_width = 12}, wide, 12, NULL);
  want_groups(&rows, 1, "010212");
  end_rows(&rows);
  begin_rows(&rows, 1, 6);
  put_column(&rows, 0, (struct lam_type){.id = LAM_TYPE_DECIMAL128, .precision = 38}, decimals, 16, NULL);
  want_groups(&rows, 1, "010232");
  end_rows(&rows);
}

static void test_floats(void **state) {
  (void)state;
  struct rows rows;
  static const double doubles[] = {0.0, -0.0, NAN, -NAN, 1.0, -1.0};
  static const float floats[] = {-0.0f, 0.0f, -NAN, NAN, INFINITY, -INFINITY};
  static const uint16_t halves[] = {0x8000, 0, 0x7e00, 0xfe01, 0x7c00, 0xfc00};
  begin_rows(&rows, 1, 6);
  put_column(&rows, 0, (struct lam_type){.id = LAM_TYPE_FLOAT64}, doubles, 8, NULL);
  want_groups(&rows, 1, "001123");
  end_rows(&rows);
  begin_rows(&rows, 1, 6);
  put_column(&rows, 0, (struct lam_type){.id = LAM_TYPE_FLOAT32}, floats, 4, NULL);
  want_groups(&rows, 1, "001123");
  end_rows(&rows);
  begin_rows(&rows, 1, 6);
  put_column(&rows, 0, (struct lam_type){.id = LAM_TYPE_FLOAT16}, halves, 2, NULL);
  want_groups(&rows, 1, "001123");
  end_rows(&rows);
}

static void test_columns_together(void **state) {
  (void)state;
  struct rows rows;
  static const int32_t a[] = {1, 1, 2, 2, 1, 0};
  static const char *const b[] = {"x", "y", "x", "y", "x", "x"};
  begin_rows(&rows, 2, 6);
  put_column(&rows, 0, (struct lam_type){.id = LAM_TYPE_INT32}, a, 4, "vvvvvn");
  put_column(&rows, 1, (struct lam_type){.id = LAM_TYPE_LARGE_STRING}, b, sizeof *b, "vvvnvv");
  want_groups(&rows, 2, "012304");
  end_rows(&rows);
}

/* More groups than the first tables have room for. */
static void test_many(void **state) {
  (void)state;
  enum { ROWS = 20000, GROUPS = 3001 };
  static int64_t values[ROWS];
  static uint32_t groups[ROWS], number[GROUPS];
  static char texts[GROUPS][16];
  static const char *pointers[ROWS];
  uint64_t seed = seed_of_test();
  for (int i = 0; i < GROUPS; i++) snprintf(texts[i], sizeof texts[i], "t%d", i);
  for (int i = 0; i < ROWS; i++) {
    values[i] = (int64_t)(next_random(&seed) % GROUPS);
    pointers[i] = texts[values[i]];
  }
  for (int kind = 0; kind < 2; kind++) {
    static const int32_t columns[] = {0};
    struct rows rows;
    struct lam_grouper *grouper;
    uint32_t first, count, seen = 0;
    const uint32_t *fresh;
    begin_rows(&rows, 1, ROWS);
    if (kind)
      put_column(&rows, 0, (struct lam_type){.id = LAM_TYPE_STRING}, pointers, sizeof *pointers, NULL);
    else
      put_column(&rows, 0, (struct lam_type){.id = LAM_TYPE_INT64}, values, 8, NULL);
    OK(lam_grouper_open(mem, &rows.schema, columns, 1, &grouper, &error));
    OK(lam_grouper_add(grouper, &rows.batch, groups, &first, &fresh, &count, &error));
    memset(number, 0xff, sizeof number);
    for (int i = 0; i < ROWS; i++) {
      uint32_t *n = &number[values[i]];
      if (*n == UINT32_MAX) *n = seen++;
      assert_int_equal(groups[i], *n);
    }
    assert_int_equal(count, seen);
    lam_grouper_close(grouper);
    end_rows(&rows);
  }
}

static void test_refused(void **state) {
  (void)state;
  static const int32_t columns[] = {0};
  struct ArrowSchema schema;
  struct lam_grouper *grouper;
  struct lam_type type = {.id = LAM_TYPE_STRUCT, .timezone = ""};
  OK(lam_schema_init_struct("", 1, &schema, &error));
  OK(lam_schema_init_nested(&type, "nested", true, 0, schema.children[0], &error));
  FAILS(lam_grouper_open(mem, &schema, columns, 1, &grouper, &error), LAM_UNSUPPORTED, "\"nested\"");
  lam_schema_release(&schema);
}

int main(void) {
  const struct CMUnitTest tests[] = {OPS_TEST(test_types), OPS_TEST(test_floats), OPS_TEST(test_columns_together),
                                     OPS_TEST(test_many), OPS_TEST(test_refused)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
