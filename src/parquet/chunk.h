/* Decoding one chunk, from an explicit description of it, into buffers that Arrow arrays share.
 *
 * A chunk is read in runs of rows, which need not match its pages. A run ends early where its bytes
 * would pass what the caller allows, and where the form of a dictionary run changes. */
#ifndef LAM_PARQUET_CHUNK_H
#define LAM_PARQUET_CHUNK_H

#include "arrow/array.h"
#include "base/ranges.h"
#include "base/threads.h"
#include "parquet/encoding.h"
#include "parquet/page.h"
#include "parquet/page_index.h"

/* All that decoding needs to know; a footer or a sidecar can say it. */
struct lam_chunk_source {
  struct lam_byte_source bytes;
  uint64_t offset, size, slack; /* of the pages; see lam_page_stream_begin */
  size_t window;                /* bytes to read at once */
  enum lam_codec codec;
  const struct lam_leaf *leaf; /* outlives the chunk's reading */
  /* Below groups, or repeated: the column it is of, which outlives the reading too, and the number of the leaf in it;
   * see nested.h. */
  const struct lam_field *column;
  int32_t column_leaf;
  int64_t rows;   /* of a leaf of a column of groups */
  int64_t values; /* levels; rows, where nothing is repeated */
  bool checksums;
  bool views; /* flat binaries that are no dictionaries come as Arrow's views into the pages */
  const struct lam_page_location *pages; /* where its data pages are, from the offset index; NULL: found by reading */
  int32_t page_count;
  uint32_t ahead; /* pages that are held at once, so that threads of the pool decompress those to come; 0 or 1: none */
};

/* Dense values of the Arrow type; views where they are asked for. Data of binaries has LAM_VALUES_SLACK readable bytes
 * behind its end. */
struct lam_values {
  struct lam_shared *offsets; /* int32, count + 1; binaries only */
  struct lam_shared *data;
  int64_t count;
};
enum { LAM_VALUES_SLACK = 64 };

/* Rows as they were decoded. */
struct lam_run {
  int64_t rows, nulls;
  struct lam_shared *validity; /* bits; meaningful where nulls > 0 */
  struct lam_shared *indices;  /* int32; dictionary runs only */
  struct lam_values values;    /* one for each row; of an identity run: of each valid row */
  bool dictionary;             /* indices into chunk->dictionary, the same in every such run */
  bool identity;               /* indices into the run's own values: 0, 1, 2, … */
};

enum lam_value_class { LAM_VALUES_FIXED, LAM_VALUES_BITS, LAM_VALUES_BINARY, LAM_VALUES_VIEWS };

/* What the views of a run point into: of a chunk with a dictionary its bytes first, then pages, or built bytes. Behind
 * them stand buffers of runs before that nobody holds any more, to be filled again. */
struct lam_view_buffers {
  struct lam_buf items; /* struct lam_view_buffer */
  size_t used;          /* by the run */
  bool page;            /* the last one used is the page */
  bool joined;          /* and the run has rows of it */
  bool building;        /* the last one used takes built bytes */
  bool refers;          /* views of the run point into the last one used */
};

/* The page whose values are being read. */
struct lam_page_values {
  enum lam_encoding encoding; /* LAM_RLE_DICTIONARY for both names of it */
  struct lam_bytes bytes;
  size_t position;    /* PLAIN, BYTE_STREAM_SPLIT: values read so far */
  struct lam_rle rle; /* indices; booleans */
  struct lam_delta delta;
  struct lam_alp alp;
};

struct lam_field;
struct lam_nested;

struct lam_chunk {
  struct lam_mem *mem;
  struct lam_chunk_source source;
  enum lam_value_class class;
  size_t width;              /* bytes of a value in the Arrow array; FIXED, and 16 of VIEWS */
  bool as_dictionary;        /* runs are dictionary runs */
  struct lam_nested *nested; /* NULL where the leaf is a column */
  int64_t rows_left;         /* of the chunk; of nested leaves levels that are not decoded */
  int64_t page_left;         /* of the page, the same */
  int64_t skip;              /* rows to be passed over before the next is read; rows_left counts them still */
  int32_t next_page;         /* in source.pages */
  uint64_t page_offset;
  struct lam_page_stream stream;
  struct lam_ahead *ahead;         /* or NULL */
  struct lam_buf page_buffer;      /* the decompressed page */
  struct lam_buf staging;          /* the dictionary page while it is read; physical values to be converted */
  struct lam_buf scratch, lengths; /* of one step of decoding */

  struct lam_rle levels;
  struct lam_buf level_values; /* uint32 levels of a BIT_PACKED page, or scratch */
  size_t level_position;
  bool levels_unpacked;
  /* Validity that was decoded for rows which the run had no more room for. */
  struct lam_buf carry;
  int64_t carry_position, carry_left;

  struct lam_page_values page;
  struct lam_strings strings;
  bool strings_begun;

  struct lam_values dictionary;
  bool has_dictionary;
  uint64_t dictionary_at; /* of a dictionary that was passed over: it is read when a page wants it. 0: none was */
  size_t longest;         /* bytes of the dictionary's longest value */

