/* Our own sections: the schema, the file's identity and keys, what the layout lacks of chunks, checksums of segments.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/checksum.h"
#include "sidecar/pm_write.h"

/* ---- frames ---- */

static enum lam_status too_large(struct lam_error *error) {
  return lam_fail(error, LAM_LIMIT, "a sidecar's section would pass 4 GiB");
}

/* Sets the length of the section that begins at `at` of the buffer, and ends it where it is one of a footer. */
static enum lam_status end_section(struct lam_buf *out, size_t at, bool end_frame, struct lam_error *error) {
  const struct pm_end_frame end = {.length = out->size - at + (end_frame ? sizeof end : 0),
                                   .magic = lam_load64(out->data + at)};
  lam_store64(out->data + at + offsetof(struct pm_frame, length), end.length);
  if (end.length > UINT32_MAX) return too_large(error);
  return end_frame ? lam_buf_append(out, &end, sizeof end, error) : LAM_OK;
}

/* ---- schema ---- */

static enum lam_status add_text(struct lam_buf *text, struct lam_bytes bytes, struct pm_text *out,
                                struct lam_error *error) {
  if (bytes.size > UINT32_MAX - text->size) return too_large(error);
  *out = (struct pm_text){(uint32_t)text->size, (uint32_t)bytes.size};
  return lam_buf_append(text, bytes.data, bytes.size, error);
}

static enum lam_status write_node(const struct lam_schema_node *node, struct lam_buf *text, struct lam_buf *out,
                                  struct lam_error *error) {
  const struct lam_logical *logical = &node->logical;
  struct pm_node n = {
      .parent = node->parent,
      .children = node->children,
      .leaf = node->leaf,
      .leaves = node->leaves,
      .field_id = node->field_id,
      .type_length = node->type_length,
      .precision = node->precision,
      .scale = node->scale,
      .vector_length = node->vector_length,
      .logical_precision = logical->precision,
      .logical_scale = logical->scale,
      .max_definition = node->max_definition,
      .max_repetition = node->max_repetition,
      .physical = node->physical,
      .repetition = node->repetition,
      .converted = node->converted,
      .logical_bit_width = logical->bit_width,
      .logical_kind = (uint16_t)logical->kind,
      .logical_unit = (uint8_t)logical->unit,
      .logical_flags = (uint8_t)(logical->utc | logical->is_signed << 1),
  };
  LAM_TRY(add_text(text, node->name, &n.name, error));
  LAM_TRY(add_text(text, node->raw, &n.raw, error));
  LAM_TRY(add_text(text, logical->raw, &n.logical_raw, error));
  return lam_buf_append(out, &n, sizeof n, error);
}

/* Appends names from the column down to the leaf. */
static enum lam_status add_path(const struct lam_file_meta *meta, int32_t leaf, struct lam_buf *text,
                                struct pm_text *out, struct lam_error *error) {
  size_t size = 0;
  for (int32_t n = meta->leaves[leaf]; n > 0; n = meta->nodes[n].parent) size += meta->nodes[n].name.size + 1;
  if (size > UINT32_MAX - text->size) return too_large(error);
  LAM_TRY(lam_buf_room(text, size + 1, error));
  assert(text->data);
  uint8_t *end = text->data + text->size + size;
  for (int32_t n = meta->leaves[leaf]; n > 0; n = meta->nodes[n].parent) {
    struct lam_bytes name = meta->nodes[n].name;
    *--end = '.';
    end -= name.size;
    lam_copy(end, name.data, name.size);
  }
  *out = (struct pm_text){(uint32_t)text->size, (uint32_t)(size ? size - 1 : 0)};
  text->size += out->length;
  return LAM_OK;
}

/* A leaf on its way to be sorted by its path. */
struct ranked {
  const uint8_t *path;
  uint32_t size, leaf;
};

static int compare_bytes(const void *a, size_t a_size, const void *b, size_t b_size) {
  size_t size = a_size < b_size ? a_size : b_size;
  int order = size ? memcmp(a, b, size) : 0;
  return order ? order : (a_size > b_size) - (a_size < b_size);
}

static int compare_ranked(const void *a, const void *b) {
  const struct ranked *x = a, *y = b;
  int order = compare_bytes(x->path, x->size, y->path, y->size);
  return order ? order : (x->leaf > y->leaf) - (x->leaf < y->leaf);
}

