/* A piece is an array's buffers one after the other, depth first: a byte that says whether there is a validity bitmap,
 * the bitmap, lengths where there are offsets, values, both packed by spill_pack.h where they fit that. The bytes of
 * strings stand behind all that, compressed by LZ4. */
#include "ops/spill.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>

#include "base/checksum.h"
#include "base/context.h"
#include "base/uuid.h"
#include "ops/spill_pack.h"
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

/* A piece that is made. */
struct target {
  struct lam_buf plain, text; /* strings alone are in the latter */
  struct lam_buf lengths;     /* of the column under way */
};

/* The lengths of rows [first, first + count); *entries gets which entries they are together. */
static enum lam_status put_offsets(const struct lam_view *view, int64_t first, int64_t count, struct target *to,
                                   struct lam_range *entries, struct lam_error *error) {
  size_t width = offset_width(&view->type);
  int64_t at = view->offset + first;
  LAM_TRY(lam_buf_reset(&to->lengths, (size_t)count * width, error));
  uint8_t *lengths = to->lengths.data;
  for (int64_t i = 0; width == 4 && i < count; i++)
    lam_store32(lengths + 4 * i, (uint32_t)(view->offsets32[at + i + 1] - view->offsets32[at + i]));
  for (int64_t i = 0; width == 8 && i < count; i++)
    lam_store64(lengths + 8 * i, (uint64_t)(view->offsets64[at + i + 1] - view->offsets64[at + i]));
  *entries = width == 4 ? (struct lam_range){view->offsets32[at], view->offsets32[at + count]}
                        : (struct lam_range){view->offsets64[at], view->offsets64[at + count]};
  return lam_spill_pack(lengths, width, (size_t)count, &to->plain, error);
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
                                 int64_t count, int depth, struct target *to, struct lam_error *error) {
  struct lam_view view;
  struct lam_buf *out = &to->plain;
  if (depth > LAM_TYPE_DEEPEST)
    return lam_fail(error, LAM_UNSUPPORTED, "a column is nested deeper than %d levels", LAM_TYPE_DEEPEST);
  LAM_TRY(lam_view_init(schema, array, &view, error));
  uint8_t nullable = view.validity != NULL;
  LAM_TRY(lam_buf_append(out, &nullable, 1, error));
  if (nullable) LAM_TRY(put_bits(view.validity, view.offset + first, count, out, error));
  struct lam_range entries = {view.offset + first, view.offset + first + count};
  if (offset_width(&view.type)) LAM_TRY(put_offsets(&view, first, count, to, &entries, error));
  if (view.type.id == LAM_TYPE_BOOL) return put_bits(view.data, entries.first, count, out, error);
  if (view.type.id == LAM_TYPE_FIXED_LIST) {
    entries.first *= view.type.byte_width;
    entries.end *= view.type.byte_width;
  }
  bool binary = lam_type_is_binary(view.type.id);
  size_t width = binary ? 1 : (size_t)lam_type_bits(&view.type) / 8, values = (size_t)(entries.end - entries.first);
  if (width && !lam_type_is_nested(view.type.id)) {
    const uint8_t *data = values ? (const uint8_t *)view.data + (size_t)entries.first * width : NULL;
    if (lam_spill_packs(width)) return lam_spill_pack(data, width, values, out, error);
    return lam_buf_append(binary ? &to->text : out, data, values * width, error);
  }
  for (int64_t c = 0; c < schema->n_children; c++)
    LAM_TRY(put_array(schema->children[c], array->children[c], entries.first, entries.end - entries.first, depth + 1,
                      to, error));
  return LAM_OK;
}

/* Compresses the strings behind the rest. */
static enum lam_status pack_text(struct lam_spill *spill, struct target *from, struct lam_spill_piece *out,
                                 struct lam_error *error) {
  struct lam_codec_state codec;
  if (from->text.size > UINT32_MAX || from->plain.size > UINT32_MAX)
    return lam_fail(error, LAM_LIMIT, "4 GiB of rows in one piece that is spilled");
  out->plain = (uint32_t)from->plain.size;
  out->text = (uint32_t)from->text.size;
  lam_codec_init(&codec, spill->mem);
  enum lam_status status = LAM_OK;
  if (out->text)
    status = lam_compress(&codec, LAM_LZ4_RAW, 0, lam_bytes_of(from->text.data, out->text), &from->plain, error);
  lam_codec_release(&codec);
  return status;
}

