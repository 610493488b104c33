/* Deciding a condition from bounds: abstract interpretation. A value is a domain (a range, NaN, NULL), a condition the
 * set of its outcomes; every step gives all that the rows may make of it, and perhaps more. */
#include <math.h>

#include "arrow/calendar.h"
#include "arrow/cast.h"
#include "expr/bind.h"

/* What a value node may be in some row. */
struct domain {
  bool null, nan, number; /* may be NULL; NaN; a value other than these, which lies within the bounds */
  bool has_min, has_max;
  struct lam_scalar min, max;
};

static const struct domain anything = {.null = true, .nan = true, .number = true};

static enum lam_status domain_of(const struct lam_expr *expr, const struct lam_facts *facts, struct domain *out,
                                 struct lam_error *error);
static enum lam_status outcomes_of(const struct lam_expr *expr, const struct lam_facts *facts, unsigned *out,
                                   struct lam_error *error);

static bool is_nan(const struct lam_scalar *scalar) {
  return lam_type_is_float(scalar->type.id) && isnan(scalar->value.d);
}

static bool is_bytes(enum lam_type_id id) {
  return lam_type_is_binary(id) || id == LAM_TYPE_FIXED_BINARY;
}

static bool is_decimal(enum lam_type_id id) {
  return id == LAM_TYPE_DECIMAL128 || id == LAM_TYPE_DECIMAL256;
}

/* -1, 0, 1 of two values other than NULL and NaN, by what they are, whatever their types; decimals beside floats are
 * the nearest float64, as when they are evaluated. */
static bool compare_values(const struct lam_scalar *a, const struct lam_scalar *b, int *order) {
  const struct lam_type float64 = {.id = LAM_TYPE_FLOAT64, .timezone = ""};
  struct lam_scalar near;
  bool exact, bytes = is_bytes(a->type.id) && is_bytes(b->type.id);
  int direction;
  if (bytes || lam_type_equal(&a->type, &b->type)) {
    *order = lam_scalar_compare(a, b);
    return true;
  }
  if (is_bytes(a->type.id) || is_bytes(b->type.id)) return false;
  if ((is_decimal(a->type.id) && lam_type_is_float(b->type.id)) ||
      (is_decimal(b->type.id) && lam_type_is_float(a->type.id))) {
    struct lam_scalar x, y;
    if (lam_scalar_cast(a, &float64, NULL, &x, &exact, &direction, NULL) != LAM_OK) return false;
    if (lam_scalar_cast(b, &float64, NULL, &y, &exact, &direction, NULL) != LAM_OK) return false;
    *order = lam_scalar_compare(&x, &y);
    return true;
  }
  if (lam_scalar_cast(b, &a->type, NULL, &near, &exact, &direction, NULL) != LAM_OK) return false;
  *order = lam_scalar_compare(a, &near);
  if (exact) return true;
  if (*order == 0) *order = direction; /* `near` is next to b: below it, so is `a`; above it, so is `a` */
  return direction != 0;
}

/* ---- domains and outcomes of booleans ---- */

static unsigned outcomes_of_domain(const struct domain *domain) {
  unsigned out = domain->null ? LAM_MAY_BE_NULL : 0;
  if (!domain->number) return out;
  if (!domain->has_max || domain->max.value.i != 0) out |= LAM_MAY_BE_TRUE;
  if (!domain->has_min || domain->min.value.i == 0) out |= LAM_MAY_BE_FALSE;
  return out;
}

static struct domain domain_of_outcomes(unsigned outcomes) {
  const struct lam_type boolean = {.id = LAM_TYPE_BOOL, .timezone = ""};
  bool may_be_true = outcomes & LAM_MAY_BE_TRUE, may_be_false = outcomes & LAM_MAY_BE_FALSE;
  return (struct domain){.null = outcomes & LAM_MAY_BE_NULL,
                         .number = may_be_true || may_be_false,
                         .has_min = true,
                         .has_max = true,
                         .min = {.type = boolean, .value.i = !may_be_false},
                         .max = {.type = boolean, .value.i = may_be_true}};
}

