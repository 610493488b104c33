/* Repartitioning between stores: derived columns, what is counted, dry runs, what is refused. More is in
 * test_repartition.py, where others read the result. */
#include "ops_support.h"

#include "fault_store.h"
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

/* Only some partitions of a table are written anew: by the columns that it has, and no others. */
static void test_in_place_within(void **state) {
  (void)state;
  struct place p;
  begin(&p);
  p.options.change.partitions = (const char *const[]){"part=a"};
  p.options.change.partition_count = 1;
  p.options.change.verify_full = true;
  p.options.rows_per_file = 2;
  p.options.by = "id";
  FAILS(lam_repartition_directory(p.of[0], p.of[0], &p.options, NULL, &error), LAM_INVALID, "by the same columns");
  p.options.by = "part";
  p.options.set = "fresh = id + 1";
  FAILS(lam_repartition_directory(p.of[0], p.of[0], &p.options, NULL, &error), LAM_INVALID, "lack the new column");
  p.options.set = "part = CASE WHEN id = 3 THEN 'b' WHEN id = 4 THEN 'c' ELSE part END";
  OK(lam_repartition_directory(p.of[0], p.of[0], &p.options, &p.result, &error));
  assert_int_equal(p.result.rows_read, 4);
  assert_int_equal(p.result.files_read, 1);
  assert_int_equal(p.result.files_removed, 1);
  assert_int_equal(p.result.partitions_before, 1);
  assert_int_equal(p.result.partitions_after, 3);
  want_rows(p.data[0], p.meta[0], "part=a:1,2,;part=b:5,6,3,;part=c:4,;"); /* the path's column stays in the path */
  end(&p);
}

/* Another writer commits meanwhile: what is replaced, or appended to, is looked at anew. */
struct writer {
  struct lam_store *data;
  const char *key;
};
static void write_file(void *user, const char *what) {
  struct writer *writer = user;
  (void)what;
  put_rows(writer->data, "tmp-x", 9, 1);
  OK(lam_store_make_directories(writer->data, "part=c", &error));
  OK(writer->data->ops->replace(writer->data, "tmp-x", writer->data, writer->key, &error));
}
static void test_retries(void **state) {
  (void)state;
  static const struct {
    const char *key;
    bool replace, no_wait;
    const char *expected;
  } cases[] = {
      {"part=c/x.parquet", false, false, "part=a:1+,2+,3+,4+,;part=b:5+,6+,;part=c:9+,;"},
      {"part=c/x.parquet", false, true, "part=a:1,2,3,4,;part=b:5,6,;part=c:9,;"},
      {"part=b/f1.parquet", false, false, "part=a:1+,2+,3+,4+,;part=b:9+,;"}, /* changed */
      {"part=c/x.parquet", true, false, "part=a:7+,;"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    uint64_t begun_anew = 0;
    bool fired = true;
    for (uint64_t at = 1; fired; at++) {
      struct place p;
      struct fault *fault;
      struct lam_store *data, *meta;
      struct lam_error why = LAM_ERROR_INIT;
      begin(&p);
      struct writer writer = {p.data[0], cases[i].key};
      fault_create(&fault);
      fault_wrap(fault, p.data[0], &data);
      fault_wrap(fault, p.meta[0], &meta);
      struct lam_directory *target = open_stores(data, meta), *source = cases[i].replace ? p.of[1] : target;
      p.options.by = "part";
      p.options.replace = cases[i].replace;
      p.options.change.no_wait = cases[i].no_wait;
      if (cases[i].replace) put_rows(p.data[1], "part=a/g.parquet", 7, 1);
      fault_arm(fault, &(struct fault_plan){.at = at, .action = FAULT_CALL, .call = write_file, .user = &writer});
      enum lam_status status = lam_repartition_directory(source, target, &p.options, &p.result, &why);
      fired = fault_fired(fault);
      if (p.result.retries) {
        begun_anew++;
        assert_int_equal(p.result.retries, 1);
        want_rows(p.data[0], p.meta[0], cases[i].expected);
        want_ok(status, &why);
      } else if (status != LAM_OK) {
        assert_int_equal(status, LAM_CONFLICT);
        assert_true(cases[i].no_wait);
        begun_anew++;
        want_rows(p.data[0], p.meta[0], cases[i].expected);
      }
      lam_directory_close(target);
      lam_store_close(data);
      lam_store_close(meta);
      fault_free(fault);
      end(&p);
    }
    assert_true(begun_anew > 0);
  }
}

/* Rows that are added to a table which is partitioned anew meanwhile would lie in directories of their own kind. */
static void repartition_target(void *user, const char *what) {
  struct lam_directory *directory = user;
  struct lam_repartition_options options = LAM_REPARTITION_OPTIONS_INIT;
  (void)what;
  options.by = "id";
  options.change.no_wait = true;
  lam_repartition_directory(directory, directory, &options, NULL, NULL); /* not while the lock is held */
}
static void test_append_to_another_layout(void **state) {
  (void)state;
  bool fired = true;
  uint64_t refused = 0;
  for (uint64_t at = 1; fired; at++) {
    struct place p;
    struct fault *fault;
    struct lam_store *data, *meta;
    struct lam_error why = LAM_ERROR_INIT;
    begin(&p);
    put_rows(p.data[1], "part=a/g.parquet", 7, 1);
    fault_create(&fault);
    fault_wrap(fault, p.data[1], &data);
    fault_wrap(fault, p.meta[1], &meta);
    struct lam_directory *target = open_stores(data, meta);
    p.options.by = "part";
    p.options.append = true;
    fault_arm(fault, &(struct fault_plan){.at = at, .action = FAULT_CALL, .call = repartition_target, .user = p.of[1]});
    enum lam_status status = lam_repartition_directory(p.of[0], target, &p.options, &p.result, &why);
    fired = fault_fired(fault);
    if (status != LAM_OK) { /* the new attempt says what is wrong */
      refused++;
      assert_int_equal(status, LAM_INVALID);
      assert_non_null(strstr(why.message, "is partitioned by id"));
      want_rows(p.data[1], p.meta[1], "id=7:7+,;");
    }
    lam_directory_close(target);
    lam_store_close(data);
    lam_store_close(meta);
    fault_free(fault);
    end(&p);
  }
  assert_true(refused > 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {OPS_TEST(test_derived),          OPS_TEST(test_dry_run),
                                     OPS_TEST(test_targets),          OPS_TEST(test_delete_source),
                                     OPS_TEST(test_in_place_refused), OPS_TEST(test_in_place_within),
                                     OPS_TEST(test_retries),          OPS_TEST(test_append_to_another_layout)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
