#include "ops/upsert_source.h"

#include <inttypes.h>
#include <stdio.h>

#include "arrow/value_text.h"
#include "expr/bind.h"
#include "expr/scalar.h"
#include "table/merge.h"

/* ---- columns ---- */

static const char *source_name(const struct lam_upsert_source *s, int32_t index) {
  const char *path = s->options->sources[index];
  return lam_import_source_once(path) ? "standard input" : path;
}

/* The first source says which columns there are. */
static enum lam_status make_schema(struct lam_upsert_source *s, const struct ArrowSchema *first,
                                   struct lam_error *error) {
  void *memory;
  LAM_TRY(lam_arena_array(&s->arena, (size_t)first->n_children, sizeof *s->columns, &memory, error));
  s->columns = memory;
  for (int64_t c = 0; c < s->table->n_children; c++)
    if (lam_schema_find(first, s->table->children[c]->name) >= 0) s->columns[s->column_count++] = (int32_t)c;
  LAM_TRY(lam_schema_init_struct("", s->column_count + 1, &s->schema, error));
  for (int32_t c = 0; c < s->column_count; c++)
    LAM_TRY(lam_schema_copy(s->table->children[s->columns[c]], s->schema.children[c], error));
  struct lam_type ordinal = {.id = LAM_TYPE_INT64, .timezone = ""};
  return lam_schema_init(&ordinal, LAM_UPSERT_ORDINAL, false, s->schema.children[s->column_count], error);
}

static enum lam_status check_columns(const struct lam_upsert_source *s, const struct ArrowSchema *schema,
                                     struct lam_error *error) {
  const char *name = source_name(s, s->next);
  for (int64_t c = 0; c < schema->n_children; c++) {
    const char *column = schema->children[c]->name;
    if (lam_schema_find(s->table, column) < 0)
      return lam_fail(error, LAM_NOT_FOUND,
                      "%s has a column \"%s\", which the table does not have; leave it out, or add it first (update "
                      "--set)",
                      name, column);
    if (lam_schema_find(schema, column) != c)
      return lam_fail(error, LAM_INVALID, "%s has two columns \"%s\"", name, column);
    if (s->next && lam_schema_find(&s->schema, column) < 0)
      return lam_fail(error, LAM_INVALID, "%s has a column \"%s\", which %s does not have", name, column,
                      source_name(s, 0));
  }
  for (int32_t c = 0; c < s->column_count; c++)
    if (lam_schema_find(schema, s->schema.children[c]->name) < 0)
      return lam_fail(error, LAM_INVALID, "%s does not have the column \"%s\" of %s", name, s->schema.children[c]->name,
                      source_name(s, 0));
  return LAM_OK;
}

/* ---- values ---- */

/* A value of `to` from one that is not NULL; false where it cannot be exactly that. */
static bool convert(const struct lam_scalar *from, const struct lam_type *to, struct lam_arena *arena,
                    struct lam_scalar *out) {
  bool exact;
  int direction;
  if (lam_scalar_cast(from, to, arena, out, &exact, &direction, NULL) != LAM_OK || !exact || out->is_null) return false;
  return !lam_type_is_text(to->id) || lam_utf8_valid(out->bytes);
}

static enum lam_status build(struct lam_builder *builder, const struct lam_scalar *value, struct lam_error *error) {
  struct lam_buf text;
  bool literal;
  if (lam_type_is_binary(value->type.id)) return lam_builder_bytes(builder, value->bytes, error);
  if (value->type.id == LAM_TYPE_FIXED_BINARY) return lam_builder_fixed(builder, value->bytes.data, error);
  lam_buf_init(&text, builder->mem);
  enum lam_status status = lam_scalar_text(value, &text, &literal, error);
  if (status == LAM_OK) status = lam_value_build(builder, lam_bytes_of(text.data, text.size), error);
  lam_buf_release(&text);
  return status;
}

