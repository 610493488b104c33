/* Keys of a table and where they are: all of them, those that are wanted, columns of the path. */
#include "change_support.h"

#include "ops/key_scan.h"

struct script {
  const char *const *keys;
  int32_t count;
  int64_t wanted[4]; /* ids; the key is "id" then */
  int wanted_count;
  struct lam_buf seen; /* "<file>/<row group>/<row>=<id>," */
  struct lam_edit_result counts;
  uint32_t pruned; /* partitions */
  int32_t places;  /* rows that lam_key_rows_take gave */
};

static int64_t number_in(const struct ArrowSchema *schema, const struct ArrowArray *batch, int64_t column,
                         int64_t row) {
  struct lam_view view;
  OK(lam_view_init(schema->children[column], batch->children[column], &view, &error));
  if (!lam_view_valid(&view, row)) return -1;
  return view.type.id == LAM_TYPE_INT32 ? ((const int32_t *)view.data)[view.offset + row]
                                        : ((const int64_t *)view.data)[view.offset + row];
}

struct scanning {
  struct script *script;
  const struct lam_key_scan *scan;
};
static enum lam_status see_rows(void *user, const struct lam_key_rows *rows, struct lam_error *unused) {
  struct scanning *s = user;
  const struct lam_key_scan *scan = s->scan;
  struct ArrowArray taken;
  struct lam_row *chosen = malloc((size_t)rows->keys->length * sizeof *chosen + 1);
  (void)unused;
  for (int64_t i = 0; i < rows->keys->length; i++) {
    char text[80];
    int64_t key = number_in(&scan->schema, rows->keys, 0, i);
    snprintf(text, sizeof text, "%zu/%d/%lld=%lld,", rows->file, (int)rows->row_group, (long long)rows->rows[i],
             (long long)key);
    append_text(&s->script->seen, text);
    assert_int_equal(rows->nulls[i], key < 0);
    chosen[i] = (struct lam_row){0, (uint32_t)(rows->keys->length - 1 - i)};
  }
  /* The rows with their places, in another order. */
  OK(lam_key_rows_take(scan, rows, chosen, rows->keys->length, &taken, &error));
  for (int64_t i = 0; i < taken.length; i++) {
    int64_t from = taken.length - 1 - i;
    assert_int_equal(number_in(&scan->schema, &taken, 0, i), number_in(&scan->schema, rows->keys, 0, from));
    assert_int_equal(number_in(&scan->schema, &taken, scan->count, i), rows->file);
    assert_int_equal(number_in(&scan->schema, &taken, scan->count + 1, i), rows->row_group);
    assert_int_equal(number_in(&scan->schema, &taken, scan->count + 2, i), rows->rows[from]);
    s->script->places++;
  }
  lam_array_release(&taken);
  free(chosen);
  return LAM_OK;
}

static void open_wanted(const struct script *script, struct lam_edit *edit, const int32_t *columns,
                        struct lam_key_set **set) {
  struct ArrowSchema schema;
  struct ArrowArray batch;
  rows_schema(&schema);
  rows_batch(&schema, script->wanted, script->wanted_count, &batch);
  assert_int_equal(columns[0], 0);
  OK(lam_key_set_open(edit->mem, &schema, columns, 1, 1 << 20, set, &error));
  OK(lam_key_set_add(*set, &batch, &error));
  OK(lam_key_set_finish(*set, &error));
  lam_array_release(&batch);
  lam_schema_release(&schema);
}

static enum lam_status scan_all(void *user, struct lam_edit *edit, struct lam_error *unused) {
  struct script *script = user;
  struct lam_key_set *set = NULL;
  struct lam_key_scan scan;
  struct lam_arena arena;
  int32_t *columns;
  (void)unused;
  lam_arena_init(&arena, edit->mem);
  OK(lam_key_scan_columns(edit->table, script->keys, script->count, &arena, &columns, &error));
  if (script->wanted_count) open_wanted(script, edit, columns, &set);
  OK(lam_key_scan_init(&scan, edit, columns, script->count, set, &error));
  struct scanning scanning = {script, &scan};
  script->pruned = 0;
  for (uint32_t p = 0; p < edit->table->snapshot.partition_count; p++) {
    bool may;
    OK(lam_key_scan_may_match(&scan, p, &may, &error));
    script->pruned += !may;
  }
  script->counts = (struct lam_edit_result)LAM_EDIT_RESULT_INIT;
  for (size_t i = 0; i < edit->table->snapshot.file_count; i++)
    OK(lam_key_scan_file(&scan, i, see_rows, &scanning, &script->counts, &error));
  lam_key_scan_release(&scan);
  lam_key_set_close(set);
  lam_arena_release(&arena);
  return LAM_OK;
}

