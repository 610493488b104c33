/* Files of a snapshot opened: for their metadata without being opened, late where bytes are asked for, and not at all
 * once they are others. */
#include "place_support.h"

#include "lamella/sidecar.h"
#include "pack_support.h"

static void snapshot_of(struct lam_directory *directory, struct lam_snapshot *out) {
  OK(lam_snapshot_open(directory, NULL, out, &error));
  assert_int_equal(out->file_count, 1);
}

static void test_unopened(void **state) {
  (void)state;
  struct place p;
  struct lam_snapshot snapshot;
  struct lam_file *file;
  uint8_t magic[4];
  begin(&p);
  put_groups(&p, "a.parquet", 0, 250);
  OK(lam_sidecar_build(context, p.path, NULL, NULL, NULL, NULL, &error));
  struct lam_directory *directory = open_place(p.path);
  snapshot_of(directory, &snapshot);
  OK(lam_snapshot_file_unopened(directory, &snapshot, &snapshot.files[0], NULL, mem, &file, &error));
  assert_true(lam_file_meta(file)->dead_known); /* as a sidecar says */
  assert_int_equal(lam_file_rows(file), 250);
  assert_int_equal(lam_file_row_groups(file), 3);
  assert_int_equal(lam_file_size(file), snapshot.files[0].identity.size);
  OK(lam_file_read(file, 0, magic, sizeof magic, &error)); /* opens it */
  assert_memory_equal(magic, "PAR1", 4);
  lam_file_close(file);
  /* Metadata of the file that was listed are given although it is another by now; its bytes are not. */
  OK(lam_snapshot_file_unopened(directory, &snapshot, &snapshot.files[0], NULL, mem, &file, &error));
  put_groups(&p, "b.parquet", 0, 250);
  OK(p.store->ops->replace(p.store, "b.parquet", p.store, "a.parquet", &error));
  assert_int_equal(lam_file_rows(file), 250);
  FAILS(lam_file_read(file, 0, magic, sizeof magic, &error), LAM_NOT_FOUND, "was replaced after it was listed");
  FAILS(lam_file_read_footer(file, &error), LAM_NOT_FOUND, "a.parquet");
  lam_file_close(file);
  lam_snapshot_release(&snapshot);
  lam_directory_close(directory);
  end(&p);
}

/* Without a sidecar of its state the footer is read, and the table's sidecar made anew. */
static void test_stale(void **state) {
  (void)state;
  struct place p;
  struct lam_snapshot snapshot;
  struct lam_file *file;
  begin(&p);
  put_groups(&p, "a.parquet", 0, 10);
  OK(lam_sidecar_build(context, p.path, NULL, NULL, NULL, NULL, &error));
  put_groups(&p, "b.parquet", 0, 110);
  OK(p.store->ops->replace(p.store, "b.parquet", p.store, "a.parquet", &error));
  struct lam_directory *directory = open_place(p.path);
  snapshot_of(directory, &snapshot);
  for (int again = 0; again < 2; again++) {
    OK(lam_snapshot_file_unopened(directory, &snapshot, &snapshot.files[0], NULL, mem, &file, &error));
    assert_int_equal(lam_file_meta(file)->dead_known, again);
    assert_int_equal(lam_file_rows(file), 110);
    lam_file_close(file);
  }
  OK(lam_snapshot_file_by_footer(directory, &snapshot, &snapshot.files[0], NULL, mem, &file, &error));
  assert_false(lam_file_meta(file)->dead_known);
  lam_file_close(file);
  lam_snapshot_release(&snapshot);
  lam_directory_close(directory);
  end(&p);
}

int main(void) {
  const struct CMUnitTest tests[] = {OPS_TEST(test_unopened), OPS_TEST(test_stale)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
