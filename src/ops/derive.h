/* Batches with columns that are set or derived from others: `--set` and the derived columns of `--by`. */
#ifndef LAM_OPS_DERIVE_H
#define LAM_OPS_DERIVE_H

#include "ops/partition_spec.h"

struct lam_derive;

/* `set` is "column = EXPR, …", evaluated on the row as it comes (NULL: nothing is set); a column that is there keeps
 * its type, another is added. Then the derived columns of the spec are added. LAM_INVALID where a derived column has
 * the name of another, LAM_NOT_FOUND for columns that there are not. `schema` and `spec` outlive it. */
enum lam_status lam_derive_open(struct lam_mem *mem, const struct ArrowSchema *schema, const char *set,
                                const struct lam_partition_spec *spec, struct lam_derive **out,
                                struct lam_error *error);
/* NULL is allowed. */
void lam_derive_close(struct lam_derive *derive);
/* Of the batches that come out. */
const struct ArrowSchema *lam_derive_schema(const struct lam_derive *derive);
/* Takes over a batch of the schema given, plain columns. */
enum lam_status lam_derive_batch(struct lam_derive *derive, struct ArrowArray *batch, struct ArrowArray *out,
                                 struct lam_error *error);

#endif
