/* Bytes pulled for rows: which, in how many reads, and what is decoded from them into buffers of the caller's. */
#include "parquet/pull.h"

#include <stdio.h>

#include "page_support.h"

enum { ROWS = 4000, PAGE_ROWS = 200, PAGES = ROWS / PAGE_ROWS };

static const struct lam_leaf long_leaf = {
    .physical = LAM_INT64, .width = 8, .max_definition = 1, .type = {.id = LAM_TYPE_INT64, .timezone = ""}};
static const struct lam_leaf string_leaf = {
    .physical = LAM_BYTE_ARRAY, .max_definition = 1, .type = {.id = LAM_TYPE_STRING, .timezone = ""}};

/* Row i is NULL where i % 5 is 2, else i, or its decimal digits. A dictionary that no page uses stands in front. */
struct made {
  struct lam_buf bytes;
  struct lam_page_location pages[PAGES];
};

static void make(struct made *made, struct lam_mem *mem, bool strings) {
  static const int64_t dictionary[] = {1, 2, 3};
  *made = (struct made){.bytes = {.mem = mem}};
  struct lam_buf *chunk = &made->bytes;
  uint8_t none[4] = {0};
  if (!strings)
    put_dictionary(chunk, 3, lam_bytes_of(dictionary, sizeof dictionary));
  else
    put_dictionary(chunk, 1, lam_bytes_of(none, 4));
  for (int page = 0; page < PAGES; page++) {
    uint32_t levels[PAGE_ROWS];
    int64_t values[PAGE_ROWS];
    int32_t offsets[PAGE_ROWS + 1] = {0};
    char text[PAGE_ROWS * 8];
    size_t valid = 0;
    for (int i = 0; i < PAGE_ROWS; i++) {
      int64_t row = page * PAGE_ROWS + i;
      if (!(levels[i] = row % 5 != 2)) continue;
      values[valid] = row;
      offsets[valid + 1] = offsets[valid] + snprintf(text + offsets[valid], 8, "%d", (int)row);
      valid++;
    }
    struct lam_buf plain = {.mem = mem};
    if (strings)
      assert_int_equal(lam_strings_write(LAM_PLAIN, (const uint8_t *)text, offsets, valid, &plain, NULL), LAM_OK);
    else
      assert_int_equal(lam_buf_append(&plain, values, valid * 8, NULL), LAM_OK);
    made->pages[page] = (struct lam_page_location){.offset = chunk->size, .first_row = page * PAGE_ROWS};
    put_data_page(chunk, LAM_PLAIN, levels, PAGE_ROWS, lam_bytes_of(plain.data, plain.size));
    made->pages[page].size = (uint32_t)(chunk->size - made->pages[page].offset);
    lam_buf_release(&plain);
  }
}

static struct lam_chunk_source describe(const struct made *made, const struct lam_leaf *leaf) {
  struct lam_chunk_source source = source_of(&made->bytes, leaf, ROWS);
  source.pages = made->pages;
  source.page_count = PAGES;
  return source;
}

struct counted {
  const struct lam_buf *buf;
  uint64_t calls, bytes;
};
static enum lam_status read_counted(const void *user, uint64_t offset, void *to, size_t size, struct lam_error *error) {
  struct counted *counted = *(struct counted *const *)user;
  counted->calls++;
  counted->bytes += size;
  return read_from_buf(counted->buf, offset, to, size, error);
}

