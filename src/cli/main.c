/* The command `lamella`: finds the command, runs it, and turns its status into an exit status. */
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

const struct command commands[] = {
    {"inspect", "inspect FILE [--pages]", run_inspect},
    {"cat",
     "cat TABLE [--columns a,b] [--limit N] [--partition col=value]… [--format csv|json|parquet] [-o OUT] "
     "[--no-checksums]",
     run_cat},
    {"count", "count TABLE [--partition col=value]…", run_count},
    {"verify", "verify PATH [--full] [--partition col=value]… [--no-checksums]", run_verify},
    {"import",
     "import SRC… --into TABLE [--partition-by a,b] [--rows-per-file N] [--target-size SIZE] [--sort-by a,b]\n"
     "                 [--format parquet|csv] [--delimiter C] [--no-header] [--type col=type]… [--null TEXT] "
     "CHANGE-OPTIONS",
     run_import},
    {"compact",
     "compact TABLE [--target-size 128MB] [--min-files 2] [--max-file-size SIZE] [--sort-by 'a,b desc']\n"
     "                 [--row-group-rows N] [--row-group-size SIZE] CHANGE-OPTIONS",
     run_compact},
    {NULL, NULL, NULL},
};

static const char help_head[] =
    "lamella keeps tables of Parquet files.\n\n"
    "usage: lamella [--threads N] [--memory-limit SIZE] [--json] [--quiet] [--log-level L] COMMAND …\n\n";
static const char help_tail[] =
    "\nTABLE is a file, a directory or a quoted glob. CHANGE-OPTIONS are --dry-run, --partition col=value (any "
    "subset,\n"
    "repeatable), --compression codec[:level], --verify full, --backup DIR, --no-wait, --no-checksums, --meta-dir "
    "DIR,\n"
    "--grace SECONDS, --no-sync. Sizes are given as 128MB, 1GiB. The manual is lamella(1).\n"
    "Exit status: 0 done, 1 failed, 2 usage, 3 conflict (nothing changed), 4 faults found, 130 interrupted.\n";

static void print_help(FILE *out) {
  fputs(help_head, out);
  for (const struct command *c = commands; c->name; c++) fprintf(out, "  lamella %s\n", c->usage);
  fputs(help_tail, out);
}

static struct lam_context *interrupted; /* whom signals cancel */

static void on_signal(int number) {
  (void)number;
  if (interrupted) lam_context_cancel(interrupted);
}

static void catch_signals(void) {
  struct sigaction action = {.sa_handler = on_signal};
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
  sigaction(SIGHUP, &action, NULL);
  signal(SIGPIPE, SIG_IGN); /* a write fails with EPIPE instead, and the command ends quietly */
}

static int exit_code_of(enum lam_status status, int otherwise) {
  if (status == LAM_CONFLICT) return EXIT_CONFLICT;
  if (status == LAM_CANCELLED) return cli_pipe_closed ? EXIT_DONE : EXIT_INTERRUPTED;
  return otherwise;
}

static void print_error(const struct cli *cli, const struct lam_error *error) {
  if (cli->bar) fputs("\r\033[K", stderr);
  if (cli->json) {
    json_t *object = json_pack("{s:s#, s:s}", "error", error->message, (int)strlen(error->message), "status",
                               lam_status_name(error->status));
    /* A message may quote bytes that are not UTF-8, which JSON cannot hold. */
    if (!object)
      object =
          json_pack("{s:s, s:s}", "error", "(a message that is not UTF-8)", "status", lam_status_name(error->status));
    char *text = json_dumps(object, JSON_PRESERVE_ORDER);
    if (text) puts(text);
    free(text);
    json_decref(object);
  } else {
    fprintf(stderr, "lamella: %s\n", error->message);
  }
}

static int finish(struct cli *cli, enum lam_status status, int exit_code, const struct lam_error *error) {
  if (cli->bar) fputs("\r\033[K", stderr);
  interrupted = NULL;
  if (status != LAM_OK) {
    exit_code = exit_code_of(status, exit_code);
    if (!cli_pipe_closed) print_error(cli, error);
  }
  lam_context_free(cli->context);
  return exit_code;
}

static enum lam_status run(const struct command *command, struct cli *cli, int argc, char **argv, int *exit_code,
                           struct lam_error *error) {
  enum lam_status status = command->run(cli, argc, argv, exit_code, error);
  if (status == LAM_OK && cli->help) {
    printf("usage: lamella %s\n%s", command->usage, help_tail);
    *exit_code = EXIT_DONE;
  } else if (status != LAM_OK && *exit_code == EXIT_USAGE && !cli->json) {
    fprintf(stderr, "usage: lamella %s\n", command->usage);
  }
  return status;
}

void cli_interruptible(struct lam_context *context) {
  interrupted = context;
}

int main(int argc, char **argv) {
  struct cli cli = {.json = false};
  struct lam_error error = LAM_ERROR_INIT;
  struct words words = {.count = 0};
  int used, exit_code = EXIT_USAGE;
  const struct option global[] = {
      {"--threads", OPTION_COUNT, &cli.threads},
      {"--memory-limit", OPTION_SIZE, &cli.memory_limit},
      {"--json", OPTION_FLAG, &cli.json},
      {"--quiet", OPTION_FLAG, &cli.quiet},
      {"--log-level", OPTION_STRING, &cli.log_level},
      {"--help", OPTION_FLAG, &cli.help},
      {"-h", OPTION_FLAG, &cli.help},
      {"--version", OPTION_FLAG, &cli.version},
      {NULL, OPTION_FLAG, NULL},
  };
  catch_signals();
  enum lam_status status = args_parse(argc - 1, argv + 1, global, NULL, true, &words, &used, &error);
  if (status != LAM_OK) return finish(&cli, status, EXIT_USAGE, &error);
  if (cli.version) {
    printf("lamella %s\noptional parts: none yet\n", lam_version());
    return EXIT_DONE;
  }
  if (cli.help || words.count == 0) {
    print_help(cli.help ? stdout : stderr);
    return cli.help ? EXIT_DONE : EXIT_USAGE;
  }
  for (const struct command *c = commands; c->name; c++) {
    if (strcmp(c->name, words.texts[0]) != 0) continue;
    status = run(c, &cli, argc - 1 - used, argv + 1 + used, &exit_code, &error);
    return finish(&cli, status, exit_code, &error);
  }
  fprintf(stderr, "lamella: there is no command '%s'; see lamella --help\n", words.texts[0]);
  return EXIT_USAGE;
}
