/* What a sidecar says: columns, row groups, chunks, bloom filters. Everything is bounded where it is used. */
#include <inttypes.h>

#include "base/options.h"
#include "sidecar/sidecar.h"

static enum lam_status check_column(const struct lam_sidecar *sidecar, int32_t column, struct lam_error *error) {
  if (column >= 0 && column < lam_sidecar_columns(sidecar)) return LAM_OK;
  return lam_fail(error, LAM_INVALID, "%s has no column %" PRId32 ", only %" PRId32, sidecar->name, column,
                  lam_sidecar_columns(sidecar));
}

int32_t lam_sidecar_columns(const struct lam_sidecar *sidecar) {
  return (int32_t)sidecar->header.column_count;
}
int32_t lam_sidecar_row_groups(const struct lam_sidecar *sidecar) {
  return (int32_t)sidecar->footer.row_groups;
}
uint64_t lam_sidecar_file_size(const struct lam_sidecar *sidecar) {
  return sidecar->footer.parquet_offset + sidecar->footer.parquet_length + 8;
}

enum lam_status pm_column(struct lam_sidecar *sidecar, int32_t column, struct pm_column *out, struct lam_bytes *name,
                          struct lam_error *error) {
  const uint8_t *bytes;
  LAM_TRY(check_column(sidecar, column, error));
  LAM_TRY(pm_bytes(sidecar, sizeof(struct pm_header) + (uint64_t)column * sizeof *out, sizeof *out, &bytes, error));
  memcpy(out, bytes, sizeof *out);
  LAM_CHECK(out->physical <= LAM_FIXED_LEN_BYTE_ARRAY && out->type_length >= 0, error,
            "%s: column %" PRId32 " has the physical type %d of %" PRId32 " bytes", sidecar->name, column,
            out->physical, out->type_length);
  if (!name) return LAM_OK;
  LAM_TRY(pm_bytes(sidecar, out->name_offset, out->name_length, &bytes, error));
  LAM_CHECK(out->name_offset + out->name_length <= sidecar->footer_at, error,
            "%s: the name of column %" PRId32 " passes the footer", sidecar->name, column);
  *name = lam_bytes_of(bytes, out->name_length);
  return LAM_OK;
}

int32_t pm_sorting_count(const struct lam_sidecar *sidecar) {
  return sidecar->header.features & PM_SORTED_BY_DESIGNATED ? 1 : (int32_t)sidecar->header.sorting_count;
}

enum lam_status pm_sorting(struct lam_sidecar *sidecar, int32_t place, int32_t *column, struct lam_error *error) {
  const uint8_t *bytes;
  if (sidecar->header.features & PM_SORTED_BY_DESIGNATED) {
    *column = sidecar->header.designated;
    return LAM_OK;
  }
  uint64_t at = sizeof(struct pm_header) + (uint64_t)sidecar->header.column_count * sizeof(struct pm_column);
  LAM_TRY(pm_bytes(sidecar, at + 4 * (uint64_t)place, 4, &bytes, error));
  uint32_t index = lam_load32(bytes);
  LAM_CHECK(index < sidecar->header.column_count, error, "%s: it is sorted by column %" PRIu32 " of %" PRIu32,
            sidecar->name, index, sidecar->header.column_count);
  *column = (int32_t)index;
  return LAM_OK;
}

enum lam_status lam_sidecar_sorted_by(struct lam_sidecar *sidecar, struct lam_bytes *out, struct lam_error *error) {
  int32_t leaf;
  struct lam_bytes path;
  struct pm_column column;
  bool there;
  *out = (struct lam_bytes){NULL, 0};
  if (pm_sorting_count(sidecar) == 0) return LAM_OK;
  LAM_TRY(pm_sorting(sidecar, 0, &leaf, error));
  LAM_TRY(pm_column(sidecar, leaf, &column, out, error));
  LAM_TRY(pm_leaf_path(sidecar, leaf, &there, &path, error));
  if (!there)
    return lam_fail(error, LAM_UNSUPPORTED, "%s has no schema: it was made by another program", sidecar->name);
  if (column.max_repetition || !lam_bytes_equal(path, *out)) *out = (struct lam_bytes){NULL, 0};
  return LAM_OK;
}

