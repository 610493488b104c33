/* Random tables and conditions: what a table with a pack plans, counts and reads is what it does without, and the pack
 * never skips a file with a row that matches. */
#include "condition_support.h"

#include "pack_support.h"
#include "parquet/writer.h"
#include "table/where.h"

enum { TABLES = 12, DIRECTORIES = 4, FILES = 3, CONDITIONS = 40, ROWS = 300 };

static const char *const directories[DIRECTORIES] = {"p=1", "p=2/q=%2Fx", "p=2/q=__HIVE_DEFAULT_PARTITION__", "p=-7"};

struct random_table {
  char path[64];
  struct lam_store *store;
  struct columns columns;
  struct ArrowSchema schema;
};

/* A file that may lack columns, or have them in another order. */
static void put_random(uint64_t *seed, struct random_table *t, const char *key) {
  struct lam_write_options options = LAM_WRITE_OPTIONS_INIT;
  struct lam_writer *writer;
  struct ArrowSchema schema;
  struct ArrowArray batch;
  int order[MOST_COLUMNS], count = 0;
  for (int c = 0; c < t->columns.count; c++)
    if (c == 0 || below(seed, 5)) order[count++] = c;
  if (count > 1 && below(seed, 3) == 0) order[0] = order[count - 1], order[count - 1] = 0;
  OK(lam_schema_init_struct("", count, &schema, &error));
  int rows = below(seed, 8) ? ROWS : 0;
  OK(lam_array_init_struct(rows, count, &batch, &error));
  for (int c = 0; c < count; c++) {
    OK(lam_schema_copy(t->schema.children[order[c]], schema.children[c], &error));
    random_column(seed, t->columns.pools[order[c]], rows, batch.children[c]);
  }
  options.row_group_rows = 60 + below(seed, 300);
  options.no_sync = true;
  OK(lam_writer_open_in(t->store, key, &schema, &options, mem, &writer, &error));
  OK(lam_writer_write(writer, &batch, &error));
  OK(lam_writer_finish(writer, NULL, &error));
  lam_writer_close(writer);
  lam_array_release(&batch);
  lam_schema_release(&schema);
}

static void make_table(uint64_t *seed, struct random_table *t) {
  const char *root = getenv("TMPDIR");
  snprintf(t->path, sizeof t->path, "%s/lamella-pack-XXXXXX", root ? root : "/tmp");
  assert_non_null(mkdtemp(t->path));
  OK(lam_store_local(context, t->path, &t->store, &error));
  random_columns(seed, &t->columns);
  columns_schema(&t->columns, &t->schema);
  for (int d = 0; d < DIRECTORIES; d++) {
    OK(lam_store_make_directories(t->store, directories[d], &error));
    for (int f = 0; f < FILES; f++) {
      char key[128];
      snprintf(key, sizeof key, "%s/%d.parquet", directories[d], f);
      put_random(seed, t, key);
    }
  }
}
static void drop_table(struct random_table *t) {
  struct lam_store *meta;
  char path[80];
  lam_schema_release(&t->schema);
  OK(lam_store_remove_tree(t->store, "", &error));
  lam_store_close(t->store);
  snprintf(path, sizeof path, "%s.lamella", t->path);
  OK(lam_store_local(context, path, &meta, &error));
  OK(lam_store_remove_tree(meta, "", &error));
  lam_store_close(meta);
}

/* ---- what a plan says of each file ---- */

struct planned {
  enum lam_plan_rule rule;
  uint64_t rows, rows_kept, bytes_wanted;
  uint32_t groups;
  bool any; /* row groups are kept */
  uint64_t whole;
};
struct planning {
  struct planned files[DIRECTORIES * FILES];
  char paths[DIRECTORIES * FILES][160];
  int count;
};
static bool note_file(void *user, const struct lam_plan_file *file) {
  struct planning *planning = user;
  struct planned *to = &planning->files[planning->count];
  snprintf(planning->paths[planning->count++], sizeof *planning->paths, "%s", file->path);
  *to = (struct planned){file->rule, file->rows, file->rows_kept, file->bytes_wanted, file->row_group_count, false, 0};
  assert_true(file->rule == LAM_PLAN_BY_NOTHING || !file->row_groups);
  for (uint32_t i = 0; file->row_groups && i < file->row_group_count; i++) {
    to->any |= file->row_groups[i].verdict != LAM_PLAN_SKIPPED;
    if (file->row_groups[i].verdict == LAM_PLAN_WHOLE) to->whole += file->row_groups[i].rows_kept;
  }
  return true;
}
static enum lam_status plan_of(struct lam_table *table, const char *where, struct planning *out,
                               struct lam_plan_result *result) {
  struct lam_plan_options options = LAM_PLAN_OPTIONS_INIT;
  *out = (struct planning){.count = 0};
  *result = (struct lam_plan_result)LAM_PLAN_RESULT_INIT;
  options.where = where;
  return lam_plan(table, &options, note_file, out, result, &error);
}