static enum lam_status refuse(const struct lam_upsert_source *s, int64_t row, const struct ArrowSchema *field,
                              const struct lam_scalar *value, struct lam_error *error) {
  struct lam_buf text;
  struct lam_type type;
  char place[300], quoted[100], name[96];
  LAM_TRY(lam_type_parse(field, &type, error));
  lam_buf_init(&text, s->mem);
  if (lam_scalar_print(value, &text, NULL) != LAM_OK) text.size = 0;
  lam_text_quote(lam_bytes_of(text.data, text.size), quoted, sizeof quoted);
  lam_buf_release(&text);
  return lam_fail(error, LAM_INVALID, "%s: column \"%s\" of type %s cannot hold the value %s exactly",
                  lam_upsert_source_row(s, s->rows + row, place, sizeof place), field->name,
                  lam_type_name(&type, name, sizeof name), quoted);
}

static enum lam_status cast_rows(const struct lam_upsert_source *s, const struct lam_view *view,
                                 const struct ArrowSchema *field, struct lam_builder *builder, struct lam_arena *arena,
                                 struct lam_error *error) {
  for (int64_t row = 0; row < view->length; row++) {
    struct lam_scalar from, to;
    LAM_TRY(lam_scalar_of_view(view, row, &from, error));
    if (from.is_null)
      LAM_TRY(lam_builder_null(builder, error));
    else if (convert(&from, &builder->type, arena, &to))
      LAM_TRY(build(builder, &to, error));
    else
      return refuse(s, row, field, &from, error);
  }
  return LAM_OK;
}

/* One by one, for types of which not every value fits. */
static enum lam_status cast_exactly(const struct lam_upsert_source *s, const struct ArrowSchema *from,
                                    const struct ArrowSchema *to, const struct ArrowArray *array,
                                    struct ArrowArray *out, struct lam_error *error) {
  struct lam_view view;
  struct lam_type type;
  struct lam_builder builder;
  struct lam_arena arena;
  LAM_TRY(lam_view_init(from, array, &view, error));
  LAM_TRY(lam_type_parse(to, &type, error));
  if (lam_type_is_nested(type.id) || lam_type_is_nested(view.type.id)) {
    char have[96], want[96];
    return lam_fail(error, LAM_INVALID, "%s: column \"%s\" is %s, and %s in the table; they do not go together",
                    source_name(s, s->next), to->name, lam_type_name(&view.type, have, sizeof have),
                    lam_type_name(&type, want, sizeof want));
  }
  LAM_TRY(lam_builder_init(&builder, s->mem, &type, error));
  lam_arena_init(&arena, s->mem);
  enum lam_status status = cast_rows(s, &view, to, &builder, &arena, error);
  if (status == LAM_OK) status = lam_builder_finish(&builder, out, error);
  lam_arena_release(&arena);
  lam_builder_release(&builder);
  return status;
}

/* Whether every value of the one is a value of the other. */
static enum lam_status widens(const struct ArrowSchema *from, const struct ArrowSchema *to, bool *out,
                              struct lam_error *error) {
  struct ArrowSchema both;
  const struct ArrowSchema *place, *with;
  LAM_TRY(lam_schema_copy(to, &both, error));
  enum lam_status status = lam_merge_field(&both, from, out, &place, &with, error);
  *out = status == LAM_OK && *out && lam_merge_same_shape(&both, to);
  lam_schema_release(&both);
  return status;
}

static enum lam_status cast_column(const struct lam_upsert_source *s, const struct ArrowSchema *from,
                                   const struct ArrowSchema *to, struct ArrowArray *array, struct ArrowArray *out,
                                   struct lam_error *error) {
  bool wider;
  LAM_TRY(widens(from, to, &wider, error));
  LAM_TRY(wider ? lam_merge_array(s->mem, to, from, array, out, error) : cast_exactly(s, from, to, array, out, error));
  struct lam_view view;
  if (to->flags & ARROW_FLAG_NULLABLE) return LAM_OK;
  LAM_TRY(lam_view_init(to, out, &view, error));
  int64_t row = 0;
  while (row < view.length && lam_view_valid(&view, row)) row++;
  char place[300];
  if (row < view.length)
    return lam_fail(error, LAM_INVALID, "%s: NULL in column \"%s\", which is NOT NULL",
                    lam_upsert_source_row(s, s->rows + row, place, sizeof place), to->name);
  return LAM_OK;
}

