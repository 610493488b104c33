/* Reading single rows of a flat chunk, chosen by a condition. Where values lie at places that follow from their numbers
 * (PLAIN of a fixed width, indices of a dictionary) and no row is NULL they are picked out of the page; else rows are
 * decoded from one chosen row to the next, and those chosen moved to the front of the run. */
#include <assert.h>

#include "parquet/chunk.h"

/* Passing over rows costs about as much as decoding so many: chosen rows no further apart are decoded with what lies
 * between. Measured with bench/where_scan.c on unsorted rows, of PLAIN int64 and of dictionary strings. */
enum { SKIP_COST = 96 };

/* What is left of the chosen rows. */
struct chosen {
  const int32_t *places;
  size_t count;
  int64_t base;
};

static int64_t row_of(const struct chosen *chosen, size_t i) {
  return chosen->base + chosen->places[i];
}

/* How many are below `row`. */
static size_t count_below(const struct chosen *chosen, int64_t row) {
  size_t low = 0, high = chosen->count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (row_of(chosen, middle) < row)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

static void pass(struct chosen *chosen, size_t count) {
  chosen->places += count;
  chosen->count -= count;
}

/* ---- going to the page ---- */

enum { COARSE_RANGES = 16, COARSE_GAP = 4096 };

/* The next chosen rows as a few ranges, for reading ahead. */
static size_t coarse_ranges(struct chosen chosen, struct lam_range *out) {
  size_t made = 0;
  while (chosen.count > 0 && made < COARSE_RANGES) {
    struct lam_range *range = &out[made++];
    range->first = row_of(&chosen, 0);
    range->end = range->first + 1;
    for (size_t near = 1; near > 0;) {
      range->end = row_of(&chosen, near - 1) + 1;
      pass(&chosen, near);
      near = count_below(&chosen, range->end + COARSE_GAP);
    }
  }
  return made;
}

static enum lam_status next_chosen(struct lam_chunk *chunk, const struct chosen *chosen, struct lam_codec_state *codec,
                                   struct lam_error *error) {
  struct lam_range ranges[COARSE_RANGES];
  int64_t position = lam_chunk_position(chunk), row = row_of(chosen, 0);
  if (row > position && chunk->page_left <= row - position) LAM_TRY(lam_chunk_skip(chunk, row - position, error));
  if (chunk->page_left > 0 && chunk->skip == 0) return LAM_OK;
  return lam_chunk_next_rows(chunk, ranges, coarse_ranges(*chosen, ranges), codec, error);
}

/* ---- picking out of the page ---- */

static bool lies_in_place(const struct lam_chunk *chunk) {
  const struct lam_leaf *leaf = chunk->source.leaf;
  if (chunk->run.dictionary) return true;
  return chunk->class == LAM_VALUES_FIXED && !chunk->as_dictionary && chunk->page.encoding == LAM_PLAIN &&
         leaf->physical != LAM_BYTE_ARRAY && leaf->width > 0;
}

/* Whether the next `count` rows of the page are known to have a value each. */
static enum lam_status all_valid(struct lam_chunk *chunk, size_t count, bool *out, struct lam_error *error) {
  uint32_t max = (uint32_t)chunk->source.leaf->max_definition;
  *out = max == 0;
  if (max == 0 || chunk->carry_left || chunk->levels_unpacked) return LAM_OK;
  return lam_rle_repeats(&chunk->levels, count, max, out, error);
}

/* Four at a time: on Zen 5 0.27 ns a value, as far as they are in the cache; gathering instructions take 0.34. */
#define PICK(type)                                                                                               \
  static void pick_##type(const uint8_t *from, const int32_t *places, int64_t less, size_t count, uint8_t *to) { \
    size_t i = 0;                                                                                                \
    for (; i + 4 <= count; i += 4) {                                                                             \
      type values[4];                                                                                            \
      for (size_t k = 0; k < 4; k++)                                                                             \
        memcpy(&values[k], from + (places[i + k] - less) * (int64_t)sizeof(type), sizeof(type));                 \
      memcpy(to + i * sizeof(type), values, sizeof values);                                                      \
    }                                                                                                            \
    for (; i < count; i++)                                                                                       \
      memcpy(to + i * sizeof(type), from + (places[i] - less) * (int64_t)sizeof(type), sizeof(type));            \
  }
PICK(uint32_t)
PICK(uint64_t)

