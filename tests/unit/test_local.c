/* What only the local store has: links, processes, attributes, old kernels, full disks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include "base/context.h"
#include "store_support.h"

static struct lam_context *context;
static char *directory;
static struct lam_store *store;

static const char *path_of(const char *name) {
  static char paths[4][600];
  static size_t next;
  char *path = paths[next++ % 4];
  snprintf(path, sizeof paths[0], "%s/%s", directory, name);
  return path;
}

static int set_up(void **state) {
  (void)state;
  context = new_context();
  directory = new_temporary();
  OK(lam_store_local(context, path_of("root"), &store, &error));
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  lam_store_close(store);
  remove_temporary(context, directory);
  lam_context_free(context);
  return 0;
}

static void have_root(void) {
  OK(store->ops->make_directory(store, "", &error));
}

static void a_root_may_be_missing(void **state) {
  (void)state;
  struct lam_object_info info;
  struct lam_output *output;
  struct lam_store *deep;
  FAILS(store->ops->stat(store, "a", &info, &error), LAM_NOT_FOUND, "/root");
  FAILS(store->ops->create(store, "a", &output, &error), LAM_NOT_FOUND, "/root");
  FAILS(store->ops->sync_all(store, &error), LAM_NOT_FOUND, "/root");
  OK(lam_store_local(context, path_of("none/root"), &deep, &error));
  FAILS(deep->ops->make_directory(deep, "", &error), LAM_NOT_FOUND, "none/root");
  lam_store_close(deep);
  FAILS(lam_store_local(context, "", &deep, &error), LAM_INVALID, "empty");
  have_root();
  put_object(store, "a", "1");
  want_bytes(store, "a", "1");
}

/* A path without a slash has the working directory as its parent. */
static void a_root_may_be_relative(void **state) {
  (void)state;
  struct lam_store *relative;
  char *before = getcwd(NULL, 0);
  assert_int_equal(chdir(directory), 0);
  OK(lam_store_local(context, "here/", &relative, &error));
  OK(relative->ops->make_directory(relative, "", &error));
  put_object(relative, "a", "1");
  assert_int_equal(access(path_of("here/a"), F_OK), 0);
  lam_store_close(relative);
  assert_int_equal(chdir(before), 0);
  free(before);
}

/* ---- links ---- */

static void make_links(void) {
  have_root();
  OK(store->ops->make_directory(store, "d", &error));
  put_object(store, "d/f", "in d");
  assert_int_equal(mkdir(path_of("outside"), 0700), 0);
  assert_int_equal(symlink("../outside", path_of("root/out")), 0);
  assert_int_equal(symlink("d", path_of("root/in")), 0);
  assert_int_equal(symlink("d/f", path_of("root/file")), 0);
  assert_int_equal(symlink("nowhere", path_of("root/broken")), 0);
  assert_int_equal(mkfifo(path_of("root/fifo"), 0600), 0);
}