static enum lam_status write_leaves(const struct pm_writer *w, struct lam_buf *text, struct lam_error *error) {
  const struct lam_file_meta *meta = w->source->meta;
  size_t count = (size_t)meta->leaf_count;
  void *memory;
  LAM_TRY(lam_arena_array(w->arena, count, sizeof(struct pm_leaf), &memory, error));
  struct pm_leaf *leaves = memory;
  for (int32_t i = 0; i < meta->leaf_count; i++) {
    leaves[i].node = (uint32_t)meta->leaves[i];
    LAM_TRY(add_path(meta, i, text, &leaves[i].path, error));
  }
  LAM_TRY(lam_arena_array(w->arena, count, sizeof(struct ranked), &memory, error));
  struct ranked *ranked = memory;
  for (size_t i = 0; i < count; i++)
    ranked[i] = (struct ranked){text->data + leaves[i].path.offset, leaves[i].path.length, (uint32_t)i};
  if (count) qsort(ranked, count, sizeof *ranked, compare_ranked);
  for (size_t i = 0; i < count; i++) leaves[i].by_path = ranked[i].leaf;
  return lam_buf_append(w->out, leaves, count * sizeof *leaves, error);
}

enum lam_status pm_write_schema(struct pm_writer *w, struct lam_error *error) {
  const struct lam_file_meta *meta = w->source->meta;
  struct lam_buf text;
  size_t at = w->out->size;
  struct pm_schema head = {
      .frame = {PM_MAGIC_SCHEMA, 0}, .nodes = (uint32_t)meta->node_count, .leaves = (uint32_t)meta->leaf_count};
  lam_buf_init(&text, w->out->mem);
  enum lam_status status = lam_buf_append(w->out, &head, sizeof head, error);
  for (int32_t i = 0; status == LAM_OK && i < meta->node_count; i++)
    status = write_node(&meta->nodes[i], &text, w->out, error);
  if (status == LAM_OK) status = write_leaves(w, &text, error);
  if (status == LAM_OK) status = lam_buf_append(w->out, text.data, text.size, error);
  if (status == LAM_OK) {
    lam_store32(w->out->data + at + offsetof(struct pm_schema, text), (uint32_t)text.size);
    status = end_section(w->out, at, false, error);
  }
  lam_buf_release(&text);
  return status;
}

/* ---- file ---- */

static enum lam_status write_key_value(const struct lam_key_value *pair, struct lam_buf *out, struct lam_error *error) {
  if (pair->key.size >= PM_NO_VALUE || pair->value.size >= PM_NO_VALUE) return too_large(error);
  const uint32_t sizes[2] = {(uint32_t)pair->key.size, pair->value.data ? (uint32_t)pair->value.size : PM_NO_VALUE};
  LAM_TRY(lam_buf_append(out, sizes, sizeof sizes, error));
  LAM_TRY(lam_buf_append(out, pair->key.data, pair->key.size, error));
  return pair->value.data ? lam_buf_append(out, pair->value.data, pair->value.size, error) : LAM_OK;
}

enum lam_status pm_write_file(struct pm_writer *w, struct lam_error *error) {
  const struct lam_sidecar_source *source = w->source;
  const struct lam_file_meta *meta = source->meta;
  size_t at = w->out->size;
  if (meta->created_by.size > UINT32_MAX) return too_large(error);
  const struct pm_file head = {
      .frame = {PM_MAGIC_FILE, 0},
      .size = lam_sidecar_token(source),
      .inode = source->inode,
      .mtime_ns = source->mtime_ns,
      .footer_hash = source->footer_hash,
      .header_sections = w->header_sections,
      .rows = meta->rows,
      .version = meta->version,
      .key_values = (uint32_t)meta->key_value_count,
      .created_by = (uint32_t)meta->created_by.size,
      .orders = meta->column_orders ? (uint32_t)meta->leaf_count : 0,
  };
  LAM_TRY(lam_buf_append(w->out, &head, sizeof head, error));
  LAM_TRY(lam_buf_append(w->out, meta->created_by.data, meta->created_by.size, error));
  LAM_TRY(lam_buf_append(w->out, meta->column_orders, head.orders, error));
  for (int32_t i = 0; i < meta->key_value_count; i++) LAM_TRY(write_key_value(&meta->key_values[i], w->out, error));
  return end_section(w->out, at, true, error);
}

/* ---- chunks ---- */

