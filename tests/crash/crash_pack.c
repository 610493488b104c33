/* Making sidecars and a pack, and a commit that renews them, stopped at every operation of their stores: readers that
 * trust whatever is there see the table as it is listed, and files as their footers say. */
#include "fault_store.h"
#include "ops_support.h"
#include "powercut_store.h"

#include "ops/sidecar_build.h"
#include "pack_support.h"
#include "parquet/prune.h"
#include "table/sidecars.h"

struct world {
  struct powercut *cut;
  struct fault *fault;
  struct lam_store *data, *meta, *bad_data, *bad_meta;
};

static void begin_world(struct world *w) {
  OK(powercut_create(context, &w->cut, &error));
  OK(powercut_open(w->cut, "trades", &w->data, &error));
  OK(powercut_open(w->cut, "trades.lamella", &w->meta, &error));
  put_rows(w->data, "d=1/a.parquet", 0, 5);
  put_rows(w->data, "d=1/b.parquet", 10, 5);
  put_rows(w->data, "d=2/a.parquet", 20, 5);
  OK(w->data->ops->sync_all(w->data, &error));
  fault_create(&w->fault);
  fault_wrap(w->fault, w->data, &w->bad_data);
  fault_wrap(w->fault, w->meta, &w->bad_meta);
}
static void end_world(struct world *w) {
  lam_store_close(w->bad_data);
  lam_store_close(w->bad_meta);
  fault_free(w->fault);
  lam_store_close(w->data);
  lam_store_close(w->meta);
  powercut_free(w->cut);
}

static struct lam_directory *directory_of(struct lam_store *data, struct lam_store *meta) {
  struct lam_directory *directory;
  OK(lam_directory_open_stores(context, data, meta, "trades", mem, &directory, &error));
  return directory;
}

/* Whatever sidecar there is, the file is the one that its footer describes. */
static void want_described(struct lam_directory *directory, const struct lam_snapshot *snapshot,
                           const struct lam_data_file *data) {
  struct lam_file *file, *by_footer;
  struct lam_facts_column facts[2];
  struct lam_arena arena;
  OK(lam_snapshot_file_by_footer(directory, snapshot, data, NULL, mem, &by_footer, &error));
  OK(lam_snapshot_file(directory, snapshot, data, NULL, mem, &file, &error));
  lam_arena_init(&arena, mem);
  OK(lam_file_facts(file, 0, &arena, &facts[0], &error));
  OK(lam_file_facts(by_footer, 0, &arena, &facts[1], &error));
  assert_int_equal(lam_file_rows(file), lam_file_rows(by_footer));
  assert_int_equal(facts[0].min.value.i, facts[1].min.value.i);
  assert_int_equal(facts[0].max.value.i, facts[1].max.value.i);
  lam_arena_release(&arena);
  lam_file_close(file);
  lam_file_close(by_footer);
}

/* A reader that trusts the pack sees what one without it does. */
static void want_true(struct world *w) {
  struct lam_snapshot trusted, listed;
  struct lam_directory *directory = directory_of(w->data, w->meta);
  OK(lam_snapshot_open(directory, NULL, &listed, &error));
  directory->pack_use = LAM_PACK_TRUSTED;
  OK(lam_snapshot_open(directory, NULL, &trusted, &error));
  assert_int_equal(trusted.file_count, listed.file_count);
  for (size_t i = 0; i < listed.file_count; i++) {
    assert_string_equal(trusted.files[i].key, listed.files[i].key);
    assert_true(lam_identity_equal(trusted.files[i].identity, listed.files[i].identity));
    want_described(directory, &listed, &listed.files[i]);
  }
  lam_snapshot_release(&trusted);
  lam_snapshot_release(&listed);
  lam_directory_close(directory);
}

static enum lam_status run_make(struct lam_directory *directory, struct lam_error *e) {
  return lam_pack_make(directory, false, ((int64_t)time(NULL) + 100) * 1000000000, NULL, e);
}
static enum lam_status run_renew(struct lam_directory *directory, struct lam_error *e) {
  return lam_compact_directory(directory, NULL, NULL, e); /* whose commit renews it */
}

static enum lam_status run_build(struct lam_directory *directory, struct lam_error *e) {
  struct lam_sidecar_build_options options = LAM_SIDECAR_BUILD_OPTIONS_INIT;
  struct lam_sidecar_build_result result = LAM_SIDECAR_BUILD_RESULT_INIT;
  enum lam_status status = lam_sidecar_build_directory(directory, &options, NULL, NULL, &result, e);
  if (status == LAM_OK) assert_int_equal(result.built + result.current + result.failed, result.files);
  return status;
}

