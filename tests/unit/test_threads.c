#include "base/threads.h"

#include <errno.h>
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { MANY = 500 };

struct counts {
  _Atomic int runs[MANY];
  _Atomic int inside, most_inside;
  size_t fails_at; /* MANY: never */
  struct lam_pool *pool;
};

static enum lam_status count_run(void *user, size_t index, struct lam_error *error) {
  struct counts *counts = user;
  int inside = atomic_fetch_add(&counts->inside, 1) + 1, most = atomic_load(&counts->most_inside);
  while (inside > most && !atomic_compare_exchange_weak(&counts->most_inside, &most, inside)) continue;
  atomic_fetch_add(&counts->runs[index], 1);
  atomic_fetch_sub(&counts->inside, 1);
  if (index >= counts->fails_at) return lam_fail(error, LAM_CORRUPT, "index %zu", index);
  return LAM_OK;
}

static void runs_each_index_once(void **state) {
  (void)state;
  static const struct {
    uint32_t threads, width;
    size_t count;
  } cases[] = {{1, 0, MANY}, {4, 0, MANY}, {4, 2, MANY}, {4, 1, MANY}, {2, 9, MANY}, {4, 0, 0}, {4, 0, 1}, {4, 0, 3}};
  for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
    struct lam_pool *pool;
    struct counts counts = {.fails_at = MANY};
    assert_int_equal(lam_pool_create(cases[c].threads, &pool, NULL), LAM_OK);
    assert_int_equal(lam_pool_threads(pool), cases[c].threads);
    for (int round = 1; round <= 5; round++) {
      assert_int_equal(lam_pool_run(pool, cases[c].count, cases[c].width, count_run, &counts, NULL), LAM_OK);
      for (size_t i = 0; i < MANY; i++) assert_int_equal(counts.runs[i], i < cases[c].count ? round : 0);
    }
    uint32_t width = cases[c].width && cases[c].width < cases[c].threads ? cases[c].width : cases[c].threads;
    assert_true((uint32_t)counts.most_inside <= width);
    lam_pool_free(pool);
  }
}

/* Every index from the 100th on fails: what comes back is one of them, whole, and most are not begun. */
static void the_first_failure_wins(void **state) {
  (void)state;
  for (uint32_t threads = 1; threads <= 4; threads++) {
    struct lam_pool *pool;
    struct counts counts = {.fails_at = 100};
    struct lam_error error = LAM_ERROR_INIT;
    assert_int_equal(lam_pool_create(threads, &pool, NULL), LAM_OK);
    assert_int_equal(lam_pool_run(pool, MANY, 0, count_run, &counts, &error), LAM_CORRUPT);
    size_t index = 0;
    assert_int_equal(sscanf(error.message, "index %zu", &index), 1);
    assert_in_range(index, 100, 100 + threads - 1);
    int begun = 0;
    for (size_t i = 0; i < MANY; i++) begun += counts.runs[i];
    assert_in_range(begun, 101, 100 + threads);
    assert_int_equal(lam_pool_run(pool, MANY, 0, count_run, &counts, NULL), LAM_CORRUPT);
    lam_pool_free(pool);
  }
}

static enum lam_status run_inner(void *user, size_t index, struct lam_error *error) {
  struct counts *counts = user;
  (void)index;
  return lam_pool_run(counts->pool, MANY, 0, count_run, counts, error);
}

static enum lam_status run_middle(void *user, size_t index, struct lam_error *error) {
  struct counts *counts = user;
  (void)index;
  return lam_pool_run(counts->pool, 3, 2, run_inner, counts, error);
}

static void loops_nest(void **state) {
  (void)state;
  struct counts counts = {.fails_at = MANY};
  assert_int_equal(lam_pool_create(3, &counts.pool, NULL), LAM_OK);
  assert_int_equal(lam_pool_run(counts.pool, 7, 0, run_middle, &counts, NULL), LAM_OK);
  for (size_t i = 0; i < MANY; i++) assert_int_equal(counts.runs[i], 21);
  counts.fails_at = 0;
  struct lam_error error = LAM_ERROR_INIT;
  assert_int_equal(lam_pool_run(counts.pool, 7, 0, run_middle, &counts, &error), LAM_CORRUPT);
  assert_int_equal(strncmp(error.message, "index ", 6), 0);
  lam_pool_free(counts.pool);
}

