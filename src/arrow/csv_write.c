#include "arrow/csv_write.h"

#include <assert.h>
#include <inttypes.h>

#include "arrow/value_text.h"
#include "base/error.h"

/* A column of the batch that is being written. */
struct lam_csv_column {
  struct lam_view view, values; /* `values` is the dictionary's, or the same as `view` */
  bool uuid;
};

enum lam_status lam_csv_writer_init(struct lam_csv_writer *writer, struct lam_mem *mem,
                                    const struct ArrowSchema *schema, const struct lam_csv_writer_options *options,
                                    struct lam_error *error) {
  void *columns;
  memset(writer, 0, sizeof *writer);
  if (options) writer->options = *options;
  if (!writer->options.delimiter) writer->options.delimiter = ',';
  if (strchr("\"\r\n", writer->options.delimiter))
    return lam_fail(error, LAM_INVALID, "a CSV file cannot be delimited by quotes or line ends");
  for (int64_t i = 0; i < schema->n_children; i++) {
    const struct ArrowSchema *child = schema->children[i];
    struct lam_type type;
    LAM_TRY(lam_type_parse(child->dictionary ? child->dictionary : child, &type, error));
    if (lam_type_is_nested(type.id))
      return lam_fail(error, LAM_UNSUPPORTED, "column \"%.100s\" is nested and CSV has no form for it; use JSON",
                      child->name);
  }
  LAM_TRY(lam_alloc_zero(mem, (size_t)schema->n_children * sizeof *writer->columns, &columns, error));
  writer->mem = mem;
  writer->schema = schema;
  writer->columns = columns;
  writer->column_count = schema->n_children;
  for (int64_t i = 0; i < writer->column_count; i++) writer->columns[i].uuid = lam_is_uuid(schema->children[i]);
  writer->special[(uint8_t)writer->options.delimiter] = writer->special['"'] = true;
  writer->special['\r'] = writer->special['\n'] = true;
  return LAM_OK;
}

void lam_csv_writer_release(struct lam_csv_writer *writer) {
  if (writer->mem) lam_free(writer->mem, writer->columns, (size_t)writer->column_count * sizeof *writer->columns);
  memset(writer, 0, sizeof *writer);
}

/* ---- fields ---- */

static enum lam_status put_quoted(struct lam_buf *out, struct lam_bytes text, struct lam_error *error) {
  size_t room;
  if (lam_mul_overflow(text.size, 2, &room) || lam_add_overflow(room, 2, &room))
    return lam_fail(error, LAM_LIMIT, "a string of %zu bytes", text.size);
  LAM_TRY(lam_buf_room(out, room, error));
  uint8_t *to = out->data + out->size;
  *to++ = '"';
  for (size_t i = 0; i < text.size; i++) {
    if (text.data[i] == '"') *to++ = '"';
    *to++ = text.data[i];
  }
  *to++ = '"';
  out->size = (size_t)(to - out->data);
  return LAM_OK;
}

/* In quotes where it must be: with a delimiter, quote or line end in it; the empty one, which without would be NULL;
 * and one with a space or a byte order mark at its start or a space at its end, which some readers take away. */
static enum lam_status put_string(const struct lam_csv_writer *writer, struct lam_buf *out, struct lam_bytes text,
                                  struct lam_error *error) {
  bool quoted = text.size == 0 || text.data[0] == ' ' || text.data[text.size - 1] == ' ' || text.data[0] == 0xef;
  for (size_t i = 0; i < text.size && !quoted; i++) quoted = writer->special[text.data[i]];
  return quoted ? put_quoted(out, text, error) : lam_buf_append(out, text.data, text.size, error);
}

/* Texts of numbers have no special byte, unless the delimiter is one of theirs. */
static enum lam_status put_number(const struct lam_csv_writer *writer, struct lam_buf *out, const struct lam_view *view,
                                  int64_t row, struct lam_error *error) {
  int64_t i = view->offset + row;
  LAM_TRY(lam_buf_room(out, LAM_VALUE_TEXT_ROOM, error));
  char *to = (char *)out->data + out->size;
  if (view->type.id == LAM_TYPE_INT64 && writer->options.delimiter == ',') {
    out->size += lam_int_format(((const int64_t *)view->data)[i], to);
    return LAM_OK;
  }
  uint8_t bit = 0;
  const uint8_t *value = &bit;
  if (view->type.id == LAM_TYPE_BOOL)
    bit = lam_bit_get(view->data, i);
  else
    value = (const uint8_t *)view->data + i * (lam_type_bits(&view->type) / 8);
  size_t size = lam_value_format(&view->type, value, to);
  if (writer->options.delimiter != ',' && memchr(to, writer->options.delimiter, size)) {
    char copy[LAM_VALUE_TEXT_ROOM];
    memcpy(copy, to, size);
    return put_quoted(out, lam_bytes_of(copy, size), error);
  }
  out->size += size;
  return LAM_OK;
}

