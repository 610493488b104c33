#include "base/memory.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/threads.h"

enum { LIMIT = 8 << 20 };

/* An allocator that counts what is out, and fails its Nth call. */
struct counting {
  _Atomic int64_t out;
  _Atomic int calls;
  int fails_at; /* 1: the first; 0: never */
};

static void *counting_alloc(void *user, size_t size) {
  struct counting *counting = user;
  if (atomic_fetch_add(&counting->calls, 1) + 1 == counting->fails_at) return NULL;
  atomic_fetch_add(&counting->out, (int64_t)size);
  return aligned_alloc(64, lam_round_up(size, 64));
}

static void counting_free(void *user, void *memory, size_t size) {
  atomic_fetch_sub(&((struct counting *)user)->out, (int64_t)size);
  free(memory);
}

struct fixture {
  struct counting counting;
  struct lam_context *context;
};

static int set_up(void **state) {
  static struct fixture f;
  f = (struct fixture){0};
  struct lam_context_options options = LAM_CONTEXT_OPTIONS_INIT;
  options.threads = 2;
  options.memory_limit = LIMIT;
  options.alloc = counting_alloc;
  options.free = counting_free;
  options.alloc_user = &f.counting;
  assert_int_equal(lam_context_create(&options, &f.context, NULL), LAM_OK);
  *state = &f;
  return 0;
}

static struct lam_memory_use memory_use(struct lam_context *context) {
  struct lam_memory_use use = LAM_MEMORY_USE_INIT;
  lam_context_memory(context, &use);
  return use;
}

static int tear_down(void **state) {
  struct fixture *f = *state;
  assert_int_equal(atomic_load(&f->counting.out), 0);
  assert_int_equal(memory_use(f->context).used, 0);
  lam_context_free(f->context);
  return 0;
}

static struct lam_mem *open_account(struct fixture *f, uint64_t minimum) {
  struct lam_mem *mem = NULL;
  assert_int_equal(lam_mem_open(f->context, minimum, &mem, NULL), LAM_OK);
  assert_ptr_equal(lam_mem_context(mem), f->context);
  return mem;
}

static void counts_what_is_allocated(void **state) {
  struct fixture *f = *state;
  struct lam_mem *mem = open_account(f, 1000);
  assert_int_equal(memory_use(f->context).used, 1000);
  void *a, *b, *none = f;
  assert_int_equal(lam_alloc(mem, 600, &a, NULL), LAM_OK);
  assert_int_equal((uintptr_t)a % 64, 0);
  assert_int_equal(memory_use(f->context).used, 1000);
  assert_int_equal(lam_alloc_zero(mem, 600, &b, NULL), LAM_OK);
  for (int i = 0; i < 600; i++) assert_int_equal(((uint8_t *)b)[i], 0);
  assert_int_equal(lam_mem_used(mem), 1200);
  assert_in_range(memory_use(f->context).used, 1200, 1200 + (256 << 10));
  assert_int_equal(lam_alloc(mem, 0, &none, NULL), LAM_OK);
  assert_null(none);
  lam_free(mem, none, 0);
  lam_free(mem, a, 600);
  lam_free(mem, b, 600);
  assert_int_equal(lam_mem_used(mem), 0);
  assert_int_equal(lam_mem_available(mem), LIMIT);
  lam_mem_close(mem);
  lam_mem_close(NULL);
  assert_true(memory_use(f->context).peak >= 1200);
}

static void fails_beyond_the_limit_and_names_it(void **state) {
  struct fixture *f = *state;
  struct lam_error error = LAM_ERROR_INIT;
  struct lam_mem *mem = NULL;
  assert_int_equal(lam_mem_open(f->context, LIMIT + 1, &mem, &error), LAM_LIMIT);
  assert_null(mem);
  assert_string_equal(error.message, "the operation needs at least 8388609 bytes; the memory limit is 8388608 bytes");
  mem = open_account(f, 0);
  static const size_t sizes[] = {LIMIT + 1, SIZE_MAX, SIZE_MAX - 63, (size_t)1 << 63};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    void *memory = f;
    assert_int_equal(lam_alloc(mem, sizes[i], &memory, &error), LAM_LIMIT);
    assert_null(memory);
    assert_non_null(strstr(error.message, "do not fit the memory limit of 8388608 bytes"));
    assert_int_equal(lam_mem_used(mem), 0);
  }
  /* All of it, to the last byte. */
  void *all;
  assert_int_equal(lam_alloc(mem, LIMIT, &all, &error), LAM_OK);
  assert_int_equal(lam_mem_available(mem), 0);
  assert_int_equal(lam_mem_charge(mem, 1, &error), LAM_LIMIT);
  lam_free(mem, all, LIMIT);
  assert_in_range(memory_use(f->context).used, 0, 4 * (256 << 10)); /* given back while open */
  lam_mem_close(mem);
}

