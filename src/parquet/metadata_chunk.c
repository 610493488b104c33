/* Chunks in footers: the whole of what a file may say, with a reason for what is refused; and the details, decoded
 * again from the same bytes when they are asked for. metadata_fast.c reads the usual forms. */
#include <assert.h>
#include <inttypes.h>

#include "parquet/thrift.h"

/* Counts below 0 mean nothing, and are as good as absent. */
static enum lam_status parse_count(struct lam_thrift *in, struct lam_thrift_field field, int64_t *out) {
  LAM_TRY(lam_thrift_i64(in, field, out));
  if (*out < 0) *out = -1;
  return LAM_OK;
}

enum lam_status lam_statistics_parse(struct lam_thrift *in, struct lam_statistics *out) {
  struct lam_thrift_field field = {0};
  *out = lam_statistics_none();
  for (;;) {
    LAM_TRY(lam_thrift_next(in, &field));
    if (!field.type) return LAM_OK;
    switch (field.id) {
      case 1: LAM_TRY(lam_thrift_binary(in, field, &out->old_max)); break;
      case 2: LAM_TRY(lam_thrift_binary(in, field, &out->old_min)); break;
      case 3: LAM_TRY(parse_count(in, field, &out->null_count)); break;
      case 4: LAM_TRY(parse_count(in, field, &out->distinct_count)); break;
      case 5: LAM_TRY(lam_thrift_binary(in, field, &out->max)); break;
      case 6: LAM_TRY(lam_thrift_binary(in, field, &out->min)); break;
      case 7: LAM_TRY(lam_thrift_bool(in, field, &out->max_exact)); break;
      case 8: LAM_TRY(lam_thrift_bool(in, field, &out->min_exact)); break;
      case 9: LAM_TRY(parse_count(in, field, &out->nan_count)); break;
      default: LAM_TRY(lam_thrift_skip(in, field.type));
    }
  }
}

static enum lam_status parse_encodings(struct lam_thrift *in, struct lam_thrift_field field, uint32_t *out) {
  uint32_t count;
  LAM_TRY(lam_thrift_list(in, field, LAM_THRIFT_I32, 1, &count));
  *out = 0;
  for (uint32_t i = 0; i < count; i++) {
    uint64_t value;
    LAM_TRY(lam_thrift_varint(in, &value));
    int64_t encoding = lam_unzigzag(value);
    if (encoding >= 0 && encoding < 32) *out |= 1u << encoding;
  }
  return LAM_OK;
}

static enum lam_status keep_list(struct lam_thrift *in, struct lam_thrift_field field, struct lam_bytes *out) {
  return field.type == LAM_THRIFT_LIST ? lam_thrift_raw(in, field.type, out) : lam_thrift_wrong(in, field, "a list");
}

static enum lam_status parse_page_stats(struct lam_thrift *in, int32_t *page, int32_t *encoding, int32_t *pages) {
  struct lam_thrift_field field = {0};
  *page = *encoding = -1;
  *pages = 0;
  for (;;) {
    LAM_TRY(lam_thrift_next(in, &field));
    if (!field.type) return LAM_OK;
    switch (field.id) {
      case 1: LAM_TRY(lam_thrift_i32(in, field, page)); break;
      case 2: LAM_TRY(lam_thrift_i32(in, field, encoding)); break;
      case 3: LAM_TRY(lam_thrift_i32(in, field, pages)); break;
      default: LAM_TRY(lam_thrift_skip(in, field.type));
    }
  }
}

static enum lam_status parse_encoding_stats(struct lam_thrift *in, struct lam_thrift_field field,
                                            struct lam_chunk_meta *out, struct lam_chunk_details *details) {
  const uint8_t *from = in->at;
  uint32_t count;
  int64_t dictionary = 0, others = 0;
  LAM_TRY(lam_thrift_list(in, field, LAM_THRIFT_STRUCT, 1, &count));
  for (uint32_t i = 0; i < count; i++) {
    int32_t page, encoding, pages;
    LAM_TRY(parse_page_stats(in, &page, &encoding, &pages));
    if ((page != LAM_DATA_PAGE && page != LAM_DATA_PAGE_V2) || pages <= 0) continue;
    if (encoding == LAM_PLAIN_DICTIONARY || encoding == LAM_RLE_DICTIONARY)
      dictionary += pages;
    else
      others += pages;
  }
  out->encoding_stats_known = true;
  out->all_pages_dictionary = dictionary > 0 && others == 0;
  details->encoding_stats = (struct lam_bytes){from, (size_t)(in->at - from)};
  return LAM_OK;
}

