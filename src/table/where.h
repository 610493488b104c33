/* A condition on a table's rows: bound to the merged schema once, brought to each file. */
#ifndef LAM_TABLE_WHERE_H
#define LAM_TABLE_WHERE_H

#include "parquet/filter_reader.h"
#include "table/table.h"

/* Parses `text` and binds it to the table's columns. */
enum lam_status lam_where_bind(const struct lam_table *table, const char *text, struct lam_arena *arena,
                               const struct lam_expr **out, struct lam_error *error);
/* For each column of the table the file's top-level column that it comes from, or -1; in `arena`. */
enum lam_status lam_where_sources(const struct lam_table *table, const struct lam_file_columns *columns,
                                  struct lam_arena *arena, int32_t **out, struct lam_error *error);
/* where_files.c: the outcomes (expr.h) that the condition may have in each file of the snapshot, by its path and what
 * the pack says of it; no file is touched. *out has a byte for each, in `arena`. A file without LAM_MAY_BE_TRUE need
 * not be read; one with nothing else has only rows that match. */
enum { LAM_OUTCOMES = 7, LAM_OUTCOMES_BY_PATH = 8 }; /* what the outcomes take; the path alone decided */
enum lam_status lam_where_files(struct lam_table *table, const struct lam_expr *condition, struct lam_arena *arena,
                                uint8_t **out, struct lam_error *error);
/* The condition as one for a reader of a file whose columns are `columns`; *out has parts in `arena`. */
enum lam_status lam_where_of_file(const struct lam_table *table, const struct lam_expr *condition,
                                  const struct lam_file_columns *columns, const struct lam_partition *partition,
                                  struct lam_arena *arena, struct lam_filter *out, struct lam_error *error);

#endif
