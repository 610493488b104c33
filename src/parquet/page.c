#include "parquet/page.h"

#include <inttypes.h>

#include "base/checksum.h"
#include "base/context.h"

enum {
  FIRST_HEADER_BYTES = 512, /* most headers take 20 to 100 bytes; those with statistics more */
  WALK_WINDOW = 1 << 20,    /* bytes */
  LEAP_BYTES = 8 << 10,     /* less costs less to read than to seek past */
  LARGE_PAGE = 128 << 10,   /* bytes; read to its end and the next header, so that little is moved to the front then */
};

void lam_page_stream_init(struct lam_page_stream *stream, struct lam_mem *mem) {
  *stream = (struct lam_page_stream){0};
  lam_buf_init(&stream->window, mem);
}

void lam_page_stream_release(struct lam_page_stream *stream) {
  lam_buf_release(&stream->window);
}

void lam_page_stream_begin(struct lam_page_stream *stream, const struct lam_byte_source *source, uint64_t offset,
                           uint64_t size, uint64_t slack, size_t window_size, bool checksums) {
  stream->source = *source;
  stream->next = offset;
  stream->end = offset + size;
  stream->slack = slack;
  stream->window.size = 0;
  stream->window_offset = offset;
  stream->window_size = window_size;
  stream->until = UINT64_MAX;
  stream->checksums = checksums;
}

/* Makes the window begin at stream->next and hold at least `size` bytes, which the chunk has. */
static enum lam_status fill_window(struct lam_page_stream *stream, size_t size, struct lam_error *error) {
  struct lam_buf *window = &stream->window;
  uint64_t used = stream->next - stream->window_offset;
  size_t kept = used < window->size ? window->size - (size_t)used : 0;
  uint64_t ahead = stream->until > stream->next ? stream->until - stream->next : 0;
  if (size >= LARGE_PAGE) ahead = lam_min_u64(ahead, (uint64_t)size + FIRST_HEADER_BYTES);
  uint64_t wanted64 = lam_max_u64(size, lam_min_u64(ahead, stream->window_size));
  size_t wanted = (size_t)lam_min_u64(wanted64, stream->end - stream->next);
  if (kept && used) memmove(window->data, window->data + used, kept);
  window->size = kept;
  LAM_TRY(lam_buf_reserve(window, wanted, error));
  LAM_TRY(stream->source.read(stream->source.user, stream->next + kept, window->data + kept, wanted - kept, error));
  window->size = wanted;
  stream->window_offset = stream->next;
  return LAM_OK;
}

/* At least `size` bytes from stream->next on, and all the others that are at hand. */
static enum lam_status bytes_at_next(struct lam_page_stream *stream, size_t size, struct lam_bytes *out,
                                     struct lam_error *error) {
  const struct lam_byte_source *source = &stream->source;
  uint64_t resident_end = source->resident_offset + source->resident.size;
  if (source->resident.size && stream->next >= source->resident_offset && stream->next + size <= resident_end) {
    *out = lam_bytes_of(source->resident.data + (stream->next - source->resident_offset),
                        (size_t)(lam_min_u64(stream->end, resident_end) - stream->next));
    return LAM_OK;
  }
  if (stream->window_offset + stream->window.size < stream->next + size) LAM_TRY(fill_window(stream, size, error));
  size_t used = (size_t)(stream->next - stream->window_offset);
  *out = lam_bytes_of(stream->window.data + used, stream->window.size - used);
  return LAM_OK;
}

/* Whether `size` bytes from stream->next on are the chunk's, if need be with the slack. */
static bool fits(struct lam_page_stream *stream, uint64_t size) {
  if (size <= stream->end - stream->next) return true;
  stream->end += stream->slack;
  stream->slack = 0;
  return size <= stream->end - stream->next;
}

static enum lam_status read_header(struct lam_page_stream *stream, struct lam_page *page, struct lam_error *error) {
  size_t header_size = 0;
  uint64_t ahead = stream->until > stream->next ? stream->until - stream->next : FIRST_HEADER_BYTES;
  for (uint64_t wanted = lam_min_u64(ahead, FIRST_HEADER_BYTES);; wanted *= 4) {
    struct lam_bytes bytes;
    uint64_t left = stream->end - stream->next;
    LAM_TRY(bytes_at_next(stream, (size_t)lam_min_u64(wanted, left), &bytes, error));
    enum lam_status status = lam_page_header_parse(bytes, &page->header, &header_size, error);
    if (status != LAM_OK) return lam_fail_in(error, status, "page header at byte %" PRIu64, stream->next);
    if (header_size) break;
    LAM_CHECK(wanted < left || fits(stream, left + 1), error,
              "page header at byte %" PRIu64 ": the chunk ends at byte %" PRIu64 " within it", stream->next,
              stream->end);
  }
  page->offset = stream->next;
  page->header_size = (uint32_t)header_size;
  return LAM_OK;
}

