#include "table/sweep.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/context.h"
#include "table/commit.h"
#include "table/listing.h"

/* The number that a folder in retired/ is named by. */
static bool parse_sequence(const char *name, uint64_t *out) {
  size_t size = strlen(name);
  if (size == 0 || size > 19 || strspn(name, "0123456789") != size) return false;
  *out = strtoull(name, NULL, 10);
  return true;
}

static int by_sequence(const void *a, const void *b) {
  uint64_t x = ((const struct lam_head_retired *)a)->sequence, y = ((const struct lam_head_retired *)b)->sequence;
  return (x > y) - (x < y);
}

/* Folders get the full grace from now on: when they were retired went with the head. */
static enum lam_status rebuild(struct lam_directory *directory, struct lam_head *out, struct lam_error *error) {
  struct lam_entries entries;
  void *memory;
  enum lam_status status = lam_list(directory->meta, "retired", &out->arena, &entries, error);
  if (status != LAM_OK) return status == LAM_NOT_FOUND ? LAM_OK : status;
  LAM_TRY(lam_arena_array(&out->arena, entries.count, sizeof *out->retired, &memory, error));
  out->retired = memory;
  for (size_t i = 0; i < entries.count; i++) {
    uint64_t sequence;
    if (!parse_sequence(entries.items[i].name, &sequence)) continue;
    out->retired[out->retired_count++] = (struct lam_head_retired){sequence, directory->now()};
    out->sequence = lam_max_u64(out->sequence, sequence);
  }
  if (out->retired_count) qsort(out->retired, out->retired_count, sizeof *out->retired, by_sequence);
  return LAM_OK;
}

enum lam_status lam_head_have(struct lam_directory *directory, struct lam_head *out, struct lam_error *error) {
  bool there;
  LAM_TRY(lam_head_read(directory->meta, directory->mem, &there, out, error));
  if (there) return LAM_OK;
  out->rebuilt = true;
  enum lam_status status = rebuild(directory, out, error);
  if (status != LAM_OK) lam_head_release(out);
  return status;
}

enum lam_status lam_head_begin(struct lam_directory *directory, const struct lam_head *head, struct lam_put *out,
                               struct lam_error *error) {
  struct lam_buf text;
  lam_buf_init(&text, directory->mem);
  out->store = NULL;
  enum lam_status status = lam_head_encode(head, &text, error);
  if (status == LAM_OK)
    status = lam_store_put_begin(directory->meta, LAM_HEAD_KEY, lam_bytes_of(text.data, text.size), out, error);
  lam_buf_release(&text);
  return status;
}

enum lam_status lam_head_write(struct lam_directory *directory, const struct lam_head *head, struct lam_error *error) {
  struct lam_buf text;
  lam_buf_init(&text, directory->mem);
  enum lam_status status = lam_head_encode(head, &text, error);
  if (status == LAM_OK)
    status = lam_store_put(directory->meta, LAM_HEAD_KEY, lam_bytes_of(text.data, text.size), error);
  lam_buf_release(&text);
  return status;
}

enum lam_status lam_sweep_retired(struct lam_directory *directory, struct lam_head *head, int64_t grace_seconds,
                                  bool *changed, struct lam_error *error) {
  int64_t grace = grace_seconds < 0 ? -1 : grace_seconds ? grace_seconds : LAM_GRACE_SECONDS;
  int64_t now = directory->now();
  size_t kept = 0;
  enum lam_status status = LAM_OK;
  *changed = false;
  for (size_t i = 0; i < head->retired_count; i++) {
    struct lam_head_retired retired = head->retired[i];
    /* A time that lies ahead is of a clock that was wrong: it must not keep the folder for ever. */
    bool past = grace < 0 || retired.time > now + grace || now - retired.time > grace;
    char folder[48];
    snprintf(folder, sizeof folder, "retired/%" PRIu64, retired.sequence);
    if (past && status == LAM_OK) status = lam_store_remove_tree(directory->meta, folder, error);
    if (past && status == LAM_OK)
      *changed = true;
    else
      head->retired[kept++] = retired;
  }
  head->retired_count = kept;
  return status;
}

/* The second at which the lease of a stage ends. Without one (its maker died before writing it, or is about to) the
 * directory's age counts. */
static enum lam_status lease_end(struct lam_directory *directory, const char *prefix,
                                 const struct lam_object_info *info, int64_t *out, struct lam_error *error) {
  char key[96];
  struct lam_buf text;
  lam_buf_init(&text, directory->mem);
  snprintf(key, sizeof key, "%s/lease", prefix);
  enum lam_status status = lam_store_get(directory->meta, key, 256, &text, error);
  *out = info->mtime_ns / 1000000000 + LAM_LEASE_SECONDS;
  size_t title = strlen(LAM_LEASE_TITLE);
  if (status == LAM_OK) status = lam_buf_append(&text, "", 1, error);
  if (status == LAM_OK && text.size > title && memcmp(text.data, LAM_LEASE_TITLE, title) == 0)
    *out = strtoll((const char *)text.data + title, NULL, 10);
  lam_buf_release(&text);
  return status == LAM_NOT_FOUND ? LAM_OK : status;
}

enum lam_status lam_sweep_stages(struct lam_directory *directory, const char *except, struct lam_error *error) {
  struct lam_arena arena;
  struct lam_entries entries;
  lam_arena_init(&arena, directory->mem);
  enum lam_status status = lam_list(directory->meta, "stage", &arena, &entries, error);
  for (size_t i = 0; status == LAM_OK && i < entries.count; i++) {
    const struct lam_entry *entry = &entries.items[i];
    char prefix[64];
    int64_t end;
    if (strcmp(entry->name, except) == 0 || strlen(entry->name) != 36) continue;
    snprintf(prefix, sizeof prefix, "stage/%s", entry->name);
    status = lease_end(directory, prefix, &entry->info, &end, error);
    if (status != LAM_OK || directory->now() <= end) continue;
    lam_log(directory->context, LAM_LOG_INFO, "sweeping '%s/%s', whose lease has run out", directory->meta->root,
            prefix);
    status = lam_store_remove_tree(directory->meta, prefix, error);
  }
  lam_arena_release(&arena);
  return status == LAM_NOT_FOUND ? LAM_OK : status;
}
