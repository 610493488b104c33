#include "ops/derive.h"

#include "expr/tree.h"

/* A column that is computed from the batch of the step before. */
struct step {
  int64_t column; /* that it is, or replaces, in the step's schema */
  struct lam_evaluator *evaluator;
  const struct lam_spec_field *transform; /* instead of an evaluator: of column `source` */
  int64_t source;
};
/* The schema that a step's batches have, and how they are made. */
struct stage {
  struct ArrowSchema schema;
  struct step *steps;
  int32_t step_count;
};

struct lam_derive {
  struct lam_mem *mem;
  struct lam_arena arena;
  const struct ArrowSchema *given;
  struct stage set, derived;
};

/* ---- schemas ---- */

/* A copy of a schema with room for columns behind it. */
static enum lam_status widen(const struct ArrowSchema *from, int64_t more, struct ArrowSchema *out,
                             struct lam_error *error) {
  LAM_TRY(lam_schema_init_struct("", from->n_children + more, out, error));
  for (int64_t c = 0; c < from->n_children; c++) LAM_TRY(lam_schema_copy(from->children[c], out->children[c], error));
  return LAM_OK;
}

static enum lam_status bind_step(struct lam_derive *derive, const struct ArrowSchema *input,
                                 const struct lam_expr *expr, const struct ArrowSchema *like, struct step *step,
                                 struct lam_type *type, struct lam_error *error) {
  const struct lam_expr *bound;
  LAM_TRY(lam_expr_bind(expr, input, &derive->arena, &bound, error));
  if (like) {
    struct lam_expr *cast;
    LAM_TRY(lam_type_parse(like, type, error));
    LAM_TRY(lam_expr_new(&derive->arena, LAM_EXPR_CAST, 0, expr->position, 1, &cast, error));
    cast->type = *type;
    cast->arguments[0] = expr;
    if (!lam_type_equal(&bound->type, type)) LAM_TRY(lam_expr_bind(cast, input, &derive->arena, &bound, error));
  }
  *type = bound->type;
  return lam_evaluator_open(derive->mem, bound, input, &step->evaluator, error);
}

static enum lam_status add_column(struct stage *stage, int64_t column, const char *name, const struct lam_type *type,
                                  struct lam_error *error) {
  if (type->id == LAM_TYPE_NULL)
    return lam_fail(error, LAM_INVALID, "the type of the new column \"%s\" is not known: use CAST(NULL AS …)", name);
  return lam_schema_init(type, name, true, stage->schema.children[column], error);
}

static enum lam_status open_assignment(struct lam_derive *derive, const struct lam_assignment *assignment,
                                       int64_t *columns, struct lam_error *error) {
  struct ArrowSchema *schema = &derive->set.schema;
  struct lam_type type;
  char *name;
  LAM_TRY(lam_arena_string(&derive->arena, assignment->name, &name, error));
  for (int64_t c = derive->given->n_children; c < *columns; c++)
    if (strcmp(schema->children[c]->name, name) == 0)
      return lam_fail(error, LAM_INVALID, "the column \"%s\" is set twice", name);
  int64_t old = lam_schema_find(derive->given, name);
  for (int32_t i = 0; old >= 0 && i < derive->set.step_count; i++)
    if (derive->set.steps[i].column == old) return lam_fail(error, LAM_INVALID, "the column \"%s\" is set twice", name);
  struct step *step = &derive->set.steps[derive->set.step_count++]; /* closed whatever fails from here on */
  step->column = old >= 0 ? old : *columns;
  LAM_TRY(lam_fail_in(error,
                      bind_step(derive, derive->given, assignment->value,
                                old >= 0 ? derive->given->children[old] : NULL, step, &type, error),
                      "setting the column \"%s\"", name));
  if (old < 0) return add_column(&derive->set, (*columns)++, name, &type, error);
  schema->children[old]->flags |= ARROW_FLAG_NULLABLE;
  return LAM_OK;
}

static int64_t count_new(const struct ArrowSchema *schema, const struct lam_assignment *assignments, int32_t count) {
  int64_t found = 0;
  for (int32_t i = 0; i < count; i++) {
    for (int64_t c = 0; c < schema->n_children; c++) {
      if (!lam_bytes_equal(assignments[i].name, lam_bytes_of_string(schema->children[c]->name))) continue;
      found++;
      break;
    }
  }
  return count - found;
}

static enum lam_status open_set(struct lam_derive *derive, const char *set, struct lam_error *error) {
  struct lam_assignment *assignments = NULL;
  int32_t count = 0;
  void *memory;
  if (set) LAM_TRY(lam_assignments_parse(set, &derive->arena, &assignments, &count, error));
  LAM_TRY(widen(derive->given, count_new(derive->given, assignments, count), &derive->set.schema, error));
  LAM_TRY(lam_arena_array(&derive->arena, (size_t)count, sizeof *derive->set.steps, &memory, error));
  derive->set.steps = memory;
  int64_t columns = derive->given->n_children;
  for (int32_t i = 0; i < count; i++) LAM_TRY(open_assignment(derive, &assignments[i], &columns, error));
  return LAM_OK;
}