static void rows_of_three_pages_need_three_pages(void **state) {
  (void)state;
  static const struct lam_range rows[] = {{405, 406}, {900, 901}, {3000, 3300}};
  struct page_fixture f;
  struct made made;
  page_fixture_begin(&f, 64 << 20);
  make(&made, f.mem, false);
  struct lam_chunk_source source = describe(&made, &long_leaf);
  struct counted counted = {.buf = &made.bytes}, *user = &counted;
  source.bytes = (struct lam_byte_source){.read = read_counted, .user = &user};
  struct lam_pull pull;
  lam_pull_init(&pull, f.mem);
  uint64_t bytes, page = made.pages[1].offset - made.pages[0].offset;
  assert_int_equal(lam_pull_chunk(&pull, &source, rows + 2, 1, &bytes, NULL), LAM_OK);
  assert_int_equal(bytes, made.pages[0].offset + made.pages[15].size + made.pages[16].size);
  assert_int_equal(lam_pull_chunk(&pull, &source, rows, 1, NULL, NULL), LAM_OK);
  /* No gap is worth reading: the dictionary, page 2, pages 15 and 16. */
  assert_int_equal(lam_pull_plan(&pull, 0, LAM_PULL_MOST, NULL), LAM_OK);
  assert_int_equal(lam_ranges_count(&pull.calls), 3);
  /* Gaps of a page are. */
  assert_int_equal(lam_pull_plan(&pull, (int64_t)(2 * page + 64), LAM_PULL_MOST, NULL), LAM_OK);
  assert_int_equal(lam_ranges_count(&pull.calls), 2);
  assert_int_equal(lam_pull_fetch(&pull, &source.bytes, NULL), LAM_OK);
  assert_int_equal(counted.calls, 2);
  assert_true(counted.bytes < 6 * page);
  /* What was pulled is enough. */
  struct lam_byte_source behind = source.bytes;
  source.bytes = lam_pull_source(&pull);
  struct lam_chunk chunk;
  lam_chunk_init(&chunk, f.mem);
  assert_int_equal(lam_chunk_begin(&chunk, &source, false, NULL), LAM_OK);
  static const struct lam_range in_order[] = {{405, 406}, {3000, 3300}};
  assert_int_equal(lam_chunk_read_ranges(&chunk, &f.codec, in_order, 2, 1000, INT32_MAX, NULL), LAM_OK);
  assert_int_equal(chunk.run.rows, 301);
  assert_int_equal(((int64_t *)(void *)chunk.run.values.data->data)[0], 405);
  assert_int_equal(((int64_t *)(void *)chunk.run.values.data->data)[300], 3299);
  assert_int_equal(counted.calls, 2);
  lam_chunk_release(&chunk);
  /* Calls are bounded. */
  lam_pull_clear(&pull);
  source.bytes = behind;
  source.pages = NULL;
  assert_int_equal(lam_pull_chunk(&pull, &source, in_order, 2, &bytes, NULL), LAM_OK);
  assert_int_equal(bytes, made.bytes.size);
  assert_int_equal(lam_pull_plan(&pull, LAM_PULL_GAP, 1000, NULL), LAM_OK);
  assert_int_equal(lam_ranges_count(&pull.calls), (made.bytes.size + 999) / 1000);
  assert_int_equal(lam_pull_fetch(&pull, &source.bytes, NULL), LAM_OK);
  source.bytes = lam_pull_source(&pull);
  lam_chunk_init(&chunk, f.mem);
  assert_int_equal(lam_chunk_begin(&chunk, &source, false, NULL), LAM_OK);
  assert_int_equal(lam_chunk_read(&chunk, &f.codec, ROWS, INT32_MAX, NULL), LAM_OK);
  assert_int_equal(chunk.run.rows, ROWS);
  lam_chunk_release(&chunk);
  lam_pull_release(&pull);
  lam_buf_release(&made.bytes);
  page_fixture_end(&f);
}

static void bytes_may_be_handed_over(void **state) {
  (void)state;
  static const struct lam_range row = {801, 802}, far = {2001, 2002};
  struct page_fixture f;
  struct made made;
  struct lam_error error = LAM_ERROR_INIT;
  page_fixture_begin(&f, 64 << 20);
  make(&made, f.mem, false);
  struct lam_chunk_source source = describe(&made, &long_leaf);
  struct lam_pull pull;
  lam_pull_init(&pull, f.mem);
  assert_int_equal(lam_pull_chunk(&pull, &source, &row, 1, NULL, NULL), LAM_OK);
  assert_int_equal(lam_pull_plan(&pull, 0, LAM_PULL_MOST, NULL), LAM_OK);
  assert_int_equal(lam_ranges_count(&pull.calls), 2);
  for (size_t i = 0; i < 2; i++)
    assert_int_equal(lam_pull_give(&pull, i, made.bytes.data + lam_ranges_at(&pull.calls, i)->first, NULL), LAM_OK);
  source.bytes = lam_pull_source(&pull);
  int64_t value = 0;
  uint8_t validity = 0;
  struct lam_decode_buffers out = {
      .validity = &validity, .validity_size = 1, .values = (uint8_t *)&value, .values_size = 8};
  assert_int_equal(lam_chunk_decode(&source, &row, 1, f.mem, &out, NULL), LAM_OK);
  assert_int_equal(value, 801);
  assert_int_equal(validity & 1, 1);
  assert_int_equal(lam_chunk_decode(&source, &far, 1, f.mem, &out, &error), LAM_NOT_FOUND);
  assert_non_null(strstr(error.message, "were not handed over"));
  lam_pull_release(&pull);
  lam_buf_release(&made.bytes);
  page_fixture_end(&f);
}

