/* A file's metadata from its sidecar, in the form that its footer would give. */
#include <inttypes.h>

#include "parquet/thrift.h"
#include "sidecar/sidecar.h"

/* A row group, as the source of what its chunks' metadata leave out. */
struct described {
  struct lam_chunk_describer base;
  struct lam_sidecar *sidecar;
  int32_t row_group;
  const uint8_t *chunks; /* of its block */
  const uint8_t *extras; /* NULL: records are looked up one by one, since few columns are wanted */
};

/* A chunk keeps the place of its record as `raw`, so that copies of its metadata find it too. */
static int32_t column_of(const struct described *described, const struct lam_chunk_meta *chunk) {
  return (int32_t)((size_t)(chunk->raw.data - described->chunks) / sizeof(struct pm_chunk));
}

static void describe_details(const struct lam_chunk_describer *describer, const struct lam_chunk_meta *chunk,
                             struct lam_chunk_details *out) {
  const struct described *described = (const struct described *)describer;
  struct pm_chunk found;
  struct lam_statistics statistics;
  if (pm_chunk(described->sidecar, described->row_group, column_of(described, chunk), &found, &statistics, NULL) ==
      LAM_OK)
    out->statistics = statistics;
}

static struct lam_bytes describe_bloom(const struct lam_chunk_describer *describer,
                                       const struct lam_chunk_meta *chunk) {
  const struct described *described = (const struct described *)describer;
  struct pm_bloom bloom;
  if (pm_bloom(described->sidecar, described->row_group, column_of(described, chunk), &bloom, NULL) != LAM_OK)
    return (struct lam_bytes){NULL, 0};
  return bloom.bits;
}

/* ---- chunks ---- */

static void fill_chunk(const struct pm_chunk *chunk, const struct pm_extra *extra, struct lam_chunk_meta *out) {
  bool dictionary = extra->flags & PM_EXTRA_DICTIONARY_OFFSET;
  out->codec = (int8_t)chunk->codec;
  out->has_metadata = true;
  out->has_dictionary_offset = dictionary;
  out->encoding_stats_known = extra->flags & PM_EXTRA_ALL_DICTIONARY_KNOWN;
  out->all_pages_dictionary = extra->flags & PM_EXTRA_ALL_DICTIONARY;
  out->encodings = extra->encodings;
  out->offset_index_length = (int32_t)lam_min_u64(extra->offset_index_length, INT32_MAX);
  out->column_index_length = (int32_t)lam_min_u64(extra->column_index_length, INT32_MAX);
  out->values = (int64_t)chunk->values;
  out->uncompressed_size = (int64_t)extra->uncompressed_size;
  out->compressed_size = (int64_t)chunk->size;
  out->data_page_offset = (int64_t)extra->data_page_offset;
  /* One that lam_chunk_range passes over is not the chunk's beginning, and as good as 0. */
  if (dictionary && chunk->offset != extra->data_page_offset) out->dictionary_page_offset = (int64_t)chunk->offset;
  out->offset_index_offset = (int64_t)extra->offset_index_offset;
  out->column_index_offset = (int64_t)extra->column_index_offset;
}

/* The two records of a chunk. */
static enum lam_status load_records(const struct described *described, int32_t column, struct pm_chunk *chunk,
                                    struct pm_extra *extra, struct lam_error *error) {
  struct lam_sidecar *sidecar = described->sidecar;
  bool there;
  if (described->extras) {
    memcpy(chunk, described->chunks + (size_t)column * sizeof *chunk, sizeof *chunk);
    memcpy(extra, described->extras + (size_t)column * sizeof *extra, sizeof *extra);
    LAM_CHECK(chunk->values <= INT64_MAX && chunk->size <= sidecar->footer.parquet_offset &&
                  chunk->offset <= sidecar->footer.parquet_offset - chunk->size,
              error, "%s: row group %" PRId32 ", column %" PRId32 " passes the file's footer", sidecar->name,
              described->row_group, column);
    return LAM_OK;
  }
  LAM_TRY(pm_chunk(sidecar, described->row_group, column, chunk, NULL, error));
  LAM_TRY(pm_extra(sidecar, described->row_group, column, &there, extra, error));
  if (!there) *extra = (struct pm_extra){.data_page_offset = chunk->offset, .nan_count = -1};
  return LAM_OK;
}

