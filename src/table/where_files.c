/* Which files a condition leaves, from their paths and the pack. */
#include <stdlib.h>

#include "base/context.h"
#include "parquet/prune_state.h"
#include "sidecar/pack.h"
#include "table/path_value.h"
#include "table/where.h"

/* A column of the condition in files of one schema. */
struct known {
  struct lam_prune_column column; /* CONSTANT: the files lack it, their paths may have it */
  bool bounded;                   /* `bounds` are there */
  struct lam_pack_bounds bounds;
};

struct node {
  const struct lam_expr *expr;
  struct lam_scalar value; /* the path's, in the partition under way; NULL where it has none */
};

struct files {
  struct lam_table *table;
  const struct lam_expr *condition;
  struct lam_arena *arena;
  struct node *nodes; /* of the condition's columns, sorted by address */
  size_t node_count;
  struct known **schemas; /* of each schema of the pack, by node; NULL: not looked at yet */
  /* The file under way. */
  const struct known *known; /* NULL: nothing is known of it */
  uint32_t packed;
  int64_t rows;
};

/* ---- columns ---- */

static void count_node(void *user, const struct lam_expr *column) {
  (void)column;
  ++*(size_t *)user;
}

static void keep_node(void *user, const struct lam_expr *column) {
  struct files *files = user;
  files->nodes[files->node_count++].expr = column;
}

static int by_address(const void *a, const void *b) {
  uintptr_t x = (uintptr_t)((const struct node *)a)->expr, y = (uintptr_t)((const struct node *)b)->expr;
  return (x > y) - (x < y);
}

static enum lam_status gather_nodes(struct files *files, struct lam_error *error) {
  size_t count = 0;
  lam_expr_columns(files->condition, count_node, &count);
  LAM_TRY(lam_arena_array(files->arena, count, sizeof *files->nodes, (void **)&files->nodes, error));
  lam_expr_columns(files->condition, keep_node, files);
  if (count) qsort(files->nodes, count, sizeof *files->nodes, by_address);
  return LAM_OK;
}

static size_t node_of(const struct files *files, const struct lam_expr *expr) {
  struct node key = {.expr = expr};
  if (files->nodes->expr == expr) return 0;
  const struct node *found = bsearch(&key, files->nodes, files->node_count, sizeof key, by_address);
  return (size_t)(found - files->nodes);
}

/* Bounds whose bytes are damaged say nothing. */
static enum lam_status find_bounds(const struct files *files, uint32_t schema, struct known *known,
                                   struct lam_error *error) {
  struct lam_error why = LAM_ERROR_INIT;
  if (known->column.kind != LAM_PRUNE_LEAF) return LAM_OK;
  enum lam_status status =
      lam_pack_bounds(files->table->snapshot.pack, schema, known->column.leaf, &known->bounded, &known->bounds, &why);
  if (status == LAM_OK) return LAM_OK;
  known->bounded = false;
  lam_log(files->table->context, LAM_LOG_WARN, "bounds are not used: %s", why.message);
  if (status == LAM_CORRUPT) return LAM_OK;
  lam_error_copy(error, &why);
  return status;
}

static enum lam_status know_schema(struct files *files, uint32_t index, const struct lam_packed_schema *schema,
                                   struct lam_error *error) {
  int32_t *sources;
  struct known *known;
  LAM_TRY(lam_where_sources(files->table, &schema->columns, files->arena, &sources, error));
  LAM_TRY(lam_arena_array(files->arena, files->node_count, sizeof *known, (void **)&known, error));
  for (size_t i = 0; i < files->node_count; i++) {
    known[i].column.node = files->nodes[i].expr;
    LAM_TRY(lam_prune_resolve(&schema->meta, &files->table->merge.schema, sources, NULL, &known[i].column, error));
    LAM_TRY(find_bounds(files, index, &known[i], error));
  }
  files->schemas[index] = known;
  return LAM_OK;
}

/* ---- facts ---- */

static void facts_of_path(const struct lam_scalar *value, int64_t rows, struct lam_facts_column *out) {
  bool there = !value->is_null;
  *out = (struct lam_facts_column){
      .nulls = there ? 0 : rows, .has_min = there, .has_max = there, .min_exact = there, .max_exact = there};
  if (!there) return;
  out->min = *value;
  out->max = *value;
}

