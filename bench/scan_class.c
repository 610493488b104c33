/* Full scans of one file, timed inside the process: scan_class FILE COLUMN THREADS TIMES [dictionaries|views]
 * COLUMN is a top-level column's number, or -1 for all. Prints the milliseconds of each time, one a line. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "timing.h"

static enum lam_status scan(struct lam_context *context, const char *path, const struct lam_read_options *options,
                            int64_t *rows, struct lam_error *error) {
  struct lam_file *file;
  enum lam_status status = lam_file_open(context, path, NULL, &file, error);
  if (status != LAM_OK) return status;
  status = lam_file_scan(file, options, count_rows, rows, error);
  lam_file_close(file);
  return status;
}

int main(int argc, char **argv) {
  if (argc < 5) return 2;
  struct lam_error error = LAM_ERROR_INIT;
  struct lam_context_options with = LAM_CONTEXT_OPTIONS_INIT;
  struct lam_read_options options = LAM_READ_OPTIONS_INIT;
  struct lam_context *context;
  int32_t column = atoi(argv[2]);
  with.threads = (uint32_t)atoi(argv[3]);
  if (column >= 0) options.columns = &column, options.column_count = 1;
  options.dictionaries = argc > 5 && strcmp(argv[5], "dictionaries") == 0;
  options.string_views = argc > 5 && strcmp(argv[5], "views") == 0;
  enum lam_status status = lam_context_create(&with, &context, &error);
  for (int i = 0; status == LAM_OK && i < atoi(argv[4]); i++) {
    int64_t rows = 0;
    double start = now_ms();
    status = scan(context, argv[1], &options, &rows, &error);
    printf("%.3f\n", now_ms() - start);
  }
  if (status != LAM_OK) fprintf(stderr, "%s\n", error.message);
  lam_context_free(context);
  return status == LAM_OK ? 0 : 1;
}
