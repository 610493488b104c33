#include "table/project.h"

#include "expr/expr.h"
#include "table/merge.h"

static bool is_map(const struct ArrowSchema *field) {
  return strcmp(field->format, "+m") == 0;
}
static bool is_struct(const struct ArrowSchema *field) {
  return strcmp(field->format, "+s") == 0;
}

int32_t lam_project_leaf_count(const struct ArrowSchema *field) {
  int32_t count = field->n_children == 0;
  for (int64_t i = 0; i < field->n_children; i++) count += lam_project_leaf_count(field->children[i]);
  return count;
}

/* ---- choosing ---- */

/* One column of the result, and which of its leaves are wanted; NULL: all. */
struct choice {
  const struct ArrowSchema *column;
  bool *wanted;
};

static const struct ArrowSchema *member(const struct ArrowSchema *field, struct lam_bytes name, int32_t *leaf) {
  for (int64_t i = 0; i < field->n_children; i++) {
    if (lam_bytes_equal(lam_bytes_of_string(field->children[i]->name), name)) return field->children[i];
    *leaf += lam_project_leaf_count(field->children[i]);
  }
  return NULL;
}

/* The field at the end of a path below `field`, and the first of its leaves; NULL where there is none. */
static const struct ArrowSchema *follow(const struct ArrowSchema *field, const struct lam_bytes *names, int32_t count,
                                        int32_t *leaf) {
  *leaf = 0;
  for (int32_t i = 0; field && i < count; i++) {
    while (field->n_children == 1 && !is_struct(field)) field = field->children[0];
    field = field->n_children ? member(field, names[i], leaf) : NULL;
  }
  return field;
}

static enum lam_status add_path(const struct ArrowSchema *all, const char *text, struct lam_arena *arena,
                                struct choice *choices, int64_t *count, bool *found, struct lam_error *error) {
  const struct lam_expr *path;
  int32_t leaf = 0;
  void *memory;
  *found = false;
  if (lam_expr_parse(text, arena, &path, NULL) != LAM_OK || path->kind != LAM_EXPR_COLUMN) return LAM_OK;
  const struct ArrowSchema *column = member(all, path->names[0], &leaf);
  const struct ArrowSchema *field = column ? follow(column, path->names + 1, path->depth - 1, &leaf) : NULL;
  if (!field) return LAM_OK;
  *found = true;
  int64_t at = 0;
  while (at < *count && choices[at].column != column) at++;
  if (at < *count && !choices[at].wanted) return LAM_OK; /* all of it is there */
  if (at == *count) {
    choices[(*count)++] = (struct choice){column, NULL};
    if (field == column) return LAM_OK;
    LAM_TRY(lam_arena_array(arena, (size_t)lam_project_leaf_count(column), sizeof(bool), &memory, error));
    choices[at].wanted = memory;
  }
  memset(choices[at].wanted + leaf, true, (size_t)lam_project_leaf_count(field));
  return LAM_OK;
}

/* ---- schemas of what was chosen ---- */

static bool any(const bool *wanted, const struct ArrowSchema *field) {
  return memchr(wanted, true, (size_t)lam_project_leaf_count(field)) != NULL;
}

static enum lam_status prune(const struct ArrowSchema *from, const bool *wanted, struct ArrowSchema *out,
                             struct lam_error *error);

/* The children of a field that have something wanted; of the entries of a map the key, and all of the value where
 * nothing of it is wanted. */
static enum lam_status prune_children(const struct ArrowSchema *from, const bool *wanted, bool entries,
                                      struct ArrowSchema *out, struct lam_error *error) {
  int64_t next = 0;
  for (int64_t i = 0; i < from->n_children; i++) {
    const struct ArrowSchema *child = from->children[i];
    bool whole = entries && (i == 0 || !any(wanted, child));
    if (whole)
      LAM_TRY(lam_schema_copy(child, out->children[next++], error));
    else if (any(wanted, child))
      LAM_TRY(prune(child, wanted, out->children[next++], error));
    wanted += lam_project_leaf_count(child);
  }
  return LAM_OK;
}

