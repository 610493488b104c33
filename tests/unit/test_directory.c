/* Opening tables, listing them, and refusing what is not ours to write. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "table/glob.h"
#include "table_support.h"

static struct lam_context *context;
static struct lam_mem *mem;
static char *root;            /* a temporary directory */
static struct lam_store *all; /* it, as a store */

static const char *path_of(const char *name) {
  static char path[8][600];
  static int next;
  char *out = path[next++ % 8];
  snprintf(out, sizeof path[0], "%s/%s", root, name);
  return out;
}

/* The keys that a table has, "key;" each. */
static void want_files(const char *name, const char *const *texts, size_t count, const char *expected) {
  struct lam_directory *directory;
  struct lam_snapshot snapshot;
  struct lam_arena arena;
  struct lam_partition_filter filter;
  char text[1000] = "";
  lam_arena_init(&arena, mem);
  OK(lam_partition_filter_parse(&arena, texts, count, &filter, &error));
  OK(lam_directory_open(context, path_of(name), NULL, false, mem, &directory, &error));
  OK(lam_snapshot_open(directory, &filter, &snapshot, &error));
  for (size_t i = 0; i < snapshot.file_count; i++) {
    const struct lam_directory_partition *partition = &snapshot.partitions[snapshot.files[i].partition];
    assert_true(i >= partition->first_file && i < partition->first_file + partition->file_count);
    strcat(strcat(text, snapshot.files[i].key), ";");
  }
  assert_string_equal(text, expected);
  lam_snapshot_release(&snapshot);
  lam_directory_close(directory);
  lam_arena_release(&arena);
}

static void want_no_match(const char *name, const char *const *texts, size_t count, const char *says) {
  struct lam_directory *directory;
  struct lam_snapshot snapshot;
  struct lam_arena arena;
  struct lam_partition_filter filter;
  lam_arena_init(&arena, mem);
  OK(lam_partition_filter_parse(&arena, texts, count, &filter, &error));
  OK(lam_directory_open(context, path_of(name), NULL, false, mem, &directory, &error));
  FAILS(lam_snapshot_open(directory, &filter, &snapshot, &error), LAM_NOT_FOUND, says);
  lam_directory_close(directory);
  lam_arena_release(&arena);
}

static void make_trades(void) {
  static const char *const keys[] = {
      "trades/p=BTC/d=1/b.parquet", "trades/p=BTC/d=1/a.PARQUET",  "trades/p=BTC/d=2/a.parq",
      "trades/p=ETH/d=1/a.parquet", "trades/_p=x/a.parquet",       "trades/p=BTC/d=1/.a.parquet.crc",
      "trades/_metadata",           "trades/p=BTC/d=1/_x.parquet", "trades/_temporary/a.parquet",
      "trades/.hidden/a.parquet",   "trades/readme.txt",           "trades/p=BTC/d=1/.h.parquet"};
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) put_file(all, keys[i], "x");
}

static void test_listing(void **state) {
  (void)state;
  make_trades();
  want_files("trades", NULL, 0,
             "_p=x/a.parquet;p=BTC/d=1/a.PARQUET;p=BTC/d=1/b.parquet;p=BTC/d=2/a.parq;p=ETH/d=1/a.parquet;");
  want_files("trades/", (const char *[]){"p=BTC"}, 1, "p=BTC/d=1/a.PARQUET;p=BTC/d=1/b.parquet;p=BTC/d=2/a.parq;");
  want_files("trades", (const char *[]){"d=1"}, 1, "p=BTC/d=1/a.PARQUET;p=BTC/d=1/b.parquet;p=ETH/d=1/a.parquet;");
  want_files("trades", (const char *[]){"d=1", "p=ETH"}, 2, "p=ETH/d=1/a.parquet;");
  want_no_match("trades", (const char *[]){"p=XRP"}, 1, "values of p there: BTC, ETH");
  want_no_match("trades", (const char *[]){"q=1"}, 1, "no partition column 'q'; it has: ");
  want_no_match("trades", (const char *[]){"p=ETH", "d=2"}, 2, "matches d=2; values of d there: 1");
  want_files("trades/p=BTC", NULL, 0, "d=1/a.PARQUET;d=1/b.parquet;d=2/a.parq;");
  want_files("trades/readme.txt", NULL, 0, "readme.txt;"); /* a file that was asked for by name */
  want_files("trades/*/d=1/*.parquet", NULL, 0, "p=BTC/d=1/_x.parquet;p=BTC/d=1/b.parquet;p=ETH/d=1/a.parquet;");
  want_files("trades/p=[AB]*/**", (const char *[]){"d=2"}, 1, "p=BTC/d=2/a.parq;");
  struct lam_directory *directory;
  FAILS(lam_directory_open(context, path_of("nothing"), NULL, false, mem, &directory, &error), LAM_NOT_FOUND,
        "no file or directory");
  FAILS(lam_directory_open(context, "", NULL, false, mem, &directory, &error), LAM_INVALID, "empty");
}

