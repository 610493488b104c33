#include "table/merge.h"

#include <stdio.h>

#include "arrow/cast.h"

void lam_merge_init(struct lam_merge *merge, struct lam_mem *mem) {
  *merge = (struct lam_merge){.mem = mem};
  lam_arena_init(&merge->arena, mem);
}

void lam_merge_release(struct lam_merge *merge) {
  lam_schema_release(&merge->schema);
  lam_arena_release(&merge->arena);
  lam_merge_init(merge, merge->mem);
}

/* The column of `schema` that is `column` of another schema: the same field id where both have ids, else the
 * same name. -1: none. `hint` is where it probably is. */
static int64_t find_column(const struct ArrowSchema *schema, const struct ArrowSchema *column, int64_t hint) {
  int32_t id = lam_schema_field_id(column);
  for (int64_t i = 0; i < schema->n_children; i++) {
    int64_t at = (hint + i) % schema->n_children;
    int32_t other = lam_schema_field_id(schema->children[at]);
    bool same = id >= 0 && other >= 0 ? id == other : strcmp(schema->children[at]->name, column->name) == 0;
    if (same) return at;
  }
  return -1;
}

/* True where a column of `schema` has that id, and so is the one that a column with it belongs to. */
static bool id_is_taken(const struct ArrowSchema *schema, int32_t id, int64_t hint) {
  for (int64_t i = 0; id >= 0 && i < schema->n_children; i++)
    if (lam_schema_field_id(schema->children[(hint + i) % schema->n_children]) == id) return true;
  return false;
}

/* As find_column, where the match is mutual: a column that `found` by name may belong to another one by its id. */
int64_t lam_merge_partner(const struct ArrowSchema *schema, const struct ArrowSchema *column, int64_t hint,
                          const struct ArrowSchema *columns) {
  if (schema->n_children == 0) return -1;
  int64_t at = find_column(schema, column, hint);
  if (at < 0 || lam_schema_field_id(column) >= 0) return at;
  return id_is_taken(columns, lam_schema_field_id(schema->children[at]), hint) ? -1 : at;
}

/* A new column whose name another field has: readers that go by names could not tell them apart. */
static enum lam_status check_name(const struct lam_merge *merge, int64_t count, const struct ArrowSchema *column,
                                  const char *file, struct lam_error *error) {
  for (int64_t c = 0; c < count; c++)
    if (strcmp(merge->schema.children[c]->name, column->name) == 0)
      return lam_fail(error, LAM_INVALID,
                      "column \"%s\" has field id %d in %s and %d in %s: two columns of one name do not merge",
                      column->name, lam_schema_field_id(merge->schema.children[c]), merge->first_file[c],
                      lam_schema_field_id(column), file);
  return LAM_OK;
}

static enum lam_status keep_file(struct lam_merge *merge, const char *file, const char **out, struct lam_error *error) {
  char *copy;
  LAM_TRY(lam_arena_string(&merge->arena, lam_bytes_of_string(file), &copy, error));
  *out = copy;
  return LAM_OK;
}

/* A fresh schema with room for `columns` children, those of the present one moved into it. */
static enum lam_status grow(struct lam_merge *merge, int64_t columns, struct lam_error *error) {
  struct ArrowSchema wider;
  void *files;
  LAM_TRY(lam_arena_array(&merge->arena, (size_t)columns, sizeof *merge->first_file, &files, error));
  LAM_TRY(lam_schema_init_struct("", columns, &wider, error));
  for (int64_t i = 0; merge->schema.release && i < merge->schema.n_children; i++) {
    *wider.children[i] = *merge->schema.children[i];
    merge->schema.children[i]->release = NULL;
    ((const char **)files)[i] = merge->first_file[i];
  }
  lam_schema_release(&merge->schema);
  merge->schema = wider;
  merge->first_file = files;
  return LAM_OK;
}

/* Widens merged column `c` so that it holds `column` too. */
static enum lam_status widen(struct lam_merge *merge, int64_t c, const struct ArrowSchema *column, const char *file,
                             struct lam_error *error) {
  struct ArrowSchema *present = merge->schema.children[c];
  const struct ArrowSchema *a, *b;
  bool merged, same = lam_merge_same_shape(present, column);
  LAM_TRY(lam_merge_field(present, column, &merged, &a, &b, error));
  if (merged) return same ? LAM_OK : keep_file(merge, file, &merge->first_file[c], error);
  char name_a[96], name_b[96], within[160] = "";
  struct lam_type type_a, type_b;
  LAM_TRY(lam_type_parse(a, &type_a, error));
  LAM_TRY(lam_type_parse(b, &type_b, error));
  if (a != present) snprintf(within, sizeof within, " (within it, \"%s\")", a->name);
  return lam_fail(error, LAM_INVALID, "column \"%s\"%s is %s in %s and %s in %s; these do not merge", column->name,
                  within, lam_type_name(&type_a, name_a, sizeof name_a), merge->first_file[c],
                  lam_type_name(&type_b, name_b, sizeof name_b), file);
}

