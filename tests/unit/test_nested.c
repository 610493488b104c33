#include <assert.h>
#include "page_support.h"

#include "arrow/json_write.h"
#include "encoding_support.h"
#include "nested_support.h"

/* ---- columns made of levels ---- */

enum { MOST_LEAVES = 6, MOST_LEVELS = 1000 };

/* Levels as text: "rd" for each, "|" where a page ends. Those of a value have the next number from `first` on. */
static int64_t put_levels(struct lam_buf *chunk, const struct lam_leaf *leaf, const char *text, int32_t first, bool v2,
                          struct lam_page_location *pages, int32_t *page_count) {
  uint32_t levels[2][MOST_LEVELS];
  int32_t values[MOST_LEVELS];
  size_t count = 0, valid = 0;
  int64_t all = 0, rows = 0, first_row = 0;
  *page_count = 0;
  assert(text);
  for (;; text++) {
    if (*text >= '0' && *text <= '9') {
      assert_true(count < MOST_LEVELS);
      rows += *text == '0';
      levels[0][count] = (uint32_t)(*text++ - '0');
      levels[1][count] = (uint32_t)(*text - '0');
      if (levels[1][count] == (uint32_t)leaf->max_definition) values[valid++] = first++;
      count++;
    }
    if (*text && *text != '|') continue;
    struct lam_buf payload = {.mem = chunk->mem};
    int32_t sizes[2] = {0, 0};
    const int most[] = {leaf->max_repetition, leaf->max_definition};
    for (int i = 0; i < 2; i++) {
      size_t at = payload.size;
      uint32_t size = 0;
      if (most[i] == 0) continue;
      if (!v2) assert_int_equal(lam_buf_append(&payload, &size, 4, NULL), LAM_OK);
      assert_int_equal(lam_rle_write(levels[i], count, lam_bit_width((uint64_t)most[i]), &payload, NULL), LAM_OK);
      sizes[i] = (int32_t)(payload.size - at);
      if (!v2) lam_store32(payload.data + at, (uint32_t)sizes[i] - 4);
    }
    assert_int_equal(lam_buf_append(&payload, values, valid * 4, NULL), LAM_OK);
    struct lam_page_header header = {.kind = v2 ? LAM_DATA_PAGE_V2 : LAM_DATA_PAGE,
                                     .values = (int32_t)count,
                                     .repetition_size = sizes[0],
                                     .definition_size = sizes[1]};
    uint64_t offset = chunk->size;
    put_page(chunk, header, lam_bytes_of(payload.data, payload.size));
    lam_buf_release(&payload);
    assert_true(*page_count < MOST_LEVELS);
    pages[(*page_count)++] = (struct lam_page_location){offset, (uint32_t)(chunk->size - offset), first_row};
    first_row = rows;
    all += (int64_t)count;
    count = valid = 0;
    if (!*text) return all;
  }
}

/* The first column of a schema, and its leaves. */
struct column {
  struct page_fixture f;
  struct lam_arena arena;
  struct schema_text text;
  struct lam_file_meta meta;
  struct lam_field fields[2 * MOST_NODES];
  struct lam_leaf leaves[MOST_LEAVES];
  struct lam_buf bytes[MOST_LEAVES];
  struct lam_chunk chunks[MOST_LEAVES];
  int64_t positions[MOST_LEAVES];
  struct lam_page_location pages[MOST_LEVELS]; /* of the last leaf */
  int32_t page_count;
};

