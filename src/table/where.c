#include "table/where.h"

#include "table/path_value.h"

enum lam_status lam_where_bind(const struct lam_table *table, const char *text, struct lam_arena *arena,
                               const struct lam_expr **out, struct lam_error *error) {
  const struct lam_expr *parsed;
  enum lam_status status = lam_expr_parse(text, arena, &parsed, error);
  if (status == LAM_OK) status = lam_expr_bind_condition(parsed, &table->merge.schema, arena, out, error);
  return status == LAM_OK ? LAM_OK : lam_fail_in(error, status, "the condition");
}

/* ---- files ---- */

enum lam_status lam_where_sources(const struct lam_table *table, const struct lam_file_columns *columns,
                                  struct lam_arena *arena, int32_t **out, struct lam_error *error) {
  const struct ArrowSchema *schema = &table->merge.schema;
  size_t count = (size_t)schema->n_children;
  struct lam_merge_source *sources;
  LAM_TRY(lam_arena_array(arena, count, sizeof *sources, (void **)&sources, error));
  LAM_TRY(lam_arena_array(arena, count, sizeof **out, (void **)out, error));
  if (lam_merge_same(schema, &columns->schema)) /* one file may have two columns of one name */
    for (size_t c = 0; c < count; c++) sources[c] = (struct lam_merge_source){.column = (int32_t)c};
  else
    lam_merge_map(schema, &columns->schema, sources);
  for (size_t c = 0; c < count; c++) (*out)[c] = sources[c].column >= 0 ? columns->columns[sources[c].column] : -1;
  return LAM_OK;
}

enum lam_status lam_where_of_file(const struct lam_table *table, const struct lam_expr *condition,
                                  const struct lam_file_columns *columns, const struct lam_partition *partition,
                                  struct lam_arena *arena, struct lam_filter *out, struct lam_error *error) {
  const struct ArrowSchema *schema = &table->merge.schema;
  size_t count = (size_t)schema->n_children;
  struct lam_scalar *values;
  const struct lam_scalar **constants;
  int32_t *tops;
  LAM_TRY(lam_where_sources(table, columns, arena, &tops, error));
  LAM_TRY(lam_arena_array(arena, count, sizeof *values, (void **)&values, error));
  LAM_TRY(lam_arena_array(arena, count, sizeof *constants, (void **)&constants, error));
  for (size_t c = 0; c < count; c++) {
    constants[c] = NULL;
    if (tops[c] >= 0) continue;
    LAM_TRY(lam_path_value(partition, schema->children[c], &values[c], error));
    if (!values[c].is_null) constants[c] = &values[c];
  }
  *out = (struct lam_filter){condition, schema, tops, constants};
  return LAM_OK;
}