/* Every file has a sidecar of its present state. */
static void want_sidecars(struct world *w) {
  struct lam_directory *directory = directory_of(w->data, w->meta);
  struct lam_snapshot snapshot;
  OK(lam_snapshot_open(directory, NULL, &snapshot, &error));
  want_sidecars_of(directory, &snapshot);
  lam_snapshot_release(&snapshot);
  lam_directory_close(directory);
}

struct scenario {
  const char *name;
  bool has_pack; /* and sidecars, but of a file that is there no more and of one that was another */
  enum lam_status (*run)(struct lam_directory *directory, struct lam_error *e);
};
static const struct scenario scenarios[] = {
    {"make", false, run_make},   {"make anew", true, run_make},   {"commit", true, run_renew},
    {"build", false, run_build}, {"build anew", true, run_build},
};

/* Sidecars and a pack; then the table changes, and nobody tells them. */
static void set_up_old(struct world *w) {
  struct lam_directory *directory = directory_of(w->data, w->meta);
  OK(run_build(directory, &error));
  make_pack(directory, false, NULL);
  lam_directory_close(directory);
  put_rows(w->data, "d=1/b.parquet", 30, 5);
  OK(w->data->ops->remove(w->data, "d=2/a.parquet", &error));
  put_rows(w->data, "d=3/a.parquet", 40, 5);
  OK(w->data->ops->sync_all(w->data, &error));
}

/* All that the table is. */
static struct lam_buf bytes_of(struct lam_store *data) {
  struct lam_arena arena;
  struct lam_buf out;
  lam_arena_init(&arena, mem);
  lam_buf_init(&out, mem);
  append_tree(data, &arena, "", false, &out);
  lam_arena_release(&arena);
  return out;
}

/* A build that was stopped is gone on with by the next; neither touches the table. */
static void want_built(struct world *w, struct lam_bytes before) {
  struct lam_directory *directory = directory_of(w->data, w->meta);
  OK(run_build(directory, &error));
  lam_directory_close(directory);
  want_sidecars(w);
  want_true(w);
  struct lam_buf after = bytes_of(w->data);
  assert_true(lam_bytes_equal(lam_bytes_of(after.data, after.size), before));
  lam_buf_release(&after);
}

/* False once there are fewer operations. */
static bool stop_at(const struct scenario *scenario, const struct fault_plan *how, int cut, uint64_t at) {
  struct world w;
  struct lam_error error = LAM_ERROR_INIT;
  struct fault_plan plan = *how;
  begin_world(&w);
  if (scenario->has_pack) set_up_old(&w);
  struct lam_buf before = bytes_of(w.data);
  plan.at = at;
  fault_arm(w.fault, &plan);
  struct lam_directory *directory = directory_of(w.bad_data, w.bad_meta);
  enum lam_status status = scenario->run(directory, &error);
  bool more = fault_count(w.fault) >= at;
  fault_arm(w.fault, NULL);
  if (!more) want_ok(status, &error);
  lam_directory_close(directory);
  want_true(&w);
  if (cut >= 0) {
    powercut_crash(w.cut, (enum powercut_mode)cut, at * 7919);
    want_true(&w);
  }
  if (scenario->run != run_renew) want_built(&w, lam_bytes_of(before.data, before.size));
  lam_buf_release(&before);
  directory = directory_of(w.data, w.meta); /* the next one goes through */
  OK(lam_compact_directory(directory, NULL, NULL, &error));
  make_pack(directory, true, NULL);
  lam_directory_close(directory);
  want_true(&w);
  if (scenario->has_pack && status == LAM_OK) want_sidecars(&w);
  end_world(&w);
  return more;
}

static void test_stopped(void **state) {
  (void)state;
  static const struct fault_plan plans[] = {
      {.action = FAULT_FAIL},
      {.action = FAULT_FAIL, .after = true},
      {.action = FAULT_FAIL, .onwards = true, .reads = true},
      {.action = FAULT_FULL, .onwards = true},
  };
  for (size_t s = 0; s < sizeof scenarios / sizeof *scenarios; s++)
    for (size_t p = 0; p < sizeof plans / sizeof *plans; p++) {
      uint64_t at = 1;
      while (stop_at(&scenarios[s], &plans[p], -1, at)) at++;
      assert_true(at > 5);
    }
}

static void test_power_cut(void **state) {
  (void)state;
  const struct fault_plan plan = {.action = FAULT_FAIL, .onwards = true};
  for (size_t s = 0; s < sizeof scenarios / sizeof *scenarios; s++)
    for (int cut = POWERCUT_DROP; cut <= POWERCUT_RANDOM; cut++)
      for (uint64_t at = 1; stop_at(&scenarios[s], &plan, cut, at);) at++;
}

int main(void) {
  const struct CMUnitTest tests[] = {OPS_TEST(test_stopped), OPS_TEST(test_power_cut)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
