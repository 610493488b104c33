/* Page headers, and the offset indexes that say where pages are. */
#include <inttypes.h>

#include "parquet/thrift.h"

struct reading {
  struct lam_thrift in;
  struct lam_page_header *header;
  uint32_t seen; /* fields of the page header: 1 << id */
};

static enum lam_status parse_encoding(struct lam_thrift *in, struct lam_thrift_field field, enum lam_encoding *out) {
  int32_t value = 0;
  LAM_TRY(lam_thrift_i32(in, field, &value));
  *out = (enum lam_encoding)(value < 0 ? INT8_MAX : value);
  return LAM_OK;
}

static enum lam_status parse_statistics(struct lam_thrift *in, struct lam_thrift_field field,
                                        struct lam_statistics *out) {
  LAM_TRY(lam_thrift_struct(in, field));
  return lam_statistics_parse(in, out);
}

static enum lam_status check_fields(struct lam_thrift *in, uint32_t seen, uint32_t required) {
  uint32_t missing = required & ~seen;
  LAM_CHECK(!missing, in->error, "the page header is malformed: its page kind's required field %d is missing",
            __builtin_ctz(missing));
  return LAM_OK;
}

static enum lam_status parse_data_page(struct lam_thrift *in, struct lam_page_header *out) {
  struct lam_thrift_field field = {0};
  uint32_t seen = 0;
  for (;;) {
    LAM_TRY(lam_thrift_next(in, &field));
    if (!field.type) return check_fields(in, seen, 1u << 1 | 1u << 2 | 1u << 3 | 1u << 4);
    if (field.id > 0 && field.id < 32) seen |= 1u << field.id;
    switch (field.id) {
      case 1: LAM_TRY(lam_thrift_i32(in, field, &out->values)); break;
      case 2: LAM_TRY(parse_encoding(in, field, &out->encoding)); break;
      case 3: LAM_TRY(parse_encoding(in, field, &out->definition_encoding)); break;
      case 4: LAM_TRY(parse_encoding(in, field, &out->repetition_encoding)); break;
      case 5: LAM_TRY(parse_statistics(in, field, &out->statistics)); break;
      default: LAM_TRY(lam_thrift_skip(in, field.type));
    }
  }
}

static enum lam_status parse_dictionary_page(struct lam_thrift *in, struct lam_page_header *out) {
  struct lam_thrift_field field = {0};
  uint32_t seen = 0;
  for (;;) {
    LAM_TRY(lam_thrift_next(in, &field));
    if (!field.type) return check_fields(in, seen, 1u << 1 | 1u << 2);
    if (field.id > 0 && field.id < 32) seen |= 1u << field.id;
    switch (field.id) {
      case 1: LAM_TRY(lam_thrift_i32(in, field, &out->values)); break;
      case 2: LAM_TRY(parse_encoding(in, field, &out->encoding)); break;
      case 3: LAM_TRY(lam_thrift_bool(in, field, &out->sorted)); break;
      default: LAM_TRY(lam_thrift_skip(in, field.type));
    }
  }
}

static enum lam_status parse_data_page_v2(struct lam_thrift *in, struct lam_page_header *out) {
  struct lam_thrift_field field = {0};
  uint32_t seen = 0;
  for (;;) {
    LAM_TRY(lam_thrift_next(in, &field));
    if (!field.type) return check_fields(in, seen, 1u << 1 | 1u << 2 | 1u << 3 | 1u << 4 | 1u << 5 | 1u << 6);
    if (field.id > 0 && field.id < 32) seen |= 1u << field.id;
    switch (field.id) {
      case 1: LAM_TRY(lam_thrift_i32(in, field, &out->values)); break;
      case 2: LAM_TRY(lam_thrift_i32(in, field, &out->nulls)); break;
      case 3: LAM_TRY(lam_thrift_i32(in, field, &out->rows)); break;
      case 4: LAM_TRY(parse_encoding(in, field, &out->encoding)); break;
      case 5: LAM_TRY(lam_thrift_i32(in, field, &out->definition_size)); break;
      case 6: LAM_TRY(lam_thrift_i32(in, field, &out->repetition_size)); break;
      case 7: LAM_TRY(lam_thrift_bool(in, field, &out->compressed)); break;
      case 8: LAM_TRY(parse_statistics(in, field, &out->statistics)); break;
      default: LAM_TRY(lam_thrift_skip(in, field.type));
    }
  }
}

/* The header of a kind of page that is not this page's is passed over. */
static enum lam_status parse_kind(struct reading *r, struct lam_thrift_field field) {
  struct lam_thrift *in = &r->in;
  LAM_TRY(lam_thrift_struct(in, field));
  if (field.id == 5 && r->header->kind == LAM_DATA_PAGE) return parse_data_page(in, r->header);
  if (field.id == 7 && r->header->kind == LAM_DICTIONARY_PAGE) return parse_dictionary_page(in, r->header);
  if (field.id == 8 && r->header->kind == LAM_DATA_PAGE_V2) return parse_data_page_v2(in, r->header);
  return lam_thrift_skip(in, field.type);
}

