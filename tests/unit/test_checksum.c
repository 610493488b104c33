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

/* Bit by bit, as the polynomial says: all sizes around the blocks that are taken at once, from any address and sum. */
static uint32_t crc32_slowly(uint32_t crc, const uint8_t *data, size_t size) {
  crc = ~crc;
  for (size_t i = 0; i < size; i++) {
    crc ^= data[i];
    for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
  }
  return ~crc;
}

static void crc32_of_every_size(void **state) {
  (void)state;
  uint8_t data[1200];
  uint32_t seed = 20261121;
  for (size_t i = 0; i < sizeof data; i++) data[i] = (uint8_t)((seed = seed * 1664525u + 1013904223u) >> 24);
  for (size_t size = 0; size + 3 <= sizeof data; size++)
    assert_int_equal(lam_crc32(seed, data + size % 4, size), crc32_slowly(seed, data + size % 4, size));
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
      cmocka_unit_test(crc32_of_every_size),
      cmocka_unit_test(hashes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
