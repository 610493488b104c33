#include "lamella/table.h"
#include "local_support.h"
#include "parquet/page_index.h"
#include "parquet/writer.h"

enum { COLUMNS = 7, LEAVES = 8, GROUPS = 3, MOST_ROWS = 300 };

/* n, s, l, t{a, b}, d, then a column of the type of n and one of that of l. */
static const int leaf_count_of[COLUMNS] = {1, 1, 1, 2, 1, 1, 1};
enum { SOURCE_COLUMNS = 5, EXTRA = 5 };
static const int same_type[COLUMNS] = {0, 1, 2, 3, 4, 0, 2};

/* ---- rows ---- */

static int put_row(char *out, uint64_t *random) {
  uint64_t kind = next_random(random);
  char n[32] = "null", s[64] = "null", l[64] = "null", t[128] = "null";
  if (kind % 5) sprintf(n, "%d", (int)(next_random(random) % 1000));
  if (kind / 5 % 4) sprintf(s, "\"value number %d\"", (int)(next_random(random) % 9));
  if (kind / 20 % 3 == 1) strcpy(l, "[]");
  if (kind / 20 % 3 == 2) sprintf(l, "[%d,null,%d]", (int)(kind / 64 % 50), (int)(kind / 4096 % 50));
  if (kind / 60 % 3) sprintf(t, "{\"a\":%s,\"b\":%s}", n, s);
  return sprintf(out, "{\"n\":%s,\"s\":%s,\"l\":%s,\"t\":%s,\"d\":%d.5}\n", n, s, l, t, (int)(kind % 77));
}

static void make_rows(uint64_t *random, int rows, struct ArrowSchema *schema, struct ArrowArray *batch) {
  char *text = malloc((size_t)rows * 320 + 400);
  size_t size = (size_t)sprintf(text, "{\"n\":1,\"s\":\"x\",\"l\":[1],\"t\":{\"a\":1,\"b\":\"y\"},\"d\":0.5}\n");
  for (int i = 1; i < rows; i++) size += (size_t)put_row(text + size, random);
  batch_of_json(text, schema, batch);
  free(text);
}

/* The texts of each column's values, a line each. */
struct lines {
  char *text[COLUMNS];
  char **line[COLUMNS];
  int64_t rows;
};

static void add_column(struct ArrowSchema *schema, const struct ArrowArray *batch, int64_t column,
                       struct lam_buf *out) {
  struct ArrowSchema one = *schema, *child = schema->children[column];
  struct ArrowArray rows = *batch, *values = batch->children[column];
  struct lam_json_writer writer;
  one.n_children = rows.n_children = 1;
  const char *name = child->name;
  child->name = "c";
  one.children = &child, rows.children = &values;
  OK(lam_json_writer_init(&writer, mem, &one, &error));
  OK(lam_json_write(&writer, &rows, 0, rows.length, out, &error));
  lam_json_writer_release(&writer);
  child->name = name;
}

static void split_lines(struct lam_buf *buf, struct lines *out, int column, int64_t rows) {
  OK(lam_buf_append(buf, "", 1, &error));
  out->text[column] = strdup((const char *)buf->data);
  out->line[column] = calloc((size_t)rows + 1, sizeof(char *));
  char *at = out->text[column];
  int64_t found = 0;
  for (; *at; found++) {
    assert_true(found < rows);
    out->line[column][found] = at;
    at = strchr(at, '\n');
    *at++ = 0;
  }
  assert_int_equal(found, rows);
}

static struct lines lines_of(const char *key) {
  struct lam_file *file;
  struct lam_reader *reader;
  struct ArrowSchema schema;
  struct ArrowArray batch;
  struct lam_buf bufs[COLUMNS];
  struct lines lines = {.rows = 0};
  OK(lam_file_open_in(store, key, NULL, mem, &file, &error));
  OK(lam_reader_open_in(file, NULL, mem, &reader, &error));
  OK(lam_reader_schema(reader, &schema, &error));
  for (int c = 0; c < COLUMNS; c++) lam_buf_init(&bufs[c], mem);
  for (;;) {
    OK(lam_reader_next(reader, &batch, &error));
    if (!batch.release) break;
    lines.rows += batch.length;
    for (int64_t c = 0; c < schema.n_children; c++) add_column(&schema, &batch, c, &bufs[c]);
    lam_array_release(&batch);
  }
  for (int c = 0; c < (int)schema.n_children; c++) split_lines(&bufs[c], &lines, c, lines.rows);
  for (int c = 0; c < COLUMNS; c++) lam_buf_release(&bufs[c]);
  lam_schema_release(&schema);
  lam_reader_close(reader);
  lam_file_close(file);
  return lines;
}
static void free_lines(struct lines *lines) {
  for (int c = 0; c < COLUMNS; c++) {
    free(lines->text[c]);
    free(lines->line[c]);
  }
}