enum lam_status pm_block(struct lam_sidecar *sidecar, int32_t row_group, uint64_t *out, struct lam_error *error) {
  const uint8_t *bytes;
  if (row_group < 0 || row_group >= lam_sidecar_row_groups(sidecar))
    return lam_fail(error, LAM_INVALID, "%s has no row group %" PRId32 ", only %" PRId32, sidecar->name, row_group,
                    lam_sidecar_row_groups(sidecar));
  LAM_TRY(pm_bytes(sidecar, sidecar->footer_at + sizeof(struct pm_footer) + 4 * (uint64_t)row_group, 4, &bytes, error));
  uint64_t at = (uint64_t)lam_load32(bytes) << 3;
  uint64_t size = 8 + (uint64_t)sidecar->header.column_count * sizeof(struct pm_chunk);
  LAM_CHECK(at >= sizeof(struct pm_header) && at <= sidecar->footer_at && size <= sidecar->footer_at - at, error,
            "%s: row group %" PRId32 " is at offset %" PRIu64 ", its %" PRIu64
            " bytes pass the footer at offset %" PRIu64,
            sidecar->name, row_group, at, size, sidecar->footer_at);
  *out = at;
  return LAM_OK;
}

enum lam_status pm_rows(struct lam_sidecar *sidecar, int32_t row_group, uint64_t *out, struct lam_error *error) {
  uint64_t at;
  const uint8_t *bytes;
  LAM_TRY(pm_block(sidecar, row_group, &at, error));
  LAM_TRY(pm_bytes(sidecar, at, 8, &bytes, error));
  *out = lam_load64(bytes);
  LAM_CHECK(*out <= INT64_MAX, error, "%s: row group %" PRId32 " has %" PRIu64 " rows", sidecar->name, row_group, *out);
  return LAM_OK;
}

/* ---- statistics ---- */

/* Where the bytes of a bound are. */
struct bound {
  bool present, inlined;
  uint32_t size; /* inlined: by its nibble */
  uint64_t slot;
  uint64_t slot_at, region; /* in the `_pm` */
};

static enum lam_status bound_bytes(struct lam_sidecar *sidecar, const struct pm_column *column,
                                   const struct bound *bound, struct lam_bytes *out, struct lam_error *error) {
  uint64_t width =
      column->physical == LAM_BOOLEAN ? 1 : (uint64_t)lam_physical_width(column->physical, column->type_length);
  uint64_t size = bound->inlined ? (width ? width : bound->size) : bound->slot & PM_LONGEST_STAT;
  uint64_t at = bound->inlined ? bound->slot_at : bound->region + (bound->slot >> 16);
  const uint8_t *bytes;
  *out = (struct lam_bytes){NULL, 0};
  if (!bound->present || size == 0) return LAM_OK;
  LAM_CHECK((!bound->inlined || size <= 8) && (!width || size == width), error,
            "%s: a statistic at offset %" PRIu64 " has %" PRIu64 " bytes", sidecar->name, bound->slot_at, size);
  LAM_TRY(pm_bytes(sidecar, at, size, &bytes, error));
  LAM_CHECK(at + size <= sidecar->footer_at, error, "%s: a statistic at offset %" PRIu64 " passes the footer",
            sidecar->name, at);
  *out = lam_bytes_of(bytes, (size_t)size);
  return LAM_OK;
}

/* Both pairs: the slot may hold the deprecated bound, or both where they are the same. */
static void share_bound(struct lam_bytes bound, bool is_new, bool is_old, bool empty, struct lam_bytes *new_bound,
                        struct lam_bytes *old_bound) {
  *new_bound = is_new ? bound : empty ? lam_bytes_of("", 0) : (struct lam_bytes){NULL, 0};
  *old_bound = is_old ? bound : (struct lam_bytes){NULL, 0};
}