static enum lam_status add_ordinals(const struct lam_upsert_source *s, int64_t rows, struct ArrowArray *out,
                                    struct lam_error *error) {
  void *values;
  LAM_TRY(lam_array_init_fixed(s->mem, sizeof(int64_t), rows, &values, out, error));
  for (int64_t i = 0; i < rows; i++) ((int64_t *)values)[i] = s->rows + i;
  return LAM_OK;
}

static enum lam_status cast_batch(struct lam_upsert_source *s, struct ArrowArray *batch, struct ArrowArray *out,
                                  struct lam_error *error) {
  const struct ArrowSchema *from = lam_import_source_schema(s->now);
  LAM_TRY(lam_array_init_struct(batch->length, s->column_count + 1, out, error));
  enum lam_status status = add_ordinals(s, batch->length, out->children[s->column_count], error);
  for (int32_t c = 0; status == LAM_OK && c < s->column_count; c++) {
    const struct ArrowSchema *to = s->schema.children[c];
    int64_t at = lam_schema_find(from, to->name);
    status = cast_column(s, from->children[at], to, batch->children[at], out->children[c], error);
  }
  if (status == LAM_OK) s->rows += batch->length;
  if (status != LAM_OK) lam_array_release(out);
  return status;
}

/* ---- one source after the other ---- */

static enum lam_status open_next(struct lam_upsert_source *s, struct lam_error *error) {
  const char *path = s->options->sources[s->next];
  struct lam_import_options import = s->options->import;
  import.change.no_checksums = s->options->change.no_checksums;
  LAM_TRY(lam_import_source_open_like(s->mem, path, &import, s->table, &s->now, error));
  LAM_TRY(check_columns(s, lam_import_source_schema(s->now), error));
  s->first_rows[s->next] = s->rows;
  return s->schema.release ? LAM_OK : make_schema(s, lam_import_source_schema(s->now), error);
}

enum lam_status lam_upsert_source_open(struct lam_mem *mem, const struct lam_upsert_options *options,
                                       const struct ArrowSchema *table, struct lam_upsert_source *out,
                                       struct lam_error *error) {
  void *memory;
  *out = (struct lam_upsert_source){.mem = mem, .options = options, .table = table};
  lam_arena_init(&out->arena, mem);
  LAM_TRY(lam_arena_array(&out->arena, (size_t)options->source_count, sizeof *out->first_rows, &memory, error));
  out->first_rows = memory;
  return open_next(out, error);
}

void lam_upsert_source_close(struct lam_upsert_source *s) {
  lam_import_source_close(s->now);
  s->now = NULL;
  lam_schema_release(&s->schema);
  lam_arena_release(&s->arena);
}

enum lam_status lam_upsert_source_next(struct lam_upsert_source *s, struct ArrowArray *out, struct lam_error *error) {
  out->release = NULL;
  while (s->next < s->options->source_count) {
    struct ArrowArray batch;
    if (!s->now) LAM_TRY(open_next(s, error));
    LAM_TRY(lam_import_source_next(s->now, &batch, error));
    if (batch.release) {
      enum lam_status status = cast_batch(s, &batch, out, error);
      lam_array_release(&batch);
      return status;
    }
    lam_import_source_close(s->now);
    s->now = NULL;
    s->next++;
  }
  return LAM_OK;
}

const char *lam_upsert_source_row(const struct lam_upsert_source *s, int64_t ordinal, char *out, size_t room) {
  int32_t index = 0, begun = s->next + (s->now ? 1 : 0);
  while (index + 1 < begun && s->first_rows[index + 1] <= ordinal) index++;
  snprintf(out, room, "%.200s, row %" PRId64, source_name(s, index), ordinal - s->first_rows[index] + 1);
  return out;
}
