#include "parquet/index_write.h"

#include <assert.h>

#include "base/arena.h"
#include "base/kernel.h"

enum {
  GATHER = 256,     /* dictionary entries at once */
  MARK_BLOCK = 256, /* indices */
  MARK_AT_ONCE = 1 << 13,
};

void lam_index_init(struct lam_index_builder *index, struct lam_mem *mem) {
  *index = (struct lam_index_builder){.on = false};
  lam_buf_init(&index->levels, mem);
  lam_buf_init(&index->entries, mem);
  lam_buf_init(&index->bounds, mem);
}

void lam_index_release(struct lam_index_builder *index) {
  lam_buf_release(&index->levels);
  lam_buf_release(&index->entries);
  lam_buf_release(&index->bounds);
}

void lam_index_begin(struct lam_index_builder *index, const struct lam_schema_node *leaf, bool on, bool bounds) {
  index->compare = lam_compare_of(leaf);
  index->on = on;
  index->bounds_on = on && bounds && index->compare != LAM_COMPARE_NONE;
  index->sizes_on = leaf->physical == LAM_BYTE_ARRAY;
  index->nans_on = bounds && lam_compare_is_float(index->compare);
  index->slots[0] = lam_repetition_slots(leaf);
  index->slots[1] = lam_definition_slots(leaf);
  index->unencoded = index->nans = 0;
  index->dictionary_nan = false;
  index->looked_at = 0;
  index->levels.size = index->entries.size = index->bounds.size = index->sized = 0;
}

static struct lam_index_entry *entries_of(const struct lam_index_builder *index) {
  return (struct lam_index_entry *)(void *)index->entries.data;
}
static size_t count_of(const struct lam_index_builder *index) {
  return index->entries.size / sizeof(struct lam_index_entry);
}

/* ---- pages of dictionary indices ---- */

/* Sets seen[i] for the indices i. Where a block has no more than two values next to each other, as in sorted columns,
 * they are its least and its greatest, which costs less to find. */
LAM_KERNEL static void mark_some(const uint32_t *indices, size_t count, uint8_t *seen) {
  while (count > 0) {
    size_t some = count < MARK_BLOCK ? count : MARK_BLOCK;
    uint32_t least = UINT32_MAX, greatest = 0;
    for (size_t i = 0; i < some; i++) {
      least = indices[i] < least ? indices[i] : least;
      greatest = indices[i] > greatest ? indices[i] : greatest;
    }
    seen[least] = seen[greatest] = 1;
    if (greatest - least > 1)
      for (size_t i = 0; i < some; i++) seen[indices[i]] = 1;
    indices += some;
    count -= some;
  }
}

/* Small dictionaries are seen whole long before the page ends. */
static void mark(const uint32_t *indices, size_t count, uint8_t *seen, size_t entries) {
  for (size_t some; count > 0; indices += some, count -= some) {
    some = count < MARK_AT_ONCE ? count : MARK_AT_ONCE;
    mark_some(indices, some, seen);
    if (!memchr(seen, 0, entries)) return;
  }
}

/* The entries that were seen, in order; `to` has room for `count`. Without branches: any pattern costs the same. */
static size_t list_seen(const uint8_t *seen, size_t count, uint32_t *to) {
  size_t found = 0;
  for (size_t i = 0; i < count; i++) {
    to[found] = (uint32_t)i;
    found += seen[i];
  }
  return found;
}

static enum lam_status add_fixed(const struct lam_dictionary *dictionary, const uint32_t *entries, size_t count,
                                 struct lam_bounds *bounds) {
  uint8_t values[GATHER * 16];
  size_t width = dictionary->width;
  if (count == dictionary->count) return lam_bounds_add(bounds, dictionary->values.data, count, NULL);
  if (width > 16) {
    for (size_t i = 0; i < count; i++)
      LAM_TRY(lam_bounds_add(bounds, dictionary->values.data + entries[i] * width, 1, NULL));
    return LAM_OK;
  }
  for (size_t some; count > 0; entries += some, count -= some) {
    some = count < GATHER ? count : GATHER;
    if (width == 8)
      for (size_t i = 0; i < some; i++) memcpy(values + 8 * i, dictionary->values.data + 8 * (size_t)entries[i], 8);
    else
      for (size_t i = 0; i < some; i++) memcpy(values + width * i, dictionary->values.data + width * entries[i], width);
    LAM_TRY(lam_bounds_add(bounds, values, some, NULL));
  }
  return LAM_OK;
}

