/* Strings and binaries whose bytes are in the page itself. */
#include <assert.h>

#include "parquet/chunk.h"

enum { PREFIXED_STEP = 4096 }; /* values of DELTA_BYTE_ARRAY at once, through scratch memory */

/* Room for `more` bytes behind those of the run, and the slack that copies may touch. Grows by half at least. */
enum lam_status lam_chunk_data_room(struct lam_chunk *chunk, size_t more, struct lam_error *error) {
  struct lam_shared **data = &chunk->run.values.data;
  size_t wanted = chunk->data_size + more + LAM_VALUES_SLACK, capacity = (*data)->capacity;
  if (wanted <= capacity) return LAM_OK;
  size_t grown = capacity + capacity / 2;
  enum lam_status status = lam_shared_renew(chunk->mem, data, wanted > grown ? wanted : grown, chunk->data_size, error);
  if (status != LAM_LIMIT) return status;
  return lam_shared_renew(chunk->mem, data, wanted, chunk->data_size, error);
}

/* A run's first value is taken whatever its size: of the next `count` the first that has bytes, since empty ones leave
 * the run as it was. */
static size_t largest_first(const struct lam_strings *strings, size_t count, size_t room) {
  size_t position = strings->position, end = strings->bytes.size, first = 0;
  if (strings->encoding != LAM_PLAIN) return end - position;
  for (size_t i = 0; i < count && first == 0 && end - position >= 4; i++, position += 4)
    first = lam_load32(strings->bytes.data + position);
  return first > room ? first : room;
}

/* PLAIN and DELTA_LENGTH_BYTE_ARRAY: what is left of the page bounds what its values can take, so that they are read
 * straight into the run's bytes. */
static enum lam_status read_direct(struct lam_chunk *chunk, int32_t *offsets, size_t count, size_t max_bytes,
                                   size_t *got, struct lam_error *error) {
  struct lam_strings *strings = &chunk->strings;
  size_t left = strings->bytes.size - strings->position;
  size_t room = max_bytes > chunk->data_size ? max_bytes - chunk->data_size : 0;
  if (chunk->data_size == 0) room = largest_first(strings, count, room);
  if (left < room) room = left;
  LAM_TRY(lam_chunk_data_room(chunk, room, error));
  struct lam_shared *data = chunk->run.values.data;
  struct lam_buf view = {.mem = chunk->mem, .data = data->data, .size = chunk->data_size, .capacity = data->capacity};
  LAM_TRY(lam_strings_read(strings, count, max_bytes, offsets, &view, got, error));
  assert(view.data == data->data);
  chunk->data_size = view.size;
  return LAM_OK;
}

/* DELTA_BYTE_ARRAY: its values can be longer than its bytes, so their size is known only once they are read. */
static enum lam_status read_prefixed(struct lam_chunk *chunk, int32_t *offsets, size_t count, size_t max_bytes,
                                     size_t *got, struct lam_error *error) {
  struct lam_buf *scratch = &chunk->scratch;
  for (*got = 0; *got < count;) {
    size_t step = count - *got < PREFIXED_STEP ? count - *got : PREFIXED_STEP, given;
    size_t room = max_bytes > chunk->data_size ? max_bytes - chunk->data_size : 0;
    /* One byte in front says that there are values before, so that a first one beyond the room is left alone. */
    size_t front = chunk->data_size > 0;
    LAM_TRY(lam_buf_reset(scratch, 1, error));
    scratch->size = front;
    int32_t *to = offsets + *got, before = to[0];
    enum lam_status status = lam_strings_read(&chunk->strings, step, room + front, to, scratch, &given, error);
    size_t size = scratch->size - front;
    if (status == LAM_OK) status = lam_chunk_data_room(chunk, size, error);
    if (status != LAM_OK) return status;
    lam_copy(chunk->run.values.data->data + chunk->data_size, scratch->data + front, size);
    for (size_t i = 0; i <= given; i++) to[i] += before - (int32_t)front;
    chunk->data_size += size;
    *got += given;
    if (given < step) break;
  }
  return LAM_OK;
}

enum lam_status lam_read_binary(struct lam_chunk *chunk, size_t at, size_t count, size_t max_bytes, size_t *got,
                                struct lam_error *error) {
  int32_t *offsets = (int32_t *)(void *)chunk->run.values.offsets->data + at;
  if (chunk->page.encoding == LAM_DELTA_BYTE_ARRAY) return read_prefixed(chunk, offsets, count, max_bytes, got, error);
  return read_direct(chunk, offsets, count, max_bytes, got, error);
}
