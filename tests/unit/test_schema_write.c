#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "meta_support.h"

static const struct {
  const char *format;
  int8_t physical, converted;
  int32_t type_length;
  enum lam_logical_kind kind;
  const char *read; /* as it is read again, where that differs */
} cases[] = {
    {"n", LAM_INT32, -1, 0, LAM_LOGICAL_UNKNOWN, NULL},
    {"b", LAM_BOOLEAN, -1, 0, LAM_LOGICAL_NONE, NULL},
    {"c", LAM_INT32, LAM_CONVERTED_INT_8, 0, LAM_LOGICAL_INTEGER, NULL},
    {"C", LAM_INT32, LAM_CONVERTED_UINT_8, 0, LAM_LOGICAL_INTEGER, NULL},
    {"s", LAM_INT32, LAM_CONVERTED_INT_16, 0, LAM_LOGICAL_INTEGER, NULL},
    {"S", LAM_INT32, LAM_CONVERTED_UINT_16, 0, LAM_LOGICAL_INTEGER, NULL},
    {"i", LAM_INT32, -1, 0, LAM_LOGICAL_NONE, NULL},
    {"I", LAM_INT32, LAM_CONVERTED_UINT_32, 0, LAM_LOGICAL_INTEGER, NULL},
    {"l", LAM_INT64, -1, 0, LAM_LOGICAL_NONE, NULL},
    {"L", LAM_INT64, LAM_CONVERTED_UINT_64, 0, LAM_LOGICAL_INTEGER, NULL},
    {"e", LAM_FIXED_LEN_BYTE_ARRAY, -1, 2, LAM_LOGICAL_FLOAT16, NULL},
    {"f", LAM_FLOAT, -1, 0, LAM_LOGICAL_NONE, NULL},
    {"g", LAM_DOUBLE, -1, 0, LAM_LOGICAL_NONE, NULL},
    {"tdD", LAM_INT32, LAM_CONVERTED_DATE, 0, LAM_LOGICAL_DATE, NULL},
    {"tdm", LAM_INT32, LAM_CONVERTED_DATE, 0, LAM_LOGICAL_DATE, "tdD"},
    {"tts", LAM_INT32, LAM_CONVERTED_TIME_MILLIS, 0, LAM_LOGICAL_TIME, "ttm"},
    {"ttm", LAM_INT32, LAM_CONVERTED_TIME_MILLIS, 0, LAM_LOGICAL_TIME, NULL},
    {"ttu", LAM_INT64, LAM_CONVERTED_TIME_MICROS, 0, LAM_LOGICAL_TIME, NULL},
    {"ttn", LAM_INT64, -1, 0, LAM_LOGICAL_TIME, NULL},
    {"tss:", LAM_INT64, LAM_CONVERTED_TIMESTAMP_MILLIS, 0, LAM_LOGICAL_TIMESTAMP, "tsm:"},
    {"tsm:UTC", LAM_INT64, LAM_CONVERTED_TIMESTAMP_MILLIS, 0, LAM_LOGICAL_TIMESTAMP, NULL},
    {"tsu:Europe/Paris", LAM_INT64, LAM_CONVERTED_TIMESTAMP_MICROS, 0, LAM_LOGICAL_TIMESTAMP, "tsu:UTC"},
    {"tsu:", LAM_INT64, LAM_CONVERTED_TIMESTAMP_MICROS, 0, LAM_LOGICAL_TIMESTAMP, NULL},
    {"tsn:", LAM_INT64, -1, 0, LAM_LOGICAL_TIMESTAMP, NULL},
    {"tDu", LAM_INT64, -1, 0, LAM_LOGICAL_NONE, "l"},
    {"u", LAM_BYTE_ARRAY, LAM_CONVERTED_UTF8, 0, LAM_LOGICAL_STRING, NULL},
    {"U", LAM_BYTE_ARRAY, LAM_CONVERTED_UTF8, 0, LAM_LOGICAL_STRING, "u"},
    {"vu", LAM_BYTE_ARRAY, LAM_CONVERTED_UTF8, 0, LAM_LOGICAL_STRING, "u"},
    {"z", LAM_BYTE_ARRAY, -1, 0, LAM_LOGICAL_NONE, NULL},
    {"Z", LAM_BYTE_ARRAY, -1, 0, LAM_LOGICAL_NONE, "z"},
    {"w:3", LAM_FIXED_LEN_BYTE_ARRAY, -1, 3, LAM_LOGICAL_NONE, NULL},
    {"d:5,2", LAM_FIXED_LEN_BYTE_ARRAY, LAM_CONVERTED_DECIMAL, 3, LAM_LOGICAL_DECIMAL, NULL},
    {"d:76,0,256", LAM_FIXED_LEN_BYTE_ARRAY, LAM_CONVERTED_DECIMAL, 32, LAM_LOGICAL_DECIMAL, NULL},
};
enum { CASES = sizeof cases / sizeof cases[0] };

