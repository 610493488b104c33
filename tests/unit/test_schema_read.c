#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "meta_support.h"

#define LOGICAL(kind_, ...) \
  { .kind = LAM_LOGICAL_##kind_, __VA_ARGS__ }
#define NONE \
  { .kind = LAM_LOGICAL_NONE }

static const struct {
  int8_t physical, converted;
  int32_t type_length, precision, scale;
  struct lam_logical logical;
  const char *format;
  enum lam_conversion conversion;
  const char *extension;
} cases[] = {
    {LAM_BOOLEAN, -1, 0, 0, 0, NONE, "b", LAM_BITS, NULL},
    {LAM_INT32, -1, 0, 0, 0, NONE, "i", LAM_AS_IS, NULL},
    {LAM_INT64, -1, 0, 0, 0, NONE, "l", LAM_AS_IS, NULL},
    {LAM_INT96, -1, 0, 0, 0, NONE, "tsn:", LAM_INT96_TO_TIMESTAMP, NULL},
    {LAM_FLOAT, -1, 0, 0, 0, NONE, "f", LAM_AS_IS, NULL},
    {LAM_DOUBLE, -1, 0, 0, 0, NONE, "g", LAM_AS_IS, NULL},
    {LAM_BYTE_ARRAY, -1, 0, 0, 0, NONE, "z", LAM_AS_IS, NULL},
    {LAM_FIXED_LEN_BYTE_ARRAY, -1, 7, 0, 0, NONE, "w:7", LAM_AS_IS, NULL},
    {LAM_BYTE_ARRAY, -1, 0, 0, 0, LOGICAL(STRING), "u", LAM_AS_IS, NULL},
    {LAM_BYTE_ARRAY, LAM_CONVERTED_UTF8, 0, 0, 0, NONE, "u", LAM_AS_IS, NULL},
    {LAM_BYTE_ARRAY, LAM_CONVERTED_ENUM, 0, 0, 0, LOGICAL(ENUM), "z", LAM_AS_IS, NULL},
    {LAM_BYTE_ARRAY, LAM_CONVERTED_JSON, 0, 0, 0, NONE, "u", LAM_AS_IS, "arrow.json"},
    {LAM_BYTE_ARRAY, LAM_CONVERTED_BSON, 0, 0, 0, LOGICAL(BSON), "z", LAM_AS_IS, NULL},
    {LAM_FIXED_LEN_BYTE_ARRAY, -1, 16, 0, 0, LOGICAL(UUID), "w:16", LAM_AS_IS, "arrow.uuid"},
    {LAM_FIXED_LEN_BYTE_ARRAY, LAM_CONVERTED_INTERVAL, 12, 0, 0, NONE, "w:12", LAM_AS_IS, NULL},
    {LAM_FIXED_LEN_BYTE_ARRAY, -1, 2, 0, 0, LOGICAL(FLOAT16), "e", LAM_AS_IS, NULL},
    {LAM_INT32, LAM_CONVERTED_INT_8, 0, 0, 0, NONE, "c", LAM_NARROW, NULL},
    {LAM_INT32, LAM_CONVERTED_INT_16, 0, 0, 0, NONE, "s", LAM_NARROW, NULL},
    {LAM_INT32, LAM_CONVERTED_UINT_8, 0, 0, 0, NONE, "C", LAM_NARROW, NULL},
    {LAM_INT32, -1, 0, 0, 0, LOGICAL(INTEGER, .bit_width = 16), "S", LAM_NARROW, NULL},
    {LAM_INT32, -1, 0, 0, 0, LOGICAL(INTEGER, .bit_width = 32), "I", LAM_AS_IS, NULL},
    {LAM_INT64, LAM_CONVERTED_UINT_64, 0, 0, 0, NONE, "L", LAM_AS_IS, NULL},
    {LAM_INT64, LAM_CONVERTED_INT_64, 0, 0, 0, NONE, "l", LAM_AS_IS, NULL},
    {LAM_INT32, LAM_CONVERTED_DATE, 0, 0, 0, NONE, "tdD", LAM_AS_IS, NULL},
    {LAM_INT32, LAM_CONVERTED_TIME_MILLIS, 0, 0, 0, NONE, "ttm", LAM_AS_IS, NULL},
    {LAM_INT64, LAM_CONVERTED_TIME_MICROS, 0, 0, 0, NONE, "ttu", LAM_AS_IS, NULL},
    {LAM_INT64, -1, 0, 0, 0, LOGICAL(TIME, .unit = LAM_NANOS), "ttn", LAM_AS_IS, NULL},
    {LAM_INT64, LAM_CONVERTED_TIMESTAMP_MILLIS, 0, 0, 0, NONE, "tsm:UTC", LAM_AS_IS, NULL},
    {LAM_INT64, LAM_CONVERTED_TIMESTAMP_MICROS, 0, 0, 0, LOGICAL(TIMESTAMP, .unit = LAM_MICROS), "tsu:", LAM_AS_IS,
     NULL},
    {LAM_INT64, -1, 0, 0, 0, LOGICAL(TIMESTAMP, .unit = LAM_NANOS, .utc = true), "tsn:UTC", LAM_AS_IS, NULL},
    {LAM_INT32, LAM_CONVERTED_DECIMAL, 0, 9, 2, NONE, "d:9,2", LAM_INT_TO_DECIMAL, NULL},
    {LAM_INT64, -1, 0, 0, 0, LOGICAL(DECIMAL, .precision = 18, .scale = 0), "d:18,0", LAM_INT_TO_DECIMAL, NULL},
    {LAM_BYTE_ARRAY, LAM_CONVERTED_DECIMAL, 0, 38, 38, NONE, "d:38,38", LAM_BYTES_TO_DECIMAL, NULL},
    {LAM_FIXED_LEN_BYTE_ARRAY, LAM_CONVERTED_DECIMAL, 17, 39, 1, NONE, "d:39,1,256", LAM_BYTES_TO_DECIMAL, NULL},
    {LAM_INT32, -1, 0, 0, 0, LOGICAL(UNKNOWN), "n", LAM_AS_IS, NULL},
    /* What cannot be, or is not known, is read as it is stored. */
    {LAM_INT32, -1, 0, 0, 0, LOGICAL(STRING), "i", LAM_AS_IS, NULL},
    {LAM_INT64, -1, 0, 0, 0, LOGICAL(INTEGER, .bit_width = 8), "l", LAM_AS_IS, NULL},
    {LAM_INT64, -1, 0, 0, 0, LOGICAL(TIMESTAMP, .unit = 9), "l", LAM_AS_IS, NULL},
    {LAM_BYTE_ARRAY, -1, 0, 0, 0, LOGICAL(GEOMETRY), "z", LAM_AS_IS, NULL},
    {LAM_BYTE_ARRAY, LAM_CONVERTED_UTF8, 0, 0, 0, {.kind = 99}, "u", LAM_AS_IS, NULL},
    {LAM_FIXED_LEN_BYTE_ARRAY, -1, 15, 0, 0, LOGICAL(UUID), "w:15", LAM_AS_IS, NULL},
    {LAM_BYTE_ARRAY, 99, 0, 0, 0, NONE, "z", LAM_AS_IS, NULL},
};

static struct lam_file_meta make(struct lam_schema_node nodes[2], struct lam_arena *arena) {
  nodes[0] = (struct lam_schema_node){
      .name = lam_bytes_of_string("schema"), .children = 1, .field_id = -1, .physical = -1, .converted = -1};
  struct lam_file_meta meta = {.nodes = nodes, .node_count = 2, .created_by = lam_bytes_of_string("x version 1.0.0")};
  OK(lam_schema_link(&meta, arena, &error));
  return meta;
}

static void types(void **state) {
  (void)state;
  struct fixture fixture;
  struct lam_arena arena;
  fixture_begin(&fixture);
  lam_arena_init(&arena, fixture.mem);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct lam_schema_node nodes[2] = {[1] = {.name = lam_bytes_of_string("größe"),
                                              .field_id = (int32_t)i,
                                              .physical = cases[i].physical,
                                              .converted = cases[i].converted,
                                              .type_length = cases[i].type_length,
                                              .precision = cases[i].precision,
                                              .scale = cases[i].scale,
                                              .repetition = i & 1,
                                              .logical = cases[i].logical}};
    struct lam_file_meta meta = make(nodes, &arena);
    struct ArrowSchema schema;
    struct lam_leaf leaf;
    OK(lam_schema_of_column(&meta, 0, &schema, &error));
    if (strcmp(schema.format, cases[i].format) != 0)
      fail_msg("case %zu: %s, not %s", i, schema.format, cases[i].format);
    assert_string_equal(schema.name, "größe");
    assert_int_equal((schema.flags & ARROW_FLAG_NULLABLE) != 0, i & 1);
    assert_int_equal(lam_schema_field_id(&schema), i);
    struct lam_bytes extension = lam_schema_metadata(&schema, "ARROW:extension:name");
    assert_int_equal(extension.data != NULL, cases[i].extension != NULL);
    if (cases[i].extension) assert_true(text_is(extension, cases[i].extension));
    schema.release(&schema);
    OK(lam_leaf_of_node(&meta, 1, &leaf, &error));
    assert_int_equal(leaf.conversion, cases[i].conversion);
    assert_int_equal(leaf.physical, cases[i].physical);
    assert_int_equal(leaf.max_definition, i & 1);
    static const int32_t widths[] = {0, 4, 8, 12, 4, 8, 0, -1};
    int32_t width = widths[cases[i].physical];
    assert_int_equal(leaf.width, width < 0 ? cases[i].type_length : width);
    assert_false(leaf.legacy_delta_bytes);
  }
  lam_arena_release(&arena);
  fixture_end(&fixture);
}

