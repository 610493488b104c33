/* Packed values come back, whatever their width and range, in as few bytes as they should. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "encoding_support.h"
#include "ops/spill_pack.h"

static struct fixture fixture;

enum { MOST = 300 };

static void round_trip(const uint8_t *values, size_t width, size_t count, size_t kept) {
  struct lam_buf packed;
  uint8_t *back = malloc(count * width + 1);
  lam_buf_init(&packed, fixture.mem);
  back[count * width] = 0xfe;
  assert_int_equal(lam_spill_pack(values, width, count, &packed, NULL), LAM_OK);
  assert_int_equal(packed.size, 9 + kept * count);
  assert_ptr_equal(lam_spill_unpack(packed.data, width, count, back), packed.data + packed.size);
  if (count) assert_memory_equal(back, values, count * width);
  assert_int_equal(back[count * width], 0xfe);
  free(back);
  lam_buf_release(&packed);
}

static void put(uint8_t *values, size_t width, size_t i, int64_t value) {
  uint64_t parts[2] = {(uint64_t)value, (uint64_t)(value >> 63)};
  memcpy(values + i * width, parts, width);
}

static void test_ranges(void **state) {
  (void)state;
  static const struct {
    int64_t least, most;
    size_t kept;
  } cases[] = {{7, 7, 0},
               {-3, 252, 1},
               {-3, 253, 2},
               {INT32_MAX - 65535, INT32_MAX, 2},
               {INT32_MIN, INT32_MAX, 4},
               {0, (int64_t)UINT32_MAX + 1, 8},
               {INT64_MIN, INT64_MAX, 8}};
  uint8_t values[MOST * 16];
  for (size_t width = 2; width <= 16; width *= 2) {
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
      if (width < 8 && cases[c].kept > width) continue;
      uint64_t range = (uint64_t)cases[c].most - (uint64_t)cases[c].least;
      for (size_t i = 0; i < MOST; i++) {
        uint64_t more = range == 0 ? 0 : i * UINT64_C(0x9e3779b97f4a7c15) % range;
        put(values, width, i, (int64_t)((uint64_t)cases[c].least + (i % 7 == 3 ? range : i % 7 == 5 ? 0 : more)));
      }
      for (size_t count = 6; count <= MOST; count += 49) round_trip(values, width, count, cases[c].kept);
    }
    round_trip(values, width, 0, 0);
  }
}

/* What needs more than 8 bytes is left as it is. */
static void test_wide(void **state) {
  (void)state;
  uint8_t values[MOST * 16];
  for (size_t i = 0; i < MOST; i++) put(values, 16, i, (int64_t)i);
  values[16 * 77 + 8] = 1;
  round_trip(values, 16, MOST, 16);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_ranges), cmocka_unit_test(test_wide)};
  fixture_begin(&fixture);
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  fixture_end(&fixture);
  return failed;
}
