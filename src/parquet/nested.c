/* Runs of a leaf below groups: levels by blocks, values as their rows are complete. */
#include "parquet/nested.h"

#include <assert.h>
#include <inttypes.h>

enum {
  BLOCK = 4096,     /* levels decoded at once: both kinds and what they become stay in the L1 cache */
  SLACK = 64,       /* readable bytes behind levels */
  BITMAP_SLACK = 16 /* bytes that appending may write behind the last bit */
};

/* ---- layout ---- */

static void add_node(struct lam_nested *nested, const struct lam_field *field, const struct lam_leaf *leaf) {
  struct lam_nested_node *node = &nested->nodes[nested->count++];
  node->list = field->type == LAM_TYPE_LIST || field->type == LAM_TYPE_MAP;
  node->lists = field->repetition;
  /* A map's key that the file lets be NULL is looked at too, so that one that is can be refused. */
  bool may_be_null = field->nullable || (field->is_key && field->definition > nested->entry[nested->lists]);
  node->definition = may_be_null ? field->definition : 0;
  if (lam_field_is_leaf(field)) /* not nullable as it may be, it has no value where a group above it is NULL */
    node->definition = leaf->max_definition > nested->entry[nested->lists] ? leaf->max_definition : 0;
  if (!node->list) return;
  nested->lists = field->repetition + 1;
  nested->entry[nested->lists] = (uint8_t)field->entry_definition;
}

static const struct lam_field *child_towards(const struct lam_field *field, int32_t leaf) {
  int32_t i = 0;
  while (i + 1 < field->count && field->fields[i + 1].leaf <= leaf) i++;
  return &field->fields[i];
}

static enum lam_status create(struct lam_chunk *chunk, const struct lam_field *root, int32_t leaf,
                              struct lam_error *error) {
  void *memory;
  int32_t count = 1;
  for (const struct lam_field *field = root; !lam_field_is_leaf(field); field = child_towards(field, leaf)) count++;
  LAM_TRY(lam_alloc_zero(chunk->mem, sizeof *chunk->nested, &memory, error));
  struct lam_nested *nested = chunk->nested = memory;
  struct lam_buf *const buffers[] = {&nested->unpacked[0], &nested->unpacked[1], &nested->levels[0],
                                     &nested->levels[1],   &nested->ahead[0],    &nested->ahead[1]};
  for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++) lam_buf_init(buffers[i], chunk->mem);
  LAM_TRY(lam_alloc_zero(chunk->mem, (size_t)count * sizeof *nested->nodes, &memory, error));
  nested->nodes = memory;
  const struct lam_field *field = root;
  for (int32_t i = 0; i < count; i++) {
    add_node(nested, field, chunk->source.leaf);
    if (i + 1 < count) field = child_towards(field, leaf);
  }
  return LAM_OK;
}

enum lam_status lam_nested_begin(struct lam_chunk *chunk, const struct lam_field *root, int32_t leaf,
                                 struct lam_error *error) {
  if (!chunk->nested) LAM_TRY(create(chunk, root, leaf, error));
  struct lam_nested *nested = chunk->nested;
  assert(nested->lists == chunk->source.leaf->max_repetition);
  nested->no_values = chunk->source.leaf->type.id == LAM_TYPE_NULL;
  nested->row = nested->skip = 0;
  nested->begins = true;
  nested->leapt = false;
  nested->begin = nested->end = nested->valued = nested->searched = nested->ahead_count = 0;
  return LAM_OK;
}

void lam_nested_release(struct lam_chunk *chunk) {
  struct lam_nested *nested = chunk->nested;
  if (!nested) return;
  for (int32_t i = 0; i < nested->count; i++) {
    lam_shared_release(nested->nodes[i].offsets);
    lam_shared_release(nested->nodes[i].validity);
  }
  /* As many as were laid out: one at least, once there is room for them. */
  lam_free(chunk->mem, nested->nodes, (size_t)nested->count * sizeof *nested->nodes);
  for (int i = 0; i < 2; i++) {
    lam_buf_release(&nested->unpacked[i]);
    lam_buf_release(&nested->levels[i]);
    lam_buf_release(&nested->ahead[i]);
  }
  lam_free(chunk->mem, nested, sizeof *nested);
  chunk->nested = NULL;
}

/* ---- levels ---- */

