/* The commit of a table that was not there. */
#ifndef LAM_TABLE_ROOT_H
#define LAM_TABLE_ROOT_H

#include "table/commit.h"

/* lam_commit for a table without a file, which is to appear whole: its directory, which is there and empty, is replaced
 * by one that was made beside it, in one rename. LAM_CONFLICT where something is in it by now. Where that rename cannot
 * be had (a mount point), and where the change removes files, as lam_commit. Afterwards the directory must be opened
 * anew. */
enum lam_status lam_commit_root(struct lam_stage *stage, const struct lam_change *change,
                                const struct lam_commit_options *options, struct lam_commit_result *result,
                                struct lam_error *error);

#endif
