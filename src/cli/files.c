#include "cli/files.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/context.h"
#include "base/uuid.h"
#include "cli/cli.h"

enum { COPY_BYTES = 256 << 10 };

/* ---- output ---- */

static enum lam_status stage(struct output *output, struct lam_error *error) {
  char uuid[LAM_UUID_ROOM];
  LAM_TRY(lam_uuid_ordered(NULL, uuid, error));
  if (snprintf(output->staged, PATH_MAX, "%s.tmp-%s", output->path, uuid) >= PATH_MAX)
    return lam_fail(error, LAM_INVALID, "the path '%.200s…' is too long", output->path);
  output->fd = open(output->staged, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  output->renames = output->fd >= 0;
  return output->renames ? LAM_OK : lam_fail_errno(error, errno, "creating %s", output->staged);
}

enum lam_status output_open(struct output *output, const char *path, bool by_name, struct lam_error *error) {
  struct stat info;
  *output = (struct output){.fd = -1, .standard = !path || strcmp(path, "-") == 0};
  if (output->standard) return LAM_OK;
  if (strlen(path) >= PATH_MAX) return lam_fail(error, LAM_INVALID, "the path '%.200s…' is too long", path);
  if (!realpath(path, output->path)) strcpy(output->path, path);
  bool special = stat(output->path, &info) == 0 && !S_ISREG(info.st_mode);
  if (!special) return by_name ? LAM_OK : stage(output, error);
  output->fd = open(output->path, O_WRONLY | O_CLOEXEC);
  return output->fd >= 0 ? LAM_OK : lam_fail_errno(error, errno, "opening %s", path);
}

enum lam_status output_write(struct output *output, const void *data, size_t size, struct lam_error *error) {
  if (output->standard) return cli_write(data, size, error);
  for (const char *p = data; size;) {
    ssize_t n = write(output->fd, p, size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return lam_fail_errno(error, errno, "writing %s", output->path);
    p += n;
    size -= (size_t)n;
  }
  return LAM_OK;
}

enum lam_status output_close(struct output *output, enum lam_status status, struct lam_error *error) {
  if (output->fd < 0) return status;
  if (status == LAM_OK && output->renames && fsync(output->fd))
    status = lam_fail_errno(error, errno, "writing %s", output->path);
  if (close(output->fd) && status == LAM_OK) status = lam_fail_errno(error, errno, "writing %s", output->path);
  if (!output->renames) return status;
  if (status == LAM_OK && rename(output->staged, output->path))
    status = lam_fail_errno(error, errno, "renaming %s to %s", output->staged, output->path);
  if (status != LAM_OK) unlink(output->staged);
  return status;
}

enum lam_status copy_file(const char *path, struct output *output, struct lam_error *error) {
  static char buffer[COPY_BYTES];
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return lam_fail_errno(error, errno, "opening %s", path);
  enum lam_status status = LAM_OK;
  for (;;) {
    ssize_t n = read(fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) status = lam_fail_errno(error, errno, "reading %s", path);
    if (n <= 0) break;
    status = output_write(output, buffer, (size_t)n, error);
    if (status != LAM_OK) break;
  }
  close(fd);
  return status;
}

/* ---- standard input ---- */

static char spooled[PATH_MAX]; /* it can be read once, so there is one */

enum lam_status spool_name(struct lam_context *context, char *out, struct lam_error *error) {
  char uuid[LAM_UUID_ROOM];
  LAM_TRY(lam_uuid_ordered(NULL, uuid, error));
  const char *directory = lam_context_spill_dir(context);
  if (snprintf(out, PATH_MAX, "%s/lamella-%s.parquet", directory, uuid) >= PATH_MAX)
    return lam_fail(error, LAM_INVALID, "the spill directory '%.200s…' has too long a path", directory);
  return LAM_OK;
}

static enum lam_status copy_input(struct lam_context *context, int fd, struct lam_error *error) {
  enum { TURN_MS = 100 };
  static char buffer[COPY_BYTES];
  struct output output = {.fd = fd};
  struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
  for (;;) { /* in short turns: a signal just before a read would wait for more input */
    LAM_TRY(lam_check_cancel(context, error));
    int ready = poll(&input, 1, TURN_MS);
    if (ready == 0 || (ready < 0 && errno == EINTR)) continue;
    ssize_t n = read(STDIN_FILENO, buffer, sizeof buffer);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n < 0) return lam_fail_errno(error, errno, "reading standard input");
    if (n == 0) return LAM_OK;
    LAM_TRY(lam_fail_in(error, output_write(&output, buffer, (size_t)n, error), "%s", spooled));
  }
}

enum lam_status spool_input(struct lam_context *context, const char **path, struct lam_error *error) {
  if (strcmp(*path, "-") != 0) return LAM_OK;
  if (*spooled) return lam_fail(error, LAM_INVALID, "standard input is named twice; it can be read once");
  LAM_TRY(spool_name(context, spooled, error));
  int fd = open(spooled, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) {
    enum lam_status status = lam_fail_errno(error, errno, "creating %s", spooled);
    *spooled = 0;
    return status;
  }
  enum lam_status status = copy_input(context, fd, error);
  close(fd);
  *path = spooled;
  return status;
}

void spool_remove(void) {
  if (*spooled) unlink(spooled);
}
