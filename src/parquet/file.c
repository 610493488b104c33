#include "parquet/file.h"

#include <assert.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>

#include "arrow/array.h"
#include "base/options.h"
#include "parquet/page.h"

enum {
  TAIL = 64 << 10,    /* bytes read at once from the end: all of a small file, and most footers */
  SMALLEST = 12,      /* "PAR1", a length of 4 bytes, "PAR1" */
  FOOTER_END = 8,     /* the length and the magic */
  HEADER_SLACK = 100, /* bytes of a dictionary page's header at most; see lam_page_stream_begin */
};

struct lam_file {
  struct lam_store *store;
  bool own_store;
  struct lam_mem *mem, *own_mem;
  struct lam_input *input; /* NULL where all bytes are in memory */
  struct lam_object_info info;
  uint64_t size;
  char *name;
  struct lam_buf tail; /* the file's last bytes, from tail_offset on; the metadata's slices point there */
  uint64_t tail_offset;
  struct lam_arena arena;
  struct lam_file_meta meta;
  int64_t rows; /* of all row groups */
  uint64_t footer_size;
  bool checksums, described;
  struct lam_file_describer describer; /* `close` NULL: none, or closed */
  struct lam_buf late_footer;          /* its thrift bytes, read after the open */
  const char *key;                     /* of a file that is opened when a byte of it is asked for; else NULL */
  _Atomic bool opened;
  pthread_mutex_t opening; /* of such a file: of `input` and `found` */
  struct lam_object_info found;
};

const struct lam_file_meta *lam_file_meta(const struct lam_file *file) {
  return &file->meta;
}
const struct lam_object_info *lam_file_info(const struct lam_file *file) {
  return &file->info;
}
const char *lam_file_name(const struct lam_file *file) {
  return file->name;
}
uint64_t lam_file_size(const struct lam_file *file) {
  return file->size;
}
uint64_t lam_file_footer_size(const struct lam_file *file) {
  return file->footer_size;
}
bool lam_file_checksums(const struct lam_file *file) {
  return file->checksums;
}
struct lam_mem *lam_file_mem(const struct lam_file *file) {
  return file->mem;
}
int64_t lam_file_rows(const struct lam_file *file) {
  return file->rows;
}
int32_t lam_file_row_groups(const struct lam_file *file) {
  return file->meta.row_group_count;
}
int64_t lam_file_row_group_rows(const struct lam_file *file, int32_t row_group) {
  if (row_group < 0 || row_group >= file->meta.row_group_count) return 0;
  return file->meta.row_groups[row_group].rows;
}
int32_t lam_file_columns(const struct lam_file *file) {
  return lam_top_columns(&file->meta);
}

/* ---- opening ---- */

static enum lam_status read_options(const struct lam_file_options *given, struct lam_file_options *out,
                                    struct lam_error *error) {
  *out = (struct lam_file_options)LAM_FILE_OPTIONS_INIT;
  return lam_options_read(given, "LAM_FILE_OPTIONS_INIT", out, sizeof *out, error);
}

/* Reads the last `size` bytes of the file, of which the buffer has the last ones already. */
static enum lam_status extend_tail(struct lam_file *file, uint64_t size, struct lam_error *error) {
  struct lam_buf tail;
  lam_buf_init(&tail, file->mem);
  uint64_t offset = file->size - size;
  size_t missing = (size_t)size - file->tail.size;
  LAM_TRY(lam_buf_reserve(&tail, (size_t)size, error));
  enum lam_status status = file->store->ops->read(file->input, offset, tail.data, missing, error);
  if (status != LAM_OK) {
    lam_buf_release(&tail);
    return status;
  }
  lam_copy(tail.data + missing, file->tail.data, file->tail.size);
  tail.size = (size_t)size;
  lam_buf_release(&file->tail);
  file->tail = tail;
  file->tail_offset = offset;
  return LAM_OK;
}

