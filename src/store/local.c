/* The local store: keys are paths relative to one open directory.
 *
 * Handles are small and as many as there are open files, so they come from malloc and not from the
 * budget: a full budget must not keep anybody from opening a file or from cleaning up. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/context.h"
#include "store/descriptors.h"
#include "store/store.h"

/* The pages a system call may transfer at once (MAX_RW_COUNT) are below this; longer runs take turns. */
#define MOST_AT_ONCE ((size_t)1 << 30)

/* Files of this size and more have blocks set aside before they are written. */
#define ALLOCATE_FROM ((uint64_t)1 << 20)
#define ALLOCATE_MOST ((uint64_t)64 << 20)

/* The disk begins to write a file that will be synced whenever there is so much more of it: the sync then waits for the
 * last of them only. Copies go by as much, so that a cancel is seen. */
#define BEGIN_SYNC_AT ((uint64_t)4 << 20)

struct local {
  struct lam_store base;
  _Atomic int root;        /* descriptor; -1 until the directory is there */
  _Atomic bool no_openat2; /* the kernel is older than 5.6, or a sandbox hides the call */
};

struct local_input {
  struct lam_input base;
  int fd;
  char key[];
};
struct local_output {
  struct lam_output base;
  int fd;
  uint64_t size, allocated; /* written; blocks that the file system has set aside, counted from the file's beginning */
  bool no_allocation;       /* the file system knows no such thing, or has no room */
  bool expects_sync;
  uint64_t begun; /* bytes that the disk has been told to write */
  char key[];
};
struct local_lock {
  struct lam_lock base;
  int fd;
};

static struct local *local_of(struct lam_store *store) {
  return (struct local *)store;
}

/* ---- finding the way to a key ---- */

static enum lam_status root_fd(struct lam_store *store, int *out, struct lam_error *error) {
  struct local *local = local_of(store);
  *out = atomic_load_explicit(&local->root, memory_order_acquire);
  if (*out >= 0) return LAM_OK;
  int fd = open(store->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC), none = -1;
  if (fd < 0) return lam_store_fail(store, "", errno, "open the directory", error);
  if (atomic_compare_exchange_strong(&local->root, &none, fd)) {
    *out = fd;
  } else {
    close(fd); /* another thread was first */
    *out = none;
  }
  return LAM_OK;
}

/* The checks that every function begins with. */
static enum lam_status enter(struct lam_store *store, const char *key, int *root, struct lam_error *error) {
  LAM_TRY(lam_key_check(key, error));
  return root_fd(store, root, error);
}

static bool is_link(int dir, const char *name) {
  struct stat st;
  return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode);
}

