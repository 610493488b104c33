/* Rows of a table that go or get new values, gathered in any order and applied file by file, within the budget. */
#ifndef LAM_OPS_ROW_EDITS_H
#define LAM_OPS_ROW_EDITS_H

#include "ops/edit.h"
#include "ops/key_join.h"

struct lam_position {
  int64_t file; /* index in the snapshot */
  int64_t row;  /* of the row group */
  int32_t row_group;
};

/* Appends the place that a cursor over batches of positions (key_scan.h) stands at. */
enum lam_status lam_position_at(const struct lam_key_cursor *cursor, struct lam_buf *out, struct lam_error *error);

struct lam_row_edits_options {
  const int32_t *columns; /* of the merged schema, that get new values; ascending */
  int32_t count;          /* 0: rows only go */
  /* Takes rows that belong to another partition by their new values, in columns of the merged schema; one call at a
   * time. It takes the batch over. NULL: no such column is among `columns`. */
  enum lam_status (*moved)(void *user, struct ArrowArray *batch, struct lam_error *error);
  void *user;
  uint64_t room; /* bytes that sorting may hold */
};
struct lam_row_edits;
/* `options` is copied; what it points to outlives the edits. */
enum lam_status lam_row_edits_open(struct lam_edit *edit, const struct lam_row_edits_options *options,
                                   struct lam_row_edits **out, struct lam_error *error);
/* NULL is allowed. */
void lam_row_edits_close(struct lam_row_edits *edits);

enum lam_status lam_row_edits_drop(struct lam_row_edits *edits, const struct lam_position *positions, int64_t count,
                                   struct lam_error *error);
/* Row i of the struct `values`, which has the options' columns as the table has them, takes the place of
 * positions[i]; it is taken over. No position comes twice. */
enum lam_status lam_row_edits_replace(struct lam_row_edits *edits, const struct lam_position *positions,
                                      struct ArrowArray *values, struct lam_error *error);
/* Whether rows may move to another partition. */
bool lam_row_edits_move(const struct lam_row_edits *edits);
/* Rewrites the files concerned, adds them to the edit's change and counts files, row groups and bytes. touched[i], one
 * for each file of the snapshot, is set for those. */
enum lam_status lam_row_edits_apply(struct lam_row_edits *edits, bool *touched, struct lam_error *error);

#endif
