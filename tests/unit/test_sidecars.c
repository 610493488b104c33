/* Where sidecars are, when they are of their files, and who then needs no file at all. */
#include "place_support.h"

#include "lamella/sidecar.h"
#include "pack_support.h"
#include "table/sidecars.h"

static void test_places(void **state) {
  (void)state;
  struct lam_store data = {.context = NULL}, meta = {.context = NULL}, *found;
  static char long_key[LAM_KEY_MAX + 1];
  memset(long_key, 'x', LAM_KEY_MAX - 6);
  const struct {
    struct lam_directory directory;
    const char *key, *place; /* NULL: there is none */
    const struct lam_store *store;
  } cases[] = {
      {{.data = &data, .meta = &meta}, "d=1/a.parquet", "pm/d=1/a.parquet._pm", &meta},
      {{.data = &data, .meta = &meta}, long_key, NULL, NULL},
      {{.data = &data, .pattern = "*.parquet"}, "a.parquet", NULL, NULL},
      {{.data = &data, .pattern = "data.parquet", .single = true}, "data.parquet", "_pm", &data},
      {{.data = &data, .pattern = "a.parquet", .single = true}, "a.parquet", NULL, NULL},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char place[LAM_KEY_MAX + 1];
    assert_int_equal(lam_sidecar_place(&cases[i].directory, cases[i].key, &found, place), cases[i].place != NULL);
    if (!cases[i].place) continue;
    assert_string_equal(place, cases[i].place);
    assert_ptr_equal(found, cases[i].store);
  }
}

static bool is_current(struct lam_directory *directory) {
  struct lam_snapshot snapshot;
  OK(lam_snapshot_open(directory, NULL, &snapshot, &error));
  assert_int_equal(snapshot.file_count, 1);
  struct lam_sidecar *sidecar = lam_sidecar_of_listed(directory, &snapshot.files[0], mem);
  bool out = sidecar != NULL;
  lam_sidecar_close(sidecar);
  lam_snapshot_release(&snapshot);
  return out;
}

static void test_of_listed(void **state) {
  (void)state;
  struct place p;
  bool kept, writable;
  begin(&p);
  put_groups(&p, "a.parquet", 0, 100);
  struct lam_directory *directory = open_place(p.path);
  lam_sidecars_kept(directory, &kept, &writable);
  assert_false(kept || writable);
  assert_false(is_current(directory));
  OK(lam_sidecar_build(context, p.path, NULL, NULL, NULL, NULL, &error));
  lam_sidecars_kept(directory, &kept, &writable);
  assert_true(kept && writable);
  assert_true(is_current(directory));
  put_groups(&p, "a.parquet", 0, 100); /* the same bytes in another file */
  assert_false(is_current(directory));
  OK(lam_sidecar_build(context, p.path, NULL, NULL, NULL, NULL, &error));
  assert_true(is_current(directory));
  OK(directory->meta->ops->remove(directory->meta, "pm/a.parquet._pm", &error));
  OK(lam_store_put(directory->meta, "pm/a.parquet._pm", lam_bytes_of_string("damaged"), &error));
  assert_false(is_current(directory));
  lam_directory_close(directory);
  end(&p);
}

/* ---- who needs no file ---- */

static void put_sorted(struct place *p, const char *key, int64_t first) {
  static const struct lam_column_options column = {.encoding = LAM_ENCODE_PLAIN};
  struct ArrowSchema schema;
  struct ArrowArray batch;
  struct lam_write_options options = LAM_WRITE_OPTIONS_INIT;
  int64_t ids[200];
  for (int64_t i = 0; i < 200; i++) ids[i] = first + i;
  options.row_group_rows = 100;
  options.page_rows = 10;
  options.no_sync = true;
  options.columns = &column, options.column_count = 1;
  options.sorting = &(struct lam_sort_key){.column = "id"}, options.sorting_count = 1;
  rows_schema(&schema);
  rows_batch(&schema, ids, 200, &batch);
  put_batch(p->store, key, &schema, &batch, &options);
  lam_array_release(&batch);
  lam_schema_release(&schema);
}

