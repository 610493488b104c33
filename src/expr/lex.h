/* The tokens of an expression's text. */
#ifndef LAM_EXPR_LEX_H
#define LAM_EXPR_LEX_H

#include "base/bytes.h"

enum lam_token_kind {
  LAM_TOKEN_END,
  LAM_TOKEN_NAME,    /* a bare word: a keyword, a column, a function, a type */
  LAM_TOKEN_QUOTED,  /* "a name"; `text` with its quotes */
  LAM_TOKEN_STRING,  /* 'text'; `text` with its quotes */
  LAM_TOKEN_WHOLE,   /* 12 */
  LAM_TOKEN_DECIMAL, /* 1.5 */
  LAM_TOKEN_FLOAT,   /* 1e3 */
  LAM_TOKEN_SYMBOL,  /* `symbol` */
};
/* Symbols of one character are that character. */
enum lam_symbol { LAM_SYMBOL_NE = 256, LAM_SYMBOL_LE, LAM_SYMBOL_GE };

struct lam_token {
  enum lam_token_kind kind;
  int symbol;
  struct lam_bytes text;
};
struct lam_lexer {
  const uint8_t *begin, *p, *end;
};

/* The next token. LAM_INVALID where no token begins or one does not end. */
enum lam_status lam_lex(struct lam_lexer *lexer, struct lam_token *out, struct lam_error *error);
/* Whether a bare word is `word`, which is in lower case; ASCII letters of either case are alike. */
bool lam_token_is(const struct lam_token *token, const char *word);
/* Whether a name may stand without quotes: a word that is no keyword. */
bool lam_is_bare_name(struct lam_bytes name);

#endif
