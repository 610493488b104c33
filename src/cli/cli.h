/* What the commands share: the global options, the context, results and messages. */
#ifndef LAM_CLI_CLI_H
#define LAM_CLI_CLI_H

#include "cli/args.h"

enum exit_code {
  EXIT_DONE = 0,
  EXIT_FAILED = 1,
  EXIT_USAGE = 2,
  EXIT_CONFLICT = 3,
  EXIT_FAULTS = 4,
  EXIT_INTERRUPTED = 130
};

struct cli {
  bool json, quiet, help, version;
  int64_t threads;
  uint64_t memory_limit;
  const char *log_level;
  struct lam_context *context;
  bool terminal;         /* standard error is one */
  bool bar;              /* a progress bar stands on its line */
  const char *operation; /* of the bar, under way since then (seconds) */
  double since;
};

extern const struct option cli_no_options[];

struct command {
  const char *name, *usage;
  /* Gets the arguments behind the name of the command. */
  enum lam_status (*run)(struct cli *cli, int argc, char **argv, int *exit_code, struct lam_error *error);
};
extern const struct command commands[]; /* a NULL name ends it */

/* Parses a command's arguments, the global options among them, and makes the context. LAM_INVALID marks
 * wrong usage, as does a number of words outside [least, most]. */
enum lam_status cli_begin(struct cli *cli, int argc, char **argv, const struct option *options,
                          struct string_list *words, int32_t least, int32_t most, int *exit_code,
                          struct lam_error *error);

/* From now on signals cancel the context. */
void cli_interruptible(struct lam_context *context);

/* ---- results: named counts, as text or as one JSON object ---- */

/* RESULT_JSON: `text` is JSON, which only --json prints. */
enum result_unit { RESULT_COUNT, RESULT_BYTES, RESULT_TEXT, RESULT_SECONDS, RESULT_JSON };
struct result_field {
  const char *name; /* snake_case: the key in JSON; blanks for '_' in text */
  enum result_unit unit;
  uint64_t value;
  const char *text;
};
enum lam_status cli_print_result(struct cli *cli, const struct result_field *fields, size_t count,
                                 struct lam_error *error);

/* Writes all bytes to standard output. A closed pipe is LAM_CANCELLED with cli_pipe_closed. */
enum lam_status cli_write(const void *data, size_t size, struct lam_error *error);
extern bool cli_pipe_closed;
/* Of a clock that only goes forward, for what an operation took. */
uint64_t cli_now_ms(void);
/* "12,345", in `out` of at least 40 bytes. */
void cli_group_digits(int64_t value, char *out);

/* ---- what commands that change a table share ---- */

struct change_arguments {
  bool dry_run, no_wait, no_checksums, no_sync, no_page_index;
  struct string_list partitions;
  const char *verify, *backup, *compression, *bloom, *meta_dir, *mode;
  int64_t grace; /* seconds; -1: the default */
};
/* The options for a table ending in one without name; used as the second table of args_parse. */
void cli_change_options(struct change_arguments *arguments, struct option *out /* 16 */);
/* A condition that is none is wrong usage; that its columns are there, opening the table tells. NULL is none. */
enum lam_status cli_check_where(struct lam_context *context, const char *where, struct lam_error *error);
/* LAM_INVALID names a text that is not "column=value". */
enum lam_status cli_check_partitions(const struct string_list *texts, struct lam_error *error);
enum lam_status cli_change(const struct change_arguments *arguments, struct lam_change_options *out,
                           struct lam_error *error);

/* What a change of rows did, all counts of it. `operation` is static; `start` is when it began, of cli_now_ms. */
struct lam_edit_result;
enum lam_status cli_print_edit(struct cli *cli, const char *operation, bool dry_run,
                               const struct lam_edit_result *result, uint64_t start, struct lam_error *error);

/* How sources of rows are read: --format, --delimiter, --no-header, --type, --null. */
struct source_arguments {
  struct string_list types;
  const char *format, *delimiter, *null_text;
  bool no_header;
};
enum { SOURCE_OPTIONS = 5 };
void cli_source_options(struct source_arguments *arguments, struct option *out /* SOURCE_OPTIONS */);
enum lam_status cli_source(struct source_arguments *arguments, struct lam_import_options *out, struct lam_error *error);

enum lam_status run_inspect(struct cli *cli, int argc, char **argv, int *exit_code, struct lam_error *error);
enum lam_status run_cat(struct cli *cli, int argc, char **argv, int *exit_code, struct lam_error *error);
enum lam_status run_count(struct cli *cli, int argc, char **argv, int *exit_code, struct lam_error *error);
enum lam_status run_plan(struct cli *cli, int argc, char **argv, int *exit_code, struct lam_error *error);
enum lam_status run_partitions(struct cli *cli, int argc, char **argv, int *exit_code, struct lam_error *error);
enum lam_status run_sidecar(struct cli *cli, int argc, char **argv, int *exit_code, struct lam_error *error);
enum lam_status run_verify(struct cli *cli, int argc, char **argv, int *exit_code, struct lam_error *error);
enum lam_status run_import(struct cli *cli, int argc, char **argv, int *exit_code, struct lam_error *error);
enum lam_status run_compact(struct cli *cli, int argc, char **argv, int *exit_code, struct lam_error *error);
enum lam_status run_delete(struct cli *cli, int argc, char **argv, int *exit_code, struct lam_error *error);
enum lam_status run_update(struct cli *cli, int argc, char **argv, int *exit_code, struct lam_error *error);
enum lam_status run_upsert(struct cli *cli, int argc, char **argv, int *exit_code, struct lam_error *error);
enum lam_status run_dedup(struct cli *cli, int argc, char **argv, int *exit_code, struct lam_error *error);
enum lam_status run_schema(struct cli *cli, int argc, char **argv, int *exit_code, struct lam_error *error);
enum lam_status run_estimate(struct cli *cli, int argc, char **argv, int *exit_code, struct lam_error *error);
enum lam_status run_repartition(struct cli *cli, int argc, char **argv, int *exit_code, struct lam_error *error);
enum lam_status run_restore(struct cli *cli, int argc, char **argv, int *exit_code, struct lam_error *error);

#endif
