/* Page indexes: where the pages of a chunk are (offset index) and what they hold (column index).
 *
 * Source: https://github.com/apache/parquet-format/blob/master/PageIndex.md and parquet.thrift. */
#ifndef LAM_PARQUET_PAGE_INDEX_H
#define LAM_PARQUET_PAGE_INDEX_H

#include "parquet/file.h"

struct lam_page_location {
  uint64_t offset; /* of the page header in the file */
  uint32_t size;   /* with the header */
  int64_t first_row;
};
struct lam_offset_index {
  int32_t count;
  struct lam_page_location *pages; /* data pages only, in order */
  int64_t *unencoded_bytes;        /* of BYTE_ARRAY per page; NULL where absent */
};
enum lam_boundary_order { LAM_BOUNDARY_UNORDERED = 0, LAM_BOUNDARY_ASCENDING = 1, LAM_BOUNDARY_DESCENDING = 2 };
struct lam_column_index {
  int32_t count;
  bool *null_pages; /* nothing but nulls; min and max are then empty and mean nothing */
  /* Bounds in PLAIN form, perhaps truncated; data is never NULL. They are worth what chunk statistics are: ask
   * lam_statistics_trusted. In a page of floats in IEEE 754 total order they are NaN where it has no other values;
   * elsewhere NaN as a bound means nothing. */
  struct lam_bytes *min, *max;
  int32_t boundary_order;                                /* enum lam_boundary_order; unknown ones are unordered */
  int64_t *null_counts, *nan_counts;                     /* NULL where absent */
  struct lam_bytes repetition_levels, definition_levels; /* the thrift lists of histograms as they are; empty */
};

/* The row behind the last one of page `page`, in a row group of `group_rows` rows. */
static inline int64_t lam_page_end_row(const struct lam_offset_index *index, int32_t page, int64_t group_rows) {
  return page + 1 < index->count ? index->pages[page + 1].first_row : group_rows;
}

/* Parse the thrift forms into `arena`; slices point into `bytes`. A column index with null counts below 0, by writers
 * that knew nothing of their pages, has a count of -1: nothing in it can be believed. Counts are bounded by the bytes;
 * lists of one index are of one length; pages ascend without overlap, and so do their first rows, from 0 on. */
enum lam_status lam_offset_index_parse(struct lam_bytes bytes, struct lam_arena *arena, struct lam_offset_index *out,
                                       struct lam_error *error);
enum lam_status lam_column_index_parse(struct lam_bytes bytes, struct lam_arena *arena, struct lam_column_index *out,
                                       struct lam_error *error);
enum lam_status lam_offset_index_write(const struct lam_offset_index *index, struct lam_buf *out,
                                       struct lam_error *error);
enum lam_status lam_column_index_write(const struct lam_column_index *index, struct lam_buf *out,
                                       struct lam_error *error);

/* The indexes of one chunk of a file, their bytes read into the arena. out->count is -1 where there is none. An index
 * that disagrees with the chunk (its pages lie outside, its rows are not the group's, its counts differ) is
 * LAM_CORRUPT; readers that can do without go on without, verify reports it. */
enum lam_status lam_offset_index_read(const struct lam_file *file, int32_t row_group, int32_t leaf,
                                      struct lam_arena *arena, struct lam_offset_index *out, struct lam_error *error);
enum lam_status lam_column_index_read(const struct lam_file *file, int32_t row_group, int32_t leaf,
                                      struct lam_arena *arena, struct lam_column_index *out, struct lam_error *error);

/* Those of several leaves of a row group, of which offsets[i] and columns[i] are leaves[i]'s; `columns` may be NULL.
 * Indexes that lie near each other are read together. What is LAM_CORRUPT above is here as good as absent (count -1; a
 * column index also where its pages are not the offset index's, or its null pages have values), so that this fails only
 * where reading fails or memory is short. */
enum lam_status lam_page_indexes_read(const struct lam_file *file, int32_t row_group, const int32_t *leaves,
                                      size_t count, struct lam_arena *arena, struct lam_offset_index *offsets,
                                      struct lam_column_index *columns, struct lam_error *error);

#endif
