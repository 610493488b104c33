/* Where rows go and come from, besides tables: standard output and input, files that become visible when whole. */
#ifndef LAM_CLI_FILES_H
#define LAM_CLI_FILES_H

#include <limits.h>

#include "base/bytes.h"
#include "lamella/lamella.h"

/* A destination of bytes. A regular file appears, or is replaced, when it is whole; a device or a pipe is written to.
 */
struct output {
  int fd;
  bool standard, renames;
  char path[PATH_MAX];   /* links resolved */
  char staged[PATH_MAX]; /* renamed to `path` at the end */
};
/* "-" and NULL are standard output. With `by_name` a regular file is not opened: the caller writes `path` itself. */
enum lam_status output_open(struct output *output, const char *path, bool by_name, struct lam_error *error);
enum lam_status output_write(struct output *output, const void *data, size_t size, struct lam_error *error);
/* Makes the file visible if `status` is LAM_OK, else removes it; returns the first failure. */
enum lam_status output_close(struct output *output, enum lam_status status, struct lam_error *error);
/* True where `path` is to be written by name. */
static inline bool output_is_name(const struct output *output) {
  return !output->standard && output->fd < 0;
}

enum lam_status copy_file(const char *path, struct output *output, struct lam_error *error);

/* A name in the context's spill directory, in `out` of PATH_MAX bytes. */
enum lam_status spool_name(struct lam_context *context, char *out, struct lam_error *error);
/* Parquet files are read from their end, so that standard input is copied to the spill directory first. *path is "-"
 * or what was given, and then what can be read; spool_remove removes what was made. */
enum lam_status spool_input(struct lam_context *context, const char **path, struct lam_error *error);
void spool_remove(void);

#endif
