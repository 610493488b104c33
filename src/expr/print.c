/* The text of a tree. Brackets stand where the tree needs them, and around operands of NOT. */
#include "expr/lex.h"
#include "expr/tree.h"

/* How tightly a node's text holds together. */
enum binding { BIND_OR, BIND_AND, BIND_NOT, BIND_COMPARE, BIND_SUM, BIND_PRODUCT, BIND_UNARY, BIND_VALUE };

static enum binding binding_of(const struct lam_expr *expr) {
  switch (expr->kind) {
    case LAM_EXPR_OR: return BIND_OR;
    case LAM_EXPR_AND: return BIND_AND;
    case LAM_EXPR_NOT: return BIND_NOT;
    case LAM_EXPR_COMPARE:
    case LAM_EXPR_IN:
    case LAM_EXPR_LIKE:
    case LAM_EXPR_IS_NULL: return BIND_COMPARE;
    case LAM_EXPR_ARITHMETIC:
      return expr->operation == LAM_ADD || expr->operation == LAM_SUBTRACT ? BIND_SUM : BIND_PRODUCT;
    case LAM_EXPR_NEGATE: return BIND_UNARY;
    default: return BIND_VALUE;
  }
}

static enum lam_status put(struct lam_buf *out, const char *text, struct lam_error *error) {
  return lam_buf_append(out, text, strlen(text), error);
}

static enum lam_status print(const struct lam_expr *expr, struct lam_buf *out, struct lam_error *error);

static enum lam_status print_within(const struct lam_expr *expr, enum binding least, struct lam_buf *out,
                                    struct lam_error *error) {
  if (binding_of(expr) >= least) return print(expr, out, error);
  LAM_TRY(put(out, "(", error));
  LAM_TRY(print(expr, out, error));
  return put(out, ")", error);
}

static enum lam_status print_name(struct lam_bytes name, struct lam_buf *out, struct lam_error *error) {
  if (lam_is_bare_name(name)) return lam_buf_append(out, name.data, name.size, error);
  LAM_TRY(put(out, "\"", error));
  for (size_t i = 0; i < name.size; i++) {
    if (name.data[i] == '"') LAM_TRY(put(out, "\"", error));
    LAM_TRY(lam_buf_append(out, name.data + i, 1, error));
  }
  return put(out, "\"", error);
}

static enum lam_status print_column(const struct lam_expr *expr, struct lam_buf *out, struct lam_error *error) {
  for (int32_t i = 0; i < expr->depth; i++) {
    if (i) LAM_TRY(put(out, ".", error));
    LAM_TRY(print_name(expr->names[i], out, error));
  }
  return LAM_OK;
}

/* Arguments [first, count) with `between` between them. */
static enum lam_status print_list(const struct lam_expr *expr, int32_t first, const char *between, enum binding least,
                                  struct lam_buf *out, struct lam_error *error) {
  for (int32_t i = first; i < expr->count; i++) {
    if (i > first) LAM_TRY(put(out, between, error));
    LAM_TRY(print_within(expr->arguments[i], least, out, error));
  }
  return LAM_OK;
}

static enum lam_status print_case(const struct lam_expr *expr, struct lam_buf *out, struct lam_error *error) {
  LAM_TRY(put(out, "CASE", error));
  for (int32_t i = 0; i + 1 < expr->count; i += 2) {
    LAM_TRY(put(out, " WHEN ", error));
    LAM_TRY(print(expr->arguments[i], out, error));
    LAM_TRY(put(out, " THEN ", error));
    LAM_TRY(print(expr->arguments[i + 1], out, error));
  }
  const struct lam_expr *otherwise = expr->arguments[expr->count - 1];
  if (!lam_expr_is_null(otherwise)) {
    LAM_TRY(put(out, " ELSE ", error));
    LAM_TRY(print(otherwise, out, error));
  }
  return put(out, " END", error);
}

