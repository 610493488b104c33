/* Changes and their commit: see "Commit" in docs/directory-tables.md.
 *
 * An operation plans from a snapshot, writes new files under a stage (no lock), describes what it wants as one change
 * and commits it: all of it, or LAM_CONFLICT with nothing changed. */
#ifndef LAM_TABLE_COMMIT_H
#define LAM_TABLE_COMMIT_H

#include "table/directory.h"

/* ---- stage: where an operation writes ---- */

enum { LAM_LEASE_SECONDS = 3600, LAM_GRACE_SECONDS = 600 };
#define LAM_STAGE_TREE "root" /* in the stage: the new root of lam_commit_root */

struct lam_stage {
  struct lam_directory *directory;
  char id[37];
  char prefix[64];    /* key in the meta store: "stage/<id>" */
  bool as_tree;       /* for lam_commit_root: files are staged in directories like those that they will have */
  int64_t renewed_at; /* seconds; when the lease was last written */
};

/* Calls lam_directory_prepare, makes the stage's directory and its lease. Files of a stage whose lease has run out are
 * swept by other writers. */
enum lam_status lam_stage_begin(struct lam_directory *directory, struct lam_stage *out, struct lam_error *error);
/* Writes the lease anew when half of it has passed. Called from time to time by a long operation, by one thread at a
 * time. */
enum lam_status lam_stage_renew(struct lam_stage *stage, struct lam_error *error);
/* Names for one new file of the partition directory `directory`: the key to write in the meta store (never ending in
 * .parquet) and the final key in the data store, "<directory>/part-<uuid>.parquet". Any thread with its own arena. With
 * `as_tree` the file's directory is made, too. */
enum lam_status lam_stage_file(const struct lam_stage *stage, const char *directory, struct lam_arena *arena,
                               char **staged, char **key, struct lam_error *error);
/* Removes what is staged: after a failure, a dry run, or a commit that returned LAM_OK. Failures are logged only. After
 * a commit that failed in doubt (result.in_doubt) it keeps its hands off: pass the commit's result, or NULL. */
struct lam_commit_result;
void lam_stage_end(struct lam_stage *stage, const struct lam_commit_result *result);

/* ---- change ---- */

struct lam_change_add {
  const char *staged; /* key in the meta store */
  const char *key;    /* final key in the data store */
  bool as_is;         /* keeps its own mode, owner and attributes: it is put back */
};
struct lam_change_file {
  const char *key;
  struct lam_identity identity; /* as it was read */
};
struct lam_change_tail {
  const char *staged; /* key in the meta store: the new bytes, made for the file as it was read */
  const char *key;
  struct lam_identity identity; /* as it was read */
  struct lam_span *spans;       /* what is appended, in order: bytes of the file, and new ones */
  size_t span_count;            /* 0: all new ones */
};
/* New files go into directories by these columns, which were the table's after the commit `sequence`. A conflict where
 * a later one has partitioned it anew. */
struct lam_change_layout {
  const char *const *columns;
  size_t count;
  uint64_t sequence;
};
struct lam_change {
  struct lam_arena arena;
  struct lam_change_add *adds;
  size_t add_count, add_room;
  struct lam_change_file *removes; /* inputs that go */
  size_t remove_count, remove_room;
  struct lam_change_file *reads; /* inputs that stay, and must still be as they were read */
  size_t read_count, read_room;
  struct lam_change_tail *tails; /* bytes that are appended to files in place */
  size_t tail_count, tail_room;
  /* Where the change depends on there being no other files than those of `known`: keys of directories, with all below
   * them. A compaction has none: it takes fixed inputs, and files that arrive meanwhile stay. */
  const char **scope;
  size_t scope_count, scope_room;
  const char **outside; /* directories with files that the scope leaves out, ascending; not those below them */
  size_t outside_count, outside_room;
  const struct lam_partition_filter *within; /* only partitions that match it; NULL: all. Outlives the change */
  const struct lam_snapshot *known;          /* the plan's; may be NULL without a scope; outlives the change */
  const struct lam_change_layout *layout;    /* of new files; NULL: it does not matter. Outlives the change */
  uint64_t after; /* a conflict unless this was the table's last commit; 0: whichever it was */
};

