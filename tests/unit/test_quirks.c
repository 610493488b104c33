#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "meta_support.h"

static struct lam_bytes text(const char *string) {
  return string ? lam_bytes_of_string(string) : (struct lam_bytes){0};
}

static void created_by(void **state) {
  (void)state;
  static const struct {
    const char *text, *application;
    int32_t major, minor, patch;
  } cases[] = {
      {"parquet-mr version 1.8.1 (build 4aba4dae)", "parquet-mr", 1, 8, 1},
      {"parquet-cpp version 1.5.1-SNAPSHOT", "parquet-cpp", 1, 5, 1},
      {"parquet-mr version 1.5.0-cdh5.5.0 (build x)", "parquet-mr", 1, 5, 0},
      {"impala version 1.3.0-INTERNAL", "impala", 1, 3, 0},
      {"parquet-mr", "parquet-mr", -1, -1, -1},
      {"parquet-rs version 12", "parquet-rs", 12, -1, -1},
      {"cpp version BuildInfo:master", "cpp", -1, -1, -1},
      {"x version 99999999999999999999.1", "x", INT32_MAX, 1, -1},
      {"", "", -1, -1, -1},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct lam_created_by by = lam_created_by_parse(text(cases[i].text));
    assert_true(text_is(by.application, cases[i].application));
    assert_int_equal(by.major, cases[i].major);
    assert_int_equal(by.minor, cases[i].minor);
    assert_int_equal(by.patch, cases[i].patch);
  }
}

/* One leaf, one chunk. */
struct made {
  struct lam_schema_node nodes[2];
  int32_t leaf, top;
  uint8_t order;
  struct lam_chunk_meta chunk;
  struct lam_row_group_meta group;
  struct lam_key_value key_value;
  struct lam_file_meta meta;
};

static struct lam_file_meta *make(struct made *made, const char *by, int8_t physical, int8_t converted, uint8_t order) {
  *made = (struct made){.leaf = 1, .order = order};
  made->nodes[1] = (struct lam_schema_node){
      .physical = physical, .converted = converted, .precision = 5, .scale = 1, .type_length = 12};
  made->group.chunks = &made->chunk;
  made->meta = (struct lam_file_meta){.nodes = made->nodes,
                                      .node_count = 2,
                                      .leaves = &made->leaf,
                                      .leaf_count = 1,
                                      .row_groups = &made->group,
                                      .row_group_count = 1,
                                      .key_values = &made->key_value,
                                      .created_by = text(by),
                                      .column_orders = order ? &made->order : NULL};
  return &made->meta;
}

static void statistics(void **state) {
  (void)state;
  static const char *const good = "parquet-mr version 1.12.0", *const old = "parquet-mr version 1.7.0",
                           *const older_cpp = "parquet-cpp version 1.2.0",
                           *const cpp = "parquet-cpp version 1.5.1-SNAPSHOT";
  static const struct {
    const char *by;
    int8_t physical, converted;
    uint8_t order;
    bool deprecated, modern;
  } cases[] = {
      {good, LAM_INT32, -1, LAM_ORDER_TYPE_DEFINED, true, true},
      {good, LAM_INT32, -1, 0, true, false}, /* the new pair has no meaning without an order */
      {NULL, LAM_DOUBLE, -1, LAM_ORDER_TYPE_DEFINED, true, true},
      {good, LAM_DOUBLE, -1, LAM_ORDER_IEEE754_TOTAL, true, true},
      {good, LAM_INT32, -1, LAM_ORDER_IEEE754_TOTAL, true, false},
      {good, LAM_INT96, -1, LAM_ORDER_TYPE_DEFINED, false, false},
      {good, LAM_INT96, -1, LAM_ORDER_INT96_TIMESTAMP, false, true},
      {good, LAM_INT64, -1, LAM_ORDER_INT96_TIMESTAMP, true, false},
      {good, LAM_INT32, LAM_CONVERTED_UINT_32, LAM_ORDER_TYPE_DEFINED, false, true}, /* was compared as signed */
      {old, LAM_INT32, LAM_CONVERTED_UINT_32, LAM_ORDER_TYPE_DEFINED, false, false},
      {good, LAM_BYTE_ARRAY, LAM_CONVERTED_UTF8, LAM_ORDER_TYPE_DEFINED, false, true},
      {old, LAM_BYTE_ARRAY, LAM_CONVERTED_UTF8, LAM_ORDER_TYPE_DEFINED, false, false},
      {older_cpp, LAM_BYTE_ARRAY, LAM_CONVERTED_UTF8, LAM_ORDER_TYPE_DEFINED, false, false},
      {cpp, LAM_BYTE_ARRAY, LAM_CONVERTED_UTF8, LAM_ORDER_TYPE_DEFINED, false, true},
      {cpp, LAM_FIXED_LEN_BYTE_ARRAY, LAM_CONVERTED_DECIMAL, LAM_ORDER_TYPE_DEFINED, false, false},
      {good, LAM_FIXED_LEN_BYTE_ARRAY, LAM_CONVERTED_DECIMAL, LAM_ORDER_TYPE_DEFINED, false, true},
      {good, LAM_FIXED_LEN_BYTE_ARRAY, LAM_CONVERTED_INTERVAL, LAM_ORDER_TYPE_DEFINED, false, false},
      {good, LAM_INT96, -1, LAM_ORDER_TYPE_DEFINED, false, false},
      {good, LAM_BOOLEAN, -1, LAM_ORDER_TYPE_DEFINED, true, true},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct made made;
    struct lam_file_meta *meta = make(&made, cases[i].by, cases[i].physical, cases[i].converted, cases[i].order);
    if (lam_statistics_trusted(meta, 0, true) != cases[i].deprecated) fail_msg("case %zu, the old pair", i);
    if (lam_statistics_trusted(meta, 0, false) != cases[i].modern) fail_msg("case %zu, the new pair", i);
  }
}

