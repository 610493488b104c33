/* From a change to a journal: the checks for conflicts, and the directories prepared for what the journal will do.
 * Under the lock, before the commit point. */
#ifndef LAM_TABLE_PREPARE_H
#define LAM_TABLE_PREPARE_H

#include "table/commit.h"
#include "table/journal.h"
#include "table/listing.h"

struct lam_prepare {
  struct lam_stage *stage;
  struct lam_directory *directory;
  const struct lam_change *change;
  struct lam_journal *journal; /* filled; everything lives in its arena */
  struct lam_arena *arena;     /* that one, or one that it takes over: of each thread its own */
  struct lam_touched *touched;
  size_t touched_count;
};

/* "_metadata" and its like: they describe the files of a directory and of those below it. */
bool lam_is_summary_name(const char *name);

/* LAM_CONFLICT where something is not as it was read, or was added in the change's scope. Touches nothing. */
enum lam_status lam_prepare_check(struct lam_prepare *prepare, struct lam_error *error);
/* Builds the staged directories and fills the journal's directories. Touches only the stage. */
enum lam_status lam_prepare_stage(struct lam_prepare *prepare, struct lam_error *error);

#endif
