/* What the tests of metadata share. Included after <cmocka.h>. */
#ifndef LAM_TESTS_META_SUPPORT_H
#define LAM_TESTS_META_SUPPORT_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "encoding_support.h"
#include "parquet/schema.h"

#define OK(call)                                                    \
  do {                                                              \
    struct lam_error error = LAM_ERROR_INIT;                        \
    if ((call) != LAM_OK) fail_msg("%s: %s", #call, error.message); \
  } while (0)
#define FAILS(call, expected, text)                                                     \
  do {                                                                                  \
    struct lam_error error = LAM_ERROR_INIT;                                            \
    assert_int_equal(call, expected);                                                   \
    if (!strstr(error.message, text)) fail_msg("'%s' lacks '%s'", error.message, text); \
  } while (0)

static inline bool text_is(struct lam_bytes bytes, const char *text) {
  return lam_bytes_equal(bytes, lam_bytes_of_string(text));
}

/* A file as it is, behind its end nothing that the sanitizer would not see. */
struct whole {
  uint8_t *data;
  size_t size;
};
static inline struct whole read_whole(const char *path) {
  struct whole whole = {0};
  FILE *file = fopen(path, "rb");
  if (!file) return whole;
  assert_int_equal(fseek(file, 0, SEEK_END), 0);
  whole.size = (size_t)ftell(file);
  rewind(file);
  whole.data = malloc(whole.size ? whole.size : 1);
  assert_int_equal(fread(whole.data, 1, whole.size, file), whole.size);
  fclose(file);
  return whole;
}
/* The footer of a whole file; empty where there is none. */
static inline struct lam_bytes footer_of(struct whole whole) {
  if (whole.size < 12 || memcmp(whole.data + whole.size - 4, "PAR1", 4) != 0) return (struct lam_bytes){0};
  size_t length = lam_load32(whole.data + whole.size - 8);
  if (length > whole.size - 12) return (struct lam_bytes){0};
  return lam_bytes_of(whole.data + whole.size - 8 - length, length);
}

/* A file of the Parquet project's own test data; false, with a message, where they are not there. */
static inline bool find_testing(const char *path, char *out, size_t room) {
  const char *root = getenv("LAMELLA_PARQUET_TESTING");
  if (root)
    snprintf(out, room, "%s/%s", root, path);
  else
    snprintf(out, room, "%s/../shared/parquet-testing/%s", LAM_SOURCE_DIR, path);
  DIR *directory = opendir(out);
  FILE *file = directory ? NULL : fopen(out, "rb");
  bool found = directory || file;
  if (directory) closedir(directory);
  if (file) fclose(file);
  if (!found) printf("skipped: there is no %s\n", out);
  return found;
}

#endif
