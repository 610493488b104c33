/* The encodings of Parquet, as kernels over bytes: no pages, no nulls, no Arrow types.
 *
 * Source: https://github.com/apache/parquet-format/blob/master/Encodings.md. Decoders are pulled: the
 * state is begun on a page's bytes and gives values in runs of any length, so that batches need not
 * match pages. They never read past the bytes they were given and never write more than asked for. */
#ifndef LAM_PARQUET_ENCODING_H
#define LAM_PARQUET_ENCODING_H

#include "base/bytes.h"
#include "base/memory.h"
#include "parquet/format.h"

/* ---- bit packing (bitpack.c): LSB first ---- */

/* Unpacks `count` values of `width` bits (0..32, 0..64) that begin at bit `bit` of `from`; `from` has
 * all their bits, and nothing behind its `size` is read. */
void lam_unpack32(const uint8_t *from, size_t size, uint64_t bit, int width, uint32_t *to, size_t count);
void lam_unpack64(const uint8_t *from, size_t size, uint64_t bit, int width, uint64_t *to, size_t count);
/* Packs `count` values at the end of `to`, filling the last byte with zero bits. */
enum lam_status lam_pack32(const uint32_t *from, size_t count, int width, struct lam_buf *to, struct lam_error *error);
enum lam_status lam_pack64(const uint64_t *from, size_t count, int width, struct lam_buf *to, struct lam_error *error);

/* ---- RLE / bit-packing hybrid (rle.c): levels, dictionary indices, booleans ---- */

struct lam_rle {
  struct lam_bytes bytes;
  size_t position;
  int width;            /* 0..32 bits; at 0 all values are 0, as many as wanted, and the bytes are not looked at */
  uint32_t run_value;   /* of a repeated run */
  uint64_t run_left;    /* values left of it */
  uint64_t packed_left; /* values left of a bit-packed run, those cut short by the end not counted */
  uint64_t packed_bit;  /* where its next value begins, in bits from bytes.data */
};
enum lam_status lam_rle_begin(struct lam_rle *rle, struct lam_bytes bytes, int width, struct lam_error *error);
/* Exactly `count` values, else LAM_CORRUPT with the offset. */
enum lam_status lam_rle_read(struct lam_rle *rle, uint32_t *to, size_t count, struct lam_error *error);
/* The same of a width of at most 8 bits, a byte for each. */
enum lam_status lam_rle_read_bytes(struct lam_rle *rle, uint8_t *to, size_t count, struct lam_error *error);
enum lam_status lam_rle_skip(struct lam_rle *rle, size_t count, struct lam_error *error);
/* The same; *equal gets how many of them are `value`. */
enum lam_status lam_rle_skip_counting(struct lam_rle *rle, size_t count, uint32_t value, size_t *equal,
                                      struct lam_error *error);
/* The values at `places` - `less`, rising, counted from the next; what lies
 * between, and the last of them, is passed over. */
enum lam_status lam_rle_pick(struct lam_rle *rle, const int32_t *places, int64_t less, size_t count, uint32_t *to,
                             struct lam_error *error);
/* Whether the next `count` values are one run that repeats `value`. */
enum lam_status lam_rle_repeats(struct lam_rle *rle, size_t count, uint32_t value, bool *out, struct lam_error *error);
/* For consumers that treat runs as runs: the next run of at most `max` values.
 * A repeated run gives its value and *packed NULL; a packed one writes its
 * values to `scratch` (room for `max`) and points *packed there. */
enum lam_status lam_rle_run(struct lam_rle *rle, size_t max, uint32_t *scratch, size_t *count, uint32_t *value,
                            const uint32_t **packed, struct lam_error *error);
/* Appends the hybrid form of `count` values (no length prefix). Runs of equal values become repeated runs where that is
 * smaller: from 8 values on at wide widths, 32 at width 1. */
enum lam_status lam_rle_write(const uint32_t *values, size_t count, int width, struct lam_buf *to,
                              struct lam_error *error);
