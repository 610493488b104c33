#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/uuid.h"

static void test_ordered(void **state) {
  (void)state;
  char last[LAM_UUID_ROOM] = "", uuid[LAM_UUID_ROOM];
  for (int i = 0; i < 20000; i++) { /* more than a clock tick has room for */
    assert_int_equal(lam_uuid_ordered(*last ? last : NULL, uuid, NULL), LAM_OK);
    assert_int_equal(strlen(uuid), 36);
    assert_int_equal(uuid[14], '7');
    assert_non_null(strchr("89ab", uuid[19]));
    assert_true(strcmp(uuid, last) > 0);
    memcpy(last, uuid, sizeof last);
  }
  /* The clock has been set back: the one before lies ahead, at the end of its millisecond. */
  static const char ahead[] = "7fffffff-ffff-7fff-8000-000000000000";
  assert_int_equal(lam_uuid_ordered(ahead, uuid, NULL), LAM_OK);
  assert_true(strcmp(uuid, ahead) > 0);
  assert_memory_equal(uuid, "80000000-0000-7000", 18);
  /* `after` and `out` may be one. */
  assert_int_equal(lam_uuid_ordered(uuid, uuid, NULL), LAM_OK);
  assert_memory_equal(uuid, "80000000-0000-7001", 18);
}

static void test_stem(void **state) {
  (void)state;
  static const struct {
    const char *text;
    size_t stem;
  } cases[] = {
      {"part-01234567-89ab-7def-8123-456789abcdef", 4},
      {"-01234567-89ab-7def-8123-456789abcdef", 0},
      {"01234567-89ab-7def-8123-456789abcdef", 36}, /* no '-' before it */
      {"part-01234567-89AB-7def-8123-456789abcdef", 4},
      {"part-01234567-89ab-7def-8123-456789abcdeg", 41},
      {"part-01234567x89ab-7def-8123-456789abcdef", 41},
      {"part_01234567-89ab-7def-8123-456789abcdef", 41},
      {"part", 4},
      {"", 0},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    assert_int_equal(lam_uuid_stem(cases[i].text, strlen(cases[i].text)), cases[i].stem);
}

static void uuids_are_version_4_and_differ(void **state) {
  (void)state;
  enum { COUNT = 64 };
  char ids[COUNT][37];
  for (int i = 0; i < COUNT; i++) {
    assert_int_equal(lam_uuid(ids[i], NULL), LAM_OK);
    assert_int_equal(strlen(ids[i]), 36);
    assert_int_equal(strspn(ids[i], "0123456789abcdef-"), 36);
    for (int j = 8; j <= 23; j += 5) assert_int_equal(ids[i][j], '-');
    assert_int_equal(ids[i][14], '4');
    assert_non_null(strchr("89ab", ids[i][19]));
    for (int j = 0; j < i; j++) assert_string_not_equal(ids[i], ids[j]);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(uuids_are_version_4_and_differ), cmocka_unit_test(test_ordered),
                                     cmocka_unit_test(test_stem)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
