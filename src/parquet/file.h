/* Parquet files inside the library: opened from any store, with the caller's account of the budget. */
#ifndef LAM_PARQUET_FILE_H
#define LAM_PARQUET_FILE_H

#include "lamella/parquet.h"
#include "parquet/codec.h"
#include "parquet/schema.h"
#include "store/store.h"

/* As lam_file_open; the file's memory is charged to `mem`, which outlives it. `name` (copied) is what
 * messages call the file; NULL: the store's root and the key. */
enum lam_status lam_file_open_in(struct lam_store *store, const char *key, const struct lam_file_options *options,
                                 struct lam_mem *mem, struct lam_file **out, struct lam_error *error);
/* Who may know a file's metadata without its footer: a sidecar (sidecar/sidecar.h). */
struct lam_file_describer {
  /* Sets *there and, where it is true, the metadata of `file` as it is now, whose size, info and bytes can be asked
   * for, and the length of its footer. They are allocated in `arena`, or stay until `close`. Where it is false the
   * footer is read. */
  enum lam_status (*describe)(void *user, const struct lam_file *file, struct lam_arena *arena, bool *there,
                              struct lam_file_meta *out, uint64_t *footer_size, struct lam_error *error);
  void (*close)(void *user); /* once, whatever became of the opening */
  void *user;
  /* What the file was when it was listed: it is not opened before a byte of it is asked for that the metadata lack.
   * NULL: it is opened. */
  const struct lam_object_info *listed;
};
/* As lam_file_open_in, but that the footer is read only where `describer` (may be NULL) does not know better. */
enum lam_status lam_file_open_described(struct lam_store *store, const char *key,
                                        const struct lam_file_options *options,
                                        const struct lam_file_describer *describer, struct lam_mem *mem,
                                        struct lam_file **out, struct lam_error *error);
/* Makes the metadata those of the footer, reading it now if they are not: a describer leaves out what only copying
 * needs (page encoding counts, size statistics, key-values of chunks). What was handed out before stays until the file
 * is closed. Not while another thread uses the metadata. */
enum lam_status lam_file_read_footer(const struct lam_file *file, struct lam_error *error);

const struct lam_file_meta *lam_file_meta(const struct lam_file *file);
const struct lam_object_info *lam_file_info(const struct lam_file *file);
const char *lam_file_name(const struct lam_file *file);
uint64_t lam_file_size(const struct lam_file *file);        /* the explicit one where given */
uint64_t lam_file_footer_size(const struct lam_file *file); /* without its length and the magic behind it */
/* Bytes of the file: from the tail that the open has read where they lie there, else by the store. Bounds are checked.
 * Any thread. */
enum lam_status lam_file_read(const struct lam_file *file, uint64_t offset, void *to, size_t size,
                              struct lam_error *error);
/* Writes bytes [offset, offset + size) of it, which need not pass through this process: see lam_store_copy. */
enum lam_status lam_file_copy(const struct lam_file *file, uint64_t offset, uint64_t size, struct lam_output *output,
                              struct lam_error *error);

/* The bytes that a chunk's pages take, [offset, offset + size), from its metadata, with the quirks of writers
 * (dictionary offset absent, 0 or behind; header not counted) allowed for and checked against the file's size. */
enum lam_status lam_chunk_range(const struct lam_file *file, int32_t row_group, int32_t leaf, uint64_t *offset,
                                uint64_t *size, struct lam_error *error);

bool lam_file_checksums(const struct lam_file *file); /* whether pages are verified */
struct lam_mem *lam_file_mem(const struct lam_file *file);
/* Key-value metadata of the file as that of a schema; without ARROW:schema, which describes the writer's schema, not
 * the one that is read. */
enum lam_status lam_schema_set_key_values(const struct lam_file_meta *meta, struct ArrowSchema *schema,
                                          struct lam_error *error);

/* As lam_reader_open with the caller's account, which outlives the reader. */
enum lam_status lam_reader_open_in(struct lam_file *file, const struct lam_read_options *options, struct lam_mem *mem,
                                   struct lam_reader **out, struct lam_error *error);
struct lam_codec_state;
/* What readers inside the library can ask for beyond that. */
struct lam_reader_mode {
  bool all_dictionaries; /* every type but booleans comes as a dictionary, for rewriting without decoding */
  bool one_thread;       /* the caller has threads of its own */
  bool ahead;            /* pages may be decompressed ahead of those that are decoded, where threads have nothing to do:
                            it takes memory, and time where the caller stops early */
  bool all_validity;     /* leaves that are required say which of their slots have no value below a NULL group */
  struct lam_codec_state *codec; /* one that outlives the reader, for its first thread: where files are small and many,
                                    making one costs more than using it. NULL: its own */
};
/* Dictionaries: all batches of a row group whose pages are dictionary-coded share the buffers of one dictionary.
 * Other pages come in batches of their own, with a dictionary of just their values. Buffers are reused once nobody
 * holds them, so equal pointers mean equal dictionaries only while the older array is still held. */
enum lam_status lam_reader_open_as(struct lam_file *file, const struct lam_read_options *options,
                                   const struct lam_reader_mode *mode, struct lam_mem *mem, struct lam_reader **out,
                                   struct lam_error *error);

/* ---- walking the pages of a chunk (page.c): inspect --pages, verify, checks before a commit ---- */

struct lam_page {
  struct lam_page_header header;
  uint64_t offset;      /* of the header in the file */
  uint32_t header_size; /* bytes */
};
typedef enum lam_status (*lam_page_fn)(void *user, const struct lam_page *page, struct lam_error *error);
/* Calls `each` for every page of a chunk, reading with one reused window; the page's CRC is verified
 * where it has one and `checksums` is true. Nothing is decompressed. At the end the pages' values must add up to the
 * chunk's. */
enum lam_status lam_chunk_walk(const struct lam_file *file, int32_t row_group, int32_t leaf, bool checksums,
                               struct lam_mem *mem, lam_page_fn each, void *user, struct lam_error *error);

#endif
