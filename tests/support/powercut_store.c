/* The stores are memory stores whose changing operations are wrapped: what they do to names is seen by
 * looking at the names before and after. What must not fail here (memory) is asserted. */
#undef NDEBUG
#include "powercut_store.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "store/memory.h"

enum { MOST_ROOTS = 4 };

/* What is durable of a node. All nodes are kept to the end, so that a crash can bring any of them back. */
struct shadow {
  struct lam_memory_node *node;
  size_t size;                       /* bytes of the file that were synced */
  struct lam_memory_entries entries; /* of the directory */
};

/* `name` of `directory` now means `node` (NULL: nothing). */
struct change {
  struct lam_memory_node *directory;
  char name[256];
  struct lam_memory_node *node;
};
struct operation {
  struct change changes[2];
  size_t count;
  bool chosen; /* to become durable */
};

/* 8 bytes that were overwritten and not synced since. */
struct patched {
  struct lam_memory_node *node;
  uint64_t offset, before;
};

struct powercut {
  pthread_mutex_t lock; /* around each operation and its journal entry */
  struct lam_context *context;
  struct lam_memory_fs *fs;
  struct {
    char name[32];
    struct lam_memory_store *store;
  } roots[MOST_ROOTS];
  size_t root_count;
  struct shadow *shadows; /* by inode */
  size_t shadow_count;
  struct operation *journal; /* in order */
  size_t journal_count;
  struct patched *patches; /* in order */
  size_t patch_count;
};

static struct lam_store_ops powercut_ops;

static struct powercut *cut_of(const struct lam_store *store) {
  return ((const struct lam_memory_store *)store)->owner;
}

static void *grown(void *memory, size_t count, size_t size) {
  void *more = realloc(memory, count * size);
  assert(more);
  return more;
}

static struct shadow *shadow_of(struct powercut *cut, struct lam_memory_node *node) {
  if (node->inode >= cut->shadow_count) {
    size_t count = node->inode + 64;
    cut->shadows = grown(cut->shadows, count, sizeof *cut->shadows);
    memset(cut->shadows + cut->shadow_count, 0, (count - cut->shadow_count) * sizeof *cut->shadows);
    cut->shadow_count = count;
  }
  struct shadow *shadow = cut->shadows + node->inode;
  if (!shadow->node) {
    shadow->node = node;
    node->references++;
  }
  return shadow;
}

/* ---- the journal ---- */

static void make_durable(struct powercut *cut, const struct operation *operation) {
  for (size_t i = 0; i < operation->count; i++) {
    const struct change *change = operation->changes + i;
    struct shadow *shadow = shadow_of(cut, change->directory);
    enum lam_status status = lam_memory_entry_set(cut->fs, &shadow->entries, change->name, change->node, NULL);
    assert(status == LAM_OK);
  }
}

/* Applies the chosen operations to what is durable and forgets them. */
static void settle(struct powercut *cut) {
  size_t kept = 0;
  for (size_t i = 0; i < cut->journal_count; i++) {
    if (cut->journal[i].chosen)
      make_durable(cut, cut->journal + i);
    else
      cut->journal[kept++] = cut->journal[i];
  }
  cut->journal_count = kept;
}

static bool touches(const struct operation *operation, const bool *directories) {
  for (size_t i = 0; i < operation->count; i++)
    if (directories[operation->changes[i].directory->inode]) return true;
  return false;
}

static void mark(const struct operation *operation, bool *directories) {
  for (size_t i = 0; i < operation->count; i++) directories[operation->changes[i].directory->inode] = true;
}

/* Chooses what touches `directory`, and whatever came before that in the directories touched. */
static void choose_for(struct powercut *cut, const struct lam_memory_node *directory) {
  bool *needed = calloc(cut->fs->last_inode + 1, sizeof *needed);
  assert(needed);
  needed[directory->inode] = true;
  for (size_t i = cut->journal_count; i-- > 0;) {
    struct operation *operation = cut->journal + i;
    operation->chosen = touches(operation, needed);
    if (operation->chosen) mark(operation, needed);
  }
  free(needed);
}

/* The first half of a wrapped operation: takes the locks and sees where the keys lead. */
struct watch {
  struct powercut *cut;
  struct operation operation;
};

