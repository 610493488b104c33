#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "encoding_support.h"

static struct fixture fixture;

/* ---- an encoder that chooses runs at random, and its own decoder ---- */

enum { MOST = 3000 };
struct stream {
  uint8_t bytes[MOST * 8];
  size_t size;
  uint32_t values[MOST];
  size_t count;
};

static void put_varint(struct stream *stream, uint64_t value) {
  for (; value >= 0x80; value >>= 7) stream->bytes[stream->size++] = (uint8_t)(value | 0x80);
  stream->bytes[stream->size++] = (uint8_t)value;
}

static void put_packed(struct stream *stream, int width, size_t groups) {
  put_varint(stream, groups << 1 | 1);
  memset(stream->bytes + stream->size, 0, groups * (unsigned)width);
  for (size_t i = 0; i < groups * 8; i++) {
    uint32_t value = (uint32_t)random_bits(&fixture, width);
    stream->values[stream->count++] = value;
    for (int b = 0; b < width; b++)
      if (value >> b & 1) lam_bit_set(stream->bytes + stream->size, (int64_t)i * width + b);
  }
  stream->size += groups * (unsigned)width;
}

static void put_repeated(struct stream *stream, int width, size_t count) {
  uint32_t value = (uint32_t)random_bits(&fixture, width);
  put_varint(stream, count << 1);
  for (int b = 0; b < width; b += 8) stream->bytes[stream->size++] = (uint8_t)(value >> b);
  for (size_t i = 0; i < count; i++) stream->values[stream->count++] = value;
}

/* Runs of length 0 among them. */
static void random_stream(struct stream *stream, int width, size_t runs) {
  stream->size = stream->count = 0;
  for (size_t i = 0; i < runs; i++)
    if (random_below(&fixture, 2))
      put_packed(stream, width, random_below(&fixture, 12));
    else
      put_repeated(stream, width, random_below(&fixture, random_below(&fixture, 4) ? 10 : 90));
}

/* Reads of random lengths, by all three functions in turn. */
static enum lam_status read_in_parts(struct lam_rle *rle, const struct stream *stream, size_t *done,
                                     struct lam_error *error) {
  for (*done = 0; *done < stream->count;) {
    size_t left = stream->count - *done, n = 1 + random_below(&fixture, random_below(&fixture, 3) ? 20 : 300);
    if (n > left) n = left;
    uint32_t *to = malloc(n * 4), value = 0;
    const uint32_t *packed = NULL;
    enum lam_status status;
    switch (random_below(&fixture, 4)) {
      case 0: status = lam_rle_skip(rle, n, error), packed = stream->values + *done; break;
      case 1: status = lam_rle_run(rle, n, to, &n, &value, &packed, error); break;
      default: status = lam_rle_read(rle, to, n, error), packed = to;
    }
    for (size_t i = 0; status == LAM_OK && i < n; i++)
      assert_int_equal(packed ? packed[i] : value, stream->values[*done + i]);
    free(to);
    if (status != LAM_OK) return status;
    *done += n;
  }
  return LAM_OK;
}

static void reads_random_runs_in_random_parts(void **state) {
  (void)state;
  static struct stream stream;
  for (int width = 0; width <= 32; width++)
    for (int round = 0; round < 20; round++) {
      random_stream(&stream, width, 1 + random_below(&fixture, 25));
      struct lam_bytes exact = exact_copy(stream.bytes, stream.size);
      struct lam_rle rle;
      struct lam_error error = LAM_ERROR_INIT;
      size_t done;
      assert_int_equal(lam_rle_begin(&rle, exact, width, &error), LAM_OK);
      if (read_in_parts(&rle, &stream, &done, &error) != LAM_OK) fail_msg("width %d: %s", width, error.message);
      uint32_t beyond;
      if (width) assert_int_equal(lam_rle_read(&rle, &beyond, 1, &error), LAM_CORRUPT);
      free((void *)exact.data);
    }
}

