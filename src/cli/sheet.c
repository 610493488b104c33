#include "cli/sheet.h"

#include <assert.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>

#include "arrow/json_write.h"
#include "arrow/value_text.h"
#include "cli/cli.h"

enum {
  WAITING_ROWS = 8192,     /* of a table; those behind them are aligned anew */
  WAITING_BYTES = 1 << 16, /* of JSON */
  CELL_CHARACTERS = 40,    /* longer texts are cut in tables */
};

struct sheet_cell {
  size_t at, size;    /* in sheet->text */
  int width;          /* characters */
  bool right, absent; /* numbers are aligned on the right, and so are their columns' titles and gaps */
};

static bool failed(struct sheet *sheet, enum lam_status status) {
  if (sheet->status == LAM_OK) sheet->status = status;
  return sheet->status != LAM_OK;
}

void sheet_begin(struct sheet *sheet, struct lam_mem *mem, bool json, const char *const *titles, int columns,
                 struct lam_error *error) {
  *sheet = (struct sheet){.json = json, .titles = titles, .columns = columns, .error = error};
  lam_buf_init(&sheet->cells, mem);
  lam_buf_init(&sheet->text, mem);
  lam_buf_init(&sheet->out, mem);
}

static enum lam_status put(struct lam_buf *out, const char *text, struct lam_error *error) {
  return lam_buf_append(out, text, strlen(text), error);
}

static enum lam_status flush(struct sheet *sheet) {
  enum lam_status status = cli_write(sheet->out.data, sheet->out.size, sheet->error);
  sheet->out.size = 0;
  return status;
}

/* ---- tables ---- */

static enum lam_status pad(struct lam_buf *out, int count, struct lam_error *error) {
  for (; count > 0; count--) LAM_TRY(lam_buf_append(out, " ", 1, error));
  return LAM_OK;
}

static const struct sheet_cell *cell_of(const struct sheet *sheet, int64_t row, int column) {
  return (const struct sheet_cell *)(const void *)sheet->cells.data + row * sheet->columns + column;
}

struct sheet_layout {
  int width; /* characters; 0 where no row has the column */
  bool right;
};

static struct sheet_layout layout_of(const struct sheet *sheet, int column) {
  struct sheet_layout layout = {(int)strlen(sheet->titles[column]), false};
  bool any = false;
  for (int64_t row = 0; row < sheet->rows; row++) {
    const struct sheet_cell *cell = cell_of(sheet, row, column);
    any |= !cell->absent;
    layout.right |= cell->right;
    if (cell->width > layout.width) layout.width = cell->width;
  }
  if (!any) layout.width = 0;
  return layout;
}

static enum lam_status put_cell(struct sheet *sheet, struct lam_bytes text, int width,
                                const struct sheet_layout *layout, bool last) {
  if (layout->right) LAM_TRY(pad(&sheet->out, layout->width - width, sheet->error));
  LAM_TRY(lam_buf_append(&sheet->out, text.data, text.size, sheet->error));
  if (!layout->right && !last) LAM_TRY(pad(&sheet->out, layout->width - width, sheet->error));
  return put(&sheet->out, last ? "\n" : "  ", sheet->error);
}

static enum lam_status put_rows(struct sheet *sheet, const struct sheet_layout *layouts, int last) {
  for (int64_t row = -1; row < sheet->rows; row++) {
    LAM_TRY(put(&sheet->out, "  ", sheet->error));
    for (int i = 0; i <= last; i++) {
      if (!layouts[i].width) continue;
      struct lam_bytes text = lam_bytes_of_string(sheet->titles[i]);
      int width = (int)text.size;
      if (row >= 0) {
        const struct sheet_cell *cell = cell_of(sheet, row, i);
        text = lam_bytes_of(sheet->text.data + cell->at, cell->size);
        width = cell->width;
      }
      LAM_TRY(put_cell(sheet, text, width, &layouts[i], i == last));
    }
    if (sheet->out.size >= WAITING_BYTES) LAM_TRY(flush(sheet));
  }
  return flush(sheet);
}

static enum lam_status put_table(struct sheet *sheet) {
  enum { MOST_COLUMNS = 32 };
  struct sheet_layout layouts[MOST_COLUMNS];
  int last = -1;
  assert(sheet->columns <= MOST_COLUMNS);
  for (int i = 0; i < sheet->columns; i++) {
    layouts[i] = layout_of(sheet, i);
    if (layouts[i].width) last = i;
  }
  enum lam_status status = last >= 0 ? put_rows(sheet, layouts, last) : LAM_OK;
  sheet->rows = 0;
  sheet->cells.size = sheet->text.size = 0;
  return status;
}

/* `most` characters are appended, then an ellipsis; *width gets their number added. */
static enum lam_status put_clean(struct lam_buf *out, struct lam_bytes text, int most, int *width,
                                 struct lam_error *error) {
  while (text.size) {
    size_t size = lam_utf8_length(text);
    bool control = *text.data < 0x20 || *text.data == 0x7f || (size == 2 && *text.data == 0xc2 && text.data[1] < 0xa0);
    if (++*width > most) return put(out, "…", error);
    if (size && !control)
      LAM_TRY(lam_buf_append(out, text.data, size, error));
    else
      LAM_TRY(put(out, control ? "." : "?", error));
    if (!size) size = 1;
    text.data += size, text.size -= size;
  }
  return LAM_OK;
}

enum lam_status sheet_clean(struct lam_buf *out, struct lam_bytes text, struct lam_error *error) {
  int width = 0;
  return put_clean(out, text, INT_MAX, &width, error);
}

