/* Stores: where objects live. A store is one table of functions over keys.
 *
 * A key is a relative path with '/' between its parts: no leading or trailing slash, no empty part,
 * no "." or "..", no NUL. "" is the root of the store. All I/O of the library goes through this table,
 * so that tests can fail, or kill the process at, every call.
 *
 * Directories are explicit, as in a POSIX tree; a store without them (S3, later) accepts make_directory
 * and sync_directory as no-ops. Functions that take two keys take two stores of the same kind: a table
 * and its state beside it are two roots on one file system. Writers never go through symbolic links
 * inside a root (LAM_UNSUPPORTED names the link); readers may.
 *
 * Errors name the store's root and the key. What is not there is LAM_NOT_FOUND, as is a key below
 * something that is no directory; a directory where a file is meant is LAM_INVALID; two keys that are
 * not on one file system are LAM_UNSUPPORTED. A store is used by any number of threads. */
#ifndef LAM_STORE_STORE_H
#define LAM_STORE_STORE_H

#include "base/bytes.h"
#include "base/memory.h"

struct lam_store;

enum { LAM_KEY_MAX = 4095 }; /* bytes of the longest key, its NUL not counted */

enum lam_object_kind { LAM_OBJECT_FILE, LAM_OBJECT_DIRECTORY, LAM_OBJECT_LINK, LAM_OBJECT_OTHER };

/* What identifies one state of an object. Two equal states have the same bytes unless somebody wrote
 * in place within the clock's grain. */
struct lam_object_info {
  enum lam_object_kind kind; /* of the object itself for list; stat and open follow links */
  uint64_t size;             /* bytes */
  uint64_t device, inode;    /* by stat, the devices of directories on two mounts of one file system differ */
  int64_t mtime_ns;          /* since 1970-01-01 UTC */
  int64_t ctime_ns;
  uint32_t links;
  uint32_t mode; /* permission bits */
  bool writable; /* of a directory, from stat only: this process may add and remove entries */
};

/* An object open for reading; it keeps the bytes reachable when its key goes. */
struct lam_input;
/* An object being written, invisible under its key's final name only if the caller chose a staging key. */
struct lam_output;
/* A lock that is held. */
struct lam_lock;

/* Called for each entry directly inside a directory, in no order. `name` is the last part of its key
 * and lives for the call. A failure ends the listing and is returned. */
typedef enum lam_status (*lam_list_fn)(void *user, const char *name, const struct lam_object_info *info,
                                       struct lam_error *error);

struct lam_store_ops {
  const char *kind; /* "local", "memory", … */
  void (*close)(struct lam_store *store);

  /* Of the root, it notices that another directory is there now, which all calls after it see. */
  enum lam_status (*stat)(struct lam_store *store, const char *key, struct lam_object_info *out,
                          struct lam_error *error);
  enum lam_status (*list)(struct lam_store *store, const char *key, lam_list_fn each, void *user,
                          struct lam_error *error);

  /* Reading. `read` fills all of [offset, offset + size), else LAM_CORRUPT ("ends at byte …"). */
  enum lam_status (*open)(struct lam_store *store, const char *key, struct lam_input **out,
                          struct lam_object_info *info, struct lam_error *error);
  enum lam_status (*read)(struct lam_input *input, uint64_t offset, void *to, size_t size, struct lam_error *error);
  void (*close_input)(struct lam_input *input);
  /* The first `size` bytes (at least 1) of an open object, read-only; for files of our own, which nobody truncates.
   * They stay until `unmap`, whatever becomes of the input and its key. LAM_CORRUPT where the object is shorter. */
  enum lam_status (*map)(struct lam_input *input, size_t size, struct lam_bytes *out, struct lam_error *error);
  void (*unmap)(struct lam_store *store, struct lam_bytes bytes);

