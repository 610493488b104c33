/* Removing what nobody needs any more. Called under the lock. */
#ifndef LAM_TABLE_SWEEP_H
#define LAM_TABLE_SWEEP_H

#include "table/journal.h"

/* A lease is one line: this, a space, and the second since 1970-01-01 UTC at which it ends. */
#define LAM_LEASE_TITLE "lamella lease 1 until"

/* The head, or one made anew from the folders in retired/ where it is lost. */
enum lam_status lam_head_have(struct lam_directory *directory, struct lam_head *out, struct lam_error *error);

/* Removes retired folders older than `grace_seconds` (0: LAM_GRACE_SECONDS, -1: all) and takes them off the head, which
 * the caller writes when *changed. */
enum lam_status lam_sweep_retired(struct lam_directory *directory, struct lam_head *head, int64_t grace_seconds,
                                  bool *changed, struct lam_error *error);
/* Removes stages whose lease has run out; `except` is one's own id, or "". */
enum lam_status lam_sweep_stages(struct lam_directory *directory, const char *except, struct lam_error *error);

enum lam_status lam_head_write(struct lam_directory *directory, const struct lam_head *head, struct lam_error *error);
/* The first half of it: see lam_store_put_begin. */
enum lam_status lam_head_begin(struct lam_directory *directory, const struct lam_head *head, struct lam_put *out,
                               struct lam_error *error);

#endif
