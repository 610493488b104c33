/* Strings and binaries as views: their bytes stay in the decompressed page, which arrays keep. */
#include <assert.h>

#include "parquet/chunk.h"

enum {
  SLACK = 16,        /* readable bytes behind a page's values: a view takes 12 bytes of a value whatever its length */
  BUILD_STEP = 1024, /* values of DELTA_BYTE_ARRAY at once, through scratch memory */
  BUILD_BYTES = 1 << 18, /* of a buffer of built bytes at least */
};

static struct lam_view_buffer *item_at(const struct lam_view_buffers *held, size_t index) {
  return (struct lam_view_buffer *)(void *)held->items.data + index;
}

static size_t item_count(const struct lam_view_buffers *held) {
  return held->items.size / sizeof(struct lam_view_buffer);
}

static struct lam_view_buffer *last_item(const struct lam_view_buffers *held) {
  assert(held->used > 0);
  return item_at(held, held->used - 1);
}

void lam_views_release(struct lam_chunk *chunk) {
  struct lam_view_buffers *held = &chunk->held;
  for (size_t i = 0; i < item_count(held); i++) lam_shared_release(item_at(held, i)->shared);
  lam_buf_release(&held->items);
}

/* ---- buffers ---- */

static bool is_ours(const struct lam_shared *shared) {
  return atomic_load_explicit(&shared->references, memory_order_acquire) == 1;
}

/* Those of the run before which consumers hold are theirs from now on; the others are filled again. */
void lam_views_begin_run(struct lam_chunk *chunk) {
  struct lam_view_buffers *held = &chunk->held;
  size_t kept = chunk->has_dictionary, count = item_count(held), end;
  bool page = held->page && chunk->page_left > 0;
  if (page && held->used - 1 > kept) {
    struct lam_view_buffer other = *item_at(held, kept);
    *item_at(held, kept) = *last_item(held);
    *last_item(held) = other;
  }
  kept += page;
  end = kept;
  for (size_t i = kept; i < count; i++) {
    struct lam_view_buffer *item = item_at(held, i);
    if (item->shared && is_ours(item->shared))
      *item_at(held, end++) = *item;
    else
      lam_shared_release(item->shared);
  }
  held->items.size = end * sizeof(struct lam_view_buffer);
  held->used = kept;
  held->page = page;
  held->joined = held->building = held->refers = false;
}

/* One more buffer of the run, which is a page that nothing points into where there is such. */
static enum lam_status next_buffer(struct lam_chunk *chunk, size_t capacity, struct lam_error *error) {
  struct lam_view_buffers *held = &chunk->held;
  struct lam_view_buffer none = {0};
  if (held->page && !held->refers) held->used--;
  held->page = held->joined = held->building = held->refers = false;
  if (held->used == item_count(held)) LAM_TRY(lam_buf_append(&held->items, &none, sizeof none, error));
  struct lam_view_buffer *item = item_at(held, held->used);
  item->size = 0;
  LAM_TRY(lam_shared_renew(chunk->mem, &item->shared, capacity, 0, error));
  held->used++;
  return LAM_OK;
}

enum lam_status lam_views_split(struct lam_chunk *chunk, const struct lam_page *page, struct lam_bytes payload,
                                struct lam_codec_state *codec, struct lam_page_parts *out, struct lam_error *error) {
  const struct lam_leaf *leaf = chunk->source.leaf;
  enum lam_codec with = chunk->source.codec;
  bool dictionary = page->header.kind == LAM_DICTIONARY_PAGE;
  bool points = page->header.encoding == LAM_PLAIN || page->header.encoding == LAM_DELTA_LENGTH_BYTE_ARRAY;
  if (!dictionary && !points) { /* indices; bytes that are to be built */
    if (chunk->held.page && !chunk->held.refers) chunk->held.used--;
    chunk->held.page = false;
    return lam_page_split(page, payload, with, codec, leaf->max_repetition, leaf->max_definition, &chunk->page_buffer,
                          out, error);
  }
  LAM_TRY(next_buffer(chunk, lam_page_room(page, payload, with) + SLACK, error));
  struct lam_view_buffer *item = last_item(&chunk->held);
  struct lam_buf room = {.mem = chunk->mem, .data = item->shared->data, .capacity = item->shared->capacity};
  LAM_TRY(lam_page_split(page, payload, with, codec, leaf->max_repetition, dictionary ? 0 : leaf->max_definition, &room,
                         out, error));
  assert(room.data == item->shared->data && room.size <= room.capacity - SLACK);
  if (room.size == 0) { /* not compressed: the window goes on, the values stay */
    lam_copy(room.data, out->values.data, out->values.size);
    out->values.data = room.data;
    room.size = out->values.size;
  }
  item->size = room.size;
  chunk->held.page = !dictionary;
  return LAM_OK;
}

