#include "ops/sort.h"

#include <stdio.h>

#include "arrow/take.h"
#include "base/context.h"
#include "base/uuid.h"
#include "ops/sort_key.h"
#include "parquet/writer.h"

enum {
  RUN_GROUP_BYTES = 2 << 20, /* encoded bytes of a row group of a run: what one run costs while merging, about */
  RUN_COST = 4 << 20,        /* memory that merging reserves for a run: its row group, its batch, its keys */
  RUN_PAGE_BYTES = 64 << 10,
  RUN_BATCH_BYTES = 256 << 10,
  PENDING_ROWS = 8192,
  MOST_BATCH_BYTES = 32 << 20, /* of one batch given out: an eighth of run_bytes, at most this */
  LEAST_BATCH_BYTES = 64 << 10,
};

/* A row that waits in memory. Keys of at most 8 bytes are their prefix; of longer ones the batch knows all. */
struct entry {
  uint64_t prefix;
  struct lam_row row;
};

/* The keys of one batch. */
struct batch_keys {
  struct lam_buf bytes;
  uint64_t *offsets; /* length + 1 */
  int64_t length;
};

struct run {
  char key[48]; /* of the spill store, until it is open */
  struct lam_file *file;
  struct lam_reader *reader;
  struct ArrowArray batch;
  struct batch_keys keys;
  int64_t next; /* row of the batch */
};

struct lam_sorter {
  struct lam_mem *mem;
  struct ArrowSchema schema;
  struct lam_key_column *keys;
  int32_t key_count;
  uint64_t run_bytes, batch_bytes;

  struct ArrowArray *batches;
  struct batch_keys *batch_keys;
  uint32_t batch_count, batch_capacity, keys_capacity;
  struct lam_buf entries; /* struct entry */
  uint64_t held;          /* bytes of the batches and entries */
  int64_t held_rows;

  struct lam_store *spill;
  struct run *runs; /* in order of the rows: ties are decided by it */
  uint32_t run_count, run_capacity, heap_capacity;
  int64_t spilled;

  struct lam_row *pending; /* rows of `batches`, or of the runs' batches, chosen and not yet given */
  int64_t pending_at, pending_count;
  int64_t entry_at;
  uint32_t *heap; /* runs with rows left, the least first */
  uint32_t heap_size;
};

static struct lam_bytes key_of(const struct batch_keys *keys, int64_t row) {
  return lam_bytes_of(keys->bytes.data + keys->offsets[row], keys->offsets[row + 1] - keys->offsets[row]);
}

static void keys_release(struct lam_mem *mem, struct batch_keys *keys) {
  lam_buf_release(&keys->bytes);
  lam_free(mem, keys->offsets, (size_t)(keys->length + 1) * sizeof *keys->offsets);
  keys->offsets = NULL;
}

static enum lam_status keys_of_batch(struct lam_sorter *s, const struct ArrowArray *batch, struct batch_keys *keys,
                                     struct lam_error *error) {
  void *offsets;
  *keys = (struct batch_keys){.length = batch->length};
  lam_buf_init(&keys->bytes, s->mem);
  LAM_TRY(lam_alloc(s->mem, (size_t)(batch->length + 1) * sizeof *keys->offsets, &offsets, error));
  keys->offsets = offsets;
  enum lam_status status =
      lam_keys_encode(&s->schema, batch, s->keys, s->key_count, &keys->bytes, keys->offsets, error);
  if (status != LAM_OK) keys_release(s->mem, keys);
  return status;
}

