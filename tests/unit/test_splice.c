/* Spliced row groups against the rows that they should have, with faults looked for by verify. */
#include "lamella/table.h"
#include "local_support.h"
#include "parquet/splice.h"

enum { MOST_ROWS = 3000, LINE = 400, CASES = 60 };

/* ---- rows ---- */

/* A few numbers, a few texts, many long ones, doubles with NULLs, booleans; the first line fixes the types. */
static void put_row(char *out, uint64_t *random, int spread) {
  uint64_t kind = next_random(random), more = next_random(random);
  char n[32] = "null", s[64] = "null", l[200] = "null", d[32] = "null";
  if (kind % 7) sprintf(n, "%d", (int)(more % 30) * spread);
  if (kind / 7 % 4) sprintf(s, "\"value %d\"", (int)(more / 30 % 9) * spread);
  if (kind / 28 % 9)
    sprintf(l, "\"%s%llx\"", more % 50 ? "" : "a text that is longer than the sixty-four bytes of a bound, by much",
            (unsigned long long)more);
  if (kind / 252 % 3) sprintf(d, "%d.25", (int)(more / 7 % 1000) - 500);
  sprintf(out, "{\"n\":%s,\"s\":%s,\"l\":%s,\"d\":%s,\"b\":%s}\n", n, s, l, d, kind / 756 % 2 ? "true" : "false");
}

struct rows {
  int count;
  char (*lines)[LINE];
  struct ArrowSchema schema;
  struct ArrowArray batch;
};
static void make_batch(struct rows *rows) {
  char *text = calloc((size_t)rows->count + 1, LINE), *at = text;
  for (int i = 0; i < rows->count; i++) at = stpcpy(at, rows->lines[i]);
  batch_of_json(text, &rows->schema, &rows->batch);
  assert_int_equal(rows->batch.length, rows->count);
  free(text);
}
static void make_rows(struct rows *rows, int count, uint64_t *random) {
  rows->count = count;
  rows->lines = calloc((size_t)count, LINE);
  strcpy(rows->lines[0], "{\"n\":1,\"s\":\"x\",\"l\":\"y\",\"d\":0.5,\"b\":true}\n");
  for (int i = 1; i < count; i++) put_row(rows->lines[i], random, 1);
  make_batch(rows);
}
static void release_rows(struct rows *rows) {
  lam_array_release(&rows->batch);
  lam_schema_release(&rows->schema);
  free(rows->lines);
}

static void write_source(const struct rows *rows, uint64_t *random) {
  static const int codecs[] = {LAM_WRITE_NONE, LAM_WRITE_SNAPPY, LAM_WRITE_ZSTD};
  struct lam_writer *writer;
  struct lam_write_options options = LAM_WRITE_OPTIONS_INIT;
  struct lam_column_options columns[] = {{.codec = codecs[next_random(random) % 3]},
                                         {.name = "n", .codec = columns[0].codec, .bloom = LAM_BLOOM_ALWAYS},
                                         {.name = "l", .codec = columns[0].codec, .bloom = LAM_BLOOM_ALWAYS}};
  options.columns = columns, options.column_count = 3;
  options.page_rows = 20 + (int64_t)(next_random(random) % 100);
  options.no_page_index = next_random(random) % 8 == 0;
  OK(lam_writer_open_in(store, "a.parquet", &rows->schema, &options, mem, &writer, &error));
  OK(lam_writer_write(writer, &rows->batch, &error));
  OK(lam_writer_finish(writer, NULL, &error));
  lam_writer_close(writer);
}

/* ---- the change ---- */

struct change {
  const struct rows *after; /* as many rows as before; of those dropped any */
  const uint8_t *dropped;   /* a byte each */
  int64_t next;             /* the first row that has not been asked for */
  uint8_t kept[MOST_ROWS / 8 + 1];
};

static void forget(struct ArrowArray *array) {
  array->release = NULL;
}

/* Some rows that stay, and those behind them that do not. */
static enum lam_status give_rows(void *user, const struct lam_range *wanted, int64_t *taken, const uint8_t **kept,
                                 struct ArrowArray *batch, struct lam_error *e) {
  struct change *change = user;
  int64_t row = wanted->first;
  (void)e;
  assert_true(row >= change->next && wanted->end <= change->after->count);
  memset(change->kept, 0, sizeof change->kept);
  for (; row < wanted->end && !change->dropped[row]; row++) lam_bit_set(change->kept, row - wanted->first);
  *batch = change->after->batch;
  batch->offset = wanted->first;
  batch->length = row - wanted->first;
  batch->release = forget;
  for (; row < wanted->end && change->dropped[row]; row++) continue;
  *taken = row - wanted->first;
  *kept = batch->length == *taken ? NULL : change->kept;
  change->next = row;
  return LAM_OK;
}