static enum lam_status open_derived_column(struct lam_derive *derive, const struct lam_spec_field *field,
                                           int64_t column, struct step *step, struct lam_error *error) {
  const struct ArrowSchema *input = &derive->set.schema;
  struct lam_type type;
  if (lam_schema_find(input, field->name) >= 0)
    return lam_fail(error, LAM_INVALID,
                    "there is a column \"%s\" already: partition by it, or give the derived column another name",
                    field->name);
  step->column = column;
  if (field->kind == LAM_SPEC_EXPRESSION) {
    LAM_TRY(lam_fail_in(error, bind_step(derive, input, field->expr, NULL, step, &type, error),
                        "deriving the column \"%s\"", field->name));
  } else {
    const struct lam_expr *bound;
    LAM_TRY(lam_expr_bind(field->expr, input, &derive->arena, &bound, error));
    step->transform = field;
    step->source = bound->path[0];
    LAM_TRY(lam_transform_type(field->transform, &bound->type, &type, error));
  }
  return add_column(&derive->derived, column, field->name, &type, error);
}

static enum lam_status open_derived(struct lam_derive *derive, const struct lam_partition_spec *spec,
                                    struct lam_error *error) {
  void *memory;
  const struct ArrowSchema *input = &derive->set.schema;
  struct stage *stage = &derive->derived;
  int64_t derived = 0;
  for (int32_t i = 0; i < spec->count; i++) derived += spec->fields[i].kind != LAM_SPEC_COLUMN;
  LAM_TRY(widen(input, derived, &stage->schema, error));
  LAM_TRY(lam_arena_array(&derive->arena, (size_t)spec->count, sizeof *stage->steps, &memory, error));
  stage->steps = memory;
  int64_t columns = input->n_children;
  for (int32_t i = 0; i < spec->count; i++) {
    const struct lam_spec_field *field = &spec->fields[i];
    if (field->kind == LAM_SPEC_COLUMN && lam_schema_find(input, field->name) >= 0) continue;
    if (field->kind == LAM_SPEC_COLUMN)
      return lam_fail(error, LAM_NOT_FOUND, "there is no column \"%s\" to partition by", field->name);
    struct step *step = &stage->steps[stage->step_count++];
    LAM_TRY(open_derived_column(derive, field, columns++, step, error));
  }
  return LAM_OK;
}

/* ---- open and close ---- */

enum lam_status lam_derive_open(struct lam_mem *mem, const struct ArrowSchema *schema, const char *set,
                                const struct lam_partition_spec *spec, struct lam_derive **out,
                                struct lam_error *error) {
  void *memory;
  *out = NULL;
  LAM_TRY(lam_alloc_zero(mem, sizeof **out, &memory, error));
  struct lam_derive *derive = memory;
  derive->mem = mem;
  derive->given = schema;
  lam_arena_init(&derive->arena, mem);
  enum lam_status status = open_set(derive, set, error);
  if (status == LAM_OK) status = open_derived(derive, spec, error);
  if (status == LAM_OK)
    *out = derive;
  else
    lam_derive_close(derive);
  return status;
}

static void close_stage(struct stage *stage) {
  for (int32_t i = 0; i < stage->step_count; i++) lam_evaluator_close(stage->steps[i].evaluator);
  lam_schema_release(&stage->schema);
}

void lam_derive_close(struct lam_derive *derive) {
  if (!derive) return;
  close_stage(&derive->set);
  close_stage(&derive->derived);
  lam_arena_release(&derive->arena);
  lam_free(derive->mem, derive, sizeof *derive);
}

const struct ArrowSchema *lam_derive_schema(const struct lam_derive *derive) {
  return &derive->derived.schema;
}

/* ---- batches ---- */

static enum lam_status run_step(struct lam_derive *derive, const struct ArrowSchema *input, const struct step *step,
                                const struct ArrowArray *batch, struct ArrowArray *out, struct lam_error *error) {
  if (step->evaluator) return lam_evaluate(step->evaluator, batch, out, error);
  return lam_transform_array(derive->mem, step->transform->transform, step->transform->parameter,
                             input->children[step->source], batch->children[step->source], out, error);
}

/* Computes the stage's columns of the batch, then moves the others behind each other. */
static enum lam_status run_stage(struct lam_derive *derive, const struct ArrowSchema *input, const struct stage *stage,
                                 struct ArrowArray *batch, struct ArrowArray *out, struct lam_error *error) {
  if (stage->step_count == 0) {
    *out = *batch;
    batch->release = NULL;
    return LAM_OK;
  }
  enum lam_status status = lam_array_init_struct(batch->length, stage->schema.n_children, out, error);
  for (int32_t i = 0; status == LAM_OK && i < stage->step_count; i++) {
    const struct step *step = &stage->steps[i];
    status = run_step(derive, input, step, batch, out->children[step->column], error);
  }
  for (int64_t c = 0; status == LAM_OK && c < batch->n_children; c++) {
    if (out->children[c]->release) continue;
    *out->children[c] = *batch->children[c];
    batch->children[c]->release = NULL;
  }
  if (status != LAM_OK) lam_array_release(out);
  lam_array_release(batch);
  return status;
}

enum lam_status lam_derive_batch(struct lam_derive *derive, struct ArrowArray *batch, struct ArrowArray *out,
                                 struct lam_error *error) {
  struct ArrowArray set;
  out->release = NULL;
  LAM_TRY(run_stage(derive, derive->given, &derive->set, batch, &set, error));
  return run_stage(derive, &derive->set.schema, &derive->derived, &set, out, error);
}
