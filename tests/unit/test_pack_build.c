/* Packs built and read back: bounds of every kind, cut ones, columns that files lack, files of an older pack. */
#include "arrow_support.h"
#include "parquet/writer.h"
#include "sidecar/pack.h"
#include "store/store.h"

enum { LEAVES = 4, LONG = PACK_LONGEST + 3 };
static const char *const types[LEAVES] = {"int64", "string", "decimal(30,2)", "double"};
static const char *const names[LEAVES] = {"i", "s", "d", "f"};

/* A file without rows of some of the columns, for its metadata. */
static struct lam_file *file_of(struct lam_store *store, int first, int count) {
  struct ArrowSchema schema;
  struct lam_writer *writer;
  struct lam_file *file;
  OK(lam_schema_init_struct("", count, &schema, &error));
  for (int c = 0; c < count; c++) {
    struct lam_type type = type_of(types[first + c]);
    OK(lam_schema_init(&type, names[first + c], true, schema.children[c], &error));
  }
  OK(lam_writer_open_in(store, names[first], &schema, NULL, mem, &writer, &error));
  OK(lam_writer_finish(writer, NULL, &error));
  lam_writer_close(writer);
  OK(lam_file_open_in(store, names[first], NULL, mem, &file, &error));
  lam_schema_release(&schema);
  return file;
}

static struct lam_facts_column none(void) {
  return (struct lam_facts_column){.nulls = -1, .may_be_nan = true};
}
static struct lam_facts_column facts_of(const char *type, const char *min, const char *max, int64_t nulls) {
  struct lam_facts_column facts = {
      .nulls = nulls, .has_min = true, .has_max = true, .min_exact = true, .max_exact = true};
  struct lam_type of = type_of(type);
  if (lam_type_is_binary(of.id)) {
    facts.min = (struct lam_scalar){.type = of, .bytes = lam_bytes_of_string(min)};
    facts.max = (struct lam_scalar){.type = of, .bytes = lam_bytes_of_string(max)};
    return facts;
  }
  const char *const texts[] = {min, max};
  struct ArrowSchema schema;
  struct ArrowArray array;
  struct lam_view view;
  make_column(type, "", texts, 2, &schema, &array);
  OK(lam_view_init(&schema, &array, &view, &error));
  for (int i = 0; i < 2; i++) {
    const uint8_t *at = (const uint8_t *)view.data + (size_t)i * (size_t)lam_type_bits(&of) / 8;
    lam_scalar_load(&of, at, i ? &facts.max : &facts.min);
  }
  lam_array_release(&array);
  lam_schema_release(&schema);
  return facts;
}

static void begin(struct lam_pack_builder **b, uint32_t files) {
  OK(lam_pack_builder_open(mem, files, b, &error));
  OK(lam_pack_add_directory(*b, "", (struct pack_directory){.inode = 1}, &error));
}
static void add_file(struct lam_pack_builder *b, const char *key, uint32_t schema, uint64_t rows,
                     const struct lam_facts_column *facts) {
  OK(lam_pack_add_file(b, key, (struct pack_file){.schema = schema, .rows = rows, .size = 7 * rows}, facts, &error));
}
/* The builder goes. */
static struct lam_pack *finish(struct lam_pack_builder *b, struct lam_buf *bytes) {
  struct lam_pack *pack;
  lam_buf_init(bytes, mem);
  OK(lam_pack_finish(b, 5, 6, bytes, &error));
  lam_pack_builder_close(b);
  OK(lam_pack_open_bytes(lam_bytes_of(bytes->data, bytes->size), "made", mem, &pack, &error));
  OK(lam_pack_verify(pack, &error));
  assert_int_equal(pack->head.taken_ns, 5);
  assert_int_equal(pack->head.sequence, 6);
  return pack;
}
static void drop(struct lam_pack *pack, struct lam_buf *bytes) {
  lam_pack_close(pack);
  lam_buf_release(bytes);
}

static struct lam_facts_column facts_in(const struct lam_pack *pack, uint32_t file, int32_t leaf, const char *type) {
  struct lam_pack_bounds bounds;
  struct lam_facts_column facts;
  struct lam_type of = type_of(type);
  bool there;
  OK(lam_pack_bounds(pack, pack->files[file].schema, leaf, &there, &bounds, &error));
  assert_true(there);
  lam_pack_facts(&bounds, file, &of, &facts);
  return facts;
}
static void want_same(struct lam_facts_column found, struct lam_facts_column wanted) {
  assert_int_equal(found.nulls, wanted.nulls);
  assert_int_equal(found.may_be_nan, wanted.may_be_nan);
  assert_int_equal(found.only_nan, wanted.only_nan);
  assert_int_equal(found.has_min, wanted.has_min);
  assert_int_equal(found.has_max, wanted.has_max);
  if (wanted.has_min) assert_true(found.min_exact == wanted.min_exact && !lam_scalar_compare(&found.min, &wanted.min));
  if (wanted.has_max) assert_true(found.max_exact == wanted.max_exact && !lam_scalar_compare(&found.max, &wanted.max));
}

