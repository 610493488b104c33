/* Directory tables: scanning, counting, importing, compacting and verifying directories of Parquet files.
 *
 * TABLE is the path of a Parquet file, of a directory, or a glob (quoted).
 * State of ours lives beside a table ("trades.lamella/"), never in it; see docs/directory-tables.md. */
#ifndef LAMELLA_TABLE_H
#define LAMELLA_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "lamella/arrow.h"
#include "lamella/context.h"
#include "lamella/parquet.h"
#include "lamella/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- reading ---- */

/* A table as one snapshot: the files that held its rows when it was opened. */
struct lam_table;

struct lam_table_options {
  uint32_t struct_size;
  const char *meta_dir;          /* where our state lives; NULL: "<path>.lamella" */
  const char *const *partitions; /* "column=value", any subset of the partition columns; AND */
  int32_t partition_count;
  bool no_checksums;
  uint64_t reserved[4]; /* 0; room to grow, for this struct is part of others */
};
#define LAM_TABLE_OPTIONS_INIT \
  { .struct_size = sizeof(struct lam_table_options) }

/* Lists the files and merges their schemas: columns meet by field id where both have one, else by name;
 * types are widened where no value is lost; a column that a file lacks is NULL there; partition columns
 * that only the path holds are added, typed by their values. `options` may be NULL. */
LAM_API enum lam_status lam_table_open(struct lam_context *context, const char *path,
                                       const struct lam_table_options *options, struct lam_table **out,
                                       struct lam_error *error);
/* Its scans are closed. NULL is allowed. */
LAM_API void lam_table_close(struct lam_table *table);
LAM_API enum lam_status lam_table_schema(const struct lam_table *table, struct ArrowSchema *out,
                                         struct lam_error *error);
LAM_API uint64_t lam_table_rows(const struct lam_table *table); /* from the footers */
LAM_API uint64_t lam_table_files(const struct lam_table *table);
LAM_API uint64_t lam_table_bytes(const struct lam_table *table);

/* Counts the rows for which `where` (NULL: all) is TRUE, from metadata alone wherever that can prove them. */
struct lam_count_result {
  uint32_t struct_size;
  uint64_t rows;
  uint64_t files, files_opened; /* of the table; of which rows had to be read */
  uint64_t row_groups, row_groups_read;
  uint64_t rows_read; /* rows whose values were looked at */
};
#define LAM_COUNT_RESULT_INIT \
  { .struct_size = sizeof(struct lam_count_result) }
LAM_API enum lam_status lam_table_count(struct lam_table *table, const char *where, struct lam_count_result *result,
                                        struct lam_error *error);

struct lam_scan;

struct lam_scan_options {
  uint32_t struct_size;
  const char *const *columns; /* names in the order wanted; NULL: all. A path ("address.city", in quotes what is no
                                 word, lists and maps gone through) gives the struct with that member alone */
  int32_t column_count;
  int64_t batch_rows; /* at most; 0: chosen */
  int64_t limit;      /* rows in all; -1: no limit */
  const char *where;  /* only rows for which this expression is TRUE (docs/expressions.md); NULL: all */
};
#define LAM_SCAN_OPTIONS_INIT \
  { .struct_size = sizeof(struct lam_scan_options), .limit = -1 }

/* The rows in order: partitions by name, files by name, row groups as they lie. */
LAM_API enum lam_status lam_scan_open(struct lam_table *table, const struct lam_scan_options *options,
                                      struct lam_scan **out, struct lam_error *error);
LAM_API void lam_scan_close(struct lam_scan *scan);
LAM_API enum lam_status lam_scan_schema(const struct lam_scan *scan, struct ArrowSchema *out, struct lam_error *error);
/* At the end `out->release` is NULL. As lam_reader_next. */
LAM_API enum lam_status lam_scan_next(struct lam_scan *scan, struct ArrowArray *out, struct lam_error *error);

/* ---- what every change has ---- */

struct lam_change_options {
  uint32_t struct_size;
  const char *meta_dir;
  const char *const *partitions; /* only these partitions; see lam_table_options */
  int32_t partition_count;
  bool dry_run;            /* all but the writing; the same counts */
  bool verify_full;        /* compare a content hash of every column before the commit */
  bool no_wait;            /* LAM_CONFLICT instead of waiting for another writer's commit */
  bool no_checksums;       /* read on where a page's checksum is wrong */
  const char *backup_dir;  /* replaced files are kept in a new folder of it too; NULL: kept for the grace period only */
  const char *compression; /* "codec[:level]"; NULL: as the column has it; zstd for new data */
  int64_t grace_seconds;   /* how long replaced files are kept for readers; 0: 600; -1: none */
  bool no_sync;            /* do not make the change durable (benchmarks, scratch data) */
  const char *bloom;    /* "col,col[:rate]": rows that are written get bloom filters of these columns; NULL: those that
                           the columns have */
  uint64_t reserved[7]; /* 0; room to grow, for this struct is part of others */
};
#define LAM_CHANGE_OPTIONS_INIT \
  { .struct_size = sizeof(struct lam_change_options) }

/* ---- compact ---- */

