/* Rows of a row group by its page indexes. Pages of different columns have different boundaries, so the condition is
 * decided for each interval of rows between two neighbouring ones of any. */
#include "parquet/prune_state.h"

/* A column's page under way. */
struct lam_page_cursor {
  struct lam_prune_column *column;
  const struct lam_offset_index *offsets;
  const struct lam_column_index *index;
  int32_t page;
  int64_t end;                   /* the row behind it */
  struct lam_facts_column facts; /* nulls: 0: none, 1: nothing else, -1: perhaps */
};

struct intervals {
  struct lam_prune *prune;
  struct lam_page_cursor *cursors;
  size_t count;
  int64_t rows; /* of the interval under way */
};

/* ---- facts ---- */

static enum lam_status enter_page(struct lam_prune *prune, struct lam_page_cursor *cursor, struct lam_error *error) {
  const struct lam_column_index *index = cursor->index;
  int32_t page = cursor->page;
  struct lam_written_bounds written = {.min_exact = true, /* not known; they are bounds, cut or not */
                                       .max_exact = true,
                                       .nulls = index->null_counts ? index->null_counts[page] : -1,
                                       .nans = index->nan_counts ? index->nan_counts[page] : -1};
  cursor->end = lam_page_end_row(cursor->offsets, page, prune->rows);
  written.rows = cursor->end - cursor->offsets->pages[page].first_row;
  if (index->null_pages[page]) {
    /* parquet-mr says so too of a page whose statistics it was not given. */
    bool can_be = cursor->column->type.max_definition > 0 && (!index->null_counts || index->null_counts[page] > 0);
    cursor->facts =
        can_be ? (struct lam_facts_column){.nulls = 1} : (struct lam_facts_column){.nulls = -1, .may_be_nan = true};
    return LAM_OK;
  }
  if (cursor->column->trusted) {
    written.min = index->min[page];
    written.max = index->max[page];
  }
  LAM_TRY(lam_facts_of_bounds(prune->meta, cursor->column, &written, &prune->group_arena, &cursor->facts, error));
  cursor->facts.min_exact = cursor->facts.max_exact = false;
  if (cursor->facts.nulls != 0) cursor->facts.nulls = -1;
  return LAM_OK;
}

static enum lam_status interval_facts(const void *user, const struct lam_expr *node, struct lam_facts_column *out,
                                      struct lam_error *error) {
  const struct intervals *intervals = user;
  struct lam_prune *prune = intervals->prune;
  struct lam_prune_column *column = lam_prune_column_of(prune, node);
  int64_t all = column->cursor ? 1 : prune->rows;
  if (column->cursor)
    *out = column->cursor->facts;
  else
    LAM_TRY(lam_facts_of_chunk(prune, column, out, error));
  out->nulls = out->nulls == 0 ? 0 : out->nulls == all ? intervals->rows : -1;
  return LAM_OK;
}

/* ---- indexes ---- */

static enum lam_status read_indexes(struct lam_prune *prune, struct intervals *intervals, struct lam_error *error) {
  size_t count = 0, columns = (size_t)prune->column_count;
  struct lam_arena *arena = &prune->group_arena;
  int32_t *leaves;
  struct lam_offset_index *offsets;
  struct lam_column_index *indexes;
  LAM_TRY(lam_arena_array(arena, columns, sizeof *leaves, (void **)&leaves, error));
  LAM_TRY(lam_arena_array(arena, columns, sizeof *offsets, (void **)&offsets, error));
  LAM_TRY(lam_arena_array(arena, columns, sizeof *indexes, (void **)&indexes, error));
  LAM_TRY(lam_arena_array(arena, columns, sizeof *intervals->cursors, (void **)&intervals->cursors, error));
  for (size_t i = 0; i < columns; i++) {
    struct lam_prune_column *column = &prune->columns[i];
    const struct lam_row_group_meta *group = &prune->meta->row_groups[prune->group];
    if (column->kind != LAM_PRUNE_LEAF || group->chunks[column->leaf].values != prune->rows) continue;
    intervals->cursors[count].column = column;
    leaves[count++] = column->leaf;
  }
  LAM_TRY(lam_page_indexes_read(prune->file, prune->group, leaves, count, arena, offsets, indexes, error));
  for (size_t i = 0; i < count; i++) {
    if (offsets[i].count <= 0 || indexes[i].count != offsets[i].count) continue;
    struct lam_page_cursor *cursor = &intervals->cursors[intervals->count++];
    cursor->column = intervals->cursors[i].column;
    cursor->offsets = &offsets[i];
    cursor->index = &indexes[i];
  }
  return LAM_OK;
}

