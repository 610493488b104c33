/* What new files keep: key-value metadata, codecs, sorting; and the names that keep their place. */
#include "ops_support.h"

#include "base/uuid.h"
#include "ops/keep.h"

#define UUID "01234567-89ab-7def-8123-456789abcdef"

static struct lam_file *file_with(struct lam_store *store, const char *key, const struct lam_write_key_value *pairs,
                                  int32_t count, bool sorted) {
  static const int64_t ids[] = {1, 2, 3};
  static const struct lam_sort_key by[] = {{"id", false, false}, {"value", true, true}};
  struct lam_write_options options = LAM_WRITE_OPTIONS_INIT;
  struct ArrowSchema schema;
  struct ArrowArray batch;
  struct lam_file *file;
  options.key_values = pairs;
  options.key_value_count = count;
  options.sorting = sorted ? by : NULL;
  options.sorting_count = sorted ? 2 : 0;
  rows_schema(&schema);
  rows_batch(&schema, ids, 3, &batch);
  put_batch(store, key, &schema, &batch, &options);
  lam_array_release(&batch);
  lam_schema_release(&schema);
  OK(lam_file_open_in(store, key, NULL, mem, &file, &error));
  return file;
}

/* "key=value;" of those that are kept and not the writer's own. */
static void want_pairs(const struct lam_keep *keep, const char *expected) {
  char text[200] = "";
  for (int32_t i = 0; i < keep->key_value_count; i++)
    if (strcmp(keep->key_values[i].key, "ARROW:schema") != 0)
      strcat(strcat(strcat(strcat(text, keep->key_values[i].key), "="), keep->key_values[i].value), ";");
  assert_string_equal(text, expected);
}

static void test_key_values(void **state) {
  (void)state;
  static const struct lam_write_key_value one[] = {{"a", "1"}, {"b", ""}, {"c", "3"}}, two[] = {{"c", "4"}, {"a", "1"}};
  struct lam_store *store;
  struct lam_arena arena;
  OK(lam_store_memory(context, &store, &error));
  struct lam_file *first = file_with(store, "a.parquet", one, 3, false);
  struct lam_file *second = file_with(store, "b.parquet", two, 2, false);
  lam_arena_init(&arena, mem);
  struct lam_keep keep = {.arena = &arena};
  OK(lam_keep_file(&keep, first, &error));
  want_pairs(&keep, "a=1;b=;c=3;");
  lam_keep_drop(&keep, "b");
  lam_keep_drop(&keep, "nothing");
  want_pairs(&keep, "a=1;c=3;");
  lam_keep_common(&keep, lam_file_meta(second)); /* the same key with the same value */
  want_pairs(&keep, "a=1;");
  lam_arena_release(&arena);
  lam_file_close(first);
  lam_file_close(second);
  lam_store_close(store);
}

static void test_change(void **state) {
  (void)state;
  struct lam_store *store;
  struct lam_arena arena;
  struct ArrowSchema schema;
  struct lam_change_options change = LAM_CHANGE_OPTIONS_INIT;
  struct lam_write_options out = LAM_WRITE_OPTIONS_INIT;
  OK(lam_store_memory(context, &store, &error));
  struct lam_file *file = file_with(store, "a.parquet", NULL, 0, false);
  lam_arena_init(&arena, mem);
  rows_schema(&schema);
  struct lam_keep keep = {.arena = &arena};
  OK(lam_keep_file(&keep, file, &error));
  assert_int_equal(keep.column_count, 3);
  change.compression = "zstd:7";
  change.no_page_index = true;
  OK(lam_keep_change(&keep, &change, &schema, &error));
  lam_keep_write(&keep, &out);
  assert_int_equal(out.column_count, 3);
  assert_true(out.no_page_index);
  for (int c = 0; c < 3; c++) {
    assert_int_equal(out.columns[c].codec, LAM_WRITE_ZSTD);
    assert_int_equal(out.columns[c].level, 7);
  }
  change.compression = "zip";
  FAILS(lam_keep_change(&keep, &change, &schema, &error), LAM_INVALID, "zip");
  change.compression = NULL;
  change.bloom = "nothing";
  FAILS(lam_keep_change(&keep, &change, &schema, &error), LAM_NOT_FOUND, "nothing");
  lam_schema_release(&schema);
  lam_arena_release(&arena);
  lam_file_close(file);
  lam_store_close(store);
}

