#include "ops/verify_sizes.h"

#include <inttypes.h>
#include <stdio.h>

static const char *const level_names[2] = {"repetition", "definition"};

static uint32_t slots_of(const struct lam_size_check *check, int which) {
  return (uint32_t)(which ? check->node->max_definition : check->node->max_repetition) + 1;
}

/* ---- what is said ---- */

/* A histogram of another length than `expected` is a fault, and is not looked at. */
static void check_length(const struct lam_size_check *check, struct lam_histogram *histogram, int which,
                         int64_t pages) {
  int64_t expected = pages * slots_of(check, which);
  if (histogram->count == 0 || histogram->count == expected) return;
  lam_index_fault(
      check->index, "the %s have %" PRIu32 " numbers of %s levels; there are %" PRId64,
      pages == 1 && histogram != &check->pages[which] ? "size statistics" : "histograms of the column index says",
      histogram->count, level_names[which], expected);
  histogram->count = 0;
}

static enum lam_status read_stated(struct lam_size_check *check, struct lam_error *error) {
  const struct lam_index_check *index = check->index;
  struct lam_chunk_details details;
  enum lam_status status;
  lam_chunk_details(&lam_file_meta(index->file)->row_groups[index->row_group].chunks[index->leaf], &details);
  const struct lam_size_statistics none = {.unencoded_bytes = -1};
  check->stated = none;
  check->stated_nans = details.statistics.nan_count;
  if (details.size_statistics.size) {
    status = lam_size_statistics_parse(details.size_statistics, &check->arena, &check->stated, error);
    if (status != LAM_OK) check->stated = none;
    LAM_TRY(lam_index_as_fault(index, status, error));
  }
  check_length(check, &check->stated.repetition, 0, 1);
  check_length(check, &check->stated.definition, 1, 1);
  for (int i = 0; i < 2 && index->columns.count > 0 && index->offsets.count > 0; i++) {
    struct lam_bytes list = i ? index->columns.definition_levels : index->columns.repetition_levels;
    status = lam_histogram_parse(list, &check->arena, &check->pages[i], error);
    if (status != LAM_OK) check->pages[i].count = 0;
    LAM_TRY(lam_index_as_fault(index, status, error));
    check_length(check, &check->pages[i], i, index->columns.count);
  }
  return LAM_OK;
}

static enum lam_status make_counts(struct lam_size_check *check, int which, struct lam_sizes_found *found,
                                   struct lam_error *error) {
  int64_t **counts = &found->levels[which];
  size_t slots = check->levels_on ? slots_of(check, which) : 0;
  LAM_TRY(lam_arena_array(&check->arena, slots, sizeof **counts, (void **)counts, error));
  if (slots) memset(*counts, 0, slots * sizeof **counts);
  return LAM_OK;
}

enum lam_status lam_size_check_begin(struct lam_size_check *check, const struct lam_index_check *index,
                                     const struct lam_shred_path *path, struct lam_error *error) {
  const struct lam_file_meta *meta = lam_file_meta(index->file);
  struct lam_type type;
  *check = (struct lam_size_check){
      .mem = index->mem, .index = index, .node = &meta->nodes[meta->leaves[index->leaf]], .path = *path};
  lam_arena_init(&check->arena, check->mem);
  lam_shredded_init(&check->shredded, check->mem);
  LAM_TRY(lam_type_parse(path->leaf, &type, error));
  LAM_TRY(read_stated(check, error));
  bool bytes = check->stated.unencoded_bytes >= 0 || index->offsets.unencoded_bytes;
  bool nans = check->stated_nans >= 0 || index->columns.nan_counts;
  check->bytes_on = bytes && check->node->physical == LAM_BYTE_ARRAY && lam_type_is_binary(type.id);
  check->nans_on = nans && lam_compare_is_float(index->bounds.compare) && lam_type_is_float(type.id);
  check->levels_on = check->stated.repetition.count || check->stated.definition.count || check->pages[0].count ||
                     check->pages[1].count;
  for (int i = 0; i < 2; i++) {
    LAM_TRY(make_counts(check, i, &check->at_page, error));
    LAM_TRY(make_counts(check, i, &check->chunk, error));
  }
  return LAM_OK;
}

void lam_size_check_release(struct lam_size_check *check) {
  if (!check->mem) return;
  lam_shredded_release(&check->shredded);
  lam_arena_release(&check->arena);
}

/* ---- pages ---- */

static void compare(const struct lam_size_check *check, bool on, int64_t stated, int64_t found, const char *who,
                    const char *what) {
  if (on && stated >= 0 && stated != found)
    lam_index_fault(check->index, "%s %" PRId64 " %s; there are %" PRId64, who, stated, what, found);
}

static void compare_levels(const struct lam_size_check *check, const int64_t *stated, const int64_t *found, int which,
                           const char *who) {
  for (uint32_t level = 0; level < slots_of(check, which); level++) {
    if (stated[level] == found[level]) continue;
    lam_index_fault(check->index, "%s %" PRId64 " entries of %s level %" PRIu32 "; there are %" PRId64, who,
                    stated[level], level_names[which], level, found[level]);
    return; /* one level off is two */
  }
}

