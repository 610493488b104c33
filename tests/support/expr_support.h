/* What the tests of expressions share: printing, equality, random texts. */
#ifndef LAM_TEST_EXPR_SUPPORT_H
#define LAM_TEST_EXPR_SUPPORT_H

#include "expr/expr.h"

/* Printed behind what is there, with a NUL that is not counted. */
static inline void print_expr(const struct lam_expr *expr, struct lam_buf *buf) {
  OK(lam_expr_print(expr, buf, &error));
}
static inline const char *text_of(struct lam_buf *buf) {
  OK(lam_buf_room(buf, 1, &error));
  if (!buf->data) abort();
  buf->data[buf->size] = 0;
  return (const char *)buf->data;
}

static inline bool same_scalar(const struct lam_scalar *a, const struct lam_scalar *b) {
  if (!lam_type_equal(&a->type, &b->type) || a->is_null != b->is_null) return false;
  return a->is_null || lam_scalar_compare(a, b) == 0;
}
static inline bool same_expr(const struct lam_expr *a, const struct lam_expr *b) {
  if (a->kind != b->kind || a->operation != b->operation || a->count != b->count || a->depth != b->depth) return false;
  if (a->kind == LAM_EXPR_LITERAL && !same_scalar(&a->literal, &b->literal)) return false;
  if (a->kind == LAM_EXPR_CAST && !lam_type_equal(&a->type, &b->type)) return false;
  for (int32_t i = 0; i < a->depth; i++) {
    if (!lam_bytes_equal(a->names[i], b->names[i])) return false;
  }
  for (int32_t i = 0; i < a->count; i++) {
    if (!same_expr(a->arguments[i], b->arguments[i])) return false;
  }
  return true;
}

/* ---- random texts ---- */

static inline void add(struct lam_buf *out, const char *text) {
  OK(lam_buf_append(out, text, strlen(text), &error));
}
static inline const char *pick(uint64_t *random, const char *const *texts, size_t count) {
  return texts[next_random(random) % count];
}
#define PICK(random, ...) \
  pick(random, (const char *const[]){__VA_ARGS__}, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

/* Any expression, whether or not its types go together; "$" in a form is one more. */
static inline void random_any(uint64_t *random, int depth, struct lam_buf *out);
typedef void (*random_function)(uint64_t *random, int depth, struct lam_buf *out);

/* A form with its "$" replaced. */
static inline void fill_form(uint64_t *random, int depth, const char *form, random_function part, struct lam_buf *out) {
  for (; *form; form++) {
    char one[2] = {*form, 0};
    if (*form == '$')
      part(random, depth - 1, out);
    else
      add(out, one);
  }
}
static inline void random_any(uint64_t *random, int depth, struct lam_buf *out) {
  if (depth <= 0) {
    add(out, PICK(random, "a", "b.c", "\"x y\"", "1", "-2", "1.25", "-0.0", "1e10", "NULL", "TRUE", "'it''s'", "''",
                  "DATE '2020-02-29'", "TIMESTAMP '2020-01-01 00:00:00.000000001'", "X'0a'", "18446744073709551615",
                  "99999999999999999999999999.5"));
    return;
  }
  fill_form(random, depth,
            PICK(random, "($)", "($) = ($)", "($) <> ($)", "($) < ($)", "($) OR ($) OR $", "($) AND ($)", "NOT ($)",
                 "-($)", "($) + ($)", "($) - ($)", "($) * ($)", "($) / ($)", "($) % ($)", "($) IN ($, $)",
                 "($) NOT IN (1, 2)", "($) IS NULL", "($) IS NOT NULL", "($) BETWEEN ($) AND ($)", "($) LIKE 'a%'",
                 "($) NOT LIKE '_!%' ESCAPE '!'", "CASE WHEN $ THEN $ ELSE $ END", "CASE $ WHEN $ THEN $ END",
                 "CAST($ AS int)", "coalesce($, $)", "round($, 2)", "abs($)"),
            random_any, out);
}
static inline void random_text(uint64_t *random, int depth, random_function part, struct lam_buf *out) {
  part(random, (int)(next_random(random) % (uint64_t)(depth + 1)), out);
}

#endif