/* Values of `width` bytes at `places` - `less`; `to` may be `from`. */
static void pick(const uint8_t *from, size_t width, const int32_t *places, int64_t less, size_t count, uint8_t *to) {
  if (width == 4)
    pick_uint32_t(from, places, less, count, to);
  else if (width == 8)
    pick_uint64_t(from, places, less, count, to);
  else
    for (size_t i = 0; i < count; i++) memmove(to + i * width, from + (size_t)(places[i] - less) * width, width);
}

/* The values at the first `count` of the chosen rows, of which `less` places are behind; the page goes on `span` values
 * from here. */
static enum lam_status pick_plain(struct lam_chunk *chunk, const struct chosen *chosen, int64_t less, size_t count,
                                  size_t span, struct lam_error *error) {
  const struct lam_leaf *leaf = chunk->source.leaf;
  struct lam_page_values *page = &chunk->page;
  size_t width = (size_t)leaf->width;
  size_t first = page->position * width;
  uint8_t *to = chunk->run.values.data->data + (size_t)chunk->run.rows * chunk->width;
  LAM_TRY(lam_skip_values(chunk, span, error)); /* checks that they are there */
  const uint8_t *from = page->bytes.data + first;
  if (leaf->conversion == LAM_AS_IS) {
    pick(from, width, chosen->places, less, count, to);
    return LAM_OK;
  }
  LAM_TRY(lam_buf_reset(&chunk->staging, count * width, error));
  pick(from, width, chosen->places, less, count, chunk->staging.data);
  return lam_convert_fixed(leaf, chunk->staging.data, count, to, error);
}

/* Takes the first `count` of the chosen rows, which lie within `span` rows from here, if they can be picked out. */
static enum lam_status try_picking(struct lam_chunk *chunk, const struct chosen *chosen, size_t count, size_t span,
                                   bool *done, struct lam_error *error) {
  struct lam_run *run = &chunk->run;
  int64_t less = lam_chunk_position(chunk) - chosen->base, valid;
  *done = false;
  if (!lies_in_place(chunk)) return LAM_OK;
  LAM_TRY(all_valid(chunk, span, done, error));
  if (!*done) return LAM_OK;
  LAM_TRY(lam_skip_levels(chunk, span, &valid, error));
  if (run->dictionary)
    LAM_TRY(lam_pick_indices(chunk, (size_t)run->rows, chosen->places, less, count, error));
  else
    LAM_TRY(pick_plain(chunk, chosen, less, count, span, error));
  if (chunk->source.leaf->max_definition > 0) lam_bits_fill(run->validity->data, run->rows, (int64_t)count, true);
  run->rows += (int64_t)count;
  run->values.count += (int64_t)count;
  chunk->page_left -= (int64_t)span;
  chunk->rows_left -= (int64_t)span;
  return LAM_OK;
}

/* ---- decoding and moving ---- */

/* Bits at `places` - `less` behind bit `at`, moved there. */
static void move_bits(uint8_t *bits, int64_t at, const int32_t *places, int64_t less, size_t count) {
  for (size_t i = 0; i < count; i++)
    lam_bits_fill(bits, at + (int64_t)i, 1, lam_bit_get(bits, at + (places[i] - less)));
}

static void move_strings(struct lam_chunk *chunk, size_t row, const int32_t *places, int64_t less, size_t count) {
  struct lam_values *values = &chunk->run.values;
  int32_t *offsets = (int32_t *)(void *)values->offsets->data + row;
  int32_t size = offsets[0];
  for (size_t i = 0; i < count; i++) {
    int64_t place = places[i] - less;
    int32_t begin = offsets[place], length = offsets[place + 1] - begin;
    if (length > 0 && begin != size) memmove(values->data->data + size, values->data->data + begin, (size_t)length);
    size += length;
    offsets[i + 1] = size;
  }
  chunk->data_size = (size_t)size;
}

/* Of the rows from `row` on the run keeps those that are chosen. */
static void move_chosen(struct lam_chunk *chunk, int64_t row, const int32_t *places, int64_t less, size_t count) {
  struct lam_run *run = &chunk->run;
  if (chunk->source.leaf->max_definition > 0) move_bits(run->validity->data, row, places, less, count);
  if (chunk->as_dictionary) {
    uint8_t *indices = run->indices->data + (size_t)row * 4;
    pick(indices, 4, places, less, count, indices);
  } else if (chunk->class == LAM_VALUES_BITS) {
    move_bits(run->values.data->data, row, places, less, count);
  } else if (chunk->class == LAM_VALUES_BINARY) {
    move_strings(chunk, (size_t)row, places, less, count);
  } else {
    uint8_t *values = run->values.data->data + (size_t)row * chunk->width;
    pick(values, chunk->width, places, less, count, values);
  }
  run->rows = row + (int64_t)count;
}

