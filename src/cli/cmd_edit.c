/* lamella delete, lamella update */
#include <string.h>

#include "base/error.h"
#include "cli/cli.h"
#include "lamella/change.h"

enum lam_status run_delete(struct cli *cli, int argc, char **argv, int *exit_code, struct lam_error *error) {
  struct change_arguments change = {.dry_run = false};
  struct lam_delete_options options = LAM_DELETE_OPTIONS_INIT;
  struct lam_edit_result r = LAM_EDIT_RESULT_INIT;
  struct string_list words = {.count = 0};
  const char *where = NULL;
  struct option table[20] = {{"--where", OPTION_STRING, &where}};
  cli_change_options(&change, &table[1]);
  LAM_TRY(cli_begin(cli, argc, argv, table, &words, 1, 1, exit_code, error));
  if (cli->help) return LAM_OK;
  *exit_code = EXIT_USAGE;
  if (!where) return lam_fail(error, LAM_INVALID, "--where EXPR is missing; --where true deletes all rows");
  LAM_TRY(cli_change(&change, &options.change, error));
  LAM_TRY(cli_check_where(cli->context, where, error));
  options.where = where;
  *exit_code = EXIT_FAILED;
  uint64_t start = cli_now_ms();
  LAM_TRY(lam_delete(cli->context, words.texts[0], &options, &r, error));
  *exit_code = EXIT_DONE;
  return cli_print_edit(cli, "delete", change.dry_run, &r, start, error);
}

/* All that several --set say, as one. */
static enum lam_status join_sets(const struct string_list *sets, const char **out, struct lam_error *error) {
  size_t size = 1, at = 0;
  char *text;
  for (int32_t i = 0; i < sets->count; i++) size += strlen(sets->texts[i]) + 2;
  LAM_TRY(args_alloc(size, 1, &text, error));
  for (int32_t i = 0; i < sets->count; i++) {
    size_t some = strlen(sets->texts[i]);
    if (i) memcpy(text + at, ", ", 2), at += 2;
    memcpy(text + at, sets->texts[i], some);
    at += some;
  }
  text[at] = 0;
  *out = text;
  return LAM_OK;
}

enum lam_status run_update(struct cli *cli, int argc, char **argv, int *exit_code, struct lam_error *error) {
  struct change_arguments change = {.dry_run = false};
  struct lam_update_options options = LAM_UPDATE_OPTIONS_INIT;
  struct lam_edit_result r = LAM_EDIT_RESULT_INIT;
  struct string_list words = {.count = 0}, sets = {.count = 0};
  const char *where = NULL;
  struct option table[20] = {{"--where", OPTION_STRING, &where}, {"--set", OPTION_LIST, &sets}};
  cli_change_options(&change, &table[2]);
  LAM_TRY(cli_begin(cli, argc, argv, table, &words, 1, 1, exit_code, error));
  if (cli->help) return LAM_OK;
  *exit_code = EXIT_USAGE;
  if (!sets.count) return lam_fail(error, LAM_INVALID, "--set COLUMN=EXPR[,…] is missing");
  if (!where) return lam_fail(error, LAM_INVALID, "--where EXPR is missing; --where true updates all rows");
  LAM_TRY(cli_change(&change, &options.change, error));
  LAM_TRY(cli_check_where(cli->context, where, error));
  LAM_TRY(join_sets(&sets, &options.set, error));
  options.where = where;
  *exit_code = EXIT_FAILED;
  uint64_t start = cli_now_ms();
  LAM_TRY(lam_update(cli->context, words.texts[0], &options, &r, error));
  *exit_code = EXIT_DONE;
  return cli_print_edit(cli, "update", change.dry_run, &r, start, error);
}