/* ---- values ---- */

static struct domain domain_of_literal(const struct lam_scalar *literal) {
  if (literal->is_null) return (struct domain){.null = true};
  if (is_nan(literal)) return (struct domain){.nan = true};
  return (struct domain){.number = true, .has_min = true, .has_max = true, .min = *literal, .max = *literal};
}

static enum lam_status domain_of_column(const struct lam_expr *expr, const struct lam_facts *facts, struct domain *out,
                                        struct lam_error *error) {
  struct lam_facts_column column = {.nulls = -1, .may_be_nan = true};
  LAM_TRY(facts->column(facts->user, expr, &column, error));
  bool all_null = facts->rows >= 0 && column.nulls >= facts->rows;
  bool is_float = lam_type_is_float(expr->type.id), only_nan = is_float && column.only_nan;
  *out = (struct domain){.null = column.nulls != 0,
                         .nan = is_float && !all_null && (column.may_be_nan || only_nan),
                         .number = !all_null && !only_nan};
  /* A bound that is NaN bounds nothing: facts should not have it. */
  out->has_min = column.has_min && !is_nan(&column.min);
  out->has_max = column.has_max && !is_nan(&column.max);
  out->min = column.min;
  out->max = column.max;
  return LAM_OK;
}

static void unite(struct domain *domain, const struct domain *other) {
  if (!domain->number) { /* its bounds mean nothing */
    bool null = domain->null, nan = domain->nan;
    *domain = *other;
    domain->null |= null;
    domain->nan |= nan;
    return;
  }
  domain->null |= other->null;
  domain->nan |= other->nan;
  if (!other->number) return;
  int order;
  domain->has_min = domain->has_min && other->has_min && compare_values(&other->min, &domain->min, &order);
  if (domain->has_min && order < 0) domain->min = other->min;
  domain->has_max = domain->has_max && other->has_max && compare_values(&other->max, &domain->max, &order);
  if (domain->has_max && order > 0) domain->max = other->max;
}

/* Its value is that of one of the arguments from `first`, every second one. Conditions are not looked at. */
static enum lam_status domain_of_case(const struct lam_expr *expr, const struct lam_facts *facts, struct domain *out,
                                      struct lam_error *error) {
  *out = (struct domain){0};
  for (int32_t i = 1; i <= expr->count; i += 2) {
    struct domain domain;
    LAM_TRY(domain_of(expr->arguments[i < expr->count ? i : i - 1], facts, &domain, error));
    unite(out, &domain);
  }
  return LAM_OK;
}

static enum lam_status domain_of_coalesce(const struct lam_expr *expr, const struct lam_facts *facts,
                                          struct domain *out, struct lam_error *error) {
  *out = (struct domain){.null = true};
  for (int32_t i = 0; i < expr->count && out->null; i++) {
    struct domain domain;
    LAM_TRY(domain_of(expr->arguments[i], facts, &domain, error));
    out->null = false;
    unite(out, &domain);
  }
  return LAM_OK;
}

/* ---- functions that keep the order ---- */

/* Moves a bound to where the function puts it, or nearby on the side that keeps it a bound; false where it cannot. */
typedef bool (*bound_fn)(const struct lam_expr *expr, struct lam_scalar *bound, bool is_min);

static bool is_instant(enum lam_type_id id) {
  return id == LAM_TYPE_DATE32 || id == LAM_TYPE_DATE64 || id == LAM_TYPE_TIMESTAMP;
}

/* Numbers, dates and timestamps, times, and bytes among themselves. Texts of numbers sort in another way, and any
 * number but 0 is the same boolean. */
static bool cast_keeps_order(const struct lam_type *from, const struct lam_type *to) {
  if (is_bytes(from->id) || is_bytes(to->id)) return is_bytes(from->id) && lam_type_is_binary(to->id);
  return to->id != LAM_TYPE_BOOL || from->id == LAM_TYPE_BOOL;
}

