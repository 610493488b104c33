#include "table/path_value.h"

#include "arrow/value_text.h"

enum lam_status lam_path_value(const struct lam_partition *partition, const struct ArrowSchema *column,
                               struct lam_scalar *out, struct lam_error *error) {
  const char *value;
  struct lam_type type;
  LAM_TRY(lam_type_parse(column, &type, error));
  *out = (struct lam_scalar){.type = type, .is_null = true};
  if (!lam_partition_find(partition, column->name, &value) || !value) return LAM_OK;
  enum lam_partition_type kind = lam_partition_type_of(value);
  uint64_t fits;
  bool integer = type.id >= LAM_TYPE_INT8 && type.id <= LAM_TYPE_UINT64 && kind == LAM_PARTITION_INT64 &&
                 !lam_value_scan(&type, lam_bytes_of_string(value), &fits);
  if (integer || (type.id == LAM_TYPE_DATE32 && kind == LAM_PARTITION_DATE)) {
    int64_t number = lam_partition_number(value, kind);
    lam_scalar_load(&type, &number, out);
  } else if (type.id == LAM_TYPE_STRING || type.id == LAM_TYPE_BINARY) {
    out->bytes = lam_bytes_of_string(value);
    out->is_null = false;
  }
  return LAM_OK;
}

static enum lam_status constant_number(struct lam_mem *mem, int64_t value, size_t width, int64_t rows,
                                       struct ArrowArray *out, struct lam_error *error) {
  void *values;
  LAM_TRY(lam_array_init_fixed(mem, width, rows, &values, out, error));
  for (size_t i = 0; i < (size_t)rows; i++) memcpy((uint8_t *)values + i * width, &value, width);
  return LAM_OK;
}

static enum lam_status constant_string(struct lam_mem *mem, struct lam_bytes value, int64_t rows,
                                       struct ArrowArray *out, struct lam_error *error) {
  struct lam_shared *buffers[3] = {NULL, NULL, NULL};
  size_t size = value.size, total;
  if (lam_mul_overflow(size, (size_t)rows, &total) || total > INT32_MAX)
    return lam_fail(error, LAM_LIMIT, "a batch of %lld rows with a partition value of %zu bytes", (long long)rows,
                    size);
  LAM_TRY(lam_shared_create(mem, ((size_t)rows + 1) * 4, &buffers[1], error));
  enum lam_status status = lam_shared_create(mem, total, &buffers[2], error);
  if (status == LAM_OK) {
    for (int64_t i = 0; i <= rows; i++) lam_store32(buffers[1]->data + 4 * i, (uint32_t)((size_t)i * size));
    for (int64_t i = 0; i < rows; i++) lam_copy(buffers[2]->data + (size_t)i * size, value.data, size);
    status = lam_array_init(rows, 0, 3, buffers, NULL, out, error);
  }
  lam_shared_release(buffers[1]);
  lam_shared_release(buffers[2]);
  return status;
}

enum lam_status lam_path_array(struct lam_mem *mem, const struct lam_partition *partition,
                               const struct ArrowSchema *column, int64_t rows, struct ArrowArray *out,
                               struct lam_error *error) {
  struct lam_scalar value;
  out->release = NULL;
  LAM_TRY(lam_path_value(partition, column, &value, error));
  if (value.is_null) return LAM_OK;
  if (lam_type_is_binary(value.type.id)) return constant_string(mem, value.bytes, rows, out, error);
  return constant_number(mem, value.value.i, (size_t)lam_type_bits(&value.type) / 8, rows, out, error);
}

enum lam_status lam_path_fill(struct lam_mem *mem, const struct lam_partition *partition,
                              const struct ArrowSchema *schema, const struct lam_merge_source *sources,
                              const bool *wanted, struct ArrowArray *batch, struct lam_error *error) {
  for (int64_t c = 0; c < schema->n_children; c++) {
    struct ArrowArray filled;
    if (sources[c].column >= 0 || (wanted && !wanted[c])) continue;
    enum lam_status status = lam_path_array(mem, partition, schema->children[c], batch->length, &filled, error);
    if (status != LAM_OK) {
      lam_array_release(batch);
      return status;
    }
    if (!filled.release) continue;
    lam_array_release(batch->children[c]);
    *batch->children[c] = filled;
  }
  return LAM_OK;
}
