#include "table/apply.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/context.h"
#include "base/threads.h"
#include "base/uuid.h"
#include "table/in_place.h"
#include "table/listing.h"
#include "table/sidecars.h"
#include "table/sweep.h"

enum { SETTLE_TRIES = 64, LONGEST_NAME = 255 /* bytes */ };

struct counts { /* of all threads */
  _Atomic uint64_t files_moved, directories_exchanged, directories_new;
  _Atomic bool made_above; /* directories whose names may not be durable yet */
};
struct apply {
  struct lam_directory *directory;
  struct lam_store *data, *meta;
  const struct lam_journal *journal;
  struct counts *counts;
  struct lam_arena *arena; /* for one directory at a time */
  bool replay;
};

const struct lam_journal_file *lam_journal_find(const struct lam_journal_directory *directory, const char *name,
                                                struct lam_identity identity) {
  size_t low = 0, high = directory->file_count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (strcmp(directory->files[middle].name, name) < 0)
      low = middle + 1;
    else
      high = middle;
  }
  /* A name stands twice where a file is replaced under its own name. */
  for (; low < directory->file_count && strcmp(directory->files[low].name, name) == 0; low++) {
    if (lam_identity_equal(directory->files[low].identity, identity)) return &directory->files[low];
  }
  return NULL;
}

enum lam_status lam_journal_staged_key(struct lam_arena *arena, const struct lam_journal_directory *directory,
                                       const char *name, char **out, struct lam_error *error) {
  const char *suffix = directory->how == LAM_JOURNAL_FILES ? ".part" : "";
  return lam_key_join_cut(arena, directory->staged, name, suffix, out, error);
}

/* Whether the object at `key` is in the state that `identity` says. */
static enum lam_status is_at(struct lam_store *store, const char *key, struct lam_identity identity, bool *out,
                             struct lam_error *error) {
  struct lam_object_info info;
  bool there;
  LAM_TRY(lam_stat(store, key, &there, &info, error));
  *out = there && lam_identity_equal(lam_identity_of(&info), identity);
  return LAM_OK;
}

/* ---- files that nobody planned for ---- */

/* Puts a file (or directory) that is not ours into the live directory; where its name is taken, under a new one. */
static enum lam_status bring_back(struct apply *apply, struct lam_store *from, const char *from_key,
                                  const char *directory, const char *name, struct lam_error *error) {
  char id[37], prefix[64], *key;
  int hidden = *name == '.' || *name == '_'; /* and stays so: it may be half written */
  LAM_TRY(lam_key_join(apply->arena, directory, name, "", &key, error));
  enum lam_status status = from->ops->rename(from, from_key, apply->data, key, error);
  if (status == LAM_EXISTS) {
    LAM_TRY(lam_uuid(id, error));
    snprintf(prefix, sizeof prefix, "%.*sarrived-%s-", hidden, name, id);
    char *renamed;
    size_t size = strlen(name),
           longest = LONGEST_NAME - strlen(prefix); /* what says that it is data stands at the end */
    LAM_TRY(lam_key_join(apply->arena, "", prefix, name + (size > longest ? size - longest : 0), &renamed, error));
    LAM_TRY(lam_key_join(apply->arena, directory, renamed, "", &key, error));
    status = from->ops->rename(from, from_key, apply->data, key, error);
  }
  if (status == LAM_OK)
    lam_log(apply->directory->context, LAM_LOG_WARN,
            "%s/%s was written by another program during the commit; it stays, as '%s'", apply->data->root, directory,
            key);
  return status;
}

/* ---- retiring ---- */

static bool has_removed(const struct lam_journal_directory *directory) {
  for (size_t i = 0; i < directory->file_count; i++) {
    if (directory->files[i].action == LAM_JOURNAL_REMOVE) return true;
  }
  return false;
}

static enum lam_status make_retired(struct apply *apply, const struct lam_journal_directory *directory,
                                    struct lam_error *error) {
  if (!has_removed(directory)) return LAM_OK;
  char folder[48], *key;
  snprintf(folder, sizeof folder, "retired/%" PRIu64, apply->journal->sequence);
  if (!*directory->key) return lam_store_make_directories(apply->meta, folder, error);
  LAM_TRY(lam_key_join(apply->arena, folder, directory->key, "", &key, error));
  return lam_store_make_directories(apply->meta, key, error);
}

