/* Lines are parsed by jansson, one at a time: what it allocates for a line is counted as a multiple of its length. */
#include "ops/json_read.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "arrow/tree_builder.h"
#include "arrow/value_text.h"
#include "base/context.h"
#include "ops/json_infer.h"

enum {
  DEFAULT_SAMPLE_ROWS = 100000,
  DEFAULT_SAMPLE_BYTES = 8 << 20,
  DEFAULT_ROW_BYTES = 16 << 20,
  DEFAULT_BATCH_ROWS = 65536,
  DEFAULT_BATCH_BYTES = 8 << 20,
  SMALLEST_WINDOW = 64,
  BYTES_PER_BYTE = 24, /* that a parsed line takes for each of its own: "1," is a value of 24 bytes and its place */
};

struct lam_json {
  struct lam_mem *mem;
  struct lam_json_options options;
  lam_csv_source source;
  void *user;

  /* The window of the input that is in memory: bytes [at, size) are still to be read. */
  struct lam_buf window;
  size_t at;
  bool at_end;
  uint64_t line; /* the one at `at`, from 1 */

  struct ArrowSchema schema;
  struct lam_tree_builder *columns;
  size_t charged; /* for the parsed line */
  bool failed;
};

/* ---- lines ---- */

/* Moves what is left to the front and reads more behind it; the window grows where one line fills it. */
static enum lam_status slide(struct lam_json *json, struct lam_error *error) {
  struct lam_buf *window = &json->window;
  size_t left = window->size - json->at, most = lam_max_u64(json->options.row_bytes, SMALLEST_WINDOW);
  if (json->at) memmove(window->data, window->data + json->at, left);
  window->size = left;
  json->at = 0;
  if (left > most)
    return lam_fail(error, LAM_LIMIT, "line %" PRIu64 " is longer than %zu bytes; JSON lines have an object on each",
                    json->line, most);
  if (left == window->capacity) LAM_TRY(lam_buf_reserve(window, left * 2, error));
  while (window->size < window->capacity && !json->at_end) {
    size_t got = 0;
    LAM_TRY(json->source(json->user, window->data + window->size, window->capacity - window->size, &got, error));
    json->at_end = got == 0;
    window->size += got;
  }
  return LAM_OK;
}

static bool is_blank(struct lam_bytes line) {
  for (size_t i = 0; i < line.size; i++)
    if (line.data[i] != ' ' && line.data[i] != '\t' && line.data[i] != '\r') return false;
  return true;
}

/* The next line that is not blank, without its end; *more is false behind the last one, or of those that the window
 * holds whole. json->at stays at its beginning, *next is behind it. */
static enum lam_status next_line(struct lam_json *json, bool may_slide, struct lam_bytes *line, size_t *next,
                                 bool *more, struct lam_error *error) {
  for (;; json->at = *next, json->line++) {
    const uint8_t *end = NULL;
    for (;;) {
      size_t left = json->window.size - json->at;
      end = left ? memchr(json->window.data + json->at, '\n', left) : NULL;
      if (end || json->at_end) break;
      *more = false;
      if (!may_slide) return LAM_OK;
      LAM_TRY(slide(json, error));
    }
    const uint8_t *begin = json->window.data + json->at;
    size_t size = end ? (size_t)(end - begin) : json->window.size - json->at;
    *line = lam_bytes_of(begin, size);
    *next = json->at + size + (end != NULL);
    *more = size > 0 || end;
    if (!*more || !is_blank(*line)) return LAM_OK;
  }
}

static enum lam_status charge(struct lam_json *json, size_t line_size, struct lam_error *error) {
  size_t wanted = line_size * BYTES_PER_BYTE;
  if (wanted <= json->charged) return LAM_OK;
  LAM_TRY(lam_mem_charge(json->mem, wanted - json->charged, error));
  json->charged = wanted;
  return LAM_OK;
}

/* Parses a line; the caller gives the value back by json_decref. */
static enum lam_status parse_line(struct lam_json *json, struct lam_bytes line, json_t **out, struct lam_error *error) {
  json_error_t problem;
  *out = NULL;
  enum lam_status status = charge(json, line.size, error);
  if (status != LAM_OK) return lam_fail_in(error, status, "line %" PRIu64, json->line);
  *out = json_loadb((const char *)line.data, line.size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &problem);
  if (!*out && json_error_code(&problem) == json_error_out_of_memory)
    return lam_fail(error, LAM_NO_MEMORY, "line %" PRIu64 ": no memory", json->line);
  if (!*out)
    return lam_fail(error, LAM_INVALID, "line %" PRIu64 ", byte %d: %s; expected an object of JSON on each line",
                    json->line, problem.position, problem.text);
  if (json_is_object(*out)) return LAM_OK;
  json_decref(*out);
  *out = NULL;
  return lam_fail(error, LAM_INVALID, "line %" PRIu64 ": an array; expected an object of JSON on each line",
                  json->line);
}

