/* Batches are held until they pass run_bytes. Then, partition by partition and several of them at once, their rows go
 * on: into the partitions' open files while there are few partitions, else into pieces on disk (spill.h). At the end
 * each partition is written by one task, which reads its pieces and takes the rows that are held by then, so that as
 * many files are open as there are threads.
 * Rows keep their order within a partition, unless they are sorted there (sort.h). */
#include "ops/partition_writer.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#include "arrow/take.h"
#include "arrow/value_text.h"
#include "base/context.h"
#include "base/threads.h"
#include "ops/group_rows.h"
#include "ops/sort.h"
#include "ops/spill.h"
#include "parquet/writer.h"
#include "table/partition.h"

enum {
  MOST_OPEN = 64,              /* partitions whose files stay open between batches */
  OPEN_MEMORY = 4 << 20,       /* bytes that an open file should have */
  TASK_MEMORY = 32 << 20,      /* bytes that a task should have; fewer run at once where there are not enough */
  JOINED_ROWS = 65536,         /* of held batches: gathering from many small ones is slow */
  MOST_JOINED_ROWS = 1 << 20,  /* … or many from few, each somewhere else */
  JOINED_BYTES = 64 << 20,     /* … unless they are as large as that */
  TASK_ROWS = 65536,           /* that a task gathers at least, of several partitions where those are small */
  TAKE_BYTES = 8 << 20,        /* gathered at once */
  LEAST_RUN_BYTES = 256 << 10, /* held before anything is spilled */
  SORTED_ROWS = 65536,         /* of a batch that the sorter gives */
  DEFAULT_GROUP_BYTES = 128 << 20,
  LEAST_GROUP_BYTES = 1 << 20, /* of a row group, however little memory there is */
};

/* What a partition has while its rows are written. */
struct output {
  struct lam_rotation_options options;
  struct lam_rotation rotation;
  struct lam_content_hash hash; /* of the written files, where that is asked for */
  struct lam_sorter *sorter;    /* with sort_by */
};
struct partition {
  const char *directory;
  struct output *output; /* NULL: none yet, or finished */
  struct lam_buf pieces; /* struct lam_spill_piece */
};

struct lam_partition_writer {
  struct lam_mem *mem;
  struct lam_context *context;
  struct lam_partition_writer_options options;
  struct ArrowSchema written;  /* the columns that are written; borrows those of options.schema */
  struct lam_arena arena;      /* directories */
  int32_t *columns;            /* of partition_by */
  struct lam_grouper *grouper; /* NULL: all rows go to the root */
  struct partition *partitions;
  size_t partition_count, partition_room;
  uint32_t width;       /* tasks at once */
  uint64_t group_bytes; /* of a row group in memory */

  struct lam_buf batches;           /* struct ArrowArray; held */
  struct lam_buf groups;            /* uint32_t: the partition of each held row */
  uint64_t held, run_bytes;         /* bytes of the batches held; at most */
  size_t loose;                     /* the first held batch that has not been joined */
  uint64_t loose_rows, loose_bytes; /* as held counts them */
  struct lam_spill *spill;
  bool finished;

  pthread_mutex_t lock; /* of what follows, and of the stage */
  struct lam_change *change;
  struct lam_partition_writer_counts counts;
};

/* ---- open and close ---- */

static enum lam_status find_columns(struct lam_partition_writer *w, struct lam_error *error) {
  const struct ArrowSchema *schema = w->options.schema;
  void *memory;
  LAM_TRY(lam_arena_array(&w->arena, (size_t)w->options.partition_count, sizeof *w->columns, &memory, error));
  w->columns = memory;
  for (int32_t i = 0; i < w->options.partition_count; i++) {
    int64_t c = 0;
    while (c < schema->n_children && strcmp(schema->children[c]->name, w->options.partition_by[i]) != 0) c++;
    if (c == schema->n_children)
      return lam_fail(error, LAM_NOT_FOUND, "there is no column \"%s\" to partition by", w->options.partition_by[i]);
    w->columns[i] = (int32_t)c;
  }
  return LAM_OK;
}

