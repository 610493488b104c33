/* What the parts of binding share. Every function takes bound arguments and gives a bound node. */
#ifndef LAM_EXPR_BIND_H
#define LAM_EXPR_BIND_H

#include "expr/tree.h"

struct lam_binder {
  const struct ArrowSchema *schema;
  struct lam_arena *arena;
};

/* Types whose values compare with each other. */
enum lam_family {
  LAM_FAMILY_NONE, /* null, nested types, intervals */
  LAM_FAMILY_BOOL,
  LAM_FAMILY_NUMBER,
  LAM_FAMILY_INSTANT, /* dates and timestamps */
  LAM_FAMILY_TIME,
  LAM_FAMILY_DURATION,
  LAM_FAMILY_BYTES, /* strings and binaries */
};
enum lam_family lam_family_of(enum lam_type_id id);
bool lam_type_is_integer(enum lam_type_id id);
bool lam_type_is_unsigned(enum lam_type_id id);
bool lam_type_is_decimal(enum lam_type_id id);
bool lam_type_is_text(enum lam_type_id id);

/* The literal as the type: *exact tells whether it is the same value; else as lam_scalar_cast. Texts are parsed as
 * values of the type, and decimals become the nearest float. LAM_INVALID where the types do not go together. */
enum lam_status lam_bind_adapt(struct lam_binder *binder, const struct lam_expr *literal, const struct lam_type *to,
                               struct lam_scalar *out, bool *exact, int *direction, struct lam_error *error);

/* bind_compare.c */
enum lam_status lam_bind_compare(struct lam_binder *binder, enum lam_comparison comparison, size_t position,
                                 const struct lam_expr *a, const struct lam_expr *b, const struct lam_expr **out,
                                 struct lam_error *error);
enum lam_status lam_bind_in(struct lam_binder *binder, size_t position, const struct lam_expr *const *arguments,
                            int32_t count, const struct lam_expr **out, struct lam_error *error);
enum lam_status lam_bind_like(struct lam_binder *binder, size_t position, const struct lam_expr *const *arguments,
                              int32_t count, const struct lam_expr **out, struct lam_error *error);

/* bind_values.c */
enum lam_status lam_bind_arithmetic(struct lam_binder *binder, enum lam_arithmetic operation, size_t position,
                                    const struct lam_expr *a, const struct lam_expr *b, const struct lam_expr **out,
                                    struct lam_error *error);
enum lam_status lam_bind_negate(struct lam_binder *binder, size_t position, const struct lam_expr *value,
                                const struct lam_expr **out, struct lam_error *error);
enum lam_status lam_bind_cast(struct lam_binder *binder, size_t position, const struct lam_expr *value,
                              const struct lam_type *to, const struct lam_expr **out, struct lam_error *error);
enum lam_status lam_bind_call(struct lam_binder *binder, enum lam_function function, size_t position,
                              const struct lam_expr *const *arguments, int32_t count, const struct lam_expr **out,
                              struct lam_error *error);
/* Conditions and values in turn, as in the node; conditions are bound and boolean. */
enum lam_status lam_bind_case(struct lam_binder *binder, size_t position, const struct lam_expr *const *arguments,
                              int32_t count, const struct lam_expr **out, struct lam_error *error);

/* A node of type `type`; where all arguments are literals and it can be evaluated, its value. */
enum lam_status lam_bind_node(struct lam_binder *binder, enum lam_expr_kind kind, int operation, size_t position,
                              const struct lam_type *type, const struct lam_expr *const *arguments, int32_t count,
                              const struct lam_expr **out, struct lam_error *error);
enum lam_status lam_bind_null(struct lam_binder *binder, const struct lam_type *type, size_t position,
                              const struct lam_expr **out, struct lam_error *error);
/* AND, OR of bound conditions: constants are folded, cheap arguments go first. */
enum lam_status lam_bind_logic(struct lam_binder *binder, enum lam_expr_kind kind, size_t position,
                               const struct lam_expr *const *arguments, int32_t count, const struct lam_expr **out,
                               struct lam_error *error);
/* "price (decimal(10,2))" for messages. */
const char *lam_expr_describe(struct lam_binder *binder, const struct lam_expr *expr, char *out, size_t room);

/* The units of date_trunc. */
enum lam_trunc {
  LAM_TRUNC_YEAR,
  LAM_TRUNC_QUARTER,
  LAM_TRUNC_MONTH,
  LAM_TRUNC_WEEK,
  LAM_TRUNC_DAY,
  LAM_TRUNC_HOUR,
  LAM_TRUNC_MINUTE,
  LAM_TRUNC_SECOND,
  LAM_TRUNC_MILLISECOND,
  LAM_TRUNC_MICROSECOND,
};
/* False for another name. */
bool lam_trunc_of_name(struct lam_bytes name, enum lam_trunc *out);

#endif
