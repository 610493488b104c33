/* Rows that an edit adds to the table: into new files of their partitions, those of --partition only. */
#ifndef LAM_OPS_NEW_ROWS_H
#define LAM_OPS_NEW_ROWS_H

#include "ops/edit.h"

struct lam_new_rows;
/* Columns that partition the table, in the order of the directories, as text; in `arena`. */
enum lam_status lam_partition_columns(const struct lam_snapshot *snapshot, struct lam_arena *arena, const char ***out,
                                      int32_t *count, struct lam_error *error);

/* `room`: bytes that rows may take before they are spilled. */
enum lam_status lam_new_rows_open(struct lam_edit *edit, uint64_t room, struct lam_new_rows **out,
                                  struct lam_error *error);
/* NULL is allowed. */
void lam_new_rows_close(struct lam_new_rows *rows);
/* Takes over a batch of the merged schema. */
enum lam_status lam_new_rows_write(struct lam_new_rows *rows, struct ArrowArray *batch, struct lam_error *error);
/* Adds the files to the edit's change and counts files, bytes and partitions. With `scope` the change depends on the
 * directories that got rows. LAM_INVALID where a partition is not one of those asked for. */
enum lam_status lam_new_rows_finish(struct lam_new_rows *rows, bool scope, struct lam_error *error);

#endif
