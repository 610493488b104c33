#include <unistd.h>

#include "arrow_support.h"
#include "fault_store.h"
#include "lamella/parquet.h"
#include "parquet/writer.h"

/* A batch of columns x: int64 0 … rows - 1, every seventh NULL, and s: strings. */
static void make_batch(int64_t rows, struct ArrowSchema *schema, struct ArrowArray *batch) {
  struct lam_type number = type_of("bigint"), text = type_of("varchar");
  OK(lam_schema_init_struct("", 2, schema, &error));
  OK(lam_schema_init(&number, "x", true, schema->children[0], &error));
  OK(lam_schema_init(&text, "s", true, schema->children[1], &error));
  OK(lam_array_init_struct(rows, 2, batch, &error));
  struct lam_builder x, s;
  OK(lam_builder_init(&x, mem, &number, &error));
  OK(lam_builder_init(&s, mem, &text, &error));
  for (int64_t i = 0; i < rows; i++) {
    char name[32];
    snprintf(name, sizeof name, "value %lld", (long long)(i % 100));
    OK(i % 7 ? lam_builder_fixed(&x, &i, &error) : lam_builder_null(&x, &error));
    OK(lam_builder_bytes(&s, lam_bytes_of_string(name), &error));
  }
  OK(lam_builder_finish(&x, batch->children[0], &error));
  OK(lam_builder_finish(&s, batch->children[1], &error));
  lam_builder_release(&x);
  lam_builder_release(&s);
}

static enum lam_status write_once(struct lam_store *store, const char *key, const struct ArrowSchema *schema,
                                  const struct ArrowArray *batch, const struct lam_write_options *options) {
  struct lam_writer *writer;
  LAM_TRY(lam_writer_open_in(store, key, schema, options, mem, &writer, &error));
  enum lam_status status = lam_writer_write(writer, batch, &error);
  if (status == LAM_OK) status = lam_writer_write(writer, batch, &error);
  if (status == LAM_OK) status = lam_writer_finish(writer, NULL, &error);
  lam_writer_close(writer);
  return status;
}

static int64_t rows_of(struct lam_store *store, const char *key) {
  struct lam_file *file;
  OK(lam_file_open_in(store, key, NULL, mem, &file, &error));
  int64_t rows = lam_file_rows(file);
  lam_file_close(file);
  return rows;
}

static bool exists(struct lam_store *store, const char *key) {
  bool found;
  OK(lam_store_exists(store, key, &found, &error));
  return found;
}

/* Every operation of the store is failed in turn: nothing is left. */
static void test_failures_leave_nothing(void **state) {
  (void)state;
  struct lam_store *inner, *store;
  struct fault *fault;
  struct ArrowSchema schema;
  struct ArrowArray batch;
  OK(lam_store_memory(context, &inner, &error));
  OK(lam_store_make_directories(inner, "", &error));
  fault_create(&fault);
  fault_wrap(fault, inner, &store);
  make_batch(3000, &schema, &batch);
  struct lam_column_options plain = {.codec = LAM_WRITE_NONE};
  struct lam_write_options options = LAM_WRITE_OPTIONS_INIT;
  options.row_group_rows = 1700;
  options.columns = &plain, options.column_count = 1;
  for (uint64_t n = 1;; n++) {
    fault_arm(fault, &(struct fault_plan){.at = n, .action = FAULT_FAIL});
    enum lam_status status = write_once(store, "a", &schema, &batch, &options);
    bool fired = fault_fired(fault);
    fault_arm(fault, NULL);
    if (!fired) {
      assert_int_equal(status, LAM_OK);
      assert_true(n > 4); /* create, write, sync, close */
      break;
    }
    assert_int_equal(status, LAM_IO);
    assert_false(exists(inner, "a"));
  }
  assert_int_equal(rows_of(inner, "a"), 6000);
  lam_array_release(&batch);
  lam_schema_release(&schema);
  lam_store_close(store);
  fault_free(fault);
  lam_store_close(inner);
}

