/* lamella repartition, lamella estimate */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
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
      {"row_groups_read", RESULT_COUNT, r->row_groups_read, NULL},
      {"row_groups_written", RESULT_COUNT, r->row_groups_written, NULL},
      {"bytes_read", RESULT_BYTES, r->bytes_read, NULL},
      {"bytes_written", RESULT_BYTES, r->bytes_written, NULL},
      {"partitions_before", RESULT_COUNT, r->partitions_before, NULL},
      {"partitions_after", RESULT_COUNT, r->partitions_after, NULL},
      {"runs_spilled", RESULT_COUNT, r->runs_spilled, NULL},
      {"retries", RESULT_COUNT, r->retries, NULL},
      {"sequence", RESULT_COUNT, r->sequence, NULL},
      {"seconds", RESULT_SECONDS, ms, NULL},
  };
  return cli_print_result(cli, fields, sizeof fields / sizeof *fields, error);
}

struct repartition_arguments {
  struct lam_repartition_options options;
  struct change_arguments change;
  struct string_list sort_by, words;
  uint64_t group_bytes;
};

/* Of `words` the first is the source; a second one is the target. */
static enum lam_status parse_repartition(struct cli *cli, int argc, char **argv, int32_t words,
                                         struct repartition_arguments *a, int *exit_code, struct lam_error *error) {
  struct lam_repartition_options *o = &a->options;
  *a = (struct repartition_arguments){.options = LAM_REPARTITION_OPTIONS_INIT};
  struct option table[32] = {
      {"--by", OPTION_STRING, &o->by},
      {"--set", OPTION_STRING, &o->set},
      {"--where", OPTION_STRING, &o->where},
      {"--append", OPTION_FLAG, &o->append},
      {"--replace", OPTION_FLAG, &o->replace},
      {"--delete-source", OPTION_FLAG, &o->delete_source},
      {"--target-size", OPTION_SIZE, &o->target_size},
      {"--rows-per-file", OPTION_POSITIVE, &o->rows_per_file},
      {"--sort-by", OPTION_COMMAS, &a->sort_by},
      {"--row-group-rows", OPTION_POSITIVE, &o->row_group_rows},
      {"--row-group-size", OPTION_SIZE, &a->group_bytes},
  };
  cli_change_options(&a->change, &table[11]);
  LAM_TRY(cli_begin(cli, argc, argv, table, &a->words, words, words, exit_code, error));
  if (cli->help) return LAM_OK;
  *exit_code = EXIT_USAGE;
  if (!o->by) return lam_fail(error, LAM_INVALID, "--by is missing: the columns to partition by; '' for none");
  LAM_TRY(cli_change(&a->change, &o->change, error));
  LAM_TRY(cli_check_where(cli->context, o->where, error));
  LAM_TRY(args_sort_keys(&a->sort_by, &o->sort_by, &o->sort_count, error));
  o->row_group_bytes = (int64_t)a->group_bytes;
  *exit_code = EXIT_FAILED;
  return LAM_OK;
}

enum lam_status run_repartition(struct cli *cli, int argc, char **argv, int *exit_code, struct lam_error *error) {
  struct repartition_arguments a;
  struct lam_repartition_result r = LAM_REPARTITION_RESULT_INIT;
  LAM_TRY(parse_repartition(cli, argc, argv, 2, &a, exit_code, error));
  if (cli->help) return LAM_OK;
  uint64_t start = cli_now_ms();
  LAM_TRY(lam_repartition(cli->context, a.words.texts[0], a.words.texts[1], &a.options, &r, error));
  *exit_code = EXIT_DONE;
  return print_repartition(cli, &r, a.change.dry_run, cli_now_ms() - start, error);
}

/* ---- estimate ---- */

/* `partitions` is a JSON array, or NULL. */
static enum lam_status print_estimate(struct cli *cli, const char *operation, const struct lam_estimate_result *r,
                                      const char *partitions, struct lam_error *error) {
  char percent[32];
  bool compaction = partitions != NULL;
  snprintf(percent, sizeof percent, cli->json ? "%.3f" : "± %.0f %%",
           cli->json ? r->bytes_error : 100 * r->bytes_error);
  struct result_field fields[] = {
      {"operation", RESULT_TEXT, 0, operation},
      {"partitions_before", RESULT_COUNT, r->partitions_before, NULL},
      {"files_before", RESULT_COUNT, r->files_before, NULL},
      {"bytes_before", RESULT_BYTES, r->bytes_before, NULL},
      {"partitions", RESULT_COUNT, r->partitions, NULL},
      {"files", RESULT_COUNT, r->files, NULL},
      {"rows", RESULT_COUNT, r->rows, NULL},
      {"bytes", RESULT_BYTES, r->bytes, NULL},
      /* Thousandths, as those of seconds. */
      {"bytes_error", cli->json ? RESULT_SECONDS : RESULT_TEXT, (uint64_t)(1000 * r->bytes_error), percent},
      {"sample_rows", RESULT_COUNT, r->sample_rows, NULL},
      {"seconds", RESULT_SECONDS, (uint64_t)(r->seconds * 1000), NULL},
      {"files_compacted", RESULT_COUNT, r->files_compacted, NULL},
      {"files_written", RESULT_COUNT, r->files_written, NULL},
      {"where", RESULT_JSON, 0, partitions},
  };
  size_t count = sizeof fields / sizeof *fields;
  return cli_print_result(cli, fields, compaction ? count : count - 3, error);
}

