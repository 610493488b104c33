/* The fields of a column as Arrow has them: which groups of Parquet's schema are lists, maps and structs, by the rules
 * of LogicalTypes.md with those for old files (two-level lists, `array` and `_tuple`, repeated fields without LIST,
 * MAP_KEY_VALUE, maps without values). A group that is annotated as a list or map and has not its shape is a struct. */
#ifndef LAM_PARQUET_SCHEMA_NESTED_H
#define LAM_PARQUET_SCHEMA_NESTED_H

#include "parquet/schema.h"

struct lam_field {
  enum lam_type_id type; /* LIST, MAP, STRUCT; else a leaf's */
  bool nullable;
  bool is_key;              /* of a map: Arrow has no NULLs there, whatever the file says */
  bool own_entry;           /* the entry of a repeated node, which is that list too */
  int16_t definition;       /* the level from which on its slots are valid; where the node is not required */
  int16_t repetition;       /* lists above it */
  int16_t entry_definition; /* LIST, MAP: the level from which on there is an entry */
  int32_t node;             /* its name, id and annotation */
  int32_t leaf, leaves;     /* the first at or below it among those that were chosen of the column, and how many */
  int32_t count;            /* of `fields`: 1 of lists and maps (whose entries are a struct of key and value) */
  struct lam_field *fields;
};

/* How many struct lam_field a column can need. */
size_t lam_field_room(const struct lam_file_meta *meta, int32_t column);
/* The tree of top-level column `column` in `fields`, an array with that room, cleared; the root is fields[0]. `wanted`
 * says for each leaf of the file whether it is chosen, and structs have only those (NULL: all). A map comes with its
 * keys always, and with all of its value where nothing of that is chosen. LAM_UNSUPPORTED where a group has no columns,
 * where there are more than LAM_TYPE_DEEPEST levels. */
enum lam_status lam_field_make(const struct lam_file_meta *meta, int32_t column, const bool *wanted,
                               struct lam_field *fields, struct lam_error *error);
static inline bool lam_field_is_leaf(const struct lam_field *field) {
  return !lam_type_is_nested(field->type);
}
/* The first leaf at or below it, of its leaves or behind them. */
const struct lam_field *lam_field_leaf(const struct lam_field *field, int32_t leaf);

/* The Arrow schema of a field and those below. */
enum lam_status lam_field_schema(const struct lam_file_meta *meta, const struct lam_field *field,
                                 struct ArrowSchema *out, struct lam_error *error);

/* ---- schema_read.c ---- */

/* A schema of the node's name with `children` that are still to be filled. */
enum lam_status lam_schema_of_node(const struct lam_schema_node *node, const struct lam_type *type, bool nullable,
                                   int64_t children, struct ArrowSchema *out, struct lam_error *error);
/* Its id (if `with_id`), extension names, and the element where its type alone would not say all. */
enum lam_status lam_schema_annotate(const struct lam_schema_node *node, bool with_id, struct ArrowSchema *schema,
                                    struct lam_error *error);

#endif
