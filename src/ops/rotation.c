#include "ops/rotation.h"

#include <stdio.h>

#include "arrow/take.h"
#include "base/context.h"
#include "base/threads.h"
#include "ops/joined_store.h"
#include "parquet/append.h"
#include "table/sidecars.h"
#include "table/table.h"

enum { LEAST_STEP = 1024 /* rows */ };

void lam_rotation_init(struct lam_rotation *rotation, const struct lam_rotation_options *options, struct lam_mem *mem) {
  *rotation = (struct lam_rotation){.options = *options, .mem = mem};
  lam_arena_init(&rotation->arena, mem);
}

void lam_rotation_release(struct lam_rotation *rotation) {
  lam_writer_close(rotation->writer);
  rotation->writer = NULL;
  lam_arena_release(&rotation->arena);
}

/* ---- names ---- */

static enum lam_status final_key(struct lam_rotation *r, char **out, struct lam_error *error) {
  const char *directory = r->options.directory;
  size_t room = strlen(directory) + strlen(r->options.stem) + LAM_UUID_ROOM + sizeof "//-.parquet";
  LAM_TRY(lam_uuid_ordered(r->uuid[0] ? r->uuid : NULL, r->uuid, error));
  LAM_TRY(lam_arena_alloc(&r->arena, room, (void **)out, error));
  snprintf(*out, room, "%s%s%s-%s.parquet", directory, *directory ? "/" : "", r->options.stem, r->uuid);
  return LAM_OK;
}

static enum lam_status add_file(struct lam_rotation *r, struct lam_error *error) {
  if (r->file_count == r->file_room) {
    size_t room = r->file_room ? r->file_room * 2 : 4;
    void *memory;
    LAM_TRY(lam_arena_array(&r->arena, room, sizeof *r->files, &memory, error));
    lam_copy(memory, r->files, r->file_count * sizeof *r->files);
    r->files = memory;
    r->file_room = room;
  }
  char *staged = "discarded", *key;
  if (r->options.stage)
    LAM_TRY(lam_stage_file(r->options.stage, r->options.directory, &r->arena, &staged, &key, error));
  LAM_TRY(final_key(r, &key, error));
  r->files[r->file_count++] = (struct lam_rotation_file){.staged = staged, .key = key};
  return LAM_OK;
}

enum lam_status lam_rotation_open(struct lam_rotation *r, struct lam_error *error) {
  if (r->writer) return LAM_OK;
  LAM_TRY(add_file(r, error));
  r->file_rows = 0;
  if (r->options.base) /* what is staged is copied, and never synced */
    return lam_writer_append_in(r->options.store, r->files[r->file_count - 1].staged, r->options.base,
                                r->options.schema, &r->options.write, r->mem, &r->writer, error);
  LAM_TRY(lam_writer_open_in(r->options.store, r->files[r->file_count - 1].staged, r->options.schema, &r->options.write,
                             r->mem, &r->writer, error));
  lam_writer_expect_sync(r->writer);
  return LAM_OK;
}

/* ---- checking a finished file ---- */

static enum lam_status pass(void *user, const struct lam_page *page, struct lam_error *error) {
  (void)user, (void)page, (void)error;
  return LAM_OK;
}

struct check {
  struct lam_rotation *rotation;
  const struct lam_file *file;
  int32_t *kept; /* of each row group: -1, or which of the base's it is */
};

static enum lam_status check_chunk(void *user, size_t index, struct lam_error *error) {
  const struct check *check = user;
  size_t leaves = (size_t)lam_file_meta(check->file)->leaf_count;
  int32_t row_group = (int32_t)(index / leaves), leaf = (int32_t)(index % leaves);
  if (check->kept[row_group] >= 0) return LAM_OK;
  return lam_chunk_walk(check->file, row_group, leaf, true, check->rotation->mem, pass, NULL, error);
}

static enum lam_status hash_file(struct lam_rotation *r, struct lam_file *file, struct lam_error *error) {
  struct lam_reader *reader;
  struct ArrowArray batch;
  enum lam_status status;
  LAM_TRY(lam_reader_open_in(file, NULL, r->mem, &reader, error));
  while ((status = lam_reader_next(reader, &batch, error)) == LAM_OK && batch.release) {
    status = lam_content_hash_add(r->options.hash, r->options.schema, &batch, error);
    lam_array_release(&batch);
    if (status != LAM_OK) break;
  }
  lam_reader_close(reader);
  return status;
}

