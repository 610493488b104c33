#include "parquet/page_index.h"

#include <inttypes.h>
#include <stdlib.h>

#include "parquet/page.h"
#include "parquet/thrift.h"

enum {
  LOCATION_BYTES = 7,     /* the fewest that a PageLocation takes: three fields of 2 bytes and a stop */
  READ_GAP = 64 << 10,    /* indexes with no more between them are read together … */
  READ_MOST = 16 << 20,   /* … to no more than this */
  ALL_LOCATION_FIELDS = 7 /* bits of the three */
};

/* ---- offset index: reading ---- */

static enum lam_status parse_location(struct lam_thrift *in, struct lam_page_location *out) {
  struct lam_thrift_field field = {0};
  int64_t offset = -1;
  int32_t size = -1;
  unsigned seen = 0;
  for (;;) {
    LAM_TRY(lam_thrift_next(in, &field));
    if (!field.type) break;
    if (field.id >= 1 && field.id <= 3) seen |= 1u << (field.id - 1);
    switch (field.id) {
      case 1: LAM_TRY(lam_thrift_i64(in, field, &offset)); break;
      case 2: LAM_TRY(lam_thrift_i32(in, field, &size)); break;
      case 3: LAM_TRY(lam_thrift_i64(in, field, &out->first_row)); break;
      default: LAM_TRY(lam_thrift_skip(in, field.type));
    }
  }
  LAM_CHECK(seen == ALL_LOCATION_FIELDS, in->error, "a page location before byte %zu of the %s lacks a field",
            lam_thrift_offset(in), in->what);
  LAM_CHECK(offset >= 0 && size > 0, in->error,
            "the %s has a page of %" PRId32 " bytes at offset %" PRId64 ", before its byte %zu", in->what, size, offset,
            lam_thrift_offset(in));
  out->offset = (uint64_t)offset;
  out->size = (uint32_t)size;
  return LAM_OK;
}

static enum lam_status check_ascending(const struct lam_thrift *in, const struct lam_offset_index *index) {
  const struct lam_page_location *pages = index->pages;
  LAM_CHECK(index->count == 0 || pages[0].first_row == 0, in->error,
            "the first page of the %s begins at row %" PRId64 ", not 0", in->what, pages[0].first_row);
  for (int32_t i = 1; i < index->count; i++) {
    uint64_t end = pages[i - 1].offset + pages[i - 1].size;
    LAM_CHECK(pages[i].offset >= end, in->error,
              "page %" PRId32 " of the %s begins at offset %" PRIu64 ", before the end of the last at %" PRIu64, i,
              in->what, pages[i].offset, end);
    LAM_CHECK(pages[i].first_row > pages[i - 1].first_row, in->error,
              "page %" PRId32 " of the %s begins at row %" PRId64 ", the last at row %" PRId64, i, in->what,
              pages[i].first_row, pages[i - 1].first_row);
  }
  return LAM_OK;
}

static enum lam_status parse_locations(struct lam_thrift *in, struct lam_thrift_field field, struct lam_arena *arena,
                                       struct lam_offset_index *out) {
  uint32_t count;
  LAM_TRY(lam_thrift_list(in, field, LAM_THRIFT_STRUCT, LOCATION_BYTES, &count));
  LAM_TRY(lam_arena_array(arena, count, sizeof *out->pages, (void **)&out->pages, in->error));
  for (uint32_t i = 0; i < count; i++) LAM_TRY(parse_location(in, &out->pages[i]));
  out->count = (int32_t)count;
  return check_ascending(in, out);
}

/* A list of counts, one a page. Counts below 0 mean nothing: *out is then NULL. */
static enum lam_status parse_counts(struct lam_thrift *in, struct lam_thrift_field field, struct lam_arena *arena,
                                    uint32_t *count, int64_t **out) {
  bool valid = true;
  LAM_TRY(lam_thrift_list(in, field, LAM_THRIFT_I64, 1, count));
  LAM_TRY(lam_arena_array(arena, *count, sizeof **out, (void **)out, in->error));
  for (uint32_t i = 0; i < *count; i++) {
    uint64_t value;
    LAM_TRY(lam_thrift_varint(in, &value));
    (*out)[i] = lam_unzigzag(value);
    valid = valid && (*out)[i] >= 0;
  }
  if (!valid) *out = NULL;
  return LAM_OK;
}

static enum lam_status check_length(const struct lam_thrift *in, const char *list, uint32_t length, int64_t pages) {
  LAM_CHECK(length == pages, in->error, "the %s has %s of %" PRIu32 " pages, but %" PRId64 " pages", in->what, list,
            length, pages);
  return LAM_OK;
}

