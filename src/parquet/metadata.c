/* Reading footers. One pass; what a struct says in a later field that an earlier one needs (the schema,
 * should it come behind the row groups) is come back to. */
#include <inttypes.h>

#include "parquet/thrift.h"

enum {
  MAX_SCHEMA_DEPTH = 256, /* consumers may recurse on the tree */
  NODE_BYTES = 3,         /* the fewest bytes that each can take in thrift: bounds what is allocated for them */
  KEY_VALUE_BYTES = 3,
  ROW_GROUP_BYTES = 5,
  CHUNK_BYTES = 3,
  SORTING_BYTES = 3,
  ORDER_BYTES = 1,
};

struct parser {
  struct lam_thrift in;
  uint64_t file_size; /* 0: unknown */
  struct lam_arena *arena;
  struct lam_file_meta *meta;
};

/* ---- the schema ---- */

static enum lam_status parse_unit(struct lam_thrift *in, enum lam_time_unit *unit) {
  struct lam_thrift_field field = {0};
  for (;;) {
    LAM_TRY(lam_thrift_next(in, &field));
    if (!field.type) return LAM_OK;
    *unit = (enum lam_time_unit)(field.id >= 0 ? field.id : 0);
    LAM_TRY(lam_thrift_skip(in, field.type));
  }
}

/* TIME and TIMESTAMP, DECIMAL, INTEGER: two fields each. */
static enum lam_status parse_logical_parameters(struct lam_thrift *in, struct lam_logical *out) {
  struct lam_thrift_field field = {0};
  bool time = out->kind == LAM_LOGICAL_TIME || out->kind == LAM_LOGICAL_TIMESTAMP;
  for (;;) {
    LAM_TRY(lam_thrift_next(in, &field));
    if (!field.type) return LAM_OK;
    if (time && field.id == 1) {
      LAM_TRY(lam_thrift_bool(in, field, &out->utc));
    } else if (time && field.id == 2) {
      LAM_TRY(lam_thrift_struct(in, field));
      LAM_TRY(parse_unit(in, &out->unit));
    } else if (out->kind == LAM_LOGICAL_DECIMAL && (field.id == 1 || field.id == 2)) {
      LAM_TRY(lam_thrift_i32(in, field, field.id == 1 ? &out->scale : &out->precision));
    } else if (out->kind == LAM_LOGICAL_INTEGER && field.id == 1 && field.type == LAM_THRIFT_BYTE) {
      if (in->at == in->end) return lam_thrift_short(in);
      out->bit_width = (int8_t)*in->at++;
    } else if (out->kind == LAM_LOGICAL_INTEGER && field.id == 2) {
      LAM_TRY(lam_thrift_bool(in, field, &out->is_signed));
    } else {
      LAM_TRY(lam_thrift_skip(in, field.type));
    }
  }
}

static enum lam_status parse_logical(struct lam_thrift *in, struct lam_logical *out) {
  const uint8_t *from = in->at;
  struct lam_thrift_field field = {0};
  for (;;) {
    LAM_TRY(lam_thrift_next(in, &field));
    if (!field.type) break;
    bool first = out->kind == LAM_LOGICAL_NONE;
    if (first) out->kind = (enum lam_logical_kind)(field.id > 0 ? field.id : INT16_MAX);
    if (first && field.type == LAM_THRIFT_STRUCT &&
        (out->kind == LAM_LOGICAL_TIME || out->kind == LAM_LOGICAL_TIMESTAMP || out->kind == LAM_LOGICAL_DECIMAL ||
         out->kind == LAM_LOGICAL_INTEGER))
      LAM_TRY(parse_logical_parameters(in, out));
    else
      LAM_TRY(lam_thrift_skip(in, field.type));
  }
  if (out->kind == 9 || out->kind > LAM_LOGICAL_FLOAT16) out->raw = (struct lam_bytes){from, (size_t)(in->at - from)};
  return LAM_OK;
}

