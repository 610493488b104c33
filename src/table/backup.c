#include "table/backup.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/checksum.h"
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

enum lam_status lam_backup_check(const struct lam_directory *directory, const char *path, struct lam_error *error) {
  const struct lam_store *inside[] = {directory->data, directory->meta};
  enum lam_status status = LAM_OK;
  if (directory->open_backup) return LAM_OK; /* no path of the file system */
  if (!*path) return lam_fail(error, LAM_INVALID, "the path of the backup directory is empty");
  char *to = lam_real_path(path);
  if (!to) return lam_fail_errno(error, errno, "making the backup directory '%s'", path);
  for (int i = 0; i < 2 && status == LAM_OK; i++) {
    char *root = inside[i] ? lam_real_path(inside[i]->root) : NULL;
    size_t size = root ? strlen(root) : 0;
    if (root && strncmp(to, root, size) == 0 && (to[size] == 0 || to[size] == '/'))
      status = lam_fail(error, LAM_INVALID, "the backup directory '%s' is inside '%s'; a backup must lie outside", path,
                        root);
    free(root);
  }
  free(to);
  return status;
}

enum lam_status lam_backup_open(struct lam_directory *directory, const char *path, struct lam_store **out,
                                struct lam_error *error) {
  *out = NULL;
  LAM_TRY(lam_backup_check(directory, path, error));
  LAM_TRY(directory->open_backup ? directory->open_backup(path, out, error)
                                 : lam_store_local(directory->context, path, out, error));
  enum lam_status status = (*out)->ops->make_directory(*out, "", error);
  if (status == LAM_OK || status == LAM_EXISTS) return LAM_OK;
  lam_store_close(*out);
  *out = NULL;
  return status;
}

/* ---- files on their way between a table and a backup ---- */

/* A file that is read through, and written elsewhere where there is an output. */
struct passage {
  struct lam_store *store;
  const char *key;
  struct lam_mem *mem;
  uint64_t size, hash; /* of what is read; a size of 0: all of it */
};

static enum lam_status pass_bytes(struct passage *passage, struct lam_input *input, struct lam_output *output,
                                  struct lam_error *error) {
  struct lam_store *store = passage->store;
  size_t window = (size_t)lam_min_u64(passage->size, COPY_WINDOW);
  struct lam_hash64_state hash;
  void *bytes;
  LAM_TRY(lam_alloc(passage->mem, window, &bytes, error));
  lam_hash64_begin(&hash);
  enum lam_status status = LAM_OK;
  for (uint64_t at = 0; at < passage->size && status == LAM_OK; at += window) {
    size_t count = (size_t)lam_min_u64(window, passage->size - at);
    status = lam_check_cancel(store->context, error);
    if (status == LAM_OK) status = store->ops->read(input, at, bytes, count, error);
    if (status == LAM_OK) lam_hash64_add(&hash, bytes, count);
    if (status == LAM_OK && output) status = output->store->ops->write(output, bytes, count, error);
  }
  passage->hash = lam_hash64_end(&hash);
  lam_free(passage->mem, bytes, window);
  return status;
}

static enum lam_status read_through(struct passage *passage, struct lam_output *output, struct lam_error *error) {
  struct lam_store *store = passage->store;
  struct lam_input *input;
  struct lam_object_info info;
  LAM_TRY(store->ops->open(store, passage->key, &input, &info, error));
  if (!passage->size) passage->size = info.size;
  enum lam_status status = pass_bytes(passage, input, output, error);
  store->ops->close_input(input);
  return status;
}

/* With mode, owner and extended attributes where both sides have them, and with the time given. */
static enum lam_status copy_file(struct passage *passage, struct lam_store *to, const char *to_key, int64_t mtime_ns,
                                 struct lam_error *error) {
  struct lam_store *from = passage->store;
  struct lam_output *output;
  LAM_TRY(to->ops->create(to, to_key, &output, error));
  enum lam_status status = read_through(passage, output, error);
  enum lam_status closed = to->ops->close_output(output, status == LAM_OK ? error : NULL);
  if (status == LAM_OK) status = closed;
  if (status == LAM_OK && strcmp(from->ops->kind, to->ops->kind) == 0)
    status = from->ops->copy_attributes(from, passage->key, to, to_key, error);
  return status == LAM_OK ? to->ops->set_time(to, to_key, mtime_ns, error) : status;
}

