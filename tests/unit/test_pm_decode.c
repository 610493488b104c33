/* Chunks decoded from a sidecar and bytes: what a reader of the file gives. */
#include <stdlib.h>

#include "condition_support.h"
#include "json_support.h"
#include "parquet/writer.h"
#include "sidecar/sidecar.h"

enum { ROWS = 2000, GROUP = 700, ROUNDS = 30 };

struct made {
  struct columns columns;
  struct ArrowSchema schema;
  struct ArrowArray rows;
  struct lam_store *store;
  struct lam_file *file;
  struct lam_sidecar *sidecar;
};

/* The file of `rows`, and its sidecar. */
static void write_file(struct made *m, const struct lam_write_options *options) {
  struct lam_sidecar_source source;
  struct lam_writer *writer;
  OK(lam_store_memory(context, &m->store, &error));
  OK(lam_writer_open_in(m->store, "t", &m->schema, options, mem, &writer, &error));
  OK(lam_writer_write(writer, &m->rows, &error));
  OK(lam_writer_finish(writer, NULL, &error));
  lam_writer_close(writer);
  OK(lam_file_open_in(m->store, "t", NULL, mem, &m->file, &error));
  OK(lam_sidecar_source_of(m->file, mem, &source, &error));
  OK(lam_sidecar_put(&source, &(struct lam_sidecar_format){0}, m->store, "_pm", mem, NULL, &error));
  OK(lam_sidecar_open_in(m->store, "_pm", &(struct lam_sidecar_open_options){0}, mem, &m->sidecar, &error));
}
static void make(uint64_t *seed, struct made *m) {
  struct lam_write_options options = LAM_WRITE_OPTIONS_INIT;
  random_columns(seed, &m->columns);
  columns_schema(&m->columns, &m->schema);
  random_batch(seed, &m->columns, ROWS, &m->rows);
  options.row_group_rows = GROUP;
  options.page_rows = 50 + below(seed, 900);
  write_file(m, &options);
}
static void drop(struct made *m) {
  lam_sidecar_close(m->sidecar);
  lam_file_close(m->file);
  lam_array_release(&m->rows);
  lam_schema_release(&m->schema);
  lam_store_close(m->store);
}

static uint8_t *chunk_bytes(struct made *m, int32_t group, int32_t column, size_t *size) {
  struct lam_sidecar_chunk chunk = LAM_SIDECAR_CHUNK_INIT;
  OK(lam_sidecar_chunk(m->sidecar, group, column, &chunk, &error));
  uint8_t *bytes = malloc(chunk.size + 1);
  OK(lam_file_read(m->file, chunk.offset, bytes, chunk.size, &error));
  *size = chunk.size;
  return bytes;
}

/* Row `row` of one is row `other` of the other. */
static void same_value(const struct lam_view *a, int64_t row, const struct lam_view *b, int64_t other) {
  assert_int_equal(lam_view_valid(a, row), lam_view_valid(b, other));
  if (!lam_view_valid(a, row)) return;
  if (a->type.id == LAM_TYPE_BOOL) {
    assert_int_equal(lam_bit_get(a->data, a->offset + row), lam_bit_get(b->data, b->offset + other));
  } else if (lam_type_is_binary(a->type.id) || a->type.id == LAM_TYPE_FIXED_BINARY) {
    assert_true(lam_bytes_equal(lam_view_bytes(a, row), lam_view_bytes(b, other)));
  } else {
    size_t width = (size_t)lam_type_bits(&a->type) / 8;
    assert_memory_equal((const uint8_t *)a->data + (size_t)(a->offset + row) * width,
                        (const uint8_t *)b->data + (size_t)(b->offset + other) * width, width);
  }
}

static void check_chunk(struct made *m, int32_t group, int32_t column, const struct lam_plan_rows *rows, size_t count) {
  struct lam_sidecar_decode_options options = LAM_SIDECAR_DECODE_OPTIONS_INIT;
  struct ArrowSchema schema;
  struct ArrowArray array;
  struct lam_view found, expected;
  size_t size;
  int64_t at = 0;
  uint8_t *bytes = chunk_bytes(m, group, column, &size);
  options.rows = rows;
  options.row_count = count;
  OK(lam_sidecar_decode(m->sidecar, group, column, bytes, size, &options, &schema, &array, &error));
  free(bytes);
  assert_string_equal(schema.name, m->schema.children[column]->name);
  assert_string_equal(schema.format, m->schema.children[column]->format);
  OK(lam_view_init(&schema, &array, &found, &error));
  OK(lam_view_init(m->schema.children[column], m->rows.children[column], &expected, &error));
  const struct lam_plan_rows all = {0, lam_file_row_group_rows(m->file, group)};
  for (size_t i = 0; i < (rows ? count : 1); i++)
    for (int64_t row = (rows ? rows : &all)[i].first; row < (rows ? rows : &all)[i].end; row++)
      same_value(&found, at++, &expected, (int64_t)group * GROUP + row);
  assert_int_equal(array.length, at);
  lam_array_release(&array);
  lam_schema_release(&schema);
}