static enum lam_status parse_node(struct lam_thrift *in, struct lam_schema_node *out) {
  const uint8_t *from = in->at;
  struct lam_thrift_field field = {0};
  *out = (struct lam_schema_node){.field_id = -1, .physical = -1, .converted = LAM_CONVERTED_NONE};
  for (;;) {
    LAM_TRY(lam_thrift_next(in, &field));
    if (!field.type) break;
    switch (field.id) {
      case 1: LAM_TRY(lam_thrift_enum(in, field, &out->physical)); break;
      case 2: LAM_TRY(lam_thrift_i32(in, field, &out->type_length)); break;
      case 3: LAM_TRY(lam_thrift_enum(in, field, &out->repetition)); break;
      case 4: LAM_TRY(lam_thrift_binary(in, field, &out->name)); break;
      case 5: LAM_TRY(lam_thrift_i32(in, field, &out->children)); break;
      case 6: LAM_TRY(lam_thrift_enum(in, field, &out->converted)); break;
      case 7: LAM_TRY(lam_thrift_i32(in, field, &out->scale)); break;
      case 8: LAM_TRY(lam_thrift_i32(in, field, &out->precision)); break;
      case 9: LAM_TRY(lam_thrift_i32(in, field, &out->field_id)); break;
      case 10:
        LAM_TRY(lam_thrift_struct(in, field));
        out->logical = (struct lam_logical){0};
        LAM_TRY(parse_logical(in, &out->logical));
        break;
      case 11: LAM_TRY(lam_thrift_i32(in, field, &out->vector_length)); break;
      default: LAM_TRY(lam_thrift_skip(in, field.type));
    }
  }
  LAM_CHECK(out->name.data, in->error, "a schema element before byte %zu of the footer has no name",
            lam_thrift_offset(in));
  LAM_CHECK(out->children >= 0, in->error, "the schema element '%.*s' has %d children",
            (int)lam_min_u64(out->name.size, 100), (const char *)out->name.data, out->children);
  /* Group or leaf: some writers give groups a type, and leaves 0 children. */
  if (out->children > 0) out->physical = -1;
  out->raw = (struct lam_bytes){from, (size_t)(in->at - from)};
  return LAM_OK;
}

enum lam_status lam_schema_node_parse(struct lam_bytes bytes, struct lam_schema_node *out, struct lam_error *error) {
  struct lam_thrift in = lam_thrift_of(bytes, "schema element", error);
  return parse_node(&in, out);
}

static void set_levels(struct lam_schema_node *node, const struct lam_schema_node *parent) {
  node->max_definition = (int16_t)(parent->max_definition + (node->repetition != LAM_REQUIRED));
  node->max_repetition = (int16_t)(parent->max_repetition + (node->repetition == LAM_REPEATED));
}

/* Parents, leaves and levels from the flattened tree. While a group is open, its `leaves` counts the
 * children still to come. */
static enum lam_status link_nodes(struct lam_file_meta *meta, struct lam_error *error) {
  int32_t parent = -1, depth = 0;
  for (int32_t i = 0; i < meta->node_count; i++) {
    struct lam_schema_node *node = &meta->nodes[i];
    LAM_CHECK(i == 0 || parent >= 0, error, "the schema has %d elements, but its root's tree ends with element %d",
              meta->node_count, i - 1);
    node->parent = parent;
    node->leaf = meta->leaf_count;
    if (i == 0) {
      node->physical = -1;
    } else {
      set_levels(node, &meta->nodes[parent]);
      meta->nodes[parent].leaves--;
      if (parent == 0) meta->tops[meta->top_count++] = i;
    }
    if (node->physical >= 0) meta->leaves[meta->leaf_count++] = i;
    if (node->children) {
      LAM_CHECK(++depth <= MAX_SCHEMA_DEPTH, error, "the schema is nested deeper than %d levels", MAX_SCHEMA_DEPTH);
      node->leaves = node->children;
      parent = i;
      continue;
    }
    node->leaves = node->physical >= 0;
    for (; parent >= 0 && meta->nodes[parent].leaves == 0; depth--) {
      struct lam_schema_node *closed = &meta->nodes[parent];
      closed->leaves = meta->leaf_count - closed->leaf;
      parent = closed->parent;
    }
  }
  LAM_CHECK(parent < 0, error, "the schema has %d elements; its groups ask for more", meta->node_count);
  return LAM_OK;
}

