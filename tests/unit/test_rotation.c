/* Files of a bounded size: near their target, named in order, checked before they count as written. */
#include "ops_support.h"

#include "ops/discard_store.h"
#include "ops/rotation.h"

struct table {
  struct lam_store *data, *meta;
  struct lam_directory *directory;
  struct lam_stage stage;
  struct ArrowSchema schema;
};
static void begin(struct table *t) {
  OK(lam_store_memory(context, &t->data, &error));
  OK(lam_store_memory_beside(t->data, &t->meta, &error));
  t->directory = open_stores(t->data, t->meta);
  OK(lam_stage_begin(t->directory, &t->stage, &error));
  rows_schema(&t->schema);
}
static void end(struct table *t) {
  lam_stage_end(&t->stage, NULL);
  lam_directory_close(t->directory);
  lam_store_close(t->data);
  lam_store_close(t->meta);
  lam_schema_release(&t->schema);
}

static struct lam_rotation_options options_of(struct table *t) {
  return (struct lam_rotation_options){.stage = &t->stage,
                                       .store = t->meta,
                                       .directory = "",
                                       .stem = "part",
                                       .schema = &t->schema,
                                       .write = LAM_WRITE_OPTIONS_INIT,
                                       .target_size = 1 << 20};
}

/* Rows with texts that do not shrink. */
static void noise_batch(const struct ArrowSchema *schema, uint64_t *random, int64_t first, int64_t count,
                        struct ArrowArray *out) {
  struct lam_builder builders[3];
  begin_columns(schema, builders);
  for (int64_t i = first; i < first + count; i++) {
    char text[96];
    size_t size = 60 + next_random(random) % 30;
    for (size_t k = 0; k < size; k++) text[k] = (char)(' ' + next_random(random) % 95);
    double value = (double)next_random(random);
    OK(lam_builder_fixed(&builders[0], &i, &error));
    OK(lam_builder_bytes(&builders[1], lam_bytes_of(text, size), &error));
    OK(lam_builder_fixed(&builders[2], &value, &error));
  }
  end_columns(builders, count, out);
}

/* All files but the last within 10 % of the target, whatever the row groups are. */
static void test_target(void **state) {
  uint64_t random = seed_of_test();
  (void)state;
  static const struct {
    uint64_t target;
    int64_t group_rows, group_bytes, batch_rows;
  } cases[] = {{200000, 0, 0, 50}, {200000, 500, 0, 60}, {200000, 0, 60000, 50}, {400000, 100000, 0, 100}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct table t;
    struct lam_rotation rotation;
    begin(&t);
    struct lam_rotation_options options = options_of(&t);
    options.directory = "p=1";
    options.target_size = cases[i].target;
    options.write.row_group_rows = cases[i].group_rows;
    options.write.row_group_bytes = cases[i].group_bytes;
    options.write.page_bytes = 8 << 10;
    lam_rotation_init(&rotation, &options, mem);
    for (int64_t row = 0; row < 12000; row += cases[i].batch_rows) {
      struct ArrowArray batch;
      noise_batch(&t.schema, &random, row, cases[i].batch_rows, &batch);
      OK(lam_rotation_write(&rotation, &batch, &error));
      lam_array_release(&batch);
    }
    OK(lam_rotation_finish(&rotation, false, &error));
    assert_in_range(rotation.file_count, 3, 12);
    uint64_t rows = 0;
    for (size_t f = 0; f < rotation.file_count; f++) {
      const struct lam_rotation_file *file = &rotation.files[f];
      rows += file->rows;
      assert_int_equal(info_of(t.meta, file->staged).size, file->bytes);
      if (f + 1 < rotation.file_count)
        assert_in_range(file->bytes, cases[i].target / 10 * 9, cases[i].target / 10 * 11);
      if (f) assert_true(strcmp(rotation.files[f - 1].key, file->key) < 0);
      assert_int_equal(strncmp(file->key, "p=1/part-", 9), 0);
      assert_string_equal(file->key + strlen(file->key) - 8, ".parquet");
      assert_null(strstr(file->staged, ".parquet"));
    }
    assert_int_equal(rows, 12000 / cases[i].batch_rows * cases[i].batch_rows);
    struct lam_change change;
    lam_change_init(&change, mem);
    OK(lam_rotation_add_to(&rotation, &change, &error));
    assert_int_equal(change.add_count, rotation.file_count);
    assert_string_equal(change.adds[0].key, rotation.files[0].key);
    lam_change_release(&change);
    lam_rotation_release(&rotation);
    end(&t);
  }
}

