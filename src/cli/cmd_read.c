/* lamella cat, lamella count, lamella verify */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "arrow/csv_write.h"
#include "arrow/json_write.h"
#include "base/context.h"
#include "base/uuid.h"
#include "cli/cli.h"

enum { OUTPUT_BYTES = 256 << 10, SLICE_ROWS = 1024 };

struct read_arguments {
  struct string_list partitions, columns;
  const char *meta_dir, *format, *output;
  bool no_checksums, full;
  int64_t limit;
};

static void table_options(const struct read_arguments *a, struct lam_table_options *out) {
  *out = (struct lam_table_options)LAM_TABLE_OPTIONS_INIT;
  out->meta_dir = a->meta_dir;
  out->partitions = a->partitions.texts;
  out->partition_count = a->partitions.count;
  out->no_checksums = a->no_checksums;
}

/* ---- cat ---- */

/* Where the text of rows goes: a file that becomes visible when it is whole, or standard output. */
struct sink {
  FILE *file; /* NULL: standard output */
  const char *path;
  char staged[1024];
};

static enum lam_status sink_open(struct sink *sink, const char *path, struct lam_error *error) {
  *sink = (struct sink){.path = path};
  if (!path || strcmp(path, "-") == 0) return LAM_OK;
  char uuid[LAM_UUID_ROOM];
  LAM_TRY(lam_uuid_ordered(NULL, uuid, error));
  snprintf(sink->staged, sizeof sink->staged, "%s.tmp-%s", path, uuid);
  sink->file = fopen(sink->staged, "wxe");
  return sink->file ? LAM_OK : lam_fail_errno(error, errno, "creating %s", sink->staged);
}

static enum lam_status sink_write(struct sink *sink, struct lam_buf *text, struct lam_error *error) {
  enum lam_status status = LAM_OK;
  if (!sink->file)
    status = cli_write(text->data, text->size, error);
  else if (fwrite(text->data, 1, text->size, sink->file) != text->size)
    status = lam_fail_errno(error, errno, "writing %s", sink->staged);
  text->size = 0;
  return status;
}

static enum lam_status sink_close(struct sink *sink, enum lam_status status, struct lam_error *error) {
  if (!sink->file) return status;
  if (status == LAM_OK && (fflush(sink->file) || fsync(fileno(sink->file))))
    status = lam_fail_errno(error, errno, "writing %s", sink->staged);
  fclose(sink->file);
  if (status == LAM_OK && rename(sink->staged, sink->path))
    status = lam_fail_errno(error, errno, "renaming %s to %s", sink->staged, sink->path);
  if (status != LAM_OK) unlink(sink->staged);
  return status;
}

typedef enum lam_status (*format_fn)(void *writer, const struct ArrowArray *batch, int64_t first, int64_t count,
                                     struct lam_buf *out, struct lam_error *error);

static enum lam_status format_csv(void *writer, const struct ArrowArray *batch, int64_t first, int64_t count,
                                  struct lam_buf *out, struct lam_error *error) {
  return lam_csv_write(writer, batch, first, count, out, error);
}
static enum lam_status format_json(void *writer, const struct ArrowArray *batch, int64_t first, int64_t count,
                                   struct lam_buf *out, struct lam_error *error) {
  return lam_json_write(writer, batch, first, count, out, error);
}

static enum lam_status write_text(struct lam_scan *scan, format_fn format, void *writer, struct sink *sink,
                                  struct lam_buf *text, struct lam_error *error) {
  for (;;) {
    struct ArrowArray batch;
    LAM_TRY(lam_scan_next(scan, &batch, error));
    if (!batch.release) return text->size ? sink_write(sink, text, error) : LAM_OK;
    enum lam_status status = LAM_OK;
    for (int64_t first = 0; status == LAM_OK && first < batch.length; first += SLICE_ROWS) {
      int64_t count = batch.length - first < SLICE_ROWS ? batch.length - first : SLICE_ROWS;
      status = format(writer, &batch, first, count, text, error);
      if (status == LAM_OK && text->size >= OUTPUT_BYTES) status = sink_write(sink, text, error);
    }
    batch.release(&batch);
    LAM_TRY(status);
  }
}

