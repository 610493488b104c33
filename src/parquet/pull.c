#include "parquet/pull.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

enum { RUN_ROWS = 65536, RUN_BYTES = 4 << 20 }; /* decoded at once by lam_chunk_decode */

void lam_pull_init(struct lam_pull *pull, struct lam_mem *mem) {
  *pull = (struct lam_pull){.mem = mem};
  lam_buf_init(&pull->wanted, mem);
  lam_buf_init(&pull->blocks, mem);
  lam_ranges_init(&pull->calls, mem);
}

static void **block_at(const struct lam_pull *pull, size_t index) {
  return (void **)(void *)pull->blocks.data + index;
}

static void drop_blocks(struct lam_pull *pull) {
  for (size_t i = 0; i < pull->blocks.size / sizeof(void *); i++) {
    const struct lam_range *call = lam_ranges_at(&pull->calls, i);
    lam_free(pull->mem, *block_at(pull, i), (size_t)(call->end - call->first));
  }
  pull->blocks.size = 0;
  lam_ranges_clear(&pull->calls);
}

void lam_pull_clear(struct lam_pull *pull) {
  drop_blocks(pull);
  pull->wanted.size = 0;
}

void lam_pull_release(struct lam_pull *pull) {
  lam_pull_clear(pull);
  lam_buf_release(&pull->wanted);
  lam_buf_release(&pull->blocks);
  lam_ranges_release(&pull->calls);
}

/* ---- what is wanted ---- */

enum lam_status lam_pull_want(struct lam_pull *pull, uint64_t offset, uint64_t size, struct lam_error *error) {
  assert(offset <= INT64_MAX && size <= INT64_MAX - offset);
  if (size == 0) return LAM_OK;
  struct lam_range range = {(int64_t)offset, (int64_t)(offset + size)};
  return lam_buf_append(&pull->wanted, &range, sizeof range, error);
}

static enum lam_status want_pages(struct lam_pull *pull, const struct lam_chunk_source *source,
                                  const struct lam_range *rows, size_t count, uint64_t *bytes,
                                  struct lam_error *error) {
  const struct lam_page_location *pages = source->pages;
  uint64_t dictionary = pages[0].offset - source->offset;
  size_t r = 0;
  for (int32_t i = 0; i < source->page_count; i++) {
    int64_t end = i + 1 < source->page_count ? pages[i + 1].first_row : source->values;
    while (r < count && rows[r].end <= pages[i].first_row) r++;
    if (r == count) break;
    if (rows[r].first >= end || pages[i].first_row == end) continue;
    if (*bytes == 0) {
      LAM_TRY(lam_pull_want(pull, source->offset, dictionary, error));
      *bytes += dictionary;
    }
    LAM_TRY(lam_pull_want(pull, pages[i].offset, pages[i].size, error));
    *bytes += pages[i].size;
  }
  return LAM_OK;
}

enum lam_status lam_pull_chunk(struct lam_pull *pull, const struct lam_chunk_source *source,
                               const struct lam_range *rows, size_t count, uint64_t *bytes, struct lam_error *error) {
  uint64_t wanted = 0;
  if (count > 0 && source->page_count > 0 && source->pages) {
    LAM_TRY(want_pages(pull, source, rows, count, &wanted, error));
  } else if (count > 0) {
    wanted = source->size;
    LAM_TRY(lam_pull_want(pull, source->offset, wanted, error));
  }
  if (bytes) *bytes = wanted;
  return LAM_OK;
}

static int compare_first(const void *a, const void *b) {
  const struct lam_range *x = a, *y = b;
  return x->first < y->first ? -1 : x->first > y->first;
}

/* Adds a range to the last call, or as calls of its own, none of them above `most`: unlike lam_ranges_add_near, which
 * joins whatever touches. */
static enum lam_status plan_range(struct lam_pull *pull, struct lam_range range, int64_t gap, int64_t most,
                                  struct lam_error *error) {
  struct lam_buf *items = &pull->calls.items;
  if (items->size > 0) {
    struct lam_range *last = (struct lam_range *)(void *)(items->data + items->size) - 1;
    range.first = lam_max_i64(range.first, last->end);
    if (range.first < range.end && range.first - last->end <= gap && range.end - last->first <= most)
      last->end = range.first = range.end;
  }
  while (range.first < range.end) {
    struct lam_range call = {range.first, lam_min_i64(range.end, range.first + most)};
    LAM_TRY(lam_buf_append(items, &call, sizeof call, error));
    range.first = call.end;
  }
  return LAM_OK;
}

