#include <stdio.h>

#include "arrow/cast.h"
#include "arrow/filter.h"
#include "arrow/take.h"
#include "arrow/value_text.h"
#include "base/context.h"
#include "ops/update.h"
#include "table/path_value.h"

/* One file under way; its row groups come one after the other. */
struct update_file {
  struct lam_update *update;
  const struct lam_partition *partition;
  struct lam_mem *mem;
  struct lam_arena arena;
  struct lam_file_columns columns;
  struct ArrowSchema schema;    /* of the new file; borrows its fields */
  int32_t *set_of;              /* for each of its columns what sets it, or -1 */
  int32_t *place;               /* for each column of `after` where the file has it, or -1 */
  bool *changes, *reads;        /* of its columns; see lam_rewrite_options */
  struct lam_evaluator **value; /* for each of what is set */
  struct lam_row_names names;   /* of the rows that are evaluated */
  char *group_name;             /* "<file>: row group 3" */
  size_t group_room;
  struct lam_buf indices, rows, moved_rows, set_rows, moves, text;
  struct ArrowArray inputs;  /* the table's columns of the rows that match; others are released */
  struct ArrowArray *values; /* new ones, for each of what is set, of those rows */
};

/* ---- the new file's columns ---- */

static const struct ArrowSchema *table_schema(const struct lam_update *update) {
  return &update->edit->table->merge.schema;
}

static int32_t set_of_column(const struct lam_update *update, int64_t column) {
  for (int32_t i = 0; i < update->set_count; i++)
    if (update->sets[i].column == column) return i;
  return -1;
}

/* A column that is set is as wide as the table has it, so that its new values fit. */
static enum lam_status set_field(struct update_file *f, struct ArrowSchema *field, const struct ArrowSchema *wanted,
                                 struct ArrowSchema **out, struct lam_error *error) {
  struct lam_type is, wants;
  *out = field;
  LAM_TRY(lam_type_parse(field, &is, error));
  LAM_TRY(lam_type_parse(wanted, &wants, error));
  if (lam_type_equal(&is, &wants)) return LAM_OK;
  LAM_TRY(lam_arena_alloc(&f->arena, sizeof **out, (void **)out, error));
  **out = *wanted;
  (*out)->flags = field->flags;
  return LAM_OK;
}

/* Columns of the file, and behind them those that are set and that it lacks. */
static enum lam_status make_schema(struct update_file *f, struct lam_error *error) {
  struct lam_update *update = f->update;
  const struct ArrowSchema *after = &update->after;
  struct ArrowSchema *own = &f->columns.schema;
  void *memory;
  size_t room = (size_t)own->n_children + (size_t)update->set_count;
  LAM_TRY(lam_arena_array(&f->arena, room, sizeof(struct ArrowSchema *), &memory, error));
  f->schema = (struct ArrowSchema){.format = "+s", .name = "", .n_children = own->n_children, .children = memory};
  LAM_TRY(lam_arena_array(&f->arena, room, sizeof *f->set_of, (void **)&f->set_of, error));
  LAM_TRY(lam_arena_array(&f->arena, (size_t)after->n_children, sizeof *f->place, (void **)&f->place, error));
  for (int64_t c = 0; c < own->n_children; c++) {
    f->schema.children[c] = own->children[c];
    f->set_of[c] = -1;
  }
  for (int64_t a = 0; a < after->n_children; a++) {
    int32_t set = set_of_column(update, a);
    int64_t at = a < update->data_columns ? lam_merge_partner(own, after->children[a], a, after) : -1;
    f->place[a] = (int32_t)at;
    if (set < 0 || a >= update->data_columns) continue;
    if (at >= 0) {
      LAM_TRY(set_field(f, own->children[at], after->children[a], &f->schema.children[at], error));
    } else {
      f->place[a] = (int32_t)(at = f->schema.n_children++);
      f->schema.children[at] = after->children[a];
    }
    f->set_of[at] = set;
  }
  return LAM_OK;
}

/* Which columns the update needs: where rows may leave, all. */
static enum lam_status choose_columns(struct update_file *f, struct lam_error *error) {
  struct lam_update *update = f->update;
  size_t count = (size_t)f->schema.n_children;
  const struct ArrowSchema *table = table_schema(update);
  void *memory;
  LAM_TRY(lam_arena_array(&f->arena, 2 * count, sizeof(bool), &memory, error));
  f->changes = memory;
  f->reads = f->changes + count;
  for (size_t c = 0; c < count; c++) f->changes[c] = f->set_of[c] >= 0;
  for (int64_t c = 0; c < update->edit->table->data_columns && c < table->n_children; c++)
    if (update->used[c] && f->place[c] >= 0) f->reads[f->place[c]] = true;
  return LAM_OK;
}