/* ---- rows ---- */

/* Moves the cursors to `row`; *end gets where the first of their pages ends. */
static enum lam_status advance(struct intervals *intervals, int64_t row, int64_t *end, struct lam_error *error) {
  *end = intervals->prune->rows;
  for (size_t i = 0; i < intervals->count; i++) {
    struct lam_page_cursor *cursor = &intervals->cursors[i];
    bool entered = row > 0 && cursor->end > row;
    if (!entered) {
      while (lam_page_end_row(cursor->offsets, cursor->page, intervals->prune->rows) <= row) cursor->page++;
      LAM_TRY(enter_page(intervals->prune, cursor, error));
    }
    *end = lam_min_i64(*end, cursor->end);
  }
  return LAM_OK;
}

static enum lam_status decide_intervals(struct intervals *intervals, struct lam_ranges *rows, bool *all,
                                        struct lam_error *error) {
  const struct lam_prune *prune = intervals->prune;
  for (int64_t row = 0, end; row < prune->rows; row = end) {
    unsigned outcomes;
    LAM_TRY(advance(intervals, row, &end, error));
    intervals->rows = end - row;
    struct lam_facts facts = {.user = intervals, .rows = end - row, .column = interval_facts};
    LAM_TRY(lam_expr_decide(prune->condition, &facts, &outcomes, error));
    if (!(outcomes & LAM_MAY_BE_TRUE)) continue;
    if (outcomes != LAM_MAY_BE_TRUE) *all = false;
    LAM_TRY(lam_ranges_add(rows, row, end, error));
  }
  return LAM_OK;
}

static void count_pages(struct intervals *intervals, const struct lam_ranges *rows) {
  struct lam_prune *prune = intervals->prune;
  size_t ranges = lam_ranges_count(rows);
  for (size_t i = 0; i < intervals->count; i++) {
    const struct lam_offset_index *offsets = intervals->cursors[i].offsets;
    size_t range = 0;
    prune->counts.pages += (uint64_t)offsets->count;
    for (int32_t page = 0; page < offsets->count; page++) {
      while (range < ranges && lam_ranges_at(rows, range)->end <= offsets->pages[page].first_row) range++;
      if (range == ranges || lam_ranges_at(rows, range)->first >= lam_page_end_row(offsets, page, prune->rows))
        prune->counts.pages_skipped++;
    }
  }
}

enum lam_status lam_prune_rows(struct lam_prune *prune, int32_t row_group, struct lam_ranges *rows, bool *all,
                               struct lam_error *error) {
  struct intervals intervals = {.prune = prune};
  bool usable;
  lam_ranges_clear(rows);
  *all = true;
  LAM_TRY(lam_prune_begin(prune, row_group, error));
  LAM_TRY(lam_prune_optional(read_indexes(prune, &intervals, error), &usable));
  if (!usable) intervals.count = 0;
  for (size_t i = 0; i < intervals.count; i++) intervals.cursors[i].column->cursor = &intervals.cursors[i];
  enum lam_status status = decide_intervals(&intervals, rows, all, error);
  for (size_t i = 0; i < intervals.count; i++) intervals.cursors[i].column->cursor = NULL;
  if (status != LAM_OK) return status;
  count_pages(&intervals, rows);
  if (prune->rows > 0 && lam_ranges_count(rows) == 0) prune->counts.groups_by_pages++;
  return LAM_OK;
}