static enum lam_status add_partition(struct lam_partition_writer *w, const char *directory, struct lam_error *error) {
  void *memory;
  if (w->partition_count == w->partition_room) {
    size_t room = w->partition_room ? w->partition_room * 2 : 16;
    LAM_TRY(lam_alloc(w->mem, room * sizeof *w->partitions, &memory, error));
    lam_copy(memory, w->partitions, w->partition_count * sizeof *w->partitions);
    lam_free(w->mem, w->partitions, w->partition_room * sizeof *w->partitions);
    w->partitions = memory;
    w->partition_room = room;
  }
  struct partition *partition = &w->partitions[w->partition_count++];
  *partition = (struct partition){.directory = directory};
  lam_buf_init(&partition->pieces, w->mem);
  return LAM_OK;
}

/* What the tasks and the rows that are held may have of the memory; sorters have as much as the rows. */
static void share_memory(struct lam_partition_writer *w) {
  uint64_t available = lam_mem_available(w->mem), threads = lam_pool_threads(lam_context_pool(w->context));
  w->run_bytes = w->options.run_bytes ? w->options.run_bytes : available / (w->options.sort_count ? 4 : 2);
  w->run_bytes = lam_max_u64(w->run_bytes, LEAST_RUN_BYTES);
  if (!w->grouper) threads = 1;
  w->width = (uint32_t)lam_max_u64(1, lam_min_u64(threads, available / 2 / TASK_MEMORY));
  uint64_t asked = w->options.write.row_group_bytes ? (uint64_t)w->options.write.row_group_bytes : DEFAULT_GROUP_BYTES;
  w->group_bytes = lam_min_u64(asked, lam_max_u64(available / 4 / w->width, LEAST_GROUP_BYTES));
  w->options.write.row_group_bytes = (int64_t)w->group_bytes;
}

enum lam_status lam_partition_writer_open(struct lam_mem *mem, const struct lam_partition_writer_options *options,
                                          struct lam_partition_writer **out, struct lam_error *error) {
  void *memory;
  *out = NULL;
  LAM_TRY(lam_alloc_zero(mem, sizeof **out, &memory, error));
  struct lam_partition_writer *w = memory;
  w->mem = mem;
  w->context = lam_mem_context(mem);
  w->options = *options;
  w->written = *options->schema;
  w->written.release = NULL;
  if (options->written_columns) w->written.n_children = options->written_columns;
  lam_arena_init(&w->arena, mem);
  lam_buf_init(&w->batches, mem);
  lam_buf_init(&w->groups, mem);
  pthread_mutex_init(&w->lock, NULL);
  enum lam_status status = find_columns(w, error);
  if (status == LAM_OK && options->partition_count)
    status = lam_grouper_open(mem, options->schema, w->columns, options->partition_count, &w->grouper, error);
  else if (status == LAM_OK)
    status = add_partition(w, "", error);
  if (status == LAM_OK) {
    share_memory(w);
    *out = w;
  } else {
    lam_partition_writer_close(w);
  }
  return status;
}

static void close_output(struct lam_partition_writer *w, struct partition *partition) {
  struct output *output = partition->output;
  if (!output) return;
  lam_sorter_close(output->sorter);
  lam_rotation_release(&output->rotation);
  lam_content_hash_release(&output->hash);
  lam_free(w->mem, output, sizeof *output);
  partition->output = NULL;
}

static void drop_batches(struct lam_partition_writer *w) {
  struct ArrowArray *batches = (struct ArrowArray *)(void *)w->batches.data;
  for (size_t i = 0; i < w->batches.size / sizeof *batches; i++) lam_array_release(&batches[i]);
  w->batches.size = 0;
  w->groups.size = 0;
  w->held = 0;
  w->loose = 0;
  w->loose_rows = w->loose_bytes = 0;
}

