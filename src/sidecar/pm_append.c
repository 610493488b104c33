/* Appending the next state of a Parquet file to its sidecar.
 *
 * What is written first lies behind the committed size, where nobody looks; the size is patched once it is durable.
 * Bytes that a torn append has left there stay: they may be mapped by who knows whom, and the CRC takes them in. */
#include <inttypes.h>
#include <stdio.h>

#include "base/checksum.h"
#include "sidecar/pm_write.h"

struct append {
  struct lam_sidecar *old; /* at the committed state */
  struct lam_bytes all;    /* the whole file, what is not committed included */
  const int32_t *kept;
  struct pm_writer w;
};

/* ---- whether the old header still holds ---- */

static enum lam_status changed(const struct append *a, const char *what, struct lam_error *error) {
  return lam_fail(error, LAM_UNSUPPORTED, "%s cannot be appended to: %s", a->old->name, what);
}

static enum lam_status check_order(const struct append *a, const struct pm_order *order, struct lam_error *error) {
  if (a->old->header.designated >= 0 && a->old->header.designated != order->designated)
    return changed(a, "the file is no longer sorted by its designated timestamp", error);
  int32_t count = pm_sorting_count(a->old);
  if (count > order->count) return changed(a, "the file is no longer sorted as it was", error);
  for (int32_t i = 0; i < count; i++) {
    int32_t column;
    LAM_TRY(pm_sorting(a->old, i, &column, error));
    if (column != order->columns[i].column) return changed(a, "the file is no longer sorted as it was", error);
  }
  return LAM_OK;
}

static enum lam_status check_header(const struct append *a, struct lam_error *error) {
  const struct lam_file_meta *meta = a->w.source->meta;
  struct pm_order order;
  if (meta->leaf_count != lam_sidecar_columns(a->old)) return changed(a, "the file's columns are others", error);
  pm_order_of(meta, &order);
  LAM_TRY(check_order(a, &order, error));
  for (int32_t i = 0; i < meta->leaf_count; i++) {
    struct pm_column is, was;
    struct lam_bytes is_name, was_name;
    LAM_TRY(pm_column(a->old, i, &was, &was_name, error));
    pm_describe(meta, i, &order, &is, &is_name);
    bool descending = was.flags & PM_DESCENDING && pm_sorting_count(a->old) > 0;
    if (!lam_bytes_equal(is_name, was_name) || is.id != was.id || is.physical != was.physical ||
        is.type_length != was.type_length || is.max_definition != was.max_definition ||
        is.max_repetition != was.max_repetition || (descending && !(is.flags & PM_DESCENDING)))
      return changed(a, "the file's columns are others", error);
  }
  return LAM_OK;
}

/* ---- what is kept ---- */

static enum lam_status load_bloom_columns(struct append *a, struct lam_error *error) {
  const uint8_t *bytes;
  void *memory;
  a->w.bloom_count = a->old->bloom_count;
  LAM_TRY(lam_arena_array(a->w.arena, a->w.bloom_count, sizeof *a->w.bloom_columns, &memory, error));
  a->w.bloom_columns = memory;
  if (!a->w.bloom_count) return LAM_OK;
  LAM_TRY(pm_bytes(a->old, a->old->bloom_list + 4, 4 * (uint64_t)a->w.bloom_count, &bytes, error));
  memcpy(a->w.bloom_columns, bytes, a->w.bloom_count * sizeof *a->w.bloom_columns);
  for (uint32_t i = 0; i < a->w.bloom_count; i++)
    LAM_CHECK(a->w.bloom_columns[i] < a->old->header.column_count, error,
              "%s: it has a bloom filter of column %" PRIu32, a->old->name, a->w.bloom_columns[i]);
  return LAM_OK;
}

static enum lam_status keep_group(struct append *a, int32_t row_group, int32_t kept, struct lam_error *error) {
  uint64_t at, rows;
  const uint8_t *bytes;
  LAM_TRY(pm_block(a->old, kept, &at, error));
  LAM_TRY(pm_rows(a->old, kept, &rows, error));
  if (rows != (uint64_t)a->w.source->meta->row_groups[row_group].rows)
    return lam_fail(error, LAM_INVALID,
                    "%s: row group %" PRId32 " of %" PRIu64 " rows is not the one of %" PRId64
                    " rows that it is said to be",
                    a->old->name, kept, rows, a->w.source->meta->row_groups[row_group].rows);
  a->w.blocks[row_group] = (uint32_t)(at >> 3);
  bool external = a->old->header.features & PM_BLOOM_EXTERNAL;
  uint64_t entry = external ? 16 : 4;
  for (uint32_t i = 0; i < a->w.bloom_count; i++) {
    uint64_t *to = a->w.matrix[(size_t)row_group * a->w.bloom_count + i];
    uint64_t place = a->old->matrix + entry * ((uint64_t)kept * a->w.bloom_count + i);
    LAM_TRY(pm_bytes(a->old, place, entry, &bytes, error));
    to[0] = external ? lam_load64(bytes) : lam_load32(bytes);
    to[1] = external ? lam_load64(bytes + 8) : 0;
  }
  return LAM_OK;
}

