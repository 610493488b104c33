/* The commit of a directory table, stopped at every operation of its stores: by errors, by death, by a power cut, and
 * with other programs writing into the table at any moment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "fault_store.h"
#include "powercut_store.h"
#include "table_support.h"

static struct lam_context *context;
static struct lam_mem *mem;
static int64_t now_seconds;
static int64_t fixed_now(void) {
  return now_seconds;
}

/* The table before, and the changes. Each letter is a row; partition a=1 keeps a file, a=2 is replaced whole, a=3 is
 * new, a=4 loses all, as do both directories of a=5, which then are gone; "same name" replaces files by others. */
static const struct {
  const char *key, *text;
} before[] = {
    {"_metadata", "summary"},    {"a=1/.f1.parquet.crc", "sum"}, {"a=1/f1.parquet", "A"},
    {"a=1/f2.parquet", "B"},     {"a=1/f3.parquet", "C"},        {"a=1/notes.txt", "notes"},
    {"a=2/f1.parquet", "D"},     {"a=2/f2.parquet", "E"},        {"a=2/f3.parquet", "F"},
    {"a=4/f1.parquet", "G"},     {"a=5/b=1/f1.parquet", "H"},    {"a=5/b=2/f1.parquet", "I"},
    {"a=5/b=2/f2.parquet", "J"},
};
static const char old_tree[] =
    "_metadata=summary;a=1/.f1.parquet.crc=sum;a=1/f1.parquet=A;a=1/f2.parquet=B;a=1/f3.parquet=C;a=1/notes.txt=notes;"
    "a=2/f1.parquet=D;a=2/f2.parquet=E;a=2/f3.parquet=F;a=4/f1.parquet=G;a=5/b=1/f1.parquet=H;"
    "a=5/b=2/f1.parquet=I;a=5/b=2/f2.parquet=J;";

static bool planned; /* the snapshot has been taken */

struct scenario {
  const char *name;
  const char *removes[10];
  struct {
    const char *key, *text;
  } adds[4];
  const char *tree; /* after */
  bool by_files;    /* a plain reader may miss rows for a moment */
  bool backup;
};
static const struct scenario scenarios[] = {
    {"compact",
     {"a=1/f1.parquet", "a=1/f2.parquet", "a=2/f1.parquet", "a=2/f2.parquet", "a=2/f3.parquet", "a=4/f1.parquet",
      "a=5/b=1/f1.parquet", "a=5/b=2/f1.parquet", "a=5/b=2/f2.parquet"},
     {{"a=1/n1.parquet", "AB"}, {"a=2/n2.parquet", "DEF"}, {"a=3/b=1/n3.parquet", "G"}},
     "a=1/f3.parquet=C;a=1/n1.parquet=AB;a=1/notes.txt=notes;a=2/n2.parquet=DEF;a=3/b=1/n3.parquet=G;",
     false,
     true},
    {"same name",
     {"a=2/f1.parquet", "a=4/f1.parquet"},
     {{"a=2/f1.parquet", "d"}, {"a=4/f1.parquet", "g"}, {"a=4/f2.parquet", "h"}},
     "a=1/.f1.parquet.crc=sum;a=1/f1.parquet=A;a=1/f2.parquet=B;a=1/f3.parquet=C;a=1/notes.txt=notes;"
     "a=2/f1.parquet=d;a=2/f2.parquet=E;a=2/f3.parquet=F;a=4/f1.parquet=g;a=4/f2.parquet=h;"
     "a=5/b=1/f1.parquet=H;a=5/b=2/f1.parquet=I;a=5/b=2/f2.parquet=J;",
     false,
     false},
};
enum { SCENARIOS = sizeof scenarios / sizeof *scenarios };

struct world {
  struct powercut *cut;
  struct fault *fault;
  struct lam_store *data, *meta, *backup;             /* as they are */
  struct lam_store *bad_data, *bad_meta, *bad_backup; /* wrapped */
  bool no_exchange;
};

