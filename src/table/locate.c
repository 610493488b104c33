/* Finding a file of a snapshot that may have been replaced since. */
#include <assert.h>
#include <inttypes.h>

#include "table/apply.h"
#include "table/in_place.h"
#include "table/listing.h"
#include "table/snapshot.h"

struct search {
  struct lam_directory *directory;
  const struct lam_snapshot *snapshot;
  const struct lam_data_file *file;
  struct lam_arena *arena;
  const struct lam_head *head;       /* NULL without a state */
  const struct lam_journal *journal; /* NULL where none is being applied */
  struct lam_store *store;           /* found, when not NULL */
  const char *key;
};

static enum lam_status try_at(struct search *search, struct lam_store *store, const char *key,
                              struct lam_error *error) {
  struct lam_object_info info;
  bool there;
  assert(store);
  if (search->store) return LAM_OK;
  LAM_TRY(lam_stat(store, key, &there, &info, error));
  bool found = there && lam_identity_equal(lam_identity_of(&info), search->file->identity);
  if (there && !found && search->head)
    found = lam_in_place_has(search->head, search->journal, search->file->key, &info, search->file->identity);
  if (found) search->store = store, search->key = key;
  return LAM_OK;
}

/* In the old directory, where a commit that is being applied has swapped it out. */
static enum lam_status try_journal(struct search *search, const struct lam_journal *journal, struct lam_error *error) {
  const char *name = lam_key_name(search->file->key);
  char *directory, *key;
  LAM_TRY(lam_key_directory(search->arena, search->file->key, &directory, error));
  for (size_t i = 0; i < journal->directory_count; i++) {
    const struct lam_journal_directory *entry = &journal->directories[i];
    if (strcmp(entry->key, directory) != 0) continue;
    LAM_TRY(lam_journal_staged_key(search->arena, entry, name, &key, error));
    LAM_TRY(try_at(search, search->directory->meta, key, error));
  }
  return LAM_OK;
}

static enum lam_status try_retired(struct search *search, uint64_t sequence, struct lam_error *error) {
  char *key;
  if (sequence <= search->snapshot->sequence) return LAM_OK; /* had gone before the snapshot was taken */
  LAM_TRY(lam_retired_key(search->arena, sequence, search->file->key, &key, error));
  return try_at(search, search->directory->meta, key, error);
}

static enum lam_status look(struct search *search, const struct lam_journal *journal, bool applying,
                            const struct lam_head *head, struct lam_error *error) {
  struct lam_store *data = search->directory->data, *meta = search->directory->meta;
  search->head = head;
  search->journal = applying ? journal : NULL;
  if (search->file->staged) LAM_TRY(try_at(search, meta, search->file->staged, error));
  LAM_TRY(try_at(search, data, search->file->key, error));
  if (applying) {
    LAM_TRY(try_journal(search, journal, error));
    LAM_TRY(try_retired(search, journal->sequence, error));
  }
  for (size_t i = 0; i < head->retired_count; i++) LAM_TRY(try_retired(search, head->retired[i].sequence, error));
  return LAM_OK;
}

static enum lam_status look_now(struct search *search, struct lam_error *error) {
  struct lam_directory *directory = search->directory;
  if (!directory->meta) return try_at(search, directory->data, search->file->key, error);
  struct lam_journal journal;
  struct lam_head head;
  bool applying, there;
  LAM_TRY(lam_journal_read(directory->meta, directory->mem, &applying, &journal, error));
  enum lam_status status = lam_head_read(directory->meta, directory->mem, &there, &head, error);
  if (status == LAM_OK) status = look(search, &journal, applying, &head, error);
  search->head = NULL;
  search->journal = NULL;
  lam_head_release(&head);
  lam_journal_release(&journal);
  return status;
}

enum lam_status lam_snapshot_locate(struct lam_directory *directory, const struct lam_snapshot *snapshot,
                                    const struct lam_data_file *file, struct lam_arena *arena, struct lam_store **store,
                                    const char **key, struct lam_error *error) {
  enum { LOOKS = 3 }; /* a commit may move the file past us, to where we have looked already: once for each step */
  struct search search = {.directory = directory, .snapshot = snapshot, .file = file, .arena = arena};
  *store = NULL;
  *key = NULL;
  for (int i = 0; i < LOOKS && !search.store; i++) LAM_TRY(look_now(&search, error));
  if (!search.store)
    return lam_fail(error, LAM_NOT_FOUND,
                    "%s/%s was replaced or removed since the table was listed (snapshot %" PRIu64
                    "), and the old file is not kept any more; begin anew",
                    directory->data->root, file->key, snapshot->sequence);
  *store = search.store;
  *key = search.key;
  return LAM_OK;
}