/* Moves a file that was looked at a moment ago to its place in retired/. What somebody put in its place since is put
 * back. */
static enum lam_status retire(struct apply *apply, struct lam_store *from, const char *from_key,
                              const struct lam_journal_directory *directory, const struct lam_journal_file *file,
                              struct lam_error *error) {
  char *key, *retired;
  bool planned;
  LAM_TRY(lam_key_join(apply->arena, directory->key, file->name, "", &key, error));
  LAM_TRY(lam_retired_key(apply->arena, apply->journal->sequence, key, &retired, error));
  enum lam_status status = from->ops->rename(from, from_key, apply->meta, retired, error);
  if (status == LAM_EXISTS) return from->ops->remove(from, from_key, error); /* a link to what is retired already */
  LAM_TRY(status);
  LAM_TRY(is_at(apply->meta, retired, file->identity, &planned, error));
  return planned ? LAM_OK : bring_back(apply, apply->meta, retired, directory->key, file->name, error);
}

/* ---- a directory whose files are renamed one by one ---- */

static enum lam_status remove_one(struct apply *apply, const struct lam_journal_directory *directory,
                                  const struct lam_journal_file *file, struct lam_error *error) {
  char *key;
  bool planned;
  LAM_TRY(lam_key_join(apply->arena, directory->key, file->name, "", &key, error));
  LAM_TRY(is_at(apply->data, key, file->identity, &planned, error));
  if (!planned) return LAM_OK; /* done before, or rewritten by somebody, whose file it is now */
  apply->counts->files_moved++;
  return retire(apply, apply->data, key, directory, file, error);
}

static enum lam_status add_one(struct apply *apply, const struct lam_journal_directory *directory,
                               const struct lam_journal_file *file, struct lam_error *error) {
  char *staged, *key;
  bool planned;
  LAM_TRY(lam_journal_staged_key(apply->arena, directory, file->name, &staged, error));
  LAM_TRY(lam_key_join(apply->arena, directory->key, file->name, "", &key, error));
  LAM_TRY(is_at(apply->meta, staged, file->identity, &planned, error));
  if (!planned) return LAM_OK; /* done before: lam_apply_check has looked */
  LAM_TRY(lam_store_make_directories(apply->data, directory->key, error));
  apply->counts->files_moved++;
  enum lam_status status = apply->meta->ops->rename(apply->meta, staged, apply->data, key, error);
  if (status != LAM_EXISTS) return status;
  LAM_TRY(is_at(apply->data, key, file->identity, &planned, error));
  if (planned) return apply->meta->ops->remove(apply->meta, staged, error); /* a rename made of link and remove */
  return bring_back(apply, apply->meta, staged, directory->key, file->name, error);
}

/* Old files go before new ones come: a plain reader may see fewer rows for a moment, and none twice. */
static enum lam_status apply_files(struct apply *apply, const struct lam_journal_directory *directory,
                                   struct lam_error *error) {
  for (size_t i = 0; i < directory->file_count; i++) {
    if (directory->files[i].action == LAM_JOURNAL_REMOVE)
      LAM_TRY(remove_one(apply, directory, &directory->files[i], error));
  }
  for (size_t i = 0; i < directory->file_count; i++) {
    if (directory->files[i].action == LAM_JOURNAL_ADD) LAM_TRY(add_one(apply, directory, &directory->files[i], error));
  }
  return LAM_OK; /* what is left in the staged directory goes with the stage */
}

/* ---- a directory that is swapped whole ---- */

