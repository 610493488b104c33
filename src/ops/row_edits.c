/* Positions, and new values with their positions, are sorted by position. Then the files are taken one by one from the
 * two streams: the positions of a file become its marks; its values, where they are few, wait in memory, so that files
 * are rewritten side by side; where they are many, one file has the streams to itself until it is done. */
#include "ops/row_edits.h"

#include <assert.h>

#include "arrow/cast.h"
#include "arrow/filter.h"
#include "arrow/take.h"
#include "base/context.h"
#include "ops/key_scan.h"
#include "ops/rewrite.h"
#include "ops/same_values.h"
#include "ops/sort.h"
#include "ops/task.h"
#include "table/path_value.h"

enum { BATCH_ROWS = 8192 };

/* The rows of a sorter with the places they are for. */
struct stream {
  struct ArrowSchema schema; /* values, then a position */
  int64_t values;            /* columns */
  struct lam_sorter *sorter;
  struct ArrowArray batch;
  struct lam_view file, group, place;
  int64_t row;
};

struct lam_row_edits {
  struct lam_edit *edit;
  struct lam_mem *mem;
  struct lam_row_edits_options options;
  struct stream positions, values;
  int64_t *value_of; /* for each column of the merged schema: which of the values it gets; -1: none */
  int64_t *partition_columns, partition_count; /* those of the merged schema that get values and partition the table */
  struct ArrowSchema data;                     /* the merged schema without columns of the path; borrows its fields */
  bool *touched;
  bool failed;

  pthread_mutex_t lock;  /* of the streams */
  pthread_mutex_t moves; /* of options.moved */
};

/* ---- streams ---- */

static void stream_close(struct stream *s) {
  lam_array_release(&s->batch);
  lam_sorter_close(s->sorter);
  lam_schema_release(&s->schema);
}

static enum lam_status stream_open(struct stream *s, struct lam_edit *edit, const int32_t *columns, int32_t count,
                                   uint64_t room, struct lam_error *error) {
  static const struct lam_sort_key keys[] = {
      {.column = LAM_POSITION_FILE}, {.column = LAM_POSITION_GROUP}, {.column = LAM_POSITION_ROW}};
  s->values = count;
  LAM_TRY(lam_schema_init_struct("", count + LAM_POSITION_COLUMNS, &s->schema, error));
  for (int32_t c = 0; c < count; c++)
    LAM_TRY(lam_schema_copy(edit->table->merge.schema.children[columns[c]], s->schema.children[c], error));
  LAM_TRY(lam_position_fields(&s->schema, count, error));
  return lam_sorter_open(edit->mem, &s->schema, keys, LAM_POSITION_COLUMNS, room, &s->sorter, error);
}

/* The next row; after the last one the batch is released. */
static enum lam_status stream_next(struct stream *s, struct lam_error *error) {
  if (s->batch.release && ++s->row < s->batch.length) return LAM_OK;
  lam_array_release(&s->batch);
  s->row = 0;
  LAM_TRY(lam_sorter_next(s->sorter, BATCH_ROWS, &s->batch, error));
  if (!s->batch.release) return LAM_OK;
  LAM_TRY(lam_view_init(s->schema.children[s->values], s->batch.children[s->values], &s->file, error));
  LAM_TRY(lam_view_init(s->schema.children[s->values + 1], s->batch.children[s->values + 1], &s->group, error));
  return lam_view_init(s->schema.children[s->values + 2], s->batch.children[s->values + 2], &s->place, error);
}

static enum lam_status stream_begin(struct stream *s, struct lam_error *error) {
  LAM_TRY(lam_sorter_finish(s->sorter, error));
  return stream_next(s, error);
}

static int64_t number_at(const struct lam_view *view, int64_t row) {
  return ((const int64_t *)view->data)[view->offset + row];
}
static int64_t stream_file(const struct stream *s) { /* -1: at the end */
  return s->batch.release ? number_at(&s->file, s->row) : -1;
}

static enum lam_status stream_add(struct stream *s, struct lam_mem *mem, const struct lam_position *positions,
                                  struct ArrowArray *values, int64_t count, struct lam_error *error) {
  struct ArrowArray batch;
  struct lam_position_values places;
  LAM_TRY(lam_array_init_struct(count, s->schema.n_children, &batch, error));
  enum lam_status status = lam_position_arrays(mem, count, batch.children + s->values, &places, error);
  if (status != LAM_OK) {
    lam_array_release(&batch);
    return status;
  }
  for (int64_t i = 0; i < count; i++) {
    places.files[i] = positions[i].file;
    places.row_groups[i] = positions[i].row_group;
    places.rows[i] = positions[i].row;
  }
  for (int64_t c = 0; values && c < s->values; c++) {
    *batch.children[c] = *values->children[c];
    values->children[c]->release = NULL;
  }
  return lam_sorter_add(s->sorter, &batch, error);
}