/* A store without the exchange: as on a file system that lacks it. */
static enum lam_status no_exchange(struct lam_store *from, const char *from_key, struct lam_store *to,
                                   const char *to_key, struct lam_error *error) {
  (void)from, (void)to;
  return lam_fail(error, LAM_UNSUPPORTED, "no exchange of %s and %s", from_key, to_key);
}

static void begin_world(struct world *world) {
  OK(powercut_create(context, &world->cut, &error));
  OK(powercut_open(world->cut, "trades", &world->data, &error));
  OK(powercut_open(world->cut, "trades.lamella", &world->meta, &error));
  OK(powercut_open(world->cut, "backup", &world->backup, &error));
  for (size_t i = 0; i < sizeof before / sizeof *before; i++) put_file(world->data, before[i].key, before[i].text);
  OK(world->data->ops->sync_all(world->data, &error));
  fault_create(&world->fault);
  fault_wrap(world->fault, world->data, &world->bad_data);
  fault_wrap(world->fault, world->meta, &world->bad_meta);
  fault_wrap(world->fault, world->backup, &world->bad_backup);
}

static void end_world(struct world *world) {
  lam_store_close(world->bad_data);
  lam_store_close(world->bad_meta);
  lam_store_close(world->bad_backup);
  fault_free(world->fault);
  lam_store_close(world->data);
  lam_store_close(world->meta);
  lam_store_close(world->backup);
  powercut_free(world->cut);
}

static struct lam_directory *open_table(struct lam_store *data, struct lam_store *meta) {
  struct lam_directory *directory;
  OK(lam_directory_open_stores(context, data, meta, "trades", mem, &directory, &error));
  directory->now = fixed_now;
  return directory;
}

/* Plan, stage and commit, over stores that may fail. The status of the first failure. */
static enum lam_status stage_and_commit(const struct scenario *scenario, struct lam_stage *stage,
                                        struct lam_directory *directory, struct lam_store *backup,
                                        struct lam_commit_result *result, struct lam_error *error) {
  struct lam_snapshot snapshot;
  struct lam_change change;
  struct lam_commit_options options = {.backup = scenario->backup ? backup : NULL};
  LAM_TRY(lam_snapshot_open(directory, NULL, &snapshot, error));
  lam_change_init(&change, mem);
  planned = true;
  enum lam_status status = LAM_OK;
  for (size_t i = 0; i < 10 && scenario->removes[i] && status == LAM_OK; i++)
    status = lam_change_remove(&change, file_of(&snapshot, scenario->removes[i]), error);
  for (size_t i = 0; i < 4 && scenario->adds[i].key && status == LAM_OK; i++) {
    char *staged, *key;
    struct lam_output *output;
    struct lam_store *meta = directory->meta;
    status = lam_stage_file(stage, "a=1", &change.arena, &staged, &key, error);
    if (status == LAM_OK) status = meta->ops->create(meta, staged, &output, error);
    if (status != LAM_OK) break;
    const char *text = scenario->adds[i].text;
    status = meta->ops->write(output, text, strlen(text), error);
    enum lam_status closed = meta->ops->close_output(output, status == LAM_OK ? error : NULL);
    if (status == LAM_OK) status = closed;
    if (status == LAM_OK) status = lam_change_add(&change, staged, scenario->adds[i].key, error);
  }
  if (status == LAM_OK) status = lam_commit(stage, &change, &options, result, error);
  lam_change_release(&change);
  lam_snapshot_release(&snapshot);
  return status;
}

static enum lam_status run(struct world *world, const struct scenario *scenario, struct lam_commit_result *result,
                           struct lam_error *error) {
  struct lam_directory *directory = open_table(world->bad_data, world->bad_meta);
  struct lam_stage stage;
  *result = (struct lam_commit_result){0};
  enum lam_status status = lam_stage_begin(directory, &stage, error);
  if (status == LAM_OK) {
    status = stage_and_commit(scenario, &stage, directory, world->bad_backup, result, error);
    lam_stage_end(&stage, result);
  }
  lam_directory_close(directory);
  return status;
}

/* ---- what is wanted at every moment ---- */

