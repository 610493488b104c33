/* Planning on a mapped sidecar: the metadata of just the columns that a condition names, handed to parquet/prune.h. */
#include <inttypes.h>
#include <string.h>

#include "base/options.h"
#include "expr/expr.h"
#include "parquet/page.h"
#include "parquet/prune.h"
#include "sidecar/sidecar.h"

struct query {
  struct lam_sidecar *sidecar;
  const struct lam_sidecar_prune_options *options;
  struct lam_arena arena;
  struct pm_top *tops; /* the columns of the condition, each once */
  int32_t count, room;
  struct lam_file_meta meta;
  struct ArrowSchema schema;
  enum lam_status status; /* of finding columns */
  struct lam_error *error;
};

/* ---- columns ---- */

/* The first top-level column of that name, of those whose leaves' paths are `prefix` or, if it is longer than the name,
 * begin with it. */
static enum lam_status find_below(struct lam_sidecar *sidecar, struct lam_bytes prefix, struct lam_bytes name,
                                  int32_t *out, struct lam_error *error) {
  uint32_t rank;
  LAM_TRY(pm_path_rank(sidecar, prefix, &rank, error));
  for (; rank < sidecar->schema_head.leaves; rank++) {
    struct lam_bytes path;
    struct lam_schema_node node;
    int32_t leaf, top;
    bool there;
    LAM_TRY(pm_ranked_leaf(sidecar, rank, &leaf, error));
    LAM_TRY(pm_leaf_path(sidecar, leaf, &there, &path, error));
    bool begins = path.size >= prefix.size && memcmp(path.data, prefix.data, prefix.size) == 0;
    if (!begins || (prefix.size == name.size && path.size > name.size)) return LAM_OK;
    LAM_TRY(pm_top_of_leaf(sidecar, leaf, &top, &node, error));
    if (lam_bytes_equal(node.name, name) && (*out < 0 || top < *out)) *out = top;
  }
  return LAM_OK;
}

static enum lam_status find_by_name(struct query *query, struct lam_bytes name, int32_t *out, struct lam_error *error) {
  uint8_t *prefix;
  *out = -1;
  if (!query->sidecar->schema.data) return pm_find_path(query->sidecar, name, out, error);
  LAM_TRY(find_below(query->sidecar, name, name, out, error));
  LAM_TRY(lam_arena_alloc(&query->arena, name.size + 1, (void **)&prefix, error));
  lam_copy(prefix, name.data, name.size);
  prefix[name.size] = '.';
  return find_below(query->sidecar, lam_bytes_of(prefix, name.size + 1), name, out, error);
}

/* A column that is known by its id may have another name here; who has that name without being it is not it. */
static enum lam_status find_by_id(struct query *query, int32_t id, struct lam_bytes name, int32_t *out,
                                  struct lam_error *error) {
  struct lam_sidecar *sidecar = query->sidecar;
  struct lam_schema_node node;
  struct pm_column column;
  LAM_TRY(find_by_name(query, name, out, error));
  int32_t named = *out, found = -1;
  if (named >= 0 && sidecar->schema.data) {
    LAM_TRY(pm_load_node(sidecar, named, &node, error));
    found = node.field_id;
  } else if (named >= 0) {
    LAM_TRY(pm_column(sidecar, named, &column, NULL, error));
    found = column.id;
  }
  if (named >= 0 && (found < 0 || found == id)) return LAM_OK;
  *out = -1;
  for (int32_t i = 0; i < lam_sidecar_columns(sidecar); i++) {
    LAM_TRY(pm_column(sidecar, i, &column, NULL, error));
    if (column.id != id) continue;
    *out = i;
    return sidecar->schema.data ? pm_top_of_leaf(sidecar, i, out, &node, error) : LAM_OK;
  }
  return LAM_OK;
}

static enum lam_status find_column(struct query *query, struct lam_bytes name, int32_t *out, struct lam_error *error) {
  for (size_t i = 0; i < query->options->name_count; i++) {
    const struct lam_sidecar_name *given = &query->options->names[i];
    if (given->field_id >= 0 && lam_bytes_equal(name, lam_bytes_of_string(given->name)))
      return find_by_id(query, given->field_id, name, out, error);
  }
  return find_by_name(query, name, out, error);
}

static void count_column(void *user, const struct lam_expr *column) {
  (void)column;
  ((struct query *)user)->room++;
}

