/* Rows that a bitmap chooses: every type, form and shape of the choice, against what the source says of its rows. */
#include "arrow_support.h"

#include "arrow/filter.h"

static const char *const type_names[] = {"bool",          "int8",          "int16",  "int32", "int64",  "uint8",
                                         "uint16",        "uint32",        "uint64", "float", "double", "date",
                                         "decimal(20,3)", "timestamp[us]", "string", "binary"};
enum { TYPES = sizeof type_names / sizeof *type_names, ROWS = 300, OFFSET = 3 };

static const char *text_for(const char *type, uint64_t number, bool nulls, char *out, size_t room) {
  if (nulls && number % 5 == 0) return "\1";
  if (strcmp(type, "bool") == 0) return number % 2 ? "true" : "false";
  if (strcmp(type, "date") == 0)
    snprintf(out, room, "2026-11-%02d", (int)(number % 28) + 1);
  else if (strncmp(type, "timestamp", 9) == 0)
    snprintf(out, room, "2026-11-21 00:00:%02d", (int)(number % 60));
  else if (strcmp(type, "string") == 0)
    snprintf(out, room, "%.*s", (int)(number % 40), "a text that is at times longer than 16 bytes");
  else
    snprintf(out, room, "%02d", (int)(number % 100));
  return out;
}

static void text_of_row(const struct ArrowSchema *schema, const struct ArrowArray *array, int64_t row,
                        struct lam_buf *out) {
  struct lam_view view;
  out->size = 0;
  OK(lam_view_init(schema, array, &view, &error));
  if (lam_view_valid(&view, row))
    OK(lam_value_text(&view, row, out, &error));
  else
    OK(lam_buf_append(out, "\1", 1, &error));
}

/* A column that begins behind its buffers' first row. */
static void make(const char *type, uint64_t *random, bool nulls, struct ArrowSchema *schema, struct ArrowArray *array) {
  const char *texts[ROWS + OFFSET];
  char rooms[ROWS + OFFSET][64];
  for (int i = 0; i < ROWS + OFFSET; i++)
    texts[i] = text_for(type, next_random(random), nulls, rooms[i], sizeof rooms[i]);
  make_column(type, "c", texts, ROWS + OFFSET, schema, array);
  array->offset = OFFSET;
  array->length = ROWS;
  if (array->null_count > 0) array->null_count = -1;
}

/* 0: none, 1: all, 2: one run, others: at random with that many of 100. */
static int64_t choose(int shape, uint64_t *random, uint8_t *bits) {
  int64_t chosen = 0;
  memset(bits, 0, (ROWS + 7) / 8);
  for (int64_t i = 0; i < ROWS; i++) {
    bool take =
        shape == 1 || (shape == 2 && i >= 17 && i < 203) || (shape > 2 && next_random(random) % 100 < (uint64_t)shape);
    if (take) lam_bit_set(bits, i);
    chosen += take;
  }
  return chosen;
}

static void check(const struct ArrowSchema *schema, const struct ArrowArray *source, const uint8_t *bits,
                  const struct ArrowArray *out) {
  struct lam_buf expected = {.mem = mem}, found = {.mem = mem};
  int64_t row = 0, nulls = 0;
  for (int64_t i = 0; i < ROWS; i++) {
    if (!lam_bit_get(bits, i)) continue;
    text_of_row(schema->dictionary && !source->dictionary ? schema->dictionary : schema, source, i, &expected);
    text_of_row(schema, out, row++, &found);
    assert_true(lam_bytes_equal(lam_bytes_of(expected.data, expected.size), lam_bytes_of(found.data, found.size)));
    nulls += found.size == 1 && found.data[0] == 1;
  }
  assert_int_equal(row, out->length);
  struct lam_view view;
  OK(lam_view_init(schema, out, &view, &error));
  assert_int_equal(lam_view_null_count(&view), nulls);
  lam_buf_release(&expected);
  lam_buf_release(&found);
}

/* The same array once more, for it is consumed. */
static void again(const struct ArrowArray *array, struct ArrowArray *out) {
  struct lam_shared *buffers[3] = {NULL};
  for (int i = 0; i < array->n_buffers; i++) buffers[i] = lam_array_shared(array, i);
  struct ArrowArray dictionary = {.release = NULL};
  if (array->dictionary) again(array->dictionary, &dictionary);
  OK(lam_array_init(array->length, array->null_count, (int)array->n_buffers, buffers,
                    array->dictionary ? &dictionary : NULL, out, &error));
  out->offset = array->offset;
}

static void every_shape(const struct ArrowSchema *schema, const struct ArrowArray *array, uint64_t *random) {
  static const int shapes[] = {0, 1, 2, 3, 50, 97};
  struct lam_filter_buffers kept = {{NULL}};
  struct lam_buf indices = {.mem = mem};
  for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
    uint8_t bits[(ROWS + 7) / 8];
    int64_t chosen = choose(shapes[s], random, bits);
    struct lam_selection selection;
    struct ArrowArray given, out;
    again(array, &given);
    OK(lam_selection_of_bits(bits, ROWS, chosen, &indices, &selection, &error));
    assert_int_equal(selection.indices == NULL, shapes[s] < 3);
    OK(lam_filter_array(mem, schema, &given, &selection, s % 2 ? &kept : NULL, &out, &error));
    assert_null(given.release);
    check(schema, array, bits, &out);
    lam_array_release(&out);
  }
  lam_buf_release(&indices);
  lam_filter_buffers_release(&kept);
}

