#include "arrow/json_write.h"

#include "arrow_support.h"

static void expect_json_string(struct lam_bytes text, const char *expected) {
  struct lam_buf out;
  lam_buf_init(&out, mem);
  OK(lam_json_string(&out, text, &error));
  expect_text(&out, expected);
  lam_buf_release(&out);
}

static void test_strings(void **state) {
  (void)state;
  expect_json_string(lam_bytes_of("", 0), "\"\"");
  expect_json_string(lam_bytes_of_string("a\"\\\b\f\n\r\t\x01\x7f/"), "\"a\\\"\\\\\\b\\f\\n\\r\\t\\u0001\\u007f/\"");
  expect_json_string(lam_bytes_of("x\0y", 3), "\"x\\u0000y\"");
  expect_json_string(lam_bytes_of_string("\xc3\xa4\xf0\x9f\x98\x80"), "\"\xc3\xa4\xf0\x9f\x98\x80\"");
  expect_json_string(lam_bytes_of_string("a\xff\xc3z"), "\"a\xef\xbf\xbd\xef\xbf\xbdz\"");
}

static void write_all(const struct ArrowSchema *schema, const struct ArrowArray *batch, int64_t first, int64_t count,
                      const char *expected) {
  struct lam_json_writer writer;
  struct lam_buf out;
  lam_buf_init(&out, mem);
  OK(lam_json_writer_init(&writer, mem, schema, &error));
  OK(lam_json_write(&writer, batch, first, count, &out, &error));
  expect_text(&out, expected);
  lam_json_writer_release(&writer);
  lam_buf_release(&out);
}

static void test_flat(void **state) {
  (void)state;
  struct ArrowSchema schema;
  struct ArrowArray batch;
  static const struct {
    const char *type, *name, *texts[3];
  } columns[] = {
      {"int64", "i", {"9223372036854775807", "\1", "-1"}},
      {"double", "d\"", {"nan", "-inf", "1.5"}},
      {"bool", "b", {"true", "\1", "false"}},
      {"decimal(5,2)", "n", {"1.5", "-0.05", "\1"}},
      {"date", "t", {"2001-02-03", "\1", "1969-12-31"}},
      {"string", "s", {"", "a\nb", "\1"}},
      {"binary", "z", {"00ff", "", "\1"}},
  };
  enum { COLUMNS = sizeof columns / sizeof *columns };
  OK(lam_schema_init_struct("", COLUMNS, &schema, &error));
  OK(lam_array_init_struct(3, COLUMNS, &batch, &error));
  for (int i = 0; i < COLUMNS; i++)
    make_column(columns[i].type, columns[i].name, columns[i].texts, 3, schema.children[i], batch.children[i]);
  write_all(&schema, &batch, 0, 3,
            "{\"i\":9223372036854775807,\"d\\\"\":\"NaN\",\"b\":true,\"n\":1.50,\"t\":\"2001-02-03\",\"s\":\"\",\"z\":"
            "\"00ff\"}\n"
            "{\"i\":null,\"d\\\"\":\"-Infinity\",\"b\":null,\"n\":-0.05,\"t\":null,\"s\":\"a\\nb\",\"z\":\"\"}\n"
            "{\"i\":-1,\"d\\\"\":1.5,\"b\":false,\"n\":null,\"t\":\"1969-12-31\",\"s\":null,\"z\":null}\n");
  lam_schema_release(&schema);
  lam_array_release(&batch);
}

/* A nested array of the C interface whose memory is the test's. */
static void keep(struct ArrowArray *array) {
  for (int64_t i = 0; i < array->n_children; i++) lam_array_release(array->children[i]);
  array->release = NULL;
}
static void keep_schema(struct ArrowSchema *schema) {
  for (int64_t i = 0; i < schema->n_children; i++) lam_schema_release(schema->children[i]);
  schema->release = NULL;
}

