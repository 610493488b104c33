#include "arrow_support.h"

static void test_views_check(void **state) {
  (void)state;
  struct ArrowSchema schema;
  struct ArrowArray array;
  struct lam_view view;
  make_column("string", "s", (const char *[]){"a", "\1", "bc"}, 3, &schema, &array);
  OK(lam_view_init(&schema, &array, &view, &error));
  assert_int_equal(lam_view_null_count(&view), 1);
  assert_memory_equal(lam_view_bytes(&view, 2).data, "bc", 2);
  struct ArrowArray broken = array;
  broken.n_buffers = 2;
  FAILS(lam_view_init(&schema, &broken, &view, &error), LAM_INVALID, "has 2 buffers, not 3");
  broken = array, broken.length = -1;
  FAILS(lam_view_init(&schema, &broken, &view, &error), LAM_INVALID, "length of -1");
  broken = array, broken.offset = INT64_MAX;
  FAILS(lam_view_init(&schema, &broken, &view, &error), LAM_INVALID, "offset");
  broken = array, broken.dictionary = &array;
  FAILS(lam_view_init(&schema, &broken, &view, &error), LAM_INVALID, "dictionary");
  broken = array, broken.release = NULL;
  FAILS(lam_view_init(&schema, &broken, &view, &error), LAM_INVALID, "released");
  const void *buffers[3] = {array.buffers[0], array.buffers[1], NULL};
  broken = array, broken.buffers = buffers;
  FAILS(lam_view_init(&schema, &broken, &view, &error), LAM_INVALID, "no values buffer");
  buffers[1] = NULL;
  FAILS(lam_view_init(&schema, &broken, &view, &error), LAM_INVALID, "no offsets buffer");
  buffers[0] = NULL;
  FAILS(lam_view_init(&schema, &broken, &view, &error), LAM_INVALID, "no validity buffer");
  broken.length = broken.null_count = 0;
  OK(lam_view_init(&schema, &broken, &view, &error));
  struct lam_view values;
  FAILS(lam_view_dictionary(&view, &values, &error), LAM_INVALID, "no dictionary");
  lam_array_release(&array);
  lam_schema_release(&schema);
}

static void test_moved_children(void **state) {
  (void)state;
  struct ArrowSchema schema;
  struct ArrowArray batch, child;
  OK(lam_array_init_struct(2, 3, &batch, &error)); /* the third stays empty */
  make_column("int64", "a", (const char *[]){"1", "2"}, 2, &schema, batch.children[0]);
  lam_schema_release(&schema);
  make_column("string", "b", (const char *[]){"x", "y"}, 2, &schema, batch.children[1]);
  lam_schema_release(&schema);
  child = *batch.children[1], batch.children[1]->release = NULL;
  lam_array_release(&batch);
  assert_null(batch.release);
  assert_memory_equal(child.buffers[2], "xy", 2);
  lam_array_release(&child);
}

static void expect_column(const struct ArrowSchema *schema, const struct ArrowArray *array, const char *expected) {
  struct lam_view view;
  struct lam_buf out;
  lam_buf_init(&out, mem);
  OK(lam_view_init(schema, array, &view, &error));
  for (int64_t i = 0; i < view.length; i++) {
    if (!lam_view_valid(&view, i)) OK(lam_buf_append(&out, "~", 1, &error));
    OK(lam_value_text(&view, i, &out, &error));
    OK(lam_buf_append(&out, "|", 1, &error));
  }
  expect_text(&out, expected);
  lam_buf_release(&out);
}

static void none(struct ArrowArray *array) {
  array->release = NULL;
}
static void no_schema(struct ArrowSchema *schema) {
  schema->release = NULL;
}

static void test_plain_of_views(void **state) {
  (void)state;
  uint8_t views[4][16] = {{3, 0, 0, 0, 'a', 'b', 'c'}, {0}, {13, 0, 0, 0, 'l', 'o', 'n', 'g', 0, 0, 0, 0, 2}, {0}};
  const char data[] = "..long enough!!";
  int64_t sizes[] = {15};
  uint8_t validity = 0x7;
  const void *buffers[] = {&validity, views, data, sizes};
  struct ArrowArray array = {.length = 4, .null_count = 1, .n_buffers = 4, .buffers = buffers, .release = none}, out;
  struct ArrowSchema schema = {.format = "vu", .name = "v", .flags = ARROW_FLAG_NULLABLE, .release = no_schema};
  struct ArrowSchema out_schema;
  bool changed;
  OK(lam_array_plain(mem, &schema, &array, &out_schema, &out, &changed, &error));
  assert_true(changed);
  assert_string_equal(out_schema.format, "u");
  expect_column(&out_schema, &out, "abc||long enough!!|~|");
  lam_array_release(&out);
  lam_schema_release(&out_schema);
  sizes[0] = 14;
  FAILS(lam_array_plain(mem, &schema, &array, &out_schema, &out, &changed, &error), LAM_INVALID, "outside its buffers");
  assert_null(out.release);
  assert_null(out_schema.release);
}

static const char *const index_types[] = {"int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"};

static void test_plain_of_dictionaries(void **state) {
  (void)state;
  static const struct {
    const char *type, *texts[3], *expected;
  } values[] = {{"string", {"x", "\1", "yy"}, "yy|~|~|x|yy|"},
                {"int64", {"1", "\1", "-2"}, "-2|~|~|1|-2|"},
                {"bool", {"true", "\1", "false"}, "false|~|~|true|false|"}};
  for (int t = 0; t < 8; t++) {
    for (int v = 0; v < 3; v++) {
      struct ArrowSchema schema, dictionary_schema, out_schema;
      struct ArrowArray array, dictionary, out;
      bool changed;
      make_column(index_types[t], "d", (const char *[]){"2", "1", "\1", "0", "2"}, 5, &schema, &array);
      make_column(values[v].type, "d", values[v].texts, 3, &dictionary_schema, &dictionary);
      OK(lam_array_plain(mem, &schema, &array, &out_schema, &out, &changed, &error));
      assert_false(changed);
      array.dictionary = &dictionary, schema.dictionary = &dictionary_schema;
      OK(lam_array_plain(mem, &schema, &array, &out_schema, &out, &changed, &error));
      assert_true(changed);
      expect_column(&out_schema, &out, values[v].expected);
      lam_array_release(&out);
      lam_schema_release(&out_schema);
      dictionary.length = 2;
      FAILS(lam_array_plain(mem, &schema, &array, &out_schema, &out, &changed, &error), LAM_INVALID,
            "index 2 into a dictionary of 2");
      array.dictionary = NULL, schema.dictionary = NULL;
      lam_array_release(&array);
      lam_schema_release(&schema);
      lam_array_release(&dictionary);
      lam_schema_release(&dictionary_schema);
    }
  }
}

static void test_plain_refuses(void **state) {
  (void)state;
  struct ArrowArray array = {.release = none}, out;
  struct ArrowSchema schema = {.format = "+r", .name = "r", .release = no_schema}, out_schema;
  bool changed;
  FAILS(lam_array_plain(mem, &schema, &array, &out_schema, &out, &changed, &error), LAM_UNSUPPORTED, "run-end");
}

int main(void) {
  const struct CMUnitTest tests[] = {MEM_TEST(test_views_check), MEM_TEST(test_moved_children),
                                     MEM_TEST(test_plain_of_views), MEM_TEST(test_plain_of_dictionaries),
                                     MEM_TEST(test_plain_refuses)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
