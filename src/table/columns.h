/* The columns that a scan or a plan asks a table for, and where each file has them. */
#ifndef LAM_TABLE_COLUMNS_H
#define LAM_TABLE_COLUMNS_H

#include "table/table.h"

/* The columns named (NULL: all) as a struct, which the caller releases; see lam_project. LAM_UNSUPPORTED where one is
 * of a type that cannot be read. */
enum lam_status lam_columns_choose(const struct lam_table *table, const char *const *names, int32_t count,
                                   struct lam_arena *arena, struct ArrowSchema *out, bool *partial,
                                   struct lam_error *error);
/* Where a file has the columns of `schema`: fills `sources`, one for each. */
void lam_columns_map(const struct lam_table *table, const struct ArrowSchema *schema,
                     const struct lam_file_columns *columns, struct lam_merge_source *sources);
/* Sets wanted[i] for the file's leaves that these columns are made of. */
void lam_columns_leaves(const struct lam_file_meta *meta, const struct ArrowSchema *schema,
                        const struct lam_file_columns *columns, const struct lam_merge_source *sources, bool partial,
                        bool *wanted);

#endif
