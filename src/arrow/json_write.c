#include "arrow/json_write.h"

#include <inttypes.h>
#include <stdio.h>

#include "arrow/value_text.h"
#include "base/error.h"

enum { DEEPEST = 64 };

/* A node of the schema's tree and its array in the batch that is being written. */
struct lam_json_column {
  const struct ArrowSchema *schema;
  struct lam_view view, values; /* `values` is the dictionary's */
  struct lam_buf name;          /* "\"name\":", ready to be copied */
  int64_t next;                 /* the node behind this one and all that are in it */
  bool uuid;
};

static enum lam_status count_nodes(const struct ArrowSchema *schema, int depth, int64_t *count,
                                   struct lam_error *error) {
  if (depth > DEEPEST) return lam_fail(error, LAM_UNSUPPORTED, "a column is nested deeper than %d levels", DEEPEST);
  ++*count;
  for (int64_t i = 0; i < schema->n_children; i++) LAM_TRY(count_nodes(schema->children[i], depth + 1, count, error));
  return LAM_OK;
}

static enum lam_status add_nodes(struct lam_json_writer *writer, const struct ArrowSchema *schema, int64_t *place,
                                 struct lam_error *error) {
  struct lam_json_column *column = &writer->columns[(*place)++];
  column->schema = schema;
  column->uuid = lam_is_uuid(schema);
  LAM_TRY(lam_json_string(&column->name, lam_bytes_of_string(schema->name ? schema->name : ""), error));
  LAM_TRY(lam_buf_append(&column->name, ":", 1, error));
  for (int64_t i = 0; i < schema->n_children; i++) LAM_TRY(add_nodes(writer, schema->children[i], place, error));
  column->next = *place;
  return LAM_OK;
}

enum lam_status lam_json_writer_init(struct lam_json_writer *writer, struct lam_mem *mem,
                                     const struct ArrowSchema *schema, struct lam_error *error) {
  int64_t count = 0, place = 0;
  void *columns;
  memset(writer, 0, sizeof *writer);
  LAM_TRY(count_nodes(schema, 0, &count, error));
  LAM_TRY(lam_alloc_zero(mem, (size_t)count * sizeof *writer->columns, &columns, error));
  writer->mem = mem;
  writer->schema = schema;
  writer->columns = columns;
  writer->column_count = count;
  for (int64_t i = 0; i < count; i++) lam_buf_init(&writer->columns[i].name, mem);
  enum lam_status status = add_nodes(writer, schema, &place, error);
  if (status != LAM_OK) lam_json_writer_release(writer);
  return status;
}

void lam_json_writer_release(struct lam_json_writer *writer) {
  for (int64_t i = 0; i < writer->column_count; i++) lam_buf_release(&writer->columns[i].name);
  if (writer->mem) lam_free(writer->mem, writer->columns, (size_t)writer->column_count * sizeof *writer->columns);
  memset(writer, 0, sizeof *writer);
}

/* ---- strings ---- */

/* The letter of a two-character escape, 1 for other characters that need one, 0 for the rest. */
static char escape_of(uint8_t c) {
  switch (c) {
    case '"':
    case '\\': return (char)c;
    case '\b': return 'b';
    case '\f': return 'f';
    case '\n': return 'n';
    case '\r': return 'r';
    case '\t': return 't';
    default: return c < 0x20 || c == 0x7f;
  }
}

static enum lam_status put_escape(struct lam_buf *out, uint8_t c, struct lam_error *error) {
  char text[8];
  char letter = escape_of(c);
  int size = letter == 1 ? snprintf(text, sizeof text, "\\u%04x", c) : snprintf(text, sizeof text, "\\%c", letter);
  return lam_buf_append(out, text, (size_t)size, error);
}

enum lam_status lam_json_string(struct lam_buf *out, struct lam_bytes text, struct lam_error *error) {
  if (text.size == 0) return lam_buf_append(out, "\"\"", 2, error);
  const uint8_t *p = text.data, *end = p + text.size;
  LAM_TRY(lam_buf_append(out, "\"", 1, error));
  while (p < end) {
    const uint8_t *start = p;
    size_t length = 1;
    while (p < end && (length = lam_utf8_length(lam_bytes_of(p, (size_t)(end - p)))) && !escape_of(*p)) p += length;
    LAM_TRY(lam_buf_append(out, start, (size_t)(p - start), error));
    if (p == end) break;
    LAM_TRY(length ? put_escape(out, *p, error) : lam_buf_append(out, "\xef\xbf\xbd", 3, error));
    p++;
  }
  return lam_buf_append(out, "\"", 1, error);
}

/* ---- values ---- */

static enum lam_status put_text(struct lam_buf *out, const char *text, struct lam_error *error) {
  return lam_buf_append(out, text, strlen(text), error);
}

