/* The pages of one chunk, from a description of it that the first bytes give: without a footer in the way, the
 * decoder's own paths are reached. Read in long runs from memory, in short ones through a small window, as
 * dictionaries or views, in ranges of rows, and by the places of its pages, it has the same rows. */
#include "fuzz_support.h"
#include "parquet/nested.h"

struct choice {
  uint8_t column, codec, window, mode;
  uint8_t gap, length; /* of ranges of rows */
  uint16_t values;
  uint16_t rows; /* of columns of lists */
  uint16_t max_bytes;
};
_Static_assert(sizeof(struct choice) == 12, "the head of an input has twelve bytes");
enum mode { DICTIONARIES = 1, LEGACY_DELTA = 2, V2_COMPRESSED = 4, VIEWS = 8 };

/* ---- the columns: a leaf each ---- */

#define NONE LAM_CONVERTED_NONE
#define GROUP (-1)
static const struct {
  int8_t children, repetition, physical, converted;
  uint8_t type_length, precision, scale;
} nodes[] = {
    {20, LAM_REQUIRED, GROUP, NONE, 0, 0, 0}, /* the root */
    {0, LAM_OPTIONAL, LAM_BOOLEAN, NONE, 0, 0, 0},
    {0, LAM_REQUIRED, LAM_BOOLEAN, NONE, 0, 0, 0},
    {0, LAM_OPTIONAL, LAM_INT32, NONE, 0, 0, 0},
    {0, LAM_REQUIRED, LAM_INT32, NONE, 0, 0, 0},
    {0, LAM_OPTIONAL, LAM_INT64, NONE, 0, 0, 0},
    {0, LAM_OPTIONAL, LAM_INT96, NONE, 0, 0, 0},
    {0, LAM_OPTIONAL, LAM_FLOAT, NONE, 0, 0, 0},
    {0, LAM_REQUIRED, LAM_DOUBLE, NONE, 0, 0, 0},
    {0, LAM_OPTIONAL, LAM_BYTE_ARRAY, LAM_CONVERTED_UTF8, 0, 0, 0},
    {0, LAM_REQUIRED, LAM_BYTE_ARRAY, NONE, 0, 0, 0},
    {0, LAM_OPTIONAL, LAM_FIXED_LEN_BYTE_ARRAY, NONE, 3, 0, 0},
    {0, LAM_OPTIONAL, LAM_BYTE_ARRAY, LAM_CONVERTED_DECIMAL, 0, 20, 2},
    {0, LAM_OPTIONAL, LAM_INT32, LAM_CONVERTED_INT_8, 0, 0, 0},
    {0, LAM_OPTIONAL, LAM_INT64, LAM_CONVERTED_DECIMAL, 0, 12, 2},
    {0, LAM_OPTIONAL, LAM_FIXED_LEN_BYTE_ARRAY, LAM_CONVERTED_DECIMAL, 4, 9, 2},
    {1, LAM_OPTIONAL, GROUP, LAM_CONVERTED_LIST, 0, 0, 0},
    {1, LAM_REPEATED, GROUP, NONE, 0, 0, 0},
    {0, LAM_OPTIONAL, LAM_INT32, NONE, 0, 0, 0},
    {1, LAM_OPTIONAL, GROUP, LAM_CONVERTED_LIST, 0, 0, 0},
    {1, LAM_REPEATED, GROUP, NONE, 0, 0, 0},
    {1, LAM_OPTIONAL, GROUP, LAM_CONVERTED_LIST, 0, 0, 0},
    {1, LAM_REPEATED, GROUP, NONE, 0, 0, 0},
    {0, LAM_OPTIONAL, LAM_BYTE_ARRAY, LAM_CONVERTED_UTF8, 0, 0, 0},
    {1, LAM_OPTIONAL, GROUP, NONE, 0, 0, 0},
    {0, LAM_OPTIONAL, LAM_INT64, NONE, 0, 0, 0},
    {0, LAM_REPEATED, LAM_INT32, NONE, 0, 0, 0},
    {1, LAM_REQUIRED, GROUP, LAM_CONVERTED_LIST, 0, 0, 0},
    {1, LAM_REPEATED, GROUP, NONE, 0, 0, 0},
    {0, LAM_REQUIRED, LAM_BOOLEAN, NONE, 0, 0, 0},
};
enum { NODES = sizeof nodes / sizeof *nodes, FIELDS = 16 };

struct column {
  struct lam_leaf leaf;
  bool nested;
  struct lam_field fields[FIELDS];
  struct ArrowSchema schema, dictionary, views;
};

