/* Which columns of marked rows get other values: as they are, in part, in the last batch, by the sign of a zero. */
#include "change_support.h"

#include "ops/same_values.h"

struct script {
  const int64_t *ids; /* whose values the rows get that have ids 0, 2 and 8 */
  int changed;        /* column of which one value is changed, too; -1: none; 3: a zero gets another sign */
  int64_t split;      /* rows of the first of two batches of values; 0: one batch */
  bool expected[3];
};

static const int64_t places[] = {0, 2, 8};

static void make_values(const struct script *script, const struct ArrowSchema *schema, struct ArrowArray *out) {
  int64_t split = script->split;
  out[1].release = NULL;
  rows_batch(schema, script->ids, split ? split : 3, &out[0]);
  if (split) rows_batch(schema, script->ids + split, 3 - split, &out[1]);
  struct ArrowArray *last = &out[split ? 1 : 0];
  if (script->changed == 0) ((int64_t *)(uintptr_t)last->children[0]->buffers[1])[last->length - 1] += 1;
  if (script->changed == 1) ((char *)(uintptr_t)last->children[1]->buffers[2])[0] ^= 1;
  if (script->changed == 3) ((double *)(uintptr_t)out[0].children[2]->buffers[1])[0] *= -1;
  if (script->changed == 2) ((double *)(uintptr_t)last->children[2]->buffers[1])[last->length - 1] *= -1;
}

static enum lam_status run_script(void *user, struct lam_edit *edit, struct lam_error *unused) {
  const struct script *script = user;
  (void)unused;
  bool columns[] = {true, true, true};
  struct ArrowSchema schema;
  struct ArrowArray batches[2];
  struct lam_marks marks;
  struct lam_file *file;
  rows_schema(&schema);
  OK(lam_edit_open(edit, 0, &file, &error));
  OK(lam_marks_init(&marks, file, edit->mem, &error));
  for (size_t i = 0; i < 3; i++) OK(lam_marks_row(&marks, places[i] < 5 ? 0 : 1, places[i] % 5, &error));
  make_values(script, &schema, batches);
  struct lam_new_values values = {&schema, (const int64_t[]){0, 1, 2}, batches, script->split ? 2 : 1};
  OK(lam_same_values(edit, file, &marks, &values, columns, &error));
  for (int c = 0; c < 3; c++) assert_int_equal(columns[c], script->expected[c]);
  lam_array_release(&batches[0]);
  lam_array_release(&batches[1]);
  lam_schema_release(&schema);
  lam_marks_release(&marks);
  lam_file_close(file);
  return LAM_OK;
}

static void test_same_values(void **state) {
  (void)state;
  static const int64_t others[] = {0, 3, 8};
  static const struct script scripts[] = {
      {places, -1, 0, {true, false, false}}, /* one stays */
      {places, 0, 0, {true, false, false}},  {places, 1, 0, {false, true, false}}, {places, 2, 0, {false, false, true}},
      {places, 2, 1, {false, false, true}},  {places, 1, 2, {false, true, false}}, {others, -1, 0, {true, true, true}},
      {places, 3, 1, {false, false, true}},
  };
  struct world w;
  begin_world_in_memory(&w);
  put_groups(w.data, "a.parquet", 0, 10, 5);
  for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
    struct lam_change_options change = LAM_CHANGE_OPTIONS_INIT;
    struct script script = scripts[i];
    OK(lam_edit_run(w.directory, &change, "test", run_script, &script, NULL, &error));
  }
  end_world_in_memory(&w);
}

int main(void) {
  const struct CMUnitTest tests[] = {OPS_TEST(test_same_values)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
