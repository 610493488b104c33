/* Recursive descent. Arguments are gathered on one stack, so that lists and chains of any length are linear. */
#include <stdio.h>

#include "arrow/value_text.h"
#include "expr/lex.h"
#include "expr/tree.h"

enum {
  LONGEST = 1 << 20, /* bytes of text */
  DEEPEST = 200,     /* levels of a tree, and of brackets in a text */
  LARGEST = 1 << 20, /* nodes of a tree, where BETWEEN and CASE use an argument twice */
};

/* A tree, with what it measures. */
struct part {
  const struct lam_expr *expr;
  int32_t depth, nodes;
};
struct parser {
  struct lam_lexer lexer;
  struct lam_token token; /* the next one */
  struct lam_arena *arena;
  struct lam_buf stack; /* struct part each */
  int depth;
};

static enum lam_status parse_or(struct parser *parser, struct part *out, struct lam_error *error);

/* ---- tokens ---- */

static size_t position(const struct parser *parser) {
  return (size_t)(parser->token.text.data - parser->lexer.begin);
}

static enum lam_status advance(struct parser *parser, struct lam_error *error) {
  return lam_lex(&parser->lexer, &parser->token, error);
}

static enum lam_status expected(const struct parser *parser, const char *what, struct lam_error *error) {
  char quoted[72];
  if (parser->token.kind == LAM_TOKEN_END)
    return lam_fail(error, LAM_INVALID, "expected %s at position %zu, found the end of the expression", what,
                    position(parser) + 1);
  return lam_fail(error, LAM_INVALID, "expected %s at position %zu, found %s", what, position(parser) + 1,
                  lam_text_quote(parser->token.text, quoted, sizeof quoted));
}

static bool at_word(const struct parser *parser, const char *word) {
  return lam_token_is(&parser->token, word);
}
static bool at_symbol(const struct parser *parser, int symbol) {
  return parser->token.kind == LAM_TOKEN_SYMBOL && parser->token.symbol == symbol;
}
static enum lam_status take_word(struct parser *parser, const char *word, bool *taken, struct lam_error *error) {
  *taken = at_word(parser, word);
  return *taken ? advance(parser, error) : LAM_OK;
}
static enum lam_status need_word(struct parser *parser, const char *word, const char *name, struct lam_error *error) {
  return at_word(parser, word) ? advance(parser, error) : expected(parser, name, error);
}
static enum lam_status need_symbol(struct parser *parser, int symbol, const char *name, struct lam_error *error) {
  return at_symbol(parser, symbol) ? advance(parser, error) : expected(parser, name, error);
}

/* What is between quotes, doubled ones single. */
static enum lam_status unquote(struct parser *parser, struct lam_bytes *out, struct lam_error *error) {
  struct lam_bytes text = {parser->token.text.data + 1, parser->token.text.size - 2};
  void *memory;
  LAM_TRY(lam_arena_alloc(parser->arena, text.size + 1, &memory, error));
  uint8_t *to = memory;
  for (size_t i = 0; i < text.size; i++) {
    *to++ = text.data[i];
    if (text.data[i] == *parser->token.text.data) i++;
  }
  *out = lam_bytes_of(memory, (size_t)(to - (uint8_t *)memory));
  return LAM_OK;
}

/* ---- parts ---- */

static enum lam_status enter(struct parser *parser, struct lam_error *error) {
  if (++parser->depth > DEEPEST)
    return lam_fail(error, LAM_INVALID, "the expression is nested deeper than %d levels at position %zu", DEEPEST,
                    position(parser) + 1);
  return LAM_OK;
}

/* Counts what lies under a part. */
static enum lam_status grow(struct part *part, const struct part *children, size_t count, struct lam_error *error) {
  for (size_t i = 0; i < count; i++) {
    if (part->depth <= children[i].depth) part->depth = children[i].depth + 1;
    part->nodes += children[i].nodes;
    if (part->nodes > LARGEST) return lam_fail(error, LAM_INVALID, "the expression has more than %d parts", LARGEST);
  }
  if (part->depth > DEEPEST)
    return lam_fail(error, LAM_INVALID, "the expression is nested deeper than %d levels", DEEPEST);
  return LAM_OK;
}