enum lam_status lam_sorter_open(struct lam_mem *mem, const struct ArrowSchema *schema, const struct lam_sort_key *keys,
                                int32_t key_count, uint64_t run_bytes, struct lam_sorter **out,
                                struct lam_error *error) {
  void *memory;
  *out = NULL;
  LAM_TRY(lam_alloc_zero(mem, sizeof **out, &memory, error));
  struct lam_sorter *s = memory;
  s->mem = mem;
  s->run_bytes = run_bytes;
  s->batch_bytes = lam_max_u64(LEAST_BATCH_BYTES, lam_min_u64(MOST_BATCH_BYTES, run_bytes / 8));
  s->key_count = key_count;
  lam_buf_init(&s->entries, mem);
  enum lam_status status = lam_schema_copy(schema, &s->schema, error);
  if (status == LAM_OK) status = lam_alloc_zero(mem, (size_t)key_count * sizeof *s->keys, (void **)&s->keys, error);
  if (status == LAM_OK) status = lam_alloc(mem, PENDING_ROWS * sizeof *s->pending, (void **)&s->pending, error);
  if (status == LAM_OK) status = lam_key_columns(schema, keys, key_count, s->keys, error);
  if (status == LAM_OK)
    *out = s;
  else
    lam_sorter_close(s);
  return status;
}

static void drop_batches(struct lam_sorter *s) {
  for (uint32_t i = 0; i < s->batch_count; i++) {
    lam_array_release(&s->batches[i]);
    keys_release(s->mem, &s->batch_keys[i]);
  }
  s->batch_count = 0;
  s->entries.size = 0;
  s->held = 0;
  s->held_rows = 0;
  s->entry_at = 0;
}

static void run_close(struct lam_sorter *s, struct run *run) {
  lam_array_release(&run->batch);
  if (run->keys.offsets) keys_release(s->mem, &run->keys);
  lam_reader_close(run->reader);
  lam_file_close(run->file);
  if (run->key[0]) s->spill->ops->remove(s->spill, run->key, NULL);
  *run = (struct run){.key = ""};
}

void lam_sorter_close(struct lam_sorter *s) {
  if (!s) return;
  struct lam_mem *mem = s->mem;
  drop_batches(s);
  for (uint32_t i = 0; i < s->run_count; i++) run_close(s, &s->runs[i]);
  lam_store_close(s->spill);
  lam_buf_release(&s->entries);
  lam_free(mem, s->batches, s->batch_capacity * sizeof *s->batches);
  lam_free(mem, s->batch_keys, s->keys_capacity * sizeof *s->batch_keys);
  lam_free(mem, s->runs, s->run_capacity * sizeof *s->runs);
  lam_free(mem, s->heap, s->heap_capacity * sizeof *s->heap);
  lam_free(mem, s->pending, PENDING_ROWS * sizeof *s->pending);
  lam_free(mem, s->keys, (size_t)s->key_count * sizeof *s->keys);
  lam_schema_release(&s->schema);
  lam_free(mem, s, sizeof *s);
}

int64_t lam_sorter_runs(const struct lam_sorter *s) {
  return s->spilled;
}

/* Doubles an array of `size`-byte elements that is full. */
static enum lam_status grow(struct lam_mem *mem, void **array, uint32_t *capacity, size_t size,
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
  return lam_key_compare(key_of(&s->batch_keys[a->row.source], a->row.row),
                         key_of(&s->batch_keys[b->row.source], b->row.row)) < 0;
}

/* Merges the sorted from[begin, middle) and from[middle, end) into `to`; the first wins ties. */
static void merge_entries(const struct lam_sorter *s, const struct entry *from, int64_t begin, int64_t middle,
                          int64_t end, struct entry *to) {
  int64_t a = begin, b = middle;
  for (int64_t i = begin; i < end; i++)
    to[i] = b == end || (a < middle && !entry_less(s, &from[b], &from[a])) ? from[a++] : from[b++];
}

/* Insertion sort of short stretches, then merges of doubling width between two buffers: stable, and its
 * memory is counted. A stretch that is in order already is only copied. */
static enum lam_status sort_entries(struct lam_sorter *s, struct lam_error *error) {
  enum { STRETCH = 16 };
  int64_t count = (int64_t)(s->entries.size / sizeof(struct entry));
  struct entry *from = (struct entry *)(void *)s->entries.data;
  for (int64_t begin = 0; begin < count; begin += STRETCH) {
    int64_t end = lam_min_i64(begin + STRETCH, count);
    for (int64_t i = begin + 1; i < end; i++) {
      struct entry moved = from[i];
      int64_t j = i;
      for (; j > begin && entry_less(s, &moved, &from[j - 1]); j--) from[j] = from[j - 1];
      from[j] = moved;
    }
  }
  struct lam_buf other;
  lam_buf_init(&other, s->mem);
  LAM_TRY(lam_buf_reserve(&other, s->entries.size, error));
  struct entry *to = (struct entry *)(void *)other.data;
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
  other.size = s->entries.size;
  if (from != (struct entry *)(void *)s->entries.data) {
    struct lam_buf swap = s->entries;
    s->entries = other;
    other = swap;
  }
  lam_buf_release(&other);
  return LAM_OK;
}

