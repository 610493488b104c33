#include "ops/csv_read.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "arrow/value_text.h"
#include "base/arena.h"
#include "base/context.h"
#include "ops/csv_infer.h"

enum {
  DEFAULT_SAMPLE_ROWS = 10000,
  DEFAULT_SAMPLE_BYTES = 1 << 20,
  DEFAULT_ROW_BYTES = 64 << 20,
  DEFAULT_BATCH_ROWS = 65536,
  DEFAULT_BATCH_BYTES = 8 << 20,
  SMALLEST_WINDOW = 64,
};

/* A field where it lies in the window, without its quotes. */
struct field {
  const uint8_t *data;
  size_t size;
  bool quoted, doubled; /* quotes in it are written twice */
};

struct column {
  const char *name;
  struct lam_type type;
  struct lam_builder builder;
};

struct lam_csv {
  struct lam_mem *mem;
  struct lam_csv_options options;
  lam_csv_source source;
  void *user;
  struct lam_arena arena;

  /* The window of the input that is in memory: bytes [at, size) are still to be read, and a line feed behind them
   * stops every scan. */
  struct lam_buf window;
  size_t at;
  bool at_end;
  uint64_t window_start; /* of window.data in the input */
  uint64_t line;         /* of `at`, counted from 1 */

  bool stops[256]; /* bytes that end a field without quotes */
  struct lam_buf fields, scratch;
  int64_t field_count;   /* of the row, more than were kept where there are too many */
  size_t row_end;        /* behind its line end */
  uint64_t row_newlines; /* within its quotes */

  struct column *columns;
  int64_t column_count; /* 0 until known */
  bool failed;
};

/* ---- the window ---- */

/* Reads until the window is full: a short read of a pipe does not make the row at its end be scanned again. */
static enum lam_status fill(struct lam_csv *csv, size_t capacity, struct lam_error *error) {
  struct lam_buf *window = &csv->window;
  LAM_TRY(lam_buf_reserve(window, capacity + 1, error));
  while (window->size < capacity && !csv->at_end) {
    size_t got = 0, room = capacity - window->size;
    LAM_TRY(csv->source(csv->user, window->data + window->size, room, &got, error));
    assert(got <= room);
    csv->at_end = got == 0;
    window->size += got;
  }
  window->data[window->size] = '\n';
  return LAM_OK;
}

/* Moves what is left to the front and reads more behind it; the window grows where one row fills it. */
static enum lam_status slide(struct lam_csv *csv, struct lam_error *error) {
  struct lam_buf *window = &csv->window;
  size_t left = window->size - csv->at, most = lam_max_u64(csv->options.row_bytes, SMALLEST_WINDOW);
  size_t capacity = lam_min_u64(window->capacity - 1, most);
  if (csv->at == 0 && left >= capacity) {
    if (left >= most)
      return lam_fail(error, LAM_LIMIT,
                      "line %" PRIu64 ": the row that begins here is longer than %zu bytes; is a quote not closed?",
                      csv->line, most);
    capacity = capacity > most / 2 ? most : capacity * 2;
  }
  if (csv->at) memmove(window->data, window->data + csv->at, left);
  window->size = left;
  csv->window_start += csv->at;
  csv->at = 0;
  enum lam_status status = fill(csv, capacity, error);
  return status == LAM_LIMIT
             ? lam_fail_in(error, status, "line %" PRIu64 ": a row of more than %zu bytes", csv->line, left)
             : status;
}

/* ---- rows ---- */

/* Line ends are LF, CR LF, and CR alone. */
static uint64_t count_newlines(const uint8_t *p, const uint8_t *end) {
  uint64_t count = 0;
  for (; p < end; p++) count += *p == '\n' || (*p == '\r' && (p + 1 == end || p[1] != '\n'));
  return count;
}

static const char *column_name(const struct lam_csv *csv, int64_t column) {
  return csv->columns && column < csv->column_count ? csv->columns[column].name : "";
}

/* "line 17, column 3 ("price")" of the byte at `place`, in the row at `csv->at`. */
static const char *where(const struct lam_csv *csv, const uint8_t *place, int64_t column, char *out, size_t room) {
  uint64_t line = csv->line + count_newlines(csv->window.data + csv->at, place);
  const char *name = column_name(csv, column);
  char quoted[72];
  int n = snprintf(out, room, "line %" PRIu64 ", column %" PRId64, line, column + 1);
  if (*name && n > 0 && (size_t)n < room)
    snprintf(out + n, room - (size_t)n, " (%s)", lam_text_quote(lam_bytes_of_string(name), quoted, sizeof quoted));
  return out;
}