static enum lam_status open_file(struct update_file *f, struct lam_file *file, struct lam_error *error) {
  struct lam_update *update = f->update;
  const struct ArrowSchema *table = table_schema(update);
  size_t sets = (size_t)update->set_count;
  LAM_TRY(lam_file_columns_all(file, &f->arena, &f->columns, error));
  LAM_TRY(make_schema(f, error));
  LAM_TRY(choose_columns(f, error));
  LAM_TRY(lam_arena_array(&f->arena, sets, sizeof *f->values, (void **)&f->values, error));
  LAM_TRY(lam_arena_array(&f->arena, sets, sizeof *f->value, (void **)&f->value, error));
  f->group_room = strlen(lam_file_name(file)) + 32;
  LAM_TRY(lam_arena_alloc(&f->arena, f->group_room, (void **)&f->group_name, error));
  f->names.of = lam_file_name(file);
  for (size_t i = 0; i < sets; i++) {
    LAM_TRY(lam_evaluator_open(f->mem, update->sets[i].value, table, &f->value[i], error));
    lam_evaluator_name_rows(f->value[i], &f->names);
  }
  return LAM_OK;
}

/* ---- new values ---- */

static enum lam_status conform(struct lam_mem *mem, const struct ArrowSchema *to, const struct ArrowSchema *from,
                               struct ArrowArray *array, struct ArrowArray *out, struct lam_error *error) {
  enum lam_status status = lam_merge_array(mem, to, from, array, out, error);
  lam_array_release(array);
  return status;
}

/* Column `c` of the table in some rows of the batch, as the table has it. */
static enum lam_status table_column(struct update_file *f, int64_t c, const struct ArrowArray *batch,
                                    const struct lam_selection *rows, struct ArrowArray *out, struct lam_error *error) {
  struct lam_update *update = f->update;
  const struct ArrowSchema *field = table_schema(update)->children[c];
  struct ArrowArray shared, chosen;
  int32_t place = c < update->edit->table->data_columns ? f->place[c] : -1;
  if (place < 0 || !batch->children[place]->release) {
    LAM_TRY(lam_path_array(f->mem, f->partition, field, rows->count, out, error));
    return out->release ? LAM_OK : lam_array_nulls(f->mem, field, rows->count, out, error);
  }
  const struct ArrowSchema *own = f->schema.children[place];
  LAM_TRY(lam_array_share(batch->children[place], 0, batch->length, &shared, error));
  LAM_TRY(lam_filter_array(f->mem, own, &shared, rows, NULL, &chosen, error));
  return conform(f->mem, field, own, &chosen, out, error);
}

static enum lam_status check_not_null(struct update_file *f, int32_t set, const struct ArrowArray *values,
                                      struct lam_error *error) {
  const struct lam_update *update = f->update;
  int64_t column = update->sets[set].column;
  struct lam_view view;
  if (column >= update->data_columns) return LAM_OK;
  if (f->schema.children[f->place[column]]->flags & ARROW_FLAG_NULLABLE) return LAM_OK;
  LAM_TRY(lam_view_init(update->after.children[column], values, &view, error));
  for (int64_t i = 0; i < values->length; i++) {
    if (lam_view_valid(&view, i)) continue;
    int64_t row = f->names.first + (f->names.rows ? f->names.rows[i] : i);
    return lam_fail(error, LAM_INVALID, "%s, row %lld: the column \"%s\" is NOT NULL, and its new value is NULL",
                    f->names.of, (long long)row, update->sets[set].name);
  }
  return LAM_OK;
}

static void drop_values(struct update_file *f) {
  lam_array_release(&f->inputs);
  for (int32_t i = 0; i < f->update->set_count; i++) lam_array_release(&f->values[i]);
}

/* All right-hand sides, of the old rows that match. */
static enum lam_status evaluate(struct update_file *f, int32_t row_group, int64_t first, const struct ArrowArray *batch,
                                const struct lam_selection *matched, struct lam_error *error) {
  struct lam_update *update = f->update;
  const struct ArrowSchema *table = table_schema(update);
  LAM_TRY(lam_array_init_struct(matched->count, table->n_children, &f->inputs, error));
  for (int64_t c = 0; c < table->n_children; c++)
    if (update->used[c]) LAM_TRY(table_column(f, c, batch, matched, f->inputs.children[c], error));
  f->names.rows = matched->indices;
  f->names.first = first + (matched->indices ? 0 : matched->first);
  snprintf(f->group_name, f->group_room, "%s: row group %d", f->names.of, (int)row_group);
  const char *name = f->names.of;
  f->names.of = f->group_name;
  enum lam_status status = LAM_OK;
  for (int32_t i = 0; status == LAM_OK && i < update->set_count; i++) {
    status = lam_evaluate(f->value[i], &f->inputs, &f->values[i], error);
    if (status == LAM_OK) status = check_not_null(f, i, &f->values[i], error);
    status = lam_fail_in(error, status, "\"%s\"", update->sets[i].name);
  }
  f->names.of = name;
  return status;
}

