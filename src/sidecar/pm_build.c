/* Building a sidecar from a file's metadata. */
#include <inttypes.h>

#include "base/checksum.h"
#include "parquet/append.h"
#include "parquet/bloom.h"
#include "sidecar/pm_write.h"

/* ---- columns ---- */

static int32_t integer_type(const struct lam_logical *logical, int32_t physical) {
  if (logical->kind == LAM_LOGICAL_NONE) return physical == LAM_INT32 ? PM_TYPE_INT : PM_TYPE_LONG;
  if (logical->kind != LAM_LOGICAL_INTEGER || !logical->is_signed) return PM_TYPE_NONE;
  switch (logical->bit_width) {
    case 8: return PM_TYPE_BYTE;
    case 16: return PM_TYPE_SHORT;
    case 32: return PM_TYPE_INT;
    case 64: return PM_TYPE_LONG;
    default: return PM_TYPE_NONE;
  }
}

static int32_t timestamp_type(const struct lam_logical *logical) {
  switch (logical->unit) {
    case LAM_MILLIS: return PM_TYPE_DATE;
    case LAM_MICROS: return PM_TYPE_TIMESTAMP;
    case LAM_NANOS: return PM_TYPE_TIMESTAMP | PM_TYPE_NANOS;
  }
  return PM_TYPE_NONE;
}

/* The table of types in docs/pm-format.md. Only types whose values QuestDB holds as the file does. */
static int32_t type_code(const struct lam_schema_node *node) {
  struct lam_logical logical = lam_logical_of(node);
  bool plain = logical.kind == LAM_LOGICAL_NONE;
  switch (node->physical) {
    case LAM_BOOLEAN: return PM_TYPE_BOOLEAN;
    case LAM_INT64:
      if (logical.kind == LAM_LOGICAL_TIMESTAMP) return timestamp_type(&logical);
      return integer_type(&logical, LAM_INT64);
    case LAM_INT32: return integer_type(&logical, LAM_INT32);
    case LAM_FLOAT: return PM_TYPE_FLOAT;
    case LAM_DOUBLE: return PM_TYPE_DOUBLE;
    case LAM_BYTE_ARRAY:
      return logical.kind == LAM_LOGICAL_STRING ? PM_TYPE_VARCHAR : plain ? PM_TYPE_BINARY : PM_TYPE_NONE;
    case LAM_FIXED_LEN_BYTE_ARRAY: return logical.kind == LAM_LOGICAL_UUID ? PM_TYPE_UUID : PM_TYPE_NONE;
    default: return PM_TYPE_NONE;
  }
}

static const struct lam_schema_node *leaf_node(const struct lam_file_meta *meta, int32_t leaf) {
  return &meta->nodes[meta->leaves[leaf]];
}

/* The column that a leaf is of. */
static const struct lam_schema_node *top_node(const struct lam_file_meta *meta, int32_t leaf) {
  int32_t node = meta->leaves[leaf];
  while (meta->nodes[node].parent > 0) node = meta->nodes[node].parent;
  return &meta->nodes[node];
}

void pm_describe(const struct lam_file_meta *meta, int32_t leaf, const struct pm_order *order, struct pm_column *out,
                 struct lam_bytes *name) {
  const struct lam_schema_node *node = leaf_node(meta, leaf), *top = top_node(meta, leaf);
  int32_t repetition = top->repetition >= LAM_REQUIRED && top->repetition <= LAM_REPEATED ? top->repetition : 3;
  *name = top->name;
  *out = (struct pm_column){
      .id = top->field_id,
      .type = type_code(node),
      .flags = repetition << PM_REPETITION_SHIFT,
      .type_length = node->physical == LAM_FIXED_LEN_BYTE_ARRAY ? node->type_length : 0,
      .name_length = (uint32_t)top->name.size,
      .physical = (uint8_t)node->physical,
      .max_repetition = (uint8_t)node->max_repetition,
      .max_definition = (uint8_t)node->max_definition,
  };
  for (int32_t i = 0; i < order->count; i++)
    if (order->columns[i].column == leaf && order->columns[i].descending) out->flags |= PM_DESCENDING;
}

/* ---- order ---- */