static enum lam_status check_crc(const struct lam_page *page, uint32_t found, struct lam_error *error) {
  LAM_CHECK(found == page->header.crc, error,
            "page at byte %" PRIu64 ": its checksum is %08" PRIx32 ", the bytes have %08" PRIx32
            " (the file is damaged; reading without checksums goes on)",
            page->offset, page->header.crc, found);
  return LAM_OK;
}

enum lam_status lam_page_stream_header(struct lam_page_stream *stream, struct lam_page *page, bool *more,
                                       struct lam_error *error) {
  *more = stream->next < stream->end;
  if (!*more) return LAM_OK;
  LAM_TRY(read_header(stream, page, error));
  const struct lam_page_header *header = &page->header;
  LAM_CHECK(header->compressed_size >= 0 && header->uncompressed_size >= 0 &&
                fits(stream, page->header_size + (uint64_t)header->compressed_size),
            error, "page at byte %" PRIu64 ": its %" PRId32 " bytes do not fit the chunk, which ends at byte %" PRIu64,
            page->offset, header->compressed_size, stream->end);
  return LAM_OK;
}

enum lam_status lam_page_stream_payload(struct lam_page_stream *stream, const struct lam_page *page,
                                        struct lam_bytes *payload, struct lam_error *error) {
  size_t size = (size_t)page->header.compressed_size;
  struct lam_bytes bytes;
  LAM_TRY(bytes_at_next(stream, page->header_size + size, &bytes, error));
  *payload = lam_bytes_of(bytes.data + page->header_size, size);
  if (stream->checksums && page->header.has_crc)
    LAM_TRY(check_crc(page, lam_crc32(0, payload->data, payload->size), error));
  stream->next += page->header_size + size;
  return LAM_OK;
}

enum lam_status lam_page_stream_keep(struct lam_page_stream *stream, const struct lam_page *page, struct lam_buf *keep,
                                     struct lam_bytes *payload, struct lam_error *error) {
  struct lam_buf *window = &stream->window;
  LAM_TRY(lam_page_stream_payload(stream, page, payload, error));
  size_t at = (size_t)(stream->next - stream->window_offset) - payload->size;
  if (window->size == 0 || payload->data != window->data + at) return LAM_OK; /* it is resident */
  size_t behind = window->size - at - payload->size;
  bool copied = payload->size < behind; /* else what is behind it goes to a window of its own */
  enum lam_status status = lam_buf_reset(keep, copied ? payload->size : behind, error);
  if (status != LAM_OK) {
    stream->next = page->offset;
    return status;
  }
  if (copied) {
    keep->size = payload->size;
    lam_copy(keep->data, payload->data, payload->size);
    payload->data = keep->data;
    return LAM_OK;
  }
  lam_copy(keep->data, payload->data + payload->size, behind);
  struct lam_buf taken = *window;
  *window = *keep;
  *keep = taken;
  window->size = behind;
  stream->window_offset = stream->next;
  return LAM_OK;
}

enum lam_status lam_page_stream_next(struct lam_page_stream *stream, struct lam_page *page, struct lam_bytes *payload,
                                     bool *more, struct lam_error *error) {
  LAM_TRY(lam_page_stream_header(stream, page, more, error));
  return *more ? lam_page_stream_payload(stream, page, payload, error) : LAM_OK;
}

void lam_page_stream_leap(struct lam_page_stream *stream, uint64_t offset, uint64_t until) {
  if (offset < stream->window_offset) { /* the window goes on only */
    stream->window.size = 0;
    stream->window_offset = offset;
  }
  stream->next = offset;
  stream->until = until;
}

enum lam_status lam_page_stream_pass(struct lam_page_stream *stream, struct lam_page *page, bool *more,
                                     struct lam_error *error) {
  LAM_TRY(lam_page_stream_header(stream, page, more, error));
  if (!*more) return LAM_OK;
  uint64_t end = page->offset + page->header_size + (uint64_t)page->header.compressed_size;
  stream->next += page->header_size;
  if (!stream->checksums || !page->header.has_crc) {
    stream->next = end;
    return LAM_OK;
  }
  uint32_t crc = 0;
  while (stream->next < end) {
    struct lam_bytes bytes;
    LAM_TRY(bytes_at_next(stream, 1, &bytes, error));
    size_t size = (size_t)lam_min_u64(bytes.size, end - stream->next);
    crc = lam_crc32(crc, bytes.data, size);
    stream->next += size;
  }
  return check_crc(page, crc, error);
}

