/* A file system in memory that models a power cut.
 *
 * Of each file it knows how many bytes were synced, of each directory which names were. An operation on
 * names (create, link, rename, exchange, remove, …) waits in a journal until sync_directory of one of
 * the directories that it touches, or sync_all; a rename or exchange between two directories is one entry
 * of the journal, as on ext4, and takes earlier entries of the same directories with it. The root of a
 * store is durable at once, as the local store makes its own.
 *
 *   powercut_create(context, &cut); powercut_open(cut, "data", &data); powercut_open(cut, "meta", &meta);
 *   … work, stopped anywhere (wrap the stores in a fault store that fails from the Nth operation on) …
 *   powercut_crash(cut, POWERCUT_RANDOM, seed);   the same stores, or newly opened ones, see what is left
 *
 * Inodes and times survive. Handles and locks from before the crash may only be closed after it. */
#ifndef LAM_TESTS_POWERCUT_STORE_H
#define LAM_TESTS_POWERCUT_STORE_H

#include "store/store.h"

struct powercut;

enum powercut_mode {
  POWERCUT_DROP,       /* nothing is left that was not synced */
  POWERCUT_KEEP_NAMES, /* all names are as they were last, bytes that were not synced are gone */
  POWERCUT_RANDOM,     /* each directory keeps a random beginning of its journal; each file's unsynced bytes
                          are gone, cut anywhere, zeros, or there */
};

enum lam_status powercut_create(struct lam_context *context, struct powercut **out, struct lam_error *error);
/* The root of this name, made at the first call; or "root/directory", which is there, by a name that outlives the
 * store: a store of what it names now. Closing the store does not touch the file system. */
enum lam_status powercut_open(struct powercut *cut, const char *root, struct lam_store **out, struct lam_error *error);
void powercut_crash(struct powercut *cut, enum powercut_mode mode, uint64_t seed);
/* Operations on names that a crash could take back now. */
size_t powercut_pending(struct powercut *cut);
/* All its stores are closed. */
void powercut_free(struct powercut *cut);

#endif
