/* What becomes of the head's lines; how appends are committed and taken back is in tests/crash/crash_append.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/checksum.h"
#include "table/in_place.h"
#include "table_support.h"

#define FOOTER "foot\4\0\0\0PAR1" /* with its length and the magic, as a file ends */
#define OTHER "tail\4\0\0\0PAR1"
enum { FOOTER_SIZE = sizeof FOOTER - 1 };

static struct lam_context *context;
static struct lam_mem *mem;
static struct lam_store *data, *meta;
static struct lam_directory *directory;

static int set_up(void **state) {
  (void)state;
  context = new_context();
  OK(lam_mem_open(context, 0, &mem, &error));
  OK(lam_store_memory(context, &data, &error));
  OK(lam_store_memory_beside(data, &meta, &error));
  OK(lam_directory_open_stores(context, data, meta, "t", mem, &directory, &error));
  return 0;
}
static int tear_down(void **state) {
  (void)state;
  lam_directory_close(directory);
  lam_store_close(meta);
  lam_store_close(data);
  lam_mem_close(mem);
  lam_context_free(context);
  return 0;
}
#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

static void put(const char *key, const char *bytes, size_t size) {
  OK(lam_store_put(data, key, lam_bytes_of(bytes, size), &error));
}
static void put_behind(const char *key, const char *bytes, size_t size) {
  struct lam_output *output;
  OK(data->ops->append(data, key, &output, NULL, &error));
  OK(data->ops->write(output, bytes, size, &error));
  OK(data->ops->close_output(output, &error));
}
static struct lam_identity identity_at(const char *key) {
  struct lam_object_info info = info_of(data, key);
  return lam_identity_of(&info);
}
static struct lam_head_file open_line(const char *key) {
  return (struct lam_head_file){
      .key = key, .identity = identity_at(key), .open = true, .footer = lam_crc32(0, FOOTER, FOOTER_SIZE)};
}
static struct lam_head head_of(struct lam_head_file line) {
  struct lam_head head = {.sequence = 1};
  lam_arena_init(&head.arena, mem);
  OK(lam_head_add(&head, line, &error));
  return head;
}

/* Which older states an object still has in front. */
static void test_has(void **state) {
  (void)state;
  const struct lam_head_file closed = {.key = "f", .identity = {7, 100, 5}};
  const struct lam_head_file open = {.key = "f", .identity = {7, 100, 5}, .open = true};
  const struct {
    struct lam_head_file line;
    struct lam_object_info info;
    struct lam_identity wanted;
    const char *key;
    bool has;
  } cases[] = {
      {closed, {.inode = 7, .size = 100, .mtime_ns = 5}, {7, 60, 1}, "f", true},
      {closed, {.inode = 7, .size = 100, .mtime_ns = 5}, {7, 60, 1}, "g", false},
      {closed, {.inode = 7, .size = 100, .mtime_ns = 5}, {8, 60, 1}, "f", false},
      {closed, {.inode = 7, .size = 100, .mtime_ns = 6}, {7, 60, 1}, "f", false}, /* written by others since */
      {closed, {.inode = 7, .size = 120, .mtime_ns = 6}, {7, 60, 1}, "f", false},
      {open, {.inode = 7, .size = 120, .mtime_ns = 6}, {7, 60, 1}, "f", true},
      {open, {.inode = 7, .size = 120, .mtime_ns = 6}, {7, 110, 1}, "f", false}, /* no state of ours */
      {open, {.inode = 7, .size = 90, .mtime_ns = 6}, {7, 60, 1}, "f", false},   /* cut */
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct lam_head head = head_of(cases[i].line);
    assert_int_equal(lam_in_place_has(&head, NULL, cases[i].key, &cases[i].info, cases[i].wanted), cases[i].has);
    lam_head_release(&head);
  }
}