static void make_column(struct lam_mem *mem, int32_t index, struct column *out) {
  static struct lam_schema_node copies[NODES];
  struct lam_file_meta meta = {.nodes = copies, .node_count = NODES};
  struct lam_arena arena;
  struct ArrowSchema values;
  *out = (struct column){.nested = false};
  lam_arena_init(&arena, mem);
  for (int32_t i = 0; i < NODES; i++)
    copies[i] = (struct lam_schema_node){.name = lam_bytes_of_string("c"),
                                         .children = nodes[i].children,
                                         .repetition = nodes[i].repetition,
                                         .physical = nodes[i].physical,
                                         .converted = nodes[i].converted,
                                         .type_length = nodes[i].type_length,
                                         .precision = nodes[i].precision,
                                         .scale = nodes[i].scale,
                                         .field_id = -1};
  fuzz_check(lam_schema_link(&meta, &arena, NULL) == LAM_OK);
  index %= lam_top_columns(&meta);
  int32_t leaf = meta.leaves[meta.nodes[meta.tops[index]].leaf];
  fuzz_check(lam_leaf_of_node(&meta, leaf, &out->leaf, NULL) == LAM_OK);
  out->nested = leaf != meta.tops[index] || out->leaf.max_repetition > 0;
  fuzz_check(lam_schema_of_column(&meta, index, &out->schema, NULL) == LAM_OK);
  fuzz_check(lam_schema_copy(&out->schema, &values, NULL) == LAM_OK);
  fuzz_check(lam_schema_as_dictionary(&values, &out->dictionary, NULL) == LAM_OK);
  struct lam_type view_type = {.id = LAM_TYPE_BINARY_VIEW, .timezone = ""};
  fuzz_check(lam_schema_init(&view_type, "c", true, &out->views, NULL) == LAM_OK);
  if (out->nested) {
    fuzz_check(lam_field_room(&meta, index) <= FIELDS);
    fuzz_check(lam_field_make(&meta, index, NULL, out->fields, NULL) == LAM_OK);
  }
  lam_arena_release(&arena);
}

/* ---- reading ---- */

struct input {
  struct lam_mem *mem;
  struct lam_codec_state codec;
  const struct choice *choice;
  struct column column;
  struct lam_bytes bytes;
  struct lam_page_location *pages;
  int32_t page_count;
};

static enum lam_status read_bytes(const void *user, uint64_t offset, void *to, size_t size, struct lam_error *error) {
  const struct input *input = user;
  (void)error;
  fuzz_check(offset <= input->bytes.size && size <= input->bytes.size - offset);
  lam_copy(to, input->bytes.data + offset, size);
  return LAM_OK;
}

struct way {
  bool resident, dictionaries, views, pages;
  int64_t max_rows;
  size_t max_bytes;
  const struct lam_range *ranges; /* NULL: all rows */
};

static void add_run(struct input *input, struct lam_chunk *chunk, struct fuzz_rows *rows) {
  struct ArrowArray array;
  struct lam_nested_part part = {.chunk = chunk};
  int64_t count = chunk->run.rows;
  struct ArrowSchema *schema = &input->column.schema;
  if (input->column.nested) {
    rows->status = lam_nested_array(input->mem, input->column.fields, &part, count, false, &array, NULL);
  } else {
    if (chunk->class == LAM_VALUES_VIEWS) schema = &input->column.views;
    if (chunk->run.dictionary || chunk->run.identity) schema = &input->column.dictionary;
    rows->status = lam_leaf_array(chunk, 0, count, &array, NULL);
  }
  if (rows->status != LAM_OK) return;
  fuzz_check(array.length == count);
  fuzz_add_rows(rows, schema, &array);
  lam_array_release(&array);
}

static void read_chunk(struct input *input, const struct way *way, struct fuzz_rows *rows) {
  const struct choice *choice = input->choice;
  const struct lam_range everything = {0, input->column.leaf.max_repetition ? choice->rows : choice->values};
  struct lam_range range = way->ranges ? *way->ranges : everything;
  struct lam_chunk chunk;
  struct lam_chunk_source source = {
      .bytes = {.read = read_bytes, .user = input},
      .size = input->bytes.size,
      .window = way->resident ? 1 << 16 : choice->window + 1u,
      .codec = (enum lam_codec)choice->codec,
      .leaf = &input->column.leaf,
      .column = input->column.nested ? input->column.fields : NULL,
      .rows = everything.end,
      .values = choice->values,
      .views = way->views,
      .pages = way->pages ? input->pages : NULL,
      .page_count = way->pages ? input->page_count : 0,
  };
  if (way->resident) source.bytes.resident = input->bytes;
  lam_chunk_init(&chunk, input->mem);
  fuzz_begin_rows(rows);
  rows->status = lam_chunk_begin(&chunk, &source, way->dictionaries, NULL);
  while (rows->status == LAM_OK && range.first < range.end && rows->count < FUZZ_ROWS) {
    rows->status = way->ranges
                       ? lam_chunk_read_ranges(&chunk, &input->codec, &range, 1, way->max_rows, way->max_bytes, NULL)
                       : lam_chunk_read(&chunk, &input->codec, way->max_rows, way->max_bytes, NULL);
    if (rows->status != LAM_OK) break;
    fuzz_check(chunk.run.rows > 0 && chunk.run.rows <= range.end - range.first);
    range.first += chunk.run.rows;
    add_run(input, &chunk, rows);
  }
  lam_chunk_release(&chunk);
}

