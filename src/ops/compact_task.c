#include "ops/compact_task.h"

#include "base/context.h"
#include "ops/keep.h"
#include "ops/overlap.h"
#include "ops/sort.h"
#include "ops/sort_codes.h"
#include "ops/task.h"
#include "parquet/codec.h"
#include "parquet/reader.h"
#include "table/path_value.h"
#include "table/table.h"

enum {
  KEPT_OPEN = 64, /* files of a task that stay open between planning and reading */
  BATCH_ROWS = 65536,
  FEWEST_BATCH_ROWS = 64,
  /* A row group with at least a quarter of what one may hold counts as full: copying it is far cheaper than
   * decoding it, and readers gain little from larger ones. */
  FULL_SHARE = 4,
  SORT_BATCHES = 16, /* of which a run is made, at least */
  SORT_WIDENED = 4,  /* bytes of a row in memory for one in a file, with its place in the sort */
};

/* Consecutive files of a task that may be merged: their legacy keys agree. */
struct segment {
  size_t first, count;
  struct lam_merge merge;
  struct lam_content_hash before, after;
  bool one_schema; /* every file has the merged schema as it is */
  uint64_t rows, bytes;
};

struct task_run {
  const struct lam_compaction *c;
  const struct lam_compact_task *task;
  struct lam_mem *mem;
  struct lam_arena arena;
  struct lam_file **open; /* task->count of them, NULL where not open */
  size_t open_count;
  struct lam_keep keep; /* of the first file of the segment, but only the key-values on which its files agree so far */
  struct lam_compact_result *result;
  uint64_t mem_at_start; /* bytes that were available */
  struct lam_codec_state codec;
};

/* ---- files ---- */

static enum lam_status open_file(struct task_run *run, size_t index, struct lam_file **out, struct lam_error *error) {
  const struct lam_compaction *c = run->c;
  if (run->open[index]) {
    *out = run->open[index];
    return LAM_OK;
  }
  const struct lam_data_file *file = &c->snapshot->files[run->task->first + index];
  struct lam_file_options options = LAM_FILE_OPTIONS_INIT;
  options.no_checksums = c->options->change.no_checksums;
  LAM_TRY(lam_input_open(c->directory, c->snapshot, file, &options, run->mem, out, error));
  if (run->open_count < KEPT_OPEN) {
    run->open[index] = *out;
    run->open_count++;
  }
  return LAM_OK;
}

static void done_with(struct task_run *run, size_t index, struct lam_file *file) {
  if (file != run->open[index]) lam_file_close(file);
}

static void close_files(struct task_run *run) {
  for (size_t i = 0; i < run->task->count; i++) lam_file_close(run->open[i]);
}

static bool legacy_keys_agree(const struct lam_file *a, const struct lam_file *b) {
  for (int i = 0; lam_legacy_keys[i]; i++) {
    struct lam_bytes x = lam_key_value_find(lam_file_meta(a), lam_legacy_keys[i]);
    struct lam_bytes y = lam_key_value_find(lam_file_meta(b), lam_legacy_keys[i]);
    if (!x.data != !y.data || !lam_bytes_equal(x, y)) return false;
  }
  return true;
}

/* ---- gathering a segment ---- */

static enum lam_status add_to_segment(struct task_run *run, struct segment *segment, struct lam_file *file,
                                      struct lam_error *error) {
  struct lam_file_columns columns;
  struct lam_arena arena; /* not the task's: a task may have very many files */
  lam_arena_init(&arena, run->mem);
  enum lam_status status = lam_file_columns_all(file, &arena, &columns, error);
  lam_arena_release(&arena);
  if (status != LAM_OK) return status;
  bool first = segment->count == 0;
  if (!first && !lam_merge_same(&segment->merge.schema, &columns.schema)) segment->one_schema = false;
  if (columns.schema.n_children == 0)
    status = lam_fail(error, LAM_UNSUPPORTED, "%s has no columns", lam_file_name(file));
  else
    status = lam_merge_add(&segment->merge, &columns.schema, lam_file_name(file), error);
  lam_schema_release(&columns.schema);
  if (status != LAM_OK) return status;
  if (first) {
    LAM_TRY(lam_keep_file(&run->keep, file, error));
  } else {
    lam_keep_common(&run->keep, lam_file_meta(file));
  }
  segment->count++;
  segment->rows += (uint64_t)lam_file_rows(file);
  segment->bytes += lam_file_size(file);
  return LAM_OK;
}

