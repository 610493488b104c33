/* Expressions: a SQL subset, parsed, bound to a schema, evaluated on batches, and decided from bounds.
 *
 *   parse    text to a tree of names and literals                                   (parse.c)
 *   bind     names to columns of a schema, types of every node, casts made explicit (bind.c)
 *   eval     a bound tree on a batch, with three-valued logic                       (eval.c)
 *   decide   what a bound tree may be for rows of which only bounds are known       (decide.c)
 *
 * docs/expressions.md describes the language. Comparisons of floats are total: NaN equals itself and is above all
 * other numbers, and -0.0 equals 0.0, as PostgreSQL, DuckDB and Spark have it. Trees live in arenas and are read-only
 * once made, so that threads can share them. */
#ifndef LAM_EXPR_EXPR_H
#define LAM_EXPR_EXPR_H

#include "arrow/array.h"
#include "expr/scalar.h"

enum lam_expr_kind {
  LAM_EXPR_LITERAL,
  LAM_EXPR_COLUMN,
  LAM_EXPR_COMPARE, /* 2 arguments of one type (the second may be a literal, the first not), or of two whose values
                       compare although no cast to one of them is exact: int64 and double, two time units */
  LAM_EXPR_AND,     /* 2 or more */
  LAM_EXPR_OR,      /* 2 or more */
  LAM_EXPR_NOT,     /* 1 */
  LAM_EXPR_IN,      /* the value, then literals of its type; NOT IN is NOT of it. Bound, they are sorted and distinct,
                       and a NULL comes last */
  LAM_EXPR_LIKE,    /* the value, the pattern and, where it has one, the character of ESCAPE, literals; NOT LIKE is
                       NOT of it. Bound, the pattern has a wildcard: others become = */
  LAM_EXPR_IS_NULL, /* 1; IS NOT NULL is NOT of it */
  LAM_EXPR_ARITHMETIC, /* 2 */
  LAM_EXPR_NEGATE,     /* 1 */
  LAM_EXPR_CASE, /* condition, value, condition, value, …, and the value of ELSE (a NULL literal if there is none) */
  LAM_EXPR_CAST, /* 1, to `type` */
  LAM_EXPR_CALL, /* of `function` */
};
enum lam_comparison { LAM_EQ, LAM_NE, LAM_LT, LAM_LE, LAM_GT, LAM_GE };
enum lam_arithmetic { LAM_ADD, LAM_SUBTRACT, LAM_MULTIPLY, LAM_DIVIDE, LAM_MODULO };
enum lam_function {
  LAM_COALESCE,
  LAM_ABS,
  LAM_ROUND,
  LAM_FLOOR,
  LAM_CEIL,
  LAM_LOWER,
  LAM_UPPER,
  LAM_LENGTH,
  LAM_SUBSTR,
  LAM_YEAR,
  LAM_MONTH,
  LAM_DAY,
  LAM_HOUR,
  LAM_MINUTE,
  LAM_DATE_TRUNC,
};

struct lam_expr {
  enum lam_expr_kind kind;
  int operation;        /* enum lam_comparison, lam_arithmetic or lam_function */
  size_t position;      /* in the text, bytes; for messages */
  struct lam_type type; /* of the value; set by bind (parse sets it for literals and casts) */
  int32_t count;        /* of arguments */
  const struct lam_expr **arguments;
  struct lam_scalar literal;
  /* A column: the parts of its name, one for each level of structs ("address.city" has 2, "\"a.b\"" 1); bound, the
   * child's index at each level, counted from the schema's root. */
  int32_t depth;
  const struct lam_bytes *names;
  const int32_t *path;
};

/* Parses `text` (UTF-8), which is copied. LAM_INVALID names the place and what was expected. Depth and length are
 * limited. */
enum lam_status lam_expr_parse(const char *text, struct lam_arena *arena, const struct lam_expr **out,
                               struct lam_error *error);
/* "name = expr, name = expr" of `--set`. Names of one part. */
struct lam_assignment {
  struct lam_bytes name;
  const struct lam_expr *value;
};
enum lam_status lam_assignments_parse(const char *text, struct lam_arena *arena, struct lam_assignment **out,
                                      int32_t *count, struct lam_error *error);
/* Appends the text of a tree, which parses to an equal tree. */
enum lam_status lam_expr_print(const struct lam_expr *expr, struct lam_buf *out, struct lam_error *error);

/* Resolves names in a struct schema and types every node: LAM_NOT_FOUND for a column that there is not (names those
 * that are alike), LAM_INVALID for types that do not go together. Literals take the type of what they are compared
 * with where that is exact; constants are folded. Of two columns of one name the first is meant. */
