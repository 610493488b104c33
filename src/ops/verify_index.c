#include "ops/verify_index.h"

#include <inttypes.h>
#include <stdio.h>

#include "arrow/value_text.h"
#include "base/checksum.h"
#include "parquet/bloom.h"

void lam_index_fault(const struct lam_index_check *check, const char *format, ...) {
  char message[512];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  check->fault(check->user, message);
}

enum lam_status lam_index_as_fault(const struct lam_index_check *check, enum lam_status status,
                                   const struct lam_error *error) {
  if (status != LAM_CORRUPT) return status;
  lam_index_fault(check, "%s", error->message);
  return LAM_OK;
}

/* ---- bounds ---- */

/* Wide enough to be a value of the leaf. */
static bool bound_fits(const struct lam_index_check *check, struct lam_bytes bound) {
  return check->bounds.width == 0 || bound.size == (size_t)check->bounds.width;
}

static enum lam_status add_bound(struct lam_index_check *check, struct lam_bytes bound, struct lam_error *error) {
  if (check->bounds.width == 0) return lam_bounds_add_bytes(&check->bounds, &bound, 1, error);
  return lam_bounds_add(&check->bounds, bound.data, 1, error);
}

static bool has_bounds(const struct lam_index_check *check) {
  return check->bounds_on && check->page < check->columns.count && !check->columns.null_pages[check->page];
}

static enum lam_status begin_page(struct lam_index_check *check, struct lam_error *error) {
  check->values = check->nulls = 0;
  lam_bounds_clear(&check->bounds);
  lam_arena_release(&check->page_arena);
  lam_arena_init(&check->page_arena, check->mem);
  check->stated = (struct lam_statistics){.null_count = -1};
  if (!has_bounds(check)) return LAM_OK;
  struct lam_bytes min = check->columns.min[check->page], max = check->columns.max[check->page];
  if (!bound_fits(check, min) || !bound_fits(check, max)) {
    lam_index_fault(check, "page %" PRId32 ": the bounds of the column index have %zu and %zu bytes; a value has %d",
                    check->page, min.size, max.size, check->bounds.width);
    check->bounds_on = false;
    return LAM_OK;
  }
  /* NaN means nothing for other values. */
  if (lam_bound_is_nan(check->bounds.compare, min) || lam_bound_is_nan(check->bounds.compare, max)) return LAM_OK;
  LAM_TRY(add_bound(check, min, error));
  LAM_TRY(add_bound(check, max, error));
  return lam_bounds_finish(&check->bounds, &check->page_arena, &check->stated, error);
}

static void bound_text(const struct lam_index_check *check, struct lam_bytes bound, char out[72]) {
  struct lam_buf text;
  bool is_literal;
  lam_buf_init(&text, check->mem);
  if (lam_bound_text(lam_file_meta(check->file), check->leaf, bound, &text, &is_literal, NULL) != LAM_OK) text.size = 0;
  lam_text_quote(lam_bytes_of(text.data, text.size), out, 72);
  lam_buf_release(&text);
}

static void end_bound(const struct lam_index_check *check, struct lam_bytes stated, struct lam_bytes found,
                      const char *where, const char *expected) {
  char texts[2][72];
  if (!stated.data || lam_bytes_equal(stated, found)) return;
  bound_text(check, found, texts[0]);
  bound_text(check, stated, texts[1]);
  lam_index_fault(check, "page %" PRId32 ": a value lies %s of the column index: found %s, expected at %s %s",
                  check->page, where, texts[0], expected, texts[1]);
}

