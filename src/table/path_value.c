#include "table/path_value.h"

enum lam_status lam_path_value(const struct lam_partition *partition, const struct ArrowSchema *column,
                               struct lam_scalar *out, struct lam_error *error) {
  const char *value;
  struct lam_type type;
  LAM_TRY(lam_type_parse(column, &type, error));
  *out = (struct lam_scalar){.type = type, .is_null = true};
  if (!lam_partition_find(partition, column->name, &value) || !value) return LAM_OK;
  enum lam_partition_type kind = lam_partition_type_of(value);
  bool integer = type.id >= LAM_TYPE_INT8 && type.id <= LAM_TYPE_UINT64 && kind == LAM_PARTITION_INT64;
  if (integer || (type.id == LAM_TYPE_DATE32 && kind == LAM_PARTITION_DATE)) {
    int64_t number = lam_partition_number(value, kind);
    lam_scalar_load(&type, &number, out);
  } else if (type.id == LAM_TYPE_STRING || type.id == LAM_TYPE_BINARY) {
    out->bytes = lam_bytes_of_string(value);
    out->is_null = false;
  }
  return LAM_OK;
}

static enum lam_status one_value(struct lam_mem *mem, const struct lam_scalar *value, struct ArrowArray *out,
                                 struct lam_error *error) {
  struct lam_builder builder;
  LAM_TRY(lam_builder_init(&builder, mem, &value->type, error));
  enum lam_status status = lam_type_is_binary(value->type.id)
                               ? lam_builder_bytes(&builder, value->bytes, error)
                               : lam_builder_fixed(&builder, &value->value, error); /* the low bytes come first */
  if (status == LAM_OK) status = lam_builder_finish(&builder, out, error);
  lam_builder_release(&builder);
  return status;
}

enum lam_status lam_path_array(struct lam_mem *mem, const struct lam_scalar *value, int64_t rows,
                               struct ArrowArray *out, struct lam_error *error) {
  struct ArrowArray dictionary;
  struct lam_shared *indices;
  out->release = NULL;
  LAM_TRY(one_value(mem, value, &dictionary, error));
  enum lam_status status = lam_shared_create(mem, (size_t)rows * sizeof(int32_t), &indices, error);
  if (status == LAM_OK) {
    memset(indices->data, 0, (size_t)rows * sizeof(int32_t));
    status = lam_array_init(rows, 0, 2, (struct lam_shared *const[]){NULL, indices}, &dictionary, out, error);
    lam_shared_release(indices);
  }
  lam_array_release(&dictionary);
  return status;
}