enum lam_status lam_offset_index_parse(struct lam_bytes bytes, struct lam_arena *arena, struct lam_offset_index *out,
                                       struct lam_error *error) {
  struct lam_thrift reader = lam_thrift_of(bytes, "offset index", error), *in = &reader;
  struct lam_thrift_field field = {0};
  uint32_t sizes = 0;
  bool has_sizes = false;
  *out = (struct lam_offset_index){.count = -1};
  for (;;) {
    LAM_TRY(lam_thrift_next(in, &field));
    if (!field.type) break;
    switch (field.id) {
      case 1: LAM_TRY(parse_locations(in, field, arena, out)); break;
      case 2:
        LAM_TRY(parse_counts(in, field, arena, &sizes, &out->unencoded_bytes));
        has_sizes = true;
        break;
      default: LAM_TRY(lam_thrift_skip(in, field.type));
    }
  }
  LAM_CHECK(out->count >= 0, error, "the offset index has no list of pages");
  if (!has_sizes) return LAM_OK;
  if (sizes == 0) out->unencoded_bytes = NULL; /* of a column that has none */
  return sizes == 0 ? LAM_OK : check_length(in, "sizes", sizes, out->count);
}

/* ---- column index: reading ---- */

enum list { NULL_PAGES, MINS, MAXS, NULL_COUNTS, NAN_COUNTS, LISTS };
static const char *const list_names[LISTS] = {"null flags", "minima", "maxima", "null counts", "NaN counts"};

static enum lam_status parse_flags(struct lam_thrift *in, struct lam_thrift_field field, struct lam_arena *arena,
                                   uint32_t *count, bool **out) {
  LAM_TRY(lam_thrift_list(in, field, LAM_THRIFT_TRUE, 1, count));
  LAM_TRY(lam_arena_array(arena, *count, sizeof **out, (void **)out, in->error));
  for (uint32_t i = 0; i < *count; i++) (*out)[i] = *in->at++ == LAM_THRIFT_TRUE;
  return LAM_OK;
}

static enum lam_status parse_bounds(struct lam_thrift *in, struct lam_thrift_field field, struct lam_arena *arena,
                                    uint32_t *count, struct lam_bytes **out) {
  LAM_TRY(lam_thrift_list(in, field, LAM_THRIFT_BINARY, 1, count));
  LAM_TRY(lam_arena_array(arena, *count, sizeof **out, (void **)out, in->error));
  for (uint32_t i = 0; i < *count; i++) LAM_TRY(lam_thrift_bytes(in, &(*out)[i]));
  return LAM_OK;
}

static enum lam_status keep_list(struct lam_thrift *in, struct lam_thrift_field field, struct lam_bytes *out) {
  return field.type == LAM_THRIFT_LIST ? lam_thrift_raw(in, field.type, out) : lam_thrift_wrong(in, field, "a list");
}

static enum lam_status parse_column_field(struct lam_thrift *in, struct lam_thrift_field field, struct lam_arena *arena,
                                          struct lam_column_index *out, int64_t *lengths) {
  uint32_t count = 0;
  int list;
  switch (field.id) {
    case 1:
      list = NULL_PAGES;
      LAM_TRY(parse_flags(in, field, arena, &count, &out->null_pages));
      break;
    case 2:
      list = MINS;
      LAM_TRY(parse_bounds(in, field, arena, &count, &out->min));
      break;
    case 3:
      list = MAXS;
      LAM_TRY(parse_bounds(in, field, arena, &count, &out->max));
      break;
    case 4: return lam_thrift_i32(in, field, &out->boundary_order);
    case 5:
      list = NULL_COUNTS;
      LAM_TRY(parse_counts(in, field, arena, &count, &out->null_counts));
      break;
    case 6: return keep_list(in, field, &out->repetition_levels);
    case 7: return keep_list(in, field, &out->definition_levels);
    case 8:
      list = NAN_COUNTS;
      LAM_TRY(parse_counts(in, field, arena, &count, &out->nan_counts));
      break;
    default: return lam_thrift_skip(in, field.type);
  }
  lengths[list] = count;
  return LAM_OK;
}

