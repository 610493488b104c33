#include "parquet/bloom.h"

#include "arrow_support.h"

#include "base/checksum.h"

#define KNOWN LAM_SOURCE_DIR "/../shared/parquet-testing/data"

/* One value sets the bit in each lane that the specification's Mask says, in the block that the upper half chooses. */
static void test_bits(void **state) {
  (void)state;
  static const uint32_t salt[8] = {0x47b6137bU, 0x44974d91U, 0x8824ad5bU, 0xa2b7289dU,
                                   0x705495c7U, 0x2df1424bU, 0x9efc4947U, 0x5c6bfb31U};
  uint8_t bits[128] = {0};
  const uint64_t hash = UINT64_C(0xc000000012345678); /* the last of 4 blocks */
  assert_false(lam_bloom_may_contain(bits, sizeof bits, hash));
  lam_bloom_insert(bits, sizeof bits, hash);
  assert_true(lam_bloom_may_contain(bits, sizeof bits, hash));
  assert_int_equal(lam_bits_count(bits, 0, 1024), 8);
  for (int i = 0; i < 8; i++)
    assert_true(lam_bit_get(bits, 96 * 8 + 32 * i + (int64_t)((0x12345678U * salt[i]) >> 27)));
}

/* The test vector of parquet-mr, Arrow and others: a filter of 1024 bytes with the header in front. */
static void test_known_filter(void **state) {
  (void)state;
  static const char *const values[] = {"hello", "parquet", "bloom", "filter"};
  FILE *in = fopen(KNOWN "/bloom_filter.xxhash.bin", "rb");
  uint8_t bytes[2048], own[2048] = {0};
  size_t header, size;
  struct lam_buf out = {.mem = mem};
  if (!in) skip();
  size_t length = fread(bytes, 1, sizeof bytes, in);
  fclose(in);
  OK(lam_bloom_parse_header(lam_bytes_of(bytes, length), &header, &size, &error));
  assert_int_equal(header + size, length);
  assert_int_equal(size, 1024);
  for (size_t i = 0; i < 4; i++) {
    struct lam_bytes value = lam_bytes_of_string(values[i]);
    assert_true(lam_bloom_may_contain(bytes + header, size, lam_hash64(value.data, value.size)));
    lam_bloom_insert_bytes(own, size, &value, 1);
  }
  assert_memory_equal(own, bytes + header, size);
  OK(lam_bloom_write(own, size, &out, &error));
  assert_int_equal(out.size, length);
  assert_memory_equal(out.data, bytes, length);
  lam_buf_release(&out);
}

