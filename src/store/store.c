#include "store/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/context.h"
#include "base/uuid.h"

enum { MOST_RETRIES = 16 };
enum { LOCK_POLL_MS = 20 };     /* between two tries for a lock that another holds */
enum { COPY_WINDOW = 1 << 20 }; /* bytes */

enum lam_status lam_key_check(const char *key, struct lam_error *error) {
  if (!key) return lam_fail(error, LAM_INVALID, "no key was given");
  if (!*key) return LAM_OK;
  const char *part = key;
  for (const char *p = key;; p++) {
    if (*p && *p != '/') continue;
    size_t size = (size_t)(p - part);
    if (size == 0) return lam_fail(error, LAM_INVALID, "the key \"%s\" has an empty part", key);
    if (part[0] == '.' && (size == 1 || (size == 2 && part[1] == '.')))
      return lam_fail(error, LAM_INVALID, "the key \"%s\" has a part \"%.*s\"", key, (int)size, part);
    if (!*p) {
      if (p - key > LAM_KEY_MAX)
        return lam_fail(error, LAM_INVALID, "a key of %zu bytes; the longest allowed has %d", (size_t)(p - key),
                        LAM_KEY_MAX);
      return LAM_OK;
    }
    part = p + 1;
  }
}

static enum lam_status status_of(int code) {
  switch (code) {
    case ENOENT:
    case ENOTDIR: return LAM_NOT_FOUND;
    case EEXIST:
    case ENOTEMPTY: return LAM_EXISTS;
    case ENOMEM: return LAM_NO_MEMORY;
    case EISDIR:
    case EINVAL: return LAM_INVALID;
    case EXDEV:
    case EMLINK:
    case ENOSYS:
    case EOPNOTSUPP:
    case ELOOP: return LAM_UNSUPPORTED;
    case EWOULDBLOCK: return LAM_CONFLICT;
    default: return LAM_IO;
  }
}

enum lam_status lam_store_fail(const struct lam_store *store, const char *key, int code, const char *verb,
                               struct lam_error *error) {
  enum lam_status status = status_of(code);
  if (code == EWOULDBLOCK)
    return lam_fail(error, status, "cannot %s %s%s%s: another process or thread holds it", verb, store->root,
                    *key ? "/" : "", key);
  lam_fail_errno(error, code, "cannot %s %s%s%s", verb, store->root, *key ? "/" : "", key);
  if (error) error->status = status;
  return status;
}

enum lam_status lam_store_fail_pair(const struct lam_store *from, const char *from_key, const struct lam_store *to,
                                    const char *to_key, int code, const char *verb, struct lam_error *error) {
  lam_fail_errno(error, code, "cannot %s %s/%s to %s/%s", verb, from->root, from_key, to->root, to_key);
  enum lam_status status = status_of(code);
  if (error) error->status = status;
  return status;
}

enum lam_status lam_store_fail_short(const struct lam_store *store, const char *key, uint64_t offset, size_t size,
                                     uint64_t end, struct lam_error *error) {
  return lam_fail(error, LAM_CORRUPT, "%s/%s ends at byte %llu; %zu bytes at offset %llu were to be read", store->root,
                  key, (unsigned long long)end, size, (unsigned long long)offset);
}

enum lam_status lam_store_wait(struct lam_context *context, struct lam_error *error) {
  LAM_TRY(lam_check_cancel(context, error));
  nanosleep(&(struct timespec){.tv_nsec = LOCK_POLL_MS * 1000000L}, NULL);
  return LAM_OK;
}

enum lam_status lam_store_exists(struct lam_store *store, const char *key, bool *out, struct lam_error *error) {
  struct lam_object_info info;
  enum lam_status status = store->ops->stat(store, key, &info, error);
  *out = status == LAM_OK;
  return status == LAM_NOT_FOUND ? LAM_OK : status;
}

/* make_directory that is content with a directory that is there. */
static enum lam_status have_directory(struct lam_store *store, const char *key, struct lam_error *error) {
  enum lam_status status = store->ops->make_directory(store, key, error);
  if (status != LAM_EXISTS) return status;
  struct lam_object_info info;
  LAM_TRY(store->ops->stat(store, key, &info, error));
  return info.kind == LAM_OBJECT_DIRECTORY ? LAM_OK : lam_store_fail(store, key, EEXIST, "make the directory", error);
}