static void column_begin(struct column *c, const char *schema, const char *const *levels, int64_t rows, bool v2) {
  *c = (struct column){0};
  page_fixture_begin(&c->f, 64 << 20);
  lam_arena_init(&c->arena, c->f.mem);
  c->meta = meta_of_text(schema, &c->text, &c->arena);
  assert_int_equal(lam_field_make(&c->meta, 0, NULL, c->fields, NULL), LAM_OK);
  for (int32_t i = 0; i < c->fields->leaves; i++) {
    assert_int_equal(lam_leaf_of_node(&c->meta, c->meta.leaves[i], &c->leaves[i], NULL), LAM_OK);
    c->bytes[i] = (struct lam_buf){.mem = c->f.mem};
    int64_t count = put_levels(&c->bytes[i], &c->leaves[i], levels[i], 100 * i + 1, v2, c->pages, &c->page_count);
    lam_chunk_init(&c->chunks[i], c->f.mem);
    struct lam_chunk_source source = source_of(&c->bytes[i], &c->leaves[i], count);
    source.column = c->fields;
    source.column_leaf = i;
    source.rows = rows;
    assert_int_equal(lam_chunk_begin(&c->chunks[i], &source, false, NULL), LAM_OK);
  }
}

static void column_end(struct column *c) {
  for (int32_t i = 0; i < c->fields->leaves; i++) {
    lam_chunk_release(&c->chunks[i]);
    lam_buf_release(&c->bytes[i]);
  }
  lam_arena_release(&c->arena);
  page_fixture_end(&c->f);
}

/* The next rows, at most `rows` and what all leaves have; a leaf whose run is used up reads `rows` + its number. */
static enum lam_status next_rows(struct column *c, int64_t rows, int64_t left, struct ArrowArray *out,
                                 struct lam_error *error) {
  struct lam_nested_part parts[MOST_LEAVES];
  rows = lam_min_i64(rows, left);
  for (int32_t i = 0; i < c->fields->leaves; i++) {
    struct lam_chunk *chunk = &c->chunks[i];
    if (c->positions[i] == chunk->run.rows) {
      LAM_TRY(lam_chunk_read(chunk, &c->f.codec, rows + i, INT32_MAX, error));
      c->positions[i] = 0;
    }
    parts[i] = (struct lam_nested_part){chunk, c->positions[i]};
    rows = lam_min_i64(rows, chunk->run.rows - c->positions[i]);
  }
  LAM_TRY(lam_nested_array(c->f.mem, c->fields, parts, rows, false, out, error));
  for (int32_t i = 0; i < c->fields->leaves; i++) c->positions[i] += rows;
  return LAM_OK;
}

/* All rows as JSON, separated by spaces, in batches of up to `batch`. */
static enum lam_status print_rows(struct column *c, int64_t rows, int64_t batch, struct lam_buf *out,
                                  struct lam_error *error) {
  struct ArrowSchema root;
  struct lam_json_writer writer;
  enum lam_status status = LAM_OK;
  assert_int_equal(lam_schema_init_struct("", 1, &root, NULL), LAM_OK);
  assert_int_equal(lam_field_schema(&c->meta, c->fields, root.children[0], NULL), LAM_OK);
  assert_int_equal(lam_json_writer_init(&writer, c->f.mem, &root, NULL), LAM_OK);
  for (int64_t left = rows; status == LAM_OK && left > 0;) {
    struct ArrowArray array, column;
    status = next_rows(c, batch, left, &column, error);
    if (status != LAM_OK) break;
    assert_int_equal(lam_array_init_struct(column.length, 1, &array, NULL), LAM_OK);
    left -= column.length;
    *array.children[0] = column;
    status = lam_json_write(&writer, &array, 0, array.length, out, error);
    array.release(&array);
  }
  lam_json_writer_release(&writer);
  root.release(&root);
  return status;
}

