/* Sidecars in step with commits: they come from the stage, of files that nobody opens again, and go with their files.
 */
#include "place_support.h"

#include "lamella/sidecar.h"
#include "pack_support.h"
#include "table/sidecars.h"

static void build(struct place *p) {
  OK(lam_sidecar_build(context, p->path, NULL, NULL, NULL, NULL, &error));
}

/* Every file of the table has a sidecar of its present state, and nothing else has one. */
static void want_in_step(struct place *p, size_t files) {
  struct lam_directory *directory = open_place(p->path);
  struct lam_snapshot snapshot;
  uint64_t orphans;
  OK(lam_snapshot_open(directory, NULL, &snapshot, &error));
  assert_int_equal(snapshot.file_count, files);
  want_sidecars_of(directory, &snapshot);
  OK(lam_sidecars_sweep(directory, &orphans, &error));
  assert_int_equal(orphans, 0);
  lam_snapshot_release(&snapshot);
  lam_directory_close(directory);
}

static void compact(struct place *p) {
  struct lam_directory *directory = open_place(p->path);
  note_opens(directory);
  OK(lam_compact_directory(directory, NULL, NULL, &error));
  end_noting(directory);
  lam_directory_close(directory);
}

static void test_commits(void **state) {
  (void)state;
  struct place p;
  begin(&p);
  put_groups(&p, "d=1/a.parquet", 0, 100);
  put_groups(&p, "d=1/b.parquet", 100, 100);
  put_groups(&p, "c.parquet", 0, 10);
  compact(&p); /* a table without sidecars gets none */
  struct lam_directory *directory = open_place(p.path);
  assert_false(there(directory->meta, "pm"));
  lam_directory_close(directory);
  build(&p);
  want_in_step(&p, 2);
  put_groups(&p, "d=1/c.parquet", 200, 100);
  put_groups(&p, "d=2/a.parquet", 0, 1);
  put_groups(&p, "d=2/b.parquet", 1, 1);
  build(&p);
  compact(&p);
  want_in_step(&p, 3);
  assert_non_null(strstr(noted_opens, "d=1/c.parquet\n")); /* was read */
  /* The outputs have UUIDs in their names, the inputs but one have none. */
  size_t lines = 0;
  for (const char *at = noted_opens; (at = strchr(at, '\n')); at++) lines++;
  assert_true(lines <= 8);
  assert_null(strstr(noted_opens, "d=2/a-"));
  end(&p);
}

/* A partition that is moved out of the table and back has its sidecars still. */
static void test_detached(void **state) {
  (void)state;
  struct place p;
  begin(&p);
  put_groups(&p, "d=1/a.parquet", 0, 100);
  put_groups(&p, "d=2/a.parquet", 0, 100);
  build(&p);
  OK(p.store->ops->rename(p.store, "d=1", p.store, ".detached", &error));
  compact(&p);
  OK(p.store->ops->rename(p.store, ".detached", p.store, "d=1", &error));
  want_in_step(&p, 2);
  end(&p);
}

int main(void) {
  const struct CMUnitTest tests[] = {OPS_TEST(test_commits), OPS_TEST(test_detached)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