/* Room for the children that are kept, without them. */
static enum lam_status init_pruned(const struct ArrowSchema *from, int64_t children, struct ArrowSchema *out,
                                   struct lam_error *error) {
  struct lam_type type;
  LAM_TRY(lam_type_parse(from, &type, error));
  LAM_TRY(lam_schema_init_nested(&type, from->name, from->flags & ARROW_FLAG_NULLABLE, children, out, error));
  enum lam_status status = lam_schema_copy_metadata(from, out, error);
  if (status != LAM_OK) lam_schema_release(out);
  return status;
}

static enum lam_status prune(const struct ArrowSchema *from, const bool *wanted, struct ArrowSchema *out,
                             struct lam_error *error) {
  int64_t kept = 0;
  if (from->n_children == 0) return lam_schema_copy(from, out, error);
  const bool *of_child = wanted;
  for (int64_t i = 0; i < from->n_children; i++) {
    kept += any(of_child, from->children[i]);
    of_child += lam_project_leaf_count(from->children[i]);
  }
  LAM_TRY(init_pruned(from, kept, out, error));
  enum lam_status status = LAM_OK;
  if (is_map(from)) status = init_pruned(from->children[0], 2, out->children[0], error);
  if (status == LAM_OK && is_map(from))
    status = prune_children(from->children[0], wanted, true, out->children[0], error);
  else if (status == LAM_OK)
    status = prune_children(from, wanted, false, out, error);
  if (status != LAM_OK) lam_schema_release(out);
  return status;
}

static enum lam_status choose(const struct ArrowSchema *all, const char *name, struct lam_arena *arena,
                              struct choice *choices, int64_t *count, bool *found, struct lam_error *error) {
  int32_t leaf = 0;
  const struct ArrowSchema *column = member(all, lam_bytes_of_string(name), &leaf);
  *found = column != NULL;
  if (!column) return add_path(all, name, arena, choices, count, found, error);
  for (int64_t i = 0; i < *count; i++)
    if (choices[i].column == column && choices[i].wanted) { /* members of it were chosen before */
      choices[i].wanted = NULL;
      return LAM_OK;
    }
  choices[(*count)++] = (struct choice){column, NULL};
  return LAM_OK;
}

enum lam_status lam_project(const struct ArrowSchema *all, const char *table, const char *const *names, int32_t count,
                            struct lam_arena *arena, struct ArrowSchema *out, bool *partial, struct lam_error *error) {
  void *memory;
  int64_t made = 0;
  bool found;
  *partial = false;
  out->release = NULL;
  LAM_TRY(lam_arena_array(arena, (size_t)count, sizeof(struct choice), &memory, error));
  struct choice *choices = memory;
  for (int32_t i = 0; i < count; i++) {
    LAM_TRY(choose(all, names[i], arena, choices, &made, &found, error));
    if (!found) return lam_fail(error, LAM_NOT_FOUND, "%s has no column \"%s\"", table, names[i]);
  }
  LAM_TRY(lam_schema_init_struct("", made, out, error));
  enum lam_status status = LAM_OK;
  for (int64_t i = 0; status == LAM_OK && i < made; i++) {
    *partial |= choices[i].wanted != NULL;
    status = choices[i].wanted ? prune(choices[i].column, choices[i].wanted, out->children[i], error)
                               : lam_schema_copy(choices[i].column, out->children[i], error);
  }
  if (status != LAM_OK) lam_schema_release(out);
  return status;
}

/* ---- leaves of files ---- */

static void choose_leaves(const struct ArrowSchema *field, const struct ArrowSchema *file, bool members, bool *wanted) {
  int32_t leaf = 0, chosen = 0;
  if (file->n_children == 0) {
    *wanted = true;
    return;
  }
  for (int64_t i = 0; i < file->n_children; i++) {
    const struct ArrowSchema *child = file->children[i];
    int64_t at = members && is_struct(file) ? lam_merge_partner(field, child, i, file) : i;
    if (at >= 0 && at < field->n_children) {
      choose_leaves(field->children[at], child, !is_map(file), wanted + leaf);
      chosen++;
    }
    leaf += lam_project_leaf_count(child);
  }
  if (chosen == 0) *wanted = true;
}

void lam_project_leaves(const struct ArrowSchema *field, const struct ArrowSchema *file, bool *wanted) {
  choose_leaves(field, file, true, wanted);
}