static int64_t units_of_day(const struct lam_type *instant) {
  static const int64_t per_second[] = {1, 1000, 1000000, 1000000000};
  if (instant->id == LAM_TYPE_DATE32) return 1;
  return LAM_SECONDS_OF_DAY * (instant->id == LAM_TYPE_DATE64 ? 1000 : per_second[instant->unit]);
}

/* However the cast rounds: what lies on the wrong side of the value may be a step away from the result. Dates and
 * timestamps are cut to the coarser unit, which is how lam_scalar_cast does it; but date64, which counts in
 * milliseconds, has whole days. */
static bool cast_bound(const struct lam_expr *expr, struct lam_scalar *bound, bool is_min) {
  const struct lam_type from = bound->type, *to = &expr->type;
  bool exact, days = to->id == LAM_TYPE_DATE64 && is_instant(from.id);
  bool cuts = days || (is_instant(from.id) && is_instant(to->id) && units_of_day(to) < units_of_day(&from));
  int direction;
  if (lam_scalar_cast(bound, to, NULL, bound, &exact, &direction, NULL) != LAM_OK) return false;
  if (days) bound->value.i -= lam_floor_mod(bound->value.i, units_of_day(to));
  return !is_nan(bound) && (exact || cuts || direction == (is_min ? -1 : 1));
}

/* Days since the epoch, and what is left of the day, in the type's units. */
static int64_t day_of(const struct lam_scalar *instant, int64_t *rest, int64_t *units) {
  *units = units_of_day(&instant->type);
  *rest = lam_floor_mod(instant->value.i, *units);
  return lam_floor_div(instant->value.i, *units);
}

static bool year_bound(const struct lam_expr *expr, struct lam_scalar *bound, bool is_min) {
  (void)is_min;
  int64_t rest, units, year = lam_civil_of_days(day_of(bound, &rest, &units)).year;
  *bound = (struct lam_scalar){.type = expr->type, .value.i = year};
  return expr->type.id == LAM_TYPE_INT64 || expr->type.id == LAM_TYPE_INT32;
}

/* The first day of the period that `day` is in. */
static int64_t first_day(int64_t day, int months) {
  struct lam_civil civil = lam_civil_of_days(day);
  return lam_days_of_civil(civil.year, civil.month - (civil.month - 1) % months, 1);
}

/* The value cut to a unit, as it is evaluated. */
static bool date_trunc_bound(const struct lam_expr *expr, struct lam_scalar *bound, bool is_min) {
  static const int64_t per_day[] = {[LAM_TRUNC_DAY] = 1,
                                    [LAM_TRUNC_HOUR] = 24,
                                    [LAM_TRUNC_MINUTE] = 1440,
                                    [LAM_TRUNC_SECOND] = 86400,
                                    [LAM_TRUNC_MILLISECOND] = 86400000,
                                    [LAM_TRUNC_MICROSECOND] = INT64_C(86400000000)};
  static const int months[] = {[LAM_TRUNC_YEAR] = 12, [LAM_TRUNC_QUARTER] = 3, [LAM_TRUNC_MONTH] = 1};
  const struct lam_expr *name = expr->arguments[0];
  enum lam_trunc unit;
  if (expr->count != 2 || name->kind != LAM_EXPR_LITERAL || !lam_trunc_of_name(name->literal.bytes, &unit))
    return false;
  int64_t rest, units, day = day_of(bound, &rest, &units), value;
  if (unit == LAM_TRUNC_WEEK) /* from Monday on; 1970-01-01 was a Thursday */
    day -= lam_floor_mod(day + 3, 7);
  else if (unit <= LAM_TRUNC_MONTH)
    day = first_day(day, months[unit]);
  if (unit <= LAM_TRUNC_DAY)
    rest = 0;
  else if (units > per_day[unit])
    rest -= rest % (units / per_day[unit]);
  if (__builtin_mul_overflow(day, units, &value) || __builtin_add_overflow(value, rest, &value)) return false;
  bound->value.i = value;
  return cast_bound(expr, bound, is_min);
}