static enum lam_status leaf(struct parser *parser, const struct lam_scalar *value, size_t at, struct part *out,
                            struct lam_error *error) {
  *out = (struct part){.depth = 1, .nodes = 1};
  return lam_expr_literal(parser->arena, value, at, &out->expr, error);
}

static enum lam_status make_one(struct parser *parser, enum lam_expr_kind kind, int operation, size_t at,
                                const struct part *argument, struct part *out, struct lam_error *error) {
  struct part part = {.depth = 1, .nodes = 1};
  LAM_TRY(grow(&part, argument, 1, error));
  LAM_TRY(lam_expr_of_one(parser->arena, kind, operation, at, argument->expr, &part.expr, error));
  *out = part;
  return LAM_OK;
}

static enum lam_status make_two(struct parser *parser, enum lam_expr_kind kind, int operation, size_t at,
                                const struct part *a, const struct part *b, struct part *out, struct lam_error *error) {
  struct part part = {.depth = 1, .nodes = 1}, both[2] = {*a, *b};
  LAM_TRY(grow(&part, both, 2, error));
  LAM_TRY(lam_expr_of_two(parser->arena, kind, operation, at, a->expr, b->expr, &part.expr, error));
  *out = part;
  return LAM_OK;
}

static enum lam_status push(struct parser *parser, const struct part *part, struct lam_error *error) {
  return lam_buf_append(&parser->stack, part, sizeof *part, error);
}

/* A node of all that has been pushed since the stack had `base` bytes. */
static enum lam_status make_many(struct parser *parser, enum lam_expr_kind kind, int operation, size_t at, size_t base,
                                 struct part *out, struct lam_error *error) {
  size_t count = (parser->stack.size - base) / sizeof(struct part);
  const struct part *parts = count ? (const struct part *)(const void *)(parser->stack.data + base) : NULL;
  struct part part = {.depth = 1, .nodes = 1};
  struct lam_expr *expr;
  if (count) LAM_TRY(grow(&part, parts, count, error));
  LAM_TRY(lam_expr_new(parser->arena, kind, operation, at, (int32_t)count, &expr, error));
  for (size_t i = 0; i < count; i++) expr->arguments[i] = parts[i].expr;
  part.expr = expr;
  if (kind == LAM_EXPR_AND || kind == LAM_EXPR_OR)
    LAM_TRY(lam_expr_of_many(parser->arena, kind, at, expr->arguments, expr->count, &part.expr, error));
  parser->stack.size = base;
  *out = part;
  return LAM_OK;
}

/* ---- values ---- */

static enum lam_status parse_number(struct parser *parser, struct part *out, struct lam_error *error) {
  struct lam_scalar value;
  size_t at = position(parser);
  enum lam_status status = lam_number_parse(parser->token.text, &value, error);
  if (status != LAM_OK) return lam_fail_in(error, status, "the number at position %zu", at + 1);
  LAM_TRY(advance(parser, error));
  return leaf(parser, &value, at, out, error);
}

static enum lam_status parse_text(struct parser *parser, struct part *out, struct lam_error *error) {
  struct lam_scalar value = {.type = lam_type_simple(LAM_TYPE_STRING)};
  size_t at = position(parser);
  LAM_TRY(unquote(parser, &value.bytes, error));
  LAM_TRY(advance(parser, error));
  return leaf(parser, &value, at, out, error);
}

