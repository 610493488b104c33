#include "file_support.h"
#include "parquet/reader.h"

struct opened {
  struct page_fixture f;
  struct lam_store *store;
  struct lam_file *file;
};

static void open_file(struct opened *o, uint32_t threads, int32_t groups) {
  struct lam_context_options options = LAM_CONTEXT_OPTIONS_INIT;
  options.threads = threads;
  options.memory_limit = 64 << 20;
  assert_int_equal(lam_context_create(&options, &o->f.context, NULL), LAM_OK);
  assert_int_equal(lam_mem_open(o->f.context, 0, &o->f.mem, NULL), LAM_OK);
  lam_codec_init(&o->f.codec, o->f.mem);
  assert_int_equal(lam_store_memory(o->f.context, &o->store, NULL), LAM_OK);
  put_file(o->store, o->f.mem, "f", groups, 70000);
  assert_int_equal(lam_file_open_in(o->store, "f", NULL, o->f.mem, &o->file, NULL), LAM_OK);
}

static void close_file(struct opened *o) {
  lam_file_close(o->file);
  lam_store_close(o->store);
  page_fixture_end(&o->f);
}

/* The columns "text" and "id", in that order, from row `first` of their row group on. */
static void check_batch(const struct ArrowSchema *schema, const struct ArrowArray *batch, int64_t first) {
  struct lam_view text, id;
  assert_int_equal(lam_view_init(schema->children[0], batch->children[0], &text, NULL), LAM_OK);
  assert_int_equal(lam_view_init(schema->children[1], batch->children[1], &id, NULL), LAM_OK);
  assert_int_equal(text.length, batch->length);
  for (int64_t i = 0; i < batch->length; i++) {
    char expected[16];
    int size = snprintf(expected, sizeof expected, "s%d", (int)(first + i));
    bool valid = (first + i) % 5 != 3;
    assert_int_equal(lam_view_valid(&text, i), valid);
    assert_int_equal(lam_view_valid(&id, i), valid);
    if (!valid) continue;
    assert_int_equal(((const int32_t *)id.data)[id.offset + i], first + i);
    struct lam_view values = text;
    int64_t at = i;
    if (text.dictionary_array) {
      assert_int_equal(lam_view_dictionary(&text, &values, NULL), LAM_OK);
      at = lam_view_index(&text, i);
    }
    assert_true(lam_bytes_equal(lam_view_bytes(&values, at), lam_bytes_of(expected, (size_t)size)));
  }
}

/* The same where "text" comes as views. */
static void check_views(struct lam_mem *mem, const struct ArrowSchema *schema, const struct ArrowArray *batch,
                        int64_t first) {
  struct ArrowSchema plain_schema, *schemas[] = {&plain_schema, schema->children[1]};
  struct ArrowArray plain, *arrays[] = {&plain, batch->children[1]};
  bool changed;
  assert_string_equal(schema->children[0]->format, "vu");
  assert_string_equal(schema->children[0]->name, "text");
  assert_int_equal(lam_array_plain(mem, schema->children[0], batch->children[0], &plain_schema, &plain, &changed, NULL),
                   LAM_OK);
  assert_true(changed);
  struct ArrowSchema top_schema = {.n_children = 2, .children = schemas};
  struct ArrowArray top = {.length = batch->length, .n_children = 2, .children = arrays};
  check_batch(&top_schema, &top, first);
  lam_schema_release(&plain_schema);
  lam_array_release(&plain);
}

