/* Deletes on stores in memory: which rows go, what is copied, what is counted. */
#include "change_support.h"

static void test_counts(void **state) {
  (void)state;
  struct world w;
  begin_world_in_memory(&w);
  put_groups(w.data, "p=1/a.parquet", 1, 12, 4);
  put_groups(w.data, "p=1/b.parquet", 13, 4, 2);
  put_rows(w.data, "p=2/a.parquet", 21, 3);
  put_file(w.data, "p=2/notes.txt", "notes");
  struct lam_edit_result dry = delete_rows(&w, "id in (6, 7) or id between 13 and 16", true);
  want_world(&w, "p=1:1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,;p=2:21,22,23,;");
  struct lam_edit_result r = delete_rows(&w, "id in (6, 7) or id between 13 and 16", false);
  want_same_counts(&dry, &r);
  WANT(dry, sequence, 0);
  WANT(r, sequence, 1);
  want_world(&w, "p=1:1,2,3,4,5,8,9,10,11,12,;p=2:21,22,23,;");
  want_groups(&w, "p=1", "4,2,4,");
  WANT(r, rows_matched, 6);
  WANT(r, rows_deleted, 6);
  WANT(r, rows_unchanged, 13);
  WANT(r, files_scanned, 3);
  WANT(r, files_read, 1);
  WANT(r, files_rewritten, 1);
  WANT(r, files_removed, 1);
  WANT(r, files_added, 0);
  WANT(r, row_groups_copied, 2);
  WANT(r, row_groups_encoded, 1);
  WANT(r, partitions_scanned, 2);
  WANT(r, partitions_affected, 1);
  assert_true(r.bytes_read > 0 && r.bytes_written > 0);
  assert_true(there(w.data, "p=2/notes.txt"));
  end_world_in_memory(&w);
}

/* Where nothing matches nothing is committed. */
static void test_nothing(void **state) {
  (void)state;
  struct world w;
  begin_world_in_memory(&w);
  put_rows(w.data, "a.parquet", 1, 3);
  struct lam_edit_result r = delete_rows(&w, "id > 3 or text = 'x'", false);
  WANT(r, rows_matched, 0);
  WANT(r, sequence, 0);
  WANT(r, rows_unchanged, 3);
  assert_true(there(w.data, "a.parquet"));
  end_world_in_memory(&w);
}

/* The schema survives in one file without rows. */
static void test_all(void **state) {
  (void)state;
  struct world w;
  begin_world_in_memory(&w);
  put_groups(w.data, "p=1/a.parquet", 1, 4, 2);
  put_rows(w.data, "p=2/a.parquet", 11, 2);
  struct lam_edit_result dry = delete_rows(&w, "true", true), r = delete_rows(&w, "true", false);
  want_same_counts(&dry, &r);
  want_world(&w, "");
  WANT(r, rows_deleted, 6);
  WANT(r, files_removed, 1);
  WANT(r, files_rewritten, 1);
  struct lam_table *table;
  OK(lam_table_open_directory(w.directory, NULL, &table, &error));
  assert_int_equal(lam_table_files(table), 1);
  assert_int_equal(table->data_columns, 3);
  lam_table_close(table);
  r = delete_rows(&w, "id = 1", false);
  WANT(r, rows_deleted, 0);
  end_world_in_memory(&w);
}

/* Lesson 2: text is NULL for multiples of 5. */
static void test_null_is_not_true(void **state) {
  (void)state;
  struct world w;
  begin_world_in_memory(&w);
  put_rows(w.data, "a.parquet", 1, 10);
  struct lam_edit_result r = delete_rows(&w, "text <> 'r3'", false);
  want_world(&w, ":3,5,10,;");
  WANT(r, rows_deleted, 7);
  end_world_in_memory(&w);
}

static void test_refused(void **state) {
  (void)state;
  struct world w;
  struct lam_delete_options options = LAM_DELETE_OPTIONS_INIT;
  struct lam_error error = LAM_ERROR_INIT;
  begin_world_in_memory(&w);
  put_rows(w.data, "p=1/a.parquet", 1, 3);
  assert_int_equal(lam_delete_directory(w.directory, &options, NULL, &error), LAM_INVALID);
  options.where = "idd = 1";
  assert_int_equal(lam_delete_directory(w.directory, &options, NULL, &error), LAM_NOT_FOUND);
  options.where = "id = 1";
  options.change.partitions = (const char *const[]){"p=9"};
  options.change.partition_count = 1;
  assert_int_equal(lam_delete_directory(w.directory, &options, NULL, &error), LAM_NOT_FOUND);
  options.change.partition_count = 0;
  options.change.compression = "lzw";
  assert_int_equal(lam_delete_directory(w.directory, &options, NULL, &error), LAM_INVALID);
  options.change.compression = NULL;
  put_file(w.data, "_delta_log/0.json", "{}");
  options.change.dry_run = true;
  assert_int_equal(lam_delete_directory(w.directory, &options, NULL, &error), LAM_UNSUPPORTED);
  want_rows(w.data, w.meta, "p=1:1,2,3,;");
  end_world_in_memory(&w);
}

/* Random deletes of random files, against the ids themselves. */
static void test_random(void **state) {
  (void)state;
  uint64_t seed = seed_of_test();
  for (int round = 0; round < 40; round++) {
    struct world w;
    bool gone[400] = {false};
    char where[256], expected[4096];
    int64_t rows = 0, files = 1 + (int64_t)(next_random(&seed) % 3);
    begin_world_in_memory(&w);
    int64_t firsts[4];
    for (int64_t f = 0; f < files; f++) {
      char key[32];
      int64_t count = 1 + (int64_t)(next_random(&seed) % 100);
      snprintf(key, sizeof key, "p=%d/a.parquet", (int)f);
      put_groups(w.data, key, firsts[f] = rows, count, 1 + (int64_t)(next_random(&seed) % 40));
      rows += count;
    }
    firsts[files] = rows;
    for (int step = 0; step < 3; step++) {
      int64_t modulus = 1 + (int64_t)(next_random(&seed) % 7), low = (int64_t)(next_random(&seed) % (uint64_t)rows),
              high = low + (int64_t)(next_random(&seed) % 60);
      uint64_t deleted = 0;
      snprintf(where, sizeof where, "id %% %d = 0 and id between %d and %d", (int)modulus, (int)low, (int)high);
      for (int64_t id = low; id <= high && id < rows; id++)
        if (id % modulus == 0 && !gone[id]) gone[id] = true, deleted++;
      struct lam_edit_result dry = delete_rows(&w, where, true), r = delete_rows(&w, where, false);
      want_same_counts(&dry, &r);
      WANT(r, rows_deleted, deleted);
      size_t at = 0;
      *expected = 0;
      for (int64_t f = 0; f < files; f++) {
        size_t begin = at, head;
        at += (size_t)snprintf(expected + at, sizeof expected - at, "p=%d:", (int)f);
        head = at;
        for (int64_t id = firsts[f]; id < firsts[f + 1]; id++)
          if (!gone[id]) at += (size_t)snprintf(expected + at, sizeof expected - at, "%d,", (int)id);
        if (at == head)
          at = begin;
        else
          at += (size_t)snprintf(expected + at, sizeof expected - at, ";");
        expected[at] = 0;
      }
      want_world(&w, expected);
    }
    end_world_in_memory(&w);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      OPS_TEST(test_counts),           OPS_TEST(test_nothing), OPS_TEST(test_all),
      OPS_TEST(test_null_is_not_true), OPS_TEST(test_refused), OPS_TEST(test_random),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
