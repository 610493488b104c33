/* A hash of the contents of rows that does not depend on their order, their row groups or how they are
 * encoded: what `--verify full` compares before and after.
 *
 * For each column the sum (mod 2^64) of the hashes of its values, and a sum of hashes of whole rows, so that values
 * that moved to another row are found too. */
#ifndef LAM_OPS_CONTENT_HASH_H
#define LAM_OPS_CONTENT_HASH_H

#include "arrow/array.h"

struct lam_content_hash {
  struct lam_mem *mem;
  int64_t columns;
  uint64_t rows, row_sum;
  uint64_t *column_sums;
  struct lam_buf row_hashes; /* of the batch under way */
};

enum lam_status lam_content_hash_init(struct lam_content_hash *hash, struct lam_mem *mem, int64_t columns,
                                      struct lam_error *error);
void lam_content_hash_release(struct lam_content_hash *hash);
/* Plain columns. */
enum lam_status lam_content_hash_add(struct lam_content_hash *hash, const struct ArrowSchema *schema,
                                     const struct ArrowArray *batch, struct lam_error *error);
/* Adds what another one, of as many columns, has of other rows. */
void lam_content_hash_join(struct lam_content_hash *hash, const struct lam_content_hash *other);
/* LAM_CORRUPT names the first column that differs; `what` begins the sentence. */
enum lam_status lam_content_hash_compare(const struct lam_content_hash *before, const struct lam_content_hash *after,
                                         const struct ArrowSchema *schema, const char *what, struct lam_error *error);

#endif
