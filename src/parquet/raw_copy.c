/* Row groups of other files, byte for byte: nothing is decoded, only offsets are moved. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/context.h"
#include "parquet/thrift.h"
#include "parquet/writer.h"
#include "parquet/writer_state.h"

enum {
  BLOOM_HEADER_BYTES = 256 /* more than its header takes */
};

static int compare_chunks(const void *a, const void *b) {
  const struct lam_raw_chunk *x = a, *y = b;
  if (x->offset != y->offset) return x->offset < y->offset ? -1 : 1;
  return (x->to > y->to) - (x->to < y->to);
}

/* ---- checks ---- */

enum lam_status lam_raw_check_group(const struct lam_file_meta *from, int32_t row_group, struct lam_error *error) {
  if (row_group >= 0 && row_group < from->row_group_count) return LAM_OK;
  return lam_fail(error, LAM_INVALID, "there is no row group %" PRId32, row_group);
}

static enum lam_status check_leaf(const struct lam_file_meta *meta, int32_t leaf, const struct lam_file_meta *from,
                                  int32_t from_leaf, struct lam_error *error) {
  const struct lam_schema_node *a = &meta->nodes[meta->leaves[leaf]], *b = &from->nodes[from->leaves[from_leaf]];
  bool fixed = a->physical == LAM_FIXED_LEN_BYTE_ARRAY;
  if (a->physical == b->physical && (!fixed || a->type_length == b->type_length) &&
      a->max_definition == b->max_definition && a->max_repetition == b->max_repetition)
    return LAM_OK;
  return lam_fail(error, LAM_INVALID,
                  "column %" PRId32 " (\"%.*s\") is %s with %d definition levels here and %s with %d there", leaf,
                  (int)a->name.size, (const char *)a->name.data, lam_physical_name((enum lam_physical)a->physical),
                  a->max_definition, lam_physical_name((enum lam_physical)b->physical), b->max_definition);
}

enum lam_status lam_raw_find(const struct lam_writer *writer, int32_t to, const struct lam_file *from,
                             int32_t row_group, int32_t leaf, struct lam_raw_chunk *out, struct lam_error *error) {
  const struct lam_file_meta *meta = lam_file_meta(from);
  const struct lam_chunk_meta *chunk = &meta->row_groups[row_group].chunks[leaf];
  LAM_TRY(check_leaf(&writer->meta, to, meta, leaf, error));
  if (chunk->encrypted || !chunk->has_metadata || chunk->elsewhere)
    return lam_fail(error, LAM_UNSUPPORTED, "column %" PRId32 " is encrypted, or in another file", leaf);
  *out = (struct lam_raw_chunk){.to = to, .leaf = leaf};
  return lam_chunk_range(from, row_group, leaf, &out->offset, &out->size, error);
}

/* ---- bytes ---- */

/* Copies the chunks one behind the other, those that touch together, and sets where each begins. Those of the file that
 * is continued stay where they are, as do their indexes and bloom filters. */
static enum lam_status copy_pages(struct lam_writer *writer, const struct lam_file *from, struct lam_raw_chunk *chunks,
                                  int32_t count, struct lam_error *error) {
  if (from == writer->base) {
    for (int32_t i = 0; i < count; i++) chunks[i].start = (int64_t)chunks[i].offset;
    return LAM_OK;
  }
  for (int32_t i = 0; i < count;) {
    uint64_t position = writer->position, size = 0;
    int32_t first = i;
    for (; i < count && chunks[i].offset == chunks[first].offset + size; i++) {
      chunks[i].start = (int64_t)(position + size);
      if (chunks[i].size > UINT64_MAX / 2 - size) return lam_fail(error, LAM_CORRUPT, "chunks of more than 2^63 bytes");
      size += chunks[i].size;
    }
    LAM_TRY(lam_writer_copy(writer, from, chunks[first].offset, size, error));
  }
  return LAM_OK;
}

/* ---- bloom filters ---- */

