/* lamella repartition */
#include "base/error.h"
#include "cli/cli.h"
#include "lamella/change.h"

static enum lam_status print_repartition(struct cli *cli, const struct lam_repartition_result *r, bool dry_run,
                                         uint64_t ms, struct lam_error *error) {
  const struct result_field fields[] = {
      {"operation", RESULT_TEXT, 0, dry_run ? "repartition (dry run)" : "repartition"},
      {"rows_read", RESULT_COUNT, r->rows_read, NULL},
      {"rows_written", RESULT_COUNT, r->rows_written, NULL},
      {"files_read", RESULT_COUNT, r->files_read, NULL},
      {"files_written", RESULT_COUNT, r->files_written, NULL},
      {"files_removed", RESULT_COUNT, r->files_removed, NULL},
      {"bytes_read", RESULT_BYTES, r->bytes_read, NULL},
      {"bytes_written", RESULT_BYTES, r->bytes_written, NULL},
      {"partitions_before", RESULT_COUNT, r->partitions_before, NULL},
      {"partitions_after", RESULT_COUNT, r->partitions_after, NULL},
      {"runs_spilled", RESULT_COUNT, r->runs_spilled, NULL},
      {"sequence", RESULT_COUNT, r->sequence, NULL},
      {"seconds", RESULT_SECONDS, ms, NULL},
  };
  return cli_print_result(cli, fields, sizeof fields / sizeof *fields, error);
}

enum lam_status run_repartition(struct cli *cli, int argc, char **argv, int *exit_code, struct lam_error *error) {
  struct lam_repartition_options options = LAM_REPARTITION_OPTIONS_INIT;
  struct lam_repartition_result r = LAM_REPARTITION_RESULT_INIT;
  struct change_arguments change = {.dry_run = false};
  struct string_list words = {.count = 0}, sort_by = {.count = 0};
  uint64_t group_bytes = 0;
  struct option table[32] = {
      {"--by", OPTION_STRING, &options.by},
      {"--set", OPTION_STRING, &options.set},
      {"--where", OPTION_STRING, &options.where},
      {"--append", OPTION_FLAG, &options.append},
      {"--replace", OPTION_FLAG, &options.replace},
      {"--delete-source", OPTION_FLAG, &options.delete_source},
      {"--target-size", OPTION_SIZE, &options.target_size},
      {"--rows-per-file", OPTION_POSITIVE, &options.rows_per_file},
      {"--sort-by", OPTION_COMMAS, &sort_by},
      {"--row-group-rows", OPTION_POSITIVE, &options.row_group_rows},
      {"--row-group-size", OPTION_SIZE, &group_bytes},
  };
  cli_change_options(&change, &table[11]);
  LAM_TRY(cli_begin(cli, argc, argv, table, &words, 2, 2, exit_code, error));
  if (cli->help) return LAM_OK;
  *exit_code = EXIT_USAGE;
  if (!options.by) return lam_fail(error, LAM_INVALID, "--by is missing: the columns to partition by; '' for none");
  LAM_TRY(cli_change(&change, &options.change, error));
  LAM_TRY(args_sort_keys(&sort_by, &options.sort_by, &options.sort_count, error));
  options.row_group_bytes = (int64_t)group_bytes;
  *exit_code = EXIT_FAILED;
  uint64_t start = cli_now_ms();
  LAM_TRY(lam_repartition(cli->context, words.texts[0], words.texts[1], &options, &r, error));
  *exit_code = EXIT_DONE;
  return print_repartition(cli, &r, change.dry_run, cli_now_ms() - start, error);
}
