/* Repartition: the rows of one snapshot stream through `--where`, `--set` and the derived columns into the partition
 * writer; what was written is counted (and hashed) against what was read; then one commit. */
#include "ops/repartition.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/context.h"
#include "base/options.h"
#include "ops/derive.h"
#include "ops/discard_store.h"
#include "ops/edit.h"
#include "ops/keep.h"
#include "ops/task.h"
#include "table/root.h"
#include "table/table.h"

enum {
  SCAN_ROWS = 65536,       /* of a batch: the writer would put smaller ones together … */
  SCAN_MEMORY = 128 << 20, /* … where there are so many bytes of memory */
};

struct repartition {
  struct lam_directory *source, *target;
  struct lam_context *context;
  struct lam_mem *mem;
  const struct lam_repartition_options *options;
  struct lam_repartition_result *result;
  bool in_place;

  /* Of this attempt. */
  struct lam_arena arena;
  struct lam_table *table;            /* the source */
  struct lam_partition_filter filter; /* the partitions of it that were asked for */
  struct lam_snapshot present;        /* of the target, where that is another table */
  struct lam_partition_spec spec;
  struct lam_derive *derive;
  struct lam_partition_writer_options writing;

  struct lam_stage *stage; /* NULL: a dry run */
  struct lam_store *store;
  struct lam_change change;
  struct lam_change_layout layout;
  struct lam_commit_result committed;
  bool source_changed;
  uint64_t rows;                          /* that were given to the writer */
  struct lam_content_hash given, written; /* with verify_full */
};

static const struct lam_snapshot *target_snapshot(const struct repartition *r) {
  return r->in_place ? &r->table->snapshot : &r->present;
}

/* ---- what is refused ---- */

static enum lam_status check_options(const struct repartition *r, struct lam_error *error) {
  const struct lam_repartition_options *o = r->options;
  if (o->append && o->replace) return lam_fail(error, LAM_INVALID, "either append or replace, not both");
  if (o->change.mode != LAM_MODE_REWRITE)
    return lam_fail(error, LAM_INVALID, "a repartition writes new files; there is no other mode");
  if (o->delete_source && o->where)
    return lam_fail(error, LAM_INVALID, "the rows that the condition leaves out would be lost with the source");
  LAM_TRY(lam_directory_check(r->target, error));
  if (!r->in_place) return o->delete_source && r->source->meta ? lam_directory_check(r->source, error) : LAM_OK;
  if (o->append || o->delete_source)
    return lam_fail(error, LAM_INVALID, "%s is the source and the target: its old files are replaced in any case; %s",
                    r->source->name, o->append ? "do not ask to append" : "do not ask to delete the source");
  if (o->where && !o->replace)
    return lam_fail(
        error, LAM_INVALID,
        "%s is the source and the target: rows for which the condition is not TRUE would be lost; say to "
        "replace the target if that is meant, change rows of a condition by update, or name whole partitions",
        r->source->name);
  return LAM_OK;
}

static enum lam_status check_source(const struct repartition *r, struct lam_error *error) {
  const struct lam_snapshot *snapshot = &r->table->snapshot;
  if (snapshot->foreign)
    return lam_fail(error, LAM_UNSUPPORTED, "%s holds %s: it is another format's table, whose files are not its rows",
                    r->source->name, snapshot->foreign);
  if (r->options->delete_source && !r->source->meta)
    return lam_fail(error, LAM_UNSUPPORTED, "%s is a file or a pattern: only a directory can be deleted as the source",
                    r->source->name);
  if (snapshot->file_count == 0) return lam_fail(error, LAM_NOT_FOUND, "%s has no data files", r->source->name);
  return LAM_OK;
}

static enum lam_status check_target(const struct repartition *r, struct lam_error *error) {
  const struct lam_snapshot *present = &r->present;
  if (r->in_place) return LAM_OK;
  if (present->foreign)
    return lam_fail(error, LAM_UNSUPPORTED, "%s holds %s: it is another format's table, which is not changed",
                    r->target->name, present->foreign);
  if (present->file_count == 0 || r->options->replace) return LAM_OK;
  if (!r->options->append)
    return lam_fail(error, LAM_EXISTS,
                    "%s has %zu data files already: say whether to append to them or to replace them", r->target->name,
                    present->file_count);
  if (lam_snapshot_is_by(present, r->spec.names, (size_t)r->spec.count)) return LAM_OK;
  return lam_fail(error, LAM_INVALID, "%s is partitioned by %s%s, and what is appended must be as well",
                  r->target->name, present->column_count ? present->columns[0] : "nothing",
                  present->column_count > 1 ? " and other columns" : "");
}

