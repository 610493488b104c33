/* Stops an operation at every call of its stores: by errors, a full disk, death, a power cut; and lets other programs
 * write at any of them. What must hold at each moment is the same for every operation that changes a table: a reader
 * of ours sees all old or all new rows, a plain reader each partition's old or new ones, and the next writer mends. */
#ifndef LAM_TESTS_OPS_CRASH_H
#define LAM_TESTS_OPS_CRASH_H

#include "fault_store.h"
#include "ops/restore.h"
#include "ops_support.h"
#include "powercut_store.h"
#include "table/backup.h"

struct crash_world;
struct crash_scenario {
  const char *name;
  void (*set_up)(struct lam_store *data);
  void (*prepare)(struct crash_world *w); /* more of it, once the stores are there; may be NULL */
  /* The operation, with `sequence` that of its commit, 0 where there was none. */
  enum lam_status (*run)(struct lam_directory *directory, uint64_t *sequence, struct lam_error *error);
  const char *before, *after; /* as rows_of_reader has them */
  bool by_files;              /* files are renamed one by one: a plain reader may miss rows for a moment */
  bool in_place;              /* files are appended to: a plain reader may fail for a moment */
  bool appears;               /* the table is new: its directory is replaced by another one */
  bool keeps;                 /* what it removes, as a backup: `run` gives crash_backup_dir to the operation */
};

struct crash_world {
  struct powercut *cut;
  struct fault *fault;
  struct lam_store *data, *meta, *backup, *place;                 /* as they are; the last holds a table that appears */
  struct lam_store *bad_data, *bad_meta, *bad_backup, *bad_place; /* wrapped */
  struct lam_store_ops ops;
  bool by_files;
};

static struct lam_store *crash_backup;    /* bad_backup of the world under way */
static struct crash_world *crash_running; /* that world */
static const char *crash_backup_dir;      /* NULL: there is none */
static int64_t crash_now;
static inline int64_t crash_clock(void) {
  return crash_now;
}

static inline enum lam_status no_exchange(struct lam_store *from, const char *from_key, struct lam_store *to,
                                          const char *to_key, struct lam_error *error) {
  (void)from, (void)to;
  return lam_fail(error, LAM_UNSUPPORTED, "no exchange of %s and %s", from_key, to_key);
}

static inline void begin_world(struct crash_world *w, const struct crash_scenario *scenario, bool without) {
  w->by_files = without || scenario->by_files;
  crash_now = (int64_t)time(NULL);
  OK(powercut_create(context, &w->cut, &error));
  w->place = w->bad_place = NULL;
  if (scenario->appears) {
    OK(powercut_open(w->cut, "place", &w->place, &error));
    OK(w->place->ops->make_directory(w->place, "trades", &error));
  }
  OK(powercut_open(w->cut, scenario->appears ? "place/trades" : "trades", &w->data, &error));
  OK(powercut_open(w->cut, "trades.lamella", &w->meta, &error));
  OK(powercut_open(w->cut, "backup", &w->backup, &error));
  scenario->set_up(w->data);
  if (scenario->prepare) scenario->prepare(w);
  OK(w->data->ops->sync_all(w->data, &error));
  fault_create(&w->fault);
  fault_wrap(w->fault, w->data, &w->bad_data);
  fault_wrap(w->fault, w->meta, &w->bad_meta);
  fault_wrap(w->fault, w->backup, &w->bad_backup);
  if (w->place) fault_wrap(w->fault, w->place, &w->bad_place);
  crash_backup = w->bad_backup;
  if (!without) return;
  w->ops = *w->bad_meta->ops;
  w->ops.exchange = no_exchange;
  w->bad_data->ops = w->bad_meta->ops = w->bad_backup->ops = &w->ops;
  if (w->place) w->bad_place->ops = &w->ops;
}
/* The stores are of the directory that they were opened with; the name may mean another one by now. It always means
 * one. */