static void want_seen(struct world *w, struct script *script, const char *expected) {
  struct lam_change_options change = LAM_CHANGE_OPTIONS_INIT;
  lam_buf_init(&script->seen, mem);
  script->places = 0;
  OK(lam_edit_run(w->directory, &change, "test", scan_all, script, NULL, &error));
  char *text = text_of_buf(&script->seen);
  assert_string_equal(text, expected);
  free(text);
}

static void set_up(struct world *w) {
  begin_world_in_memory(w);
  put_groups(w->data, "p=1/a.parquet", 1, 5, 2);
  put_rows(w->data, "p=2/a.parquet", 11, 2);
  put_rows(w->data, "p=3/a.parquet", 1, 0);
}

static void test_all_keys(void **state) {
  (void)state;
  struct world w;
  set_up(&w);
  static const char *const keys[] = {"id"};
  struct script script = {.keys = keys, .count = 1};
  want_seen(&w, &script, "0/0/0=1,0/0/1=2,0/1/0=3,0/1/1=4,0/2/0=5,1/0/0=11,1/0/1=12,");
  WANT(script.counts, files_read, 2);
  assert_int_equal(script.places, 7);
  assert_int_equal(script.pruned, 0);
  end_world_in_memory(&w);
}

/* Row groups without a wanted key are not read. */
static void test_wanted(void **state) {
  (void)state;
  struct world w;
  set_up(&w);
  static const char *const keys[] = {"id"};
  struct script script = {.keys = keys, .count = 1, .wanted = {4, 99}, .wanted_count = 2};
  want_seen(&w, &script, "0/1/0=3,0/1/1=4,");
  WANT(script.counts, files_read, 1);
  script = (struct script){.keys = keys, .count = 1, .wanted = {6, 7}, .wanted_count = 2};
  want_seen(&w, &script, "");
  WANT(script.counts, files_read, 0);
  WANT(script.counts, bytes_read, 0);
  end_world_in_memory(&w);
}

/* A column that only the path has: its value in every row, without a byte that is read for it. */
static void test_path(void **state) {
  (void)state;
  struct world w;
  set_up(&w);
  static const char *const keys[] = {"p"};
  struct script script = {.keys = keys, .count = 1};
  want_seen(&w, &script, "0/0/0=1,0/0/1=1,0/1/0=1,0/1/1=1,0/2/0=1,1/0/0=2,1/0/1=2,");
  WANT(script.counts, bytes_read, 0);
  put_rows(w.data, "p=__HIVE_DEFAULT_PARTITION__/a.parquet", 7, 1);
  want_seen(&w, &script, "0/0/0=1,0/0/1=1,0/1/0=1,0/1/1=1,0/2/0=1,1/0/0=2,1/0/1=2,3/0/0=-1,");
  end_world_in_memory(&w);
}

static void test_refused(void **state) {
  (void)state;
  struct world w;
  set_up(&w);
  struct lam_table *table;
  struct lam_table_options options = LAM_TABLE_OPTIONS_INIT;
  static const char *const twice[] = {"id", "text", "id"}, *const missing[] = {"id", "nothing"};
  struct lam_arena arena;
  int32_t *columns;
  lam_arena_init(&arena, mem);
  OK(lam_table_open_directory(w.directory, &options, &table, &error));
  FAILS(lam_key_scan_columns(table, twice, 3, &arena, &columns, &error), LAM_INVALID, "\"id\" twice");
  FAILS(lam_key_scan_columns(table, missing, 2, &arena, &columns, &error), LAM_NOT_FOUND, "nothing");
  lam_table_close(table);
  lam_arena_release(&arena);
  end_world_in_memory(&w);
}

int main(void) {
  const struct CMUnitTest tests[] = {OPS_TEST(test_all_keys), OPS_TEST(test_wanted), OPS_TEST(test_path),
                                     OPS_TEST(test_refused)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
