/* Names to columns, types of nodes, logic. Comparisons are in bind_compare.c, the rest of values in bind_values.c. */
#include "expr/bind.h"

#include <stdio.h>
#include <strings.h>

#include "arrow/value_text.h"

static enum lam_status bind(struct lam_binder *binder, const struct lam_expr *expr, const struct lam_expr **out,
                            struct lam_error *error);

/* ---- types ---- */

bool lam_type_is_integer(enum lam_type_id id) {
  return id >= LAM_TYPE_INT8 && id <= LAM_TYPE_UINT64;
}
bool lam_type_is_unsigned(enum lam_type_id id) {
  return id >= LAM_TYPE_UINT8 && id <= LAM_TYPE_UINT64;
}
bool lam_type_is_decimal(enum lam_type_id id) {
  return id == LAM_TYPE_DECIMAL128 || id == LAM_TYPE_DECIMAL256;
}
bool lam_type_is_text(enum lam_type_id id) {
  return id == LAM_TYPE_STRING || id == LAM_TYPE_LARGE_STRING || id == LAM_TYPE_STRING_VIEW;
}

enum lam_family lam_family_of(enum lam_type_id id) {
  switch (id) {
    case LAM_TYPE_BOOL: return LAM_FAMILY_BOOL;
    case LAM_TYPE_DATE32:
    case LAM_TYPE_DATE64:
    case LAM_TYPE_TIMESTAMP: return LAM_FAMILY_INSTANT;
    case LAM_TYPE_TIME32:
    case LAM_TYPE_TIME64: return LAM_FAMILY_TIME;
    case LAM_TYPE_DURATION: return LAM_FAMILY_DURATION;
    case LAM_TYPE_STRING:
    case LAM_TYPE_LARGE_STRING:
    case LAM_TYPE_BINARY:
    case LAM_TYPE_LARGE_BINARY:
    case LAM_TYPE_STRING_VIEW:
    case LAM_TYPE_BINARY_VIEW:
    case LAM_TYPE_FIXED_BINARY: return LAM_FAMILY_BYTES;
    default: break;
  }
  bool number = lam_type_is_integer(id) || lam_type_is_float(id) || lam_type_is_decimal(id);
  return number ? LAM_FAMILY_NUMBER : LAM_FAMILY_NONE;
}

const char *lam_expr_describe(struct lam_binder *binder, const struct lam_expr *expr, char *out, size_t room) {
  struct lam_buf buf;
  char type[96], quoted[72];
  lam_buf_init(&buf, binder->arena->mem);
  if (lam_expr_print(expr, &buf, NULL) != LAM_OK) buf.size = 0;
  size_t shown = buf.size < 48 ? buf.size : 48;
  while (shown < buf.size && shown > 0 && (buf.data[shown] & 0xc0) == 0x80) shown--;
  snprintf(quoted, sizeof quoted, "%.*s%s", (int)shown, buf.size ? (const char *)buf.data : "",
           shown < buf.size ? "…" : "");
  if (lam_expr_is_null(expr))
    snprintf(out, room, "NULL");
  else
    snprintf(out, room, "%s (%s)", quoted, lam_type_name(&expr->type, type, sizeof type));
  lam_buf_release(&buf);
  return out;
}

/* ---- constants ---- */

enum lam_status lam_bind_null(struct lam_binder *binder, const struct lam_type *type, size_t position,
                              const struct lam_expr **out, struct lam_error *error) {
  struct lam_scalar value = {.type = *type, .is_null = true};
  return lam_expr_literal(binder->arena, &value, position, out, error);
}

static enum lam_status bind_bool(struct lam_binder *binder, bool value, size_t position, const struct lam_expr **out,
                                 struct lam_error *error) {
  struct lam_scalar scalar = {.type = lam_type_simple(LAM_TYPE_BOOL), .value.i = value};
  return lam_expr_literal(binder->arena, &scalar, position, out, error);
}