/* ---- the sample ---- */

/* The sample is read again as rows, so it ends with the window. */
static enum lam_status observe_sample(struct lam_json *json, struct lam_json_guess *guess, struct lam_arena *arena,
                                      struct lam_error *error) {
  size_t first = json->at;
  uint64_t first_line = json->line;
  for (int64_t rows = 0; rows < json->options.sample_rows; rows++) {
    struct lam_bytes line;
    size_t next;
    bool more;
    json_t *value;
    LAM_TRY(next_line(json, rows == 0, &line, &next, &more, error));
    if (!more) break;
    if (rows == 0) first = json->at, first_line = json->line;
    LAM_TRY(parse_line(json, line, &value, error));
    enum lam_status status = lam_json_observe(guess, value, arena, error);
    json_decref(value);
    if (status != LAM_OK) return lam_fail_in(error, status, "line %" PRIu64, json->line);
    json->at = next;
    json->line++;
  }
  json->at = first;
  json->line = first_line;
  return LAM_OK;
}

static const struct lam_type *given_type(const struct lam_json *json, struct lam_bytes name) {
  for (int32_t i = 0; i < json->options.type_count; i++)
    if (lam_bytes_equal(lam_bytes_of_string(json->options.types[i].column), name)) return &json->options.types[i].type;
  return NULL;
}

/* Columns whose type is given need not be in the sample. */
static enum lam_status make_schema(struct lam_json *json, const struct lam_json_guess *guess, struct lam_error *error) {
  int64_t count = guess->member_count, next = 0;
  for (int32_t i = 0; i < json->options.type_count; i++)
    count += !json->options.spare_types && !lam_json_member(guess, lam_bytes_of_string(json->options.types[i].column));
  LAM_TRY(lam_schema_init_struct("", count, &json->schema, error));
  for (const struct lam_json_guess *m = guess->members; m; m = m->next) {
    const struct lam_type *type = given_type(json, m->name);
    const char *name = (const char *)m->name.data;
    struct ArrowSchema *out = json->schema.children[next++];
    LAM_TRY(type ? lam_schema_init(type, name, true, out, error) : lam_json_field(m, name, out, error));
  }
  for (int32_t i = 0; i < json->options.type_count && !json->options.spare_types; i++) {
    const struct lam_csv_type *type = &json->options.types[i];
    if (!lam_json_member(guess, lam_bytes_of_string(type->column)))
      LAM_TRY(lam_schema_init(&type->type, type->column, true, json->schema.children[next++], error));
  }
  return LAM_OK;
}

static enum lam_status infer(struct lam_json *json, struct lam_error *error) {
  struct lam_json_guess guess = {.name = {NULL, 0}};
  struct lam_arena arena;
  lam_arena_init(&arena, json->mem);
  enum lam_status status = observe_sample(json, &guess, &arena, error);
  if (status == LAM_OK) status = make_schema(json, &guess, error);
  lam_arena_release(&arena);
  return status;
}

/* ---- opening ---- */

static void set_defaults(struct lam_json_options *options) {
  if (!options->sample_rows) options->sample_rows = DEFAULT_SAMPLE_ROWS;
  if (!options->sample_bytes) options->sample_bytes = DEFAULT_SAMPLE_BYTES;
  if (!options->row_bytes) options->row_bytes = DEFAULT_ROW_BYTES;
  if (!options->batch_rows) options->batch_rows = DEFAULT_BATCH_ROWS;
  if (!options->batch_bytes) options->batch_bytes = DEFAULT_BATCH_BYTES;
}

static void skip_byte_order_mark(struct lam_json *json) {
  if (json->window.size >= 3 && memcmp(json->window.data, "\xef\xbb\xbf", 3) == 0) json->at = 3;
}

