/* Tables as readers open them: merged schemas, columns that only the path has, limits, filters. */
#include "place_support.h"

#include "arrow/value_text.h"
#include "table/scan.h"

/* "name type, …" and the rows, "1|r1|0.25;…", NULL as "-". */
static void scan_text(const char *path, const struct lam_table_options *table_options,
                      const struct lam_scan_options *options, char *names, char *rows, size_t room) {
  struct lam_table *table;
  struct lam_scan *scan;
  struct ArrowSchema schema;
  struct ArrowArray batch;
  struct lam_buf text;
  *names = *rows = 0;
  lam_buf_init(&text, mem);
  OK(lam_table_open_in(mem, path, table_options, &table, &error));
  OK(lam_scan_open(table, options, &scan, &error));
  OK(lam_scan_schema(scan, &schema, &error));
  for (int64_t c = 0; c < schema.n_children; c++) {
    struct lam_type type;
    char name[96];
    OK(lam_type_parse(schema.children[c], &type, &error));
    size_t at = strlen(names);
    snprintf(names + at, room - at, "%s%s %s", c ? ", " : "", schema.children[c]->name,
             lam_type_name(&type, name, sizeof name));
  }
  for (;;) {
    OK(lam_scan_next(scan, &batch, &error));
    if (!batch.release) break;
    for (int64_t row = 0; row < batch.length; row++) {
      for (int64_t c = 0; c < schema.n_children; c++) {
        struct lam_view view;
        if (c) append_text(&text, "|");
        OK(lam_view_init(schema.children[c], batch.children[c], &view, &error));
        assert_int_equal(view.length, batch.length);
        if (lam_view_valid(&view, row))
          OK(lam_value_text(&view, row, &text, &error));
        else
          append_text(&text, "-");
      }
      append_text(&text, ";");
    }
    lam_array_release(&batch);
  }
  snprintf(rows, room, "%.*s", (int)text.size, (const char *)text.data);
  lam_buf_release(&text);
  lam_schema_release(&schema);
  lam_scan_close(scan);
  lam_table_close(table);
}

static void want_scan(const char *path, const struct lam_table_options *table_options,
                      const struct lam_scan_options *options, const char *expected_names, const char *expected) {
  char names[512], rows[1024];
  scan_text(path, table_options, options, names, rows, sizeof names);
  if (expected_names) assert_string_equal(names, expected_names);
  assert_string_equal(rows, expected);
}

