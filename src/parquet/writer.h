/* Writing Parquet files inside the library: to any store, with the caller's account of the budget, and
 * with row groups of other files copied as bytes. */
#ifndef LAM_PARQUET_WRITER_H
#define LAM_PARQUET_WRITER_H

#include "parquet/file.h"

/* Creates object `key` (a staging key of the caller's: it is visible at once under that key, and nothing
 * is renamed). lam_writer_finish writes the footer and syncs unless options->no_sync; lam_writer_close of an unfinished
 * one removes the object. `mem` outlives the writer. */
enum lam_status lam_writer_open_in(struct lam_store *store, const char *key, const struct ArrowSchema *schema,
                                   const struct lam_write_options *options, struct lam_mem *mem,
                                   struct lam_writer **out, struct lam_error *error);
/* The caller will sync the object, with others: the disk may begin to write it. Before anything is written. */
void lam_writer_expect_sync(struct lam_writer *writer);

/* Copies a row group byte for byte, all offsets moved, with its page indexes and bloom filters; a row
 * group under way is ended first. The leaves of both files agree in number, physical type and levels
 * (LAM_INVALID). Statistics that lam_statistics_trusted does not believe are dropped; the caller has asked
 * lam_raw_copy_allowed. */
enum lam_status lam_writer_copy_row_group(struct lam_writer *writer, const struct lam_file *from, int32_t row_group,
                                          struct lam_error *error);
/* Where a leaf of a row group comes from that is put together from another file's chunks. */
enum { LAM_MIX_NULL = -1, LAM_MIX_WRITTEN = -2 };
/* Begins a row group with the rows of `from`'s `row_group`; one under way is ended first. Leaf i of the writer gets the
 * chunk of leaf leaves[i] of `from`, byte for byte (its pages, indexes and bloom filter, with offsets moved); all NULL
 * for LAM_MIX_NULL (of an optional or repeated top-level column, and then of all its leaves); for LAM_MIX_WRITTEN (all
 * leaves of a column or none) the values that lam_writer_write brings then, in batches whose other children are
 * released. The same is asked as of lam_writer_copy_row_group, for the leaves that are copied; names and field ids may
 * differ. `leaves` is copied, `from` stays open until the row group ends: chunks are copied then, so that all stand in
 * the order of the schema. It ends with lam_writer_end_row_group, which is LAM_INVALID where rows are missing, and is
 * one row group whatever its size. Sorting columns stay that are copied, up to the first one that is not and that
 * options->sorting does not have in its place. */
enum lam_status lam_writer_mix_row_group(struct lam_writer *writer, const struct lam_file *from, int32_t row_group,
                                         const int32_t *leaves, struct lam_error *error);
/* Ends the row group under way, if it has rows. */
enum lam_status lam_writer_end_row_group(struct lam_writer *writer, struct lam_error *error);
/* Bytes in the file now, and encoded bytes waiting in the row group under way. For packing to a target size. */
uint64_t lam_writer_bytes(const struct lam_writer *writer);
uint64_t lam_writer_pending_bytes(const struct lam_writer *writer);
/* Its schema from the open on; rows and row groups of a finished writer only. Until it is closed. */
const struct lam_file_meta *lam_writer_meta(const struct lam_writer *writer);
/* What a finished writer has made. It lives as long as the writer. */
struct lam_written {
  const struct lam_file_meta *meta; /* whose nodes are not from a footer */
  uint64_t footer_offset;           /* of its thrift bytes */
  uint32_t footer_size;
  uint64_t footer_hash;        /* XXH64 of them */
  struct lam_object_info info; /* the file as it is now */
  struct lam_mem *mem;         /* of the writer */
};
/* Asks the store for the file's state and reads no byte of it. LAM_INVALID: it is not finished, or continues another.
 */
enum lam_status lam_writer_written(const struct lam_writer *writer, struct lam_written *out, struct lam_error *error);

/* Column options that continue how `file` has its columns: codec, and the encoding choice where its
 * pages show one other than the default. For each leaf by its path, after, for each nested column, its codec by the
 * column's name, since a list of an older form gets other names within it. Allocated in `arena`. */
enum lam_status lam_column_options_of(const struct lam_file *file, struct lam_arena *arena,
                                      struct lam_column_options **out, int32_t *count, struct lam_error *error);
/* Makes bloom filters of the columns that `text` names: "a,b" or "a,b:0.001" with the rate of false positives.
 * LAM_NOT_FOUND for a name that is no column of `schema`. The new options are allocated in `arena`. */
enum lam_status lam_column_options_bloom(const char *text, const struct ArrowSchema *schema, struct lam_arena *arena,
                                         struct lam_column_options **columns, int32_t *count, struct lam_error *error);

#endif