static void test_rows_per_file(void **state) {
  (void)state;
  struct table t;
  struct lam_rotation rotation;
  struct lam_content_hash before, after;
  begin(&t);
  OK(lam_content_hash_init(&before, mem, 3, &error));
  OK(lam_content_hash_init(&after, mem, 3, &error));
  struct lam_rotation_options options = options_of(&t);
  options.rows_per_file = 7;
  options.hash = &after;
  lam_rotation_init(&rotation, &options, mem);
  for (int64_t first = 1; first <= 30; first += 10) {
    int64_t ids[10];
    struct ArrowArray batch;
    for (int i = 0; i < 10; i++) ids[i] = first + i;
    rows_batch(&t.schema, ids, 10, &batch);
    OK(lam_content_hash_add(&before, &t.schema, &batch, &error));
    OK(lam_rotation_write(&rotation, &batch, &error));
    lam_array_release(&batch);
  }
  OK(lam_rotation_finish(&rotation, true, &error));
  assert_int_equal(rotation.file_count, 5);
  struct lam_buf out;
  lam_buf_init(&out, mem);
  for (size_t f = 0; f < 5; f++) {
    struct lam_file *file;
    assert_int_equal(rotation.files[f].rows, f < 4 ? 7 : 2);
    OK(lam_file_open_in(t.meta, rotation.files[f].staged, NULL, mem, &file, &error));
    append_file(file, &out);
    lam_file_close(file);
  }
  char *text = text_of_buf(&out);
  assert_string_equal(text, "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,");
  free(text);
  OK(lam_content_hash_compare(&before, &after, &t.schema, "", &error));
  lam_content_hash_release(&before);
  lam_content_hash_release(&after);
  lam_rotation_release(&rotation);
  end(&t);
}

static void test_no_rows(void **state) {
  (void)state;
  for (int one = 0; one < 2; one++) {
    struct table t;
    struct lam_rotation rotation;
    begin(&t);
    struct lam_rotation_options options = options_of(&t);
    lam_rotation_init(&rotation, &options, mem);
    OK(lam_rotation_finish(&rotation, one, &error));
    assert_int_equal(rotation.file_count, one);
    if (one) assert_int_equal(rotation.files[0].rows, 0);
    lam_rotation_release(&rotation);
    end(&t);
  }
}

/* A dry run counts the same bytes and keeps none. */
static void test_discarded(void **state) {
  (void)state;
  struct table t;
  uint64_t bytes[2];
  begin(&t);
  for (int dry = 0; dry < 2; dry++) {
    struct lam_store *discard;
    struct lam_rotation rotation;
    struct ArrowArray batch;
    static const int64_t ids[] = {1, 2, 3};
    OK(lam_store_discard(context, &discard, &error));
    struct lam_rotation_options options = options_of(&t);
    if (dry) options.stage = NULL, options.store = discard;
    lam_rotation_init(&rotation, &options, mem);
    rows_batch(&t.schema, ids, 3, &batch);
    OK(lam_rotation_write(&rotation, &batch, &error));
    lam_array_release(&batch);
    OK(lam_rotation_finish(&rotation, false, &error));
    bytes[dry] = rotation.files[0].bytes;
    lam_rotation_release(&rotation);
    lam_store_close(discard);
  }
  assert_int_equal(bytes[0], bytes[1]);
  end(&t);
}

/* What was written reads back wrong: nothing of it may be committed. */
static enum lam_status flipped_read(struct lam_input *input, uint64_t offset, void *to, size_t size,
                                    struct lam_error *error);
static const struct lam_store_ops *true_ops;
static enum lam_status flipped_read(struct lam_input *input, uint64_t offset, void *to, size_t size,
                                    struct lam_error *error) {
  LAM_TRY(true_ops->read(input, offset, to, size, error));
  if (offset <= 40 && offset + size > 40) ((uint8_t *)to)[40 - offset] ^= 1; /* within the first page */
  return LAM_OK;
}
static void test_damaged(void **state) {
  (void)state;
  struct table t;
  struct lam_rotation rotation;
  struct ArrowArray batch;
  static const int64_t ids[] = {1, 2, 3};
  begin(&t);
  struct lam_store_ops ops = *t.meta->ops;
  true_ops = t.meta->ops;
  ops.read = flipped_read;
  struct lam_rotation_options options = options_of(&t);
  lam_rotation_init(&rotation, &options, mem);
  rows_batch(&t.schema, ids, 3, &batch);
  OK(lam_rotation_write(&rotation, &batch, &error));
  lam_array_release(&batch);
  t.meta->ops = &ops;
  FAILS(lam_rotation_finish(&rotation, false, &error), LAM_CORRUPT, "checking a file before its commit");
  t.meta->ops = true_ops;
  lam_rotation_release(&rotation);
  end(&t);
}

int main(void) {
  const struct CMUnitTest tests[] = {OPS_TEST(test_target), OPS_TEST(test_rows_per_file), OPS_TEST(test_no_rows),
                                     OPS_TEST(test_discarded), OPS_TEST(test_damaged)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