enum lam_status lam_column_index_parse(struct lam_bytes bytes, struct lam_arena *arena, struct lam_column_index *out,
                                       struct lam_error *error) {
  struct lam_thrift reader = lam_thrift_of(bytes, "column index", error), *in = &reader;
  struct lam_thrift_field field = {0};
  int64_t lengths[LISTS] = {-1, -1, -1, -1, -1};
  *out = (struct lam_column_index){.count = -1};
  for (;;) {
    LAM_TRY(lam_thrift_next(in, &field));
    if (!field.type) break;
    LAM_TRY(parse_column_field(in, field, arena, out, lengths));
  }
  for (int i = 0; i < LISTS; i++) {
    bool required = i <= MAXS;
    LAM_CHECK(!required || lengths[i] >= 0, error, "the column index has no list of %s", list_names[i]);
    if (!required && lengths[i] <= 0) continue; /* absent, or empty: as some write it */
    LAM_TRY(check_length(in, list_names[i], (uint32_t)lengths[i], lengths[NULL_PAGES]));
  }
  /* parquet-mr writes pages of which it has no statistics as pages of nulls, -1 of them. */
  bool unknown = lengths[NULL_COUNTS] > 0 && !out->null_counts;
  if (lengths[NULL_COUNTS] <= 0) out->null_counts = NULL;
  if (lengths[NAN_COUNTS] <= 0) out->nan_counts = NULL;
  if (out->boundary_order != LAM_BOUNDARY_ASCENDING && out->boundary_order != LAM_BOUNDARY_DESCENDING)
    out->boundary_order = LAM_BOUNDARY_UNORDERED;
  if (!unknown) out->count = (int32_t)lengths[NULL_PAGES];
  return LAM_OK;
}

/* ---- writing ---- */

static void put_counts(struct lam_thrift_out *out, int16_t id, const int64_t *counts, int32_t count) {
  if (counts) lam_thrift_put_counts(out, id, counts, (uint32_t)count);
}

enum lam_status lam_offset_index_write(const struct lam_offset_index *index, struct lam_buf *to,
                                       struct lam_error *error) {
  struct lam_thrift_out out = lam_thrift_to(to, error);
  lam_thrift_put_list(&out, 1, LAM_THRIFT_STRUCT, (uint32_t)index->count);
  for (int32_t i = 0; i < index->count; i++) {
    int16_t outer = lam_thrift_begin(&out, 0);
    lam_thrift_put_i64(&out, 1, (int64_t)index->pages[i].offset);
    lam_thrift_put_i32(&out, 2, (int32_t)index->pages[i].size);
    lam_thrift_put_i64(&out, 3, index->pages[i].first_row);
    lam_thrift_end(&out, outer);
  }
  put_counts(&out, 2, index->unencoded_bytes, index->count);
  lam_thrift_end(&out, 0);
  return out.status;
}

static void put_bounds(struct lam_thrift_out *out, int16_t id, const struct lam_bytes *bounds, int32_t count) {
  lam_thrift_put_list(out, id, LAM_THRIFT_BINARY, (uint32_t)count);
  for (int32_t i = 0; i < count; i++) {
    lam_thrift_put_varint(out, bounds[i].size);
    lam_thrift_put(out, bounds[i].data, bounds[i].size);
  }
}

enum lam_status lam_column_index_write(const struct lam_column_index *index, struct lam_buf *to,
                                       struct lam_error *error) {
  struct lam_thrift_out out = lam_thrift_to(to, error);
  lam_thrift_put_list(&out, 1, LAM_THRIFT_TRUE, (uint32_t)index->count);
  for (int32_t i = 0; i < index->count; i++) {
    uint8_t flag = index->null_pages[i] ? LAM_THRIFT_TRUE : LAM_THRIFT_FALSE;
    lam_thrift_put(&out, &flag, 1);
  }
  put_bounds(&out, 2, index->min, index->count);
  put_bounds(&out, 3, index->max, index->count);
  lam_thrift_put_i32(&out, 4, index->boundary_order);
  put_counts(&out, 5, index->null_counts, index->count);
  if (index->repetition_levels.size) lam_thrift_put_raw(&out, 6, LAM_THRIFT_LIST, index->repetition_levels);
  if (index->definition_levels.size) lam_thrift_put_raw(&out, 7, LAM_THRIFT_LIST, index->definition_levels);
  put_counts(&out, 8, index->nan_counts, index->count);
  lam_thrift_end(&out, 0);
  return out.status;
}

/* ---- those of a file ---- */

/* Where an index lies, and its bytes once they are read. */
struct extent {
  uint64_t offset;
  size_t size;
  struct lam_bytes *bytes;
};

static int compare_extents(const void *a, const void *b) {
  const struct extent *x = a, *y = b;
  return (x->offset > y->offset) - (x->offset < y->offset);
}

