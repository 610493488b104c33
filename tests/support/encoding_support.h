/* What the tests of encodings share: an account, exact-size copies so that the sanitizer sees every read beyond,
 * and a seeded generator whose seed is printed. Included after <cmocka.h>. */
#ifndef ENCODING_SUPPORT_H
#define ENCODING_SUPPORT_H

#include <stdio.h>
#include <stdlib.h>

#include "parquet/encoding.h"

struct fixture {
  struct lam_context *context;
  struct lam_mem *mem;
  uint64_t random;
};

static inline void fixture_begin(struct fixture *fixture) {
  struct lam_context_options options = LAM_CONTEXT_OPTIONS_INIT;
  options.threads = 1;
  options.memory_limit = 256 << 20;
  assert_int_equal(lam_context_create(&options, &fixture->context, NULL), LAM_OK);
  assert_int_equal(lam_mem_open(fixture->context, 1 << 20, &fixture->mem, NULL), LAM_OK);
  const char *seed = getenv("LAMELLA_TEST_SEED");
  fixture->random = seed ? strtoull(seed, NULL, 10) : 20261121;
  printf("LAMELLA_TEST_SEED=%llu\n", (unsigned long long)fixture->random);
}

static inline void fixture_end(struct fixture *fixture) {
  assert_int_equal(lam_mem_used(fixture->mem), 0); /* nothing was left behind */
  lam_mem_close(fixture->mem);
  lam_context_free(fixture->context);
}

/* splitmix64, public domain. */
static inline uint64_t next_random(struct fixture *fixture) {
  uint64_t z = fixture->random += 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return z ^ z >> 31;
}
static inline size_t random_below(struct fixture *fixture, size_t limit) {
  return (size_t)(next_random(fixture) % limit);
}
static inline uint64_t random_bits(struct fixture *fixture, int width) {
  return width ? next_random(fixture) >> (64 - width) : 0;
}

/* The first `size` bytes alone in an allocation of their own; freed with free(). */
static inline struct lam_bytes exact_copy(const void *data, size_t size) {
  uint8_t *copy = malloc(size ? size : 1);
  assert_non_null(copy);
  lam_copy(copy, data, size);
  if (size) return lam_bytes_of(copy, size);
  free(copy);
  return lam_bytes_of(NULL, 0);
}

static inline void assert_message(const struct lam_error *error, const char *part) {
  if (!strstr(error->message, part)) fail_msg("'%s' is not in '%s'", part, error->message);
}

#endif