/* Compares the page with the indexes, and adds it to the chunk. */
static void end_page(struct lam_size_check *check) {
  const struct lam_index_check *index = check->index;
  struct lam_sizes_found *page = &check->at_page, *chunk = &check->chunk;
  int32_t p = check->page;
  char who[64];
  if (index->offsets.count > 0 && p < index->offsets.count) {
    bool columns = p < index->columns.count;
    snprintf(who, sizeof who, "page %" PRId32 ": the offset index says", p);
    if (index->offsets.unencoded_bytes)
      compare(check, check->bytes_on, index->offsets.unencoded_bytes[p], page->bytes, who, "bytes of strings");
    snprintf(who, sizeof who, "page %" PRId32 ": the column index says", p);
    if (columns && index->columns.nan_counts)
      compare(check, check->nans_on, index->columns.nan_counts[p], page->nans, who, "NaN");
    for (int i = 0; i < 2 && check->levels_on; i++)
      if (check->pages[i].count)
        compare_levels(check, check->pages[i].counts + (size_t)p * slots_of(check, i), page->levels[i], i, who);
  }
  chunk->bytes += page->bytes;
  chunk->nans += page->nans;
  page->bytes = page->nans = 0;
  for (int i = 0; i < 2 && check->levels_on; i++)
    for (uint32_t level = 0; level < slots_of(check, i); level++) {
      chunk->levels[i][level] += page->levels[i][level];
      page->levels[i][level] = 0;
    }
  check->page++;
}

/* ---- values ---- */

static bool is_nan(const struct lam_view *view, enum lam_compare compare, int64_t row) {
  size_t width = compare == LAM_COMPARE_FLOAT16 ? 2 : compare == LAM_COMPARE_FLOAT ? 4 : 8;
  return lam_count_nans(compare, (const uint8_t *)view->data + (size_t)(view->offset + row) * width, 1);
}

static void count_values(struct lam_size_check *check, const struct lam_view *leaf) {
  const struct lam_range *ranges = (const struct lam_range *)(const void *)check->shredded.ranges.data;
  for (size_t i = 0; i < check->shredded.ranges.size / sizeof *ranges; i++)
    for (int64_t row = ranges[i].first; row < ranges[i].end; row++) {
      if (!lam_view_valid(leaf, row)) continue;
      if (check->bytes_on) check->at_page.bytes += (int64_t)lam_view_bytes(leaf, row).size;
      if (check->nans_on) check->at_page.nans += is_nan(leaf, check->index->bounds.compare, row);
    }
}

/* Rows of one page. A schema that says less than the file's levels do (an old form of lists) leaves them unchecked. */
static enum lam_status count_rows(struct lam_size_check *check, const struct lam_view *leaf, int64_t from, int64_t rows,
                                  struct lam_error *error) {
  struct lam_shredded *s = &check->shredded;
  LAM_TRY(lam_shred(&check->path, from, rows, s, error));
  count_values(check, leaf);
  if (leaf->type.id == LAM_TYPE_NULL)
    s->level++; /* which no entry reaches */
  else if (check->path.leaf->flags & ARROW_FLAG_NULLABLE)
    lam_shred_leaf(s, leaf->null_count == 0 ? NULL : leaf->validity, leaf->offset);
  if (s->level != check->node->max_definition || s->repetition_level != check->node->max_repetition)
    check->levels_on = false;
  if (!check->levels_on) return LAM_OK;
  lam_count_levels(s->repetition.data, s->entries, check->at_page.levels[0], slots_of(check, 0));
  lam_count_levels(s->definition.data, s->entries, check->at_page.levels[1], slots_of(check, 1));
  return LAM_OK;
}

enum lam_status lam_size_check_rows(struct lam_size_check *check, const struct ArrowArray *column, int64_t rows,
                                    struct lam_error *error) {
  enum { AT_ONCE = 4096 };
  const struct lam_index_check *index = check->index;
  int64_t group_rows = lam_file_meta(index->file)->row_groups[index->row_group].rows;
  const struct ArrowArray *array;
  struct lam_view leaf;
  if (!check->bytes_on && !check->nans_on && !check->levels_on) return LAM_OK;
  LAM_TRY(lam_shred_bind(&check->path, column, 0, rows, &array, error));
  LAM_TRY(lam_view_init(check->path.leaf, array, &leaf, error));
  for (int64_t row = 0, some; row < rows; row += some) {
    bool paged = check->page < index->offsets.count;
    int64_t end = paged ? lam_page_end_row(&index->offsets, check->page, group_rows) : INT64_MAX;
    some = lam_min_i64(lam_min_i64(rows - row, AT_ONCE), end - check->row);
    LAM_TRY(count_rows(check, &leaf, row, some, error));
    check->row += some;
    if (check->row == end) end_page(check);
  }
  return LAM_OK;
}

void lam_size_check_end(struct lam_size_check *check) {
  if (!check->mem) return;
  end_page(check); /* rows of no page */
  compare(check, check->bytes_on, check->stated.unencoded_bytes, check->chunk.bytes, "the size statistics say",
          "bytes of strings");
  compare(check, check->nans_on, check->stated_nans, check->chunk.nans, "the statistics say", "NaN");
  for (int i = 0; i < 2 && check->levels_on; i++) {
    const struct lam_histogram *stated = i ? &check->stated.definition : &check->stated.repetition;
    if (stated->count) compare_levels(check, stated->counts, check->chunk.levels[i], i, "the size statistics say");
  }
}
