#include "table/sidecars.h"

#include <stdio.h>

bool lam_sidecar_place(const struct lam_directory *directory, const char *key, struct lam_store **store,
                       char out[LAM_KEY_MAX + 1]) {
  *store = directory->single ? directory->data : directory->meta;
  if (directory->single) {
    memcpy(out, "_pm", 4);
    return strcmp(directory->pattern, "data.parquet") == 0;
  }
  int size = snprintf(out, LAM_KEY_MAX + 1, LAM_SIDECARS_KEY "/%s._pm", key);
  return *store && size <= LAM_KEY_MAX;
}

void lam_sidecars_kept(const struct lam_directory *directory, bool *kept, bool *writable) {
  struct lam_object_info info;
  struct lam_store *meta = directory->meta;
  *kept = *writable = false;
  if (!meta || meta->ops->stat(meta, LAM_SIDECARS_KEY, &info, NULL) != LAM_OK) return;
  *kept = info.kind == LAM_OBJECT_DIRECTORY;
  *writable = *kept && info.writable;
}

struct lam_sidecar *lam_sidecar_of_listed(const struct lam_directory *directory, const struct lam_data_file *file,
                                          struct lam_mem *mem) {
  struct lam_store *store;
  struct lam_sidecar *sidecar;
  char key[LAM_KEY_MAX + 1];
  const struct lam_sidecar_open_options options = {.token = file->identity.size};
  const struct lam_object_info info = {
      .size = file->identity.size, .inode = file->identity.inode, .mtime_ns = file->identity.mtime_ns};
  if (!lam_sidecar_place(directory, file->key, &store, key) ||
      lam_sidecar_open_in(store, key, &options, mem, &sidecar, NULL) != LAM_OK)
    return NULL;
  if (lam_sidecar_match(sidecar, &info) == LAM_SIDECAR_CURRENT) return sidecar;
  lam_sidecar_close(sidecar);
  return NULL;
}

enum lam_status lam_sidecar_make(struct lam_file *file, bool inline_blooms, struct lam_store *store, const char *key,
                                 struct lam_mem *mem, uint64_t *size, struct lam_error *error) {
  struct lam_sidecar_source source;
  char parent[LAM_KEY_MAX + 1];
  const struct lam_sidecar_format format = {.inline_blooms = inline_blooms};
  const char *slash = strrchr(key, '/');
  LAM_TRY(lam_file_read_footer(file, error));
  LAM_TRY(lam_sidecar_source_of(file, mem, &source, error));
  snprintf(parent, sizeof parent, "%.*s", slash ? (int)(slash - key) : 0, key);
  if (slash) LAM_TRY(lam_store_make_directories(store, parent, error));
  return lam_sidecar_put(&source, &format, store, key, mem, size, error);
}
