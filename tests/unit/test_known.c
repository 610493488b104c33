/* What paths and the pack say of columns, file by file. */
#include "place_support.h"

#include "pack_support.h"
#include "table/known.h"

/* One column "s" of a text, in a file of a schema of its own. */
static void put_other(struct place *p, const char *key) {
  struct ArrowSchema schema;
  struct ArrowArray batch;
  struct lam_builder builder;
  struct lam_type type = {.id = LAM_TYPE_STRING, .timezone = ""};
  OK(lam_schema_init_struct("", 1, &schema, &error));
  set_column(&schema, 0, "s", LAM_TYPE_STRING);
  OK(lam_array_init_struct(3, 1, &batch, &error));
  OK(lam_builder_init(&builder, mem, &type, &error));
  for (int i = 0; i < 3; i++) OK(lam_builder_bytes(&builder, lam_bytes_of_string("x"), &error));
  OK(lam_builder_finish(&builder, batch.children[0], &error));
  lam_builder_release(&builder);
  put_batch(p->store, key, &schema, &batch, NULL);
  lam_array_release(&batch);
  lam_schema_release(&schema);
}

static const struct lam_expr *column_of(struct lam_table *table, const char *name, struct lam_arena *arena) {
  const struct lam_expr *parsed, *bound;
  OK(lam_expr_parse(name, arena, &parsed, &error));
  OK(lam_expr_bind(parsed, &table->merge.schema, arena, &bound, &error));
  return bound;
}

enum { ID, TEXT_COLUMN, S, DAY, COLUMNS };
struct looking {
  struct lam_directory *directory;
  struct lam_table *table;
  struct lam_arena arena;
  struct lam_known *known;
};
static void look(struct looking *l, const char *path, enum lam_pack_use use) {
  static const char *const names[COLUMNS] = {"id", "text", "s", "day"};
  const struct lam_expr **columns;
  lam_arena_init(&l->arena, mem);
  l->directory = open_place(path);
  l->directory->pack_use = use;
  OK(lam_table_open_directory(l->directory, NULL, &l->table, &error));
  OK(lam_arena_array(&l->arena, COLUMNS, sizeof *columns, (void **)&columns, &error));
  for (int i = 0; i < COLUMNS; i++) columns[i] = column_of(l->table, names[i], &l->arena);
  OK(lam_known_open(l->table, columns, COLUMNS, &l->arena, &l->known, &error));
}
static void look_away(struct looking *l) {
  lam_arena_release(&l->arena);
  lam_table_close(l->table);
  lam_directory_close(l->directory);
}
static struct lam_facts_column facts_of(const struct looking *l, size_t column, bool sure) {
  struct lam_facts_column out;
  assert_int_equal(lam_known_facts(l->known, column, &out), sure);
  return out;
}
static void want_text(const struct lam_scalar *value, const char *text) {
  assert_true(lam_bytes_equal(value->bytes, lam_bytes_of_string(text)));
}

static void test_known(void **state) {
  (void)state;
  struct place p;
  struct looking l;
  struct lam_facts_column facts;
  bool there;
  begin(&p);
  put_groups(&p, "day=one/a.parquet", 0, 150);
  put_groups(&p, "day=one/b.parquet", 500, 10);
  put_other(&p, "day=two/a.parquet");
  make_pack_at(p.path, false, NULL);
  look(&l, p.path, LAM_PACK_TRUSTED);
  const struct lam_snapshot *snapshot = &l.table->snapshot;
  assert_int_equal(snapshot->partition_count, 2);
  /* A partition and none of its files: its value, and nothing of columns in files. */
  OK(lam_known_partition(l.known, &snapshot->partitions[0], &error));
  facts = facts_of(&l, DAY, false);
  assert_true(facts.has_min && facts.has_max && facts.min_exact && facts.nulls == 0);
  want_text(&facts.max, "one");
  facts = facts_of(&l, ID, false);
  assert_true(!facts.has_min && !facts.has_max && facts.nulls == -1);
  OK(lam_known_file(l.known, 0, &there, &error));
  assert_true(there);
  facts = facts_of(&l, ID, true);
  assert_true(facts.has_min && facts.min_exact && facts.nulls == 0);
  assert_int_equal(facts.min.value.i, 0);
  assert_int_equal(facts.max.value.i, 149);
  facts = facts_of(&l, TEXT_COLUMN, true);
  assert_int_equal(facts.nulls, 30);
  want_text(&facts.min, "r1");
  want_text(&facts.max, "r99");
  facts = facts_of(&l, S, true); /* the file has no such column: NULL in each of its rows */
  assert_true(!facts.has_min && facts.nulls == 150);
  facts = facts_of(&l, DAY, true);
  want_text(&facts.min, "one");
  OK(lam_known_file(l.known, 1, &there, &error));
  facts = facts_of(&l, ID, true);
  assert_int_equal(facts.min.value.i, 500);
  assert_int_equal(facts.max.value.i, 509);
  OK(lam_known_partition(l.known, &snapshot->partitions[1], &error));
  OK(lam_known_file(l.known, 2, &there, &error));
  assert_true(there);
  assert_int_equal(facts_of(&l, ID, true).nulls, 3);
  facts = facts_of(&l, S, true);
  want_text(&facts.min, "x");
  assert_true(facts.has_max && facts.max_exact && facts.nulls == 0);
  /* Files of one schema share it. */
  struct lam_packed_schema *schemas[3];
  for (size_t i = 0; i < 3; i++) OK(lam_packed_schema_of(l.table, i, &schemas[i], &error));
  assert_ptr_equal(schemas[0], schemas[1]);
  assert_ptr_not_equal(schemas[0], schemas[2]);
  assert_int_equal(schemas[0]->columns.schema.n_children, 3);
  look_away(&l);
  end(&p);
}

/* Without a pack, and of a file that is newer than it. */
static void test_unknown(void **state) {
  (void)state;
  struct place p;
  begin(&p);
  put_groups(&p, "day=one/a.parquet", 0, 10);
  put_other(&p, "day=one/b.parquet");
  for (int pack = 0; pack < 2; pack++) {
    struct looking l;
    if (pack) make_pack_at(p.path, false, NULL);
    put_groups(&p, "day=one/a.parquet", 20, 10);
    look(&l, p.path, LAM_PACK_FACTS);
    OK(lam_known_partition(l.known, &l.table->snapshot.partitions[0], &error));
    for (size_t i = 0; i < 2; i++) {
      bool there;
      OK(lam_known_file(l.known, i, &there, &error));
      assert_int_equal(there, pack && i == 1);
      struct lam_facts_column facts = facts_of(&l, ID, there);
      assert_int_equal(facts.nulls, there ? 3 : -1);
      assert_false(facts.has_min);
    }
    look_away(&l);
  }
  end(&p);
}

int main(void) {
  const struct CMUnitTest tests[] = {OPS_TEST(test_known), OPS_TEST(test_unknown)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
