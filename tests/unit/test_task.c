/* How many tasks run at once for a limit of memory, and inputs that are no longer what was planned with. */
#include "change_support.h"

#include "ops/task.h"

#define MIB (UINT64_C(1) << 20)

static void test_memory(void **state) {
  (void)state;
  static const struct {
    uint32_t threads;
    uint64_t limit, minimum; /* MiB */
    uint32_t width;
    uint64_t share; /* MiB, of that width */
  } cases[] = {
      {1, 1024, 64, 1, 256}, {2, 1024, 112, 2, 128}, {2, 224, 112, 2, 28},
      {2, 222, 111, 1, 55},  {8, 256, 128, 2, 32},   {4, 16, 8, 1, 4},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct lam_context_options options = LAM_CONTEXT_OPTIONS_INIT;
    struct lam_context *small;
    options.threads = cases[i].threads;
    options.memory_limit = cases[i].limit * MIB;
    OK(lam_context_create(&options, &small, &error));
    assert_int_equal(lam_tasks_minimum(small), cases[i].minimum * MIB);
    assert_int_equal(lam_tasks_width(small), cases[i].width);
    assert_int_equal(lam_tasks_share(small, cases[i].width) / MIB, cases[i].share);
    lam_context_free(small);
  }
}

static void put_again(struct world *w) {
  put_rows(w->data, "p=1/a.parquet", 1, 3);
}
static void put_other(struct world *w) {
  put_rows(w->data, "p=1/a.parquet", 1, 4);
}
static void take_away(struct world *w) {
  OK(w->data->ops->remove(w->data, "p=1/a.parquet", &error));
}
static void put_damaged(struct world *w) {
  take_away(w);
  put_file(w->data, "p=1/a.parquet", "no Parquet file");
}
static void do_nothing(struct world *w) {
  (void)w;
}

/* What happens to an input between the plan and its opening. */
static void test_inputs(void **state) {
  (void)state;
  static const struct {
    void (*meanwhile)(struct world *w);
    enum lam_status expected;
  } cases[] = {{do_nothing, LAM_OK},
               {put_again, LAM_CONFLICT},
               {put_other, LAM_CONFLICT},
               {take_away, LAM_CONFLICT},
               {put_damaged, LAM_CONFLICT}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct world w;
    struct lam_snapshot snapshot;
    struct lam_file *file = NULL;
    begin_world_in_memory(&w);
    put_rows(w.data, "p=1/a.parquet", 1, 3);
    OK(lam_snapshot_open(w.directory, NULL, &snapshot, &error));
    cases[i].meanwhile(&w);
    struct lam_error error = LAM_ERROR_INIT;
    enum lam_status status = lam_input_open(w.directory, &snapshot, &snapshot.files[0], NULL, mem, &file, &error);
    assert_int_equal(status, cases[i].expected);
    if (status == LAM_OK) {
      assert_int_equal(lam_file_rows(file), 3);
    } else {
      assert_null(file);
      assert_string_equal(error.message,
                          "p=1/a.parquet was changed by another writer since it was planned; nothing was changed");
    }
    lam_file_close(file);
    lam_snapshot_release(&snapshot);
    end_world_in_memory(&w);
  }
}

/* Before anything is read. */
static void test_cancelled(void **state) {
  (void)state;
  struct world w;
  struct lam_snapshot snapshot;
  struct lam_file *file;
  begin_world_in_memory(&w);
  put_rows(w.data, "p=1/a.parquet", 1, 3);
  OK(lam_snapshot_open(w.directory, NULL, &snapshot, &error));
  lam_context_cancel(context);
  assert_int_equal(lam_input_open(w.directory, &snapshot, &snapshot.files[0], NULL, mem, &file, NULL), LAM_CANCELLED);
  lam_snapshot_release(&snapshot);
  end_world_in_memory(&w);
}

int main(void) {
  const struct CMUnitTest tests[] = {OPS_TEST(test_memory), OPS_TEST(test_inputs), OPS_TEST(test_cancelled)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