static void writers_refuse_links(void) {
  const struct lam_store_ops *ops = store->ops;
  struct lam_output *output;
  struct lam_lock *lock;
  const char *text = "/in is a symbolic link";
  FAILS(ops->create(store, "in/x", &output, &error), LAM_UNSUPPORTED, text);
  FAILS(ops->create(store, "out/x", &output, &error), LAM_UNSUPPORTED, "/out is a symbolic link");
  FAILS(ops->create(store, "in", &output, &error), LAM_EXISTS, "/in");
  FAILS(ops->make_directory(store, "in/x/y", &error), LAM_UNSUPPORTED, text);
  FAILS(ops->remove_directory(store, "in/x", &error), LAM_UNSUPPORTED, text);
  FAILS(ops->remove(store, "in/f", &error), LAM_UNSUPPORTED, text);
  FAILS(ops->link(store, "in/f", store, "x", &error), LAM_UNSUPPORTED, text);
  FAILS(ops->rename(store, "d/f", store, "in/g", &error), LAM_UNSUPPORTED, text);
  FAILS(ops->replace(store, "d/f", store, "in/g", &error), LAM_UNSUPPORTED, text);
  FAILS(ops->exchange(store, "in/f", store, "d", &error), LAM_UNSUPPORTED, text);
  FAILS(ops->sync_directory(store, "in", &error), LAM_UNSUPPORTED, text);
  FAILS(ops->copy_attributes(store, "file", store, "d", &error), LAM_UNSUPPORTED, "/file is a symbolic link");
  FAILS(ops->lock(store, "file", false, &lock, &error), LAM_UNSUPPORTED, "/file is a symbolic link");
  FAILS(ops->create(store, "d/f/x/y", &output, &error), LAM_NOT_FOUND, "/d/f/x/y");
  assert_true(there(store, "d/f"));
  assert_false(there(store, "d/g"));
  assert_int_equal(rmdir(path_of("outside")), 0); /* nothing came there */
  assert_int_equal(mkdir(path_of("outside"), 0700), 0);
}

static enum lam_status note_kind(void *user, const char *name, const struct lam_object_info *info,
                                 struct lam_error *error) {
  (void)error;
  static const char *const names[] = {"d", "out", "in", "file", "broken", "fifo"};
  for (size_t i = 0; i < 6; i++)
    if (strcmp(name, names[i]) == 0) ((enum lam_object_kind *)user)[i] = info->kind;
  return LAM_OK;
}

/* As when a new table takes the place of an empty directory. */
static void a_root_may_be_replaced(void **state) {
  (void)state;
  struct lam_store *one, *other;
  struct lam_object_info info;
  char path[600];
  snprintf(path, sizeof path, "%s", path_of("one"));
  assert_int_equal(mkdir(path, 0755) | mkdir(path_of("two"), 0755), 0);
  OK(lam_store_local(context, path, &one, &error));
  OK(lam_store_local(context, path_of("two"), &other, &error));
  put_object(one, "a", "A");
  put_object(other, "b", "B");
  OK(one->ops->remove(one, "a", &error));
  assert_int_equal(rename(path_of("two"), path), 0);
  OK(one->ops->stat(one, "", &info, &error));
  OK(one->ops->stat(one, "b", &info, &error));
  put_object(one, "c", "C");
  assert_int_equal(access(path_of("one/c"), F_OK), 0);
  lam_store_close(one);
  lam_store_close(other);
}

static void links_are_read_but_never_written_through(void **state) {
  (void)state;
  enum lam_object_kind kinds[6] = {0};
  struct lam_object_info info;
  struct lam_input *input;
  make_links();
  OK(store->ops->list(store, "", note_kind, kinds, &error));
  assert_int_equal(kinds[0], LAM_OBJECT_DIRECTORY);
  for (size_t i = 1; i < 5; i++) assert_int_equal(kinds[i], LAM_OBJECT_LINK);
  assert_int_equal(kinds[5], LAM_OBJECT_OTHER);
  want_bytes(store, "in/f", "in d");
  want_bytes(store, "file", "in d");
  assert_int_equal(info_of(store, "in").kind, LAM_OBJECT_DIRECTORY);
  FAILS(store->ops->stat(store, "broken", &info, &error), LAM_NOT_FOUND, "/broken");
  FAILS(store->ops->open(store, "fifo", &input, &info, &error), LAM_INVALID, "/fifo");
  writers_refuse_links();
  OK(lam_store_remove_tree(store, "in", &error)); /* the link, not what it names */
  assert_true(there(store, "d/f"));
  FAILS(lam_store_remove_tree(store, "file/x", &error), LAM_UNSUPPORTED, "/file is a symbolic link");
}

/* ---- old kernels and other file systems, by seccomp in a child ---- */