static enum lam_status open_builders(struct lam_json *json, struct lam_error *error) {
  void *memory;
  int64_t count = json->schema.n_children;
  LAM_TRY(lam_alloc_zero(json->mem, (size_t)count * sizeof *json->columns, &memory, error));
  json->columns = memory;
  for (int64_t c = 0; c < count; c++)
    LAM_TRY(lam_tree_builder_init(&json->columns[c], json->mem, json->schema.children[c], error));
  return LAM_OK;
}

enum lam_status lam_json_open(struct lam_mem *mem, lam_csv_source source, void *user,
                              const struct lam_json_options *options, struct lam_json **out, struct lam_error *error) {
  struct lam_json *json;
  *out = NULL;
  LAM_TRY(lam_alloc_zero(mem, sizeof *json, (void **)&json, error));
  json->mem = mem;
  json->source = source;
  json->user = user;
  json->line = 1;
  if (options) json->options = *options;
  set_defaults(&json->options);
  lam_buf_init(&json->window, mem);
  enum lam_status status = lam_buf_reserve(&json->window, json->options.sample_bytes, error);
  if (status == LAM_OK) status = slide(json, error);
  if (status == LAM_OK) {
    skip_byte_order_mark(json);
    status = infer(json, error);
  }
  if (status == LAM_OK) status = open_builders(json, error);
  json->options.types = NULL; /* the caller's; not used from here on */
  if (status == LAM_OK)
    *out = json;
  else
    lam_json_close(json);
  return status;
}

void lam_json_close(struct lam_json *json) {
  if (!json) return;
  struct lam_mem *mem = json->mem;
  for (int64_t c = 0; json->columns && c < json->schema.n_children; c++) lam_tree_builder_release(&json->columns[c]);
  lam_free(mem, json->columns, (size_t)json->schema.n_children * sizeof *json->columns);
  lam_schema_release(&json->schema);
  lam_buf_release(&json->window);
  lam_mem_discharge(mem, json->charged);
  lam_free(mem, json, sizeof *json);
}

enum lam_status lam_json_schema(const struct lam_json *json, struct ArrowSchema *out, struct lam_error *error) {
  return lam_schema_copy(&json->schema, out, error);
}

/* ---- values ---- */

static enum lam_status append(struct lam_tree_builder *builder, const struct ArrowSchema *schema, const json_t *value,
                              struct lam_error *error);

/* The text of a value that is none, for columns of texts and for messages. */
static enum lam_status append_text(struct lam_tree_builder *builder, const json_t *value, struct lam_error *error) {
  char number[64];
  struct lam_bytes text;
  switch (json_typeof(value)) {
    case JSON_STRING: text = lam_bytes_of(json_string_value(value), json_string_length(value)); break;
    case JSON_INTEGER: text = lam_bytes_of(number, lam_int_format(json_integer_value(value), number)); break;
    case JSON_REAL: text = lam_bytes_of(number, lam_double_format(json_real_value(value), number)); break;
    case JSON_TRUE: text = lam_bytes_of_string("true"); break;
    case JSON_FALSE: text = lam_bytes_of_string("false"); break;
    default: {
      char *dumped = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
      if (!dumped) return lam_fail(error, LAM_NO_MEMORY, "no memory for the text of a value");
      enum lam_status status = lam_value_build(&builder->leaf, lam_bytes_of_string(dumped), error);
      free(dumped);
      return status;
    }
  }
  return lam_value_build(&builder->leaf, text, error);
}

static enum lam_status append_flat(struct lam_tree_builder *builder, const json_t *value, struct lam_error *error) {
  enum lam_type_id id = builder->type.id;
  if (id == LAM_TYPE_INT64 && json_is_integer(value)) {
    int64_t number = json_integer_value(value);
    LAM_TRY(lam_builder_fixed(&builder->leaf, &number, error));
  } else if (id == LAM_TYPE_FLOAT64 && json_is_number(value)) {
    double number = json_number_value(value);
    LAM_TRY(lam_builder_fixed(&builder->leaf, &number, error));
  } else if (id == LAM_TYPE_BOOL && json_is_boolean(value)) {
    LAM_TRY(lam_builder_bool(&builder->leaf, json_is_true(value), error));
  } else {
    LAM_TRY(append_text(builder, value, error));
  }
  return lam_tree_builder_row(builder, error);
}

static enum lam_status wrong_kind(const char *expected, const json_t *value, struct lam_error *error) {
  char *found = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY), quoted[72];
  lam_fail(error, LAM_INVALID, "expected %s, found %s", expected,
           lam_text_quote(lam_bytes_of_string(found ? found : ""), quoted, sizeof quoted));
  free(found);
  return LAM_INVALID;
}