/* ---- rows that move ---- */

/* Whether row `row` of the new values belongs into another partition. */
static enum lam_status is_moved(struct update_file *f, int64_t row, bool *out, struct lam_error *error) {
  const struct lam_update *update = f->update;
  *out = false;
  for (int32_t i = 0; !*out && i < update->set_count; i++) {
    const struct ArrowSchema *field = update->after.children[update->sets[i].column];
    const char *is;
    struct lam_view view;
    if (!lam_partition_find(f->partition, field->name, &is)) continue;
    LAM_TRY(lam_view_init(field, &f->values[i], &view, error));
    bool valid = lam_view_valid(&view, row);
    f->text.size = 0;
    if (valid) LAM_TRY(lam_value_text(&view, row, &f->text, error));
    *out = valid != (is != NULL) ||
           (valid && !lam_bytes_equal(lam_bytes_of(f->text.data, f->text.size), lam_bytes_of_string(is)));
  }
  return LAM_OK;
}

static enum lam_status push(struct lam_buf *rows, uint32_t source, int64_t row, struct lam_error *error) {
  struct lam_row at = {source, (uint32_t)row};
  return lam_buf_append(rows, &at, sizeof at, error);
}
static int64_t rows_in(const struct lam_buf *rows) {
  return (int64_t)(rows->size / sizeof(struct lam_row));
}

/* Sorts the rows of a batch into those that stay (`rows`: where their old values are; `set_rows`: where the new ones
 * are, source 1) and those that move (`moved_rows`, `moves`: the same). */
static enum lam_status sort_out(struct update_file *f, int64_t length, const uint8_t *marked, struct lam_error *error) {
  int64_t next = 0;
  f->rows.size = f->set_rows.size = f->moved_rows.size = f->moves.size = 0;
  for (int64_t row = 0; row < length; row++) {
    bool matched = lam_bit_get(marked, row), moved = false;
    if (matched && f->update->moves) LAM_TRY(is_moved(f, next, &moved, error));
    if (moved) {
      LAM_TRY(push(&f->moved_rows, 0, row, error));
      LAM_TRY(push(&f->moves, 0, next, error));
    } else {
      LAM_TRY(push(&f->rows, 0, row, error));
      LAM_TRY(push(&f->set_rows, matched, matched ? next : row, error));
    }
    next += matched;
  }
  return LAM_OK;
}

/* Rows of a column of up to two sources. */
static enum lam_status take_column(struct update_file *f, const struct ArrowSchema *field, struct ArrowArray *a,
                                   struct ArrowArray *b, const struct lam_buf *rows, struct ArrowArray *out,
                                   struct lam_error *error) {
  struct ArrowArray *columns[] = {a, b};
  return lam_take_column(f->mem, field, columns, b ? 2 : 1, (const struct lam_row *)(const void *)rows->data,
                         rows_in(rows), out, error);
}

/* The column of `after` of the rows that move, from the batch, the new values or the path. */
static enum lam_status moved_column(struct update_file *f, int64_t a, struct ArrowArray *batch, struct ArrowArray *out,
                                    struct lam_error *error) {
  const struct lam_update *update = f->update;
  const struct ArrowSchema *field = update->after.children[a];
  int32_t set = set_of_column(update, a), place = f->place[a];
  int64_t count = rows_in(&f->moved_rows);
  struct ArrowArray taken;
  if (set >= 0) return take_column(f, field, &f->values[set], NULL, &f->moves, out, error);
  if (place >= 0) {
    const struct ArrowSchema *own = f->schema.children[place];
    LAM_TRY(take_column(f, own, batch->children[place], NULL, &f->moved_rows, &taken, error));
    return conform(f->mem, field, own, &taken, out, error);
  }
  LAM_TRY(lam_path_array(f->mem, f->partition, field, count, out, error));
  return out->release ? LAM_OK : lam_array_nulls(f->mem, field, count, out, error);
}