void lam_change_init(struct lam_change *change, struct lam_mem *mem);
void lam_change_release(struct lam_change *change);
/* Strings are copied. Not for several threads. */
enum lam_status lam_change_add(struct lam_change *change, const char *staged, const char *key, struct lam_error *error);
/* The same of a file that was in the table before. Where its name is taken the commit is a conflict. */
enum lam_status lam_change_return(struct lam_change *change, const char *staged, const char *key,
                                  struct lam_error *error);
enum lam_status lam_change_remove(struct lam_change *change, const struct lam_data_file *file, struct lam_error *error);
enum lam_status lam_change_read(struct lam_change *change, const struct lam_data_file *file, struct lam_error *error);
/* Appends the staged bytes (lam_writer_append_in, lam_writer_spans) to the file in place. It has one name only, which
 * the commit looks at: another one is somebody's backup, and a conflict. */
enum lam_status lam_change_tail(struct lam_change *change, const char *staged, const struct lam_span *spans,
                                size_t span_count, const struct lam_data_file *file, struct lam_error *error);
enum lam_status lam_change_scope(struct lam_change *change, const char *directory, struct lam_error *error);
/* What becomes of the files of this directory does not matter. Called in ascending order. */
enum lam_status lam_change_outside(struct lam_change *change, const char *directory, struct lam_error *error);
/* All that `from` has, copied; `known` is left alone. */
enum lam_status lam_change_merge(struct lam_change *to, const struct lam_change *from, struct lam_error *error);

/* ---- commit ---- */

struct lam_commit_options {
  bool no_wait;             /* LAM_CONFLICT where another writer holds the lock */
  bool no_sync;             /* nothing is made durable: scratch data only */
  int64_t grace_seconds;    /* of files retired earlier: 0: LAM_GRACE_SECONDS; -1: none */
  struct lam_store *backup; /* where replaced files are kept too, in a new folder; NULL: not */
};

struct lam_commit_result {
  uint64_t sequence; /* of this commit; 0: nothing was changed */
  bool committed;    /* the commit point is passed: readers of ours see the new state, the next writer finishes */
  bool applied;      /* and it is finished */
  bool in_doubt;     /* failed at the commit point itself: whether it is passed is known to the next writer only */
  uint64_t directories_exchanged, directories_new, files_moved; /* how it was applied */
  char backup[320];                                             /* key of the folder in options->backup; "" without */
};

/* Commits the change made under `stage`. LAM_CONFLICT names the file and nothing was changed; any other failure with
 * !result->committed and !result->in_doubt changed nothing either. Past the commit point the commit does not stop for
 * a cancel. `options` may be NULL; `result` is always filled. */
enum lam_status lam_commit(struct lam_stage *stage, const struct lam_change *change,
                           const struct lam_commit_options *options, struct lam_commit_result *result,
                           struct lam_error *error);

/* Looks, without the lock, for what would be a conflict now. For dry runs. */
enum lam_status lam_commit_check(struct lam_directory *directory, const struct lam_change *change,
                                 struct lam_error *error);

/* LAM_INVALID where the directory of --backup lies, or would, in the table or its state. Writes nothing. */
enum lam_status lam_backup_check(const struct lam_directory *directory, const char *path, struct lam_error *error);
/* Opens it, made if missing, after that check. */
enum lam_status lam_backup_open(struct lam_directory *directory, const char *path, struct lam_store **out,
                                struct lam_error *error);

/* Finishes a commit that another writer left, and sweeps what is past its lease or grace (seconds; as in
 * lam_commit_options). Called by lam_commit; alone, for tools. The lock is taken; *recovered says whether there was
 * one to finish. */
enum lam_status lam_directory_recover(struct lam_directory *directory, int64_t grace_seconds, bool no_wait,
                                      bool *recovered, struct lam_error *error);

#endif
