/* Runs of a sorter: written, opened, merged. */
#include <stdio.h>

#include "base/context.h"
#include "base/threads.h"
#include "base/uuid.h"
#include "ops/sort_state.h"

enum {
  RUN_GROUP_BYTES = 2 << 20, /* encoded bytes of a row group of a run: what one run costs while merging, about */
  RUN_COST = 3 << 20,        /* memory that merging reserves for a run: its row group, its batches, its keys */
  RUN_PAGE_BYTES = 64 << 10,
  RUN_BATCH_BYTES = 256 << 10, /* of a slot */
  MOST_RUNS = 256,             /* that are merged at once */
};

/* ---- writing ---- */

static enum lam_status spill_store(struct lam_sorter *s, struct lam_error *error) {
  if (s->spill) return LAM_OK;
  struct lam_context *context = lam_mem_context(s->mem);
  return lam_store_local(context, lam_context_spill_dir(context), &s->spill, error);
}

static enum lam_status run_writer(struct lam_sorter *s, const char *key, struct lam_writer **out,
                                  struct lam_error *error) {
  struct lam_column_options column = {.codec = LAM_WRITE_LZ4_RAW, .no_statistics = true, .bloom = LAM_BLOOM_NEVER};
  struct lam_write_options options = LAM_WRITE_OPTIONS_INIT;
  options.row_group_bytes = RUN_GROUP_BYTES;
  options.page_bytes = RUN_PAGE_BYTES;
  options.columns = &column;
  options.column_count = 1;
  options.no_sync = true;
  options.no_page_index = true;
  return lam_writer_open_in(s->spill, key, &s->schema, &options, s->mem, out, error);
}

/* A place for a run behind the others. */
static enum lam_status add_run(struct lam_sorter *s, struct lam_run **out, struct lam_error *error) {
  if (s->run_count == s->run_capacity)
    LAM_TRY(lam_sort_grow(s->mem, (void **)&s->runs, &s->run_capacity, sizeof *s->runs, error));
  if (s->run_count == s->heap_capacity)
    LAM_TRY(lam_sort_grow(s->mem, (void **)&s->heap, &s->heap_capacity, sizeof *s->heap, error));
  struct lam_run *run = &s->runs[s->run_count];
  *run = (struct lam_run){.key = ""};
  char uuid[37];
  LAM_TRY(lam_uuid(uuid, error));
  snprintf(run->key, sizeof run->key, "lamella-%s", uuid);
  s->run_count++;
  *out = run;
  return LAM_OK;
}

enum lam_status lam_sort_write_run(struct lam_sorter *s, struct lam_error *error) {
  struct lam_writer *writer;
  struct lam_run *run;
  struct ArrowArray batch;
  enum lam_status status;
  LAM_TRY(spill_store(s, error));
  LAM_TRY(add_run(s, &run, error));
  LAM_TRY(run_writer(s, run->key, &writer, error));
  while ((status = lam_sort_next(s, LAM_SORT_PENDING, &batch, error)) == LAM_OK && batch.release) {
    status = lam_writer_write(writer, &batch, error);
    lam_array_release(&batch);
    if (status != LAM_OK) break;
  }
  if (status == LAM_OK) status = lam_writer_finish(writer, NULL, error);
  lam_writer_close(writer);
  s->spilled++;
  return status;
}

/* ---- reading ---- */

static void slot_release(struct lam_sorter *s, struct lam_run_slot *slot) {
  lam_array_release(&slot->batch);
  lam_batch_keys_release(s->mem, &slot->keys);
  slot->state = LAM_SLOT_EMPTY;
}

void lam_run_close(struct lam_sorter *s, struct lam_run *run) {
  for (int i = 0; i < 2; i++) slot_release(s, &run->slots[i]);
  lam_reader_close(run->reader);
  lam_file_close(run->file);
  if (run->key[0]) s->spill->ops->remove(s->spill, run->key, NULL);
  *run = (struct lam_run){.key = ""};
}

