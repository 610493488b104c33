/* Journal and head: written and read back; refused when damaged in any byte, or when they leave the table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/checksum.h"
#include "store_support.h"
#include "table/journal.h"

static struct lam_context *context;
static struct lam_mem *mem;

static struct lam_journal sample(void) {
  static struct lam_journal_file one[] = {{LAM_JOURNAL_REMOVE, "a b%\n.parquet", {1, 2, -3}, 99},
                                          {LAM_JOURNAL_ADD, "n.parquet", {4, 5, 6}, 0},
                                          {LAM_JOURNAL_APPEND, "o.parquet", {7, 8, 9}, 0},
                                          {LAM_JOURNAL_KEEP, "z\xff.txt", {UINT64_MAX, 0, INT64_MAX}, 0}};
  static struct lam_journal_directory directories[] = {
      {LAM_JOURNAL_FILES, "", "stage/x/dirs/0", 0, 0, NULL, 0},
      {LAM_JOURNAL_EXCHANGE, "a=1/b=x y", "stage/x/dirs/1", 7, 8, one, 4},
      {LAM_JOURNAL_NEW, "a=2", "stage/x/dirs/2", 0, 9, NULL, 0},
  };
  return (struct lam_journal){
      .sequence = 17, .time = 1763721234, .change = "x", .directories = directories, .directory_count = 3};
}

static void round_trip(struct lam_journal journal) {
  struct lam_journal back;
  struct lam_buf text, again;
  lam_buf_init(&text, mem);
  lam_buf_init(&again, mem);
  OK(lam_journal_encode(&journal, &text, &error));
  OK(lam_journal_decode(lam_bytes_of(text.data, text.size), mem, &back, &error));
  assert_int_equal(back.sequence, 17);
  assert_int_equal(back.directory_count, 3);
  assert_string_equal(back.directories[0].key, "");
  assert_string_equal(back.directories[1].key, "a=1/b=x y");
  assert_int_equal(back.directories[1].new_inode, 8);
  assert_int_equal(back.directories[1].file_count, 4);
  const struct lam_journal_file *file = &back.directories[1].files[0];
  assert_string_equal(file->name, "a b%\n.parquet");
  assert_int_equal(file->identity.mtime_ns, -3);
  assert_int_equal(file->hash, journal.table ? 99 : 0);
  if (journal.table) assert_string_equal(back.table, journal.table);
  if (journal.table) assert_string_equal(back.state, journal.state);
  OK(lam_journal_encode(&back, &again, &error));
  assert_true(lam_bytes_equal(lam_bytes_of(text.data, text.size), lam_bytes_of(again.data, again.size)));
  lam_journal_release(&back);

  /* Every bit counts, and every length. */
  for (size_t i = 0; i < text.size; i++) {
    text.data[i] ^= 4;
    assert_int_equal(lam_journal_decode(lam_bytes_of(text.data, text.size), mem, &back, NULL), LAM_CORRUPT);
    text.data[i] ^= 4;
    assert_int_equal(lam_journal_decode(lam_bytes_of(text.data, i), mem, &back, NULL), LAM_CORRUPT);
  }
  lam_buf_release(&text);
  lam_buf_release(&again);
}

static void test_round_trip(void **state) {
  (void)state;
  struct lam_journal journal = sample();
  round_trip(journal);
  journal.table = "/a b/%t/.."; /* a manifest; paths are taken as they are */
  journal.state = "t.lamella";
  round_trip(journal);
}

static void decode(const char *body, char *message) {
  char text[1024];
  struct lam_journal journal;
  struct lam_error error = LAM_ERROR_INIT;
  int size = snprintf(text, sizeof text, "%s", body);
  size += snprintf(text + size, sizeof text - (size_t)size, "end %08x\n", lam_crc32(0, body, strlen(body)));
  assert_int_equal(lam_journal_decode(lam_bytes_of(text, (size_t)size), mem, &journal, &error), LAM_CORRUPT);
  strcpy(message, error.message);
}

