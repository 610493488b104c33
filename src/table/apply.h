/* Applying a journal, for the writer that made it and for the one that finishes it: the same steps, which may be
 * repeated from any point. */
#ifndef LAM_TABLE_APPLY_H
#define LAM_TABLE_APPLY_H

#include "table/commit.h"
#include "table/journal.h"

/* The planned file of that name and identity, or NULL. The files are sorted by name. */
const struct lam_journal_file *lam_journal_find(const struct lam_journal_directory *directory, const char *name,
                                                struct lam_identity identity);
/* Where an added file waits: under its final name where the whole directory is swapped or renamed, else with ".part"
 * behind it. */
enum lam_status lam_journal_staged_key(struct lam_arena *arena, const struct lam_journal_directory *directory,
                                       const char *name, char **out, struct lam_error *error);

/* Removes the journal; none there is fine. Not durably: one that comes back is seen to be applied by the head, which is
 * durable, and the next commit makes the removal durable too. */
enum lam_status lam_journal_remove(struct lam_directory *directory, struct lam_error *error);

/* Looks whether everything that the journal needs is still there. LAM_CORRUPT says what is not, before anything is
 * touched. */
enum lam_status lam_apply_check(struct lam_directory *directory, const struct lam_journal *journal,
                                struct lam_error *error);
/* Applies it, makes it durable (unless no_sync), writes the head, removes the journal. `replay`: it may have been
 * applied in part. `result` counts. `sweep` is what retired folders older than that many seconds are removed by. */
enum lam_status lam_apply(struct lam_directory *directory, const struct lam_journal *journal, struct lam_head *head,
                          bool replay, bool no_sync, struct lam_commit_result *result, struct lam_error *error);

#endif
