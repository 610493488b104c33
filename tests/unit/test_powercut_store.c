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

static struct lam_context *context;
static struct powercut *cut;
static struct lam_store *data, *meta;

static int set_up(void **state) {
  (void)state;
  context = new_context();
  OK(powercut_create(context, &cut, &error));
  OK(powercut_open(cut, "data", &data, &error));
  OK(powercut_open(cut, "meta", &meta, &error));
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  lam_store_close(data);
  lam_store_close(meta);
  powercut_free(cut);
  struct lam_memory_use use = {sizeof use, 0, 0, 0};
  lam_context_memory(context, &use);
  assert_int_equal(use.used, 0);
  lam_context_free(context);
  return 0;
}

static void put_unsynced(struct lam_store *store, const char *key, const char *text) {
  struct lam_output *output = begin_object(store, key, text);
  OK(store->ops->close_output(output, &error));
}
static void sync_names(struct lam_store *store, const char *key) {
  OK(store->ops->sync_directory(store, key, &error));
}

static void names_are_lost_until_their_directory_is_synced(void **state) {
  (void)state;
  put_object(data, "a", "bytes");
  assert_int_equal(powercut_pending(cut), 1);
  powercut_crash(cut, POWERCUT_DROP, 0);
  assert_false(there(data, "a"));
  put_object(data, "a", "bytes");
  struct lam_object_info before = info_of(data, "a");
  sync_names(data, "");
  assert_int_equal(powercut_pending(cut), 0);
  powercut_crash(cut, POWERCUT_DROP, 0);
  want_bytes(data, "a", "bytes");
  assert_int_equal(info_of(data, "a").inode, before.inode);
  assert_int_equal(info_of(data, "a").mtime_ns, before.mtime_ns);
  /* A removal comes back, and so does the number of links. */
  OK(data->ops->link(data, "a", data, "b", &error));
  OK(data->ops->remove(data, "a", &error));
  OK(data->ops->remove(data, "b", &error));
  powercut_crash(cut, POWERCUT_DROP, 0);
  want_bytes(data, "a", "bytes");
  assert_int_equal(info_of(data, "a").links, 1);
}

static void bytes_are_lost_until_they_are_synced(void **state) {
  (void)state;
  put_unsynced(data, "staged", "bytes");
  OK(data->ops->rename(data, "staged", data, "final", &error));
  powercut_crash(cut, POWERCUT_KEEP_NAMES, 0); /* lesson 56 */
  want_bytes(data, "final", "");
  struct lam_output *output = begin_object(data, "half", "first");
  OK(data->ops->sync(output, &error));
  OK(data->ops->write(output, "second", 6, &error));
  OK(data->ops->close_output(output, &error));
  powercut_crash(cut, POWERCUT_KEEP_NAMES, 0);
  want_bytes(data, "half", "first");
  put_unsynced(data, "all", "bytes");
  put_unsynced(meta, "all", "more");
  OK(data->ops->sync_all(data, &error)); /* of the whole file system */
  powercut_crash(cut, POWERCUT_DROP, 0);
  want_bytes(data, "all", "bytes");
  want_bytes(meta, "all", "more");
  want_bytes(data, "final", "");
}

static void a_directory_without_its_name_is_lost(void **state) {
  (void)state;
  OK(data->ops->make_directory(data, "d", &error));
  put_object(data, "d/a", "1");
  sync_names(data, "d");
  powercut_crash(cut, POWERCUT_DROP, 0);
  assert_false(there(data, "d"));
}

static void a_rename_is_in_both_directories_or_in_none(void **state) {
  (void)state;
  put_object(meta, "a", "1");
  sync_names(meta, "");
  for (int sync_target = 0; sync_target < 2; sync_target++) {
    OK(meta->ops->rename(meta, "a", data, "a", &error));
    powercut_crash(cut, POWERCUT_DROP, 0);
    want_bytes(meta, "a", "1");
    assert_false(there(data, "a"));
    OK(meta->ops->rename(meta, "a", data, "a", &error));
    sync_names(sync_target ? data : meta, ""); /* either will do */
    powercut_crash(cut, POWERCUT_DROP, 0);
    want_bytes(data, "a", "1");
    assert_false(there(meta, "a"));
    OK(data->ops->replace(data, "a", meta, "a", &error));
    sync_names(data, "");
  }
}

static void an_exchange_is_undone(void **state) {
  (void)state;
  OK(data->ops->make_directory(data, "p", &error));
  OK(meta->ops->make_directory(meta, "q", &error));
  put_object(data, "p/old", "1");
  put_object(meta, "q/new", "2");
  OK(meta->ops->sync_all(meta, &error));
  OK(meta->ops->exchange(meta, "q", data, "p", &error));
  want_bytes(data, "p/new", "2");
  powercut_crash(cut, POWERCUT_DROP, 0);
  want_bytes(data, "p/old", "1");
  want_bytes(meta, "q/new", "2");
  OK(meta->ops->exchange(meta, "q", data, "p", &error));
  sync_names(data, "");
  powercut_crash(cut, POWERCUT_DROP, 0);
  want_bytes(data, "p/new", "2");
  want_bytes(meta, "q/old", "1");
}

/* What a sync makes durable takes what came before it along, but not what comes after. */
static void the_journal_is_kept_in_order(void **state) {
  (void)state;
  put_object(meta, "a", "1");
  OK(meta->ops->rename(meta, "a", data, "a", &error));
  put_object(meta, "b", "2");
  sync_names(data, "");
  assert_int_equal(powercut_pending(cut), 1);
  powercut_crash(cut, POWERCUT_DROP, 0);
  want_bytes(data, "a", "1");
  assert_false(there(meta, "b"));
}

