#include "parquet/prune_state.h"

#include <stdlib.h>

#include "arrow/cast.h"
#include "base/checksum.h"
#include "parquet/bloom.h"

/* ---- resolving columns ---- */

/* The child of a file's group that a field of the schema is: by id where both have one, by name where neither has. -1:
 * none, or it is not certain. */
static int32_t child_of(const struct lam_file_meta *meta, int32_t group, const struct ArrowSchema *field) {
  int32_t id = lam_schema_field_id(field), node = group + 1, found = -1;
  for (int32_t i = 0; i < meta->nodes[group].children; i++) {
    const struct lam_schema_node *child = &meta->nodes[node];
    bool same_id = id >= 0 && id == child->field_id;
    bool same_name = lam_bytes_equal(child->name, lam_bytes_of_string(field->name));
    bool mixed = (id < 0) != (child->field_id < 0);
    bool is_it = same_id || (same_name && id < 0);
    if ((same_name && mixed) || (is_it && found >= 0)) return -1;
    if (is_it) found = node;
    for (int32_t first = node++; node < meta->node_count && meta->nodes[node].parent >= first;) node++;
  }
  return found;
}

/* Whether a group is a plain struct: its children are the schema's. */
static bool is_struct(const struct lam_schema_node *node) {
  enum lam_logical_kind kind = node->logical.kind;
  return node->physical < 0 && node->repetition <= LAM_OPTIONAL && kind == LAM_LOGICAL_NONE &&
         (node->converted < LAM_CONVERTED_MAP || node->converted > LAM_CONVERTED_LIST);
}

/* Whether facts about values of one type hold for what they are widened to. */
static bool widens(const struct lam_type *from, const struct lam_type *to) {
  struct lam_type wide;
  return lam_type_equal(from, to) || (lam_type_widen(from, to, &wide) && lam_type_equal(&wide, to));
}

enum lam_status lam_prune_resolve(const struct lam_file_meta *meta, const struct ArrowSchema *schema,
                                  const int32_t *sources, const struct lam_scalar *const *constants,
                                  struct lam_prune_column *column, struct lam_error *error) {
  static const struct lam_scalar nothing = {.type = {.timezone = ""}, .is_null = true};
  const struct lam_expr *expr = column->node;
  const struct ArrowSchema *field = schema->children[expr->path[0]];
  int32_t top = sources[expr->path[0]];
  if (top < 0) {
    const struct lam_scalar *constant = constants ? constants[expr->path[0]] : NULL;
    column->constant = constant ? constant : &nothing;
    bool usable =
        column->constant->is_null || (expr->depth == 1 && lam_type_equal(&column->constant->type, &expr->type));
    if (usable) column->kind = LAM_PRUNE_CONSTANT;
    return LAM_OK;
  }
  int32_t node = lam_top_node(meta, top);
  for (int32_t i = 1; i < expr->depth; i++) {
    if (strcmp(field->format, "+s") != 0 || !is_struct(&meta->nodes[node])) return LAM_OK;
    field = field->children[expr->path[i]];
    node = child_of(meta, node, field);
    if (node < 0) return LAM_OK;
  }
  const struct lam_schema_node *leaf = &meta->nodes[node];
  if (leaf->physical < 0 || leaf->max_repetition > 0 || leaf->repetition > LAM_OPTIONAL) return LAM_OK;
  bool usable;
  LAM_TRY(lam_prune_optional(lam_leaf_of_node(meta, node, &column->type, error), &usable));
  if (!usable || !widens(&column->type.type, &expr->type)) return LAM_OK;
  column->kind = LAM_PRUNE_LEAF;
  column->leaf = leaf->leaf;
  column->trusted = lam_statistics_trusted(meta, column->leaf, false);
  column->trusted_old = lam_statistics_trusted(meta, column->leaf, true);
  return LAM_OK;
}

/* ---- the parts of a condition ---- */

static void count_node(void *user, const struct lam_expr *column) {
  (void)column;
  ++*(int32_t *)user;
}

static void keep_node(void *user, const struct lam_expr *column) {
  struct lam_prune *prune = user;
  prune->nodes[prune->node_count++].node = column;
}

