#include "table/prepare.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/context.h"
#include "base/threads.h"
#include "table/apply.h"
#include "table/foreign.h"
#include "table/scope.h"

enum { SIDE_BY_SIDE = 16 /* directories that one thread takes at a time, with one arena */ };

enum role { ADDED, REMOVED, READ, APPENDED };

/* A file that the change is about. */
struct part {
  const char *directory, *name;
  enum role role;
  bool as_is;                   /* ADDED */
  const char *staged;           /* ADDED */
  struct lam_identity identity; /* the others */
};

/* A directory that the change is about, and how it is now. */
struct lam_touched {
  const char *key;
  const struct part *parts; /* sorted by name */
  size_t part_count, added, removed, appended;
  bool there, exchangeable; /* the directory above may be written */
  struct lam_object_info info;
  struct lam_entries live;
};

static bool changes(const struct lam_touched *touched) {
  return touched->added + touched->removed + touched->appended > 0;
}

static int by_key(const void *a, const void *b) {
  const struct part *x = a, *y = b;
  int order = strcmp(x->directory, y->directory);
  if (!order) order = strcmp(x->name, y->name);
  return order ? order : (int)x->role - (int)y->role;
}

static enum lam_status make_part(struct lam_prepare *prepare, const char *key, struct part part, struct part *out,
                                 struct lam_error *error) {
  char *directory;
  LAM_TRY(lam_key_directory(prepare->arena, key, &directory, error));
  part.directory = directory;
  part.name = lam_key_name(key);
  *out = part;
  return LAM_OK;
}

/* All files of the change in one array, grouped by directory. */
static enum lam_status group(struct lam_prepare *prepare, struct lam_error *error) {
  const struct lam_change *change = prepare->change;
  struct lam_arena *arena = prepare->arena;
  size_t count = change->add_count + change->remove_count + change->read_count + change->tail_count, n = 0;
  void *memory;
  LAM_TRY(lam_arena_array(arena, count, sizeof(struct part), &memory, error));
  struct part *parts = memory;
  for (size_t i = 0; i < change->add_count; i++, n++) {
    const struct lam_change_add *add = &change->adds[i];
    LAM_TRY(make_part(prepare, add->key, (struct part){.role = ADDED, .staged = add->staged, .as_is = add->as_is},
                      &parts[n], error));
  }
  for (size_t i = 0; i < change->remove_count; i++, n++)
    LAM_TRY(make_part(prepare, change->removes[i].key,
                      (struct part){.role = REMOVED, .identity = change->removes[i].identity}, &parts[n], error));
  for (size_t i = 0; i < change->read_count; i++, n++)
    LAM_TRY(make_part(prepare, change->reads[i].key, (struct part){.role = READ, .identity = change->reads[i].identity},
                      &parts[n], error));
  for (size_t i = 0; i < change->tail_count; i++, n++)
    LAM_TRY(make_part(prepare, change->tails[i].key,
                      (struct part){.role = APPENDED, .identity = change->tails[i].identity}, &parts[n], error));
  if (count) qsort(parts, count, sizeof *parts, by_key);
  LAM_TRY(lam_arena_array(arena, count, sizeof(struct lam_touched), &memory, error));
  prepare->touched = memory;
  for (size_t i = 0; i < count; i++) {
    if (i && by_key(&parts[i - 1], &parts[i]) == 0)
      return lam_fail(error, LAM_INVALID, "the change names '%s/%s' twice", parts[i].directory, parts[i].name);
    if (i == 0 || strcmp(parts[i].directory, parts[i - 1].directory) != 0)
      prepare->touched[prepare->touched_count++] = (struct lam_touched){.key = parts[i].directory, .parts = &parts[i]};
    struct lam_touched *touched = &prepare->touched[prepare->touched_count - 1];
    touched->part_count++;
    touched->added += parts[i].role == ADDED;
    touched->removed += parts[i].role == REMOVED;
    touched->appended += parts[i].role == APPENDED;
  }
  return LAM_OK;
}

/* ---- directories side by side ---- */

typedef enum lam_status (*item_fn)(struct lam_prepare *prepare, void *item, struct lam_error *error);
struct side_by_side {
  const struct lam_prepare *prepare;
  uint8_t *items;
  size_t count, size; /* of them; bytes of each */
  item_fn work;
  struct lam_arena *arenas;
};

