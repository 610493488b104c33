#include "table/commit.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/context.h"
#include "table/apply.h"
#include "table/backup.h"
#include "table/in_place.h"
#include "table/pack_make.h"
#include "table/prepare.h"
#include "table/scope.h"
#include "table/sidecars.h"
#include "table/sweep.h"

static bool is_empty(const struct lam_change *change) {
  return change->add_count + change->remove_count + change->tail_count == 0;
}

/* ---- recovery ---- */

/* Its writer may still be there, with nothing more to write: after an error past the commit point. */
static void remove_stage(struct lam_directory *directory, const char *change) {
  char prefix[64];
  if (snprintf(prefix, sizeof prefix, "stage/%s", change) < (int)sizeof prefix)
    lam_store_remove_tree(directory->meta, prefix, NULL);
}

static enum lam_status roll_forward(struct lam_directory *directory, const struct lam_journal *journal,
                                    struct lam_head *head, struct lam_error *error) {
  struct lam_commit_result counts = {0};
  /* The head is written once a commit is applied: what is left of it then is only the journal's name. */
  bool applied = !head->rebuilt && head->sequence >= journal->sequence;
  if (!applied) LAM_TRY(lam_apply_check(directory, journal, error));
  /* Its writer may have died before the journal's name was durable, and nothing may be applied before; or before the
   * head's was, without which the journal may not go: an older head has files that are still being appended to. */
  LAM_TRY(directory->meta->ops->sync_directory(directory->meta, "", error));
  if (applied) return lam_journal_remove(directory, error);
  LAM_TRY(lam_apply(directory, journal, head, true, false, &counts, error));
  lam_log(directory->context, LAM_LOG_WARN, "finished commit %" PRIu64 " of '%s', which its writer had left",
          journal->sequence, directory->name);
  remove_stage(directory, journal->change);
  return LAM_OK;
}

static enum lam_status mend(struct lam_directory *directory, struct lam_head *head, struct lam_error *error) {
  bool changed;
  LAM_TRY(lam_in_place_mend(directory, head, &changed, error));
  return changed ? lam_head_write(directory, head, error) : LAM_OK;
}

/* Under the lock: the head, after whatever was left has been finished. */
static enum lam_status recover(struct lam_directory *directory, bool *recovered, struct lam_head *head,
                               struct lam_error *error) {
  struct lam_journal journal;
  LAM_TRY(lam_head_have(directory, head, error));
  enum lam_status status = lam_journal_read(directory->meta, directory->mem, recovered, &journal, error);
  if (status == LAM_OK && *recovered)
    status = lam_fail_in(error, roll_forward(directory, &journal, head, error),
                         "while the commit %" PRIu64 " of '%s', which another writer had left, was finished",
                         journal.sequence, directory->name);
  lam_journal_release(&journal);
  if (status == LAM_OK) status = mend(directory, head, error);
  if (status != LAM_OK) lam_head_release(head);
  return status;
}

/* What is not swept now is swept by the next writer. */
static void sweep(struct lam_directory *directory, struct lam_head *head, const char *own, int64_t grace_seconds) {
  struct lam_error error = LAM_ERROR_INIT;
  bool changed;
  enum lam_status status = lam_sweep_retired(directory, head, grace_seconds, &changed, &error);
  if (changed) lam_in_place_drop(directory, head);
  if (changed) status = lam_head_write(directory, head, &error);
  if (status == LAM_OK) status = lam_sweep_stages(directory, own, &error);
  if (status != LAM_OK)
    lam_log(directory->context, LAM_LOG_WARN, "'%s' could not be swept: %s", directory->meta->root, error.message);
}

enum lam_status lam_directory_recover(struct lam_directory *directory, int64_t grace_seconds, bool no_wait,
                                      bool *recovered, struct lam_error *error) {
  struct lam_lock *lock;
  struct lam_head head;
  *recovered = false;
  LAM_TRY(lam_directory_prepare(directory, error));
  LAM_TRY(directory->meta->ops->lock(directory->meta, LAM_LOCK_KEY, !no_wait, &lock, error));
  enum lam_status status = recover(directory, recovered, &head, error);
  if (status == LAM_OK) {
    sweep(directory, &head, "", grace_seconds);
    lam_head_release(&head);
  }
  directory->meta->ops->unlock(lock);
  return status;
}

/* ---- commit ---- */

struct commit {
  struct lam_stage *stage;
  struct lam_directory *directory;
  const struct lam_change *change;
  struct lam_commit_options options;
  struct lam_commit_result *result;
  struct lam_journal journal;
  struct lam_head head;
  struct lam_put point; /* the journal, or the head, whose name is the commit point */
};