  struct lam_run run;           /* the last one; its buffers are reused where nobody else holds them */
  size_t data_size;             /* bytes of run.values.data in use; BINARY. VIEWS: of the buffers that the run keeps */
  struct lam_view_buffers held; /* VIEWS */
};

void lam_chunk_init(struct lam_chunk *chunk, struct lam_mem *mem);
void lam_chunk_release(struct lam_chunk *chunk);
/* Begins a chunk, keeping memory from the last one. Booleans never come as dictionaries. */
enum lam_status lam_chunk_begin(struct lam_chunk *chunk, const struct lam_chunk_source *source, bool as_dictionary,
                                struct lam_error *error);
/* Decodes the next rows into chunk->run: at least one, at most `max_rows`, and so many that the run's
 * values do not pass `max_bytes` (up to 2^31 - 1) unless one row alone does; of views the pages count, unless one
 * page alone does. The chunk has rows left. */
enum lam_status lam_chunk_read(struct lam_chunk *chunk, struct lam_codec_state *codec, int64_t max_rows,
                               size_t max_bytes, struct lam_error *error);
/* The row that is next, counted from the chunk's first. */
int64_t lam_chunk_position(const struct lam_chunk *chunk);
/* Passes over the next `rows` rows, of which the chunk has as many. Whole pages are passed over only once a row behind
 * them is read: they are not decompressed then, and where `source.pages` says where they are, not read. */
enum lam_status lam_chunk_skip(struct lam_chunk *chunk, int64_t rows, struct lam_error *error);
/* As lam_chunk_read, of the rows in `rows` only: ranges of rows counted from the chunk's first, of which those before
 * the chunk's position are left out; there are some behind it. They come behind one another in one run. */
enum lam_status lam_chunk_read_ranges(struct lam_chunk *chunk, struct lam_codec_state *codec,
                                      const struct lam_range *rows, size_t count, int64_t max_rows, size_t max_bytes,
                                      struct lam_error *error);

/* Rows of a chunk that are chosen one by one: `base` + places[i], rising. */
struct lam_chosen_rows {
  int64_t base;
  const int32_t *places;
  size_t count;
};
/* As lam_chunk_read_ranges, of single rows; the leaf is a column and comes without views. */
enum lam_status lam_chunk_read_chosen(struct lam_chunk *chunk, struct lam_codec_state *codec,
                                      const struct lam_chosen_rows *rows, int64_t max_rows, size_t max_bytes,
                                      struct lam_error *error);

/* ---- the parts of it ---- */

/* chunk_ahead.c: a page that was read, and decompressed, before its turn. */
struct lam_ahead_page {
  struct lam_queue_item item;
  struct lam_page page;
  struct lam_bytes payload;
  struct lam_page_parts parts; /* where it is `good`; else they are still to be made of the payload */
  bool good;
  struct lam_buf raw, buffer; /* the payload where it is not resident; what it decompresses to */
  struct lam_codec_state state;
};
/* At the chunk's beginning. */
enum lam_status lam_ahead_begin(struct lam_chunk *chunk, struct lam_error *error);
/* Gives the page that was next before back, and the next one, good until then; NULL where none has been read. */
const struct lam_ahead_page *lam_ahead_next(struct lam_ahead *ahead);
/* Between two pages: reads those that are next, as far as they have rows before row `end`. */
void lam_ahead_fill(struct lam_chunk *chunk, int64_t end);
void lam_ahead_release(struct lam_ahead *ahead); /* NULL is allowed */

/* chunk_skip.c: passing over `count` rows of the page; levels only, *valid gets those that have a value; values only.
 */
enum lam_status lam_skip_rows(struct lam_chunk *chunk, size_t count, struct lam_error *error);
enum lam_status lam_skip_levels(struct lam_chunk *chunk, size_t count, int64_t *valid, struct lam_error *error);
enum lam_status lam_skip_values(struct lam_chunk *chunk, size_t count, struct lam_error *error);
/* The page of source.pages with row `row`, searched from page `from` on. */
int32_t lam_page_of_row(const struct lam_chunk_source *source, int32_t from, int64_t row);
/* Between pages: goes to the page that has the first row which is not to be skipped, by source.pages. `rows` are those
 * that will be read, for reading no further ahead than they go. */
enum lam_status lam_leap_to_page(struct lam_chunk *chunk, const struct lam_range *rows, size_t count,
                                 struct lam_error *error);

/* chunk.c, for chunk_chosen.c: a run's beginning, with room for `rows` rows; the next of the rows in `rows`, those to
 * be skipped before it passed over; the form of a run settled by its first page, *joined false where it cannot go on
 * with this one; `count` rows of the page behind the run's, *taken less where it has no more room. */
enum lam_status lam_chunk_begin_run(struct lam_chunk *chunk, size_t rows, struct lam_error *error);
enum lam_status lam_chunk_next_rows(struct lam_chunk *chunk, const struct lam_range *rows, size_t count,
                                    struct lam_codec_state *codec, struct lam_error *error);
enum lam_status lam_chunk_join_page(struct lam_chunk *chunk, size_t rows, size_t max_bytes, bool *joined,
                                    struct lam_error *error);
