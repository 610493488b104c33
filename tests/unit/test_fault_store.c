#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <sys/wait.h>

#include "base/context.h"
#include "fault_store.h"
#include "store_support.h"

static struct lam_context *context;
static struct lam_store *inner[2], *data, *meta;
static struct fault *fault;

static int set_up(void **state) {
  (void)state;
  context = new_context();
  OK(lam_store_memory(context, &inner[0], &error));
  OK(lam_store_memory_beside(inner[0], &inner[1], &error));
  fault_create(&fault);
  fault_wrap(fault, inner[0], &data);
  fault_wrap(fault, inner[1], &meta);
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  lam_store_close(data);
  lam_store_close(meta);
  lam_store_close(inner[0]);
  lam_store_close(inner[1]);
  fault_free(fault);
  lam_context_free(context);
  return 0;
}

/* 8 operations that change something: put is create, write, sync, close, replace, sync_directory. */
static enum lam_status work(struct lam_error *error) {
  bool is_there;
  LAM_TRY(lam_store_put(meta, "staged", lam_bytes_of_string("0123456789"), error));
  LAM_TRY(meta->ops->rename(meta, "staged", data, "final", error));
  LAM_TRY(lam_store_exists(data, "final", &is_there, error));
  return data->ops->sync_directory(data, "", error);
}

static void operations_of_both_stores_are_counted(void **state) {
  (void)state;
  OK(work(&error));
  assert_int_equal(fault_count(fault), 8);
  assert_non_null(strstr(fault_trace(fault), "   7 rename memory/staged -> memory/final\n"));
  OK(data->ops->remove(data, "final", &error));
  fault_arm(fault, &(struct fault_plan){.reads = true});
  OK(work(&error));
  assert_int_equal(fault_count(fault), 9);
  assert_non_null(strstr(fault_trace(fault), "   8 stat memory/final\n"));
  assert_false(fault_fired(fault));
}

static void every_operation_fails_in_turn(void **state) {
  (void)state;
  for (int mode = 0; mode < 8; mode++) {
    uint64_t n = 0;
    enum lam_status status;
    do {
      struct lam_error error = LAM_ERROR_INIT;
      fault_arm(fault, &(struct fault_plan){.at = ++n, .after = mode & 1, .onwards = mode & 2, .reads = mode & 4});
      status = work(&error);
      assert_true(status == LAM_OK || status == LAM_IO);
      assert_int_equal(status != LAM_OK, fault_fired(fault));
      if (status) assert_non_null(strstr(error.message, "injected fault"));
      OK(lam_store_remove_tree(inner[0], "final", &error));
      OK(lam_store_remove_tree(inner[1], "staged", &error));
    } while (status != LAM_OK);
    assert_int_equal(n, mode & 4 ? 10 : 9);
  }
}

static void a_failure_may_come_before_or_after(void **state) {
  (void)state;
  for (int after = 0; after < 2; after++) {
    fault_arm(fault, &(struct fault_plan){.at = 1, .after = after});
    FAILS(data->ops->make_directory(data, "d", &error), LAM_IO, "make_directory memory/d");
    assert_int_equal(there(inner[0], "d"), after);
  }
  struct lam_output *output;
  struct lam_lock *lock;
  struct lam_input *input;
  fault_arm(fault, &(struct fault_plan){.at = 1, .after = true, .onwards = true, .reads = true});
  FAILS(data->ops->create(data, "f", &output, &error), LAM_IO, "create memory/f");
  FAILS(data->ops->lock(data, "f", false, &lock, &error), LAM_IO, "lock memory/f");
  FAILS(data->ops->open(data, "f", &input, NULL, &error), LAM_IO, "open memory/f");
  assert_true(there(inner[0], "f"));
  fault_arm(fault, NULL);
  OK(data->ops->lock(data, "f", false, &lock, &error)); /* none is held by the failed one */
  data->ops->unlock(lock);
}

static void a_full_disk_takes_half_a_write(void **state) {
  (void)state;
  struct lam_output *output = begin_object(data, "f", "");
  fault_arm(fault, &(struct fault_plan){.at = 1, .action = FAULT_FULL, .onwards = true});
  OK(data->ops->sync(output, &error));
  FAILS(data->ops->write(output, "0123456789", 10, &error), LAM_IO, "No space left on device");
  OK(data->ops->close_output(output, &error));
  want_bytes(inner[0], "f", "01234");
  FAILS(data->ops->make_directory(data, "d", &error), LAM_IO, "No space left");
  OK(data->ops->remove(data, "f", &error)); /* one can still tidy up */
  fault_arm(fault, &(struct fault_plan){.at = 1, .action = FAULT_FULL});
  OK(data->ops->sync_all(data, &error));
  FAILS(data->ops->make_directory(data, "d", &error), LAM_IO, "No space left");
  OK(data->ops->make_directory(data, "d", &error)); /* only once */
}

static void look(void *user, const char *what) {
  assert_non_null(strstr(what, "remove memory/f"));
  *(int *)user = there(inner[0], "f") ? 1 : 2;
}

static void a_callback_looks_before_or_after(void **state) {
  (void)state;
  for (int after = 0; after < 2; after++) {
    int seen = 0;
    put_object(inner[0], "f", "x");
    fault_arm(fault, &(struct fault_plan){.at = 1, .action = FAULT_CALL, .after = after, .call = look, .user = &seen});
    OK(data->ops->remove(data, "f", &error));
    assert_int_equal(seen, after ? 2 : 1);
  }
}

static void a_process_is_killed(void **state) {
  (void)state;
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) {
    fault_arm(fault, &(struct fault_plan){.at = 3, .action = FAULT_EXIT});
    work(NULL);
    _exit(0);
  }
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFEXITED(status));
  assert_int_equal(WEXITSTATUS(status), FAULT_EXIT_STATUS);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(operations_of_both_stores_are_counted, set_up, tear_down),
      cmocka_unit_test_setup_teardown(every_operation_fails_in_turn, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_failure_may_come_before_or_after, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_full_disk_takes_half_a_write, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_callback_looks_before_or_after, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_process_is_killed, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
