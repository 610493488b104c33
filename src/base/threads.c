#include "base/threads.h"

#include <assert.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/bytes.h"

/* One parallel loop. It lives on its caller's stack; it is in the pool's list while indices are left
 * to hand out, and its caller returns when no helper is inside. All fields are under the pool's lock. */
struct loop {
  struct loop *next;
  const struct lam_pool *pool;
  struct loop *outer; /* of which a task has begun this one */
  size_t count, taken;
  uint32_t running, width;
  lam_task_fn task;
  void *user;
  enum lam_status status;
  struct lam_error *error;
  pthread_cond_t done;
};

/* In the pool's list from its opening to its closing; all fields are under the pool's lock. */
struct lam_queue {
  struct lam_queue *next;
  struct lam_pool *pool;
  struct lam_queue_item *first, **last; /* not begun */
  uint32_t batch;
  size_t unfinished[2]; /* items of the last batch and of the one before, by the lowest bit of its number */
  const struct lam_queue_item *awaited; /* by lam_queue_wait_for */
  lam_item_fn task;
  void *user;
  enum lam_status status;
  struct lam_error error;
  pthread_cond_t done;
};

struct lam_pool {
  pthread_mutex_t lock;
  pthread_cond_t work;
  struct lam_queue *queues;
  struct loop *loops; /* newest first: an inner loop unblocks the outer one */
  bool closing;
  uint32_t threads;
  pthread_t workers[]; /* threads - 1 */
};

/* The loop of which this thread runs a task. */
static _Thread_local struct loop *inside;

static bool has_work(const struct loop *loop) {
  return loop->taken < loop->count && loop->running < loop->width;
}

/* Runs one index of `loop`; the lock is held before and after, not during. */
static void run_one(struct lam_pool *pool, struct loop *loop) {
  size_t index = loop->taken++;
  loop->running++;
  pthread_mutex_unlock(&pool->lock);
  struct lam_error error = LAM_ERROR_INIT;
  struct loop *before = inside;
  inside = loop;
  enum lam_status status = loop->task(loop->user, index, &error);
  inside = before;
  pthread_mutex_lock(&pool->lock);
  loop->running--;
  if (status != LAM_OK && loop->status == LAM_OK) {
    loop->status = status;
    lam_error_copy(loop->error, &error);
    loop->taken = loop->count;
  }
  pthread_cond_broadcast(&loop->done);
}

/* The same of the first item of a queue. */
static void run_item(struct lam_pool *pool, struct lam_queue *queue) {
  struct lam_queue_item *item = queue->first;
  uint32_t batch = item->batch;
  queue->first = item->next;
  if (!queue->first) queue->last = &queue->first;
  if (queue->status == LAM_OK) {
    pthread_mutex_unlock(&pool->lock);
    struct lam_error error = LAM_ERROR_INIT;
    enum lam_status status = queue->task(queue->user, item, &error);
    pthread_mutex_lock(&pool->lock);
    if (status != LAM_OK && queue->status == LAM_OK) {
      queue->status = status;
      lam_error_copy(&queue->error, &error);
    }
  }
  item->done = true;
  if (--queue->unfinished[batch & 1] == 0 || item == queue->awaited) pthread_cond_broadcast(&queue->done);
}

static void *worker(void *argument) {
  struct lam_pool *pool = argument;
  pthread_mutex_lock(&pool->lock);
  while (!pool->closing) {
    struct loop *loop = pool->loops;
    struct lam_queue *queue = pool->queues;
    while (loop && !has_work(loop)) loop = loop->next;
    while (queue && !queue->first) queue = queue->next;
    if (loop)
      run_one(pool, loop);
    else if (queue)
      run_item(pool, queue);
    else
      pthread_cond_wait(&pool->work, &pool->lock);
  }
  pthread_mutex_unlock(&pool->lock);
  return NULL;
}

/* A loop with work that a task of `loop` has begun, or a task of that one: what whoever waits for `loop` may help with,
 * and nothing else, since a task of another may want what the waiting thread holds. */
static struct loop *find_inner(struct lam_pool *pool, const struct loop *loop) {
  for (struct loop *inner = pool->loops; inner; inner = inner->next)
    for (const struct loop *outer = inner->outer; outer && has_work(inner); outer = outer->outer)
      if (outer == loop) return inner;
  return NULL;
}

static void unlink_loop(struct lam_pool *pool, struct loop *loop) {
  struct loop **link = &pool->loops;
  while (*link != loop) link = &(*link)->next;
  *link = loop->next;
}

