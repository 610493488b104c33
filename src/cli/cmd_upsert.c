/* lamella upsert, lamella dedup */
#include <string.h>

#include "base/error.h"
#include "cli/cli.h"
#include "cli/files.h"
#include "lamella/change.h"

/* Of two words the one that is given; NULL: the first. *second says which. */
static enum lam_status one_of(const char *option, const char *text, const char *first, const char *other, bool *second,
                              struct lam_error *error) {
  *second = text && strcmp(text, other) == 0;
  if (!text || *second || strcmp(text, first) == 0) return LAM_OK;
  return lam_fail(error, LAM_INVALID, "%s '%s': expected %s or %s", option, text, first, other);
}

struct upsert_arguments {
  struct change_arguments change;
  struct source_arguments source;
  struct string_list from, keys, columns, words;
  const char *on_duplicate;
};

static enum lam_status upsert_options(struct upsert_arguments *a, struct lam_upsert_options *options,
                                      struct lam_error *error) {
  /* "--from a b c", as shells expand patterns. */
  for (int32_t i = 1; a->from.count && i < a->words.count; i++) LAM_TRY(list_add(&a->from, a->words.texts[i], error));
  if (!a->from.count) return lam_fail(error, LAM_INVALID, "--from FILE is missing");
  if (!a->keys.count) return lam_fail(error, LAM_INVALID, "--key COLUMN[,COLUMN…] is missing");
  LAM_TRY(cli_change(&a->change, &options->change, error));
  LAM_TRY(cli_source(&a->source, &options->import, error));
  LAM_TRY(one_of("--on-duplicate", a->on_duplicate, "error", "last", &options->last_wins, error));
  options->sources = a->from.texts;
  options->source_count = a->from.count;
  options->keys = a->keys.texts;
  options->key_count = a->keys.count;
  options->columns = a->columns.count ? a->columns.texts : NULL;
  options->column_count = a->columns.count;
  return LAM_OK;
}

/* Standard input goes to a file first: where another writer has changed the table meanwhile, it is read again. */
static enum lam_status spool_sources(struct cli *cli, struct upsert_arguments *a, struct lam_upsert_options *options,
                                     struct lam_error *error) {
  bool spooled = false;
  for (int32_t i = 0; i < a->from.count; i++) {
    if (strcmp(a->from.texts[i], "-") != 0) continue;
    if (spooled) return lam_fail(error, LAM_INVALID, "standard input is named twice; it can be read once");
    if (options->import.format == LAM_IMPORT_BY_NAME && a->from.count > 1)
      return lam_fail(error, LAM_INVALID, "standard input beside other sources needs --format");
    if (options->import.format == LAM_IMPORT_BY_NAME) options->import.format = LAM_IMPORT_CSV;
    LAM_TRY(spool_input(cli->context, &a->from.texts[i], error));
    spooled = true;
  }
  return LAM_OK;
}

enum lam_status run_upsert(struct cli *cli, int argc, char **argv, int *exit_code, struct lam_error *error) {
  struct upsert_arguments a = {.on_duplicate = NULL};
  struct lam_upsert_options options = LAM_UPSERT_OPTIONS_INIT;
  struct lam_edit_result r = LAM_EDIT_RESULT_INIT;
  struct option table[32] = {
      {"--from", OPTION_LIST, &a.from},
      {"--key", OPTION_COMMAS, &a.keys},
      {"--columns", OPTION_COMMAS, &a.columns},
      {"--on-duplicate", OPTION_STRING, &a.on_duplicate},
  };
  cli_source_options(&a.source, &table[4]);
  cli_change_options(&a.change, &table[4 + SOURCE_OPTIONS]);
  LAM_TRY(cli_begin(cli, argc, argv, table, &a.words, 1, INT32_MAX, exit_code, error));
  if (cli->help) return LAM_OK;
  *exit_code = EXIT_USAGE;
  LAM_TRY(upsert_options(&a, &options, error));
  *exit_code = EXIT_FAILED;
  LAM_TRY(spool_sources(cli, &a, &options, error));
  uint64_t start = cli_now_ms();
  LAM_TRY(lam_upsert(cli->context, a.words.texts[0], &options, &r, error));
  *exit_code = EXIT_DONE;
  return cli_print_edit(cli, "upsert", options.change.dry_run, &r, start, error);
}

enum lam_status run_dedup(struct cli *cli, int argc, char **argv, int *exit_code, struct lam_error *error) {
  struct change_arguments change = {.dry_run = false};
  struct lam_dedup_options options = LAM_DEDUP_OPTIONS_INIT;
  struct lam_edit_result r = LAM_EDIT_RESULT_INIT;
  struct string_list words = {.count = 0}, keys = {.count = 0};
  const char *keep = NULL;
  struct option table[32] = {
      {"--key", OPTION_COMMAS, &keys},
      {"--keep", OPTION_STRING, &keep},
  };
  cli_change_options(&change, &table[2]);
  LAM_TRY(cli_begin(cli, argc, argv, table, &words, 1, 1, exit_code, error));
  if (cli->help) return LAM_OK;
  *exit_code = EXIT_USAGE;
  if (!keys.count) return lam_fail(error, LAM_INVALID, "--key COLUMN[,COLUMN…] is missing");
  LAM_TRY(cli_change(&change, &options.change, error));
  LAM_TRY(one_of("--keep", keep, "first", "last", &options.keep_last, error));
  options.keys = keys.texts;
  options.key_count = keys.count;
  *exit_code = EXIT_FAILED;
  uint64_t start = cli_now_ms();
  LAM_TRY(lam_dedup(cli->context, words.texts[0], &options, &r, error));
  *exit_code = EXIT_DONE;
  return cli_print_edit(cli, "dedup", options.change.dry_run, &r, start, error);
}
