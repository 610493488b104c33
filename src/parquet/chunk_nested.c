/* Leaves of nested columns into pages: values go through the blocks of flat columns, levels beside them, and pages end
 * between rows only. */
#include <inttypes.h>

#include "parquet/chunk_write.h"

enum { PAGE_ENTRIES = 1 << 20 }; /* of a page, where few of them are values */

/* Where the next entry that is present has its place. */
struct cursor {
  const struct lam_range *range;
  int64_t place;
};

/* Rows of the batch that go to a page together: entries [first, first + entries). */
struct piece {
  size_t first, entries, rows, present;
};

struct job {
  struct lam_chunk_writer *chunk;
  struct lam_workspace *workspace;
  const struct lam_shredded *shredded;
  struct lam_block block;
  struct cursor cursor; /* of the piece's first entry */
};

/* ---- rows that go together ---- */

static size_t count_byte(const uint8_t *bytes, size_t count, uint8_t byte) {
  size_t found = 0;
  for (size_t i = 0; i < count; i++) found += bytes[i] == byte;
  return found;
}

/* The end of the rows that begin at entry `first`: at most `entries` and `rows` of them, but one row at least. */
static size_t end_of_rows(const struct lam_shredded *shredded, size_t first, size_t entries, size_t rows) {
  const uint8_t *repetition = shredded->repetition.data;
  size_t all = shredded->entries, end = lam_min_u64(all, first + entries), found = first;
  if (shredded->repetition_level == 0) return lam_min_u64(end, first + rows);
  if (rows >= end - first) {
    for (found = end; found < all && found > first && repetition[found] != 0;) found--;
  } else {
    for (size_t i = first + 1; i <= end && rows > 0; i++)
      if (i == all || repetition[i] == 0) found = i, rows--;
  }
  if (found > first) return found;
  for (found = first + 1; found < all && repetition[found] != 0;) found++;
  return found;
}

/* Entries that are present have the shredder's level, or one more where the leaf's own nulls are in it. */
static struct piece piece_of(const struct job *job, size_t first, size_t entries) {
  const struct lam_shredded *s = job->shredded;
  size_t end = end_of_rows(s, first, lam_max_u64(entries, 1), lam_chunk_rows_left(job->chunk));
  struct piece piece = {.first = first, .entries = end - first};
  piece.rows = s->repetition_level ? count_byte(s->repetition.data + first, piece.entries, 0) : piece.entries;
  uint8_t least = (uint8_t)(s->level - (job->chunk->leaf->repetition == LAM_OPTIONAL));
  for (size_t i = first; i < end; i++) piece.present += s->definition.data[i] >= least;
  return piece;
}

static size_t entries_left(const struct lam_chunk_writer *chunk) {
  size_t used = chunk->levels.size;
  return lam_min_u64(lam_chunk_values_left(chunk), used < PAGE_ENTRIES ? PAGE_ENTRIES - used : 0);
}

/* Bytes of a string that the page is measured by; rows of dictionaries have been checked. */
static size_t string_size(const struct job *job, int64_t place) {
  const struct lam_view *view = job->block.view;
  size_t length = job->chunk->plain == LAM_PLAIN ? 4 : 0;
  if (!view->dictionary_array) return length + lam_view_bytes(view, place).size;
  if (!lam_view_valid(view, place)) return 0;
  int64_t index = lam_view_index(view, place);
  if (index < 0 || index >= job->chunk->source.view.length) return 0; /* it is refused when it is read */
  return length + lam_view_bytes(&job->chunk->source.view, index).size;
}

static size_t string_bytes(const struct job *job, const struct piece *piece) {
  const struct lam_view *view = job->block.view;
  struct cursor at = job->cursor;
  size_t total = 0, lengths = job->chunk->plain == LAM_PLAIN ? 4 : 0;
  if (job->chunk->storing.rule != LAM_STORE_BYTES || !lam_chunk_plain_counts(job->chunk)) return 0;
  for (size_t left = piece->present; left > 0;) {
    if (at.place == at.range->end) at.range++, at.place = at.range->first;
    size_t some = lam_min_u64(left, (uint64_t)(at.range->end - at.place));
    int64_t first = view->offset + at.place, end = first + (int64_t)some;
    if (view->dictionary_array)
      for (size_t i = 0; i < some; i++) total += string_size(job, at.place + (int64_t)i);
    else if (view->offsets64)
      total += lengths * some + (size_t)(view->offsets64[end] - view->offsets64[first]);
    else
      total += lengths * some + (size_t)(view->offsets32[end] - view->offsets32[first]);
    at.place += (int64_t)some;
    left -= some;
  }
  return total;
}

