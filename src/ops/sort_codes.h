/* Columns of few values, which are carried through a sort as numbers: files have dictionaries of them, and a row then
 * takes two bytes of such a column, however long its values are. */
#ifndef LAM_OPS_SORT_CODES_H
#define LAM_OPS_SORT_CODES_H

#include "arrow/array.h"
#include "parquet/format.h"

struct lam_sort_codes;

/* Whether a column of this type may be coded. */
bool lam_sort_codes_type(const struct ArrowSchema *field);
/* Whether a chunk's dictionary says that its column has few values. */
bool lam_sort_codes_chunk(const struct lam_chunk_meta *chunk);

/* Columns `wanted` of a struct schema, which outlives it, are to be coded. */
enum lam_status lam_sort_codes_open(struct lam_mem *mem, const struct ArrowSchema *schema, const bool *wanted,
                                    struct lam_sort_codes **out, struct lam_error *error);
void lam_sort_codes_close(struct lam_sort_codes *codes); /* NULL is allowed */
/* Of the batches that are sorted: int16 in place of each coded column. */
const struct ArrowSchema *lam_sort_codes_schema(const struct lam_sort_codes *codes);
bool lam_sort_codes_has(const struct lam_sort_codes *codes, int64_t column);

/* Makes codes of the columns of a batch, which come as dictionaries of ours with int32 indices. Fails with LAM_LIMIT
 * where there are more values than codes; lam_sort_codes_full is true from then on. */
enum lam_status lam_sort_codes_put(struct lam_sort_codes *codes, struct ArrowArray *batch, struct lam_error *error);
bool lam_sort_codes_full(const struct lam_sort_codes *codes);
/* Makes dictionaries with int32 indices of the codes of a batch, once all batches were put. */
enum lam_status lam_sort_codes_get(struct lam_sort_codes *codes, struct ArrowArray *batch, struct lam_error *error);

#endif
