/* Columns come back from their codes as they were, whatever dictionaries they came with; too many values are told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "encoding_support.h"
#include "ops/sort_codes.h"

static struct fixture fixture;

enum { ROWS = 1000, WORDS = 40, SKIPPED = 3 /* rows before those that a batch begins with */ };

/* Columns: a plain int32, a string or binary of any kind, a number of `width` bytes. */
static void make_schema(enum lam_type_id text, enum lam_type_id number, struct ArrowSchema *out) {
  const struct lam_type types[] = {{.id = LAM_TYPE_INT32}, {.id = text}, {.id = number, .precision = 15, .scale = 2}};
  static const char *const names[] = {"plain", "text", "number"};
  assert_int_equal(lam_schema_init_struct("", 3, out, NULL), LAM_OK);
  for (int c = 0; c < 3; c++)
    assert_int_equal(lam_schema_init(&types[c], names[c], c > 0, out->children[c], NULL), LAM_OK);
}

static size_t word_size(uint64_t word) {
  return word % 7 * 3;
}
static uint8_t word_byte(uint64_t word) {
  return (uint8_t)('a' + word % 26);
}

static struct lam_shared *shared(size_t size) {
  struct lam_shared *out;
  assert_int_equal(lam_shared_create(fixture.mem, size ? size : 1, &out, NULL), LAM_OK);
  memset(out->data, 0, size);
  return out;
}

/* Words [first, first + count) as an array of strings, or as numbers: each word is a value of its own. */
static void make_values(bool text, bool large, size_t width, uint64_t first, uint32_t count, struct ArrowArray *out) {
  struct lam_shared *buffers[3] = {NULL, shared((count + 1) * (text ? (large ? 8u : 4u) : width)), NULL};
  size_t at = 0;
  if (text) {
    buffers[2] = shared(count * 32);
    for (uint32_t i = 0; i <= count; i++) {
      if (large)
        lam_store64(buffers[1]->data + 8 * i, at);
      else
        lam_store32(buffers[1]->data + 4 * i, (uint32_t)at);
      if (i == count) break;
      memset(buffers[2]->data + at, word_byte(first + i), word_size(first + i));
      lam_store64(buffers[2]->data + at + word_size(first + i), first + i);
      at += word_size(first + i) + 8;
    }
  } else {
    for (uint32_t i = 0; i < count; i++)
      if (width == 4)
        lam_store32(buffers[1]->data + 4 * i, (uint32_t)(first + i));
      else
        lam_store64(buffers[1]->data + width * i, first + i);
  }
  assert_int_equal(lam_array_init(count, 0, text ? 3 : 2, buffers, NULL, out, NULL), LAM_OK);
  for (int i = 0; i < 3; i++) lam_shared_release(buffers[i]);
}

/* Rows of words [first, first + count), every fifth NULL, behind some rows that are skipped. */
static void make_column(bool text, bool large, size_t width, uint64_t first, uint32_t count, uint64_t *expected,
                        struct ArrowArray *out) {
  struct ArrowArray values;
  struct lam_shared *buffers[2] = {shared((ROWS + SKIPPED + 7) / 8), shared((ROWS + SKIPPED) * 4)};
  make_values(text, large, width, first, count, &values);
  for (int64_t i = 0; i < ROWS + SKIPPED; i++) {
    uint32_t index = (uint32_t)random_below(&fixture, count);
    bool valid = i % 5 != 2;
    if (valid) lam_bit_set(buffers[0]->data, i);
    lam_store32(buffers[1]->data + 4 * i, valid ? index : UINT32_MAX); /* of a NULL anything */
    if (i >= SKIPPED) expected[i - SKIPPED] = valid ? first + index : UINT64_MAX;
  }
  assert_int_equal(lam_array_init(ROWS + SKIPPED, -1, 2, buffers, &values, out, NULL), LAM_OK);
  out->offset = SKIPPED;
  out->length = ROWS;
  for (int i = 0; i < 2; i++) lam_shared_release(buffers[i]);
}

static void make_batch(bool large, size_t width, uint64_t first, uint32_t count, uint64_t *expected,
                       struct ArrowArray *out) {
  void *plain;
  assert_int_equal(lam_array_init_struct(ROWS, 3, out, NULL), LAM_OK);
  assert_int_equal(lam_array_init_fixed(fixture.mem, 4, ROWS, &plain, out->children[0], NULL), LAM_OK);
  memset(plain, 7, ROWS * 4);
  make_column(true, large, 0, first, count, expected, out->children[1]);
  make_column(false, false, width, first, count, expected + ROWS, out->children[2]);
}

/* Word of a row of a column that has come back; UINT64_MAX: NULL. */
static uint64_t word_at(const struct ArrowSchema *field, const struct ArrowArray *array, int64_t row) {
  struct lam_view values;
  const uint8_t *validity = array->buffers[0];
  if (validity && !lam_bit_get(validity, array->offset + row)) return UINT64_MAX;
  assert_int_equal(lam_view_init(field, array->dictionary, &values, NULL), LAM_OK);
  int32_t index = ((const int32_t *)array->buffers[1])[array->offset + row];
  assert_in_range(index, 0, values.length - 1);
  if (!lam_type_is_binary(values.type.id)) {
    const uint8_t *data = values.data;
    return lam_type_bits(&values.type) == 32
               ? lam_load32(data + 4 * (size_t)index)
               : lam_load64(data + (size_t)lam_type_bits(&values.type) / 8 * (size_t)index);
  }
  struct lam_bytes bytes = lam_view_bytes(&values, index);
  uint64_t word = lam_load64(bytes.data + bytes.size - 8);
  assert_int_equal(bytes.size - 8, word_size(word));
  for (size_t i = 0; i + 8 < bytes.size; i++) assert_int_equal(bytes.data[i], word_byte(word));
  return word;
}

