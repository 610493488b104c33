#include <inttypes.h>

#include "arrow_support.h"
#include "file_support.h"
#include "parquet/append.h"

enum { ROWS = 500 };

/* Rows [first, first + ROWS): an id, and a text that is NULL for every fifth. */
static void make_rows(int64_t first, struct ArrowSchema *schema, struct ArrowArray *batch) {
  static char ids[ROWS][24], texts[ROWS][24];
  const char *id[ROWS], *text[ROWS];
  for (int i = 0; i < ROWS; i++) {
    snprintf(ids[i], sizeof ids[i], "%" PRId64, first + i);
    snprintf(texts[i], sizeof texts[i], "t%" PRId64, first + i);
    id[i] = ids[i];
    text[i] = (first + i) % 5 ? texts[i] : "\1";
  }
  OK(lam_schema_init_struct("", 2, schema, &error));
  OK(lam_array_init_struct(ROWS, 2, batch, &error));
  make_column("bigint", "id", id, ROWS, schema->children[0], batch->children[0]);
  make_column("varchar", "text", text, ROWS, schema->children[1], batch->children[1]);
}

static void write_rows(struct lam_writer *writer, int64_t first) {
  struct ArrowSchema schema;
  struct ArrowArray batch;
  make_rows(first, &schema, &batch);
  OK(lam_writer_write(writer, &batch, &error));
  OK(lam_writer_end_row_group(writer, &error));
  lam_array_release(&batch);
  lam_schema_release(&schema);
}

static struct lam_write_options options_of(void) {
  static const struct lam_column_options columns[] = {{.name = "text", .bloom = LAM_BLOOM_ALWAYS}};
  static const struct lam_write_key_value pair = {"origin", "test"};
  struct lam_write_options options = LAM_WRITE_OPTIONS_INIT;
  options.columns = columns;
  options.column_count = 1;
  options.key_values = &pair;
  options.key_value_count = 1;
  return options;
}

/* A file whose row group i has the rows from 1,000 i on. */
static void write_file(struct lam_store *store, const char *key, int32_t groups) {
  struct ArrowSchema schema;
  struct ArrowArray batch;
  struct lam_writer *writer;
  struct lam_write_options options = options_of();
  make_rows(0, &schema, &batch);
  OK(lam_writer_open_in(store, key, &schema, &options, mem, &writer, &error));
  for (int32_t i = 0; i < groups; i++) write_rows(writer, 1000 * i);
  OK(lam_writer_finish(writer, NULL, &error));
  lam_writer_close(writer);
  lam_array_release(&batch);
  lam_schema_release(&schema);
}

static struct lam_store *new_store(void) {
  struct lam_store *store;
  OK(lam_store_memory(context, &store, &error));
  OK(lam_store_make_directories(store, "", &error));
  return store;
}

static struct lam_writer *continue_file(struct lam_store *store, const struct lam_file *file) {
  struct ArrowSchema schema;
  struct ArrowArray batch;
  struct lam_writer *writer;
  struct lam_write_options options = options_of();
  options.key_value_count = 0;
  make_rows(0, &schema, &batch);
  OK(lam_writer_append_in(store, "part", file, &schema, &options, mem, &writer, &error));
  lam_array_release(&batch);
  lam_schema_release(&schema);
  return writer;
}

/* Ends the writer, and puts what it wrote behind the file. */
static uint64_t finish_append(struct lam_store *store, const char *key, struct lam_writer *writer) {
  struct lam_buf bytes;
  struct lam_output *output;
  struct lam_write_result result = LAM_WRITE_RESULT_INIT;
  struct lam_object_info info;
  lam_buf_init(&bytes, mem);
  OK(lam_writer_finish(writer, &result, &error));
  lam_writer_close(writer);
  OK(lam_store_get(store, "part", 1 << 24, &bytes, &error));
  OK(store->ops->append(store, key, &output, &info, &error));
  assert_int_equal(result.bytes, info.size + bytes.size);
  OK(store->ops->write(output, bytes.data, bytes.size, &error));
  OK(store->ops->close_output(output, &error));
  OK(store->ops->remove(store, "part", &error));
  lam_buf_release(&bytes);
  return info.size;
}

