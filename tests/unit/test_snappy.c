/* Our Snappy decompression against libsnappy's: the same bytes, and the same verdict on damaged data. */
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

/* Bytes with literals and repeats of every short distance. */
static void fill(uint8_t *data, size_t size) {
  uint32_t letters = 1 + draw(255);
  for (size_t i = 0; i < size;) {
    size_t run = 1 + draw(80);
    size_t distance = i ? 1 + draw((uint32_t)(i < 70000 ? i : 70000)) : 0;
    if (draw(3) == 0 && i) distance = 1 + draw(i < 20 ? (uint32_t)i : 20);
    bool repeat = i && draw(2);
    for (; run && i < size; run--, i++) data[i] = repeat ? data[i - distance] : (uint8_t)draw(letters);
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
  for (int seed = 1; seed <= 300; seed++) {
    state = (uint64_t)seed;
    size_t size = draw(4) ? draw(3000) : draw(200000);
    uint8_t *data = malloc(size + 1);
    fill(data, size);
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

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(forms), cmocka_unit_test(round_trips)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