/* Both threads must be in the loop at once for it to end: the pool does run in parallel. */
static enum lam_status meet(void *user, size_t index, struct lam_error *error) {
  _Atomic int *arrived = user;
  (void)index, (void)error;
  atomic_fetch_add(arrived, 1);
  while (atomic_load(arrived) < 2) usleep(100);
  return LAM_OK;
}

static void works_at_the_same_time(void **state) {
  (void)state;
  struct lam_pool *pool;
  _Atomic int arrived = 0;
  assert_int_equal(lam_pool_create(2, &pool, NULL), LAM_OK);
  assert_int_equal(lam_pool_run(pool, 2, 0, meet, &arrived, NULL), LAM_OK);
  lam_pool_free(pool);
}

static void a_pool_of_none_is_one_of_one(void **state) {
  (void)state;
  struct lam_pool *pool;
  assert_int_equal(lam_pool_create(0, &pool, NULL), LAM_OK);
  assert_int_equal(lam_pool_threads(pool), 1);
  lam_pool_free(pool);
  lam_pool_free(NULL);
}

static void knows_the_machine(void **state) {
  (void)state;
  assert_in_range(lam_processors(), 1, (uint32_t)sysconf(_SC_NPROCESSORS_CONF));
  uint64_t physical = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
  assert_in_range(lam_memory_of_process(), 1 << 20, physical);
}

static void put_line(const char *root, const char *path, const char *line) {
  char name[256];
  snprintf(name, sizeof name, "%s/%s", root, path);
  for (char *slash = name + strlen(root) + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
    *slash = 0;
    if (mkdir(name, 0700) != 0) assert_int_equal(errno, EEXIST);
  }
  FILE *file = fopen(name, "w");
  assert_non_null(file);
  fputs(line, file);
  assert_int_equal(fclose(file), 0);
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *at) {
  (void)info, (void)kind, (void)at;
  return remove(path);
}