/* Nothing is to be moved: the head alone, which says how far files go, makes the commit. */
static bool only_appends(const struct lam_journal *journal) {
  for (size_t i = 0; i < journal->directory_count; i++) {
    const struct lam_journal_directory *directory = &journal->directories[i];
    if (directory->how != LAM_JOURNAL_FILES) return false;
    for (size_t j = 0; j < directory->file_count; j++)
      if (directory->files[j].action != LAM_JOURNAL_APPEND) return false;
  }
  return true;
}

/* Writes the head as it will be, while that in memory stays what the failure of the commit needs. */
static enum lam_status begin_head(struct commit *commit, struct lam_error *error) {
  void *memory;
  LAM_TRY(lam_arena_array(&commit->head.arena, commit->head.file_count, sizeof *commit->head.files, &memory, error));
  struct lam_head now = commit->head;
  lam_copy(memory, now.files, now.file_count * sizeof *now.files);
  now.files = memory;
  now.file_room = now.file_count;
  enum lam_status status = lam_in_place_note(&now, &commit->journal, error);
  now.sequence = commit->journal.sequence;
  if (status == LAM_OK) status = lam_head_begin(commit->directory, &now, &commit->point, error);
  commit->head.arena = now.arena;
  return status;
}

static enum lam_status begin_journal(struct commit *commit, struct lam_error *error) {
  struct lam_buf text;
  lam_buf_init(&text, commit->directory->mem);
  enum lam_status status = lam_journal_encode(&commit->journal, &text, error);
  if (status == LAM_OK)
    status = lam_store_put_begin(commit->directory->meta, LAM_JOURNAL_KEY, lam_bytes_of(text.data, text.size),
                                 &commit->point, error);
  lam_buf_release(&text);
  return status;
}

/* The commit point. A failure may come after the journal (or the head) has its name: then only its durability is in
 * question, and asking for that again settles it. */
static enum lam_status pass_point(struct commit *commit, struct lam_error *error) {
  struct lam_store *meta = commit->directory->meta;
  enum lam_status status = lam_store_put_end(&commit->point, error);
  if (status != LAM_OK) {
    bool there;
    commit->result->in_doubt = true;
    if (lam_store_put_happened(&commit->point, &there, NULL) != LAM_OK)
      return lam_fail_in(error, status,
                         "whether commit %" PRIu64
                         " of '%s' was made is not known yet: the next writer "
                         "finishes it if it was",
                         commit->journal.sequence, commit->directory->name);
    commit->result->in_doubt = there;
    if (there && meta->ops->sync_directory(meta, "", NULL) == LAM_OK) status = LAM_OK;
  }
  commit->result->in_doubt = status != LAM_OK && commit->result->in_doubt;
  if (status != LAM_OK && commit->result->in_doubt)
    return lam_fail_in(error, status,
                       "commit %" PRIu64
                       " of '%s' was made, but may not survive a power cut; the next "
                       "writer finishes it",
                       commit->journal.sequence, commit->directory->name);
  return status;
}

static enum lam_status make_durable(struct commit *commit, struct lam_error *error) {
  struct lam_store *meta = commit->directory->meta;
  return commit->options.no_sync ? LAM_OK : meta->ops->sync_all(meta, error);
}

/* Bytes go to live files, behind what readers read, and last of all, since plain readers see them. What was appended to
 * is copied for the backup as it was, which it still has in front. */
static enum lam_status append(struct commit *commit, struct lam_error *error) {
  if (!commit->change->tail_count) return LAM_OK;
  LAM_TRY(lam_in_place_begin(commit->directory, commit->change, &commit->head, error));
  return lam_in_place_write(commit->directory, commit->change, &commit->journal, error);
}

static enum lam_status back_up(struct commit *commit, struct lam_error *error) {
  struct lam_journal manifest;
  if (!commit->options.backup) return LAM_OK;
  LAM_TRY(lam_in_place_manifest(&commit->journal, &commit->head, &manifest, error));
  return lam_backup_make(commit->directory, &manifest, commit->options.backup, commit->options.no_sync,
                         commit->result->backup, error);
}

/* Up to the commit point. */
static enum lam_status prepare(struct commit *commit, struct lam_error *error) {
  struct lam_prepare prepare = {
      .stage = commit->stage, .directory = commit->directory, .change = commit->change, .journal = &commit->journal};
  LAM_TRY(lam_prepare_check(&prepare, error));
  LAM_TRY(lam_prepare_stage(&prepare, error));
  LAM_TRY(append(commit, error));
  LAM_TRY(back_up(commit, error));
  lam_sidecars_append(commit->directory, commit->change);
  LAM_TRY((only_appends(&commit->journal) ? begin_head : begin_journal)(commit, error));
  LAM_TRY(make_durable(commit, error));
  return lam_check_cancel(commit->directory->context, error);
}