static void map_bounds(const struct lam_expr *expr, bound_fn bound, struct domain *domain) {
  domain->has_min = domain->has_min && bound(expr, &domain->min, true);
  domain->has_max = domain->has_max && bound(expr, &domain->max, false);
}

static enum lam_status domain_of_cast(const struct lam_expr *expr, const struct lam_facts *facts, struct domain *out,
                                      struct lam_error *error) {
  const struct lam_type *from = &expr->arguments[0]->type;
  if (!cast_keeps_order(from, &expr->type)) return LAM_OK;
  LAM_TRY(domain_of(expr->arguments[0], facts, out, error));
  if (out->nan && !lam_type_is_float(expr->type.id)) *out = anything; /* NaN as a number: whatever the cast does */
  map_bounds(expr, cast_bound, out);
  return LAM_OK;
}

static enum lam_status domain_of_call(const struct lam_expr *expr, const struct lam_facts *facts, struct domain *out,
                                      struct lam_error *error) {
  const struct lam_expr *last = expr->count > 0 ? expr->arguments[expr->count - 1] : NULL;
  bool of_year = expr->operation == LAM_YEAR, of_period = expr->operation == LAM_DATE_TRUNC;
  if (expr->operation == LAM_COALESCE) return domain_of_coalesce(expr, facts, out, error);
  if ((!of_year && !of_period) || !last || !is_instant(last->type.id)) return LAM_OK;
  LAM_TRY(domain_of(last, facts, out, error));
  map_bounds(expr, of_year ? year_bound : date_trunc_bound, out);
  return LAM_OK;
}

static enum lam_status domain_of(const struct lam_expr *expr, const struct lam_facts *facts, struct domain *out,
                                 struct lam_error *error) {
  unsigned outcomes;
  *out = anything;
  switch (expr->kind) {
    case LAM_EXPR_LITERAL: *out = domain_of_literal(&expr->literal); return LAM_OK;
    case LAM_EXPR_COLUMN: return domain_of_column(expr, facts, out, error);
    case LAM_EXPR_CAST: return domain_of_cast(expr, facts, out, error);
    case LAM_EXPR_CASE: return domain_of_case(expr, facts, out, error);
    case LAM_EXPR_CALL: return domain_of_call(expr, facts, out, error);
    case LAM_EXPR_ARITHMETIC:
    case LAM_EXPR_NEGATE: return LAM_OK;
    default:
      LAM_TRY(outcomes_of(expr, facts, &outcomes, error));
      *out = domain_of_outcomes(outcomes);
      return LAM_OK;
  }
}

/* ---- comparing ---- */

enum { LESS = 1, EQUAL = 2, GREATER = 4 }; /* how two values may stand to each other */

static unsigned relations(const struct domain *a, const struct domain *b) {
  unsigned out = 0;
  if (a->nan && b->nan) out |= EQUAL;
  if (a->nan && b->number) out |= GREATER;
  if (a->number && b->nan) out |= LESS;
  if (!a->number || !b->number) return out;
  /* -1, 0, 1 of the bounds; what is not known is as far apart as it can be. */
  int low, high;
  if (!a->has_min || !b->has_max || !compare_values(&a->min, &b->max, &low)) low = -1;
  if (!a->has_max || !b->has_min || !compare_values(&a->max, &b->min, &high)) high = 1;
  if (low < 0) out |= LESS;
  if (low <= 0 && high >= 0) out |= EQUAL;
  if (high > 0) out |= GREATER;
  return out;
}

