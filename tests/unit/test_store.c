/* One suite for every store: what store.h promises, and the helpers made of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/context.h"
#include "fault_store.h"
#include "powercut_store.h"
#include "store_support.h"

enum kind { LOCAL, MEMORY, POWERCUT, FAULT };

/* Two roots on one file system, with what they stand on. */
static struct fixture {
  struct lam_context *context;
  struct lam_store *data, *meta;
  char *directory;
  struct powercut *cut;
  struct fault *fault;
  struct lam_store *inner[2];
  struct lam_mem *mem;
} f;

static void open_stores(enum kind kind, struct lam_store **data, struct lam_store **meta) {
  char path[512];
  switch (kind) {
    case LOCAL:
      f.directory = new_temporary();
      snprintf(path, sizeof path, "%s/data", f.directory);
      OK(lam_store_local(f.context, path, data, &error));
      snprintf(path, sizeof path, "%s/meta//", f.directory);
      OK(lam_store_local(f.context, path, meta, &error));
      OK((*data)->ops->make_directory(*data, "", &error));
      OK(lam_store_make_directories(*meta, "", &error));
      break;
    case MEMORY:
      OK(lam_store_memory(f.context, data, &error));
      OK(lam_store_memory_beside(*data, meta, &error));
      break;
    case POWERCUT:
      OK(powercut_create(f.context, &f.cut, &error));
      OK(powercut_open(f.cut, "data", data, &error));
      OK(powercut_open(f.cut, "meta", meta, &error));
      break;
    case FAULT:
      open_stores(MEMORY, &f.inner[0], &f.inner[1]);
      fault_create(&f.fault);
      fault_wrap(f.fault, f.inner[0], data);
      fault_wrap(f.fault, f.inner[1], meta);
      break;
  }
}

static void set_up(enum kind kind) {
  f = (struct fixture){.context = new_context()};
  OK(lam_mem_open(f.context, 0, &f.mem, &error));
  open_stores(kind, &f.data, &f.meta);
  put_object(f.data, "f", "hello");
  OK(f.data->ops->make_directory(f.data, "d", &error));
  OK(f.data->ops->make_directory(f.data, "e", &error));
  put_object(f.data, "d/g", "inside");
}

static void tear_down(void) {
  lam_store_close(f.data);
  lam_store_close(f.meta);
  lam_store_close(f.inner[0]);
  lam_store_close(f.inner[1]);
  if (f.cut) powercut_free(f.cut);
  if (f.fault) fault_free(f.fault);
  if (f.directory) remove_temporary(f.context, f.directory);
  lam_mem_close(f.mem);
  struct lam_memory_use use = {sizeof use, 0, 0, 0};
  lam_context_memory(f.context, &use);
  assert_int_equal(use.used, 0);
  lam_context_free(f.context);
}

/* ---- failures, as a table ---- */

enum operation {
  STAT,
  LIST,
  OPEN,
  CREATE,
  MKDIR,
  RMDIR,
  REMOVE,
  LINK,
  RENAME,
  REPLACE,
  EXCHANGE,
  SYNC_DIR,
  COPY,
  LOCK
};

static enum lam_status no_entry(void *user, const char *name, const struct lam_object_info *info,
                                struct lam_error *error) {
  (void)user, (void)name, (void)info;
  return lam_fail(error, LAM_IO, "unexpected");
}

/* Only failures are expected, so no handle comes back. */
static enum lam_status run(enum operation operation, const char *a, const char *b, struct lam_error *error) {
  struct lam_store *s = f.data;
  struct lam_object_info info;
  void *handle;
  switch (operation) {
    case STAT: return s->ops->stat(s, a, &info, error);
    case LIST: return s->ops->list(s, a, no_entry, NULL, error);
    case OPEN: return s->ops->open(s, a, (struct lam_input **)&handle, &info, error);
    case CREATE: return s->ops->create(s, a, (struct lam_output **)&handle, error);
    case MKDIR: return s->ops->make_directory(s, a, error);
    case RMDIR: return s->ops->remove_directory(s, a, error);
    case REMOVE: return s->ops->remove(s, a, error);
    case LINK: return s->ops->link(s, a, s, b, error);
    case RENAME: return s->ops->rename(s, a, s, b, error);
    case REPLACE: return s->ops->replace(s, a, s, b, error);
    case EXCHANGE: return s->ops->exchange(s, a, s, b, error);
    case SYNC_DIR: return s->ops->sync_directory(s, a, error);
    case COPY: return s->ops->copy_attributes(s, a, s, b, error);
    case LOCK: return s->ops->lock(s, a, false, (struct lam_lock **)&handle, error);
  }
  return LAM_OK;
}

