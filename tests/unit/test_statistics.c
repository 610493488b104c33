#include "arrow_support.h"
#include "parquet/statistics.h"

static struct lam_schema_node node(enum lam_physical physical, enum lam_logical_kind kind, int32_t length) {
  return (struct lam_schema_node){.physical = (int8_t)physical,
                                  .converted = LAM_CONVERTED_NONE,
                                  .type_length = length,
                                  .logical = {.kind = kind, .is_signed = true}};
}

/* Bounds of `count` values of the node's width, in two calls. */
static struct lam_statistics bounds_of(const struct lam_schema_node *leaf, const void *values, size_t count,
                                       struct lam_arena *arena) {
  struct lam_bounds bounds;
  struct lam_statistics out;
  lam_bounds_init(&bounds, mem, leaf);
  size_t half = count / 2;
  OK(lam_bounds_add(&bounds, values, half, &error));
  OK(lam_bounds_add(&bounds, (const uint8_t *)values + half * (size_t)bounds.width, count - half, &error));
  OK(lam_bounds_finish(&bounds, arena, &out, &error));
  lam_bounds_release(&bounds);
  return out;
}

static struct lam_statistics text_bounds(const char *const *values, size_t count, bool text, struct lam_arena *arena) {
  struct lam_schema_node leaf = node(LAM_BYTE_ARRAY, text ? LAM_LOGICAL_STRING : LAM_LOGICAL_NONE, 0);
  struct lam_bounds bounds;
  struct lam_statistics out;
  lam_bounds_init(&bounds, mem, &leaf);
  for (size_t i = 0; i < count; i++) {
    struct lam_bytes value = lam_bytes_of_string(values[i]);
    OK(lam_bounds_add_bytes(&bounds, &value, 1, &error));
  }
  OK(lam_bounds_finish(&bounds, arena, &out, &error));
  lam_bounds_release(&bounds);
  return out;
}

static void expect(struct lam_bytes found, const void *value, size_t size) {
  assert_int_equal(found.size, size);
  assert_memory_equal(found.data, value, size);
}

static void test_integers(void **state) {
  (void)state;
  struct lam_arena arena;
  lam_arena_init(&arena, mem);
  const int32_t values[] = {5, -7, 3, INT32_MAX, -1};
  struct lam_schema_node leaf = node(LAM_INT32, LAM_LOGICAL_NONE, 0);
  struct lam_statistics s = bounds_of(&leaf, values, 5, &arena);
  expect(s.min, &values[1], 4);
  expect(s.max, &values[3], 4);
  leaf.logical = (struct lam_logical){.kind = LAM_LOGICAL_INTEGER, .bit_width = 32, .is_signed = false};
  s = bounds_of(&leaf, values, 5, &arena);
  expect(s.min, &values[2], 4); /* -1 is 2^32 - 1 */
  expect(s.max, &values[4], 4);
  const uint64_t wide[] = {1, UINT64_MAX, 0};
  leaf = node(LAM_INT64, LAM_LOGICAL_NONE, 0);
  leaf.converted = LAM_CONVERTED_UINT_64;
  s = bounds_of(&leaf, wide, 3, &arena);
  expect(s.min, &wide[2], 8);
  expect(s.max, &wide[1], 8);
  s = bounds_of(&leaf, wide, 0, &arena);
  assert_null(s.min.data);
  assert_null(s.max.data);
  leaf = node(LAM_INT96, LAM_LOGICAL_NONE, 0);
  assert_int_equal(lam_compare_of(&leaf), LAM_COMPARE_NONE);
  lam_arena_release(&arena);
}

