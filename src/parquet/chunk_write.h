/* Encoding one chunk: Arrow values in, pages out, compressed as they fill. */
#ifndef LAM_PARQUET_CHUNK_WRITE_H
#define LAM_PARQUET_CHUNK_WRITE_H

#include <pthread.h>

#include "arrow/array.h"
#include "base/threads.h"
#include "lamella/parquet.h"
#include "parquet/codec.h"
#include "parquet/dictionary.h"
#include "parquet/index_write.h"
#include "parquet/shred.h"
#include "parquet/statistics.h"
#include "parquet/store_value.h"

struct lam_chunk_writer;
struct lam_file;

/* A finished page on its way to the file: encoded by the thread that has its chunk, packed (compressed) by any, written
 * in order. */
struct lam_out_page {
  struct lam_queue_item item;           /* while it waits to be packed */
  struct lam_out_page *next;            /* in the list it is in */
  const struct lam_chunk_writer *chunk; /* whose it is */
  struct lam_page_header header;        /* without sizes and checksum */
  int level;                            /* of the codec */
  bool packed;                          /* it is as the file will have it: … */
  uint64_t copied_from, copied_size;    /* … these bytes of another one, and `bytes` is empty */
  struct lam_buf bytes;                 /* the page from `start` on, the header once it is packed too */
  size_t start;
};
struct lam_page_list { /* in order */
  struct lam_out_page *first, *last;
  size_t count, bytes;
};
struct lam_out_page *lam_page_list_pop(struct lam_page_list *list);            /* NULL: empty */
void lam_page_list_move(struct lam_page_list *from, struct lam_page_list *to); /* all of them, behind those there */

/* Pages, one behind the other, that another file has, and that stand before byte `before` of the segments. */
struct lam_copied_run {
  uint64_t before, offset, size;
};

/* The dictionary's page of another file. */
struct lam_copied_dictionary {
  struct lam_page_header header;
  uint64_t offset, size; /* where it is; size 0: there is none to be copied */
  uint32_t count;        /* of its values that were put into the chunk's dictionary: all, or none */
};

/* Idle pages, with their memory, for all threads and columns of a writer. */
struct lam_page_pool {
  struct lam_mem *mem;
  pthread_mutex_t lock;
  struct lam_out_page *idle;
};
void lam_page_pool_init(struct lam_page_pool *pool, struct lam_mem *mem);
void lam_page_pool_release(struct lam_page_pool *pool); /* it can be used again */
void lam_page_pool_destroy(struct lam_page_pool *pool);
void lam_page_pool_put(struct lam_page_pool *pool, struct lam_out_page *page);

/* What one thread of work needs for the length of a call. */
struct lam_workspace {
  struct lam_workspace *next; /* in the writer's list of idle ones */
  struct lam_codec_state codec;
  struct lam_buf gathered, converted, validity; /* of the block under way */
  struct lam_buf page, header, levels;          /* of the page being finished */
  struct lam_shredded shredded;                 /* of the nested column under way */
};
void lam_workspace_init(struct lam_workspace *workspace, struct lam_mem *mem);
void lam_workspace_release(struct lam_workspace *workspace);

struct lam_chunk_options {
  enum lam_codec codec;
  int level;
  enum lam_write_encoding encoding; /* fits the leaf: lam_chunk_encoding_fits */
  bool v2, checksums, statistics;
  bool page_index;
  enum lam_write_bloom bloom;
  double false_positives;  /* of it; 0: the default */
  size_t page_bytes;       /* encoded, before compression */
  int64_t page_rows;       /* 0: no limit */
  size_t dictionary_bytes; /* 0: no dictionary */
  int64_t row_group_rows;  /* what the chunk may grow to */
  size_t segment_bytes;    /* finished pages are gathered in pieces of about so much */
  uint64_t reserve;        /* bytes of the budget that dictionaries and filters leave: pages need them */
};
bool lam_chunk_encoding_fits(enum lam_write_encoding encoding, enum lam_physical physical);

