#include "cli/args.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/bytes.h"

static const struct option *find(const struct option *table, const char *name, size_t size) {
  for (; table && table->name; table++)
    if (strlen(table->name) == size && memcmp(table->name, name, size) == 0) return table;
  return NULL;
}

static enum lam_status add(struct string_list *list, const char *text, struct lam_error *error) {
  if (list->count == LIST_ROOM) return lam_fail(error, LAM_INVALID, "more than %d values of one option", LIST_ROOM);
  list->texts[list->count++] = text;
  return LAM_OK;
}

static enum lam_status split(struct string_list *list, char *text, struct lam_error *error) {
  for (char *comma; (comma = strchr(text, ',')); text = comma + 1) {
    *comma = 0;
    LAM_TRY(add(list, text, error));
  }
  return add(list, text, error);
}

static enum lam_status count_of(const char *name, const char *text, int64_t *out, struct lam_error *error) {
  char *end;
  long long value = strtoll(text, &end, 10);
  if (end == text || *end || value < 0)
    return lam_fail(error, LAM_INVALID, "%s '%s': expected a whole number, at least 0", name, text);
  *out = value;
  return LAM_OK;
}

static enum lam_status set(const struct option *option, char *value, struct lam_error *error) {
  switch (option->kind) {
    case OPTION_FLAG: *(bool *)option->to = true; return LAM_OK;
    case OPTION_STRING: *(const char **)option->to = value; return LAM_OK;
    case OPTION_SIZE: return lam_fail_in(error, lam_parse_size(value, option->to, error), "%s", option->name);
    case OPTION_COUNT: return count_of(option->name, value, option->to, error);
    case OPTION_LIST: return add(option->to, value, error);
    case OPTION_COMMAS: return split(option->to, value, error);
  }
  return LAM_OK;
}

/* Takes the option at argv[*i], and its value if it stands in the next argument. */
static enum lam_status take(int argc, char **argv, int *i, const struct option *first, const struct option *second,
                            struct lam_error *error) {
  char *text = argv[*i], *equals = text[1] == '-' ? strchr(text, '=') : NULL;
  size_t size = equals ? (size_t)(equals - text) : strlen(text);
  const struct option *option = find(first, text, size);
  if (!option) option = find(second, text, size);
  if (!option) return lam_fail(error, LAM_INVALID, "there is no option %.*s here; see lamella --help", (int)size, text);
  if (option->kind == OPTION_FLAG && equals) return lam_fail(error, LAM_INVALID, "%s takes no value", option->name);
  char *value = equals ? equals + 1 : NULL;
  if (option->kind != OPTION_FLAG && !value) {
    if (*i + 1 >= argc) return lam_fail(error, LAM_INVALID, "%s needs a value", option->name);
    value = argv[++*i];
  }
  return set(option, value, error);
}

enum lam_status args_parse(int argc, char **argv, const struct option *first, const struct option *second, bool stop,
                           struct words *words, int *used, struct lam_error *error) {
  bool options = true;
  int i = 0;
  for (; i < argc; i++) {
    if (options && strcmp(argv[i], "--") == 0) {
      options = false;
    } else if (options && argv[i][0] == '-' && argv[i][1]) {
      LAM_TRY(take(argc, argv, &i, first, second, error));
    } else {
      if (words->count == LIST_ROOM) return lam_fail(error, LAM_INVALID, "more than %d arguments", LIST_ROOM);
      words->texts[words->count++] = argv[i];
      if (stop) {
        i++;
        break;
      }
    }
  }
  if (used) *used = i;
  return LAM_OK;
}

/* Cuts `word` (and the blanks before it) off the end of `text`. */
static bool cut_word(char *text, const char *word) {
  size_t size = strlen(text), tail = strlen(word);
  if (size <= tail || text[size - tail - 1] != ' ' || strcasecmp(text + size - tail, word) != 0) return false;
  text[size - tail - 1] = 0;
  return true;
}

enum lam_status args_sort_keys(const struct string_list *texts, struct lam_sort_key *keys, int32_t *count,
                               struct lam_error *error) {
  *count = 0;
  for (int32_t i = 0; i < texts->count; i++) {
    char *text = (char *)(uintptr_t)texts->texts[i]; /* of argv, which is ours to cut */
    struct lam_sort_key *key = &keys[(*count)++];
    *key = (struct lam_sort_key){.column = text};
    if (cut_word(text, "nulls first"))
      key->nulls_first = true;
    else
      cut_word(text, "nulls last");
    if (cut_word(text, "desc"))
      key->descending = true;
    else
      cut_word(text, "asc");
    if (!*text) return lam_fail(error, LAM_INVALID, "--sort-by has an empty column name");
  }
  return LAM_OK;
}