/* The pairs of hexadecimal digits of X'00ff'. */
static enum lam_status parse_hex(struct parser *parser, struct lam_bytes text, struct lam_scalar *out,
                                 struct lam_error *error) {
  struct lam_type type = {.id = LAM_TYPE_FIXED_BINARY, .byte_width = (int32_t)(text.size / 2), .timezone = ""};
  void *memory;
  *out = (struct lam_scalar){.type = lam_type_simple(LAM_TYPE_BINARY)};
  LAM_TRY(lam_arena_alloc(parser->arena, text.size / 2 + 1, &memory, error));
  out->bytes = lam_bytes_of(memory, text.size / 2);
  if (text.size == 0) return LAM_OK;
  if (text.size % 2) return lam_fail(error, LAM_INVALID, "an odd number of hexadecimal digits");
  return lam_value_parse(&type, text, memory, error);
}

/* DATE '…', TIMESTAMP '…', X'…': the word has been taken, the text is next. */
static enum lam_status parse_typed(struct parser *parser, char kind, size_t at, struct part *out,
                                   struct lam_error *error) {
  struct lam_scalar value = {.type = lam_type_simple(LAM_TYPE_DATE32)};
  struct lam_bytes text;
  int32_t days = 0;
  enum lam_status status;
  LAM_TRY(unquote(parser, &text, error));
  if (kind == 'd') {
    status = lam_value_parse(&value.type, text, &days, error);
    value.value.i = days;
  } else if (kind == 't') {
    status = lam_timestamp_parse(text, &value, error);
  } else {
    status = parse_hex(parser, text, &value, error);
  }
  if (status != LAM_OK) return lam_fail_in(error, status, "the literal at position %zu", at + 1);
  LAM_TRY(advance(parser, error));
  return leaf(parser, &value, at, out, error);
}

static enum lam_status take_name_part(struct parser *parser, struct lam_bytes *out, struct lam_error *error) {
  if (parser->token.kind == LAM_TOKEN_QUOTED) {
    LAM_TRY(unquote(parser, out, error));
    return advance(parser, error);
  }
  char *copy;
  if (parser->token.kind != LAM_TOKEN_NAME) return expected(parser, "a name", error);
  LAM_TRY(lam_arena_string(parser->arena, parser->token.text, &copy, error));
  *out = lam_bytes_of(copy, parser->token.text.size);
  return advance(parser, error);
}

/* The parts behind `first`, which has been taken. */
static enum lam_status parse_path(struct parser *parser, struct lam_bytes first, size_t at, struct part *out,
                                  struct lam_error *error) {
  struct lam_bytes names[DEEPEST] = {first};
  int32_t count = 1;
  while (at_symbol(parser, '.')) {
    LAM_TRY(advance(parser, error));
    if (count == DEEPEST) return expected(parser, "no more parts of a name", error);
    LAM_TRY(take_name_part(parser, &names[count++], error));
  }
  struct lam_expr *expr;
  void *memory;
  LAM_TRY(lam_expr_new(parser->arena, LAM_EXPR_COLUMN, 0, at, 0, &expr, error));
  LAM_TRY(lam_arena_array(parser->arena, (size_t)count, sizeof *names, &memory, error));
  memcpy(memory, names, (size_t)count * sizeof *names);
  expr->depth = count;
  expr->names = memory;
  *out = (struct part){expr, 1, 1};
  return LAM_OK;
}

/* The type's name up to the bracket that closes CAST: its tokens, with a space between words. */
static enum lam_status parse_type(struct parser *parser, struct lam_type *out, struct lam_error *error) {
  char name[96] = "";
  size_t at = position(parser), size = 0;
  int open = 0;
  bool after_word = false;
  while (parser->token.kind != LAM_TOKEN_END && (open > 0 || !at_symbol(parser, ')'))) {
    open += at_symbol(parser, '(') - at_symbol(parser, ')');
    bool word = parser->token.kind != LAM_TOKEN_SYMBOL;
    if (parser->token.text.size + 2 > sizeof name - size) return expected(parser, "a shorter type", error);
    if (word && after_word) name[size++] = ' ';
    memcpy(name + size, parser->token.text.data, parser->token.text.size);
    size += parser->token.text.size;
    name[size] = 0;
    after_word = word;
    LAM_TRY(advance(parser, error));
  }
  enum lam_status status = lam_type_parse_name(name, out, error);
  return status == LAM_OK ? LAM_OK : lam_fail_in(error, status, "the type at position %zu", at + 1);
}