/* The footer's own number of rows is wrong in files of early writers (0), and nothing is read by it. */
static enum lam_status add_rows(struct lam_file *file, struct lam_error *error) {
  file->rows = 0;
  for (int32_t i = 0; i < file->meta.row_group_count; i++)
    LAM_CHECK(!__builtin_add_overflow(file->rows, file->meta.row_groups[i].rows, &file->rows), error,
              "row group %" PRId32 ": its %" PRId64 " rows and those before it are more than 64 bits count", i,
              file->meta.row_groups[i].rows);
  return LAM_OK;
}

static enum lam_status read_footer(struct lam_file *file, struct lam_error *error) {
  uint64_t size = file->size;
  LAM_CHECK(size >= SMALLEST, error, "%" PRIu64 " bytes are too few for a Parquet file", size);
  LAM_TRY(extend_tail(file, lam_min_u64(size, TAIL), error));
  const uint8_t *end = file->tail.data + file->tail.size;
  if (memcmp(end - 4, "PARE", 4) == 0)
    return lam_fail(error, LAM_UNSUPPORTED, "its footer is encrypted, which this version cannot read");
  LAM_CHECK(memcmp(end - 4, "PAR1", 4) == 0, error,
            "not a Parquet file, or cut short: it ends with the bytes %02x %02x %02x %02x; expected PAR1", end[-4],
            end[-3], end[-2], end[-1]);
  uint64_t length = lam_load32(end - 8);
  LAM_CHECK(length <= size - SMALLEST, error,
            "its footer has a length of %" PRIu64 " bytes; a file of %" PRIu64 " bytes has room for %" PRIu64, length,
            size, size - SMALLEST);
  if (length + FOOTER_END > file->tail.size) LAM_TRY(extend_tail(file, length + FOOTER_END, error));
  end = file->tail.data + file->tail.size;
  struct lam_bytes footer = lam_bytes_of(end - FOOTER_END - length, (size_t)length);
  file->footer_size = length;
  LAM_TRY(lam_file_meta_parse(footer, size, &file->arena, &file->meta, error));
  return add_rows(file, error);
}

static enum lam_status copy_name(struct lam_file *file, const char *key, struct lam_error *error) {
  char text[4096];
  snprintf(text, sizeof text, "%s/%s", file->store->root, key);
  return lam_arena_string(&file->arena, lam_bytes_of_string(text), &file->name, error);
}

static void close_describer(struct lam_file *file) {
  if (file->describer.close) file->describer.close(file->describer.user);
  file->describer.close = NULL;
}

/* Any thread. The file is the one that was listed, or gone for this reader. */
static enum lam_status open_late(struct lam_file *file, struct lam_error *error) {
  enum lam_status status = LAM_OK;
  if (file->opened) return LAM_OK;
  pthread_mutex_lock(&file->opening);
  if (!file->opened) {
    status = file->store->ops->open(file->store, file->key, &file->input, &file->found, error);
    if (status == LAM_OK && (file->found.inode != file->info.inode || file->found.size < file->size)) {
      file->store->ops->close_input(file->input);
      file->input = NULL;
      status = lam_fail(error, LAM_NOT_FOUND, "%s was replaced after it was listed", file->name);
    }
    if (status == LAM_OK) file->opened = true;
  }
  pthread_mutex_unlock(&file->opening);
  return status;
}

static enum lam_status read_description(struct lam_file *file, struct lam_error *error) {
  if (!file->describer.close) return LAM_OK;
  file->tail_offset = UINT64_MAX; /* nothing is in memory */
  LAM_TRY(file->describer.describe(file->describer.user, file, &file->arena, &file->described, &file->meta,
                                   &file->footer_size, error));
  if (file->described) return add_rows(file, error);
  close_describer(file);
  return LAM_OK;
}

