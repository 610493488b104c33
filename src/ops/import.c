/* Import: the sources' rows, sorted by partition where there are partitions, go into staged files, one
 * partition after the other, and all of them are committed at once. */
#include "ops/import.h"

#include "arrow/value_text.h"
#include "base/context.h"
#include "base/options.h"
#include "ops/discard_store.h"
#include "ops/import_source.h"
#include "ops/rotation.h"
#include "ops/sort.h"
#include "ops/sort_key.h"

enum {
  DEFAULT_TARGET = 128000000, /* bytes */
  IMPORT_MEMORY = 96 << 20,   /* that an import should have */
  BATCH_ROWS = 65536,
};

struct import_run {
  struct lam_directory *directory;
  struct lam_context *context;
  struct lam_mem *mem;
  const struct lam_import_options *options;
  const char *const *sources;
  int32_t source_count;
  struct lam_import_source *once; /* standard input, open since its schema was asked for */
  const struct lam_snapshot *snapshot;
  struct lam_import_result *result;

  struct lam_arena arena;
  struct lam_merge merge; /* the table's columns, then the sources' */
  const char **partition_by;
  int32_t partition_count;
  struct lam_key_column *partition_keys;
  struct lam_sort_key *keys; /* the partition columns, then sort_by */
  int32_t key_count;
  enum lam_codec codec;
  int level;
  struct lam_column_options column, *columns; /* of all; with those of chosen ones */
  int32_t column_count;

  struct lam_stage *stage; /* NULL: a dry run */
  struct lam_store *store;
  struct lam_change change;

  bool writing; /* `rotation` is of the partition with key `group` */
  struct lam_rotation rotation;
  struct lam_rotation_options rotation_options;
  struct lam_buf group, keys_bytes;
};

/* ---- schema and partitions ---- */

static enum lam_status merge_table(struct import_run *run, struct lam_error *error) {
  if (run->snapshot->file_count == 0) return LAM_OK;
  for (size_t i = 0; i < run->snapshot->file_count; i++) {
    struct lam_file *file;
    struct lam_file_columns columns;
    LAM_TRY(lam_snapshot_file(run->directory, run->snapshot, &run->snapshot->files[i], NULL, run->mem, &file, error));
    struct lam_arena arena;
    lam_arena_init(&arena, run->mem);
    enum lam_status status = lam_file_columns_all(file, &arena, &columns, error);
    if (status == LAM_OK) status = lam_merge_add(&run->merge, &columns.schema, lam_file_name(file), error);
    lam_schema_release(&columns.schema);
    lam_arena_release(&arena);
    lam_file_close(file);
    LAM_TRY(status);
  }
  return LAM_OK;
}

static enum lam_status open_source(struct import_run *run, int32_t index, struct lam_import_source **out,
                                   struct lam_error *error) {
  const char *path = run->sources[index];
  if (!lam_import_source_once(path)) return lam_import_source_open(run->mem, path, run->options, out, error);
  if (!run->once) LAM_TRY(lam_import_source_open(run->mem, path, run->options, &run->once, error));
  *out = run->once;
  return LAM_OK;
}

static void done_with(struct import_run *run, struct lam_import_source *source) {
  if (source != run->once) lam_import_source_close(source);
}

static enum lam_status merge_sources(struct import_run *run, uint64_t *rows, uint64_t *bytes, struct lam_error *error) {
  int32_t inputs = 0;
  for (int32_t i = 0; i < run->source_count; i++) {
    struct lam_import_source *source;
    inputs += lam_import_source_once(run->sources[i]);
    if (inputs > 1) return lam_fail(error, LAM_INVALID, "standard input is named twice; it can be read once");
    LAM_TRY(open_source(run, i, &source, error));
    enum lam_status status = lam_merge_add(&run->merge, lam_import_source_schema(source), run->sources[i], error);
    *rows += lam_import_source_rows(source);
    *bytes += lam_import_source_bytes(source);
    run->result->sources += lam_import_source_files(source);
    done_with(run, source);
    LAM_TRY(status);
  }
  return LAM_OK;
}

