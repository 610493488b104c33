/* Hashes of keys: of what makes two keys equal in ops/sort_key.h, so that -0.0 and 0.0, and all NaNs, have one each. */
#ifndef LAM_OPS_KEY_HASH_H
#define LAM_OPS_KEY_HASH_H

#include "arrow/array.h"

/* The hashes of all rows of a batch of plain, flat columns, of those of them listed. nulls[i] is 1 where row i has a
 * NULL among them, else 0. */
enum lam_status lam_keys_hash(const struct ArrowSchema *schema, const struct ArrowArray *batch, const int32_t *columns,
                              int32_t count, uint64_t *hashes, uint8_t *nulls, struct lam_error *error);

#endif
