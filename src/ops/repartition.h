/* Repartitioning between directories that are open (tests bring their stores). */
#ifndef LAM_OPS_REPARTITION_H
#define LAM_OPS_REPARTITION_H

#include "lamella/change.h"
#include "ops/keep.h"
#include "table/table.h"

/* `target` may be `source`. Works within the account that the source was opened with. */
enum lam_status lam_repartition_directory(struct lam_directory *source, struct lam_directory *target,
                                          const struct lam_repartition_options *options,
                                          struct lam_repartition_result *result, struct lam_error *error);
/* The same to the table at a path, which may be the source's where `in_place`. */
enum lam_status lam_repartition_to(struct lam_directory *source, const char *target, bool in_place,
                                   const struct lam_repartition_options *options, struct lam_repartition_result *result,
                                   struct lam_error *error);
/* Columns are encoded as the first file of the source, which has one, has them; new ones by the default. */
enum lam_status lam_repartition_columns(const struct lam_table *table, const struct ArrowSchema *schema,
                                        const struct lam_change_options *options, struct lam_arena *arena,
                                        struct lam_keep *keep, struct lam_error *error);

#endif
