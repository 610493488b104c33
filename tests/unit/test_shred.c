#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "meta_support.h"
#include "parquet/shred.h"

/* ---- schemas and arrays by hand ---- */

static void kept(struct ArrowSchema *schema) {
  (void)schema;
}
static void kept_array(struct ArrowArray *array) {
  (void)array;
}

enum { MOST = 8 };

/* A field and its array; validity is a text of 0 and 1, bit 0 first. */
struct node {
  struct ArrowSchema schema, *schemas[2];
  struct ArrowArray array, *arrays[2];
  const void *buffers[3];
  uint8_t validity[MOST];
};

static void set_validity(struct node *node, const char *bits) {
  if (!bits) return;
  for (int64_t i = 0; bits[i]; i++) lam_bits_fill(node->validity, i, 1, bits[i] == '1');
  node->buffers[0] = node->validity;
}

/* '!' before the format where it may not be null. */
static struct node *make(const char *format, int64_t offset, int64_t length, const char *bits, const void *buffer,
                         struct node *child, struct node *second) {
  struct node *node = calloc(1, sizeof *node);
  bool required = *format == '!', list = format[required] == '+' && !strchr("sw", format[required + 1]);
  int64_t children = (child != NULL) + (second != NULL);
  node->schema = (struct ArrowSchema){.format = format + required,
                                      .name = "x",
                                      .flags = required ? 0 : ARROW_FLAG_NULLABLE,
                                      .n_children = children,
                                      .children = node->schemas,
                                      .release = kept};
  node->array = (struct ArrowArray){.length = length,
                                    .null_count = bits ? -1 : 0,
                                    .offset = offset,
                                    .n_buffers = child && !list ? 1 : 2,
                                    .n_children = children,
                                    .buffers = node->buffers,
                                    .children = node->arrays,
                                    .release = kept_array};
  set_validity(node, bits);
  node->buffers[1] = buffer;
  if (child) node->schemas[0] = &child->schema, node->arrays[0] = &child->array;
  if (second) node->schemas[1] = &second->schema, node->arrays[1] = &second->array;
  return node;
}
#define OFFSETS(...) ((const int32_t[]){__VA_ARGS__})
#define OFFSETS64(...) ((const int64_t[]){__VA_ARGS__})

static const int32_t values[64];

static struct node *ints(const char *format, int64_t offset, int64_t length, const char *bits) {
  return make(format, offset, length, bits, values, NULL, NULL);
}
static struct node *list(const char *format, int64_t offset, int64_t length, const char *bits, const void *offsets,
                         struct node *child) {
  return make(format, offset, length, bits, offsets, child, NULL);
}
static struct node *structs(const char *format, int64_t offset, int64_t length, const char *bits, struct node *first,
                            struct node *second) {
  return make(format, offset, length, bits, NULL, first, second);
}
/* A node's address is its schema's. */
static void free_node(struct node *node) {
  for (int64_t i = 0; i < node->schema.n_children; i++) free_node((struct node *)(void *)node->schemas[i]);
  free(node);
}

/* ---- cases ---- */

struct expected {
  const char *repetition, *definition, *ranges;
};
struct one {
  const char *name;
  struct node *column;
  int64_t from, count; /* of the rows from row `offset` of the array on */
  int64_t offset;
  int leaf;
  struct expected expected;
};

static void show_levels(const struct lam_buf *buf, size_t count, char *out) {
  for (size_t i = 0; i < count; i++) out[i] = (char)('0' + buf->data[i]);
  out[count] = 0;
}

static void show_ranges(const struct lam_buf *buf, char *out) {
  const struct lam_range *ranges = (const struct lam_range *)(const void *)buf->data;
  *out = 0;
  for (size_t i = 0; i < buf->size / sizeof *ranges; i++)
    out += sprintf(out, "%s%d-%d", i ? "," : "", (int)ranges[i].first, (int)ranges[i].end);
}

static void expect(const struct one *one, const char *what, const char *found, const char *expected) {
  if (strcmp(found, expected) != 0)
    fail_msg("%s, leaf %d: %s are '%s', expected '%s'", one->name, one->leaf, what, found, expected);
}