enum lam_status lam_schema_link(struct lam_file_meta *meta, struct lam_arena *arena, struct lam_error *error) {
  void *memory;
  LAM_CHECK(meta->node_count > 0, error, "the schema has no elements, not even a root");
  LAM_TRY(lam_arena_alloc(arena, 2 * (size_t)meta->node_count * sizeof(int32_t), &memory, error));
  meta->leaves = memory;
  meta->tops = meta->leaves + meta->node_count;
  meta->leaf_count = meta->top_count = 0;
  return link_nodes(meta, error);
}

static enum lam_status parse_schema(struct parser *p, struct lam_thrift_field field) {
  uint32_t count;
  void *memory;
  LAM_CHECK(!p->meta->nodes, p->in.error, "the footer has two schemas");
  LAM_TRY(lam_thrift_list(&p->in, field, LAM_THRIFT_STRUCT, NODE_BYTES, &count));
  LAM_TRY(lam_arena_alloc(p->arena, count * sizeof(struct lam_schema_node), &memory, p->in.error));
  p->meta->nodes = memory;
  for (uint32_t i = 0; i < count; i++) LAM_TRY(parse_node(&p->in, &p->meta->nodes[i]));
  p->meta->node_count = (int32_t)count;
  return lam_schema_link(p->meta, p->arena, p->in.error);
}

/* ---- row groups ---- */

static enum lam_status parse_chunks(struct parser *p, struct lam_thrift_field field, struct lam_row_group_meta *out) {
  uint32_t count;
  void *memory;
  LAM_TRY(lam_thrift_list(&p->in, field, LAM_THRIFT_STRUCT, CHUNK_BYTES, &count));
  LAM_CHECK(count == (uint32_t)p->meta->leaf_count, p->in.error, "it has %u chunks, but the schema has %d leaf columns",
            count, p->meta->leaf_count);
  LAM_TRY(lam_arena_alloc(p->arena, count * sizeof(struct lam_chunk_meta), &memory, p->in.error));
  out->chunks = memory;
  for (uint32_t i = 0; i < count; i++) {
    enum lam_status status = lam_chunk_parse(&p->in, p->file_size, &out->chunks[i]);
    if (status != LAM_OK) {
      struct lam_bytes name = p->meta->nodes[p->meta->leaves[i]].name;
      return lam_fail_in(p->in.error, status, "column %u ('%.*s')", i, (int)lam_min_u64(name.size, 100),
                         (const char *)name.data);
    }
  }
  return LAM_OK;
}

static enum lam_status parse_sorting_column(struct lam_thrift *in, struct lam_sorting_column *out) {
  struct lam_thrift_field field = {0};
  out->column = -1;
  for (;;) {
    LAM_TRY(lam_thrift_next(in, &field));
    if (!field.type) return LAM_OK;
    switch (field.id) {
      case 1: LAM_TRY(lam_thrift_i32(in, field, &out->column)); break;
      case 2: LAM_TRY(lam_thrift_bool(in, field, &out->descending)); break;
      case 3: LAM_TRY(lam_thrift_bool(in, field, &out->nulls_first)); break;
      default: LAM_TRY(lam_thrift_skip(in, field.type));
    }
  }
}

/* Sorting columns that do not exist promise nothing: the promise is dropped. */
static enum lam_status parse_sorting(struct parser *p, struct lam_thrift_field field, struct lam_row_group_meta *out) {
  uint32_t count;
  void *memory;
  bool valid = true;
  LAM_TRY(lam_thrift_list(&p->in, field, LAM_THRIFT_STRUCT, SORTING_BYTES, &count));
  LAM_TRY(lam_arena_array(p->arena, count, sizeof(struct lam_sorting_column), &memory, p->in.error));
  out->sorting = memory;
  for (uint32_t i = 0; i < count; i++) {
    LAM_TRY(parse_sorting_column(&p->in, &out->sorting[i]));
    valid = valid && out->sorting[i].column >= 0 && out->sorting[i].column < p->meta->leaf_count;
  }
  out->sorting_count = valid ? (int32_t)count : 0;
  return LAM_OK;
}