/* The budget is refused at every point that a growing limit shows. */
static void test_small_budgets(void **state) {
  (void)state;
  struct ArrowSchema schema;
  struct ArrowArray batch;
  struct lam_store *store;
  struct lam_context *small;
  bool worked = false;
  make_batch(20000, &schema, &batch);
  OK(lam_store_memory(context, &store, &error));
  OK(lam_store_make_directories(store, "", &error));
  for (uint64_t limit = 10000; !worked && limit < (64 << 20); limit = limit * 5 / 4) {
    struct lam_context_options options = LAM_CONTEXT_OPTIONS_INIT;
    options.threads = 2, options.memory_limit = limit;
    struct lam_mem *account, *before = mem;
    OK(lam_context_create(&options, &small, &error));
    OK(lam_mem_open(small, 0, &account, &error));
    mem = account;
    enum lam_status status = write_once(store, "a", &schema, &batch, NULL);
    mem = before;
    assert_int_equal(lam_mem_used(account), 0);
    lam_mem_close(account);
    lam_context_free(small);
    worked = status == LAM_OK;
    if (!worked) assert_int_equal(status, LAM_LIMIT);
    assert_true(exists(store, "a") == worked);
  }
  assert_true(worked);
  assert_int_equal(rows_of(store, "a"), 40000);
  lam_array_release(&batch);
  lam_schema_release(&schema);
  lam_store_close(store);
}

static void test_refusals(void **state) {
  (void)state;
  struct ArrowSchema schema;
  struct ArrowArray batch;
  struct lam_store *store;
  struct lam_writer *writer;
  make_batch(10, &schema, &batch);
  OK(lam_store_memory(context, &store, &error));
  OK(lam_store_make_directories(store, "", &error));
  struct lam_write_options options = LAM_WRITE_OPTIONS_INIT;
  struct lam_column_options delta = {.name = "x", .codec = LAM_WRITE_ZSTD, .encoding = LAM_ENCODE_RLE};
  options.columns = &delta, options.column_count = 1;
  FAILS(lam_writer_open_in(store, "a", &schema, &options, mem, &writer, &error), LAM_INVALID, "does not fit its type");
  delta = (struct lam_column_options){.codec = 3};
  FAILS(lam_writer_open_in(store, "a", &schema, &options, mem, &writer, &error), LAM_INVALID, "codec 3");
  options.column_count = 0;
  struct lam_sort_key key = {.column = "nothing"};
  options.sorting = &key, options.sorting_count = 1;
  FAILS(lam_writer_open_in(store, "a", &schema, &options, mem, &writer, &error), LAM_NOT_FOUND, "\"nothing\"");
  options.sorting_count = 0, options.page_bytes = -1;
  FAILS(lam_writer_open_in(store, "a", &schema, &options, mem, &writer, &error), LAM_INVALID, "page_bytes is -1");
  assert_false(exists(store, "a"));

  OK(lam_writer_open_in(store, "a", &schema, NULL, mem, &writer, &error));
  FAILS(lam_writer_write(writer, batch.children[0], &error), LAM_INVALID, "has 0 columns");
  FAILS(lam_writer_finish(writer, NULL, &error), LAM_INVALID, "has failed before");
  lam_writer_close(writer);
  assert_false(exists(store, "a"));
  OK(lam_writer_open_in(store, "a", &schema, NULL, mem, &writer, &error));
  batch.children[1]->length = 5;
  FAILS(lam_writer_write(writer, &batch, &error), LAM_INVALID, "column \"s\"");
  batch.children[1]->length = 10;
  lam_writer_close(writer);
  lam_array_release(&batch);
  lam_schema_release(&schema);
  lam_store_close(store);
}