/* Guards against what we may have done wrong before others read it: a footer that does not say what was written, pages
 * that are not where it says, sums that are not those of the bytes. Row groups that stay where they are have not been
 * touched; pages that were copied show by their headers that they are in their places, and by their checksums, where
 * their writer made some, that their bytes are there: the copying itself is the system's. */
static enum lam_status check_open_file(struct lam_rotation *r, const struct lam_rotation_file *written,
                                       struct lam_file *file, struct lam_error *error) {
  const struct lam_file_meta *meta = lam_file_meta(file);
  if ((uint64_t)meta->rows != written->rows || (uint64_t)meta->row_group_count != written->row_groups ||
      lam_file_size(file) != written->bytes)
    return lam_fail(error, LAM_CORRUPT,
                    "%s reads back with %lld rows in %d row groups and %llu bytes; %llu rows, %llu row groups and %llu "
                    "bytes were written",
                    lam_file_name(file), (long long)meta->rows, meta->row_group_count,
                    (unsigned long long)lam_file_size(file), (unsigned long long)written->rows,
                    (unsigned long long)written->row_groups, (unsigned long long)written->bytes);
  struct check check = {r, file, NULL};
  LAM_TRY(lam_arena_array(&r->arena, (size_t)meta->row_group_count, sizeof *check.kept, (void **)&check.kept, error));
  for (int32_t g = 0; g < meta->row_group_count; g++) check.kept[g] = -1;
  if (r->options.base) lam_append_kept(lam_file_meta(r->options.base), meta, check.kept);
  LAM_TRY(lam_pool_run(lam_context_pool(lam_mem_context(r->mem)),
                       (size_t)meta->row_group_count * (size_t)meta->leaf_count, 0, check_chunk, &check, error));
  return r->options.hash ? hash_file(r, file, error) : LAM_OK;
}

static enum lam_status check_file(struct lam_rotation *r, const struct lam_rotation_file *written,
                                  struct lam_error *error) {
  struct lam_file *file;
  struct lam_joined_store joined;
  struct lam_store *store = r->options.store;
  if (r->options.base) {
    lam_joined_init(&joined, r->options.base, store, r->spans, r->span_count);
    store = &joined.base;
  }
  LAM_TRY(lam_file_open_in(store, written->staged, NULL, r->mem, &file, error));
  enum lam_status status = check_open_file(r, written, file, error);
  if (status == LAM_OK && !r->options.base) lam_sidecar_stage(r->options.stage, file, written->key, r->mem);
  lam_file_close(file);
  return lam_fail_in(error, status, "checking a file before its commit");
}

static enum lam_status keep_spans(struct lam_rotation *r, struct lam_error *error) {
  const struct lam_span *spans = lam_writer_spans(r->writer, &r->span_count);
  LAM_TRY(lam_arena_array(&r->arena, r->span_count, sizeof *spans, (void **)&r->spans, error));
  lam_copy(r->spans, spans, r->span_count * sizeof *spans);
  return LAM_OK;
}

static enum lam_status finish_file(struct lam_rotation *r, struct lam_error *error) {
  if (!r->writer) return LAM_OK;
  struct lam_write_result result = {.struct_size = sizeof result};
  struct lam_rotation_file *file = &r->files[r->file_count - 1];
  LAM_TRY(lam_writer_finish(r->writer, &result, error));
  LAM_TRY(keep_spans(r, error));
  lam_writer_close(r->writer);
  r->writer = NULL;
  file->rows = (uint64_t)result.rows;
  file->bytes = (uint64_t)result.bytes;
  file->row_groups = (uint64_t)result.row_groups;
  if (!r->options.stage) return LAM_OK;
  LAM_TRY(check_file(r, file, error));
  return LAM_OK;
}

/* ---- writing ---- */

static uint64_t bytes_so_far(const struct lam_rotation *r) {
  return r->writer ? lam_writer_bytes(r->writer) + lam_writer_pending_bytes(r->writer) : 0;
}

static bool full(const struct lam_rotation *r, uint64_t more) {
  if (!r->writer) return false;
  uint64_t bytes = bytes_so_far(r);
  if (r->options.rows_per_file && r->file_rows >= r->options.rows_per_file) return true;
  /* With what would come: whichever end is nearer to the target. */
  return bytes >= r->options.target_size || (more && bytes + more / 2 > r->options.target_size);
}

