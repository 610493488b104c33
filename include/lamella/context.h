/* The context: what all work of one embedder shares.
 *
 * It carries the allocator, the memory budget, the thread pool, the callbacks for log and progress,
 * and the cancel flag. There is no hidden state outside it. A context outlives every handle and
 * every Arrow array made under it. Any thread may use it; a handle made under it is used by one
 * thread at a time. */
#ifndef LAMELLA_CONTEXT_H
#define LAMELLA_CONTEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "lamella/status.h"

#ifdef __cplusplus
extern "C" {
#endif

struct lam_context;

enum lam_log_level { LAM_LOG_ERROR = 0, LAM_LOG_WARN = 1, LAM_LOG_INFO = 2, LAM_LOG_DEBUG = 3 };

/* Called from any thread, one call at a time. `message` is one line without its newline, valid during the call. It may
 * not call the library, but for lam_context_cancel. */
typedef void (*lam_log_fn)(void *user, enum lam_log_level level, const char *message);

/* A snapshot of the operation under way. Totals are 0 while they are unknown. */
struct lam_progress {
  uint32_t struct_size;
  const char *operation; /* "compact", "import", …; static */
  uint64_t rows_done, rows_total;
  uint64_t bytes_done, bytes_total;
};

/* Called from any thread, one call at a time, at most about ten times a second and once at the end.
 * A return of false cancels the operation. */
typedef bool (*lam_progress_fn)(void *user, const struct lam_progress *progress);

struct lam_context_options {
  uint32_t struct_size;
  uint32_t threads;      /* workers, the calling thread included; 0: the processors this process may use */
  uint64_t memory_limit; /* bytes; 0: a quarter of the memory this process may use (cgroup limits
                            included), at least 256 MiB */

  /* The allocator: both functions or neither. `alloc` returns memory aligned to 64 bytes, or NULL. Called
   * from any thread. */
  void *(*alloc)(void *user, size_t size);
  void (*free)(void *user, void *memory, size_t size);
  void *alloc_user;

  lam_log_fn log;
  void *log_user;
  enum lam_log_level log_level; /* the highest level that is passed on */

  lam_progress_fn progress;
  void *progress_user;

  const char *spill_dir; /* where sorts spill; NULL: $TMPDIR, else /var/tmp. Copied. */
};

#define LAM_CONTEXT_OPTIONS_INIT \
  { .struct_size = sizeof(struct lam_context_options), .log_level = LAM_LOG_WARN }

/* `options` may be NULL. */
LAM_API enum lam_status lam_context_create(const struct lam_context_options *options, struct lam_context **out,
                                           struct lam_error *error);
/* All handles and arrays of the context have been released. NULL is allowed. */
LAM_API void lam_context_free(struct lam_context *context);

/* Asks every operation under way to stop with LAM_CANCELLED at its next safe point, and wakes those
 * that wait for memory. An operation past its commit point finishes. Async-signal-safe. */
LAM_API void lam_context_cancel(struct lam_context *context);
/* Clears the cancel flag, so that the context can be used again. */
LAM_API void lam_context_reset(struct lam_context *context);

struct lam_memory_use {
  uint32_t struct_size;
  uint64_t limit; /* bytes; all three */
  uint64_t used;  /* reserved now */
  uint64_t peak;  /* the most that was reserved at once */
};
#define LAM_MEMORY_USE_INIT \
  { .struct_size = sizeof(struct lam_memory_use) }
LAM_API void lam_context_memory(struct lam_context *context, struct lam_memory_use *out);

/* The workers of the context, the calling thread included. */
LAM_API uint32_t lam_context_threads(const struct lam_context *context);

/* The library's version, "major.minor.patch"; static. */
LAM_API const char *lam_version(void);

#ifdef __cplusplus
}
#endif
#endif
