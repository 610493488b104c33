#include "base/arena.h"

struct lam_arena_block {
  struct lam_arena_block *older;
  size_t size; /* of the allocation, this header included */
};

enum { HEADER = 16, FIRST_BLOCK = 4096, LARGEST_STEP = 1 << 20 };
_Static_assert(sizeof(struct lam_arena_block) <= HEADER, "the header of an arena block has 16 bytes");

void lam_arena_release(struct lam_arena *arena) {
  for (struct lam_arena_block *block = arena->blocks, *older; block; block = older) {
    older = block->older;
    lam_free(arena->mem, block, block->size);
  }
  lam_arena_init(arena, arena->mem);
}

/* Blocks double up to 1 MiB, so that small arenas stay small and large ones take few allocations. */
static enum lam_status add_block(struct lam_arena *arena, size_t payload, struct lam_error *error) {
  size_t size = arena->blocks ? arena->blocks->size * 2 : FIRST_BLOCK;
  if (size > LARGEST_STEP) size = LARGEST_STEP;
  if (payload > SIZE_MAX - HEADER) return lam_fail(error, LAM_LIMIT, "an arena was asked for %zu bytes", payload);
  if (size < payload + HEADER) size = payload + HEADER;
  void *memory;
  LAM_TRY(lam_alloc(arena->mem, size, &memory, error));
  struct lam_arena_block *block = memory;
  *block = (struct lam_arena_block){arena->blocks, size};
  arena->blocks = block;
  arena->next = (uint8_t *)memory + HEADER;
  arena->end = (uint8_t *)memory + size;
  return LAM_OK;
}

enum lam_status lam_arena_alloc(struct lam_arena *arena, size_t size, void **out, struct lam_error *error) {
  *out = NULL;
  size_t rounded;
  if (lam_add_overflow(size, 15, &rounded)) return lam_fail(error, LAM_LIMIT, "an arena was asked for %zu bytes", size);
  rounded &= ~(size_t)15;
  if (!arena->next || (size_t)(arena->end - arena->next) < rounded) LAM_TRY(add_block(arena, rounded, error));
  *out = arena->next;
  arena->next += rounded;
  return LAM_OK;
}

enum lam_status lam_arena_array(struct lam_arena *arena, size_t count, size_t size, void **out,
                                struct lam_error *error) {
  size_t total;
  *out = NULL;
  if (lam_mul_overflow(count, size, &total))
    return lam_fail(error, LAM_LIMIT, "an arena was asked for %zu elements of %zu bytes", count, size);
  LAM_TRY(lam_arena_alloc(arena, total, out, error));
  memset(*out, 0, total);
  return LAM_OK;
}

enum lam_status lam_arena_string(struct lam_arena *arena, struct lam_bytes text, char **out, struct lam_error *error) {
  void *memory;
  *out = NULL;
  LAM_TRY(lam_arena_alloc(arena, text.size + 1, &memory, error));
  *out = memory;
  lam_copy(*out, text.data, text.size);
  (*out)[text.size] = 0;
  return LAM_OK;
}