/* With a right checksum too, a journal does nothing outside its table. */
static void test_hostile(void **state) {
  (void)state;
#define TITLE "lamella journal 1\nsequence 1\ntime 2\nchange x\n"
  static const struct {
    const char *body, *says;
  } cases[] = {
      {"lamella journal 2\nsequence 1\n", "first line"},
      {"lamella journal 1\nsequence x\n", "not a number"},
      {"lamella journal 1\nsequence 99999999999999999999\n", "not a number"},
      {"lamella journal 1\nsequence 1 2\n", "with 2 fields"},
      {"lamella journal 1\nsequence 1", "cut off"},
      {TITLE "add f 1 2 3\n", "before any directory"},
      {TITLE "directory swap a stage/x 1 2\n", "not exchange"},
      {TITLE "directory files ../a stage/x 1 2\n", "not a path inside"},
      {TITLE "directory files /a stage/x 1 2\n", "not a path inside"},
      {TITLE "directory files a ../stage/x 1 2\n", "not a path inside"},
      {TITLE "directory files a other/x 1 2\n", "swaps"},
      {TITLE "directory exchange . stage/x 1 2\n", "swaps"},
      {TITLE "directory files a stage/x 1 2\nadd b/c 1 2 3\n", "not the name of a file"},
      {TITLE "directory files a stage/x 1 2\nadd %2e%2e 1 2 3\n", "bad escape"},
      {TITLE "directory files a stage/x 1 2\nadd %2E%2E 1 2 3\n", "not a path inside"},
      {TITLE "directory files a stage/x 1 2\nadd %00 1 2 3\n", "bad escape"},
      {TITLE "directory files a stage/x 1 2\nmove f 1 2 3\n", "begins with"},
      {TITLE "directory files a stage/x 1 2\nadd f 1 2 3 4 5\n", "more than"},
      {TITLE "directory files a stage/x 1 2\nadd f 1 2\n", "begins with"},
      {TITLE "table /t\n", "with 3 fields"},
      {TITLE "table /t /s\ntable /t /s\n", "before any directory"},
      {TITLE "directory files a stage/x 1 2\nremove f 1 2 3 4\n", "begins with"},
      {TITLE "table /t /s\ndirectory files a stage/x 1 2\nremove f 1 2 3\n", "begins with"},
      {TITLE "table /t /s\ndirectory files a stage/x 1 2\nadd f 1 2 3 4\n", "begins with"},
      {TITLE "table /t /s\ndirectory files a stage/x 1 2\nremove ../f 1 2 3 4\n", "not a path inside"},
      {TITLE "directory files a stage/x 1 2\nadd f 1 2 -9223372036854775808\n", "out of range"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char message[1024];
    decode(cases[i].body, message);
    if (!strstr(message, cases[i].says)) print_error("%s: %s\n", cases[i].body, message);
    assert_non_null(strstr(message, cases[i].says));
  }
}

static void test_files(void **state) {
  (void)state;
  struct lam_store *store;
  struct lam_journal journal;
  struct lam_head head;
  bool found;
  OK(lam_store_memory(context, &store, &error));
  OK(lam_store_make_directories(store, "", &error));
  OK(lam_journal_read(store, mem, &found, &journal, &error));
  assert_false(found);
  OK(lam_head_read(store, mem, &found, &head, &error));
  assert_false(found);
  assert_int_equal(head.sequence, 0);
  put_object(store, "journal", "torn");
  put_object(store, "head", "torn");
  FAILS(lam_journal_read(store, mem, &found, &journal, &error), LAM_CORRUPT, "put a good copy back");
  FAILS(lam_head_read(store, mem, &found, &head, &error), LAM_CORRUPT, "head' is damaged");

  struct lam_head_retired retired[] = {{3, 100}, {4, 200}};
  struct lam_head_file files[] = {
      {.key = "a=1/x y.parquet", .identity = {5, 6, -7}, .open = true, .footer = UINT32_MAX},
      {.key = "b.parquet", .identity = {8, 9, 10}},
      {.key = "c.parquet", .identity = {11, 12, 13}, .gone = 3},
  };
  struct lam_head made = {
      .sequence = 4, .retired = retired, .retired_count = 2, .files = files, .file_count = 3, .file_room = 3};
  struct lam_buf text;
  lam_buf_init(&text, mem);
  OK(lam_head_encode(&made, &text, &error));
  OK(lam_store_put(store, "head", lam_bytes_of(text.data, text.size), &error));
  OK(lam_head_read(store, mem, &found, &head, &error));
  assert_true(found);
  assert_int_equal(head.sequence, 4);
  assert_int_equal(head.retired_count, 2);
  assert_int_equal(head.retired[1].time, 200);
  assert_int_equal(head.file_count, 3);
  assert_int_equal(head.sum, lam_crc32(0, text.data, text.size));
  for (size_t i = 0; i < 3; i++) {
    assert_string_equal(head.files[i].key, files[i].key);
    assert_true(lam_identity_equal(head.files[i].identity, files[i].identity));
    assert_int_equal(head.files[i].open, files[i].open);
    assert_int_equal(head.files[i].footer, files[i].footer);
    assert_int_equal(head.files[i].gone, files[i].gone);
  }
  lam_head_release(&head);

  /* As much as the many files of a large table take that were appended to, in few lines here. */
  enum { MANY = 20000, LONG = 900 };
  struct lam_head_file *many = calloc(MANY, sizeof *many);
  char key[LONG + 1];
  assert_non_null(many);
  memset(key, 'k', LONG);
  key[LONG] = 0;
  for (size_t i = 0; i < MANY; i++) many[i] = (struct lam_head_file){.key = key, .identity = {1, 2, 3}};
  made.files = many;
  made.file_count = made.file_room = MANY;
  OK(lam_head_encode(&made, &text, &error));
  OK(lam_store_put(store, "head", lam_bytes_of(text.data, text.size), &error));
  lam_buf_release(&text);
  OK(lam_head_read(store, mem, &found, &head, &error));
  assert_int_equal(head.file_count, MANY);
  lam_head_release(&head);
  free(many);

  static const struct {
    const char *line, *says;
  } cases[] = {{"appended ../b 1 2 3 4\n", "not a path inside"},
               {"appended b 1 2 3\n", "is not 'appended' with 6 fields"},
               {"appending b 1 2 3 4294967296\n", "out of range"},
               {"appends b 1 2 3 4\n", "is not 'appended'"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char bad[200];
    int size = snprintf(bad, sizeof bad, "lamella head 1\nsequence 4\n%s", cases[i].line);
    size += snprintf(bad + size, sizeof bad - (size_t)size, "end %08x\n", lam_crc32(0, bad, (size_t)size));
    OK(lam_store_put(store, "head", lam_bytes_of(bad, (size_t)size), &error));
    FAILS(lam_head_read(store, mem, &found, &head, &error), LAM_CORRUPT, cases[i].says);
  }
  lam_buf_release(&text);
  lam_store_close(store);
}

static int set_up(void **state) {
  (void)state;
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
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_round_trip), cmocka_unit_test(test_hostile),
                                     cmocka_unit_test(test_files)};
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