/* The node's value, evaluated for one row without columns. */
static enum lam_status evaluate_constant(struct lam_arena *arena, const struct lam_expr *expr,
                                         const struct ArrowSchema *schema, const struct ArrowArray *row,
                                         const struct ArrowSchema *result, struct lam_scalar *out,
                                         struct lam_error *error) {
  struct lam_evaluator *evaluator;
  struct ArrowArray array;
  LAM_TRY(lam_evaluator_open(arena->mem, expr, schema, &evaluator, error));
  enum lam_status status = lam_evaluate(evaluator, row, &array, error);
  lam_evaluator_close(evaluator);
  if (status != LAM_OK) return status;
  struct lam_view view;
  char *copy = NULL;
  status = lam_view_init(result, &array, &view, error);
  if (status == LAM_OK) status = lam_scalar_of_view(&view, 0, out, error);
  if (status == LAM_OK && !out->is_null && lam_family_of(out->type.id) == LAM_FAMILY_BYTES)
    status = lam_arena_string(arena, out->bytes, &copy, error);
  if (copy) out->bytes.data = (const uint8_t *)copy;
  lam_array_release(&array);
  return status;
}

/* An evaluation that fails stays in the tree: it may stand where no row gets. */
static enum lam_status fold(struct lam_binder *binder, const struct lam_expr *expr, const struct lam_expr **out,
                            struct lam_error *error) {
  struct ArrowSchema schema = {0}, result = {0};
  struct ArrowArray row = {0};
  struct lam_scalar value = {.type = expr->type};
  enum lam_status status = lam_schema_init_struct("", 0, &schema, error);
  if (status == LAM_OK) status = lam_schema_init(&expr->type, "", true, &result, error);
  if (status == LAM_OK) status = lam_array_init_struct(1, 0, &row, error);
  if (status == LAM_OK) status = evaluate_constant(binder->arena, expr, &schema, &row, &result, &value, error);
  lam_array_release(&row);
  lam_schema_release(&schema);
  lam_schema_release(&result);
  *out = expr;
  if (status == LAM_LIMIT || status == LAM_NO_MEMORY) return status;
  if (status != LAM_OK) return LAM_OK;
  value.type = expr->type; /* whose time zone lives as long */
  return lam_expr_literal(binder->arena, &value, expr->position, out, error);
}

enum lam_status lam_bind_node(struct lam_binder *binder, enum lam_expr_kind kind, int operation, size_t position,
                              const struct lam_type *type, const struct lam_expr *const *arguments, int32_t count,
                              const struct lam_expr **out, struct lam_error *error) {
  struct lam_expr *expr;
  bool constant = true;
  LAM_TRY(lam_expr_new(binder->arena, kind, operation, position, count, &expr, error));
  expr->type = *type;
  for (int32_t i = 0; i < count; i++) {
    expr->arguments[i] = arguments[i];
    constant = constant && arguments[i]->kind == LAM_EXPR_LITERAL;
  }
  *out = expr;
  return constant ? fold(binder, expr, out, error) : LAM_OK;
}

/* ---- columns ---- */

/* The names that a wrong one may have meant: the one that differs in case, else the first few. */
static enum lam_status no_such_column(const struct ArrowSchema *schema, const struct lam_expr *expr, int32_t level,
                                      struct lam_error *error) {
  struct lam_bytes name = expr->names[level];
  char quoted[72], near[72], list[320] = "";
  size_t used = 0;
  lam_text_quote(name, quoted, sizeof quoted);
  for (int64_t i = 0; i < schema->n_children; i++) {
    struct lam_bytes other = lam_bytes_of_string(schema->children[i]->name ? schema->children[i]->name : "");
    if (other.size == name.size && name.size &&
        !strncasecmp((const char *)other.data, (const char *)name.data, name.size))
      return lam_fail(error, LAM_NOT_FOUND,
                      "there is no column %s (position %zu); names are case-sensitive: there is %s", quoted,
                      expr->position + 1, lam_text_quote(other, near, sizeof near));
    if (i >= 6) continue;
    int n = snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", lam_text_quote(other, near, 40));
    if (n > 0 && (size_t)n < sizeof list - used) used += (size_t)n;
    list[used] = 0;
  }
  return lam_fail(error, LAM_NOT_FOUND, "there is no %s %s (position %zu); there are %s%s", level ? "field" : "column",
                  quoted, expr->position + 1, *list ? list : "none", schema->n_children > 6 ? ", …" : "");
}

static int64_t find_child(const struct ArrowSchema *schema, struct lam_bytes name) {
  for (int64_t i = 0; i < schema->n_children && i < INT32_MAX; i++) {
    const char *other = schema->children[i]->name;
    if (lam_bytes_equal(lam_bytes_of_string(other ? other : ""), name)) return i;
  }
  return -1;
}

