/* Our Snappy against libsnappy's: each reads what the other writes, with the same verdict on damaged data. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <snappy-c.h>

#include "parquet/snappy.h"

static uint64_t state;
static uint32_t draw(uint32_t below) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(state >> 33) % below;
}

/* Bytes with literals and repeats of every short distance: as many of both, or hardly a literal, as text has it. */
static void fill(uint8_t *data, size_t size) {
  uint32_t letters = 1 + draw(255), literals = draw(2) ? 2 : 12;
  for (size_t i = 0; i < size;) {
    size_t run = 1 + draw(80);
    size_t distance = i ? 1 + draw((uint32_t)(i < 70000 ? i : 70000)) : 0;
    if (draw(3) == 0 && i) distance = 1 + draw(i < 20 ? (uint32_t)i : 20);
    bool repeat = i && draw(literals);
    for (; run && i < size; run--, i++) data[i] = repeat ? data[i - distance] : (uint8_t)draw(letters);
  }
}

/* Numbers of eight bytes that rise, most of them by little, and now and then are others; or that begin in between. */
static void fill_numbers(uint8_t *data, size_t size) {
  uint64_t number = draw(2) ? draw(1000) : UINT64_C(1) << (8 * draw(8));
  uint32_t step = 1u << draw(20), others = 1u << draw(12);
  size_t first = draw(3) ? 0 : draw(8);
  memset(data, 7, size);
  for (size_t i = first; i + 8 <= size; i += 8) {
    number += draw(step);
    uint64_t value = draw(others) ? number : (uint64_t)draw(UINT32_MAX) << draw(33);
    memcpy(data + i, &value, 8);
  }
}

/* Both on exact heap copies, so that a sanitizer sees a byte too many. */
static void compare(const uint8_t *packed, size_t packed_size, size_t size) {
  uint8_t *in = malloc(packed_size ? packed_size : 1), *ours = malloc(size ? size : 1),
          *theirs = malloc(size ? size : 1);
  memcpy(in, packed, packed_size);
  size_t length = size, told;
  bool theirs_ok = snappy_uncompressed_length((const char *)in, packed_size, &told) == SNAPPY_OK && told == size &&
                   snappy_uncompress((const char *)in, packed_size, (char *)theirs, &length) == SNAPPY_OK;
  struct lam_error error = LAM_ERROR_INIT;
  enum lam_status status = lam_snappy_decompress(lam_bytes_of(in, packed_size), ours, size, &error);
  assert_int_equal(status, theirs_ok ? LAM_OK : LAM_CORRUPT);
  if (theirs_ok && size) assert_memory_equal(ours, theirs, size);
  if (!theirs_ok) assert_true(strlen(error.message) > 10);
  free(in);
  free(ours);
  free(theirs);
}

static void round_trips(void **unused) {
  (void)unused;
  for (int seed = 1; seed <= 400; seed++) {
    state = (uint64_t)seed;
    size_t size = draw(4) ? draw(3000) : draw(200000);
    uint8_t *data = malloc(size + 1);
    (seed % 4 ? fill : fill_numbers)(data, size);
    size_t room = snappy_max_compressed_length(size);
    uint8_t *packed = malloc(room);
    assert_int_equal(snappy_compress((const char *)data, size, (char *)packed, &room), SNAPPY_OK);
    if (seed % 100 == 0) print_message("seeds to %d\n", seed);
    compare(packed, room, size);
    for (int i = 0; i < 20 && room; i++) { /* damaged: a byte changed, or the end cut off */
      uint8_t *damaged = malloc(room);
      memcpy(damaged, packed, room);
      size_t at = draw((uint32_t)room);
      bool cut = draw(2);
      if (!cut) damaged[at] = (uint8_t)draw(256);
      compare(damaged, cut ? at : room, size);
      free(damaged);
    }
    free(packed);
    free(data);
  }
}

