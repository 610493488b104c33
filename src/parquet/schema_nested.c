#include "parquet/schema_nested.h"

#include <stdlib.h>

#include "arrow/array.h"

/* ---- what a node is ---- */

/* A node as a field: `own_entry` where it is repeated and the list of its repetitions is made already. */
struct place {
  int32_t node;
  bool own_entry, is_key, all; /* all: whatever is wanted */
  int depth;
};

struct maker {
  const struct lam_file_meta *meta;
  const bool *wanted;
  struct lam_field *next; /* room that is free */
  int32_t leaves;         /* chosen so far */
  struct lam_error *error;
};

static const char *shown(const struct lam_schema_node *node, char room[128]) {
  size_t size = node->name.size < 100 ? node->name.size : 100;
  lam_copy(room, node->name.data, size);
  room[size] = 0;
  return room;
}

static int32_t next_sibling(const struct lam_file_meta *meta, int32_t node) {
  for (int64_t left = 1; left > 0; node++) left += meta->nodes[node].children - 1;
  return node;
}

/* The one child of a group annotated as a list or map: its repeated node. -1 where it has not that shape. */
static int32_t repeated_child(const struct lam_file_meta *meta, int32_t node) {
  bool one = meta->nodes[node].children == 1;
  return one && meta->nodes[node + 1].repetition == LAM_REPEATED ? node + 1 : -1;
}

static bool is_tuple_of(struct lam_bytes name, struct lam_bytes list) {
  static const char tuple[] = "_tuple";
  size_t size = sizeof tuple - 1;
  return name.size == list.size + size && lam_bytes_equal(lam_bytes_of(name.data, list.size), list) &&
         memcmp(name.data + list.size, tuple, size) == 0;
}

/* Whether the repeated node is itself the entry of the list, or wraps it (rules 1 to 4, and 5). */
static bool is_entry(const struct lam_file_meta *meta, int32_t list, int32_t repeated) {
  const struct lam_schema_node *node = &meta->nodes[repeated];
  if (node->children != 1 || meta->nodes[repeated + 1].repetition == LAM_REPEATED) return true;
  return lam_bytes_equal(node->name, lam_bytes_of_string("array")) || is_tuple_of(node->name, meta->nodes[list].name);
}

/* ---- trees ---- */

static enum lam_status make(struct maker *m, struct place place, struct lam_field *out);

static bool is_wanted(const struct maker *m, int32_t node) {
  const struct lam_schema_node *n = &m->meta->nodes[node];
  if (!m->wanted) return true;
  for (int32_t i = 0; i < n->leaves; i++)
    if (m->wanted[n->leaf + i]) return true;
  return false;
}

static struct lam_field *add_fields(struct maker *m, struct lam_field *parent, int32_t count) {
  parent->fields = m->next;
  parent->count = count;
  m->next += count;
  return parent->fields;
}

static enum lam_status make_list(struct maker *m, int32_t repeated, struct place entry, struct lam_field *out) {
  const struct lam_schema_node *node = &m->meta->nodes[repeated];
  out->type = LAM_TYPE_LIST;
  out->repetition = (int16_t)(node->max_repetition - 1);
  out->entry_definition = node->max_definition;
  return make(m, entry, add_fields(m, out, 1));
}

static enum lam_status make_map(struct maker *m, int32_t repeated, struct place place, struct lam_field *out) {
  const struct lam_schema_node *node = &m->meta->nodes[repeated];
  int32_t key = repeated + 1, value = next_sibling(m->meta, key);
  struct lam_field *entries = add_fields(m, out, 1);
  out->type = LAM_TYPE_MAP;
  out->repetition = (int16_t)(node->max_repetition - 1);
  out->entry_definition = node->max_definition;
  *entries = (struct lam_field){.type = LAM_TYPE_STRUCT,
                                .node = repeated,
                                .leaf = m->leaves,
                                .definition = node->max_definition,
                                .repetition = node->max_repetition};
  struct lam_field *pair = add_fields(m, entries, 2);
  struct place below = {.node = key, .is_key = true, .all = true, .depth = place.depth + 2};
  LAM_TRY(make(m, below, &pair[0]));
  below = (struct place){.node = value, .all = place.all || !is_wanted(m, value), .depth = place.depth + 2};
  LAM_TRY(make(m, below, &pair[1]));
  entries->leaves = m->leaves - entries->leaf;
  return LAM_OK;
}

static enum lam_status make_struct(struct maker *m, struct place place, struct lam_field *out) {
  const struct lam_schema_node *node = &m->meta->nodes[place.node];
  int32_t wanted = 0, child = place.node + 1, made = 0;
  out->type = LAM_TYPE_STRUCT;
  for (int32_t i = 0; i < node->children; i++, child = next_sibling(m->meta, child))
    wanted += place.all || is_wanted(m, child);
  struct lam_field *fields = add_fields(m, out, wanted);
  child = place.node + 1;
  for (int32_t i = 0; i < node->children; i++, child = next_sibling(m->meta, child)) {
    struct place below = {.node = child, .all = place.all, .depth = place.depth + 1};
    if (place.all || is_wanted(m, child)) LAM_TRY(make(m, below, &fields[made++]));
  }
  return LAM_OK;
}