/* A file found in the old directory, which is out of the table now. */
static enum lam_status settle_entry(struct apply *apply, const struct lam_journal_directory *directory,
                                    const struct lam_entry *entry, struct lam_error *error) {
  char *old, *live;
  struct lam_object_info info;
  bool there;
  struct lam_identity identity = lam_identity_of(&entry->info);
  const struct lam_journal_file *file =
      entry->info.kind == LAM_OBJECT_FILE ? lam_journal_find(directory, entry->name, identity) : NULL;
  LAM_TRY(lam_key_join(apply->arena, directory->staged, entry->name, "", &old, error));
  if (file && file->action == LAM_JOURNAL_REMOVE) return retire(apply, apply->meta, old, directory, file, error);
  if (file && file->action != LAM_JOURNAL_ADD) return apply->meta->ops->remove(apply->meta, old, error);

  /* Not planned: it arrived, or was rewritten, after the plan. */
  LAM_TRY(lam_key_join(apply->arena, directory->key, entry->name, "", &live, error));
  LAM_TRY(lam_stat(apply->data, live, &there, &info, error));
  if (there && info.inode == identity.inode) return apply->meta->ops->remove(apply->meta, old, error);
  file = there ? lam_journal_find(directory, entry->name, lam_identity_of(&info)) : NULL;
  bool kept = file && (file->action == LAM_JOURNAL_KEEP || file->action == LAM_JOURNAL_APPEND);
  if (kept && entry->info.kind == LAM_OBJECT_FILE)
    return apply->meta->ops->replace(apply->meta, old, apply->data, live, error); /* a newer version of what we kept */
  return bring_back(apply, apply->meta, old, directory->key, entry->name, error);
}

/* Empties the old directory and removes it. Programs that have it open may still put files there. */
static enum lam_status settle(struct apply *apply, const struct lam_journal_directory *directory,
                              struct lam_error *error) {
  enum lam_status status = LAM_OK;
  for (int i = 0; i < SETTLE_TRIES; i++) {
    struct lam_entries entries;
    status = lam_list(apply->meta, directory->staged, apply->arena, &entries, error);
    if (status != LAM_OK) return status == LAM_NOT_FOUND ? LAM_OK : status;
    for (size_t j = 0; j < entries.count; j++) LAM_TRY(settle_entry(apply, directory, &entries.items[j], error));
    status = apply->meta->ops->remove_directory(apply->meta, directory->staged, error);
    if (status == LAM_NOT_FOUND) return LAM_OK;
    if (status != LAM_EXISTS) return status;
  }
  return status;
}

struct places {
  bool live_there, staged_there;
  struct lam_object_info live, staged;
};

static enum lam_status look(struct apply *apply, const struct lam_journal_directory *directory, struct places *out,
                            struct lam_error *error) {
  LAM_TRY(lam_stat(apply->data, directory->key, &out->live_there, &out->live, error));
  return lam_stat(apply->meta, directory->staged, &out->staged_there, &out->staged, error);
}

/* Where the exchange could not be had, and renaming the files one by one was stopped, the prepared directory is not
 * whole any more: were it swapped now that it can be, files would be lost. */
static enum lam_status is_whole(struct apply *apply, const struct lam_journal_directory *directory, bool *out,
                                struct lam_error *error) {
  struct lam_entries entries;
  LAM_TRY(lam_list(apply->meta, directory->staged, apply->arena, &entries, error));
  *out = true;
  for (size_t i = 0; i < directory->file_count && *out; i++) {
    const struct lam_journal_file *file = &directory->files[i];
    if (file->action != LAM_JOURNAL_REMOVE) *out = lam_entry_find(&entries, file->name) != NULL;
  }
  return LAM_OK;
}

/* What another program has removed since the directory was prepared is not brought back by the link that was made. */
static enum lam_status drop_removed(struct apply *apply, const struct lam_journal_directory *directory,
                                    struct lam_error *error) {
  struct lam_entries entries;
  LAM_TRY(lam_list(apply->data, directory->key, apply->arena, &entries, error));
  for (size_t i = 0; i < directory->file_count; i++) {
    const struct lam_journal_file *file = &directory->files[i];
    char *link;
    if (file->action == LAM_JOURNAL_ADD || file->action == LAM_JOURNAL_REMOVE) continue;
    if (lam_entry_find(&entries, file->name)) continue;
    LAM_TRY(lam_key_join(apply->arena, directory->staged, file->name, "", &link, error));
    enum lam_status status = apply->meta->ops->remove(apply->meta, link, error);
    if (status != LAM_OK && status != LAM_NOT_FOUND) return status;
  }
  return LAM_OK;
}

