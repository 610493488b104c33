/* lamella inspect */
#include "base/error.h"
#include "cli/cli.h"

enum lam_status run_inspect(struct cli *cli, int argc, char **argv, int *exit_code, struct lam_error *error) {
  struct words words = {.count = 0};
  LAM_TRY(cli_begin(cli, argc, argv, cli_no_options, &words, 1, 1, exit_code, error));
  return lam_fail(error, LAM_UNSUPPORTED, "inspect is being written");
}
