/* Runs of a sorter: written, opened, merged. */
#include "base/context.h"
#include "base/threads.h"
#include "ops/overlap.h"
#include "ops/sort_state.h"

enum {
  RUN_COST = 4,    /* memory that merging takes of a run, in pieces: two, with their keys, which may be as large */
  MOST_RUNS = 256, /* that are merged at once */
  ROUND_PIECES = 8 /* that are gathered at once, to be packed by several threads */
};

/* ---- writing ---- */

/* A place for a run behind the others. */
static enum lam_status add_run(struct lam_sorter *s, struct lam_run **out, struct lam_error *error) {
  if (s->run_count == s->run_capacity)
    LAM_TRY(lam_sort_grow(s->mem, (void **)&s->runs, &s->run_capacity, sizeof *s->runs, error));
  if (s->run_count == s->heap_capacity)
    LAM_TRY(lam_sort_grow(s->mem, (void **)&s->heap, &s->heap_capacity, sizeof *s->heap, error));
  *out = &s->runs[s->run_count++];
  **out = (struct lam_run){.next = 0};
  lam_buf_init(&(*out)->pieces, s->mem);
  return LAM_OK;
}

static struct lam_spill_piece *pieces_of(const struct lam_run *run) {
  return (struct lam_spill_piece *)(void *)run->pieces.data;
}

/* Rows [row, …) of a batch that make a piece, at least one. */
static int64_t piece_rows(const struct lam_sorter *s, const struct ArrowArray *batch, int64_t row, uint64_t *bytes) {
  int64_t rows = batch->length - row;
  *bytes = lam_array_rows_bytes(&s->schema, batch, row, rows);
  /* Strings may be of any length: what fits on average is only where to begin. */
  if (*bytes > s->piece_bytes) rows = lam_max_i64(1, (int64_t)(s->piece_bytes * (uint64_t)rows / *bytes));
  for (;; rows /= 2) {
    *bytes = lam_array_rows_bytes(&s->schema, batch, row, rows);
    if (rows == 1 || *bytes <= s->piece_bytes + s->piece_bytes / 4) return rows;
  }
}

struct write_job {
  struct lam_spill *spill;
  const struct ArrowArray *batch;
  struct lam_spill_piece *pieces; /* whose rows are known */
  int64_t *firsts;
};

static enum lam_status write_task(void *user, size_t index, struct lam_error *error) {
  const struct write_job *job = user;
  struct lam_spill_piece *piece = &job->pieces[index];
  return lam_spill_write(job->spill, job->batch, job->firsts[index], piece->rows, piece, error);
}

/* Cuts the batch in pieces of the run, which several threads pack. */
static enum lam_status write_pieces(struct lam_sorter *s, struct lam_run *run, struct lam_spill *spill,
                                    const struct ArrowArray *batch, struct lam_error *error) {
  struct lam_buf firsts;
  size_t had = run->pieces.size;
  uint64_t bytes;
  enum lam_status status = LAM_OK;
  lam_buf_init(&firsts, s->mem);
  for (int64_t row = 0, rows; status == LAM_OK && row < batch->length; row += rows) {
    rows = piece_rows(s, batch, row, &bytes);
    const struct lam_spill_piece piece = {.rows = rows};
    run->piece_bytes = lam_max_u64(run->piece_bytes, bytes);
    status = lam_buf_append(&firsts, &row, sizeof row, error);
    if (status == LAM_OK) status = lam_buf_append(&run->pieces, &piece, sizeof piece, error);
  }
  if (status == LAM_OK) {
    struct write_job job = {spill, batch, pieces_of(run) + had / sizeof *job.pieces, (int64_t *)(void *)firsts.data};
    status = lam_pool_run(lam_context_pool(lam_mem_context(s->mem)), firsts.size / sizeof(int64_t), 0, write_task, &job,
                          error);
  }
  lam_buf_release(&firsts);
  return status;
}

/* A run that is written: rows are gathered while those before them are packed. */
struct writing {
  struct lam_sorter *sorter;
  struct lam_run *run;
  struct lam_spill *spill;
};

static enum lam_status gather_rows(void *user, struct ArrowArray *out, struct lam_error *error) {
  const struct writing *w = user;
  return lam_sort_next(w->sorter, LAM_SORT_PENDING, ROUND_PIECES * w->sorter->piece_bytes, out, error);
}

static enum lam_status write_rows(void *user, struct ArrowArray *batch, struct lam_error *error) {
  const struct writing *w = user;
  enum lam_status status = write_pieces(w->sorter, w->run, w->spill, batch, error);
  lam_array_release(batch);
  return status;
}