/* ---- spilling ---- */

static enum lam_status spill_store(struct lam_sorter *s, struct lam_error *error) {
  if (s->spill) return LAM_OK;
  struct lam_context *context = lam_mem_context(s->mem);
  return lam_store_local(context, lam_context_spill_dir(context), &s->spill, error);
}

static enum lam_status run_writer(struct lam_sorter *s, const char *key, struct lam_writer **out,
                                  struct lam_error *error) {
  struct lam_column_options column = {.codec = LAM_WRITE_LZ4_RAW, .no_statistics = true};
  struct lam_write_options options = LAM_WRITE_OPTIONS_INIT;
  options.row_group_bytes = RUN_GROUP_BYTES;
  options.page_bytes = RUN_PAGE_BYTES;
  options.columns = &column;
  options.column_count = 1;
  options.no_sync = true;
  return lam_writer_open_in(s->spill, key, &s->schema, &options, s->mem, out, error);
}

/* A place for a run behind the others. */
static enum lam_status add_run(struct lam_sorter *s, struct run **out, struct lam_error *error) {
  if (s->run_count == s->run_capacity)
    LAM_TRY(grow(s->mem, (void **)&s->runs, &s->run_capacity, sizeof *s->runs, error));
  if (s->run_count == s->heap_capacity)
    LAM_TRY(grow(s->mem, (void **)&s->heap, &s->heap_capacity, sizeof *s->heap, error));
  struct run *run = &s->runs[s->run_count];
  *run = (struct run){.key = ""};
  char uuid[37];
  LAM_TRY(lam_uuid(uuid, error));
  snprintf(run->key, sizeof run->key, "lamella-%s", uuid);
  s->run_count++;
  *out = run;
  return LAM_OK;
}

/* The next rows in order, from memory or from the runs in the heap. */
static enum lam_status next_rows(struct lam_sorter *s, int64_t max_rows, struct ArrowArray *out,
                                 struct lam_error *error);

static enum lam_status write_rows(struct lam_sorter *s, const char *key, struct lam_error *error) {
  struct lam_writer *writer;
  LAM_TRY(run_writer(s, key, &writer, error));
  struct ArrowArray batch;
  enum lam_status status;
  while ((status = next_rows(s, PENDING_ROWS, &batch, error)) == LAM_OK && batch.release) {
    status = lam_writer_write(writer, &batch, error);
    lam_array_release(&batch);
    if (status != LAM_OK) break;
  }
  if (status == LAM_OK) status = lam_writer_finish(writer, NULL, error);
  lam_writer_close(writer);
  s->spilled++;
  return status;
}

static enum lam_status spill(struct lam_sorter *s, struct lam_error *error) {
  struct run *run;
  LAM_TRY(spill_store(s, error));
  LAM_TRY(sort_entries(s, error));
  LAM_TRY(add_run(s, &run, error));
  LAM_TRY(write_rows(s, run->key, error));
  drop_batches(s);
  return LAM_OK;
}

static enum lam_status add_entries(struct lam_sorter *s, uint32_t source, struct lam_error *error) {
  const struct batch_keys *keys = &s->batch_keys[source];
  LAM_TRY(lam_buf_room(&s->entries, (size_t)keys->length * sizeof(struct entry), error));
  struct entry *to = (struct entry *)(void *)(s->entries.data + s->entries.size);
  for (int64_t row = 0; row < keys->length; row++) {
    struct lam_bytes key = key_of(keys, row);
    to[row] = (struct entry){lam_key_prefix(key.data, key.size), {source, (uint32_t)row}};
  }
  s->entries.size += (size_t)keys->length * sizeof(struct entry);
  return LAM_OK;
}

