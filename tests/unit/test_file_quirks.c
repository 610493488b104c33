/* Files as certain writers leave them, made by hand: two columns of 1,000 integers, "a" with a dictionary and "b"
 * PLAIN. Each case changes something of "a"; "b" reads whatever becomes of it. Quirks within a page's bytes are tested
 * where the encodings are. */
#include <stdlib.h>

#include "file_support.h"

#include "parquet/schema.h"

enum { ROWS = 1000, DISTINCT = 50 };

struct made {
  struct lam_buf file;
  size_t dictionary, header; /* where the dictionary page of "a" is, and the size of its header */
  struct lam_schema_node nodes[3];
  struct lam_chunk_meta chunks[2];
  uint8_t orders[2];
  struct lam_row_group_meta group;
  struct lam_file_meta meta;
};

static void put_values(struct made *m) {
  int32_t dictionary[DISTINCT], plain[ROWS];
  uint32_t indices[ROWS];
  for (int i = 0; i < DISTINCT; i++) dictionary[i] = i * 7;
  for (int i = 0; i < ROWS; i++) indices[i] = (uint32_t)(i % DISTINCT), plain[i] = i;
  assert_int_equal(lam_buf_append(&m->file, "PAR1", 4, NULL), LAM_OK);
  m->dictionary = m->file.size;
  put_dictionary(&m->file, DISTINCT, lam_bytes_of(dictionary, sizeof dictionary));
  m->header = m->file.size - m->dictionary - sizeof dictionary;
  size_t data = m->file.size;
  put_index_page(&m->file, NULL, 600, indices, 600);
  put_index_page(&m->file, NULL, ROWS - 600, indices + 600, ROWS - 600);
  size_t end = m->file.size;
  put_data_page(&m->file, LAM_PLAIN, NULL, ROWS, lam_bytes_of(plain, sizeof plain));
  m->chunks[0] = (struct lam_chunk_meta){.physical = LAM_INT32,
                                         .has_metadata = true,
                                         .has_dictionary_offset = true,
                                         .encodings = 1 << LAM_PLAIN | 1 << LAM_RLE_DICTIONARY,
                                         .values = ROWS,
                                         .uncompressed_size = (int64_t)(end - m->dictionary),
                                         .compressed_size = (int64_t)(end - m->dictionary),
                                         .dictionary_page_offset = (int64_t)m->dictionary,
                                         .data_page_offset = (int64_t)data};
  m->chunks[1] = (struct lam_chunk_meta){.physical = LAM_INT32,
                                         .has_metadata = true,
                                         .encodings = 1 << LAM_PLAIN,
                                         .values = ROWS,
                                         .uncompressed_size = (int64_t)(m->file.size - end),
                                         .compressed_size = (int64_t)(m->file.size - end),
                                         .data_page_offset = (int64_t)end};
}

static void make(struct made *m, struct lam_mem *mem) {
  static int32_t leaves[] = {1, 2}, tops[] = {1, 2};
  *m = (struct made){.file = {.mem = mem}};
  m->nodes[0] = (struct lam_schema_node){
      .name = lam_bytes_of_string("m"), .parent = -1, .children = 2, .field_id = -1, .physical = -1, .converted = -1};
  for (int i = 1; i < 3; i++)
    m->nodes[i] = (struct lam_schema_node){.name = lam_bytes_of_string(i == 1 ? "a" : "b"),
                                           .physical = LAM_INT32,
                                           .repetition = LAM_REQUIRED,
                                           .field_id = -1,
                                           .converted = -1};
  put_values(m);
  m->orders[0] = m->orders[1] = LAM_ORDER_TYPE_DEFINED;
  m->group = (struct lam_row_group_meta){
      .chunks = m->chunks, .rows = ROWS, .compressed_size = -1, .file_offset = -1, .ordinal = -1};
  m->meta = (struct lam_file_meta){.version = 1,
                                   .rows = ROWS,
                                   .nodes = m->nodes,
                                   .node_count = 3,
                                   .leaves = leaves,
                                   .leaf_count = 2,
                                   .tops = tops,
                                   .top_count = 2,
                                   .row_groups = &m->group,
                                   .row_group_count = 1,
                                   .column_orders = m->orders,
                                   .created_by = lam_bytes_of_string("parquet-mr version 1.12.0")};
}

