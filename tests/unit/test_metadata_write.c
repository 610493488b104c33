#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "meta_support.h"

#include "parquet/thrift.h"

static struct lam_bytes text(const char *string) {
  return lam_bytes_of_string(string);
}

static void want_group(const struct lam_row_group_meta *g, const struct lam_row_group_meta *expected) {
  assert_int_equal(g->compressed_size, 5000);
  assert_int_equal(g->file_offset, 4);
  assert_int_equal(g->ordinal, 0);
  assert_int_equal(g->sorting_count, 1);
  assert_int_equal(g->sorting[0].column, 1);
  assert_true(g->sorting[0].descending && !g->sorting[0].nulls_first);
  const struct lam_chunk_meta *c = &g->chunks[0];
  assert_int_equal(c->encodings, expected->chunks[0].encodings);
  assert_true(c->compressed_size == 5000000000 && c->data_page_offset == 6000000000);
  assert_int_equal(c->dictionary_page_offset, 4);
  assert_int_equal(c->bloom_offset, 70);
  assert_int_equal(c->bloom_length, 32);
  assert_int_equal(c->offset_index_offset, 80);
  assert_int_equal(c->column_index_length, 9);
  struct lam_chunk_details d;
  lam_chunk_details(c, &d);
  assert_true(lam_bytes_equal(d.size_statistics, expected->chunks[0].details->size_statistics));
  assert_true(text_is(d.statistics.min, "a") && text_is(d.statistics.max, "b"));
  assert_int_equal(d.statistics.null_count, 3);
  assert_true(d.statistics.min_exact && !d.statistics.max_exact);
  assert_true(text_is(d.path,
                      "\x18\x01"
                      "t")); /* a list of one string */
  assert_false(g->chunks[1].has_dictionary_offset);
  assert_null(lam_chunk_statistics(&g->chunks[1]).min.data);
}

/* Everything that a footer of ours can have. */
static void round_trip(void **state) {
  (void)state;
  struct fixture fixture;
  struct lam_arena arena;
  struct lam_buf buf;
  fixture_begin(&fixture);
  lam_arena_init(&arena, fixture.mem);
  lam_buf_init(&buf, fixture.mem);
  struct lam_schema_node nodes[3] = {
      {.name = text("schema"), .children = 2, .field_id = -1, .physical = -1, .converted = LAM_CONVERTED_NONE},
      {.name = text("t"),
       .field_id = 7,
       .physical = LAM_INT64,
       .repetition = LAM_OPTIONAL,
       .converted = LAM_CONVERTED_TIMESTAMP_MICROS,
       .logical = {.kind = LAM_LOGICAL_TIMESTAMP, .utc = true, .unit = LAM_MICROS}},
      {.name = text("d"),
       .field_id = -1,
       .physical = LAM_FIXED_LEN_BYTE_ARRAY,
       .type_length = 5,
       .precision = 10,
       .scale = 2,
       .converted = LAM_CONVERTED_DECIMAL,
       .logical = {.kind = LAM_LOGICAL_DECIMAL, .precision = 10, .scale = 2}}};
  uint8_t orders[2] = {LAM_ORDER_TYPE_DEFINED, LAM_ORDER_TYPE_DEFINED};
  struct lam_chunk_details details = {
      .size_statistics = lam_bytes_of((const uint8_t *)"\x16\x9a\x01", 4), /* 77 bytes, and the stop */
      .statistics = {.min = text("a"),
                     .max = text("b"),
                     .null_count = 3,
                     .distinct_count = -1,
                     .nan_count = -1,
                     .min_exact = true}};
  struct lam_chunk_meta chunks[2] = {{.physical = LAM_INT64,
                                      .codec = LAM_ZSTD,
                                      .has_dictionary_offset = true,
                                      .has_metadata = true,
                                      .bloom_length_known = true,
                                      .encodings = 1u << LAM_PLAIN | 1u << LAM_RLE | 1u << LAM_RLE_DICTIONARY,
                                      .values = 1000,
                                      .uncompressed_size = 9000,
                                      .compressed_size = 5000000000,
                                      .data_page_offset = 6000000000,
                                      .dictionary_page_offset = 4,
                                      .bloom_offset = 70,
                                      .bloom_length = 32,
                                      .offset_index_offset = 80,
                                      .offset_index_length = 12,
                                      .column_index_offset = 90,
                                      .column_index_length = 9,
                                      .details = &details},
                                     {.physical = LAM_FIXED_LEN_BYTE_ARRAY, .has_metadata = true, .values = 1000}};
  struct lam_sorting_column sorting = {1, true, false};
  struct lam_row_group_meta group = {.chunks = chunks,
                                     .rows = 1000,
                                     .total_byte_size = 10000,
                                     .compressed_size = 5000,
                                     .file_offset = 4,
                                     .sorting = &sorting,
                                     .sorting_count = 1,
                                     .ordinal = 0};
  struct lam_key_value key_values[2] = {{text("k"), text("v")}, {text("absent"), {0}}};
  struct lam_file_meta meta = {.version = 1,
                               .rows = 1000,
                               .nodes = nodes,
                               .node_count = 3,
                               .row_groups = &group,
                               .row_group_count = 1,
                               .key_values = key_values,
                               .key_value_count = 2,
                               .created_by = text("lamella version 0.1.0"),
                               .column_orders = orders},
                       got;
  OK(lam_schema_link(&meta, &arena, &error));
  OK(lam_file_meta_write(&meta, &buf, &error));
  OK(lam_file_meta_parse(lam_bytes_of(buf.data, buf.size), 0, &arena, &got, &error));
  assert_int_equal(got.version, 1);
  assert_int_equal(got.rows, 1000);
  assert_int_equal(got.leaf_count, 2);
  assert_int_equal(got.nodes[1].field_id, 7);
  assert_int_equal(got.nodes[1].logical.kind, LAM_LOGICAL_TIMESTAMP);
  assert_true(got.nodes[1].logical.utc);
  assert_int_equal(got.nodes[1].logical.unit, LAM_MICROS);
  assert_int_equal(got.nodes[1].converted, LAM_CONVERTED_TIMESTAMP_MICROS);
  assert_int_equal(got.nodes[1].max_definition, 1);
  assert_int_equal(got.nodes[2].precision, 10);
  assert_int_equal(got.nodes[2].logical.scale, 2);
  assert_int_equal(got.nodes[2].type_length, 5);
  assert_true(text_is(got.created_by, "lamella version 0.1.0"));
  assert_true(text_is(got.key_values[0].value, "v"));
  assert_null(got.key_values[1].value.data);
  assert_memory_equal(got.column_orders, orders, 2);
  want_group(&got.row_groups[0], &group);
  /* What was read is written as the same bytes. */
  struct lam_buf again;
  lam_buf_init(&again, fixture.mem);
  OK(lam_file_meta_write(&got, &again, &error));
  assert_int_equal(again.size, buf.size);
  assert_memory_equal(again.data, buf.data, buf.size);
  got.encrypted_columns = true;
  FAILS(lam_file_meta_write(&got, &again, &error), LAM_UNSUPPORTED, "encrypted");
  lam_buf_release(&again);
  lam_arena_release(&arena);
  lam_buf_release(&buf);
  fixture_end(&fixture);
}