static const struct {
  const char *schema, *levels[MOST_LEAVES];
  int rows;
  const char *expected; /* values of {"a":…}, a space between rows */
} cases[] = {
    /* The two documents of the Dremel paper; Code is never NULL where there is a Language. */
    {"a o { Backward * i  Forward * i }",
     {"01 02 12", "02 12 12 02"},
     2,
     "{\"Backward\":[],\"Forward\":[101,102,103]} {\"Backward\":[1,2],\"Forward\":[104]}"},
    {"a * { Language * { Code r i  Country o i }  Url o i }",
     {"02 22 11 12 | 01", "03 22 | 11 13 01", "02 12 11 02"},
     2,
     "[{\"Language\":[{\"Code\":1,\"Country\":101},{\"Code\":2,\"Country\":null}],\"Url\":201},"
     "{\"Language\":[],\"Url\":202},{\"Language\":[{\"Code\":3,\"Country\":102}],\"Url\":null}] "
     "[{\"Language\":[],\"Url\":203}]"},
    /* Lists: of entries, empty, NULL, with NULLs; rows over pages, pages within rows. */
    {"a o LIST { list * { e o i } }", {"00 01 02 03"}, 4, "null [] [null] [1]"},
    {"a o LIST { list * { e o i } }", {"03 13 | 13 | 12 01 00 | 03"}, 4, "[1,2,3,null] [] null [4]"},
    {"a r LIST { list * { e r i } }", {"01 11 11 00 01"}, 3, "[1,2,3] [] [4]"},
    {"a * i", {"01 | 11 | 11 00 | 01"}, 3, "[1,2,3] [] [4]"},
    {"a o LIST { list * { e o LIST { list * { e o i } } } }",
     {"00 01 02 03 04 05 05 25 15 24 12 13 05"},
     8,
     "null [] [null] [[]] [[null]] [[1]] [[2,3],[4,null],null,[]] [[5]]"},
    {"a o LIST { list * { e r LIST { list * { e r i } } } }",
     {"03 23 12 13 | 23 | 23 00 01 02"},
     4,
     "[[1,2],[],[3,4,5]] null [] [[]]"},
    {"a * { b * { c * i } }",
     {"03 33 23 13 00 02 01"},
     4,
     "[{\"b\":[{\"c\":[1,2]},{\"c\":[3]}]},{\"b\":[{\"c\":[4]}]}] [] [{\"b\":[{\"c\":[]}]}] [{\"b\":[]}]"},
    /* Structs. */
    {"a o { x o i  y r i }",
     {"02 01 00 02", "01 01 00 01"},
     4,
     "{\"x\":1,\"y\":101} {\"x\":null,\"y\":102} null {\"x\":2,\"y\":103}"},
    {"a r { x r i  y o { z o i } }",
     {"00 00 00", "00 01 | 02"},
     3,
     "{\"x\":1,\"y\":null} {\"x\":2,\"y\":{\"z\":null}} {\"x\":3,\"y\":{\"z\":101}}"},
    {"a o { x o { l o LIST { list * { e o i } } }  y o i }",
     {"00 01 02 03 04 05 15", "00 01 02 01 02 01"},
     6,
     "null {\"x\":null,\"y\":null} {\"x\":{\"l\":null},\"y\":101} {\"x\":{\"l\":[]},\"y\":null} "
     "{\"x\":{\"l\":[null]},\"y\":102} {\"x\":{\"l\":[1,2]},\"y\":null}"},
    {"a o LIST { list * { e o { x o i  y r i } } }",
     {"00 01 02 03 04 14 12", "00 01 02 03 03 13 12"},
     5,
     "null [] [null] [{\"x\":null,\"y\":101}] [{\"x\":1,\"y\":102},{\"x\":2,\"y\":103},null]"},
    /* Maps. */
    {"a o MAP { kv * { k r i  v o i } }",
     {"02 12 01 00 02", "03 12 01 00 03"},
     4,
     "{\"1\":101,\"2\":null} {} null {\"3\":102}"},
    {"a o MAP { kv * { k r i  v o LIST { list * { e r i } } } }",
     {"02 12 01 00 02", "03 12 01 00 04 24"},
     4,
     "{\"1\":[],\"2\":null} {} null {\"3\":[101,102]}"},
    {"a o MAP { kv * { k o i  v o i } }", {"03 13 01", "03 12 01"}, 2, "{\"1\":101,\"2\":null} {}"},
};