static void put_footer(struct made *m, struct lam_store *store) {
  size_t footer = m->file.size;
  assert_int_equal(lam_file_meta_write(&m->meta, &m->file, NULL), LAM_OK);
  uint8_t end[8] = {0, 0, 0, 0, 'P', 'A', 'R', '1'};
  lam_store32(end, (uint32_t)(m->file.size - footer));
  assert_int_equal(lam_buf_append(&m->file, end, 8, NULL), LAM_OK);
  put_object(store, "f", lam_bytes_of(m->file.data, m->file.size));
  lam_buf_release(&m->file);
}

/* Reads one column to its end; each value is checked against what it should be. */
static enum lam_status read_column(struct lam_file *file, int32_t column, int32_t distinct, int32_t factor,
                                   struct lam_mem *mem, struct lam_error *error) {
  struct lam_read_options options = LAM_READ_OPTIONS_INIT;
  struct lam_reader *reader;
  options.columns = &column, options.column_count = 1, options.batch_rows = 300;
  LAM_TRY(lam_reader_open_in(file, &options, mem, &reader, error));
  enum lam_status status;
  for (int64_t row = 0;;) {
    struct ArrowArray batch;
    status = lam_reader_next(reader, &batch, error);
    if (status != LAM_OK) break;
    if (!batch.release) {
      assert_int_equal(row, ROWS);
      break;
    }
    const int32_t *values = (const int32_t *)batch.children[0]->buffers[1] + batch.children[0]->offset;
    for (int64_t i = 0; i < batch.length; i++, row++) assert_int_equal(values[i], row % distinct * factor);
    batch.release(&batch);
  }
  lam_reader_close(reader);
  return status;
}

/* ---- the cases ---- */

static void no_dictionary_offset(struct made *m) {
  m->chunks[0].has_dictionary_offset = false;
  m->chunks[0].data_page_offset = (int64_t)m->dictionary;
}
static void dictionary_offset_zero(struct made *m) {
  m->chunks[0].dictionary_page_offset = 0;
  m->chunks[0].data_page_offset = (int64_t)m->dictionary;
}
static void dictionary_offset_behind(struct made *m) {
  m->chunks[0].dictionary_page_offset = m->chunks[0].data_page_offset + 8;
  m->chunks[0].data_page_offset = (int64_t)m->dictionary;
}
/* parquet-mr before 1.2.9, PARQUET-816 */
static void header_not_counted(struct made *m) {
  m->chunks[0].compressed_size -= (int64_t)m->header;
}
static void ordinal_wrong(struct made *m) {
  m->group.ordinal = 17;
}
static void file_offset_wrong(struct made *m) {
  m->group.file_offset = 0;
  m->group.compressed_size = 3;
}
static void names_twice(struct made *m) {
  m->nodes[2].name = m->nodes[1].name;
}
static void no_column_orders(struct made *m) {
  m->meta.column_orders = NULL;
}
static void unknown_logical_type(struct made *m) {
  static const uint8_t raw[] = {0x0c, 0xc8, 0x01, 0x15, 0x02, 0x00, 0x00}; /* field 100, a struct {1: i32 1} */
  m->nodes[1].logical = (struct lam_logical){.kind = 100, .raw = lam_bytes_of(raw, sizeof raw)};
}
/* GEOMETRY and VARIANT stand on other storage: as good as unknown. */
static void misplaced_logical_type(struct made *m) {
  static const uint8_t raw[] = {0x0c, 0x22, 0x18, 0x01, 'x', 0x00, 0x00}; /* field 17, a struct {1: "x"} */
  m->nodes[1].logical = (struct lam_logical){.kind = LAM_LOGICAL_GEOMETRY, .raw = lam_bytes_of(raw, sizeof raw)};
}
static void unknown_converted_type(struct made *m) {
  m->nodes[1].converted = 99;
}
static void unknown_encoding_listed(struct made *m) {
  m->chunks[0].encodings |= 1u << 29;
}
static void unknown_codec(struct made *m) {
  m->chunks[0].codec = 55;
}
static void lzo(struct made *m) {
  m->chunks[0].codec = LAM_LZO;
}
static void unknown_physical(struct made *m) {
  m->nodes[1].physical = m->chunks[0].physical = 44;
}
static void unknown_repetition(struct made *m) {
  m->nodes[1].repetition = 7;
}
static void vectors(struct made *m) {
  m->nodes[1].repetition = LAM_VECTOR;
}
static void other_type_in_chunk(struct made *m) {
  m->chunks[0].physical = LAM_INT64;
}
static void elsewhere(struct made *m) {
  static struct lam_chunk_details details;
  lam_chunk_details(&(struct lam_chunk_meta){0}, &details);
  details.file_path = lam_bytes_of_string("part-0.parquet");
  m->chunks[0].details = &details;
}
static void nothing(struct made *m) {
  (void)m;
}