/* openat2 with RESOLVE_NO_SYMLINKS by hand: part by part. -errno on failure. */
static int open_by_parts(int root, const char *key, int flags, mode_t mode) {
  char part[LAM_KEY_MAX + 1];
  int dir = root, code = 0;
  for (const char *slash; code == 0 && (slash = strchr(key, '/')); key = slash + 1) {
    snprintf(part, sizeof part, "%.*s", (int)(slash - key), key);
    int next = openat(dir, part, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (next < 0) code = errno == ENOTDIR && is_link(dir, part) ? ELOOP : errno;
    if (dir != root) close(dir);
    dir = next;
  }
  if (code) return -code;
  int fd = openat(dir, key, flags | O_NOFOLLOW, mode);
  if (fd < 0) code = errno == ENOTDIR && is_link(dir, key) ? ELOOP : errno;
  if (dir != root) close(dir);
  return code ? -code : fd;
}

/* Opens `key` without going through a symbolic link. -errno on failure. */
static int open_confined(struct lam_store *store, int root, const char *key, int flags, mode_t mode) {
  struct local *local = local_of(store);
  flags |= O_CLOEXEC;
  if (!*key) key = ".";
  if (!atomic_load_explicit(&local->no_openat2, memory_order_relaxed)) {
    struct open_how how = {
        .flags = (unsigned)flags, .mode = flags & O_CREAT ? mode : 0, .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
    int fd = (int)syscall(SYS_openat2, root, key, &how, sizeof how);
    if (fd >= 0) return fd;
    if (errno != ENOSYS) return -errno;
    atomic_store(&local->no_openat2, true);
  }
  return open_by_parts(root, key, flags, mode);
}

/* As lam_store_fail; names the link that is in the way. */
static enum lam_status fail_confined(struct lam_store *store, const char *key, int code, const char *verb,
                                     struct lam_error *error) {
  int root = atomic_load(&local_of(store)->root);
  char prefix[LAM_KEY_MAX + 1];
  for (const char *end = key; code == ELOOP && *key && end; end = *end ? end : NULL) {
    end = strchrnul(end + (end != key), '/');
    snprintf(prefix, sizeof prefix, "%.*s", (int)(end - key), key);
    if (is_link(root, prefix))
      return lam_fail(error, LAM_UNSUPPORTED, "cannot %s %s/%s: %s/%s is a symbolic link, and writers go through none",
                      verb, store->root, key, store->root, prefix);
  }
  return lam_store_fail(store, key, code, verb, error);
}

/* An entry of a directory, for the calls that take one. */
struct place {
  int dir;
  bool own; /* dir is to be closed */
  const char *name;
};

static enum lam_status place_open(struct lam_store *store, const char *key, const char *verb, struct place *out,
                                  struct lam_error *error) {
  int root;
  *out = (struct place){.dir = -1};
  LAM_TRY(enter(store, key, &root, error));
  if (!*key) return lam_fail(error, LAM_INVALID, "cannot %s %s: it is the root of a store", verb, store->root);
  const char *slash = strrchr(key, '/');
  if (!slash) {
    *out = (struct place){.dir = root, .name = key};
    return LAM_OK;
  }
  char parent[LAM_KEY_MAX + 1];
  snprintf(parent, sizeof parent, "%.*s", (int)(slash - key), key);
  int fd = open_confined(store, root, parent, O_PATH | O_DIRECTORY, 0);
  if (fd < 0) return fail_confined(store, key, -fd, verb, error);
  *out = (struct place){.dir = fd, .own = true, .name = slash + 1};
  return LAM_OK;
}

static void place_close(struct place *place) {
  if (place->own) close(place->dir);
}

/* Both places of a function that takes two keys. */
static enum lam_status places_open(struct lam_store *from, const char *from_key, struct lam_store *to,
                                   const char *to_key, const char *verb, struct place *a, struct place *b,
                                   struct lam_error *error) {
  if (from->ops != to->ops)
    return lam_fail(error, LAM_UNSUPPORTED, "cannot %s %s/%s to %s/%s: stores of two kinds", verb, from->root, from_key,
                    to->root, to_key);
  LAM_TRY(place_open(from, from_key, verb, a, error));
  enum lam_status status = place_open(to, to_key, verb, b, error);
  if (status != LAM_OK) place_close(a);
  return status;
}

/* Closes both places and explains a failure; `code` 0 is success. */
static enum lam_status places_done(struct lam_store *from, const char *from_key, struct lam_store *to,
                                   const char *to_key, const char *verb, struct place *a, struct place *b, int code,
                                   struct lam_error *error) {
  place_close(a);
  place_close(b);
  return code ? lam_store_fail_pair(from, from_key, to, to_key, code, verb, error) : LAM_OK;
}

/* ---- looking ---- */

static int64_t time_ns(struct timespec time) {
  return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static void fill_info(const struct stat *st, struct lam_object_info *out) {
  *out = (struct lam_object_info){
      .kind = S_ISREG(st->st_mode)   ? LAM_OBJECT_FILE
              : S_ISDIR(st->st_mode) ? LAM_OBJECT_DIRECTORY
              : S_ISLNK(st->st_mode) ? LAM_OBJECT_LINK
                                     : LAM_OBJECT_OTHER,
      .size = (uint64_t)st->st_size,
      .device = st->st_dev,
      .inode = st->st_ino,
      .mtime_ns = time_ns(st->st_mtim),
      .ctime_ns = time_ns(st->st_ctim),
      .links = (uint32_t)st->st_nlink,
      .mode = st->st_mode & 07777,
  };
}

static enum lam_status local_stat(struct lam_store *store, const char *key, struct lam_object_info *out,
                                  struct lam_error *error) {
  int root;
  struct stat st;
  LAM_TRY(enter(store, key, &root, error));
  /* The root by its path: a descriptor would still answer once the directory is gone. */
  if (*key ? fstatat(root, key, &st, 0) : stat(store->root, &st))
    return lam_store_fail(store, key, errno, "look at", error);
  int code = *key ? 0 : lam_fd_follow(root, store->root, &st);
  if (code) return lam_store_fail(store, key, code, "open the directory", error);
  fill_info(&st, out);
  if (!S_ISDIR(st.st_mode)) return LAM_OK;
  out->device = lam_fd_device(*key ? root : AT_FDCWD, *key ? key : store->root, &st);
  out->writable = (*key ? faccessat(root, key, W_OK | X_OK, AT_EACCESS)
                        : faccessat(AT_FDCWD, store->root, W_OK | X_OK, AT_EACCESS)) == 0;
  return LAM_OK;
}

static enum lam_status list_entries(struct lam_store *store, const char *key, DIR *dir, lam_list_fn each, void *user,
                                    struct lam_error *error) {
  for (;;) {
    errno = 0;
    struct dirent *entry = readdir(dir);
    if (!entry) return errno ? lam_store_fail(store, key, errno, "list", error) : LAM_OK;
    const char *name = entry->d_name;
    if (name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]))) continue;
    struct stat st;
    if (fstatat(dirfd(dir), name, &st, AT_SYMLINK_NOFOLLOW)) {
      if (errno == ENOENT) continue; /* gone since the name was read */
      int code = errno;
      return lam_fail_in(error, lam_store_fail(store, key, code, "list", error), "at the entry \"%s\"", name);
    }
    struct lam_object_info info;
    fill_info(&st, &info);
    LAM_TRY(each(user, name, &info, error));
  }
}

