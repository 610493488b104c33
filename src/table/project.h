/* Columns of a schema chosen by name, and by paths into them: `address.city` is a struct with that member alone. */
#ifndef LAM_TABLE_PROJECT_H
#define LAM_TABLE_PROJECT_H

#include "arrow/array.h"
#include "base/arena.h"

/* The columns named of `all`, in that order, as a struct. A name that no column has is a path of names as expressions
 * have them; lists and maps on it are gone through. Paths into one column make one column, at the place of the first.
 * *partial says whether there are such. LAM_NOT_FOUND has the name, and
 * says that `table` has not such a column. */
enum lam_status lam_project(const struct ArrowSchema *all, const char *table, const char *const *names, int32_t count,
                            struct lam_arena *arena, struct ArrowSchema *out, bool *partial, struct lam_error *error);

/* Leaves at or below a field. */
int32_t lam_project_leaf_count(const struct ArrowSchema *field);
/* Sets wanted[i] for those leaves of `file`, a column's field, that `field`, the same chosen in part, has; of structs
 * of which none is there one, which says where they are NULL. */
void lam_project_leaves(const struct ArrowSchema *field, const struct ArrowSchema *file, bool *wanted);

#endif