static void a_minimum_is_guaranteed(void **state) {
  struct fixture *f = *state;
  struct lam_mem *modest = open_account(f, 1 << 20), *greedy = open_account(f, 0);
  void *memory;
  assert_int_equal(lam_alloc(greedy, LIMIT, &memory, NULL), LAM_LIMIT);
  assert_int_equal(lam_alloc(greedy, LIMIT - (1 << 20), &memory, NULL), LAM_OK);
  for (int i = 0; i < 16; i++) assert_int_equal(lam_mem_charge(modest, 1 << 16, NULL), LAM_OK);
  assert_int_equal(lam_mem_charge(modest, 1, NULL), LAM_LIMIT);
  lam_mem_discharge(modest, 1 << 20);
  assert_int_equal(lam_mem_charge(greedy, 1, NULL), LAM_LIMIT); /* the minimum is kept */
  lam_free(greedy, memory, LIMIT - (1 << 20));
  lam_mem_close(greedy);
  lam_mem_close(modest);
}

struct opener {
  struct lam_context *context;
  uint64_t minimum;
  _Atomic int opened;
  enum lam_status status;
  struct lam_error error;
};

static void *open_and_close(void *argument) {
  struct opener *opener = argument;
  struct lam_mem *mem;
  opener->error = (struct lam_error)LAM_ERROR_INIT;
  opener->status = lam_mem_open(opener->context, opener->minimum, &mem, &opener->error);
  atomic_store(&opener->opened, 1);
  if (opener->status == LAM_OK) lam_mem_close(mem);
  return NULL;
}

static void admission_waits_and_is_woken(void **state) {
  struct fixture *f = *state;
  struct lam_mem *first = open_account(f, LIMIT);
  struct opener opener = {.context = f->context, .minimum = 1};
  pthread_t thread;
  assert_int_equal(pthread_create(&thread, NULL, open_and_close, &opener), 0);
  usleep(20000); /* to let it begin to wait; the outcome is the same when it has not */
  assert_int_equal(atomic_load(&opener.opened), 0);
  lam_mem_close(first);
  pthread_join(thread, NULL);
  assert_int_equal(opener.status, LAM_OK);
}

static void a_cancel_wakes_a_waiter(void **state) {
  struct fixture *f = *state;
  struct lam_mem *first = open_account(f, LIMIT);
  struct opener opener = {.context = f->context, .minimum = 1};
  pthread_t thread;
  assert_int_equal(pthread_create(&thread, NULL, open_and_close, &opener), 0);
  usleep(20000);
  lam_context_cancel(f->context);
  pthread_join(thread, NULL);
  assert_int_equal(opener.status, LAM_CANCELLED);
  assert_string_equal(opener.error.message, "cancelled");
  lam_context_reset(f->context);
  lam_mem_close(first);
}

static enum lam_status churn(void *user, size_t index, struct lam_error *error) {
  struct lam_mem *mem = user;
  for (size_t i = 0; i < 3000; i++) {
    void *memory;
    size_t size = (index * 7919 + i * 104729) % 300000 + 1;
    LAM_TRY(lam_alloc(mem, size, &memory, error));
    *(uint8_t *)memory = 1;
    lam_free(mem, memory, size);
  }
  return LAM_OK;
}

/* Four threads hold at most 1.2 MB of a minimum of 2 MiB while somebody else holds all the rest: what is
 * guaranteed never fails, however grants move. */
