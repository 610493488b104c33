/* Sidecars in step with commits, and without those of files that are gone. */
#include <stdio.h>

#include "base/context.h"
#include "base/threads.h"
#include "table/sidecars.h"

/* ---- after a commit ---- */

struct following {
  struct lam_directory *directory;
  const struct lam_change *change;
};

static void log_failure(const struct lam_directory *directory, const struct lam_store *store, const char *key,
                        const struct lam_error *why) {
  lam_log(directory->context, LAM_LOG_INFO, "the sidecar %s/%s is left to be made anew: %s", store->root, key,
          why->message);
}

static enum lam_status make_added(void *user, size_t index, struct lam_error *error) {
  const struct following *following = user;
  struct lam_directory *directory = following->directory;
  const char *key = following->change->adds[index].key;
  struct lam_error why = LAM_ERROR_INIT;
  struct lam_store *store;
  struct lam_file *file;
  char sidecar[LAM_KEY_MAX + 1];
  (void)error;
  if (!lam_sidecar_place(directory, key, &store, sidecar)) return LAM_OK;
  enum lam_status status = lam_file_open_in(directory->data, key, NULL, directory->mem, &file, &why);
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
  if (!writable) return;
  for (size_t i = 0; i < change->remove_count; i++) {
    struct lam_error why = LAM_ERROR_INIT;
    struct lam_store *store;
    char key[LAM_KEY_MAX + 1];
    if (!lam_sidecar_place(directory, change->removes[i].key, &store, key)) continue;
    enum lam_status status = store->ops->remove(store, key, &why);
    if (status != LAM_OK && status != LAM_NOT_FOUND) log_failure(directory, store, key, &why);
  }
  lam_pool_run(lam_context_pool(directory->context), change->add_count, 0, make_added, &following, NULL);
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
