#include "arrow/tree_builder.h"

#include <assert.h>

#include "base/error.h"

static bool is_list(const struct lam_tree_builder *builder) {
  return builder->type.id == LAM_TYPE_LIST || builder->type.id == LAM_TYPE_MAP;
}

static enum lam_status init(struct lam_tree_builder *builder, struct lam_mem *mem, const struct ArrowSchema *schema,
                            int depth, struct lam_error *error) {
  static const struct lam_type boolean = {.id = LAM_TYPE_BOOL, .timezone = ""};
  static const struct lam_type offset = {.id = LAM_TYPE_INT32, .timezone = ""};
  void *memory;
  *builder = (struct lam_tree_builder){.mem = mem};
  LAM_TRY(lam_type_parse(schema, &builder->type, error));
  if (!lam_type_is_nested(builder->type.id)) return lam_builder_init(&builder->leaf, mem, &builder->type, error);
  if ((builder->type.id != LAM_TYPE_STRUCT && !is_list(builder)) || depth > LAM_TYPE_DEEPEST) {
    char name[96];
    return lam_fail(error, LAM_UNSUPPORTED, "column \"%s\" of type %s at depth %d cannot be built", schema->name,
                    lam_type_name(&builder->type, name, sizeof name), depth);
  }
  LAM_TRY(lam_builder_init(&builder->valid, mem, &boolean, error));
  LAM_TRY(lam_builder_init(&builder->ends, mem, &offset, error));
  LAM_TRY(lam_alloc_zero(mem, (size_t)schema->n_children * sizeof *builder->children, &memory, error));
  builder->children = memory;
  builder->child_count = schema->n_children;
  for (int64_t c = 0; c < schema->n_children; c++)
    LAM_TRY(init(&builder->children[c], mem, schema->children[c], depth + 1, error));
  return LAM_OK;
}

enum lam_status lam_tree_builder_init(struct lam_tree_builder *builder, struct lam_mem *mem,
                                      const struct ArrowSchema *schema, struct lam_error *error) {
  enum lam_status status = init(builder, mem, schema, 0, error);
  if (status != LAM_OK) lam_tree_builder_release(builder);
  return status;
}

void lam_tree_builder_release(struct lam_tree_builder *builder) {
  for (int64_t c = 0; c < builder->child_count; c++) lam_tree_builder_release(&builder->children[c]);
  if (builder->children)
    lam_free(builder->mem, builder->children, (size_t)builder->child_count * sizeof *builder->children);
  lam_builder_release(&builder->leaf);
  lam_builder_release(&builder->valid);
  lam_builder_release(&builder->ends);
  *builder = (struct lam_tree_builder){.mem = NULL};
}

/* ---- rows ---- */

static enum lam_status end_row(struct lam_tree_builder *builder, bool valid, struct lam_error *error) {
  builder->length++;
  builder->null_count += !valid;
  if (!lam_type_is_nested(builder->type.id)) return LAM_OK;
  LAM_TRY(lam_builder_bool(&builder->valid, valid, error));
  if (!is_list(builder)) return LAM_OK;
  int64_t entries = builder->children[0].length;
  if (entries > INT32_MAX)
    return lam_fail(error, LAM_LIMIT, "%lld entries of lists in one batch; its offsets hold 2^31 - 1",
                    (long long)entries);
  int32_t end = (int32_t)entries;
  return lam_builder_fixed(&builder->ends, &end, error);
}

enum lam_status lam_tree_builder_null(struct lam_tree_builder *builder, struct lam_error *error) {
  if (!lam_type_is_nested(builder->type.id)) LAM_TRY(lam_builder_null(&builder->leaf, error));
  for (int64_t c = 0; builder->type.id == LAM_TYPE_STRUCT && c < builder->child_count; c++)
    LAM_TRY(lam_tree_builder_null(&builder->children[c], error));
  return end_row(builder, false, error);
}

enum lam_status lam_tree_builder_row(struct lam_tree_builder *builder, struct lam_error *error) {
  return end_row(builder, true, error);
}

/* ---- arrays ---- */

/* Arrow's offsets begin with a 0, which the ends do not have. */
static enum lam_status offsets_of(struct lam_tree_builder *builder, struct lam_shared **out, struct lam_error *error) {
  struct ArrowArray ends;
  size_t size = (size_t)builder->length * sizeof(int32_t);
  LAM_TRY(lam_builder_finish(&builder->ends, &ends, error));
  enum lam_status status = lam_shared_create(builder->mem, size + sizeof(int32_t), out, error);
  if (status == LAM_OK) {
    lam_store32((*out)->data, 0);
    lam_copy((*out)->data + sizeof(int32_t), ends.buffers[1], size);
  }
  lam_array_release(&ends);
  return status;
}

static enum lam_status finish_nested(struct lam_tree_builder *builder, struct ArrowArray *out,
                                     struct lam_error *error) {
  struct ArrowArray valid;
  struct lam_shared *buffers[2] = {NULL, NULL};
  LAM_TRY(lam_builder_finish(&builder->valid, &valid, error));
  enum lam_status status = is_list(builder) ? offsets_of(builder, &buffers[1], error) : LAM_OK;
  if (builder->null_count > 0) buffers[0] = lam_array_shared(&valid, 1);
  if (status == LAM_OK)
    status = lam_array_init_nested(builder->length, builder->null_count, is_list(builder) ? 2 : 1, buffers,
                                   builder->child_count, out, error);
  lam_array_release(&valid);
  lam_shared_release(buffers[1]);
  for (int64_t c = 0; status == LAM_OK && c < builder->child_count; c++) {
    status = lam_tree_builder_finish(&builder->children[c], out->children[c], error);
    if (status != LAM_OK) lam_array_release(out);
  }
  return status;
}

enum lam_status lam_tree_builder_finish(struct lam_tree_builder *builder, struct ArrowArray *out,
                                        struct lam_error *error) {
  out->release = NULL;
  enum lam_status status = lam_type_is_nested(builder->type.id) ? finish_nested(builder, out, error)
                                                                : lam_builder_finish(&builder->leaf, out, error);
  builder->length = builder->null_count = 0;
  return status;
}
