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
  bool check_files;       /* look at every file, also where the table's pack knows its directory: docs/pack-format.md */
  uint64_t snapshot_size; /* of a table that is one file: read it as it was when it had so many bytes; 0: as it is */
  uint64_t reserved[3];   /* 0; room to grow, for this struct is part of others */
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
LAM_API uint64_t lam_table_rows(const struct lam_table *table); /* from the pack and the footers */
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

/* ---- plan: what a scan would read ---- */

struct lam_plan_options {
  uint32_t struct_size;
  const char *const *columns; /* as of lam_scan_options; NULL: all */
  int32_t column_count;
  const char *where; /* NULL: all rows */
  int64_t gap; /* bytes between two ranges that are fetched along; 0: 65,536; -1: only ranges that touch are joined */
  int64_t range_size; /* bytes of a range at most; 0: 8 MiB */
};
#define LAM_PLAN_OPTIONS_INIT \
  { .struct_size = sizeof(struct lam_plan_options) }

enum lam_plan_verdict {
  LAM_PLAN_SKIPPED, /* no row matches */
  LAM_PLAN_KEPT,    /* rows may match */
  LAM_PLAN_WHOLE,   /* every one of the rows given matches: the condition's columns need not be read for it */
};
/* What decided: of what is skipped, what proves it; of what is whole, the same; of what is kept, LAM_PLAN_BY_PAGES
 * where the page index leaves only some of the rows. */
enum lam_plan_rule {
  LAM_PLAN_BY_NOTHING,
  LAM_PLAN_BY_PARTITION, /* a value of the path */
  LAM_PLAN_BY_STATISTICS,
  LAM_PLAN_BY_BLOOM,
  LAM_PLAN_BY_DICTIONARY,
  LAM_PLAN_BY_PAGES,
  LAM_PLAN_RULES /* how many there are */
};
struct lam_plan_range {
  uint64_t offset, size; /* bytes of the file */
};
struct lam_plan_row_group {
  int32_t index;
  enum lam_plan_verdict verdict;
  enum lam_plan_rule rule;
  uint64_t rows, rows_kept;         /* that it has; that may match */
  const struct lam_plan_rows *kept; /* those, ascending, not adjacent */
  size_t kept_count;
};
struct lam_plan_file {
  uint32_t struct_size;
  const char *path;
  enum lam_plan_verdict verdict; /* SKIPPED: of no row group rows may match. WHOLE: each is whole or skipped */
  enum lam_plan_rule rule;       /* what skips the file before it is opened: LAM_PLAN_BY_PARTITION, or
                                    LAM_PLAN_BY_STATISTICS by its bounds in the pack; else LAM_PLAN_BY_NOTHING */
  uint64_t rows, rows_kept;
  uint64_t bytes;                       /* of the file */
  uint64_t bytes_wanted, bytes_fetched; /* that the plan's pages take; with the gaps between them */
  uint32_t row_group_count;             /* of the file; `row_groups` has as many, none where `rule` skips it */
  const struct lam_plan_row_group *row_groups;
  const struct lam_plan_range *ranges; /* ascending, disjoint; footers and page indexes not included */
  size_t range_count;
};
/* Called for every file in the order of a scan's rows. All of it is the callee's for the call. A return of false stops.
 */
typedef bool (*lam_plan_fn)(void *user, const struct lam_plan_file *file);

struct lam_plan_result {
  uint32_t struct_size;
  uint64_t files, files_skipped;
  uint64_t row_groups, row_groups_whole;
  uint64_t row_groups_skipped[LAM_PLAN_RULES]; /* by rule */
  uint64_t pages, pages_skipped;               /* of the condition's columns, where page indexes were read */
  uint64_t rows, rows_kept, rows_whole;        /* of the table; that may match; of them those proved to match */
  uint64_t bytes, bytes_wanted, bytes_fetched; /* of the table; as of lam_plan_file */
  uint64_t ranges;
};
#define LAM_PLAN_RESULT_INIT \
  { .struct_size = sizeof(struct lam_plan_result) }

/* Which files and row groups a scan would read and the byte ranges that it needs of them, from the pack, footers, bloom
 * filters, dictionary pages and page indexes; no data page is read. `each` and `result` may be NULL. */
LAM_API enum lam_status lam_plan(struct lam_table *table, const struct lam_plan_options *options, lam_plan_fn each,
                                 void *user, struct lam_plan_result *result, struct lam_error *error);
/* "partition_value", "statistics", "bloom_filter", "dictionary", "page_index"; "" for LAM_PLAN_BY_NOTHING. */
LAM_API const char *lam_plan_rule_name(enum lam_plan_rule rule);

/* ---- partitions ---- */

struct lam_partitions_options {
  uint32_t struct_size;
  const char *const *columns; /* whose min and max are wanted, as expressions name them; NULL: of the first column by
                                 which the files say they are sorted, or of none */
  int32_t column_count;
  uint64_t small_size; /* files below it are small; 0: 96 MB, as compact takes them */
};
#define LAM_PARTITIONS_OPTIONS_INIT \
  { .struct_size = sizeof(struct lam_partitions_options) }

/* A column in a partition, by statistics that can be trusted. */
struct lam_partition_column {
  const char *name;
  const char *min, *max;     /* as text, NUL-terminated; NULL: not known, or there is no value */
  size_t min_size, max_size; /* bytes */
  bool min_exact, max_exact; /* it is a value of the column; else a bound */
  bool is_literal;           /* min and max are numbers or booleans as JSON has them */
  bool may_be_nan;           /* beside min and max, which are of the others */
  int64_t nulls;             /* -1: not known */
  int64_t overlap; /* the most files whose ranges of values share a value: 1 where the files follow each other; -1: not
                      known */
};
struct lam_partition_info {
  uint32_t struct_size;
  const char *directory;                    /* below the table; "" is the table itself */
  const char *const *names, *const *values; /* of the path; a value is NULL where it is the null value */
  size_t value_count;
  uint64_t files, small_files, row_groups, rows, bytes;
  int64_t dead_bytes; /* that no chunk, index, bloom filter or footer of the files accounts for; -1: not known */
  const struct lam_partition_column *columns; /* those asked for */
  int32_t column_count;
};
/* Called for each partition, by name. All of it is the callee's for the call. A return of false stops. */
typedef bool (*lam_partition_fn)(void *user, const struct lam_partition_info *partition);

struct lam_partitions_result {
  uint32_t struct_size;
  uint64_t partitions, files, small_files, row_groups, rows, bytes;
  int64_t dead_bytes; /* -1: not known of some partition */
};
#define LAM_PARTITIONS_RESULT_INIT \
  { .struct_size = sizeof(struct lam_partitions_result) }

/* From footers alone. `each` and `result` may be NULL. */
LAM_API enum lam_status lam_partitions(struct lam_table *table, const struct lam_partitions_options *options,
                                       lam_partition_fn each, void *user, struct lam_partitions_result *result,
                                       struct lam_error *error);

/* ---- what every change has ---- */

enum lam_change_mode {
  LAM_MODE_REWRITE = 0, /* files with changed rows are replaced */
  LAM_MODE_APPEND = 1,  /* … or, where few of their row groups change, continued in place: docs/directory-tables.md */
};

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
  uint32_t mode;        /* enum lam_change_mode */
  bool no_page_index;   /* chunks that are written get no page index; those that are copied as bytes keep theirs */
  uint8_t reserved8[3]; /* 0 */
  uint64_t reserved[6]; /* 0; room to grow, for this struct is part of others */
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
  const char *into; /* a new table for the compacted rows, which appears whole; the source is not touched. NULL: in
                       place */
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
