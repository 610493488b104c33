/* An update: what is set, bound to the table, and how rows of one file get their new values. */
#ifndef LAM_OPS_UPDATE_H
#define LAM_OPS_UPDATE_H

#include "ops/new_rows.h"
#include "ops/rewrite.h"

struct lam_update_set {
  const char *name;
  const struct lam_expr *value; /* bound to the table as it is, of the column's type */
  int64_t column;               /* of `after` */
  bool added;                   /* there is no such column yet */
};

struct lam_update {
  struct lam_edit *edit;
  const struct lam_update_options *options;
  struct lam_arena arena;
  const struct lam_expr *condition; /* NULL: every row */
  struct lam_update_set *sets;
  int32_t set_count, added;
  bool *used; /* for each column of the table, whether a value is computed from it */
  /* The columns of the table afterwards: those of its files, new ones, those of the path alone. */
  struct ArrowSchema after;
  int64_t data_columns; /* of them, that are written into files */
  uint8_t *outcomes;    /* of the condition, for each file: lam_where_files */
  uint8_t *done;        /* a byte for each file: it has been written anew */

  /* Where a partition column is set: rows that leave their partition. */
  bool moves;
  pthread_mutex_t lock; /* of `moved` */
  struct lam_new_rows *moved;
};

/* Writes the file anew with its marked rows updated, and those that move without them. Any thread. */
enum lam_status lam_update_file(struct lam_update *update, size_t index, struct lam_file *file,
                                const struct lam_marks *marks, struct lam_change *change,
                                struct lam_edit_result *counts, struct lam_error *error);

#endif