static void many_threads_share_an_account(void **state) {
  struct fixture *f = *state;
  struct lam_pool *pool;
  assert_int_equal(lam_pool_create(4, &pool, NULL), LAM_OK);
  struct lam_mem *mem = open_account(f, 2 << 20), *other = open_account(f, 0);
  assert_int_equal(lam_pool_run(pool, 4, 0, churn, mem, NULL), LAM_OK);
  assert_int_equal(lam_mem_charge(other, LIMIT - (2 << 20), NULL), LAM_OK);
  assert_int_equal(lam_pool_run(pool, 4, 0, churn, mem, NULL), LAM_OK);
  assert_int_equal(lam_mem_used(mem), 0);
  assert_true(memory_use(f->context).peak <= LIMIT);
  lam_mem_discharge(other, LIMIT - (2 << 20));
  lam_mem_close(other);
  lam_mem_close(mem);
  lam_pool_free(pool);
}

static void buffers_grow_and_are_released(void **state) {
  struct fixture *f = *state;
  struct lam_mem *mem = open_account(f, 0);
  struct lam_buf buf;
  lam_buf_init(&buf, mem);
  assert_int_equal(lam_buf_append(&buf, NULL, 0, NULL), LAM_OK);
  assert_null(buf.data);
  for (uint32_t i = 0; i < 100000; i++) assert_int_equal(lam_buf_append(&buf, &i, sizeof i, NULL), LAM_OK);
  assert_int_equal(buf.size, 400000);
  for (uint32_t i = 0; i < 100000; i++) assert_int_equal(lam_load32(buf.data + 4 * i), i);
  assert_true(atomic_load(&f->counting.calls) < 40); /* linear, not quadratic */
  const uint8_t *data = buf.data;
  assert_int_equal(lam_buf_reset(&buf, 1000, NULL), LAM_OK);
  assert_ptr_equal(buf.data, data);
  assert_int_equal(buf.size, 0);
  assert_int_equal(lam_buf_reset(&buf, 1000000, NULL), LAM_OK);
  assert_true(buf.capacity >= 1000000);

  struct lam_error error = LAM_ERROR_INIT;
  size_t capacity = buf.capacity;
  static const size_t sizes[] = {LIMIT, SIZE_MAX, SIZE_MAX - 10, SIZE_MAX / 2 + 1};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    assert_int_equal(lam_buf_reserve(&buf, sizes[i], &error), LAM_LIMIT);
    assert_int_equal(buf.capacity, capacity);
  }
  buf.size = 1;
  assert_int_equal(lam_buf_room(&buf, SIZE_MAX, &error), LAM_LIMIT);
  lam_buf_release(&buf);
  lam_buf_release(&buf);
  lam_mem_close(mem);
}

/* Half as much again would not fit; the exact size does. */
static void a_buffer_near_the_limit_grows_exactly(void **state) {
  struct fixture *f = *state;
  struct lam_mem *mem = open_account(f, 0);
  struct lam_buf buf;
  lam_buf_init(&buf, mem);
  assert_int_equal(lam_buf_reserve(&buf, 3 << 20, NULL), LAM_OK);
  assert_int_equal(lam_mem_charge(mem, 3 << 19, NULL), LAM_OK);
  assert_int_equal(lam_buf_reserve(&buf, (3 << 20) + 1, NULL), LAM_OK);
  assert_int_equal(buf.capacity, (3 << 20) + 1);
  lam_mem_discharge(mem, 3 << 19);
  lam_buf_release(&buf);
  lam_mem_close(mem);
}

