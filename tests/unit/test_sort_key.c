/* Keys as bytes against a plain comparison of the values. */
#include "ops_support.h"

#include <math.h>

#include "ops/sort_key.h"

enum { ROWS = 60 };

/* One column of any of the types below, as rows of 16 bytes or of texts. */
struct values {
  struct lam_type type;
  bool null[ROWS];
  union {
    int64_t i;
    uint64_t u;
    double f;
    __int128 wide;
    uint8_t bytes[16];
  } v[ROWS];
  size_t size[ROWS]; /* of texts */
};

static double of_half(uint16_t bits) {
  double fraction = bits & 0x3ff;
  int exponent = bits >> 10 & 31;
  double value = exponent == 31 ? (fraction != 0 ? NAN : INFINITY)
                 : exponent     ? ldexp(1024 + fraction, exponent - 25)
                                : ldexp(fraction, -24);
  return bits & 0x8000 ? -value : value;
}

static void make_values(enum lam_type_id id, uint64_t *random, struct values *out, struct ArrowSchema *schema,
                        struct ArrowArray *array) {
  static const double floats[] = {0.0, -0.0, 1.5, -1.5, 65504, -65504, INFINITY, -INFINITY, 5.960464477539063e-8};
  *out = (struct values){.type = {.id = id, .timezone = "", .precision = 38, .byte_width = 3}};
  struct lam_builder builder;
  OK(lam_schema_init(&out->type, "c", true, schema->children[0], &error));
  OK(lam_builder_init(&builder, mem, &out->type, &error));
  size_t width = (size_t)lam_type_bits(&out->type) / 8;
  for (int i = 0; i < ROWS; i++) {
    uint64_t bits = next_random(random);
    unsigned shift = (unsigned)(next_random(random) % 64);
    out->null[i] = bits % 8 == 0;
    if (out->null[i]) {
      OK(lam_builder_null(&builder, &error));
      continue;
    }
    bits = next_random(random);
    bits = (uint64_t)((int64_t)bits >> shift); /* small and large ones of both signs */
    if (id == LAM_TYPE_BOOL) {
      out->v[i].i = bits & 1;
      OK(lam_builder_bool(&builder, bits & 1, &error));
    } else if (id == LAM_TYPE_STRING || id == LAM_TYPE_FIXED_BINARY) {
      static const uint8_t alphabet[] = {0, 0, 1, 'a', 0xff};
      out->size[i] = id == LAM_TYPE_STRING ? bits % 5 : 3;
      for (size_t k = 0; k < out->size[i]; k++) out->v[i].bytes[k] = alphabet[next_random(random) % 5];
      if (id == LAM_TYPE_STRING)
        OK(lam_builder_bytes(&builder, lam_bytes_of(out->v[i].bytes, out->size[i]), &error));
      else
        OK(lam_builder_fixed(&builder, out->v[i].bytes, &error));
    } else if (id == LAM_TYPE_FLOAT16) {
      uint16_t half = (uint16_t)next_random(random);
      if (i % 6 == 0) half = (uint16_t)(i % 12 ? 0x8000 : 0);
      if (i % 11 == 0) half = i % 2 ? 0xfe01 : 0x7c01; /* NaNs of both signs */
      out->v[i].f = of_half(half);
      OK(lam_builder_fixed(&builder, &half, &error));
    } else if (id == LAM_TYPE_FLOAT32 || id == LAM_TYPE_FLOAT64) {
      double value = i % 7 == 3 ? (i % 2 ? NAN : -NAN) : floats[bits % 9];
      float narrow = (float)value;
      out->v[i].f = id == LAM_TYPE_FLOAT32 ? (double)narrow : value;
      OK(lam_builder_fixed(&builder, id == LAM_TYPE_FLOAT32 ? (void *)&narrow : (void *)&value, &error));
    } else if (id == LAM_TYPE_DECIMAL128) {
      out->v[i].wide = (__int128)(int64_t)bits * (i % 3 ? 1 : INT64_MAX);
      OK(lam_builder_fixed(&builder, &out->v[i].wide, &error));
    } else { /* integers: what the width leaves of the bits */
      unsigned cut = 64 - 8 * (unsigned)width;
      bool is_unsigned = id >= LAM_TYPE_UINT8 && id <= LAM_TYPE_UINT64;
      out->v[i].i = is_unsigned ? (int64_t)(bits << cut >> cut) : (int64_t)(bits << cut) >> cut;
      OK(lam_builder_fixed(&builder, &bits, &error));
    }
  }
  OK(lam_builder_finish(&builder, array->children[0], &error));
  lam_builder_release(&builder);
}

static int compare_values(const struct values *values, int a, int b) {
  enum lam_type_id id = values->type.id;
  if (id >= LAM_TYPE_UINT8 && id <= LAM_TYPE_UINT64)
    return (values->v[a].u > values->v[b].u) - (values->v[a].u < values->v[b].u);
  if (id >= LAM_TYPE_FLOAT16 && id <= LAM_TYPE_FLOAT64) {
    double x = values->v[a].f, y = values->v[b].f;
    if (isnan(x) || isnan(y)) return isnan(x) - isnan(y);
    return (x > y) - (x < y);
  }
  if (id == LAM_TYPE_DECIMAL128)
    return (values->v[a].wide > values->v[b].wide) - (values->v[a].wide < values->v[b].wide);
  if (id == LAM_TYPE_STRING || id == LAM_TYPE_FIXED_BINARY) {
    size_t x = values->size[a], y = values->size[b];
    int order = memcmp(values->v[a].bytes, values->v[b].bytes, x < y ? x : y);
    return order ? order : (x > y) - (x < y);
  }
  return (values->v[a].i > values->v[b].i) - (values->v[a].i < values->v[b].i);
}

