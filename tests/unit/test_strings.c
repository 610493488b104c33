#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "encoding_support.h"

static struct fixture fixture;

enum { MOST = 1500, LONGEST = 300 };
static const enum lam_encoding encodings[] = {LAM_PLAIN, LAM_DELTA_LENGTH_BYTE_ARRAY, LAM_DELTA_BYTE_ARRAY};

struct values {
  uint8_t data[MOST * LONGEST];
  int32_t offsets[MOST + 1];
  size_t count;
};

/* Most are short, many share a prefix with the one before, some are empty. */
static void random_values(struct values *values, size_t count) {
  size_t size = 3; /* a slice need not begin at 0 */
  values->count = count;
  values->offsets[0] = (int32_t)size;
  for (size_t i = 0; i < count; i++) {
    size_t prefix = 0, n = random_below(&fixture, random_below(&fixture, 4) ? 20 : LONGEST);
    if (i && random_below(&fixture, 2)) {
      size_t before = (size_t)(values->offsets[i] - values->offsets[i - 1]);
      prefix = random_below(&fixture, (before < n ? before : n) + 1);
      memcpy(values->data + size, values->data + values->offsets[i - 1], prefix);
    }
    for (size_t k = prefix; k < n; k++) values->data[size + k] = (uint8_t)next_random(&fixture);
    size += n;
    values->offsets[i + 1] = (int32_t)size;
  }
}

static void write_values(enum lam_encoding encoding, const struct values *values, struct lam_buf *buf) {
  uint8_t *exact = (uint8_t *)exact_copy(values->data, (size_t)values->offsets[values->count]).data;
  buf->size = 0;
  assert_int_equal(lam_strings_write(encoding, exact, values->offsets, values->count, buf, NULL), LAM_OK);
  free(exact);
}

static size_t length_of(const struct values *values, size_t i) {
  return (size_t)(values->offsets[i + 1] - values->offsets[i]);
}

/* One call: what came is as written, and less than asked only where the next would pass `max_bytes`. */
static enum lam_status read_some(struct lam_strings *strings, const struct values *values, size_t *done, size_t max,
                                 size_t max_bytes, struct lam_buf *data, struct lam_error *error) {
  int32_t *offsets = malloc((max + 1) * 4);
  size_t entry = data->size, count = 0;
  enum lam_status status = lam_strings_read(strings, max, max_bytes, offsets, data, &count, error);
  assert_true(count <= max);
  if (status == LAM_OK) {
    assert_int_equal(offsets[0], entry);
    assert_int_equal(offsets[count], data->size);
    if (count < max) assert_true(data->size > 0 && data->size + length_of(values, *done + count) > max_bytes);
    for (size_t i = 0; i < count; i++) {
      assert_int_equal(offsets[i + 1] - offsets[i], length_of(values, *done + i));
      if (length_of(values, *done + i))
        assert_memory_equal(data->data + offsets[i], values->data + values->offsets[*done + i],
                            length_of(values, *done + i));
      assert_true((size_t)offsets[i + 1] <= max_bytes || offsets[i] == 0 || offsets[i + 1] == offsets[i]);
    }
    *done += count;
  }
  free(offsets);
  return status;
}