enum split { ROW, NEED_MORE, BAD };

/* The end of the field whose opening quote is at `p`: moves it behind the closing one. */
static enum split split_quoted(struct lam_csv *csv, const uint8_t **p, struct field *field, struct lam_error *error) {
  const uint8_t *open = *p, *q = open + 1, *end = csv->window.data + csv->window.size;
  char quote = csv->options.quote, place[160];
  *field = (struct field){.data = q, .quoted = true};
  for (;; q += 2) {
    q = memchr(q, quote, (size_t)(end - q));
    if (!q && !csv->at_end) return NEED_MORE;
    if (!q) {
      lam_fail(error, LAM_INVALID, "%s: the quote that opens here is not closed before the end of the input",
               where(csv, open, csv->field_count, place, sizeof place));
      return BAD;
    }
    if (q + 1 == end && !csv->at_end) return NEED_MORE;
    if (q + 1 == end || q[1] != (uint8_t)quote) break;
    field->doubled = true;
  }
  field->size = (size_t)(q - field->data);
  *p = q + 1;
  if (csv->stops[**p]) return ROW;
  lam_fail(error, LAM_INVALID, "%s: behind a closing quote there is '%c', and neither %s nor the end of the line",
           where(csv, q, csv->field_count, place, sizeof place), **p >= 0x20 && **p < 0x7f ? **p : '?',
           csv->options.delimiter == ',' ? "a comma" : "the delimiter");
  return BAD;
}

static inline enum lam_status keep_field(struct lam_csv *csv, const struct field *field, struct lam_error *error) {
  bool kept = csv->column_count == 0 || csv->field_count < csv->column_count;
  csv->field_count++;
  if (!kept) return LAM_OK;
  LAM_TRY(lam_buf_room(&csv->fields, sizeof *field, error));
  memcpy(csv->fields.data + csv->fields.size, field, sizeof *field);
  csv->fields.size += sizeof *field;
  return LAM_OK;
}

/* Finds the fields of the row at `csv->at`, without moving it. */
static enum split split_row(struct lam_csv *csv, struct lam_error *error) {
  const uint8_t *p = csv->window.data + csv->at, *end = csv->window.data + csv->window.size;
  const bool *stops = csv->stops;
  uint8_t delimiter = (uint8_t)csv->options.delimiter, quote = (uint8_t)csv->options.quote;
  csv->fields.size = 0;
  csv->field_count = 0;
  csv->row_newlines = 0;
  for (;; p++) {
    struct field field = {.data = p};
    if (*p == quote) {
      enum split split = split_quoted(csv, &p, &field, error);
      if (split != ROW) return split;
      csv->row_newlines += count_newlines(field.data, field.data + field.size);
    } else {
      while (!stops[*p]) p++;
      field.size = (size_t)(p - field.data);
    }
    if (p == end && !csv->at_end) return NEED_MORE;
    if (keep_field(csv, &field, error) != LAM_OK) return BAD;
    if (p == end || *p != delimiter) break;
  }
  if (p < end && *p == '\r') {
    if (p + 1 == end && !csv->at_end) return NEED_MORE;
    if (p + 1 < end && p[1] == '\n') p++;
  }
  csv->row_end = (size_t)(p - csv->window.data) + (p < end);
  return ROW;
}

static void step_over_row(struct lam_csv *csv) {
  csv->at = csv->row_end;
  csv->line += 1 + csv->row_newlines;
}

static const struct field *fields_of(const struct lam_csv *csv) {
  return (const struct field *)(const void *)csv->fields.data;
}

/* An empty line is no row, except in a file of one column, where it is its null. */
static bool is_blank(const struct lam_csv *csv) {
  return csv->column_count != 1 && csv->field_count == 1 && fields_of(csv)->size == 0 && !fields_of(csv)->quoted;
}

/* Finds the next row; false at the end of the input. */
static enum lam_status next_row(struct lam_csv *csv, bool *found, struct lam_error *error) {
  for (;;) {
    *found = csv->at < csv->window.size;
    if (!*found && csv->at_end) return LAM_OK;
    enum split split = *found ? split_row(csv, error) : NEED_MORE;
    if (split == BAD) return error ? error->status : LAM_INVALID;
    if (split == NEED_MORE) {
      LAM_TRY(slide(csv, error));
      continue;
    }
    if (!is_blank(csv)) return LAM_OK;
    step_over_row(csv);
  }
}