/* A schema on the stack; only its metadata, where there is one, is the heap's. */
static struct ArrowSchema field_of(const char *format, const char *name) {
  return (struct ArrowSchema){.format = format, .name = name, .flags = ARROW_FLAG_NULLABLE};
}
static struct ArrowSchema struct_of(struct ArrowSchema **fields, int64_t count) {
  return (struct ArrowSchema){.format = "+s", .name = "", .n_children = count, .children = fields};
}

static void types(void **state) {
  (void)state;
  struct fixture fixture;
  struct lam_arena arena;
  struct ArrowSchema fields[CASES], *pointers[CASES];
  struct lam_file_meta meta = {0};
  fixture_begin(&fixture);
  lam_arena_init(&arena, fixture.mem);
  for (int i = 0; i < CASES; i++) {
    fields[i] = field_of(cases[i].format, cases[i].format);
    if (i & 1) fields[i].flags = 0;
    pointers[i] = &fields[i];
  }
  struct ArrowSchema schema = struct_of(pointers, CASES);
  OK(lam_schema_to_parquet(&schema, &arena, &meta, &error));
  assert_int_equal(meta.leaf_count, CASES);
  assert_int_equal(meta.top_count, CASES);
  for (int i = 0; i < CASES; i++) {
    const struct lam_schema_node *node = &meta.nodes[i + 1];
    struct ArrowSchema read;
    assert_true(text_is(node->name, cases[i].format));
    assert_int_equal(node->physical, cases[i].physical);
    assert_int_equal(node->converted, cases[i].converted);
    assert_int_equal(node->type_length, cases[i].type_length);
    assert_int_equal(node->logical.kind, cases[i].kind);
    assert_int_equal(node->repetition, i & 1 ? LAM_REQUIRED : LAM_OPTIONAL);
    assert_int_equal(meta.column_orders[i], LAM_ORDER_TYPE_DEFINED);
    OK(lam_schema_of_column(&meta, i, &read, &error));
    assert_string_equal(read.format, cases[i].read ? cases[i].read : cases[i].format);
    read.release(&read);
  }
  lam_arena_release(&arena);
  fixture_end(&fixture);
}

/* The least bytes for each precision: 10^p - 1 fits them and not one fewer. */
static void widths_of_decimals(void **state) {
  (void)state;
  /* Apache Arrow writes these. */
  static const uint8_t last[] = {2,  4,  6,  9,  11, 14, 16, 18, 21, 23, 26, 28, 31, 33, 35, 38,
                                 40, 43, 45, 47, 50, 52, 55, 57, 59, 62, 64, 67, 69, 71, 74, 76};
  for (int precision = 1, bytes = 1; precision <= 76; precision++) {
    char format[32];
    struct lam_schema_node node;
    if (precision > last[bytes - 1]) bytes++;
    snprintf(format, sizeof format, precision <= 38 ? "d:%d,1" : "d:%d,1,256", precision);
    struct ArrowSchema field = field_of(format, "d");
    OK(lam_node_of_schema(&field, &node, &error));
    assert_int_equal(node.type_length, bytes);
  }
}

