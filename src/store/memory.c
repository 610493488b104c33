/* The memory store: inodes, directories that name them, and handles that keep them. */
#include "store/memory.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "base/context.h"

struct input {
  struct lam_input base;
  struct lam_memory_node *node;
};
struct held_lock {
  struct lam_lock base;
  struct lam_memory_node *node;
};

static struct lam_memory_store *memory_of(struct lam_store *store) {
  return (struct lam_memory_store *)store;
}
static void lock_fs(struct lam_store *store) {
  pthread_mutex_lock(&memory_of(store)->fs->lock);
}
static void unlock_fs(struct lam_store *store) {
  pthread_mutex_unlock(&memory_of(store)->fs->lock);
}

/* ---- the file system ---- */

enum lam_status lam_memory_fs_create(struct lam_context *context, struct lam_memory_fs **out, struct lam_error *error) {
  struct lam_mem *mem;
  void *memory;
  *out = NULL;
  LAM_TRY(lam_mem_open(context, 0, &mem, error));
  enum lam_status status = lam_alloc_zero(mem, sizeof **out, &memory, error);
  if (status != LAM_OK) {
    lam_mem_close(mem);
    return status;
  }
  struct lam_memory_fs *fs = memory;
  pthread_mutex_init(&fs->lock, NULL);
  fs->mem = mem;
  fs->references = 1;
  *out = fs;
  return LAM_OK;
}

void lam_memory_fs_release(struct lam_memory_fs *fs) {
  pthread_mutex_lock(&fs->lock);
  bool last = --fs->references == 0;
  pthread_mutex_unlock(&fs->lock);
  if (!last) return;
  struct lam_mem *mem = fs->mem;
  pthread_mutex_destroy(&fs->lock);
  lam_free(mem, fs, sizeof *fs);
  lam_mem_close(mem);
}

static int64_t now_ns(struct lam_memory_fs *fs) {
  struct timespec time;
  clock_gettime(CLOCK_REALTIME, &time);
  fs->last_time_ns = lam_max_i64((int64_t)time.tv_sec * 1000000000 + time.tv_nsec, fs->last_time_ns + 1);
  return fs->last_time_ns;
}

static enum lam_status node_create(struct lam_memory_fs *fs, enum lam_object_kind kind, struct lam_memory_node **out,
                                   struct lam_error *error) {
  void *memory;
  *out = NULL;
  LAM_TRY(lam_alloc_zero(fs->mem, sizeof **out, &memory, error));
  struct lam_memory_node *node = memory;
  node->inode = ++fs->last_inode;
  node->kind = kind;
  node->mode = kind == LAM_OBJECT_DIRECTORY ? 0755 : 0644;
  node->mtime_ns = node->ctime_ns = now_ns(fs);
  lam_buf_init(&node->bytes, fs->mem);
  *out = node;
  return LAM_OK;
}

/* The tree goes from its leaves: what a released directory still names hangs itself in front of a list,
 * through its holder's place in the entries, so that depth costs no stack. */
void lam_memory_node_release(struct lam_memory_fs *fs, struct lam_memory_node *node) {
  if (--node->references) return;
  while (node) {
    struct lam_memory_entries *entries = &node->entries;
    struct lam_memory_node *child = NULL;
    while (entries->count && !child) {
      child = entries->items[entries->count - 1].node;
      entries->count--;
      lam_free(fs->mem, entries->items[entries->count].name, strlen(entries->items[entries->count].name) + 1);
      if (--child->references) child = NULL;
    }
    if (child) {
      child->holder = (const void *)node; /* the way back; nobody holds a lock on what nobody references */
      node = child;
      continue;
    }
    struct lam_memory_node *parent = (void *)(uintptr_t)node->holder;
    lam_memory_entries_release(fs, entries);
    lam_buf_release(&node->bytes);
    lam_free(fs->mem, node, sizeof *node);
    node = parent;
  }
}

/* ---- names ---- */

