/* What the tests of arrays and texts share: an account of memory, random numbers, columns from texts. */
#ifndef LAM_TEST_ARROW_SUPPORT_H
#define LAM_TEST_ARROW_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka's header needs those above. */
#include <cmocka.h>

#include "arrow/value_text.h"

static struct lam_error error = LAM_ERROR_INIT;
static struct lam_context *context;
static struct lam_mem *mem;

#define OK(call)                                                 \
  do {                                                           \
    enum lam_status ok_status = (call);                          \
    if (ok_status != LAM_OK) print_error("%s\n", error.message); \
    assert_int_equal(ok_status, LAM_OK);                         \
  } while (0)
#define FAILS(call, status, text)                                                \
  do {                                                                           \
    assert_int_equal(call, status);                                              \
    if (!strstr(error.message, text)) print_error("found: %s\n", error.message); \
    assert_non_null(strstr(error.message, text));                                \
  } while (0)

static inline int open_mem(void **state) {
  (void)state;
  return lam_context_create(NULL, &context, &error) || lam_mem_open(context, 0, &mem, &error);
}
/* A test that leaves memory behind fails. */
static inline int close_mem(void **state) {
  (void)state;
  uint64_t used = lam_mem_used(mem);
  if (used) print_error("%llu bytes are still in use\n", (unsigned long long)used);
  if (used) return 1; /* the account's own check would end the program before cmocka says which assertion failed */
  lam_mem_close(mem);
  lam_context_free(context);
  return 0;
}
#define MEM_TEST(test) cmocka_unit_test_setup_teardown(test, open_mem, close_mem)

static inline uint64_t next_random(uint64_t *state) { /* splitmix64 */
  uint64_t z = *state += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}
static inline uint64_t seed_of_test(void) {
  const char *given = getenv("LAM_SEED");
  uint64_t seed = given ? strtoull(given, NULL, 0) : 20261121;
  print_message("LAM_SEED=%llu\n", (unsigned long long)seed);
  return seed;
}

static inline struct lam_type type_of(const char *name) {
  struct lam_type type;
  OK(lam_type_parse_name(name, &type, &error));
  return type;
}

/* A column of the texts given, "\1" for NULL. */
static inline void make_column(const char *type_name, const char *name, const char *const *texts, int count,
                               struct ArrowSchema *schema, struct ArrowArray *array) {
  struct lam_type type = type_of(type_name);
  struct lam_builder builder;
  OK(lam_schema_init(&type, name, true, schema, &error));
  OK(lam_builder_init(&builder, mem, &type, &error));
  for (int i = 0; i < count; i++) {
    if (*texts[i] == 1)
      OK(lam_builder_null(&builder, &error));
    else
      OK(lam_value_build(&builder, lam_bytes_of_string(texts[i]), &error));
  }
  OK(lam_builder_finish(&builder, array, &error));
  lam_builder_release(&builder);
}

static inline void expect_text(const struct lam_buf *buf, const char *expected) {
  if (buf->size != strlen(expected) || memcmp(buf->data, expected, buf->size))
    print_error("found:    %.*s\nexpected: %s\n", (int)buf->size, (const char *)buf->data, expected);
  assert_int_equal(buf->size, strlen(expected));
  if (buf->size) assert_memory_equal(buf->data, expected, buf->size);
}

#endif