  /* Writing a new object; its directory is there. LAM_EXISTS where the key is taken. `sync` makes the
   * bytes durable (not the name: that is sync_directory). close_output without sync is allowed. */
  enum lam_status (*create)(struct lam_store *store, const char *key, struct lam_output **out, struct lam_error *error);
  enum lam_status (*write)(struct lam_output *output, const void *data, size_t size, struct lam_error *error);
  /* Bytes [offset, offset + size) of an object that is open, as write; within the kernel. LAM_UNSUPPORTED: not here,
   * and nothing was written. NULL: nowhere. Called by lam_store_copy. */
  enum lam_status (*copy)(struct lam_output *output, struct lam_input *input, uint64_t offset, uint64_t size,
                          struct lam_error *error);
  /* A hint that what is written will be synced: the disk may begin while there is more to write; and of how many bytes
   * come, 0 where that is not known. May be NULL. */
  void (*expect_sync)(struct lam_output *output, uint64_t size);
  enum lam_status (*sync)(struct lam_output *output, struct lam_error *error);
  enum lam_status (*close_output)(struct lam_output *output, struct lam_error *error);
  /* Opens a file that is there to be written behind its end, with `write`. `info` may be NULL. */
  enum lam_status (*append)(struct lam_store *store, const char *key, struct lam_output **out,
                            struct lam_object_info *info, struct lam_error *error);
  /* Overwrites the 8 bytes at `offset`, a multiple of 8 within the file: readers see the old ones or the new. */
  enum lam_status (*patch)(struct lam_output *output, uint64_t offset, uint64_t value, struct lam_error *error);

  enum lam_status (*make_directory)(struct lam_store *store, const char *key, struct lam_error *error); /* one level */
  /* LAM_EXISTS where it is not empty. Key "" removes the root. */
  enum lam_status (*remove_directory)(struct lam_store *store, const char *key, struct lam_error *error);
  /* Anything but a directory; of a link, the link. */
  enum lam_status (*remove)(struct lam_store *store, const char *key, struct lam_error *error);
  /* A second name of a file. LAM_EXISTS where `to_key` is taken, LAM_UNSUPPORTED where the system cannot. */
  enum lam_status (*link)(struct lam_store *from, const char *from_key, struct lam_store *to, const char *to_key,
                          struct lam_error *error);
  /* Replaces nothing: LAM_EXISTS where `to_key` is taken. Files and directories. */
  enum lam_status (*rename)(struct lam_store *from, const char *from_key, struct lam_store *to, const char *to_key,
                            struct lam_error *error);
  /* Moves a file to `to_key` and atomically replaces the file there, if there is one; a directory replaces an empty
   * one, LAM_EXISTS where it is not empty. */
  enum lam_status (*replace)(struct lam_store *from, const char *from_key, struct lam_store *to, const char *to_key,
                             struct lam_error *error);
  /* Swaps two entries atomically. LAM_UNSUPPORTED where the system cannot; nothing has changed then. */
  enum lam_status (*exchange)(struct lam_store *from, const char *from_key, struct lam_store *to, const char *to_key,
                              struct lam_error *error);
  /* Makes the entries of a directory (names, not contents) durable. */
  enum lam_status (*sync_directory)(struct lam_store *store, const char *key, struct lam_error *error);
  /* Makes everything written so far in the store's file system durable: files and names. One call for
   * many staged files is cheaper than a sync of each. */
  enum lam_status (*sync_all)(struct lam_store *store, struct lam_error *error);
  /* Makes the mode, owner and extended attributes of `to_key` those of `from_key`; what may not be
   * copied for lack of rights is passed over. Files and directories. */
  enum lam_status (*copy_attributes)(struct lam_store *from, const char *from_key, struct lam_store *to,
                                     const char *to_key, struct lam_error *error);
  /* Sets the modification time of a file, nanoseconds since 1970-01-01 UTC: of one that is put back. */
  enum lam_status (*set_time)(struct lam_store *store, const char *key, int64_t mtime_ns, struct lam_error *error);

  /* An advisory lock on the file `key`, made if missing, between processes and between handles.
   * With wait false: LAM_CONFLICT where somebody holds it. A cancelled context ends the wait. */
  enum lam_status (*lock)(struct lam_store *store, const char *key, bool wait, struct lam_lock **out,
                          struct lam_error *error);
  void (*unlock)(struct lam_lock *lock);
};

/* Every store, input, output and lock begins with its base; the rest is the store's own. */
struct lam_store {
  const struct lam_store_ops *ops;
  struct lam_context *context;
  char *root; /* for messages: a path, or "memory" */
};
struct lam_input {
  struct lam_store *store;
};
struct lam_output {
  struct lam_store *store;
};
struct lam_lock {
  struct lam_store *store;
};

/* A directory of the local file system. It need not exist yet: the first make_directory of key ""
 * makes it (its parent must be there), and makes its name durable too, because no key reaches the parent. */
enum lam_status lam_store_local(struct lam_context *context, const char *path, struct lam_store **out,
                                struct lam_error *error);