/* ---- taking a page apart ---- */

/* How many bytes a codec can make of one at most, from its format: what a header claims beyond that is
 * refused before any memory is taken. zstd and brotli have no useful bound; the budget is theirs. */
static uint64_t largest_output(enum lam_codec codec, uint64_t size) {
  switch (codec) {
    case LAM_SNAPPY: return size * 22 + 64; /* a copy of 64 bytes takes 3 */
    case LAM_LZ4:
    case LAM_LZ4_RAW: return size * 256 + 64; /* a byte of length adds 255 */
    case LAM_GZIP: return size * 1033 + 64;   /* 258 bytes in two codes of one bit */
    default: return UINT64_MAX;
  }
}

static enum lam_status decompress(const struct lam_page *page, struct lam_bytes from, size_t size, enum lam_codec codec,
                                  struct lam_codec_state *state, struct lam_buf *buffer, struct lam_bytes *out,
                                  struct lam_error *error) {
  *out = (struct lam_bytes){0};
  if (size == 0) return LAM_OK; /* some writers leave an empty block, some nothing */
  if (codec == LAM_UNCOMPRESSED) {
    LAM_CHECK(from.size == size, error,
              "page at byte %" PRIu64 ": uncompressed, but %zu bytes in the file and %zu in its header", page->offset,
              from.size, size);
    *out = from;
    return LAM_OK;
  }
  LAM_CHECK(size <= largest_output(codec, from.size), error,
            "page at byte %" PRIu64 ": %zu bytes of %s cannot hold the %zu that its header claims", page->offset,
            from.size, lam_codec_name(codec), size);
  enum lam_status status = lam_buf_reset(buffer, size, error);
  if (status == LAM_OK) status = lam_decompress(state, codec, from, buffer->data, size, error);
  if (status != LAM_OK) return lam_fail_in(error, status, "page at byte %" PRIu64, page->offset);
  buffer->size = size;
  *out = lam_bytes_of(buffer->data, size);
  return LAM_OK;
}

static struct lam_bytes take(struct lam_bytes *bytes, size_t size) {
  struct lam_bytes head = {bytes->data, size};
  if (size) bytes->data += size;
  bytes->size -= size;
  return head;
}

/* The levels at the beginning of a V1 page: RLE with a length of 4 bytes before it, or bit-packed, whose size follows
 * from the count. */
static enum lam_status take_levels_v1(const struct lam_page *page, enum lam_encoding encoding, int max_level,
                                      struct lam_bytes *bytes, struct lam_bytes *levels, struct lam_error *error) {
  *levels = (struct lam_bytes){0};
  if (max_level == 0) return LAM_OK;
  uint64_t size = 0;
  if (encoding == LAM_BIT_PACKED) {
    size = ((uint64_t)page->header.values * (uint64_t)lam_bit_width((uint64_t)max_level) + 7) / 8;
  } else {
    LAM_CHECK(encoding == LAM_RLE, error, "page at byte %" PRIu64 ": levels of encoding %d; expected RLE or BIT_PACKED",
              page->offset, (int)encoding);
    LAM_CHECK(bytes->size >= 4, error, "page at byte %" PRIu64 ": %zu bytes are left for its levels", page->offset,
              bytes->size);
    size = lam_load32(bytes->data);
    take(bytes, 4);
  }
  LAM_CHECK(size <= bytes->size, error, "page at byte %" PRIu64 ": levels of %" PRIu64 " bytes, %zu are left",
            page->offset, size, bytes->size);
  *levels = take(bytes, (size_t)size);
  return LAM_OK;
}

static enum lam_status split_v2(const struct lam_page *page, struct lam_bytes payload, enum lam_codec codec,
                                struct lam_codec_state *state, struct lam_buf *buffer, struct lam_page_parts *out,
                                struct lam_error *error) {
  const struct lam_page_header *header = &page->header;
  int64_t levels = (int64_t)header->repetition_size + header->definition_size;
  LAM_CHECK(header->repetition_size >= 0 && header->definition_size >= 0 && levels <= (int64_t)payload.size &&
                levels <= header->uncompressed_size,
            error,
            "page at byte %" PRIu64 ": levels of %" PRId32 " and %" PRId32 " bytes in a page of %zu (%" PRId32
            " uncompressed)",
            page->offset, header->repetition_size, header->definition_size, payload.size, header->uncompressed_size);
  out->repetition = take(&payload, (size_t)header->repetition_size);
  out->definition = take(&payload, (size_t)header->definition_size);
  size_t size = (size_t)(header->uncompressed_size - levels);
  if (!header->compressed) codec = LAM_UNCOMPRESSED;
  return decompress(page, payload, size, codec, state, buffer, &out->values, error);
}

