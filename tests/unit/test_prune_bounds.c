#include <math.h>

#include "condition_support.h"
#include "parquet/prune_state.h"
#include "parquet/schema.h"

/* The metadata of a file of one column. */
static void make_meta(const char *type_name, struct lam_arena *arena, struct lam_file_meta *meta,
                      struct ArrowSchema *schema) {
  struct lam_type type = type_of(type_name);
  OK(lam_schema_init_struct("", 1, schema, &error));
  OK(lam_schema_init(&type, "x", true, schema->children[0], &error));
  OK(lam_schema_to_parquet(schema, arena, meta, &error));
}

static struct lam_scalar scalar_of(const struct lam_type *type, const char *text, struct lam_arena *arena) {
  struct ArrowSchema schema;
  struct ArrowArray array;
  struct lam_view view;
  struct lam_scalar out;
  char name[96], *copy;
  make_column(lam_type_name(type, name, sizeof name), "x", &text, 1, &schema, &array);
  OK(lam_view_init(&schema, &array, &view, &error));
  OK(lam_scalar_of_view(&view, 0, &out, &error));
  OK(lam_arena_string(arena, out.bytes, &copy, &error));
  out.bytes.data = (const uint8_t *)copy;
  out.type = *type;
  lam_array_release(&array);
  lam_schema_release(&schema);
  return out;
}

/* A bound as the value that conditions are decided with; false where it is none. */
static bool read_bound(const struct lam_file_meta *meta, const struct lam_leaf *leaf, struct lam_bytes bound,
                       struct lam_arena *arena, struct lam_scalar *out) {
  const struct lam_expr node = {.type = leaf->type};
  const struct lam_prune_column column = {.node = &node, .kind = LAM_PRUNE_LEAF, .type = *leaf};
  const struct lam_written_bounds bounds = {
      .min = bound, .max = bound, .min_exact = true, .max_exact = true, .nulls = -1, .nans = -1};
  struct lam_facts_column facts;
  OK(lam_facts_of_bounds(meta, &column, &bounds, arena, &facts, &error));
  assert_int_equal(facts.has_min, facts.has_max);
  *out = facts.min;
  return facts.has_min;
}

/* Every value's PLAIN form is a bound that is the value again. */
static void test_there_and_back(void **state) {
  (void)state;
  for (int p = 0; p < POOLS; p++) {
    struct lam_file_meta meta = {0};
    struct ArrowSchema schema;
    struct lam_arena arena;
    struct lam_leaf leaf;
    struct lam_buf plain = {.mem = mem};
    lam_arena_init(&arena, mem);
    make_meta(pools[p].type, &arena, &meta, &schema);
    OK(lam_leaf_of_node(&meta, meta.leaves[0], &leaf, &error));
    for (int i = 0; i < pool_size(&pools[p]); i++) {
      struct lam_scalar value = scalar_of(&leaf.type, pools[p].values[i], &arena), back;
      bool exact;
      plain.size = 0;
      OK(lam_scalar_plain(&meta, 0, &value, &plain, &exact, &error));
      bool is_float = lam_type_is_float(leaf.type.id);
      bool several = leaf.physical == LAM_BOOLEAN || leaf.conversion == LAM_NARROW ||
                     (is_float && (value.value.d == 0 || isnan(value.value.d)));
      assert_int_equal(exact, !several);
      if (!exact) continue;
      assert_int_equal(plain.size, leaf.width ? (size_t)leaf.width : value.bytes.size);
      struct lam_bytes bound = lam_bytes_of(plain.data ? plain.data : (const uint8_t *)"", plain.size);
      assert_true(read_bound(&meta, &leaf, bound, &arena, &back));
      assert_int_equal(lam_scalar_compare(&value, &back), 0);
      if (leaf.type.id == LAM_TYPE_STRING || leaf.type.id == LAM_TYPE_BINARY || plain.size == 0) continue;
      bound.size--; /* a part of it is a bound of fixed bytes only */
      assert_int_equal(read_bound(&meta, &leaf, bound, &arena, &back), leaf.type.id == LAM_TYPE_FIXED_BINARY);
    }
    lam_buf_release(&plain);
    lam_arena_release(&arena);
    lam_schema_release(&schema);
  }
}