enum lam_status lam_pool_run(struct lam_pool *pool, size_t count, uint32_t width, lam_task_fn task, void *user,
                             struct lam_error *error) {
  if (width == 0 || width > pool->threads) width = pool->threads;
  if (width == 1 || count <= 1) {
    for (size_t i = 0; i < count; i++) LAM_TRY(task(user, i, error));
    return LAM_OK;
  }
  struct loop loop = {.pool = pool,
                      .outer = inside && inside->pool == pool ? inside : NULL,
                      .count = count,
                      .width = width,
                      .task = task,
                      .user = user,
                      .status = LAM_OK,
                      .error = error};
  pthread_cond_init(&loop.done, NULL);
  pthread_mutex_lock(&pool->lock);
  loop.next = pool->loops;
  pool->loops = &loop;
  pthread_cond_broadcast(&pool->work);
  for (struct loop *outer = loop.outer; outer; outer = outer->outer) pthread_cond_broadcast(&outer->done);
  while (loop.running > 0 || loop.taken < loop.count) {
    struct loop *next = has_work(&loop) ? &loop : find_inner(pool, &loop);
    if (next)
      run_one(pool, next);
    else
      pthread_cond_wait(&loop.done, &pool->lock);
  }
  unlink_loop(pool, &loop);
  pthread_mutex_unlock(&pool->lock);
  pthread_cond_destroy(&loop.done);
  return loop.status;
}

/* ---- queues ---- */

enum lam_status lam_queue_open(struct lam_pool *pool, lam_item_fn task, void *user, struct lam_queue **out,
                               struct lam_error *error) {
  struct lam_queue *queue = *out = calloc(1, sizeof *queue);
  if (!queue) return lam_fail(error, LAM_NO_MEMORY, "no memory for a queue of tasks");
  queue->pool = pool;
  queue->task = task;
  queue->user = user;
  queue->last = &queue->first;
  queue->error = (struct lam_error)LAM_ERROR_INIT;
  pthread_cond_init(&queue->done, NULL);
  pthread_mutex_lock(&pool->lock);
  queue->next = pool->queues;
  pool->queues = queue;
  pthread_mutex_unlock(&pool->lock);
  return LAM_OK;
}

/* The lock is held. */
static void append_items(struct lam_queue *queue, struct lam_queue_item *items) {
  *queue->last = items;
  for (; items; items = items->next) {
    items->batch = queue->batch;
    items->done = false;
    queue->last = &items->next;
    queue->unfinished[queue->batch & 1]++;
  }
  pthread_cond_broadcast(&queue->pool->work);
}

void lam_queue_add(struct lam_queue *queue, struct lam_queue_item *items) {
  pthread_mutex_lock(&queue->pool->lock);
  queue->batch++;
  assert(queue->unfinished[queue->batch & 1] == 0);
  append_items(queue, items);
  pthread_mutex_unlock(&queue->pool->lock);
}

void lam_queue_push(struct lam_queue *queue, struct lam_queue_item *item) {
  item->next = NULL;
  pthread_mutex_lock(&queue->pool->lock);
  append_items(queue, item);
  pthread_mutex_unlock(&queue->pool->lock);
}

/* Works on the next item, or sleeps where all are begun. The lock is held before and after. */
static void help_or_wait(struct lam_queue *queue) {
  if (queue->first)
    run_item(queue->pool, queue);
  else
    pthread_cond_wait(&queue->done, &queue->pool->lock);
}

void lam_queue_wait_for(struct lam_queue *queue, const struct lam_queue_item *item) {
  pthread_mutex_lock(&queue->pool->lock);
  queue->awaited = item;
  while (!item->done) help_or_wait(queue);
  queue->awaited = NULL;
  pthread_mutex_unlock(&queue->pool->lock);
}

enum lam_status lam_queue_wait(struct lam_queue *queue, bool all, struct lam_error *error) {
  pthread_mutex_lock(&queue->pool->lock);
  const size_t *last = &queue->unfinished[queue->batch & 1], *before = &queue->unfinished[~queue->batch & 1];
  while (*before > 0 || (all && *last > 0)) help_or_wait(queue);
  enum lam_status status = queue->status;
  if (status != LAM_OK) lam_error_copy(error, &queue->error);
  pthread_mutex_unlock(&queue->pool->lock);
  return status;
}

void lam_queue_close(struct lam_queue *queue) {
  if (!queue) return;
  struct lam_pool *pool = queue->pool;
  pthread_mutex_lock(&pool->lock);
  if (queue->status == LAM_OK) queue->status = LAM_CANCELLED;
  while (queue->unfinished[0] + queue->unfinished[1] > 0) help_or_wait(queue);
  struct lam_queue **link = &pool->queues;
  while (*link != queue) link = &(*link)->next;
  *link = queue->next;
  pthread_mutex_unlock(&pool->lock);
  pthread_cond_destroy(&queue->done);
  free(queue);
}

/* ---- pools ---- */

enum lam_status lam_pool_create(uint32_t threads, struct lam_pool **out, struct lam_error *error) {
  *out = NULL;
  if (threads == 0) threads = 1;
  struct lam_pool *pool = calloc(1, sizeof *pool + (threads - 1) * sizeof *pool->workers);
  if (!pool) return lam_fail(error, LAM_NO_MEMORY, "no memory for a pool of %u threads", threads);
  pthread_mutex_init(&pool->lock, NULL);
  pthread_cond_init(&pool->work, NULL);
  pool->threads = 1;
  /* Workers take no signals: they are for the thread of the embedder that expects them. */
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int code = 0;
  while (pool->threads < threads && code == 0) {
    code = pthread_create(&pool->workers[pool->threads - 1], NULL, worker, pool);
    if (code == 0) pool->threads++;
  }
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (code != 0) {
    lam_pool_free(pool);
    return lam_fail_errno(error, code, "starting a pool of %u threads", threads);
  }
  *out = pool;
  return LAM_OK;
}