/* Bytes of the filter with its header, BloomFilterHeader {1: i32 numBytes, …}, which stands before its bits. */
static enum lam_status bloom_size(const struct lam_file *from, uint64_t offset, uint64_t *out,
                                  struct lam_error *error) {
  uint8_t bytes[BLOOM_HEADER_BYTES];
  uint64_t file_size = lam_file_size(from);
  LAM_CHECK(offset < file_size, error, "a bloom filter at byte %" PRIu64 " of a file of %" PRIu64, offset, file_size);
  size_t size = lam_min_u64(sizeof bytes, file_size - offset);
  LAM_TRY(lam_file_read(from, offset, bytes, size, error));
  struct lam_thrift reader = lam_thrift_of(lam_bytes_of(bytes, size), "bloom filter header", error), *in = &reader;
  struct lam_thrift_field field = {0};
  int32_t bits = -1;
  for (;;) {
    LAM_TRY(lam_thrift_next(in, &field));
    if (!field.type) break;
    if (field.id == 1)
      LAM_TRY(lam_thrift_i32(in, field, &bits));
    else
      LAM_TRY(lam_thrift_skip(in, field.type));
  }
  LAM_CHECK(bits >= 0, error, "the bloom filter at byte %" PRIu64 " says that it has %" PRId32 " bytes", offset, bits);
  *out = lam_thrift_offset(in) + (uint64_t)bits;
  return LAM_OK;
}

enum lam_status lam_raw_copy_bloom(struct lam_writer *writer, const struct lam_file *from, struct lam_chunk_meta *chunk,
                                   struct lam_error *error) {
  if (chunk->bloom_offset <= 0 || from == writer->base) return LAM_OK;
  uint64_t offset = (uint64_t)chunk->bloom_offset, size = (uint64_t)chunk->bloom_length;
  if (!chunk->bloom_length_known) LAM_TRY(bloom_size(from, offset, &size, error));
  LAM_CHECK(size <= INT32_MAX, error, "the bloom filter at byte %" PRIu64 " has %" PRIu64 " bytes", offset, size);
  chunk->bloom_offset = (int64_t)writer->position;
  chunk->bloom_length = (int32_t)size;
  chunk->bloom_length_known = true;
  return lam_writer_copy(writer, from, offset, size, error);
}

/* ---- page indexes ---- */

static enum lam_status wait_with_index(struct lam_writer *writer, struct lam_waiting_index index, uint64_t start,
                                       struct lam_error *error) {
  uint64_t size = writer->index_bytes.size - start;
  if (size > INT32_MAX) return lam_fail(error, LAM_LIMIT, "a page index of %" PRIu64 " bytes", size);
  index.start = start;
  index.size = (int32_t)size;
  return lam_buf_append(&writer->waiting, &index, sizeof index, error);
}

/* Reads `size` bytes behind those of `to`. */
static enum lam_status read_behind(const struct lam_file *from, int64_t offset, int32_t size, struct lam_buf *to,
                                   struct lam_error *error) {
  LAM_CHECK(offset > 0 && size > 0 && (uint64_t)offset <= lam_file_size(from) &&
                (uint64_t)size <= lam_file_size(from) - (uint64_t)offset,
            error, "a page index of %" PRId32 " bytes at byte %" PRId64 " of a file of %" PRIu64, size, offset,
            lam_file_size(from));
  LAM_TRY(lam_buf_room(to, (size_t)size, error));
  LAM_TRY(lam_file_read(from, (uint64_t)offset, to->data + to->size, (size_t)size, error));
  to->size += (size_t)size;
  return LAM_OK;
}

/* Takes the page indexes along, to be written before the footer; `delta` is how far the chunk's pages moved. */
static enum lam_status copy_indexes(struct lam_writer *writer, const struct lam_file *from, int32_t leaf,
                                    bool bounds_hold, int64_t delta, struct lam_chunk_meta *chunk,
                                    struct lam_error *error) {
  struct lam_waiting_index index = {.row_group = (int32_t)(writer->row_groups.size / sizeof(struct lam_row_group_meta)),
                                    .leaf = leaf};
  if (from == writer->base) {
    if (!bounds_hold) chunk->column_index_offset = chunk->column_index_length = 0;
    return LAM_OK;
  }
  if (chunk->column_index_length > 0 && bounds_hold) {
    uint64_t start = writer->index_bytes.size;
    LAM_TRY(read_behind(from, chunk->column_index_offset, chunk->column_index_length, &writer->index_bytes, error));
    LAM_TRY(wait_with_index(writer, index, start, error));
  }
  if (chunk->offset_index_length > 0) {
    uint64_t start = writer->index_bytes.size;
    index.is_offset_index = true;
    writer->copy.size = 0;
    LAM_TRY(read_behind(from, chunk->offset_index_offset, chunk->offset_index_length, &writer->copy, error));
    LAM_TRY(
        lam_offset_index_move(lam_bytes_of(writer->copy.data, writer->copy.size), delta, &writer->index_bytes, error));
    LAM_TRY(wait_with_index(writer, index, start, error));
  }
  chunk->column_index_offset = chunk->offset_index_offset = 0;
  chunk->column_index_length = chunk->offset_index_length = 0;
  return LAM_OK;
}

