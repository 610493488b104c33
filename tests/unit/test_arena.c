#include "base/arena.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { LIMIT = 4 << 20 };

struct fixture {
  struct lam_context *context;
  struct lam_mem *mem;
  struct lam_arena arena;
};

static int set_up(void **state) {
  static struct fixture f;
  struct lam_context_options options = LAM_CONTEXT_OPTIONS_INIT;
  options.threads = 1;
  options.memory_limit = LIMIT;
  assert_int_equal(lam_context_create(&options, &f.context, NULL), LAM_OK);
  assert_int_equal(lam_mem_open(f.context, 0, &f.mem, NULL), LAM_OK);
  lam_arena_init(&f.arena, f.mem);
  *state = &f;
  return 0;
}

static int tear_down(void **state) {
  struct fixture *f = *state;
  lam_arena_release(&f->arena);
  assert_int_equal(lam_mem_used(f->mem), 0);
  lam_mem_close(f->mem);
  lam_context_free(f->context);
  return 0;
}

/* Sizes small and large in turn: aligned, apart from each other, and nothing lost between them. */
static void pieces_are_aligned_and_apart(void **state) {
  struct fixture *f = *state;
  static const size_t sizes[] = {1, 15, 16, 17, 5000, 3, 100000, 64, 400000, 1, 2 << 20, 8};
  enum { COUNT = sizeof sizes / sizeof *sizes };
  uint8_t *pieces[COUNT];
  for (int i = 0; i < COUNT; i++) {
    void *piece;
    assert_int_equal(lam_arena_alloc(&f->arena, sizes[i], &piece, NULL), LAM_OK);
    assert_int_equal((uintptr_t)piece % 16, 0);
    memset(piece, i + 1, sizes[i]);
    pieces[i] = piece;
  }
  for (int i = 0; i < COUNT; i++) {
    assert_int_equal(pieces[i][0], i + 1);
    assert_int_equal(pieces[i][sizes[i] - 1], i + 1);
  }
}

static void something_large_keeps_the_rest_of_a_block(void **state) {
  struct fixture *f = *state;
  void *first, *large, *second;
  assert_int_equal(lam_arena_alloc(&f->arena, 16, &first, NULL), LAM_OK);
  assert_int_equal(lam_arena_alloc(&f->arena, 1 << 20, &large, NULL), LAM_OK);
  assert_int_equal(lam_arena_alloc(&f->arena, 16, &second, NULL), LAM_OK);
  assert_ptr_equal(second, (uint8_t *)first + 16);
}

static void arrays_are_cleared(void **state) {
  struct fixture *f = *state;
  void *dirty, *array;
  assert_int_equal(lam_arena_alloc(&f->arena, 1000, &dirty, NULL), LAM_OK);
  memset(dirty, 0xff, 1000);
  lam_arena_release(&f->arena);
  assert_int_equal(lam_arena_array(&f->arena, 100, 10, &array, NULL), LAM_OK);
  for (int i = 0; i < 1000; i++) assert_int_equal(((uint8_t *)array)[i], 0);
}

static void strings_end(void **state) {
  struct fixture *f = *state;
  char *text;
  assert_int_equal(lam_arena_string(&f->arena, lam_bytes_of("abcdef", 3), &text, NULL), LAM_OK);
  assert_string_equal(text, "abc");
  assert_int_equal(lam_arena_string(&f->arena, lam_bytes_of(NULL, 0), &text, NULL), LAM_OK);
  assert_string_equal(text, "");
}

static void refuses_what_is_too_large(void **state) {
  struct fixture *f = *state;
  static const struct {
    size_t count, size;
    const char *message;
  } cases[] = {
      {SIZE_MAX, 1, "an arena was asked for 18446744073709551615 bytes"},
      {SIZE_MAX / 2, 3, "an arena was asked for 9223372036854775807 elements of 3 bytes"},
      {LIMIT, 1,
       "4194320 bytes more do not fit the memory limit of 4194304 bytes, of which 0 are in use; raise "
       "--memory-limit"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct lam_error error = LAM_ERROR_INIT;
    void *out = &error;
    assert_int_equal(lam_arena_array(&f->arena, cases[i].count, cases[i].size, &out, &error), LAM_LIMIT);
    assert_string_equal(error.message, cases[i].message);
    assert_null(out);
  }
  char *text = "x";
  assert_int_equal(lam_arena_string(&f->arena, lam_bytes_of("", LIMIT), &text, NULL), LAM_LIMIT);
  assert_null(text);
}

/* Many small pieces come in few blocks: what is used stays near what was asked for. */
static void blocks_double(void **state) {
  struct fixture *f = *state;
  void *piece;
  for (int i = 0; i < 65536; i++) assert_int_equal(lam_arena_alloc(&f->arena, 16, &piece, NULL), LAM_OK);
  assert_in_range(lam_mem_used(f->mem), 1 << 20, 5 << 19);
}

/* What one arena gave out lives as long as the one that took it over, which goes on as it was. */
static void one_takes_over_another(void **state) {
  struct fixture *f = *state;
  struct lam_arena other;
  char *texts[3];
  lam_arena_init(&other, f->mem);
  lam_arena_absorb(&f->arena, &other);
  assert_null(f->arena.blocks);
  for (int i = 0; i < 3; i++) {
    void *large;
    assert_int_equal(lam_arena_string(&other, lam_bytes_of("abc", (size_t)i + 1), &texts[i], NULL), LAM_OK);
    assert_int_equal(lam_arena_alloc(&other, 10000, &large, NULL), LAM_OK);
    memset(large, 1, 10000);
    uint64_t used = lam_mem_used(f->mem);
    lam_arena_absorb(&f->arena, &other);
    assert_int_equal(lam_mem_used(f->mem), used);
    assert_null(other.blocks);
    for (int j = 0; j < 400; j++) {
      void *piece;
      assert_int_equal(lam_arena_alloc(&f->arena, 16, &piece, NULL), LAM_OK);
      memset(piece, 2, 16);
    }
  }
  assert_string_equal(texts[0], "a");
  assert_string_equal(texts[1], "ab");
  assert_string_equal(texts[2], "abc");
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      TEST(pieces_are_aligned_and_apart), TEST(something_large_keeps_the_rest_of_a_block),
      TEST(arrays_are_cleared),           TEST(strings_end),
      TEST(refuses_what_is_too_large),    TEST(blocks_double),
      TEST(one_takes_over_another),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