/* Takes files from segment->first on until one's legacy keys differ. */
static enum lam_status gather(struct task_run *run, struct segment *segment, struct lam_error *error) {
  struct lam_file *head = NULL;
  enum lam_status status = LAM_OK;
  segment->one_schema = true;
  for (size_t i = segment->first; status == LAM_OK && i < run->task->count; i++) {
    struct lam_file *file;
    status = open_file(run, i, &file, error);
    if (status != LAM_OK) break;
    bool agrees = !head || legacy_keys_agree(head, file);
    if (agrees) status = add_to_segment(run, segment, file, error);
    if (!head)
      head = file;
    else
      done_with(run, i, file);
    if (!agrees) break;
  }
  if (head) done_with(run, segment->first, head);
  if (!segment->one_schema) lam_keep_drop(&run->keep, "ARROW:schema");
  return status;
}

/* ---- writing ---- */

static enum lam_status write_options(struct task_run *run, const struct segment *segment, struct lam_write_options *out,
                                     struct lam_error *error) {
  const struct lam_compaction *c = run->c;
  *out = (struct lam_write_options)LAM_WRITE_OPTIONS_INIT;
  out->row_group_rows = c->options->row_group_rows;
  out->row_group_bytes = c->row_group_bytes;
  /* Pages well below the target: its measure is only as fine as they are. */
  uint64_t page = c->options->target_size / 64 / (uint64_t)(segment->merge.schema.n_children);
  out->page_bytes = (int64_t)lam_max_u64(8 << 10, lam_min_u64(page, 1 << 20));
  out->sorting = c->options->sort_by;
  out->sorting_count = c->options->sort_count;
  out->no_sync = true; /* the commit syncs all staged files at once */
  /* Columns of the first file may have become wider than its encodings are for. */
  for (int32_t i = 0; !segment->one_schema && i < run->keep.column_count; i++)
    run->keep.columns[i].encoding = LAM_ENCODE_DEFAULT;
  LAM_TRY(lam_keep_change(&run->keep, &c->options->change, &segment->merge.schema, error));
  lam_keep_write(&run->keep, out);
  return LAM_OK;
}

static bool codecs_are(const struct lam_file *file, int32_t row_group, enum lam_codec codec) {
  const struct lam_file_meta *meta = lam_file_meta(file);
  for (int32_t i = 0; i < meta->leaf_count; i++)
    if (meta->row_groups[row_group].chunks[i].codec != (int8_t)codec) return false;
  return true;
}

static bool copies_row_groups(struct task_run *run, const struct segment *segment, const struct lam_file *file,
                              struct lam_rotation *rotation) {
  if (run->c->options->sort_count || !segment->one_schema || !lam_raw_copy_allowed(lam_file_meta(file))) return false;
  return rotation->writer && lam_same_layout(lam_file_meta(file), lam_writer_meta(rotation->writer));
}

static bool is_full(const struct task_run *run, const struct lam_file *file, int32_t row_group) {
  const struct lam_file_meta *meta = lam_file_meta(file);
  return meta->row_groups[row_group].rows >= run->c->options->row_group_rows / FULL_SHARE ||
         lam_row_group_bytes(meta, row_group) >= (uint64_t)run->c->options->row_group_bytes / FULL_SHARE;
}

/* Bytes of rows that a sorter may hold. */
static uint64_t sort_room(const struct task_run *run) {
  return lam_min_u64(2 * run->c->sort_bytes, run->mem_at_start / 3);
}

/* Rows of a batch, so that a file can be ended within a small part of its target. */
static int64_t batch_rows(const struct task_run *run, const struct lam_file *file) {
  uint64_t rows = (uint64_t)lam_max_i64(lam_file_rows(file), 1), row_bytes = lam_file_size(file) / rows + 1;
  uint64_t fit = run->c->options->target_size / 32 / row_bytes;
  /* What is sorted is held: a batch has a small part of it, with values of twice and more what a file takes. */
  if (run->c->options->sort_count) fit = lam_min_u64(fit, sort_room(run) / SORT_BATCHES / (SORT_WIDENED * row_bytes));
  return (int64_t)lam_max_u64(FEWEST_BATCH_ROWS, lam_min_u64(fit, BATCH_ROWS));
}