static void extensions_and_ids(void **state) {
  (void)state;
  static const struct {
    enum lam_type_id id;
    const char *extension;
    enum lam_logical_kind kind;
  } annotated[] = {{LAM_TYPE_FIXED_BINARY, "arrow.uuid", LAM_LOGICAL_UUID},
                   {LAM_TYPE_STRING, "arrow.json", LAM_LOGICAL_JSON},
                   {LAM_TYPE_STRING, "arrow.uuid", LAM_LOGICAL_STRING}};
  for (size_t i = 0; i < 3; i++) {
    struct lam_type type = {.id = annotated[i].id, .byte_width = 16, .timezone = ""};
    struct ArrowSchema field;
    struct lam_schema_node node;
    OK(lam_schema_init(&type, "x", true, &field, &error));
    OK(lam_schema_set_metadata(&field, "ARROW:extension:name", lam_bytes_of_string(annotated[i].extension), &error));
    OK(lam_schema_set_metadata(&field, "PARQUET:field_id", lam_bytes_of_string("12"), &error));
    OK(lam_node_of_schema(&field, &node, &error));
    assert_int_equal(node.logical.kind, annotated[i].kind);
    assert_int_equal(node.field_id, 12);
    field.release(&field);
  }
}

static void refusals(void **state) {
  (void)state;
  static const struct {
    const char *format;
    enum lam_status status;
    const char *message;
  } refused[] = {{"+s", LAM_UNSUPPORTED, "no structs without fields"},
                 {"+l", LAM_INVALID, "has 0 children"},
                 {"+m", LAM_INVALID, "has 0 children"},
                 {"+ud:0", LAM_UNSUPPORTED, "union"},
                 {"+r", LAM_UNSUPPORTED, "run-end"},
                 {"+vl", LAM_UNSUPPORTED, "list view"},
                 {"tiM", LAM_UNSUPPORTED, "no form in Parquet"},
                 {"tin", LAM_UNSUPPORTED, "no form in Parquet"},
                 {"d:5,-2", LAM_INVALID, "scale -2"},
                 {"d:5,6", LAM_INVALID, ""},
                 {"w:0", LAM_UNSUPPORTED, "values of 0 bytes"}};
  struct fixture fixture;
  struct lam_arena arena;
  struct lam_file_meta meta = {0};
  fixture_begin(&fixture);
  lam_arena_init(&arena, fixture.mem);
  for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
    struct ArrowSchema field = field_of(refused[i].format, "price"), *pointer = &field, schema = struct_of(&pointer, 1);
    FAILS(lam_schema_to_parquet(&schema, &arena, &meta, &error), refused[i].status, refused[i].message);
    FAILS(lam_schema_to_parquet(&schema, &arena, &meta, &error), refused[i].status, "column 'price'");
  }
  struct ArrowSchema field = field_of("i", "x");
  FAILS(lam_schema_to_parquet(&field, &arena, &meta, &error), LAM_INVALID, "a struct of its columns");
  struct ArrowSchema values = field_of("u", ""), dictionary = field_of("i", "x"), *pointer = &dictionary;
  dictionary.dictionary = &values;
  struct ArrowSchema schema = struct_of(&pointer, 1);
  OK(lam_schema_to_parquet(&schema, &arena, &meta, &error));
  assert_int_equal(meta.nodes[1].physical, LAM_BYTE_ARRAY);
  schema = struct_of(NULL, 0); /* no columns at all */
  OK(lam_schema_to_parquet(&schema, &arena, &meta, &error));
  assert_int_equal(meta.leaf_count, 0);
  lam_arena_release(&arena);
  fixture_end(&fixture);
}

