/* lamella cat, lamella count, lamella verify */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "arrow/csv_write.h"
#include "arrow/json_write.h"
#include "cli/cli.h"
#include "cli/files.h"

enum { OUTPUT_BYTES = 256 << 10, SLICE_ROWS = 1024 };

struct read_arguments {
  struct string_list partitions, columns;
  const char *meta_dir, *format, *output, *where;
  bool no_checksums, check_files, full;
  int64_t limit;
  uint64_t snapshot_size;
};

static enum lam_status begin(struct cli *cli, int argc, char **argv, const struct option *options,
                             const struct read_arguments *a, struct string_list *words, int *exit_code,
                             struct lam_error *error) {
  LAM_TRY(cli_begin(cli, argc, argv, options, words, 1, 1, exit_code, error));
  if (cli->help) return LAM_OK;
  *exit_code = EXIT_USAGE;
  LAM_TRY(cli_check_partitions(&a->partitions, error));
  LAM_TRY(cli_check_where(cli->context, a->where, error));
  *exit_code = EXIT_FAILED;
  return spool_input(cli->context, &words->texts[0], error);
}

static void table_options(const struct read_arguments *a, struct lam_table_options *out) {
  *out = (struct lam_table_options)LAM_TABLE_OPTIONS_INIT;
  out->meta_dir = a->meta_dir;
  out->partitions = a->partitions.texts;
  out->partition_count = a->partitions.count;
  out->no_checksums = a->no_checksums;
  out->check_files = a->check_files;
  out->snapshot_size = a->snapshot_size;
}

/* ---- cat ---- */