/* Chooses the rows from entry `first` on that go next, ending the page before them where they do not fit it. */
static enum lam_status choose_piece(struct job *job, size_t first, struct piece *out, struct lam_error *error) {
  struct lam_chunk_writer *chunk = job->chunk;
  if (chunk->page_rows > 0 && (lam_chunk_rows_left(chunk) == 0 || entries_left(chunk) == 0))
    LAM_TRY(lam_chunk_end_page(chunk, job->workspace, error));
  *out = piece_of(job, first, lam_min_u64(LAM_BLOCK_ROWS, entries_left(chunk)));
  size_t bytes = string_bytes(job, out);
  for (; bytes > chunk->options.page_bytes && out->rows > 1; bytes = string_bytes(job, out))
    *out = piece_of(job, first, out->entries / 2);
  size_t used = chunk->dictionary_on ? chunk->page_plain_bytes : lam_chunk_data_size(chunk);
  bool full = bytes > 0 ? used + bytes > chunk->options.page_bytes : out->entries > entries_left(chunk);
  if (chunk->page_rows > 0 && full) LAM_TRY(lam_chunk_end_page(chunk, job->workspace, error));
  if (chunk->levels.size + out->entries > INT32_MAX)
    return lam_fail(error, LAM_UNSUPPORTED, "a row of %zu values is longer than a page, 2^31 - 1 values", out->entries);
  return LAM_OK;
}

/* ---- values ---- */

/* Takes up to `most` entries that are present into the block, those that are values. */
static enum lam_status fill_block(struct job *job, struct cursor *at, size_t most, size_t *taken,
                                  struct lam_error *error) {
  struct lam_block *block = &job->block;
  const uint8_t *validity = block->validity;
  if (at->place == at->range->end) at->range++, at->place = at->range->first;
  block->row = at->place;
  int64_t left = at->range->end - at->place;
  size_t count = 0;
  if (!validity && (uint64_t)left >= most) {
    block->values = block->rows = *taken = most;
    at->place += (int64_t)most;
    return block->view->dictionary_array ? lam_chunk_read_indices(job->chunk, block, error) : LAM_OK;
  }
  for (*taken = 0; *taken < most; at->place++, ++*taken) {
    if (at->place == at->range->end) {
      if (at->range[1].first - block->row > UINT32_MAX) break;
      at->range++, at->place = at->range->first;
    }
    block->selection[count] = (uint32_t)(at->place - block->row);
    count += !validity || lam_bit_get(validity, block->validity_offset + at->place);
  }
  block->values = count;
  block->rows = (size_t)(at->place - block->row);
  return block->view->dictionary_array && count ? lam_chunk_read_indices(job->chunk, block, error) : LAM_OK;
}

/* *again: the dictionary was given up, and the page that it was used in ended before the piece, of whose values none is
 * in a page now. */
static enum lam_status append_values(struct job *job, const struct piece *piece, struct cursor *at, bool *again,
                                     struct lam_error *error) {
  struct lam_chunk_writer *chunk = job->chunk;
  size_t most = lam_chunk_block_rows(chunk), taken;
  *again = false;
  chunk->row_unencoded = chunk->page_unencoded;
  for (size_t left = piece->present; left > 0;) {
    struct cursor before = *at;
    bool dictionary = chunk->dictionary_on;
    LAM_TRY(fill_block(job, at, lam_min_u64(left, most), &taken, error));
    LAM_TRY(lam_chunk_append_block(chunk, job->workspace, &job->block, error));
    if (dictionary && !chunk->dictionary_on) {
      *again = chunk->dictionary_pages > 0;
      if (*again) return LAM_OK;
      *at = before;
      continue;
    }
    chunk->page_values += job->block.values;
    chunk->row_values += job->block.values;
    left -= taken;
  }
  return LAM_OK;
}