static void test_path_columns(void **state) {
  (void)state;
  static const struct {
    const char *first, *second; /* directories */
    const char *names, *rows;
  } cases[] = {
      {"g=1", "g=-2", "id int64, text string, value double, g int64", "2|r2|0.5|-2;1|r1|0.25|1;"},
      {"g=1", "g=x%2Fy", "id int64, text string, value double, g string", "1|r1|0.25|1;2|r2|0.5|x/y;"},
      {"g=2026-11-21", "g=__HIVE_DEFAULT_PARTITION__", "id int64, text string, value double, g date",
       "1|r1|0.25|2026-11-21;2|r2|0.5|-;"},
      {"g=1/h=a", "g=1/h=b", "id int64, text string, value double, g int64, h string", "1|r1|0.25|1|a;2|r2|0.5|1|b;"},
      /* A column that the files have is theirs, whatever the path says. */
      {"id=7", "id=8", "id int64, text string, value double", "1|r1|0.25;2|r2|0.5;"},
      {"plain", "other", "id int64, text string, value double", "2|r2|0.5;1|r1|0.25;"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct place p;
    char key[128];
    begin(&p);
    snprintf(key, sizeof key, "%s/f.parquet", cases[i].first);
    put_rows(p.store, key, 1, 1);
    snprintf(key, sizeof key, "%s/f.parquet", cases[i].second);
    put_rows(p.store, key, 2, 1);
    want_scan(p.path, NULL, NULL, cases[i].names, cases[i].rows);
    end(&p);
  }
}

static void test_columns_and_limits(void **state) {
  (void)state;
  struct place p;
  begin(&p);
  put_rows(p.store, "g=1/a.parquet", 1, 3);
  put_rows(p.store, "g=1/b.parquet", 4, 2);
  put_rows(p.store, "g=2/a.parquet", 6, 1);
  static const char *const columns[] = {"g", "id"}, *const only_path[] = {"g"};
  struct lam_scan_options options = LAM_SCAN_OPTIONS_INIT;
  options.columns = columns;
  options.column_count = 2;
  want_scan(p.path, NULL, &options, "g int64, id int64", "1|1;1|2;1|3;1|4;1|5;2|6;");
  options.batch_rows = 1;
  want_scan(p.path, NULL, &options, NULL, "1|1;1|2;1|3;1|4;1|5;2|6;");
  static const char *const limited[] = {"", "1|1;", "1|1;1|2;", "1|1;1|2;1|3;", "1|1;1|2;1|3;1|4;"};
  for (int limit = 0; limit < 5; limit++) {
    options.batch_rows = limit % 2 ? 0 : 2;
    options.limit = limit;
    want_scan(p.path, NULL, &options, NULL, limited[limit]);
  }
  options = (struct lam_scan_options)LAM_SCAN_OPTIONS_INIT;
  options.columns = only_path;
  options.column_count = 1;
  want_scan(p.path, NULL, &options, "g int64", "1;1;1;1;1;2;");

  static const char *const partitions[] = {"g=2"}, *const no_partitions[] = {"g=3"}, *const unknown[] = {"nothing"};
  struct lam_table_options filtered = LAM_TABLE_OPTIONS_INIT;
  filtered.partitions = partitions;
  filtered.partition_count = 1;
  want_scan(p.path, &filtered, NULL, NULL, "6|r6|1.5|2;");
  struct lam_table *table;
  struct lam_scan *scan;
  filtered.partitions = no_partitions;
  FAILS(lam_table_open_in(mem, p.path, &filtered, &table, &error), LAM_NOT_FOUND, "g");
  assert_null(table);
  OK(lam_table_open_in(mem, p.path, NULL, &table, &error));
  assert_int_equal(lam_table_rows(table), 6);
  assert_int_equal(lam_table_files(table), 3);
  options.columns = unknown;
  FAILS(lam_scan_open(table, &options, &scan, &error), LAM_NOT_FOUND, "has no column \"nothing\"");
  assert_null(scan);
  lam_table_close(table);
  end(&p);
}

/* Of the table's rows, which are numbered over files and row groups, those of the sample alone; ids are the numbers. */
static void test_sample(void **state) {
  (void)state;
  static const struct lam_spread samples[] = {{0, 1, 1}, {0, 4, 10}, {37, 11, 50}, {60, 30, 100}, {5, 1, 100}};
  static const char *const wheres[] = {NULL, "id % 3 = 1", "id >= 120", "id < 0"};
  struct place p;
  begin(&p);
  put_groups(&p, "g=1/a.parquet", 0, 170); /* two row groups */
  put_groups(&p, "g=1/b.parquet", 170, 30);
  put_groups(&p, "g=2/a.parquet", 200, 50);
  struct lam_table *table;
  OK(lam_table_open_in(mem, p.path, NULL, &table, &error));
  for (size_t i = 0; i < sizeof samples / sizeof *samples * 4; i++) {
    static const char *const columns[] = {"id"};
    const struct lam_spread *sample = &samples[i / 4];
    struct lam_scan_options options = LAM_SCAN_OPTIONS_INIT;
    struct lam_scan *scan;
    struct ArrowArray batch;
    int64_t next = 0;
    options.columns = columns;
    options.column_count = 1;
    options.where = wheres[i % 4];
    OK(lam_scan_open(table, &options, &scan, &error));
    lam_scan_sample(scan, sample);
    for (bool more = true; more;) {
      OK(lam_scan_next(scan, &batch, &error));
      more = batch.release != NULL;
      for (int64_t row = 0; row < (more ? batch.length : 1); row++) { /* one past the end, which no row is */
        int64_t id = more ? ((const int64_t *)batch.children[0]->buffers[1])[batch.children[0]->offset + row] : 250;
        for (; next < id; next++) {
          int64_t place = next % sample->period - sample->first;
          bool matches = i % 4 == 0 || (i % 4 == 1 && next % 3 == 1) || (i % 4 == 2 && next >= 120);
          assert_false(matches && place >= 0 && place < sample->length); /* passed over */
        }
        next = id + 1;
        int64_t place = id % sample->period - sample->first;
        if (more) assert_true(place >= 0 && place < sample->length);
      }
      lam_array_release(&batch);
    }
    lam_scan_close(scan);
  }
  lam_table_close(table);
  end(&p);
}

/* One column under a name and an id. */
static void put_field(struct place *p, const char *key, const char *name, enum lam_type_id id, const char *field_id,
                      int64_t value) {
  struct ArrowSchema schema;
  struct ArrowArray batch;
  struct lam_builder builder;
  struct lam_type type = {.id = id, .timezone = ""};
  OK(lam_schema_init_struct("", 1, &schema, &error));
  OK(lam_schema_init(&type, name, true, schema.children[0], &error));
  if (field_id)
    OK(lam_schema_set_metadata(schema.children[0], "PARQUET:field_id", lam_bytes_of_string(field_id), &error));
  OK(lam_builder_init(&builder, mem, &type, &error));
  OK(lam_builder_fixed(&builder, &value, &error));
  OK(lam_array_init_struct(1, 1, &batch, &error));
  OK(lam_builder_finish(&builder, batch.children[0], &error));
  lam_builder_release(&builder);
  put_batch(p->store, key, &schema, &batch, NULL);
  lam_array_release(&batch);
  lam_schema_release(&schema);
}

static void test_merged(void **state) {
  (void)state;
  struct place p;
  begin(&p);
  put_field(&p, "a.parquet", "old", LAM_TYPE_INT32, "1", -1);
  put_field(&p, "b.parquet", "new", LAM_TYPE_INT64, "1", 1ll << 40);
  put_field(&p, "c.parquet", "other", LAM_TYPE_INT8, "2", 5);
  want_scan(p.path, NULL, NULL, "old int64, other int8", "-1|-;1099511627776|-;-|5;");
  put_field(&p, "d.parquet", "old", LAM_TYPE_DATE32, "1", 5);
  struct lam_table *table;
  FAILS(lam_table_open_in(mem, p.path, NULL, &table, &error), LAM_INVALID, "these do not merge");
  end(&p);
}

static void test_kinds_of_tables(void **state) {
  (void)state;
  struct place p;
  char path[600];
  struct lam_table *table;
  begin(&p);
  put_rows(p.store, "a.parquet", 1, 2);
  put_rows(p.store, "b.parquet", 3, 1);
  put_rows(p.store, "empty.parquet", 1, 0);
  snprintf(path, sizeof path, "%s/b.parquet", p.path);
  want_scan(path, NULL, NULL, NULL, "3|r3|0.75;");
  snprintf(path, sizeof path, "%s/[ab].parquet", p.path);
  want_scan(path, NULL, NULL, NULL, "1|r1|0.25;2|r2|0.5;3|r3|0.75;");
  snprintf(path, sizeof path, "%s/empty.parquet", p.path);
  want_scan(path, NULL, NULL, "id int64, text string, value double", "");
  snprintf(path, sizeof path, "%s/nothing", p.path);
  FAILS(lam_table_open_in(mem, path, NULL, &table, &error), LAM_NOT_FOUND, "nothing");
  assert_null(table);
  end(&p);
}

int main(void) {
  const struct CMUnitTest tests[] = {OPS_TEST(test_path_columns), OPS_TEST(test_columns_and_limits),
                                     OPS_TEST(test_sample), OPS_TEST(test_merged), OPS_TEST(test_kinds_of_tables)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
