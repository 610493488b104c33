/* Spill files: bytes that do not fit the budget, in a file without a name in the context's spill
 * directory. The file goes with its handle, also when the process is killed. */
#ifndef LAM_STORE_SPILL_H
#define LAM_STORE_SPILL_H

#include "base/memory.h"

struct lam_spill;

/* Small appends gather in a buffer of 64 KiB of `mem`. */
enum lam_status lam_spill_create(struct lam_mem *mem, struct lam_spill **out, struct lam_error *error);
enum lam_status lam_spill_append(struct lam_spill *spill, struct lam_bytes bytes, struct lam_error *error);
/* Bytes appended so far: the offset of the next append. */
uint64_t lam_spill_size(const struct lam_spill *spill);
/* Writes out what the buffer holds and releases the buffer. From then on, until the next append, any
 * number of threads may read. */
enum lam_status lam_spill_flush(struct lam_spill *spill, struct lam_error *error);
/* Fills all of [offset, offset + size), which has been appended. */
enum lam_status lam_spill_read(struct lam_spill *spill, uint64_t offset, void *to, size_t size,
                               struct lam_error *error);
/* NULL is allowed. */
void lam_spill_release(struct lam_spill *spill);

#endif