/* An empty tree in memory with the same semantics, counted against the budget. Its root is there. */
enum lam_status lam_store_memory(struct lam_context *context, struct lam_store **out, struct lam_error *error);
/* Another empty root on the file system of the memory store `beside`, for the functions that take two
 * stores. The two are closed in any order. */
enum lam_status lam_store_memory_beside(struct lam_store *beside, struct lam_store **out, struct lam_error *error);
static inline void lam_store_close(struct lam_store *store) {
  if (store) store->ops->close(store);
}

/* ---- helpers made of the operations above (store.c) ---- */

/* LAM_INVALID for anything that is not a key as described at the top. */
enum lam_status lam_key_check(const char *key, struct lam_error *error);
/* True, or LAM_OK with *out false where nothing is there. */
enum lam_status lam_store_exists(struct lam_store *store, const char *key, bool *out, struct lam_error *error);
/* make_directory for `key` and each missing parent; an existing directory is fine. Nothing is synced. */
enum lam_status lam_store_make_directories(struct lam_store *store, const char *key, struct lam_error *error);
/* Reads a whole object into `out`, whose old contents go. LAM_CORRUPT where it has more than `limit` bytes. */
enum lam_status lam_store_get(struct lam_store *store, const char *key, uint64_t limit, struct lam_buf *out,
                              struct lam_error *error);
/* Writes a whole object atomically and durably: create `key` + ".tmp-<uuid>", sync, replace, sync_directory. */
enum lam_status lam_store_put(struct lam_store *store, const char *key, struct lam_bytes bytes,
                              struct lam_error *error);
/* The same in two halves, for bytes that are made durable between them, together with others: `begin` writes them under
 * a name of their own and syncs nothing, `end` gives them their key, durably. Either `end` or `drop` follows `begin`;
 * after an `end` that failed, lam_store_put_happened says whether the key has the bytes, and `drop` removes them where
 * it has not. */
struct lam_put {
  struct lam_store *store; /* NULL: nothing is begun */
  char key[LAM_KEY_MAX + 1], staged[LAM_KEY_MAX + 1];
};
enum lam_status lam_store_put_begin(struct lam_store *store, const char *key, struct lam_bytes bytes,
                                    struct lam_put *out, struct lam_error *error);
enum lam_status lam_store_put_end(const struct lam_put *put, struct lam_error *error);
enum lam_status lam_store_put_happened(const struct lam_put *put, bool *out, struct lam_error *error);
void lam_store_put_drop(const struct lam_put *put);
/* The same without making it durable, for what can be made again and tells whether it is damaged: after a power cut it
 * may be missing, old, or cut short. */
enum lam_status lam_store_put_cache(struct lam_store *store, const char *key, struct lam_bytes bytes,
                                    struct lam_error *error);
#define LAM_STORE_TEMPORARY ".tmp-" /* in the key of an object while it is put, before a UUID */
/* Writes bytes [offset, offset + size) of an object that is open, from where they are to where they go. */
enum lam_status lam_store_copy(struct lam_output *output, struct lam_input *input, uint64_t offset, uint64_t size,
                               struct lam_mem *mem, struct lam_error *error);
/* Bytes of an object that is put together: of another one, or new ones that stand one behind the other in a third. */
struct lam_span {
  uint64_t offset; /* LAM_SPAN_NEW: they are new */
  uint64_t size;
};
#define LAM_SPAN_NEW UINT64_MAX
/* Removes an object or a tree; nothing there is fine. Links are removed, not followed. */
enum lam_status lam_store_remove_tree(struct lam_store *store, const char *key, struct lam_error *error);

/* ---- for the stores themselves (store.c) ---- */

/* "cannot <verb> <root>/<key>: <what the errno value `code` means>", with the status that stores give
 * for it; returns that status. */
enum lam_status lam_store_fail(const struct lam_store *store, const char *key, int code, const char *verb,
                               struct lam_error *error);
/* The same for a function of two keys. */
enum lam_status lam_store_fail_pair(const struct lam_store *from, const char *from_key, const struct lam_store *to,
                                    const char *to_key, int code, const char *verb, struct lam_error *error);
/* The read of [offset, offset + size) met the end of the object. */
enum lam_status lam_store_fail_short(const struct lam_store *store, const char *key, uint64_t offset, size_t size,
                                     uint64_t end, struct lam_error *error);
/* Sleeps a little before a lock is tried again; LAM_CANCELLED once the context is cancelled. */
enum lam_status lam_store_wait(struct lam_context *context, struct lam_error *error);

#endif