static void drop_backup(struct commit *commit) {
  if (!*commit->result->backup || commit->result->in_doubt) return;
  lam_store_remove_tree(commit->options.backup, commit->result->backup, NULL);
  commit->result->backup[0] = 0;
}

static enum lam_status check_last(const struct commit *commit, struct lam_error *error) {
  uint64_t after = commit->change->after;
  if (!after || after == commit->head.sequence) return LAM_OK;
  return lam_fail(error, LAM_CONFLICT,
                  "the last commit of '%s' is %" PRIu64 ", by another writer, and not %" PRIu64 "; nothing was changed",
                  commit->directory->name, commit->head.sequence, after);
}

/* Past the commit point. */
static enum lam_status finish(struct commit *commit, struct lam_error *error) {
  if (!only_appends(&commit->journal))
    return lam_apply(commit->directory, &commit->journal, &commit->head, false, commit->options.no_sync, commit->result,
                     error);
  commit->head.sequence = commit->journal.sequence;
  return lam_in_place_note(&commit->head, &commit->journal, error);
}

static enum lam_status commit_recovered(struct commit *commit, struct lam_error *error) {
  struct lam_commit_result *result = commit->result;
  LAM_TRY(check_last(commit, error));
  LAM_TRY(lam_scope_check_layout(commit->directory, commit->change, commit->head.sequence, error));
  commit->journal.sequence = commit->head.sequence + 1;
  commit->journal.time = commit->directory->now();
  commit->journal.change = commit->stage->id;
  enum lam_status status = prepare(commit, error);
  if (status == LAM_OK) status = pass_point(commit, error);
  if (status != LAM_OK) {
    drop_backup(commit);
    if (result->in_doubt) return status;
    lam_store_put_drop(&commit->point);
    /* What cannot be taken back now is by the next writer. */
    mend(commit->directory, &commit->head, NULL);
    return status;
  }
  result->committed = true;
  result->sequence = commit->journal.sequence;
  status = finish(commit, error);
  if (status != LAM_OK)
    return lam_fail_in(error, status,
                       "commit %" PRIu64
                       " of '%s' is made, but not all of its files could be put in place; the next "
                       "writer finishes it, and readers of ours see it already",
                       commit->journal.sequence, commit->directory->name);
  result->applied = true;
  sweep(commit->directory, &commit->head, commit->stage->id, commit->options.grace_seconds);
  return LAM_OK;
}

enum lam_status lam_commit_check(struct lam_directory *directory, const struct lam_change *change,
                                 struct lam_error *error) {
  struct lam_journal journal = {.sequence = 0};
  struct lam_prepare prepare = {.directory = directory, .change = change, .journal = &journal};
  lam_arena_init(&journal.arena, directory->mem);
  enum lam_status status = lam_prepare_check(&prepare, error);
  lam_journal_release(&journal);
  return status;
}

static enum lam_status commit_locked(struct commit *commit, struct lam_error *error) {
  struct lam_store *data = commit->directory->data;
  struct lam_object_info root;
  bool recovered;
  /* A new table may have taken the place of the directory that was open, and is what is changed. */
  LAM_TRY(data->ops->stat(data, "", &root, error));
  LAM_TRY(recover(commit->directory, &recovered, &commit->head, error));
  lam_arena_init(&commit->journal.arena, commit->directory->mem);
  enum lam_status status = commit_recovered(commit, error);
  lam_journal_release(&commit->journal);
  lam_head_release(&commit->head);
  return status;
}

enum lam_status lam_commit(struct lam_stage *stage, const struct lam_change *change,
                           const struct lam_commit_options *options, struct lam_commit_result *result,
                           struct lam_error *error) {
  struct commit commit = {.stage = stage, .directory = stage->directory, .change = change, .result = result};
  if (options) commit.options = *options;
  *result = (struct lam_commit_result){0};
  if (is_empty(change)) {
    result->applied = true;
    return LAM_OK;
  }
  struct lam_store *meta = commit.directory->meta;
  struct lam_lock *lock;
  LAM_TRY(meta->ops->lock(meta, LAM_LOCK_KEY, !commit.options.no_wait, &lock, error));
  enum lam_status status = commit_locked(&commit, error);
  meta->ops->unlock(lock);
  if (status == LAM_OK && result->applied) {
    lam_sidecars_follow(commit.directory, change);
    lam_pack_renew(commit.directory, result->sequence, change->add_count + change->remove_count + change->tail_count);
  }
  return status;
}
