#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "meta_support.h"

#include "parquet/thrift.h"

/* A footer with what the cases change. */
struct made {
  int64_t rows;
  bool no_rows, orders, row_groups_first, no_names;
  int32_t root_children, chunks;
  int64_t data_offset, compressed_size;
};

static void put_element(struct lam_thrift_out *out, const char *name, int32_t physical, int32_t repetition,
                        int32_t children) {
  int16_t outer = lam_thrift_begin(out, 0);
  if (physical >= 0) lam_thrift_put_i32(out, 1, physical);
  if (repetition >= 0) lam_thrift_put_i32(out, 3, repetition);
  if (name) lam_thrift_put_binary(out, 4, lam_bytes_of_string(name));
  if (physical < 0) lam_thrift_put_i32(out, 5, children);
  lam_thrift_end(out, outer);
}

static void put_row_groups(struct lam_thrift_out *out, const struct made *made) {
  lam_thrift_put_list(out, 4, LAM_THRIFT_STRUCT, 1);
  int16_t group = lam_thrift_begin(out, 0);
  lam_thrift_put_list(out, 1, LAM_THRIFT_STRUCT, (uint32_t)made->chunks);
  for (int i = 0; i < made->chunks; i++) {
    int16_t chunk = lam_thrift_begin(out, 0);
    lam_thrift_put_i64(out, 2, 0);
    int16_t meta = lam_thrift_begin(out, 3);
    lam_thrift_put_i32(out, 1, LAM_INT64);
    lam_thrift_put_list(out, 2, LAM_THRIFT_I32, 0);
    lam_thrift_put_list(out, 3, LAM_THRIFT_BINARY, 0);
    lam_thrift_put_i32(out, 4, LAM_ZSTD);
    lam_thrift_put_i64(out, 5, made->rows);
    lam_thrift_put_i64(out, 6, 100);
    lam_thrift_put_i64(out, 7, made->compressed_size);
    lam_thrift_put_i64(out, 9, made->data_offset);
    lam_thrift_end(out, meta);
    lam_thrift_put_i64(out, 4, 1 << 30); /* an offset index that no file of less has */
    lam_thrift_put_i32(out, 5, 10);
    lam_thrift_end(out, chunk);
  }
  lam_thrift_put_i64(out, 2, 100);
  lam_thrift_put_i64(out, 3, made->rows);
  lam_thrift_end(out, group);
}

/* root { a; g { b*; c? { d } }; e } : leaves a, b, d, e */
static void make(const struct made *made, struct lam_buf *buf) {
  struct lam_thrift_out out = lam_thrift_to(buf, NULL);
  buf->size = 0;
  lam_thrift_put_i32(&out, 1, 2);
  if (made->row_groups_first) put_row_groups(&out, made);
  lam_thrift_put_list(&out, 2, LAM_THRIFT_STRUCT, 7);
  put_element(&out, "root", -1, -1, made->root_children);
  put_element(&out, made->no_names ? NULL : "a", LAM_INT64, LAM_REQUIRED, 0);
  put_element(&out, "g", -1, LAM_OPTIONAL, 2);
  put_element(&out, "b", LAM_BYTE_ARRAY, LAM_REPEATED, 0);
  put_element(&out, "c", -1, LAM_OPTIONAL, 1);
  put_element(&out, "d", LAM_DOUBLE, LAM_REQUIRED, 0);
  put_element(&out, "e", LAM_BOOLEAN, LAM_OPTIONAL, 0);
  if (!made->no_rows) lam_thrift_put_i64(&out, 3, made->rows);
  if (!made->row_groups_first) put_row_groups(&out, made);
  if (made->orders) {
    lam_thrift_put_list(&out, 7, LAM_THRIFT_STRUCT, 1);
    lam_thrift_end(&out, lam_thrift_begin(&out, 0));
  }
  lam_thrift_end(&out, 0);
  assert_int_equal(out.status, LAM_OK);
}

static const struct made good = {.rows = 5, .root_children = 3, .chunks = 4, .data_offset = 4, .compressed_size = 50};