enum lam_status lam_position_at(const struct lam_key_cursor *cursor, struct lam_buf *out, struct lam_error *error) {
  struct lam_view views[LAM_POSITION_COLUMNS];
  for (int32_t i = 0; i < LAM_POSITION_COLUMNS; i++) {
    int32_t c = cursor->key_count + i;
    LAM_TRY(lam_view_init(cursor->schema->children[c], cursor->batch.children[c], &views[i], error));
  }
  struct lam_position place = {.file = number_at(&views[0], cursor->row),
                               .row = number_at(&views[2], cursor->row),
                               .row_group = ((const int32_t *)views[1].data)[views[1].offset + cursor->row]};
  return lam_buf_append(out, &place, sizeof place, error);
}

/* ---- open, close, add ---- */

static bool is_partition_column(const struct lam_snapshot *snapshot, const char *name) {
  const char *value;
  for (size_t p = 0; p < snapshot->partition_count; p++)
    if (lam_partition_find(&snapshot->partitions[p].values, name, &value)) return true;
  return false;
}

static enum lam_status map_columns(struct lam_row_edits *e, struct lam_error *error) {
  const struct lam_table *table = e->edit->table;
  const struct ArrowSchema *merged = &table->merge.schema;
  size_t count = (size_t)merged->n_children;
  LAM_TRY(lam_alloc(e->mem, count * sizeof *e->value_of, (void **)&e->value_of, error));
  LAM_TRY(lam_alloc(e->mem, count * sizeof *e->partition_columns, (void **)&e->partition_columns, error));
  for (size_t c = 0; c < count; c++) e->value_of[c] = -1;
  for (int32_t v = 0; v < e->options.count; v++) e->value_of[e->options.columns[v]] = v;
  for (size_t c = 0; c < count; c++)
    if (e->value_of[c] >= 0 && is_partition_column(&table->snapshot, merged->children[c]->name))
      e->partition_columns[e->partition_count++] = (int64_t)c;
  e->data = *merged;
  e->data.n_children = table->data_columns;
  return LAM_OK;
}

enum lam_status lam_row_edits_open(struct lam_edit *edit, const struct lam_row_edits_options *options,
                                   struct lam_row_edits **out, struct lam_error *error) {
  struct lam_row_edits *e;
  *out = NULL;
  LAM_TRY(lam_alloc_zero(edit->mem, sizeof *e, (void **)&e, error));
  e->edit = edit;
  e->mem = edit->mem;
  e->options = *options;
  pthread_mutex_init(&e->lock, NULL);
  pthread_mutex_init(&e->moves, NULL);
  uint64_t room = options->room;
  enum lam_status status = map_columns(e, error);
  if (status == LAM_OK) status = stream_open(&e->positions, edit, NULL, 0, options->count ? room / 4 : room, error);
  if (status == LAM_OK && options->count)
    status = stream_open(&e->values, edit, options->columns, options->count, room - room / 4, error);
  if (status == LAM_OK)
    *out = e;
  else
    lam_row_edits_close(e);
  return status;
}

void lam_row_edits_close(struct lam_row_edits *e) {
  if (!e) return;
  size_t columns = (size_t)e->edit->table->merge.schema.n_children;
  stream_close(&e->positions);
  stream_close(&e->values);
  lam_free(e->mem, e->value_of, columns * sizeof *e->value_of);
  lam_free(e->mem, e->partition_columns, columns * sizeof *e->partition_columns);
  pthread_mutex_destroy(&e->lock);
  pthread_mutex_destroy(&e->moves);
  lam_free(e->mem, e, sizeof *e);
}

bool lam_row_edits_move(const struct lam_row_edits *e) {
  return e->partition_count > 0;
}

enum lam_status lam_row_edits_drop(struct lam_row_edits *e, const struct lam_position *positions, int64_t count,
                                   struct lam_error *error) {
  return count ? stream_add(&e->positions, e->mem, positions, NULL, count, error) : LAM_OK;
}