enum lam_status lam_merge_add(struct lam_merge *merge, const struct ArrowSchema *schema, const char *file,
                              struct lam_error *error) {
  bool first = !merge->schema.release;
  int64_t before = first ? 0 : merge->schema.n_children, fresh = 0;
  if (!first && lam_merge_same(&merge->schema, schema)) return LAM_OK; /* the usual case */
  for (int64_t i = 0; i < schema->n_children; i++)
    if (first || find_column(&merge->schema, schema->children[i], i) < 0) fresh++;
  if (first || fresh) LAM_TRY(grow(merge, before + fresh, error));
  int64_t next = before;
  for (int64_t i = 0; i < schema->n_children; i++) {
    merge->schema.n_children = before; /* new columns are no candidates for a match */
    int64_t at = before ? find_column(&merge->schema, schema->children[i], i) : -1;
    merge->schema.n_children = before + fresh;
    if (at >= 0) {
      LAM_TRY(widen(merge, at, schema->children[i], file, error));
      continue;
    }
    LAM_TRY(check_name(merge, before, schema->children[i], file, error));
    LAM_TRY(lam_schema_copy(schema->children[i], merge->schema.children[next], error));
    if (!first) merge->schema.children[next]->flags |= ARROW_FLAG_NULLABLE;
    LAM_TRY(keep_file(merge, file, &merge->first_file[next], error));
    next++;
  }
  /* What this file lacks is NULL in it. */
  for (int64_t c = 0; c < before; c++)
    if (lam_merge_partner(schema, merge->schema.children[c], c, &merge->schema) < 0)
      merge->schema.children[c]->flags |= ARROW_FLAG_NULLABLE;
  return LAM_OK;
}

void lam_merge_map(const struct ArrowSchema *merged, const struct ArrowSchema *file, struct lam_merge_source *sources) {
  for (int64_t c = 0; c < merged->n_children; c++) {
    int64_t at = lam_merge_partner(file, merged->children[c], c, merged);
    sources[c].column = (int32_t)at;
    sources[c].cast = at >= 0 && !lam_merge_same_shape(merged->children[c], file->children[at]);
  }
}

bool lam_merge_same(const struct ArrowSchema *merged, const struct ArrowSchema *file) {
  if (merged->n_children != file->n_children) return false;
  for (int64_t c = 0; c < merged->n_children; c++) {
    const struct ArrowSchema *a = merged->children[c], *b = file->children[c];
    if (strcmp(a->name, b->name) != 0 || !lam_merge_same_shape(a, b)) return false;
    if ((a->flags ^ b->flags) & ARROW_FLAG_NULLABLE || lam_schema_field_id(a) != lam_schema_field_id(b)) return false;
  }
  return true;
}

enum lam_status lam_merge_columns(struct lam_mem *mem, const struct ArrowSchema *merged, const struct ArrowSchema *file,
                                  const struct lam_merge_source *sources, const bool *wanted, struct ArrowArray *batch,
                                  struct ArrowArray *out, struct lam_error *error) {
  enum lam_status status = lam_array_init_struct(batch->length, merged->n_children, out, error);
  int64_t from = 0;
  for (int64_t c = 0; status == LAM_OK && c < merged->n_children; c++) {
    if (wanted && !wanted[c]) continue;
    if (sources[c].column < 0)
      status = lam_array_nulls(mem, merged->children[c], batch->length, out->children[c], error);
    else
      status = lam_merge_array(mem, merged->children[c], file->children[sources[c].column], batch->children[from++],
                               out->children[c], error);
  }
  lam_array_release(batch);
  if (status != LAM_OK) lam_array_release(out);
  return status;
}

enum lam_status lam_merge_batch(struct lam_mem *mem, const struct ArrowSchema *merged, const struct ArrowSchema *file,
                                const struct lam_merge_source *sources, struct ArrowArray *batch,
                                struct ArrowArray *out, struct lam_error *error) {
  return lam_merge_columns(mem, merged, file, sources, NULL, batch, out, error);
}
