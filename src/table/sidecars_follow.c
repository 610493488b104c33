/* Sidecars in step with commits, and without those of files that are gone. */
#include <stdio.h>

#include "base/context.h"
#include "base/threads.h"
#include "table/sidecars.h"

static void log_failure(const struct lam_directory *directory, const struct lam_store *store, const char *key,
                        const struct lam_error *why) {
  lam_log(directory->context, LAM_LOG_INFO, "the sidecar %s/%s is left to be made anew: %s", store->root, key,
          why->message);
}

/* ---- with a commit ---- */

static bool staged_key(const char *change, const char *key, char out[LAM_KEY_MAX + 1]) {
  return snprintf(out, LAM_KEY_MAX + 1, "stage/%s/" LAM_SIDECARS_KEY "/%s._pm", change, key) <= LAM_KEY_MAX;
}

void lam_sidecar_stage(const struct lam_stage *stage, struct lam_file *file, const char *key, struct lam_mem *mem) {
  struct lam_directory *directory = stage->directory;
  struct lam_error why = LAM_ERROR_INIT;
  char staged[LAM_KEY_MAX + 1];
  bool kept, writable;
  lam_sidecars_kept(directory, &kept, &writable);
  if (!writable || !staged_key(stage->id, key, staged)) return;
  if (lam_sidecar_make(file, false, directory->meta, staged, mem, NULL, &why) != LAM_OK)
    log_failure(directory, directory->meta, staged, &why);
}

/* The sidecar of one file of a commit. */
static enum lam_status apply_one(struct lam_directory *directory, const char *change, const char *key, bool removed,
                                 struct lam_error *error) {
  struct lam_store *meta = directory->meta;
  char staged[LAM_KEY_MAX + 1], place[LAM_KEY_MAX + 1], parent[LAM_KEY_MAX + 1];
  bool there;
  if (!lam_sidecar_place(directory, key, &meta, place) || !staged_key(change, key, staged)) return LAM_OK;
  if (removed) {
    enum lam_status status = meta->ops->remove(meta, place, error);
    return status == LAM_NOT_FOUND ? LAM_OK : status;
  }
  LAM_TRY(lam_store_exists(meta, staged, &there, error));
  if (!there) return LAM_OK;
  snprintf(parent, sizeof parent, "%.*s", (int)(strrchr(place, '/') - place), place);
  LAM_TRY(lam_store_make_directories(meta, parent, error));
  return meta->ops->replace(meta, staged, meta, place, error);
}

static void apply_directory(struct lam_directory *directory, const char *change,
                            const struct lam_journal_directory *of) {
  for (size_t i = 0; i < of->file_count; i++) {
    const struct lam_journal_file *file = &of->files[i];
    struct lam_error why = LAM_ERROR_INIT;
    char key[LAM_KEY_MAX + 1];
    bool again = (i > 0 && strcmp(file[-1].name, file->name) == 0) ||
                 (i + 1 < of->file_count && strcmp(file[1].name, file->name) == 0);
    bool removed = file->action == LAM_JOURNAL_REMOVE;
    if ((!removed && file->action != LAM_JOURNAL_ADD) || (removed && again)) continue;
    if (snprintf(key, sizeof key, "%s%s%s", of->key, *of->key ? "/" : "", file->name) > LAM_KEY_MAX) continue;
    if (apply_one(directory, change, key, removed, &why) != LAM_OK) log_failure(directory, directory->meta, key, &why);
  }
}

void lam_sidecars_apply(struct lam_directory *directory, const struct lam_journal *journal) {
  bool kept, writable;
  lam_sidecars_kept(directory, &kept, &writable);
  for (size_t i = 0; writable && i < journal->directory_count; i++)
    apply_directory(directory, journal->change, &journal->directories[i]);
}

/* ---- after it ---- */

struct following {
  struct lam_directory *directory;
  const struct lam_change *change;
};