static int sign(int n) {
  return (n > 0) - (n < 0);
}

static int expected_order(const struct values *values, const struct lam_sort_key *key, int a, int b) {
  if (values->null[a] || values->null[b]) {
    int order = values->null[a] - values->null[b];
    return key->nulls_first ? -order : order;
  }
  int order = sign(compare_values(values, a, b));
  return key->descending ? -order : order;
}

static void test_every_type(void **state) {
  uint64_t random = seed_of_test();
  (void)state;
  static const enum lam_type_id ids[] = {
      LAM_TYPE_BOOL,    LAM_TYPE_INT8,        LAM_TYPE_INT16,  LAM_TYPE_INT32,      LAM_TYPE_INT64,
      LAM_TYPE_UINT8,   LAM_TYPE_UINT16,      LAM_TYPE_UINT32, LAM_TYPE_UINT64,     LAM_TYPE_FLOAT16,
      LAM_TYPE_FLOAT32, LAM_TYPE_FLOAT64,     LAM_TYPE_DATE32, LAM_TYPE_DECIMAL128, LAM_TYPE_TIMESTAMP,
      LAM_TYPE_STRING,  LAM_TYPE_FIXED_BINARY};
  for (size_t t = 0; t < sizeof ids / sizeof *ids; t++) {
    for (int way = 0; way < 4; way++) {
      struct ArrowSchema schema;
      struct ArrowArray batch;
      struct values values;
      struct lam_sort_key key = {.column = "c", .descending = way & 1, .nulls_first = way & 2};
      struct lam_key_column column;
      struct lam_buf bytes;
      uint64_t offsets[ROWS + 1];
      lam_buf_init(&bytes, mem);
      OK(lam_schema_init_struct("", 1, &schema, &error));
      lam_schema_release(schema.children[0]);
      OK(lam_array_init_struct(ROWS, 1, &batch, &error));
      make_values(ids[t], &random, &values, &schema, &batch);
      OK(lam_key_columns(&schema, &key, 1, &column, &error));
      OK(lam_keys_encode(&schema, &batch, &column, 1, &bytes, offsets, &error));
      for (int a = 0; a < ROWS; a++) {
        for (int b = 0; b < ROWS; b++) {
          struct lam_bytes x = lam_bytes_of(bytes.data + offsets[a], offsets[a + 1] - offsets[a]);
          struct lam_bytes y = lam_bytes_of(bytes.data + offsets[b], offsets[b + 1] - offsets[b]);
          int found = sign(lam_key_compare(x, y)), expected = expected_order(&values, &key, a, b);
          if (found != expected) print_error("type %d, way %d: rows %d and %d\n", (int)ids[t], way, a, b);
          assert_int_equal(found, expected);
          uint64_t p = lam_key_prefix(x.data, x.size), q = lam_key_prefix(y.data, y.size);
          if (p != q) assert_int_equal(p < q ? -1 : 1, found);
        }
      }
      lam_buf_release(&bytes);
      lam_array_release(&batch);
      lam_schema_release(&schema);
    }
  }
}

/* The second column counts only where the first is equal; no text runs over into the next. */
static void test_two_columns(void **state) {
  (void)state;
  struct ArrowSchema schema;
  struct ArrowArray batch;
  static const int64_t ids[] = {5, 1, 6, 5, 2}; /* texts NULL, r1, r6, NULL, r2 */
  rows_schema(&schema);
  rows_batch(&schema, ids, 5, &batch);
  static const struct lam_sort_key keys[] = {{.column = "text", .nulls_first = true}, {.column = "id"}};
  struct lam_key_column columns[2];
  struct lam_buf bytes;
  uint64_t offsets[6];
  lam_buf_init(&bytes, mem);
  OK(lam_key_columns(&schema, keys, 2, columns, &error));
  assert_int_equal(columns[0].column, 1);
  OK(lam_keys_encode(&schema, &batch, columns, 2, &bytes, offsets, &error));
  static const int order[] = {0, 1, 4, 2}; /* 0 and 3 are equal */
#define KEY(i) lam_bytes_of(bytes.data + offsets[i], offsets[i + 1] - offsets[i])
  for (int i = 0; i + 1 < 4; i++) assert_true(lam_key_compare(KEY(order[i]), KEY(order[i + 1])) < 0);
  assert_int_equal(lam_key_compare(KEY(0), KEY(3)), 0);
  lam_buf_release(&bytes);

  static const struct lam_sort_key missing = {.column = "nothing"};
  FAILS(lam_key_columns(&schema, &missing, 1, columns, &error), LAM_NOT_FOUND, "no column \"nothing\" to order by");
  lam_array_release(&batch);
  lam_schema_release(&schema);
}

int main(void) {
  const struct CMUnitTest tests[] = {OPS_TEST(test_every_type), OPS_TEST(test_two_columns)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