/* Rows of one partition in a tree: the letters of its *.parquet files. */
static void rows_of(const char *tree, const char *partition, char *out) {
  size_t n = 0;
  for (const char *item = tree; *item; item = strchr(item, ';') + 1) {
    const char *equals = strstr(item, ".parquet=");
    const char *end = strchr(item, ';');
    if (strncmp(item, partition, strlen(partition)) != 0 || !equals || equals > end) continue;
    for (const char *p = equals + 9; p < end; p++) {
      size_t at = n++;
      for (; at > 0 && out[at - 1] > *p; at--) out[at] = out[at - 1];
      out[at] = *p;
    }
  }
  out[n] = 0;
}

/* Each partition's old rows or its new ones; with `subset`, some of either may be missing. */
static void want_no_row_twice(const char *tree, const struct scenario *scenario, bool subset) {
  static const char *const partitions[] = {"a=1/", "a=2/", "a=3/", "a=4/", "a=5/b=1/", "a=5/b=2/"};
  for (size_t i = 0; i < 6; i++) {
    char rows[64], old[64], new[64];
    rows_of(tree, partitions[i], rows);
    rows_of(old_tree, partitions[i], old);
    rows_of(scenario->tree, partitions[i], new);
    bool fine = strcmp(rows, old) == 0 || strcmp(rows, new) == 0;
    if (subset && !fine) {
      fine = true;
      for (const char *p = rows; *p; p++) fine = fine && p[0] != p[1] && (strchr(old, *p) || strchr(new, *p));
      fine = fine && (strspn(rows, old) == strlen(rows) || strspn(rows, new) == strlen(rows));
    }
    if (!fine) print_error("%s of %s: %s\n", partitions[i], scenario->name, tree);
    assert_true(fine);
  }
}

static void want_plain(struct world *world, const struct scenario *scenario) {
  char *tree = tree_of(world->data, mem, true);
  want_no_row_twice(tree, scenario, world->no_exchange);
  free(tree);
}

static void data_only(const char *tree, char *out) {
  *out = 0;
  for (const char *item = tree; *item; item = strchr(item, ';') + 1) {
    const char *equals = strchr(item, '=') ? strstr(item, ".parquet=") : NULL, *end = strchr(item, ';');
    if (equals && equals < end) strncat(out, item, (size_t)(end - item + 1));
  }
}

/* A reader of ours sees exactly one of both. */
static bool want_reader(struct world *world, const struct scenario *scenario) {
  char old[1024], new[1024];
  data_only(old_tree, old);
  data_only(scenario->tree, new);
  struct lam_directory *directory = open_table(world->data, world->meta);
  char *seen = seen_by_reader(directory);
  bool is_new = strcmp(seen, new) == 0;
  if (!is_new) assert_string_equal(seen, old);
  free(seen);
  lam_directory_close(directory);
  return is_new;
}

/* A partition without files is gone, and so is what was above nothing else. */
static void want_no_empty_directory(struct lam_store *data, const char *tree) {
  static const char *const directories[] = {"a=1/", "a=2/", "a=3/b=1/", "a=4/", "a=5/b=1/", "a=5/b=2/", "a=5/"};
  for (size_t i = 0; i < sizeof directories / sizeof *directories; i++) {
    char key[16];
    snprintf(key, sizeof key, "%.*s", (int)strlen(directories[i]) - 1, directories[i]);
    assert_int_equal(there(data, key), strstr(tree, directories[i]) != NULL);
  }
}

/* The next writer comes. True where the table is the new one. Who lives on after an error may leave a directory that
 * could not be removed: that is no reason to fail. */