static void test_links(void **state) {
  (void)state;
  put_file(all, "elsewhere/a.parquet", "x");
  put_file(all, "t/b.parquet", "x");
  assert_int_equal(symlink("../elsewhere", path_of("t/p=1")), 0);
  assert_int_equal(symlink("../elsewhere/a.parquet", path_of("t/l.parquet")), 0);
  assert_int_equal(symlink("nowhere", path_of("t/dangling.parquet")), 0);
  want_files("t", NULL, 0, "b.parquet;l.parquet;p=1/a.parquet;");
  assert_int_equal(symlink(".", path_of("t/loop")), 0);
  struct lam_directory *directory;
  struct lam_snapshot snapshot;
  OK(lam_directory_open(context, path_of("t"), NULL, false, mem, &directory, &error));
  enum lam_status status = lam_snapshot_open(directory, NULL, &snapshot, NULL);
  assert_true(status == LAM_UNSUPPORTED || status == LAM_IO); /* ours at 64, or the system's at 40 */
  lam_directory_close(directory);
}

static void want_refused(const char *name, enum lam_status expected, const char *says) {
  struct lam_directory *directory;
  OK(lam_directory_open(context, path_of(name), NULL, true, mem, &directory, &error));
  FAILS(lam_directory_prepare(directory, &error), expected, says);
  lam_directory_close(directory);
}

static void test_foreign(void **state) {
  (void)state;
  put_file(all, "delta/_delta_log/00000000000000000000.json", "{}");
  put_file(all, "delta/p=1/x/a.parquet", "x");
  put_file(all, "hudi/.hoodie/hoodie.properties", "");
  put_file(all, "stream/_spark_metadata/0", "");
  put_file(all, "ice/metadata/v1.metadata.json", "{}");
  put_file(all, "ice/data/a.parquet", "x");
  put_file(all, "adopted.lamella/adopted", "");
  put_file(all, "adopted/a.parquet", "x");
  put_file(all, "ours.lamella/head", "");
  put_file(all, "ours/2025/a.parquet", "x");
  put_file(all, "fine/metadata/notes.json", "x");
  want_refused("delta", LAM_UNSUPPORTED, "is a Delta Lake table");
  want_refused("delta/p=1/x", LAM_UNSUPPORTED, "is inside the Delta Lake table");
  want_refused("hudi", LAM_UNSUPPORTED, "Apache Hudi");
  want_refused("stream", LAM_UNSUPPORTED, "Spark Structured Streaming");
  want_refused("ice", LAM_UNSUPPORTED, "Apache Iceberg");
  want_refused("ice/data", LAM_UNSUPPORTED, "is inside the Apache Iceberg table");
  want_refused("adopted", LAM_UNSUPPORTED, "belongs to a catalog");
  want_refused("ours/2025", LAM_UNSUPPORTED, "is part of the table");
  want_refused("delta/p=1", LAM_UNSUPPORTED, "--partition p=1");
  want_refused("ours/2025/a.parquet", LAM_UNSUPPORTED, "a single file");
  want_refused("ours/*", LAM_UNSUPPORTED, "a glob");
  assert_false(there(all, "ice/data.lamella") || there(all, "delta.lamella"));

  struct lam_directory *directory;
  OK(lam_directory_open(context, path_of("fine"), path_of("fine/state"), true, mem, &directory, &error));
  FAILS(lam_directory_prepare(directory, &error), LAM_INVALID, "beside each other");
  lam_directory_close(directory);
  OK(lam_directory_open(context, path_of("fine"), NULL, true, mem, &directory, &error));
  OK(lam_directory_prepare(directory, &error));
  lam_directory_close(directory);
  assert_true(there(all, "fine.lamella"));
  /* Reading is fine, and says so. */
  struct lam_snapshot snapshot;
  OK(lam_directory_open(context, path_of("delta"), NULL, false, mem, &directory, &error));
  OK(lam_snapshot_open(directory, NULL, &snapshot, &error));
  assert_int_equal(snapshot.file_count, 1);
  assert_string_equal(snapshot.foreign, "_delta_log");
  lam_snapshot_release(&snapshot);
  lam_directory_close(directory);
}

