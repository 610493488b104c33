#include "parquet/splice.h"

#include <assert.h>
#include <stdatomic.h>

#include "base/context.h"
#include "base/threads.h"
#include "parquet/splice_chunk.h"
#include "parquet/thrift.h"
#include "parquet/writer_state.h"

struct splice {
  struct lam_writer *writer;
  const struct lam_file *from;
  int32_t row_group;
  struct lam_arena arena;
  struct lam_splice_chunk *chunks; /* one for each leaf */
  struct lam_ranges segments;      /* rows whose pages change in some column: whole pages of each that changes */
  int64_t rows;                    /* of the source's row group */
  uint64_t touched_bytes;          /* of the pages that change */
  _Atomic bool fits;

  /* The rows under way. */
  struct lam_range window;
  const uint32_t *ranks; /* of each of its rows, and behind them: how many before it stay; NULL: all do */
  int64_t written;       /* rows */
  int64_t group_rows;    /* of the new row group */
};

/* ---- the plan ---- */

static enum lam_status read_indexes(struct splice *s, struct lam_error *error) {
  size_t leaves = (size_t)s->writer->column_count;
  struct lam_offset_index *offsets;
  struct lam_column_index *columns;
  int32_t *numbers;
  LAM_TRY(lam_arena_array(&s->arena, leaves, sizeof *s->chunks, (void **)&s->chunks, error));
  LAM_TRY(lam_arena_array(&s->arena, leaves, sizeof *offsets, (void **)&offsets, error));
  LAM_TRY(lam_arena_array(&s->arena, leaves, sizeof *columns, (void **)&columns, error));
  LAM_TRY(lam_arena_array(&s->arena, leaves, sizeof *numbers, (void **)&numbers, error));
  for (size_t i = 0; i < leaves; i++) numbers[i] = (int32_t)i;
  LAM_TRY(lam_page_indexes_read(s->from, s->row_group, numbers, leaves, &s->arena, offsets, columns, error));
  const struct lam_file_meta *meta = lam_file_meta(s->from);
  for (size_t i = 0; i < leaves; i++) {
    const struct lam_chunk_meta *chunk = &meta->row_groups[s->row_group].chunks[i];
    bool hold = lam_raw_bounds_hold(meta, (int32_t)i);
    s->chunks[i] = (struct lam_splice_chunk){.from = s->from,
                                             .row_group = s->row_group,
                                             .leaf = (int32_t)i,
                                             .to = &s->writer->chunks[i],
                                             .offsets = offsets[i],
                                             .columns = columns[i],
                                             .statistics = lam_statistics_none(),
                                             .rows = s->rows};
    /* Counts of nulls are believed, bounds only in the order that we write. */
    if (!hold && s->chunks[i].columns.count >= 0 && s->writer->chunks[i].leaf->max_definition == 0)
      s->chunks[i].columns.count = -1;
    if (hold) s->chunks[i].statistics = lam_chunk_statistics(chunk);
    s->fits = s->fits && lam_splice_fits(&s->chunks[i]) &&
              (hold || s->chunks[i].columns.count < 0 || s->chunks[i].to->bounds.compare == LAM_COMPARE_NONE);
  }
  return LAM_OK;
}

static enum lam_status touch_pages(struct splice *s, struct lam_splice_chunk *chunk, const struct lam_ranges *changed,
                                   struct lam_ranges *pages, struct lam_error *error) {
  size_t at = 0, count = lam_ranges_count(changed);
  uint8_t *touched;
  LAM_TRY(lam_arena_alloc(&s->arena, (size_t)chunk->offsets.count, (void **)&touched, error));
  for (int32_t p = 0; p < chunk->offsets.count; p++) {
    int64_t first = chunk->offsets.pages[p].first_row, end = lam_page_end_row(&chunk->offsets, p, s->rows);
    while (at < count && lam_ranges_at(changed, at)->end <= first) at++;
    touched[p] = at < count && lam_ranges_at(changed, at)->first < end;
    if (!touched[p]) continue;
    s->touched_bytes += chunk->offsets.pages[p].size;
    LAM_TRY(lam_ranges_add(pages, first, end, error));
  }
  chunk->touched = touched;
  return LAM_OK;
}