/* The extents [first, end) that are read together; returns the end. */
static size_t joined(const struct extent *extents, size_t first, size_t count, uint64_t *size) {
  uint64_t start = extents[first].offset, end = start + extents[first].size;
  size_t i = first + 1;
  for (; i < count; i++) {
    uint64_t next = lam_max_u64(end, extents[i].offset + extents[i].size);
    if (extents[i].offset > end + READ_GAP || next - start > READ_MOST) break;
    end = next;
  }
  *size = end - start;
  return i;
}

static enum lam_status read_extents(const struct lam_file *file, struct extent *extents, size_t count,
                                    struct lam_arena *arena, struct lam_error *error) {
  qsort(extents, count, sizeof *extents, compare_extents);
  for (size_t i = 0; i < count;) {
    uint64_t size;
    uint8_t *memory;
    size_t first = i;
    i = joined(extents, first, count, &size);
    LAM_TRY(lam_arena_alloc(arena, (size_t)size, (void **)&memory, error));
    LAM_TRY(lam_file_read(file, extents[first].offset, memory, (size_t)size, error));
    for (size_t k = first; k < i; k++)
      *extents[k].bytes = lam_bytes_of(memory + (extents[k].offset - extents[first].offset), extents[k].size);
  }
  return LAM_OK;
}

/* Offsets and lengths are inside the file or 0: metadata.c has seen to it. */
static size_t add_extent(struct extent *extents, size_t count, int64_t offset, int32_t length,
                         struct lam_bytes *bytes) {
  *bytes = (struct lam_bytes){NULL, 0};
  if (offset <= 0 || length <= 0) return count;
  extents[count] = (struct extent){(uint64_t)offset, (size_t)length, bytes};
  return count + 1;
}

/* The bytes of the offset indexes of `leaves` at [0, count) and of their column indexes behind, those wanted. */
static enum lam_status read_bytes(const struct lam_file *file, int32_t row_group, const int32_t *leaves, size_t count,
                                  bool offsets, bool columns, struct lam_arena *arena, struct lam_bytes **out,
                                  struct lam_error *error) {
  const struct lam_row_group_meta *group = &lam_file_meta(file)->row_groups[row_group];
  struct extent *extents;
  size_t used = 0;
  LAM_TRY(lam_arena_array(arena, 2 * count, sizeof **out, (void **)out, error));
  LAM_TRY(lam_arena_array(arena, 2 * count, sizeof *extents, (void **)&extents, error));
  for (size_t i = 0; i < count; i++) {
    const struct lam_chunk_meta *chunk = &group->chunks[leaves[i]];
    if (chunk->encrypted || !chunk->has_metadata || chunk->elsewhere) continue;
    if (offsets) used = add_extent(extents, used, chunk->offset_index_offset, chunk->offset_index_length, &(*out)[i]);
    if (columns)
      used = add_extent(extents, used, chunk->column_index_offset, chunk->column_index_length, &(*out)[count + i]);
  }
  return read_extents(file, extents, used, arena, error);
}

static enum lam_status check_offset_index(const struct lam_file *file, int32_t row_group, int32_t leaf,
                                          const struct lam_offset_index *index, struct lam_error *error) {
  int64_t rows = lam_file_meta(file)->row_groups[row_group].rows;
  uint64_t start, size;
  LAM_TRY(lam_chunk_range(file, row_group, leaf, &start, &size, error));
  uint64_t end = start + size + lam_chunk_slack(file, start + size);
  if (index->count == 0) {
    LAM_CHECK(rows == 0, error, "the offset index has no pages; the row group has %" PRId64 " rows", rows);
    return LAM_OK;
  }
  const struct lam_page_location *first = &index->pages[0], *last = &index->pages[index->count - 1];
  LAM_CHECK(first->offset >= start && last->offset <= end && last->size <= end - last->offset, error,
            "the offset index has pages from byte %" PRIu64 " to %" PRIu64 "; the chunk is at bytes %" PRIu64
            " to %" PRIu64,
            first->offset, last->offset + last->size, start, end);
  LAM_CHECK(last->first_row < rows || (rows == 0 && index->count == 1), error,
            "the last page of the offset index begins at row %" PRId64 "; the row group has %" PRId64 " rows",
            last->first_row, rows);
  return LAM_OK;
}

static enum lam_status parse_offsets(const struct lam_file *file, int32_t row_group, int32_t leaf,
                                     struct lam_bytes bytes, struct lam_arena *arena, struct lam_offset_index *out,
                                     struct lam_error *error) {
  *out = (struct lam_offset_index){.count = -1};
  if (!bytes.size) return LAM_OK;
  enum lam_status status = lam_offset_index_parse(bytes, arena, out, error);
  if (status == LAM_OK) status = check_offset_index(file, row_group, leaf, out, error);
  if (status != LAM_OK) *out = (struct lam_offset_index){.count = -1};
  return status;
}