static enum lam_status apply_exchange(struct apply *apply, const struct lam_journal_directory *directory,
                                      struct lam_error *error) {
  struct places places;
  LAM_TRY(look(apply, directory, &places, error));
  if (places.live_there && places.live.inode == directory->new_inode) return LAM_OK;
  bool prepared = places.staged_there && places.staged.inode == directory->new_inode;
  if (prepared && apply->replay) LAM_TRY(is_whole(apply, directory, &prepared, error));
  /* In place of a directory that another program has put there, the files that stay of ours would come back. */
  if (!prepared || !places.live_there || places.live.inode != directory->old_inode)
    return apply_files(apply, directory, error);
  LAM_TRY(drop_removed(apply, directory, error));
  enum lam_status status =
      apply->meta->ops->exchange(apply->meta, directory->staged, apply->data, directory->key, error);
  if (status == LAM_UNSUPPORTED) {
    lam_log(apply->directory->context, LAM_LOG_INFO, "'%s/%s' cannot be exchanged; its files are renamed one by one",
            apply->data->root, directory->key);
    return apply_files(apply, directory, error);
  }
  if (status == LAM_OK) apply->counts->directories_exchanged++;
  return status;
}

static enum lam_status apply_new(struct apply *apply, const struct lam_journal_directory *directory,
                                 struct lam_error *error) {
  struct places places;
  LAM_TRY(look(apply, directory, &places, error));
  if (places.live_there && places.live.inode == directory->new_inode) return LAM_OK;
  if (places.live_there || !places.staged_there || places.staged.inode != directory->new_inode)
    return apply_files(apply, directory, error);
  enum lam_status status = apply->meta->ops->rename(apply->meta, directory->staged, apply->data, directory->key, error);
  if (status == LAM_EXISTS) return apply_files(apply, directory, error); /* made by somebody meanwhile */
  if (status == LAM_OK) apply->counts->directories_new++;
  return status;
}

/* A directory that was left without any file goes, and those above it that it was all of. Whatever keeps one is
 * reason enough to leave it. */
static void remove_emptied(struct apply *apply, const struct lam_journal_directory *directory) {
  bool data_removed = false;
  for (size_t i = 0; i < directory->file_count; i++) {
    if (directory->files[i].action != LAM_JOURNAL_REMOVE) return;
    data_removed = data_removed || lam_is_data_name(directory->files[i].name);
  }
  const char *key = directory->key;
  while (data_removed && *key) {
    char *parent;
    enum lam_status status = apply->data->ops->remove_directory(apply->data, key, NULL);
    /* One that is gone was removed by whoever was stopped before it came to those above. */
    if (status != LAM_OK && status != LAM_NOT_FOUND) return;
    if (lam_key_directory(apply->arena, key, &parent, NULL) != LAM_OK) return;
    key = parent;
  }
}

/* The directories above a new one. */
static enum lam_status make_above(struct apply *apply, const struct lam_journal_directory *directory,
                                  struct lam_error *error) {
  char *parent;
  bool there;
  if (directory->how != LAM_JOURNAL_NEW) return LAM_OK;
  LAM_TRY(lam_key_directory(apply->arena, directory->key, &parent, error));
  if (!*parent) return LAM_OK;
  LAM_TRY(lam_store_exists(apply->data, parent, &there, error));
  if (!there || apply->replay) apply->counts->made_above = true;
  return there ? LAM_OK : lam_store_make_directories(apply->data, parent, error);
}

static enum lam_status put_in_place(struct apply *apply, const struct lam_journal_directory *directory,
                                    struct lam_error *error) {
  LAM_TRY(make_retired(apply, directory, error));
  switch (directory->how) {
    case LAM_JOURNAL_EXCHANGE: return apply_exchange(apply, directory, error);
    case LAM_JOURNAL_NEW: return apply_new(apply, directory, error);
    case LAM_JOURNAL_FILES: return apply_files(apply, directory, error);
  }
  return LAM_OK;
}

