/* Arrow's schema to Parquet's, with the logical and the converted types. docs/types.md has the table. */
#include "parquet/schema.h"

/* How one Arrow type is stored; the parameters of decimals, times and fixed sizes are filled in after. */
struct form {
  int8_t physical, converted;
  struct lam_logical logical;
};

#define INTEGER(width, is_signed_) \
  { .kind = LAM_LOGICAL_INTEGER, .bit_width = (width), .is_signed = (is_signed_) }
#define KIND(kind_) \
  { .kind = LAM_LOGICAL_##kind_ }
#define NOTHING \
  { .kind = LAM_LOGICAL_NONE }

static const struct form forms[] = {
    [LAM_TYPE_NULL] = {LAM_INT32, LAM_CONVERTED_NONE, KIND(UNKNOWN)},
    [LAM_TYPE_BOOL] = {LAM_BOOLEAN, LAM_CONVERTED_NONE, NOTHING},
    [LAM_TYPE_INT8] = {LAM_INT32, LAM_CONVERTED_INT_8, INTEGER(8, true)},
    [LAM_TYPE_INT16] = {LAM_INT32, LAM_CONVERTED_INT_16, INTEGER(16, true)},
    [LAM_TYPE_INT32] = {LAM_INT32, LAM_CONVERTED_NONE, NOTHING},
    [LAM_TYPE_INT64] = {LAM_INT64, LAM_CONVERTED_NONE, NOTHING},
    [LAM_TYPE_UINT8] = {LAM_INT32, LAM_CONVERTED_UINT_8, INTEGER(8, false)},
    [LAM_TYPE_UINT16] = {LAM_INT32, LAM_CONVERTED_UINT_16, INTEGER(16, false)},
    [LAM_TYPE_UINT32] = {LAM_INT32, LAM_CONVERTED_UINT_32, INTEGER(32, false)},
    [LAM_TYPE_UINT64] = {LAM_INT64, LAM_CONVERTED_UINT_64, INTEGER(64, false)},
    [LAM_TYPE_FLOAT16] = {LAM_FIXED_LEN_BYTE_ARRAY, LAM_CONVERTED_NONE, KIND(FLOAT16)},
    [LAM_TYPE_FLOAT32] = {LAM_FLOAT, LAM_CONVERTED_NONE, NOTHING},
    [LAM_TYPE_FLOAT64] = {LAM_DOUBLE, LAM_CONVERTED_NONE, NOTHING},
    [LAM_TYPE_DECIMAL128] = {LAM_FIXED_LEN_BYTE_ARRAY, LAM_CONVERTED_DECIMAL, KIND(DECIMAL)},
    [LAM_TYPE_DECIMAL256] = {LAM_FIXED_LEN_BYTE_ARRAY, LAM_CONVERTED_DECIMAL, KIND(DECIMAL)},
    [LAM_TYPE_DATE32] = {LAM_INT32, LAM_CONVERTED_DATE, KIND(DATE)},
    [LAM_TYPE_DATE64] = {LAM_INT32, LAM_CONVERTED_DATE, KIND(DATE)},
    [LAM_TYPE_TIME32] = {LAM_INT32, LAM_CONVERTED_NONE, KIND(TIME)},
    [LAM_TYPE_TIME64] = {LAM_INT64, LAM_CONVERTED_NONE, KIND(TIME)},
    [LAM_TYPE_TIMESTAMP] = {LAM_INT64, LAM_CONVERTED_NONE, KIND(TIMESTAMP)},
    [LAM_TYPE_DURATION] = {LAM_INT64, LAM_CONVERTED_NONE, NOTHING},
    [LAM_TYPE_STRING] = {LAM_BYTE_ARRAY, LAM_CONVERTED_UTF8, KIND(STRING)},
    [LAM_TYPE_LARGE_STRING] = {LAM_BYTE_ARRAY, LAM_CONVERTED_UTF8, KIND(STRING)},
    [LAM_TYPE_STRING_VIEW] = {LAM_BYTE_ARRAY, LAM_CONVERTED_UTF8, KIND(STRING)},
    [LAM_TYPE_BINARY] = {LAM_BYTE_ARRAY, LAM_CONVERTED_NONE, NOTHING},
    [LAM_TYPE_LARGE_BINARY] = {LAM_BYTE_ARRAY, LAM_CONVERTED_NONE, NOTHING},
    [LAM_TYPE_BINARY_VIEW] = {LAM_BYTE_ARRAY, LAM_CONVERTED_NONE, NOTHING},
    [LAM_TYPE_FIXED_BINARY] = {LAM_FIXED_LEN_BYTE_ARRAY, LAM_CONVERTED_NONE, NOTHING},
};

/* Bytes of the least two's complement that holds all decimals of `precision` digits: 10^p has
 * floor(p log2 10) + 1 bits, and there is the sign. */
static int32_t decimal_bytes(int32_t precision) {
  int64_t bits = (int64_t)precision * 3321928095 / 1000000000 + 2;
  return (int32_t)((bits + 7) / 8);
}

static enum lam_status set_decimal(const struct lam_type *type, struct lam_schema_node *node, struct lam_error *error) {
  if (type->precision < 1 || type->precision > 76 || type->scale < 0 || type->scale > type->precision)
    return lam_fail(
        error, LAM_INVALID,
        "Parquet's decimals have 1 digit or more and a scale of 0 to that many, not precision %d and scale %d",
        type->precision, type->scale);
  node->type_length = decimal_bytes(type->precision);
  node->precision = node->logical.precision = type->precision;
  node->scale = node->logical.scale = type->scale;
  return LAM_OK;
}

/* Seconds, which Parquet has not, become milliseconds; nanoseconds have no converted type. parquet.thrift asks for the
 * converted types whether or not the times are adjusted to UTC. */
static void set_time(const struct lam_type *type, struct lam_schema_node *node) {
  bool time = node->logical.kind == LAM_LOGICAL_TIME;
  node->logical.utc = !time && type->timezone && type->timezone[0];
  switch (type->unit) {
    case LAM_UNIT_SECOND:
    case LAM_UNIT_MILLI:
      node->logical.unit = LAM_MILLIS;
      node->converted = time ? LAM_CONVERTED_TIME_MILLIS : LAM_CONVERTED_TIMESTAMP_MILLIS;
      break;
    case LAM_UNIT_MICRO:
      node->logical.unit = LAM_MICROS;
      node->converted = time ? LAM_CONVERTED_TIME_MICROS : LAM_CONVERTED_TIMESTAMP_MICROS;
      break;
    case LAM_UNIT_NANO: node->logical.unit = LAM_NANOS; break;
  }
}

static enum lam_status set_fixed(const struct lam_type *type, const struct ArrowSchema *schema,
                                 struct lam_schema_node *node, struct lam_error *error) {
  struct lam_bytes extension = lam_schema_metadata(schema, "ARROW:extension:name");
  if (type->byte_width <= 0)
    return lam_fail(error, LAM_UNSUPPORTED, "Parquet has no values of %d bytes", type->byte_width);
  node->type_length = type->byte_width;
  if (type->byte_width == 16 && lam_bytes_equal(extension, lam_bytes_of_string("arrow.uuid")))
    node->logical.kind = LAM_LOGICAL_UUID;
  return LAM_OK;
}

static void set_string(const struct ArrowSchema *schema, struct lam_schema_node *node) {
  struct lam_bytes extension = lam_schema_metadata(schema, "ARROW:extension:name");
  if (!lam_bytes_equal(extension, lam_bytes_of_string("arrow.json"))) return;
  node->logical.kind = LAM_LOGICAL_JSON;
  node->converted = LAM_CONVERTED_JSON;
}

/* The parameters of the type. */
static enum lam_status set_parameters(const struct lam_type *type, const struct ArrowSchema *schema,
                                      struct lam_schema_node *node, struct lam_error *error) {
  switch (type->id) {
    case LAM_TYPE_DECIMAL128:
    case LAM_TYPE_DECIMAL256: return set_decimal(type, node, error);
    case LAM_TYPE_TIME32:
    case LAM_TYPE_TIME64:
    case LAM_TYPE_TIMESTAMP: set_time(type, node); break;
    case LAM_TYPE_FIXED_BINARY: return set_fixed(type, schema, node, error);
    case LAM_TYPE_FLOAT16: node->type_length = 2; break;
    case LAM_TYPE_STRING:
    case LAM_TYPE_LARGE_STRING:
    case LAM_TYPE_STRING_VIEW: set_string(schema, node); break;
    case LAM_TYPE_NULL: node->repetition = LAM_OPTIONAL; break;
    default: break;
  }
  return LAM_OK;
}

static bool is_decimal(const struct lam_type *type) {
  return type->id == LAM_TYPE_DECIMAL128 || type->id == LAM_TYPE_DECIMAL256;
}

/* Takes over the element that the field was read from, if it still says the same type. Decimals of varying length
 * and INT96 are read only. */
static void take_element(const struct ArrowSchema *schema, const struct lam_type *type, struct lam_schema_node *node) {
  struct lam_bytes bytes = lam_schema_metadata(schema, LAM_ELEMENT_KEY);
  struct lam_schema_node element;
  struct lam_leaf leaf;
  if (!bytes.size || lam_schema_node_parse(bytes, &element, NULL) != LAM_OK) return;
  struct lam_file_meta meta = {.nodes = &element, .node_count = 1};
  bool written = element.physical >= 0 && element.physical != LAM_INT96 &&
                 !(element.physical == LAM_BYTE_ARRAY && is_decimal(type));
  if (!written || lam_leaf_of_node(&meta, 0, &leaf, NULL) != LAM_OK || !lam_type_equal(&leaf.type, type)) return;
  node->physical = element.physical;
  node->type_length = element.type_length;
  node->converted = element.converted;
  node->precision = element.precision;
  node->scale = element.scale;
  node->logical = element.logical;
}

enum lam_status lam_node_of_schema(const struct ArrowSchema *schema, struct lam_schema_node *out,
                                   struct lam_error *error) {
  struct lam_type type;
  char shown[96];
  LAM_TRY(lam_type_parse(schema->dictionary ? schema->dictionary : schema, &type, error));
  if (lam_type_is_nested(type.id)) return lam_fail(error, LAM_UNSUPPORTED, "nested values have no leaf of their own");
  if ((size_t)type.id >= sizeof forms / sizeof forms[0])
    return lam_fail(error, LAM_UNSUPPORTED, "the type %s has no form in Parquet",
                    lam_type_name(&type, shown, sizeof shown));
  const struct form *form = &forms[type.id];
  *out = (struct lam_schema_node){
      .name = lam_bytes_of_string(schema->name ? schema->name : ""),
      .field_id = lam_schema_field_id(schema),
      .physical = form->physical,
      .repetition = schema->flags & ARROW_FLAG_NULLABLE ? LAM_OPTIONAL : LAM_REQUIRED,
      .converted = form->converted,
      .logical = form->logical,
  };
  LAM_TRY(set_parameters(&type, schema, out, error));
  take_element(schema, &type, out);
  return LAM_OK;
}

static enum lam_status keep(struct lam_arena *arena, struct lam_bytes *bytes, struct lam_error *error) {
  char *copy;
  LAM_TRY(lam_arena_string(arena, *bytes, &copy, error));
  bytes->data = (const uint8_t *)copy;
  return LAM_OK;
}

/* ---- the tree ---- */

enum { DEEPEST = 64 }; /* levels of Arrow's schema; a list or map takes two of Parquet's */

/* Nodes in the order of the file, in a growing array: parents before children. */
struct tree {
  struct lam_arena *arena;
  struct lam_buf nodes; /* struct lam_schema_node */
  bool named;           /* the field that failed is: only it and its column are */
};

/* A field as its parent has it: the names of elements, keys and values are the format's, and keys are never null. */
struct place {
  const char *name; /* NULL: the field's own */
  bool required;    /* whatever the field says */
  int depth;
};

static enum lam_status add_node(struct tree *tree, const struct lam_schema_node *node, struct lam_error *error) {
  struct lam_schema_node kept = *node;
  LAM_TRY(keep(tree->arena, &kept.name, error));
  if (kept.logical.raw.size) LAM_TRY(keep(tree->arena, &kept.logical.raw, error));
  if (tree->nodes.size / sizeof kept >= INT32_MAX)
    return lam_fail(error, LAM_UNSUPPORTED, "a schema of more than 2^31 - 1 elements cannot be written");
  return lam_buf_append(&tree->nodes, &kept, sizeof kept, error);
}

static const char *field_name(const struct ArrowSchema *schema) {
  return schema->name ? schema->name : "";
}

static struct lam_schema_node group_of(const char *name, enum lam_repetition repetition, int64_t children) {
  return (struct lam_schema_node){.name = lam_bytes_of_string(name),
                                  .children = (int32_t)children,
                                  .field_id = -1,
                                  .physical = -1,
                                  .repetition = (int8_t)repetition,
                                  .converted = LAM_CONVERTED_NONE};
}

static enum lam_status check_children(const struct ArrowSchema *schema, const struct lam_type *type,
                                      struct lam_error *error) {
  char shown[96];
  bool any = type->id == LAM_TYPE_STRUCT;
  if (any && schema->n_children == 0)
    return lam_fail(error, LAM_UNSUPPORTED, "Parquet has no structs without fields, as '%s' is", field_name(schema));
  const struct ArrowSchema *entries = type->id == LAM_TYPE_MAP && schema->n_children == 1 ? schema->children[0] : NULL;
  bool good = any ? schema->n_children > 0 && schema->n_children < INT32_MAX : schema->n_children == 1;
  if (type->id == LAM_TYPE_MAP) good = entries && entries->n_children == 2 && !strcmp(entries->format, "+s");
  if (good) return LAM_OK;
  return lam_fail(error, LAM_INVALID, "the schema of '%s', a %s, has %lld children", field_name(schema),
                  lam_type_name(type, shown, sizeof shown), (long long)schema->n_children);
}

/* A logical type that we pass on unread (VARIANT and those that we do not know) of the group that the struct was read
 * from; VARIANT, of version 1, where Arrow's extension says so. */
static void take_group(const struct ArrowSchema *schema, struct lam_schema_node *node) {
  /* LogicalType {16: VariantType {1: i8 specification_version = 1}} */
  static const uint8_t variant[] = {0x0c, 0x20, 0x13, 1, 0, 0};
  struct lam_bytes extension = lam_schema_metadata(schema, "ARROW:extension:name");
  if (lam_bytes_equal(extension, lam_bytes_of_string("arrow.parquet.variant")))
    node->logical = (struct lam_logical){.kind = LAM_LOGICAL_VARIANT, .raw = lam_bytes_of(variant, sizeof variant)};
  struct lam_bytes bytes = lam_schema_metadata(schema, LAM_ELEMENT_KEY);
  struct lam_schema_node element;
  if (!bytes.size || lam_schema_node_parse(bytes, &element, NULL) != LAM_OK) return;
  if (element.physical < 0 && element.logical.raw.size) node->logical = element.logical;
}

static enum lam_status add_field(struct tree *tree, const struct ArrowSchema *schema, struct place place,
                                 struct lam_error *error);

static enum lam_status add_child(struct tree *tree, const struct ArrowSchema *schema, struct place place,
                                 struct lam_error *error) {
  enum lam_status status = add_field(tree, schema, place, error);
  const char *name = place.name ? place.name : field_name(schema);
  if (status != LAM_OK && place.depth == 1) return lam_fail_in(error, status, "column '%s'", name);
  if (status == LAM_OK || tree->named) return status;
  tree->named = true;
  return lam_fail_in(error, status, "field '%s'", name);
}

/* LIST: <name> { repeated list { element } }; MAP: <name> { repeated key_value { key, value } }. */
static enum lam_status add_repeated(struct tree *tree, const struct ArrowSchema *schema, bool map, int depth,
                                    struct lam_error *error) {
  struct lam_schema_node repeated = group_of(map ? "key_value" : "list", LAM_REPEATED, map ? 2 : 1);
  const struct ArrowSchema *child = schema->children[0];
  LAM_TRY(add_node(tree, &repeated, error));
  if (!map) return add_child(tree, child, (struct place){.name = "element", .depth = depth + 1}, error);
  LAM_TRY(add_child(tree, child->children[0], (struct place){"key", true, depth + 1}, error));
  return add_child(tree, child->children[1], (struct place){.name = "value", .depth = depth + 1}, error);
}

static enum lam_status add_group(struct tree *tree, const struct ArrowSchema *schema, const struct lam_type *type,
                                 struct place place, struct lam_error *error) {
  bool map = type->id == LAM_TYPE_MAP, list = !map && type->id != LAM_TYPE_STRUCT;
  bool required = place.required || !(schema->flags & ARROW_FLAG_NULLABLE);
  LAM_TRY(check_children(schema, type, error));
  struct lam_schema_node node = group_of(place.name ? place.name : field_name(schema),
                                         required ? LAM_REQUIRED : LAM_OPTIONAL, map || list ? 1 : schema->n_children);
  node.field_id = lam_schema_field_id(schema);
  if (map || list) {
    node.converted = map ? LAM_CONVERTED_MAP : LAM_CONVERTED_LIST;
    node.logical.kind = map ? LAM_LOGICAL_MAP : LAM_LOGICAL_LIST;
  } else {
    take_group(schema, &node);
  }
  LAM_TRY(add_node(tree, &node, error));
  if (map || list) return add_repeated(tree, schema, map, place.depth, error);
  for (int64_t i = 0; i < schema->n_children; i++)
    LAM_TRY(add_child(tree, schema->children[i], (struct place){.depth = place.depth + 1}, error));
  return LAM_OK;
}

static enum lam_status add_field(struct tree *tree, const struct ArrowSchema *schema, struct place place,
                                 struct lam_error *error) {
  struct lam_type type;
  struct lam_schema_node leaf;
  if (place.depth > DEEPEST)
    return lam_fail(error, LAM_UNSUPPORTED, "columns nested deeper than %d levels cannot be written", DEEPEST);
  if (!schema->dictionary) {
    LAM_TRY(lam_type_parse(schema, &type, error));
    if (lam_type_is_nested(type.id)) return add_group(tree, schema, &type, place, error);
  }
  LAM_TRY(lam_node_of_schema(schema, &leaf, error));
  if (place.name) leaf.name = lam_bytes_of_string(place.name);
  if (place.required && leaf.logical.kind != LAM_LOGICAL_UNKNOWN) leaf.repetition = LAM_REQUIRED;
  return add_node(tree, &leaf, error);
}

static enum lam_status add_columns(struct tree *tree, const struct ArrowSchema *schema, struct lam_error *error) {
  struct lam_schema_node root = group_of("schema", LAM_REQUIRED, schema->n_children);
  LAM_TRY(lam_buf_reserve(&tree->nodes, ((size_t)schema->n_children + 1) * sizeof root, error));
  LAM_TRY(add_node(tree, &root, error));
  for (int64_t i = 0; i < schema->n_children; i++)
    LAM_TRY(add_child(tree, schema->children[i], (struct place){.depth = 1}, error));
  return LAM_OK;
}

enum lam_status lam_schema_to_parquet(const struct ArrowSchema *schema, struct lam_arena *arena,
                                      struct lam_file_meta *out, struct lam_error *error) {
  struct lam_type type;
  void *memory;
  LAM_TRY(lam_type_parse(schema, &type, error));
  if (type.id != LAM_TYPE_STRUCT)
    return lam_fail(error, LAM_INVALID, "the schema of a file is a struct of its columns, not '%s'", schema->format);
  if (schema->n_children > INT32_MAX / 4)
    return lam_fail(error, LAM_INVALID, "a file of %lld columns cannot be written", (long long)schema->n_children);
  struct tree tree = {.arena = arena};
  lam_buf_init(&tree.nodes, arena->mem);
  enum lam_status status = add_columns(&tree, schema, error);
  size_t count = tree.nodes.size / sizeof(struct lam_schema_node);
  if (status == LAM_OK) status = lam_arena_array(arena, count, sizeof(struct lam_schema_node), &memory, error);
  if (status == LAM_OK) {
    lam_copy(memory, tree.nodes.data, tree.nodes.size);
    out->nodes = memory;
    out->node_count = (int32_t)count;
  }
  lam_buf_release(&tree.nodes);
  LAM_TRY(status);
  LAM_TRY(lam_schema_link(out, arena, error));
  LAM_TRY(lam_arena_alloc(arena, (size_t)out->leaf_count, &memory, error));
  out->column_orders = memory;
  if (out->leaf_count) memset(out->column_orders, LAM_ORDER_TYPE_DEFINED, (size_t)out->leaf_count);
  return LAM_OK;
}