static enum lam_status parse(struct reading *r) {
  struct lam_thrift *in = &r->in;
  struct lam_page_header *out = r->header;
  struct lam_thrift_field field = {0};
  int32_t value = 0;
  *out = (struct lam_page_header){.compressed = true, .statistics = lam_statistics_none()};
  for (;;) {
    LAM_TRY(lam_thrift_next(in, &field));
    if (!field.type) return LAM_OK;
    /* Which of the fields 5 to 8 counts is known from field 1, which every writer puts first. */
    LAM_CHECK(field.id == 1 || r->seen & 1u << 1, in->error,
              "the page header is malformed at byte %zu: it does not begin with the page's type",
              lam_thrift_offset(in));
    if (field.id > 0 && field.id < 32) {
      LAM_CHECK(!(r->seen & 1u << field.id), in->error, "the page header has field %d twice, again at byte %zu",
                field.id, lam_thrift_offset(in));
      r->seen |= 1u << field.id;
    }
    switch (field.id) {
      case 1:
        LAM_TRY(lam_thrift_i32(in, field, &value));
        out->kind = (enum lam_page_kind)(value < 0 ? INT8_MAX : value);
        break;
      case 2: LAM_TRY(lam_thrift_i32(in, field, &out->uncompressed_size)); break;
      case 3: LAM_TRY(lam_thrift_i32(in, field, &out->compressed_size)); break;
      case 4:
        LAM_TRY(lam_thrift_i32(in, field, &value));
        out->crc = (uint32_t)value;
        out->has_crc = true;
        break;
      case 5:
      case 7:
      case 8: LAM_TRY(parse_kind(r, field)); break;
      default: LAM_TRY(lam_thrift_skip(in, field.type));
    }
  }
}

static enum lam_status check(const struct reading *r, struct lam_error *error) {
  const struct lam_page_header *h = r->header;
  LAM_CHECK(r->seen & 1u << 1 && r->seen & 1u << 2 && r->seen & 1u << 3, error,
            "the page header lacks the page's type or one of its sizes");
  LAM_CHECK(h->uncompressed_size >= 0 && h->compressed_size >= 0, error,
            "the page header gives a page of %d bytes, %d compressed", h->uncompressed_size, h->compressed_size);
  LAM_CHECK(h->values >= 0, error, "the page header gives a page of %d values", h->values);
  LAM_CHECK((h->kind != LAM_DATA_PAGE || r->seen & 1u << 5) && (h->kind != LAM_DICTIONARY_PAGE || r->seen & 1u << 7) &&
                (h->kind != LAM_DATA_PAGE_V2 || r->seen & 1u << 8),
            error, "the page header is of page type %d but lacks the header of that type", (int)h->kind);
  if (h->kind != LAM_DATA_PAGE_V2) return LAM_OK;
  LAM_CHECK(h->nulls >= 0 && h->nulls <= h->values && h->rows >= 0 && h->rows <= h->values, error,
            "the page header gives a page of %d values with %d nulls in %d rows", h->values, h->nulls, h->rows);
  LAM_CHECK(h->definition_size >= 0 && h->repetition_size >= 0 &&
                (int64_t)h->definition_size + h->repetition_size <= h->compressed_size &&
                (int64_t)h->definition_size + h->repetition_size <= h->uncompressed_size,
            error, "the page header gives %d and %d bytes of levels in a page of %d bytes, %d compressed",
            h->definition_size, h->repetition_size, h->uncompressed_size, h->compressed_size);
  return LAM_OK;
}

enum lam_status lam_page_header_parse(struct lam_bytes bytes, struct lam_page_header *out, size_t *header_size,
                                      struct lam_error *error) {
  *header_size = 0;
  /* Without the error first: that bytes are missing is no failure. */
  struct reading r = {lam_thrift_of(bytes, "page header", NULL), out, 0};
  enum lam_status status = parse(&r);
  if (status != LAM_OK && r.in.ended) return LAM_OK;
  if (status != LAM_OK) {
    r = (struct reading){lam_thrift_of(bytes, "page header", error), out, 0};
    return parse(&r);
  }
  LAM_TRY(check(&r, error));
  *header_size = lam_thrift_offset(&r.in);
  return LAM_OK;
}

/* ---- writing ---- */

static void put_data_page(struct lam_thrift_out *out, const struct lam_page_header *h) {
  int16_t outer = lam_thrift_begin(out, 5);
  lam_thrift_put_i32(out, 1, h->values);
  lam_thrift_put_i32(out, 2, (int32_t)h->encoding);
  lam_thrift_put_i32(out, 3, (int32_t)h->definition_encoding);
  lam_thrift_put_i32(out, 4, (int32_t)h->repetition_encoding);
  lam_statistics_write(out, 5, &h->statistics);
  lam_thrift_end(out, outer);
}

