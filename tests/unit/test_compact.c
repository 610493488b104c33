/* Compaction on stores in memory: what becomes of rows, names, metadata and counts. */
#include "ops_support.h"

struct table {
  struct lam_store *data, *meta;
  struct lam_directory *directory;
};
static void begin(struct table *t) {
  OK(lam_store_memory(context, &t->data, &error));
  OK(lam_store_memory_beside(t->data, &t->meta, &error));
  t->directory = open_stores(t->data, t->meta);
}
static void end(struct table *t) {
  lam_directory_close(t->directory);
  lam_store_close(t->data);
  lam_store_close(t->meta);
}
static void want_reader_rows(struct table *t, const char *expected) {
  char *seen = rows_of_reader(t->directory);
  assert_string_equal(seen, expected);
  free(seen);
  want_rows(t->data, t->meta, expected);
}

static void test_counts(void **state) {
  (void)state;
  struct table t;
  struct lam_compact_result r, again, dry;
  struct lam_compact_options options = LAM_COMPACT_OPTIONS_INIT;
  begin(&t);
  put_rows(t.data, "p=1/a.parquet", 1, 5);
  put_rows(t.data, "p=1/b.parquet", 6, 0);
  put_rows(t.data, "p=1/c.parquet", 6, 3);
  put_rows(t.data, "p=2/a.parquet", 20, 2);
  put_file(t.data, "p=1/notes.txt", "notes");
  uint64_t bytes = 0;
  static const char *const keys[] = {"p=1/a.parquet", "p=1/b.parquet", "p=1/c.parquet"};
  for (int i = 0; i < 3; i++) bytes += info_of(t.data, keys[i]).size;
  options.change.dry_run = true;
  OK(lam_compact_directory(t.directory, &options, &dry, &error));
  want_reader_rows(&t, "p=1:1,2,3,4,5,6,7,8,;p=2:20,21,;");
  assert_int_equal(dry.sequence, 0);
  assert_true(there(t.data, "p=1/b.parquet"));
  options.change.dry_run = false;
  options.change.verify_full = true;
  OK(lam_compact_directory(t.directory, &options, &r, &error));
  want_reader_rows(&t, "p=1:1,2,3,4,5,6,7,8,;p=2:20,21,;");
  assert_int_equal(r.files_before, 4);
  assert_int_equal(r.files_after, 2);
  assert_int_equal(r.files_compacted, 3);
  assert_int_equal(r.files_written, 1);
  assert_int_equal(r.rows, 8);
  assert_int_equal(r.partitions_scanned, 2);
  assert_int_equal(r.partitions_compacted, 1);
  assert_int_equal(r.row_groups_merged, 2);
  assert_int_equal(r.row_groups_copied, 0);
  assert_int_equal(r.row_groups_written, 1);
  assert_int_equal(r.bytes_read, bytes);
  assert_int_equal(r.bytes_before, bytes + info_of(t.data, "p=2/a.parquet").size);
  assert_int_equal(r.bytes_after, r.bytes_before - bytes + r.bytes_written);
  assert_int_equal(r.sequence, 1);
  assert_int_equal(dry.files_after, r.files_after);
  assert_int_equal(dry.bytes_after, r.bytes_after);
  assert_true(there(t.data, "p=1/notes.txt"));
  OK(lam_compact_directory(t.directory, NULL, &again, &error));
  assert_int_equal(again.files_compacted, 0);
  assert_int_equal(again.sequence, 0);
  assert_int_equal(again.files_after, 2);
  end(&t);
}

