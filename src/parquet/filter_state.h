/* What the parts of filtered reading share: filter_plan.c, filter_reader.c,
 * filter_rows.c. */
#ifndef LAM_PARQUET_FILTER_STATE_H
#define LAM_PARQUET_FILTER_STATE_H

#include "arrow/filter.h"
#include "parquet/filter_reader.h"

enum { LAM_MOST_STAGES = 6 };

/* Appends the first `rows` of `from` to `out`. */
enum lam_status lam_rows_first(const struct lam_rows *from, int64_t rows, struct lam_ranges *out,
                               struct lam_error *error);
/* Makes `out` the rows of `from` that were chosen. */
enum lam_status lam_rows_choose(const struct lam_rows *from, const struct lam_selection *selection,
                                struct lam_ranges *out, struct lam_error *error);
/* The same as rows one by one, from the first of `from` on; *fits is false
 * where they lie too far apart for that. */
enum lam_status lam_rows_singly(const struct lam_rows *from, const struct lam_selection *selection,
                                struct lam_buf *buffer, struct lam_chosen_rows *out, bool *fits,
                                struct lam_error *error);
/* The row at a place, counted from 0. */
int64_t lam_rows_at(const struct lam_rows *rows, int64_t place);

/* How many runs of neighbours there are. */
int64_t lam_selection_runs(const struct lam_selection *selection);
/* What `then` chooses of what `first` has chosen. */
enum lam_status lam_selection_compose(const struct lam_selection *first, const struct lam_selection *then,
                                      struct lam_buf *buffer, struct lam_selection *out, struct lam_error *error);
/* Those from number `given` on that lie in [place, place + rows), all of which those from there on lie behind or in. */
enum lam_status lam_selection_part(const struct lam_selection *selection, int64_t given, int64_t place, int64_t rows,
                                   struct lam_buf *buffer, struct lam_selection *out, struct lam_error *error);

/* The chosen rows of a window as one reader reads them. */
struct lam_reading {
  bool all;    /* the rows of the window from the first chosen to the last are
                  read, and those chosen copied */
  bool singly; /* the chosen rows are read one by one: */
  struct lam_chosen_rows chosen;
  struct lam_buf places; /* of `chosen`, where they are not the window's */
  struct lam_ranges ranges;
  struct lam_rows rows; /* of them those that are still to be read */
  int64_t place;        /* of the window, that comes next; where all are read */
  int64_t given;        /* of the rows chosen */
};

/* A column that the condition names. */
struct lam_filter_input {
  int32_t child;        /* of filter.schema */
  int32_t top;          /* of the file; -1: `constant` or NULL in every row */
  int32_t stage, index; /* the stage that reads it, and its place among that
                           one's columns */
  int32_t last;         /* stage whose condition is the last to name it */
  int32_t output;       /* column of the batches that it is, or -1 */
  const struct lam_scalar *constant;
  struct ArrowSchema plain, dictionary; /* as it comes in either form; the
                                           latter is released where it cannot */
  bool as_dictionary;                   /* in the row group under way */
  bool is_dictionary;                   /* `held` is one */
  bool own_child;                       /* the array that the evaluator is given was made for it */
  bool cast;                            /* narrower than its child of the schema is */
  struct lam_type type;                 /* of that */
  struct ArrowArray held;               /* its values of the rows selected so far */
  struct lam_filter_buffers kept[2];    /* of `held`, and of its values where it comes as a dictionary */
};

/* Columns that are read together, and what is then asked of the rows; the last
 * stage has no condition. */
struct lam_filter_stage {
  struct lam_reader *reader; /* NULL: nothing is read */
  const struct lam_expr *condition;
  struct lam_evaluator *evaluator;
  bool begun;                        /* the row group under way */
  struct ArrowSchema schema;         /* of the columns, none of them a dictionary */
  struct ArrowSchema form;           /* of the columns as they come in the row group under way; */
  struct ArrowSchema **form_schemas; /* its children are the inputs' */
};

struct lam_filter_reader {
  struct lam_mem *mem;
  struct lam_file *file;
  struct lam_filter filter;
  struct lam_read_options options;
  struct lam_arena arena;
  int32_t *row_groups, row_group_count, next_group, group;
  struct ArrowSchema schema; /* of the batches */
  int32_t *tops;             /* of the columns of the batches */
  int32_t *from_rest;        /* their places among the columns of `rest`, or -1: an
                                input is it */
  int32_t column_count;

  struct lam_filter_input *inputs;
  int32_t input_count;
  struct lam_filter_stage stages[LAM_MOST_STAGES];
  int32_t stage_count;
  struct lam_reader *rest; /* columns of the batches that no condition names; NULL: none */
  struct ArrowSchema rest_schema;
  /* Of each column of `rest`, which comes as a dictionary where all its pages are: less is copied before the rows are
   * chosen. */
  struct lam_rest_column {
    struct ArrowSchema dictionary; /* released where it cannot be one */
    bool as_dictionary;            /* in the row group under way */
  } * rest_columns;
  struct ArrowSchema rest_form, **rest_forms; /* as the columns come; its children are those of rest_schema or these */
  struct lam_filter_buffers *rest_kept;       /* of the rows chosen, and behind them of their values */
  struct lam_reader *whole;                   /* all columns of the batches, where nothing is to be evaluated */
  bool rest_begun, one_thread;
  struct lam_prune *prune;
  struct ArrowArray batch; /* as evaluators want it: a child for each of the schema's */
  struct ArrowArray *children, **child_pointers;

  const struct lam_spread *sample; /* NULL: all rows */
  int64_t sample_base;             /* the number of the file's first row in it */

  bool in_group, evaluates, failed;
  struct lam_ranges candidates; /* rows of the group that are still to be looked at */
  struct lam_rows left;         /* of them */
  struct lam_ranges window;     /* rows that were read last */
  struct lam_selection chosen;  /* of the window's; its indices are in one of: */
  struct lam_buf places[2];
  struct lam_buf bits, indices;
  struct lam_reading of_stage, of_rest;
  int64_t held_first, held_rows; /* of the inputs: rows given out, and all; equal where there is no window */
  int64_t row;                   /* of the group, that the last batch began with */
  struct lam_filter_counts counts;
};

/* filter_plan.c: what is to be read and asked when. */
enum lam_status lam_filter_plan(struct lam_filter_reader *reader, struct lam_error *error);
void lam_filter_unplan(struct lam_filter_reader *reader);

#endif