/* Levels of the deprecated encoding are taken apart all at once, which their bytes bound. */
static enum lam_status unpack(struct lam_chunk *chunk, int kind, struct lam_bytes bytes, int width, size_t count,
                              struct lam_error *error) {
  struct lam_nested *nested = chunk->nested;
  struct lam_buf *to = &nested->unpacked[kind];
  LAM_TRY(lam_buf_reset(&chunk->level_values, count * sizeof(uint32_t), error));
  uint32_t *levels = (uint32_t *)(void *)chunk->level_values.data;
  LAM_TRY(lam_bitpacked_levels_read(bytes, width, levels, count, error));
  LAM_TRY(lam_buf_reset(to, count, error));
  for (size_t i = 0; i < count; i++) to->data[i] = (uint8_t)levels[i];
  nested->unpacked_position[kind] = 0;
  return LAM_OK;
}

enum lam_status lam_nested_begin_page(struct lam_chunk *chunk, const struct lam_page *page,
                                      const struct lam_page_parts *parts, struct lam_error *error) {
  struct lam_nested *nested = chunk->nested;
  const struct lam_page_header *header = &page->header;
  const struct lam_leaf *leaf = chunk->source.leaf;
  const struct lam_bytes bytes[] = {parts->repetition, parts->definition};
  const int most[] = {leaf->max_repetition, leaf->max_definition};
  const enum lam_encoding encodings[] = {header->repetition_encoding, header->definition_encoding};
  struct lam_rle *const runs[] = {&nested->repetition, &nested->definition};
  assert(nested->valued == nested->end);
  for (int i = 0; i < 2; i++) {
    int width = lam_bit_width((uint64_t)most[i]);
    nested->is_unpacked[i] = header->kind == LAM_DATA_PAGE && encodings[i] == LAM_BIT_PACKED && width > 0;
    if (nested->is_unpacked[i])
      LAM_TRY(unpack(chunk, i, bytes[i], width, (size_t)header->values, error));
    else
      LAM_TRY(lam_rle_begin(runs[i], bytes[i], width, error));
  }
  return LAM_OK;
}

/* `count` more levels of one kind behind those that are held, checked against the highest there can be. */
static enum lam_status decode_kind(struct lam_chunk *chunk, int kind, size_t count, struct lam_error *error) {
  struct lam_nested *nested = chunk->nested;
  struct lam_buf *levels = &nested->levels[kind];
  const struct lam_leaf *leaf = chunk->source.leaf;
  unsigned most = (unsigned)(kind == 0 ? leaf->max_repetition : leaf->max_definition);
  levels->size = nested->end; /* what growing keeps */
  LAM_TRY(lam_buf_reserve(levels, nested->end + count + SLACK, error));
  uint8_t *to = levels->data + nested->end;
  if (nested->is_unpacked[kind]) {
    memcpy(to, nested->unpacked[kind].data + nested->unpacked_position[kind], count);
    nested->unpacked_position[kind] += count;
  } else {
    LAM_TRY(lam_rle_read_bytes(kind == 0 ? &nested->repetition : &nested->definition, to, count, error));
  }
  unsigned highest = 0;
  for (size_t i = 0; i < count; i++) highest = to[i] > highest ? to[i] : highest;
  LAM_CHECK(highest <= most, error, "page at byte %" PRIu64 ": a %s level of %u; the highest is %u", chunk->page_offset,
            kind == 0 ? "repetition" : "definition", highest, most);
  return LAM_OK;
}

/* Levels that are done with make room for others; those held stay. */
static void move_levels(struct lam_nested *nested) {
  size_t held = nested->end - nested->begin;
  if (nested->begin == 0) return;
  for (int i = 0; i < 2 && held; i++) memmove(nested->levels[i].data, nested->levels[i].data + nested->begin, held);
  nested->valued -= nested->begin;
  nested->searched -= nested->begin;
  nested->end = held;
  nested->begin = 0;
}

/* Nothing follows the levels that are held. */
static bool all_decoded(const struct lam_chunk *chunk) {
  const struct lam_chunk_source *source = &chunk->source;
  if (!chunk->nested->leapt) return chunk->rows_left == 0;
  const struct lam_page_location *last = &source->pages[source->page_count - 1];
  return chunk->page_left == 0 && chunk->stream.next >= last->offset + last->size;
}

