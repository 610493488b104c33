/* Estimates against what the operation does: where the sample is all of the rows, both say the same. */
#include "ops_support.h"

#include "lamella/change.h"

struct place {
  char *path, table[600];
  struct lam_store *store;
};
static void begin(struct place *p) {
  p->path = new_temporary();
  snprintf(p->table, sizeof p->table, "%s/t", p->path);
  OK(lam_store_local(context, p->path, &p->store, &error));
  for (int i = 0; i < 6; i++) {
    char key[64];
    snprintf(key, sizeof key, "t/p=%d/f%d.parquet", i / 3, i);
    put_rows(p->store, key, 1 + 8 * i, 8);
  }
}
static void end(struct place *p) {
  lam_store_close(p->store);
  remove_temporary(context, p->path);
}

static void test_repartition(void **state) {
  (void)state;
  static const struct {
    const char *by, *set, *where;
    int64_t rows_per_file;
    uint64_t partitions, files, rows;
  } cases[] = {
      {"", NULL, NULL, 0, 1, 1, 48},
      {"", NULL, NULL, 10, 1, 5, 48},
      {"value", NULL, "id <= 10", 0, 10, 10, 10},
      {"p", NULL, "id > 24", 0, 1, 1, 24},
      {"k", "k = id % 3", NULL, 0, 3, 3, 48},
      {"bucket(4, id)", NULL, NULL, 0, 4, 4, 48},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct place p;
    char target[700];
    struct lam_repartition_options options = LAM_REPARTITION_OPTIONS_INIT;
    struct lam_repartition_result result = LAM_REPARTITION_RESULT_INIT;
    struct lam_estimate_result estimate = LAM_ESTIMATE_RESULT_INIT;
    begin(&p);
    options.by = cases[i].by;
    options.set = cases[i].set;
    options.where = cases[i].where;
    options.rows_per_file = cases[i].rows_per_file;
    OK(lam_estimate_repartition(context, p.table, &options, &estimate, &error));
    assert_int_equal(estimate.partitions_before, 2);
    assert_int_equal(estimate.files_before, 6);
    assert_int_equal(estimate.partitions, cases[i].partitions);
    assert_int_equal(estimate.files, cases[i].files);
    assert_int_equal(estimate.rows, cases[i].rows);
    assert_true(estimate.bytes_error == 0);
    snprintf(target, sizeof target, "%s/new", p.path);
    OK(lam_repartition(context, p.table, target, &options, &result, &error));
    assert_int_equal(result.partitions_after, estimate.partitions);
    assert_int_equal(result.files_written, estimate.files);
    assert_int_equal(result.rows_written, estimate.rows);
    assert_int_equal(result.bytes_written, estimate.bytes);
    end(&p);
  }
}

static void test_refusals(void **state) {
  (void)state;
  static const struct {
    const char *by, *set, *where;
    enum lam_status expected;
    const char *message;
  } cases[] = {
      {"none", NULL, NULL, LAM_NOT_FOUND, "none"},
      {"id,", NULL, NULL, LAM_INVALID, ""},
      {"id", "id = none", NULL, LAM_NOT_FOUND, "none"},
      {"id", NULL, "id = ", LAM_INVALID, ""},
  };
  struct place p;
  begin(&p);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct lam_repartition_options options = LAM_REPARTITION_OPTIONS_INIT;
    struct lam_estimate_result estimate = LAM_ESTIMATE_RESULT_INIT;
    options.by = cases[i].by;
    options.set = cases[i].set;
    options.where = cases[i].where;
    FAILS(lam_estimate_repartition(context, p.table, &options, &estimate, &error), cases[i].expected, cases[i].message);
  }
  end(&p);
}

struct seen {
  char text[200];
  int stop_after;
};
static bool see_partition(void *user, const struct lam_estimate_partition *partition) {
  struct seen *seen = user;
  size_t size = strlen(seen->text);
  snprintf(seen->text + size, sizeof seen->text - size, "%s:%llu>%llu;", partition->directory,
           (unsigned long long)partition->files, (unsigned long long)partition->files_after);
  return --seen->stop_after != 0;
}
static void test_compact(void **state) {
  (void)state;
  struct place p;
  struct lam_compact_options options = LAM_COMPACT_OPTIONS_INIT;
  struct lam_compact_result result = {.struct_size = sizeof result};
  struct lam_estimate_result estimate = LAM_ESTIMATE_RESULT_INIT;
  struct seen all = {.stop_after = -1}, first = {.stop_after = 1};
  begin(&p);
  put_rows(p.store, "t/p=0/g.parquet", 100, 8);
  OK(lam_estimate_compact(context, p.table, &options, see_partition, &all, &estimate, &error));
  assert_string_equal(all.text, "p=0:4>1;p=1:3>1;"); /* those that lose most files first */
  assert_int_equal(estimate.files_before, 7);
  assert_int_equal(estimate.files_compacted, 7);
  assert_int_equal(estimate.files_written, 2);
  assert_int_equal(estimate.files, 2);
  assert_int_equal(estimate.rows, 56);
  OK(lam_estimate_compact(context, p.table, &options, see_partition, &first, NULL, &error));
  assert_string_equal(first.text, "p=0:4>1;");
  OK(lam_compact(context, p.table, &options, &result, &error));
  assert_int_equal(result.files_compacted, estimate.files_compacted);
  assert_int_equal(result.files_after, estimate.files);
  estimate = (struct lam_estimate_result)LAM_ESTIMATE_RESULT_INIT;
  OK(lam_estimate_compact(context, p.table, &options, NULL, NULL, &estimate, &error));
  assert_int_equal(estimate.files_compacted, 0);
  assert_int_equal(estimate.files, 2);
  end(&p);
}

int main(void) {
  const struct CMUnitTest tests[] = {OPS_TEST(test_repartition), OPS_TEST(test_refusals), OPS_TEST(test_compact)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
