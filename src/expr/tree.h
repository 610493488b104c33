/* Making nodes of expression trees in an arena. */
#ifndef LAM_EXPR_TREE_H
#define LAM_EXPR_TREE_H

#include "expr/expr.h"

/* A node with room for `count` arguments, which the caller fills. */
enum lam_status lam_expr_new(struct lam_arena *arena, enum lam_expr_kind kind, int operation, size_t position,
                             int32_t count, struct lam_expr **out, struct lam_error *error);
/* Nodes that most others are made of. The arguments are borrowed. */
enum lam_status lam_expr_literal(struct lam_arena *arena, const struct lam_scalar *value, size_t position,
                                 const struct lam_expr **out, struct lam_error *error);
enum lam_status lam_expr_of_one(struct lam_arena *arena, enum lam_expr_kind kind, int operation, size_t position,
                                const struct lam_expr *argument, const struct lam_expr **out, struct lam_error *error);
enum lam_status lam_expr_of_two(struct lam_arena *arena, enum lam_expr_kind kind, int operation, size_t position,
                                const struct lam_expr *a, const struct lam_expr *b, const struct lam_expr **out,
                                struct lam_error *error);
/* AND, OR: arguments of the same kind are taken apart into theirs. */
enum lam_status lam_expr_of_many(struct lam_arena *arena, enum lam_expr_kind kind, size_t position,
                                 const struct lam_expr *const *arguments, int32_t count, const struct lam_expr **out,
                                 struct lam_error *error);

static inline struct lam_type lam_type_simple(enum lam_type_id id) {
  return (struct lam_type){.id = id, .timezone = ""};
}
static inline bool lam_expr_is_null(const struct lam_expr *expr) {
  return expr->kind == LAM_EXPR_LITERAL && expr->literal.is_null;
}

/* The number in a literal's digits: int64, uint64 or a decimal of just these digits; with an exponent a float64. */
enum lam_status lam_number_parse(struct lam_bytes digits, struct lam_scalar *out, struct lam_error *error);
/* A timestamp of microseconds, or of nanoseconds where the text has digits below; in UTC where it has a zone. */
enum lam_status lam_timestamp_parse(struct lam_bytes text, struct lam_scalar *out, struct lam_error *error);
/* -value; a result that the type cannot hold is of a wider one. */
enum lam_status lam_number_negate(const struct lam_scalar *value, struct lam_scalar *out, struct lam_error *error);

/* What functions are called, and how many arguments they take. */
struct lam_function_info {
  const char *name;
  int least, most; /* -1: any number */
};
extern const struct lam_function_info lam_functions[LAM_DATE_TRUNC + 1];

#endif