static enum lam_status bind_column(struct lam_binder *binder, const struct lam_expr *expr, const struct lam_expr **out,
                                   struct lam_error *error) {
  const struct ArrowSchema *schema = binder->schema;
  struct lam_expr *column;
  void *memory;
  LAM_TRY(lam_expr_new(binder->arena, LAM_EXPR_COLUMN, 0, expr->position, 0, &column, error));
  LAM_TRY(lam_arena_array(binder->arena, (size_t)expr->depth, sizeof(int32_t), &memory, error));
  int32_t *path = memory;
  struct lam_type type = lam_type_simple(LAM_TYPE_STRUCT);
  for (int32_t level = 0; level < expr->depth; level++) {
    char quoted[72], name[96];
    if (type.id != LAM_TYPE_STRUCT)
      return lam_fail(error, LAM_INVALID, "%s (position %zu) is of type %s, which has no fields",
                      lam_text_quote(expr->names[level - 1], quoted, sizeof quoted), expr->position + 1,
                      lam_type_name(&type, name, sizeof name));
    int64_t child = find_child(schema, expr->names[level]);
    if (child < 0) return no_such_column(schema, expr, level, error);
    path[level] = (int32_t)child;
    schema = schema->children[child];
    LAM_TRY(lam_type_parse(schema->dictionary ? schema->dictionary : schema, &type, error));
  }
  column->depth = expr->depth;
  column->names = expr->names;
  column->path = path;
  column->type = type;
  *out = column;
  return LAM_OK;
}

/* ---- logic ---- */

/* How long a condition takes, about: the cheap ones go first, and rows that they decide are not looked at again. */
static int cost(const struct lam_expr *expr) {
  switch (expr->kind) {
    case LAM_EXPR_LITERAL: return 0;
    case LAM_EXPR_COLUMN: return lam_family_of(expr->type.id) == LAM_FAMILY_BYTES ? 2 : 1;
    case LAM_EXPR_IS_NULL: return expr->arguments[0]->kind == LAM_EXPR_COLUMN ? 1 : 4;
    case LAM_EXPR_NOT: return cost(expr->arguments[0]);
    case LAM_EXPR_COMPARE: {
      int a = cost(expr->arguments[0]), b = cost(expr->arguments[1]);
      return a > b ? a : b;
    }
    case LAM_EXPR_IN: return cost(expr->arguments[0]) + 1;
    case LAM_EXPR_LIKE: return cost(expr->arguments[0]) + 2;
    case LAM_EXPR_AND:
    case LAM_EXPR_OR: {
      int most = 0;
      for (int32_t i = 0; i < expr->count; i++) {
        int one = cost(expr->arguments[i]);
        if (one > most) most = one;
      }
      return most;
    }
    default: return 5;
  }
}

enum { COSTS = 8 };

/* Whether the argument is the value that decides (FALSE of AND, TRUE of OR), and whether it does not matter. */
static bool decides(const struct lam_expr *argument, bool is_and) {
  return argument->kind == LAM_EXPR_LITERAL && !argument->literal.is_null && (argument->literal.value.i != 0) != is_and;
}
static bool is_neutral(const struct lam_expr *argument, bool is_and) {
  return argument->kind == LAM_EXPR_LITERAL && !argument->literal.is_null && (argument->literal.value.i != 0) == is_and;
}

enum lam_status lam_bind_logic(struct lam_binder *binder, enum lam_expr_kind kind, size_t position,
                               const struct lam_expr *const *arguments, int32_t count, const struct lam_expr **out,
                               struct lam_error *error) {
  bool is_and = kind == LAM_EXPR_AND, null = false;
  const struct lam_expr *flat;
  LAM_TRY(lam_expr_of_many(binder->arena, kind, position, arguments, count, &flat, error));
  int32_t kept = 0;
  struct lam_expr *expr;
  LAM_TRY(lam_expr_new(binder->arena, kind, 0, position, flat->count, &expr, error));
  for (int level = 0; level < COSTS; level++) {
    for (int32_t i = 0; i < flat->count; i++) {
      const struct lam_expr *argument = flat->arguments[i];
      int own = cost(argument);
      if ((own < COSTS ? own : COSTS - 1) != level) continue;
      if (decides(argument, is_and)) return bind_bool(binder, !is_and, position, out, error);
      if (is_neutral(argument, is_and) || (lam_expr_is_null(argument) && null)) continue;
      null |= lam_expr_is_null(argument);
      expr->arguments[kept++] = argument;
    }
  }
  expr->count = kept;
  expr->type = lam_type_simple(LAM_TYPE_BOOL);
  *out = kept == 1 ? expr->arguments[0] : expr;
  return kept == 0 ? bind_bool(binder, is_and, position, out, error) : LAM_OK;
}