void lam_partition_writer_close(struct lam_partition_writer *w) {
  if (!w) return;
  drop_batches(w);
  for (size_t i = 0; i < w->partition_count; i++) {
    close_output(w, &w->partitions[i]);
    lam_buf_release(&w->partitions[i].pieces);
  }
  lam_free(w->mem, w->partitions, w->partition_room * sizeof *w->partitions);
  lam_spill_close(w->spill);
  lam_grouper_close(w->grouper);
  lam_buf_release(&w->batches);
  lam_buf_release(&w->groups);
  lam_arena_release(&w->arena);
  pthread_mutex_destroy(&w->lock);
  lam_free(w->mem, w, sizeof *w);
}

/* ---- one partition's output ---- */

static enum lam_status open_sorter(struct lam_partition_writer *w, struct lam_sorter **out, struct lam_error *error) {
  return lam_sorter_open(w->mem, w->options.schema, w->options.sort_by, w->options.sort_count, w->run_bytes / w->width,
                         out, error);
}

/* `rows`: that the partition will have; 0: not known. Who knows makes no bloom filters, say, for a million. */
static enum lam_status open_output(struct lam_partition_writer *w, struct partition *partition, uint64_t rows,
                                   struct lam_error *error) {
  const struct lam_partition_writer_options *o = &w->options;
  void *memory;
  if (partition->output) return LAM_OK;
  LAM_TRY(lam_alloc_zero(w->mem, sizeof(struct output), &memory, error));
  struct output *output = memory;
  partition->output = output;
  output->options = (struct lam_rotation_options){
      .stage = o->stage,
      .store = o->store,
      .directory = partition->directory,
      .stem = o->stem,
      .schema = &w->written,
      .write = o->write,
      .target_size = o->target_size,
      .rows_per_file = o->rows_per_file,
      .hash = o->hash ? &output->hash : NULL,
  };
  int64_t *group_rows = &output->options.write.row_group_rows;
  if (rows && rows <= INT32_MAX && (!*group_rows || rows < (uint64_t)*group_rows)) *group_rows = (int64_t)rows;
  lam_rotation_init(&output->rotation, &output->options, w->mem);
  if (o->hash) LAM_TRY(lam_content_hash_init(&output->hash, w->mem, w->written.n_children, error));
  return o->sort_count ? open_sorter(w, &output->sorter, error) : LAM_OK;
}

static enum lam_status write_sorted(struct output *output, struct lam_error *error) {
  struct ArrowArray batch;
  LAM_TRY(lam_sorter_finish(output->sorter, error));
  for (;;) {
    LAM_TRY(lam_sorter_next(output->sorter, SORTED_ROWS, &batch, error));
    if (!batch.release) return LAM_OK;
    enum lam_status status = lam_rotation_write_rows(&output->rotation, &batch, 0, batch.length, error);
    lam_array_release(&batch);
    LAM_TRY(status);
  }
}

/* Under the lock. */
static enum lam_status take_counts(struct lam_partition_writer *w, struct output *output, struct lam_error *error) {
  const struct lam_rotation *rotation = &output->rotation;
  LAM_TRY(lam_rotation_add_to(rotation, w->change, error));
  for (size_t i = 0; i < rotation->file_count; i++) {
    w->counts.rows += rotation->files[i].rows;
    w->counts.bytes += rotation->files[i].bytes;
    w->counts.row_groups += rotation->files[i].row_groups;
  }
  w->counts.files += rotation->file_count;
  w->counts.partitions += rotation->file_count != 0;
  if (output->sorter) w->counts.runs_spilled += (uint64_t)lam_sorter_runs(output->sorter);
  if (w->options.hash) lam_content_hash_join(w->options.hash, &output->hash);
  return w->options.stage ? lam_stage_renew(w->options.stage, error) : LAM_OK;
}

static enum lam_status finish_output(struct lam_partition_writer *w, struct partition *partition, bool at_least_one,
                                     struct lam_error *error) {
  struct output *output = partition->output;
  enum lam_status status = output->sorter ? write_sorted(output, error) : LAM_OK;
  if (status == LAM_OK) status = lam_rotation_finish(&output->rotation, at_least_one, error);
  if (status == LAM_OK) {
    pthread_mutex_lock(&w->lock);
    status = take_counts(w, output, error);
    pthread_mutex_unlock(&w->lock);
  }
  close_output(w, partition);
  return status;
}

