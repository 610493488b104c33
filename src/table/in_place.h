/* Files that are appended to in place: what the head knows of them, their bytes, and mending what was torn.
 *
 * An append is committed as everything else is, by the journal. Its bytes come first, behind those of the live file,
 * and before them comes a line in the head, "appending", with the file's committed size: until the journal is there,
 * readers of ours read the file as if it ended at that size. A writer that finds such a line without a journal puts the
 * committed footer behind whatever is there. Nothing is ever cut off or overwritten, so who reads an older state of the
 * file, at its size, goes on. Once the commit is applied the line is "appended"; it tells readers that are pinned to an
 * older state that the file still has it. */
#ifndef LAM_TABLE_IN_PLACE_H
#define LAM_TABLE_IN_PLACE_H

#include "table/commit.h"
#include "table/journal.h"
#include "table/listing.h"

/* ---- for readers ---- */

/* Gives the files of a snapshot the state that is committed, where more may stand behind it. `journal` is NULL where
 * none is being applied. */
enum lam_status lam_in_place_view(struct lam_store *data, const struct lam_head *head,
                                  const struct lam_journal *journal, struct lam_snapshot *snapshot,
                                  struct lam_error *error);
/* Whether an object, found for `key` and now as `info` says, still has the state `wanted` in front. */
bool lam_in_place_has(const struct lam_head *head, const struct lam_journal *journal, const char *key,
                      const struct lam_object_info *info, struct lam_identity wanted);

/* Whether an append is under way, or was when its writer died. */
bool lam_in_place_torn(const struct lam_head *head);

/* ---- for writers, under the lock ---- */

/* Notes in the head, durably, that the files of the change will be appended to. */
enum lam_status lam_in_place_begin(struct lam_directory *directory, const struct lam_change *change,
                                   struct lam_head *head, struct lam_error *error);
/* Appends the staged bytes, and makes the journal's entries of these files what they are then. Nothing is synced. */
enum lam_status lam_in_place_write(struct lam_directory *directory, const struct lam_change *change,
                                   struct lam_journal *journal, struct lam_error *error);
/* The journal as a restore is to undo it, sharing what it can with it: what was appended to has been removed as it was,
 * and added as it is. */
enum lam_status lam_in_place_manifest(struct lam_journal *journal, const struct lam_head *head, struct lam_journal *out,
                                      struct lam_error *error);
/* Takes back, or finishes taking back, appends that were not committed. *changed: the head is to be written. */
enum lam_status lam_in_place_mend(struct lam_directory *directory, struct lam_head *head, bool *changed,
                                  struct lam_error *error);
/* Brings the lines of the head up to a journal that has been applied. */
enum lam_status lam_in_place_note(struct lam_head *head, const struct lam_journal *journal, struct lam_error *error);
/* Drops the lines that nobody needs any more: of removed files that have been swept, of files that others have written
 * or removed. */
void lam_in_place_drop(struct lam_directory *directory, struct lam_head *head);

#endif