static enum lam_status print_cast(const struct lam_expr *expr, struct lam_buf *out, struct lam_error *error) {
  char name[96];
  LAM_TRY(put(out, "CAST(", error));
  LAM_TRY(print(expr->arguments[0], out, error));
  LAM_TRY(put(out, " AS ", error));
  LAM_TRY(put(out, lam_type_name(&expr->type, name, sizeof name), error));
  return put(out, ")", error);
}

/* a - b: the left operand may bind as loosely as the operator itself, the right one not, but for comparisons, which
 * do not follow each other. */
static enum lam_status print_infix(const struct lam_expr *expr, const char *symbol, struct lam_buf *out,
                                   struct lam_error *error) {
  enum binding own = binding_of(expr), tighter = (enum binding)(own + 1);
  LAM_TRY(print_within(expr->arguments[0], own == BIND_COMPARE ? tighter : own, out, error));
  LAM_TRY(put(out, " ", error));
  LAM_TRY(put(out, symbol, error));
  LAM_TRY(put(out, " ", error));
  return print_within(expr->arguments[1], tighter, out, error);
}

/* Of NOT and minus, which may follow themselves: with parentheses the text would nest twice as deep as the tree. */
static enum lam_status print_operand(const struct lam_expr *expr, struct lam_buf *out, struct lam_error *error) {
  const struct lam_expr *operand = expr->arguments[0];
  return operand->kind == expr->kind ? print(operand, out, error) : print_within(operand, BIND_VALUE, out, error);
}

static enum lam_status print_like(const struct lam_expr *expr, struct lam_buf *out, struct lam_error *error) {
  LAM_TRY(print_infix(expr, "LIKE", out, error));
  if (expr->count < 3) return LAM_OK;
  LAM_TRY(put(out, " ESCAPE ", error));
  return print(expr->arguments[2], out, error);
}

static enum lam_status print(const struct lam_expr *expr, struct lam_buf *out, struct lam_error *error) {
  static const char *const comparisons[] = {"=", "<>", "<", "<=", ">", ">="};
  static const char *const operators[] = {"+", "-", "*", "/", "%"};
  switch (expr->kind) {
    case LAM_EXPR_LITERAL: return lam_scalar_print(&expr->literal, out, error);
    case LAM_EXPR_COLUMN: return print_column(expr, out, error);
    case LAM_EXPR_COMPARE: return print_infix(expr, comparisons[expr->operation], out, error);
    case LAM_EXPR_ARITHMETIC: return print_infix(expr, operators[expr->operation], out, error);
    case LAM_EXPR_LIKE: return print_like(expr, out, error);
    case LAM_EXPR_AND: return print_list(expr, 0, " AND ", BIND_NOT, out, error);
    case LAM_EXPR_OR: return print_list(expr, 0, " OR ", BIND_AND, out, error);
    case LAM_EXPR_NOT: LAM_TRY(put(out, "NOT ", error)); return print_operand(expr, out, error);
    case LAM_EXPR_NEGATE: LAM_TRY(put(out, "-", error)); return print_operand(expr, out, error);
    case LAM_EXPR_IS_NULL:
      LAM_TRY(print_within(expr->arguments[0], BIND_SUM, out, error));
      return put(out, " IS NULL", error);
    case LAM_EXPR_IN:
      LAM_TRY(print_within(expr->arguments[0], BIND_SUM, out, error));
      LAM_TRY(put(out, " IN (", error));
      LAM_TRY(print_list(expr, 1, ", ", BIND_OR, out, error));
      return put(out, ")", error);
    case LAM_EXPR_CASE: return print_case(expr, out, error);
    case LAM_EXPR_CAST: return print_cast(expr, out, error);
    case LAM_EXPR_CALL:
      LAM_TRY(put(out, lam_functions[expr->operation].name, error));
      LAM_TRY(put(out, "(", error));
      LAM_TRY(print_list(expr, 0, ", ", BIND_OR, out, error));
      return put(out, ")", error);
  }
  return LAM_OK;
}

enum lam_status lam_expr_print(const struct lam_expr *expr, struct lam_buf *out, struct lam_error *error) {
  return print(expr, out, error);
}