enum lam_status lam_row_edits_replace(struct lam_row_edits *e, const struct lam_position *positions,
                                      struct ArrowArray *values, struct lam_error *error) {
  int64_t count = values->length;
  enum lam_status status = lam_row_edits_drop(e, positions, count, error);
  if (status == LAM_OK && count) status = stream_add(&e->values, e->mem, positions, values, count, error);
  lam_array_release(values);
  return status;
}

/* ---- one file ---- */

struct file_edit {
  struct lam_row_edits *edits;
  size_t index;
  struct lam_marks marks;
  const struct lam_partition *partition;

  struct lam_buf batches; /* struct ArrowArray: of the value stream's schema, in order */
  bool streams;           /* more of them may come; the lock is held */
  size_t batch;           /* of the next value, */
  int64_t row;            /* in it */

  struct lam_buf kept, from; /* struct lam_row of the batch under way: old rows that stay; where their values are */
  struct lam_buf moved_old, moved_new;
};

static struct ArrowArray *value_batch(const struct file_edit *f, size_t index) {
  return (struct ArrowArray *)(void *)f->batches.data + index;
}
static size_t value_batches(const struct file_edit *f) {
  return f->batches.size / sizeof(struct ArrowArray);
}

static void drop_values(struct file_edit *f, size_t count) {
  size_t all = value_batches(f);
  for (size_t i = 0; i < count; i++) lam_array_release(value_batch(f, i));
  if (count < all) memmove(f->batches.data, value_batch(f, count), (all - count) * sizeof(struct ArrowArray));
  f->batches.size = (all - count) * sizeof(struct ArrowArray);
  f->batch = 0;
}

/* Moves the stream's rows of this file, as many as its batch has, here. *more is false where there are none. */
static enum lam_status pull_values(struct file_edit *f, uint64_t *bytes, bool *more, struct lam_error *error) {
  struct stream *s = &f->edits->values;
  struct ArrowArray part;
  *more = s->sorter && stream_file(s) == (int64_t)f->index;
  if (!*more) return LAM_OK;
  int64_t first = s->row, end = first;
  while (end < s->batch.length && number_at(&s->file, end) == (int64_t)f->index) end++;
  LAM_TRY(lam_array_init_struct(end - first, s->schema.n_children, &part, error));
  enum lam_status status = LAM_OK;
  for (int64_t c = 0; status == LAM_OK && c < part.n_children; c++)
    status = lam_array_share(s->batch.children[c], first, end - first, part.children[c], error);
  if (status == LAM_OK) status = lam_buf_append(&f->batches, &part, sizeof part, error);
  if (status != LAM_OK) {
    lam_array_release(&part);
    return status;
  }
  *bytes += lam_array_bytes(&s->schema, &part);
  s->row = end - 1;
  return stream_next(s, error);
}

/* The place of the next value; false where there is none left. */
static enum lam_status peek_value(struct file_edit *f, int32_t *group, int64_t *row, bool *any,
                                  struct lam_error *error) {
  const struct stream *s = &f->edits->values;
  while (f->batch < value_batches(f) && f->row == value_batch(f, f->batch)->length) {
    f->batch++;
    f->row = 0;
  }
  *any = f->batch < value_batches(f);
  if (!*any && f->streams) {
    uint64_t bytes = 0;
    LAM_TRY(pull_values(f, &bytes, any, error));
  }
  if (!*any) return LAM_OK;
  const struct ArrowArray *batch = value_batch(f, f->batch);
  struct lam_view groups, rows;
  LAM_TRY(lam_view_init(s->schema.children[s->values + 1], batch->children[s->values + 1], &groups, error));
  LAM_TRY(lam_view_init(s->schema.children[s->values + 2], batch->children[s->values + 2], &rows, error));
  *group = ((const int32_t *)groups.data)[groups.offset + f->row];
  *row = number_at(&rows, f->row);
  return LAM_OK;
}

static enum lam_status scalar_at(const struct ArrowSchema *field, const struct ArrowArray *array, int64_t row,
                                 struct lam_scalar *out, struct lam_error *error) {
  struct lam_view view;
  LAM_TRY(lam_view_init(field, array, &view, error));
  return lam_scalar_of_view(&view, row, out, error);
}