static int by_path(const void *a, const void *b) {
  const struct lam_expr *x = ((const struct lam_prune_node *)a)->node, *y = ((const struct lam_prune_node *)b)->node;
  for (int32_t i = 0; i < x->depth && i < y->depth; i++)
    if (x->path[i] != y->path[i]) return x->path[i] < y->path[i] ? -1 : 1;
  return (x->depth > y->depth) - (x->depth < y->depth);
}

static int by_address(const void *a, const void *b) {
  uintptr_t x = (uintptr_t)((const struct lam_prune_node *)a)->node;
  uintptr_t y = (uintptr_t)((const struct lam_prune_node *)b)->node;
  return (x > y) - (x < y);
}

struct lam_prune_column *lam_prune_column_of(const struct lam_prune *prune, const struct lam_expr *node) {
  struct lam_prune_node key = {.node = node};
  const struct lam_prune_node *found =
      bsearch(&key, prune->nodes, (size_t)prune->node_count, sizeof *prune->nodes, by_address);
  return found ? &prune->columns[found->column] : NULL;
}

/* Each column once, and where each node finds it. */
static enum lam_status gather_columns(struct lam_prune *prune, const int32_t *sources,
                                      const struct lam_scalar *const *constants, struct lam_error *error) {
  int32_t count = 0;
  void *memory;
  lam_expr_columns(prune->condition, count_node, &count);
  LAM_TRY(lam_arena_array(&prune->arena, (size_t)count, sizeof *prune->nodes, &memory, error));
  prune->nodes = memory;
  lam_expr_columns(prune->condition, keep_node, prune);
  if (count == 0) return LAM_OK;
  LAM_TRY(lam_arena_array(&prune->arena, (size_t)count, sizeof *prune->columns, &memory, error));
  prune->columns = memory;
  qsort(prune->nodes, (size_t)count, sizeof *prune->nodes, by_path);
  for (int32_t i = 0; i < count; i++) {
    if (i == 0 || by_path(&prune->nodes[i - 1], &prune->nodes[i]) != 0) {
      struct lam_prune_column *column = &prune->columns[prune->column_count++];
      column->node = prune->nodes[i].node;
      LAM_TRY(lam_prune_resolve(prune->meta, prune->schema, sources, constants, column, error));
    }
    prune->nodes[i].column = prune->column_count - 1;
  }
  qsort(prune->nodes, (size_t)count, sizeof *prune->nodes, by_address);
  return LAM_OK;
}

struct only_column {
  const struct lam_prune *prune;
  int32_t column; /* -1: none yet; -2: several */
};

static void look_for_one(void *user, const struct lam_expr *node) {
  struct only_column *only = user;
  int32_t column = (int32_t)(lam_prune_column_of(only->prune, node) - only->prune->columns);
  if (only->column != column) only->column = only->column == -1 ? column : -2;
}

static enum lam_status gather_parts(struct lam_prune *prune, struct lam_error *error) {
  bool several = prune->condition->kind == LAM_EXPR_AND;
  void *memory;
  prune->part_count = several ? prune->condition->count : 1;
  LAM_TRY(lam_arena_array(&prune->arena, (size_t)prune->part_count, sizeof *prune->parts, &memory, error));
  prune->parts = memory;
  for (int32_t i = 0; i < prune->part_count; i++) {
    struct only_column only = {prune, -1};
    prune->parts[i].condition = several ? prune->condition->arguments[i] : prune->condition;
    lam_expr_columns(prune->parts[i].condition, look_for_one, &only);
    prune->parts[i].column = only.column >= 0 ? only.column : -1;
  }
  return LAM_OK;
}

static enum lam_status open_prune(const struct lam_file *opened, const struct lam_prune_file *file,
                                  const struct lam_expr *condition, const struct ArrowSchema *schema,
                                  const int32_t *sources, const struct lam_scalar *const *constants,
                                  struct lam_mem *mem, struct lam_prune **out, struct lam_error *error) {
  struct lam_prune *prune;
  *out = NULL;
  LAM_TRY(lam_alloc_zero(mem, sizeof *prune, (void **)&prune, error));
  prune->mem = mem;
  prune->file = opened;
  if (file->bytes) prune->bytes = *file->bytes;
  prune->file_size = file->size;
  prune->name = file->name;
  prune->meta = file->meta;
  prune->condition = condition;
  prune->schema = schema;
  prune->group = -1;
  lam_arena_init(&prune->arena, mem);
  lam_arena_init(&prune->group_arena, mem);
  enum lam_status status = gather_columns(prune, sources, constants, error);
  if (status == LAM_OK) status = gather_parts(prune, error);
  if (status == LAM_OK)
    *out = prune;
  else
    lam_prune_close(prune);
  return status;
}

