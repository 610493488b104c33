#include <assert.h>

#include "arrow/array.h"
#include "base/error.h"

/* ---- buffers ---- */

static enum lam_status grow(struct lam_mem *mem, struct lam_builder_buffer *buffer, size_t needed,
                            struct lam_error *error) {
  enum { SMALLEST = 256 };
  size_t wanted = needed > SMALLEST ? needed : SMALLEST;
  bool ours = buffer->data != NULL;
  if (buffer->shared) {
    /* What was given out comes back at its size; what is full grows by half. */
    size_t usual = ours ? buffer->capacity + buffer->capacity / 2 : buffer->shared->capacity;
    if (wanted < usual) wanted = usual;
  }
  size_t keep = ours ? buffer->size : 0;
  enum lam_status status = lam_shared_renew(mem, &buffer->shared, wanted, keep, error);
  if (status == LAM_LIMIT && wanted > needed) status = lam_shared_renew(mem, &buffer->shared, needed, keep, error);
  if (status != LAM_OK) return status;
  buffer->data = buffer->shared->data;
  buffer->capacity = buffer->shared->capacity;
  return LAM_OK;
}

static inline enum lam_status room(struct lam_mem *mem, struct lam_builder_buffer *buffer, size_t more,
                                   struct lam_error *error) {
  size_t needed;
  if (__builtin_expect(lam_add_overflow(buffer->size, more, &needed), 0))
    return lam_fail(error, LAM_LIMIT, "a column of more than 2^64 bytes was asked for");
  return needed <= buffer->capacity ? LAM_OK : grow(mem, buffer, needed, error);
}

static enum lam_status push_bit(struct lam_mem *mem, struct lam_builder_buffer *buffer, int64_t i, bool value,
                                struct lam_error *error) {
  if ((i & 7) == 0) {
    LAM_TRY(room(mem, buffer, 1, error));
    buffer->data[buffer->size++] = 0;
  }
  if (value) lam_bit_set(buffer->data, i);
  return LAM_OK;
}

/* ---- rows ---- */

enum lam_status lam_builder_init(struct lam_builder *builder, struct lam_mem *mem, const struct lam_type *type,
                                 struct lam_error *error) {
  *builder = (struct lam_builder){.type = *type, .mem = mem};
  if (lam_type_is_nested(type->id) || type->id == LAM_TYPE_STRING_VIEW || type->id == LAM_TYPE_BINARY_VIEW) {
    char name[96];
    return lam_fail(error, LAM_UNSUPPORTED, "columns of type %s cannot be built",
                    lam_type_name(type, name, sizeof name));
  }
  builder->large = type->id == LAM_TYPE_LARGE_STRING || type->id == LAM_TYPE_LARGE_BINARY;
  if (type->id != LAM_TYPE_BOOL) builder->width = (size_t)lam_type_bits(type) / 8;
  return LAM_OK;
}

void lam_builder_release(struct lam_builder *builder) {
  lam_shared_release(builder->validity.shared);
  lam_shared_release(builder->offsets.shared);
  lam_shared_release(builder->data.shared);
  *builder = (struct lam_builder){.type = builder->type, .mem = builder->mem};
}

/* The validity of the row that is added now. Room in the other buffers has been made before: a failed
 * call leaves the builder as it was. */
static inline enum lam_status push_valid(struct lam_builder *builder, bool valid, struct lam_error *error) {
  struct lam_builder_buffer *validity = &builder->validity;
  if (valid && validity->size == 0) return LAM_OK;
  if (validity->size == 0 && builder->length > 0) { /* the first null */
    size_t bytes = (size_t)(builder->length + 7) / 8;
    LAM_TRY(room(builder->mem, validity, bytes + 1, error));
    memset(validity->data, 0, bytes);
    lam_bits_fill(validity->data, 0, builder->length, true);
    validity->size = bytes;
  }
  LAM_TRY(push_bit(builder->mem, validity, builder->length, valid, error));
  builder->null_count += !valid;
  return LAM_OK;
}

/* The end of the last string so far, after the first offset has been written. */
static enum lam_status offset_room(struct lam_builder *builder, struct lam_error *error) {
  size_t size = builder->large ? 8 : 4;
  LAM_TRY(room(builder->mem, &builder->offsets, 2 * size, error));
  if (builder->offsets.size) return LAM_OK;
  memset(builder->offsets.data, 0, size);
  builder->offsets.size = size;
  return LAM_OK;
}

