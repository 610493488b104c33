/* Reading only the rows of a file for which a condition is TRUE.
 *
 * Evaluation is late. For each row group: what statistics, bloom filters and
 * dictionaries exclude is not read, nor are pages that the page index excludes
 * (prune.h). Of what is left the columns of the condition are read window by
 * window, one part of an AND after the other, each only where those before it
 * left rows; the other columns only for rows that are selected, which are
 * picked out of their pages (chunk_chosen.c): pages that hold none are neither
 * read nor decoded. Nested columns are read by ranges of rows, or all of the
 * window at once where the selected rows lie close. Columns of the condition
 * are never decoded twice. */
#ifndef LAM_PARQUET_FILTER_READER_H
#define LAM_PARQUET_FILTER_READER_H

#include "expr/expr.h"
#include "parquet/prune.h"
#include "parquet/reader.h"

/* What is asked for; see lam_prune_open. All of it outlives the reader. */
struct lam_filter {
  const struct lam_expr *condition; /* bound to `schema`; NULL: every row */
  const struct ArrowSchema *schema;
  const int32_t *sources;
  const struct lam_scalar *const *constants; /* NULL: there are none */
};

struct lam_filter_counts {
  uint64_t groups, groups_skipped, groups_whole; /* of row groups begun; in which no row, or every row
                                                    matches */
  uint64_t rows_evaluated, rows_selected;
  uint64_t bytes; /* of the condition's columns in row groups that had to be read */
};

struct lam_filter_reader;
/* The batches have the columns of `options`, as those of lam_reader_open_as.
 * One without columns counts the rows. Strings never come as views. */
enum lam_status lam_filter_reader_open(struct lam_file *file, const struct lam_read_options *options,
                                       const struct lam_filter *filter, bool one_thread, struct lam_mem *mem,
                                       struct lam_filter_reader **out, struct lam_error *error);
void lam_filter_reader_close(struct lam_filter_reader *reader);
enum lam_status lam_filter_reader_schema(const struct lam_filter_reader *reader, struct ArrowSchema *out,
                                         struct lam_error *error);
/* The next rows that match, in order and at least one; at the end
 * `out->release` is NULL. */
enum lam_status lam_filter_reader_next(struct lam_filter_reader *reader, struct ArrowArray *out,
                                       struct lam_error *error);
/* The row of its row group that the last batch began with. */
int64_t lam_filter_reader_row(const struct lam_filter_reader *reader);
/* Instead, of a reader without columns: which rows match, as the next ranges of the row group under way; at the end
 * there are none. */
enum lam_status lam_filter_reader_rows(struct lam_filter_reader *reader, struct lam_ranges *out,
                                       struct lam_error *error);
/* Only these of the rows, numbered over the file from `base` on, are looked at from the next row group on. It outlives
 * the reader. */
void lam_filter_reader_sample(struct lam_filter_reader *reader, const struct lam_spread *sample, int64_t base);
/* Points a reader that was opened for exactly one row group at another one. */
void lam_filter_reader_select(struct lam_filter_reader *reader, int32_t row_group);
const struct lam_filter_counts *lam_filter_reader_counts(const struct lam_filter_reader *reader);
const struct lam_prune_counts *lam_filter_reader_pruned(
    const struct lam_filter_reader *reader); /* NULL: no condition */

/* As lam_file_scan, of the rows that match; `first_row` is the row of a batch's
 * first row in its row group. `counts` may be NULL. */
enum lam_status lam_filter_scan(struct lam_file *file, const struct lam_read_options *options,
                                const struct lam_filter *filter, lam_batch_fn each, void *user,
                                struct lam_filter_counts *counts, struct lam_error *error);
/* Called with rows of a row group that match, by several threads at once; those of one row group come in order, from
 * one thread. */
typedef enum lam_status (*lam_rows_fn)(void *user, int32_t row_group, const struct lam_ranges *rows,
                                       struct lam_error *error);
/* The same of the rows themselves: no columns but the condition's are read. `options` say which row groups. */
enum lam_status lam_filter_scan_rows(struct lam_file *file, const struct lam_read_options *options,
                                     const struct lam_filter *filter, lam_rows_fn each, void *user,
                                     struct lam_filter_counts *counts, struct lam_error *error);

#endif
