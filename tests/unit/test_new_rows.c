/* Rows that an edit adds: into the partitions that their values name, counted, and only where they were asked for. */
#include "change_support.h"

#include "ops/new_rows.h"

struct script {
  int64_t first, count; /* ids; partition p is the id modulo `partitions`, NULL where that is 0 */
  int64_t partitions;
  bool scope, anywhere;
};

static enum lam_status add_rows(void *user, struct lam_edit *edit, struct lam_error *to_error) {
  const struct script *script = user;
  const struct ArrowSchema *schema = &edit->table->merge.schema;
  struct lam_new_rows_options options = {
      .schema = schema, .written_columns = edit->table->data_columns, .anywhere = script->anywhere};
  struct lam_new_rows *rows;
  LAM_TRY(lam_new_rows_open(edit, &options, &rows, to_error));
  for (int64_t i = 0; i < script->count; i++) {
    struct ArrowArray data, batch, p;
    struct ArrowSchema columns;
    struct lam_builder builder;
    struct lam_type type;
    int64_t id = script->first + i, partition = id % script->partitions;
    rows_schema(&columns);
    rows_batch(&columns, &id, 1, &data);
    OK(lam_type_parse(schema->children[3], &type, &error));
    OK(lam_builder_init(&builder, mem, &type, &error));
    OK(partition ? lam_builder_fixed(&builder, &partition, &error) : lam_builder_null(&builder, &error));
    OK(lam_builder_finish(&builder, &p, &error));
    lam_builder_release(&builder);
    OK(lam_array_init_struct(1, 4, &batch, &error));
    for (int c = 0; c < 4; c++) *batch.children[c] = c == 3 ? p : *data.children[c];
    for (int c = 0; c < 3; c++) data.children[c]->release = NULL;
    lam_array_release(&data);
    lam_schema_release(&columns);
    OK(lam_new_rows_write(rows, &batch, &error));
  }
  enum lam_status status = lam_new_rows_finish(rows, script->scope, to_error);
  lam_new_rows_close(rows);
  return status;
}

static enum lam_status run(struct world *w, const struct script *script, const char *partition,
                           struct lam_edit_result *result, struct lam_error *error) {
  struct lam_change_options change = LAM_CHANGE_OPTIONS_INIT;
  change.partitions = &partition;
  change.partition_count = partition ? 1 : 0;
  *result = (struct lam_edit_result)LAM_EDIT_RESULT_INIT;
  return lam_edit_run(w->directory, &change, "test", add_rows, (void *)(uintptr_t)script, result, error);
}

static void set_up(struct world *w) {
  begin_world_in_memory(w);
  put_rows(w->data, "p=1/a.parquet", 1, 2);
  put_rows(w->data, "p=10/a.parquet", 3, 1);
  put_rows(w->data, "p=2/a.parquet", 4, 1);
}

static void test_partitions(void **state) {
  (void)state;
  struct world w;
  struct lam_edit_result r;
  set_up(&w);
  OK(run(&w, &(struct script){.first = 20, .count = 6, .partitions = 4, .scope = true}, NULL, &r, &error));
  want_world(&w, "p=1:1,2,21,25,;p=10:3,;p=2:4,22,;p=3:23,;p=__HIVE_DEFAULT_PARTITION__:20,24,;");
  WANT(r, files_added, 4);
  WANT(r, row_groups_encoded, 4);
  WANT(r, partitions_affected, 4); /* two that there were, two new ones */
  assert_true(r.bytes_written > 0);
  OK(run(&w, &(struct script){.count = 0, .partitions = 1}, NULL, &r, &error));
  WANT(r, files_added, 0);
  WANT(r, sequence, 0);
  end_world_in_memory(&w);
}

/* With --partition: rows for others are refused, or (those that move) may go there. */
static void test_scope(void **state) {
  (void)state;
  struct world w;
  struct lam_edit_result r;
  set_up(&w);
  struct script script = {.first = 21, .count = 2, .partitions = 10};
  FAILS(run(&w, &script, "p=1", &r, &error), LAM_INVALID, "rows for p=2, which is not one of the partitions asked for");
  want_world(&w, "p=1:1,2,;p=10:3,;p=2:4,;");
  script.anywhere = true;
  OK(run(&w, &script, "p=1", &r, &error));
  want_world(&w, "p=1:1,2,21,;p=10:3,;p=2:4,22,;");
  end_world_in_memory(&w);
}

int main(void) {
  const struct CMUnitTest tests[] = {OPS_TEST(test_partitions), OPS_TEST(test_scope)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
