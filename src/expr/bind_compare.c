/* Comparisons, IN and LIKE. A literal takes the type of what it is compared with; where its value is between two of
 * that type, or beyond all, the comparison is replaced by an exact one. */
#include <math.h>
#include <stdlib.h>

#include "arrow/cast.h"
#include "arrow/value_text.h"
#include "expr/bind.h"

/* ---- literals of another type ---- */

/* A text as a value of the family: of the type itself, else of one that holds it. */
static enum lam_status parse_text(const struct lam_scalar *text, const struct lam_type *to, struct lam_scalar *out,
                                  struct lam_error *error) {
  uint8_t value[32] = {0};
  enum lam_family family = lam_family_of(to->id);
  if (!lam_value_scan(to, text->bytes, value)) {
    lam_scalar_load(to, value, out);
    return LAM_OK;
  }
  if (family == LAM_FAMILY_NUMBER) return lam_number_parse(text->bytes, out, error);
  if (family == LAM_FAMILY_INSTANT) return lam_timestamp_parse(text->bytes, out, error);
  return lam_value_parse(to, text->bytes, value, error);
}

static enum lam_status adapt_bytes(struct lam_binder *binder, const struct lam_scalar *from, const struct lam_type *to,
                                   struct lam_scalar *out, bool *exact, int *direction, struct lam_error *error) {
  void *memory;
  if (to->id != LAM_TYPE_FIXED_BINARY || !lam_type_is_text(from->type.id))
    return lam_scalar_cast(from, to, binder->arena, out, exact, direction, error);
  *out = (struct lam_scalar){.type = *to};
  LAM_TRY(lam_arena_alloc(binder->arena, (size_t)to->byte_width + 1, &memory, error));
  LAM_TRY(lam_value_parse(to, from->bytes, memory, error));
  out->bytes = lam_bytes_of(memory, (size_t)to->byte_width);
  return LAM_OK;
}

enum lam_status lam_bind_adapt(struct lam_binder *binder, const struct lam_expr *literal, const struct lam_type *to,
                               struct lam_scalar *out, bool *exact, int *direction, struct lam_error *error) {
  struct lam_scalar value = literal->literal;
  enum lam_family family = lam_family_of(to->id);
  *exact = true;
  *direction = 0;
  if (value.is_null) {
    *out = (struct lam_scalar){.type = *to, .is_null = true};
    return LAM_OK;
  }
  if (lam_type_is_text(value.type.id) && family != LAM_FAMILY_BYTES && family != LAM_FAMILY_NONE) {
    enum lam_status status = parse_text(&literal->literal, to, &value, error);
    if (status != LAM_OK) return lam_fail_in(error, status, "the text at position %zu", literal->position + 1);
  }
  if (lam_family_of(value.type.id) != family || family == LAM_FAMILY_NONE) {
    char text[192], name[96];
    return lam_fail(error, LAM_INVALID, "%s at position %zu does not go with type %s",
                    lam_expr_describe(binder, literal, text, sizeof text), literal->position + 1,
                    lam_type_name(to, name, sizeof name));
  }
  if (family == LAM_FAMILY_BYTES) return adapt_bytes(binder, &value, to, out, exact, direction, error);
  LAM_TRY(lam_scalar_cast(&value, to, binder->arena, out, exact, direction, error));
  /* 0.1 means the float that is next to it. */
  if (lam_type_is_float(to->id) && lam_type_is_decimal(value.type.id) && isfinite(out->value.d)) *exact = true;
  return LAM_OK;
}

/* ---- comparisons ---- */

/* NULL where the value is NULL, and else FALSE; with `yes`, TRUE. */
static enum lam_status constant_or_null(struct lam_binder *binder, bool yes, size_t position,
                                        const struct lam_expr *value, const struct lam_expr **out,
                                        struct lam_error *error) {
  struct lam_type boolean = lam_type_simple(LAM_TYPE_BOOL);
  const struct lam_expr *parts[2];
  LAM_TRY(lam_bind_node(binder, LAM_EXPR_IS_NULL, 0, position, &boolean, &value, 1, &parts[0], error));
  if (yes) LAM_TRY(lam_bind_node(binder, LAM_EXPR_NOT, 0, position, &boolean, &parts[0], 1, &parts[0], error));
  LAM_TRY(lam_bind_null(binder, &boolean, position, &parts[1], error));
  return lam_bind_logic(binder, yes ? LAM_EXPR_OR : LAM_EXPR_AND, position, parts, 2, out, error);
}

