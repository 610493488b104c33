#include "ops/sort.h"

#include "base/context.h"
#include "ops/sort_state.h"

enum {
  MOST_BATCH_BYTES = 32 << 20, /* of one batch given out: an eighth of run_bytes, at most this */
  LEAST_BATCH_BYTES = 64 << 10,
  MOST_PIECE_BYTES = 1 << 20, /* of a piece of a run: a 256th of run_bytes, so that many runs are merged at once */
  LEAST_PIECE_BYTES = 32 << 10,
  PRESORT_ROWS = 1024, /* a batch with fewer is left as it is */
  PRESORT_SHARE = 8,   /* and one with more than this part of run_bytes, which is held twice meanwhile */
};

/* A row that waits in memory. A packed key is its prefix; of others the batch knows all. */
struct entry {
  uint64_t prefix;
  struct lam_row row;
};

/* ---- keys ---- */

void lam_batch_keys_release(struct lam_mem *mem, struct lam_batch_keys *keys) {
  lam_buf_release(&keys->bytes);
  lam_free(mem, keys->prefixes, (size_t)keys->length * sizeof *keys->prefixes);
  lam_free(mem, keys->offsets, (size_t)(keys->length + 1) * sizeof *keys->offsets);
  *keys = (struct lam_batch_keys){.length = 0};
}

static enum lam_status make_bytes(struct lam_sorter *s, const struct ArrowArray *batch, struct lam_batch_keys *keys,
                                  struct lam_error *error) {
  LAM_TRY(lam_alloc(s->mem, (size_t)(batch->length + 1) * sizeof *keys->offsets, (void **)&keys->offsets, error));
  LAM_TRY(lam_keys_encode(&s->schema, batch, s->keys, s->key_count, &keys->bytes, keys->offsets, error));
  for (int64_t row = 0; row < batch->length; row++) {
    struct lam_bytes key = lam_batch_key(keys, row);
    keys->prefixes[row] = lam_key_prefix(key.data, key.size);
  }
  return LAM_OK;
}

enum lam_status lam_batch_keys_make(struct lam_sorter *s, const struct ArrowArray *batch, struct lam_batch_keys *keys,
                                    struct lam_error *error) {
  *keys = (struct lam_batch_keys){.length = batch->length};
  lam_buf_init(&keys->bytes, s->mem);
  enum lam_status status =
      lam_alloc(s->mem, (size_t)batch->length * sizeof *keys->prefixes, (void **)&keys->prefixes, error);
  if (status == LAM_OK)
    status = s->packed ? lam_key_pack_encode(&s->pack, &s->schema, batch, keys->prefixes, error)
                       : make_bytes(s, batch, keys, error);
  if (status != LAM_OK) lam_batch_keys_release(s->mem, keys);
  return status;
}

/* ---- opening and closing ---- */

enum lam_status lam_sorter_open(struct lam_mem *mem, const struct ArrowSchema *schema, const struct lam_sort_key *keys,
                                int32_t key_count, uint64_t run_bytes, struct lam_sorter **out,
                                struct lam_error *error) {
  void *memory;
  size_t count = (size_t)key_count;
  *out = NULL;
  LAM_TRY(lam_alloc_zero(mem, sizeof **out, &memory, error));
  struct lam_sorter *s = memory;
  s->mem = mem;
  s->run_bytes = run_bytes;
  s->batch_bytes = lam_max_u64(LEAST_BATCH_BYTES, lam_min_u64(MOST_BATCH_BYTES, run_bytes / 8));
  s->piece_bytes = lam_max_u64(LEAST_PIECE_BYTES, lam_min_u64(MOST_PIECE_BYTES, run_bytes / 256));
  s->key_count = key_count;
  lam_buf_init(&s->entries, mem);
  enum lam_status status = lam_schema_copy(schema, &s->schema, error);
  if (status == LAM_OK) status = lam_alloc_zero(mem, count * sizeof *s->keys, (void **)&s->keys, error);
  if (status == LAM_OK) status = lam_alloc_zero(mem, count * sizeof *s->pack_columns, (void **)&s->pack_columns, error);
  if (status == LAM_OK) status = lam_key_columns(schema, keys, key_count, s->keys, error);
  if (status == LAM_OK) {
    s->packed = lam_key_pack_init(&s->pack, &s->schema, s->keys, key_count, s->pack_columns);
    *out = s;
  } else {
    lam_sorter_close(s);
  }
  return status;
}

static void drop_batches(struct lam_sorter *s) {
  lam_taker_close(s->taker);
  s->taker = NULL;
  for (uint32_t i = 0; i < s->batch_count; i++) {
    lam_array_release(&s->batches[i]);
    lam_batch_keys_release(s->mem, &s->batch_keys[i]);
  }
  s->batch_count = 0;
  s->entries.size = 0;
  s->held = 0;
  s->held_rows = 0;
  s->entry_at = 0;
}