/* Row groups that are full go as bytes, the others around them are merged, and the order stays. */
static void test_copied_row_groups(void **state) {
  (void)state;
  struct table t;
  struct lam_compact_result r;
  struct lam_compact_options options = LAM_COMPACT_OPTIONS_INIT;
  options.row_group_rows = 8; /* so that 2 rows are a full group */
  options.change.verify_full = true;
  begin(&t);
  put_rows(t.data, "a.parquet", 1, 1);
  put_rows(t.data, "b.parquet", 2, 4);
  put_rows(t.data, "c.parquet", 6, 1);
  put_rows(t.data, "d.parquet", 7, 1);
  put_rows(t.data, "e.parquet", 8, 3);
  OK(lam_compact_directory(t.directory, &options, &r, &error));
  want_reader_rows(&t, ":1,2,3,4,5,6,7,8,9,10,;");
  assert_int_equal(r.row_groups_copied, 2);
  assert_int_equal(r.row_groups_merged, 3);
  assert_int_equal(r.row_groups_written, 4); /* 1 | 2-5 | 6, 7 | 8-10 */
  end(&t);
}

/* Files that stay keep their place among those that are written, also where names are unlucky. */
static void test_order_of_names(void **state) {
  (void)state;
  static const char *const names[][5] = {
      {"a.parquet", "b.parquet", "c-big.parquet", "d.parquet", "e.parquet"},
      {"f1-zzz-big.parquet", "f1.parquet", "f2.parquet", NULL},
      {"f1.parquet", "f1.parquet-0", "f10-big.parquet", NULL},
      {"f.parquet", "f.parquet.parquet", "g-big.parquet", NULL},
      {"part-0191b1a2-0000-7000-8000-000000000000.parquet", "part-0191b1a2-0000-7000-8000-000000000001-big.parquet",
       "part-0191b1a2-0000-7000-8000-000000000002.parquet", "part-0191b1a2-0000-7000-8000-000000000003.parquet", NULL},
  };
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    struct table t;
    struct lam_compact_options options = LAM_COMPACT_OPTIONS_INIT;
    options.target_size = 40000;
    options.max_file_size = 4000;
    begin(&t);
    int64_t id = 1;
    for (int n = 0; n < 5 && names[i][n]; n++) {
      bool big = strstr(names[i][n], "big");
      put_rows(t.data, names[i][n], id, big ? 2000 : 3);
      id += big ? 2000 : 3;
      assert_true((info_of(t.data, names[i][n]).size > 4000) == big);
    }
    char *before = rows_of_plain(t.data);
    /* Three times, each with new small files at the end. */
    for (int round = 0; round < 3; round++) {
      OK(lam_compact_directory(t.directory, &options, NULL, &error));
      char *after = rows_of_plain(t.data);
      assert_string_equal(before, after);
      free(after);
    }
    free(before);
    end(&t);
  }
}

static void test_long_name(void **state) {
  (void)state;
  struct table t;
  char keys[2][256];
  begin(&t);
  for (int i = 0; i < 2; i++) {
    memset(keys[i], 'x', 246);
    keys[i][245] = (char)('0' + i);
    strcpy(keys[i] + 246, ".parquet");
    put_rows(t.data, keys[i], 1 + 2 * i, 2);
  }
  OK(lam_compact_directory(t.directory, NULL, NULL, &error));
  want_reader_rows(&t, ":1,2,3,4,;");
  struct lam_snapshot snapshot;
  OK(lam_snapshot_open(t.directory, NULL, &snapshot, &error));
  assert_int_equal(snapshot.file_count, 1);
  assert_in_range(strlen(snapshot.files[0].key), 200, 255);
  lam_snapshot_release(&snapshot);
  end(&t);
}

