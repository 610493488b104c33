/* The rows of an upsert's sources, one after the other, brought to the types of the table's columns. A value that its
 * column cannot hold exactly is an error that names source, row, column and value. */
#ifndef LAM_OPS_UPSERT_SOURCE_H
#define LAM_OPS_UPSERT_SOURCE_H

#include "lamella/change.h"
#include "ops/import_source.h"

struct lam_upsert_source {
  struct lam_mem *mem;
  const struct lam_upsert_options *options;
  const struct ArrowSchema *table; /* the merged schema */
  struct lam_arena arena;
  /* Of the batches: the columns that the sources have, in the order and with the types of the table's, then an int64
   * LAM_UPSERT_ORDINAL that counts the rows of all sources from 0. */
  struct ArrowSchema schema;
  int32_t *columns; /* of the table, for each of the schema's but the last */
  int32_t column_count;

  struct lam_import_source *now; /* NULL between sources */
  int32_t next;                  /* source */
  int64_t rows;                  /* given so far */
  int64_t *first_rows;           /* of each source that was begun: its first row's ordinal */
};
#define LAM_UPSERT_ORDINAL "lamella.ordinal"

/* `table` and `options` outlive it; it needs lam_upsert_source_close also after a failure. LAM_NOT_FOUND names a
 * column of a source that the table lacks; LAM_INVALID a source that has other columns than the first one. */
enum lam_status lam_upsert_source_open(struct lam_mem *mem, const struct lam_upsert_options *options,
                                       const struct ArrowSchema *table, struct lam_upsert_source *out,
                                       struct lam_error *error);
void lam_upsert_source_close(struct lam_upsert_source *source);
/* At the end `out->release` is NULL. */
enum lam_status lam_upsert_source_next(struct lam_upsert_source *source, struct ArrowArray *out,
                                       struct lam_error *error);
/* "new.csv, row 3": the row with this ordinal, counted from 1 in its source. `room` of 300 is usual. */
const char *lam_upsert_source_row(const struct lam_upsert_source *source, int64_t ordinal, char *out, size_t room);

#endif