/* Where the data pages of a column without lists are; none are known where one has no rows, or more than there are. */
static void find_pages(struct input *input, struct lam_arena *arena) {
  struct lam_error error = LAM_ERROR_INIT;
  enum { MOST_PAGES = 100 };
  int64_t row = 0;
  size_t at = 0, size;
  input->page_count = 0;
  if (input->column.leaf.max_repetition) return;
  fuzz_check(lam_arena_array(arena, MOST_PAGES, sizeof *input->pages, (void **)&input->pages, &error) == LAM_OK);
  while (at < input->bytes.size && row < input->choice->values) {
    struct lam_page_header header;
    struct lam_bytes rest = lam_bytes_of(input->bytes.data + at, input->bytes.size - at);
    bool good = input->page_count < MOST_PAGES && lam_page_header_parse(rest, &header, &size, NULL) == LAM_OK &&
                size > 0 && (size_t)header.compressed_size <= rest.size - size;
    bool data = good && (header.kind == LAM_DATA_PAGE || header.kind == LAM_DATA_PAGE_V2);
    if (!good || (data && header.values <= 0)) {
      input->page_count = 0;
      return;
    }
    size_t whole = size + (size_t)header.compressed_size;
    if (data) {
      input->pages[input->page_count++] = (struct lam_page_location){at, (uint32_t)whole, row};
      row += header.values;
    }
    at += whole;
  }
}

static void read_all(struct input *input) {
  static struct fuzz_rows whole, rows, expected;
  const struct choice *choice = input->choice;
  struct lam_range range = {choice->gap, choice->gap + choice->length + 1};
  int64_t most = input->column.leaf.max_repetition ? choice->rows : choice->values;
  struct way ways[] = {{.resident = true, .max_rows = 1 << 16, .max_bytes = 1 << 24},
                       {.dictionaries = choice->mode & DICTIONARIES && !input->column.nested,
                        .views = choice->mode & VIEWS && !input->column.nested,
                        .max_rows = 1 + choice->length,
                        .max_bytes = choice->max_bytes + 1u},
                       {.max_rows = 1 + choice->gap, .max_bytes = 1 << 24, .ranges = &range},
                       {.pages = true,
                        .views = choice->mode & VIEWS && !input->column.nested,
                        .max_rows = 1 + choice->gap,
                        .max_bytes = 1 << 24,
                        .ranges = &range}};
  read_chunk(input, &ways[0], &whole);
  read_chunk(input, &ways[1], &rows);
  fuzz_check_same(&whole, &rows);
  if (range.end > most) range.end = most;
  if (range.first >= range.end) return;
  fuzz_begin_rows(&expected);
  expected.status = whole.status;
  for (int64_t row = range.first; row < range.end && row < whole.count; row++)
    expected.digests[expected.count++] = whole.digests[row];
  for (int i = 2; i < 4; i++) {
    if (ways[i].pages && !input->page_count) continue;
    read_chunk(input, &ways[i], &rows);
    /* Entries of lists are looked at up to a limit, which a full read comes to elsewhere. What is damaged where no row
     * is wanted need not be noticed. */
    if (whole.entries <= 0 || rows.entries <= 0) continue;
    if (whole.status == LAM_OK)
      fuzz_check_same(&expected, &rows);
    else
      fuzz_check(memcmp(expected.digests, rows.digests,
                        (size_t)lam_min_i64(expected.count, rows.count) * sizeof *rows.digests) == 0);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static struct lam_context *context;
  static struct input input;
  struct lam_context_options small = LAM_CONTEXT_OPTIONS_INIT;
  struct lam_arena arena;
  struct choice choice;
  small.threads = 1;
  small.memory_limit = 32 << 20;
  if (!context) fuzz_check(lam_context_create(&small, &context, NULL) == LAM_OK);
  if (size < sizeof choice) return 0;
  memcpy(&choice, data, sizeof choice);
  choice.values %= 5000;
  if (choice.rows > choice.values) choice.rows = choice.values;
  choice.codec %= LAM_LZ4_RAW + 1;
  fuzz_check(lam_mem_open(context, 0, &input.mem, NULL) == LAM_OK);
  input.choice = &choice;
  input.bytes = lam_bytes_of(data + sizeof choice, size - sizeof choice);
  lam_codec_init(&input.codec, input.mem);
  lam_arena_init(&arena, input.mem);
  make_column(input.mem, choice.column, &input.column);
  input.column.leaf.legacy_delta_bytes = choice.mode & LEGACY_DELTA;
  input.column.leaf.v2_always_compressed = choice.mode & V2_COMPRESSED;
  find_pages(&input, &arena);
  read_all(&input);
  lam_schema_release(&input.column.schema);
  lam_schema_release(&input.column.dictionary);
  lam_schema_release(&input.column.views);
  lam_arena_release(&arena);
  lam_codec_release(&input.codec);
  fuzz_check(lam_mem_used(input.mem) == 0);
  lam_mem_close(input.mem);
  return 0;
}