/* Elements that the Arrow type alone does not give come back as they were. */
static void elements_are_kept(void **state) {
  (void)state;
  static const struct {
    int8_t physical, converted;
    int32_t type_length, precision, scale;
    struct lam_logical logical;
    bool kept;
  } elements[] = {
      {LAM_INT32, LAM_CONVERTED_DECIMAL, 0, 9, 2, {.kind = LAM_LOGICAL_DECIMAL, .precision = 9, .scale = 2}, true},
      {LAM_INT64, LAM_CONVERTED_DECIMAL, 0, 9, 2, {0}, true},
      {LAM_FIXED_LEN_BYTE_ARRAY, LAM_CONVERTED_DECIMAL, 16, 9, 2, {0}, true},
      {LAM_BYTE_ARRAY, LAM_CONVERTED_ENUM, 0, 0, 0, {.kind = LAM_LOGICAL_ENUM}, true},
      {LAM_BYTE_ARRAY, LAM_CONVERTED_BSON, 0, 0, 0, {0}, true},
      {LAM_FIXED_LEN_BYTE_ARRAY, LAM_CONVERTED_INTERVAL, 12, 0, 0, {0}, true},
      {LAM_INT64,
       LAM_CONVERTED_TIME_MICROS,
       0,
       0,
       0,
       {.kind = LAM_LOGICAL_TIME, .utc = true, .unit = LAM_MICROS},
       true},
      {LAM_BYTE_ARRAY,
       -1,
       0,
       0,
       0,
       {.kind = LAM_LOGICAL_GEOMETRY, .raw = {(const uint8_t *)"\x0c\x22\x00\x00", 4}},
       true},
      {LAM_BYTE_ARRAY, LAM_CONVERTED_DECIMAL, 0, 9, 2, {0}, false}, /* not written, so not kept */
      {LAM_INT96, -1, 0, 0, 0, {0}, false},
  };
  struct fixture fixture;
  struct lam_arena arena;
  struct lam_buf buf;
  fixture_begin(&fixture);
  lam_arena_init(&arena, fixture.mem);
  lam_buf_init(&buf, fixture.mem);
  for (size_t i = 0; i < sizeof elements / sizeof elements[0]; i++) {
    struct lam_schema_node nodes[2] = {
        {.name = lam_bytes_of_string("schema"), .children = 1, .field_id = -1, .physical = -1, .converted = -1},
        {.name = lam_bytes_of_string("x"),
         .field_id = -1,
         .physical = elements[i].physical,
         .converted = elements[i].converted,
         .type_length = elements[i].type_length,
         .precision = elements[i].precision,
         .scale = elements[i].scale,
         .repetition = LAM_OPTIONAL,
         .logical = elements[i].logical}};
    struct lam_file_meta meta = {.nodes = nodes, .node_count = 2}, read, again = {0};
    struct ArrowSchema field, *pointer = &field, schema = struct_of(&pointer, 1);
    buf.size = 0;
    OK(lam_schema_link(&meta, &arena, &error));
    OK(lam_file_meta_write(&meta, &buf, &error));
    OK(lam_file_meta_parse(lam_bytes_of(buf.data, buf.size), 0, &arena, &read, &error));
    OK(lam_schema_of_column(&read, 0, &field, &error));
    OK(lam_schema_to_parquet(&schema, &arena, &again, &error));
    field.release(&field); /* the nodes do not need it */
    const struct lam_schema_node *a = &read.nodes[1], *b = &again.nodes[1];
    bool same = a->physical == b->physical && a->converted == b->converted && a->type_length == b->type_length &&
                a->precision == b->precision && a->scale == b->scale && a->logical.kind == b->logical.kind &&
                a->logical.utc == b->logical.utc && lam_bytes_equal(a->logical.raw, b->logical.raw);
    if (same != elements[i].kept) fail_msg("case %zu", i);
  }
  lam_arena_release(&arena);
  lam_buf_release(&buf);
  fixture_end(&fixture);
}

