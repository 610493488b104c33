/* Stages, where an operation writes, and the description of what it wants committed. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/context.h"
#include "base/uuid.h"
#include "table/commit.h"
#include "table/in_place.h"
#include "table/listing.h"
#include "table/sweep.h"

/* ---- stage ---- */

static enum lam_status write_lease(struct lam_stage *stage, struct lam_error *error) {
  struct lam_directory *directory = stage->directory;
  char key[sizeof stage->prefix + sizeof "/lease"], text[64];
  int64_t now = directory->now();
  snprintf(key, sizeof key, "%s/lease", stage->prefix);
  int size = snprintf(text, sizeof text, LAM_LEASE_TITLE " %" PRId64 "\n", now + LAM_LEASE_SECONDS);
  /* Not made durable: after a power cut nobody is at work here. */
  LAM_TRY(lam_store_put_cache(directory->meta, key, lam_bytes_of(text, (size_t)size), error));
  stage->renewed_at = now;
  return LAM_OK;
}

/* An operation plans with files as they are once what a dead writer left half appended has been taken back. Where a
 * writer holds the lock, it is at work on them. */
static enum lam_status mend_torn(struct lam_directory *directory, struct lam_error *error) {
  struct lam_head head;
  bool there, recovered;
  LAM_TRY(lam_head_read(directory->meta, directory->mem, &there, &head, error));
  bool torn = lam_in_place_torn(&head);
  lam_head_release(&head);
  if (!torn) return LAM_OK;
  enum lam_status status = lam_directory_recover(directory, 0, true, &recovered, error);
  return status == LAM_CONFLICT ? LAM_OK : status;
}

enum lam_status lam_stage_begin(struct lam_directory *directory, struct lam_stage *out, struct lam_error *error) {
  *out = (struct lam_stage){.directory = NULL};
  LAM_TRY(lam_directory_prepare(directory, error));
  LAM_TRY(mend_torn(directory, error));
  LAM_TRY(lam_uuid(out->id, error));
  snprintf(out->prefix, sizeof out->prefix, "stage/%s", out->id);
  LAM_TRY(lam_store_make_directories(directory->meta, out->prefix, error));
  out->directory = directory;
  enum lam_status status = write_lease(out, error);
  if (status == LAM_OK) return LAM_OK;
  lam_store_remove_tree(directory->meta, out->prefix, NULL);
  out->directory = NULL;
  return status;
}

enum lam_status lam_stage_renew(struct lam_stage *stage, struct lam_error *error) {
  if (stage->directory->now() - stage->renewed_at < LAM_LEASE_SECONDS / 2) return LAM_OK;
  return write_lease(stage, error);
}

enum lam_status lam_stage_file(const struct lam_stage *stage, const char *directory, struct lam_arena *arena,
                               char **staged, char **key, struct lam_error *error) {
  char id[37], name[64];
  LAM_TRY(lam_uuid(id, error));
  if (stage->as_tree) {
    struct lam_store *meta = stage->directory->meta;
    char *tree;
    LAM_TRY(lam_key_join(arena, stage->prefix, LAM_STAGE_TREE, "", &tree, error));
    if (*directory) LAM_TRY(lam_key_join(arena, tree, directory, "", &tree, error));
    LAM_TRY(lam_store_make_directories(meta, tree, error));
    LAM_TRY(lam_key_join(arena, tree, id, ".part", staged, error));
  } else {
    LAM_TRY(lam_key_join(arena, stage->prefix, id, ".part", staged, error));
  }
  snprintf(name, sizeof name, "part-%s.parquet", id);
  return lam_key_join(arena, directory, name, "", key, error);
}

void lam_stage_end(struct lam_stage *stage, const struct lam_commit_result *result) {
  struct lam_error error = LAM_ERROR_INIT;
  if (!stage->directory) return;
  struct lam_directory *directory = stage->directory;
  stage->directory = NULL;
  /* What a journal may still need is left to whoever finishes it. */
  if (result && (result->in_doubt || (result->committed && !result->applied))) return;
  if (lam_store_remove_tree(directory->meta, stage->prefix, &error) != LAM_OK)
    lam_log(directory->context, LAM_LOG_WARN, "staged files are left behind until they are swept: %s", error.message);
}

/* ---- change ---- */

void lam_change_init(struct lam_change *change, struct lam_mem *mem) {
  *change = (struct lam_change){.adds = NULL};
  lam_arena_init(&change->arena, mem);
}

void lam_change_release(struct lam_change *change) {
  struct lam_mem *mem = change->arena.mem;
  lam_arena_release(&change->arena);
  lam_change_init(change, mem);
}

static enum lam_status copy(struct lam_change *change, const char *text, const char **out, struct lam_error *error) {
  char *made;
  LAM_TRY(lam_arena_string(&change->arena, lam_bytes_of_string(text), &made, error));
  *out = made;
  return LAM_OK;
}

