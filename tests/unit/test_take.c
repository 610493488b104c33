/* Rows taken out of several batches. */
#include "arrow_support.h"

#include "arrow/take.h"

static const char *const type_names[] = {"bool",          "int8",          "int16",  "int32", "int64",  "uint8",
                                         "uint16",        "uint32",        "uint64", "float", "double", "date",
                                         "decimal(20,3)", "timestamp[us]", "string", "binary"};
enum { TYPES = sizeof type_names / sizeof *type_names, SOURCES = 3, ROWS = 40 };

/* A text that every type reads; NULL now and then. */
static const char *text_for(const char *type, uint64_t number, char *out, size_t room) {
  if (number % 7 == 0) return "\1";
  if (strcmp(type, "bool") == 0) return number % 2 ? "true" : "false";
  if (strcmp(type, "date") == 0)
    snprintf(out, room, "2026-11-%02d", (int)(number % 28) + 1);
  else if (strncmp(type, "timestamp", 9) == 0)
    snprintf(out, room, "2026-11-21 00:00:%02d", (int)(number % 60));
  else
    snprintf(out, room, "%02d", (int)(number % 100)); /* two digits: binaries read them as hexadecimal */
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

/* Every type, rows in any order and from any source, against what each source says of its row. */
static void test_every_type(void **state) {
  uint64_t random = seed_of_test();
  (void)state;
  for (int t = 0; t < TYPES; t++) {
    struct ArrowSchema schema;
    struct ArrowArray sources[SOURCES], out;
    struct lam_row rows[ROWS];
    struct lam_buf expected, found;
    lam_buf_init(&expected, mem);
    lam_buf_init(&found, mem);
    OK(lam_schema_init_struct("", 1, &schema, &error));
    for (uint32_t s = 0; s < SOURCES; s++) {
      const char *texts[ROWS];
      char rooms[ROWS][32];
      struct ArrowSchema one;
      int count = 5 + (int)s * 11;
      for (int i = 0; i < count; i++)
        texts[i] = text_for(type_names[t], next_random(&random), rooms[i], sizeof rooms[i]);
      OK(lam_array_init_struct(count, 1, &sources[s], &error));
      make_column(type_names[t], "c", texts, count, &one, sources[s].children[0]);
      lam_schema_release(schema.children[0]);
      *schema.children[0] = one;
      /* Some sources begin behind their buffers' first row. */
      if (s == 1) sources[s].children[0]->offset = 3, sources[s].children[0]->length -= 3, sources[s].length -= 3;
    }
    for (int i = 0; i < ROWS; i++) {
      rows[i].source = (uint32_t)(next_random(&random) % SOURCES);
      rows[i].row = (uint32_t)(next_random(&random) % (uint64_t)sources[rows[i].source].length);
    }
    int64_t taken;
    OK(lam_take(mem, &schema, sources, SOURCES, rows, ROWS, 1 << 20, &taken, &out, &error));
    assert_int_equal(taken, ROWS);
    assert_int_equal(out.length, ROWS);
    int64_t nulls = 0;
    for (int i = 0; i < ROWS; i++) {
      text_of_row(schema.children[0], sources[rows[i].source].children[0], rows[i].row, &expected);
      text_of_row(schema.children[0], out.children[0], i, &found);
      assert_true(lam_bytes_equal(lam_bytes_of(expected.data, expected.size), lam_bytes_of(found.data, found.size)));
      nulls += found.size == 1 && found.data[0] == 1;
    }
    assert_int_equal(out.children[0]->null_count, nulls);
    lam_array_release(&out);
    for (int s = 0; s < SOURCES; s++) lam_array_release(&sources[s]);
    lam_schema_release(&schema);
    lam_buf_release(&expected);
    lam_buf_release(&found);
  }
}

/* One taker, many takes, its sources changed between them; as many rows as are taken in parallel, scattered and in
 * runs, short strings and long ones. */
static void test_taker(void **state) {
  enum { TAKER_ROWS = 3000, TAKEN = 9000 };
  uint64_t random = seed_of_test();
  (void)state;
  static const char *const names[] = {"string", "large_string", "int32", "decimal(20,3)"};
  struct ArrowSchema schema;
  struct ArrowArray sources[SOURCES], out;
  struct lam_row *rows = malloc(TAKEN * sizeof *rows);
  struct lam_taker *taker;
  struct lam_buf expected, found;
  lam_buf_init(&expected, mem);
  lam_buf_init(&found, mem);
  OK(lam_schema_init_struct("", 4, &schema, &error));
  for (int s = 0; s < SOURCES; s++) {
    OK(lam_array_init_struct(TAKER_ROWS, 4, &sources[s], &error));
    for (int c = 0; c < 4; c++) {
      const char *texts[TAKER_ROWS];
      char rooms[TAKER_ROWS][64];
      for (int i = 0; i < TAKER_ROWS; i++) {
        uint64_t number = next_random(&random);
        snprintf(rooms[i], sizeof rooms[i], "%0*d", c > 1 ? 2 : (int)(number % 60), (int)(number % 10));
        texts[i] = c == s && number % 7 == 0 ? "\1" : rooms[i];
      }
      lam_schema_release(schema.children[c]);
      make_column(names[c], "c", texts, TAKER_ROWS, schema.children[c], sources[s].children[c]);
    }
  }
  OK(lam_taker_open(mem, &schema, SOURCES, &taker, &error));
  for (uint32_t s = 0; s < SOURCES; s++) OK(lam_taker_set(taker, s, &sources[s], &error));
  for (uint32_t round = 0; round < 4; round++) {
    uint32_t now[SOURCES] = {0, 1, 2};
    if (round >= 2) { /* the first source is gone, the last one is another's batch */
      OK(lam_taker_set(taker, 0, NULL, &error));
      OK(lam_taker_set(taker, 2, &sources[0], &error));
      now[2] = 0;
    }
    for (int i = 0; i < TAKEN; i++) {
      uint64_t number = next_random(&random);
      bool follows = round % 2 && i && number % 16 && rows[i - 1].row + 1 < TAKER_ROWS;
      if (follows)
        rows[i] = (struct lam_row){rows[i - 1].source, rows[i - 1].row + 1};
      else
        rows[i] = (struct lam_row){(uint32_t)(number % (round < 2 ? 3 : 2)) + (round >= 2),
                                   (uint32_t)(number >> 32) % TAKER_ROWS};
    }
    int64_t taken;
    OK(lam_taker_take(taker, rows, TAKEN, 1 << 20, &taken, &out, &error));
    assert_int_equal(taken, TAKEN);
    for (int c = 0; c < 4; c++) {
      for (int i = 0; i < TAKEN; i += 1 + i % 3) {
        text_of_row(schema.children[c], sources[now[rows[i].source]].children[c], rows[i].row, &expected);
        text_of_row(schema.children[c], out.children[c], i, &found);
        assert_true(lam_bytes_equal(lam_bytes_of(expected.data, expected.size), lam_bytes_of(found.data, found.size)));
      }
    }
    lam_array_release(&out);
    OK(lam_taker_take(taker, rows, TAKEN, 100000, &taken, &out, &error));
    assert_in_range(taken, 500, 3000); /* a row takes 25 to 145 bytes beside its offsets */
    lam_array_release(&out);
  }
  lam_taker_close(taker);
  for (int s = 0; s < SOURCES; s++) lam_array_release(&sources[s]);
  lam_schema_release(&schema);
  lam_buf_release(&expected);
  lam_buf_release(&found);
  free(rows);
}

static void test_bounded_bytes(void **state) {
  (void)state;
  static const char *const texts[] = {"aaaaaaaaaa", "bbbbbbbbbb", "cccccccccc"};
  static const struct lam_row rows[] = {{0, 2}, {0, 1}, {0, 0}};
  /* A row takes ten bytes and an offset of 8 at most. */
  static const struct {
    const char *type;
    uint64_t max_bytes;
    int64_t taken;
  } cases[] = {{"string", 1000, 3}, {"string", 36, 2}, {"string", 18, 1}, {"string", 0, 1},
               {"int64", 1000, 3},  {"int64", 18, 2},  {"int64", 1, 1}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    static const char *const numbers[] = {"1", "2", "3"};
    struct ArrowSchema schema;
    struct ArrowArray source, out;
    int64_t taken;
    bool text = strcmp(cases[i].type, "string") == 0;
    OK(lam_schema_init_struct("", 1, &schema, &error));
    OK(lam_array_init_struct(3, 1, &source, &error));
    make_column(cases[i].type, "c", text ? texts : numbers, 3, schema.children[0], source.children[0]);
    OK(lam_take(mem, &schema, &source, 1, rows, 3, cases[i].max_bytes, &taken, &out, &error));
    assert_int_equal(taken, cases[i].taken);
    assert_int_equal(out.children[0]->length, cases[i].taken);
    lam_array_release(&out);
    lam_array_release(&source);
    lam_schema_release(&schema);
  }
}

static void test_bytes_of_an_array(void **state) {
  (void)state;
  static const char *const texts[] = {"four", "\1", "sixsix"};
  static const char *const numbers[] = {"1", "2", "3"};
  struct ArrowSchema schema;
  struct ArrowArray array;
  OK(lam_schema_init_struct("", 2, &schema, &error));
  OK(lam_array_init_struct(3, 2, &array, &error));
  make_column("string", "s", texts, 3, schema.children[0], array.children[0]);
  make_column("int64", "n", numbers, 3, schema.children[1], array.children[1]);
  assert_int_equal(lam_array_bytes(&schema, &array), 10 + 3 * 4 + 3 * 8);
  lam_array_release(&array);
  lam_schema_release(&schema);

  /* 64-bit offsets count too. */
  struct lam_type type = {.id = LAM_TYPE_LARGE_STRING, .timezone = ""};
  struct lam_builder builder;
  OK(lam_schema_init_struct("", 1, &schema, &error));
  OK(lam_schema_init(&type, "l", true, schema.children[0], &error));
  OK(lam_array_init_struct(1, 1, &array, &error));
  OK(lam_builder_init(&builder, mem, &type, &error));
  OK(lam_builder_bytes(&builder, lam_bytes_of_string("seven77"), &error));
  OK(lam_builder_finish(&builder, array.children[0], &error));
  lam_builder_release(&builder);
  assert_int_equal(lam_array_bytes(&schema, &array), 7 + 8);
  static const struct lam_row rows[] = {{0, 0}, {0, 0}};
  struct ArrowArray out;
  int64_t taken;
  OK(lam_take(mem, &schema, &array, 1, rows, 2, 1000, &taken, &out, &error));
  struct lam_view view;
  OK(lam_view_init(schema.children[0], out.children[0], &view, &error));
  assert_true(lam_bytes_equal(lam_view_bytes(&view, 1), lam_bytes_of_string("seven77")));
  lam_array_release(&out);
  lam_array_release(&array);
  lam_schema_release(&schema);
}

int main(void) {
  const struct CMUnitTest tests[] = {MEM_TEST(test_every_type), MEM_TEST(test_taker), MEM_TEST(test_bounded_bytes),
                                     MEM_TEST(test_bytes_of_an_array)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