/* ---- rows that wait on disk ---- */

static enum lam_status write_piece(struct lam_partition_writer *w, struct output *output,
                                   const struct lam_spill_piece *piece, struct lam_error *error) {
  struct ArrowArray batch;
  LAM_TRY(lam_check_cancel(w->context, error));
  LAM_TRY(lam_spill_read(w->spill, piece, &batch, error));
  if (output->sorter) return lam_sorter_add(output->sorter, &batch, error);
  enum lam_status status = lam_rotation_write_rows(&output->rotation, &batch, 0, batch.length, error);
  lam_array_release(&batch);
  return status;
}

/* Opens a partition's last output, which its pieces go to before `held` more rows do. */
static enum lam_status begin_last(struct lam_partition_writer *w, struct partition *partition, uint64_t held,
                                  struct lam_error *error) {
  const struct lam_spill_piece *pieces = (const struct lam_spill_piece *)(const void *)partition->pieces.data;
  size_t count = partition->pieces.size / sizeof *pieces;
  uint64_t rows = held;
  if (partition->output) return LAM_OK;
  for (size_t i = 0; i < count; i++) rows += (uint64_t)pieces[i].rows;
  LAM_TRY(open_output(w, partition, rows, error));
  for (size_t i = 0; i < count; i++) LAM_TRY(write_piece(w, partition->output, &pieces[i], error));
  partition->pieces.size = 0;
  return LAM_OK;
}

/* ---- held rows, partition by partition ---- */

enum way { INTO_FILES, INTO_FILES_THAT_END, INTO_SPILL };

struct flush {
  struct lam_partition_writer *writer;
  enum way way;
  struct lam_row *rows; /* of the held batches, those of a partition side by side, in their order */
  uint64_t *ends;       /* of each partition's rows */
  uint32_t *task_ends;  /* of each task's partitions */
  uint32_t task_count;
};

static uint64_t begin_of(const uint64_t *ends, size_t index) {
  return index ? ends[index - 1] : 0;
}

static enum lam_status spill_rows(struct lam_partition_writer *w, struct partition *partition,
                                  const struct ArrowArray *batch, int64_t first, int64_t count,
                                  struct lam_error *error) {
  struct lam_spill_piece piece;
  LAM_TRY(lam_spill_write(w->spill, batch, first, count, &piece, error));
  return lam_buf_append(&partition->pieces, &piece, sizeof piece, error);
}

/* Rows of a batch that are of one partition, of which `left` are held. A sorter takes all of a batch, and it over. */
static enum lam_status deliver(struct flush *flush, struct partition *partition, struct ArrowArray *batch,
                               int64_t first, int64_t count, uint64_t left, struct lam_error *error) {
  struct lam_partition_writer *w = flush->writer;
  if (flush->way == INTO_SPILL) return spill_rows(w, partition, batch, first, count, error);
  LAM_TRY(flush->way == INTO_FILES ? open_output(w, partition, 0, error) : begin_last(w, partition, left, error));
  if (!partition->output->sorter)
    return lam_rotation_write_rows(&partition->output->rotation, batch, first, count, error);
  assert(first == 0 && count == batch->length);
  return lam_sorter_add(partition->output->sorter, batch, error);
}

/* Delivers rows [first, first + batch->length) of the flush, and ends the outputs of which no rows are left. */
static enum lam_status deliver_batch(struct flush *flush, uint64_t first, struct ArrowArray *batch, uint32_t *at,
                                     uint32_t end, struct lam_error *error) {
  int64_t rows = batch->length;
  for (int64_t row = 0; row < rows;) {
    while (flush->ends[*at] <= first + (uint64_t)row) ++*at; /* partitions without rows */
    assert(*at < end);
    struct partition *partition = &flush->writer->partitions[*at];
    uint64_t left = flush->ends[*at] - first - (uint64_t)row;
    int64_t count = lam_min_i64(rows - row, (int64_t)left);
    LAM_TRY(deliver(flush, partition, batch, row, count, left, error));
    if (flush->way == INTO_FILES_THAT_END && (uint64_t)count == left)
      LAM_TRY(finish_output(flush->writer, partition, false, error));
    row += count;
  }
  (void)end;
  return LAM_OK;
}