static enum lam_status append_list(struct lam_tree_builder *builder, const struct ArrowSchema *schema,
                                   const json_t *value, struct lam_error *error) {
  if (!json_is_array(value)) return wrong_kind("an array", value, error);
  for (size_t i = 0; i < json_array_size(value); i++) {
    enum lam_status status = append(&builder->children[0], schema->children[0], json_array_get(value, i), error);
    if (status != LAM_OK) return lam_fail_in(error, status, "element %zu", i);
  }
  return lam_tree_builder_row(builder, error);
}

/* A member that is missing is NULL; one that there is no column for is refused, for it would be lost. */
static enum lam_status append_members(struct lam_tree_builder *columns, const struct ArrowSchema *schema,
                                      const json_t *value, struct lam_error *error) {
  size_t found = 0;
  char quoted[72];
  for (int64_t c = 0; c < schema->n_children; c++) {
    const char *name = schema->children[c]->name;
    const json_t *item = json_object_get(value, name);
    found += item != NULL;
    enum lam_status status =
        item ? append(&columns[c], schema->children[c], item, error) : lam_tree_builder_null(&columns[c], error);
    if (status != LAM_OK)
      return lam_fail_in(error, status, "%s", lam_text_quote(lam_bytes_of_string(name), quoted, sizeof quoted));
  }
  if (found == json_object_size(value)) return LAM_OK;
  const char *key;
  json_t *item;
  json_object_foreach((json_t *)(uintptr_t)value, key, item) {
    bool known = false;
    for (int64_t c = 0; c < schema->n_children && !known; c++) known = strcmp(schema->children[c]->name, key) == 0;
    if (!known) break;
  }
  return lam_fail(error, LAM_INVALID,
                  "the member %s is not in the lines that the schema was inferred from; give its type",
                  lam_text_quote(lam_bytes_of_string(key ? key : ""), quoted, sizeof quoted));
}

static enum lam_status append(struct lam_tree_builder *builder, const struct ArrowSchema *schema, const json_t *value,
                              struct lam_error *error) {
  if (json_is_null(value)) return lam_tree_builder_null(builder, error);
  if (builder->type.id == LAM_TYPE_LIST) return append_list(builder, schema, value, error);
  if (builder->type.id != LAM_TYPE_STRUCT) return append_flat(builder, value, error);
  if (!json_is_object(value)) return wrong_kind("an object", value, error);
  LAM_TRY(append_members(builder->children, schema, value, error));
  return lam_tree_builder_row(builder, error);
}

/* ---- batches ---- */

static enum lam_status read_rows(struct lam_json *json, int64_t *rows, struct lam_error *error) {
  size_t bytes = 0;
  for (*rows = 0; *rows < json->options.batch_rows && bytes < json->options.batch_bytes; ++*rows) {
    struct lam_bytes line;
    size_t next;
    bool more;
    json_t *value;
    LAM_TRY(next_line(json, true, &line, &next, &more, error));
    if (!more) return LAM_OK;
    bytes += line.size;
    LAM_TRY(parse_line(json, line, &value, error));
    enum lam_status status = append_members(json->columns, &json->schema, value, error);
    json_decref(value);
    if (status != LAM_OK) return lam_fail_in(error, status, "line %" PRIu64, json->line);
    json->at = next;
    json->line++;
  }
  return LAM_OK;
}

static enum lam_status make_batch(struct lam_json *json, int64_t rows, struct ArrowArray *out,
                                  struct lam_error *error) {
  LAM_TRY(lam_array_init_struct(rows, json->schema.n_children, out, error));
  enum lam_status status = LAM_OK;
  for (int64_t c = 0; status == LAM_OK && c < json->schema.n_children; c++)
    status = lam_tree_builder_finish(&json->columns[c], out->children[c], error);
  if (status != LAM_OK) lam_array_release(out);
  return status;
}

enum lam_status lam_json_next(struct lam_json *json, struct ArrowArray *out, struct lam_error *error) {
  int64_t rows;
  out->release = NULL;
  if (json->failed) return lam_fail(error, LAM_INVALID, "reading has failed before");
  LAM_TRY(lam_check_cancel(lam_mem_context(json->mem), error));
  enum lam_status status = read_rows(json, &rows, error);
  if (status == LAM_OK && rows > 0) status = make_batch(json, rows, out, error);
  json->failed = status != LAM_OK;
  return status;
}