/* Metadata that the files agree on stay; files of other legacy keys are not merged with them. */
static void put_with_keys(struct table *t, const char *key, int64_t id, const char *shared, const char *legacy) {
  struct lam_write_options options = LAM_WRITE_OPTIONS_INIT;
  struct lam_write_key_value pairs[] = {
      {"everywhere", "same"}, {"by file", shared}, {"org.apache.spark.legacyDateTime", legacy}};
  struct ArrowSchema schema;
  struct ArrowArray batch;
  options.key_values = pairs;
  options.key_value_count = legacy ? 3 : 2;
  rows_schema(&schema);
  rows_batch(&schema, &id, 1, &batch);
  put_batch(t->data, key, &schema, &batch, &options);
  lam_array_release(&batch);
  lam_schema_release(&schema);
}
static void test_metadata(void **state) {
  (void)state;
  struct table t;
  struct lam_snapshot snapshot;
  struct lam_file *file;
  begin(&t);
  put_with_keys(&t, "a.parquet", 1, "one", NULL);
  put_with_keys(&t, "b.parquet", 2, "two", NULL);
  put_with_keys(&t, "c.parquet", 3, "two", "");
  put_with_keys(&t, "d.parquet", 4, "two", "");
  OK(lam_compact_directory(t.directory, NULL, NULL, &error));
  want_reader_rows(&t, ":1,2,3,4,;");
  OK(lam_snapshot_open(t.directory, NULL, &snapshot, &error));
  assert_int_equal(snapshot.file_count, 2);
  for (int i = 0; i < 2; i++) {
    OK(lam_snapshot_file(t.directory, &snapshot, &snapshot.files[i], NULL, mem, &file, &error));
    assert_true(lam_bytes_equal(lam_key_value_find(lam_file_meta(file), "everywhere"), lam_bytes_of_string("same")));
    assert_int_equal(lam_key_value_find(lam_file_meta(file), "by file").data != NULL, i == 1);
    assert_int_equal(lam_key_value_find(lam_file_meta(file), "org.apache.spark.legacyDateTime").data != NULL, i == 1);
    lam_file_close(file);
  }
  lam_snapshot_release(&snapshot);
  end(&t);
}

static void test_schemas_that_do_not_merge(void **state) {
  (void)state;
  struct table t;
  struct ArrowSchema schema;
  struct ArrowArray batch;
  begin(&t);
  put_rows(t.data, "p=1/a.parquet", 1, 2);
  OK(lam_schema_init_struct("", 1, &schema, &error));
  set_column(&schema, 0, "id", LAM_TYPE_STRING);
  struct lam_builder builder;
  struct lam_type type = {.id = LAM_TYPE_STRING, .timezone = ""};
  OK(lam_builder_init(&builder, mem, &type, &error));
  OK(lam_builder_bytes(&builder, lam_bytes_of_string("x"), &error));
  OK(lam_array_init_struct(1, 1, &batch, &error));
  OK(lam_builder_finish(&builder, batch.children[0], &error));
  lam_builder_release(&builder);
  put_batch(t.data, "p=1/b.parquet", &schema, &batch, NULL);
  lam_array_release(&batch);
  lam_schema_release(&schema);
  struct lam_error error = LAM_ERROR_INIT;
  char *before = tree_of(t.data, mem, false);
  assert_int_equal(lam_compact_directory(t.directory, NULL, NULL, &error), LAM_INVALID);
  assert_non_null(strstr(error.message, "column \"id\" is int64 in "));
  assert_non_null(strstr(error.message, "p=1/a.parquet and string in "));
  assert_non_null(strstr(error.message, "p=1/b.parquet"));
  char *after = tree_of(t.data, mem, false);
  assert_string_equal(before, after);
  free(before);
  free(after);
  end(&t);
}