/* A batch of rows [first, first + count) that borrows the buffers of another, of as many columns as are written. */
static enum lam_status write_slice(struct lam_rotation *r, const struct ArrowArray *batch, int64_t first, int64_t count,
                                   struct lam_error *error) {
  size_t columns = (size_t)r->options.schema->n_children;
  if (first == 0 && count == batch->length && (int64_t)columns == batch->n_children)
    return lam_writer_write(r->writer, batch, error);
  void *memory;
  LAM_TRY(lam_alloc(r->mem, columns * (sizeof(struct ArrowArray) + sizeof(void *)), &memory, error));
  struct ArrowArray *children = memory, slice = *batch;
  struct ArrowArray **pointers = (struct ArrowArray **)(void *)(children + columns);
  for (size_t c = 0; c < columns; c++) {
    children[c] = *batch->children[c];
    children[c].offset += first;
    children[c].length = count;
    if (children[c].null_count > 0) children[c].null_count = -1;
    pointers[c] = &children[c];
  }
  slice.children = pointers;
  slice.n_children = (int64_t)columns;
  slice.length = count;
  enum lam_status status = lam_writer_write(r->writer, &slice, error);
  lam_free(r->mem, memory, columns * (sizeof(struct ArrowArray) + sizeof(void *)));
  return status;
}

/* Rows that are written before the size of the file is looked at again: a sixteenth of the target, as they are in
 * memory, which is seldom less than encoded. */
static int64_t step_rows(const struct lam_rotation *r, const struct ArrowArray *batch) {
  if (batch->length <= LEAST_STEP) return LEAST_STEP;
  uint64_t row = lam_array_bytes(r->options.schema, batch) / (uint64_t)batch->length + 1;
  return (int64_t)lam_max_u64(LEAST_STEP, lam_min_u64(r->options.target_size / 16 / row, INT32_MAX));
}

enum lam_status lam_rotation_write_rows(struct lam_rotation *r, const struct ArrowArray *batch, int64_t first,
                                        int64_t rows, struct lam_error *error) {
  int64_t step = step_rows(r, batch);
  for (int64_t end = first + rows; first < end;) {
    if (full(r, 0)) LAM_TRY(finish_file(r, error));
    LAM_TRY(lam_rotation_open(r, error));
    int64_t count = lam_min_i64(end - first, step);
    if (r->options.rows_per_file) count = lam_min_i64(count, r->options.rows_per_file - r->file_rows);
    LAM_TRY(write_slice(r, batch, first, count, error));
    r->file_rows += count;
    first += count;
  }
  return LAM_OK;
}

enum lam_status lam_rotation_write(struct lam_rotation *r, const struct ArrowArray *batch, struct lam_error *error) {
  return lam_rotation_write_rows(r, batch, 0, batch->length, error);
}

bool lam_rotation_misses(const struct lam_rotation *r, const struct lam_file *from, int32_t row_group) {
  uint64_t target = r->options.target_size, tenth = target / 10, bytes = bytes_so_far(r);
  uint64_t more = lam_row_group_bytes(lam_file_meta(from), row_group);
  return bytes < target - tenth && more > target - bytes && more - (target - bytes) > tenth;
}

enum lam_status lam_rotation_copy(struct lam_rotation *r, const struct lam_file *from, int32_t row_group,
                                  struct lam_error *error) {
  const struct lam_row_group_meta *group = &lam_file_meta(from)->row_groups[row_group];
  if (full(r, lam_row_group_bytes(lam_file_meta(from), row_group))) LAM_TRY(finish_file(r, error));
  LAM_TRY(lam_rotation_open(r, error));
  r->file_rows += group->rows;
  return lam_writer_copy_row_group(r->writer, from, row_group, error);
}

enum lam_status lam_rotation_finish(struct lam_rotation *r, bool at_least_one, struct lam_error *error) {
  if (at_least_one && r->file_count == 0) LAM_TRY(lam_rotation_open(r, error));
  return finish_file(r, error);
}

enum lam_status lam_rotation_add_to(const struct lam_rotation *r, struct lam_change *change, struct lam_error *error) {
  if (r->options.base)
    return lam_change_tail(change, r->files[0].staged, r->spans, r->span_count, r->options.data, error);
  for (size_t i = 0; i < r->file_count; i++)
    LAM_TRY(lam_change_add(change, r->files[i].staged, r->files[i].key, error));
  return LAM_OK;
}