struct lam_compact_options {
  uint32_t struct_size;
  struct lam_change_options change;
  uint64_t target_size;               /* bytes of an output file; 0: 128 MB */
  uint64_t max_file_size;             /* files below it are candidates; 0: three quarters of the target */
  uint32_t min_files;                 /* candidates side by side that are worth a compaction; 0: 2 */
  const struct lam_sort_key *sort_by; /* sorts each partition's rows; NULL: their order is kept */
  int32_t sort_count;
  int64_t row_group_rows;  /* of outputs; 0: 1,048,576 */
  int64_t row_group_bytes; /* encoded; 0: 128 MiB, at most the target */
  /* Called with each task of the plan before any is run: a JSON object that says all that the task needs, its
   * files with the identity they were planned with included. The text is the callee's for the call. NULL: not asked
   * for. */
  void (*each_task)(void *user, const char *json);
  void *each_task_user;
};
#define LAM_COMPACT_OPTIONS_INIT \
  { .struct_size = sizeof(struct lam_compact_options), .change = LAM_CHANGE_OPTIONS_INIT }

/* Files and bytes count data files of the partitions scanned. */
struct lam_compact_result {
  uint32_t struct_size;
  uint64_t files_before, files_after;
  uint64_t bytes_before, bytes_after;
  uint64_t files_compacted, files_written; /* inputs and outputs of this run */
  uint64_t rows;                           /* in the files compacted, and so in those written */
  uint64_t partitions_scanned, partitions_compacted;
  uint64_t row_groups_copied; /* as bytes */
  uint64_t row_groups_merged; /* read row groups that were decoded */
  uint64_t row_groups_written;
  uint64_t bytes_read, bytes_written; /* of files compacted and written */
  uint64_t sequence;                  /* of the commit; 0 where nothing was changed */
  uint64_t runs_spilled;              /* that sorting wrote to the spill directory */
};
#define LAM_COMPACT_RESULT_INIT \
  { .struct_size = sizeof(struct lam_compact_result) }

/* Leaves a few full files where there were many small ones. One failure fails the whole and changes nothing. */
LAM_API enum lam_status lam_compact(struct lam_context *context, const char *path,
                                    const struct lam_compact_options *options, struct lam_compact_result *result,
                                    struct lam_error *error);

/* ---- import ---- */

enum lam_import_format { LAM_IMPORT_BY_NAME = 0, LAM_IMPORT_PARQUET = 1, LAM_IMPORT_CSV = 2, LAM_IMPORT_JSON = 3 };

struct lam_import_type {
  const char *column, *type; /* "int64", "timestamp[us]", "decimal(10,2)", … */
};

struct lam_import_options {
  uint32_t struct_size;
  struct lam_change_options change; /* partitions are not used */
  enum lam_import_format format; /* by name: .csv, .tsv and .txt are CSV, .json, .jsonl and .ndjson are JSON lines, all
                                    else is Parquet */
  const char *const *partition_by; /* columns; they stay in the data */
  int32_t partition_by_count;
  int64_t rows_per_file; /* 0: files of the target size */
  uint64_t target_size;  /* bytes; 0: 128 MB */
  int64_t row_group_rows, row_group_bytes;
  const struct lam_sort_key *sort_by; /* within each partition; NULL: the order of the sources */
  int32_t sort_count;
  /* CSV */
  char delimiter;                      /* 0: ',' or a tab for .tsv */
  bool no_header;                      /* columns are named column0, column1, … */
  const struct lam_import_type *types; /* the others are inferred from a sample */
  int32_t type_count;
  const char *null_text; /* besides the empty unquoted field; NULL: none */
};
#define LAM_IMPORT_OPTIONS_INIT \
  { .struct_size = sizeof(struct lam_import_options), .change = LAM_CHANGE_OPTIONS_INIT }

struct lam_import_result {
  uint32_t struct_size;
  uint64_t sources; /* files read */
  uint64_t rows;
  uint64_t files_written, bytes_written, bytes_read;
  uint64_t partitions; /* that got rows */
  uint64_t sequence;
  uint64_t runs_spilled; /* that sorting wrote to the spill directory */
};
#define LAM_IMPORT_RESULT_INIT \
  { .struct_size = sizeof(struct lam_import_result) }

/* Adds the rows of the sources (files, directories, globs; "-" is standard input, CSV) to the table at `path`, which is
 * made if there is none. The sources' schemas merge with each other and with the table's. */
LAM_API enum lam_status lam_import(struct lam_context *context, const char *const *sources, int32_t source_count,
                                   const char *path, const struct lam_import_options *options,
                                   struct lam_import_result *result, struct lam_error *error);

/* ---- verify ---- */

struct lam_fault {
  uint32_t struct_size;
  const char *file;    /* path */
  const char *message; /* one sentence with row group, column, page offset, expected, found */
};
/* A return of false stops. One call at a time. */
typedef bool (*lam_fault_fn)(void *user, const struct lam_fault *fault);

struct lam_verify_options {
  uint32_t struct_size;
  struct lam_table_options table;
  bool full; /* strings are checked to be UTF-8, too */
};
#define LAM_VERIFY_OPTIONS_INIT \
  { .struct_size = sizeof(struct lam_verify_options), .table = LAM_TABLE_OPTIONS_INIT }

struct lam_verify_result {
  uint32_t struct_size;
  uint64_t files, row_groups, pages, rows, bytes;
  uint64_t checksums; /* pages that had one */
  uint64_t faults;
};
#define LAM_VERIFY_RESULT_INIT \
  { .struct_size = sizeof(struct lam_verify_result) }
/* LAM_OK with faults counted; another status only where the verification itself could not be done. */
LAM_API enum lam_status lam_verify(struct lam_context *context, const char *path,
                                   const struct lam_verify_options *options, lam_fault_fn each, void *user,
                                   struct lam_verify_result *result, struct lam_error *error);

#ifdef __cplusplus
}
#endif
#endif
