/* Reading CSV (RFC 4180 and what is about) as a stream of Arrow batches; docs/csv.md says what is accepted. */
#ifndef LAM_OPS_CSV_READ_H
#define LAM_OPS_CSV_READ_H

#include "arrow/array.h"

struct lam_csv;

/* Reads up to `room` bytes; *got is 0 only at the end. */
typedef enum lam_status (*lam_csv_source)(void *user, void *to, size_t room, size_t *got, struct lam_error *error);

struct lam_csv_type {
  const char *column;
  struct lam_type type;
};

/* All zero is the usual. What it points to is needed for lam_csv_open only, `nulls` as long as the reader. */
struct lam_csv_options {
  char delimiter;           /* 0: ',' */
  char quote;               /* 0: '"' */
  bool no_header;           /* the first line is a row */
  const char *const *names; /* of all columns, instead of those of the header; without either: column0, column1, … */
  int32_t name_count;
  const struct lam_csv_type *types; /* of some or all columns; the others' are inferred */
  int32_t type_count;
  bool spare_types;         /* those of columns that the input does not have are passed over */
  const char *const *nulls; /* texts that mean NULL, besides the empty one without quotes */
  int32_t null_count;
  int64_t sample_rows; /* inference looks at so many; 0: 10,000 */
  size_t sample_bytes; /* and at so many bytes; 0: 1 MiB */
  size_t row_bytes;    /* a longer row is LAM_LIMIT; 0: 64 MiB */
  int64_t batch_rows;  /* 0: 65,536 */
  size_t batch_bytes;  /* of text; a batch ends with the row that reaches it; 0: 8 MiB */
};

/* Reads the header and the sample. `options` may be NULL. An input without a byte is LAM_INVALID, unless names are
 * given. Messages begin with the line; the caller puts the file's name before. */
enum lam_status lam_csv_open(struct lam_mem *mem, lam_csv_source source, void *user,
                             const struct lam_csv_options *options, struct lam_csv **out, struct lam_error *error);
/* NULL is allowed. */
void lam_csv_close(struct lam_csv *csv);
/* The struct schema of the batches; all columns are nullable. */
enum lam_status lam_csv_schema(const struct lam_csv *csv, struct ArrowSchema *out, struct lam_error *error);
/* The next batch; at the end `out->release` is NULL. LAM_INVALID names line, column, value and expected type of the
 * first bad row; the rows of a batch with a bad row are not given out. */
enum lam_status lam_csv_next(struct lam_csv *csv, struct ArrowArray *out, struct lam_error *error);
/* Bytes of the input that the batches so far were made of. */
uint64_t lam_csv_bytes(const struct lam_csv *csv);

#endif
