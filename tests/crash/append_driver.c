/* Appends to a local table in place, or reads it meanwhile: for test_append.py, which runs one writer and several
 * readers.
 *
 *   append_driver write COUNT DIR     COUNT commits; each appends a row group, and most replace another one
 *   append_driver read COUNT DIR      reads until it has seen them all: fresh snapshots, and pinned ones again and
 * again
 *
 * The file "f.parquet" has one row group of 10 rows to begin with. After commit i it has i + 1: ids from 0 on, and the
 * generation that wrote each group last, which the readers reckon too. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arrow/array.h"
#include "parquet/append.h"
#include "table/commit.h"
#include "table/table.h"

enum { ROWS = 10, PINNED_READS = 8 };
#define KEY "f.parquet"

struct driver {
  struct lam_mem *mem;
  struct lam_directory *directory;
  int64_t count;
};

/* The group that commit `generation` replaces beside adding one; -1: none. */
static int64_t replaced_by(int64_t generation) {
  return generation % 5 == 0 ? -1 : (generation * 7919) % generation;
}

static enum lam_status open_now(struct driver *d, struct lam_snapshot *snapshot, struct lam_file **file,
                                struct lam_error *error) {
  LAM_TRY(lam_snapshot_open(d->directory, NULL, snapshot, error));
  if (snapshot->file_count != 1) return lam_fail(error, LAM_CORRUPT, "there are %zu files", snapshot->file_count);
  return lam_snapshot_file(d->directory, snapshot, &snapshot->files[0], NULL, d->mem, file, error);
}

/* ---- writing ---- */

static enum lam_status make_schema(struct ArrowSchema *out, struct lam_error *error) {
  static const struct lam_type type = {.id = LAM_TYPE_INT64, .timezone = ""};
  LAM_TRY(lam_schema_init_struct("", 2, out, error));
  LAM_TRY(lam_schema_init(&type, "id", false, out->children[0], error));
  return lam_schema_init(&type, "generation", false, out->children[1], error);
}

static enum lam_status write_group(struct driver *d, struct lam_writer *writer, int64_t group, int64_t generation,
                                   struct lam_error *error) {
  static const struct lam_type type = {.id = LAM_TYPE_INT64, .timezone = ""};
  struct lam_builder ids, generations;
  struct ArrowArray batch;
  LAM_TRY(lam_builder_init(&ids, d->mem, &type, error));
  LAM_TRY(lam_builder_init(&generations, d->mem, &type, error));
  for (int64_t i = 0; i < ROWS; i++) {
    int64_t id = group * ROWS + i;
    LAM_TRY(lam_builder_fixed(&ids, &id, error));
    LAM_TRY(lam_builder_fixed(&generations, &generation, error));
  }
  LAM_TRY(lam_array_init_struct(ROWS, 2, &batch, error));
  LAM_TRY(lam_builder_finish(&ids, batch.children[0], error));
  LAM_TRY(lam_builder_finish(&generations, batch.children[1], error));
  lam_builder_release(&ids);
  lam_builder_release(&generations);
  LAM_TRY(lam_writer_write(writer, &batch, error));
  lam_array_release(&batch);
  return lam_writer_end_row_group(writer, error);
}

static enum lam_status stage(struct driver *d, struct lam_stage *stage, const struct lam_snapshot *snapshot,
                             const struct lam_file *file, int64_t generation, struct lam_change *change,
                             struct lam_error *error) {
  struct lam_write_options options = LAM_WRITE_OPTIONS_INIT;
  struct lam_writer *writer;
  struct ArrowSchema schema;
  char *staged, *unused;
  options.no_sync = true;
  LAM_TRY(make_schema(&schema, error));
  LAM_TRY(lam_stage_file(stage, "", &change->arena, &staged, &unused, error));
  LAM_TRY(lam_writer_append_in(d->directory->meta, staged, file, &schema, &options, d->mem, &writer, error));
  for (int32_t g = 0; g < lam_file_row_groups(file); g++)
    LAM_TRY(g == replaced_by(generation) ? write_group(d, writer, g, generation, error)
                                         : lam_writer_copy_row_group(writer, file, g, error));
  LAM_TRY(write_group(d, writer, generation, generation, error));
  LAM_TRY(lam_writer_finish(writer, NULL, error));
  lam_writer_close(writer);
  lam_schema_release(&schema);
  return lam_change_tail(change, staged, NULL, 0, &snapshot->files[0], error);
}

static enum lam_status append(struct driver *d, int64_t generation, struct lam_error *error) {
  const struct lam_commit_options options = {.no_sync = generation % 16 != 0}; /* the disk is not what is tested */
  struct lam_commit_result result;
  struct lam_stage begun;
  struct lam_snapshot snapshot;
  struct lam_change change;
  struct lam_file *file;
  LAM_TRY(lam_stage_begin(d->directory, &begun, error));
  LAM_TRY(open_now(d, &snapshot, &file, error));
  lam_change_init(&change, d->mem);
  LAM_TRY(stage(d, &begun, &snapshot, file, generation, &change, error));
  LAM_TRY(lam_commit(&begun, &change, &options, &result, error));
  lam_stage_end(&begun, &result);
  lam_change_release(&change);
  lam_file_close(file);
  lam_snapshot_release(&snapshot);
  return LAM_OK;
}