static enum lam_status estimate_repartition(struct cli *cli, int argc, char **argv, int *exit_code,
                                            struct lam_error *error) {
  struct repartition_arguments a;
  struct lam_estimate_result r = LAM_ESTIMATE_RESULT_INIT;
  LAM_TRY(parse_repartition(cli, argc, argv, 1, &a, exit_code, error));
  if (cli->help) return LAM_OK;
  LAM_TRY(lam_estimate_repartition(cli->context, a.words.texts[0], &a.options, &r, error));
  *exit_code = EXIT_DONE;
  return print_estimate(cli, "estimate repartition", &r, NULL, error);
}

/* Partitions where a compaction pays, as the inside of a JSON array, or as lines of a table. */
struct partitions_listing {
  struct cli *cli;
  FILE *json;
  uint64_t shown;
};
enum { MOST_SHOWN = 20 /* lines for people */ };

static bool show_partition(void *user, const struct lam_estimate_partition *p) {
  struct partitions_listing *l = user;
  char size[32];
  if (l->cli->json) {
    json_t *directory = json_string(p->directory);
    char *text = directory ? json_dumps(directory, JSON_ENCODE_ANY) : NULL;
    fprintf(l->json, "%s{\"directory\":%s,\"files\":%llu,\"files_after\":%llu,\"bytes\":%llu}", l->shown ? "," : "",
            text ? text : "null", (unsigned long long)p->files, (unsigned long long)p->files_after,
            (unsigned long long)p->bytes);
    free(text);
    json_decref(directory);
  } else if (!l->cli->quiet && l->shown < MOST_SHOWN) {
    fprintf(l->json, "%s: %llu files of %s would be %llu\n", *p->directory ? p->directory : ".",
            (unsigned long long)p->files, lam_format_size(p->bytes, size, sizeof size),
            (unsigned long long)p->files_after);
  } else if (!l->cli->quiet && l->shown == MOST_SHOWN) {
    fprintf(l->json, "… (all of them with --json)\n");
  }
  l->shown++;
  return true;
}

static enum lam_status estimate_compact(struct cli *cli, int argc, char **argv, int *exit_code,
                                        struct lam_error *error) {
  struct lam_compact_options options = LAM_COMPACT_OPTIONS_INIT;
  struct lam_estimate_result r = LAM_ESTIMATE_RESULT_INIT;
  struct change_arguments change = {.dry_run = false};
  struct string_list words = {.count = 0}, sort_by = {.count = 0};
  int64_t min_files = 0;
  uint64_t group_bytes = 0;
  struct option table[24] = {
      {"--target-size", OPTION_SIZE, &options.target_size},
      {"--max-file-size", OPTION_SIZE, &options.max_file_size},
      {"--min-files", OPTION_POSITIVE, &min_files},
      {"--sort-by", OPTION_COMMAS, &sort_by},
      {"--row-group-rows", OPTION_POSITIVE, &options.row_group_rows},
      {"--row-group-size", OPTION_SIZE, &group_bytes},
  };
  cli_change_options(&change, &table[6]);
  LAM_TRY(cli_begin(cli, argc, argv, table, &words, 1, 1, exit_code, error));
  if (cli->help) return LAM_OK;
  *exit_code = EXIT_USAGE;
  LAM_TRY(cli_change(&change, &options.change, error));
  LAM_TRY(args_sort_keys(&sort_by, &options.sort_by, &options.sort_count, error));
  options.min_files = (uint32_t)(min_files > UINT32_MAX ? UINT32_MAX : min_files);
  options.row_group_bytes = (int64_t)group_bytes;
  *exit_code = EXIT_FAILED;
  char *text = NULL;
  size_t size = 0;
  struct partitions_listing listing = {.cli = cli, .json = open_memstream(&text, &size)};
  if (!listing.json) return lam_fail(error, LAM_LIMIT, "no memory for the list of partitions");
  if (cli->json) fputc('[', listing.json);
  enum lam_status status =
      lam_estimate_compact(cli->context, words.texts[0], &options, show_partition, &listing, &r, error);
  if (cli->json) fputc(']', listing.json);
  fclose(listing.json);
  if (status == LAM_OK && !cli->json) status = cli_write(text, size, error);
  if (status == LAM_OK) {
    *exit_code = EXIT_DONE;
    status = print_estimate(cli, "estimate compact", &r, text, error);
  }
  free(text);
  return status;
}

enum lam_status run_estimate(struct cli *cli, int argc, char **argv, int *exit_code, struct lam_error *error) {
  bool compaction = argc > 0 && strcmp(argv[0], "compact") == 0;
  if (compaction || (argc > 0 && strcmp(argv[0], "repartition") == 0))
    return compaction ? estimate_compact(cli, argc - 1, argv + 1, exit_code, error)
                      : estimate_repartition(cli, argc - 1, argv + 1, exit_code, error);
  /* For --help, and for the message. */
  struct string_list words = {.count = 0};
  LAM_TRY(cli_begin(cli, argc, argv, cli_no_options, &words, 1, INT32_MAX, exit_code, error));
  if (cli->help) return LAM_OK;
  *exit_code = EXIT_USAGE;
  return lam_fail(error, LAM_INVALID, "estimate '%s': expected estimate compact or estimate repartition",
                  words.texts[0]);
}