static inline void find_table_again(struct crash_world *w) {
  if (!w->place) return;
  lam_store_close(w->bad_data);
  lam_store_close(w->data);
  OK(powercut_open(w->cut, "place/trades", &w->data, &error));
  fault_wrap(w->fault, w->data, &w->bad_data);
  w->bad_data->ops = w->bad_meta->ops;
}
static inline void end_world(struct crash_world *w) {
  lam_store_close(w->bad_data);
  lam_store_close(w->bad_meta);
  lam_store_close(w->bad_backup);
  lam_store_close(w->bad_place);
  fault_free(w->fault);
  lam_store_close(w->data);
  lam_store_close(w->meta);
  lam_store_close(w->backup);
  lam_store_close(w->place);
  powercut_free(w->cut);
}
static inline struct lam_directory *open_world(struct lam_store *data, struct lam_store *meta) {
  struct lam_directory *directory = open_stores(data, meta);
  directory->now = crash_clock;
  return directory;
}
static inline enum lam_status open_crash_backup(const char *path, struct lam_store **out, struct lam_error *why) {
  (void)path, (void)why;
  fault_wrap(crash_running->fault, crash_running->backup, out);
  (*out)->ops = crash_running->bad_backup->ops;
  return LAM_OK;
}
static inline enum lam_status run_in_world(struct crash_world *w, const struct crash_scenario *scenario,
                                           uint64_t *sequence, struct lam_error *error) {
  struct lam_directory *directory = open_world(w->bad_data, w->bad_meta);
  *sequence = 0;
  crash_running = w;
  crash_backup_dir = scenario->keeps ? "/no/such/place" : NULL;
  directory->open_backup = open_crash_backup;
  directory->parent = w->bad_place;
  directory->root_name = "trades";
  enum lam_status status = scenario->run(directory, sequence, error);
  lam_directory_close(directory);
  find_table_again(w);
  return status;
}

/* ---- what is wanted at every moment ---- */

/* The rows of the partition that begins at `item`, found in another text; "" where it has none. */
static inline void rows_in(const char *text, const char *item, char *out, size_t room) {
  size_t head = (size_t)(strchr(item, ':') - item) + 1;
  *out = 0;
  for (const char *p = text; *p; p = strchr(p, ';') + 1) {
    if (strncmp(p, item, head) != 0) continue;
    snprintf(out, room, "%.*s", (int)(strchr(p, ';') - p - (ptrdiff_t)head), p + head);
    return;
  }
}
/* How often the id "n," is among rows. */
static inline int times_in(const char *rows, const char *id) {
  size_t size = strcspn(id, ",") + 1;
  int count = 0;
  for (const char *p = rows; *p; p += strcspn(p, ",") + 1) count += strncmp(p, id, size) == 0;
  return count;
}
static inline bool is_subset(const char *rows, const char *of) {
  for (const char *p = rows; *p; p += strcspn(p, ",") + 1)
    if (times_in(rows, p) > 1 || times_in(of, p) != 1) return false;
  return true;
}
static inline void want_plain(struct crash_world *w, const struct crash_scenario *scenario) {
  if (scenario->in_place) return;
  char *plain = rows_of_plain(w->data), rows[512], old[512], new[512];
  const char *const texts[] = {plain, scenario->before, scenario->after};
  for (size_t t = 0; t < 3; t++) {
    for (const char *p = texts[t]; *p; p = strchr(p, ';') + 1) {
      rows_in(plain, p, rows, sizeof rows);
      rows_in(scenario->before, p, old, sizeof old);
      rows_in(scenario->after, p, new, sizeof new);
      bool fine = strcmp(rows, old) == 0 || strcmp(rows, new) == 0;
      if (w->by_files) fine = fine || is_subset(rows, old) || is_subset(rows, new);
      if (!fine) print_error("%s: a plain reader sees %s\n", scenario->name, plain);
      assert_true(fine);
    }
  }
  free(plain);
}
/* All old (false) or all new. Where both are the same the caller learns nothing. */
static inline bool want_reader(struct crash_world *w, const struct crash_scenario *scenario) {
  struct lam_directory *directory = open_world(w->data, w->meta);
  char *seen = rows_of_reader(directory);
  bool is_new = strcmp(seen, scenario->after) == 0;
  if (!is_new) assert_string_equal(seen, scenario->before);
  free(seen);
  lam_directory_close(directory);
  return is_new;
}

