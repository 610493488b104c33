/* What partitions say of themselves, of tables whose bytes and values are known. */
#include "place_support.h"

#include "lamella/sidecar.h"
#include "pack_support.h"

static bool describe(void *user, const struct lam_partition_info *p) {
  char *text = user;
  put_text(text, "%s", p->directory);
  for (size_t i = 0; i < p->value_count; i++)
    put_text(text, " %s=%s", p->names[i], p->values[i] ? p->values[i] : "NULL");
  put_text(text, " %d files, %d rows", (int)p->files, (int)p->rows);
  for (int32_t i = 0; i < p->column_count; i++) {
    const struct lam_partition_column *c = &p->columns[i];
    put_text(text, ", %s %s%s to %s%s%s (%d)", c->name, c->min ? c->min : "?", c->min_exact ? "" : "~",
             c->max ? c->max : "?", c->max_exact ? "" : "~", c->is_literal ? "" : "'", (int)c->nulls);
  }
  put_text(text, "; ");
  return true;
}

static void want(struct lam_table *table, const char *const *columns, int32_t count, const char *expected) {
  struct lam_partitions_options options = LAM_PARTITIONS_OPTIONS_INIT;
  char text[TEXT] = "";
  options.columns = columns;
  options.column_count = count;
  OK(lam_partitions(table, &options, describe, text, NULL, &error));
  assert_string_equal(text, expected);
}

static void test_values(void **state) {
  (void)state;
  struct place p;
  struct lam_table *table;
  begin(&p);
  put_rows(p.store, "g=1/a.parquet", 10, 5);
  put_rows(p.store, "g=1/b.parquet", 2, 3);
  put_rows(p.store, "g=__HIVE_DEFAULT_PARTITION__/a.parquet", 0, 1); /* its text is NULL */
  put_rows(p.store, "g=x y/a.parquet", 20, 0);
  OK(lam_table_open_in(mem, p.path, NULL, &table, &error));
  want(table, NULL, 0,
       "g=1 g=1 2 files, 8 rows; g=__HIVE_DEFAULT_PARTITION__ g=NULL 1 files, 1 rows; g=x y g=x y 1 files, 0 rows; ");
  want(table, (const char *const[]){"id", "text", "value", "g"}, 4,
       "g=1 g=1 2 files, 8 rows, id 2 to 14 (0), text r11 to r4' (1), value 0.5 to 3.5 (0), g 1 to 1' (0); "
       "g=__HIVE_DEFAULT_PARTITION__ g=NULL 1 files, 1 rows, id 0 to 0 (0), text ?~ to ?~' (1), value 0.0 to 0.0 (0), "
       "g ?~ to ?~' (1); "
       "g=x y g=x y 1 files, 0 rows, id ?~ to ?~' (0), text ?~ to ?~' (0), value ?~ to ?~' (0), g ?~ to ?~' (0); ");
  struct lam_partitions_options options = LAM_PARTITIONS_OPTIONS_INIT;
  options.columns = (const char *const[]){"nothing"};
  options.column_count = 1;
  FAILS(lam_partitions(table, &options, NULL, NULL, NULL, &error), LAM_NOT_FOUND, "\"nothing\"");
  options.columns = (const char *const[]){"id + 1"};
  FAILS(lam_partitions(table, &options, NULL, NULL, NULL, &error), LAM_NOT_FOUND, "\"id + 1\"");
  lam_table_close(table);
  end(&p);
}

/* Long texts have bounds that are cut, and a file without statistics leaves the bounds unknown. */
static void put_text_file(struct place *p, const char *key, const char *value, bool statistics) {
  struct ArrowSchema schema;
  struct ArrowArray batch;
  struct lam_builder builder;
  struct lam_type type = {.id = LAM_TYPE_STRING, .timezone = ""};
  struct lam_write_options options = LAM_WRITE_OPTIONS_INIT;
  struct lam_column_options column = {.name = "s", .no_statistics = !statistics};
  options.columns = &column;
  options.column_count = 1;
  OK(lam_schema_init_struct("", 1, &schema, &error));
  set_column(&schema, 0, "s", LAM_TYPE_STRING);
  OK(lam_builder_init(&builder, mem, &type, &error));
  OK(lam_builder_bytes(&builder, lam_bytes_of_string(value), &error));
  OK(lam_array_init_struct(1, 1, &batch, &error));
  OK(lam_builder_finish(&builder, batch.children[0], &error));
  lam_builder_release(&builder);
  put_batch(p->store, key, &schema, &batch, &options);
  lam_array_release(&batch);
  lam_schema_release(&schema);
}