static struct pm_extra extra_of(const struct lam_file_meta *meta, const struct lam_chunk_meta *chunk, int32_t leaf) {
  struct lam_statistics statistics = lam_chunk_statistics(chunk);
  struct pm_bounds bounds;
  uint32_t known = chunk->encoding_stats_known ? PM_EXTRA_ALL_DICTIONARY_KNOWN : 0;
  uint32_t all = chunk->encoding_stats_known && chunk->all_pages_dictionary ? PM_EXTRA_ALL_DICTIONARY : 0;
  uint32_t offset = chunk->has_dictionary_offset ? PM_EXTRA_DICTIONARY_OFFSET : 0;
  pm_bounds_of(meta, leaf, &statistics, &bounds);
  return (struct pm_extra){
      .uncompressed_size = (uint64_t)chunk->uncompressed_size,
      .data_page_offset = (uint64_t)chunk->data_page_offset,
      .offset_index_offset = (uint64_t)chunk->offset_index_offset,
      .column_index_offset = (uint64_t)chunk->column_index_offset,
      .offset_index_length = (uint32_t)chunk->offset_index_length,
      .column_index_length = (uint32_t)chunk->column_index_length,
      .encodings = chunk->encodings,
      .flags = known | all | offset | bounds.flags,
      .nan_count = statistics.nan_count,
  };
}

enum lam_status pm_write_chunks(struct pm_writer *w, struct lam_error *error) {
  const struct lam_file_meta *meta = w->source->meta;
  size_t at = w->out->size;
  const struct pm_chunks head = {{PM_MAGIC_CHUNKS, 0}, (uint32_t)meta->row_group_count, (uint32_t)meta->leaf_count};
  LAM_TRY(lam_buf_append(w->out, &head, sizeof head, error));
  for (int32_t g = 0; g < meta->row_group_count; g++) {
    const struct lam_row_group_meta *group = &meta->row_groups[g];
    LAM_TRY(lam_buf_append(w->out, &group->total_byte_size, sizeof group->total_byte_size, error));
    for (int32_t c = 0; c < meta->leaf_count; c++) {
      struct pm_extra extra = extra_of(meta, &group->chunks[c], c);
      LAM_TRY(lam_buf_append(w->out, &extra, sizeof extra, error));
    }
  }
  return end_section(w->out, at, true, error);
}

/* ---- segments ---- */

/* CRC-32 of [from, to) of the `_pm`, which lies in `old` up to w->base and in w->out from there on. */
static uint32_t crc_of(const struct pm_writer *w, struct lam_bytes old, uint64_t from, uint64_t to) {
  uint32_t crc = 0;
  uint64_t middle = lam_max_u64(lam_min_u64(w->base, to), from);
  if (from < middle) crc = lam_crc32(crc, old.data + from, (size_t)(middle - from));
  if (middle < to) crc = lam_crc32(crc, w->out->data + (middle - w->base), (size_t)(to - middle));
  return crc;
}

enum lam_status pm_write_segments(struct pm_writer *w, struct lam_bytes old, const uint8_t *sums, uint64_t trusted,
                                  struct lam_error *error) {
  size_t at = w->out->size;
  uint64_t end = pm_position(w), count = (end + (1u << PM_SEGMENT_SHIFT) - 1) >> PM_SEGMENT_SHIFT;
  if (count > UINT32_MAX) return too_large(error);
  const struct pm_segments head = {{PM_MAGIC_SEGMENTS, 0}, PM_SEGMENT_SHIFT, (uint32_t)count};
  LAM_TRY(lam_buf_append(w->out, &head, sizeof head, error));
  LAM_TRY(lam_buf_append(w->out, sums, 4 * (size_t)trusted, error));
  for (uint64_t i = trusted; i < count; i++) {
    uint32_t crc =
        crc_of(w, old, lam_max_u64(i << PM_SEGMENT_SHIFT, PM_COVERED), lam_min_u64((i + 1) << PM_SEGMENT_SHIFT, end));
    LAM_TRY(lam_buf_append(w->out, &crc, sizeof crc, error));
  }
  /* Before its own sum its length must be right. */
  uint64_t length = w->out->size - at + sizeof(uint32_t) + sizeof(struct pm_end_frame);
  lam_store64(w->out->data + at + offsetof(struct pm_frame, length), length);
  uint32_t own = lam_crc32(0, w->out->data + at, w->out->size - at);
  LAM_TRY(lam_buf_append(w->out, &own, sizeof own, error));
  return end_section(w->out, at, true, error);
}

/* ---- reading the schema ---- */

