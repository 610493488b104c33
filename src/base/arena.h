/* An arena: short-lived or same-lived memory, given back all at once. Not for several threads. */
#ifndef LAM_BASE_ARENA_H
#define LAM_BASE_ARENA_H

#include "base/memory.h"

struct lam_arena_block;

struct lam_arena {
  struct lam_mem *mem;
  struct lam_arena_block *blocks; /* newest first */
  uint8_t *next, *end;            /* what is left of the newest */
};

static inline void lam_arena_init(struct lam_arena *arena, struct lam_mem *mem) {
  *arena = (struct lam_arena){.mem = mem};
}
void lam_arena_release(struct lam_arena *arena);
/* Takes over all that `from`, of the same account, has given out; `from` is empty then. */
void lam_arena_absorb(struct lam_arena *arena, struct lam_arena *from);

/* Aligned to 16 bytes, not cleared. A size of 0 gives a pointer that is not to be used. */
enum lam_status lam_arena_alloc(struct lam_arena *arena, size_t size, void **out, struct lam_error *error);
/* `count` cleared elements. */
enum lam_status lam_arena_array(struct lam_arena *arena, size_t count, size_t size, void **out,
                                struct lam_error *error);
/* A NUL-terminated copy. */
enum lam_status lam_arena_string(struct lam_arena *arena, struct lam_bytes text, char **out, struct lam_error *error);

/* Makes room for one more element of `size` bytes in a vector that lives in an arena. */
enum lam_status lam_vector_grow(struct lam_arena *arena, void **items, size_t count, size_t *room, size_t size,
                                struct lam_error *error);

#endif