static enum lam_status run_some(void *user, size_t index, struct lam_error *error) {
  const struct side_by_side *all = user;
  struct lam_prepare prepare = *all->prepare;
  prepare.arena = &all->arenas[index];
  size_t end = lam_min_u64(all->count, (index + 1) * SIDE_BY_SIDE);
  for (size_t i = index * SIDE_BY_SIDE; i < end; i++) LAM_TRY(all->work(&prepare, all->items + i * all->size, error));
  return LAM_OK;
}

/* What `work` allocates goes to the journal's arena. */
static enum lam_status run_side_by_side(struct lam_prepare *prepare, void *items, size_t count, size_t size,
                                        item_fn work, struct lam_error *error) {
  struct side_by_side all = {prepare, items, count, size, work, NULL};
  size_t tasks = (count + SIDE_BY_SIDE - 1) / SIDE_BY_SIDE;
  void *memory;
  LAM_TRY(lam_arena_array(prepare->arena, tasks, sizeof *all.arenas, &memory, error));
  all.arenas = memory;
  for (size_t i = 0; i < tasks; i++) lam_arena_init(&all.arenas[i], prepare->arena->mem);
  struct lam_pool *pool = lam_context_pool(prepare->directory->context);
  enum lam_status status = lam_pool_run(pool, tasks, 0, run_some, &all, error);
  for (size_t i = 0; i < tasks; i++) lam_arena_absorb(prepare->arena, &all.arenas[i]);
  return status;
}

/* ---- conflicts ---- */

static enum lam_status check_part(const struct lam_prepare *prepare, const struct lam_touched *touched,
                                  const struct part *part, struct lam_error *error) {
  const struct lam_entry *entry = lam_entry_find(&touched->live, part->name);
  if (part->role == ADDED) {
    struct part removed = *part;
    removed.role = REMOVED;
    bool goes = bsearch(&removed, touched->parts, touched->part_count, sizeof removed, by_key) != NULL;
    if (entry && !goes && part->as_is)
      return lam_scope_conflict(prepare->directory, touched->key, part->name, "made again", error);
    if (entry && !goes)
      return lam_fail(error, LAM_EXISTS, "%s/%s/%s is there already", prepare->directory->data->root, touched->key,
                      part->name);
    return LAM_OK;
  }
  if (!entry) return lam_scope_conflict(prepare->directory, touched->key, part->name, "removed", error);
  if (entry->info.kind == LAM_OBJECT_LINK && part->role != READ)
    return lam_fail(error, LAM_UNSUPPORTED, "%s/%s/%s is a symbolic link; writers go through none",
                    prepare->directory->data->root, touched->key, part->name);
  bool same = entry->info.kind == LAM_OBJECT_LINK || lam_identity_equal(lam_identity_of(&entry->info), part->identity);
  if (same && part->role == APPENDED && entry->info.links != 1)
    return lam_scope_conflict(prepare->directory, touched->key, part->name, "given a second name (a backup?)", error);
  return same ? LAM_OK : lam_scope_conflict(prepare->directory, touched->key, part->name, "changed", error);
}

/* Past the commit point there is no way back, so what is known to fail there is refused before: a directory that may
 * not be written, or that lies on another file system. A new one is made in the nearest that is there. */
static enum lam_status check_renames(struct lam_prepare *prepare, const char *key, struct lam_error *error) {
  struct lam_store *data = prepare->directory->data, *meta = prepare->directory->meta;
  struct lam_object_info info, state;
  bool there;
  LAM_TRY(lam_stat(data, key, &there, &info, error));
  while (!there && *key) {
    char *parent;
    LAM_TRY(lam_key_directory(prepare->arena, key, &parent, error));
    LAM_TRY(lam_stat(data, key = parent, &there, &info, error));
  }
  if (!there || info.kind != LAM_OBJECT_DIRECTORY) return LAM_OK; /* others say so */
  LAM_TRY(lam_stat(meta, "", &there, &state, error));             /* of a dry run it need not be there yet */
  if (there && info.device != state.device)
    return lam_fail(
        error, LAM_UNSUPPORTED,
        "'%s%s%s' and the table's state '%s' are on different file systems or mounts, so files cannot be renamed from "
        "one to the other; nothing was changed",
        data->root, *key ? "/" : "", key, meta->root);
  if (!info.writable)
    return lam_fail(error, LAM_IO, "the directory '%s%s%s' may not be written by this user; nothing was changed",
                    data->root, *key ? "/" : "", key);
  return LAM_OK;
}