/* ---- what is written ---- */

/* The CRC of all that precedes, from that of the committed state: its bytes are not read again. */
static uint32_t resumed_crc(const struct append *a) {
  uint64_t from = a->old->end - PM_TRAILER;
  uint32_t crc = lam_load32(a->old->map.data + from);
  crc = lam_crc32(crc, a->all.data + from, (size_t)(a->all.size - from));
  return lam_crc32(crc, a->w.out->data, a->w.out->size);
}

static enum lam_status write_segments(struct append *a, struct lam_error *error) {
  const uint8_t *sums = NULL;
  uint64_t trusted = 0;
  if (a->old->segments.data) { /* the last one may have been only partly covered */
    sums = a->old->segments.data + sizeof(struct pm_segments);
    trusted = a->old->limit >> PM_SEGMENT_SHIFT;
  }
  return pm_write_segments(&a->w, a->all, sums, trusted, error);
}

static enum lam_status make(struct append *a, struct lam_error *error) {
  const struct lam_file_meta *meta = a->w.source->meta;
  LAM_TRY(check_header(a, error));
  a->w.header = a->old->header;
  if (!a->old->schema.data || a->w.format->plain) a->w.header.features &= ~PM_OUR_SCHEMA;
  if (a->w.header.features & PM_OUR_SCHEMA) a->w.header_sections = (uint64_t)(a->old->schema.data - a->old->map.data);
  LAM_TRY(load_bloom_columns(a, error));
  if (a->w.bloom_count) a->w.header_sections = a->old->bloom_list;
  LAM_TRY(pm_writer_begin(&a->w, error));
  for (int32_t g = 0; g < meta->row_group_count; g++)
    LAM_TRY(a->kept[g] >= 0 ? keep_group(a, g, a->kept[g], error) : pm_write_block(&a->w, g, error));
  uint64_t footer_at = pm_position(&a->w);
  LAM_TRY(pm_write_footer(&a->w, a->old->end, error));
  if (a->w.header.features & PM_OUR_SCHEMA) LAM_TRY(write_segments(a, error));
  return pm_write_trailer(&a->w, footer_at, resumed_crc(a), error);
}

static enum lam_status publish(struct append *a, struct lam_store *store, const char *key, struct lam_error *error) {
  struct lam_output *output;
  struct lam_object_info info;
  LAM_TRY(store->ops->append(store, key, &output, &info, error));
  enum lam_status status = LAM_OK;
  if (info.size != a->all.size)
    status = lam_fail(error, LAM_CONFLICT, "%s: another writer has appended to it", a->old->name);
  if (status == LAM_OK) status = store->ops->write(output, a->w.out->data, a->w.out->size, error);
  if (status == LAM_OK) status = store->ops->sync(output, error);
  if (status == LAM_OK) status = store->ops->patch(output, 0, pm_position(&a->w), error);
  if (status == LAM_OK) status = store->ops->sync(output, error);
  enum lam_status closed = store->ops->close_output(output, status == LAM_OK ? error : NULL);
  return status == LAM_OK ? closed : status;
}

static enum lam_status map_all(struct lam_store *store, const char *key, struct lam_bytes *out,
                               struct lam_error *error) {
  struct lam_input *input;
  struct lam_object_info info;
  LAM_TRY(store->ops->open(store, key, &input, &info, error));
  enum lam_status status = info.size > SIZE_MAX / 2
                               ? lam_fail(error, LAM_LIMIT, "%s/%s is too large to be mapped", store->root, key)
                               : store->ops->map(input, (size_t)info.size, out, error);
  store->ops->close_input(input);
  return status;
}

static enum lam_status append_to(struct append *a, struct lam_store *store, const char *key, struct lam_mem *mem,
                                 struct lam_error *error) {
  struct lam_arena arena;
  struct lam_buf out;
  LAM_TRY(map_all(store, key, &a->all, error));
  lam_arena_init(&arena, mem);
  lam_buf_init(&out, mem);
  a->w.arena = &arena;
  a->w.out = &out;
  a->w.base = a->all.size;
  enum lam_status status = make(a, error);
  if (status == LAM_OK) status = publish(a, store, key, error);
  lam_buf_release(&out);
  lam_arena_release(&arena);
  a->w.out = NULL, a->w.arena = NULL;
  store->ops->unmap(store, a->all);
  return status;
}

enum lam_status lam_sidecar_append(struct lam_store *store, const char *key, uint64_t token,
                                   const struct lam_sidecar_source *source, const int32_t *kept,
                                   const struct lam_sidecar_format *format, struct lam_mem *mem,
                                   struct lam_error *error) {
  struct append a = {.kept = kept, .w = {.source = source, .format = format}};
  const struct lam_sidecar_open_options options = {.token = token};
  LAM_TRY(lam_sidecar_open_in(store, key, &options, mem, &a.old, error));
  enum lam_status status = append_to(&a, store, key, mem, error);
  lam_sidecar_close(a.old);
  return status;
}
