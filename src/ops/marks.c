#include <string.h>

#include "base/context.h"
#include "ops/rewrite.h"
#include "table/where.h"

enum lam_status lam_marks_init(struct lam_marks *marks, const struct lam_file *file, struct lam_mem *mem,
                               struct lam_error *error) {
  *marks = (struct lam_marks){.mem = mem};
  int32_t count = lam_file_row_groups(file);
  void *memory;
  LAM_TRY(lam_alloc_zero(mem, (size_t)count * sizeof *marks->groups, &memory, error));
  marks->groups = memory;
  marks->group_count = count;
  for (int32_t g = 0; g < count; g++) marks->rows += marks->groups[g].rows = lam_file_row_group_rows(file, g);
  return LAM_OK;
}

static size_t bytes_of(const struct lam_marks_group *group) {
  return (size_t)(group->rows + 7) / 8;
}

void lam_marks_release(struct lam_marks *marks) {
  for (int32_t g = 0; g < marks->group_count; g++)
    lam_free(marks->mem, marks->groups[g].bits, marks->groups[g].bits ? bytes_of(&marks->groups[g]) : 0);
  lam_free(marks->mem, marks->groups, (size_t)marks->group_count * sizeof *marks->groups);
  *marks = (struct lam_marks){.mem = marks->mem};
}

/* Where none is left unmarked the bits are not needed. */
static void count(struct lam_marks *marks, struct lam_marks_group *group, int64_t rows) {
  group->marked += rows;
  marks->marked += rows;
  if (group->marked < group->rows || !group->bits) return;
  lam_free(marks->mem, group->bits, bytes_of(group));
  group->bits = NULL;
}

static enum lam_status have_bits(struct lam_marks *marks, struct lam_marks_group *group, struct lam_error *error) {
  void *memory;
  if (group->bits) return LAM_OK;
  LAM_TRY(lam_alloc_zero(marks->mem, bytes_of(group), &memory, error));
  group->bits = memory;
  return LAM_OK;
}

enum lam_status lam_marks_range(struct lam_marks *marks, int32_t row_group, int64_t first, int64_t end,
                                struct lam_error *error) {
  struct lam_marks_group *group = &marks->groups[row_group];
  if (group->marked == 0 && end - first == group->rows) {
    count(marks, group, end - first);
    return LAM_OK;
  }
  int64_t fresh = 0;
  if (first == end || group->marked == group->rows) return LAM_OK;
  LAM_TRY(have_bits(marks, group, error));
  for (int64_t row = first; row < end;) {
    if (row % 8 == 0 && end - row >= 8) {
      fresh += 8 - __builtin_popcount(group->bits[row / 8]);
      group->bits[row / 8] = 0xff;
      row += 8;
      continue;
    }
    fresh += !lam_bit_get(group->bits, row);
    lam_bit_set(group->bits, row++);
  }
  count(marks, group, fresh);
  return LAM_OK;
}

enum lam_status lam_marks_all(struct lam_marks *marks, int32_t row_group, struct lam_error *error) {
  return lam_marks_range(marks, row_group, 0, marks->groups[row_group].rows, error);
}

enum lam_status lam_marks_row(struct lam_marks *marks, int32_t row_group, int64_t row, struct lam_error *error) {
  if (lam_marks_has(marks, row_group, row)) return LAM_EXISTS;
  return lam_marks_range(marks, row_group, row, row + 1, error);
}

void lam_marks_bits(const struct lam_marks *marks, int32_t row_group, int64_t first, int64_t rows, uint8_t *out) {
  const struct lam_marks_group *group = &marks->groups[row_group];
  size_t size = (size_t)(rows + 7) / 8;
  if (!group->bits) {
    memset(out, group->marked ? 0xff : 0, size);
  } else {
    const uint8_t *from = group->bits + first / 8;
    size_t left = bytes_of(group) - (size_t)first / 8;
    unsigned shift = (unsigned)(first % 8);
    for (size_t i = 0; i < size; i++) {
      unsigned next = i + 1 < left ? from[i + 1] : 0;
      out[i] = (uint8_t)((from[i] | next << 8) >> shift);
    }
  }
  if (rows % 8) out[size - 1] &= (uint8_t)((1u << (rows % 8)) - 1);
}

/* ---- by a condition ---- */

struct marking {
  struct lam_edit *edit;
  struct lam_marks *marks;
};

