/* The state of a writer, for writer*.c, raw_copy.c and mix.c alone. */
#ifndef LAM_PARQUET_WRITER_STATE_H
#define LAM_PARQUET_WRITER_STATE_H

#include <pthread.h>

#include "parquet/chunk_write.h"
#include "parquet/writer.h"

/* A leaf as batches may bring it. The schemas borrow from the writer's. */
struct lam_writer_column {
  const char *name;                  /* "a.list.element": the path in the schema, joined by dots */
  int32_t top;                       /* of which column of the batches it is a leaf */
  struct lam_shred_path shred;       /* from there */
  struct ArrowSchema plain, encoded; /* of its values; of int32 (or the given) indices into them */
  struct lam_type type;              /* of its values */
  bool needs_plain;                  /* views and booleans in dictionaries: made plain first */
  struct lam_bytes path;             /* path_in_schema, a thrift list; empty where it is made with the footer */
};

/* A page index of a copied row group, which waits for the end of the file. */
struct lam_waiting_index {
  int32_t row_group, leaf;
  bool is_offset_index;
  uint64_t start; /* in lam_writer.index_bytes */
  int32_t size;
};

/* A row group that lam_writer_mix_row_group has begun. */
struct lam_mix {
  const struct lam_file *from; /* NULL: there is none */
  int32_t row_group;
  int64_t rows;
  uint64_t bytes;        /* of its chunks that are to be copied */
  struct lam_buf leaves; /* int32_t for each leaf: where it comes from */
};

struct lam_writer {
  struct lam_store *store;
  char *key;
  struct lam_output *output; /* NULL once closed */
  struct lam_mem *mem;
  bool owns_store_and_mem; /* lam_writer_open */
  char *final_key;         /* lam_writer_open: the name it gets in the end */
  bool finished, failed;
  uint64_t footer_offset, footer_hash; /* of the footer's thrift bytes, once they are written */
  uint32_t footer_size;
  const struct lam_file *base; /* append.c: the file that is continued; its chunks stay where they are */

  uint64_t position;    /* bytes given to `out` and the store */
  struct lam_buf spans; /* struct lam_span: of what is put behind `base` */
  struct lam_buf small; /* short pieces, gathered for one write */
  struct lam_buf copy;  /* raw_copy.c: bytes on their way */

  struct ArrowSchema schema;
  int32_t column_count; /* leaves */
  struct lam_writer_column *columns;
  struct lam_chunk_writer *chunks; /* of the row group under way */
  bool packed_any;                 /* a page has been packed */
  int64_t pending_rows;
  uint64_t streamed; /* bytes of its first chunk that are in the file already */
  struct lam_mix mix;
  struct lam_page_pool pool;
  struct lam_page_list outgoing; /* packed pages of its first chunk, behind the chunk's segments */
  struct lam_queue *queue;       /* pages that are packed beside what the writer does */
  struct lam_view *views;        /* of the batch under way */

  struct lam_arena arena; /* whatever the footer will need */
  struct lam_file_meta meta;
  struct lam_buf row_groups; /* struct lam_row_group_meta */
  struct lam_sorting_column *sorting;
  int32_t sorting_count;

  int64_t row_group_rows;
  uint64_t row_group_bytes, slice_bytes;
  uint64_t pack_bytes; /* encoded pages are packed once there are so many bytes of them */
  uint64_t memory;     /* bytes to plan with */
  uint64_t low_memory; /* end the row group when less than this is available */
  bool no_sync;

  pthread_mutex_t lock;
  struct lam_workspace *idle; /* under `lock` */

  struct lam_buf waiting;     /* struct lam_waiting_index */
  struct lam_buf index_bytes; /* their bytes */
};

/* Appends bytes to the file. */
enum lam_status lam_writer_put(struct lam_writer *writer, const void *data, size_t size, struct lam_error *error);
/* The same of bytes that a file has. Of the file that is continued they are only noted. */
enum lam_status lam_writer_copy(struct lam_writer *writer, const struct lam_file *from, uint64_t offset, uint64_t size,
                                struct lam_error *error);
/* LAM_INVALID after a failure or the end. */
enum lam_status lam_writer_check(const struct lam_writer *writer, struct lam_error *error);
/* The status of a call that may write: a failure gets the file's name and makes the writer of no more use. */
enum lam_status lam_writer_settle(struct lam_writer *writer, enum lam_status status, struct lam_error *error);
/* What messages call the file. */
const char *lam_writer_name(const struct lam_writer *writer);
/* A copy in the writer's arena; NULL stays NULL. */
enum lam_status lam_writer_keep(struct lam_writer *writer, struct lam_bytes bytes, struct lam_bytes *out,
                                struct lam_error *error);

/* Where a leaf of the row group under way comes from: see lam_writer_mix_row_group. */
static inline int32_t lam_writer_source(const struct lam_writer *writer, int32_t leaf) {
  return writer->mix.from ? ((const int32_t *)(const void *)writer->mix.leaves.data)[leaf] : LAM_MIX_WRITTEN;
}
/* How many rows the row group under way still takes. */
static inline int64_t lam_writer_rows_left(const struct lam_writer *writer) {
  return (writer->mix.from ? writer->mix.rows : writer->row_group_rows) - writer->pending_rows;
}

