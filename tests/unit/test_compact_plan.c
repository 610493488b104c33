/* Which files a compaction takes. */
#include "ops_support.h"

/* Partitions are runs of sizes, 0 ends one; a negative size is a file behind a link. */
static const struct {
  const char *name;
  int64_t sizes[12];
  struct lam_compact_options options;
  const char *plan; /* "first+count(bytes)" in the order of the tasks */
} cases[] = {
    {"nothing", {0}, {.target_size = 100}, ""},
    {"one small file", {10, 0}, {.target_size = 100}, ""},
    {"two small files", {10, 20, 0}, {.target_size = 100}, "0+2(30) "},
    {"below three quarters of the target", {74, 75, 74, 74, 0}, {.target_size = 100}, "2+2(148) "},
    {"a full file parts the run", {10, 10, 99, 10, 10, 10, 0}, {.target_size = 100}, "3+3(30) 0+2(20) "},
    {"too few side by side", {10, 10, 99, 10, 10, 10, 0}, {.target_size = 100, .min_files = 3}, "3+3(30) "},
    {"one is never enough", {10, 99, 10, 0}, {.target_size = 100, .min_files = 1}, ""},
    {"partitions apart", {10, 0, 10, 0, 10, 10, 0}, {.target_size = 100}, "2+2(20) "},
    {"the largest first, then in order",
     {10, 10, 0, 30, 30, 0, 10, 10, 0},
     {.target_size = 100},
     "2+2(60) 0+2(20) 4+2(20) "},
    {"the caller's bound", {10, 40, 10, 10, 0}, {.target_size = 100, .max_file_size = 40}, "2+2(20) "},
    {"links stay", {10, 10, -10, 10, 0}, {.target_size = 100}, "0+2(20) "},
    {"sorting takes all", {10, 500, 0, 99, 0}, {.target_size = 100, .sort_count = 1}, "0+2(510) 2+1(99) "},
};

static void test_cases(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct lam_data_file files[12] = {{.key = NULL}};
    struct lam_directory_partition partitions[12] = {{.directory = NULL}};
    struct lam_snapshot snapshot = {.files = files, .partitions = partitions};
    for (size_t s = 0; s + 1 < 12; s++) {
      int64_t size = cases[i].sizes[s];
      if (size == 0) {
        if (partitions[snapshot.partition_count].file_count == 0) break;
        snapshot.partition_count++;
        partitions[snapshot.partition_count].first_file = snapshot.file_count;
        continue;
      }
      files[snapshot.file_count].identity.size = (uint64_t)(size < 0 ? -size : size);
      files[snapshot.file_count].through_link = size < 0;
      files[snapshot.file_count++].partition = (uint32_t)snapshot.partition_count;
      partitions[snapshot.partition_count].file_count++;
    }
    struct lam_compact_options given = cases[i].options, options;
    given.struct_size = sizeof given;
    struct lam_compact_plan plan;
    struct lam_arena arena;
    lam_arena_init(&arena, mem);
    OK(lam_compact_options_resolve(&given, &options, &error));
    OK(lam_compact_plan_make(&snapshot, &options, &arena, &plan, &error));
    char text[256] = "";
    uint64_t bytes = 0;
    for (size_t t = 0; t < plan.task_count; t++) {
      size_t at = strlen(text);
      snprintf(text + at, sizeof text - at, "%zu+%zu(%llu) ", plan.tasks[t].first, plan.tasks[t].count,
               (unsigned long long)plan.tasks[t].bytes);
      assert_int_equal(plan.tasks[t].partition, files[plan.tasks[t].first].partition);
      bytes += plan.tasks[t].bytes;
    }
    if (strcmp(text, cases[i].plan) != 0) print_error("%s\n", cases[i].name);
    assert_string_equal(text, cases[i].plan);
    assert_int_equal(plan.bytes, bytes);
    lam_arena_release(&arena);
  }
}

static void test_options(void **state) {
  (void)state;
  struct lam_compact_options given = LAM_COMPACT_OPTIONS_INIT, out;
  OK(lam_compact_options_resolve(NULL, &out, &error));
  assert_int_equal(out.target_size, 128000000);
  assert_int_equal(out.max_file_size, 96000000);
  assert_int_equal(out.min_files, 2);
  assert_int_equal(out.row_group_rows, 1 << 20);
  assert_int_equal(out.row_group_bytes, 128000000); /* no more than the target */
  given.target_size = 1000;
  given.max_file_size = 1001;
  FAILS(lam_compact_options_resolve(&given, &out, &error), LAM_INVALID,
        "--max-file-size 1001 is above --target-size 1000");
  given.max_file_size = 1000;
  OK(lam_compact_options_resolve(&given, &out, &error));
  given.row_group_rows = -1;
  FAILS(lam_compact_options_resolve(&given, &out, &error), LAM_INVALID, "row groups");
}

int main(void) {
  const struct CMUnitTest tests[] = {OPS_TEST(test_cases), OPS_TEST(test_options)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
