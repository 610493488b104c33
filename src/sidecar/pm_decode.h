/* What the two ways of decoding a chunk from given bytes share. */
#ifndef LAM_SIDECAR_PM_DECODE_H
#define LAM_SIDECAR_PM_DECODE_H

#include "base/ranges.h"
#include "sidecar/sidecar.h"

/* A chunk whose bytes were given. */
struct pm_given_chunk {
  struct lam_bytes bytes;
  uint64_t offset;                  /* of them in the file */
  const struct lam_file_meta *meta; /* of its top-level column */
  int32_t row_group, leaf;          /* in that */
  const struct lam_range *rows;     /* wanted, ascending; NULL: all */
  size_t range_count;
  struct lam_mem *mem;
  char *name; /* for messages */
};

/* Bytes of the file, which are there only if they are among those given. */
enum lam_status pm_given_read(const struct pm_given_chunk *chunk, uint64_t offset, void *to, size_t size,
                              struct lam_error *error);
/* pm_decode_nested.c: of a column that is repeated, with just this leaf of it. */
enum lam_status pm_decode_nested(const struct pm_given_chunk *chunk, const struct lam_sidecar_decode_options *options,
                                 struct lam_context *context, struct ArrowSchema *schema, struct ArrowArray *array,
                                 struct lam_error *error);

#endif
