#include "base/checksum.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* The check value of CRC-32/ISO-HDLC, and that a sum can be continued at every place. */
static void crc32_of_the_nine_digits(void **state) {
  (void)state;
  static const char digits[] = "123456789";
  assert_int_equal(lam_crc32(0, digits, 9), 0xcbf43926);
  for (size_t cut = 0; cut <= 9; cut++)
    assert_int_equal(lam_crc32(lam_crc32(0, digits, cut), digits + cut, 9 - cut), 0xcbf43926);
  assert_int_equal(lam_crc32(0, NULL, 0), 0);
  assert_int_equal(lam_crc32(0xcbf43926, NULL, 0), 0xcbf43926);
}

/* Long inputs, at any place and of any length, have the sum that adding a byte at a time gives. */
static void crc32_of_long_inputs(void **state) {
  (void)state;
  enum { SIZE = 6000 };
  static uint8_t bytes[SIZE];
  uint64_t random = 1;
  for (size_t i = 0; i < SIZE; i++) {
    random = random * 6364136223846793005u + 1442695040888963407u;
    bytes[i] = (uint8_t)(random >> 56);
  }
  for (size_t first = 0; first < 70; first += 23) {
    uint32_t sum = 0, other = 0xcbf43926;
    for (size_t size = 1; first + size <= SIZE; size++) {
      sum = lam_crc32(sum, bytes + first + size - 1, 1);
      other = lam_crc32(other, bytes + first + size - 1, 1);
      if (lam_crc32(0, bytes + first, size) != sum || lam_crc32(0xcbf43926, bytes + first, size) != other)
        fail_msg("%zu bytes from byte %zu", size, first);
    }
  }
}

/* Values of the xxHash reference (xxhsum -H1 and -H3). */
static void hashes(void **state) {
  (void)state;
  assert_int_equal(lam_hash64("", 0), 0xef46db3751d8e999u);
  assert_int_equal(lam_hash64("abc", 3), 0x44bc2cf5ad770999u);
  struct lam_hash64_state state_64;
  lam_hash64_begin(&state_64);
  assert_int_equal(lam_hash64_end(&state_64), 0xef46db3751d8e999u);
  lam_hash64_add(&state_64, "ab", 2);
  lam_hash64_add(&state_64, NULL, 0);
  lam_hash64_add(&state_64, "c", 1);
  assert_int_equal(lam_hash64_end(&state_64), 0x44bc2cf5ad770999u);
  assert_int_equal(lam_hash_fast("", 0, 0), 0x2d06800538d394c2u);
  assert_int_not_equal(lam_hash_fast("abc", 3, 0), lam_hash_fast("abc", 3, 1));
  assert_int_not_equal(lam_hash_fast("abc", 3, 0), lam_hash_fast("abd", 3, 0));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(crc32_of_the_nine_digits),
      cmocka_unit_test(crc32_of_long_inputs),
      cmocka_unit_test(hashes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