/* Statistics are checked when they are asked for. */
static enum lam_status load_chunk(struct described *described, int32_t column, int8_t physical,
                                  struct lam_chunk_meta *out, struct lam_error *error) {
  struct lam_sidecar *sidecar = described->sidecar;
  struct pm_chunk chunk;
  struct pm_extra extra;
  LAM_TRY(load_records(described, column, &chunk, &extra, error));
  *out = (struct lam_chunk_meta){
      .physical = physical,
      .raw = {described->chunks + (size_t)column * sizeof chunk, 0},
      .describer = &described->base,
  };
  fill_chunk(&chunk, &extra, out);
  if (sidecar->bloom_list) {
    struct pm_bloom bloom;
    LAM_TRY(pm_bloom(sidecar, described->row_group, column, &bloom, error));
    out->bloom_described = bloom.bits.size > 0;
    out->bloom_offset = (int64_t)bloom.offset;
    out->bloom_length = (int32_t)lam_min_u64(bloom.length, INT32_MAX);
    out->bloom_length_known = bloom.length > 0 && bloom.length <= INT32_MAX;
  }
  enum lam_status status = lam_chunk_check(out, lam_sidecar_file_size(sidecar), error);
  if (status == LAM_OK) return LAM_OK;
  return lam_fail_in(error, status, "%s: row group %" PRId32 ", column %" PRId32, sidecar->name, described->row_group,
                     column);
}

static enum lam_status load_group(struct lam_sidecar *sidecar, int32_t row_group, const int32_t *columns,
                                  struct lam_arena *arena, const struct lam_file_meta *meta,
                                  struct lam_row_group_meta *out, struct lam_error *error) {
  struct described *described;
  uint64_t block, rows;
  LAM_TRY(pm_rows(sidecar, row_group, &rows, error));
  LAM_TRY(pm_block(sidecar, row_group, &block, error));
  *out = (struct lam_row_group_meta){
      .rows = (int64_t)rows, .total_byte_size = 0, .compressed_size = -1, .file_offset = -1, .ordinal = -1};
  LAM_TRY(lam_arena_alloc(arena, sizeof *described, (void **)&described, error));
  *described = (struct described){.base = {describe_details, describe_bloom},
                                  .sidecar = sidecar,
                                  .row_group = row_group,
                                  .chunks = sidecar->map.data + block + sizeof(uint64_t)};
  if (!columns) LAM_TRY(pm_group(sidecar, row_group, &described->chunks, &described->extras, error));
  LAM_TRY(lam_arena_array(arena, (size_t)meta->leaf_count, sizeof *out->chunks, (void **)&out->chunks, error));
  for (int32_t i = 0; i < meta->leaf_count; i++) {
    LAM_TRY(
        load_chunk(described, columns ? columns[i] : i, meta->nodes[meta->leaves[i]].physical, &out->chunks[i], error));
    if (__builtin_add_overflow(out->total_byte_size, out->chunks[i].uncompressed_size, &out->total_byte_size))
      out->total_byte_size = INT64_MAX;
  }
  return LAM_OK;
}

static enum lam_status load_groups(struct lam_sidecar *sidecar, const int32_t *columns, struct lam_arena *arena,
                                   struct lam_file_meta *out, struct lam_error *error) {
  int32_t count = lam_sidecar_row_groups(sidecar);
  LAM_TRY(lam_arena_array(arena, (size_t)count, sizeof *out->row_groups, (void **)&out->row_groups, error));
  out->row_group_count = count;
  for (int32_t g = 0; g < count; g++) LAM_TRY(load_group(sidecar, g, columns, arena, out, &out->row_groups[g], error));
  return LAM_OK;
}

enum lam_status lam_sidecar_meta(struct lam_sidecar *sidecar, struct lam_arena *arena, bool *there,
                                 struct lam_file_meta *out, struct lam_error *error) {
  LAM_TRY(pm_file_meta(sidecar, arena, there, out, error));
  *there = *there && sidecar->chunks.data;
  if (!*there) return LAM_OK;
  out->dead_known = sidecar->footer.dead_bytes <= INT64_MAX;
  out->dead_bytes = (int64_t)sidecar->footer.dead_bytes;
  return load_groups(sidecar, NULL, arena, out, error);
}

/* ---- some columns ---- */