/* The text of a field; that of one with doubled quotes is good until the next call. */
static enum lam_status text_of(struct lam_csv *csv, const struct field *field, struct lam_bytes *out,
                               struct lam_error *error) {
  *out = lam_bytes_of(field->data, field->size);
  if (!field->doubled) return LAM_OK;
  struct lam_buf *scratch = &csv->scratch;
  LAM_TRY(lam_buf_reset(scratch, field->size, error));
  const uint8_t *p = field->data, *end = p + field->size;
  while (p < end) {
    const uint8_t *q = memchr(p, csv->options.quote, (size_t)(end - p));
    size_t n = (size_t)((q ? q + 1 : end) - p); /* with the first quote of the pair */
    memcpy(scratch->data + scratch->size, p, n);
    scratch->size += n;
    p += n + (q != NULL);
  }
  *out = lam_bytes_of(scratch->data, scratch->size);
  return LAM_OK;
}

static struct lam_bytes trim(struct lam_bytes text) {
  while (text.size && (text.data[0] == ' ' || text.data[0] == '\t')) text.data++, text.size--;
  while (text.size && (text.data[text.size - 1] == ' ' || text.data[text.size - 1] == '\t')) text.size--;
  return text;
}

static bool is_null_text(const struct lam_csv *csv, struct lam_bytes text) {
  if (text.size == 0) return true;
  for (int32_t i = 0; i < csv->options.null_count; i++) {
    if (lam_bytes_equal(text, lam_bytes_of_string(csv->options.nulls[i]))) return true;
  }
  return false;
}

/* ---- columns ---- */

/* By name, then by place. */
static int compare_columns(const void *a, const void *b) {
  const struct column *x = *(const struct column *const *)a, *y = *(const struct column *const *)b;
  int order = strcmp(x->name, y->name);
  return order ? order : (x > y) - (x < y);
}

static enum lam_status check_names(struct lam_csv *csv, struct lam_error *error) {
  const struct column **sorted;
  char quoted[72];
  size_t count = (size_t)csv->column_count;
  LAM_TRY(lam_arena_array(&csv->arena, count, sizeof *sorted, (void **)&sorted, error));
  for (size_t i = 0; i < count; i++) sorted[i] = &csv->columns[i];
  if (count) qsort(sorted, count, sizeof *sorted, compare_columns);
  for (size_t i = 1; i < count; i++)
    if (!strcmp(sorted[i - 1]->name, sorted[i]->name))
      return lam_fail(error, LAM_INVALID, "columns %td and %td have the same name %s", sorted[i - 1] - csv->columns + 1,
                      sorted[i] - csv->columns + 1,
                      lam_text_quote(lam_bytes_of_string(sorted[i]->name), quoted, sizeof quoted));
  return LAM_OK;
}

static enum lam_status name_of_field(struct lam_csv *csv, int64_t i, struct lam_bytes *out, struct lam_error *error) {
  char quoted[72];
  LAM_TRY(text_of(csv, &fields_of(csv)[i], out, error));
  if (!lam_utf8_valid(*out) || memchr(out->data ? out->data : (const uint8_t *)"", 0, out->size))
    return lam_fail(error, LAM_INVALID, "line %" PRIu64 ", column %" PRId64 ": the name %s is not UTF-8, or has a NUL",
                    csv->line, i + 1, lam_text_quote(*out, quoted, sizeof quoted));
  return LAM_OK;
}

/* From the names given, else the header (the row at hand), else numbers. */
static enum lam_status make_columns(struct lam_csv *csv, bool row, struct lam_error *error) {
  const struct lam_csv_options *options = &csv->options;
  bool header = row && !options->no_header;
  int64_t count = options->names ? options->name_count : csv->field_count;
  if (header && options->names && csv->field_count != count)
    return lam_fail(error, LAM_INVALID,
                    "line %" PRIu64 ": the header has %" PRId64 " fields; %" PRId64 " names are given", csv->line,
                    csv->field_count, count);
  void *columns;
  LAM_TRY(lam_arena_array(&csv->arena, (size_t)count, sizeof *csv->columns, &columns, error));
  for (int64_t i = 0; i < count; i++) {
    char number[32], *name;
    struct lam_bytes text = {NULL, 0};
    if (options->names)
      text = lam_bytes_of_string(options->names[i]);
    else if (header)
      LAM_TRY(name_of_field(csv, i, &text, error));
    if (text.size == 0 && !options->names) {
      snprintf(number, sizeof number, "column%" PRId64, i);
      text = lam_bytes_of_string(number);
    }
    LAM_TRY(lam_arena_string(&csv->arena, text, &name, error));
    ((struct column *)columns)[i].name = name;
  }
  csv->columns = columns;
  csv->column_count = count;
  if (header) step_over_row(csv);
  return check_names(csv, error);
}

