/* Rows of any number of partitions into staged files, each in the directory of its partition, within the budget: rows
 * are sorted by partition (sort.h spills them), so that one file is open at a time, except where few partitions have
 * all fitted into open files so far. */
#ifndef LAM_OPS_PARTITION_WRITER_H
#define LAM_OPS_PARTITION_WRITER_H

#include "ops/rotation.h"

struct lam_partition_writer_options {
  struct lam_stage *stage;            /* NULL: a dry run */
  struct lam_store *store;            /* see lam_rotation_options */
  const struct ArrowSchema *schema;   /* of the rows that come; a struct */
  int64_t written_columns;            /* only the first so many are written; the others serve to partition. 0: all */
  const char *const *partition_by;    /* columns of `schema`, in the order of the directories */
  int32_t partition_count;            /* 0: all rows go to the table's root */
  const struct lam_sort_key *sort_by; /* within each partition; NULL: the order in which they come */
  int32_t sort_count;
  const char *stem;               /* "part": final names are "<stem>-<uuid>.parquet" */
  struct lam_write_options write; /* what it points to outlives the writer */
  uint64_t target_size;           /* bytes of a file */
  int64_t rows_per_file;          /* 0: no bound of rows */
  uint64_t run_bytes;             /* that sorting may hold; 0: a quarter of what the account has left */
  struct lam_content_hash *hash;  /* see lam_rotation_options */
};

struct lam_partition_writer;
/* `options` is copied; what it points to outlives the writer. */
enum lam_status lam_partition_writer_open(struct lam_mem *mem, const struct lam_partition_writer_options *options,
                                          struct lam_partition_writer **out, struct lam_error *error);
/* Takes the batch over, also when it fails. */
enum lam_status lam_partition_writer_write(struct lam_partition_writer *writer, struct ArrowArray *batch,
                                           struct lam_error *error);

struct lam_partition_writer_counts {
  uint64_t rows, files, bytes, partitions, row_groups, runs_spilled;
};
/* Writes what waits, and adds the finished files to `change`. `at_least_one`: with no rows at all, one empty file (only
 * where partition_count is 0). */
enum lam_status lam_partition_writer_finish(struct lam_partition_writer *writer, bool at_least_one,
                                            struct lam_change *change, struct lam_partition_writer_counts *counts,
                                            struct lam_error *error);
/* Called with the directory of each partition that got rows, in the order of their keys, after the finish. */
enum lam_status lam_partition_writer_each(const struct lam_partition_writer *writer,
                                          enum lam_status (*each)(void *user, const char *directory,
                                                                  struct lam_error *error),
                                          void *user, struct lam_error *error);
/* NULL is allowed. */
void lam_partition_writer_close(struct lam_partition_writer *writer);

#endif
