/* Upsert and dedup on a directory that is open already (tests bring their stores). */
#ifndef LAM_OPS_UPSERT_H
#define LAM_OPS_UPSERT_H

#include "lamella/change.h"
#include "table/directory.h"

/* Work within the account that the directory was opened with. */
enum lam_status lam_upsert_directory(struct lam_directory *directory, const struct lam_upsert_options *options,
                                     struct lam_edit_result *result, struct lam_error *error);
enum lam_status lam_dedup_directory(struct lam_directory *directory, const struct lam_dedup_options *options,
                                    struct lam_edit_result *result, struct lam_error *error);

#endif