static enum lam_status parse_cast(struct parser *parser, size_t at, struct part *out, struct lam_error *error) {
  struct part value;
  struct lam_type type;
  LAM_TRY(need_symbol(parser, '(', "\"(\" after CAST", error));
  LAM_TRY(parse_or(parser, &value, error));
  LAM_TRY(need_word(parser, "as", "AS and a type", error));
  LAM_TRY(parse_type(parser, &type, error));
  LAM_TRY(need_symbol(parser, ')', "\")\"", error));
  struct part part = {.depth = 1, .nodes = 1};
  struct lam_expr *cast;
  LAM_TRY(grow(&part, &value, 1, error));
  LAM_TRY(lam_expr_new(parser->arena, LAM_EXPR_CAST, 0, at, 1, &cast, error));
  cast->arguments[0] = value.expr;
  cast->type = type;
  part.expr = cast;
  *out = part;
  return LAM_OK;
}

/* CASE WHEN c THEN v … and CASE x WHEN v THEN …, whose conditions become x = v. */
static enum lam_status parse_case(struct parser *parser, size_t at, struct part *out, struct lam_error *error) {
  size_t base = parser->stack.size;
  struct part subject = {0}, part;
  bool taken;
  if (!at_word(parser, "when")) LAM_TRY(parse_or(parser, &subject, error));
  if (!at_word(parser, "when")) return expected(parser, "WHEN", error);
  while (at_word(parser, "when")) {
    size_t when = position(parser);
    LAM_TRY(advance(parser, error));
    LAM_TRY(parse_or(parser, &part, error));
    if (subject.expr) LAM_TRY(make_two(parser, LAM_EXPR_COMPARE, LAM_EQ, when, &subject, &part, &part, error));
    LAM_TRY(push(parser, &part, error));
    LAM_TRY(need_word(parser, "then", "THEN", error));
    LAM_TRY(parse_or(parser, &part, error));
    LAM_TRY(push(parser, &part, error));
  }
  LAM_TRY(take_word(parser, "else", &taken, error));
  if (taken) {
    LAM_TRY(parse_or(parser, &part, error));
  } else {
    struct lam_scalar null = {.type = lam_type_simple(LAM_TYPE_NULL), .is_null = true};
    LAM_TRY(leaf(parser, &null, position(parser), &part, error));
  }
  LAM_TRY(push(parser, &part, error));
  LAM_TRY(need_word(parser, "end", "END", error));
  return make_many(parser, LAM_EXPR_CASE, 0, at, base, out, error);
}

static enum lam_status parse_list(struct parser *parser, struct lam_error *error) {
  struct part part;
  while (true) {
    LAM_TRY(parse_or(parser, &part, error));
    LAM_TRY(push(parser, &part, error));
    if (!at_symbol(parser, ',')) break;
    LAM_TRY(advance(parser, error));
  }
  return need_symbol(parser, ')', "\",\" or \")\"", error);
}

static enum lam_status parse_call(struct parser *parser, struct lam_token name, size_t at, struct part *out,
                                  struct lam_error *error) {
  size_t base = parser->stack.size;
  int count, function = LAM_DATE_TRUNC;
  char quoted[72];
  while (function >= 0 && !lam_token_is(&name, lam_functions[function].name)) function--;
  if (lam_token_is(&name, "ceiling")) function = LAM_CEIL;
  if (lam_token_is(&name, "substring")) function = LAM_SUBSTR;
  if (function < 0)
    return lam_fail(error, LAM_INVALID,
                    "there is no function %s (position %zu); there are coalesce, abs, round, floor, ceil, lower, "
                    "upper, length, substr, year, month, day, hour, minute, date_trunc",
                    lam_text_quote(name.text, quoted, sizeof quoted), at + 1);
  LAM_TRY(advance(parser, error));
  if (at_symbol(parser, ')'))
    LAM_TRY(advance(parser, error));
  else
    LAM_TRY(parse_list(parser, error));
  LAM_TRY(make_many(parser, LAM_EXPR_CALL, function, at, base, out, error));
  count = out->expr->count;
  const struct lam_function_info *info = &lam_functions[function];
  if (count < info->least || (info->most >= 0 && count > info->most))
    return lam_fail(error, LAM_INVALID, "%s at position %zu takes %d%s argument%s, found %d", info->name, at + 1,
                    info->least,
                    info->most < 0             ? " or more"
                    : info->most > info->least ? " or one more"
                                               : "",
                    info->least == 1 && info->most == 1 ? "" : "s", count);
  return LAM_OK;
}