enum lam_status lam_store_make_directories(struct lam_store *store, const char *key, struct lam_error *error) {
  LAM_TRY(lam_key_check(key, error));
  enum lam_status status = have_directory(store, key, error);
  if (status != LAM_NOT_FOUND || !*key) return status;
  LAM_TRY(have_directory(store, "", error));
  char prefix[LAM_KEY_MAX + 1];
  for (const char *end = key; (end = strchr(end, '/')); end++) {
    snprintf(prefix, sizeof prefix, "%.*s", (int)(end - key), key);
    LAM_TRY(have_directory(store, prefix, error));
  }
  return have_directory(store, key, error);
}

enum lam_status lam_store_get(struct lam_store *store, const char *key, uint64_t limit, struct lam_buf *out,
                              struct lam_error *error) {
  struct lam_input *input;
  struct lam_object_info info;
  LAM_TRY(store->ops->open(store, key, &input, &info, error));
  enum lam_status status = LAM_OK;
  if (info.size > limit)
    status = lam_fail(error, LAM_CORRUPT, "%s/%s has %llu bytes; at most %llu are expected", store->root, key,
                      (unsigned long long)info.size, (unsigned long long)limit);
  if (status == LAM_OK) status = lam_buf_reset(out, (size_t)info.size, error);
  if (status == LAM_OK) status = store->ops->read(input, 0, out->data, (size_t)info.size, error);
  if (status == LAM_OK) out->size = (size_t)info.size;
  store->ops->close_input(input);
  return status;
}

static enum lam_status write_new(struct lam_store *store, const char *key, struct lam_bytes bytes, bool sync,
                                 struct lam_error *error) {
  struct lam_output *output;
  LAM_TRY(store->ops->create(store, key, &output, error));
  enum lam_status status = store->ops->write(output, bytes.data, bytes.size, error);
  if (status == LAM_OK && sync) status = store->ops->sync(output, error);
  enum lam_status closed = store->ops->close_output(output, status == LAM_OK ? error : NULL);
  return status == LAM_OK ? closed : status;
}

void lam_store_put_drop(const struct lam_put *put) {
  if (put->store) put->store->ops->remove(put->store, put->staged, NULL);
}

static enum lam_status begin_put(struct lam_store *store, const char *key, struct lam_bytes bytes, bool sync,
                                 struct lam_put *out, struct lam_error *error) {
  char uuid[37];
  out->store = NULL;
  LAM_TRY(lam_key_check(key, error));
  LAM_TRY(lam_uuid(uuid, error));
  if (snprintf(out->staged, sizeof out->staged, "%s" LAM_STORE_TEMPORARY "%s", key, uuid) >= (int)sizeof out->staged)
    return lam_fail(error, LAM_INVALID, "the key \"%s\" is too long", key);
  memcpy(out->key, key, strlen(key) + 1);
  enum lam_status status = write_new(store, out->staged, bytes, sync, error);
  if (status == LAM_OK)
    out->store = store;
  else if (status != LAM_EXISTS)
    store->ops->remove(store, out->staged, NULL);
  return status;
}

static enum lam_status replace(const struct lam_put *put, struct lam_error *error) {
  return put->store->ops->replace(put->store, put->staged, put->store, put->key, error);
}

static enum lam_status sync_parent(const struct lam_put *put, struct lam_error *error) {
  char directory[LAM_KEY_MAX + 1];
  const char *slash = strrchr(put->key, '/');
  snprintf(directory, sizeof directory, "%.*s", slash ? (int)(slash - put->key) : 0, put->key);
  return put->store->ops->sync_directory(put->store, directory, error);
}

enum lam_status lam_store_put_begin(struct lam_store *store, const char *key, struct lam_bytes bytes,
                                    struct lam_put *out, struct lam_error *error) {
  return begin_put(store, key, bytes, false, out, error);
}

enum lam_status lam_store_put_end(const struct lam_put *put, struct lam_error *error) {
  LAM_TRY(replace(put, error));
  return sync_parent(put, error);
}

enum lam_status lam_store_put_happened(const struct lam_put *put, bool *out, struct lam_error *error) {
  bool waits;
  *out = true;
  LAM_TRY(lam_store_exists(put->store, put->staged, &waits, error));
  *out = !waits;
  return LAM_OK;
}