static void test_headers(void **state) {
  (void)state;
  struct lam_buf out = {.mem = mem};
  uint8_t bits[64] = {1};
  size_t header, size;
  OK(lam_bloom_write(bits, sizeof bits, &out, &error));
  for (size_t cut = 0; cut + 64 < out.size; cut++) {
    OK(lam_bloom_parse_header(lam_bytes_of(out.data, cut), &header, &size, &error));
    assert_int_equal(header, 0);
  }
  const struct {
    uint8_t bytes[24];
    enum lam_status status;
    const char *text;
  } cases[] = {
      {{0x15, 0x80, 0x01, 0x1c, 0x2c, 0, 0, 0x1c, 0x1c, 0, 0, 0x1c, 0x1c, 0, 0, 0}, LAM_UNSUPPORTED, "algorithm"},
      {{0x15, 0x80, 0x01, 0x1c, 0x1c, 0, 0, 0x1c, 0x2c, 0, 0, 0x1c, 0x1c, 0, 0, 0}, LAM_UNSUPPORTED, "hash"},
      {{0x15, 0x80, 0x01, 0x1c, 0x1c, 0, 0, 0x1c, 0x1c, 0, 0, 0}, LAM_UNSUPPORTED, "compression"},
      {{0x15, 0x82, 0x01, 0x1c, 0x1c, 0, 0, 0x1c, 0x1c, 0, 0, 0x1c, 0x1c, 0, 0, 0}, LAM_CORRUPT, "65 bytes"},
      {{0x15, 0x01, 0x1c, 0x1c, 0, 0, 0x1c, 0x1c, 0, 0, 0x1c, 0x1c, 0, 0, 0}, LAM_CORRUPT, "-1 bytes"},
      {{0x15, 0x00, 0x1c, 0x1c, 0, 0, 0x1c, 0x1c, 0, 0, 0x1c, 0x1c, 0, 0, 0}, LAM_CORRUPT, "0 bytes"},
      {{0x18, 0x00}, LAM_CORRUPT, "bloom filter header is malformed"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    FAILS(lam_bloom_parse_header(lam_bytes_of(cases[i].bytes, 24), &header, &size, &error), cases[i].status,
          cases[i].text);
  lam_buf_release(&out);
}

static void test_sizes(void **state) {
  (void)state;
  assert_int_equal(lam_bloom_size(0, 0.01), 32);
  assert_int_equal(lam_bloom_size(1000000, 0.01), 2 << 20); /* 1.2 MB, BloomFilter.md says */
  assert_int_equal(lam_bloom_size(860000, 0.01), 1 << 20);
  assert_int_equal(lam_bloom_size(100, 0.01), 128);
  assert_int_equal(lam_bloom_size(UINT64_MAX, 0.01), LAM_BLOOM_MOST_BYTES);
  assert_int_equal(lam_bloom_size(10, 0), 256);
  assert_int_equal(lam_bloom_size(10000, 5), 2048);
}

/* The hashes of 4 and 8 bytes are ours; they are XXH64. Others are the library's. */
static void test_insert_fixed(void **state) {
  (void)state;
  uint64_t random = seed_of_test();
  static const size_t widths[] = {4, 8, 12, 16, 1, 40};
  for (size_t w = 0; w < sizeof widths / sizeof *widths; w++) {
    uint8_t values[40 * 500], bits[1024] = {0}, expected[1024] = {0};
    for (size_t i = 0; i < sizeof values; i += 8) {
      uint64_t value = next_random(&random);
      memcpy(values + i, &value, 8);
    }
    lam_bloom_insert_fixed(bits, sizeof bits, values, widths[w], 500);
    for (size_t i = 0; i < 500; i++)
      lam_bloom_insert(expected, sizeof expected, lam_hash64(values + widths[w] * i, widths[w]));
    assert_memory_equal(bits, expected, sizeof bits);
  }
}

/* A folded filter is the one that the values would have made of that size; the number of values shows in the bits; the
 * rate of false positives is what it was made for. */
static void test_fold(void **state) {
  (void)state;
  enum { VALUES = 20000, FULL = 1 << 20 };
  uint8_t *bits = calloc(1, FULL), *direct = calloc(1, FULL);
  uint64_t random = seed_of_test(), first = random;
  for (int i = 0; i < VALUES; i++) lam_bloom_insert(bits, FULL, next_random(&random));
  for (size_t size = FULL; size >= 32768; size /= 2) {
    uint64_t distinct = lam_bloom_distinct(bits, size);
    assert_in_range(distinct, VALUES * 0.98, VALUES * 1.02);
    memset(direct, 0, FULL);
    random = first;
    for (int i = 0; i < VALUES; i++) lam_bloom_insert(direct, size, next_random(&random));
    assert_memory_equal(bits, direct, size);
    if (size > 32768) lam_bloom_fold(bits, size);
  }
  assert_int_equal(lam_bloom_size(VALUES, 0.01), 32768);
  int wrong = 0;
  for (int i = 0; i < 100000; i++) wrong += lam_bloom_may_contain(bits, 32768, next_random(&random));
  assert_in_range(wrong, 1, 1000);
  memset(bits, 0xff, 64);
  assert_true(lam_bloom_distinct(bits, 64) == UINT64_MAX);
  lam_bloom_fold(bits, 64);
  assert_int_equal(lam_bits_count(bits, 0, 256), 256);
  free(bits);
  free(direct);
}

static void test_known_files(void **state) {
  (void)state;
  static const char *const files[] = {"data_index_bloom_encoding_stats.parquet",
                                      "data_index_bloom_encoding_with_length.parquet", "alltypes_plain.parquet"};
  static const char *const values[] = {"Hello", "This is",   "a",         "test",  "How",  "are you",  "doing ",
                                       "today", "the quick", "brown fox", "jumps", "over", "the lazy", "dog"};
  struct lam_store *store;
  struct lam_file *file;
  struct lam_arena arena = {.mem = mem};
  struct lam_bytes bits;
  if (lam_store_local(context, KNOWN, &store, &error) != LAM_OK) skip();
  for (int i = 0; i < 3; i++) {
    OK(lam_file_open_in(store, files[i], NULL, mem, &file, &error));
    OK(lam_bloom_read(file, 0, 0, &arena, &bits, &error));
    assert_int_equal(bits.size > 0, i < 2);
    int wrong = 0;
    for (size_t k = 0; i < 2 && k < sizeof values / sizeof *values; k++)
      assert_true(lam_bloom_may_contain(bits.data, bits.size, lam_hash64(values[k], strlen(values[k]))));
    for (uint64_t k = 0; i < 2 && k < 1000; k++)
      wrong += lam_bloom_may_contain(bits.data, bits.size, lam_hash64(&k, 8));
    assert_in_range(wrong, 0, 10);
    lam_file_close(file);
  }
  lam_arena_release(&arena);
  lam_store_close(store);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      MEM_TEST(test_bits),         MEM_TEST(test_known_filter), MEM_TEST(test_headers),     MEM_TEST(test_sizes),
      MEM_TEST(test_insert_fixed), MEM_TEST(test_fold),         MEM_TEST(test_known_files),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
