/* Decoding a chunk from its sidecar and bytes that were fetched from anywhere. */
#include <assert.h>
#include <inttypes.h>

#include "arrow/array.h"
#include "arrow/value_text.h"
#include "base/options.h"
#include "parquet/pull.h"
#include "sidecar/pm_decode.h"

struct decoding {
  struct lam_sidecar *sidecar;
  const struct lam_sidecar_decode_options *options;
  struct lam_arena arena;
  struct lam_file_meta meta; /* of the chunk's column alone */
  struct lam_leaf leaf;
  int32_t node; /* of the leaf */
  struct lam_chunk_source source;
  struct pm_given_chunk given;
  struct lam_range *rows;
  int64_t row_count;
  struct lam_shared *buffers[3]; /* validity, then offsets and values, or values */
};

/* ---- the description ---- */

static enum lam_status find_leaf(struct decoding *d, int32_t column, struct lam_error *error) {
  struct lam_sidecar *sidecar = d->sidecar;
  struct pm_top top = {column, {NULL, 0}};
  struct lam_schema_node node;
  struct pm_column described;
  int32_t leaf = 0;
  if (sidecar->schema.data && sidecar->file.data) {
    LAM_TRY(pm_top_of_leaf(sidecar, column, &top.node, &node, error));
    leaf = column - node.leaf;
    LAM_TRY(lam_sidecar_meta_of(sidecar, &top, 1, &d->arena, &d->meta, error));
  } else {
    LAM_TRY(pm_column(sidecar, column, &described, &top.name, error));
    LAM_TRY(pm_described_meta(sidecar, &top, 1, &d->arena, &d->meta, error));
  }
  LAM_CHECK(leaf >= 0 && leaf < d->meta.leaf_count, error, "%s: its schema has column %" PRId32 " in another place",
            sidecar->name, column);
  d->node = d->meta.leaves[leaf];
  d->given.meta = &d->meta;
  d->given.leaf = leaf;
  return lam_leaf_of_node(&d->meta, d->node, &d->leaf, error);
}

enum lam_status pm_given_read(const struct pm_given_chunk *chunk, uint64_t offset, void *to, size_t size,
                              struct lam_error *error) {
  uint64_t from = offset - chunk->offset;
  LAM_CHECK(offset >= chunk->offset && from <= chunk->bytes.size && size <= chunk->bytes.size - from, error,
            "%zu bytes at byte %" PRIu64 " of the file are asked for; %zu from byte %" PRIu64 " on were given", size,
            offset, chunk->bytes.size, chunk->offset);
  lam_copy(to, chunk->bytes.data + from, size);
  return LAM_OK;
}

static enum lam_status read_bytes(const void *user, uint64_t offset, void *to, size_t size, struct lam_error *error) {
  return pm_given_read(&((const struct decoding *)user)->given, offset, to, size, error);
}

static enum lam_status describe_source(struct decoding *d, int32_t row_group, int32_t column, struct lam_error *error) {
  struct pm_chunk chunk;
  uint64_t rows;
  LAM_TRY(pm_chunk(d->sidecar, row_group, column, &chunk, NULL, error));
  LAM_TRY(pm_rows(d->sidecar, row_group, &rows, error));
  struct lam_bytes bytes = d->given.bytes;
  if (chunk.size != bytes.size)
    return lam_fail(error, LAM_INVALID, "%zu bytes were given; row group %" PRId32 ", column %" PRId32 " has %" PRIu64,
                    bytes.size, row_group, column, chunk.size);
  d->given.offset = chunk.offset;
  d->given.row_group = row_group;
  LAM_CHECK(chunk.values == rows || d->leaf.max_repetition > 0, error,
            "%s: row group %" PRId32 ", column %" PRId32 ": %" PRIu64 " values in %" PRIu64 " rows", d->sidecar->name,
            row_group, column, chunk.values, rows);
  d->source = (struct lam_chunk_source){
      .bytes = {.read = read_bytes, .user = d, .resident = bytes, .resident_offset = chunk.offset},
      .offset = chunk.offset,
      .size = chunk.size,
      .window = 1 << 16,
      .codec = (enum lam_codec)chunk.codec,
      .leaf = &d->leaf,
      .values = (int64_t)rows,
      .rows = (int64_t)rows,
      .checksums = !d->options->no_checksums,
  };
  return LAM_OK;
}

