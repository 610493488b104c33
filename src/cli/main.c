/* The command `lamella`: finds the command, runs it, and turns its status into an exit status. */
#include <jansson.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arrow/value_text.h"
#include "base/error.h"
#include "cli/cli.h"
#include "cli/files.h"

const struct command commands[] = {
    {"inspect", "inspect FILE [--pages] [--snapshot SIZE]", run_inspect},
    {"cat",
     "cat TABLE [--columns a,b] [--where EXPR] [--limit N] [--partition col=value]… [--format csv|json|parquet] [-o "
     "OUT] "
     "[--no-checksums] [--check-files] [--snapshot SIZE] [--meta-dir DIR]",
     run_cat},
    {"count",
     "count TABLE [--where EXPR] [--partition col=value]… [--no-checksums] [--check-files] "
     "[--snapshot SIZE] [--meta-dir DIR]",
     run_count},
    {"plan",
     "plan TABLE [--where EXPR] [--columns a,b] [--partition col=value]… [--check-files] [--snapshot SIZE] "
     "[--meta-dir DIR]",
     run_plan},
    {"partitions",
     "partitions TABLE [--columns a,b] [--partition col=value]… [--max-file-size SIZE] "
     "[--check-files] [--meta-dir DIR]",
     run_partitions},
    {"sidecar",
     "sidecar build PATH [--bloom inline] [--force] [--partition col=value]… [--meta-dir DIR]\n"
     "  lamella sidecar check PATH [--partition col=value]… [--meta-dir DIR]\n"
     "  lamella sidecar show PATH [--snapshot SIZE] [--meta-dir DIR]",
     run_sidecar},
    {"verify", "verify PATH [--full] [--partition col=value]… [--no-checksums] [--snapshot SIZE] [--meta-dir DIR]",
     run_verify},
    {"import",
     "import SRC… --into TABLE [--partition-by a,b] [--rows-per-file N] [--target-size SIZE] [--sort-by a,b]\n"
     "                 [--row-group-rows N] [--row-group-size SIZE] [--format parquet|csv|json] [--delimiter C] "
     "[--no-header] [--type col=type]… [--null TEXT] "
     "CHANGE-OPTIONS",
     run_import},
    {"compact",
     "compact TABLE [--target-size 128MB] [--min-files 2] [--max-file-size SIZE] [--sort-by 'a,b desc']\n"
     "                 [--row-group-rows N] [--row-group-size SIZE] [--keep-source --into TABLE] CHANGE-OPTIONS",
     run_compact},
    {"delete", "delete TABLE --where EXPR CHANGE-OPTIONS", run_delete},
    {"update", "update TABLE --set col=EXPR,… --where EXPR CHANGE-OPTIONS", run_update},
    {"upsert",
     "upsert TABLE --from FILE… --key a,b [--columns c,d] [--on-duplicate error|last]\n"
     "                 [--format parquet|csv|json] [--delimiter C] [--no-header] [--type col=type]… [--null TEXT] "
     "CHANGE-OPTIONS",
     run_upsert},
    {"dedup", "dedup TABLE --key a,b [--keep first|last] CHANGE-OPTIONS", run_dedup},
    {"schema",
     "schema TABLE [--add 'name type']… [--drop name]… [--rename old=new]… [--widen name=type]… [--nullable name]…\n"
     "                 CHANGE-OPTIONS",
     run_schema},
    {"repartition",
     "repartition SRC DST --by a,hour=hour(ts),… [--set col=EXPR,…] [--where EXPR] [--append|--replace] "
     "[--delete-source]\n"
     "                 [--target-size 128MB] [--rows-per-file N] [--sort-by 'a,b desc'] [--row-group-rows N] "
     "[--row-group-size SIZE]\n"
     "                 CHANGE-OPTIONS",
     run_repartition},
    {"estimate",
     "estimate compact TABLE [options of compact]\n"
     "  lamella estimate repartition SRC --by … [options of repartition]",
     run_estimate},
    {"restore", "restore BACKUP [--table TABLE] [--dry-run] [--no-wait] [--no-sync] [--meta-dir DIR] [--grace SECONDS]",
     run_restore},
    {NULL, NULL, NULL},
};

static const char help_usage[] =
    "usage: lamella [--threads N] [--memory-limit SIZE] [--json] [--quiet] [--log-level L] COMMAND …\n";
static const char help_changes[] =
    "\nCHANGE-OPTIONS are --dry-run, --partition col=value (any subset, repeatable), --compression codec[:level],\n"
    "--bloom COL,…[:RATE], --verify full, --backup DIR, --mode rewrite|append, --no-wait, --no-checksums,\n"
    "--meta-dir DIR, --grace SECONDS, --no-page-index, --no-sync.\n";
static const char help_tail[] =
    "\nTABLE is a file, a directory or a quoted glob. Sizes are given as 128MB, 1GiB. The manual is lamella(1).\n"
    "Exit status: 0 done, 1 failed, 2 usage, 3 conflict (nothing changed), 4 faults found, 130 interrupted.\n";