/* Rows from the first chosen one on that are decoded at once: no more than `most`. */
static size_t cluster(const struct chosen *chosen, size_t most) {
  size_t i = 1;
  while (i < chosen->count && chosen->places[i] - chosen->places[i - 1] <= SKIP_COST &&
         (size_t)(chosen->places[i] - chosen->places[0]) < most)
    i++;
  return (size_t)(chosen->places[i - 1] - chosen->places[0]) + 1;
}

/* Decodes the next chosen row of the page and those close behind it; *full where the run has no room for them. */
static enum lam_status decode_cluster(struct lam_chunk *chunk, struct chosen *chosen, size_t max_rows, size_t max_bytes,
                                      bool *full, struct lam_error *error) {
  struct lam_run *run = &chunk->run;
  int64_t row = run->rows, nulls = run->nulls, first = row_of(chosen, 0);
  /* Values of an identity run stay where they are, chosen or not. */
  size_t used = (size_t)lam_max_i64(row, run->identity ? run->values.count : 0), taken;
  size_t room = max_rows - used, left = (size_t)(chunk->page_left - (first - lam_chunk_position(chunk)));
  size_t wanted = cluster(chosen, left);
  *full = row > 0 && room < wanted && (room == 0 || room < max_rows / 4);
  if (*full) return LAM_OK;
  if (first > lam_chunk_position(chunk)) LAM_TRY(lam_chunk_skip(chunk, first - lam_chunk_position(chunk), error));
  if (chunk->carry_left) wanted = (size_t)lam_min_u64(wanted, (uint64_t)chunk->carry_left);
  wanted = wanted < room ? wanted : room;
  LAM_TRY(lam_chunk_read_rows(chunk, wanted, max_bytes, &taken, error));
  *full = taken < wanted;
  size_t count = count_below(chosen, first + (int64_t)taken);
  if (count < taken) {
    move_chosen(chunk, row, chosen->places, first - chosen->base, count);
    if (run->nulls > nulls)
      run->nulls = nulls + (int64_t)count - lam_bits_count(run->validity->data, row, (int64_t)count);
  }
  pass(chosen, count);
  return LAM_OK;
}

/* ---- runs ---- */

static enum lam_status fill_chosen(struct lam_chunk *chunk, struct lam_codec_state *codec, struct chosen *chosen,
                                   size_t max_rows, size_t max_bytes, struct lam_error *error) {
  LAM_TRY(lam_chunk_begin_run(chunk, max_rows, error));
  for (bool full = false; chosen->count > 0 && !full;) {
    bool joined, done;
    LAM_TRY(next_chosen(chunk, chosen, codec, error));
    LAM_TRY(lam_chunk_join_page(chunk, max_rows, max_bytes, &joined, error));
    if (!joined) return LAM_OK;
    size_t room = max_rows - (size_t)chunk->run.rows;
    size_t count = count_below(chosen, lam_chunk_position(chunk) + chunk->page_left);
    if (count > room) count = room;
    if (count == 0) return LAM_OK;
    size_t span = (size_t)(row_of(chosen, count - 1) - lam_chunk_position(chunk)) + 1;
    LAM_TRY(try_picking(chunk, chosen, count, span, &done, error));
    if (done)
      pass(chosen, count);
    else
      LAM_TRY(decode_cluster(chunk, chosen, max_rows, max_bytes, &full, error));
  }
  return LAM_OK;
}

enum lam_status lam_chunk_read_chosen(struct lam_chunk *chunk, struct lam_codec_state *codec,
                                      const struct lam_chosen_rows *rows, int64_t max_rows, size_t max_bytes,
                                      struct lam_error *error) {
  struct chosen chosen = {rows->places, rows->count, rows->base};
  assert(!chunk->nested && chunk->class != LAM_VALUES_VIEWS && max_rows > 0);
  pass(&chosen, count_below(&chosen, lam_chunk_position(chunk)));
  assert(chosen.count > 0);
  if (max_bytes > INT32_MAX) max_bytes = INT32_MAX;
  size_t most = lam_chunk_most_rows(chunk, max_bytes);
  uint64_t span = (uint64_t)(row_of(&chosen, chosen.count - 1) - row_of(&chosen, 0)) + 1;
  most = (size_t)lam_min_u64(lam_min_u64(most, (uint64_t)max_rows), span);
  enum lam_status status = fill_chosen(chunk, codec, &chosen, most, max_bytes, error);
  return lam_chunk_fail(chunk, status, error);
}
