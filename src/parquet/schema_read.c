/* Parquet's schema to Arrow's. docs/types.md has the table. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "parquet/schema_nested.h"

enum { MAX_PRECISION = 76 }; /* decimal256 */

/* ---- what an annotation means ---- */

static struct lam_logical of_converted(const struct lam_schema_node *node) {
  static const struct lam_logical meanings[] = {
      [LAM_CONVERTED_UTF8] = {.kind = LAM_LOGICAL_STRING},
      [LAM_CONVERTED_MAP] = {.kind = LAM_LOGICAL_MAP},
      [LAM_CONVERTED_MAP_KEY_VALUE] = {.kind = LAM_LOGICAL_MAP},
      [LAM_CONVERTED_LIST] = {.kind = LAM_LOGICAL_LIST},
      [LAM_CONVERTED_ENUM] = {.kind = LAM_LOGICAL_ENUM},
      [LAM_CONVERTED_DECIMAL] = {.kind = LAM_LOGICAL_DECIMAL},
      [LAM_CONVERTED_DATE] = {.kind = LAM_LOGICAL_DATE},
      [LAM_CONVERTED_TIME_MILLIS] = {.kind = LAM_LOGICAL_TIME, .utc = true, .unit = LAM_MILLIS},
      [LAM_CONVERTED_TIME_MICROS] = {.kind = LAM_LOGICAL_TIME, .utc = true, .unit = LAM_MICROS},
      [LAM_CONVERTED_TIMESTAMP_MILLIS] = {.kind = LAM_LOGICAL_TIMESTAMP, .utc = true, .unit = LAM_MILLIS},
      [LAM_CONVERTED_TIMESTAMP_MICROS] = {.kind = LAM_LOGICAL_TIMESTAMP, .utc = true, .unit = LAM_MICROS},
      [LAM_CONVERTED_UINT_8] = {.kind = LAM_LOGICAL_INTEGER, .bit_width = 8},
      [LAM_CONVERTED_UINT_16] = {.kind = LAM_LOGICAL_INTEGER, .bit_width = 16},
      [LAM_CONVERTED_UINT_32] = {.kind = LAM_LOGICAL_INTEGER, .bit_width = 32},
      [LAM_CONVERTED_UINT_64] = {.kind = LAM_LOGICAL_INTEGER, .bit_width = 64},
      [LAM_CONVERTED_INT_8] = {.kind = LAM_LOGICAL_INTEGER, .bit_width = 8, .is_signed = true},
      [LAM_CONVERTED_INT_16] = {.kind = LAM_LOGICAL_INTEGER, .bit_width = 16, .is_signed = true},
      [LAM_CONVERTED_INT_32] = {.kind = LAM_LOGICAL_INTEGER, .bit_width = 32, .is_signed = true},
      [LAM_CONVERTED_INT_64] = {.kind = LAM_LOGICAL_INTEGER, .bit_width = 64, .is_signed = true},
      [LAM_CONVERTED_JSON] = {.kind = LAM_LOGICAL_JSON},
      [LAM_CONVERTED_BSON] = {.kind = LAM_LOGICAL_BSON},
      [LAM_CONVERTED_INTERVAL] = {.kind = LAM_LOGICAL_NONE}, /* no logical type has its meaning */
  };
  if (node->converted < 0 || (size_t)node->converted >= sizeof meanings / sizeof meanings[0])
    return (struct lam_logical){0};
  struct lam_logical logical = meanings[node->converted];
  if (logical.kind == LAM_LOGICAL_DECIMAL) {
    logical.precision = node->precision;
    logical.scale = node->scale;
  }
  return logical;
}

/* Whether the format lets the logical type stand on this physical one. */
static bool stands_on(const struct lam_logical *logical, const struct lam_schema_node *node) {
  int physical = node->physical;
  switch (logical->kind) {
    case LAM_LOGICAL_STRING:
    case LAM_LOGICAL_ENUM:
    case LAM_LOGICAL_JSON:
    case LAM_LOGICAL_BSON: return physical == LAM_BYTE_ARRAY;
    case LAM_LOGICAL_DATE: return physical == LAM_INT32;
    case LAM_LOGICAL_TIME:
      return (logical->unit == LAM_MILLIS && physical == LAM_INT32) ||
             ((logical->unit == LAM_MICROS || logical->unit == LAM_NANOS) && physical == LAM_INT64);
    case LAM_LOGICAL_TIMESTAMP:
      return physical == LAM_INT64 && logical->unit >= LAM_MILLIS && logical->unit <= LAM_NANOS;
    case LAM_LOGICAL_INTEGER:
      return (physical == LAM_INT32 &&
              (logical->bit_width == 8 || logical->bit_width == 16 || logical->bit_width == 32)) ||
             (physical == LAM_INT64 && logical->bit_width == 64);
    case LAM_LOGICAL_DECIMAL:
      return physical == LAM_INT32 || physical == LAM_INT64 || physical == LAM_BYTE_ARRAY ||
             physical == LAM_FIXED_LEN_BYTE_ARRAY;
    case LAM_LOGICAL_UNKNOWN: return physical >= 0;
    case LAM_LOGICAL_UUID: return physical == LAM_FIXED_LEN_BYTE_ARRAY && node->type_length == 16;
    case LAM_LOGICAL_FLOAT16: return physical == LAM_FIXED_LEN_BYTE_ARRAY && node->type_length == 2;
    case LAM_LOGICAL_MAP:
    case LAM_LOGICAL_LIST: return physical < 0;
    default: return false;
  }
}

