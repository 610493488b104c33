#undef NDEBUG
#include "fault_store.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct fault {
  pthread_mutex_t lock;
  struct fault_plan plan;
  uint64_t count;
  bool fired;
  char *trace;
  size_t trace_size, trace_room;
};

struct fault_store {
  struct lam_store base;
  struct lam_store *inner;
  struct fault *fault;
};
struct fault_input {
  struct lam_input base;
  struct lam_input *inner;
};
struct fault_output {
  struct lam_output base;
  struct lam_output *inner;
  char *key;
};
struct fault_lock {
  struct lam_lock base;
  struct lam_lock *inner;
};

static struct lam_store *inner_of(struct lam_store *store) {
  return ((struct fault_store *)store)->inner;
}

static void *zeroed(size_t size) {
  void *memory = calloc(1, size);
  assert(memory);
  return memory;
}

/* ---- counting ---- */

enum class { READS, CHANGES, NEEDS_ROOM };

/* What is to happen at one operation. */
struct hit {
  struct fault *fault;
  struct fault_plan plan;
  bool now;       /* the action is for this operation */
  char what[512]; /* a line of the trace */
};

static void add_to_trace(struct fault *fault, const char *what) {
  size_t room = fault->trace_size + strlen(what) + 32;
  if (room > fault->trace_room) {
    fault->trace_room = 2 * room;
    fault->trace = realloc(fault->trace, fault->trace_room);
    assert(fault->trace);
  }
  fault->trace_size +=
      (size_t)sprintf(fault->trace + fault->trace_size, "%4llu %s\n", (unsigned long long)fault->count, what);
}

/* Counts an operation; true when the plan's action is for it. */
static bool count_one(struct fault *fault, enum class class, const char *what) {
  const struct fault_plan *plan = &fault->plan;
  if (class == READS && !plan->reads) return false;
  fault->count++;
  add_to_trace(fault, what);
  if (plan->at == 0 || fault->count < plan->at) return false;
  bool once_done = fault->fired && !plan->onwards;
  bool now = plan->action == FAULT_FULL ? class == NEEDS_ROOM && !once_done : fault->count == plan->at || plan->onwards;
  fault->fired |= now;
  return now;
}

static enum lam_status report(const struct hit *hit, struct lam_error *error) {
  return lam_fail(error, LAM_IO, "injected fault: %s%s", hit->what,
                  hit->plan.action == FAULT_FULL ? ": No space left on device" : "");
}

static enum lam_status act(const struct hit *hit, struct lam_error *error) {
  if (hit->plan.action == FAULT_EXIT) _exit(FAULT_EXIT_STATUS);
  if (hit->plan.action != FAULT_CALL) return report(hit, error);
  hit->plan.call(hit->plan.user, hit->what);
  return LAM_OK;
}

/* Before the operation: a failure is the operation's. */
static enum lam_status begin(struct hit *hit, enum class class, const char *name, struct lam_store *store,
                             const char *key, struct lam_store *other, const char *other_key, struct lam_error *error) {
  hit->fault = ((struct fault_store *)store)->fault;
  if (other)
    snprintf(hit->what, sizeof hit->what, "%s %s/%s -> %s/%s", name, store->root, key, other->root, other_key);
  else
    snprintf(hit->what, sizeof hit->what, "%s %s/%s", name, store->root, key);
  pthread_mutex_lock(&hit->fault->lock);
  hit->plan = hit->fault->plan;
  hit->now = count_one(hit->fault, class, hit->what);
  pthread_mutex_unlock(&hit->fault->lock);
  return hit->now && !hit->plan.after ? act(hit, error) : LAM_OK;
}

/* After it. */
static enum lam_status end(const struct hit *hit, enum lam_status status, struct lam_error *error) {
  if (!hit->now || !hit->plan.after) return status;
  enum lam_status done = act(hit, status == LAM_OK ? error : NULL);
  return status == LAM_OK ? done : status;
}

/* ---- reading ---- */