static uint64_t rows_of(struct lam_table *table, const char *where, enum lam_status *status) {
  struct lam_scan_options options = LAM_SCAN_OPTIONS_INIT;
  struct lam_scan *scan;
  struct ArrowArray batch;
  uint64_t rows = 0;
  options.where = where;
  *status = lam_scan_open(table, &options, &scan, &error);
  if (*status != LAM_OK) return 0;
  while ((*status = lam_scan_next(scan, &batch, &error)) == LAM_OK && batch.release) {
    rows += (uint64_t)batch.length;
    lam_array_release(&batch);
  }
  lam_scan_close(scan);
  return rows;
}

static uint64_t skipped_by_pack, proved_by_pack;

static bool try_condition(struct lam_table *without, struct lam_table *with, const char *where) {
  struct planning a, b;
  struct lam_plan_result of_a, of_b;
  struct lam_count_result count = LAM_COUNT_RESULT_INIT;
  enum lam_status status_a = plan_of(without, where, &a, &of_a), status_b = plan_of(with, where, &b, &of_b), status;
  assert_int_equal(status_a, status_b);
  if (status_a != LAM_OK) return false;
  assert_int_equal(a.count, b.count);
  for (int i = 0; i < a.count; i++) {
    const struct planned *x = &a.files[i], *y = &b.files[i];
    assert_string_equal(a.paths[i], b.paths[i]);
    assert_int_equal(x->rows, y->rows);
    assert_int_equal(x->groups, y->groups);
    assert_int_equal(x->rows_kept, y->rows_kept);
    assert_int_equal(x->bytes_wanted, y->bytes_wanted);
    assert_int_equal(x->whole, y->whole);
    assert_int_equal(x->any, y->any);
    if (x->rule == LAM_PLAN_BY_PARTITION) assert_int_equal(y->rule, LAM_PLAN_BY_PARTITION);
    skipped_by_pack += y->rule == LAM_PLAN_BY_STATISTICS;
  }
  assert_int_equal(of_a.rows_kept, of_b.rows_kept);
  assert_int_equal(of_a.rows_whole, of_b.rows_whole);
  assert_int_equal(of_a.row_groups, of_b.row_groups);
  for (int i = 0; i < LAM_PLAN_RULES; i++) assert_int_equal(of_a.row_groups_skipped[i], of_b.row_groups_skipped[i]);
  uint64_t rows_a = rows_of(without, where, &status_a), rows_b = rows_of(with, where, &status_b);
  if (status_a != LAM_OK) return false; /* arithmetic that fails; files that are skipped do not */
  assert_int_equal(status_b, LAM_OK);
  assert_int_equal(rows_a, rows_b);
  status = lam_table_count(with, where, &count, &error);
  assert_int_equal(status, LAM_OK);
  assert_int_equal(count.rows, rows_a);
  proved_by_pack += rows_a > 0 && count.files_opened == 0;
  return true;
}

static void want_same_table(struct lam_table *without, struct lam_table *with) {
  struct ArrowSchema a, b;
  assert_int_equal(packed_files(&with->snapshot), with->snapshot.file_count);
  assert_int_equal(packed_files(&without->snapshot), 0);
  assert_int_equal(lam_table_rows(without), lam_table_rows(with));
  assert_int_equal(lam_table_bytes(without), lam_table_bytes(with));
  assert_int_equal(without->row_groups, with->row_groups);
  OK(lam_table_schema(without, &a, &error));
  OK(lam_table_schema(with, &b, &error));
  assert_true(lam_merge_same(&a, &b));
  lam_schema_release(&a);
  lam_schema_release(&b);
}

static void test_random(void **state) {
  (void)state;
  uint64_t seed = seed_of_test();
  int tried = 0;
  for (int i = 0; i < TABLES; i++) {
    struct random_table t = {.store = NULL};
    struct lam_table *without, *with;
    struct lam_pack_counts counts;
    make_table(&seed, &t);
    OK(lam_table_open(context, t.path, NULL, &without, &error));
    make_pack_at(t.path, false, &counts);
    assert_int_equal(counts.opened, DIRECTORIES * FILES);
    assert_int_equal(counts.unknown, 0);
    if (i % 2) { /* once more, from itself */
      make_pack_at(t.path, i % 4 == 1, &counts);
      assert_int_equal(counts.opened, 0);
    }
    OK(lam_table_open(context, t.path, NULL, &with, &error));
    want_same_table(without, with);
    for (int k = 0; k < CONDITIONS; k++) {
      struct lam_arena arena;
      struct text text;
      const struct lam_expr *condition;
      lam_arena_init(&arena, mem);
      if (random_condition(&seed, &t.columns, &t.schema, &arena, &text, &condition)) {
        if (below(&seed, 4) == 0) {
          static const char *const paths[] = {" AND p = 2", " OR q = '/x'", " AND q IS NULL", " AND p < c0"};
          put_text(&text, "%s", paths[below(&seed, t.columns.pools[0]->type[0] == 'i' ? 4 : 3)]);
        }
        tried += try_condition(without, with, text.data);
      }
      lam_arena_release(&arena);
    }
    lam_table_close(with);
    lam_table_close(without);
    drop_table(&t);
  }
  print_message("%d conditions; the pack skipped %d files and proved %d counts\n", tried, (int)skipped_by_pack,
                (int)proved_by_pack);
  assert_true(tried > TABLES * CONDITIONS / 4 && skipped_by_pack > 100 && proved_by_pack > 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {MEM_TEST(test_random)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
