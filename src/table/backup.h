/* Backups: a folder for each operation, outside the table, with the files that it replaces. */
#ifndef LAM_TABLE_BACKUP_H
#define LAM_TABLE_BACKUP_H

#include "table/commit.h"
#include "table/journal.h"

/* The journal of the operation, in its folder, with the table's place and the hashes of the files kept. */
#define LAM_MANIFEST_NAME "manifest"

/* Makes the folder "<table>-<UTC time>-<uuid>" and in it every file that the journal removes, as a hard link where that
 * can be had, else as a copy, and makes all of it durable (unless no_sync). `folder` gets its key; the hashes of the
 * files kept are noted in the journal. After a failure nothing is left. */
enum lam_status lam_backup_make(struct lam_directory *directory, struct lam_journal *journal, struct lam_store *backup,
                                bool no_sync, char folder[320], struct lam_error *error);

/* Reads the manifest of the backup in a folder of the store. A failure leaves `out` empty. */
enum lam_status lam_backup_read(struct lam_store *backup, const char *folder, struct lam_mem *mem,
                                struct lam_journal *out, struct lam_error *error);
/* Makes `to_key` of `to` the file that is kept at `key`, with its time: a link to it, or a copy. LAM_CORRUPT where it
 * is not what the manifest says. With `to` NULL it is only looked at. */
enum lam_status lam_backup_fetch(struct lam_store *backup, const char *key, const struct lam_journal_file *file,
                                 struct lam_mem *mem, struct lam_store *to, const char *to_key,
                                 struct lam_error *error);

#endif