static void shred_one(struct fixture *fixture, const struct one *one) {
  struct lam_arena arena;
  struct lam_buf paths;
  struct lam_shredded shredded;
  const struct ArrowArray *leaf;
  struct lam_view view;
  char text[256];
  lam_arena_init(&arena, fixture->mem);
  lam_buf_init(&paths, fixture->mem);
  lam_shredded_init(&shredded, fixture->mem);
  OK(lam_shred_paths(&one->column->schema, &arena, &paths, &error));
  struct lam_shred_path *path = (struct lam_shred_path *)(void *)paths.data + one->leaf;
  OK(lam_shred_bind(path, &one->column->array, one->offset, one->column->array.length - one->offset, &leaf, &error));
  OK(lam_view_init(path->leaf, leaf, &view, &error));
  OK(lam_shred(path, one->from, one->count, &shredded, &error));
  if (path->leaf->flags & ARROW_FLAG_NULLABLE) lam_shred_leaf(&shredded, view.validity, view.offset);
  assert_true(lam_shred_bytes(path, &view, one->from, one->count) > 0 || one->count == 0);
  show_levels(&shredded.repetition, shredded.entries, text);
  expect(one, "repetition levels", text, one->expected.repetition);
  show_levels(&shredded.definition, shredded.entries, text);
  expect(one, "definition levels", text, one->expected.definition);
  show_ranges(&shredded.ranges, text);
  expect(one, "ranges", text, one->expected.ranges);
  lam_shredded_release(&shredded);
  lam_buf_release(&paths);
  lam_arena_release(&arena);
}

static void cases(void **state) {
  (void)state;
  struct fixture fixture;
  fixture_begin(&fixture);
  struct one all[] = {
      {"structs", structs("+s", 0, 4, NULL, ints("i", 0, 4, NULL), NULL), 0, 4, 0, 0, {"0000", "2222", "0-4"}},
      {"required structs",
       structs("!+s", 0, 4, NULL, ints("!i", 0, 4, NULL), NULL),
       0,
       4,
       0,
       0,
       {"0000", "0000", "0-4"}},
      {"null structs with values",
       structs("+s", 0, 5, "10110", ints("i", 0, 5, "11011"), NULL),
       0,
       5,
       0,
       0,
       {"00000", "20120", "0-1,2-4"}},
      {"of no rows", structs("+s", 0, 0, NULL, ints("i", 0, 0, NULL), NULL), 0, 0, 0, 0, {"", "", ""}},
      {"sliced structs with a sliced child",
       structs("+s", 2, 3, "00101", ints("i", 1, 5, "000101"), NULL),
       0,
       3,
       0,
       0,
       {"000", "202", "2-3,4-5"}},
      {"rows of a slice", structs("+s", 1, 5, "111011", ints("!i", 1, 6, NULL), NULL), 1, 2, 1, 0, {"00", "01", "4-5"}},
      {"lists",
       list("+l", 0, 3, NULL, OFFSETS(0, 2, 2, 5), ints("i", 0, 5, NULL)),
       0,
       3,
       0,
       0,
       {"010011", "331333", "0-5"}},
      {"lists of elements not null",
       list("!+l", 0, 3, NULL, OFFSETS(0, 2, 2, 5), ints("!i", 0, 5, NULL)),
       0,
       3,
       0,
       0,
       {"010011", "110111", "0-5"}},
      {"null lists that span values",
       list("+l", 0, 4, "1011", OFFSETS(0, 2, 4, 5, 5), ints("i", 0, 5, "10111")),
       0,
       4,
       0,
       0,
       {"01000", "32031", "0-2,4-5"}},
      {"null lists that span none",
       list("+l", 0, 3, "101", OFFSETS(0, 2, 2, 4), ints("i", 0, 4, NULL)),
       0,
       3,
       0,
       0,
       {"01001", "33033", "0-4"}},
      {"rows of lists",
       list("+L", 1, 3, NULL, OFFSETS64(0, 1, 3, 4, 6), ints("i", 3, 7, "1111111110")),
       1,
       2,
       0,
       0,
       {"001", "333", "3-6"}},
      {"sliced lists and a sliced child",
       list("+L", 1, 2, "011", OFFSETS64(0, 1, 3, 4), ints("i", 3, 7, "1111101111")),
       0,
       2,
       0,
       0,
       {"010", "323", "1-4"}},
      {"fixed lists",
       list("+w:2", 0, 3, NULL, NULL, ints("i", 0, 6, "111011")),
       0,
       3,
       0,
       0,
       {"010101", "333233", "0-6"}},
      {"fixed lists that are null",
       list("+w:2", 1, 3, "0101", NULL, ints("!i", 1, 8, NULL)),
       0,
       3,
       0,
       0,
       {"01001", "22022", "2-4,6-8"}},
      {"fixed lists of none", list("+w:0", 0, 3, "101", NULL, ints("i", 0, 0, NULL)), 0, 3, 0, 0, {"000", "101", ""}},
      {"lists of lists",
       list("+l", 0, 4, "1101", OFFSETS(0, 2, 2, 2, 5),
            list("+l", 0, 5, "10111", OFFSETS(0, 3, 4, 4, 5, 6), ints("i", 0, 6, "111110"))),
       0,
       4,
       0,
       0,
       {"022100011", "555210354", "0-3,4-6"}},
      {"lists in structs in lists",
       list(
           "+l", 0, 3, NULL, OFFSETS(0, 2, 2, 4),
           structs("+s", 0, 4, "1011", list("+l", 0, 4, "0111", OFFSETS(0, 1, 3, 5, 5), ints("!i", 0, 5, NULL)), NULL)),
       0,
       3,
       0,
       0,
       {"010021", "321554", "3-5"}},
      {"keys",
       list("+m", 0, 3, "110", OFFSETS(0, 2, 2, 3),
            structs("!+s", 0, 3, NULL, ints("!i", 0, 3, NULL), ints("i", 0, 3, "010"))),
       0,
       3,
       0,
       0,
       {"0100", "2210", "0-2"}},
      {"values",
       list("+m", 0, 3, "110", OFFSETS(0, 2, 2, 3),
            structs("+s", 0, 3, NULL, ints("!i", 0, 3, NULL), ints("i", 0, 3, "010"))),
       0,
       3,
       0,
       1,
       {"0100", "2310", "0-2"}},
      {"second leaf",
       structs("+s", 0, 3, "011", ints("i", 0, 3, NULL),
               list("+l", 0, 3, NULL, OFFSETS(0, 1, 1, 3), ints("i", 0, 3, NULL))),
       0,
       3,
       0,
       1,
       {"0001", "0244", "1-3"}},
  };
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
    shred_one(&fixture, &all[i]);
    free_node(all[i].column);
  }
  fixture_end(&fixture);
}

