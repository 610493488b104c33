#include "cli/inspect_names.h"

#include <stdio.h>

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
