/* Opening one file of a snapshot: from its sidecar where it has one, else from its footer. */
#include "base/context.h"
#include "table/sidecars.h"
#include "table/table.h"

/* A sidecar that is missing, or not of the file any more, is made anew where the table keeps them. */
static void keep_in_step(struct lam_directory *directory, struct lam_file *file, const struct lam_sidecar_used *used,
                         struct lam_store *store, const char *key, struct lam_mem *mem) {
  struct lam_error error = LAM_ERROR_INIT;
  bool kept = true, writable = true;
  if (used->use == LAM_SIDECAR_USED || (directory->single && used->use == LAM_SIDECAR_MISSING)) return;
  if (!directory->single) lam_sidecars_kept(directory, &kept, &writable);
  if (!kept) return;
  const char *why = used->use == LAM_SIDECAR_MISSING ? "it is missing"
                    : used->use == LAM_SIDECAR_MOVED ? "its file was copied or touched"
                                                     : used->why.message;
  if (!writable) {
    lam_log(directory->context, LAM_LOG_INFO, "the sidecar %s/%s is not used: %s", store->root, key, why);
    return;
  }
  if (lam_sidecar_make(file, used->inlined, store, key, mem, NULL, &error) == LAM_OK)
    lam_log(directory->context, LAM_LOG_INFO, "made the sidecar %s/%s anew: %s", store->root, key, why);
  else
    lam_log(directory->context, LAM_LOG_INFO, "the sidecar %s/%s (%s) could not be made anew: %s", store->root, key,
            why, error.message);
}

enum how { OPENED, UNOPENED, BY_FOOTER };

static enum lam_status open_at(struct lam_directory *directory, struct lam_store *store, const char *key,
                               const struct lam_data_file *file, enum how how, const struct lam_file_options *options,
                               struct lam_mem *mem, struct lam_file **out, struct lam_error *error) {
  const struct lam_object_info listed = {.kind = LAM_OBJECT_FILE,
                                         .size = file->identity.size,
                                         .inode = file->identity.inode,
                                         .mtime_ns = file->identity.mtime_ns};
  struct lam_sidecar_used used;
  struct lam_store *sidecars;
  char sidecar[LAM_KEY_MAX + 1];
  if (how == BY_FOOTER || !lam_sidecar_place(directory, file->key, &sidecars, sidecar))
    return lam_file_open_in(store, key, options, mem, out, error);
  LAM_TRY(lam_sidecar_file_open(store, key, options, how == UNOPENED ? &listed : NULL, sidecars, sidecar, mem, out,
                                &used, error));
  /* Where more stands behind it, it is of an older state, and the sidecar perhaps of the newest. */
  bool whole = lam_file_info(*out)->size == lam_file_size(*out);
  if (store == directory->data && whole) keep_in_step(directory, *out, &used, sidecars, sidecar, mem);
  return LAM_OK;
}

/* A commit may move the file between the look and the open; it does so a bounded number of times. The file is read as
 * long as it was: bytes that are appended in place stand behind. One that is another by now, or was cut, is looked for.
 */
static enum lam_status open_file(struct lam_directory *directory, const struct lam_snapshot *snapshot,
                                 const struct lam_data_file *file, enum how how, const struct lam_file_options *options,
                                 struct lam_mem *mem, struct lam_file **out, struct lam_error *error) {
  enum { TRIES = 3 };
  struct lam_arena arena;
  enum lam_status status = LAM_OK;
  struct lam_file_options sized = LAM_FILE_OPTIONS_INIT;
  if (options) sized = *options;
  sized.size = file->identity.size;
  if (snapshot->no_sidecars) how = BY_FOOTER;
  *out = NULL;
  lam_arena_init(&arena, mem);
  for (int i = 0; i < TRIES; i++) {
    struct lam_store *store = directory->data;
    const char *key = file->key;
    if (i || file->staged) status = lam_snapshot_locate(directory, snapshot, file, &arena, &store, &key, error);
    if (status == LAM_OK)
      status = open_at(directory, store, key, file, how == UNOPENED && (i || file->staged) ? OPENED : how, &sized, mem,
                       out, error);
    bool other = status == LAM_OK && lam_file_info(*out)->inode != file->identity.inode;
    bool unread = i == 0 && (status == LAM_CORRUPT || status == LAM_INVALID);
    if (status != LAM_NOT_FOUND && !other && !unread) break;
    if (other) lam_file_close(*out);
    *out = NULL;
  }
  lam_arena_release(&arena);
  if (status == LAM_OK && !*out)
    status = lam_fail(error, LAM_NOT_FOUND, "%s/%s was replaced while it was opened", directory->data->root, file->key);
  return status;
}

enum lam_status lam_snapshot_file(struct lam_directory *directory, const struct lam_snapshot *snapshot,
                                  const struct lam_data_file *file, const struct lam_file_options *options,
                                  struct lam_mem *mem, struct lam_file **out, struct lam_error *error) {
  return open_file(directory, snapshot, file, OPENED, options, mem, out, error);
}

enum lam_status lam_snapshot_file_unopened(struct lam_directory *directory, const struct lam_snapshot *snapshot,
                                           const struct lam_data_file *file, const struct lam_file_options *options,
                                           struct lam_mem *mem, struct lam_file **out, struct lam_error *error) {
  return open_file(directory, snapshot, file, UNOPENED, options, mem, out, error);
}

enum lam_status lam_snapshot_file_by_footer(struct lam_directory *directory, const struct lam_snapshot *snapshot,
                                            const struct lam_data_file *file, const struct lam_file_options *options,
                                            struct lam_mem *mem, struct lam_file **out, struct lam_error *error) {
  return open_file(directory, snapshot, file, BY_FOOTER, options, mem, out, error);
}
