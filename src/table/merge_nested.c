/* One field of two schemas, at any depth, and the arrays of it. */
#include "arrow/cast.h"
#include "table/merge.h"

static bool same_extension(const struct ArrowSchema *a, const struct ArrowSchema *b) {
  return lam_bytes_equal(lam_schema_metadata(a, "ARROW:extension:name"),
                         lam_schema_metadata(b, "ARROW:extension:name"));
}

/* Members of a struct meet by id or name; the entries of lists and maps by their place, whatever they are called. */
static bool has_members(const struct ArrowSchema *schema, const struct ArrowSchema *parent) {
  bool of_map = parent && parent->format[0] == '+' && parent->format[1] == 'm';
  return strcmp(schema->format, "+s") == 0 && !of_map;
}

static bool same_shape(const struct ArrowSchema *a, const struct ArrowSchema *b, const struct ArrowSchema *parent) {
  if (strcmp(a->format, b->format) != 0 || a->n_children != b->n_children || !same_extension(a, b)) return false;
  bool members = has_members(a, parent);
  for (int64_t c = 0; c < a->n_children; c++) {
    const struct ArrowSchema *x = a->children[c], *y = b->children[c];
    if (members && (strcmp(x->name, y->name) != 0 || lam_schema_field_id(x) != lam_schema_field_id(y))) return false;
    if ((x->flags ^ y->flags) & ARROW_FLAG_NULLABLE || !same_shape(x, y, a)) return false;
  }
  return true;
}

bool lam_merge_same_shape(const struct ArrowSchema *a, const struct ArrowSchema *b) {
  return same_shape(a, b, NULL);
}

/* ---- schemas ---- */

struct conflict {
  const struct ArrowSchema *place, *with;
};

static enum lam_status retype(struct ArrowSchema *present, const struct lam_type *type, struct lam_error *error) {
  struct ArrowSchema typed;
  struct lam_bytes id = lam_schema_metadata(present, "PARQUET:field_id");
  LAM_TRY(lam_schema_init(type, present->name, present->flags & ARROW_FLAG_NULLABLE, &typed, error));
  enum lam_status status = id.data ? lam_schema_set_metadata(&typed, "PARQUET:field_id", id, error) : LAM_OK;
  lam_schema_release(status == LAM_OK ? present : &typed);
  if (status == LAM_OK) *present = typed;
  return status;
}

/* `present` had nothing but NULLs: it becomes the other, under its name and id. */
static enum lam_status adopt(struct ArrowSchema *present, const struct ArrowSchema *other, struct lam_error *error) {
  struct ArrowSchema copy;
  struct lam_bytes id = lam_schema_metadata(present, "PARQUET:field_id");
  LAM_TRY(lam_schema_copy(other, &copy, error));
  copy.flags |= ARROW_FLAG_NULLABLE;
  enum lam_status status = id.data ? lam_schema_set_metadata(&copy, "PARQUET:field_id", id, error) : LAM_OK;
  lam_schema_release(status == LAM_OK ? present : &copy);
  if (status == LAM_OK) *present = copy;
  return status;
}

/* Room for `fresh` more children behind those of a struct. */
static enum lam_status widen_struct(struct ArrowSchema *present, int64_t fresh, struct lam_error *error) {
  struct ArrowSchema wider;
  LAM_TRY(lam_schema_init_struct(present->name, present->n_children + fresh, &wider, error));
  enum lam_status status = lam_schema_copy_metadata(present, &wider, error);
  if (status != LAM_OK) {
    lam_schema_release(&wider);
    return status;
  }
  wider.flags = present->flags;
  for (int64_t c = 0; c < present->n_children; c++) {
    *wider.children[c] = *present->children[c];
    present->children[c]->release = NULL;
  }
  lam_schema_release(present);
  *present = wider;
  return LAM_OK;
}

static enum lam_status merge_field(struct ArrowSchema *present, const struct ArrowSchema *other, bool members,
                                   bool *merged, struct conflict *conflict, struct lam_error *error);

static enum lam_status merge_members(struct ArrowSchema *present, const struct ArrowSchema *other, bool *merged,
                                     struct conflict *conflict, struct lam_error *error) {
  const int64_t before = present->n_children;
  int64_t fresh = 0;
  for (int64_t i = 0; i < other->n_children; i++) fresh += lam_merge_partner(present, other->children[i], i, other) < 0;
  for (int64_t c = 0; c < before; c++)
    if (lam_merge_partner(other, present->children[c], c, present) < 0)
      present->children[c]->flags |= ARROW_FLAG_NULLABLE;
  for (int64_t i = 0; *merged && i < other->n_children; i++) {
    int64_t at = lam_merge_partner(present, other->children[i], i, other);
    if (at >= 0) LAM_TRY(merge_field(present->children[at], other->children[i], true, merged, conflict, error));
  }
  if (!*merged || fresh == 0) return LAM_OK;
  struct ArrowSchema added;
  int64_t next = 0;
  LAM_TRY(lam_schema_init_struct("", fresh, &added, error));
  enum lam_status status = LAM_OK;
  for (int64_t i = 0; status == LAM_OK && i < other->n_children; i++) {
    if (lam_merge_partner(present, other->children[i], i, other) >= 0) continue;
    status = lam_schema_copy(other->children[i], added.children[next], error);
    if (status == LAM_OK) added.children[next++]->flags |= ARROW_FLAG_NULLABLE;
  }
  if (status == LAM_OK) status = widen_struct(present, fresh, error);
  for (int64_t i = 0; status == LAM_OK && i < fresh; i++) {
    *present->children[before + i] = *added.children[i];
    added.children[i]->release = NULL;
  }
  lam_schema_release(&added);
  return status;
}

