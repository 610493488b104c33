/* Split-block bloom filters of chunks.
 *
 * Source: https://github.com/apache/parquet-format/blob/master/BloomFilter.md. Values are hashed in their PLAIN form
 * (BYTE_ARRAY without its length) by XXH64 of seed 0 (lam_hash64). */
#ifndef LAM_PARQUET_BLOOM_H
#define LAM_PARQUET_BLOOM_H

#include "parquet/file.h"

enum { LAM_BLOOM_BLOCK = 32, LAM_BLOOM_MOST_BYTES = 128 << 20 };

/* Bytes of the bitset, a power of 2, for that many distinct values at that rate of false positives. */
size_t lam_bloom_size(uint64_t distinct, double false_positives);
/* Bitsets are any number of blocks; `size` in bytes. */
void lam_bloom_insert(uint8_t *bits, size_t size, uint64_t hash);
bool lam_bloom_may_contain(const uint8_t *bits, size_t size, uint64_t hash);
/* Inserts `count` values of `width` bytes that lie behind one another. */
void lam_bloom_insert_fixed(uint8_t *bits, size_t size, const uint8_t *values, size_t width, size_t count);
void lam_bloom_insert_bytes(uint8_t *bits, size_t size, const struct lam_bytes *values, size_t count);
/* Makes a filter of an even number of blocks half as large, in place; it holds what it held. */
void lam_bloom_fold(uint8_t *bits, size_t size);
/* How many distinct values were inserted, about: from the bits that are set. UINT64_MAX: all of them are. */
uint64_t lam_bloom_distinct(const uint8_t *bits, size_t size);
/* Appends header and bitset. */
enum lam_status lam_bloom_write(const uint8_t *bits, size_t size, struct lam_buf *out, struct lam_error *error);
/* Parses a header at the beginning of `bytes`; *header_size 0: more bytes are needed. LAM_UNSUPPORTED for another
 * algorithm, hash or compression. */
enum lam_status lam_bloom_parse_header(struct lam_bytes bytes, size_t *header_size, size_t *bitset_size,
                                       struct lam_error *error);
/* The filter of a chunk; an empty slice where there is none, or one of an unknown kind. */
enum lam_status lam_bloom_read(const struct lam_file *file, int32_t row_group, int32_t leaf, struct lam_arena *arena,
                               struct lam_bytes *bits, struct lam_error *error);
/* The same of a chunk by its metadata; `source` gives bytes of the file (its function may be NULL: only a filter that
 * the metadata's describer has is found). */
struct lam_byte_source;
enum lam_status lam_bloom_read_from(const struct lam_byte_source *source, uint64_t file_size,
                                    const struct lam_chunk_meta *chunk, struct lam_arena *arena, struct lam_bytes *bits,
                                    struct lam_error *error);

#endif