/* The dictionary that the last batch came with, and what its entries are in ours. */
struct lam_source_dictionary {
  struct lam_shared *held[3]; /* its buffers where they are ours, so that their addresses cannot be used again */
  int64_t length, offset;
  bool known;            /* `remap` is for this one */
  struct lam_buf remap;  /* uint32_t per entry, UINT32_MAX where it has not been used */
  struct lam_buf values; /* its entries in physical form; fixed width */
  struct lam_view view;
};

struct lam_chunk_writer {
  struct lam_mem *mem;
  struct lam_page_pool *pool;
  const struct lam_schema_node *leaf;
  bool nested; /* it has groups above it */
  struct lam_storing storing;
  struct lam_chunk_options options;
  enum lam_encoding plain; /* of pages without a dictionary */

  /* the chunk so far */
  bool dictionary_on; /* values go to the dictionary */
  struct lam_dictionary dictionary;
  uint64_t dictionary_values; /* values looked up */
  uint64_t next_guess;        /* look again whether it pays at so many of them */
  int32_t dictionary_pages, plain_pages;
  struct lam_bounds bounds; /* of values that are not in the dictionary */
  int64_t rows, nulls;
  int64_t entries; /* nested: levels; those that are no value are `nulls`, as all writers count them */
  int64_t uncompressed_size, compressed_size;      /* pages with headers, the encoded ones left out */
  double earlier_uncompressed, earlier_compressed; /* the same of the column's chunk before; 0: there was none */
  struct lam_page_list encoded;                    /* pages that wait to be packed */
  struct lam_page_list packing;                    /* pages that are being packed, by any thread */
  struct lam_buf segments; /* struct lam_buf each: the pages as the file will have them, one behind the other */
  size_t segments_used;
  struct lam_buf runs; /* struct lam_copied_run: pages of another file between those of the segments */
  struct lam_buf dictionary_page;

  /* the page under way */
  size_t page_rows, page_values;
  bool page_has_nulls;
  struct lam_buf levels;     /* bits, once page_has_nulls; nested: definition levels, uint8_t each */
  struct lam_buf repetition; /* nested: levels, uint8_t each */
  size_t row_values;         /* nested: of page_values, those of rows whose levels are still to come */
  int64_t row_unencoded;     /* nested: page_unencoded before those rows */
  struct lam_buf data;       /* values, behind room for the levels */
  size_t data_room;          /* bytes of it, the header's included: where they suffice the values are not copied */
  struct lam_buf ends;       /* int32_t offsets, for encodings that split lengths from bytes */
  struct lam_buf indices;    /* uint32_t, while dictionary_on */
  size_t page_plain_bytes;   /* what PLAIN would take; kept up for the first page of a dictionary */

  struct lam_source_dictionary source;

  int32_t text_pages; /* of the column so far, in all row groups, as far as lam_page_choose_level counts them */
  int text_level;     /* what it has chosen for the others; 0: nothing yet */
  size_t long_from;   /* where that is LAM_ZSTD_LONG: bytes of a page that it is good for */

  struct lam_bounds page_bounds; /* of the page under way; dictionary pages get theirs at their end */
  int64_t page_unencoded;        /* BYTE_ARRAY: bytes of its values */
  int64_t page_nans;             /* of floats that are not in the dictionary */
  struct lam_index_builder index;
  struct lam_bloom_builder bloom;

  /* Some of its pages are another chunk's: splice_chunk.c. */
  struct lam_spliced {
    bool on;
    const struct lam_file *from; /* the other file */
    struct lam_copied_dictionary dictionary;
    uint64_t dictionary_size;  /* bytes of that page, once it is taken as it is: the first run */
    bool old_names;            /* dictionary-coded pages are called PLAIN_DICTIONARY */
    bool unbounded;            /* nothing is known of some values */
    bool cut;                  /* bounds of copied pages may have been cut, … */
    struct lam_bytes min, max; /* … but these are values in them; data NULL: there is none */
    enum lam_write_bloom when; /* of the bloom filter, before */
    size_t dictionary_limit;   /* before */
    uint32_t encodings;        /* of its pages: bit 1 << enum lam_encoding */
  } spliced;