static enum lam_status chunk_statistics(struct lam_sidecar *sidecar, int32_t column_index, uint64_t chunk_at,
                                        uint64_t region, const struct pm_chunk *chunk, const struct pm_extra *extra,
                                        struct lam_statistics *out, struct lam_error *error) {
  struct pm_column column;
  struct lam_bytes bytes;
  uint8_t flags = chunk->stat_flags;
  *out = (struct lam_statistics){.nan_count = extra->nan_count < 0 ? -1 : extra->nan_count};
  LAM_TRY(pm_column(sidecar, column_index, &column, NULL, error));
  const struct bound min = {.present = flags & PM_MIN || extra->flags & PM_EXTRA_OLD_MIN,
                            .inlined = flags & PM_MIN_INLINED,
                            .size = chunk->stat_sizes & 15,
                            .slot = chunk->min,
                            .slot_at = chunk_at + offsetof(struct pm_chunk, min),
                            .region = region};
  const struct bound max = {.present = flags & PM_MAX || extra->flags & PM_EXTRA_OLD_MAX,
                            .inlined = flags & PM_MAX_INLINED,
                            .size = chunk->stat_sizes >> 4,
                            .slot = chunk->max,
                            .slot_at = chunk_at + offsetof(struct pm_chunk, max),
                            .region = region};
  LAM_TRY(bound_bytes(sidecar, &column, &min, &bytes, error));
  share_bound(bytes, flags & PM_MIN, extra->flags & PM_EXTRA_OLD_MIN, extra->flags & PM_EXTRA_EMPTY_MIN, &out->min,
              &out->old_min);
  LAM_TRY(bound_bytes(sidecar, &column, &max, &bytes, error));
  share_bound(bytes, flags & PM_MAX, extra->flags & PM_EXTRA_OLD_MAX, extra->flags & PM_EXTRA_EMPTY_MAX, &out->max,
              &out->old_max);
  out->min_exact = flags & PM_MIN_EXACT;
  out->max_exact = flags & PM_MAX_EXACT;
  out->null_count = flags & PM_NULL_COUNT && chunk->null_count <= INT64_MAX ? (int64_t)chunk->null_count : -1;
  out->distinct_count =
      flags & PM_DISTINCT_COUNT && chunk->distinct_count <= INT64_MAX ? (int64_t)chunk->distinct_count : -1;
  return LAM_OK;
}

enum lam_status pm_chunk(struct lam_sidecar *sidecar, int32_t row_group, int32_t column, struct pm_chunk *out,
                         struct lam_statistics *statistics, struct lam_error *error) {
  uint64_t block;
  const uint8_t *bytes;
  bool there;
  LAM_TRY(check_column(sidecar, column, error));
  LAM_TRY(pm_block(sidecar, row_group, &block, error));
  uint64_t at = block + 8 + (uint64_t)column * sizeof *out;
  LAM_TRY(pm_bytes(sidecar, at, sizeof *out, &bytes, error));
  memcpy(out, bytes, sizeof *out);
  uint64_t end = sidecar->footer.parquet_offset;
  LAM_CHECK(out->offset <= end && out->size <= end - out->offset && out->values <= INT64_MAX, error,
            "%s: row group %" PRId32 ", column %" PRId32 ": %" PRIu64 " values in %" PRIu64 " bytes from byte %" PRIu64
            " on pass the file's footer at byte %" PRIu64,
            sidecar->name, row_group, column, out->values, out->size, out->offset, end);
  if (!statistics) return LAM_OK;
  struct pm_extra extra = {.nan_count = -1};
  LAM_TRY(pm_extra(sidecar, row_group, column, &there, &extra, error));
  uint64_t region = block + 8 + (uint64_t)sidecar->header.column_count * sizeof *out;
  return chunk_statistics(sidecar, column, at, region, out, &extra, statistics, error);
}

/* ---- bloom filters ---- */

/* The place of a column in the list, which is sorted; -1 where it is not there. */
static enum lam_status bloom_place(struct lam_sidecar *sidecar, int32_t column, int64_t *out, struct lam_error *error) {
  const uint8_t *list;
  uint32_t low = 0, high = sidecar->bloom_count;
  *out = -1;
  LAM_TRY(pm_bytes(sidecar, sidecar->bloom_list + 4, 4 * (uint64_t)sidecar->bloom_count, &list, error));
  while (low < high) {
    uint32_t middle = low + (high - low) / 2, found = lam_load32(list + 4 * (size_t)middle);
    if (found == (uint32_t)column) *out = middle;
    if (found < (uint32_t)column)
      low = middle + 1;
    else
      high = middle;
  }
  return LAM_OK;
}

