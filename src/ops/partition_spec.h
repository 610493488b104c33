/* How rows are to be partitioned, as `--by` says it: "product_id, date, hour=hour(ts), bucket(16, id), truncate(4, s)".
 *
 * Each part is a column; or a derived one, "name=EXPR"; or, with or without a name, a transform of Iceberg's. A
 * function of one column without a name is called after both: hour(ts) is ts_hour, bucket(16, id) id_bucket,
 * truncate(4, s) s_trunc. */
#ifndef LAM_OPS_PARTITION_SPEC_H
#define LAM_OPS_PARTITION_SPEC_H

#include "expr/expr.h"
#include "iceberg/transform.h"

enum lam_spec_kind { LAM_SPEC_COLUMN, LAM_SPEC_EXPRESSION, LAM_SPEC_TRANSFORM };
struct lam_spec_field {
  enum lam_spec_kind kind;
  const char *name;            /* of the column that tells partitions apart */
  const struct lam_expr *expr; /* of an expression; of a transform the column, a name of one part */
  enum lam_transform transform;
  int32_t parameter; /* of a transform: buckets or width */
};
struct lam_partition_spec {
  struct lam_spec_field *fields;
  const char **names; /* of the fields */
  int32_t count;
};

/* LAM_INVALID says which part is wrong. NULL and blank texts have no fields. Allocated in `arena`. */
enum lam_status lam_partition_spec_parse(const char *text, struct lam_arena *arena, struct lam_partition_spec *out,
                                         struct lam_error *error);

#endif
