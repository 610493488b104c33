#include "cli/inspect_names.h"

#include <math.h>
#include <stdio.h>

#include "arrow/value_text.h"
#include "parquet/chunk.h"

static const char *name_of(const char *const *names, size_t count, const char *what, int value, char *out) {
  if (value >= 0 && (size_t)value < count && names[value]) return names[value];
  snprintf(out, NAME_ROOM, "%s %d", what, value);
  return out;
}
#define NAME_OF(names, what, value, out) name_of(names, sizeof names / sizeof names[0], what, value, out)

const char *repetition_name(int repetition) {
  static const char *const names[] = {"required", "optional", "repeated", "vector"};
  return repetition >= 0 && repetition < 4 ? names[repetition] : "unknown";
}

const char *page_kind_name(enum lam_page_kind kind) {
  static const char *const names[] = {"DATA_PAGE", "INDEX_PAGE", "DICTIONARY_PAGE", "DATA_PAGE_V2"};
  return (unsigned)kind < 4 ? names[kind] : "unknown";
}

const char *physical_text(const struct lam_schema_node *node, char *out) {
  if (node->physical < 0) return NULL;
  if (node->physical != LAM_FIXED_LEN_BYTE_ARRAY) return lam_physical_name((enum lam_physical)node->physical);
  snprintf(out, NAME_ROOM, "FIXED_LEN_BYTE_ARRAY(%d)", node->type_length);
  return out;
}

const char *logical_text(const struct lam_logical *logical, char *out) {
  static const char *const names[] = {
      [LAM_LOGICAL_STRING] = "STRING",       [LAM_LOGICAL_MAP] = "MAP",
      [LAM_LOGICAL_LIST] = "LIST",           [LAM_LOGICAL_ENUM] = "ENUM",
      [LAM_LOGICAL_DECIMAL] = "DECIMAL",     [LAM_LOGICAL_DATE] = "DATE",
      [LAM_LOGICAL_TIME] = "TIME",           [LAM_LOGICAL_TIMESTAMP] = "TIMESTAMP",
      [LAM_LOGICAL_INTEGER] = "INTEGER",     [LAM_LOGICAL_UNKNOWN] = "UNKNOWN",
      [LAM_LOGICAL_JSON] = "JSON",           [LAM_LOGICAL_BSON] = "BSON",
      [LAM_LOGICAL_UUID] = "UUID",           [LAM_LOGICAL_FLOAT16] = "FLOAT16",
      [LAM_LOGICAL_VARIANT] = "VARIANT",     [LAM_LOGICAL_GEOMETRY] = "GEOMETRY",
      [LAM_LOGICAL_GEOGRAPHY] = "GEOGRAPHY", [LAM_LOGICAL_VECTOR] = "VECTOR",
  };
  static const char *const units[] = {"unknown", "millis", "micros", "nanos"};
  int unit = logical->unit >= LAM_MILLIS && logical->unit <= LAM_NANOS ? (int)logical->unit : 0;
  const char *name = NAME_OF(names, "logical type", (int)logical->kind, out);
  switch (logical->kind) {
    case LAM_LOGICAL_NONE: return NULL;
    case LAM_LOGICAL_DECIMAL: snprintf(out, NAME_ROOM, "DECIMAL(%d,%d)", logical->precision, logical->scale); break;
    case LAM_LOGICAL_TIME:
    case LAM_LOGICAL_TIMESTAMP:
      snprintf(out, NAME_ROOM, "%s(%s, %s)", name, units[unit], logical->utc ? "utc" : "local");
      break;
    case LAM_LOGICAL_INTEGER:
      snprintf(out, NAME_ROOM, "%sINT(%d)", logical->is_signed ? "" : "U", logical->bit_width);
      break;
    default: return name;
  }
  return out;
}

const char *converted_text(const struct lam_schema_node *node, char *out) {
  static const char *const names[] = {
      "UTF8",
      "MAP",
      "MAP_KEY_VALUE",
      "LIST",
      "ENUM",
      "DECIMAL",
      "DATE",
      "TIME_MILLIS",
      "TIME_MICROS",
      "TIMESTAMP_MILLIS",
      "TIMESTAMP_MICROS",
      "UINT_8",
      "UINT_16",
      "UINT_32",
      "UINT_64",
      "INT_8",
      "INT_16",
      "INT_32",
      "INT_64",
      "JSON",
      "BSON",
      "INTERVAL",
  };
  if (node->converted == LAM_CONVERTED_NONE) return NULL;
  if (node->converted != LAM_CONVERTED_DECIMAL) return NAME_OF(names, "converted type", node->converted, out);
  snprintf(out, NAME_ROOM, "DECIMAL(%d,%d)", node->precision, node->scale);
  return out;
}

/* From the leaf up, each name put before what there is: quadratic in the depth, which the footer bounds. */
enum lam_status path_text(const struct lam_file_meta *meta, int32_t leaf, struct lam_buf *out,
                          struct lam_error *error) {
  size_t start = out->size;
  for (int32_t node = meta->leaves[leaf]; node > 0; node = meta->nodes[node].parent) {
    struct lam_bytes name = meta->nodes[node].name;
    bool dot = out->size > start;
    LAM_TRY(lam_buf_room(out, name.size + dot, error));
    memmove(out->data + start + name.size + dot, out->data + start, out->size - start);
    lam_copy(out->data + start, name.data, name.size);
    if (dot) out->data[start + name.size] = '.';
    out->size += name.size + dot;
  }
  return LAM_OK;
}

/* ---- bounds ---- */

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

enum lam_status bound_text(const struct lam_file_meta *meta, int32_t index, struct lam_bytes bound, struct lam_buf *out,
                           bool *is_literal, struct lam_error *error) {
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