static inline void push_offset(struct lam_builder *builder) {
  struct lam_builder_buffer *offsets = &builder->offsets;
  if (builder->large) {
    lam_store64(offsets->data + offsets->size, builder->data.size);
    offsets->size += 8;
  } else {
    lam_store32(offsets->data + offsets->size, (uint32_t)builder->data.size);
    offsets->size += 4;
  }
}

enum lam_status lam_builder_null(struct lam_builder *builder, struct lam_error *error) {
  if (builder->type.id == LAM_TYPE_NULL) {
    builder->length++, builder->null_count++;
    return LAM_OK;
  }
  bool bytes = lam_type_is_binary(builder->type.id);
  if (bytes) LAM_TRY(offset_room(builder, error));
  LAM_TRY(room(builder->mem, &builder->data, builder->width ? builder->width : 1, error));
  LAM_TRY(push_valid(builder, false, error));
  if (bytes) {
    push_offset(builder);
  } else if (builder->type.id == LAM_TYPE_BOOL) {
    LAM_TRY(push_bit(builder->mem, &builder->data, builder->length, false, error));
  } else {
    memset(builder->data.data + builder->data.size, 0, builder->width);
    builder->data.size += builder->width;
  }
  builder->length++;
  return LAM_OK;
}

enum lam_status lam_builder_bool(struct lam_builder *builder, bool value, struct lam_error *error) {
  assert(builder->type.id == LAM_TYPE_BOOL);
  LAM_TRY(room(builder->mem, &builder->data, 1, error));
  LAM_TRY(push_valid(builder, true, error));
  LAM_TRY(push_bit(builder->mem, &builder->data, builder->length, value, error));
  builder->length++;
  return LAM_OK;
}

enum lam_status lam_builder_fixed(struct lam_builder *builder, const void *value, struct lam_error *error) {
  assert(builder->width || builder->type.id == LAM_TYPE_FIXED_BINARY);
  LAM_TRY(room(builder->mem, &builder->data, builder->width ? builder->width : 1, error));
  LAM_TRY(push_valid(builder, true, error));
  uint8_t *to = builder->data.data + builder->data.size;
  if (builder->width == 8)
    memcpy(to, value, 8);
  else if (builder->width == 4)
    memcpy(to, value, 4);
  else
    lam_copy(to, value, builder->width);
  builder->data.size += builder->width;
  builder->length++;
  return LAM_OK;
}

enum lam_status lam_builder_bytes(struct lam_builder *builder, struct lam_bytes value, struct lam_error *error) {
  assert(lam_type_is_binary(builder->type.id));
  if (!builder->large && value.size > INT32_MAX - builder->data.size)
    return lam_fail(error, LAM_LIMIT, "a column of strings passes the 2^31 - 1 bytes that 32-bit offsets reach");
  LAM_TRY(offset_room(builder, error));
  LAM_TRY(room(builder->mem, &builder->data, value.size, error));
  LAM_TRY(push_valid(builder, true, error));
  if (value.size) memcpy(builder->data.data + builder->data.size, value.data, value.size);
  builder->data.size += value.size;
  push_offset(builder);
  builder->length++;
  return LAM_OK;
}

enum lam_status lam_builder_finish(struct lam_builder *builder, struct ArrowArray *out, struct lam_error *error) {
  memset(out, 0, sizeof *out);
  enum lam_type_id id = builder->type.id;
  bool bytes = lam_type_is_binary(id);
  int count = id == LAM_TYPE_NULL ? 0 : bytes ? 3 : 2;
  if (bytes) LAM_TRY(offset_room(builder, error));
  /* Readers of the interface do better with a buffer of no bytes than with none. */
  if (count) LAM_TRY(room(builder->mem, &builder->data, 1, error));
  struct lam_shared *buffers[3] = {builder->validity.size ? builder->validity.shared : NULL,
                                   bytes ? builder->offsets.shared : builder->data.shared, builder->data.shared};
  LAM_TRY(lam_array_init(builder->length, builder->null_count, count, buffers, NULL, out, error));
  builder->length = builder->null_count = 0;
  struct lam_builder_buffer *all[] = {&builder->validity, &builder->offsets, &builder->data};
  for (int i = 0; i < 3; i++) *all[i] = (struct lam_builder_buffer){.shared = all[i]->shared};
  return LAM_OK;
}