static enum lam_status move_rows(struct update_file *f, struct ArrowArray *batch, struct lam_error *error) {
  struct lam_update *update = f->update;
  struct ArrowArray rows;
  int64_t count = rows_in(&f->moved_rows);
  if (count == 0) return LAM_OK;
  LAM_TRY(lam_array_init_struct(count, update->after.n_children, &rows, error));
  enum lam_status status = LAM_OK;
  for (int64_t a = 0; status == LAM_OK && a < rows.n_children; a++)
    status = moved_column(f, a, batch, rows.children[a], error);
  if (status != LAM_OK) {
    lam_array_release(&rows);
    return status;
  }
  pthread_mutex_lock(&update->lock);
  status = lam_new_rows_write(update->moved, &rows, error);
  pthread_mutex_unlock(&update->lock);
  return status;
}

/* ---- a batch ---- */

/* Makes `batch` what it is without the rows that move and with the new values. */
static enum lam_status merge_rows(struct update_file *f, struct ArrowArray *batch, struct lam_error *error) {
  bool all_stay = rows_in(&f->rows) == batch->length;
  for (int64_t c = 0; c < batch->n_children; c++) {
    struct ArrowArray merged, *old = batch->children[c];
    const struct ArrowSchema *field = f->schema.children[c];
    if (f->set_of[c] >= 0)
      LAM_TRY(take_column(f, field, old, &f->values[f->set_of[c]], &f->set_rows, &merged, error));
    else if (!all_stay)
      LAM_TRY(take_column(f, field, old, NULL, &f->rows, &merged, error));
    else
      continue;
    lam_array_release(old);
    *old = merged;
  }
  batch->length = rows_in(&f->rows);
  return LAM_OK;
}

static enum lam_status update_batch(struct update_file *f, int32_t row_group, int64_t first, struct ArrowArray *batch,
                                    const uint8_t *marked, int64_t matched, struct lam_error *error) {
  struct lam_selection selection;
  LAM_TRY(lam_selection_of_bits(marked, batch->length, matched, &f->indices, &selection, error));
  LAM_TRY(evaluate(f, row_group, first, batch, &selection, error));
  LAM_TRY(sort_out(f, batch->length, marked, error));
  LAM_TRY(move_rows(f, batch, error));
  return merge_rows(f, batch, error);
}

static enum lam_status replace(void *user, int32_t row_group, int64_t first, struct ArrowArray *batch, uint8_t *marked,
                               struct ArrowArray *out, struct lam_error *error) {
  struct update_file *f = user;
  size_t bytes = (size_t)(batch->length + 7) / 8;
  int64_t matched = 0;
  enum lam_status status = LAM_OK;
  for (size_t i = 0; i < bytes; i++) matched += __builtin_popcount(marked[i]);
  if (matched) {
    status = update_batch(f, row_group, first, batch, marked, matched, error);
    memset(marked, 0, bytes);
    const struct lam_row *moved = (const struct lam_row *)(const void *)f->moved_rows.data;
    for (int64_t i = 0; i < rows_in(&f->moved_rows); i++) lam_bit_set(marked, moved[i].row);
  }
  drop_values(f);
  if (status == LAM_OK)
    *out = *batch;
  else
    lam_array_release(batch);
  return status;
}

/* ---- the file ---- */

static void close_file(struct update_file *f) {
  struct lam_buf *const bufs[] = {&f->indices, &f->rows, &f->moved_rows, &f->set_rows, &f->moves, &f->text};
  for (int32_t i = 0; f->value && i < f->update->set_count; i++) lam_evaluator_close(f->value[i]);
  for (size_t i = 0; i < sizeof bufs / sizeof *bufs; i++) lam_buf_release(bufs[i]);
  lam_schema_release(&f->columns.schema);
  lam_arena_release(&f->arena);
}

enum lam_status lam_update_file(struct lam_update *update, size_t index, struct lam_file *file,
                                const struct lam_marks *marks, struct lam_change *change,
                                struct lam_edit_result *counts, struct lam_error *error) {
  const struct lam_snapshot *snapshot = &update->edit->table->snapshot;
  struct update_file f = {
      .update = update,
      .partition = &snapshot->partitions[snapshot->files[index].partition].values,
      .mem = update->edit->mem,
  };
  struct lam_buf *const bufs[] = {&f.indices, &f.rows, &f.moved_rows, &f.set_rows, &f.moves, &f.text};
  for (size_t i = 0; i < sizeof bufs / sizeof *bufs; i++) lam_buf_init(bufs[i], f.mem);
  lam_arena_init(&f.arena, f.mem);
  enum lam_status status = open_file(&f, file, error);
  if (status == LAM_OK) {
    const struct lam_rewrite_options options = {
        .file = index,
        .replace = replace,
        .user = &f,
        .schema = &f.schema,
        .columns = update->moves ? NULL : f.changes,
        .reads = f.reads,
    };
    status = lam_rewrite_file(update->edit, file, marks, &options, change, counts, error);
  }
  close_file(&f);
  return status;
}
