/* Merging schemas of files and bringing batches to the result. */
#include "arrow_support.h"

#include "table/merge.h"

struct field {
  const char *name, *type;
  int id; /* 0: none */
  bool required;
};

static void make_schema(const struct field *fields, struct ArrowSchema *out) {
  int64_t count = 0;
  while (count < 4 && fields[count].name) count++;
  OK(lam_schema_init_struct("", count, out, &error));
  for (int64_t c = 0; c < count; c++) {
    struct lam_type type = {.id = LAM_TYPE_NULL, .timezone = ""};
    if (strcmp(fields[c].type, "null") != 0) type = type_of(fields[c].type);
    OK(lam_schema_init(&type, fields[c].name, !fields[c].required, out->children[c], &error));
    char id[16];
    int size = snprintf(id, sizeof id, "%d", fields[c].id);
    if (fields[c].id)
      OK(lam_schema_set_metadata(out->children[c], "PARQUET:field_id", lam_bytes_of(id, (size_t)size), &error));
  }
}

/* "a int64 1, b? string" of a schema: '?' where it may be NULL, the id where there is one. */
static void describe(const struct ArrowSchema *schema, char *out, size_t room) {
  size_t at = 0;
  for (int64_t c = 0; c < schema->n_children; c++) {
    struct lam_type type;
    char name[96];
    OK(lam_type_parse(schema->children[c], &type, &error));
    int32_t id = lam_schema_field_id(schema->children[c]);
    at += (size_t)snprintf(out + at, room - at, "%s%s%s %s", c ? ", " : "", schema->children[c]->name,
                           schema->children[c]->flags & ARROW_FLAG_NULLABLE ? "?" : "",
                           lam_type_name(&type, name, sizeof name));
    if (id >= 0) at += (size_t)snprintf(out + at, room - at, " %d", id);
  }
}

static const struct {
  struct field files[3][4];
  const char *merged; /* or the error's text */
  bool fails;
} cases[] = {
    /* The order is that of first appearance; what a file lacks may be NULL. */
    {{{{"a", "int64", 0, true}, {"b", "string", 0, true}}, {{"b", "string", 0, true}, {"a", "int64", 0, true}}},
     "a int64, b string",
     false},
    {{{{"a", "int64", 0, true}}, {{"c", "string", 0, true}, {"a", "int64", 0, true}}}, "a int64, c? string", false},
    {{{{"a", "int64", 0, true}, {"b", "date", 0, true}}, {{"a", "int64", 0, true}}}, "a int64, b? date", false},
    {{{{"a", "int64", 0, true}}, {{"a", "int64", 0, false}}}, "a? int64", false},
    {{{{"a", "int64", 0, true}}, {{"b", "int64", 0, true}}, {{"c", "int64", 0, true}}},
     "a? int64, b? int64, c? int64",
     false},
    /* Types widen, in either direction, and stay where they are wide. */
    {{{{"a", "int16", 0, true}}, {{"a", "int64", 0, true}}, {{"a", "int32", 0, true}}}, "a int64", false},
    {{{{"a", "double", 0, true}}, {{"a", "uint8", 0, false}}}, "a? double", false},
    {{{{"a", "null", 0, false}}, {{"a", "string", 0, true}}}, "a? string", false},
    {{{{"a", "string", 0, true}}, {{"a", "null", 0, false}}}, "a? string", false},
    {{{{"a", "timestamp[ms]", 7, true}}, {{"x", "timestamp[us]", 7, true}}}, "a timestamp[us] 7", false},
    /* Ids go before names: renamed, and swapped. */
    {{{{"a", "int32", 1, true}, {"b", "string", 2, true}}, {{"b", "int32", 1, true}, {"a", "string", 2, true}}},
     "a int32 1, b string 2",
     false},
    {{{{"a", "int32", 1, true}}, {{"a", "int64", 0, true}}}, "a int64 1", false},
    /* A column of a file stands for one merged column: b of the second file is field 1, so b without an id is missing.
     */
    {{{{"a", "int32", 1, true}, {"b", "int32", 0, true}}, {{"b", "int32", 1, true}}}, "a int32 1, b? int32", false},
    {{{{"a", "int32", 0, true}}, {{"a", "string", 0, true}}},
     "column \"a\" is int32 in one.parquet and string in two.parquet; these do not merge",
     true},
    {{{{"a", "int32", 0, true}}, {{"a", "int64", 0, true}}, {{"a", "date", 0, true}}},
     "column \"a\" is int64 in two.parquet and date in three.parquet",
     true},
    {{{{"a", "int32", 1, true}}, {{"a", "string", 2, true}}},
     "column \"a\" has field id 1 in one.parquet and 2 in two.parquet",
     true},
};