static void refusals(void **state) {
  (void)state;
  struct fixture fixture;
  fixture_begin(&fixture);
  static const int64_t huge[] = {0, INT64_MAX};
  const struct {
    struct node *column;
    int64_t offset;
    bool binds;
    const char *message;
  } all[] = {
      {structs("!+s", 0, 3, "110", ints("i", 0, 3, NULL), NULL), 0, true, "entry 2 of \"x\" is NULL"},
      {list("!+l", 0, 2, "10", OFFSETS(0, 1, 1), ints("i", 0, 3, NULL)), 0, true, "entry 1 of \"x\" is NULL"},
      {list("+l", 0, 3, NULL, OFFSETS(0, 2, 1, 3), ints("i", 0, 3, NULL)), 0, true, "go down at list 1"},
      {list("+l", 0, 2, "11", OFFSETS(2, 0, 3), ints("i", 0, 3, NULL)), 0, true, "go down at list 0"},
      {list("+l", 0, 2, NULL, OFFSETS(0, 4, 3), ints("i", 0, 3, NULL)), 0, true, "go down at list 0"},
      {list("+l", 0, 2, NULL, OFFSETS(-1, 0, 3), ints("i", 0, 3, NULL)), 0, true, "go down at list 0"},
      {list("+l", 0, 2, NULL, OFFSETS(0, 1, -1), ints("i", 0, 3, NULL)), 0, false, "an offset of -1"},
      {list("+l", 0, 2, NULL, OFFSETS(0, 1, 4), ints("i", 0, 3, NULL)), 0, false, "has 3 rows where 4 are needed"},
      {list("+L", 0, 1, NULL, huge, ints("i", 0, 3, NULL)), 0, false, "has 3 rows"},
      {structs("+s", 2, 2, NULL, ints("i", 1, 3, NULL), NULL), 0, false, "has 3 rows where 4 are needed"},
      {list("+w:3", 0, 2, NULL, NULL, ints("i", 0, 5, NULL)), 0, false, "has 5 rows where 6 are needed"},
      {list("+w:268435455", INT64_MAX / 2, 2, NULL, NULL, ints("i", 0, 5, NULL)), 0, false, "more than 2^63"},
      {structs("+s", 0, 2, NULL, ints("i", 0, 3, NULL), NULL), 1, false, "has 2 rows where 2 are needed from row 1"},
  };
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
    struct lam_arena arena;
    struct lam_buf paths;
    struct lam_shredded shredded;
    const struct ArrowArray *leaf;
    lam_arena_init(&arena, fixture.mem);
    lam_buf_init(&paths, fixture.mem);
    lam_shredded_init(&shredded, fixture.mem);
    OK(lam_shred_paths(&all[i].column->schema, &arena, &paths, &error));
    struct lam_shred_path *path = (struct lam_shred_path *)(void *)paths.data;
    int64_t rows = all[i].column->array.length;
    if (all[i].binds) {
      OK(lam_shred_bind(path, &all[i].column->array, all[i].offset, rows, &leaf, &error));
      FAILS(lam_shred(path, 0, rows, &shredded, &error), LAM_INVALID, all[i].message);
    } else {
      FAILS(lam_shred_bind(path, &all[i].column->array, all[i].offset, rows, &leaf, &error), LAM_INVALID,
            all[i].message);
    }
    lam_shredded_release(&shredded);
    lam_buf_release(&paths);
    lam_arena_release(&arena);
    free_node(all[i].column);
  }
  fixture_end(&fixture);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(cases), cmocka_unit_test(refusals)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