enum lam_status lam_change_add(struct lam_change *change, const char *staged, const char *key,
                               struct lam_error *error) {
  void *items = change->adds;
  struct lam_change_add add;
  LAM_TRY(lam_key_check(staged, error));
  LAM_TRY(lam_key_check(key, error));
  LAM_TRY(lam_vector_grow(&change->arena, &items, change->add_count, &change->add_room, sizeof add, error));
  change->adds = items;
  LAM_TRY(copy(change, staged, &add.staged, error));
  LAM_TRY(copy(change, key, &add.key, error));
  add.as_is = false;
  change->adds[change->add_count++] = add;
  return LAM_OK;
}

enum lam_status lam_change_return(struct lam_change *change, const char *staged, const char *key,
                                  struct lam_error *error) {
  LAM_TRY(lam_change_add(change, staged, key, error));
  change->adds[change->add_count - 1].as_is = true;
  return LAM_OK;
}

static enum lam_status add_file(struct lam_change *change, struct lam_change_file **files, size_t *count, size_t *room,
                                const struct lam_data_file *file, struct lam_error *error) {
  void *items = *files;
  struct lam_change_file made = {.identity = file->identity};
  LAM_TRY(lam_vector_grow(&change->arena, &items, *count, room, sizeof made, error));
  *files = items;
  LAM_TRY(copy(change, file->key, &made.key, error));
  (*files)[(*count)++] = made;
  return LAM_OK;
}

static enum lam_status refuse_link(const struct lam_data_file *file, struct lam_error *error) {
  if (!file->through_link) return LAM_OK;
  return lam_fail(error, LAM_UNSUPPORTED, "'%s' is reached through a symbolic link; writers go through none",
                  file->key);
}

enum lam_status lam_change_remove(struct lam_change *change, const struct lam_data_file *file,
                                  struct lam_error *error) {
  LAM_TRY(refuse_link(file, error));
  return add_file(change, &change->removes, &change->remove_count, &change->remove_room, file, error);
}

enum lam_status lam_change_read(struct lam_change *change, const struct lam_data_file *file, struct lam_error *error) {
  return add_file(change, &change->reads, &change->read_count, &change->read_room, file, error);
}

enum lam_status lam_change_tail(struct lam_change *change, const char *staged, const struct lam_span *spans,
                                size_t span_count, const struct lam_data_file *file, struct lam_error *error) {
  void *items = change->tails;
  struct lam_change_tail tail = {.identity = file->identity, .span_count = span_count};
  LAM_TRY(lam_key_check(staged, error));
  LAM_TRY(refuse_link(file, error));
  LAM_TRY(lam_vector_grow(&change->arena, &items, change->tail_count, &change->tail_room, sizeof tail, error));
  change->tails = items;
  LAM_TRY(copy(change, staged, &tail.staged, error));
  LAM_TRY(copy(change, file->key, &tail.key, error));
  LAM_TRY(lam_arena_array(&change->arena, span_count, sizeof *spans, (void **)&tail.spans, error));
  lam_copy(tail.spans, spans, span_count * sizeof *spans);
  change->tails[change->tail_count++] = tail;
  return LAM_OK;
}

static enum lam_status add_directory(struct lam_change *change, const char ***list, size_t *count, size_t *room,
                                     const char *directory, struct lam_error *error) {
  void *items = *list;
  LAM_TRY(lam_key_check(directory, error));
  LAM_TRY(lam_vector_grow(&change->arena, &items, *count, room, sizeof **list, error));
  *list = items;
  LAM_TRY(copy(change, directory, &(*list)[*count], error));
  (*count)++;
  return LAM_OK;
}

enum lam_status lam_change_scope(struct lam_change *change, const char *directory, struct lam_error *error) {
  return add_directory(change, &change->scope, &change->scope_count, &change->scope_room, directory, error);
}

enum lam_status lam_change_outside(struct lam_change *change, const char *directory, struct lam_error *error) {
  assert(!change->outside_count || strcmp(change->outside[change->outside_count - 1], directory) < 0);
  return add_directory(change, &change->outside, &change->outside_count, &change->outside_room, directory, error);
}

enum lam_status lam_change_merge(struct lam_change *to, const struct lam_change *from, struct lam_error *error) {
  for (size_t i = 0; i < from->add_count; i++) {
    LAM_TRY(lam_change_add(to, from->adds[i].staged, from->adds[i].key, error));
    to->adds[to->add_count - 1].as_is = from->adds[i].as_is;
  }
  for (size_t i = 0; i < from->remove_count; i++) {
    struct lam_data_file file = {.key = from->removes[i].key, .identity = from->removes[i].identity};
    LAM_TRY(lam_change_remove(to, &file, error));
  }
  for (size_t i = 0; i < from->read_count; i++) {
    struct lam_data_file file = {.key = from->reads[i].key, .identity = from->reads[i].identity};
    LAM_TRY(lam_change_read(to, &file, error));
  }
  for (size_t i = 0; i < from->tail_count; i++) {
    const struct lam_change_tail *tail = &from->tails[i];
    struct lam_data_file file = {.key = tail->key, .identity = tail->identity};
    LAM_TRY(lam_change_tail(to, tail->staged, tail->spans, tail->span_count, &file, error));
  }
  for (size_t i = 0; i < from->scope_count; i++) LAM_TRY(lam_change_scope(to, from->scope[i], error));
  return LAM_OK;
}