enum lam_status lam_prune_open(const struct lam_file *file, const struct lam_expr *condition,
                               const struct ArrowSchema *schema, const int32_t *sources,
                               const struct lam_scalar *const *constants, struct lam_mem *mem, struct lam_prune **out,
                               struct lam_error *error) {
  const struct lam_byte_source bytes = lam_file_source(file);
  const struct lam_prune_file of = {lam_file_meta(file), &bytes, lam_file_size(file), lam_file_name(file)};
  return open_prune(file, &of, condition, schema, sources, constants, mem, out, error);
}

enum lam_status lam_prune_open_meta(const struct lam_prune_file *file, const struct lam_expr *condition,
                                    const struct ArrowSchema *schema, const int32_t *sources,
                                    const struct lam_scalar *const *constants, struct lam_mem *mem,
                                    struct lam_prune **out, struct lam_error *error) {
  return open_prune(NULL, file, condition, schema, sources, constants, mem, out, error);
}

void lam_prune_close(struct lam_prune *prune) {
  if (!prune) return;
  lam_dictionary_probe_close(prune->dictionaries);
  lam_arena_release(&prune->group_arena);
  lam_arena_release(&prune->arena);
  lam_free(prune->mem, prune, sizeof *prune);
}

const struct lam_prune_counts *lam_prune_counted(const struct lam_prune *prune) {
  return &prune->counts;
}

/* ---- row groups ---- */

enum lam_status lam_prune_begin(struct lam_prune *prune, int32_t row_group, struct lam_error *error) {
  if (prune->group == row_group) return LAM_OK;
  lam_arena_release(&prune->group_arena);
  prune->group = row_group;
  prune->rows = prune->meta->row_groups[row_group].rows;
  for (int32_t i = 0; i < prune->column_count; i++) prune->columns[i].known = prune->columns[i].bloom_read = false;
  LAM_CHECK(prune->rows >= 0, error, "%s: row group %d has %lld rows", prune->name, row_group, (long long)prune->rows);
  return LAM_OK;
}

static enum lam_status chunk_facts(const void *user, const struct lam_expr *node, struct lam_facts_column *out,
                                   struct lam_error *error) {
  struct lam_prune *prune = (struct lam_prune *)(uintptr_t)user;
  return lam_facts_of_chunk(prune, lam_prune_column_of(prune, node), out, error);
}

static enum lam_status probe_bloom(struct lam_prune *prune, struct lam_prune_column *column,
                                   const struct lam_scalar *value, bool *may, struct lam_error *error) {
  bool exact;
  if (!column->bloom_read) {
    const struct lam_chunk_meta *chunk = &prune->meta->row_groups[prune->group].chunks[column->leaf];
    LAM_TRY(lam_prune_optional(
        lam_bloom_read_from(&prune->bytes, prune->file_size, chunk, &prune->group_arena, &column->bloom, error),
        &exact));
    if (!exact) column->bloom.size = 0;
    column->bloom_read = true;
  }
  if (column->bloom.size == 0) return LAM_OK;
  struct lam_buf plain;
  lam_buf_init(&plain, prune->mem);
  enum lam_status status = lam_scalar_plain(prune->meta, column->leaf, value, &plain, &exact, error);
  if (status == LAM_OK && exact)
    *may = lam_bloom_may_contain(column->bloom.data, column->bloom.size, lam_hash64(plain.data, plain.size));
  lam_buf_release(&plain);
  return status;
}