struct lam_logical lam_logical_of(const struct lam_schema_node *node) {
  struct lam_logical logical = node->logical;
  if (logical.kind == LAM_LOGICAL_NONE || !stands_on(&logical, node)) logical = of_converted(node);
  return stands_on(&logical, node) ? logical : (struct lam_logical){0};
}

enum lam_order lam_order_of(const struct lam_schema_node *node) {
  struct lam_logical logical = lam_logical_of(node);
  if (node->converted == LAM_CONVERTED_INTERVAL) return LAM_ORDERED_NOT;
  /* A type that we do not know, or that cannot stand on its storage, may have an order that we do not know. */
  bool annotated = node->logical.kind != LAM_LOGICAL_NONE || node->converted >= 0;
  if (logical.kind == LAM_LOGICAL_NONE && annotated) return LAM_ORDERED_NOT;
  switch (logical.kind) {
    case LAM_LOGICAL_INTEGER: return logical.is_signed ? LAM_ORDERED_SIGNED : LAM_ORDERED_UNSIGNED;
    case LAM_LOGICAL_DECIMAL:
    case LAM_LOGICAL_FLOAT16: return LAM_ORDERED_SIGNED;
    case LAM_LOGICAL_UNKNOWN: return LAM_ORDERED_NOT;
    default: break;
  }
  switch ((int)node->physical) {
    case LAM_BOOLEAN:
    case LAM_INT32:
    case LAM_INT64:
    case LAM_FLOAT:
    case LAM_DOUBLE: return LAM_ORDERED_SIGNED;
    case LAM_BYTE_ARRAY:
    case LAM_FIXED_LEN_BYTE_ARRAY: return LAM_ORDERED_UNSIGNED;
    default: return LAM_ORDERED_NOT;
  }
}

/* ---- leaves ---- */

static const char *shown(struct lam_bytes name, char room[128]) {
  size_t size = name.size < 100 ? name.size : 100;
  lam_copy(room, name.data, size);
  room[size] = 0;
  return room;
}

static void as(struct lam_leaf *out, enum lam_type_id id, enum lam_conversion conversion) {
  out->type.id = id;
  out->conversion = conversion;
}

static enum lam_status of_decimal(const struct lam_logical *logical, const char *name, struct lam_leaf *out,
                                  struct lam_error *error) {
  LAM_CHECK(logical->precision > 0 && logical->scale >= 0 && logical->scale <= logical->precision, error,
            "column '%s' is a decimal of precision %d and scale %d", name, logical->precision, logical->scale);
  if (logical->precision > MAX_PRECISION)
    return lam_fail(error, LAM_UNSUPPORTED, "column '%s' is a decimal of %d digits; at most %d can be read", name,
                    logical->precision, MAX_PRECISION);
  bool integer = out->physical == LAM_INT32 || out->physical == LAM_INT64;
  as(out, logical->precision <= 38 ? LAM_TYPE_DECIMAL128 : LAM_TYPE_DECIMAL256,
     integer ? LAM_INT_TO_DECIMAL : LAM_BYTES_TO_DECIMAL);
  out->type.precision = logical->precision;
  out->type.scale = logical->scale;
  return LAM_OK;
}

static void of_integer(const struct lam_logical *logical, struct lam_leaf *out) {
  bool s = logical->is_signed;
  switch (logical->bit_width) {
    case 8: as(out, s ? LAM_TYPE_INT8 : LAM_TYPE_UINT8, LAM_NARROW); break;
    case 16: as(out, s ? LAM_TYPE_INT16 : LAM_TYPE_UINT16, LAM_NARROW); break;
    case 32: as(out, s ? LAM_TYPE_INT32 : LAM_TYPE_UINT32, LAM_AS_IS); break;
    default: as(out, s ? LAM_TYPE_INT64 : LAM_TYPE_UINT64, LAM_AS_IS); break;
  }
}

