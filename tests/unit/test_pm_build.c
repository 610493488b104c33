/* Sidecars as they are built: the golden vectors byte for byte, and each rule of what goes where. */
#include "pm_support.h"

#include "sidecar/pm_write.h"

static struct golden g;
static struct lam_buf bytes;
static struct lam_sidecar *sidecar;

static int set_up(void **state) {
  open_account(state);
  golden_make(&g, 1);
  lam_buf_init(&bytes, mem);
  sidecar = NULL;
  return 0;
}
static int tear_down(void **state) {
  lam_sidecar_close(sidecar);
  lam_buf_release(&bytes);
  return close_account(state);
}
static void build(bool plain, bool inlined) {
  lam_sidecar_close(sidecar);
  bytes.size = 0;
  OK(lam_sidecar_build_in(&g.source, &(struct lam_sidecar_format){.plain = plain, .inline_blooms = inlined}, &bytes,
                          &error));
  OK(lam_sidecar_open_bytes(lam_bytes_of(bytes.data, bytes.size), &(struct lam_sidecar_open_options){.whole = true},
                            mem, &sidecar, &error));
}

static void golden_vector(void **state) {
  (void)state;
  uint8_t expected[GOLDEN2] = {0};
  golden_bytes(1, expected);
  build(true, false);
  assert_int_equal(bytes.size, GOLDEN1);
  for (size_t i = 0; i < GOLDEN1; i++)
    if (bytes.data[i] != expected[i]) fail_msg("byte %zu is %02x, expected %02x", i, bytes.data[i], expected[i]);
}

static void nothing_but_a_footer(void **state) {
  (void)state;
  g.meta.leaf_count = g.meta.row_group_count = 0;
  build(true, false);
  assert_int_equal(bytes.size, 80);
  assert_int_equal(lam_sidecar_columns(sidecar), 0);
  assert_int_equal(lam_sidecar_row_groups(sidecar), 0);
}

static void sections_hold_the_rest(void **state) {
  (void)state;
  struct lam_arena arena;
  struct lam_file_meta meta;
  struct pm_extra extra;
  bool there;
  int32_t column;
  g.chunks[0][1].offset_index_offset = 100, g.chunks[0][1].offset_index_length = 20;
  g.chunks[0][1].column_index_offset = 200, g.chunks[0][1].column_index_length = 30;
  g.chunks[0][1].encoding_stats_known = g.chunks[0][1].all_pages_dictionary = true;
  g.details[0][1].statistics.nan_count = 3;
  build(false, false);
  assert_int_equal(sidecar->header.features, PM_SORTED_BY_DESIGNATED | PM_OUR_SCHEMA);
  assert_int_equal(sidecar->footer.features, PM_OUR_FILE | PM_OUR_CHUNKS | PM_OUR_SEGMENTS);
  lam_arena_init(&arena, mem);
  OK(pm_file_meta(sidecar, &arena, &there, &meta, &error));
  assert_true(there);
  assert_int_equal(meta.node_count, 3);
  assert_int_equal(meta.nodes[1].logical.kind, LAM_LOGICAL_TIMESTAMP);
  assert_int_equal(meta.nodes[1].logical.unit, LAM_MICROS);
  assert_true(meta.nodes[1].logical.utc);
  assert_int_equal(meta.nodes[2].max_definition, 1);
  assert_int_equal(meta.rows, 1000);
  assert_int_equal(meta.version, 2);
  assert_true(lam_bytes_equal(meta.created_by, g.meta.created_by));
  assert_memory_equal(meta.column_orders, g.orders, 2);
  assert_int_equal(meta.key_value_count, 2);
  assert_true(lam_bytes_equal(meta.key_values[0].value, lam_bytes_of_string("v")));
  assert_null(meta.key_values[1].value.data);
  lam_arena_release(&arena);
  OK(pm_extra(sidecar, 0, 1, &there, &extra, &error));
  assert_true(there);
  assert_int_equal(extra.uncompressed_size, 14000);
  assert_int_equal(extra.data_page_offset, 5004);
  assert_int_equal(extra.offset_index_offset, 100);
  assert_int_equal(extra.offset_index_length, 20);
  assert_int_equal(extra.column_index_offset, 200);
  assert_int_equal(extra.column_index_length, 30);
  assert_int_equal(extra.encodings, 1 << LAM_PLAIN);
  assert_int_equal(extra.flags, PM_EXTRA_ALL_DICTIONARY | PM_EXTRA_ALL_DICTIONARY_KNOWN);
  assert_int_equal(extra.nan_count, 3);
  OK(pm_extra(sidecar, 0, 0, &there, &extra, &error));
  assert_int_equal(extra.nan_count, -1);
  assert_int_equal(extra.flags, 0);
  OK(lam_sidecar_find(sidecar, "val", &column, &error));
  assert_int_equal(column, 1);
  OK(lam_sidecar_find(sidecar, "va", &column, &error));
  assert_int_equal(column, -1);
}

