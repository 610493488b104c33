/* Rows of named cells: an aligned table for people, or an array of JSON objects for programs. */
#ifndef LAM_CLI_SHEET_H
#define LAM_CLI_SHEET_H

#include "base/memory.h"

/* Cells are given in the order of the titles, row by row. The first failure is kept, calls behind it do nothing, and
 * sheet_end returns it. */
struct sheet {
  bool json;
  const char *const *titles; /* in JSON the keys, with '_' for blanks */
  int columns, column;       /* column: of the next cell */
  struct lam_buf cells;      /* struct sheet_cell; rows of a table wait until their widths are known */
  struct lam_buf text, out;
  int64_t rows;
  int indent; /* blanks before the text of the next cell; of tables */
  enum lam_status status;
  struct lam_error *error;
};

/* `mem`, `titles` and `error` outlive the sheet. */
void sheet_begin(struct sheet *sheet, struct lam_mem *mem, bool json, const char *const *titles, int columns,
                 struct lam_error *error);
void sheet_text(struct sheet *sheet, struct lam_bytes text);
void sheet_string(struct sheet *sheet, const char *text);
/* Text that is not cut, however long it is. */
void sheet_whole(struct sheet *sheet, const char *text);
void sheet_number(struct sheet *sheet, int64_t value);
/* Text that is a JSON value as it stands: a number or true. */
void sheet_literal(struct sheet *sheet, const char *text);
void sheet_flag(struct sheet *sheet, bool value);
/* Names, `count` of them. */
void sheet_list(struct sheet *sheet, const char *const *names, int count);
/* "-" or null; a column of a table that has nothing else is left out. */
void sheet_none(struct sheet *sheet);
/* Writes what waits, releases the memory and returns the first failure. */
enum lam_status sheet_end(struct sheet *sheet);

/* Appends text as a terminal can take it: control characters become '.', bytes that are not UTF-8 '?'. */
enum lam_status sheet_clean(struct lam_buf *out, struct lam_bytes text, struct lam_error *error);

#endif
