/* Changing the rows and partitions of directory tables: delete, update, upsert, dedup, repartition, restore.
 *
 * Each is one commit: all of it, or LAM_CONFLICT or another error with nothing changed. docs/changing.md describes
 * them; docs/directory-tables.md what readers see meanwhile. */
#ifndef LAMELLA_CHANGE_H
#define LAMELLA_CHANGE_H

#include "lamella/table.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What an operation did, or would do (dry_run): the same numbers. Rows are counted as rows, files as files. */
struct lam_edit_result {
  uint32_t struct_size;
  uint64_t rows_matched;       /* for which the condition was TRUE, or whose key the source has */
  uint64_t rows_deleted;       /* gone, and nothing in their place */
  uint64_t rows_updated;       /* replaced, moved to another partition or not */
  uint64_t rows_inserted;      /* new */
  uint64_t rows_unchanged;     /* of the scope, neither deleted nor updated */
  uint64_t duplicates_removed; /* further rows of the table with a key that one row has now */
  uint64_t null_keys;       /* rows with a NULL in the key: of the source always inserted, of the table never removed */
  uint64_t source_rows;     /* of an upsert */
  uint64_t files_scanned;   /* of the scope */
  uint64_t files_read;      /* of which pages were read; the others were skipped by what is known of them */
  uint64_t files_rewritten; /* replaced by a file with the rest of their rows */
  uint64_t files_removed;   /* with all their rows */
  uint64_t files_added;     /* with rows that are new or come from elsewhere */
  uint64_t row_groups_copied; /* as bytes, of rewritten files */
  uint64_t row_groups_encoded;
  uint64_t bytes_read, bytes_written;
  uint64_t partitions_scanned, partitions_affected;
  uint64_t runs_spilled; /* that sorting wrote to the spill directory */
  uint64_t sequence;     /* of the commit; 0 where nothing was changed */
  uint64_t retries;      /* begun anew because another writer had changed what was read */
};
#define LAM_EDIT_RESULT_INIT \
  { .struct_size = sizeof(struct lam_edit_result) }

/* ---- delete ---- */

struct lam_delete_options {
  uint32_t struct_size;
  struct lam_change_options change;
  const char *where; /* docs/expressions.md; only rows for which it is TRUE go. Required: "true" deletes all */
};
#define LAM_DELETE_OPTIONS_INIT \
  { .struct_size = sizeof(struct lam_delete_options), .change = LAM_CHANGE_OPTIONS_INIT }
LAM_API enum lam_status lam_delete(struct lam_context *context, const char *path,
                                   const struct lam_delete_options *options, struct lam_edit_result *result,
                                   struct lam_error *error);

/* ---- update ---- */

struct lam_update_options {
  uint32_t struct_size;
  struct lam_change_options change;
  const char *set;   /* "column = expression, …", evaluated on the old row, and only on rows that match */
  const char *where; /* NULL: every row */
};
#define LAM_UPDATE_OPTIONS_INIT \
  { .struct_size = sizeof(struct lam_update_options), .change = LAM_CHANGE_OPTIONS_INIT }
/* A column that there is not yet is added to all files, NULL where the condition is not TRUE. A row whose partition
 * column is set moves. */
LAM_API enum lam_status lam_update(struct lam_context *context, const char *path,
                                   const struct lam_update_options *options, struct lam_edit_result *result,
                                   struct lam_error *error);

/* ---- upsert ---- */

struct lam_upsert_options {
  uint32_t struct_size;
  struct lam_change_options change;
  const char *const *sources; /* files, directories, globs, "-"; see lam_import */
  int32_t source_count;
  struct lam_import_options import; /* format and CSV: how the sources are read. The rest is not used */
  const char *const *keys;          /* columns of the key, in the sources and in the table */
  int32_t key_count;
  const char *const *columns; /* only these are replaced where a key is found; NULL: all that the sources have */
  int32_t column_count;
  bool last_wins; /* of rows of the sources with one key the last counts; else they are an error */
};
#define LAM_UPSERT_OPTIONS_INIT                                                          \
  {                                                                                      \
    .struct_size = sizeof(struct lam_upsert_options), .change = LAM_CHANGE_OPTIONS_INIT, \
    .import = LAM_IMPORT_OPTIONS_INIT                                                    \
  }
/* Keys are unique over the table, or within a partition where the key has all partition columns. */
LAM_API enum lam_status lam_upsert(struct lam_context *context, const char *path,
                                   const struct lam_upsert_options *options, struct lam_edit_result *result,
                                   struct lam_error *error);

/* ---- dedup ---- */

struct lam_dedup_options {
  uint32_t struct_size;
  struct lam_change_options change;
  const char *const *keys;
  int32_t key_count;
  bool keep_last; /* of the rows with one key, in the order of the table; else the first is kept */
};
#define LAM_DEDUP_OPTIONS_INIT \
  { .struct_size = sizeof(struct lam_dedup_options), .change = LAM_CHANGE_OPTIONS_INIT }
LAM_API enum lam_status lam_dedup(struct lam_context *context, const char *path,
                                  const struct lam_dedup_options *options, struct lam_edit_result *result,
                                  struct lam_error *error);

/* ---- restore ---- */

/* Brings a table back to what it was before the operation that made the backup, in one commit: the files that it added
 * go, those that it removed return. LAM_CONFLICT where the table has changed since in the same files. `path` is the
 * backup's folder; the table's place is in its manifest, unless `table` (may be NULL) says another. Of the options
 * meta_dir, dry_run, no_wait, no_sync and grace_seconds are used. */