static enum lam_status parse_columns(const struct lam_file *file, int32_t row_group, int32_t leaf,
                                     struct lam_bytes bytes, struct lam_arena *arena, struct lam_column_index *out,
                                     struct lam_error *error) {
  const struct lam_chunk_meta *chunk = &lam_file_meta(file)->row_groups[row_group].chunks[leaf];
  *out = (struct lam_column_index){.count = -1};
  if (!bytes.size) return LAM_OK;
  enum lam_status status = lam_column_index_parse(bytes, arena, out, error);
  int64_t nulls = 0;
  for (int32_t i = 0; status == LAM_OK && out->null_counts && i < out->count; i++)
    if (__builtin_add_overflow(nulls, out->null_counts[i], &nulls) || nulls > chunk->values)
      status = lam_fail(error, LAM_CORRUPT,
                        "the column index has more nulls in its first %" PRId32
                        " pages than the chunk has values, "
                        "%" PRId64,
                        i + 1, chunk->values);
  if (status != LAM_OK) *out = (struct lam_column_index){.count = -1};
  return status;
}

static enum lam_status name_chunk(const struct lam_file *file, int32_t row_group, int32_t leaf, enum lam_status status,
                                  struct lam_error *error) {
  return lam_fail_in(error, status, "%s: row group %" PRId32 ", column %" PRId32, lam_file_name(file), row_group, leaf);
}

enum lam_status lam_offset_index_read(const struct lam_file *file, int32_t row_group, int32_t leaf,
                                      struct lam_arena *arena, struct lam_offset_index *out, struct lam_error *error) {
  struct lam_bytes *bytes;
  *out = (struct lam_offset_index){.count = -1};
  LAM_TRY(read_bytes(file, row_group, &leaf, 1, true, false, arena, &bytes, error));
  enum lam_status status = parse_offsets(file, row_group, leaf, bytes[0], arena, out, error);
  return status == LAM_OK ? status : name_chunk(file, row_group, leaf, status, error);
}

enum lam_status lam_column_index_read(const struct lam_file *file, int32_t row_group, int32_t leaf,
                                      struct lam_arena *arena, struct lam_column_index *out, struct lam_error *error) {
  struct lam_bytes *bytes;
  *out = (struct lam_column_index){.count = -1};
  LAM_TRY(read_bytes(file, row_group, &leaf, 1, false, true, arena, &bytes, error));
  enum lam_status status = parse_columns(file, row_group, leaf, bytes[1], arena, out, error);
  return status == LAM_OK ? status : name_chunk(file, row_group, leaf, status, error);
}

/* Whether the two of a leaf agree: in their number of pages, and in what pages of nothing but nulls are. */
static bool agree(const struct lam_file *file, int32_t row_group, int32_t leaf, const struct lam_offset_index *offsets,
                  const struct lam_column_index *columns) {
  const struct lam_file_meta *meta = lam_file_meta(file);
  int64_t group_rows = meta->row_groups[row_group].rows;
  if (columns->count != offsets->count) return false;
  if (!columns->null_counts || meta->nodes[meta->leaves[leaf]].max_repetition > 0) return true;
  for (int32_t i = 0; i < columns->count; i++) {
    int64_t rows = lam_page_end_row(offsets, i, group_rows) - offsets->pages[i].first_row;
    if (columns->null_counts[i] > rows || (columns->null_pages[i] && columns->null_counts[i] != rows)) return false;
  }
  return true;
}

enum lam_status lam_page_indexes_read(const struct lam_file *file, int32_t row_group, const int32_t *leaves,
                                      size_t count, struct lam_arena *arena, struct lam_offset_index *offsets,
                                      struct lam_column_index *columns, struct lam_error *error) {
  struct lam_bytes *bytes;
  LAM_TRY(read_bytes(file, row_group, leaves, count, true, columns != NULL, arena, &bytes, error));
  for (size_t i = 0; i < count; i++) {
    enum lam_status status = parse_offsets(file, row_group, leaves[i], bytes[i], arena, &offsets[i], error);
    if (status != LAM_OK && status != LAM_CORRUPT) return name_chunk(file, row_group, leaves[i], status, error);
    if (!columns) continue;
    status = parse_columns(file, row_group, leaves[i], bytes[count + i], arena, &columns[i], error);
    if (status != LAM_OK && status != LAM_CORRUPT) return name_chunk(file, row_group, leaves[i], status, error);
    if (!agree(file, row_group, leaves[i], &offsets[i], &columns[i])) columns[i].count = -1;
  }
  return LAM_OK;
}
