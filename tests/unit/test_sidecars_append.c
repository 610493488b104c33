/* Sidecars of files that are appended to in place: both states are in them, and who has none gets none. */
#include "place_support.h"

#include "lamella/change.h"
#include "lamella/sidecar.h"
#include "pack_support.h"
#include "table/sidecars.h"

static const char place_of[] = "pm/a.parquet._pm";

static void delete_id(struct place *p, const char *where) {
  struct lam_delete_options options = LAM_DELETE_OPTIONS_INIT;
  struct lam_edit_result result = LAM_EDIT_RESULT_INIT;
  options.where = where;
  options.change.mode = LAM_MODE_APPEND;
  OK(lam_delete(context, p->path, &options, &result, &error));
  assert_int_equal(result.rows_deleted, 1);
}

/* The row groups and rows that the sidecar has of a state. */
static void want_state(struct lam_directory *directory, uint64_t size, uint64_t groups, uint64_t rows) {
  const struct lam_sidecar_open_options options = {.token = size, .whole = true};
  struct lam_sidecar *sidecar;
  uint64_t some, total = 0;
  OK(lam_sidecar_open_in(directory->meta, place_of, &options, mem, &sidecar, &error));
  assert_int_equal(lam_sidecar_row_groups(sidecar), groups);
  for (int32_t i = 0; i < lam_sidecar_row_groups(sidecar); i++) {
    OK(lam_sidecar_rows(sidecar, i, &some, &error));
    total += some;
  }
  assert_int_equal(total, rows);
  lam_sidecar_close(sidecar);
}

static void test_both_states(void **state) {
  (void)state;
  struct place p;
  begin(&p);
  put_groups(&p, "a.parquet", 0, 500);
  uint64_t sizes[3] = {info_of(p.store, "a.parquet").size};
  OK(lam_sidecar_build(context, p.path, NULL, NULL, NULL, NULL, &error));
  struct lam_directory *directory = open_place(p.path);
  delete_id(&p, "id = 150");
  sizes[1] = info_of(p.store, "a.parquet").size;
  delete_id(&p, "id = 420");
  sizes[2] = info_of(p.store, "a.parquet").size;
  assert_true(sizes[0] < sizes[1] && sizes[1] < sizes[2]);
  for (uint64_t i = 0; i < 3; i++) want_state(directory, sizes[i], 5, 500 - i);
  lam_directory_close(directory);
  end(&p);
}

/* One that cannot be appended to is left, and made anew by who reads the file next; where there is none, none comes of
 * the append. */
static void test_left(void **state) {
  (void)state;
  for (int damaged = 0; damaged < 2; damaged++) {
    struct place p;
    struct lam_table *table;
    struct lam_count_result counted = LAM_COUNT_RESULT_INIT;
    begin(&p);
    put_groups(&p, "a.parquet", 0, 500);
    struct lam_directory *directory = open_place(p.path);
    if (damaged) {
      OK(lam_sidecar_build(context, p.path, NULL, NULL, NULL, NULL, &error));
      OK(directory->meta->ops->remove(directory->meta, place_of, &error));
      OK(lam_store_put(directory->meta, place_of, lam_bytes_of_string("damaged"), &error));
    }
    delete_id(&p, "id = 150");
    assert_int_equal(there(directory->meta, place_of), damaged);
    OK(lam_table_open_in(mem, p.path, NULL, &table, &error));
    OK(lam_table_count(table, "id BETWEEN 140 AND 160", &counted, &error));
    assert_int_equal(counted.rows, 20);
    lam_table_close(table);
    if (damaged) want_state(directory, info_of(p.store, "a.parquet").size, 5, 499);
    lam_directory_close(directory);
    end(&p);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {OPS_TEST(test_both_states), OPS_TEST(test_left)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
