/* Packed keys against the keys as bytes. */
#include "ops_support.h"

#include <math.h>
#include <stdlib.h>

#include "ops/sort_pack.h"

enum { ROWS = 200, BATCHES = 2 };

static const char *const types[] = {"bool",   "int8",   "int16", "int32",  "int64", "uint8",         "uint16",
                                    "uint32", "uint64", "float", "double", "date",  "timestamp[us]", "duration[s]"};
enum { TYPES = sizeof types / sizeof *types };

/* Values in a window of `range` bits, around 0 for what has a sign. */
static void make_column_of(const char *name, unsigned range, bool nulls, uint64_t *random, struct ArrowSchema *schema,
                           struct ArrowArray *array) {
  struct lam_type type;
  struct lam_builder builder;
  OK(lam_type_parse_name(name, &type, &error));
  OK(lam_schema_init(&type, name, true, schema, &error));
  OK(lam_builder_init(&builder, mem, &type, &error));
  for (int i = 0; i < ROWS; i++) {
    int64_t value = (int64_t)next_random(random) >> (64 - range);
    static const double odd[] = {0.0, -0.0, (double)INFINITY, -(double)INFINITY, (double)NAN};
    double real = value % 7 == 0 ? odd[(uint64_t)value % 5] : (double)value / 8;
    float single = (float)real;
    if (nulls && next_random(random) % 5 == 0)
      OK(lam_builder_null(&builder, &error));
    else if (type.id == LAM_TYPE_BOOL)
      OK(lam_builder_bool(&builder, value & 1, &error));
    else if (type.id == LAM_TYPE_FLOAT32)
      OK(lam_builder_fixed(&builder, &single, &error));
    else if (type.id == LAM_TYPE_FLOAT64)
      OK(lam_builder_fixed(&builder, &real, &error));
    else
      OK(lam_builder_fixed(&builder, &value, &error)); /* little-endian: its low bytes */
  }
  OK(lam_builder_finish(&builder, array, &error));
  lam_builder_release(&builder);
}

struct keyed {
  struct ArrowArray batch;
  struct lam_buf bytes;
  uint64_t offsets[ROWS + 1], packed[ROWS];
};

static void compare(const struct keyed *a, const struct keyed *b) {
  for (int i = 0; i < ROWS; i++) {
    for (int k = 0; k < ROWS; k++) {
      struct lam_bytes x = lam_bytes_of(a->bytes.data + a->offsets[i], a->offsets[i + 1] - a->offsets[i]);
      struct lam_bytes y = lam_bytes_of(b->bytes.data + b->offsets[k], b->offsets[k + 1] - b->offsets[k]);
      int order = lam_key_compare(x, y);
      assert_int_equal((order > 0) - (order < 0), (a->packed[i] > b->packed[k]) - (a->packed[i] < b->packed[k]));
    }
  }
}

/* Two columns of two types, two batches; the second widens the ranges of the first. Says whether they fit. */
static bool pack_and_compare(const char *const names[2], const unsigned ranges[2], unsigned way, uint64_t *random) {
  struct keyed keyed[BATCHES];
  struct ArrowSchema schema;
  struct lam_key_column keys[2];
  struct lam_pack_column columns[2];
  struct lam_key_pack pack;
  bool fits = true;
  OK(lam_schema_init_struct("", 2, &schema, &error));
  for (int b = 0; b < BATCHES; b++) {
    OK(lam_array_init_struct(ROWS, 2, &keyed[b].batch, &error));
    lam_buf_init(&keyed[b].bytes, mem);
    for (int c = 0; c < 2; c++) {
      lam_schema_release(schema.children[c]);
      make_column_of(names[c], ranges[c], way >> (4 + c) & 1, random, schema.children[c], keyed[b].batch.children[c]);
    }
  }
  for (int c = 0; c < 2; c++) keys[c] = (struct lam_key_column){c, way >> 2 * c & 1, way >> (2 * c + 1) & 1};
  assert_true(lam_key_pack_init(&pack, &schema, keys, 2, columns));
  for (int b = 0; b < BATCHES; b++) OK(lam_key_pack_see(&pack, &schema, &keyed[b].batch, &fits, &error));
  for (int b = 0; b < BATCHES && fits; b++) {
    OK(lam_key_pack_encode(&pack, &schema, &keyed[b].batch, keyed[b].packed, &error));
    OK(lam_keys_encode(&schema, &keyed[b].batch, keys, 2, &keyed[b].bytes, keyed[b].offsets, &error));
  }
  for (int b = 0; b < BATCHES; b++) {
    for (int k = 0; k < BATCHES && fits; k++) compare(&keyed[b], &keyed[k]);
    lam_array_release(&keyed[b].batch);
  }
  for (int b = 0; b < BATCHES; b++) lam_buf_release(&keyed[b].bytes);
  lam_schema_release(&schema);
  return fits;
}

