/* Rows that wait on disk: pieces of any number of rows in one object of the spill directory, written once, each read
 * alone and in any order, by any number of threads. The object is unlinked as soon as it is open for reading. */
#ifndef LAM_OPS_SPILL_H
#define LAM_OPS_SPILL_H

#include "arrow/array.h"

struct lam_spill;
/* Where a piece is; with a checksum of its bytes. */
struct lam_spill_piece {
  uint64_t offset, checksum;
  uint64_t stored;      /* bytes in the object */
  uint32_t plain, text; /* of them, what is no string; bytes of strings, which are compressed */
  int64_t rows;
};

/* `schema` is a struct of plain columns, flat or nested; it outlives the spill. */
enum lam_status lam_spill_open(struct lam_mem *mem, const struct ArrowSchema *schema, struct lam_spill **out,
                               struct lam_error *error);
/* NULL is allowed. */
void lam_spill_close(struct lam_spill *spill);
/* Writes rows [first, first + count) of a batch, which take less than 4 GiB. */
enum lam_status lam_spill_write(struct lam_spill *spill, const struct ArrowArray *batch, int64_t first, int64_t count,
                                struct lam_spill_piece *out, struct lam_error *error);
/* Ends the writing; from here on pieces are read. */
enum lam_status lam_spill_finish(struct lam_spill *spill, struct lam_error *error);
/* Whether who holds `held` bytes of rows, of `most` at most, should spill them: also before, where memory is short,
 * since who brings the rows may need more than was thought (rows that are long, pages that are large). */
bool lam_spill_due(const struct lam_mem *mem, uint64_t held, uint64_t most);
enum lam_status lam_spill_read(struct lam_spill *spill, const struct lam_spill_piece *piece, struct ArrowArray *out,
                               struct lam_error *error);

#endif