static enum lam_status make_group(struct maker *m, struct place place, struct lam_field *out) {
  const struct lam_file_meta *meta = m->meta;
  const struct lam_schema_node *node = &meta->nodes[place.node];
  enum lam_logical_kind kind = lam_logical_of(node).kind;
  int32_t repeated = repeated_child(meta, place.node);
  struct place entry = {.node = repeated, .own_entry = true, .all = place.all, .depth = place.depth + 1};
  bool list = kind == LAM_LOGICAL_LIST && repeated >= 0, map = kind == LAM_LOGICAL_MAP && repeated >= 0;
  if (map && meta->nodes[repeated].children == 2) return make_map(m, repeated, place, out);
  /* A map without values is a list of its keys, as pyarrow has it. */
  if (map && meta->nodes[repeated].children == 1) list = true;
  if (!list) return make_struct(m, place, out);
  if (!is_entry(meta, place.node, repeated)) entry = (struct place){repeated + 1, false, false, place.all, entry.depth};
  return make_list(m, repeated, entry, out);
}

static enum lam_status make(struct maker *m, struct place place, struct lam_field *out) {
  const struct lam_schema_node *node = &m->meta->nodes[place.node];
  char room[128];
  if (place.depth > LAM_TYPE_DEEPEST)
    return lam_fail(m->error, LAM_UNSUPPORTED, "'%s' is nested deeper than %d levels", shown(node, room),
                    LAM_TYPE_DEEPEST);
  if (node->physical < 0 && node->children == 0)
    return lam_fail(m->error, LAM_UNSUPPORTED, "'%s' is a group without columns", shown(node, room));
  if (node->repetition < LAM_REQUIRED || node->repetition > LAM_REPEATED)
    return lam_fail(m->error, LAM_UNSUPPORTED, "'%s' has the repetition type %d, which cannot be read",
                    shown(node, room), node->repetition);
  *out = (struct lam_field){.node = place.node,
                            .nullable = node->repetition == LAM_OPTIONAL && !place.is_key,
                            .is_key = place.is_key,
                            .own_entry = place.own_entry,
                            .definition = node->max_definition,
                            .repetition = node->max_repetition,
                            .leaf = m->leaves};
  if (node->repetition == LAM_REPEATED && !place.own_entry) {
    struct place entry = {.node = place.node, .own_entry = true, .all = place.all, .depth = place.depth + 1};
    LAM_TRY(make_list(m, place.node, entry, out));
  } else if (node->physical < 0) {
    LAM_TRY(make_group(m, place, out));
  } else {
    struct lam_leaf leaf;
    LAM_TRY(lam_leaf_of_node(m->meta, place.node, &leaf, m->error));
    out->type = leaf.type.id;
    m->leaves++;
  }
  out->leaves = m->leaves - out->leaf;
  return LAM_OK;
}

size_t lam_field_room(const struct lam_file_meta *meta, int32_t column) {
  int32_t node = lam_top_node(meta, column);
  /* A repeated node is a list and its entry. */
  return 2 * (size_t)(next_sibling(meta, node) - node);
}

enum lam_status lam_field_make(const struct lam_file_meta *meta, int32_t column, const bool *wanted,
                               struct lam_field *fields, struct lam_error *error) {
  struct maker maker = {.meta = meta, .wanted = wanted, .next = fields + 1, .error = error};
  int32_t node = lam_top_node(meta, column);
  struct place place = {.node = node, .all = !wanted, .depth = 1};
  char room[128];
  enum lam_status status = make(&maker, place, fields);
  if (status == LAM_OK || meta->nodes[node].physical >= 0) return status;
  return lam_fail_in(error, status, "column '%s'", shown(&meta->nodes[node], room));
}

const struct lam_field *lam_field_leaf(const struct lam_field *field, int32_t leaf) {
  while (!lam_field_is_leaf(field)) {
    int32_t i = 0;
    while (i + 1 < field->count && field->fields[i + 1].leaf <= leaf) i++;
    field = &field->fields[i];
  }
  return field;
}

/* ---- Arrow's schemas ---- */

static enum lam_status schema_of_leaf(const struct lam_file_meta *meta, const struct lam_field *field,
                                      struct ArrowSchema *out, struct lam_error *error) {
  struct lam_leaf leaf;
  LAM_TRY(lam_leaf_of_node(meta, field->node, &leaf, error));
  return lam_schema_of_node(&meta->nodes[field->node], &leaf.type, field->nullable, 0, out, error);
}

enum lam_status lam_field_schema(const struct lam_file_meta *meta, const struct lam_field *field,
                                 struct ArrowSchema *out, struct lam_error *error) {
  const struct lam_schema_node *node = &meta->nodes[field->node];
  const struct lam_type type = {.id = field->type, .timezone = ""};
  out->release = NULL;
  if (lam_field_is_leaf(field))
    LAM_TRY(schema_of_leaf(meta, field, out, error));
  else
    LAM_TRY(lam_schema_of_node(node, &type, field->nullable, field->count, out, error));
  enum lam_status status = LAM_OK;
  for (int32_t i = 0; status == LAM_OK && i < field->count; i++)
    status = lam_field_schema(meta, &field->fields[i], out->children[i], error);
  if (status == LAM_OK) status = lam_schema_annotate(node, !field->own_entry, out, error);
  if (status != LAM_OK) lam_schema_release(out);
  return status;
}

enum lam_status lam_schema_of_column(const struct lam_file_meta *meta, int32_t column, struct ArrowSchema *out,
                                     struct lam_error *error) {
  out->release = NULL;
  struct lam_field *fields = calloc(lam_field_room(meta, column), sizeof *fields);
  if (!fields) return lam_fail(error, LAM_NO_MEMORY, "no memory for a schema");
  enum lam_status status = lam_field_make(meta, column, NULL, fields, error);
  if (status == LAM_OK) status = lam_field_schema(meta, fields, out, error);
  free(fields);
  return status;
}