static void shared_buffers_are_reused_when_alone(void **state) {
  struct fixture *f = *state;
  struct lam_mem *mem = open_account(f, 0);
  struct lam_shared *mine = NULL, *theirs;
  assert_int_equal(lam_shared_renew(mem, &mine, 1000, 0, NULL), LAM_OK);
  assert_int_equal((uintptr_t)mine->data % 64, 0);
  assert_int_equal(mine->capacity, 1024);
  struct lam_shared *before = mine;
  assert_int_equal(lam_shared_renew(mem, &mine, 1024, 0, NULL), LAM_OK);
  assert_ptr_equal(mine, before);
  mine->data[0] = 'x';
  theirs = lam_shared_retain(mine);
  assert_int_equal(lam_shared_renew(mem, &mine, 10, 1, NULL), LAM_OK);
  assert_ptr_not_equal(mine, theirs);
  assert_int_equal(mine->data[0], 'x'); /* kept, in a copy */
  mine->data[0] = 'y';
  assert_int_equal(theirs->data[0], 'x');
  assert_int_equal(lam_shared_renew(mem, &mine, 5000, 1, NULL), LAM_OK);
  assert_int_equal(mine->data[0], 'y');

  before = mine;
  assert_int_equal(lam_shared_renew(mem, &mine, LIMIT, 1, NULL), LAM_LIMIT);
  assert_ptr_equal(mine, before);
  assert_int_equal(lam_shared_renew(mem, &mine, SIZE_MAX, 0, NULL), LAM_LIMIT);
  assert_null(mine);
  lam_shared_release(theirs);
  lam_shared_release(NULL);
  assert_null(lam_shared_retain(NULL));
  lam_mem_close(mem);
}

static void shared_buffers_outlive_their_account(void **state) {
  struct fixture *f = *state;
  struct lam_mem *mem = open_account(f, 1 << 20);
  struct lam_shared *a, *b;
  assert_int_equal(lam_shared_create(mem, 1000, &a, NULL), LAM_OK);
  assert_int_equal(lam_shared_create(mem, 2000, &b, NULL), LAM_OK);
  lam_mem_close(mem);
  assert_int_equal(memory_use(f->context).used, 1064 + 2064); /* the minimum is given back, no more */
  memset(a->data, 1, 1000);
  lam_shared_release(a);
  assert_int_equal(memory_use(f->context).used, 2064);
  lam_shared_release(b);
  assert_int_equal(memory_use(f->context).used, 0);
}

static enum lam_status use_everything(struct lam_mem *mem, struct lam_error *error) {
  struct lam_buf buf;
  struct lam_shared *shared = NULL;
  void *memory = NULL;
  lam_buf_init(&buf, mem);
  enum lam_status status = lam_alloc(mem, 100, &memory, error);
  if (status == LAM_OK) status = lam_buf_append(&buf, "0123456789", 10, error);
  if (status == LAM_OK) status = lam_buf_reserve(&buf, 1000, error);
  if (status == LAM_OK) status = lam_shared_renew(mem, &shared, 100, 0, error);
  if (status == LAM_OK) status = lam_shared_renew(mem, &shared, 1000, 100, error);
  lam_shared_release(shared);
  lam_buf_release(&buf);
  lam_free(mem, memory, 100);
  return status;
}

/* The allocator fails at its Nth call, for every N: an error each time, and nothing lost. */
static void an_allocator_that_fails(void **state) {
  struct fixture *f = *state;
  struct lam_mem *mem = open_account(f, 0);
  enum lam_status status = LAM_NO_MEMORY;
  int n = 0;
  while (status != LAM_OK) {
    struct lam_error error = LAM_ERROR_INIT;
    atomic_store(&f->counting.calls, 0);
    f->counting.fails_at = ++n;
    status = use_everything(mem, &error);
    assert_int_equal(atomic_load(&f->counting.out), 0);
    assert_int_equal(lam_mem_used(mem), 0);
    assert_int_equal(status, n <= 5 ? LAM_NO_MEMORY : LAM_OK);
    if (status != LAM_OK) assert_non_null(strstr(error.message, "the allocator has no "));
  }
  assert_int_equal(n, 6);
  lam_mem_close(mem);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      TEST(counts_what_is_allocated),
      TEST(fails_beyond_the_limit_and_names_it),
      TEST(a_minimum_is_guaranteed),
      TEST(admission_waits_and_is_woken),
      TEST(a_cancel_wakes_a_waiter),
      TEST(many_threads_share_an_account),
      TEST(buffers_grow_and_are_released),
      TEST(a_buffer_near_the_limit_grows_exactly),
      TEST(shared_buffers_are_reused_when_alone),
      TEST(shared_buffers_outlive_their_account),
      TEST(an_allocator_that_fails),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