static bool has_column(const struct ArrowSchema *schema, const char *name) {
  for (int64_t c = 0; c < schema->n_children; c++) {
    if (strcmp(schema->children[c]->name, name) == 0) return true;
  }
  return false;
}

/* The columns that the table is partitioned by must be those asked for; without a wish they are taken. */
static enum lam_status choose_partitioning(struct import_run *run, struct lam_error *error) {
  const struct lam_snapshot *snapshot = run->snapshot;
  const struct lam_import_options *options = run->options;
  void *memory;
  size_t count = options->partition_by ? (size_t)options->partition_by_count : snapshot->column_count;
  LAM_TRY(lam_arena_array(&run->arena, count, sizeof *run->partition_by, &memory, error));
  run->partition_by = memory;
  run->partition_count = (int32_t)count;
  for (size_t i = 0; i < count; i++)
    run->partition_by[i] = options->partition_by ? options->partition_by[i] : snapshot->columns[i];
  if (!options->partition_by) return LAM_OK;
  for (size_t i = 0; i < count; i++) {
    if (!has_column(&run->merge.schema, run->partition_by[i]))
      return lam_fail(error, LAM_NOT_FOUND, "there is no column \"%s\" to partition by", run->partition_by[i]);
  }
  if (snapshot->file_count == 0) return LAM_OK;
  bool same = snapshot->column_count == count;
  for (size_t i = 0; same && i < count; i++) same = strcmp(snapshot->columns[i], run->partition_by[i]) == 0;
  if (same) return LAM_OK;
  return lam_fail(error, LAM_INVALID,
                  "%s is partitioned by %s%s%s; import with the same partitioning, or repartition it",
                  run->directory->name, snapshot->column_count ? snapshot->columns[0] : "nothing",
                  snapshot->column_count > 1 ? ", " : "", snapshot->column_count > 1 ? snapshot->columns[1] : "");
}

static enum lam_status make_keys(struct import_run *run, struct lam_error *error) {
  const struct lam_import_options *options = run->options;
  void *memory;
  run->key_count = run->partition_count + options->sort_count;
  LAM_TRY(lam_arena_array(&run->arena, (size_t)run->key_count, sizeof *run->keys, &memory, error));
  run->keys = memory;
  for (int32_t i = 0; i < run->partition_count; i++) run->keys[i].column = run->partition_by[i];
  for (int32_t i = 0; i < options->sort_count; i++) run->keys[run->partition_count + i] = options->sort_by[i];
  LAM_TRY(lam_arena_array(&run->arena, (size_t)run->key_count, sizeof *run->partition_keys, &memory, error));
  run->partition_keys = memory;
  return lam_key_columns(&run->merge.schema, run->keys, run->partition_count, run->partition_keys, error);
}

/* ---- writing ---- */

static enum lam_status rotation_options(struct import_run *run, struct lam_error *error) {
  const struct lam_import_options *options = run->options;
  struct lam_memory_use use = {.struct_size = sizeof use};
  lam_context_memory(run->context, &use);
  struct lam_write_options write = LAM_WRITE_OPTIONS_INIT;
  write.row_group_rows = options->row_group_rows;
  write.row_group_bytes =
      lam_min_i64(options->row_group_bytes ? options->row_group_bytes : 128 << 20, (int64_t)(use.limit / 4));
  write.sorting = options->sort_by;
  write.sorting_count = options->sort_count;
  write.no_sync = true;
  run->column = (struct lam_column_options){.codec = (int)run->codec, .level = run->level};
  run->columns = &run->column;
  run->column_count = 1;
  if (options->change.bloom)
    LAM_TRY(lam_column_options_bloom(options->change.bloom, &run->merge.schema, &run->arena, &run->columns,
                                     &run->column_count, error));
  write.columns = run->columns;
  write.column_count = run->column_count;
  run->rotation_options = (struct lam_rotation_options){
      .stage = run->stage,
      .store = run->store,
      .stem = "part",
      .schema = &run->merge.schema,
      .write = write,
      .target_size = options->target_size ? options->target_size : DEFAULT_TARGET,
      .rows_per_file = options->rows_per_file,
  };
  return LAM_OK;
}

