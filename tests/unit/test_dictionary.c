#include "arrow_support.h"
#include "parquet/dictionary.h"

/* A dictionary that adopts the values of another has them under the same indices, and takes more. */
static void find_adopted(const struct lam_dictionary *from, const uint8_t *values, const struct lam_bytes *slices,
                         const uint32_t *indices, size_t count) {
  struct lam_dictionary adopted;
  const struct lam_bytes more = lam_bytes_of((const uint8_t *)"0123456789012345678901234567890123456789...", 43);
  uint32_t *found = calloc(count, sizeof *found), index;
  size_t done;
  bool fits;
  lam_dictionary_init(&adopted, mem, from->width, 1 << 24);
  OK(lam_dictionary_adopt(&adopted, lam_bytes_of(from->values.data, from->values.size), from->count, &fits, &error));
  assert_true(fits);
  assert_int_equal(adopted.count, from->count);
  assert_int_equal(adopted.slots.size, 0);
  if (from->width)
    OK(lam_dictionary_put(&adopted, values, 1, found, &done, &error));
  else
    OK(lam_dictionary_put_bytes(&adopted, slices, count, found, &done, &error));
  assert_memory_equal(found, indices, (from->width ? 1 : count) * sizeof *found);
  if (!from->width) {
    OK(lam_dictionary_put_bytes(&adopted, &more, 1, &index, &done, &error));
    assert_int_equal(index, from->count);
  }
  assert_memory_equal(adopted.values.data, from->values.data, from->values.size);
  lam_dictionary_release(&adopted);
  free(found);
}

static void test_adopted(void **state) {
  (void)state;
  struct lam_dictionary dictionary;
  const uint32_t numbers[] = {7, 8, 7, 9};
  uint32_t same[1000] = {0}, indices[4];
  size_t done;
  bool fits;
  lam_dictionary_init(&dictionary, mem, 4, 4000);
  FAILS(lam_dictionary_adopt(&dictionary, lam_bytes_of(numbers, 15), 4, &fits, &error), LAM_CORRUPT, "4 values");
  OK(lam_dictionary_adopt(&dictionary, lam_bytes_of(numbers, 16), 4, &fits, &error));
  assert_true(fits); /* a value that it has twice is found */
  OK(lam_dictionary_put(&dictionary, (const uint8_t *)numbers, 4, indices, &done, &error));
  assert_int_equal(done, 4);
  for (int i = 0; i < 4; i++) assert_int_equal(numbers[indices[i]], numbers[i]);
  lam_dictionary_clear(&dictionary);
  OK(lam_dictionary_adopt(&dictionary, lam_bytes_of(same, sizeof same), 1000, &fits, &error));
  assert_true(fits); /* so many collisions are crafted */
  OK(lam_dictionary_put(&dictionary, (const uint8_t *)numbers, 1, indices, &done, &error));
  assert_int_equal(done, 0);
  lam_dictionary_release(&dictionary);
  lam_dictionary_init(&dictionary, mem, 4, 15);
  OK(lam_dictionary_adopt(&dictionary, lam_bytes_of(numbers, 16), 4, &fits, &error));
  assert_false(fits);
  lam_dictionary_release(&dictionary);
  lam_dictionary_init(&dictionary, mem, 0, 100);
  const uint8_t texts[] = {1, 0, 0, 0, 'a', 2, 0, 0, 0, 'b'};
  FAILS(lam_dictionary_adopt(&dictionary, lam_bytes_of(texts, 10), 2, &fits, &error), LAM_CORRUPT, "within value 1");
  FAILS(lam_dictionary_adopt(&dictionary, lam_bytes_of(texts, 8), 2, &fits, &error), LAM_CORRUPT, "within value 1");
  OK(lam_dictionary_adopt(&dictionary, lam_bytes_of(NULL, 0), 0, &fits, &error));
  assert_true(fits);
  lam_dictionary_release(&dictionary);
}