static void levels_become_rows(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    for (int64_t batch = 1; batch < 10; batch += batch < 4 ? 1 : 5)
      for (int v2 = 0; v2 < 2; v2++) {
        struct column c;
        struct lam_error error = LAM_ERROR_INIT;
        /* Pages V2 begin with rows. */
        bool rows_over_pages = false;
        for (int leaf = 0; leaf < MOST_LEAVES && cases[i].levels[leaf]; leaf++)
          rows_over_pages |= strchr(cases[i].levels[leaf], '|') != NULL;
        if (v2 && rows_over_pages) continue;
        column_begin(&c, cases[i].schema, cases[i].levels, cases[i].rows, v2);
        struct lam_buf out = {.mem = c.f.mem};
        char found[1000] = "";
        if (print_rows(&c, cases[i].rows, batch, &out, &error) != LAM_OK)
          fail_msg("case %zu (%s): %s", i, cases[i].schema, error.message);
        for (size_t at = 0, to = 0; at < out.size && to + 2 < sizeof found; at++) { /* without {"a": and } */
          if (at == 0 || out.data[at - 1] == '\n') at += 5;
          if (out.data[at] == '\n') {
            found[to - 1] = ' ';
            continue;
          }
          found[to++] = (char)out.data[at];
        }
        found[strlen(found) - 1] = 0;
        if (strcmp(found, cases[i].expected) != 0)
          fail_msg("case %zu, batches of %d rows\nis  %s\nnot %s", i, (int)batch, found, cases[i].expected);
        lam_buf_release(&out);
        column_end(&c);
      }
}

static void levels_that_lie_are_refused(void **state) {
  (void)state;
  static const struct {
    const char *schema, *levels[MOST_LEAVES];
    int rows;
    const char *message;
  } lies[] = {
      {"a o LIST { list * { e o i } }", {"13 03"}, 1, "begins with repetition level 1; expected 0"},
      {"a o LIST { list * { e o i } }", {"03 00 13"}, 2, "a list that has no entries"},
      {"a o LIST { list * { e o i } }", {"03 11"}, 1, "a list that has no entries"},
      {"a o LIST { list * { e o i } }", {"03 03"}, 1, "go on behind the 1 rows"},
      {"a o LIST { list * { e o i } }", {"03 13"}, 2, "are 1 rows; the row group has 2"},
      {"a o LIST { list * { e o LIST { list * { e o i } } } }",
       {"05 35"},
       1,
       "a repetition level of 3; the highest is 2"},
      {"a o LIST { list * { e o LIST { list * { e o i } } } }", {"06"}, 1, "a definition level of 6; the highest is 5"},
      {"a o LIST { list * { e o LIST { list * { e o i } } } }", {"05 01 25"}, 2, "a list that has no entries"},
      {"a o LIST { list * { e o LIST { list * { e o i } } } }", {"05 12 25"}, 1, "a list that has no entries"},
      {"a o { x o i  y o i }", {"02 00 02", "02 01 02"}, 3, "row 1: its leaves 0 and 1 disagree"},
      {"a * { x o i  y o i }", {"02 12 02", "02 02 12"}, 2, "row 0: its leaves 0 and 1 disagree"},
      {"a * { x * { u r i  v r i }  y o i }",
       {"01 02 12 02 22", "01 02 12 02 12", "02 02 12 02"},
       3,
       "row 2: its leaves 0 and 1 disagree"},
      {"a o MAP { kv * { k o i  v o i } }", {"03 12 01", "03 12 01"}, 2, "the key of a map is NULL"},
      {"a o MAP { kv * { k o { x r i }  v o i } }", {"03 12 01", "03 12 01"}, 2, "the key of a map is NULL"},
      {"a o MAP { kv * { k o LIST { list * { e r i } }  v o i } }",
       {"04 12 01", "03 12 01"},
       2,
       "the key of a map is NULL"},
  };
  for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
    struct column c;
    struct lam_error error = LAM_ERROR_INIT;
    column_begin(&c, lies[i].schema, lies[i].levels, lies[i].rows, false);
    struct lam_buf out = {.mem = c.f.mem};
    if (print_rows(&c, lies[i].rows, 10, &out, &error) != LAM_CORRUPT)
      fail_msg("case %zu is not refused: %s", i, error.message);
    if (!strstr(error.message, lies[i].message)) fail_msg("case %zu: %s", i, error.message);
    lam_buf_release(&out);
    column_end(&c);
  }
}