/* ---- files ---- */

static void write_source(uint64_t *random, const struct ArrowSchema *schema, const struct ArrowArray *batch,
                         const int *group_rows) {
  struct lam_writer *writer;
  struct lam_write_options options = LAM_WRITE_OPTIONS_INIT;
  struct lam_column_options columns[2] = {{.name = "n", .bloom = LAM_BLOOM_ALWAYS},
                                          {.name = "s", .bloom = LAM_BLOOM_ALWAYS}};
  options.columns = columns, options.column_count = 2;
  options.page_rows = 1 + (int64_t)(next_random(random) % 150);
  options.data_page_v2 = next_random(random) % 2;
  OK(lam_writer_open_in(store, "a.parquet", schema, &options, mem, &writer, &error));
  struct ArrowArray slice = *batch;
  for (int g = 0; g < GROUPS; g++) {
    slice.length = group_rows[g];
    OK(lam_writer_write(writer, &slice, &error));
    OK(lam_writer_end_row_group(writer, &error));
    slice.offset += group_rows[g];
  }
  OK(lam_writer_finish(writer, NULL, &error));
  lam_writer_close(writer);
}

/* The columns of the new file: place[c] is where the one made of column c stands; first_leaf of it and in the source.
 */
struct layout {
  int place[COLUMNS], at[COLUMNS];
  int32_t first_leaf[COLUMNS], source_leaf[COLUMNS];
  struct ArrowSchema schema;
};

static void make_layout(uint64_t *random, const struct ArrowSchema *from, struct layout *out) {
  for (int c = 0; c < COLUMNS; c++) out->at[c] = c;
  for (int c = COLUMNS - 1; c > 0; c--) {
    int other = (int)(next_random(random) % (uint64_t)(c + 1)), kept = out->at[c];
    out->at[c] = out->at[other], out->at[other] = kept;
  }
  OK(lam_schema_init_struct("", COLUMNS, &out->schema, &error));
  int32_t leaf = 0, source = 0;
  for (int p = 0; p < COLUMNS; p++) {
    int c = out->at[p];
    char name[16];
    sprintf(name, "new %d", c);
    out->place[c] = p;
    out->first_leaf[c] = leaf;
    leaf += leaf_count_of[c];
    lam_schema_release(out->schema.children[p]);
    OK(lam_schema_copy(from->children[same_type[c]], out->schema.children[p], &error));
    OK(lam_schema_rename(out->schema.children[p], name, &error));
  }
  for (int c = 0; c < SOURCE_COLUMNS; c++) {
    out->source_leaf[c] = source;
    source += leaf_count_of[c];
  }
}

/* What becomes of the columns of a row group: 0 copied, or one of LAM_MIX_*. */
static void choose(uint64_t *random, int fates[COLUMNS]) {
  for (int c = 0; c < COLUMNS; c++) {
    uint64_t kind = next_random(random) % 4;
    fates[c] = kind == 0 ? LAM_MIX_NULL : kind == 1 || c >= EXTRA ? LAM_MIX_WRITTEN : 0;
    if (c >= EXTRA && kind > 1) fates[c] = LAM_MIX_NULL;
  }
}

static void leaves_of(const struct layout *layout, const int fates[COLUMNS], int32_t leaves[LEAVES]) {
  for (int c = 0; c < COLUMNS; c++)
    for (int k = 0; k < leaf_count_of[c]; k++)
      leaves[layout->first_leaf[c] + k] = fates[c] < 0 ? fates[c] : layout->source_leaf[c] + k;
}

