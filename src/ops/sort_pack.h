/* Keys of rows packed into 64 bits that order as the rows order: each column's value less the least one seen, in as
 * few bits as the range of values needs. Most keys of numbers, dates and times fit, and then neither bytes nor memcmp
 * are needed. The order is that of ops/sort_key.h. */
#ifndef LAM_OPS_SORT_PACK_H
#define LAM_OPS_SORT_PACK_H

#include "ops/sort_key.h"

struct lam_pack_column {
  struct lam_key_column key;
  uint64_t least, most; /* of the values' codes; least > most: none seen */
  bool nulls;           /* seen */
  unsigned bits;
};

/* How keys are packed: by what has been seen. The columns are the caller's. */
struct lam_key_pack {
  struct lam_pack_column *columns;
  int32_t count;
};

/* Whether all columns have types that are packed. `columns` has room for `count`. */
bool lam_key_pack_init(struct lam_key_pack *pack, const struct ArrowSchema *schema, const struct lam_key_column *keys,
                       int32_t count, struct lam_pack_column *columns);
/* Widens the ranges to those of a batch too. *fits says whether the keys of all batches seen fit 64 bits. */
enum lam_status lam_key_pack_see(struct lam_key_pack *pack, const struct ArrowSchema *schema,
                                 const struct ArrowArray *batch, bool *fits, struct lam_error *error);
/* The keys of a batch that was seen, while they fit. */
enum lam_status lam_key_pack_encode(const struct lam_key_pack *pack, const struct ArrowSchema *schema,
                                    const struct ArrowArray *batch, uint64_t *out, struct lam_error *error);

#endif
