#include "arrow_support.h"

static void test_against_a_model(void **state) {
  (void)state;
  uint64_t seed = seed_of_test();
  static const char *const names[] = {"bool",          "int8",
                                      "int32",         "double",
                                      "decimal(38,0)", "fixed_size_binary[5]",
                                      "string",        "large_binary",
                                      "null",          "fixed_size_binary[0]"};
  enum { ROWS = 2000 };
  static struct {
    bool valid;
    uint8_t bytes[32];
    size_t size;
  } model[ROWS];
  for (size_t t = 0; t < sizeof names / sizeof *names; t++) {
    struct lam_type type = type_of(names[t]);
    struct lam_builder builder;
    struct ArrowSchema schema;
    OK(lam_builder_init(&builder, mem, &type, &error));
    OK(lam_schema_init(&type, "c", true, &schema, &error));
    for (int round = 0; round < 12; round++) { /* the builder is used again, its buffers given back or not */
      int64_t rows = (int64_t)(next_random(&seed) % ROWS), nulls = 0;
      uint64_t rare = 1 + next_random(&seed) % 1000;
      struct ArrowArray array;
      for (int64_t i = 0; i < rows; i++) {
        model[i].valid = type.id != LAM_TYPE_NULL && next_random(&seed) % rare != 0;
        nulls += !model[i].valid;
        for (int k = 0; k < 32; k++) model[i].bytes[k] = (uint8_t)next_random(&seed);
        model[i].size = next_random(&seed) % 32;
        if (!model[i].valid)
          OK(lam_builder_null(&builder, &error));
        else if (type.id == LAM_TYPE_BOOL)
          OK(lam_builder_bool(&builder, model[i].bytes[0] & 1, &error));
        else if (lam_type_is_binary(type.id))
          OK(lam_builder_bytes(&builder, lam_bytes_of(model[i].bytes, model[i].size), &error));
        else
          OK(lam_builder_fixed(&builder, model[i].bytes, &error));
      }
      OK(lam_builder_finish(&builder, &array, &error));
      struct lam_view view;
      OK(lam_view_init(&schema, &array, &view, &error));
      assert_int_equal(view.length, rows);
      assert_int_equal(array.null_count, nulls);
      array.null_count = -1;
      OK(lam_view_init(&schema, &array, &view, &error));
      if (type.id != LAM_TYPE_NULL) assert_int_equal(lam_view_null_count(&view), nulls);
      for (int64_t i = 0; i < rows; i++) {
        assert_int_equal(lam_view_valid(&view, i), model[i].valid);
        if (!model[i].valid) continue;
        if (type.id == LAM_TYPE_BOOL) {
          assert_int_equal(lam_bit_get(view.data, i), model[i].bytes[0] & 1);
        } else if (lam_type_is_binary(type.id)) {
          assert_true(lam_bytes_equal(lam_view_bytes(&view, i), lam_bytes_of(model[i].bytes, model[i].size)));
        } else if (builder.width) {
          assert_memory_equal((const uint8_t *)view.data + (size_t)i * builder.width, model[i].bytes, builder.width);
        }
      }
      lam_array_release(&array);
    }
    lam_builder_release(&builder);
    lam_schema_release(&schema);
  }
}

static void test_array_outlives_the_builder(void **state) {
  (void)state;
  struct lam_type type = type_of("int64");
  struct lam_builder builder;
  struct ArrowArray first, second;
  int64_t value = 1;
  OK(lam_builder_init(&builder, mem, &type, &error));
  OK(lam_builder_fixed(&builder, &value, &error));
  OK(lam_builder_finish(&builder, &first, &error));
  value = 2;
  OK(lam_builder_fixed(&builder, &value, &error));
  OK(lam_builder_finish(&builder, &second, &error));
  assert_int_equal(((const int64_t *)first.buffers[1])[0], 1);
  assert_int_equal(((const int64_t *)second.buffers[1])[0], 2);
  const void *buffer = second.buffers[1];
  lam_array_release(&second);
  OK(lam_builder_fixed(&builder, &value, &error));
  OK(lam_builder_finish(&builder, &second, &error));
  assert_ptr_equal(second.buffers[1], buffer); /* given back, so used again */
  lam_builder_release(&builder);
  assert_int_equal(((const int64_t *)second.buffers[1])[0], 2);
  lam_array_release(&first);
  lam_array_release(&second);
}

static void test_refusals(void **state) {
  (void)state;
  struct lam_type list = {.id = LAM_TYPE_LIST, .timezone = ""}, string = type_of("string");
  struct lam_builder builder;
  FAILS(lam_builder_init(&builder, mem, &list, &error), LAM_UNSUPPORTED, "list");
  OK(lam_builder_init(&builder, mem, &string, &error));
  uint8_t byte = 0;
  OK(lam_builder_bytes(&builder, lam_bytes_of(&byte, 1), &error));
  FAILS(lam_builder_bytes(&builder, lam_bytes_of(&byte, INT32_MAX), &error), LAM_LIMIT, "2^31 - 1");
  assert_int_equal(builder.length, 1);
  lam_builder_release(&builder);
}

int main(void) {
  const struct CMUnitTest tests[] = {MEM_TEST(test_against_a_model), MEM_TEST(test_array_outlives_the_builder),
                                     MEM_TEST(test_refusals)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
