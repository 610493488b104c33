/* The journal laid over a listing: files that arrived during an exchange, links that somebody rewrote meanwhile, kept
 * files that the listing missed, and the filter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "table_support.h"

#include "table/snapshot.h"

#define STAGED "stage/x/dirs/0"

static struct lam_context *context;
static struct lam_mem *mem;
static struct lam_store *data, *meta;
static struct lam_arena arena;

static struct lam_identity identity_at(struct lam_store *store, const char *key) {
  struct lam_object_info info = info_of(store, key);
  return lam_identity_of(&info);
}
static struct lam_found found(const char *directory, const char *name) {
  char key[100];
  snprintf(key, sizeof key, "%s/%s", directory, name);
  return (struct lam_found){.directory = directory, .name = name, .identity = identity_at(data, key)};
}

/* Lays the journal over `items` and wants "directory/name" and, where it is read from the stage, "@key" behind it. */
static void overlaid(const struct lam_journal *journal, const struct lam_partition_filter *filter,
                     const struct lam_found *items, size_t count, const char *expected) {
  struct lam_found_list list = {.arena = &arena};
  char text[600] = "";
  for (size_t i = 0; i < count; i++) OK(lam_found_add(&list, items[i], &error));
  OK(lam_overlay(data, meta, journal, filter, &list, &error));
  for (size_t i = 0; i < list.count; i++) {
    const struct lam_found *item = &list.items[i];
    size_t used = strlen(text);
    snprintf(text + used, sizeof text - used, "%s/%s%s%s;", item->directory, item->name, item->staged ? "@" : "",
             item->staged ? item->staged : "");
  }
  assert_string_equal(text, expected);
}

/* a=1 has been swapped: f1 is replaced by n, f2 stays. The old directory lies in the stage. */
static void test_exchange(void **state) {
  (void)state;
  put_file(data, "a=1/f2.parquet", "kept");
  put_file(data, "a=1/n.parquet", "new");
  put_file(meta, STAGED "/f1.parquet", "old");
  struct lam_journal_file files[] = {
      {LAM_JOURNAL_REMOVE, "f1.parquet", identity_at(meta, STAGED "/f1.parquet"), 0},
      {LAM_JOURNAL_KEEP, "f2.parquet", identity_at(data, "a=1/f2.parquet"), 0},
      {LAM_JOURNAL_ADD, "n.parquet", identity_at(data, "a=1/n.parquet"), 0},
  };
  struct lam_journal_directory directory = {LAM_JOURNAL_EXCHANGE, "a=1", STAGED, 1, 2, files, 3};
  struct lam_journal journal = {.directories = &directory, .directory_count = 1};
  struct lam_found items[] = {found("a=1", "f2.parquet"), found("a=1", "n.parquet")};
  overlaid(&journal, NULL, items, 2, "a=1/f2.parquet;a=1/n.parquet;");

  /* The listing began before the swap and ended after it. */
  overlaid(&journal, NULL, items + 1, 1, "a=1/f2.parquet;a=1/n.parquet;");
  overlaid(&journal, NULL, NULL, 0, "a=1/f2.parquet;a=1/n.parquet@" STAGED "/n.parquet;");
  struct lam_identity kept = files[1].identity;
  files[1].identity.inode = 12345; /* somebody else's by now: what is at its name is not what was kept */
  overlaid(&journal, NULL, items + 1, 1, "a=1/n.parquet;");
  files[1].identity = kept;
  files[1].name = "gone.parquet";
  overlaid(&journal, NULL, items + 1, 1, "a=1/n.parquet;");
  files[1].name = "f2.parquet";

  /* Others write into the old directory: a file of their own, one under a kept file's name, and no data. */
  put_file(meta, STAGED "/f2.parquet", "rewritten");
  put_file(meta, STAGED "/late.parquet", "late");
  put_file(meta, STAGED "/notes.txt", "no data");
  put_file(meta, STAGED "/directory.parquet/x", "no file");
  overlaid(&journal, NULL, items, 2,
           "a=1/f2.parquet@" STAGED "/f2.parquet;a=1/late.parquet@" STAGED "/late.parquet;a=1/n.parquet;");
  overlaid(&journal, NULL, items + 1, 1,
           "a=1/f2.parquet@" STAGED "/f2.parquet;a=1/late.parquet@" STAGED "/late.parquet;a=1/n.parquet;");
}

/* Partitions that the filter rules out are left as they were listed, and so is one that the journal does not name. */
static void test_filter(void **state) {
  (void)state;
  put_file(data, "a=1/f.parquet", "1");
  put_file(data, "a=2/f.parquet", "2");
  put_file(data, "a=3/f.parquet", "3");
  struct lam_found items[] = {found("a=1", "f.parquet"), found("a=2", "f.parquet"), found("a=3", "f.parquet")};
  struct lam_journal_file files[][2] = {
      {{LAM_JOURNAL_REMOVE, "f.parquet", items[0].identity, 0}, {LAM_JOURNAL_ADD, "n.parquet", {1, 2, 3}, 0}},
      {{LAM_JOURNAL_REMOVE, "f.parquet", items[1].identity, 0}, {LAM_JOURNAL_ADD, "n.parquet", {4, 5, 6}, 0}}};
  struct lam_journal_directory directories[] = {{LAM_JOURNAL_FILES, "a=1", "stage/x/dirs/1", 1, 2, files[0], 2},
                                                {LAM_JOURNAL_FILES, "a=2", "stage/x/dirs/2", 3, 4, files[1], 2}};
  struct lam_journal journal = {.directories = directories, .directory_count = 2};
  overlaid(&journal, NULL, items, 3,
           "a=1/n.parquet@stage/x/dirs/1/n.parquet.part;a=2/n.parquet@stage/x/dirs/2/n.parquet.part;a=3/f.parquet;");
  struct lam_partition_filter filter;
  OK(lam_partition_filter_parse(&arena, (const char *const[]){"a=2"}, 1, &filter, &error));
  overlaid(&journal, &filter, items, 3, "a=1/f.parquet;a=2/n.parquet@stage/x/dirs/2/n.parquet.part;a=3/f.parquet;");
  directories[0].key = "a=1/a=2";
  struct lam_error error = LAM_ERROR_INIT;
  struct lam_found_list list = {.arena = &arena};
  assert_int_equal(lam_overlay(data, meta, &journal, &filter, &list, &error), LAM_CORRUPT);
}

static int set_up(void **state) {
  (void)state;
  context = new_context();
  OK(lam_mem_open(context, 0, &mem, &error));
  lam_arena_init(&arena, mem);
  OK(lam_store_memory(context, &data, &error));
  OK(lam_store_memory_beside(data, &meta, &error));
  return 0;
}
static int tear_down(void **state) {
  (void)state;
  lam_store_close(data);
  lam_store_close(meta);
  lam_arena_release(&arena);
  lam_mem_close(mem);
  lam_context_free(context);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(test_exchange, set_up, tear_down),
                                     cmocka_unit_test_setup_teardown(test_filter, set_up, tear_down)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