static enum lam_status fault_stat(struct lam_store *store, const char *key, struct lam_object_info *out,
                                  struct lam_error *error) {
  struct hit hit;
  LAM_TRY(begin(&hit, READS, "stat", store, key, NULL, NULL, error));
  return end(&hit, inner_of(store)->ops->stat(inner_of(store), key, out, error), error);
}
static enum lam_status fault_list(struct lam_store *store, const char *key, lam_list_fn each, void *user,
                                  struct lam_error *error) {
  struct hit hit;
  LAM_TRY(begin(&hit, READS, "list", store, key, NULL, NULL, error));
  return end(&hit, inner_of(store)->ops->list(inner_of(store), key, each, user, error), error);
}
static enum lam_status fault_open(struct lam_store *store, const char *key, struct lam_input **out,
                                  struct lam_object_info *info, struct lam_error *error) {
  struct hit hit;
  struct lam_input *inner;
  *out = NULL;
  LAM_TRY(begin(&hit, READS, "open", store, key, NULL, NULL, error));
  LAM_TRY(inner_of(store)->ops->open(inner_of(store), key, &inner, info, error));
  enum lam_status status = end(&hit, LAM_OK, error);
  if (status != LAM_OK) {
    inner_of(store)->ops->close_input(inner);
    return status;
  }
  struct fault_input *input = zeroed(sizeof *input);
  *input = (struct fault_input){{store}, inner};
  *out = &input->base;
  return LAM_OK;
}
static enum lam_status fault_read(struct lam_input *base, uint64_t offset, void *to, size_t size,
                                  struct lam_error *error) {
  struct lam_input *inner = ((struct fault_input *)base)->inner;
  struct hit hit;
  LAM_TRY(begin(&hit, READS, "read", base->store, "(open file)", NULL, NULL, error));
  return end(&hit, inner->store->ops->read(inner, offset, to, size, error), error);
}
static void fault_close_input(struct lam_input *base) {
  struct lam_input *inner = ((struct fault_input *)base)->inner;
  inner->store->ops->close_input(inner);
  free(base);
}

static enum lam_status fault_map(struct lam_input *base, size_t size, struct lam_bytes *out, struct lam_error *error) {
  struct lam_input *inner = ((struct fault_input *)base)->inner;
  struct hit hit;
  LAM_TRY(begin(&hit, READS, "map", base->store, "(open file)", NULL, NULL, error));
  LAM_TRY(inner->store->ops->map(inner, size, out, error));
  enum lam_status status = end(&hit, LAM_OK, error);
  if (status != LAM_OK) inner->store->ops->unmap(inner->store, *out);
  return status;
}
static void fault_unmap(struct lam_store *store, struct lam_bytes bytes) {
  inner_of(store)->ops->unmap(inner_of(store), bytes);
}

/* ---- writing ---- */

static enum lam_status fault_create_object(struct lam_store *store, const char *key, struct lam_output **out,
                                           struct lam_error *error) {
  struct hit hit;
  struct lam_output *inner;
  *out = NULL;
  LAM_TRY(begin(&hit, NEEDS_ROOM, "create", store, key, NULL, NULL, error));
  LAM_TRY(inner_of(store)->ops->create(inner_of(store), key, &inner, error));
  enum lam_status status = end(&hit, LAM_OK, error);
  if (status != LAM_OK) {
    inner->store->ops->close_output(inner, NULL);
    return status;
  }
  struct fault_output *output = zeroed(sizeof *output);
  *output = (struct fault_output){{store}, inner, strdup(key)};
  assert(output->key);
  *out = &output->base;
  return LAM_OK;
}
static enum lam_status fault_write(struct lam_output *base, const void *data, size_t size, struct lam_error *error) {
  struct fault_output *output = (struct fault_output *)base;
  struct lam_output *inner = output->inner;
  struct hit hit;
  enum lam_status status = begin(&hit, NEEDS_ROOM, "write", base->store, output->key, NULL, NULL, error);
  if (status != LAM_OK) {
    if (hit.plan.action == FAULT_FULL) inner->store->ops->write(inner, data, size / 2, NULL);
    return status;
  }
  return end(&hit, inner->store->ops->write(inner, data, size, error), error);
}
static enum lam_status fault_sync(struct lam_output *base, struct lam_error *error) {
  struct fault_output *output = (struct fault_output *)base;
  struct hit hit;
  LAM_TRY(begin(&hit, CHANGES, "sync", base->store, output->key, NULL, NULL, error));
  return end(&hit, output->inner->store->ops->sync(output->inner, error), error);
}
/* Closes in any case, as a close that fails does. */
static enum lam_status fault_close_output(struct lam_output *base, struct lam_error *error) {
  struct fault_output *output = (struct fault_output *)base;
  struct hit hit;
  enum lam_status status = begin(&hit, CHANGES, "close", base->store, output->key, NULL, NULL, error);
  enum lam_status closed = output->inner->store->ops->close_output(output->inner, status == LAM_OK ? error : NULL);
  if (status == LAM_OK) status = end(&hit, closed, error);
  free(output->key);
  free(output);
  return status;
}

