/* Reading JSON lines (an object on each line; https://jsonlines.org) as a stream of Arrow batches; docs/json.md says
 * what is accepted. */
#ifndef LAM_OPS_JSON_READ_H
#define LAM_OPS_JSON_READ_H

#include "ops/csv_read.h"

struct lam_json;

/* All zero is the usual. `types` is needed for lam_json_open only. */
struct lam_json_options {
  const struct lam_csv_type *types; /* of some or all columns; the others' are inferred */
  int32_t type_count;
  bool spare_types;    /* those of columns that the sample does not have are passed over */
  int64_t sample_rows; /* inference looks at so many; 0: 100,000 */
  size_t sample_bytes; /* and at so many bytes; 0: 8 MiB */
  size_t row_bytes;    /* a longer line is LAM_LIMIT; 0: 16 MiB */
  int64_t batch_rows;  /* 0: 65,536 */
  size_t batch_bytes;  /* of text; a batch ends with the line that reaches it; 0: 8 MiB */
};

/* Reads the sample. `options` may be NULL. Columns come in the order in which their names appear first; objects are
 * structs, arrays lists. Messages begin with the line; the caller puts the file's name before. */
enum lam_status lam_json_open(struct lam_mem *mem, lam_csv_source source, void *user,
                              const struct lam_json_options *options, struct lam_json **out, struct lam_error *error);
/* NULL is allowed. */
void lam_json_close(struct lam_json *json);
/* The struct schema of the batches; everything in it is nullable. */
enum lam_status lam_json_schema(const struct lam_json *json, struct ArrowSchema *out, struct lam_error *error);
/* The next batch; at the end `out->release` is NULL. LAM_INVALID names line, column, value and expected type of the
 * first bad line; the rows of a batch with one are not given out. A member that the sample did not have is one. */
enum lam_status lam_json_next(struct lam_json *json, struct ArrowArray *out, struct lam_error *error);

#endif