/* The next writer is a compaction; a day later nothing of any of it is left but the head. */
static inline void want_mended(struct crash_world *w, const char *expected) {
  struct lam_directory *directory = open_world(w->data, w->meta);
  struct lam_arena arena;
  struct lam_entries entries;
  bool recovered;
  OK(lam_compact_directory(directory, NULL, NULL, &error));
  char *plain = rows_of_plain(w->data), *seen = rows_of_reader(directory);
  assert_string_equal(seen, expected);
  assert_string_equal(plain, expected);
  crash_now += 86400;
  OK(lam_directory_recover(directory, 0, true, &recovered, &error));
  assert_false(recovered);
  crash_now -= 86400;
  lam_arena_init(&arena, mem);
  static const char *const empty[] = {"stage", "retired"};
  for (int i = 0; i < 2; i++) {
    if (!there(w->meta, empty[i])) continue;
    OK(lam_list(w->meta, empty[i], &arena, &entries, &error));
    assert_int_equal(entries.count, 0);
  }
  assert_false(there(w->meta, "journal"));
  lam_arena_release(&arena);
  free(plain);
  free(seen);
  lam_directory_close(directory);
}

/* What was kept brings the rows back. */
static inline void want_restored(struct crash_world *w, const struct crash_scenario *scenario) {
  struct lam_directory *directory = open_world(w->data, w->meta);
  struct lam_change_options options = LAM_CHANGE_OPTIONS_INIT;
  struct lam_edit_result result = LAM_EDIT_RESULT_INIT;
  struct lam_journal manifest;
  struct lam_entries entries;
  struct lam_arena arena;
  lam_arena_init(&arena, mem);
  OK(lam_list(w->backup, "", &arena, &entries, &error));
  assert_int_equal(entries.count, 1);
  OK(lam_backup_read(w->backup, entries.items[0].name, mem, &manifest, &error));
  OK(lam_restore_directory(directory, w->backup, entries.items[0].name, &manifest, &options, &result, &error));
  char *seen = rows_of_reader(directory);
  assert_string_equal(seen, scenario->before);
  free(seen);
  lam_journal_release(&manifest);
  lam_arena_release(&arena);
  lam_directory_close(directory);
}

/* ---- stopping ---- */

struct crash_variant {
  struct fault_plan plan;
  int cut; /* enum powercut_mode; -1: the power stays */
  uint64_t seed;
  bool without; /* there is no exchange */
};

/* Stops the operation at store call `at`. False once there are fewer calls. */
static inline bool stop_at(const struct crash_scenario *scenario, const struct crash_variant *variant, uint64_t at) {
  struct crash_world w;
  struct lam_error error = LAM_ERROR_INIT;
  struct fault_plan plan = variant->plan;
  uint64_t sequence;
  begin_world(&w, scenario, variant->without);
  plan.at = at;
  fault_arm(w.fault, &plan);
  enum lam_status status = run_in_world(&w, scenario, &sequence, &error);
  bool more = fault_count(w.fault) >= at;
  if (getenv("LAM_TRACE"))
    print_message("%s: at %llu after %d onwards %d reads %d without %d cut %d: %s\n", scenario->name,
                  (unsigned long long)at, plan.after, plan.onwards, plan.reads, variant->without, variant->cut,
                  status == LAM_OK ? "done" : error.message);
  fault_arm(w.fault, NULL);
  if (!more && variant->plan.action != FAULT_FULL) want_ok(status, &error);
  if (status != LAM_OK) assert_true(error.message[0] != 0);
  want_plain(&w, scenario);
  bool is_new = want_reader(&w, scenario);
  if (variant->cut >= 0) {
    powercut_crash(w.cut, (enum powercut_mode)variant->cut, variant->seed * 7919 + at);
    find_table_again(&w);
    want_plain(&w, scenario);
    is_new = want_reader(&w, scenario);
  }
  if (status == LAM_OK || sequence) assert_true(is_new);
  if (is_new && scenario->keeps) {
    want_restored(&w, scenario);
    is_new = false;
  }
  want_mended(&w, is_new ? scenario->after : scenario->before);
  end_world(&w);
  return more;
}
/* Every `step`th operation from `first` on. */
static inline void stop_everywhere(const struct crash_scenario *scenario, const struct crash_variant *variant,
                                   uint64_t first, uint64_t step) {
  uint64_t at = first;
  while (stop_at(scenario, variant, at)) at += step;
  assert_true(at > 20);
}