static enum lam_status schema_bytes(struct lam_sidecar *sidecar, uint64_t offset, uint64_t size, const uint8_t **out,
                                    struct lam_error *error) {
  return pm_bytes(sidecar, (uint64_t)(sidecar->schema.data - sidecar->map.data) + offset, size, out, error);
}

static uint64_t leaves_at(const struct pm_schema *head) {
  return sizeof *head + (uint64_t)head->nodes * sizeof(struct pm_node);
}

/* A piece of the section's text; data is never NULL. */
static enum lam_status schema_text(struct lam_sidecar *sidecar, struct pm_text text, struct lam_bytes *out,
                                   struct lam_error *error) {
  const struct pm_schema *head = &sidecar->schema_head;
  const uint8_t *bytes;
  LAM_CHECK(text.offset <= head->text && text.length <= head->text - text.offset, error,
            "%s: %" PRIu32 " bytes at %" PRIu32 " of the schema's text pass its %" PRIu32, sidecar->name, text.length,
            text.offset, head->text);
  uint64_t at = leaves_at(head) + (uint64_t)head->leaves * sizeof(struct pm_leaf) + text.offset;
  LAM_TRY(schema_bytes(sidecar, at, text.length, &bytes, error));
  *out = lam_bytes_of(bytes, text.length);
  return LAM_OK;
}

static enum lam_status load_leaf(struct lam_sidecar *sidecar, uint32_t leaf, struct pm_leaf *out,
                                 struct lam_error *error) {
  const uint8_t *bytes;
  LAM_CHECK(leaf < sidecar->schema_head.leaves, error, "%s: its schema names leaf %" PRIu32 " of %" PRIu32,
            sidecar->name, leaf, sidecar->schema_head.leaves);
  LAM_TRY(schema_bytes(sidecar, leaves_at(&sidecar->schema_head) + (uint64_t)leaf * sizeof *out, sizeof *out, &bytes,
                       error));
  memcpy(out, bytes, sizeof *out);
  return LAM_OK;
}

enum lam_status pm_leaf_path(struct lam_sidecar *sidecar, int32_t column, bool *there, struct lam_bytes *out,
                             struct lam_error *error) {
  struct pm_leaf leaf;
  *there = sidecar->schema.data;
  if (!*there) return LAM_OK;
  LAM_TRY(load_leaf(sidecar, (uint32_t)column, &leaf, error));
  return schema_text(sidecar, leaf.path, out, error);
}

static enum lam_status find_by_name(struct lam_sidecar *sidecar, struct lam_bytes path, int32_t *column,
                                    struct lam_error *error) {
  for (int32_t i = 0; i < lam_sidecar_columns(sidecar); i++) {
    struct pm_column c;
    struct lam_bytes name;
    LAM_TRY(pm_column(sidecar, i, &c, &name, error));
    if (lam_bytes_equal(name, path)) {
      *column = i;
      return LAM_OK;
    }
  }
  return LAM_OK;
}

enum lam_status pm_leaf_node(struct lam_sidecar *sidecar, int32_t leaf, int32_t *node, struct lam_error *error) {
  struct pm_leaf found;
  LAM_TRY(load_leaf(sidecar, (uint32_t)leaf, &found, error));
  LAM_CHECK(found.node < sidecar->schema_head.nodes, error, "%s: its schema names node %" PRIu32 " of %" PRIu32,
            sidecar->name, found.node, sidecar->schema_head.nodes);
  *node = (int32_t)found.node;
  return LAM_OK;
}

enum lam_status pm_ranked_leaf(struct lam_sidecar *sidecar, uint32_t rank, int32_t *leaf, struct lam_error *error) {
  struct pm_leaf found;
  LAM_TRY(load_leaf(sidecar, rank, &found, error));
  LAM_CHECK(found.by_path < sidecar->schema_head.leaves, error, "%s: its schema names leaf %" PRIu32 " of %" PRIu32,
            sidecar->name, found.by_path, sidecar->schema_head.leaves);
  *leaf = (int32_t)found.by_path;
  return LAM_OK;
}

enum lam_status pm_path_rank(struct lam_sidecar *sidecar, struct lam_bytes path, uint32_t *rank,
                             struct lam_error *error) {
  uint32_t low = 0, high = sidecar->schema_head.leaves;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    struct lam_bytes found = {NULL, 0};
    int32_t leaf;
    bool there;
    LAM_TRY(pm_ranked_leaf(sidecar, middle, &leaf, error));
    LAM_TRY(pm_leaf_path(sidecar, leaf, &there, &found, error));
    if (compare_bytes(found.data, found.size, path.data, path.size) < 0)
      low = middle + 1;
    else
      high = middle;
  }
  *rank = low;
  return LAM_OK;
}