/* "origin=SEA/…" from a row of a batch. */
static enum lam_status directory_of_row(struct import_run *run, const struct ArrowArray *batch, int64_t row, char **out,
                                        struct lam_error *error) {
  struct lam_partition partition = {.count = (size_t)run->partition_count};
  void *memory;
  LAM_TRY(lam_arena_array(&run->arena, partition.count, sizeof *partition.values, &memory, error));
  partition.values = memory;
  struct lam_buf text;
  lam_buf_init(&text, run->mem);
  enum lam_status status = LAM_OK;
  for (int32_t i = 0; status == LAM_OK && i < run->partition_count; i++) {
    struct lam_view view;
    int32_t c = run->partition_keys[i].column;
    char *value = NULL;
    text.size = 0;
    status = lam_view_init(run->merge.schema.children[c], batch->children[c], &view, error);
    if (status == LAM_OK && view.type.id != LAM_TYPE_NULL && lam_view_valid(&view, row)) {
      status = lam_value_text(&view, row, &text, error);
      /* -0.0 and 0.0 are equal, so their rows go to one partition, whichever comes first. */
      bool minus_zero = text.size == 4 && memcmp(text.data, "-0.0", 4) == 0;
      if (minus_zero && lam_type_is_float(view.type.id)) memmove(text.data, text.data + 1, --text.size);
      if (status == LAM_OK && text.size && memchr(text.data, 0, text.size))
        status = lam_fail(error, LAM_INVALID, "column \"%s\": a value with a NUL byte cannot name a partition",
                          run->partition_by[i]);
      if (status == LAM_OK) status = lam_arena_string(&run->arena, lam_bytes_of(text.data, text.size), &value, error);
    }
    partition.values[i] = (struct lam_partition_value){run->partition_by[i], value};
  }
  lam_buf_release(&text);
  return status == LAM_OK ? lam_partition_key(&run->arena, &partition, out, error) : status;
}

static enum lam_status end_group(struct import_run *run, struct lam_error *error) {
  if (!run->writing) return LAM_OK;
  struct lam_rotation *rotation = &run->rotation;
  enum lam_status status = lam_rotation_finish(rotation, false, error);
  if (status == LAM_OK) status = lam_rotation_add_to(rotation, &run->change, error);
  for (size_t i = 0; status == LAM_OK && i < rotation->file_count; i++) {
    run->result->files_written++;
    run->result->bytes_written += rotation->files[i].bytes;
    run->result->rows += rotation->files[i].rows;
  }
  lam_rotation_release(rotation);
  run->writing = false;
  if (status == LAM_OK && run->stage) status = lam_stage_renew(run->stage, error);
  return status;
}

static enum lam_status begin_group(struct import_run *run, const char *directory, struct lam_error *error) {
  LAM_TRY(end_group(run, error));
  run->rotation_options.directory = directory;
  lam_rotation_init(&run->rotation, &run->rotation_options, run->mem);
  run->writing = true;
  run->result->partitions++;
  return LAM_OK;
}

static enum lam_status write_rows(struct import_run *run, struct ArrowArray *batch, int64_t first, int64_t count,
                                  struct lam_error *error) {
  if (count == 0) return LAM_OK;
  /* A view of some rows: the columns' offsets and lengths are ours to set, for the batch is. */
  for (int64_t c = 0; c < batch->n_children; c++) {
    batch->children[c]->offset = first;
    batch->children[c]->length = count;
    if (batch->children[c]->null_count > 0) batch->children[c]->null_count = -1;
  }
  batch->length = count;
  return lam_rotation_write(&run->rotation, batch, error);
}

