/* What the tests of stores share. */
#ifndef LAM_TESTS_STORE_SUPPORT_H
#define LAM_TESTS_STORE_SUPPORT_H

#include <stdlib.h>
#include <unistd.h>

#include "store/store.h"

static inline void want_ok(enum lam_status status, const struct lam_error *error) {
  if (status != LAM_OK) print_error("%s: %s\n", lam_status_name(status), error->message);
  assert_int_equal(status, LAM_OK);
}
/* A call whose last argument is `&error`. */
#define OK(call)                             \
  do {                                       \
    struct lam_error error = LAM_ERROR_INIT; \
    enum lam_status ok_status = (call);      \
    want_ok(ok_status, &error);              \
  } while (0)
#define FAILS(call, expected, text)                                        \
  do {                                                                     \
    struct lam_error error = LAM_ERROR_INIT;                               \
    assert_string_equal(lam_status_name(call), lam_status_name(expected)); \
    assert_int_equal(error.status, expected);                              \
    if (!strstr(error.message, text)) print_error("%s\n", error.message);  \
    assert_non_null(strstr(error.message, text));                          \
  } while (0)

static inline struct lam_context *new_context(void) {
  struct lam_context *context;
  struct lam_context_options options = LAM_CONTEXT_OPTIONS_INIT;
  options.threads = 1;
  options.memory_limit = 64 << 20;
  OK(lam_context_create(&options, &context, &error));
  return context;
}

/* A new directory below $TMPDIR or /tmp; remove_temporary takes it away with all that is in it. */
static inline char *new_temporary(void) {
  const char *base = getenv("TMPDIR");
  char path[512];
  snprintf(path, sizeof path, "%s/lamella-test-XXXXXX", base && *base ? base : "/tmp");
  assert_non_null(mkdtemp(path));
  return strdup(path);
}
static inline void remove_temporary(struct lam_context *context, char *path) {
  struct lam_store *store;
  OK(lam_store_local(context, path, &store, &error));
  OK(lam_store_remove_tree(store, "", &error));
  lam_store_close(store);
  free(path);
}

static inline struct lam_output *begin_object(struct lam_store *store, const char *key, const char *text) {
  struct lam_output *output;
  OK(store->ops->create(store, key, &output, &error));
  OK(store->ops->write(output, text, strlen(text), &error));
  return output;
}
static inline void put_object(struct lam_store *store, const char *key, const char *text) {
  struct lam_output *output = begin_object(store, key, text);
  OK(store->ops->sync(output, &error));
  OK(store->ops->close_output(output, &error));
}
static inline struct lam_object_info info_of(struct lam_store *store, const char *key) {
  struct lam_object_info info;
  OK(store->ops->stat(store, key, &info, &error));
  return info;
}
static inline bool there(struct lam_store *store, const char *key) {
  bool out;
  OK(lam_store_exists(store, key, &out, &error));
  return out;
}
static inline void want_bytes(struct lam_store *store, const char *key, const char *text) {
  struct lam_input *input;
  struct lam_object_info info;
  char bytes[256] = "";
  OK(store->ops->open(store, key, &input, &info, &error));
  assert_int_equal(info.size, strlen(text));
  OK(store->ops->read(input, 0, bytes, (size_t)info.size, &error));
  store->ops->close_input(input);
  assert_string_equal(bytes, text);
}

#endif