static enum lam_status column_facts(const void *user, const struct lam_expr *expr, struct lam_facts_column *out,
                                    struct lam_error *error) {
  const struct files *files = user;
  (void)error;
  size_t node = node_of(files, expr);
  const struct known *known = files->known ? &files->known[node] : NULL;
  if (expr->path[0] >= files->table->data_columns || (known && known->column.kind == LAM_PRUNE_CONSTANT)) {
    facts_of_path(&files->nodes[node].value, files->rows, out);
    return LAM_OK;
  }
  *out = (struct lam_facts_column){.nulls = -1, .may_be_nan = true};
  if (!known || !known->bounded) return LAM_OK;
  lam_pack_facts(&known->bounds, files->packed, &known->column.type.type, out);
  out->has_min = out->has_min && lam_prune_to_node(&known->column, &out->min);
  out->has_max = out->has_max && lam_prune_to_node(&known->column, &out->max);
  return LAM_OK;
}

static enum lam_status decide(const struct files *files, uint8_t *out, struct lam_error *error) {
  struct lam_facts facts = {.user = files, .rows = files->rows, .column = column_facts};
  unsigned outcomes;
  LAM_TRY(lam_expr_decide(files->condition, &facts, &outcomes, error));
  *out = (uint8_t)outcomes;
  return LAM_OK;
}

/* ---- partitions ---- */

/* A column that files lack is of the type that the path's value has, or NULL; a member of one is NULL. */
static enum lam_status take_path(struct files *files, const struct lam_partition *partition, struct lam_error *error) {
  const struct ArrowSchema *schema = &files->table->merge.schema;
  for (size_t i = 0; i < files->node_count; i++) {
    struct node *node = &files->nodes[i];
    LAM_TRY(lam_path_value(partition, schema->children[node->expr->path[0]], &node->value, error));
    if (node->expr->depth != 1 || !lam_type_equal(&node->value.type, &node->expr->type)) node->value.is_null = true;
  }
  return LAM_OK;
}

static enum lam_status decide_file(struct files *files, size_t index, uint8_t by_path, uint8_t *out,
                                   struct lam_error *error) {
  struct lam_table *table = files->table;
  struct lam_packed_schema *schema;
  *out = by_path;
  LAM_TRY(lam_packed_schema_of(table, index, &schema, error));
  if (!schema) return LAM_OK;
  uint32_t number = (uint32_t)(schema - table->packed);
  if (!files->schemas[number]) LAM_TRY(know_schema(files, number, schema, error));
  files->known = files->schemas[number];
  files->packed = table->snapshot.files[index].packed - 1;
  files->rows = (int64_t)table->files[index].rows;
  LAM_TRY(decide(files, out, error));
  files->known = NULL;
  return LAM_OK;
}

static enum lam_status decide_partition(struct files *files, const struct lam_directory_partition *partition,
                                        uint8_t *out, struct lam_error *error) {
  uint8_t by_path;
  size_t end = partition->first_file + partition->file_count;
  LAM_TRY(lam_check_cancel(files->table->context, error));
  LAM_TRY(take_path(files, &partition->values, error));
  files->rows = 1;
  LAM_TRY(decide(files, &by_path, error));
  if (!(by_path & LAM_MAY_BE_TRUE)) {
    memset(out + partition->first_file, by_path | LAM_OUTCOMES_BY_PATH, partition->file_count);
    return LAM_OK;
  }
  for (size_t i = partition->first_file; i < end; i++) LAM_TRY(decide_file(files, i, by_path, &out[i], error));
  return LAM_OK;
}

enum lam_status lam_where_files(struct lam_table *table, const struct lam_expr *condition, struct lam_arena *arena,
                                uint8_t **out, struct lam_error *error) {
  const struct lam_snapshot *snapshot = &table->snapshot;
  struct files files = {.table = table, .condition = condition, .arena = arena};
  uint32_t schemas = snapshot->pack ? snapshot->pack->head.schemas : 0;
  LAM_TRY(lam_arena_array(arena, snapshot->file_count, sizeof **out, (void **)out, error));
  LAM_TRY(lam_arena_array(arena, schemas, sizeof(struct known *), (void **)&files.schemas, error));
  LAM_TRY(gather_nodes(&files, error));
  for (size_t i = 0; i < snapshot->partition_count; i++)
    LAM_TRY(decide_partition(&files, &snapshot->partitions[i], *out, error));
  return LAM_OK;
}