static void footers(void **state) {
  (void)state;
  static const struct {
    void (*change)(struct made *);
    const char *message; /* NULL: it reads */
    const char *name;
  } cases[] = {
      {nothing, NULL, "nothing"},
      {no_dictionary_offset, NULL, "no dictionary offset"},
      {dictionary_offset_zero, NULL, "dictionary offset 0"},
      {dictionary_offset_behind, NULL, "dictionary offset behind the data"},
      {header_not_counted, NULL, "the dictionary's header not counted"},
      {ordinal_wrong, NULL, "ordinal"},
      {file_offset_wrong, NULL, "offsets of the row group"},
      {names_twice, NULL, "two columns of one name"},
      {no_column_orders, NULL, "no column orders"},
      {unknown_logical_type, NULL, "unknown logical type"},
      {misplaced_logical_type, NULL, "logical type on other storage"},
      {unknown_converted_type, NULL, "unknown converted type"},
      {unknown_encoding_listed, NULL, "unknown encoding"},
      {unknown_codec, "codec 55", "unknown codec"},
      {lzo, "LZO", "LZO"},
      {unknown_physical, "unknown physical type 44", "unknown physical type"},
      {unknown_repetition, "repetition type 7", "unknown repetition"},
      {vectors, "repetition type 3", "VECTOR"},
      {other_type_in_chunk, "its chunk is of type INT64, its schema says INT32", "another type"},
      {elsewhere, "'part-0.parquet'", "another file"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct page_fixture f;
    struct lam_store *store;
    struct lam_file *file;
    struct made m;
    struct lam_error error = LAM_ERROR_INIT;
    page_fixture_begin(&f, 64 << 20);
    assert_int_equal(lam_store_memory(f.context, &store, NULL), LAM_OK);
    make(&m, f.mem);
    cases[i].change(&m);
    put_footer(&m, store);
    if (lam_file_open_in(store, "f", NULL, f.mem, &file, &error) != LAM_OK)
      fail_msg("%s: %s", cases[i].name, error.message);
    enum lam_status status = read_column(file, 0, DISTINCT, 7, f.mem, &error);
    if ((status == LAM_OK) != !cases[i].message || (cases[i].message && !strstr(error.message, cases[i].message)))
      fail_msg("%s: %s", cases[i].name, status == LAM_OK ? "it reads" : error.message);
    if (read_column(file, 1, ROWS, 1, f.mem, &error) != LAM_OK)
      fail_msg("%s, the other column: %s", cases[i].name, error.message);
    lam_file_close(file);
    lam_store_close(store);
    page_fixture_end(&f);
  }
}

/* ---- pages ---- */

static const struct lam_leaf int_leaf = {
    .physical = LAM_INT32, .width = 4, .max_definition = 1, .type = {.id = LAM_TYPE_INT32, .timezone = ""}};
static const struct lam_leaf legacy_leaf = {
    .physical = LAM_BYTE_ARRAY, .legacy_delta_bytes = true, .type = {.id = LAM_TYPE_STRING, .timezone = ""}};

static void read_all(struct page_fixture *f, struct lam_buf *bytes, const struct lam_leaf *leaf, enum lam_codec codec,
                     int64_t rows, struct lam_chunk *chunk) {
  struct lam_error error = LAM_ERROR_INIT;
  struct lam_chunk_source source = source_of(bytes, leaf, rows);
  source.codec = codec;
  lam_chunk_init(chunk, f->mem);
  assert_int_equal(lam_chunk_begin(chunk, &source, false, NULL), LAM_OK);
  if (lam_chunk_read(chunk, &f->codec, rows, INT32_MAX, &error) != LAM_OK) fail_msg("%s", error.message);
  assert_int_equal(chunk->run.rows, rows);
}

/* A dictionary of one entry has indices of no bits, and none of their bytes. */
static void indices_without_bits(void **state) {
  (void)state;
  struct page_fixture f;
  page_fixture_begin(&f, 64 << 20);
  struct lam_buf bytes = {.mem = f.mem};
  struct lam_chunk chunk;
  static const int32_t entry = 77;
  static const uint32_t levels[] = {1, 0, 1, 1};
  put_dictionary(&bytes, 1, lam_bytes_of(&entry, 4));
  put_data_page(&bytes, LAM_PLAIN_DICTIONARY, levels, 4, lam_bytes_of("\0", 1));
  put_data_page(&bytes, LAM_RLE_DICTIONARY, levels, 4, lam_bytes_of("\0\x06", 2)); /* with a run all the same */
  read_all(&f, &bytes, &int_leaf, LAM_UNCOMPRESSED, 8, &chunk);
  const int32_t *values = (const int32_t *)(const void *)chunk.run.values.data->data;
  for (int i = 0; i < 8; i++) assert_int_equal(values[i], i % 4 == 1 ? 0 : 77);
  assert_int_equal(chunk.run.nulls, 2);
  lam_chunk_release(&chunk);
  lam_buf_release(&bytes);
  page_fixture_end(&f);
}

/* Pages of an unknown kind are passed over, wherever they stand; so are pages without a value. */
static void other_pages(void **state) {
  (void)state;
  struct page_fixture f;
  page_fixture_begin(&f, 64 << 20);
  struct lam_buf bytes = {.mem = f.mem};
  struct lam_chunk chunk;
  static const int32_t values[] = {5, 6};
  static const uint32_t levels[] = {1, 1};
  struct lam_page_header unknown = {.kind = 9}, index = {.kind = LAM_INDEX_PAGE};
  put_page(&bytes, unknown, lam_bytes_of("what is it", 10));
  put_data_page(&bytes, LAM_PLAIN, levels, 2, lam_bytes_of(values, 8));
  put_page(&bytes, index, lam_bytes_of("", 0));
  put_page(&bytes, unknown, lam_bytes_of("again", 5));
  put_data_page(&bytes, LAM_PLAIN, levels, 0, lam_bytes_of(NULL, 0));
  put_data_page(&bytes, LAM_PLAIN, levels, 2, lam_bytes_of(values, 8));
  read_all(&f, &bytes, &int_leaf, LAM_UNCOMPRESSED, 4, &chunk);
  const int32_t *got = (const int32_t *)(const void *)chunk.run.values.data->data;
  for (int i = 0; i < 4; i++) assert_int_equal(got[i], 5 + i % 2);
  lam_chunk_release(&chunk);
  lam_buf_release(&bytes);
  page_fixture_end(&f);
}

/* A V2 page of nulls says that it is compressed, but has no byte behind its levels. */
static void empty_compressed_v2(void **state) {
  (void)state;
  struct page_fixture f;
  page_fixture_begin(&f, 64 << 20);
  struct lam_buf bytes = {.mem = f.mem}, levels = {.mem = f.mem};
  struct lam_chunk chunk;
  static const uint32_t none[100] = {0};
  assert_int_equal(lam_rle_write(none, 100, 1, &levels, NULL), LAM_OK);
  struct lam_page_header header = {.kind = LAM_DATA_PAGE_V2,
                                   .values = 100,
                                   .nulls = 100,
                                   .rows = 100,
                                   .encoding = LAM_PLAIN,
                                   .definition_size = (int32_t)levels.size};
  put_page(&bytes, header, lam_bytes_of(levels.data, levels.size));
  for (enum lam_codec codec = LAM_UNCOMPRESSED; codec <= LAM_LZ4_RAW; codec++) {
    if (codec == LAM_LZO) continue;
    read_all(&f, &bytes, &int_leaf, codec, 100, &chunk);
    assert_int_equal(chunk.run.nulls, 100);
    lam_chunk_release(&chunk);
  }
  lam_buf_release(&levels);
  lam_buf_release(&bytes);
  page_fixture_end(&f);
}

/* PARQUET-246: parquet-mr before 1.8 went on with the last value of the page before. */
static void delta_bytes_across_pages(void **state) {
  (void)state;
  struct page_fixture f;
  page_fixture_begin(&f, 64 << 20);
  struct lam_buf bytes = {.mem = f.mem};
  static const struct {
    int32_t prefixes[2], suffixes[2];
    const char *data;
  } pages[] = {{{0, 3}, {5, 2}, "appleye"}, {{5, 5}, {1, 2}, "sty"}, {{0, 1}, {1, 1}, "bc"}};
  for (size_t i = 0; i < 3; i++) {
    struct lam_buf values = {.mem = f.mem};
    assert_int_equal(lam_delta_write32(pages[i].prefixes, 2, &values, NULL), LAM_OK);
    assert_int_equal(lam_delta_write32(pages[i].suffixes, 2, &values, NULL), LAM_OK);
    assert_int_equal(lam_buf_append(&values, pages[i].data, strlen(pages[i].data), NULL), LAM_OK);
    put_data_page(&bytes, LAM_DELTA_BYTE_ARRAY, NULL, 2, lam_bytes_of(values.data, values.size));
    lam_buf_release(&values);
  }
  static const char expected[] =
      "apple"
      "appye"
      "appyes"
      "appyety"
      "b"
      "bc";
  struct lam_chunk chunk;
  read_all(&f, &bytes, &legacy_leaf, LAM_UNCOMPRESSED, 6, &chunk);
  assert_int_equal(chunk.data_size, sizeof expected - 1);
  assert_memory_equal(chunk.run.values.data->data, expected, sizeof expected - 1);
  lam_chunk_release(&chunk);
  /* Rows passed over count too; a value that goes on with nothing is refused, as is one of another writer. */
  struct lam_error error = LAM_ERROR_INIT;
  struct lam_chunk_source source = source_of(&bytes, &legacy_leaf, 6);
  const struct lam_range rows[] = {{3, 4}, {5, 6}};
  lam_chunk_init(&chunk, f.mem);
  assert_int_equal(lam_chunk_begin(&chunk, &source, false, NULL), LAM_OK);
  assert_int_equal(lam_chunk_read_ranges(&chunk, &f.codec, rows, 2, 10, INT32_MAX, NULL), LAM_OK);
  assert_memory_equal(chunk.run.values.data->data, "appyetybc", 9);
  struct lam_leaf modern = legacy_leaf;
  modern.legacy_delta_bytes = false;
  source.leaf = &modern;
  assert_int_equal(lam_chunk_begin(&chunk, &source, false, NULL), LAM_OK);
  enum lam_status status = lam_chunk_read(&chunk, &f.codec, 6, INT32_MAX, &error);
  assert_int_equal(status, LAM_CORRUPT);
  assert_non_null(strstr(error.message, "shares 5 bytes with the one before, which has 0"));
  lam_chunk_release(&chunk);
  lam_buf_release(&bytes);
  page_fixture_end(&f);
}

/* ---- many row groups ---- */

/* 40,000 row groups, whose ordinals wrapped around as 16 bits, or are there for some only. */
static void many_row_groups(void **state) {
  (void)state;
  enum { GROUPS = 40000 };
  struct page_fixture f;
  struct lam_store *store;
  struct lam_file *file;
  struct made m;
  page_fixture_begin(&f, 256 << 20);
  assert_int_equal(lam_store_memory(f.context, &store, NULL), LAM_OK);
  make(&m, f.mem);
  struct lam_row_group_meta *groups = calloc(GROUPS, sizeof *groups);
  assert_non_null(groups);
  for (int i = 0; i < GROUPS; i++) {
    groups[i] = m.group;
    groups[i].ordinal = i % 3 == 0 ? -1 : i % 32768;
  }
  m.meta.row_groups = groups;
  m.meta.row_group_count = GROUPS;
  m.meta.rows = (int64_t)GROUPS * ROWS;
  put_footer(&m, store);
  free(groups);
  assert_int_equal(lam_file_open_in(store, "f", NULL, f.mem, &file, NULL), LAM_OK);
  assert_int_equal(lam_file_row_groups(file), GROUPS);
  struct lam_read_options options = LAM_READ_OPTIONS_INIT;
  static const int32_t column = 0, wanted[] = {39999, 0, 32768};
  struct lam_reader *reader;
  struct ArrowArray batch;
  int64_t rows = 0;
  options.columns = &column, options.column_count = 1;
  options.row_groups = wanted, options.row_group_count = 3;
  assert_int_equal(lam_reader_open_in(file, &options, f.mem, &reader, NULL), LAM_OK);
  for (;;) {
    assert_int_equal(lam_reader_next(reader, &batch, NULL), LAM_OK);
    if (!batch.release) break;
    rows += batch.length;
    batch.release(&batch);
  }
  assert_int_equal(rows, 3 * ROWS);
  lam_reader_close(reader);
  lam_file_close(file);
  lam_store_close(store);
  page_fixture_end(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(footers),
      cmocka_unit_test(indices_without_bits),
      cmocka_unit_test(other_pages),
      cmocka_unit_test(empty_compressed_v2),
      cmocka_unit_test(delta_bytes_across_pages),
      cmocka_unit_test(many_row_groups),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
