#include "parquet/writer.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/checksum.h"
#include "base/context.h"
#include "base/uuid.h"
#include "parquet/append.h"
#include "parquet/writer_state.h"

enum {
  DEFAULT_ROW_GROUP_ROWS = 1 << 20,
  DEFAULT_ROW_GROUP_BYTES = 128 << 20,
  SMALLEST_ROW_GROUP = 1 << 20, /* bytes; whatever the budget */
  SMALL_WRITE = 64 << 10,       /* pieces below this are gathered … */
  GATHERED = 256 << 10,         /* … up to this */
  PUBLIC_MINIMUM = 1 << 20,     /* what lam_writer_open asks of the budget */
};

/* ---- bytes to the store ---- */

static enum lam_status flush(struct lam_writer *writer, struct lam_error *error) {
  if (writer->small.size == 0) return LAM_OK;
  LAM_TRY(writer->store->ops->write(writer->output, writer->small.data, writer->small.size, error));
  writer->small.size = 0;
  return LAM_OK;
}

/* Of a file that is continued: where the next bytes come from. */
static enum lam_status note_span(struct lam_writer *writer, uint64_t offset, uint64_t size, struct lam_error *error) {
  struct lam_span span = {offset, size}, *last;
  if (!writer->base || size == 0) return LAM_OK;
  if (writer->spans.size) {
    last = (struct lam_span *)(void *)(writer->spans.data + writer->spans.size) - 1;
    bool follows = last->offset == LAM_SPAN_NEW || offset == LAM_SPAN_NEW ? last->offset == offset
                                                                          : last->offset + last->size == offset;
    if (follows) last->size += size;
    if (follows) return LAM_OK;
  }
  return lam_buf_append(&writer->spans, &span, sizeof span, error);
}

const struct lam_span *lam_writer_spans(const struct lam_writer *writer, size_t *count) {
  *count = writer->spans.size / sizeof(struct lam_span);
  return (const struct lam_span *)(const void *)writer->spans.data;
}

enum lam_status lam_writer_copy(struct lam_writer *writer, const struct lam_file *from, uint64_t offset, uint64_t size,
                                struct lam_error *error) {
  if (from == writer->base) {
    LAM_TRY(note_span(writer, offset, size, error));
  } else {
    LAM_TRY(flush(writer, error));
    LAM_TRY(lam_file_copy(from, offset, size, writer->output, error));
  }
  writer->position += size;
  return LAM_OK;
}

enum lam_status lam_writer_put(struct lam_writer *writer, const void *data, size_t size, struct lam_error *error) {
  LAM_TRY(note_span(writer, LAM_SPAN_NEW, size, error));
  if (writer->small.size + size > GATHERED) LAM_TRY(flush(writer, error));
  writer->position += size;
  if (size < SMALL_WRITE) return lam_buf_append(&writer->small, data, size, error);
  LAM_TRY(flush(writer, error));
  return writer->store->ops->write(writer->output, data, size, error);
}

const char *lam_writer_name(const struct lam_writer *writer) {
  return writer->final_key ? writer->final_key : writer->key;
}

enum lam_status lam_writer_check(const struct lam_writer *writer, struct lam_error *error) {
  if (writer->failed)
    return lam_fail(error, LAM_INVALID, "writing \"%s\": the writer has failed before, and can only be closed",
                    lam_writer_name(writer));
  if (writer->finished)
    return lam_fail(error, LAM_INVALID, "writing \"%s\": the file is finished", lam_writer_name(writer));
  return LAM_OK;
}

enum lam_status lam_writer_settle(struct lam_writer *writer, enum lam_status status, struct lam_error *error) {
  if (status == LAM_OK) return LAM_OK;
  writer->failed = true;
  return lam_fail_in(error, status, "writing \"%s\"", lam_writer_name(writer));
}

enum lam_status lam_writer_keep(struct lam_writer *writer, struct lam_bytes bytes, struct lam_bytes *out,
                                struct lam_error *error) {
  *out = bytes;
  if (!bytes.data) return LAM_OK;
  uint8_t *copy;
  LAM_TRY(lam_arena_alloc(&writer->arena, bytes.size + 1, (void **)&copy, error));
  lam_copy(copy, bytes.data, bytes.size);
  out->data = copy;
  return LAM_OK;
}

/* ---- opening ---- */

static void nothing_to_release(struct ArrowSchema *schema) {
  (void)schema;
}

