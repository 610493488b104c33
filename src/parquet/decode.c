/* A chunk that the caller describes, decoded into buffers of the caller's. */
#include <inttypes.h>

#include "base/options.h"
#include "lamella/parquet.h"
#include "parquet/pull.h"

/* Pages are decompressed one by one, so that a description needs little memory, whatever it is of. */
enum { WINDOW = 1 << 16 };

static const enum lam_type_id stored_types[] = {
    [LAM_BOOLEAN] = LAM_TYPE_BOOL,      [LAM_INT32] = LAM_TYPE_INT32,
    [LAM_INT64] = LAM_TYPE_INT64,       [LAM_INT96] = LAM_TYPE_FIXED_BINARY,
    [LAM_FLOAT] = LAM_TYPE_FLOAT32,     [LAM_DOUBLE] = LAM_TYPE_FLOAT64,
    [LAM_BYTE_ARRAY] = LAM_TYPE_BINARY, [LAM_FIXED_LEN_BYTE_ARRAY] = LAM_TYPE_FIXED_BINARY,
};
enum { PHYSICAL_TYPES = sizeof stored_types / sizeof *stored_types };

struct given {
  struct lam_bytes bytes;
  uint64_t offset;
};

static enum lam_status read_given(const void *user, uint64_t offset, void *to, size_t size, struct lam_error *error) {
  const struct given *given = user;
  uint64_t from = offset - given->offset;
  LAM_CHECK(offset >= given->offset && from <= given->bytes.size && size <= given->bytes.size - from, error,
            "%zu bytes at byte %" PRIu64 " are needed; %zu from byte %" PRIu64 " on were given", size, offset,
            given->bytes.size, given->offset);
  lam_copy(to, given->bytes.data + from, size);
  return LAM_OK;
}

static enum lam_status leaf_of(const struct lam_chunk_description *chunk, struct lam_leaf *out,
                               struct lam_error *error) {
  bool fixed = chunk->physical == LAM_FIXED_LEN_BYTE_ARRAY;
  if (chunk->physical < 0 || chunk->physical >= PHYSICAL_TYPES)
    return lam_fail(error, LAM_INVALID, "there is no physical type %" PRId32, chunk->physical);
  if (fixed && (chunk->type_length <= 0 || chunk->type_length > LAM_TYPE_WIDEST))
    return lam_fail(error, LAM_INVALID, "values of a fixed width have %" PRId32 " bytes; expected 1 to %d",
                    chunk->type_length, LAM_TYPE_WIDEST);
  if (chunk->max_definition_level < 0 || chunk->max_definition_level > INT16_MAX)
    return lam_fail(error, LAM_INVALID, "there is no definition level %" PRId32, chunk->max_definition_level);
  *out = (struct lam_leaf){.physical = (enum lam_physical)chunk->physical,
                           .type_length = fixed ? chunk->type_length : 0,
                           .max_definition = (int16_t)chunk->max_definition_level,
                           .conversion = LAM_AS_IS,
                           .type = {.id = stored_types[chunk->physical], .timezone = ""}};
  if (chunk->physical != LAM_BOOLEAN) out->width = lam_physical_width(chunk->physical, chunk->type_length);
  out->type.byte_width = out->width;
  return LAM_OK;
}

static enum lam_status check_rows(const struct lam_plan_rows *rows, size_t count, int64_t values,
                                  struct lam_error *error) {
  for (size_t i = 0; i < count; i++)
    if (rows[i].first < (i ? rows[i - 1].end : 0) || rows[i].end <= rows[i].first || rows[i].end > values)
      return lam_fail(error, LAM_INVALID,
                      "rows %" PRId64 " to %" PRId64 " are asked for; ranges ascend and lie within %" PRId64 " rows",
                      rows[i].first, rows[i].end, values);
  return LAM_OK;
}

static enum lam_status decode_in(const struct lam_chunk_description *chunk, const struct lam_plan_rows *rows,
                                 size_t count, struct lam_mem *mem, struct lam_decode_buffers *out,
                                 struct lam_error *error) {
  const struct given given = {lam_bytes_of(chunk->bytes, chunk->size), chunk->offset};
  struct lam_leaf leaf;
  struct lam_range *ranges = NULL;
  LAM_TRY(leaf_of(chunk, &leaf, error));
  if (chunk->values < 0 || chunk->offset > INT64_MAX - chunk->size || chunk->codec < 0 || chunk->codec > LAM_LZ4_RAW)
    return lam_fail(error, LAM_INVALID,
                    "%" PRId64 " values, %zu bytes at byte %" PRIu64 " and codec %" PRId32 " describe no chunk",
                    chunk->values, chunk->size, chunk->offset, chunk->codec);
  LAM_TRY(check_rows(rows, count, chunk->values, error));
  const struct lam_chunk_source source = {
      .bytes = {.read = read_given, .user = &given, .resident = given.bytes, .resident_offset = given.offset},
      .offset = chunk->offset,
      .size = chunk->size,
      .window = WINDOW,
      .codec = (enum lam_codec)chunk->codec,
      .leaf = &leaf,
      .values = chunk->values,
      .rows = chunk->values,
      .checksums = !chunk->no_checksums,
  };
  size_t size = rows ? (count + 1) * sizeof *ranges : 0;
  if (rows) LAM_TRY(lam_alloc(mem, size, (void **)&ranges, error));
  for (size_t i = 0; i < count; i++) ranges[i] = (struct lam_range){rows[i].first, rows[i].end};
  enum lam_status status = lam_chunk_decode(&source, ranges, count, mem, out, error);
  lam_free(mem, ranges, size);
  return status;
}

enum lam_status lam_decode_chunk(struct lam_context *context, const struct lam_chunk_description *chunk,
                                 const struct lam_plan_rows *rows, size_t row_count, struct lam_chunk_buffers *buffers,
                                 struct lam_error *error) {
  struct lam_chunk_description described = LAM_CHUNK_DESCRIPTION_INIT;
  struct lam_chunk_buffers to = LAM_CHUNK_BUFFERS_INIT;
  struct lam_mem *mem;
  LAM_TRY(lam_options_read(chunk, "LAM_CHUNK_DESCRIPTION_INIT", &described, sizeof described, error));
  LAM_TRY(lam_options_read(buffers, "LAM_CHUNK_BUFFERS_INIT", &to, sizeof to, error));
  struct lam_decode_buffers out = {.validity = to.validity,
                                   .validity_size = to.validity_size,
                                   .values = to.values,
                                   .values_size = to.values_size,
                                   .offsets = to.offsets,
                                   .offsets_size = to.offsets_size};
  LAM_TRY(lam_mem_open(context, 0, &mem, error));
  enum lam_status status = decode_in(&described, rows, rows ? row_count : 0, mem, &out, error);
  lam_mem_close(mem);
  to.rows = out.rows;
  to.nulls = out.nulls;
  to.values_needed = out.values_needed;
  lam_result_write(&to, sizeof to, buffers);
  return status;
}
