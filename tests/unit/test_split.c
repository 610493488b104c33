#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "encoding_support.h"

static struct fixture fixture;

static void splits_and_joins_every_width(void **state) {
  (void)state;
  struct lam_buf buf;
  lam_buf_init(&buf, fixture.mem);
  for (size_t width = 1; width <= 40; width++)
    for (int round = 0; round < 12; round++) {
      size_t count = random_below(&fixture, round < 6 ? 40 : 1500);
      uint8_t *values = malloc(count * width + 1);
      for (size_t i = 0; i < count * width; i++) values[i] = (uint8_t)next_random(&fixture);
      uint8_t *exact = (uint8_t *)exact_copy(values, count * width).data;
      buf.size = 0;
      assert_int_equal(lam_split_write(exact, count, width, &buf, NULL), LAM_OK);
      assert_int_equal(buf.size, count * width);
      free(exact);
      for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < width; k++) assert_int_equal(buf.data[k * count + i], values[i * width + k]);
      exact = (uint8_t *)exact_copy(buf.data, buf.size).data;
      for (size_t done = 0; done < count;) { /* a page in several calls */
        size_t n = 1 + random_below(&fixture, 200);
        if (n > count - done) n = count - done;
        uint8_t *to = malloc(n * width);
        lam_split_read(exact, count, width, done, n, to);
        assert_memory_equal(to, values + done * width, n * width);
        free(to);
        done += n;
      }
      free(exact);
      free(values);
    }
  struct lam_error error = LAM_ERROR_INIT;
  assert_int_equal(lam_split_write(buf.data, SIZE_MAX / 2, 4, &buf, &error), LAM_LIMIT);
  assert_message(&error, "too many to split");
  lam_buf_release(&buf);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(splits_and_joins_every_width),
  };
  fixture_begin(&fixture);
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  fixture_end(&fixture);
  return failed;
}
