/* Options of the command line, from tables. */
#ifndef LAM_CLI_ARGS_H
#define LAM_CLI_ARGS_H

#include "lamella/lamella.h"

enum option_kind {
  OPTION_FLAG,   /* bool */
  OPTION_STRING, /* const char * */
  OPTION_SIZE,   /* uint64_t bytes: 128MB, 1GiB */
  OPTION_COUNT,  /* int64_t, at least 0 */
  OPTION_LIST,   /* struct string_list, repeatable: each occurrence is one text */
  OPTION_COMMAS, /* struct string_list: texts between commas, repeatable */
};

enum { LIST_ROOM = 1024 };
struct string_list {
  const char *texts[LIST_ROOM];
  int32_t count;
};

struct option {
  const char *name; /* "--target-size"; "-o" too */
  enum option_kind kind;
  void *to;
};

/* What the words of a command line come to, options aside. */
struct words {
  const char *texts[LIST_ROOM];
  int32_t count;
};

/* Parses argv[0 .. argc) with both tables (either may be NULL; a NULL name ends one). "--name=value" and "--name
 * value" are the same, "--" ends the options. With `stop` the first word ends the parsing, and *used says how many
 * arguments were taken. Lists split at commas change argv. */
enum lam_status args_parse(int argc, char **argv, const struct option *first, const struct option *second, bool stop,
                           struct words *words, int *used, struct lam_error *error);

/* "a,b desc,c desc nulls first" as sort keys; at most LIST_ROOM. */
enum lam_status args_sort_keys(const struct string_list *texts, struct lam_sort_key *keys, int32_t *count,
                               struct lam_error *error);

#endif
