/* The level of zstd that a column of text gets: by a trial on its fifth page, whatever the threads. */
#include <stdio.h>
#include <stdlib.h>

#include "page_support.h"
#include "parquet/chunk_write.h"

enum { PAGE = 1 << 20 };

static uint32_t seed_state = 7;
static uint32_t pick(uint32_t below) {
  seed_state = seed_state * 1664525u + 1013904223u;
  return (uint32_t)((uint64_t)(seed_state >> 8) * below >> 24);
}

/* ---- texts ---- */

static size_t put_digits(char *to) {
  return (size_t)sprintf(to, "%08x%08x%08x", pick(1 << 24), pick(1 << 24) * 251, pick(1 << 24) * 257);
}

/* Long rows of the same few names, in any order. */
static size_t put_names(char *to) {
  size_t size = 0;
  while (size < 1000) size += (size_t)sprintf(to + size, "product-%05u", pick(2000));
  return size;
}

/* Long rows, each from somewhere in one of a few texts. */
static size_t put_pieces(char *to) {
  static char texts[300][1200];
  for (size_t i = 0; !texts[299][1199] && i < sizeof texts; i += 13)
    snprintf(&texts[0][0] + i, sizeof texts - i, "product-%05u", pick(2000));
  texts[299][1199] = 1;
  size_t from = pick(600), size = 1198 - from;
  memcpy(to, texts[pick(300)] + from, size);
  return size;
}

/* Words, some of them frequent, that begin alike: those that were there before are found by more than their beginning.
 */
static size_t put_words(char *to) {
  size_t size = 0;
  for (uint32_t i = 0, words = 6 + pick(9); i < words; i++) {
    uint32_t word = pick(pick(2) ? 40 : 3000) * 2654435761u;
    size += (size_t)sprintf(to + size, "value_of_");
    for (uint32_t k = 0, letters = 2 + word % 7; k < letters; k++) to[size++] = (char)('a' + (word >> (4 * k)) % 15);
    to[size++] = ' ';
  }
  return size;
}

static void fill_page(struct lam_out_page *page, size_t (*put)(char *), size_t most) {
  assert_int_equal(lam_buf_reserve(&page->bytes, PAGE + 2048, NULL), LAM_OK);
  page->start = page->bytes.size = LAM_HEADER_ROOM;
  while (page->bytes.size < most) {
    uint8_t *at = page->bytes.data + page->bytes.size;
    size_t size = put((char *)at + 4);
    lam_store32(at, (uint32_t)size);
    page->bytes.size += 4 + size;
  }
}

/* ---- levels ---- */

struct fixture {
  struct page_fixture f;
  struct lam_chunk_writer chunk;
  struct lam_workspace workspace;
  struct lam_out_page page;
};

static void begin(struct fixture *t, enum lam_codec codec, int level) {
  page_fixture_begin(&t->f, 64 << 20);
  t->chunk = (struct lam_chunk_writer){.mem = t->f.mem, .options = {.codec = codec, .level = level}};
  t->chunk.storing.rule = LAM_STORE_BYTES;
  lam_workspace_init(&t->workspace, t->f.mem);
  t->page = (struct lam_out_page){.chunk = &t->chunk, .level = level};
  lam_buf_init(&t->page.bytes, t->f.mem);
}

static void end(struct fixture *t) {
  lam_buf_release(&t->page.bytes);
  lam_workspace_release(&t->workspace);
  page_fixture_end(&t->f);
}

static int level_of(struct fixture *t, size_t (*put)(char *), size_t most) {
  fill_page(&t->page, put, most);
  t->page.level = t->chunk.options.level;
  assert_int_equal(lam_page_choose_level(&t->chunk, &t->workspace, &t->page, NULL), LAM_OK);
  return t->page.level;
}

static int next_level(struct fixture *t, size_t (*put)(char *)) {
  return level_of(t, put, PAGE);
}

