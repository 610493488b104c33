#include "parquet/bloom.h"
#include "parquet/page.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>

/* Inline: a call of the library costs as much as the hash of a number. */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/kernel.h"
#include "parquet/thrift.h"

enum {
  LANES = 8,         /* of 32 bits in a block; a value sets a bit in each */
  BATCH = 64,        /* values at once */
  HEADER_MOST = 256, /* bytes; headers take about 15 */
};

/* ---- bits ---- */

static const uint32_t salts[LANES] = {0x47b6137b, 0x44974d91, 0x8824ad5b, 0xa2b7289d,
                                      0x705495c7, 0x2df1424b, 0x9efc4947, 0x5c6bfb31};

/* The upper half of the hash chooses the block, so that folding neighbours together moves no value. */
static inline size_t block_of(size_t size, uint64_t hash) {
  return (size_t)((hash >> 32) * (size / LAM_BLOOM_BLOCK) >> 32) * LAM_BLOOM_BLOCK;
}

static inline void insert(uint8_t *bits, size_t size, uint64_t hash) {
  uint32_t lanes[LANES];
  uint8_t *block = bits + block_of(size, hash);
  memcpy(lanes, block, sizeof lanes);
  for (int i = 0; i < LANES; i++) lanes[i] |= UINT32_C(1) << ((uint32_t)hash * salts[i] >> 27);
  memcpy(block, lanes, sizeof lanes);
}

void lam_bloom_insert(uint8_t *bits, size_t size, uint64_t hash) {
  insert(bits, size, hash);
}

bool lam_bloom_may_contain(const uint8_t *bits, size_t size, uint64_t hash) {
  uint32_t lanes[LANES], missing = 0;
  memcpy(lanes, bits + block_of(size, hash), sizeof lanes);
  for (int i = 0; i < LANES; i++) missing |= ~lanes[i] & UINT32_C(1) << ((uint32_t)hash * salts[i] >> 27);
  return missing == 0;
}

/* ---- values ---- */

/* All at once: the blocks of large filters are far away, and are fetched while others are worked on. */
LAM_KERNEL static void insert_hashes(uint8_t *bits, size_t size, const uint64_t *hashes, size_t count) {
  for (size_t i = 0; i < count; i++) __builtin_prefetch(bits + block_of(size, hashes[i]), 1);
  for (size_t i = 0; i < count; i++) insert(bits, size, hashes[i]);
}

void lam_bloom_insert_fixed(uint8_t *bits, size_t size, const uint8_t *values, size_t width, size_t count) {
  uint64_t hashes[BATCH];
  for (size_t some; count > 0; values += some * width, count -= some) {
    some = count < BATCH ? count : BATCH;
    if (width == 8) /* a width that the compiler knows */
      for (size_t i = 0; i < some; i++) hashes[i] = XXH64(values + 8 * i, 8, 0);
    else if (width == 4)
      for (size_t i = 0; i < some; i++) hashes[i] = XXH64(values + 4 * i, 4, 0);
    else
      for (size_t i = 0; i < some; i++) hashes[i] = XXH64(values + width * i, width, 0);
    insert_hashes(bits, size, hashes, some);
  }
}

void lam_bloom_insert_bytes(uint8_t *bits, size_t size, const struct lam_bytes *values, size_t count) {
  uint64_t hashes[BATCH];
  for (size_t some; count > 0; values += some, count -= some) {
    some = count < BATCH ? count : BATCH;
    for (size_t i = 0; i < some; i++) {
      assert(values[i].data || values[i].size == 0);
      hashes[i] = XXH64(values[i].data, values[i].size, 0);
    }
    insert_hashes(bits, size, hashes, some);
  }
}

/* ---- sizes ---- */

size_t lam_bloom_size(uint64_t distinct, double false_positives) {
  double p = false_positives > 1e-9 ? false_positives < 0.99 ? false_positives : 0.99 : 1e-9;
  double bytes = (double)distinct * (-8 / log(1 - pow(p, 1.0 / 8))) / 8; /* BloomFilter.md */
  size_t size = LAM_BLOOM_BLOCK;
  while (size < LAM_BLOOM_MOST_BYTES && (double)size < bytes) size *= 2;
  return size;
}

void lam_bloom_fold(uint8_t *bits, size_t size) {
  for (size_t to = 0, from = 0; from < size; to += LAM_BLOOM_BLOCK, from += (size_t)2 * LAM_BLOOM_BLOCK)
    for (size_t i = 0; i < LAM_BLOOM_BLOCK; i += 8)
      lam_store64(bits + to + i, lam_load64(bits + from + i) | lam_load64(bits + from + LAM_BLOOM_BLOCK + i));
}

/* Of n values each lane of each of b blocks has seen n / b on average, each at one of 32 bits: a bit is still clear
 * with probability e^(-n / 32b). */
uint64_t lam_bloom_distinct(const uint8_t *bits, size_t size) {
  double all = (double)size * 8, set = (double)lam_bits_count(bits, 0, (int64_t)size * 8);
  double blocks = (double)size / LAM_BLOOM_BLOCK;
  if (set >= all) return UINT64_MAX;
  return (uint64_t)llround(-log(1 - set / all) * 32 * blocks);
}

/* ---- the thrift form ---- */

/* A union with its first member set, which is an empty struct. */
static void put_first(struct lam_thrift_out *out, int16_t id) {
  int16_t outer = lam_thrift_begin(out, id);
  lam_thrift_end(out, lam_thrift_begin(out, 1));
  lam_thrift_end(out, outer);
}