static enum lam_status flush_task(void *user, size_t index, struct lam_error *error) {
  struct flush *flush = user;
  struct lam_partition_writer *w = flush->writer;
  uint32_t at = index ? flush->task_ends[index - 1] : 0, end = flush->task_ends[index];
  uint64_t first = begin_of(flush->ends, at), last = begin_of(flush->ends, end);
  const struct ArrowArray *batches = (const struct ArrowArray *)(const void *)w->batches.data;
  uint32_t batch_count = (uint32_t)(w->batches.size / sizeof *batches);
  uint64_t most = lam_max_u64(lam_min_u64(TAKE_BYTES, w->run_bytes / 4), 64 << 10);
  while (first < last) {
    struct ArrowArray batch;
    int64_t taken;
    LAM_TRY(lam_check_cancel(w->context, error));
    LAM_TRY(lam_take(w->mem, w->options.schema, batches, batch_count, flush->rows + first, (int64_t)(last - first),
                     most, &taken, &batch, error));
    enum lam_status status = deliver_batch(flush, first, &batch, &at, end, error);
    lam_array_release(&batch);
    LAM_TRY(status);
    first += (uint64_t)taken;
  }
  return LAM_OK;
}

/* Sorts the held rows by partition, counting them. */
static void order_rows(struct flush *flush, uint64_t *next) {
  const struct lam_partition_writer *w = flush->writer;
  const struct ArrowArray *batches = (const struct ArrowArray *)(const void *)w->batches.data;
  const uint32_t *groups = (const uint32_t *)(const void *)w->groups.data;
  size_t rows = w->groups.size / sizeof *groups, at = 0;
  uint64_t sum = 0;
  for (size_t i = 0; i < rows; i++) flush->ends[groups[i]]++;
  for (size_t p = 0; p < w->partition_count; p++) {
    next[p] = sum;
    sum += flush->ends[p];
    flush->ends[p] = sum;
  }
  for (uint32_t b = 0; b < w->batches.size / sizeof *batches; b++)
    for (uint32_t row = 0; row < batches[b].length; row++, at++)
      flush->rows[next[groups[at]]++] = (struct lam_row){b, row};
}

/* Partitions side by side are one task until they have rows enough; with a sorter each is one. */
static void make_tasks(struct flush *flush) {
  const struct lam_partition_writer *w = flush->writer;
  uint64_t least = w->options.sort_count && flush->way != INTO_SPILL ? 1 : TASK_ROWS, begin = 0;
  for (uint32_t p = 0; p < w->partition_count; p++) {
    if (flush->ends[p] - begin < least && p + 1 < w->partition_count) continue;
    flush->task_ends[flush->task_count++] = p + 1;
    begin = flush->ends[p];
  }
}

static enum lam_status flush_held(struct lam_partition_writer *w, enum way way, struct lam_error *error) {
  struct flush flush = {.writer = w, .way = way};
  size_t rows = w->groups.size / sizeof(uint32_t), count = w->partition_count;
  if (rows == 0) return LAM_OK;
  w->counts.runs_spilled += way == INTO_SPILL;
  struct lam_buf memory, row_memory;
  lam_buf_init(&memory, w->mem);
  lam_buf_init(&row_memory, w->mem);
  enum lam_status status = lam_buf_reserve(&memory, count * (2 * sizeof(uint64_t) + sizeof(uint32_t)), error);
  if (status == LAM_OK) status = lam_buf_reserve(&row_memory, rows * sizeof(struct lam_row), error);
  if (status == LAM_OK) {
    flush.ends = (uint64_t *)(void *)memory.data;
    flush.task_ends = (uint32_t *)(void *)(flush.ends + 2 * count);
    flush.rows = (struct lam_row *)(void *)row_memory.data;
    memset(flush.ends, 0, count * sizeof *flush.ends);
    order_rows(&flush, flush.ends + count);
    make_tasks(&flush);
    status = lam_pool_run(lam_context_pool(w->context), flush.task_count, w->width, flush_task, &flush, error);
  }
  lam_buf_release(&memory);
  lam_buf_release(&row_memory);
  drop_batches(w);
  return status;
}

