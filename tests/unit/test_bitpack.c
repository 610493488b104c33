#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "encoding_support.h"

static struct fixture fixture;

/* The definition: value i has its bits, lowest first, from bit i * width on. */
static uint64_t oracle(const uint8_t *bytes, uint64_t bit, int width) {
  uint64_t value = 0;
  for (int i = 0; i < width; i++) value |= (uint64_t)lam_bit_get(bytes, (int64_t)bit + i) << i;
  return value;
}

enum { MOST = 165 };
static const size_t counts[] = {0, 1, 2, 7, 8, 9, 31, 32, 33, 63, 64, 65, 100, 128, 159, MOST};

static void check_unpack(const struct lam_bytes *bytes, uint64_t bit, int width, size_t count) {
  uint64_t *wide = malloc((count + 1) * 8);
  uint32_t *narrow = malloc((count + 1) * 4);
  wide[count] = 0xfeedfeedfeedfeed;
  narrow[count] = 0xfeedfeed;
  lam_unpack64(bytes->data, bytes->size, bit, width, wide, count);
  if (width <= 32) lam_unpack32(bytes->data, bytes->size, bit, width, narrow, count);
  for (size_t i = 0; i < count; i++) {
    uint64_t expected = oracle(bytes->data, bit + i * (unsigned)width, width);
    if (wide[i] != expected) fail_msg("width %d bit %d count %zu: value %zu", width, (int)bit, count, i);
    if (width <= 32 && narrow[i] != expected)
      fail_msg("width %d bit %d count %zu: value %zu", width, (int)bit, count, i);
  }
  assert_int_equal(wide[count], 0xfeedfeedfeedfeed);
  assert_int_equal(narrow[count], 0xfeedfeed);
  free(wide);
  free(narrow);
}

static void unpacks_every_width_and_tail(void **state) {
  (void)state;
  for (int width = 0; width <= 64; width++)
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++)
      for (unsigned bit = 0; bit < 40; bit += 1 + bit / 8 * 2) {
        size_t size = (bit + counts[c] * (unsigned)width + 7) / 8;
        uint8_t bytes[MOST * 8 + 8];
        for (size_t i = 0; i < size; i++) bytes[i] = (uint8_t)next_random(&fixture);
        struct lam_bytes exact = exact_copy(bytes, size);
        check_unpack(&exact, bit, width, counts[c]);
        free((void *)exact.data);
      }
}

static void unpacks_before_more_bytes(void **state) {
  (void)state;
  uint8_t bytes[2000];
  for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)next_random(&fixture);
  struct lam_bytes all = lam_bytes_of(bytes, sizeof bytes);
  for (int width = 0; width <= 64; width++)
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) check_unpack(&all, 8 * (c % 3), width, counts[c]);
}

static void packs_what_it_unpacks(void **state) {
  (void)state;
  struct lam_buf buf;
  lam_buf_init(&buf, fixture.mem);
  for (int width = 0; width <= 64; width++)
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
      uint64_t wide[MOST];
      uint32_t narrow[MOST];
      size_t count = counts[c], bytes = (count * (unsigned)width + 7) / 8;
      for (size_t i = 0; i < count; i++) narrow[i] = (uint32_t)(wide[i] = random_bits(&fixture, width));
      for (int form = 0; form < (width <= 32 ? 2 : 1); form++) {
        buf.size = 0;
        assert_int_equal(lam_buf_append(&buf, "ab", 2, NULL), LAM_OK);
        if (form)
          assert_int_equal(lam_pack32(narrow, count, width, &buf, NULL), LAM_OK);
        else
          assert_int_equal(lam_pack64(wide, count, width, &buf, NULL), LAM_OK);
        assert_int_equal(buf.size, 2 + bytes);
        assert_memory_equal(buf.data, "ab", 2);
        for (size_t i = 0; i < count; i++) assert_int_equal(oracle(buf.data + 2, i * (unsigned)width, width), wide[i]);
        for (uint64_t bit = count * (unsigned)width; bit < bytes * 8; bit++)
          assert_false(lam_bit_get(buf.data + 2, (int64_t)bit));
      }
    }
  lam_buf_release(&buf);
}

static void too_many_to_pack(void **state) {
  (void)state;
  struct lam_buf buf;
  lam_buf_init(&buf, fixture.mem);
  struct lam_error error = LAM_ERROR_INIT;
  uint32_t one = 1;
  assert_int_equal(lam_pack32(&one, SIZE_MAX / 2, 32, &buf, &error), LAM_LIMIT);
  assert_message(&error, "too many to pack");
  lam_buf_release(&buf);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(unpacks_every_width_and_tail),
      cmocka_unit_test(unpacks_before_more_bytes),
      cmocka_unit_test(packs_what_it_unpacks),
      cmocka_unit_test(too_many_to_pack),
  };
  fixture_begin(&fixture);
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  fixture_end(&fixture);
  return failed;
}
