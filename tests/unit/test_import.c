/* Imports: partitions, files of some rows, order, merging with what is there, CSV, refusals, spilling. */
#include "ops_support.h"

struct place {
  char *path; /* of the sources */
  struct lam_store *store, *data, *meta;
  struct lam_directory *directory;
};
static void begin(struct place *p) {
  p->path = new_temporary();
  OK(lam_store_local(context, p->path, &p->store, &error));
  OK(lam_store_memory(context, &p->data, &error));
  OK(lam_store_memory_beside(p->data, &p->meta, &error));
  p->directory = open_stores(p->data, p->meta);
}
static void end(struct place *p) {
  lam_directory_close(p->directory);
  lam_store_close(p->data);
  lam_store_close(p->meta);
  lam_store_close(p->store);
  remove_temporary(context, p->path);
}
static enum lam_status import(struct place *p, const char *name, const struct lam_import_options *options,
                              struct lam_import_result *result, struct lam_error *error) {
  char path[600];
  const char *const sources[] = {path};
  snprintf(path, sizeof path, "%s%s%s", p->path, *name ? "/" : "", name);
  return lam_import_directory(p->directory, sources, 1, options, result, error);
}

static void test_partitions(void **state) {
  (void)state;
  struct place p;
  struct lam_import_options options = LAM_IMPORT_OPTIONS_INIT;
  struct lam_import_result r;
  static const char *const by[] = {"text"}, *const other[] = {"id"};
  begin(&p);
  static const int64_t one[] = {2, 5, 1, 2}, two[] = {1, 10, 3};
  put_ids(p.store, "s/a.parquet", one, 4);
  put_ids(p.store, "s/b.parquet", two, 3);
  options.partition_by = by;
  options.partition_by_count = 1;
  options.change.dry_run = true;
  OK(import(&p, "s", &options, &r, &error));
  assert_int_equal(r.rows, 7);
  assert_int_equal(r.sequence, 0);
  want_rows(p.data, p.meta, "");
  options.change.dry_run = false;
  OK(import(&p, "s", &options, &r, &error));
  /* Rows keep their order within a partition; NULL has one of its own. */
  static const char wanted[] = "text=__HIVE_DEFAULT_PARTITION__:5,10,;text=r1:1,1,;text=r2:2,2,;text=r3:3,;";
  want_rows(p.data, p.meta, wanted);
  assert_int_equal(r.sources, 2);
  assert_int_equal(r.rows, 7);
  assert_int_equal(r.partitions, 4);
  assert_int_equal(r.files_written, 4);
  assert_int_equal(r.sequence, 1);
  assert_int_equal(r.bytes_read, info_of(p.store, "s/a.parquet").size + info_of(p.store, "s/b.parquet").size);
  /* The table's partitioning is taken where none is given, and no other is. */
  options.partition_by = other;
  FAILS(import(&p, "s", &options, &r, &error), LAM_INVALID, "is partitioned by text; import with the same");
  OK(import(&p, "s/b.parquet", NULL, &r, &error));
  want_rows(p.data, p.meta, "text=__HIVE_DEFAULT_PARTITION__:5,10,10,;text=r1:1,1,1,;text=r2:2,2,;text=r3:3,3,;");
  end(&p);
}

static void test_files_and_order(void **state) {
  (void)state;
  struct place p;
  struct lam_import_options options = LAM_IMPORT_OPTIONS_INIT;
  struct lam_import_result r;
  static const struct lam_sort_key key = {.column = "id", .descending = true};
  static const int64_t ids[] = {4, 9, 1, 7, 3};
  begin(&p);
  put_ids(p.store, "a.parquet", ids, 5);
  options.rows_per_file = 2;
  OK(import(&p, "a.parquet", &options, &r, &error));
  want_rows(p.data, p.meta, ":4,9,1,7,3,;");
  assert_int_equal(r.files_written, 3);
  options.sort_by = &key;
  options.sort_count = 1;
  OK(import(&p, "a.parquet", &options, &r, &error));
  want_rows(p.data, p.meta, ":4,9,1,7,3,9,7,4,3,1,;");
  assert_int_equal(r.files_written, 3);
  end(&p);
}

static void test_csv(void **state) {
  (void)state;
  struct place p;
  struct lam_import_options options = LAM_IMPORT_OPTIONS_INIT;
  static const struct lam_import_type types[] = {{"value", "double"}};
  begin(&p);
  put_file(p.store, "a.csv", "id,text,value\n1,r1,0.25\n5,,1.25\n2,r2,0.5\n");
  put_file(p.store, "b.tsv", "id\ttext\tvalue\n4\tr4\t1\n");
  put_file(p.store, "bad.csv", "id,text,value\n1,r1,0.25\n2,r2,x\n");
  options.types = types;
  options.type_count = 1;
  OK(import(&p, "a.csv", &options, NULL, &error));
  OK(import(&p, "b.tsv", &options, NULL, &error));
  want_rows(p.data, p.meta, ":1,5,2,4,;");
  FAILS(import(&p, "bad.csv", &options, NULL, &error), LAM_INVALID, "bad.csv");
  want_rows(p.data, p.meta, ":1,5,2,4,;");
  end(&p);
}