static bool recover_and_check(struct world *world, const struct scenario *scenario, bool died) {
  struct lam_directory *directory = open_table(world->data, world->meta);
  bool recovered;
  OK(lam_directory_recover(directory, 0, true, &recovered, &error));
  char *tree = tree_of(world->data, mem, false);
  bool is_new = strcmp(tree, scenario->tree) == 0;
  if (!is_new) assert_string_equal(tree, old_tree);
  if (died) want_no_empty_directory(world->data, tree);
  OK(lam_directory_recover(directory, 0, true, &recovered, &error));
  assert_false(recovered);
  char *again = tree_of(world->data, mem, false);
  assert_string_equal(tree, again);
  free(tree);
  free(again);
  assert_false(there(world->meta, "journal"));

  /* A day later nothing is left of all that. */
  now_seconds += 86400;
  OK(lam_directory_recover(directory, 0, true, &recovered, &error));
  now_seconds -= 86400;
  struct lam_arena arena;
  struct lam_entries entries;
  lam_arena_init(&arena, mem);
  const char *const empty[] = {"stage", "retired"};
  for (int i = 0; i < 2; i++) {
    if (!there(world->meta, empty[i])) continue;
    OK(lam_list(world->meta, empty[i], &arena, &entries, &error));
    assert_int_equal(entries.count, 0);
  }
  lam_arena_release(&arena);
  lam_directory_close(directory);
  return is_new;
}

static void want_agreement(enum lam_status status, const struct lam_commit_result *result, bool is_new) {
  if (status == LAM_OK || result->committed) assert_true(is_new);
  if (status != LAM_OK && !result->committed && !result->in_doubt) assert_false(is_new);
}

/* ---- the tests ---- */

struct variant {
  struct fault_plan plan;
  int cut; /* enum powercut_mode, or -1 */
  uint64_t seed;
};

/* Stops one commit at operation `at`. False once there are fewer operations. */
static bool stop_at(const struct scenario *scenario, const struct variant *variant, uint64_t at, bool without) {
  struct world world = {.no_exchange = without};
  begin_world(&world);
  struct lam_store_ops ops = *world.bad_meta->ops;
  if (without) {
    ops.exchange = no_exchange;
    world.bad_data->ops = world.bad_meta->ops = world.bad_backup->ops = &ops;
  }
  struct fault_plan plan = variant->plan;
  struct lam_commit_result result;
  struct lam_error error = LAM_ERROR_INIT;
  plan.at = at;
  fault_arm(world.fault, &plan);
  enum lam_status status = run(&world, scenario, &result, &error);
  bool more = fault_count(world.fault) >= at;
  if (!more) assert_int_equal(status, LAM_OK);
  fault_arm(world.fault, NULL);
  want_plain(&world, scenario);
  bool seen_new = want_reader(&world, scenario);
  if (variant->cut >= 0) {
    powercut_crash(world.cut, (enum powercut_mode)variant->cut, variant->seed * 7919 + at);
    want_plain(&world, scenario);
    seen_new = want_reader(&world, scenario);
  }
  if (getenv("LAM_TRACE"))
    print_message("%s: at %lu after %d onwards %d reads %d without %d cut %d: %s\n", scenario->name, (unsigned long)at,
                  plan.after, plan.onwards, plan.reads, without, variant->cut, error.message);
  bool is_new = recover_and_check(&world, scenario, variant->plan.onwards);
  assert_true(is_new == seen_new);
  if (variant->cut < 0 || status == LAM_OK) want_agreement(status, &result, is_new);
  if (variant->cut >= 0 && status != LAM_OK && !result.committed && !result.in_doubt) assert_false(is_new);
  end_world(&world);
  return more;
}

static void stop_everywhere(const struct variant *variant, bool without) {
  for (size_t i = 0; i < SCENARIOS; i++) {
    uint64_t at = 1;
    while (stop_at(&scenarios[i], variant, at, without)) at++;
    assert_true(at > 20);
  }
}

static void test_errors(void **state) {
  (void)state;
  for (int i = 0; i < 8; i++) {
    struct variant variant = {{.after = i & 1, .onwards = i & 2, .reads = i & 4}, -1, 0};
    stop_everywhere(&variant, false);
    stop_everywhere(&variant, true);
  }
}

static void test_full_disk(void **state) {
  (void)state;
  struct variant variant = {{.action = FAULT_FULL, .onwards = true}, -1, 0};
  stop_everywhere(&variant, false);
}