enum lam_status lam_thrift_check_seen(struct lam_thrift *in, uint32_t seen, uint32_t required, const char *of,
                                      const char *const *names) {
  uint32_t missing = required & ~seen;
  LAM_CHECK(!missing, in->error, "Required field %s is missing in %s before byte %zu of the %s",
            names[__builtin_ctz(missing)], of, lam_thrift_offset(in), in->what);
  return LAM_OK;
}

static enum lam_status parse_column_meta(struct lam_thrift *in, struct lam_chunk_meta *out,
                                         struct lam_chunk_details *details) {
  static const char *const names[] = {
      [1] = "type", [4] = "codec", [5] = "num_values", [7] = "total_compressed_size", [9] = "data_page_offset"};
  struct lam_thrift_field field = {0};
  uint32_t seen = 0;
  for (;;) {
    LAM_TRY(lam_thrift_next(in, &field));
    if (!field.type) break;
    if (field.id > 0 && field.id < 32) seen |= 1u << field.id;
    switch (field.id) {
      case 1: LAM_TRY(lam_thrift_enum(in, field, &out->physical)); break;
      case 2: LAM_TRY(parse_encodings(in, field, &out->encodings)); break;
      case 3: LAM_TRY(keep_list(in, field, &details->path)); break;
      case 4: LAM_TRY(lam_thrift_enum(in, field, &out->codec)); break;
      case 5: LAM_TRY(lam_thrift_i64(in, field, &out->values)); break;
      case 6: LAM_TRY(lam_thrift_i64(in, field, &out->uncompressed_size)); break;
      case 7: LAM_TRY(lam_thrift_i64(in, field, &out->compressed_size)); break;
      case 8: LAM_TRY(keep_list(in, field, &details->key_values)); break;
      case 9: LAM_TRY(lam_thrift_i64(in, field, &out->data_page_offset)); break;
      case 11:
        LAM_TRY(lam_thrift_i64(in, field, &out->dictionary_page_offset));
        out->has_dictionary_offset = true;
        break;
      case 12:
        LAM_TRY(lam_thrift_struct(in, field));
        LAM_TRY(lam_statistics_parse(in, &details->statistics));
        break;
      case 13: LAM_TRY(parse_encoding_stats(in, field, out, details)); break;
      case 14: LAM_TRY(lam_thrift_i64(in, field, &out->bloom_offset)); break;
      case 15:
        if (field.type == LAM_THRIFT_LIST) { /* Dremio's, from before the format had this field */
          LAM_TRY(lam_thrift_skip(in, field.type));
          break;
        }
        LAM_TRY(lam_thrift_i32(in, field, &out->bloom_length));
        out->bloom_length_known = true;
        break;
      case 16:
        LAM_TRY(lam_thrift_struct(in, field));
        LAM_TRY(lam_thrift_raw(in, field.type, &details->size_statistics));
        break;
      case 17:
        LAM_TRY(lam_thrift_struct(in, field));
        LAM_TRY(lam_thrift_raw(in, field.type, &details->geospatial_statistics));
        break;
      default: LAM_TRY(lam_thrift_skip(in, field.type));
    }
  }
  return lam_thrift_check_seen(in, seen, 1u << 1 | 1u << 4 | 1u << 5 | 1u << 7 | 1u << 9, "the metadata of a chunk",
                               names);
}

/* An index or bloom filter that does not lie in the file is as good as none. */
static void check_extent(uint64_t file_size, int64_t *offset, int32_t *length) {
  bool inside = *offset > 0 && *length > 0 &&
                (!file_size || ((uint64_t)*offset < file_size && (uint64_t)*length <= file_size - (uint64_t)*offset));
  if (inside) return;
  *offset = 0;
  *length = 0;
}