/* Where decoded rows go: into the rotation as they come, or into the sorter. */
struct sink {
  struct lam_rotation *rotation;
  struct lam_sorter *sorter;
  struct lam_sort_codes *codes; /* of the sorter's batches */
};

static enum lam_status sink_put(const struct sink *sink, struct ArrowArray *batch, struct lam_error *error) {
  if (sink->sorter) return lam_sorter_add(sink->sorter, batch, error);
  enum lam_status status = lam_rotation_write(sink->rotation, batch, error);
  lam_array_release(batch);
  return status;
}

/* Row groups of a file as batches of its own columns, in the order of the merged ones. */
struct decoding {
  struct lam_arena arena;
  struct lam_file_columns columns;
  struct lam_merge_source *sources; /* one per merged column */
  struct lam_reader *reader;
};

static void decoding_close(struct decoding *d) {
  lam_reader_close(d->reader);
  lam_schema_release(&d->columns.schema);
  lam_arena_release(&d->arena);
}

/* Opens row groups [first, first + count); `options` has the rest. To be closed whatever comes of it. */
static enum lam_status decoding_open(struct task_run *run, const struct segment *segment, struct lam_file *file,
                                     int32_t first, int32_t count, struct lam_read_options options, struct decoding *d,
                                     struct lam_error *error) {
  size_t width = (size_t)segment->merge.schema.n_children;
  void *memory;
  *d = (struct decoding){.reader = NULL};
  lam_arena_init(&d->arena, run->mem);
  LAM_TRY(lam_file_columns_all(file, &d->arena, &d->columns, error));
  LAM_TRY(lam_arena_array(&d->arena, width, sizeof *d->sources, &memory, error));
  d->sources = memory;
  LAM_TRY(lam_arena_array(&d->arena, width + (size_t)count, sizeof(int32_t), &memory, error));
  int32_t *wanted = memory, *groups = wanted + width;
  lam_merge_map(&segment->merge.schema, &d->columns.schema, d->sources);
  for (size_t c = 0; c < width; c++)
    if (d->sources[c].column >= 0) wanted[options.column_count++] = d->columns.columns[d->sources[c].column];
  for (int32_t i = 0; i < count; i++) groups[i] = first + i;
  options.columns = wanted;
  options.row_groups = groups;
  options.row_group_count = count;
  return lam_reader_open_as(file, &options, &(struct lam_reader_mode){.codec = &run->codec}, run->mem, &d->reader,
                            error);
}

/* A batch of a file as the segment has it. What the file lacks has the value that its path gives. */
static enum lam_status merge_batch(struct task_run *run, const struct segment *segment, const struct decoding *d,
                                   struct ArrowArray *batch, struct ArrowArray *out, struct lam_error *error) {
  const struct ArrowSchema *merged = &segment->merge.schema;
  const struct lam_partition *partition = &run->c->snapshot->partitions[run->task->partition].values;
  LAM_TRY(lam_merge_batch(run->mem, merged, &d->columns.schema, d->sources, batch, out, error));
  return lam_path_fill(run->mem, partition, merged, d->sources, NULL, out, error);
}

/* What is decoded on its way to the sink. */
struct draining {
  struct task_run *run;
  const struct segment *segment;
  const struct decoding *from;
  const struct sink *sink;
};

static enum lam_status decode_batch(void *user, struct ArrowArray *out, struct lam_error *error) {
  const struct draining *d = user;
  struct task_run *run = d->run;
  struct lam_context *context = run->c->directory->context;
  struct ArrowArray batch;
  out->release = NULL;
  LAM_TRY(lam_check_cancel(context, error));
  if (run->c->renew) LAM_TRY(run->c->renew(run->c->user, error));
  LAM_TRY(lam_reader_next(d->from->reader, &batch, error));
  if (!batch.release) return LAM_OK;
  LAM_TRY(merge_batch(run, d->segment, d->from, &batch, out, error));
  lam_progress_add(context, (uint64_t)out->length, 0);
  enum lam_status status = d->sink->codes ? lam_sort_codes_put(d->sink->codes, out, error) : LAM_OK;
  if (status != LAM_OK) lam_array_release(out);
  return status;
}

static enum lam_status use_decoded(void *user, struct ArrowArray *batch, struct lam_error *error) {
  const struct draining *d = user;
  return sink_put(d->sink, batch, error);
}