static enum lam_status add_strings(const struct lam_dictionary *dictionary, const uint32_t *entries, size_t count,
                                   struct lam_bounds *bounds) {
  struct lam_bytes values[GATHER];
  for (size_t some; count > 0; entries += some, count -= some) {
    some = count < GATHER ? count : GATHER;
    for (size_t i = 0; i < some; i++) {
      values[i] = lam_dictionary_plain(dictionary, entries[i]);
      values[i].data += 4, values[i].size -= 4; /* its length */
    }
    LAM_TRY(lam_bounds_add_bytes(bounds, values, some, NULL));
  }
  return LAM_OK;
}

void lam_index_add_indices(struct lam_index_builder *index, const struct lam_dictionary *dictionary,
                           const uint32_t *indices, size_t count, struct lam_buf *scratch, struct lam_bounds *bounds) {
  if (!index->bounds_on) return;
  size_t room = lam_round_up(dictionary->count, 64), list_room = (dictionary->count + (size_t)1) * sizeof(uint32_t);
  enum lam_status status = lam_buf_reset(scratch, room + list_room, NULL);
  if (status == LAM_OK) {
    uint8_t *seen = scratch->data;
    uint32_t *entries = (uint32_t *)(void *)(scratch->data + room);
    memset(seen, 0, room);
    mark(indices, count, seen, dictionary->count);
    size_t found = list_seen(seen, dictionary->count, entries);
    status = dictionary->width ? add_fixed(dictionary, entries, found, bounds)
                               : add_strings(dictionary, entries, found, bounds);
  }
  if (status != LAM_OK) index->bounds_on = false;
}

int64_t lam_index_nans(struct lam_index_builder *index, const struct lam_dictionary *dictionary,
                       const uint32_t *indices, size_t count) {
  if (!index->nans_on) return 0;
  const uint8_t *values = dictionary->values.data;
  size_t seen = index->looked_at;
  index->looked_at = dictionary->count;
  if (lam_count_nans(index->compare, values + seen * dictionary->width, dictionary->count - seen))
    index->dictionary_nan = true;
  return index->dictionary_nan ? (int64_t)lam_count_nans_at(index->compare, values, indices, count) : 0;
}

/* ---- pages ---- */

void lam_index_add_levels(struct lam_index_builder *index, const uint8_t *repetition, const uint8_t *definition,
                          size_t entries) {
  const uint8_t *levels[2] = {repetition, definition};
  size_t slots = index->slots[0] + (size_t)index->slots[1], size = slots * sizeof(int64_t);
  if (slots == 0) return;
  if (lam_buf_room(&index->levels, 2 * size, NULL) != LAM_OK) { /* there will be no histograms */
    index->slots[0] = index->slots[1] = 0;
    return;
  }
  if (index->levels.size == 0) {
    memset(index->levels.data, 0, size);
    index->levels.size = size;
  }
  int64_t *total = (int64_t *)(void *)index->levels.data,
          *page = (int64_t *)(void *)(index->levels.data + index->levels.size);
  int64_t *at = page;
  memset(page, 0, size);
  for (int i = 0; i < 2; at += index->slots[i++]) {
    if (index->slots[i] && levels[i]) lam_count_levels(levels[i], entries, at, index->slots[i]);
    if (index->slots[i] && !levels[i]) at[0] = (int64_t)entries;
  }
  for (size_t i = 0; i < slots; i++) total[i] += page[i];
  if (index->bounds_on) index->levels.size += size;
}

/* A page without bounds, which are required, leaves the chunk without a column index: one of NaN only (parquet.thrift
 * asks for that), or whose maximum cannot be cut. */
static enum lam_status add_bounds(struct lam_index_builder *index, const struct lam_bounds *bounds,
                                  struct lam_index_entry *entry) {
  struct lam_statistics found;
  struct lam_arena arena;
  if (!bounds->any) {
    index->bounds_on = false;
    return LAM_OK;
  }
  lam_arena_init(&arena, index->bounds.mem);
  enum lam_status status = lam_bounds_finish(bounds, &arena, &found, NULL);
  if (status == LAM_OK) status = lam_buf_append(&index->bounds, found.min.data, found.min.size, NULL);
  if (status == LAM_OK) status = lam_buf_append(&index->bounds, found.max.data, found.max.size, NULL);
  entry->min_size = (uint32_t)found.min.size;
  entry->max_size = (uint32_t)found.max.size;
  if (!found.max.data) index->bounds_on = false;
  lam_arena_release(&arena);
  return status;
}

