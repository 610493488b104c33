#include "ops/content_hash.h"

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

static uint64_t hash_value(const struct lam_view *view, int64_t row, size_t width) {
  const uint64_t null_hash = 0x9e3779b97f4a7c15u, true_hash = 0xc2b2ae3d27d4eb4fu, false_hash = 0x165667b19e3779f9u;
  if (view->type.id == LAM_TYPE_NULL || !lam_view_valid(view, row)) return null_hash;
  if (view->type.id == LAM_TYPE_BOOL) return lam_bit_get(view->data, view->offset + row) ? true_hash : false_hash;
  if (width) return lam_hash_fast((const uint8_t *)view->data + (size_t)(view->offset + row) * width, width, 0);
  struct lam_bytes bytes = lam_view_bytes(view, row);
  return lam_hash_fast(bytes.data, bytes.size, 0);
}

/* Mixes the hash of the next column into that of a row; not commutative. */
static uint64_t mix(uint64_t row, uint64_t column) {
  row = (row ^ column) * 0x9fb21c651e98df25u;
  return row ^ row >> 32;
}

enum lam_status lam_content_hash_add(struct lam_content_hash *hash, const struct ArrowSchema *schema,
                                     const struct ArrowArray *batch, struct lam_error *error) {
  size_t size = (size_t)batch->length * sizeof(uint64_t);
  LAM_TRY(lam_buf_reset(&hash->row_hashes, size, error));
  uint64_t *rows = (uint64_t *)(void *)hash->row_hashes.data;
  if (size) memset(rows, 0, size);
  for (int64_t c = 0; c < hash->columns; c++) {
    struct lam_view view;
    LAM_TRY(lam_view_init(schema->children[c], batch->children[c], &view, error));
    size_t width = (size_t)lam_type_bits(&view.type) / 8;
    uint64_t sum = 0;
    for (int64_t row = 0; row < batch->length; row++) {
      uint64_t value = hash_value(&view, row, width);
      sum += value;
      rows[row] = mix(rows[row], value);
    }
    hash->column_sums[c] += sum;
  }
  for (int64_t row = 0; row < batch->length; row++) hash->row_sum += mix(rows[row], 1);
  hash->rows += (uint64_t)batch->length;
  return LAM_OK;
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
