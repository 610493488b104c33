#include "table/scope.h"

#include <stdlib.h>

enum lam_status lam_scope_conflict(const struct lam_directory *directory, const char *in, const char *name,
                                   const char *what, struct lam_error *error) {
  return lam_fail(error, LAM_CONFLICT, "%s/%s%s%s was %s by another writer since it was planned; nothing was changed",
                  directory->data->root, in, *in ? "/" : "", name, what);
}

/* ---- which directories ---- */

static int by_text(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool has(const char *const *sorted, size_t count, const char *text) {
  return count && bsearch(&text, sorted, count, sizeof *sorted, by_text) != NULL;
}

/* The scope sorted, so that a directory costs one search for each directory above it and not one for each scope. */
struct scope {
  const struct lam_change *change;
  const char **directories;
  size_t count;
};

static enum lam_status sort_scope(const struct lam_change *change, struct lam_arena *arena, struct scope *out,
                                  struct lam_error *error) {
  void *memory;
  LAM_TRY(lam_arena_array(arena, change->scope_count, sizeof *out->directories, &memory, error));
  *out = (struct scope){change, memory, change->scope_count};
  lam_copy(memory, change->scope, out->count * sizeof *out->directories);
  if (out->count) qsort(memory, out->count, sizeof *out->directories, by_text);
  return LAM_OK;
}

/* Whether the scope has the directory, or one above it. `room` is LAM_KEY_MAX + 1 bytes. */
static bool is_below(const struct scope *scope, const char *directory, char *room) {
  if (has(scope->directories, scope->count, "")) return true;
  size_t size = strlen(directory);
  memcpy(room, directory, size + 1);
  while (size) {
    room[size] = 0;
    if (has(scope->directories, scope->count, room)) return true;
    while (size && room[--size] != '/') continue;
  }
  return false;
}

static bool in_scope(const struct scope *scope, const struct lam_directory_partition *partition) {
  const struct lam_change *change = scope->change;
  char room[LAM_KEY_MAX + 1];
  if (change->within && !lam_partition_filter_matches(change->within, &partition->values)) return false;
  return is_below(scope, partition->directory, room) &&
         !has(change->outside, change->outside_count, partition->directory);
}

/* ---- the files there ---- */

static int file_by_key(const void *a, const void *b) {
  return strcmp(((const struct lam_data_file *)a)->key, ((const struct lam_data_file *)b)->key);
}

/* A snapshot is sorted by directory, then name; keys are looked up as wholes. */
struct known {
  struct lam_data_file *files;
  size_t count;
};

static enum lam_status sort_known(const struct lam_change *change, struct lam_arena *arena, struct known *out,
                                  struct lam_error *error) {
  void *memory;
  out->count = change->known ? change->known->file_count : 0;
  LAM_TRY(lam_arena_array(arena, out->count, sizeof *out->files, &memory, error));
  out->files = memory;
  if (!out->count) return LAM_OK;
  memcpy(memory, change->known->files, out->count * sizeof *out->files);
  qsort(memory, out->count, sizeof *out->files, file_by_key);
  return LAM_OK;
}

static enum lam_status check_partition(const struct lam_directory *directory, const struct known *known,
                                       const struct lam_data_file *files, size_t count, struct lam_error *error) {
  for (size_t i = 0; i < count; i++) {
    const struct lam_data_file *file =
        known->count ? bsearch(&files[i], known->files, known->count, sizeof *files, file_by_key) : NULL;
    if (!file) return lam_scope_conflict(directory, "", files[i].key, "added", error);
    if (!lam_identity_equal(file->identity, files[i].identity))
      return lam_scope_conflict(directory, "", files[i].key, "changed", error);
  }
  return LAM_OK;
}

enum lam_status lam_scope_check(struct lam_directory *directory, const struct lam_change *change,
                                struct lam_arena *arena, struct lam_error *error) {
  struct lam_snapshot now;
  struct scope scope;
  struct known known;
  if (change->scope_count == 0) return LAM_OK;
  LAM_TRY(sort_scope(change, arena, &scope, error));
  LAM_TRY(sort_known(change, arena, &known, error));
  /* Other partitions are not looked at, unless to find that those asked for are gone. */
  enum lam_status status = lam_snapshot_open(directory, change->within, &now, error);
  if (status == LAM_NOT_FOUND && change->within) status = lam_snapshot_open(directory, NULL, &now, error);
  if (status != LAM_OK) return status;
  for (size_t p = 0; status == LAM_OK && p < now.partition_count; p++) {
    const struct lam_directory_partition *partition = &now.partitions[p];
    if (in_scope(&scope, partition))
      status = check_partition(directory, &known, &now.files[partition->first_file], partition->file_count, error);
  }
  lam_snapshot_release(&now);
  return status;
}

/* ---- layout ---- */

enum lam_status lam_scope_check_layout(struct lam_directory *directory, const struct lam_change *change,
                                       uint64_t sequence, struct lam_error *error) {
  const struct lam_change_layout *layout = change->layout;
  struct lam_snapshot now;
  if (!layout || change->add_count == 0 || layout->sequence == sequence) return LAM_OK;
  LAM_TRY(lam_snapshot_open(directory, NULL, &now, error));
  bool same = now.file_count == 0 || lam_snapshot_is_by(&now, layout->columns, layout->count);
  lam_snapshot_release(&now);
  if (same) return LAM_OK;
  return lam_fail(error, LAM_CONFLICT,
                  "'%s' was partitioned anew by another writer since this was planned; nothing was changed",
                  directory->name);
}
