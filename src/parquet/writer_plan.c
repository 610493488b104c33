/* What a writer takes of the memory, planned before it takes any.
 *
 * Rows are taken slice by slice, and between slices the writer looks whether enough is available for the next one and
 * for ending the row group behind it. That is what it must be able to allocate whatever comes: the pages of a round
 * with their compressed forms, which are as large for data that does not compress, the pages under way, and the pieces
 * that finished ones are gathered in. Dictionaries and bloom filters live from what is left: a chunk can do without. */
#include "base/context.h"
#include "base/threads.h"
#include "parquet/writer_state.h"

enum {
  SLICE_BYTES = 4 << 20, /* of a batch that the columns take at once: what they write stays in the cache */
  LEAST_SLICE = 64 << 10,
  PACK_BYTES = 512 << 10, /* for each thread: a page of numbers, or half of one of strings */
  SLICE_SHARE = 32,       /* of the memory */
  SLICE_COST = 5,         /* in memory for a byte of it: two batches of encoded pages, and those packed */
  PAGE_COST = 3,          /* for a byte of a page, of each column: being filled, packed, gathered */
  THREAD_PAGES = 2,       /* that a thread packs from and to */
  LEAST_PAGE = 8 << 10,
  LEAST_PAGE_BY_GROUP = 64 << 10, /* that a small row group asks for */
  SEGMENT_BYTES = 1 << 20,
  LEAST_SEGMENT = 16 << 10,
};

void lam_writer_plan(struct lam_writer *writer, bool paged, struct lam_chunk_options *columns) {
  uint64_t memory = writer->memory, count = (uint64_t)writer->column_count;
  uint64_t threads = lam_pool_threads(lam_context_pool(lam_mem_context(writer->mem)));
  uint64_t pages = PAGE_COST * count + THREAD_PAGES * threads; /* at once */
  writer->slice_bytes = lam_min_u64(lam_min_u64(writer->row_group_bytes / 8, SLICE_BYTES), memory / SLICE_SHARE);
  writer->slice_bytes = lam_max_u64(writer->slice_bytes, LEAST_SLICE);
  writer->pack_bytes = lam_min_u64(threads * PACK_BYTES, writer->slice_bytes);
  uint64_t page = lam_max_u64(memory / 3 / pages, LEAST_PAGE), by_group = writer->row_group_bytes / (count + 1);
  if (!paged) page = lam_min_u64(page, lam_max_u64(by_group, LEAST_PAGE_BY_GROUP));
  columns->page_bytes = lam_min_u64(columns->page_bytes, page);
  columns->segment_bytes = lam_max_u64(lam_min_u64(SEGMENT_BYTES, memory / 8 / (count + 1)), LEAST_SEGMENT);
  uint64_t need = SLICE_COST * writer->slice_bytes + pages * columns->page_bytes + count * columns->segment_bytes;
  /* Who plans with a part of what there is has other writers beside this one, that look at the same time. */
  uint64_t available = lam_mem_available(writer->mem), writers = memory ? available / memory : 1;
  writer->low_memory = lam_min_u64(lam_max_u64(need * lam_max_u64(writers, 1), memory / 8), available / 2);
  columns->reserve = writer->low_memory;
}