/* Two paths of one table meet at one lock. */
static void test_link_to_table(void **state) {
  (void)state;
  put_file(all, "real/a.parquet", "x");
  assert_int_equal(symlink("real", path_of("alias")), 0);
  struct lam_directory *directory;
  OK(lam_directory_open(context, path_of("alias"), NULL, true, mem, &directory, &error));
  OK(lam_directory_prepare(directory, &error));
  lam_directory_close(directory);
  assert_true(there(all, "real.lamella") && !there(all, "alias.lamella"));
}

static void test_glob(void **state) {
  (void)state;
  static const struct {
    const char *pattern, *key;
    bool matches;
  } cases[] = {
      {"*.parquet", "a.parquet", true},
      {"*.parquet", "d/a.parquet", false},
      {"**/*.parquet", "a.parquet", true},
      {"**/*.parquet", "d/e/a.parquet", true},
      {"d/**", "d/e/a", true},
      {"d/**", "e/a", false},
      {"**/e/**/a", "d/e/f/g/a", true},
      {"**/e/**/a", "d/f/a", false},
      {"a?c", "abc", true},
      {"a?c", "ac", false},
      {"[a-c]x", "bx", true},
      {"[!a-c]x", "bx", false},
      {"[^a-c]x", "dx", true},
      {"[]x]", "]", true},
      {"[x", "[x", true},
      {"a*b*c", "aXbXbXc", true},
      {"a*b*c", "aXbXbX", false},
      {"***", "abc", true},
      {"a*******************************b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false},
      {"", "a", false},
      {"*", ".a", false},
      {".*", ".a", true},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    if (lam_glob_match(cases[i].pattern, cases[i].key) != cases[i].matches) print_error("%s\n", cases[i].pattern);
    assert_int_equal(lam_glob_match(cases[i].pattern, cases[i].key), cases[i].matches);
  }
  assert_true(lam_glob_may_descend("a/*/c", "a/b") && lam_glob_may_descend("**/c", "x/y") &&
              lam_glob_may_descend("a/b", ""));
  assert_false(lam_glob_may_descend("a/*/c", "a/b/c") || lam_glob_may_descend("a/b", "x") ||
               lam_glob_may_descend("a", "a"));
}

static int set_up(void **state) {
  (void)state;
  context = new_context();
  OK(lam_mem_open(context, 0, &mem, &error));
  root = new_temporary();
  OK(lam_store_local(context, root, &all, &error));
  return 0;
}
static int tear_down(void **state) {
  (void)state;
  lam_store_close(all);
  remove_temporary(context, root);
  lam_mem_close(mem);
  lam_context_free(context);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_listing, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_links, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_foreign, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_link_to_table, set_up, tear_down),
      cmocka_unit_test(test_glob),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
