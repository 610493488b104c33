/* Hashes of keys: equal keys have one, whatever their bits; NULLs are said. */
#include "arrow_support.h"

#include "ops/key_hash.h"

enum { ROWS = 8 };

/* Hashes of one column of the texts given, "\1" for NULL. */
static void hash_texts(const char *type, const char *const *texts, int count, uint64_t *hashes, uint8_t *nulls) {
  struct ArrowSchema schema;
  struct ArrowArray batch;
  static const int32_t columns[] = {0};
  OK(lam_schema_init_struct("", 1, &schema, &error));
  OK(lam_array_init_struct(count, 1, &batch, &error));
  make_column(type, "k", texts, count, schema.children[0], batch.children[0]);
  memset(hashes, 0xff, ROWS * sizeof *hashes);
  memset(nulls, 0xff, ROWS);
  OK(lam_keys_hash(&schema, &batch, columns, 1, hashes, nulls, &error));
  lam_array_release(&batch);
  lam_schema_release(&schema);
}

/* The first two are one key, the third is NULL, the others are keys of their own. */
static void test_equality(void **state) {
  (void)state;
  static const struct {
    const char *type, *texts[5];
  } cases[] = {
      {"double", {"0.0", "-0.0", "\1", "1", "-1"}},
      {"double", {"nan", "-nan", "\1", "inf", "-inf"}},
      {"float", {"0.0", "-0.0", "\1", "1", "nan"}},
      {"float", {"nan", "-nan", "\1", "inf", "-inf"}},
      {"int8", {"7", "7", "\1", "-7", "0"}},
      {"int16", {"7", "7", "\1", "-7", "0"}},
      {"uint32", {"7", "7", "\1", "4294967295", "0"}},
      {"int64", {"7", "7", "\1", "-7", "0"}},
      {"bool", {"true", "true", "\1", "false", "\1"}},
      {"string", {"abc", "abc", "\1", "abd", ""}},
      {"large_string", {"abc", "abc", "\1", "abd", ""}},
      {"decimal(30,2)", {"1.00", "1.00", "\1", "1.01", "-1.00"}},
      {"date", {"2026-11-21", "2026-11-21", "\1", "2026-11-22", "1970-01-01"}},
  };
  uint64_t hashes[ROWS];
  uint8_t nulls[ROWS];
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    hash_texts(cases[i].type, cases[i].texts, 5, hashes, nulls);
    const bool last_null = *cases[i].texts[4] == 1;
    assert_true(hashes[0] == hashes[1]);
    assert_true(hashes[0] != hashes[3] && (last_null || (hashes[0] != hashes[4] && hashes[3] != hashes[4])));
    const uint8_t wanted[5] = {0, 0, 1, 0, last_null};
    assert_memory_equal(nulls, wanted, 5);
    /* Where the rows begin in their buffers does not matter: one row alone has the same hash. */
    uint64_t alone[ROWS];
    hash_texts(cases[i].type, &cases[i].texts[3], 1, alone, nulls);
    assert_true(alone[0] == hashes[3]);
  }
}

/* Keys of several columns: their order counts, and a NULL in any makes the key one. */
static void test_columns(void **state) {
  (void)state;
  static const char *const a[] = {"1", "2", "1", "\1"}, *const b[] = {"2", "1", "2", "2"};
  static const int32_t ab[] = {0, 1}, ba[] = {1, 0};
  struct ArrowSchema schema;
  struct ArrowArray batch;
  uint64_t hashes[4], other[4];
  uint8_t nulls[4];
  OK(lam_schema_init_struct("", 2, &schema, &error));
  OK(lam_array_init_struct(4, 2, &batch, &error));
  make_column("int64", "a", a, 4, schema.children[0], batch.children[0]);
  make_column("int64", "b", b, 4, schema.children[1], batch.children[1]);
  OK(lam_keys_hash(&schema, &batch, ab, 2, hashes, nulls, &error));
  assert_true(hashes[0] == hashes[2] && hashes[0] != hashes[1]);
  assert_memory_equal(nulls, ((const uint8_t[]){0, 0, 0, 1}), 4);
  OK(lam_keys_hash(&schema, &batch, ba, 2, other, nulls, &error));
  assert_true(other[0] == hashes[1] && other[1] == hashes[0]);
  OK(lam_keys_hash(&schema, &batch, ab, 0, hashes, nulls, &error)); /* of no columns: all alike */
  assert_true(hashes[0] == hashes[1] && !nulls[3]);
  batch.length = 0;
  OK(lam_keys_hash(&schema, &batch, ab, 0, hashes, nulls, &error));
  lam_array_release(&batch);
  lam_schema_release(&schema);
}

int main(void) {
  const struct CMUnitTest tests[] = {MEM_TEST(test_equality), MEM_TEST(test_columns)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