static void watch_key(struct watch *watch, struct lam_store *store, const char *key) {
  struct lam_memory_store *memory = (struct lam_memory_store *)store;
  char parent[LAM_KEY_MAX + 1];
  if (lam_key_check(key, NULL) != LAM_OK || !*key) return; /* a root is durable at once */
  const char *slash = strrchr(key, '/');
  snprintf(parent, sizeof parent, "%.*s", slash ? (int)(slash - key) : 0, key);
  struct lam_memory_node *directory = lam_memory_find(memory, parent);
  if (!directory || directory->kind != LAM_OBJECT_DIRECTORY) return; /* the operation will fail */
  struct change *change = watch->operation.changes + watch->operation.count++;
  change->directory = directory;
  snprintf(change->name, sizeof change->name, "%s", slash ? slash + 1 : key);
  change->node = lam_memory_entry(&directory->entries, change->name);
}

static struct watch begin(struct lam_store *store, const char *key, struct lam_store *other, const char *other_key) {
  struct watch watch = {.cut = cut_of(store)};
  pthread_mutex_lock(&watch.cut->lock);
  pthread_mutex_lock(&watch.cut->fs->lock);
  watch_key(&watch, store, key);
  if (other) watch_key(&watch, other, other_key);
  /* Held from before: the operation may take a name's last link. */
  for (size_t i = 0; i < watch.operation.count; i++) {
    shadow_of(watch.cut, watch.operation.changes[i].directory);
    if (watch.operation.changes[i].node) shadow_of(watch.cut, watch.operation.changes[i].node);
  }
  pthread_mutex_unlock(&watch.cut->fs->lock);
  return watch;
}

/* The second half: writes to the journal what has become of the names. */
static enum lam_status end(struct watch *watch, enum lam_status status) {
  struct powercut *cut = watch->cut;
  struct operation done = {0};
  pthread_mutex_lock(&cut->fs->lock);
  for (size_t i = 0; i < watch->operation.count; i++) {
    struct change change = watch->operation.changes[i];
    struct lam_memory_node *now = lam_memory_entry(&change.directory->entries, change.name);
    if (now == change.node) continue;
    if (now) shadow_of(cut, now);
    change.node = now;
    done.changes[done.count++] = change;
  }
  if (done.count) {
    cut->journal = grown(cut->journal, cut->journal_count + 1, sizeof *cut->journal);
    cut->journal[cut->journal_count++] = done;
  }
  pthread_mutex_unlock(&cut->fs->lock);
  pthread_mutex_unlock(&cut->lock);
  return status;
}

/* ---- the wrapped operations ---- */

static enum lam_status cut_create(struct lam_store *store, const char *key, struct lam_output **out,
                                  struct lam_error *error) {
  struct watch watch = begin(store, key, NULL, NULL);
  return end(&watch, lam_memory_ops.create(store, key, out, error));
}
/* A root that was made or removed is so for those who open it later. */
static void keep_root(struct lam_store *store) {
  struct powercut *cut = cut_of(store);
  struct lam_memory_node *root = ((struct lam_memory_store *)store)->root;
  pthread_mutex_lock(&cut->fs->lock);
  for (size_t i = 0; i < cut->root_count; i++) {
    struct lam_memory_store *held = cut->roots[i].store;
    if (cut->roots[i].name != store->root || held->root == root) continue;
    if (held->root) lam_memory_node_release(cut->fs, held->root);
    if (root) shadow_of(cut, root)->node->references++;
    held->root = root;
  }
  pthread_mutex_unlock(&cut->fs->lock);
}
static enum lam_status cut_make_directory(struct lam_store *store, const char *key, struct lam_error *error) {
  struct watch watch = begin(store, key, NULL, NULL);
  enum lam_status status = lam_memory_ops.make_directory(store, key, error);
  keep_root(store);
  return end(&watch, status);
}
static enum lam_status cut_remove_directory(struct lam_store *store, const char *key, struct lam_error *error) {
  struct watch watch = begin(store, key, NULL, NULL);
  enum lam_status status = lam_memory_ops.remove_directory(store, key, error);
  keep_root(store);
  return end(&watch, status);
}
static enum lam_status cut_remove(struct lam_store *store, const char *key, struct lam_error *error) {
  struct watch watch = begin(store, key, NULL, NULL);
  return end(&watch, lam_memory_ops.remove(store, key, error));
}
static enum lam_status cut_link(struct lam_store *from, const char *from_key, struct lam_store *to, const char *to_key,
                                struct lam_error *error) {
  struct watch watch = begin(from, from_key, to, to_key);
  return end(&watch, lam_memory_ops.link(from, from_key, to, to_key, error));
}
static enum lam_status cut_rename(struct lam_store *from, const char *from_key, struct lam_store *to,
                                  const char *to_key, struct lam_error *error) {
  struct watch watch = begin(from, from_key, to, to_key);
  return end(&watch, lam_memory_ops.rename(from, from_key, to, to_key, error));
}
static enum lam_status cut_replace(struct lam_store *from, const char *from_key, struct lam_store *to,
                                   const char *to_key, struct lam_error *error) {
  struct watch watch = begin(from, from_key, to, to_key);
  return end(&watch, lam_memory_ops.replace(from, from_key, to, to_key, error));
}
static enum lam_status cut_exchange(struct lam_store *from, const char *from_key, struct lam_store *to,
                                    const char *to_key, struct lam_error *error) {
  struct watch watch = begin(from, from_key, to, to_key);
  return end(&watch, lam_memory_ops.exchange(from, from_key, to, to_key, error));
}