static void test_sorting(void **state) {
  (void)state;
  struct lam_store *store;
  struct lam_arena arena;
  struct lam_sort_key *keys;
  int32_t count;
  OK(lam_store_memory(context, &store, &error));
  struct lam_file *sorted = file_with(store, "a.parquet", NULL, 0, true);
  struct lam_file *not_sorted = file_with(store, "b.parquet", NULL, 0, false);
  lam_arena_init(&arena, mem);
  OK(lam_keep_sorting(sorted, &arena, &keys, &count, &error));
  assert_int_equal(count, 2);
  assert_string_equal(keys[0].column, "id");
  assert_string_equal(keys[1].column, "value");
  assert_true(!keys[0].descending && keys[1].descending && keys[1].nulls_first);
  OK(lam_keep_sorting(not_sorted, &arena, &keys, &count, &error));
  assert_int_equal(count, 0);
  assert_true(lam_same_layout(lam_file_meta(sorted), lam_file_meta(not_sorted)));
  assert_true(lam_same_column(lam_file_meta(sorted), 2, lam_file_meta(not_sorted), 2));
  assert_false(lam_same_column(lam_file_meta(sorted), 0, lam_file_meta(not_sorted), 2));
  lam_arena_release(&arena);
  lam_file_close(sorted);
  lam_file_close(not_sorted);
  lam_store_close(store);
}

/* Names between those of the neighbours that stay. */
static void test_stems(void **state) {
  (void)state;
  static const struct {
    const char *names[3];
    size_t first, count;
    const char *stem;
  } cases[] = {
      {{"a.parquet", "b.parquet", "c.parquet"}, 1, 1, "b"},
      {{"a.parquet", "b.parquet", "c.parquet"}, 0, 2, "a"},
      {{"a-" UUID ".parquet", "b.parquet", "c.parquet"}, 0, 1, "a-" UUID},          /* that of an import stays, */
      {{"a-" UUID "-" UUID ".parquet", "b.parquet", "c.parquet"}, 0, 1, "a-" UUID}, /* that of a change goes, */
      /* but where its neighbour, another output of that change, would come first */
      {{"a-" UUID "-" UUID ".parquet", "a-" UUID "-0124.parquet", "c.parquet"}, 0, 1, "a-" UUID "-" UUID},
      {{"a-1.parquet", "a.parquet", "b.parquet"}, 1, 1, "a.parquet"}, /* '-' comes before '.' */
      {{"a-" UUID "-" UUID ".parquet", "a-" UUID "-01.parquet", "c.parquet"}, 0, 1, "a-" UUID "-" UUID ".parquet"},
      {{"a.b.parquet", "b.parquet", "c.parquet"}, 0, 1, "a.b"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct lam_data_file files[3] = {{.partition = 0}};
    struct lam_directory_partition partition = {.directory = "p=1", .first_file = 0, .file_count = 3};
    struct lam_snapshot snapshot = {.files = files, .file_count = 3, .partitions = &partition, .partition_count = 1};
    struct lam_arena arena;
    char keys[3][120], *stem;
    for (int f = 0; f < 3; f++) {
      snprintf(keys[f], sizeof keys[f], "p=1/%s", cases[i].names[f]);
      files[f].key = keys[f];
    }
    lam_arena_init(&arena, mem);
    OK(lam_keep_stem(&snapshot, cases[i].first, cases[i].count, &arena, &stem, &error));
    if (strcmp(stem, cases[i].stem) != 0) fail_msg("case %zu: %s", i, stem);
    lam_arena_release(&arena);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {OPS_TEST(test_key_values), OPS_TEST(test_change), OPS_TEST(test_sorting),
                                     OPS_TEST(test_stems)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
