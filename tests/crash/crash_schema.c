/* A change of the schema, stopped at every operation of its stores, with a power cut, with a recovery that is stopped
 * in turn, and with another program that adds a file meanwhile. */
#include "ops_crash.h"

#include "ops/change.h"

static void set_up(struct lam_store *data) {
  put_rows(data, "p=1/f1.parquet", 1, 3);
  put_rows(data, "p=1/f2.parquet", 4, 2);
  put_rows(data, "p=2/f1.parquet", 11, 2);
}

/* Of the columns one is decoded, two are copied, one of them under another name, and one is new. */
static enum lam_status run_schema(struct lam_directory *directory, uint64_t *sequence, struct lam_error *error) {
  static const struct lam_schema_step steps[] = {
      {LAM_SCHEMA_NULLABLE, "id", NULL}, {LAM_SCHEMA_RENAME, "text", "note"}, {LAM_SCHEMA_ADD, "more", "bigint"}};
  struct lam_schema_change_options options = LAM_SCHEMA_CHANGE_OPTIONS_INIT;
  struct lam_edit_result result = LAM_EDIT_RESULT_INIT;
  options.steps = steps;
  options.step_count = 3;
  enum lam_status status = lam_schema_change_directory(directory, &options, &result, error);
  *sequence = result.sequence;
  return status;
}

static const struct crash_scenario schema = {
    .name = "schema",
    .set_up = set_up,
    .run = run_schema,
    .before = "p=1:1,2,3,4,5,;p=2:11,12,;",
    .after = "p=1:1+,2+,3+,4+,5+,;p=2:11+,12+,;",
};

/* A file that comes before the commit is changed with the others, or nothing is; one that comes later is not. */
static bool intrude_at(uint64_t at) {
  struct crash_world w;
  struct lam_error error = LAM_ERROR_INIT;
  uint64_t sequence;
  begin_world(&w, &schema, false);
  struct crash_intruder intruder = {w.data, "p=1/f1x.parquet", 901};
  fault_arm(w.fault,
            &(struct fault_plan){.at = at, .action = FAULT_CALL, .reads = true, .call = intrude, .user = &intruder});
  enum lam_status status = run_in_world(&w, &schema, &sequence, &error);
  bool fired = fault_fired(w.fault);
  fault_arm(w.fault, NULL);
  struct lam_directory *directory = open_world(w.data, w.meta);
  char *plain = rows_of_plain(w.data), *seen = rows_of_reader(directory);
  assert_string_equal(plain, seen);
  static const char *const states[] = {"p=1:1,2,3,901,4,5,;p=2:11,12,;", "p=1:1+,2+,3+,901,4+,5+,;p=2:11+,12+,;",
                                       "p=1:1+,2+,3+,901+,4+,5+,;p=2:11+,12+,;"};
  bool right = !fired && strcmp(seen, schema.after) == 0;
  for (int i = 0; i < 3; i++) right = right || (fired && (status == LAM_OK) == (i > 0) && !strcmp(seen, states[i]));
  if (!right) print_error("at %llu: %s, %s\n", (unsigned long long)at, seen, error.message);
  assert_true(right);
  free(plain);
  free(seen);
  lam_directory_close(directory);
  end_world(&w);
  return fired;
}

static void test_intruder(void **state) {
  (void)state;
  uint64_t at = 1;
  while (intrude_at(at)) at++;
  assert_true(at > 60);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      CRASH_TEST(errors, schema),   CRASH_TEST(full_disk, schema), CRASH_TEST(power_cut, schema),
      CRASH_TEST(recovery, schema), OPS_TEST(test_intruder),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