/* path_in_schema of a top-level column: a list of one string, in the compact protocol. */
static enum lam_status make_path(struct lam_writer *writer, struct lam_bytes name, struct lam_bytes *out,
                                 struct lam_error *error) {
  uint8_t *bytes;
  LAM_TRY(lam_arena_alloc(&writer->arena, name.size + 11, (void **)&bytes, error));
  size_t size = 0, left = name.size;
  bytes[size++] = 1 << 4 | 8; /* one element, binary */
  for (; left >= 0x80; left >>= 7) bytes[size++] = (uint8_t)(left | 0x80);
  bytes[size++] = (uint8_t)left;
  lam_copy(bytes + size, name.data, name.size);
  *out = lam_bytes_of(bytes, size + name.size);
  return LAM_OK;
}

static enum lam_status open_column(struct lam_writer *writer, int32_t index, const struct lam_chunk_options *options,
                                   struct lam_error *error) {
  struct lam_writer_column *column = &writer->columns[index];
  const struct ArrowSchema *given = column->shred.leaf;
  const struct lam_schema_node *leaf = &writer->meta.nodes[writer->meta.leaves[index]];
  column->plain = given->dictionary ? *given->dictionary : *given;
  column->plain.name = given->name;
  column->plain.release = nothing_to_release;
  column->encoded = *given;
  if (!given->dictionary) column->encoded.format = "i";
  column->encoded.dictionary = &column->plain;
  column->encoded.release = nothing_to_release;
  LAM_TRY(lam_type_parse(&column->plain, &column->type, error));
  column->needs_plain = column->type.id == LAM_TYPE_BOOL;
  if (leaf->parent == 0) LAM_TRY(make_path(writer, leaf->name, &column->path, error));
  return lam_chunk_writer_init(&writer->chunks[index], &writer->pool, &column->type, leaf, options, error);
}

/* The leaves of the columns, in the order of the schema that was made of them. */
static enum lam_status find_leaves(struct lam_writer *writer, struct lam_error *error) {
  struct lam_buf paths;
  lam_buf_init(&paths, writer->mem);
  enum lam_status status = LAM_OK;
  for (int32_t top = 0, leaf = 0; top < writer->schema.n_children && status == LAM_OK; top++) {
    paths.size = 0;
    status = lam_shred_paths(writer->schema.children[top], &writer->arena, &paths, error);
    const struct lam_shred_path *all = (const struct lam_shred_path *)(const void *)paths.data;
    for (size_t i = 0; i < paths.size / sizeof *all && status == LAM_OK; i++, leaf++) {
      writer->columns[leaf].top = top;
      writer->columns[leaf].shred = all[i];
      status = lam_leaf_name(&writer->meta, leaf, &writer->arena, &writer->columns[leaf].name, error);
    }
  }
  lam_buf_release(&paths);
  return status;
}

static enum lam_status open_columns(struct lam_writer *writer, const struct lam_write_options *options,
                                    struct lam_error *error) {
  size_t count = (size_t)writer->meta.leaf_count;
  struct lam_chunk_options *resolved;
  struct lam_arena scratch;
  lam_arena_init(&scratch, writer->mem);
  LAM_TRY(lam_arena_array(&writer->arena, count, sizeof *writer->columns, (void **)&writer->columns, error));
  LAM_TRY(lam_arena_array(&writer->arena, count, sizeof *writer->chunks, (void **)&writer->chunks, error));
  LAM_TRY(lam_arena_array(&writer->arena, count, sizeof *writer->views, (void **)&writer->views, error));
  writer->column_count = (int32_t)count;
  LAM_TRY(find_leaves(writer, error));
  enum lam_status status = lam_arena_array(&scratch, count, sizeof *resolved, (void **)&resolved, error);
  if (status == LAM_OK) status = lam_writer_resolve(options, writer, resolved, error);
  for (int32_t i = 0; i < writer->column_count && status == LAM_OK; i++) {
    status = open_column(writer, i, &resolved[i], error);
    if (status != LAM_OK) lam_fail_in(error, status, "column \"%s\"", writer->columns[i].name);
  }
  lam_arena_release(&scratch);
  if (status == LAM_OK && count > 0) writer->chunks[0].outgoing = &writer->outgoing;
  return status;
}

/* The index of the leaf that is the top-level column of that name; -1 where there is none, or it is nested. */
static int32_t find_flat(const struct lam_writer *writer, const char *name) {
  for (int32_t i = 0; i < writer->column_count; i++)
    if (writer->columns[i].shred.depth == 0 && !strcmp(writer->columns[i].name, name)) return i;
  return -1;
}