static enum lam_status merge_field(struct ArrowSchema *present, const struct ArrowSchema *other, bool members,
                                   bool *merged, struct conflict *conflict, struct lam_error *error) {
  struct lam_type a, b, wide;
  LAM_TRY(lam_type_parse(present, &a, error));
  LAM_TRY(lam_type_parse(other, &b, error));
  present->flags |= other->flags & ARROW_FLAG_NULLABLE;
  if (a.id == LAM_TYPE_NULL && b.id != LAM_TYPE_NULL) return adopt(present, other, error);
  if (b.id == LAM_TYPE_NULL) return LAM_OK;
  bool nested = lam_type_is_nested(a.id);
  *merged = nested ? strcmp(present->format, other->format) == 0 : lam_type_widen(&a, &b, &wide);
  if (a.id == b.id && !same_extension(present, other)) *merged = false;
  if (!*merged) *conflict = (struct conflict){present, other};
  if (!*merged || (!nested && lam_type_equal(&wide, &a))) return LAM_OK;
  if (!nested) return retype(present, &wide, error);
  if (a.id == LAM_TYPE_STRUCT && members) return merge_members(present, other, merged, conflict, error);
  *merged = present->n_children == other->n_children;
  if (!*merged) *conflict = (struct conflict){present, other};
  for (int64_t c = 0; *merged && c < present->n_children; c++)
    LAM_TRY(merge_field(present->children[c], other->children[c], a.id != LAM_TYPE_MAP, merged, conflict, error));
  return LAM_OK;
}

enum lam_status lam_merge_field(struct ArrowSchema *present, const struct ArrowSchema *other, bool *merged,
                                const struct ArrowSchema **place, const struct ArrowSchema **with,
                                struct lam_error *error) {
  struct conflict conflict = {NULL, NULL};
  *merged = true;
  LAM_TRY(merge_field(present, other, true, merged, &conflict, error));
  *place = conflict.place;
  *with = conflict.with;
  return LAM_OK;
}

/* ---- arrays ---- */

static enum lam_status conform(struct lam_mem *mem, const struct ArrowSchema *to, const struct ArrowSchema *from,
                               bool members, struct ArrowArray *array, struct ArrowArray *out, struct lam_error *error);

static enum lam_status conform_children(struct lam_mem *mem, const struct ArrowSchema *to,
                                        const struct ArrowSchema *from, bool members, struct ArrowArray *array,
                                        struct ArrowArray *out, struct lam_error *error) {
  bool is_map = strcmp(to->format, "+m") == 0;
  for (int64_t c = 0; c < to->n_children; c++) {
    int64_t at = members ? lam_merge_partner(from, to->children[c], c, to) : c;
    if (at >= 0)
      LAM_TRY(conform(mem, to->children[c], from->children[at], !is_map, array->children[at], out->children[c], error));
    else
      LAM_TRY(lam_array_nulls(mem, to->children[c], array->offset + array->length, out->children[c], error));
  }
  return LAM_OK;
}

/* Buffers of the list or struct itself are shared with the array. */
static enum lam_status conform_nested(struct lam_mem *mem, const struct ArrowSchema *to, const struct ArrowSchema *from,
                                      bool members, struct ArrowArray *array, struct ArrowArray *out,
                                      struct lam_error *error) {
  if (strcmp(to->format, from->format) != 0 || (!members && to->n_children != from->n_children))
    return lam_fail(error, LAM_CONFLICT, "column \"%s\" has another type now than when its schema was merged",
                    to->name);
  struct lam_shared *buffers[2] = {NULL, NULL};
  for (int i = 0; i < 2 && i < array->n_buffers; i++) {
    buffers[i] = lam_array_shared(array, i);
    if (array->buffers[i] && !buffers[i])
      return lam_fail(error, LAM_INVALID, "the array \"%s\" was not made by this library", to->name);
  }
  LAM_TRY(lam_array_init_nested(array->length, array->null_count, (int)array->n_buffers, buffers, to->n_children, out,
                                error));
  out->offset = array->offset;
  enum lam_status status = conform_children(mem, to, from, members && strcmp(to->format, "+s") == 0, array, out, error);
  if (status != LAM_OK) lam_array_release(out);
  return status;
}

static enum lam_status conform(struct lam_mem *mem, const struct ArrowSchema *to, const struct ArrowSchema *from,
                               bool members, struct ArrowArray *array, struct ArrowArray *out,
                               struct lam_error *error) {
  struct lam_type type, given;
  out->release = NULL;
  if (same_shape(to, from, NULL)) {
    *out = *array;
    array->release = NULL;
    return LAM_OK;
  }
  LAM_TRY(lam_type_parse(to, &type, error));
  LAM_TRY(lam_type_parse(from, &given, error));
  if (given.id == LAM_TYPE_NULL) return lam_array_nulls(mem, to, array->length, out, error);
  if (lam_type_is_nested(type.id)) return conform_nested(mem, to, from, members, array, out, error);
  return lam_cast(mem, from, array, &type, out, error);
}

enum lam_status lam_merge_array(struct lam_mem *mem, const struct ArrowSchema *to, const struct ArrowSchema *from,
                                struct ArrowArray *array, struct ArrowArray *out, struct lam_error *error) {
  return conform(mem, to, from, true, array, out, error);
}