static enum lam_status given_types(struct lam_csv *csv, struct lam_csv_guess *guesses, struct lam_error *error) {
  for (int32_t i = 0; i < csv->options.type_count; i++) {
    const struct lam_csv_type *given = &csv->options.types[i];
    int64_t k = 0;
    while (k < csv->column_count && strcmp(csv->columns[k].name, given->column)) k++;
    if (k == csv->column_count && csv->options.spare_types) continue;
    if (k == csv->column_count)
      return lam_fail(error, LAM_NOT_FOUND, "a type is given for column \"%.100s\", which the input does not have",
                      given->column);
    csv->columns[k].type = given->type;
    char *zone;
    LAM_TRY(lam_arena_string(&csv->arena, lam_bytes_of_string(given->type.timezone), &zone, error));
    csv->columns[k].type.timezone = zone;
    guesses[k].kind = LAM_CSV_STRING; /* not to be looked at */
  }
  return LAM_OK;
}

/* Looks at the rows of the first window, and reads them again later. A bad row ends the sample: it is reported when
 * its turn comes. */
static enum lam_status sample(struct lam_csv *csv, struct lam_csv_guess *guesses, struct lam_error *error) {
  size_t start = csv->at;
  uint64_t line = csv->line;
  for (int64_t rows = 0; rows < csv->options.sample_rows && csv->at < csv->window.size;) {
    struct lam_error ignored = LAM_ERROR_INIT;
    enum split split = split_row(csv, &ignored);
    if (split == NEED_MORE && rows == 0) {
      LAM_TRY(slide(csv, error));
      start = csv->at;
      continue;
    }
    if (split != ROW) break;
    if (!is_blank(csv)) {
      if (csv->field_count != csv->column_count) break;
      rows++;
      for (int64_t i = 0; i < csv->column_count; i++) {
        const struct field *field = &fields_of(csv)[i];
        struct lam_bytes text;
        if (guesses[i].kind == LAM_CSV_STRING) continue;
        LAM_TRY(text_of(csv, field, &text, error));
        if (!is_null_text(csv, text)) lam_csv_observe(&guesses[i], trim(text));
      }
    }
    step_over_row(csv);
  }
  csv->at = start;
  csv->line = line;
  return LAM_OK;
}

static enum lam_status infer(struct lam_csv *csv, struct lam_error *error) {
  void *memory;
  size_t bytes = (size_t)csv->column_count * sizeof(struct lam_csv_guess);
  LAM_TRY(lam_alloc_zero(csv->mem, bytes, &memory, error));
  struct lam_csv_guess *guesses = memory;
  enum lam_status status = LAM_OK;
  for (int64_t i = 0; i < csv->column_count; i++) csv->columns[i].type = (struct lam_type){.timezone = NULL};
  status = given_types(csv, guesses, error);
  if (status == LAM_OK) status = sample(csv, guesses, error);
  for (int64_t i = 0; status == LAM_OK && i < csv->column_count; i++) {
    struct column *column = &csv->columns[i];
    if (!column->type.timezone) column->type = lam_csv_type_of(&guesses[i]);
    status = lam_builder_init(&column->builder, csv->mem, &column->type, error);
    if (status != LAM_OK) lam_fail_in(error, status, "column %" PRId64 " (\"%.100s\")", i + 1, column->name);
  }
  lam_free(csv->mem, memory, bytes);
  return status;
}

/* ---- opening ---- */