static void random_chunks(void **state) {
  (void)state;
  uint64_t seed = seed_of_test();
  for (int i = 0; i < ROUNDS; i++) {
    struct made m;
    make(&seed, &m);
    for (int32_t g = 0; g < lam_file_row_groups(m.file); g++)
      for (int32_t c = 0; c < m.columns.count; c++) {
        const struct lam_plan_rows some[] = {{3, 40}, {40, 41}, {500, 600}};
        check_chunk(&m, g, c, NULL, 0);
        check_chunk(&m, g, c, some, 3);
        check_chunk(&m, g, c, some, 0);
      }
    drop(&m);
  }
}

/* A file of one column of binaries: texts but for the last. */
static void types_are_overridden(void **state) {
  (void)state;
  static const char *const values[] = {"61", "c3a4", "", "ff"};
  struct made m = {.columns = {.count = 1}};
  struct lam_sidecar_decode_options options = LAM_SIDECAR_DECODE_OPTIONS_INIT;
  struct ArrowSchema schema;
  struct ArrowArray array;
  struct lam_type type = {.id = LAM_TYPE_BINARY, .timezone = ""};
  struct lam_builder builder;
  size_t size;
  OK(lam_schema_init_struct("", 1, &m.schema, &error));
  OK(lam_schema_init(&type, "b", true, m.schema.children[0], &error));
  OK(lam_array_init_struct(4, 1, &m.rows, &error));
  OK(lam_builder_init(&builder, mem, &type, &error));
  for (int i = 0; i < 4; i++) {
    uint8_t value[2];
    for (size_t k = 0; k < strlen(values[i]) / 2; k++)
      value[k] = (uint8_t)strtol((char[3]){values[i][2 * k], values[i][2 * k + 1], 0}, NULL, 16);
    OK(lam_builder_bytes(&builder, lam_bytes_of(value, strlen(values[i]) / 2), &error));
  }
  OK(lam_builder_finish(&builder, m.rows.children[0], &error));
  lam_builder_release(&builder);
  write_file(&m, NULL);
  uint8_t *bytes = chunk_bytes(&m, 0, 0, &size);
  options.type = LAM_DECODE_STRINGS;
  FAILS(lam_sidecar_decode(m.sidecar, 0, 0, bytes, size, &options, &schema, &array, &error), LAM_CORRUPT, "row 3");
  options.rows = &(struct lam_plan_rows){0, 3};
  options.row_count = 1;
  OK(lam_sidecar_decode(m.sidecar, 0, 0, bytes, size, &options, &schema, &array, &error));
  assert_string_equal(schema.format, "u");
  assert_int_equal(array.length, 3);
  lam_array_release(&array);
  lam_schema_release(&schema);
  /* Bytes of another chunk, or damaged ones. */
  FAILS(lam_sidecar_decode(m.sidecar, 0, 0, bytes, size - 1, NULL, &schema, &array, &error), LAM_INVALID, "were given");
  options.type = LAM_DECODE_BINARIES + 1;
  FAILS(lam_sidecar_decode(m.sidecar, 0, 0, bytes, size, &options, &schema, &array, &error), LAM_INVALID, "no way");
  bytes[size - 1] ^= 1;
  assert_int_not_equal(lam_sidecar_decode(m.sidecar, 0, 0, bytes, size, NULL, &schema, &array, NULL), LAM_OK);
  FAILS(lam_sidecar_decode(m.sidecar, 1, 0, bytes, size, NULL, &schema, &array, &error), LAM_INVALID, "no row group");
  free(bytes);
  drop(&m);
}