/* Partitions of a table that are written anew in it must look like those that stay. */
static enum lam_status check_scope(struct repartition *r, struct lam_error *error) {
  const struct lam_table *table = r->table;
  if (!r->in_place || !r->filter.count) return LAM_OK;
  if (!lam_snapshot_is_by(&table->snapshot, r->spec.names, (size_t)r->spec.count))
    return lam_fail(error, LAM_INVALID,
                    "the partitions of %s that were not asked for stay in their directories, so the others must be "
                    "partitioned by the same columns; without partitions all of it is partitioned anew",
                    r->source->name);
  if (lam_derive_schema(r->derive)->n_children != table->merge.schema.n_children)
    return lam_fail(error, LAM_INVALID,
                    "the partitions of %s that were not asked for would lack the new column; add it to the table "
                    "first (lamella schema)",
                    r->source->name);
  r->writing.written_columns = table->data_columns;
  return LAM_OK;
}

/* Columns of a table that is appended to must go with those that come. */
static enum lam_status check_schema(struct repartition *r, struct lam_error *error) {
  struct lam_table *table;
  struct lam_merge merge;
  if (r->in_place || r->options->replace || r->present.file_count == 0) return LAM_OK;
  LAM_TRY(lam_table_open_directory(r->target, NULL, &table, error));
  lam_merge_init(&merge, r->mem);
  enum lam_status status = lam_merge_add(&merge, &table->merge.schema, r->target->name, error);
  if (status == LAM_OK) status = lam_merge_add(&merge, lam_derive_schema(r->derive), r->source->name, error);
  lam_merge_release(&merge);
  lam_table_close(table);
  return status;
}

/* ---- writing ---- */

/* Columns are encoded as the first file of the source, which has one, has them; new ones by the default. */
static enum lam_status keep_columns(const struct lam_table *table, const struct ArrowSchema *schema,
                                    const struct lam_change_options *options, struct lam_arena *arena,
                                    struct lam_keep *keep, struct lam_error *error) {
  const struct lam_snapshot *snapshot = &table->snapshot;
  struct lam_file *file;
  void *memory;
  *keep = (struct lam_keep){.arena = arena};
  LAM_TRY(lam_snapshot_file(table->directory, snapshot, &snapshot->files[0], &table->file_options, table->mem, &file,
                            error));
  enum lam_status status = lam_keep_file(keep, file, error);
  lam_file_close(file);
  LAM_TRY(status);
  keep->key_value_count = 0; /* they may describe the columns as they were */
  LAM_TRY(lam_arena_array(arena, (size_t)keep->column_count + 1, sizeof *keep->columns, &memory, error));
  struct lam_column_options *columns = memory;
  columns[0] = (struct lam_column_options){.codec = LAM_WRITE_ZSTD};
  lam_copy(columns + 1, keep->columns, (size_t)keep->column_count * sizeof *columns);
  keep->columns = columns;
  keep->column_count++;
  return lam_keep_change(keep, options, schema, error);
}

enum lam_status lam_repartition_writing(const struct lam_repartition_options *options, const struct lam_table *source,
                                        const struct lam_partition_spec *spec, const struct ArrowSchema *schema,
                                        struct lam_arena *arena, struct lam_partition_writer_options *out,
                                        struct lam_error *error) {
  struct lam_keep keep;
  *out = (struct lam_partition_writer_options){
      .schema = schema,
      .partition_by = spec->names,
      .partition_count = spec->count,
      .sort_by = options->sort_by,
      .sort_count = options->sort_count,
      .stem = "part",
      .write = LAM_WRITE_OPTIONS_INIT,
      .target_size = options->target_size ? options->target_size : LAM_TARGET_SIZE,
      .rows_per_file = options->rows_per_file,
  };
  out->write.row_group_rows = options->row_group_rows;
  out->write.row_group_bytes = options->row_group_bytes;
  out->write.sorting = options->sort_by;
  out->write.sorting_count = options->sort_count;
  LAM_TRY(keep_columns(source, schema, &options->change, arena, &keep, error));
  lam_keep_write(&keep, &out->write);
  return LAM_OK;
}