static void change_rows(struct rows *after, const struct rows *before, uint8_t *dropped, struct lam_ranges *changed,
                        uint64_t *random) {
  after->count = before->count;
  after->lines = calloc((size_t)after->count, LINE);
  memcpy(after->lines, before->lines, (size_t)after->count * LINE);
  int spots = 1 + (int)(next_random(random) % 3), spread = next_random(random) % 2 ? 1 : 1000;
  int64_t row = 1;
  for (int i = 0; i < spots && row < after->count; i++) {
    row += (int64_t)(next_random(random) % (uint64_t)(after->count - row));
    for (int many = 1 + (int)(next_random(random) % 12); many > 0 && row < after->count; many--, row++) {
      dropped[row] = next_random(random) % 2;
      if (!dropped[row]) put_row(after->lines[row], random, spread);
      OK(lam_ranges_add(changed, row, row + 1, &error));
    }
  }
  make_batch(after);
}

static bool splice(struct change *change, const struct lam_ranges *changed) {
  struct lam_file *from;
  struct lam_writer *writer;
  struct lam_column_options *columns;
  struct lam_write_options options = LAM_WRITE_OPTIONS_INIT;
  struct lam_arena arena;
  bool done;
  int64_t rows;
  lam_arena_init(&arena, mem);
  OK(lam_file_open_in(store, "a.parquet", NULL, mem, &from, &error));
  const uint64_t bytes = (uint64_t)lam_file_meta(from)->row_groups[0].compressed_size;
  OK(lam_column_options_of(from, &arena, &columns, &options.column_count, &error));
  options.columns = columns;
  OK(lam_writer_open_in(store, "b.parquet", &change->after->schema, &options, mem, &writer, &error));
  OK(lam_writer_splice_row_group(writer, from, 0, changed, bytes / 2, give_rows, change, &done, &rows, &error));
  if (done) OK(lam_writer_finish(writer, NULL, &error));
  lam_writer_close(writer);
  lam_file_close(from);
  lam_arena_release(&arena);
  return done;
}

/* ---- the result ---- */

static void want_lines(const struct change *change) {
  struct lam_file *file;
  struct lam_reader *reader;
  struct ArrowArray batch;
  struct lam_json_writer json;
  struct lam_buf out;
  lam_buf_init(&out, mem);
  OK(lam_file_open_in(store, "b.parquet", NULL, mem, &file, &error));
  OK(lam_reader_open_in(file, NULL, mem, &reader, &error));
  OK(lam_json_writer_init(&json, mem, &change->after->schema, &error));
  for (;;) {
    OK(lam_reader_next(reader, &batch, &error));
    if (!batch.release) break;
    OK(lam_json_write(&json, &batch, 0, batch.length, &out, &error));
    lam_array_release(&batch);
  }
  OK(lam_buf_append(&out, "", 1, &error));
  const char *at = (const char *)out.data;
  for (int row = 0; row < change->after->count; row++) {
    const char *line = change->after->lines[row];
    if (change->dropped[row]) continue;
    if (strncmp(at, line, strlen(line)) != 0) fail_msg("row %d: %.*s instead of %s", row, 200, at, line);
    at += strlen(line);
  }
  assert_int_equal(*at, 0);
  lam_json_writer_release(&json);
  lam_buf_release(&out);
  lam_reader_close(reader);
  lam_file_close(file);
}

static bool print_fault(void *user, const struct lam_fault *fault) {
  (void)user;
  print_error("%s: %s\n", fault->file, fault->message);
  return true;
}

static void verify(void) {
  struct lam_verify_options options = LAM_VERIFY_OPTIONS_INIT;
  struct lam_verify_result result = LAM_VERIFY_RESULT_INIT;
  options.full = true;
  OK(lam_verify(context, root, &options, print_fault, NULL, &result, &error));
  assert_int_equal(result.faults, 0);
}

static bool try_case(uint64_t *random) {
  struct rows before, after;
  uint8_t dropped[MOST_ROWS] = {0};
  struct lam_ranges changed;
  remove_files();
  lam_ranges_init(&changed, mem);
  make_rows(&before, 2 + (int)(next_random(random) % (MOST_ROWS - 2)), random);
  write_source(&before, random);
  change_rows(&after, &before, dropped, &changed, random);
  struct change change = {.after = &after, .dropped = dropped};
  bool done = splice(&change, &changed);
  if (done) want_lines(&change);
  if (done) verify();
  release_rows(&before);
  release_rows(&after);
  lam_ranges_release(&changed);
  return done;
}

static void test_random_changes(void **state) {
  (void)state;
  uint64_t random = seed_of_test();
  int done = 0;
  for (int i = 0; i < CASES; i++) done += try_case(&random);
  assert_true(done > CASES / 2);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      STORE_TEST(test_random_changes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