/* The rows of a decoded chunk as JSON lines. */
static char *json_of_chunk(struct made *m, int32_t group, int32_t column,
                           const struct lam_sidecar_decode_options *options, char *format) {
  struct ArrowSchema all, *leaf;
  struct ArrowArray batch;
  size_t size;
  uint8_t *bytes = chunk_bytes(m, group, column, &size);
  OK(lam_schema_init_struct("", 1, &all, &error));
  OK(lam_array_init_struct(0, 1, &batch, &error));
  OK(lam_sidecar_decode(m->sidecar, group, column, bytes, size, options, all.children[0], batch.children[0], &error));
  free(bytes);
  batch.length = batch.children[0]->length;
  for (leaf = all.children[0]; leaf->n_children;) leaf = leaf->children[0];
  strcpy(format, leaf->format);
  char *text = json_of_batch(&all, &batch);
  lam_array_release(&batch);
  lam_schema_release(&all);
  return text;
}

/* Leaves of repeated columns come with what is above them, all rows or some, of any row group. */
static void repeated_columns(void **state) {
  (void)state;
  static const char rows[] =
      "{\"l\":[{\"a\":1,\"s\":\"x\"},{\"a\":null,\"s\":\"yy\"}],\"n\":[[1,2],[],null]}\n"
      "{\"l\":null,\"n\":[]}\n"
      "{\"l\":[],\"n\":[[3]]}\n"
      "{\"l\":[null,{\"a\":4,\"s\":null}],\"n\":null}\n"
      "{\"l\":[{\"a\":5,\"s\":\"z\"}],\"n\":[[null]]}\n";
  static const struct {
    int32_t group, column;
    const char *rows;
    bool some; /* the first and the last of three */
    int type;
    const char *format;
  } cases[] = {
      {0, 0, "{\"l\":[{\"a\":1},{\"a\":null}]}\n{\"l\":null}\n{\"l\":[]}\n", false, LAM_DECODE_AS_STORED, "l"},
      {0, 1, "{\"l\":[{\"s\":\"x\"},{\"s\":\"yy\"}]}\n{\"l\":[]}\n", true, LAM_DECODE_STRINGS, "u"},
      {0, 2, "{\"n\":[[1,2],[],null]}\n{\"n\":[[3]]}\n", true, LAM_DECODE_AS_STORED, "l"},
      {1, 0, "{\"l\":[null,{\"a\":4}]}\n{\"l\":[{\"a\":5}]}\n", false, LAM_DECODE_AS_STORED, "l"},
      {1, 2, "{\"n\":null}\n{\"n\":[[null]]}\n", false, LAM_DECODE_AS_STORED, "l"},
  };
  static const struct lam_plan_rows some[] = {{0, 1}, {2, 3}};
  struct made m;
  struct lam_write_options options = LAM_WRITE_OPTIONS_INIT;
  struct ArrowSchema schema;
  struct ArrowArray array;
  char format[16];
  batch_of_json(rows, &m.schema, &m.rows);
  options.row_group_rows = 3;
  write_file(&m, &options);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct lam_sidecar_decode_options decode = LAM_SIDECAR_DECODE_OPTIONS_INIT;
    decode.type = cases[i].type;
    decode.rows = cases[i].some ? some : NULL;
    decode.row_count = cases[i].some ? 2 : 0;
    char *text = json_of_chunk(&m, cases[i].group, cases[i].column, &decode, format);
    assert_string_equal(text, cases[i].rows);
    assert_string_equal(format, cases[i].format);
    free(text);
  }
  struct lam_sidecar_decode_options binaries = LAM_SIDECAR_DECODE_OPTIONS_INIT;
  binaries.type = LAM_DECODE_BINARIES;
  free(json_of_chunk(&m, 0, 1, &binaries, format));
  assert_string_equal(format, "z");
  size_t size;
  uint8_t *bytes = chunk_bytes(&m, 0, 0, &size);
  FAILS(lam_sidecar_decode(m.sidecar, 0, 0, bytes, size, &binaries, &schema, &array, &error), LAM_INVALID,
        "neither strings nor binaries");
  FAILS(lam_sidecar_decode(m.sidecar, 0, 0, bytes, size - 1, NULL, &schema, &array, &error), LAM_INVALID, "were given");
  bytes[size - 1] ^= 1;
  assert_int_not_equal(lam_sidecar_decode(m.sidecar, 0, 0, bytes, size, NULL, &schema, &array, NULL), LAM_OK);
  free(bytes);
  drop(&m);
}

int main(void) {
  const struct CMUnitTest tests[] = {MEM_TEST(random_chunks), MEM_TEST(types_are_overridden),
                                     MEM_TEST(repeated_columns)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
