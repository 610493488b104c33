/* What fuzz targets of text sources share: the first two bytes choose options, the rest is read in steps. */
#ifndef LAM_FUZZ_TEXT_H
#define LAM_FUZZ_TEXT_H

#include "ops/csv_read.h"

struct fuzz_source {
  const uint8_t *data;
  size_t size, step;
};

static inline enum lam_status fuzz_read_source(void *user, void *to, size_t room, size_t *got,
                                               struct lam_error *error) {
  struct fuzz_source *source = user;
  (void)error;
  *got = source->size < source->step ? source->size : source->step;
  if (*got > room) *got = room;
  lam_copy(to, source->data, *got);
  source->data += *got;
  source->size -= *got;
  return LAM_OK;
}

/* Runs `read_all` on what follows the two bytes, with a budget of 16 MiB; afterwards nothing is left of it in memory.
 */
static inline void fuzz_with_source(const uint8_t *data, size_t size,
                                    void (*read_all)(struct lam_mem *mem, struct fuzz_source *source,
                                                     const uint8_t options[2])) {
  static struct lam_context *context;
  struct lam_context_options small = LAM_CONTEXT_OPTIONS_INIT;
  struct lam_mem *mem;
  small.threads = 1, small.memory_limit = 16 << 20;
  if (!context && lam_context_create(&small, &context, NULL) != LAM_OK) __builtin_trap();
  if (size < 2) return;
  struct fuzz_source source = {data + 2, size - 2, 1 + (size_t)(data[1] & 15) * 9};
  if (lam_mem_open(context, 0, &mem, NULL) != LAM_OK) __builtin_trap();
  read_all(mem, &source, data);
  if (lam_mem_used(mem) != 0) __builtin_trap();
  lam_mem_close(mem);
}

#endif