static void tree(void **state) {
  (void)state;
  static const struct {
    const char *name;
    int32_t parent, leaf, leaves;
    int16_t definition, repetition;
  } nodes[] = {{"root", -1, 0, 4, 0, 0}, {"a", 0, 0, 1, 0, 0}, {"g", 0, 1, 2, 1, 0}, {"b", 2, 1, 1, 2, 1},
               {"c", 2, 2, 1, 2, 0},     {"d", 4, 2, 1, 2, 0}, {"e", 0, 3, 1, 1, 0}};
  struct fixture fixture;
  struct lam_arena arena;
  struct lam_buf buf;
  struct lam_file_meta meta;
  fixture_begin(&fixture);
  lam_arena_init(&arena, fixture.mem);
  lam_buf_init(&buf, fixture.mem);
  for (int order = 0; order < 2; order++) { /* the fields of a thrift struct may come in any order */
    struct made made = good;
    made.row_groups_first = order;
    make(&made, &buf);
    OK(lam_file_meta_parse(lam_bytes_of(buf.data, buf.size), 1000, &arena, &meta, &error));
    assert_int_equal(meta.version, 2);
    assert_int_equal(meta.rows, 5);
    assert_int_equal(meta.node_count, 7);
    for (int i = 0; i < 7; i++) {
      const struct lam_schema_node *node = &meta.nodes[i];
      assert_true(text_is(node->name, nodes[i].name));
      assert_int_equal(node->parent, nodes[i].parent);
      assert_int_equal(node->leaf, nodes[i].leaf);
      assert_int_equal(node->leaves, nodes[i].leaves);
      assert_int_equal(node->max_definition, nodes[i].definition);
      assert_int_equal(node->max_repetition, nodes[i].repetition);
      assert_int_equal(node->field_id, -1);
    }
    static const int32_t leaves[] = {1, 3, 5, 6}, tops[] = {1, 2, 6};
    assert_int_equal(meta.leaf_count, 4);
    assert_memory_equal(meta.leaves, leaves, sizeof leaves);
    assert_int_equal(meta.top_count, 3);
    assert_memory_equal(meta.tops, tops, sizeof tops);
    assert_int_equal(meta.row_group_count, 1);
    const struct lam_chunk_meta *chunk = &meta.row_groups[0].chunks[3];
    assert_int_equal(chunk->codec, LAM_ZSTD);
    assert_int_equal(chunk->data_page_offset, 4);
    assert_int_equal(chunk->offset_index_length, 0); /* it lay behind the end: as good as none */
    assert_int_equal(lam_chunk_statistics(chunk).null_count, -1);
    assert_true(lam_chunk_statistics(chunk).max_exact);
  }
  lam_arena_release(&arena);
  lam_buf_release(&buf);
  fixture_end(&fixture);
}

static void refusals(void **state) {
  (void)state;
  struct made no_rows = good, few = good, many = good, deep = good, wide = good, negative = good, behind = good,
              large = good, orders = good, no_names = good;
  no_rows.no_rows = orders.orders = no_names.no_names = true;
  few.root_children = 2;
  many.root_children = 4;
  deep.root_children = -1;
  wide.chunks = 5;
  negative.rows = -5;
  behind.data_offset = 1001;
  large.compressed_size = 1001;
  const struct {
    const struct made *made;
    const char *message;
  } cases[] = {{&no_rows, "Required field num_rows is missing"},
               {&few, "its root's tree ends with element 5"},
               {&many, "its groups ask for more"},
               {&deep, "-1 children"},
               {&wide, "row group 0: it has 5 chunks, but the schema has 4"},
               {&negative, "column 0 ('a')"},
               {&behind, "offset 1001, behind the end of the file of 1000 bytes"},
               {&large, "more than the file's 1000"},
               {&orders, "column orders for 1 columns"},
               {&no_names, "has no name"}};
  struct fixture fixture;
  struct lam_arena arena;
  struct lam_buf buf;
  struct lam_file_meta meta;
  fixture_begin(&fixture);
  lam_arena_init(&arena, fixture.mem);
  lam_buf_init(&buf, fixture.mem);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    make(cases[i].made, &buf);
    FAILS(lam_file_meta_parse(lam_bytes_of(buf.data, buf.size), 1000, &arena, &meta, &error), LAM_CORRUPT,
          cases[i].message);
    assert_null(meta.nodes);
  }
  make(&good, &buf);
  for (size_t cut = 0; cut < buf.size; cut++) {
    struct lam_error error = LAM_ERROR_INIT;
    uint8_t *copy = malloc(cut ? cut : 1);
    lam_copy(copy, buf.data, cut);
    assert_int_equal(lam_file_meta_parse(lam_bytes_of(copy, cut), 1000, &arena, &meta, &error), LAM_CORRUPT);
    free(copy);
  }
  lam_arena_release(&arena);
  lam_buf_release(&buf);
  fixture_end(&fixture);
}