static enum lam_status cat_text(struct lam_mem *mem, struct lam_scan *scan, const struct ArrowSchema *schema, bool json,
                                const char *output, struct lam_error *error) {
  struct sink sink;
  struct lam_buf text;
  struct lam_csv_writer csv = {.mem = NULL};
  struct lam_json_writer rows = {.mem = NULL};
  lam_buf_init(&text, mem);
  LAM_TRY(sink_open(&sink, output, error));
  enum lam_status status =
      json ? lam_json_writer_init(&rows, mem, schema, error) : lam_csv_writer_init(&csv, mem, schema, NULL, error);
  if (status == LAM_OK) {
    if (!json) status = lam_csv_write_header(&csv, &text, error);
    if (status == LAM_OK)
      status = json ? write_text(scan, format_json, &rows, &sink, &text, error)
                    : write_text(scan, format_csv, &csv, &sink, &text, error);
    if (json)
      lam_json_writer_release(&rows);
    else
      lam_csv_writer_release(&csv);
  }
  lam_buf_release(&text);
  return sink_close(&sink, status, error);
}

static enum lam_status copy_to_stdout(const char *path, struct lam_error *error) {
  static char buffer[OUTPUT_BYTES];
  FILE *file = fopen(path, "re");
  if (!file) return lam_fail_errno(error, errno, "opening %s", path);
  enum lam_status status = LAM_OK;
  size_t got;
  while (status == LAM_OK && (got = fread(buffer, 1, sizeof buffer, file)) > 0) status = cli_write(buffer, got, error);
  fclose(file);
  return status;
}

static enum lam_status write_parquet(struct lam_context *context, struct lam_scan *scan,
                                     const struct ArrowSchema *schema, const char *path, struct lam_error *error) {
  struct lam_writer *writer;
  LAM_TRY(lam_writer_open(context, path, schema, NULL, &writer, error));
  enum lam_status status;
  struct ArrowArray batch;
  while ((status = lam_scan_next(scan, &batch, error)) == LAM_OK && batch.release) {
    status = lam_writer_write(writer, &batch, error);
    batch.release(&batch);
    if (status != LAM_OK) break;
  }
  if (status == LAM_OK) status = lam_writer_finish(writer, NULL, error);
  lam_writer_close(writer);
  return status;
}

/* A Parquet file ends with its footer and cannot be begun on a pipe; it goes through a spill file. */
static enum lam_status cat_parquet(struct lam_context *context, struct lam_scan *scan, const struct ArrowSchema *schema,
                                   const char *output, struct lam_error *error) {
  if (output && strcmp(output, "-") != 0) return write_parquet(context, scan, schema, output, error);
  char path[1024], uuid[LAM_UUID_ROOM];
  LAM_TRY(lam_uuid_ordered(NULL, uuid, error));
  snprintf(path, sizeof path, "%s/lamella-%s", lam_context_spill_dir(context), uuid);
  enum lam_status status = write_parquet(context, scan, schema, path, error);
  if (status == LAM_OK) status = copy_to_stdout(path, error);
  unlink(path);
  return status;
}

static enum lam_status cat_table(struct cli *cli, const char *path, const struct read_arguments *a,
                                 struct lam_error *error) {
  struct lam_table_options options;
  struct lam_scan_options scan_options = LAM_SCAN_OPTIONS_INIT;
  struct lam_table *table;
  struct lam_scan *scan;
  struct ArrowSchema schema;
  struct lam_mem *mem;
  table_options(a, &options);
  scan_options.columns = a->columns.count ? a->columns.texts : NULL;
  scan_options.column_count = a->columns.count;
  scan_options.limit = a->limit;
  LAM_TRY(lam_mem_open(cli->context, 1 << 20, &mem, error));
  enum lam_status status = lam_table_open(cli->context, path, &options, &table, error);
  if (status == LAM_OK) {
    status = lam_scan_open(table, &scan_options, &scan, error);
    if (status == LAM_OK) {
      status = lam_scan_schema(scan, &schema, error);
      if (status == LAM_OK) {
        bool parquet = a->format && strcmp(a->format, "parquet") == 0,
             json = a->format && strcmp(a->format, "json") == 0;
        status = parquet ? cat_parquet(cli->context, scan, &schema, a->output, error)
                         : cat_text(mem, scan, &schema, json, a->output, error);
        schema.release(&schema);
      }
      lam_scan_close(scan);
    }
    lam_table_close(table);
  }
  lam_mem_close(mem);
  return status;
}