/* `few`: rows that are not worth a second thread. */
static enum lam_status drain(struct draining *d, bool few, struct lam_error *error) {
  struct ArrowArray batch;
  if (!few) return lam_overlap_run(d->run->mem, &(struct lam_overlap){decode_batch, use_decoded, d}, error);
  for (;;) {
    LAM_TRY(decode_batch(d, &batch, error));
    if (!batch.release) return LAM_OK;
    LAM_TRY(use_decoded(d, &batch, error));
  }
}

static int64_t group_rows(const struct lam_file *file, int32_t first, int32_t count) {
  int64_t rows = 0;
  for (int32_t g = first; g < first + count; g++) rows += lam_file_meta(file)->row_groups[g].rows;
  return rows;
}

/* Decodes row groups [first, first + count) of a file into the sink. */
static enum lam_status merge_row_groups(struct task_run *run, const struct segment *segment, struct lam_file *file,
                                        int32_t first, int32_t count, const struct sink *sink,
                                        struct lam_error *error) {
  struct lam_read_options options = LAM_READ_OPTIONS_INIT;
  struct decoding d;
  if (count == 0) return LAM_OK;
  options.batch_rows = batch_rows(run, file);
  options.dictionaries = !sink->sorter;
  enum lam_status status = decoding_open(run, segment, file, first, count, options, &d, error);
  if (status == LAM_OK) {
    struct draining draining = {run, segment, &d, sink};
    for (int32_t c = 0; sink->codes && c < segment->merge.schema.n_children; c++)
      if (lam_sort_codes_has(sink->codes, c)) lam_reader_as_dictionary(d.reader, c, true);
    status = drain(&draining, group_rows(file, first, count) <= options.batch_rows, error);
  }
  decoding_close(&d);
  run->result->row_groups_merged += (uint64_t)count;
  return status;
}

static enum lam_status largest_page(void *user, const struct lam_page *page, struct lam_error *error) {
  (void)error;
  uint64_t *largest = user;
  *largest = lam_max_u64(*largest, (uint64_t)page->header.uncompressed_size);
  return LAM_OK;
}

/* Whether decoding the row group would not fit the memory there is: a page is decoded whole, and some writers make
 * pages of a fixed number of rows, however large these are. Only chunks large enough to hold such a page are walked. */
static enum lam_status is_too_large(struct task_run *run, const struct lam_file *file, int32_t row_group, bool *out,
                                    struct lam_error *error) {
  const struct lam_file_meta *meta = lam_file_meta(file);
  uint64_t most = lam_mem_available(run->mem) / 8, largest = 0;
  for (int32_t leaf = 0; leaf < meta->leaf_count; leaf++)
    if ((uint64_t)meta->row_groups[row_group].chunks[leaf].uncompressed_size > most)
      LAM_TRY(lam_chunk_walk(file, row_group, leaf, false, run->mem, largest_page, &largest, error));
  *out = largest > most;
  return LAM_OK;
}

/* Row groups are copied as bytes where they are full and a file can end before or behind them, or too large to
 * decode. */
static enum lam_status is_copied(struct task_run *run, const struct lam_file *file, int32_t row_group, bool full,
                                 const struct lam_rotation *rotation, bool *out, struct lam_error *error) {
  *out = full && !lam_rotation_misses(rotation, file, row_group);
  return *out ? LAM_OK : is_too_large(run, file, row_group, out, error);
}

static enum lam_status take_file(struct task_run *run, const struct segment *segment, struct lam_file *file,
                                 const struct sink *sink, struct lam_error *error) {
  const struct lam_file_meta *meta = lam_file_meta(file);
  if (!sink->sorter && meta->row_group_count) LAM_TRY(lam_rotation_open(sink->rotation, error));
  bool copies = !sink->sorter && copies_row_groups(run, segment, file, sink->rotation);
  int32_t waiting = 0; /* first row group that is neither copied nor decoded yet */
  for (int32_t g = 0; g < meta->row_group_count; g++) {
    bool same_codec = !run->c->recode || (run->c->level == 0 && codecs_are(file, g, run->c->codec));
    if (!copies || !same_codec) continue;
    bool full = is_full(run, file, g), copied;
    if (full) { /* what stands before it says where its file ends */
      LAM_TRY(merge_row_groups(run, segment, file, waiting, g - waiting, sink, error));
      waiting = g;
    }
    LAM_TRY(is_copied(run, file, g, full, sink->rotation, &copied, error));
    if (!copied) continue;
    LAM_TRY(merge_row_groups(run, segment, file, waiting, g - waiting, sink, error));
    LAM_TRY(lam_rotation_copy(sink->rotation, file, g, error));
    lam_progress_add(run->c->directory->context, (uint64_t)meta->row_groups[g].rows, 0);
    run->result->row_groups_copied++;
    waiting = g + 1;
  }
  LAM_TRY(merge_row_groups(run, segment, file, waiting, meta->row_group_count - waiting, sink, error));
  lam_progress_add(run->c->directory->context, 0, lam_file_size(file));
  run->result->bytes_read += lam_file_size(file);
  return LAM_OK;
}