static void test_refused(void **state) {
  (void)state;
  struct place p;
  struct lam_import_options options = LAM_IMPORT_OPTIONS_INIT;
  static const char *const by[] = {"nothing"};
  begin(&p);
  put_rows(p.store, "a.parquet", 1, 2);
  put_file(p.store, "b.csv", "id,text,value\nx,y,1\n");
  FAILS(import(&p, "missing.parquet", NULL, NULL, &error), LAM_NOT_FOUND, "missing.parquet");
  FAILS(lam_import_directory(p.directory, NULL, 0, NULL, NULL, &error), LAM_INVALID, "nothing was named to import");
  options.partition_by = by;
  options.partition_by_count = 1;
  FAILS(import(&p, "a.parquet", &options, NULL, &error), LAM_NOT_FOUND, "\"nothing\"");
  OK(import(&p, "a.parquet", NULL, NULL, &error));
  FAILS(import(&p, "b.csv", NULL, NULL, &error), LAM_INVALID, "column \"id\" is int64 in ");
  /* Of a column that no line of JSON has there were two, and another member could be lost for the one counted twice. */
  static const struct lam_import_type twice[] = {{"z", "int64"}, {"z", "int32"}};
  options = (struct lam_import_options)LAM_IMPORT_OPTIONS_INIT;
  options.types = twice;
  options.type_count = 2;
  put_file(p.store, "c.json", "{\"id\":1}\n");
  FAILS(import(&p, "c.json", &options, NULL, &error), LAM_INVALID, "two types are given for column \"z\"");
  want_rows(p.data, p.meta, ":1,2,;");
  end(&p);
}

static void test_no_rows(void **state) {
  (void)state;
  struct place p;
  struct lam_import_result r;
  begin(&p);
  put_rows(p.store, "a.parquet", 1, 0);
  OK(import(&p, "a.parquet", NULL, &r, &error)); /* a new table keeps its schema */
  assert_int_equal(r.files_written, 1);
  OK(import(&p, "a.parquet", NULL, &r, &error));
  assert_int_equal(r.files_written, 0);
  assert_int_equal(r.sequence, 0);
  end(&p);
}

/* More rows than the memory holds, over partitions that each batch has all of. */
static void test_spills(void **state) {
  (void)state;
  struct place p;
  struct lam_import_options options = LAM_IMPORT_OPTIONS_INIT;
  struct lam_import_result r;
  enum { ROWS = 600000, PARTITIONS = 4 };
  static const char *const by[] = {"value"};
  begin(&p);
  /* The ids 0 … 3 over and over: rows of a partition are equal, their number tells. */
  int64_t *ids = malloc(ROWS * sizeof *ids);
  for (int64_t i = 0; i < ROWS; i++) ids[i] = i % PARTITIONS;
  put_ids(p.store, "a.parquet", ids, ROWS);
  free(ids);
  options.partition_by = by;
  options.partition_by_count = 1;
  OK(import(&p, "a.parquet", &options, &r, &error));
  assert_true(r.runs_spilled > 0); /* the rows that are held in the end are not */
  assert_int_equal(r.rows, ROWS);
  assert_int_equal(r.partitions, PARTITIONS);
  char *rows = rows_of_plain(p.data);
  int64_t partition = 0;
  for (const char *at = rows; *at; at = strchr(at, ';') + 1, partition++) {
    int64_t count = 0;
    at = strchr(at, ':') + 1;
    for (; *at != ';'; at += 2, count++) assert_true(*at == '0' + partition && at[1] == ',');
    assert_int_equal(count, ROWS / PARTITIONS);
  }
  assert_int_equal(partition, PARTITIONS);
  free(rows);
  end(&p);
}
static int open_little(void **state) {
  struct lam_context_options options = LAM_CONTEXT_OPTIONS_INIT;
  (void)state;
  options.threads = 1;
  options.memory_limit = 24 << 20;
  OK(lam_context_create(&options, &context, &error));
  OK(lam_mem_open(context, 0, &mem, &error));
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      OPS_TEST(test_partitions), OPS_TEST(test_files_and_order),
      OPS_TEST(test_csv),        OPS_TEST(test_refused),
      OPS_TEST(test_no_rows),    cmocka_unit_test_setup_teardown(test_spills, open_little, close_context),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
