/* Writes a table that is in memory, timed inside the process: write_file SOURCE TARGET CODEC THREADS TIMES
 * Prints the seconds of each time, one a line, then the bytes of the file. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "lamella/parquet.h"

enum { MOST_BATCHES = 1 << 16 };

static struct ArrowArray batches[MOST_BATCHES];
static int batch_count;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static enum lam_status load(struct lam_file *file, struct ArrowSchema *schema, struct lam_error *error) {
  struct lam_reader *reader;
  enum lam_status status = lam_reader_open(file, NULL, &reader, error);
  if (status != LAM_OK) return status;
  status = lam_reader_schema(reader, schema, error);
  while (status == LAM_OK && batch_count < MOST_BATCHES) {
    status = lam_reader_next(reader, &batches[batch_count], error);
    if (status != LAM_OK || !batches[batch_count].release) break;
    batch_count++;
  }
  lam_reader_close(reader);
  return status;
}

static enum lam_status write_once(struct lam_context *context, const char *path, const struct ArrowSchema *schema,
                                  const struct lam_write_options *options, struct lam_error *error) {
  struct lam_writer *writer;
  enum lam_status status = lam_writer_open(context, path, schema, options, &writer, error);
  if (status != LAM_OK) return status;
  for (int i = 0; status == LAM_OK && i < batch_count; i++) status = lam_writer_write(writer, &batches[i], error);
  if (status == LAM_OK) status = lam_writer_finish(writer, NULL, error);
  lam_writer_close(writer);
  return status;
}

int main(int argc, char **argv) {
  if (argc < 6) return 2;
  struct lam_error error = LAM_ERROR_INIT;
  struct lam_context_options with = LAM_CONTEXT_OPTIONS_INIT;
  struct lam_column_options column = {.codec = strcmp(argv[3], "snappy") == 0 ? LAM_WRITE_SNAPPY
                                               : strcmp(argv[3], "zstd") == 0 ? LAM_WRITE_ZSTD
                                                                              : LAM_WRITE_NONE};
  struct lam_write_options options = LAM_WRITE_OPTIONS_INIT;
  struct lam_context *context;
  struct lam_file *file = NULL;
  struct ArrowSchema schema = {.release = NULL};
  with.threads = (uint32_t)atoi(argv[4]);
  column.bloom = LAM_BLOOM_NEVER; /* Polars and pyarrow write none unless asked to */
  options.columns = &column;
  options.column_count = 1;
  options.no_sync = true;
  enum lam_status status = lam_context_create(&with, &context, &error);
  if (status == LAM_OK) status = lam_file_open(context, argv[1], NULL, &file, &error);
  if (status == LAM_OK) status = load(file, &schema, &error);
  for (int i = -1; status == LAM_OK && i < atoi(argv[5]); i++) {
    double start = now();
    status = write_once(context, argv[2], &schema, &options, &error);
    if (i >= 0) printf("%.6f\n", now() - start);
  }
  struct stat info;
  if (status == LAM_OK && stat(argv[2], &info) == 0) printf("%lld\n", (long long)info.st_size);
  if (status != LAM_OK) fprintf(stderr, "%s\n", error.message);
  for (int i = 0; i < batch_count; i++) batches[i].release(&batches[i]);
  if (schema.release) schema.release(&schema);
  lam_file_close(file);
  lam_context_free(context);
  return status == LAM_OK ? 0 : 1;
}