static bool same_sorting(const struct lam_sorting_column *a, const struct lam_sorting_column *b) {
  return a->column == b->column && a->descending == b->descending && a->nulls_first == b->nulls_first;
}

static bool has_place(const struct lam_bytes *bound) {
  return bound->data && bound->size == sizeof(int64_t);
}

/* Whether every chunk has bounds and the row groups follow each other. */
static bool ascends(const struct lam_file_meta *meta, int32_t leaf) {
  int64_t last = INT64_MIN;
  for (int32_t g = 0; g < meta->row_group_count; g++) {
    struct lam_statistics s = lam_chunk_statistics(&meta->row_groups[g].chunks[leaf]);
    if (!has_place(&s.min) || !has_place(&s.max)) return false;
    if ((int64_t)lam_load64(s.min.data) < last) return false;
    last = (int64_t)lam_load64(s.max.data);
  }
  return true;
}

void pm_order_of(const struct lam_file_meta *meta, struct pm_order *out) {
  *out = (struct pm_order){.designated = -1};
  if (meta->row_group_count == 0) return;
  out->columns = meta->row_groups[0].sorting;
  out->count = meta->row_groups[0].sorting_count;
  for (int32_t g = 1; g < meta->row_group_count; g++) {
    const struct lam_row_group_meta *group = &meta->row_groups[g];
    int32_t common = 0;
    while (common < out->count && common < group->sorting_count &&
           same_sorting(&out->columns[common], &group->sorting[common]))
      common++;
    out->count = common;
  }
  if (out->count == 0 || out->columns[0].descending) return;
  int32_t leaf = out->columns[0].column;
  const struct lam_schema_node *node = leaf_node(meta, leaf);
  if ((type_code(node) & 0xff) == PM_TYPE_TIMESTAMP && !node->max_definition && !node->max_repetition &&
      ascends(meta, leaf))
    out->designated = leaf;
}

struct lam_bytes lam_sorted_by(const struct lam_file_meta *meta) {
  struct pm_order order;
  pm_order_of(meta, &order);
  if (order.count == 0 || top_node(meta, order.columns[0].column)->children) return (struct lam_bytes){NULL, 0};
  return leaf_node(meta, order.columns[0].column)->name;
}

/* ---- header ---- */

/* Columns of which any row group has a filter. */
static enum lam_status find_blooms(struct pm_writer *w, struct lam_error *error) {
  const struct lam_file_meta *meta = w->source->meta;
  void *memory;
  LAM_TRY(lam_arena_array(w->arena, (size_t)meta->leaf_count, sizeof *w->bloom_columns, &memory, error));
  w->bloom_columns = memory;
  for (int32_t c = 0; c < meta->leaf_count; c++)
    for (int32_t g = 0; g < meta->row_group_count; g++) {
      if (meta->row_groups[g].chunks[c].bloom_offset <= 0) continue;
      w->bloom_columns[w->bloom_count++] = (uint32_t)c;
      break;
    }
  if (!w->bloom_count) return LAM_OK;
  w->header.features |= PM_BLOOM | (w->format->inline_blooms ? 0 : PM_BLOOM_EXTERNAL);
  return LAM_OK;
}

/* The top-level column, counted from 0, that a leaf is of; it does not go back. */
static int32_t next_top(const struct lam_file_meta *meta, int32_t leaf, int32_t top) {
  for (;; top++) {
    const struct lam_schema_node *node = &meta->nodes[lam_top_node(meta, top)];
    if (leaf < node->leaf + node->leaves) return top;
  }
}

