#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "encoding_support.h"

static const double tens[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8, 1e9,
                              1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18};
static const double tenths[] = {1e0,   1e-1,  1e-2,  1e-3,  1e-4,  1e-5,  1e-6,  1e-7,  1e-8, 1e-9,
                                1e-10, 1e-11, 1e-12, 1e-13, 1e-14, 1e-15, 1e-16, 1e-17, 1e-18};
static const float float_tens[] = {1e0f, 1e1f, 1e2f, 1e3f, 1e4f, 1e5f, 1e6f, 1e7f, 1e8f, 1e9f, 1e10f};
static const float float_tenths[] = {1e0f, 1e-1f, 1e-2f, 1e-3f, 1e-4f, 1e-5f, 1e-6f, 1e-7f, 1e-8f, 1e-9f, 1e-10f};

static void put(struct lam_buf *buf, const void *bytes, size_t size) {
  assert_int_equal(lam_buf_append(buf, bytes, size, NULL), LAM_OK);
}
static void put_number(struct lam_buf *buf, uint64_t number, size_t bytes) {
  uint8_t stored[8];
  lam_store64(stored, number);
  put(buf, stored, bytes);
}

/* A page of random vectors; `expected` gets what the formula of AlpEncoding.md makes of them, value by value. */
static void make_page(struct fixture *fixture, size_t width, int log_size, size_t count, struct lam_buf *page,
                      uint8_t *expected) {
  struct lam_buf vectors = {.mem = fixture->mem};
  size_t size = (size_t)1 << log_size, number = (count + size - 1) / size;
  page->size = 0;
  put_number(page, 0, 2);
  put_number(page, (uint64_t)log_size, 1);
  put_number(page, count, 4);
  for (size_t v = 0; v < number; v++) {
    size_t values = count - v * size < size ? count - v * size : size;
    uint8_t *to = expected + v * size * width;
    int e = (int)random_below(fixture, width == 4 ? 11 : 19), f = (int)random_below(fixture, (size_t)e + 1);
    int bits = (int)random_below(fixture, width * 8 + 1);
    size_t exceptions = values > 0 && random_below(fixture, 4) ? random_below(fixture, 5) : 0;
    uint64_t frame = next_random(fixture) >> random_below(fixture, 64);
    if (random_below(fixture, 2)) frame = 0 - frame;
    uint64_t *deltas = calloc(values + 1, 8);
    for (size_t i = 0; i < values; i++) {
      deltas[i] = random_bits(fixture, bits);
      double d = (double)(int64_t)(deltas[i] + frame) * tens[f];
      d *= tenths[e];
      float s = (float)(int32_t)(uint32_t)(deltas[i] + frame) * float_tens[f < 11 ? f : 0];
      s *= float_tenths[e < 11 ? e : 0];
      memcpy(to + i * width, width == 4 ? (void *)&s : (void *)&d, width);
    }
    put_number(page, number * 4 + vectors.size, 4);
    put_number(&vectors, (uint64_t)e, 1);
    put_number(&vectors, (uint64_t)f, 1);
    put_number(&vectors, exceptions, 2);
    put_number(&vectors, frame, width);
    put_number(&vectors, (uint64_t)bits, 1);
    assert_int_equal(lam_pack64(deltas, values, bits, &vectors, NULL), LAM_OK);
    free(deltas);
    uint64_t exact[4], positions[4];
    for (size_t i = 0; i < exceptions; i++) {
      exact[i] = next_random(fixture);
      positions[i] = random_below(fixture, values);
      memcpy(to + positions[i] * width, &exact[i], width);
      put_number(&vectors, positions[i], 2);
    }
    for (size_t i = 0; i < exceptions; i++) put_number(&vectors, exact[i], width);
  }
  put(page, vectors.data, vectors.size);
  lam_buf_release(&vectors);
}

static void random_pages(void **state) {
  (void)state;
  struct fixture fixture;
  fixture_begin(&fixture);
  struct lam_buf page = {.mem = fixture.mem};
  for (int round = 0; round < 400; round++) {
    size_t width = round % 2 ? 4 : 8, count = random_below(&fixture, 3000);
    int log_size = 3 + (int)random_below(&fixture, 9);
    uint8_t *expected = malloc(count * 8 + 1), *got = malloc(count * 8 + 1);
    make_page(&fixture, width, log_size, count, &page, expected);
    struct lam_bytes bytes = exact_copy(page.data, page.size);
    struct lam_alp alp;
    struct lam_error error = LAM_ERROR_INIT;
    assert_int_equal(lam_alp_begin(&alp, bytes, (int)width, &error), LAM_OK);
    for (size_t at = 0; at < count;) {
      size_t step = 1 + random_below(&fixture, count - at);
      if (random_below(&fixture, 3) == 0) {
        assert_int_equal(lam_alp_skip(&alp, step, &error), LAM_OK);
        memcpy(got + at * width, expected + at * width, step * width);
      } else if (lam_alp_read(&alp, got + at * width, step, &error) != LAM_OK) {
        fail_msg("%s", error.message);
      }
      at += step;
    }
    if (memcmp(got, expected, count * width) != 0) fail_msg("round %d, width %zu", round, width);
    assert_int_equal(lam_alp_read(&alp, got, 1, &error), LAM_CORRUPT);
    assert_int_equal(lam_alp_skip(&alp, 1, &error), LAM_CORRUPT);
    /* Bytes changed and cut: an error or other values, nothing else. */
    for (int i = 0; i < 20 && bytes.size; i++) {
      struct lam_bytes bad = exact_copy(bytes.data, 1 + random_below(&fixture, bytes.size));
      ((uint8_t *)(uintptr_t)bad.data)[random_below(&fixture, bad.size < 60 ? bad.size : 60)] =
          (uint8_t)next_random(&fixture);
      if (lam_alp_begin(&alp, bad, (int)width, &error) == LAM_OK)
        lam_alp_read(&alp, got, alp.values < count ? alp.values : count, &error);
      free((void *)(uintptr_t)bad.data);
    }
    free((void *)(uintptr_t)bytes.data);
    free(expected);
    free(got);
  }
  lam_buf_release(&page);
  fixture_end(&fixture);
}