static void forbid(unsigned number, int code) {
  struct sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)code),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
  assert_int_equal(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
  assert_int_equal(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

/* cmocka's failures end the child through longjmp into its parent's code, so a failed child exits 1. */
static void in_child(void (*run)(void)) {
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) {
    run();
    exit(42);
  }
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFEXITED(status));
  assert_int_equal(WEXITSTATUS(status), 42);
}

static void without_openat2(void) {
  forbid(SYS_openat2, ENOSYS);
  writers_refuse_links();
  put_object(store, "d/new", "1");
  OK(store->ops->make_directory(store, "d/a", &error));
  OK(store->ops->make_directory(store, "d/a/b", &error));
  put_object(store, "d/a/b/new", "2");
  want_bytes(store, "d/a/b/new", "2");
  struct lam_output *output;
  FAILS(store->ops->create(store, "d/none/b/new", &output, &error), LAM_NOT_FOUND, "/d/none/b/new");
}

static void without_renameat2(void) {
  forbid(SYS_renameat2, EINVAL);
  const struct lam_store_ops *ops = store->ops;
  put_object(store, "g", "g");
  FAILS(ops->exchange(store, "g", store, "d", &error), LAM_UNSUPPORTED, "/g");
  FAILS(ops->rename(store, "g", store, "d/f", &error), LAM_EXISTS, "/d/f");
  FAILS(ops->rename(store, "d", store, "d/x", &error), LAM_INVALID, "/d");
  FAILS(ops->rename(store, "none", store, "x", &error), LAM_NOT_FOUND, "/none");
  OK(ops->rename(store, "g", store, "d/g", &error));
  assert_false(there(store, "g"));
  OK(ops->rename(store, "d", store, "d2", &error));
  want_bytes(store, "d2/g", "g");
  OK(ops->make_directory(store, "d3", &error));
  FAILS(ops->rename(store, "d2", store, "d3", &error), LAM_EXISTS, "/d3");
}

static void without_links(void) {
  forbid(SYS_linkat, EPERM);
  FAILS(store->ops->link(store, "d/f", store, "x", &error), LAM_UNSUPPORTED, "/d/f");
}

static void without_sync(void) {
  forbid(SYS_fsync, EIO);
  struct lam_output *output = begin_object(store, "s", "1");
  FAILS(store->ops->sync(output, &error), LAM_IO, "/s");
  OK(store->ops->close_output(output, &error));
  FAILS(store->ops->sync_directory(store, "d", &error), LAM_IO, "/d");
  forbid(SYS_syncfs, ENOSPC);
  FAILS(store->ops->sync_all(store, &error), LAM_IO, "No space left");
  forbid(SYS_pread64, EIO);
  struct lam_input *input;
  char byte;
  OK(store->ops->open(store, "d/f", &input, NULL, &error));
  FAILS(store->ops->read(input, 2, &byte, 1, &error), LAM_IO, "1 bytes at offset 2");
  store->ops->close_input(input);
  forbid(SYS_fcntl, ENOLCK);
  struct lam_lock *lock;
  FAILS(store->ops->lock(store, "lock", true, &lock, &error), LAM_IO, "/lock");
}

static void directory_sync_may_be_missing(void) {
  forbid(SYS_fsync, EINVAL);
  OK(store->ops->sync_directory(store, "d", &error));
}

static void poor_systems_are_coped_with(void **state) {
  (void)state;
  make_links();
  in_child(without_openat2);
  in_child(without_links);
  in_child(without_sync);
  in_child(directory_sync_may_be_missing);
  in_child(without_renameat2);
}

