#include "table/listing.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/checksum.h"

enum { LONGEST_NAME = 255 }; /* bytes, NAME_MAX of the usual file systems */

struct collector {
  struct lam_arena *arena;
  struct lam_entries *entries;
};

static enum lam_status collect(void *user, const char *name, const struct lam_object_info *info,
                               struct lam_error *error) {
  struct collector *collector = user;
  struct lam_entries *entries = collector->entries;
  void *items = entries->items;
  LAM_TRY(lam_vector_grow(collector->arena, &items, entries->count, &entries->room, sizeof *entries->items, error));
  entries->items = items;
  char *copy;
  LAM_TRY(lam_arena_string(collector->arena, lam_bytes_of_string(name), &copy, error));
  entries->items[entries->count++] = (struct lam_entry){copy, *info};
  return LAM_OK;
}

static int by_name(const void *a, const void *b) {
  return strcmp(((const struct lam_entry *)a)->name, ((const struct lam_entry *)b)->name);
}

enum lam_status lam_list(struct lam_store *store, const char *key, struct lam_arena *arena, struct lam_entries *out,
                         struct lam_error *error) {
  *out = (struct lam_entries){NULL, 0, 0};
  struct collector collector = {arena, out};
  LAM_TRY(store->ops->list(store, key, collect, &collector, error));
  if (out->count) qsort(out->items, out->count, sizeof *out->items, by_name);
  return LAM_OK;
}

const struct lam_entry *lam_entry_find(const struct lam_entries *entries, const char *name) {
  struct lam_entry wanted = {.name = name};
  return entries->count ? bsearch(&wanted, entries->items, entries->count, sizeof wanted, by_name) : NULL;
}

enum lam_status lam_stat(struct lam_store *store, const char *key, bool *there, struct lam_object_info *out,
                         struct lam_error *error) {
  enum lam_status status = store->ops->stat(store, key, out, error);
  *there = status == LAM_OK;
  return status == LAM_NOT_FOUND ? LAM_OK : status;
}

enum lam_status lam_key_join(struct lam_arena *arena, const char *directory, const char *name, const char *suffix,
                             char **out, struct lam_error *error) {
  size_t head = strlen(directory), middle = strlen(name), tail = strlen(suffix);
  void *memory;
  *out = NULL;
  LAM_TRY(lam_arena_alloc(arena, head + 1 + middle + tail + 1, &memory, error));
  char *to = memory;
  lam_copy(to, directory, head);
  to += head;
  if (head) *to++ = '/';
  lam_copy(to, name, middle);
  lam_copy(to + middle, suffix, tail);
  to[middle + tail] = 0;
  *out = memory;
  return LAM_OK;
}

enum lam_status lam_key_join_cut(struct lam_arena *arena, const char *directory, const char *name, const char *suffix,
                                 char **out, struct lam_error *error) {
  const char *last = lam_key_name(name);
  size_t size = strlen(last), above = (size_t)(last - name);
  if (!*suffix || size + strlen(suffix) <= LONGEST_NAME)
    return lam_key_join(arena, directory, name, suffix, out, error);
  char end[64], *cut;
  int room = snprintf(end, sizeof end, "-%016" PRIx64 "%s", lam_hash64(last, size), suffix);
  if (size > LONGEST_NAME - (size_t)room) size = LONGEST_NAME - (size_t)room;
  LAM_TRY(lam_arena_string(arena, lam_bytes_of(name, above + size), &cut, error));
  return lam_key_join(arena, directory, cut, end, out, error);
}

const char *lam_key_name(const char *key) {
  const char *slash = strrchr(key, '/');
  return slash ? slash + 1 : key;
}

enum lam_status lam_key_directory(struct lam_arena *arena, const char *key, char **out, struct lam_error *error) {
  const char *name = lam_key_name(key);
  return lam_arena_string(arena, lam_bytes_of(key, name == key ? 0 : (size_t)(name - key - 1)), out, error);
}
