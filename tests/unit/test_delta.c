#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "encoding_support.h"

static struct fixture fixture;

/* ---- a writer of any block size, widths wider than needed and no padding, beside ours ---- */

struct form {
  int value_bits;
  uint64_t block, miniblocks;
  bool padded; /* the last miniblock */
  int wider;   /* bits beyond the least */
};

static void put_varint(struct lam_buf *buf, uint64_t value) {
  uint8_t byte;
  for (; value >= 0x80; value >>= 7) {
    byte = (uint8_t)(value | 0x80);
    assert_int_equal(lam_buf_append(buf, &byte, 1, NULL), LAM_OK);
  }
  byte = (uint8_t)value;
  assert_int_equal(lam_buf_append(buf, &byte, 1, NULL), LAM_OK);
}

static uint64_t zigzag(int64_t value) {
  return (uint64_t)value << 1 ^ (uint64_t)(value >> 63);
}

static int64_t narrow(uint64_t value, int bits) {
  return bits == 32 ? (int32_t)(uint32_t)value : (int64_t)value;
}

static void put_block(struct lam_buf *buf, const int64_t *values, size_t count, const struct form *form) {
  uint64_t deltas[2048] = {0}, per = form->block / form->miniblocks;
  uint8_t widths[64] = {0};
  int64_t min = INT64_MAX;
  uint64_t mask = form->value_bits == 32 ? UINT32_MAX : UINT64_MAX;
  for (size_t i = 0; i < count; i++) {
    deltas[i] = (uint64_t)values[i] - (uint64_t)values[(ptrdiff_t)i - 1];
    min = lam_min_i64(min, narrow(deltas[i], form->value_bits));
  }
  for (size_t i = 0; i < count; i++) deltas[i] = (deltas[i] - (uint64_t)min) & mask;
  put_varint(buf, zigzag(min));
  for (uint64_t m = 0; m < form->miniblocks; m++) {
    uint64_t all = 0;
    for (uint64_t i = 0; i < per; i++) all |= deltas[m * per + i];
    int width = lam_bit_width(all) + form->wider;
    widths[m] = (uint8_t)(width > form->value_bits ? form->value_bits : width);
    if (m * per >= count) widths[m] = 0xee; /* anything where no value is */
  }
  assert_int_equal(lam_buf_append(buf, widths, form->miniblocks, NULL), LAM_OK);
  for (uint64_t m = 0; m < form->miniblocks && m * per < count; m++) {
    uint64_t n = form->padded ? per : lam_min_u64(per, count - m * per);
    assert_int_equal(lam_pack64(deltas + m * per, n, widths[m], buf, NULL), LAM_OK);
  }
}

static void write_form(struct lam_buf *buf, const int64_t *values, size_t count, const struct form *form) {
  put_varint(buf, form->block);
  put_varint(buf, form->miniblocks);
  put_varint(buf, count);
  put_varint(buf, zigzag(count ? values[0] : 0));
  for (size_t i = 1; i < count; i += form->block) put_block(buf, values + i, lam_min_u64(form->block, count - i), form);
}

enum { MOST = 3000 };

/* Of one of several shapes: constant, steps, small, any bits, extremes. */
static void random_values(int64_t *values, size_t count, int value_bits) {
  size_t shape = random_below(&fixture, 6);
  uint64_t last = next_random(&fixture), step = random_bits(&fixture, 20);
  int width = (int)random_below(&fixture, 65);
  for (size_t i = 0; i < count; i++) {
    uint64_t any = random_bits(&fixture, width);
    switch (shape) {
      case 0: break;
      case 1: last += step; break;
      case 2: last = any % 100; break;
      case 3: last = any & 1 ? INT64_MAX : (uint64_t)INT64_MIN; break;
      case 4: last = any & 1 ? INT32_MAX : (uint64_t)INT32_MIN; break;
      default: last += any;
    }
    values[i] = narrow(last, value_bits);
  }
}

/* Reads, in random parts, and skips; to `count` or a failure. */
static enum lam_status read_in_parts(struct lam_delta *delta, const int64_t *values, size_t count, size_t *done,
                                     struct lam_error *error) {
  for (*done = 0; *done < count;) {
    size_t n = 1 + random_below(&fixture, random_below(&fixture, 3) ? 40 : 700);
    enum lam_status status;
    if (n > count - *done) n = count - *done;
    int64_t *to = malloc(n * 8);
    if (random_below(&fixture, 5) == 0) {
      status = lam_delta_skip(delta, n, error);
      memcpy(to, values + *done, n * 8);
    } else if (delta->value_bits == 32) {
      status = lam_delta_read32(delta, (int32_t *)to, n, error);
      for (size_t i = n; status == LAM_OK && i-- > 0;) to[i] = ((int32_t *)to)[i];
    } else {
      status = lam_delta_read64(delta, to, n, error);
    }
    for (size_t i = 0; status == LAM_OK && i < n; i++) assert_int_equal(to[i], values[*done + i]);
    free(to);
    if (status != LAM_OK) return status;
    *done += n;
  }
  return LAM_OK;
}