/* The hash of what a file holds, read by a way of its own: plain values, no dictionaries, no copies. */
static enum lam_status hash_input(struct task_run *run, struct segment *segment, struct lam_file *file,
                                  struct lam_error *error) {
  const struct ArrowSchema *merged = &segment->merge.schema;
  const struct lam_read_options options = LAM_READ_OPTIONS_INIT;
  struct decoding d;
  int32_t groups = lam_file_meta(file)->row_group_count;
  enum lam_status status = decoding_open(run, segment, file, 0, groups, options, &d, error);
  while (status == LAM_OK) {
    struct ArrowArray batch, whole;
    status = lam_reader_next(d.reader, &batch, error);
    if (status != LAM_OK || !batch.release) break;
    status = merge_batch(run, segment, &d, &batch, &whole, error);
    if (status != LAM_OK) break;
    status = lam_content_hash_add(&segment->before, merged, &whole, error);
    lam_array_release(&whole);
  }
  decoding_close(&d);
  return status;
}

/* Sorted rows on their way from the sorter. */
struct sorted {
  const struct sink *sink;
  int64_t batch_rows;
};

static enum lam_status take_sorted(void *user, struct ArrowArray *out, struct lam_error *error) {
  const struct sorted *sorted = user;
  struct lam_sort_codes *codes = sorted->sink->codes;
  LAM_TRY(lam_sorter_next(sorted->sink->sorter, sorted->batch_rows, out, error));
  enum lam_status status = codes && out->release ? lam_sort_codes_get(codes, out, error) : LAM_OK;
  if (status != LAM_OK) lam_array_release(out);
  return status;
}

static enum lam_status write_sorted(void *user, struct ArrowArray *batch, struct lam_error *error) {
  const struct sorted *sorted = user;
  return sink_put(&(struct sink){.rotation = sorted->sink->rotation}, batch, error);
}

static enum lam_status drain_sorter(struct task_run *run, const struct sink *sink, int64_t rows,
                                    struct lam_error *error) {
  struct sorted sorted = {sink, rows};
  LAM_TRY(lam_sorter_finish(sink->sorter, error));
  return lam_overlap_run(run->mem, &(struct lam_overlap){take_sorted, write_sorted, &sorted}, error);
}

static enum lam_status take_files(struct task_run *run, struct segment *segment, const struct sink *sink,
                                  struct lam_error *error) {
  bool hashed = run->c->options->change.verify_full && run->c->stage;
  int64_t rows = BATCH_ROWS;
  for (size_t i = segment->first; i < segment->first + segment->count; i++) {
    struct lam_file *file;
    LAM_TRY(open_file(run, i, &file, error));
    rows = lam_min_i64(rows, batch_rows(run, file));
    enum lam_status status = take_file(run, segment, file, sink, error);
    if (status == LAM_OK && hashed) status = hash_input(run, segment, file, error);
    done_with(run, i, file);
    if (status != LAM_OK) return status;
  }
  if (sink->sorter) LAM_TRY(drain_sorter(run, sink, rows, error));
  return lam_rotation_finish(sink->rotation, true, error);
}

static enum lam_status check_rows(const struct segment *segment, const struct lam_rotation *rotation,
                                  struct lam_error *error) {
  uint64_t rows = 0;
  for (size_t i = 0; i < rotation->file_count; i++) rows += rotation->files[i].rows;
  if (rows == segment->rows) return LAM_OK;
  return lam_fail(error, LAM_CORRUPT,
                  "partition '%s': the inputs' footers have %llu rows, %llu were written; nothing was changed",
                  rotation->options.directory, (unsigned long long)segment->rows, (unsigned long long)rows);
}