/* ---- when memory is full ---- */

/* Whether the files of all partitions may stay open: a quarter of what can be had is theirs. */
static bool may_stay_open(const struct lam_partition_writer *w) {
  return !w->spill && !w->options.sort_count && w->partition_count <= MOST_OPEN &&
         w->partition_count * OPEN_MEMORY <= (lam_mem_available(w->mem) + lam_mem_used(w->mem)) / 4;
}

/* Ends the largest row groups while those under way hold more than a quarter of the memory. */
static enum lam_status bound_open_groups(struct lam_partition_writer *w, struct lam_error *error) {
  uint64_t most = (lam_mem_available(w->mem) + lam_mem_used(w->mem)) / 4;
  for (;;) {
    uint64_t sum = 0, largest = 0;
    struct lam_writer *writer = NULL;
    for (size_t i = 0; i < w->partition_count; i++) {
      const struct output *output = w->partitions[i].output;
      uint64_t bytes = output && output->rotation.writer ? lam_writer_pending_bytes(output->rotation.writer) : 0;
      sum += bytes;
      if (bytes <= largest) continue;
      largest = bytes;
      writer = output->rotation.writer;
    }
    if (sum <= most || !writer) return LAM_OK;
    LAM_TRY(lam_writer_end_row_group(writer, error));
  }
}

static enum lam_status make_room(struct lam_partition_writer *w, struct lam_error *error) {
  if (may_stay_open(w)) {
    LAM_TRY(flush_held(w, INTO_FILES, error));
    return bound_open_groups(w, error);
  }
  if (!w->spill) LAM_TRY(lam_spill_open(w->mem, w->options.schema, &w->spill, error));
  return flush_held(w, INTO_SPILL, error);
}

/* ---- rows in ---- */

/* The text of a partition column's value; *out is NULL for NULL. */
static enum lam_status value_of(struct lam_partition_writer *w, const struct ArrowArray *batch, int32_t column,
                                int64_t row, struct lam_buf *text, char **out, struct lam_error *error) {
  struct lam_view view;
  const struct ArrowSchema *schema = w->options.schema->children[column];
  *out = NULL;
  text->size = 0;
  LAM_TRY(lam_view_init(schema, batch->children[column], &view, error));
  if (!lam_view_valid(&view, row)) return LAM_OK;
  LAM_TRY(lam_value_text(&view, row, text, error));
  /* -0.0 and 0.0 are equal, so their rows go to one partition, whichever comes first. */
  bool minus_zero = text->size == 4 && memcmp(text->data, "-0.0", 4) == 0;
  if (minus_zero && lam_type_is_float(view.type.id)) memmove(text->data, text->data + 1, --text->size);
  if (text->size && memchr(text->data, 0, text->size))
    return lam_fail(error, LAM_INVALID, "column \"%s\": a value with a NUL byte cannot name a partition", schema->name);
  return lam_arena_string(&w->arena, lam_bytes_of(text->data, text->size), out, error);
}

/* The partition of a row: "origin=SEA/…". */
static enum lam_status add_partition_of_row(struct lam_partition_writer *w, const struct ArrowArray *batch, int64_t row,
                                            struct lam_error *error) {
  struct lam_partition partition = {.count = (size_t)w->options.partition_count};
  struct lam_buf text;
  void *memory;
  char *directory;
  LAM_TRY(lam_arena_array(&w->arena, partition.count, sizeof *partition.values, &memory, error));
  partition.values = memory;
  lam_buf_init(&text, w->mem);
  enum lam_status status = LAM_OK;
  for (int32_t i = 0; status == LAM_OK && i < w->options.partition_count; i++) {
    char *value;
    status = value_of(w, batch, w->columns[i], row, &text, &value, error);
    partition.values[i] = (struct lam_partition_value){w->options.partition_by[i], value};
  }
  lam_buf_release(&text);
  if (status == LAM_OK) status = lam_partition_key(&w->arena, &partition, &directory, error);
  return status == LAM_OK ? add_partition(w, directory, error) : status;
}

