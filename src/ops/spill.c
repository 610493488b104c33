/* A piece is an array's buffers one after the other, depth first: a byte that says whether there is a validity bitmap,
 * the bitmap, offsets counted from the piece's first entry, values; packed by LZ4. */
#include "ops/spill.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>

#include "base/checksum.h"
#include "base/context.h"
#include "base/uuid.h"
#include "parquet/codec.h"
#include "store/store.h"

struct lam_spill {
  struct lam_mem *mem;
  const struct ArrowSchema *schema;
  struct lam_store *store;
  char key[48]; /* "": unlinked */
  struct lam_output *output;
  struct lam_input *input;
  pthread_mutex_t lock; /* of the output */
  uint64_t size;
};

enum lam_status lam_spill_open(struct lam_mem *mem, const struct ArrowSchema *schema, struct lam_spill **out,
                               struct lam_error *error) {
  struct lam_context *context = lam_mem_context(mem);
  char uuid[LAM_UUID_ROOM];
  void *memory;
  *out = NULL;
  LAM_TRY(lam_alloc_zero(mem, sizeof **out, &memory, error));
  struct lam_spill *spill = memory;
  spill->mem = mem;
  spill->schema = schema;
  pthread_mutex_init(&spill->lock, NULL);
  enum lam_status status = lam_uuid(uuid, error);
  if (status == LAM_OK) status = lam_store_local(context, lam_context_spill_dir(context), &spill->store, error);
  if (status == LAM_OK) {
    char key[sizeof spill->key];
    snprintf(key, sizeof key, "lamella-%s", uuid);
    status = spill->store->ops->create(spill->store, key, &spill->output, error);
    if (status == LAM_OK) memcpy(spill->key, key, sizeof key);
  }
  if (status == LAM_OK)
    *out = spill;
  else
    lam_spill_close(spill);
  return status;
}

void lam_spill_close(struct lam_spill *spill) {
  if (!spill) return;
  if (spill->output) spill->store->ops->close_output(spill->output, NULL);
  if (spill->input) spill->store->ops->close_input(spill->input);
  if (spill->key[0]) spill->store->ops->remove(spill->store, spill->key, NULL);
  lam_store_close(spill->store);
  pthread_mutex_destroy(&spill->lock);
  lam_free(spill->mem, spill, sizeof *spill);
}

/* ---- writing ---- */

static size_t offset_width(const struct lam_type *type) {
  switch (type->id) {
    case LAM_TYPE_STRING:
    case LAM_TYPE_BINARY:
    case LAM_TYPE_LIST:
    case LAM_TYPE_MAP: return 4;
    case LAM_TYPE_LARGE_STRING:
    case LAM_TYPE_LARGE_BINARY:
    case LAM_TYPE_LARGE_LIST: return 8;
    default: return 0;
  }
}

/* Rows [first, first + count) of the view's offsets, counted from the first entry; *entries gets which those are. */
static enum lam_status put_offsets(const struct lam_view *view, int64_t first, int64_t count, struct lam_buf *out,
                                   struct lam_range *entries, struct lam_error *error) {
  size_t width = offset_width(&view->type);
  int64_t at = view->offset + first;
  LAM_TRY(lam_buf_room(out, (size_t)(count + 1) * width, error));
  uint8_t *to = out->data + out->size;
  out->size += (size_t)(count + 1) * width;
  for (int64_t i = 0; i <= count; i++, to += width) {
    if (width == 4)
      lam_store32(to, (uint32_t)(view->offsets32[at + i] - view->offsets32[at]));
    else
      lam_store64(to, (uint64_t)(view->offsets64[at + i] - view->offsets64[at]));
  }
  *entries = width == 4 ? (struct lam_range){view->offsets32[at], view->offsets32[at + count]}
                        : (struct lam_range){view->offsets64[at], view->offsets64[at + count]};
  return LAM_OK;
}

static enum lam_status put_bits(const uint8_t *bits, int64_t first, int64_t count, struct lam_buf *out,
                                struct lam_error *error) {
  size_t size = (size_t)(count + 7) / 8;
  LAM_TRY(lam_buf_room(out, size, error));
  if (size) out->data[out->size + size - 1] = 0;
  lam_bits_copy(out->data + out->size, 0, bits, first, count);
  out->size += size;
  return LAM_OK;
}