static enum lam_status clear_away(struct apply *apply, const struct lam_journal_directory *directory,
                                  struct lam_error *error) {
  if (directory->how == LAM_JOURNAL_EXCHANGE) {
    struct places places;
    LAM_TRY(look(apply, directory, &places, error));
    if (places.live_there && places.live.inode == directory->new_inode) LAM_TRY(settle(apply, directory, error));
  }
  remove_emptied(apply, directory);
  return LAM_OK;
}

typedef enum lam_status (*step_fn)(struct apply *apply, const struct lam_journal_directory *directory,
                                   struct lam_error *error);

struct steps {
  const struct apply *apply;
  step_fn step;
};

static enum lam_status run_step(void *user, size_t index, struct lam_error *error) {
  const struct steps *steps = user;
  struct apply apply = *steps->apply;
  struct lam_arena arena;
  lam_arena_init(&arena, apply.directory->mem);
  apply.arena = &arena;
  enum lam_status status = steps->step(&apply, &apply.journal->directories[index], error);
  lam_arena_release(&arena);
  return status;
}

/* Directories of a journal have nothing to do with one another, but for those above them: side by side. */
static enum lam_status for_each(const struct apply *apply, uint32_t width, step_fn step, struct lam_error *error) {
  struct lam_pool *pool = lam_context_pool(apply->directory->context);
  struct steps steps = {apply, step};
  return lam_pool_run(pool, apply->journal->directory_count, width, run_step, &steps, error);
}

/* ---- the whole ---- */

static enum lam_status note_retired(struct lam_head *head, const struct lam_journal *journal, struct lam_error *error) {
  bool any = false;
  for (size_t i = 0; i < journal->directory_count; i++) any = any || has_removed(&journal->directories[i]);
  for (size_t i = 0; i < head->retired_count; i++) any = any && head->retired[i].sequence != journal->sequence;
  if (!any) return LAM_OK;
  void *memory;
  LAM_TRY(lam_arena_array(&head->arena, head->retired_count + 1, sizeof *head->retired, &memory, error));
  lam_copy(memory, head->retired, head->retired_count * sizeof *head->retired);
  head->retired = memory;
  head->retired[head->retired_count++] = (struct lam_head_retired){journal->sequence, journal->time};
  return LAM_OK;
}

enum lam_status lam_journal_remove(struct lam_directory *directory, struct lam_error *error) {
  struct lam_store *meta = directory->meta;
  enum lam_status status = meta->ops->remove(meta, LAM_JOURNAL_KEY, error);
  return status == LAM_NOT_FOUND ? LAM_OK : status;
}

/* What has been applied and the head's bytes become durable together, before the head has its name. */
static enum lam_status settle_head(struct apply *apply, const struct lam_head *head, bool no_sync,
                                   struct lam_error *error) {
  struct lam_put put;
  LAM_TRY(lam_head_begin(apply->directory, head, &put, error));
  enum lam_status status = no_sync ? LAM_OK : apply->meta->ops->sync_all(apply->meta, error);
  if (status == LAM_OK) status = lam_store_put_end(&put, error);
  if (status != LAM_OK) lam_store_put_drop(&put);
  return status;
}

static enum lam_status apply_all(struct apply *apply, struct lam_head *head, bool no_sync, struct lam_error *error) {
  const struct lam_journal *journal = apply->journal;
  bool exchanges = false;
  for (size_t i = 0; i < journal->directory_count; i++)
    exchanges = exchanges || journal->directories[i].how == LAM_JOURNAL_EXCHANGE;
  LAM_TRY(for_each(apply, 1, make_above, error));
  if (!no_sync && apply->counts->made_above) LAM_TRY(apply->meta->ops->sync_all(apply->meta, error));
  LAM_TRY(for_each(apply, 0, put_in_place, error));
  /* An exchange must not be lost by a power cut that spares the emptying of the old directory, which would be the live
   * one again. Data and state are on one file system: one call is for both. */
  if (!no_sync && exchanges) LAM_TRY(apply->meta->ops->sync_all(apply->meta, error));
  LAM_TRY(for_each(apply, 0, clear_away, error));
  lam_sidecars_apply(apply->directory, journal);
  LAM_TRY(note_retired(head, journal, error));
  LAM_TRY(lam_in_place_note(head, journal, error));
  head->sequence = lam_max_u64(head->sequence, journal->sequence);
  LAM_TRY(settle_head(apply, head, no_sync, error));
  return lam_journal_remove(apply->directory, error);
}