enum lam_status lam_expr_bind(const struct lam_expr *expr, const struct ArrowSchema *schema, struct lam_arena *arena,
                              const struct lam_expr **out, struct lam_error *error);
/* The same for a condition, which must be boolean. */
enum lam_status lam_expr_bind_condition(const struct lam_expr *expr, const struct ArrowSchema *schema,
                                        struct lam_arena *arena, const struct lam_expr **out, struct lam_error *error);
/* The same for a value that is to become one of type `to`: cast where it is of another. LAM_INVALID where no cast
 * exists. */
enum lam_status lam_expr_bind_as(const struct lam_expr *expr, const struct ArrowSchema *schema,
                                 const struct lam_type *to, struct lam_arena *arena, const struct lam_expr **out,
                                 struct lam_error *error);
/* Calls `each` for every column node, in order; a column that is used twice comes twice. */
void lam_expr_columns(const struct lam_expr *expr, void (*each)(void *user, const struct lam_expr *column), void *user);

/* ---- eval.c ---- */

/* Memory that evaluation reuses from batch to batch; for one thread. */
struct lam_evaluator;
/* `expr` is bound to `schema`; both outlive the evaluator. */
enum lam_status lam_evaluator_open(struct lam_mem *mem, const struct lam_expr *expr, const struct ArrowSchema *schema,
                                   struct lam_evaluator **out, struct lam_error *error);
void lam_evaluator_close(struct lam_evaluator *evaluator);
/* A condition on a batch (a struct array of the schema; columns may be dictionary-encoded although the schema says the
 * values' type, and may have offsets; columns that the expression does not use may be released ones). Sets bit i of
 * `selection`, which has (length + 7) / 8 bytes, where the condition is TRUE for row i; *selected gets their number. */
enum lam_status lam_evaluate_condition(struct lam_evaluator *evaluator, const struct ArrowArray *batch,
                                       uint8_t *selection, int64_t *selected, struct lam_error *error);
/* The values for all rows, as an array of expr->type. Out-of-range arithmetic and casts are LAM_INVALID with the row.
 */
enum lam_status lam_evaluate(struct lam_evaluator *evaluator, const struct ArrowArray *batch, struct ArrowArray *out,
                             struct lam_error *error);

/* What messages call the rows of a batch: "<of>, row <first + rows[i]>", or first + i where `rows` is NULL. */
struct lam_row_names {
  const char *of;
  int64_t first;
  const int32_t *rows;
};
/* From now on; `names` outlives its use, and may be changed between batches. */
void lam_evaluator_name_rows(struct lam_evaluator *evaluator, const struct lam_row_names *names);

/* ---- decide.c ---- */

/* What is known of a column's values in some rows (a row group, a page, a file). */
struct lam_facts_column {
  int64_t nulls;              /* -1: unknown */
  bool has_min, has_max;      /* every value that is neither NULL nor NaN lies within; the bounds need not be values */
  struct lam_scalar min, max; /* of the column's bound type */
  bool min_exact, max_exact;  /* they are values */
  bool may_be_nan;            /* floats: a value may be NaN */
  bool only_nan;              /* floats: every value that is not NULL is NaN */
};
/* Who knows it. `column` is the bound node. Both functions may answer that they know nothing. */
struct lam_facts {
  const void *user;
  int64_t rows; /* how many rows it is about; -1: unknown */
  enum lam_status (*column)(const void *user, const struct lam_expr *column, struct lam_facts_column *out,
                            struct lam_error *error);
  /* Whether some row may equal `value`, which is not NULL and of the column's type: bloom filters, dictionaries. Asked
   * only where the bounds do not say no; NULL: nobody can tell. */
  enum lam_status (*probe)(const void *user, const struct lam_expr *column, const struct lam_scalar *value, bool *may,
                           struct lam_error *error);
};
/* The outcomes that a condition may have in these rows, or-ed. Without MAY_BE_TRUE the rows need not be read; with
 * nothing else all of them are selected. */
enum lam_outcome { LAM_MAY_BE_TRUE = 1, LAM_MAY_BE_FALSE = 2, LAM_MAY_BE_NULL = 4 };
/* Those of a AND b, whatever the rows are. */
unsigned lam_outcomes_and(unsigned a, unsigned b);
/* *outcomes is never too small: what the facts do not exclude is possible. Rows = 0 gives 0. */
enum lam_status lam_expr_decide(const struct lam_expr *condition, const struct lam_facts *facts, unsigned *outcomes,
                                struct lam_error *error);

#endif