enum lam_status lam_file_read_footer(const struct lam_file *given, struct lam_error *error) {
  struct lam_file *file = (struct lam_file *)(uintptr_t)given;
  struct lam_file_meta meta;
  if (!file->described) return LAM_OK;
  size_t size = (size_t)file->footer_size;
  enum lam_status status = lam_buf_reset(&file->late_footer, size, error);
  if (status == LAM_OK)
    status = lam_file_read(file, file->size - FOOTER_END - size, file->late_footer.data, size, error);
  if (status == LAM_OK)
    status = lam_file_meta_parse(lam_bytes_of(file->late_footer.data, size), file->size, &file->arena, &meta, error);
  if (status == LAM_OK && meta.row_group_count != file->meta.row_group_count)
    status = lam_fail(error, LAM_CORRUPT, "it has %" PRId32 " row groups, its sidecar %" PRId32, meta.row_group_count,
                      file->meta.row_group_count);
  if (status != LAM_OK) return lam_fail_in(error, status, "%s", file->name);
  file->meta = meta;
  file->described = false;
  return LAM_OK;
}

/* Its state; a file that was listed is left closed. */
static enum lam_status look_at(struct lam_file *file, const char *key, struct lam_error *error) {
  const struct lam_object_info *listed = file->describer.listed;
  file->opened = !listed;
  file->size = 0;
  if (!listed) return file->store->ops->open(file->store, key, &file->input, &file->info, error);
  char *copy;
  LAM_TRY(lam_arena_string(&file->arena, lam_bytes_of_string(key), &copy, error));
  file->key = copy;
  file->info = *listed;
  return LAM_OK;
}

static enum lam_status open_file(struct lam_file *file, const char *key, const struct lam_file_options *options,
                                 struct lam_error *error) {
  LAM_TRY(copy_name(file, key, error));
  const struct lam_store_ops *ops = file->store->ops;
  LAM_TRY(look_at(file, key, error));
  file->size = file->info.size;
  file->checksums = !options->no_checksums;
  if (options->size > file->size)
    return lam_fail(error, LAM_INVALID, "%s: has %" PRIu64 " bytes; asked to read it as %" PRIu64 " bytes", file->name,
                    file->size, options->size);
  if (options->size) file->size = options->size;
  enum lam_status status = read_description(file, error);
  if (status == LAM_OK && !file->described) status = open_late(file, error);
  if (status == LAM_OK && !file->described) status = read_footer(file, error);
  if (status != LAM_OK) return lam_fail_in(error, status, "%s", file->name);
  if (file->opened && file->key) file->info = file->found;
  if (file->tail_offset == 0) { /* all of it is in memory: a scan of thousands needs no descriptors */
    ops->close_input(file->input);
    file->input = NULL;
  }
  return LAM_OK;
}

void lam_file_close(struct lam_file *file) {
  if (!file) return;
  if (file->input) file->store->ops->close_input(file->input);
  lam_buf_release(&file->tail);
  lam_buf_release(&file->late_footer);
  lam_arena_release(&file->arena);
  close_describer(file);
  if (file->own_store) lam_store_close(file->store);
  pthread_mutex_destroy(&file->opening);
  struct lam_mem *own = file->own_mem;
  lam_free(file->mem, file, sizeof *file);
  if (own) lam_mem_close(own);
}

static enum lam_status create(const struct lam_file_options *given, struct lam_mem *mem,
                              struct lam_file_options *options, struct lam_file **out, struct lam_error *error) {
  LAM_TRY(read_options(given, options, error));
  return lam_alloc_zero(mem, sizeof **out, (void **)out, error);
}

enum lam_status lam_file_open_described(struct lam_store *store, const char *key, const struct lam_file_options *given,
                                        const struct lam_file_describer *describer, struct lam_mem *mem,
                                        struct lam_file **out, struct lam_error *error) {
  struct lam_file_options options;
  struct lam_file *file;
  *out = NULL;
  enum lam_status status = create(given, mem, &options, &file, error);
  if (status != LAM_OK) {
    if (describer) describer->close(describer->user);
    return status;
  }
  if (describer) file->describer = *describer;
  file->store = store;
  file->mem = mem;
  lam_buf_init(&file->tail, mem);
  lam_buf_init(&file->late_footer, mem);
  lam_arena_init(&file->arena, mem);
  pthread_mutex_init(&file->opening, NULL);
  status = open_file(file, key, &options, error);
  if (status == LAM_OK)
    *out = file;
  else
    lam_file_close(file);
  return status;
}