static void of_time(const struct lam_logical *logical, struct lam_leaf *out) {
  static const enum lam_arrow_unit units[] = {
      [LAM_MILLIS] = LAM_UNIT_MILLI, [LAM_MICROS] = LAM_UNIT_MICRO, [LAM_NANOS] = LAM_UNIT_NANO};
  out->type.unit = units[logical->unit];
  if (logical->kind == LAM_LOGICAL_TIME) {
    as(out, logical->unit == LAM_MILLIS ? LAM_TYPE_TIME32 : LAM_TYPE_TIME64, LAM_AS_IS);
  } else {
    as(out, LAM_TYPE_TIMESTAMP, LAM_AS_IS);
    if (logical->utc) out->type.timezone = "UTC";
  }
}

/* Spark writes microseconds, of years 1 to 9999. */
static bool is_sparks(const struct lam_file_meta *meta) {
  return lam_key_value_find(meta, "org.apache.spark.version").data ||
         lam_key_value_find(meta, "org.apache.spark.sql.parquet.row.metadata").data;
}

/* Storage that nothing annotates. */
static void of_physical(const struct lam_file_meta *meta, struct lam_leaf *out) {
  switch (out->physical) {
    case LAM_BOOLEAN: as(out, LAM_TYPE_BOOL, LAM_BITS); break;
    case LAM_INT32: as(out, LAM_TYPE_INT32, LAM_AS_IS); break;
    case LAM_INT64: as(out, LAM_TYPE_INT64, LAM_AS_IS); break;
    case LAM_INT96:
      as(out, LAM_TYPE_TIMESTAMP, LAM_INT96_TO_TIMESTAMP);
      out->type.unit = is_sparks(meta) ? LAM_UNIT_MICRO : LAM_UNIT_NANO;
      break;
    case LAM_FLOAT: as(out, LAM_TYPE_FLOAT32, LAM_AS_IS); break;
    case LAM_DOUBLE: as(out, LAM_TYPE_FLOAT64, LAM_AS_IS); break;
    case LAM_BYTE_ARRAY: as(out, LAM_TYPE_BINARY, LAM_AS_IS); break;
    case LAM_FIXED_LEN_BYTE_ARRAY:
      as(out, LAM_TYPE_FIXED_BINARY, LAM_AS_IS);
      out->type.byte_width = out->type_length;
      break;
  }
}

static enum lam_status of_logical(const struct lam_file_meta *meta, const struct lam_logical *logical, const char *name,
                                  struct lam_leaf *out, struct lam_error *error) {
  of_physical(meta, out);
  switch (logical->kind) {
    case LAM_LOGICAL_STRING:
    case LAM_LOGICAL_JSON: out->type.id = LAM_TYPE_STRING; break;
    case LAM_LOGICAL_DATE: out->type.id = LAM_TYPE_DATE32; break;
    case LAM_LOGICAL_TIME:
    case LAM_LOGICAL_TIMESTAMP: of_time(logical, out); break;
    case LAM_LOGICAL_INTEGER: of_integer(logical, out); break;
    case LAM_LOGICAL_DECIMAL: return of_decimal(logical, name, out, error);
    case LAM_LOGICAL_UNKNOWN: out->type = (struct lam_type){.id = LAM_TYPE_NULL, .timezone = ""}; break;
    case LAM_LOGICAL_FLOAT16: out->type = (struct lam_type){.id = LAM_TYPE_FLOAT16, .timezone = ""}; break;
    default: break; /* ENUM, BSON, UUID: the storage */
  }
  return LAM_OK;
}

/* PARQUET-246. A file that follows the format reads the same either way, so doubt is enough. */
static bool may_have_legacy_delta_bytes(const struct lam_file_meta *meta) {
  struct lam_created_by by = lam_created_by_parse(meta->created_by);
  if (by.application.size == 0) return true;
  if (!lam_bytes_equal(by.application, lam_bytes_of_string("parquet-mr"))) return false;
  return by.major < 1 || (by.major == 1 && by.minor < 8);
}

