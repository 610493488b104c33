/* What the layers above see of a context beyond the public functions. */
#ifndef LAM_BASE_CONTEXT_H
#define LAM_BASE_CONTEXT_H

#include "base/memory.h"

struct lam_pool;

struct lam_pool *lam_context_pool(struct lam_context *context);
const char *lam_context_spill_dir(const struct lam_context *context);

/* LAM_CANCELLED once the context is cancelled. Called at every safe point: a batch, a page, a file. */
enum lam_status lam_check_cancel(struct lam_context *context, struct lam_error *error);

void lam_log(struct lam_context *context, enum lam_log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Progress of the operation under way: begin sets the totals (0: unknown), add counts from any
 * thread and calls back at most ten times a second, end calls back once more. `operation` is static.
 * Operations that run inside another one (the scan of a compaction) do not begin their own. */
void lam_progress_begin(struct lam_context *context, const char *operation, uint64_t rows, uint64_t bytes);
void lam_progress_add(struct lam_context *context, uint64_t rows, uint64_t bytes);
void lam_progress_end(struct lam_context *context);

#endif