/* Writes a batch that is sorted by partition, group by group. */
static enum lam_status write_sorted(struct import_run *run, struct ArrowArray *batch, struct lam_error *error) {
  int64_t rows = batch->length, first = 0;
  uint64_t *offsets;
  run->keys_bytes.size = 0;
  LAM_TRY(lam_alloc(run->mem, (size_t)(rows + 1) * sizeof *offsets, (void **)&offsets, error));
  enum lam_status status = lam_keys_encode(&run->merge.schema, batch, run->partition_keys, run->partition_count,
                                           &run->keys_bytes, offsets, error);
  for (int64_t row = 0; status == LAM_OK && row < rows; row++) {
    struct lam_bytes key = {run->keys_bytes.data + offsets[row], offsets[row + 1] - offsets[row]};
    if (run->writing && lam_bytes_equal(key, lam_bytes_of(run->group.data, run->group.size))) continue;
    char *directory;
    status = write_rows(run, batch, first, row - first, error);
    first = row;
    /* The row's values are found through whole columns again. */
    for (int64_t c = 0; c < batch->n_children; c++) batch->children[c]->offset = 0, batch->children[c]->length = rows;
    if (status == LAM_OK) status = directory_of_row(run, batch, row, &directory, error);
    if (status == LAM_OK) status = begin_group(run, directory, error);
    run->group.size = 0;
    if (status == LAM_OK) status = lam_buf_append(&run->group, key.data, key.size, error);
  }
  lam_free(run->mem, offsets, (size_t)(rows + 1) * sizeof *offsets);
  return status == LAM_OK ? write_rows(run, batch, first, rows - first, error) : status;
}

/* ---- reading ---- */

typedef enum lam_status (*take_fn)(struct import_run *run, struct lam_sorter *sorter, struct ArrowArray *batch,
                                   struct lam_error *error);

static enum lam_status into_sorter(struct import_run *run, struct lam_sorter *sorter, struct ArrowArray *batch,
                                   struct lam_error *error) {
  (void)run;
  return lam_sorter_add(sorter, batch, error);
}

static enum lam_status into_rotation(struct import_run *run, struct lam_sorter *sorter, struct ArrowArray *batch,
                                     struct lam_error *error) {
  (void)sorter;
  enum lam_status status = lam_rotation_write(&run->rotation, batch, error);
  lam_array_release(batch);
  return status;
}

static enum lam_status read_source(struct import_run *run, struct lam_import_source *source, take_fn take,
                                   struct lam_sorter *sorter, struct lam_error *error) {
  const struct ArrowSchema *merged = &run->merge.schema, *schema = lam_import_source_schema(source);
  int64_t columns = merged->n_children;
  struct lam_merge_source *sources;
  LAM_TRY(lam_alloc(run->mem, (size_t)columns * sizeof *sources, (void **)&sources, error));
  lam_merge_map(merged, schema, sources);
  enum lam_status status = LAM_OK;
  while (status == LAM_OK) {
    struct ArrowArray batch, chosen, whole;
    status = lam_check_cancel(run->context, error);
    if (status == LAM_OK && run->stage) status = lam_stage_renew(run->stage, error);
    if (status == LAM_OK) status = lam_import_source_next(source, &batch, error);
    if (status != LAM_OK || !batch.release) break;
    /* The columns in merged order, as lam_merge_batch wants them. */
    status = lam_array_init_struct(batch.length, columns, &chosen, error);
    int64_t count = 0;
    for (int64_t c = 0; status == LAM_OK && c < columns; c++) {
      if (sources[c].column < 0) continue;
      *chosen.children[count++] = *batch.children[sources[c].column];
      batch.children[sources[c].column]->release = NULL;
    }
    lam_array_release(&batch);
    if (status == LAM_OK) status = lam_merge_batch(run->mem, merged, schema, sources, &chosen, &whole, error);
    if (status == LAM_OK) status = take(run, sorter, &whole, error);
  }
  lam_free(run->mem, sources, (size_t)columns * sizeof *sources);
  return status;
}

