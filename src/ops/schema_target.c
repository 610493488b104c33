#include <inttypes.h>
#include <stdio.h>

#include "arrow/cast.h"
#include "ops/schema_change.h"

/* What becomes of a column. Strings are the steps'. */
struct fate {
  bool touched, dropped, nullable;
  const char *name, *type; /* NULL: as they are */
};

struct making {
  const struct lam_table *table;
  const struct ArrowSchema *before;
  const struct lam_schema_step *steps;
  int32_t step_count, added;
  struct fate *fates; /* of each data column */
};

/* ---- steps ---- */

static bool is_partition_column(const struct lam_table *table, const char *name) {
  const char *value;
  for (size_t i = 0; i < table->snapshot.partition_count; i++)
    if (lam_partition_find(&table->snapshot.partitions[i].values, name, &value)) return true;
  return false;
}

static enum lam_status find_column(const struct making *m, const char *name, int64_t *out, struct lam_error *error) {
  *out = -1;
  for (int64_t c = 0; c < m->before->n_children; c++) {
    if (strcmp(m->before->children[c]->name, name) != 0) continue;
    if (*out >= 0) return lam_fail(error, LAM_INVALID, "there are two columns \"%s\"", name);
    *out = c;
  }
  if (*out < 0) return lam_fail(error, LAM_NOT_FOUND, "%s has no column \"%s\"", m->table->directory->name, name);
  if (*out < m->table->data_columns) return LAM_OK;
  return lam_fail(error, LAM_INVALID, "column \"%s\" is only in the names of directories", name);
}

/* Their values stand in the names of directories, as text. */
static enum lam_status check_partition_column(const struct making *m, const struct lam_schema_step *step,
                                              struct lam_error *error) {
  static const char *const verbs[] = {[LAM_SCHEMA_DROP] = "dropped", [LAM_SCHEMA_RENAME] = "renamed"};
  bool refused = step->kind == LAM_SCHEMA_DROP || step->kind == LAM_SCHEMA_RENAME;
  if (!refused || !is_partition_column(m->table, step->column)) return LAM_OK;
  return lam_fail(error, LAM_INVALID, "column \"%s\" is a partition column, which cannot be %s; see repartition",
                  step->column, verbs[step->kind]);
}

static enum lam_status take_step(struct making *m, const struct lam_schema_step *step, struct lam_error *error) {
  bool has_to = step->kind == LAM_SCHEMA_ADD || step->kind == LAM_SCHEMA_RENAME || step->kind == LAM_SCHEMA_WIDEN;
  if (step->kind < LAM_SCHEMA_ADD || step->kind > LAM_SCHEMA_NULLABLE)
    return lam_fail(error, LAM_INVALID, "the change %d of a schema is unknown", step->kind);
  if (!step->column || !*step->column || (has_to && (!step->to || !*step->to)))
    return lam_fail(error, LAM_INVALID, "a change of a schema without the %s",
                    step->column && *step->column ? "new name or type" : "name of a column");
  if (step->kind == LAM_SCHEMA_ADD) {
    m->added++;
    return LAM_OK;
  }
  int64_t c;
  LAM_TRY(find_column(m, step->column, &c, error));
  LAM_TRY(check_partition_column(m, step, error));
  struct fate *fate = &m->fates[c];
  const char **to = step->kind == LAM_SCHEMA_RENAME ? &fate->name : &fate->type;
  bool twice = fate->dropped || (step->kind == LAM_SCHEMA_DROP && fate->touched) || (has_to && *to);
  if (twice) return lam_fail(error, LAM_INVALID, "column \"%s\" is changed twice", step->column);
  fate->touched = true;
  if (step->kind == LAM_SCHEMA_DROP) fate->dropped = true;
  if (step->kind == LAM_SCHEMA_NULLABLE) fate->nullable = true;
  if (has_to) *to = step->to;
  return LAM_OK;
}

/* ---- columns ---- */

static enum lam_status set_id(struct ArrowSchema *column, int32_t id, struct lam_error *error) {
  char text[16];
  int size = snprintf(text, sizeof text, "%" PRId32, id);
  if (id < 0) return LAM_OK;
  return lam_schema_set_metadata(column, "PARQUET:field_id", lam_bytes_of(text, (size_t)size), error);
}

static enum lam_status make_column(const struct lam_type *type, const char *name, bool nullable, int32_t id,
                                   struct ArrowSchema *out, struct lam_error *error) {
  LAM_TRY(lam_schema_init(type, name, nullable, out, error));
  enum lam_status status = set_id(out, id, error);
  if (status != LAM_OK) lam_schema_release(out);
  return status;
}

/* The texts of partition values in the names of directories stay what they are. */
static bool keeps_text(const struct lam_type *from, const struct lam_type *to) {
  return !lam_type_is_float(to->id) && from->unit == to->unit;
}

