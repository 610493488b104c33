#include "table/backup.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/context.h"
#include "base/uuid.h"
#include "table/listing.h"

enum { COPY_WINDOW = 1 << 20 };

struct backup {
  struct lam_directory *directory;
  struct lam_store *store;
  const char *folder;
  struct lam_arena *arena;
};

enum lam_status lam_backup_open(struct lam_directory *directory, const char *path, struct lam_store **out,
                                struct lam_error *error) {
  LAM_TRY(lam_store_local(directory->context, path, out, error));
  enum lam_status status = (*out)->ops->make_directory(*out, "", error);
  const bool made = status == LAM_OK;
  if (status == LAM_EXISTS) status = LAM_OK;
  if (status == LAM_OK) {
    const struct lam_store *inside[] = {directory->data, directory->meta};
    char *to = realpath(path, NULL);
    for (int i = 0; to && i < 2 && status == LAM_OK; i++) {
      char *root = inside[i] ? realpath(inside[i]->root, NULL) : NULL;
      size_t size = root ? strlen(root) : 0;
      if (root && strncmp(to, root, size) == 0 && (to[size] == 0 || to[size] == '/'))
        status = lam_fail(error, LAM_INVALID, "the backup directory '%s' is inside '%s'; a backup must lie outside",
                          path, root);
      free(root);
    }
    free(to);
  }
  if (status == LAM_OK) return LAM_OK;
  if (made) (*out)->ops->remove_directory(*out, "", NULL);
  lam_store_close(*out);
  *out = NULL;
  return status;
}

static enum lam_status copy_bytes(struct backup *backup, struct lam_input *input, uint64_t size,
                                  struct lam_output *output, struct lam_error *error) {
  struct lam_store *from = backup->directory->data;
  size_t window = (size_t)lam_min_u64(size, COPY_WINDOW);
  void *bytes;
  LAM_TRY(lam_alloc(backup->directory->mem, window, &bytes, error));
  enum lam_status status = LAM_OK;
  for (uint64_t at = 0; at < size && status == LAM_OK; at += window) {
    size_t count = (size_t)lam_min_u64(window, size - at);
    status = lam_check_cancel(backup->directory->context, error);
    if (status == LAM_OK) status = from->ops->read(input, at, bytes, count, error);
    if (status == LAM_OK) status = backup->store->ops->write(output, bytes, count, error);
  }
  lam_free(backup->directory->mem, bytes, window);
  return status;
}

static enum lam_status copy_file(struct backup *backup, const char *key, const char *to, struct lam_error *error) {
  struct lam_store *from = backup->directory->data, *store = backup->store;
  struct lam_input *input;
  struct lam_output *output;
  struct lam_object_info info;
  LAM_TRY(from->ops->open(from, key, &input, &info, error));
  enum lam_status status = store->ops->create(store, to, &output, error);
  if (status == LAM_OK) {
    status = copy_bytes(backup, input, info.size, output, error);
    enum lam_status closed = store->ops->close_output(output, status == LAM_OK ? error : NULL);
    if (status == LAM_OK) status = closed;
  }
  from->ops->close_input(input);
  if (status == LAM_OK && strcmp(from->ops->kind, store->ops->kind) == 0)
    status = from->ops->copy_attributes(from, key, store, to, error);
  return status;
}

static enum lam_status back_up_directory(struct backup *backup, const struct lam_journal_directory *directory,
                                         struct lam_error *error) {
  struct lam_store *data = backup->directory->data;
  char *folder;
  LAM_TRY(lam_arena_string(backup->arena, lam_bytes_of_string(backup->folder), &folder, error));
  if (*directory->key) LAM_TRY(lam_key_join(backup->arena, backup->folder, directory->key, "", &folder, error));
  bool made = false;
  for (size_t i = 0; i < directory->file_count; i++) {
    char *key, *to;
    if (directory->files[i].action != LAM_JOURNAL_REMOVE) continue;
    if (!made) LAM_TRY(lam_store_make_directories(backup->store, folder, error));
    made = true;
    LAM_TRY(lam_key_join(backup->arena, directory->key, directory->files[i].name, "", &key, error));
    LAM_TRY(lam_key_join(backup->arena, folder, directory->files[i].name, "", &to, error));
    enum lam_status status = data->ops->link(data, key, backup->store, to, error);
    if (status == LAM_UNSUPPORTED || status == LAM_IO) status = copy_file(backup, key, to, error);
    LAM_TRY(status);
  }
  return LAM_OK;
}

static enum lam_status write_manifest(struct backup *backup, const struct lam_journal *journal,
                                      struct lam_error *error) {
  struct lam_buf text;
  char *key;
  LAM_TRY(lam_key_join(backup->arena, backup->folder, LAM_MANIFEST_NAME, "", &key, error));
  lam_buf_init(&text, backup->directory->mem);
  enum lam_status status = lam_journal_encode(journal, &text, error);
  if (status == LAM_OK) status = lam_store_put(backup->store, key, lam_bytes_of(text.data, text.size), error);
  lam_buf_release(&text);
  return status;
}

static enum lam_status name_folder(struct lam_directory *directory, int64_t now, char folder[320],
                                   struct lam_error *error) {
  char id[37], at[32];
  time_t seconds = (time_t)now;
  struct tm utc;
  const char *slash = strrchr(directory->data->root, '/');
  const char *name = slash ? slash + 1 : directory->data->root;
  if (!*name || *name == '.') name = "table";
  LAM_TRY(lam_uuid(id, error));
  gmtime_r(&seconds, &utc);
  strftime(at, sizeof at, "%Y%m%dT%H%M%SZ", &utc);
  snprintf(folder, 320, "%.180s-%s-%s", name, at, id);
  return LAM_OK;
}

enum lam_status lam_backup_make(struct lam_directory *directory, const struct lam_journal *journal,
                                struct lam_store *store, bool no_sync, char folder[320], struct lam_error *error) {
  struct lam_arena arena;
  struct backup backup = {directory, store, folder, &arena};
  LAM_TRY(name_folder(directory, journal->time, folder, error));
  lam_arena_init(&arena, directory->mem);
  enum lam_status status = lam_store_make_directories(store, folder, error);
  for (size_t i = 0; status == LAM_OK && i < journal->directory_count; i++)
    status = back_up_directory(&backup, &journal->directories[i], error);
  if (status == LAM_OK) status = write_manifest(&backup, journal, error);
  if (status == LAM_OK && !no_sync) status = store->ops->sync_all(store, error);
  lam_arena_release(&arena);
  if (status == LAM_OK) return LAM_OK;
  lam_store_remove_tree(store, folder, NULL);
  folder[0] = 0;
  return lam_fail_in(error, status, "while the backup was made");
}
