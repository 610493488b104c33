/* What paths and the pack say of columns in a table's files; no file is touched. */
#ifndef LAM_TABLE_KNOWN_H
#define LAM_TABLE_KNOWN_H

#include "expr/expr.h"
#include "table/table.h"

/* Columns of the table, a partition and a file of it that are looked at. */
struct lam_known;
/* `columns` are bound to the table's schema; all that is made lies in `arena`. */
enum lam_status lam_known_open(struct lam_table *table, const struct lam_expr *const *columns, size_t count,
                               struct lam_arena *arena, struct lam_known **out, struct lam_error *error);
/* Goes to a partition, and to none of its files. */
enum lam_status lam_known_partition(struct lam_known *known, const struct lam_directory_partition *partition,
                                    struct lam_error *error);
/* Goes to a file of that partition; *there is false where the pack knows nothing of it. */
enum lam_status lam_known_file(struct lam_known *known, size_t file, bool *there, struct lam_error *error);
/* Of column `index` there, of the type of its expression; what is not known is not in it. False: the file's own
 * statistics may say more. */
bool lam_known_facts(const struct lam_known *known, size_t index, struct lam_facts_column *out);

#endif
