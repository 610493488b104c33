/* The tree of the memory store, for stores that extend it (tests/support/powercut_store.c). */
#ifndef LAM_STORE_MEMORY_H
#define LAM_STORE_MEMORY_H

#include <pthread.h>

#include "store/store.h"

struct lam_memory_node;

/* The names in one directory, sorted. */
struct lam_memory_entry {
  char *name;
  struct lam_memory_node *node;
};
struct lam_memory_entries {
  struct lam_memory_entry *items;
  size_t count, capacity;
};

/* A file or a directory. */
struct lam_memory_node {
  uint64_t inode;
  enum lam_object_kind kind;
  uint32_t mode;
  uint32_t links;      /* entries that name it; a root has one */
  uint32_t references; /* links and open handles */
  int64_t mtime_ns, ctime_ns;
  struct lam_buf bytes;              /* of a file */
  struct lam_memory_entries entries; /* of a directory */
  const struct lam_lock *holder;     /* of the lock on this file */
};

/* A file system in memory, under one lock. It lives as long as a store, handle or lock of it. */
struct lam_memory_fs {
  pthread_mutex_t lock;
  struct lam_mem *mem;
  uint32_t references;
  uint64_t last_inode;
  int64_t last_time_ns; /* no two changes have the same time */
};

struct lam_memory_store {
  struct lam_store base;
  struct lam_memory_fs *fs;
  struct lam_memory_node *root; /* NULL while it is missing */
  void *owner;                  /* of an extending store */
};
struct lam_memory_output {
  struct lam_output base;
  struct lam_memory_node *node;
};

enum lam_status lam_memory_fs_create(struct lam_context *context, struct lam_memory_fs **out, struct lam_error *error);
void lam_memory_fs_release(struct lam_memory_fs *fs);
/* A store whose root is `root`, or a new directory where that is NULL. */
enum lam_status lam_memory_store_create(struct lam_memory_fs *fs, struct lam_context *context,
                                        struct lam_memory_node *root, struct lam_memory_store **out,
                                        struct lam_error *error);
extern const struct lam_store_ops lam_memory_ops;

/* The rest under the lock of the file system. */

void lam_memory_node_release(struct lam_memory_fs *fs, struct lam_memory_node *node);
/* The node of a key, or NULL. */
struct lam_memory_node *lam_memory_find(struct lam_memory_store *store, const char *key);
struct lam_memory_node *lam_memory_entry(const struct lam_memory_entries *entries, const char *name);
/* Makes `name` mean `node`, or nothing where that is NULL. Neither links nor references change. Only
 * an added name can fail. */
enum lam_status lam_memory_entry_set(struct lam_memory_fs *fs, struct lam_memory_entries *entries, const char *name,
                                     struct lam_memory_node *node, struct lam_error *error);
void lam_memory_entries_release(struct lam_memory_fs *fs, struct lam_memory_entries *entries);

#endif
