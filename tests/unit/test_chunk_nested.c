#include "arrow_support.h"
#include "parquet/chunk_write.h"
#include "parquet/encoding.h"
#include "parquet/schema.h"

/* A column of lists of int32 or of the numbers as strings, some null, some empty, some long; of the values some are
 * null, and the first half is of few different ones. */
struct column {
  struct ArrowSchema schema, item, *items[1];
  struct ArrowArray array, values, *children[1];
  const void *buffers[2], *value_buffers[3];
  int32_t *offsets, *numbers, *ends;
  char *text;
  int64_t text_bytes; /* of the strings that are not null */
  uint8_t *validity, *value_validity;
};

static void kept(struct ArrowSchema *schema) {
  (void)schema;
}
static void kept_array(struct ArrowArray *array) {
  (void)array;
}

static void make_text(struct column *column, int32_t count) {
  column->ends = calloc((size_t)count + 1, 4);
  column->text = calloc((size_t)count + 1, 12);
  for (int32_t i = 0; i < count; i++) {
    int size = sprintf(column->text + column->ends[i], "%d", column->numbers[i]);
    column->ends[i + 1] = column->ends[i] + size;
    if (lam_bit_get(column->value_validity, i)) column->text_bytes += size;
  }
  column->item.format = "u";
  column->value_buffers[1] = column->ends, column->value_buffers[2] = column->text;
  column->values.n_buffers = 3;
}

static void fill(struct column *column, uint64_t *random, int32_t rows, uint32_t longest, uint32_t distinct,
                 bool text) {
  *column = (struct column){.offsets = calloc((size_t)rows + 1, 4), .validity = calloc((size_t)rows, 1)};
  for (int32_t i = 0; i < rows; i++) {
    uint32_t kind = next_random(random) % 8, length = kind < 2 ? 0 : kind == 2 ? longest : 3;
    lam_bits_fill(column->validity, i, 1, kind != 0);
    column->offsets[i + 1] = column->offsets[i] + (int32_t)(next_random(random) % (length + 1));
  }
  int32_t count = column->offsets[rows];
  column->numbers = calloc((size_t)count + 1, 4);
  column->value_validity = calloc((size_t)count + 1, 1);
  for (int32_t i = 0; i < count; i++) {
    column->numbers[i] = (int32_t)(next_random(random) % (i < count / 2 ? 20 : distinct));
    lam_bits_fill(column->value_validity, i, 1, next_random(random) % 10 > 0);
  }
  column->item = (struct ArrowSchema){.format = "i", .name = "item", .flags = ARROW_FLAG_NULLABLE, .release = kept};
  column->items[0] = &column->item;
  column->schema = column->item;
  column->schema.format = "+l", column->schema.n_children = 1, column->schema.children = column->items;
  column->buffers[0] = column->validity, column->buffers[1] = column->offsets;
  column->value_buffers[0] = column->value_validity, column->value_buffers[1] = column->numbers;
  column->values = (struct ArrowArray){
      .length = count, .null_count = -1, .n_buffers = 2, .buffers = column->value_buffers, .release = kept_array};
  column->children[0] = &column->values;
  column->array = column->values;
  if (text) make_text(column, count);
  column->array.length = rows, column->array.buffers = column->buffers;
  column->array.n_children = 1, column->array.children = column->children;
}

static void empty(struct column *column) {
  free(column->offsets);
  free(column->numbers);
  free(column->ends);
  free(column->text);
  free(column->validity);
  free(column->value_validity);
}

static size_t read_levels(struct lam_bytes page, size_t position, int32_t size, int width, uint32_t *to, size_t count) {
  struct lam_rle rle;
  if (size < 0) { /* V1: the length is in front */
    size = (int32_t)lam_load32(page.data + position);
    position += 4;
  }
  assert_true(position + (size_t)size <= page.size);
  OK(lam_rle_begin(&rle, lam_bytes_of(page.data + position, (size_t)size), width, &error));
  OK(lam_rle_read(&rle, to, count, &error));
  return position + (size_t)size;
}

struct levels {
  uint32_t *repetition, *definition;
  size_t count;
};