static enum lam_status put_array(const struct ArrowSchema *schema, const struct ArrowArray *array, int64_t first,
                                 int64_t count, int depth, struct lam_buf *out, struct lam_error *error) {
  struct lam_view view;
  if (depth > LAM_TYPE_DEEPEST)
    return lam_fail(error, LAM_UNSUPPORTED, "a column is nested deeper than %d levels", LAM_TYPE_DEEPEST);
  LAM_TRY(lam_view_init(schema, array, &view, error));
  uint8_t nullable = view.validity != NULL;
  LAM_TRY(lam_buf_append(out, &nullable, 1, error));
  if (nullable) LAM_TRY(put_bits(view.validity, view.offset + first, count, out, error));
  struct lam_range entries = {view.offset + first, view.offset + first + count};
  if (offset_width(&view.type)) LAM_TRY(put_offsets(&view, first, count, out, &entries, error));
  if (view.type.id == LAM_TYPE_BOOL) return put_bits(view.data, entries.first, count, out, error);
  if (view.type.id == LAM_TYPE_FIXED_LIST) {
    entries.first *= view.type.byte_width;
    entries.end *= view.type.byte_width;
  }
  size_t width = lam_type_is_binary(view.type.id) ? 1 : (size_t)lam_type_bits(&view.type) / 8;
  if (width && !lam_type_is_nested(view.type.id))
    return lam_buf_append(out, (const uint8_t *)view.data + (size_t)entries.first * width,
                          (size_t)(entries.end - entries.first) * width, error);
  for (int64_t c = 0; c < schema->n_children; c++)
    LAM_TRY(put_array(schema->children[c], array->children[c], entries.first, entries.end - entries.first, depth + 1,
                      out, error));
  return LAM_OK;
}

static enum lam_status pack(struct lam_spill *spill, struct lam_bytes from, struct lam_buf *out,
                            struct lam_error *error) {
  struct lam_codec_state codec;
  if (from.size > UINT32_MAX) return lam_fail(error, LAM_LIMIT, "4 GiB of rows in one piece that is spilled");
  lam_codec_init(&codec, spill->mem);
  enum lam_status status = lam_compress(&codec, LAM_LZ4_RAW, 0, from, out, error);
  lam_codec_release(&codec);
  if (status == LAM_OK && out->size > UINT32_MAX)
    return lam_fail(error, LAM_LIMIT, "4 GiB of rows in one piece that is spilled");
  return status;
}

static enum lam_status write_packed(struct lam_spill *spill, struct lam_bytes packed, struct lam_spill_piece *out,
                                    struct lam_error *error) {
  out->stored = (uint32_t)packed.size;
  out->checksum = lam_hash_fast(packed.data, packed.size, 0);
  pthread_mutex_lock(&spill->lock);
  out->offset = spill->size;
  spill->size += packed.size;
  enum lam_status status = spill->store->ops->write(spill->output, packed.data, packed.size, error);
  pthread_mutex_unlock(&spill->lock);
  return status;
}

enum lam_status lam_spill_write(struct lam_spill *spill, const struct ArrowArray *batch, int64_t first, int64_t count,
                                struct lam_spill_piece *out, struct lam_error *error) {
  struct lam_buf plain, packed;
  assert(spill->output);
  *out = (struct lam_spill_piece){.rows = count};
  lam_buf_init(&plain, spill->mem);
  lam_buf_init(&packed, spill->mem);
  enum lam_status status = LAM_OK;
  for (int64_t c = 0; status == LAM_OK && c < spill->schema->n_children; c++)
    status = put_array(spill->schema->children[c], batch->children[c], first, count, 0, &plain, error);
  if (status == LAM_OK) status = pack(spill, lam_bytes_of(plain.data, plain.size), &packed, error);
  if (status == LAM_OK) {
    out->size = (uint32_t)plain.size;
    status = write_packed(spill, lam_bytes_of(packed.data, packed.size), out, error);
  }
  lam_buf_release(&plain);
  lam_buf_release(&packed);
  return status;
}

enum lam_status lam_spill_finish(struct lam_spill *spill, struct lam_error *error) {
  const struct lam_store_ops *ops = spill->store->ops;
  struct lam_object_info info;
  struct lam_output *output = spill->output;
  spill->output = NULL;
  LAM_TRY(ops->close_output(output, error));
  LAM_TRY(ops->open(spill->store, spill->key, &spill->input, &info, error));
  /* From here on only we can reach it, and a crash leaves nothing behind. */
  LAM_TRY(ops->remove(spill->store, spill->key, error));
  spill->key[0] = 0;
  return LAM_OK;
}

/* ---- reading ---- */

/* What is left of an unpacked piece. Its checksum was right, so it is what put_array wrote. */
struct source {
  struct lam_mem *mem;
  const uint8_t *at, *end;
};

static enum lam_status get_buffer(struct source *source, size_t size, struct lam_shared **out,
                                  struct lam_error *error) {
  assert(size <= (size_t)(source->end - source->at));
  LAM_TRY(lam_shared_create(source->mem, size, out, error));
  lam_copy((*out)->data, source->at, size);
  source->at += size;
  return LAM_OK;
}

