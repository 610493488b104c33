/* Decoding a chunk of a repeated column from its sidecar and bytes that were fetched from anywhere: a file of which
 * just these bytes are there is given to a reader. */
#include <inttypes.h>

#include "arrow/take.h"
#include "arrow/value_text.h"
#include "sidecar/pm_decode.h"

/* ---- the file ---- */

struct given {
  struct lam_store base;
  struct lam_input input;
  const struct pm_given_chunk *chunk;
};

enum { FILE_END = 8 }; /* bytes behind the chunk that a file would have at least, which are not asked for */

static enum lam_status given_open(struct lam_store *store, const char *key, struct lam_input **out,
                                  struct lam_object_info *info, struct lam_error *error) {
  struct given *given = (struct given *)store;
  (void)key, (void)error;
  given->input = (struct lam_input){store};
  *info = (struct lam_object_info){.kind = LAM_OBJECT_FILE,
                                   .size = given->chunk->offset + given->chunk->bytes.size + FILE_END};
  *out = &given->input;
  return LAM_OK;
}

static enum lam_status given_read(struct lam_input *input, uint64_t offset, void *to, size_t size,
                                  struct lam_error *error) {
  const struct pm_given_chunk *chunk = ((const struct given *)input->store)->chunk;
  return pm_given_read(chunk, offset, to, size, error);
}

static void given_close(struct lam_input *input) {
  (void)input;
}

static const struct lam_store_ops given_ops = {
    .kind = "given", .open = given_open, .read = given_read, .close_input = given_close};

static enum lam_status describe(void *user, const struct lam_file *file, struct lam_arena *arena, bool *there,
                                struct lam_file_meta *out, uint64_t *footer_size, struct lam_error *error) {
  const struct pm_given_chunk *chunk = user;
  (void)file, (void)arena, (void)error;
  *out = *chunk->meta;
  out->row_groups += chunk->row_group;
  out->row_group_count = 1;
  out->rows = out->row_groups->rows;
  *footer_size = 0;
  *there = true;
  return LAM_OK;
}

static void close_describer(void *user) {
  (void)user;
}

/* ---- rows ---- */

/* The batches of the row group, of one column each. */
struct batches {
  struct lam_arena arena;
  struct ArrowArray **columns; /* in the arena, each a batch's child, moved */
  size_t count, room;
  struct lam_row *rows; /* that are wanted of them */
  int64_t wanted;
};

static enum lam_status add_batch(struct batches *b, struct ArrowArray *batch, struct lam_error *error) {
  void *items = b->columns;
  struct ArrowArray *column;
  LAM_TRY(lam_arena_array(&b->arena, 1, sizeof *column, (void **)&column, error));
  LAM_TRY(lam_vector_grow(&b->arena, &items, b->count, &b->room, sizeof *b->columns, error));
  b->columns = items;
  *column = *batch->children[0];
  batch->children[0]->release = NULL;
  b->columns[b->count++] = column;
  return LAM_OK;
}

static enum lam_status read_batches(struct lam_reader *reader, struct batches *b, struct lam_error *error) {
  for (;;) {
    struct ArrowArray batch;
    LAM_TRY(lam_reader_next(reader, &batch, error));
    if (!batch.release) return LAM_OK;
    enum lam_status status = add_batch(b, &batch, error);
    lam_array_release(&batch);
    LAM_TRY(status);
  }
}

/* Rows [first, end) of the row group. */
static void want_rows(struct batches *b, struct lam_range range) {
  int64_t before = 0;
  for (size_t i = 0; i < b->count; before += b->columns[i++]->length) {
    int64_t first = lam_max_i64(range.first, before), end = lam_min_i64(range.end, before + b->columns[i]->length);
    for (int64_t row = first; row < end; row++)
      b->rows[b->wanted++] = (struct lam_row){(uint32_t)i, (uint32_t)(row - before)};
  }
}

static enum lam_status take(const struct pm_given_chunk *chunk, struct batches *b, const struct ArrowSchema *field,
                            struct ArrowArray *out, struct lam_error *error) {
  struct lam_range all = {0, 0};
  for (size_t i = 0; i < b->count; i++) all.end += b->columns[i]->length;
  if (!chunk->rows && b->count == 1) {
    *out = *b->columns[0];
    b->columns[0]->release = NULL;
    return LAM_OK;
  }
  LAM_TRY(lam_arena_array(&b->arena, (size_t)all.end + 1, sizeof *b->rows, (void **)&b->rows, error));
  for (size_t i = 0; i < (chunk->rows ? chunk->range_count : 1); i++) want_rows(b, chunk->rows ? chunk->rows[i] : all);
  return lam_take_column(chunk->mem, field, b->columns, (uint32_t)b->count, b->rows, b->wanted, out, error);
}