/* More levels of the page, of which there are some. */
static enum lam_status decode_levels(struct lam_chunk *chunk, struct lam_error *error) {
  struct lam_nested *nested = chunk->nested;
  size_t count = (size_t)lam_min_i64(chunk->page_left, BLOCK);
  move_levels(nested);
  LAM_TRY(decode_kind(chunk, 0, count, error));
  LAM_TRY(decode_kind(chunk, 1, count, error));
  LAM_CHECK(!nested->begins || nested->levels[0].data[0] == 0, error,
            "page at byte %" PRIu64 ": the first row begins with repetition level %u; expected 0", chunk->page_offset,
            nested->levels[0].data[0]);
  nested->begins = false;
  nested->end += count;
  chunk->page_left -= (int64_t)count;
  chunk->rows_left -= (int64_t)count; /* levels, here */
  return LAM_OK;
}

/* The end of the last of up to `rows` rows that are wholly held; *found gets how many. */
static size_t find_rows(struct lam_chunk *chunk, int64_t rows, size_t *found) {
  struct lam_nested *nested = chunk->nested;
  size_t held = nested->end - nested->begin, last, most = (size_t)rows;
  bool complete = all_decoded(chunk);
  *found = 0;
  if (held == 0) return nested->begin;
  if (nested->lists == 0) {
    *found = held < most ? held : most;
    return nested->begin + *found;
  }
  const uint8_t *levels = nested->levels[0].data + nested->begin;
  if (nested->searched > nested->begin) { /* a long row: only what is new can be its end */
    size_t skipped = nested->searched - nested->begin;
    size_t at = lam_levels_find_row(levels + skipped, held - skipped, 0, found, &last);
    if (at == held - skipped && !complete) {
      nested->searched = nested->end;
      *found = 0;
      return nested->begin;
    }
  }
  size_t at = lam_levels_find_row(levels, held, most, found, &last);
  if (at == held && !complete) { /* the last may go on */
    at = last;
    --*found;
  }
  if (*found == 0) nested->searched = nested->end;
  return nested->begin + at;
}

/* ---- values ---- */

static size_t bytes_of_values(const struct lam_chunk *chunk, size_t count) {
  if (chunk->class == LAM_VALUES_BINARY) return (count + 1) * sizeof(int32_t);
  return chunk->class == LAM_VALUES_BITS ? (count + 7) / 8 + 8 : count * chunk->width + 1;
}

/* Room for `count` values or offsets in all, growing by half at least. */
static enum lam_status values_room(struct lam_chunk *chunk, size_t count, struct lam_error *error) {
  struct lam_values *values = &chunk->run.values;
  struct lam_shared **shared = chunk->class == LAM_VALUES_BINARY ? &values->offsets : &values->data;
  size_t wanted = bytes_of_values(chunk, count), held = bytes_of_values(chunk, chunk->nested->dense);
  if ((*shared)->capacity >= wanted) return LAM_OK;
  size_t grown = (*shared)->capacity + (*shared)->capacity / 2;
  return lam_shared_renew(chunk->mem, shared, wanted > grown ? wanted : grown, held, error);
}

/* Values of the levels up to `end`, which are of the page. *full where binaries did not all fit into `max_bytes`;
 * nested->valued says how far they did. */
static enum lam_status read_values(struct lam_chunk *chunk, size_t end, size_t max_bytes, bool *full,
                                   struct lam_error *error) {
  struct lam_nested *nested = chunk->nested;
  uint8_t most = (uint8_t)chunk->source.leaf->max_definition;
  const uint8_t *levels = nested->levels[1].data;
  *full = false;
  if (end <= nested->valued) return LAM_OK;
  size_t wanted = lam_levels_count_equal(levels + nested->valued, end - nested->valued, most), got = 0;
  if (wanted > 0 && !nested->no_values) {
    LAM_CHECK(chunk->page.bytes.size > 0, error, "page at byte %" PRIu64 ": no values, where %zu levels have one",
              chunk->page_offset, wanted);
    LAM_TRY(values_room(chunk, nested->dense + wanted, error));
    LAM_TRY(lam_read_dense(chunk, nested->dense, wanted, max_bytes, &got, error));
    nested->dense += got;
    *full = got < wanted;
  }
  if (*full)
    for (size_t seen = 0; levels[nested->valued] != most || seen < got; nested->valued++)
      seen += levels[nested->valued] == most;
  else
    nested->valued = end;
  return LAM_OK;
}

