#include "store/descriptors.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { XATTR_LIST_ROOM = 65536, XATTR_VALUE_ROOM = 65536 }; /* XATTR_LIST_MAX, XATTR_SIZE_MAX of Linux */

static bool has_name(const char *names, ssize_t size, const char *name) {
  for (const char *p = names; p < names + size; p += strlen(p) + 1)
    if (strcmp(p, name) == 0) return true;
  return false;
}

/* What cannot be read or set is passed over. "security." values (labels, signatures of contents) are
 * the system's to set. */
static void copy_xattrs(int from, int to, char *room) {
  char *names = room, *others = room + XATTR_LIST_ROOM, *value = others + XATTR_LIST_ROOM;
  ssize_t size = flistxattr(from, names, XATTR_LIST_ROOM), old = flistxattr(to, others, XATTR_LIST_ROOM);
  for (const char *name = others; name < others + old; name += strlen(name) + 1)
    if (strncmp(name, "security.", 9) != 0 && !has_name(names, size, name)) fremovexattr(to, name);
  for (const char *name = names; name < names + size; name += strlen(name) + 1) {
    if (strncmp(name, "security.", 9) == 0) continue;
    ssize_t length = fgetxattr(from, name, value, XATTR_VALUE_ROOM);
    if (length >= 0) fsetxattr(to, name, value, (size_t)length, 0);
  }
}

int lam_fd_copy_attributes(int from, int to) {
  struct stat source, target;
  if (fstat(from, &source) || fstat(to, &target)) return errno;
  if (source.st_uid != target.st_uid || source.st_gid != target.st_gid) {
    /* Who may not give a file away may still be in its group. */
    if (fchown(to, source.st_uid, source.st_gid) && fchown(to, (uid_t)-1, source.st_gid) && errno != EPERM)
      return errno;
  }
  if (fchmod(to, source.st_mode & 07777) && errno != EPERM) return errno;
  if (flistxattr(from, NULL, 0) <= 0 && flistxattr(to, NULL, 0) <= 0) return 0;
  char *room = malloc(2 * XATTR_LIST_ROOM + XATTR_VALUE_ROOM);
  if (!room) return ENOMEM;
  copy_xattrs(from, to, room);
  free(room);
  return 0;
}

int lam_fd_copy(int from, uint64_t offset, int to, size_t size, size_t *done, bool *offered) {
  off_t at = (off_t)offset;
  ssize_t put;
  *done = 0;
  *offered = true;
  while ((put = copy_file_range(from, &at, to, NULL, size, 0)) < 0 && errno == EINTR) continue;
  if (put >= 0) {
    *done = (size_t)put;
    return 0;
  }
  *offered = errno != EXDEV && errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP && errno != EPERM;
  return errno;
}

int lam_fd_follow(int fd, const char *path, const struct stat *now) {
  struct stat before;
  if (fstat(fd, &before) == 0 && before.st_ino == now->st_ino && before.st_dev == now->st_dev) return 0;
  int other = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (other < 0) return errno;
  int code = dup3(other, fd, O_CLOEXEC) < 0 ? errno : 0;
  close(other);
  return code;
}

uint64_t lam_fd_device(int dir, const char *path, const struct stat *now) {
#ifdef STATX_MNT_ID
  struct statx more;
  if (statx(dir, path, 0, STATX_MNT_ID, &more) == 0 && more.stx_mask & STATX_MNT_ID)
    return now->st_dev ^ more.stx_mnt_id << 32;
#endif
  return now->st_dev;
}