static enum lam_status parse_row_group(struct parser *p, struct lam_row_group_meta *out) {
  static const char *const names[] = {[1] = "columns", [3] = "num_rows"};
  struct lam_thrift *in = &p->in;
  struct lam_thrift_field field = {0};
  uint32_t seen = 0;
  *out = (struct lam_row_group_meta){.compressed_size = -1, .file_offset = -1, .ordinal = -1};
  for (;;) {
    LAM_TRY(lam_thrift_next(in, &field));
    if (!field.type) break;
    if (field.id > 0 && field.id < 32) seen |= 1u << field.id;
    switch (field.id) {
      case 1: LAM_TRY(parse_chunks(p, field, out)); break;
      case 2: LAM_TRY(lam_thrift_i64(in, field, &out->total_byte_size)); break;
      case 3: LAM_TRY(lam_thrift_i64(in, field, &out->rows)); break;
      case 4: LAM_TRY(parse_sorting(p, field, out)); break;
      case 5: LAM_TRY(lam_thrift_i64(in, field, &out->file_offset)); break;
      case 6: LAM_TRY(lam_thrift_i64(in, field, &out->compressed_size)); break;
      case 7: LAM_TRY(lam_thrift_i32(in, field, &out->ordinal)); break;
      default: LAM_TRY(lam_thrift_skip(in, field.type));
    }
  }
  LAM_TRY(lam_thrift_check_seen(in, seen, 1u << 1 | 1u << 3, "a row group", names));
  LAM_CHECK(out->rows >= 0, in->error, "its number of rows is %" PRId64, out->rows);
  return LAM_OK;
}

static enum lam_status parse_row_groups(struct parser *p, struct lam_thrift_field field) {
  uint32_t count;
  void *memory;
  LAM_TRY(lam_thrift_list(&p->in, field, LAM_THRIFT_STRUCT, ROW_GROUP_BYTES, &count));
  LAM_TRY(lam_arena_alloc(p->arena, count * sizeof(struct lam_row_group_meta), &memory, p->in.error));
  p->meta->row_groups = memory;
  for (uint32_t i = 0; i < count; i++) {
    enum lam_status status = parse_row_group(p, &p->meta->row_groups[i]);
    if (status != LAM_OK) return lam_fail_in(p->in.error, status, "row group %u", i);
  }
  p->meta->row_group_count = (int32_t)count;
  return LAM_OK;
}

/* ---- the file ---- */

static enum lam_status parse_key_value(struct lam_thrift *in, struct lam_key_value *out) {
  struct lam_thrift_field field = {0};
  for (;;) {
    LAM_TRY(lam_thrift_next(in, &field));
    if (!field.type) break;
    switch (field.id) {
      case 1: LAM_TRY(lam_thrift_binary(in, field, &out->key)); break;
      case 2: LAM_TRY(lam_thrift_binary(in, field, &out->value)); break;
      default: LAM_TRY(lam_thrift_skip(in, field.type));
    }
  }
  LAM_CHECK(out->key.data, in->error, "Required field key is missing in the key-value metadata before byte %zu",
            lam_thrift_offset(in));
  return LAM_OK;
}

static enum lam_status parse_key_values(struct parser *p, struct lam_thrift_field field) {
  uint32_t count;
  void *memory;
  LAM_TRY(lam_thrift_list(&p->in, field, LAM_THRIFT_STRUCT, KEY_VALUE_BYTES, &count));
  LAM_TRY(lam_arena_array(p->arena, count, sizeof(struct lam_key_value), &memory, p->in.error));
  p->meta->key_values = memory;
  for (uint32_t i = 0; i < count; i++) LAM_TRY(parse_key_value(&p->in, &p->meta->key_values[i]));
  p->meta->key_value_count = (int32_t)count;
  return LAM_OK;
}

