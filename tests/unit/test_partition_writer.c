/* The partition writer: order within partitions, files that stay open, spilling, sorting, sizes, dry runs, and what it
 * counts. */
#include "ops_support.h"

#include "arrow/value_text.h"
#include "ops/discard_store.h"
#include "ops/partition_writer.h"

struct world {
  struct lam_store *data, *meta, *discard;
  struct lam_directory *directory;
  struct lam_stage stage;
  struct lam_change change;
  struct ArrowSchema schema;
  struct lam_partition_writer_options options;
  struct lam_partition_writer_counts counts;
};
static const char *const by_value[] = {"value"};

static void begin(struct world *w) {
  OK(lam_store_memory(context, &w->data, &error));
  OK(lam_store_memory_beside(w->data, &w->meta, &error));
  OK(lam_store_discard(context, &w->discard, &error));
  w->directory = open_stores(w->data, w->meta);
  OK(lam_stage_begin(w->directory, &w->stage, &error));
  lam_change_init(&w->change, mem);
  rows_schema(&w->schema);
  w->options = (struct lam_partition_writer_options){.stage = &w->stage,
                                                     .store = w->meta,
                                                     .schema = &w->schema,
                                                     .partition_by = by_value,
                                                     .partition_count = 1,
                                                     .stem = "part",
                                                     .write = LAM_WRITE_OPTIONS_INIT,
                                                     .target_size = 1 << 30};
}
static void end(struct world *w) {
  lam_change_release(&w->change);
  lam_stage_end(&w->stage, NULL);
  lam_schema_release(&w->schema);
  lam_directory_close(w->directory);
  lam_store_close(w->discard);
  lam_store_close(w->data);
  lam_store_close(w->meta);
}
/* Writes ids in batches of `batch_rows`, commits, and gives what plain readers see. */
static char *written(struct world *w, const int64_t *ids, int64_t count, int64_t batch_rows) {
  struct lam_partition_writer *writer;
  struct lam_commit_result committed;
  OK(lam_partition_writer_open(mem, &w->options, &writer, &error));
  for (int64_t first = 0; first < count; first += batch_rows) {
    struct ArrowArray batch;
    rows_batch(&w->schema, ids + first, lam_min_i64(batch_rows, count - first), &batch);
    OK(lam_partition_writer_write(writer, &batch, &error));
    assert_true(batch.release == NULL);
  }
  OK(lam_partition_writer_finish(writer, true, &w->change, &w->counts, &error));
  lam_partition_writer_close(writer);
  if (!w->options.stage) return NULL;
  OK(lam_commit(&w->stage, &w->change, NULL, &committed, &error));
  return rows_of_plain(w->data);
}
static void want(struct world *w, const int64_t *ids, int64_t count, const char *expected) {
  char *rows = written(w, ids, count, 3);
  assert_string_equal(rows, expected);
  free(rows);
}

static const int64_t ids[] = {3, 1, 2, 1, 3, 3, 2, 1, 1};
static const char grouped[] = "value=0.25:1,1,1,1,;value=0.5:2,2,;value=0.75:3,3,3,;";

static void test_partitions(void **state) {
  (void)state;
  struct world w;
  begin(&w);
  want(&w, ids, 9, grouped);
  assert_int_equal(w.counts.rows, 9);
  assert_int_equal(w.counts.files, 3);
  assert_int_equal(w.counts.partitions, 3);
  assert_int_equal(w.counts.row_groups, 3);
  assert_int_equal(w.counts.runs_spilled, 0);
  assert_true(w.counts.bytes > 0);
  end(&w);
}

