/* Writing footers. Fields go out in the order of their ids, as every other writer has them. */

#include "parquet/thrift.h"

/* ---- schema ---- */

static void put_empty_struct(struct lam_thrift_out *out, int16_t id) {
  lam_thrift_end(out, lam_thrift_begin(out, id));
}

/* TIME and TIMESTAMP. */
static void put_time(struct lam_thrift_out *out, const struct lam_logical *logical) {
  lam_thrift_put_bool(out, 1, logical->utc);
  int16_t unit = lam_thrift_begin(out, 2);
  if (logical->unit) put_empty_struct(out, (int16_t)logical->unit); /* 0: the file had none */
  lam_thrift_end(out, unit);
}

static void put_integer(struct lam_thrift_out *out, const struct lam_logical *logical) {
  uint8_t width = (uint8_t)logical->bit_width;
  lam_thrift_put_field(out, 1, LAM_THRIFT_BYTE);
  lam_thrift_put(out, &width, 1);
  lam_thrift_put_bool(out, 2, logical->is_signed);
}

static void put_logical(struct lam_thrift_out *out, int16_t id, const struct lam_logical *logical) {
  if (logical->kind == LAM_LOGICAL_NONE) return;
  if (logical->raw.size) {
    lam_thrift_put_raw(out, id, LAM_THRIFT_STRUCT, logical->raw);
    return;
  }
  int16_t outer = lam_thrift_begin(out, id), inner = lam_thrift_begin(out, (int16_t)logical->kind);
  switch (logical->kind) {
    case LAM_LOGICAL_TIME:
    case LAM_LOGICAL_TIMESTAMP: put_time(out, logical); break;
    case LAM_LOGICAL_INTEGER: put_integer(out, logical); break;
    case LAM_LOGICAL_DECIMAL:
      lam_thrift_put_i32(out, 1, logical->scale);
      lam_thrift_put_i32(out, 2, logical->precision);
      break;
    default: break;
  }
  lam_thrift_end(out, inner);
  lam_thrift_end(out, outer);
}

static void put_node(struct lam_thrift_out *out, const struct lam_schema_node *node, bool root) {
  int16_t outer = lam_thrift_begin(out, 0);
  if (node->physical >= 0) lam_thrift_put_i32(out, 1, node->physical);
  if (node->type_length) lam_thrift_put_i32(out, 2, node->type_length);
  if (!root) lam_thrift_put_i32(out, 3, node->repetition);
  lam_thrift_put_binary(out, 4, node->name);
  if (node->physical < 0) lam_thrift_put_i32(out, 5, node->children);
  if (node->converted != LAM_CONVERTED_NONE) lam_thrift_put_i32(out, 6, node->converted);
  if (node->converted == LAM_CONVERTED_DECIMAL) {
    lam_thrift_put_i32(out, 7, node->scale);
    lam_thrift_put_i32(out, 8, node->precision);
  }
  if (node->field_id >= 0) lam_thrift_put_i32(out, 9, node->field_id);
  put_logical(out, 10, &node->logical);
  if (node->vector_length) lam_thrift_put_i32(out, 11, node->vector_length);
  lam_thrift_end(out, outer);
}

enum lam_status lam_schema_node_write(const struct lam_schema_node *node, bool root, struct lam_buf *to,
                                      struct lam_error *error) {
  struct lam_thrift_out out = lam_thrift_to(to, error);
  put_node(&out, node, root);
  return out.status;
}

/* ---- chunks ---- */

/* The exact bits are left out where they are true, as for all files from before the format had them. */
void lam_statistics_write(struct lam_thrift_out *out, int16_t id, const struct lam_statistics *s) {
  bool any = s->min.data || s->max.data || s->old_min.data || s->old_max.data || s->null_count >= 0 ||
             s->distinct_count >= 0 || s->nan_count >= 0;
  if (!any) return;
  int16_t outer = lam_thrift_begin(out, id);
  if (s->old_max.data) lam_thrift_put_binary(out, 1, s->old_max);
  if (s->old_min.data) lam_thrift_put_binary(out, 2, s->old_min);
  if (s->null_count >= 0) lam_thrift_put_i64(out, 3, s->null_count);
  if (s->distinct_count >= 0) lam_thrift_put_i64(out, 4, s->distinct_count);
  if (s->max.data) lam_thrift_put_binary(out, 5, s->max);
  if (s->min.data) lam_thrift_put_binary(out, 6, s->min);
  if (s->max.data && !s->max_exact) lam_thrift_put_bool(out, 7, false);
  if (s->min.data && !s->min_exact) lam_thrift_put_bool(out, 8, false);
  if (s->nan_count >= 0) lam_thrift_put_i64(out, 9, s->nan_count);
  lam_thrift_end(out, outer);
}