static enum lam_status keep_sorting(struct lam_writer *writer, const struct lam_write_options *options,
                                    struct lam_error *error) {
  size_t count = (size_t)options->sorting_count;
  LAM_TRY(lam_arena_array(&writer->arena, count, sizeof *writer->sorting, (void **)&writer->sorting, error));
  for (size_t i = 0; i < count; i++) {
    const struct lam_sort_key *key = &options->sorting[i];
    int32_t column = find_flat(writer, key->column);
    if (column < 0)
      return lam_fail(error, LAM_NOT_FOUND, "there is no column \"%s\" to record as sorted by", key->column);
    writer->sorting[i] = (struct lam_sorting_column){column, key->descending, key->nulls_first};
  }
  writer->sorting_count = options->sorting_count;
  return LAM_OK;
}

static enum lam_status keep_key_values(struct lam_writer *writer, const struct lam_write_options *options,
                                       struct lam_error *error) {
  size_t count = (size_t)options->key_value_count;
  struct lam_key_value *to;
  LAM_TRY(lam_arena_array(&writer->arena, count, sizeof *to, (void **)&to, error));
  for (size_t i = 0; i < count; i++) {
    const struct lam_write_key_value *from = &options->key_values[i];
    LAM_TRY(lam_writer_keep(writer, lam_bytes_of_string(from->key), &to[i].key, error));
    if (from->value) LAM_TRY(lam_writer_keep(writer, lam_bytes_of_string(from->value), &to[i].value, error));
  }
  writer->meta.key_values = to;
  writer->meta.key_value_count = options->key_value_count;
  return LAM_OK;
}

static void set_sizes(struct lam_writer *writer, const struct lam_write_options *options) {
  writer->memory = lam_mem_available(writer->mem);
  uint64_t share = lam_max_u64(lam_min_u64(DEFAULT_ROW_GROUP_BYTES, writer->memory / 4), SMALLEST_ROW_GROUP);
  writer->row_group_rows = options->row_group_rows ? options->row_group_rows : DEFAULT_ROW_GROUP_ROWS;
  writer->row_group_bytes = options->row_group_bytes ? (uint64_t)options->row_group_bytes : share;
  writer->no_sync = options->no_sync;
}

void lam_writer_expect_sync(struct lam_writer *writer) {
  if (writer->store->ops->expect_sync) writer->store->ops->expect_sync(writer->output, 0);
}

static enum lam_status begin_file(struct lam_writer *writer, const struct lam_write_options *options,
                                  struct lam_error *error) {
  if (!writer->schema.format || strcmp(writer->schema.format, "+s") != 0)
    return lam_fail(error, LAM_INVALID, "the schema of a file is a struct of its columns, not \"%s\"",
                    writer->schema.format ? writer->schema.format : "");
  set_sizes(writer, options);
  LAM_TRY(lam_schema_to_parquet(&writer->schema, &writer->arena, &writer->meta, error));
  writer->meta.version = options->data_page_v2 ? 2 : 1;
  LAM_TRY(open_columns(writer, options, error));
  LAM_TRY(keep_sorting(writer, options, error));
  LAM_TRY(keep_key_values(writer, options, error));
  writer->meta.created_by = lam_bytes_of_string("lamella version " LAM_VERSION " (build none)");
  if (writer->base) LAM_TRY(lam_writer_continue(writer, writer->base, error));
  LAM_TRY(writer->store->ops->create(writer->store, writer->key, &writer->output, error));
  if (!writer->no_sync) lam_writer_expect_sync(writer);
  return writer->base ? LAM_OK : lam_writer_put(writer, "PAR1", 4, error);
}

enum lam_status lam_writer_open_on(struct lam_store *store, const char *key, const struct lam_file *base,
                                   const struct ArrowSchema *schema, const struct lam_write_options *given,
                                   struct lam_mem *mem, struct lam_writer **out, struct lam_error *error) {
  struct lam_write_options options;
  struct lam_writer *writer;
  *out = NULL;
  LAM_TRY(lam_write_options_read(given, &options, error));
  LAM_TRY(lam_alloc_zero(mem, sizeof *writer, (void **)&writer, error));
  writer->store = store;
  writer->base = base;
  writer->mem = mem;
  pthread_mutex_init(&writer->lock, NULL);
  lam_arena_init(&writer->arena, mem);
  lam_buf_init(&writer->small, mem);
  lam_buf_init(&writer->spans, mem);
  lam_buf_init(&writer->copy, mem);
  lam_buf_init(&writer->mix.leaves, mem);
  lam_page_pool_init(&writer->pool, mem);
  lam_buf_init(&writer->row_groups, mem);
  lam_buf_init(&writer->waiting, mem);
  lam_buf_init(&writer->index_bytes, mem);
  enum lam_status status = lam_arena_string(&writer->arena, lam_bytes_of_string(key), &writer->key, error);
  if (status == LAM_OK) status = lam_schema_copy(schema, &writer->schema, error);
  struct lam_pool *pool = lam_context_pool(lam_mem_context(mem));
  if (status == LAM_OK) status = lam_queue_open(pool, lam_writer_pack_page, writer, &writer->queue, error);
  if (status == LAM_OK) status = begin_file(writer, &options, error);
  if (status != LAM_OK) {
    lam_fail_in(error, status, "writing \"%s\"", key);
    lam_writer_close(writer);
    return status;
  }
  *out = writer;
  return LAM_OK;
}

