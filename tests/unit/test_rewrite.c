/* Rewriting one file with replaced rows: what the callback gets and gives, chunks that are copied, new columns. */
#include "change_support.h"

#include "ops/edit.h"
#include "ops/rewrite.h"

struct script {
  const bool *columns, *reads;
  int64_t modulus; /* of the ids that are marked */
  bool drops;      /* all marked rows, by `replace` */
  int64_t rows_seen, marked_seen;
  struct lam_edit_result counts;
};

/* Puts -value in the place of marked values, where the column comes. */
static enum lam_status replace(void *user, int32_t row_group, int64_t first_row, struct ArrowArray *batch,
                               uint8_t *marked, struct ArrowArray *out, struct lam_error *error) {
  struct script *script = user;
  (void)row_group, (void)first_row, (void)error;
  assert_int_equal(batch->n_children, 3);
  for (int c = 0; c < 3; c++)
    assert_true(batch->children[c]->release ||
                (script->columns && !script->columns[c] && !(script->reads && script->reads[c])));
  for (int64_t i = 0; i < batch->length; i++) {
    script->rows_seen++;
    script->marked_seen += lam_bit_get(marked, i);
    if (lam_bit_get(marked, i)) {
      double *values = (double *)(uintptr_t)batch->children[2]->buffers[1];
      values[batch->children[2]->offset + i] *= -1;
    }
  }
  for (int64_t i = 0; i < batch->length; i++) (script->drops ? lam_bit_set : lam_bit_clear)(marked, i);
  if (script->drops) {
    for (int c = 0; c < 3; c++) batch->children[c]->length = 0;
    batch->length = 0;
  }
  *out = *batch;
  return LAM_OK;
}

/* Marks ids of the first row group that are multiples. */
static enum lam_status run_script(void *user, struct lam_edit *edit, struct lam_error *unused) {
  struct script *script = user;
  (void)unused;
  struct lam_rewrite_options options = {
      .replace = replace, .user = script, .columns = script->columns, .reads = script->reads};
  struct lam_marks marks;
  struct lam_file *file;
  OK(lam_edit_open(edit, 0, &file, &error));
  OK(lam_marks_init(&marks, file, edit->mem, &error));
  for (int64_t i = 0; i < marks.groups[0].rows; i++)
    if ((i + 1) % script->modulus == 0) OK(lam_marks_row(&marks, 0, i, &error));
  script->counts = (struct lam_edit_result)LAM_EDIT_RESULT_INIT;
  OK(lam_rewrite_file(edit, file, &marks, &options, &edit->change, &script->counts, &error));
  lam_marks_release(&marks);
  lam_file_close(file);
  return LAM_OK;
}

static void run(struct world *w, struct script *script, bool verify) {
  struct lam_change_options change = LAM_CHANGE_OPTIONS_INIT;
  change.verify_full = verify;
  OK(lam_edit_run(w->directory, &change, "test", run_script, script, NULL, &error));
}

/* Twice gives the old values, which are checked; once, their sum. */
static double sum_of_values(struct world *w) {
  struct lam_table *table;
  struct lam_scan *scan;
  struct lam_scan_options options = LAM_SCAN_OPTIONS_INIT;
  struct ArrowArray batch;
  double sum = 0;
  options.columns = (const char *const[]){"value"};
  options.column_count = 1;
  OK(lam_table_open_directory(w->directory, NULL, &table, &error));
  OK(lam_scan_open(table, &options, &scan, &error));
  for (;;) {
    OK(lam_scan_next(scan, &batch, &error));
    if (!batch.release) break;
    const double *values = batch.children[0]->buffers[1];
    for (int64_t i = 0; i < batch.length; i++) sum += values[batch.children[0]->offset + i];
    lam_array_release(&batch);
  }
  lam_scan_close(scan);
  lam_table_close(table);
  return sum;
}

static void test_replace(void **state) {
  (void)state;
  static const bool value_only[] = {false, false, true}, text_too[] = {false, true, false};
  static const struct script scripts[] = {
      {.modulus = 3}, {.modulus = 3, .columns = value_only}, {.modulus = 3, .columns = value_only, .reads = text_too}};
  for (size_t i = 0; i < 3; i++) {
    struct world w;
    struct script script = scripts[i];
    begin_world_in_memory(&w);
    put_groups(w.data, "a.parquet", 1, 10, 7);
    assert_true(sum_of_values(&w) == 55 / 4.0);
    run(&w, &script, false);
    assert_true(script.rows_seen <= 7); /* pages without marked rows may be passed over */
    assert_int_equal(script.marked_seen, 2);
    WANT(script.counts, row_groups_encoded, 1);
    WANT(script.counts, row_groups_copied, 1);
    WANT(script.counts, files_rewritten, 1);
    assert_true(sum_of_values(&w) == (55 - 2 * 9) / 4.0);
    run(&w, &script, false);
    want_world(&w, ":1,2,3,4,5,6,7,8,9,10,;");
    want_groups(&w, "", "7,3,");
    end_world_in_memory(&w);
  }
}

/* What is verified is decoded, and compared with what the callback gave. */
static void test_verified(void **state) {
  (void)state;
  struct world w;
  struct script script = {.modulus = 2};
  begin_world_in_memory(&w);
  put_groups(w.data, "a.parquet", 1, 10, 7);
  run(&w, &script, true);
  assert_true(sum_of_values(&w) == (55 - 2 * 12) / 4.0);
  script.drops = true;
  run(&w, &script, true);
  want_world(&w, ":8,9,10,;");
  end_world_in_memory(&w);
}

/* A file of which the callback leaves nothing is removed. */
static void test_nothing_left(void **state) {
  (void)state;
  struct world w;
  struct script script = {.modulus = 1, .drops = true};
  begin_world_in_memory(&w);
  put_rows(w.data, "p=1/a.parquet", 1, 5);
  put_rows(w.data, "p=2/a.parquet", 11, 1);
  run(&w, &script, true);
  WANT(script.counts, files_removed, 1);
  WANT(script.counts, files_rewritten, 0);
  want_world(&w, "p=2:11,;");
  end_world_in_memory(&w);
}

/* Row groups of which little is left are joined with the next one that is touched, and no others. */
static void test_small_groups(void **state) {
  (void)state;
  struct world w;
  begin_world_in_memory(&w);
  put_groups(w.data, "a.parquet", 1, 50, 10);
  delete_rows(&w, "id between 2 and 10 or id between 12 and 20 or id between 25 and 30 or id between 42 and 50", false);
  want_groups(&w, "", "2,4,10,1,");
  want_world(&w, ":1,11,21,22,23,24,31,32,33,34,35,36,37,38,39,40,41,;");
  end_world_in_memory(&w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      OPS_TEST(test_replace),
      OPS_TEST(test_verified),
      OPS_TEST(test_nothing_left),
      OPS_TEST(test_small_groups),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