/* Values at chosen places, close and far apart, in parts of the places; other reads go on behind the last of them. */
static void picks_values_of_random_runs(void **state) {
  (void)state;
  static struct stream stream;
  static int32_t places[MOST];
  static uint32_t got[MOST];
  for (int round = 0; round < 20; round++)
    for (int width = 0; width <= 32; width++) {
      struct lam_rle rle;
      random_stream(&stream, width, 30);
      assert_int_equal(lam_rle_begin(&rle, lam_bytes_of(stream.bytes, stream.size), width, NULL), LAM_OK);
      uint32_t gap = 1 + (uint32_t)random_below(&fixture, random_below(&fixture, 2) ? 3 : 60);
      size_t count = 0, done = 0;
      for (size_t at = random_below(&fixture, gap); at < stream.count; at += 1 + random_below(&fixture, gap))
        places[count++] = (int32_t)at;
      for (size_t i = 0, n; i < count; i += n) {
        n = 1 + random_below(&fixture, count - i);
        assert_int_equal(lam_rle_pick(&rle, places + i, (int64_t)done, n, got, NULL), LAM_OK);
        for (size_t k = 0; k < n; k++) assert_int_equal(got[k], width ? stream.values[places[i + k]] : 0);
        done = (size_t)places[i + n - 1] + 1;
        if (done == stream.count || (i + n < count && (size_t)places[i + n] == done)) continue;
        assert_int_equal(lam_rle_read(&rle, got, 1, NULL), LAM_OK);
        assert_int_equal(got[0], width ? stream.values[done] : 0);
        done++;
      }
      if (width == 0) continue;
      static const int32_t behind[] = {0};
      struct lam_error error = LAM_ERROR_INIT;
      assert_int_equal(lam_rle_skip(&rle, stream.count - done, NULL), LAM_OK);
      assert_int_equal(lam_rle_pick(&rle, behind, 0, 1, got, &error), LAM_CORRUPT);
    }
}

static void a_stream_cut_anywhere_is_an_error_or_shorter(void **state) {
  (void)state;
  static struct stream stream;
  for (int width = 1; width <= 32; width++) {
    random_stream(&stream, width, 6);
    for (size_t size = 0; size < stream.size; size++) {
      struct lam_bytes exact = exact_copy(stream.bytes, size);
      struct lam_rle rle;
      size_t done;
      assert_int_equal(lam_rle_begin(&rle, exact, width, NULL), LAM_OK);
      enum lam_status status = read_in_parts(&rle, &stream, &done, NULL);
      assert_true(status == LAM_CORRUPT || done == stream.count);
      free((void *)exact.data);
    }
  }
}

static const struct {
  const char *what, *message; /* no message: the values are read */
  uint8_t bytes[8];
  size_t size;
  int width;
  size_t count;
} quirks[] = {
    {"a packed run without its padding", NULL, {0x03, 0x1b}, 2, 2, 4},
    {"and one value more", "end at byte 2", {0x03, 0x1b}, 2, 2, 5},
    {"a huge packed run", NULL, {0xff, 0xff, 0xff, 0xff, 0x0f, 0xaa}, 6, 1, 8},
    {"a huge repeated run", NULL, {0xfe, 0xff, 0xff, 0xff, 0x0f, 0x01}, 6, 1, 1000},
    {"a header above 2^32", "above 2^32", {0xfe, 0xff, 0xff, 0xff, 0x1f, 0x01}, 6, 1, 1},
    {"a header of six bytes", "more than 5 bytes", {0x80, 0x80, 0x80, 0x80, 0x80, 0x01}, 6, 1, 1},
    {"a header cut short", "end at byte 1", {0x80}, 1, 1, 1},
    {"runs of length 0", NULL, {0x00, 0x01, 0x01, 0x04, 0x01}, 5, 1, 2},
    {"nothing but runs of length 0", "end at byte 3", {0x01, 0x01, 0x01}, 3, 1, 1},
    {"a repeated value of too many bits", "does not fit in 3 bits", {0x04, 0x08}, 2, 3, 2},
    {"a repeated value cut short", "cut short: 1 of 2 bytes", {0x04, 0x08}, 2, 9, 2},
    {"width 0 with a run", NULL, {0x04}, 1, 0, 2},
    {"width 0 without bytes", NULL, {0}, 0, 0, 100},
    {"no bytes", "end at byte 0", {0}, 0, 1, 1},
};