static enum lam_status read_in_parts(struct lam_bytes bytes, enum lam_encoding encoding, const struct values *values,
                                     size_t *done, struct lam_error *error) {
  struct lam_strings strings;
  struct lam_buf data;
  lam_buf_init(&data, fixture.mem);
  *done = 0;
  enum lam_status status = lam_strings_begin(&strings, fixture.mem, encoding, bytes, values->count, error);
  while (status == LAM_OK && *done < values->count) {
    size_t n = 1 + random_below(&fixture, random_below(&fixture, 3) ? 30 : 700);
    size_t max_bytes = random_below(&fixture, 2) ? 1 << 30 : random_below(&fixture, 2000);
    if (n > values->count - *done) n = values->count - *done;
    if (random_below(&fixture, 5) == 0) {
      status = lam_strings_skip(&strings, n, error);
      if (status == LAM_OK) *done += n;
      continue;
    }
    status = read_some(&strings, values, done, n, max_bytes, &data, error);
    if (random_below(&fixture, 3) == 0 || data.size > max_bytes) data.size = 0;
  }
  if (status == LAM_OK) {
    size_t count;
    int32_t offsets[2];
    assert_int_equal(lam_strings_read(&strings, 1, 100, offsets, &data, &count, NULL), LAM_CORRUPT);
    assert_int_equal(lam_strings_skip(&strings, 1, NULL), LAM_CORRUPT);
    assert_int_equal(lam_strings_read(&strings, 0, 100, offsets, &data, &count, NULL), LAM_OK);
  }
  lam_strings_release(&strings);
  lam_buf_release(&data);
  return status;
}

static void written_values_read_back_in_parts(void **state) {
  (void)state;
  static struct values values;
  struct lam_buf buf;
  lam_buf_init(&buf, fixture.mem);
  for (int round = 0; round < 300; round++) {
    enum lam_encoding encoding = encodings[round % 3];
    struct lam_error error = LAM_ERROR_INIT;
    size_t done;
    random_values(&values, random_below(&fixture, round % 7 ? 60 : MOST));
    write_values(encoding, &values, &buf);
    struct lam_bytes exact = exact_copy(buf.data, buf.size);
    for (int again = 0; again < 5; again++)
      if (read_in_parts(exact, encoding, &values, &done, &error) != LAM_OK) fail_msg("%s", error.message);
    free((void *)exact.data);
  }
  lam_buf_release(&buf);
}

static void a_page_cut_anywhere_is_an_error(void **state) {
  (void)state;
  static struct values values;
  struct lam_buf buf;
  lam_buf_init(&buf, fixture.mem);
  for (size_t e = 0; e < 3; e++) {
    random_values(&values, 40);
    write_values(encodings[e], &values, &buf);
    for (size_t size = 0; size < buf.size; size++) {
      struct lam_bytes exact = exact_copy(buf.data, size);
      size_t done;
      assert_int_equal(read_in_parts(exact, encodings[e], &values, &done, NULL), LAM_CORRUPT);
      free((void *)exact.data);
    }
  }
  lam_buf_release(&buf);
}

static void writes_the_bytes_of_the_format(void **state) {
  (void)state;
  static const uint8_t text[] = "axisaxlebabblebabyhood";
  static const int32_t offsets[] = {0, 4, 8, 14, 22};
  struct lam_buf buf;
  lam_buf_init(&buf, fixture.mem);
  assert_int_equal(lam_strings_write(LAM_PLAIN, text, offsets, 2, &buf, NULL), LAM_OK);
  assert_int_equal(buf.size, 16);
  assert_memory_equal(buf.data, "\4\0\0\0axis\4\0\0\0axle", 16);
  buf.size = 0;
  assert_int_equal(lam_strings_write(LAM_DELTA_BYTE_ARRAY, text, offsets, 4, &buf, NULL), LAM_OK);
  assert_memory_equal(buf.data + buf.size - 17, "axislebabbleyhood", 17);
  struct lam_delta prefixes;
  int32_t lengths[4];
  assert_int_equal(lam_delta_begin(&prefixes, lam_bytes_of(buf.data, buf.size), 32, NULL), LAM_OK);
  assert_int_equal(lam_delta_read32(&prefixes, lengths, 4, NULL), LAM_OK);
  assert_memory_equal(lengths, ((int32_t[]){0, 2, 0, 3}), 16);
  assert_int_equal(lam_strings_write(LAM_RLE, text, offsets, 4, &buf, NULL), LAM_UNSUPPORTED);
  lam_buf_release(&buf);
}

/* ---- pages that lie ---- */