static enum lam_status open_writer(struct repartition *r, struct lam_partition_writer **out, struct lam_error *error) {
  struct lam_partition_writer_options to = r->writing;
  to.stage = r->stage;
  to.store = r->store;
  to.hash = r->options->change.verify_full ? &r->written : NULL;
  to.write.no_sync = true;
  return lam_partition_writer_open(r->mem, &to, out, error);
}

/* The next batch. A file that another program has replaced since it was listed makes a new attempt worth while, and
 * whether there is one depends on nothing that was written. */
static enum lam_status next_batch(struct repartition *r, struct lam_scan *scan, struct ArrowArray *batch,
                                  struct lam_error *error) {
  enum lam_status status = lam_scan_next(scan, batch, error);
  if (status != LAM_NOT_FOUND) return status;
  r->source_changed = true;
  return lam_fail(error, LAM_CONFLICT,
                  "a file of %s was replaced by another program before it was read; nothing was changed",
                  r->source->name);
}

static enum lam_status pass_rows(struct repartition *r, struct lam_scan *scan, struct lam_partition_writer *writer,
                                 struct lam_error *error) {
  for (;;) {
    struct ArrowArray batch, whole;
    LAM_TRY(lam_check_cancel(r->context, error));
    if (r->stage) LAM_TRY(lam_stage_renew(r->stage, error));
    LAM_TRY(next_batch(r, scan, &batch, error));
    if (!batch.release) return LAM_OK;
    LAM_TRY(lam_derive_batch(r->derive, &batch, &whole, error));
    r->rows += (uint64_t)whole.length;
    enum lam_status status = LAM_OK;
    if (r->options->change.verify_full)
      status = lam_content_hash_add(&r->given, lam_derive_schema(r->derive), &whole, error);
    if (status != LAM_OK) {
      lam_array_release(&whole);
      return status;
    }
    LAM_TRY(lam_partition_writer_write(writer, &whole, error));
  }
}

/* What is committed must be what was read. */
static enum lam_status check_rows(const struct repartition *r, struct lam_error *error) {
  const struct lam_repartition_result *result = r->result;
  if (result->rows_written != r->rows || (!r->options->where && r->rows != result->rows_read))
    return lam_fail(error, LAM_CORRUPT, "%llu rows were read, %llu kept and %llu written; nothing was changed",
                    (unsigned long long)result->rows_read, (unsigned long long)r->rows,
                    (unsigned long long)result->rows_written);
  if (r->rows == 0 && r->spec.count && !r->options->append)
    return lam_fail(error, LAM_INVALID, "no row of %s is left, so there would be no partition; nothing was changed",
                    r->source->name);
  if (!r->options->change.verify_full || !r->stage) return LAM_OK;
  return lam_content_hash_compare(&r->given, &r->written, lam_derive_schema(r->derive), r->target->name, error);
}

static enum lam_status move_rows(struct repartition *r, struct lam_error *error) {
  struct lam_partition_writer *writer;
  struct lam_partition_writer_counts counts = {0};
  struct lam_scan_options options = LAM_SCAN_OPTIONS_INIT;
  struct lam_scan *scan;
  options.where = r->options->where;
  if (lam_mem_available(r->mem) >= SCAN_MEMORY) options.batch_rows = SCAN_ROWS;
  LAM_TRY(open_writer(r, &writer, error));
  enum lam_status status = lam_scan_open(r->table, &options, &scan, error);
  if (status == LAM_OK) {
    status = pass_rows(r, scan, writer, error);
    lam_scan_close(scan);
  }
  /* A table keeps its schema even without a row. */
  if (status == LAM_OK)
    status = lam_partition_writer_finish(writer, target_snapshot(r)->file_count == 0 || !r->options->append, &r->change,
                                         &counts, error);
  lam_partition_writer_close(writer);
  r->result->rows_read = lam_table_rows(r->table);
  r->result->rows_written = counts.rows;
  r->result->files_written = counts.files;
  r->result->bytes_written = counts.bytes;
  r->result->partitions_after = counts.partitions;
  r->result->runs_spilled = counts.runs_spilled;
  r->result->row_groups_written = counts.row_groups;
  LAM_TRY(status);
  return check_rows(r, error);
}

static enum lam_status hash_and_move(struct repartition *r, struct lam_error *error) {
  int64_t columns = r->writing.written_columns;
  if (!r->options->change.verify_full) return move_rows(r, error);
  if (!columns) columns = lam_derive_schema(r->derive)->n_children;
  LAM_TRY(lam_content_hash_init(&r->given, r->mem, columns, error));
  enum lam_status status = lam_content_hash_init(&r->written, r->mem, columns, error);
  if (status == LAM_OK) status = move_rows(r, error);
  lam_content_hash_release(&r->given);
  lam_content_hash_release(&r->written);
  return status;
}