static enum lam_status bind_boolean(struct lam_binder *binder, const struct lam_expr *expr, const struct lam_expr **out,
                                    struct lam_error *error) {
  struct lam_type boolean = lam_type_simple(LAM_TYPE_BOOL);
  char text[192];
  LAM_TRY(bind(binder, expr, out, error));
  if (lam_expr_is_null(*out)) return lam_bind_null(binder, &boolean, expr->position, out, error);
  if ((*out)->type.id == LAM_TYPE_BOOL) return LAM_OK;
  return lam_fail(error, LAM_INVALID, "a condition is expected at position %zu, found %s", expr->position + 1,
                  lam_expr_describe(binder, *out, text, sizeof text));
}

static enum lam_status bind_not(struct lam_binder *binder, const struct lam_expr *expr, const struct lam_expr **out,
                                struct lam_error *error) {
  static const enum lam_comparison opposite[] = {
      [LAM_EQ] = LAM_NE, [LAM_NE] = LAM_EQ, [LAM_LT] = LAM_GE, [LAM_GE] = LAM_LT, [LAM_GT] = LAM_LE, [LAM_LE] = LAM_GT};
  struct lam_type boolean = lam_type_simple(LAM_TYPE_BOOL);
  const struct lam_expr *argument;
  LAM_TRY(bind_boolean(binder, expr->arguments[0], &argument, error));
  if (argument->kind == LAM_EXPR_NOT) {
    *out = argument->arguments[0];
    return LAM_OK;
  }
  if (argument->kind == LAM_EXPR_COMPARE)
    return lam_bind_node(binder, LAM_EXPR_COMPARE, (int)opposite[argument->operation], argument->position, &boolean,
                         argument->arguments, 2, out, error);
  return lam_bind_node(binder, LAM_EXPR_NOT, 0, expr->position, &boolean, &argument, 1, out, error);
}

static enum lam_status bind_is_null(struct lam_binder *binder, const struct lam_expr *expr, const struct lam_expr **out,
                                    struct lam_error *error) {
  struct lam_type boolean = lam_type_simple(LAM_TYPE_BOOL);
  const struct lam_expr *argument = expr->arguments[0];
  if (argument->kind == LAM_EXPR_COLUMN) /* of any type */
    LAM_TRY(bind_column(binder, argument, &argument, error));
  else
    LAM_TRY(bind(binder, argument, &argument, error));
  if (argument->kind == LAM_EXPR_LITERAL)
    return bind_bool(binder, argument->literal.is_null, expr->position, out, error);
  return lam_bind_node(binder, LAM_EXPR_IS_NULL, 0, expr->position, &boolean, &argument, 1, out, error);
}

/* ---- all nodes ---- */

/* Arguments from `first` on as values, but every second one of CASE as a condition. */
static enum lam_status bind_arguments(struct lam_binder *binder, const struct lam_expr *expr,
                                      const struct lam_expr ***out, struct lam_error *error) {
  void *memory;
  LAM_TRY(lam_arena_array(binder->arena, (size_t)expr->count, sizeof **out, &memory, error));
  const struct lam_expr **arguments = memory;
  for (int32_t i = 0; i < expr->count; i++) {
    bool condition = expr->kind == LAM_EXPR_AND || expr->kind == LAM_EXPR_OR ||
                     (expr->kind == LAM_EXPR_CASE && i % 2 == 0 && i + 1 < expr->count);
    if (condition)
      LAM_TRY(bind_boolean(binder, expr->arguments[i], &arguments[i], error));
    else
      LAM_TRY(bind(binder, expr->arguments[i], &arguments[i], error));
  }
  *out = arguments;
  return LAM_OK;
}

