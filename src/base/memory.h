/* The memory budget and everything that is allocated under it.
 *
 * The context has one budget. An operation opens an account (`struct lam_mem`) with a minimum: the
 * open waits, holding nothing, until the minimum can be granted, and is woken by a cancel. From then
 * on nothing waits: an allocation beyond the minimum takes more of the budget if there is any, and
 * otherwise fails with LAM_LIMIT, so that the caller spills, makes do, or gives up. An account is
 * used by any number of threads. Sizes are given back by the caller: there are no hidden headers. */
#ifndef LAM_BASE_MEMORY_H
#define LAM_BASE_MEMORY_H

#include <stdatomic.h>

#include "base/bytes.h"
#include "lamella/context.h"

struct lam_mem;

/* Waits until `minimum` bytes can be granted. A minimum above the limit fails at once. A thread that
 * holds an account must not open another with a minimum: it would wait for itself. */
enum lam_status lam_mem_open(struct lam_context *context, uint64_t minimum, struct lam_mem **out,
                             struct lam_error *error);
/* Gives the grant back. The account lives on until the last shared buffer of it is released; all else
 * of it has been freed. NULL is allowed. */
void lam_mem_close(struct lam_mem *mem);

struct lam_context *lam_mem_context(const struct lam_mem *mem);
/* Bytes that could be allocated now, others' demands aside. For decisions, not for promises. */
uint64_t lam_mem_available(const struct lam_mem *mem);
/* Bytes allocated now. */
uint64_t lam_mem_used(const struct lam_mem *mem);

/* Memory aligned to 64 bytes, not cleared. A size of 0 gives a NULL that lam_free takes. */
enum lam_status lam_alloc(struct lam_mem *mem, size_t size, void **out, struct lam_error *error);
/* The same, cleared. */
enum lam_status lam_alloc_zero(struct lam_mem *mem, size_t size, void **out, struct lam_error *error);
/* `size` is what was asked for. NULL is allowed. */
void lam_free(struct lam_mem *mem, void *memory, size_t size);

/* Counts memory that somebody else allocates for us (a codec's state) against the account. */
enum lam_status lam_mem_charge(struct lam_mem *mem, size_t size, struct lam_error *error);
void lam_mem_discharge(struct lam_mem *mem, size_t size);

/* A growing run of bytes. All zero but `mem` is the empty one. */
struct lam_buf {
  struct lam_mem *mem;
  uint8_t *data;
  size_t size, capacity;
};
static inline void lam_buf_init(struct lam_buf *buf, struct lam_mem *mem) {
  *buf = (struct lam_buf){.mem = mem};
}
void lam_buf_release(struct lam_buf *buf);
/* Room for `capacity` bytes in all; the contents stay. Grows by half at least, so that appending is
 * linear. */
enum lam_status lam_buf_reserve(struct lam_buf *buf, size_t capacity, struct lam_error *error);
/* Room for `more` bytes behind the present ones. */
static inline enum lam_status lam_buf_room(struct lam_buf *buf, size_t more, struct lam_error *error) {
  size_t total;
  if (__builtin_expect(lam_add_overflow(buf->size, more, &total), 0))
    return lam_fail(error, LAM_LIMIT, "a buffer of more than 2^64 bytes was asked for");
  return total <= buf->capacity ? LAM_OK : lam_buf_reserve(buf, total, error);
}
enum lam_status lam_buf_append(struct lam_buf *buf, const void *data, size_t size, struct lam_error *error);
/* Room for at least `capacity` bytes; the contents are lost. For buffers that are filled anew. */
enum lam_status lam_buf_reset(struct lam_buf *buf, size_t capacity, struct lam_error *error);

/* A buffer shared by reference count, for Arrow arrays: it is reused by its maker once nobody else
 * holds it. The bytes follow the struct at `data`. */
struct lam_shared {
  _Atomic uint32_t references;
  struct lam_mem *mem;
  size_t capacity;
  uint8_t *data; /* aligned to 64 bytes */
};
enum lam_status lam_shared_create(struct lam_mem *mem, size_t capacity, struct lam_shared **out,
                                  struct lam_error *error);
struct lam_shared *lam_shared_retain(struct lam_shared *shared);
/* NULL is allowed. */
void lam_shared_release(struct lam_shared *shared);
/* Makes *shared a buffer of at least `capacity` bytes that only the caller holds: the same one if it
 * can be, else another. Its contents are lost unless `keep` bytes of them are asked for. After a
 * failure *shared is as it was where bytes were to be kept, else NULL. */
enum lam_status lam_shared_renew(struct lam_mem *mem, struct lam_shared **shared, size_t capacity, size_t keep,
                                 struct lam_error *error);

#endif
