/* A reader beside a live writer, or after one that died: it lays the journal over what it sees and writes nothing. */
#include "table/apply.h"
#include "table/snapshot.h"

/* [*first, *end) of the items in the directory. */
static void range_of(const struct lam_found_list *list, const char *directory, size_t count, size_t *first,
                     size_t *end) {
  size_t low = 0, high = count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (strcmp(list->items[middle].directory, directory) < 0)
      low = middle + 1;
    else
      high = middle;
  }
  *first = low;
  while (low < count && strcmp(list->items[low].directory, directory) == 0) low++;
  *end = low;
}

static struct lam_found *find_in(const struct lam_found_list *list, size_t first, size_t end, const char *name) {
  for (size_t low = first, high = end; low < high;) {
    size_t middle = low + (high - low) / 2;
    int order = strcmp(list->items[middle].name, name);
    if (order == 0) return list->items[middle].gone ? NULL : &list->items[middle];
    if (order < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return NULL;
}

struct layer {
  struct lam_store *data, *meta;
  const struct lam_journal_directory *directory;
  struct lam_found_list *list;
  size_t first, end;            /* what was listed of the directory */
  size_t arrivals, arrival_end; /* what add_arrivals has added */
};

static enum lam_status add_staged(struct layer *layer, const char *name, struct lam_identity identity,
                                  struct lam_error *error) {
  char *staged;
  LAM_TRY(lam_journal_staged_key(layer->list->arena, layer->directory, name, &staged, error));
  struct lam_found found = {.directory = layer->directory->key, .name = name, .identity = identity, .staged = staged};
  return lam_found_add(layer->list, found, error);
}

/* Files that somebody put into the old directory while it was being swapped out, and that are not moved back yet. */
static enum lam_status add_arrivals(struct layer *layer, struct lam_error *error) {
  struct lam_entries entries;
  enum lam_status status = lam_list(layer->meta, layer->directory->staged, layer->list->arena, &entries, error);
  if (status != LAM_OK) return status == LAM_NOT_FOUND ? LAM_OK : status;
  for (size_t i = 0; i < entries.count; i++) {
    const struct lam_entry *entry = &entries.items[i];
    struct lam_identity identity = lam_identity_of(&entry->info);
    if (entry->info.kind != LAM_OBJECT_FILE || !lam_is_data_name(entry->name)) continue;
    if (lam_journal_find(layer->directory, entry->name, identity)) continue;
    struct lam_found *live = find_in(layer->list, layer->first, layer->end, entry->name);
    if (live && live->identity.inode == identity.inode) continue;
    if (live) live->gone = true; /* the link that we had put there: somebody has rewritten the file meanwhile */
    LAM_TRY(add_staged(layer, entry->name, identity, error));
  }
  return LAM_OK;
}

/* A listing that was under way when the directory was swapped out may have missed files that stay; those that somebody
 * has rewritten are among the arrivals. */
static enum lam_status add_kept(struct layer *layer, const struct lam_journal_file *file, struct lam_error *error) {
  if (find_in(layer->list, layer->first, layer->end, file->name)) return LAM_OK;
  if (find_in(layer->list, layer->arrivals, layer->arrival_end, file->name)) return LAM_OK;
  struct lam_object_info info;
  bool there;
  char *key;
  LAM_TRY(lam_key_join(layer->list->arena, layer->directory->key, file->name, "", &key, error));
  LAM_TRY(lam_stat(layer->data, key, &there, &info, error));
  if (!there || !lam_identity_equal(lam_identity_of(&info), file->identity)) return LAM_OK;
  struct lam_found found = {.directory = layer->directory->key, .name = file->name, .identity = file->identity};
  return lam_found_add(layer->list, found, error);
}

static enum lam_status lay(struct layer *layer, struct lam_error *error) {
  const struct lam_journal_directory *directory = layer->directory;
  for (size_t i = layer->first; i < layer->end; i++) {
    struct lam_found *found = &layer->list->items[i];
    const struct lam_journal_file *file = lam_journal_find(directory, found->name, found->identity);
    if (file && file->action == LAM_JOURNAL_REMOVE) found->gone = true;
  }
  layer->arrivals = layer->list->count;
  if (directory->how == LAM_JOURNAL_EXCHANGE) LAM_TRY(add_arrivals(layer, error));
  layer->arrival_end = layer->list->count;
  for (size_t i = 0; i < directory->file_count; i++) {
    const struct lam_journal_file *file = &directory->files[i];
    if (file->action == LAM_JOURNAL_REMOVE || !lam_is_data_name(file->name)) continue;
    if (file->action != LAM_JOURNAL_ADD) {
      LAM_TRY(add_kept(layer, file, error));
      continue;
    }
    struct lam_found *live = find_in(layer->list, layer->first, layer->end, file->name);
    if (live && lam_identity_equal(live->identity, file->identity)) continue;
    LAM_TRY(add_staged(layer, file->name, file->identity, error));
  }
  return LAM_OK;
}

enum lam_status lam_overlay(struct lam_store *data, struct lam_store *meta, const struct lam_journal *journal,
                            const struct lam_partition_filter *filter, struct lam_found_list *list,
                            struct lam_error *error) {
  size_t listed = list->count;
  for (size_t i = 0; i < journal->directory_count; i++) {
    struct layer layer = {.data = data, .meta = meta, .directory = &journal->directories[i], .list = list};
    if (filter) {
      struct lam_partition values;
      LAM_TRY(lam_partition_parse(list->arena, layer.directory->key, &values, error));
      if (!lam_partition_filter_matches(filter, &values)) continue;
    }
    range_of(list, layer.directory->key, listed, &layer.first, &layer.end);
    LAM_TRY(lay(&layer, error));
  }
  size_t kept = 0;
  for (size_t i = 0; i < list->count; i++) {
    if (!list->items[i].gone) list->items[kept++] = list->items[i];
  }
  list->count = kept;
  lam_found_sort(list);
  return LAM_OK;
}