static enum lam_status find_segments(struct splice *s, const struct lam_ranges *changed, struct lam_error *error) {
  struct lam_ranges pages, both;
  enum lam_status status = LAM_OK;
  lam_ranges_init(&pages, s->writer->mem);
  lam_ranges_init(&both, s->writer->mem);
  for (int32_t i = 0; status == LAM_OK && i < s->writer->column_count; i++) {
    lam_ranges_clear(&pages);
    lam_ranges_clear(&both);
    status = touch_pages(s, &s->chunks[i], changed, &pages, error);
    if (status == LAM_OK) status = lam_ranges_unite(&s->segments, &pages, &both, error);
    struct lam_ranges swap = s->segments;
    s->segments = both;
    both = swap;
  }
  lam_ranges_release(&pages);
  lam_ranges_release(&both);
  return status;
}

/* Not too many bytes are decoded, and those fit the memory there is, several times: the others do not pass through
 * it. */
static bool is_worth_while(const struct splice *s, uint64_t most) {
  return s->touched_bytes <= most && s->touched_bytes < lam_mem_available(s->writer->mem) / 8;
}

/* ---- columns, side by side ---- */

typedef enum lam_status (*column_fn)(struct splice *s, struct lam_splice_chunk *chunk, struct lam_workspace *workspace,
                                     struct lam_error *error);
struct columns {
  struct splice *splice;
  column_fn work;
};

static enum lam_status run_column(void *user, size_t index, struct lam_error *error) {
  const struct columns *columns = user;
  struct splice *s = columns->splice;
  struct lam_workspace *workspace;
  if (!s->fits) return LAM_OK;
  LAM_TRY(lam_writer_take_workspace(s->writer, &workspace, error));
  enum lam_status status = columns->work(s, &s->chunks[index], workspace, error);
  lam_writer_return_workspace(s->writer, workspace);
  return lam_fail_in(error, status, "column \"%s\"", s->writer->columns[index].name);
}

static enum lam_status each_column(struct splice *s, column_fn work, struct lam_error *error) {
  struct columns columns = {s, work};
  struct lam_pool *pool = lam_context_pool(lam_mem_context(s->writer->mem));
  return lam_pool_run(pool, (size_t)s->writer->column_count, 0, run_column, &columns, error);
}

static enum lam_status begin_column(struct splice *s, struct lam_splice_chunk *chunk, struct lam_workspace *workspace,
                                    struct lam_error *error) {
  bool fits = true;
  LAM_TRY(lam_splice_begin(chunk, workspace, &fits, error));
  if (!fits) s->fits = false;
  return LAM_OK;
}

static int64_t rank_of(const struct splice *s, int64_t row) {
  return s->ranks ? s->ranks[row - s->window.first] : row - s->window.first;
}

/* Pages that do not change up to the end of the window, and the window's rows of those that do. */
static enum lam_status take_rows(struct splice *s, struct lam_splice_chunk *chunk, struct lam_workspace *workspace,
                                 struct lam_error *error) {
  const struct lam_view *view = &s->writer->views[chunk->leaf];
  while (chunk->row < s->window.end && s->fits) {
    int64_t end = lam_splice_page_end(chunk);
    if (!chunk->touched[chunk->page]) {
      bool fits = true;
      LAM_TRY(lam_splice_page(chunk, workspace, &fits, error));
      if (!fits) s->fits = false;
      chunk->row = end;
    } else {
      int64_t to = lam_min_i64(end, s->window.end), from = rank_of(s, chunk->row);
      assert(chunk->row >= s->window.first);
      LAM_TRY(lam_chunk_append(chunk->to, workspace, view, from, rank_of(s, to) - from, error));
      chunk->row = to;
    }
    chunk->page += chunk->row == end;
  }
  return LAM_OK;
}

static enum lam_status finish_column(struct splice *s, struct lam_splice_chunk *chunk, struct lam_workspace *workspace,
                                     struct lam_error *error) {
  (void)s;
  return lam_splice_finish(chunk, workspace, error);
}

/* ---- rows ---- */

static enum lam_status take_batch(struct splice *s, const struct ArrowArray *batch, struct lam_error *error) {
  struct lam_plain_copy *copies;
  enum lam_status status = lam_writer_begin_batch(s->writer, batch, &copies, error);
  if (status == LAM_OK) status = each_column(s, take_rows, error);
  lam_writer_end_batch(s->writer, copies);
  s->written += batch->length;
  return status;
}

static enum lam_status rank_rows(struct splice *s, int64_t rows, const uint8_t *kept, struct lam_buf *ranks,
                                 struct lam_error *error) {
  uint32_t rank = 0;
  s->ranks = NULL;
  if (!kept) return LAM_OK;
  LAM_TRY(lam_buf_reset(ranks, ((size_t)rows + 1) * sizeof rank, error));
  uint32_t *to = (uint32_t *)(void *)ranks->data;
  for (int64_t i = 0; i < rows; i++) {
    to[i] = rank;
    rank += lam_bit_get(kept, i);
  }
  to[rows] = rank;
  s->ranks = to;
  return LAM_OK;
}