/* The same file under a second name, or a copy of it where that cannot be had. */
static enum lam_status link_or_copy(struct passage *passage, struct lam_store *to, const char *to_key, int64_t mtime_ns,
                                    struct lam_error *error) {
  struct lam_store *from = passage->store;
  enum lam_status status = from->ops->link(from, passage->key, to, to_key, error);
  if (status == LAM_OK) return read_through(passage, NULL, error);
  if (status != LAM_UNSUPPORTED && status != LAM_IO) return status;
  return copy_file(passage, to, to_key, mtime_ns, error);
}

/* ---- making one ---- */

/* Of the table's directories, which may go with their files. */
static enum lam_status keep_attributes(struct backup *backup, const char *directory, const char *folder,
                                       struct lam_error *error) {
  struct lam_store *data = backup->directory->data;
  if (strcmp(data->ops->kind, backup->store->ops->kind) != 0) return LAM_OK;
  char *key, *to;
  LAM_TRY(lam_arena_string(backup->arena, lam_bytes_of_string(directory), &key, error));
  LAM_TRY(lam_arena_string(backup->arena, lam_bytes_of_string(folder), &to, error));
  while (*key) {
    LAM_TRY(data->ops->copy_attributes(data, key, backup->store, to, error));
    LAM_TRY(lam_key_directory(backup->arena, key, &key, error));
    LAM_TRY(lam_key_directory(backup->arena, to, &to, error));
  }
  return LAM_OK;
}

/* A file that has been appended to since has its old bytes in front. */
static enum lam_status keep_file(struct passage *passage, struct lam_store *to, const char *to_key,
                                 struct lam_identity identity, struct lam_error *error) {
  struct lam_object_info info;
  LAM_TRY(passage->store->ops->stat(passage->store, passage->key, &info, error));
  if (info.inode != identity.inode || info.size <= identity.size)
    return link_or_copy(passage, to, to_key, identity.mtime_ns, error);
  passage->size = identity.size;
  return copy_file(passage, to, to_key, identity.mtime_ns, error);
}

static enum lam_status back_up_directory(struct backup *backup, struct lam_journal_directory *directory,
                                         struct lam_error *error) {
  char *folder;
  LAM_TRY(lam_arena_string(backup->arena, lam_bytes_of_string(backup->folder), &folder, error));
  if (*directory->key) LAM_TRY(lam_key_join(backup->arena, backup->folder, directory->key, "", &folder, error));
  bool made = false;
  for (size_t i = 0; i < directory->file_count; i++) {
    struct lam_journal_file *file = &directory->files[i];
    char *key, *to;
    if (file->action != LAM_JOURNAL_REMOVE) continue;
    if (!made) LAM_TRY(lam_store_make_directories(backup->store, folder, error));
    made = true;
    LAM_TRY(lam_key_join(backup->arena, directory->key, file->name, "", &key, error));
    LAM_TRY(lam_key_join(backup->arena, folder, file->name, "", &to, error));
    struct passage passage = {.store = backup->directory->data, .key = key, .mem = backup->directory->mem};
    LAM_TRY(keep_file(&passage, backup->store, to, file->identity, error));
    file->hash = passage.hash;
  }
  return made ? keep_attributes(backup, directory->key, folder, error) : LAM_OK;
}

/* Where a store of files really is, so that a restore finds it from anywhere. */
static enum lam_status real_path(struct lam_arena *arena, const struct lam_store *store, const char **out,
                                 struct lam_error *error) {
  char *real = strcmp(store->ops->kind, "local") == 0 ? realpath(store->root, NULL) : NULL, *copy;
  enum lam_status status = lam_arena_string(arena, lam_bytes_of_string(real ? real : store->root), &copy, error);
  free(real);
  *out = status == LAM_OK ? copy : NULL;
  return status;
}