/* Rows of the source as batches of any size, with the columns that are written. */
static void write_some(uint64_t *random, struct lam_writer *writer, const struct layout *layout, const int *fates,
                       const struct ArrowArray *batch, int64_t first, int64_t rows) {
  struct ArrowArray none = {.length = 0}, *children[COLUMNS], slice = *batch;
  bool any = false;
  for (int c = 0; c < COLUMNS; c++) {
    any |= fates[c] == LAM_MIX_WRITTEN;
    children[layout->place[c]] = fates[c] == LAM_MIX_WRITTEN ? batch->children[same_type[c]] : &none;
  }
  slice.n_children = COLUMNS, slice.children = children;
  for (slice.offset = first; any && rows > 0; rows -= slice.length, slice.offset += slice.length) {
    slice.length = 1 + (int64_t)(next_random(random) % (uint64_t)rows);
    OK(lam_writer_write(writer, &slice, &error));
  }
}

static void check_copied(const struct lam_file *from, const struct lam_file *to, int32_t group, int32_t leaf,
                         int32_t leaf_there) {
  uint64_t offset, size, offset_there, size_there;
  struct lam_offset_index index, index_there;
  struct lam_arena arena;
  lam_arena_init(&arena, mem);
  OK(lam_chunk_range(from, group, leaf, &offset, &size, &error));
  OK(lam_chunk_range(to, group, leaf_there, &offset_there, &size_there, &error));
  assert_int_equal(size, size_there);
  uint8_t *bytes = malloc(2 * size);
  OK(lam_file_read(from, offset, bytes, size, &error));
  OK(lam_file_read(to, offset_there, bytes + size, size, &error));
  assert_memory_equal(bytes, bytes + size, size);
  free(bytes);
  OK(lam_offset_index_read(from, group, leaf, &arena, &index, &error));
  OK(lam_offset_index_read(to, group, leaf_there, &arena, &index_there, &error));
  assert_int_equal(index.count, index_there.count);
  assert_true(index.count > 0);
  for (int32_t i = 0; i < index.count; i++)
    assert_int_equal(index.pages[i].offset - offset, index_there.pages[i].offset - offset_there);
  const struct lam_chunk_meta *a = &lam_file_meta(from)->row_groups[group].chunks[leaf];
  const struct lam_chunk_meta *b = &lam_file_meta(to)->row_groups[group].chunks[leaf_there];
  assert_int_equal(a->bloom_length, b->bloom_length);
  assert_int_equal(a->column_index_length, b->column_index_length);
  assert_true(lam_bytes_equal(lam_chunk_statistics(a).max, lam_chunk_statistics(b).max));
  lam_arena_release(&arena);
}

/* A chunk of NULLs takes pages of some bytes, says so, and has an index. */
static void check_nulls(const struct lam_file *to, int32_t group, int32_t leaf, int64_t rows) {
  const struct lam_chunk_meta *chunk = &lam_file_meta(to)->row_groups[group].chunks[leaf];
  struct lam_offset_index index;
  struct lam_arena arena;
  lam_arena_init(&arena, mem);
  assert_int_equal(chunk->values, rows);
  assert_int_equal(lam_chunk_statistics(chunk).null_count, rows);
  OK(lam_offset_index_read(to, group, leaf, &arena, &index, &error));
  assert_true(index.count > 0);
  assert_true(chunk->compressed_size < 80 * index.count);
  lam_arena_release(&arena);
}

static bool print_fault(void *user, const struct lam_fault *fault) {
  (void)user;
  print_error("%s: %s\n", fault->file, fault->message);
  return true;
}
static void verify(const char *key) {
  char path[64];
  struct lam_verify_result result = LAM_VERIFY_RESULT_INIT;
  struct lam_verify_options options = LAM_VERIFY_OPTIONS_INIT;
  options.full = true;
  snprintf(path, sizeof path, "%s/%s", root, key);
  OK(lam_verify(context, path, &options, print_fault, NULL, &result, &error));
  assert_int_equal(result.faults, 0);
}

/* ---- tests ---- */