static void raw_copies(void **state) {
  (void)state;
  static const struct {
    const char *by, *key, *value;
    uint32_t encodings;
    bool allowed;
  } cases[] = {
      {"parquet-cpp-arrow version 14.0.2", NULL, NULL, 1u << LAM_DELTA_BYTE_ARRAY, true},
      {"parquet-mr version 1.10.0", NULL, NULL, 0, true},
      {"parquet-mr version 1.9.0", NULL, NULL, 0, false},
      {"parquet-mr version 1.7.0", NULL, NULL, 0, false},
      {"parquet-mr", NULL, NULL, 0, false},
      {"parquet-cpp version 1.5.1", NULL, NULL, 0, false},
      {NULL, NULL, NULL, 0, true},
      {NULL, NULL, NULL, 1u << LAM_DELTA_BYTE_ARRAY, false},
      {"parquet-mr version 1.12.2", "org.apache.spark.legacyDateTime", "", 0, false},
      {"parquet-mr version 1.12.2", "org.apache.spark.version", "3.4.3", 0, true},
      {"parquet-mr version 1.10.1", "org.apache.spark.version", "2.4.0", 0, false},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct made made;
    struct lam_file_meta *meta = make(&made, cases[i].by, LAM_BYTE_ARRAY, -1, 0);
    made.chunk.encodings = cases[i].encodings;
    made.key_value = (struct lam_key_value){text(cases[i].key), text(cases[i].value)};
    meta->key_value_count = cases[i].key != NULL;
    if (lam_raw_copy_allowed(meta) != cases[i].allowed) fail_msg("case %zu", i);
  }
  struct made made;
  struct lam_file_meta *meta = make(&made, "parquet-cpp version 1.5.1", LAM_INT32, -1, 0);
  assert_true(lam_v2_pages_always_compressed(meta));
  meta->created_by = text("parquet-cpp-arrow version 3.0.0");
  assert_false(lam_v2_pages_always_compressed(meta));
  meta->encrypted_columns = true;
  assert_false(lam_raw_copy_allowed(meta));
}

static void keys(void **state) {
  (void)state;
  struct made made;
  struct lam_file_meta *meta = make(&made, "x", LAM_INT32, -1, 0);
  made.key_value = (struct lam_key_value){text("a"), text("b")};
  meta->key_value_count = 1;
  assert_true(text_is(lam_key_value_find(meta, "a"), "b"));
  assert_null(lam_key_value_find(meta, "b").data);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(created_by), cmocka_unit_test(statistics),
                                     cmocka_unit_test(raw_copies), cmocka_unit_test(keys)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