static void test_plain_forms(void **state) {
  (void)state;
  static const struct {
    const char *type, *value;
    struct lam_bytes expected;
    int physical; /* instead of the one that we write, where not 0 */
  } cases[] = {
      {"int32", "-2", {(const uint8_t *)"\xfe\xff\xff\xff", 4}, 0},
      {"uint32", "4294967295", {(const uint8_t *)"\xff\xff\xff\xff", 4}, 0},
      {"date", "1970-01-02", {(const uint8_t *)"\1\0\0\0", 4}, 0},
      {"timestamp[us]", "1970-01-01 00:00:01", {(const uint8_t *)"\x40\x42\x0f\0\0\0\0\0", 8}, 0},
      {"decimal(5,2)", "-0.01", {(const uint8_t *)"\xff\xff\xff", 3}, 0},
      {"decimal(18,0)", "258", {(const uint8_t *)"\0\0\0\0\0\0\1\2", 8}, 0},
      {"decimal(5,2)", "-0.01", {(const uint8_t *)"\xff\xff\xff\xff", 4}, LAM_INT32},
      {"decimal(18,0)", "258", {(const uint8_t *)"\2\1\0\0\0\0\0\0", 8}, LAM_INT64},
      {"float", "1", {(const uint8_t *)"\0\0\x80\x3f", 4}, 0},
      {"float16", "1", {(const uint8_t *)"\0\x3c", 2}, 0},
      {"string", "ab", {(const uint8_t *)"ab", 2}, 0},
      {"fixed_size_binary[2]", "6162", {(const uint8_t *)"ab", 2}, 0},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct lam_file_meta meta = {0};
    struct ArrowSchema schema;
    struct lam_arena arena;
    struct lam_leaf leaf;
    struct lam_buf plain = {.mem = mem};
    bool exact;
    lam_arena_init(&arena, mem);
    make_meta(cases[i].type, &arena, &meta, &schema);
    if (cases[i].physical) meta.nodes[meta.leaves[0]].physical = (int8_t)cases[i].physical;
    OK(lam_leaf_of_node(&meta, meta.leaves[0], &leaf, &error));
    struct lam_scalar value = scalar_of(&leaf.type, cases[i].value, &arena);
    OK(lam_scalar_plain(&meta, 0, &value, &plain, &exact, &error));
    assert_true(exact && lam_bytes_equal(lam_bytes_of(plain.data, plain.size), cases[i].expected));
    plain.size = 0;
    value.is_null = true;
    OK(lam_scalar_plain(&meta, 0, &value, &plain, &exact, &error));
    assert_false(exact);
    lam_buf_release(&plain);
    lam_arena_release(&arena);
    lam_schema_release(&schema);
  }
}

/* ---- facts ---- */

static struct lam_facts_column facts_of(const char *type_name, const struct lam_leaf *leaf,
                                        const struct lam_written_bounds *written, struct lam_arena *arena) {
  struct lam_facts_column out;
  struct lam_expr node = {.kind = LAM_EXPR_COLUMN, .type = type_of(type_name)};
  struct lam_prune_column column = {.node = &node, .type = *leaf, .kind = LAM_PRUNE_LEAF};
  OK(lam_facts_of_bounds(NULL, &column, written, arena, &out, &error));
  return out;
}

static struct lam_leaf leaf_of(const char *type_name, enum lam_physical physical, int32_t width,
                               enum lam_conversion conversion) {
  return (struct lam_leaf){
      .physical = physical, .width = width, .type_length = width, .conversion = conversion, .type = type_of(type_name)};
}