enum lam_status lam_file_open_in(struct lam_store *store, const char *key, const struct lam_file_options *options,
                                 struct lam_mem *mem, struct lam_file **out, struct lam_error *error) {
  return lam_file_open_described(store, key, options, NULL, mem, out, error);
}

/* The store of a path's directory, and its last part as the key. */
static enum lam_status store_of_path(struct lam_context *context, const char *path, struct lam_store **store,
                                     const char **key, struct lam_error *error) {
  char directory[4096];
  const char *slash = strrchr(path, '/');
  size_t length = slash ? (size_t)(slash - path) : 0;
  *key = slash ? slash + 1 : path;
  if (**key == 0) return lam_fail(error, LAM_INVALID, "'%s' is not the path of a file", path);
  if (length >= sizeof directory) return lam_fail(error, LAM_INVALID, "a path of %zu bytes", strlen(path));
  memcpy(directory, path, length);
  directory[length] = 0;
  const char *root = !slash ? "." : length ? directory : "/";
  return lam_store_local(context, root, store, error);
}

enum lam_status lam_file_open(struct lam_context *context, const char *path, const struct lam_file_options *options,
                              struct lam_file **out, struct lam_error *error) {
  struct lam_store *store;
  struct lam_mem *mem;
  const char *key;
  *out = NULL;
  LAM_TRY(store_of_path(context, path, &store, &key, error));
  enum lam_status status = lam_mem_open(context, 0, &mem, error);
  if (status == LAM_OK) {
    status = lam_file_open_in(store, key, options, mem, out, error);
    if (status != LAM_OK) lam_mem_close(mem);
  }
  if (status != LAM_OK) {
    lam_store_close(store);
    return status;
  }
  (*out)->own_store = true;
  (*out)->own_mem = mem;
  return LAM_OK;
}

/* ---- bytes ---- */

enum lam_status lam_file_read(const struct lam_file *file, uint64_t offset, void *to, size_t size,
                              struct lam_error *error) {
  LAM_CHECK(offset <= file->size && size <= file->size - offset, error,
            "%s: bytes %" PRIu64 " to %" PRIu64 " are asked for; the file ends at byte %" PRIu64, file->name, offset,
            offset + size, file->size);
  if (offset >= file->tail_offset) {
    lam_copy(to, file->tail.data + (offset - file->tail_offset), size);
    return LAM_OK;
  }
  if (!file->opened) LAM_TRY(open_late((struct lam_file *)(uintptr_t)file, error));
  return file->store->ops->read(file->input, offset, to, size, error);
}

enum lam_status lam_file_copy(const struct lam_file *file, uint64_t offset, uint64_t size, struct lam_output *output,
                              struct lam_error *error) {
  LAM_CHECK(offset <= file->size && size <= file->size - offset, error,
            "%s: bytes %" PRIu64 " to %" PRIu64 " are to be copied; the file ends at byte %" PRIu64, file->name, offset,
            offset + size, file->size);
  if (offset >= file->tail_offset)
    return output->store->ops->write(output, file->tail.data + (offset - file->tail_offset), (size_t)size, error);
  if (!file->opened) LAM_TRY(open_late((struct lam_file *)(uintptr_t)file, error));
  return lam_store_copy(output, file->input, offset, size, file->mem, error);
}

static enum lam_status read_source(const void *user, uint64_t offset, void *to, size_t size, struct lam_error *error) {
  return lam_file_read(user, offset, to, size, error);
}

struct lam_byte_source lam_file_source(const struct lam_file *file) {
  return (struct lam_byte_source){.read = read_source,
                                  .user = file,
                                  .resident = lam_bytes_of(file->tail.data, file->tail.size),
                                  .resident_offset = file->tail_offset};
}

uint64_t lam_chunk_slack(const struct lam_file *file, uint64_t end) {
  uint64_t limit = file->size - FOOTER_END;
  return end < limit ? lam_min_u64(limit - end, HEADER_SLACK) : 0;
}