static void full_disk(void) {
  signal(SIGXFSZ, SIG_IGN);
  struct lam_output *output = begin_object(store, "big", "123");
  setrlimit(RLIMIT_FSIZE, &(struct rlimit){10, RLIM_INFINITY});
  FAILS(store->ops->write(output, "0123456789", 10, &error), LAM_IO, "/big");
  OK(store->ops->close_output(output, &error));
  struct rlimit before;
  getrlimit(RLIMIT_NOFILE, &before);
  setrlimit(RLIMIT_NOFILE, &(struct rlimit){3, before.rlim_max});
  struct lam_input *input;
  FAILS(store->ops->open(store, "big", &input, NULL, &error), LAM_IO, "Too many open files");
  FAILS(store->ops->list(store, "", note_kind, NULL, &error), LAM_IO, "Too many open files");
  setrlimit(RLIMIT_NOFILE, &before);
  setrlimit(RLIMIT_FSIZE, &(struct rlimit){RLIM_INFINITY, RLIM_INFINITY}); /* coverage is written at exit */
}

static void full_systems_are_reported(void **state) {
  (void)state;
  make_links();
  in_child(full_disk);
}

/* ---- locks between processes ---- */

static void find_it_held(void) {
  struct lam_lock *lock;
  FAILS(store->ops->lock(store, "lock", false, &lock, &error), LAM_CONFLICT, "holds it");
}

static void locks_hold_between_processes(void **state) {
  (void)state;
  struct lam_lock *lock;
  int ready[2];
  have_root();
  OK(store->ops->lock(store, "lock", false, &lock, &error));
  /* The child has a copy of the descriptor, and so of the lock; a new handle is refused all the same. */
  in_child(find_it_held);
  store->ops->unlock(lock);
  assert_int_equal(pipe(ready), 0);
  pid_t child = fork();
  if (child == 0) {
    if (store->ops->lock(store, "lock", true, &lock, NULL) != LAM_OK) _exit(1);
    if (write(ready[1], "", 1) != 1) _exit(1);
    pause();
  }
  char byte;
  assert_int_equal(read(ready[0], &byte, 1), 1);
  FAILS(store->ops->lock(store, "lock", false, &lock, &error), LAM_CONFLICT, "holds it");
  kill(child, SIGKILL); /* a lock goes with its process */
  assert_int_equal(waitpid(child, NULL, 0), child);
  OK(store->ops->lock(store, "lock", true, &lock, &error));
  store->ops->unlock(lock);
  close(ready[0]);
  close(ready[1]);
}

/* ---- attributes ---- */

static void attributes_are_copied(void **state) {
  (void)state;
  char value[16] = "";
  have_root();
  put_object(store, "a", "1");
  put_object(store, "b", "2");
  assert_int_equal(chmod(path_of("root/a"), 02640), 0);
  if (setxattr(path_of("root/a"), "user.origin", "here", 4, 0) != 0) skip();
  assert_int_equal(setxattr(path_of("root/b"), "user.other", "x", 1, 0), 0);
  if (geteuid() == 0) assert_int_equal(chown(path_of("root/a"), 12, 34), 0);
  assert_int_equal(chmod(path_of("root/a"), 02640), 0);
  OK(store->ops->copy_attributes(store, "a", store, "b", &error));
  struct stat st;
  assert_int_equal(stat(path_of("root/b"), &st), 0);
  assert_int_equal(st.st_mode & 07777, 02640);
  if (geteuid() == 0) assert_int_equal(st.st_uid, 12);
  if (geteuid() == 0) assert_int_equal(st.st_gid, 34);
  assert_int_equal(getxattr(path_of("root/b"), "user.origin", value, sizeof value), 4);
  assert_string_equal(value, "here");
  assert_int_equal(getxattr(path_of("root/b"), "user.other", value, sizeof value), -1);
}

static void file_systems_differ(void **state) {
  (void)state;
  struct lam_store *other;
  struct stat here, there_;
  have_root();
  put_object(store, "a", "1");
  if (stat("/dev/shm", &there_) || stat(directory, &here) || here.st_dev == there_.st_dev || access("/dev/shm", W_OK))
    skip();
  OK(lam_store_local(context, "/dev/shm", &other, &error));
  char name[64];
  snprintf(name, sizeof name, "lamella-test-%d", (int)getpid());
  FAILS(store->ops->rename(store, "a", other, name, &error), LAM_UNSUPPORTED, name);
  FAILS(store->ops->link(store, "a", other, name, &error), LAM_UNSUPPORTED, name);
  FAILS(store->ops->replace(store, "a", other, name, &error), LAM_UNSUPPORTED, name);
  lam_store_close(other);
  OK(lam_store_memory(context, &other, &error));
  FAILS(store->ops->rename(store, "a", other, "a", &error), LAM_UNSUPPORTED, "kinds");
  lam_store_close(other);
}