/* An exchange changes the entries of the directory above, renaming the files does not. */
static enum lam_status check_above(struct lam_prepare *prepare, struct lam_touched *touched, struct lam_error *error) {
  struct lam_object_info info;
  char *parent;
  if (!*touched->key) return LAM_OK;
  LAM_TRY(lam_key_directory(prepare->arena, touched->key, &parent, error));
  LAM_TRY(lam_stat(prepare->directory->data, parent, &touched->exchangeable, &info, error));
  touched->exchangeable = touched->exchangeable && info.writable;
  return LAM_OK;
}

static enum lam_status check_touched(struct lam_prepare *prepare, void *item, struct lam_error *error) {
  struct lam_touched *touched = item;
  struct lam_store *data = prepare->directory->data;
  LAM_TRY(lam_check_cancel(prepare->directory->context, error));
  LAM_TRY(lam_stat(data, touched->key, &touched->there, &touched->info, error));
  if (touched->there) LAM_TRY(lam_list(data, touched->key, prepare->arena, &touched->live, error));
  if (changes(touched)) {
    LAM_TRY(check_renames(prepare, touched->key, error));
    LAM_TRY(check_above(prepare, touched, error));
  }
  for (size_t i = 0; i < touched->part_count; i++) LAM_TRY(check_part(prepare, touched, &touched->parts[i], error));
  return LAM_OK;
}