/* Values of the run's levels; those beyond are ahead. */
static size_t values_used(const struct lam_nested *nested) {
  return nested->no_values ? 0 : (size_t)(nested->slots[nested->lists] - nested->nodes[nested->count - 1].nulls);
}

/* ---- the run ---- */

static struct lam_shared **validity_of(struct lam_chunk *chunk, int32_t node) {
  struct lam_nested *nested = chunk->nested;
  return node + 1 < nested->count ? &nested->nodes[node].validity : &chunk->run.validity;
}

static enum lam_status room_for(struct lam_chunk *chunk, struct lam_shared **shared, size_t wanted, size_t kept,
                                struct lam_error *error) {
  if (*shared && kept && (*shared)->capacity >= wanted) return LAM_OK;
  size_t grown = kept && *shared ? (*shared)->capacity + (*shared)->capacity / 2 : 0;
  return lam_shared_renew(chunk->mem, shared, wanted > grown ? wanted : grown, kept, error);
}

/* Room for `rows` rows more, and `more` slots at each node below lists. What is there is kept, unless the run begins.
 */
static enum lam_status nodes_room(struct lam_chunk *chunk, int64_t rows, int64_t more, bool begins,
                                  struct lam_error *error) {
  struct lam_nested *nested = chunk->nested;
  for (int k = 0; k <= nested->lists; k++)
    if (nested->slots[k] > INT32_MAX - more)
      return lam_fail(error, LAM_LIMIT, "a row has more than 2^31 - 1 entries of lists, which no array holds");
  for (int32_t i = 0; i < nested->count; i++) {
    struct lam_nested_node *node = &nested->nodes[i];
    size_t slots = (size_t)nested->slots[node->lists], all = slots + (size_t)(node->lists ? more : rows);
    if (node->definition)
      LAM_TRY(room_for(chunk, validity_of(chunk, i), all / 8 + BITMAP_SLACK, begins ? 0 : slots / 8 + 1, error));
    if (node->list)
      LAM_TRY(room_for(chunk, &node->offsets, (all + 1) * sizeof(int32_t), begins ? 0 : slots * sizeof(int32_t) + 1,
                       error));
  }
  return LAM_OK;
}

/* The values that were read ahead come first. */
static enum lam_status take_ahead(struct lam_chunk *chunk, struct lam_error *error) {
  struct lam_nested *nested = chunk->nested;
  size_t count = nested->ahead_count;
  const struct lam_buf *bytes = &nested->ahead[0];
  if (count == 0) return LAM_OK;
  LAM_TRY(values_room(chunk, count, error));
  if (chunk->class == LAM_VALUES_BINARY) {
    LAM_TRY(lam_chunk_data_room(chunk, bytes->size, error));
    memcpy(chunk->run.values.offsets->data, nested->ahead[1].data, (count + 1) * sizeof(int32_t));
    chunk->data_size = bytes->size;
  }
  lam_copy(chunk->run.values.data->data, bytes->data, bytes->size);
  nested->dense = count;
  nested->ahead_count = 0;
  return LAM_OK;
}

static enum lam_status keep_ahead(struct lam_chunk *chunk, struct lam_error *error) {
  struct lam_nested *nested = chunk->nested;
  struct lam_buf *bytes = &nested->ahead[0], *offsets = &nested->ahead[1];
  const uint8_t *data = chunk->run.values.data->data;
  size_t used = values_used(nested), count = nested->dense - used;
  bytes->size = 0;
  nested->ahead_count = count;
  nested->dense = used;
  if (count == 0) return LAM_OK;
  switch (chunk->class) {
    case LAM_VALUES_FIXED: return lam_buf_append(bytes, data + used * chunk->width, count * chunk->width, error);
    case LAM_VALUES_BITS:
      LAM_TRY(lam_buf_reset(bytes, (count + 7) / 8, error));
      lam_bits_copy(bytes->data, 0, data, (int64_t)used, (int64_t)count);
      bytes->size = (count + 7) / 8;
      return LAM_OK;
    default: break;
  }
  const int32_t *from = (const int32_t *)(const void *)chunk->run.values.offsets->data + used;
  LAM_TRY(lam_buf_append(bytes, data + from[0], (size_t)(from[count] - from[0]), error));
  LAM_TRY(lam_buf_reset(offsets, (count + 1) * sizeof(int32_t), error));
  int32_t *to = (int32_t *)(void *)offsets->data;
  for (size_t i = 0; i <= count; i++) to[i] = from[i] - from[0];
  chunk->data_size = (size_t)from[0];
  return LAM_OK;
}