/* The same of `count` times one value. */
enum lam_status lam_rle_write_run(uint32_t value, size_t count, int width, struct lam_buf *to, struct lam_error *error);
/* The deprecated BIT_PACKED levels: MSB first. */
enum lam_status lam_bitpacked_levels_read(struct lam_bytes bytes, int width, uint32_t *to, size_t count,
                                          struct lam_error *error);

/* ---- definition levels to validity (levels.c; those of whole runs in rle.c) ---- */

/* Reads `count` levels of max definition level 1 straight into bits [offset, offset + count) of `validity`;
 * returns the set bits in *valid. */
enum lam_status lam_rle_read_validity(struct lam_rle *rle, uint8_t *validity, int64_t offset, size_t count,
                                      int64_t *valid, struct lam_error *error);
/* The reverse: appends as levels of width 1 the bits [offset, offset + count), all set where `validity` is NULL. */
enum lam_status lam_rle_write_validity(const uint8_t *validity, int64_t offset, size_t count, struct lam_buf *to,
                                       struct lam_error *error);
/* levels[i] == max to bits; returns the set ones. */
int64_t lam_levels_to_validity(const uint32_t *levels, size_t count, uint32_t max, uint8_t *validity, int64_t offset);

/* Moves `valid` densely packed values of `width` bytes at `values` apart, in place and from the back, so that the
 * values stand at the set bits of `validity` [offset, offset + count), of which there are `valid`; the gaps are
 * zeroed. `values` is aligned as its elements are. */
void lam_spread(uint8_t *values, size_t width, const uint8_t *validity, int64_t offset, size_t count, size_t valid);

/* ---- dictionary (gather.c) ---- */

/* to[i] = dictionary[indices[i]], elements of `width` bytes; an index >= `size` is LAM_CORRUPT (names it). */
enum lam_status lam_gather(const uint8_t *dictionary, size_t size, size_t width, const uint32_t *indices, size_t count,
                           uint8_t *to, struct lam_error *error);
/* The first i with indices[i] >= limit, or `count`. */
size_t lam_indices_check(const uint32_t *indices, size_t count, uint32_t limit);

/* ---- DELTA_BINARY_PACKED (delta.c) ---- */

struct lam_delta {
  struct lam_bytes bytes;
  size_t position;
  uint64_t total, left; /* values in the stream, and not yet given */
  uint64_t block_size, miniblocks, per_miniblock;
  uint64_t last; /* the last value given, wrapping arithmetic */
  uint64_t min_delta;
  uint64_t miniblock;      /* index within the block of the one being read */
  uint64_t miniblock_left; /* values left of it */
  uint64_t bit;            /* where its next value begins, in bits from bytes.data */
  const uint8_t *widths;   /* of the block's miniblocks */
  bool first_given;
  int value_bits; /* 32 or 64: widths above it are refused */
};
/* No bytes at all are a stream of no values. Values are checked to be in the page only where they are read. */
enum lam_status lam_delta_begin(struct lam_delta *delta, struct lam_bytes bytes, int value_bits,
                                struct lam_error *error);
enum lam_status lam_delta_read32(struct lam_delta *delta, int32_t *to, size_t count, struct lam_error *error);
enum lam_status lam_delta_read64(struct lam_delta *delta, int64_t *to, size_t count, struct lam_error *error);
enum lam_status lam_delta_skip(struct lam_delta *delta, size_t count, struct lam_error *error);
/* Offset just behind the whole stream, which needs not have been read (for what follows it). */
enum lam_status lam_delta_end(const struct lam_delta *delta, size_t *end, struct lam_error *error);
/* Blocks of 128 values in 4 miniblocks, as other writers. */
enum lam_status lam_delta_write32(const int32_t *values, size_t count, struct lam_buf *to, struct lam_error *error);
enum lam_status lam_delta_write64(const int64_t *values, size_t count, struct lam_buf *to, struct lam_error *error);

/* ---- strings (strings.c) ---- */

/* One interface for the three encodings of BYTE_ARRAY (PLAIN, DELTA_LENGTH_BYTE_ARRAY,
 * DELTA_BYTE_ARRAY; the last also of FIXED_LEN_BYTE_ARRAY): first lengths, then bytes. */