static void chunks_are_decoded_into_buffers_of_the_caller(void **state) {
  (void)state;
  static const struct lam_range ranges[] = {{0, 10}, {17, 18}, {1000, 3000}, {3999, 4000}};
  enum { CHOSEN = 10 + 1 + 2000 + 1 };
  struct page_fixture f;
  page_fixture_begin(&f, 64 << 20);
  for (int strings = 0; strings < 2; strings++) {
    struct made made;
    uint8_t validity[ROWS / 8];
    int64_t values[ROWS];
    int32_t offsets[ROWS + 1];
    struct lam_error error = LAM_ERROR_INIT;
    make(&made, f.mem, strings);
    struct lam_chunk_source source = describe(&made, strings ? &string_leaf : &long_leaf);
    struct lam_decode_buffers out = {
        validity, sizeof validity, (uint8_t *)values, sizeof values, offsets, sizeof offsets, 0, 0, 0};
    assert_int_equal(lam_chunk_decode(&source, ranges, 4, f.mem, &out, NULL), LAM_OK);
    assert_int_equal(out.rows, CHOSEN);
    int64_t i = 0, nulls = 0;
    for (size_t r = 0; r < 4; r++)
      for (int64_t row = ranges[r].first; row < ranges[r].end; row++, i++) {
        bool null = row % 5 == 2;
        char digits[8];
        size_t size = null ? 0 : (size_t)snprintf(digits, sizeof digits, "%d", (int)row);
        assert_int_equal(lam_bit_get(validity, i), !null);
        nulls += null;
        if (strings) {
          assert_int_equal(offsets[i + 1] - offsets[i], size);
          assert_memory_equal((uint8_t *)values + offsets[i], digits, size);
        } else {
          assert_int_equal(values[i], null ? 0 : row);
        }
      }
    assert_int_equal(out.nulls, nulls);
    size_t needed = out.values_needed;
    assert_int_equal(needed, strings ? (size_t)offsets[CHOSEN] : CHOSEN * 8u);
    /* Too small by a byte. */
    out.values_size = needed - 1;
    assert_int_equal(lam_chunk_decode(&source, ranges, 4, f.mem, &out, &error), LAM_LIMIT);
    assert_non_null(strstr(error.message, "bytes for the values of 2012 rows"));
    assert_int_equal(out.values_needed, needed);
    out.values_size = needed;
    out.validity_size = CHOSEN / 8;
    assert_int_equal(lam_chunk_decode(&source, ranges, 4, f.mem, &out, &error), LAM_LIMIT);
    assert_non_null(strstr(error.message, "for the validity"));
    out.validity_size = sizeof validity;
    assert_int_equal(lam_chunk_decode(&source, NULL, 0, f.mem, &out, &error), LAM_LIMIT);
    out.values_size = sizeof values;
    assert_int_equal(lam_chunk_decode(&source, NULL, 0, f.mem, &out, &error), LAM_OK);
    assert_int_equal(out.rows, ROWS);
    lam_buf_release(&made.bytes);
  }
  page_fixture_end(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rows_of_three_pages_need_three_pages),
      cmocka_unit_test(bytes_may_be_handed_over),
      cmocka_unit_test(chunks_are_decoded_into_buffers_of_the_caller),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