/* Tries only: a wait under our lock would keep the holder from letting go. */
static enum lam_status cut_lock(struct lam_store *store, const char *key, bool wait, struct lam_lock **out,
                                struct lam_error *error) {
  for (;;) {
    struct watch watch = begin(store, key, NULL, NULL);
    enum lam_status status = end(&watch, lam_memory_ops.lock(store, key, false, out, error));
    if (status != LAM_CONFLICT || !wait) return status;
    LAM_TRY(lam_store_wait(store->context, error));
  }
}

static enum lam_status cut_patch(struct lam_output *output, uint64_t offset, uint64_t value, struct lam_error *error) {
  struct powercut *cut = cut_of(output->store);
  struct lam_memory_node *node = ((struct lam_memory_output *)output)->node;
  pthread_mutex_lock(&cut->lock);
  cut->patches = grown(cut->patches, cut->patch_count + 1, sizeof *cut->patches);
  pthread_mutex_lock(&cut->fs->lock);
  uint64_t before = offset + sizeof before <= node->bytes.size ? lam_load64(node->bytes.data + offset) : 0;
  shadow_of(cut, node); /* held to the end */
  pthread_mutex_unlock(&cut->fs->lock);
  enum lam_status status = lam_memory_ops.patch(output, offset, value, error);
  if (status == LAM_OK) cut->patches[cut->patch_count++] = (struct patched){node, offset, before};
  pthread_mutex_unlock(&cut->lock);
  return status;
}

/* Patches of `node` (NULL: all) are durable. */
static void settle_patches(struct powercut *cut, const struct lam_memory_node *node) {
  size_t kept = 0;
  for (size_t i = 0; i < cut->patch_count; i++)
    if (node && cut->patches[i].node != node) cut->patches[kept++] = cut->patches[i];
  cut->patch_count = kept;
}

static enum lam_status cut_sync(struct lam_output *output, struct lam_error *error) {
  (void)error;
  struct powercut *cut = cut_of(output->store);
  struct lam_memory_node *node = ((struct lam_memory_output *)output)->node;
  pthread_mutex_lock(&cut->lock);
  pthread_mutex_lock(&cut->fs->lock);
  shadow_of(cut, node)->size = node->bytes.size;
  settle_patches(cut, node);
  pthread_mutex_unlock(&cut->fs->lock);
  pthread_mutex_unlock(&cut->lock);
  return LAM_OK;
}

static enum lam_status cut_sync_directory(struct lam_store *store, const char *key, struct lam_error *error) {
  struct powercut *cut = cut_of(store);
  pthread_mutex_lock(&cut->lock);
  enum lam_status status = lam_memory_ops.sync_directory(store, key, error);
  if (status == LAM_OK) {
    pthread_mutex_lock(&cut->fs->lock);
    choose_for(cut, lam_memory_find((struct lam_memory_store *)store, key));
    settle(cut);
    pthread_mutex_unlock(&cut->fs->lock);
  }
  pthread_mutex_unlock(&cut->lock);
  return status;
}

static enum lam_status cut_sync_all(struct lam_store *store, struct lam_error *error) {
  struct powercut *cut = cut_of(store);
  pthread_mutex_lock(&cut->lock);
  enum lam_status status = lam_memory_ops.sync_all(store, error);
  if (status == LAM_OK) {
    pthread_mutex_lock(&cut->fs->lock);
    for (size_t i = 0; i < cut->journal_count; i++) cut->journal[i].chosen = true;
    settle(cut);
    settle_patches(cut, NULL);
    for (size_t i = 0; i < cut->shadow_count; i++)
      if (cut->shadows[i].node) cut->shadows[i].size = cut->shadows[i].node->bytes.size;
    pthread_mutex_unlock(&cut->fs->lock);
  }
  pthread_mutex_unlock(&cut->lock);
  return status;
}