/* ---- rows chosen by ranges ---- */

/* Lists of lists: row i has i % 4 lists, list j of it i % 3 + j entries, numbered on; every seventh row is NULL. */
static size_t write_rows(char *text, int32_t rows, int32_t page_levels, bool whole_rows) {
  size_t at = 0;
  int32_t levels = 0;
  for (int32_t row = 0; row < rows; row++)
    for (int32_t j = 0; j < lam_max_i64(row % 4, 1); j++)
      for (int32_t k = 0; k < lam_max_i64(row % 3 + j, 1); k++) {
        int repetition = k ? 2 : j ? 1 : 0;
        int definition = row % 7 == 3 ? 0 : row % 4 == 0 ? 1 : row % 3 + j == 0 ? 2 : 3;
        if (definition < 2 && (j || k)) continue;
        if (levels >= page_levels && (!whole_rows || repetition == 0)) {
          text[at++] = '|';
          levels = 0;
        }
        text[at++] = (char)('0' + repetition);
        text[at++] = (char)('0' + definition);
        text[at++] = ' ';
        levels++;
      }
  text[at] = 0;
  return at;
}

static void rows_are_passed_over(void **state) {
  (void)state;
  enum { ROWS = 120 };
  static const char schema[] = "a o LIST { list * { e r LIST { list * { e r i } } } }";
  char text[4000];
  uint32_t seed = 20261121;
  for (int round = 0; round < 200; round++) {
    struct column c;
    struct lam_range ranges[ROWS];
    size_t count = 0;
    bool index = round % 2; /* an offset index, whose pages begin with rows */
    write_rows(text, ROWS, 1 + round % 40, index);
    /* The row's first value, by a walk over the levels. */
    int32_t first[ROWS + 1] = {0}, row = -1, value = 1;
    for (const char *p = text; *p; p++) {
      if (*p < '0' || *p > '9') continue;
      if (*p == '0') first[++row] = value;
      value += *++p == '3';
    }
    first[ROWS] = value;
    for (int64_t from = 0; from < ROWS;) {
      seed = seed * 1664525u + 1013904223u;
      int64_t gap = seed >> 28, length = 1 + (seed >> 20) % 9;
      if (from + gap + length > ROWS) break;
      ranges[count++] = (struct lam_range){from + gap, from + gap + length};
      from += gap + length + 1;
    }
    column_begin(&c, schema, (const char *const[]){text}, ROWS, false);
    struct lam_chunk *chunk = c.chunks;
    if (index) {
      chunk->source.pages = c.pages;
      chunk->source.page_count = c.page_count;
      if (count && c.page_count > 1 && ranges[0].first >= c.pages[1].first_row)
        memset(c.bytes->data, 0xff, c.pages[1].offset); /* never looked at */
    }
    int64_t wanted = 0, batch = 1 + round % 13;
    for (size_t i = 0; i < count; i++) wanted += ranges[i].end - ranges[i].first;
    size_t r = 0;
    int64_t next = count ? ranges[0].first : 0;
    while (wanted > 0) {
      struct lam_error error = LAM_ERROR_INIT;
      if (lam_chunk_read_ranges(chunk, &c.f.codec, ranges, count, batch, 100, &error) != LAM_OK)
        fail_msg("%s", error.message);
      const int32_t *outer = (const int32_t *)(const void *)chunk->nested->nodes[0].offsets->data;
      const int32_t *inner = (const int32_t *)(const void *)chunk->nested->nodes[1].offsets->data;
      const int32_t *values = (const int32_t *)(const void *)chunk->run.values.data->data;
      assert_true(chunk->run.rows > 0 && chunk->run.rows <= batch);
      for (int64_t i = 0; i < chunk->run.rows; i++) {
        int32_t begin = inner[outer[i]], end = inner[outer[i + 1]];
        assert_int_equal(end - begin, first[next + 1] - first[next]);
        for (int32_t v = begin; v < end; v++) assert_int_equal(values[v], first[next] + v - begin);
        if (++next == ranges[r].end && ++r < count) next = ranges[r].first;
      }
      wanted -= chunk->run.rows;
    }
    column_end(&c);
  }
}