static void count_outputs(struct task_run *run, const struct segment *segment, const struct lam_rotation *rotation) {
  struct lam_compact_result *r = run->result;
  r->files_compacted += segment->count;
  r->files_written += rotation->file_count;
  r->rows += segment->rows;
  for (size_t i = 0; i < rotation->file_count; i++) {
    r->bytes_written += rotation->files[i].bytes;
    r->row_groups_written += rotation->files[i].row_groups;
  }
  /* Net, so that the sums may wrap between tasks: before - inputs + outputs. */
  r->files_after += rotation->file_count - segment->count;
  for (size_t i = 0; i < rotation->file_count; i++) r->bytes_after += rotation->files[i].bytes;
  r->bytes_after -= segment->bytes;
}

/* ---- sorting ---- */

static bool is_sort_key(const struct task_run *run, const char *column) {
  const struct lam_compact_options *options = run->c->options;
  for (int32_t k = 0; k < options->sort_count; k++)
    if (!strcmp(options->sort_by[k].column, column)) return true;
  return false;
}

/* Leaves in `wanted` the columns that have few values in all row groups of the file. */
static enum lam_status limit_coded(struct task_run *run, const struct lam_file *file, bool *wanted,
                                   struct lam_error *error) {
  const struct lam_file_meta *meta = lam_file_meta(file);
  struct lam_file_columns columns;
  struct lam_arena arena;
  lam_arena_init(&arena, run->mem);
  enum lam_status status = lam_file_columns_all(file, &arena, &columns, error);
  for (int64_t c = 0; status == LAM_OK && c < columns.schema.n_children; c++) {
    int32_t leaf = meta->nodes[lam_top_node(meta, columns.columns[c])].leaf;
    for (int32_t g = 0; wanted[c] && g < meta->row_group_count; g++)
      wanted[c] = lam_sort_codes_chunk(&meta->row_groups[g].chunks[leaf]);
  }
  if (status == LAM_OK) lam_schema_release(&columns.schema);
  lam_arena_release(&arena);
  return status;
}

/* Chooses the columns that are carried as codes; *out is NULL where there are none. */
static enum lam_status open_codes(struct task_run *run, const struct segment *segment, struct lam_sort_codes **out,
                                  struct lam_error *error) {
  const struct ArrowSchema *schema = &segment->merge.schema;
  bool *wanted, any = false;
  *out = NULL;
  if (!segment->one_schema) return LAM_OK;
  LAM_TRY(lam_arena_array(&run->arena, (size_t)schema->n_children, sizeof *wanted, (void **)&wanted, error));
  for (int64_t c = 0; c < schema->n_children; c++)
    wanted[c] = lam_sort_codes_type(schema->children[c]) && !is_sort_key(run, schema->children[c]->name);
  for (size_t i = segment->first; i < segment->first + segment->count; i++) {
    struct lam_file *file;
    LAM_TRY(open_file(run, i, &file, error));
    enum lam_status status = limit_coded(run, file, wanted, error);
    done_with(run, i, file);
    LAM_TRY(status);
  }
  for (int64_t c = 0; c < schema->n_children; c++) any = any || wanted[c];
  return any ? lam_sort_codes_open(run->mem, schema, wanted, out, error) : LAM_OK;
}

static enum lam_status sort_with(struct task_run *run, struct segment *segment, struct lam_rotation *rotation,
                                 struct lam_sort_codes *codes, struct lam_error *error) {
  const struct lam_compact_options *options = run->c->options;
  struct sink sink = {.rotation = rotation, .codes = codes};
  const struct ArrowSchema *schema = codes ? lam_sort_codes_schema(codes) : &segment->merge.schema;
  LAM_TRY(
      lam_sorter_open(run->mem, schema, options->sort_by, options->sort_count, sort_room(run), &sink.sorter, error));
  enum lam_status status = take_files(run, segment, &sink, error);
  run->result->runs_spilled += (uint64_t)lam_sorter_runs(sink.sorter);
  lam_sorter_close(sink.sorter);
  return status;
}

/* Where a column turns out to have more values than codes, while its rows are read, all begins anew without. */
static enum lam_status sort_files(struct task_run *run, struct segment *segment, struct lam_rotation *rotation,
                                  struct lam_error *error) {
  const struct lam_compact_result before = *run->result;
  struct lam_sort_codes *codes;
  LAM_TRY(open_codes(run, segment, &codes, error));
  enum lam_status status = sort_with(run, segment, rotation, codes, error);
  bool again = status == LAM_LIMIT && codes && lam_sort_codes_full(codes);
  lam_sort_codes_close(codes);
  if (!again) return status;
  *run->result = before;
  if (rotation->options.hash) {
    lam_content_hash_release(&segment->before);
    LAM_TRY(lam_content_hash_init(&segment->before, run->mem, segment->merge.schema.n_children, error));
  }
  return sort_with(run, segment, rotation, NULL, error);
}