/* Footers of many writers: what we write of them reads as the same, and is then stable. */
static void parquet_testing(void **state) {
  (void)state;
  char folder[512], path[1024];
  if (!find_testing("data", folder, sizeof folder)) skip();
  struct fixture fixture;
  struct lam_arena arena;
  fixture_begin(&fixture);
  lam_arena_init(&arena, fixture.mem);
  DIR *directory = opendir(folder);
  for (struct dirent *entry; (entry = readdir(directory));) {
    const char *end = strrchr(entry->d_name, '.');
    if (!end || strcmp(end, ".parquet") != 0) continue;
    snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
    struct whole whole = read_whole(path);
    struct lam_file_meta meta, got;
    struct lam_buf buf, again;
    lam_buf_init(&buf, fixture.mem);
    lam_buf_init(&again, fixture.mem);
    OK(lam_file_meta_parse(footer_of(whole), whole.size, &arena, &meta, &error));
    OK(lam_file_meta_write(&meta, &buf, &error));
    OK(lam_file_meta_parse(lam_bytes_of(buf.data, buf.size), whole.size, &arena, &got, &error));
    assert_int_equal(got.rows, meta.rows);
    assert_int_equal(got.leaf_count, meta.leaf_count);
    for (int32_t i = 0; i < meta.node_count; i++) {
      assert_true(lam_bytes_equal(got.nodes[i].name, meta.nodes[i].name));
      assert_int_equal(got.nodes[i].logical.kind, meta.nodes[i].logical.kind);
      assert_int_equal(got.nodes[i].converted, meta.nodes[i].converted);
    }
    for (int32_t g = 0; g < meta.row_group_count; g++)
      for (int32_t i = 0; i < meta.leaf_count; i++) {
        const struct lam_chunk_meta *a = &meta.row_groups[g].chunks[i], *b = &got.row_groups[g].chunks[i];
        struct lam_chunk_details x, y;
        lam_chunk_details(a, &x);
        lam_chunk_details(b, &y);
        assert_true(lam_bytes_equal(x.path, y.path) && a->data_page_offset == b->data_page_offset);
        assert_true(lam_bytes_equal(x.statistics.min, y.statistics.min));
        assert_true(lam_bytes_equal(x.encoding_stats, y.encoding_stats));
      }
    OK(lam_file_meta_write(&got, &again, &error));
    assert_int_equal(again.size, buf.size);
    assert_memory_equal(again.data, buf.data, buf.size);
    lam_buf_release(&buf);
    lam_buf_release(&again);
    free(whole.data);
  }
  closedir(directory);
  lam_arena_release(&arena);
  fixture_end(&fixture);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(round_trip), cmocka_unit_test(parquet_testing)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