static bool is_number(enum lam_type_id id) {
  return id >= LAM_TYPE_INT8 && id <= LAM_TYPE_DECIMAL256;
}

/* JSON has no NaN and no infinities: they are the strings that JavaScript and Protocol Buffers have for them. */
static const char *special_of(const char *text, size_t size) {
  if (size == 3 && !memcmp(text, "nan", 3)) return "\"NaN\"";
  if (size == 3 && !memcmp(text, "inf", 3)) return "\"Infinity\"";
  if (size == 4 && !memcmp(text, "-inf", 4)) return "\"-Infinity\"";
  return NULL;
}

static enum lam_status put_fixed(struct lam_buf *out, const struct lam_view *view, int64_t row,
                                 struct lam_error *error) {
  int64_t i = view->offset + row;
  LAM_TRY(lam_buf_room(out, LAM_VALUE_TEXT_ROOM + 2, error));
  char *to = (char *)out->data + out->size;
  uint8_t bit = view->type.id == LAM_TYPE_BOOL && lam_bit_get(view->data, i);
  const uint8_t *value =
      view->type.id == LAM_TYPE_BOOL ? &bit : (const uint8_t *)view->data + i * (lam_type_bits(&view->type) / 8);
  bool bare = view->type.id == LAM_TYPE_BOOL || is_number(view->type.id);
  if (!bare) *to = '"';
  size_t size = lam_value_format(&view->type, value, to + !bare);
  const char *special = bare ? special_of(to, size) : NULL;
  if (special) return put_text(out, special, error);
  if (!bare) to[size + 1] = '"';
  out->size += size + (bare ? 0 : 2);
  return LAM_OK;
}

static enum lam_status put_flat(struct lam_buf *out, const struct lam_view *view, int64_t row, bool uuid,
                                struct lam_error *error) {
  switch (view->type.id) {
    case LAM_TYPE_STRING:
    case LAM_TYPE_LARGE_STRING: return lam_json_string(out, lam_view_bytes(view, row), error);
    case LAM_TYPE_BINARY:
    case LAM_TYPE_LARGE_BINARY:
    case LAM_TYPE_FIXED_BINARY:
      LAM_TRY(put_text(out, "\"", error));
      LAM_TRY(lam_binary_append(out, lam_view_bytes(view, row), uuid, error));
      return put_text(out, "\"", error);
    default: return put_fixed(out, view, row, error);
  }
}

/* A key of an object: what is not a string is put in quotes. */
static enum lam_status put_key(struct lam_buf *out, const struct lam_json_column *key, int64_t row,
                               struct lam_error *error) {
  struct lam_buf text;
  if (!lam_view_valid(&key->view, row)) return put_text(out, "\"null\":", error);
  lam_buf_init(&text, out->mem);
  enum lam_status status = key->uuid ? lam_binary_append(&text, lam_view_bytes(&key->view, row), true, error)
                                     : lam_value_text(&key->view, row, &text, error);
  if (status == LAM_OK) status = lam_json_string(out, lam_bytes_of(text.data, text.size), error);
  if (status == LAM_OK) status = put_text(out, ":", error);
  lam_buf_release(&text);
  return status;
}

static enum lam_status put_value(const struct lam_json_writer *writer, int64_t place, int64_t row, struct lam_buf *out,
                                 struct lam_error *error);

/* The elements of row `row`, as rows of the child. */
static void span_of(const struct lam_view *view, int64_t row, int64_t *first, int64_t *end) {
  int64_t i = view->offset + row;
  if (view->offsets32)
    *first = view->offsets32[i], *end = view->offsets32[i + 1];
  else if (view->offsets64)
    *first = view->offsets64[i], *end = view->offsets64[i + 1];
  else
    *first = i * view->type.byte_width, *end = *first + view->type.byte_width;
}

static enum lam_status check_span(const struct lam_json_column *column, int64_t first, int64_t end, int64_t length,
                                  struct lam_error *error) {
  if (first >= 0 && first <= end && end <= length) return LAM_OK;
  return lam_fail(error, LAM_INVALID,
                  "a row of column \"%.100s\" has the elements %" PRId64 " to %" PRId64 " of %" PRId64,
                  column->schema->name, first, end, length);
}

static enum lam_status put_list(const struct lam_json_writer *writer, int64_t place, int64_t row, struct lam_buf *out,
                                struct lam_error *error) {
  const struct lam_json_column *column = &writer->columns[place];
  int64_t i, end;
  span_of(&column->view, row, &i, &end);
  LAM_TRY(check_span(column, i, end, writer->columns[place + 1].view.length, error));
  LAM_TRY(put_text(out, "[", error));
  for (bool first = true; i < end; i++, first = false) {
    if (!first) LAM_TRY(put_text(out, ",", error));
    LAM_TRY(put_value(writer, place + 1, i, out, error));
  }
  return put_text(out, "]", error);
}