/* A dictionary's offset of 0 or behind the data pages is that of a writer without a dictionary page there; the data's
 * is 0 where parquet-cpp has written a dictionary and no row. */
int64_t lam_chunk_start(const struct lam_chunk_meta *chunk) {
  int64_t start = chunk->data_page_offset, dictionary = chunk->dictionary_page_offset;
  bool first = chunk->has_dictionary_offset && dictionary > 0 && (dictionary < start || start == 0);
  return first ? dictionary : start;
}

enum lam_status lam_chunk_range(const struct lam_file *file, int32_t row_group, int32_t leaf, uint64_t *offset,
                                uint64_t *size, struct lam_error *error) {
  assert(row_group >= 0 && row_group < file->meta.row_group_count && leaf >= 0 && leaf < file->meta.leaf_count);
  const struct lam_chunk_meta *chunk = &file->meta.row_groups[row_group].chunks[leaf];
  int64_t start = lam_chunk_start(chunk);
  LAM_CHECK(start >= 0 && chunk->compressed_size >= 0 && (uint64_t)start <= file->size &&
                (uint64_t)chunk->compressed_size <= file->size - (uint64_t)start,
            error,
            "%s: row group %" PRId32 ", column %" PRId32 ": its %" PRId64 " bytes from byte %" PRId64
            " on pass the end of the file at byte %" PRIu64,
            file->name, row_group, leaf, chunk->compressed_size, start, file->size);
  *offset = (uint64_t)start;
  *size = (uint64_t)chunk->compressed_size;
  return LAM_OK;
}

/* ---- schema ---- */

/* Key-value metadata of the file; ARROW:schema describes the writer's schema, not the one that is read. */
enum lam_status lam_schema_set_key_values(const struct lam_file_meta *meta, struct ArrowSchema *schema,
                                          struct lam_error *error) {
  for (int32_t i = 0; i < meta->key_value_count; i++) {
    const struct lam_key_value *pair = &meta->key_values[i];
    char key[256];
    if (pair->key.size >= sizeof key || memchr(pair->key.data, 0, pair->key.size) || !pair->value.data) continue;
    memcpy(key, pair->key.data, pair->key.size);
    key[pair->key.size] = 0;
    if (strcmp(key, "ARROW:schema") == 0) continue;
    LAM_TRY(lam_schema_set_metadata(schema, key, pair->value, error));
  }
  return LAM_OK;
}

/* All columns that can be read, in a struct that has room for `count`; *readable gets how many. */
static enum lam_status readable_columns(const struct lam_file_meta *meta, struct ArrowSchema *out, int32_t *readable,
                                        struct lam_error *error) {
  int32_t count = lam_top_columns(meta);
  *readable = 0;
  LAM_TRY(lam_schema_init_struct("", count, out, error));
  for (int32_t c = 0; c < count; c++) {
    enum lam_status status = lam_schema_of_column(meta, c, out->children[*readable], error);
    if (status == LAM_OK) {
      ++*readable;
    } else if (status == LAM_NO_MEMORY || status == LAM_LIMIT) {
      lam_schema_release(out);
      return status;
    }
  }
  return LAM_OK;
}

enum lam_status lam_file_schema(const struct lam_file *file, struct ArrowSchema *out, struct lam_error *error) {
  struct ArrowSchema all;
  int32_t readable;
  enum lam_status status = readable_columns(&file->meta, &all, &readable, error);
  if (status == LAM_OK) {
    status = lam_schema_init_struct("", readable, out, error);
    for (int32_t c = 0; status == LAM_OK && c < readable; c++) {
      *out->children[c] = *all.children[c];
      all.children[c]->release = NULL;
    }
    lam_schema_release(&all);
    if (status == LAM_OK) status = lam_schema_set_key_values(&file->meta, out, error);
    if (status == LAM_OK) return LAM_OK;
    lam_schema_release(out);
  }
  return lam_fail_in(error, status, "%s", file->name);
}