static enum lam_status widen_column(const struct making *m, struct ArrowSchema *column, const char *type_name,
                                    bool nullable, struct lam_error *error) {
  struct lam_type from, to, wide;
  char name[96];
  LAM_TRY(lam_type_parse(column, &from, error));
  LAM_TRY(lam_fail_in(error, lam_type_parse_name(type_name, &to, error), "column \"%s\"", column->name));
  if (!lam_type_widen(&from, &to, &wide) || !lam_type_equal(&wide, &to))
    return lam_fail(error, LAM_INVALID, "column \"%s\" is %s, which cannot be widened to %s without losing values",
                    column->name, lam_type_name(&from, name, sizeof name), type_name);
  if (lam_type_equal(&from, &to)) return LAM_OK;
  if (is_partition_column(m->table, column->name) && !keeps_text(&from, &to))
    return lam_fail(error, LAM_INVALID,
                    "column \"%s\" is a partition column: as %s its values would be other texts in the names of "
                    "directories",
                    column->name, type_name);
  struct ArrowSchema typed;
  LAM_TRY(make_column(&to, column->name, nullable, lam_schema_field_id(column), &typed, error));
  lam_schema_release(column);
  *column = typed;
  return LAM_OK;
}

static enum lam_status keep_column(const struct making *m, int64_t c, struct ArrowSchema *out,
                                   struct lam_error *error) {
  const struct fate *fate = &m->fates[c];
  LAM_TRY(lam_schema_copy(m->before->children[c], out, error));
  if (fate->nullable) out->flags |= ARROW_FLAG_NULLABLE;
  if (fate->type) LAM_TRY(widen_column(m, out, fate->type, out->flags & ARROW_FLAG_NULLABLE, error));
  return fate->name ? lam_schema_rename(out, fate->name, error) : LAM_OK;
}

/* New columns get ids where every column has one: the next that no field has. */
static int32_t last_id(const struct ArrowSchema *field) {
  int32_t last = lam_schema_field_id(field);
  for (int64_t c = 0; c < field->n_children; c++) {
    int32_t below = last_id(field->children[c]);
    last = below > last ? below : last;
  }
  return last;
}
static int32_t next_id(const struct making *m) {
  int32_t last = -1;
  for (int64_t c = 0; c < m->table->data_columns; c++) {
    int32_t id = last_id(m->before->children[c]);
    if (lam_schema_field_id(m->before->children[c]) < 0) return -1;
    last = id > last ? id : last;
  }
  return last < 0 || last > INT32_MAX - m->added ? -1 : last + 1;
}

static enum lam_status add_columns(const struct making *m, int64_t next, struct lam_schema_target *out,
                                   struct lam_error *error) {
  int32_t id = next_id(m);
  for (int32_t i = 0; i < m->step_count; i++) {
    const struct lam_schema_step *step = &m->steps[i];
    struct lam_type type;
    if (step->kind != LAM_SCHEMA_ADD) continue;
    LAM_TRY(lam_fail_in(error, lam_type_parse_name(step->to, &type, error), "column \"%s\"", step->column));
    LAM_TRY(make_column(&type, step->column, true, id, out->schema.children[next], error));
    out->origins[next++] = -1;
    if (id >= 0) id++;
  }
  return LAM_OK;
}

/* A column that a step has named: no other one, and no directory, has its name. */
static enum lam_status check_name(const struct making *m, const struct ArrowSchema *after, int64_t at,
                                  struct lam_error *error) {
  const char *name = after->children[at]->name;
  bool taken = is_partition_column(m->table, name);
  for (int64_t c = 0; c < after->n_children; c++) taken |= c != at && strcmp(after->children[c]->name, name) == 0;
  return taken ? lam_fail(error, LAM_INVALID, "there is a column \"%s\" already", name) : LAM_OK;
}

static enum lam_status fill(const struct making *m, struct lam_schema_target *out, struct lam_error *error) {
  int64_t next = 0;
  for (int64_t c = 0; c < m->table->data_columns; c++) {
    if (m->fates[c].dropped) continue;
    LAM_TRY(keep_column(m, c, out->schema.children[next], error));
    out->origins[next++] = c;
  }
  LAM_TRY(add_columns(m, next, out, error));
  for (int64_t c = 0; c < out->schema.n_children; c++)
    if (out->origins[c] < 0 || m->fates[out->origins[c]].name) LAM_TRY(check_name(m, &out->schema, c, error));
  return LAM_OK;
}

enum lam_status lam_schema_target_make(const struct lam_table *table, const struct lam_schema_step *steps,
                                       int32_t step_count, struct lam_arena *arena, struct lam_schema_target *out,
                                       struct lam_error *error) {
  struct making m = {.table = table, .before = &table->merge.schema, .steps = steps, .step_count = step_count};
  *out = (struct lam_schema_target){.origins = NULL};
  if (table->data_columns == 0)
    return lam_fail(error, LAM_NOT_FOUND, "%s has no file with a schema to change", table->directory->name);
  LAM_TRY(lam_arena_array(arena, (size_t)table->data_columns, sizeof *m.fates, (void **)&m.fates, error));
  for (int32_t i = 0; i < step_count; i++) LAM_TRY(take_step(&m, &steps[i], error));
  int64_t count = m.added;
  for (int64_t c = 0; c < table->data_columns; c++) count += !m.fates[c].dropped;
  if (count == 0) return lam_fail(error, LAM_INVALID, "no column would be left");
  LAM_TRY(lam_arena_array(arena, (size_t)count, sizeof *out->origins, (void **)&out->origins, error));
  LAM_TRY(lam_schema_init_struct("", count, &out->schema, error));
  enum lam_status status = fill(&m, out, error);
  if (status != LAM_OK) lam_schema_release(&out->schema);
  return status;
}