/* ---- metadata ---- */

/* The new pair of bounds stands under our column order, TYPE_DEFINED, or goes. */
bool lam_raw_bounds_hold(const struct lam_file_meta *from, int32_t leaf) {
  return from->column_orders && from->column_orders[leaf] == LAM_ORDER_TYPE_DEFINED &&
         lam_statistics_trusted(from, leaf, false);
}

static void drop_bounds(const struct lam_file_meta *from, int32_t leaf, struct lam_statistics *statistics) {
  struct lam_bytes none = {NULL, 0};
  if (!lam_raw_bounds_hold(from, leaf)) {
    statistics->min = statistics->max = none;
    statistics->min_exact = statistics->max_exact = true;
  }
  if (!lam_statistics_trusted(from, leaf, true)) statistics->old_min = statistics->old_max = none;
}

/* Slices of the source's footer become the writer's own: the source may be closed before the footer is written. */
static enum lam_status keep_slices(struct lam_writer *writer, struct lam_chunk_details *of, struct lam_error *error) {
  struct lam_bytes *slices[] = {&of->statistics.min,     &of->statistics.max,       &of->statistics.old_min,
                                &of->statistics.old_max, &of->key_values,           &of->encoding_stats,
                                &of->size_statistics,    &of->geospatial_statistics};
  for (size_t i = 0; i < sizeof slices / sizeof *slices; i++)
    LAM_TRY(lam_writer_keep(writer, *slices[i], slices[i], error));
  return LAM_OK;
}

/* Moves what the chunk's metadata says by `delta`. A dictionary offset that lam_chunk_range passed over (0, or behind
 * the data) is left out; one that the source left out stays so, its dictionary being where the data begin. */
static void move_chunk(struct lam_chunk_meta *chunk, uint64_t old_start, int64_t delta) {
  bool first = chunk->has_dictionary_offset && (uint64_t)chunk->dictionary_page_offset == old_start &&
               chunk->dictionary_page_offset != chunk->data_page_offset;
  chunk->has_dictionary_offset = first;
  chunk->dictionary_page_offset = first ? chunk->dictionary_page_offset + delta : 0;
  if (!first || chunk->data_page_offset) chunk->data_page_offset += delta; /* 0: there is a dictionary and no row */
  chunk->details->file_offset = 0;
}

/* What the footer is to say of a chunk whose pages have been copied. */
static enum lam_status describe_chunk(struct lam_writer *writer, const struct lam_file *from,
                                      const struct lam_raw_chunk *raw, struct lam_chunk_meta *chunk,
                                      struct lam_error *error) {
  const struct lam_file_meta *meta = lam_file_meta(from);
  int64_t delta = raw->start - (int64_t)raw->offset;
  bool hold = lam_raw_bounds_hold(meta, raw->leaf);
  LAM_TRY(lam_chunk_details_own(chunk, &writer->arena, error));
  drop_bounds(meta, raw->leaf, &chunk->details->statistics);
  LAM_TRY(keep_slices(writer, chunk->details, error));
  LAM_TRY(copy_indexes(writer, from, raw->to, hold, delta, chunk, error));
  move_chunk(chunk, raw->offset, delta);
  chunk->details->path = writer->columns[raw->to].path;
  return LAM_OK;
}