enum lam_status lam_bloom_write(const uint8_t *bits, size_t size, struct lam_buf *to, struct lam_error *error) {
  struct lam_thrift_out out = lam_thrift_to(to, error);
  lam_thrift_put_i32(&out, 1, (int32_t)size);
  for (int16_t id = 2; id <= 4; id++) put_first(&out, id);
  lam_thrift_end(&out, 0);
  lam_thrift_put(&out, bits, size);
  return out.status;
}

/* Whether the union's first member is set: the only one that each of them has so far. */
static enum lam_status parse_first(struct lam_thrift *in, struct lam_thrift_field field, bool *is_first) {
  struct lam_thrift_field member = {0};
  LAM_TRY(lam_thrift_struct(in, field));
  *is_first = false;
  for (;;) {
    LAM_TRY(lam_thrift_next(in, &member));
    if (!member.type) return LAM_OK;
    *is_first = member.id == 1;
    LAM_TRY(lam_thrift_skip(in, member.type));
  }
}

static enum lam_status parse_header(struct lam_thrift *in, int32_t *size, bool known[3]) {
  struct lam_thrift_field field = {0};
  for (;;) {
    LAM_TRY(lam_thrift_next(in, &field));
    if (!field.type) return LAM_OK;
    switch (field.id) {
      case 1: LAM_TRY(lam_thrift_i32(in, field, size)); break;
      case 2:
      case 3:
      case 4: LAM_TRY(parse_first(in, field, &known[field.id - 2])); break;
      default: LAM_TRY(lam_thrift_skip(in, field.type));
    }
  }
}

enum lam_status lam_bloom_parse_header(struct lam_bytes bytes, size_t *header_size, size_t *bitset_size,
                                       struct lam_error *error) {
  static const char *const names[] = {"algorithm", "hash", "compression"};
  int32_t size = -1;
  bool known[3] = {false, false, false};
  *header_size = *bitset_size = 0;
  struct lam_thrift in = lam_thrift_of(bytes, "bloom filter header", NULL);
  enum lam_status status = parse_header(&in, &size, known);
  if (status != LAM_OK && in.ended) return LAM_OK;
  if (status != LAM_OK) { /* once more, for the message */
    in = lam_thrift_of(bytes, "bloom filter header", error);
    return parse_header(&in, &size, known);
  }
  for (int i = 0; i < 3; i++)
    if (!known[i]) return lam_fail(error, LAM_UNSUPPORTED, "the bloom filter has an unknown %s", names[i]);
  LAM_CHECK(size > 0 && size % LAM_BLOOM_BLOCK == 0, error,
            "the bloom filter says that it has %" PRId32 " bytes; they come in blocks of %d", size, LAM_BLOOM_BLOCK);
  *header_size = lam_thrift_offset(&in);
  *bitset_size = (size_t)size;
  return LAM_OK;
}

/* ---- those of a file ---- */

/* Reads the header, and the bits with it where the length of both is known. */
static enum lam_status read_filter(const struct lam_byte_source *source, uint64_t file_size,
                                   const struct lam_chunk_meta *chunk, struct lam_arena *arena, struct lam_bytes *bits,
                                   struct lam_error *error) {
  uint64_t offset = (uint64_t)chunk->bloom_offset, left = file_size - offset;
  size_t have = (size_t)lam_min_u64(chunk->bloom_length_known ? (uint64_t)chunk->bloom_length : HEADER_MOST, left);
  size_t header, size;
  uint8_t *memory;
  LAM_TRY(lam_arena_alloc(arena, have, (void **)&memory, error));
  LAM_TRY(source->read(source->user, offset, memory, have, error));
  LAM_TRY(lam_bloom_parse_header(lam_bytes_of(memory, have), &header, &size, error));
  LAM_CHECK(header > 0, error, "the header of the bloom filter goes beyond its %zu bytes", have);
  LAM_CHECK(size <= left - header, error,
            "the bloom filter has %zu bytes, of which %" PRIu64 " are before the end of the file", size, left - header);
  if (size <= have - header) {
    *bits = lam_bytes_of(memory + header, size);
    return LAM_OK;
  }
  LAM_TRY(lam_arena_alloc(arena, size, (void **)&memory, error));
  LAM_TRY(source->read(source->user, offset + header, memory, size, error));
  *bits = lam_bytes_of(memory, size);
  return LAM_OK;
}

enum lam_status lam_bloom_read_from(const struct lam_byte_source *source, uint64_t file_size,
                                    const struct lam_chunk_meta *chunk, struct lam_arena *arena, struct lam_bytes *bits,
                                    struct lam_error *error) {
  *bits = (struct lam_bytes){NULL, 0};
  if (chunk->bloom_described) {
    *bits = chunk->describer->bloom(chunk->describer, chunk);
    return LAM_OK;
  }
  if (chunk->bloom_offset <= 0 || (uint64_t)chunk->bloom_offset >= file_size || chunk->encrypted ||
      !chunk->has_metadata || chunk->elsewhere || !source->read)
    return LAM_OK;
  enum lam_status status = read_filter(source, file_size, chunk, arena, bits, error);
  return status == LAM_UNSUPPORTED ? LAM_OK : status;
}

enum lam_status lam_bloom_read(const struct lam_file *file, int32_t row_group, int32_t leaf, struct lam_arena *arena,
                               struct lam_bytes *bits, struct lam_error *error) {
  const struct lam_chunk_meta *chunk = &lam_file_meta(file)->row_groups[row_group].chunks[leaf];
  const struct lam_byte_source source = lam_file_source(file);
  enum lam_status status = lam_bloom_read_from(&source, lam_file_size(file), chunk, arena, bits, error);
  if (status == LAM_OK) return LAM_OK;
  return lam_fail_in(error, status, "%s: row group %" PRId32 ", column %" PRId32 ", byte %" PRId64, lam_file_name(file),
                     row_group, leaf, chunk->bloom_offset);
}