static enum lam_status parse_column_orders(struct parser *p, struct lam_thrift_field field) {
  uint32_t count;
  void *memory;
  LAM_TRY(lam_thrift_list(&p->in, field, LAM_THRIFT_STRUCT, ORDER_BYTES, &count));
  LAM_CHECK(count == (uint32_t)p->meta->leaf_count, p->in.error,
            "the footer has column orders for %u columns, but the schema has %d leaf columns", count,
            p->meta->leaf_count);
  LAM_TRY(lam_arena_array(p->arena, count, 1, &memory, p->in.error));
  p->meta->column_orders = memory;
  for (uint32_t i = 0; i < count; i++) {
    struct lam_thrift_field order = {0};
    for (;;) {
      LAM_TRY(lam_thrift_next(&p->in, &order));
      if (!order.type) break;
      bool known = order.id >= LAM_ORDER_TYPE_DEFINED && order.id <= LAM_ORDER_INT96_TIMESTAMP;
      p->meta->column_orders[i] = known ? (uint8_t)order.id : LAM_ORDER_UNDEFINED;
      LAM_TRY(lam_thrift_skip(&p->in, order.type));
    }
  }
  return LAM_OK;
}

/* Fields that need the schema; put off where it has not come yet. */
static enum lam_status parse_schema_dependent(struct parser *p, struct lam_thrift_field field) {
  return field.id == 4 ? parse_row_groups(p, field) : parse_column_orders(p, field);
}

static enum lam_status parse_fields(struct parser *p, uint32_t *seen) {
  struct lam_thrift *in = &p->in;
  struct lam_file_meta *meta = p->meta;
  struct lam_thrift_field field = {0}, late_field[2];
  const uint8_t *late[2];
  int lates = 0;
  for (;;) {
    LAM_TRY(lam_thrift_next(in, &field));
    if (!field.type) break;
    if (field.id > 0 && field.id < 32) {
      LAM_CHECK(!(*seen & 1u << field.id), in->error, "the footer has field %d twice, again at byte %zu", field.id,
                lam_thrift_offset(in));
      *seen |= 1u << field.id;
    }
    switch (field.id) {
      case 1: LAM_TRY(lam_thrift_i32(in, field, &meta->version)); break;
      case 2: LAM_TRY(parse_schema(p, field)); break;
      case 3: LAM_TRY(lam_thrift_i64(in, field, &meta->rows)); break;
      case 4:
      case 7:
        if (meta->nodes) {
          LAM_TRY(parse_schema_dependent(p, field));
        } else {
          late[lates] = in->at;
          late_field[lates++] = field;
          LAM_TRY(lam_thrift_skip(in, field.type));
        }
        break;
      case 5: LAM_TRY(parse_key_values(p, field)); break;
      case 6: LAM_TRY(lam_thrift_binary(in, field, &meta->created_by)); break;
      case 8:
        meta->encrypted_columns = true;
        LAM_TRY(lam_thrift_skip(in, field.type));
        break;
      default: LAM_TRY(lam_thrift_skip(in, field.type));
    }
  }
  for (int i = 0; i < lates && meta->nodes; i++) {
    in->at = late[i];
    LAM_TRY(parse_schema_dependent(p, late_field[i]));
  }
  return LAM_OK;
}

enum lam_status lam_file_meta_parse(struct lam_bytes footer, uint64_t file_size, struct lam_arena *arena,
                                    struct lam_file_meta *out, struct lam_error *error) {
  static const char *const names[] = {[2] = "schema", [3] = "num_rows", [4] = "row_groups"};
  struct parser p = {lam_thrift_of(footer, "footer", error), file_size, arena, out};
  uint32_t seen = 0;
  *out = (struct lam_file_meta){.version = 1};
  enum lam_status status = parse_fields(&p, &seen);
  if (status == LAM_OK)
    for (int id = 2; id <= 4 && status == LAM_OK; id++)
      if (!(seen & 1u << id))
        status = lam_fail(error, LAM_CORRUPT, "Required field %s is missing in the footer", names[id]);
  if (status == LAM_OK && out->rows < 0)
    status = lam_fail(error, LAM_CORRUPT, "the footer says that the file has %" PRId64 " rows", out->rows);
  if (status != LAM_OK) *out = (struct lam_file_meta){0};
  return status;
}