enum lam_status run_cat(struct cli *cli, int argc, char **argv, int *exit_code, struct lam_error *error) {
  struct read_arguments a = {.limit = -1};
  struct words words = {.count = 0};
  const struct option table[] = {
      {"--columns", OPTION_COMMAS, &a.columns},
      {"--limit", OPTION_COUNT, &a.limit},
      {"--partition", OPTION_LIST, &a.partitions},
      {"--format", OPTION_STRING, &a.format},
      {"-o", OPTION_STRING, &a.output},
      {"--output", OPTION_STRING, &a.output},
      {"--no-checksums", OPTION_FLAG, &a.no_checksums},
      {"--meta-dir", OPTION_STRING, &a.meta_dir},
      {NULL, OPTION_FLAG, NULL},
  };
  LAM_TRY(cli_begin(cli, argc, argv, table, &words, 1, 1, exit_code, error));
  if (cli->help) return LAM_OK;
  if (a.format && strcmp(a.format, "csv") != 0 && strcmp(a.format, "json") != 0 && strcmp(a.format, "parquet") != 0) {
    *exit_code = EXIT_USAGE;
    return lam_fail(error, LAM_INVALID, "--format '%s': expected csv, json or parquet", a.format);
  }
  if (!a.format && cli->json) a.format = "json";
  LAM_TRY(cat_table(cli, words.texts[0], &a, error));
  *exit_code = EXIT_DONE;
  return LAM_OK;
}

/* ---- count ---- */

enum lam_status run_count(struct cli *cli, int argc, char **argv, int *exit_code, struct lam_error *error) {
  struct read_arguments a = {.limit = -1};
  struct words words = {.count = 0};
  const struct option options[] = {
      {"--partition", OPTION_LIST, &a.partitions},
      {"--meta-dir", OPTION_STRING, &a.meta_dir},
      {NULL, OPTION_FLAG, NULL},
  };
  struct lam_table_options table_opts;
  struct lam_table *table;
  LAM_TRY(cli_begin(cli, argc, argv, options, &words, 1, 1, exit_code, error));
  if (cli->help) return LAM_OK;
  table_options(&a, &table_opts);
  LAM_TRY(lam_table_open(cli->context, words.texts[0], &table_opts, &table, error));
  uint64_t rows = lam_table_rows(table), files = lam_table_files(table), bytes = lam_table_bytes(table);
  lam_table_close(table);
  *exit_code = EXIT_DONE;
  if (!cli->json) {
    char line[32];
    int size = snprintf(line, sizeof line, "%" PRIu64 "\n", rows);
    return cli_write(line, (size_t)size, error);
  }
  const struct result_field fields[] = {
      {"rows", RESULT_COUNT, rows, NULL}, {"files", RESULT_COUNT, files, NULL}, {"bytes", RESULT_BYTES, bytes, NULL}};
  return cli_print_result(cli, fields, sizeof fields / sizeof *fields, error);
}

/* ---- verify ---- */

static bool print_fault(void *user, const struct lam_fault *fault) {
  (void)user;
  char line[2048];
  int size = snprintf(line, sizeof line - 1, "%s: %s", fault->file, fault->message);
  if (size > (int)sizeof line - 2) size = (int)sizeof line - 2;
  line[size++] = '\n';
  return cli_write(line, (size_t)size, NULL) == LAM_OK;
}

/* In JSON standard output holds one object, so the faults go to standard error. */
static bool log_fault(void *user, const struct lam_fault *fault) {
  (void)user;
  fprintf(stderr, "%s: %s\n", fault->file, fault->message);
  return true;
}

enum lam_status run_verify(struct cli *cli, int argc, char **argv, int *exit_code, struct lam_error *error) {
  struct read_arguments a = {.limit = -1};
  struct words words = {.count = 0};
  struct lam_verify_options options = LAM_VERIFY_OPTIONS_INIT;
  struct lam_verify_result r = {.struct_size = sizeof r};
  const struct option table[] = {
      {"--full", OPTION_FLAG, &a.full},
      {"--partition", OPTION_LIST, &a.partitions},
      {"--no-checksums", OPTION_FLAG, &a.no_checksums},
      {"--meta-dir", OPTION_STRING, &a.meta_dir},
      {NULL, OPTION_FLAG, NULL},
  };
  LAM_TRY(cli_begin(cli, argc, argv, table, &words, 1, 1, exit_code, error));
  if (cli->help) return LAM_OK;
  table_options(&a, &options.table);
  options.full = a.full;
  LAM_TRY(lam_verify(cli->context, words.texts[0], &options, cli->json ? log_fault : print_fault, NULL, &r, error));
  const struct result_field fields[] = {
      {"files", RESULT_COUNT, r.files, NULL},   {"row_groups", RESULT_COUNT, r.row_groups, NULL},
      {"pages", RESULT_COUNT, r.pages, NULL},   {"checksums", RESULT_COUNT, r.checksums, NULL},
      {"rows", RESULT_COUNT, r.rows, NULL},     {"bytes", RESULT_BYTES, r.bytes, NULL},
      {"faults", RESULT_COUNT, r.faults, NULL},
  };
  *exit_code = r.faults ? EXIT_FAULTS : EXIT_DONE;
  return cli_print_result(cli, fields, sizeof fields / sizeof *fields, error);
}