static enum lam_status compare_literal(struct lam_binder *binder, enum lam_comparison comparison, size_t position,
                                       const struct lam_expr *value, const struct lam_expr *literal,
                                       const struct lam_expr **out, struct lam_error *error) {
  struct lam_type boolean = lam_type_simple(LAM_TYPE_BOOL);
  struct lam_scalar scalar;
  bool exact;
  int direction;
  LAM_TRY(lam_bind_adapt(binder, literal, &value->type, &scalar, &exact, &direction, error));
  if (!exact && (comparison == LAM_EQ || comparison == LAM_NE))
    return constant_or_null(binder, comparison == LAM_NE, position, value, out, error);
  /* `scalar` is next to the literal: below, x < literal is x <= scalar, above, x <= literal is x < scalar. */
  if (!exact && direction < 0) comparison = comparison == LAM_LT || comparison == LAM_LE ? LAM_LE : LAM_GT;
  if (!exact && direction > 0) comparison = comparison == LAM_LT || comparison == LAM_LE ? LAM_LT : LAM_GE;
  const struct lam_expr *arguments[2] = {value, NULL};
  LAM_TRY(lam_expr_literal(binder->arena, &scalar, literal->position, &arguments[1], error));
  return lam_bind_node(binder, LAM_EXPR_COMPARE, (int)comparison, position, &boolean, arguments, 2, out, error);
}

static enum lam_status incomparable(struct lam_binder *binder, size_t position, const struct lam_expr *a,
                                    const struct lam_expr *b, struct lam_error *error) {
  char text_a[192], text_b[192];
  return lam_fail(error, LAM_INVALID, "%s cannot be compared with %s (position %zu)%s",
                  lam_expr_describe(binder, a, text_a, sizeof text_a),
                  lam_expr_describe(binder, b, text_b, sizeof text_b), position + 1,
                  lam_type_is_text(a->type.id) || lam_type_is_text(b->type.id) ? "; CAST makes them alike" : "");
}

/* Two that are not literals: of one type where a cast loses nothing, else compared by their values. */
static enum lam_status compare_values(struct lam_binder *binder, enum lam_comparison comparison, size_t position,
                                      const struct lam_expr *a, const struct lam_expr *b, const struct lam_expr **out,
                                      struct lam_error *error) {
  struct lam_type boolean = lam_type_simple(LAM_TYPE_BOOL), wide;
  enum lam_family family = lam_family_of(a->type.id);
  const struct lam_expr *arguments[2] = {a, b};
  if (family != lam_family_of(b->type.id) || family == LAM_FAMILY_NONE)
    return incomparable(binder, position, a, b, error);
  if ((family == LAM_FAMILY_NUMBER || family == LAM_FAMILY_TIME) && lam_type_widen(&a->type, &b->type, &wide)) {
    LAM_TRY(lam_bind_cast(binder, a->position, a, &wide, &arguments[0], error));
    LAM_TRY(lam_bind_cast(binder, b->position, b, &wide, &arguments[1], error));
  }
  return lam_bind_node(binder, LAM_EXPR_COMPARE, (int)comparison, position, &boolean, arguments, 2, out, error);
}

enum lam_status lam_bind_compare(struct lam_binder *binder, enum lam_comparison comparison, size_t position,
                                 const struct lam_expr *a, const struct lam_expr *b, const struct lam_expr **out,
                                 struct lam_error *error) {
  static const enum lam_comparison mirrored[] = {
      [LAM_EQ] = LAM_EQ, [LAM_NE] = LAM_NE, [LAM_LT] = LAM_GT, [LAM_GT] = LAM_LT, [LAM_LE] = LAM_GE, [LAM_GE] = LAM_LE};
  struct lam_type boolean = lam_type_simple(LAM_TYPE_BOOL);
  bool literal_a = a->kind == LAM_EXPR_LITERAL, literal_b = b->kind == LAM_EXPR_LITERAL;
  if (lam_expr_is_null(a) || lam_expr_is_null(b) || a->type.id == LAM_TYPE_NULL || b->type.id == LAM_TYPE_NULL)
    return lam_bind_null(binder, &boolean, position, out, error);
  /* Of two literals a text takes the other's type. */
  bool swap = literal_a && (!literal_b || lam_type_is_text(a->type.id));
  if (swap) {
    const struct lam_expr *first = a;
    a = b;
    b = first;
    comparison = mirrored[comparison];
  }
  bool text = literal_a && literal_b && lam_type_is_text(b->type.id) && !lam_type_is_text(a->type.id);
  if ((literal_a != literal_b) || text) return compare_literal(binder, comparison, position, a, b, out, error);
  return compare_values(binder, comparison, position, a, b, out, error);
}

/* ---- IN ---- */

static int compare_literals(const void *a, const void *b) {
  const struct lam_expr *const *x = a, *const *y = b;
  return lam_scalar_compare(&(*x)->literal, &(*y)->literal);
}

/* Sorts the literals [1, count) and drops those that are there twice; returns the new count. */
static int32_t sort_literals(const struct lam_expr **arguments, int32_t count) {
  int32_t kept = count < 2 ? count : 2;
  if (count > 2) qsort(arguments + 1, (size_t)count - 1, sizeof *arguments, compare_literals);
  for (int32_t i = 2; i < count; i++) {
    if (compare_literals(&arguments[kept - 1], &arguments[i]) != 0) arguments[kept++] = arguments[i];
  }
  return kept;
}