static enum lam_status table_cell_of(struct sheet *sheet, struct lam_bytes text, bool right, bool absent, int most) {
  struct sheet_cell cell = {.at = sheet->text.size, .width = sheet->indent, .right = right, .absent = absent};
  LAM_TRY(pad(&sheet->text, sheet->indent, sheet->error));
  sheet->indent = 0;
  LAM_TRY(put_clean(&sheet->text, text, most, &cell.width, sheet->error));
  cell.size = sheet->text.size - cell.at;
  LAM_TRY(lam_buf_append(&sheet->cells, &cell, sizeof cell, sheet->error));
  if (++sheet->column < sheet->columns) return LAM_OK;
  sheet->column = 0;
  return ++sheet->rows == WAITING_ROWS ? put_table(sheet) : LAM_OK;
}

static enum lam_status table_cell(struct sheet *sheet, struct lam_bytes text, bool right, bool absent) {
  return table_cell_of(sheet, text, right, absent, CELL_CHARACTERS);
}

/* ---- JSON ---- */

static enum lam_status json_key(struct sheet *sheet) {
  char key[64];
  snprintf(key, sizeof key, "%s", sheet->titles[sheet->column]);
  for (char *p = key; *p; p++)
    if (*p == ' ') *p = '_';
  const char *before = sheet->column ? "," : sheet->rows ? ",\n{" : "\n{";
  LAM_TRY(put(&sheet->out, before, sheet->error));
  LAM_TRY(lam_json_string(&sheet->out, lam_bytes_of_string(key), sheet->error));
  return put(&sheet->out, ":", sheet->error);
}

/* Called behind the value of a cell. */
static enum lam_status json_next(struct sheet *sheet) {
  if (++sheet->column < sheet->columns) return LAM_OK;
  sheet->column = 0;
  sheet->rows++;
  LAM_TRY(put(&sheet->out, "}", sheet->error));
  return sheet->out.size >= WAITING_BYTES ? flush(sheet) : LAM_OK;
}

static enum lam_status json_literal(struct sheet *sheet, const char *text) {
  LAM_TRY(json_key(sheet));
  LAM_TRY(put(&sheet->out, text, sheet->error));
  return json_next(sheet);
}

static enum lam_status json_text(struct sheet *sheet, struct lam_bytes text) {
  LAM_TRY(json_key(sheet));
  LAM_TRY(lam_json_string(&sheet->out, text, sheet->error));
  return json_next(sheet);
}

static enum lam_status json_list(struct sheet *sheet, const char *const *names, int count) {
  LAM_TRY(json_key(sheet));
  for (int i = 0; i < count; i++) {
    LAM_TRY(put(&sheet->out, i ? "," : "[", sheet->error));
    LAM_TRY(lam_json_string(&sheet->out, lam_bytes_of_string(names[i]), sheet->error));
  }
  LAM_TRY(put(&sheet->out, count ? "]" : "[]", sheet->error));
  return json_next(sheet);
}

/* ---- cells ---- */

void sheet_text(struct sheet *sheet, struct lam_bytes text) {
  if (sheet->status == LAM_OK)
    failed(sheet, sheet->json ? json_text(sheet, text) : table_cell(sheet, text, false, false));
}

void sheet_string(struct sheet *sheet, const char *text) {
  sheet_text(sheet, lam_bytes_of_string(text));
}

void sheet_whole(struct sheet *sheet, const char *text) {
  struct lam_bytes bytes = lam_bytes_of_string(text);
  if (sheet->status == LAM_OK)
    failed(sheet, sheet->json ? json_text(sheet, bytes) : table_cell_of(sheet, bytes, false, false, INT_MAX));
}

void sheet_literal(struct sheet *sheet, const char *text) {
  if (sheet->status != LAM_OK) return;
  failed(sheet, sheet->json ? json_literal(sheet, text) : table_cell(sheet, lam_bytes_of_string(text), true, false));
}

void sheet_number(struct sheet *sheet, int64_t value) {
  char text[40];
  if (sheet->json)
    snprintf(text, sizeof text, "%" PRId64, value);
  else
    cli_group_digits(value, text);
  sheet_literal(sheet, text);
}

void sheet_flag(struct sheet *sheet, bool value) {
  if (sheet->json)
    sheet_literal(sheet, value ? "true" : "false");
  else
    sheet_string(sheet, value ? "yes" : "no");
}

void sheet_list(struct sheet *sheet, const char *const *names, int count) {
  char text[512] = "";
  size_t size = 0;
  if (sheet->status != LAM_OK) return;
  if (sheet->json) {
    failed(sheet, json_list(sheet, names, count));
    return;
  }
  for (int i = 0; i < count && size < sizeof text; i++)
    size += (size_t)snprintf(text + size, sizeof text - size, "%s%s", i ? "," : "", names[i]);
  if (count)
    sheet_string(sheet, text);
  else
    sheet_none(sheet);
}

void sheet_none(struct sheet *sheet) {
  if (sheet->status != LAM_OK) return;
  failed(sheet, sheet->json ? json_literal(sheet, "null") : table_cell(sheet, lam_bytes_of_string("-"), false, true));
}

enum lam_status sheet_end(struct sheet *sheet) {
  if (sheet->status == LAM_OK) failed(sheet, sheet->json ? flush(sheet) : put_table(sheet));
  lam_buf_release(&sheet->cells);
  lam_buf_release(&sheet->text);
  lam_buf_release(&sheet->out);
  return sheet->status;
}