enum lam_status lam_pull_plan(struct lam_pull *pull, int64_t gap, int64_t most, struct lam_error *error) {
  size_t count = pull->wanted.size / sizeof(struct lam_range);
  struct lam_range *wanted = (struct lam_range *)(void *)pull->wanted.data;
  drop_blocks(pull);
  if (count == 0) return LAM_OK;
  qsort(wanted, count, sizeof *wanted, compare_first);
  for (size_t i = 0; i < count; i++) LAM_TRY(plan_range(pull, wanted[i], gap, most, error));
  size_t size = lam_ranges_count(&pull->calls) * sizeof(void *);
  LAM_TRY(lam_buf_reset(&pull->blocks, size, error));
  memset(pull->blocks.data, 0, size);
  pull->blocks.size = size;
  return LAM_OK;
}

/* ---- what is handed over ---- */

static enum lam_status room_for(struct lam_pull *pull, size_t index, struct lam_error *error) {
  const struct lam_range *call = lam_ranges_at(&pull->calls, index);
  assert(index < lam_ranges_count(&pull->calls) && !*block_at(pull, index));
  return lam_alloc(pull->mem, (size_t)(call->end - call->first), block_at(pull, index), error);
}

enum lam_status lam_pull_fetch(struct lam_pull *pull, const struct lam_byte_source *source, struct lam_error *error) {
  pull->behind = *source;
  for (size_t i = 0; i < lam_ranges_count(&pull->calls); i++) {
    const struct lam_range *call = lam_ranges_at(&pull->calls, i);
    LAM_TRY(room_for(pull, i, error));
    LAM_TRY(source->read(source->user, (uint64_t)call->first, *block_at(pull, i), (size_t)(call->end - call->first),
                         error));
  }
  return LAM_OK;
}

enum lam_status lam_pull_give(struct lam_pull *pull, size_t index, const void *bytes, struct lam_error *error) {
  const struct lam_range *call = lam_ranges_at(&pull->calls, index);
  LAM_TRY(room_for(pull, index, error));
  memcpy(*block_at(pull, index), bytes, (size_t)(call->end - call->first));
  return LAM_OK;
}

/* The last call that begins at or before `offset`, or the first one. */
static size_t call_of(const struct lam_pull *pull, int64_t offset) {
  size_t low = 0, high = lam_ranges_count(&pull->calls);
  while (high - low > 1) {
    size_t middle = low + (high - low) / 2;
    if (lam_ranges_at(&pull->calls, middle)->first <= offset)
      low = middle;
    else
      high = middle;
  }
  return low;
}

static enum lam_status read_behind(const struct lam_pull *pull, uint64_t offset, void *to, size_t size,
                                   struct lam_error *error) {
  if (!pull->behind.read)
    return lam_fail(error, LAM_NOT_FOUND, "bytes %" PRIu64 " to %" PRIu64 " are needed and were not handed over",
                    offset, offset + size);
  return pull->behind.read(pull->behind.user, offset, to, size, error);
}

static enum lam_status read_pulled(const void *user, uint64_t offset, void *to, size_t size, struct lam_error *error) {
  const struct lam_pull *pull = user;
  uint8_t *out = to;
  while (size > 0) {
    size_t count = lam_ranges_count(&pull->calls), index = count ? call_of(pull, (int64_t)offset) : 0;
    const struct lam_range *call = count ? lam_ranges_at(&pull->calls, index) : NULL;
    if (!call || !*block_at(pull, index) || (int64_t)offset < call->first || (int64_t)offset >= call->end)
      return read_behind(pull, offset, out, size, error);
    size_t given = (size_t)lam_min_u64(size, (uint64_t)call->end - offset);
    memcpy(out, (const uint8_t *)*block_at(pull, index) + ((int64_t)offset - call->first), given);
    out += given;
    offset += given;
    size -= given;
  }
  return LAM_OK;
}

struct lam_byte_source lam_pull_source(const struct lam_pull *pull) {
  struct lam_byte_source source = {.read = read_pulled, .user = pull};
  if (lam_ranges_count(&pull->calls) == 1 && *block_at(pull, 0)) { /* pages are then used where they lie */
    const struct lam_range *call = lam_ranges_at(&pull->calls, 0);
    source.resident = lam_bytes_of(*block_at(pull, 0), (size_t)(call->end - call->first));
    source.resident_offset = (uint64_t)call->first;
  }
  return source;
}

/* ---- decoding ---- */