enum lam_status lam_sorter_add(struct lam_sorter *s, struct ArrowArray *batch, struct lam_error *error) {
  enum lam_status status = LAM_OK;
  if (s->batch_count == s->batch_capacity)
    status = grow(s->mem, (void **)&s->batches, &s->batch_capacity, sizeof *s->batches, error);
  if (status == LAM_OK && s->batch_count == s->keys_capacity)
    status = grow(s->mem, (void **)&s->batch_keys, &s->keys_capacity, sizeof *s->batch_keys, error);
  if (status == LAM_OK) status = keys_of_batch(s, batch, &s->batch_keys[s->batch_count], error);
  if (status != LAM_OK) {
    lam_array_release(batch);
    return status;
  }
  uint32_t source = s->batch_count++;
  s->batches[source] = *batch;
  batch->release = NULL;
  LAM_TRY(add_entries(s, source, error));
  const struct ArrowArray *held = &s->batches[source];
  /* Twice an entry: sorting needs a second array of them. */
  s->held += lam_array_bytes(&s->schema, held) + s->batch_keys[source].bytes.capacity +
             (uint64_t)held->length * (sizeof(uint64_t) + 2 * sizeof(struct entry));
  s->held_rows += held->length;
  return s->held >= s->run_bytes ? spill(s, error) : LAM_OK;
}

/* ---- merging ---- */

static enum lam_status run_refill(struct lam_sorter *s, struct run *run, struct lam_error *error) {
  lam_array_release(&run->batch);
  if (run->keys.offsets) keys_release(s->mem, &run->keys);
  run->next = 0;
  LAM_TRY(lam_reader_next(run->reader, &run->batch, error));
  return run->batch.release ? keys_of_batch(s, &run->batch, &run->keys, error) : LAM_OK;
}

static enum lam_status run_open(struct lam_sorter *s, struct run *run, struct lam_error *error) {
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
  if (options.batch_rows > PENDING_ROWS) options.batch_rows = PENDING_ROWS;
  LAM_TRY(lam_reader_open_in(run->file, &options, s->mem, &run->reader, error));
  return run_refill(s, run, error);
}

static bool run_less(const struct lam_sorter *s, uint32_t a, uint32_t b) {
  const struct run *x = &s->runs[a], *y = &s->runs[b];
  int order = lam_key_compare(key_of(&x->keys, x->next), key_of(&y->keys, y->next));
  return order ? order < 0 : a < b;
}

static void heap_sink(struct lam_sorter *s, uint32_t at) {
  for (;;) {
    uint32_t least = at;
    for (uint32_t child = 2 * at + 1; child <= 2 * at + 2 && child < s->heap_size; child++)
      if (run_less(s, s->heap[child], s->heap[least])) least = child;
    if (least == at) return;
    uint32_t swap = s->heap[at];
    s->heap[at] = s->heap[least];
    s->heap[least] = swap;
    at = least;
  }
}

/* Opens runs [0, count) and makes a heap of those that have rows. */
static enum lam_status open_runs(struct lam_sorter *s, uint32_t count, struct lam_error *error) {
  s->heap_size = 0;
  for (uint32_t i = 0; i < count; i++) {
    LAM_TRY(run_open(s, &s->runs[i], error));
    if (s->runs[i].batch.release) s->heap[s->heap_size++] = i;
  }
  for (uint32_t i = s->heap_size / 2; i-- > 0;) heap_sink(s, i);
  return LAM_OK;
}

/* Chooses rows from the runs until a run's batch is used up: it may be let go only once its rows are given. */
static void choose_from_runs(struct lam_sorter *s) {
  while (s->heap_size && s->pending_count < PENDING_ROWS) {
    struct run *run = &s->runs[s->heap[0]];
    if (run->next == run->batch.length) return;
    s->pending[s->pending_count++] = (struct lam_row){s->heap[0], (uint32_t)run->next++};
    if (run->next == run->batch.length) return;
    heap_sink(s, 0);
  }
}