/* Blocks are set aside for large files; none of them is kept that has no bytes. */
static void large_files_take_what_they_need(void **state) {
  (void)state;
  enum { MOST = 20 << 20 };
  static const size_t sizes[] = {100, (1 << 20) - 1, 1 << 20, (5 << 20) + 7, MOST};
  static const size_t pieces[] = {MOST, 1 << 20, 300001};
  uint8_t *bytes = malloc(MOST), *back = malloc(MOST);
  for (size_t i = 0; i < MOST; i++) bytes[i] = (uint8_t)(i * i >> 7);
  have_root();
  for (size_t i = 0; i < 5 * 3; i++) {
    size_t size = sizes[i % 5], piece = pieces[i / 5];
    struct lam_output *output;
    OK(store->ops->create(store, "large", &output, &error));
    for (size_t done = 0; done < size; done += piece) {
      size_t now = size - done < piece ? size - done : piece;
      OK(store->ops->write(output, bytes + done, now, &error));
      if (i % 2 && done == 0) OK(store->ops->sync(output, &error));
    }
    OK(store->ops->close_output(output, &error));
    struct stat st;
    assert_int_equal(stat(path_of("root/large"), &st), 0);
    assert_int_equal(st.st_size, size);
    assert_true((size_t)st.st_blocks * 512 <= size + (64 << 10));
    int fd = open(path_of("root/large"), O_RDONLY);
    assert_int_equal(read(fd, back, size), size);
    close(fd);
    assert_memory_equal(back, bytes, size);
    OK(store->ops->remove(store, "large", &error));
  }
  free(bytes);
  free(back);
}

/* A file system that is mounted twice: no file can be renamed from one mount to the other. */
static void two_mounts_are_two_devices(void **state) {
  (void)state;
  struct lam_object_info a, b;
  OK(lam_store_make_directories(store, "a", &error));
  OK(lam_store_make_directories(store, "b", &error));
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) {
    a = info_of(store, "a"), b = info_of(store, "b");
    if (a.device != b.device) _exit(1);
    /* It may not be allowed to. The store's own descriptor would be of the old namespace. */
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) || mount(path_of("root/a"), path_of("root/b"), NULL, MS_BIND, NULL))
      _exit(0);
    OK(lam_store_local(context, path_of("root"), &store, &error));
    a = info_of(store, "a"), b = info_of(store, "b");
    _exit(a.device == b.device || a.inode != b.inode ? 2 : 0);
  }
  int left;
  assert_int_equal(waitpid(child, &left, 0), child);
  assert_int_equal(left, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_root_may_be_missing, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_root_may_be_relative, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_root_may_be_replaced, set_up, tear_down),
      cmocka_unit_test_setup_teardown(links_are_read_but_never_written_through, set_up, tear_down),
      cmocka_unit_test_setup_teardown(poor_systems_are_coped_with, set_up, tear_down),
      cmocka_unit_test_setup_teardown(full_systems_are_reported, set_up, tear_down),
      cmocka_unit_test_setup_teardown(locks_hold_between_processes, set_up, tear_down),
      cmocka_unit_test_setup_teardown(attributes_are_copied, set_up, tear_down),
      cmocka_unit_test_setup_teardown(file_systems_differ, set_up, tear_down),
      cmocka_unit_test_setup_teardown(two_mounts_are_two_devices, set_up, tear_down),
      cmocka_unit_test_setup_teardown(large_files_take_what_they_need, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