static void put_dictionary_page(struct lam_thrift_out *out, const struct lam_page_header *h) {
  int16_t outer = lam_thrift_begin(out, 7);
  lam_thrift_put_i32(out, 1, h->values);
  lam_thrift_put_i32(out, 2, (int32_t)h->encoding);
  if (h->sorted) lam_thrift_put_bool(out, 3, true);
  lam_thrift_end(out, outer);
}

static void put_data_page_v2(struct lam_thrift_out *out, const struct lam_page_header *h) {
  int16_t outer = lam_thrift_begin(out, 8);
  lam_thrift_put_i32(out, 1, h->values);
  lam_thrift_put_i32(out, 2, h->nulls);
  lam_thrift_put_i32(out, 3, h->rows);
  lam_thrift_put_i32(out, 4, (int32_t)h->encoding);
  lam_thrift_put_i32(out, 5, h->definition_size);
  lam_thrift_put_i32(out, 6, h->repetition_size);
  lam_thrift_put_bool(out, 7, h->compressed);
  lam_statistics_write(out, 8, &h->statistics);
  lam_thrift_end(out, outer);
}

enum lam_status lam_page_header_write(const struct lam_page_header *h, struct lam_buf *to, struct lam_error *error) {
  struct lam_thrift_out out = lam_thrift_to(to, error);
  lam_thrift_put_i32(&out, 1, (int32_t)h->kind);
  lam_thrift_put_i32(&out, 2, h->uncompressed_size);
  lam_thrift_put_i32(&out, 3, h->compressed_size);
  if (h->has_crc) lam_thrift_put_i32(&out, 4, (int32_t)h->crc);
  switch (h->kind) {
    case LAM_DATA_PAGE: put_data_page(&out, h); break;
    case LAM_DICTIONARY_PAGE: put_dictionary_page(&out, h); break;
    case LAM_DATA_PAGE_V2: put_data_page_v2(&out, h); break;
    default: lam_thrift_end(&out, lam_thrift_begin(&out, 6)); break;
  }
  lam_thrift_end(&out, 0);
  return out.status;
}

/* ---- offset indexes ---- */

/* One PageLocation; only its first field changes. */
static enum lam_status move_location(struct lam_thrift *in, int64_t delta, struct lam_thrift_out *out) {
  struct lam_thrift_field field = {0};
  int16_t outer = lam_thrift_begin(out, 0);
  for (;;) {
    LAM_TRY(lam_thrift_next(in, &field));
    if (!field.type) break;
    if (field.id == 1) {
      int64_t offset = 0;
      LAM_TRY(lam_thrift_i64(in, field, &offset));
      LAM_CHECK(!__builtin_add_overflow(offset, delta, &offset) && offset >= 0, in->error,
                "the offset index has a page at offset %" PRId64 " after it was moved by %" PRId64, offset, delta);
      lam_thrift_put_i64(out, 1, offset);
    } else {
      struct lam_bytes raw;
      LAM_TRY(lam_thrift_raw(in, field.type, &raw));
      lam_thrift_put_raw(out, field.id, field.type, raw);
    }
  }
  lam_thrift_end(out, outer);
  return LAM_OK;
}

static enum lam_status move_index(struct lam_thrift *in, int64_t delta, struct lam_thrift_out *out) {
  struct lam_thrift_field field = {0};
  for (;;) {
    LAM_TRY(lam_thrift_next(in, &field));
    if (!field.type) break;
    if (field.id == 1) {
      uint32_t count;
      LAM_TRY(lam_thrift_list(in, field, LAM_THRIFT_STRUCT, 1, &count));
      lam_thrift_put_list(out, 1, LAM_THRIFT_STRUCT, count);
      for (uint32_t i = 0; i < count; i++) LAM_TRY(move_location(in, delta, out));
    } else {
      struct lam_bytes raw;
      LAM_TRY(lam_thrift_raw(in, field.type, &raw));
      lam_thrift_put_raw(out, field.id, field.type, raw);
    }
  }
  lam_thrift_end(out, 0);
  return LAM_OK;
}

enum lam_status lam_offset_index_move(struct lam_bytes index, int64_t delta, struct lam_buf *to,
                                      struct lam_error *error) {
  struct lam_thrift in = lam_thrift_of(index, "offset index", error);
  struct lam_thrift_out out = lam_thrift_to(to, error);
  size_t before = to->size;
  enum lam_status status = move_index(&in, delta, &out);
  if (status == LAM_OK) status = out.status;
  if (status != LAM_OK) to->size = before;
  return status;
}
