/* Row groups put together from another file's chunks, chunks of NULLs, and columns that are written. */
#include <inttypes.h>

#include "parquet/writer.h"
#include "parquet/writer_state.h"

/* ---- what was asked for ---- */

static const struct lam_schema_node *top_of(const struct lam_writer *writer, int32_t leaf) {
  return &writer->meta.nodes[writer->meta.tops[writer->columns[leaf].top]];
}

static enum lam_status check_leaf(const struct lam_writer *writer, const struct lam_file *from, int32_t row_group,
                                  const int32_t *leaves, int32_t leaf, struct lam_error *error) {
  const int32_t source = leaves[leaf];
  const struct lam_writer_column *column = &writer->columns[leaf];
  if (source >= lam_file_meta(from)->leaf_count || source < LAM_MIX_WRITTEN)
    return lam_fail(error, LAM_INVALID, "column \"%s\": there is no column %" PRId32, column->name, source);
  bool first = leaf == 0 || column[-1].top != column->top;
  if (!first && (source < 0 || leaves[leaf - 1] < 0) && source != leaves[leaf - 1])
    return lam_fail(error, LAM_INVALID, "column \"%s\": only a part of its column is copied", column->name);
  if (source == LAM_MIX_NULL && top_of(writer, leaf)->repetition == LAM_REQUIRED)
    return lam_fail(error, LAM_INVALID, "column \"%s\" may not be NULL", column->name);
  struct lam_raw_chunk chunk;
  return source < 0 ? LAM_OK : lam_raw_find(writer, leaf, from, row_group, source, &chunk, error);
}

static enum lam_status check(const struct lam_writer *writer, const struct lam_file *from, int32_t row_group,
                             const int32_t *leaves, struct lam_error *error) {
  LAM_TRY(lam_file_read_footer(from, error));
  LAM_TRY(lam_raw_check_group(lam_file_meta(from), row_group, error));
  for (int32_t i = 0; i < writer->column_count; i++) LAM_TRY(check_leaf(writer, from, row_group, leaves, i, error));
  return LAM_OK;
}

/* ---- the beginning ---- */

static enum lam_status append_nulls(struct lam_writer *writer, int32_t leaf, struct lam_error *error) {
  struct lam_workspace *workspace;
  LAM_TRY(lam_writer_take_workspace(writer, &workspace, error));
  enum lam_status status = lam_chunk_append_nulls(&writer->chunks[leaf], workspace, writer->mix.rows, error);
  lam_writer_return_workspace(writer, workspace);
  return status;
}

static enum lam_status begin(struct lam_writer *writer, const struct lam_file *from, int32_t row_group,
                             const int32_t *leaves, struct lam_error *error) {
  const struct lam_row_group_meta *group = &lam_file_meta(from)->row_groups[row_group];
  struct lam_mix *mix = &writer->mix;
  LAM_TRY(lam_writer_close_group(writer, error));
  mix->leaves.size = 0;
  LAM_TRY(lam_buf_append(&mix->leaves, leaves, (size_t)writer->column_count * sizeof *leaves, error));
  mix->from = from;
  mix->row_group = row_group;
  mix->rows = group->rows;
  mix->bytes = 0;
  bool written = false;
  for (int32_t i = 0; i < writer->column_count; i++) {
    written |= leaves[i] == LAM_MIX_WRITTEN;
    if (leaves[i] == LAM_MIX_NULL) LAM_TRY(append_nulls(writer, i, error));
    if (leaves[i] >= 0) mix->bytes += (uint64_t)group->chunks[leaves[i]].compressed_size;
  }
  if (!written) writer->pending_rows = mix->rows;
  return LAM_OK;
}

enum lam_status lam_writer_mix_row_group(struct lam_writer *writer, const struct lam_file *from, int32_t row_group,
                                         const int32_t *leaves, struct lam_error *error) {
  LAM_TRY(lam_writer_check(writer, error));
  enum lam_status status = check(writer, from, row_group, leaves, error);
  if (status == LAM_OK) {
    status = begin(writer, from, row_group, leaves, error);
    writer->failed |= status != LAM_OK; /* what does not fit has changed nothing */
  }
  return lam_fail_in(error, status, "copying columns of row group %" PRId32 " of \"%s\" into \"%s\"", row_group,
                     lam_file_name(from), lam_writer_name(writer));
}

/* ---- the end ---- */

enum lam_status lam_mix_check(const struct lam_writer *writer, struct lam_error *error) {
  if (!writer->mix.from || lam_writer_rows_left(writer) == 0) return LAM_OK;
  return lam_fail(error, LAM_INVALID, "row group %" PRId32 " of \"%s\" has %" PRId64 " rows, and only %" PRId64 " came",
                  writer->mix.row_group, lam_file_name(writer->mix.from), writer->mix.rows, writer->pending_rows);
}

static enum lam_status copy(struct lam_writer *writer, int32_t first, int32_t count, struct lam_raw_chunk *chunks,
                            struct lam_chunk_meta *out, struct lam_error *error) {
  const struct lam_mix *mix = &writer->mix;
  for (int32_t i = 0; i < count; i++)
    LAM_TRY(lam_raw_find(writer, first + i, mix->from, mix->row_group, lam_writer_source(writer, first + i), &chunks[i],
                         error));
  return lam_fail_in(error, lam_raw_copy_chunks(writer, mix->from, mix->row_group, chunks, count, out, error),
                     "copying columns of row group %" PRId32 " of \"%s\"", mix->row_group, lam_file_name(mix->from));
}

enum lam_status lam_mix_copy(struct lam_writer *writer, int32_t *leaf, struct lam_chunk_meta *out,
                             struct lam_error *error) {
  int32_t first = *leaf;
  while (*leaf < writer->column_count && lam_writer_source(writer, *leaf) >= 0) ++*leaf;
  struct lam_raw_chunk *chunks;
  struct lam_arena scratch;
  lam_arena_init(&scratch, writer->mem);
  size_t count = (size_t)(*leaf - first);
  enum lam_status status = lam_arena_array(&scratch, count, sizeof *chunks, (void **)&chunks, error);
  if (status == LAM_OK) status = copy(writer, first, (int32_t)count, chunks, out, error);
  lam_arena_release(&scratch);
  return status;
}

/* The leaf that gets the source's, -1 where none does. */
static int32_t copy_of(const struct lam_writer *writer, int32_t leaf) {
  for (int32_t i = 0; i < writer->column_count; i++)
    if (lam_writer_source(writer, i) == leaf) return i;
  return -1;
}

enum lam_status lam_mix_sorting(struct lam_writer *writer, struct lam_row_group_meta *group, struct lam_error *error) {
  const struct lam_row_group_meta *source = &lam_file_meta(writer->mix.from)->row_groups[writer->mix.row_group];
  size_t count = (size_t)source->sorting_count;
  group->sorting_count = 0;
  LAM_TRY(lam_arena_array(&writer->arena, count, sizeof *group->sorting, (void **)&group->sorting, error));
  for (int32_t i = 0; i < source->sorting_count; i++) {
    struct lam_sorting_column *column = &group->sorting[i], *told = &writer->sorting[i];
    *column = source->sorting[i];
    column->column = copy_of(writer, column->column);
    if (column->column < 0 && i < writer->sorting_count && told->descending == column->descending &&
        told->nulls_first == column->nulls_first && lam_writer_source(writer, told->column) == LAM_MIX_WRITTEN)
      *column = *told;
    if (column->column < 0) break;
    group->sorting_count++;
  }
  return LAM_OK;
}