static void forms(void **unused) {
  (void)unused;
  static const struct {
    const char *bytes;
    size_t packed, size;
    enum lam_status status;
    const char *message;
  } cases[] = {
      {"\0", 1, 0, LAM_OK, ""},
      {"", 0, 0, LAM_CORRUPT, "without a byte"},
      {"\x01", 1, 1, LAM_CORRUPT, "end after 0 of 1 bytes"},
      {"\x01\0a", 3, 1, LAM_OK, ""},
      {"\x02\0a", 3, 1, LAM_CORRUPT, "give 2 bytes; the page header says 1"},
      {"\x01\0ab", 4, 1, LAM_CORRUPT, "cut off at byte 3"},
      {"\x08\0a\x0d\x01", 5, 8, LAM_OK, ""},
      {"\x08\0a\x0d\x02", 5, 8, LAM_CORRUPT, "a copy from before the data at byte 3"},
      {"\x08\0a\x0d\0", 5, 8, LAM_CORRUPT, "a copy from before the data"},
      {"\x02\0a\x0d\x01", 5, 2, LAM_CORRUPT, "a copy runs past the page's size"},
      {"\x01\x04zz", 4, 1, LAM_CORRUPT, "a literal runs past the page's size"},
      {"\x05\xf0", 2, 5, LAM_CORRUPT, "a literal's length is cut off"},
      {"\x05\xf0\x04hello", 8, 5, LAM_OK, ""},
      {"\x05\xf4\x04\0hello", 9, 5, LAM_OK, ""},
      {"\x05\xf8\x04\0\0hello", 10, 5, LAM_OK, ""},
      {"\x05\xfc\x04\0\0\0hello", 11, 5, LAM_OK, ""},
      {"\xff\xff\xff\xff\xff\x01", 6, 5, LAM_CORRUPT, "a length"},
      {"\xff\xff", 2, 5, LAM_CORRUPT, "a length that does not end"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    uint8_t out[16];
    struct lam_error error = LAM_ERROR_INIT;
    enum lam_status status =
        lam_snappy_decompress(lam_bytes_of(cases[i].bytes, cases[i].packed), out, cases[i].size, &error);
    if (status != cases[i].status || !strstr(error.message, cases[i].message))
      fail_msg("case %zu: status %d, '%s'", i, status, error.message);
  }
}

/* Compresses an exact heap copy and has both decompress it; gives the size. */
static size_t pack(const uint8_t *data, size_t size) {
  uint8_t *in = malloc(size ? size : 1), *out = malloc(lam_snappy_bound(size)), *back = malloc(size ? size : 1);
  if (size) memcpy(in, data, size);
  size_t packed = lam_snappy_compress(lam_bytes_of(in, size), out), length = size;
  struct lam_error error = LAM_ERROR_INIT;
  assert_true(packed <= size + size / 64 + 8);
  assert_int_equal(snappy_uncompress((const char *)out, packed, (char *)back, &length), SNAPPY_OK);
  assert_int_equal(length, size);
  if (size) assert_memory_equal(back, in, size);
  memset(back, 0, size);
  if (lam_snappy_decompress(lam_bytes_of(out, packed), back, size, &error) != LAM_OK) fail_msg("%s", error.message);
  if (size) assert_memory_equal(back, in, size);
  free(in);
  free(out);
  free(back);
  return packed;
}

static void packs_what_it_is_given(void **unused) {
  (void)unused;
  for (int seed = 1; seed <= 400; seed++) {
    state = (uint64_t)seed;
    size_t size = draw(4) ? draw(4000) : draw(300000);
    uint8_t *data = malloc(size + 1);
    fill(data, size);
    size_t ours = pack(data, size), theirs = snappy_max_compressed_length(size);
    char *other = malloc(theirs);
    assert_int_equal(snappy_compress((const char *)data, size, other, &theirs), SNAPPY_OK);
    if (ours > theirs + theirs / 20 + 128) fail_msg("seed %d: %zu bytes give %zu, not %zu", seed, size, ours, theirs);
    free(other);
    free(data);
  }
}

/* Every length of a match, at distances about where the forms of copies and the window end. */
static void packs_every_copy(void **unused) {
  (void)unused;
  static const size_t distances[] = {1, 2, 7, 8, 64, 2047, 2048, 65535, 65536, 65537, 131072};
  enum { LONGEST = 200, ROOM = 131072 + 2 * LONGEST + 1000 };
  uint8_t *data = malloc(ROOM);
  for (size_t d = 0; d < sizeof distances / sizeof *distances; d++) {
    for (size_t length = 4; length <= LONGEST; length += d < 7 ? 1 : 49) {
      state = length;
      for (size_t i = 0; i < ROOM; i++) data[i] = (uint8_t)draw(256);
      size_t at = distances[d] + 300;
      for (size_t i = 0; i < length; i++) data[at + i] = data[at + i - distances[d]];
      pack(data, at + length + 500);
      pack(data, at + length);
    }
  }
  free(data);
}

/* Literals whose length takes none to three bytes, and data that change their nature. */
static void packs_literals_and_changes(void **unused) {
  (void)unused;
  static const size_t sizes[] = {0, 1, 59, 60, 61, 95, 96, 97, 98, 256, 257, 65536, 65537, (1 << 24) + 100};
  uint8_t *data = malloc((1 << 24) + 100);
  state = 5;
  for (size_t i = 0; i < (1 << 24) + 100; i++) data[i] = (uint8_t)draw(256);
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) assert_true(pack(data, sizes[i]) <= sizes[i] + 9);
  /* Integers below 2^40 shrink by a fifteenth; zeros after them by much, at once. */
  enum { INTEGERS = 1 << 17 };
  for (size_t i = 0; i < INTEGERS; i++) memset(data + 8 * i + 5, 0, 3);
  assert_in_range(pack(data, 8 * INTEGERS), 8 * INTEGERS * 90 / 100, 8 * INTEGERS * 95 / 100);
  memset(data + 4 * INTEGERS, 0, 4 * INTEGERS);
  assert_true(pack(data, 8 * INTEGERS) <= 8 * INTEGERS * 52 / 100);
  free(data);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(forms), cmocka_unit_test(round_trips),
                                     cmocka_unit_test(packs_what_it_is_given), cmocka_unit_test(packs_every_copy),
                                     cmocka_unit_test(packs_literals_and_changes)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