/* Bounds come back as they were given; and again from a pack that was made of the first. */
static void test_bounds(void **state) {
  (void)state;
  const struct lam_facts_column given[3][LEAVES] = {
      {facts_of("int64", "-9223372036854775808", "9223372036854775807", 0), facts_of("string", "", "zz", 3),
       facts_of("decimal(30,2)", "-99999999999999999999.99", "0.01", 1), facts_of("double", "-1.5", "1e300", 2)},
      {none(), none(), none(), none()},
      {facts_of("int64", "5", "5", 9),
       facts_of("string", "a", "a", 0),
       facts_of("decimal(30,2)", "1", "1", 0),
       {.nulls = 4, .may_be_nan = true, .only_nan = true}},
  };
  struct lam_store *store;
  struct lam_pack_builder *b;
  struct lam_buf bytes, again;
  uint32_t schema, same;
  OK(lam_store_memory(context, &store, &error));
  struct lam_file *file = file_of(store, 0, LEAVES);
  begin(&b, 4);
  OK(lam_pack_add_schema(b, lam_file_meta(file), &schema, &error));
  OK(lam_pack_add_schema(b, lam_file_meta(file), &same, &error));
  assert_int_equal(schema, same);
  static const char *const keys[] = {"a", "b", "c"};
  for (uint64_t i = 0; i < 3; i++) add_file(b, keys[i], schema, i, given[i]);
  add_file(b, "unknown", PACK_NONE, 0, NULL);
  struct lam_pack *first = finish(b, &bytes);
  begin(&b, 4);
  for (uint32_t i = 0; i < 4; i++) OK(lam_pack_add_known(b, first, i, &error));
  struct lam_pack *second = finish(b, &again);
  struct lam_pack *const packs[] = {first, second};
  for (int p = 0; p < 2; p++) {
    assert_int_equal(packs[p]->head.files, 4);
    assert_int_equal(packs[p]->head.schemas, 1);
    assert_int_equal(packs[p]->head.columns, LEAVES);
    for (uint32_t i = 0; i < 3; i++)
      for (int32_t leaf = 0; leaf < LEAVES; leaf++) want_same(facts_in(packs[p], i, leaf, types[leaf]), given[i][leaf]);
    assert_int_equal(packs[p]->files[3].schema, PACK_NONE);
    assert_int_equal(packs[p]->files[2].size, 14);
    /* A bound of another type says nothing. */
    assert_false(facts_in(packs[p], 0, 0, "string").has_min);
    assert_false(facts_in(packs[p], 0, 1, "int64").has_max);
  }
  assert_int_equal(bytes.size, again.size);
  drop(first, &bytes);
  drop(second, &again);
  lam_file_close(file);
  lam_store_close(store);
}

/* Long texts: a minimum is cut, a maximum raised; one of 0xff alone has nothing above it. */
static void test_cut(void **state) {
  (void)state;
  char a[LONG + 1], top[LONG + 1], high[LONG + 1], edge[PACK_LONGEST + 1];
  memset(a, 'a', LONG), memset(top, 0xff, LONG), memset(high, 0xff, LONG), memset(edge, 'e', PACK_LONGEST);
  a[LONG] = top[LONG] = high[LONG] = edge[PACK_LONGEST] = 0;
  high[0] = 'h';
  struct lam_store *store;
  struct lam_pack_builder *b;
  struct lam_buf bytes;
  uint32_t schema;
  OK(lam_store_memory(context, &store, &error));
  struct lam_file *file = file_of(store, 1, 1);
  begin(&b, 3);
  OK(lam_pack_add_schema(b, lam_file_meta(file), &schema, &error));
  const struct lam_facts_column given[] = {facts_of("string", a, a, 0), facts_of("string", a, top, 0),
                                           facts_of("string", edge, high, 0)};
  static const char *const keys[] = {"a", "b", "c"};
  for (int i = 0; i < 3; i++) add_file(b, keys[i], schema, 1, &given[i]);
  struct lam_pack *pack = finish(b, &bytes);
  struct lam_facts_column found = facts_in(pack, 0, 0, "string");
  assert_int_equal(found.min.bytes.size, PACK_LONGEST);
  assert_memory_equal(found.min.bytes.data, a, PACK_LONGEST);
  assert_false(found.min_exact || found.max_exact);
  assert_int_equal(found.max.bytes.size, PACK_LONGEST);
  assert_int_equal(found.max.bytes.data[PACK_LONGEST - 1], 'b');
  assert_true(lam_scalar_compare(&found.max, &given[0].max) > 0);
  found = facts_in(pack, 1, 0, "string");
  assert_true(found.has_min && !found.has_max);
  found = facts_in(pack, 2, 0, "string");
  assert_true(found.min_exact && found.min.bytes.size == PACK_LONGEST);
  assert_true(lam_bytes_equal(found.max.bytes, lam_bytes_of_string("i")));
  drop(pack, &bytes);
  lam_file_close(file);
  lam_store_close(store);
}