static enum lam_status local_list(struct lam_store *store, const char *key, lam_list_fn each, void *user,
                                  struct lam_error *error) {
  int root;
  LAM_TRY(enter(store, key, &root, error));
  int fd = openat(root, *key ? key : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return lam_store_fail(store, key, errno, "list", error);
  DIR *dir = fdopendir(fd);
  if (!dir) {
    int code = errno;
    close(fd);
    return lam_store_fail(store, key, code, "list", error);
  }
  enum lam_status status = list_entries(store, key, dir, each, user, error);
  closedir(dir);
  return status;
}

/* ---- reading ---- */

static enum lam_status local_open(struct lam_store *store, const char *key, struct lam_input **out,
                                  struct lam_object_info *info, struct lam_error *error) {
  int root;
  *out = NULL;
  LAM_TRY(enter(store, key, &root, error));
  /* O_NONBLOCK: a FIFO must not hold us up. */
  int fd = openat(root, *key ? key : ".", O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) return lam_store_fail(store, key, errno, "open", error);
  struct stat st;
  size_t size = strlen(key) + 1;
  int code = fstat(fd, &st) ? errno : S_ISDIR(st.st_mode) ? EISDIR : !S_ISREG(st.st_mode) ? EINVAL : 0;
  struct local_input *input = code ? NULL : malloc(sizeof *input + size);
  if (!input) {
    close(fd);
    return lam_store_fail(store, key, code ? code : ENOMEM, "open", error);
  }
  input->base.store = store;
  input->fd = fd;
  memcpy(input->key, key, size);
  if (info) fill_info(&st, info);
  *out = &input->base;
  return LAM_OK;
}

static enum lam_status local_read(struct lam_input *base, uint64_t offset, void *to, size_t size,
                                  struct lam_error *error) {
  struct local_input *input = (struct local_input *)base;
  if (offset > INT64_MAX - size)
    return lam_fail(error, LAM_CORRUPT, "%s/%s: %zu bytes at offset %llu are beyond any file", base->store->root,
                    input->key, size, (unsigned long long)offset);
  for (size_t done = 0; done < size;) {
    size_t wanted = size - done < MOST_AT_ONCE ? size - done : MOST_AT_ONCE;
    ssize_t got = pread(input->fd, (uint8_t *)to + done, wanted, (off_t)(offset + done));
    if (got > 0) {
      done += (size_t)got;
    } else if (got == 0) {
      struct stat st;
      uint64_t end = fstat(input->fd, &st) == 0 ? (uint64_t)st.st_size : offset + done;
      return lam_store_fail_short(base->store, input->key, offset, size, end, error);
    } else if (errno != EINTR) {
      int code = errno;
      return lam_fail_in(error, lam_store_fail(base->store, input->key, code, "read", error),
                         "%zu bytes at offset %llu", size, (unsigned long long)offset);
    }
  }
  return LAM_OK;
}

static void local_close_input(struct lam_input *base) {
  close(((struct local_input *)base)->fd);
  free(base);
}

static enum lam_status local_map(struct lam_input *base, size_t size, struct lam_bytes *out, struct lam_error *error) {
  struct local_input *input = (struct local_input *)base;
  struct stat st;
  *out = (struct lam_bytes){NULL, 0};
  if (fstat(input->fd, &st)) return lam_store_fail(base->store, input->key, errno, "map", error);
  /* A page behind the end of a file kills who touches it. */
  if (size > (uint64_t)st.st_size)
    return lam_store_fail_short(base->store, input->key, 0, size, (uint64_t)st.st_size, error);
  void *memory = mmap(NULL, size, PROT_READ, MAP_SHARED, input->fd, 0);
  if (memory == MAP_FAILED) return lam_store_fail(base->store, input->key, errno, "map", error);
  *out = lam_bytes_of(memory, size);
  return LAM_OK;
}

static void local_unmap(struct lam_store *store, struct lam_bytes bytes) {
  (void)store;
  munmap((void *)(uintptr_t)bytes.data, bytes.size);
}

/* ---- writing ---- */

static enum lam_status local_create(struct lam_store *store, const char *key, struct lam_output **out,
                                    struct lam_error *error) {
  int root;
  *out = NULL;
  LAM_TRY(enter(store, key, &root, error));
  size_t size = strlen(key) + 1;
  struct local_output *output = malloc(sizeof *output + size);
  if (!output) return lam_store_fail(store, key, ENOMEM, "create", error);
  int fd = *key ? open_confined(store, root, key, O_WRONLY | O_CREAT | O_EXCL, 0666) : -EEXIST;
  if (fd < 0) {
    free(output);
    return fail_confined(store, key, -fd, "create", error);
  }
  *output = (struct local_output){.base = {store}, .fd = fd};
  memcpy(output->key, key, size);
  *out = &output->base;
  return LAM_OK;
}

static enum lam_status local_append(struct lam_store *store, const char *key, struct lam_output **out,
                                    struct lam_object_info *info, struct lam_error *error) {
  int root;
  *out = NULL;
  LAM_TRY(enter(store, key, &root, error));
  int fd = open_confined(store, root, key, O_WRONLY | O_NONBLOCK | O_NOCTTY, 0);
  if (fd < 0) return fail_confined(store, key, -fd, "append to", error);
  struct stat st;
  size_t size = strlen(key) + 1;
  /* Not O_APPEND, with which Linux has pwrite append as well. */
  int code = fstat(fd, &st) ? errno : !S_ISREG(st.st_mode) ? EINVAL : lseek(fd, 0, SEEK_END) < 0 ? errno : 0;
  struct local_output *output = code ? NULL : malloc(sizeof *output + size);
  if (!output) {
    close(fd);
    return lam_store_fail(store, key, code ? code : ENOMEM, "append to", error);
  }
  *output =
      (struct local_output){.base = {store}, .fd = fd, .size = (uint64_t)st.st_size, .begun = (uint64_t)st.st_size};
  memcpy(output->key, key, size);
  if (info) fill_info(&st, info);
  *out = &output->base;
  return LAM_OK;
}

static enum lam_status local_patch(struct lam_output *base, uint64_t offset, uint64_t value, struct lam_error *error) {
  struct local_output *output = (struct local_output *)base;
  ssize_t put;
  while ((put = pwrite(output->fd, &value, sizeof value, (off_t)offset)) < 0 && errno == EINTR) continue;
  if (put == sizeof value) return LAM_OK;
  return lam_store_fail(base->store, output->key, put < 0 ? errno : EIO, "write", error);
}

/* Blocks from byte `from` on up to `length` bytes behind what is written. */
static void set_aside(struct local_output *output, uint64_t from, uint64_t length) {
  if (fallocate(output->fd, FALLOC_FL_KEEP_SIZE, (off_t)from, (off_t)(output->size + length - from)) == 0)
    output->allocated = output->size + length;
  else
    output->no_allocation = true; /* whatever it is, write() will tell */
}

/* Sets blocks aside, as much as there are already and a little more. ext4 then neither looks for them page by page nor
 * writes the file out when it is renamed over another one, which together take as long as all else that it does: 64 MB
 * take 20 ms, not 48. */
static void allocate(struct local_output *output, size_t more) {
  uint64_t end = output->size + more;
  if (output->no_allocation || end < ALLOCATE_FROM || end <= output->allocated) return;
  uint64_t length = lam_max_u64(more, lam_min_u64(lam_max_u64(output->size, 4 * ALLOCATE_FROM), ALLOCATE_MOST));
  /* From the beginning: one page without a block of its own has the whole file written out at the rename. */
  set_aside(output, output->allocated ? output->size : 0, length);
}

/* Gives back what was set aside and not used. */
static enum lam_status trim(struct local_output *output, struct lam_error *error) {
  if (output->allocated <= output->size) return LAM_OK;
  output->allocated = 0;
  if (ftruncate(output->fd, (off_t)output->size) == 0) return LAM_OK;
  return lam_store_fail(output->base.store, output->key, errno, "trim", error);
}

static void wrote(struct local_output *output, size_t size) {
  output->size += size;
  if (!output->expects_sync || output->size - output->begun < BEGIN_SYNC_AT) return;
  off_t from = (off_t)output->begun, length = (off_t)(output->size - output->begun);
  output->begun = output->size;
  (void)sync_file_range(output->fd, from, length, SYNC_FILE_RANGE_WRITE); /* the sync says what fails */
}

static enum lam_status local_write(struct lam_output *base, const void *data, size_t size, struct lam_error *error) {
  struct local_output *output = (struct local_output *)base;
  allocate(output, size);
  for (size_t done = 0; done < size;) {
    size_t wanted = size - done < MOST_AT_ONCE ? size - done : MOST_AT_ONCE;
    ssize_t put = write(output->fd, (const uint8_t *)data + done, wanted);
    if (put >= 0)
      done += (size_t)put;
    else if (errno != EINTR)
      return lam_store_fail(base->store, output->key, errno, "write", error);
  }
  wrote(output, size);
  return LAM_OK;
}

static void local_expect_sync(struct lam_output *base, uint64_t size) {
  struct local_output *output = (struct local_output *)base;
  output->expects_sync = true;
  if (size && size <= SIZE_MAX) set_aside(output, output->size, size);
}

static enum lam_status local_copy(struct lam_output *base, struct lam_input *input_base, uint64_t offset, uint64_t size,
                                  struct lam_error *error) {
  struct local_output *output = (struct local_output *)base;
  struct local_input *input = (struct local_input *)input_base;
  if (offset > INT64_MAX - size) return LAM_UNSUPPORTED; /* a read says what is wrong */
  for (uint64_t done = 0; done < size;) {
    size_t wanted = (size_t)lam_min_u64(size - done, BEGIN_SYNC_AT), some;
    bool offered;
    LAM_TRY(lam_check_cancel(base->store->context, error));
    allocate(output, wanted);
    int code = lam_fd_copy(input->fd, offset + done, output->fd, wanted, &some, &offered);
    if (done == 0 && (!offered || (code == 0 && some == 0))) return LAM_UNSUPPORTED;
    if (code) return lam_store_fail(base->store, output->key, code, "write", error);
    if (some == 0)
      return lam_store_fail_short(input_base->store, input->key, offset, (size_t)size, offset + done, error);
    done += some;
    wrote(output, some);
  }
  return LAM_OK;
}

/* Not fdatasync: the modification time identifies a state of a file and must survive with its bytes. */
static enum lam_status local_sync(struct lam_output *base, struct lam_error *error) {
  struct local_output *output = (struct local_output *)base;
  LAM_TRY(trim(output, error));
  if (fsync(output->fd) == 0) return LAM_OK;
  return lam_store_fail(base->store, output->key, errno, "sync", error);
}

static enum lam_status local_close_output(struct lam_output *base, struct lam_error *error) {
  struct local_output *output = (struct local_output *)base;
  enum lam_status status = trim(output, error);
  /* After EINTR the descriptor is closed on Linux. */
  if (close(output->fd) && errno != EINTR && status == LAM_OK)
    status = lam_store_fail(base->store, output->key, errno, "close", error);
  free(output);
  return status;
}

/* ---- directories ---- */

/* An fsync of a directory that its file system does not offer is all that can be had. */
static int sync_fd(int fd) {
  return fsync(fd) && errno != EINVAL ? errno : 0;
}

/* Makes the name of the root durable in its parent, and (re)opens the root. */
static enum lam_status settle_root(struct lam_store *store, struct lam_error *error) {
  struct local *local = local_of(store);
  char *parent = strdup(store->root);
  if (!parent) return lam_store_fail(store, "", ENOMEM, "make the directory", error);
  char *slash = strrchr(parent, '/');
  if (slash) slash[slash == parent] = 0;
  int fd = open(slash ? parent : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int code = fd < 0 ? errno : sync_fd(fd);
  if (fd >= 0) close(fd);
  free(parent);
  if (code) return lam_store_fail(store, "", code, "sync the parent of", error);
  /* Where the root was open and has been removed since, the same descriptor gets the new one. */
  int old = atomic_load(&local->root), fresh;
  if (old < 0) return root_fd(store, &fresh, error);
  fresh = open(store->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fresh < 0) return lam_store_fail(store, "", errno, "open the directory", error);
  dup3(fresh, old, O_CLOEXEC);
  close(fresh);
  return LAM_OK;
}

static enum lam_status local_make_directory(struct lam_store *store, const char *key, struct lam_error *error) {
  if (key && !*key) {
    if (mkdir(store->root, 0777)) return lam_store_fail(store, key, errno, "make the directory", error);
    return settle_root(store, error);
  }
  struct place place;
  LAM_TRY(place_open(store, key, "make the directory", &place, error));
  int code = mkdirat(place.dir, place.name, 0777) ? errno : 0;
  place_close(&place);
  return code ? lam_store_fail(store, key, code, "make the directory", error) : LAM_OK;
}

static enum lam_status local_remove_directory(struct lam_store *store, const char *key, struct lam_error *error) {
  if (key && !*key) {
    if (rmdir(store->root)) return lam_store_fail(store, key, errno, "remove the directory", error);
    return LAM_OK;
  }
  struct place place;
  LAM_TRY(place_open(store, key, "remove the directory", &place, error));
  int code = unlinkat(place.dir, place.name, AT_REMOVEDIR) ? errno : 0;
  place_close(&place);
  return code ? lam_store_fail(store, key, code, "remove the directory", error) : LAM_OK;
}

static enum lam_status local_remove(struct lam_store *store, const char *key, struct lam_error *error) {
  struct place place;
  LAM_TRY(place_open(store, key, "remove", &place, error));
  int code = unlinkat(place.dir, place.name, 0) ? errno : 0;
  place_close(&place);
  return code ? lam_store_fail(store, key, code, "remove", error) : LAM_OK;
}

static enum lam_status local_sync_directory(struct lam_store *store, const char *key, struct lam_error *error) {
  int root;
  LAM_TRY(enter(store, key, &root, error));
  int fd = *key ? open_confined(store, root, key, O_RDONLY | O_DIRECTORY, 0) : root;
  if (fd < 0) return fail_confined(store, key, -fd, "sync the directory", error);
  int code = sync_fd(fd);
  if (*key) close(fd);
  return code ? lam_store_fail(store, key, code, "sync the directory", error) : LAM_OK;
}

static enum lam_status local_sync_all(struct lam_store *store, struct lam_error *error) {
  int root;
  LAM_TRY(root_fd(store, &root, error));
  return syncfs(root) ? lam_store_fail(store, "", errno, "sync the file system of", error) : LAM_OK;
}

/* ---- two keys ---- */

static bool is_directory(const struct place *place) {
  struct stat st;
  return fstatat(place->dir, place->name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

static enum lam_status local_link(struct lam_store *from, const char *from_key, struct lam_store *to,
                                  const char *to_key, struct lam_error *error) {
  struct place a, b;
  LAM_TRY(places_open(from, from_key, to, to_key, "link", &a, &b, error));
  int code = linkat(a.dir, a.name, b.dir, b.name, 0) ? errno : 0;
  /* EPERM also stands for file systems without links and for links the kernel guards. */
  if (code == EPERM) code = is_directory(&a) ? EINVAL : EOPNOTSUPP;
  return places_done(from, from_key, to, to_key, "link", &a, &b, code, error);
}

/* A rename that replaces nothing, where the file system has no RENAME_NOREPLACE. For a directory there
 * is a moment between look and rename, in which only an empty directory could be replaced. */
static int rename_by_hand(const struct place *a, const struct place *b) {
  struct stat st;
  if (fstatat(b->dir, b->name, &st, AT_SYMLINK_NOFOLLOW) == 0) return EEXIST;
  if (is_directory(a)) return renameat(a->dir, a->name, b->dir, b->name) ? errno : 0;
  if (linkat(a->dir, a->name, b->dir, b->name, 0)) return errno;
  return unlinkat(a->dir, a->name, 0) ? errno : 0;
}

static enum lam_status local_rename(struct lam_store *from, const char *from_key, struct lam_store *to,
                                    const char *to_key, struct lam_error *error) {
  struct place a, b;
  LAM_TRY(places_open(from, from_key, to, to_key, "rename", &a, &b, error));
  int code = renameat2(a.dir, a.name, b.dir, b.name, RENAME_NOREPLACE) ? errno : 0;
  if (code == ENOSYS || code == EINVAL) code = rename_by_hand(&a, &b);
  return places_done(from, from_key, to, to_key, "rename", &a, &b, code, error);
}

/* True where both places are one entry of one directory. */
static bool same_place(const struct place *a, const struct place *b) {
  struct stat x, y;
  return strcmp(a->name, b->name) == 0 && fstat(a->dir, &x) == 0 && fstat(b->dir, &y) == 0 && x.st_dev == y.st_dev &&
         x.st_ino == y.st_ino;
}

static int replace_at(const struct place *a, const struct place *b) {
  struct stat source, target;
  if (fstatat(a->dir, a->name, &source, AT_SYMLINK_NOFOLLOW)) return errno;
  if (S_ISDIR(source.st_mode)) return renameat(a->dir, a->name, b->dir, b->name) ? errno : 0;
  bool taken = source.st_nlink > 1 && fstatat(b->dir, b->name, &target, AT_SYMLINK_NOFOLLOW) == 0;
  if (renameat(a->dir, a->name, b->dir, b->name)) return errno;
  /* POSIX: a rename between two names of one file does nothing, and leaves both. */
  if (taken && source.st_dev == target.st_dev && source.st_ino == target.st_ino && !same_place(a, b))
    return unlinkat(a->dir, a->name, 0) ? errno : 0;
  return 0;
}

static enum lam_status local_replace(struct lam_store *from, const char *from_key, struct lam_store *to,
                                     const char *to_key, struct lam_error *error) {
  struct place a, b;
  LAM_TRY(places_open(from, from_key, to, to_key, "rename", &a, &b, error));
  return places_done(from, from_key, to, to_key, "rename", &a, &b, replace_at(&a, &b), error);
}

static enum lam_status local_exchange(struct lam_store *from, const char *from_key, struct lam_store *to,
                                      const char *to_key, struct lam_error *error) {
  struct place a, b;
  LAM_TRY(places_open(from, from_key, to, to_key, "exchange", &a, &b, error));
  int code = renameat2(a.dir, a.name, b.dir, b.name, RENAME_EXCHANGE) ? errno : 0;
  if (code == EINVAL || code == EBUSY) code = EOPNOTSUPP;
  return places_done(from, from_key, to, to_key, "exchange", &a, &b, code, error);
}

/* ---- attributes ---- */

static enum lam_status open_for_attributes(struct lam_store *store, const char *key, int *out,
                                           struct lam_error *error) {
  int root;
  *out = -1;
  LAM_TRY(enter(store, key, &root, error));
  int fd = open_confined(store, root, key, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
  if (fd < 0) return fail_confined(store, key, -fd, "open the attributes of", error);
  *out = fd;
  return LAM_OK;
}

static enum lam_status local_copy_attributes(struct lam_store *from, const char *from_key, struct lam_store *to,
                                             const char *to_key, struct lam_error *error) {
  int source, target;
  LAM_TRY(open_for_attributes(from, from_key, &source, error));
  enum lam_status status = open_for_attributes(to, to_key, &target, error);
  if (status == LAM_OK) {
    int code = lam_fd_copy_attributes(source, target);
    if (code) status = lam_store_fail(to, to_key, code, "set the attributes of", error);
    close(target);
  }
  close(source);
  return status;
}

static enum lam_status local_set_time(struct lam_store *store, const char *key, int64_t mtime_ns,
                                      struct lam_error *error) {
  enum { SECOND = 1000000000 };
  int64_t seconds = mtime_ns / SECOND - (mtime_ns % SECOND < 0);
  struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = seconds, .tv_nsec = mtime_ns - seconds * SECOND}};
  int fd;
  LAM_TRY(open_for_attributes(store, key, &fd, error));
  int code = futimens(fd, times) ? errno : 0;
  close(fd);
  return code ? lam_store_fail(store, key, code, "set the time of", error) : LAM_OK;
}

/* ---- locks ---- */

/* An open-file-description lock: it belongs to the handle, not to the process, so that two handles of
 * one process exclude each other and closing another descriptor of the file does not release it. */
static int try_lock(int fd) {
  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  if (fcntl(fd, F_OFD_SETLK, &lock) == 0) return 0;
  return errno == EACCES ? EAGAIN : errno;
}

/* False where the file was removed or replaced between open and lock: others would lock another one. */
static bool still_there(int root, const char *key, int fd) {
  struct stat held, named;
  return fstat(fd, &held) == 0 && fstatat(root, key, &named, AT_SYMLINK_NOFOLLOW) == 0 && held.st_dev == named.st_dev &&
         held.st_ino == named.st_ino;
}

static enum lam_status lock_fd(struct lam_store *store, int root, const char *key, bool wait, int *out,
                               struct lam_error *error) {
  for (;;) {
    int fd = *key ? open_confined(store, root, key, O_RDWR | O_CREAT, 0666) : -EISDIR;
    if (fd < 0) return fail_confined(store, key, -fd, "lock", error);
    int code;
    while ((code = try_lock(fd)) == EAGAIN && wait) {
      enum lam_status status = lam_store_wait(store->context, error);
      if (status == LAM_OK) continue;
      close(fd);
      return lam_fail_in(error, status, "while waiting for the lock %s/%s", store->root, key);
    }
    if (code == 0 && still_there(root, key, fd)) {
      *out = fd;
      return LAM_OK;
    }
    close(fd);
    if (code) return lam_store_fail(store, key, code, "lock", error);
  }
}

static enum lam_status local_lock(struct lam_store *store, const char *key, bool wait, struct lam_lock **out,
                                  struct lam_error *error) {
  int root;
  *out = NULL;
  LAM_TRY(enter(store, key, &root, error));
  struct local_lock *lock = malloc(sizeof *lock);
  if (!lock) return lam_store_fail(store, key, ENOMEM, "lock", error);
  enum lam_status status = lock_fd(store, root, key, wait, &lock->fd, error);
  if (status != LAM_OK) {
    free(lock);
    return status;
  }
  lock->base.store = store;
  *out = &lock->base;
  return LAM_OK;
}

static void local_unlock(struct lam_lock *lock) {
  close(((struct local_lock *)lock)->fd);
  free(lock);
}

/* ---- the store ---- */

static void local_close(struct lam_store *store) {
  int root = atomic_load(&local_of(store)->root);
  if (root >= 0) close(root);
  free(store->root);
  free(store);
}

static const struct lam_store_ops local_ops = {
    .kind = "local",
    .close = local_close,
    .stat = local_stat,
    .list = local_list,
    .open = local_open,
    .read = local_read,
    .close_input = local_close_input,
    .map = local_map,
    .unmap = local_unmap,
    .create = local_create,
    .write = local_write,
    .copy = local_copy,
    .expect_sync = local_expect_sync,
    .sync = local_sync,
    .close_output = local_close_output,
    .append = local_append,
    .patch = local_patch,
    .make_directory = local_make_directory,
    .remove_directory = local_remove_directory,
    .remove = local_remove,
    .link = local_link,
    .rename = local_rename,
    .replace = local_replace,
    .exchange = local_exchange,
    .sync_directory = local_sync_directory,
    .sync_all = local_sync_all,
    .copy_attributes = local_copy_attributes,
    .set_time = local_set_time,
    .lock = local_lock,
    .unlock = local_unlock,
};

enum lam_status lam_store_local(struct lam_context *context, const char *path, struct lam_store **out,
                                struct lam_error *error) {
  *out = NULL;
  if (!path || !*path) return lam_fail(error, LAM_INVALID, "the path of a directory is empty");
  size_t size = strlen(path);
  while (size > 1 && path[size - 1] == '/') size--;
  struct local *local = malloc(sizeof *local);
  char *root = strndup(path, size);
  if (!local || !root) {
    free(local);
    free(root);
    return lam_fail(error, LAM_NO_MEMORY, "no memory for a store at %s", path);
  }
  local->base = (struct lam_store){.ops = &local_ops, .context = context, .root = root};
  atomic_init(&local->root, -1);
  atomic_init(&local->no_openat2, false);
  *out = &local->base;
  return LAM_OK;
}