static void test_bounds(void **state) {
  (void)state;
  struct place p;
  struct lam_table *table;
  char longer[101], cut[65] = "", raised[65], expected[TEXT];
  memset(longer, 'a', 100);
  longer[100] = 0;
  memcpy(cut, longer, 64);
  memcpy(raised, cut, sizeof cut);
  raised[63] = 'c';
  begin(&p);
  put_text_file(&p, "k=1/a.parquet", longer, true);
  put_text_file(&p, "k=1/b.parquet", "B", true);
  put_text_file(&p, "k=2/a.parquet", "x", true);
  put_text_file(&p, "k=2/b.parquet", "y", false);
  put_text_file(&p, "k=3/a.parquet", longer, true);
  OK(lam_table_open_in(mem, p.path, NULL, &table, &error));
  /* A maximum that was cut is raised by the writer, and once more by the reader, who cannot know that it was. */
  snprintf(expected, sizeof expected,
           "k=1 k=1 2 files, 2 rows, s B to %s~' (0); k=2 k=2 2 files, 2 rows, s ?~ to ?~' (-1); k=3 k=3 1 files, 1 "
           "rows, s %s~ to %s~' (0); ",
           raised, cut, raised);
  want(table, (const char *const[]){"s"}, 1, expected);
  lam_table_close(table);
  end(&p);
}

static bool take_info(void *user, const struct lam_partition_info *p) {
  *(struct lam_partition_info *)user = *p;
  return true;
}

/* Bytes put in front of the footer belong to nothing. */
static void test_dead_bytes(void **state) {
  (void)state;
  enum { DEAD = 1000 };
  struct place p;
  struct lam_table *table;
  struct lam_partition_info info;
  struct lam_partitions_result r = LAM_PARTITIONS_RESULT_INIT;
  struct lam_partitions_options options = LAM_PARTITIONS_OPTIONS_INIT;
  struct lam_buf bytes, longer;
  uint8_t dead[DEAD] = {1};
  begin(&p);
  put_rows(p.store, "g=1/a.parquet", 0, 500);
  lam_buf_init(&bytes, mem);
  lam_buf_init(&longer, mem);
  OK(lam_store_get(p.store, "g=1/a.parquet", 1 << 20, &bytes, &error));
  size_t tail = lam_load32(bytes.data + bytes.size - 8) + 8;
  OK(lam_buf_append(&longer, bytes.data, bytes.size - tail, &error));
  OK(lam_buf_append(&longer, dead, sizeof dead, &error));
  OK(lam_buf_append(&longer, bytes.data + bytes.size - tail, tail, &error));
  OK(lam_store_make_directories(p.store, "g=2", &error));
  OK(lam_store_put(p.store, "g=2/a.parquet", lam_bytes_of(longer.data, longer.size), &error));
  OK(lam_table_open_in(mem, p.path, NULL, &table, &error));
  options.small_size = bytes.size + 1;
  OK(lam_partitions(table, &options, take_info, &info, &r, &error));
  assert_int_equal(r.partitions, 2);
  assert_int_equal(r.files, 2);
  assert_int_equal(r.small_files, 1);
  assert_int_equal(r.rows, 1000);
  assert_int_equal(r.row_groups, 2);
  assert_int_equal(r.bytes, bytes.size + longer.size);
  assert_int_equal(r.dead_bytes, DEAD);
  assert_int_equal(info.dead_bytes, DEAD); /* g=2 came last, and g=1 has none */
  lam_table_close(table);
  lam_buf_release(&bytes);
  lam_buf_release(&longer);
  end(&p);
}

struct overlaps {
  int64_t of[8];
  int count;
};
static bool take_overlap(void *user, const struct lam_partition_info *p) {
  struct overlaps *overlaps = user;
  overlaps->of[overlaps->count++] = p->columns[0].overlap;
  return true;
}