enum lam_status lam_leaf_of_node(const struct lam_file_meta *meta, int32_t node, struct lam_leaf *out,
                                 struct lam_error *error) {
  const struct lam_schema_node *n = &meta->nodes[node];
  char room[128];
  const char *name = shown(n->name, room);
  *out = (struct lam_leaf){.type = {.timezone = ""}};
  if (n->physical < 0) return lam_fail(error, LAM_INVALID, "column '%s' is a group of columns, not a leaf", name);
  if (n->physical > LAM_FIXED_LEN_BYTE_ARRAY)
    return lam_fail(error, LAM_UNSUPPORTED, "column '%s' has the unknown physical type %d", name, n->physical);
  /* Only what lies at or below a repetition that we do not know has levels that we do not know. */
  for (int32_t above = node; above > 0; above = meta->nodes[above].parent)
    if (meta->nodes[above].repetition > LAM_REPEATED)
      return lam_fail(error, LAM_UNSUPPORTED, "column '%s' has the repetition type %d, which this version cannot read",
                      name, meta->nodes[above].repetition);
  out->physical = (enum lam_physical)n->physical;
  out->max_definition = n->max_definition;
  out->max_repetition = n->max_repetition;
  if (out->physical == LAM_FIXED_LEN_BYTE_ARRAY) {
    LAM_CHECK(n->type_length > 0, error, "column '%s' is a FIXED_LEN_BYTE_ARRAY of %d bytes", name, n->type_length);
    if (n->type_length > LAM_TYPE_WIDEST)
      return lam_fail(error, LAM_UNSUPPORTED, "column '%s' has values of %d bytes; those of up to %d can be read", name,
                      n->type_length, LAM_TYPE_WIDEST);
    out->type_length = n->type_length;
  }
  if (out->physical != LAM_BOOLEAN) out->width = lam_physical_width(n->physical, n->type_length);
  out->v2_always_compressed = lam_v2_pages_always_compressed(meta);
  if (out->physical == LAM_BYTE_ARRAY || out->physical == LAM_FIXED_LEN_BYTE_ARRAY)
    out->legacy_delta_bytes = may_have_legacy_delta_bytes(meta);
  struct lam_logical logical = lam_logical_of(n);
  return of_logical(meta, &logical, name, out, error);
}

/* ---- columns ---- */

int32_t lam_top_columns(const struct lam_file_meta *meta) {
  return meta->top_count;
}

int32_t lam_top_node(const struct lam_file_meta *meta, int32_t column) {
  return meta->tops[column];
}

static enum lam_status set_text(struct ArrowSchema *schema, const char *key, const char *value,
                                struct lam_error *error) {
  return lam_schema_set_metadata(schema, key, lam_bytes_of_string(value), error);
}

/* Whether a writer would make the same element of the column without being told. */
static bool is_usual(const struct lam_schema_node *a, const struct ArrowSchema *schema) {
  struct lam_schema_node b;
  if (lam_node_of_schema(schema, &b, NULL) != LAM_OK) return true; /* there is nothing to be told */
  const struct lam_logical x = lam_logical_of(a), y = lam_logical_of(&b);
  return a->physical == b.physical && a->type_length == b.type_length && x.kind == y.kind && x.utc == y.utc &&
         x.unit == y.unit && (a->converted == LAM_CONVERTED_INTERVAL) == (b.converted == LAM_CONVERTED_INTERVAL) &&
         (a->logical.kind <= LAM_LOGICAL_FLOAT16 || a->logical.kind == b.logical.kind);
}

enum lam_status lam_schema_annotate(const struct lam_schema_node *node, bool with_id, struct ArrowSchema *schema,
                                    struct lam_error *error) {
  enum lam_logical_kind kind = lam_logical_of(node).kind;
  if (with_id && node->field_id >= 0) {
    char id[16];
    snprintf(id, sizeof id, "%" PRId32, node->field_id);
    LAM_TRY(set_text(schema, "PARQUET:field_id", id, error));
  }
  if (kind == LAM_LOGICAL_UUID || kind == LAM_LOGICAL_JSON) {
    LAM_TRY(set_text(schema, "ARROW:extension:name", kind == LAM_LOGICAL_UUID ? "arrow.uuid" : "arrow.json", error));
    LAM_TRY(set_text(schema, "ARROW:extension:metadata", "", error));
  }
  if (node->raw.size == 0) return LAM_OK;
  /* Of a group only what is passed on unread is kept: its type says the rest. INT96 is read, not written. */
  bool usual = node->physical < 0 ? node->logical.kind <= LAM_LOGICAL_FLOAT16
                                  : node->physical == LAM_INT96 || is_usual(node, schema);
  return usual ? LAM_OK : lam_schema_set_metadata(schema, LAM_ELEMENT_KEY, node->raw, error);
}

enum lam_status lam_schema_of_node(const struct lam_schema_node *node, const struct lam_type *type, bool nullable,
                                   int64_t children, struct ArrowSchema *out, struct lam_error *error) {
  char room[128];
  if (node->name.size && memchr(node->name.data, 0, node->name.size))
    return lam_fail(error, LAM_UNSUPPORTED, "the name of column '%s' has a zero byte in it", shown(node->name, room));
  char small[256], *name = node->name.size < sizeof small ? small : malloc(node->name.size + 1);
  if (!name)
    return lam_fail(error, LAM_NO_MEMORY, "there is no memory for a column name of %zu bytes", node->name.size);
  lam_copy(name, node->name.data, node->name.size);
  name[node->name.size] = 0;
  enum lam_status status = lam_schema_init_nested(type, name, nullable, children, out, error);
  if (name != small) free(name);
  return status;
}
