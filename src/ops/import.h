/* Import on a directory that is open already (tests bring their stores). */
#ifndef LAM_OPS_IMPORT_H
#define LAM_OPS_IMPORT_H

#include "lamella/table.h"
#include "table/directory.h"

/* Works within the account that the directory was opened with. */
enum lam_status lam_import_directory(struct lam_directory *directory, const char *const *sources, int32_t source_count,
                                     const struct lam_import_options *options, struct lam_import_result *result,
                                     struct lam_error *error);

#endif