/* ---- the kernel ---- */

/* Levels one by one, as the definition of the format says. */
static bool slots_one_by_one(struct lam_nested *nested, const uint8_t *repetition, const uint8_t *definition,
                             size_t count, struct lam_shared *leaf_validity) {
  for (size_t i = 0; i < count; i++) {
    uint8_t r = repetition[i], d = definition[i];
    if (r > 0 && (d < nested->entry[r] || i == 0 || definition[i - 1] < nested->entry[r])) return false;
    for (int32_t n = 0; n < nested->count; n++) {
      struct lam_nested_node *node = &nested->nodes[n];
      if (r > node->lists || d < nested->entry[node->lists]) continue;
      int64_t at = nested->slots[node->lists];
      bool valid = d >= node->definition;
      if (node->definition)
        lam_bits_fill((n + 1 == nested->count ? leaf_validity : node->validity)->data, at, 1, valid);
      if (node->list) ((int32_t *)(void *)node->offsets->data)[at] = (int32_t)nested->slots[node->lists + 1];
      node->nulls += !valid;
    }
    for (int k = 0; k <= nested->lists; k++) nested->slots[k] += r <= k && d >= nested->entry[k];
  }
  return true;
}

typedef bool (*kernel)(struct lam_nested *, const uint8_t *, const uint8_t *, size_t, struct lam_shared *);