static enum lam_status inlined_bloom(struct lam_sidecar *sidecar, uint64_t at, struct lam_bytes *out,
                                     struct lam_error *error) {
  const uint8_t *bytes;
  if (at == 0) return LAM_OK;
  LAM_TRY(pm_bytes(sidecar, at, 4, &bytes, error));
  uint32_t size = lam_load32(bytes);
  LAM_CHECK(size && size % 32 == 0 && size <= INT32_MAX && at + 4 + size <= sidecar->footer_at, error,
            "%s: the bloom filter at offset %" PRIu64 " has %" PRIu32 " bytes", sidecar->name, at, size);
  LAM_TRY(pm_bytes(sidecar, at + 4, size, &bytes, error));
  *out = lam_bytes_of(bytes, size);
  return LAM_OK;
}

enum lam_status pm_bloom(struct lam_sidecar *sidecar, int32_t row_group, int32_t column, struct pm_bloom *out,
                         struct lam_error *error) {
  int64_t place;
  uint64_t block;
  const uint8_t *bytes;
  *out = (struct pm_bloom){0};
  LAM_TRY(check_column(sidecar, column, error));
  LAM_TRY(pm_block(sidecar, row_group, &block, error)); /* checks its number */
  if (!sidecar->bloom_list) return LAM_OK;
  LAM_TRY(bloom_place(sidecar, column, &place, error));
  if (place < 0) return LAM_OK;
  uint64_t entry = (uint64_t)row_group * sidecar->bloom_count + (uint64_t)place;
  if (!(sidecar->header.features & PM_BLOOM_EXTERNAL)) {
    LAM_TRY(pm_bytes(sidecar, sidecar->matrix + 4 * entry, 4, &bytes, error));
    return inlined_bloom(sidecar, (uint64_t)lam_load32(bytes) << 3, &out->bits, error);
  }
  LAM_TRY(pm_bytes(sidecar, sidecar->matrix + 16 * entry, 16, &bytes, error));
  out->offset = lam_load64(bytes);
  out->length = lam_load64(bytes + 8);
  uint64_t end = sidecar->footer.parquet_offset;
  LAM_CHECK(out->offset <= end && out->length <= end - out->offset, error,
            "%s: row group %" PRId32 ", column %" PRId32 ": a bloom filter of %" PRIu64 " bytes at byte %" PRIu64
            " passes the file's footer at byte %" PRIu64,
            sidecar->name, row_group, column, out->length, out->offset, end);
  return LAM_OK;
}

/* ---- our sections ---- */

/* Where the records of a row group are in the `_pm`. */
static enum lam_status extras_at(struct lam_sidecar *sidecar, int32_t row_group, uint64_t *out,
                                 struct lam_error *error) {
  const uint8_t *bytes;
  struct pm_chunks head;
  uint64_t at = (uint64_t)(sidecar->chunks.data - sidecar->map.data), columns = sidecar->header.column_count;
  uint64_t stride = 8 + columns * sizeof(struct pm_extra);
  LAM_CHECK(sidecar->chunks.size >= sizeof head, error, "%s: its section at offset %" PRIu64 " is too short",
            sidecar->name, at);
  LAM_TRY(pm_bytes(sidecar, at, sizeof head, &bytes, error));
  memcpy(&head, bytes, sizeof head);
  LAM_CHECK(head.row_groups == sidecar->footer.row_groups && head.columns == columns &&
                sidecar->chunks.size == sizeof head + sizeof(struct pm_end_frame) + head.row_groups * stride,
            error, "%s: its section at offset %" PRIu64 " is of %" PRIu32 " row groups of %" PRIu32 " columns",
            sidecar->name, at, head.row_groups, head.columns);
  *out = at + sizeof head + (uint64_t)row_group * stride + 8;
  return LAM_OK;
}

enum lam_status pm_extra(struct lam_sidecar *sidecar, int32_t row_group, int32_t column, bool *there,
                         struct pm_extra *out, struct lam_error *error) {
  const uint8_t *bytes;
  uint64_t block, at;
  *there = sidecar->chunks.data;
  if (!*there) return LAM_OK;
  LAM_TRY(check_column(sidecar, column, error));
  LAM_TRY(pm_block(sidecar, row_group, &block, error)); /* checks its number */
  LAM_TRY(extras_at(sidecar, row_group, &at, error));
  LAM_TRY(pm_bytes(sidecar, at + (uint64_t)column * sizeof *out, sizeof *out, &bytes, error));
  memcpy(out, bytes, sizeof *out);
  return LAM_OK;
}