enum lam_status lam_chunk_check(struct lam_chunk_meta *chunk, uint64_t file_size, struct lam_error *error) {
  check_extent(file_size, &chunk->offset_index_offset, &chunk->offset_index_length);
  check_extent(file_size, &chunk->column_index_offset, &chunk->column_index_length);
  if (chunk->bloom_length_known) {
    check_extent(file_size, &chunk->bloom_offset, &chunk->bloom_length);
    if (!chunk->bloom_offset) chunk->bloom_length_known = false;
  } else if (chunk->bloom_offset < 0 || (file_size && (uint64_t)chunk->bloom_offset >= file_size)) {
    chunk->bloom_offset = 0;
  }
  LAM_CHECK(chunk->has_metadata || chunk->encrypted || chunk->elsewhere, error, "Required field meta_data is missing");
  if (!chunk->has_metadata) return LAM_OK;
  LAM_CHECK(chunk->values >= 0, error, "its number of values is %" PRId64, chunk->values);
  LAM_CHECK(chunk->compressed_size >= 0, error, "its compressed size is %" PRId64 " bytes", chunk->compressed_size);
  LAM_CHECK(chunk->uncompressed_size >= 0, error, "its uncompressed size is %" PRId64 " bytes",
            chunk->uncompressed_size);
  LAM_CHECK(chunk->data_page_offset >= 0, error, "its data begin at offset %" PRId64, chunk->data_page_offset);
  if (!file_size || chunk->elsewhere) return LAM_OK;
  LAM_CHECK((uint64_t)chunk->data_page_offset <= file_size, error,
            "its data begin at offset %" PRId64 ", behind the end of the file of %" PRIu64 " bytes",
            chunk->data_page_offset, file_size);
  LAM_CHECK(!chunk->has_dictionary_offset || chunk->dictionary_page_offset < 0 ||
                (uint64_t)chunk->dictionary_page_offset <= file_size,
            error, "its dictionary begins at offset %" PRId64 ", behind the end of the file of %" PRIu64 " bytes",
            chunk->dictionary_page_offset, file_size);
  LAM_CHECK((uint64_t)chunk->compressed_size <= file_size, error,
            "its pages take %" PRId64 " bytes, more than the file's %" PRIu64, chunk->compressed_size, file_size);
  return LAM_OK;
}

enum lam_status lam_chunk_parse_whole(struct lam_thrift *in, struct lam_chunk_meta *out,
                                      struct lam_chunk_details *details) {
  const uint8_t *from = in->at;
  struct lam_thrift_field field = {0};
  *out = (struct lam_chunk_meta){0};
  *details = (struct lam_chunk_details){.statistics = lam_statistics_none()};
  for (;;) {
    LAM_TRY(lam_thrift_next(in, &field));
    if (!field.type) break;
    switch (field.id) {
      case 1: LAM_TRY(lam_thrift_binary(in, field, &details->file_path)); break;
      case 2: LAM_TRY(lam_thrift_i64(in, field, &details->file_offset)); break;
      case 3:
        LAM_TRY(lam_thrift_struct(in, field));
        LAM_TRY(parse_column_meta(in, out, details));
        out->has_metadata = true;
        break;
      case 4: LAM_TRY(lam_thrift_i64(in, field, &out->offset_index_offset)); break;
      case 5: LAM_TRY(lam_thrift_i32(in, field, &out->offset_index_length)); break;
      case 6: LAM_TRY(lam_thrift_i64(in, field, &out->column_index_offset)); break;
      case 7: LAM_TRY(lam_thrift_i32(in, field, &out->column_index_length)); break;
      case 8:
      case 9:
        out->encrypted = true;
        LAM_TRY(lam_thrift_skip(in, field.type));
        break;
      default: LAM_TRY(lam_thrift_skip(in, field.type));
    }
  }
  out->elsewhere = details->file_path.size > 0;
  out->raw = (struct lam_bytes){from, (size_t)(in->at - from)};
  return LAM_OK;
}

enum lam_status lam_chunk_parse(struct lam_thrift *in, uint64_t file_size, struct lam_chunk_meta *out) {
  const uint8_t *behind = lam_chunk_parse_fast(in->at, in->end, out);
  if (behind) {
    in->at = behind;
  } else {
    struct lam_chunk_details details;
    LAM_TRY(lam_chunk_parse_whole(in, out, &details));
  }
  return lam_chunk_check(out, file_size, in->error);
}

/* ---- details ---- */

void lam_chunk_details(const struct lam_chunk_meta *chunk, struct lam_chunk_details *out) {
  struct lam_chunk_meta again;
  if (chunk->details) {
    *out = *chunk->details;
  } else if (chunk->describer) {
    *out = (struct lam_chunk_details){.statistics = lam_statistics_none()};
    chunk->describer->details(chunk->describer, chunk, out);
  } else if (chunk->raw.size) {
    struct lam_thrift in = lam_thrift_of(chunk->raw, "chunk", NULL);
    enum lam_status status = lam_chunk_parse_whole(&in, &again, out);
    assert(status == LAM_OK); /* it was parsed before */
    (void)status;
  } else {
    *out = (struct lam_chunk_details){.statistics = lam_statistics_none()};
  }
}

struct lam_statistics lam_chunk_statistics(const struct lam_chunk_meta *chunk) {
  struct lam_chunk_details details;
  lam_chunk_details(chunk, &details);
  return details.statistics;
}

enum lam_status lam_chunk_details_own(struct lam_chunk_meta *chunk, struct lam_arena *arena, struct lam_error *error) {
  void *memory;
  LAM_TRY(lam_arena_alloc(arena, sizeof *chunk->details, &memory, error));
  lam_chunk_details(chunk, memory);
  chunk->details = memory;
  return LAM_OK;
}