static enum lam_status write_run(struct lam_sorter *s, struct lam_spill *spill, struct lam_error *error) {
  struct writing writing = {.sorter = s, .spill = spill};
  LAM_TRY(add_run(s, &writing.run, error));
  s->spilled++;
  return lam_overlap_run(s->mem, &(struct lam_overlap){gather_rows, write_rows, &writing}, error);
}

enum lam_status lam_sort_write_run(struct lam_sorter *s, struct lam_error *error) {
  if (!s->spill) LAM_TRY(lam_spill_open(s->mem, &s->schema, &s->spill, error));
  return write_run(s, s->spill, error);
}

/* ---- reading ---- */

static void slot_release(struct lam_sorter *s, struct lam_run_slot *slot) {
  lam_array_release(&slot->batch);
  lam_batch_keys_release(s->mem, &slot->keys);
  slot->state = LAM_SLOT_EMPTY;
}

void lam_run_close(struct lam_sorter *s, struct lam_run *run) {
  for (int i = 0; i < 2; i++) slot_release(s, &run->slots[i]);
  lam_spill_close(run->spill);
  lam_buf_release(&run->pieces);
  *run = (struct lam_run){.next = 0};
  lam_buf_init(&run->pieces, s->mem);
}

/* Of the taker. */
static uint32_t source_of(const struct lam_sorter *s, uint32_t run, uint32_t slot) {
  return 2 * (run - s->open_first) + slot;
}

static enum lam_status slot_fill(struct lam_sorter *s, uint32_t index, uint32_t slot_index, struct lam_error *error) {
  struct lam_run *run = &s->runs[index];
  struct lam_run_slot *slot = &run->slots[slot_index];
  uint32_t source = source_of(s, index, slot_index);
  if (slot->state == LAM_SLOT_READY) return LAM_OK;
  slot_release(s, slot);
  LAM_TRY(lam_taker_set(s->taker, source, NULL, error));
  run->ended = run->piece_at == run->pieces.size / sizeof(struct lam_spill_piece);
  if (run->ended) return LAM_OK;
  LAM_TRY(lam_spill_read(run->spill ? run->spill : s->spill, &pieces_of(run)[run->piece_at++], &slot->batch, error));
  LAM_TRY(lam_batch_keys_make(s, &slot->batch, &slot->keys, error));
  LAM_TRY(lam_taker_set(s->taker, source, &slot->batch, error));
  slot->state = LAM_SLOT_READY;
  return LAM_OK;
}

/* Both slots of a run, the one that is read first. No row of a spent one is pending any more. */
static enum lam_status fill_task(void *user, size_t index, struct lam_error *error) {
  struct lam_sorter *s = user;
  uint32_t run = s->open_first + (uint32_t)index, at = s->runs[run].at;
  LAM_TRY(slot_fill(s, run, at, error));
  return slot_fill(s, run, at ^ 1, error);
}

static enum lam_status fill_runs(struct lam_sorter *s, uint32_t count, struct lam_error *error) {
  return lam_pool_run(lam_context_pool(lam_mem_context(s->mem)), count, 0, fill_task, s, error);
}

/* ---- the heap ---- */

static bool run_less(const struct lam_sorter *s, struct lam_heap_entry a, struct lam_heap_entry b) {
  if (a.prefix != b.prefix) return a.prefix < b.prefix;
  if (s->packed) return a.run < b.run;
  const struct lam_run *x = &s->runs[a.run], *y = &s->runs[b.run];
  int order =
      lam_key_compare(lam_batch_key(&x->slots[x->at].keys, x->next), lam_batch_key(&y->slots[y->at].keys, y->next));
  return order ? order < 0 : a.run < b.run;
}

static void heap_sink(struct lam_sorter *s, uint32_t at) {
  struct lam_heap_entry moved = s->heap[at];
  for (;;) {
    uint32_t child = 2 * at + 1;
    if (child >= s->heap_size) break;
    if (child + 1 < s->heap_size && run_less(s, s->heap[child + 1], s->heap[child])) child++;
    if (!run_less(s, s->heap[child], moved)) break;
    s->heap[at] = s->heap[child];
    at = child;
  }
  s->heap[at] = moved;
}

static struct lam_heap_entry heap_entry(const struct lam_sorter *s, uint32_t index) {
  const struct lam_run *run = &s->runs[index];
  return (struct lam_heap_entry){run->slots[run->at].keys.prefixes[run->next], index};
}