static enum lam_status run_open(struct lam_sorter *s, struct lam_run *run, struct lam_error *error) {
  LAM_TRY(lam_file_open_in(s->spill, run->key, NULL, s->mem, &run->file, error));
  /* From here on only we can reach it, and a crash leaves nothing behind. */
  LAM_TRY(s->spill->ops->remove(s->spill, run->key, error));
  run->key[0] = 0;
  uint64_t bytes = lam_file_size(run->file);
  uint64_t rows = (uint64_t)lam_file_rows(run->file);
  struct lam_read_options options = LAM_READ_OPTIONS_INIT;
  /* Twice the encoded size of a row stands for its decoded one; dictionaries make it more, seldom less. */
  options.batch_rows = (int64_t)(rows ? RUN_BATCH_BYTES / (2 * bytes / rows + 1) : 1);
  if (options.batch_rows < 1) options.batch_rows = 1;
  if (options.batch_rows > LAM_SORT_PENDING) options.batch_rows = LAM_SORT_PENDING;
  return lam_reader_open_in(run->file, &options, s->mem, &run->reader, error);
}

static enum lam_status slot_fill(struct lam_sorter *s, uint32_t index, uint32_t slot_index, struct lam_error *error) {
  struct lam_run *run = &s->runs[index];
  struct lam_run_slot *slot = &run->slots[slot_index];
  if (slot->state == LAM_SLOT_READY) return LAM_OK;
  slot_release(s, slot);
  LAM_TRY(lam_taker_set(s->taker, 2 * index + slot_index, NULL, error));
  if (run->ended) return LAM_OK;
  LAM_TRY(lam_reader_next(run->reader, &slot->batch, error));
  run->ended = !slot->batch.release;
  if (run->ended) return LAM_OK;
  LAM_TRY(lam_batch_keys_make(s, &slot->batch, &slot->keys, error));
  LAM_TRY(lam_taker_set(s->taker, 2 * index + slot_index, &slot->batch, error));
  slot->state = LAM_SLOT_READY;
  return LAM_OK;
}

/* Both slots of a run, the one that is read first. No row of a spent one is pending any more. */
static enum lam_status fill_task(void *user, size_t index, struct lam_error *error) {
  struct lam_sorter *s = user;
  struct lam_run *run = &s->runs[index];
  LAM_TRY(slot_fill(s, (uint32_t)index, run->at, error));
  return slot_fill(s, (uint32_t)index, run->at ^ 1, error);
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

/* Opens runs [0, count) and makes a heap of those that have rows. */
static enum lam_status open_runs(struct lam_sorter *s, uint32_t count, struct lam_error *error) {
  lam_taker_close(s->taker);
  s->taker = NULL;
  s->heap_size = 0;
  s->open_count = count;
  s->top_chosen = false;
  LAM_TRY(lam_taker_open(s->mem, &s->schema, 2 * count, &s->taker, error));
  for (uint32_t i = 0; i < count; i++) LAM_TRY(run_open(s, &s->runs[i], error));
  LAM_TRY(fill_runs(s, count, error));
  for (uint32_t i = 0; i < count; i++)
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
    s->pending[s->pending_count++] = (struct lam_row){2 * s->heap[0].run + run->at, (uint32_t)run->next++};
    s->top_chosen = !advance_top(s);
    if (s->top_chosen) break;
  }
  return LAM_OK;
}

/* Merges the first `count` runs into one that takes their place. */
static enum lam_status merge_first(struct lam_sorter *s, uint32_t count, struct lam_error *error) {
  LAM_TRY(open_runs(s, count, error));
  LAM_TRY(lam_sort_write_run(s, error));
  for (uint32_t i = 0; i < count; i++) lam_run_close(s, &s->runs[i]);
  s->runs[0] = s->runs[s->run_count - 1];
  memmove(&s->runs[1], &s->runs[count], (s->run_count - 1 - count) * sizeof *s->runs);
  s->run_count -= count;
  return LAM_OK;
}

enum lam_status lam_sort_merge(struct lam_sorter *s, struct lam_error *error) {
  uint32_t most = (uint32_t)lam_max_u64(4, lam_min_u64(s->run_bytes / RUN_COST, MOST_RUNS));
  while (s->run_count > most) LAM_TRY(merge_first(s, (uint32_t)lam_min_u64(most, s->run_count - most + 1), error));
  return open_runs(s, s->run_count, error);
}