/* The rows wanted, as ranges that ascend. */
static enum lam_status take_rows(struct decoding *d, struct lam_error *error) {
  const struct lam_sidecar_decode_options *options = d->options;
  int64_t end = 0;
  d->row_count = d->source.rows;
  if (!options->rows) return LAM_OK;
  d->row_count = 0;
  LAM_TRY(lam_arena_array(&d->arena, options->row_count + 1, sizeof *d->rows, (void **)&d->rows, error));
  for (size_t i = 0; i < options->row_count; i++) {
    const struct lam_plan_rows *given = &options->rows[i];
    if (given->first < end || given->end <= given->first || given->end > d->source.rows)
      return lam_fail(error, LAM_INVALID,
                      "rows %" PRId64 " to %" PRId64 " are asked for; ranges ascend and lie within %" PRId64 " rows",
                      given->first, given->end, d->source.rows);
    d->rows[i] = (struct lam_range){given->first, given->end};
    d->row_count += given->end - given->first;
    end = given->end;
  }
  return LAM_OK;
}

/* ---- the array ---- */

static enum lam_status check_texts(const struct decoding *d, const struct lam_decode_buffers *found,
                                   struct lam_error *error) {
  for (int64_t i = 0; i < found->rows; i++) {
    const int32_t *at = &found->offsets[i];
    LAM_CHECK(lam_utf8_valid(lam_bytes_of(found->values + at[0], (size_t)(at[1] - at[0]))), error,
              "%s: row %" PRId64 " of what was asked for is no UTF-8 text", d->sidecar->name, i);
  }
  return LAM_OK;
}

static enum lam_status decode_buffers(struct decoding *d, struct lam_decode_buffers *found, struct lam_error *error) {
  struct lam_mem *mem = d->sidecar->mem;
  if (d->row_count > INT32_MAX)
    return lam_fail(error, LAM_LIMIT, "%" PRId64 " rows are too many for one array; ask for fewer", d->row_count);
  size_t rows = (size_t)d->row_count, bits = rows / 8 + 1;
  bool binary = lam_type_is_binary(d->leaf.type.id);
  int width = lam_type_bits(&d->leaf.type);
  if (d->leaf.type.id == LAM_TYPE_FIXED_BINARY) width = d->leaf.type_length * 8;
  size_t values = binary ? d->given.bytes.size + 64 : rows * (size_t)(width ? width : 64) / 8 + 64;
  LAM_TRY(lam_shared_create(mem, bits, &d->buffers[0], error));
  if (binary) LAM_TRY(lam_shared_create(mem, (rows + 1) * sizeof(int32_t), &d->buffers[1], error));
  struct lam_shared **last = &d->buffers[binary ? 2 : 1];
  for (;;) {
    LAM_TRY(lam_shared_create(mem, values, last, error));
    *found = (struct lam_decode_buffers){.validity = d->buffers[0]->data,
                                         .validity_size = d->buffers[0]->capacity,
                                         .values = (*last)->data,
                                         .values_size = (*last)->capacity};
    if (binary) {
      found->offsets = (int32_t *)(void *)d->buffers[1]->data;
      found->offsets_size = d->buffers[1]->capacity;
    }
    enum lam_status status =
        d->row_count ? lam_chunk_decode(&d->source, d->rows, d->rows ? d->options->row_count : 0, mem, found, error)
                     : LAM_OK;
    if (status != LAM_LIMIT || found->values_needed <= found->values_size) return status;
    values = found->values_needed; /* dictionary entries are repeated */
    lam_shared_release(*last);
    *last = NULL;
  }
}