  /* Where not NULL, packed pages go there, behind the segments, unless a dictionary page is to stand before them. */
  struct lam_page_list *outgoing;
};

enum lam_status lam_chunk_writer_init(struct lam_chunk_writer *chunk, struct lam_page_pool *pool,
                                      const struct lam_type *type, const struct lam_schema_node *leaf,
                                      const struct lam_chunk_options *options, struct lam_error *error);
void lam_chunk_writer_release(struct lam_chunk_writer *chunk);

/* Takes rows [from, from + count) of the view. */
enum lam_status lam_chunk_append(struct lam_chunk_writer *chunk, struct lam_workspace *workspace,
                                 const struct lam_view *view, int64_t from, int64_t count, struct lam_error *error);
/* The same of a leaf of a nested column: rows of the batch that `path` was bound to, `view` being its leaf's. */
enum lam_status lam_chunk_append_nested(struct lam_chunk_writer *chunk, struct lam_workspace *workspace,
                                        const struct lam_shred_path *path, const struct lam_view *view, int64_t from,
                                        int64_t count, struct lam_error *error);
/* Takes rows that are NULL, a nested column as a whole, into a chunk that gets nothing else: no level is kept, so that
 * they cost nothing. */
enum lam_status lam_chunk_append_nulls(struct lam_chunk_writer *chunk, struct lam_workspace *workspace, int64_t count,
                                       struct lam_error *error);
/* Bytes that the chunk would have if it ended now, about: what is not packed yet is taken to pack as well as what is.
 */
uint64_t lam_chunk_pending(const struct lam_chunk_writer *chunk);
/* Takes chunk->packing, all of it packed by now, into the chunk. */
enum lam_status lam_chunk_collect(struct lam_chunk_writer *chunk, struct lam_error *error);
/* Finishes the last page, what is not packed yet, and the dictionary: chunk->dictionary_page, which may be empty, then
 * the segments are the chunk. */
enum lam_status lam_chunk_finish(struct lam_chunk_writer *chunk, struct lam_workspace *workspace,
                                 struct lam_error *error);
/* What the footer says of a finished chunk; offsets count from the chunk's beginning. The path is left empty. */
enum lam_status lam_chunk_describe(const struct lam_chunk_writer *chunk, struct lam_arena *arena,
                                   struct lam_chunk_meta *out, struct lam_error *error);
/* Begins the next chunk; `keep_memory` for one that will be as large. */
void lam_chunk_clear(struct lam_chunk_writer *chunk, bool keep_memory);

/* ---- blocks: for chunk_values.c, which appends them, and chunk_nested.c ---- */

enum {
  LAM_BLOCK_ROWS = 1024,     /* rows that go through the steps of appending together */
  LAM_FIRST_GUESS = 1 << 14, /* values after which the distinct ones are first estimated */
};

/* Rows [row, row + rows) of the batch, of which `values` are not null. */
struct lam_block {
  const struct lam_view *view;
  const uint8_t *validity; /* NULL: no nulls; bit validity_offset + row */
  int64_t validity_offset;
  int64_t row;
  size_t rows, values;
  uint32_t selection[LAM_BLOCK_ROWS]; /* the rows that are values, from `row` on; if they are not all */
  uint32_t indices[LAM_BLOCK_ROWS];   /* into the source's dictionary */
};
/* Prepares a block for rows [from, from + count), whose validity is then known. */
enum lam_status lam_chunk_begin_rows(struct lam_chunk_writer *chunk, struct lam_workspace *workspace,
                                     const struct lam_view *view, int64_t from, int64_t count, struct lam_block *block,
                                     struct lam_error *error);
/* Makes the dictionary that the view came with chunk->source. */
enum lam_status lam_chunk_take_dictionary(struct lam_chunk_writer *chunk, struct lam_workspace *workspace,
                                          const struct lam_view *view, struct lam_error *error);
void lam_source_forget(struct lam_source_dictionary *source);
/* Reads the indices of a dictionary-encoded block. */
enum lam_status lam_chunk_read_indices(const struct lam_chunk_writer *chunk, struct lam_block *block,
                                       struct lam_error *error);
