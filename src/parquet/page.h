/* The pages of one chunk: found, read through a reused window, checked and split into their parts. */
#ifndef LAM_PARQUET_PAGE_H
#define LAM_PARQUET_PAGE_H

#include "parquet/codec.h"
#include "parquet/file.h"

/* Who gives the bytes of a chunk: a function over ranges, and what lies in memory already. */
struct lam_byte_source {
  enum lam_status (*read)(const void *user, uint64_t offset, void *to, size_t size, struct lam_error *error);
  const void *user;
  struct lam_bytes resident; /* the bytes from `resident_offset` on; empty where there are none */
  uint64_t resident_offset;
};

/* Reads pages in order. Bytes come through a window, so that memory does not depend on the chunk's size: only a page
 * larger than the window makes it grow. A chunk that is resident is not copied at all. */
struct lam_page_stream {
  struct lam_byte_source source;
  uint64_t next, end;     /* offset of the next header; end of the chunk */
  uint64_t slack;         /* bytes by which `end` may be too early */
  struct lam_buf window;  /* bytes from window_offset on */
  uint64_t window_offset; /* in the file */
  size_t window_size;     /* bytes to read at once */
  uint64_t until;         /* where the bytes end that are worth reading ahead */
  bool checksums;
};
void lam_page_stream_init(struct lam_page_stream *stream, struct lam_mem *mem);
void lam_page_stream_release(struct lam_page_stream *stream);
/* Points the stream at a chunk; the window's memory is kept. `slack`: parquet-mr before 1.2.9 did not count the header
 * of the dictionary page in the chunk's size (PARQUET-816), so a page that is cut by the end may go on that far. */
void lam_page_stream_begin(struct lam_page_stream *stream, const struct lam_byte_source *source, uint64_t offset,
                           uint64_t size, uint64_t slack, size_t window_size, bool checksums);
/* The next page and its payload, which is good until the next call. *more is false at the end of the
 * chunk. */
enum lam_status lam_page_stream_next(struct lam_page_stream *stream, struct lam_page *page, struct lam_bytes *payload,
                                     bool *more, struct lam_error *error);
/* The two halves of that: the header, with the stream left before it, and the payload of the page whose header was
 * read. Between them a page can be passed over unseen. */
enum lam_status lam_page_stream_header(struct lam_page_stream *stream, struct lam_page *page, bool *more,
                                       struct lam_error *error);
enum lam_status lam_page_stream_payload(struct lam_page_stream *stream, const struct lam_page *page,
                                        struct lam_bytes *payload, struct lam_error *error);
/* As lam_page_stream_payload, of a payload that is good as long as `keep`, and the source, are: the stream may take
 * that buffer's memory for its own. */
enum lam_status lam_page_stream_keep(struct lam_page_stream *stream, const struct lam_page *page, struct lam_buf *keep,
                                     struct lam_bytes *payload, struct lam_error *error);
/* Goes to the page at `offset`, of which it is known where it lies and that pages are wanted up to `until`: bytes
 * behind that are not read ahead. */
void lam_page_stream_leap(struct lam_page_stream *stream, uint64_t offset, uint64_t until);
static inline void lam_page_stream_skip(struct lam_page_stream *stream, const struct lam_page *page) {
  stream->next = page->offset + page->header_size + (uint64_t)page->header.compressed_size;
}
/* As lam_page_stream_next without the payload, of which no more than a window is held at a time, to verify its
 * checksum. */
enum lam_status lam_page_stream_pass(struct lam_page_stream *stream, struct lam_page *page, bool *more,
                                     struct lam_error *error);

/* A data page whose values are indices into its chunk's dictionary. */
static inline bool lam_page_wants_dictionary(const struct lam_page *page) {
  bool data = page->header.kind == LAM_DATA_PAGE || page->header.kind == LAM_DATA_PAGE_V2;
  return data && (page->header.encoding == LAM_PLAIN_DICTIONARY || page->header.encoding == LAM_RLE_DICTIONARY);
}

/* A data or dictionary page taken apart. Slices point into the payload or into the buffer given. */
struct lam_page_parts {
  struct lam_bytes repetition, definition; /* levels, without their length prefix */
  struct lam_bytes values;
};
/* Decompresses into `buffer` where needed. The levels' sizes follow from the maximal levels. */
enum lam_status lam_page_split(const struct lam_page *page, struct lam_bytes payload, enum lam_codec codec,
                               struct lam_codec_state *state, int max_repetition, int max_definition,
                               struct lam_buf *buffer, struct lam_page_parts *out, struct lam_error *error);
/* Bytes that lam_page_split has in `buffer` or points to in the payload at most: of what the page's header claims no
 * more than its codec can make of the payload. */
size_t lam_page_room(const struct lam_page *page, struct lam_bytes payload, enum lam_codec codec);

/* The source of a file's bytes, and how far a chunk that ends at `end` may go on. */
struct lam_byte_source lam_file_source(const struct lam_file *file);
uint64_t lam_chunk_slack(const struct lam_file *file, uint64_t end);

#endif
