/* Directory tables: opening one, and the snapshot of it that a reader or a plan works from. */
#ifndef LAM_TABLE_DIRECTORY_H
#define LAM_TABLE_DIRECTORY_H

#include "store/store.h"
#include "table/partition.h"

#define LAM_PACK_KEY "pm/pack" /* in the meta store */

struct lam_pack;

/* What tells one state of a file from another. */
struct lam_identity {
  uint64_t inode;
  uint64_t size; /* bytes */
  int64_t mtime_ns;
};
static inline struct lam_identity lam_identity_of(const struct lam_object_info *info) {
  return (struct lam_identity){info->inode, info->size, info->mtime_ns};
}
static inline bool lam_identity_equal(struct lam_identity a, struct lam_identity b) {
  return a.inode == b.inode && a.size == b.size && a.mtime_ns == b.mtime_ns;
}

/* An open table: the root with the data and, beside it, our state. Any number of threads may read through one; a
 * change is made by one thread. */
struct lam_directory {
  struct lam_context *context;
  struct lam_mem *mem;
  struct lam_store *data;
  struct lam_store *meta;   /* NULL where the table is a single file or a glob: those are only read */
  const char *pattern;      /* for those: the glob that keys must match; NULL: all data files */
  char *name;               /* what messages call the table: the path as given */
  struct lam_store *parent; /* what holds the root, as `root_name`: of tests; NULL: found by the path */
  const char *root_name;
  bool single; /* the pattern is one file's key */
  bool owns_stores;
  enum lam_pack_use {
    LAM_PACK_UNUSED,
    LAM_PACK_FACTS,     /* every file is looked at; what the pack says of those that are the same is used */
    LAM_PACK_TRUSTED,   /* directories that are as they were are not listed, and their files not looked at */
  } pack_use;           /* by snapshots */
  int64_t (*now)(void); /* seconds since 1970-01-01 UTC; tests set their own */
  /* Of tests: the store of a backup's path. NULL: a local one. */
  enum lam_status (*open_backup)(const char *path, struct lam_store **out, struct lam_error *error);
};

/* `path` is a directory, a file, or a glob with * ** ? [a-z] (tried where nothing has that very name). `meta_dir` may
 * be NULL: "<path>.lamella". With `create` a path where nothing is yet is fine (lam_directory_prepare makes it), else
 * LAM_NOT_FOUND. `mem` outlives the directory. */
enum lam_status lam_directory_open(struct lam_context *context, const char *path, const char *meta_dir, bool create,
                                   struct lam_mem *mem, struct lam_directory **out, struct lam_error *error);
/* The same with stores of the caller's, which outlive the directory. */
enum lam_status lam_directory_open_stores(struct lam_context *context, struct lam_store *data, struct lam_store *meta,
                                          const char *name, struct lam_mem *mem, struct lam_directory **out,
                                          struct lam_error *error);
/* NULL is allowed. */
void lam_directory_close(struct lam_directory *directory);

/* Before any writing: makes the directories of the table and of our state, checks that both lie on one file system,
 * and refuses (LAM_UNSUPPORTED) tables that are not ours to write: a single file or a glob, another format's
 * (foreign.h), a partition of a larger table. */
enum lam_status lam_directory_prepare(struct lam_directory *directory, struct lam_error *error);
/* What of that needs nothing written: for dry runs. */
enum lam_status lam_directory_check(struct lam_directory *directory, struct lam_error *error);
/* The resolved path of what is there, or could be made in a directory that is; else NULL and errno. To be freed. */
char *lam_real_path(const char *path);

/* ---- snapshots ---- */

struct lam_data_file {
  const char *key; /* in the data store */
  struct lam_identity identity;
  uint32_t partition; /* index */
  uint32_t packed;    /* 1 and its index in the snapshot's pack, which knows it as it is; 0: none */
  bool through_link;  /* reached through a symbolic link: read, never changed */
  bool appended;      /* to in place, by us: bytes of it are dead */
  bool wasteful;      /* … so many that a compaction, which looks, writes it anew */
  const char *staged; /* where its bytes were in the meta store when listed, because a commit was being applied;
                         else NULL */
};

/* A directory with data files. */
struct lam_directory_partition {
  const char *directory; /* its key; "" is the root */
  struct lam_partition values;
  size_t first_file, file_count;
};

/* One committed state of the table, or what a filter left of it. Sorted: partitions by key, files by name, as bytes.
 * Owned by its arena. */
struct lam_snapshot {
  struct lam_arena arena;
  uint64_t sequence; /* of the last commit of ours; 0: none yet */
  struct lam_data_file *files;
  size_t file_count;
  struct lam_directory_partition *partitions;
  size_t partition_count;
  const char **columns; /* partition columns, in the order they occur */
  size_t column_count;
  uint64_t bytes;
  uint64_t other_files;  /* passed over because of their names */
  const char *foreign;   /* a mark of another format inside the table, or NULL */
  struct lam_pack *pack; /* that `packed` counts in; keys may point into it. NULL: none is used */
  bool no_sidecars;      /* there was no folder of them: they are looked for no more */
};

/* Lists the table as it is after the last commit, one that is being applied (or was when its writer died) included.
 * Never writes. `filter` may be NULL; directories that it rules out are not opened; one that names a column that no
 * partition has, or matches nothing, is LAM_NOT_FOUND and says which values there are. */
enum lam_status lam_snapshot_open(struct lam_directory *directory, const struct lam_partition_filter *filter,
                                  struct lam_snapshot *out, struct lam_error *error);
void lam_snapshot_release(struct lam_snapshot *snapshot);
/* Whether the table is partitioned by just these columns, in this order. */
bool lam_snapshot_is_by(const struct lam_snapshot *snapshot, const char *const *columns, size_t count);

/* Where the bytes of a file of the snapshot are now: in the table, still staged, or retired since. LAM_NOT_FOUND says
 * that the file was replaced and is past its grace. `key` is allocated in `arena`. A commit may move the file between
 * this and the open: on LAM_NOT_FOUND of the open, ask again. */
enum lam_status lam_snapshot_locate(struct lam_directory *directory, const struct lam_snapshot *snapshot,
                                    const struct lam_data_file *file, struct lam_arena *arena, struct lam_store **store,
                                    const char **key, struct lam_error *error);

/* A name that we take for a data file: *.parquet, *.parq, *.pq in any case, not beginning with '.' or '_'. */
bool lam_is_data_name(const char *name);
/* A directory that is searched for data files: not beginning with '.' or '_', or a partition's name. */
bool lam_is_data_directory_name(const char *name);

#endif
