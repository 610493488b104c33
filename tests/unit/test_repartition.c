/* Repartitioning between stores: derived columns, what is counted, dry runs, what is refused. More is in
 * test_repartition.py, where others read the result. */
#include "ops_support.h"

#include "ops/repartition.h"

struct place {
  struct lam_store *data[2], *meta[2];
  struct lam_directory *of[2]; /* the source, the target */
  struct lam_repartition_options options;
  struct lam_repartition_result result;
};
static void begin(struct place *p) {
  *p = (struct place){.options = LAM_REPARTITION_OPTIONS_INIT, .result = LAM_REPARTITION_RESULT_INIT};
  for (int i = 0; i < 2; i++) {
    OK(lam_store_memory(context, &p->data[i], &error));
    OK(lam_store_memory_beside(p->data[i], &p->meta[i], &error));
    p->of[i] = open_stores(p->data[i], p->meta[i]);
  }
  put_rows(p->data[0], "part=a/f1.parquet", 1, 4);
  put_rows(p->data[0], "part=b/f1.parquet", 5, 2);
}
static void end(struct place *p) {
  for (int i = 0; i < 2; i++) {
    lam_directory_close(p->of[i]);
    lam_store_close(p->data[i]);
    lam_store_close(p->meta[i]);
  }
}
static enum lam_status run(struct place *p, const char *by, struct lam_error *error) {
  p->options.by = by;
  return lam_repartition_directory(p->of[0], p->of[1], &p->options, &p->result, error);
}
static void want_target(struct place *p, const char *expected) {
  want_rows(p->data[1], p->meta[1], expected);
}

static void test_derived(void **state) {
  (void)state;
  struct place p;
  begin(&p);
  p.options.change.verify_full = true;
  OK(run(&p, "odd=id % 2, part", &error));
  want_target(&p, "odd=0/part=a:2+,4+,;odd=0/part=b:6+,;odd=1/part=a:1+,3+,;odd=1/part=b:5+,;");
  assert_int_equal(p.result.rows_read, 6);
  assert_int_equal(p.result.rows_written, 6);
  assert_int_equal(p.result.files_read, 2);
  assert_int_equal(p.result.files_written, 4);
  assert_int_equal(p.result.files_removed, 0);
  assert_int_equal(p.result.partitions_before, 2);
  assert_int_equal(p.result.partitions_after, 4);
  assert_int_equal(p.result.sequence, 1);
  end(&p);
}

static void test_dry_run(void **state) {
  (void)state;
  struct place p;
  struct lam_repartition_result dry;
  begin(&p);
  p.options.where = "id <> 3";
  p.options.change.dry_run = true;
  OK(run(&p, "bucket(2, id)", &error));
  dry = p.result;
  want_target(&p, "");
  p.options.change.dry_run = false;
  OK(run(&p, "bucket(2, id)", &error));
  dry.sequence = p.result.sequence;
  assert_memory_equal(&dry, &p.result, sizeof dry);
  assert_int_equal(dry.rows_written, 5);
  end(&p);
}

/* Once without rows, then what is refused of a target with files, and what is not. */
static void test_targets(void **state) {
  (void)state;
  struct place p;
  begin(&p);
  p.options.where = "id > 100";
  FAILS(run(&p, "part", &error), LAM_INVALID, "no row of trades is left");
  want_target(&p, "");
  p.options.where = "id < 3";
  OK(run(&p, "part", &error));
  FAILS(run(&p, "part", &error), LAM_EXISTS, "already");
  p.options.append = true;
  FAILS(run(&p, "id", &error), LAM_INVALID, "partitioned by part");
  OK(run(&p, "part", &error));
  want_target(&p, "part=a:1+,2+,1+,2+,;");
  p.options.append = false;
  p.options.replace = true;
  OK(run(&p, "", &error));
  want_target(&p, ":1+,2+,;");
  assert_int_equal(p.result.files_removed, 2);
  end(&p);
}

static void test_delete_source(void **state) {
  (void)state;
  struct place p;
  begin(&p);
  p.options.delete_source = true;
  p.options.where = "id > 1";
  FAILS(run(&p, "part", &error), LAM_INVALID, "would be lost");
  p.options.where = NULL;
  OK(run(&p, "part", &error));
  want_target(&p, "part=a:1+,2+,3+,4+,;part=b:5+,6+,;");
  want_rows(p.data[0], p.meta[0], "");
  assert_int_equal(p.result.files_removed, 2);
  end(&p);
}

static void test_in_place_refused(void **state) {
  (void)state;
  struct place p;
  begin(&p);
  p.options.by = "part";
  p.options.where = "id > 1";
  FAILS(lam_repartition_directory(p.of[0], p.of[0], &p.options, NULL, &error), LAM_INVALID, "source and the target");
  p.options.where = NULL;
  p.options.append = true;
  FAILS(lam_repartition_directory(p.of[0], p.of[0], &p.options, NULL, &error), LAM_INVALID, "source and the target");
  p.options.append = false;
  OK(lam_repartition_directory(p.of[0], p.of[0], &p.options, &p.result, &error));
  want_rows(p.data[0], p.meta[0], "part=a:1+,2+,3+,4+,;part=b:5+,6+,;");
  assert_int_equal(p.result.files_removed, 2);
  end(&p);
}

int main(void) {
  const struct CMUnitTest tests[] = {OPS_TEST(test_derived), OPS_TEST(test_dry_run), OPS_TEST(test_targets),
                                     OPS_TEST(test_delete_source), OPS_TEST(test_in_place_refused)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