static void kernels_agree(void **state) {
  (void)state;
  static const kernel kernels[] = {slots_one_by_one, lam_levels_to_slots, lam_levels_to_slots_portable};
  enum { KERNELS = 3, LEVELS = 700, MOST_LISTS = 4 };
  uint64_t seed = 20261121;
  struct page_fixture f;
  page_fixture_begin(&f, 64 << 20);
  for (int round = 0; round < 3000; round++) {
    uint8_t repetition[LEVELS + 64] = {0}, definition[LEVELS + 64] = {0};
    struct lam_nested made[KERNELS] = {{0}};
    struct lam_nested_node nodes[KERNELS][MOST_LISTS + 1] = {{{0}}};
    struct lam_shared *leaf[KERNELS];
    bool good[KERNELS];
    uint64_t x = seed += 0x9e3779b97f4a7c15u;
    int lists = round % (MOST_LISTS + 1), most = 0, nulls = (int)(x >> 8) % 8;
    size_t count = (size_t)(x >> 16) % LEVELS, parts = 1 + (x >> 40) % 3;
    for (int k = 0; k < KERNELS; k++) {
      made[k].nodes = nodes[k];
      made[k].count = lists + 1;
      made[k].lists = lists;
      most = 0;
      for (int n = 0; n <= lists; n++) {
        bool optional = x >> (50 + n) & 1;
        nodes[k][n] = (struct lam_nested_node){.list = n < lists, .lists = (int16_t)n};
        if (optional) nodes[k][n].definition = (int16_t)++most;
        if (n < lists) made[k].entry[n + 1] = (uint8_t)++most;
        assert_int_equal(lam_shared_create(f.mem, 2 * LEVELS, &nodes[k][n].validity, NULL), LAM_OK);
        assert_int_equal(lam_shared_create(f.mem, 8 * LEVELS, &nodes[k][n].offsets, NULL), LAM_OK);
      }
      leaf[k] = nodes[k][lists].validity;
    }
    for (size_t i = 0; i < count; i++) { /* levels that may be, and now and then one that may not */
      x = x * 6364136223846793005u + 1442695040888963407u;
      definition[i] = (uint8_t)((int)(x >> 60) > nulls ? most : (int)(x >> 33) % (most + 1));
      int highest = 0;
      while (i > 0 && highest < lists && definition[i - 1] >= made[0].entry[highest + 1]) highest++;
      repetition[i] = (uint8_t)(i ? (x >> 20) % (unsigned)(highest + 1) : 0);
      if (definition[i] < made[0].entry[repetition[i]]) definition[i] = (uint8_t)most;
    }
    if (count && (x >> 12) % 10 == 0) repetition[(x >> 14) % count] = (uint8_t)lists;
    for (int k = 0; k < KERNELS; k++) {
      good[k] = true;
      for (size_t part = 0, from = 0; part < parts && good[k]; part++) { /* parts begin with rows */
        size_t to = part + 1 == parts ? count : count * (part + 1) / parts;
        while (to < count && repetition[to] != 0) to++;
        if (to < from) to = from;
        uint8_t r[LEVELS + 64], d[LEVELS + 64];
        memset(r, 0xee, sizeof r);
        memset(d, 0xee, sizeof d);
        lam_copy(r, repetition + from, to - from);
        lam_copy(d, definition + from, to - from);
        good[k] = kernels[k](&made[k], r, d, to - from, leaf[k]);
        from = to;
      }
      assert_int_equal(good[k], good[0]);
    }
    for (int k = 1; k < KERNELS && good[0]; k++) {
      assert_memory_equal(made[k].slots, made[0].slots, sizeof made[0].slots);
      for (int n = 0; n <= lists; n++) {
        assert_int_equal(nodes[k][n].nulls, nodes[0][n].nulls);
        int64_t slots = made[0].slots[n];
        if (n < lists) assert_memory_equal(nodes[k][n].offsets->data, nodes[0][n].offsets->data, (size_t)slots * 4);
        for (int64_t i = 0; nodes[0][n].definition && i < slots; i++)
          assert_int_equal(lam_bit_get(nodes[k][n].validity->data, i), lam_bit_get(nodes[0][n].validity->data, i));
      }
    }
    for (int k = 0; k < KERNELS; k++)
      for (int n = 0; n <= lists; n++) {
        lam_shared_release(nodes[k][n].validity);
        lam_shared_release(nodes[k][n].offsets);
      }
  }
  page_fixture_end(&f);
}

static void rows_are_found(void **state) {
  (void)state;
  uint32_t seed = 7;
  for (int round = 0; round < 2000; round++) {
    uint8_t levels[300 + 64] = {0};
    size_t count = (seed >> 8) % 300, rows = (seed >> 20) % 40, seen = 0, at = 0, last = 0, found, found_last;
    for (size_t i = 0; i < count; i++) {
      seed = seed * 1664525u + 1013904223u;
      levels[i] = (uint8_t)((seed >> 24) % 6 > 0 ? seed >> 25 : 0);
    }
    seed = seed * 1664525u + 1013904223u;
    for (; at < count; at++) {
      if (levels[at] != 0) continue;
      if (seen == rows) break;
      seen++;
      last = at;
    }
    assert_int_equal(lam_levels_find_row(levels, count, rows, &found, &found_last), at);
    assert_int_equal(found, seen);
    assert_int_equal(found_last, last);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(levels_become_rows),   cmocka_unit_test(levels_that_lie_are_refused),
      cmocka_unit_test(rows_are_passed_over), cmocka_unit_test(kernels_agree),
      cmocka_unit_test(rows_are_found),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
