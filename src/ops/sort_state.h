/* The state of a sorter, shared by its parts: sort.c holds and sorts rows in memory, sort_run.c writes runs and merges
 * them. */
#ifndef LAM_OPS_SORT_STATE_H
#define LAM_OPS_SORT_STATE_H

#include "arrow/take.h"
#include "ops/sort.h"
#include "ops/sort_pack.h"
#include "ops/spill.h"

enum { LAM_SORT_PENDING = 16384 }; /* rows that are chosen at a time */

/* The keys of one batch. Packed keys are their prefixes; of others `bytes` has all. */
struct lam_batch_keys {
  uint64_t *prefixes;
  struct lam_buf bytes;
  uint64_t *offsets; /* length + 1; NULL where keys are packed */
  int64_t length;
};

/* A batch of a run: to be filled, with rows to come, or kept only until those that were chosen are given. */
enum lam_slot_state { LAM_SLOT_EMPTY, LAM_SLOT_READY, LAM_SLOT_SPENT };
struct lam_run_slot {
  struct ArrowArray batch;
  struct lam_batch_keys keys;
  enum lam_slot_state state;
};

struct lam_run {
  struct lam_spill *spill; /* its own, where it was merged of others; NULL: the sorter's */
  struct lam_buf pieces;   /* struct lam_spill_piece */
  size_t piece_at;         /* the next to be read */
  uint64_t piece_bytes;    /* of the largest, in memory */
  struct lam_run_slot slots[2];
  uint32_t at;  /* the slot whose row `next` is the run's next one */
  int64_t next; /* row */
  bool ended;   /* no pieces are left */
};

/* A run with rows left, and the prefix of its next key. */
struct lam_heap_entry {
  uint64_t prefix;
  uint32_t run;
};

struct lam_sorter {
  struct lam_mem *mem;
  struct ArrowSchema schema;
  struct lam_key_column *keys;
  int32_t key_count;
  struct lam_pack_column *pack_columns;
  struct lam_key_pack pack;
  bool packed; /* all keys seen fit `pack` */
  uint64_t run_bytes, batch_bytes, piece_bytes;

  struct ArrowArray *batches;
  struct lam_batch_keys *batch_keys; /* unless packed */
  uint32_t batch_count, batch_capacity, keys_capacity;
  struct lam_buf entries; /* of sort.c */
  uint64_t held;          /* bytes of the batches, and what sorting them takes */
  int64_t held_rows;

  struct lam_spill *spill; /* of the runs made of what was in memory */
  bool reading;            /* it is finished */
  struct lam_run *runs;    /* in order of the rows: ties are decided by it */
  uint32_t run_count, run_capacity, heap_capacity;
  int64_t spilled;

  struct lam_taker *taker; /* of the batches, or of the open runs' slots */
  struct lam_row *pending; /* rows of the taker's sources, chosen and not yet given */
  int64_t pending_at, pending_count;
  int64_t entry_at;
  struct lam_heap_entry *heap; /* the least first */
  uint32_t heap_size;
  uint32_t open_first, open_count; /* runs [open_first, open_first + open_count) are open */
  bool top_chosen;                 /* the last row was the top's, which waits for its slots to be filled */
};

static inline struct lam_bytes lam_batch_key(const struct lam_batch_keys *keys, int64_t row) {
  return lam_bytes_of(keys->bytes.data + keys->offsets[row], keys->offsets[row + 1] - keys->offsets[row]);
}

enum lam_status lam_batch_keys_make(struct lam_sorter *sorter, const struct ArrowArray *batch,
                                    struct lam_batch_keys *out, struct lam_error *error);
void lam_batch_keys_release(struct lam_mem *mem, struct lam_batch_keys *keys);
/* Doubles an array of `size`-byte elements that is full. */
enum lam_status lam_sort_grow(struct lam_mem *mem, void **array, uint32_t *capacity, size_t size,
                              struct lam_error *error);

/* Writes the rows in order, from memory or from the runs that are open, to a run behind the others. */
enum lam_status lam_sort_write_run(struct lam_sorter *sorter, struct lam_error *error);
/* Merges runs until the rest can be merged at once, and opens those. */
enum lam_status lam_sort_merge(struct lam_sorter *sorter, struct lam_error *error);
/* Chooses the next rows of the runs that are open. */
enum lam_status lam_sort_choose(struct lam_sorter *sorter, struct lam_error *error);
void lam_run_close(struct lam_sorter *sorter, struct lam_run *run);
/* The next rows in order, from memory or from the runs that are open: at most so many, and of so many bytes. */
enum lam_status lam_sort_next(struct lam_sorter *sorter, int64_t max_rows, uint64_t max_bytes, struct ArrowArray *out,
                              struct lam_error *error);

#endif