/* A map is a list of structs of two: key and value. */
static enum lam_status put_map(const struct lam_json_writer *writer, int64_t place, int64_t row, struct lam_buf *out,
                               struct lam_error *error) {
  const struct lam_json_column *column = &writer->columns[place], *entries = column + 1, *key = column + 2;
  int64_t i, end;
  span_of(&column->view, row, &i, &end);
  LAM_TRY(check_span(column, i, end, entries->view.length, error));
  LAM_TRY(put_text(out, "{", error));
  for (bool first = true; i < end; i++, first = false) {
    if (!first) LAM_TRY(put_text(out, ",", error));
    LAM_TRY(put_key(out, key, entries->view.offset + i, error));
    LAM_TRY(put_value(writer, key->next, entries->view.offset + i, out, error));
  }
  return put_text(out, "}", error);
}

static enum lam_status put_struct(const struct lam_json_writer *writer, int64_t place, int64_t row, struct lam_buf *out,
                                  struct lam_error *error) {
  const struct lam_json_column *column = &writer->columns[place];
  LAM_TRY(put_text(out, "{", error));
  for (int64_t child = place + 1; child < column->next; child = writer->columns[child].next) {
    const struct lam_buf *name = &writer->columns[child].name;
    if (child > place + 1) LAM_TRY(put_text(out, ",", error));
    LAM_TRY(lam_buf_append(out, name->data, name->size, error));
    LAM_TRY(put_value(writer, child, column->view.offset + row, out, error));
  }
  return put_text(out, "}", error);
}

static enum lam_status put_value(const struct lam_json_writer *writer, int64_t place, int64_t row, struct lam_buf *out,
                                 struct lam_error *error) {
  const struct lam_json_column *column = &writer->columns[place];
  const struct lam_view *view = &column->view;
  if (!lam_view_valid(view, row)) return put_text(out, "null", error);
  if (view->dictionary_array) {
    row = lam_view_index(view, row);
    view = &column->values;
    LAM_TRY(check_span(column, row, row + 1, view->length, error));
    if (!lam_view_valid(view, row)) return put_text(out, "null", error);
  }
  switch (view->type.id) {
    case LAM_TYPE_LIST:
    case LAM_TYPE_LARGE_LIST:
    case LAM_TYPE_FIXED_LIST: return put_list(writer, place, row, out, error);
    case LAM_TYPE_MAP: return put_map(writer, place, row, out, error);
    case LAM_TYPE_STRUCT: return put_struct(writer, place, row, out, error);
    default: return put_flat(out, view, row, column->uuid, error);
  }
}

/* ---- batches ---- */

static enum lam_status set_views(struct lam_json_writer *writer, int64_t *place, const struct ArrowArray *array,
                                 struct lam_error *error) {
  struct lam_json_column *column = &writer->columns[(*place)++];
  LAM_TRY(lam_view_init(column->schema, array, &column->view, error));
  if (column->view.dictionary_array) {
    LAM_TRY(lam_view_dictionary(&column->view, &column->values, error));
    if (lam_type_is_nested(column->values.type.id))
      return lam_fail(error, LAM_UNSUPPORTED, "the dictionary of column \"%.100s\" holds nested values",
                      column->schema->name);
  }
  enum lam_type_id id = column->view.type.id;
  for (int64_t i = 0; i < array->n_children; i++) {
    const struct lam_json_column *child = &writer->columns[*place];
    LAM_TRY(set_views(writer, place, array->children[i], error));
    if (id == LAM_TYPE_STRUCT && child->view.length < array->offset + array->length)
      return lam_fail(error, LAM_INVALID, "column \"%.100s\" has %" PRId64 " rows, the struct it is in %" PRId64,
                      child->schema->name, child->view.length, array->offset + array->length);
    if (id == LAM_TYPE_MAP && (child->view.type.id != LAM_TYPE_STRUCT || child->schema->n_children != 2 ||
                               lam_type_is_nested((child + 1)->view.type.id)))
      return lam_fail(error, LAM_UNSUPPORTED, "the map \"%.100s\" has no keys and values, or nested keys",
                      column->schema->name);
  }
  return LAM_OK;
}

enum lam_status lam_json_write(struct lam_json_writer *writer, const struct ArrowArray *batch, int64_t first,
                               int64_t count, struct lam_buf *out, struct lam_error *error) {
  int64_t place = 0;
  if (first < 0 || count < 0 || first > batch->length - count)
    return lam_fail(error, LAM_INVALID,
                    "rows %" PRId64 " to %" PRId64 " of a batch of %" PRId64 " were to be written as JSON", first,
                    first + count, batch->length);
  LAM_TRY(set_views(writer, &place, batch, error));
  for (int64_t row = first; row < first + count; row++) {
    LAM_TRY(put_struct(writer, 0, row, out, error));
    LAM_TRY(put_text(out, "\n", error));
  }
  return LAM_OK;
}