static enum lam_status set_options(struct lam_csv *csv, const struct lam_csv_options *given, struct lam_error *error) {
  struct lam_csv_options *o = &csv->options;
  if (given) *o = *given;
  if (!o->delimiter) o->delimiter = ',';
  if (!o->quote) o->quote = '"';
  if (!o->sample_rows) o->sample_rows = DEFAULT_SAMPLE_ROWS;
  if (!o->sample_bytes) o->sample_bytes = DEFAULT_SAMPLE_BYTES;
  if (!o->row_bytes) o->row_bytes = DEFAULT_ROW_BYTES;
  if (!o->batch_rows) o->batch_rows = DEFAULT_BATCH_ROWS;
  if (!o->batch_bytes) o->batch_bytes = DEFAULT_BATCH_BYTES;
  if (o->delimiter == o->quote || strchr("\r\n", o->delimiter) || strchr("\r\n", o->quote))
    return lam_fail(error, LAM_INVALID, "the delimiter and the quote of a CSV file are two bytes, and no line ends");
  if (o->row_bytes >= INT32_MAX || o->batch_bytes >= INT32_MAX - o->row_bytes)
    return lam_fail(error, LAM_INVALID, "rows and batches of CSV have to be bounded below 2^31 bytes together");
  csv->stops[(uint8_t)o->delimiter] = csv->stops['\n'] = csv->stops['\r'] = true;
  return LAM_OK;
}

static enum lam_status skip_mark(struct lam_csv *csv, struct lam_error *error) {
  const uint8_t *p = csv->window.data;
  if (csv->window.size >= 3 && !memcmp(p, "\xef\xbb\xbf", 3)) csv->at = 3;
  if (csv->window.size >= 2 && (!memcmp(p, "\xff\xfe", 2) || !memcmp(p, "\xfe\xff", 2)))
    return lam_fail(error, LAM_UNSUPPORTED, "line 1: the input is UTF-16; convert it to UTF-8 first");
  return LAM_OK;
}

static enum lam_status begin(struct lam_csv *csv, const struct lam_csv_options *options, struct lam_error *error) {
  struct lam_error local = LAM_ERROR_INIT;
  if (!error) error = &local;
  LAM_TRY(set_options(csv, options, error));
  size_t window =
      csv->options.sample_bytes < csv->options.row_bytes ? csv->options.sample_bytes : csv->options.row_bytes;
  LAM_TRY(fill(csv, window > SMALLEST_WINDOW ? window : SMALLEST_WINDOW, error));
  LAM_TRY(skip_mark(csv, error));
  bool found;
  LAM_TRY(next_row(csv, &found, error));
  if (!found && !csv->options.names)
    return lam_fail(error, LAM_INVALID, "the input is empty: there is neither a header nor a row");
  LAM_TRY(make_columns(csv, found, error));
  return infer(csv, error);
}

enum lam_status lam_csv_open(struct lam_mem *mem, lam_csv_source source, void *user,
                             const struct lam_csv_options *options, struct lam_csv **out, struct lam_error *error) {
  void *memory;
  *out = NULL;
  LAM_TRY(lam_alloc_zero(mem, sizeof **out, &memory, error));
  struct lam_csv *csv = memory;
  csv->mem = mem;
  csv->source = source;
  csv->user = user;
  csv->line = 1;
  lam_arena_init(&csv->arena, mem);
  lam_buf_init(&csv->window, mem);
  lam_buf_init(&csv->fields, mem);
  lam_buf_init(&csv->scratch, mem);
  enum lam_status status = begin(csv, options, error);
  if (status != LAM_OK) {
    lam_csv_close(csv);
    return status;
  }
  *out = csv;
  return LAM_OK;
}

void lam_csv_close(struct lam_csv *csv) {
  if (!csv) return;
  for (int64_t i = 0; i < csv->column_count; i++) {
    if (csv->columns[i].builder.mem) lam_builder_release(&csv->columns[i].builder);
  }
  lam_buf_release(&csv->window);
  lam_buf_release(&csv->fields);
  lam_buf_release(&csv->scratch);
  lam_arena_release(&csv->arena);
  lam_free(csv->mem, csv, sizeof *csv);
}

enum lam_status lam_csv_schema(const struct lam_csv *csv, struct ArrowSchema *out, struct lam_error *error) {
  LAM_TRY(lam_schema_init_struct("", csv->column_count, out, error));
  for (int64_t i = 0; i < csv->column_count; i++) {
    enum lam_status status =
        lam_schema_init(&csv->columns[i].type, csv->columns[i].name, true, out->children[i], error);
    if (status == LAM_OK) continue;
    lam_schema_release(out);
    return status;
  }
  return LAM_OK;
}

uint64_t lam_csv_bytes(const struct lam_csv *csv) {
  return csv->window_start + csv->at;
}

/* ---- batches ---- */