static void check_result(const struct layout *layout, int fates[GROUPS][COLUMNS], const int *group_rows) {
  struct lam_file *from, *to;
  struct lines before = lines_of("a.parquet"), after = lines_of("b.parquet");
  OK(lam_file_open_in(store, "a.parquet", NULL, mem, &from, &error));
  OK(lam_file_open_in(store, "b.parquet", NULL, mem, &to, &error));
  assert_int_equal(lam_file_row_groups(to), GROUPS);
  assert_int_equal(before.rows, after.rows);
  for (int g = 0, row = 0; g < GROUPS; row += group_rows[g], g++) {
    assert_int_equal(lam_file_meta(to)->row_groups[g].rows, group_rows[g]);
    for (int c = 0; c < COLUMNS; c++) {
      for (int i = row; i < row + group_rows[g]; i++)
        assert_string_equal(after.line[layout->place[c]][i],
                            fates[g][c] == LAM_MIX_NULL ? "{\"c\":null}" : before.line[same_type[c]][i]);
      for (int k = 0; k < leaf_count_of[c]; k++) {
        if (fates[g][c] == 0) check_copied(from, to, g, layout->source_leaf[c] + k, layout->first_leaf[c] + k);
        if (fates[g][c] == LAM_MIX_NULL) check_nulls(to, g, layout->first_leaf[c] + k, group_rows[g]);
      }
    }
    const struct lam_row_group_meta *group = &lam_file_meta(to)->row_groups[g];
    for (int i = 1; i < LEAVES; i++) /* in the order of the schema */
      assert_true(group->chunks[i].data_page_offset > group->chunks[i - 1].data_page_offset);
  }
  verify("b.parquet");
  lam_file_close(from);
  lam_file_close(to);
  free_lines(&before);
  free_lines(&after);
}

static void one_round(uint64_t *random) {
  struct ArrowSchema schema;
  struct ArrowArray batch;
  struct lam_file *file;
  struct lam_writer *writer;
  struct layout layout;
  int group_rows[GROUPS], fates[GROUPS][COLUMNS], total = 0;
  for (int g = 0; g < GROUPS; g++) total += group_rows[g] = 1 + (int)(next_random(random) % MOST_ROWS);
  make_rows(random, total, &schema, &batch);
  assert_int_equal(batch.length, total);
  write_source(random, &schema, &batch, group_rows);
  make_layout(random, &schema, &layout);
  struct lam_write_options options = LAM_WRITE_OPTIONS_INIT;
  options.row_group_rows = 1 + (int64_t)(next_random(random) % 100); /* which the row groups do not heed */
  options.page_rows = 1 + (int64_t)(next_random(random) % 200);
  options.data_page_v2 = next_random(random) % 2;
  OK(lam_file_open_in(store, "a.parquet", NULL, mem, &file, &error));
  OK(lam_writer_open_in(store, "b.parquet", &layout.schema, &options, mem, &writer, &error));
  for (int g = 0, row = 0; g < GROUPS; row += group_rows[g], g++) {
    int32_t leaves[LEAVES];
    choose(random, fates[g]);
    leaves_of(&layout, fates[g], leaves);
    OK(lam_writer_mix_row_group(writer, file, g, leaves, &error));
    memset(leaves, 99, sizeof leaves);
    write_some(random, writer, &layout, fates[g], &batch, row, group_rows[g]);
    if (next_random(random) % 2) OK(lam_writer_end_row_group(writer, &error));
  }
  OK(lam_writer_finish(writer, NULL, &error));
  lam_writer_close(writer);
  lam_file_close(file);
  check_result(&layout, fates, group_rows);
  remove_files();
  lam_schema_release(&layout.schema);
  lam_array_release(&batch);
  lam_schema_release(&schema);
}

static void test_random_mixes(void **state) {
  (void)state;
  uint64_t random = seed_of_test();
  for (int round = 0; round < 25; round++) one_round(&random);
}

