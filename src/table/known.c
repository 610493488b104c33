#include "table/known.h"

#include "base/context.h"
#include "parquet/prune_state.h"
#include "sidecar/pack.h"
#include "table/path_value.h"
#include "table/where.h"

/* A column in files of one schema. */
struct in_schema {
  struct lam_prune_column column; /* CONSTANT: the files lack it, their paths may have it */
  bool bounded;                   /* `bounds` are there */
  struct lam_pack_bounds bounds;
};

struct column {
  const struct lam_expr *expr;
  struct lam_scalar value; /* the path's, in the partition under way; NULL where it has none */
};

struct lam_known {
  struct lam_table *table;
  struct lam_arena *arena;
  struct column *columns;
  size_t count;
  struct in_schema **schemas; /* of each schema of the pack, by column; NULL: not looked at yet */
  /* The file under way. */
  const struct in_schema *schema; /* NULL: nothing is known of it */
  uint32_t packed;
  int64_t rows;
};

enum lam_status lam_known_open(struct lam_table *table, const struct lam_expr *const *columns, size_t count,
                               struct lam_arena *arena, struct lam_known **out, struct lam_error *error) {
  const struct lam_pack *pack = table->snapshot.pack;
  struct lam_known *known;
  LAM_TRY(lam_arena_array(arena, 1, sizeof *known, (void **)&known, error));
  *known = (struct lam_known){.table = table, .arena = arena, .count = count};
  LAM_TRY(lam_arena_array(arena, count, sizeof *known->columns, (void **)&known->columns, error));
  for (size_t i = 0; i < count; i++) known->columns[i].expr = columns[i];
  LAM_TRY(
      lam_arena_array(arena, pack ? pack->head.schemas : 0, sizeof *known->schemas, (void **)&known->schemas, error));
  *out = known;
  return LAM_OK;
}

/* A column that files lack is of the type that the path's value has, or NULL; a member of one is NULL. */
enum lam_status lam_known_partition(struct lam_known *known, const struct lam_directory_partition *partition,
                                    struct lam_error *error) {
  const struct ArrowSchema *schema = &known->table->merge.schema;
  known->schema = NULL;
  known->rows = 1;
  for (size_t i = 0; i < known->count; i++) {
    struct column *column = &known->columns[i];
    LAM_TRY(lam_path_value(&partition->values, schema->children[column->expr->path[0]], &column->value, error));
    if (column->expr->depth != 1 || !lam_type_equal(&column->value.type, &column->expr->type))
      column->value.is_null = true;
  }
  return LAM_OK;
}

/* Bounds whose bytes are damaged say nothing. */
static enum lam_status find_bounds(const struct lam_known *known, uint32_t schema, struct in_schema *in,
                                   struct lam_error *error) {
  struct lam_error why = LAM_ERROR_INIT;
  if (in->column.kind != LAM_PRUNE_LEAF) return LAM_OK;
  enum lam_status status =
      lam_pack_bounds(known->table->snapshot.pack, schema, in->column.leaf, &in->bounded, &in->bounds, &why);
  if (status == LAM_OK) return LAM_OK;
  in->bounded = false;
  lam_log(known->table->context, LAM_LOG_WARN, "bounds are not used: %s", why.message);
  if (status == LAM_CORRUPT) return LAM_OK;
  lam_error_copy(error, &why);
  return status;
}

static enum lam_status know_schema(struct lam_known *known, uint32_t index, const struct lam_packed_schema *schema,
                                   struct lam_error *error) {
  int32_t *sources;
  struct in_schema *in;
  LAM_TRY(lam_where_sources(known->table, &schema->columns, known->arena, &sources, error));
  LAM_TRY(lam_arena_array(known->arena, known->count, sizeof *in, (void **)&in, error));
  for (size_t i = 0; i < known->count; i++) {
    in[i].column.node = known->columns[i].expr;
    LAM_TRY(lam_prune_resolve(&schema->meta, &known->table->merge.schema, sources, NULL, &in[i].column, error));
    LAM_TRY(find_bounds(known, index, &in[i], error));
  }
  known->schemas[index] = in;
  return LAM_OK;
}

enum lam_status lam_known_file(struct lam_known *known, size_t file, bool *there, struct lam_error *error) {
  struct lam_table *table = known->table;
  struct lam_packed_schema *schema;
  known->schema = NULL;
  LAM_TRY(lam_packed_schema_of(table, file, &schema, error));
  *there = schema != NULL;
  if (!schema) return LAM_OK;
  uint32_t number = (uint32_t)(schema - table->packed);
  if (!known->schemas[number]) LAM_TRY(know_schema(known, number, schema, error));
  known->schema = known->schemas[number];
  known->packed = table->snapshot.files[file].packed - 1;
  known->rows = (int64_t)table->files[file].rows;
  return LAM_OK;
}

static void facts_of_path(const struct lam_scalar *value, int64_t rows, struct lam_facts_column *out) {
  bool there = !value->is_null;
  *out = (struct lam_facts_column){
      .nulls = there ? 0 : rows, .has_min = there, .has_max = there, .min_exact = there, .max_exact = there};
  if (!there) return;
  out->min = *value;
  out->max = *value;
}

bool lam_known_facts(const struct lam_known *known, size_t index, struct lam_facts_column *out) {
  const struct column *column = &known->columns[index];
  const struct in_schema *in = known->schema ? &known->schema[index] : NULL;
  if (column->expr->path[0] >= known->table->data_columns || (in && in->column.kind == LAM_PRUNE_CONSTANT)) {
    facts_of_path(&column->value, known->rows, out);
    return in;
  }
  *out = (struct lam_facts_column){.nulls = -1, .may_be_nan = true};
  if (!in || !in->bounded) return in && in->column.kind != LAM_PRUNE_LEAF;
  lam_pack_facts(&in->bounds, known->packed, &in->column.type.type, out);
  out->has_min = out->has_min && lam_prune_to_node(&in->column, &out->min);
  out->has_max = out->has_max && lam_prune_to_node(&in->column, &out->max);
  return !lam_pack_cuts(&in->bounds, known->packed);
}
