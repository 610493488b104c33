/* lamella compact, lamella import */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arrow/type.h"
#include "base/error.h"
#include "cli/cli.h"
#include "cli/files.h"

/* Tasks of a plan, gathered as the inside of a JSON array. */
static void gather_task(void *user, const char *json) {
  FILE *tasks = user;
  fprintf(tasks, "%s%s", ftell(tasks) > 1 ? "," : "", json);
}

static const struct result_field *compact_fields(const struct lam_compact_result *r, bool dry_run, uint64_t ms,
                                                 const char *tasks, size_t *count) {
  static struct result_field fields[19]; /* one command runs in a process */
  const struct result_field filled[] = {
      {"operation", RESULT_TEXT, 0, dry_run ? "compact (dry run)" : "compact"},
      {"files_before", RESULT_COUNT, r->files_before, NULL},
      {"files_after", RESULT_COUNT, r->files_after, NULL},
      {"bytes_before", RESULT_BYTES, r->bytes_before, NULL},
      {"bytes_after", RESULT_BYTES, r->bytes_after, NULL},
      {"files_compacted", RESULT_COUNT, r->files_compacted, NULL},
      {"files_written", RESULT_COUNT, r->files_written, NULL},
      {"rows", RESULT_COUNT, r->rows, NULL},
      {"partitions_scanned", RESULT_COUNT, r->partitions_scanned, NULL},
      {"partitions_compacted", RESULT_COUNT, r->partitions_compacted, NULL},
      {"row_groups_copied", RESULT_COUNT, r->row_groups_copied, NULL},
      {"row_groups_merged", RESULT_COUNT, r->row_groups_merged, NULL},
      {"row_groups_written", RESULT_COUNT, r->row_groups_written, NULL},
      {"bytes_read", RESULT_BYTES, r->bytes_read, NULL},
      {"bytes_written", RESULT_BYTES, r->bytes_written, NULL},
      {"runs_spilled", RESULT_COUNT, r->runs_spilled, NULL},
      {"sequence", RESULT_COUNT, r->sequence, NULL},
      {"seconds", RESULT_SECONDS, ms, NULL},
      {"tasks", RESULT_JSON, 0, tasks},
  };
  memcpy(fields, filled, sizeof fields);
  *count = sizeof fields / sizeof *fields - (tasks ? 0 : 1);
  return fields;
}

enum lam_status run_compact(struct cli *cli, int argc, char **argv, int *exit_code, struct lam_error *error) {
  struct lam_compact_options options = LAM_COMPACT_OPTIONS_INIT;
  struct lam_compact_result r = {.struct_size = sizeof r};
  struct change_arguments change = {.dry_run = false};
  struct string_list words = {.count = 0};
  struct string_list sort_by = {.count = 0};
  int64_t min_files = 0;
  uint64_t group_bytes = 0;
  bool keep_source = false;
  struct option table[26] = {
      {"--target-size", OPTION_SIZE, &options.target_size},
      {"--max-file-size", OPTION_SIZE, &options.max_file_size},
      {"--min-files", OPTION_POSITIVE, &min_files},
      {"--sort-by", OPTION_COMMAS, &sort_by},
      {"--row-group-rows", OPTION_POSITIVE, &options.row_group_rows},
      {"--row-group-size", OPTION_SIZE, &group_bytes},
      {"--keep-source", OPTION_FLAG, &keep_source},
      {"--into", OPTION_STRING, &options.into},
  };
  cli_change_options(&change, &table[8]);
  LAM_TRY(cli_begin(cli, argc, argv, table, &words, 1, 1, exit_code, error));
  if (cli->help) return LAM_OK;
  *exit_code = EXIT_USAGE;
  LAM_TRY(cli_change(&change, &options.change, error));
  LAM_TRY(args_sort_keys(&sort_by, &options.sort_by, &options.sort_count, error));
  if (keep_source != (options.into != NULL))
    return lam_fail(error, LAM_INVALID, "--keep-source and --into TABLE go together: both are never in one table");
  if (min_files > UINT32_MAX) return lam_fail(error, LAM_INVALID, "--min-files %" PRId64 ": too many", min_files);
  options.min_files = (uint32_t)min_files;
  options.row_group_bytes = (int64_t)group_bytes;
  *exit_code = EXIT_FAILED;
  char *tasks = NULL;
  size_t size;
  /* The plan is shown where nothing is changed: with --dry-run --json. */
  FILE *gathered = cli->json && change.dry_run ? open_memstream(&tasks, &size) : NULL;
  if (gathered) {
    fputc('[', gathered);
    options.each_task = gather_task;
    options.each_task_user = gathered;
  }
  uint64_t start = cli_now_ms();
  enum lam_status status = lam_compact(cli->context, words.texts[0], &options, &r, error);
  if (gathered) {
    fputc(']', gathered);
    fclose(gathered);
  }
  if (status == LAM_OK) {
    size_t count;
    const struct result_field *fields = compact_fields(&r, change.dry_run, cli_now_ms() - start, tasks, &count);
    *exit_code = EXIT_DONE;
    status = cli_print_result(cli, fields, count, error);
  }
  free(tasks);
  return status;
}

/* "column=type" texts, cut at their '='. */
static enum lam_status column_types(const struct string_list *texts, const struct lam_import_type **types,
                                    struct lam_error *error) {
  struct lam_import_type *out;
  struct lam_type type;
  LAM_TRY(args_alloc((size_t)texts->count, sizeof *out, &out, error));
  *types = out;
  for (int32_t i = 0; i < texts->count; i++) {
    char *text = (char *)(uintptr_t)texts->texts[i], *equals = strrchr(text, '=');
    if (!equals || equals == text)
      return lam_fail(error, LAM_INVALID, "--type '%s': expected column=type, as price=decimal(10,2)", text);
    *equals = 0;
    LAM_TRY(lam_fail_in(error, lam_type_parse_name(equals + 1, &type, error), "--type %s", text));
    out[i] = (struct lam_import_type){text, equals + 1};
  }
  return LAM_OK;
}