/* Bytes that PLAIN would take for such a block: until the first page has shown that the dictionary pays, and for the
 * sizes in page indexes. */
size_t lam_chunk_plain_bytes(const struct lam_chunk_writer *chunk, const struct lam_block *block);
/* Appends the values of a block. Where chunk->dictionary_on is false afterwards and was not before, they were not, and
 * go again. */
enum lam_status lam_chunk_append_block(struct lam_chunk_writer *chunk, struct lam_workspace *workspace,
                                       struct lam_block *block, struct lam_error *error);
size_t lam_chunk_block_rows(const struct lam_chunk_writer *chunk); /* most rows of a block */
size_t lam_chunk_values_left(const struct lam_chunk_writer *chunk);
size_t lam_chunk_rows_left(const struct lam_chunk_writer *chunk);
/* Whether pages are cut by what their values take in PLAIN: until the first page has shown that the dictionary pays. */
bool lam_chunk_plain_counts(const struct lam_chunk_writer *chunk);
/* Bytes that the levels of a nested page take, about. */
size_t lam_chunk_levels_bytes(const struct lam_chunk_writer *chunk);

/* Takes the dictionary's values, each of which some row has, into bounds of the chunk. */
enum lam_status lam_chunk_add_dictionary_bounds(struct lam_chunk_writer *chunk, struct lam_bounds *bounds,
                                                struct lam_error *error);

/* ---- page_write.c ---- */

enum {
  LAM_HEADER_ROOM = 64,                   /* bytes in front of a page that its header will fit */
  LAM_LEVELS_ROOM = LAM_HEADER_ROOM + 64, /* bytes in front of the values of chunk->data, before any page has shown how
                                             long its levels are */
};

/* Bytes of the values in chunk->data. */
static inline size_t lam_chunk_data_size(const struct lam_chunk_writer *chunk) {
  return chunk->data.size ? chunk->data.size - chunk->data_room : 0;
}

/* Encodes the page under way, for chunk->encoded, and begins the next one. */
enum lam_status lam_chunk_end_page(struct lam_chunk_writer *chunk, struct lam_workspace *workspace,
                                   struct lam_error *error);
/* Takes a data page of chunk->spliced.from, header and payload, without reading it. */
enum lam_status lam_chunk_append_packed(struct lam_chunk_writer *chunk, const struct lam_page_header *header,
                                        uint64_t offset, uint64_t size, struct lam_error *error);
/* The same of the dictionary's page, chunk->spliced.dictionary, before all others. */
enum lam_status lam_chunk_copy_dictionary(struct lam_chunk_writer *chunk, struct lam_error *error);
/* Whether the chunk's dictionary has just the values of that page. */
static inline bool lam_chunk_same_dictionary(const struct lam_chunk_writer *chunk) {
  const struct lam_copied_dictionary *copied = &chunk->spliced.dictionary;
  return copied->size > 0 && copied->count == chunk->dictionary.count;
}
/* The name that dictionary-coded pages get: version 1 of the format knows only the old one. */
enum lam_encoding lam_chunk_index_encoding(const struct lam_chunk_writer *chunk);
/* page_level.c: the level of an encoded page that is no dictionary's, where the caller has left it to us. */
enum lam_status lam_page_choose_level(struct lam_chunk_writer *chunk, struct lam_workspace *workspace,
                                      struct lam_out_page *page, struct lam_error *error);
/* Compresses an encoded page; pages of one chunk may be packed by several threads at once. */
enum lam_status lam_page_pack(struct lam_out_page *page, struct lam_workspace *workspace, struct lam_error *error);
/* Makes chunk->dictionary_page of the dictionary. */
enum lam_status lam_chunk_end_dictionary(struct lam_chunk_writer *chunk, struct lam_workspace *workspace,
                                         struct lam_error *error);
/* Stops using the dictionary: pages written with it stay, and a first page still under way becomes plain. */
enum lam_status lam_chunk_drop_dictionary(struct lam_chunk_writer *chunk, struct lam_workspace *workspace,
                                          struct lam_error *error);
#endif
