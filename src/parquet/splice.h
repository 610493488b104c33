/* Row groups of another file of which some rows change: pages without such rows are copied byte for byte, the rows of
 * the others come from the caller and become new pages in between. The dictionary is the source's, perhaps with more
 * values behind it, so that copied pages keep theirs. */
#ifndef LAM_PARQUET_SPLICE_H
#define LAM_PARQUET_SPLICE_H

#include "base/ranges.h"
#include "parquet/writer.h"

/* Gives the rows that come in place of rows of the source, from row `wanted->first` on: of *taken rows, at most up to
 * wanted->end, those that stay, changed or not, in a batch of the writer's columns. Bit i of *kept says whether row
 * wanted->first + i is in it; NULL: all *taken are. What *kept points at lives until the next call; the batch goes to
 * the caller. */
typedef enum lam_status (*lam_splice_fn)(void *user, const struct lam_range *wanted, int64_t *taken,
                                         const uint8_t **kept, struct ArrowArray *batch, struct lam_error *error);

/* Writes row group `row_group` of `from` with `changed`, ranges of its rows. `rows` is called for whole pages in the
 * order of the rows; a row group under way is ended first. The same is asked as of lam_writer_copy_row_group.
 * *done is false, and nothing is written, where it cannot be done (nested columns, no page index, pages or encodings
 * that the writer does not make) or is not worth while: where more than `most` bytes are in pages that change.
 * *written gets the rows of the new row group. */
enum lam_status lam_writer_splice_row_group(struct lam_writer *writer, const struct lam_file *from, int32_t row_group,
                                            const struct lam_ranges *changed, uint64_t most, lam_splice_fn rows,
                                            void *user, bool *done, int64_t *written, struct lam_error *error);

#endif
