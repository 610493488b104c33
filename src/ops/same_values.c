#include "ops/same_values.h"

#include "arrow/array.h"
#include "base/context.h"
#include "base/threads.h"
#include "parquet/reader.h"
#include "table/merge.h"
#include "table/table.h"

struct same {
  struct lam_edit *edit;
  struct lam_file *file;
  const struct lam_marks *marks;
  const struct lam_new_values *values;
  const struct lam_file_columns *from;
  const struct lam_merge_source *sources;
  bool *columns;
};

/* One column under way. */
struct column {
  const struct ArrowSchema *field;
  int64_t value; /* child of the batches */
  struct lam_view new_values;
  size_t batch; /* the next one */
  int64_t row;  /* in the one before it */
};

/* ---- one value ---- */

static bool is_comparable(const struct ArrowSchema *field) {
  struct lam_type type;
  if (field->dictionary || field->n_children || lam_type_parse(field, &type, NULL) != LAM_OK) return false;
  return lam_type_bits(&type) > 0 || strchr("uUzZ", field->format[0]);
}

static bool same_value(const struct lam_view *a, int64_t i, const struct lam_view *b, int64_t j) {
  bool valid = lam_view_valid(a, i);
  if (valid != lam_view_valid(b, j)) return false;
  if (!valid) return true;
  int bits = lam_type_bits(&a->type);
  if (bits == 1) return lam_bit_get(a->data, a->offset + i) == lam_bit_get(b->data, b->offset + j);
  if (bits == 0) return lam_bytes_equal(lam_view_bytes(a, i), lam_view_bytes(b, j));
  size_t width = (size_t)bits / 8;
  return memcmp((const uint8_t *)a->data + (size_t)(a->offset + i) * width,
                (const uint8_t *)b->data + (size_t)(b->offset + j) * width, width) == 0;
}

/* ---- one column ---- */

static enum lam_status next_value(const struct same *s, struct column *column, struct lam_error *error) {
  column->row++;
  while (column->batch == 0 || column->row >= column->new_values.length) {
    LAM_CHECK(column->batch < s->values->batch_count, error, "%s: fewer values than rows", lam_file_name(s->file));
    const struct ArrowArray *batch = &s->values->batches[column->batch++];
    LAM_TRY(lam_view_init(column->field, batch->children[column->value], &column->new_values, error));
    column->row = 0;
  }
  return LAM_OK;
}

static enum lam_status compare_batch(const struct same *s, struct column *column, const struct ArrowArray *batch,
                                     bool *same, struct lam_error *error) {
  struct lam_view old;
  LAM_TRY(lam_view_init(column->field, batch->children[0], &old, error));
  for (int64_t i = 0; *same && i < batch->length; i++) {
    LAM_TRY(next_value(s, column, error));
    *same = same_value(&old, i, &column->new_values, column->row);
  }
  return LAM_OK;
}

static enum lam_status compare_group(const struct same *s, struct column *column, struct lam_reader *reader, int32_t g,
                                     bool *same, struct lam_error *error) {
  const struct lam_marks_group *group = &s->marks->groups[g];
  struct lam_ranges ranges;
  if (group->marked == 0) return LAM_OK;
  lam_ranges_init(&ranges, s->edit->mem);
  enum lam_status status = group->bits ? lam_ranges_add_bits(&ranges, group->bits, group->rows, 0, error)
                                       : lam_ranges_add(&ranges, 0, group->rows, error);
  if (status == LAM_OK) status = lam_reader_begin(reader, g, error);
  struct lam_rows rows = lam_rows_of(&ranges);
  while (status == LAM_OK && rows.count && *same) {
    struct ArrowArray batch;
    int64_t taken;
    status = lam_reader_read(reader, rows.at, rows.count, &taken, &batch, error);
    if (status != LAM_OK) break;
    if (!batch.release) {
      status = lam_fail(error, LAM_CORRUPT, "%s: row group %d ends before its rows do", lam_file_name(s->file), g);
      break;
    }
    status = compare_batch(s, column, &batch, same, error);
    lam_array_release(&batch);
    lam_rows_advance(&rows, taken);
  }
  lam_ranges_release(&ranges);
  return status;
}

static enum lam_status compare_column(void *user, size_t index, struct lam_error *error) {
  struct same *s = user;
  const struct lam_merge_source *source = &s->sources[index];
  struct column column = {.field = s->values->schema->children[index], .value = s->values->value_of[index]};
  if (!s->columns[index] || source->column < 0 || source->cast || !is_comparable(column.field)) return LAM_OK;
  if (strcmp(column.field->format, s->from->schema.children[source->column]->format) != 0) return LAM_OK;
  struct lam_read_options options = LAM_READ_OPTIONS_INIT;
  struct lam_reader *reader;
  bool same = true;
  options.columns = &s->from->columns[source->column];
  options.column_count = 1;
  options.row_groups = &(int32_t){0};
  options.row_group_count = 1;
  LAM_TRY(lam_reader_open_in(s->file, &options, s->edit->mem, &reader, error));
  enum lam_status status = LAM_OK;
  for (int32_t g = 0; status == LAM_OK && same && g < s->marks->group_count; g++)
    status = compare_group(s, &column, reader, g, &same, error);
  lam_reader_close(reader);
  if (status == LAM_OK && same) s->columns[index] = false;
  return status;
}

/* ---- all ---- */

static enum lam_status compare(struct same *s, struct lam_file_columns *from, struct lam_arena *arena,
                               struct lam_error *error) {
  size_t count = (size_t)s->values->schema->n_children, first = count, left = 0;
  struct lam_merge_source *sources;
  LAM_TRY(lam_file_columns_all(s->file, arena, from, error));
  LAM_TRY(lam_arena_array(arena, count, sizeof *sources, (void **)&sources, error));
  if (lam_merge_same(s->values->schema, &from->schema)) /* even with two columns of one name */
    for (size_t c = 0; c < count; c++) sources[c] = (struct lam_merge_source){.column = (int32_t)c};
  else
    lam_merge_map(s->values->schema, &from->schema, sources);
  s->from = from;
  s->sources = sources;
  for (size_t c = count; c-- > 0;)
    if (s->columns[c]) first = c;
  struct lam_pool *pool = lam_context_pool(s->edit->context);
  LAM_TRY(lam_pool_run(pool, count, 0, compare_column, s, error));
  for (size_t c = 0; c < count; c++) left += s->columns[c];
  if (left == 0 && first < count) s->columns[first] = true;
  return LAM_OK;
}

enum lam_status lam_same_values(struct lam_edit *edit, struct lam_file *file, const struct lam_marks *marks,
                                const struct lam_new_values *values, bool *columns, struct lam_error *error) {
  struct same same = {.edit = edit, .file = file, .marks = marks, .values = values, .columns = columns};
  struct lam_file_columns from = {.schema = {.release = NULL}};
  struct lam_arena arena;
  lam_arena_init(&arena, edit->mem);
  enum lam_status status = compare(&same, &from, &arena, error);
  lam_schema_release(&from.schema);
  lam_arena_release(&arena);
  return status;
}