static enum lam_status append_levels(struct job *job, const struct piece *piece, struct lam_error *error) {
  struct lam_chunk_writer *chunk = job->chunk;
  const struct lam_shredded *s = job->shredded;
  LAM_TRY(lam_buf_append(&chunk->repetition, s->repetition.data + piece->first, piece->entries, error));
  LAM_TRY(lam_buf_append(&chunk->levels, s->definition.data + piece->first, piece->entries, error));
  chunk->page_rows += piece->rows;
  chunk->rows += (int64_t)piece->rows;
  chunk->entries += (int64_t)piece->entries;
  chunk->nulls += (int64_t)(piece->entries - chunk->row_values);
  chunk->row_values = 0;
  return LAM_OK;
}

/* ---- batches ---- */

static enum lam_status check_required(const struct job *job, struct lam_error *error) {
  const struct lam_block *block = &job->block;
  const struct lam_range *range = job->cursor.range, *last = range + job->shredded->ranges.size / sizeof *range;
  for (; block->validity && range < last; range++)
    for (int64_t place = range->first; place < range->end; place++)
      if (!lam_bit_get(block->validity, block->validity_offset + place))
        return lam_fail(error, LAM_INVALID, "value %" PRId64 " of the batch is NULL, and the column may not be", place);
  return LAM_OK;
}

/* The leaf's own level. */
static enum lam_status begin_leaf(struct job *job, const struct lam_view *view, struct lam_shredded *shredded,
                                  struct lam_error *error) {
  struct lam_block *block = &job->block;
  size_t count = shredded->ranges.size / sizeof(struct lam_range);
  bool optional = job->chunk->leaf->repetition == LAM_OPTIONAL;
  job->cursor.range = (const struct lam_range *)(const void *)shredded->ranges.data;
  block->view = view;
  if (job->chunk->storing.rule == LAM_STORE_NULL) {
    shredded->level++; /* which no entry reaches */
    return LAM_OK;
  }
  if (count > 0) {
    int64_t first = job->cursor.range[0].first, end = job->cursor.range[count - 1].end;
    job->cursor.place = first;
    LAM_TRY(lam_chunk_begin_rows(job->chunk, job->workspace, view, first, end - first, block, error));
    if (!optional) return check_required(job, error);
  }
  if (optional) lam_shred_leaf(shredded, block->validity, block->validity_offset);
  return LAM_OK;
}

static enum lam_status append_pieces(struct job *job, struct lam_error *error) {
  bool null = job->chunk->storing.rule == LAM_STORE_NULL;
  for (size_t first = 0; first < job->shredded->entries;) {
    struct piece piece;
    struct cursor at = job->cursor;
    bool again = false;
    LAM_TRY(choose_piece(job, first, &piece, error));
    if (!null) LAM_TRY(append_values(job, &piece, &at, &again, error));
    if (again) continue;
    LAM_TRY(append_levels(job, &piece, error));
    job->cursor = at;
    first += piece.entries;
  }
  return LAM_OK;
}

enum lam_status lam_chunk_append_nested(struct lam_chunk_writer *chunk, struct lam_workspace *workspace,
                                        const struct lam_shred_path *path, const struct lam_view *view, int64_t from,
                                        int64_t count, struct lam_error *error) {
  struct lam_shredded *shredded = &workspace->shredded;
  struct job job;
  job.chunk = chunk;
  job.workspace = workspace;
  job.shredded = shredded;
  job.block.validity = NULL;
  job.block.validity_offset = 0;
  job.cursor = (struct cursor){.range = NULL};
  LAM_TRY(lam_shred(path, from, count, shredded, error));
  LAM_TRY(begin_leaf(&job, view, shredded, error));
  return append_pieces(&job, error);
}

size_t lam_chunk_levels_bytes(const struct lam_chunk_writer *chunk) {
  int bits =
      lam_bit_width((uint64_t)chunk->leaf->max_definition) + lam_bit_width((uint64_t)chunk->leaf->max_repetition);
  return chunk->levels.size * (size_t)bits / 8;
}