enum lam_status pm_find_path(struct lam_sidecar *sidecar, struct lam_bytes path, int32_t *column,
                             struct lam_error *error) {
  struct lam_bytes found = {NULL, 0};
  uint32_t rank;
  int32_t leaf;
  bool there;
  *column = -1;
  if (!sidecar->schema.data) return find_by_name(sidecar, path, column, error);
  LAM_TRY(pm_path_rank(sidecar, path, &rank, error));
  if (rank == sidecar->schema_head.leaves) return LAM_OK;
  LAM_TRY(pm_ranked_leaf(sidecar, rank, &leaf, error));
  LAM_TRY(pm_leaf_path(sidecar, leaf, &there, &found, error));
  if (lam_bytes_equal(found, path)) *column = leaf;
  return LAM_OK;
}

enum lam_status pm_load_node(struct lam_sidecar *sidecar, int32_t i, struct lam_schema_node *out,
                             struct lam_error *error) {
  const uint8_t *bytes;
  struct pm_node n;
  LAM_CHECK(i >= 0 && (uint32_t)i < sidecar->schema_head.nodes, error,
            "%s: its schema names node %" PRId32 " of %" PRIu32, sidecar->name, i, sidecar->schema_head.nodes);
  LAM_TRY(schema_bytes(sidecar, sizeof(struct pm_schema) + (uint64_t)i * sizeof n, sizeof n, &bytes, error));
  memcpy(&n, bytes, sizeof n);
  LAM_CHECK(n.children >= 0 && n.children < INT32_MAX, error,
            "%s: node %" PRId32 " of its schema has %" PRId32 " children", sidecar->name, i, n.children);
  LAM_CHECK(n.leaf >= 0 && (uint32_t)n.leaf <= sidecar->schema_head.leaves, error,
            "%s: node %" PRId32 " of its schema begins at leaf %" PRId32, sidecar->name, i, n.leaf);
  *out = (struct lam_schema_node){
      .parent = n.parent,
      .children = n.children,
      .leaf = n.leaf,
      .leaves = n.leaves,
      .field_id = n.field_id,
      .type_length = n.type_length,
      .precision = n.precision,
      .scale = n.scale,
      .vector_length = n.vector_length,
      .physical = n.physical,
      .repetition = n.repetition,
      .converted = n.converted,
      .logical = {.kind = n.logical_kind,
                  .utc = n.logical_flags & 1,
                  .unit = n.logical_unit,
                  .precision = n.logical_precision,
                  .scale = n.logical_scale,
                  .bit_width = n.logical_bit_width,
                  .is_signed = n.logical_flags >> 1 & 1},
  };
  LAM_TRY(schema_text(sidecar, n.name, &out->name, error));
  LAM_TRY(schema_text(sidecar, n.raw, &out->raw, error));
  return schema_text(sidecar, n.logical_raw, &out->logical.raw, error);
}

/* One that is longer than a segment is passed over where only some columns are wanted: none that says how to read a
 * column is. */
static enum lam_status load_key_value(struct lam_sidecar *sidecar, uint64_t *at, uint64_t end, bool pass_long,
                                      struct lam_key_value *out, struct lam_error *error) {
  const uint8_t *bytes;
  LAM_CHECK(end - *at >= 8, error, "%s: its key-values pass their section", sidecar->name);
  LAM_TRY(pm_bytes(sidecar, *at, 8, &bytes, error));
  uint64_t key = lam_load32(bytes), value = lam_load32(bytes + 4);
  bool absent = value == PM_NO_VALUE;
  if (absent) value = 0;
  *at += 8;
  LAM_CHECK(key + value <= end - *at, error, "%s: its key-values pass their section", sidecar->name);
  *out = (struct lam_key_value){{NULL, 0}, {NULL, 0}};
  uint64_t from = *at;
  *at += key + value;
  if (pass_long && key + value > 1u << PM_SEGMENT_SHIFT) return LAM_OK;
  LAM_TRY(pm_bytes(sidecar, from, key + value, &bytes, error));
  out->key = lam_bytes_of(bytes, (size_t)key);
  if (!absent) out->value = lam_bytes_of(bytes + key, (size_t)value);
  return LAM_OK;
}