struct lam_strings {
  enum lam_encoding encoding;
  struct lam_bytes bytes;
  size_t position; /* of the next value's bytes (PLAIN: of its length) */
  struct lam_delta lengths, prefixes;
  struct lam_buf last; /* DELTA_BYTE_ARRAY: the value before */
  uint64_t left;       /* values not yet given */
};
/* `values` are the page's that are not null; the delta encodings must agree. */
enum lam_status lam_strings_begin(struct lam_strings *strings, struct lam_mem *mem, enum lam_encoding encoding,
                                  struct lam_bytes bytes, uint64_t values, struct lam_error *error);
void lam_strings_release(struct lam_strings *strings);
/* Reads `max` values, fewer only where the next would bring the bytes of `data` (an Arrow data buffer, appended to)
 * above `max_bytes`: then *count is less than `max`, it may be 0, and the batch is full. Into an empty `data` the first
 * value always goes, so that an empty batch always gets on. Writes count + 1 offsets from `offsets`, the first
 * of them being data->size on entry (already there for a batch that goes on). `max` beyond the page's values is
 * LAM_CORRUPT. `data` grows by what is read only; no value is longer than its page. */
enum lam_status lam_strings_read(struct lam_strings *strings, size_t max, size_t max_bytes, int32_t *offsets,
                                 struct lam_buf *data, size_t *count, struct lam_error *error);
enum { LAM_VIEW_BYTES = 16 };
/* The next `count` values of PLAIN or DELTA_LENGTH_BYTE_ARRAY as Arrow's views, 16 bytes each, to `to`: values of more
 * than 12 bytes point into buffer number `buffer`, which begins at `base`, holds the page's bytes and has 16 readable
 * bytes behind them. *refers becomes true where there are such. */
enum lam_status lam_strings_read_views(struct lam_strings *strings, size_t count, uint32_t buffer, const uint8_t *base,
                                       uint8_t *to, bool *refers, struct lam_error *error);
/* Views of values that lie in `data` as Arrow's strings do, and there will be from byte `place` of `buffer` on; 16
 * readable bytes are behind them. True where a value has more than 12 bytes. */
bool lam_strings_to_views(const uint8_t *data, const int32_t *offsets, size_t count, uint32_t buffer, uint32_t place,
                          uint8_t *to);
enum lam_status lam_strings_skip(struct lam_strings *strings, size_t count, struct lam_error *error);

/* Encoders take slices in the form of Arrow: value i is data[offsets[i], offsets[i + 1]). */
enum lam_status lam_strings_write(enum lam_encoding encoding, const uint8_t *data, const int32_t *offsets, size_t count,
                                  struct lam_buf *to, struct lam_error *error);

/* ---- BYTE_STREAM_SPLIT (split.c), any width ---- */

/* The page holds `page_values` values; gives those from `first` on. */
void lam_split_read(const uint8_t *from, size_t page_values, size_t width, size_t first, size_t count, uint8_t *to);
enum lam_status lam_split_write(const uint8_t *values, size_t count, size_t width, struct lam_buf *to,
                                struct lam_error *error);

/* ---- ALP (alp.c): FLOAT and DOUBLE ---- */

struct lam_alp {
  struct lam_bytes bytes;
  int width;            /* bytes of a value: 4 or 8 */
  int log_size;         /* a vector has 2^log_size values */
  size_t offsets_bytes; /* of the vectors' offsets */
  size_t values;        /* in the page */
  size_t position;      /* of them, given or passed over */
};
/* No bytes at all are a page of no values. Vectors are checked where they are read. */
enum lam_status lam_alp_begin(struct lam_alp *alp, struct lam_bytes bytes, int width, struct lam_error *error);
/* `to` is aligned as its values are. */
enum lam_status lam_alp_read(struct lam_alp *alp, uint8_t *to, size_t count, struct lam_error *error);
enum lam_status lam_alp_skip(struct lam_alp *alp, size_t count, struct lam_error *error);

/* ---- PLAIN booleans: bits LSB first, copied with lam_bits_copy ---- */

#endif
