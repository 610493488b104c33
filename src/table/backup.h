/* Backups: a folder for each operation, outside the table, with the files that it replaces. */
#ifndef LAM_TABLE_BACKUP_H
#define LAM_TABLE_BACKUP_H

#include "table/commit.h"
#include "table/journal.h"

/* The journal of the operation, in its folder: with its paths and identities the files can be put back. */
#define LAM_MANIFEST_NAME "manifest"

/* Makes the folder "<table>-<UTC time>-<uuid>" and in it every file that the journal removes, as a hard link where that
 * can be had, else as a copy, and makes all of it durable (unless no_sync). `folder` gets its key. After a failure
 * nothing is left. */
enum lam_status lam_backup_make(struct lam_directory *directory, const struct lam_journal *journal,
                                struct lam_store *backup, bool no_sync, char folder[320], struct lam_error *error);

#endif