/* Checks a page against the levels from `first` on, and returns how many it has. */
static size_t check_page(const struct lam_page_header *header, struct lam_bytes page, bool v2,
                         const struct levels *expected, size_t first, size_t page_rows) {
  size_t count = (size_t)header->values, rows = 0, nulls = 0;
  uint32_t *repetition = calloc(count, 4), *definition = calloc(count, 4);
  assert_int_equal(header->kind, v2 ? LAM_DATA_PAGE_V2 : LAM_DATA_PAGE);
  assert_true(first + count <= expected->count);
  size_t at = read_levels(page, 0, v2 ? header->repetition_size : -1, 1, repetition, count);
  read_levels(page, at, v2 ? header->definition_size : -1, 2, definition, count);
  assert_memory_equal(repetition, expected->repetition + first, 4 * count);
  assert_memory_equal(definition, expected->definition + first, 4 * count);
  assert_int_equal(repetition[0], 0); /* pages begin with a row */
  for (size_t i = 0; i < count; i++) rows += repetition[i] == 0, nulls += definition[i] < 3;
  assert_true(rows >= 1 && (page_rows == 0 || rows <= page_rows));
  if (v2) assert_int_equal(header->rows, rows);
  if (v2) assert_int_equal(header->nulls, nulls);
  free(repetition);
  free(definition);
  return count;
}

enum { REPETITION_SLOTS = 2, DEFINITION_SLOTS = 4, MOST_PAGES = 4096 };

/* Numbers of entries [first, end) by level. */
static void expect_histogram(const int64_t *counts, const uint32_t *levels, size_t first, size_t end, uint32_t slots) {
  for (uint32_t level = 0; level < slots; level++) {
    int64_t expected = 0;
    for (size_t i = first; i < end; i++) expected += levels[i] == level;
    assert_int_equal(counts[level], expected);
  }
}

/* What the chunk's metadata and its column index say of the levels of pages that begin at `starts`. */
static void check_histograms(const struct lam_chunk_writer *chunk, const struct lam_chunk_meta *meta,
                             const struct levels *levels, const size_t *starts, size_t pages, struct lam_arena *arena) {
  struct lam_size_statistics sizes;
  struct lam_column_index columns;
  struct lam_histogram repetition, definition;
  struct lam_buf bytes = {.mem = mem};
  size_t column_size, offset_size;
  OK(lam_size_statistics_parse(meta->details->size_statistics, arena, &sizes, &error));
  assert_int_equal(sizes.repetition.count, REPETITION_SLOTS);
  assert_int_equal(sizes.definition.count, DEFINITION_SLOTS);
  expect_histogram(sizes.repetition.counts, levels->repetition, 0, levels->count, REPETITION_SLOTS);
  expect_histogram(sizes.definition.counts, levels->definition, 0, levels->count, DEFINITION_SLOTS);
  OK(lam_index_finish(&chunk->index, 4, &bytes, &column_size, &offset_size, &error));
  OK(lam_column_index_parse(lam_bytes_of(bytes.data, column_size), arena, &columns, &error));
  OK(lam_histogram_parse(columns.repetition_levels, arena, &repetition, &error));
  OK(lam_histogram_parse(columns.definition_levels, arena, &definition, &error));
  assert_int_equal(columns.count, pages);
  assert_int_equal(repetition.count, pages * REPETITION_SLOTS);
  assert_int_equal(definition.count, pages * DEFINITION_SLOTS);
  for (size_t i = 0; i < pages; i++) {
    size_t end = i + 1 < pages ? starts[i + 1] : levels->count;
    expect_histogram(repetition.counts + i * REPETITION_SLOTS, levels->repetition, starts[i], end, REPETITION_SLOTS);
    expect_histogram(definition.counts + i * DEFINITION_SLOTS, levels->definition, starts[i], end, DEFINITION_SLOTS);
  }
  lam_buf_release(&bytes);
}

static struct lam_chunk_meta check_chunk(struct lam_chunk_writer *chunk, const struct levels *expected,
                                         struct lam_arena *arena) {
  struct lam_chunk_meta meta;
  size_t entries = 0, pages = 0;
  static size_t starts[MOST_PAGES];
  int64_t nulls = 0;
  OK(lam_chunk_describe(chunk, arena, &meta, &error));
  const struct lam_buf *segments = (const struct lam_buf *)(const void *)chunk->segments.data;
  for (size_t i = 0; i < chunk->segments_used; i++) {
    for (size_t at = 0; at < segments[i].size; pages++) {
      struct lam_page_header header;
      size_t size;
      struct lam_bytes rest = lam_bytes_of(segments[i].data + at, segments[i].size - at);
      OK(lam_page_header_parse(rest, &header, &size, &error));
      at += size + (size_t)header.compressed_size;
      struct lam_bytes page = lam_bytes_of(rest.data + size, (size_t)header.compressed_size);
      assert_true(pages < MOST_PAGES);
      starts[pages] = entries;
      entries += check_page(&header, page, chunk->options.v2, expected, entries, (size_t)chunk->options.page_rows);
    }
  }
  for (size_t i = 0; i < expected->count; i++) nulls += expected->definition[i] < 3;
  assert_int_equal(entries, expected->count);
  assert_int_equal(meta.values, expected->count);
  assert_int_equal(meta.details->statistics.null_count, nulls);
  assert_int_equal(pages, chunk->plain_pages + chunk->dictionary_pages);
  check_histograms(chunk, &meta, expected, starts, pages, arena);
  return meta;
}

