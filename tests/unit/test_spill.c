#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/context.h"
#include "store/spill.h"
#include "store_support.h"

static struct lam_context *context;
static struct lam_mem *mem;
static char *directory;

static struct lam_context *context_at(const char *spill_dir) {
  struct lam_context *out;
  struct lam_context_options options = LAM_CONTEXT_OPTIONS_INIT;
  options.threads = 1;
  options.memory_limit = 16 << 20;
  options.spill_dir = spill_dir;
  OK(lam_context_create(&options, &out, &error));
  return out;
}

static int set_up(void **state) {
  (void)state;
  directory = new_temporary();
  context = context_at(directory);
  OK(lam_mem_open(context, 0, &mem, &error));
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  assert_int_equal(lam_mem_used(mem), 0);
  lam_mem_close(mem);
  assert_int_equal(rmdir(directory), 0); /* nothing was left in it */
  free(directory);
  lam_context_free(context);
  return 0;
}

static uint8_t byte_at(uint64_t offset) {
  return (uint8_t)((offset * 2654435761u) >> 11);
}

static void want_range(struct lam_spill *spill, uint64_t offset, size_t size) {
  uint8_t *bytes = malloc(size + 1);
  OK(lam_spill_read(spill, offset, bytes, size, &error));
  for (size_t i = 0; i < size; i++) assert_int_equal(bytes[i], byte_at(offset + i));
  free(bytes);
}

/* Appends of every size around the buffer's, read back between and after. */
static void what_was_appended_is_read(void **state) {
  (void)state;
  static const size_t sizes[] = {1, 0, 100, 65535, 65536, 65537, 7, 65529, 200000, 3};
  struct lam_spill *spill;
  uint8_t *bytes = malloc(200000);
  OK(lam_spill_create(mem, &spill, &error));
  assert_int_equal(lam_spill_size(spill), 0);
  want_range(spill, 0, 0);
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    uint64_t begin = lam_spill_size(spill);
    for (size_t b = 0; b < sizes[i]; b++) bytes[b] = byte_at(begin + b);
    OK(lam_spill_append(spill, lam_bytes_of(bytes, sizes[i]), &error));
    assert_int_equal(lam_spill_size(spill), begin + sizes[i]);
    if (i % 2) want_range(spill, begin ? begin - 1 : 0, sizes[i] + (begin > 0));
  }
  OK(lam_spill_flush(spill, &error));
  assert_true(lam_mem_used(mem) < 4096); /* the buffer is gone */
  want_range(spill, 0, (size_t)lam_spill_size(spill));
  lam_spill_release(spill);
  lam_spill_release(NULL);
  free(bytes);
}

static void a_failed_append_can_be_repeated(void **state) {
  (void)state;
  struct lam_spill *spill;
  struct rlimit before;
  uint8_t *bytes = malloc(100000);
  for (size_t i = 0; i < 100000; i++) bytes[i] = byte_at(i);
  OK(lam_spill_create(mem, &spill, &error));
  OK(lam_spill_append(spill, lam_bytes_of(bytes, 10), &error));
  signal(SIGXFSZ, SIG_IGN);
  getrlimit(RLIMIT_FSIZE, &before);
  setrlimit(RLIMIT_FSIZE, &(struct rlimit){50000, before.rlim_max});
  FAILS(lam_spill_append(spill, lam_bytes_of(bytes + 10, 99990), &error), LAM_IO, directory);
  setrlimit(RLIMIT_FSIZE, &before);
  assert_int_equal(lam_spill_size(spill), 10);
  OK(lam_spill_append(spill, lam_bytes_of(bytes + 10, 99990), &error));
  want_range(spill, 0, 100000);
  lam_spill_release(spill);
  free(bytes);
}

static void the_directory_is_named(void **state) {
  (void)state;
  struct lam_spill *spill;
  struct lam_mem *account;
  struct lam_context *lost = context_at("/nowhere/at/all");
  OK(lam_mem_open(lost, 0, &account, &error));
  FAILS(lam_spill_create(account, &spill, &error), LAM_IO, "/nowhere/at/all");
  assert_null(spill);
  lam_mem_close(account);
  lam_context_free(lost);
}

/* openat with the bit that O_TMPFILE has beyond O_DIRECTORY fails, as on NFS. */
static void forbid_unnamed_files(void) {
  enum { TMPFILE_BIT = O_TMPFILE & ~O_DIRECTORY };
  struct sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, TMPFILE_BIT, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EOPNOTSUPP),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
  assert_int_equal(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
  assert_int_equal(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

static void file_systems_without_unnamed_files(void **state) {
  (void)state;
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) {
    struct lam_spill *spill;
    forbid_unnamed_files();
    OK(lam_spill_create(mem, &spill, &error));
    OK(lam_spill_append(spill, lam_bytes_of_string("named"), &error));
    char bytes[6] = "";
    OK(lam_spill_read(spill, 0, bytes, 5, &error));
    assert_string_equal(bytes, "named");
    assert_int_equal(rmdir(directory), 0); /* the name went at once */
    assert_int_equal(mkdir(directory, 0700), 0);
    lam_spill_release(spill);
    exit(42);
  }
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 42);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(what_was_appended_is_read, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_failed_append_can_be_repeated, set_up, tear_down),
      cmocka_unit_test_setup_teardown(file_systems_without_unnamed_files, set_up, tear_down),
      cmocka_unit_test_setup_teardown(the_directory_is_named, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
