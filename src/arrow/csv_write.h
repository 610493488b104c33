/* Writing batches as CSV (RFC 4180); docs/csv.md describes the texts of the types. */
#ifndef LAM_ARROW_CSV_WRITE_H
#define LAM_ARROW_CSV_WRITE_H

#include "arrow/array.h"

struct lam_csv_writer_options {
  char delimiter; /* 0: ',' */
  bool no_header;
  bool crlf; /* lines end as RFC 4180 has it, instead of in LF */
};

struct lam_csv_column;

struct lam_csv_writer {
  struct lam_mem *mem;
  struct lam_csv_writer_options options;
  const struct ArrowSchema *schema;
  struct lam_csv_column *columns;
  int64_t column_count;
  bool special[256]; /* bytes for which a string is put in quotes */
};

/* `schema` is a struct of flat columns, dictionary-encoded or not, and stays the caller's while the writer is used.
 * LAM_UNSUPPORTED names a nested column. `options` may be NULL. */
enum lam_status lam_csv_writer_init(struct lam_csv_writer *writer, struct lam_mem *mem,
                                    const struct ArrowSchema *schema, const struct lam_csv_writer_options *options,
                                    struct lam_error *error);
void lam_csv_writer_release(struct lam_csv_writer *writer);
/* Appends the header line, unless there is to be none. */
enum lam_status lam_csv_write_header(struct lam_csv_writer *writer, struct lam_buf *out, struct lam_error *error);
/* Appends rows [first, first + count) of a struct array of the schema. */
enum lam_status lam_csv_write(struct lam_csv_writer *writer, const struct ArrowArray *batch, int64_t first,
                              int64_t count, struct lam_buf *out, struct lam_error *error);

#endif
