/* Parquet schemas from a line of text, for the tests of nested columns. Included after <cmocka.h>.
 *
 * A node is `name repetition what`: repetition r(equired), o(ptional), * (repeated); what is i (INT32), s (a string),
 * or a group in braces with LIST, MAP, KEY_VALUE (the old MAP_KEY_VALUE) or VARIANT before them, and #id behind the
 * name. */
#ifndef LAM_TESTS_NESTED_SUPPORT_H
#define LAM_TESTS_NESTED_SUPPORT_H

#include <stdio.h>
#include <stdlib.h>

#include "parquet/nested.h"

enum { MOST_NODES = 40 };

struct schema_text {
  const char *at;
  struct lam_schema_node nodes[MOST_NODES];
  int32_t count;
};

static inline bool take_word(struct schema_text *text, struct lam_bytes *out) {
  while (*text->at == ' ') text->at++;
  const char *from = text->at;
  if (*from == '{' || *from == '}') text->at++;
  while (text->at == from || (*from != '{' && *from != '}')) {
    if (!*text->at || strchr(" {}", *text->at)) break;
    text->at++;
  }
  *out = lam_bytes_of(from, (size_t)(text->at - from));
  return out->size > 0;
}

static inline bool word_is(struct lam_bytes word, const char *text) {
  return lam_bytes_equal(word, lam_bytes_of_string(text));
}

/* One node and those below it; false at the end of a group. */
static inline bool add_node(struct schema_text *text) {
  struct lam_bytes word;
  if (!take_word(text, &word) || word_is(word, "}")) return false;
  assert_true(text->count < MOST_NODES);
  struct lam_schema_node *node = &text->nodes[text->count++];
  *node = (struct lam_schema_node){.name = word, .field_id = -1, .physical = -1, .converted = -1};
  const uint8_t *id = memchr(word.data, '#', word.size);
  if (id) {
    node->field_id = atoi((const char *)id + 1);
    node->name.size = (size_t)(id - word.data);
  }
  assert_true(take_word(text, &word));
  node->repetition = word_is(word, "*") ? LAM_REPEATED : word_is(word, "o") ? LAM_OPTIONAL : LAM_REQUIRED;
  while (take_word(text, &word) && !word_is(word, "{")) {
    if (word_is(word, "LIST")) node->converted = LAM_CONVERTED_LIST;
    if (word_is(word, "MAP")) node->logical.kind = LAM_LOGICAL_MAP;
    if (word_is(word, "KEY_VALUE")) node->converted = LAM_CONVERTED_MAP_KEY_VALUE;
    if (word_is(word, "VARIANT")) node->logical.kind = LAM_LOGICAL_VARIANT;
    if (word_is(word, "i")) node->physical = LAM_INT32;
    if (word_is(word, "s")) {
      node->physical = LAM_BYTE_ARRAY;
      node->converted = LAM_CONVERTED_UTF8;
    }
    if (node->physical >= 0) return true;
  }
  while (add_node(text)) node->children++;
  return true;
}

/* The metadata of a schema of the columns in `text`; the nodes stay in `out`. */
static inline struct lam_file_meta meta_of_text(const char *text, struct schema_text *out, struct lam_arena *arena) {
  *out = (struct schema_text){.at = text, .count = 1};
  out->nodes[0] = (struct lam_schema_node){.name = lam_bytes_of_string("root"), .physical = -1, .converted = -1};
  while (add_node(out)) out->nodes[0].children++;
  /* Children of children were counted by their own groups. */
  struct lam_file_meta meta = {
      .nodes = out->nodes, .node_count = out->count, .created_by = lam_bytes_of_string("x version 1.0.0")};
  assert_int_equal(lam_schema_link(&meta, arena, NULL), LAM_OK);
  return meta;
}

/* "list<element: int32 not null>" and the like, as pyarrow prints types; ids behind names. */
static inline void print_type(const struct ArrowSchema *schema, char *out, size_t room) {
  struct lam_type type;
  size_t at = strlen(out);
  assert_int_equal(lam_type_parse(schema, &type, NULL), LAM_OK);
  char name[64];
  if (!lam_type_is_nested(type.id)) {
    snprintf(out + at, room - at, "%s", lam_type_name(&type, name, sizeof name));
  } else {
    static const char *const names[] = {[LAM_TYPE_LIST] = "list", [LAM_TYPE_MAP] = "map", [LAM_TYPE_STRUCT] = "struct"};
    snprintf(out + at, room - at, "%s<", names[type.id]);
    for (int64_t i = 0; i < schema->n_children; i++) {
      at = strlen(out);
      int32_t id = lam_schema_field_id(schema->children[i]);
      snprintf(out + at, room - at, id >= 0 ? "%s%s#%d: " : "%s%s: ", i ? ", " : "", schema->children[i]->name, id);
      print_type(schema->children[i], out, room);
    }
    at = strlen(out);
    snprintf(out + at, room - at, ">");
  }
  at = strlen(out);
  if (!(schema->flags & ARROW_FLAG_NULLABLE)) snprintf(out + at, room - at, " not null");
}

#endif