void lam_sorter_close(struct lam_sorter *s) {
  if (!s) return;
  struct lam_mem *mem = s->mem;
  size_t keys = (size_t)s->key_count;
  drop_batches(s);
  for (uint32_t i = 0; i < s->run_count; i++) lam_run_close(s, &s->runs[i]);
  lam_spill_close(s->spill);
  lam_buf_release(&s->entries);
  lam_free(mem, s->batches, s->batch_capacity * sizeof *s->batches);
  lam_free(mem, s->batch_keys, s->keys_capacity * sizeof *s->batch_keys);
  lam_free(mem, s->runs, s->run_capacity * sizeof *s->runs);
  lam_free(mem, s->heap, s->heap_capacity * sizeof *s->heap);
  lam_free(mem, s->pending, LAM_SORT_PENDING * sizeof *s->pending);
  lam_free(mem, s->keys, keys * sizeof *s->keys);
  lam_free(mem, s->pack_columns, keys * sizeof *s->pack_columns);
  lam_schema_release(&s->schema);
  lam_free(mem, s, sizeof *s);
}

int64_t lam_sorter_runs(const struct lam_sorter *s) {
  return s->spilled;
}

enum lam_status lam_sort_grow(struct lam_mem *mem, void **array, uint32_t *capacity, size_t size,
                              struct lam_error *error) {
  uint32_t wanted = *capacity ? *capacity * 2 : 16;
  void *memory;
  LAM_TRY(lam_alloc_zero(mem, wanted * size, &memory, error));
  lam_copy(memory, *array, *capacity * size);
  lam_free(mem, *array, *capacity * size);
  *array = memory;
  *capacity = wanted;
  return LAM_OK;
}

/* ---- sorting what is in memory ---- */

static bool entry_less(const struct lam_sorter *s, const struct entry *a, const struct entry *b) {
  if (a->prefix != b->prefix) return a->prefix < b->prefix;
  return lam_key_compare(lam_batch_key(&s->batch_keys[a->row.source], a->row.row),
                         lam_batch_key(&s->batch_keys[b->row.source], b->row.row)) < 0;
}

/* Merges the sorted from[begin, middle) and from[middle, end) into `to`; the first wins ties. */
static void merge_entries(const struct lam_sorter *s, const struct entry *from, int64_t begin, int64_t middle,
                          int64_t end, struct entry *to) {
  int64_t a = begin, b = middle;
  for (int64_t i = begin; i < end; i++)
    to[i] = b == end || (a < middle && !entry_less(s, &from[b], &from[a])) ? from[a++] : from[b++];
}

/* Insertion sort of short stretches, then merges of doubling width between two buffers: stable. A
 * stretch that is in order already is only copied. Returns the buffer that has the result, as radix_sort does. */
static struct entry *merge_sort(const struct lam_sorter *s, struct entry *from, struct entry *to, int64_t count) {
  enum { STRETCH = 16 };
  for (int64_t begin = 0; begin < count; begin += STRETCH) {
    int64_t end = lam_min_i64(begin + STRETCH, count);
    for (int64_t i = begin + 1; i < end; i++) {
      struct entry moved = from[i];
      int64_t j = i;
      for (; j > begin && entry_less(s, &moved, &from[j - 1]); j--) from[j] = from[j - 1];
      from[j] = moved;
    }
  }
  for (int64_t width = STRETCH; width < count; width *= 2) {
    for (int64_t begin = 0; begin < count; begin += 2 * width) {
      int64_t middle = lam_min_i64(begin + width, count), end = lam_min_i64(begin + 2 * width, count);
      if (middle == end || !entry_less(s, &from[middle], &from[middle - 1]))
        memcpy(to + begin, from + begin, (size_t)(end - begin) * sizeof *to);
      else
        merge_entries(s, from, begin, middle, end, to);
    }
    struct entry *swap = from;
    from = to;
    to = swap;
  }
  return from;
}