static size_t size_at(struct fixture *t, int level) {
  struct lam_buf packed = {.mem = t->f.mem};
  struct lam_bytes plain = lam_bytes_of(t->page.bytes.data + t->page.start, t->page.bytes.size - t->page.start);
  assert_int_equal(lam_compress(&t->f.codec, LAM_ZSTD, level, plain, &packed, NULL), LAM_OK);
  size_t size = packed.size;
  uint8_t *back = malloc(plain.size);
  assert_non_null(back);
  assert_int_equal(lam_decompress(&t->f.codec, LAM_ZSTD, lam_bytes_of(packed.data, size), back, plain.size, NULL),
                   LAM_OK);
  assert_memory_equal(back, plain.data, plain.size);
  free(back);
  lam_buf_release(&packed);
  return size;
}

static void the_fifth_page_settles_it(void **state) {
  (void)state;
  static const struct {
    size_t (*put)(char *);
    int level;
  } cases[] = {{put_digits, 1}, {put_names, LAM_ZSTD_WIDE}, {put_words, 3}, {put_pieces, LAM_ZSTD_LONG}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct fixture t;
    begin(&t, LAM_ZSTD, 0);
    for (int page = 0; page < 4; page++) assert_int_equal(next_level(&t, cases[i].put), 3);
    for (int page = 4; page < 7; page++) {
      if (next_level(&t, cases[i].put) != cases[i].level)
        fail_msg("%zu: %d, %zu bytes at level 3, %zu at wide, %zu at 1, %zu at long", i, t.page.level, size_at(&t, 3),
                 size_at(&t, LAM_ZSTD_WIDE), size_at(&t, 1), size_at(&t, LAM_ZSTD_LONG));
    }
    size_t kept = size_at(&t, cases[i].level), dear = size_at(&t, 3);
    assert_true(kept <= dear + dear / 45);
    end(&t);
  }
}

/* In less text passages return less often. */
static void short_pages_are_searched_for_short_passages(void **state) {
  (void)state;
  struct fixture t;
  begin(&t, LAM_ZSTD, 0);
  for (int page = 0; page < 5; page++) next_level(&t, put_pieces);
  assert_int_equal(t.page.level, LAM_ZSTD_LONG);
  assert_int_equal(level_of(&t, put_pieces, PAGE / 4), LAM_ZSTD_WIDE);
  assert_true(size_at(&t, LAM_ZSTD_WIDE) < size_at(&t, LAM_ZSTD_LONG));
  assert_int_equal(next_level(&t, put_pieces), LAM_ZSTD_LONG);
  end(&t);
}

static void what_is_asked_for_stays(void **state) {
  (void)state;
  static const struct {
    enum lam_codec codec;
    int level;
    enum lam_store_rule rule;
  } cases[] = {{LAM_ZSTD, 3, LAM_STORE_BYTES},
               {LAM_ZSTD, 1, LAM_STORE_BYTES},
               {LAM_ZSTD, 0, LAM_STORE_SAME},
               {LAM_GZIP, 0, LAM_STORE_BYTES},
               {LAM_SNAPPY, 0, LAM_STORE_BYTES}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct fixture t;
    begin(&t, cases[i].codec, cases[i].level);
    t.chunk.storing.rule = cases[i].rule;
    for (int page = 0; page < 7; page++) assert_int_equal(next_level(&t, put_digits), cases[i].level);
    end(&t);
  }
}

static void no_memory_no_trial(void **state) {
  (void)state;
  struct fixture t;
  void *rest;
  begin(&t, LAM_ZSTD, 0);
  for (int page = 0; page < 4; page++) next_level(&t, put_digits);
  size_t left = (size_t)lam_mem_available(t.f.mem) - 1000;
  assert_int_equal(lam_alloc(t.f.mem, left, &rest, NULL), LAM_OK);
  for (int page = 4; page < 7; page++) assert_int_equal(next_level(&t, put_digits), 3);
  lam_free(t.f.mem, rest, left);
  end(&t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_fifth_page_settles_it),
      cmocka_unit_test(short_pages_are_searched_for_short_passages),
      cmocka_unit_test(what_is_asked_for_stays),
      cmocka_unit_test(no_memory_no_trial),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