/* The worked example of AlpEncoding.md. */
static void example(void **state) {
  (void)state;
  uint8_t page[7 + 4 + 31] = {0, 0, 3, 4, 0, 0, 0, 4, 0, 0, 0, 4, 3, 1, 0, 0x07, 0x0d};
  page[11 + 12] = 15;
  uint64_t packed = 11665u | 11665u << 15 | (uint64_t)21665 << 30;
  lam_store64(page + 24, packed);
  page[32] = 1;
  lam_store64(page + 34, 0x7ff8000000000001u);
  struct lam_alp alp;
  double got[4];
  assert_int_equal(lam_alp_begin(&alp, lam_bytes_of(page, sizeof page), 8, NULL), LAM_OK);
  assert_int_equal(lam_alp_read(&alp, (uint8_t *)got, 4, NULL), LAM_OK);
  assert_true(got[0] == 1500.0 && isnan(got[1]) && got[2] == 2500.0 && got[3] == 333.5);
  assert_int_equal(lam_load64(&got[1]), 0x7ff8000000000001u);
}

static void refusals(void **state) {
  (void)state;
  /* One vector of one double: exponent 1, factor 1, no exceptions, a frame of 5, no bits. */
  static const uint8_t good[] = {0, 0, 10, 1, 0, 0, 0, 4, 0, 0, 0, 1, 1, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0};
  static const struct {
    size_t at;
    uint8_t byte;
    enum lam_status status;
    const char *message;
  } cases[] = {
      {0, 1, LAM_UNSUPPORTED, "compression mode 1"},
      {1, 2, LAM_UNSUPPORTED, "integer encoding 2"},
      {2, 2, LAM_CORRUPT, "2^2 values"},
      {2, 16, LAM_CORRUPT, "2^16 values"},
      {6, 0x80, LAM_CORRUPT, "at most 2^31 - 1"},
      {5, 1, LAM_CORRUPT, "the offsets of 65 ALP vectors"},
      {7, 3, LAM_CORRUPT, "at byte 3 of"},
      {7, 5, LAM_CORRUPT, "at byte 5 of"},
      {11, 19, LAM_CORRUPT, "the exponent 19"},
      {12, 2, LAM_CORRUPT, "the factor 2"},
      {13, 1, LAM_CORRUPT, "1 exceptions, which do not fit"},
      {23, 65, LAM_CORRUPT, "65 bits"},
      {23, 8, LAM_CORRUPT, "do not fit the 0 bytes left"},
  };
  struct lam_alp alp;
  double value;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct lam_error error = LAM_ERROR_INIT;
    uint8_t bytes[sizeof good];
    memcpy(bytes, good, sizeof good);
    bytes[cases[i].at] = cases[i].byte;
    enum lam_status status = lam_alp_begin(&alp, lam_bytes_of(bytes, sizeof bytes), 8, &error);
    if (status == LAM_OK) status = lam_alp_read(&alp, (uint8_t *)&value, 1, &error);
    if (status != cases[i].status) fail_msg("case %zu: status %d", i, (int)status);
    assert_message(&error, cases[i].message);
  }
  assert_int_equal(lam_alp_begin(&alp, lam_bytes_of(good, sizeof good), 8, NULL), LAM_OK);
  assert_int_equal(lam_alp_read(&alp, (uint8_t *)&value, 1, NULL), LAM_OK);
  assert_true(value == 5.0);
  assert_int_equal(lam_alp_begin(&alp, lam_bytes_of(good, 6), 8, NULL), LAM_CORRUPT);
  assert_int_equal(lam_alp_begin(&alp, lam_bytes_of(NULL, 0), 8, NULL), LAM_OK); /* a page of nulls */
  assert_int_equal(lam_alp_skip(&alp, 0, NULL), LAM_OK);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(random_pages), cmocka_unit_test(example),
                                     cmocka_unit_test(refusals)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