static enum lam_status flush(struct output *output, struct lam_buf *text, struct lam_error *error) {
  enum lam_status status = output_write(output, text->data, text->size, error);
  text->size = 0;
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

static enum lam_status write_text(struct lam_scan *scan, format_fn format, void *writer, struct output *output,
                                  struct lam_buf *text, struct lam_error *error) {
  for (;;) {
    struct ArrowArray batch;
    LAM_TRY(lam_scan_next(scan, &batch, error));
    if (!batch.release) return text->size ? flush(output, text, error) : LAM_OK;
    enum lam_status status = LAM_OK;
    for (int64_t first = 0; status == LAM_OK && first < batch.length; first += SLICE_ROWS) {
      int64_t count = batch.length - first < SLICE_ROWS ? batch.length - first : SLICE_ROWS;
      status = format(writer, &batch, first, count, text, error);
      if (status == LAM_OK && text->size >= OUTPUT_BYTES) status = flush(output, text, error);
    }
    batch.release(&batch);
    LAM_TRY(status);
  }
}

static enum lam_status write_csv(struct lam_mem *mem, struct lam_scan *scan, const struct ArrowSchema *schema,
                                 struct output *output, struct lam_buf *text, struct lam_error *error) {
  struct lam_csv_writer csv;
  LAM_TRY(lam_csv_writer_init(&csv, mem, schema, NULL, error));
  enum lam_status status = lam_csv_write_header(&csv, text, error);
  if (status == LAM_OK) status = write_text(scan, format_csv, &csv, output, text, error);
  lam_csv_writer_release(&csv);
  return status;
}

static enum lam_status write_json(struct lam_mem *mem, struct lam_scan *scan, const struct ArrowSchema *schema,
                                  struct output *output, struct lam_buf *text, struct lam_error *error) {
  struct lam_json_writer json;
  LAM_TRY(lam_json_writer_init(&json, mem, schema, error));
  enum lam_status status = write_text(scan, format_json, &json, output, text, error);
  lam_json_writer_release(&json);
  return status;
}

static enum lam_status cat_text(struct lam_mem *mem, struct lam_scan *scan, const struct ArrowSchema *schema, bool json,
                                const char *path, struct lam_error *error) {
  struct output output;
  struct lam_buf text;
  LAM_TRY(output_open(&output, path, false, error));
  lam_buf_init(&text, mem);
  enum lam_status status =
      json ? write_json(mem, scan, schema, &output, &text, error) : write_csv(mem, scan, schema, &output, &text, error);
  lam_buf_release(&text);
  return output_close(&output, status, error);
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

/* The writer needs a file of its own, so that pipes and devices get a copy of one. */
static enum lam_status cat_parquet(struct lam_context *context, struct lam_scan *scan, const struct ArrowSchema *schema,
                                   const char *path, struct lam_error *error) {
  struct output output;
  char spool[PATH_MAX];
  LAM_TRY(output_open(&output, path, true, error));
  if (output_is_name(&output)) return write_parquet(context, scan, schema, output.path, error);
  enum lam_status status = spool_name(context, spool, error);
  if (status == LAM_OK) {
    status = write_parquet(context, scan, schema, spool, error);
    if (status == LAM_OK) status = copy_file(spool, &output, error);
    unlink(spool);
  }
  return output_close(&output, status, error);
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
  scan_options.where = a->where;
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
  struct string_list words = {.count = 0};
  const struct option table[] = {
      {"--columns", OPTION_COMMAS, &a.columns},      {"--where", OPTION_STRING, &a.where},
      {"--limit", OPTION_COUNT, &a.limit},           {"--partition", OPTION_LIST, &a.partitions},
      {"--format", OPTION_STRING, &a.format},        {"-o", OPTION_STRING, &a.output},
      {"--output", OPTION_STRING, &a.output},        {"--no-checksums", OPTION_FLAG, &a.no_checksums},
      {"--meta-dir", OPTION_STRING, &a.meta_dir},    {"--check-files", OPTION_FLAG, &a.check_files},
      {"--snapshot", OPTION_SIZE, &a.snapshot_size}, {NULL, OPTION_FLAG, NULL},
  };
  LAM_TRY(begin(cli, argc, argv, table, &a, &words, exit_code, error));
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
  struct string_list words = {.count = 0};
  const struct option options[] = {
      {"--where", OPTION_STRING, &a.where},
      {"--partition", OPTION_LIST, &a.partitions},
      {"--no-checksums", OPTION_FLAG, &a.no_checksums},
      {"--check-files", OPTION_FLAG, &a.check_files},
      {"--snapshot", OPTION_SIZE, &a.snapshot_size},
      {"--meta-dir", OPTION_STRING, &a.meta_dir},
      {NULL, OPTION_FLAG, NULL},
  };
  struct lam_table_options table_opts;
  struct lam_count_result r = LAM_COUNT_RESULT_INIT;
  struct lam_table *table;
  LAM_TRY(begin(cli, argc, argv, options, &a, &words, exit_code, error));
  if (cli->help) return LAM_OK;
  table_options(&a, &table_opts);
  LAM_TRY(lam_table_open(cli->context, words.texts[0], &table_opts, &table, error));
  enum lam_status status = lam_table_count(table, a.where, &r, error);
  uint64_t bytes = lam_table_bytes(table);
  lam_table_close(table);
  if (status != LAM_OK) return status;
  *exit_code = EXIT_DONE;
  if (!cli->json) {
    char line[32];
    int size = snprintf(line, sizeof line, "%" PRIu64 "\n", r.rows);
    return cli_write(line, (size_t)size, error);
  }
  const struct result_field fields[] = {
      {"rows", RESULT_COUNT, r.rows, NULL},
      {"files", RESULT_COUNT, r.files, NULL},
      {"bytes", RESULT_BYTES, bytes, NULL},
      {"row_groups", RESULT_COUNT, r.row_groups, NULL},
      {"files_opened", RESULT_COUNT, r.files_opened, NULL},
      {"row_groups_read", RESULT_COUNT, r.row_groups_read, NULL},
      {"rows_read", RESULT_COUNT, r.rows_read, NULL},
  };
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
  struct string_list words = {.count = 0};
  struct lam_verify_options options = LAM_VERIFY_OPTIONS_INIT;
  struct lam_verify_result r = {.struct_size = sizeof r};
  const struct option table[] = {
      {"--full", OPTION_FLAG, &a.full},
      {"--snapshot", OPTION_SIZE, &a.snapshot_size},
      {"--partition", OPTION_LIST, &a.partitions},
      {"--no-checksums", OPTION_FLAG, &a.no_checksums},
      {"--meta-dir", OPTION_STRING, &a.meta_dir},
      {NULL, OPTION_FLAG, NULL},
  };
  LAM_TRY(begin(cli, argc, argv, table, &a, &words, exit_code, error));
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
