/* Rows that an edit adds to the table, or moves: into new files of their partitions. */
#ifndef LAM_OPS_NEW_ROWS_H
#define LAM_OPS_NEW_ROWS_H

#include "ops/edit.h"
#include "parquet/writer.h"

struct lam_new_rows;
/* Columns that partition the table, in the order of the directories, as text; in `arena`. */
enum lam_status lam_partition_columns(const struct lam_snapshot *snapshot, struct lam_arena *arena, const char ***out,
                                      int32_t *count, struct lam_error *error);

struct lam_new_rows_options {
  const struct ArrowSchema *schema;      /* of the rows */
  int64_t written_columns;               /* the first of them, that files hold; the others are of the path alone */
  const struct lam_write_options *write; /* NULL: the defaults, but for what the change asks; outlives the rows */
  uint64_t room; /* bytes that rows may take before they are spilled; 0: a quarter of the rest */
  bool anywhere; /* also into partitions that were not asked for */
};
enum lam_status lam_new_rows_open(struct lam_edit *edit, const struct lam_new_rows_options *options,
                                  struct lam_new_rows **out, struct lam_error *error);
/* NULL is allowed. */
void lam_new_rows_close(struct lam_new_rows *rows);
/* Takes over a batch of the schema. */
enum lam_status lam_new_rows_write(struct lam_new_rows *rows, struct ArrowArray *batch, struct lam_error *error);
/* Adds the files to the edit's change and counts files, bytes and partitions. With `scope` the change depends on the
 * directories that got rows. LAM_INVALID where a partition is not one of those asked for. */
enum lam_status lam_new_rows_finish(struct lam_new_rows *rows, bool scope, struct lam_error *error);

#endif