/* An element that no longer agrees with the type (a cast in between) is not believed. */
static void stale_elements(void **state) {
  (void)state;
  struct lam_type type = {.id = LAM_TYPE_INT64, .timezone = ""};
  static const uint8_t decimal[] = {0x15, 2, 0x38, 1, 'x', 0x25, 10, 0x15, 4, 0x15, 18, 0};
  struct ArrowSchema field;
  struct lam_schema_node node;
  OK(lam_schema_init(&type, "x", true, &field, &error));
  OK(lam_schema_set_metadata(&field, LAM_ELEMENT_KEY, lam_bytes_of(decimal, sizeof decimal), &error));
  OK(lam_node_of_schema(&field, &node, &error));
  assert_int_equal(node.physical, LAM_INT64);
  assert_int_equal(node.converted, LAM_CONVERTED_NONE);
  OK(lam_schema_set_metadata(&field, LAM_ELEMENT_KEY, lam_bytes_of("junk", 4), &error));
  OK(lam_node_of_schema(&field, &node, &error));
  assert_int_equal(node.physical, LAM_INT64);
  field.release(&field);
}

/* ---- nested ---- */

/* A field on the heap; '!' before the name where it may not be null; the children end with NULL. */
static struct ArrowSchema *nested(const char *format, const char *name, ...) {
  struct ArrowSchema *field = calloc(1, sizeof *field);
  *field = field_of(format, name + (*name == '!'));
  if (*name == '!') field->flags = 0;
  field->children = calloc(8, sizeof *field->children);
  va_list children;
  va_start(children, name);
  while ((field->children[field->n_children] = va_arg(children, struct ArrowSchema *))) field->n_children++;
  va_end(children);
  return field;
}
static void free_nested(struct ArrowSchema *field) {
  for (int64_t i = 0; i < field->n_children; i++) free_nested(field->children[i]);
  free(field->children);
  free(field);
}

