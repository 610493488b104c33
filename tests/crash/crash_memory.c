/* Every allocation of an operation fails once, or from some point on: the operation fails with an error and changes
 * nothing, or does without the memory; nothing leaks. */
#include "ops_support.h"

#include "ops/sort.h"

static struct {
  uint64_t at, count;
  bool onwards, fired;
} failing;

static void *failing_alloc(void *user, size_t size) {
  void *memory = NULL;
  (void)user;
  failing.count++;
  if (failing.at && (failing.count == failing.at || (failing.onwards && failing.count > failing.at))) {
    failing.fired = true;
    return NULL;
  }
  return posix_memalign(&memory, 64, size) == 0 ? memory : NULL;
}
static void failing_free(void *user, void *memory, size_t size) {
  (void)user, (void)size;
  free(memory);
}
static int open_failing(void **state) {
  struct lam_context_options options = LAM_CONTEXT_OPTIONS_INIT;
  (void)state;
  memset(&failing, 0, sizeof failing);
  options.threads = 1;
  options.memory_limit = 64 << 20;
  options.alloc = failing_alloc;
  options.free = failing_free;
  OK(lam_context_create(&options, &context, &error));
  OK(lam_mem_open(context, 0, &mem, &error));
  return 0;
}

static char *source_dir;
static char source[600];

enum operation { COMPACT, SORT, IMPORT, SCAN, SPILL, VERIFY, OPERATIONS };

static enum lam_status scan(struct lam_error *error) {
  struct lam_table *table;
  struct lam_scan *scan;
  struct ArrowArray batch;
  LAM_TRY(lam_table_open_in(mem, source, NULL, &table, error));
  enum lam_status status = lam_scan_open(table, NULL, &scan, error);
  while (status == LAM_OK) {
    status = lam_scan_next(scan, &batch, error);
    if (status != LAM_OK || !batch.release) break;
    lam_array_release(&batch);
  }
  lam_scan_close(scan);
  lam_table_close(table);
  return status;
}

/* Six runs of one row, merged in two passes. */
static enum lam_status sort_runs(struct lam_file *file, struct lam_sorter *sorter, struct lam_error *error) {
  struct lam_read_options options = LAM_READ_OPTIONS_INIT;
  struct lam_reader *reader;
  struct ArrowArray batch;
  options.batch_rows = 1;
  LAM_TRY(lam_reader_open_in(file, &options, mem, &reader, error));
  enum lam_status status;
  while ((status = lam_reader_next(reader, &batch, error)) == LAM_OK && batch.release) {
    status = lam_sorter_add(sorter, &batch, error);
    if (status != LAM_OK) break;
  }
  lam_reader_close(reader);
  if (status == LAM_OK) status = lam_sorter_finish(sorter, error);
  while (status == LAM_OK) {
    status = lam_sorter_next(sorter, 2, &batch, error);
    if (status != LAM_OK || !batch.release) break;
    lam_array_release(&batch);
  }
  return status;
}
static enum lam_status spill(struct lam_directory *directory, struct lam_error *error) {
  static const struct lam_sort_key key = {.column = "text", .descending = true};
  struct lam_file *file;
  struct ArrowSchema schema;
  struct lam_sorter *sorter;
  LAM_TRY(lam_file_open_in(directory->data, "a.parquet", NULL, mem, &file, error));
  enum lam_status status = lam_file_schema(file, &schema, error);
  if (status == LAM_OK) {
    status = lam_sorter_open(mem, &schema, &key, 1, 1, &sorter, error);
    lam_schema_release(&schema);
    if (status == LAM_OK) status = sort_runs(file, sorter, error);
    lam_sorter_close(sorter);
  }
  lam_file_close(file);
  return status;
}

static enum lam_status run(enum operation operation, struct lam_directory *directory, struct lam_error *error) {
  static const struct lam_sort_key key = {.column = "id"};
  const char *const sources[] = {source};
  struct lam_compact_options compact = LAM_COMPACT_OPTIONS_INIT;
  struct lam_import_options import = LAM_IMPORT_OPTIONS_INIT;
  switch (operation) {
    case SORT:
      compact.sort_by = &key;
      compact.sort_count = 1;
      compact.change.verify_full = true;
      return lam_compact_directory(directory, &compact, NULL, error);
    case COMPACT: return lam_compact_directory(directory, &compact, NULL, error);
    case IMPORT:
      import.sort_by = &key;
      import.sort_count = 1;
      return lam_import_directory(directory, sources, 1, &import, NULL, error);
    case SCAN: return scan(error);
    case SPILL: return spill(directory, error);
    default: return lam_verify(context, source, NULL, NULL, NULL, NULL, error);
  }
}

/* False once the operation allocates less often. */
static bool fail_at(enum operation operation, uint64_t at, bool onwards) {
  struct lam_store *data, *meta;
  struct lam_error error = LAM_ERROR_INIT;
  OK(lam_store_memory(context, &data, &error));
  OK(lam_store_memory_beside(data, &meta, &error));
  put_rows(data, "a.parquet", 1, 6);
  put_rows(data, "b.parquet", 7, 2);
  struct lam_directory *directory = open_stores(data, meta);
  uint64_t used = lam_mem_used(mem);
  failing.at = failing.count + at;
  failing.onwards = onwards;
  failing.fired = false;
  enum lam_status status = run(operation, directory, &error);
  bool fired = failing.fired;
  failing.at = 0;
  if (status != LAM_OK && status != LAM_NO_MEMORY)
    print_error("operation %d, allocation %llu: %s: %s\n", (int)operation, (unsigned long long)at,
                lam_status_name(status), error.message);
  assert_true(status == LAM_OK || status == LAM_NO_MEMORY);
  if (!fired) assert_int_equal(status, LAM_OK);
  if (status != LAM_OK) assert_true(error.message[0] != 0);
  if (lam_mem_used(mem) != used)
    print_error("operation %d, allocation %llu: leaks %lld bytes\n", (int)operation, (unsigned long long)at,
                (long long)(lam_mem_used(mem) - used));
  assert_int_equal(lam_mem_used(mem), used);
  char *seen = rows_of_reader(directory);
  bool is_new = operation == IMPORT && strcmp(seen, ":1,2,3,4,5,6,7,8,;") != 0;
  if (operation == IMPORT && status == LAM_OK) assert_true(is_new);
  assert_string_equal(seen, is_new ? ":1,2,3,4,5,6,7,8,21,22,23,;" : ":1,2,3,4,5,6,7,8,;");
  free(seen);
  lam_directory_close(directory);
  lam_store_close(data);
  lam_store_close(meta);
  return fired;
}

static void test_every_allocation(void **state) {
  (void)state;
  struct lam_store *store;
  source_dir = new_temporary();
  OK(lam_store_local(context, source_dir, &store, &error));
  put_rows(store, "s.parquet", 21, 3);
  lam_store_close(store);
  snprintf(source, sizeof source, "%s/s.parquet", source_dir);
  for (int operation = 0; operation < OPERATIONS; operation++) {
    for (int onwards = 0; onwards < 2; onwards++) {
      uint64_t at = 1;
      while (fail_at((enum operation)operation, at, onwards)) at++;
      assert_true(at > 10);
    }
  }
  remove_temporary(context, source_dir);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_every_allocation, open_failing, close_context),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