static void refusals(void **state) {
  (void)state;
  static const struct {
    struct lam_schema_node node;
    enum lam_status status;
    const char *message;
  } refused[] = {
      {{.physical = LAM_INT32, .converted = LAM_CONVERTED_DECIMAL, .precision = 0}, LAM_CORRUPT, "precision 0"},
      {{.physical = LAM_INT32, .converted = LAM_CONVERTED_DECIMAL, .precision = 5, .scale = 6}, LAM_CORRUPT, "scale 6"},
      {{.physical = LAM_BYTE_ARRAY, .converted = LAM_CONVERTED_DECIMAL, .precision = 77}, LAM_UNSUPPORTED, "77 digits"},
      {{.physical = LAM_FIXED_LEN_BYTE_ARRAY, .converted = -1}, LAM_CORRUPT, "of 0 bytes"},
      {{.physical = 8, .converted = -1}, LAM_UNSUPPORTED, "physical type 8"},
      {{.physical = LAM_FIXED_LEN_BYTE_ARRAY, .converted = -1, .type_length = LAM_TYPE_WIDEST + 1},
       LAM_UNSUPPORTED,
       "268435456 bytes"},
      {{.physical = -1, .converted = LAM_CONVERTED_LIST}, LAM_UNSUPPORTED, "a group without columns"},
      {{.physical = LAM_INT32, .converted = -1, .repetition = LAM_VECTOR}, LAM_UNSUPPORTED, "repetition type 3"},
  };
  struct fixture fixture;
  struct lam_arena arena;
  fixture_begin(&fixture);
  lam_arena_init(&arena, fixture.mem);
  struct ArrowSchema schema;
  for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
    struct lam_schema_node nodes[2] = {[1] = refused[i].node};
    nodes[1].name = lam_bytes_of_string("price");
    struct lam_file_meta meta = make(nodes, &arena);
    FAILS(lam_schema_of_column(&meta, 0, &schema, &error), refused[i].status, refused[i].message);
    FAILS(lam_schema_of_column(&meta, 0, &schema, &error), refused[i].status, "'price'");
    assert_null(schema.release);
  }
  struct lam_schema_node nodes[2] = {[1] = {.name = lam_bytes_of("a\0b", 3), .physical = LAM_INT32, .converted = -1}};
  struct lam_file_meta meta = make(nodes, &arena);
  FAILS(lam_schema_of_column(&meta, 0, &schema, &error), LAM_UNSUPPORTED, "zero byte");
  char name[1000];
  memset(name, 'n', sizeof name);
  nodes[1].name = lam_bytes_of(name, sizeof name);
  OK(lam_schema_of_column(&meta, 0, &schema, &error));
  assert_int_equal(strlen(schema.name), sizeof name);
  schema.release(&schema);
  lam_arena_release(&arena);
  fixture_end(&fixture);
}

static void int96_of_spark(void **state) {
  (void)state;
  struct fixture fixture;
  struct lam_arena arena;
  struct lam_leaf leaf;
  fixture_begin(&fixture);
  lam_arena_init(&arena, fixture.mem);
  struct lam_schema_node nodes[2] = {[1] = {.name = lam_bytes_of_string("t"), .physical = LAM_INT96, .converted = -1}};
  struct lam_file_meta meta = make(nodes, &arena);
  struct lam_key_value key_value = {lam_bytes_of_string("org.apache.spark.version"), lam_bytes_of_string("3.4.3")};
  meta.key_values = &key_value;
  for (meta.key_value_count = 0; meta.key_value_count < 2; meta.key_value_count++) {
    OK(lam_leaf_of_node(&meta, 1, &leaf, &error));
    assert_int_equal(leaf.type.unit, meta.key_value_count ? LAM_UNIT_MICRO : LAM_UNIT_NANO);
  }
  lam_arena_release(&arena);
  fixture_end(&fixture);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(types), cmocka_unit_test(refusals),
                                     cmocka_unit_test(int96_of_spark)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