static unsigned compared(enum lam_comparison comparison, unsigned relations) {
  static const unsigned when_true[] = {[LAM_EQ] = EQUAL,        [LAM_NE] = LESS | GREATER, [LAM_LT] = LESS,
                                       [LAM_LE] = LESS | EQUAL, [LAM_GT] = GREATER,        [LAM_GE] = GREATER | EQUAL};
  unsigned out = 0;
  if (relations & when_true[comparison]) out |= LAM_MAY_BE_TRUE;
  if (relations & ~when_true[comparison]) out |= LAM_MAY_BE_FALSE;
  return out;
}

/* The column whose values a node has, unless casts widened them: any two stay different then. */
static const struct lam_expr *column_under_casts(const struct lam_expr *expr) {
  while (expr->kind == LAM_EXPR_CAST) {
    struct lam_type wide;
    const struct lam_type *from = &expr->arguments[0]->type;
    if (!lam_type_widen(from, &expr->type, &wide) || !lam_type_equal(&wide, &expr->type)) return NULL;
    expr = expr->arguments[0];
  }
  return expr->kind == LAM_EXPR_COLUMN ? expr : NULL;
}

/* Whether the node's value may equal the literal, of which the bounds know no more. */
static enum lam_status probe(const struct lam_expr *expr, const struct lam_scalar *literal,
                             const struct lam_facts *facts, bool *may, struct lam_error *error) {
  const struct lam_expr *column = column_under_casts(expr);
  struct lam_scalar value;
  bool exact;
  int direction;
  *may = true;
  if (!column || literal->is_null || lam_type_is_nested(column->type.id)) return LAM_OK;
  if (lam_scalar_cast(literal, &column->type, NULL, &value, &exact, &direction, NULL) != LAM_OK) return LAM_OK;
  *may = exact;
  if (!exact || !facts->probe) return LAM_OK;
  return facts->probe(facts->user, column, &value, may, error);
}

/* The outcomes of `a = literal` and the like, of a node whose domain is known. */
static enum lam_status compare_literal(enum lam_comparison comparison, const struct lam_expr *a,
                                       const struct domain *domain, const struct lam_scalar *literal,
                                       const struct lam_facts *facts, unsigned *out, struct lam_error *error) {
  struct domain of_literal = domain_of_literal(literal);
  unsigned relation = relations(domain, &of_literal);
  bool may = true;
  if (relation & EQUAL && relation != EQUAL && (comparison == LAM_EQ || comparison == LAM_NE))
    LAM_TRY(probe(a, literal, facts, &may, error));
  if (!may) relation &= ~(unsigned)EQUAL;
  *out = compared(comparison, relation);
  if (domain->null || of_literal.null) *out |= LAM_MAY_BE_NULL;
  return LAM_OK;
}

static enum lam_status outcomes_of_compare(const struct lam_expr *expr, const struct lam_facts *facts, unsigned *out,
                                           struct lam_error *error) {
  static const enum lam_comparison mirrored[] = {
      [LAM_EQ] = LAM_EQ, [LAM_NE] = LAM_NE, [LAM_LT] = LAM_GT, [LAM_LE] = LAM_GE, [LAM_GT] = LAM_LT, [LAM_GE] = LAM_LE};
  enum lam_comparison comparison = (enum lam_comparison)expr->operation;
  const struct lam_expr *a = expr->arguments[0], *b = expr->arguments[1];
  if (a->kind == LAM_EXPR_LITERAL) {
    const struct lam_expr *swap = a;
    a = b;
    b = swap;
    comparison = mirrored[comparison];
  }
  struct domain domain_a, domain_b;
  LAM_TRY(domain_of(a, facts, &domain_a, error));
  if (b->kind == LAM_EXPR_LITERAL) return compare_literal(comparison, a, &domain_a, &b->literal, facts, out, error);
  LAM_TRY(domain_of(b, facts, &domain_b, error));
  *out = compared(comparison, relations(&domain_a, &domain_b));
  if (domain_a.null || domain_b.null) *out |= LAM_MAY_BE_NULL;
  return LAM_OK;
}

/* ---- logic ---- */

