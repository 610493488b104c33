/* Size statistics and NaN counts of a leaf, of its chunk and of its pages, against the values while these are
 * decoded. Levels are made anew from the values, as the writer makes them. */
#ifndef LAM_OPS_VERIFY_SIZES_H
#define LAM_OPS_VERIFY_SIZES_H

#include "ops/verify_index.h"
#include "parquet/shred.h"
#include "parquet/size_statistics.h"

/* What there is: in the chunk, or in the page whose rows are being decoded. */
struct lam_sizes_found {
  int64_t bytes, nans; /* of strings; of floats */
  int64_t *levels[2];  /* entries by repetition and by definition level */
};

struct lam_size_check {
  struct lam_mem *mem;
  const struct lam_index_check *index; /* of the same leaf: it has the page indexes, and is told of faults */
  const struct lam_schema_node *node;
  struct lam_arena arena;
  struct lam_shred_path path;
  struct lam_shredded shredded;
  struct lam_size_statistics stated;
  struct lam_histogram pages[2];     /* of the column index */
  int64_t stated_nans;               /* -1 where absent */
  bool bytes_on, nans_on, levels_on; /* what is said, and can be checked */
  int32_t page;
  int64_t row; /* the next one of the row group */
  struct lam_sizes_found at_page, chunk;
};

/* `path` is that of the leaf in its column. What cannot be read for what it is is a fault. */
enum lam_status lam_size_check_begin(struct lam_size_check *check, const struct lam_index_check *index,
                                     const struct lam_shred_path *path, struct lam_error *error);
void lam_size_check_release(struct lam_size_check *check);
/* The next rows of the column. */
enum lam_status lam_size_check_rows(struct lam_size_check *check, const struct ArrowArray *column, int64_t rows,
                                    struct lam_error *error);
/* The chunk has no more. */
void lam_size_check_end(struct lam_size_check *check);

#endif