/* ---- commits ---- */

static enum lam_status remove_files(struct repartition *r, const struct lam_snapshot *snapshot,
                                    struct lam_error *error) {
  struct lam_change *change = &r->change;
  for (size_t i = 0; i < snapshot->file_count; i++) LAM_TRY(lam_change_remove(change, &snapshot->files[i], error));
  LAM_TRY(lam_change_scope(change, "", error));
  change->known = snapshot;
  if (r->in_place && r->filter.count) change->within = &r->filter;
  return LAM_OK;
}

static struct lam_commit_options commit_options(const struct repartition *r, struct lam_store *backup) {
  const struct lam_change_options *change = &r->options->change;
  return (struct lam_commit_options){
      .no_wait = change->no_wait, .no_sync = change->no_sync, .grace_seconds = change->grace_seconds, .backup = backup};
}

/* Whether nothing is there: the new table can take the place of the target's directory. */
static bool is_new(const struct repartition *r) {
  const struct lam_snapshot *present = target_snapshot(r);
  return !present->file_count && !present->other_files;
}

static enum lam_status commit(struct repartition *r, struct lam_store *backup, struct lam_error *error) {
  const struct lam_commit_options options = commit_options(r, backup);
  const struct lam_snapshot *present = target_snapshot(r);
  r->layout = (struct lam_change_layout){r->spec.names, (size_t)r->spec.count, present->sequence};
  r->change.layout = &r->layout;
  if (present->file_count && r->options->append)
    return lam_commit(r->stage, &r->change, &options, &r->committed, error);
  LAM_TRY(remove_files(r, present, error));
  r->result->files_removed = present->file_count;
  if (is_new(r)) return lam_commit_root(r->stage, &r->change, &options, &r->committed, error);
  if (!r->filter.count) r->change.layout = NULL; /* all other files go */
  return lam_commit(r->stage, &r->change, &options, &r->committed, error);
}

static enum lam_status remove_source(struct repartition *r, struct lam_store *backup, struct lam_error *error) {
  const struct lam_commit_options options = commit_options(r, backup);
  struct lam_commit_result committed = {.sequence = 0};
  struct lam_stage stage;
  struct lam_change change;
  LAM_TRY(lam_stage_begin(r->source, &stage, error));
  lam_change_init(&change, r->mem);
  enum lam_status status = LAM_OK;
  for (size_t i = 0; status == LAM_OK && i < r->table->snapshot.file_count; i++)
    status = lam_change_remove(&change, &r->table->snapshot.files[i], error);
  if (status == LAM_OK) status = lam_commit(&stage, &change, &options, &committed, error);
  lam_stage_end(&stage, &committed);
  lam_change_release(&change);
  if (status == LAM_OK) r->result->files_removed += r->table->snapshot.file_count;
  return status;
}

/* Once the target is there: the source's files go as they were read, in a commit of the source. A conflict and a cancel
 * mean elsewhere that nothing was changed. */
static enum lam_status delete_source(struct repartition *r, struct lam_store *backup, struct lam_error *error) {
  enum lam_status status = remove_source(r, backup, error);
  if (status == LAM_CONFLICT || status == LAM_CANCELLED) status = LAM_IO;
  if (error) error->status = status;
  return lam_fail_in(error, status, "the rows are in %s, but the source was not deleted", r->target->name);
}

static enum lam_status run_staged(struct repartition *r, struct lam_store *backup, struct lam_error *error) {
  struct lam_stage stage;
  LAM_TRY(lam_stage_begin(r->target, &stage, error));
  stage.as_tree = is_new(r);
  r->stage = &stage;
  r->store = r->target->meta;
  enum lam_status status = hash_and_move(r, error);
  if (status == LAM_OK) status = commit(r, backup, error);
  r->result->sequence = r->committed.sequence;
  lam_stage_end(&stage, &r->committed);
  r->stage = NULL;
  if (status == LAM_OK && r->options->delete_source) status = delete_source(r, backup, error);
  return status;
}

static enum lam_status run_dry(struct repartition *r, struct lam_error *error) {
  LAM_TRY(lam_store_discard(r->context, &r->store, error));
  enum lam_status status = hash_and_move(r, error);
  if (r->in_place || r->options->replace) r->result->files_removed = target_snapshot(r)->file_count;
  if (r->options->delete_source) r->result->files_removed += r->table->snapshot.file_count;
  lam_store_close(r->store);
  return status;
}