static enum lam_status read_column(struct lam_reader *reader, const struct pm_given_chunk *chunk,
                                   struct ArrowSchema *schema, struct ArrowArray *array, struct lam_error *error) {
  struct ArrowSchema all;
  struct batches b = {.count = 0};
  LAM_TRY(lam_reader_schema(reader, &all, error));
  lam_arena_init(&b.arena, chunk->mem);
  enum lam_status status = read_batches(reader, &b, error);
  if (status == LAM_OK) status = take(chunk, &b, all.children[0], array, error);
  if (status == LAM_OK) {
    *schema = *all.children[0];
    all.children[0]->release = NULL;
  }
  for (size_t i = 0; i < b.count; i++) lam_array_release(b.columns[i]);
  lam_arena_release(&b.arena);
  lam_schema_release(&all);
  return status;
}

/* ---- the type ---- */

static enum lam_status check_texts(const struct ArrowSchema *field, const struct ArrowArray *values,
                                   struct lam_error *error) {
  struct lam_view view;
  LAM_TRY(lam_view_init(field, values, &view, error));
  for (int64_t i = 0; i < view.length; i++)
    LAM_CHECK(!lam_view_valid(&view, i) || lam_utf8_valid(lam_view_bytes(&view, i)), error,
              "value %" PRId64 " of what was asked for is no UTF-8 text", i);
  return LAM_OK;
}

static enum lam_status override_type(enum lam_type_id id, struct ArrowSchema *schema, const struct ArrowArray *array,
                                     struct lam_error *error) {
  const struct lam_type type = {.id = id, .timezone = ""};
  while (schema->n_children) { /* all but one of a struct's members have been left out */
    schema = schema->children[0];
    array = array->children[0];
  }
  if (strcmp(schema->format, "u") != 0 && strcmp(schema->format, "z") != 0)
    return lam_fail(error, LAM_INVALID, "the column holds neither strings nor binaries");
  if (id == LAM_TYPE_STRING) LAM_TRY(check_texts(schema, array, error));
  struct ArrowSchema old = *schema;
  enum lam_status status = lam_schema_init(&type, old.name, old.flags & ARROW_FLAG_NULLABLE, schema, error);
  if (status != LAM_OK) *schema = old;
  if (status == LAM_OK) lam_schema_release(&old);
  return status;
}

/* ---- all of it ---- */

static enum lam_status decode(struct lam_file *file, const struct pm_given_chunk *chunk, int type,
                              struct ArrowSchema *schema, struct ArrowArray *array, struct lam_error *error) {
  static const struct lam_reader_mode mode = {.one_thread = true};
  struct lam_read_options options = LAM_READ_OPTIONS_INIT;
  struct lam_reader *reader;
  options.leaves = &chunk->leaf;
  options.leaf_count = 1;
  options.batch_rows = INT32_MAX;
  LAM_TRY(lam_reader_open_as(file, &options, &mode, chunk->mem, &reader, error));
  enum lam_status status = read_column(reader, chunk, schema, array, error);
  lam_reader_close(reader);
  if (status != LAM_OK || type == LAM_DECODE_AS_STORED) return status;
  status = override_type(type == LAM_DECODE_STRINGS ? LAM_TYPE_STRING : LAM_TYPE_BINARY, schema, array, error);
  if (status == LAM_OK) return LAM_OK;
  lam_array_release(array);
  lam_schema_release(schema);
  return status;
}

enum lam_status pm_decode_nested(const struct pm_given_chunk *chunk, const struct lam_sidecar_decode_options *options,
                                 struct lam_context *context, struct ArrowSchema *schema, struct ArrowArray *array,
                                 struct lam_error *error) {
  struct given store = {.base = {&given_ops, context, chunk->name}, .chunk = chunk};
  const struct lam_file_describer describer = {describe, close_describer, (void *)(uintptr_t)chunk, NULL};
  struct lam_file_options opened = LAM_FILE_OPTIONS_INIT;
  struct lam_file *file;
  opened.no_checksums = options->no_checksums;
  LAM_TRY(lam_file_open_described(&store.base, "chunk", &opened, &describer, chunk->mem, &file, error));
  enum lam_status status = decode(file, chunk, options->type, schema, array, error);
  lam_file_close(file);
  return status;
}