/* Least significant byte first: stable, and a byte that is the same in all keys costs nothing. */
static struct entry *radix_sort(struct entry *from, struct entry *to, int64_t count) {
  enum { DIGITS = 8, VALUES = 256 };
  int64_t ends[DIGITS][VALUES] = {{0}};
  bool sorted = true;
  for (int64_t i = 0; i < count; i++) {
    sorted = sorted && (i == 0 || from[i - 1].prefix <= from[i].prefix);
    for (int d = 0; d < DIGITS; d++) ends[d][from[i].prefix >> 8 * d & 0xff]++;
  }
  for (int d = 0; d < DIGITS && !sorted; d++) {
    int64_t *next = ends[d], sum = 0;
    if (next[from[0].prefix >> 8 * d & 0xff] == count) continue;
    for (int v = 0; v < VALUES; v++) {
      int64_t size = next[v];
      next[v] = sum;
      sum += size;
    }
    for (int64_t i = 0; i < count; i++) to[next[from[i].prefix >> 8 * d & 0xff]++] = from[i];
    struct entry *swap = from;
    from = to;
    to = swap;
  }
  return from;
}

static struct entry *entries_of(const struct lam_buf *buf) {
  return (struct entry *)(void *)buf->data;
}

/* Writes the entries of batch `b`, whose keys are made for it where they are not held. */
static enum lam_status put_entries(struct lam_sorter *s, uint32_t b, struct entry *to, struct lam_error *error) {
  struct lam_batch_keys *keys = &s->batch_keys[b];
  if (s->packed) LAM_TRY(lam_batch_keys_make(s, &s->batches[b], keys, error));
  for (int64_t row = 0; row < keys->length; row++) to[row] = (struct entry){keys->prefixes[row], {b, (uint32_t)row}};
  if (s->packed) lam_batch_keys_release(s->mem, keys);
  return LAM_OK;
}

/* Makes the entries of batches [first, end), which have `rows`, and sorts them. */
static enum lam_status sort_batches(struct lam_sorter *s, uint32_t first, uint32_t end, int64_t rows,
                                    struct lam_error *error) {
  struct lam_buf other;
  size_t size = (size_t)rows * sizeof(struct entry);
  int64_t at = 0;
  LAM_TRY(lam_buf_reset(&s->entries, size, error));
  for (uint32_t b = first; b < end; at += s->batches[b++].length)
    LAM_TRY(put_entries(s, b, entries_of(&s->entries) + at, error));
  s->entries.size = size;
  lam_buf_init(&other, s->mem);
  LAM_TRY(lam_buf_reserve(&other, size, error));
  other.size = size;
  struct entry *from = entries_of(&s->entries), *to = entries_of(&other);
  if ((s->packed ? radix_sort(from, to, rows) : merge_sort(s, from, to, rows)) != from) {
    struct lam_buf swap = s->entries;
    s->entries = other;
    other = swap;
  }
  lam_buf_release(&other);
  return LAM_OK;
}

static enum lam_status sort_entries(struct lam_sorter *s, struct lam_error *error) {
  LAM_TRY(sort_batches(s, 0, s->batch_count, s->held_rows, error));
  LAM_TRY(lam_taker_open(s->mem, &s->schema, s->batch_count, &s->taker, error));
  for (uint32_t b = 0; b < s->batch_count; b++) LAM_TRY(lam_taker_set(s->taker, b, &s->batches[b], error));
  return LAM_OK;
}

/* ---- adding ---- */

static enum lam_status spill(struct lam_sorter *s, struct lam_error *error) {
  LAM_TRY(sort_entries(s, error));
  LAM_TRY(lam_sort_write_run(s, error));
  drop_batches(s);
  return LAM_OK;
}

/* The keys of the batches from `first` on, as bytes. */
static enum lam_status hold_keys(struct lam_sorter *s, uint32_t first, struct lam_error *error) {
  for (uint32_t b = first; b < s->batch_count; b++) {
    struct lam_batch_keys *keys = &s->batch_keys[b];
    LAM_TRY(lam_batch_keys_make(s, &s->batches[b], keys, error));
    s->held += keys->bytes.capacity + (uint64_t)keys->length * 2 * sizeof(uint64_t);
  }
  return LAM_OK;
}

static bool in_order(const struct entry *entries, int64_t count) {
  for (int64_t i = 1; i < count; i++)
    if (entries[i].row.row < entries[i - 1].row.row) return false;
  return true;
}

/* Puts the rows of a batch in order, while its columns are in the cache. When all batches are gathered from, each is
 * then read from front to back, often many rows at once; rows in no order would cost a cache miss for every value. A
 * batch that keeps much more memory than its rows take is copied in any case. */
