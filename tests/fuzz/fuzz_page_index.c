/* Offset and column indexes of any bytes: what parses keeps its promises and is the same again after it was written. */
#include <stdlib.h>

#include "parquet/page_index.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool condition) {
  if (!condition) abort();
}

static bool same_counts(const int64_t *a, const int64_t *b, int32_t count) {
  return !a == !b && (!a || memcmp(a, b, (size_t)count * sizeof *a) == 0);
}

static void run_offsets(struct lam_bytes bytes, struct lam_arena *arena, struct lam_buf *buf) {
  struct lam_error error = LAM_ERROR_INIT;
  struct lam_offset_index a, b;
  if (lam_offset_index_parse(bytes, arena, &a, &error) != LAM_OK) return check(error.message[0] != 0);
  check(a.count >= 0 && (size_t)a.count <= bytes.size);
  check(lam_offset_index_write(&a, buf, &error) == LAM_OK);
  check(lam_offset_index_parse(lam_bytes_of(buf->data, buf->size), arena, &b, &error) == LAM_OK);
  check(a.count == b.count && (!a.count || same_counts(a.unencoded_bytes, b.unencoded_bytes, a.count)));
  for (int32_t i = 0; i < a.count; i++) {
    const struct lam_page_location *page = &a.pages[i], *again = &b.pages[i];
    check(page->offset == again->offset && page->size == again->size && page->first_row == again->first_row);
    check(i == 0 ? page->first_row == 0 : page->first_row >= a.pages[i - 1].first_row);
    check(i == 0 || page->offset >= a.pages[i - 1].offset + a.pages[i - 1].size);
  }
}

static void run_columns(struct lam_bytes bytes, struct lam_arena *arena, struct lam_buf *buf) {
  struct lam_error error = LAM_ERROR_INIT;
  struct lam_column_index a, b;
  if (lam_column_index_parse(bytes, arena, &a, &error) != LAM_OK) return check(error.message[0] != 0);
  if (a.count < 0) return;
  check((size_t)a.count <= bytes.size);
  buf->size = 0;
  check(lam_column_index_write(&a, buf, &error) == LAM_OK);
  check(lam_column_index_parse(lam_bytes_of(buf->data, buf->size), arena, &b, &error) == LAM_OK);
  check(a.count == b.count && a.boundary_order == b.boundary_order &&
        same_counts(a.null_counts, b.null_counts, a.count) && same_counts(a.nan_counts, b.nan_counts, a.count) &&
        lam_bytes_equal(a.repetition_levels, b.repetition_levels) &&
        lam_bytes_equal(a.definition_levels, b.definition_levels));
  for (int32_t i = 0; i < a.count; i++)
    check(a.null_pages[i] == b.null_pages[i] && lam_bytes_equal(a.min[i], b.min[i]) &&
          lam_bytes_equal(a.max[i], b.max[i]) && a.min[i].data && a.max[i].data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static struct lam_context *context;
  struct lam_context_options small = LAM_CONTEXT_OPTIONS_INIT;
  struct lam_mem *mem;
  struct lam_arena arena;
  struct lam_buf buf;
  small.threads = 1, small.memory_limit = 64 << 20;
  if (!context) check(lam_context_create(&small, &context, NULL) == LAM_OK);
  check(lam_mem_open(context, 0, &mem, NULL) == LAM_OK);
  lam_arena_init(&arena, mem);
  lam_buf_init(&buf, mem);
  run_offsets(lam_bytes_of(data, size), &arena, &buf);
  run_columns(lam_bytes_of(data, size), &arena, &buf);
  lam_buf_release(&buf);
  lam_arena_release(&arena);
  check(lam_mem_used(mem) == 0);
  lam_mem_close(mem);
  return 0;
}
