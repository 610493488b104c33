#include "parquet/append.h"

#include <inttypes.h>
#include <stdlib.h>

#include "arrow/type.h"
#include "base/ranges.h"
#include "parquet/bloom.h"
#include "parquet/writer_state.h"

enum {
  FILE_ENDS = 4 + 8, /* bytes: the magic in front, and behind the footer its length and the magic */
  BLOOM_HEADER = 64, /* bytes at most */
};

/* ---- whether new pages go with the old schema ---- */

/* The nodes from the leaf up that take a level: where they are the same, levels mean the same. */
static int32_t next_level(const struct lam_file_meta *meta, int32_t node) {
  while (node > 0 && meta->nodes[node].repetition == LAM_REQUIRED) node = meta->nodes[node].parent;
  return node;
}

static bool same_levels(const struct lam_file_meta *a, const struct lam_file_meta *b, int32_t leaf) {
  int32_t x = next_level(a, a->leaves[leaf]), y = next_level(b, b->leaves[leaf]);
  while (x > 0 && y > 0 && a->nodes[x].repetition == b->nodes[y].repetition) {
    x = next_level(a, a->nodes[x].parent);
    y = next_level(b, b->nodes[y].parent);
  }
  return x <= 0 && y <= 0;
}

static bool same_leaf(const struct lam_file_meta *a, const struct lam_file_meta *b, int32_t leaf) {
  struct lam_leaf x, y;
  if (lam_leaf_of_node(a, a->leaves[leaf], &x, NULL) != LAM_OK) return false;
  if (lam_leaf_of_node(b, b->leaves[leaf], &y, NULL) != LAM_OK) return false;
  return x.physical == y.physical && x.width == y.width && x.conversion == y.conversion &&
         lam_type_equal(&x.type, &y.type) && same_levels(a, b, leaf);
}

static enum lam_status check_schema(const struct lam_file_meta *made, const struct lam_file_meta *from,
                                    struct lam_error *error) {
  if (made->leaf_count != from->leaf_count || made->top_count != from->top_count)
    return lam_fail(error, LAM_UNSUPPORTED, "it has %" PRId32 " columns, not %" PRId32, from->top_count,
                    made->top_count);
  for (int32_t i = 0; i < made->top_count; i++) {
    struct lam_bytes a = made->nodes[made->tops[i]].name, b = from->nodes[from->tops[i]].name;
    if (!lam_bytes_equal(a, b))
      return lam_fail(error, LAM_UNSUPPORTED, "its column %" PRId32 " is \"%.*s\", not \"%.*s\"", i, (int)b.size,
                      (const char *)b.data, (int)a.size, (const char *)a.data);
  }
  for (int32_t i = 0; i < made->leaf_count; i++) {
    struct lam_bytes name = from->nodes[from->leaves[i]].name;
    if (!same_leaf(made, from, i))
      return lam_fail(error, LAM_UNSUPPORTED,
                      "its leaf %" PRId32 " (\"%.*s\") is stored in another way than it would be written", i,
                      (int)name.size, (const char *)name.data);
  }
  return LAM_OK;
}

enum lam_status lam_writer_continue(struct lam_writer *writer, const struct lam_file *base, struct lam_error *error) {
  LAM_TRY(lam_file_read_footer(base, error));
  const struct lam_file_meta *from = lam_file_meta(base);
  enum lam_status status = LAM_OK;
  if (!lam_raw_copy_allowed(from))
    status = lam_fail(error, LAM_UNSUPPORTED, "what its writer wrote cannot stand in a file of ours");
  if (status == LAM_OK) status = check_schema(&writer->meta, from, error);
  if (status != LAM_OK) return lam_fail_in(error, status, "appending to \"%s\"", lam_file_name(base));
  uint8_t *orders = writer->meta.column_orders;
  struct lam_bytes created_by = writer->meta.created_by;
  int32_t version = writer->meta.version > from->version ? writer->meta.version : from->version;
  writer->meta = *from;
  writer->meta.version = version;
  writer->meta.column_orders = orders; /* bounds that they do not stand for are dropped: see raw_copy.c */
  writer->meta.created_by = created_by;
  writer->meta.rows = 0;
  writer->meta.row_groups = NULL;
  writer->meta.row_group_count = 0;
  writer->position = lam_file_size(base);
  return LAM_OK;
}