static void add_entry(struct lam_index_builder *index, const struct lam_index_entry *entry) {
  index->unencoded += entry->unencoded;
  index->nans += entry->nans;
  if (index->on && lam_buf_append(&index->entries, entry, sizeof *entry, NULL) != LAM_OK) index->on = false;
}

void lam_index_add_page(struct lam_index_builder *index, const struct lam_index_entry *page,
                        const struct lam_bounds *bounds) {
  struct lam_index_entry entry = *page;
  if (index->bounds_on && !entry.null_page && add_bounds(index, bounds, &entry) != LAM_OK) index->bounds_on = false;
  add_entry(index, &entry);
}

void lam_index_add_copied(struct lam_index_builder *index, const struct lam_index_entry *page, struct lam_bytes min,
                          struct lam_bytes max) {
  struct lam_index_entry entry = *page;
  entry.min_size = entry.max_size = 0;
  if (index->bounds_on && !entry.null_page) {
    bool known = min.data && max.data && min.size <= UINT32_MAX && max.size <= UINT32_MAX;
    if (known) known = lam_buf_append(&index->bounds, min.data, min.size, NULL) == LAM_OK;
    if (known) known = lam_buf_append(&index->bounds, max.data, max.size, NULL) == LAM_OK;
    entry.min_size = (uint32_t)min.size;
    entry.max_size = (uint32_t)max.size;
    index->bounds_on = known;
  }
  add_entry(index, &entry);
}

void lam_index_page_size(struct lam_index_builder *index, size_t size) {
  if (!index->on) return;
  assert(index->sized < count_of(index));
  entries_of(index)[index->sized++].size = (uint32_t)size;
}

/* ---- the end ---- */

enum lam_status lam_index_sizes(const struct lam_index_builder *index, struct lam_arena *arena, struct lam_bytes *out,
                                struct lam_error *error) {
  struct lam_size_statistics sizes = {.unencoded_bytes = index->sizes_on ? index->unencoded : -1};
  struct lam_buf bytes;
  void *memory;
  *out = (struct lam_bytes){NULL, 0};
  if (index->levels.size && index->slots[0] + index->slots[1] > 0) {
    int64_t *counts = (int64_t *)(void *)index->levels.data;
    sizes.repetition = (struct lam_histogram){counts, index->slots[0]};
    sizes.definition = (struct lam_histogram){counts + index->slots[0], index->slots[1]};
  }
  if (sizes.unencoded_bytes < 0 && !sizes.repetition.count && !sizes.definition.count) return LAM_OK;
  lam_buf_init(&bytes, arena->mem);
  enum lam_status status = lam_size_statistics_write(&sizes, &bytes, error);
  if (status == LAM_OK) status = lam_arena_alloc(arena, bytes.size, &memory, error);
  if (status == LAM_OK) {
    memcpy(memory, bytes.data, bytes.size);
    *out = lam_bytes_of(memory, bytes.size);
  }
  lam_buf_release(&bytes);
  return status;
}

/* The histograms of all pages, of repetition levels (0) or definition levels (1), as a thrift list in `bytes`. */
static enum lam_status list_levels(const struct lam_index_builder *index, int which, struct lam_arena *arena,
                                   struct lam_buf *bytes, struct lam_bytes *out, struct lam_error *error) {
  size_t slots = index->slots[which], all = index->slots[0] + (size_t)index->slots[1], count = count_of(index);
  struct lam_histogram list = {.count = (uint32_t)(slots * count)};
  bytes->size = 0;
  if (slots == 0 || slots * count > INT32_MAX) return LAM_OK;
  LAM_TRY(lam_arena_array(arena, list.count, sizeof *list.counts, (void **)&list.counts, error));
  const int64_t *from = (const int64_t *)(const void *)index->levels.data + all + (which ? index->slots[0] : 0);
  for (size_t i = 0; i < count; i++) memcpy(list.counts + i * slots, from + i * all, slots * sizeof *from);
  LAM_TRY(lam_histogram_write(&list, bytes, error));
  *out = lam_bytes_of(bytes->data, bytes->size);
  return LAM_OK;
}

/* Pages of nulls have no bounds and do not count. One page is ascending. */
static int32_t boundary_order(enum lam_compare compare, const struct lam_column_index *columns) {
  bool ascending = true, descending = true;
  int32_t last = -1;
  for (int32_t i = 0; i < columns->count; i++) {
    if (columns->null_pages[i]) continue;
    if (last >= 0) {
      int min = lam_compare_bounds(compare, columns->min[last], columns->min[i]);
      int max = lam_compare_bounds(compare, columns->max[last], columns->max[i]);
      ascending = ascending && min <= 0 && max <= 0;
      descending = descending && min >= 0 && max >= 0;
    }
    last = i;
  }
  return ascending ? LAM_BOUNDARY_ASCENDING : descending ? LAM_BOUNDARY_DESCENDING : LAM_BOUNDARY_UNORDERED;
}