static enum lam_status end_page(struct lam_index_check *check, struct lam_error *error) {
  const struct lam_column_index *columns = &check->columns;
  int32_t page = check->page;
  if (page >= columns->count) return LAM_OK;
  if (columns->null_pages[page] && check->values > 0)
    lam_index_fault(check, "page %" PRId32 ": the column index says that it has only nulls; it has %" PRId64 " values",
                    page, check->values);
  if (columns->null_counts && check->counts_nulls && columns->null_counts[page] != check->nulls)
    lam_index_fault(check, "page %" PRId32 ": the column index says %" PRId64 " nulls; there are %" PRId64, page,
                    columns->null_counts[page], check->nulls);
  if (!check->stated.min.data) return LAM_OK;
  struct lam_statistics found;
  LAM_TRY(lam_bounds_finish(&check->bounds, &check->page_arena, &found, error));
  end_bound(check, check->stated.min, found.min, "below the minimum", "least");
  end_bound(check, check->stated.max, found.max, "above the maximum", "most");
  return LAM_OK;
}

/* Whether bounds come in the order that the index says. */
static void check_order(const struct lam_index_check *check) {
  const struct lam_column_index *columns = &check->columns;
  int sign = columns->boundary_order == LAM_BOUNDARY_ASCENDING ? 1 : -1;
  int32_t last = -1;
  if (!check->bounds_on || columns->boundary_order == LAM_BOUNDARY_UNORDERED) return;
  for (int32_t i = 0; i < columns->count; i++) {
    if (columns->null_pages[i] || !bound_fits(check, columns->min[i]) || !bound_fits(check, columns->max[i])) continue;
    if (last >= 0 && (sign * lam_compare_bounds(check->bounds.compare, columns->min[last], columns->min[i]) > 0 ||
                      sign * lam_compare_bounds(check->bounds.compare, columns->max[last], columns->max[i]) > 0)) {
      lam_index_fault(check, "page %" PRId32 ": its bounds are not %s, as the column index says", i,
                      sign > 0 ? "ascending" : "descending");
      return;
    }
    last = i;
  }
}

/* ---- beginning and end ---- */

enum lam_status lam_index_check_begin(struct lam_index_check *check, const struct lam_file *file, int32_t row_group,
                                      int32_t leaf, struct lam_mem *mem, lam_index_fault_fn fault_fn, void *user,
                                      struct lam_error *error) {
  const struct lam_file_meta *meta = lam_file_meta(file);
  const struct lam_schema_node *node = &meta->nodes[meta->leaves[leaf]];
  *check = (struct lam_index_check){
      .mem = mem, .file = file, .row_group = row_group, .leaf = leaf, .fault = fault_fn, .user = user};
  lam_arena_init(&check->arena, mem);
  lam_arena_init(&check->page_arena, mem);
  lam_bounds_init(&check->bounds, mem, node);
  check->counts_nulls = node->max_repetition == 0;
  struct lam_arena *arena = &check->arena;
  LAM_TRY(
      lam_index_as_fault(check, lam_offset_index_read(file, row_group, leaf, arena, &check->offsets, error), error));
  LAM_TRY(
      lam_index_as_fault(check, lam_column_index_read(file, row_group, leaf, arena, &check->columns, error), error));
  LAM_TRY(lam_index_as_fault(check, lam_bloom_read(file, row_group, leaf, arena, &check->bloom, error), error));
  if (check->columns.count >= 0 && check->offsets.count >= 0 && check->columns.count != check->offsets.count) {
    lam_index_fault(check, "the column index has %" PRId32 " pages, the offset index %" PRId32, check->columns.count,
                    check->offsets.count);
    check->columns.count = -1;
  }
  check->bounds_on = check->columns.count > 0 && check->bounds.compare != LAM_COMPARE_NONE &&
                     lam_statistics_trusted(meta, leaf, false);
  check_order(check);
  return begin_page(check, error);
}

void lam_index_check_release(struct lam_index_check *check) {
  if (!check->mem) return;
  lam_bounds_release(&check->bounds);
  lam_arena_release(&check->page_arena);
  lam_arena_release(&check->arena);
}

/* ---- pages ---- */

