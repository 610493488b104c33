/* The keys of an upsert's source, held within a bound of memory: which row groups of the table may have one of them,
 * and which rows. What it says yes to need not be there; what it says no to is not.
 *
 * Few keys are kept as they are, sorted, so that a row group is asked for only those within its bounds; of many there
 * is a bloom filter and the bounds of each column. */
#ifndef LAM_OPS_KEY_SET_H
#define LAM_OPS_KEY_SET_H

#include "expr/expr.h"

struct lam_key_set;

/* `columns` are those of `schema`, a struct, that make the key; both outlive it. `room` in bytes. */
enum lam_status lam_key_set_open(struct lam_mem *mem, const struct ArrowSchema *schema, const int32_t *columns,
                                 int32_t count, uint64_t room, struct lam_key_set **out, struct lam_error *error);
void lam_key_set_close(struct lam_key_set *set);
/* Keys of all rows but those with a NULL, which are counted. The batch, which this library made, stays the caller's. */
enum lam_status lam_key_set_add(struct lam_key_set *set, const struct ArrowArray *batch, struct lam_error *error);
/* Ends the adding. From then on any thread may ask. */
enum lam_status lam_key_set_finish(struct lam_key_set *set, struct lam_error *error);
uint64_t lam_key_set_nulls(const struct lam_key_set *set);
/* Hash of lam_keys_hash. */
bool lam_key_set_may_have(const struct lam_key_set *set, uint64_t hash);

enum lam_key_verdict { LAM_KEYS_NONE, LAM_KEYS_SOME, LAM_KEYS_MANY };
/* Whether rows of which `facts` are known (one of each key column, of its type) may have a key of the set. SOME:
 * *condition is one on the nodes `columns`, which is TRUE for all such rows; it is in `arena` and borrows from the set.
 */
enum lam_status lam_key_set_ask(const struct lam_key_set *set, const struct lam_facts_column *facts,
                                const struct lam_expr *const *columns, struct lam_arena *arena,
                                enum lam_key_verdict *verdict, const struct lam_expr **condition,
                                struct lam_error *error);

#endif