static enum lam_status fault_append(struct lam_store *store, const char *key, struct lam_output **out,
                                    struct lam_object_info *info, struct lam_error *error) {
  struct hit hit;
  struct lam_output *inner;
  *out = NULL;
  LAM_TRY(begin(&hit, CHANGES, "append", store, key, NULL, NULL, error));
  LAM_TRY(inner_of(store)->ops->append(inner_of(store), key, &inner, info, error));
  enum lam_status status = end(&hit, LAM_OK, error);
  if (status != LAM_OK) {
    inner->store->ops->close_output(inner, NULL);
    return status;
  }
  struct fault_output *output = zeroed(sizeof *output);
  *output = (struct fault_output){{store}, inner, strdup(key)};
  assert(output->key);
  *out = &output->base;
  return LAM_OK;
}
static enum lam_status fault_patch(struct lam_output *base, uint64_t offset, uint64_t value, struct lam_error *error) {
  struct fault_output *output = (struct fault_output *)base;
  struct hit hit;
  LAM_TRY(begin(&hit, CHANGES, "patch", base->store, output->key, NULL, NULL, error));
  return end(&hit, output->inner->store->ops->patch(output->inner, offset, value, error), error);
}

/* ---- names ---- */

#define ONE_KEY(function, operation, class, name)                                                      \
  static enum lam_status function(struct lam_store *store, const char *key, struct lam_error *error) { \
    struct hit hit;                                                                                    \
    LAM_TRY(begin(&hit, class, name, store, key, NULL, NULL, error));                                  \
    return end(&hit, inner_of(store)->ops->operation(inner_of(store), key, error), error);             \
  }
ONE_KEY(fault_make_directory, make_directory, NEEDS_ROOM, "make_directory")
ONE_KEY(fault_remove_directory, remove_directory, CHANGES, "remove_directory")
ONE_KEY(fault_remove, remove, CHANGES, "remove")
ONE_KEY(fault_sync_directory, sync_directory, CHANGES, "sync_directory")

#define TWO_KEYS(function, operation, class, name)                                                                  \
  static enum lam_status function(struct lam_store *from, const char *from_key, struct lam_store *to,               \
                                  const char *to_key, struct lam_error *error) {                                    \
    struct hit hit;                                                                                                 \
    assert(from->ops == to->ops);                                                                                   \
    LAM_TRY(begin(&hit, class, name, from, from_key, to, to_key, error));                                           \
    return end(&hit, inner_of(from)->ops->operation(inner_of(from), from_key, inner_of(to), to_key, error), error); \
  }
TWO_KEYS(fault_link, link, NEEDS_ROOM, "link")
TWO_KEYS(fault_rename, rename, NEEDS_ROOM, "rename")
TWO_KEYS(fault_replace, replace, NEEDS_ROOM, "replace")
TWO_KEYS(fault_exchange, exchange, CHANGES, "exchange")
TWO_KEYS(fault_copy_attributes, copy_attributes, CHANGES, "copy_attributes")

static enum lam_status fault_set_time(struct lam_store *store, const char *key, int64_t mtime_ns,
                                      struct lam_error *error) {
  struct hit hit;
  LAM_TRY(begin(&hit, CHANGES, "set_time", store, key, NULL, NULL, error));
  return end(&hit, inner_of(store)->ops->set_time(inner_of(store), key, mtime_ns, error), error);
}

