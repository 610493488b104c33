/* Batches are made and used in order, each once, by any number of threads; what a failure leaves is released. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/context.h"
#include "base/memory.h"
#include "ops/overlap.h"

struct steps {
  struct lam_mem *mem;
  int64_t count, made, used;     /* batches */
  int64_t make_fails, use_fails; /* at which batch; -1: never */
};

static enum lam_status make(void *user, struct ArrowArray *out, struct lam_error *error) {
  struct steps *steps = user;
  void *values;
  out->release = NULL;
  if (steps->made == steps->make_fails) return lam_fail(error, LAM_IO, "made no batch");
  if (steps->made == steps->count) return LAM_OK;
  LAM_TRY(lam_array_init_fixed(steps->mem, sizeof(int64_t), 1, &values, out, error));
  memcpy(values, &steps->made, sizeof steps->made);
  steps->made++;
  return LAM_OK;
}

static enum lam_status use(void *user, struct ArrowArray *batch, struct lam_error *error) {
  struct steps *steps = user;
  assert_int_equal(*(const int64_t *)batch->buffers[1], steps->used);
  lam_array_release(batch);
  if (steps->used == steps->use_fails) return lam_fail(error, LAM_IO, "used no batch");
  steps->used++;
  return LAM_OK;
}

static void test_all(void **state) {
  (void)state;
  static const struct {
    int64_t count, make_fails, use_fails, used;
    const char *message; /* NULL: none */
  } cases[] = {
      {0, -1, -1, 0, NULL},
      {1, -1, -1, 1, NULL},
      {100, -1, -1, 100, NULL},
      {100, 0, -1, 0, "made no batch"},
      {100, 100, -1, 100, "made no batch"},
      {100, -1, 0, 0, "used no batch"},
      {100, -1, 50, 50, "used no batch"},
      {100, -1, 99, 99, "used no batch"},
  };
  for (uint32_t threads = 1; threads <= 4; threads++) {
    for (int little = 0; little < 2; little++) { /* of memory: one step after the other */
      struct lam_context_options options = LAM_CONTEXT_OPTIONS_INIT;
      struct lam_context *context;
      struct lam_mem *mem;
      options.threads = threads;
      options.memory_limit = little ? 8 << 20 : 64 << 20;
      assert_int_equal(lam_context_create(&options, &context, NULL), LAM_OK);
      assert_int_equal(lam_mem_open(context, 0, &mem, NULL), LAM_OK);
      for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct lam_error error = LAM_ERROR_INIT;
        struct steps steps = {mem, cases[i].count, 0, 0, cases[i].make_fails, cases[i].use_fails};
        const char *message = cases[i].message;
        enum lam_status status = lam_overlap_run(mem, &(struct lam_overlap){make, use, &steps}, &error);
        assert_int_equal(status, message ? LAM_IO : LAM_OK);
        if (message) assert_string_equal(error.message, message);
        assert_int_equal(steps.used, cases[i].used);
        assert_in_range(steps.made, steps.used, steps.used + 2);
        assert_int_equal(lam_mem_used(mem), 0);
      }
      lam_mem_close(mem);
      lam_context_free(context);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_all)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