void lam_pool_free(struct lam_pool *pool) {
  if (!pool) return;
  pthread_mutex_lock(&pool->lock);
  pool->closing = true;
  pthread_cond_broadcast(&pool->work);
  pthread_mutex_unlock(&pool->lock);
  for (uint32_t i = 0; i + 1 < pool->threads; i++) pthread_join(pool->workers[i], NULL);
  pthread_cond_destroy(&pool->work);
  pthread_mutex_destroy(&pool->lock);
  free(pool);
}

uint32_t lam_pool_threads(const struct lam_pool *pool) {
  return pool->threads;
}

/* The first line of a small file of /proc or /sys, or false. */
static bool read_line(const char *path, char *line, size_t room) {
  FILE *file = fopen(path, "re");
  if (!file) return false;
  bool ok = fgets(line, (int)room, file) != NULL;
  fclose(file);
  if (ok) line[strcspn(line, "\n")] = 0;
  return ok;
}

/* Where the system says which cgroups a process is in, and where their files are. */
struct cgroups {
  const char *self, *root;
};
static const struct cgroups own_cgroups = {"/proc/self/cgroup", "/sys/fs/cgroup"};

/* The directory of this process, "" where there is none: below `base` in the hierarchy of a controller (v1), or in the
 * unified one (v2, which has no controller's name). Lines are "4:memory:/path" and "0::/path". */
static void cgroup_path(const struct cgroups *of, const char *controller, const char *base, char *path, size_t room) {
  path[0] = 0;
  FILE *file = fopen(of->self, "re");
  char line[512];
  while (file && fgets(line, sizeof line, file)) {
    line[strcspn(line, "\n")] = 0;
    const char *named = strchr(line, ':'), *end = named ? strchr(named + 1, ':') : NULL;
    if (!end || strlen(controller) != (size_t)(end - named - 1)) continue;
    if (strncmp(named + 1, controller, strlen(controller)) == 0) snprintf(path, room, "%s%s", base, end + 1);
  }
  if (file) fclose(file);
}

/* Calls `visit` with the file `name` of this process's cgroup and of each of its ancestors: every
 * one of them limits. In a container the path may be that outside; the root is there in any case. */
static void each_cgroup_file(const struct cgroups *of, const char *controller, const char *name,
                             void (*visit)(const char *line, void *user), void *user) {
  char base[512], directory[1024], path[1200], line[128];
  snprintf(base, sizeof base, "%s%s%s", of->root, *controller ? "/" : "", controller);
  cgroup_path(of, controller, base, directory, sizeof directory);
  while (strlen(directory) >= strlen(base)) {
    snprintf(path, sizeof path, "%s/%s", directory, name);
    if (read_line(path, line, sizeof line)) visit(line, user);
    char *slash = strrchr(directory, '/');
    if (!slash) break;
    *slash = 0;
  }
}

static void visit_cpu(const char *line, void *user) {
  unsigned long long quota, period;
  uint32_t *limit = user;
  if (sscanf(line, "%llu %llu", &quota, &period) != 2 || period == 0) return;
  uint64_t cpus = (quota + period - 1) / period;
  if (cpus < *limit) *limit = cpus ? (uint32_t)cpus : 1;
}

uint32_t lam_processors(void) {
  cpu_set_t set;
  uint32_t count = 1;
  long online;
  if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
    count = (uint32_t)CPU_COUNT(&set);
  else if ((online = sysconf(_SC_NPROCESSORS_ONLN)) > 0) /* more processors than a cpu_set_t has */
    count = (uint32_t)online;
  each_cgroup_file(&own_cgroups, "", "cpu.max", visit_cpu, &count);
  return count;
}

static void visit_memory(const char *line, void *user) {
  unsigned long long bytes;
  uint64_t *limit = user;
  if (sscanf(line, "%llu", &bytes) == 1 && bytes < *limit) *limit = bytes;
}

uint64_t lam_memory_of_cgroups(const char *self, const char *root) {
  const struct cgroups of = {self, root};
  uint64_t limit = UINT64_MAX;
  each_cgroup_file(&of, "", "memory.max", visit_memory, &limit);
  each_cgroup_file(&of, "memory", "memory.limit_in_bytes", visit_memory, &limit);
  return limit;
}

uint64_t lam_memory_of_process(void) {
  long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
  uint64_t limit = pages > 0 && size > 0 ? (uint64_t)pages * (uint64_t)size : (uint64_t)1 << 30;
  struct rlimit space;
  if (getrlimit(RLIMIT_AS, &space) == 0 && space.rlim_cur != RLIM_INFINITY) limit = lam_min_u64(limit, space.rlim_cur);
  return lam_min_u64(limit, lam_memory_of_cgroups(own_cgroups.self, own_cgroups.root));
}
