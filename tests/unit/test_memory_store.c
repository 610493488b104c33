/* What only the memory store has: the budget, threads, roots beside each other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <pthread.h>

#include "base/context.h"
#include "store_support.h"

static uint64_t used(struct lam_context *context) {
  struct lam_memory_use use = {sizeof use, 0, 0, 0};
  lam_context_memory(context, &use);
  return use.used;
}

static void objects_count_against_the_budget(void **state) {
  (void)state;
  struct lam_context *context = new_context();
  struct lam_store *store;
  struct lam_output *output;
  size_t size = 40 << 20;
  char *bytes = calloc(1, size);
  OK(lam_store_memory(context, &store, &error));
  OK(store->ops->create(store, "a", &output, &error));
  OK(store->ops->write(output, bytes, size, &error));
  assert_true(used(context) >= size);
  FAILS(store->ops->write(output, bytes, size, &error), LAM_LIMIT, "cannot write to memory");
  assert_int_equal(info_of(store, "a").size, size);
  OK(store->ops->remove(store, "a", &error));
  assert_true(used(context) >= size); /* the handle keeps it */
  OK(store->ops->close_output(output, &error));
  assert_true(used(context) < size);
  lam_store_close(store);
  assert_int_equal(used(context), 0);
  lam_context_free(context);
  free(bytes);
}

/* Nothing is left behind by an operation that found no memory, whichever allocation failed. */
static size_t allocations_left;
static void *scarce(void *user, size_t size) {
  (void)user;
  void *memory = NULL;
  if (allocations_left == 0 || posix_memalign(&memory, 64, size)) return NULL;
  allocations_left--;
  return memory;
}
static void give(void *user, void *memory, size_t size) {
  (void)user, (void)size;
  free(memory);
}
static enum lam_status ignore_entry(void *user, const char *name, const struct lam_object_info *info,
                                    struct lam_error *error) {
  (void)user, (void)name, (void)info, (void)error;
  return LAM_OK;
}

static enum lam_status work(struct lam_context *context, struct lam_error *error) {
  struct lam_store *store, *beside;
  struct lam_input *input;
  struct lam_lock *lock;
  LAM_TRY(lam_store_memory(context, &store, error));
  enum lam_status status = lam_store_memory_beside(store, &beside, error);
  if (status != LAM_OK) {
    lam_store_close(store);
    return status;
  }
  const struct lam_store_ops *ops = store->ops;
  status = lam_store_make_directories(store, "a/b", error);
  if (status == LAM_OK) status = lam_store_put(store, "a/b/c", lam_bytes_of_string("text"), error);
  if (status == LAM_OK) status = ops->link(store, "a/b/c", beside, "c", error);
  if (status == LAM_OK) status = ops->list(store, "a", ignore_entry, NULL, error);
  if (status == LAM_OK && (status = ops->open(store, "a/b/c", &input, NULL, error)) == LAM_OK) ops->close_input(input);
  if (status == LAM_OK && (status = ops->lock(store, "lock", false, &lock, error)) == LAM_OK) ops->unlock(lock);
  if (status == LAM_OK) status = ops->rename(store, "a", beside, "a", error);
  lam_store_close(store);
  lam_store_close(beside);
  return status;
}

static void every_allocation_may_fail(void **state) {
  (void)state;
  struct lam_context *context;
  struct lam_context_options options = LAM_CONTEXT_OPTIONS_INIT;
  options.threads = 1;
  options.alloc = scarce;
  options.free = give;
  OK(lam_context_create(&options, &context, &error));
  enum lam_status status = LAM_NO_MEMORY;
  for (size_t n = 0; status != LAM_OK; n++) {
    assert_true(n < 100);
    allocations_left = n;
    status = work(context, NULL);
    assert_true(status == LAM_OK || status == LAM_NO_MEMORY);
    assert_int_equal(used(context), 0);
  }
  lam_context_free(context);
}

static void roots_beside_each_other(void **state) {
  (void)state;
  struct lam_context *context = new_context();
  struct lam_store *one, *two, *stranger;
  OK(lam_store_memory(context, &one, &error));
  OK(lam_store_memory_beside(one, &two, &error));
  OK(lam_store_memory(context, &stranger, &error));
  put_object(one, "a", "1");
  FAILS(one->ops->rename(one, "a", stranger, "a", &error), LAM_UNSUPPORTED, "cannot rename memory/a to memory/a");
  OK(one->ops->rename(one, "a", two, "b", &error));
  lam_store_close(one); /* the one that made the file system */
  want_bytes(two, "b", "1");
  lam_store_close(two);
  lam_store_close(stranger);
  assert_int_equal(used(context), 0);
  OK(lam_store_local(context, "/nowhere", &one, &error));
  FAILS(lam_store_memory_beside(one, &two, &error), LAM_INVALID, "local");
  lam_store_close(one);
  lam_context_free(context);
}

/* A deep tree is freed without a deep stack. */
static void deep_trees_go(void **state) {
  (void)state;
  enum { DEPTH = 2000 };
  struct lam_context *context = new_context();
  struct lam_store *store;
  char key[LAM_KEY_MAX + 1] = "d";
  OK(lam_store_memory(context, &store, &error));
  for (size_t i = 1; i < DEPTH; i++) memcpy(key + 2 * i - 1, "/d", 3);
  OK(lam_store_make_directories(store, key, &error));
  lam_store_close(store);
  assert_int_equal(used(context), 0);
  lam_context_free(context);
}

/* ---- threads ---- */

enum { THREADS = 4, ROUNDS = 200 };
static struct lam_store *shared;
static int counter; /* under the lock */

static void *worker(void *user) {
  char mine[16], staged[16];
  struct lam_lock *lock;
  snprintf(mine, sizeof mine, "f%d", *(int *)user);
  snprintf(staged, sizeof staged, "s%d", *(int *)user);
  for (int i = 0; i < ROUNDS; i++) {
    put_object(shared, staged, mine);
    OK(shared->ops->replace(shared, staged, shared, mine, &error));
    want_bytes(shared, mine, mine);
    OK(shared->ops->list(shared, "", ignore_entry, NULL, &error));
    if (i % 20) continue;
    OK(shared->ops->lock(shared, "lock", true, &lock, &error));
    counter++;
    shared->ops->unlock(lock);
  }
  return NULL;
}

static void threads_share_a_store(void **state) {
  (void)state;
  struct lam_context *context = new_context();
  pthread_t threads[THREADS];
  int numbers[THREADS];
  OK(lam_store_memory(context, &shared, &error));
  counter = 0;
  for (int i = 0; i < THREADS; i++) {
    numbers[i] = i;
    assert_int_equal(pthread_create(threads + i, NULL, worker, numbers + i), 0);
  }
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  assert_int_equal(counter, THREADS * ROUNDS / 20);
  lam_store_close(shared);
  lam_context_free(context);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(objects_count_against_the_budget),
      cmocka_unit_test(every_allocation_may_fail),
      cmocka_unit_test(roots_beside_each_other),
      cmocka_unit_test(deep_trees_go),
      cmocka_unit_test(threads_share_a_store),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
