/* Small helpers over stores that the commit, recovery and snapshots share. */
#ifndef LAM_TABLE_LISTING_H
#define LAM_TABLE_LISTING_H

#include "base/arena.h"
#include "store/store.h"

struct lam_entry {
  const char *name;
  struct lam_object_info info;
};
struct lam_entries {
  struct lam_entry *items; /* sorted by name, as bytes */
  size_t count, room;
};
/* What is directly inside a directory; allocated in `arena`. LAM_NOT_FOUND where it is not there. */
enum lam_status lam_list(struct lam_store *store, const char *key, struct lam_arena *arena, struct lam_entries *out,
                         struct lam_error *error);
/* NULL where there is none. */
const struct lam_entry *lam_entry_find(const struct lam_entries *entries, const char *name);

/* *there is false where nothing is at `key`. */
enum lam_status lam_stat(struct lam_store *store, const char *key, bool *there, struct lam_object_info *out,
                         struct lam_error *error);

/* "<directory>/<name><suffix>"; the directory "" adds no slash. */
enum lam_status lam_key_join(struct lam_arena *arena, const char *directory, const char *name, const char *suffix,
                             char **out, struct lam_error *error);
/* The same, for a second name of a file that is there: one that file systems would find too long with the suffix (more
 * than 255 bytes) is cut, and has a checksum of the whole in place of its end. `name` may have slashes. */
enum lam_status lam_key_join_cut(struct lam_arena *arena, const char *directory, const char *name, const char *suffix,
                                 char **out, struct lam_error *error);
/* The part before the last slash; "" where there is none. */
enum lam_status lam_key_directory(struct lam_arena *arena, const char *key, char **out, struct lam_error *error);
/* The part behind it, within `key`. */
const char *lam_key_name(const char *key);

#endif
