/* A store that takes objects and keeps nothing of them: where a dry run writes. */
#ifndef LAM_OPS_DISCARD_STORE_H
#define LAM_OPS_DISCARD_STORE_H

#include "store/store.h"

/* Only create, write, sync, close_output, remove and close do something; nothing can be read. */
enum lam_status lam_store_discard(struct lam_context *context, struct lam_store **out, struct lam_error *error);

#endif