static enum lam_status group_batch(struct lam_partition_writer *w, const struct ArrowArray *batch,
                                   struct lam_error *error) {
  const uint32_t *fresh;
  uint32_t first_new, fresh_count;
  size_t size = (size_t)batch->length * sizeof(uint32_t);
  LAM_TRY(lam_buf_room(&w->groups, size, error));
  LAM_TRY(lam_grouper_add(w->grouper, batch, (uint32_t *)(void *)(w->groups.data + w->groups.size), &first_new, &fresh,
                          &fresh_count, error));
  assert(first_new == w->partition_count);
  for (uint32_t i = 0; i < fresh_count; i++) LAM_TRY(add_partition_of_row(w, batch, fresh[i], error));
  w->groups.size += size;
  return LAM_OK;
}

/* The rows of the loose batches, by partition, and their groups in that order. `next`: a zero for each partition. */
static void order_loose(const struct lam_partition_writer *w, struct lam_row *rows, uint32_t *next) {
  const struct ArrowArray *batches = (const struct ArrowArray *)(const void *)w->batches.data;
  uint32_t *groups = (uint32_t *)(void *)(w->groups.data + w->groups.size) - w->loose_rows, begin = 0;
  size_t count = w->batches.size / sizeof *batches, at = 0;
  for (size_t i = 0; i < w->loose_rows; i++) next[groups[i]]++;
  for (size_t p = 0; p < w->partition_count; p++) {
    uint32_t some = next[p];
    next[p] = begin;
    begin += some;
  }
  for (size_t b = w->loose; b < count; b++)
    for (uint32_t row = 0; row < batches[b].length; row++)
      rows[next[groups[at++]]++] = (struct lam_row){(uint32_t)(b - w->loose), row};
  for (uint32_t p = 0, i = 0; p < w->partition_count; p++)
    while (i < next[p]) groups[i++] = p;
}

/* Makes one batch of the loose ones, sorted by partition while they are in the cache: what is taken of it later are
 * runs of rows. */
static enum lam_status join_loose(struct lam_partition_writer *w, struct lam_error *error) {
  struct ArrowArray *batches = (struct ArrowArray *)(void *)w->batches.data + w->loose, joined;
  uint32_t count = (uint32_t)(w->batches.size / sizeof *batches - w->loose);
  size_t size = w->loose_rows * sizeof(struct lam_row) + w->partition_count * sizeof(uint32_t);
  struct lam_row *rows;
  int64_t taken;
  LAM_TRY(lam_alloc_zero(w->mem, size, (void **)&rows, error));
  order_loose(w, rows, (uint32_t *)(void *)(rows + w->loose_rows));
  enum lam_status status = lam_take(w->mem, w->options.schema, batches, count, rows, (int64_t)w->loose_rows, UINT64_MAX,
                                    &taken, &joined, error);
  lam_free(w->mem, rows, size);
  LAM_TRY(status);
  for (uint32_t b = 0; b < count; b++) lam_array_release(&batches[b]);
  batches[0] = joined;
  w->batches.size -= (count - 1) * sizeof *batches;
  w->held -= w->loose_bytes;
  w->held += lam_array_memory(&joined);
  return LAM_OK;
}

/* A batch was added, of so many bytes. */
static enum lam_status add_loose(struct lam_partition_writer *w, uint64_t rows, uint64_t bytes,
                                 struct lam_error *error) {
  w->loose_rows += rows;
  w->loose_bytes += bytes;
  /* Those joined are held twice meanwhile. */
  uint64_t enough = lam_min_u64(JOINED_BYTES, w->run_bytes / 4);
  if (w->loose_rows < JOINED_ROWS && w->loose_bytes < enough) return LAM_OK;
  if (w->loose_rows <= MOST_JOINED_ROWS && w->loose_bytes < 2 * enough) LAM_TRY(join_loose(w, error));
  w->loose = w->batches.size / sizeof(struct ArrowArray);
  w->loose_rows = w->loose_bytes = 0;
  return LAM_OK;
}

