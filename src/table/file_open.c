/* Opening one file of a snapshot. */
#include "table/table.h"

/* A commit may move the file between the look and the open; it does so a bounded number of times. */
enum lam_status lam_snapshot_file(struct lam_directory *directory, const struct lam_snapshot *snapshot,
                                  const struct lam_data_file *file, const struct lam_file_options *options,
                                  struct lam_mem *mem, struct lam_file **out, struct lam_error *error) {
  enum { TRIES = 3 };
  struct lam_arena arena;
  enum lam_status status = LAM_OK;
  *out = NULL;
  lam_arena_init(&arena, mem);
  for (int i = 0; i < TRIES; i++) {
    struct lam_store *store = directory->data;
    const char *key = file->key;
    if (i || file->staged) status = lam_snapshot_locate(directory, snapshot, file, &arena, &store, &key, error);
    if (status == LAM_OK) status = lam_file_open_in(store, key, options, mem, out, error);
    if (status != LAM_NOT_FOUND) break;
  }
  lam_arena_release(&arena);
  return status;
}