static enum lam_status write_manifest(struct backup *backup, const struct lam_journal *journal,
                                      struct lam_error *error) {
  struct lam_buf text;
  struct lam_journal manifest = *journal;
  char *key;
  LAM_TRY(real_path(backup->arena, backup->directory->data, &manifest.table, error));
  LAM_TRY(real_path(backup->arena, backup->directory->meta, &manifest.state, error));
  LAM_TRY(lam_key_join(backup->arena, backup->folder, LAM_MANIFEST_NAME, "", &key, error));
  lam_buf_init(&text, backup->directory->mem);
  enum lam_status status = lam_journal_encode(&manifest, &text, error);
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

enum lam_status lam_backup_make(struct lam_directory *directory, struct lam_journal *journal, struct lam_store *store,
                                bool no_sync, char folder[320], struct lam_error *error) {
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

/* ---- reading one ---- */

static enum lam_status check_manifest(const struct lam_store *backup, const char *key, bool there,
                                      const struct lam_journal *manifest, struct lam_error *error) {
  if (!there)
    return lam_fail(error, LAM_NOT_FOUND, "'%s' is not the folder of a backup: there is no '%s'", backup->root, key);
  LAM_CHECK(manifest->table, error, "'%s/%s' does not say of which table it is", backup->root, key);
  return LAM_OK;
}

enum lam_status lam_backup_read(struct lam_store *backup, const char *folder, struct lam_mem *mem,
                                struct lam_journal *out, struct lam_error *error) {
  char *key;
  bool there;
  *out = (struct lam_journal){0};
  lam_arena_init(&out->arena, mem);
  enum lam_status status = lam_key_join(&out->arena, folder, LAM_MANIFEST_NAME, "", &key, error);
  if (status == LAM_OK) {
    struct lam_arena named = out->arena; /* the key stays until the manifest is checked */
    status = lam_journal_read_at(backup, key, mem, &there, out, error);
    if (status == LAM_OK) status = check_manifest(backup, key, there, out, error);
    if (status == LAM_CORRUPT) lam_fail_in(error, status, "the manifest '%s/%s' is damaged", backup->root, key);
    lam_arena_release(&named);
  }
  if (status != LAM_OK) lam_journal_release(out);
  return status;
}

static enum lam_status check_kept(const struct passage *passage, const struct lam_journal_file *file,
                                  struct lam_error *error) {
  if (passage->size != file->identity.size)
    return lam_fail(error, LAM_CORRUPT, "'%s/%s' of the backup has %" PRIu64 " bytes, expected %" PRIu64,
                    passage->store->root, passage->key, passage->size, file->identity.size);
  if (passage->hash != file->hash)
    return lam_fail(error, LAM_CORRUPT,
                    "'%s/%s' of the backup is damaged: the hash of its bytes is %016" PRIx64 ", expected %016" PRIx64,
                    passage->store->root, passage->key, passage->hash, file->hash);
  return LAM_OK;
}

enum lam_status lam_backup_fetch(struct lam_store *backup, const char *key, const struct lam_journal_file *file,
                                 struct lam_mem *mem, struct lam_store *to, const char *to_key,
                                 struct lam_error *error) {
  struct passage passage = {.store = backup, .key = key, .mem = mem};
  struct lam_object_info info;
  LAM_TRY(backup->ops->stat(backup, key, &info, error));
  passage.size = info.size;
  int64_t mtime_ns = file->identity.mtime_ns;
  if (!to)
    LAM_TRY(read_through(&passage, NULL, error));
  else if (info.mtime_ns == mtime_ns)
    LAM_TRY(link_or_copy(&passage, to, to_key, mtime_ns, error));
  else /* somebody has copied the backup */
    LAM_TRY(copy_file(&passage, to, to_key, mtime_ns, error));
  return check_kept(&passage, file, error);
}
