/* Repartitioning between directories that are open (tests bring their stores). */
#ifndef LAM_OPS_REPARTITION_H
#define LAM_OPS_REPARTITION_H

#include "lamella/change.h"
#include "ops/partition_spec.h"
#include "ops/partition_writer.h"
#include "table/table.h"

/* `target` may be `source`. Works within the account that the source was opened with. */
enum lam_status lam_repartition_directory(struct lam_directory *source, struct lam_directory *target,
                                          const struct lam_repartition_options *options,
                                          struct lam_repartition_result *result, struct lam_error *error);
/* The same to the table at a path, which may be the source's where `in_place`. */
enum lam_status lam_repartition_to(struct lam_directory *source, const char *target, bool in_place,
                                   const struct lam_repartition_options *options, struct lam_repartition_result *result,
                                   struct lam_error *error);
/* How rows of `schema` are written: as the options say, into the partitions of `spec`, and encoded as the first file of
 * the source, which has one. Where to (stage, store, hash) is left to the caller; the arena holds what `out` points to.
 */
enum lam_status lam_repartition_writing(const struct lam_repartition_options *options, const struct lam_table *source,
                                        const struct lam_partition_spec *spec, const struct ArrowSchema *schema,
                                        struct lam_arena *arena, struct lam_partition_writer_options *out,
                                        struct lam_error *error);

#endif