static void failures_have_their_status(void) {
  static const struct {
    enum operation operation;
    const char *a, *b;
    enum lam_status status;
    const char *named; /* by the message */
  } cases[] = {
      {STAT, "none", "", LAM_NOT_FOUND, "/none"},
      {STAT, "f/below", "", LAM_NOT_FOUND, "/f/below"},
      {STAT, "d/none/x", "", LAM_NOT_FOUND, "/d/none/x"},
      {STAT, "d//g", "", LAM_INVALID, "d//g"},
      {LIST, "none", "", LAM_NOT_FOUND, "/none"},
      {LIST, "f", "", LAM_NOT_FOUND, "/f"},
      {OPEN, "none", "", LAM_NOT_FOUND, "/none"},
      {OPEN, "d", "", LAM_INVALID, "/d"},
      {OPEN, "", "", LAM_INVALID, ""},
      {OPEN, "../f", "", LAM_INVALID, "\"..\""},
      {CREATE, "f", "", LAM_EXISTS, "/f"},
      {CREATE, "d", "", LAM_EXISTS, "/d"},
      {CREATE, "none/x", "", LAM_NOT_FOUND, "/none/x"},
      {CREATE, "f/x", "", LAM_NOT_FOUND, "/f/x"},
      {CREATE, "", "", LAM_EXISTS, ""},
      {CREATE, "/f", "", LAM_INVALID, "empty part"},
      {MKDIR, "d", "", LAM_EXISTS, "/d"},
      {MKDIR, "f", "", LAM_EXISTS, "/f"},
      {MKDIR, "", "", LAM_EXISTS, ""},
      {MKDIR, "none/x", "", LAM_NOT_FOUND, "/none/x"},
      {RMDIR, "d", "", LAM_EXISTS, "/d"},
      {RMDIR, "", "", LAM_EXISTS, ""},
      {RMDIR, "f", "", LAM_NOT_FOUND, "/f"},
      {RMDIR, "none", "", LAM_NOT_FOUND, "/none"},
      {REMOVE, "d", "", LAM_INVALID, "/d"},
      {REMOVE, "none", "", LAM_NOT_FOUND, "/none"},
      {REMOVE, "", "", LAM_INVALID, ""},
      {LINK, "f", "d/g", LAM_EXISTS, "/d/g"},
      {LINK, "d", "x", LAM_INVALID, "/d"},
      {LINK, "none", "x", LAM_NOT_FOUND, "none"},
      {LINK, "f", "none/x", LAM_NOT_FOUND, "none/x"},
      {RENAME, "f", "d/g", LAM_EXISTS, "/d/g"},
      {RENAME, "f", "e", LAM_EXISTS, "/e"},
      {RENAME, "d", "e", LAM_EXISTS, "/e"},
      {RENAME, "f", "f", LAM_EXISTS, "/f"},
      {RENAME, "none", "x", LAM_NOT_FOUND, "none"},
      {RENAME, "d", "d/x", LAM_INVALID, "/d"},
      {RENAME, "", "x", LAM_INVALID, ""},
      {REPLACE, "f", "e", LAM_INVALID, "/e"},
      {REPLACE, "e", "d", LAM_EXISTS, "/d"},
      {REPLACE, "d", "f", LAM_NOT_FOUND, "/f"},
      {REPLACE, "none", "f", LAM_NOT_FOUND, "none"},
      {EXCHANGE, "f", "none", LAM_NOT_FOUND, "none"},
      {EXCHANGE, "none", "f", LAM_NOT_FOUND, "none"},
      {EXCHANGE, "d", "d/g", LAM_UNSUPPORTED, "d"},
      {EXCHANGE, "d/g", "d", LAM_UNSUPPORTED, "d"},
      {EXCHANGE, "", "d", LAM_INVALID, ""},
      {SYNC_DIR, "f", "", LAM_NOT_FOUND, "/f"},
      {SYNC_DIR, "none", "", LAM_NOT_FOUND, "/none"},
      {COPY, "none", "f", LAM_NOT_FOUND, "/none"},
      {COPY, "f", "none", LAM_NOT_FOUND, "/none"},
      {LOCK, "none/x", "", LAM_NOT_FOUND, "/none/x"},
      {LOCK, "d", "", LAM_INVALID, "/d"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct lam_error error = LAM_ERROR_INIT;
    enum lam_status status = run(cases[i].operation, cases[i].a, cases[i].b, &error);
    if (status != cases[i].status || !strstr(error.message, cases[i].named))
      fail_msg("%s, operation %d on \"%s\" and \"%s\": %s, not %s: %s", f.data->ops->kind, cases[i].operation,
               cases[i].a, cases[i].b, lam_status_name(status), lam_status_name(cases[i].status), error.message);
    assert_int_equal(error.status, status);
  }
  want_bytes(f.data, "f", "hello");
  want_bytes(f.data, "d/g", "inside");
  assert_false(there(f.data, "x"));
}

/* ---- reading and writing ---- */

static void objects_are_written_and_read(void) {
  struct lam_output *output = begin_object(f.data, "d/new", "");
  struct lam_input *input;
  char bytes[16] = "";
  OK(f.data->ops->write(output, "0123", 4, &error));
  OK(f.data->ops->write(output, NULL, 0, &error));
  OK(f.data->ops->write(output, "456789", 6, &error));
  OK(f.data->ops->close_output(output, &error));
  OK(f.data->ops->open(f.data, "d/new", &input, NULL, &error));
  OK(f.data->ops->read(input, 3, bytes, 4, &error));
  assert_string_equal(bytes, "3456");
  OK(f.data->ops->read(input, 10, bytes, 0, &error));
  FAILS(f.data->ops->read(input, 6, bytes, 5, &error), LAM_CORRUPT, "10");
  FAILS(f.data->ops->read(input, 11, bytes, 1, &error), LAM_CORRUPT, "10");
  FAILS(f.data->ops->read(input, UINT64_MAX, bytes, 2, &error), LAM_CORRUPT, "18446744073709551615");
  /* The handle keeps the bytes. */
  OK(f.data->ops->remove(f.data, "d/new", &error));
  assert_false(there(f.data, "d/new"));
  OK(f.data->ops->read(input, 0, bytes, 10, &error));
  assert_memory_equal(bytes, "0123456789", 10);
  f.data->ops->close_input(input);
}

static void info_identifies_a_state(void) {
  struct lam_object_info one = info_of(f.data, "f"), again = info_of(f.data, "f"), other = info_of(f.data, "d/g");
  assert_memory_equal(&one, &again, offsetof(struct lam_object_info, writable)); /* padding is behind it */
  assert_int_equal(one.kind, LAM_OBJECT_FILE);
  assert_int_equal(one.size, 5);
  assert_int_equal(one.links, 1);
  assert_int_equal(info_of(f.data, "d").device, info_of(f.meta, "").device);
  assert_true(one.inode != other.inode);
  assert_true(one.mtime_ns > INT64_C(1600000000000000000));
  assert_int_equal(info_of(f.data, "d").kind, LAM_OBJECT_DIRECTORY);
  assert_int_equal(info_of(f.data, "").kind, LAM_OBJECT_DIRECTORY);
  OK(f.data->ops->rename(f.data, "f", f.meta, "moved", &error));
  again = info_of(f.meta, "moved");
  assert_int_equal(again.inode, one.inode);
  assert_int_equal(again.mtime_ns, one.mtime_ns);
}

struct listing {
  char names[8][16];
  enum lam_object_kind kinds[8];
  size_t count, stop_at;
};
static enum lam_status note(void *user, const char *name, const struct lam_object_info *info, struct lam_error *error) {
  struct listing *listing = user;
  size_t at = listing->count++;
  while (at && strcmp(listing->names[at - 1], name) > 0) {
    strcpy(listing->names[at], listing->names[at - 1]);
    listing->kinds[at] = listing->kinds[at - 1];
    at--;
  }
  strcpy(listing->names[at], name);
  listing->kinds[at] = info->kind;
  if (listing->count == listing->stop_at) return lam_fail(error, LAM_CANCELLED, "enough");
  return LAM_OK;
}

static void directories_are_listed(void) {
  struct listing all = {0}, none = {0}, some = {.stop_at = 2};
  OK(f.data->ops->list(f.data, "", note, &all, &error));
  assert_int_equal(all.count, 3);
  assert_string_equal(all.names[0], "d");
  assert_string_equal(all.names[1], "e");
  assert_string_equal(all.names[2], "f");
  assert_int_equal(all.kinds[1], LAM_OBJECT_DIRECTORY);
  assert_int_equal(all.kinds[2], LAM_OBJECT_FILE);
  OK(f.data->ops->list(f.data, "e", note, &none, &error));
  assert_int_equal(none.count, 0);
  FAILS(f.data->ops->list(f.data, "", note, &some, &error), LAM_CANCELLED, "enough");
  assert_int_equal(some.count, 2);
}

/* ---- names ---- */

static void names_move(void) {
  const struct lam_store_ops *ops = f.data->ops;
  OK(ops->link(f.data, "f", f.meta, "second", &error));
  assert_int_equal(info_of(f.data, "f").links, 2);
  assert_int_equal(info_of(f.data, "f").inode, info_of(f.meta, "second").inode);
  /* Two names of one file: replacing one by the other leaves one. */
  OK(ops->replace(f.meta, "second", f.data, "f", &error));
  assert_false(there(f.meta, "second"));
  assert_int_equal(info_of(f.data, "f").links, 1);
  OK(ops->link(f.data, "f", f.data, "e/f", &error));
  OK(ops->replace(f.data, "f", f.data, "f", &error));
  want_bytes(f.data, "f", "hello");
  OK(ops->remove(f.data, "e/f", &error));

  OK(ops->rename(f.data, "d", f.meta, "d2", &error));
  want_bytes(f.meta, "d2/g", "inside");
  assert_false(there(f.data, "d"));
  OK(ops->replace(f.data, "f", f.meta, "d2/g", &error));
  want_bytes(f.meta, "d2/g", "hello");
  assert_false(there(f.data, "f"));
  OK(ops->replace(f.meta, "d2/g", f.data, "f", &error)); /* where nothing is */

  OK(ops->make_directory(f.data, "n", &error));
  put_object(f.data, "n/y", "below");
  uint64_t n = info_of(f.data, "n").inode;
  OK(ops->replace(f.data, "n", f.meta, "d2", &error)); /* an empty directory */
  want_bytes(f.meta, "d2/y", "below");
  assert_int_equal(info_of(f.meta, "d2").inode, n);
  assert_false(there(f.data, "n"));
  OK(ops->remove(f.meta, "d2/y", &error));

  put_object(f.data, "e/x", "new");
  uint64_t e = info_of(f.data, "e").inode, d = info_of(f.meta, "d2").inode;
  OK(ops->exchange(f.data, "e", f.meta, "d2", &error));
  assert_int_equal(info_of(f.data, "e").inode, d);
  assert_int_equal(info_of(f.meta, "d2").inode, e);
  want_bytes(f.meta, "d2/x", "new");
  OK(ops->exchange(f.data, "f", f.meta, "d2", &error)); /* a file and a directory */
  want_bytes(f.meta, "d2", "hello");
  want_bytes(f.data, "f/x", "new");
}

static void attributes_are_copied_and_everything_syncs(void) {
  const struct lam_store_ops *ops = f.data->ops;
  struct lam_object_info before = info_of(f.data, "f");
  OK(ops->copy_attributes(f.data, "e", f.data, "f", &error));
  assert_int_equal(info_of(f.data, "f").mode, info_of(f.data, "e").mode);
  assert_int_equal(info_of(f.data, "f").mtime_ns, before.mtime_ns);
  OK(ops->copy_attributes(f.data, "d/g", f.data, "d", &error));
  const int64_t times[] = {1234567890123456789, 0, -1};
  for (int i = 0; i < 3; i++) {
    OK(ops->set_time(f.data, "f", times[i], &error));
    assert_int_equal(info_of(f.data, "f").mtime_ns, times[i]);
  }
  FAILS(ops->set_time(f.data, "none", 1, &error), LAM_NOT_FOUND, "/none");
  OK(ops->sync_directory(f.data, "d", &error));
  OK(ops->sync_directory(f.data, "", &error));
  OK(ops->sync_all(f.data, &error));
}

static void a_root_comes_and_goes(void) {
  const struct lam_store_ops *ops = f.meta->ops;
  struct lam_object_info info;
  OK(ops->remove_directory(f.meta, "", &error));
  FAILS(ops->stat(f.meta, "", &info, &error), LAM_NOT_FOUND, f.meta->root);
  FAILS(ops->make_directory(f.meta, "a", &error), LAM_NOT_FOUND, "/a");
  OK(lam_store_remove_tree(f.meta, "none", &error));
  OK(lam_store_make_directories(f.meta, "a/b/c", &error));
  OK(lam_store_make_directories(f.meta, "a/b/c", &error));
  put_object(f.meta, "a/b/c/x", "back");
  OK(ops->rename(f.meta, "a/b/c/x", f.data, "x", &error));
  want_bytes(f.data, "x", "back");
  FAILS(lam_store_make_directories(f.data, "f/a", &error), LAM_EXISTS, "/f");
}

/* ---- locks ---- */

static void locks_exclude_each_other(void) {
  const struct lam_store_ops *ops = f.meta->ops;
  struct lam_lock *one, *two;
  OK(ops->lock(f.meta, "lock", false, &one, &error));
  assert_true(there(f.meta, "lock"));
  FAILS(ops->lock(f.meta, "lock", false, &two, &error), LAM_CONFLICT, "/lock");
  assert_null(two);
  OK(ops->lock(f.meta, "other", true, &two, &error));
  ops->unlock(two);
  lam_context_cancel(f.context);
  FAILS(ops->lock(f.meta, "lock", true, &two, &error), LAM_CANCELLED, "cancelled");
  lam_context_reset(f.context);
  ops->unlock(one);
  OK(ops->lock(f.meta, "lock", true, &two, &error));
  /* The file of a lock was taken away: the next one is another. */
  OK(ops->remove(f.meta, "lock", &error));
  OK(ops->lock(f.meta, "lock", false, &one, &error));
  ops->unlock(one);
  ops->unlock(two);
}

/* ---- the helpers ---- */

static void helpers_get_put_and_remove(void) {
  struct lam_buf buf;
  struct listing all = {0};
  lam_buf_init(&buf, f.mem);
  OK(lam_store_put(f.data, "d/p", lam_bytes_of_string("first"), &error));
  OK(lam_store_put(f.data, "d/p", lam_bytes_of_string("second"), &error));
  OK(lam_store_put(f.data, "p", lam_bytes_of(NULL, 0), &error));
  want_bytes(f.data, "d/p", "second");
  want_bytes(f.data, "p", "");
  OK(f.data->ops->list(f.data, "d", note, &all, &error));
  assert_int_equal(all.count, 2); /* nothing is left of the staged one */
  OK(lam_store_get(f.data, "d/p", 6, &buf, &error));
  assert_int_equal(buf.size, 6);
  assert_memory_equal(buf.data, "second", 6);
  OK(lam_store_get(f.data, "p", 0, &buf, &error));
  assert_int_equal(buf.size, 0);
  FAILS(lam_store_get(f.data, "d/p", 5, &buf, &error), LAM_CORRUPT, "6 bytes");
  FAILS(lam_store_get(f.data, "none", 5, &buf, &error), LAM_NOT_FOUND, "/none");
  FAILS(lam_store_put(f.data, "none/p", lam_bytes_of_string("x"), &error), LAM_NOT_FOUND, "/none/p");
  FAILS(lam_store_put(f.data, "e", lam_bytes_of_string("x"), &error), LAM_INVALID, "/e");
  lam_buf_release(&buf);

  OK(lam_store_make_directories(f.data, "t/u/v", &error));
  OK(lam_store_make_directories(f.data, "t/w", &error));
  put_object(f.data, "t/u/v/1", "1");
  put_object(f.data, "t/u/2", "2");
  put_object(f.data, "t/3", "3");
  OK(lam_store_remove_tree(f.data, "t", &error));
  assert_false(there(f.data, "t"));
  OK(lam_store_remove_tree(f.data, "t", &error));
  OK(lam_store_remove_tree(f.data, "f", &error));
  OK(lam_store_remove_tree(f.data, "", &error));
  assert_false(there(f.data, ""));
  FAILS(lam_store_remove_tree(f.data, "a/", &error), LAM_INVALID, "empty part");
}

static void keys_are_checked(void **state) {
  (void)state;
  static const char *const good[] = {"", "a", "a/b", "..a/b..", "...", "a b=%2F/ü"};
  static const char *const bad[] = {"/", "/a", "a/", "a//b", ".", "..", "a/.", "a/../b", "./a"};
  char *longest = malloc(LAM_KEY_MAX + 2);
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) assert_int_equal(lam_key_check(good[i], NULL), LAM_OK);
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_int_equal(lam_key_check(bad[i], NULL), LAM_INVALID);
  assert_int_equal(lam_key_check(NULL, NULL), LAM_INVALID);
  memset(longest, 'a', LAM_KEY_MAX + 1);
  longest[LAM_KEY_MAX + 1] = 0;
  FAILS(lam_key_check(longest, &error), LAM_INVALID, "4096 bytes");
  longest[LAM_KEY_MAX] = 0;
  assert_int_equal(lam_key_check(longest, NULL), LAM_OK);
  free(longest);
}

