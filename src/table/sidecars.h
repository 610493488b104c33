/* The sidecars of a table's files: where they are, how they are used and kept. A sidecar is a cache: what is wrong with
 * one is logged (LAM_LOG_INFO), never an error. */
#ifndef LAM_TABLE_SIDECARS_H
#define LAM_TABLE_SIDECARS_H

#include "sidecar/sidecar.h"
#include "table/commit.h"
#include "table/journal.h"

#define LAM_SIDECARS_KEY "pm" /* in the meta store: a table has sidecars where this directory is */

/* The place of the sidecar of the file at `key`: "pm/<key>._pm" in the state, "_pm" beside a lone data.parquet. False:
 * it can have none (a glob, another lone file, a long key). */
bool lam_sidecar_place(const struct lam_directory *directory, const char *key, struct lam_store **store,
                       char out[LAM_KEY_MAX + 1]);
/* Whether the table has sidecars, and this process may change them. */
void lam_sidecars_kept(const struct lam_directory *directory, bool *kept, bool *writable);
/* The sidecar of a file, where it is of the file as it was listed; else NULL. */
struct lam_sidecar *lam_sidecar_of_listed(const struct lam_directory *directory, const struct lam_data_file *file,
                                          struct lam_mem *mem);
/* Makes the sidecar of an open file, whose metadata become those of its footer, at that place; directories are made.
 * *size (may be NULL) gets its bytes. */
enum lam_status lam_sidecar_make(struct lam_file *file, bool inline_blooms, struct lam_store *store, const char *key,
                                 struct lam_mem *mem, uint64_t *size, struct lam_error *error);
/* Under the lock, before the commit point: the files that have been appended to in place are described as they are now,
 * behind what their sidecars, where they have some, say of them before. Readers of either state find it. */
void lam_sidecars_append(struct lam_directory *directory, const struct lam_change *change);

/* sidecars_follow.c. Describes a staged file, open with its footer, under the key that it will have in the table: the
 * sidecar waits in the stage and comes to its place with the commit. In a table without sidecars nothing is done. */
void lam_sidecar_stage(const struct lam_stage *stage, struct lam_file *file, const char *key, struct lam_mem *mem);
/* While a commit is applied, by its writer or the next: sidecars of files that go go, staged ones come. */
void lam_sidecars_apply(struct lam_directory *directory, const struct lam_journal *journal);
/* After a commit: files that came and have no sidecar (they are put back, not written) get theirs, if the table has
 * sidecars. */
void lam_sidecars_follow(struct lam_directory *directory, const struct lam_change *change);
/* Removes sidecars whose files are gone. */
enum lam_status lam_sidecars_sweep(struct lam_directory *directory, uint64_t *removed, struct lam_error *error);

#endif