static void quirks_of_writers_and_hostile_headers(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof quirks / sizeof *quirks; i++) {
    struct lam_bytes exact = exact_copy(quirks[i].bytes, quirks[i].size);
    struct lam_rle rle;
    struct lam_error error = LAM_ERROR_INIT;
    uint32_t values[1000];
    assert_int_equal(lam_rle_begin(&rle, exact, quirks[i].width, NULL), LAM_OK);
    enum lam_status status = lam_rle_read(&rle, values, quirks[i].count, &error);
    if (status != (quirks[i].message ? LAM_CORRUPT : LAM_OK)) fail_msg("%s: %s", quirks[i].what, error.message);
    if (quirks[i].message) assert_message(&error, quirks[i].message);
    free((void *)exact.data);
  }
  struct lam_rle rle;
  assert_int_equal(lam_rle_begin(&rle, lam_bytes_of(NULL, 0), 33, NULL), LAM_CORRUPT);
  assert_int_equal(lam_rle_begin(&rle, lam_bytes_of(NULL, 0), -1, NULL), LAM_CORRUPT);
}

/* ---- writing ---- */

static void fill_mixed(uint32_t *values, size_t count, int width) {
  for (size_t i = 0; i < count;) {
    size_t run = random_below(&fixture, 3) ? 1 : 1 + random_below(&fixture, 100);
    uint32_t value = (uint32_t)random_bits(&fixture, width);
    for (; run && i < count; run--) values[i++] = value;
  }
}

static void written_values_read_back(void **state) {
  (void)state;
  struct lam_buf buf;
  lam_buf_init(&buf, fixture.mem);
  enum { LONG = 70000 };
  uint32_t *values = malloc(LONG * 4), *read = malloc(LONG * 4);
  for (int width = 0; width <= 32; width++)
    for (int round = 0; round < 12; round++) {
      size_t count = round == 11 ? LONG : random_below(&fixture, round < 6 ? 20 : 2000);
      if (round % 2)
        fill_mixed(values, count, width);
      else
        for (size_t i = 0; i < count; i++) values[i] = (uint32_t)random_bits(&fixture, width);
      buf.size = 0;
      assert_int_equal(lam_rle_write(values, count, width, &buf, NULL), LAM_OK);
      struct lam_bytes exact = exact_copy(buf.data, buf.size);
      struct lam_rle rle;
      assert_int_equal(lam_rle_begin(&rle, exact, width, NULL), LAM_OK);
      assert_int_equal(lam_rle_read(&rle, read, count, NULL), LAM_OK);
      if (count) assert_memory_equal(values, read, count * 4);
      assert_int_equal(rle.position, width ? exact.size : 0);
      free((void *)exact.data);
    }
  free(values);
  free(read);
  lam_buf_release(&buf);
}

static void written_runs_are_small(void **state) {
  (void)state;
  static uint32_t values[100000];
  struct lam_buf buf;
  lam_buf_init(&buf, fixture.mem);
  assert_int_equal(lam_rle_write(values, 100000, 7, &buf, NULL), LAM_OK);
  assert_int_equal(buf.size, 4);
  assert_memory_equal(buf.data, "\xc0\x9a\x0c\x00", 4);
  buf.size = 0;
  assert_int_equal(lam_rle_write(values, 3, 20, &buf, NULL), LAM_OK); /* a run alone, however short */
  assert_int_equal(buf.size, 4);
  buf.size = 0;
  values[0] = 1; /* the last group has its padding */
  assert_int_equal(lam_rle_write(values, 9, 3, &buf, NULL), LAM_OK);
  assert_int_equal(buf.size, 7);
  assert_memory_equal(buf.data, "\x05\x01\0\0\0\0\0", 7);
  lam_buf_release(&buf);
}

/* ---- levels of 0 and 1 ---- */

static void fill_bits(uint8_t *bits, size_t count) {
  for (size_t i = 0; i < count;) {
    size_t run = random_below(&fixture, 3) ? 1 + random_below(&fixture, 3) : 1 + random_below(&fixture, 200);
    bool value = random_below(&fixture, 2);
    for (; run && i < count; run--, i++) lam_bits_fill(bits, (int64_t)i, 1, value);
  }
}

