#include "ops/partition_spec.h"

#include <stdio.h>

#include "expr/lex.h"
#include "expr/tree.h"

enum { MOST_FIELDS = 64 };

static bool is_blank(struct lam_bytes text) {
  for (size_t i = 0; i < text.size; i++)
    if (!strchr(" \t\r\n", text.data[i])) return false;
  return true;
}

/* Where the first `wanted` outside of quotes and parentheses is, or the end. A "=" that is part of another sign is
 * none. */
static size_t find_outside(struct lam_bytes text, char wanted) {
  int depth = 0;
  char quote = 0;
  for (size_t i = 0; i < text.size; i++) {
    char c = (char)text.data[i];
    if (quote) {
      if (c == quote) quote = 0;
      continue;
    }
    if (c == '\'' || c == '"') quote = c;
    if (c == '(') depth++;
    if (c == ')') depth--;
    bool joined = c == '=' && i > 0 && strchr("<>!", text.data[i - 1]);
    if (c == wanted && depth == 0 && !joined) return i;
  }
  return text.size;
}

static enum lam_status text_of(struct lam_arena *arena, struct lam_bytes bytes, const char **out,
                               struct lam_error *error) {
  char *text;
  LAM_TRY(lam_arena_string(arena, bytes, &text, error));
  *out = text;
  return LAM_OK;
}

static enum lam_status parse_expr(struct lam_bytes text, struct lam_arena *arena, const struct lam_expr **out,
                                  struct lam_error *error) {
  const char *copy;
  LAM_TRY(text_of(arena, text, &copy, error));
  return lam_fail_in(error, lam_expr_parse(copy, arena, out, error), "in the partitioning '%.80s'", copy);
}

static bool is_column(const struct lam_expr *expr) {
  return expr->kind == LAM_EXPR_COLUMN && expr->depth == 1;
}

/* "<column>_<suffix>". */
static enum lam_status joined_name(struct lam_arena *arena, struct lam_bytes column, const char *suffix,
                                   const char **out, struct lam_error *error) {
  size_t room = column.size + strlen(suffix) + 2;
  void *memory;
  LAM_TRY(lam_arena_alloc(arena, room, &memory, error));
  snprintf(memory, room, "%.*s_%s", (int)column.size, (const char *)column.data, suffix);
  *out = memory;
  return LAM_OK;
}

/* ---- transforms ---- */

static bool next_is(struct lam_lexer *lexer, enum lam_token_kind kind, int symbol, struct lam_token *token) {
  return lam_lex(lexer, token, NULL) == LAM_OK && token->kind == kind &&
         (kind != LAM_TOKEN_SYMBOL || token->symbol == symbol);
}

static int32_t number_of(struct lam_bytes digits) {
  int64_t value = 0;
  for (size_t i = 0; i < digits.size && value <= INT32_MAX; i++) value = value * 10 + (digits.data[i] - '0');
  return value > INT32_MAX ? 0 : (int32_t)value;
}

/* *is false where the text does not begin with "bucket(" or "truncate(". */
static enum lam_status parse_transform(struct lam_bytes text, struct lam_arena *arena, struct lam_spec_field *field,
                                       bool *is, struct lam_error *error) {
  struct lam_lexer lexer = {text.data, text.data, text.data + text.size};
  struct lam_token token;
  *is = false;
  if (!next_is(&lexer, LAM_TOKEN_NAME, 0, &token)) return LAM_OK;
  bool bucket = lam_token_is(&token, "bucket");
  if (!bucket && !lam_token_is(&token, "truncate")) return LAM_OK;
  if (!next_is(&lexer, LAM_TOKEN_SYMBOL, '(', &token)) return LAM_OK;
  *is = true;
  *field = (struct lam_spec_field){.kind = LAM_SPEC_TRANSFORM};
  field->transform = bucket ? LAM_TRANSFORM_BUCKET : LAM_TRANSFORM_TRUNCATE;
  bool fine = next_is(&lexer, LAM_TOKEN_WHOLE, 0, &token);
  if (fine) field->parameter = number_of(token.text);
  fine = fine && field->parameter > 0 && next_is(&lexer, LAM_TOKEN_SYMBOL, ',', &token);
  size_t end = text.size;
  while (end > 0 && is_blank(lam_bytes_of(text.data + end - 1, 1))) end--;
  fine = fine && end > 0 && text.data[end - 1] == ')' && lexer.p < text.data + end - 1;
  if (!fine)
    return lam_fail(error, LAM_INVALID, "in the partitioning '%.*s': expected %s(WIDTH, column), the width from 1 on",
                    (int)lam_min_u64(text.size, 80), (const char *)text.data, bucket ? "bucket" : "truncate");
  LAM_TRY(parse_expr(lam_bytes_of(lexer.p, (size_t)(text.data + end - 1 - lexer.p)), arena, &field->expr, error));
  if (!is_column(field->expr))
    return lam_fail(error, LAM_INVALID, "in the partitioning '%.*s': %s takes a column",
                    (int)lam_min_u64(text.size, 80), (const char *)text.data, bucket ? "bucket" : "truncate");
  return joined_name(arena, field->expr->names[0], bucket ? "bucket" : "trunc", &field->name, error);
}