static enum lam_status read_sources(struct import_run *run, take_fn take, struct lam_sorter *sorter,
                                    struct lam_error *error) {
  for (int32_t i = 0; i < run->source_count; i++) {
    struct lam_import_source *source;
    LAM_TRY(open_source(run, i, &source, error));
    enum lam_status status = read_source(run, source, take, sorter, error);
    run->result->bytes_read += lam_import_source_bytes(source);
    done_with(run, source);
    LAM_TRY(status);
  }
  return LAM_OK;
}

static enum lam_status write_sorted_rows(struct import_run *run, struct lam_sorter *sorter, struct lam_error *error) {
  struct ArrowArray batch;
  LAM_TRY(lam_sorter_finish(sorter, error));
  if (run->partition_count == 0) LAM_TRY(begin_group(run, "", error));
  for (;;) {
    LAM_TRY(lam_sorter_next(sorter, BATCH_ROWS, &batch, error));
    if (!batch.release) return LAM_OK;
    enum lam_status status =
        run->partition_count ? write_sorted(run, &batch, error) : lam_rotation_write(&run->rotation, &batch, error);
    lam_array_release(&batch);
    LAM_TRY(status);
  }
}

static enum lam_status move_rows(struct import_run *run, struct lam_error *error) {
  if (run->key_count == 0) {
    LAM_TRY(begin_group(run, "", error));
    LAM_TRY(read_sources(run, into_rotation, NULL, error));
    /* A new table keeps its schema even without a row. A file without columns would break other readers. */
    if (run->snapshot->file_count == 0 && run->merge.schema.n_children)
      LAM_TRY(lam_rotation_finish(&run->rotation, true, error));
    return end_group(run, error);
  }
  struct lam_sorter *sorter;
  LAM_TRY(lam_sorter_open(run->mem, &run->merge.schema, run->keys, run->key_count, lam_mem_available(run->mem) / 4,
                          &sorter, error));
  enum lam_status status = read_sources(run, into_sorter, sorter, error);
  if (status == LAM_OK) status = write_sorted_rows(run, sorter, error);
  if (status == LAM_OK) status = end_group(run, error);
  run->result->runs_spilled = (uint64_t)lam_sorter_runs(sorter);
  lam_sorter_close(sorter);
  return status;
}

static enum lam_status move_and_commit(struct import_run *run, struct lam_error *error) {
  const struct lam_change_options *options = &run->options->change;
  if (options->dry_run) {
    LAM_TRY(lam_store_discard(run->context, &run->store, error));
    enum lam_status status = rotation_options(run, error);
    if (status == LAM_OK) status = move_rows(run, error);
    if (run->writing) lam_rotation_release(&run->rotation);
    lam_store_close(run->store);
    return status;
  }
  struct lam_stage stage;
  struct lam_commit_result committed = {.sequence = 0};
  LAM_TRY(lam_stage_begin(run->directory, &stage, error));
  run->stage = &stage;
  run->store = run->directory->meta;
  enum lam_status status = rotation_options(run, error);
  if (status == LAM_OK) status = move_rows(run, error);
  if (run->writing) lam_rotation_release(&run->rotation);
  if (status == LAM_OK && run->change.add_count) {
    struct lam_commit_options commit = {
        .no_wait = options->no_wait, .no_sync = options->no_sync, .grace_seconds = options->grace_seconds};
    status = lam_commit(&stage, &run->change, &commit, &committed, error);
    run->result->sequence = committed.sequence;
  }
  lam_stage_end(&stage, &committed);
  return status;
}