static enum lam_status check_room(const struct lam_chunk *chunk, int64_t rows, const struct lam_decode_buffers *out,
                                  struct lam_error *error) {
  size_t bits = ((size_t)rows + 7) / 8;
  size_t offsets = chunk->class == LAM_VALUES_BINARY ? ((size_t)rows + 1) * sizeof(int32_t) : 0;
  if (chunk->source.leaf->max_definition > 0 && out->validity_size < bits)
    return lam_fail(error, LAM_LIMIT, "%zu bytes for the validity of %" PRId64 " rows; expected %zu",
                    out->validity_size, rows, bits);
  if (out->offsets_size < offsets)
    return lam_fail(error, LAM_LIMIT, "%zu bytes for the offsets of %" PRId64 " rows; expected %zu", out->offsets_size,
                    rows, offsets);
  return LAM_OK;
}

/* The bytes of the values of the run; those behind what `values` holds are counted only. */
static void copy_binary(const struct lam_run *run, struct lam_decode_buffers *out) {
  const int32_t *offsets = (const int32_t *)(const void *)run->values.offsets->data;
  size_t size = (size_t)offsets[run->rows];
  for (int64_t i = 0; i <= run->rows; i++) out->offsets[out->rows + i] = (int32_t)out->values_needed + offsets[i];
  if (out->values_needed + size <= out->values_size)
    lam_copy(out->values + out->values_needed, run->values.data->data, size);
  out->values_needed += size;
}

static enum lam_status copy_run(const struct lam_chunk *chunk, struct lam_decode_buffers *out,
                                struct lam_error *error) {
  const struct lam_run *run = &chunk->run;
  if (chunk->source.leaf->max_definition > 0)
    lam_bits_copy(out->validity, out->rows, run->validity->data, 0, run->rows);
  if (chunk->class == LAM_VALUES_BINARY) {
    size_t size = (size_t)((const int32_t *)(const void *)run->values.offsets->data)[run->rows];
    if (out->values_needed + size > INT32_MAX)
      return lam_fail(error, LAM_LIMIT, "more than 2^31 - 1 bytes of values by row %" PRId64 "; ask for fewer rows",
                      out->rows + run->rows);
    copy_binary(run, out);
  } else if (chunk->class == LAM_VALUES_BITS) {
    lam_bits_copy(out->values, out->rows, run->values.data->data, 0, run->rows);
  } else {
    lam_copy(out->values + (size_t)out->rows * chunk->width, run->values.data->data, (size_t)run->rows * chunk->width);
  }
  out->rows += run->rows;
  out->nulls += run->nulls;
  return LAM_OK;
}

static enum lam_status decode(struct lam_chunk *chunk, struct lam_codec_state *codec, const struct lam_range *rows,
                              size_t count, struct lam_decode_buffers *out, struct lam_error *error) {
  int64_t total = 0;
  for (size_t i = 0; i < count; i++) total += rows[i].end - rows[i].first;
  LAM_TRY(check_room(chunk, total, out, error));
  if (chunk->class == LAM_VALUES_FIXED) out->values_needed = (size_t)total * chunk->width;
  if (chunk->class == LAM_VALUES_BITS) out->values_needed = ((size_t)total + 7) / 8;
  bool fits = out->values_needed <= out->values_size;
  while (fits && out->rows < total) {
    while (count > 1 && rows->end <= lam_chunk_position(chunk)) rows++, count--;
    LAM_TRY(lam_chunk_read_ranges(chunk, codec, rows, count, RUN_ROWS, RUN_BYTES, error));
    LAM_TRY(copy_run(chunk, out, error));
  }
  if (chunk->class == LAM_VALUES_BINARY && total == 0 && out->offsets_size) out->offsets[0] = 0;
  if (out->values_needed > out->values_size)
    return lam_fail(error, LAM_LIMIT, "%zu bytes for the values of %" PRId64 " rows; expected %zu", out->values_size,
                    total, out->values_needed);
  return LAM_OK;
}

enum lam_status lam_chunk_decode(const struct lam_chunk_source *source, const struct lam_range *rows, size_t count,
                                 struct lam_mem *mem, struct lam_decode_buffers *out, struct lam_error *error) {
  struct lam_range all = {0, source->values};
  struct lam_chunk chunk;
  struct lam_codec_state codec;
  out->rows = out->nulls = 0;
  out->values_needed = 0;
  if (source->leaf->max_repetition > 0)
    return lam_fail(error, LAM_UNSUPPORTED, "repeated values are not decoded into buffers of the caller's");
  lam_chunk_init(&chunk, mem);
  lam_codec_init(&codec, mem);
  enum lam_status status = lam_chunk_begin(&chunk, source, false, error);
  if (status == LAM_OK && source->values > 0)
    status = decode(&chunk, &codec, rows ? rows : &all, rows ? count : 1, out, error);
  lam_codec_release(&codec);
  lam_chunk_release(&chunk);
  return status;
}
