/* Continuing a Parquet file: new row groups behind its old footer, then a footer that lists what stays and what is new.
 *
 * The bytes go into an object of their own, which is to be appended to the file while it still is as it was read: the
 * file itself is not touched here. Bytes of the file never change, so whoever reads it as it was goes on. */
#ifndef LAM_PARQUET_APPEND_H
#define LAM_PARQUET_APPEND_H

#include "parquet/writer.h"

/* A file of so many dead bytes is written anew instead. */
#define LAM_MOST_DEAD_BYTES ((int64_t)1 << 30)

/* As lam_writer_open_in, for the bytes that stand behind those of `from`, which outlives the writer: its positions are
 * those of the whole file, and lam_writer_copy_row_group of a row group of `from` leaves it where it is, with its
 * indexes and bloom filters. Row groups stand in the order in which they were copied or written. The footer keeps the
 * schema, version and key-value metadata of `from`; those of the options are not used. LAM_UNSUPPORTED: not without
 * decoding it (lam_raw_copy_allowed, or its columns are not written as those of `schema` are): write it anew. */
enum lam_status lam_writer_append_in(struct lam_store *store, const char *key, const struct lam_file *from,
                                     const struct ArrowSchema *schema, const struct lam_write_options *options,
                                     struct lam_mem *mem, struct lam_writer **out, struct lam_error *error);

/* What goes behind `from`, in order: bytes of `from` that its new row groups have as they are, and bytes of the object
 * (LAM_SPAN_NEW). Until the writer is closed. */
const struct lam_span *lam_writer_spans(const struct lam_writer *writer, size_t *count);

/* Bytes of the file that no chunk, index, bloom filter or footer of it takes: old footers, replaced row groups. *out is
 * -1 where that is not known. */
enum lam_status lam_file_dead_bytes(const struct lam_file *file, struct lam_mem *mem, int64_t *out,
                                    struct lam_error *error);
/* *out is false where an append that replaces the row groups of which `replaced` is true, or of those only the leaves
 * of which `leaves` is (NULL: all), would leave too many dead bytes (more than half of what the file has now, or
 * LAM_MOST_DEAD_BYTES), or none of the old row groups. */
enum lam_status lam_append_pays(const struct lam_file *file, const bool *replaced, const bool *leaves,
                                struct lam_mem *mem, bool *out, struct lam_error *error);
/* Which row group of `old` row group i of `now`, a later state of the same file, still is; -1: none. */
void lam_append_kept(const struct lam_file_meta *old, const struct lam_file_meta *now, int32_t *kept);

/* ---- for writer.c ---- */

/* Both opens; `base` is the file that is continued, or NULL. */
enum lam_status lam_writer_open_on(struct lam_store *store, const char *key, const struct lam_file *base,
                                   const struct ArrowSchema *schema, const struct lam_write_options *options,
                                   struct lam_mem *mem, struct lam_writer **out, struct lam_error *error);
/* Makes the metadata of a writer whose columns are open that of `base`, without its row groups. */
enum lam_status lam_writer_continue(struct lam_writer *writer, const struct lam_file *base, struct lam_error *error);

#endif