/* Groups in groups: refused beyond a bound, without recursion. */
static void depth(void **state) {
  (void)state;
  struct fixture fixture;
  struct lam_arena arena;
  struct lam_buf buf;
  struct lam_file_meta meta;
  fixture_begin(&fixture);
  lam_arena_init(&arena, fixture.mem);
  lam_buf_init(&buf, fixture.mem);
  for (uint32_t groups = 256; groups <= 257; groups++) {
    struct lam_thrift_out out = lam_thrift_to(&buf, NULL);
    buf.size = 0;
    lam_thrift_put_list(&out, 2, LAM_THRIFT_STRUCT, groups + 1);
    for (uint32_t i = 0; i < groups; i++) put_element(&out, "g", -1, LAM_OPTIONAL, 1);
    put_element(&out, "leaf", LAM_INT32, LAM_OPTIONAL, 0);
    lam_thrift_put_i64(&out, 3, 0);
    lam_thrift_put_list(&out, 4, LAM_THRIFT_STRUCT, 0);
    lam_thrift_end(&out, 0);
    struct lam_bytes footer = lam_bytes_of(buf.data, buf.size);
    if (groups == 256) {
      OK(lam_file_meta_parse(footer, 0, &arena, &meta, &error));
      assert_int_equal(meta.nodes[256].max_definition, 256);
    } else {
      FAILS(lam_file_meta_parse(footer, 0, &arena, &meta, &error), LAM_CORRUPT, "nested deeper than 256");
    }
  }
  lam_arena_release(&arena);
  lam_buf_release(&buf);
  fixture_end(&fixture);
}

/* Every footer of the Parquet project's test files parses, but those known to be bad. */
static void parquet_testing(void **state) {
  (void)state;
  static const char *const folders[] = {"data", "bad_data", "shredded_variant"};
  struct fixture fixture;
  struct lam_arena arena;
  int files = 0;
  fixture_begin(&fixture);
  lam_arena_init(&arena, fixture.mem);
  for (size_t f = 0; f < sizeof folders / sizeof folders[0]; f++) {
    char folder[512], path[1024];
    if (!find_testing(folders[f], folder, sizeof folder)) continue;
    DIR *directory = opendir(folder);
    for (struct dirent *entry; (entry = readdir(directory));) {
      const char *end = strrchr(entry->d_name, '.');
      if (!end || strcmp(end, ".parquet") != 0) continue;
      snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
      struct whole whole = read_whole(path);
      struct lam_bytes footer = footer_of(whole);
      struct lam_file_meta meta;
      struct lam_error error = LAM_ERROR_INIT;
      enum lam_status status = lam_file_meta_parse(footer, whole.size, &arena, &meta, &error);
      bool bad = strcmp(entry->d_name, "ARROW-RS-GH-6229-DICTHEADER.parquet") == 0;
      if (status != (bad ? LAM_CORRUPT : LAM_OK)) fail_msg("%s: %s", path, error.message);
      files++;
      free(whole.data);
    }
    closedir(directory);
  }
  printf("%d files\n", files);
  lam_arena_release(&arena);
  fixture_end(&fixture);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(tree), cmocka_unit_test(refusals), cmocka_unit_test(depth),
                                     cmocka_unit_test(parquet_testing)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
