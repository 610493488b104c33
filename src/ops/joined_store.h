/* A file as it will be once staged bytes are appended to it: read before that, to be checked. */
#ifndef LAM_OPS_JOINED_STORE_H
#define LAM_OPS_JOINED_STORE_H

#include "parquet/file.h"

/* A store to read objects of `behind` in, each with the bytes of `front` before those that the spans say: of `front`,
 * or new ones of the object. All outlive it; it needs no close. */
struct lam_joined_store {
  struct lam_store base;
  const struct lam_file *front;
  struct lam_store *behind;
  const struct lam_span *spans;
  size_t span_count;
};
void lam_joined_init(struct lam_joined_store *out, const struct lam_file *front, struct lam_store *behind,
                     const struct lam_span *spans, size_t span_count);

#endif