static bool is_reserved(const struct parser *parser) {
  static const char *const words[] = {"and", "or",   "not",  "in",   "between", "like",  "is",
                                      "as",  "when", "then", "else", "end",     "escape"};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
    if (at_word(parser, words[i])) return true;
  }
  return false;
}

static enum lam_status parse_word(struct parser *parser, struct part *out, struct lam_error *error) {
  struct lam_token word = parser->token;
  size_t at = position(parser);
  if (is_reserved(parser)) return expected(parser, "a value", error);
  LAM_TRY(advance(parser, error));
  struct lam_scalar value = {.type = lam_type_simple(LAM_TYPE_BOOL)};
  if (lam_token_is(&word, "true") || lam_token_is(&word, "false")) {
    value.value.i = lam_token_is(&word, "true");
    return leaf(parser, &value, at, out, error);
  }
  if (lam_token_is(&word, "null")) {
    value = (struct lam_scalar){.type = lam_type_simple(LAM_TYPE_NULL), .is_null = true};
    return leaf(parser, &value, at, out, error);
  }
  if (lam_token_is(&word, "case")) return parse_case(parser, at, out, error);
  if (lam_token_is(&word, "cast")) return parse_cast(parser, at, out, error);
  if (parser->token.kind == LAM_TOKEN_STRING) {
    if (lam_token_is(&word, "date")) return parse_typed(parser, 'd', at, out, error);
    if (lam_token_is(&word, "timestamp")) return parse_typed(parser, 't', at, out, error);
    if (lam_token_is(&word, "x") && parser->token.text.data == word.text.data + 1)
      return parse_typed(parser, 'x', at, out, error);
  }
  if (at_symbol(parser, '(')) return parse_call(parser, word, at, out, error);
  char *copy;
  LAM_TRY(lam_arena_string(parser->arena, word.text, &copy, error));
  return parse_path(parser, lam_bytes_of(copy, word.text.size), at, out, error);
}

static enum lam_status parse_primary(struct parser *parser, struct part *out, struct lam_error *error) {
  size_t at = position(parser);
  switch (parser->token.kind) {
    case LAM_TOKEN_WHOLE:
    case LAM_TOKEN_DECIMAL:
    case LAM_TOKEN_FLOAT: return parse_number(parser, out, error);
    case LAM_TOKEN_STRING: return parse_text(parser, out, error);
    case LAM_TOKEN_NAME: return parse_word(parser, out, error);
    case LAM_TOKEN_QUOTED: {
      struct lam_bytes name;
      LAM_TRY(take_name_part(parser, &name, error));
      return parse_path(parser, name, at, out, error);
    }
    default: break;
  }
  if (!at_symbol(parser, '(')) return expected(parser, "a value", error);
  LAM_TRY(advance(parser, error));
  LAM_TRY(parse_or(parser, out, error));
  return need_symbol(parser, ')', "\")\" or an operator", error);
}

/* ---- operators ---- */

static bool is_number(const struct lam_expr *expr) {
  if (expr->kind != LAM_EXPR_LITERAL || expr->literal.is_null) return false;
  switch (expr->literal.type.id) {
    case LAM_TYPE_INT64:
    case LAM_TYPE_UINT64:
    case LAM_TYPE_FLOAT64:
    case LAM_TYPE_DECIMAL128:
    case LAM_TYPE_DECIMAL256: return true;
    default: return false;
  }
}