static int by_text(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int touched_by_key(const void *a, const void *b) {
  return strcmp(((const struct lam_touched *)a)->key, ((const struct lam_touched *)b)->key);
}

/* The directories above those that change, each once, without those that change themselves. */
static enum lam_status find_above(struct lam_prepare *prepare, const char ***out, size_t *count,
                                  struct lam_error *error) {
  struct lam_arena *arena = prepare->arena;
  size_t room = 0, kept = 0;
  *out = NULL;
  *count = 0;
  for (size_t i = 0; i < prepare->touched_count; i++) {
    if (!changes(&prepare->touched[i])) continue;
    for (const char *key = prepare->touched[i].key; *key;) {
      char *parent;
      LAM_TRY(lam_key_directory(arena, key, &parent, error));
      void *items = *out;
      LAM_TRY(lam_vector_grow(arena, &items, *count, &room, sizeof **out, error));
      *out = items;
      (*out)[(*count)++] = key = parent;
    }
  }
  if (*count) qsort(*out, *count, sizeof **out, by_text);
  for (size_t i = 0; i < *count; i++) {
    struct lam_touched wanted = {.key = (*out)[i]};
    const struct lam_touched *touched =
        bsearch(&wanted, prepare->touched, prepare->touched_count, sizeof wanted, touched_by_key);
    bool again = kept && strcmp((*out)[kept - 1], (*out)[i]) == 0;
    if (!again && !(touched && changes(touched))) (*out)[kept++] = (*out)[i];
  }
  *count = kept;
  return LAM_OK;
}

static enum lam_status refuse_foreign(const struct lam_prepare *prepare, const char *key, struct lam_error *error) {
  const char *format, *mark;
  LAM_TRY(lam_foreign_find(prepare->directory->data, key, &format, &mark, error));
  if (!format) return LAM_OK;
  return lam_fail(error, LAM_UNSUPPORTED, "'%s/%s' is %s %s table ('%s' is there); Lamella reads it and writes nothing",
                  prepare->directory->data->root, key, *format == 'A' ? "an" : "a", format, mark);
}

static enum lam_status refuse_touched(struct lam_prepare *prepare, void *item, struct lam_error *error) {
  return refuse_foreign(prepare, ((const struct lam_touched *)item)->key, error);
}

/* A table of another format may lie anywhere in a directory that was given as one of ours. */
static enum lam_status check_foreign(struct lam_prepare *prepare, struct lam_error *error) {
  const char **above;
  size_t count;
  LAM_TRY(find_above(prepare, &above, &count, error));
  for (size_t i = 0; i < count; i++) LAM_TRY(refuse_foreign(prepare, above[i], error));
  return run_side_by_side(prepare, prepare->touched, prepare->touched_count, sizeof *prepare->touched, refuse_touched,
                          error);
}

enum lam_status lam_prepare_check(struct lam_prepare *prepare, struct lam_error *error) {
  prepare->arena = &prepare->journal->arena;
  LAM_TRY(group(prepare, error));
  LAM_TRY(check_foreign(prepare, error));
  LAM_TRY(run_side_by_side(prepare, prepare->touched, prepare->touched_count, sizeof *prepare->touched, check_touched,
                           error));
  return lam_scope_check(prepare->directory, prepare->change, prepare->arena, error);
}

/* ---- staging ---- */

static const char *const summaries[] = {"_metadata", "_common_metadata", "._metadata.crc", "._common_metadata.crc"};
enum { SUMMARIES = sizeof summaries / sizeof *summaries };

/* Of a name of `size` bytes. */
static bool has_role(const struct lam_touched *touched, enum role role, const char *name, size_t size) {
  size_t low = 0, high = touched->part_count; /* sorted by name, then role */
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    const struct part *part = &touched->parts[middle];
    int order = strncmp(part->name, name, size);
    if (!order) order = part->name[size] ? 1 : (int)part->role - (int)role;
    if (!order) return true;
    if (order < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return false;
}

bool lam_is_summary_name(const char *name) {
  for (size_t i = 0; i < SUMMARIES; i++) {
    if (strcmp(name, summaries[i]) == 0) return true;
  }
  return false;
}

/* Removed files, the ".<name>.crc" of those and of appended ones, and the summaries, which the change makes wrong. */
static bool goes(const struct lam_touched *touched, const char *name) {
  size_t size = strlen(name);
  if (lam_is_summary_name(name)) return true;
  bool crc = name[0] == '.' && size > 5 && strcmp(name + size - 4, ".crc") == 0;
  return has_role(touched, REMOVED, name, size) || (crc && has_role(touched, REMOVED, name + 1, size - 5)) ||
         (crc && has_role(touched, APPENDED, name + 1, size - 5));
}

/* One file removed, or one added, is one rename: as atomic as an exchange, and nothing needs to be linked. */
static enum lam_journal_how choose_how(const struct lam_touched *touched) {
  if (!touched->there) return LAM_JOURNAL_NEW;
  if (!touched->exchangeable || touched->added + touched->removed <= 1) return LAM_JOURNAL_FILES;
  for (size_t i = 0; i < touched->live.count; i++) {
    if (touched->live.items[i].info.kind != LAM_OBJECT_FILE) return LAM_JOURNAL_FILES;
  }
  return LAM_JOURNAL_EXCHANGE;
}

/* What a staged directory is made from. */
struct staging {
  struct lam_prepare *prepare;
  const struct lam_touched *touched;
  struct lam_journal_directory *out;
  size_t room; /* of out->files */
};

static enum lam_status add_file(struct staging *staging, enum lam_journal_action action, const char *name,
                                struct lam_identity identity, struct lam_error *error) {
  struct lam_journal_directory *out = staging->out;
  void *items = out->files;
  LAM_TRY(lam_vector_grow(staging->prepare->arena, &items, out->file_count, &staging->room, sizeof *out->files, error));
  out->files = items;
  out->files[out->file_count++] = (struct lam_journal_file){.action = action, .name = name, .identity = identity};
  return LAM_OK;
}

/* The status of the first link that fails; the caller then does without. */
static enum lam_status link_kept(struct staging *staging, struct lam_error *error) {
  struct lam_directory *directory = staging->prepare->directory;
  struct lam_arena *arena = staging->prepare->arena;
  for (size_t i = 0; i < staging->touched->live.count; i++) {
    const struct lam_entry *entry = &staging->touched->live.items[i];
    char *from, *to;
    if (goes(staging->touched, entry->name)) continue;
    LAM_TRY(lam_key_join(arena, staging->out->key, entry->name, "", &from, error));
    LAM_TRY(lam_key_join(arena, staging->out->staged, entry->name, "", &to, error));
    LAM_TRY(directory->data->ops->link(directory->data, from, directory->meta, to, error));
  }
  return LAM_OK;
}

/* The file whose mode, owner and extended attributes the new files of a directory get, or NULL. */
static const char *model_file(const struct lam_touched *touched) {
  for (size_t i = 0; i < touched->part_count; i++) {
    if (touched->parts[i].role == REMOVED) return touched->parts[i].name;
  }
  for (size_t i = 0; i < touched->live.count; i++) {
    const struct lam_entry *entry = &touched->live.items[i];
    if (entry->info.kind == LAM_OBJECT_FILE && lam_is_data_name(entry->name)) return entry->name;
  }
  return NULL;
}

static enum lam_status move_added(struct staging *staging, struct lam_error *error) {
  struct lam_directory *directory = staging->prepare->directory;
  struct lam_arena *arena = staging->prepare->arena;
  const char *model = model_file(staging->touched);
  char *model_key = NULL;
  if (model) LAM_TRY(lam_key_join(arena, staging->out->key, model, "", &model_key, error));
  for (size_t i = 0; i < staging->touched->part_count; i++) {
    const struct part *part = &staging->touched->parts[i];
    struct lam_object_info info;
    char *to;
    if (part->role != ADDED) continue;
    if (model && !part->as_is) {
      LAM_TRY(directory->data->ops->copy_attributes(directory->data, model_key, directory->meta, part->staged, error));
    }
    LAM_TRY(lam_journal_staged_key(arena, staging->out, part->name, &to, error));
    LAM_TRY(directory->meta->ops->rename(directory->meta, part->staged, directory->meta, to, error));
    LAM_TRY(directory->meta->ops->stat(directory->meta, to, &info, error));
    LAM_TRY(add_file(staging, LAM_JOURNAL_ADD, part->name, lam_identity_of(&info), error));
  }
  return LAM_OK;
}

/* What was linked may have been rewritten since the directory was listed: the link is what counts. */
static enum lam_status note_kept(struct staging *staging, struct lam_error *error) {
  struct lam_entries entries;
  LAM_TRY(lam_list(staging->prepare->directory->meta, staging->out->staged, staging->prepare->arena, &entries, error));
  for (size_t i = 0; i < entries.count; i++) {
    const struct lam_entry *entry = &entries.items[i];
    if (has_role(staging->touched, APPENDED, entry->name, strlen(entry->name))) continue;
    LAM_TRY(add_file(staging, LAM_JOURNAL_KEEP, entry->name, lam_identity_of(&entry->info), error));
  }
  return LAM_OK;
}

/* Their new identities come with the bytes. */
static enum lam_status note_appended(struct staging *staging, struct lam_error *error) {
  for (size_t i = 0; i < staging->touched->part_count; i++) {
    const struct part *part = &staging->touched->parts[i];
    if (part->role == APPENDED) LAM_TRY(add_file(staging, LAM_JOURNAL_APPEND, part->name, part->identity, error));
  }
  return LAM_OK;
}

static enum lam_status note_removed(struct staging *staging, struct lam_error *error) {
  for (size_t i = 0; i < staging->touched->live.count; i++) {
    const struct lam_entry *entry = &staging->touched->live.items[i];
    if (!goes(staging->touched, entry->name) || entry->info.kind != LAM_OBJECT_FILE) continue;
    LAM_TRY(add_file(staging, LAM_JOURNAL_REMOVE, entry->name, lam_identity_of(&entry->info), error));
  }
  return LAM_OK;
}

/* From the live directory, or from the nearest above a new one. Fails, in time, where a symbolic link is in the way. */
static enum lam_status copy_directory_attributes(struct staging *staging, struct lam_error *error) {
  struct lam_directory *directory = staging->prepare->directory;
  const char *key = staging->out->key;
  for (;;) {
    struct lam_object_info info;
    bool there;
    LAM_TRY(lam_stat(directory->data, key, &there, &info, error));
    if (there && info.kind != LAM_OBJECT_DIRECTORY)
      return lam_fail(error, LAM_CONFLICT, "%s/%s is not a directory; nothing was changed", directory->data->root, key);
    if (there)
      return directory->data->ops->copy_attributes(directory->data, key, directory->meta, staging->out->staged, error);
    char *parent;
    LAM_TRY(lam_key_directory(staging->prepare->arena, key, &parent, error));
    key = parent;
  }
}

static int file_by_name(const void *a, const void *b) {
  return strcmp(((const struct lam_journal_file *)a)->name, ((const struct lam_journal_file *)b)->name);
}

static enum lam_status stage_directory(struct staging *staging, struct lam_error *error) {
  struct lam_store *meta = staging->prepare->directory->meta;
  struct lam_journal_directory *out = staging->out;
  struct lam_object_info info;
  out->old_inode = staging->touched->there ? staging->touched->info.inode : 0;
  LAM_TRY(meta->ops->make_directory(meta, out->staged, error));
  if (out->how == LAM_JOURNAL_EXCHANGE) {
    enum lam_status status = link_kept(staging, error);
    if (status == LAM_UNSUPPORTED) { /* no hard links here, or too many of them */
      LAM_TRY(lam_store_remove_tree(meta, out->staged, error));
      LAM_TRY(meta->ops->make_directory(meta, out->staged, error));
      out->how = LAM_JOURNAL_FILES;
    } else if (status == LAM_NOT_FOUND) {
      return lam_scope_conflict(staging->prepare->directory, out->key, "a file", "removed", error);
    } else if (status != LAM_OK) {
      return status;
    }
  }
  if (out->how == LAM_JOURNAL_EXCHANGE) LAM_TRY(note_kept(staging, error));
  LAM_TRY(move_added(staging, error));
  LAM_TRY(note_removed(staging, error));
  LAM_TRY(note_appended(staging, error));
  LAM_TRY(copy_directory_attributes(staging, error));
  LAM_TRY(meta->ops->stat(meta, out->staged, &info, error));
  out->new_inode = info.inode;
  if (out->file_count) qsort(out->files, out->file_count, sizeof *out->files, file_by_name);
  return LAM_OK;
}

static enum lam_status next_directory(struct lam_prepare *prepare, const char *key, struct lam_journal_directory **out,
                                      size_t *room, struct lam_error *error) {
  struct lam_journal *journal = prepare->journal;
  void *items = journal->directories;
  char staged[128], *copy;
  snprintf(staged, sizeof staged, "%s/dirs/%zu", prepare->stage->prefix, journal->directory_count);
  LAM_TRY(lam_arena_string(&journal->arena, lam_bytes_of_string(staged), &copy, error));
  LAM_TRY(lam_vector_grow(&journal->arena, &items, journal->directory_count, room, sizeof **out, error));
  journal->directories = items;
  *out = &journal->directories[journal->directory_count++];
  **out = (struct lam_journal_directory){.how = LAM_JOURNAL_FILES, .key = key, .staged = copy};
  return LAM_OK;
}

/* Summaries in the directories above describe the files below, too. */
static enum lam_status stage_summaries(struct lam_prepare *prepare, size_t *room, struct lam_error *error) {
  const char **above;
  size_t count;
  LAM_TRY(find_above(prepare, &above, &count, error));
  for (size_t i = 0; i < count; i++) {
    struct staging staging = {.prepare = prepare};
    for (size_t j = 0; j < SUMMARIES; j++) {
      struct lam_object_info info;
      bool there;
      char *key;
      LAM_TRY(lam_key_join(prepare->arena, above[i], summaries[j], "", &key, error));
      LAM_TRY(lam_stat(prepare->directory->data, key, &there, &info, error));
      if (!there || info.kind != LAM_OBJECT_FILE) continue;
      if (!staging.out) {
        LAM_TRY(check_renames(prepare, above[i], error));
        LAM_TRY(next_directory(prepare, above[i], &staging.out, room, error));
      }
      LAM_TRY(add_file(&staging, LAM_JOURNAL_REMOVE, summaries[j], lam_identity_of(&info), error));
    }
    if (staging.out) qsort(staging.out->files, staging.out->file_count, sizeof *staging.out->files, file_by_name);
  }
  return LAM_OK;
}

static enum lam_status stage_touched(struct lam_prepare *prepare, void *item, struct lam_error *error) {
  struct staging staging = *(const struct staging *)item;
  staging.prepare = prepare;
  enum lam_status status = stage_directory(&staging, error);
  return lam_fail_in(error, status, "while '%s/%s' was prepared for the commit", prepare->directory->data->root,
                     staging.touched->key);
}

enum lam_status lam_prepare_stage(struct lam_prepare *prepare, struct lam_error *error) {
  char dirs[80];
  size_t room = 0, count = 0;
  void *memory;
  snprintf(dirs, sizeof dirs, "%s/dirs", prepare->stage->prefix);
  LAM_TRY(prepare->directory->meta->ops->make_directory(prepare->directory->meta, dirs, error));
  LAM_TRY(lam_arena_array(prepare->arena, prepare->touched_count, sizeof(struct staging), &memory, error));
  struct staging *stagings = memory;
  for (size_t i = 0; i < prepare->touched_count; i++) {
    const struct lam_touched *touched = &prepare->touched[i];
    struct lam_journal_directory *out;
    if (!changes(touched)) continue;
    LAM_TRY(next_directory(prepare, touched->key, &out, &room, error));
    out->how = choose_how(touched);
    stagings[count++].touched = touched;
  }
  for (size_t i = 0; i < count; i++) stagings[i].out = &prepare->journal->directories[i]; /* they have moved */
  LAM_TRY(run_side_by_side(prepare, stagings, count, sizeof *stagings, stage_touched, error));
  return stage_summaries(prepare, &room, error);
}