static enum lam_status presort(struct lam_sorter *s, uint32_t b, bool wasteful, struct lam_error *error) {
  struct ArrowArray *batch = &s->batches[b], sorted;
  struct lam_row *rows;
  int64_t count = batch->length, taken;
  LAM_TRY(sort_batches(s, b, b + 1, count, error));
  const struct entry *entries = entries_of(&s->entries);
  if (!wasteful && in_order(entries, count)) return LAM_OK;
  LAM_TRY(lam_alloc(s->mem, (size_t)count * sizeof *rows, (void **)&rows, error));
  for (int64_t i = 0; i < count; i++) rows[i] = (struct lam_row){0, entries[i].row.row};
  enum lam_status status = lam_take(s->mem, &s->schema, batch, 1, rows, count, UINT64_MAX, &taken, &sorted, error);
  lam_free(s->mem, rows, (size_t)count * sizeof *rows);
  if (status != LAM_OK) return status;
  lam_array_release(batch);
  *batch = sorted;
  if (s->packed) return LAM_OK;
  lam_batch_keys_release(s->mem, &s->batch_keys[b]);
  return lam_batch_keys_make(s, batch, &s->batch_keys[b], error);
}

/* Where the batch that came last does not fit the pack, all keys are bytes from then on. */
static enum lam_status see_keys(struct lam_sorter *s, struct lam_error *error) {
  uint32_t last = s->batch_count - 1;
  if (!s->packed) return hold_keys(s, last, error);
  LAM_TRY(lam_key_pack_see(&s->pack, &s->schema, &s->batches[last], &s->packed, error));
  return s->packed ? LAM_OK : hold_keys(s, 0, error);
}

enum lam_status lam_sorter_add(struct lam_sorter *s, struct ArrowArray *batch, struct lam_error *error) {
  enum lam_status status = LAM_OK;
  if (s->batch_count == s->batch_capacity)
    status = lam_sort_grow(s->mem, (void **)&s->batches, &s->batch_capacity, sizeof *s->batches, error);
  if (status == LAM_OK && s->batch_count == s->keys_capacity)
    status = lam_sort_grow(s->mem, (void **)&s->batch_keys, &s->keys_capacity, sizeof *s->batch_keys, error);
  if (status != LAM_OK) {
    lam_array_release(batch);
    return status;
  }
  struct ArrowArray *held = &s->batches[s->batch_count];
  *held = *batch;
  batch->release = NULL;
  s->batch_keys[s->batch_count++] = (struct lam_batch_keys){.length = 0};
  s->held_rows += held->length;
  LAM_TRY(see_keys(s, error));
  uint64_t bytes = lam_array_bytes(&s->schema, held);
  bool wasteful = lam_array_memory(held) > 2 * bytes + LEAST_PIECE_BYTES, small = bytes <= s->run_bytes / PRESORT_SHARE;
  if (wasteful || (held->length >= PRESORT_ROWS && small)) LAM_TRY(presort(s, s->batch_count - 1, wasteful, error));
  /* Twice an entry: sorting needs a second array of them. */
  s->held += lam_max_u64(bytes, lam_array_memory(held)) + (uint64_t)held->length * 2 * sizeof(struct entry);
  return lam_spill_due(s->mem, s->held, s->run_bytes) ? spill(s, error) : LAM_OK;
}

enum lam_status lam_sorter_finish(struct lam_sorter *s, struct lam_error *error) {
  if (s->run_count == 0) return sort_entries(s, error);
  if (s->held_rows) LAM_TRY(spill(s, error));
  drop_batches(s);
  lam_buf_release(&s->entries); /* merging needs the memory */
  return lam_sort_merge(s, error);
}

/* ---- giving ---- */

static void choose_from_memory(struct lam_sorter *s) {
  const struct entry *entries = entries_of(&s->entries);
  while (s->entry_at < s->held_rows && s->pending_count < LAM_SORT_PENDING)
    s->pending[s->pending_count++] = entries[s->entry_at++].row;
}

enum lam_status lam_sort_next(struct lam_sorter *s, int64_t max_rows, uint64_t max_bytes, struct ArrowArray *out,
                              struct lam_error *error) {
  out->release = NULL;
  LAM_TRY(lam_check_cancel(lam_mem_context(s->mem), error));
  if (!s->pending) LAM_TRY(lam_alloc(s->mem, LAM_SORT_PENDING * sizeof *s->pending, (void **)&s->pending, error));
  if (s->pending_at == s->pending_count) {
    s->pending_at = s->pending_count = 0;
    if (s->batch_count)
      choose_from_memory(s);
    else
      LAM_TRY(lam_sort_choose(s, error));
  }
  int64_t count = lam_min_i64(max_rows, s->pending_count - s->pending_at), taken;
  if (count == 0) return LAM_OK;
  LAM_TRY(lam_taker_take(s->taker, s->pending + s->pending_at, count, max_bytes, &taken, out, error));
  s->pending_at += taken;
  return LAM_OK;
}

enum lam_status lam_sorter_next(struct lam_sorter *s, int64_t max_rows, struct ArrowArray *out,
                                struct lam_error *error) {
  return lam_sort_next(s, max_rows, s->batch_bytes, out, error);
}
