#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "arrow_support.h"
#include "store/descriptors.h"

enum { SIZE = 777777, OFFSET = 1001 };

static int file_of(const uint8_t *bytes, size_t size) {
  char name[] = "/tmp/lamella-descriptors-XXXXXX";
  int fd = mkstemp(name);
  assert_true(fd >= 0);
  unlink(name);
  assert_int_equal(write(fd, bytes, size), size);
  return fd;
}

/* Copies all from byte OFFSET on, behind three bytes. */
static void test_copies(void **state) {
  (void)state;
  uint8_t *bytes = malloc(SIZE), *found = malloc(SIZE);
  for (size_t i = 0; i < SIZE; i++) bytes[i] = (uint8_t)(i * 31 + i / 256);
  int from = file_of(bytes, SIZE), to = file_of((const uint8_t *)"abc", 3);
  size_t done = 0, some = 1;
  bool offered;
  for (; some; done += some) {
    int code = lam_fd_copy(from, OFFSET + done, to, SIZE, &some, &offered);
    if (!offered) skip(); /* it is the system's to offer */
    assert_int_equal(code, 0);
  }
  assert_int_equal(done, SIZE - OFFSET);
  assert_int_equal(lam_fd_copy(from, OFFSET, to, 2, &some, &offered), 0);
  assert_int_equal(some, 2);
  assert_int_equal(pread(to, found, SIZE, 0), SIZE - OFFSET + 5);
  assert_memory_equal(found, "abc", 3);
  assert_memory_equal(found + 3, bytes + OFFSET, SIZE - OFFSET);
  assert_memory_equal(found + 3 + SIZE - OFFSET, bytes + OFFSET, 2);
  close(from), close(to);
  assert_int_equal(lam_fd_copy(from, 0, to, 2, &some, &offered), EBADF);
  free(bytes), free(found);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_copies)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
