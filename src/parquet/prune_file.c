/* What statistics say of a whole file. */
#include "expr/facts.h"
#include "parquet/prune_state.h"

static enum lam_status add_groups(struct lam_prune *prune, struct lam_prune_column *column, struct lam_arena *arena,
                                  struct lam_facts_sum *sum, struct lam_error *error) {
  for (int32_t group = 0; group < prune->meta->row_group_count; group++) {
    struct lam_facts_column facts;
    LAM_TRY(lam_prune_begin(prune, group, error));
    if (prune->rows == 0) continue;
    column->known = false;
    LAM_TRY(lam_facts_of_chunk(prune, column, &facts, error));
    LAM_TRY(lam_facts_add(sum, &facts, prune->rows, arena, error));
  }
  return LAM_OK;
}

enum lam_status lam_file_facts(const struct lam_file *file, int32_t leaf, struct lam_arena *arena,
                               struct lam_facts_column *out, struct lam_error *error) {
  const struct lam_file_meta *meta = lam_file_meta(file);
  struct lam_prune prune = {.file = file, .meta = meta, .mem = arena->mem, .group = -1};
  struct lam_prune_column column = {.kind = LAM_PRUNE_LEAF, .leaf = leaf};
  struct lam_facts_sum sum = {0};
  LAM_TRY(lam_leaf_of_node(meta, meta->leaves[leaf], &column.type, error));
  const struct lam_expr node = {.kind = LAM_EXPR_COLUMN, .type = column.type.type};
  column.node = &node;
  column.trusted = lam_statistics_trusted(meta, leaf, false);
  column.trusted_old = lam_statistics_trusted(meta, leaf, true);
  lam_arena_init(&prune.group_arena, arena->mem);
  enum lam_status status = add_groups(&prune, &column, arena, &sum, error);
  lam_arena_release(&prune.group_arena);
  *out = lam_facts_of_sum(&sum);
  return status;
}