LAM_API enum lam_status lam_restore(struct lam_context *context, const char *path, const char *table,
                                    const struct lam_change_options *options, struct lam_edit_result *result,
                                    struct lam_error *error);

/* ---- repartition ---- */

struct lam_repartition_options {
  uint32_t struct_size;
  struct lam_change_options change;
  const char *by;    /* "product_id, date, hour=hour(ts), bucket(16, id)": columns and derived ones; "": none */
  const char *set;   /* "column = expression, …" before; NULL: none */
  const char *where; /* only these rows; NULL: all */
  bool append;       /* DST has files already, and keeps them */
  bool replace;      /* … and loses them in the same commit. With a condition and `source` itself it must be set */
  bool delete_source;
  uint64_t target_size;  /* bytes of a file; 0: 128 MB */
  int64_t rows_per_file; /* 0: files of the target size */
  int64_t row_group_rows, row_group_bytes;
  const struct lam_sort_key *sort_by; /* within each partition; NULL: the order of the source */
  int32_t sort_count;
};
#define LAM_REPARTITION_OPTIONS_INIT \
  { .struct_size = sizeof(struct lam_repartition_options), .change = LAM_CHANGE_OPTIONS_INIT }

struct lam_repartition_result {
  uint32_t struct_size;
  uint64_t rows_read, rows_written; /* they differ by what the condition leaves out */
  uint64_t files_read, files_written, files_removed;
  uint64_t bytes_read, bytes_written;
  uint64_t partitions_before, partitions_after;
  uint64_t runs_spilled;
  uint64_t sequence;
  uint64_t retries; /* begun anew because another writer had changed the table that is replaced or appended to */
  uint64_t row_groups_read, row_groups_written;
};
#define LAM_REPARTITION_RESULT_INIT \
  { .struct_size = sizeof(struct lam_repartition_result) }
/* Writes the rows of `source` to `target`, which may be `source` itself, and appears by one commit or not at all. With
 * partitions of the change and `source` itself only these are written anew, by the columns that the table has. */
LAM_API enum lam_status lam_repartition(struct lam_context *context, const char *source, const char *target,
                                        const struct lam_repartition_options *options,
                                        struct lam_repartition_result *result, struct lam_error *error);

/* ---- estimates: what a repartition or a compaction would give ---- */

/* Partitions and rows are counted. Files, bytes and seconds come from a sample, which is run without writing; where it
 * is all of the work they are what the operation would report. */
struct lam_estimate_result {
  uint32_t struct_size;
  uint64_t partitions_before, files_before, bytes_before; /* of the table now */
  uint64_t partitions, files, rows, bytes;                /* of the table that there would be */
  uint64_t files_compacted;                               /* of a compaction: the files that would be replaced, */
  uint64_t files_written;                                 /* and those that would take their place */
  uint64_t sample_rows;                                   /* that were encoded to learn it */
  double bytes_error; /* the part by which `bytes` may be wrong, a guide: 0.1 is ±10 %; 0: nothing was left to guess */
  double seconds;     /* about what it would take on this machine; making it durable not included */
};
#define LAM_ESTIMATE_RESULT_INIT \
  { .struct_size = sizeof(struct lam_estimate_result) }
/* Of the options those of the commit, the target and the backup are not used. */
LAM_API enum lam_status lam_estimate_repartition(struct lam_context *context, const char *source,
                                                 const struct lam_repartition_options *options,
                                                 struct lam_estimate_result *result, struct lam_error *error);

/* A partition in which a compaction pays. */
struct lam_estimate_partition {
  uint32_t struct_size;
  const char *directory;
  uint64_t files, files_after; /* of those that would be compacted */
  uint64_t bytes;              /* of the former */
};
/* Called for each, those that lose most files first. All of it is the callee's for the call. A return of false stops.
 */
typedef bool (*lam_estimate_fn)(void *user, const struct lam_estimate_partition *partition);
/* `each` may be NULL. */
LAM_API enum lam_status lam_estimate_compact(struct lam_context *context, const char *path,
                                             const struct lam_compact_options *options, lam_estimate_fn each,
                                             void *user, struct lam_estimate_result *result, struct lam_error *error);

/* ---- schema ---- */

enum lam_schema_change_kind {
  LAM_SCHEMA_ADD = 1,      /* `column` of the type `to`, NULL in every row */
  LAM_SCHEMA_DROP = 2,     /* `column` */
  LAM_SCHEMA_RENAME = 3,   /* `column` to `to`; it keeps its field id */
  LAM_SCHEMA_WIDEN = 4,    /* `column` to the type `to`, which holds all its values: docs/schema.md */
  LAM_SCHEMA_NULLABLE = 5, /* `column` may be NULL from now on */
};
struct lam_schema_step {
  int kind; /* enum lam_schema_change_kind */
  const char *column, *to;
};
struct lam_schema_change_options {
  uint32_t struct_size;
  struct lam_change_options change; /* partitions are not used: a schema is the whole table's */
  const struct lam_schema_step *steps;
  int32_t step_count;
};
#define LAM_SCHEMA_CHANGE_OPTIONS_INIT \
  { .struct_size = sizeof(struct lam_schema_change_options), .change = LAM_CHANGE_OPTIONS_INIT }
/* Changes the columns of all files in one commit. Names in the steps are those before it, except of columns that are
 * added. Chunks are copied as bytes; only those of a column that has another type or may now be NULL are decoded. Files
 * that have the new schema already stay as they are. */
LAM_API enum lam_status lam_schema_change(struct lam_context *context, const char *path,
                                          const struct lam_schema_change_options *options,
                                          struct lam_edit_result *result, struct lam_error *error);

#ifdef __cplusplus
}
#endif
#endif