enum lam_status lam_page_split(const struct lam_page *page, struct lam_bytes payload, enum lam_codec codec,
                               struct lam_codec_state *state, int max_repetition, int max_definition,
                               struct lam_buf *buffer, struct lam_page_parts *out, struct lam_error *error) {
  const struct lam_page_header *header = &page->header;
  *out = (struct lam_page_parts){0};
  if (header->kind == LAM_DATA_PAGE_V2) return split_v2(page, payload, codec, state, buffer, out, error);
  size_t size = (size_t)header->uncompressed_size;
  LAM_TRY(decompress(page, payload, size, codec, state, buffer, &out->values, error));
  if (header->kind == LAM_DICTIONARY_PAGE || header->values == 0) return LAM_OK;
  LAM_TRY(take_levels_v1(page, header->repetition_encoding, max_repetition, &out->values, &out->repetition, error));
  return take_levels_v1(page, header->definition_encoding, max_definition, &out->values, &out->definition, error);
}

size_t lam_page_room(const struct lam_page *page, struct lam_bytes payload, enum lam_codec codec) {
  const struct lam_page_header *header = &page->header;
  bool stored = codec == LAM_UNCOMPRESSED || (header->kind == LAM_DATA_PAGE_V2 && !header->compressed);
  if (stored) return payload.size;
  return (size_t)lam_min_u64((uint64_t)header->uncompressed_size, largest_output(codec, payload.size));
}

/* ---- walking ---- */

static enum lam_status walk(struct lam_page_stream *stream, int64_t expected, struct lam_context *context,
                            lam_page_fn each, void *user, struct lam_error *error) {
  const uint64_t end = stream->end; /* the stream moves its own into the slack */
  int64_t values = 0;
  while (values < expected || stream->next < end) {
    struct lam_page page;
    bool more;
    LAM_TRY(lam_check_cancel(context, error));
    LAM_TRY(lam_page_stream_header(stream, &page, &more, error));
    if (!more) break;
    /* Payloads that nothing is known of are leapt over. */
    bool leaps = (!stream->checksums || !page.header.has_crc) && page.header.compressed_size > LEAP_BYTES;
    stream->window_size = leaps ? FIRST_HEADER_BYTES : WALK_WINDOW;
    LAM_TRY(lam_page_stream_pass(stream, &page, &more, error));
    if (page.header.kind == LAM_DATA_PAGE || page.header.kind == LAM_DATA_PAGE_V2) values += page.header.values;
    LAM_TRY(each(user, &page, error));
  }
  LAM_CHECK(values == expected, error, "its pages have %" PRId64 " values, its metadata says %" PRId64, values,
            expected);
  return LAM_OK;
}

enum lam_status lam_chunk_walk(const struct lam_file *file, int32_t row_group, int32_t leaf, bool checksums,
                               struct lam_mem *mem, lam_page_fn each, void *user, struct lam_error *error) {
  uint64_t offset, size;
  const struct lam_file_meta *meta = lam_file_meta(file);
  const struct lam_bytes name = meta->nodes[meta->leaves[leaf]].name;
  if (meta->row_groups[row_group].chunks[leaf].encrypted)
    return lam_fail(error, LAM_UNSUPPORTED,
                    "%s: row group %" PRId32 ", column '%.*s': it is encrypted, which this version cannot read",
                    lam_file_name(file), row_group, (int)name.size, (const char *)name.data);
  LAM_TRY(lam_chunk_range(file, row_group, leaf, &offset, &size, error));
  struct lam_byte_source source = lam_file_source(file);
  struct lam_page_stream stream;
  lam_page_stream_init(&stream, mem);
  lam_page_stream_begin(&stream, &source, offset, size, lam_chunk_slack(file, offset + size), FIRST_HEADER_BYTES,
                        checksums);
  enum lam_status status =
      walk(&stream, meta->row_groups[row_group].chunks[leaf].values, lam_mem_context(mem), each, user, error);
  lam_page_stream_release(&stream);
  if (status == LAM_OK) return LAM_OK;
  return lam_fail_in(error, status, "%s: row group %" PRId32 ", column '%.*s'", lam_file_name(file), row_group,
                     (int)name.size, (const char *)name.data);
}