static enum lam_status import_snapshot(struct import_run *run, struct lam_error *error) {
  uint64_t rows = 0, bytes = 0;
  if (run->snapshot->foreign)
    return lam_fail(error, LAM_UNSUPPORTED, "%s holds %s: it is another format's table, which is not changed",
                    run->directory->name, run->snapshot->foreign);
  run->codec = LAM_ZSTD;
  if (run->options->change.compression)
    LAM_TRY(lam_codec_parse(run->options->change.compression, &run->codec, &run->level, error));
  LAM_TRY(merge_table(run, error));
  LAM_TRY(merge_sources(run, &rows, &bytes, error));
  LAM_TRY(choose_partitioning(run, error));
  LAM_TRY(make_keys(run, error));
  lam_progress_begin(run->context, "import", rows, 0);
  enum lam_status status = move_and_commit(run, error);
  lam_progress_end(run->context);
  return status;
}

enum lam_status lam_import_directory(struct lam_directory *directory, const char *const *sources, int32_t source_count,
                                     const struct lam_import_options *given, struct lam_import_result *result,
                                     struct lam_error *error) {
  struct lam_import_options options = LAM_IMPORT_OPTIONS_INIT;
  struct lam_import_result ignored;
  struct lam_snapshot snapshot = {.files = NULL};
  bool recovered;
  LAM_TRY(lam_options_read(given, "LAM_IMPORT_OPTIONS_INIT", &options, sizeof options, error));
  if (!result) result = &ignored;
  *result = (struct lam_import_result)LAM_IMPORT_RESULT_INIT;
  if (source_count < 1) return lam_fail(error, LAM_INVALID, "nothing was named to import");
  if (!options.change.dry_run) {
    LAM_TRY(lam_directory_prepare(directory, error));
    LAM_TRY(lam_directory_recover(directory, options.change.grace_seconds, options.change.no_wait, &recovered, error));
  }
  enum lam_status status = lam_snapshot_open(directory, NULL, &snapshot, error);
  if (status == LAM_NOT_FOUND && options.change.dry_run) status = LAM_OK; /* a table yet to be made */
  if (status != LAM_OK) return status;
  struct import_run run = {
      .directory = directory,
      .context = directory->context,
      .mem = directory->mem,
      .options = &options,
      .sources = sources,
      .source_count = source_count,
      .snapshot = &snapshot,
      .result = result,
  };
  lam_arena_init(&run.arena, run.mem);
  lam_merge_init(&run.merge, run.mem);
  lam_change_init(&run.change, run.mem);
  lam_buf_init(&run.group, run.mem);
  lam_buf_init(&run.keys_bytes, run.mem);
  status = import_snapshot(&run, error);
  lam_import_source_close(run.once);
  lam_buf_release(&run.group);
  lam_buf_release(&run.keys_bytes);
  lam_change_release(&run.change);
  lam_merge_release(&run.merge);
  lam_arena_release(&run.arena);
  if (snapshot.arena.mem) lam_snapshot_release(&snapshot);
  return status;
}

enum lam_status lam_import(struct lam_context *context, const char *const *sources, int32_t source_count,
                           const char *path, const struct lam_import_options *given, struct lam_import_result *result,
                           struct lam_error *error) {
  struct lam_directory *directory = NULL;
  struct lam_mem *mem;
  struct lam_memory_use use = {.struct_size = sizeof use};
  struct lam_import_options options = LAM_IMPORT_OPTIONS_INIT;
  struct lam_import_result counts = LAM_IMPORT_RESULT_INIT;
  LAM_TRY(lam_options_read(given, "LAM_IMPORT_OPTIONS_INIT", &options, sizeof options, error));
  lam_context_memory(context, &use);
  LAM_TRY(lam_mem_open(context, lam_min_u64(use.limit / 2, IMPORT_MEMORY), &mem, error));
  enum lam_status status = lam_directory_open(context, path, options.change.meta_dir, true, mem, &directory, error);
  if (status == LAM_OK) status = lam_import_directory(directory, sources, source_count, &options, &counts, error);
  lam_result_write(&counts, sizeof counts, result);
  lam_directory_close(directory);
  lam_mem_close(mem);
  return status;
}
