/* What the commands refuse before they work: options and their values, arguments too many or missing; and how results
 * are shown. */
#include "cli/cli.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka needs those above */
#include <cmocka.h>

#include "lamella/change.h"

void cli_interruptible(struct lam_context *context) { /* main.c's catches signals */
  (void)context;
}

typedef enum lam_status (*run_fn)(struct cli *cli, int argc, char **argv, int *exit_code, struct lam_error *error);

/* Runs a command with the words between '|'. */
static enum lam_status run(run_fn command, const char *line, int *exit_code, struct lam_error *error) {
  struct cli cli = {.quiet = true};
  char text[400], *argv[32];
  int argc = 0;
  snprintf(text, sizeof text, "%s", line);
  for (char *p = text; p && *line; argc++) {
    char *bar = strchr(p, '|');
    argv[argc] = p;
    if (bar) *bar++ = 0;
    p = bar;
  }
  argv[argc] = NULL;
  *exit_code = -1;
  enum lam_status status = command(&cli, argc, argv, exit_code, error);
  lam_context_free(cli.context);
  return status;
}

static void test_usage(void **state) {
  (void)state;
  static const struct {
    run_fn command;
    const char *line, *message;
  } cases[] = {
      {run_inspect, "", "too few arguments"},
      {run_inspect, "a|b", "'b' is one argument too many"},
      {run_inspect, "a|--nonsense", "there is no option --nonsense here"},
      {run_inspect, "a|--pages=1", "--pages takes no value"},
      {run_inspect, "a|--snapshot", "--snapshot needs a value"},
      {run_cat, "t|--limit|-1", "--limit '-1': expected a whole number, at least 0"},
      {run_cat, "t|--format|xml", "--format 'xml': expected csv, json or parquet"},
      {run_cat, "t|--partition|p", "--partition 'p': expected column=value"},
      {run_cat, "t|--threads|0", "--threads '0': expected a whole number, at least 1"},
      {run_cat, "t|--threads|1025", "at most 1,024"},
      {run_count, "t|--memory-limit|many", "many"},
      {run_count, "t|--log-level|loud", "--log-level 'loud': expected error, warn, info or debug"},
      {run_sidecar, "grow|t", "sidecar 'grow': expected build, show or check"},
      {run_sidecar, "build|t|--bloom|all", "--bloom 'all': expected inline"},
      {run_sidecar, "show|t|--force", "--bloom and --force belong to sidecar build"},
      {run_sidecar, "build|t|--snapshot|1", "--snapshot belongs to sidecar show"},
      {run_import, "a.csv", "--into TABLE is missing"},
      {run_import, "a.csv|--into|t|--type|x", "--type 'x': expected column=type"},
      {run_import, "a.csv|--into|t|--type|x=nonsense", "--type x"},
      {run_import, "a.csv|--into|t|--format|xml", "--format 'xml': expected parquet, csv or json"},
      {run_import, "a.csv|--into|t|--delimiter|ab", "--delimiter 'ab': expected one character, or \\t"},
      {run_import, "a.csv|--into|t|--sort-by|", "--sort-by has an empty column name"},
      {run_compact, "t|--verify|half", "--verify 'half': expected full"},
      {run_compact, "t|--mode|fast", "--mode 'fast': expected rewrite or append"},
      {run_compact, "t|--compression|zip", "--compression"},
      {run_compact, "t|--min-files|5000000000", "--min-files 5000000000: too many"},
      {run_compact, "t|--keep-source", "--keep-source and --into TABLE go together"},
      {run_compact, "t|--into|u", "--keep-source and --into TABLE go together"},
      {run_delete, "t", "--where EXPR is missing"},
      {run_update, "t|--where|true", "--set COLUMN=EXPR[,…] is missing"},
      {run_update, "t|--set|a=1", "--where EXPR is missing"},
      {run_upsert, "t|--key|a", "--from FILE is missing"},
      {run_upsert, "t|--from|a.csv", "--key COLUMN[,COLUMN…] is missing"},
      {run_upsert, "t|--from|a.csv|--key|a|--on-duplicate|first", "expected error or last"},
      {run_dedup, "t", "--key COLUMN[,COLUMN…] is missing"},
      {run_dedup, "t|--key|a|--keep|all", "expected first or last"},
      {run_schema, "t|--rename|x", "--rename 'x': expected"},
      {run_repartition, "t|u", "--by is missing"},
      {run_repartition, "t", "too few arguments"},
      {run_estimate, "delete|t", "estimate 'delete': expected estimate compact or estimate repartition"},
      {run_estimate, "repartition|t", "--by is missing"},
      {run_estimate, "", "too few arguments"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct lam_error error = LAM_ERROR_INIT;
    int exit_code;
    enum lam_status status = run(cases[i].command, cases[i].line, &exit_code, &error);
    if (status != LAM_INVALID || exit_code != EXIT_USAGE || !strstr(error.message, cases[i].message))
      fail_msg("%s: status %d, exit %d: %s", cases[i].line, (int)status, exit_code, error.message);
  }
}

/* Well-formed calls on what is not there fail, but not as wrong usage. */
static void test_failures(void **state) {
  (void)state;
  static const struct {
    run_fn command;
    const char *line;
  } cases[] = {
      {run_inspect, "/none/a.parquet"},
      {run_cat, "/none|--limit=3"},
      {run_count, "/none"},
      {run_plan, "/none|--where|a = 1"},
      {run_partitions, "/none"},
      {run_verify, "/none"},
      {run_compact, "/none|--no-wait"},
      {run_delete, "/none|--where|true"},
      {run_update, "/none|--set|a=1|--where|true"},
      {run_dedup, "/none|--key|a"},
      {run_sidecar, "build|/none"},
      {run_restore, "/none"},
      {run_estimate, "compact|/none"},
      {run_repartition, "/none|/none/b|--by|a"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct lam_error error = LAM_ERROR_INIT;
    int exit_code;
    enum lam_status status = run(cases[i].command, cases[i].line, &exit_code, &error);
    if (status != LAM_NOT_FOUND || exit_code != EXIT_FAILED || !strstr(error.message, "/none"))
      fail_msg("%s: status %d, exit %d: %s", cases[i].line, (int)status, exit_code, error.message);
  }
}

static void test_change_options(void **state) {
  (void)state;
  const struct {
    struct change_arguments arguments;
    struct lam_change_options expected;
  } cases[] = {
      {{.grace = -1}, {.grace_seconds = 0}},
      {{.grace = 0}, {.grace_seconds = -1}}, /* none, where 0 is the default */
      {{.grace = 60, .mode = "append", .verify = "full"},
       {.grace_seconds = 60, .mode = LAM_MODE_APPEND, .verify_full = true}},
      {{.grace = -1, .mode = "rewrite", .dry_run = true, .no_wait = true, .no_checksums = true, .no_sync = true},
       {.mode = LAM_MODE_REWRITE, .dry_run = true, .no_wait = true, .no_checksums = true, .no_sync = true}},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct lam_change_options found, expected = cases[i].expected;
    assert_int_equal(cli_change(&cases[i].arguments, &found, NULL), LAM_OK);
    expected.struct_size = sizeof expected;
    assert_memory_equal(&found, &expected, sizeof expected);
  }
}

static void test_digits(void **state) {
  (void)state;
  static const struct {
    int64_t value;
    const char *text;
  } cases[] = {{0, "0"},
               {999, "999"},
               {1000, "1,000"},
               {-1000, "-1,000"},
               {-100, "-100"},
               {1234567, "1,234,567"},
               {INT64_MIN, "-9,223,372,036,854,775,808"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char text[40];
    cli_group_digits(cases[i].value, text);
    assert_string_equal(text, cases[i].text);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_usage), cmocka_unit_test(test_failures),
                                     cmocka_unit_test(test_change_options), cmocka_unit_test(test_digits)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