/* The run on top of the heap goes on with its next batch, or leaves. */
static enum lam_status advance_top(struct lam_sorter *s, struct lam_error *error) {
  struct run *run = &s->runs[s->heap[0]];
  if (run->next < run->batch.length) return LAM_OK;
  LAM_TRY(run_refill(s, run, error));
  if (!run->batch.release) s->heap[0] = s->heap[--s->heap_size];
  heap_sink(s, 0);
  return LAM_OK;
}

static void choose_from_memory(struct lam_sorter *s) {
  const struct entry *entries = (const struct entry *)(const void *)s->entries.data;
  while (s->entry_at < s->held_rows && s->pending_count < PENDING_ROWS)
    s->pending[s->pending_count++] = entries[s->entry_at++].row;
}

static enum lam_status take_pending(struct lam_sorter *s, int64_t max_rows, struct ArrowArray *out,
                                    struct lam_error *error) {
  int64_t count = lam_min_i64(max_rows, s->pending_count - s->pending_at), taken;
  const struct lam_row *rows = s->pending + s->pending_at;
  if (s->batch_count) {
    LAM_TRY(lam_take(s->mem, &s->schema, s->batches, s->batch_count, rows, count, s->batch_bytes, &taken, out, error));
  } else {
    /* The batches of the runs lie in their structs: lam_take wants them side by side. */
    void *memory;
    LAM_TRY(lam_alloc_zero(s->mem, s->run_count * sizeof(struct ArrowArray), &memory, error));
    struct ArrowArray *sources = memory;
    uint32_t some = rows[0].source; /* a run that is used up has no batch; any other stands in, no row asks for it */
    for (uint32_t i = 0; i < s->run_count; i++)
      sources[i] = s->runs[i].batch.release ? s->runs[i].batch : s->runs[some].batch;
    enum lam_status status =
        lam_take(s->mem, &s->schema, sources, s->run_count, rows, count, s->batch_bytes, &taken, out, error);
    lam_free(s->mem, memory, s->run_count * sizeof(struct ArrowArray));
    if (status != LAM_OK) return status;
  }
  s->pending_at += taken;
  return LAM_OK;
}

static enum lam_status next_rows(struct lam_sorter *s, int64_t max_rows, struct ArrowArray *out,
                                 struct lam_error *error) {
  out->release = NULL;
  LAM_TRY(lam_check_cancel(lam_mem_context(s->mem), error));
  if (s->pending_at == s->pending_count) {
    s->pending_at = s->pending_count = 0;
    if (s->batch_count)
      choose_from_memory(s);
    else if (s->heap_size) {
      LAM_TRY(advance_top(s, error));
      choose_from_runs(s);
    }
  }
  return s->pending_count ? take_pending(s, max_rows, out, error) : LAM_OK;
}

/* Merges the first `count` runs into one that takes their place. */
static enum lam_status merge_first(struct lam_sorter *s, uint32_t count, struct lam_error *error) {
  struct run *merged;
  LAM_TRY(open_runs(s, count, error));
  LAM_TRY(add_run(s, &merged, error));
  LAM_TRY(write_rows(s, merged->key, error));
  for (uint32_t i = 0; i < count; i++) run_close(s, &s->runs[i]);
  s->runs[0] = s->runs[s->run_count - 1];
  memmove(&s->runs[1], &s->runs[count], (s->run_count - 1 - count) * sizeof *s->runs);
  s->run_count -= count;
  return LAM_OK;
}

enum lam_status lam_sorter_finish(struct lam_sorter *s, struct lam_error *error) {
  if (s->run_count == 0) return sort_entries(s, error);
  if (s->held_rows) LAM_TRY(spill(s, error));
  drop_batches(s);
  lam_buf_release(&s->entries); /* merging needs the memory */
  uint32_t most = (uint32_t)lam_max_u64(4, lam_min_u64(s->run_bytes / RUN_COST, 64));
  while (s->run_count > most) LAM_TRY(merge_first(s, (uint32_t)lam_min_u64(most, s->run_count - most + 1), error));
  return open_runs(s, s->run_count, error);
}

enum lam_status lam_sorter_next(struct lam_sorter *s, int64_t max_rows, struct ArrowArray *out,
                                struct lam_error *error) {
  return next_rows(s, max_rows, out, error);
}