static void batches_of_any_size(void **state) {
  (void)state;
  static const int64_t sizes[] = {0, 1, 7, 999, 1000, 5000};
  static const int32_t columns[] = {1, 0}, groups[] = {2, 0};
  struct opened o;
  open_file(&o, 2, 3);
  for (size_t s = 0; s < 18; s++) {
    struct lam_read_options options = LAM_READ_OPTIONS_INIT;
    struct lam_reader *reader;
    struct ArrowSchema schema;
    struct ArrowArray batch;
    options.columns = columns, options.column_count = 2;
    options.row_groups = groups, options.row_group_count = 2;
    options.batch_rows = sizes[s % 6];
    options.dictionaries = s / 6 == 1;
    options.string_views = s / 6 == 2;
    assert_int_equal(lam_reader_open_in(o.file, &options, o.f.mem, &reader, NULL), LAM_OK);
    assert_int_equal(lam_reader_schema(reader, &schema, NULL), LAM_OK);
    assert_string_equal(schema.children[0]->name, "text");
    int64_t rows = 0;
    for (;;) {
      assert_int_equal(lam_reader_next(reader, &batch, NULL), LAM_OK);
      if (!batch.release) break;
      assert_true(options.batch_rows == 0 || batch.length <= options.batch_rows);
      if (options.string_views)
        check_views(o.f.mem, &schema, &batch, rows % FILE_ROWS);
      else
        check_batch(&schema, &batch, rows % FILE_ROWS);
      rows += batch.length;
      lam_array_release(&batch);
    }
    assert_int_equal(rows, 2 * FILE_ROWS);
    lam_schema_release(&schema);
    lam_reader_close(reader);
  }
  close_file(&o);
}

/* Ranges of rows, in batches of any size, are the rows that were asked for. */
static void chosen_rows(void **state) {
  (void)state;
  static const int32_t columns[] = {1, 0}, groups[] = {0};
  static const int64_t sizes[] = {0, 1, 7, 999};
  struct opened o;
  open_file(&o, 2, 3);
  for (size_t s = 0; s < 8; s++) {
    struct lam_read_options options = LAM_READ_OPTIONS_INIT;
    struct lam_reader *reader;
    struct ArrowSchema schema;
    struct ArrowArray batch;
    options.columns = columns, options.column_count = 2;
    options.row_groups = groups, options.row_group_count = 1;
    options.batch_rows = sizes[s % 4];
    options.dictionaries = s >= 4;
    assert_int_equal(lam_reader_open(o.file, &options, &reader, NULL), LAM_OK);
    assert_int_equal(lam_reader_schema(reader, &schema, NULL), LAM_OK);
    for (int32_t group = 2; group >= 0; group--) {
      struct lam_range ranges[] = {{3, 4}, {10, 200}, {201, 202}, {990, 1000}};
      size_t at = 0;
      assert_int_equal(lam_reader_begin(reader, group, NULL), LAM_OK);
      while (at < 4) {
        int64_t taken;
        assert_int_equal(lam_reader_read(reader, ranges + at, 4 - at, &taken, &batch, NULL), LAM_OK);
        assert_true(taken > 0 && taken == batch.length && (sizes[s % 4] == 0 || taken <= sizes[s % 4]));
        for (int64_t row = 0; row < taken; row++) {
          struct ArrowArray one = {.length = 1, .n_children = 2, .children = batch.children};
          for (int c = 0; c < 2; c++) batch.children[c]->offset += row, batch.children[c]->length = 1;
          check_batch(&schema, &one, ranges[at].first);
          for (int c = 0; c < 2; c++) batch.children[c]->offset -= row;
          if (++ranges[at].first == ranges[at].end) at++;
        }
        lam_array_release(&batch);
      }
      int64_t taken;
      assert_int_equal(lam_reader_read(reader, ranges, 0, &taken, &batch, NULL), LAM_OK);
      assert_null(batch.release);
    }
    lam_schema_release(&schema);
    lam_reader_close(reader);
  }
  close_file(&o);
}

static void no_columns_still_count_rows(void **state) {
  (void)state;
  struct opened o;
  struct lam_read_options options = LAM_READ_OPTIONS_INIT;
  struct lam_reader *reader;
  struct ArrowArray batch;
  int64_t rows = 0;
  open_file(&o, 1, 3);
  options.columns = (const int32_t[]){0};
  assert_int_equal(lam_reader_open_in(o.file, &options, o.f.mem, &reader, NULL), LAM_OK);
  for (;; rows += batch.length, lam_array_release(&batch)) {
    assert_int_equal(lam_reader_next(reader, &batch, NULL), LAM_OK);
    if (!batch.release) break;
  }
  assert_int_equal(rows, 3 * FILE_ROWS);
  lam_reader_close(reader);
  close_file(&o);
}