/* A source of 10 rows of `n` (required) and `s`, sorted by both; and a writer of n, s and a new column. */
struct small {
  struct ArrowSchema schema, wider;
  struct ArrowArray batch;
  struct lam_file *file;
};
static void open_small(struct small *small) {
  static const struct lam_sort_key sorting[] = {{.column = "n"}, {.column = "s", .descending = true}};
  const char *numbers[] = {"1", "2", "3", "4", "5"}, *texts[] = {"a", "b", "c", "d", "e"};
  struct lam_write_options options = LAM_WRITE_OPTIONS_INIT;
  options.sorting = sorting, options.sorting_count = 2;
  OK(lam_schema_init_struct("", 2, &small->schema, &error));
  OK(lam_array_init_struct(5, 2, &small->batch, &error));
  make_column("bigint", "n", numbers, 5, small->schema.children[0], small->batch.children[0]);
  make_column("varchar", "s", texts, 5, small->schema.children[1], small->batch.children[1]);
  small->schema.children[0]->flags = 0;
  struct lam_writer *writer;
  OK(lam_writer_open_in(store, "a.parquet", &small->schema, &options, mem, &writer, &error));
  OK(lam_writer_write(writer, &small->batch, &error));
  OK(lam_writer_finish(writer, NULL, &error));
  lam_writer_close(writer);
  OK(lam_file_open_in(store, "a.parquet", NULL, mem, &small->file, &error));
  OK(lam_schema_init_struct("", 3, &small->wider, &error));
  struct lam_type number = type_of("integer");
  lam_schema_release(small->wider.children[0]);
  OK(lam_schema_init(&number, "new", true, small->wider.children[0], &error));
  for (int i = 0; i < 2; i++) {
    lam_schema_release(small->wider.children[i + 1]);
    OK(lam_schema_copy(small->schema.children[1 - i], small->wider.children[i + 1], &error));
  }
}
static void close_small(struct small *small) {
  lam_file_close(small->file);
  lam_schema_release(&small->schema);
  lam_schema_release(&small->wider);
  lam_array_release(&small->batch);
}

