#include "table/root.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/context.h"
#include "table/journal.h"
#include "table/listing.h"
#include "table/sweep.h"

struct root {
  struct lam_stage *stage;
  struct lam_directory *directory;
  const struct lam_change *change;
  const struct lam_commit_options *options;
  struct lam_commit_result *result;
  struct lam_store *parent; /* of the table's directory, which is called `name` there */
  const char *name;
  char *path; /* for both; NULL where the directory has them */
  char *tree; /* key of the new root in the meta store */
  struct lam_arena arena;
};

/* Somebody may have made the table since it was looked at. */
static enum lam_status check_empty(struct root *root, struct lam_error *error) {
  struct lam_directory *directory = root->directory;
  struct lam_entries entries;
  bool journal;
  LAM_TRY(lam_store_exists(directory->meta, LAM_JOURNAL_KEY, &journal, error));
  LAM_TRY(lam_list(directory->data, "", &root->arena, &entries, error));
  if (!journal && entries.count == 0) return LAM_OK;
  return lam_fail(error, LAM_CONFLICT, "'%s' was empty and is not any more: '%s' was written meanwhile",
                  directory->name, entries.count ? entries.items[0].name : LAM_JOURNAL_KEY);
}

/* Gives the staged files their names below the new root, where only their names are new; their directories, where they
 * were not staged in them. */
static enum lam_status make_tree(struct root *root, struct lam_error *error) {
  struct lam_store *meta = root->directory->meta;
  char *last = NULL;
  LAM_TRY(lam_key_join(&root->arena, root->stage->prefix, LAM_STAGE_TREE, "", &root->tree, error));
  LAM_TRY(lam_store_make_directories(meta, root->tree, error));
  for (size_t i = 0; i < root->change->add_count; i++) {
    const struct lam_change_add *add = &root->change->adds[i];
    char *key, *directory;
    LAM_TRY(lam_key_join(&root->arena, root->tree, add->key, "", &key, error));
    LAM_TRY(lam_key_directory(&root->arena, key, &directory, error));
    if (!root->stage->as_tree && (!last || strcmp(last, directory) != 0))
      LAM_TRY(lam_store_make_directories(meta, directory, error));
    last = directory;
    LAM_TRY(meta->ops->rename(meta, add->staged, meta, key, error));
  }
  return LAM_OK;
}

/* The commit point is the rename, which takes the place of the empty directory. */
static enum lam_status swap_in(struct root *root, struct lam_error *error) {
  struct lam_directory *directory = root->directory;
  struct lam_store *meta = directory->meta, *parent = root->parent;
  LAM_TRY(meta->ops->copy_attributes(directory->data, "", meta, root->tree, error));
  LAM_TRY(lam_check_cancel(directory->context, error));
  enum lam_status status = meta->ops->replace(meta, root->tree, parent, root->name, error);
  if (status == LAM_EXISTS)
    return lam_fail(error, LAM_CONFLICT, "'%s' was empty and is not any more: another writer came; nothing was changed",
                    directory->name);
  LAM_TRY(status);
  root->result->committed = true;
  return root->options->no_sync ? LAM_OK : parent->ops->sync_directory(parent, "", error);
}

static enum lam_status commit_locked(struct root *root, struct lam_error *error) {
  struct lam_directory *directory = root->directory;
  struct lam_store *meta = directory->meta;
  struct lam_head head;
  bool no_sync = root->options->no_sync;
  LAM_TRY(check_empty(root, error));
  if (!no_sync) LAM_TRY(meta->ops->sync_all(meta, error)); /* contents before names */
  LAM_TRY(make_tree(root, error));
  if (!no_sync) LAM_TRY(meta->ops->sync_all(meta, error));
  LAM_TRY(lam_head_have(directory, &head, error));
  enum lam_status status = swap_in(root, error);
  if (status == LAM_OK) {
    head.sequence++;
    status = lam_head_write(directory, &head, error);
  }
  if (root->result->committed) root->result->sequence = head.sequence;
  root->result->applied = status == LAM_OK;
  root->result->directories_new = 1;
  lam_head_release(&head);
  return status;
}

static enum lam_status stop(void *user, const char *name, const struct lam_object_info *info, struct lam_error *error) {
  (void)user, (void)name, (void)info, (void)error;
  return LAM_EXISTS;
}

/* What holds the table's directory, by its resolved path. False where the stores are not of the file system. */
static bool find_parent(struct root *root, struct lam_error *error) {
  struct lam_directory *directory = root->directory;
  if (directory->parent) {
    root->parent = directory->parent;
    root->name = directory->root_name;
    return true;
  }
  if (strcmp(directory->data->ops->kind, "local") != 0) return false;
  root->path = realpath(directory->data->root, NULL);
  char *slash = root->path ? strrchr(root->path, '/') : NULL;
  if (!slash || !slash[1]) return false;
  *slash = 0;
  root->name = slash + 1;
  return lam_store_local(directory->context, *root->path ? root->path : "/", &root->parent, error) == LAM_OK;
}

/* Whether the table's directory can be replaced: it is empty, and no mount point. */
static bool can_replace(const struct root *root) {
  struct lam_store *data = root->directory->data, *parent = root->parent;
  struct lam_object_info own, above;
  return parent->ops->stat(parent, "", &above, NULL) == LAM_OK && data->ops->stat(data, "", &own, NULL) == LAM_OK &&
         own.device == above.device && data->ops->list(data, "", stop, NULL, NULL) == LAM_OK;
}

static void close_parent(struct root *root) {
  if (root->parent != root->directory->parent) lam_store_close(root->parent);
  free(root->path);
}

enum lam_status lam_commit_root(struct lam_stage *stage, const struct lam_change *change,
                                const struct lam_commit_options *options, struct lam_commit_result *result,
                                struct lam_error *error) {
  struct root root = {
      .stage = stage, .directory = stage->directory, .change = change, .options = options, .result = result};
  struct lam_store *meta = stage->directory->meta;
  struct lam_lock *lock;
  if (change->add_count == 0 || change->remove_count || !find_parent(&root, NULL) || !can_replace(&root)) {
    close_parent(&root);
    return lam_commit(stage, change, options, result, error);
  }
  *result = (struct lam_commit_result){0};
  lam_arena_init(&root.arena, stage->directory->mem);
  enum lam_status status = meta->ops->lock(meta, LAM_LOCK_KEY, !options->no_wait, &lock, error);
  if (status == LAM_OK) {
    status = commit_locked(&root, error);
    meta->ops->unlock(lock);
  }
  lam_arena_release(&root.arena);
  close_parent(&root);
  return status;
}