/* One that is not found is left to the binding, which says so. */
static void add_column(void *user, const struct lam_expr *column) {
  struct query *query = user;
  int32_t node;
  for (int32_t i = 0; i < query->count; i++)
    if (lam_bytes_equal(query->tops[i].name, column->names[0])) return;
  if (query->status == LAM_OK) query->status = find_column(query, column->names[0], &node, query->error);
  if (query->status == LAM_OK && node >= 0) query->tops[query->count++] = (struct pm_top){node, column->names[0]};
}

static enum lam_status load_columns(struct query *query, const struct lam_expr *parsed, struct lam_error *error) {
  lam_expr_columns(parsed, count_column, query);
  LAM_TRY(lam_arena_array(&query->arena, (size_t)query->room, sizeof *query->tops, (void **)&query->tops, error));
  query->error = error;
  lam_expr_columns(parsed, add_column, query);
  LAM_TRY(query->status);
  LAM_TRY(query->sidecar->schema.data && query->sidecar->file.data
              ? lam_sidecar_meta_of(query->sidecar, query->tops, query->count, &query->arena, &query->meta, error)
              : pm_described_meta(query->sidecar, query->tops, query->count, &query->arena, &query->meta, error));
  LAM_TRY(lam_schema_init_struct("", query->count, &query->schema, error));
  for (int32_t i = 0; i < query->count; i++)
    LAM_TRY(lam_schema_of_column(&query->meta, i, query->schema.children[i], error));
  return LAM_OK;
}

/* ---- row groups ---- */

static enum lam_status fetch_bytes(const void *user, uint64_t offset, void *to, size_t size, struct lam_error *error) {
  const struct lam_sidecar_prune_options *options = user;
  return options->fetch(options->user, offset, to, size, error);
}

static enum lam_status decide(struct query *query, const struct lam_expr *condition, uint8_t *verdicts,
                              struct lam_error *error) {
  const struct lam_byte_source bytes = {.read = fetch_bytes, .user = query->options};
  const struct lam_prune_file file = {&query->meta, query->options->fetch ? &bytes : NULL,
                                      lam_sidecar_file_size(query->sidecar), query->sidecar->name};
  struct lam_prune *prune;
  int32_t *sources;
  LAM_TRY(lam_arena_array(&query->arena, (size_t)query->count, sizeof *sources, (void **)&sources, error));
  for (int32_t i = 0; i < query->count; i++) sources[i] = i;
  LAM_TRY(lam_prune_open_meta(&file, condition, &query->schema, sources, NULL, query->sidecar->mem, &prune, error));
  enum lam_status status = LAM_OK;
  for (int32_t g = 0; status == LAM_OK && g < query->meta.row_group_count; g++) {
    unsigned outcomes;
    status = lam_prune_filters(prune, g, &outcomes, error);
    verdicts[g] = !(outcomes & LAM_MAY_BE_TRUE) ? LAM_SIDECAR_SKIPPED
                  : outcomes == LAM_MAY_BE_TRUE ? LAM_SIDECAR_WHOLE
                                                : LAM_SIDECAR_KEPT;
  }
  lam_prune_close(prune);
  return status;
}

static enum lam_status prune(struct query *query, const char *where, uint8_t *verdicts, struct lam_error *error) {
  const struct lam_expr *parsed, *condition;
  enum lam_status status = lam_expr_parse(where, &query->arena, &parsed, error);
  if (status == LAM_OK) status = load_columns(query, parsed, error);
  if (status == LAM_OK) status = lam_expr_bind_condition(parsed, &query->schema, &query->arena, &condition, error);
  if (status != LAM_OK) return lam_fail_in(error, status, "the condition");
  return decide(query, condition, verdicts, error);
}

enum lam_status lam_sidecar_prune(struct lam_sidecar *sidecar, const char *where,
                                  const struct lam_sidecar_prune_options *given, uint8_t *verdicts,
                                  struct lam_error *error) {
  struct lam_sidecar_prune_options options = LAM_SIDECAR_PRUNE_OPTIONS_INIT;
  LAM_TRY(lam_options_read(given, "LAM_SIDECAR_PRUNE_OPTIONS_INIT", &options, sizeof options, error));
  struct query query = {.sidecar = sidecar, .options = &options};
  lam_arena_init(&query.arena, sidecar->mem);
  enum lam_status status = prune(&query, where, verdicts, error);
  lam_schema_release(&query.schema);
  lam_arena_release(&query.arena);
  return status;
}