/* What pyarrow 26 writes of the same schema. */
static void trees(void **state) {
  (void)state;
  static const struct {
    const char *name;
    int depth, repetition, converted, definition, repetitions;
    enum lam_logical_kind kind;
    int physical;
  } expected[] = {
      {"schema", 0, LAM_REQUIRED, -1, 0, 0, LAM_LOGICAL_NONE, -1},
      {"l", 1, LAM_OPTIONAL, LAM_CONVERTED_LIST, 1, 0, LAM_LOGICAL_LIST, -1},
      {"list", 2, LAM_REPEATED, -1, 2, 1, LAM_LOGICAL_NONE, -1},
      {"element", 3, LAM_REQUIRED, -1, 2, 1, LAM_LOGICAL_NONE, LAM_INT32},
      {"m", 1, LAM_REQUIRED, LAM_CONVERTED_MAP, 0, 0, LAM_LOGICAL_MAP, -1},
      {"key_value", 2, LAM_REPEATED, -1, 1, 1, LAM_LOGICAL_NONE, -1},
      {"key", 3, LAM_REQUIRED, LAM_CONVERTED_UTF8, 1, 1, LAM_LOGICAL_STRING, LAM_BYTE_ARRAY},
      {"value", 3, LAM_OPTIONAL, LAM_CONVERTED_LIST, 2, 1, LAM_LOGICAL_LIST, -1},
      {"list", 4, LAM_REPEATED, -1, 3, 2, LAM_LOGICAL_NONE, -1},
      {"element", 5, LAM_OPTIONAL, LAM_CONVERTED_INT_8, 4, 2, LAM_LOGICAL_INTEGER, LAM_INT32},
      {"s", 1, LAM_OPTIONAL, -1, 1, 0, LAM_LOGICAL_NONE, -1},
      {"x", 2, LAM_REQUIRED, -1, 1, 0, LAM_LOGICAL_NONE, LAM_INT64},
      {"y", 2, LAM_OPTIONAL, LAM_CONVERTED_LIST, 2, 0, LAM_LOGICAL_LIST, -1},
      {"list", 3, LAM_REPEATED, -1, 3, 1, LAM_LOGICAL_NONE, -1},
      {"element", 4, LAM_OPTIONAL, -1, 4, 1, LAM_LOGICAL_NONE, -1},
      {"z", 5, LAM_OPTIONAL, -1, 5, 1, LAM_LOGICAL_UNKNOWN, LAM_INT32},
      {"f", 1, LAM_OPTIONAL, -1, 1, 0, LAM_LOGICAL_NONE, LAM_DOUBLE},
  };
  struct fixture fixture;
  struct lam_arena arena;
  struct lam_file_meta meta = {0};
  fixture_begin(&fixture);
  lam_arena_init(&arena, fixture.mem);
  struct ArrowSchema *schema =
      nested("+s", "", nested("+l", "l", nested("i", "!item", NULL), NULL),
             nested("+m", "!m",
                    nested("+s", "entries", nested("u", "keys", NULL),
                           nested("+L", "values", nested("c", "item", NULL), NULL), NULL),
                    NULL),
             nested("+s", "s", nested("l", "!x", NULL),
                    nested("+w:2", "y", nested("+s", "item", nested("n", "!z", NULL), NULL), NULL), NULL),
             nested("g", "f", NULL), NULL);
  OK(lam_schema_to_parquet(schema, &arena, &meta, &error));
  free_nested(schema); /* the nodes do not need it */
  assert_int_equal(meta.node_count, sizeof expected / sizeof expected[0]);
  assert_int_equal(meta.leaf_count, 6);
  assert_int_equal(meta.top_count, 4);
  for (int i = 0; i < meta.node_count; i++) {
    const struct lam_schema_node *node = &meta.nodes[i];
    int depth = 0;
    for (int32_t above = node->parent; above >= 0; above = meta.nodes[above].parent) depth++;
    if (!text_is(node->name, expected[i].name) || depth != expected[i].depth)
      fail_msg("element %d is '%.*s'", i, (int)node->name.size, (const char *)node->name.data);
    assert_int_equal(node->repetition, expected[i].repetition);
    assert_int_equal(node->converted, expected[i].converted);
    assert_int_equal(node->logical.kind, expected[i].kind);
    assert_int_equal(node->physical, expected[i].physical);
    assert_int_equal(node->max_definition, expected[i].definition);
    assert_int_equal(node->max_repetition, expected[i].repetitions);
    assert_int_equal(node->field_id, -1);
  }
  for (int i = 0; i < meta.leaf_count; i++) assert_int_equal(meta.column_orders[i], LAM_ORDER_TYPE_DEFINED);
  lam_arena_release(&arena);
  fixture_end(&fixture);
}

/* Key and value as in pairs of metadata: a count, then length and bytes of each. */
#define FIELD_ID(digit) "\1\0\0\0\x10\0\0\0PARQUET:field_id\1\0\0\0" digit
/* SchemaElement {3: OPTIONAL, 4: "v", 5: 2, 10: {16: {1: byte 1}}}. */
#define VARIANT                                 \
  "\1\0\0\0\x0f\0\0\0PARQUET:element\x0f\0\0\0" \
  "\x35\2\x18\1v\x15\4\x5c\x0c\x20\x13\1\0\0\0"
#define EXTENSION "\1\0\0\0\x14\0\0\0ARROW:extension:name\x15\0\0\0arrow.parquet.variant"