static enum lam_status write_columns(struct pm_writer *w, const struct pm_order *order, struct lam_error *error) {
  const struct lam_file_meta *meta = w->source->meta;
  struct pm_hint *hints;
  int32_t top = 0;
  LAM_TRY(pm_questdb_hints(meta, w->arena, &hints, error));
  uint64_t name_at = sizeof(struct pm_header) + (uint64_t)meta->leaf_count * sizeof(struct pm_column) +
                     4 * (uint64_t)w->header.sorting_count;
  for (int32_t c = 0; c < meta->leaf_count; c++) {
    struct pm_column column;
    struct lam_bytes name;
    const struct lam_schema_node *node = leaf_node(meta, c);
    pm_describe(meta, c, order, &column, &name);
    if (node->physical < 0 || node->physical > LAM_FIXED_LEN_BYTE_ARRAY || node->max_definition > UINT8_MAX ||
        node->max_repetition > UINT8_MAX || name.size > UINT32_MAX)
      return lam_fail(error, LAM_UNSUPPORTED, "column '%.*s' has a type or levels that a sidecar cannot hold",
                      (int)lam_min_u64(name.size, 100), (const char *)name.data);
    if (hints) {
      top = next_top(meta, c, top);
      if (hints[top].type) column.type = hints[top].type;
      column.flags |= hints[top].flags;
    }
    column.name_offset = name_at;
    name_at += name.size;
    LAM_TRY(lam_buf_append(w->out, &column, sizeof column, error));
  }
  for (uint32_t i = 0; i < w->header.sorting_count; i++)
    LAM_TRY(lam_buf_append(w->out, &order->columns[i].column, sizeof order->columns[i].column, error));
  for (int32_t c = 0; c < meta->leaf_count; c++) {
    struct lam_bytes name = top_node(meta, c)->name;
    LAM_TRY(lam_buf_append(w->out, name.data, name.size, error));
  }
  return LAM_OK;
}

static enum lam_status write_header(struct pm_writer *w, struct lam_error *error) {
  struct pm_order order;
  pm_order_of(w->source->meta, &order);
  bool only = order.designated >= 0 && order.count == 1;
  w->header = (struct pm_header){
      .features = (only ? PM_SORTED_BY_DESIGNATED : 0) | (w->format->plain ? 0 : PM_OUR_SCHEMA),
      .designated = order.designated,
      .sorting_count = only ? 0 : (uint32_t)order.count,
      .column_count = (uint32_t)w->source->meta->leaf_count,
  };
  LAM_TRY(find_blooms(w, error));
  LAM_TRY(lam_buf_append(w->out, &w->header, sizeof w->header, error));
  LAM_TRY(write_columns(w, &order, error));
  w->header_sections = pm_position(w);
  if (w->bloom_count) {
    LAM_TRY(lam_buf_append(w->out, &w->bloom_count, sizeof w->bloom_count, error));
    LAM_TRY(lam_buf_append(w->out, w->bloom_columns, w->bloom_count * sizeof *w->bloom_columns, error));
  }
  return w->format->plain ? LAM_OK : pm_write_schema(w, error);
}

/* ---- row groups ---- */

enum lam_status pm_writer_begin(struct pm_writer *w, struct lam_error *error) {
  void *memory;
  size_t groups = (size_t)w->source->meta->row_group_count;
  LAM_TRY(lam_arena_array(w->arena, groups, sizeof *w->blocks, &memory, error));
  w->blocks = memory;
  LAM_TRY(lam_arena_array(w->arena, groups * w->bloom_count, sizeof *w->matrix, &memory, error));
  w->matrix = memory;
  return LAM_OK;
}

static uint8_t encodings_of(uint32_t encodings) {
  static const enum lam_encoding bits[][2] = {
      {LAM_PLAIN, 0},
      {LAM_RLE_DICTIONARY, 1},
      {LAM_PLAIN_DICTIONARY, 1},
      {LAM_DELTA_BINARY_PACKED, 2},
      {LAM_DELTA_LENGTH_BYTE_ARRAY, 3},
      {LAM_DELTA_BYTE_ARRAY, 4},
      {LAM_BYTE_STREAM_SPLIT, 5},
  };
  uint8_t out = 0;
  for (size_t i = 0; i < sizeof bits / sizeof *bits; i++)
    if (encodings >> bits[i][0] & 1) out |= (uint8_t)(1u << bits[i][1]);
  return out;
}

/* A bound of a column of fixed width that has another one says that the other bound is not to be believed either. */
static bool is_nonsense(const struct lam_schema_node *node, struct lam_bytes bound) {
  size_t width = node->physical == LAM_BOOLEAN ? 1 : (size_t)lam_physical_width(node->physical, node->type_length);
  return bound.data && width && bound.size != width;
}

