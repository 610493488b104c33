#include "expr/lex.h"

#include "arrow/value_text.h"

static bool is_digit(uint8_t c) {
  return c >= '0' && c <= '9';
}
/* Every character beyond ASCII may be part of a bare word. */
static bool is_word_start(uint8_t c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c >= 0x80;
}
static bool is_word(uint8_t c) {
  return is_word_start(c) || is_digit(c);
}
static uint8_t lower(uint8_t c) {
  return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

static bool bytes_are(struct lam_bytes text, const char *word) {
  size_t n = strlen(word);
  if (text.size != n) return false;
  for (size_t i = 0; i < n; i++) {
    if (lower(text.data[i]) != (uint8_t)word[i]) return false;
  }
  return true;
}

bool lam_token_is(const struct lam_token *token, const char *word) {
  return token->kind == LAM_TOKEN_NAME && bytes_are(token->text, word);
}

bool lam_is_bare_name(struct lam_bytes name) {
  static const char *const keywords[] = {"and",  "or",    "not",  "in",   "between", "like", "escape", "is",   "null",
                                         "true", "false", "case", "when", "then",    "else", "end",    "cast", "as"};
  if (name.size == 0 || !is_word_start(name.data[0])) return false;
  for (size_t i = 1; i < name.size; i++) {
    if (!is_word(name.data[i])) return false;
  }
  for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++) {
    if (bytes_are(name, keywords[i])) return false;
  }
  return true;
}

/* 'text' or "name", a quote in it doubled. */
static enum lam_status lex_quoted(struct lam_lexer *lexer, struct lam_token *out, struct lam_error *error) {
  uint8_t quote = *lexer->p;
  const uint8_t *p = lexer->p + 1;
  for (; p < lexer->end; p++) {
    if (*p != quote) continue;
    if (p + 1 == lexer->end || p[1] != quote) break;
    p++;
  }
  if (p >= lexer->end)
    return lam_fail(error, LAM_INVALID, "the %s that begins at position %zu does not end",
                    quote == '"' ? "quoted name" : "text", (size_t)(lexer->p - lexer->begin) + 1);
  out->kind = quote == '"' ? LAM_TOKEN_QUOTED : LAM_TOKEN_STRING;
  lexer->p = p + 1;
  return LAM_OK;
}

/* 12, 1.5, .5, 1e-3 */
static enum lam_status lex_number(struct lam_lexer *lexer, struct lam_token *out, struct lam_error *error) {
  const uint8_t *p = lexer->p, *end = lexer->end;
  out->kind = LAM_TOKEN_WHOLE;
  while (p < end && is_digit(*p)) p++;
  if (p < end && *p == '.') {
    out->kind = LAM_TOKEN_DECIMAL;
    p++;
    while (p < end && is_digit(*p)) p++;
  }
  bool bad = false;
  if (p < end && lower(*p) == 'e') {
    out->kind = LAM_TOKEN_FLOAT;
    p++;
    if (p < end && (*p == '+' || *p == '-')) p++;
    bad = p == end || !is_digit(*p);
    while (p < end && is_digit(*p)) p++;
  }
  if (bad || (p < end && is_word(*p)))
    return lam_fail(error, LAM_INVALID, "a number that does not end as one at position %zu",
                    (size_t)(lexer->p - lexer->begin) + 1);
  lexer->p = p;
  return LAM_OK;
}

static enum lam_status lex_symbol(struct lam_lexer *lexer, struct lam_token *out, struct lam_error *error) {
  static const struct {
    char text[3];
    int symbol;
  } pairs[] = {{"<>", LAM_SYMBOL_NE}, {"!=", LAM_SYMBOL_NE}, {"<=", LAM_SYMBOL_LE}, {">=", LAM_SYMBOL_GE}, {"==", '='}};
  out->kind = LAM_TOKEN_SYMBOL;
  for (size_t i = 0; lexer->end - lexer->p > 1 && i < sizeof pairs / sizeof *pairs; i++) {
    if (memcmp(lexer->p, pairs[i].text, 2) != 0) continue;
    out->symbol = pairs[i].symbol;
    lexer->p += 2;
    return LAM_OK;
  }
  char quoted[72];
  if (!strchr("=<>+-*/%(),.[]", *lexer->p))
    return lam_fail(error, LAM_INVALID, "%s at position %zu is no part of an expression",
                    lam_text_quote(lam_bytes_of(lexer->p, 1), quoted, sizeof quoted),
                    (size_t)(lexer->p - lexer->begin) + 1);
  out->symbol = *lexer->p++;
  return LAM_OK;
}

enum lam_status lam_lex(struct lam_lexer *lexer, struct lam_token *out, struct lam_error *error) {
  while (lexer->p < lexer->end && (*lexer->p == ' ' || (*lexer->p >= '\t' && *lexer->p <= '\r'))) lexer->p++;
  *out = (struct lam_token){.text = {lexer->p, 0}};
  if (lexer->p == lexer->end) return LAM_OK;
  uint8_t c = *lexer->p;
  if (is_word_start(c)) {
    out->kind = LAM_TOKEN_NAME;
    while (lexer->p < lexer->end && is_word(*lexer->p)) lexer->p++;
  } else if (c == '\'' || c == '"') {
    LAM_TRY(lex_quoted(lexer, out, error));
  } else if (is_digit(c) || (c == '.' && lexer->end - lexer->p > 1 && is_digit(lexer->p[1]))) {
    LAM_TRY(lex_number(lexer, out, error));
  } else {
    LAM_TRY(lex_symbol(lexer, out, error));
  }
  out->text.size = (size_t)(lexer->p - out->text.data);
  return LAM_OK;
}
