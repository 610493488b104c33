/* What a chunk under way gathers for its page index, and for its bloom filter. */
#ifndef LAM_PARQUET_INDEX_WRITE_H
#define LAM_PARQUET_INDEX_WRITE_H

#include "lamella/parquet.h"
#include "parquet/bloom.h"
#include "parquet/dictionary.h"
#include "parquet/page_index.h"
#include "parquet/size_statistics.h"
#include "parquet/statistics.h"

/* ---- index_write.c: page index ---- */

/* Pages are told when they are encoded, their sizes later, when they are packed, in the same order. Where the budget
 * has no room for it, the chunk has no index. */
struct lam_index_builder {
  bool on;        /* the offset index is to be written */
  bool bounds_on; /* and the column index */
  bool sizes_on;  /* bytes of BYTE_ARRAY are counted, index or not */
  bool nans_on;   /* and NaN, of floats */
  enum lam_compare compare;
  uint32_t slots[2];       /* of histograms: repetition levels, definition levels; 0: there is none */
  int64_t unencoded, nans; /* of all pages */
  bool dictionary_nan;     /* of the first `looked_at` values of the dictionary one is NaN */
  uint32_t looked_at;
  struct lam_buf levels;  /* int64_t: the histograms of the chunk, then those of each page */
  struct lam_buf entries; /* struct lam_index_entry each */
  struct lam_buf bounds;  /* each page's min and max, behind one another */
  size_t sized;           /* pages whose size is known */
};
struct lam_index_entry {
  int64_t rows, nulls, nans, unencoded; /* unencoded: bytes of BYTE_ARRAY values */
  uint32_t size, min_size, max_size;
  bool null_page;
};
void lam_index_init(struct lam_index_builder *index, struct lam_mem *mem);
void lam_index_release(struct lam_index_builder *index);
/* Begins the next chunk. `bounds`: whether statistics are wanted. */
void lam_index_begin(struct lam_index_builder *index, const struct lam_schema_node *leaf, bool on, bool bounds);
/* How many of a page's indices are of NaN; 0 where they are not counted. */
int64_t lam_index_nans(struct lam_index_builder *index, const struct lam_dictionary *dictionary,
                       const uint32_t *indices, size_t count);
/* Takes into `bounds` the dictionary's values that the page's indices refer to. `scratch` is for the call. */
void lam_index_add_indices(struct lam_index_builder *index, const struct lam_dictionary *dictionary,
                           const uint32_t *indices, size_t count, struct lam_buf *scratch, struct lam_bounds *bounds);
/* The levels of a nested page, before the page itself; NULL: all are 0. */
void lam_index_add_levels(struct lam_index_builder *index, const uint8_t *repetition, const uint8_t *definition,
                          size_t entries);
/* A page with the bounds of its values. */
void lam_index_add_page(struct lam_index_builder *index, const struct lam_index_entry *page,
                        const struct lam_bounds *bounds);
/* A page of another chunk, with the bounds that its index has; of a `null_page` they mean nothing. data NULL: they are
 * not known, and the chunk gets no column index. */
void lam_index_add_copied(struct lam_index_builder *index, const struct lam_index_entry *page, struct lam_bytes min,
                          struct lam_bytes max);
void lam_index_page_size(struct lam_index_builder *index, size_t size);
/* The size statistics of the chunk, in thrift's form, in `arena`; empty where there is nothing to say. */
enum lam_status lam_index_sizes(const struct lam_index_builder *index, struct lam_arena *arena, struct lam_bytes *out,
                                struct lam_error *error);
/* Appends the thrift forms of a chunk whose data pages begin at `offset` of the file. A size of 0: there is none. */
enum lam_status lam_index_finish(const struct lam_index_builder *index, uint64_t offset, struct lam_buf *out,
                                 size_t *column_size, size_t *offset_size, struct lam_error *error);

/* ---- bloom_write.c: bloom filter ---- */

/* The filter is made for as many distinct values as there may be, and folded to the number that came. Where the budget
 * has no room for it, it is smaller, or there is none. */
struct lam_bloom_builder {
  enum lam_write_bloom when;
  double false_positives;
  uint64_t most_distinct; /* values that a chunk may have */
  uint64_t reserve;       /* of the budget, which stay for others */
  bool on;                /* values go in */
  struct lam_buf bits;    /* the filter; once it is finished, empty where there is none */
};
void lam_bloom_builder_init(struct lam_bloom_builder *bloom, struct lam_mem *mem, const struct lam_schema_node *leaf,
                            enum lam_write_bloom when, double false_positives, int64_t most_rows);
void lam_bloom_builder_release(struct lam_bloom_builder *bloom);
void lam_bloom_builder_clear(struct lam_bloom_builder *bloom);
/* Whether the column's type can have one at all. */
bool lam_bloom_type_fits(const struct lam_schema_node *leaf);
/* The dictionary, with which `values` values were looked up, is given up: decides whether there is to be a filter, and
 * puts the dictionary's values in. */
void lam_bloom_give_up(struct lam_bloom_builder *bloom, const struct lam_dictionary *dictionary, uint64_t values);
/* Values in pages without a dictionary. `width` 0: struct lam_bytes each. */
void lam_bloom_put_values(struct lam_bloom_builder *bloom, const void *values, size_t width, size_t count);
static inline void lam_bloom_put(struct lam_bloom_builder *bloom, const void *values, size_t width, size_t count) {
  if (__builtin_expect(bloom->on || bloom->when == LAM_BLOOM_ALWAYS, 0))
    lam_bloom_put_values(bloom, values, width, count);
}
void lam_bloom_put_dictionary(struct lam_bloom_builder *bloom, const struct lam_dictionary *dictionary);
/* The end of a chunk of `bytes` in the file, with the dictionary that its pages have (NULL: none). */
void lam_bloom_finish(struct lam_bloom_builder *bloom, const struct lam_dictionary *dictionary, uint64_t bytes);
/* Bytes that it would take if the chunk ended now with that many values. */
uint64_t lam_bloom_pending(const struct lam_bloom_builder *bloom, uint64_t values);

#endif
