/* An operation that changes rows of a directory table: what delete, update, upsert, dedup and restore share.
 *
 * It reads one snapshot without a lock, stages new files, and commits all at once. Where another writer has changed
 * what it read, it is begun anew on the table as it is then, a bounded number of times (not with no_wait): the result
 * is that of some serial order. */
#ifndef LAM_OPS_EDIT_H
#define LAM_OPS_EDIT_H

#include <pthread.h>

#include "base/threads.h"
#include "lamella/change.h"
#include "table/commit.h"
#include "table/table.h"

/* Whether an operation that met a conflict is begun anew, which is logged and counted. At most three times. */
bool lam_begin_anew(struct lam_context *context, const char *name, const struct lam_change_options *options,
                    uint64_t *retries, const struct lam_error *error);

struct lam_edit {
  struct lam_context *context;
  struct lam_mem *mem; /* the operation's one account of the budget; tasks on threads share it */
  struct lam_directory *directory;
  const struct lam_change_options *options;
  const char *name;                   /* "delete": for progress and messages */
  struct lam_partition_filter filter; /* the partitions asked for */

  /* Of this attempt. */
  struct lam_table *table; /* the snapshot, within the partitions asked for, and its merged schema */
  bool whole;              /* lam_edit_widen was called */
  struct lam_stage *stage; /* NULL: a dry run */
  struct lam_store *store; /* where staged files are written: the meta store, or one that discards */
  pthread_mutex_t lock;    /* of what follows, for tasks on threads; see lam_edit_take and lam_edit_affect */
  struct lam_change change;
  struct lam_edit_result result;
  uint8_t *affected; /* a byte for each partition of the snapshot */
};

/* Plans and runs the operation on edit->table: fills edit->change and edit->result. Called again after a conflict. */
typedef enum lam_status (*lam_edit_fn)(void *user, struct lam_edit *edit, struct lam_error *error);

/* Runs and commits it. `directory` is open within the account of the operation. files_scanned, partitions_scanned and
 * partitions_affected (added to what `run` counts of new ones) are counted here, as are sequence and retries;
 * rows_unchanged too: all rows of the scope without those deleted, updated and removed as duplicates. `result`, the
 * caller's (NULL is allowed), is written as lam_result_write does. */
enum lam_status lam_edit_run(struct lam_directory *directory, const struct lam_change_options *options,
                             const char *name, lam_edit_fn run, void *user, struct lam_edit_result *result,
                             struct lam_error *error);
/* The same from a path; `minimum` is the memory that the operation is guaranteed, bytes; 0: lam_tasks_minimum. */
enum lam_status lam_edit_run_at(struct lam_context *context, const char *path, const struct lam_change_options *options,
                                const char *name, uint64_t minimum, lam_edit_fn run, void *user,
                                struct lam_edit_result *result, struct lam_error *error);

/* Makes edit->table one of the whole table, whatever partitions were asked for: before any file is opened. */
enum lam_status lam_edit_widen(struct lam_edit *edit, struct lam_error *error);
/* Whether a file of the snapshot is in the scope: always true unless widened. */
bool lam_edit_in_scope(const struct lam_edit *edit, size_t file);

/* That the result depends on there being no other rows for which a condition is TRUE: none may come to the partitions
 * asked for, whoever writes them. `outcomes` (lam_where_files) leave out the partitions whose path says that none can
 * be there; NULL: none is left out. */
enum lam_status lam_edit_depend(struct lam_edit *edit, const uint8_t *outcomes, struct lam_error *error);

/* Calls `task(user, i)` for each file i of the snapshot, on as many threads as the budget has room for. */
enum lam_status lam_edit_each_file(struct lam_edit *edit, lam_task_fn task, void *user, struct lam_error *error);
/* Opens file `index` of the snapshot; LAM_CONFLICT where it is another one by now. Any thread. */
enum lam_status lam_edit_open(struct lam_edit *edit, size_t index, struct lam_file **out, struct lam_error *error);
/* Adds up what is counted by those who do the work. */
void lam_edit_add_counts(struct lam_edit_result *to, const struct lam_edit_result *from);
/* Moves what a task has gathered into the edit's change and result, under its lock; the lease of the stage is renewed
 * when that is due. Counts are added up; `from` may be NULL. */
enum lam_status lam_edit_take(struct lam_edit *edit, const struct lam_change *from,
                              const struct lam_edit_result *counts, struct lam_error *error);
/* That rows of a partition (index in the snapshot) change. Any thread. */
void lam_edit_affect(struct lam_edit *edit, uint32_t partition);
/* A safe point of a long task: a cancel ends it, and the stage's lease is renewed when that is due. Any thread. */
enum lam_status lam_edit_renew(struct lam_edit *edit, struct lam_error *error);

#endif