static void test_against_bytes(void **state) {
  uint64_t random = seed_of_test();
  (void)state;
  int fitted = 0;
  for (int t = 0; t < TYPES; t++) {
    for (unsigned way = 0; way < 64; way++) {
      const char *names[] = {types[t], types[next_random(&random) % TYPES]};
      static const unsigned choices[] = {1, 3, 9, 20, 31};
      unsigned ranges[] = {choices[next_random(&random) % 5], choices[next_random(&random) % 5]};
      fitted += pack_and_compare(names, ranges, way, &random);
    }
  }
  assert_true(fitted > TYPES * 64 / 2);
}

/* Three of int64, "\1" for NULL. */
static void make_numbers(const char *const *texts, struct ArrowSchema *schema, struct ArrowArray *array) {
  struct lam_type type;
  struct lam_builder builder;
  OK(lam_type_parse_name("int64", &type, &error));
  OK(lam_schema_init(&type, "c", true, schema, &error));
  OK(lam_builder_init(&builder, mem, &type, &error));
  for (int i = 0; i < 3; i++) {
    int64_t value = strtoll(texts[i], NULL, 10);
    if (*texts[i] == 1)
      OK(lam_builder_null(&builder, &error));
    else
      OK(lam_builder_fixed(&builder, &value, &error));
  }
  OK(lam_builder_finish(&builder, array, &error));
  lam_builder_release(&builder);
}

/* 64 bits are just enough: for one column of all values without NULLs. */
static void test_full_range(void **state) {
  (void)state;
  static const struct {
    const char *texts[3];
    bool fits;
  } cases[] = {
      {{"-9223372036854775808", "0", "9223372036854775807"}, true},
      {{"-9223372036854775808", "\1", "9223372036854775807"}, false},
      {{"-9223372036854775808", "\1", "9223372036854775806"}, true},
      {{"\1", "\1", "\1"}, true},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct ArrowSchema schema;
    struct ArrowArray batch;
    struct lam_key_pack pack;
    struct lam_pack_column column;
    static const struct lam_key_column key = {.column = 0};
    uint64_t packed[3] = {0};
    bool fits;
    OK(lam_schema_init_struct("", 1, &schema, &error));
    lam_schema_release(schema.children[0]);
    OK(lam_array_init_struct(3, 1, &batch, &error));
    make_numbers(cases[i].texts, schema.children[0], batch.children[0]);
    assert_true(lam_key_pack_init(&pack, &schema, &key, 1, &column));
    OK(lam_key_pack_see(&pack, &schema, &batch, &fits, &error));
    assert_int_equal(fits, cases[i].fits);
    if (fits) OK(lam_key_pack_encode(&pack, &schema, &batch, packed, &error));
    if (i == 0) assert_true(packed[0] < packed[1] && packed[1] < packed[2] && packed[2] == UINT64_MAX);
    if (i == 2) assert_true(packed[0] < packed[2] && packed[2] < packed[1]);
    if (i == 3) assert_true(packed[0] == packed[1] && packed[1] == packed[2]);
    lam_array_release(&batch);
    lam_schema_release(&schema);
  }
}

static void test_texts_are_not_packed(void **state) {
  (void)state;
  struct ArrowSchema schema;
  struct lam_key_pack pack;
  struct lam_pack_column columns[2];
  static const struct lam_key_column keys[] = {{.column = 0}, {.column = 1}};
  rows_schema(&schema);
  assert_true(lam_key_pack_init(&pack, &schema, keys, 1, columns));
  assert_false(lam_key_pack_init(&pack, &schema, keys, 2, columns));
  lam_schema_release(&schema);
}

int main(void) {
  const struct CMUnitTest tests[] = {OPS_TEST(test_against_bytes), OPS_TEST(test_full_range),
                                     OPS_TEST(test_texts_are_not_packed)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