static const struct form forms[] = {
    {32, 128, 4, true, 0},  {64, 128, 4, true, 0},   {32, 128, 1, false, 0}, {64, 256, 8, false, 3},
    {32, 1024, 4, true, 7}, {64, 2048, 64, true, 0}, {64, 1280, 5, true, 1},
};

static void reads_every_form_in_random_parts(void **state) {
  (void)state;
  static int64_t values[MOST];
  struct lam_buf buf;
  lam_buf_init(&buf, fixture.mem);
  for (int round = 0; round < 700; round++) {
    const struct form *form = &forms[round % (int)(sizeof forms / sizeof *forms)];
    size_t count = random_below(&fixture, round % 3 ? 300 : MOST), done, end;
    struct lam_error error = LAM_ERROR_INIT;
    random_values(values, count, form->value_bits);
    buf.size = 0;
    write_form(&buf, values, count, form);
    size_t size = buf.size;
    if (form->padded) assert_int_equal(lam_buf_append(&buf, "behind", 6, NULL), LAM_OK);
    struct lam_bytes exact = exact_copy(buf.data, buf.size);
    struct lam_delta delta;
    assert_int_equal(lam_delta_begin(&delta, exact, form->value_bits, &error), LAM_OK);
    assert_int_equal(delta.total, count);
    size_t half = random_below(&fixture, count + 1);
    if (read_in_parts(&delta, values, half, &done, &error) != LAM_OK) fail_msg("%s", error.message);
    assert_int_equal(lam_delta_end(&delta, &end, &error), LAM_OK);
    assert_int_equal(end, size);
    if (read_in_parts(&delta, values + half, count - half, &done, &error) != LAM_OK) fail_msg("%s", error.message);
    assert_int_equal(lam_delta_skip(&delta, 1, &error), LAM_CORRUPT);
    assert_message(&error, "were all read");
    free((void *)exact.data);
  }
  lam_buf_release(&buf);
}

static void a_stream_cut_anywhere_is_an_error(void **state) {
  (void)state;
  int64_t values[400];
  struct lam_buf buf;
  lam_buf_init(&buf, fixture.mem);
  for (size_t f = 0; f < sizeof forms / sizeof *forms; f++) {
    random_values(values, 400, forms[f].value_bits);
    buf.size = 0;
    write_form(&buf, values, 400, &forms[f]);
    for (size_t size = 0; size < buf.size; size++) {
      struct lam_bytes exact = exact_copy(buf.data, size);
      struct lam_delta delta;
      size_t done = 0, end;
      enum lam_status status = lam_delta_begin(&delta, exact, forms[f].value_bits, NULL);
      if (status == LAM_OK) lam_delta_end(&delta, &end, NULL);
      if (status == LAM_OK) status = read_in_parts(&delta, values, 400, &done, NULL);
      assert_true(status == LAM_CORRUPT || done == 400); /* all, where only padding is gone */
      free((void *)exact.data);
    }
  }
  lam_buf_release(&buf);
}

static void written_values_read_back(void **state) {
  (void)state;
  static int64_t values[MOST];
  static int32_t values32[MOST];
  struct lam_buf buf;
  lam_buf_init(&buf, fixture.mem);
  for (int round = 0; round < 500; round++) {
    int bits = round % 2 ? 32 : 64;
    size_t count = random_below(&fixture, round % 5 ? 300 : MOST), done, end;
    random_values(values, count, bits);
    for (size_t i = 0; i < count; i++) values32[i] = (int32_t)values[i];
    buf.size = 0;
    if (bits == 32)
      assert_int_equal(lam_delta_write32(values32, count, &buf, NULL), LAM_OK);
    else
      assert_int_equal(lam_delta_write64(values, count, &buf, NULL), LAM_OK);
    struct lam_bytes exact = exact_copy(buf.data, buf.size);
    struct lam_delta delta;
    assert_int_equal(lam_delta_begin(&delta, exact, bits, NULL), LAM_OK);
    assert_int_equal(lam_delta_end(&delta, &end, NULL), LAM_OK);
    assert_int_equal(end, buf.size);
    assert_int_equal(read_in_parts(&delta, values, count, &done, NULL), LAM_OK);
    free((void *)exact.data);
  }
  lam_buf_release(&buf);
}

static void writes_the_bytes_of_the_format(void **state) {
  (void)state;
  const int32_t values[] = {7, 5, 3, 1, 2, 3, 4, 5}; /* the format's second example, in a block of 128 */
  struct lam_buf buf;
  lam_buf_init(&buf, fixture.mem);
  assert_int_equal(lam_delta_write32(values, 8, &buf, NULL), LAM_OK);
  assert_int_equal(buf.size, 5 + 1 + 4 + 8);
  assert_memory_equal(buf.data, "\x80\x01\x04\x08\x0e\x03\x02\0\0\0\xc0\x3f\0\0\0\0\0\0", 18);
  lam_buf_release(&buf);
}

