/* Compaction: its plan, and its execution on a directory that is open already (tests bring their stores). */
#ifndef LAM_OPS_COMPACT_H
#define LAM_OPS_COMPACT_H

#include "base/options.h"
#include "lamella/table.h"
#include "table/directory.h"

/* Files [first, first + count) of a snapshot, side by side in one partition, that become fewer. */
struct lam_compact_task {
  size_t partition, first, count;
  uint64_t bytes;
};

struct lam_compact_plan {
  struct lam_compact_task *tasks; /* the largest first, so that none of them is begun last */
  size_t task_count;
  uint64_t bytes; /* of all inputs */
};

/* Fills what was left 0; `out` borrows the rest. LAM_INVALID for options that contradict each other. */
enum lam_status lam_compact_options_resolve(const struct lam_compact_options *given, struct lam_compact_options *out,
                                            struct lam_error *error);

/* Without `sort_by`, a task is a run of neighbours that are each below max_file_size, at least min_files
 * of them, or of which one is wasteful: rows keep their order. With it, a task is all files of a partition. Files
 * reached through links are left alone. The plan is allocated in `arena`. */
enum lam_status lam_compact_plan_make(const struct lam_snapshot *snapshot, const struct lam_compact_options *options,
                                      struct lam_arena *arena, struct lam_compact_plan *out, struct lam_error *error);

/* The task as a JSON object, allocated by malloc: {"operation": "compact", "table", "partition", "files": [{"key",
 * "size", "inode", "mtime_ns"}, …], "target_size", "row_group_rows", "row_group_bytes", "compression" (null: as the
 * columns have it), "bloom" (null: as the columns have it), "page_index", "sort_by": [{"column", "descending",
 * "nulls_first"}, …]}. `options` are resolved. */
enum lam_status lam_compact_task_json(const struct lam_directory *directory, const struct lam_snapshot *snapshot,
                                      const struct lam_compact_options *options, const struct lam_compact_task *task,
                                      char **out, struct lam_error *error);

/* Works within the account that the directory was opened with. */
enum lam_status lam_compact_directory(struct lam_directory *directory, const struct lam_compact_options *options,
                                      struct lam_compact_result *result, struct lam_error *error);

#endif