/* How many files' ranges of ids share a value: none, one after the other, touching, nested. */
static void test_overlap(void **state) {
  (void)state;
  struct place p;
  struct lam_table *table;
  struct overlaps overlaps = {.count = 0};
  struct lam_partitions_options options = LAM_PARTITIONS_OPTIONS_INIT;
  static const char *const columns[] = {"id"};
  static const struct {
    const char *key;
    int64_t first, count;
  } files[] = {{"g=1/a.parquet", 0, 0},   {"g=2/a.parquet", 0, 10},  {"g=2/b.parquet", 10, 10},
               {"g=3/a.parquet", 0, 11},  {"g=3/b.parquet", 10, 9},  {"g=4/a.parquet", 0, 100},
               {"g=4/b.parquet", 10, 10}, {"g=4/c.parquet", 15, 20}, {"g=4/d.parquet", 50, 5}};
  begin(&p);
  for (size_t i = 0; i < sizeof files / sizeof *files; i++)
    put_rows(p.store, files[i].key, files[i].first, files[i].count);
  OK(lam_table_open_in(mem, p.path, NULL, &table, &error));
  options.columns = columns;
  options.column_count = 1;
  OK(lam_partitions(table, &options, take_overlap, &overlaps, NULL, &error));
  static const int64_t wanted[] = {0, 1, 2, 3};
  assert_int_equal(overlaps.count, 4);
  for (int i = 0; i < 4; i++) assert_int_equal(overlaps.of[i], wanted[i]);
  lam_table_close(table);
  end(&p);
}

static const struct lam_store_ops *plain_ops;
static uint64_t files_opened;
static enum lam_status counting_open(struct lam_store *store, const char *key, struct lam_input **out,
                                     struct lam_object_info *info, struct lam_error *e) {
  files_opened++;
  return plain_ops->open(store, key, out, info, e);
}

/* What is said of the table in `columns`, and dead bytes; *opened is how many data files were. */
static void survey(const char *path, enum lam_pack_use use, char *text, uint64_t *opened) {
  static const char *const columns[] = {"id", "text", "value", "g"};
  struct lam_partitions_options options = LAM_PARTITIONS_OPTIONS_INIT;
  struct lam_partitions_result result = LAM_PARTITIONS_RESULT_INIT;
  struct lam_directory *directory = open_place(path);
  struct lam_store_ops ops = *directory->data->ops;
  struct lam_table *table;
  options.columns = columns;
  options.column_count = 4;
  plain_ops = directory->data->ops;
  ops.open = counting_open;
  directory->data->ops = &ops;
  directory->pack_use = use;
  files_opened = 0;
  *text = 0;
  OK(lam_table_open_directory(directory, NULL, &table, &error));
  OK(lam_partitions(table, &options, describe, text, &result, &error));
  put_text(text, "%d dead", (int)result.dead_bytes);
  lam_table_close(table);
  directory->data->ops = plain_ops;
  lam_directory_close(directory);
  *opened = files_opened;
}

/* The same from footers, sidecars and the pack, and no data file is opened where there are those. */
static void test_no_file_is_opened(void **state) {
  (void)state;
  struct place p;
  struct lam_sidecar_build_options build = LAM_SIDECAR_BUILD_OPTIONS_INIT;
  uint64_t opened;
  begin(&p);
  put_rows(p.store, "g=1/a.parquet", 10, 5);
  put_groups(&p, "g=1/b.parquet", 2, 350);
  put_groups(&p, "g=2/a.parquet", 3, 10);
  put_rows(p.store, "g=3/a.parquet", 20, 0);
  for (int inlined = 0; inlined < 2; inlined++) {
    char by_footers[TEXT], text[TEXT];
    survey(p.path, LAM_PACK_UNUSED, by_footers, &opened);
    assert_int_equal(opened, inlined ? 0 : 8); /* for the schemas, and again */
    build.inline_blooms = inlined;
    build.force = true;
    OK(lam_sidecar_build(context, p.path, &build, NULL, NULL, NULL, &error));
    survey(p.path, LAM_PACK_UNUSED, text, &opened);
    assert_string_equal(text, by_footers);
    assert_int_equal(opened, 0);
    make_pack_at(p.path, false, NULL);
    for (int use = LAM_PACK_TRUSTED; use <= LAM_PACK_FACTS; use++) {
      survey(p.path, (enum lam_pack_use)use, text, &opened);
      assert_string_equal(text, by_footers);
      assert_int_equal(opened, 0);
    }
  }
  end(&p);
}

int main(void) {
  const struct CMUnitTest tests[] = {OPS_TEST(test_values), OPS_TEST(test_bounds), OPS_TEST(test_dead_bytes),
                                     OPS_TEST(test_overlap), OPS_TEST(test_no_file_is_opened)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