static enum lam_status import_format(const char *text, enum lam_import_format *out, struct lam_error *error) {
  if (!text) return LAM_OK;
  if (strcmp(text, "parquet") == 0)
    *out = LAM_IMPORT_PARQUET;
  else if (strcmp(text, "csv") == 0)
    *out = LAM_IMPORT_CSV;
  else if (strcmp(text, "json") == 0)
    *out = LAM_IMPORT_JSON;
  else
    return lam_fail(error, LAM_INVALID, "--format '%s': expected parquet, csv or json", text);
  return LAM_OK;
}

void cli_source_options(struct source_arguments *a, struct option *out) {
  const struct option options[SOURCE_OPTIONS] = {
      {"--format", OPTION_STRING, &a->format},     {"--delimiter", OPTION_STRING, &a->delimiter},
      {"--no-header", OPTION_FLAG, &a->no_header}, {"--type", OPTION_LIST, &a->types},
      {"--null", OPTION_STRING, &a->null_text},
  };
  memcpy(out, options, sizeof options);
}

enum lam_status cli_source(struct source_arguments *a, struct lam_import_options *options, struct lam_error *error) {
  LAM_TRY(column_types(&a->types, &options->types, error));
  LAM_TRY(import_format(a->format, &options->format, error));
  if (a->delimiter && strcmp(a->delimiter, "\\t") == 0) a->delimiter = "\t";
  if (a->delimiter && strlen(a->delimiter) != 1)
    return lam_fail(error, LAM_INVALID, "--delimiter '%s': expected one character, or \\t", a->delimiter);
  options->delimiter = a->delimiter ? a->delimiter[0] : 0;
  options->no_header = a->no_header;
  options->type_count = a->types.count;
  options->null_text = a->null_text;
  return LAM_OK;
}

struct import_arguments {
  struct change_arguments change;
  struct source_arguments source;
  struct string_list partition_by, sort_by;
  const char *into;
  uint64_t group_bytes;
};

static enum lam_status import_options(struct import_arguments *a, struct lam_import_options *options,
                                      struct lam_error *error) {
  if (!a->into) return lam_fail(error, LAM_INVALID, "--into TABLE is missing");
  LAM_TRY(cli_change(&a->change, &options->change, error));
  LAM_TRY(args_sort_keys(&a->sort_by, &options->sort_by, &options->sort_count, error));
  LAM_TRY(cli_source(&a->source, options, error));
  if (a->partition_by.count) {
    options->partition_by = a->partition_by.texts;
    options->partition_by_count = a->partition_by.count;
  }
  options->row_group_bytes = (int64_t)a->group_bytes;
  return LAM_OK;
}

enum lam_status run_import(struct cli *cli, int argc, char **argv, int *exit_code, struct lam_error *error) {
  struct import_arguments a = {.into = NULL};
  struct lam_import_options options = LAM_IMPORT_OPTIONS_INIT;
  struct lam_import_result r = {.struct_size = sizeof r};
  struct string_list words = {.count = 0};
  struct option table[32] = {
      {"--into", OPTION_STRING, &a.into},
      {"--partition-by", OPTION_COMMAS, &a.partition_by},
      {"--rows-per-file", OPTION_POSITIVE, &options.rows_per_file},
      {"--target-size", OPTION_SIZE, &options.target_size},
      {"--sort-by", OPTION_COMMAS, &a.sort_by},
      {"--row-group-rows", OPTION_POSITIVE, &options.row_group_rows},
      {"--row-group-size", OPTION_SIZE, &a.group_bytes},
  };
  cli_source_options(&a.source, &table[7]);
  cli_change_options(&a.change, &table[7 + SOURCE_OPTIONS]);
  LAM_TRY(cli_begin(cli, argc, argv, table, &words, 1, INT32_MAX, exit_code, error));
  if (cli->help) return LAM_OK;
  *exit_code = EXIT_USAGE;
  LAM_TRY(import_options(&a, &options, error));
  *exit_code = EXIT_FAILED;
  for (int32_t i = 0; i < words.count && options.format == LAM_IMPORT_PARQUET; i++)
    LAM_TRY(spool_input(cli->context, &words.texts[i], error));
  uint64_t start = cli_now_ms();
  LAM_TRY(lam_import(cli->context, words.texts, words.count, a.into, &options, &r, error));
  const struct result_field fields[] = {
      {"operation", RESULT_TEXT, 0, a.change.dry_run ? "import (dry run)" : "import"},
      {"sources", RESULT_COUNT, r.sources, NULL},
      {"rows", RESULT_COUNT, r.rows, NULL},
      {"partitions", RESULT_COUNT, r.partitions, NULL},
      {"files_written", RESULT_COUNT, r.files_written, NULL},
      {"bytes_read", RESULT_BYTES, r.bytes_read, NULL},
      {"bytes_written", RESULT_BYTES, r.bytes_written, NULL},
      {"runs_spilled", RESULT_COUNT, r.runs_spilled, NULL},
      {"sequence", RESULT_COUNT, r.sequence, NULL},
      {"seconds", RESULT_SECONDS, cli_now_ms() - start, NULL},
  };
  *exit_code = EXIT_DONE;
  return cli_print_result(cli, fields, sizeof fields / sizeof *fields, error);
}