/* Puts random values of `width` bytes (0: strings) out of `distinct`, and looks each up again. */
static void round_trip(size_t width, uint32_t distinct, size_t count, uint64_t *random) {
  struct lam_dictionary dictionary;
  lam_dictionary_init(&dictionary, mem, width, 1 << 24);
  size_t room = width ? width : 40;
  uint8_t *values = calloc(count, room);
  struct lam_bytes *slices = calloc(count, sizeof *slices);
  uint32_t *indices = calloc(count, sizeof *indices);
  for (size_t i = 0; i < count; i++) {
    uint64_t pick = next_random(random) % distinct, seed = pick * 77 + 5;
    size_t size = width ? width : pick % 40;
    uint8_t *value = values + i * room;
    for (size_t b = 0; b < size; b += 8) {
      uint64_t bits = next_random(&seed);
      memcpy(value + b, &bits, size - b < 8 ? size - b : 8);
    }
    slices[i] = lam_bytes_of(value, size);
  }
  for (size_t at = 0, done; at < count; at += done) {
    size_t some = 1 + next_random(random) % 700;
    if (some > count - at) some = count - at;
    if (width)
      OK(lam_dictionary_put(&dictionary, values + at * width, some, indices + at, &done, &error));
    else
      OK(lam_dictionary_put_bytes(&dictionary, slices + at, some, indices + at, &done, &error));
    assert_int_equal(done, some);
  }
  uint32_t next = 0;
  for (size_t i = 0; i < count; i++) {
    assert_true(indices[i] <= next); /* numbered by first use */
    if (indices[i] == next) next++;
    struct lam_bytes found = lam_dictionary_plain(&dictionary, indices[i]);
    if (!width) {
      assert_int_equal(lam_load32(found.data), slices[i].size);
      found.data += 4, found.size -= 4;
    }
    assert_true(lam_bytes_equal(found, slices[i]));
  }
  assert_int_equal(next, dictionary.count);
  assert_true(dictionary.count <= distinct);
  find_adopted(&dictionary, values, slices, indices, count);
  lam_dictionary_clear(&dictionary);
  assert_int_equal(dictionary.values.size, 0);
  lam_dictionary_release(&dictionary);
  free(values), free(slices), free(indices);
}

static void test_round_trips(void **state) {
  (void)state;
  uint64_t random = seed_of_test();
  static const size_t widths[] = {0, 1, 2, 3, 4, 8, 12, 16, 33};
  for (size_t w = 0; w < sizeof widths / sizeof *widths; w++) {
    round_trip(widths[w], 1, 600, &random);
    round_trip(widths[w], 200, 3000, &random);
    round_trip(widths[w], 40000, 60000, &random);
  }
}

static void test_limit(void **state) {
  (void)state;
  struct lam_dictionary dictionary;
  uint32_t indices[10];
  size_t done;
  const uint32_t numbers[] = {7, 7, 8, 9, 7};
  lam_dictionary_init(&dictionary, mem, 4, 8); /* two values */
  OK(lam_dictionary_put(&dictionary, (const uint8_t *)numbers, 5, indices, &done, &error));
  assert_int_equal(done, 3);
  assert_int_equal(dictionary.count, 2);
  lam_dictionary_release(&dictionary);
  const struct lam_bytes texts[] = {{(const uint8_t *)"abc", 3}, {NULL, 0}, {(const uint8_t *)"d", 1}};
  lam_dictionary_init(&dictionary, mem, 0, 11); /* 7 + 4 bytes with their lengths */
  OK(lam_dictionary_put_bytes(&dictionary, texts, 3, indices, &done, &error));
  assert_int_equal(done, 2);
  lam_dictionary_release(&dictionary);
}