enum lam_status lam_writer_append_in(struct lam_store *store, const char *key, const struct lam_file *from,
                                     const struct ArrowSchema *schema, const struct lam_write_options *options,
                                     struct lam_mem *mem, struct lam_writer **out, struct lam_error *error) {
  LAM_TRY(lam_file_read_footer(from, error));
  return lam_writer_open_on(store, key, from, schema, options, mem, out, error);
}

/* ---- dead bytes ---- */

static int compare_extents(const void *a, const void *b) {
  const struct lam_range *x = a, *y = b;
  return (x->first > y->first) - (x->first < y->first);
}

static enum lam_status add_extent(struct lam_buf *extents, int64_t offset, uint64_t size, struct lam_error *error) {
  struct lam_range range = {offset, offset + (int64_t)size};
  if (offset <= 0 || size == 0) return LAM_OK;
  return lam_buf_append(extents, &range, sizeof range, error);
}

/* The bytes of a bloom filter; *known is false where its header cannot be read. */
static enum lam_status bloom_bytes(const struct lam_file *file, const struct lam_chunk_meta *chunk, uint64_t *size,
                                   bool *known, struct lam_error *error) {
  uint64_t offset = (uint64_t)chunk->bloom_offset;
  uint8_t bytes[BLOOM_HEADER];
  size_t have = (size_t)lam_min_u64(sizeof bytes, lam_file_size(file) - offset), header, bits;
  *size = (uint64_t)chunk->bloom_length;
  *known = true;
  if (chunk->bloom_offset <= 0 || chunk->bloom_length_known) return LAM_OK;
  LAM_TRY(lam_file_read(file, offset, bytes, have, error));
  *known = lam_bloom_parse_header(lam_bytes_of(bytes, have), &header, &bits, NULL) == LAM_OK && header > 0;
  if (*known) *size = header + bits;
  return LAM_OK;
}

static enum lam_status add_chunk(const struct lam_file *file, int32_t group, int32_t leaf, struct lam_buf *extents,
                                 bool *known, struct lam_error *error) {
  const struct lam_chunk_meta *chunk = &lam_file_meta(file)->row_groups[group].chunks[leaf];
  uint64_t offset, size, bloom;
  *known = !chunk->encrypted && chunk->has_metadata;
  if (!*known || chunk->elsewhere) return LAM_OK;
  LAM_TRY(lam_chunk_range(file, group, leaf, &offset, &size, error));
  LAM_TRY(bloom_bytes(file, chunk, &bloom, known, error));
  LAM_TRY(add_extent(extents, (int64_t)offset, size, error));
  LAM_TRY(add_extent(extents, chunk->bloom_offset, bloom, error));
  LAM_TRY(add_extent(extents, chunk->offset_index_offset, (uint64_t)chunk->offset_index_length, error));
  return add_extent(extents, chunk->column_index_offset, (uint64_t)chunk->column_index_length, error);
}

static int64_t covered(struct lam_buf *extents, int64_t limit) {
  struct lam_range *ranges = (struct lam_range *)(void *)extents->data;
  size_t count = extents->size / sizeof *ranges;
  int64_t end = 0, total = 0;
  if (count == 0) return 0;
  qsort(ranges, count, sizeof *ranges, compare_extents);
  for (size_t i = 0; i < count; i++) {
    int64_t first = lam_max_i64(ranges[i].first, end), last = lam_min_i64(ranges[i].end, limit);
    if (last <= first) continue;
    total += last - first;
    end = last;
  }
  return total;
}

