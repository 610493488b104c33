/* Readers inside the library, beyond parquet/file.h. */
#ifndef LAM_PARQUET_READER_H
#define LAM_PARQUET_READER_H

#include "base/ranges.h"
#include "parquet/chunk.h"
#include "parquet/file.h"

/* Points a reader that was opened for exactly one row group at another one; its buffers are kept. */
void lam_reader_select(struct lam_reader *reader, int32_t row_group);

/* Rows chosen by the caller, instead of lam_reader_next. Begins row group `row_group` at its first row; the reader was
 * opened for exactly one row group, any. */
enum lam_status lam_reader_begin(struct lam_reader *reader, int32_t row_group, struct lam_error *error);
/* The next rows of those in `rows`, as one batch: ranges of the row group that begin at or behind the rows given so
 * far. What lies between is passed over: pages that hold none of the rows are not decoded, and where the file has an
 * offset index not read. At most the reader's batch_rows, and as many as the limits on a run allow; *taken says how
 * many rows, counted over the ranges, so that the caller can come back for the rest, which it does before it chooses
 * other ranges of the row group. At the end of the ranges `out->release` is NULL. */
enum lam_status lam_reader_read(struct lam_reader *reader, const struct lam_range *rows, size_t count, int64_t *taken,
                                struct ArrowArray *out, struct lam_error *error);
/* The same of rows chosen one by one, by a reader of which lam_reader_flat is
 * true: no groups, no lists, no views. */
enum lam_status lam_reader_read_chosen(struct lam_reader *reader, const struct lam_chosen_rows *rows, int64_t *taken,
                                       struct ArrowArray *out, struct lam_error *error);
bool lam_reader_flat(const struct lam_reader *reader);
/* Whether a flat column, not of booleans, comes as a dictionary from the next
 * lam_reader_begin on. */
void lam_reader_as_dictionary(struct lam_reader *reader, int32_t column, bool as_dictionary);

#endif
