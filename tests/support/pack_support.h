/* Packs in tests: made so that a table that was just written is trusted, and compared with what they are of. */
#ifndef LAM_TESTS_PACK_SUPPORT_H
#define LAM_TESTS_PACK_SUPPORT_H

#include <time.h>

#include "sidecar/pack.h"
#include "table/pack_make.h"
#include "table/sidecars.h"
#include "table/table.h"

/* As if the listing had come long after the table was written. */
static inline void make_pack(struct lam_directory *directory, bool trust, struct lam_pack_counts *counts) {
  OK(lam_pack_make(directory, trust, ((int64_t)time(NULL) + 100) * 1000000000, counts, &error));
}
static inline struct lam_directory *open_place(const char *path) {
  struct lam_directory *directory;
  OK(lam_directory_open(context, path, NULL, false, mem, &directory, &error));
  return directory;
}
static inline void make_pack_at(const char *path, bool trust, struct lam_pack_counts *counts) {
  struct lam_directory *directory = open_place(path);
  make_pack(directory, trust, counts);
  lam_directory_close(directory);
  nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL); /* what changes next has another time */
}
static inline size_t packed_files(const struct lam_snapshot *snapshot) {
  size_t count = 0;
  for (size_t i = 0; i < snapshot->file_count; i++) count += snapshot->files[i].packed > 0;
  return count;
}

/* Every file has a sidecar of its present state. */
static inline void want_sidecars_of(struct lam_directory *directory, const struct lam_snapshot *snapshot) {
  for (size_t i = 0; i < snapshot->file_count; i++) {
    const struct lam_identity *identity = &snapshot->files[i].identity;
    const struct lam_object_info info = {
        .size = identity->size, .inode = identity->inode, .mtime_ns = identity->mtime_ns};
    const struct lam_sidecar_open_options options = {.token = identity->size, .whole = true};
    struct lam_sidecar *sidecar;
    struct lam_store *store;
    char key[LAM_KEY_MAX + 1];
    assert_true(lam_sidecar_place(directory, snapshot->files[i].key, &store, key));
    OK(lam_sidecar_open_in(store, key, &options, mem, &sidecar, &error));
    assert_int_equal(lam_sidecar_match(sidecar, &info), LAM_SIDECAR_CURRENT);
    lam_sidecar_close(sidecar);
  }
}

#endif