static void batches_outlive_their_reader(void **state) {
  (void)state;
  struct opened o;
  struct ArrowArrayStream stream;
  struct ArrowSchema schema;
  struct ArrowArray batch;
  struct lam_reader *reader;
  struct lam_read_options options = LAM_READ_OPTIONS_INIT;
  open_file(&o, 1, 1);
  options.columns = (const int32_t[]){1, 0}, options.column_count = 2;
  assert_int_equal(lam_reader_open_in(o.file, &options, o.f.mem, &reader, NULL), LAM_OK);
  assert_int_equal(lam_reader_stream(reader, &stream, NULL), LAM_OK);
  assert_int_equal(stream.get_schema(&stream, &schema), 0);
  assert_int_equal(stream.get_next(&stream, &batch), 0);
  assert_null(stream.get_last_error(&stream));
  stream.release(&stream);
  check_batch(&schema, &batch, 0);
  lam_array_release(&batch);
  lam_schema_release(&schema);
  close_file(&o);
}

static enum lam_status scanned(void *user, int32_t row_group, int64_t first_row, const struct ArrowSchema *schema,
                               const struct ArrowArray *batch, struct lam_error *error) {
  (void)row_group, (void)error;
  check_batch(schema, batch, first_row);
  __atomic_fetch_add((int64_t *)user, batch->length, __ATOMIC_RELAXED);
  return LAM_OK;
}

static enum lam_status stops(void *user, int32_t row_group, int64_t first_row, const struct ArrowSchema *schema,
                             const struct ArrowArray *batch, struct lam_error *error) {
  (void)user, (void)row_group, (void)first_row, (void)schema, (void)batch;
  return lam_fail(error, LAM_CANCELLED, "enough");
}

static void scans_give_each_row_once(void **state) {
  (void)state;
  for (uint32_t threads = 1; threads <= 3; threads++) {
    struct opened o;
    int64_t rows = 0;
    struct lam_read_options options = LAM_READ_OPTIONS_INIT;
    open_file(&o, threads, 8);
    options.columns = (const int32_t[]){1, 0}, options.column_count = 2;
    options.batch_rows = 100;
    assert_int_equal(lam_file_scan(o.file, &options, scanned, &rows, NULL), LAM_OK);
    assert_int_equal(rows, 8 * FILE_ROWS);
    assert_int_equal(lam_file_scan(o.file, &options, stops, &rows, NULL), LAM_CANCELLED);
    close_file(&o);
  }
}

static void wrong_requests_are_refused(void **state) {
  (void)state;
  struct opened o;
  struct lam_reader *reader;
  open_file(&o, 1, 1);
  const struct lam_read_options wrong[] = {
      {.struct_size = sizeof wrong[0], .columns = (const int32_t[]){2}, .column_count = 1},
      {.struct_size = sizeof wrong[0], .columns = (const int32_t[]){-1}, .column_count = 1},
      {.struct_size = sizeof wrong[0], .row_groups = (const int32_t[]){1}, .row_group_count = 1},
      {.struct_size = sizeof wrong[0], .batch_rows = -1},
      {.struct_size = 0},
  };
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    struct lam_error error = LAM_ERROR_INIT;
    assert_int_equal(lam_reader_open_in(o.file, &wrong[i], o.f.mem, &reader, &error), LAM_INVALID);
    assert_null(reader);
    assert_true(strlen(error.message) > 10);
  }
  close_file(&o);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(batches_of_any_size),         cmocka_unit_test(chosen_rows),
      cmocka_unit_test(no_columns_still_count_rows), cmocka_unit_test(batches_outlive_their_reader),
      cmocka_unit_test(scans_give_each_row_once),    cmocka_unit_test(wrong_requests_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