/* ---- the operation ---- */

static enum lam_status run_with_backup(struct repartition *r, struct lam_error *error) {
  struct lam_store *backup = NULL; /* opened first: a place that is refused is refused before the work */
  const char *path = r->options->change.backup_dir;
  if (path && r->options->delete_source) LAM_TRY(lam_backup_check(r->source, path, error));
  if (path) LAM_TRY(lam_backup_check(r->target, path, error));
  if (r->options->change.dry_run) return run_dry(r, error);
  if (path) LAM_TRY(lam_backup_open(r->target, path, &backup, error));
  enum lam_status status = run_staged(r, backup, error);
  lam_store_close(backup);
  return status;
}

static enum lam_status run_table(struct repartition *r, struct lam_error *error) {
  const struct lam_snapshot *snapshot = &r->table->snapshot;
  const struct lam_change_options *change = &r->options->change;
  LAM_TRY(check_source(r, error));
  LAM_TRY(
      lam_partition_filter_parse(&r->arena, change->partitions, (size_t)change->partition_count, &r->filter, error));
  LAM_TRY(lam_partition_spec_parse(r->options->by, &r->arena, &r->spec, error));
  LAM_TRY(check_target(r, error));
  LAM_TRY(lam_derive_open(r->mem, &r->table->merge.schema, r->options->set, &r->spec, &r->derive, error));
  LAM_TRY(check_schema(r, error));
  LAM_TRY(lam_repartition_writing(r->options, r->table, &r->spec, lam_derive_schema(r->derive), &r->arena, &r->writing,
                                  error));
  LAM_TRY(check_scope(r, error));
  r->result->files_read = snapshot->file_count;
  r->result->bytes_read = snapshot->bytes;
  r->result->row_groups_read = r->table->row_groups;
  r->result->partitions_before = snapshot->partition_count;
  lam_progress_begin(r->context, "repartition", lam_table_rows(r->table), 0);
  enum lam_status status = run_with_backup(r, error);
  lam_progress_end(r->context);
  return status;
}

static enum lam_status open_tables(struct repartition *r, struct lam_error *error) {
  const struct lam_change_options *change = &r->options->change;
  struct lam_table_options options = LAM_TABLE_OPTIONS_INIT;
  bool recovered;
  options.partitions = change->partitions;
  options.partition_count = change->partition_count;
  options.no_checksums = change->no_checksums;
  if (r->in_place && !change->dry_run)
    LAM_TRY(lam_directory_recover(r->target, change->grace_seconds, change->no_wait, &recovered, error));
  LAM_TRY(lam_table_open_directory(r->source, &options, &r->table, error));
  if (r->in_place) return LAM_OK;
  if (!change->dry_run)
    LAM_TRY(lam_directory_recover(r->target, change->grace_seconds, change->no_wait, &recovered, error));
  enum lam_status status = lam_snapshot_open(r->target, NULL, &r->present, error);
  return status == LAM_NOT_FOUND && change->dry_run ? LAM_OK : status; /* a table yet to be made */
}

/* *again: nothing was changed, and a new attempt may succeed. A target that was new and is not any more is not ours. */
static enum lam_status attempt(struct repartition *r, bool *again, struct lam_error *error) {
  const struct lam_repartition_options *o = r->options;
  uint64_t retries = r->result->retries;
  *r->result = (struct lam_repartition_result)LAM_REPARTITION_RESULT_INIT;
  r->result->retries = retries;
  r->committed = (struct lam_commit_result){.sequence = 0};
  r->rows = 0;
  r->source_changed = false;
  lam_arena_init(&r->arena, r->mem);
  lam_change_init(&r->change, r->mem);
  enum lam_status status = open_tables(r, error);
  if (status == LAM_OK) status = run_table(r, error);
  lam_derive_close(r->derive);
  lam_change_release(&r->change);
  if (r->present.arena.mem) lam_snapshot_release(&r->present);
  lam_table_close(r->table);
  lam_arena_release(&r->arena);
  r->derive = NULL;
  r->table = NULL;
  r->present = (struct lam_snapshot){.sequence = 0};
  *again = status == LAM_CONFLICT && !r->committed.committed && !r->committed.in_doubt &&
           (r->in_place || o->append || o->replace || r->source_changed);
  return status;
}