static void test_floats(void **state) {
  (void)state;
  struct lam_arena arena;
  lam_arena_init(&arena, mem);
  struct lam_schema_node leaf = node(LAM_DOUBLE, LAM_LOGICAL_NONE, 0);
  const double nan = __builtin_nan(""), minus_zero = -0.0, zero = 0.0;
  const double values[] = {nan, 2.5, -3.5, nan};
  struct lam_statistics s = bounds_of(&leaf, values, 4, &arena);
  expect(s.min, &values[2], 8);
  expect(s.max, &values[1], 8);
  const double zeros[] = {0.0, 0.0};
  s = bounds_of(&leaf, zeros, 2, &arena);
  expect(s.min, &minus_zero, 8);
  expect(s.max, &zero, 8);
  const double nans[] = {nan, nan};
  assert_null(bounds_of(&leaf, nans, 2, &arena).min.data);
  const float singles[] = {1.5f, -0.0f};
  const float single_zero = -0.0f;
  leaf = node(LAM_FLOAT, LAM_LOGICAL_NONE, 0);
  s = bounds_of(&leaf, singles, 2, &arena);
  expect(s.min, &single_zero, 4);
  expect(s.max, &singles[0], 4);
  leaf = node(LAM_FIXED_LEN_BYTE_ARRAY, LAM_LOGICAL_FLOAT16, 2);
  const uint16_t halves[] = {0x3c00 /* 1 */, 0x7e00 /* NaN */, 0xc000 /* -2 */, 0x0000};
  s = bounds_of(&leaf, halves, 4, &arena);
  expect(s.min, &halves[2], 2);
  expect(s.max, &halves[0], 2);
  lam_arena_release(&arena);
}

static void test_fixed_bytes(void **state) {
  (void)state;
  struct lam_arena arena;
  lam_arena_init(&arena, mem);
  const uint8_t values[] = {0x01, 0x02, 0xff, 0xfe, 0x00, 0x10};
  struct lam_schema_node leaf = node(LAM_FIXED_LEN_BYTE_ARRAY, LAM_LOGICAL_NONE, 2);
  struct lam_statistics s = bounds_of(&leaf, values, 3, &arena);
  expect(s.min, "\x00\x10", 2);
  expect(s.max, "\xff\xfe", 2);
  leaf.logical.kind = LAM_LOGICAL_DECIMAL; /* 258, -2, 16 */
  s = bounds_of(&leaf, values, 3, &arena);
  expect(s.min, "\xff\xfe", 2);
  expect(s.max, "\x01\x02", 2);
  leaf = node(LAM_FIXED_LEN_BYTE_ARRAY, LAM_LOGICAL_NONE, 12);
  leaf.converted = LAM_CONVERTED_INTERVAL;
  assert_int_equal(lam_compare_of(&leaf), LAM_COMPARE_NONE);
  lam_arena_release(&arena);
}

/* `count` copies of `part`, then `tail`. */
static const char *repeated(const char *part, int count, const char *tail, char *to) {
  to[0] = 0;
  for (int i = 0; i < count; i++) strcat(to, part);
  return strcat(to, tail);
}

static void test_truncation(void **state) {
  (void)state;
  struct lam_arena arena;
  lam_arena_init(&arena, mem);
  char a[512], b[512], expected[512];
  /* Exactly 64 bytes stay as they are. */
  const char *whole[] = {repeated("x", 64, "", a)};
  struct lam_statistics s = text_bounds(whole, 1, true, &arena);
  assert_true(s.min_exact && s.max_exact);
  expect(s.max, a, 64);
  /* 65 are cut, and the maximum is raised. */
  const char *cut[] = {repeated("x", 65, "", a)};
  s = text_bounds(cut, 1, true, &arena);
  assert_false(s.min_exact || s.max_exact);
  expect(s.min, a, 64);
  repeated("x", 63, "y", expected);
  expect(s.max, expected, 64);
  /* An exact value and a longer one that begins with it. */
  const char *both[] = {repeated("x", 64, "", a), repeated("x", 64, "z", b)};
  s = text_bounds(both, 2, true, &arena);
  assert_true(s.min_exact);
  assert_false(s.max_exact);
  expect(s.max, expected, 64);
  /* Characters of 3 bytes are cut whole: 21 of them in 63 bytes. */
  const char *euros[] = {repeated("\xe2\x82\xac", 30, "", a)};
  s = text_bounds(euros, 1, true, &arena);
  expect(s.min, a, 63);
  repeated("\xe2\x82\xac", 20, "\xe2\x82\xad", expected);
  expect(s.max, expected, 63);
  /* U+D7FF is followed by U+E000, and U+10FFFF by nothing: the character before it is raised. */
  const char *surrogates[] = {repeated("\xed\x9f\xbf", 22, "", a)};
  s = text_bounds(surrogates, 1, true, &arena);
  repeated("\xed\x9f\xbf", 20, "\xee\x80\x80", expected);
  expect(s.max, expected, 63);
  repeated("\xf4\x8f\xbf\xbf", 20, "", b);
  a[0] = 'a', a[1] = 0;
  const char *last[] = {strcat(a, b)};
  s = text_bounds(last, 1, true, &arena);
  expect(s.max, "b", 1);
  const char *none[] = {b};
  s = text_bounds(none, 1, true, &arena);
  assert_null(s.max.data);
  expect(s.min, b, 64);
  lam_arena_release(&arena);
}

