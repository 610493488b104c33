/* QuestDB's own key-value of a Parquet file, "questdb": {"version": 1, "schema": [{"column_type": 12, "column_top": 0,
 * "format": 1, "ascii": true, "id": 7}, …]}, an entry for each top-level column. */
#include <jansson.h>

#include "sidecar/pm_write.h"

enum { LONGEST = 16 << 20 }; /* bytes of the text; a column takes about 40 */

/* How QuestDB stores its types in Parquet. */
static const struct stored_type {
  int8_t code, physical, bit_width;
  int16_t length; /* of FIXED_LEN_BYTE_ARRAY */
  enum lam_logical_kind logical;
} stored_types[] = {
    {1, LAM_BOOLEAN, 0, 0, LAM_LOGICAL_NONE},
    {2, LAM_INT32, 8, 0, LAM_LOGICAL_INTEGER},
    {3, LAM_INT32, 16, 0, LAM_LOGICAL_INTEGER},
    {4, LAM_INT32, 16, 0, LAM_LOGICAL_INTEGER},
    {5, LAM_INT32, 0, 0, LAM_LOGICAL_NONE},
    {6, LAM_INT64, 0, 0, LAM_LOGICAL_NONE},
    {7, LAM_INT64, 0, 0, LAM_LOGICAL_TIMESTAMP},
    {8, LAM_INT64, 0, 0, LAM_LOGICAL_TIMESTAMP},
    {9, LAM_FLOAT, 0, 0, LAM_LOGICAL_NONE},
    {10, LAM_DOUBLE, 0, 0, LAM_LOGICAL_NONE},
    {11, LAM_BYTE_ARRAY, 0, 0, LAM_LOGICAL_STRING},
    {12, LAM_BYTE_ARRAY, 0, 0, LAM_LOGICAL_STRING},
    {13, LAM_FIXED_LEN_BYTE_ARRAY, 0, 32, LAM_LOGICAL_NONE},
    {14, LAM_INT32, 8, 0, LAM_LOGICAL_INTEGER},
    {15, LAM_INT32, 16, 0, LAM_LOGICAL_INTEGER},
    {16, LAM_INT32, 32, 0, LAM_LOGICAL_INTEGER},
    {17, LAM_INT64, 64, 0, LAM_LOGICAL_INTEGER},
    {18, LAM_BYTE_ARRAY, 0, 0, LAM_LOGICAL_NONE},
    {19, LAM_FIXED_LEN_BYTE_ARRAY, 0, 16, LAM_LOGICAL_UUID},
    {24, LAM_FIXED_LEN_BYTE_ARRAY, 0, 16, LAM_LOGICAL_NONE},
    {25, LAM_INT32, 32, 0, LAM_LOGICAL_INTEGER},
    {26, LAM_BYTE_ARRAY, 0, 0, LAM_LOGICAL_STRING},
    {27, LAM_BYTE_ARRAY, 0, 0, LAM_LOGICAL_NONE},
    {28, LAM_FIXED_LEN_BYTE_ARRAY, 0, 1, LAM_LOGICAL_DECIMAL},
    {29, LAM_FIXED_LEN_BYTE_ARRAY, 0, 2, LAM_LOGICAL_DECIMAL},
    {30, LAM_FIXED_LEN_BYTE_ARRAY, 0, 4, LAM_LOGICAL_DECIMAL},
    {31, LAM_FIXED_LEN_BYTE_ARRAY, 0, 8, LAM_LOGICAL_DECIMAL},
    {32, LAM_FIXED_LEN_BYTE_ARRAY, 0, 16, LAM_LOGICAL_DECIMAL},
    {33, LAM_FIXED_LEN_BYTE_ARRAY, 0, 32, LAM_LOGICAL_DECIMAL},
};

/* Whether a column is stored as QuestDB stores that type. */
static bool fits(const struct lam_schema_node *node, int64_t type) {
  struct lam_logical logical = lam_logical_of(node);
  enum lam_time_unit unit = (type & 0xff) == 7 ? LAM_MILLIS : type & PM_TYPE_NANOS ? LAM_NANOS : LAM_MICROS;
  if (node->children > 0 || type <= 0 || type > INT32_MAX) return false;
  for (size_t i = 0; i < sizeof stored_types / sizeof *stored_types; i++) {
    const struct stored_type *stored = &stored_types[i];
    if (stored->code != (type & 0xff) || stored->physical != node->physical || stored->logical != logical.kind)
      continue;
    if (stored->length && stored->length != node->type_length) return false;
    if (stored->logical == LAM_LOGICAL_TIMESTAMP && logical.unit != unit) return false;
    bool is_signed = stored->code != 4 && stored->code != 25; /* char, ipv4 */
    return stored->logical != LAM_LOGICAL_INTEGER ||
           (stored->bit_width == logical.bit_width && logical.is_signed == is_signed);
  }
  return false;
}

/* False: the entry is of another column, so that none of them is to be believed. */
static bool take_column(const json_t *entry, const struct lam_schema_node *node, struct pm_hint *out) {
  const json_t *type = json_object_get(entry, "column_type"), *id = json_object_get(entry, "id");
  const json_t *format = json_object_get(entry, "format");
  if (!json_is_integer(type) ||
      (json_is_integer(id) && node->field_id >= 0 && json_integer_value(id) != node->field_id))
    return false;
  if (!fits(node, json_integer_value(type))) return true;
  out->type = (int32_t)json_integer_value(type) & ~PM_TYPE_DESIGNATED; /* the header says which is */
  if (json_is_integer(format) && json_integer_value(format) == 1) out->flags |= PM_LOCAL_KEY_IS_GLOBAL;
  if (json_is_true(json_object_get(entry, "ascii"))) out->flags |= PM_IS_ASCII;
  return true;
}

static bool take_columns(const json_t *root, const struct lam_file_meta *meta, struct pm_hint *hints) {
  const json_t *version = json_object_get(root, "version"), *schema = json_object_get(root, "schema");
  if (!json_is_integer(version) || json_integer_value(version) != 1 || !json_is_array(schema) ||
      json_array_size(schema) != (size_t)lam_top_columns(meta))
    return false;
  for (int32_t i = 0; i < lam_top_columns(meta); i++)
    if (!take_column(json_array_get(schema, (size_t)i), &meta->nodes[lam_top_node(meta, i)], &hints[i])) return false;
  return true;
}

enum lam_status pm_questdb_hints(const struct lam_file_meta *meta, struct lam_arena *arena, struct pm_hint **out,
                                 struct lam_error *error) {
  struct lam_bytes text = lam_key_value_find(meta, "questdb");
  *out = NULL;
  if (!text.data || text.size > LONGEST) return LAM_OK;
  json_t *root = json_loadb((const char *)text.data, text.size, 0, NULL);
  if (!root) return LAM_OK;
  void *memory;
  enum lam_status status = lam_arena_array(arena, (size_t)lam_top_columns(meta), sizeof **out, &memory, error);
  if (status == LAM_OK && take_columns(root, meta, memory)) *out = memory;
  json_decref(root);
  return status;
}
