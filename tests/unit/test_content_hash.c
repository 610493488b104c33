/* The hash does not see the order of rows, and sees everything else. */
#include "ops_support.h"

#include "ops/content_hash.h"

struct hashed {
  struct lam_content_hash hash;
  struct ArrowSchema schema;
};
static void begin(struct hashed *h) {
  rows_schema(&h->schema);
  OK(lam_content_hash_init(&h->hash, mem, 3, &error));
}
static void end(struct hashed *h) {
  lam_content_hash_release(&h->hash);
  lam_schema_release(&h->schema);
}
static void add(struct hashed *h, const int64_t *ids, int64_t count) {
  struct ArrowArray batch;
  rows_batch(&h->schema, ids, count, &batch);
  OK(lam_content_hash_add(&h->hash, &h->schema, &batch, &error));
  lam_array_release(&batch);
}

static void test_order(void **state) {
  (void)state;
  static const int64_t one[] = {1, 2, 3, 5, 5}, two[] = {5, 3}, three[] = {5, 2, 1};
  struct hashed a, b;
  begin(&a);
  begin(&b);
  add(&a, one, 5);
  add(&b, two, 2);
  add(&b, NULL, 0);
  add(&b, three, 3);
  OK(lam_content_hash_compare(&a.hash, &b.hash, &a.schema, "p=1", &error));
  end(&a);
  end(&b);
}

static void test_differences(void **state) {
  (void)state;
  static const int64_t ids[] = {1, 2, 3}, twice[] = {1, 1, 3}, fewer[] = {1, 2};
  struct hashed a, b, c;
  begin(&a);
  begin(&b);
  begin(&c);
  add(&a, ids, 3);
  add(&b, twice, 3);
  add(&c, fewer, 2);
  FAILS(lam_content_hash_compare(&a.hash, &b.hash, &a.schema, "p=1", &error), LAM_CORRUPT,
        "p=1: the values of column \"id\"");
  FAILS(lam_content_hash_compare(&a.hash, &c.hash, &a.schema, "p=1", &error), LAM_CORRUPT,
        "3 rows were read and 2 written");
  end(&b);
  end(&c);

  /* The same values of each column, but in other rows. */
  struct ArrowArray batch, other;
  begin(&b);
  static const int64_t swapped[] = {1, 3, 2};
  rows_batch(&b.schema, ids, 3, &batch);
  rows_batch(&b.schema, swapped, 3, &other);
  struct ArrowArray column = *batch.children[1];
  *batch.children[1] = *other.children[1];
  *other.children[1] = column;
  OK(lam_content_hash_add(&b.hash, &b.schema, &batch, &error));
  FAILS(lam_content_hash_compare(&a.hash, &b.hash, &a.schema, "p=1", &error), LAM_CORRUPT,
        "values were written to other rows");
  lam_array_release(&batch);
  lam_array_release(&other);
  end(&b);

  /* NULL is not the empty string, and not zero. */
  static const int64_t null_text[] = {5};
  begin(&b);
  begin(&c);
  rows_batch(&b.schema, null_text, 1, &batch);
  OK(lam_content_hash_add(&b.hash, &b.schema, &batch, &error));
  lam_array_release(batch.children[1]);
  struct lam_builder builder;
  struct lam_type type;
  OK(lam_type_parse(b.schema.children[1], &type, &error));
  OK(lam_builder_init(&builder, mem, &type, &error));
  OK(lam_builder_bytes(&builder, lam_bytes_of_string(""), &error));
  OK(lam_builder_finish(&builder, batch.children[1], &error));
  lam_builder_release(&builder);
  OK(lam_content_hash_add(&c.hash, &c.schema, &batch, &error));
  FAILS(lam_content_hash_compare(&b.hash, &c.hash, &b.schema, "p=1", &error), LAM_CORRUPT, "column \"text\"");
  lam_array_release(&batch);
  end(&b);
  end(&c);
  end(&a);
}

int main(void) {
  const struct CMUnitTest tests[] = {OPS_TEST(test_order), OPS_TEST(test_differences)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