static bool fits_slot(struct lam_bytes bound) {
  return bound.data && bound.size && bound.size <= PM_LONGEST_STAT;
}

/* One of the two: the new one, else the deprecated one. */
static struct lam_bytes choose_bound(struct lam_bytes is, struct lam_bytes old, uint32_t if_old, uint32_t if_empty,
                                     bool *is_new, uint32_t *flags) {
  *is_new = fits_slot(is);
  if (is.data && !is.size) *flags |= if_empty;
  if (fits_slot(old) && (!is.data || lam_bytes_equal(is, old))) {
    *flags |= if_old;
    return old;
  }
  return *is_new ? is : (struct lam_bytes){NULL, 0};
}

void pm_bounds_of(const struct lam_file_meta *meta, int32_t leaf, const struct lam_statistics *statistics,
                  struct pm_bounds *out) {
  const struct lam_schema_node *node = leaf_node(meta, leaf);
  struct lam_statistics s = *statistics;
  if (is_nonsense(node, s.min) || is_nonsense(node, s.max)) s.min = s.max = (struct lam_bytes){NULL, 0};
  if (is_nonsense(node, s.old_min) || is_nonsense(node, s.old_max) || !lam_statistics_trusted(meta, leaf, true))
    s.old_min = s.old_max = (struct lam_bytes){NULL, 0};
  *out = (struct pm_bounds){.flags = 0};
  out->min = choose_bound(s.min, s.old_min, PM_EXTRA_OLD_MIN, PM_EXTRA_EMPTY_MIN, &out->new_min, &out->flags);
  out->max = choose_bound(s.max, s.old_max, PM_EXTRA_OLD_MAX, PM_EXTRA_EMPTY_MAX, &out->new_max, &out->flags);
}

/* Sets the slot of a bound; one that is long goes to the region that begins at `region` of the buffer. */
static enum lam_status put_bound(struct pm_writer *w, struct lam_bytes bound, size_t region, uint64_t *slot,
                                 uint8_t *size, struct lam_error *error) {
  *size = 0;
  if (!bound.data) return LAM_OK;
  if (bound.size <= sizeof *slot) {
    memcpy(slot, bound.data, bound.size);
    *size = (uint8_t)bound.size;
    return LAM_OK;
  }
  *slot = (uint64_t)(w->out->size - region) << 16 | bound.size;
  return lam_buf_append(w->out, bound.data, bound.size, error);
}

static enum lam_status put_statistics(struct pm_writer *w, int32_t leaf, const struct lam_chunk_meta *meta,
                                      size_t region, struct pm_chunk *chunk, struct lam_error *error) {
  struct lam_statistics s = lam_chunk_statistics(meta);
  struct pm_bounds bounds;
  uint8_t min_size, max_size;
  pm_bounds_of(w->source->meta, leaf, &s, &bounds);
  if (w->format->plain || !(w->header.features & PM_OUR_SCHEMA)) { /* only our section says that they are deprecated */
    if (!bounds.new_min) bounds.min.data = NULL;
    if (!bounds.new_max) bounds.max.data = NULL;
  }
  LAM_TRY(put_bound(w, bounds.min, region, &chunk->min, &min_size, error));
  LAM_TRY(put_bound(w, bounds.max, region, &chunk->max, &max_size, error));
  int flags = (min_size ? PM_MIN_INLINED : 0) | (max_size ? PM_MAX_INLINED : 0);
  if (bounds.new_min) flags |= PM_MIN | (s.min_exact ? PM_MIN_EXACT : 0);
  if (bounds.new_max) flags |= PM_MAX | (s.max_exact ? PM_MAX_EXACT : 0);
  if (s.null_count >= 0) flags |= PM_NULL_COUNT, chunk->null_count = (uint64_t)s.null_count;
  if (s.distinct_count >= 0) flags |= PM_DISTINCT_COUNT, chunk->distinct_count = (uint64_t)s.distinct_count;
  chunk->stat_flags = (uint8_t)flags;
  chunk->stat_sizes = (uint8_t)(min_size | max_size << 4);
  return LAM_OK;
}