static void test_every_type(void **state) {
  uint64_t random = seed_of_test();
  (void)state;
  for (int t = 0; t < 2 * TYPES; t++) {
    struct ArrowSchema schema;
    struct ArrowArray array;
    make(type_names[t / 2], &random, t % 2, &schema, &array);
    every_shape(&schema, &array, &random);
    lam_array_release(&array);
    lam_schema_release(&schema);
  }
}

/* Dictionaries of all rows, and decoded again; slices that share buffers. */
static void test_forms(void **state) {
  uint64_t random = seed_of_test();
  (void)state;
  for (int t = 0; t < 2 * TYPES; t++) {
    struct ArrowSchema schema, copy, dictionary;
    struct ArrowArray array, slice, encoded, decoded, part;
    struct lam_filter_buffers kept = {{NULL}};
    uint8_t bits[(ROWS + 7) / 8] = {0};
    make(type_names[t / 2], &random, t % 2, &schema, &array);
    lam_bits_fill(bits, 5, 200, true);
    OK(lam_array_share(&array, 5, 200, &slice, &error));
    check(&schema, &array, bits, &slice);
    OK(lam_dictionary_of_rows(mem, &slice, &encoded, &error));
    OK(lam_schema_copy(&schema, &copy, &error));
    OK(lam_schema_as_dictionary(&copy, &dictionary, &error));
    check(&dictionary, &array, bits, &encoded);
    lam_bits_fill(bits, 0, 10, false);
    lam_bits_fill(bits, 100, ROWS - 100, false);
    OK(lam_array_share(&encoded, 5, 90, &part, &error));
    OK(lam_dictionary_decode(mem, &dictionary, &part, &kept, &decoded, &error));
    check(&schema, &array, bits, &decoded);
    lam_array_release(&decoded);
    lam_array_release(&encoded);
    lam_array_release(&array);
    lam_schema_release(&dictionary);
    lam_schema_release(&schema);
    lam_filter_buffers_release(&kept);
  }
}

static void test_dictionaries(void **state) {
  uint64_t random = seed_of_test();
  static const char *const words[] = {"one", "two", "three"};
  struct ArrowSchema values, schema;
  struct ArrowArray dictionary, indices;
  (void)state;
  make_column("string", "c", words, 3, &values, &dictionary);
  OK(lam_schema_as_dictionary(&values, &schema, &error));
  struct lam_shared *buffers[2] = {NULL, NULL};
  OK(lam_shared_create(mem, (ROWS + OFFSET) * 4, &buffers[1], &error));
  for (int i = 0; i < ROWS + OFFSET; i++)
    ((int32_t *)(void *)buffers[1]->data)[i] = (int32_t)(next_random(&random) % 3);
  OK(lam_array_init(ROWS, 0, 2, buffers, &dictionary, &indices, &error));
  indices.offset = OFFSET;
  lam_shared_release(buffers[1]);
  every_shape(&schema, &indices, &random);
  lam_array_release(&indices);
  lam_schema_release(&schema);
}

/* Lists: row i has i % 3 entries, i and i + 1. */
static void test_lists(void **state) {
  struct ArrowSchema item, schema;
  struct ArrowArray list, out;
  struct lam_shared *buffers[2] = {NULL, NULL};
  struct lam_selection selection;
  struct lam_buf indices = {.mem = mem};
  static char texts[ROWS][16];
  const char *values[ROWS];
  (void)state;
  OK(lam_shared_create(mem, (ROWS + 1) * 4, &buffers[1], &error));
  int32_t *offsets = (int32_t *)(void *)buffers[1]->data;
  int at = 0;
  for (int i = 0; i < ROWS; i++) {
    offsets[i] = at;
    for (int k = 0; k < i % 3 && at < ROWS; k++, at++) {
      snprintf(texts[at], sizeof texts[at], "%d", i + k);
      values[at] = texts[at];
    }
  }
  offsets[ROWS] = at;
  struct ArrowArray entries;
  make_column("int32", "item", values, at, &item, &entries);
  OK(lam_array_init_nested(ROWS, 0, 2, buffers, 1, &list, &error));
  *list.children[0] = entries;
  struct ArrowSchema *children = &item;
  schema = (struct ArrowSchema){
      .format = "+l", .name = "c", .n_children = 1, .children = &children, .release = item.release};
  uint8_t bits[(ROWS + 7) / 8] = {0};
  for (int i = 1; i < ROWS; i += 7) lam_bit_set(bits, i);
  OK(lam_selection_of_bits(bits, ROWS, lam_bits_count(bits, 0, ROWS), &indices, &selection, &error));
  OK(lam_filter_array(mem, &schema, &list, &selection, NULL, &out, &error));
  assert_int_equal(out.length, selection.count);
  const int32_t *ends = out.buffers[1], *items = out.children[0]->buffers[1];
  for (int64_t i = 0; i < out.length; i++) {
    int row = (int)(1 + 7 * i), size = ends[i + 1] - ends[i];
    if (row < ROWS / 2) assert_int_equal(size, row % 3);
    for (int k = 0; k < size; k++) assert_int_equal(items[ends[i] + k], row + k);
  }
  lam_array_release(&out);
  lam_schema_release(&item);
  lam_shared_release(buffers[1]);
  lam_buf_release(&indices);
}

int main(void) {
  const struct CMUnitTest tests[] = {MEM_TEST(test_every_type), MEM_TEST(test_dictionaries), MEM_TEST(test_forms),
                                     MEM_TEST(test_lists)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
