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