/* The node of a list of `count` - 1 sorted literals behind the value, and NULL where there was one. */
static enum lam_status make_in(struct lam_binder *binder, size_t position, const struct lam_expr **arguments,
                               int32_t count, bool null, const struct lam_expr **out, struct lam_error *error) {
  struct lam_type boolean = lam_type_simple(LAM_TYPE_BOOL);
  const struct lam_expr *value = arguments[0];
  if (count == 1 && null) return lam_bind_null(binder, &boolean, position, out, error);
  if (count == 1) return constant_or_null(binder, false, position, value, out, error);
  if (count == 2 && !null)
    return lam_bind_node(binder, LAM_EXPR_COMPARE, LAM_EQ, position, &boolean, arguments, 2, out, error);
  if (null) LAM_TRY(lam_bind_null(binder, &value->type, position, &arguments[count++], error));
  return lam_bind_node(binder, LAM_EXPR_IN, 0, position, &boolean, arguments, count, out, error);
}

enum lam_status lam_bind_in(struct lam_binder *binder, size_t position, const struct lam_expr *const *arguments,
                            int32_t count, const struct lam_expr **out, struct lam_error *error) {
  const struct lam_expr *value = arguments[0];
  bool literal_value = value->kind == LAM_EXPR_LITERAL, null = false;
  void *memory;
  LAM_TRY(lam_arena_array(binder->arena, 2 * (size_t)count + 1, sizeof value, &memory, error));
  const struct lam_expr **list = memory, **others = list + count;
  int32_t listed = 1, other_count = 0;
  list[0] = value;
  for (int32_t i = 1; i < count; i++) {
    const struct lam_expr *item = arguments[i];
    struct lam_scalar scalar;
    bool exact;
    int direction;
    if (literal_value || item->kind != LAM_EXPR_LITERAL) {
      LAM_TRY(lam_bind_compare(binder, LAM_EQ, item->position, value, item, &others[++other_count], error));
      continue;
    }
    if (item->literal.is_null) {
      null = true;
      continue;
    }
    LAM_TRY(lam_bind_adapt(binder, item, &value->type, &scalar, &exact, &direction, error));
    if (exact) LAM_TRY(lam_expr_literal(binder->arena, &scalar, item->position, &list[listed++], error));
  }
  if (!literal_value && (other_count == 0 || listed > 1 || null)) {
    listed = sort_literals(list, listed);
    /* A NULL behind the list is written where others[0] lies, which is free. */
    LAM_TRY(make_in(binder, position, list, listed, null, &others[0], error));
    if (other_count == 0) {
      *out = others[0];
      return LAM_OK;
    }
    return lam_bind_logic(binder, LAM_EXPR_OR, position, others, other_count + 1, out, error);
  }
  return lam_bind_logic(binder, LAM_EXPR_OR, position, others + 1, other_count, out, error);
}

/* ---- LIKE ---- */

/* The pattern without its escape characters; *plain tells that it has no wildcard. */
static enum lam_status unescape(struct lam_binder *binder, struct lam_bytes pattern, struct lam_bytes escape,
                                struct lam_bytes *out, bool *plain, struct lam_error *error) {
  uint8_t *to;
  void *memory;
  LAM_TRY(lam_arena_alloc(binder->arena, pattern.size + 1, &memory, error));
  to = memory;
  *plain = true;
  for (size_t i = 0; i < pattern.size; i++) {
    bool escaped =
        escape.size && pattern.size - i >= escape.size && memcmp(pattern.data + i, escape.data, escape.size) == 0;
    if (escaped) i += escape.size;
    if (i >= pattern.size) return lam_fail(error, LAM_INVALID, "a pattern of LIKE ends in its ESCAPE character");
    if (!escaped && (pattern.data[i] == '%' || pattern.data[i] == '_')) *plain = false;
    *to++ = pattern.data[i];
  }
  *out = lam_bytes_of(memory, (size_t)(to - (uint8_t *)memory));
  return LAM_OK;
}

enum lam_status lam_bind_like(struct lam_binder *binder, size_t position, const struct lam_expr *const *arguments,
                              int32_t count, const struct lam_expr **out, struct lam_error *error) {
  struct lam_type boolean = lam_type_simple(LAM_TYPE_BOOL);
  const struct lam_expr *value = arguments[0];
  struct lam_bytes text, escape = count > 2 ? arguments[2]->literal.bytes : (struct lam_bytes){NULL, 0};
  bool plain;
  char described[192];
  LAM_TRY(unescape(binder, arguments[1]->literal.bytes, escape, &text, &plain, error));
  if (lam_expr_is_null(value)) return lam_bind_null(binder, &boolean, position, out, error);
  if (!lam_type_is_binary(value->type.id))
    return lam_fail(error, LAM_INVALID, "LIKE at position %zu needs a text, found %s", position + 1,
                    lam_expr_describe(binder, value, described, sizeof described));
  if (!plain) return lam_bind_node(binder, LAM_EXPR_LIKE, 0, position, &boolean, arguments, count, out, error);
  struct lam_scalar scalar = arguments[1]->literal;
  const struct lam_expr *literal;
  scalar.bytes = text;
  LAM_TRY(lam_expr_literal(binder->arena, &scalar, arguments[1]->position, &literal, error));
  return lam_bind_compare(binder, LAM_EQ, position, value, literal, out, error);
}