static enum lam_status put_value(const struct lam_csv_writer *writer, const struct lam_csv_column *column, int64_t row,
                                 struct lam_buf *out, struct lam_error *error) {
  const struct lam_view *view = &column->view;
  if (!lam_view_valid(view, row)) return LAM_OK;
  if (view->dictionary_array) {
    row = lam_view_index(view, row);
    if (row < 0 || row >= column->values.length)
      return lam_fail(error, LAM_INVALID, "column \"%.100s\" has index %" PRId64 " into a dictionary of %" PRId64,
                      view->schema->name, row, column->values.length);
    view = &column->values;
    if (!lam_view_valid(view, row)) return LAM_OK;
  }
  switch (view->type.id) {
    case LAM_TYPE_STRING:
    case LAM_TYPE_LARGE_STRING: return put_string(writer, out, lam_view_bytes(view, row), error);
    case LAM_TYPE_BINARY:
    case LAM_TYPE_LARGE_BINARY:
    case LAM_TYPE_FIXED_BINARY: {
      struct lam_bytes bytes = lam_view_bytes(view, row);
      if (bytes.size == 0) return lam_buf_append(out, "\"\"", 2, error);
      return lam_binary_append(out, bytes, column->uuid, error);
    }
    default: return put_number(writer, out, view, row, error);
  }
}

/* ---- lines ---- */

static enum lam_status put_line_end(const struct lam_csv_writer *writer, struct lam_buf *out, struct lam_error *error) {
  return writer->options.crlf ? lam_buf_append(out, "\r\n", 2, error) : lam_buf_append(out, "\n", 1, error);
}

enum lam_status lam_csv_write_header(struct lam_csv_writer *writer, struct lam_buf *out, struct lam_error *error) {
  if (writer->options.no_header) return LAM_OK;
  for (int64_t i = 0; i < writer->column_count; i++) {
    const char *name = writer->schema->children[i]->name;
    if (i) LAM_TRY(lam_buf_append(out, &writer->options.delimiter, 1, error));
    LAM_TRY(put_string(writer, out, lam_bytes_of_string(name ? name : ""), error));
  }
  return put_line_end(writer, out, error);
}

static enum lam_status set_columns(struct lam_csv_writer *writer, const struct ArrowArray *batch, int64_t first,
                                   int64_t count, struct lam_error *error) {
  if (batch->n_children != writer->column_count || first < 0 || count < 0 || first > batch->length - count)
    return lam_fail(error, LAM_INVALID,
                    "a batch of %" PRId64 " columns and %" PRId64 " rows was to be written as CSV of %" PRId64
                    " columns, from row %" PRId64 " on %" PRId64,
                    batch->n_children, batch->length, writer->column_count, first, count);
  for (int64_t i = 0; i < writer->column_count; i++) {
    struct lam_csv_column *column = &writer->columns[i];
    LAM_TRY(lam_view_init(writer->schema->children[i], batch->children[i], &column->view, error));
    if (batch->offset + first + count > column->view.length)
      return lam_fail(error, LAM_INVALID, "column \"%.100s\" has %" PRId64 " rows, the batch %" PRId64,
                      writer->schema->children[i]->name, column->view.length, batch->length);
    if (column->view.dictionary_array) LAM_TRY(lam_view_dictionary(&column->view, &column->values, error));
  }
  return LAM_OK;
}

enum lam_status lam_csv_write(struct lam_csv_writer *writer, const struct ArrowArray *batch, int64_t first,
                              int64_t count, struct lam_buf *out, struct lam_error *error) {
  LAM_TRY(set_columns(writer, batch, first, count, error));
  for (int64_t row = batch->offset + first; row < batch->offset + first + count; row++) {
    for (int64_t i = 0; i < writer->column_count; i++) {
      if (i) LAM_TRY(lam_buf_append(out, &writer->options.delimiter, 1, error));
      LAM_TRY(put_value(writer, &writer->columns[i], row, out, error));
    }
    LAM_TRY(put_line_end(writer, out, error));
  }
  return LAM_OK;
}
