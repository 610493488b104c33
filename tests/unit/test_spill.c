/* Spilled pieces give back the rows that went in, of any type and any slice; damage is found. */
#include "ops_support.h"

#include "ops/content_hash.h"
#include "ops/spill.h"

static void want_same(const struct ArrowSchema *schema, const struct ArrowArray *batch, int64_t first, int64_t count,
                      const struct ArrowArray *read) {
  struct lam_content_hash before, after;
  struct ArrowArray slice = *batch, children[8], *pointers[8];
  assert_true(batch->n_children <= 8);
  for (int64_t c = 0; c < batch->n_children; c++) {
    children[c] = *batch->children[c];
    children[c].offset += first;
    children[c].length = count;
    children[c].null_count = -1;
    pointers[c] = &children[c];
  }
  slice.children = pointers;
  slice.length = count;
  OK(lam_content_hash_init(&before, mem, schema->n_children, &error));
  OK(lam_content_hash_init(&after, mem, schema->n_children, &error));
  OK(lam_content_hash_add(&before, schema, &slice, &error));
  OK(lam_content_hash_add(&after, schema, read, &error));
  OK(lam_content_hash_compare(&before, &after, schema, "spill", &error));
  lam_content_hash_release(&before);
  lam_content_hash_release(&after);
}

static void round_trip(const struct ArrowSchema *schema, const struct ArrowArray *batch) {
  struct lam_spill *spill;
  enum { PIECES = 40 };
  struct lam_spill_piece pieces[PIECES];
  int64_t firsts[PIECES];
  uint64_t seed = seed_of_test();
  OK(lam_spill_open(mem, schema, &spill, &error));
  for (int i = 0; i < PIECES; i++) {
    firsts[i] = (int64_t)(next_random(&seed) % (uint64_t)batch->length);
    int64_t count = i == 0 ? 0 : 1 + (int64_t)(next_random(&seed) % (uint64_t)(batch->length - firsts[i]));
    OK(lam_spill_write(spill, batch, firsts[i], count, &pieces[i], &error));
    assert_int_equal(pieces[i].rows, count);
  }
  OK(lam_spill_finish(spill, &error));
  for (int i = PIECES - 1; i >= 0; i--) {
    struct ArrowArray read;
    OK(lam_spill_read(spill, &pieces[i], &read, &error));
    assert_int_equal(read.length, pieces[i].rows);
    want_same(schema, batch, firsts[i], pieces[i].rows, &read);
    lam_array_release(&read);
  }
  struct ArrowArray read;
  pieces[3].checksum ^= 1;
  FAILS(lam_spill_read(spill, &pieces[3], &read, &error), LAM_CORRUPT, "are not what was written");
  lam_spill_close(spill);
}

static void test_flat(void **state) {
  (void)state;
  struct ArrowSchema schema;
  struct ArrowArray batch;
  int64_t ids[100];
  for (int i = 0; i < 100; i++) ids[i] = i;
  rows_schema(&schema);
  rows_batch(&schema, ids, 100, &batch);
  round_trip(&schema, &batch);
  lam_array_release(&batch);
  lam_schema_release(&schema);
}

/* Booleans, NULLs only, wide values, long strings. */
static void test_types(void **state) {
  (void)state;
  static const enum lam_type_id ids[] = {LAM_TYPE_BOOL, LAM_TYPE_DECIMAL128, LAM_TYPE_LARGE_BINARY, LAM_TYPE_NULL};
  struct ArrowSchema schema;
  struct ArrowArray batch;
  OK(lam_schema_init_struct("", 4, &schema, &error));
  OK(lam_array_init_struct(77, 4, &batch, &error));
  for (int c = 0; c < 4; c++) {
    struct lam_builder builder;
    struct lam_type type;
    set_column(&schema, c, "c", ids[c]);
    OK(lam_type_parse(schema.children[c], &type, &error));
    OK(lam_builder_init(&builder, mem, &type, &error));
    for (int i = 0; i < 77; i++) {
      __int128 value = (__int128)i << 90;
      if (c == 3 || i % 7 == c)
        OK(lam_builder_null(&builder, &error));
      else if (c == 0)
        OK(lam_builder_bool(&builder, i % 3 == 0, &error));
      else if (c == 1)
        OK(lam_builder_fixed(&builder, &value, &error));
      else
        OK(lam_builder_bytes(&builder, lam_bytes_of("0123456789", (size_t)i % 10), &error));
    }
    OK(lam_builder_finish(&builder, batch.children[c], &error));
    lam_builder_release(&builder);
  }
  round_trip(&schema, &batch);
  lam_array_release(&batch);
  lam_schema_release(&schema);
}

int main(void) {
  const struct CMUnitTest tests[] = {OPS_TEST(test_flat), OPS_TEST(test_types)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