static enum lam_status make_added(void *user, size_t index, struct lam_error *error) {
  const struct following *following = user;
  struct lam_directory *directory = following->directory;
  const struct lam_change_add *add = &following->change->adds[index];
  struct lam_error why = LAM_ERROR_INIT;
  struct lam_store *store;
  struct lam_file *file;
  char sidecar[LAM_KEY_MAX + 1];
  bool there;
  (void)error;
  if (!lam_sidecar_place(directory, add->key, &store, sidecar)) return LAM_OK;
  enum lam_status status = lam_store_exists(store, sidecar, &there, &why);
  if (status == LAM_OK && there && !add->as_is) return LAM_OK;
  if (status == LAM_OK) status = lam_file_open_in(directory->data, add->key, NULL, directory->mem, &file, &why);
  if (status == LAM_OK) {
    status = lam_sidecar_make(file, false, store, sidecar, directory->mem, NULL, &why);
    lam_file_close(file);
  }
  if (status != LAM_OK) log_failure(directory, store, sidecar, &why);
  return LAM_OK;
}

void lam_sidecars_follow(struct lam_directory *directory, const struct lam_change *change) {
  struct following following = {directory, change};
  bool kept, writable;
  lam_sidecars_kept(directory, &kept, &writable);
  if (writable) lam_pool_run(lam_context_pool(directory->context), change->add_count, 0, make_added, &following, NULL);
}

/* ---- orphans ---- */

enum { DEEPEST = 64, OLD_SECONDS = 3600 };

struct entry {
  bool is_directory;
  int64_t mtime_ns;
  char name[256];
};
struct sweep {
  struct lam_directory *directory;
  struct lam_buf entries;
  uint64_t removed;
};

static enum lam_status keep_entry(void *user, const char *name, const struct lam_object_info *info,
                                  struct lam_error *error) {
  struct sweep *sweep = user;
  struct entry entry = {info->kind == LAM_OBJECT_DIRECTORY, info->mtime_ns, ""};
  if (strlen(name) >= sizeof entry.name) return LAM_OK;
  memcpy(entry.name, name, strlen(name) + 1);
  return lam_buf_append(&sweep->entries, &entry, sizeof entry, error);
}

/* A sidecar without its file, or what a crash has left of one that was being put. */
static bool is_orphan(const struct sweep *sweep, const char *key, const struct entry *entry) {
  static const char suffix[] = "._pm";
  char file[LAM_KEY_MAX + 1];
  bool there = true;
  size_t size = strlen(key), tail = sizeof suffix - 1;
  if (strstr(entry->name, LAM_STORE_TEMPORARY))
    return sweep->directory->now() - entry->mtime_ns / 1000000000 > OLD_SECONDS;
  if (size <= tail || strcmp(key + size - tail, suffix) != 0) return false;
  snprintf(file, sizeof file, "%.*s", (int)(size - tail - sizeof LAM_SIDECARS_KEY), key + sizeof LAM_SIDECARS_KEY);
  return lam_store_exists(sweep->directory->data, file, &there, NULL) == LAM_OK && !there;
}

static enum lam_status sweep_directory(struct sweep *sweep, const char *key, int depth, struct lam_error *error) {
  struct lam_store *meta = sweep->directory->meta;
  size_t first = sweep->entries.size;
  enum lam_status status = meta->ops->list(meta, key, keep_entry, sweep, error);
  size_t end = sweep->entries.size;
  for (size_t at = first; status == LAM_OK && at < end; at += sizeof(struct entry)) {
    struct entry entry;
    char child[LAM_KEY_MAX + 1];
    memcpy(&entry, sweep->entries.data + at, sizeof entry);
    if (snprintf(child, sizeof child, "%s/%s", key, entry.name) > LAM_KEY_MAX) continue;
    if (entry.is_directory) {
      if (depth < DEEPEST) status = sweep_directory(sweep, child, depth + 1, error);
      if (status == LAM_OK) meta->ops->remove_directory(meta, child, NULL); /* if nothing is left in it */
    } else if (is_orphan(sweep, child, &entry)) {
      status = meta->ops->remove(meta, child, error);
      if (status == LAM_NOT_FOUND) status = LAM_OK;
      sweep->removed++;
    }
  }
  sweep->entries.size = first;
  return status;
}

enum lam_status lam_sidecars_sweep(struct lam_directory *directory, uint64_t *removed, struct lam_error *error) {
  struct sweep sweep = {.directory = directory};
  bool kept, writable;
  *removed = 0;
  lam_sidecars_kept(directory, &kept, &writable);
  if (!writable) return LAM_OK;
  lam_buf_init(&sweep.entries, directory->mem);
  enum lam_status status = sweep_directory(&sweep, LAM_SIDECARS_KEY, 0, error);
  lam_buf_release(&sweep.entries);
  *removed = sweep.removed;
  return status;
}