/* A sidecar with bloom filters in it does not say where they are in the file. */
static bool hides_blooms(const struct lam_file_meta *meta) {
  for (int32_t group = 0; group < meta->row_group_count; group++)
    for (int32_t leaf = 0; leaf < meta->leaf_count; leaf++)
      if (meta->row_groups[group].chunks[leaf].bloom_described) return true;
  return false;
}

/* What the row groups take that are not `replaced` (NULL: none is), and of those that are the leaves but `leaves`
 * (NULL: none); -1: not known. */
static enum lam_status live_bytes(const struct lam_file *file, const bool *replaced, const bool *leaves,
                                  struct lam_mem *mem, int64_t *out, struct lam_error *error) {
  if (hides_blooms(lam_file_meta(file))) LAM_TRY(lam_file_read_footer(file, error));
  const struct lam_file_meta *meta = lam_file_meta(file);
  struct lam_buf extents;
  enum lam_status status = LAM_OK;
  bool known = true;
  lam_buf_init(&extents, mem);
  for (int32_t group = 0; status == LAM_OK && known && group < meta->row_group_count; group++) {
    bool goes = replaced && replaced[group];
    for (int32_t leaf = 0; status == LAM_OK && known && leaf < meta->leaf_count; leaf++)
      if (!goes || (leaves && !leaves[leaf])) status = add_chunk(file, group, leaf, &extents, &known, error);
  }
  int64_t limit = (int64_t)(lam_file_size(file) - lam_file_footer_size(file)) - FILE_ENDS + 4;
  *out = status == LAM_OK && known ? covered(&extents, limit) : -1;
  lam_buf_release(&extents);
  return status;
}

enum lam_status lam_file_dead_bytes(const struct lam_file *file, struct lam_mem *mem, int64_t *out,
                                    struct lam_error *error) {
  int64_t live, most = (int64_t)(lam_file_size(file) - lam_file_footer_size(file)) - FILE_ENDS;
  const struct lam_file_meta *meta = lam_file_meta(file);
  *out = meta->dead_known ? meta->dead_bytes : -1;
  if (meta->dead_known) return LAM_OK;
  LAM_TRY(live_bytes(file, NULL, NULL, mem, &live, error));
  if (live >= 0) *out = lam_max_i64(most - live, 0);
  return LAM_OK;
}

enum lam_status lam_append_pays(const struct lam_file *file, const bool *replaced, const bool *leaves,
                                struct lam_mem *mem, bool *out, struct lam_error *error) {
  int64_t live, most = (int64_t)lam_file_size(file) - 4;
  int32_t kept = 0;
  *out = false;
  for (int32_t i = 0; i < lam_file_row_groups(file); i++) kept += !replaced[i];
  if (kept == 0 && !leaves) return LAM_OK;
  LAM_TRY(live_bytes(file, replaced, leaves, mem, &live, error));
  *out = live >= 0 && most - live <= most / 2 && most - live <= LAM_MOST_DEAD_BYTES;
  return LAM_OK;
}

/* ---- what is kept ---- */

static bool same_place(const struct lam_file_meta *a, int32_t x, const struct lam_file_meta *b, int32_t y) {
  if (a->row_groups[x].rows != b->row_groups[y].rows) return false;
  for (int32_t i = 0; i < a->leaf_count; i++)
    if (a->row_groups[x].chunks[i].data_page_offset != b->row_groups[y].chunks[i].data_page_offset) return false;
  return a->leaf_count > 0;
}

void lam_append_kept(const struct lam_file_meta *old, const struct lam_file_meta *now, int32_t *kept) {
  int32_t next = 0; /* they come in the same order, if nobody has turned them round */
  for (int32_t i = 0; i < now->row_group_count; i++) {
    kept[i] = -1;
    for (int32_t tried = 0; tried < old->row_group_count && kept[i] < 0; tried++) {
      int32_t candidate = (next + tried) % old->row_group_count;
      if (same_place(old, candidate, now, i)) kept[i] = candidate;
    }
    if (kept[i] >= 0) next = kept[i] + 1;
  }
}
