#include "arrow_support.h"

static void make(struct ArrowSchema *out) {
  struct lam_type type = type_of("int64"), string = type_of("string");
  struct ArrowSchema values;
  OK(lam_schema_init_struct("root", 2, out, &error));
  OK(lam_schema_init(&type, "a", false, out->children[0], &error));
  OK(lam_schema_init(&string, "b", true, &values, &error));
  OK(lam_schema_set_metadata(&values, "PARQUET:field_id", lam_bytes_of_string("17"), &error));
  OK(lam_schema_as_dictionary(&values, out->children[1], &error));
  assert_null(values.release);
}

static void test_tree(void **state) {
  (void)state;
  struct ArrowSchema schema;
  make(&schema);
  assert_string_equal(schema.format, "+s");
  assert_string_equal(schema.children[0]->name, "a");
  assert_int_equal(schema.children[0]->flags, 0);
  assert_string_equal(schema.children[1]->format, "i");
  assert_string_equal(schema.children[1]->name, "b");
  assert_int_equal(schema.children[1]->flags, ARROW_FLAG_NULLABLE);
  assert_string_equal(schema.children[1]->dictionary->format, "u");
  assert_int_equal(lam_schema_field_id(schema.children[1]), 17);
  lam_schema_release(&schema);
  assert_null(schema.release);
}

/* A consumer may move the whole or single children, and release them in any order. */
static void test_moves(void **state) {
  (void)state;
  struct ArrowSchema schema, moved, child, dictionary;
  make(&schema);
  moved = schema, schema.release = NULL;
  child = *moved.children[0], moved.children[0]->release = NULL;
  dictionary = *moved.children[1]->dictionary, moved.children[1]->dictionary->release = NULL;
  lam_schema_release(&schema);
  lam_schema_release(&moved);
  assert_string_equal(child.name, "a");
  assert_string_equal(dictionary.format, "u");
  lam_schema_release(&child);
  lam_schema_release(&dictionary);
}

static void test_copy(void **state) {
  (void)state;
  struct ArrowSchema schema, copy;
  make(&schema);
  OK(lam_schema_set_metadata(&schema, "k", lam_bytes_of("v\0w", 3), &error));
  OK(lam_schema_copy(&schema, &copy, &error));
  lam_schema_release(&schema);
  assert_string_equal(copy.children[1]->dictionary->name, "b");
  assert_int_equal(lam_schema_field_id(copy.children[1]), 17);
  assert_int_equal(lam_schema_metadata(&copy, "k").size, 3);
  lam_schema_release(&copy);
  struct ArrowSchema deep = {.format = "+l", .name = "x", .n_children = 1};
  struct ArrowSchema *children[] = {&deep};
  deep.children = children;
  FAILS(lam_schema_copy(&deep, &copy, &error), LAM_UNSUPPORTED, "deeper");
  assert_null(copy.release);
}

static void test_metadata(void **state) {
  (void)state;
  struct ArrowSchema schema, other;
  struct lam_type type = type_of("int32");
  OK(lam_schema_init(&type, NULL, true, &schema, &error));
  assert_null(lam_schema_metadata(&schema, "a").data);
  OK(lam_schema_set_metadata(&schema, "a", lam_bytes_of_string("1"), &error));
  /* int32 count, length, key, length, value: what the specification of the interface gives. */
  assert_memory_equal(schema.metadata,
                      "\1\0\0\0\1\0\0\0a\1\0\0\0"
                      "1",
                      14);
  OK(lam_schema_set_metadata(&schema, "b", lam_bytes_of_string(""), &error));
  OK(lam_schema_set_metadata(&schema, "a", lam_bytes_of_string("three"), &error));
  assert_int_equal(lam_load32(schema.metadata), 2);
  assert_memory_equal(lam_schema_metadata(&schema, "a").data, "three", 5);
  assert_non_null(lam_schema_metadata(&schema, "b").data);
  assert_int_equal(lam_schema_metadata(&schema, "b").size, 0);
  OK(lam_schema_init(&type, "c", true, &other, &error));
  OK(lam_schema_copy_metadata(&schema, &other, &error));
  assert_int_equal(lam_schema_metadata(&other, "a").size, 5);
  static const struct {
    const char *text;
    int32_t id;
  } ids[] = {{"0", 0},   {"2147483647", 2147483647}, {"2147483648", -1}, {"", -1}, {"-1", -1},
             {"1x", -1}, {"99999999999", -1}};
  assert_int_equal(lam_schema_field_id(&schema), -1);
  for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
    OK(lam_schema_set_metadata(&schema, "PARQUET:field_id", lam_bytes_of_string(ids[i].text), &error));
    assert_int_equal(lam_schema_field_id(&schema), ids[i].id);
  }
  lam_schema_release(&schema);
  lam_schema_release(&other);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_tree), cmocka_unit_test(test_moves),
                                     cmocka_unit_test(test_copy), cmocka_unit_test(test_metadata)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