static enum lam_status decode_column(struct decoding *d, struct ArrowSchema *schema, struct ArrowArray *array,
                                     struct lam_error *error) {
  struct lam_decode_buffers found;
  struct lam_type type = d->leaf.type;
  bool binary = lam_type_is_binary(type.id);
  const struct lam_schema_node *node = &d->meta.nodes[d->node];
  char *name;
  LAM_TRY(decode_buffers(d, &found, error));
  if (d->row_count == 0 && binary) memset(d->buffers[1]->data, 0, sizeof(int32_t));
  if (d->options->type != LAM_DECODE_AS_STORED && !binary)
    return lam_fail(error, LAM_INVALID, "%s: the column holds neither strings nor binaries", d->sidecar->name);
  if (d->options->type == LAM_DECODE_STRINGS) {
    LAM_TRY(check_texts(d, &found, error));
    type = (struct lam_type){.id = LAM_TYPE_STRING, .timezone = ""};
  } else if (d->options->type == LAM_DECODE_BINARIES) {
    type = (struct lam_type){.id = LAM_TYPE_BINARY, .timezone = ""};
  }
  LAM_TRY(lam_arena_string(&d->arena, node->name, &name, error));
  LAM_TRY(lam_schema_init(&type, name, d->leaf.max_definition > 0, schema, error));
  if (d->leaf.max_definition == 0 || found.nulls == 0) {
    lam_shared_release(d->buffers[0]);
    d->buffers[0] = NULL;
  }
  enum lam_status status = lam_array_init(d->row_count, found.nulls, binary ? 3 : 2, d->buffers, NULL, array, error);
  if (status != LAM_OK) lam_schema_release(schema);
  return status;
}

static enum lam_status decode_repeated(struct decoding *d, struct ArrowSchema *schema, struct ArrowArray *array,
                                       struct lam_error *error) {
  struct lam_mem *mem = d->sidecar->mem;
  d->given.rows = d->rows;
  d->given.range_count = d->options->row_count;
  LAM_TRY(lam_arena_string(&d->arena, lam_bytes_of_string(d->sidecar->name), &d->given.name, error));
  return pm_decode_nested(&d->given, d->options, lam_mem_context(mem), schema, array, error);
}

enum lam_status lam_sidecar_decode(struct lam_sidecar *sidecar, int32_t row_group, int32_t column, const void *bytes,
                                   size_t size, const struct lam_sidecar_decode_options *given,
                                   struct ArrowSchema *schema, struct ArrowArray *array, struct lam_error *error) {
  struct lam_sidecar_decode_options options = LAM_SIDECAR_DECODE_OPTIONS_INIT;
  schema->release = NULL;
  array->release = NULL;
  LAM_TRY(lam_options_read(given, "LAM_SIDECAR_DECODE_OPTIONS_INIT", &options, sizeof options, error));
  if (options.type < LAM_DECODE_AS_STORED || options.type > LAM_DECODE_BINARIES)
    return lam_fail(error, LAM_INVALID, "there is no way %d to decode values", options.type);
  struct decoding d = {.sidecar = sidecar, .options = &options};
  d.given = (struct pm_given_chunk){.bytes = lam_bytes_of(bytes, size), .mem = sidecar->mem};
  lam_arena_init(&d.arena, sidecar->mem);
  enum lam_status status = find_leaf(&d, column, error);
  if (status == LAM_OK) status = describe_source(&d, row_group, column, error);
  if (status == LAM_OK) status = take_rows(&d, error);
  if (status == LAM_OK)
    status =
        d.leaf.max_repetition ? decode_repeated(&d, schema, array, error) : decode_column(&d, schema, array, error);
  for (int i = 0; i < 3; i++) lam_shared_release(d.buffers[i]);
  lam_arena_release(&d.arena);
  return lam_fail_in(error, status, "decoding row group %" PRId32 ", column %" PRId32, row_group, column);
}