/* The bytes of a file of columns random, x and s, written in several batches on so many threads. */
static struct lam_bytes write_threads(const char *path, uint32_t threads, bool v2, uint8_t *to, size_t room) {
  struct lam_context_options with = LAM_CONTEXT_OPTIONS_INIT;
  struct lam_write_options options = LAM_WRITE_OPTIONS_INIT;
  struct lam_context *own;
  struct lam_writer *writer;
  struct ArrowSchema schema, wide;
  struct ArrowArray batch, children[3], *pointers[3] = {&children[0], &children[1], &children[2]};
  struct lam_type number = type_of("bigint"), text = type_of("varchar");
  uint64_t random = 5;
  with.threads = threads;
  options.page_bytes = 16 << 10; /* many pages, and a row group that ends by its bytes */
  options.row_group_bytes = 2 << 20;
  options.data_page_v2 = v2;
  options.no_sync = true;
  OK(lam_context_create(&with, &own, &error));
  OK(lam_schema_init_struct("", 3, &wide, &error));
  OK(lam_schema_init(&number, "random", true, wide.children[0], &error));
  OK(lam_schema_init(&number, "x", true, wide.children[1], &error));
  OK(lam_schema_init(&text, "s", true, wide.children[2], &error));
  OK(lam_writer_open(own, path, &wide, &options, &writer, &error));
  for (int i = 0; i < 8; i++) {
    struct lam_builder builder;
    make_batch(40000, &schema, &batch);
    OK(lam_builder_init(&builder, mem, &number, &error));
    for (int row = 0; row < 40000; row++) {
      uint64_t value = next_random(&random);
      OK(lam_builder_fixed(&builder, &value, &error));
    }
    OK(lam_builder_finish(&builder, &children[0], &error));
    children[1] = *batch.children[0], children[2] = *batch.children[1];
    struct ArrowArray three = batch;
    three.n_children = 3, three.children = pointers;
    OK(lam_writer_write(writer, &three, &error));
    lam_array_release(&children[0]);
    lam_builder_release(&builder);
    lam_array_release(&batch);
    lam_schema_release(&schema);
  }
  OK(lam_writer_finish(writer, NULL, &error));
  assert_true(lam_writer_meta(writer)->row_group_count > 1);
  lam_writer_close(writer);
  lam_schema_release(&wide);
  lam_context_free(own);
  FILE *file = fopen(path, "rb");
  assert_non_null(file);
  size_t size = fread(to, 1, room, file);
  assert_true(size < room);
  fclose(file);
  assert_int_equal(unlink(path), 0);
  return lam_bytes_of(to, size);
}

/* The same input gives the same bytes, whatever the number of threads. */
static void test_threads_agree(void **state) {
  (void)state;
  enum { ROOM = 16 << 20 };
  char directory[] = "/tmp/lamella-threads-XXXXXX", path[64];
  assert_non_null(mkdtemp(directory));
  snprintf(path, sizeof path, "%s/t.parquet", directory);
  uint8_t *one = malloc(ROOM), *four = malloc(ROOM);
  assert_true(one && four);
  for (int v2 = 0; v2 < 2; v2++) {
    struct lam_bytes alone = write_threads(path, 1, v2, one, ROOM), shared = write_threads(path, 4, v2, four, ROOM);
    assert_true(lam_bytes_equal(alone, shared));
  }
  free(one);
  free(four);
  assert_int_equal(rmdir(directory), 0);
}

/* The file is there whole or not at all, also under the name of an older one. */
static void test_local_files(void **state) {
  (void)state;
  char directory[] = "/tmp/lamella-writer-XXXXXX", path[64];
  assert_non_null(mkdtemp(directory));
  snprintf(path, sizeof path, "%s/t.parquet", directory);
  struct ArrowSchema schema;
  struct ArrowArray batch;
  struct lam_writer *writer;
  struct lam_write_result result = {.struct_size = sizeof result};
  make_batch(10, &schema, &batch);
  for (int round = 0; round < 2; round++) {
    OK(lam_writer_open(context, path, &schema, NULL, &writer, &error));
    OK(lam_writer_write(writer, &batch, &error));
    assert_int_equal(access(path, F_OK), round - 1);
    OK(lam_writer_finish(writer, &result, &error));
    lam_writer_close(writer);
    assert_int_equal(result.rows, 10);
    assert_int_equal(result.row_groups, 1);
  }
  OK(lam_writer_open(context, path, &schema, NULL, &writer, &error)); /* given up: the old file stays */
  lam_writer_close(writer);
  assert_int_equal(access(path, F_OK), 0);
  assert_int_equal(unlink(path), 0);
  assert_int_equal(rmdir(directory), 0); /* nothing else is there */
  FAILS(lam_writer_open(context, path, &schema, NULL, &writer, &error), LAM_NOT_FOUND, "t.parquet");
  FAILS(lam_writer_open(context, "/tmp/", &schema, NULL, &writer, &error), LAM_INVALID, "not the path of a file");
  lam_array_release(&batch);
  lam_schema_release(&schema);
}

int main(void) {
  const struct CMUnitTest tests[] = {MEM_TEST(test_failures_leave_nothing), MEM_TEST(test_small_budgets),
                                     MEM_TEST(test_refusals), MEM_TEST(test_threads_agree), MEM_TEST(test_local_files)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
