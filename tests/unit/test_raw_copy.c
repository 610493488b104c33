#include <unistd.h>

#include "arrow_support.h"
#include "lamella/parquet.h"
#include "parquet/writer.h"

#define KNOWN LAM_SOURCE_DIR "/../shared/parquet-testing/data"

/* All values of the file as texts, a line a row. */
static void dump(struct lam_file *file, struct lam_buf *out) {
  struct lam_reader *reader;
  struct ArrowSchema schema;
  struct ArrowArray batch;
  OK(lam_reader_open_in(file, NULL, mem, &reader, &error));
  OK(lam_reader_schema(reader, &schema, &error));
  for (;;) {
    OK(lam_reader_next(reader, &batch, &error));
    if (!batch.release) break;
    for (int64_t row = 0; row < batch.length; row++) {
      for (int64_t i = 0; i < batch.n_children; i++) {
        struct lam_view view;
        OK(lam_view_init(schema.children[i], batch.children[i], &view, &error));
        OK(lam_buf_append(out, "|", 1, &error));
        if (lam_view_valid(&view, row)) OK(lam_value_text(&view, row, out, &error));
      }
      OK(lam_buf_append(out, "\n", 1, &error));
    }
    lam_array_release(&batch);
  }
  lam_schema_release(&schema);
  lam_reader_close(reader);
}

/* Copies each row group twice, and expects every value twice. */
static void copy_file(struct lam_store *from, const char *key, struct lam_store *to, bool *bloom, bool *index) {
  struct lam_file *file, *copied;
  struct lam_writer *writer;
  struct ArrowSchema schema;
  struct lam_write_options options = LAM_WRITE_OPTIONS_INIT;
  OK(lam_file_open_in(from, key, NULL, mem, &file, &error));
  OK(lam_file_schema(file, &schema, &error));
  OK(lam_writer_open_in(to, "copy", &schema, &options, mem, &writer, &error));
  for (int round = 0; round < 2; round++)
    for (int32_t g = 0; g < lam_file_row_groups(file); g++) OK(lam_writer_copy_row_group(writer, file, g, &error));
  FAILS(lam_writer_copy_row_group(writer, file, 1000, &error), LAM_INVALID, "there is no row group 1000");
  OK(lam_writer_finish(writer, NULL, &error));
  lam_writer_close(writer);

  OK(lam_file_open_in(to, "copy", NULL, mem, &copied, &error));
  const struct lam_file_meta *a = lam_file_meta(file), *b = lam_file_meta(copied);
  assert_int_equal(b->rows, 2 * a->rows);
  assert_int_equal(b->row_group_count, 2 * a->row_group_count);
  for (int32_t g = 0; g < b->row_group_count; g++) {
    assert_int_equal(b->row_groups[g].ordinal, g);
    for (int32_t i = 0; i < b->leaf_count; i++) {
      const struct lam_chunk_meta *x = &a->row_groups[g % a->row_group_count].chunks[i];
      const struct lam_chunk_meta *y = &b->row_groups[g].chunks[i];
      assert_int_equal(x->compressed_size, y->compressed_size);
      struct lam_chunk_details a_details, b_details;
      lam_chunk_details(x, &a_details);
      lam_chunk_details(y, &b_details);
      const struct lam_statistics *s = &a_details.statistics, *t = &b_details.statistics;
      assert_int_equal(s->null_count, t->null_count);
      if (t->max.data) assert_true(lam_bytes_equal(s->max, t->max));
      assert_true(lam_bytes_equal(a_details.encoding_stats, b_details.encoding_stats));
      if (x->bloom_offset > 0) {
        uint8_t theirs[64], ours[64];
        assert_true(y->bloom_length >= 32);
        size_t size = lam_min_u64((uint64_t)y->bloom_length, sizeof ours);
        OK(lam_file_read(file, (uint64_t)x->bloom_offset, theirs, size, &error));
        OK(lam_file_read(copied, (uint64_t)y->bloom_offset, ours, size, &error));
        assert_memory_equal(ours, theirs, size);
        *bloom = true;
      }
      assert_int_equal(x->offset_index_length > 0, y->offset_index_length > 0);
      /* Bounds that no column order stands behind (the second of the known files) do not come along. */
      bool ordered = a->column_orders && a->column_orders[i] == LAM_ORDER_TYPE_DEFINED;
      assert_int_equal(y->column_index_length, ordered ? x->column_index_length : 0);
      *index |= y->column_index_length > 0;
    }
  }
  struct lam_buf once, twice;
  lam_buf_init(&once, mem);
  lam_buf_init(&twice, mem);
  dump(file, &once);
  dump(copied, &twice);
  assert_int_equal(twice.size, 2 * once.size);
  if (once.size) {
    assert_memory_equal(twice.data, once.data, once.size);
    assert_memory_equal(twice.data + once.size, once.data, once.size);
  }
  lam_buf_release(&once);
  lam_buf_release(&twice);
  lam_file_close(copied);
  lam_file_close(file);
  lam_schema_release(&schema);
  OK(to->ops->remove(to, "copy", &error));
}

