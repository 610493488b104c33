#include "arrow/csv_write.h"

#include "arrow_support.h"
#include "ops/csv_read.h"

static void release_both(struct ArrowSchema *schema, struct ArrowArray *array) {
  lam_schema_release(schema);
  lam_array_release(array);
}

static void test_forms(void **state) {
  (void)state;
  struct ArrowSchema schema;
  struct ArrowArray batch;
  OK(lam_schema_init_struct("", 6, &schema, &error));
  OK(lam_array_init_struct(4, 6, &batch, &error));
  make_column("string", "a,b", (const char *[]){"plain", "\1", "", "x,\"y\"\r\nz"}, 4, schema.children[0],
              batch.children[0]);
  make_column("double", "d", (const char *[]){"1", "0.1", "nan", "\1"}, 4, schema.children[1], batch.children[1]);
  make_column("bool", "e", (const char *[]){"true", "false", "\1", "1"}, 4, schema.children[2], batch.children[2]);
  make_column("timestamp[us, UTC]", "t", (const char *[]){"2001-01-01", "\1", "2001-01-01 00:01:00.5", "1969-12-31"}, 4,
              schema.children[3], batch.children[3]);
  make_column("binary", "z", (const char *[]){"00ff", "\1", "", "aa"}, 4, schema.children[4], batch.children[4]);
  make_column("fixed_size_binary[16]", "u", (const char *[]){"00112233445566778899aabbccddeeff", "\1", "\1", "\1"}, 4,
              schema.children[5], batch.children[5]);
  OK(lam_schema_set_metadata(schema.children[5], "ARROW:extension:name", lam_bytes_of_string("arrow.uuid"), &error));
  struct lam_csv_writer writer;
  struct lam_buf out;
  lam_buf_init(&out, mem);
  OK(lam_csv_writer_init(&writer, mem, &schema, NULL, &error));
  OK(lam_csv_write_header(&writer, &out, &error));
  OK(lam_csv_write(&writer, &batch, 0, 4, &out, &error));
  expect_text(&out,
              "\"a,b\",d,e,t,z,u\n"
              "plain,1.0,true,2001-01-01 00:00:00Z,00ff,00112233-4455-6677-8899-aabbccddeeff\n"
              ",0.1,false,,,\n"
              "\"\",nan,,2001-01-01 00:01:00.500000Z,\"\",\n"
              "\"x,\"\"y\"\"\r\nz\",,true,1969-12-31 00:00:00Z,aa,\n");
  FAILS(lam_csv_write(&writer, &batch, 3, 2, &out, &error), LAM_INVALID, "from row 3 on 2");
  lam_csv_writer_release(&writer);
  out.size = 0;
  struct lam_csv_writer_options options = {.delimiter = '-', .no_header = true, .crlf = true};
  OK(lam_csv_writer_init(&writer, mem, &schema, &options, &error));
  OK(lam_csv_write_header(&writer, &out, &error));
  OK(lam_csv_write(&writer, &batch, 3, 1, &out, &error));
  expect_text(&out, "\"x,\"\"y\"\"\r\nz\"--true-\"1969-12-31 00:00:00Z\"-aa-\r\n");
  lam_csv_writer_release(&writer);
  lam_buf_release(&out);
  release_both(&schema, &batch);
}

static void test_dictionaries_and_nested(void **state) {
  (void)state;
  struct ArrowSchema schema, values_schema, list;
  struct ArrowArray batch, values, indices;
  OK(lam_schema_init_struct("", 1, &schema, &error));
  OK(lam_array_init_struct(4, 1, &batch, &error));
  make_column("string", "s", (const char *[]){"x", "\1", "y,"}, 3, &values_schema, &values);
  OK(lam_schema_as_dictionary(&values_schema, schema.children[0], &error));
  struct ArrowSchema index_schema;
  make_column("int32", "", (const char *[]){"2", "\1", "0", "1"}, 4, &index_schema, &indices);
  struct lam_shared *buffers[2];
  for (int i = 0; i < 2; i++) {
    OK(lam_shared_create(mem, 64, &buffers[i], &error));
    memcpy(buffers[i]->data, indices.buffers[i], i ? 16 : 1);
  }
  OK(lam_array_init(4, 1, 2, buffers, &values, batch.children[0], &error));
  for (int i = 0; i < 2; i++) lam_shared_release(buffers[i]);
  struct lam_csv_writer writer;
  struct lam_buf out;
  lam_buf_init(&out, mem);
  OK(lam_csv_writer_init(&writer, mem, &schema, NULL, &error));
  OK(lam_csv_write(&writer, &batch, 0, 4, &out, &error));
  expect_text(&out, "\"y,\"\n\nx\n\n");
  lam_csv_writer_release(&writer);
  lam_buf_release(&out);
  release_both(&schema, &batch);
  release_both(&index_schema, &indices);
  OK(lam_schema_init_struct("", 1, &list, &error));
  OK(lam_schema_init_struct("inner", 0, list.children[0], &error));
  FAILS(lam_csv_writer_init(&writer, mem, &list, NULL, &error), LAM_UNSUPPORTED, "\"inner\" is nested");
  lam_schema_release(&list);
}

static enum lam_status read_buf(void *user, void *to, size_t room, size_t *got, struct lam_error *e) {
  struct lam_bytes *text = user;
  (void)e;
  *got = room < text->size ? room : text->size;
  lam_copy(to, text->data, *got);
  text->data += *got;
  text->size -= *got;
  return LAM_OK;
}