static void test_refusals(void **state) {
  (void)state;
  struct small small;
  struct lam_writer *writer;
  open_small(&small);
  OK(lam_writer_open_in(store, "b.parquet", &small.wider, NULL, mem, &writer, &error));
  struct {
    int32_t row_group, leaves[3];
    const char *message;
  } cases[] = {
      {1, {-1, 1, 0}, "there is no row group 1"},
      {0, {-1, 2, 0}, "column \"s\": there is no column 2"},
      {0, {-3, 1, 0}, "column \"new\": there is no column -3"},
      {0, {-1, 1, -1}, "column \"n\" may not be NULL"},
      {0, {-1, 0, 1}, "column 1 (\"s\") is BYTE_ARRAY with 1 definition levels here and INT64 with 0 there"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    FAILS(lam_writer_mix_row_group(writer, small.file, cases[i].row_group, cases[i].leaves, &error), LAM_INVALID,
          cases[i].message);
  const int32_t leaves[] = {LAM_MIX_NULL, LAM_MIX_WRITTEN, 0};
  OK(lam_writer_mix_row_group(writer, small.file, 0, leaves, &error)); /* a refusal has changed nothing */
  struct ArrowArray none = {.length = 0}, *children[] = {&none, small.batch.children[1], &none}, slice = small.batch;
  slice.n_children = 3, slice.children = children, slice.length = 3;
  OK(lam_writer_write(writer, &slice, &error));
  FAILS(lam_writer_write(writer, &slice, &error), LAM_INVALID, "3 rows for a row group that waits for 2");
  lam_writer_close(writer);
  OK(lam_writer_open_in(store, "b.parquet", &small.wider, NULL, mem, &writer, &error));
  OK(lam_writer_mix_row_group(writer, small.file, 0, leaves, &error));
  OK(lam_writer_write(writer, &slice, &error));
  FAILS(lam_writer_end_row_group(writer, &error), LAM_INVALID, "has 5 rows, and only 3 came");
  lam_writer_close(writer);
  close_small(&small);
}

/* Sorting columns move with their columns. */
static void test_sorting(void **state) {
  (void)state;
  static const struct lam_sort_key told[] = {{.column = "n"}, {.column = "s", .descending = true}};
  static const struct {
    int32_t leaves[3];
    int told, expected[2], count;
  } cases[] = {
      {{-1, 1, 0}, 0, {2, 1}, 2},  /* all are copied */
      {{-1, -2, 0}, 0, {2}, 1},    /* the second may have changed */
      {{-1, -2, 0}, 2, {2, 1}, 2}, /* and has not */
      {{-1, 1, -2}, 0, {0}, 0},    /* the first may have */
      {{-1, 1, -2}, 1, {2, 1}, 2}, {{-1, -1, 0}, 2, {2}, 1},
  };
  struct small small;
  open_small(&small);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct lam_writer *writer;
    struct lam_write_options options = LAM_WRITE_OPTIONS_INIT;
    options.sorting = told, options.sorting_count = cases[i].told;
    OK(lam_writer_open_in(store, "b.parquet", &small.wider, &options, mem, &writer, &error));
    OK(lam_writer_mix_row_group(writer, small.file, 0, cases[i].leaves, &error));
    struct ArrowArray slice = small.batch, *children[] = {NULL, small.batch.children[1], small.batch.children[0]};
    slice.n_children = 3, slice.children = children;
    if (cases[i].leaves[1] == LAM_MIX_WRITTEN || cases[i].leaves[2] == LAM_MIX_WRITTEN)
      OK(lam_writer_write(writer, &slice, &error));
    assert_true(lam_writer_pending_bytes(writer) > 0);
    OK(lam_writer_finish(writer, NULL, &error));
    const struct lam_row_group_meta *group = lam_writer_meta(writer)->row_groups;
    assert_int_equal(group->sorting_count, cases[i].count);
    for (int k = 0; k < cases[i].count; k++) {
      assert_int_equal(group->sorting[k].column, cases[i].expected[k]);
      assert_int_equal(group->sorting[k].descending, k);
    }
    lam_writer_close(writer);
    verify("b.parquet");
    OK(store->ops->remove(store, "b.parquet", &error));
  }
  close_small(&small);
}

/* NULLs of more rows than a page takes, of every kind of column, without a level in memory. */
static void test_many_nulls(void **state) {
  (void)state;
  struct ArrowSchema schema, wider;
  struct ArrowArray batch;
  struct lam_writer *writer;
  struct lam_file *file;
  struct lam_write_options options = LAM_WRITE_OPTIONS_INIT;
  uint64_t random = 1;
  int64_t rows = 3000000;
  uint8_t *bits = calloc((size_t)rows / 8 + 1, 1);
  const void *buffers[2] = {NULL, bits};
  batch = (struct ArrowArray){.length = rows, .n_buffers = 2, .buffers = buffers};
  OK(lam_schema_init_struct("", 1, &schema, &error));
  struct lam_type boolean = type_of("boolean");
  lam_schema_release(schema.children[0]);
  OK(lam_schema_init(&boolean, "flag", true, schema.children[0], &error));
  struct ArrowArray whole = {.length = rows, .n_buffers = 1, .buffers = buffers, .n_children = 1};
  struct ArrowArray *children[] = {&batch};
  batch.release = whole.release = lam_array_release;
  whole.children = children;
  options.row_group_rows = rows;
  OK(lam_writer_open_in(store, "a.parquet", &schema, &options, mem, &writer, &error));
  OK(lam_writer_write(writer, &whole, &error));
  OK(lam_writer_finish(writer, NULL, &error));
  lam_writer_close(writer);
  lam_schema_release(&schema);
  make_rows(&random, 3, &wider, &whole);
  lam_array_release(&whole);
  options.page_rows = 1 << 21;
  const int32_t leaves[] = {-1, -1, -1, -1, -1, -1};
  OK(lam_file_open_in(store, "a.parquet", NULL, mem, &file, &error));
  OK(lam_writer_open_in(store, "b.parquet", &wider, &options, mem, &writer, &error));
  OK(lam_writer_mix_row_group(writer, file, 0, leaves, &error));
  OK(lam_writer_finish(writer, NULL, &error));
  for (int i = 0; i < 6; i++) assert_true(lam_writer_meta(writer)->row_groups[0].chunks[i].compressed_size < 200);
  lam_writer_close(writer);
  lam_file_close(file);
  verify("b.parquet");
  lam_schema_release(&wider);
  free(bits);
}

int main(void) {
  const struct CMUnitTest tests[] = {STORE_TEST(test_random_mixes), STORE_TEST(test_refusals), STORE_TEST(test_sorting),
                                     STORE_TEST(test_many_nulls)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
