#include "ops/content_hash.h"

#include "base/arena.h"
#include "base/checksum.h"

enum lam_status lam_content_hash_init(struct lam_content_hash *hash, struct lam_mem *mem, int64_t columns,
                                      struct lam_error *error) {
  *hash = (struct lam_content_hash){.mem = mem, .columns = columns};
  lam_buf_init(&hash->row_hashes, mem);
  return lam_alloc_zero(mem, (size_t)columns * sizeof *hash->column_sums, (void **)&hash->column_sums, error);
}

void lam_content_hash_release(struct lam_content_hash *hash) {
  if (!hash->mem) return;
  lam_free(hash->mem, hash->column_sums, (size_t)hash->columns * sizeof *hash->column_sums);
  lam_buf_release(&hash->row_hashes);
  *hash = (struct lam_content_hash){.mem = NULL};
}

/* Mixes the next hash into those before; not commutative. */
static uint64_t mix(uint64_t sum, uint64_t next) {
  sum = (sum ^ next) * 0x9fb21c651e98df25u;
  return sum ^ sum >> 32;
}

/* A column, or a node within one, of a batch. */
struct node {
  struct lam_view view;
  size_t width;         /* of a fixed-width value; 0: none */
  struct node *members; /* as many as the schema has children */
};

static enum lam_status init_node(const struct ArrowSchema *schema, const struct ArrowArray *array, int depth,
                                 struct lam_arena *arena, struct node *out, struct lam_error *error) {
  void *memory;
  if (depth > LAM_TYPE_DEEPEST)
    return lam_fail(error, LAM_UNSUPPORTED, "a column is nested deeper than %d levels", LAM_TYPE_DEEPEST);
  LAM_TRY(lam_view_init(schema, array, &out->view, error));
  out->width = (size_t)lam_type_bits(&out->view.type) / 8;
  if (schema->n_children == 0) return LAM_OK;
  LAM_TRY(lam_arena_array(arena, (size_t)schema->n_children, sizeof *out->members, &memory, error));
  out->members = memory;
  for (int64_t c = 0; c < schema->n_children; c++)
    LAM_TRY(init_node(schema->children[c], array->children[c], depth + 1, arena, &out->members[c], error));
  return LAM_OK;
}

static uint64_t hash_value(const struct node *node, int64_t row);

/* Of a list: its length and entries; of a struct: its members. What lies below a NULL does not count. */
static uint64_t hash_nested(const struct node *node, int64_t row) {
  const struct lam_view *view = &node->view;
  bool is_struct = view->type.id == LAM_TYPE_STRUCT;
  int64_t at = view->offset + row;
  struct lam_range entries = is_struct ? (struct lam_range){at, at + 1} : lam_view_entries(view, row);
  uint64_t sum = (uint64_t)(entries.end - entries.first);
  for (int64_t i = entries.first; i < entries.end; i++)
    for (int64_t c = 0; c < view->schema->n_children; c++) sum = mix(sum, hash_value(&node->members[c], i));
  return sum;
}

static uint64_t hash_value(const struct node *node, int64_t row) {
  const uint64_t null_hash = 0x9e3779b97f4a7c15u, true_hash = 0xc2b2ae3d27d4eb4fu, false_hash = 0x165667b19e3779f9u;
  const struct lam_view *view = &node->view;
  if (view->type.id == LAM_TYPE_NULL || !lam_view_valid(view, row)) return null_hash;
  if (view->type.id == LAM_TYPE_BOOL) return lam_bit_get(view->data, view->offset + row) ? true_hash : false_hash;
  if (node->width)
    return lam_hash_fast((const uint8_t *)view->data + (size_t)(view->offset + row) * node->width, node->width, 0);
  if (lam_type_is_nested(view->type.id)) return hash_nested(node, row);
  struct lam_bytes bytes = lam_view_bytes(view, row);
  return lam_hash_fast(bytes.data, bytes.size, 0);
}

enum lam_status lam_content_hash_add(struct lam_content_hash *hash, const struct ArrowSchema *schema,
                                     const struct ArrowArray *batch, struct lam_error *error) {
  size_t size = (size_t)batch->length * sizeof(uint64_t);
  LAM_TRY(lam_buf_reset(&hash->row_hashes, size, error));
  uint64_t *rows = (uint64_t *)(void *)hash->row_hashes.data;
  if (size) memset(rows, 0, size);
  struct lam_arena arena;
  enum lam_status status = LAM_OK;
  lam_arena_init(&arena, hash->mem);
  for (int64_t c = 0; status == LAM_OK && c < hash->columns; c++) {
    struct node node = {.members = NULL};
    uint64_t sum = 0;
    status = init_node(schema->children[c], batch->children[c], 0, &arena, &node, error);
    for (int64_t row = 0; status == LAM_OK && row < batch->length; row++) {
      uint64_t value = hash_value(&node, row);
      sum += value;
      rows[row] = mix(rows[row], value);
    }
    hash->column_sums[c] += sum;
  }
  lam_arena_release(&arena);
  LAM_TRY(status);
  for (int64_t row = 0; row < batch->length; row++) hash->row_sum += mix(rows[row], 1);
  hash->rows += (uint64_t)batch->length;
  return LAM_OK;
}

void lam_content_hash_join(struct lam_content_hash *hash, const struct lam_content_hash *other) {
  for (int64_t c = 0; c < hash->columns; c++) hash->column_sums[c] += other->column_sums[c];
  hash->row_sum += other->row_sum;
  hash->rows += other->rows;
}

enum lam_status lam_content_hash_compare(const struct lam_content_hash *before, const struct lam_content_hash *after,
                                         const struct ArrowSchema *schema, const char *what, struct lam_error *error) {
  if (before->rows != after->rows)
    return lam_fail(error, LAM_CORRUPT, "%s: %llu rows were read and %llu written; nothing was changed", what,
                    (unsigned long long)before->rows, (unsigned long long)after->rows);
  for (int64_t c = 0; c < before->columns; c++)
    if (before->column_sums[c] != after->column_sums[c])
      return lam_fail(error, LAM_CORRUPT,
                      "%s: the values of column \"%s\" written are not those read; nothing was changed", what,
                      schema->children[c]->name);
  if (before->row_sum != after->row_sum)
    return lam_fail(error, LAM_CORRUPT,
                    "%s: values were written to other rows than they were read from; nothing was changed", what);
  return LAM_OK;
}