static void test_schemas(void **state) {
  (void)state;
  static const char *const files[] = {"one.parquet", "two.parquet", "three.parquet"};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct lam_merge merge;
    enum lam_status status = LAM_OK;
    lam_merge_init(&merge, mem);
    for (int f = 0; f < 3 && cases[i].files[f][0].name && status == LAM_OK; f++) {
      struct ArrowSchema schema;
      make_schema(cases[i].files[f], &schema);
      status = lam_merge_add(&merge, &schema, files[f], &error);
      lam_schema_release(&schema);
    }
    if (cases[i].fails) {
      FAILS(status, LAM_INVALID, cases[i].merged);
    } else {
      char text[512];
      OK(status);
      describe(&merge.schema, text, sizeof text);
      assert_string_equal(text, cases[i].merged);
    }
    lam_merge_release(&merge);
  }
}

static void test_map(void **state) {
  (void)state;
  static const struct field merged_fields[] = {
      {"a", "int64", 1, false}, {"b", "int32", 0, false}, {"c", "string", 0, false}, {NULL, NULL, 0, false}};
  static const struct field file_fields[] = {
      {"c", "string", 0, false}, {"b", "int32", 1, false}, {NULL, NULL, 0, false}};
  struct ArrowSchema merged, file;
  struct lam_merge_source sources[3];
  make_schema(merged_fields, &merged);
  make_schema(file_fields, &file);
  lam_merge_map(&merged, &file, sources);
  assert_int_equal(sources[0].column, 1); /* by id, though it is called b */
  assert_true(sources[0].cast);
  assert_int_equal(sources[1].column, -1);
  assert_false(sources[1].cast);
  assert_int_equal(sources[2].column, 0);
  assert_false(sources[2].cast);
  assert_false(lam_merge_same(&merged, &file));
  assert_true(lam_merge_same(&file, &file));
  lam_schema_release(&merged);
  lam_schema_release(&file);
}

/* A missing column, a widened one and one that moves. */
static void test_batch(void **state) {
  (void)state;
  static const struct field merged_fields[] = {
      {"n", "int64", 0, false}, {"gone", "string", 0, false}, {"s", "string", 0, false}, {NULL, NULL, 0, false}};
  static const struct field file_fields[] = {
      {"s", "string", 0, false}, {"n", "int16", 0, false}, {NULL, NULL, 0, false}};
  static const char *const numbers[] = {"-5", "\1", "7"}, *const texts[] = {"x", "yy", "\1"};
  struct ArrowSchema merged, file, ignored;
  struct lam_merge_source sources[3];
  struct ArrowArray batch, out;
  struct lam_view view;
  make_schema(merged_fields, &merged);
  make_schema(file_fields, &file);
  lam_merge_map(&merged, &file, sources);
  OK(lam_array_init_struct(3, 2, &batch, &error)); /* the file's columns in merged order */
  make_column("int16", "n", numbers, 3, &ignored, batch.children[0]);
  lam_schema_release(&ignored);
  make_column("string", "s", texts, 3, &ignored, batch.children[1]);
  lam_schema_release(&ignored);
  OK(lam_merge_batch(mem, &merged, &file, sources, &batch, &out, &error));
  assert_int_equal(out.length, 3);
  OK(lam_view_init(merged.children[0], out.children[0], &view, &error));
  assert_int_equal(((const int64_t *)view.data)[0], -5);
  assert_int_equal(((const int64_t *)view.data)[2], 7);
  assert_false(lam_view_valid(&view, 1));
  assert_int_equal(out.children[1]->null_count, 3);
  OK(lam_view_init(merged.children[2], out.children[2], &view, &error));
  assert_true(lam_bytes_equal(lam_view_bytes(&view, 1), lam_bytes_of_string("yy")));
  assert_false(lam_view_valid(&view, 2));
  lam_array_release(&out);

  /* Another file under the same name: the cast refuses, and nothing is left. */
  lam_schema_release(file.children[1]);
  struct lam_type type = type_of("string");
  OK(lam_schema_init(&type, "n", true, file.children[1], &error));
  OK(lam_array_init_struct(3, 2, &batch, &error));
  for (int c = 0; c < 2; c++) {
    make_column("string", "n", texts, 3, &ignored, batch.children[c]);
    lam_schema_release(&ignored);
  }
  FAILS(lam_merge_batch(mem, &merged, &file, sources, &batch, &out, &error), LAM_CONFLICT,
        "column \"n\" is string now");
  assert_null(batch.release);
  assert_null(out.release);
  lam_schema_release(&merged);
  lam_schema_release(&file);
}

int main(void) {
  const struct CMUnitTest tests[] = {MEM_TEST(test_schemas), MEM_TEST(test_map), MEM_TEST(test_batch)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