/* lam_chunk_range, for metadata without a file too. */
static enum lam_status chunk_range(const struct pm_writer *w, int32_t row_group, int32_t leaf, struct pm_chunk *out,
                                   struct lam_error *error) {
  const struct lam_chunk_meta *chunk = &w->source->meta->row_groups[row_group].chunks[leaf];
  if (w->source->file) {
    LAM_TRY(lam_chunk_range(w->source->file, row_group, leaf, &out->offset, &out->size, error));
  } else {
    out->offset = (uint64_t)lam_chunk_start(chunk);
    out->size = (uint64_t)chunk->compressed_size;
  }
  uint64_t end = w->source->footer_offset;
  LAM_CHECK(out->offset <= end && out->size <= end - out->offset && chunk->values >= 0, error,
            "row group %" PRId32 ", column %" PRId32 ": its %" PRIu64 " bytes from byte %" PRIu64
            " on pass the footer at byte %" PRIu64,
            row_group, leaf, out->size, out->offset, end);
  return LAM_OK;
}

static enum lam_status write_chunk(struct pm_writer *w, int32_t row_group, int32_t leaf, size_t block, size_t region,
                                   struct lam_error *error) {
  const struct lam_chunk_meta *meta = &w->source->meta->row_groups[row_group].chunks[leaf];
  LAM_CHECK(!meta->has_metadata || meta->physical == leaf_node(w->source->meta, leaf)->physical, error,
            "row group %" PRId32 ", column %" PRId32 ": its chunk is of another type than its schema says", row_group,
            leaf);
  if (!meta->has_metadata || meta->encrypted || meta->elsewhere)
    return lam_fail(error, LAM_UNSUPPORTED,
                    "row group %" PRId32 ", column %" PRId32
                    " is encrypted, in another file, or has no metadata: no sidecar can describe it",
                    row_group, leaf);
  struct pm_chunk chunk = {
      .codec = (uint8_t)meta->codec,
      .encodings = encodings_of(meta->encodings),
      .values = (uint64_t)meta->values,
  };
  LAM_TRY(chunk_range(w, row_group, leaf, &chunk, error));
  LAM_TRY(put_statistics(w, leaf, meta, region, &chunk, error));
  memcpy(w->out->data + block + 8 + (size_t)leaf * sizeof chunk, &chunk, sizeof chunk);
  return LAM_OK;
}

static enum lam_status pad(struct pm_writer *w, struct lam_error *error) {
  static const uint8_t zeros[8];
  return lam_buf_append(w->out, zeros, (size_t)(-pm_position(w) & 7), error);
}

/* A position of the sidecar in units of 8 bytes, as 32 bits hold it. */
static enum lam_status place_of(const struct pm_writer *w, uint32_t *out, struct lam_error *error) {
  uint64_t at = pm_position(w);
  if (at >> 3 > UINT32_MAX) return lam_fail(error, LAM_LIMIT, "the sidecar would pass 32 GiB");
  *out = (uint32_t)(at >> 3);
  return LAM_OK;
}

/* ---- bloom filters ---- */

/* The length of a filter in the file, its header included; 0 where it cannot be told. */
static enum lam_status bloom_length(const struct pm_writer *w, const struct lam_chunk_meta *chunk, uint64_t *out,
                                    struct lam_error *error) {
  uint8_t head[64];
  size_t header = 0, bits = 0;
  uint64_t at = (uint64_t)chunk->bloom_offset, end = w->source->footer_offset;
  *out = chunk->bloom_length_known && chunk->bloom_length > 0 ? (uint64_t)chunk->bloom_length : 0;
  if (!*out && w->source->file && at < end) {
    size_t size = (size_t)lam_min_u64(sizeof head, end - at);
    LAM_TRY(lam_file_read(w->source->file, at, head, size, error));
    if (lam_bloom_parse_header(lam_bytes_of(head, size), &header, &bits, NULL) == LAM_OK && header)
      *out = header + bits;
  }
  if (at > end || *out > end - at) *out = 0; /* it is not where the footer says */
  return LAM_OK;
}