static enum lam_status write_segment(struct task_run *run, struct segment *segment, struct lam_rotation *rotation,
                                     struct lam_change *change, struct lam_error *error) {
  enum lam_status status = run->c->options->sort_count
                               ? sort_files(run, segment, rotation, error)
                               : take_files(run, segment, &(struct sink){.rotation = rotation}, error);
  if (status == LAM_OK) status = check_rows(segment, rotation, error);
  if (status == LAM_OK && rotation->options.hash)
    status = lam_content_hash_compare(&segment->before, &segment->after, &segment->merge.schema,
                                      rotation->options.directory, error);
  if (status != LAM_OK) return status;
  count_outputs(run, segment, rotation);
  LAM_TRY(lam_rotation_add_to(rotation, change, error));
  for (size_t i = 0; i < segment->count; i++)
    LAM_TRY(lam_change_remove(change, &run->c->snapshot->files[run->task->first + segment->first + i], error));
  return LAM_OK;
}

static enum lam_status compact_segment(struct task_run *run, struct segment *segment, struct lam_change *change,
                                       struct lam_error *error) {
  const struct lam_compaction *c = run->c;
  const struct lam_compact_task *task = run->task;
  struct lam_rotation_options options = {
      .stage = c->stage,
      .store = c->store,
      .directory = c->snapshot->partitions[task->partition].directory,
      .schema = &segment->merge.schema,
      .target_size = c->options->target_size,
  };
  char *stem;
  LAM_TRY(lam_keep_stem(c->snapshot, task->first + segment->first, segment->count, &run->arena, &stem, error));
  options.stem = stem;
  LAM_TRY(write_options(run, segment, &options.write, error));
  if (c->options->change.verify_full && c->stage) {
    int64_t columns = segment->merge.schema.n_children;
    LAM_TRY(lam_content_hash_init(&segment->before, run->mem, columns, error));
    LAM_TRY(lam_content_hash_init(&segment->after, run->mem, columns, error));
    options.hash = &segment->after;
  }
  struct lam_rotation rotation;
  lam_rotation_init(&rotation, &options, run->mem);
  enum lam_status status = write_segment(run, segment, &rotation, change, error);
  lam_rotation_release(&rotation);
  return status;
}

static enum lam_status run_segments(struct task_run *run, struct lam_change *change, struct lam_error *error) {
  for (size_t first = 0, count; first < run->task->count; first += count) {
    struct segment segment = {.first = first};
    lam_merge_init(&segment.merge, run->mem);
    enum lam_status status = gather(run, &segment, error);
    /* A file that stands alone because its legacy keys differ stays as it is, unless much of it is dead. */
    bool alone = segment.count == 1 && !run->c->snapshot->files[run->task->first + first].wasteful;
    bool worth = segment.count && (!alone || run->c->options->sort_count);
    if (status == LAM_OK && worth) status = compact_segment(run, &segment, change, error);
    count = segment.count;
    lam_content_hash_release(&segment.before);
    lam_content_hash_release(&segment.after);
    lam_merge_release(&segment.merge);
    if (status != LAM_OK) return status;
  }
  return LAM_OK;
}

enum lam_status lam_compact_task_run(const struct lam_compaction *compaction, const struct lam_compact_task *task,
                                     struct lam_mem *mem, struct lam_change *change, struct lam_compact_result *result,
                                     struct lam_error *error) {
  struct task_run run = {
      .c = compaction, .task = task, .mem = mem, .result = result, .mem_at_start = lam_mem_available(mem)};
  void *memory;
  lam_arena_init(&run.arena, mem);
  lam_codec_init(&run.codec, mem);
  run.keep.arena = &run.arena;
  enum lam_status status = lam_arena_array(&run.arena, task->count, sizeof *run.open, &memory, error);
  run.open = memory;
  if (status == LAM_OK) {
    status = run_segments(&run, change, error);
    close_files(&run);
  }
  lam_codec_release(&run.codec);
  lam_arena_release(&run.arena);
  return status;
}