static void files_are_mapped_appended_to_and_patched(void) {
  struct lam_input *input;
  struct lam_output *output;
  struct lam_object_info info;
  struct lam_bytes map, beyond;
  put_object(f.data, "h", "12345678abcdefgh");
  OK(f.data->ops->open(f.data, "h", &input, &info, &error));
  OK(f.data->ops->map(input, 12, &map, &error));
  FAILS(f.data->ops->map(input, 17, &beyond, &error), LAM_CORRUPT, "ends at byte 16");
  f.data->ops->close_input(input);
  assert_int_equal(map.size, 12);
  assert_memory_equal(map.data, "12345678abcd", 12);
  FAILS(f.data->ops->append(f.data, "none", &output, &info, &error), LAM_NOT_FOUND, "none");
  FAILS(f.data->ops->append(f.data, "d", &output, &info, &error), LAM_INVALID, "d");
  OK(f.data->ops->append(f.data, "h", &output, &info, &error));
  assert_int_equal(info.size, 16);
  OK(f.data->ops->write(output, "more", 4, &error));
  OK(f.data->ops->sync(output, &error));
  OK(f.data->ops->patch(output, 8, lam_load64("ABCDEFGH"), &error));
  OK(f.data->ops->sync(output, &error));
  OK(f.data->ops->close_output(output, &error));
  want_bytes(f.data, "h", "12345678ABCDEFGHmore");
  OK(f.data->ops->remove(f.data, "h", &error));
  assert_memory_equal(map.data, "12345678", 8); /* beyond its name */
  f.data->ops->unmap(f.data, map);
}

static void every_case(enum kind kind) {
  static void (*const cases[])(void) = {
      failures_have_their_status,
      objects_are_written_and_read,
      info_identifies_a_state,
      directories_are_listed,
      names_move,
      attributes_are_copied_and_everything_syncs,
      a_root_comes_and_goes,
      locks_exclude_each_other,
      helpers_get_put_and_remove,
      files_are_mapped_appended_to_and_patched,
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    set_up(kind);
    cases[i]();
    tear_down();
  }
}

static void local_store(void **state) {
  (void)state;
  every_case(LOCAL);
}
static void memory_store(void **state) {
  (void)state;
  every_case(MEMORY);
}
static void powercut_store(void **state) {
  (void)state;
  every_case(POWERCUT);
}
static void fault_store(void **state) {
  (void)state;
  every_case(FAULT);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(keys_are_checked), cmocka_unit_test(local_store), cmocka_unit_test(memory_store),
      cmocka_unit_test(powercut_store),   cmocka_unit_test(fault_store),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