static enum lam_status inline_bloom(struct pm_writer *w, int32_t row_group, int32_t leaf, uint64_t *entry,
                                    struct lam_error *error) {
  struct lam_arena arena;
  struct lam_bytes bits = {NULL, 0};
  uint32_t place = 0;
  if (!w->source->file) return LAM_OK;
  lam_arena_init(&arena, w->out->mem);
  enum lam_status status = lam_bloom_read(w->source->file, row_group, leaf, &arena, &bits, error);
  if (status == LAM_CORRUPT) { /* a filter is of use only where it is right */
    status = LAM_OK;
    bits.size = 0;
  }
  if (status == LAM_OK && bits.size && bits.size <= INT32_MAX) {
    const int32_t size = (int32_t)bits.size;
    status = pad(w, error);
    if (status == LAM_OK) status = place_of(w, &place, error);
    if (status == LAM_OK) status = lam_buf_append(w->out, &size, sizeof size, error);
    if (status == LAM_OK) status = lam_buf_append(w->out, bits.data, bits.size, error);
    *entry = place;
  }
  lam_arena_release(&arena);
  return status;
}

static enum lam_status write_blooms(struct pm_writer *w, int32_t row_group, struct lam_error *error) {
  bool inlined = !(w->header.features & PM_BLOOM_EXTERNAL);
  for (uint32_t i = 0; i < w->bloom_count; i++) {
    int32_t leaf = (int32_t)w->bloom_columns[i];
    const struct lam_chunk_meta *chunk = &w->source->meta->row_groups[row_group].chunks[leaf];
    uint64_t *entry = w->matrix[(size_t)row_group * w->bloom_count + i];
    if (chunk->bloom_offset <= 0) continue;
    if (inlined) {
      LAM_TRY(inline_bloom(w, row_group, leaf, &entry[0], error));
      continue;
    }
    LAM_TRY(bloom_length(w, chunk, &entry[1], error));
    if (entry[1]) entry[0] = (uint64_t)chunk->bloom_offset;
  }
  return LAM_OK;
}

enum lam_status pm_write_block(struct pm_writer *w, int32_t row_group, struct lam_error *error) {
  const struct lam_file_meta *meta = w->source->meta;
  LAM_TRY(pad(w, error));
  LAM_TRY(place_of(w, &w->blocks[row_group], error));
  size_t block = w->out->size, region = block + 8 + (size_t)meta->leaf_count * sizeof(struct pm_chunk);
  LAM_TRY(lam_buf_reserve(w->out, region, error));
  w->out->size = region;
  lam_store64(w->out->data + block, (uint64_t)meta->row_groups[row_group].rows);
  for (int32_t c = 0; c < meta->leaf_count; c++) LAM_TRY(write_chunk(w, row_group, c, block, region, error));
  return write_blooms(w, row_group, error);
}

/* ---- footer ---- */

static enum lam_status write_matrix(struct pm_writer *w, struct lam_error *error) {
  bool external = w->header.features & PM_BLOOM_EXTERNAL;
  size_t count = (size_t)w->source->meta->row_group_count * w->bloom_count;
  for (size_t i = 0; i < count; i++) LAM_TRY(lam_buf_append(w->out, w->matrix[i], external ? 16 : 4, error));
  return LAM_OK;
}

enum lam_status pm_write_footer(struct pm_writer *w, uint64_t previous, struct lam_error *error) {
  const struct lam_sidecar_source *source = w->source;
  bool ours = w->header.features & PM_OUR_SCHEMA;
  const struct pm_footer footer = {
      .parquet_offset = source->footer_offset,
      .parquet_length = source->footer_length,
      .row_groups = (uint32_t)source->meta->row_group_count,
      .dead_bytes = source->dead_bytes,
      .previous = previous,
      .features = ours ? PM_OUR_FILE | PM_OUR_CHUNKS | PM_OUR_SEGMENTS : 0,
  };
  LAM_TRY(lam_buf_append(w->out, &footer, sizeof footer, error));
  LAM_TRY(lam_buf_append(w->out, w->blocks, footer.row_groups * sizeof *w->blocks, error));
  LAM_TRY(write_matrix(w, error));
  if (!ours) return LAM_OK;
  LAM_TRY(pm_write_file(w, error));
  return pm_write_chunks(w, error);
}