enum lam_status lam_writer_open_in(struct lam_store *store, const char *key, const struct ArrowSchema *schema,
                                   const struct lam_write_options *options, struct lam_mem *mem,
                                   struct lam_writer **out, struct lam_error *error) {
  return lam_writer_open_on(store, key, NULL, schema, options, mem, out, error);
}

uint64_t lam_writer_bytes(const struct lam_writer *writer) {
  return writer->position;
}
const struct lam_file_meta *lam_writer_meta(const struct lam_writer *writer) {
  return &writer->meta;
}

/* ---- the end ---- */

static enum lam_status put_footer(struct lam_writer *writer, struct lam_error *error) {
  writer->meta.row_groups = (struct lam_row_group_meta *)(void *)writer->row_groups.data;
  writer->meta.row_group_count = (int32_t)(writer->row_groups.size / sizeof(struct lam_row_group_meta));
  struct lam_buf footer;
  lam_buf_init(&footer, writer->mem);
  enum lam_status status = lam_file_meta_write(&writer->meta, &footer, error);
  uint8_t tail[8] = {0, 0, 0, 0, 'P', 'A', 'R', '1'};
  if (status == LAM_OK && footer.size > INT32_MAX)
    status = lam_fail(error, LAM_UNSUPPORTED, "a footer of %zu bytes; Parquet allows 2^31 - 1", footer.size);
  lam_store32(tail, (uint32_t)footer.size);
  writer->footer_offset = writer->position;
  writer->footer_size = (uint32_t)footer.size;
  writer->footer_hash = lam_hash64(footer.data, footer.size);
  if (status == LAM_OK) status = lam_writer_put(writer, footer.data, footer.size, error);
  if (status == LAM_OK) status = lam_writer_put(writer, tail, sizeof tail, error);
  lam_buf_release(&footer);
  return status;
}

/* Makes the finished file visible under its final name. */
static enum lam_status publish(struct lam_writer *writer, struct lam_error *error) {
  const struct lam_store_ops *ops = writer->store->ops;
  LAM_TRY(ops->replace(writer->store, writer->key, writer->store, writer->final_key, error));
  writer->finished = true; /* from here on there is no staged object to remove */
  return writer->no_sync ? LAM_OK : ops->sync_directory(writer->store, "", error);
}

static enum lam_status finish(struct lam_writer *writer, struct lam_error *error) {
  const struct lam_store_ops *ops = writer->store->ops;
  LAM_TRY(lam_writer_close_group(writer, error));
  LAM_TRY(lam_writer_put_indexes(writer, error));
  LAM_TRY(put_footer(writer, error));
  LAM_TRY(flush(writer, error));
  if (!writer->no_sync) LAM_TRY(ops->sync(writer->output, error));
  struct lam_output *output = writer->output;
  writer->output = NULL;
  LAM_TRY(ops->close_output(output, error));
  if (writer->final_key) return publish(writer, error);
  writer->finished = true;
  return LAM_OK;
}

enum lam_status lam_writer_finish(struct lam_writer *writer, struct lam_write_result *result, struct lam_error *error) {
  LAM_TRY(lam_writer_check(writer, error));
  LAM_TRY(lam_writer_settle(writer, finish(writer, error), error));
  if (!result) return LAM_OK;
  struct lam_write_result all = {.struct_size = result->struct_size,
                                 .rows = writer->meta.rows,
                                 .bytes = (int64_t)writer->position,
                                 .row_groups = writer->meta.row_group_count};
  memcpy(result, &all, lam_min_u64(result->struct_size, sizeof all));
  return LAM_OK;
}

