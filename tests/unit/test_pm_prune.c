/* Plans from sidecars: the same as those from footers, and never without a row that matches. */
#include <stdlib.h>

#include "condition_support.h"
#include "parquet/prune.h"
#include "parquet/writer.h"
#include "sidecar/sidecar.h"

enum { FILES = 12, CONDITIONS = 40, ROWS = 3000, GROUPS_MOST = 8 };

struct made {
  struct columns columns;
  struct ArrowSchema schema;
  struct ArrowArray rows;
  uint8_t outcomes[ROWS];
  struct lam_store *store;
  struct lam_file *file;      /* by its footer */
  struct lam_file *described; /* by its sidecar */
  struct lam_sidecar *referring, *inlined, *plain;
};

static enum lam_status fetch(void *user, uint64_t offset, void *to, size_t size, struct lam_error *e) {
  return lam_file_read(user, offset, to, size, e);
}

static struct lam_sidecar *put_sidecar(struct made *m, const char *key, bool inlined, bool plain) {
  struct lam_sidecar_source source;
  struct lam_sidecar *sidecar;
  OK(lam_sidecar_source_of(m->file, mem, &source, &error));
  OK(lam_sidecar_put(&source, &(struct lam_sidecar_format){inlined, plain}, m->store, key, mem, NULL, &error));
  OK(lam_sidecar_open_in(m->store, key, &(struct lam_sidecar_open_options){.token = lam_file_size(m->file)}, mem,
                         &sidecar, &error));
  return sidecar;
}

static void make(uint64_t *seed, struct made *m) {
  static const char *const names[] = {"c0", "c1", "c2", "c3"};
  struct lam_write_options options = LAM_WRITE_OPTIONS_INIT;
  struct lam_column_options columns[MOST_COLUMNS];
  struct lam_sidecar_used used;
  struct lam_writer *writer;
  OK(lam_store_memory(context, &m->store, &error));
  random_columns(seed, &m->columns);
  columns_schema(&m->columns, &m->schema);
  random_batch(seed, &m->columns, ROWS, &m->rows);
  for (int c = 0; c < m->columns.count; c++)
    columns[c] = (struct lam_column_options){
        .name = names[c],
        .bloom = below(seed, 2) && strcmp(m->columns.pools[c]->type, "bool") != 0 ? LAM_BLOOM_ALWAYS : LAM_BLOOM_NEVER};
  options.columns = columns;
  options.column_count = m->columns.count;
  options.row_group_rows = ROWS / GROUPS_MOST + below(seed, 2000);
  options.page_rows = 50 + below(seed, 900);
  OK(lam_writer_open_in(m->store, "t.parquet", &m->schema, &options, mem, &writer, &error));
  OK(lam_writer_write(writer, &m->rows, &error));
  OK(lam_writer_finish(writer, NULL, &error));
  lam_writer_close(writer);
  OK(lam_file_open_in(m->store, "t.parquet", NULL, mem, &m->file, &error));
  m->referring = put_sidecar(m, "referring", false, false);
  m->inlined = put_sidecar(m, "inlined", true, false);
  m->plain = put_sidecar(m, "plain", true, true);
  OK(lam_sidecar_file_open(m->store, "t.parquet", NULL, NULL, m->store, below(seed, 2) ? "inlined" : "referring", mem,
                           &m->described, &used, &error));
  assert_int_equal(used.use, LAM_SIDECAR_USED);
}

static void drop(struct made *m) {
  lam_sidecar_close(m->referring);
  lam_sidecar_close(m->inlined);
  lam_sidecar_close(m->plain);
  lam_file_close(m->described);
  lam_file_close(m->file);
  lam_array_release(&m->rows);
  lam_schema_release(&m->schema);
  lam_store_close(m->store);
}

/* No matching row is skipped, and none that does not match is in what is whole. */
static void want_sound(const struct made *m, const uint8_t *verdicts) {
  int64_t row = 0;
  for (int32_t g = 0; g < lam_file_row_groups(m->file); g++)
    for (int64_t end = row + lam_file_row_group_rows(m->file, g); row < end; row++)
      assert_true(m->outcomes[row] == 1 ? verdicts[g] != LAM_SIDECAR_SKIPPED : verdicts[g] != LAM_SIDECAR_WHOLE);
}

