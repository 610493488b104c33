/* Writing batches as JSON lines: an object for each row; docs/csv.md describes the texts of the types. */
#ifndef LAM_ARROW_JSON_WRITE_H
#define LAM_ARROW_JSON_WRITE_H

#include "arrow/array.h"

struct lam_json_column;

struct lam_json_writer {
  struct lam_mem *mem;
  const struct ArrowSchema *schema;
  struct lam_json_column *columns; /* of the schema's tree in pre-order, its root first */
  int64_t column_count;
};

/* `schema` is a struct, whose columns may be nested and dictionary-encoded, and stays the caller's while the writer is
 * used. */
enum lam_status lam_json_writer_init(struct lam_json_writer *writer, struct lam_mem *mem,
                                     const struct ArrowSchema *schema, struct lam_error *error);
void lam_json_writer_release(struct lam_json_writer *writer);
/* Appends rows [first, first + count) of a struct array of the schema, a line each. */
enum lam_status lam_json_write(struct lam_json_writer *writer, const struct ArrowArray *batch, int64_t first,
                               int64_t count, struct lam_buf *out, struct lam_error *error);
/* Appends a JSON string in its quotes; bytes that are not UTF-8 become U+FFFD. */
enum lam_status lam_json_string(struct lam_buf *out, struct lam_bytes text, struct lam_error *error);

#endif
