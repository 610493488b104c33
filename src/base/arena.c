#include "base/arena.h"

#include <assert.h>

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

void lam_arena_absorb(struct lam_arena *arena, struct lam_arena *from) {
  struct lam_arena_block **link = arena->blocks ? &arena->blocks->older : &arena->blocks;
  struct lam_arena_block *older = *link;
  assert(arena->mem == from->mem);
  *link = from->blocks; /* behind the newest, of which something is left */
  while (*link) link = &(*link)->older;
  *link = older;
  lam_arena_init(from, from->mem);
}

/* Blocks double up to 1 MiB, so that small arenas stay small and large ones take few allocations. */
static size_t next_block_size(const struct lam_arena *arena) {
  size_t size = arena->blocks ? arena->blocks->size : FIRST_BLOCK / 2;
  return size < LARGEST_STEP / 2 ? size * 2 : LARGEST_STEP;
}

static enum lam_status new_block(struct lam_arena *arena, size_t size, struct lam_arena_block **out,
                                 struct lam_error *error) {
  void *memory;
  LAM_TRY(lam_alloc(arena->mem, size, &memory, error));
  *out = memory;
  (*out)->size = size;
  return LAM_OK;
}

/* A block of its own behind the newest, so that the rest of that one is not lost. */
static enum lam_status alloc_large(struct lam_arena *arena, size_t size, void **out, struct lam_error *error) {
  struct lam_arena_block *block;
  LAM_TRY(new_block(arena, HEADER + size, &block, error));
  struct lam_arena_block **link = arena->blocks ? &arena->blocks->older : &arena->blocks;
  block->older = *link;
  *link = block;
  *out = (uint8_t *)block + HEADER;
  return LAM_OK;
}

static enum lam_status add_block(struct lam_arena *arena, struct lam_error *error) {
  struct lam_arena_block *block;
  LAM_TRY(new_block(arena, next_block_size(arena), &block, error));
  block->older = arena->blocks;
  arena->blocks = block;
  arena->next = (uint8_t *)block + HEADER;
  arena->end = (uint8_t *)block + block->size;
  return LAM_OK;
}

enum lam_status lam_arena_alloc(struct lam_arena *arena, size_t size, void **out, struct lam_error *error) {
  *out = NULL;
  if (size > SIZE_MAX - HEADER - 15) return lam_fail(error, LAM_LIMIT, "an arena was asked for %zu bytes", size);
  size_t rounded = lam_round_up(size, 16);
  if (!arena->next || (size_t)(arena->end - arena->next) < rounded) {
    if (rounded > next_block_size(arena) / 4) return alloc_large(arena, rounded, out, error);
    LAM_TRY(add_block(arena, error));
  }
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

enum lam_status lam_vector_grow(struct lam_arena *arena, void **items, size_t count, size_t *room, size_t size,
                                struct lam_error *error) {
  if (count < *room) return LAM_OK;
  size_t larger = *room ? *room * 2 : 8;
  void *memory;
  LAM_TRY(lam_arena_array(arena, larger, size, &memory, error));
  lam_copy(memory, *items, count * size);
  *items = memory;
  *room = larger;
  return LAM_OK;
}
