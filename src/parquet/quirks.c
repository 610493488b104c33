/* What is known to be wrong in files of certain writers. Sources: parquet-java's CorruptStatistics and
 * CorruptDeltaByteArrays, Arrow C++'s ApplicationVersion, Spark's DataSourceUtils. */
#include <strings.h>

#include "parquet/schema.h"

const char *const lam_legacy_keys[] = {"org.apache.spark.legacyDateTime", "org.apache.spark.legacyINT96",
                                       "org.apache.spark.timeZone", NULL};

struct lam_bytes lam_key_value_find(const struct lam_file_meta *meta, const char *key) {
  struct lam_bytes wanted = lam_bytes_of_string(key);
  for (int32_t i = 0; i < meta->key_value_count; i++)
    if (lam_bytes_equal(meta->key_values[i].key, wanted)) return meta->key_values[i].value;
  return (struct lam_bytes){0};
}

/* Digits at *at, which moves behind them and one dot; -1 where there are none. */
static int32_t number(struct lam_bytes text, size_t *at) {
  int64_t value = -1;
  for (; *at < text.size && text.data[*at] >= '0' && text.data[*at] <= '9'; (*at)++)
    value = lam_min_i64((value < 0 ? 0 : value * 10) + (text.data[*at] - '0'), INT32_MAX);
  if (value >= 0 && *at < text.size && text.data[*at] == '.')
    (*at)++;
  else
    *at = text.size; /* what follows is not a number of the version */
  return (int32_t)value;
}

struct lam_created_by lam_created_by_parse(struct lam_bytes created_by) {
  static const char separator[] = " version ";
  const size_t length = sizeof separator - 1;
  struct lam_created_by by = {created_by, -1, -1, -1};
  for (size_t i = 0; i + length <= created_by.size; i++) {
    if (memcmp(created_by.data + i, separator, length) != 0) continue;
    size_t at = i + length;
    by.application.size = i;
    by.major = number(created_by, &at);
    by.minor = number(created_by, &at);
    by.patch = number(created_by, &at);
    break;
  }
  return by;
}

static bool is(const struct lam_created_by *by, const char *application) {
  return by->application.size == strlen(application) &&
         strncasecmp((const char *)by->application.data, application, by->application.size) == 0;
}

/* An unknown version is before every known one. */
static bool before(const struct lam_created_by *by, int32_t major, int32_t minor) {
  return by->major < major || (by->major == major && by->minor < minor);
}

static bool is_bytes(const struct lam_schema_node *node) {
  return node->physical == LAM_BYTE_ARRAY || node->physical == LAM_FIXED_LEN_BYTE_ARRAY;
}

bool lam_statistics_trusted(const struct lam_file_meta *meta, int32_t leaf, bool deprecated) {
  const struct lam_schema_node *node = &meta->nodes[meta->leaves[leaf]];
  struct lam_created_by by = lam_created_by_parse(meta->created_by);
  enum lam_order order = lam_order_of(node);
  enum lam_column_order column_order = meta->column_orders ? (enum lam_column_order)meta->column_orders[leaf] : 0;
  if (node->physical == LAM_INT96) return !deprecated && column_order == LAM_ORDER_INT96_TIMESTAMP;
  if (order == LAM_ORDERED_NOT) return false;
  /* The old pair was compared as signed, whatever the type; and before parquet-mr 1.8 the bytes of binaries were
   * overwritten while they were kept (PARQUET-251). Who wrote without created_by may be that parquet-mr. */
  if (deprecated) return order == LAM_ORDERED_SIGNED && !is_bytes(node);
  bool total =
      node->physical == LAM_FLOAT || node->physical == LAM_DOUBLE || lam_logical_of(node).kind == LAM_LOGICAL_FLOAT16;
  /* Without an order the new pair has no meaning (parquet.thrift). */
  if (column_order != LAM_ORDER_TYPE_DEFINED && !(total && column_order == LAM_ORDER_IEEE754_TOTAL)) return false;
  /* PARQUET-686 and its kin in C++: unsigned types compared as signed. */
  if (order == LAM_ORDERED_UNSIGNED &&
      ((is(&by, "parquet-mr") && before(&by, 1, 10)) || (is(&by, "parquet-cpp") && before(&by, 1, 3))))
    return false;
  /* PARQUET-1655: decimals in bytes were compared as unsigned, until Arrow 3 changed the name to parquet-cpp-arrow. */
  return !(is(&by, "parquet-cpp") && order == LAM_ORDERED_SIGNED && is_bytes(node));
}

bool lam_v2_pages_always_compressed(const struct lam_file_meta *meta) {
  struct lam_created_by by = lam_created_by_parse(meta->created_by);
  return is(&by, "parquet-cpp");
}

static bool has_delta_bytes(const struct lam_file_meta *meta) {
  for (int32_t g = 0; g < meta->row_group_count; g++)
    for (int32_t i = 0; i < meta->leaf_count; i++)
      if (meta->row_groups[g].chunks[i].encodings & 1u << LAM_DELTA_BYTE_ARRAY) return true;
  return false;
}

/* Spark wrote the Julian calendar before 3.0 throughout, since then where it says so. */
static bool has_legacy_calendar(const struct lam_file_meta *meta) {
  for (size_t i = 0; lam_legacy_keys[i]; i++)
    if (lam_key_value_find(meta, lam_legacy_keys[i]).data) return true;
  struct lam_bytes version = lam_key_value_find(meta, "org.apache.spark.version");
  return version.size > 0 && (version.data[0] == '1' || version.data[0] == '2');
}

bool lam_raw_copy_allowed(const struct lam_file_meta *meta) {
  struct lam_created_by by = lam_created_by_parse(meta->created_by);
  if (meta->encrypted_columns || has_legacy_calendar(meta)) return false;
  if (is(&by, "parquet-mr") && before(&by, 1, 10)) return false;
  if (is(&by, "parquet-cpp")) return false;
  return by.application.size > 0 || !has_delta_bytes(meta);
}