/* Opens runs [first, first + count) and makes a heap of those that have rows. */
static enum lam_status open_runs(struct lam_sorter *s, uint32_t first, uint32_t count, struct lam_error *error) {
  lam_taker_close(s->taker);
  s->taker = NULL;
  s->heap_size = 0;
  s->open_first = first;
  s->open_count = count;
  s->top_chosen = false;
  LAM_TRY(lam_taker_open(s->mem, &s->schema, 2 * count, &s->taker, error));
  LAM_TRY(fill_runs(s, count, error));
  for (uint32_t i = first; i < first + count; i++)
    if (s->runs[i].slots[0].state == LAM_SLOT_READY) s->heap[s->heap_size++] = heap_entry(s, i);
  for (uint32_t i = s->heap_size / 2; i-- > 0;) heap_sink(s, i);
  return LAM_OK;
}

/* ---- merging ---- */

/* The run on top of the heap goes on with its next row, in its other slot where need be, or leaves when it has no more.
 * False where its slots must be filled first. */
static bool advance_top(struct lam_sorter *s) {
  struct lam_run *run = &s->runs[s->heap[0].run];
  if (run->next == run->slots[run->at].keys.length) {
    run->slots[run->at].state = LAM_SLOT_SPENT;
    run->at ^= 1;
    run->next = 0;
  }
  if (run->slots[run->at].state == LAM_SLOT_READY)
    s->heap[0] = heap_entry(s, s->heap[0].run);
  else if (run->ended)
    s->heap[0] = s->heap[--s->heap_size];
  else
    return false;
  heap_sink(s, 0);
  return true;
}

/* A run that is used up in both slots ends the choice: they may be let go only once their rows are given. */
enum lam_status lam_sort_choose(struct lam_sorter *s, struct lam_error *error) {
  if (s->heap_size == 0) return LAM_OK;
  LAM_TRY(fill_runs(s, s->open_count, error));
  if (s->top_chosen) s->top_chosen = !advance_top(s);
  while (s->heap_size && s->pending_count < LAM_SORT_PENDING) {
    struct lam_run *run = &s->runs[s->heap[0].run];
    s->pending[s->pending_count++] = (struct lam_row){source_of(s, s->heap[0].run, run->at), (uint32_t)run->next++};
    s->top_chosen = !advance_top(s);
    if (s->top_chosen) break;
  }
  return LAM_OK;
}

/* Merges runs [first, first + count) into one that takes their place. */
static enum lam_status merge_some(struct lam_sorter *s, uint32_t first, uint32_t count, struct lam_error *error) {
  struct lam_spill *spill;
  LAM_TRY(open_runs(s, first, count, error));
  LAM_TRY(lam_spill_open(s->mem, &s->schema, &spill, error));
  enum lam_status status = write_run(s, spill, error);
  if (status == LAM_OK) status = lam_spill_finish(spill, error);
  if (status != LAM_OK) {
    lam_spill_close(spill);
    return status;
  }
  s->runs[s->run_count - 1].spill = spill;
  for (uint32_t i = first; i < first + count; i++) lam_run_close(s, &s->runs[i]);
  s->runs[first] = s->runs[s->run_count - 1];
  memmove(&s->runs[first + 1], &s->runs[first + count], (s->run_count - 1 - first - count) * sizeof *s->runs);
  s->run_count -= count;
  return LAM_OK;
}

/* How many of the runs can be merged at once. */
static uint32_t most_runs(const struct lam_sorter *s) {
  enum { LEAST = 2 };
  uint64_t bytes = 0;
  uint32_t count = 0;
  while (count < lam_min_u64(s->run_count, MOST_RUNS) && (count < LEAST || bytes <= s->run_bytes))
    bytes += RUN_COST * s->runs[count++].piece_bytes;
  return (uint32_t)lam_max_u64(LEAST, bytes > s->run_bytes ? count - 1 : count);
}

enum lam_status lam_sort_merge(struct lam_sorter *s, struct lam_error *error) {
  if (!s->reading) LAM_TRY(lam_spill_finish(s->spill, error));
  s->reading = true;
  uint32_t first = 0; /* going round, so that no run is merged more often than it must be */
  for (uint32_t most, count; s->run_count > (most = most_runs(s)); first++) {
    count = (uint32_t)lam_min_u64(most, s->run_count - most + 1);
    if (first + count > s->run_count) first = 0;
    LAM_TRY(merge_some(s, first, count, error));
  }
  return open_runs(s, 0, s->run_count, error);
}