/* Files of other writers, with page indexes and bloom filters. */
static void test_known_files(void **state) {
  (void)state;
  static const char *const names[] = {"data_index_bloom_encoding_stats.parquet",
                                      "data_index_bloom_encoding_with_length.parquet"};
  if (access(KNOWN, F_OK) != 0) skip();
  struct lam_store *from, *to;
  bool bloom = false, index = false;
  OK(lam_store_local(context, KNOWN, &from, &error));
  OK(lam_store_memory(context, &to, &error));
  OK(lam_store_make_directories(to, "", &error));
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) copy_file(from, names[i], to, &bloom, &index);
  assert_true(bloom && index);
  lam_store_close(from);
  lam_store_close(to);
}

/* Our own files, and groups that do not fit. */
static void test_own_files(void **state) {
  (void)state;
  const char *texts[] = {"1", "2", "\1", "4", "5"};
  struct lam_store *store;
  struct lam_writer *writer;
  struct ArrowSchema schema;
  struct ArrowArray batch;
  bool bloom = false, index = false;
  OK(lam_store_memory(context, &store, &error));
  OK(lam_store_make_directories(store, "", &error));
  OK(lam_schema_init_struct("", 1, &schema, &error));
  OK(lam_array_init_struct(5, 1, &batch, &error));
  make_column("bigint", "x", texts, 5, schema.children[0], batch.children[0]);
  struct lam_write_options options = LAM_WRITE_OPTIONS_INIT;
  options.row_group_rows = 3;
  OK(lam_writer_open_in(store, "a", &schema, &options, mem, &writer, &error));
  OK(lam_writer_write(writer, &batch, &error));
  OK(lam_writer_finish(writer, NULL, &error));
  lam_writer_close(writer);
  copy_file(store, "a", store, &bloom, &index);

  struct lam_file *file;
  struct lam_type text = type_of("varchar");
  lam_schema_release(schema.children[0]);
  OK(lam_schema_init(&text, "x", true, schema.children[0], &error));
  OK(lam_file_open_in(store, "a", NULL, mem, &file, &error));
  OK(lam_writer_open_in(store, "b", &schema, NULL, mem, &writer, &error));
  FAILS(lam_writer_copy_row_group(writer, file, 0, &error), LAM_INVALID, "column 0 (\"x\") is BYTE_ARRAY");
  OK(lam_writer_finish(writer, NULL, &error)); /* a refusal has changed nothing */
  assert_int_equal(lam_writer_meta(writer)->rows, 0);
  lam_writer_close(writer);
  lam_file_close(file);
  lam_array_release(&batch);
  lam_schema_release(&schema);
  lam_store_close(store);
}

int main(void) {
  const struct CMUnitTest tests[] = {MEM_TEST(test_known_files), MEM_TEST(test_own_files)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
