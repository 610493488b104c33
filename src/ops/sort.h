/* Sorting any number of rows within a bounded memory: an external merge sort, stable.
 *
 * Batches are held in memory until they pass `run_bytes`; then they are sorted and written to a run: pieces (spill.h)
 * of a bounded size, one behind the other. Runs are merged when the rows are asked for, in several passes where there
 * are many; of each run that is being merged two pieces are in memory. */
#ifndef LAM_OPS_SORT_H
#define LAM_OPS_SORT_H

#include "arrow/array.h"
#include "lamella/parquet.h"

struct lam_sorter;

/* `schema` is a struct of plain columns (copied); those of the keys are flat. While rows are added, and later while
 * runs are merged, at most about `run_bytes` are held, and a batch to be given, an eighth of that. */
enum lam_status lam_sorter_open(struct lam_mem *mem, const struct ArrowSchema *schema, const struct lam_sort_key *keys,
                                int32_t key_count, uint64_t run_bytes, struct lam_sorter **out,
                                struct lam_error *error);
void lam_sorter_close(struct lam_sorter *sorter);
/* Takes the batch over, also when it fails. */
enum lam_status lam_sorter_add(struct lam_sorter *sorter, struct ArrowArray *batch, struct lam_error *error);
/* Ends the adding. */
enum lam_status lam_sorter_finish(struct lam_sorter *sorter, struct lam_error *error);
/* The rows in order, in batches of at most `max_rows`; at the end `out->release` is NULL. */
enum lam_status lam_sorter_next(struct lam_sorter *sorter, int64_t max_rows, struct ArrowArray *out,
                                struct lam_error *error);
int64_t lam_sorter_runs(const struct lam_sorter *sorter); /* runs spilled so far, merged ones included */

#endif