static enum lam_status append_directory(void *user, const char *directory, struct lam_error *error) {
  (void)error;
  append_text(user, directory);
  append_text(user, ";");
  return LAM_OK;
}
static void test_each(void **state) {
  (void)state;
  struct world w;
  struct lam_partition_writer *writer;
  struct ArrowArray batch;
  struct lam_buf out;
  begin(&w);
  OK(lam_partition_writer_open(mem, &w.options, &writer, &error));
  rows_batch(&w.schema, ids, 9, &batch);
  OK(lam_partition_writer_write(writer, &batch, &error));
  OK(lam_partition_writer_finish(writer, false, &w.change, NULL, &error));
  lam_buf_init(&out, mem);
  OK(lam_partition_writer_each(writer, append_directory, &out, &error));
  char *text = text_of_buf(&out);
  assert_string_equal(text, "value=0.25;value=0.5;value=0.75;");
  free(text);
  lam_partition_writer_close(writer);
  end(&w);
}

static void test_no_partitions(void **state) {
  (void)state;
  struct world w;
  static const struct lam_sort_key key = {.column = "id", .descending = true};
  begin(&w);
  w.options.partition_count = 0;
  want(&w, ids, 9, ":3,1,2,1,3,3,2,1,1,;");
  end(&w);
  begin(&w);
  w.options.partition_count = 0;
  w.options.sort_by = &key;
  w.options.sort_count = 1;
  w.options.rows_per_file = 4;
  want(&w, ids, 9, ":3,3,3,2,2,1,1,1,1,;");
  assert_int_equal(w.counts.files, 3);
  end(&w);
  begin(&w);
  w.options.partition_count = 0;
  want(&w, ids, 0, "");
  assert_int_equal(w.counts.files, 1); /* without rows, with the schema */
  assert_int_equal(w.counts.rows, 0);
  end(&w);
}

/* Columns behind those that are written only say where rows go. */
static void test_written_columns(void **state) {
  (void)state;
  struct world w;
  struct lam_commit_result committed;
  struct lam_partition_writer *writer;
  struct ArrowArray batch;
  begin(&w);
  w.options.written_columns = 1;
  OK(lam_partition_writer_open(mem, &w.options, &writer, &error));
  rows_batch(&w.schema, ids, 9, &batch);
  OK(lam_partition_writer_write(writer, &batch, &error));
  OK(lam_partition_writer_finish(writer, true, &w.change, &w.counts, &error));
  lam_partition_writer_close(writer);
  OK(lam_commit(&w.stage, &w.change, NULL, &committed, &error));
  struct lam_snapshot snapshot;
  OK(lam_snapshot_open(w.directory, NULL, &snapshot, &error));
  assert_int_equal(snapshot.file_count, 3);
  for (size_t i = 0; i < 3; i++) {
    struct lam_file *file;
    OK(lam_snapshot_file(w.directory, &snapshot, &snapshot.files[i], NULL, mem, &file, &error));
    assert_int_equal(lam_file_meta(file)->leaf_count, 1);
    lam_file_close(file);
  }
  lam_snapshot_release(&snapshot);
  end(&w);
}

/* The expected text of rows: partitions in order, each with its rows in the order given. */
static char *expected_of(const int64_t *rows, int64_t count, int64_t partitions) {
  struct lam_buf out;
  lam_buf_init(&out, mem);
  char(*names)[32] = calloc((size_t)partitions, sizeof *names);
  for (int64_t p = 0; p < partitions; p++) {
    char text[32];
    size_t size = lam_double_format((double)p / 4, text);
    snprintf(names[p], sizeof names[p], "value=%.*s", (int)size, text);
  }
  for (int64_t done = 0; done < partitions; done++) { /* the least name not yet given */
    int64_t least = -1;
    for (int64_t p = 0; p < partitions; p++)
      if (names[p][0] && (least < 0 || strcmp(names[p], names[least]) < 0)) least = p;
    size_t begin = out.size;
    append_text(&out, names[least]);
    append_text(&out, ":");
    for (int64_t i = 0; i < count; i++) {
      char number[32];
      if (rows[i] != least) continue;
      snprintf(number, sizeof number, "%lld,", (long long)rows[i]);
      append_text(&out, number);
    }
    end_partition(&out, begin, strlen(names[least]) + 1);
    names[least][0] = 0;
  }
  free(names);
  return text_of_buf(&out);
}

