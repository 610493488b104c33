#include "cli/args.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/bytes.h"

static const struct option *find(const struct option *table, const char *name, size_t size) {
  for (; table && table->name; table++)
    if (strlen(table->name) == size && memcmp(table->name, name, size) == 0) return table;
  return NULL;
}

/* The blocks are chained so that they can be told from leaks. */
struct kept {
  struct kept *next;
  max_align_t data[];
};
static struct kept *all_kept;

enum lam_status args_alloc(size_t count, size_t size, void *out, struct lam_error *error) {
  size_t bytes;
  struct kept *kept = NULL;
  if (!lam_mul_overflow(count, size, &bytes) && !lam_add_overflow(bytes, sizeof *kept, &bytes)) kept = calloc(1, bytes);
  if (!kept) return lam_fail(error, LAM_NO_MEMORY, "no memory for the arguments");
  kept->next = all_kept;
  all_kept = kept;
  *(void **)out = kept->data;
  return LAM_OK;
}

enum lam_status list_add(struct string_list *list, const char *text, struct lam_error *error) {
  if (list->count == list->room) {
    const char **texts = NULL;
    int32_t room = list->room ? 2 * list->room : 16;
    LAM_TRY(args_alloc((size_t)room, sizeof *texts, &texts, error));
    assert(texts);
    lam_copy(texts, list->texts, (size_t)list->count * sizeof *texts);
    list->texts = texts, list->room = room;
  }
  list->texts[list->count++] = text;
  return LAM_OK;
}

static enum lam_status split(struct string_list *list, char *text, struct lam_error *error) {
  for (char *comma; (comma = strchr(text, ',')); text = comma + 1) {
    *comma = 0;
    LAM_TRY(list_add(list, text, error));
  }
  return list_add(list, text, error);
}

enum lam_status args_count(const char *name, const char *text, int64_t least, int64_t *out, struct lam_error *error) {
  char *end;
  errno = 0;
  long long value = strtoll(text, &end, 10);
  bool digits = *text >= '0' && *text <= '9'; /* strtoll takes blanks and signs */
  if (!digits || *end || errno || value < least)
    return lam_fail(error, LAM_INVALID, "%s '%s': expected a whole number, at least %" PRId64, name, text, least);
  *out = value;
  return LAM_OK;
}

enum lam_status args_size(const char *name, const char *text, uint64_t *out, struct lam_error *error) {
  uint64_t size;
  LAM_TRY(lam_fail_in(error, lam_parse_size(text, &size, error), "%s", name));
  if (!size) return lam_fail(error, LAM_INVALID, "%s '%s': expected a size above 0", name, text);
  *out = size;
  return LAM_OK;
}

static enum lam_status set(const struct option *option, char *value, struct lam_error *error) {
  switch (option->kind) {
    case OPTION_FLAG: *(bool *)option->to = true; return LAM_OK;
    case OPTION_STRING: *(const char **)option->to = value; return LAM_OK;
    case OPTION_SIZE: return args_size(option->name, value, option->to, error);
    case OPTION_COUNT: return args_count(option->name, value, 0, option->to, error);
    case OPTION_POSITIVE: return args_count(option->name, value, 1, option->to, error);
    case OPTION_LIST: return list_add(option->to, value, error);
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
                           struct string_list *words, int *used, struct lam_error *error) {
  bool options = true;
  int i = 0;
  for (; i < argc; i++) {
    if (options && strcmp(argv[i], "--") == 0) {
      options = false;
    } else if (options && argv[i][0] == '-' && argv[i][1]) {
      LAM_TRY(take(argc, argv, &i, first, second, error));
    } else {
      LAM_TRY(list_add(words, argv[i], error));
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

enum lam_status args_sort_keys(const struct string_list *texts, const struct lam_sort_key **keys, int32_t *count,
                               struct lam_error *error) {
  struct lam_sort_key *made;
  *count = texts->count;
  *keys = NULL;
  if (!texts->count) return LAM_OK;
  LAM_TRY(args_alloc((size_t)texts->count, sizeof *made, &made, error));
  *keys = made;
  for (int32_t i = 0; i < texts->count; i++) {
    char *text = (char *)(uintptr_t)texts->texts[i]; /* of argv, which is ours to cut */
    while (*text == ' ') text++;
    made[i].column = text;
    if (cut_word(text, "nulls first"))
      made[i].nulls_first = true;
    else
      cut_word(text, "nulls last");
    if (cut_word(text, "desc"))
      made[i].descending = true;
    else
      cut_word(text, "asc");
    if (!*text) return lam_fail(error, LAM_INVALID, "--sort-by has an empty column name");
  }
  return LAM_OK;
}
