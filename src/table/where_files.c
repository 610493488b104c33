/* Which files a condition leaves, from their paths and the pack. */
#include <stdlib.h>

#include "base/context.h"
#include "table/known.h"
#include "table/where.h"

struct files {
  struct lam_table *table;
  const struct lam_expr *condition;
  const struct lam_expr **nodes; /* the condition's columns, sorted by address */
  size_t node_count;
  struct lam_known *known;
};

/* ---- columns ---- */

static void count_node(void *user, const struct lam_expr *column) {
  (void)column;
  ++*(size_t *)user;
}

static void keep_node(void *user, const struct lam_expr *column) {
  struct files *files = user;
  files->nodes[files->node_count++] = column;
}

static int by_address(const void *a, const void *b) {
  uintptr_t x = (uintptr_t) * (const struct lam_expr *const *)a, y = (uintptr_t) * (const struct lam_expr *const *)b;
  return (x > y) - (x < y);
}

static enum lam_status gather_nodes(struct files *files, struct lam_arena *arena, struct lam_error *error) {
  size_t count = 0;
  lam_expr_columns(files->condition, count_node, &count);
  LAM_TRY(lam_arena_array(arena, count, sizeof *files->nodes, (void **)&files->nodes, error));
  lam_expr_columns(files->condition, keep_node, files);
  if (count) qsort(files->nodes, count, sizeof *files->nodes, by_address);
  return LAM_OK;
}

static size_t node_of(const struct files *files, const struct lam_expr *expr) {
  if (files->nodes[0] == expr) return 0;
  const struct lam_expr **found = bsearch(&expr, files->nodes, files->node_count, sizeof *files->nodes, by_address);
  return (size_t)(found - files->nodes);
}

/* ---- files ---- */

static enum lam_status column_facts(const void *user, const struct lam_expr *expr, struct lam_facts_column *out,
                                    struct lam_error *error) {
  const struct files *files = user;
  (void)error;
  lam_known_facts(files->known, node_of(files, expr), out);
  return LAM_OK;
}

static enum lam_status decide(const struct files *files, int64_t rows, uint8_t *out, struct lam_error *error) {
  struct lam_facts facts = {.user = files, .rows = rows, .column = column_facts};
  unsigned outcomes;
  LAM_TRY(lam_expr_decide(files->condition, &facts, &outcomes, error));
  *out = (uint8_t)outcomes;
  return LAM_OK;
}

static enum lam_status decide_file(struct files *files, size_t index, uint8_t by_path, uint8_t *out,
                                   struct lam_error *error) {
  bool there;
  *out = by_path;
  LAM_TRY(lam_known_file(files->known, index, &there, error));
  return there ? decide(files, (int64_t)files->table->files[index].rows, out, error) : LAM_OK;
}

static enum lam_status decide_partition(struct files *files, const struct lam_directory_partition *partition,
                                        uint8_t *out, struct lam_error *error) {
  uint8_t by_path;
  size_t end = partition->first_file + partition->file_count;
  LAM_TRY(lam_check_cancel(files->table->context, error));
  LAM_TRY(lam_known_partition(files->known, partition, error));
  LAM_TRY(decide(files, 1, &by_path, error));
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
  struct files files = {.table = table, .condition = condition};
  LAM_TRY(lam_arena_array(arena, snapshot->file_count, sizeof **out, (void **)out, error));
  LAM_TRY(gather_nodes(&files, arena, error));
  LAM_TRY(lam_known_open(table, files.nodes, files.node_count, arena, &files.known, error));
  for (size_t i = 0; i < snapshot->partition_count; i++)
    LAM_TRY(decide_partition(&files, &snapshot->partitions[i], *out, error));
  return LAM_OK;
}