static void a_random_crash_keeps_beginnings(void **state) {
  (void)state;
  enum { FILES = 6, SEEDS = 300 };
  int seen[FILES + 1] = {0}, sizes[6] = {0}, zeros = 0;
  for (uint64_t seed = 0; seed < SEEDS; seed++) {
    for (int i = 0; i < FILES; i++) put_unsynced(data, (char[]){(char)('a' + i), 0}, "12345");
    powercut_crash(cut, POWERCUT_RANDOM, seed);
    int count = 0;
    while (count < FILES && there(data, (char[]){(char)('a' + count), 0})) {
      struct lam_input *input;
      struct lam_object_info info;
      char bytes[5];
      OK(data->ops->open(data, (char[]){(char)('a' + count), 0}, &input, &info, &error));
      assert_true(info.size <= 5);
      sizes[info.size]++;
      OK(data->ops->read(input, 0, bytes, (size_t)info.size, &error));
      bool zero = info.size == 5 && memcmp(bytes, "\0\0\0\0\0", 5) == 0;
      zeros += zero;
      if (!zero) assert_memory_equal(bytes, "12345", (size_t)info.size);
      data->ops->close_input(input);
      count++;
    }
    seen[count]++;
    for (int i = count; i < FILES; i++) assert_false(there(data, (char[]){(char)('a' + i), 0}));
    OK(lam_store_remove_tree(data, "", &error));
    OK(data->ops->make_directory(data, "", &error));
  }
  for (int i = 0; i <= FILES; i++) assert_true(seen[i] > 0);
  for (int i = 0; i <= 5; i++) assert_true(sizes[i] > 0);
  assert_true(zeros > 0);
}

static void stores_are_opened_again(void **state) {
  (void)state;
  struct lam_lock *lock, *again;
  put_object(data, "a", "1");
  OK(data->ops->lock(data, "lock", false, &lock, &error));
  sync_names(data, "");
  powercut_crash(cut, POWERCUT_DROP, 0);
  OK(data->ops->lock(data, "lock", false, &again, &error)); /* the holder died */
  data->ops->unlock(lock);
  FAILS(data->ops->lock(data, "lock", false, &lock, &error), LAM_CONFLICT, "data/lock");
  data->ops->unlock(again);
  lam_store_close(data);
  OK(powercut_open(cut, "data", &data, &error));
  want_bytes(data, "a", "1");
  /* A root that was removed is missing, one that was made again is there. */
  OK(meta->ops->remove_directory(meta, "", &error));
  lam_store_close(meta);
  OK(powercut_open(cut, "meta", &meta, &error));
  assert_false(there(meta, ""));
  OK(meta->ops->make_directory(meta, "", &error));
  put_object(meta, "b", "2");
  sync_names(meta, "");
  lam_store_close(meta);
  powercut_crash(cut, POWERCUT_DROP, 0);
  OK(powercut_open(cut, "meta", &meta, &error));
  want_bytes(meta, "b", "2");
}

static void a_patch_is_lost_until_it_is_synced(void **state) {
  (void)state;
  struct lam_output *output;
  put_object(data, "p", "12345678abcdefgh");
  OK(data->ops->sync_directory(data, "", &error));
  for (int synced = 0; synced < 2; synced++) {
    OK(data->ops->append(data, "p", &output, NULL, &error));
    OK(data->ops->patch(output, 8, lam_load64("ABCDEFGH"), &error));
    if (synced) OK(data->ops->sync(output, &error));
    OK(data->ops->patch(output, 0, lam_load64("--------"), &error));
    OK(data->ops->close_output(output, &error));
    powercut_crash(cut, POWERCUT_DROP, 0);
    want_bytes(data, "p", synced ? "12345678ABCDEFGH" : "12345678abcdefgh");
  }
}

/* lam_store_put, stopped before each of its operations, under every kind of crash: old or new. */
static void a_put_is_atomic(void **state) {
  (void)state;
  struct fault *fault;
  struct lam_store *store;
  fault_create(&fault);
  fault_wrap(fault, data, &store);
  for (uint64_t seed = 0; seed < 60; seed++) {
    enum powercut_mode mode = seed < 2 ? (enum powercut_mode)seed : POWERCUT_RANDOM;
    enum lam_status status = LAM_IO;
    for (uint64_t n = 1; status != LAM_OK; n++) {
      fault_arm(fault, NULL);
      OK(lam_store_put(store, "a", lam_bytes_of_string("old"), &error));
      fault_arm(fault, &(struct fault_plan){.at = n, .onwards = true});
      status = lam_store_put(store, "a", lam_bytes_of_string("newer"), NULL);
      powercut_crash(cut, mode, seed);
      if (status == LAM_OK || info_of(data, "a").size == 5)
        want_bytes(data, "a", "newer");
      else
        want_bytes(data, "a", "old");
      assert_true(n < 10);
    }
  }
  lam_store_close(store);
  fault_free(fault);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(names_are_lost_until_their_directory_is_synced, set_up, tear_down),
      cmocka_unit_test_setup_teardown(bytes_are_lost_until_they_are_synced, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_directory_without_its_name_is_lost, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_rename_is_in_both_directories_or_in_none, set_up, tear_down),
      cmocka_unit_test_setup_teardown(an_exchange_is_undone, set_up, tear_down),
      cmocka_unit_test_setup_teardown(the_journal_is_kept_in_order, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_random_crash_keeps_beginnings, set_up, tear_down),
      cmocka_unit_test_setup_teardown(stores_are_opened_again, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_patch_is_lost_until_it_is_synced, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_put_is_atomic, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
