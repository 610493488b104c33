/* Bringing a table back to what it was before the operation that made a backup. */
#ifndef LAM_OPS_RESTORE_H
#define LAM_OPS_RESTORE_H

#include "lamella/change.h"
#include "table/journal.h"

/* lam_restore (lamella/change.h) of a table that is open. The backup is in a folder of a store (""
 * where the store is of the folder itself), `manifest` what lam_backup_read found there; options and result are given.
 */
enum lam_status lam_restore_directory(struct lam_directory *directory, struct lam_store *backup, const char *folder,
                                      const struct lam_journal *manifest, const struct lam_change_options *options,
                                      struct lam_edit_result *result, struct lam_error *error);

#endif