static inline void crash_errors(void **state) {
  const struct crash_scenario *scenario = *state;
  for (int i = 0; i < 8; i++) {
    bool reads = i & 4;
    struct crash_variant variant = {{.after = i & 1, .onwards = i & 2, .reads = reads}, -1, 0, i == 1 || i == 2};
    stop_everywhere(scenario, &variant, 1, reads ? 3 : 1);
  }
}
static inline void crash_full_disk(void **state) {
  const struct crash_scenario *scenario = *state;
  struct crash_variant variant = {{.action = FAULT_FULL, .onwards = true}, -1, 0, false};
  stop_everywhere(scenario, &variant, 1, 1);
}
static inline void crash_power_cut(void **state) {
  const struct crash_scenario *scenario = *state;
  for (int mode = POWERCUT_DROP; mode <= POWERCUT_RANDOM; mode++) {
    for (uint64_t seed = 1; seed <= (mode == POWERCUT_RANDOM ? 3u : 1u); seed++) {
      struct crash_variant variant = {{.onwards = true, .after = seed & 1}, mode, seed, seed == 2};
      stop_everywhere(scenario, &variant, 1, 1);
    }
  }
}
/* The writer dies, and the next one dies while it mends. */
static inline void crash_recovery(void **state) {
  const struct crash_scenario *scenario = *state;
  struct crash_world w;
  uint64_t calls, sequence;
  struct lam_error ignored = LAM_ERROR_INIT;
  begin_world(&w, scenario, false);
  fault_arm(w.fault, NULL);
  OK(run_in_world(&w, scenario, &sequence, &error));
  calls = fault_count(w.fault);
  end_world(&w);
  for (uint64_t at = calls / 3; at <= calls; at += 4) {
    bool more = true;
    for (uint64_t again = 1; more; again += 3) {
      begin_world(&w, scenario, at % 8 == 0);
      fault_arm(w.fault, &(struct fault_plan){.at = at, .onwards = true});
      run_in_world(&w, scenario, &sequence, &ignored);
      struct lam_directory *directory = open_world(w.bad_data, w.bad_meta);
      bool recovered;
      fault_arm(w.fault, &(struct fault_plan){.at = again, .onwards = true});
      lam_directory_recover(directory, 0, true, &recovered, NULL);
      more = fault_count(w.fault) >= again;
      fault_arm(w.fault, NULL);
      lam_directory_close(directory);
      want_plain(&w, scenario);
      bool is_new = want_reader(&w, scenario);
      if (again % 2) {
        powercut_crash(w.cut, POWERCUT_RANDOM, at * 1000 + again);
        want_plain(&w, scenario);
        is_new = want_reader(&w, scenario);
      }
      want_mended(&w, is_new ? scenario->after : scenario->before);
      end_world(&w);
    }
  }
}

/* A test that stops a scenario in one of these ways: CRASH_TEST(errors, compact). */
#define CRASH_TEST_WITH(way, scenario, set_up, tear_down) \
  { #scenario ": " #way, crash_##way, set_up, tear_down, (void *)(uintptr_t) & (scenario) }
#define CRASH_TEST(way, scenario) CRASH_TEST_WITH(way, scenario, open_context, close_context)

/* ---- other programs ---- */

struct crash_intruder {
  struct lam_store *data;
  const char *key;
  int64_t id;
};
/* Writes a file with one row of that id, and renames it to the key, over whatever is there. */
static inline void intrude(void *user, const char *what) {
  struct crash_intruder *intruder = user;
  (void)what;
  put_rows(intruder->data, "tmp-x", intruder->id, 1);
  OK(intruder->data->ops->replace(intruder->data, "tmp-x", intruder->data, intruder->key, &error));
}

#endif
