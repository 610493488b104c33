/* A store in a new directory, for tests of files a.parquet and b.parquet that are also read by their path. */
#ifndef LAM_TESTS_LOCAL_SUPPORT_H
#define LAM_TESTS_LOCAL_SUPPORT_H

#include <unistd.h>

#include "json_support.h"
#include "store/store.h"

static struct lam_store *store;
static char root[32];

static inline int open_store(void **state) {
  if (open_mem(state)) return 1;
  strcpy(root, "/tmp/lamella-test-XXXXXX");
  assert_non_null(mkdtemp(root));
  return lam_store_local(context, root, &store, &error) != LAM_OK;
}
static inline void remove_files(void) {
  (void)store->ops->remove(store, "a.parquet", NULL);
  (void)store->ops->remove(store, "b.parquet", NULL);
}
static inline int close_store(void **state) {
  remove_files();
  lam_store_close(store);
  (void)rmdir(root);
  return close_mem(state);
}
#define STORE_TEST(test) cmocka_unit_test_setup_teardown(test, open_store, close_store)

#endif