static const struct {
  const char *what, *message;
  uint8_t bytes[24];
  size_t size;
  int value_bits;
} hostile[] = {
    {"a block size of 0", "blocks of 0", {0, 1, 1, 0}, 4, 32},
    {"a block size of 64", "blocks of 64", {64, 1, 1, 0}, 4, 32},
    {"a block size of 2^35", "below 2^32", {0x80, 0x80, 0x80, 0x80, 0x80, 0x01, 1, 1, 0}, 9, 32},
    {"no miniblocks", "0 miniblocks", {0x80, 1, 0, 1, 0}, 5, 32},
    {"miniblocks of 16", "8 miniblocks", {0x80, 1, 8, 1, 0}, 5, 32},
    {"three miniblocks", "3 miniblocks", {0x80, 1, 3, 1, 0}, 5, 32},
    {"a number of eleven bytes",
     "does not fit in 64 bits",
     {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1},
     11,
     64},
    {"a number above 2^64",
     "does not fit in 64 bits",
     {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 2},
     10,
     64},
    {"65 bits for 32", "has 65 bits", {0x80, 1, 1, 2, 0, 0, 65, 1, 2, 3, 4, 5, 6, 7, 8}, 15, 32},
    {"65 bits for 64", "has 65 bits", {0x80, 1, 1, 2, 0, 0, 65, 1, 2, 3, 4, 5, 6, 7, 8}, 15, 64},
    {"no block", "within a header", {0x80, 1, 1, 2, 0}, 5, 64},
    {"no widths", "expected the widths of 1 miniblocks", {0x80, 1, 1, 2, 0, 0}, 6, 64},
    {"no values", "expected 1 values of 3 bits", {0x80, 1, 1, 2, 0, 0, 3}, 7, 64},
};

static void hostile_headers_are_refused(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
    struct lam_bytes exact = exact_copy(hostile[i].bytes, hostile[i].size);
    struct lam_delta delta;
    struct lam_error error = LAM_ERROR_INIT;
    enum lam_status status = lam_delta_begin(&delta, exact, hostile[i].value_bits, &error);
    if (status == LAM_OK) status = lam_delta_skip(&delta, 2, &error);
    if (status != LAM_CORRUPT) fail_msg("%s: %s", hostile[i].what, error.message);
    assert_message(&error, hostile[i].message);
    free((void *)exact.data);
  }
  /* A count of 2^62 costs nothing until it is read; the walk to its end stops where the bytes do. */
  const uint8_t huge[] = {0x80, 1, 1, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x40, 0, 0, 0, 0, 0};
  struct lam_delta delta;
  size_t end;
  assert_int_equal(lam_delta_begin(&delta, lam_bytes_of(huge, sizeof huge), 64, NULL), LAM_OK);
  assert_int_equal(lam_delta_end(&delta, &end, NULL), LAM_CORRUPT);
  int64_t values[100];
  assert_int_equal(lam_delta_read64(&delta, values, 100, NULL), LAM_OK);
  assert_int_equal(values[99], 0);
}

/* DuckDB subtracts values of 32 bits in 64: from the least to the greatest and back takes 33 bits. */
static void deltas_wider_than_the_values(void **state) {
  (void)state;
  const uint8_t bytes[] = {0x80, 1,    1,  3,    0xff, 0xff, 0xff, 0xff, 0x0f, 0xfd, 0xff, 0xff,
                           0xff, 0x1f, 33, 0xfe, 0xff, 0xff, 0xff, 0x01, 0,    0,    0,    0};
  struct lam_bytes exact = exact_copy(bytes, sizeof bytes);
  struct lam_delta delta;
  int32_t values[3];
  assert_int_equal(lam_delta_begin(&delta, exact, 32, NULL), LAM_OK);
  assert_int_equal(lam_delta_read32(&delta, values, 3, NULL), LAM_OK);
  assert_int_equal(values[0], INT32_MIN);
  assert_int_equal(values[1], INT32_MAX);
  assert_int_equal(values[2], INT32_MIN);
  free((void *)exact.data);
}

static void no_bytes_are_no_values(void **state) {
  (void)state;
  struct lam_delta delta;
  size_t end = 1;
  assert_int_equal(lam_delta_begin(&delta, lam_bytes_of(NULL, 0), 64, NULL), LAM_OK);
  assert_int_equal(delta.total, 0);
  assert_int_equal(lam_delta_end(&delta, &end, NULL), LAM_OK);
  assert_int_equal(end, 0);
  int64_t value;
  assert_int_equal(lam_delta_read64(&delta, &value, 0, NULL), LAM_OK);
  assert_int_equal(lam_delta_read64(&delta, &value, 1, NULL), LAM_CORRUPT);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_every_form_in_random_parts), cmocka_unit_test(a_stream_cut_anywhere_is_an_error),
      cmocka_unit_test(written_values_read_back),         cmocka_unit_test(writes_the_bytes_of_the_format),
      cmocka_unit_test(hostile_headers_are_refused),      cmocka_unit_test(deltas_wider_than_the_values),
      cmocka_unit_test(no_bytes_are_no_values),
  };
  fixture_begin(&fixture);
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  fixture_end(&fixture);
  return failed;
}