/* The least of the limits around the process counts, in both versions of cgroups. */
static void limits_of_cgroups_count(void **state) {
  (void)state;
  static const struct {
    const char *self;
    uint64_t expected;
  } cases[] = {
      {"0::/a/b\n", 300},
      {"0::/a/c\n", 500},                /* "max" of its own: the one around it counts */
      {"0::/\n", UINT64_MAX},            /* the root has none */
      {"0::/elsewhere/b\n", UINT64_MAX}, /* a path of the host */
      {"5:cpu:/x\n4:memory:/x/y\n", 200},
      {"4:memory:/of/the/host\n0::/\n", 800}, /* in a container the root is its own */
      {"4:memory:/x\n0::/a/b\n", 300},
      {"4:memory_not:/x\n", UINT64_MAX},
      {"", UINT64_MAX},
      {"nonsense\n0:\n", UINT64_MAX},
  };
  char root[] = "/tmp/lamella-test-XXXXXX", self[64];
  assert_non_null(mkdtemp(root));
  snprintf(self, sizeof self, "%s/self", root);
  put_line(root, "a/memory.max", "500\n");
  put_line(root, "a/b/memory.max", "300\n");
  put_line(root, "a/c/memory.max", "max\n");
  put_line(root, "memory/memory.limit_in_bytes", "800\n");
  put_line(root, "memory/x/memory.limit_in_bytes", "400\n");
  put_line(root, "memory/x/y/memory.limit_in_bytes", "200\n");
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    put_line(root, "self", cases[i].self);
    uint64_t found = lam_memory_of_cgroups(self, root);
    if (found != cases[i].expected) fail_msg("case %zu: %llu", i, (unsigned long long)found);
  }
  assert_int_equal(nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && !defined(__clang__)
/* The sanitizers need more address space than any limit. */
static void a_limit_of_address_space_counts(void **state) {
  (void)state;
  struct rlimit before, limit;
  assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
  limit = before;
  limit.rlim_cur = (rlim_t)100 << 20;
  assert_int_equal(setrlimit(RLIMIT_AS, &limit), 0);
  uint64_t bytes = lam_memory_of_process();
  assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
  assert_in_range(bytes, 1, (uint64_t)100 << 20);
}
#endif

/* Two tasks, the first of which is done when the second begins an inner loop of two that wait for one another: whoever
 * did the first, and has nothing else to do, takes one of them, be it a worker or the thread that waits for the end. */
struct meeting {
  struct lam_pool *pool;
  _Atomic int begun, ended, met;
};

static void wait_for(_Atomic int *count, int wanted) {
  for (int i = 0; i < 20000 && atomic_load(count) < wanted; i++) usleep(500);
  assert_int_equal(atomic_load(count), wanted);
}

static enum lam_status meet_other(void *user, size_t index, struct lam_error *error) {
  struct meeting *meeting = user;
  (void)index, (void)error;
  atomic_fetch_add(&meeting->met, 1);
  wait_for(&meeting->met, 2);
  return LAM_OK;
}

static enum lam_status begin_or_end(void *user, size_t index, struct lam_error *error) {
  struct meeting *meeting = user;
  atomic_fetch_add(&meeting->begun, 1);
  wait_for(&meeting->begun, 2);
  if (index == 0) {
    atomic_store(&meeting->ended, 1);
    return LAM_OK;
  }
  wait_for(&meeting->ended, 1);
  usleep(200); /* the other one waits by now, mostly */
  return lam_pool_run(meeting->pool, 2, 0, meet_other, meeting, error);
}

static void waits_by_helping(void **state) {
  (void)state;
  for (int round = 0; round < 200; round++) {
    struct meeting meeting = {.pool = NULL};
    assert_int_equal(lam_pool_create(2, &meeting.pool, NULL), LAM_OK);
    assert_int_equal(lam_pool_run(meeting.pool, 2, 0, begin_or_end, &meeting, NULL), LAM_OK);
    assert_int_equal(meeting.met, 2);
    lam_pool_free(meeting.pool);
  }
}

/* ---- queues ---- */

struct job {
  struct lam_queue_item item;
  _Atomic int runs;
  bool fails;
};

static enum lam_status run_job(void *user, struct lam_queue_item *item, struct lam_error *error) {
  struct job *job = (struct job *)(void *)item;
  _Atomic int *begun = user;
  atomic_fetch_add(begun, 1);
  usleep(job->fails ? 0 : 20);
  atomic_fetch_add(&job->runs, 1);
  return job->fails ? lam_fail(error, LAM_CORRUPT, "a job fails") : LAM_OK;
}

static void add_jobs(struct lam_queue *queue, struct job *jobs, size_t count) {
  for (size_t i = 0; i < count; i++) jobs[i].item.next = i + 1 < count ? &jobs[i + 1].item : NULL;
  lam_queue_add(queue, count ? &jobs[0].item : NULL);
}

static int runs_of(struct job *jobs, size_t count) {
  int runs = 0;
  for (size_t i = 0; i < count; i++) runs += atomic_load(&jobs[i].runs);
  return runs;
}

/* Batches of all sizes, while loops go on in the same pool: what was waited for is done, once. */
static void queues_run_each_item_once(void **state) {
  (void)state;
  enum { BATCHES = 60, MOST = 7 };
  for (uint32_t threads = 1; threads <= 4; threads++) {
    static struct job jobs[BATCHES][MOST];
    struct lam_pool *pool;
    struct lam_queue *queue, *other;
    struct counts counts = {.fails_at = MANY};
    _Atomic int begun = 0;
    memset(jobs, 0, sizeof jobs);
    assert_int_equal(lam_pool_create(threads, &pool, NULL), LAM_OK);
    assert_int_equal(lam_queue_open(pool, run_job, &begun, &queue, NULL), LAM_OK);
    assert_int_equal(lam_queue_open(pool, run_job, &begun, &other, NULL), LAM_OK);
    for (size_t i = 0; i < BATCHES; i++) {
      add_jobs(queue, jobs[i], i * 5 % (MOST + 1));
      assert_int_equal(lam_pool_run(pool, 8, 0, count_run, &counts, NULL), LAM_OK);
      assert_int_equal(lam_queue_wait(queue, i % 9 == 8, NULL), LAM_OK);
      if (i > 0) assert_int_equal(runs_of(jobs[i - 1], MOST), (i - 1) * 5 % (MOST + 1));
      if (i % 9 == 8) assert_int_equal(runs_of(jobs[i], MOST), i * 5 % (MOST + 1));
    }
    lam_queue_close(other);
    assert_int_equal(lam_queue_wait(queue, true, NULL), LAM_OK);
    assert_int_equal(runs_of(&jobs[0][0], (size_t)BATCHES * MOST), begun);
    lam_queue_close(queue);
    lam_pool_free(pool);
  }
}

/* Any number of single items, each waited for in turn while those behind it go on. */
static void items_are_waited_for_one_by_one(void **state) {
  (void)state;
  enum { JOBS = 300, AHEAD = 5 };
  for (uint32_t threads = 1; threads <= 4; threads++) {
    static struct job jobs[JOBS];
    struct lam_pool *pool;
    struct lam_queue *queue;
    _Atomic int begun = 0;
    memset(jobs, 0, sizeof jobs);
    assert_int_equal(lam_pool_create(threads, &pool, NULL), LAM_OK);
    assert_int_equal(lam_queue_open(pool, run_job, &begun, &queue, NULL), LAM_OK);
    for (size_t i = 0, added = 0; i < JOBS - AHEAD; i++) {
      while (added < i + AHEAD) lam_queue_push(queue, &jobs[added++].item);
      lam_queue_wait_for(queue, &jobs[i].item);
      assert_int_equal(runs_of(jobs, i + 1), i + 1);
      assert_true(atomic_load(&begun) <= (int)(i + AHEAD));
    }
    assert_int_equal(lam_queue_wait(queue, true, NULL), LAM_OK);
    assert_int_equal(runs_of(jobs, JOBS), begun);
    lam_queue_close(queue);
    lam_pool_free(pool);
  }
}

static void queues_skip_after_a_failure(void **state) {
  (void)state;
  for (uint32_t threads = 1; threads <= 2; threads++) {
    struct job jobs[50] = {[3] = {.fails = true}}, more[50] = {[0] = {.fails = false}};
    struct lam_pool *pool;
    struct lam_queue *queue;
    struct lam_error error = LAM_ERROR_INIT;
    _Atomic int begun = 0;
    assert_int_equal(lam_pool_create(threads, &pool, NULL), LAM_OK);
    assert_int_equal(lam_queue_open(pool, run_job, &begun, &queue, NULL), LAM_OK);
    add_jobs(queue, jobs, 50);
    assert_int_equal(lam_queue_wait(queue, true, &error), LAM_CORRUPT);
    assert_string_equal(error.message, "a job fails");
    assert_true(runs_of(jobs, 50) < 10);
    add_jobs(queue, more, 50); /* not waited for: closing drops them */
    lam_queue_close(queue);
    assert_int_equal(runs_of(more, 50), 0);
    lam_pool_free(pool);
  }
  lam_queue_close(NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(queues_run_each_item_once),
    cmocka_unit_test(items_are_waited_for_one_by_one),
    cmocka_unit_test(queues_skip_after_a_failure),
    cmocka_unit_test(runs_each_index_once),
    cmocka_unit_test(the_first_failure_wins),
    cmocka_unit_test(loops_nest),
    cmocka_unit_test(works_at_the_same_time),
    cmocka_unit_test(waits_by_helping),
    cmocka_unit_test(a_pool_of_none_is_one_of_one),
    cmocka_unit_test(knows_the_machine),
    cmocka_unit_test(limits_of_cgroups_count),
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && !defined(__clang__)
    cmocka_unit_test(a_limit_of_address_space_counts),
#endif
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