bool lam_views_join(struct lam_chunk *chunk, size_t max_bytes) {
  struct lam_view_buffers *held = &chunk->held;
  if (!held->page || held->joined) return true;
  size_t size = last_item(held)->size, left = max_bytes > chunk->data_size ? max_bytes - chunk->data_size : 0;
  if (chunk->run.rows > 0 && size > left) return false;
  chunk->data_size += size;
  held->joined = true;
  return true;
}

/* ---- values ---- */

/* DELTA_BYTE_ARRAY: values that share bytes are built, behind those built before. */
static enum lam_status build_step(struct lam_chunk *chunk, uint8_t *to, size_t count, size_t max_bytes, size_t *got,
                                  struct lam_error *error) {
  struct lam_view_buffers *held = &chunk->held;
  struct lam_buf *scratch = &chunk->scratch;
  int32_t offsets[BUILD_STEP + 1];
  size_t room = max_bytes > chunk->data_size ? max_bytes - chunk->data_size : 0;
  /* One byte in front says that there are values before, so that a first one beyond the room is left alone. */
  size_t front = chunk->data_size > 0;
  LAM_TRY(lam_buf_reset(scratch, SLACK, error));
  scratch->size = front;
  LAM_TRY(lam_strings_read(&chunk->strings, count, room + front, offsets, scratch, got, error));
  LAM_TRY(lam_buf_room(scratch, SLACK, error));
  size_t size = scratch->size - front;
  if (*got == 0) return LAM_OK;
  if (!held->building || last_item(held)->shared->capacity - last_item(held)->size < size) {
    LAM_TRY(next_buffer(chunk, size > BUILD_BYTES ? size : BUILD_BYTES, error));
    held->building = true;
  }
  struct lam_view_buffer *item = last_item(held);
  lam_copy(item->shared->data + item->size, scratch->data + front, size);
  lam_strings_to_views(scratch->data + front, offsets, *got, (uint32_t)held->used - 1, (uint32_t)item->size, to);
  item->size += size;
  chunk->data_size += size;
  return LAM_OK;
}

enum lam_status lam_read_views(struct lam_chunk *chunk, size_t at, size_t count, size_t max_bytes, size_t *got,
                               struct lam_error *error) {
  struct lam_view_buffers *held = &chunk->held;
  uint8_t *to = chunk->run.values.data->data + at * LAM_VIEW_BYTES;
  *got = count;
  if (chunk->page.encoding != LAM_DELTA_BYTE_ARRAY)
    return lam_strings_read_views(&chunk->strings, count, (uint32_t)held->used - 1, last_item(held)->shared->data, to,
                                  &held->refers, error);
  for (*got = 0; *got < count;) {
    size_t step = count - *got < BUILD_STEP ? count - *got : BUILD_STEP, given;
    LAM_TRY(build_step(chunk, to + *got * LAM_VIEW_BYTES, step, max_bytes, &given, error));
    *got += given;
    if (given < step) break;
  }
  return LAM_OK;
}

enum lam_status lam_views_array(const struct lam_chunk *chunk, int64_t first, int64_t rows, int64_t nulls,
                                struct ArrowArray *out, struct lam_error *error) {
  const struct lam_view_buffers *held = &chunk->held;
  size_t count = held->used - (held->page && !held->refers); /* the page that is next is not the run's */
  LAM_TRY(lam_array_init_views(rows, nulls, nulls > 0 ? chunk->run.validity : NULL, chunk->run.values.data,
                               count ? item_at(held, 0) : NULL, count, out, error));
  out->offset = first;
  return LAM_OK;
}
