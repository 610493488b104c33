/* Making a table's pack, and keeping it in step with the table's commits. */
#ifndef LAM_TABLE_PACK_MAKE_H
#define LAM_TABLE_PACK_MAKE_H

#include "table/directory.h"

struct lam_pack_counts {
  uint64_t files;
  uint64_t opened;  /* that the old pack did not know as they are */
  uint64_t unknown; /* that could not be read: readers open them */
  uint64_t bytes;   /* of the pack */
};
/* Lists the table, looks at every file, opens those that the present pack (if there is one) does not know, and puts a
 * new one in its place, atomically. `trust` leaves out what the present one may be trusted with. `taken_ns` is when the
 * listing began, by the file system's clock; 0: it is asked. *out may be NULL. LAM_UNSUPPORTED for single files, globs
 * and tables of another format; LAM_CONFLICT while a commit is being applied. */
enum lam_status lam_pack_make(struct lam_directory *directory, bool trust, int64_t taken_ns,
                              struct lam_pack_counts *out, struct lam_error *error);
/* After the commit `sequence`, which has changed so many files: the same, where the table has a pack and that is worth
 * it. What goes wrong is logged: an old pack does no harm. */
void lam_pack_renew(struct lam_directory *directory, uint64_t sequence, uint64_t changed);

#endif