enum lam_status lam_raw_copy_chunks(struct lam_writer *writer, const struct lam_file *from, int32_t row_group,
                                    struct lam_raw_chunk *chunks, int32_t count, struct lam_chunk_meta *out,
                                    struct lam_error *error) {
  const struct lam_row_group_meta *source = &lam_file_meta(from)->row_groups[row_group];
  LAM_TRY(copy_pages(writer, from, chunks, count, error));
  for (int32_t i = 0; i < count; i++) {
    out[chunks[i].to] = source->chunks[chunks[i].leaf];
    LAM_TRY(describe_chunk(writer, from, &chunks[i], &out[chunks[i].to], error));
  }
  return LAM_OK;
}

/* ---- whole row groups ---- */

static enum lam_status copy_group(struct lam_writer *writer, const struct lam_file *from, int32_t row_group,
                                  struct lam_raw_chunk *chunks, struct lam_error *error) {
  const struct lam_row_group_meta *source = &lam_file_meta(from)->row_groups[row_group];
  int32_t count = writer->meta.leaf_count;
  size_t ordinal = writer->row_groups.size / sizeof *source;
  struct lam_row_group_meta group = *source;
  if (from != writer->base) group.file_offset = (int64_t)writer->position;
  group.ordinal = ordinal <= INT16_MAX ? (int32_t)ordinal : -1;
  LAM_TRY(lam_arena_array(&writer->arena, (size_t)count, sizeof *group.chunks, (void **)&group.chunks, error));
  if (group.sorting_count > 0) {
    size_t size = (size_t)group.sorting_count * sizeof *group.sorting;
    LAM_TRY(lam_arena_alloc(&writer->arena, size, (void **)&group.sorting, error));
    memcpy(group.sorting, source->sorting, size);
  }
  qsort(chunks, (size_t)count, sizeof *chunks, compare_chunks); /* as they lie in the source */
  LAM_TRY(lam_raw_copy_chunks(writer, from, row_group, chunks, count, group.chunks, error));
  for (int32_t i = 0; i < count; i++) LAM_TRY(lam_raw_copy_bloom(writer, from, &group.chunks[chunks[i].to], error));
  writer->meta.rows += group.rows;
  return lam_buf_append(&writer->row_groups, &group, sizeof group, error);
}

static enum lam_status find_chunks(const struct lam_writer *writer, const struct lam_file *from, int32_t row_group,
                                   struct lam_raw_chunk *out, struct lam_error *error) {
  for (int32_t i = 0; i < writer->meta.leaf_count; i++)
    LAM_TRY(lam_raw_find(writer, i, from, row_group, i, &out[i], error));
  return LAM_OK;
}

static enum lam_status copy(struct lam_writer *writer, const struct lam_file *from, int32_t row_group,
                            struct lam_error *error) {
  LAM_TRY(lam_file_read_footer(from, error));
  const struct lam_file_meta *meta = lam_file_meta(from);
  LAM_TRY(lam_raw_check_group(meta, row_group, error));
  if (meta->leaf_count != writer->meta.leaf_count)
    return lam_fail(error, LAM_INVALID, "it has %" PRId32 " columns, and the file being written %" PRId32,
                    meta->leaf_count, writer->meta.leaf_count);
  struct lam_raw_chunk *chunks;
  struct lam_arena scratch;
  lam_arena_init(&scratch, writer->mem);
  enum lam_status status = lam_arena_array(&scratch, (size_t)meta->leaf_count, sizeof *chunks, (void **)&chunks, error);
  if (status == LAM_OK) status = find_chunks(writer, from, row_group, chunks, error);
  if (status == LAM_OK) { /* a group that does not fit has changed nothing */
    status = lam_writer_close_group(writer, error);
    if (status == LAM_OK) status = copy_group(writer, from, row_group, chunks, error);
    writer->failed |= status != LAM_OK;
  }
  lam_arena_release(&scratch);
  return status;
}

enum lam_status lam_writer_copy_row_group(struct lam_writer *writer, const struct lam_file *from, int32_t row_group,
                                          struct lam_error *error) {
  LAM_TRY(lam_writer_check(writer, error));
  return lam_fail_in(error, copy(writer, from, row_group, error), "copying row group %" PRId32 " of \"%s\" into \"%s\"",
                     row_group, lam_file_name(from), lam_writer_name(writer));
}