static unsigned negated(unsigned outcomes) {
  unsigned out = outcomes & LAM_MAY_BE_NULL;
  if (outcomes & LAM_MAY_BE_TRUE) out |= LAM_MAY_BE_FALSE;
  if (outcomes & LAM_MAY_BE_FALSE) out |= LAM_MAY_BE_TRUE;
  return out;
}

/* One is FALSE: FALSE; else one is NULL: NULL; else TRUE. */
unsigned lam_outcomes_and(unsigned a, unsigned b) {
  unsigned out = 0;
  if (a == 0 || b == 0) return 0; /* no rows */
  if (a & b & LAM_MAY_BE_TRUE) out |= LAM_MAY_BE_TRUE;
  if ((a | b) & LAM_MAY_BE_FALSE) out |= LAM_MAY_BE_FALSE;
  if ((a & LAM_MAY_BE_NULL && b & (LAM_MAY_BE_NULL | LAM_MAY_BE_TRUE)) ||
      (b & LAM_MAY_BE_NULL && a & (LAM_MAY_BE_NULL | LAM_MAY_BE_TRUE)))
    out |= LAM_MAY_BE_NULL;
  return out;
}

static unsigned either(unsigned a, unsigned b) {
  return negated(lam_outcomes_and(negated(a), negated(b)));
}

static enum lam_status outcomes_of_logic(const struct lam_expr *expr, const struct lam_facts *facts, unsigned *out,
                                         struct lam_error *error) {
  bool is_and = expr->kind == LAM_EXPR_AND;
  unsigned decided = is_and ? LAM_MAY_BE_FALSE : LAM_MAY_BE_TRUE, outcomes;
  LAM_TRY(outcomes_of(expr->arguments[0], facts, out, error));
  /* Arguments behind one that decides could cost a probe. */
  for (int32_t i = 1; i < expr->count && *out != decided; i++) {
    LAM_TRY(outcomes_of(expr->arguments[i], facts, &outcomes, error));
    *out = is_and ? lam_outcomes_and(*out, outcomes) : either(*out, outcomes);
  }
  return LAM_OK;
}

static enum lam_status outcomes_of_in(const struct lam_expr *expr, const struct lam_facts *facts, unsigned *out,
                                      struct lam_error *error) {
  struct domain domain;
  unsigned outcomes;
  LAM_TRY(domain_of(expr->arguments[0], facts, &domain, error));
  *out = LAM_MAY_BE_FALSE;
  for (int32_t i = 1; i < expr->count; i++) {
    const struct lam_expr *literal = expr->arguments[i];
    if (literal->kind == LAM_EXPR_LITERAL)
      LAM_TRY(compare_literal(LAM_EQ, expr->arguments[0], &domain, &literal->literal, facts, &outcomes, error));
    else
      outcomes = LAM_MAY_BE_TRUE | LAM_MAY_BE_FALSE | LAM_MAY_BE_NULL;
    *out = either(*out, outcomes);
  }
  return LAM_OK;
}

/* ---- LIKE ---- */

/* -1, 0, 1: how texts that begin as `text` does stand to those that begin with `prefix`: 0 also where `text` is a
 * part of it. */
static int compare_prefix(struct lam_bytes text, struct lam_bytes prefix, bool *begins) {
  size_t size = text.size < prefix.size ? text.size : prefix.size;
  int order = size ? memcmp(text.data, prefix.data, size) : 0;
  *begins = order == 0 && text.size >= prefix.size;
  return order < 0 || (order == 0 && text.size < prefix.size) ? -1 : order > 0;
}

/* The bytes of a pattern before the first that may mean something else: '%' is any text, '_' any character, and an
 * escape (the third argument, or perhaps a backslash) stands before either. */
