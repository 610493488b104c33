/* What a chunk under way gathers for its page index, and for its bloom filter. */
#ifndef LAM_PARQUET_INDEX_WRITE_H
#define LAM_PARQUET_INDEX_WRITE_H

#include "parquet/dictionary.h"
#include "parquet/page_index.h"
#include "parquet/statistics.h"

/* ---- index_write.c: page index ---- */

/* Pages are told when they are encoded, their sizes later, when they are packed, in the same order. Where the budget
 * has no room for it, the chunk has no index. */
struct lam_index_builder {
  bool on;        /* the offset index is to be written */
  bool bounds_on; /* and the column index */
  bool sizes_on;  /* and bytes of BYTE_ARRAY */
  enum lam_compare compare;
  struct lam_buf entries; /* struct lam_index_entry each */
  struct lam_buf bounds;  /* each page's min and max, behind one another */
  size_t sized;           /* pages whose size is known */
};
struct lam_index_entry {
  int64_t rows, nulls, unencoded; /* unencoded: bytes of BYTE_ARRAY values */
  uint32_t size, min_size, max_size;
  bool null_page;
};
void lam_index_init(struct lam_index_builder *index, struct lam_mem *mem);
void lam_index_release(struct lam_index_builder *index);
/* Begins the next chunk. `bounds`: whether statistics are wanted. */
void lam_index_begin(struct lam_index_builder *index, const struct lam_schema_node *leaf, bool on, bool bounds);
/* Takes into `bounds` the dictionary's values that the page's indices refer to. `scratch` is for the call. */
void lam_index_add_indices(struct lam_index_builder *index, const struct lam_dictionary *dictionary,
                           const uint32_t *indices, size_t count, struct lam_buf *scratch, struct lam_bounds *bounds);
/* A page of `rows` rows and `values` values that are not null, with their bounds. */
void lam_index_add_page(struct lam_index_builder *index, int64_t rows, int64_t nulls, int64_t values, int64_t unencoded,
                        const struct lam_bounds *bounds);
void lam_index_page_size(struct lam_index_builder *index, size_t size);
/* The unencoded bytes of all pages; -1: they are not known. */
int64_t lam_index_unencoded(const struct lam_index_builder *index);
/* Appends the thrift forms of a chunk whose data pages begin at `offset` of the file. A size of 0: there is none. */
enum lam_status lam_index_finish(const struct lam_index_builder *index, uint64_t offset, struct lam_buf *out,
                                 size_t *column_size, size_t *offset_size, struct lam_error *error);

#endif
