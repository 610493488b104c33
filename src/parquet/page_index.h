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
  bool *null_pages; /* nothing but nulls; min and max are then empty */
  struct lam_bytes *min, *max;
  int32_t boundary_order;                                /* enum lam_boundary_order; unknown ones are unordered */
  int64_t *null_counts, *nan_counts;                     /* NULL where absent */
  struct lam_bytes repetition_levels, definition_levels; /* the thrift lists of histograms as they are; empty */
};

/* Parse the thrift forms into `arena`; slices point into `bytes`. Counts are bounded by the bytes; page offsets and
 * first rows must ascend. */
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

#endif