static const char *const types[] = {"string",        "int64", "double", "date", "timestamp[ns, UTC]",
                                    "decimal(20,3)", "bool",  "binary"};
enum { TYPES = sizeof types / sizeof *types };

static void add_random(struct lam_builder *builder, uint64_t *seed) {
  static const char *const parts[] = {"\"", ",", "\n", "\r", " ", "a", "\xc3\xa4", "1", ";", "long enough to matter "};
  uint64_t r = next_random(seed), value[4] = {next_random(seed), 0};
  char text[128] = "";
  if (r % 5 == 0) {
    OK(lam_builder_null(builder, &error));
    return;
  }
  switch (builder->type.id) {
    case LAM_TYPE_STRING:
    case LAM_TYPE_BINARY:
      for (uint64_t n = r >> 8 & 3; n > 0; n--) strcat(text, parts[next_random(seed) % 10]);
      OK(lam_builder_bytes(builder, lam_bytes_of_string(text), &error));
      return;
    case LAM_TYPE_BOOL: OK(lam_builder_bool(builder, r >> 8 & 1, &error)); return;
    case LAM_TYPE_FLOAT64: {
      double d = (double)(int64_t)value[0] / 1e6;
      OK(lam_builder_fixed(builder, &d, &error));
      return;
    }
    case LAM_TYPE_DECIMAL128: value[0] >>= 8; break;
    default: break;
  }
  OK(lam_builder_fixed(builder, value, &error));
}

static void random_batch(uint64_t *seed, int64_t columns, int64_t rows, struct ArrowSchema *schema,
                         struct ArrowArray *batch) {
  OK(lam_schema_init_struct("", columns, schema, &error));
  OK(lam_array_init_struct(rows, columns, batch, &error));
  for (int64_t i = 0; i < columns; i++) {
    struct lam_type type = type_of(types[next_random(seed) % TYPES]);
    struct lam_builder builder;
    char name[32];
    snprintf(name, sizeof name, "c\n%d\",", (int)i);
    OK(lam_schema_init(&type, name, true, schema->children[i], &error));
    OK(lam_builder_init(&builder, mem, &type, &error));
    for (int64_t row = 0; row < rows; row++) add_random(&builder, seed);
    OK(lam_builder_finish(&builder, batch->children[i], &error));
    lam_builder_release(&builder);
  }
}

static void expect_same_rows(const struct ArrowSchema *schema, const struct ArrowArray *a, int64_t first,
                             const struct ArrowArray *b) {
  struct lam_buf left, right;
  lam_buf_init(&left, mem);
  lam_buf_init(&right, mem);
  for (int64_t i = 0; i < schema->n_children; i++) {
    struct lam_view x, y;
    OK(lam_view_init(schema->children[i], a->children[i], &x, &error));
    OK(lam_view_init(schema->children[i], b->children[i], &y, &error));
    for (int64_t row = 0; row < b->length; row++) {
      left.size = right.size = 0;
      assert_int_equal(lam_view_valid(&x, first + row), lam_view_valid(&y, row));
      OK(lam_value_text(&x, first + row, &left, &error));
      OK(lam_value_text(&y, row, &right, &error));
      assert_int_equal(left.size, right.size);
      if (left.size) assert_memory_equal(left.data, right.data, left.size);
    }
  }
  lam_buf_release(&left);
  lam_buf_release(&right);
}

static void round_trip(uint64_t *seed) {
  struct ArrowSchema schema;
  struct ArrowArray batch, found;
  int64_t columns = 1 + (int64_t)(next_random(seed) % 5), rows = (int64_t)(next_random(seed) % 60), first = 0;
  random_batch(seed, columns, rows, &schema, &batch);
  struct lam_csv_writer_options write = {.delimiter = next_random(seed) % 2 ? ';' : 0, .crlf = next_random(seed) % 2};
  struct lam_csv_writer writer;
  struct lam_buf text;
  lam_buf_init(&text, mem);
  OK(lam_csv_writer_init(&writer, mem, &schema, &write, &error));
  OK(lam_csv_write_header(&writer, &text, &error));
  OK(lam_csv_write(&writer, &batch, 0, rows, &text, &error));
  lam_csv_writer_release(&writer);

  struct lam_csv_type given[8];
  struct lam_bytes source = lam_bytes_of(text.data, text.size);
  for (int64_t i = 0; i < columns; i++) {
    given[i].column = schema.children[i]->name;
    OK(lam_type_parse(schema.children[i], &given[i].type, &error));
  }
  struct lam_csv_options read = {.delimiter = write.delimiter,
                                 .types = given,
                                 .type_count = (int32_t)columns,
                                 .batch_rows = 1 + (int64_t)(next_random(seed) % 20),
                                 .sample_bytes = 1 + next_random(seed) % 200};
  struct lam_csv *csv;
  OK(lam_csv_open(mem, read_buf, &source, &read, &csv, &error));
  for (;; lam_array_release(&found)) {
    OK(lam_csv_next(csv, &found, &error));
    if (!found.release) break;
    assert_in_range(first + found.length, 0, rows);
    expect_same_rows(&schema, &batch, first, &found);
    first += found.length;
  }
  assert_int_equal(first, rows);
  lam_csv_close(csv);
  lam_buf_release(&text);
  release_both(&schema, &batch);
}

static void test_random_tables_come_back(void **state) {
  (void)state;
  uint64_t seed = seed_of_test();
  for (int i = 0; i < 300; i++) round_trip(&seed);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      MEM_TEST(test_forms),
      MEM_TEST(test_dictionaries_and_nested),
      MEM_TEST(test_random_tables_come_back),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