static enum lam_status parse_unary(struct parser *parser, struct part *out, struct lam_error *error) {
  size_t at = position(parser);
  bool minus = at_symbol(parser, '-');
  if (!minus && !at_symbol(parser, '+')) return parse_primary(parser, out, error);
  LAM_TRY(enter(parser, error));
  LAM_TRY(advance(parser, error));
  LAM_TRY(parse_unary(parser, out, error));
  parser->depth--;
  if (!minus) return LAM_OK;
  if (!is_number(out->expr)) return make_one(parser, LAM_EXPR_NEGATE, 0, at, out, out, error);
  struct lam_scalar value;
  LAM_TRY(lam_number_negate(&out->expr->literal, &value, error));
  return leaf(parser, &value, at, out, error);
}

static enum lam_status parse_product(struct parser *parser, struct part *out, struct lam_error *error) {
  LAM_TRY(parse_unary(parser, out, error));
  while (at_symbol(parser, '*') || at_symbol(parser, '/') || at_symbol(parser, '%')) {
    struct part right;
    size_t at = position(parser);
    int symbol = parser->token.symbol;
    LAM_TRY(advance(parser, error));
    LAM_TRY(parse_unary(parser, &right, error));
    int operation = symbol == '*' ? LAM_MULTIPLY : symbol == '/' ? LAM_DIVIDE : LAM_MODULO;
    LAM_TRY(make_two(parser, LAM_EXPR_ARITHMETIC, operation, at, out, &right, out, error));
  }
  return LAM_OK;
}

static enum lam_status parse_sum(struct parser *parser, struct part *out, struct lam_error *error) {
  LAM_TRY(parse_product(parser, out, error));
  while (at_symbol(parser, '+') || at_symbol(parser, '-')) {
    struct part right;
    size_t at = position(parser);
    int operation = parser->token.symbol == '+' ? LAM_ADD : LAM_SUBTRACT;
    LAM_TRY(advance(parser, error));
    LAM_TRY(parse_product(parser, &right, error));
    LAM_TRY(make_two(parser, LAM_EXPR_ARITHMETIC, operation, at, out, &right, out, error));
  }
  return LAM_OK;
}

/* a >= low AND a <= high */
static enum lam_status parse_between(struct parser *parser, size_t at, struct part *value, struct lam_error *error) {
  struct part low, high;
  size_t base = parser->stack.size;
  LAM_TRY(parse_sum(parser, &low, error));
  LAM_TRY(need_word(parser, "and", "AND and the upper end of BETWEEN", error));
  LAM_TRY(parse_sum(parser, &high, error));
  LAM_TRY(make_two(parser, LAM_EXPR_COMPARE, LAM_GE, at, value, &low, &low, error));
  LAM_TRY(make_two(parser, LAM_EXPR_COMPARE, LAM_LE, at, value, &high, &high, error));
  LAM_TRY(push(parser, &low, error));
  LAM_TRY(push(parser, &high, error));
  return make_many(parser, LAM_EXPR_AND, 0, at, base, value, error);
}

static enum lam_status parse_pattern(struct parser *parser, const char *what, struct lam_error *error) {
  struct part part;
  if (parser->token.kind != LAM_TOKEN_STRING) return expected(parser, what, error);
  LAM_TRY(parse_text(parser, &part, error));
  return push(parser, &part, error);
}

static enum lam_status parse_like(struct parser *parser, size_t at, struct part *value, struct lam_error *error) {
  size_t base = parser->stack.size;
  LAM_TRY(push(parser, value, error));
  LAM_TRY(parse_pattern(parser, "a pattern in single quotes", error));
  if (at_word(parser, "escape")) {
    LAM_TRY(advance(parser, error));
    size_t escape = position(parser) + 1;
    LAM_TRY(parse_pattern(parser, "a character in single quotes", error));
    const struct part *last = (const struct part *)(const void *)(parser->stack.data + parser->stack.size) - 1;
    struct lam_bytes text = last->expr->literal.bytes;
    if (text.size == 0 || lam_utf8_length(text) != text.size)
      return lam_fail(error, LAM_INVALID, "expected one character after ESCAPE at position %zu", escape);
  }
  return make_many(parser, LAM_EXPR_LIKE, 0, at, base, value, error);
}