static bool describe_file(void *user, const struct lam_plan_file *file) {
  put_text(user, "%s %d of %d rows, %d ranges, %d bytes; ", lam_key_name(file->path), (int)file->rows_kept,
           (int)file->rows, (int)file->range_count, (int)file->bytes_fetched);
  return true;
}
static bool describe_partition(void *user, const struct lam_partition_info *p) {
  assert_int_equal(p->column_count, 1); /* the sort key */
  put_text(user, "%s %d rows, %s from %s to %s, %d overlap, %d dead; ", p->directory, (int)p->rows, p->columns->name,
           p->columns->min, p->columns->max, (int)p->columns->overlap, (int)p->dead_bytes);
  return true;
}

static void say(struct lam_directory *directory, const char *where, char text[TEXT]) {
  struct lam_plan_options options = LAM_PLAN_OPTIONS_INIT;
  struct lam_table *table;
  *text = 0;
  OK(lam_table_open_directory(directory, NULL, &table, &error));
  options.where = where;
  if (where)
    OK(lam_plan(table, &options, describe_file, text, NULL, &error));
  else
    OK(lam_partitions(table, NULL, describe_partition, text, NULL, &error));
  lam_table_close(table);
}

/* Plans and partitions by sidecars are those by footers, and open only the files of which a page index is wanted. */
static void test_nothing_is_opened(void **state) {
  (void)state;
  static const struct {
    const char *where; /* NULL: partitions */
    const char *opened;
  } cases[] = {
      {NULL, ""},
      {"TRUE", ""},
      {"id >= 100", ""},
      {"id >= 100 AND id < 300 AND value >= 0", ""},
      {"id BETWEEN 25 AND 29", "d=1/a.parquet\n"},
  };
  enum { CASES = sizeof cases / sizeof *cases };
  struct place p;
  static char by_footers[CASES][TEXT], text[TEXT];
  begin(&p);
  put_sorted(&p, "d=1/a.parquet", 0);
  put_sorted(&p, "d=2/b.parquet", 200);
  struct lam_directory *directory = open_place(p.path);
  for (int i = 0; i < CASES; i++) say(directory, cases[i].where, by_footers[i]);
  assert_string_equal(by_footers[0],
                      "d=1 200 rows, id from 0 to 199, 1 overlap, 0 dead; "
                      "d=2 200 rows, id from 200 to 399, 1 overlap, 0 dead; ");
  OK(lam_sidecar_build(context, p.path, NULL, NULL, NULL, NULL, &error));
  for (int pack = 0; pack < 2; pack++) {
    if (!pack) OK(directory->meta->ops->remove(directory->meta, "pm/pack", &error));
    if (pack) make_pack(directory, false, NULL);
    directory->pack_use = pack ? LAM_PACK_TRUSTED : LAM_PACK_FACTS;
    for (int i = 0; i < CASES; i++) {
      note_opens(directory);
      say(directory, cases[i].where, text);
      end_noting(directory);
      assert_string_equal(text, by_footers[i]);
      assert_string_equal(noted_opens, cases[i].opened);
    }
  }
  /* One that is elsewhere when a byte of it is wanted is looked for. */
  note_opens(directory);
  noted_missing = 1;
  say(directory, cases[CASES - 1].where, text);
  end_noting(directory);
  assert_string_equal(text, by_footers[CASES - 1]);
  assert_string_equal(noted_opens, "d=1/a.parquet\nd=1/a.parquet\n");
  lam_directory_close(directory);
  end(&p);
}

int main(void) {
  const struct CMUnitTest tests[] = {OPS_TEST(test_places), OPS_TEST(test_of_listed), OPS_TEST(test_nothing_is_opened)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
