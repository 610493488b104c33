/* Scans of the rows that match, timed inside the process: where_scan FILE CONDITION THREADS TIMES [COLUMN…]
 * COLUMNs are names; none: the rows are counted. Prints the milliseconds of each time, one a line, then the rows. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/context.h"
#include "parquet/filter_reader.h"
#include "timing.h"

enum { MOST_COLUMNS = 256 };

struct job {
  const char *path, *where, *const *names;
  int count;
  int64_t rows;
};

static enum lam_status scan_file(struct lam_file *file, const struct ArrowSchema *schema, struct job *job,
                                 struct lam_arena *arena, struct lam_error *error) {
  struct lam_read_options options = LAM_READ_OPTIONS_INIT;
  struct lam_filter filter = {.schema = schema};
  const struct lam_expr *parsed;
  int32_t sources[MOST_COLUMNS], columns[MOST_COLUMNS];
  if (schema->n_children > MOST_COLUMNS) return lam_fail(error, LAM_INVALID, "too many columns");
  for (int32_t i = 0; i < schema->n_children; i++) sources[i] = i;
  for (int c = 0; c < job->count; c++) {
    int32_t i = 0;
    while (i < schema->n_children && strcmp(schema->children[i]->name, job->names[c]) != 0) i++;
    if (i == schema->n_children) return lam_fail(error, LAM_INVALID, "no column %s", job->names[c]);
    columns[c] = i;
  }
  LAM_TRY(lam_expr_parse(job->where, arena, &parsed, error));
  LAM_TRY(lam_expr_bind_condition(parsed, schema, arena, &filter.condition, error));
  filter.sources = sources;
  options.columns = columns;
  options.column_count = job->count;
  return lam_filter_scan(file, &options, &filter, count_rows, &job->rows, NULL, error);
}

static enum lam_status scan(struct lam_context *context, struct job *job, struct lam_error *error) {
  struct lam_file *file;
  struct ArrowSchema schema;
  struct lam_arena arena;
  LAM_TRY(lam_file_open(context, job->path, NULL, &file, error));
  lam_arena_init(&arena, lam_file_mem(file));
  enum lam_status status = lam_file_schema(file, &schema, error);
  if (status == LAM_OK) {
    status = scan_file(file, &schema, job, &arena, error);
    schema.release(&schema);
  }
  lam_arena_release(&arena);
  lam_file_close(file);
  return status;
}

int main(int argc, char **argv) {
  if (argc < 5) return 2;
  struct lam_error error = LAM_ERROR_INIT;
  struct lam_context_options with = LAM_CONTEXT_OPTIONS_INIT;
  struct lam_context *context;
  struct job job = {.path = argv[1], .where = argv[2], .names = (const char *const *)argv + 5, .count = argc - 5};
  with.threads = (uint32_t)atoi(argv[3]);
  if (job.count > MOST_COLUMNS) return 2;
  enum lam_status status = lam_context_create(&with, &context, &error);
  for (int i = 0; status == LAM_OK && i < atoi(argv[4]); i++) {
    job.rows = 0;
    double start = now_ms();
    status = scan(context, &job, &error);
    printf("%.3f\n", now_ms() - start);
  }
  printf("%lld\n", (long long)job.rows);
  if (status != LAM_OK) fprintf(stderr, "%s\n", error.message);
  lam_context_free(context);
  return status == LAM_OK ? 0 : 1;
}