/* A line without a journal, and what stands at its file: what it is afterwards. */
static void mend(const char *key, struct lam_head_file line, bool mine, size_t size) {
  struct lam_head head = head_of(line);
  bool changed;
  assert_true(lam_in_place_torn(&head));
  OK(lam_in_place_mend(directory, &head, &changed, &error));
  assert_true(changed);
  assert_int_equal(head.file_count, mine);
  assert_false(lam_in_place_torn(&head));
  if (mine) assert_true(lam_identity_equal(head.files[0].identity, identity_at(key)));
  if (size) assert_int_equal(info_of(data, key).size, size);
  OK(lam_in_place_mend(directory, &head, &changed, &error));
  assert_false(changed);
  lam_head_release(&head);
}
static void test_mend(void **state) {
  (void)state;
  put("f", "data" FOOTER, 4 + FOOTER_SIZE);
  struct lam_head_file line = open_line("f");
  mend("f", line, true, 4 + FOOTER_SIZE); /* nothing was appended yet */
  put_behind("f", "torn", 4);
  mend("f", line, true, 4 + FOOTER_SIZE + 4 + FOOTER_SIZE);
  struct lam_buf bytes;
  lam_buf_init(&bytes, mem);
  OK(lam_store_get(data, "f", 100, &bytes, &error));
  assert_memory_equal(bytes.data, "data" FOOTER "torn" FOOTER, bytes.size);
  lam_buf_release(&bytes);

  put("f", "data" FOOTER, 4 + FOOTER_SIZE); /* replaced: another inode */
  put_behind("f", "more", 4);
  mend("f", line, false, 4 + FOOTER_SIZE + 4);
  put("g", "data" FOOTER, 4 + FOOTER_SIZE);
  line = open_line("g");
  line.footer = lam_crc32(0, OTHER, FOOTER_SIZE); /* what others have overwritten */
  put_behind("g", "more", 4);
  mend("g", line, false, 4 + FOOTER_SIZE + 4);
  line.identity.size += 100;
  mend("g", line, false, 4 + FOOTER_SIZE + 4);
  OK(data->ops->remove(data, "g", &error));
  mend("g", line, false, 0);
}

/* Readers: the committed state where an append is under way, the file as it is where others have written it. */
static void test_view(void **state) {
  (void)state;
  struct lam_data_file files[2] = {{.key = "a"}, {.key = "p=1/f"}};
  struct lam_directory_partition partitions[2] = {{.directory = "", .first_file = 0, .file_count = 1},
                                                  {.directory = "p=1", .first_file = 1, .file_count = 1}};
  struct lam_snapshot snapshot = {.files = files, .file_count = 2, .partitions = partitions, .partition_count = 2};
  lam_arena_init(&snapshot.arena, mem);
  OK(lam_store_make_directories(data, "p=1", &error));
  put("p=1/f", "data" FOOTER, 4 + FOOTER_SIZE);
  struct lam_head_file line = open_line("p=1/f");
  put_behind("p=1/f", "torn", 4);
  const struct lam_identity grown = identity_at("p=1/f");
  files[1].identity = grown;
  snapshot.bytes = 1000 + grown.size;
  struct lam_head head = head_of(line);
  OK(lam_in_place_view(data, &head, NULL, &snapshot, &error));
  assert_true(lam_identity_equal(files[1].identity, line.identity));
  assert_true(files[1].appended && !files[0].appended);
  assert_int_equal(snapshot.bytes, 1000 + line.identity.size);

  files[1].identity = grown; /* another footer: it is not ours */
  head.files[0].footer++;
  OK(lam_in_place_view(data, &head, NULL, &snapshot, &error));
  assert_true(lam_identity_equal(files[1].identity, grown));

  head.files[0].open = false; /* somebody else has appended since */
  OK(lam_in_place_view(data, &head, NULL, &snapshot, &error));
  assert_true(lam_identity_equal(files[1].identity, grown));

  files[1].identity = line.identity; /* a pack does not see that the file has grown */
  files[1].packed = 1;
  head.files[0].identity = grown;
  OK(lam_in_place_view(data, &head, NULL, &snapshot, &error));
  assert_true(lam_identity_equal(files[1].identity, grown));
  assert_int_equal(files[1].packed, 0);
  lam_head_release(&head);
  lam_arena_release(&snapshot.arena);
}

static void test_drop(void **state) {
  (void)state;
  put("live", "data" FOOTER, 4 + FOOTER_SIZE);
  put("written", "data" FOOTER, 4 + FOOTER_SIZE);
  struct lam_head_retired retired = {4, 100};
  struct lam_head head = head_of((struct lam_head_file){.key = "live", .identity = identity_at("live")});
  head.retired = &retired;
  head.retired_count = 1;
  const struct lam_head_file others[] = {
      {.key = "written", .identity = {1, 2, 3}}, /* by others since */
      {.key = "missing", .identity = {1, 2, 3}},
      {.key = "live", .identity = {1, 2, 3}, .gone = 4},
      {.key = "live", .identity = {1, 2, 3}, .gone = 3}, /* swept */
      {.key = "torn", .identity = {1, 2, 3}, .open = true},
  };
  for (size_t i = 0; i < sizeof others / sizeof *others; i++) OK(lam_head_add(&head, others[i], &error));
  lam_in_place_drop(directory, &head);
  assert_int_equal(head.file_count, 3);
  assert_string_equal(head.files[0].key, "live");
  assert_int_equal(head.files[1].gone, 4);
  assert_string_equal(head.files[2].key, "torn");
  lam_head_release(&head);
}

int main(void) {
  const struct CMUnitTest tests[] = {TEST(test_has), TEST(test_mend), TEST(test_view), TEST(test_drop)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