enum lam_status pm_top_of_leaf(struct lam_sidecar *sidecar, int32_t leaf, int32_t *top, struct lam_schema_node *out,
                               struct lam_error *error) {
  LAM_TRY(pm_leaf_node(sidecar, leaf, top, error));
  for (uint32_t depth = 0;; depth++) {
    LAM_TRY(pm_load_node(sidecar, *top, out, error));
    LAM_CHECK(out->parent < *top && depth < sidecar->schema_head.nodes, error, "%s: its schema is no tree",
              sidecar->name);
    if (out->parent <= 0) return LAM_OK;
    *top = out->parent;
  }
}

/* Appends the nodes of a top-level column and the columns of the sidecar that its leaves are. */
static enum lam_status load_top(struct lam_sidecar *sidecar, const struct pm_top *top, struct lam_buf *nodes,
                                struct lam_buf *columns, struct lam_error *error) {
  struct lam_schema_node node;
  LAM_TRY(pm_load_node(sidecar, top->node, &node, error));
  if (top->name.data) node.name = top->name;
  for (int32_t i = top->node, column = node.leaf;;) {
    LAM_TRY(lam_buf_append(nodes, &node, sizeof node, error));
    if (node.children == 0) {
      LAM_TRY(lam_buf_append(columns, &column, sizeof column, error));
      column++;
    }
    if (++i >= (int32_t)sidecar->schema_head.nodes) return LAM_OK;
    LAM_TRY(pm_load_node(sidecar, i, &node, error));
    if (node.parent < top->node) return LAM_OK;
  }
}

static enum lam_status keep_array(struct lam_arena *arena, const struct lam_buf *from, void **out,
                                  struct lam_error *error) {
  LAM_TRY(lam_arena_alloc(arena, from->size + 1, out, error));
  lam_copy(*out, from->data, from->size);
  return LAM_OK;
}

static enum lam_status load_some(struct lam_sidecar *sidecar, const struct pm_top *tops, int32_t count,
                                 struct lam_buf *nodes, struct lam_buf *columns, struct lam_arena *arena,
                                 struct lam_file_meta *out, struct lam_error *error) {
  void *memory;
  struct lam_schema_node root;
  *out = (struct lam_file_meta){.version = sidecar->file_head.version, .rows = sidecar->file_head.rows};
  LAM_TRY(pm_load_node(sidecar, 0, &root, error));
  root.children = count;
  LAM_TRY(lam_buf_append(nodes, &root, sizeof root, error));
  for (int32_t i = 0; i < count; i++) LAM_TRY(load_top(sidecar, &tops[i], nodes, columns, error));
  LAM_TRY(keep_array(arena, nodes, &memory, error));
  out->nodes = memory;
  out->node_count = (int32_t)(nodes->size / sizeof *out->nodes);
  LAM_TRY(keep_array(arena, columns, &memory, error));
  LAM_TRY(lam_schema_link(out, arena, error));
  LAM_CHECK(columns->size == (size_t)out->leaf_count * sizeof(int32_t), error, "%s: its schema is no tree",
            sidecar->name);
  LAM_TRY(pm_load_file(sidecar, memory, arena, out, error));
  return load_groups(sidecar, memory, arena, out, error);
}

enum lam_status lam_sidecar_meta_of(struct lam_sidecar *sidecar, const struct pm_top *tops, int32_t count,
                                    struct lam_arena *arena, struct lam_file_meta *out, struct lam_error *error) {
  struct lam_buf nodes, columns;
  lam_buf_init(&nodes, sidecar->mem);
  lam_buf_init(&columns, sidecar->mem);
  enum lam_status status = load_some(sidecar, tops, count, &nodes, &columns, arena, out, error);
  lam_buf_release(&nodes);
  lam_buf_release(&columns);
  return status;
}

/* ---- sidecars of others ---- */