/* Few partitions stay open from flush to flush; many are spilled; the rows are the same. */
static void test_more_than_memory(void **state) {
  (void)state;
  static const struct {
    int64_t partitions;
    bool sorted, spills;
  } cases[] = {{3, false, false}, {300, false, true}, {70, true, true}};
  enum { ROWS = 60000 };
  int64_t *rows = malloc(ROWS * sizeof *rows);
  static const struct lam_sort_key key = {.column = "id"};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct world w;
    uint64_t seed = seed_of_test();
    for (int64_t at = 0; at < ROWS; at++) rows[at] = (int64_t)(next_random(&seed) % (uint64_t)cases[i].partitions);
    begin(&w);
    w.options.run_bytes = 400000;
    w.options.sort_by = cases[i].sorted ? &key : NULL;
    w.options.sort_count = cases[i].sorted;
    char *got = written(&w, rows, ROWS, 5000), *expected = expected_of(rows, ROWS, cases[i].partitions);
    assert_string_equal(got, expected);
    assert_int_equal(w.counts.runs_spilled > 1, cases[i].spills);
    assert_int_equal(w.counts.rows, ROWS);
    assert_int_equal(w.counts.partitions, cases[i].partitions);
    assert_int_equal(w.counts.files, cases[i].partitions);
    free(got);
    free(expected);
    end(&w);
  }
  free(rows);
}

/* The same counts, and nothing written. */
static void test_dry_run(void **state) {
  (void)state;
  struct world w, dry;
  begin(&w);
  begin(&dry);
  dry.options.stage = NULL;
  dry.options.store = dry.discard;
  w.options.rows_per_file = dry.options.rows_per_file = 2;
  free(written(&w, ids, 9, 4));
  assert_null(written(&dry, ids, 9, 4));
  assert_int_equal(dry.counts.rows, w.counts.rows);
  assert_int_equal(dry.counts.files, w.counts.files);
  assert_int_equal(dry.counts.bytes, w.counts.bytes);
  assert_int_equal(dry.counts.partitions, w.counts.partitions);
  assert_int_equal(w.counts.files, 5);
  end(&dry);
  end(&w);
}

static void test_hash(void **state) {
  (void)state;
  struct world w;
  struct lam_content_hash given, found;
  struct ArrowArray batch;
  begin(&w);
  OK(lam_content_hash_init(&given, mem, 3, &error));
  OK(lam_content_hash_init(&found, mem, 3, &error));
  rows_batch(&w.schema, ids, 9, &batch);
  OK(lam_content_hash_add(&given, &w.schema, &batch, &error));
  lam_array_release(&batch);
  w.options.hash = &found;
  want(&w, ids, 9, grouped);
  OK(lam_content_hash_compare(&given, &found, &w.schema, "test", &error));
  lam_content_hash_release(&given);
  lam_content_hash_release(&found);
  end(&w);
}

static void test_refused(void **state) {
  (void)state;
  static const char *const nothing[] = {"nothing"}, *const by_text[] = {"text"};
  struct world w;
  struct lam_partition_writer *writer;
  struct ArrowArray batch;
  begin(&w);
  w.options.partition_by = nothing;
  FAILS(lam_partition_writer_open(mem, &w.options, &writer, &error), LAM_NOT_FOUND, "\"nothing\"");
  /* Closed without a finish nothing is left. */
  w.options.partition_by = by_text;
  OK(lam_partition_writer_open(mem, &w.options, &writer, &error));
  rows_batch(&w.schema, ids, 9, &batch);
  OK(lam_partition_writer_write(writer, &batch, &error));
  lam_partition_writer_close(writer);
  assert_int_equal(w.change.add_count, 0);
  end(&w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      OPS_TEST(test_partitions),
      OPS_TEST(test_each),
      OPS_TEST(test_no_partitions),
      OPS_TEST(test_written_columns),
      OPS_TEST(test_more_than_memory),
      OPS_TEST(test_dry_run),
      OPS_TEST(test_hash),
      OPS_TEST(test_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