static void test_power_cut(void **state) {
  (void)state;
  for (int mode = POWERCUT_DROP; mode <= POWERCUT_RANDOM; mode++) {
    for (uint64_t seed = 1; seed <= (mode == POWERCUT_RANDOM ? 8u : 1u); seed++) {
      struct variant variant = {{.onwards = true, .after = seed & 1}, mode, seed};
      stop_everywhere(&variant, false);
      stop_everywhere(&variant, true);
    }
  }
}

/* The recovery is stopped too, at every operation, and the power cut again. */
static void test_recovery_stopped(void **state) {
  (void)state;
  uint64_t operations;
  {
    struct world world = {0};
    struct lam_commit_result result;
    begin_world(&world);
    fault_arm(world.fault, NULL);
    OK(run(&world, &scenarios[0], &result, &error));
    operations = fault_count(world.fault);
    end_world(&world);
  }
  for (uint64_t at = operations / 2; at <= operations; at += 3) {
    bool more = true;
    for (uint64_t again = 1; more; again += 2) {
      struct world world = {0};
      struct lam_commit_result result;
      struct lam_error error = LAM_ERROR_INIT;
      begin_world(&world);
      fault_arm(world.fault, &(struct fault_plan){.at = at, .onwards = true});
      enum lam_status status = run(&world, &scenarios[0], &result, &error);
      struct lam_directory *directory = open_table(world.bad_data, world.bad_meta);
      fault_arm(world.fault, &(struct fault_plan){.at = again, .onwards = true});
      bool recovered;
      lam_directory_recover(directory, 0, true, &recovered, NULL);
      more = fault_count(world.fault) >= again;
      fault_arm(world.fault, NULL);
      lam_directory_close(directory);
      want_plain(&world, &scenarios[0]);
      bool seen_new = want_reader(&world, &scenarios[0]);
      if (again % 4 == 1) powercut_crash(world.cut, POWERCUT_RANDOM, at * 1000 + again);
      want_plain(&world, &scenarios[0]);
      if (getenv("LAM_TRACE")) print_message("stopped at %lu, again at %lu\n", (unsigned long)at, (unsigned long)again);
      bool is_new = recover_and_check(&world, &scenarios[0], true);
      if (again % 4 != 1) {
        assert_true(is_new == seen_new);
        want_agreement(status, &result, is_new);
      }
      end_world(&world);
    }
  }
}

/* ---- other programs ---- */

enum intrusion { NEW_FILE, REWRITE_KEPT, REWRITE_REMOVED, NEW_DIRECTORY, EMPTIED_DIRECTORY, INTRUSIONS };
struct intruder {
  struct world *world;
  bool after_plan;
  enum intrusion what;
};

/* A program that knows nothing of us: it writes a file and renames it over whatever is there. */
static void intrude(void *user, const char *what) {
  (void)what;
  struct intruder *intruder = user;
  struct lam_store *data = intruder->world->data;
  intruder->after_plan = planned;
  static const char *const keys[] = {"a=1/x.parquet", "a=1/f3.parquet", "a=1/f2.parquet", "a=3/b=1/x.parquet",
                                     "a=5/b=2/x.parquet"};
  if (intruder->what >= NEW_DIRECTORY) {
    put_file(data, keys[intruder->what], "X");
    return;
  }
  if (there(data, "tmp-x")) return;
  put_file(data, "tmp-x", "X");
  OK(data->ops->replace(data, "tmp-x", data, keys[intruder->what], &error));
}

static size_t count_of(const char *tree, const char *text) {
  size_t count = 0;
  for (const char *p = tree; (p = strstr(p, text)); p++) count++;
  return count;
}