static enum lam_status parse_in(struct parser *parser, size_t at, struct part *value, struct lam_error *error) {
  size_t base = parser->stack.size;
  LAM_TRY(push(parser, value, error));
  LAM_TRY(need_symbol(parser, '(', "\"(\" after IN", error));
  LAM_TRY(parse_list(parser, error));
  return make_many(parser, LAM_EXPR_IN, 0, at, base, value, error);
}

/* IS [NOT] NULL, [NOT] IN, [NOT] BETWEEN, [NOT] LIKE behind a value; *found tells whether there was one. */
static enum lam_status parse_suffix(struct parser *parser, struct part *value, bool *found, struct lam_error *error) {
  size_t at = position(parser);
  bool negated, is;
  LAM_TRY(take_word(parser, "is", &is, error));
  LAM_TRY(take_word(parser, "not", &negated, error));
  *found = true;
  if (is) {
    LAM_TRY(need_word(parser, "null", negated ? "NULL" : "NULL or NOT NULL", error));
    LAM_TRY(make_one(parser, LAM_EXPR_IS_NULL, 0, at, value, value, error));
  } else if (at_word(parser, "in")) {
    LAM_TRY(advance(parser, error));
    LAM_TRY(parse_in(parser, at, value, error));
  } else if (at_word(parser, "between")) {
    LAM_TRY(advance(parser, error));
    LAM_TRY(parse_between(parser, at, value, error));
  } else if (at_word(parser, "like")) {
    LAM_TRY(advance(parser, error));
    LAM_TRY(parse_like(parser, at, value, error));
  } else if (negated) {
    return expected(parser, "IN, BETWEEN or LIKE", error);
  } else {
    *found = false;
  }
  return negated ? make_one(parser, LAM_EXPR_NOT, 0, at, value, value, error) : LAM_OK;
}

static enum lam_status parse_predicate(struct parser *parser, struct part *out, struct lam_error *error) {
  static const struct {
    int symbol;
    enum lam_comparison comparison;
  } comparisons[] = {{'=', LAM_EQ}, {LAM_SYMBOL_NE, LAM_NE}, {'<', LAM_LT},
                     {'>', LAM_GT}, {LAM_SYMBOL_LE, LAM_LE}, {LAM_SYMBOL_GE, LAM_GE}};
  bool found;
  LAM_TRY(parse_sum(parser, out, error));
  LAM_TRY(parse_suffix(parser, out, &found, error));
  for (size_t i = 0; !found && i < sizeof comparisons / sizeof *comparisons; i++) {
    if (!at_symbol(parser, comparisons[i].symbol)) continue;
    struct part right;
    size_t at = position(parser);
    LAM_TRY(advance(parser, error));
    LAM_TRY(parse_sum(parser, &right, error));
    return make_two(parser, LAM_EXPR_COMPARE, (int)comparisons[i].comparison, at, out, &right, out, error);
  }
  return LAM_OK;
}

static enum lam_status parse_not(struct parser *parser, struct part *out, struct lam_error *error) {
  size_t at = position(parser);
  if (!at_word(parser, "not")) return parse_predicate(parser, out, error);
  LAM_TRY(enter(parser, error));
  LAM_TRY(advance(parser, error));
  LAM_TRY(parse_not(parser, out, error));
  parser->depth--;
  return make_one(parser, LAM_EXPR_NOT, 0, at, out, out, error);
}

typedef enum lam_status (*parse_function)(struct parser *parser, struct part *out, struct lam_error *error);

