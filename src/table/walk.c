#include "table/walk.h"

#include <stdlib.h>

#include "base/context.h"
#include "table/foreign.h"
#include "table/glob.h"

enum { DEEPEST = 64 }; /* directories below the root: more is a loop of links */

enum lam_status lam_found_add(struct lam_found_list *list, struct lam_found found, struct lam_error *error) {
  void *items = list->items;
  LAM_TRY(lam_vector_grow(list->arena, &items, list->count, &list->room, sizeof found, error));
  list->items = items;
  list->items[list->count++] = found;
  return LAM_OK;
}

static int by_key(const void *a, const void *b) {
  const struct lam_found *x = a, *y = b;
  int order = strcmp(x->directory, y->directory);
  return order ? order : strcmp(x->name, y->name);
}

void lam_found_sort(struct lam_found_list *list) {
  if (list->count) qsort(list->items, list->count, sizeof *list->items, by_key);
}

static enum lam_status push(struct lam_walk *walk, struct lam_walk_pending pending, struct lam_error *error) {
  void *items = walk->pending;
  if (pending.depth > DEEPEST)
    return lam_fail(error, LAM_UNSUPPORTED, "'%s' is more than %d directories deep; is it a loop of symbolic links?",
                    pending.key, DEEPEST);
  LAM_TRY(lam_vector_grow(walk->arena, &items, walk->pending_count, &walk->pending_room, sizeof pending, error));
  walk->pending = items;
  walk->pending[walk->pending_count++] = pending;
  return LAM_OK;
}

/* A column once for each value, as long as there are few of them. */
static enum lam_status note_seen(struct lam_walk *walk, struct lam_partition_value value, struct lam_error *error) {
  size_t of_column = 0;
  for (size_t i = 0; i < walk->seen_count; i++) {
    const struct lam_partition_value *seen = &walk->seen[i];
    if (strcmp(seen->column, value.column) != 0) continue;
    if (++of_column > LAM_WALK_VALUES_SHOWN) return LAM_OK;
    if (seen->value && value.value ? strcmp(seen->value, value.value) == 0 : !seen->value && !value.value)
      return LAM_OK;
  }
  void *items = walk->seen;
  LAM_TRY(lam_vector_grow(walk->arena, &items, walk->seen_count, &walk->seen_room, sizeof value, error));
  walk->seen = items;
  walk->seen[walk->seen_count++] = value;
  return LAM_OK;
}

static enum lam_status see_directory(struct lam_walk *walk, struct lam_walk_pending child, struct lam_error *error) {
  const char *pattern = walk->directory->pattern;
  if (walk->directory->single || (pattern && !lam_glob_may_descend(pattern, child.key))) return LAM_OK;
  struct lam_partition values;
  LAM_TRY(lam_partition_parse(walk->arena, child.key, &values, error));
  if (walk->filter && values.count) LAM_TRY(note_seen(walk, values.values[values.count - 1], error));
  if (walk->filter && !lam_partition_filter_may_match(walk->filter, &values)) return LAM_OK;
  return push(walk, child, error);
}

static bool is_wanted(const struct lam_walk *walk, const char *name, const char *key) {
  const struct lam_directory *directory = walk->directory;
  if (directory->single) return strcmp(key, directory->pattern) == 0;
  return directory->pattern ? lam_glob_match(directory->pattern, key) : lam_is_data_name(name);
}

static enum lam_status see_entry(struct lam_walk *walk, const struct lam_walk_pending *in, bool take_files,
                                 const struct lam_entry *entry, struct lam_walked *to, struct lam_error *error) {
  struct lam_object_info info = entry->info;
  bool is_link = info.kind == LAM_OBJECT_LINK;
  char *key;
  LAM_TRY(lam_key_join(walk->arena, in->key, entry->name, "", &key, error));
  to->has_links |= is_link;
  if (is_link) {
    struct lam_store *data = walk->directory->data;
    enum lam_status status = data->ops->stat(data, key, &info, error);
    if (status == LAM_NOT_FOUND) return LAM_OK; /* a link that leads nowhere */
    LAM_TRY(status);
  }
  if (info.kind == LAM_OBJECT_DIRECTORY) {
    if (!walk->foreign && lam_foreign_mark(entry->name)) walk->foreign = key;
    if (!lam_is_data_directory_name(entry->name)) return LAM_OK;
    uint32_t packed = walk->pack ? lam_pack_find_directory(walk->pack, key) : PACK_NONE;
    return see_directory(walk, (struct lam_walk_pending){key, in->depth + 1, packed, in->through_link || is_link},
                         error);
  }
  if (info.kind != LAM_OBJECT_FILE) return LAM_OK;
  if (!is_wanted(walk, entry->name, key)) {
    to->others++;
    return LAM_OK;
  }
  if (!take_files) return LAM_OK;
  struct lam_found found = {.directory = in->key,
                            .name = entry->name,
                            .identity = lam_identity_of(&info),
                            .through_link = in->through_link || is_link};
  return lam_found_add(&walk->found, found, error);
}