static size_t plain_prefix(const struct lam_expr *expr) {
  struct lam_bytes pattern = expr->arguments[1]->literal.bytes;
  const struct lam_expr *escape = expr->count > 2 ? expr->arguments[2] : NULL;
  struct lam_bytes special = escape ? escape->literal.bytes : (struct lam_bytes){0};
  size_t at = 0;
  if (escape && escape->kind != LAM_EXPR_LITERAL) return 0;
  for (; at < pattern.size; at++)
    if (strchr("%_\\", pattern.data[at]) || (special.size && pattern.data[at] == special.data[0])) break;
  return at;
}

static enum lam_status outcomes_of_like(const struct lam_expr *expr, const struct lam_facts *facts, unsigned *out,
                                        struct lam_error *error) {
  const struct lam_expr *value = expr->arguments[0], *pattern = expr->arguments[1];
  struct domain domain;
  LAM_TRY(domain_of(value, facts, &domain, error));
  *out = LAM_MAY_BE_TRUE | LAM_MAY_BE_FALSE | LAM_MAY_BE_NULL;
  if (pattern->kind != LAM_EXPR_LITERAL) return LAM_OK;
  if (pattern->literal.is_null) {
    *out = LAM_MAY_BE_NULL;
    return LAM_OK;
  }
  struct lam_bytes prefix = pattern->literal.bytes;
  size_t at = plain_prefix(expr);
  if (at == prefix.size) return compare_literal(LAM_EQ, value, &domain, &pattern->literal, facts, out, error);
  bool all_with_prefix = prefix.data[at] == '%', min_begins = at == 0, max_begins = at == 0;
  for (size_t i = at; i < prefix.size; i++) all_with_prefix &= prefix.data[i] == '%';
  prefix.size = at;
  bool above = domain.has_min && compare_prefix(domain.min.bytes, prefix, &min_begins) > 0;
  bool below = domain.has_max && compare_prefix(domain.max.bytes, prefix, &max_begins) < 0;
  *out = domain.null ? LAM_MAY_BE_NULL : 0;
  if (!domain.number) return LAM_OK;
  if (!above && !below) *out |= LAM_MAY_BE_TRUE;
  if (!all_with_prefix || !min_begins || !max_begins) *out |= LAM_MAY_BE_FALSE;
  return LAM_OK;
}

/* ---- conditions ---- */

static enum lam_status outcomes_of_is_null(const struct lam_expr *expr, const struct lam_facts *facts, unsigned *out,
                                           struct lam_error *error) {
  struct domain domain;
  LAM_TRY(domain_of(expr->arguments[0], facts, &domain, error));
  *out = domain.null ? LAM_MAY_BE_TRUE : 0;
  if (domain.number || domain.nan) *out |= LAM_MAY_BE_FALSE;
  return LAM_OK;
}

static enum lam_status outcomes_of(const struct lam_expr *expr, const struct lam_facts *facts, unsigned *out,
                                   struct lam_error *error) {
  struct domain domain;
  switch (expr->kind) {
    case LAM_EXPR_COMPARE: return outcomes_of_compare(expr, facts, out, error);
    case LAM_EXPR_AND:
    case LAM_EXPR_OR: return outcomes_of_logic(expr, facts, out, error);
    case LAM_EXPR_NOT:
      LAM_TRY(outcomes_of(expr->arguments[0], facts, out, error));
      *out = negated(*out);
      return LAM_OK;
    case LAM_EXPR_IN: return outcomes_of_in(expr, facts, out, error);
    case LAM_EXPR_LIKE: return outcomes_of_like(expr, facts, out, error);
    case LAM_EXPR_IS_NULL: return outcomes_of_is_null(expr, facts, out, error);
    default:
      LAM_TRY(domain_of(expr, facts, &domain, error));
      *out = outcomes_of_domain(&domain);
      return LAM_OK;
  }
}

enum lam_status lam_expr_decide(const struct lam_expr *condition, const struct lam_facts *facts, unsigned *outcomes,
                                struct lam_error *error) {
  *outcomes = 0;
  if (facts->rows == 0) return LAM_OK;
  return outcomes_of(condition, facts, outcomes, error);
}