static enum lam_status put_new(struct lam_store *store, const char *key, struct lam_bytes bytes, bool durable,
                               struct lam_error *error) {
  struct lam_put put;
  LAM_TRY(begin_put(store, key, bytes, durable, &put, error));
  enum lam_status status = replace(&put, error);
  if (status != LAM_OK) lam_store_put_drop(&put);
  return status == LAM_OK && durable ? sync_parent(&put, error) : status;
}

enum lam_status lam_store_put(struct lam_store *store, const char *key, struct lam_bytes bytes,
                              struct lam_error *error) {
  return put_new(store, key, bytes, true, error);
}

enum lam_status lam_store_put_cache(struct lam_store *store, const char *key, struct lam_bytes bytes,
                                    struct lam_error *error) {
  return put_new(store, key, bytes, false, error);
}

enum lam_status lam_store_copy(struct lam_output *output, struct lam_input *input, uint64_t offset, uint64_t size,
                               struct lam_mem *mem, struct lam_error *error) {
  const struct lam_store_ops *to = output->store->ops, *from = input->store->ops;
  struct lam_buf window;
  enum lam_status status = LAM_UNSUPPORTED;
  if (to->copy && to == from) status = to->copy(output, input, offset, size, error);
  if (status != LAM_UNSUPPORTED) return status;
  lam_buf_init(&window, mem);
  status = lam_buf_reserve(&window, (size_t)lam_min_u64(size, COPY_WINDOW), error);
  while (status == LAM_OK && size > 0) {
    size_t some = (size_t)lam_min_u64(size, COPY_WINDOW);
    status = lam_check_cancel(output->store->context, error);
    if (status == LAM_OK) status = from->read(input, offset, window.data, some, error);
    if (status == LAM_OK) status = to->write(output, window.data, some, error);
    offset += some;
    size -= some;
  }
  lam_buf_release(&window);
  return status;
}

/* One pass over a directory of a tree that is removed. `key` is where the walk stands; a directory
 * found there is descended into at once, so that the walk needs no memory but this path. */
struct removal {
  struct lam_store *store;
  char key[LAM_KEY_MAX + 1];
  size_t size; /* of key */
  bool descended;
  uint32_t again; /* directories that were not empty after they had been emptied */
};

static enum lam_status remove_entry(void *user, const char *name, const struct lam_object_info *info,
                                    struct lam_error *error) {
  struct removal *walk = user;
  size_t before = walk->size;
  size_t room = sizeof walk->key - before;
  int added = snprintf(walk->key + before, room, "%s%s", before ? "/" : "", name);
  if (added < 0 || (size_t)added >= room) {
    walk->key[before] = 0;
    return lam_fail(error, LAM_IO, "cannot remove %s/%s/%s: its key is too long", walk->store->root, walk->key, name);
  }
  if (info->kind == LAM_OBJECT_DIRECTORY) {
    walk->size = before + (size_t)added;
    walk->descended = true;
    return LAM_EXISTS; /* ends this listing */
  }
  enum lam_status status = walk->store->ops->remove(walk->store, walk->key, error);
  walk->key[before] = 0;
  return status == LAM_NOT_FOUND ? LAM_OK : status;
}

enum lam_status lam_store_remove_tree(struct lam_store *store, const char *key, struct lam_error *error) {
  LAM_TRY(lam_key_check(key, error));
  if (*key) {
    /* Not a stat, which would follow a link. */
    enum lam_status status = store->ops->remove(store, key, error);
    if (status == LAM_NOT_FOUND) return LAM_OK;
    if (status != LAM_INVALID) return status;
  }
  struct removal walk = {.store = store, .size = strlen(key)};
  memcpy(walk.key, key, walk.size + 1);
  for (;;) {
    walk.descended = false;
    enum lam_status status = store->ops->list(store, walk.key, remove_entry, &walk, error);
    if (walk.descended) continue;
    if (status == LAM_OK) status = store->ops->remove_directory(store, walk.key, error);
    /* Somebody added an entry meanwhile. Not forever: NFS keeps names of open files that were removed. */
    if (status == LAM_EXISTS && walk.again++ < MOST_RETRIES) continue;
    if (status != LAM_OK && status != LAM_NOT_FOUND) return status;
    if (strcmp(walk.key, key) == 0) return LAM_OK;
    char *slash = strrchr(walk.key, '/');
    walk.size = slash ? (size_t)(slash - walk.key) : 0;
    walk.key[walk.size] = 0;
  }
}
