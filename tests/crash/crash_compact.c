/* Compaction, stopped at every operation of its stores, with a power cut, with a recovery that is stopped in turn, and
 * with other programs that write into the table. */
#include "ops_crash.h"

static void set_up_partitions(struct lam_store *data) {
  put_rows(data, "p=1/f1.parquet", 1, 3);
  put_rows(data, "p=1/f2.parquet", 4, 2);
  put_rows(data, "p=1/f3.parquet", 6, 1);
  put_rows(data, "p=2/f1.parquet", 11, 1);
  put_rows(data, "p=2/f2.parquet", 12, 3);
  put_rows(data, "p=2/f3.parquet", 15, 2);
  put_file(data, "p=2/notes.txt", "notes");
  put_file(data, "p=2/.f1.parquet.crc", "sum");
}
static void set_up_root(struct lam_store *data) {
  put_rows(data, "f1.parquet", 1, 2);
  put_rows(data, "f2.parquet", 3, 2);
  put_rows(data, "f3.parquet", 5, 1);
}

static enum lam_status run_compact(struct lam_directory *directory, uint64_t *sequence, struct lam_error *error) {
  struct lam_compact_result result = {.struct_size = sizeof result};
  enum lam_status status = lam_compact_directory(directory, NULL, &result, error);
  *sequence = result.sequence;
  return status;
}
static enum lam_status run_sorted(struct lam_directory *directory, uint64_t *sequence, struct lam_error *error) {
  struct lam_compact_options options = LAM_COMPACT_OPTIONS_INIT;
  struct lam_compact_result result = {.struct_size = sizeof result};
  struct lam_sort_key key = {.column = "id", .descending = true};
  options.sort_by = &key;
  options.sort_count = 1;
  options.change.verify_full = true;
  options.change.backup_dir = crash_backup_dir;
  enum lam_status status = lam_compact_directory(directory, &options, &result, error);
  *sequence = result.sequence;
  return status;
}

static const struct crash_scenario compact = {
    .name = "compact",
    .set_up = set_up_partitions,
    .run = run_compact,
    .before = "p=1:1,2,3,4,5,6,;p=2:11,12,13,14,15,16,;",
    .after = "p=1:1,2,3,4,5,6,;p=2:11,12,13,14,15,16,;",
};
static const struct crash_scenario sorted = {
    .name = "compact and sort",
    .set_up = set_up_partitions,
    .run = run_sorted,
    .before = "p=1:1,2,3,4,5,6,;p=2:11,12,13,14,15,16,;",
    .after = "p=1:6,5,4,3,2,1,;p=2:16,15,14,13,12,11,;",
    .keeps = true,
};
static const struct crash_scenario root = {
    .name = "compact the root",
    .set_up = set_up_root,
    .run = run_compact,
    .before = ":1,2,3,4,5,;",
    .after = ":1,2,3,4,5,;",
    .by_files = true,
};

/* A file that appears, or an input that is rewritten, at any moment is there afterwards, once, and no other row is
 * lost or doubled. */
static bool intrude_at(const struct crash_scenario *scenario, const char *key, uint64_t at, bool without) {
  struct crash_world w;
  struct lam_error error = LAM_ERROR_INIT;
  uint64_t sequence;
  begin_world(&w, scenario, without);
  struct crash_intruder intruder = {w.data, key, 901};
  fault_arm(w.fault,
            &(struct fault_plan){.at = at, .action = FAULT_CALL, .reads = true, .call = intrude, .user = &intruder});
  enum lam_status status = run_in_world(&w, scenario, &sequence, &error);
  bool fired = fault_fired(w.fault);
  fault_arm(w.fault, NULL);
  if (status != LAM_OK && status != LAM_CONFLICT) print_error("at %llu: %s\n", (unsigned long long)at, error.message);
  if (status != LAM_OK) assert_int_equal(status, LAM_CONFLICT);
  for (int round = 0; round < 2; round++) {
    struct lam_directory *directory = open_world(w.data, w.meta);
    char *plain = rows_of_plain(w.data), *seen = rows_of_reader(directory), rows[512], old[512];
    assert_string_equal(plain, seen);
    for (const char *p = scenario->before; *p; p = strchr(p, ';') + 1) {
      rows_in(plain, p, rows, sizeof rows);
      rows_in(scenario->before, p, old, sizeof old);
      bool rewritten = strstr(key, "/f2.parquet") && strncmp(p, key, 3) == 0; /* its own old rows may be gone */
      for (const char *id = old; *id; id += strcspn(id, ",") + 1) {
        int times = times_in(rows, id);
        bool fine = times == 1 || (rewritten && times == 0 && (*id == '4' || *id == '5'));
        if (!fine) print_error("%s at %llu: %s\n%s\n", key, (unsigned long long)at, plain, error.message);
        assert_true(fine);
      }
      assert_int_equal(times_in(rows, "901,"), fired && strncmp(p, key, 3) == 0);
    }
    free(plain);
    free(seen);
    if (round == 0) OK(lam_compact_directory(directory, NULL, NULL, &error));
    lam_directory_close(directory);
  }
  end_world(&w);
  return fired;
}

static void test_intruders(void **state) {
  (void)state;
  static const char *const keys[] = {"p=1/f2x.parquet", "p=1/f2.parquet"};
  for (int without = 0; without < 2; without++) {
    for (size_t i = 0; i < 2; i++) {
      uint64_t at = 1;
      while (intrude_at(&compact, keys[i], at, without)) at += without ? 3 : 1;
      assert_true(at > 60);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      CRASH_TEST(errors, sorted),    CRASH_TEST(errors, root),    CRASH_TEST(full_disk, compact),
      CRASH_TEST(full_disk, sorted), CRASH_TEST(full_disk, root), CRASH_TEST(power_cut, compact),
      CRASH_TEST(power_cut, sorted), CRASH_TEST(power_cut, root), CRASH_TEST(recovery, sorted),
      OPS_TEST(test_intruders),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
