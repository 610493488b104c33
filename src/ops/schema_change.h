/* The schema that a table is to have: what lam_schema_change works with. */
#ifndef LAM_OPS_SCHEMA_CHANGE_H
#define LAM_OPS_SCHEMA_CHANGE_H

#include "lamella/change.h"
#include "table/table.h"

struct lam_schema_target {
  struct ArrowSchema schema; /* the columns that every file has afterwards */
  int64_t *origins;          /* for each of them the column of the table's schema that it was; -1: it is new */
};
/* LAM_INVALID or LAM_NOT_FOUND names the step that cannot be. `out->origins` is allocated in `arena`; the caller
 * releases the schema. */
enum lam_status lam_schema_target_make(const struct lam_table *table, const struct lam_schema_step *steps,
                                       int32_t step_count, struct lam_arena *arena, struct lam_schema_target *out,
                                       struct lam_error *error);

#endif