static void put_lengths(struct lam_buf *buf, const int32_t *lengths, size_t count) {
  assert_int_equal(lam_delta_write32(lengths, count, buf, NULL), LAM_OK);
}

static void expect_corrupt(const struct lam_buf *page, enum lam_encoding encoding, uint64_t values,
                           const char *message) {
  for (int skip = 0; skip < 2; skip++) {
    struct lam_bytes exact = exact_copy(page->data, page->size);
    struct lam_strings strings;
    struct lam_buf data;
    struct lam_error error = LAM_ERROR_INIT;
    int32_t offsets[10];
    size_t count;
    lam_buf_init(&data, fixture.mem);
    enum lam_status status = lam_strings_begin(&strings, fixture.mem, encoding, exact, values, &error);
    if (status == LAM_OK)
      status = skip ? lam_strings_skip(&strings, values, &error)
                    : lam_strings_read(&strings, values, 1 << 30, offsets, &data, &count, &error);
    assert_int_equal(status, LAM_CORRUPT);
    assert_message(&error, message);
    lam_strings_release(&strings);
    lam_buf_release(&data);
    free((void *)exact.data);
  }
}

static void pages_that_lie_are_refused(void **state) {
  (void)state;
  struct lam_buf page;
  lam_buf_init(&page, fixture.mem);
  lam_buf_append(&page, "\2\0\0\0ab\xff\xff\xff\xff", 10, NULL);
  expect_corrupt(&page, LAM_PLAIN, 2, "byte 6 of the page's values has a length of 4294967295; 0 bytes are left");
  page.size = 0;
  put_lengths(&page, (int32_t[]){1, -1}, 2);
  expect_corrupt(&page, LAM_DELTA_LENGTH_BYTE_ARRAY, 2, "value 1 of delta-encoded strings has a length of -1");
  expect_corrupt(&page, LAM_DELTA_LENGTH_BYTE_ARRAY, 3, "2 lengths of delta-encoded strings; expected 3");
  expect_corrupt(&page, LAM_DELTA_BYTE_ARRAY, 3, "2 prefix lengths of delta-encoded strings; expected 3");
  page.size = 0;
  put_lengths(&page, (int32_t[]){0, 3}, 2);
  put_lengths(&page, (int32_t[]){2, 0}, 2);
  lam_buf_append(&page, "ab", 2, NULL);
  expect_corrupt(&page, LAM_DELTA_BYTE_ARRAY, 2, "shares 3 bytes with the one before, which has 2");
  page.size = 0;
  put_lengths(&page, (int32_t[]){0, 2}, 2);
  put_lengths(&page, (int32_t[]){2, 1}, 2);
  lam_buf_append(&page, "ab", 2, NULL);
  expect_corrupt(&page, LAM_DELTA_BYTE_ARRAY, 2, "expected 1 more values");
  lam_buf_release(&page);
  struct lam_strings strings;
  assert_int_equal(lam_strings_begin(&strings, fixture.mem, LAM_RLE, lam_bytes_of(NULL, 0), 0, NULL), LAM_UNSUPPORTED);
}

/* A page of prefixes that all repeat gives quadratically much: a call gives no more than was allowed. */
static void growth_is_bounded_by_the_call(void **state) {
  (void)state;
  enum { COUNT = 1000, SIZE = 10000 };
  static int32_t prefixes[COUNT], suffixes[COUNT], offsets[COUNT + 1];
  static uint8_t text[SIZE];
  struct lam_buf page, data;
  struct lam_strings strings;
  size_t count, total = 0;
  lam_buf_init(&page, fixture.mem);
  lam_buf_init(&data, fixture.mem);
  for (size_t i = 1; i < COUNT; i++) prefixes[i] = SIZE;
  suffixes[0] = SIZE;
  put_lengths(&page, prefixes, COUNT);
  put_lengths(&page, suffixes, COUNT);
  lam_buf_append(&page, text, SIZE, NULL);
  assert_int_equal(
      lam_strings_begin(&strings, fixture.mem, LAM_DELTA_BYTE_ARRAY, lam_bytes_of(page.data, page.size), COUNT, NULL),
      LAM_OK);
  while (total < COUNT) {
    data.size = 0;
    assert_int_equal(lam_strings_read(&strings, COUNT - total, 55555, offsets, &data, &count, NULL), LAM_OK);
    assert_int_equal(count, 5);
    assert_true(data.capacity <= 128 << 10);
    total += count;
  }
  lam_strings_release(&strings);
  lam_buf_release(&page);
  lam_buf_release(&data);
}