static enum lam_status fault_sync_all(struct lam_store *store, struct lam_error *error) {
  struct hit hit;
  LAM_TRY(begin(&hit, CHANGES, "sync_all", store, "", NULL, NULL, error));
  return end(&hit, inner_of(store)->ops->sync_all(inner_of(store), error), error);
}

/* ---- locks ---- */

static enum lam_status fault_take_lock(struct lam_store *store, const char *key, bool wait, struct lam_lock **out,
                                       struct lam_error *error) {
  struct hit hit;
  struct lam_lock *inner;
  *out = NULL;
  LAM_TRY(begin(&hit, NEEDS_ROOM, "lock", store, key, NULL, NULL, error));
  LAM_TRY(inner_of(store)->ops->lock(inner_of(store), key, wait, &inner, error));
  enum lam_status status = end(&hit, LAM_OK, error);
  if (status != LAM_OK) {
    inner->store->ops->unlock(inner);
    return status;
  }
  struct fault_lock *lock = zeroed(sizeof *lock);
  *lock = (struct fault_lock){{store}, inner};
  *out = &lock->base;
  return LAM_OK;
}
static void fault_unlock(struct lam_lock *base) {
  struct lam_lock *inner = ((struct fault_lock *)base)->inner;
  inner->store->ops->unlock(inner);
  free(base);
}

/* ---- the stores ---- */

static void fault_close(struct lam_store *store) {
  free(store);
}

static const struct lam_store_ops fault_ops = {
    .kind = "fault",
    .close = fault_close,
    .stat = fault_stat,
    .list = fault_list,
    .open = fault_open,
    .read = fault_read,
    .close_input = fault_close_input,
    .map = fault_map,
    .unmap = fault_unmap,
    .create = fault_create_object,
    .write = fault_write,
    .sync = fault_sync,
    .close_output = fault_close_output,
    .append = fault_append,
    .patch = fault_patch,
    .make_directory = fault_make_directory,
    .remove_directory = fault_remove_directory,
    .remove = fault_remove,
    .link = fault_link,
    .rename = fault_rename,
    .replace = fault_replace,
    .exchange = fault_exchange,
    .sync_directory = fault_sync_directory,
    .sync_all = fault_sync_all,
    .copy_attributes = fault_copy_attributes,
    .set_time = fault_set_time,
    .lock = fault_take_lock,
    .unlock = fault_unlock,
};

void fault_create(struct fault **out) {
  *out = zeroed(sizeof **out);
  pthread_mutex_init(&(*out)->lock, NULL);
}

void fault_wrap(struct fault *fault, struct lam_store *inner, struct lam_store **out) {
  struct fault_store *store = zeroed(sizeof *store);
  store->base = (struct lam_store){.ops = &fault_ops, .context = inner->context, .root = inner->root};
  store->inner = inner;
  store->fault = fault;
  *out = &store->base;
}

void fault_arm(struct fault *fault, const struct fault_plan *plan) {
  pthread_mutex_lock(&fault->lock);
  fault->plan = plan ? *plan : (struct fault_plan){0};
  fault->count = 0;
  fault->fired = false;
  fault->trace_size = 0;
  if (fault->trace) *fault->trace = 0;
  pthread_mutex_unlock(&fault->lock);
}

uint64_t fault_count(struct fault *fault) {
  pthread_mutex_lock(&fault->lock);
  uint64_t count = fault->count;
  pthread_mutex_unlock(&fault->lock);
  return count;
}

bool fault_fired(struct fault *fault) {
  pthread_mutex_lock(&fault->lock);
  bool fired = fault->fired;
  pthread_mutex_unlock(&fault->lock);
  return fired;
}

const char *fault_trace(struct fault *fault) {
  return fault->trace ? fault->trace : "";
}

void fault_free(struct fault *fault) {
  pthread_mutex_destroy(&fault->lock);
  free(fault->trace);
  free(fault);
}