static enum lam_sidecar_verdict verdict_of(unsigned outcomes) {
  if (!(outcomes & LAM_MAY_BE_TRUE)) return LAM_SIDECAR_SKIPPED;
  return outcomes == LAM_MAY_BE_TRUE ? LAM_SIDECAR_WHOLE : LAM_SIDECAR_KEPT;
}

/* The plan of the file down to its pages is that of the other. */
static void want_same_plan(const struct made *m, const struct lam_expr *condition, uint8_t *verdicts) {
  static const int32_t sources[] = {0, 1, 2, 3};
  struct lam_prune *prunes[2];
  struct lam_ranges rows[2];
  OK(lam_prune_open(m->file, condition, &m->schema, sources, NULL, mem, &prunes[0], &error));
  OK(lam_prune_open(m->described, condition, &m->schema, sources, NULL, mem, &prunes[1], &error));
  for (int32_t g = 0; g < lam_file_row_groups(m->file); g++) {
    unsigned outcomes[2];
    bool all[2];
    OK(lam_prune_filters(prunes[0], g, &outcomes[0], &error));
    verdicts[g] = (uint8_t)verdict_of(outcomes[0]);
    for (int i = 0; i < 2; i++) {
      OK(lam_prune_group(prunes[i], g, &outcomes[i], &error));
      lam_ranges_init(&rows[i], mem);
      OK(lam_prune_rows(prunes[i], g, &rows[i], &all[i], &error));
    }
    assert_int_equal(outcomes[0], outcomes[1]);
    assert_int_equal(all[0], all[1]);
    assert_int_equal(lam_ranges_count(&rows[0]), lam_ranges_count(&rows[1]));
    if (lam_ranges_count(&rows[0]))
      assert_memory_equal(lam_ranges_at(&rows[0], 0), lam_ranges_at(&rows[1], 0),
                          lam_ranges_count(&rows[0]) * sizeof(struct lam_range));
    for (int i = 0; i < 2; i++) lam_ranges_release(&rows[i]);
  }
  assert_memory_equal(lam_prune_counted(prunes[0]), lam_prune_counted(prunes[1]), sizeof(struct lam_prune_counts));
  for (int i = 0; i < 2; i++) lam_prune_close(prunes[i]);
}

static bool try_condition(struct made *m, const char *where, const struct lam_expr *condition) {
  struct lam_sidecar_prune_options options = LAM_SIDECAR_PRUNE_OPTIONS_INIT;
  uint8_t expected[ROWS] = {0}, found[ROWS] = {0};
  size_t groups = (size_t)lam_file_row_groups(m->file);
  if (!outcomes_of_rows(condition, &m->schema, &m->rows, m->outcomes)) return false;
  want_same_plan(m, condition, expected);
  want_sound(m, expected);
  options.fetch = fetch;
  options.user = m->file;
  OK(lam_sidecar_prune(m->referring, where, &options, found, &error));
  assert_memory_equal(found, expected, groups);
  OK(lam_sidecar_prune(m->inlined, where, NULL, found, &error));
  assert_memory_equal(found, expected, groups);
  OK(lam_sidecar_prune(m->referring, where, NULL, found, &error));
  want_sound(m, found);
  if (lam_sidecar_prune(m->plain, where, NULL, found, NULL) == LAM_OK) want_sound(m, found);
  return true;
}

static void random_files(void **state) {
  (void)state;
  uint64_t seed = seed_of_test();
  int tried = 0;
  for (int i = 0; i < FILES; i++) {
    struct made *m = calloc(1, sizeof *m);
    make(&seed, m);
    for (int k = 0; k < CONDITIONS; k++) {
      struct lam_arena arena;
      struct text text;
      const struct lam_expr *condition;
      lam_arena_init(&arena, mem);
      if (random_condition(&seed, &m->columns, &m->schema, &arena, &text, &condition))
        tried += try_condition(m, text.data, condition);
      lam_arena_release(&arena);
    }
    drop(m);
    free(m);
  }
  assert_true(tried > FILES * CONDITIONS / 3);
}

/* ---- finding columns ---- */

/* One row group of: a struct "s" of {x, "a.b"}, "a.b" (field id 5), "s" of {y} again, "a" (field id 9); x is 1 to 3,
 * the first "a.b" 11 to 13, the next 21 to 23, y 31 to 33, "a" 41 to 43. */