static void put_encodings(struct lam_thrift_out *out, uint32_t encodings) {
  lam_thrift_put_list(out, 2, LAM_THRIFT_I32, (uint32_t)__builtin_popcount(encodings));
  for (; encodings; encodings &= encodings - 1) lam_thrift_put_varint(out, lam_zigzag(__builtin_ctz(encodings)));
}

/* The names from below the root to the leaf. */
static void put_path(struct lam_thrift_out *out, const struct lam_file_meta *meta, int32_t leaf) {
  int32_t path[256], depth = 0;
  for (int32_t node = meta->leaves[leaf]; node > 0 && depth < 256; node = meta->nodes[node].parent)
    path[depth++] = node;
  lam_thrift_put_list(out, 3, LAM_THRIFT_BINARY, (uint32_t)depth);
  while (depth > 0) {
    struct lam_bytes name = meta->nodes[path[--depth]].name;
    lam_thrift_put_varint(out, name.size);
    lam_thrift_put(out, name.data, name.size);
  }
}

static void put_column_meta(struct lam_thrift_out *out, const struct lam_file_meta *meta, int32_t leaf,
                            const struct lam_chunk_meta *chunk, const struct lam_chunk_details *details) {
  int16_t outer = lam_thrift_begin(out, 3);
  lam_thrift_put_i32(out, 1, chunk->physical);
  put_encodings(out, chunk->encodings);
  if (details->path.size)
    lam_thrift_put_raw(out, 3, LAM_THRIFT_LIST, details->path);
  else
    put_path(out, meta, leaf);
  lam_thrift_put_i32(out, 4, chunk->codec);
  lam_thrift_put_i64(out, 5, chunk->values);
  lam_thrift_put_i64(out, 6, chunk->uncompressed_size);
  lam_thrift_put_i64(out, 7, chunk->compressed_size);
  if (details->key_values.size) lam_thrift_put_raw(out, 8, LAM_THRIFT_LIST, details->key_values);
  lam_thrift_put_i64(out, 9, chunk->data_page_offset);
  if (chunk->has_dictionary_offset) lam_thrift_put_i64(out, 11, chunk->dictionary_page_offset);
  lam_statistics_write(out, 12, &details->statistics);
  if (details->encoding_stats.size) lam_thrift_put_raw(out, 13, LAM_THRIFT_LIST, details->encoding_stats);
  if (chunk->bloom_offset) lam_thrift_put_i64(out, 14, chunk->bloom_offset);
  if (chunk->bloom_offset && chunk->bloom_length_known) lam_thrift_put_i32(out, 15, chunk->bloom_length);
  if (details->size_statistics.size) lam_thrift_put_raw(out, 16, LAM_THRIFT_STRUCT, details->size_statistics);
  if (details->geospatial_statistics.size)
    lam_thrift_put_raw(out, 17, LAM_THRIFT_STRUCT, details->geospatial_statistics);
  lam_thrift_end(out, outer);
}

static void put_chunk(struct lam_thrift_out *out, const struct lam_file_meta *meta, int32_t leaf,
                      const struct lam_chunk_meta *chunk) {
  struct lam_chunk_details details;
  lam_chunk_details(chunk, &details);
  int16_t outer = lam_thrift_begin(out, 0);
  if (chunk->encrypted && out->status == LAM_OK)
    out->status = lam_fail(out->error, LAM_UNSUPPORTED, "the metadata of an encrypted chunk cannot be written");
  if (details.file_path.size) lam_thrift_put_binary(out, 1, details.file_path);
  lam_thrift_put_i64(out, 2, details.file_offset);
  if (chunk->has_metadata) put_column_meta(out, meta, leaf, chunk, &details);
  if (chunk->offset_index_length) {
    lam_thrift_put_i64(out, 4, chunk->offset_index_offset);
    lam_thrift_put_i32(out, 5, chunk->offset_index_length);
  }
  if (chunk->column_index_length) {
    lam_thrift_put_i64(out, 6, chunk->column_index_offset);
    lam_thrift_put_i32(out, 7, chunk->column_index_length);
  }
  lam_thrift_end(out, outer);
}

