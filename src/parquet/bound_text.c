/* Bounds of statistics as people read them: values of the column's type. */
#include "arrow/value_text.h"
#include "parquet/chunk.h"
#include "parquet/statistics.h"

static bool is_literal_type(enum lam_type_id id) {
  return id >= LAM_TYPE_BOOL && id <= LAM_TYPE_FLOAT64;
}

static enum lam_status uuid_text(struct lam_bytes bytes, struct lam_buf *out, struct lam_error *error) {
  for (size_t i = 0; i < 16; i++) {
    if (i == 4 || i == 6 || i == 8 || i == 10) LAM_TRY(lam_buf_append(out, "-", 1, error));
    LAM_TRY(lam_hex_append(out, lam_bytes_of(bytes.data + i, 1), error));
  }
  return LAM_OK;
}

/* The bound as the Arrow value of `leaf`, 32 bytes at most. False where it is not one. */
static bool convert(const struct lam_leaf *leaf, struct lam_bytes bound, uint8_t *value) {
  if (leaf->physical == LAM_BOOLEAN) {
    if (bound.size != 1) return false;
    *value = bound.data[0] & 1;
    return true;
  }
  if (leaf->physical == LAM_BYTE_ARRAY) {
    const int32_t offsets[2] = {0, (int32_t)bound.size};
    return leaf->conversion == LAM_BYTES_TO_DECIMAL && bound.size <= 64 &&
           lam_convert_bytes(leaf, bound.data, offsets, 1, value, NULL) == LAM_OK;
  }
  return bound.size == (size_t)leaf->width && lam_convert_fixed(leaf, bound.data, 1, value, NULL) == LAM_OK;
}

enum lam_status lam_bound_text(const struct lam_file_meta *meta, int32_t index, struct lam_bytes bound,
                               struct lam_buf *out, bool *is_literal, struct lam_error *error) {
  const struct lam_schema_node *node = &meta->nodes[meta->leaves[index]];
  char text[LAM_VALUE_TEXT_ROOM];
  uint8_t value[64];
  struct lam_leaf leaf;
  *is_literal = false;
  if (lam_leaf_of_node(meta, meta->leaves[index], &leaf, NULL) != LAM_OK) return lam_hex_append(out, bound, error);
  if ((leaf.type.id == LAM_TYPE_STRING || leaf.type.id == LAM_TYPE_LARGE_STRING))
    return lam_buf_append(out, bound.data, bound.size, error);
  if (node->logical.kind == LAM_LOGICAL_UUID && bound.size == 16) return uuid_text(bound, out, error);
  int bits = lam_type_bits(&leaf.type);
  if (leaf.type.id == LAM_TYPE_FIXED_BINARY || leaf.type.id == LAM_TYPE_NULL || bits <= 0 || bits > 256 ||
      !convert(&leaf, bound, value))
    return lam_hex_append(out, bound, error);
  size_t size = lam_value_format(&leaf.type, value, text);
  *is_literal = is_literal_type(leaf.type.id) && !memchr(text, 'n', size); /* nan, inf: no JSON */
  return lam_buf_append(out, text, size, error);
}
