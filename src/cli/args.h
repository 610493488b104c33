/* Options of the command line, from tables. */
#ifndef LAM_CLI_ARGS_H
#define LAM_CLI_ARGS_H

#include "lamella/lamella.h"

enum option_kind {
  OPTION_FLAG,     /* bool */
  OPTION_STRING,   /* const char * */
  OPTION_SIZE,     /* uint64_t bytes, at least 1: 128MB, 1GiB */
  OPTION_COUNT,    /* int64_t, at least 0 */
  OPTION_POSITIVE, /* int64_t, at least 1 */
  OPTION_LIST,     /* struct string_list, repeatable: each occurrence is one text */
  OPTION_COMMAS,   /* struct string_list: texts between commas, repeatable */
};

/* Grows as needed; kept until the process ends. All zero is the empty one. */
struct string_list {
  const char **texts;
  int32_t count, room;
};
enum lam_status list_add(struct string_list *list, const char *text, struct lam_error *error);
/* Cleared memory that is kept until the process ends. */
enum lam_status args_alloc(size_t count, size_t size, void *out, struct lam_error *error);

struct option {
  const char *name; /* "--target-size"; "-o" too */
  enum option_kind kind;
  void *to;
};

/* Parses argv[0 .. argc) with both tables (either may be NULL; a NULL name ends one). "--name=value" and "--name
 * value" are the same, "--" ends the options. With `stop` the first word ends the parsing, and *used says how many
 * arguments were taken. Lists split at commas change argv. */
enum lam_status args_parse(int argc, char **argv, const struct option *first, const struct option *second, bool stop,
                           struct string_list *words, int *used, struct lam_error *error);

/* A size, above 0. */
enum lam_status args_size(const char *name, const char *text, uint64_t *out, struct lam_error *error);

/* A whole number, at least `least`; messages call it `name`. */
enum lam_status args_count(const char *name, const char *text, int64_t least, int64_t *out, struct lam_error *error);

/* "a,b desc,c desc nulls first" as sort keys, kept until the process ends; NULL for none. */
enum lam_status args_sort_keys(const struct string_list *texts, const struct lam_sort_key **keys, int32_t *count,
                               struct lam_error *error);

#endif
