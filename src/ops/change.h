/* Operations on directories that are open: as those of lamella/change.h, within the account of the directory. */
#ifndef LAM_OPS_CHANGE_H
#define LAM_OPS_CHANGE_H

#include "lamella/change.h"
#include "table/directory.h"

enum lam_status lam_delete_directory(struct lam_directory *directory, const struct lam_delete_options *options,
                                     struct lam_edit_result *result, struct lam_error *error);
enum lam_status lam_update_directory(struct lam_directory *directory, const struct lam_update_options *options,
                                     struct lam_edit_result *result, struct lam_error *error);
enum lam_status lam_schema_change_directory(struct lam_directory *directory,
                                            const struct lam_schema_change_options *options,
                                            struct lam_edit_result *result, struct lam_error *error);

#endif