/* The place of `name`, or where it would go. */
static size_t entry_place(const struct lam_memory_entries *entries, const char *name, bool *found) {
  size_t low = 0, high = entries->count;
  *found = false;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    int order = strcmp(entries->items[middle].name, name);
    if (order == 0) *found = true;
    if (order < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

struct lam_memory_node *lam_memory_entry(const struct lam_memory_entries *entries, const char *name) {
  bool found;
  size_t place = entry_place(entries, name, &found);
  return found ? entries->items[place].node : NULL;
}

static enum lam_status entry_add(struct lam_memory_fs *fs, struct lam_memory_entries *entries, size_t place,
                                 const char *name, struct lam_memory_node *node, struct lam_error *error) {
  void *memory;
  if (entries->count == entries->capacity) {
    size_t capacity = entries->capacity ? 2 * entries->capacity : 4;
    LAM_TRY(lam_alloc(fs->mem, capacity * sizeof *entries->items, &memory, error));
    lam_copy(memory, entries->items, entries->count * sizeof *entries->items);
    lam_free(fs->mem, entries->items, entries->capacity * sizeof *entries->items);
    entries->items = memory;
    entries->capacity = capacity;
  }
  size_t size = strlen(name) + 1;
  LAM_TRY(lam_alloc(fs->mem, size, &memory, error));
  memcpy(memory, name, size);
  struct lam_memory_entry *at = entries->items + place;
  memmove(at + 1, at, (entries->count - place) * sizeof *at);
  *at = (struct lam_memory_entry){memory, node};
  entries->count++;
  return LAM_OK;
}

enum lam_status lam_memory_entry_set(struct lam_memory_fs *fs, struct lam_memory_entries *entries, const char *name,
                                     struct lam_memory_node *node, struct lam_error *error) {
  bool found;
  size_t place = entry_place(entries, name, &found);
  if (!found) return node ? entry_add(fs, entries, place, name, node, error) : LAM_OK;
  struct lam_memory_entry *at = entries->items + place;
  if (node) {
    at->node = node;
    return LAM_OK;
  }
  lam_free(fs->mem, at->name, strlen(at->name) + 1);
  entries->count--;
  memmove(at, at + 1, (entries->count - place) * sizeof *at);
  return LAM_OK;
}

void lam_memory_entries_release(struct lam_memory_fs *fs, struct lam_memory_entries *entries) {
  for (size_t i = 0; i < entries->count; i++)
    lam_free(fs->mem, entries->items[i].name, strlen(entries->items[i].name) + 1);
  lam_free(fs->mem, entries->items, entries->capacity * sizeof *entries->items);
  *entries = (struct lam_memory_entries){0};
}

/* An entry of a directory: whether it is taken is for the caller to see. */
struct place {
  struct lam_memory_node *directory;
  struct lam_memory_node *node; /* NULL: nothing is there */
  char name[LAM_KEY_MAX + 1];
};

/* Finds the directory that names `key`, and the node it names. 0, ENOENT or ENOTDIR. Key "" has no
 * directory. `avoid` (may be NULL): EINVAL where the way leads through it. */
static int find_place(struct lam_memory_store *store, const char *key, const struct lam_memory_node *avoid,
                      struct place *out) {
  struct lam_memory_node *node = store->root, *directory = NULL;
  if (!node) return ENOENT;
  while (*key) {
    if (!node) return ENOENT;
    if (node->kind != LAM_OBJECT_DIRECTORY) return ENOTDIR;
    if (node == avoid) return EINVAL;
    size_t size = (size_t)(strchrnul(key, '/') - key);
    memcpy(out->name, key, size);
    out->name[size] = 0;
    directory = node;
    node = lam_memory_entry(&directory->entries, out->name);
    key += size + (key[size] == '/');
  }
  out->directory = directory;
  out->node = node;
  return 0;
}

struct lam_memory_node *lam_memory_find(struct lam_memory_store *store, const char *key) {
  struct place place;
  return find_place(store, key, NULL, &place) == 0 ? place.node : NULL;
}

/* Checks the key, takes the lock and finds the node, which must be there. After a failure the lock is
 * free again. */
static enum lam_status enter(struct lam_store *store, const char *key, const char *verb, struct place *out,
                             struct lam_error *error) {
  LAM_TRY(lam_key_check(key, error));
  lock_fs(store);
  int code = find_place(memory_of(store), key, NULL, out);
  if (code == 0 && !out->node) code = ENOENT;
  if (code == 0) return LAM_OK;
  unlock_fs(store);
  return lam_store_fail(store, key, code, verb, error);
}

/* Frees the lock and explains a failure; `code` 0 is success. */
static enum lam_status leave(struct lam_store *store, const char *key, int code, const char *verb,
                             struct lam_error *error) {
  unlock_fs(store);
  return code ? lam_store_fail(store, key, code, verb, error) : LAM_OK;
}

/* A directory's names changed. */
static void touch(struct lam_memory_fs *fs, struct lam_memory_node *directory) {
  directory->mtime_ns = directory->ctime_ns = now_ns(fs);
}

/* Adds a new node, or another link to one, under a name that is free. */
static enum lam_status attach(struct lam_memory_fs *fs, const struct place *place, struct lam_memory_node *node,
                              struct lam_error *error) {
  LAM_TRY(lam_memory_entry_set(fs, &place->directory->entries, place->name, node, error));
  node->links++;
  node->references++;
  touch(fs, place->directory);
  node->ctime_ns = place->directory->ctime_ns;
  return LAM_OK;
}

static void detach(struct lam_memory_fs *fs, const struct place *place) {
  lam_memory_entry_set(fs, &place->directory->entries, place->name, NULL, NULL);
  touch(fs, place->directory);
  place->node->ctime_ns = place->directory->ctime_ns;
  place->node->links--;
  lam_memory_node_release(fs, place->node);
}

/* Makes a node where `key` is free. Under the lock, which stays. */
static enum lam_status add_new(struct lam_store *store, const char *key, enum lam_object_kind kind, const char *verb,
                               struct lam_memory_node **out, struct lam_error *error) {
  struct place place;
  struct lam_memory_fs *fs = memory_of(store)->fs;
  int code = find_place(memory_of(store), key, NULL, &place);
  if (code == 0 && place.node) code = EEXIST;
  if (code) return lam_store_fail(store, key, code, verb, error);
  LAM_TRY(node_create(fs, kind, out, error));
  (*out)->references++; /* so that a failure can release it */
  enum lam_status status = attach(fs, &place, *out, error);
  struct lam_memory_node *node = *out;
  if (status != LAM_OK) *out = NULL;
  lam_memory_node_release(fs, node);
  return status;
}

/* ---- looking and reading ---- */

static void fill_info(const struct lam_memory_fs *fs, const struct lam_memory_node *node, struct lam_object_info *out) {
  *out = (struct lam_object_info){
      .kind = node->kind,
      .size = node->bytes.size,
      .device = (uint64_t)(uintptr_t)fs,
      .inode = node->inode,
      .mtime_ns = node->mtime_ns,
      .ctime_ns = node->ctime_ns,
      .links = node->links,
      .mode = node->mode,
      .writable = node->kind == LAM_OBJECT_DIRECTORY,
  };
}

static enum lam_status memory_stat(struct lam_store *store, const char *key, struct lam_object_info *out,
                                   struct lam_error *error) {
  struct place place;
  LAM_TRY(enter(store, key, "look at", &place, error));
  fill_info(memory_of(store)->fs, place.node, out);
  return leave(store, key, 0, NULL, NULL);
}

/* The directory as it is now, so that `each` may change it: info, name, NUL; again and again. */
static enum lam_status copy_listing(const struct lam_memory_fs *fs, const struct lam_memory_node *directory,
                                    struct lam_buf *out, struct lam_error *error) {
  for (size_t i = 0; i < directory->entries.count; i++) {
    const struct lam_memory_entry *entry = directory->entries.items + i;
    struct lam_object_info info;
    fill_info(fs, entry->node, &info);
    LAM_TRY(lam_buf_append(out, &info, sizeof info, error));
    LAM_TRY(lam_buf_append(out, entry->name, strlen(entry->name) + 1, error));
  }
  return LAM_OK;
}

static enum lam_status memory_list(struct lam_store *store, const char *key, lam_list_fn each, void *user,
                                   struct lam_error *error) {
  struct place place;
  struct lam_memory_fs *fs = memory_of(store)->fs;
  LAM_TRY(enter(store, key, "list", &place, error));
  if (place.node->kind != LAM_OBJECT_DIRECTORY) return leave(store, key, ENOTDIR, "list", error);
  struct lam_buf listing;
  lam_buf_init(&listing, fs->mem);
  enum lam_status status = copy_listing(fs, place.node, &listing, error);
  unlock_fs(store);
  for (size_t at = 0; status == LAM_OK && at < listing.size;) {
    struct lam_object_info info;
    memcpy(&info, listing.data + at, sizeof info);
    const char *name = (const char *)listing.data + at + sizeof info;
    at += sizeof info + strlen(name) + 1;
    status = each(user, name, &info, error);
  }
  lam_buf_release(&listing);
  return status;
}

/* The memory of a handle, which holds the node and the file system. Under the lock. */
static enum lam_status handle_create(struct lam_memory_fs *fs, struct lam_memory_node *node, size_t size, void **out,
                                     struct lam_error *error) {
  LAM_TRY(lam_alloc_zero(fs->mem, size, out, error));
  node->references++;
  return LAM_OK;
}

static void handle_free(struct lam_store *store, struct lam_memory_node *node, void *handle, size_t size) {
  struct lam_memory_fs *fs = memory_of(store)->fs;
  lock_fs(store);
  lam_memory_node_release(fs, node);
  unlock_fs(store);
  lam_free(fs->mem, handle, size);
}

static enum lam_status memory_open(struct lam_store *store, const char *key, struct lam_input **out,
                                   struct lam_object_info *info, struct lam_error *error) {
  struct place place;
  struct lam_memory_fs *fs = memory_of(store)->fs;
  void *handle;
  *out = NULL;
  LAM_TRY(enter(store, key, "open", &place, error));
  if (place.node->kind != LAM_OBJECT_FILE) return leave(store, key, EISDIR, "open", error);
  enum lam_status status = handle_create(fs, place.node, sizeof(struct input), &handle, error);
  if (status == LAM_OK) {
    *(struct input *)handle = (struct input){{store}, place.node};
    *out = handle;
    if (info) fill_info(fs, place.node, info);
  }
  unlock_fs(store);
  return status;
}

static enum lam_status memory_read(struct lam_input *base, uint64_t offset, void *to, size_t size,
                                   struct lam_error *error) {
  const struct lam_buf *bytes = &((struct input *)base)->node->bytes;
  lock_fs(base->store);
  uint64_t end = bytes->size;
  bool there = offset <= end && size <= end - offset;
  if (there && size > 0) memcpy(to, bytes->data + offset, size);
  unlock_fs(base->store);
  return there ? LAM_OK : lam_store_fail_short(base->store, "(open file)", offset, size, end, error);
}

static void memory_close_input(struct lam_input *base) {
  handle_free(base->store, ((struct input *)base)->node, base, sizeof(struct input));
}

/* A copy: the file's own memory moves when it grows. */
static enum lam_status memory_map(struct lam_input *base, size_t size, struct lam_bytes *out, struct lam_error *error) {
  void *memory;
  *out = (struct lam_bytes){NULL, 0};
  LAM_TRY(lam_alloc(memory_of(base->store)->fs->mem, size, &memory, error));
  enum lam_status status = memory_read(base, 0, memory, size, error);
  if (status == LAM_OK)
    *out = lam_bytes_of(memory, size);
  else
    lam_free(memory_of(base->store)->fs->mem, memory, size);
  return status;
}

static void memory_unmap(struct lam_store *store, struct lam_bytes bytes) {
  lam_free(memory_of(store)->fs->mem, (void *)(uintptr_t)bytes.data, bytes.size);
}

/* ---- writing ---- */

static enum lam_status memory_create(struct lam_store *store, const char *key, struct lam_output **out,
                                     struct lam_error *error) {
  struct lam_memory_node *node;
  struct lam_memory_fs *fs = memory_of(store)->fs;
  void *handle;
  *out = NULL;
  LAM_TRY(lam_key_check(key, error));
  lock_fs(store);
  enum lam_status status = add_new(store, key, LAM_OBJECT_FILE, "create", &node, error);
  if (status == LAM_OK) {
    status = handle_create(fs, node, sizeof(struct lam_memory_output), &handle, error);
    struct place place;
    if (status != LAM_OK && find_place(memory_of(store), key, NULL, &place) == 0) detach(fs, &place);
  }
  if (status == LAM_OK) {
    *(struct lam_memory_output *)handle = (struct lam_memory_output){{store}, node};
    *out = handle;
  }
  unlock_fs(store);
  return status;
}

static enum lam_status memory_write(struct lam_output *base, const void *data, size_t size, struct lam_error *error) {
  struct lam_memory_node *node = ((struct lam_memory_output *)base)->node;
  lock_fs(base->store);
  enum lam_status status = lam_buf_append(&node->bytes, data, size, error);
  if (status == LAM_OK) node->mtime_ns = node->ctime_ns = now_ns(memory_of(base->store)->fs);
  unlock_fs(base->store);
  return status == LAM_OK ? LAM_OK : lam_fail_in(error, status, "cannot write to %s", base->store->root);
}

static enum lam_status memory_append(struct lam_store *store, const char *key, struct lam_output **out,
                                     struct lam_object_info *info, struct lam_error *error) {
  struct place place;
  struct lam_memory_fs *fs = memory_of(store)->fs;
  void *handle;
  *out = NULL;
  LAM_TRY(enter(store, key, "append to", &place, error));
  if (place.node->kind != LAM_OBJECT_FILE) return leave(store, key, EISDIR, "append to", error);
  enum lam_status status = handle_create(fs, place.node, sizeof(struct lam_memory_output), &handle, error);
  if (status == LAM_OK) {
    *(struct lam_memory_output *)handle = (struct lam_memory_output){{store}, place.node};
    *out = handle;
    if (info) fill_info(fs, place.node, info);
  }
  unlock_fs(store);
  return status;
}

static enum lam_status memory_patch(struct lam_output *base, uint64_t offset, uint64_t value, struct lam_error *error) {
  struct lam_memory_node *node = ((struct lam_memory_output *)base)->node;
  lock_fs(base->store);
  size_t size = node->bytes.size;
  bool there = size >= sizeof value && offset <= size - sizeof value;
  if (there) {
    lam_store64(node->bytes.data + offset, value);
    node->mtime_ns = node->ctime_ns = now_ns(memory_of(base->store)->fs);
  }
  unlock_fs(base->store);
  return there ? LAM_OK : lam_store_fail_short(base->store, "(open file)", offset, sizeof value, size, error);
}

static enum lam_status memory_sync(struct lam_output *base, struct lam_error *error) {
  (void)base, (void)error;
  return LAM_OK;
}

static enum lam_status memory_close_output(struct lam_output *base, struct lam_error *error) {
  (void)error;
  struct lam_memory_output *output = (struct lam_memory_output *)base;
  handle_free(base->store, output->node, output, sizeof *output);
  return LAM_OK;
}

/* ---- directories ---- */

static enum lam_status make_root(struct lam_memory_store *store, struct lam_error *error) {
  if (store->root) return lam_store_fail(&store->base, "", EEXIST, "make the directory", error);
  LAM_TRY(node_create(store->fs, LAM_OBJECT_DIRECTORY, &store->root, error));
  store->root->links = store->root->references = 1;
  return LAM_OK;
}

static enum lam_status memory_make_directory(struct lam_store *store, const char *key, struct lam_error *error) {
  struct lam_memory_node *node;
  LAM_TRY(lam_key_check(key, error));
  lock_fs(store);
  enum lam_status status = *key ? add_new(store, key, LAM_OBJECT_DIRECTORY, "make the directory", &node, error)
                                : make_root(memory_of(store), error);
  unlock_fs(store);
  return status;
}

static enum lam_status memory_remove_directory(struct lam_store *store, const char *key, struct lam_error *error) {
  const char *verb = "remove the directory";
  struct lam_memory_store *memory = memory_of(store);
  struct place place;
  LAM_TRY(enter(store, key, verb, &place, error));
  if (place.node->kind != LAM_OBJECT_DIRECTORY) return leave(store, key, ENOTDIR, verb, error);
  if (place.node->entries.count) return leave(store, key, ENOTEMPTY, verb, error);
  if (*key) {
    detach(memory->fs, &place);
  } else {
    memory->root->links--;
    lam_memory_node_release(memory->fs, memory->root);
    memory->root = NULL;
  }
  return leave(store, key, 0, NULL, NULL);
}

static enum lam_status memory_remove(struct lam_store *store, const char *key, struct lam_error *error) {
  struct place place;
  LAM_TRY(enter(store, key, "remove", &place, error));
  if (place.node->kind == LAM_OBJECT_DIRECTORY) return leave(store, key, EISDIR, "remove", error);
  detach(memory_of(store)->fs, &place);
  return leave(store, key, 0, NULL, NULL);
}

static enum lam_status memory_sync_directory(struct lam_store *store, const char *key, struct lam_error *error) {
  struct place place;
  LAM_TRY(enter(store, key, "sync the directory", &place, error));
  return leave(store, key, place.node->kind == LAM_OBJECT_DIRECTORY ? 0 : ENOTDIR, "sync the directory", error);
}

static enum lam_status memory_sync_all(struct lam_store *store, struct lam_error *error) {
  struct place place;
  LAM_TRY(enter(store, "", "sync the file system of", &place, error));
  return leave(store, "", 0, NULL, NULL);
}

/* ---- two keys ---- */

enum pair_kind { PAIR_LINK, PAIR_RENAME, PAIR_REPLACE, PAIR_EXCHANGE };

static const char *const pair_verbs[] = {"link", "rename", "rename", "exchange"};

/* As rename(2) has it. */
static int check_replaced(bool by_directory, const struct lam_memory_node *node) {
  if (node->kind != LAM_OBJECT_DIRECTORY) return by_directory ? ENOTDIR : 0;
  if (!by_directory) return EISDIR;
  return node->entries.count ? ENOTEMPTY : 0;
}

/* 0, or what forbids it. */
static int check_pair(enum pair_kind kind, const struct place *a, const struct place *b) {
  if (!a->node) return ENOENT;
  if (!a->directory || !b->directory) return EINVAL; /* a root */
  bool directory = a->node->kind == LAM_OBJECT_DIRECTORY;
  switch (kind) {
    case PAIR_LINK: return directory ? EINVAL : b->node ? EEXIST : 0;
    case PAIR_RENAME: return b->node ? EEXIST : 0;
    case PAIR_REPLACE: return !b->node ? 0 : check_replaced(directory, b->node);
    case PAIR_EXCHANGE: return b->node ? 0 : ENOENT;
  }
  return EINVAL;
}

static enum lam_status move_node(struct lam_memory_fs *fs, const struct place *a, const struct place *b,
                                 struct lam_error *error) {
  if (a->directory == b->directory && strcmp(a->name, b->name) == 0) return LAM_OK;
  if (b->node) detach(fs, b);
  LAM_TRY(attach(fs, b, a->node, error));
  detach(fs, a);
  return LAM_OK;
}

static enum lam_status apply_pair(struct lam_memory_fs *fs, enum pair_kind kind, const struct place *a,
                                  const struct place *b, struct lam_error *error) {
  if (kind == PAIR_LINK) return attach(fs, b, a->node, error);
  if (kind != PAIR_EXCHANGE) return move_node(fs, a, b, error);
  lam_memory_entry_set(fs, &a->directory->entries, a->name, b->node, NULL);
  lam_memory_entry_set(fs, &b->directory->entries, b->name, a->node, NULL);
  touch(fs, a->directory);
  touch(fs, b->directory);
  a->node->ctime_ns = b->node->ctime_ns = now_ns(fs);
  return LAM_OK;
}

static enum lam_status pair(enum pair_kind kind, struct lam_store *from, const char *from_key, struct lam_store *to,
                            const char *to_key, struct lam_error *error) {
  struct lam_memory_store *one = memory_of(from), *other = memory_of(to);
  LAM_TRY(lam_key_check(from_key, error));
  LAM_TRY(lam_key_check(to_key, error));
  if (from->ops != to->ops || one->fs != other->fs)
    return lam_store_fail_pair(from, from_key, to, to_key, EXDEV, pair_verbs[kind], error);
  struct place a, b;
  lock_fs(from);
  int code = find_place(one, from_key, NULL, &a);
  if (code == 0) code = find_place(other, to_key, a.node, &b);
  if (code == 0 && kind == PAIR_EXCHANGE) code = find_place(one, from_key, b.node, &a);
  if (code == 0) code = check_pair(kind, &a, &b);
  if (code == EINVAL && kind == PAIR_EXCHANGE && *from_key && *to_key) code = EOPNOTSUPP;
  enum lam_status status = code ? LAM_OK : apply_pair(one->fs, kind, &a, &b, error);
  unlock_fs(from);
  if (code == 0) return status;
  return lam_store_fail_pair(from, from_key, to, to_key, code, pair_verbs[kind], error);
}

static enum lam_status memory_link(struct lam_store *from, const char *from_key, struct lam_store *to,
                                   const char *to_key, struct lam_error *error) {
  return pair(PAIR_LINK, from, from_key, to, to_key, error);
}
static enum lam_status memory_rename(struct lam_store *from, const char *from_key, struct lam_store *to,
                                     const char *to_key, struct lam_error *error) {
  return pair(PAIR_RENAME, from, from_key, to, to_key, error);
}
static enum lam_status memory_replace(struct lam_store *from, const char *from_key, struct lam_store *to,
                                      const char *to_key, struct lam_error *error) {
  return pair(PAIR_REPLACE, from, from_key, to, to_key, error);
}
static enum lam_status memory_exchange(struct lam_store *from, const char *from_key, struct lam_store *to,
                                       const char *to_key, struct lam_error *error) {
  return pair(PAIR_EXCHANGE, from, from_key, to, to_key, error);
}

static enum lam_status memory_copy_attributes(struct lam_store *from, const char *from_key, struct lam_store *to,
                                              const char *to_key, struct lam_error *error) {
  const char *verb = "set the attributes of";
  struct place place;
  LAM_TRY(enter(from, from_key, verb, &place, error));
  uint32_t mode = place.node->mode;
  unlock_fs(from);
  LAM_TRY(enter(to, to_key, verb, &place, error));
  place.node->mode = mode;
  place.node->ctime_ns = now_ns(memory_of(to)->fs);
  return leave(to, to_key, 0, NULL, NULL);
}

static enum lam_status memory_set_time(struct lam_store *store, const char *key, int64_t mtime_ns,
                                       struct lam_error *error) {
  struct place place;
  LAM_TRY(enter(store, key, "set the time of", &place, error));
  place.node->mtime_ns = mtime_ns;
  place.node->ctime_ns = now_ns(memory_of(store)->fs);
  return leave(store, key, 0, NULL, NULL);
}

/* ---- locks ---- */

/* Under the lock of the file system: the file of a lock, made if missing. */
static enum lam_status lock_file(struct lam_store *store, const char *key, struct lam_memory_node **out,
                                 struct lam_error *error) {
  *out = lam_memory_find(memory_of(store), key);
  if (!*out) return add_new(store, key, LAM_OBJECT_FILE, "lock", out, error);
  return (*out)->kind == LAM_OBJECT_DIRECTORY ? lam_store_fail(store, key, EISDIR, "lock", error) : LAM_OK;
}

static enum lam_status lock_once(struct lam_store *store, const char *key, struct lam_lock **out,
                                 struct lam_error *error) {
  struct lam_memory_node *node;
  void *handle;
  LAM_TRY(lock_file(store, key, &node, error));
  if (node->holder) return lam_store_fail(store, key, EWOULDBLOCK, "lock", error);
  LAM_TRY(handle_create(memory_of(store)->fs, node, sizeof(struct held_lock), &handle, error));
  *(struct held_lock *)handle = (struct held_lock){{store}, node};
  *out = handle;
  node->holder = *out;
  return LAM_OK;
}

static enum lam_status memory_lock(struct lam_store *store, const char *key, bool wait, struct lam_lock **out,
                                   struct lam_error *error) {
  *out = NULL;
  LAM_TRY(lam_key_check(key, error));
  for (;;) {
    lock_fs(store);
    enum lam_status status = lock_once(store, key, out, error);
    unlock_fs(store);
    if (status != LAM_CONFLICT || !wait) return status;
    status = lam_store_wait(store->context, error);
    if (status != LAM_OK) return lam_fail_in(error, status, "while waiting for the lock %s/%s", store->root, key);
  }
}

static void memory_unlock(struct lam_lock *base) {
  struct held_lock *lock = (struct held_lock *)base;
  lock_fs(base->store);
  if (lock->node->holder == base) lock->node->holder = NULL;
  unlock_fs(base->store);
  handle_free(base->store, lock->node, lock, sizeof *lock);
}

/* ---- the store ---- */

static void memory_close(struct lam_store *store) {
  struct lam_memory_store *memory = memory_of(store);
  struct lam_memory_fs *fs = memory->fs;
  lock_fs(store);
  if (memory->root) lam_memory_node_release(fs, memory->root);
  unlock_fs(store);
  lam_free(fs->mem, memory, sizeof *memory);
  lam_memory_fs_release(fs);
}

const struct lam_store_ops lam_memory_ops = {
    .kind = "memory",
    .close = memory_close,
    .stat = memory_stat,
    .list = memory_list,
    .open = memory_open,
    .read = memory_read,
    .close_input = memory_close_input,
    .map = memory_map,
    .unmap = memory_unmap,
    .create = memory_create,
    .write = memory_write,
    .sync = memory_sync,
    .close_output = memory_close_output,
    .append = memory_append,
    .patch = memory_patch,
    .make_directory = memory_make_directory,
    .remove_directory = memory_remove_directory,
    .remove = memory_remove,
    .link = memory_link,
    .rename = memory_rename,
    .replace = memory_replace,
    .exchange = memory_exchange,
    .sync_directory = memory_sync_directory,
    .sync_all = memory_sync_all,
    .copy_attributes = memory_copy_attributes,
    .set_time = memory_set_time,
    .lock = memory_lock,
    .unlock = memory_unlock,
};

enum lam_status lam_memory_store_create(struct lam_memory_fs *fs, struct lam_context *context,
                                        struct lam_memory_node *root, struct lam_memory_store **out,
                                        struct lam_error *error) {
  static char name[] = "memory";
  void *memory;
  *out = NULL;
  LAM_TRY(lam_alloc_zero(fs->mem, sizeof **out, &memory, error));
  struct lam_memory_store *store = memory;
  store->base = (struct lam_store){.ops = &lam_memory_ops, .context = context, .root = name};
  store->fs = fs;
  store->root = root;
  pthread_mutex_lock(&fs->lock);
  enum lam_status status = LAM_OK;
  if (root)
    root->references++;
  else
    status = make_root(store, error);
  if (status == LAM_OK) fs->references++;
  pthread_mutex_unlock(&fs->lock);
  if (status == LAM_OK)
    *out = store;
  else
    lam_free(fs->mem, store, sizeof *store);
  return status;
}

enum lam_status lam_store_memory(struct lam_context *context, struct lam_store **out, struct lam_error *error) {
  struct lam_memory_fs *fs;
  struct lam_memory_store *store;
  *out = NULL;
  LAM_TRY(lam_memory_fs_create(context, &fs, error));
  enum lam_status status = lam_memory_store_create(fs, context, NULL, &store, error);
  if (status == LAM_OK) *out = &store->base;
  lam_memory_fs_release(fs);
  return status;
}

enum lam_status lam_store_memory_beside(struct lam_store *beside, struct lam_store **out, struct lam_error *error) {
  struct lam_memory_store *store;
  *out = NULL;
  if (beside->ops != &lam_memory_ops)
    return lam_fail(error, LAM_INVALID, "a memory store beside a %s store was asked for", beside->ops->kind);
  LAM_TRY(lam_memory_store_create(memory_of(beside)->fs, beside->context, NULL, &store, error));
  *out = &store->base;
  return LAM_OK;
}