/* ---- statistics ---- */

struct bound_case {
  int physical;
  const char *min; /* "" is present and empty */
  size_t size, given;
  int flags; /* of the minimum */
};

static void statistics_are_verbatim(void **state) {
  (void)state;
  static char longest[70000];
  memset(longest, 'x', sizeof longest);
  const struct bound_case cases[] = {
      {LAM_BYTE_ARRAY, "abc", 3, 3, PM_MIN | PM_MIN_INLINED},
      {LAM_BYTE_ARRAY, "abcdefgh", 8, 8, PM_MIN | PM_MIN_INLINED},
      {LAM_BYTE_ARRAY, "abcdefghi", 9, 9, PM_MIN},
      {LAM_BYTE_ARRAY, longest, 65535, 65535, PM_MIN},
      {LAM_BYTE_ARRAY, longest, 0, 65536, 0},
      {LAM_BYTE_ARRAY, "", 0, 0, 0},
      {LAM_BYTE_ARRAY, NULL, 0, 0, 0},
      {LAM_INT32, "1234", 4, 4, PM_MIN | PM_MIN_INLINED},
      {LAM_INT32, "123", 0, 3, 0}, /* of another width */
      {LAM_BOOLEAN, "\1", 1, 1, PM_MIN | PM_MIN_INLINED},
      {LAM_INT96, "123456789012", 12, 12, PM_MIN},
      {LAM_FIXED_LEN_BYTE_ARRAY, "1234567890123456", 16, 16, PM_MIN},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const struct bound_case *c = &cases[i];
    struct pm_chunk chunk;
    struct lam_statistics s;
    g.nodes[2].physical = g.chunks[0][1].physical = (int8_t)c->physical;
    g.nodes[2].type_length = c->physical == LAM_FIXED_LEN_BYTE_ARRAY ? 16 : 0;
    g.details[0][1].statistics = (struct lam_statistics){.min = {(const uint8_t *)c->min, c->given},
                                                         .max = lam_bytes_of(NULL, 0),
                                                         .null_count = -1,
                                                         .distinct_count = 4,
                                                         .nan_count = -1};
    build(i % 2, false);
    OK(pm_chunk(sidecar, 0, 1, &chunk, &s, &error));
    assert_int_equal(chunk.stat_flags, c->flags | PM_DISTINCT_COUNT);
    assert_int_equal(chunk.stat_sizes, c->flags & PM_MIN_INLINED ? c->size : 0);
    assert_int_equal(s.min.size, c->size);
    if (c->size) assert_memory_equal(s.min.data, c->min, c->size);
    assert_null(s.max.data);
    assert_int_equal(s.null_count, -1);
    assert_int_equal(s.distinct_count, 4);
    assert_false(s.min_exact);
  }
}

/* ---- QuestDB's key-value ---- */

struct questdb_case {
  const char *json;
  int physical, logical; /* of the second column, whose id is 1 */
  int type, flags;       /* of its descriptor, without its repetition */
};

static void questdb_types_are_used_where_they_fit(void **state) {
  (void)state;
#define TS "{\"version\":1,\"schema\":[{\"column_type\":131080,\"column_top\":0},"
  static const struct questdb_case cases[] = {
      {TS "{\"column_type\":12,\"column_top\":5,\"format\":1}]}", LAM_BYTE_ARRAY, LAM_LOGICAL_STRING, 12,
       PM_LOCAL_KEY_IS_GLOBAL},
      {TS "{\"column_type\":26,\"ascii\":true,\"id\":1,\"new\":{}}],\"seq_txn\":4}", LAM_BYTE_ARRAY, LAM_LOGICAL_STRING,
       26, PM_IS_ASCII},
      {TS "{\"column_type\":262152}]}", LAM_INT64, LAM_LOGICAL_TIMESTAMP, 8, 0}, /* nanoseconds, and they are micros */
      {TS "{\"column_type\":6}]}", LAM_DOUBLE, LAM_LOGICAL_NONE, 10, 0},
      {TS "{\"column_type\":12,\"id\":2}]}", LAM_BYTE_ARRAY, LAM_LOGICAL_STRING, 26, 0}, /* another column */
      {TS "{\"column_type\":-1}]}", LAM_DOUBLE, LAM_LOGICAL_NONE, 10, 0},
      {"{\"version\":2}", LAM_BYTE_ARRAY, LAM_LOGICAL_STRING, 26, 0},
      {"{\"version\":1,\"schema\":[{\"column_type\":12}]}", LAM_BYTE_ARRAY, LAM_LOGICAL_STRING, 26, 0},
      {"{\"version\":1,\"schema\":[3,", LAM_BYTE_ARRAY, LAM_LOGICAL_STRING, 26, 0},
      {"[]", LAM_BYTE_ARRAY, LAM_LOGICAL_STRING, 26, 0},
  };
#undef TS
  g.pairs[0].key = lam_bytes_of_string("questdb");
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct pm_column column;
    g.pairs[0].value = lam_bytes_of_string(cases[i].json);
    g.nodes[2].physical = g.chunks[0][1].physical = (int8_t)cases[i].physical;
    g.nodes[2].logical = (struct lam_logical){.kind = (enum lam_logical_kind)cases[i].logical, .unit = LAM_MICROS};
    build(i % 2, false);
    OK(pm_column(sidecar, 1, &column, NULL, &error));
    assert_int_equal(column.type, cases[i].type);
    assert_int_equal(column.flags, cases[i].flags | LAM_OPTIONAL << PM_REPETITION_SHIFT);
    OK(pm_column(sidecar, 0, &column, NULL, &error));
    assert_int_equal(column.type, PM_TYPE_TIMESTAMP);
  }
}

