/* Upserts through the interface in C: what is refused, counts of a dry run and the run, rows that move, a source read
 * again after another writer. The command is tested with more kinds of values (tests/integration/test_upsert.py). */
#include "ops_support.h"

#include "fault_store.h"
#include "ops/upsert.h"

struct place {
  char *path; /* of the sources */
  struct lam_store *data, *meta;
  struct lam_directory *directory;
};
static void begin(struct place *p) {
  p->path = new_temporary();
  OK(lam_store_memory(context, &p->data, &error));
  OK(lam_store_memory_beside(p->data, &p->meta, &error));
  /* Three partitions, by a column of the path only. */
  put_rows(p->data, "p=1/a.parquet", 1, 3);
  put_rows(p->data, "p=1/b.parquet", 4, 1);
  put_rows(p->data, "p=2/a.parquet", 6, 2);
  put_rows(p->data, "p=3/a.parquet", 8, 1);
  p->directory = open_stores(p->data, p->meta);
}
#define BEFORE "p=1:1,2,3,4,;p=2:6,7,;p=3:8,;"
static void end(struct place *p) {
  lam_directory_close(p->directory);
  lam_store_close(p->data);
  lam_store_close(p->meta);
  remove_temporary(context, p->path);
}

static enum lam_status upsert(struct place *p, const char *text, const char *keys, struct lam_upsert_options *options,
                              struct lam_edit_result *result, struct lam_error *error) {
  char path[600], copy[100];
  const char *names[8];
  const char *const sources[] = {path};
  int32_t count = 0;
  snprintf(path, sizeof path, "%s/s.csv", p->path);
  FILE *file = fopen(path, "w");
  fputs(text, file);
  fclose(file);
  snprintf(copy, sizeof copy, "%s", keys);
  for (char *name = strtok(copy, ","); name; name = strtok(NULL, ",")) names[count++] = name;
  options->sources = sources;
  options->source_count = 1;
  options->keys = names;
  options->key_count = count;
  *result = (struct lam_edit_result)LAM_EDIT_RESULT_INIT;
  return lam_upsert_directory(p->directory, options, result, error);
}

static void refused(struct place *p, const char *text, const char *keys, struct lam_upsert_options options,
                    enum lam_status expected, const char *word) {
  struct lam_edit_result result;
  struct lam_error error = LAM_ERROR_INIT;
  enum lam_status status = upsert(p, text, keys, &options, &result, &error);
  if (!strstr(error.message, word)) print_error("%s\n", error.message);
  assert_int_equal(status, expected);
  assert_non_null(strstr(error.message, word));
  want_rows(p->data, p->meta, BEFORE);
}

static void test_refusals(void **state) {
  struct place p;
  struct lam_upsert_options options = LAM_UPSERT_OPTIONS_INIT, wrong = options, columns = options;
  struct lam_edit_result result = LAM_EDIT_RESULT_INIT;
  static const char *const minus[] = {"-", "-"}, *const id[] = {"id"}, *const other[] = {"other"};
  (void)state;
  begin(&p);
  columns.columns = other;
  columns.column_count = 1;
  refused(&p, "id\n1\n", "", options, LAM_INVALID, "key");
  refused(&p, "id\n1\n", "id,id", options, LAM_INVALID, "twice");
  refused(&p, "id\n1\n", "x", options, LAM_NOT_FOUND, "\"x\"");
  refused(&p, "text\na\n", "id", options, LAM_NOT_FOUND, "\"id\"");
  refused(&p, "id,x\n1,2\n", "id", options, LAM_NOT_FOUND, "\"x\"");
  refused(&p, "id,text\n1,a\n", "id", columns, LAM_NOT_FOUND, "\"other\"");
  refused(&p, "id\n1\n2\n1\n", "id", options, LAM_INVALID, "row 1, and ");
  refused(&p, "text,id\na,1\nb,\n", "text", options, LAM_INVALID, "row 2: NULL");
  refused(&p, "value\n99\n", "value", options, LAM_INVALID, "\"id\"");
  refused(&p, "id\n1.5\n", "id", options, LAM_INVALID, "1.5");
  wrong.change.backup_dir = "/nowhere/to/be/found";
  wrong.change.mode = 7;
  refused(&p, "id\n1\n", "id", wrong, LAM_INVALID, "mode");
  options.sources = minus;
  options.source_count = 2;
  options.keys = id;
  options.key_count = 1;
  assert_int_equal(lam_upsert_directory(p.directory, &options, &result, NULL), LAM_INVALID);
  options.source_count = 0;
  assert_int_equal(lam_upsert_directory(p.directory, &options, &result, NULL), LAM_INVALID);
  end(&p);
}