static void test_truncation_of_bytes(void **state) {
  (void)state;
  struct lam_arena arena;
  lam_arena_init(&arena, mem);
  char a[600], expected[512];
  const char *high[] = {repeated("\xff", 70, "", a)};
  struct lam_statistics s = text_bounds(high, 1, false, &arena);
  assert_null(s.max.data);
  expect(s.min, a, 64);
  repeated("\xff", 69, "", expected);
  snprintf(a, sizeof a, "a%s", expected);
  const char *some[] = {a};
  s = text_bounds(some, 1, false, &arena);
  expect(s.max, "b", 1);
  /* Text that is not UTF-8 is treated as bytes. */
  const char *not_text[] = {expected};
  s = text_bounds(not_text, 1, true, &arena);
  assert_null(s.max.data);
  /* So are zeros in two bytes: the next character, in one byte, would be below them. */
  const char *overlong[] = {repeated("\xc0\x80", 40, "", a)};
  s = text_bounds(overlong, 1, true, &arena);
  repeated("\xc0\x80", 31, "\xc0\x81", expected);
  expect(s.max, expected, 64);
  const char *short_ones[] = {"b", "", "ba", "a"};
  s = text_bounds(short_ones, 4, true, &arena);
  assert_int_equal(s.min.size, 0);
  assert_non_null(s.min.data);
  expect(s.max, "ba", 2);
  lam_arena_release(&arena);
  lam_arena_release(&arena);
}

/* A type that its storage cannot have says nothing of an order: no reader would know the one that was meant. */
static void test_misplaced_types(void **state) {
  (void)state;
  struct lam_schema_node leaf = node(LAM_FIXED_LEN_BYTE_ARRAY, LAM_LOGICAL_FLOAT16, 100);
  assert_int_equal(lam_compare_of(&leaf), LAM_COMPARE_NONE);
  leaf.type_length = 2;
  assert_int_equal(lam_compare_of(&leaf), LAM_COMPARE_FLOAT16);
  leaf = node(LAM_INT32, LAM_LOGICAL_NONE, 0);
  leaf.converted = LAM_CONVERTED_UINT_64;
  assert_int_equal(lam_compare_of(&leaf), LAM_COMPARE_NONE);
  leaf.converted = LAM_CONVERTED_UINT_32;
  assert_int_equal(lam_compare_of(&leaf), LAM_COMPARE_UINT32);
  leaf = node(LAM_BYTE_ARRAY, (enum lam_logical_kind)25, 0);
  assert_int_equal(lam_compare_of(&leaf), LAM_COMPARE_NONE);
  leaf = node(LAM_BYTE_ARRAY, LAM_LOGICAL_DECIMAL, 0);
  assert_int_equal(lam_compare_of(&leaf), LAM_COMPARE_NONE);
}

int main(void) {
  const struct CMUnitTest tests[] = {MEM_TEST(test_integers),
                                     MEM_TEST(test_floats),
                                     MEM_TEST(test_fixed_bytes),
                                     MEM_TEST(test_truncation),
                                     MEM_TEST(test_truncation_of_bytes),
                                     MEM_TEST(test_misplaced_types)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