#define BYTES(text) lam_bytes_of(text, sizeof text - 1)

static void test_doubtful_bounds_are_none(void **state) {
  (void)state;
  struct lam_arena arena;
  lam_arena_init(&arena, mem);
  struct lam_leaf int32 = leaf_of("int32", LAM_INT32, 4, LAM_AS_IS), int8 = leaf_of("int8", LAM_INT32, 4, LAM_NARROW);
  struct lam_leaf uint8 = leaf_of("uint8", LAM_INT32, 4, LAM_NARROW), real = leaf_of("float", LAM_FLOAT, 4, LAM_AS_IS);
  struct lam_leaf int96 = leaf_of("timestamp[us]", LAM_INT96, 12, LAM_INT96_TO_TIMESTAMP);
  struct lam_leaf decimal = leaf_of("decimal(5,2)", LAM_BYTE_ARRAY, 0, LAM_BYTES_TO_DECIMAL);
  const struct {
    const char *type;
    const struct lam_leaf *leaf;
    struct lam_bytes min, max;
    bool has_min, has_max;
  } cases[] = {
      {"int32", &int32, BYTES("\1\0\0\0"), BYTES("\2\0\0\0"), true, true},
      {"int32", &int32, BYTES("\2\0\0\0"), BYTES("\1\0\0\0"), false, false}, /* the wrong way round */
      {"int32", &int32, BYTES("\1\0\0"), BYTES("\2\0\0\0"), false, false},
      {"int32", &int32, BYTES("\1\0\0\0"), {NULL, 0}, true, false},
      {"int64", &int32, BYTES("\1\0\0\0"), BYTES("\2\0\0\0"), true, true},
      {"int8", &int8, BYTES("\1\0\0\0"), BYTES("\2\0\0\0"), true, true},
      {"int8", &int8, BYTES("\1\0\0\0"), BYTES("\x80\0\0\0"), false, false}, /* 128 would wrap */
      {"int8", &int8, BYTES("\1\0\0\0"), {NULL, 0}, false, false},
      {"uint8", &uint8, BYTES("\1\0\0\0"), BYTES("\x80\0\0\0"), true, true},
      {"uint8", &uint8, BYTES("\xff\xff\xff\xff"), BYTES("\x80\0\0\0"), false, false},
      {"float", &real, BYTES("\0\0\x80\x3f"), BYTES("\0\0\xc0\x7f"), false, false}, /* NaN */
      {"float", &real, BYTES("\0\0\xc0\xff"), BYTES("\0\0\x80\x3f"), false, false},
      {"float", &real, BYTES("\0\0\0\0"), BYTES("\0\0\0\x80"), true, true}, /* zeros are equal */
      {"timestamp[us]", &int96, BYTES("\0\0\0\0\0\0\0\0\x8c\x3d\x25\0"), BYTES("\0\0\0\0\0\0\0\0\x8d\x3d\x25\0"), true,
       true},
      {"timestamp[us]", &int96, BYTES("\0\0\0\0\0\0\0\0\x8c\x3d\x25\0"), BYTES("\0\0\0\0\0\0\0\0\x8d\x3d\x25\x7f"),
       false, false},
      {"decimal(5,2)", &decimal, BYTES("\xff"), BYTES("\0\0\0\1"), true, true},
      {"decimal(5,2)", &decimal, {(const uint8_t *)"", 0}, BYTES("\1"), false, false},
      {"decimal(7,2)", &decimal, BYTES("\1"), BYTES("\2"), true, true},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct lam_written_bounds written = {.min = cases[i].min, .max = cases[i].max, .nulls = -1, .nans = -1};
    struct lam_facts_column facts = facts_of(cases[i].type, cases[i].leaf, &written, &arena);
    if (facts.has_min != cases[i].has_min || facts.has_max != cases[i].has_max) print_error("case %d\n", (int)i);
    assert_int_equal(facts.has_min, cases[i].has_min);
    assert_int_equal(facts.has_max, cases[i].has_max);
    assert_int_equal(facts.may_be_nan, cases[i].leaf == &real);
    assert_int_equal(facts.nulls, -1);
  }
  struct lam_written_bounds written = {.nulls = 7, .nans = 0};
  struct lam_facts_column facts = facts_of("float", &real, &written, &arena);
  assert_true(facts.nulls == 7 && !facts.may_be_nan && !facts.has_min);
  lam_arena_release(&arena);
}