/* The first id of each row group, which has the ids from there on, and the texts that go with them. */
static void want_rows(struct lam_store *store, const char *key, uint64_t size, const int64_t *first, int32_t groups) {
  struct lam_file_options options = LAM_FILE_OPTIONS_INIT;
  struct lam_file *file;
  struct lam_reader *reader;
  struct ArrowArray batch;
  int64_t row = 0;
  options.size = size;
  OK(lam_file_open_in(store, key, &options, mem, &file, &error));
  assert_int_equal(lam_file_row_groups(file), groups);
  assert_int_equal(lam_file_rows(file), ROWS * groups);
  assert_int_equal(lam_file_meta(file)->rows, ROWS * groups);
  OK(lam_reader_open_in(file, NULL, mem, &reader, &error));
  for (;;) {
    OK(lam_reader_next(reader, &batch, &error));
    if (!batch.release) break;
    const int64_t *ids = batch.children[0]->buffers[1];
    const int32_t *offsets = batch.children[1]->buffers[1];
    const char *text = batch.children[1]->buffers[2];
    for (int64_t i = 0; i < batch.length; i++, row++) {
      char expected[24];
      int64_t id = first[row / ROWS] + row % ROWS;
      assert_int_equal(ids[i], id);
      size_t length = (size_t)snprintf(expected, sizeof expected, "t%lld", (long long)id);
      if (id % 5 == 0) length = 0;
      assert_int_equal(offsets[i + 1] - offsets[i], length);
      assert_memory_equal(text + offsets[i], expected, length);
    }
    lam_array_release(&batch);
  }
  assert_int_equal(row, ROWS * groups);
  lam_reader_close(reader);
  lam_file_close(file);
}

static struct lam_file *open_at(struct lam_store *store, const char *key, uint64_t size) {
  struct lam_file_options options = LAM_FILE_OPTIONS_INIT;
  struct lam_file *file;
  options.size = size;
  OK(lam_file_open_in(store, key, &options, mem, &file, &error));
  return file;
}

/* What the footer says of a chunk of both is the same, and its indexes and filter can be read. */
static void want_same_chunks(const struct lam_file *a, int32_t x, const struct lam_file *b, int32_t y) {
  const struct lam_row_group_meta *p = &lam_file_meta(a)->row_groups[x], *q = &lam_file_meta(b)->row_groups[y];
  struct lam_arena arena;
  lam_arena_init(&arena, mem);
  for (int32_t leaf = 0; leaf < 2; leaf++) {
    const struct lam_chunk_meta *c = &p->chunks[leaf], *d = &q->chunks[leaf];
    struct lam_offset_index offsets;
    struct lam_column_index columns;
    struct lam_statistics s = lam_chunk_statistics(c), t = lam_chunk_statistics(d);
    assert_int_equal(c->data_page_offset, d->data_page_offset);
    assert_int_equal(c->dictionary_page_offset, d->dictionary_page_offset);
    assert_int_equal(c->bloom_offset, d->bloom_offset);
    assert_int_equal(c->bloom_length, d->bloom_length);
    assert_int_equal(c->offset_index_offset, d->offset_index_offset);
    assert_int_equal(c->column_index_offset, d->column_index_offset);
    assert_true(d->column_index_length > 0 && (leaf == 0 || d->bloom_offset > 0));
    assert_true(lam_bytes_equal(s.min, t.min) && lam_bytes_equal(s.max, t.max));
    OK(lam_offset_index_read(b, y, leaf, &arena, &offsets, &error));
    OK(lam_column_index_read(b, y, leaf, &arena, &columns, &error));
    assert_true(offsets.count > 0 && columns.count == offsets.count);
  }
  lam_arena_release(&arena);
}

static int64_t dead_of(const struct lam_file *file) {
  int64_t dead;
  OK(lam_file_dead_bytes(file, mem, &dead, &error));
  return dead;
}

static int64_t bytes_of_group(const struct lam_file *file, int32_t group) {
  int64_t bytes = 0;
  for (int32_t i = 0; i < 2; i++) {
    const struct lam_chunk_meta *chunk = &lam_file_meta(file)->row_groups[group].chunks[i];
    bytes += chunk->compressed_size + chunk->bloom_length + chunk->offset_index_length + chunk->column_index_length;
  }
  return bytes;
}