/* ---- writer_rows.c ---- */

enum { LAM_SERIAL_BYTES = 128 << 10 }; /* less work than this is not worth waking other threads */

/* Workspaces: one for each thread that is at work. */
enum lam_status lam_writer_take_workspace(struct lam_writer *writer, struct lam_workspace **out,
                                          struct lam_error *error);
void lam_writer_return_workspace(struct lam_writer *writer, struct lam_workspace *workspace);
void lam_writer_release_workspaces(struct lam_writer *writer);
/* The batch's columns as writer->views; *copies is what they need, for lam_writer_end_batch, which is called whatever
 * comes of it. */
struct lam_plain_copy;
enum lam_status lam_writer_begin_batch(struct lam_writer *writer, const struct ArrowArray *batch,
                                       struct lam_plain_copy **copies, struct lam_error *error);
void lam_writer_end_batch(struct lam_writer *writer, struct lam_plain_copy *copies);
/* Packs what is encoded, and writes what can be written. */
enum lam_status lam_writer_pack(struct lam_writer *writer, bool serial, struct lam_error *error);
/* lam_item_fn of writer->queue: packs a page. */
enum lam_status lam_writer_pack_page(void *user, struct lam_queue_item *item, struct lam_error *error);

/* ---- writer_groups.c ---- */

/* Writes the packed pages of the row group's first chunk: it stands where the file ends now, so that they need not
 * wait. */
enum lam_status lam_writer_put_outgoing(struct lam_writer *writer, struct lam_error *error);
/* Writes the row group under way, if it has rows. */
enum lam_status lam_writer_close_group(struct lam_writer *writer, struct lam_error *error);
/* Writes the page indexes of all row groups. */
enum lam_status lam_writer_put_indexes(struct lam_writer *writer, struct lam_error *error);

/* ---- raw_copy.c ---- */

/* A chunk that is to be copied: bytes [offset, offset + size) of the source. */
struct lam_raw_chunk {
  uint64_t offset, size;
  int64_t start; /* in the file being written; set by the copying */
  int32_t leaf;  /* of the source */
  int32_t to;    /* of the file being written */
};
/* Whether the bounds that the file has of a leaf hold in the order that we write them in. */
bool lam_raw_bounds_hold(const struct lam_file_meta *from, int32_t leaf);
enum lam_status lam_raw_check_group(const struct lam_file_meta *from, int32_t row_group, struct lam_error *error);
/* LAM_INVALID where leaf `leaf` of `from` cannot be leaf `to` of the writer. */
enum lam_status lam_raw_find(const struct lam_writer *writer, int32_t to, const struct lam_file *from,
                             int32_t row_group, int32_t leaf, struct lam_raw_chunk *out, struct lam_error *error);
/* Copies the pages of the chunks in the order given, those that touch in the source at once, takes their page indexes
 * along, and makes out[to] of their metadata, whose bloom filters are those of the source until they are copied. */
enum lam_status lam_raw_copy_chunks(struct lam_writer *writer, const struct lam_file *from, int32_t row_group,
                                    struct lam_raw_chunk *chunks, int32_t count, struct lam_chunk_meta *out,
                                    struct lam_error *error);
enum lam_status lam_raw_copy_bloom(struct lam_writer *writer, const struct lam_file *from, struct lam_chunk_meta *chunk,
                                   struct lam_error *error);

/* ---- mix.c ---- */

/* LAM_INVALID where rows are missing. */
enum lam_status lam_mix_check(const struct lam_writer *writer, struct lam_error *error);
/* Copies the chunks from leaf *leaf on, up to the next one that is not copied, which *leaf becomes. */
enum lam_status lam_mix_copy(struct lam_writer *writer, int32_t *leaf, struct lam_chunk_meta *out,
                             struct lam_error *error);
/* What the rows are known to be sorted by: the source's columns as far as they are copied, or are what the writer is
 * told that its rows are sorted by. */
enum lam_status lam_mix_sorting(struct lam_writer *writer, struct lam_row_group_meta *group, struct lam_error *error);

/* ---- writer_plan.c ---- */

/* Makes slices and pages so small that a row group fits the memory there is, and keeps of it what ending one may take.
 * `paged`: the caller has asked for a size of pages, which is only a bound then. */
void lam_writer_plan(struct lam_writer *writer, bool paged, struct lam_chunk_options *columns);

/* ---- writer_options.c ---- */

/* The names from below the root to the leaf, joined by dots. */
enum lam_status lam_leaf_name(const struct lam_file_meta *meta, int32_t leaf, struct lam_arena *arena, const char **out,
                              struct lam_error *error);
/* What the options mean for each column. `out` has room for one per leaf. */
enum lam_status lam_writer_resolve(const struct lam_write_options *options, struct lam_writer *writer,
                                   struct lam_chunk_options *out, struct lam_error *error);
/* Copies what the caller knows of the struct, and checks it. */
enum lam_status lam_write_options_read(const struct lam_write_options *given, struct lam_write_options *out,
                                       struct lam_error *error);

#endif