enum lam_status pm_write_trailer(struct pm_writer *w, uint64_t footer_at, uint32_t crc, struct lam_error *error) {
  uint64_t length = pm_position(w) + sizeof crc - footer_at;
  if (length > UINT32_MAX) return lam_fail(error, LAM_LIMIT, "the sidecar's footer would pass 4 GiB");
  const uint32_t trailer[2] = {crc, (uint32_t)length};
  return lam_buf_append(w->out, trailer, sizeof trailer, error);
}

/* ---- all of it ---- */

static enum lam_status build(struct pm_writer *w, struct lam_error *error) {
  LAM_TRY(write_header(w, error));
  LAM_TRY(pm_writer_begin(w, error));
  for (int32_t g = 0; g < w->source->meta->row_group_count; g++) LAM_TRY(pm_write_block(w, g, error));
  uint64_t footer_at = pm_position(w);
  LAM_TRY(pm_write_footer(w, 0, error));
  if (!w->format->plain) LAM_TRY(pm_write_segments(w, lam_bytes_of(NULL, 0), NULL, 0, error));
  uint32_t crc = lam_crc32(0, w->out->data + PM_COVERED, w->out->size - PM_COVERED);
  LAM_TRY(pm_write_trailer(w, footer_at, crc, error));
  lam_store64(w->out->data, w->out->size);
  return LAM_OK;
}

enum lam_status lam_sidecar_build_in(const struct lam_sidecar_source *source, const struct lam_sidecar_format *format,
                                     struct lam_buf *out, struct lam_error *error) {
  struct lam_arena arena;
  struct pm_writer w = {.source = source, .format = format, .arena = &arena, .out = out};
  if (source->meta->encrypted_columns)
    return lam_fail(error, LAM_UNSUPPORTED, "its columns are encrypted: no sidecar can describe them");
  lam_arena_init(&arena, out->mem);
  enum lam_status status = build(&w, error);
  lam_arena_release(&arena);
  return status;
}

enum lam_status lam_sidecar_put(const struct lam_sidecar_source *source, const struct lam_sidecar_format *format,
                                struct lam_store *store, const char *key, struct lam_mem *mem, uint64_t *size,
                                struct lam_error *error) {
  struct lam_buf bytes;
  lam_buf_init(&bytes, mem);
  enum lam_status status = lam_sidecar_build_in(source, format, &bytes, error);
  if (status == LAM_OK) status = lam_store_put_cache(store, key, lam_bytes_of(bytes.data, bytes.size), error);
  if (status == LAM_OK && size) *size = bytes.size;
  lam_buf_release(&bytes);
  return status;
}

/* ---- of a file ---- */

enum lam_status lam_sidecar_source_of(const struct lam_file *file, struct lam_mem *mem, struct lam_sidecar_source *out,
                                      struct lam_error *error) {
  uint8_t tail[8];
  uint64_t size = lam_file_size(file);
  const struct lam_object_info *info = lam_file_info(file);
  struct lam_buf footer;
  *out = (struct lam_sidecar_source){.meta = lam_file_meta(file), .file = file};
  LAM_TRY(lam_file_read(file, size - sizeof tail, tail, sizeof tail, error));
  out->footer_length = lam_load32(tail);
  LAM_CHECK(out->footer_length <= size - sizeof tail, error, "%s: its footer has changed while it was read",
            lam_file_name(file));
  out->footer_offset = size - sizeof tail - out->footer_length;
  out->inode = info->inode;
  out->mtime_ns = info->mtime_ns;
  lam_buf_init(&footer, mem);
  enum lam_status status = lam_buf_reset(&footer, out->footer_length, error);
  if (status == LAM_OK) status = lam_file_read(file, out->footer_offset, footer.data, out->footer_length, error);
  if (status == LAM_OK) out->footer_hash = lam_hash64(footer.data, out->footer_length);
  lam_buf_release(&footer);
  LAM_TRY(status);
  int64_t dead;
  LAM_TRY(lam_file_dead_bytes(file, mem, &dead, error));
  out->dead_bytes = (uint64_t)lam_max_i64(dead, 0);
  return LAM_OK;
}