/* A row group replaced and one added, twice; every earlier state stays readable. */
static void test_replace_and_add(void **state) {
  (void)state;
  struct lam_store *store = new_store();
  write_file(store, "f", 3);
  struct lam_file *old = open_at(store, "f", 0);
  assert_int_equal(dead_of(old), 0);
  struct lam_writer *writer = continue_file(store, old);
  OK(lam_writer_copy_row_group(writer, old, 0, &error));
  write_rows(writer, 70000);
  OK(lam_writer_copy_row_group(writer, old, 2, &error));
  write_rows(writer, 80000);
  uint64_t first_size = finish_append(store, "f", writer);
  assert_int_equal(first_size, lam_file_size(old));
  want_rows(store, "f", 0, (int64_t[]){0, 70000, 2000, 80000}, 4);
  want_rows(store, "f", first_size, (int64_t[]){0, 1000, 2000}, 3);

  struct lam_file *now = open_at(store, "f", 0);
  int32_t kept[4];
  lam_append_kept(lam_file_meta(old), lam_file_meta(now), kept);
  assert_memory_equal(kept, ((int32_t[]){0, -1, 2, -1}), sizeof kept);
  want_same_chunks(old, 0, now, 0);
  want_same_chunks(old, 2, now, 2);
  want_same_chunks(now, 1, now, 1);
  assert_int_equal(lam_file_meta(now)->key_value_count, 1);
  assert_true(lam_bytes_equal(lam_key_value_find(lam_file_meta(now), "origin"), lam_bytes_of_string("test")));
  for (int32_t i = 0; i < 4; i++) assert_int_equal(lam_file_meta(now)->row_groups[i].ordinal, i);
  int64_t dead = (int64_t)lam_file_footer_size(old) + 8 + bytes_of_group(old, 1);
  assert_int_equal(dead_of(now), dead);

  writer = continue_file(store, now); /* in another order, without one of them */
  OK(lam_writer_copy_row_group(writer, now, 3, &error));
  OK(lam_writer_copy_row_group(writer, now, 0, &error));
  write_rows(writer, 90000);
  OK(lam_writer_copy_row_group(writer, now, 1, &error));
  uint64_t second_size = finish_append(store, "f", writer);
  want_rows(store, "f", 0, (int64_t[]){80000, 0, 90000, 70000}, 4);
  want_rows(store, "f", second_size, (int64_t[]){0, 70000, 2000, 80000}, 4);
  want_rows(store, "f", first_size, (int64_t[]){0, 1000, 2000}, 3);
  struct lam_file *last = open_at(store, "f", 0);
  lam_append_kept(lam_file_meta(now), lam_file_meta(last), kept);
  assert_memory_equal(kept, ((int32_t[]){3, 0, -1, 1}), sizeof kept);
  dead += (int64_t)lam_file_footer_size(now) + 8 + bytes_of_group(now, 2);
  assert_int_equal(dead_of(last), dead);
  lam_file_close(last);
  lam_file_close(now);
  lam_file_close(old);
  lam_store_close(store);
}

/* Chunks of a column that does not change stay where they are, too. */
static void test_one_column(void **state) {
  (void)state;
  struct lam_store *store = new_store();
  struct ArrowSchema schema;
  struct ArrowArray batch;
  write_file(store, "f", 2);
  struct lam_file *old = open_at(store, "f", 0);
  struct lam_writer *writer = continue_file(store, old);
  OK(lam_writer_copy_row_group(writer, old, 0, &error));
  OK(lam_writer_mix_row_group(writer, old, 1, (int32_t[]){0, LAM_MIX_WRITTEN}, &error));
  make_rows(1000, &schema, &batch);
  lam_array_release(batch.children[0]);
  OK(lam_writer_write(writer, &batch, &error));
  lam_array_release(&batch);
  lam_schema_release(&schema);
  finish_append(store, "f", writer);
  want_rows(store, "f", 0, (int64_t[]){0, 1000}, 2);
  struct lam_file *now = open_at(store, "f", 0);
  const struct lam_chunk_meta *was = lam_file_meta(old)->row_groups[1].chunks;
  const struct lam_chunk_meta *is = lam_file_meta(now)->row_groups[1].chunks;
  assert_int_equal(is[0].data_page_offset, was[0].data_page_offset);
  assert_true(is[1].data_page_offset > (int64_t)lam_file_size(old) - 1);
  int32_t kept[2];
  lam_append_kept(lam_file_meta(old), lam_file_meta(now), kept);
  assert_memory_equal(kept, ((int32_t[]){0, -1}), sizeof kept);
  int64_t dead = (int64_t)lam_file_footer_size(old) + 8 + was[1].compressed_size + was[1].bloom_length +
                 was[1].offset_index_length + was[1].column_index_length;
  assert_int_equal(dead_of(now), dead);
  lam_file_close(now);
  lam_file_close(old);
  lam_store_close(store);
}