enum lam_status lam_apply(struct lam_directory *directory, const struct lam_journal *journal, struct lam_head *head,
                          bool replay, bool no_sync, struct lam_commit_result *result, struct lam_error *error) {
  struct counts counts = {.made_above = false};
  struct apply apply = {.replay = replay,
                        .directory = directory,
                        .data = directory->data,
                        .meta = directory->meta,
                        .journal = journal,
                        .counts = &counts};
  enum lam_status status = apply_all(&apply, head, no_sync, error);
  result->directories_exchanged += counts.directories_exchanged;
  result->directories_new += counts.directories_new;
  result->files_moved += counts.files_moved;
  return status;
}

/* ---- before a replay ---- */

/* A table copied with its state has the journal's files under other inodes: nothing of it could be told from what
 * others have written, and the new files would be swept. */
static enum lam_status check_copied(const struct apply *apply, const struct lam_journal_directory *directory,
                                    const struct places *places, struct lam_error *error) {
  uint64_t inode = places->staged.inode;
  if (!places->staged_there || !directory->new_inode || inode == directory->new_inode || inode == directory->old_inode)
    return LAM_OK;
  return lam_fail(error, LAM_CORRUPT,
                  "the commit %" PRIu64
                  " of '%s' cannot be finished: table and state were copied while it was under way ('%s/%s' is not the "
                  "directory that it prepared). Nothing was done. Have it finished where it was begun (any change "
                  "does) and copy again",
                  apply->journal->sequence, apply->directory->name, apply->meta->root, directory->staged);
}

static enum lam_status check_directory(struct apply *apply, const struct lam_journal_directory *directory,
                                       struct lam_error *error) {
  struct places places;
  char *staged, *key;
  const char *missing = NULL;
  bool found, removed_live = false;
  LAM_TRY(look(apply, directory, &places, error));
  if (places.live_there && places.live.inode == directory->new_inode) return LAM_OK;
  LAM_TRY(check_copied(apply, directory, &places, error));
  for (size_t i = 0; i < directory->file_count; i++) {
    const struct lam_journal_file *file = &directory->files[i];
    LAM_TRY(lam_key_join(apply->arena, directory->key, file->name, "", &key, error));
    LAM_TRY(is_at(apply->data, key, file->identity, &found, error));
    if (file->action == LAM_JOURNAL_REMOVE) removed_live = removed_live || found;
    if (file->action != LAM_JOURNAL_ADD || found) continue;
    LAM_TRY(lam_journal_staged_key(apply->arena, directory, file->name, &staged, error));
    LAM_TRY(is_at(apply->meta, staged, file->identity, &found, error));
    if (!found) missing = staged;
  }
  if (!missing) return LAM_OK;
  if (!removed_live) {
    /* Nothing of the directory is left to lose: the file was there, and somebody has changed or removed it since. */
    lam_log(apply->directory->context, LAM_LOG_WARN, "'%s/%s' was to be added to '%s' and is gone", apply->meta->root,
            missing, directory->key);
    return LAM_OK;
  }
  return lam_fail(error, LAM_CORRUPT,
                  "the commit %" PRIu64
                  " of '%s' cannot be finished: '%s/%s', which it adds, is gone or changed. Nothing was done. Put the "
                  "file back, or remove '%s/" LAM_JOURNAL_KEY
                  "' to give the commit up (partitions that it had changed already keep their new files)",
                  apply->journal->sequence, apply->directory->name, apply->meta->root, missing, apply->meta->root);
}

enum lam_status lam_apply_check(struct lam_directory *directory, const struct lam_journal *journal,
                                struct lam_error *error) {
  const struct apply apply = {
      .directory = directory, .data = directory->data, .meta = directory->meta, .journal = journal};
  return for_each(&apply, 0, check_directory, error);
}