/* Integers that lie near one another, and some or many, from `turn` on, that do not: each is once in the dictionary. */
static void near_and_far(size_t width, int64_t first, uint64_t range, uint32_t far_of_100, size_t turn,
                         struct lam_dictionary *dictionary, uint64_t *random) {
  enum { COUNT = 20000 };
  uint8_t *values = calloc(COUNT, width);
  uint32_t *indices = calloc(2 * COUNT, sizeof *indices);
  for (size_t i = 0; i < COUNT; i++) {
    uint64_t value = (uint64_t)first + next_random(random) % range;
    if (next_random(random) % 100 < (i < turn ? 1 : far_of_100))
      value += UINT64_C(77777777) * (next_random(random) % 500);
    memcpy(values + i * width, &value, width);
  }
  uint32_t next = 0;
  for (size_t pass = 0; pass < 2; pass++) { /* the second finds what the first has put */
    for (size_t at = 0, done; at < COUNT; at += done) {
      size_t some = lam_min_u64(256 + next_random(random) % 700, COUNT - at);
      OK(lam_dictionary_put(dictionary, values + at * width, some, indices + pass * COUNT + at, &done, &error));
      assert_int_equal(done, some);
    }
    next = pass ? next : dictionary->count;
  }
  assert_int_equal(dictionary->count, next);
  assert_memory_equal(indices, indices + COUNT, COUNT * sizeof *indices);
  next = 0;
  for (size_t i = 0; i < COUNT; i++) {
    assert_true(indices[i] <= next);
    if (indices[i] == next) next++;
    assert_memory_equal(lam_dictionary_plain(dictionary, indices[i]).data, values + i * width, width);
  }
  lam_dictionary_clear(dictionary);
  free(values), free(indices);
}

static void test_near(void **state) {
  (void)state;
  uint64_t random = seed_of_test();
  for (size_t width = 4; width <= 8; width += 4) {
    struct lam_dictionary dictionary;
    lam_dictionary_init(&dictionary, mem, width, 1 << 24);
    near_and_far(width, 1000, 5000, 1, 0, &dictionary, &random);
    near_and_far(width, -100, 200, 10, 9000, &dictionary, &random);
    near_and_far(width, width == 4 ? INT32_MAX - 50 : INT64_MAX - 50, 40, 1, 0, &dictionary, &random);
    near_and_far(width, width == 4 ? INT32_MIN : INT64_MIN, 1, 90, 8000, &dictionary, &random);
    near_and_far(width, 7, 60000, 60, 5000, &dictionary, &random);
    near_and_far(width, 0, 1, 100, 300, &dictionary, &random);
    lam_dictionary_release(&dictionary);
  }
}

/* The limit is the same for near values; where there is no memory for their table there is none. */
static void test_near_limit(void **state) {
  (void)state;
  struct lam_dictionary dictionary;
  uint64_t values[1024];
  uint32_t indices[1024];
  size_t done;
  for (uint64_t i = 0; i < 1024; i++) values[i] = i % 2 ? i * 7 : i << (i < 256 ? 0 : 40);
  lam_dictionary_init(&dictionary, mem, 8, 3000);
  OK(lam_dictionary_put(&dictionary, (const uint8_t *)values, 1024, indices, &done, &error));
  assert_int_equal(done, 375);
  assert_int_equal(dictionary.count, 375);
  lam_dictionary_clear(&dictionary);
  dictionary.reserve = UINT64_MAX / 2;
  lam_buf_release(&dictionary.near);
  OK(lam_dictionary_put(&dictionary, (const uint8_t *)values, 256, indices, &done, &error));
  assert_int_equal(dictionary.near_count, 0);
  lam_dictionary_release(&dictionary);
}

/* Values made so that all of them fall into one slot do not make the table slow: it gives up. */
static void test_crafted_collisions(void **state) {
  (void)state;
  enum { COUNT = 5000 };
  uint64_t inverse = 0xf1de83e19937733du, *values = calloc(COUNT, sizeof *values);
  assert_int_equal(inverse * 0x9e3779b97f4a7c15u, 1);
  for (uint64_t i = 0; i < COUNT; i++) {
    uint64_t hash = i, mixed = hash * inverse; /* the hash has its top bits clear */
    values[i] = mixed ^ mixed >> 32;
  }
  struct lam_dictionary dictionary;
  uint32_t *indices = calloc(COUNT, sizeof *indices);
  size_t done;
  lam_dictionary_init(&dictionary, mem, 8, 1 << 20);
  OK(lam_dictionary_put(&dictionary, (const uint8_t *)values, COUNT, indices, &done, &error));
  assert_true(done < COUNT);
  lam_dictionary_release(&dictionary);
  free(values), free(indices);
}

int main(void) {
  const struct CMUnitTest tests[] = {MEM_TEST(test_round_trips), MEM_TEST(test_limit),
                                     MEM_TEST(test_adopted),     MEM_TEST(test_near),
                                     MEM_TEST(test_near_limit),  MEM_TEST(test_crafted_collisions)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
