/* Each kind of fault is found, named, and does not hide the next. */
#include "place_support.h"

struct faults {
  char text[4096]; /* "file: message\n"… */
  int count, stop_at;
};
static bool take_fault(void *user, const struct lam_fault *fault) {
  struct faults *faults = user;
  size_t at = strlen(faults->text);
  snprintf(faults->text + at, sizeof faults->text - at, "%s: %s\n", fault->file, fault->message);
  return ++faults->count != faults->stop_at;
}
static struct lam_verify_result verify(struct place *p, bool full, struct faults *faults) {
  struct lam_verify_options options = LAM_VERIFY_OPTIONS_INIT;
  struct lam_verify_result result = {.struct_size = sizeof result};
  int stop_at = faults->stop_at;
  *faults = (struct faults){.stop_at = stop_at};
  options.full = full;
  OK(lam_verify(context, p->path, &options, take_fault, faults, &result, &error));
  assert_int_equal(result.faults, faults->count);
  return result;
}
static void want_fault(struct place *p, bool full, int count, const char *text) {
  struct faults faults = {.stop_at = 0};
  verify(p, full, &faults);
  if (!strstr(faults.text, text) || faults.count != count) print_error("%s", faults.text);
  assert_int_equal(faults.count, count);
  assert_non_null(strstr(faults.text, text));
}

/* Changes every `from` behind the offset into `to`, and says how many there were. */
static int tamper(struct place *p, const char *key, size_t offset, const void *from, const void *to, size_t size) {
  struct lam_buf bytes;
  int count = 0;
  lam_buf_init(&bytes, mem);
  OK(lam_store_get(p->store, key, 1 << 20, &bytes, &error));
  for (size_t i = offset; i + size <= bytes.size; i++) {
    if (memcmp(bytes.data + i, from, size) != 0) continue;
    memcpy(bytes.data + i, to, size);
    count++;
  }
  OK(lam_store_put(p->store, key, lam_bytes_of(bytes.data, bytes.size), &error));
  lam_buf_release(&bytes);
  return count;
}
static void cut(struct place *p, const char *key, size_t size) {
  struct lam_buf bytes;
  lam_buf_init(&bytes, mem);
  OK(lam_store_get(p->store, key, 1 << 20, &bytes, &error));
  OK(lam_store_put(p->store, key, lam_bytes_of(bytes.data, bytes.size - size), &error));
  lam_buf_release(&bytes);
}
/* A file whose values lie in it as they are. */
static void put_plain(struct place *p, const char *key, int64_t first, int64_t count) {
  struct lam_column_options column = {.codec = LAM_WRITE_NONE, .encoding = LAM_ENCODE_PLAIN};
  struct lam_write_options options = LAM_WRITE_OPTIONS_INIT;
  struct ArrowSchema schema;
  struct ArrowArray batch;
  int64_t ids[100];
  for (int64_t i = 0; i < count; i++) ids[i] = first + i;
  column.level = 0;
  options.columns = &column;
  options.column_count = 1;
  rows_schema(&schema);
  rows_batch(&schema, ids, count, &batch);
  put_batch(p->store, key, &schema, &batch, &options);
  lam_array_release(&batch);
  lam_schema_release(&schema);
}

static void test_sound(void **state) {
  (void)state;
  struct place p;
  struct faults faults = {.stop_at = 0};
  begin(&p);
  put_rows(p.store, "value=0.25/a.parquet", 1, 1);
  put_rows(p.store, "value=0.5/a.parquet", 2, 1);
  put_rows(p.store, "value=0.75/a.parquet", 3, 0);
  struct lam_verify_result r = verify(&p, true, &faults);
  assert_int_equal(faults.count, 0);
  assert_int_equal(r.files, 3);
  assert_int_equal(r.rows, 2);
  assert_int_equal(r.row_groups, 2);
  assert_true(r.pages >= 6);
  assert_int_equal(r.checksums, r.pages);
  assert_int_equal(r.bytes, info_of(p.store, "value=0.25/a.parquet").size +
                                info_of(p.store, "value=0.5/a.parquet").size +
                                info_of(p.store, "value=0.75/a.parquet").size);
  end(&p);
}

