/* Every type of QuestDB's, on a column that is stored as it is there and on one that is not. */
#include "pm_support.h"
#include "sidecar/pm_write.h"

/* The hint for a file of this one column. */
static struct pm_hint hint_of(const char *json, struct lam_schema_node column) {
  struct lam_schema_node nodes[2] = {{.children = 1, .field_id = -1, .physical = -1, .converted = -1}, column};
  struct lam_key_value pair = {lam_bytes_of_string("questdb"), lam_bytes_of_string(json)};
  struct lam_file_meta meta = {.nodes = nodes, .node_count = 2, .key_values = &pair, .key_value_count = 1};
  struct pm_hint *hints, out = {-1, -1};
  struct lam_arena arena;
  lam_arena_init(&arena, mem);
  OK(lam_schema_link(&meta, &arena, &error));
  OK(pm_questdb_hints(&meta, &arena, &hints, &error));
  if (hints) out = *hints;
  lam_arena_release(&arena);
  return out;
}

static struct lam_schema_node node_of(int physical, int logical, int width, int length) {
  bool is_signed = width > 0;
  return (struct lam_schema_node){.name = lam_bytes_of_string("c"),
                                  .field_id = 3,
                                  .physical = (int8_t)physical,
                                  .converted = -1,
                                  .type_length = length,
                                  .logical = {.kind = (enum lam_logical_kind)logical,
                                              .bit_width = (int8_t)(is_signed ? width : -width),
                                              .is_signed = is_signed,
                                              .unit = LAM_MICROS}};
}

static void every_type(void **state) {
  (void)state;
  static const struct {
    int code, physical, logical, width, length; /* width: negative where it is unsigned */
  } types[] = {
      {1, LAM_BOOLEAN, LAM_LOGICAL_NONE, 0, 0},
      {2, LAM_INT32, LAM_LOGICAL_INTEGER, 8, 0},
      {3, LAM_INT32, LAM_LOGICAL_INTEGER, 16, 0},
      {4, LAM_INT32, LAM_LOGICAL_INTEGER, -16, 0},
      {5, LAM_INT32, LAM_LOGICAL_NONE, 0, 0},
      {6, LAM_INT64, LAM_LOGICAL_NONE, 0, 0},
      {8, LAM_INT64, LAM_LOGICAL_TIMESTAMP, 0, 0},
      {9, LAM_FLOAT, LAM_LOGICAL_NONE, 0, 0},
      {10, LAM_DOUBLE, LAM_LOGICAL_NONE, 0, 0},
      {11, LAM_BYTE_ARRAY, LAM_LOGICAL_STRING, 0, 0},
      {13, LAM_FIXED_LEN_BYTE_ARRAY, LAM_LOGICAL_NONE, 0, 32},
      {17, LAM_INT64, LAM_LOGICAL_INTEGER, 64, 0},
      {18, LAM_BYTE_ARRAY, LAM_LOGICAL_NONE, 0, 0},
      {19, LAM_FIXED_LEN_BYTE_ARRAY, LAM_LOGICAL_UUID, 0, 16},
      {24, LAM_FIXED_LEN_BYTE_ARRAY, LAM_LOGICAL_NONE, 0, 16},
      {25, LAM_INT32, LAM_LOGICAL_INTEGER, -32, 0},
      {28, LAM_FIXED_LEN_BYTE_ARRAY, LAM_LOGICAL_DECIMAL, 0, 1},
      {33, LAM_FIXED_LEN_BYTE_ARRAY, LAM_LOGICAL_DECIMAL, 0, 32},
  };
  enum { COUNT = sizeof types / sizeof *types };
  for (size_t i = 0; i < COUNT; i++)
    for (size_t k = 0; k < COUNT; k++) {
      char json[128];
      snprintf(json, sizeof json, "{\"version\":1,\"schema\":[{\"column_type\":%d,\"id\":3}]}", types[i].code);
      struct pm_hint hint =
          hint_of(json, node_of(types[k].physical, types[k].logical, types[k].width, types[k].length));
      if (hint.type != (i == k ? types[i].code : 0)) fail_msg("type %d on %d", types[i].code, types[k].code);
      assert_int_equal(hint.flags, 0);
    }
}

static void flags_and_refusals(void **state) {
  (void)state;
  static const struct {
    const char *json;
    struct pm_hint hint;
  } cases[] = {
      {"{\"version\":1,\"schema\":[{\"column_type\":12,\"format\":1,\"ascii\":true}]}",
       {12, PM_LOCAL_KEY_IS_GLOBAL | PM_IS_ASCII}},
      {"{\"version\":1,\"schema\":[{\"column_type\":12,\"format\":2,\"ascii\":1}]}", {12, 0}},
      {"{\"version\":1,\"schema\":[{\"column_type\":131084}]}", {12, 0}}, /* bit 17 is the header's to say */
      {"{\"version\":1,\"schema\":[{\"column_type\":12,\"id\":4}]}", {-1, -1}},
      {"{\"version\":1,\"schema\":[{\"column_type\":\"12\"}]}", {-1, -1}},
      {"{\"version\":1,\"schema\":[{\"column_type\":12},{\"column_type\":12}]}", {-1, -1}},
      {"{\"version\":3,\"schema\":[{\"column_type\":12}]}", {-1, -1}},
      {"{", {-1, -1}},
      {"", {-1, -1}},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct pm_hint hint = hint_of(cases[i].json, node_of(LAM_BYTE_ARRAY, LAM_LOGICAL_STRING, 0, 0));
    if (hint.type != cases[i].hint.type || hint.flags != cases[i].hint.flags)
      fail_msg("case %zu: %d, %d", i, (int)hint.type, (int)hint.flags);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(every_type, open_account, close_account),
      cmocka_unit_test_setup_teardown(flags_and_refusals, open_account, close_account),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