static enum lam_status bind_value_column(struct lam_binder *binder, const struct lam_expr *expr,
                                         const struct lam_expr **out, struct lam_error *error) {
  char text[192];
  LAM_TRY(bind_column(binder, expr, out, error));
  enum lam_type_id id = (*out)->type.id;
  if (lam_family_of(id) != LAM_FAMILY_NONE || id == LAM_TYPE_NULL) return LAM_OK;
  return lam_fail(error, LAM_INVALID, "the column %s at position %zu can only be used with IS NULL%s",
                  lam_expr_describe(binder, *out, text, sizeof text), expr->position + 1,
                  id == LAM_TYPE_STRUCT ? "; its fields are written with a point" : "");
}

static enum lam_status bind(struct lam_binder *binder, const struct lam_expr *expr, const struct lam_expr **out,
                            struct lam_error *error) {
  const struct lam_expr **arguments = NULL;
  *out = expr;
  switch (expr->kind) {
    case LAM_EXPR_LITERAL: return LAM_OK;
    case LAM_EXPR_COLUMN: return bind_value_column(binder, expr, out, error);
    case LAM_EXPR_NOT: return bind_not(binder, expr, out, error);
    case LAM_EXPR_IS_NULL: return bind_is_null(binder, expr, out, error);
    default: break;
  }
  LAM_TRY(bind_arguments(binder, expr, &arguments, error));
  switch (expr->kind) {
    case LAM_EXPR_COMPARE:
      return lam_bind_compare(binder, (enum lam_comparison)expr->operation, expr->position, arguments[0], arguments[1],
                              out, error);
    case LAM_EXPR_AND:
    case LAM_EXPR_OR: return lam_bind_logic(binder, expr->kind, expr->position, arguments, expr->count, out, error);
    case LAM_EXPR_IN: return lam_bind_in(binder, expr->position, arguments, expr->count, out, error);
    case LAM_EXPR_LIKE: return lam_bind_like(binder, expr->position, arguments, expr->count, out, error);
    case LAM_EXPR_ARITHMETIC:
      return lam_bind_arithmetic(binder, (enum lam_arithmetic)expr->operation, expr->position, arguments[0],
                                 arguments[1], out, error);
    case LAM_EXPR_NEGATE: return lam_bind_negate(binder, expr->position, arguments[0], out, error);
    case LAM_EXPR_CASE: return lam_bind_case(binder, expr->position, arguments, expr->count, out, error);
    case LAM_EXPR_CAST: return lam_bind_cast(binder, expr->position, arguments[0], &expr->type, out, error);
    default:
      return lam_bind_call(binder, (enum lam_function)expr->operation, expr->position, arguments, expr->count, out,
                           error);
  }
}

enum lam_status lam_expr_bind(const struct lam_expr *expr, const struct ArrowSchema *schema, struct lam_arena *arena,
                              const struct lam_expr **out, struct lam_error *error) {
  struct lam_binder binder = {schema, arena};
  enum lam_status status = bind(&binder, expr, out, error);
  if (status != LAM_OK) *out = NULL;
  return status;
}

enum lam_status lam_expr_bind_condition(const struct lam_expr *expr, const struct ArrowSchema *schema,
                                        struct lam_arena *arena, const struct lam_expr **out, struct lam_error *error) {
  struct lam_binder binder = {schema, arena};
  enum lam_status status = bind_boolean(&binder, expr, out, error);
  if (status != LAM_OK) *out = NULL;
  return status;
}

enum lam_status lam_expr_bind_as(const struct lam_expr *expr, const struct ArrowSchema *schema,
                                 const struct lam_type *to, struct lam_arena *arena, const struct lam_expr **out,
                                 struct lam_error *error) {
  struct lam_binder binder = {schema, arena};
  const struct lam_expr *value;
  *out = NULL;
  LAM_TRY(lam_expr_bind(expr, schema, arena, &value, error));
  return lam_bind_cast(&binder, expr->position, value, to, out, error);
}

void lam_expr_columns(const struct lam_expr *expr, void (*each)(void *user, const struct lam_expr *column),
                      void *user) {
  if (expr->kind == LAM_EXPR_COLUMN) each(user, expr);
  for (int32_t i = 0; i < expr->count; i++) lam_expr_columns(expr->arguments[i], each, user);
}