/* Whether the next value gives row `old` of the batch another partition. */
static enum lam_status is_moved(const struct file_edit *f, const struct ArrowArray *batch, int64_t old, bool *out,
                                struct lam_error *error) {
  const struct lam_row_edits *e = f->edits;
  const struct ArrowSchema *merged = &e->edit->table->merge.schema;
  *out = false;
  for (int64_t i = 0; !*out && i < e->partition_count; i++) {
    struct lam_scalar before, after;
    int64_t c = e->partition_columns[i];
    LAM_TRY(scalar_at(merged->children[c], value_batch(f, f->batch)->children[e->value_of[c]], f->row, &after, error));
    LAM_TRY(c < e->data.n_children ? scalar_at(merged->children[c], batch->children[c], old, &before, error)
                                   : lam_path_value(f->partition, merged->children[c], &before, error));
    *out = before.is_null || after.is_null ? before.is_null != after.is_null : lam_scalar_compare(&before, &after) != 0;
  }
  return LAM_OK;
}

static enum lam_status push(struct lam_buf *rows, uint32_t source, int64_t row, struct lam_error *error) {
  struct lam_row at = {source, (uint32_t)row};
  return lam_buf_append(rows, &at, sizeof at, error);
}

/* Decides what becomes of each row of the batch. Source 0 is the batch, 1 + i value batch i. */
static enum lam_status sort_out(struct file_edit *f, int32_t row_group, int64_t first, const struct ArrowArray *batch,
                                const uint8_t *marked, struct lam_error *error) {
  f->kept.size = f->from.size = f->moved_old.size = f->moved_new.size = 0;
  for (int64_t i = 0; i < batch->length; i++) {
    int32_t group;
    int64_t row;
    bool any = false, moved;
    if (lam_bit_get(marked, i)) {
      LAM_TRY(peek_value(f, &group, &row, &any, error));
      assert(!any || group > row_group || (group == row_group && row >= first + i));
      if (!any || group != row_group || row != first + i) continue; /* it goes */
    }
    uint32_t source = any ? (uint32_t)f->batch + 1 : 0;
    int64_t at = any ? f->row++ : i;
    moved = false;
    if (any && f->edits->partition_count) {
      f->row--;
      LAM_TRY(is_moved(f, batch, i, &moved, error));
      f->row++;
    }
    LAM_TRY(push(moved ? &f->moved_old : &f->kept, 0, i, error));
    LAM_TRY(moved ? push(&f->moved_new, source - 1, at, error) : push(&f->from, source, at, error));
  }
  return LAM_OK;
}

/* One column of some rows of `sources`. */
static enum lam_status take_column(const struct file_edit *f, const struct ArrowSchema *field,
                                   struct ArrowArray *const *columns, uint32_t sources, const struct lam_buf *rows,
                                   struct ArrowArray *out, struct lam_error *error) {
  return lam_take_column(f->edits->mem, field, columns, sources, (const struct lam_row *)(const void *)rows->data,
                         (int64_t)(rows->size / sizeof(struct lam_row)), out, error);
}

/* A column that gets values: of the batch where no value replaces it. `old` is NULL for rows that all have one. */
static enum lam_status take_values(const struct file_edit *f, int64_t column, struct ArrowArray *old,
                                   const struct lam_buf *rows, struct ArrowArray *out, struct lam_error *error) {
  const struct lam_row_edits *e = f->edits;
  size_t batches = value_batches(f), size = (batches + 1) * sizeof(struct ArrowArray *), count = 0;
  struct ArrowArray **sources;
  LAM_TRY(lam_alloc(e->mem, size, (void **)&sources, error));
  if (old) sources[count++] = old;
  for (size_t i = 0; i < batches; i++) sources[count++] = value_batch(f, i)->children[e->value_of[column]];
  enum lam_status status =
      take_column(f, e->edit->table->merge.schema.children[column], sources, (uint32_t)count, rows, out, error);
  lam_free(e->mem, sources, size);
  return status;
}

/* Rows that belong elsewhere, whole. */
static enum lam_status moved_rows(const struct file_edit *f, const struct ArrowArray *batch, struct ArrowArray *out,
                                  struct lam_error *error) {
  const struct lam_row_edits *e = f->edits;
  const struct ArrowSchema *merged = &e->edit->table->merge.schema;
  int64_t count = (int64_t)(f->moved_old.size / sizeof(struct lam_row));
  LAM_TRY(lam_array_init_struct(count, merged->n_children, out, error));
  enum lam_status status = LAM_OK;
  for (int64_t c = 0; status == LAM_OK && c < merged->n_children; c++) {
    if (e->value_of[c] >= 0) {
      status = take_values(f, c, NULL, &f->moved_new, out->children[c], error);
    } else if (c < e->data.n_children) {
      status = take_column(f, merged->children[c], &batch->children[c], 1, &f->moved_old, out->children[c], error);
    } else {
      status = lam_path_array(e->mem, f->partition, merged->children[c], count, out->children[c], error);
      if (status == LAM_OK && !out->children[c]->release)
        status = lam_array_nulls(e->mem, merged->children[c], count, out->children[c], error);
    }
  }
  if (status != LAM_OK) lam_array_release(out);
  return status;
}