static enum lam_status parse_chain(struct parser *parser, const char *word, enum lam_expr_kind kind,
                                   parse_function operand, struct part *out, struct lam_error *error) {
  size_t base = parser->stack.size, at = position(parser);
  LAM_TRY(operand(parser, out, error));
  if (!at_word(parser, word)) return LAM_OK;
  LAM_TRY(push(parser, out, error));
  while (at_word(parser, word)) {
    LAM_TRY(advance(parser, error));
    LAM_TRY(operand(parser, out, error));
    LAM_TRY(push(parser, out, error));
  }
  return make_many(parser, kind, 0, at, base, out, error);
}

static enum lam_status parse_and(struct parser *parser, struct part *out, struct lam_error *error) {
  return parse_chain(parser, "and", LAM_EXPR_AND, parse_not, out, error);
}

static enum lam_status parse_or(struct parser *parser, struct part *out, struct lam_error *error) {
  LAM_TRY(enter(parser, error));
  LAM_TRY(parse_chain(parser, "or", LAM_EXPR_OR, parse_and, out, error));
  parser->depth--;
  return LAM_OK;
}

/* ---- texts ---- */

static enum lam_status start(struct parser *parser, const char *text, struct lam_arena *arena,
                             struct lam_error *error) {
  struct lam_bytes bytes = lam_bytes_of_string(text);
  *parser = (struct parser){.lexer = {bytes.data, bytes.data, bytes.data + bytes.size}, .arena = arena};
  lam_buf_init(&parser->stack, arena->mem);
  if (bytes.size > LONGEST)
    return lam_fail(error, LAM_INVALID, "the expression has %zu bytes; %d are allowed", bytes.size, LONGEST);
  if (!lam_utf8_valid(bytes)) return lam_fail(error, LAM_INVALID, "the expression is not UTF-8");
  return advance(parser, error);
}

enum lam_status lam_expr_parse(const char *text, struct lam_arena *arena, const struct lam_expr **out,
                               struct lam_error *error) {
  struct parser parser;
  struct part part = {0};
  *out = NULL;
  enum lam_status status = start(&parser, text, arena, error);
  if (status == LAM_OK) status = parse_or(&parser, &part, error);
  if (status == LAM_OK && parser.token.kind != LAM_TOKEN_END)
    status = expected(&parser, "an operator, AND, OR or the end", error);
  if (status == LAM_OK) *out = part.expr;
  lam_buf_release(&parser.stack);
  return status;
}

static enum lam_status parse_assignments(struct parser *parser, struct lam_buf *list, struct lam_error *error) {
  while (true) {
    struct lam_assignment assignment;
    struct part part;
    if (parser->token.kind == LAM_TOKEN_NAME && is_reserved(parser)) return expected(parser, "a column", error);
    LAM_TRY(take_name_part(parser, &assignment.name, error));
    LAM_TRY(need_symbol(parser, '=', "\"=\" behind the column", error));
    LAM_TRY(parse_or(parser, &part, error));
    assignment.value = part.expr;
    LAM_TRY(lam_buf_append(list, &assignment, sizeof assignment, error));
    if (parser->token.kind == LAM_TOKEN_END) return LAM_OK;
    LAM_TRY(need_symbol(parser, ',', "\",\" or the end", error));
  }
}

enum lam_status lam_assignments_parse(const char *text, struct lam_arena *arena, struct lam_assignment **out,
                                      int32_t *count, struct lam_error *error) {
  struct parser parser;
  struct lam_buf list;
  void *memory = NULL;
  *out = NULL;
  *count = 0;
  lam_buf_init(&list, arena->mem);
  enum lam_status status = start(&parser, text, arena, error);
  if (status == LAM_OK) status = parse_assignments(&parser, &list, error);
  if (status == LAM_OK) status = lam_arena_alloc(arena, list.size, &memory, error);
  if (status == LAM_OK) {
    lam_copy(memory, list.data, list.size);
    *out = memory;
    *count = (int32_t)(list.size / sizeof **out);
  }
  lam_buf_release(&list);
  lam_buf_release(&parser.stack);
  return status;
}