enum lam_status pm_group(struct lam_sidecar *sidecar, int32_t row_group, const uint8_t **chunks, const uint8_t **extras,
                         struct lam_error *error) {
  uint64_t block, at, columns = sidecar->header.column_count;
  LAM_TRY(pm_block(sidecar, row_group, &block, error));
  LAM_TRY(extras_at(sidecar, row_group, &at, error));
  LAM_TRY(pm_bytes(sidecar, block + 8, columns * sizeof(struct pm_chunk), chunks, error));
  return pm_bytes(sidecar, at, columns * sizeof(struct pm_extra), extras, error);
}

/* ---- the public form ---- */

enum lam_status lam_sidecar_rows(struct lam_sidecar *sidecar, int32_t row_group, uint64_t *out,
                                 struct lam_error *error) {
  return pm_rows(sidecar, row_group, out, error);
}

enum lam_status lam_sidecar_column(struct lam_sidecar *sidecar, int32_t column, struct lam_sidecar_column *out,
                                   struct lam_error *error) {
  struct pm_column c;
  struct lam_bytes name, path = {NULL, 0};
  bool there;
  LAM_TRY(pm_column(sidecar, column, &c, &name, error));
  LAM_TRY(pm_leaf_path(sidecar, column, &there, &path, error));
  const struct lam_sidecar_column made = {
      .struct_size = sizeof made,
      .field_id = c.id,
      .type = c.type,
      .physical = c.physical,
      .type_length = c.type_length,
      .repetition = (c.flags >> PM_REPETITION_SHIFT) & 3,
      .max_definition = c.max_definition,
      .max_repetition = c.max_repetition,
      .name = (const char *)name.data,
      .name_size = name.size,
      .path = (const char *)path.data,
      .path_size = path.size,
  };
  lam_result_write(&made, sizeof made, out);
  return LAM_OK;
}

static enum lam_status fill_extra(struct lam_sidecar *sidecar, int32_t row_group, int32_t column,
                                  struct lam_sidecar_chunk *out, struct lam_error *error) {
  bool there;
  struct pm_extra extra;
  LAM_TRY(pm_extra(sidecar, row_group, column, &there, &extra, error));
  out->uncompressed_size = out->offset_index_length = out->column_index_length = -1;
  if (!there) return LAM_OK;
  const uint32_t both = PM_EXTRA_ALL_DICTIONARY_KNOWN | PM_EXTRA_ALL_DICTIONARY;
  out->dictionary_only = (extra.flags & both) == both;
  out->uncompressed_size = (int64_t)extra.uncompressed_size;
  out->offset_index_offset = (int64_t)extra.offset_index_offset;
  out->offset_index_length = extra.offset_index_length;
  out->column_index_offset = (int64_t)extra.column_index_offset;
  out->column_index_length = extra.column_index_length;
  return LAM_OK;
}

enum lam_status lam_sidecar_chunk(struct lam_sidecar *sidecar, int32_t row_group, int32_t column,
                                  struct lam_sidecar_chunk *out, struct lam_error *error) {
  struct pm_chunk c;
  struct pm_bloom bloom;
  struct lam_statistics s;
  LAM_TRY(pm_chunk(sidecar, row_group, column, &c, &s, error));
  LAM_TRY(pm_bloom(sidecar, row_group, column, &bloom, error));
  struct lam_sidecar_chunk made = {
      .struct_size = sizeof made,
      .codec = c.codec,
      .values = c.values,
      .offset = c.offset,
      .size = c.size,
      .null_count = s.null_count,
      .distinct_count = s.distinct_count,
      .min = s.min.data,
      .max = s.max.data,
      .min_size = s.min.size,
      .max_size = s.max.size,
      .min_exact = s.min_exact,
      .max_exact = s.max_exact,
      .bloom = bloom.bits.data,
      .bloom_size = bloom.bits.size,
      .bloom_offset = bloom.offset,
      .bloom_length = bloom.length,
  };
  LAM_TRY(fill_extra(sidecar, row_group, column, &made, error));
  lam_result_write(&made, sizeof made, out);
  return LAM_OK;
}

enum lam_status lam_sidecar_find(struct lam_sidecar *sidecar, const char *path, int32_t *column,
                                 struct lam_error *error) {
  return pm_find_path(sidecar, lam_bytes_of_string(path), column, error);
}