static enum lam_status probe(const void *user, const struct lam_expr *node, const struct lam_scalar *node_value,
                             bool *may, struct lam_error *error) {
  struct lam_prune *prune = (struct lam_prune *)(uintptr_t)user;
  struct lam_prune_column *column = lam_prune_column_of(prune, node);
  struct lam_scalar value;
  bool exact;
  int direction;
  *may = true;
  if (column->kind != LAM_PRUNE_LEAF) return LAM_OK;
  if (lam_scalar_cast(node_value, &column->type.type, NULL, &value, &exact, &direction, NULL) != LAM_OK) return LAM_OK;
  *may = exact; /* the column's values were widened: what it cannot hold is not among them */
  if (!exact) return LAM_OK;
  return probe_bloom(prune, column, &value, may, error);
}

static struct lam_facts facts_of_group(const struct lam_prune *prune, bool probes) {
  return (struct lam_facts){.user = prune, .rows = prune->rows, .column = chunk_facts, .probe = probes ? probe : NULL};
}

static bool may_match(unsigned outcomes) {
  return outcomes & LAM_MAY_BE_TRUE;
}

/* All parts by their dictionaries, those that have one and are open. */
static enum lam_status decide_by_dictionaries(struct lam_prune *prune, unsigned *outcomes, struct lam_error *error) {
  unsigned all = LAM_MAY_BE_TRUE;
  struct lam_facts facts = facts_of_group(prune, true);
  for (int32_t i = 0; i < prune->part_count; i++) {
    const struct lam_prune_part *part = &prune->parts[i];
    unsigned one, by_dictionary;
    LAM_TRY(lam_expr_decide(part->condition, &facts, &one, error));
    if (may_match(one) && one != LAM_MAY_BE_TRUE && part->column >= 0) {
      LAM_TRY(lam_dictionary_decide(prune, i, &by_dictionary, error));
      one &= by_dictionary;
    }
    all = lam_outcomes_and(all, one);
    if (!may_match(all)) { /* whatever the others are */
      *outcomes &= ~(unsigned)LAM_MAY_BE_TRUE;
      return LAM_OK;
    }
  }
  *outcomes &= all;
  return LAM_OK;
}

enum lam_status lam_prune_statistics(struct lam_prune *prune, int32_t row_group, unsigned *outcomes,
                                     struct lam_error *error) {
  *outcomes = 0;
  LAM_TRY(lam_prune_begin(prune, row_group, error));
  struct lam_facts facts = facts_of_group(prune, false);
  return lam_expr_decide(prune->condition, &facts, outcomes, error);
}

enum lam_status lam_prune_filters(struct lam_prune *prune, int32_t row_group, unsigned *outcomes,
                                  struct lam_error *error) {
  LAM_TRY(lam_prune_statistics(prune, row_group, outcomes, error));
  if (!may_match(*outcomes) || *outcomes == LAM_MAY_BE_TRUE) return LAM_OK;
  struct lam_facts facts = facts_of_group(prune, true);
  return lam_expr_decide(prune->condition, &facts, outcomes, error);
}

enum lam_status lam_prune_facts(struct lam_prune *prune, int32_t row_group, const struct lam_expr *column,
                                struct lam_facts_column *out, struct lam_error *error) {
  LAM_TRY(lam_prune_begin(prune, row_group, error));
  return chunk_facts(prune, column, out, error);
}

/* What statistics left open. */
static enum lam_status decide_further(struct lam_prune *prune, unsigned *outcomes, struct lam_error *error) {
  struct lam_facts facts = facts_of_group(prune, true);
  LAM_TRY(lam_expr_decide(prune->condition, &facts, outcomes, error));
  if (!may_match(*outcomes)) prune->counts.groups_by_bloom++;
  if (!may_match(*outcomes) || *outcomes == LAM_MAY_BE_TRUE) return LAM_OK;
  LAM_TRY(decide_by_dictionaries(prune, outcomes, error));
  if (!may_match(*outcomes)) prune->counts.groups_by_dictionary++;
  return LAM_OK;
}

enum lam_status lam_prune_group(struct lam_prune *prune, int32_t row_group, unsigned *outcomes,
                                struct lam_error *error) {
  LAM_TRY(lam_prune_statistics(prune, row_group, outcomes, error));
  prune->counts.groups++;
  if (!may_match(*outcomes)) prune->counts.groups_by_statistics++;
  if (!may_match(*outcomes) || *outcomes == LAM_MAY_BE_TRUE) return LAM_OK;
  return decide_further(prune, outcomes, error);
}