static enum lam_status get_array(struct source *source, const struct ArrowSchema *schema, int64_t rows,
                                 struct ArrowArray *out, struct lam_error *error);

static enum lam_status get_children(struct source *source, const struct ArrowSchema *schema, int64_t rows,
                                    struct ArrowArray *out, struct lam_error *error) {
  for (int64_t c = 0; c < schema->n_children; c++)
    LAM_TRY(get_array(source, schema->children[c], rows, out->children[c], error));
  return LAM_OK;
}

/* Validity, offsets and values; *entries gets how many values, bytes of values or entries of the child there are. */
static enum lam_status get_buffers(struct source *source, const struct lam_type *type, int64_t rows,
                                   struct lam_shared **buffers, int *count, int64_t *entries, struct lam_error *error) {
  size_t width = offset_width(type);
  *entries = type->id == LAM_TYPE_FIXED_LIST ? rows * type->byte_width : rows;
  *count = type->id == LAM_TYPE_NULL ? 0 : 1;
  if (*source->at++) LAM_TRY(get_buffer(source, (size_t)(rows + 7) / 8, &buffers[0], error));
  if (width) {
    LAM_TRY(get_buffer(source, (size_t)(rows + 1) * width, &buffers[1], error));
    const uint8_t *last = buffers[1]->data + (size_t)rows * width;
    *entries = width == 4 ? (int64_t)lam_load32(last) : (int64_t)lam_load64(last);
    *count = 2;
  }
  if (lam_type_is_nested(type->id) || type->id == LAM_TYPE_NULL) return LAM_OK;
  size_t bits = lam_type_is_binary(type->id) ? 8 : (size_t)lam_type_bits(type);
  LAM_TRY(get_buffer(source, ((size_t)*entries * bits + 7) / 8, &buffers[*count], error));
  ++*count;
  return LAM_OK;
}

static enum lam_status get_array(struct source *source, const struct ArrowSchema *schema, int64_t rows,
                                 struct ArrowArray *out, struct lam_error *error) {
  struct lam_type type;
  struct lam_shared *buffers[3] = {NULL, NULL, NULL};
  int count = 0;
  int64_t entries = 0;
  LAM_TRY(lam_type_parse(schema, &type, error));
  enum lam_status status = get_buffers(source, &type, rows, buffers, &count, &entries, error);
  int64_t nulls = type.id == LAM_TYPE_NULL ? rows : buffers[0] ? -1 : 0;
  if (status == LAM_OK && lam_type_is_nested(type.id)) {
    status = lam_array_init_nested(rows, nulls, count, buffers, schema->n_children, out, error);
    if (status == LAM_OK) status = get_children(source, schema, entries, out, error);
  } else if (status == LAM_OK) {
    status = lam_array_init(rows, nulls, count, buffers, NULL, out, error);
  }
  for (int i = 0; i < 3; i++) lam_shared_release(buffers[i]);
  return status;
}

static enum lam_status get_piece(struct lam_spill *spill, const struct lam_spill_piece *piece, uint8_t *packed,
                                 uint8_t *plain, struct ArrowArray *out, struct lam_error *error) {
  struct lam_codec_state codec;
  LAM_TRY(spill->store->ops->read(spill->input, piece->offset, packed, piece->stored, error));
  if (lam_hash_fast(packed, piece->stored, 0) != piece->checksum)
    return lam_fail(error, LAM_CORRUPT, "the rows spilled to %s at byte %llu are not what was written",
                    spill->store->root, (unsigned long long)piece->offset);
  lam_codec_init(&codec, spill->mem);
  enum lam_status status =
      lam_decompress(&codec, LAM_LZ4_RAW, lam_bytes_of(packed, piece->stored), plain, piece->size, error);
  lam_codec_release(&codec);
  LAM_TRY(status);
  struct source source = {spill->mem, plain, plain + piece->size};
  LAM_TRY(lam_array_init_struct(piece->rows, spill->schema->n_children, out, error));
  status = get_children(&source, spill->schema, piece->rows, out, error);
  if (status != LAM_OK) lam_array_release(out);
  return status;
}

enum lam_status lam_spill_read(struct lam_spill *spill, const struct lam_spill_piece *piece, struct ArrowArray *out,
                               struct lam_error *error) {
  size_t size = (size_t)piece->stored + piece->size;
  void *memory;
  assert(spill->input);
  out->release = NULL;
  LAM_TRY(lam_alloc(spill->mem, size, &memory, error));
  enum lam_status status = get_piece(spill, piece, memory, (uint8_t *)memory + piece->stored, out, error);
  lam_free(spill->mem, memory, size);
  return status;
}
