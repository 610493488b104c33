/* One chunk of a spliced row group: pages of the source's chunk between new ones. */
#ifndef LAM_PARQUET_SPLICE_CHUNK_H
#define LAM_PARQUET_SPLICE_CHUNK_H

#include "parquet/chunk_write.h"
#include "parquet/page_index.h"

struct lam_splice_chunk {
  const struct lam_file *from;
  int32_t row_group, leaf;
  struct lam_chunk_writer *to;
  struct lam_offset_index offsets;
  struct lam_column_index columns;  /* count -1: there is none that can be believed */
  const uint8_t *touched;           /* a byte for each page: has rows that change */
  int32_t page;                     /* the one of row `row` */
  int64_t row, rows;                /* of the source: the next one; in the row group */
  struct lam_statistics statistics; /* of the source's chunk, as far as they can be believed */
};

/* Whether the chunk's pages can stand between those that the writer makes of it: from metadata alone. */
bool lam_splice_fits(const struct lam_splice_chunk *splice);
/* Begins the chunk with the source's dictionary and bloom filter. *fits is false where that cannot be. */
enum lam_status lam_splice_begin(struct lam_splice_chunk *splice, struct lam_workspace *workspace, bool *fits,
                                 struct lam_error *error);
/* Takes the page under way as it is. */
enum lam_status lam_splice_page(struct lam_splice_chunk *splice, struct lam_workspace *workspace, bool *fits,
                                struct lam_error *error);
/* Before lam_chunk_finish: bounds and bloom filter of the whole chunk. */
enum lam_status lam_splice_finish(struct lam_splice_chunk *splice, struct lam_workspace *workspace,
                                  struct lam_error *error);

static inline int64_t lam_splice_page_end(const struct lam_splice_chunk *splice) {
  return lam_page_end_row(&splice->offsets, splice->page, splice->rows);
}

#endif