static void metadata_of_groups(void **state) {
  (void)state;
  struct fixture fixture;
  struct lam_arena arena;
  struct lam_file_meta meta = {0};
  fixture_begin(&fixture);
  lam_arena_init(&arena, fixture.mem);
  struct ArrowSchema *schema =
      nested("+s", "", nested("+l", "l", nested("+s", "item", nested("i", "x", NULL), NULL), NULL),
             nested("+s", "v", nested("z", "!metadata", NULL), nested("z", "value", NULL), NULL),
             nested("+s", "e", nested("z", "!metadata", NULL), nested("z", "value", NULL), NULL), NULL);
  schema->children[0]->metadata = FIELD_ID("4");
  schema->children[0]->children[0]->metadata = FIELD_ID("5");
  schema->children[0]->children[0]->children[0]->metadata = FIELD_ID("6");
  schema->children[1]->metadata = VARIANT;
  schema->children[2]->metadata = EXTENSION;
  OK(lam_schema_to_parquet(schema, &arena, &meta, &error));
  static const int ids[] = {-1, 4, -1, 5, 6, -1, -1, -1, -1, -1, -1};
  assert_int_equal(meta.node_count, 11);
  for (int i = 0; i < 11; i++) assert_int_equal(meta.nodes[i].field_id, ids[i]);
  assert_int_equal(meta.nodes[5].logical.kind, LAM_LOGICAL_VARIANT);
  assert_int_equal(meta.nodes[5].physical, -1);
  free_nested(schema);
  struct lam_file_meta read;
  struct lam_buf buf;
  lam_buf_init(&buf, fixture.mem);
  OK(lam_file_meta_write(&meta, &buf, &error));
  OK(lam_file_meta_parse(lam_bytes_of(buf.data, buf.size), 0, &arena, &read, &error));
  assert_int_equal(read.nodes[5].logical.kind, LAM_LOGICAL_VARIANT);
  assert_int_equal(read.nodes[5].children, 2);
  assert_int_equal(read.nodes[8].logical.kind, LAM_LOGICAL_VARIANT);
  assert_true(lam_bytes_equal(read.nodes[8].logical.raw, read.nodes[5].logical.raw));
  lam_buf_release(&buf);
  lam_arena_release(&arena);
  fixture_end(&fixture);
}

static void bad_trees(void **state) {
  (void)state;
  struct fixture fixture;
  struct lam_arena arena;
  struct lam_file_meta meta = {0};
  fixture_begin(&fixture);
  lam_arena_init(&arena, fixture.mem);
  struct ArrowSchema *deep = nested("i", "x", NULL);
  for (int i = 0; i < 64; i++) deep = nested("+l", "item", deep, NULL);
  struct {
    struct ArrowSchema *field;
    enum lam_status status;
    const char *message;
  } bad[] = {{nested("+l", "a", nested("+s", "b", NULL), NULL), LAM_UNSUPPORTED,
              "column 'a': field 'element': Parquet has no"},
             {nested("+s", "a", nested("i", "x", NULL), nested("+us:1", "b", NULL), NULL), LAM_UNSUPPORTED,
              "column 'a': field 'b': "},
             {nested("+m", "a", nested("+s", "e", nested("i", "k", NULL), NULL), NULL), LAM_INVALID, "column 'a'"},
             {nested("+m", "a", nested("+l", "e", nested("i", "k", NULL), nested("i", "v", NULL), NULL), NULL),
              LAM_INVALID, "column 'a'"},
             {nested("+w:2", "a", nested("i", "k", NULL), nested("i", "v", NULL), NULL), LAM_INVALID, "has 2 children"},
             {deep, LAM_UNSUPPORTED, "deeper than 64"}};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    struct ArrowSchema schema = struct_of(&bad[i].field, 1);
    FAILS(lam_schema_to_parquet(&schema, &arena, &meta, &error), bad[i].status, bad[i].message);
    free_nested(bad[i].field);
  }
  lam_arena_release(&arena);
  fixture_end(&fixture);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(types),    cmocka_unit_test(widths_of_decimals), cmocka_unit_test(extensions_and_ids),
      cmocka_unit_test(refusals), cmocka_unit_test(elements_are_kept),  cmocka_unit_test(stale_elements),
      cmocka_unit_test(trees),    cmocka_unit_test(metadata_of_groups), cmocka_unit_test(bad_trees)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