/* ---- row groups and the file ---- */

static void put_sorting(struct lam_thrift_out *out, const struct lam_row_group_meta *group) {
  if (group->sorting_count <= 0) return;
  lam_thrift_put_list(out, 4, LAM_THRIFT_STRUCT, (uint32_t)group->sorting_count);
  for (int32_t i = 0; i < group->sorting_count; i++) {
    int16_t outer = lam_thrift_begin(out, 0);
    lam_thrift_put_i32(out, 1, group->sorting[i].column);
    lam_thrift_put_bool(out, 2, group->sorting[i].descending);
    lam_thrift_put_bool(out, 3, group->sorting[i].nulls_first);
    lam_thrift_end(out, outer);
  }
}

static void put_row_group(struct lam_thrift_out *out, const struct lam_file_meta *meta,
                          const struct lam_row_group_meta *group) {
  int16_t outer = lam_thrift_begin(out, 0);
  lam_thrift_put_list(out, 1, LAM_THRIFT_STRUCT, (uint32_t)meta->leaf_count);
  for (int32_t i = 0; i < meta->leaf_count && out->status == LAM_OK; i++) put_chunk(out, meta, i, &group->chunks[i]);
  lam_thrift_put_i64(out, 2, group->total_byte_size);
  lam_thrift_put_i64(out, 3, group->rows);
  put_sorting(out, group);
  if (group->file_offset >= 0) lam_thrift_put_i64(out, 5, group->file_offset);
  if (group->compressed_size >= 0) lam_thrift_put_i64(out, 6, group->compressed_size);
  if (group->ordinal >= 0 && group->ordinal <= INT16_MAX) {
    lam_thrift_put_field(out, 7, LAM_THRIFT_I16);
    lam_thrift_put_varint(out, lam_zigzag(group->ordinal));
  }
  lam_thrift_end(out, outer);
}

static void put_key_values(struct lam_thrift_out *out, const struct lam_file_meta *meta) {
  if (meta->key_value_count <= 0) return;
  lam_thrift_put_list(out, 5, LAM_THRIFT_STRUCT, (uint32_t)meta->key_value_count);
  for (int32_t i = 0; i < meta->key_value_count; i++) {
    int16_t outer = lam_thrift_begin(out, 0);
    lam_thrift_put_binary(out, 1, meta->key_values[i].key);
    if (meta->key_values[i].value.data) lam_thrift_put_binary(out, 2, meta->key_values[i].value);
    lam_thrift_end(out, outer);
  }
}

/* A union with nothing set, which an undefined order would be, is refused by readers: without an order for one column
 * there is none for any. */
static void put_column_orders(struct lam_thrift_out *out, const struct lam_file_meta *meta) {
  if (!meta->column_orders) return;
  for (int32_t i = 0; i < meta->leaf_count; i++)
    if (meta->column_orders[i] == LAM_ORDER_UNDEFINED) return;
  lam_thrift_put_list(out, 7, LAM_THRIFT_STRUCT, (uint32_t)meta->leaf_count);
  for (int32_t i = 0; i < meta->leaf_count; i++) {
    int16_t outer = lam_thrift_begin(out, 0);
    put_empty_struct(out, meta->column_orders[i]);
    lam_thrift_end(out, outer);
  }
}

enum lam_status lam_file_meta_write(const struct lam_file_meta *meta, struct lam_buf *to, struct lam_error *error) {
  struct lam_thrift_out out = lam_thrift_to(to, error);
  if (meta->encrypted_columns)
    return lam_fail(error, LAM_UNSUPPORTED, "a footer of encrypted columns cannot be written");
  lam_thrift_put_i32(&out, 1, meta->version);
  lam_thrift_put_list(&out, 2, LAM_THRIFT_STRUCT, (uint32_t)meta->node_count);
  for (int32_t i = 0; i < meta->node_count; i++) put_node(&out, &meta->nodes[i], i == 0);
  lam_thrift_put_i64(&out, 3, meta->rows);
  lam_thrift_put_list(&out, 4, LAM_THRIFT_STRUCT, (uint32_t)meta->row_group_count);
  for (int32_t i = 0; i < meta->row_group_count; i++) put_row_group(&out, meta, &meta->row_groups[i]);
  put_key_values(&out, meta);
  if (meta->created_by.size) lam_thrift_put_binary(&out, 6, meta->created_by);
  put_column_orders(&out, meta);
  lam_thrift_end(&out, 0);
  return out.status;
}
