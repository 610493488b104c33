#include "base/context.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/threads.h"

static void defaults(void **state) {
  (void)state;
  struct lam_context *context;
  unsetenv("TMPDIR");
  assert_int_equal(lam_context_create(NULL, &context, NULL), LAM_OK);
  struct lam_memory_use use = LAM_MEMORY_USE_INIT;
  lam_context_memory(context, &use);
  uint64_t quarter = lam_memory_of_process() / 4;
  assert_int_equal(use.limit, lam_max_u64(quarter, 256 << 20));
  assert_int_equal(use.used, 0);
  assert_int_equal(use.peak, 0);
  assert_int_equal(use.struct_size, sizeof use);
  assert_int_equal(lam_context_threads(context), lam_processors());
  assert_int_equal(lam_pool_threads(lam_context_pool(context)), lam_processors());
  assert_string_equal(lam_context_spill_dir(context), "/var/tmp");
  lam_context_free(context);
  lam_context_free(NULL);
  assert_int_equal(strspn(lam_version(), "0123456789."), strlen(lam_version()));

  setenv("TMPDIR", "/tmp/here", 1);
  assert_int_equal(lam_context_create(NULL, &context, NULL), LAM_OK);
  assert_string_equal(lam_context_spill_dir(context), "/tmp/here");
  lam_context_free(context);
}

static void options_are_copied(void **state) {
  (void)state;
  struct lam_context *context;
  char dir[] = "/spill";
  struct lam_context_options options = LAM_CONTEXT_OPTIONS_INIT;
  options.threads = 3;
  options.memory_limit = 12345;
  options.spill_dir = dir;
  assert_int_equal(lam_context_create(&options, &context, NULL), LAM_OK);
  dir[1] = '!';
  assert_string_equal(lam_context_spill_dir(context), "/spill");
  assert_int_equal(lam_context_threads(context), 3);
  struct lam_memory_use use = {.struct_size = offsetof(struct lam_memory_use, used), .used = 77};
  lam_context_memory(context, &use); /* an older caller's struct ends before `used` */
  assert_int_equal(use.limit, 12345);
  assert_int_equal(use.used, 77);
  lam_context_free(context);

  /* An older caller's options end before `memory_limit`; what lies behind is not looked at. */
  options.struct_size = offsetof(struct lam_context_options, memory_limit);
  assert_int_equal(lam_context_create(&options, &context, NULL), LAM_OK);
  use.struct_size = sizeof use;
  lam_context_memory(context, &use);
  assert_int_not_equal(use.limit, 12345);
  lam_context_free(context);
}

static void *no_alloc(void *user, size_t size) {
  (void)user, (void)size;
  return NULL;
}

static void refuses_wrong_options(void **state) {
  (void)state;
  static const struct {
    struct lam_context_options options;
    const char *message;
  } cases[] = {
      {{.struct_size = 0}, "options of 0 bytes were given; fill them with LAM_CONTEXT_OPTIONS_INIT"},
      {{.struct_size = 5000}, "options of 5000 bytes were given; fill them with LAM_CONTEXT_OPTIONS_INIT"},
      {{.struct_size = sizeof(struct lam_context_options), .alloc = no_alloc},
       "context options have only one of alloc and free; give both or none"},
      {{.struct_size = sizeof(struct lam_context_options), .threads = 5000},
       "5000 threads were asked for; at most 1024 are possible"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct lam_error error = LAM_ERROR_INIT;
    struct lam_context *context = (struct lam_context *)&error;
    assert_int_equal(lam_context_create(&cases[i].options, &context, &error), LAM_INVALID);
    assert_null(context);
    assert_string_equal(error.message, cases[i].message);
  }
}

struct heard {
  int lines, calls;
  char last[1100];
  struct lam_progress progress;
  bool go_on;
};

static void hear_line(void *user, enum lam_log_level level, const char *message) {
  struct heard *heard = user;
  heard->lines++;
  snprintf(heard->last, sizeof heard->last, "%d %s", (int)level, message);
}

static bool hear_progress(void *user, const struct lam_progress *progress) {
  struct heard *heard = user;
  heard->calls++;
  heard->progress = *progress;
  return heard->go_on;
}

static struct lam_context *listening(struct heard *heard) {
  struct lam_context *context;
  struct lam_context_options options = LAM_CONTEXT_OPTIONS_INIT;
  options.threads = 1;
  options.log = hear_line;
  options.log_user = heard;
  options.log_level = LAM_LOG_INFO;
  options.progress = hear_progress;
  options.progress_user = heard;
  assert_int_equal(lam_context_create(&options, &context, NULL), LAM_OK);
  return context;
}

static void logs_up_to_its_level(void **state) {
  (void)state;
  struct heard heard = {0};
  struct lam_context *context = listening(&heard);
  lam_log(context, LAM_LOG_INFO, "%d files", 3);
  assert_string_equal(heard.last, "2 3 files");
  lam_log(context, LAM_LOG_ERROR, "gone");
  assert_string_equal(heard.last, "0 gone");
  lam_log(context, LAM_LOG_DEBUG, "not heard");
  assert_int_equal(heard.lines, 2);
  lam_context_free(context);
}

static void tells_progress(void **state) {
  (void)state;
  struct heard heard = {.go_on = true};
  struct lam_context *context = listening(&heard);
  lam_progress_add(context, 5, 5); /* no operation is under way: nobody is told */
  lam_progress_end(context);
  assert_int_equal(heard.calls, 0);
  lam_progress_begin(context, "compact", 100, 1000);
  lam_progress_add(context, 30, 300);
  lam_progress_add(context, 70, 700);
  lam_progress_end(context);
  assert_true(heard.calls >= 1);
  assert_string_equal(heard.progress.operation, "compact");
  assert_int_equal(heard.progress.rows_done, 100);
  assert_int_equal(heard.progress.rows_total, 100);
  assert_int_equal(heard.progress.bytes_done, 1000);
  assert_int_equal(heard.progress.bytes_total, 1000);
  assert_int_equal(heard.progress.struct_size, sizeof heard.progress);
  lam_context_free(context);
}

static void a_callback_cancels(void **state) {
  (void)state;
  struct heard heard = {.go_on = false};
  struct lam_context *context = listening(&heard);
  assert_int_equal(lam_check_cancel(context, NULL), LAM_OK);
  lam_progress_begin(context, "import", 0, 0);
  lam_progress_end(context);
  struct lam_error error = LAM_ERROR_INIT;
  assert_int_equal(lam_check_cancel(context, &error), LAM_CANCELLED);
  assert_string_equal(error.message, "cancelled");
  lam_context_reset(context);
  assert_int_equal(lam_check_cancel(context, NULL), LAM_OK);
  lam_context_cancel(context);
  assert_int_equal(lam_check_cancel(context, NULL), LAM_CANCELLED);
  lam_context_free(context);
}

static void is_quiet_without_callbacks(void **state) {
  (void)state;
  struct lam_context *context;
  assert_int_equal(lam_context_create(NULL, &context, NULL), LAM_OK);
  lam_log(context, LAM_LOG_ERROR, "nobody hears");
  lam_progress_begin(context, "scan", 1, 1);
  lam_progress_add(context, 1, 1);
  lam_progress_end(context);
  lam_context_free(context);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(defaults),
      cmocka_unit_test(options_are_copied),
      cmocka_unit_test(refuses_wrong_options),
      cmocka_unit_test(logs_up_to_its_level),
      cmocka_unit_test(tells_progress),
      cmocka_unit_test(a_callback_cancels),
      cmocka_unit_test(is_quiet_without_callbacks),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