static void print_help(FILE *out) {
  fprintf(out, "lamella keeps tables of Parquet files.\n\n%s\n", help_usage);
  for (const struct command *c = commands; c->name; c++) fprintf(out, "  lamella %s\n", c->usage);
  fprintf(out, "%s%s", help_changes, help_tail);
}

static _Atomic(struct lam_context *) interrupted; /* whom signals cancel */
static volatile sig_atomic_t ended;               /* the outcome is decided */

static void on_signal(int number) {
  (void)number;
  struct lam_context *context = atomic_load(&interrupted);
  if (context)
    lam_context_cancel(context);
  else if (!ended)
    _exit(EXIT_INTERRUPTED); /* nothing has begun */
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

/* A message may quote bytes that are not UTF-8, which JSON cannot hold. */
static void make_utf8(char *message) {
  struct lam_bytes text = lam_bytes_of_string(message);
  while (text.size) {
    size_t size = lam_utf8_length(text);
    if (!size) message[text.data - (const uint8_t *)message] = '?', size = 1;
    text.data += size, text.size -= size;
  }
}

static void print_error(const struct cli *cli, struct lam_error *error) {
  if (!cli->json) {
    fprintf(stderr, "lamella: %s\n", error->message);
    return;
  }
  make_utf8(error->message);
  json_t *object = json_pack("{s:s, s:s}", "error", error->message, "status", lam_status_name(error->status));
  char *text = json_dumps(object, JSON_PRESERVE_ORDER);
  if (text && (cli_write(text, strlen(text), NULL) != LAM_OK || cli_write("\n", 1, NULL) != LAM_OK) && !cli_pipe_closed)
    fprintf(stderr, "lamella: %s\n", error->message);
  free(text);
  json_decref(object);
}

static int finish(struct cli *cli, enum lam_status status, int exit_code, struct lam_error *error) {
  ended = 1;
  atomic_store(&interrupted, NULL);
  if (cli->bar) fputs("\r\033[K", stderr);
  if (status != LAM_OK) {
    exit_code = exit_code_of(status, exit_code == EXIT_DONE ? EXIT_FAILED : exit_code);
    if (!cli_pipe_closed) print_error(cli, error);
  }
  spool_remove();
  lam_context_free(cli->context);
  return exit_code;
}

static enum lam_status run(const struct command *command, struct cli *cli, int argc, char **argv, int *exit_code,
                           struct lam_error *error) {
  enum lam_status status = command->run(cli, argc, argv, exit_code, error);
  if (status == LAM_OK && cli->help) {
    bool changes = strstr(command->usage, "CHANGE-OPTIONS") != NULL;
    printf("usage: lamella %s\n%s%s", command->usage, changes ? help_changes : "", help_tail);
    *exit_code = EXIT_DONE;
  } else if (status != LAM_OK && *exit_code == EXIT_USAGE && !cli->json) {
    fprintf(stderr, "usage: lamella %s\n", command->usage);
  }
  return status;
}

void cli_interruptible(struct lam_context *context) {
  atomic_store(&interrupted, context);
}

/* Also where the options cannot be parsed, the error is to come as it was asked for. */
static bool wants_json(int argc, char **argv) {
  for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
    if (strcmp(argv[i], "--json") == 0) return true;
  return false;
}

int main(int argc, char **argv) {
  struct cli cli = {.json = wants_json(argc, argv)};
  struct lam_error error = LAM_ERROR_INIT;
  struct string_list words = {.count = 0};
  int used, exit_code = EXIT_USAGE;
  const struct option global[] = {
      {"--threads", OPTION_POSITIVE, &cli.threads},
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
  if (status != LAM_OK) {
    if (!cli.json) fputs(help_usage, stderr);
    return finish(&cli, status, EXIT_USAGE, &error);
  }
  if (cli.version) {
    printf("lamella %s\noptional parts: none yet\n", lam_version());
    return EXIT_DONE;
  }
  if (cli.help || words.count == 0) {
    if (!cli.help && cli.json)
      return finish(&cli, lam_fail(&error, LAM_INVALID, "no command was given"), EXIT_USAGE, &error);
    print_help(cli.help ? stdout : stderr);
    return cli.help ? EXIT_DONE : EXIT_USAGE;
  }
  for (const struct command *c = commands; c->name; c++) {
    if (strcmp(c->name, words.texts[0]) != 0) continue;
    status = run(c, &cli, argc - 1 - used, argv + 1 + used, &exit_code, &error);
    return finish(&cli, status, exit_code, &error);
  }
  if (!cli.json) fputs(help_usage, stderr);
  status = lam_fail(&error, LAM_INVALID, "there is no command '%s'; see lamella --help", words.texts[0]);
  return finish(&cli, status, EXIT_USAGE, &error);
}