static enum lam_status list_directory(struct lam_walk *walk, const struct lam_walk_pending *in, bool take_files,
                                      struct lam_walked *to, struct lam_error *error) {
  struct lam_entries entries;
  LAM_TRY(lam_list(walk->directory->data, in->key, walk->arena, &entries, error));
  to->first = walk->found.count;
  for (size_t i = 0; i < entries.count; i++) LAM_TRY(see_entry(walk, in, take_files, &entries.items[i], to, error));
  to->count = walk->found.count - to->first;
  return LAM_OK;
}

/* A directory that is as the pack has it. */
static enum lam_status take_packed(struct lam_walk *walk, const struct lam_walk_pending *in, bool take_files,
                                   struct lam_walked *to, struct lam_error *error) {
  const struct pack_directory *directory = &walk->pack->directories[in->packed];
  to->trusted = true;
  to->others = directory->others;
  to->count = take_files ? directory->files : 0;
  for (uint32_t i = walk->first_child[in->packed]; i != PACK_NONE; i = walk->next_sibling[i]) {
    const char *key = lam_pack_key(walk->pack, walk->pack->directories[i].key);
    LAM_TRY(see_directory(walk, (struct lam_walk_pending){key, in->depth + 1, i, in->through_link}, error));
  }
  return LAM_OK;
}

static enum lam_status look_into(struct lam_walk *walk, const struct lam_walk_pending *in, bool take_files,
                                 struct lam_walked *to, struct lam_error *error) {
  struct lam_store *data = walk->directory->data;
  bool known = in->packed != PACK_NONE;
  if (walk->record || known) LAM_TRY(data->ops->stat(data, in->key, &to->info, error));
  if (known && lam_pack_trusts(walk->pack, in->packed, &to->info)) return take_packed(walk, in, take_files, to, error);
  return list_directory(walk, in, take_files, to, error);
}

static enum lam_status see_all_in(struct lam_walk *walk, const struct lam_walk_pending *in, struct lam_error *error) {
  struct lam_walked walked = {.key = in->key, .packed = in->packed, .through_link = in->through_link};
  bool take_files = true;
  LAM_TRY(lam_check_cancel(walk->directory->context, error));
  if (walk->filter) {
    struct lam_partition values;
    LAM_TRY(lam_partition_parse(walk->arena, in->key, &values, error));
    take_files = lam_partition_filter_matches(walk->filter, &values);
  }
  walk->matched = walk->matched || take_files;
  enum lam_status status = look_into(walk, in, take_files, &walked, error);
  /* A directory may have gone since its parent was listed; the root may not. */
  if (status == LAM_NOT_FOUND && in->depth) return LAM_OK;
  LAM_TRY(status);
  void *items = walk->walked;
  LAM_TRY(lam_vector_grow(walk->arena, &items, walk->walked_count, &walk->walked_room, sizeof walked, error));
  walk->walked = items;
  walk->walked[walk->walked_count++] = walked;
  walk->other_files += walked.others;
  return LAM_OK;
}

static enum lam_status link_children(struct lam_walk *walk, struct lam_error *error) {
  uint32_t count = walk->pack->head.directories;
  LAM_TRY(lam_arena_array(walk->arena, count, sizeof(uint32_t), (void **)&walk->first_child, error));
  LAM_TRY(lam_arena_array(walk->arena, count, sizeof(uint32_t), (void **)&walk->next_sibling, error));
  memset(walk->first_child, 0xff, count * sizeof(uint32_t)); /* PACK_NONE */
  for (uint32_t i = count - 1; i > 0; i--) {
    uint32_t parent = walk->pack->directories[i].parent;
    walk->next_sibling[i] = walk->first_child[parent];
    walk->first_child[parent] = i;
  }
  return LAM_OK;
}

static int by_directory(const void *a, const void *b) {
  return strcmp(((const struct lam_walked *)a)->key, ((const struct lam_walked *)b)->key);
}

enum lam_status lam_walk_all(struct lam_walk *walk, struct lam_error *error) {
  walk->found.arena = walk->arena;
  if (walk->pack) LAM_TRY(link_children(walk, error));
  LAM_TRY(push(walk, (struct lam_walk_pending){"", 0, walk->pack ? 0 : PACK_NONE, false}, error));
  while (walk->pending_count) {
    struct lam_walk_pending in = walk->pending[--walk->pending_count];
    LAM_TRY(see_all_in(walk, &in, error));
  }
  if (walk->walked_count) qsort(walk->walked, walk->walked_count, sizeof *walk->walked, by_directory);
  return LAM_OK;
}