static void test_nested(void **state) {
  (void)state;
  struct ArrowSchema keys, values, list, map, entries, root;
  struct ArrowArray key_array, value_array, list_array, map_array, entry_array, batch;
  /* values: 10 20 NULL 40; list: [10,20] NULL [] [40] */
  make_column("int32", "item", (const char *[]){"10", "20", "\1", "40"}, 4, &values, &value_array);
  int32_t offsets[] = {0, 2, 2, 2, 4};
  uint8_t validity = 0xd;
  const void *list_buffers[] = {&validity, offsets}, *none[] = {NULL};
  struct ArrowSchema *list_children[] = {&values};
  struct ArrowArray *list_arrays[] = {&value_array};
  list = (struct ArrowSchema){
      .format = "+l", .name = "l", .flags = 2, .n_children = 1, .children = list_children, .release = keep_schema};
  list_array = (struct ArrowArray){.length = 4,
                                   .null_count = 1,
                                   .n_buffers = 2,
                                   .n_children = 1,
                                   .buffers = list_buffers,
                                   .children = list_arrays,
                                   .release = keep};
  /* map: the same spans over keys that are numbers */
  struct ArrowSchema item;
  struct ArrowArray item_array;
  make_column("int64", "key", (const char *[]){"1", "2", "3", "4"}, 4, &keys, &key_array);
  make_column("string", "value", (const char *[]){"a", "\1", "c", "d"}, 4, &item, &item_array);
  struct ArrowSchema *entry_children[] = {&keys, &item}, *map_children[] = {&entries};
  struct ArrowArray *entry_arrays[] = {&key_array, &item_array}, *map_arrays[] = {&entry_array};
  entries = (struct ArrowSchema){
      .format = "+s", .name = "entries", .n_children = 2, .children = entry_children, .release = keep_schema};
  entry_array = (struct ArrowArray){
      .length = 4, .n_buffers = 1, .n_children = 2, .buffers = none, .children = entry_arrays, .release = keep};
  map = (struct ArrowSchema){
      .format = "+m", .name = "m", .flags = 2, .n_children = 1, .children = map_children, .release = keep_schema};
  map_array = (struct ArrowArray){.length = 4,
                                  .n_buffers = 2,
                                  .n_children = 1,
                                  .buffers = list_buffers,
                                  .children = map_arrays,
                                  .null_count = 1,
                                  .release = keep};
  struct ArrowSchema *root_children[] = {&list, &map};
  struct ArrowArray *root_arrays[] = {&list_array, &map_array};
  root = (struct ArrowSchema){
      .format = "+s", .name = "", .n_children = 2, .children = root_children, .release = keep_schema};
  batch = (struct ArrowArray){
      .length = 4, .n_buffers = 1, .n_children = 2, .buffers = none, .children = root_arrays, .release = keep};
  write_all(&root, &batch, 0, 4,
            "{\"l\":[10,20],\"m\":{\"1\":\"a\",\"2\":null}}\n{\"l\":null,\"m\":null}\n{\"l\":[],\"m\":{}}\n"
            "{\"l\":[null,40],\"m\":{\"3\":\"c\",\"4\":\"d\"}}\n");
  /* A slice of the whole. */
  batch.offset = 2, batch.length = 2;
  write_all(&root, &batch, 1, 1, "{\"l\":[null,40],\"m\":{\"3\":\"c\",\"4\":\"d\"}}\n");
  struct lam_json_writer writer;
  struct lam_buf out;
  lam_buf_init(&out, mem);
  offsets[4] = 5;
  OK(lam_json_writer_init(&writer, mem, &root, &error));
  FAILS(lam_json_write(&writer, &batch, 1, 1, &out, &error), LAM_INVALID, "elements 2 to 5 of 4");
  FAILS(lam_json_write(&writer, &batch, 1, 2, &out, &error), LAM_INVALID, "rows 1 to 3");
  lam_json_writer_release(&writer);
  lam_buf_release(&out);
  lam_array_release(&batch);
  lam_schema_release(&root);
}

int main(void) {
  const struct CMUnitTest tests[] = {MEM_TEST(test_strings), MEM_TEST(test_flat), MEM_TEST(test_nested)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
