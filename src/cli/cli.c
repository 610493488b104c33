#include "cli/cli.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/context.h"
#include "expr/expr.h"
#include "parquet/codec.h"

const struct option cli_no_options[] = {{NULL, OPTION_FLAG, NULL}};
bool cli_pipe_closed;

/* ---- the context ---- */

static const char *const log_names[] = {"error", "warn", "info", "debug"};

static void print_log(void *user, enum lam_log_level level, const char *message) {
  struct cli *cli = user;
  if (cli->bar) fputs("\r\033[K", stderr);
  cli->bar = false;
  fprintf(stderr, "lamella: %s: %s\n", log_names[level], message);
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* "3:07" of time left, once there is enough done to tell. */
static void print_time_left(struct cli *cli, const char *operation, double share) {
  if (cli->operation != operation) cli->operation = operation, cli->since = now(); /* static texts */
  double passed = now() - cli->since;
  if (share < 0.01 || passed < 1) return;
  int left = (int)(passed / share - passed + 0.5);
  fprintf(stderr, ", %d:%02d left", left / 60, left % 60);
}

static bool print_progress(void *user, const struct lam_progress *p) {
  struct cli *cli = user;
  char done[32], total[32], rows[40];
  double share = p->bytes_total  ? (double)p->bytes_done / (double)p->bytes_total
                 : p->rows_total ? (double)p->rows_done / (double)p->rows_total
                                 : 0;
  if (share > 1) share = 1;
  cli_group_digits((int64_t)p->rows_done, rows);
  fprintf(stderr, "\r\033[K%s: %s rows", p->operation, rows);
  if (p->bytes_total)
    fprintf(stderr, ", %s of %s", lam_format_size(p->bytes_done, done, sizeof done),
            lam_format_size(p->bytes_total, total, sizeof total));
  if (p->bytes_total || p->rows_total)
    fprintf(stderr, " [%-30.*s] %3.0f %%", (int)(share * 30), "##############################", share * 100);
  print_time_left(cli, p->operation, share);
  fflush(stderr);
  cli->bar = true;
  return true;
}

static enum lam_status log_level(const char *text, enum lam_log_level *out, struct lam_error *error) {
  *out = LAM_LOG_WARN;
  for (int i = 0; text && i < 4; i++) {
    if (strcasecmp(text, log_names[i]) != 0) continue;
    *out = (enum lam_log_level)i;
    return LAM_OK;
  }
  return text ? lam_fail(error, LAM_INVALID, "--log-level '%s': expected error, warn, info or debug", text) : LAM_OK;
}

static enum lam_status from_environment(struct cli *cli, struct lam_error *error) {
  const char *threads = getenv("LAMELLA_THREADS"), *memory = getenv("LAMELLA_MEMORY_LIMIT");
  if (cli->threads == 0 && threads && *threads)
    LAM_TRY(args_count("LAMELLA_THREADS", threads, 1, &cli->threads, error));
  if (cli->memory_limit == 0 && memory && *memory)
    return args_size("LAMELLA_MEMORY_LIMIT", memory, &cli->memory_limit, error);
  return LAM_OK;
}

static enum lam_status make_context(struct cli *cli, struct lam_error *error) {
  struct lam_context_options options = LAM_CONTEXT_OPTIONS_INIT;
  LAM_TRY(from_environment(cli, error));
  if (cli->threads > 1024) return lam_fail(error, LAM_INVALID, "--threads %" PRId64 ": at most 1,024", cli->threads);
  options.threads = (uint32_t)cli->threads;
  options.memory_limit = cli->memory_limit;
  options.log = print_log;
  options.log_user = cli;
  LAM_TRY(log_level(cli->log_level, &options.log_level, error));
  if (cli->quiet) options.log_level = LAM_LOG_ERROR;
  cli->terminal = isatty(STDERR_FILENO);
  if (cli->terminal && !cli->quiet) {
    options.progress = print_progress;
    options.progress_user = cli;
  }
  return lam_context_create(&options, &cli->context, error);
}

enum lam_status cli_begin(struct cli *cli, int argc, char **argv, const struct option *options,
                          struct string_list *words, int32_t least, int32_t most, int *exit_code,
                          struct lam_error *error) {
  const struct option global[] = {
      {"--threads", OPTION_POSITIVE, &cli->threads},
      {"--memory-limit", OPTION_SIZE, &cli->memory_limit},
      {"--json", OPTION_FLAG, &cli->json},
      {"--quiet", OPTION_FLAG, &cli->quiet},
      {"--log-level", OPTION_STRING, &cli->log_level},
      {"--help", OPTION_FLAG, &cli->help},
      {"-h", OPTION_FLAG, &cli->help},
      {NULL, OPTION_FLAG, NULL},
  };
  *exit_code = EXIT_USAGE;
  LAM_TRY(args_parse(argc, argv, options, global, false, words, NULL, error));
  if (cli->help) return LAM_OK;
  if (words->count < least) return lam_fail(error, LAM_INVALID, "too few arguments");
  if (words->count > most) return lam_fail(error, LAM_INVALID, "'%s' is one argument too many", words->texts[most]);
  LAM_TRY(make_context(cli, error));
  cli_interruptible(cli->context);
  *exit_code = EXIT_FAILED;
  return LAM_OK;
}

/* ---- output ---- */

enum lam_status cli_write(const void *data, size_t size, struct lam_error *error) {
  const char *p = data;
  while (size) {
    ssize_t n = write(STDOUT_FILENO, p, size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      cli_pipe_closed = errno == EPIPE;
      return cli_pipe_closed ? lam_fail(error, LAM_CANCELLED, "the reader of standard output has gone")
                             : lam_fail_errno(error, errno, "writing standard output");
    }
    p += n;
    size -= (size_t)n;
  }
  return LAM_OK;
}

uint64_t cli_now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void cli_group_digits(int64_t value, char *out) {
  char digits[24];
  int size = snprintf(digits, sizeof digits, "%" PRId64, value);
  for (int i = 0; i < size; i++) {
    *out++ = digits[i];
    if (digits[i] != '-' && (size - i) % 3 == 1 && i + 1 < size) *out++ = ',';
  }
  *out = 0;
}

static size_t text_line(const struct result_field *field, int width, char *out, size_t room) {
  char name[64], number[40], size[32];
  snprintf(name, sizeof name, "%s", field->name);
  for (char *p = name; *p; p++)
    if (*p == '_') *p = ' ';
  if (field->unit == RESULT_TEXT) return (size_t)snprintf(out, room, "%-*s  %s\n", width, name, field->text);
  if (field->unit == RESULT_SECONDS)
    return (size_t)snprintf(out, room, "%-*s  %" PRIu64 ".%03" PRIu64 " s\n", width, name, field->value / 1000,
                            field->value % 1000);
  cli_group_digits((int64_t)field->value, number);
  if (field->unit == RESULT_BYTES && field->value >= 1000)
    return (size_t)snprintf(out, room, "%-*s  %s (%s)\n", width, name, number,
                            lam_format_size(field->value, size, sizeof size));
  return (size_t)snprintf(out, room, "%-*s  %s\n", width, name, number);
}

static enum lam_status print_json(const struct result_field *fields, size_t count, struct lam_error *error) {
  json_t *object = json_object();
  for (size_t i = 0; i < count; i++) {
    json_t *value = fields[i].unit == RESULT_TEXT      ? json_string(fields[i].text)
                    : fields[i].unit == RESULT_JSON    ? json_loads(fields[i].text, 0, NULL)
                    : fields[i].unit == RESULT_SECONDS ? json_real((double)fields[i].value / 1000)
                                                       : json_integer((json_int_t)fields[i].value);
    json_object_set_new(object, fields[i].name, value);
  }
  char *text = json_dumps(object, JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(15));
  json_decref(object);
  if (!text) return lam_fail(error, LAM_NO_MEMORY, "no memory for the result");
  enum lam_status status = cli_write(text, strlen(text), error);
  free(text);
  return status == LAM_OK ? cli_write("\n", 1, error) : status;
}

enum lam_status cli_print_result(struct cli *cli, const struct result_field *fields, size_t count,
                                 struct lam_error *error) {
  if (cli->bar) fputs("\r\033[K", stderr);
  cli->bar = false;
  if (cli->json) return print_json(fields, count, error);
  if (cli->quiet) return LAM_OK;
  int width = 0;
  for (size_t i = 0; i < count; i++)
    if ((int)strlen(fields[i].name) > width) width = (int)strlen(fields[i].name);
  for (size_t i = 0; i < count; i++) {
    char line[512];
    if (fields[i].unit == RESULT_JSON) continue;
    size_t size = text_line(&fields[i], width, line, sizeof line);
    LAM_TRY(cli_write(line, size < sizeof line ? size : sizeof line - 1, error));
  }
  return LAM_OK;
}

enum lam_status cli_check_partitions(const struct string_list *texts, struct lam_error *error) {
  for (int32_t i = 0; i < texts->count; i++)
    if (!strchr(texts->texts[i], '='))
      return lam_fail(error, LAM_INVALID, "--partition '%s': expected column=value", texts->texts[i]);
  return LAM_OK;
}

enum lam_status cli_check_where(struct lam_context *context, const char *where, struct lam_error *error) {
  struct lam_mem *mem;
  struct lam_arena arena;
  const struct lam_expr *expr;
  if (!where) return LAM_OK;
  LAM_TRY(lam_mem_open(context, 0, &mem, error));
  lam_arena_init(&arena, mem);
  enum lam_status status = lam_expr_parse(where, &arena, &expr, error);
  lam_arena_release(&arena);
  lam_mem_close(mem);
  return status == LAM_OK ? status : lam_fail_in(error, status, "--where");
}

/* ---- changes ---- */

void cli_change_options(struct change_arguments *a, struct option *out) {
  a->grace = -1;
  const struct option options[] = {
      {"--dry-run", OPTION_FLAG, &a->dry_run},
      {"--partition", OPTION_LIST, &a->partitions},
      {"--verify", OPTION_STRING, &a->verify},
      {"--backup", OPTION_STRING, &a->backup},
      {"--compression", OPTION_STRING, &a->compression},
      {"--bloom", OPTION_STRING, &a->bloom},
      {"--meta-dir", OPTION_STRING, &a->meta_dir},
      {"--no-wait", OPTION_FLAG, &a->no_wait},
      {"--no-checksums", OPTION_FLAG, &a->no_checksums},
      {"--no-sync", OPTION_FLAG, &a->no_sync},
      {"--no-page-index", OPTION_FLAG, &a->no_page_index},
      {"--grace", OPTION_COUNT, &a->grace},
      {"--mode", OPTION_STRING, &a->mode},
      {NULL, OPTION_FLAG, NULL},
  };
  memcpy(out, options, sizeof options);
}

enum lam_status cli_change(const struct change_arguments *a, struct lam_change_options *out, struct lam_error *error) {
  *out = (struct lam_change_options)LAM_CHANGE_OPTIONS_INIT;
  out->meta_dir = a->meta_dir;
  out->partitions = a->partitions.texts;
  out->partition_count = a->partitions.count;
  out->dry_run = a->dry_run;
  out->no_wait = a->no_wait;
  out->no_checksums = a->no_checksums;
  out->no_sync = a->no_sync;
  out->no_page_index = a->no_page_index;
  out->backup_dir = a->backup;
  out->compression = a->compression;
  out->bloom = a->bloom;
  if (a->verify && strcmp(a->verify, "full") != 0)
    return lam_fail(error, LAM_INVALID, "--verify '%s': expected full", a->verify);
  out->verify_full = a->verify != NULL;
  if (a->mode && strcmp(a->mode, "append") == 0)
    out->mode = LAM_MODE_APPEND;
  else if (a->mode && strcmp(a->mode, "rewrite") != 0)
    return lam_fail(error, LAM_INVALID, "--mode '%s': expected rewrite or append", a->mode);
  if (a->compression) {
    enum lam_codec codec;
    int level;
    LAM_TRY(lam_fail_in(error, lam_codec_parse(a->compression, &codec, &level, error), "--compression"));
  }
  LAM_TRY(cli_check_partitions(&a->partitions, error));
  if (a->grace < 0) return LAM_OK;
  out->grace_seconds = a->grace ? a->grace : -1;
  return LAM_OK;
}