static enum lam_status load_key_values(struct lam_sidecar *sidecar, uint64_t at, uint64_t end, bool pass_long,
                                       struct lam_arena *arena, struct lam_file_meta *out, struct lam_error *error) {
  void *memory;
  uint32_t count = sidecar->file_head.key_values;
  LAM_CHECK(count <= (end - at) / 8, error, "%s: %" PRIu32 " key-values do not fit into %" PRIu64 " bytes",
            sidecar->name, count, end - at);
  LAM_TRY(lam_arena_array(arena, count, sizeof *out->key_values, &memory, error));
  out->key_values = memory;
  out->key_value_count = (int32_t)count;
  for (uint32_t i = 0; i < count; i++)
    LAM_TRY(load_key_value(sidecar, &at, end, pass_long, &out->key_values[i], error));
  return LAM_OK;
}

static enum lam_status load_orders(struct lam_sidecar *sidecar, uint64_t at, const int32_t *columns,
                                   struct lam_arena *arena, struct lam_file_meta *out, struct lam_error *error) {
  const uint8_t *bytes;
  LAM_TRY(lam_arena_alloc(arena, (size_t)out->leaf_count + 1, (void **)&out->column_orders, error));
  if (!columns) {
    LAM_TRY(pm_bytes(sidecar, at, (uint64_t)out->leaf_count, &bytes, error));
    lam_copy(out->column_orders, bytes, (size_t)out->leaf_count);
    return LAM_OK;
  }
  for (int32_t i = 0; i < out->leaf_count; i++) {
    LAM_CHECK(columns[i] >= 0 && columns[i] < lam_sidecar_columns(sidecar), error,
              "%s: its schema names leaf %" PRId32 " of %" PRId32, sidecar->name, columns[i],
              lam_sidecar_columns(sidecar));
    LAM_TRY(pm_bytes(sidecar, at + (uint64_t)columns[i], 1, &bytes, error));
    out->column_orders[i] = *bytes;
  }
  return LAM_OK;
}

enum lam_status pm_load_file(struct lam_sidecar *sidecar, const int32_t *columns, struct lam_arena *arena,
                             struct lam_file_meta *out, struct lam_error *error) {
  const struct pm_file *head = &sidecar->file_head;
  const uint8_t *bytes;
  uint64_t at = (uint64_t)(sidecar->file.data - sidecar->map.data) + sizeof *head;
  uint64_t left = sidecar->file.size - sizeof *head - sizeof(struct pm_end_frame), end = at + left;
  LAM_CHECK(head->created_by <= left && head->orders <= left - head->created_by &&
                (!head->orders || head->orders == sidecar->header.column_count),
            error, "%s: its creator's name of %" PRIu32 " bytes and %" PRIu32 " orders of columns do not fit",
            sidecar->name, head->created_by, head->orders);
  out->version = head->version;
  out->rows = head->rows;
  LAM_TRY(pm_bytes(sidecar, at, head->created_by, &bytes, error));
  out->created_by = lam_bytes_of(bytes, head->created_by);
  at += head->created_by;
  if (head->orders) LAM_TRY(load_orders(sidecar, at, columns, arena, out, error));
  return load_key_values(sidecar, at + head->orders, end, columns, arena, out, error);
}

enum lam_status pm_file_meta(struct lam_sidecar *sidecar, struct lam_arena *arena, bool *there,
                             struct lam_file_meta *out, struct lam_error *error) {
  void *memory;
  *there = sidecar->schema.data && sidecar->file.data;
  *out = (struct lam_file_meta){0};
  if (!*there) return LAM_OK;
  uint32_t count = sidecar->schema_head.nodes;
  LAM_TRY(lam_arena_array(arena, count, sizeof *out->nodes, &memory, error));
  out->nodes = memory;
  out->node_count = (int32_t)count;
  for (int32_t i = 0; i < out->node_count; i++) LAM_TRY(pm_load_node(sidecar, i, &out->nodes[i], error));
  LAM_TRY(lam_schema_link(out, arena, error));
  LAM_CHECK(out->leaf_count == lam_sidecar_columns(sidecar), error,
            "%s: its schema has %" PRId32 " leaves, its header %" PRId32 " columns", sidecar->name, out->leaf_count,
            lam_sidecar_columns(sidecar));
  return pm_load_file(sidecar, NULL, arena, out, error);
}