static void test_each_fault(void **state) {
  (void)state;
  struct place p;
  const int64_t first = 123456, second = 123457, last = 123459, lower = 123458;
  begin(&p);
  put_plain(&p, "a.parquet", first, 4);
  put_rows(p.store, "z.parquet", 1, 2); /* sound, behind the others */
  size_t size = info_of(p.store, "a.parquet").size;
  want_fault(&p, true, 0, "");

  /* A value, so that its page's checksum is wrong. */
  assert_int_equal(tamper(&p, "a.parquet", 0, &second, &lower, 8), 1);
  want_fault(&p, false, 1, "a.parquet: ");
  want_fault(&p, false, 1, "checksum");
  put_plain(&p, "a.parquet", first, 4);

  /* Bounds that the values pass. */
  assert_true(tamper(&p, "a.parquet", size / 2, &first, &second, 8) >= 1);
  want_fault(&p, false, 1, "row group 0, column \"id\": a value lies below the minimum of the statistics");
  put_plain(&p, "a.parquet", first, 4);
  assert_true(tamper(&p, "a.parquet", size / 2, &last, &lower, 8) >= 1);
  want_fault(&p, false, 1, "row group 0, column \"id\": a value lies above the maximum of the statistics");

  /* No footer; not the file that it was. */
  put_plain(&p, "a.parquet", first, 4);
  cut(&p, "a.parquet", 3);
  want_fault(&p, false, 1, "a.parquet: ");
  put_file(p.store, "b.parquet", "this is no Parquet file");
  want_fault(&p, false, 2, "b.parquet: ");
  struct faults faults = {.stop_at = 1};
  struct lam_verify_result r = verify(&p, false, &faults);
  assert_int_equal(faults.count, 1); /* stopped by the callback */
  assert_int_equal(r.files, 1);
  end(&p);
}

static void test_path(void **state) {
  (void)state;
  struct place p;
  begin(&p);
  put_rows(p.store, "id=1/a.parquet", 1, 2);
  want_fault(&p, false, 1,
             "id=1/a.parquet: row group 0, column \"id\": row 1 of the row group is \"2\"; the path says 1");
  put_rows(p.store, "id=1/a.parquet", 1, 1);
  put_rows(p.store, "id=__HIVE_DEFAULT_PARTITION__/a.parquet", 1, 1);
  want_fault(&p, false, 1, "row 0 of the row group is \"1\"; the path says NULL");
  end(&p);
}

static void test_text(void **state) {
  (void)state;
  struct place p;
  struct ArrowSchema schema;
  struct ArrowArray batch;
  struct lam_builder builder;
  struct lam_type type = {.id = LAM_TYPE_STRING, .timezone = ""};
  begin(&p);
  OK(lam_schema_init_struct("", 1, &schema, &error));
  set_column(&schema, 0, "s", LAM_TYPE_STRING);
  OK(lam_builder_init(&builder, mem, &type, &error));
  OK(lam_builder_bytes(&builder, lam_bytes_of_string("fine"), &error));
  OK(lam_builder_bytes(&builder, lam_bytes_of_string("\xff\xfe"), &error));
  OK(lam_array_init_struct(2, 1, &batch, &error));
  OK(lam_builder_finish(&builder, batch.children[0], &error));
  lam_builder_release(&builder);
  put_batch(p.store, "a.parquet", &schema, &batch, NULL);
  lam_array_release(&batch);
  lam_schema_release(&schema);
  want_fault(&p, false, 0, "");
  want_fault(&p, true, 1, "column \"s\": row 1 of the row group is a string that is not UTF-8");
  end(&p);
}

static void test_without_error_and_callback(void **state) {
  (void)state;
  struct place p;
  begin(&p);
  put_file(p.store, "b.parquet", "this is no Parquet file");
  struct lam_verify_result r = {.struct_size = sizeof r};
  assert_int_equal(lam_verify(context, p.path, NULL, NULL, NULL, &r, NULL), LAM_OK);
  assert_int_equal(r.faults, 1);
  assert_int_equal(lam_verify(context, "/nothing/at/all", NULL, NULL, NULL, NULL, NULL), LAM_NOT_FOUND);
  end(&p);
}

int main(void) {
  const struct CMUnitTest tests[] = {OPS_TEST(test_sound), OPS_TEST(test_each_fault), OPS_TEST(test_path),
                                     OPS_TEST(test_text), OPS_TEST(test_without_error_and_callback)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