/* Schemas share the columns that they have in common; a file that lacks one has zeros there. */
static void test_schemas(void **state) {
  (void)state;
  struct lam_store *store;
  struct lam_pack_builder *b;
  struct lam_buf bytes;
  uint32_t wide, narrow;
  OK(lam_store_memory(context, &store, &error));
  struct lam_file *all = file_of(store, 0, 2), *one = file_of(store, 1, 2);
  begin(&b, 3);
  OK(lam_pack_add_schema(b, lam_file_meta(all), &wide, &error));
  OK(lam_pack_add_schema(b, lam_file_meta(one), &narrow, &error));
  assert_int_not_equal(wide, narrow);
  const struct lam_facts_column in_all[] = {facts_of("int64", "1", "2", 0), facts_of("string", "k", "m", 0)};
  const struct lam_facts_column in_one[] = {facts_of("string", "x", "y", 0), facts_of("decimal(30,2)", "3", "4", 0)};
  add_file(b, "a", wide, 1, in_all);
  add_file(b, "b", narrow, 1, in_one);
  add_file(b, "c", wide, 1, in_all);
  struct lam_pack *pack = finish(b, &bytes);
  assert_int_equal(pack->head.schemas, 2);
  assert_int_equal(pack->head.columns, 3);
  want_same(facts_in(pack, 0, 1, "string"), in_all[1]);
  want_same(facts_in(pack, 1, 0, "string"), in_one[0]);
  want_same(facts_in(pack, 2, 0, "int64"), in_all[0]);
  struct lam_pack_bounds bounds;
  struct lam_arena arena;
  struct lam_file_meta meta;
  bool there;
  OK(lam_pack_bounds(pack, wide, 2, &there, &bounds, &error));
  assert_false(there);
  lam_arena_init(&arena, mem);
  OK(lam_pack_schema(pack, narrow, &arena, &meta, &error));
  assert_int_equal(meta.leaf_count, 2);
  assert_int_equal(meta.row_group_count, 0);
  assert_true(lam_bytes_equal(meta.nodes[meta.leaves[1]].name, lam_bytes_of_string("d")));
  lam_arena_release(&arena);
  drop(pack, &bytes);
  lam_file_close(all);
  lam_file_close(one);
  lam_store_close(store);
}

static void test_directories(void **state) {
  (void)state;
  struct lam_pack_builder *b;
  struct lam_buf bytes;
  begin(&b, 2);
  FAILS(lam_pack_add_directory(b, "p=1/q=1", (struct pack_directory){0}, &error), LAM_INVALID, "p=1/q=1");
  OK(lam_pack_add_directory(b, "p=1", (struct pack_directory){.inode = 2}, &error));
  OK(lam_pack_add_directory(b, "p=1/q=1", (struct pack_directory){.inode = 3}, &error));
  add_file(b, "p=1/q=1/a", PACK_NONE, 0, NULL);
  add_file(b, "p=1/q=1/b", PACK_NONE, 0, NULL);
  OK(lam_pack_add_directory(b, "p=10", (struct pack_directory){.inode = 4}, &error));
  struct lam_pack *pack = finish(b, &bytes);
  static const char *const keys[] = {"", "p=1", "p=1/q=1", "p=10"};
  static const uint32_t parents[] = {PACK_NONE, 0, 1, 0};
  for (uint32_t i = 0; i < 4; i++) {
    assert_int_equal(lam_pack_find_directory(pack, keys[i]), i);
    assert_int_equal(pack->directories[i].parent, parents[i]);
    assert_int_equal(pack->directories[i].files, i == 2 ? 2 : 0);
    assert_int_equal(pack->directories[i].inode, i + 1);
  }
  assert_int_equal(lam_pack_find_directory(pack, "p=1/q"), PACK_NONE);
  assert_int_equal(lam_pack_find_directory(pack, "z"), PACK_NONE);
  assert_int_equal(lam_pack_find_file(pack, 2, "b"), 1);
  assert_int_equal(lam_pack_find_file(pack, 2, "c"), PACK_NONE);
  assert_int_equal(lam_pack_find_file(pack, 3, "a"), PACK_NONE);
  drop(pack, &bytes);
}

int main(void) {
  const struct CMUnitTest tests[] = {MEM_TEST(test_bounds), MEM_TEST(test_cut), MEM_TEST(test_schemas),
                                     MEM_TEST(test_directories)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