static void put_names(struct made *m) {
  static const char *const names[] = {"s", "a.b", "s", "a"}, *const members[] = {"x", "a.b", "y"};
  struct lam_type type = {.id = LAM_TYPE_INT64, .timezone = ""};
  struct lam_write_options options = LAM_WRITE_OPTIONS_INIT;
  struct lam_writer *writer;
  int64_t value = 1;
  OK(lam_store_memory(context, &m->store, &error));
  OK(lam_schema_init_struct("", 4, &m->schema, &error));
  OK(lam_array_init_struct(3, 4, &m->rows, &error));
  for (int c = 0, member = 0; c < 4; c++) {
    int inside = c == 0 ? 2 : c == 2 ? 1 : 0;
    struct ArrowSchema *schema = m->schema.children[c];
    struct ArrowArray *array = m->rows.children[c];
    if (inside) {
      OK(lam_schema_init_struct(names[c], inside, schema, &error));
      OK(lam_array_init_struct(3, inside, array, &error));
    }
    for (int i = 0; i < (inside ? inside : 1); i++) {
      struct lam_builder builder;
      OK(lam_schema_init(&type, inside ? members[member++] : names[c], true, inside ? schema->children[i] : schema,
                         &error));
      if (!inside)
        OK(lam_schema_set_metadata(schema, "PARQUET:field_id", lam_bytes_of_string(c == 1 ? "5" : "9"), &error));
      OK(lam_builder_init(&builder, mem, &type, &error));
      for (int64_t row = 0; row < 3; row++) OK(lam_builder_fixed(&builder, &(int64_t){value + row}, &error));
      OK(lam_builder_finish(&builder, inside ? array->children[i] : array, &error));
      lam_builder_release(&builder);
      value += 10;
    }
  }
  OK(lam_writer_open_in(m->store, "t.parquet", &m->schema, &options, mem, &writer, &error));
  OK(lam_writer_write(writer, &m->rows, &error));
  OK(lam_writer_finish(writer, NULL, &error));
  lam_writer_close(writer);
  OK(lam_file_open_in(m->store, "t.parquet", NULL, mem, &m->file, &error));
  m->referring = put_sidecar(m, "referring", false, false);
}

static void columns_are_found(void **state) {
  (void)state;
  static const struct lam_sidecar_name ids[] = {{"b", 5}, {"a", 5}, {"x", 9}, {"none", 77}};
  static const struct {
    const char *where;
    bool by_id;
    int verdict; /* -1: there is no such column */
  } cases[] = {
      {"\"a.b\" BETWEEN 21 AND 23", false, LAM_SIDECAR_WHOLE},
      {"\"a.b\" = 12", false, LAM_SIDECAR_SKIPPED},
      {"s.x > 3", false, LAM_SIDECAR_SKIPPED},
      {"s.\"a.b\" > 12", false, LAM_SIDECAR_KEPT},
      {"a = 42 AND \"a.b\" > 0", false, LAM_SIDECAR_KEPT},
      {"a > 43", false, LAM_SIDECAR_SKIPPED},
      {"b = 22", false, -1},
      {"s.y = 1", false, -1}, /* of two columns of one name the first is meant */
      {"TRUE", false, LAM_SIDECAR_WHOLE},
      {"FALSE", false, LAM_SIDECAR_SKIPPED},
      {"b >= 21", true, LAM_SIDECAR_WHOLE},
      {"a < 24", true, LAM_SIDECAR_WHOLE}, /* the name is another column's here */
      {"x > 43", true, LAM_SIDECAR_SKIPPED},
      {"none = 1", true, -1},
      {"s.x = 9", true, LAM_SIDECAR_SKIPPED},
  };
  struct made m = {.columns = {.count = 0}};
  put_names(&m);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct lam_sidecar_prune_options options = LAM_SIDECAR_PRUNE_OPTIONS_INIT;
    uint8_t verdict = 9;
    options.names = ids;
    options.name_count = cases[i].by_id ? 4 : 0;
    enum lam_status status = lam_sidecar_prune(m.referring, cases[i].where, &options, &verdict, NULL);
    if (status != (cases[i].verdict < 0 ? LAM_NOT_FOUND : LAM_OK) || (status == LAM_OK && verdict != cases[i].verdict))
      fail_msg("%s: status %d, verdict %d", cases[i].where, status, verdict);
  }
  drop(&m);
}

int main(void) {
  const struct CMUnitTest tests[] = {MEM_TEST(random_files), MEM_TEST(columns_are_found)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