/* A dry run, then the run: the same counts. Rows are found by a column of the path, or by one of the data. */
static void upsert_twice(struct place *p, const char *text, const char *keys, const struct lam_edit_result *expected,
                         const char *after) {
  struct lam_upsert_options options = LAM_UPSERT_OPTIONS_INIT;
  struct lam_edit_result result;
  for (int dry = 1; dry >= 0; dry--) {
    options.change.dry_run = dry;
    OK(upsert(p, text, keys, &options, &result, &error));
    assert_int_equal(result.rows_matched, expected->rows_matched);
    assert_int_equal(result.rows_updated, expected->rows_updated);
    assert_int_equal(result.rows_inserted, expected->rows_inserted);
    assert_int_equal(result.rows_unchanged, expected->rows_unchanged);
    assert_int_equal(result.duplicates_removed, expected->duplicates_removed);
    assert_int_equal(result.files_rewritten, expected->files_rewritten);
    assert_int_equal(result.files_removed, expected->files_removed);
    assert_int_equal(result.files_added, expected->files_added);
    assert_int_equal(result.files_read, expected->files_read);
    assert_int_equal(result.partitions_affected, expected->partitions_affected);
    assert_int_equal(result.partitions_scanned, 3);
    assert_int_equal(result.sequence != 0, !dry);
    want_rows(p->data, p->meta, dry ? BEFORE : after);
  }
}

static void test_a_key_of_the_path(void **state) {
  struct place p;
  static const struct lam_edit_result expected = {.rows_matched = 5,
                                                  .rows_updated = 2,
                                                  .rows_inserted = 1,
                                                  .rows_unchanged = 2,
                                                  .duplicates_removed = 3,
                                                  .files_rewritten = 2,
                                                  .files_removed = 1,
                                                  .files_added = 1,
                                                  .files_read = 3,
                                                  .partitions_affected = 3};
  (void)state;
  begin(&p);
  upsert_twice(&p, "p,id,text,value\n3,11,r11,2.75\n1,12,r12,3\n4,13,r13,3.25\n", "p", &expected,
               "p=1:12,;p=2:6,7,;p=3:11,;p=4:13,;");
  end(&p);
}

static void test_rows_move(void **state) {
  struct place p;
  static const struct lam_edit_result expected = {.rows_matched = 3,
                                                  .rows_updated = 3,
                                                  .rows_inserted = 1,
                                                  .rows_unchanged = 4,
                                                  .files_rewritten = 2,
                                                  .files_removed = 1,
                                                  .files_added = 2,
                                                  .files_read = 3,
                                                  .partitions_affected = 4};
  (void)state;
  begin(&p);
  upsert_twice(&p, "value,p,id,text\n2,9,8,r8\n0.5,1,2,r2\n1.5,9,6,r6\n4,3,16,r16\n", "value", &expected,
               "p=1:1,2,3,4,;p=2:7,;p=3:16,;p=9:6,8,;");
  end(&p);
}

/* Another writer's file appears while the upsert runs: it is begun anew and finds the row there. */
struct intruder {
  struct lam_store *data;
  int calls;
};
static void intrude(void *user, const char *what) {
  struct intruder *intruder = user;
  (void)what;
  intruder->calls++;
  put_rows(intruder->data, "tmp-x", 9, 1);
  OK(intruder->data->ops->replace(intruder->data, "tmp-x", intruder->data, "p=2/x.parquet", &error));
}
/* With the other writer at call `at`. */
static enum lam_status upsert_beside(uint64_t at, bool no_wait, const char *after, struct lam_edit_result *result,
                                     struct lam_error *error) {
  static const char text[] = "id,p,text,value\n9,5,r9,2.25\n7,2,r7,1.75\n";
  struct lam_upsert_options options = LAM_UPSERT_OPTIONS_INIT;
  struct place p;
  struct fault *fault;
  struct lam_store *data, *meta;
  begin(&p);
  fault_create(&fault);
  fault_wrap(fault, p.data, &data);
  fault_wrap(fault, p.meta, &meta);
  struct intruder intruder = {.data = p.data};
  struct lam_directory *inner = p.directory;
  p.directory = open_stores(data, meta);
  options.change.no_wait = no_wait;
  fault_arm(fault, &(struct fault_plan){.at = at, .action = FAULT_CALL, .call = intrude, .user = &intruder});
  enum lam_status status = upsert(&p, text, "id", &options, result, error);
  fault_arm(fault, NULL);
  assert_int_equal(intruder.calls, 1);
  if (status == LAM_CONFLICT) after = "p=1:1,2,3,4,;p=2:6,7,9,;p=3:8,;";
  if (after) want_rows(p.data, p.meta, after);
  lam_directory_close(p.directory);
  p.directory = inner;
  lam_store_close(data);
  lam_store_close(meta);
  fault_free(fault);
  end(&p);
  return status;
}
static void test_begun_anew(void **state) {
  struct lam_edit_result result;
  struct lam_error error = LAM_ERROR_INIT;
  uint64_t at = 1;
  (void)state;
  /* The first call after the plan. */
  while (upsert_beside(at, true, NULL, &result, &error) == LAM_OK) at++;
  want_ok(upsert_beside(at, false, "p=1:1,2,3,4,;p=2:6,7,;p=3:8,;p=5:9,;", &result, &error), &error);
  assert_int_equal(result.retries, 1);
  assert_int_equal(result.rows_updated, 2);
  assert_int_equal(result.rows_inserted, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {OPS_TEST(test_refusals), OPS_TEST(test_a_key_of_the_path),
                                     OPS_TEST(test_rows_move), OPS_TEST(test_begun_anew)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