static enum lam_status finish_columns(const struct lam_index_builder *index, struct lam_arena *arena,
                                      struct lam_buf *out, struct lam_error *error) {
  struct lam_column_index columns = {.count = (int32_t)count_of(index)};
  const struct lam_index_entry *entries = entries_of(index);
  static const uint8_t nothing; /* bounds may all be empty texts; arithmetic on a NULL is undefined, even with 0 */
  const uint8_t *bound = index->bounds.data ? index->bounds.data : &nothing;
  size_t count = count_of(index);
  LAM_TRY(lam_arena_array(arena, count, sizeof *columns.null_pages, (void **)&columns.null_pages, error));
  LAM_TRY(lam_arena_array(arena, count, sizeof *columns.null_counts, (void **)&columns.null_counts, error));
  if (index->nans_on)
    LAM_TRY(lam_arena_array(arena, count, sizeof *columns.nan_counts, (void **)&columns.nan_counts, error));
  LAM_TRY(lam_arena_array(arena, count, sizeof *columns.min, (void **)&columns.min, error));
  LAM_TRY(lam_arena_array(arena, count, sizeof *columns.max, (void **)&columns.max, error));
  for (size_t i = 0; i < count; i++) {
    columns.null_pages[i] = entries[i].null_page;
    columns.null_counts[i] = entries[i].nulls;
    if (index->nans_on) columns.nan_counts[i] = entries[i].nans;
    if (entries[i].null_page) continue;
    columns.min[i] = lam_bytes_of(bound, entries[i].min_size);
    columns.max[i] = lam_bytes_of(bound + entries[i].min_size, entries[i].max_size);
    bound += entries[i].min_size + (size_t)entries[i].max_size;
  }
  columns.boundary_order = boundary_order(index->compare, &columns);
  struct lam_buf lists[2];
  enum lam_status status = LAM_OK;
  for (int i = 0; i < 2; i++) {
    lam_buf_init(&lists[i], out->mem);
    struct lam_bytes *list = i ? &columns.definition_levels : &columns.repetition_levels;
    if (status == LAM_OK) status = list_levels(index, i, arena, &lists[i], list, error);
  }
  if (status == LAM_OK) status = lam_column_index_write(&columns, out, error);
  for (int i = 0; i < 2; i++) lam_buf_release(&lists[i]);
  return status;
}

static enum lam_status finish_offsets(const struct lam_index_builder *index, uint64_t offset, struct lam_arena *arena,
                                      struct lam_buf *out, struct lam_error *error) {
  struct lam_offset_index offsets = {.count = (int32_t)count_of(index)};
  const struct lam_index_entry *entries = entries_of(index);
  size_t count = count_of(index);
  int64_t row = 0;
  LAM_TRY(lam_arena_array(arena, count, sizeof *offsets.pages, (void **)&offsets.pages, error));
  if (index->sizes_on)
    LAM_TRY(lam_arena_array(arena, count, sizeof *offsets.unencoded_bytes, (void **)&offsets.unencoded_bytes, error));
  for (size_t i = 0; i < count; i++) {
    offsets.pages[i] = (struct lam_page_location){offset, entries[i].size, row};
    offset += entries[i].size;
    row += entries[i].rows;
    if (index->sizes_on) offsets.unencoded_bytes[i] = entries[i].unencoded;
  }
  return lam_offset_index_write(&offsets, out, error);
}

enum lam_status lam_index_finish(const struct lam_index_builder *index, uint64_t offset, struct lam_buf *out,
                                 size_t *column_size, size_t *offset_size, struct lam_error *error) {
  size_t start = out->size;
  struct lam_arena arena;
  *column_size = *offset_size = 0;
  if (!index->on || count_of(index) == 0) return LAM_OK;
  assert(index->sized == count_of(index));
  lam_arena_init(&arena, out->mem);
  enum lam_status status = index->bounds_on ? finish_columns(index, &arena, out, error) : LAM_OK;
  size_t middle = out->size;
  if (status == LAM_OK) status = finish_offsets(index, offset, &arena, out, error);
  lam_arena_release(&arena);
  if (status != LAM_OK) {
    out->size = start;
    return status;
  }
  *column_size = middle - start;
  *offset_size = out->size - middle;
  return LAM_OK;
}