static enum lam_status move_rows(const struct file_edit *f, const struct ArrowArray *batch, struct lam_error *error) {
  struct lam_row_edits *e = f->edits;
  struct ArrowArray moved;
  if (f->moved_old.size == 0) return LAM_OK;
  LAM_TRY(moved_rows(f, batch, &moved, error));
  pthread_mutex_lock(&e->moves);
  enum lam_status status = e->options.moved(e->options.user, &moved, error);
  pthread_mutex_unlock(&e->moves);
  return status;
}

static enum lam_status make_batch(struct file_edit *f, struct ArrowArray *batch, struct ArrowArray *out,
                                  struct lam_error *error) {
  const struct lam_row_edits *e = f->edits;
  int64_t count = (int64_t)(f->kept.size / sizeof(struct lam_row));
  LAM_TRY(lam_array_init_struct(count, batch->n_children, out, error));
  enum lam_status status = LAM_OK;
  for (int64_t c = 0; status == LAM_OK && c < batch->n_children; c++) {
    struct ArrowArray *old = batch->children[c];
    if (!old->release) continue; /* copied as bytes */
    if (e->value_of[c] >= 0) {
      status = take_values(f, c, old, &f->from, out->children[c], error);
    } else if (count == batch->length) {
      *out->children[c] = *old;
      old->release = NULL;
    } else {
      status = take_column(f, e->data.children[c], &old, 1, &f->kept, out->children[c], error);
    }
  }
  if (status != LAM_OK) lam_array_release(out);
  return status;
}

static enum lam_status replace(void *user, int32_t row_group, int64_t first_row, struct ArrowArray *batch,
                               uint8_t *marked, struct ArrowArray *out, struct lam_error *error) {
  struct file_edit *f = user;
  enum lam_status status = sort_out(f, row_group, first_row, batch, marked, error);
  const struct lam_row *kept = (const struct lam_row *)(const void *)f->kept.data;
  lam_bits_fill(marked, 0, batch->length, true);
  for (size_t i = 0; i < f->kept.size / sizeof *kept; i++) lam_bit_clear(marked, kept[i].row);
  if (status == LAM_OK) status = move_rows(f, batch, error);
  if (status == LAM_OK) status = make_batch(f, batch, out, error);
  if (f->streams) drop_values(f, f->batch);
  lam_array_release(batch);
  return status;
}

/* ---- file by file ---- */

/* Takes the positions of the file, and its values where they fit into `room`. *drops: some rows only go. */
static enum lam_status gather(struct file_edit *f, struct lam_file *file, uint64_t room, bool *drops,
                              struct lam_error *error) {
  struct lam_row_edits *e = f->edits;
  struct stream *s = &e->positions;
  uint64_t bytes = 0;
  int64_t values = 0;
  bool more = true;
  LAM_TRY(lam_marks_init(&f->marks, file, e->mem, error));
  while (stream_file(s) == (int64_t)f->index) {
    int32_t group = ((const int32_t *)s->group.data)[s->group.offset + s->row];
    LAM_TRY(lam_marks_row(&f->marks, group, number_at(&s->place, s->row), error));
    LAM_TRY(stream_next(s, error));
  }
  while (more && bytes <= room) LAM_TRY(pull_values(f, &bytes, &more, error));
  for (size_t i = 0; i < value_batches(f); i++) values += value_batch(f, i)->length;
  f->streams = more;
  *drops = more || values < f->marks.marked;
  return LAM_OK;
}

