/* Import: the sources' rows go into staged files, each in the directory of its partition, and all of them are committed
 * at once. */
#include "ops/import.h"

#include "base/context.h"
#include "base/options.h"
#include "ops/discard_store.h"
#include "ops/import_source.h"
#include "ops/partition_writer.h"

enum { IMPORT_MEMORY = 96 << 20 }; /* that an import should have */

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
  enum lam_codec codec;
  int level;
  struct lam_column_options column, *columns; /* of all; with those of chosen ones */
  int32_t column_count;

  struct lam_stage *stage; /* NULL: a dry run */
  struct lam_store *store;
  struct lam_change change;
  struct lam_change_layout layout;
  struct lam_partition_writer *writer;
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
    if (lam_schema_find(&run->merge.schema, run->partition_by[i]) < 0)
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

/* ---- writing ---- */

static enum lam_status open_writer(struct import_run *run, struct lam_error *error) {
  const struct lam_import_options *options = run->options;
  struct lam_write_options write = LAM_WRITE_OPTIONS_INIT;
  write.row_group_rows = options->row_group_rows;
  write.row_group_bytes = options->row_group_bytes;
  write.sorting = options->sort_by;
  write.sorting_count = options->sort_count;
  write.no_sync = true;
  write.no_page_index = options->change.no_page_index;
  run->column = (struct lam_column_options){.codec = (int)run->codec, .level = run->level};
  run->columns = &run->column;
  run->column_count = 1;
  if (options->change.bloom)
    LAM_TRY(lam_column_options_bloom(options->change.bloom, &run->merge.schema, &run->arena, &run->columns,
                                     &run->column_count, error));
  write.columns = run->columns;
  write.column_count = run->column_count;
  const struct lam_partition_writer_options to = {
      .stage = run->stage,
      .store = run->store,
      .schema = &run->merge.schema,
      .partition_by = run->partition_by,
      .partition_count = run->partition_count,
      .sort_by = options->sort_by,
      .sort_count = options->sort_count,
      .stem = "part",
      .write = write,
      .target_size = options->target_size ? options->target_size : LAM_TARGET_SIZE,
      .rows_per_file = options->rows_per_file,
  };
  return lam_partition_writer_open(run->mem, &to, &run->writer, error);
}

/* ---- reading ---- */

static enum lam_status read_source(struct import_run *run, struct lam_import_source *source, struct lam_error *error) {
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
    if (status == LAM_OK) status = lam_partition_writer_write(run->writer, &whole, error);
  }
  lam_free(run->mem, sources, (size_t)columns * sizeof *sources);
  return status;
}

static enum lam_status read_sources(struct import_run *run, struct lam_error *error) {
  for (int32_t i = 0; i < run->source_count; i++) {
    struct lam_import_source *source;
    LAM_TRY(open_source(run, i, &source, error));
    enum lam_status status = read_source(run, source, error);
    run->result->bytes_read += lam_import_source_bytes(source);
    done_with(run, source);
    LAM_TRY(status);
  }
  return LAM_OK;
}

static enum lam_status move_rows(struct import_run *run, struct lam_error *error) {
  struct lam_partition_writer_counts counts = {0};
  struct lam_import_result *result = run->result;
  LAM_TRY(open_writer(run, error));
  enum lam_status status = read_sources(run, error);
  /* A new table keeps its schema even without a row. A file without columns would break other readers. */
  bool at_least_one = run->partition_count == 0 && run->snapshot->file_count == 0 && run->merge.schema.n_children;
  if (status == LAM_OK) status = lam_partition_writer_finish(run->writer, at_least_one, &run->change, &counts, error);
  lam_partition_writer_close(run->writer);
  result->rows = counts.rows;
  result->files_written = counts.files;
  result->bytes_written = counts.bytes;
  result->partitions = counts.partitions;
  result->runs_spilled = counts.runs_spilled;
  return status;
}

static enum lam_status move_and_commit(struct import_run *run, struct lam_error *error) {
  const struct lam_change_options *options = &run->options->change;
  if (options->dry_run) {
    LAM_TRY(lam_store_discard(run->context, &run->store, error));
    enum lam_status status = move_rows(run, error);
    lam_store_close(run->store);
    return status;
  }
  struct lam_stage stage;
  struct lam_commit_result committed = {.sequence = 0};
  struct lam_store *backup = NULL; /* nothing is replaced, but a restore takes away what came */
  enum lam_status status = lam_stage_begin(run->directory, &stage, error);
  if (status != LAM_OK) return status;
  if (options->backup_dir) status = lam_backup_open(run->directory, options->backup_dir, &backup, error);
  run->stage = &stage;
  run->store = run->directory->meta;
  if (status == LAM_OK) status = move_rows(run, error);
  if (status == LAM_OK && run->change.add_count) {
    struct lam_commit_options commit = {.no_wait = options->no_wait,
                                        .no_sync = options->no_sync,
                                        .grace_seconds = options->grace_seconds,
                                        .backup = backup};
    run->layout = (struct lam_change_layout){run->partition_by, (size_t)run->partition_count, run->snapshot->sequence};
    run->change.layout = &run->layout;
    status = lam_commit(&stage, &run->change, &commit, &committed, error);
    run->result->sequence = committed.sequence;
  }
  lam_stage_end(&stage, &committed);
  run->stage = NULL;
  lam_store_close(backup);
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
  if (options.change.mode != LAM_MODE_REWRITE)
    return lam_fail(error, LAM_INVALID, "an import writes new files; there is no other mode");
  if (source_count < 1) return lam_fail(error, LAM_INVALID, "nothing was named to import");
  if (options.change.partition_count)
    return lam_fail(error, LAM_INVALID,
                    "an import adds all rows of its sources, whatever their partition; it takes no partitions");
  if (options.change.dry_run) {
    LAM_TRY(lam_directory_check(directory, error));
    if (options.change.backup_dir) LAM_TRY(lam_backup_check(directory, options.change.backup_dir, error));
  } else {
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
  status = import_snapshot(&run, error);
  lam_import_source_close(run.once);
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