/* ---- the crash ---- */

/* splitmix64, public domain, by Sebastiano Vigna. */
static uint64_t next_random(uint64_t *state) {
  uint64_t z = (*state += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

/* An operation survives only if the earlier ones of its directories do. */
static void choose_survivors(struct powercut *cut, enum powercut_mode mode, uint64_t *seed) {
  static const uint64_t losses[] = {2, 4, 10, 40}; /* one operation of so many is lost */
  uint64_t one_of = losses[next_random(seed) % 4];
  bool *blocked = calloc(cut->fs->last_inode + 1, sizeof *blocked);
  assert(blocked);
  for (size_t i = 0; i < cut->journal_count; i++) {
    struct operation *operation = cut->journal + i;
    operation->chosen = mode == POWERCUT_KEEP_NAMES;
    if (mode == POWERCUT_RANDOM) operation->chosen = !touches(operation, blocked) && next_random(seed) % one_of != 0;
    if (!operation->chosen) mark(operation, blocked);
  }
  free(blocked);
}

/* The times stay: what is left may look unchanged, as after an unlucky cut. */
static void lose_bytes(struct shadow *shadow, enum powercut_mode mode, uint64_t *seed) {
  struct lam_buf *bytes = &shadow->node->bytes;
  size_t unsynced = bytes->size - shadow->size;
  if (unsynced) {
    switch (mode == POWERCUT_RANDOM ? next_random(seed) % 4 : 0) {
      case 0: bytes->size = shadow->size; break;
      case 1: bytes->size = shadow->size + (size_t)(next_random(seed) % unsynced); break;
      case 2: memset(bytes->data + shadow->size, 0, unsynced); break;
      default: break;
    }
  }
  shadow->size = bytes->size;
}

static void lose_patches(struct powercut *cut, enum powercut_mode mode, uint64_t *seed) {
  while (cut->patch_count > 0) {
    const struct patched *patch = cut->patches + --cut->patch_count;
    if (mode == POWERCUT_RANDOM && next_random(seed) % 2) continue;
    lam_store64(patch->node->bytes.data + patch->offset, patch->before);
  }
}

static void restore_entries(struct powercut *cut, struct shadow *shadow) {
  struct lam_memory_entries *entries = &shadow->node->entries;
  lam_memory_entries_release(cut->fs, entries);
  for (size_t i = 0; i < shadow->entries.count; i++) {
    struct lam_memory_node *child = shadow->entries.items[i].node;
    enum lam_status status = lam_memory_entry_set(cut->fs, entries, shadow->entries.items[i].name, child, NULL);
    assert(status == LAM_OK);
    child->links++;
    child->references++;
  }
}

void powercut_crash(struct powercut *cut, enum powercut_mode mode, uint64_t seed) {
  pthread_mutex_lock(&cut->lock);
  pthread_mutex_lock(&cut->fs->lock);
  choose_survivors(cut, mode, &seed);
  settle(cut);
  cut->journal_count = 0;
  lose_patches(cut, mode, &seed);
  /* First all links go, then the durable ones come back. */
  for (size_t i = 0; i < cut->shadow_count; i++) {
    struct lam_memory_node *node = cut->shadows[i].node;
    if (!node) continue;
    node->holder = NULL;
    for (size_t e = 0; e < node->entries.count; e++) {
      node->entries.items[e].node->links--;
      node->entries.items[e].node->references--;
    }
  }
  for (size_t i = 0; i < cut->shadow_count; i++) {
    if (!cut->shadows[i].node) continue;
    restore_entries(cut, cut->shadows + i);
    lose_bytes(cut->shadows + i, mode, &seed);
  }
  pthread_mutex_unlock(&cut->fs->lock);
  pthread_mutex_unlock(&cut->lock);
}

size_t powercut_pending(struct powercut *cut) {
  pthread_mutex_lock(&cut->lock);
  size_t count = cut->journal_count;
  pthread_mutex_unlock(&cut->lock);
  return count;
}

/* ---- the file system ---- */

enum lam_status powercut_create(struct lam_context *context, struct powercut **out, struct lam_error *error) {
  powercut_ops = lam_memory_ops;
  powercut_ops.kind = "powercut";
  powercut_ops.create = cut_create;
  powercut_ops.make_directory = cut_make_directory;
  powercut_ops.remove_directory = cut_remove_directory;
  powercut_ops.remove = cut_remove;
  powercut_ops.link = cut_link;
  powercut_ops.rename = cut_rename;
  powercut_ops.replace = cut_replace;
  powercut_ops.exchange = cut_exchange;
  powercut_ops.lock = cut_lock;
  powercut_ops.sync = cut_sync;
  powercut_ops.patch = cut_patch;
  powercut_ops.sync_directory = cut_sync_directory;
  powercut_ops.sync_all = cut_sync_all;
  struct powercut *cut = grown(NULL, 1, sizeof *cut);
  memset(cut, 0, sizeof *cut);
  pthread_mutex_init(&cut->lock, NULL);
  cut->context = context;
  enum lam_status status = lam_memory_fs_create(context, &cut->fs, error);
  if (status != LAM_OK) {
    free(cut);
    return status;
  }
  *out = cut;
  return LAM_OK;
}

/* The store that holds the root between openings. */
static enum lam_status root_store(struct powercut *cut, const char *name, struct lam_memory_store **out,
                                  struct lam_error *error) {
  for (size_t i = 0; i < cut->root_count; i++) {
    if (strcmp(cut->roots[i].name, name) != 0) continue;
    *out = cut->roots[i].store;
    return LAM_OK;
  }
  assert(cut->root_count < MOST_ROOTS);
  LAM_TRY(lam_memory_store_create(cut->fs, cut->context, NULL, out, error));
  snprintf(cut->roots[cut->root_count].name, sizeof cut->roots[0].name, "%s", name);
  (*out)->base.root = cut->roots[cut->root_count].name;
  cut->roots[cut->root_count++].store = *out;
  return LAM_OK;
}

/* A directory of a root, as the root of a store. */
static enum lam_status open_below(struct powercut *cut, const char *path, const char *slash, struct lam_store **out,
                                  struct lam_error *error) {
  char root[32];
  struct lam_memory_store *held, *store;
  snprintf(root, sizeof root, "%.*s", (int)(slash - path), path);
  LAM_TRY(root_store(cut, root, &held, error));
  pthread_mutex_lock(&cut->fs->lock);
  struct lam_memory_node *node = lam_memory_find(held, slash + 1);
  assert(node);
  shadow_of(cut, node);
  pthread_mutex_unlock(&cut->fs->lock);
  LAM_TRY(lam_memory_store_create(cut->fs, cut->context, node, &store, error));
  store->base.ops = &powercut_ops;
  store->base.root = (char *)(uintptr_t)path;
  store->owner = cut;
  *out = &store->base;
  return LAM_OK;
}

enum lam_status powercut_open(struct powercut *cut, const char *root, struct lam_store **out, struct lam_error *error) {
  struct lam_memory_store *held, *store;
  const char *slash = strchr(root, '/');
  if (slash) return open_below(cut, root, slash, out, error);
  LAM_TRY(root_store(cut, root, &held, error));
  LAM_TRY(lam_memory_store_create(cut->fs, cut->context, held->root, &store, error));
  store->base.ops = &powercut_ops;
  store->base.root = held->base.root;
  store->owner = cut;
  pthread_mutex_lock(&cut->fs->lock);
  if (held->root) {
    shadow_of(cut, store->root);
  } else { /* it was removed: a store without it */
    lam_memory_node_release(cut->fs, store->root);
    store->root = NULL;
  }
  pthread_mutex_unlock(&cut->fs->lock);
  *out = &store->base;
  return LAM_OK;
}

void powercut_free(struct powercut *cut) {
  for (size_t i = 0; i < cut->root_count; i++) cut->roots[i].store->base.ops->close(&cut->roots[i].store->base);
  pthread_mutex_lock(&cut->fs->lock);
  for (size_t i = 0; i < cut->shadow_count; i++) {
    lam_memory_entries_release(cut->fs, &cut->shadows[i].entries);
    if (cut->shadows[i].node) lam_memory_node_release(cut->fs, cut->shadows[i].node);
  }
  pthread_mutex_unlock(&cut->fs->lock);
  lam_memory_fs_release(cut->fs);
  pthread_mutex_destroy(&cut->lock);
  free(cut->shadows);
  free(cut->journal);
  free(cut->patches);
  free(cut);
}
