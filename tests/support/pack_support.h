/* Packs in tests: made so that a table that was just written is trusted, and compared with what they are of. */
#ifndef LAM_TESTS_PACK_SUPPORT_H
#define LAM_TESTS_PACK_SUPPORT_H

#include <time.h>

#include "sidecar/pack.h"
#include "table/pack_make.h"
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

#endif