static void test_pays(void **state) {
  (void)state;
  struct lam_store *store = new_store();
  bool pays;
  write_file(store, "f", 5);
  write_file(store, "one", 1);
  struct lam_file *file = open_at(store, "f", 0), *one = open_at(store, "one", 0);
  static const struct {
    bool replaced[5], pays;
  } cases[] = {{{false, false, false, false, false}, true},
               {{false, true, false, false, false}, true},
               {{true, false, true, true, false}, false},
               {{true, true, true, true, true}, false}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    OK(lam_append_pays(file, cases[i].replaced, NULL, mem, &pays, &error));
    assert_int_equal(pays, cases[i].pays);
  }
  OK(lam_append_pays(one, (bool[]){true}, NULL, mem, &pays, &error));
  assert_false(pays);
  lam_file_close(file);
  lam_file_close(one);
  lam_store_close(store);
}

/* Other names, other types, and writers whose pages only they may sign for. */
static void test_refusals(void **state) {
  (void)state;
  struct lam_store *store = new_store();
  struct ArrowSchema schema;
  struct ArrowArray batch;
  struct lam_writer *writer;
  write_file(store, "f", 1);
  struct lam_file *file = open_at(store, "f", 0);
  static const struct {
    const char *type, *name, *says;
  } cases[] = {{"bigint", "other", "its column 0 is \"id\", not \"other\""},
               {"int", "id", "its leaf 0 (\"id\") is stored in another way"},
               {"timestamp", "id", "its leaf 0 (\"id\") is stored in another way"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct lam_type type = type_of(cases[i].type);
    make_rows(0, &schema, &batch);
    lam_schema_release(schema.children[0]);
    OK(lam_schema_init(&type, cases[i].name, true, schema.children[0], &error));
    FAILS(lam_writer_append_in(store, "part", file, &schema, NULL, mem, &writer, &error), LAM_UNSUPPORTED,
          cases[i].says);
    lam_array_release(&batch);
    lam_schema_release(&schema);
  }
  bool staged;
  OK(lam_store_exists(store, "part", &staged, &error));
  assert_false(staged);
  lam_file_close(file);
  lam_store_close(store);
}

/* A file of another writer: its own names and annotations stay, bounds without an order go, as they do when its row
 * groups are copied. */
static void test_other_writer(void **state) {
  (void)state;
  struct lam_store *store = new_store();
  struct lam_writer *writer;
  struct ArrowSchema schema;
  put_file(store, mem, "f", 2, 100);
  struct lam_file *old = open_at(store, "f", 0);
  assert_int_equal(dead_of(old), 100);
  OK(lam_file_schema(old, &schema, &error));
  OK(lam_writer_append_in(store, "part", old, &schema, NULL, mem, &writer, &error));
  OK(lam_writer_copy_row_group(writer, old, 1, &error));
  finish_append(store, "f", writer);
  struct lam_file *now = open_at(store, "f", 0);
  const struct lam_file_meta *a = lam_file_meta(old), *b = lam_file_meta(now);
  assert_int_equal(b->rows, FILE_ROWS);
  assert_int_equal(b->node_count, a->node_count);
  for (int32_t i = 0; i < a->node_count; i++) {
    assert_true(lam_bytes_equal(a->nodes[i].name, b->nodes[i].name));
    assert_int_equal(a->nodes[i].field_id, b->nodes[i].field_id);
    assert_int_equal(a->nodes[i].converted, b->nodes[i].converted);
    assert_int_equal(a->nodes[i].logical.kind, b->nodes[i].logical.kind);
  }
  assert_int_equal(b->row_groups[0].chunks[1].data_page_offset, a->row_groups[1].chunks[1].data_page_offset);
  lam_file_close(now);
  lam_file_close(old);
  lam_schema_release(&schema);
  lam_store_close(store);
}

/* An unfinished append leaves nothing. */
static void test_given_up(void **state) {
  (void)state;
  struct lam_store *store = new_store();
  bool staged;
  write_file(store, "f", 1);
  struct lam_file *old = open_at(store, "f", 0);
  struct lam_writer *writer = continue_file(store, old);
  write_rows(writer, 5);
  lam_writer_close(writer);
  OK(lam_store_exists(store, "part", &staged, &error));
  assert_false(staged);
  lam_file_close(old);
  lam_store_close(store);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      MEM_TEST(test_replace_and_add), MEM_TEST(test_one_column),   MEM_TEST(test_pays),
      MEM_TEST(test_refusals),        MEM_TEST(test_other_writer), MEM_TEST(test_given_up),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