enum lam_status lam_chunk_read_rows(struct lam_chunk *chunk, size_t count, size_t max_bytes, size_t *taken,
                                    struct lam_error *error);
/* Rows that a run of so many bytes can have; and an error's place. */
size_t lam_chunk_most_rows(const struct lam_chunk *chunk, size_t max_bytes);
enum lam_status lam_chunk_fail(const struct lam_chunk *chunk, enum lam_status status, struct lam_error *error);
/* chunk.c: goes on to the next page of a nested leaf with levels in it; places the dense values of rows [row, row +
 * count) of the run, `valid` of them, by its validity. */
enum lam_status lam_chunk_next_page(struct lam_chunk *chunk, struct lam_codec_state *codec, struct lam_error *error);
void lam_spread_run(struct lam_chunk *chunk, size_t row, size_t count, size_t valid);

/* convert.c: physical values to Arrow values of chunk->width bytes. Errors name the value's number from 0. */
enum lam_status lam_convert_fixed(const struct lam_leaf *leaf, const uint8_t *from, size_t count, uint8_t *to,
                                  struct lam_error *error);
/* BYTE_ARRAY decimals. */
enum lam_status lam_convert_bytes(const struct lam_leaf *leaf, const uint8_t *data, const int32_t *offsets,
                                  size_t count, uint8_t *to, struct lam_error *error);

/* chunk.c, for the dictionary page: room in run.values, a page's values begun, and `valid` of them appended
 * behind the first `at`. *got is less only for binaries that would pass max_bytes. */
enum lam_status lam_begin_values(struct lam_chunk *chunk, size_t rows, struct lam_error *error);
enum lam_status lam_begin_page_values(struct lam_chunk *chunk, enum lam_encoding encoding, struct lam_bytes bytes,
                                      uint64_t values, struct lam_error *error);
enum lam_status lam_read_dense(struct lam_chunk *chunk, size_t at, size_t valid, size_t max_bytes, size_t *got,
                               struct lam_error *error);

/* column_fixed.c, column_strings.c, column_dictionary.c: the same for each class of values. */
enum lam_status lam_read_fixed(struct lam_chunk *chunk, size_t at, size_t count, struct lam_error *error);
enum lam_status lam_read_bits(struct lam_chunk *chunk, uint8_t *bits, int64_t at, size_t count,
                              struct lam_error *error);
enum lam_status lam_read_binary(struct lam_chunk *chunk, size_t at, size_t count, size_t max_bytes, size_t *got,
                                struct lam_error *error);
enum lam_status lam_gather_fixed(struct lam_chunk *chunk, size_t at, size_t count, struct lam_error *error);
enum lam_status lam_gather_binary(struct lam_chunk *chunk, size_t at, size_t count, size_t max_bytes, size_t *got,
                                  struct lam_error *error);

/* column_views.c: `count` values of the page as views behind the first `at` of the run; *got is less only where they
 * are built and would pass max_bytes. */
enum lam_status lam_read_views(struct lam_chunk *chunk, size_t at, size_t count, size_t max_bytes, size_t *got,
                               struct lam_error *error);
/* At the beginning of a run: keeps the dictionary's bytes and the page under way. */
void lam_views_begin_run(struct lam_chunk *chunk);
/* Lets the page join the run, unless that has rows and its buffers would pass max_bytes. */
bool lam_views_join(struct lam_chunk *chunk, size_t max_bytes);
/* lam_page_split into a buffer that arrays can keep. */
enum lam_status lam_views_split(struct lam_chunk *chunk, const struct lam_page *page, struct lam_bytes payload,
                                struct lam_codec_state *codec, struct lam_page_parts *out, struct lam_error *error);
/* The array of rows [first, first + rows) of the run, `nulls` of them NULL. */
enum lam_status lam_views_array(const struct lam_chunk *chunk, int64_t first, int64_t rows, int64_t nulls,
                                struct ArrowArray *out, struct lam_error *error);
void lam_views_release(struct lam_chunk *chunk);

/* Indices into the chunk's dictionary, checked, into run.indices. */
enum lam_status lam_read_indices(struct lam_chunk *chunk, size_t at, size_t count, struct lam_error *error);
/* The same of those at `places` - `less` from the next on, rising; the last of them is passed over. */
enum lam_status lam_pick_indices(struct lam_chunk *chunk, size_t at, const int32_t *places, int64_t less, size_t count,
                                 struct lam_error *error);
/* column_dictionary.c: the dictionary's page that chunk->dictionary_at says, between two pages. */
enum lam_status lam_read_passed_dictionary(struct lam_chunk *chunk, struct lam_codec_state *codec,
                                           struct lam_error *error);
enum lam_status lam_read_dictionary_page(struct lam_chunk *chunk, const struct lam_page *page, struct lam_bytes payload,
                                         struct lam_codec_state *codec, struct lam_error *error);
/* Room for `more` bytes of binaries behind those of the run, and the slack that copies may touch. */
enum lam_status lam_chunk_data_room(struct lam_chunk *chunk, size_t more, struct lam_error *error);

#endif
