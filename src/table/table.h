/* Tables as their readers see them: a snapshot and the merged schema of its files. */
#ifndef LAM_TABLE_TABLE_H
#define LAM_TABLE_TABLE_H

#include "lamella/table.h"
#include "parquet/file.h"
#include "table/directory.h"
#include "table/merge.h"

/* The columns of one file that can be read, and where they are in it. */
struct lam_file_columns {
  struct ArrowSchema schema; /* struct of the readable top-level columns */
  int32_t *columns;          /* top-level column of the file for each child; in the arena given */
  int32_t unreadable;        /* the first top-level column that cannot be read, or -1 */
};
/* The caller releases `out->schema`. */
enum lam_status lam_file_columns_of(const struct lam_file *file, struct lam_arena *arena, struct lam_file_columns *out,
                                    struct lam_error *error);
/* The same of metadata alone; `name` is what messages call the file. */
enum lam_status lam_meta_columns_of(const struct lam_file_meta *meta, const char *name, struct lam_arena *arena,
                                    struct lam_file_columns *out, struct lam_error *error);
/* The same where no column may be missing: LAM_UNSUPPORTED names the one that cannot be read. */
enum lam_status lam_file_columns_all(const struct lam_file *file, struct lam_arena *arena, struct lam_file_columns *out,
                                     struct lam_error *error);

/* Opens a file of a snapshot wherever it is now, from its sidecar where it has one that is of the file as it is (see
 * lam_file_read_footer); a sidecar that is not is made anew (sidecars.h). Messages call it "<table>/<key>". */
enum lam_status lam_snapshot_file(struct lam_directory *directory, const struct lam_snapshot *snapshot,
                                  const struct lam_data_file *file, const struct lam_file_options *options,
                                  struct lam_mem *mem, struct lam_file **out, struct lam_error *error);

/* The same for who wants its metadata only: it is not even opened where its sidecar is of the file as it was listed,
 * unless a byte of it is asked for, which may fail then because a commit has moved it. */
enum lam_status lam_snapshot_file_unopened(struct lam_directory *directory, const struct lam_snapshot *snapshot,
                                           const struct lam_data_file *file, const struct lam_file_options *options,
                                           struct lam_mem *mem, struct lam_file **out, struct lam_error *error);

/* The same from its footer, whatever sidecar there is. */
enum lam_status lam_snapshot_file_by_footer(struct lam_directory *directory, const struct lam_snapshot *snapshot,
                                            const struct lam_data_file *file, const struct lam_file_options *options,
                                            struct lam_mem *mem, struct lam_file **out, struct lam_error *error);

/* What a file's footer said when the table was opened. */
struct lam_table_file {
  uint64_t rows;
  uint32_t row_groups;
};

/* A schema of the snapshot's pack. */
struct lam_packed_schema {
  enum { LAM_PACKED_UNREAD, LAM_PACKED_MERGED, LAM_PACKED_READ, LAM_PACKED_BAD } state;
  struct lam_file_meta meta; /* of its schema only */
  struct lam_file_columns columns;
};

struct lam_table {
  struct lam_context *context;
  struct lam_mem *mem; /* of the table and its scans */
  bool owns_mem, owns_directory;
  struct lam_arena arena;
  struct lam_directory *directory;
  struct lam_snapshot snapshot;
  struct lam_merge merge; /* of the files, the columns of the path behind them */
  int64_t data_columns;   /* columns of the merged schema that some file has; the rest are of the path */
  const char *unreadable; /* a column that no scan of all columns may pass over in silence, or NULL */
  struct lam_file_options file_options;
  uint64_t rows, row_groups;
  struct lam_table_file *files;     /* of the snapshot's, in its order */
  struct lam_packed_schema *packed; /* for each schema of the snapshot's pack */
};

/* As lam_table_open within the caller's account of the budget: an operation has one account, because one that
 * holds memory must not wait for more. Every file is looked at, as a change must: what the pack says of those that are
 * the same is used. */
enum lam_status lam_table_open_in(struct lam_mem *mem, const char *path, const struct lam_table_options *options,
                                  struct lam_table **out, struct lam_error *error);
/* The same of a directory that is open, within its account; it outlives the table. `meta_dir` is not used. */
enum lam_status lam_table_open_directory(struct lam_directory *directory, const struct lam_table_options *options,
                                         struct lam_table **out, struct lam_error *error);

/* pack_table.c: the schema of a file that the snapshot's pack knows, or NULL. */
enum lam_status lam_packed_schema_of(struct lam_table *table, size_t file, struct lam_packed_schema **out,
                                     struct lam_error *error);
void lam_packed_release(struct lam_table *table);

#endif
