/* Sidecars in step with files that were appended to in place. */
#include "base/context.h"
#include "parquet/append.h"
#include "table/sidecars.h"

struct states {
  struct lam_file *old, *now;
};

static enum lam_status open_state(struct lam_directory *directory, const char *key, uint64_t size,
                                  struct lam_file **out, struct lam_error *error) {
  struct lam_file_options options = LAM_FILE_OPTIONS_INIT;
  options.size = size;
  return lam_file_open_in(directory->data, key, &options, directory->mem, out, error);
}

static enum lam_status describe(struct lam_directory *directory, const struct states *states, struct lam_store *store,
                                const char *key, struct lam_error *error) {
  static const struct lam_sidecar_format format = {.plain = false};
  struct lam_sidecar_source source;
  struct lam_arena arena;
  void *memory;
  lam_arena_init(&arena, directory->mem);
  enum lam_status status = lam_sidecar_source_of(states->now, directory->mem, &source, error);
  if (status == LAM_OK)
    status = lam_arena_array(&arena, (size_t)source.meta->row_group_count, sizeof(int32_t), &memory, error);
  if (status == LAM_OK) {
    lam_append_kept(lam_file_meta(states->old), source.meta, memory);
    status =
        lam_sidecar_append(store, key, lam_file_size(states->old), &source, memory, &format, directory->mem, error);
  }
  lam_arena_release(&arena);
  return status;
}

static enum lam_status append_one(struct lam_directory *directory, const struct lam_change_tail *tail,
                                  struct lam_store *store, const char *key, struct lam_error *error) {
  struct states states = {NULL, NULL};
  enum lam_status status = open_state(directory, tail->key, tail->identity.size, &states.old, error);
  if (status == LAM_OK) status = open_state(directory, tail->key, 0, &states.now, error);
  if (status == LAM_OK) status = describe(directory, &states, store, key, error);
  lam_file_close(states.old);
  lam_file_close(states.now);
  return status;
}

void lam_sidecars_append(struct lam_directory *directory, const struct lam_change *change) {
  bool kept, writable;
  if (!change->tail_count) return;
  lam_sidecars_kept(directory, &kept, &writable);
  for (size_t i = 0; kept && writable && i < change->tail_count; i++) {
    struct lam_error error = LAM_ERROR_INIT;
    struct lam_store *store;
    char key[LAM_KEY_MAX + 1];
    bool there;
    if (!lam_sidecar_place(directory, change->tails[i].key, &store, key)) continue;
    if (lam_store_exists(store, key, &there, NULL) != LAM_OK || !there) continue;
    if (append_one(directory, &change->tails[i], store, key, &error) != LAM_OK)
      lam_log(directory->context, LAM_LOG_INFO, "the sidecar %s/%s is left to be made anew: %s", store->root, key,
              error.message);
  }
}
