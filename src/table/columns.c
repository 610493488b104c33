#include "table/columns.h"

#include "table/project.h"

enum lam_status lam_columns_choose(const struct lam_table *table, const char *const *names, int32_t count,
                                   struct lam_arena *arena, struct ArrowSchema *out, bool *partial,
                                   struct lam_error *error) {
  const struct ArrowSchema *all = &table->merge.schema;
  *partial = false;
  if (!names) {
    if (table->unreadable)
      return lam_fail(error, LAM_UNSUPPORTED,
                      "column \"%s\" of %s is of a type that cannot be read; choose other columns", table->unreadable,
                      table->directory->name);
    return lam_schema_copy(all, out, error);
  }
  for (int32_t i = 0; table->unreadable && i < count; i++)
    if (strcmp(table->unreadable, names[i]) == 0)
      return lam_fail(error, LAM_UNSUPPORTED, "column \"%s\" is of a type that cannot be read", table->unreadable);
  return lam_project(all, table->directory->name, names, count, arena, out, partial, error);
}

void lam_columns_map(const struct lam_table *table, const struct ArrowSchema *schema,
                     const struct lam_file_columns *columns, struct lam_merge_source *sources) {
  if (table->snapshot.file_count == 1 && lam_merge_same(schema, &columns->schema)) /* even with two of one name */
    for (int64_t c = 0; c < schema->n_children; c++) sources[c] = (struct lam_merge_source){.column = (int32_t)c};
  else
    lam_merge_map(schema, &columns->schema, sources);
}

void lam_columns_leaves(const struct lam_file_meta *meta, const struct ArrowSchema *schema,
                        const struct lam_file_columns *columns, const struct lam_merge_source *sources, bool partial,
                        bool *wanted) {
  for (int64_t c = 0; c < schema->n_children; c++) {
    int32_t column = sources[c].column;
    if (column < 0) continue;
    const struct lam_schema_node *node = &meta->nodes[lam_top_node(meta, columns->columns[column])];
    if (partial)
      lam_project_leaves(schema->children[c], columns->schema.children[column], wanted + node->leaf);
    else
      memset(wanted + node->leaf, true, (size_t)node->leaves);
  }
}