static enum lam_status begin_run(struct lam_chunk *chunk, int64_t max_rows, size_t max_bytes, struct lam_error *error) {
  struct lam_nested *nested = chunk->nested;
  struct lam_run *run = &chunk->run;
  run->rows = run->nulls = run->values.count = 0;
  run->dictionary = run->identity = false;
  memset(nested->slots, 0, sizeof nested->slots);
  for (int32_t i = 0; i < nested->count; i++) nested->nodes[i].nulls = 0;
  nested->dense = 0;
  /* As many as such rows have on the average, which is a guess only. */
  double each = chunk->source.rows > 0 ? (double)chunk->source.values / (double)chunk->source.rows : 1;
  double slots = each * (double)max_rows * 1.0625 + BLOCK,
         most = (double)max_bytes / (double)(chunk->width + 1) + BLOCK;
  size_t guess = (size_t)(slots < most ? slots : most);
  if (guess > (size_t)chunk->source.values) guess = (size_t)chunk->source.values;
  if (nested->no_values) {
    LAM_TRY(lam_shared_renew(chunk->mem, &run->values.data, 8, 0, error));
  } else {
    LAM_TRY(lam_begin_values(chunk, guess, error));
  }
  LAM_TRY(nodes_room(chunk, lam_min_i64(max_rows, (int64_t)guess), (int64_t)guess, true, error));
  return take_ahead(chunk, error);
}

/* Bytes of the run so far, about. */
static size_t run_bytes(const struct lam_chunk *chunk) {
  const struct lam_nested *nested = chunk->nested;
  size_t width = chunk->class == LAM_VALUES_BINARY ? sizeof(int32_t) : chunk->width;
  size_t bytes = chunk->class == LAM_VALUES_BINARY && !nested->no_values ? chunk->data_size : 0;
  for (int k = 0; k < nested->lists; k++) bytes += (size_t)nested->slots[k] * sizeof(int32_t);
  return bytes + (size_t)nested->slots[nested->lists] * width + (size_t)nested->slots[nested->lists] / 8;
}

/* The levels up to `end`, whose values are read, become slots of the run. */
static enum lam_status take_levels(struct lam_chunk *chunk, size_t end, size_t rows, struct lam_error *error) {
  struct lam_nested *nested = chunk->nested;
  const uint8_t *repetition = nested->levels[0].data + nested->begin, *definition = nested->levels[1].data;
  size_t count = end - nested->begin;
  LAM_TRY(nodes_room(chunk, (int64_t)rows, (int64_t)count, false, error));
  LAM_CHECK(lam_levels_to_slots(nested, repetition, definition + nested->begin, count, chunk->run.validity), error,
            "page at byte %" PRIu64 ": a repetition level goes on with a list that has no entries", chunk->page_offset);
  nested->begin = nested->searched = end;
  if (nested->valued < end) nested->valued = end;
  chunk->run.rows += (int64_t)rows;
  nested->row += (int64_t)rows;
  return LAM_OK;
}

/* The levels end with the rows of the row group. */
static enum lam_status check_rows(const struct lam_chunk *chunk, struct lam_error *error) {
  const struct lam_nested *nested = chunk->nested;
  bool more = !all_decoded(chunk) || nested->begin < nested->end;
  LAM_CHECK(more || nested->row == chunk->source.rows, error,
            "its levels are %" PRId64 " rows; the row group has %" PRId64, nested->row, chunk->source.rows);
  LAM_CHECK(!more || nested->row < chunk->source.rows, error,
            "its levels go on behind the %" PRId64 " rows of the row group", chunk->source.rows);
  return LAM_OK;
}

static enum lam_status next_page(struct lam_chunk *chunk, struct lam_codec_state *codec, struct lam_error *error) {
  size_t size = chunk->data_size; /* that of the run, where a dictionary page has its own */
  enum lam_status status = lam_chunk_next_page(chunk, codec, error);
  chunk->data_size = size;
  return status;
}

