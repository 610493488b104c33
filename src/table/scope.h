/* What a change depends on beside the files that it names: that no others are where it looked, and that the table is
 * laid out as it was. */
#ifndef LAM_TABLE_SCOPE_H
#define LAM_TABLE_SCOPE_H

#include "table/commit.h"

/* LAM_CONFLICT: the file was `what` ("changed") by another writer. */
enum lam_status lam_scope_conflict(const struct lam_directory *directory, const char *in, const char *name,
                                   const char *what, struct lam_error *error);

/* LAM_CONFLICT where a data file in the scope is not one that the plan knew, in the state that it knew. */
enum lam_status lam_scope_check(struct lam_directory *directory, const struct lam_change *change,
                                struct lam_arena *arena, struct lam_error *error);

/* LAM_CONFLICT where the table, whose last commit is `sequence`, has other partition columns than the change's new
 * files. The table is listed only where there was a commit since. */
enum lam_status lam_scope_check_layout(struct lam_directory *directory, const struct lam_change *change,
                                       uint64_t sequence, struct lam_error *error);

#endif
