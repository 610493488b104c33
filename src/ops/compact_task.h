/* One task of a compaction: the files of one partition that become fewer. */
#ifndef LAM_OPS_COMPACT_TASK_H
#define LAM_OPS_COMPACT_TASK_H

#include "ops/compact.h"
#include "ops/rotation.h"

/* What all tasks of a compaction share; read only. */
struct lam_compaction {
  struct lam_directory *directory;
  const struct lam_snapshot *snapshot;
  const struct lam_compact_options *options; /* resolved */
  struct lam_stage *stage;                   /* NULL: a dry run */
  struct lam_store *store;                   /* where staged files are written */
  enum lam_codec codec;                      /* where `recode` */
  int level;
  bool recode;
  int64_t row_group_bytes; /* the options' bound, or what the budget allows each of the tasks that run at once */
  uint64_t sort_bytes;     /* that the sorter of one task may hold */
  /* Called now and then by every task, so that the stage's lease outlives a long one; NULL: there is no stage. */
  enum lam_status (*renew)(void *user, struct lam_error *error);
  void *user;
};

/* Runs a task within `mem`; its counts are added to `result`, its files to `change` (of the task's own). */
enum lam_status lam_compact_task_run(const struct lam_compaction *compaction, const struct lam_compact_task *task,
                                     struct lam_mem *mem, struct lam_change *change, struct lam_compact_result *result,
                                     struct lam_error *error);

#endif