/* ---- fields ---- */

static enum lam_status name_of_call(const struct lam_expr *expr, struct lam_bytes text, struct lam_arena *arena,
                                    const char **out, struct lam_error *error) {
  if (expr->kind == LAM_EXPR_CALL && expr->count == 1 && is_column(expr->arguments[0]))
    return joined_name(arena, expr->arguments[0]->names[0], lam_functions[expr->operation].name, out, error);
  return lam_fail(error, LAM_INVALID, "the partitioning '%.*s' needs a name for its column: name=EXPR",
                  (int)lam_min_u64(text.size, 80), (const char *)text.data);
}

static enum lam_status parse_value(struct lam_bytes text, const char *name, struct lam_arena *arena,
                                   struct lam_spec_field *field, struct lam_error *error) {
  bool is_transform;
  LAM_TRY(parse_transform(text, arena, field, &is_transform, error));
  if (is_transform) {
    if (name) field->name = name;
    return LAM_OK;
  }
  *field = (struct lam_spec_field){.kind = LAM_SPEC_EXPRESSION, .name = name};
  LAM_TRY(parse_expr(text, arena, &field->expr, error));
  if (name) return LAM_OK;
  if (!is_column(field->expr)) return name_of_call(field->expr, text, arena, &field->name, error);
  field->kind = LAM_SPEC_COLUMN;
  return text_of(arena, field->expr->names[0], &field->name, error);
}

static enum lam_status parse_field(struct lam_bytes text, struct lam_arena *arena, struct lam_spec_field *field,
                                   struct lam_error *error) {
  const struct lam_expr *left;
  const char *name = NULL;
  size_t equals = find_outside(text, '=');
  if (is_blank(text)) return lam_fail(error, LAM_INVALID, "the partitioning has an empty part between commas");
  if (equals < text.size) {
    LAM_TRY(parse_expr(lam_bytes_of(text.data, equals), arena, &left, error));
    if (!is_column(left))
      return lam_fail(error, LAM_INVALID, "in the partitioning '%.*s': expected name=EXPR",
                      (int)lam_min_u64(text.size, 80), (const char *)text.data);
    LAM_TRY(text_of(arena, left->names[0], &name, error));
    text = lam_bytes_of(text.data + equals + 1, text.size - equals - 1);
  }
  return parse_value(text, name, arena, field, error);
}

enum lam_status lam_partition_spec_parse(const char *text, struct lam_arena *arena, struct lam_partition_spec *out,
                                         struct lam_error *error) {
  void *memory;
  *out = (struct lam_partition_spec){.count = 0};
  struct lam_bytes rest = lam_bytes_of_string(text ? text : "");
  if (is_blank(rest)) return LAM_OK;
  LAM_TRY(lam_arena_array(arena, MOST_FIELDS, sizeof *out->fields, &memory, error));
  out->fields = memory;
  LAM_TRY(lam_arena_array(arena, MOST_FIELDS, sizeof *out->names, &memory, error));
  out->names = memory;
  for (;;) {
    size_t comma = find_outside(rest, ',');
    if (out->count == MOST_FIELDS)
      return lam_fail(error, LAM_INVALID, "more than %d columns to partition by", MOST_FIELDS);
    struct lam_spec_field *field = &out->fields[out->count];
    LAM_TRY(parse_field(lam_bytes_of(rest.data, comma), arena, field, error));
    for (int32_t i = 0; i < out->count; i++)
      if (strcmp(out->names[i], field->name) == 0)
        return lam_fail(error, LAM_INVALID, "the partitioning has the column \"%s\" twice", field->name);
    out->names[out->count++] = field->name;
    if (comma == rest.size) return LAM_OK;
    rest = lam_bytes_of(rest.data + comma + 1, rest.size - comma - 1);
  }
}