static void a_value_beyond_the_limit_goes_alone(void **state) {
  (void)state;
  static const uint8_t text[100];
  static const int32_t offsets[] = {0, 0, 60, 100};
  for (size_t e = 0; e < 3; e++) {
    struct lam_buf page, data;
    struct lam_strings strings;
    int32_t read[4];
    size_t count;
    lam_buf_init(&page, fixture.mem);
    lam_buf_init(&data, fixture.mem);
    assert_int_equal(lam_strings_write(encodings[e], text, offsets, 3, &page, NULL), LAM_OK);
    assert_int_equal(
        lam_strings_begin(&strings, fixture.mem, encodings[e], lam_bytes_of(page.data, page.size), 3, NULL), LAM_OK);
    assert_int_equal(lam_strings_read(&strings, 3, 50, read, &data, &count, NULL), LAM_OK);
    assert_int_equal(count, 2); /* the empty one, and the first with bytes */
    assert_int_equal(read[2], 60);
    assert_int_equal(lam_strings_read(&strings, 1, 50, read, &data, &count, NULL), LAM_OK);
    assert_int_equal(count, 0);
    data.size = 0;
    assert_int_equal(lam_strings_read(&strings, 1, 50, read, &data, &count, NULL), LAM_OK);
    assert_int_equal(count, 1);
    lam_strings_release(&strings);
    lam_buf_release(&page);
    lam_buf_release(&data);
  }
}

/* Views of damaged pages end at the damage: nothing behind the page is pointed at. */
static void views_stay_within_their_page(void **state) {
  (void)state;
  uint8_t page[64] = {3, 0, 0, 0, 'a', 'b', 'c', 13, 0, 0, 0}, views[2 * LAM_VIEW_BYTES];
  static const uint8_t first[LAM_VIEW_BYTES] = {3, 0, 0, 0, 'a', 'b', 'c'};
  static const size_t sizes[] = {24, 23, 9}; /* whole; a value cut off; a length cut off */
  for (size_t i = 0; i < 3; i++) {
    struct lam_strings strings;
    bool refers = false;
    assert_int_equal(lam_strings_begin(&strings, NULL, LAM_PLAIN, lam_bytes_of(page, sizes[i]), 2, NULL), LAM_OK);
    assert_int_equal(lam_strings_read_views(&strings, 2, 5, page, views, &refers, NULL), i ? LAM_CORRUPT : LAM_OK);
    assert_memory_equal(views, first, sizeof first);
    assert_int_equal(refers, i == 0);
    if (i) continue;
    assert_int_equal(lam_load32(views + 16), 13);
    assert_int_equal(lam_load32(views + 24), 5);
    assert_int_equal(lam_load32(views + 28), 11);
    assert_int_equal(lam_strings_read_views(&strings, 1, 5, page, views, &refers, NULL), LAM_CORRUPT);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(views_stay_within_their_page),        cmocka_unit_test(written_values_read_back_in_parts),
      cmocka_unit_test(a_page_cut_anywhere_is_an_error),     cmocka_unit_test(writes_the_bytes_of_the_format),
      cmocka_unit_test(pages_that_lie_are_refused),          cmocka_unit_test(growth_is_bounded_by_the_call),
      cmocka_unit_test(a_value_beyond_the_limit_goes_alone),
  };
  fixture_begin(&fixture);
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  fixture_end(&fixture);
  return failed;
}