/* Passes over the values of the levels up to `end`. */
static enum lam_status skip_values_to(struct lam_chunk *chunk, size_t end, struct lam_error *error) {
  struct lam_nested *nested = chunk->nested;
  if (end <= nested->valued) return LAM_OK; /* there may be no levels at all yet */
  size_t values = lam_levels_count_equal(nested->levels[1].data + nested->valued, end - nested->valued,
                                         (uint8_t)chunk->source.leaf->max_definition);
  nested->valued = end;
  return nested->no_values ? LAM_OK : lam_skip_values(chunk, values, error);
}

/* Goes on to where there are more levels; values of the page that is left are read first (`*full` as in read_values),
 * or passed over. */
static enum lam_status more_levels(struct lam_chunk *chunk, struct lam_codec_state *codec, bool skipping,
                                   size_t max_bytes, bool *full, struct lam_error *error) {
  struct lam_nested *nested = chunk->nested;
  *full = false;
  if (chunk->page_left == 0) {
    if (skipping) {
      LAM_TRY(skip_values_to(chunk, nested->end, error));
    } else {
      LAM_TRY(read_values(chunk, nested->end, max_bytes, full, error));
      if (*full) return LAM_OK;
    }
    LAM_CHECK(!all_decoded(chunk), error, "its levels end after %" PRId64 " of %" PRId64 " rows", nested->row,
              chunk->source.rows);
    LAM_TRY(next_page(chunk, codec, error));
  }
  return decode_levels(chunk, error);
}

/* Binaries did not all fit: the run ends before the row of the first that did not, unless that is its first row. */
static enum lam_status end_early(struct lam_chunk *chunk, size_t *max_bytes, bool *ended, struct lam_error *error) {
  struct lam_nested *nested = chunk->nested;
  size_t found = 0, last = nested->valued - nested->begin;
  *ended = true;
  if (nested->lists == 0)
    found = last;
  else
    lam_levels_find_row(nested->levels[0].data + nested->begin, nested->valued + 1 - nested->begin, SIZE_MAX, &found,
                        &last);
  if (nested->lists > 0) found--; /* the row that does not fit */
  if (found > 0) return take_levels(chunk, nested->begin + last, found, error);
  if (chunk->run.rows > 0) return LAM_OK;
  if (*max_bytes >= INT32_MAX)
    return lam_fail(error, LAM_LIMIT, "the row has values of more than 2^31 - 1 bytes, which no array holds");
  *max_bytes = INT32_MAX;
  *ended = false;
  return LAM_OK;
}

/* Up to `rows` rows more; *full where the run has no room for more. */
static enum lam_status read_rows(struct lam_chunk *chunk, struct lam_codec_state *codec, int64_t rows, size_t max_bytes,
                                 bool *full, struct lam_error *error) {
  size_t limit = max_bytes;
  *full = false;
  while (rows > 0 && !*full) {
    size_t found, end = find_rows(chunk, rows, &found);
    bool short_of_room = false;
    if (found > 0)
      LAM_TRY(read_values(chunk, end, limit, &short_of_room, error));
    else
      LAM_TRY(more_levels(chunk, codec, false, limit, &short_of_room, error));
    int64_t before = chunk->run.rows;
    if (short_of_room)
      LAM_TRY(end_early(chunk, &limit, full, error));
    else if (found > 0)
      LAM_TRY(take_levels(chunk, end, found, error));
    rows -= chunk->run.rows - before;
    if (chunk->run.rows > before) *full |= run_bytes(chunk) >= max_bytes;
    LAM_TRY(check_rows(chunk, error));
  }
  return LAM_OK;
}

/* Goes to the page of row `row` where the offset index knows one that is not begun; such pages begin with rows. */
static enum lam_status leap(struct lam_chunk *chunk, struct lam_codec_state *codec, int64_t row,
                            struct lam_error *error) {
  const struct lam_chunk_source *source = &chunk->source;
  struct lam_nested *nested = chunk->nested;
  if (!source->pages || source->page_count == 0) return LAM_OK;
  int32_t page = lam_page_of_row(source, 0, row);
  const struct lam_page_location *to = &source->pages[page];
  if (to->offset < chunk->stream.next || to->first_row <= nested->row) return LAM_OK;
  if (chunk->stream.next < source->pages[0].offset) LAM_TRY(next_page(chunk, codec, error)); /* the dictionary */
  if (to->offset < chunk->stream.next) return LAM_OK;
  LAM_CHECK(to->offset < source->offset + source->size, error, "the offset index has page %" PRId32 " at byte %" PRIu64,
            page, to->offset);
  lam_page_stream_leap(&chunk->stream, to->offset, chunk->stream.end);
  chunk->page_left = 0;
  nested->begin = nested->end = nested->valued = nested->searched = 0;
  nested->row = to->first_row;
  nested->begins = nested->leapt = true;
  return LAM_OK;
}

