/* A condition on a table's rows: bound to the merged schema once, brought to each file. */
#ifndef LAM_TABLE_WHERE_H
#define LAM_TABLE_WHERE_H

#include "parquet/filter_reader.h"
#include "table/table.h"

/* Parses `text` and binds it to the table's columns. */
enum lam_status lam_where_bind(const struct lam_table *table, const char *text, struct lam_arena *arena,
                               const struct lam_expr **out, struct lam_error *error);
/* Whether files of a partition may have rows that match, from its path alone. */
enum lam_status lam_where_may_match(const struct lam_table *table, const struct lam_expr *condition,
                                    const struct lam_partition *partition, bool *may, struct lam_error *error);
/* The condition as one for a reader of a file whose columns are `columns`; *out has parts in `arena`. */
enum lam_status lam_where_of_file(const struct lam_table *table, const struct lam_expr *condition,
                                  const struct lam_file_columns *columns, const struct lam_partition *partition,
                                  struct lam_arena *arena, struct lam_filter *out, struct lam_error *error);

#endif
