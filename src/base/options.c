#include "base/options.h"

#include <string.h>

#include "base/bytes.h"

enum { LARGEST_STRUCT = 4096 }; /* bytes; a later version's is below it */

enum lam_status lam_options_read(const void *given, const char *init, void *out, size_t size, struct lam_error *error) {
  if (!given) return LAM_OK;
  uint32_t known = lam_load32(given);
  if (known <= sizeof known || known > LARGEST_STRUCT)
    return lam_fail(error, LAM_INVALID, "options of %u bytes were given; fill them with %s", known, init);
  memcpy(out, given, lam_min_u64(known, size));
  return LAM_OK;
}

void lam_result_write(const void *result, size_t size, void *out) {
  if (!out) return;
  uint32_t known = lam_load32(out);
  if (known <= sizeof known) return;
  memcpy((uint8_t *)out + sizeof known, (const uint8_t *)result + sizeof known,
         lam_min_u64(known, size) - sizeof known);
}
