/* Values of fixed width in fewer bytes: faster than a compressor by far, and numbers take hardly more room. */
#ifndef LAM_OPS_SPILL_PACK_H
#define LAM_OPS_SPILL_PACK_H

#include "base/memory.h"

/* Whether values of so many bytes are packed. */
static inline bool lam_spill_packs(size_t width) {
  return width == 2 || width == 4 || width == 8 || width == 16;
}
/* Appends values, integers of any kind or other bits: the least of them, then what each has more. */
enum lam_status lam_spill_pack(const uint8_t *values, size_t width, size_t count, struct lam_buf *out,
                               struct lam_error *error);
/* What was packed, into count * width bytes; returns the first byte behind it. */
const uint8_t *lam_spill_unpack(const uint8_t *packed, size_t width, size_t count, uint8_t *values);

#endif