static void validity_round_trips_in_parts(void **state) {
  (void)state;
  struct lam_buf buf;
  lam_buf_init(&buf, fixture.mem);
  for (int round = 0; round < 400; round++) {
    size_t offset = random_below(&fixture, 70), count = random_below(&fixture, 3000);
    size_t room = (offset + count + 7) / 8;
    uint8_t *bits = malloc(room + 1), *exact_bits, *read = malloc(room + 9);
    memset(bits, 0, room + 1);
    fill_bits(bits, offset + count);
    exact_bits = (uint8_t *)exact_copy(bits, room).data;
    buf.size = 0;
    assert_int_equal(lam_rle_write_validity(exact_bits, (int64_t)offset, count, &buf, NULL), LAM_OK);
    struct lam_bytes exact = exact_copy(buf.data, buf.size);
    struct lam_rle rle;
    assert_int_equal(lam_rle_begin(&rle, exact, 1, NULL), LAM_OK);
    size_t at = random_below(&fixture, 8); /* where the bits go, among set neighbours */
    memset(read, 0xff, room + 9);
    int64_t total = 0;
    for (size_t done = 0; done < count;) {
      size_t n = 1 + random_below(&fixture, 100);
      int64_t valid;
      if (n > count - done) n = count - done;
      assert_int_equal(lam_rle_read_validity(&rle, read, (int64_t)(at + done), n, &valid, NULL), LAM_OK);
      total += valid;
      done += n;
      assert_true(lam_bit_get(read, (int64_t)(at + done)));
    }
    for (size_t i = 0; i < at; i++) assert_true(lam_bit_get(read, (int64_t)i));
    for (size_t i = 0; i < count; i++)
      assert_int_equal(lam_bit_get(read, (int64_t)(at + i)), lam_bit_get(bits, (int64_t)(offset + i)));
    if (count) assert_int_equal(total, lam_bits_count(bits, (int64_t)offset, (int64_t)count));
    int64_t valid;
    assert_int_equal(lam_rle_read_validity(&rle, read, 0, 9, &valid, NULL), LAM_CORRUPT);
    free((void *)exact.data);
    free(exact_bits);
    free(bits);
    free(read);
  }
  buf.size = 0;
  assert_int_equal(lam_rle_write_validity(NULL, 0, 1000, &buf, NULL), LAM_OK);
  assert_int_equal(buf.size, 3);
  assert_memory_equal(buf.data, "\xd0\x0f\x01", 3);
  lam_buf_release(&buf);
}

/* ---- BIT_PACKED ---- */

static void bit_packed_levels(void **state) {
  (void)state;
  uint32_t levels[30];
  const uint8_t example[] = {0x05, 0x39, 0x77}; /* the format's own: 0 to 7 in 3 bits */
  assert_int_equal(lam_bitpacked_levels_read(lam_bytes_of(example, 3), 3, levels, 8, NULL), LAM_OK);
  for (uint32_t i = 0; i < 8; i++) assert_int_equal(levels[i], i);
  struct lam_error error = LAM_ERROR_INIT;
  assert_int_equal(lam_bitpacked_levels_read(lam_bytes_of(example, 3), 3, levels, 9, &error), LAM_CORRUPT);
  assert_message(&error, "end at byte 3");
  assert_int_equal(lam_bitpacked_levels_read(lam_bytes_of(NULL, 0), 0, levels, 30, NULL), LAM_OK);
  assert_int_equal(levels[29], 0);
  assert_int_equal(lam_bitpacked_levels_read(lam_bytes_of(example, 3), 33, levels, 1, NULL), LAM_CORRUPT);
  for (int width = 1; width <= 32; width++) {
    uint8_t bytes[120];
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)next_random(&fixture);
    struct lam_bytes exact = exact_copy(bytes, (30 * (unsigned)width + 7) / 8);
    assert_int_equal(lam_bitpacked_levels_read(exact, width, levels, 30, NULL), LAM_OK);
    for (int i = 0; i < 30; i++) {
      uint32_t expected = 0;
      for (int b = i * width; b < (i + 1) * width; b++) expected = expected << 1 | (bytes[b / 8] >> (7 - b % 8) & 1);
      assert_int_equal(levels[i], expected);
    }
    free((void *)exact.data);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_random_runs_in_random_parts),
      cmocka_unit_test(picks_values_of_random_runs),
      cmocka_unit_test(a_stream_cut_anywhere_is_an_error_or_shorter),
      cmocka_unit_test(quirks_of_writers_and_hostile_headers),
      cmocka_unit_test(written_values_read_back),
      cmocka_unit_test(written_runs_are_small),
      cmocka_unit_test(validity_round_trips_in_parts),
      cmocka_unit_test(bit_packed_levels),
  };
  fixture_begin(&fixture);
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  fixture_end(&fixture);
  return failed;
}