/* What a type code says of how a column is stored; see docs/pm-format.md, "Types". */
static const struct foreign_type {
  int32_t code;
  int8_t physical;
  struct lam_logical logical;
} foreign_types[] = {
    {PM_TYPE_BOOLEAN, LAM_BOOLEAN, {.kind = LAM_LOGICAL_NONE}},
    {PM_TYPE_BYTE, LAM_INT32, {.kind = LAM_LOGICAL_INTEGER, .bit_width = 8, .is_signed = true}},
    {PM_TYPE_SHORT, LAM_INT32, {.kind = LAM_LOGICAL_INTEGER, .bit_width = 16, .is_signed = true}},
    {PM_TYPE_INT, LAM_INT32, {.kind = LAM_LOGICAL_NONE}},
    {PM_TYPE_LONG, LAM_INT64, {.kind = LAM_LOGICAL_NONE}},
    {PM_TYPE_DATE, LAM_INT64, {.kind = LAM_LOGICAL_TIMESTAMP, .utc = true, .unit = LAM_MILLIS}},
    {PM_TYPE_TIMESTAMP, LAM_INT64, {.kind = LAM_LOGICAL_TIMESTAMP, .utc = true, .unit = LAM_MICROS}},
    {PM_TYPE_TIMESTAMP | PM_TYPE_NANOS, LAM_INT64, {.kind = LAM_LOGICAL_TIMESTAMP, .utc = true, .unit = LAM_NANOS}},
    {PM_TYPE_FLOAT, LAM_FLOAT, {.kind = LAM_LOGICAL_NONE}},
    {PM_TYPE_DOUBLE, LAM_DOUBLE, {.kind = LAM_LOGICAL_NONE}},
    {PM_TYPE_STRING, LAM_BYTE_ARRAY, {.kind = LAM_LOGICAL_STRING}},
    {PM_TYPE_SYMBOL, LAM_BYTE_ARRAY, {.kind = LAM_LOGICAL_STRING}},
    {PM_TYPE_VARCHAR, LAM_BYTE_ARRAY, {.kind = LAM_LOGICAL_STRING}},
    {PM_TYPE_BINARY, LAM_BYTE_ARRAY, {.kind = LAM_LOGICAL_NONE}},
    {PM_TYPE_UUID, LAM_FIXED_LEN_BYTE_ARRAY, {.kind = LAM_LOGICAL_UUID}},
};

static enum lam_status describe_column(struct lam_sidecar *sidecar, const struct pm_top *top,
                                       struct lam_schema_node *out, struct lam_error *error) {
  struct pm_column column;
  LAM_TRY(pm_column(sidecar, top->node, &column, NULL, error));
  int32_t code = column.type & (0xff | PM_TYPE_NANOS);
  bool flat = column.max_repetition == 0 && column.max_definition <= 1;
  for (size_t i = 0; flat && column.type > 0 && i < sizeof foreign_types / sizeof *foreign_types; i++) {
    const struct foreign_type *type = &foreign_types[i];
    if (type->code != code || type->physical != column.physical) continue;
    if (type->physical == LAM_FIXED_LEN_BYTE_ARRAY && column.type_length != 16) continue;
    *out = (struct lam_schema_node){.name = top->name,
                                    .field_id = column.id,
                                    .type_length = column.type_length,
                                    .physical = type->physical,
                                    .repetition = column.max_definition ? LAM_OPTIONAL : LAM_REQUIRED,
                                    .converted = LAM_CONVERTED_NONE,
                                    .logical = type->logical};
    return LAM_OK;
  }
  return lam_fail(error, LAM_UNSUPPORTED, "%s does not say what type its column '%.*s' is of", sidecar->name,
                  (int)lam_min_u64(top->name.size, 100), (const char *)top->name.data);
}

enum lam_status pm_described_meta(struct lam_sidecar *sidecar, const struct pm_top *tops, int32_t count,
                                  struct lam_arena *arena, struct lam_file_meta *out, struct lam_error *error) {
  int32_t *columns;
  *out = (struct lam_file_meta){.node_count = count + 1};
  LAM_TRY(lam_arena_array(arena, (size_t)count + 1, sizeof *out->nodes, (void **)&out->nodes, error));
  LAM_TRY(lam_arena_array(arena, (size_t)count + 1, sizeof *columns, (void **)&columns, error));
  LAM_TRY(lam_arena_alloc(arena, (size_t)count + 1, (void **)&out->column_orders, error));
  memset(out->column_orders, LAM_ORDER_TYPE_DEFINED, (size_t)count + 1);
  out->nodes[0] = (struct lam_schema_node){.children = count, .field_id = -1, .physical = -1, .converted = -1};
  for (int32_t i = 0; i < count; i++) {
    LAM_TRY(describe_column(sidecar, &tops[i], &out->nodes[i + 1], error));
    columns[i] = tops[i].node;
  }
  LAM_TRY(lam_schema_link(out, arena, error));
  return load_groups(sidecar, columns, arena, out, error);
}
