/* lamella restore */
#include "base/error.h"
#include "cli/cli.h"
#include "lamella/change.h"

enum lam_status run_restore(struct cli *cli, int argc, char **argv, int *exit_code, struct lam_error *error) {
  struct lam_change_options options = LAM_CHANGE_OPTIONS_INIT;
  struct lam_edit_result r = LAM_EDIT_RESULT_INIT;
  struct string_list words = {.count = 0};
  const char *into = NULL;
  int64_t grace = -1;
  const struct option table[] = {
      {"--table", OPTION_STRING, &into},
      {"--dry-run", OPTION_FLAG, &options.dry_run},
      {"--no-wait", OPTION_FLAG, &options.no_wait},
      {"--no-sync", OPTION_FLAG, &options.no_sync},
      {"--meta-dir", OPTION_STRING, &options.meta_dir},
      {"--grace", OPTION_COUNT, &grace},
      {NULL, OPTION_FLAG, NULL},
  };
  LAM_TRY(cli_begin(cli, argc, argv, table, &words, 1, 1, exit_code, error));
  if (cli->help) return LAM_OK;
  if (grace >= 0) options.grace_seconds = grace ? grace : -1;
  *exit_code = EXIT_FAILED;
  uint64_t start = cli_now_ms();
  LAM_TRY(lam_restore(cli->context, words.texts[0], into, &options, &r, error));
  const struct result_field fields[] = {
      {"operation", RESULT_TEXT, 0, options.dry_run ? "restore (dry run)" : "restore"},
      {"files_returned", RESULT_COUNT, r.files_added, NULL},
      {"files_removed", RESULT_COUNT, r.files_removed, NULL},
      {"rows_returned", RESULT_COUNT, r.rows_inserted, NULL},
      {"rows_removed", RESULT_COUNT, r.rows_deleted, NULL},
      {"partitions_affected", RESULT_COUNT, r.partitions_affected, NULL},
      {"bytes_returned", RESULT_BYTES, r.bytes_written, NULL},
      {"sequence", RESULT_COUNT, r.sequence, NULL},
      {"seconds", RESULT_SECONDS, cli_now_ms() - start, NULL},
  };
  *exit_code = EXIT_DONE;
  return cli_print_result(cli, fields, sizeof fields / sizeof *fields, error);
}