/* Passes over rows, in the middle of a run too. */
static enum lam_status skip_rows(struct lam_chunk *chunk, struct lam_codec_state *codec, int64_t rows,
                                 struct lam_error *error) {
  struct lam_nested *nested = chunk->nested;
  if (rows <= 0) return LAM_OK;
  nested->dense = values_used(nested); /* what is ahead is the next row's */
  if (chunk->class == LAM_VALUES_BINARY && !nested->no_values)
    chunk->data_size = (size_t)((const int32_t *)(const void *)chunk->run.values.offsets->data)[nested->dense];
  int64_t row = nested->row;
  LAM_TRY(leap(chunk, codec, row + rows, error));
  rows -= nested->row - row;
  while (rows > 0) {
    size_t found, end = find_rows(chunk, rows, &found);
    bool full;
    if (found == 0) {
      LAM_TRY(more_levels(chunk, codec, true, 0, &full, error));
      continue;
    }
    LAM_TRY(skip_values_to(chunk, end, error));
    nested->begin = nested->searched = end;
    nested->row += (int64_t)found;
    rows -= (int64_t)found;
    LAM_TRY(check_rows(chunk, error));
  }
  return LAM_OK;
}

static enum lam_status end_run(struct lam_chunk *chunk, struct lam_error *error) {
  struct lam_nested *nested = chunk->nested;
  struct lam_run *run = &chunk->run;
  for (int32_t i = 0; i < nested->count; i++) {
    const struct lam_nested_node *node = &nested->nodes[i];
    if (node->list)
      ((int32_t *)(void *)node->offsets->data)[nested->slots[node->lists]] = (int32_t)nested->slots[node->lists + 1];
  }
  size_t slots = (size_t)nested->slots[nested->lists], used = values_used(nested);
  run->nulls = nested->nodes[nested->count - 1].nulls;
  run->values.count = (int64_t)slots;
  if (nested->no_values) return LAM_OK;
  LAM_TRY(keep_ahead(chunk, error));
  LAM_TRY(values_room(chunk, slots, error));
  lam_spread_run(chunk, 0, slots, used);
  return LAM_OK;
}

static enum lam_status read_ranges(struct lam_chunk *chunk, struct lam_codec_state *codec, const struct lam_range *rows,
                                   size_t count, int64_t max_rows, size_t max_bytes, struct lam_error *error) {
  struct lam_nested *nested = chunk->nested;
  bool full = false;
  LAM_TRY(begin_run(chunk, max_rows, max_bytes, error));
  LAM_TRY(skip_rows(chunk, codec, nested->skip, error));
  nested->skip = 0;
  for (size_t i = 0; i < count && !full && chunk->run.rows < max_rows; i++) {
    if (rows[i].end <= nested->row) continue;
    LAM_TRY(skip_rows(chunk, codec, rows[i].first - nested->row, error));
    int64_t wanted = lam_min_i64(rows[i].end - nested->row, max_rows - chunk->run.rows);
    LAM_TRY(read_rows(chunk, codec, wanted, max_bytes, &full, error));
  }
  return end_run(chunk, error);
}

enum lam_status lam_nested_read(struct lam_chunk *chunk, struct lam_codec_state *codec, const struct lam_range *rows,
                                size_t count, int64_t max_rows, size_t max_bytes, struct lam_error *error) {
  if (max_bytes > INT32_MAX) max_bytes = INT32_MAX;
  enum lam_status status = read_ranges(chunk, codec, rows, count, max_rows, max_bytes, error);
  if (status == LAM_OK || status == LAM_CANCELLED) return status;
  return lam_fail_in(error, status, "from row %" PRId64 " on", chunk->nested->row);
}