static void test_nothing_but_nan(void **state) {
  (void)state;
  const struct lam_bytes nan = BYTES("\0\0\xc0\x7f"), one = BYTES("\0\0\x80\x3f"), none = {NULL, 0};
  struct lam_leaf real = leaf_of("float", LAM_FLOAT, 4, LAM_AS_IS), int32 = leaf_of("int32", LAM_INT32, 4, LAM_AS_IS);
  const struct {
    const struct lam_leaf *leaf;
    struct lam_bytes min, max;
    int64_t nulls, nans;
    bool only_nan;
  } cases[] = {
      {&real, none, none, 0, 9, true},
      {&real, none, none, 4, 5, true},
      {&real, none, none, -1, 9, true}, /* no room for NULLs */
      {&real, nan, nan, 0, 9, true},    /* as IEEE 754 total order has it */
      {&real, none, none, -1, 5, false},
      {&real, none, none, 0, 8, false},
      {&real, none, none, 0, -1, false},
      {&real, none, none, 9, 0, false},         /* NULLs are told by their count */
      {&real, one, one, 0, 9, false},           /* a contradiction */
      {&real, none, none, INT64_MAX, 9, false}, /* and more of them */
      {&real, none, none, 0, 10, false},
      {&int32, none, none, 0, 9, false},
  };
  struct lam_arena arena;
  lam_arena_init(&arena, mem);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const struct lam_written_bounds written = {
        .min = cases[i].min, .max = cases[i].max, .nulls = cases[i].nulls, .nans = cases[i].nans, .rows = 9};
    const char *type = cases[i].leaf == &real ? "float" : "int32";
    struct lam_facts_column facts = facts_of(type, cases[i].leaf, &written, &arena);
    if (facts.only_nan != cases[i].only_nan) fail_msg("case %d: %d", (int)i, facts.only_nan);
  }
  lam_arena_release(&arena);
}

/* Lesson 35: a maximum that is not exact may have been cut and left so. */
static void test_a_cut_maximum_is_raised(void **state) {
  (void)state;
  struct lam_arena arena;
  lam_arena_init(&arena, mem);
  struct lam_leaf text = leaf_of("string", LAM_BYTE_ARRAY, 0, LAM_AS_IS);
  const struct {
    struct lam_bytes max, expected;
    bool exact;
  } cases[] = {
      {BYTES("ab"), BYTES("ab"), true},
      {BYTES("ab"), BYTES("ac"), false},
      {BYTES("a\xff\xff"), BYTES("b"), false},
      {BYTES("\xff\xff"), {NULL, 0}, false},
      {BYTES("\xff\xff"), BYTES("\xff\xff"), true},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct lam_written_bounds written = {
        .min = BYTES("a"), .max = cases[i].max, .max_exact = cases[i].exact, .nulls = -1};
    struct lam_facts_column facts = facts_of("string", &text, &written, &arena);
    assert_true(facts.has_min);
    assert_int_equal(facts.has_max, cases[i].expected.data != NULL);
    if (facts.has_max) assert_true(lam_bytes_equal(facts.max.bytes, cases[i].expected));
  }
  lam_arena_release(&arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      MEM_TEST(test_there_and_back),           MEM_TEST(test_plain_forms),
      MEM_TEST(test_doubtful_bounds_are_none), MEM_TEST(test_nothing_but_nan),
      MEM_TEST(test_a_cut_maximum_is_raised),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