void lam_index_check_page(struct lam_index_check *check, const struct lam_page *page) {
  const struct lam_page_header *header = &page->header;
  if (header->kind != LAM_DATA_PAGE && header->kind != LAM_DATA_PAGE_V2) return;
  int32_t number = check->walked++, count = check->offsets.count;
  if (count < 0) return;
  int64_t size = (int64_t)page->header_size + header->compressed_size;
  if (number >= count) {
    if (number == count) lam_index_fault(check, "the offset index has %" PRId32 " pages; the chunk has more", count);
    return;
  }
  const struct lam_page_location *location = &check->offsets.pages[number];
  if (location->offset != page->offset || location->size != size)
    lam_index_fault(check,
                    "page %" PRId32 ": the offset index has %" PRIu32 " bytes at offset %" PRIu64 "; it is %" PRId64
                    " bytes at offset %" PRIu64,
                    number, location->size, location->offset, size, page->offset);
  int64_t rows =
      lam_page_end_row(&check->offsets, number, lam_file_meta(check->file)->row_groups[check->row_group].rows) -
      location->first_row;
  bool knows_rows = header->kind == LAM_DATA_PAGE_V2 || check->counts_nulls;
  int64_t found = header->kind == LAM_DATA_PAGE_V2 ? header->rows : header->values;
  if (knows_rows && rows != found)
    lam_index_fault(check, "page %" PRId32 ": the offset index gives it %" PRId64 " rows; it has %" PRId64, number,
                    rows, found);
}

void lam_index_check_walked(const struct lam_index_check *check) {
  if (check->walked < check->offsets.count)
    lam_index_fault(check, "the offset index has %" PRId32 " pages; the chunk has %" PRId32, check->offsets.count,
                    check->walked);
}

/* ---- values ---- */

int64_t lam_index_check_rows(const struct lam_index_check *check, int64_t most) {
  int64_t rows = lam_file_meta(check->file)->row_groups[check->row_group].rows;
  if (check->offsets.count <= 0 || check->page >= check->offsets.count) return most;
  return lam_min_i64(most, lam_page_end_row(&check->offsets, check->page, rows) - check->row);
}

static void miss(struct lam_index_check *check, struct lam_bytes value) {
  char text[72];
  if (lam_bloom_may_contain(check->bloom.data, check->bloom.size, lam_hash64(value.data, value.size))) return;
  bound_text(check, value, text);
  lam_index_fault(check, "the bloom filter does not have the value %s", text);
  check->bloom_missed = true;
}

enum lam_status lam_index_check_fixed(struct lam_index_check *check, const uint8_t *values, size_t width, size_t count,
                                      struct lam_error *error) {
  check->values += (int64_t)count;
  for (size_t i = 0; check->bloom.size && i < count && !check->bloom_missed; i++)
    miss(check, lam_bytes_of(values + i * width, width));
  return check->stated.min.data ? lam_bounds_add(&check->bounds, values, count, error) : LAM_OK;
}

enum lam_status lam_index_check_bytes(struct lam_index_check *check, const struct lam_bytes *values, size_t count,
                                      struct lam_error *error) {
  check->values += (int64_t)count;
  for (size_t i = 0; check->bloom.size && i < count && !check->bloom_missed; i++) miss(check, values[i]);
  return check->stated.min.data ? lam_bounds_add_bytes(&check->bounds, values, count, error) : LAM_OK;
}

enum lam_status lam_index_check_pass(struct lam_index_check *check, int64_t rows, int64_t nulls,
                                     struct lam_error *error) {
  int64_t all = lam_file_meta(check->file)->row_groups[check->row_group].rows;
  check->row += rows;
  check->nulls += nulls;
  if (check->offsets.count <= 0 || check->page >= check->offsets.count) return LAM_OK;
  if (check->row < lam_page_end_row(&check->offsets, check->page, all)) return LAM_OK;
  LAM_TRY(end_page(check, error));
  check->page++;
  return begin_page(check, error);
}