static enum lam_status mark_rows(void *user, int32_t row_group, const struct lam_ranges *rows,
                                 struct lam_error *error) {
  const struct marking *marking = user;
  for (size_t i = 0; i < lam_ranges_count(rows); i++) {
    const struct lam_range *range = lam_ranges_at(rows, i);
    LAM_TRY(lam_marks_range(marking->marks, row_group, range->first, range->end, error));
  }
  return lam_edit_renew(marking->edit, error);
}

/* Marks row groups that statistics prove, and gathers those that they leave open. */
static enum lam_status mark_by_statistics(struct lam_marks *marks, const struct lam_file *file,
                                          const struct lam_filter *filter, int32_t *open, int32_t *open_count,
                                          struct lam_error *error) {
  struct lam_prune *prune;
  LAM_TRY(lam_prune_open(file, filter->condition, filter->schema, filter->sources, filter->constants, marks->mem,
                         &prune, error));
  enum lam_status status = LAM_OK;
  for (int32_t g = 0; status == LAM_OK && g < marks->group_count; g++) {
    unsigned outcomes;
    status = lam_prune_statistics(prune, g, &outcomes, error);
    if (status != LAM_OK || !(outcomes & LAM_MAY_BE_TRUE)) continue;
    if (outcomes == LAM_MAY_BE_TRUE)
      status = lam_marks_all(marks, g, error);
    else
      open[(*open_count)++] = g;
  }
  lam_prune_close(prune);
  return status;
}

static enum lam_status mark_where(struct lam_edit *edit, size_t index, struct lam_file *file,
                                  const struct lam_expr *condition, const struct lam_file_columns *columns,
                                  struct lam_arena *arena, struct lam_marks *marks, struct lam_edit_result *counts,
                                  struct lam_error *error) {
  const struct lam_snapshot *snapshot = &edit->table->snapshot;
  struct lam_read_options options = LAM_READ_OPTIONS_INIT;
  struct lam_filter_counts scanned = {0};
  struct lam_filter filter;
  struct marking marking = {edit, marks};
  void *memory;
  LAM_TRY(lam_where_of_file(edit->table, condition, columns,
                            &snapshot->partitions[snapshot->files[index].partition].values, arena, &filter, error));
  LAM_TRY(lam_arena_array(arena, (size_t)marks->group_count, sizeof(int32_t), &memory, error));
  options.row_groups = memory;
  LAM_TRY(mark_by_statistics(marks, file, &filter, memory, &options.row_group_count, error));
  if (options.row_group_count == 0) return LAM_OK;
  LAM_TRY(lam_filter_scan_rows(file, &options, &filter, mark_rows, &marking, &scanned, error));
  counts->files_read += scanned.bytes > 0;
  counts->bytes_read += scanned.bytes;
  return LAM_OK;
}

enum lam_status lam_marks_where(struct lam_edit *edit, size_t index, struct lam_file *file,
                                const struct lam_expr *condition, struct lam_marks *marks,
                                struct lam_edit_result *counts, struct lam_error *error) {
  struct lam_file_columns columns;
  struct lam_arena arena;
  if (!condition) {
    for (int32_t g = 0; g < marks->group_count; g++) LAM_TRY(lam_marks_all(marks, g, error));
    return LAM_OK;
  }
  lam_arena_init(&arena, marks->mem);
  enum lam_status status = lam_file_columns_of(file, &arena, &columns, error);
  if (status == LAM_OK) {
    status = mark_where(edit, index, file, condition, &columns, &arena, marks, counts, error);
    lam_schema_release(&columns.schema);
  }
  lam_arena_release(&arena);
  return status;
}

/* ---- one file of an operation ---- */

enum lam_status lam_edit_file(struct lam_edit *edit, size_t index, lam_marks_fn work, void *user,
                              struct lam_error *error) {
  struct lam_edit_result counts = LAM_EDIT_RESULT_INIT;
  struct lam_change change;
  struct lam_marks marks;
  struct lam_file *file;
  LAM_TRY(lam_edit_open(edit, index, &file, error));
  lam_change_init(&change, edit->mem);
  enum lam_status status = lam_marks_init(&marks, file, edit->mem, error);
  if (status == LAM_OK) status = work(user, index, file, &marks, &change, &counts, error);
  lam_marks_release(&marks);
  if (status == LAM_OK) status = lam_edit_take(edit, &change, &counts, error);
  lam_change_release(&change);
  lam_file_close(file);
  return status;
}