enum lam_status lam_writer_written(const struct lam_writer *writer, struct lam_written *out, struct lam_error *error) {
  if (!writer->finished || writer->base)
    return lam_fail(error, LAM_INVALID, "\"%s\" is not finished, or was there before", lam_writer_name(writer));
  *out = (struct lam_written){.meta = &writer->meta,
                              .footer_offset = writer->footer_offset,
                              .footer_size = writer->footer_size,
                              .footer_hash = writer->footer_hash,
                              .mem = writer->mem};
  return writer->store->ops->stat(writer->store, lam_writer_name(writer), &out->info, error);
}

void lam_writer_close(struct lam_writer *writer) {
  if (!writer) return;
  const struct lam_store_ops *ops = writer->store->ops;
  bool staged = writer->output != NULL;
  lam_queue_close(writer->queue);
  if (writer->output) (void)ops->close_output(writer->output, NULL);
  if (!writer->finished && (staged || writer->failed)) (void)ops->remove(writer->store, writer->key, NULL);
  for (int32_t i = 0; i < writer->column_count; i++) lam_chunk_writer_release(&writer->chunks[i]);
  for (struct lam_out_page *page; (page = lam_page_list_pop(&writer->outgoing));)
    lam_page_pool_put(&writer->pool, page);
  lam_page_pool_destroy(&writer->pool);
  lam_buf_release(&writer->mix.leaves);
  lam_writer_release_workspaces(writer);
  lam_buf_release(&writer->small);
  lam_buf_release(&writer->spans);
  lam_buf_release(&writer->copy);
  lam_buf_release(&writer->row_groups);
  lam_buf_release(&writer->waiting);
  lam_buf_release(&writer->index_bytes);
  lam_schema_release(&writer->schema);
  lam_arena_release(&writer->arena);
  pthread_mutex_destroy(&writer->lock);
  struct lam_store *store = writer->owns_store_and_mem ? writer->store : NULL;
  struct lam_mem *mem = writer->mem, *own = writer->owns_store_and_mem ? mem : NULL;
  lam_free(mem, writer, sizeof *writer);
  lam_mem_close(own);
  lam_store_close(store);
}

/* ---- local files ---- */

/* Splits "a/b.parquet" into the store's root and the key; `path` is a copy that is cut in two. */
static enum lam_status split_path(char *path, const char **root, const char **name, struct lam_error *error) {
  char *slash = strrchr(path, '/');
  *root = slash == path ? "/" : slash ? path : ".";
  *name = slash ? slash + 1 : path;
  if (**name == 0) return lam_fail(error, LAM_INVALID, "\"%s\" is not the path of a file", path);
  if (slash) *slash = 0;
  return LAM_OK;
}

static enum lam_status open_staged(struct lam_store *store, const char *name, const struct ArrowSchema *schema,
                                   const struct lam_write_options *options, struct lam_mem *mem,
                                   struct lam_writer **out, struct lam_error *error) {
  char uuid[37], *staged = NULL;
  struct lam_arena arena;
  lam_arena_init(&arena, mem);
  enum lam_status status = lam_uuid(uuid, error);
  size_t size = strlen(name) + sizeof ".tmp-" + sizeof uuid;
  if (status == LAM_OK) status = lam_arena_alloc(&arena, size, (void **)&staged, error);
  if (status == LAM_OK) {
    snprintf(staged, size, "%s.tmp-%s", name, uuid);
    status = lam_writer_open_in(store, staged, schema, options, mem, out, error);
  }
  lam_arena_release(&arena);
  if (status == LAM_OK) {
    status = lam_arena_string(&(*out)->arena, lam_bytes_of_string(name), &(*out)->final_key, error);
    if (status != LAM_OK) lam_writer_close(*out);
  }
  if (status != LAM_OK) *out = NULL;
  return status;
}

enum lam_status lam_writer_open(struct lam_context *context, const char *path, const struct ArrowSchema *schema,
                                const struct lam_write_options *options, struct lam_writer **out,
                                struct lam_error *error) {
  struct lam_store *store = NULL;
  struct lam_mem *mem = NULL;
  const char *root, *name;
  *out = NULL;
  char *copy = strdup(path);
  if (!copy) return lam_fail(error, LAM_NO_MEMORY, "no memory for a path");
  enum lam_status status = split_path(copy, &root, &name, error);
  if (status == LAM_OK) status = lam_store_local(context, root, &store, error);
  if (status == LAM_OK) status = lam_mem_open(context, PUBLIC_MINIMUM, &mem, error);
  if (status == LAM_OK) status = open_staged(store, name, schema, options, mem, out, error);
  free(copy);
  if (status == LAM_OK) {
    (*out)->owns_store_and_mem = true;
    return LAM_OK;
  }
  lam_mem_close(mem);
  lam_store_close(store);
  return status;
}