static struct levels levels_of(const struct lam_shred_path *path, const struct lam_view *leaf, int64_t rows) {
  struct lam_shredded shredded;
  lam_shredded_init(&shredded, mem);
  OK(lam_shred(path, 0, rows, &shredded, &error));
  lam_shred_leaf(&shredded, leaf->validity, leaf->offset);
  struct levels levels = {calloc(shredded.entries, 4), calloc(shredded.entries, 4), shredded.entries};
  for (size_t i = 0; i < shredded.entries; i++) {
    levels.repetition[i] = shredded.repetition.data[i];
    levels.definition[i] = shredded.definition.data[i];
  }
  lam_shredded_release(&shredded);
  return levels;
}

static void write_column(const struct column *column, const struct lam_chunk_options *options, uint64_t *random) {
  struct lam_arena arena;
  struct lam_file_meta meta = {0};
  struct lam_buf paths;
  struct lam_view leaf;
  struct lam_page_pool pool;
  struct lam_workspace workspace;
  struct lam_chunk_writer chunk;
  const struct ArrowArray *values;
  struct ArrowSchema *columns[1] = {(struct ArrowSchema *)&column->schema};
  struct ArrowSchema schema = {.format = "+s", .name = "", .n_children = 1, .children = columns, .release = kept};
  int64_t rows = column->array.length;
  lam_arena_init(&arena, mem);
  lam_buf_init(&paths, mem);
  OK(lam_schema_to_parquet(&schema, &arena, &meta, &error));
  OK(lam_shred_paths(&column->schema, &arena, &paths, &error));
  struct lam_shred_path *path = (struct lam_shred_path *)(void *)paths.data;
  OK(lam_shred_bind(path, &column->array, 0, rows, &values, &error));
  OK(lam_view_init(path->leaf, values, &leaf, &error));
  lam_workspace_init(&workspace, mem);
  lam_page_pool_init(&pool, mem);
  OK(lam_chunk_writer_init(&chunk, &pool, &leaf.type, &meta.nodes[meta.leaves[0]], options, &error));
  for (int64_t row = 0, some; row < rows; row += some) {
    some = lam_min_i64(rows - row, (int64_t)(next_random(random) % (uint64_t)rows) + 1);
    OK(lam_chunk_append_nested(&chunk, &workspace, path, &leaf, row, some, &error));
  }
  OK(lam_chunk_finish(&chunk, &workspace, &error));
  struct levels levels = levels_of(path, &leaf, rows);
  struct lam_chunk_meta made = check_chunk(&chunk, &levels, &arena);
  struct lam_size_statistics sizes;
  OK(lam_size_statistics_parse(made.details->size_statistics, &arena, &sizes, &error));
  assert_int_equal(sizes.unencoded_bytes, column->text ? column->text_bytes : -1);
  free(levels.repetition);
  free(levels.definition);
  lam_chunk_writer_release(&chunk);
  lam_page_pool_destroy(&pool);
  lam_workspace_release(&workspace);
  lam_buf_release(&paths);
  lam_arena_release(&arena);
}

/* Levels and counts of pages, of every kind of page and cut, with rows longer than a page and a dictionary that is
 * given up within them. */
static void test_pages(void **state) {
  (void)state;
  uint64_t random = seed_of_test();
  for (int i = 0; i < 200; i++) {
    struct column column;
    int32_t rows = (int32_t)(next_random(&random) % 300) + 1;
    fill(&column, &random, rows, i % 7 < 4 ? 40 : 3000, i % 3 ? 100000 : 20, i / 3 % 4 > 0);
    struct lam_chunk_options options = {.codec = LAM_UNCOMPRESSED,
                                        .statistics = true,
                                        .page_index = true,
                                        .v2 = i & 1,
                                        .page_bytes = (size_t[]){1, 100, 5000, 1 << 20}[i % 4],
                                        .page_rows = (int64_t[]){0, 0, 1, 7, 1000}[i % 5],
                                        .dictionary_bytes = (size_t[]){0, 100, 2000, 1 << 20}[i / 4 % 4],
                                        .row_group_rows = 1 << 20};
    write_column(&column, &options, &random);
    empty(&column);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {MEM_TEST(test_pages)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
