/* Tasks of one operation that run side by side: the memory that each should have, and the files that they read. */
#ifndef LAM_OPS_TASK_H
#define LAM_OPS_TASK_H

#include "table/table.h"

/* What an operation of such tasks is guaranteed: enough for one on every thread, but never more than half of the limit.
 */
uint64_t lam_tasks_minimum(struct lam_context *context);
/* As many tasks at once as that has room for. */
uint32_t lam_tasks_width(struct lam_context *context);
/* Bytes of the budget's limit that each of `width` tasks may fill, so that several such parts of a task fit. */
uint64_t lam_tasks_share(struct lam_context *context, uint32_t width);

/* Opens a file of the snapshot that will be replaced: LAM_CONFLICT where it is no longer what the snapshot saw. */
enum lam_status lam_input_open(struct lam_directory *directory, const struct lam_snapshot *snapshot,
                               const struct lam_data_file *file, const struct lam_file_options *options,
                               struct lam_mem *mem, struct lam_file **out, struct lam_error *error);

#endif