enum lam_status lam_repartition_directory(struct lam_directory *source, struct lam_directory *target,
                                          const struct lam_repartition_options *given,
                                          struct lam_repartition_result *result, struct lam_error *error) {
  struct lam_repartition_options options = LAM_REPARTITION_OPTIONS_INIT;
  struct lam_repartition_result counts = LAM_REPARTITION_RESULT_INIT;
  LAM_TRY(lam_options_read(given, "LAM_REPARTITION_OPTIONS_INIT", &options, sizeof options, error));
  struct repartition r = {
      .source = source,
      .target = target,
      .context = source->context,
      .mem = source->mem,
      .options = &options,
      .result = &counts,
      .in_place = source == target,
  };
  enum lam_status status;
  bool again;
  LAM_TRY(check_options(&r, error));
  do status = attempt(&r, &again, error);
  while (again && lam_begin_anew(r.context, "the repartition", &options.change, &counts.retries, error));
  lam_result_write(&counts, sizeof counts, result);
  return status;
}

/* The resolved path of what may not be there yet, or NULL; `name` is a file's in it, or NULL. */
static char *real_place(const char *path, const char *name) {
  char joined[PATH_MAX], *real = lam_real_path(path);
  if (!real || !name) return real;
  snprintf(joined, sizeof joined, "%s/%s", real[1] ? real : "", name);
  free(real);
  return strdup(joined);
}

static bool lies_in(const char *inner, const char *outer) {
  size_t size = strlen(outer);
  return strncmp(inner, outer, size) == 0 && (inner[size] == '/' || outer[size - 1] == '/');
}

/* One directory may be both; one inside the other is refused, for its files would be rows of both. The target may lie
 * beside a file, or the files of a pattern. */
static enum lam_status compare_paths(const struct lam_directory *source, const struct lam_directory *target, bool *same,
                                     struct lam_error *error) {
  char *a = real_place(source->data->root, source->pattern), *b = real_place(target->data->root, NULL);
  enum lam_status status = LAM_OK;
  *same = a && b && strcmp(a, b) == 0;
  if (a && b && (lies_in(a, b) || (!source->pattern && lies_in(b, a))))
    status = lam_fail(error, LAM_INVALID, "the source %s and the target %s must not lie one in the other", source->name,
                      target->name);
  free(a);
  free(b);
  return status;
}

enum lam_status lam_repartition_to(struct lam_directory *source, const char *target, bool in_place,
                                   const struct lam_repartition_options *options, struct lam_repartition_result *result,
                                   struct lam_error *error) {
  struct lam_directory *to;
  bool same, there;
  LAM_TRY(lam_directory_open(source->context, target, options->change.meta_dir, true, source->mem, &to, error));
  enum lam_status status = compare_paths(source, to, &same, error);
  if (status == LAM_OK && same && !in_place)
    status = lam_fail(error, LAM_INVALID, "%s is the source itself; another table is to be written", target);
  if (status == LAM_OK && !to->meta)
    status = lam_fail(error, LAM_UNSUPPORTED, "%s is a file or a pattern; a directory is written", target);
  if (status == LAM_OK) status = lam_store_exists(to->data, "", &there, error);
  if (status == LAM_OK) {
    status = lam_repartition_directory(same ? to : source, to, options, result, error);
    /* A directory that was made only for this goes again: fails where something is in it. */
    if (status != LAM_OK && !there) to->data->ops->remove_directory(to->data, "", NULL);
  }
  lam_directory_close(to);
  return status;
}

enum lam_status lam_repartition(struct lam_context *context, const char *source, const char *target,
                                const struct lam_repartition_options *given, struct lam_repartition_result *result,
                                struct lam_error *error) {
  struct lam_repartition_options options = LAM_REPARTITION_OPTIONS_INIT;
  struct lam_directory *directory;
  struct lam_mem *mem;
  LAM_TRY(lam_options_read(given, "LAM_REPARTITION_OPTIONS_INIT", &options, sizeof options, error));
  LAM_TRY(lam_mem_open(context, lam_tasks_minimum(context), &mem, error));
  /* --meta-dir is of the table that is written. */
  enum lam_status status = lam_directory_open(context, source, NULL, false, mem, &directory, error);
  if (status == LAM_OK) {
    status = lam_repartition_to(directory, target, true, &options, result, error);
    lam_directory_close(directory);
  }
  lam_mem_close(mem);
  return status;
}
