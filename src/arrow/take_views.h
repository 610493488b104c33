/* Taking rows of one column out of several sources: what lam_take does for each of its columns. */
#ifndef LAM_ARROW_TAKE_VIEWS_H
#define LAM_ARROW_TAKE_VIEWS_H

#include "arrow/take.h"

struct lam_taking {
  const struct ArrowSchema *schema;
  struct lam_type type;
  const struct lam_view *views; /* one per source; all zero where a source has no batch, of which no row is taken */
  uint32_t source_count;
  const struct lam_row *rows;
  int64_t count;
  bool scattered; /* lam_rows_scattered: looking for runs does not pay */
};

/* Whether few rows follow the one before in its source. */
bool lam_rows_scattered(const struct lam_row *rows, int64_t count);
/* `depth`: levels of nesting above the column. */
enum lam_status lam_take_views(struct lam_mem *mem, const struct lam_taking *column, int depth, struct ArrowArray *out,
                               struct lam_error *error);

#endif