/* ---- order ---- */

static void designated_timestamp_is_sorted(void **state) {
  (void)state;
  struct lam_sorting_column two[] = {{.column = 0}, {.column = 1, .descending = true}};
  int32_t column;
  g.meta.row_group_count = 2, g.source.footer_offset = 18268, g.source.footer_length = 400;
  build(true, false);
  assert_int_equal(sidecar->header.designated, 0);
  assert_int_equal(sidecar->header.sorting_count, 0);
  /* More columns: they are listed. */
  g.groups[0].sorting = g.groups[1].sorting = two;
  g.groups[0].sorting_count = g.groups[1].sorting_count = 2;
  build(true, false);
  assert_int_equal(sidecar->header.designated, 0);
  assert_int_equal(sidecar->header.features, 0);
  assert_int_equal(pm_sorting_count(sidecar), 2);
  OK(pm_sorting(sidecar, 1, &column, &error));
  assert_int_equal(column, 1);
  struct pm_column c;
  OK(pm_column(sidecar, 1, &c, NULL, &error));
  assert_int_equal(c.flags, LAM_OPTIONAL << PM_REPETITION_SHIFT | PM_DESCENDING);
  /* Only what all row groups share. */
  g.groups[1].sorting_count = 1;
  build(true, false);
  assert_int_equal(pm_sorting_count(sidecar), 1);
  /* Row groups out of order, a chunk without bounds, a column that may be NULL: none. */
  g.i[2] = 1500;
  build(true, false);
  assert_int_equal(sidecar->header.designated, -1);
  g.i[2] = 2000;
  g.details[1][0].statistics.max.data = NULL;
  build(true, false);
  assert_int_equal(sidecar->header.designated, -1);
  g.details[1][0].statistics.max = lam_bytes_of(&g.i[3], 8);
  g.nodes[1].max_definition = 1;
  build(true, false);
  assert_int_equal(sidecar->header.designated, -1);
}

/* ---- what cannot be described ---- */

static void others_are_refused(void **state) {
  (void)state;
  const struct lam_sidecar_format format = {0};
  g.chunks[0][1].encrypted = true;
  FAILS(lam_sidecar_build_in(&g.source, &format, &bytes, &error), LAM_UNSUPPORTED, "encrypted");
  g.chunks[0][1].encrypted = false;
  g.chunks[0][1].compressed_size = 7001;
  FAILS(lam_sidecar_build_in(&g.source, &format, &bytes, &error), LAM_CORRUPT, "pass the footer");
  bytes.size = 0;
}

static void bloom_filters_are_referenced(void **state) {
  (void)state;
  struct pm_bloom bloom;
  g.chunks[0][1].bloom_offset = 9000, g.chunks[0][1].bloom_length = 47, g.chunks[0][1].bloom_length_known = true;
  for (int plain = 0; plain < 2; plain++) {
    build(plain, false);
    assert_int_equal(sidecar->header.features & (PM_BLOOM | PM_BLOOM_EXTERNAL), PM_BLOOM | PM_BLOOM_EXTERNAL);
    OK(pm_bloom(sidecar, 0, 1, &bloom, &error));
    assert_int_equal(bloom.offset, 9000);
    assert_int_equal(bloom.length, 47);
    OK(pm_bloom(sidecar, 0, 0, &bloom, &error));
    assert_int_equal(bloom.length, 0);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(golden_vector, set_up, tear_down),
      cmocka_unit_test_setup_teardown(nothing_but_a_footer, set_up, tear_down),
      cmocka_unit_test_setup_teardown(sections_hold_the_rest, set_up, tear_down),
      cmocka_unit_test_setup_teardown(statistics_are_verbatim, set_up, tear_down),
      cmocka_unit_test_setup_teardown(questdb_types_are_used_where_they_fit, set_up, tear_down),
      cmocka_unit_test_setup_teardown(designated_timestamp_is_sorted, set_up, tear_down),
      cmocka_unit_test_setup_teardown(others_are_refused, set_up, tear_down),
      cmocka_unit_test_setup_teardown(bloom_filters_are_referenced, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
