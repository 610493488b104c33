#include "arrow_support.h"
#include "parquet/chunk_write.h"
#include "parquet/encoding.h"

/* Appends `count` numbers below `distinct` and gives the chunk's description. */
static struct lam_chunk_meta describe(uint64_t distinct, int64_t count, struct lam_arena *arena) {
  struct lam_type type = type_of("bigint");
  struct lam_schema_node leaf = {.physical = LAM_INT64, .converted = LAM_CONVERTED_NONE};
  struct lam_chunk_options options = {.codec = LAM_UNCOMPRESSED,
                                      .statistics = true,
                                      .page_bytes = 1 << 16,
                                      .dictionary_bytes = 1 << 20,
                                      .row_group_rows = 1 << 20};
  struct ArrowSchema schema;
  struct ArrowArray array;
  struct lam_builder builder;
  struct lam_view view;
  struct lam_chunk_writer chunk;
  struct lam_page_pool pool;
  struct lam_workspace workspace;
  struct lam_chunk_meta meta;
  uint64_t random = 7;
  OK(lam_schema_init(&type, "x", false, &schema, &error));
  OK(lam_builder_init(&builder, mem, &type, &error));
  for (int64_t i = 0; i < count; i++) {
    uint64_t value = next_random(&random) % distinct;
    OK(lam_builder_fixed(&builder, &value, &error));
  }
  OK(lam_builder_finish(&builder, &array, &error));
  OK(lam_view_init(&schema, &array, &view, &error));
  lam_workspace_init(&workspace, mem);
  lam_page_pool_init(&pool, mem);
  OK(lam_chunk_writer_init(&chunk, &pool, &type, &leaf, &options, &error));
  OK(lam_chunk_append(&chunk, &workspace, &view, 0, count / 2, &error));
  OK(lam_chunk_append(&chunk, &workspace, &view, count / 2, count - count / 2, &error));
  OK(lam_chunk_finish(&chunk, &workspace, &error));
  OK(lam_chunk_describe(&chunk, arena, &meta, &error));
  assert_int_equal(meta.values, count);
  assert_int_equal(meta.compressed_size, meta.uncompressed_size);
  lam_chunk_writer_release(&chunk);
  lam_page_pool_destroy(&pool);
  lam_workspace_release(&workspace);
  lam_builder_release(&builder);
  lam_array_release(&array);
  lam_schema_release(&schema);
  return meta;
}

/* The dictionary stays where it pays, and only there. */
static void test_dictionary_pays(void **state) {
  (void)state;
  struct lam_arena arena;
  lam_arena_init(&arena, mem);
  struct lam_chunk_meta few = describe(100, 100000, &arena);
  assert_true(few.has_dictionary_offset && few.all_pages_dictionary);
  assert_true(few.compressed_size < 100000 * 7 / 8 + 2000);
  assert_int_equal(few.encodings, 1u << LAM_PLAIN_DICTIONARY);
  struct lam_chunk_meta many = describe(UINT64_MAX, 100000, &arena);
  assert_false(many.has_dictionary_offset);
  assert_int_equal(many.encodings, 1u << LAM_PLAIN);
  assert_in_range(many.compressed_size, 800000, 802000);
  struct lam_chunk_meta tiny = describe(UINT64_MAX, 3, &arena); /* one page that does not pay becomes plain */
  assert_false(tiny.has_dictionary_offset);
  lam_arena_release(&arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {MEM_TEST(test_dictionary_pays)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