static enum lam_status hold(struct lam_partition_writer *w, struct ArrowArray *batch, struct lam_error *error) {
  if (batch->length == 0) return LAM_OK;
  LAM_TRY(lam_buf_room(&w->batches, sizeof *batch, error));
  LAM_TRY(group_batch(w, batch, error));
  uint64_t rows = (uint64_t)batch->length;
  uint64_t bytes = lam_max_u64(lam_array_bytes(w->options.schema, batch), lam_array_memory(batch));
  /* With each row's place, its group, and its share of the order. */
  w->held += bytes + rows * (sizeof(uint32_t) + sizeof(struct lam_row));
  LAM_TRY(lam_buf_append(&w->batches, batch, sizeof *batch, error));
  batch->release = NULL;
  LAM_TRY(add_loose(w, rows, bytes, error));
  return lam_spill_due(w->mem, w->held, w->run_bytes) ? make_room(w, error) : LAM_OK;
}

enum lam_status lam_partition_writer_write(struct lam_partition_writer *w, struct ArrowArray *batch,
                                           struct lam_error *error) {
  enum lam_status status;
  assert(!w->finished);
  if (w->grouper) {
    status = hold(w, batch, error);
  } else {
    struct flush flush = {.writer = w, .way = INTO_FILES};
    status = deliver(&flush, &w->partitions[0], batch, 0, batch->length, 0, error);
  }
  lam_array_release(batch);
  return status;
}

/* ---- the end ---- */

/* What no held row has ended: pieces alone, or an open file. */
static enum lam_status finish_task(void *user, size_t index, struct lam_error *error) {
  struct lam_partition_writer *w = user;
  struct partition *partition = &w->partitions[index];
  if (partition->pieces.size == 0 && !partition->output) return LAM_OK;
  LAM_TRY(begin_last(w, partition, 0, error));
  return finish_output(w, partition, false, error);
}

static enum lam_status finish_all(struct lam_partition_writer *w, bool at_least_one, struct lam_error *error) {
  if (!w->grouper) {
    LAM_TRY(open_output(w, &w->partitions[0], 0, error));
    return finish_output(w, &w->partitions[0], at_least_one, error);
  }
  if (w->spill) LAM_TRY(lam_spill_finish(w->spill, error));
  LAM_TRY(flush_held(w, INTO_FILES_THAT_END, error));
  return lam_pool_run(lam_context_pool(w->context), w->partition_count, w->width, finish_task, w, error);
}

enum lam_status lam_partition_writer_finish(struct lam_partition_writer *w, bool at_least_one,
                                            struct lam_change *change, struct lam_partition_writer_counts *counts,
                                            struct lam_error *error) {
  assert(!w->finished);
  w->finished = true;
  w->change = change;
  LAM_TRY(finish_all(w, at_least_one, error));
  if (counts) *counts = w->counts;
  return LAM_OK;
}

static int by_text(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

enum lam_status lam_partition_writer_each(const struct lam_partition_writer *w,
                                          enum lam_status (*each)(void *user, const char *directory,
                                                                  struct lam_error *error),
                                          void *user, struct lam_error *error) {
  void *memory;
  size_t size = w->partition_count * sizeof(const char *);
  LAM_TRY(lam_alloc(w->mem, size, &memory, error));
  const char **directories = memory;
  for (size_t i = 0; i < w->partition_count; i++) directories[i] = w->partitions[i].directory;
  if (w->partition_count) qsort(directories, w->partition_count, sizeof *directories, by_text);
  enum lam_status status = LAM_OK;
  size_t count = w->grouper || w->counts.rows ? w->partition_count : 0;
  for (size_t i = 0; status == LAM_OK && i < count; i++) status = each(user, directories[i], error);
  lam_free(w->mem, memory, size);
  return status;
}