static enum lam_status take_segment(struct splice *s, struct lam_range segment, lam_splice_fn rows, void *user,
                                    struct lam_buf *ranks, struct lam_error *error) {
  while (segment.first < segment.end && s->fits) {
    struct ArrowArray batch = {.release = NULL};
    const uint8_t *kept = NULL;
    int64_t taken = 0;
    LAM_TRY(rows(user, &segment, &taken, &kept, &batch, error));
    assert(batch.release && taken > 0 && taken <= segment.end - segment.first);
    s->window = (struct lam_range){segment.first, segment.first + taken};
    enum lam_status status = rank_rows(s, taken, kept, ranks, error);
    if (status == LAM_OK) status = take_batch(s, &batch, error);
    lam_array_release(&batch);
    if (status != LAM_OK) return status;
    segment.first += taken;
  }
  return LAM_OK;
}

static enum lam_status take_all(struct splice *s, lam_splice_fn rows, void *user, struct lam_error *error) {
  struct lam_buf ranks;
  lam_buf_init(&ranks, s->writer->mem);
  enum lam_status status = each_column(s, begin_column, error);
  for (size_t i = 0; status == LAM_OK && i < lam_ranges_count(&s->segments); i++)
    status = take_segment(s, *lam_ranges_at(&s->segments, i), rows, user, &ranks, error);
  lam_buf_release(&ranks);
  s->window = (struct lam_range){s->rows, s->rows};
  if (status == LAM_OK) status = each_column(s, take_rows, error);
  if (status == LAM_OK) status = each_column(s, finish_column, error);
  return status;
}

/* ---- the row group ---- */

static enum lam_status write_group(struct splice *s, lam_splice_fn rows, void *user, struct lam_error *error) {
  struct lam_writer *writer = s->writer;
  enum lam_status status = take_all(s, rows, user, error);
  if (status == LAM_OK && s->fits) {
    int64_t copied = s->rows - lam_ranges_total(&s->segments);
    writer->pending_rows = s->group_rows = s->written + copied;
    if (writer->pending_rows) return lam_writer_close_group(writer, error);
  }
  for (int32_t i = 0; i < writer->column_count; i++) lam_chunk_clear(&writer->chunks[i], true);
  return status;
}

static enum lam_status splice(struct splice *s, const struct lam_ranges *changed, uint64_t most, lam_splice_fn rows,
                              void *user, struct lam_error *error) {
  LAM_TRY(lam_file_read_footer(s->from, error));
  const struct lam_file_meta *meta = lam_file_meta(s->from);
  LAM_TRY(lam_raw_check_group(meta, s->row_group, error));
  if (meta->leaf_count != s->writer->column_count) return lam_fail(error, LAM_INVALID, "its columns are others");
  s->rows = meta->row_groups[s->row_group].rows;
  LAM_TRY(lam_writer_close_group(s->writer, error));
  for (int32_t i = 0; i < meta->leaf_count; i++) {
    struct lam_raw_chunk chunk;
    LAM_TRY(lam_raw_find(s->writer, i, s->from, s->row_group, i, &chunk, error));
  }
  LAM_TRY(read_indexes(s, error));
  if (!s->fits) return LAM_OK;
  LAM_TRY(find_segments(s, changed, error));
  s->fits = is_worth_while(s, most);
  return s->fits ? write_group(s, rows, user, error) : LAM_OK;
}

enum lam_status lam_writer_splice_row_group(struct lam_writer *writer, const struct lam_file *from, int32_t row_group,
                                            const struct lam_ranges *changed, uint64_t most, lam_splice_fn rows,
                                            void *user, bool *done, int64_t *written, struct lam_error *error) {
  struct splice s = {.writer = writer, .from = from, .row_group = row_group, .fits = true};
  *done = false;
  LAM_TRY(lam_writer_check(writer, error));
  lam_arena_init(&s.arena, writer->mem);
  lam_ranges_init(&s.segments, writer->mem);
  enum lam_status status = splice(&s, changed, most, rows, user, error);
  *done = status == LAM_OK && s.fits;
  *written = s.group_rows;
  lam_ranges_release(&s.segments);
  lam_arena_release(&s.arena);
  return lam_writer_settle(writer, status, error);
}