static enum lam_status write_packed(struct lam_spill *spill, struct lam_bytes packed, struct lam_spill_piece *out,
                                    struct lam_error *error) {
  out->stored = packed.size;
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
  struct target to;
  assert(spill->output);
  *out = (struct lam_spill_piece){.rows = count};
  lam_buf_init(&to.plain, spill->mem);
  lam_buf_init(&to.text, spill->mem);
  lam_buf_init(&to.lengths, spill->mem);
  enum lam_status status = LAM_OK;
  for (int64_t c = 0; status == LAM_OK && c < spill->schema->n_children; c++)
    status = put_array(spill->schema->children[c], batch->children[c], first, count, 0, &to, error);
  if (status == LAM_OK) status = pack_text(spill, &to, out, error);
  if (status == LAM_OK) status = write_packed(spill, lam_bytes_of(to.plain.data, to.plain.size), out, error);
  lam_buf_release(&to.plain);
  lam_buf_release(&to.text);
  lam_buf_release(&to.lengths);
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

/* What is left of a piece. Its checksum was right, so it is what put_array wrote. */
struct source {
  struct lam_mem *mem;
  const uint8_t *at, *text;
};

static enum lam_status get_buffer(struct source *source, const uint8_t **at, size_t size, struct lam_shared **out,
                                  struct lam_error *error) {
  LAM_TRY(lam_shared_create(source->mem, size, out, error));
  lam_copy((*out)->data, *at, size);
  *at += size;
  return LAM_OK;
}

static enum lam_status get_packed(struct source *source, size_t width, int64_t count, struct lam_shared **out,
                                  struct lam_error *error) {
  LAM_TRY(lam_shared_create(source->mem, (size_t)count * width, out, error));
  source->at = lam_spill_unpack(source->at, width, (size_t)count, (*out)->data);
  return LAM_OK;
}

/* Offsets of the lengths; *total gets the last of them. */
static enum lam_status get_offsets(struct source *source, size_t width, int64_t rows, struct lam_shared **out,
                                   int64_t *total, struct lam_error *error) {
  LAM_TRY(lam_shared_create(source->mem, (size_t)(rows + 1) * width, out, error));
  uint8_t *offsets = (*out)->data;
  memset(offsets, 0, width);
  source->at = lam_spill_unpack(source->at, width, (size_t)rows, offsets + width);
  uint64_t sum = 0;
  for (int64_t i = 1; width == 4 && i <= rows; i++) {
    sum += lam_load32(offsets + 4 * i);
    lam_store32(offsets + 4 * i, (uint32_t)sum);
  }
  for (int64_t i = 1; width == 8 && i <= rows; i++) {
    sum += lam_load64(offsets + 8 * i);
    lam_store64(offsets + 8 * i, sum);
  }
  *total = (int64_t)sum;
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
  if (*source->at++) LAM_TRY(get_buffer(source, &source->at, (size_t)(rows + 7) / 8, &buffers[0], error));
  if (width) {
    LAM_TRY(get_offsets(source, width, rows, &buffers[1], entries, error));
    *count = 2;
  }
  if (lam_type_is_nested(type->id) || type->id == LAM_TYPE_NULL) return LAM_OK;
  struct lam_shared **values = &buffers[(*count)++];
  size_t bits = (size_t)lam_type_bits(type);
  if (lam_type_is_binary(type->id)) return get_buffer(source, &source->text, (size_t)*entries, values, error);
  if (lam_spill_packs(bits / 8)) return get_packed(source, bits / 8, *entries, values, error);
  return get_buffer(source, &source->at, ((size_t)*entries * bits + 7) / 8, values, error);
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
                                 uint8_t *text, struct ArrowArray *out, struct lam_error *error) {
  struct lam_codec_state codec;
  LAM_TRY(spill->store->ops->read(spill->input, piece->offset, packed, piece->stored, error));
  if (lam_hash_fast(packed, piece->stored, 0) != piece->checksum)
    return lam_fail(error, LAM_CORRUPT, "the rows spilled to %s at byte %llu are not what was written",
                    spill->store->root, (unsigned long long)piece->offset);
  struct lam_bytes compressed = lam_bytes_of(packed + piece->plain, (size_t)piece->stored - piece->plain);
  lam_codec_init(&codec, spill->mem);
  enum lam_status status = LAM_OK;
  if (piece->text) status = lam_decompress(&codec, LAM_LZ4_RAW, compressed, text, piece->text, error);
  lam_codec_release(&codec);
  LAM_TRY(status);
  struct source source = {spill->mem, packed, text};
  LAM_TRY(lam_array_init_struct(piece->rows, spill->schema->n_children, out, error));
  status = get_children(&source, spill->schema, piece->rows, out, error);
  if (status != LAM_OK) lam_array_release(out);
  return status;
}

bool lam_spill_due(const struct lam_mem *mem, uint64_t held, uint64_t most) {
  return held >= most || (held >= most / 8 && lam_mem_available(mem) < most / 2);
}

enum lam_status lam_spill_read(struct lam_spill *spill, const struct lam_spill_piece *piece, struct ArrowArray *out,
                               struct lam_error *error) {
  size_t size = (size_t)piece->stored + piece->text;
  void *memory;
  assert(spill->input);
  out->release = NULL;
  LAM_TRY(lam_alloc(spill->mem, size, &memory, error));
  enum lam_status status = get_piece(spill, piece, memory, (uint8_t *)memory + piece->stored, out, error);
  lam_free(spill->mem, memory, size);
  return status;
}
