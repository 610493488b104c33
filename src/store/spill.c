#include "store/spill.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/context.h"

enum { BUFFER_SIZE = 64 << 10 };
#define MOST_AT_ONCE ((size_t)1 << 30)

struct lam_spill {
  struct lam_mem *mem;
  int fd;
  uint64_t written;      /* bytes in the file */
  struct lam_buf buffer; /* what follows them */
};

static enum lam_status fail(const struct lam_spill *spill, int code, const char *verb, struct lam_error *error) {
  lam_fail_errno(error, code,
                 code == ENOSPC || code == EDQUOT ? "cannot %s a spill file: the disk of the directory %s is full"
                                                  : "cannot %s a spill file in the directory %s",
                 verb, lam_context_spill_dir(lam_mem_context(spill->mem)));
  if (error) error->status = LAM_IO;
  return LAM_IO;
}

/* -errno on failure. */
static int open_named(const char *directory) {
  char path[4096];
  if (snprintf(path, sizeof path, "%s/lamella-spill-XXXXXX", directory) >= (int)sizeof path) return -ENAMETOOLONG;
  int fd = mkostemp(path, O_CLOEXEC);
  if (fd < 0) return -errno;
  unlink(path);
  return fd;
}

/* A file without a name, or, where the file system has none, one whose name goes at once. */
static int open_unnamed(const char *directory) {
  int fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (fd >= 0) return fd;
  /* EISDIR is what kernels without O_TMPFILE say. */
  return errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL ? open_named(directory) : -errno;
}

enum lam_status lam_spill_create(struct lam_mem *mem, struct lam_spill **out, struct lam_error *error) {
  void *memory;
  *out = NULL;
  LAM_TRY(lam_alloc_zero(mem, sizeof **out, &memory, error));
  struct lam_spill *spill = memory;
  spill->mem = mem;
  lam_buf_init(&spill->buffer, mem);
  spill->fd = open_unnamed(lam_context_spill_dir(lam_mem_context(mem)));
  if (spill->fd < 0) {
    fail(spill, -spill->fd, "create", error);
    lam_free(mem, spill, sizeof *spill);
    return LAM_IO;
  }
  *out = spill;
  return LAM_OK;
}

static enum lam_status write_out(struct lam_spill *spill, const uint8_t *data, size_t size, struct lam_error *error) {
  /* By pwrite, so that an append that failed half-way can be repeated. */
  for (size_t done = 0; done < size;) {
    size_t wanted = size - done < MOST_AT_ONCE ? size - done : MOST_AT_ONCE;
    ssize_t put = pwrite(spill->fd, data + done, wanted, (off_t)(spill->written + done));
    if (put >= 0)
      done += (size_t)put;
    else if (errno != EINTR)
      return fail(spill, errno, "write", error);
  }
  spill->written += size;
  return LAM_OK;
}

static enum lam_status empty_buffer(struct lam_spill *spill, struct lam_error *error) {
  LAM_TRY(write_out(spill, spill->buffer.data, spill->buffer.size, error));
  spill->buffer.size = 0;
  return LAM_OK;
}

enum lam_status lam_spill_append(struct lam_spill *spill, struct lam_bytes bytes, struct lam_error *error) {
  if (spill->buffer.size + bytes.size > BUFFER_SIZE) LAM_TRY(empty_buffer(spill, error));
  if (bytes.size >= BUFFER_SIZE) return write_out(spill, bytes.data, bytes.size, error);
  LAM_TRY(lam_buf_reserve(&spill->buffer, BUFFER_SIZE, error));
  return lam_buf_append(&spill->buffer, bytes.data, bytes.size, error);
}

uint64_t lam_spill_size(const struct lam_spill *spill) {
  return spill->written + spill->buffer.size;
}

enum lam_status lam_spill_flush(struct lam_spill *spill, struct lam_error *error) {
  LAM_TRY(empty_buffer(spill, error));
  lam_buf_release(&spill->buffer);
  return LAM_OK;
}

enum lam_status lam_spill_read(struct lam_spill *spill, uint64_t offset, void *to, size_t size,
                               struct lam_error *error) {
  assert(offset <= lam_spill_size(spill) && size <= lam_spill_size(spill) - offset);
  if (offset + size > spill->written) LAM_TRY(empty_buffer(spill, error));
  for (size_t done = 0; done < size;) {
    size_t wanted = size - done < MOST_AT_ONCE ? size - done : MOST_AT_ONCE;
    ssize_t got = pread(spill->fd, (uint8_t *)to + done, wanted, (off_t)(offset + done));
    if (got > 0)
      done += (size_t)got;
    else if (got == 0)
      return fail(spill, EIO, "read", error); /* nobody else can have cut it */
    else if (errno != EINTR)
      return fail(spill, errno, "read", error);
  }
  return LAM_OK;
}

void lam_spill_release(struct lam_spill *spill) {
  if (!spill) return;
  close(spill->fd);
  lam_buf_release(&spill->buffer);
  lam_free(spill->mem, spill, sizeof *spill);
}
