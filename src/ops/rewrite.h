/* Rewriting one file of a table of which some rows change: row groups without such rows are copied as bytes; of the
 * others the rows are decoded, dropped or replaced, and encoded again, each column as it was. */
#ifndef LAM_OPS_REWRITE_H
#define LAM_OPS_REWRITE_H

#include "expr/expr.h"
#include "ops/edit.h"

/* ---- marks: the rows of a file that an operation touches ---- */

struct lam_marks_group {
  uint8_t *bits;  /* (rows + 7) / 8 bytes; NULL where no row or every row is marked */
  int64_t rows;   /* of the row group */
  int64_t marked; /* of them */
};
struct lam_marks {
  struct lam_mem *mem;
  struct lam_marks_group *groups;
  int32_t group_count;
  int64_t rows;
  _Atomic int64_t marked; /* row groups may be marked by several threads, each by one at a time */
};
/* None is marked. Zeroed ones may be released. */
enum lam_status lam_marks_init(struct lam_marks *marks, const struct lam_file *file, struct lam_mem *mem,
                               struct lam_error *error);
void lam_marks_release(struct lam_marks *marks);
enum lam_status lam_marks_all(struct lam_marks *marks, int32_t row_group, struct lam_error *error);
/* Marks rows [first, end) of a row group, marked already or not. */
enum lam_status lam_marks_range(struct lam_marks *marks, int32_t row_group, int64_t first, int64_t end,
                                struct lam_error *error);
/* Marks row `row` of a row group; one that is marked already is LAM_EXISTS without a message. */
enum lam_status lam_marks_row(struct lam_marks *marks, int32_t row_group, int64_t row, struct lam_error *error);
static inline bool lam_marks_has(const struct lam_marks *marks, int32_t row_group, int64_t row) {
  const struct lam_marks_group *g = &marks->groups[row_group];
  return g->bits ? (g->bits[row / 8] >> (row % 8)) & 1 : g->marked != 0;
}
/* The bits of rows [first, first + rows) of a row group, (rows + 7) / 8 bytes. */
void lam_marks_bits(const struct lam_marks *marks, int32_t row_group, int64_t first, int64_t rows, uint8_t *out);
/* Marks the rows of file `index` of the snapshot for which `condition`, bound to edit->table (NULL: all), is TRUE. What
 * statistics, bloom filters, dictionaries and page indexes decide is not read; of the rest only the condition's
 * columns. Counts files_read and bytes_read. */
enum lam_status lam_marks_where(struct lam_edit *edit, size_t index, struct lam_file *file,
                                const struct lam_expr *condition, struct lam_marks *marks,
                                struct lam_edit_result *counts, struct lam_error *error);

/* What an operation does with one file, whose marks are made and given back around it. */
typedef enum lam_status (*lam_marks_fn)(void *user, size_t index, struct lam_file *file, struct lam_marks *marks,
                                        struct lam_change *change, struct lam_edit_result *counts,
                                        struct lam_error *error);
/* Opens file `index` of the snapshot, calls `work`, and moves what it gathered into the edit. Any thread. */
enum lam_status lam_edit_file(struct lam_edit *edit, size_t index, lam_marks_fn work, void *user,
                              struct lam_error *error);

/* ---- the rewrite ---- */

struct lam_rewrite_options {
  size_t file; /* of the snapshot */
  /* NULL: marked rows are dropped. Else `replace` is given, in the order of the file, all rows of each row group that
   * has a marked one, in batches of the columns of `schema`; it takes over `batch`, and *out gets the rows that take
   * their place (as many or fewer, even none: then a struct of length 0) in columns of `schema`. Bit i of `marked` is
   * of the batch's row i; on return it says that the row has gone. Pages of rows that are not marked may be passed
   * over. */
  enum lam_status (*replace)(void *user, int32_t row_group, int64_t first_row, struct ArrowArray *batch,
                             uint8_t *marked, struct ArrowArray *out, struct lam_error *error);
  void *user;
  /* A struct of the columns that the new file has; columns meet those of the file as in table/merge.h, those that the
   * file lacks come as NULL. NULL: the file's own. Where it differs from the file's, row groups that are not touched
   * are still copied where only whole columns are new, else they are encoded again. */
  const struct ArrowSchema *schema;
  /* With `replace`: for each column of `schema`, whether `replace` may change its values. The chunks of the others are
   * copied as bytes where the file allows it; then they come released, and are ignored where they go. All rows stay:
   * NULL says that some may go, and that all columns may change. */
  const bool *columns;
  const bool *reads; /* with `columns`: of the others those whose values `replace` wants to see. NULL: none */
  bool stays;        /* even where no row is left: a file without rows, which keeps the schema */
};
/* Writes the file anew without the marked rows, or with their replacements, adds it to `change`, removes the old one
 * there, and counts. A file all of whose rows are dropped is removed only. Marks of nothing with a `schema` that is the
 * file's own: nothing is done. Any thread, with its own `change` and `counts`. */
enum lam_status lam_rewrite_file(struct lam_edit *edit, struct lam_file *file, const struct lam_marks *marks,
                                 const struct lam_rewrite_options *options, struct lam_change *change,
                                 struct lam_edit_result *counts, struct lam_error *error);

#endif