/* Sorting in little memory: it spills, in more than one pass, and ties keep their order. */
static void test_sorting_spills(void **state) {
  (void)state;
  struct table t;
  struct lam_compact_result r;
  struct lam_compact_options options = LAM_COMPACT_OPTIONS_INIT;
  static const struct lam_sort_key key = {.column = "value", .descending = true};
  options.sort_by = &key;
  options.sort_count = 1;
  options.change.verify_full = true;
  begin(&t);
  for (int64_t f = 0; f < 4; f++) {
    char name[32];
    int64_t *ids = malloc(90000 * sizeof *ids);
    for (int64_t i = 0; i < 90000; i++) ids[i] = i * 7919 % 90000 * 4 + f;
    snprintf(name, sizeof name, "f%lld.parquet", (long long)f);
    put_ids(t.data, name, ids, 90000);
    free(ids);
  }
  OK(lam_compact_directory(t.directory, &options, &r, &error));
  assert_int_equal(r.rows, 360000);
  assert_true(r.runs_spilled > 1);
  assert_int_equal(r.files_after, 1);
  char *rows = rows_of_plain(t.data), *at = rows + 1;
  for (int64_t id = 359999; id >= 0; id--) {
    assert_int_equal(strtoll(at, &at, 10), id);
    at++;
  }
  free(rows);
  end(&t);
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

static void test_recoded(void **state) {
  (void)state;
  struct table t;
  struct lam_compact_options options = LAM_COMPACT_OPTIONS_INIT;
  struct lam_snapshot snapshot;
  struct lam_file *file;
  options.change.compression = "snappy";
  options.row_group_rows = 4; /* every group is full, yet of another codec */
  begin(&t);
  put_rows(t.data, "a.parquet", 1, 4);
  put_rows(t.data, "b.parquet", 5, 4);
  OK(lam_compact_directory(t.directory, &options, NULL, &error));
  want_reader_rows(&t, ":1,2,3,4,5,6,7,8,;");
  OK(lam_snapshot_open(t.directory, NULL, &snapshot, &error));
  OK(lam_snapshot_file(t.directory, &snapshot, &snapshot.files[0], NULL, mem, &file, &error));
  const struct lam_file_meta *meta = lam_file_meta(file);
  assert_int_equal(meta->row_group_count, 2);
  for (int32_t leaf = 0; leaf < 3; leaf++) assert_int_equal(meta->row_groups[1].chunks[leaf].codec, LAM_SNAPPY);
  lam_file_close(file);
  lam_snapshot_release(&snapshot);
  options.change.compression = "nonsense";
  FAILS(lam_compact_directory(t.directory, &options, NULL, &error), LAM_INVALID, "nonsense");
  end(&t);
}

static void test_only_some_partitions(void **state) {
  (void)state;
  struct table t;
  struct lam_compact_result r;
  struct lam_compact_options options = LAM_COMPACT_OPTIONS_INIT;
  static const char *const partitions[] = {"p=2"};
  options.change.partitions = partitions;
  options.change.partition_count = 1;
  begin(&t);
  for (int i = 0; i < 6; i++) {
    char key[32];
    snprintf(key, sizeof key, "p=%d/f%d.parquet", i % 3 + 1, i);
    put_rows(t.data, key, i, 1);
  }
  OK(lam_compact_directory(t.directory, &options, &r, &error));
  assert_int_equal(r.files_compacted, 2);
  assert_int_equal(r.partitions_scanned, 1);
  want_reader_rows(&t, "p=1:0,3,;p=2:1,4,;p=3:2,5,;");
  assert_true(there(t.data, "p=1/f0.parquet"));
  assert_false(there(t.data, "p=2/f1.parquet"));
  end(&t);
}

static void test_cancelled(void **state) {
  (void)state;
  struct table t;
  begin(&t);
  put_rows(t.data, "a.parquet", 1, 2);
  put_rows(t.data, "b.parquet", 3, 2);
  lam_context_cancel(context);
  FAILS(lam_compact_directory(t.directory, NULL, NULL, &error), LAM_CANCELLED, "");
  lam_context_reset(context);
  want_reader_rows(&t, ":1,2,3,4,;");
  assert_true(there(t.data, "a.parquet"));
  end(&t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      OPS_TEST(test_counts),
      OPS_TEST(test_copied_row_groups),
      OPS_TEST(test_order_of_names),
      OPS_TEST(test_long_name),
      OPS_TEST(test_metadata),
      OPS_TEST(test_schemas_that_do_not_merge),
      cmocka_unit_test_setup_teardown(test_sorting_spills, open_little, close_context),
      OPS_TEST(test_recoded),
      OPS_TEST(test_only_some_partitions),
      OPS_TEST(test_cancelled),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