/* The commit goes through, or finds the conflict; the other's file is there, once, and nothing else is lost. */
static bool intrude_at(enum intrusion what, uint64_t at, bool without) {
  struct world world = {.no_exchange = without};
  begin_world(&world);
  struct lam_store_ops ops = *world.bad_meta->ops;
  if (without) {
    ops.exchange = no_exchange;
    world.bad_data->ops = world.bad_meta->ops = world.bad_backup->ops = &ops;
  }
  struct intruder intruder = {.world = &world, .what = what};
  planned = false;
  struct lam_commit_result result;
  struct lam_error error = LAM_ERROR_INIT;
  fault_arm(world.fault,
            &(struct fault_plan){.at = at, .action = FAULT_CALL, .reads = true, .call = intrude, .user = &intruder});
  enum lam_status status = run(&world, &scenarios[0], &result, &error);
  bool fired = fault_fired(world.fault);
  fault_arm(world.fault, NULL);
  if (status != LAM_OK) assert_int_equal(status, LAM_CONFLICT);
  char *tree = tree_of(world.data, mem, true);
  /* What was there before the plan was an input. */
  bool input = what == REWRITE_REMOVED && !intruder.after_plan;
  if (fired && !input && count_of(tree, "=X;") != 1)
    print_error("intrusion %d at %lu: %s\n%s\n", what, (unsigned long)at, tree, error.message);
  if (fired && !input) assert_int_equal(count_of(tree, "=X;"), 1);
  if (what != REWRITE_REMOVED) assert_int_equal(count_of(tree, "A"), 1);
  assert_int_equal(count_of(tree, "DEF") + count_of(tree, "=D;"), 1);
  assert_int_equal(count_of(tree, "=C;"), what != REWRITE_KEPT || !fired);
  struct lam_directory *directory = open_table(world.data, world.meta);
  char *seen = seen_by_reader(directory);
  assert_string_equal(seen, tree);
  free(seen);
  free(tree);
  lam_directory_close(directory);
  end_world(&world);
  return fired;
}

static void test_intruders(void **state) {
  (void)state;
  for (int what = 0; what < INTRUSIONS; what++) {
    for (int without = 0; without < 2; without++) {
      uint64_t at = 1;
      while (intrude_at((enum intrusion)what, at, without)) at++;
      assert_true(at > 20);
    }
  }
}

/* A reader with an old snapshot, while the commit runs and after: it finds every file of it. */
static bool read_at(uint64_t at);
struct old_reader {
  struct world *world;
  struct lam_directory *directory;
  struct lam_snapshot *snapshot;
  const char *expected;
  const struct scenario *scenario;
};
static void read_old(void *user, const char *what) {
  (void)what;
  struct old_reader *reader = user;
  char *text = snapshot_text(reader->directory, reader->snapshot);
  assert_string_equal(text, reader->expected);
  free(text);
  want_reader(reader->world, reader->scenario);
  want_plain(reader->world, reader->scenario);
}

static bool read_at(uint64_t at) {
  struct world world = {0};
  begin_world(&world);
  struct lam_directory *directory = open_table(world.data, world.meta);
  struct lam_snapshot snapshot;
  OK(lam_snapshot_open(directory, NULL, &snapshot, &error));
  char expected[1024];
  data_only(old_tree, expected);
  struct old_reader reader = {&world, directory, &snapshot, expected, &scenarios[0]};
  struct lam_commit_result result;
  fault_arm(world.fault,
            &(struct fault_plan){.at = at, .action = FAULT_CALL, .reads = true, .call = read_old, .user = &reader});
  OK(run(&world, &scenarios[0], &result, &error));
  bool fired = fault_fired(world.fault);
  fault_arm(world.fault, NULL);
  read_old(&reader, "");
  lam_snapshot_release(&snapshot);
  lam_directory_close(directory);
  end_world(&world);
  return fired;
}

static void test_readers(void **state) {
  (void)state;
  uint64_t at = 1;
  while (read_at(at)) at++;
  assert_true(at > 20);
}

static int set_up(void **state) {
  (void)state;
  now_seconds = (int64_t)time(NULL);
  context = new_context();
  OK(lam_mem_open(context, 0, &mem, &error));
  return 0;
}
static int tear_down(void **state) {
  (void)state;
  lam_mem_close(mem);
  lam_context_free(context);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_errors),           cmocka_unit_test(test_full_disk), cmocka_unit_test(test_power_cut),
      cmocka_unit_test(test_recovery_stopped), cmocka_unit_test(test_intruders), cmocka_unit_test(test_readers),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