static void round_trip(enum lam_type_id text, enum lam_type_id number, size_t width) {
  enum { BATCHES = 4 };
  static const bool wanted[] = {false, true, true};
  static uint64_t expected[BATCHES][2 * ROWS];
  struct ArrowSchema schema;
  struct ArrowArray batches[BATCHES];
  struct lam_sort_codes *codes;
  bool large = text == LAM_TYPE_LARGE_STRING || text == LAM_TYPE_LARGE_BINARY;
  make_schema(text, number, &schema);
  assert_int_equal(lam_sort_codes_open(fixture.mem, &schema, wanted, &codes, NULL), LAM_OK);
  assert_string_equal(lam_sort_codes_schema(codes)->children[0]->format, "i");
  for (int b = 0; b < BATCHES; b++) { /* whose dictionaries overlap */
    make_batch(large, width, (uint64_t)b * WORDS / 2, WORDS, expected[b], &batches[b]);
    assert_int_equal(lam_sort_codes_put(codes, &batches[b], NULL), LAM_OK);
    for (int c = 1; c < 3; c++) {
      struct lam_view view;
      assert_true(lam_sort_codes_has(codes, c));
      assert_int_equal(lam_view_init(lam_sort_codes_schema(codes)->children[c], batches[b].children[c], &view, NULL),
                       LAM_OK);
      assert_int_equal(view.type.id, LAM_TYPE_INT16);
    }
  }
  for (int b = 0; b < BATCHES; b++) {
    assert_int_equal(lam_sort_codes_get(codes, &batches[b], NULL), LAM_OK);
    for (int c = 1; c < 3; c++)
      for (int64_t row = 0; row < ROWS; row++)
        assert_int_equal(word_at(schema.children[c], batches[b].children[c], row), expected[b][(c - 1) * ROWS + row]);
  }
  lam_sort_codes_close(codes); /* what it gave stays */
  assert_int_equal(word_at(schema.children[1], batches[0].children[1], 0), expected[0][0]);
  for (int b = 0; b < BATCHES; b++) lam_array_release(&batches[b]);
  lam_schema_release(&schema);
}

static void test_round_trips(void **state) {
  (void)state;
  round_trip(LAM_TYPE_STRING, LAM_TYPE_INT32, 4);
  round_trip(LAM_TYPE_LARGE_STRING, LAM_TYPE_INT64, 8);
  round_trip(LAM_TYPE_BINARY, LAM_TYPE_DECIMAL128, 16);
}

static void test_too_many(void **state) {
  (void)state;
  enum { MANY = 20000 };
  static const bool wanted[] = {false, false, true};
  static uint64_t expected[ROWS];
  struct ArrowSchema schema;
  struct lam_sort_codes *codes;
  make_schema(LAM_TYPE_STRING, LAM_TYPE_INT64, &schema);
  assert_int_equal(lam_sort_codes_open(fixture.mem, &schema, wanted, &codes, NULL), LAM_OK);
  for (int b = 0; b < 2; b++) {
    struct ArrowArray batch;
    assert_int_equal(lam_array_init_struct(ROWS, 3, &batch, NULL), LAM_OK);
    make_column(false, false, 8, (uint64_t)b * MANY, MANY, expected, batch.children[2]);
    struct lam_error error = LAM_ERROR_INIT;
    assert_int_equal(lam_sort_codes_put(codes, &batch, &error), b ? LAM_LIMIT : LAM_OK);
    assert_int_equal(lam_sort_codes_full(codes), b);
    if (b) assert_string_equal(error.message, "column \"number\" has more values than are coded");
    lam_array_release(&batch);
  }
  lam_sort_codes_close(codes);
  lam_schema_release(&schema);
}

static void test_choice(void **state) {
  (void)state;
  static const struct {
    const char *format;
    bool coded;
  } types[] = {{"u", true},   {"Z", true},  {"i", true},  {"l", true},  {"g", true},     {"d:15,2", true},
               {"tdD", true}, {"b", false}, {"n", false}, {"s", false}, {"w:16", false}, {"vu", false}};
  for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
    struct ArrowSchema field = {.format = types[i].format, .name = "x"};
    assert_int_equal(lam_sort_codes_type(&field), types[i].coded);
  }
  struct lam_chunk_meta chunk = {.encoding_stats_known = true,
                                 .all_pages_dictionary = true,
                                 .has_dictionary_offset = true,
                                 .dictionary_page_offset = 4,
                                 .data_page_offset = 104,
                                 .values = 1000};
  assert_true(lam_sort_codes_chunk(&chunk));
  chunk.values = 700; /* so few rows that each row group may have values of its own */
  assert_false(lam_sort_codes_chunk(&chunk));
  chunk.values = 1 << 30;
  chunk.data_page_offset = 40000;
  assert_false(lam_sort_codes_chunk(&chunk));
  chunk.data_page_offset = 104;
  chunk.all_pages_dictionary = false;
  assert_false(lam_sort_codes_chunk(&chunk));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_round_trips), cmocka_unit_test(test_too_many),
                                     cmocka_unit_test(test_choice)};
  fixture_begin(&fixture);
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  fixture_end(&fixture);
  return failed;
}