static enum lam_status rewrite(struct file_edit *f, struct lam_file *file, bool drops, struct lam_change *change,
                               struct lam_edit_result *counts, struct lam_error *error) {
  struct lam_row_edits *e = f->edits;
  struct lam_rewrite_options options = {.file = f->index};
  bool *columns;
  if (e->options.count == 0) return lam_rewrite_file(e->edit, file, &f->marks, &options, change, counts, error);
  size_t count = (size_t)e->data.n_children;
  LAM_TRY(lam_alloc(e->mem, count, (void **)&columns, error));
  for (size_t c = 0; c < count; c++) columns[c] = e->value_of[c] >= 0;
  options.replace = replace;
  options.user = f;
  options.schema = &e->data;
  options.columns = drops || e->partition_count ? NULL : columns;
  enum lam_status status = LAM_OK;
  if (options.columns && !e->edit->options->verify_full) {
    struct lam_new_values values = {&e->data, e->value_of, (const struct ArrowArray *)(const void *)f->batches.data,
                                    value_batches(f)};
    status = lam_same_values(e->edit, file, &f->marks, &values, columns, error);
  }
  if (status == LAM_OK) status = lam_rewrite_file(e->edit, file, &f->marks, &options, change, counts, error);
  lam_free(e->mem, columns, count);
  return status;
}

static enum lam_status apply_file(struct file_edit *f, uint64_t room, bool *locked, struct lam_change *change,
                                  struct lam_edit_result *counts, struct lam_error *error) {
  struct lam_row_edits *e = f->edits;
  struct lam_file *file;
  bool drops = false;
  LAM_TRY(lam_edit_open(e->edit, f->index, &file, error));
  enum lam_status status = gather(f, file, room, &drops, error);
  if (!f->streams) {
    pthread_mutex_unlock(&e->lock);
    *locked = false;
  }
  if (status == LAM_OK) status = rewrite(f, file, drops, change, counts, error);
  lam_file_close(file);
  return status;
}

/* The next file that has edits. *any is false where there is none left. */
static enum lam_status apply_next(struct lam_row_edits *e, uint64_t room, bool *any, struct lam_error *error) {
  const struct lam_snapshot *snapshot = &e->edit->table->snapshot;
  struct lam_edit_result counts = LAM_EDIT_RESULT_INIT;
  struct lam_change change;
  pthread_mutex_lock(&e->lock);
  int64_t index = e->failed ? -1 : stream_file(&e->positions);
  *any = index >= 0;
  if (!*any) {
    pthread_mutex_unlock(&e->lock);
    return LAM_OK;
  }
  e->touched[index] = true;
  bool locked = true;
  struct file_edit f = {
      .edits = e, .index = (size_t)index, .partition = &snapshot->partitions[snapshot->files[index].partition].values};
  struct lam_buf *const bufs[] = {&f.batches, &f.kept, &f.from, &f.moved_old, &f.moved_new};
  for (size_t i = 0; i < sizeof bufs / sizeof *bufs; i++) lam_buf_init(bufs[i], e->mem);
  lam_change_init(&change, e->mem);
  enum lam_status status = apply_file(&f, room, &locked, &change, &counts, error);
  if (!locked && status != LAM_OK) pthread_mutex_lock(&e->lock);
  if (status != LAM_OK) e->failed = true; /* the others need not go on */
  if (locked || status != LAM_OK) pthread_mutex_unlock(&e->lock);
  if (status == LAM_OK) status = lam_edit_take(e->edit, &change, &counts, error);
  lam_change_release(&change);
  drop_values(&f, value_batches(&f));
  for (size_t i = 0; i < sizeof bufs / sizeof *bufs; i++) lam_buf_release(bufs[i]);
  lam_marks_release(&f.marks);
  return status;
}

static enum lam_status apply_files(void *user, size_t index, struct lam_error *error) {
  struct lam_row_edits *e = user;
  bool any = true;
  (void)index;
  while (any) LAM_TRY(apply_next(e, e->options.room / 4, &any, error));
  return LAM_OK;
}

enum lam_status lam_row_edits_apply(struct lam_row_edits *e, bool *touched, struct lam_error *error) {
  uint32_t width = lam_tasks_width(e->edit->context);
  e->touched = touched;
  LAM_TRY(stream_begin(&e->positions, error));
  if (e->values.sorter) LAM_TRY(stream_begin(&e->values, error));
  LAM_TRY(lam_pool_run(lam_context_pool(e->edit->context), width, width, apply_files, e, error));
  struct lam_edit_result counts = LAM_EDIT_RESULT_INIT;
  counts.runs_spilled = (uint64_t)lam_sorter_runs(e->positions.sorter);
  if (e->values.sorter) counts.runs_spilled += (uint64_t)lam_sorter_runs(e->values.sorter);
  return lam_edit_take(e->edit, NULL, &counts, error);
}