static enum lam_status write_all(struct driver *d, struct lam_error *error) {
  for (int64_t i = 1; i <= d->count; i++) LAM_TRY(append(d, i, error));
  return LAM_OK;
}

/* ---- reading ---- */

/* All rows are those of one state: that after the commit which the last group says. */
static enum lam_status check_rows(struct driver *d, struct lam_file *file, int64_t *state, struct lam_error *error) {
  int64_t groups = lam_file_row_groups(file), row = 0, *expected;
  struct lam_arena arena;
  struct lam_reader *reader;
  struct ArrowArray batch;
  lam_arena_init(&arena, d->mem);
  LAM_TRY(lam_arena_array(&arena, (size_t)groups, sizeof *expected, (void **)&expected, error));
  for (int64_t i = 1; i < groups; i++) {
    expected[i] = i;
    if (replaced_by(i) >= 0) expected[replaced_by(i)] = i;
  }
  LAM_TRY(lam_reader_open_in(file, NULL, d->mem, &reader, error));
  for (;; lam_array_release(&batch)) {
    LAM_TRY(lam_reader_next(reader, &batch, error));
    if (!batch.release) break;
    const int64_t *ids = batch.children[0]->buffers[1], *generations = batch.children[1]->buffers[1];
    for (int64_t i = 0; i < batch.length; i++, row++)
      if (ids[i] != row || row / ROWS >= groups || generations[i] != expected[row / ROWS])
        return lam_fail(error, LAM_CORRUPT,
                        "state %" PRId64 ": row %" PRId64 " is id %" PRId64 " of generation %" PRId64, groups - 1, row,
                        ids[i], generations[i]);
  }
  lam_reader_close(reader);
  lam_arena_release(&arena);
  if (row != groups * ROWS)
    return lam_fail(error, LAM_CORRUPT, "state %" PRId64 " has %" PRId64 " rows", groups - 1, row);
  *state = groups - 1;
  return LAM_OK;
}

/* Takes a snapshot, and reads it again and again while the writer goes on. */
static enum lam_status read_pinned(struct driver *d, int64_t *state, struct lam_error *error) {
  struct lam_snapshot snapshot;
  struct lam_file *file;
  int64_t again;
  LAM_TRY(open_now(d, &snapshot, &file, error));
  LAM_TRY(check_rows(d, file, state, error));
  for (int i = 0; i < PINNED_READS; i++) {
    LAM_TRY(check_rows(d, file, &again, error));
    if (again != *state)
      return lam_fail(error, LAM_CORRUPT, "an open file went from %" PRId64 " to %" PRId64, *state, again);
    lam_file_close(file);
    LAM_TRY(lam_snapshot_file(d->directory, &snapshot, &snapshot.files[0], NULL, d->mem, &file, error));
  }
  LAM_TRY(check_rows(d, file, &again, error));
  if (again != *state)
    return lam_fail(error, LAM_CORRUPT, "a snapshot went from %" PRId64 " to %" PRId64, *state, again);
  lam_file_close(file);
  lam_snapshot_release(&snapshot);
  return LAM_OK;
}

static enum lam_status read_all(struct driver *d, struct lam_error *error) {
  int64_t last = 0, state, reads = 0, states = 0;
  while (last < d->count) {
    struct lam_snapshot snapshot;
    struct lam_file *file;
    LAM_TRY(open_now(d, &snapshot, &file, error));
    LAM_TRY(check_rows(d, file, &state, error));
    lam_file_close(file);
    lam_snapshot_release(&snapshot);
    if (state < last)
      return lam_fail(error, LAM_CORRUPT, "the table went back from %" PRId64 " to %" PRId64, last, state);
    states += state > last;
    last = state;
    LAM_TRY(read_pinned(d, &state, error));
    if (state < last)
      return lam_fail(error, LAM_CORRUPT, "the table went back from %" PRId64 " to %" PRId64, last, state);
    reads++;
  }
  printf("%" PRId64 " %" PRId64 "\n", reads, states);
  return LAM_OK;
}

int main(int argc, char **argv) {
  struct lam_context_options options = LAM_CONTEXT_OPTIONS_INIT;
  struct lam_error error = LAM_ERROR_INIT;
  struct lam_context *context;
  struct driver d;
  if (argc != 4) return 2;
  options.threads = 1;
  d.count = strtoll(argv[2], NULL, 10);
  enum lam_status status = lam_context_create(&options, &context, &error);
  if (status == LAM_OK) status = lam_mem_open(context, 0, &d.mem, &error);
  if (status == LAM_OK) status = lam_directory_open(context, argv[3], NULL, false, d.mem, &d.directory, &error);
  if (status == LAM_OK) status = strcmp(argv[1], "write") == 0 ? write_all(&d, &error) : read_all(&d, &error);
  if (status != LAM_OK) {
    fprintf(stderr, "%s: %s\n", argv[1], error.message);
    _Exit(1); /* what is open stays: it is no leak */
  }
  lam_directory_close(d.directory);
  lam_mem_close(d.mem);
  lam_context_free(context);
  return 0;
}
