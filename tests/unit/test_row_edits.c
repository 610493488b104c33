/* Rows that go or get new values, in any order of their positions: what the files hold then, and what is counted. */
#include "change_support.h"

#include "ops/row_edits.h"

/* A table of files p=1/a (ids 1 to 5, row groups of 2), p=1/b (6, 7) and p=2/a (8). */
static void set_up(struct world *w) {
  begin_world_in_memory(w);
  put_groups(w->data, "p=1/a.parquet", 1, 5, 2);
  put_rows(w->data, "p=1/b.parquet", 6, 2);
  put_rows(w->data, "p=2/a.parquet", 8, 1);
}
#define BEFORE "p=1:1,2,3,4,5,6,7,;p=2:8,;"

/* A row that gets the values of the row `id` (0: it goes). */
struct edit_of_row {
  struct lam_position at;
  int64_t id;
};
struct script {
  const struct edit_of_row *rows;
  int32_t count;
  uint64_t room;
  bool touched[3];
};

/* Replacements one by one, so that they must be sorted; rows that go all at once. */
static enum lam_status give(const struct script *script, struct lam_row_edits *edits, struct lam_error *error) {
  struct lam_position gone[8];
  int64_t count = 0;
  for (int32_t i = 0; i < script->count; i++) {
    const struct edit_of_row *row = &script->rows[i];
    struct ArrowSchema schema;
    struct ArrowArray values;
    if (row->id == 0) {
      gone[count++] = row->at;
      continue;
    }
    rows_schema(&schema);
    rows_batch(&schema, &row->id, 1, &values);
    lam_schema_release(&schema);
    LAM_TRY(lam_row_edits_replace(edits, &row->at, &values, error));
  }
  return lam_row_edits_drop(edits, gone, count, error);
}
static enum lam_status run(void *user, struct lam_edit *edit, struct lam_error *error) {
  static const int32_t columns[] = {0, 1, 2};
  struct script *script = user;
  struct lam_row_edits *edits;
  const struct lam_row_edits_options options = {.columns = columns, .count = 3, .room = script->room};
  LAM_TRY(lam_row_edits_open(edit, &options, &edits, error));
  assert_false(lam_row_edits_move(edits)); /* p is in the path only */
  enum lam_status status = give(script, edits, error);
  if (status == LAM_OK) status = lam_row_edits_apply(edits, script->touched, error);
  lam_row_edits_close(edits);
  return status;
}

static const struct edit_of_row some[] = {{{.file = 2, .row = 0}, 80},
                                          {{.file = 0, .row_group = 2, .row = 0}, 50},
                                          {{.file = 0, .row_group = 0, .row = 1}, 20},
                                          {{.file = 0, .row_group = 1, .row = 0}, 0}},
                                all_of_one[] = {{{.file = 1, .row = 1}, 0}, {{.file = 1, .row = 0}, 0}};

static void test_cases(void **state) {
  (void)state;
  static const struct {
    const struct edit_of_row *rows;
    int32_t count;
    const char *after;
    bool touched[3];
    uint64_t rewritten, removed;
  } cases[] = {
      {some, 4, "p=1:1,20,4,50,6,7,;p=2:80,;", {true, false, true}, 2, 0},
      {all_of_one, 2, "p=1:1,2,3,4,5,;p=2:8,;", {false, true, false}, 0, 1},
      {NULL, 0, BEFORE, {false, false, false}, 0, 0},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    for (uint64_t room = 1; room <= 8 << 20; room += (8 << 20) - 1) { /* spilled and streamed, or in memory */
      struct world w;
      struct lam_change_options options = LAM_CHANGE_OPTIONS_INIT;
      struct lam_edit_result result = LAM_EDIT_RESULT_INIT;
      struct script script = {.rows = cases[i].rows, .count = cases[i].count, .room = room};
      set_up(&w);
      OK(lam_edit_run(w.directory, &options, "test", run, &script, &result, &error));
      assert_memory_equal(script.touched, cases[i].touched, sizeof script.touched);
      WANT(result, files_rewritten, cases[i].rewritten);
      WANT(result, files_removed, cases[i].removed);
      want_world(&w, cases[i].after);
      end_world_in_memory(&w);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {OPS_TEST(test_cases)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