/* The value was not read as it is: it may be a null, or have spaces around it. */
static enum lam_status append_odd(struct lam_csv *csv, int64_t i, const struct field *field, struct lam_bytes text,
                                  struct lam_error *error) {
  struct column *column = &csv->columns[i];
  char place[160];
  enum lam_type_id id = column->type.id;
  bool string = id == LAM_TYPE_STRING || id == LAM_TYPE_LARGE_STRING;
  if (!string) text = trim(text);
  if (!string && is_null_text(csv, text)) return lam_builder_null(&column->builder, error);
  enum lam_status status = lam_value_build(&column->builder, text, error);
  if (status == LAM_OK) return LAM_OK;
  return lam_fail_in(error, status, "%s", where(csv, field->data, i, place, sizeof place));
}

/* What most fields of most files are: a whole number that cannot pass 64 bits. */
static inline bool small_integer(const struct field *field, int64_t *out) {
  const uint8_t *p = field->data, *end = p + field->size;
  bool negative = *p == '-';
  uint64_t value = 0;
  p += negative;
  if (p >= end || end - p > 18) return false;
  for (; p < end; p++) {
    unsigned digit = (unsigned)*p - '0';
    if (digit > 9) return false;
    value = value * 10 + digit;
  }
  *out = negative ? -(int64_t)value : (int64_t)value;
  return true;
}

static inline enum lam_status append(struct lam_csv *csv, int64_t i, const struct field *field,
                                     struct lam_error *error) {
  struct lam_builder *builder = &csv->columns[i].builder;
  struct lam_bytes text;
  int64_t value;
  if (builder->type.id == LAM_TYPE_INT64 && csv->options.null_count == 0 && small_integer(field, &value))
    return lam_builder_fixed(builder, &value, error);
  LAM_TRY(text_of(csv, field, &text, error));
  if (!field->quoted && is_null_text(csv, text)) return lam_builder_null(builder, error);
  if (lam_value_build(builder, text, NULL) == LAM_OK) return LAM_OK;
  return append_odd(csv, i, field, text, error);
}

static enum lam_status wrong_count(const struct lam_csv *csv, struct lam_error *error) {
  return lam_fail(error, LAM_INVALID,
                  "line %" PRIu64 ": the row has %" PRId64 " field%s; there are %" PRId64 " column%s", csv->line,
                  csv->field_count, csv->field_count == 1 ? "" : "s", csv->column_count,
                  csv->column_count == 1 ? "" : "s");
}

static enum lam_status append_row(struct lam_csv *csv, struct lam_error *error) {
  if (csv->field_count != csv->column_count) return wrong_count(csv, error);
  const struct field *fields = fields_of(csv);
  for (int64_t i = 0; i < csv->column_count; i++) LAM_TRY(append(csv, i, &fields[i], error));
  step_over_row(csv);
  return LAM_OK;
}

static enum lam_status finish(struct lam_csv *csv, int64_t rows, struct ArrowArray *out, struct lam_error *error) {
  LAM_TRY(lam_array_init_struct(rows, csv->column_count, out, error));
  for (int64_t i = 0; i < csv->column_count; i++) {
    enum lam_status status = lam_builder_finish(&csv->columns[i].builder, out->children[i], error);
    if (status == LAM_OK) continue;
    lam_array_release(out);
    return status;
  }
  return LAM_OK;
}

static enum lam_status next_batch(struct lam_csv *csv, struct ArrowArray *out, struct lam_error *error) {
  uint64_t start = lam_csv_bytes(csv);
  int64_t rows = 0;
  LAM_TRY(lam_check_cancel(lam_mem_context(csv->mem), error));
  while (rows < csv->options.batch_rows && lam_csv_bytes(csv) - start < csv->options.batch_bytes) {
    bool found;
    LAM_TRY(next_row(csv, &found, error));
    if (!found) break;
    LAM_TRY(append_row(csv, error));
    rows++;
  }
  return rows ? finish(csv, rows, out, error) : LAM_OK;
}

enum lam_status lam_csv_next(struct lam_csv *csv, struct ArrowArray *out, struct lam_error *error) {
  struct lam_error local = LAM_ERROR_INIT;
  if (!error) error = &local;
  memset(out, 0, sizeof *out);
  if (csv->failed) return lam_fail(error, LAM_INVALID, "this reader of CSV has failed before");
  enum lam_status status = next_batch(csv, out, error);
  csv->failed = status != LAM_OK;
  return status;
}
